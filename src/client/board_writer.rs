//! The one writer: takes in tables, changes, leases and grants, and refuses what is not newer.
//!
//! Entries are replaced in place, so that a change of one per cent costs one per cent. No copy of
//! the table is kept beside the slots: digests follow the entries that are replaced. Speaks core's
//! types; knows nothing of the wire. Called by the subscriber, by `cold_start`, and by callers who
//! bring their own bytes.

use crate::allowance::AllowanceBooks;
use crate::board::Board;
use crate::shade_books::{ShadeBooks, ShadesDropped, ShadesPart};
use crate::slot_table::Put;
use crate::stats::Fact;
use paceline_core::hash::Digest;
use paceline_core::input::HeldAllowance;
use paceline_core::table::{Allowance, Lease, LeaseState, TableEntry};
use paceline_core::units::{ArmId, CampaignId, Generation, Nanos, PartitionId, Span, Timestamp};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;

/// Why news of a partition was not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ApplyError {
    /// When it is not newer than what is held; nothing changed, and nothing need be done.
    #[error("generation {given} is not newer than {held}")]
    NotNewer {
        /// Of the news.
        given: Generation,
        /// What is held.
        held: Generation,
    },
    /// When it fits on another table, or a page is missing: the table is to be fetched anew.
    #[error("the news does not fit on what is held of the partition")]
    DoesNotFit,
    /// When the result is not the sender's table: it is to be fetched anew.
    #[error("the table's digest differs from the sender's")]
    Digest,
}

/// What a table or a change of it says beside its entries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TableHead {
    /// Of which partition.
    pub partition: PartitionId,
    /// Which table this makes.
    pub generation: Generation,
    /// When it was decided.
    pub as_of: Timestamp,
    /// Until when it holds.
    pub lease: Lease,
    /// Of the whole table; absent when the sender does not say.
    pub digest: Option<Digest>,
}

/// What is held of one partition.
#[derive(Debug, Clone, Default)]
struct HeldPartition {
    /// Absent: to be fetched anew.
    held: Option<Generation>,
    /// Nothing older is ever taken.
    highest: Generation,
    as_of: Timestamp,
    digest: Digest,
    /// Entries refused since the last full table: while there are any, digests cannot be compared.
    refused: u64,
    load: Option<Load>,
}

/// A table that comes in pages.
#[derive(Debug, Clone)]
struct Load {
    generation: Generation,
    entries: u64,
    digest: Digest,
    /// One bit a place: which slots are part of it.
    places: Vec<u64>,
}

/// Writes the board. There is one for each client.
#[derive(Debug)]
pub struct BoardWriter {
    board: Arc<Board>,
    partitions: BTreeMap<PartitionId, HeldPartition>,
    allowances: AllowanceBooks,
    shades: ShadeBooks,
    entries: usize,
}

impl BoardWriter {
    pub(crate) fn new(board: Arc<Board>) -> Self {
        let allowances = AllowanceBooks::new(board.limits.entries_max);
        let shades = ShadeBooks::default();
        Self { board, partitions: BTreeMap::new(), allowances, shades, entries: 0 }
    }

    pub(crate) fn board(&self) -> &Arc<Board> {
        &self.board
    }

    /// The tables that are held, by partition.
    pub fn held(&self) -> impl Iterator<Item = (PartitionId, Generation)> {
        self.partitions.iter().filter_map(|(&id, partition)| Some((id, partition.held?)))
    }

    pub(crate) fn as_of(&self, partition: PartitionId) -> Option<Timestamp> {
        let partition = self.partitions.get(&partition)?;
        partition.held.map(|_| partition.as_of)
    }

    /// Takes a page of a table: `before` entries came on earlier pages, `total` there are in all.
    /// True when it was the last one and the table is live; until then its entries are used as they
    /// come, under the old lease.
    ///
    /// # Errors
    /// [`ApplyError`]; after [`ApplyError::Digest`] and [`ApplyError::DoesNotFit`] the partition is
    /// no longer among [`Self::held`].
    pub fn apply_page(
        &mut self,
        head: &TableHead,
        before: u64,
        total: u64,
        entries: impl IntoIterator<Item = TableEntry>,
    ) -> Result<bool, ApplyError> {
        let words = self.board.slots.places().div_ceil(64);
        let partition = self.partitions.entry(head.partition).or_default();
        if head.generation < partition.highest || partition.held == Some(head.generation) {
            return self.refuse_stale(head.generation, head.partition);
        }
        let load = match partition.load.take() {
            Some(load) if load.generation == head.generation && load.entries == before => load,
            _ if before == 0 => Load {
                generation: head.generation,
                entries: 0,
                digest: Digest::default(),
                places: vec![0; words],
            },
            _ => return self.refetch(head.partition, ApplyError::DoesNotFit),
        };
        if before == 0 {
            partition.refused = 0;
        }
        let load = self.load_entries(head.partition, load, entries);
        if load.entries > total {
            return self.refetch(head.partition, ApplyError::DoesNotFit);
        }
        if load.entries < total {
            if let Some(partition) = self.partitions.get_mut(&head.partition) {
                // What is held is now part old, part new.
                partition.held = None;
                partition.load = Some(load);
            }
            return Ok(false);
        }
        self.finish_load(head, &load)
    }

    fn load_entries(
        &mut self,
        partition: PartitionId,
        mut load: Load,
        entries: impl IntoIterator<Item = TableEntry>,
    ) -> Load {
        for entry in entries {
            load.entries += 1;
            load.digest = load.digest.with(entry.digest());
            if let Some((_, place)) = self.put(partition, &entry)
                && let Some(word) = load.places.get_mut(place / 64)
            {
                *word |= 1 << (place % 64);
            }
        }
        load
    }

    fn finish_load(&mut self, head: &TableHead, load: &Load) -> Result<bool, ApplyError> {
        let is_loaded = |place: usize| {
            load.places.get(place / 64).is_some_and(|word| word >> (place % 64) & 1 == 1)
        };
        let gone: Vec<_> = self
            .board
            .slots
            .entries(head.partition)
            .filter(|&(place, _)| !is_loaded(place))
            .map(|(_, entry)| (entry.campaign, entry.arm))
            .collect();
        for (campaign, arm) in gone {
            self.take_out(campaign, arm);
        }
        if head.digest.is_some_and(|digest| digest != load.digest) {
            return self.refetch(head.partition, ApplyError::Digest);
        }
        self.go_live(head, load.digest);
        Ok(true)
    }

    /// Takes a change of the table `base`.
    ///
    /// # Errors
    /// [`ApplyError`]; after [`ApplyError::Digest`] and [`ApplyError::DoesNotFit`] the partition is
    /// no longer among [`Self::held`].
    pub fn apply_delta(
        &mut self,
        head: &TableHead,
        base: Generation,
        changed: impl IntoIterator<Item = TableEntry>,
        removed: impl IntoIterator<Item = (CampaignId, ArmId)>,
    ) -> Result<(), ApplyError> {
        let partition = self.partitions.entry(head.partition).or_default();
        if head.generation <= partition.highest && partition.held.is_some() {
            return self.refuse_stale(head.generation, head.partition);
        }
        if partition.held != Some(base) {
            return self.refetch(head.partition, ApplyError::DoesNotFit);
        }
        let mut digest = partition.digest;
        for (campaign, arm) in removed {
            if let Some(entry) = self.take_out(campaign, arm) {
                digest = digest.without(entry.digest());
            }
        }
        for entry in changed {
            if let Some((Put::Replaced(old), _)) = self.put(head.partition, &entry) {
                digest = digest.without(old.digest());
            }
            digest = digest.with(entry.digest());
        }
        let refused = self.partitions.get(&head.partition).map_or(0, |partition| partition.refused);
        if refused == 0 && head.digest.is_some_and(|given| given != digest) {
            return self.refetch(head.partition, ApplyError::Digest);
        }
        self.go_live(head, digest);
        Ok(())
    }

    /// The shading schedules that are held, by partition.
    pub fn held_shades(&self) -> impl Iterator<Item = (PartitionId, Generation)> {
        self.shades.held()
    }

    /// Takes a change of schedules, or a part of a whole set. They are used as they come, while the
    /// table of their partition is fresh or in grace.
    ///
    /// # Errors
    /// [`ShadesDropped`]: the partition's segments are bid for unshaded until a whole set comes.
    pub fn apply_shades(&mut self, part: &ShadesPart) -> Result<(), ShadesDropped> {
        match self.shades.apply(&self.board.shades, part) {
            Ok(refused) => {
                self.board.stats.note(Fact::SegmentRefused, refused);
                Ok(())
            }
            Err(dropped) => {
                self.board.stats.note(Fact::SchedulesDropped, 1);
                Err(dropped)
            }
        }
    }

    /// A stream begins.
    #[cfg(feature = "grpc")]
    pub(crate) fn begin_shades(&mut self) {
        self.shades.begin(&self.board.shades);
    }

    /// Schedules came that broke a rule: those held of the partition are dropped.
    #[cfg(feature = "grpc")]
    pub(crate) fn drop_shades(&mut self, partition: PartitionId) {
        self.shades.forget(&self.board.shades, partition);
        self.board.stats.note(Fact::SchedulesDropped, 1);
    }

    /// Renews the lease of the table that is held.
    ///
    /// # Errors
    /// [`ApplyError::NotNewer`] for the heartbeat of an older table, [`ApplyError::DoesNotFit`] for
    /// that of a newer one: the sender has a table that did not come.
    pub fn renew(
        &mut self,
        partition: PartitionId,
        generation: Generation,
        lease: Lease,
    ) -> Result<(), ApplyError> {
        let held = self.partitions.entry(partition).or_default();
        if generation < held.highest {
            return self.refuse_stale(generation, partition);
        }
        if held.held != Some(generation) {
            return self.refetch(partition, ApplyError::DoesNotFit);
        }
        self.board.leases.set(partition, lease);
        Ok(())
    }

    /// Takes a grant. Nothing happens without a bidder id.
    pub fn grant(&mut self, grant: &Allowance, now: Timestamp) {
        let is_taken = !self.board.limits.has_bidder
            || self.allowances.grant(&self.board.slots, grant, now + self.board.leases.skew());
        if !is_taken {
            self.board.stats.note(Fact::EntryRefused, 1);
        }
    }

    /// Takes note of how far the server's clock is ahead of the bidder's.
    pub fn set_skew(&mut self, skew: Span) {
        self.board.leases.set_skew(skew);
    }

    /// To be called every hundred milliseconds or so: ends holds and windows whose time is over.
    pub fn sweep(&mut self, now: Timestamp) {
        let now = now + self.board.leases.skew();
        self.board.sweep_holds(now);
        self.allowances.turn_all(&self.board.slots, now);
    }

    /// Money that may still be committed, what is held for open bids included.
    #[must_use]
    pub fn held_allowances(&self, now: Timestamp) -> Vec<HeldAllowance> {
        let now = now + self.board.leases.skew();
        let mut out: BTreeMap<(usize, u8), i64> = BTreeMap::new();
        for (hold, _) in self.board.holds.open_holds() {
            *out.entry((hold.place(), hold.tag())).or_default() += hold.amount().get();
        }
        let left = |(campaign, window_start, place): (CampaignId, Timestamp, usize)| {
            let purse = self.board.slots.at(place)?.purse();
            let held = out.get(&(place, purse.tag())).copied().unwrap_or_default();
            let left = Nanos::new(purse.left().saturating_add(held).max(0));
            Some(HeldAllowance { campaign, window_start, left })
        };
        self.allowances.held(now).filter_map(left).collect()
    }

    /// The latest time that the bidder has told, to ten milliseconds; `None` before the first.
    #[must_use]
    pub fn latest(&self) -> Option<Timestamp> {
        self.board.leases.latest()
    }

    /// Campaigns that had demand and no money since the last call, and what one event would cost.
    /// Each is to be drawn for, or not: it asks again at its next auction.
    pub fn take_wants(&mut self) -> impl Iterator<Item = (CampaignId, Nanos)> + '_ {
        self.board.wants.take()
    }

    /// Tells all counts, the worst lease and the greatest age of all partitions to the `metrics`
    /// recorder that is installed. Without a table the lease counts as safe.
    pub fn export(&self, now: Timestamp) {
        let now = now + self.board.leases.skew();
        let rank = |state: &LeaseState| match state {
            LeaseState::Fresh => 0,
            LeaseState::Grace => 1,
            LeaseState::Safe => 2,
        };
        let states = self.held().map(|(id, _)| self.board.leases.lease(id).state(now));
        let worst = states.max_by_key(rank).unwrap_or(LeaseState::Safe);
        let ages = self.held().filter_map(|(id, _)| Some(now - self.as_of(id)?));
        let age = ages.max().unwrap_or(Span::ZERO);
        self.board.stats.export(self.board.entries.load(Ordering::Relaxed), worst, age);
    }

    fn put(&mut self, partition: PartitionId, entry: &TableEntry) -> Option<(Put, usize)> {
        let may_add = self.entries < self.board.limits.entries_max;
        let (put, place) = self.board.slots.put(entry, partition, may_add);
        match put {
            Put::Added => self.count_entries(self.entries + 1),
            Put::Replaced(_) => {}
            Put::Refused => {
                self.board.stats.note(Fact::EntryRefused, 1);
                self.partitions.entry(partition).or_default().refused += 1;
                return None;
            }
        }
        Some((put, place))
    }

    fn take_out(&mut self, campaign: CampaignId, arm: ArmId) -> Option<TableEntry> {
        let entry = self.board.slots.remove(campaign, arm)?;
        self.count_entries(self.entries - 1);
        if arm == ArmId::default() {
            self.allowances.forget(campaign);
        }
        Some(entry)
    }

    fn count_entries(&mut self, entries: usize) {
        self.entries = entries;
        self.board.entries.store(entries as u64, Ordering::Relaxed);
    }

    fn go_live(&mut self, head: &TableHead, digest: Digest) {
        let partition = self.partitions.entry(head.partition).or_default();
        partition.held = Some(head.generation);
        partition.highest = head.generation;
        partition.as_of = head.as_of;
        partition.digest = digest;
        partition.load = None;
        self.board.leases.set(head.partition, head.lease);
    }

    fn refuse_stale<T>(&self, given: Generation, partition: PartitionId) -> Result<T, ApplyError> {
        self.board.stats.note(Fact::StaleRefused, 1);
        let held = self.partitions.get(&partition).map(|partition| partition.highest);
        Err(ApplyError::NotNewer { given, held: held.unwrap_or_default() })
    }

    fn refetch<T>(&mut self, partition: PartitionId, why: ApplyError) -> Result<T, ApplyError> {
        self.board.stats.note(Fact::Refetched, 1);
        let partition = self.partitions.entry(partition).or_default();
        partition.held = None;
        partition.load = None;
        Err(why)
    }
}
