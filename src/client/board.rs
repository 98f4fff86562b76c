//! What bidding threads share: table, leases, holds and counts; and the decision made from them.
//!
//! Everything here is atomic: no lock, no allocation, no wait. Tables come in through
//! `board_writer`. Called by `handle`.

use crate::draw::Wants;
use crate::hold::{Hold, Holds};
use crate::lease_board::LeaseBoard;
use crate::shade_table::{SegmentHandle, ShadeTable};
use crate::slot::{Glance, Seen};
use crate::slot_table::SlotTable;
use crate::stats::{Counts, Decided, Fact, Stats};
use paceline_core::bid::{self, AuctionType, BidAsk, BidDecision, DrawnDecision, SkipReason};
use paceline_core::hash::mix;
use paceline_core::shade::{BidDraw, ShadingSchedule};
use paceline_core::table::{Lease, LeaseState};
use paceline_core::units::{ArmId, CampaignId, CpmMicros, Nanos, Ppb, Span, Timestamp};
use std::sync::atomic::AtomicU64;

/// Values are cut at a billion units an impression: no real one is near, and all sums stay far from
/// overflow.
const VALUE_MAX: CpmMicros = CpmMicros::new(1_000_000_000_000_000_000);

/// Bounds and times of a client; see the builder for what each means.
#[derive(Debug, Clone, Copy)]
pub(crate) struct BoardLimits {
    pub(crate) entries_max: usize,
    pub(crate) holds_max: usize,
    pub(crate) segments_max: usize,
    pub(crate) hold_timeout: Span,
    pub(crate) has_bidder: bool,
}

/// The answer to one ask.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use = "a hold is to be handed to `won` or `lost`"]
pub struct Answer {
    /// Bid or not, as the law that everyone runs has it.
    pub decision: BidDecision,
    /// Money held for the bid; [`Hold::NONE`] without a bid or without allowances.
    pub hold: Hold,
    /// What the bid is for and how likely: shaded, left unshaded to compare with, or off the best
    /// to learn. To be told with what became of it. `None` without a bid, and where the bid went
    /// through no schedule.
    pub draw: Option<BidDraw>,
}

impl Answer {
    const fn skip(reason: SkipReason) -> Self {
        Self { decision: BidDecision::Skip(reason), hold: Hold::NONE, draw: None }
    }

    const fn unheld(told: DrawnDecision) -> Self {
        Self { decision: told.decision, hold: Hold::NONE, draw: told.draw }
    }
}

/// All that is shared.
#[derive(Debug)]
pub(crate) struct Board {
    pub(crate) slots: SlotTable,
    pub(crate) shades: ShadeTable,
    pub(crate) leases: LeaseBoard,
    pub(crate) holds: Holds,
    pub(crate) wants: Wants,
    pub(crate) stats: Stats,
    /// Entries in the table.
    pub(crate) entries: AtomicU64,
    pub(crate) limits: BoardLimits,
}

impl Board {
    pub(crate) fn new(limits: BoardLimits) -> Self {
        let holds = if limits.has_bidder { limits.holds_max } else { 1 };
        Self {
            slots: SlotTable::new(limits.entries_max),
            shades: ShadeTable::new(limits.segments_max),
            leases: LeaseBoard::new(),
            holds: Holds::new(holds),
            wants: Wants::new(),
            stats: Stats::new(),
            entries: AtomicU64::new(0),
            limits,
        }
    }

    /// Place of a campaign and arm that is in the table.
    pub(crate) fn place(&self, campaign: CampaignId, arm: ArmId) -> Option<usize> {
        let (place, glance) = self.slots.find(campaign, arm)?;
        glance.is_present().then_some(place)
    }

    #[inline]
    pub(crate) fn decide(
        &self,
        counts: &Counts,
        (campaign, arm): (CampaignId, ArmId),
        now: Timestamp,
        ask: &BidAsk,
        segment: Option<&SegmentHandle>,
    ) -> Answer {
        match self.slots.find(campaign, arm) {
            Some((place, glance)) if glance.is_present() => {
                self.decide_seen(counts, (place, glance), now, ask, segment)
            }
            _ => self.unknown(counts, now),
        }
    }

    /// As [`Self::decide`], from a place found before; looks again if another campaign lives there
    /// now.
    #[inline]
    pub(crate) fn decide_at(
        &self,
        counts: &Counts,
        place: usize,
        (campaign, arm): (CampaignId, ArmId),
        now: Timestamp,
        ask: &BidAsk,
        segment: Option<&SegmentHandle>,
    ) -> Answer {
        match self.slots.glance(place) {
            Some(glance) if glance.is(campaign, arm) && glance.is_present() => {
                self.decide_seen(counts, (place, glance), now, ask, segment)
            }
            _ => self.decide(counts, (campaign, arm), now, ask, segment),
        }
    }

    /// The schedule of a segment, while the table of the partition that sent it is not too old: a
    /// market of which nothing is heard any more is not shaded.
    #[inline]
    fn schedule(&self, segment: &SegmentHandle, now: Timestamp) -> Option<ShadingSchedule> {
        let (partition, schedule) = self.shades.read(segment)?;
        (self.leases.lease(partition).state(now) != LeaseState::Safe).then_some(schedule)
    }

    fn unknown(&self, counts: &Counts, now: Timestamp) -> Answer {
        self.leases.observe(now);
        counts.count(Decided::Unknown);
        Answer::skip(SkipReason::Unknown)
    }

    #[inline]
    fn decide_seen(
        &self,
        counts: &Counts,
        (place, glance): (usize, Glance),
        now: Timestamp,
        ask: &BidAsk,
        segment: Option<&SegmentHandle>,
    ) -> Answer {
        let now = self.leases.observe(now);
        let ask = BidAsk { value: ask.value.clamp(CpmMicros::ZERO, VALUE_MAX), ..*ask };
        let lease = self.leases.lease(glance.partition());
        let is_fresh = lease.state(now) == LeaseState::Fresh;
        let (answer, decided) = if is_fresh && glance.is_whole() && !self.limits.has_bidder {
            // All that is asked for was seen at a glance.
            let decision = bid::decide(&glance.entry(), lease, now, None, None, &ask);
            (Answer { decision, hold: Hold::NONE, draw: None }, Decided::of(decision))
        } else {
            let segment = segment.filter(|_| glance.is_shaded());
            let is_first = ask.auction_type == AuctionType::FirstPrice;
            let schedule = segment.filter(|_| is_first).and_then(|one| self.schedule(one, now));
            self.decide_whole((place, glance), lease, now, &ask, schedule.as_ref())
        };
        counts.count(decided);
        answer
    }

    /// The decision from the whole slot; the campaign is unknown if it has left meanwhile.
    fn decide_whole(
        &self,
        (place, glance): (usize, Glance),
        lease: Lease,
        now: Timestamp,
        ask: &BidAsk,
        schedule: Option<&ShadingSchedule>,
    ) -> (Answer, Decided) {
        let seen = self.slots.at(place).and_then(crate::slot::Slot::read);
        let Some(seen) = seen.filter(|seen| seen.glance.is_same(glance)) else {
            return (Answer::skip(SkipReason::Unknown), Decided::Unknown);
        };
        if !self.limits.has_bidder {
            let told = bid::decide_drawn(&seen.entry(), lease, now, None, schedule, ask);
            return (Answer::unheld(told), Decided::of(told.decision));
        }
        match self.decide_held((place, &seen), lease, now, ask, schedule) {
            Ok(answer) => (answer, Decided::of(answer.decision)),
            Err(HoldsFull) => (Answer::skip(SkipReason::Allowance), Decided::HoldsFull),
        }
    }

    /// The decision with the allowance: what is bid is held first. Allowances cover a campaign's
    /// arms together and stand with arm 0.
    #[inline]
    fn decide_held(
        &self,
        (place, seen): (usize, &Seen),
        lease: Lease,
        now: Timestamp,
        ask: &BidAsk,
        schedule: Option<&ShadingSchedule>,
    ) -> Result<Answer, HoldsFull> {
        let entry = seen.entry();
        let (place, purse) = if entry.arm == ArmId::default() {
            (place, *seen)
        } else {
            let found = self.slots.find(entry.campaign, ArmId::default());
            let purse = |(place, _)| Some((place, self.slots.at(place)?.read()?));
            match found.and_then(purse) {
                Some(found) => found,
                None => return Ok(Answer::skip(SkipReason::Allowance)),
            }
        };
        let left = Some(purse.left(now));
        let DrawnDecision { decision, draw } =
            bid::decide_drawn(&entry, lease, now, left, schedule, ask);
        match decision {
            BidDecision::Bid { reserve, .. } => {
                let slot = self.slots.at(place);
                if !slot.is_some_and(|slot| slot.reserve(purse.purse, reserve)) {
                    self.wants.ask(entry.campaign, reserve);
                    return Ok(Answer::skip(SkipReason::Allowance));
                }
                let tag = purse.purse.tag();
                let seed = mix(ask.auction ^ u64::from(ask.impression)) ^ entry.campaign.key();
                let deadline = now + self.limits.hold_timeout;
                match self.holds.open(seed, place, tag, reserve, deadline) {
                    Some(hold) => Ok(Answer { decision, hold, draw }),
                    None => {
                        slot.map(|slot| slot.give(tag, reserve));
                        Err(HoldsFull)
                    }
                }
            }
            BidDecision::Skip(reason) => {
                if reason == SkipReason::Allowance
                    && let BidDecision::Bid { reserve, .. } =
                        bid::decide(&entry, lease, now, None, schedule, ask)
                {
                    self.wants.ask(entry.campaign, reserve);
                }
                Ok(Answer::skip(reason))
            }
        }
    }

    /// The bid won: its expected cost is committed, the rest of what was held is free again.
    pub(crate) fn won(&self, hold: &Hold, price: CpmMicros, bill_probability: Ppb) {
        if hold.is_none() {
            return;
        }
        let price = price.clamp(CpmMicros::ZERO, VALUE_MAX).per_impression();
        let expected = bill_probability.expected(price);
        let Some(slot) = self.slots.at(hold.place()) else { return };
        if self.holds.end(hold) {
            slot.give(hold.tag(), hold.amount() - expected);
        } else {
            self.stats.note(Fact::WonLate, 1);
            slot.give(hold.tag(), Nanos::ZERO - expected);
        }
    }

    /// The bid lost: what was held is free again.
    pub(crate) fn lost(&self, hold: &Hold) {
        if !hold.is_none() && self.holds.end(hold) {
            self.release(hold);
        }
    }

    fn release(&self, hold: &Hold) {
        if let Some(slot) = self.slots.at(hold.place()) {
            slot.give(hold.tag(), hold.amount());
        }
    }

    /// Ends holds whose time is over. Bounded by the number of cells.
    pub(crate) fn sweep_holds(&self, now: Timestamp) {
        let mut ended = 0;
        self.holds.sweep(now, |hold| {
            self.release(&hold);
            ended += 1;
        });
        self.stats.note(Fact::HoldTimedOut, ended);
    }
}

/// No cell was free for a hold.
struct HoldsFull;
