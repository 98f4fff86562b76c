//! A bidder process: a table of a certain age, allowances, and reports of what it did.
//!
//! Asks `paceline_core::bid::decide`, the very function the client library runs. It knows what a
//! bidder would know and nothing of the market's truth. Called by the world.

use paceline_core::bid::{BidAsk, BidDecision, DrawnDecision, SkipReason, decide_drawn, shade};
use paceline_core::event::{OpportunityBatch, OpportunityCount, SpendBatch, SpendEvent};
use paceline_core::shade::{BidDraw, ShadingSchedule};
use paceline_core::table::{Allowance, Lease, TableEntry};
use paceline_core::units::{
    ArmId, BidderId, CampaignId, CpmMicros, Generation, Nanos, ProducerId, SegmentId, Span,
    Timestamp,
};
use std::collections::VecDeque;
use std::sync::Arc;

/// Without a word about a bid for so long, its reservation is given back.
const HOLD_TIMEOUT: Span = Span::from_secs(2);
/// A refused draw is not repeated sooner: headroom changes once a tick at most.
const DRAW_PAUSE: Span = Span::from_secs(5);

/// A published table by campaign index, as bidders hold it.
#[derive(Debug, Clone)]
pub struct HeldTable {
    /// Which one.
    pub generation: Generation,
    /// Until when it holds.
    pub lease: Lease,
    /// By campaign index; absent for campaigns that are not in it.
    pub entries: Vec<Option<TableEntry>>,
    /// By segment index; absent where nothing is known of a segment.
    pub shades: Arc<[Option<ShadingSchedule>]>,
}

/// Which comes first on the way from value to bid.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ShadeOrder {
    /// Pacing, as it ships: the schedule is asked with the paced value.
    #[default]
    AfterPacing,
    /// Shading: the schedule is asked with the whole value, and its bid is paced. A rival.
    BeforePacing,
}

/// One campaign's money at this bidder.
#[derive(Debug, Clone, Default)]
struct Purse {
    /// The running window's and the next one's, with what has been committed in each.
    windows: Vec<(Allowance, Nanos)>,
    /// Reserved for bids without an outcome.
    held: Nanos,
    /// No draw before this.
    draw_after: Timestamp,
}

/// A bid whose outcome is on its way.
#[derive(Debug, Clone, Copy)]
struct Hold {
    until: Timestamp,
    campaign: usize,
    reserve: Nanos,
    /// Money committed when the outcome comes; zero for a loss.
    commit: Nanos,
    served_at: Timestamp,
}

/// Counts of one campaign in one segment since the last report.
#[derive(Debug, Clone, Copy, Default)]
struct Count {
    asks: u64,
    bids: u64,
    below_floor: u64,
    wins: u64,
}

/// A bidder process.
#[derive(Debug, Clone)]
pub struct Bidder {
    id: BidderId,
    /// The table in use; absent until the first arrives.
    pub table: Option<Arc<HeldTable>>,
    purses: Vec<Purse>,
    has_allowances: bool,
    outcomes: VecDeque<Hold>,
    /// Losses it never hears of.
    unheard: VecDeque<Hold>,
    outcome_delay: Span,
    events: Vec<SpendEvent>,
    next_sequence: u64,
    next_batch: u64,
    counts: Vec<Count>,
    segments: Vec<SegmentId>,
    campaigns: Vec<CampaignId>,
    order: ShadeOrder,
}

/// What became of an ask.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Answer {
    /// Bid or not.
    pub decision: BidDecision,
    /// Which draw of a schedule the bid went by, if any.
    pub drawn: Option<BidDraw>,
    /// It wants money for one event at this price, ahead of the tick.
    pub draw: Option<Nanos>,
}

/// A bid that went out, and how its auction ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Submitted {
    /// For whom, by index.
    pub campaign: usize,
    /// Where, by index.
    pub segment: usize,
    /// Reserved of the allowance.
    pub reserve: Nanos,
    /// Expected cost of the win; zero for a loss.
    pub commit: Nanos,
    /// Whether it won.
    pub is_won: bool,
    /// Whether the bidder hears of it; what it does not hear holds its reservation to the time-out.
    pub is_heard: bool,
}

impl Bidder {
    /// The n-th bidder of a world.
    #[must_use]
    pub fn new(
        index: u32,
        plan: &crate::scenario::BidderPlan,
        campaigns: &[CampaignId],
        segments: &[SegmentId],
    ) -> Self {
        Self {
            id: BidderId::of(&format!("bidder-{index:03}")),
            table: None,
            purses: vec![Purse::default(); campaigns.len()],
            has_allowances: plan.has_allowances,
            outcomes: VecDeque::new(),
            unheard: VecDeque::new(),
            outcome_delay: plan.outcome_delay,
            events: Vec::new(),
            next_sequence: 1,
            next_batch: 1,
            counts: vec![Count::default(); campaigns.len() * segments.len()],
            segments: segments.to_vec(),
            campaigns: campaigns.to_vec(),
            order: ShadeOrder::default(),
        }
    }

    /// The same, shading in another order.
    #[must_use]
    pub const fn with_order(mut self, order: ShadeOrder) -> Self {
        self.order = order;
        self
    }

    /// Who it is.
    #[must_use]
    pub const fn id(&self) -> BidderId {
        self.id
    }

    /// Who it is as a producer of reports.
    #[must_use]
    pub const fn producer(&self) -> ProducerId {
        ProducerId::from_key(self.id.key())
    }

    /// Takes a grant: cumulative, so a grant lost, repeated or out of order does no harm.
    pub fn grant(&mut self, campaign: usize, allowance: Allowance, now: Timestamp) {
        let windows = &mut self.purses[campaign].windows;
        windows.retain(|(held, _)| held.window_end > now);
        match windows.iter_mut().find(|(held, _)| held.window_start == allowance.window_start) {
            Some((held, _)) => *held = allowance,
            None => windows.push((allowance, Nanos::ZERO)),
        }
    }

    /// What it may still commit for a campaign now.
    #[must_use]
    pub fn left(&self, campaign: usize, now: Timestamp) -> Nanos {
        let purse = &self.purses[campaign];
        let granted = purse.windows.iter().find(|(allowance, _)| {
            allowance.window_start <= now
                && now < allowance.window_end
                && now < allowance.expires_at
        });
        granted.map_or(Nanos::ZERO, |(allowance, committed)| {
            (allowance.granted_total - *committed - purse.held).at_least_zero()
        })
    }

    /// The answer to one ask, counted.
    pub fn ask(&mut self, campaign: usize, segment: usize, now: Timestamp, ask: &BidAsk) -> Answer {
        let seat = (campaign, segment);
        let DrawnDecision { decision, draw: drawn } = self.weigh(seat, now, ask);
        let count = &mut self.counts[campaign * self.segments.len() + segment];
        count.asks += 1;
        count.below_floor += u64::from(decision == BidDecision::Skip(SkipReason::Floor));
        let is_short = decision == BidDecision::Skip(SkipReason::Allowance);
        if !is_short || now < self.purses[campaign].draw_after {
            return Answer { decision, drawn, draw: None };
        }
        self.purses[campaign].draw_after = now + DRAW_PAUSE;
        // The price it would have bid: ask again as if money were no object.
        let draw = match self.decide(seat, now, None, ask).decision {
            BidDecision::Bid { reserve, .. } => Some(reserve),
            BidDecision::Skip(_) => None,
        };
        Answer { decision, drawn, draw }
    }

    /// An ask that it does not answer, counted.
    pub fn pass_over(&mut self, campaign: usize, segment: usize) {
        self.counts[campaign * self.segments.len() + segment].asks += 1;
    }

    /// The answer to an ask that was counted before, of a campaign in a segment.
    #[must_use]
    pub fn weigh(&self, seat: (usize, usize), now: Timestamp, ask: &BidAsk) -> DrawnDecision {
        let left = self.has_allowances.then(|| self.left(seat.0, now));
        self.decide(seat, now, left, ask)
    }

    fn decide(
        &self,
        (campaign, segment): (usize, usize),
        now: Timestamp,
        left: Option<Nanos>,
        ask: &BidAsk,
    ) -> DrawnDecision {
        let unknown =
            DrawnDecision { decision: BidDecision::Skip(SkipReason::Unknown), draw: None };
        let Some(table) = &self.table else { return unknown };
        let Some(entry) = &table.entries[campaign] else { return unknown };
        let schedule = table.shades.get(segment).and_then(Option::as_ref);
        let made = match self.order {
            // By the very function of the path, floor and relief included, only earlier.
            ShadeOrder::BeforePacing => shade(entry, schedule, ask.value, ask),
            ShadeOrder::AfterPacing => {
                return decide_drawn(entry, table.lease, now, left, schedule, ask);
            }
        };
        let value = made.map_or(ask.value, |made| made.over_floor);
        let decided = decide_drawn(entry, table.lease, now, left, None, &BidAsk { value, ..*ask });
        DrawnDecision { draw: made.map(|made| made.draw.drawn), ..decided }
    }

    /// A draw was granted: it may bid at once again.
    pub fn granted(&mut self, campaign: usize, allowance: Allowance, now: Timestamp) {
        self.grant(campaign, allowance, now);
        self.purses[campaign].draw_after = now;
    }

    /// Notes a submitted bid and its coming outcome.
    pub fn submit(&mut self, now: Timestamp, bid: Submitted) {
        let Submitted { campaign, segment, reserve, commit, is_won, is_heard } = bid;
        let count = &mut self.counts[campaign * self.segments.len() + segment];
        count.bids += 1;
        count.wins += u64::from(is_won);
        let hold = |until| Hold { until, campaign, reserve, commit, served_at: now };
        if !is_heard {
            self.purses[campaign].held += reserve;
            self.unheard.push_back(hold(now + HOLD_TIMEOUT));
        } else if self.outcome_delay > Span::ZERO {
            self.purses[campaign].held += reserve;
            self.outcomes.push_back(hold(now + self.outcome_delay));
        } else {
            self.commit(campaign, commit, now);
        }
    }

    fn commit(&mut self, campaign: usize, amount: Nanos, served_at: Timestamp) {
        let windows = &mut self.purses[campaign].windows;
        let inside = |allowance: &Allowance| {
            allowance.window_start <= served_at && served_at < allowance.window_end
        };
        if let Some((_, committed)) = windows.iter_mut().find(|(allowance, _)| inside(allowance)) {
            *committed += amount;
        }
    }

    /// Hears the outcomes due by `now` and gives up on those unheard of for too long.
    pub fn hear(&mut self, now: Timestamp) {
        while let Some(hold) = self.outcomes.pop_front_if(|hold| hold.until <= now) {
            self.purses[hold.campaign].held -= hold.reserve;
            self.commit(hold.campaign, hold.commit, hold.served_at);
        }
        while let Some(hold) = self.unheard.pop_front_if(|hold| hold.until <= now) {
            self.purses[hold.campaign].held -= hold.reserve;
        }
    }

    /// Puts an event into the next report.
    pub fn note(&mut self, mut event: SpendEvent) {
        event.sequence = Some(self.next_sequence);
        self.next_sequence += 1;
        self.events.push(event);
    }

    /// The report of everything before `now`: spend and opportunities, either of them maybe empty.
    pub fn report(&mut self, now: Timestamp) -> (SpendBatch, OpportunityBatch) {
        let spend = SpendBatch {
            producer: Some(self.producer()),
            reported_through: Some(now),
            events: std::mem::take(&mut self.events),
        };
        let width = self.segments.len();
        let mut counts = Vec::new();
        for (place, count) in self.counts.iter_mut().enumerate() {
            if count.asks > 0 {
                counts.push(OpportunityCount {
                    campaign: self.campaigns[place / width],
                    segment: self.segments[place % width],
                    arm: ArmId(0),
                    asks: count.asks,
                    bids: count.bids,
                    below_floor: count.below_floor,
                    wins: count.wins,
                });
                *count = Count::default();
            }
        }
        let batch = OpportunityBatch {
            producer: Some(self.producer()),
            sequence: Some(self.next_batch),
            reported_through: now,
            counts,
        };
        self.next_batch += 1;
        (spend, batch)
    }
}

/// The ask a campaign's bidder sees of an auction.
#[must_use]
pub const fn ask_of(auction: &crate::market::auction::Auction, value: CpmMicros) -> BidAsk {
    BidAsk {
        auction: auction.key,
        impression: 0,
        value,
        floor: auction.floor,
        auction_type: auction.auction_type,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario::BidderPlan;
    use paceline_core::bid::AuctionType;
    use paceline_core::table::{EntryShading, EntryState};
    use paceline_core::units::{PacingMultiplier, ParticipationRate};

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_micros(0) + Span::from_secs(seconds)
    }

    fn bidder(outcome_delay: Span) -> Bidder {
        let plan = BidderPlan {
            count: 1,
            publish_delay: Span::ZERO,
            report_every: Span::from_secs(10),
            report_delay: Span::ZERO,
            outcome_delay,
            lost_notices: 0.0,
            has_allowances: true,
            waits_for_draws: true,
        };
        let campaign = CampaignId::of("c");
        let mut bidder = Bidder::new(0, &plan, &[campaign], &[SegmentId::of("all")]);
        bidder.table = Some(Arc::new(HeldTable {
            generation: Generation::default(),
            lease: Lease { valid_until: at(1_000), grace_until: at(2_000) },
            entries: vec![Some(TableEntry {
                campaign,
                arm: ArmId(0),
                state: EntryState::Run,
                multiplier: PacingMultiplier::ONE,
                participation: ParticipationRate::ONE,
                safe_multiplier: PacingMultiplier::ONE,
                value_cap: None,
                shading: EntryShading::default(),
                salt: 1,
            })],
            shades: Arc::new([]),
        }));
        bidder
    }

    fn allowance(total: i64) -> Allowance {
        Allowance {
            campaign: CampaignId::of("c"),
            window_start: at(0),
            window_end: at(3_600),
            granted_total: Nanos::new(total),
            expires_at: at(120),
        }
    }

    fn ask(value: i64) -> BidAsk {
        BidAsk {
            auction: 7,
            impression: 0,
            value: CpmMicros::new(value),
            floor: CpmMicros::ZERO,
            auction_type: AuctionType::SecondPrice,
        }
    }

    fn bid(reserve: i64, commit: i64, is_heard: bool) -> Submitted {
        Submitted {
            campaign: 0,
            segment: 0,
            reserve: Nanos::new(reserve),
            commit: Nanos::new(commit),
            is_won: commit > 0,
            is_heard,
        }
    }

    #[test]
    fn a_bidder_without_money_asks_for_one_event_and_waits() {
        let mut bidder = bidder(Span::ZERO);
        let first = bidder.ask(0, 0, at(1), &ask(100));
        assert_eq!(first.decision, BidDecision::Skip(SkipReason::Allowance));
        assert_eq!(first.draw, Some(Nanos::new(100)));
        assert_eq!(bidder.ask(0, 0, at(2), &ask(100)).draw, None);
        bidder.granted(0, allowance(100), at(2));
        assert!(matches!(bidder.ask(0, 0, at(2), &ask(100)).decision, BidDecision::Bid { .. }));
    }

    #[test]
    fn a_grant_repeated_or_run_out_gives_no_more() {
        let mut bidder = bidder(Span::ZERO);
        bidder.grant(0, allowance(100), at(0));
        bidder.submit(at(1), bid(60, 40, true));
        bidder.grant(0, allowance(100), at(2));
        assert_eq!(bidder.left(0, at(2)), Nanos::new(60));
        assert_eq!(bidder.left(0, at(120)), Nanos::ZERO);
    }

    #[test]
    fn a_reservation_is_held_until_its_outcome_or_the_time_out() {
        let mut bidder = bidder(Span::from_secs(1));
        bidder.grant(0, allowance(100), at(0));
        bidder.submit(at(1), bid(60, 40, true));
        bidder.submit(at(1), bid(30, 0, false));
        assert_eq!(bidder.left(0, at(1)), Nanos::new(10));
        bidder.hear(at(2));
        assert_eq!(bidder.left(0, at(2)), Nanos::new(30));
        bidder.hear(at(3));
        assert_eq!(bidder.left(0, at(3)), Nanos::new(60));
    }

    #[test]
    fn a_report_holds_each_count_and_event_once() {
        let mut bidder = bidder(Span::ZERO);
        let _ = bidder.ask(0, 0, at(1), &ask(100));
        bidder.submit(at(1), bid(60, 40, true));
        let (_, counts) = bidder.report(at(10));
        assert_eq!((counts.counts[0].asks, counts.counts[0].wins), (1, 1));
        let (spend, counts) = bidder.report(at(20));
        assert!(counts.counts.is_empty() && spend.events.is_empty());
        assert_eq!(counts.sequence, Some(2));
    }
}
