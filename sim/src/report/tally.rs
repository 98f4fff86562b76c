//! What one campaign did, counted as it happens: the raw material of its metrics.
//!
//! Keeps its own books, apart from the engine's. Memory is bounded by the campaign's days. Called
//! by the world for every auction, billing and minute.

use super::constant::Chance;
use super::hindsight::{self, Knapsack};
use super::metric::Metrics;
use super::oracle::Oracle;
use super::resolving::Resolving;
use crate::market::Market;
use crate::market::auction::{Auction, Outcome};
use crate::market::billing::Charge;
use crate::market::buyer::Buyer;
use crate::number::{amount, length, real};
use crate::scenario::CampaignPlan;
use paceline_core::bid::SkipReason;
use paceline_core::budget::Horizon;
use paceline_core::campaign::ReturnTarget;
use paceline_core::units::{CpmMicros, Nanos, Results, Span, Timestamp, Window};

/// A value of one unit of currency an impression.
const ONE_UNIT: CpmMicros = CpmMicros::new(1_000_000_000);

/// One stretch of time with a bound on spend.
#[derive(Debug, Clone)]
struct Purse {
    window: Window,
    cap: Option<Nanos>,
    spent: Nanos,
    /// What the campaign alone would have spent.
    alone: Nanos,
}

/// One local hour of the flight.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hour {
    /// When.
    pub window: Window,
    /// Auctions it was eligible for.
    pub asks: u64,
    /// Bids submitted.
    pub bids: u64,
    /// What the plan grew by.
    pub planned: Nanos,
    /// Billed for what was served in it.
    pub spent: Nanos,
    /// Whether money was left at its end.
    pub had_budget: bool,
}

/// What the engine says of a campaign at a whole minute.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct MinuteView {
    /// Published multiplier × participation, as a ratio.
    pub signal: f64,
    /// Published multiplier, as a ratio.
    pub multiplier: f64,
    /// Published participation, as a ratio.
    pub participation: f64,
    /// Planned and measured spend since the plan was made, and when that was.
    pub plan: Option<(Nanos, Nanos, Timestamp)>,
}

/// One campaign's running count.
#[derive(Debug, Clone)]
pub struct Tally {
    flight: Purse,
    days: Vec<Purse>,
    oracle: Oracle,
    resolving: Option<Resolving>,
    hours: Vec<Hour>,
    /// Place of the hour found last.
    hour: usize,
    minutes: Minutes,
    metrics: Metrics,
    billed_events: u64,
    segment_wins: Vec<u64>,
    /// What its wins are expected to bring of what its return target counts.
    results: Results,
    returns: Option<ReturnTarget>,
    /// Whether each win counts as a value of one.
    counts_as_one: bool,
}

#[derive(Debug, Clone, Default)]
struct Minutes {
    plan_error_sum: f64,
    plan_error_count: u64,
    moves_sum: f64,
    moves_count: u64,
    last_signal: Option<f64>,
    last_plan: Option<(Nanos, Timestamp)>,
    to_95: Option<f64>,
}

impl Tally {
    /// Empty, for a campaign of a world with so many segments, whose prices are all second prices
    /// or are not.
    #[must_use]
    pub fn new(plan: &CampaignPlan, segments: usize, is_second_price: bool) -> Self {
        let budgets = &plan.spec.budgets;
        let flight = budgets.flights[0];
        let purse = |window, cap| Purse { window, cap, spent: Nanos::ZERO, alone: Nanos::ZERO };
        let day_cap = budgets.cap(Horizon::Day);
        let days: Vec<Purse> = day_cap
            .map(|cap| plan.clock.days_in(flight.window).map(|day| purse(day, Some(cap))).collect())
            .unwrap_or_default();
        let no_cap = Nanos::new(i64::MAX);
        let caps: Vec<Nanos> = if days.is_empty() {
            vec![flight.budget.unwrap_or(no_cap)]
        } else {
            days.iter().map(|day| day.cap.unwrap_or(no_cap)).collect()
        };
        let most = plan.spec.multiplier_max.ppm().as_f64();
        let hours = plan.clock.hours_in(flight.window).map(|window| Hour {
            window,
            asks: 0,
            bids: 0,
            planned: Nanos::ZERO,
            spent: Nanos::ZERO,
            had_budget: true,
        });
        Self {
            flight: purse(flight.window, flight.budget),
            days,
            oracle: Oracle::new(&caps, is_second_price, most),
            resolving: None,
            hours: hours.collect(),
            hour: 0,
            minutes: Minutes::default(),
            metrics: Metrics::default(),
            billed_events: 0,
            segment_wins: vec![0; segments],
            results: Results::ZERO,
            returns: plan.spec.returns,
            counts_as_one: plan.buyer.counts_as_one,
        }
    }

    /// The same with an oracle for small campaigns, if it is one.
    #[must_use]
    pub fn with_resolving(mut self, plan: &CampaignPlan, buyer: &Buyer, market: &Market) -> Self {
        // It knows one bound at a time.
        if self.flight.cap.is_some() && !self.days.is_empty() {
            return self;
        }
        let flight = std::slice::from_ref(&self.flight);
        let purses = if self.days.is_empty() { flight } else { self.days.as_slice() };
        let cap = |purse: &Purse| (purse.window, purse.cap.unwrap_or(Nanos::new(i64::MAX)));
        let windows: Vec<(Window, Nanos)> = purses.iter().map(cap).collect();
        self.resolving = Resolving::try_new(plan, buyer, market, &windows);
        self
    }

    /// The flight's budget changed.
    pub fn set_budget(&mut self, budget: Nanos) {
        self.flight.cap = Some(budget);
        // What it alone had spent by then is no more than the new budget either.
        self.flight.alone = self.flight.alone.least(budget);
        if self.days.is_empty() {
            self.oracle.set_cap(0, budget);
            if let Some(resolving) = &mut self.resolving {
                resolving.set_cap(0, budget);
            }
        }
    }

    /// The cap of each local day not yet over at `now` changed.
    pub fn set_daily_cap(&mut self, now: Timestamp, cap: Nanos) {
        for (place, day) in self.days.iter_mut().enumerate() {
            if day.window.end() > now {
                day.cap = Some(cap);
                self.oracle.set_cap(place, cap);
                if let Some(resolving) = &mut self.resolving {
                    resolving.set_cap(place, cap);
                }
                let beyond = (day.alone - cap).at_least_zero();
                day.alone -= beyond;
                self.flight.alone -= beyond;
            }
        }
    }

    /// Billed so far.
    #[must_use]
    pub const fn spent(&self) -> Nanos {
        self.flight.spent
    }

    /// Billing events so far.
    #[must_use]
    pub const fn billed_events(&self) -> u64 {
        self.billed_events
    }

    /// An auction it was eligible for: what it was worth, what would have won it, and what that
    /// would have cost at its greatest multiplier.
    pub fn ask(
        &mut self,
        auction: &Auction,
        value: CpmMicros,
        alone: Outcome,
        charge: Option<Charge>,
    ) {
        self.metrics.asks += 1;
        if let Some(hour) = self.hour_at(auction.at) {
            hour.asks += 1;
        }
        let place = if self.days.is_empty() {
            Some(0)
        } else {
            self.days.iter().position(|day| day.window.contains(auction.at))
        };
        if let Some(place) = place {
            let chance = Chance {
                value: if self.counts_as_one { ONE_UNIT } else { value },
                bid: value,
                min_to_win: alone.min_to_win,
                auction_type: auction.auction_type,
            };
            self.oracle.add(place, chance);
            let billed = charge.filter(|charge| charge.after.is_some());
            if let Some(resolving) = &mut self.resolving {
                resolving.add(auction.at, value, alone.min_to_win, billed);
            }
            if let Some(price) = billed {
                self.spend_alone(place, price.price);
            }
        }
    }

    /// The hour that holds an instant. Most instants lie in the hour of the one before.
    fn hour_at(&mut self, now: Timestamp) -> Option<&mut Hour> {
        let holds = |hour: &&mut Hour| hour.window.contains(now);
        if !self.hours.get(self.hour).is_some_and(|hour| hour.window.contains(now)) {
            let after = self.hours.partition_point(|hour| hour.window.start() <= now);
            self.hour = after.checked_sub(1)?;
        }
        self.hours.get_mut(self.hour).filter(holds)
    }

    fn spend_alone(&mut self, day: usize, price: Nanos) {
        let fits = |purse: &Purse| purse.cap.is_none_or(|cap| purse.alone + price <= cap);
        if fits(&self.flight) && self.days.get(day).is_none_or(fits) {
            self.flight.alone += price;
            if let Some(day) = self.days.get_mut(day) {
                day.alone += price;
            }
        }
    }

    /// A bid was submitted.
    pub fn bid(&mut self, now: Timestamp) {
        self.metrics.bids += 1;
        if let Some(hour) = self.hour_at(now) {
            hour.bids += 1;
        }
    }

    /// No bid was submitted.
    pub const fn skip(&mut self, reason: SkipReason) {
        if matches!(reason, SkipReason::Exhausted | SkipReason::Allowance) {
            self.metrics.skipped_for_budget += 1;
        }
    }

    /// An auction was won.
    pub fn win(&mut self, auction: &Auction, value: CpmMicros, results: Results) {
        self.results = self.results.saturating_add(results);
        self.metrics.wins += 1;
        let value = if self.counts_as_one { ONE_UNIT } else { value };
        self.metrics.value += value.per_impression().as_f64() / 1e9;
        self.segment_wins[auction.segment] += 1;
    }

    /// A win was clicked.
    pub const fn click(&mut self) {
        self.metrics.clicks += 1;
    }

    /// Money was billed for an impression served then.
    pub fn bill(&mut self, served_at: Timestamp, price: Nanos) {
        self.flight.spent += price;
        self.billed_events += 1;
        if let Some(day) = self.days.iter_mut().find(|day| day.window.contains(served_at)) {
            day.spent += price;
        }
        if let Some(hour) = self.hour_at(served_at) {
            hour.spent += price;
        }
    }

    /// What it could have bought, by day, or over its flight where no day has a cap; absent where
    /// prices are not second prices.
    #[must_use]
    pub fn knapsacks(&self) -> Option<impl Iterator<Item = (Window, &Knapsack)>> {
        let flight = std::slice::from_ref(&self.flight);
        let purses = if self.days.is_empty() { flight } else { &self.days[..] };
        let windows = purses.iter().map(|purse| purse.window);
        self.oracle.knapsacks().map(|knapsacks| windows.zip(knapsacks))
    }

    /// The local hours of its flight.
    #[must_use]
    pub fn hours(&self) -> Vec<Hour> {
        self.hours.clone()
    }

    /// A whole minute passed.
    pub fn minute(&mut self, now: Timestamp, view: MinuteView) {
        if !self.flight.window.contains(now) {
            self.minutes.last_signal = None;
            return;
        }
        let budget = self.budget();
        if let (Some((planned, measured, _)), Some(budget)) = (view.plan, budget) {
            self.minutes.plan_error_sum += (measured - planned).ratio_to(budget).abs();
            self.minutes.plan_error_count += 1;
        }
        self.note_plan(now, view);
        let has_budget = self.has_budget(now);
        if !has_budget && let Some(hour) = self.hour_at(now) {
            hour.had_budget = false;
        }
        if has_budget && view.signal > 0.0 {
            if let Some(last) = self.minutes.last_signal {
                self.minutes.moves_sum += libm::log(view.signal / last).abs();
                self.minutes.moves_count += 1;
            }
            self.minutes.last_signal = Some(view.signal);
        } else {
            self.minutes.last_signal = None;
        }
        let is_95 = budget.is_some_and(|budget| self.flight.spent.ratio_to(budget) >= 0.95);
        if is_95 && self.minutes.to_95.is_none() {
            self.minutes.to_95 = Some((now - self.flight.window.start()).as_minutes());
        }
    }

    /// Adds what the plan grew by to the hour's planned spend. A plan made anew starts from zero.
    fn note_plan(&mut self, now: Timestamp, view: MinuteView) {
        let Some((planned, _, made_at)) = view.plan else {
            self.minutes.last_plan = None;
            return;
        };
        let before = match self.minutes.last_plan {
            Some((before, same)) if same == made_at => before,
            _ => Nanos::ZERO,
        };
        self.minutes.last_plan = Some((planned, made_at));
        // The minute that passed, which may have been the last of its hour.
        let passed = now - Span::from_secs(30);
        if let Some(hour) = self.hour_at(passed) {
            hour.planned += (planned - before).at_least_zero();
        }
    }

    /// The flight's budget, or the sum of its days'.
    fn budget(&self) -> Option<Nanos> {
        let days = || {
            (!self.days.is_empty())
                .then(|| self.days.iter().filter_map(|day| day.cap).sum::<Nanos>())
        };
        self.flight.cap.or_else(days)
    }

    fn event(&self) -> Nanos {
        self.flight.spent.mul_div(1, self.billed_events)
    }

    fn has_budget(&self, now: Timestamp) -> bool {
        let event = self.event();
        let fits = |purse: &Purse| purse.cap.is_none_or(|cap| purse.spent + event <= cap);
        let day = self.days.iter().find(|day| day.window.contains(now));
        fits(&self.flight) && day.is_none_or(fits)
    }

    /// The numbers, at the end.
    #[must_use]
    pub fn finish(&self) -> Metrics {
        let mut metrics = self.metrics.clone();
        let over = |purse: &Purse| {
            purse.cap.map_or(Nanos::ZERO, |cap| (purse.spent - cap).at_least_zero())
        };
        let days_over: Nanos = self.days.iter().map(over).sum();
        let overspend = over(&self.flight).max(days_over);
        let beyond = (overspend - self.event()).at_least_zero();
        let spent = self.flight.spent;
        metrics.budget_nanos = self.budget().map(Nanos::get);
        metrics.spend_nanos = spent.get();
        metrics.overspend_nanos = overspend.get();
        metrics.overspend_ratio = overspend.ratio_to(spent);
        metrics.overspend_beyond_event_ratio = beyond.ratio_to(spent);
        metrics.feasible_nanos = Some(self.flight.alone.get());
        metrics.utilisation = self.utilisation(overspend);
        let worth = self.returns.map_or(0.0, |target| target.worth(self.results));
        metrics.return_error = (worth > 0.0).then(|| spent.as_f64() / worth - 1.0);
        let mean = |sum: f64, count: u64| (count > 0).then(|| sum / real(count));
        metrics.plan_error = mean(self.minutes.plan_error_sum, self.minutes.plan_error_count);
        metrics.volatility_per_minute = mean(self.minutes.moves_sum, self.minutes.moves_count);
        metrics.minutes_to_95 = self.minutes.to_95;
        metrics.dark_hours = self.dark_hours();
        if metrics.asks > 0 {
            metrics.hindsight_value = self.oracle.hindsight_value(self.flight.cap);
            metrics.best_constant_value = self.oracle.best_constant_value(self.flight.cap);
            metrics.resolving_value = self.resolving.as_ref().map(Resolving::value);
        }
        metrics.billed_events = self.billed_events;
        metrics.revenue_nanos = (spent - overspend).get();
        metrics.surplus_nanos =
            Nanos::floor_from((metrics.value * 1e9).max(0.0)).get() - spent.get();
        metrics.segment_spread = hindsight::spread(&self.segment_wins);
        metrics.of_hindsight = of_hindsight(metrics.value, metrics.hindsight_value);
        metrics
    }

    fn utilisation(&self, overspend: Nanos) -> Option<f64> {
        let feasible = self.flight.alone;
        if feasible <= Nanos::ZERO {
            return None;
        }
        let useful = self.flight.spent - overspend;
        let is_close = useful + self.event() >= feasible;
        Some(if is_close { 1.0 } else { useful.ratio_to(feasible).min(1.0) })
    }

    fn dark_hours(&self) -> u64 {
        let event = self.event().max(Nanos::new(1));
        let dark = self.hours.iter().filter(|hour| {
            hour.planned >= event && hour.asks >= 100 && hour.had_budget && hour.bids == 0
        });
        u64::try_from(dark.count()).unwrap_or(u64::MAX)
    }
}

/// All campaigns together: sums, and means weighted by what they are shares of.
#[must_use]
pub fn total(each: &[Metrics]) -> Metrics {
    let sum = |take: fn(&Metrics) -> i64| -> i64 { each.iter().map(take).sum() };
    let count = |take: fn(&Metrics) -> u64| -> u64 { each.iter().map(take).sum() };
    let known_sum = |take: fn(&Metrics) -> Option<i64>| -> Option<i64> {
        each.iter().map(take).sum::<Option<i64>>()
    };
    let mean = |take: fn(&Metrics) -> Option<f64>| {
        let known: Vec<f64> = each.iter().filter_map(take).collect();
        (!known.is_empty()).then(|| known.iter().sum::<f64>() / length(known.len()))
    };
    let spend = sum(|one| one.spend_nanos);
    let share = |part: f64| if spend > 0 { part / amount(i128::from(spend)) } else { 0.0 };
    let weighted = |take: fn(&Metrics) -> f64| -> f64 {
        each.iter().map(|one| take(one) * amount(i128::from(one.spend_nanos))).sum()
    };
    let feasible: f64 = each
        .iter()
        .filter(|one| one.utilisation.is_some())
        .map(|one| amount(i128::from(one.feasible_nanos.unwrap_or(0))))
        .sum();
    let used: f64 = each
        .iter()
        .filter_map(|one| Some(one.utilisation? * amount(i128::from(one.feasible_nanos?))))
        .sum();
    let value = each.iter().map(|one| one.value).sum();
    let hindsight_value = each.iter().map(|one| one.hindsight_value).sum();
    Metrics {
        budget_nanos: known_sum(|one| one.budget_nanos),
        spend_nanos: spend,
        feasible_nanos: known_sum(|one| one.feasible_nanos),
        utilisation: (feasible > 0.0).then(|| used / feasible),
        overspend_nanos: sum(|one| one.overspend_nanos),
        overspend_ratio: share(amount(i128::from(sum(|one| one.overspend_nanos)))),
        overspend_beyond_event_ratio: share(weighted(|one| one.overspend_beyond_event_ratio)),
        plan_error: mean(|one| one.plan_error),
        volatility_per_minute: mean(|one| one.volatility_per_minute),
        minutes_to_95: mean(|one| one.minutes_to_95),
        dark_hours: count(|one| one.dark_hours),
        value,
        hindsight_value,
        best_constant_value: each.iter().map(|one| one.best_constant_value).sum(),
        resolving_value: each.iter().map(|one| one.resolving_value).sum(),
        asks: count(|one| one.asks),
        bids: count(|one| one.bids),
        wins: count(|one| one.wins),
        clicks: count(|one| one.clicks),
        billed_events: count(|one| one.billed_events),
        skipped_for_budget: count(|one| one.skipped_for_budget),
        revenue_nanos: sum(|one| one.revenue_nanos),
        surplus_nanos: sum(|one| one.surplus_nanos),
        segment_spread: mean(|one| one.segment_spread),
        of_hindsight: of_hindsight(value, hindsight_value),
        return_error: mean(|one| one.return_error),
    }
}

/// Value over hindsight value.
pub(super) fn of_hindsight(value: f64, hindsight: Option<f64>) -> Option<f64> {
    hindsight.filter(|best| *best > 0.0).map(|best| value / best)
}
