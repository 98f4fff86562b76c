//! What a window's spend will come to: a band that holds four times in five, and the chance that
//! money is left over.
//!
//! Pure: a [`Prospect`] in, a [`Forecast`] out. It decides nothing and is asked for only when
//! somebody wants to know, so that it may cost a few microseconds. Knows no owners and no plans;
//! the engine says what is left and what traffic lies ahead. CONTROL.md (21) to (27).

mod course;
mod odds;

pub use course::{Course, Level};

use crate::budget::Horizon;
use crate::normal;
use crate::units::{Nanos, Timestamp, Window};
use odds::Spread;
use serde::{Deserialize, Serialize};

/// How often the band is to hold.
pub const HOLDS: f64 = 0.8;
/// A budget of which less than this share is spent has money left over.
pub const SHORT_BELOW: f64 = 0.98;

/// Events that what is planned is worth as a first guess of the level ...
const GUESS_EVENTS: f64 = 0.5;
/// ... and how many times the plan can be spent at full multiplier by that guess.
const GUESS_TIMES: f64 = 2.0;
/// What is taken for granted of an hour's spend before any is seen: its relative variance beyond
/// that of its events, and how much of it is left in the next hour.
const USUAL: Hours = Hours { noise: 0.12, echo: 0.7 };
/// The same where the course of traffic over the day is not known.
const UNSHAPED: Hours = Hours { noise: 0.3, echo: 0.95 };
/// Hours tell of their noise as so many times fewer would that knew nothing of each other.
const HOURS_TELL: f64 = 0.15;
/// The most of an hour's noise that may be left in the next.
const ECHO_MAX: f64 = 0.97;
/// Share of a way yet to go in x by which the elasticity may mislead.
pub const ELASTICITY_DOUBT: f64 = 0.3;
/// The parts of the variance overlap, since hours are noisy by their events too: this share of
/// their sum is found again ...
const VARIANCE_SHARE: f64 = 0.85;
/// ... and supply is foreseen low by so many deviations: what was learnt at low bids lags behind.
const LEANING: f64 = 0.2;
/// What is left of a budget that could be spent, on average: so many events, for want of one that
/// fits ...
const LEFT_EVENTS: f64 = 0.7;
/// ... and such a share of the budget.
const LEFT_SHARE: f64 = 0.0004;
/// A window's portion of a longer plan is missed by this share, on average downwards ...
const PLAN_LAG: f64 = 0.015;
/// ... with this deviation, and such a share of the variance of its events.
const PLAN_DOUBT: f64 = 0.03;
const PLAN_EVENTS: f64 = 0.4;
/// Halvings of the range of an answer.
const HALVINGS: usize = 48;

/// What is left of one local day, or of all time ahead.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct DayAhead {
    /// Expected traffic, in days of the shape's mean traffic.
    pub traffic: f64,
    /// What a cap leaves for it; absent where there is none.
    pub room: Option<Nanos>,
}

/// All that a forecast is made of.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Prospect {
    /// Of which kind the window is.
    pub horizon: Horizon,
    /// Which window.
    pub window: Window,
    /// Spend is known up to here.
    pub seen_to: Timestamp,
    /// Spent and in flight in the window, in nanos.
    pub drawn: Nanos,
    /// Its budget, in nanos.
    pub budget: Option<Nanos>,
    /// What its budgets still allow in it, in nanos.
    pub room: Option<Nanos>,
    /// What a plan that goes beyond it still has in it, in nanos.
    pub portion: Option<Nanos>,
    /// What lies ahead, in order.
    pub ahead: Vec<DayAhead>,
    /// What is known of the rate.
    pub level: Level,
    /// Whether the course of traffic is known.
    pub is_shaped: bool,
    /// ln(multiplier × participation) now.
    pub x: f64,
    /// The highest it can be from here on.
    pub x_most: f64,
    /// Somebody else than its own budget holds it there.
    pub is_held: bool,
    /// d ln(spend) / d ln(multiplier), as the laws take it.
    pub elasticity: f64,
    /// Spend at `x_most` over that at `x`, and the deviation of its logarithm, where more is known
    /// of it than the elasticity.
    pub lift: Option<(f64, f64)>,
    /// How much of the noise beyond that of events is to be reckoned with, as a share of its
    /// deviation: one for windows that are judged to their end, less for those that begin now.
    pub noise: f64,
    /// Mean price of a billing event in nanos; 0 if unknown.
    pub event_price: f64,
    /// The dearest and the cheapest recent ones, in nanos.
    pub event_prices: (f64, f64),
    /// Billed ÷ expected.
    pub calibration: f64,
    /// What is planned for a day of mean traffic from now on, in nanos.
    pub planned: f64,
    /// Standard deviation of what is in flight, in nanos.
    pub in_flight_doubt: f64,
}

/// What will keep spend from being higher.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Limit {
    /// Its own budgets.
    Budget,
    /// What there is to buy at its highest bids.
    Supply,
    /// A hand, a return target, or another owner's budget.
    Held,
}

impl Limit {
    /// The word for it in reports and on the wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Budget => "budget",
            Self::Supply => "supply",
            Self::Held => "held",
        }
    }
}

/// What the spend of a window will come to.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Forecast {
    /// Of which kind the window is.
    pub horizon: Horizon,
    /// Which window.
    pub window: Window,
    /// Its budget, in nanos.
    pub budget: Option<Nanos>,
    /// One time in ten it is less, in nanos.
    pub low: Nanos,
    /// As likely more as less, in nanos.
    pub middle: Nanos,
    /// One time in ten it is more, in nanos.
    pub high: Nanos,
    /// How likely less than [`SHORT_BELOW`] of the budget is spent, 0 to 1.
    pub short: Option<f64>,
    /// What keeps it from being higher.
    pub limit: Limit,
}

impl Forecast {
    /// Makes one.
    #[must_use]
    pub fn of(prospect: &Prospect) -> Self {
        let odds = Odds::of(prospect);
        let tail = (1.0 - HOLDS) / 2.0;
        let short = prospect.budget.map(|budget| 1.0 - odds.reach(SHORT_BELOW * budget.as_f64()));
        let bounds = [prospect.room, prospect.portion].into_iter().flatten();
        let is_short = bounds.min().is_none_or(|least| !odds.is_likely(least.as_f64()));
        let limit = match (is_short, prospect.is_held) {
            (false, _) => Limit::Budget,
            (true, true) => Limit::Held,
            (true, false) => Limit::Supply,
        };
        Self {
            horizon: prospect.horizon,
            window: prospect.window,
            budget: prospect.budget,
            low: odds.amount(tail),
            middle: odds.amount(0.5),
            high: odds.highest(1.0 - tail),
            short,
            limit,
        }
    }
}

/// The odds of a window's final spend. CONTROL.md (26).
struct Odds<'a> {
    drawn: f64,
    /// What could be bought from here on, were money no object.
    supply: Spread,
    ahead: &'a [DayAhead],
    /// The most that budgets allow the final spend to be, and what is left of it on average.
    most: Option<(f64, f64)>,
    /// What the plan has spend from here on be, and the relative deviation from it.
    portion: Option<(f64, f64)>,
    /// The share of it that is missed on average.
    lag: f64,
}

impl<'a> Odds<'a> {
    fn of(prospect: &'a Prospect) -> Self {
        let drawn = prospect.drawn.as_f64();
        let price = prospect.event_price;
        let bound = |room: Nanos| {
            let most = drawn + room.at_least_zero().as_f64();
            (most, (LEFT_EVENTS * price + LEFT_SHARE * most).max(1.0))
        };
        let deviation = |portion: Nanos| {
            let portion = portion.at_least_zero().as_f64().max(1.0);
            let events = PLAN_EVENTS * price / portion;
            let doubt = PLAN_DOUBT * prospect.noise;
            (portion, libm::sqrt(doubt * doubt + events))
        };
        Self {
            drawn,
            supply: supply(prospect),
            ahead: &prospect.ahead,
            most: prospect.room.map(bound),
            portion: prospect.portion.map(deviation),
            lag: PLAN_LAG * prospect.noise * prospect.noise,
        }
    }

    /// Whether supply for so much spend is likelier than not.
    fn is_likely(&self, spend: f64) -> bool {
        spend <= 0.0 || self.supply_for(spend).is_some_and(|needed| self.supply.below(needed) < 0.5)
    }

    /// How likely the final spend is at least this.
    fn reach(&self, amount: f64) -> f64 {
        if amount <= self.drawn {
            return 1.0;
        }
        let spend = amount - self.drawn;
        let fits = self.most.map_or(1.0, |(most, left)| {
            if amount < most { 1.0 - libm::exp((amount - most) / left) } else { 0.0 }
        });
        let is_planned = self.portion.map_or(1.0, |(portion, deviation)| {
            normal::chance((1.0 - self.lag - spend / portion) / deviation)
        });
        if fits * is_planned <= 0.0 {
            return 0.0;
        }
        let is_supplied = self.supply_for(spend).map_or(0.0, |need| 1.0 - self.supply.below(need));
        fits * is_planned * is_supplied
    }

    /// What supply there must be for so much spend under the days' caps; nothing when they do not
    /// allow it.
    fn supply_for(&self, spend: f64) -> Option<f64> {
        let traffic: f64 = self.ahead.iter().map(|day| day.traffic).sum();
        if self.ahead.iter().all(|day| day.room.is_none()) {
            return (traffic > 0.0).then_some(spend);
        }
        let spend_of = |supply: f64| -> f64 {
            let of_day = |day: &DayAhead| {
                let supply = supply * day.traffic / traffic;
                day.room.map_or(supply, |room| supply.min(room.as_f64()))
            };
            self.ahead.iter().map(of_day).sum()
        };
        let (mut least, mut most) = (0.0, self.supply.mean.max(spend) * 1e3);
        if traffic <= 0.0 || spend_of(most) < spend {
            return None;
        }
        for _ in 0..HALVINGS {
            let middle = 0.5 * (least + most);
            if spend_of(middle) < spend { least = middle } else { most = middle }
        }
        Some(most)
    }

    /// The same, and the whole budget where what is left of it is for want of a fitting event.
    fn highest(&self, chance: f64) -> Nanos {
        let amount = self.amount(chance);
        match self.most {
            Some((most, left)) if amount.as_f64() >= most - left => Nanos::floor_from(most),
            _ => amount,
        }
    }

    /// The amount below which the final spend is with this chance.
    fn amount(&self, chance: f64) -> Nanos {
        let Spread { mean, relative_variance } = self.supply;
        let far = mean * (1.0 + 5.0 * libm::sqrt(relative_variance) + 3.0 * relative_variance);
        let (mut least, mut most) = (self.drawn, self.drawn + far);
        most = self.most.map_or(most, |(bound, _)| most.min(bound)).max(least);
        for _ in 0..HALVINGS {
            let middle = 0.5 * (least + most);
            if 1.0 - self.reach(middle) < chance { least = middle } else { most = middle }
        }
        Nanos::floor_from(least)
    }
}

/// What can be bought with the traffic ahead at the highest multiplier. CONTROL.md (23) to (25).
fn supply(prospect: &Prospect) -> Spread {
    let Prospect { level, x, x_most, elasticity, noise, .. } = *prospect;
    let ahead: f64 = prospect.ahead.iter().map(|day| day.traffic).sum();
    let price = if prospect.event_price > 0.0 {
        prospect.event_price * price_spread(prospect.event_prices)
    } else {
        (prospect.planned / 100.0).max(1.0)
    };
    let (lift, way) = match prospect.lift {
        Some((ratio, doubt)) => (libm::exp(elasticity * x) * ratio, doubt),
        None => {
            let way = elasticity * ELASTICITY_DOUBT * (x_most - x).max(0.0);
            (libm::exp(elasticity * x_most), way)
        }
    };
    let lift = lift * prospect.calibration;
    let guess = (GUESS_TIMES * prospect.planned).max(1.0);
    // The first guess of the rate is worth half an event.
    let spend = level.spend * lift + GUESS_EVENTS * price;
    let mass = level.mass + GUESS_EVENTS * price / guess;
    let mean = spend / mass * ahead;
    if mean <= 0.0 {
        return Spread { mean: 0.0, relative_variance: 0.0 };
    }
    // Events that the rate was learnt from.
    let seen = level.spend * prospect.calibration / price;
    let events = 1.0 / (seen + GUESS_EVENTS) + price / mean;
    let per_day = if level.mass > 0.0 { seen / level.mass } else { 0.0 };
    let usual = if prospect.is_shaped { USUAL } else { UNSHAPED };
    let hours = Hours::of(&level, usual, per_day);
    let doubt = prospect.in_flight_doubt / mean;
    let variance = events
        + noise * noise * hours.between(24.0 * level.noise_mass.max(level.mass), 24.0 * ahead)
        + way * way
        + doubt * doubt;
    let relative_variance = VARIANCE_SHARE * variance;
    let leaning = LEANING * noise * libm::sqrt(relative_variance.min(1.0));
    Spread { mean: mean * (1.0 + leaning), relative_variance }
}

/// Mean of the squares over the square of the mean of prices of which some hundred recent ones lie
/// between these two, were their logarithms normal: those reach two deviations either way.
fn price_spread((dearest, cheapest): (f64, f64)) -> f64 {
    if cheapest <= 0.0 || dearest <= cheapest {
        return 1.0;
    }
    let deviation = (libm::log(dearest / cheapest) / 4.0).min(1.5);
    libm::exp(deviation * deviation)
}

/// How noisy hours of spend are beyond their events.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Hours {
    /// Relative variance of an hour.
    noise: f64,
    /// How much of its deviation an hour hands on to the next, in `[0, 1)`.
    echo: f64,
}

impl Hours {
    /// What was seen, as far as it tells, and else the usual.
    fn of(level: &Level, usual: Self, events_per_day: f64) -> Self {
        let of_events = 24.0 / events_per_day.max(1e-3);
        // How well so many squares of deviations tell their mean.
        let hours = HOURS_TELL * 24.0 * level.noise_mass;
        let chance = 2.0 * (of_events + usual.noise) * (of_events + usual.noise);
        let prior = usual.noise * usual.noise;
        let trust = if hours > 0.0 { prior / (prior + chance / hours) } else { 0.0 };
        let blend = |seen: f64, usual: f64| trust * seen + (1.0 - trust) * usual;
        let noise = blend((24.0 * level.noise - of_events).max(0.0), usual.noise);
        let echo = blend(24.0 * level.echo, usual.echo * usual.noise);
        let echo = if noise > 0.0 { (echo / noise).clamp(0.0, ECHO_MAX) } else { 0.0 };
        Self { noise, echo }
    }

    /// Variance of the mean of `after` hours less that of the `before` hours that precede them.
    fn between(self, before: f64, after: f64) -> f64 {
        let (before, after) = (before.max(1.0), after.max(1.0));
        let Self { noise, echo } = self;
        let rest = 1.0 - echo;
        let gone = |hours: f64| 1.0 - libm::pow(echo, hours);
        let of = |hours: f64| {
            let apart = (1.0 + echo) / rest * hours;
            (apart - 2.0 * echo * gone(hours) / (rest * rest)) / (hours * hours)
        };
        let both = echo * gone(before) * gone(after) / (rest * rest * before * after);
        noise * (of(before) + of(after) - 2.0 * both).max(0.0)
    }
}

#[cfg(test)]
mod tests;
