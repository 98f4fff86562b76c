//! The blueprint: what bidders get, so specific that they have no choice left to make.
//!
//! A table is immutable under its generation and carries its own lease and safe values. Bidders
//! apply deltas; [`MultiplierTable::patch`] and the engine's own bookkeeping agree by digest.

pub mod codec;
pub mod lease;
mod shading;

use crate::hash::Digest;
use crate::units::{
    ArmId, BidderId, CampaignId, CpmMicros, Generation, Nanos, PacingMultiplier, ParticipationRate,
    PartitionId, Timestamp,
};
pub use lease::{Lease, LeaseState};
use serde::{Deserialize, Serialize};
pub use shading::EntryShading;

/// Whether a campaign may bid, and on what footing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EntryState {
    /// As the law says.
    Run,
    /// No bids: a hand, or outside every flight.
    Paused,
    /// No bids: it cannot afford one more event.
    Exhausted,
    /// At its safe values: its numbers went bad or its spend is unknown.
    Safe,
}

/// What a bidder needs to know of one campaign.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct TableEntry {
    /// Which campaign.
    pub campaign: CampaignId,
    /// Of which arm.
    pub arm: ArmId,
    /// May it bid?
    pub state: EntryState,
    /// Factor on every value.
    pub multiplier: PacingMultiplier,
    /// Share of auctions to enter.
    pub participation: ParticipationRate,
    /// The multiplier to glide to when the lease has run out.
    pub safe_multiplier: PacingMultiplier,
    /// No bid is ever above this; absent is no cap.
    pub value_cap: Option<CpmMicros>,
    /// How its bids are shaded.
    pub shading: EntryShading,
    /// Seeds the campaign's participation draws.
    pub salt: u64,
}

impl TableEntry {
    /// Stands for this entry in a table's digest.
    #[must_use]
    pub fn digest(&self) -> Digest {
        Digest::of(&[
            self.campaign.key(),
            u64::from(self.arm.0) | (self.state as u64) << 8 | u64::from(self.shading.bits()) << 16,
            u64::from(self.multiplier.ppm().get()) << 32
                | u64::from(self.participation.ppm().get()),
            u64::from(self.safe_multiplier.ppm().get()),
            self.value_cap.map_or(u64::MAX, |cap| cap.get().unsigned_abs()),
            self.salt,
        ])
    }
}

/// A full table.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MultiplierTable {
    /// Of which partition.
    pub partition: PartitionId,
    /// Which one.
    pub generation: Generation,
    /// When it was decided.
    pub as_of: Timestamp,
    /// Until when it holds.
    pub lease: Lease,
    /// By campaign, then arm.
    pub entries: Vec<TableEntry>,
    /// Of all entries.
    pub digest: Digest,
}

/// What changed since `base`. Also a heartbeat, when nothing did.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TableDelta {
    /// Of which partition.
    pub partition: PartitionId,
    /// Fits on this table only.
    pub base: Generation,
    /// Makes this one.
    pub generation: Generation,
    /// When it was decided.
    pub as_of: Timestamp,
    /// Until when it holds.
    pub lease: Lease,
    /// New or changed, by campaign, then arm.
    pub changed: Vec<TableEntry>,
    /// Gone, by campaign, then arm.
    pub removed: Vec<(CampaignId, ArmId)>,
    /// Of the whole table after the change.
    pub digest: Digest,
}

/// Why a delta could not be applied.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PatchError {
    /// When the delta was made for another table.
    #[error("the delta fits table {base}, this is {held}")]
    WrongBase {
        /// What it fits.
        base: Generation,
        /// What is held.
        held: Generation,
    },
    /// When the result is not what the sender has.
    #[error("the patched table's digest differs from the sender's")]
    Digest,
}

impl MultiplierTable {
    /// No campaigns yet.
    #[must_use]
    pub fn empty(partition: PartitionId, lease: Lease) -> Self {
        Self {
            partition,
            generation: Generation::default(),
            as_of: Timestamp::default(),
            lease,
            entries: Vec::new(),
            digest: Digest::default(),
        }
    }

    /// The entry of a campaign and arm.
    #[must_use]
    pub fn get(&self, campaign: CampaignId, arm: ArmId) -> Option<&TableEntry> {
        let place = self.place(campaign, arm).ok()?;
        self.entries.get(place)
    }

    fn place(&self, campaign: CampaignId, arm: ArmId) -> Result<usize, usize> {
        self.entries.binary_search_by_key(&(campaign, arm), |entry| (entry.campaign, entry.arm))
    }

    /// Applies a delta. On [`PatchError::WrongBase`] nothing has changed; after
    /// [`PatchError::Digest`] the table must be fetched anew.
    ///
    /// # Errors
    /// [`PatchError`].
    pub fn patch(&mut self, delta: &TableDelta) -> Result<(), PatchError> {
        if delta.base != self.generation {
            return Err(PatchError::WrongBase { base: delta.base, held: self.generation });
        }
        self.adopt(delta);
        if self.digest == delta.digest { Ok(()) } else { Err(PatchError::Digest) }
    }

    /// Applies a delta of one's own making, whose digest is not known yet.
    pub(crate) fn adopt(&mut self, delta: &TableDelta) {
        if !delta.removed.is_empty() {
            let mut digest = self.digest;
            self.entries.retain(|entry| {
                let stays = delta.removed.binary_search(&(entry.campaign, entry.arm)).is_err();
                if !stays {
                    digest = digest.without(entry.digest());
                }
                stays
            });
            self.digest = digest;
        }
        let held = self.entries.len();
        // Both are in order, so each is looked for behind the one before: near, if much changed. A
        // delta from outside that is out of order finds its entries all the same.
        let mut last = (0, None);
        for entry in &delta.changed {
            let key = (entry.campaign, entry.arm);
            let from = if last.1 < Some(key) { last.0 } else { 0 };
            let found = seek(&self.entries[..held], from, key);
            match found {
                Ok(place) => {
                    self.digest = self.digest.without(self.entries[place].digest());
                    self.entries[place] = *entry;
                }
                Err(_) => self.entries.push(*entry),
            }
            self.digest = self.digest.with(entry.digest());
            last = (found.unwrap_or_else(|place| place), Some(key));
        }
        if self.entries.len() > held {
            // Two runs in order: the sort merges them in one pass.
            self.entries.sort_by_key(|entry| (entry.campaign, entry.arm));
        }
        self.generation = delta.generation;
        self.as_of = delta.as_of;
        self.lease = delta.lease;
    }
}

/// Where a key is, or would be, among entries in order, looking from a place that is not behind it:
/// in ever larger steps, then by halves.
fn seek(entries: &[TableEntry], from: usize, key: (CampaignId, ArmId)) -> Result<usize, usize> {
    let of = |entry: &TableEntry| (entry.campaign, entry.arm);
    let (mut low, mut step) = (from, 1);
    while entries.get(low + step).is_some_and(|entry| of(entry) < key) {
        low += step;
        step *= 2;
    }
    let high = (low + step + 1).min(entries.len());
    let found = entries[low..high].binary_search_by_key(&key, of);
    found.map(|place| low + place).map_err(|place| low + place)
}

/// Money one bidder may commit for one campaign in one budget window.
///
/// Grants are cumulative, like credit in flow control: a bidder may commit `granted_total` minus
/// what it has committed in this window so far, so a grant lost, repeated or out of order does no
/// harm.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Allowance {
    /// Of which campaign.
    pub campaign: CampaignId,
    /// The window it belongs to and dies with.
    pub window_start: Timestamp,
    /// End of that window.
    pub window_end: Timestamp,
    /// All that was ever granted to this bidder in this window.
    pub granted_total: Nanos,
    /// May be committed until then, unless renewed.
    pub expires_at: Timestamp,
}

/// The allowances of one bidder, beside the table, never in it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BidderAllowances {
    /// Whose.
    pub bidder: BidderId,
    /// By campaign, then window.
    pub allowances: Vec<Allowance>,
}
