//! What the bidder holds: decide, and tell what became of the bid.
//!
//! Wait-free but for a bounded number of tries; no lock, no I/O, no clock but the one passed in,
//! and no allocation. Called by bidding threads, one clone each.

use crate::board::{Answer, Board};
use crate::hold::Hold;
use crate::shade_table::SegmentHandle;
use crate::stats::{Counts, Fact};
use paceline_core::bid::BidAsk;
use paceline_core::table::LeaseState;
use paceline_core::units::{ArmId, CampaignId, CpmMicros, PartitionId, Ppb, SegmentId, Timestamp};
use std::sync::Arc;
use std::sync::atomic::Ordering;

/// A campaign and arm whose place in the table was found once. Stays good for ever: should the
/// campaign leave and come back elsewhere, it is looked up again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CampaignHandle {
    campaign: CampaignId,
    arm: ArmId,
    place: u32,
}

impl CampaignHandle {
    /// Which campaign.
    #[must_use]
    pub const fn campaign(&self) -> CampaignId {
        self.campaign
    }

    /// Which arm.
    #[must_use]
    pub const fn arm(&self) -> ArmId {
        self.arm
    }
}

/// Decides. Cheap to clone; each thread has its own, since each counts apart.
#[derive(Debug)]
pub struct PacelineHandle {
    board: Arc<Board>,
    counts: Counts,
}

impl Clone for PacelineHandle {
    fn clone(&self) -> Self {
        Self::new(Arc::clone(&self.board))
    }
}

impl PacelineHandle {
    pub(crate) fn new(board: Arc<Board>) -> Self {
        let counts = board.stats.counts();
        Self { board, counts }
    }

    /// Finds a campaign's place once; `None` while it is not in the table.
    #[must_use]
    pub fn resolve(&self, campaign: CampaignId, arm: ArmId) -> Option<CampaignHandle> {
        let place = self.board.place(campaign, arm)?;
        Some(CampaignHandle { campaign, arm, place: u32::try_from(place).ok()? })
    }

    /// May this campaign bid, and how much? `now` is the bidder's clock in UTC. An unknown campaign
    /// does not bid.
    #[inline]
    pub fn decide(&self, campaign: CampaignId, arm: ArmId, now: Timestamp, ask: &BidAsk) -> Answer {
        self.board.decide(&self.counts, (campaign, arm), now, ask, None)
    }

    /// As [`Self::decide`], without looking for the place.
    #[inline]
    pub fn decide_at(&self, handle: &CampaignHandle, now: Timestamp, ask: &BidAsk) -> Answer {
        let id = (handle.campaign, handle.arm);
        self.board.decide_at(&self.counts, handle.place as usize, id, now, ask, None)
    }

    /// Finds a segment's place once, whether there is a schedule for it yet or not.
    #[must_use]
    pub fn segment(&self, segment: SegmentId) -> SegmentHandle {
        self.board.shades.handle(segment)
    }

    /// As [`Self::decide_at`], shaded by what is known of the auction's segment, as far as the
    /// campaign wants it. Without a schedule, in second-price auctions and for deals, the bid is
    /// that of [`Self::decide_at`].
    #[inline]
    pub fn decide_in(
        &self,
        handle: &CampaignHandle,
        segment: &SegmentHandle,
        now: Timestamp,
        ask: &BidAsk,
    ) -> Answer {
        let (id, place) = ((handle.campaign, handle.arm), handle.place as usize);
        self.board.decide_at(&self.counts, place, id, now, ask, Some(segment))
    }

    /// The bid won at `price` and is billed with this chance: its expected cost is committed, the
    /// rest of what was held is free. After the hold's time, the cost is committed all the same.
    /// A hold may be ended once, by `won` or [`Self::lost`].
    pub fn won(&self, hold: Hold, price: CpmMicros, bill_probability: Ppb) {
        self.board.won(&hold, price, bill_probability);
    }

    /// The bid lost: what was held is free.
    pub fn lost(&self, hold: Hold) {
        self.board.lost(&hold);
    }

    /// How far along its lease a partition's table is.
    #[must_use]
    pub fn lease_state(&self, partition: PartitionId, now: Timestamp) -> LeaseState {
        self.board.leases.state(partition, now)
    }

    /// Entries in the table.
    #[must_use]
    pub fn entries(&self) -> u64 {
        self.board.entries.load(Ordering::Relaxed)
    }

    /// How often something happened since the start.
    #[must_use]
    pub fn count_of(&self, fact: Fact) -> u64 {
        self.board.stats.fact(fact)
    }
}
