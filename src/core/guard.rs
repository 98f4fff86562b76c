//! The guard: what each bidder may still commit, so that what is served stays under every cap even
//! when the controller is dead.
//!
//! Grants are cumulative per campaign, bidder and budget window. A grant that is lowered or runs
//! out is still counted until its bidder has told all it did with it, or is gone. Called by the
//! engine, which keeps the claims in the accounts.

mod grant;

use crate::table::Allowance;
use crate::units::{BidderId, CampaignId, Nanos, Span, Timestamp, Window};
pub use grant::Grant;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet, VecDeque};

/// Bidders that may wait for one campaign's headroom; a longer queue would outlive their auctions.
const WAITING_MAX: usize = 256;
/// Time constant of the demand estimate.
const DEMAND_MEMORY: Span = Span::from_mins(5);
/// Below this part of one event a horizon, a bidder draws on demand: standing grants of one event
/// to each of hundreds of bidders would starve a small campaign.
const STANDING_MIN: f64 = 0.125;
/// Money is short while more than this part of what is left is out.
const SHORT_PART: i64 = 4;
/// While money is short, bidders that seldom ask keep what they drew for this part of a horizon
/// only. Most draws are bids that lost, and the change that dozens of bidders keep would be a good
/// part of a small budget.
const DRAW_PART: i64 = 4;
/// Asks within the demand's memory from which a bidder asks again within that time.
const OFTEN: f64 = 10.0;

/// One bidder's demand for a campaign: asks, fading.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
struct Demand {
    asks: f64,
    at: Timestamp,
}

impl Demand {
    fn now(&self, now: Timestamp) -> f64 {
        self.asks * libm::exp(-(now - self.at).ratio_to(DEMAND_MEMORY))
    }
}

/// What the guard sees of a campaign when it grants.
#[derive(Debug, Clone, Copy)]
pub struct GuardView {
    /// The shortest window that holds `now` among the campaign's budgets.
    pub window: Window,
    /// Free and unclaimed in the tightest of its accounts, less what in-flight may bill on top.
    pub headroom: Nanos,
    /// Planned spend of one horizon, in nanos.
    pub planned: f64,
    /// The dearest recent expected cost of one win, in nanos; zero when unknown.
    pub event: f64,
}

/// All grants of one campaign.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Grants {
    #[serde(with = "crate::pairs")]
    grants: BTreeMap<(BidderId, Timestamp), Grant>,
    windows: BTreeMap<Timestamp, Timestamp>,
    demand: BTreeMap<BidderId, Demand>,
    waiting: VecDeque<(BidderId, Nanos)>,
}

impl Grants {
    /// Whether nobody holds or wants anything.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.grants.is_empty() && self.demand.is_empty()
    }

    /// Whether there is nothing left to remember.
    #[must_use]
    pub fn is_idle(&self) -> bool {
        self.is_empty() && self.waiting.is_empty()
    }

    /// A bidder saw auctions for the campaign.
    pub fn note_demand(&mut self, now: Timestamp, bidder: BidderId, asks: f64) {
        let demand = self.demand.entry(bidder).or_insert(Demand { asks: 0.0, at: now });
        *demand = Demand { asks: demand.now(now) + asks, at: now };
    }

    /// A bidder reports what it committed.
    pub fn note_report(
        &mut self,
        now: Timestamp,
        bidder: BidderId,
        served_at: Timestamp,
        amount: Nanos,
    ) {
        let start = self.windows.range(..=served_at).next_back().map(|(&start, _)| start);
        if let Some(grant) = start.and_then(|start| self.grants.get_mut(&(bidder, start))) {
            grant.reported_total += amount;
            grant.used_at = now;
        }
    }

    /// What must be held back in all, each with when it may be spent: by now, as long as its window
    /// lasts. A cap that was entered since the grant has to hold it as well.
    pub fn claims(&self, now: Timestamp) -> impl Iterator<Item = (Timestamp, Nanos)> + '_ {
        self.grants.iter().map(move |(&(_, start), grant)| {
            let is_open = self.windows.get(&start).is_some_and(|&end| start < now && now < end);
            (if is_open { now } else { start }, grant.outstanding())
        })
    }

    /// What may still be committed in all.
    #[must_use]
    pub fn outstanding(&self) -> Nanos {
        self.grants.values().map(Grant::outstanding).sum()
    }

    /// The grants by bidder and window start, for explanations.
    pub fn grants(&self) -> impl Iterator<Item = (BidderId, Timestamp, &Grant)> {
        self.grants.iter().map(|(&(bidder, start), grant)| (bidder, start, grant))
    }

    /// Time passes: what is unused for a horizon or ran out goes back, and what went back becomes
    /// free when `through` says that its bidder has reported all it did with it.
    pub fn age(
        &mut self,
        now: Timestamp,
        horizon: Span,
        is_live: impl Fn(BidderId) -> bool,
        through: impl Fn(BidderId) -> Option<Timestamp>,
    ) {
        for (&(bidder, start), grant) in &mut self.grants {
            let window_over = self.windows.get(&start).is_none_or(|&end| end <= now);
            let unused = now - grant.used_at >= horizon;
            let has_run_out = grant.expires_at <= now;
            if window_over || unused || has_run_out || !is_live(bidder) {
                grant.lower_to(now, horizon, Nanos::ZERO);
            }
            grant.release(now, horizon, through(bidder));
        }
        let windows = &self.windows;
        self.grants.retain(|&(_, start), grant| {
            let window_open = windows.get(&start).is_some_and(|&end| now < end + horizon);
            // What a bidder committed is deducted from what it is granted next.
            let is_used = grant.granted_total > Nanos::ZERO || grant.reported_total > Nanos::ZERO;
            grant.outstanding() > Nanos::ZERO || (window_open && is_used)
        });
        let grants = &self.grants;
        self.windows.retain(|&start, end| {
            now < *end + horizon || grants.keys().any(|&(_, held)| held == start)
        });
        self.demand.retain(|&bidder, demand| is_live(bidder) && demand.now(now) > 1e-3);
    }

    /// The tick's grants: whoever waited first, oldest first; then each bidder its share of the
    /// plan, µ + 3√(µ·c) + c. Returns what is left of the headroom.
    pub fn issue(&mut self, now: Timestamp, horizon: Span, view: &GuardView) -> Nanos {
        let mut headroom = view.headroom.at_least_zero();
        self.windows.insert(view.window.start(), view.window.end());
        let life = Span::from_micros(horizon.as_micros() / DRAW_PART);
        for (bidder, price) in std::mem::take(&mut self.waiting) {
            let cost = self.top_up((now, life), view.window, bidder, price, headroom);
            headroom -= cost.unwrap_or(Nanos::ZERO);
        }
        let total: f64 = self.demand.values().map(|demand| demand.now(now)).sum();
        let often = self.demand.iter().filter(|(_, demand)| demand.now(now) >= OFTEN);
        let mut keeps: BTreeSet<BidderId> = often.map(|(&bidder, _)| bidder).collect();
        if total > 0.0 && view.event > 0.0 {
            let shares: Vec<(BidderId, f64)> = self
                .demand
                .iter()
                .map(|(&bidder, demand)| (bidder, demand.now(now) / total * view.planned))
                .filter(|&(_, mean)| mean >= STANDING_MIN * view.event)
                .collect();
            for (bidder, mean) in shares {
                let want = mean + 3.0 * (mean * view.event).sqrt() + view.event;
                let want = Nanos::floor_from(want);
                let cost = self.top_up((now, horizon), view.window, bidder, want, headroom);
                headroom -= cost.unwrap_or(Nanos::ZERO);
                keeps.insert(bidder);
            }
        }
        let is_short = self.outstanding() > Nanos::new(headroom.get() / SHORT_PART);
        self.renew((now, horizon), view.window, |bidder| !is_short || keeps.contains(&bidder));
        headroom
    }

    /// A draw between ticks; where it is refused, the bidder waits. What must be held back on top.
    pub fn draw(
        &mut self,
        now: Timestamp,
        horizon: Span,
        view: &GuardView,
        bidder: BidderId,
        price: Nanos,
    ) -> Nanos {
        self.windows.insert(view.window.start(), view.window.end());
        let headroom = view.headroom.at_least_zero();
        let life = Span::from_micros(horizon.as_micros() / DRAW_PART);
        let event = Nanos::floor_from(view.event).max(price);
        // The next ask may be dearer than this one; where money is short, this one at least.
        for want in [event, price] {
            if let Some(cost) = self.top_up((now, life), view.window, bidder, want, headroom) {
                return cost;
            }
        }
        let is_waiting = self.waiting.iter().any(|&(waiting, _)| waiting == bidder);
        if self.waiting.len() < WAITING_MAX && !is_waiting {
            self.waiting.push_back((bidder, price));
        }
        Nanos::ZERO
    }

    /// Brings a bidder up to `want` for a time if the headroom covers what must be held back for it
    /// on top. How much that is; nothing where it has as much, or there is too little.
    fn top_up(
        &mut self,
        (now, life): (Timestamp, Span),
        window: Window,
        bidder: BidderId,
        want: Nanos,
        headroom: Nanos,
    ) -> Option<Nanos> {
        let grant = self.grants.entry((bidder, window.start())).or_insert_with(|| Grant::new(now));
        let cost = grant.cost_of(want);
        if want <= grant.left() || cost > headroom {
            return None;
        }
        if grant.left() == Nanos::ZERO {
            grant.used_at = now;
        }
        grant.raise_to(want);
        grant.expires_at = grant.expires_at.max((now + life).min(window.end()));
        Some(cost)
    }

    /// What some bidders hold stays with them for another while.
    fn renew(
        &mut self,
        (now, life): (Timestamp, Span),
        window: Window,
        is_meant: impl Fn(BidderId) -> bool,
    ) {
        for (&(bidder, start), grant) in &mut self.grants {
            if start == window.start() && grant.left() > Nanos::ZERO && is_meant(bidder) {
                grant.expires_at = grant.expires_at.max((now + life).min(window.end()));
            }
        }
    }

    /// The allowance of a bidder in a window.
    #[must_use]
    pub fn allowance(
        &self,
        campaign: CampaignId,
        bidder: BidderId,
        start: Timestamp,
    ) -> Option<Allowance> {
        let grant = self.grants.get(&(bidder, start))?;
        Some(Allowance {
            campaign,
            window_start: start,
            window_end: *self.windows.get(&start)?,
            granted_total: grant.granted_total,
            expires_at: grant.expires_at,
        })
    }

    /// A leader that lost its memory takes a bidder's word for what it holds.
    pub fn adopt(
        &mut self,
        now: Timestamp,
        horizon: Span,
        bidder: BidderId,
        window: Window,
        left: Nanos,
    ) {
        self.windows.insert(window.start(), window.end());
        let grant = self.grants.entry((bidder, window.start())).or_insert_with(|| Grant::new(now));
        grant.adopt(now, horizon, left);
        // Whoever granted it let it last for a horizon at most, and nobody here knows since when.
        grant.expires_at = grant.expires_at.max((now + horizon).min(window.end()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HORIZON: Span = Span::from_secs(120);
    const A: BidderId = BidderId::from_key(1);
    const B: BidderId = BidderId::from_key(2);

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_micros(Span::from_secs(seconds).as_micros())
    }

    fn view(headroom: i64, planned: f64) -> GuardView {
        let window = Window::try_new(at(0), at(86_400)).unwrap();
        GuardView { window, headroom: Nanos::new(headroom), planned, event: 100.0 }
    }

    #[test]
    fn a_busy_bidder_gets_its_share_and_what_is_unused_goes_back_after_a_horizon() {
        let mut grants = Grants::default();
        grants.note_demand(at(0), A, 300.0);
        grants.note_demand(at(0), B, 100.0);
        let left = grants.issue(at(0), HORIZON, &view(1_000_000, 10_000.0));
        // µ = 7 500 and 2 500; want = µ + 3√(100µ) + 100.
        assert_eq!(grants.grants[&(A, at(0))].left(), Nanos::new(10_198));
        assert_eq!(grants.grants[&(B, at(0))].left(), Nanos::new(4_100));
        assert_eq!(left, Nanos::new(1_000_000 - 10_198 - 4_100));
        grants.age(at(119), HORIZON, |_| true, |_| None);
        assert_eq!(grants.outstanding(), Nanos::new(14_298));
        grants.age(at(120), HORIZON, |_| true, |_| None);
        assert_eq!(grants.grants[&(A, at(0))].left(), Nanos::ZERO);
        assert_eq!(grants.outstanding(), Nanos::new(14_298), "the bidder may not have heard");
        grants.age(at(245), HORIZON, |_| true, |_| None);
        assert_eq!(grants.outstanding(), Nanos::ZERO);
    }

    #[test]
    fn what_a_late_reporter_may_have_used_is_held_back_until_it_has_told() {
        let mut grants = Grants::default();
        let draw = |grants: &mut Grants, now: i64| {
            // Reports are five minutes late.
            grants.age(at(now), HORIZON, |_| true, |_| Some(at(now - 300)));
            grants.draw(at(now), HORIZON, &view(3_000, 4.0), A, Nanos::new(90)).get()
        };
        assert_eq!(draw(&mut grants, 0), 100);
        // Run out, but the bidder may have used it; drawn again it is the same money.
        grants.age(at(31), HORIZON, |_| true, |_| Some(at(0)));
        assert_eq!(grants.grants[&(A, at(0))].left(), Nanos::ZERO);
        assert_eq!(grants.outstanding(), Nanos::new(100));
        assert_eq!(draw(&mut grants, 40), 0);
        assert_eq!(grants.grants[&(A, at(0))].left(), Nanos::new(100));
        // It had used most of it in its first half minute, and nothing after that.
        grants.age(at(320), HORIZON, |_| true, |_| Some(at(20)));
        grants.note_report(at(320), A, at(20), Nanos::new(80));
        assert_eq!(grants.outstanding(), Nanos::new(20));
        grants.age(at(374), HORIZON, |_| true, |_| Some(at(74)));
        assert_eq!(grants.outstanding(), Nanos::new(20));
        grants.age(at(375), HORIZON, |_| true, |_| Some(at(75)));
        assert_eq!(grants.outstanding(), Nanos::ZERO);
        assert_eq!(draw(&mut grants, 375), 100);
        let allowance = grants.allowance(CampaignId::from_key(1), A, at(0)).unwrap();
        assert_eq!(allowance.granted_total, Nanos::new(180), "what it told of, and the new draw");
    }

    #[test]
    fn what_was_granted_and_taken_back_is_not_held_twice() {
        let mut grants = Grants::default();
        // A standing grant that is taken back, and a smaller one after it.
        grants.note_demand(at(0), A, 300.0);
        let _ = grants.issue(at(0), HORIZON, &view(1_000_000, 10_000.0));
        let first = grants.outstanding();
        grants.age(at(120), HORIZON, |_| true, |_| Some(at(110)));
        let cost = grants.draw(at(121), HORIZON, &view(0, 1.0), A, Nanos::new(90));
        assert_eq!(cost, Nanos::ZERO, "the headroom is gone, but this was paid for");
        assert_eq!(grants.grants[&(A, at(0))].left(), Nanos::new(100));
        assert_eq!(grants.outstanding(), first);
        grants.age(at(130), HORIZON, |_| true, |_| Some(at(125)));
        assert_eq!(grants.outstanding(), Nanos::new(100));
    }

    #[test]
    fn whoever_draws_first_is_served_first_when_headroom_is_short() {
        let mut grants = Grants::default();
        let price = Nanos::new(100);
        assert_eq!(grants.draw(at(0), HORIZON, &view(0, 1.0), A, price), Nanos::ZERO);
        assert_eq!(grants.draw(at(1), HORIZON, &view(0, 1.0), B, price), Nanos::ZERO);
        assert_eq!(grants.issue(at(10), HORIZON, &view(150, 1.0)), Nanos::new(50));
        assert_eq!(grants.grants[&(A, at(0))].left(), price);
        assert_eq!(grants.grants[&(B, at(0))].left(), Nanos::ZERO);
    }

    #[test]
    fn a_small_campaign_grants_on_demand_only() {
        let mut grants = Grants::default();
        grants.note_demand(at(0), A, 5.0);
        let _ = grants.issue(at(0), HORIZON, &view(3_000, 4.0));
        assert_eq!(grants.outstanding(), Nanos::ZERO);
        assert_eq!(
            grants.draw(at(1), HORIZON, &view(3_000, 4.0), A, Nanos::new(90)),
            Nanos::new(100)
        );
    }

    #[test]
    fn while_money_is_short_what_seldom_askers_drew_is_back_soon() {
        let mut grants = Grants::default();
        for (bidder, asks) in [(A, 1.0), (B, 60.0)] {
            grants.note_demand(at(0), bidder, asks);
            assert_eq!(
                grants.draw(at(0), HORIZON, &view(300, 4.0), bidder, Nanos::new(90)),
                Nanos::new(100)
            );
        }
        let _ = grants.issue(at(10), HORIZON, &view(100, 4.0));
        let expires_at = |grants: &Grants, bidder| grants.grants[&(bidder, at(0))].expires_at;
        assert_eq!(expires_at(&grants, A), at(30), "a quarter of a horizon");
        assert_eq!(expires_at(&grants, B), at(130), "asks again before that");
        // Free once its bidder has told all it did with it, and not before.
        grants.age(at(31), HORIZON, |_| true, |_| Some(at(31)));
        assert_eq!(grants.outstanding(), Nanos::new(200));
        grants.age(at(36), HORIZON, |_| true, |_| Some(at(35)));
        assert_eq!(grants.outstanding(), Nanos::new(100));
    }

    #[test]
    fn while_there_is_plenty_what_was_drawn_stays() {
        let mut grants = Grants::default();
        let _ = grants.draw(at(0), HORIZON, &view(3_000, 4.0), A, Nanos::new(90));
        let _ = grants.issue(at(10), HORIZON, &view(2_900, 4.0));
        assert_eq!(grants.grants[&(A, at(0))].expires_at, at(130));
    }

    #[test]
    fn where_an_event_is_too_dear_the_bid_at_hand_is_granted() {
        let mut grants = Grants::default();
        let price = Nanos::new(60);
        assert_eq!(grants.draw(at(0), HORIZON, &view(70, 4.0), A, price), price);
        assert_eq!(grants.draw(at(0), HORIZON, &view(10, 4.0), B, price), Nanos::ZERO);
    }

    #[test]
    fn what_a_bidder_says_it_holds_stays_counted_for_a_horizon_whatever_it_reports() {
        let mut grants = Grants::default();
        let window = view(0, 0.0).window;
        grants.adopt(at(100), HORIZON, A, window, Nanos::new(50));
        grants.age(at(219), HORIZON, |_| true, |_| Some(at(219)));
        assert_eq!(grants.outstanding(), Nanos::new(50), "granted by somebody else, until when?");
        grants.age(at(220), HORIZON, |_| true, |_| Some(at(220)));
        assert_eq!(grants.outstanding(), Nanos::ZERO);
    }

    #[test]
    fn an_allowance_dies_with_its_window() {
        let mut grants = Grants::default();
        let _ = grants.draw(at(86_390), HORIZON, &view(3_000, 4.0), A, Nanos::new(90));
        let allowance = grants.allowance(CampaignId::from_key(1), A, at(0)).unwrap();
        assert_eq!(allowance.expires_at, at(86_400));
        grants.age(at(86_401), HORIZON, |_| true, |_| None);
        assert_eq!(grants.grants[&(A, at(0))].left(), Nanos::ZERO);
    }

    #[test]
    fn reports_use_up_the_grant_of_the_window_they_were_served_in() {
        let mut grants = Grants::default();
        let _ = grants.draw(at(10), HORIZON, &view(3_000, 4.0), A, Nanos::new(100));
        grants.note_report(at(12), A, at(11), Nanos::new(60));
        assert_eq!(grants.outstanding(), Nanos::new(40));
        let allowance = grants.allowance(CampaignId::from_key(1), A, at(0)).unwrap();
        assert_eq!(allowance.granted_total, Nanos::new(100), "what is used up stays granted");
    }
}
