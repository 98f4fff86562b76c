//! The value of an oracle for small campaigns: it knows what the market sells at which multiplier
//! and the course of traffic and prices, and its luck in single auctions no sooner than anybody.
//!
//! Once a minute it takes the constant multiplier that would spend what is left over what is left
//! of the window, and bids by it in the very auctions of the run, at the prices of the run. A
//! clairvoyant knapsack picks the few best auctions of a day, which no one can do; this oracle does
//! not, so that a law can be as good. Filled by the tally, auction by auction.

use crate::market::Market;
use crate::market::billing::{Billing, Charge};
use crate::market::buyer::Buyer;
use crate::number::{amount, length, place};
use crate::scenario::CampaignPlan;
use paceline_core::bid::AuctionType;
use paceline_core::units::{CpmMicros, Nanos, Span, Timestamp, Window};
use std::ops::Range;

/// Typical auctions it learns the market from: of a hundredth that is won, spend is met within a
/// tenth, and the multiplier within some hundredths.
const SAMPLE: u64 = 16_384;
/// How many of them tell whether a campaign may be small.
const GLANCE: u64 = 1_024;
/// The first of them, after those that set the values' scale.
const FIRST: u64 = 8_192;
/// Steps of the multiplier to a doubling.
const FINENESS: f64 = 32.0;
/// Steps in all: six doublings below the greatest multiplier; the last holds all that is cheaper.
const STEPS: usize = 192;
/// Billing events a day from which on a campaign is not small: luck is then little, and the
/// oracles that know the whole run are within reach.
const EVENTS_MOST: f64 = 200.0;

/// What is sold at which multiplier: by step, the greatest multiplier first, in nanos the cost of
/// what is won in that step alone; its worth where winners pay their bids.
type Curve = Vec<f64>;

/// A stretch of time with money of its own.
#[derive(Debug, Clone)]
struct Purse {
    window: Window,
    cap: Nanos,
    spent: Nanos,
}

/// The oracle's run.
#[derive(Debug, Clone)]
pub struct Resolving {
    rule: Rule,
    purses: Vec<Purse>,
    start: Timestamp,
    /// By hour of the flight.
    hours: Vec<Curve>,
    /// All hours after that of the last answer, within its purse.
    later: Curve,
    /// Purse and minute of the flight of the last answer.
    answered: Option<(usize, usize)>,
    multiplier: f64,
    value: f64,
}

/// How prices are made, and how high bids may go.
#[derive(Debug, Clone, Copy)]
struct Rule {
    is_first_price: bool,
    /// The greatest multiplier.
    most: f64,
}

impl Resolving {
    /// An oracle for a campaign alone against a modelled market, with a cap for each of its
    /// windows; `None` where it is not small.
    #[must_use]
    pub fn try_new(
        plan: &CampaignPlan,
        buyer: &Buyer,
        market: &Market,
        windows: &[(Window, Nanos)],
    ) -> Option<Self> {
        let flight = plan.spec.budgets.flights[0].window;
        let student =
            Student { flight, most: plan.spec.multiplier_max.ppm().as_f64(), buyer, market };
        let budget = windows.iter().map(|(_, cap)| cap.as_f64()).sum();
        let most = EVENTS_MOST * flight.span().ratio_to(Span::DAY).max(1.0);
        // A glance tells most campaigns that are large.
        if student.learn(FIRST..FIRST + GLANCE).events(budget) > 2.0 * most {
            return None;
        }
        let learnt = student.learn(FIRST..FIRST + SAMPLE);
        let is_small = learnt.events(budget) < most;
        let purse = |&(window, cap): &(Window, Nanos)| Purse { window, cap, spent: Nanos::ZERO };
        is_small.then(|| Self {
            rule: learnt.rule,
            purses: windows.iter().map(purse).collect(),
            start: flight.start(),
            hours: learnt.hours,
            later: Curve::new(),
            answered: None,
            multiplier: 0.0,
            value: 0.0,
        })
    }

    /// A window's cap changed.
    pub fn set_cap(&mut self, window: usize, cap: Nanos) {
        self.purses[window].cap = cap;
    }

    /// An auction: what it is worth, the price to beat, and what is billed for it at the greatest
    /// multiplier, if anything.
    pub fn add(
        &mut self,
        at: Timestamp,
        value: CpmMicros,
        min_to_win: CpmMicros,
        billed: Option<Charge>,
    ) {
        let inside = |purse: &Purse| purse.window.contains(at);
        let Some(now) = self.purses.iter().position(inside) else { return };
        let minute = place((at - self.start).ratio_to(Span::MINUTE), usize::MAX);
        if self.answered != Some((now, minute)) {
            self.answer(now, minute);
        }
        let value = value.per_impression().as_f64();
        if self.multiplier * value <= min_to_win.per_impression().as_f64() {
            return;
        }
        let share = if self.rule.is_first_price { self.multiplier / self.rule.most } else { 1.0 };
        let cost = billed.map_or(Nanos::ZERO, |charge| charge.price.scaled_down(share));
        let purse = &mut self.purses[now];
        if purse.spent + cost <= purse.cap {
            purse.spent += cost;
            self.value += value;
        }
    }

    /// The value it had, in units of currency.
    #[must_use]
    pub fn value(&self) -> f64 {
        self.value / 1e9
    }

    /// Takes the multiplier for a minute of the flight.
    fn answer(&mut self, now: usize, minute: usize) {
        let hour = (minute / 60).min(self.hours.len() - 1);
        if self.answered.is_none_or(|(purse, last)| purse != now || last / 60 != minute / 60) {
            let end = self.purses[now].window.end();
            let hours = (end - self.start).ratio_to(Span::HOUR).ceil();
            let last = place(hours, self.hours.len() + 1).max(hour + 1);
            let sum = |step: usize| self.hours[hour + 1..last].iter().map(|one| one[step]).sum();
            self.later = (0..STEPS).map(sum).collect();
        }
        self.answered = Some((now, minute));
        let rest = 1.0 - length(minute % 60) / 60.0;
        let ahead = self.later.iter().zip(&self.hours[hour]);
        let ahead: Curve = ahead.map(|(later, running)| later + rest * running).collect();
        let purse = &self.purses[now];
        self.multiplier = self.rule.answer(&ahead, (purse.cap - purse.spent).as_f64());
    }
}

/// Who learns a market for a campaign.
struct Student<'a> {
    flight: Window,
    /// The greatest multiplier.
    most: f64,
    buyer: &'a Buyer,
    market: &'a Market,
}

/// What a market sells over a flight.
struct Learnt {
    rule: Rule,
    hours: Vec<Curve>,
    /// Billing events by step, over the whole flight.
    events: Curve,
}

impl Student<'_> {
    /// Learns from these typical auctions.
    fn learn(&self, numbers: Range<u64>) -> Learnt {
        let (start, span) = (self.flight.start(), self.flight.span());
        let count = place(span.ratio_to(Span::HOUR), usize::MAX) + 1;
        let mut rule = Rule { is_first_price: false, most: self.most };
        let mut hours = vec![vec![0.0; STEPS]; count];
        let mut events = vec![0.0; STEPS];
        let mut frequency = 0.0;
        for n in numbers {
            let (auction, weight) = self.market.typical(&self.buyer.segments, start, span, n);
            frequency += weight;
            rule.is_first_price = auction.auction_type == AuctionType::FirstPrice;
            let offer = self.buyer.offer(&auction);
            let price = auction.min_to_win(CpmMicros::ZERO);
            let Some(step) = rule.step(offer.value, price) else { continue };
            let paid = if rule.is_first_price { offer.value } else { price };
            let hour = place((auction.at - start).ratio_to(Span::HOUR), count);
            let cost = self.buyer.really(paid, &auction).per_impression().as_f64();
            hours[hour][step] += weight * cost;
            events[step] += match self.buyer.billing {
                Billing::Impression => weight,
                Billing::Click { .. } => weight * offer.probability.as_f64(),
            };
        }
        let expected = self.market.expected(&self.buyer.segments, start, span);
        let each = expected * self.buyer.reach / frequency.max(f64::MIN_POSITIVE);
        for one in hours.iter_mut().flatten().chain(&mut events) {
            *one *= each;
        }
        Learnt { rule, hours, events }
    }
}

impl Learnt {
    /// Billing events that a budget for the whole flight buys at a constant multiplier.
    fn events(&self, budget: f64) -> f64 {
        let flight = (0..STEPS).map(|step| self.hours.iter().map(|hour| hour[step]).sum());
        let multiplier = self.rule.answer(&flight.collect::<Curve>(), budget);
        let won = (0..STEPS).filter(|&step| self.rule.edge(step) <= multiplier);
        won.map(|step| self.events[step]).sum()
    }
}

impl Rule {
    /// The step in which a value wins against a price, if it can.
    fn step(self, value: CpmMicros, price: CpmMicros) -> Option<usize> {
        let real = |price: CpmMicros| amount(i128::from(price.get()));
        let (most, price) = (self.most * real(value), real(price).max(1.0));
        (most > price).then(|| place(FINENESS * libm::log2(most / price), STEPS))
    }

    /// The lower edge of a step; all that is cheaper is in the last.
    fn edge(self, step: usize) -> f64 {
        self.most * libm::exp2(-length(step + 1) / FINENESS)
    }

    /// The multiplier at which so much is spent, at most the greatest; within a step along a
    /// straight line.
    fn answer(self, curve: &Curve, left: f64) -> f64 {
        let (mut won, mut before) = (0.0, 0.0);
        for step in (0..STEPS).rev() {
            let edge = self.edge(step);
            let upper = edge * libm::exp2(1.0 / FINENESS);
            won += curve[step];
            let spent = if self.is_first_price { upper * won } else { won };
            if spent > left {
                let share = ((left - before) / (spent - before)).max(0.0);
                return edge * libm::exp2(share / FINENESS);
            }
            before = spent;
        }
        self.most
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn curve(steps: &[(usize, f64)]) -> Curve {
        let mut curve = vec![0.0; STEPS];
        for &(step, cost) in steps {
            curve[step] += cost;
        }
        curve
    }

    #[test]
    fn the_multiplier_spends_what_is_left() {
        let rule = Rule { is_first_price: false, most: 1.0 };
        // A doubling is 32 steps: 10 is sold below a quarter, 10 more from there to a half.
        let market = curve(&[(64, 10.0), (63, 5.0), (32, 5.0), (0, 100.0)]);
        let at = |left| rule.answer(&market, left);
        assert!((at(10.0) - 0.25).abs() < 0.25 * 0.03, "{}", at(10.0));
        assert!((at(17.5) - 0.5 * libm::exp2(-0.5 / FINENESS)).abs() < 1e-9, "{}", at(17.5));
        assert!((at(200.0) - 1.0).abs() < 1e-12 && at(0.0) < 0.25);
    }

    #[test]
    fn a_winner_that_pays_its_bid_spends_with_its_multiplier() {
        let rule = Rule { is_first_price: true, most: 1.0 };
        // What is worth 40 is won from a quarter on: at a half it costs 20.
        let market = curve(&[(64, 40.0)]);
        assert!((rule.answer(&market, 19.9) - 0.5).abs() < 0.5 * 0.03);
    }
}
