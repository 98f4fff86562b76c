//! How much is known of the right pace: a filter on the rate of spend, as sure as its events.
//!
//! Equations (16) to (18a) of `docs/CONTROL.md`. The cumulative error needs hours to tell a wrong
//! level from chance; ten events where the plan had one tell it at once. What is known is kept as
//! a number of events: few at a start, so that the first ones move x far, and many later, so that
//! they hardly move it. Adds to the integral part, so there is still one integrator. Called by the
//! default law.

use super::PaceSample;
use super::surprise::Surprises;
use serde::{Deserialize, Serialize};

/// What is known at a start: as much as one event tells, so that the level may well be off by a
/// factor of three either way.
const START: f64 = 1.0;
/// Spend is weighed once it covers so many minutes of traffic time ...
const PERIOD: f64 = 1.0;
/// ... and so many after a hand: who let go expects the law to stay where it was put.
const AFTER_HAND: f64 = 15.0;
/// More events than this in a minute say no more: what is off then is the forecast of that hour,
/// not chance. Twelve an hour make an hour's forecast good to three tenths.
const EVENTS_PER_MINUTE_MAX: f64 = 0.2;
/// The level drifts: variance of its logarithm gained in a minute, a fifth of a factor in a day.
const DRIFT_PER_MINUTE: f64 = 3e-5;
/// Share of a move by which the elasticity may have misled it.
const MOVE_DOUBT: f64 = 0.4;
/// Reports are late and minutes uneven: what is known counts for at least this share of the closed
/// loop's time constant.
const SETTLING_SHARE: f64 = 0.15;
/// Spend counts as off by no more than this at once, in its logarithm: a factor of fifty.
const RATIO_MAX: f64 = 4.0;
/// x counts as no further from the integral part than this, in the logarithm of spend.
const LEAD_MAX: f64 = 3.0;

/// The first guess may be wrong by this in the logarithm of spend, a factor of twelve: what it says
/// within that is let be ...
const GUESS_DOUBT: f64 = 2.5;
/// ... and of what it says beyond, this share is believed.
const GUESS_SHARE: f64 = 0.7;
/// Events from which on the level is known better than the guess could tell it.
const GUESS_WEIGHT: f64 = 4.0;
/// Share of its asks a campaign wins at its full value, before anything is known.
const WON_AT_FULL_VALUE: f64 = 0.5;

/// What is known, and what has not been weighed yet.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub(super) struct Evidence {
    /// Events the standing level is worth.
    weight: f64,
    /// Minutes of traffic time to gather before weighing.
    period: f64,
    /// Traffic time since it was last weighed, in minutes, and what was planned for and spent in
    /// it, in nanos.
    minutes: f64,
    planned: f64,
    spent: f64,
    /// Whether the first guess is still to come.
    is_new: bool,
    surprises: Surprises,
}

impl Evidence {
    /// A guess.
    pub(super) const fn start() -> Self {
        Self {
            weight: START,
            period: PERIOD,
            minutes: 0.0,
            planned: 0.0,
            spent: 0.0,
            is_new: true,
            surprises: Surprises::START,
        }
    }

    /// A hand lay on the wheel: what was spent meanwhile says nothing of the law's own level.
    pub(super) const fn set_aside(&mut self) {
        *self =
            Self { period: AFTER_HAND, surprises: Surprises::START, ..self.weighed(self.weight) };
    }

    /// Nothing gathered, and so much known.
    const fn weighed(self, weight: f64) -> Self {
        Self { weight, is_new: self.is_new, surprises: self.surprises, ..Self::start() }
    }

    /// Events that the standing level is worth.
    pub(super) const fn weight(&self) -> f64 {
        self.weight
    }

    pub(super) fn is_finite(&self) -> bool {
        (self.weight + self.planned + self.spent).is_finite() && self.surprises.is_finite()
    }

    /// How far the integral part moves in a step of `minutes` that ends at `x`, driven from
    /// `integral`. `elasticity` is within its bounds, `settling` in minutes.
    pub(super) fn step(
        &mut self,
        seen: &PaceSample,
        minutes: f64,
        (x, integral): (f64, f64),
        (settling, elasticity): (f64, f64),
    ) -> f64 {
        let is_finite = (seen.planned_rate + seen.spend_rate + seen.presence).is_finite();
        // Where nothing is planned, spend is weighed against nothing: the error alone tells of it.
        if !is_finite || seen.planned_rate <= 0.0 {
            return 0.0;
        }
        self.minutes += minutes;
        // More traffic than was forecast spends more at the right level too.
        self.planned += seen.planned_rate * seen.presence * minutes;
        self.spent += seen.spend_rate.max(0.0) * minutes;
        if self.minutes < self.period || self.planned <= 0.0 {
            return 0.0;
        }
        let guess = self.guess(seen, integral, elasticity);
        let event = seen.day_budget.as_f64() / seen.events.max(1.0);
        let worth = (EVENTS_PER_MINUTE_MAX * event * self.minutes / self.planned).min(1.0) / event;
        let led = libm::exp((elasticity * (x - integral)).clamp(-LEAD_MAX, LEAD_MAX));
        let (planned, spent) = (self.planned * worth, self.spent * worth);
        let standing = self.surprises.step(planned * led, spent, self.minutes);
        let held = if standing > 0.0 { self.weight.min(1.0 / standing) } else { self.weight };
        let weight = held.max(SETTLING_SHARE * settling * planned / self.minutes);
        let off = libm::log((weight + planned * led) / (weight + spent));
        let off = off.clamp(-RATIO_MAX, RATIO_MAX);
        let doubt = (MOVE_DOUBT * off) * (MOVE_DOUBT * off) + DRIFT_PER_MINUTE * self.minutes;
        let known = weight + spent;
        *self = self.weighed(known / (1.0 + known * doubt));
        off / elasticity + guess
    }

    /// CONTROL.md (18a): once, when asks and the price of a win are first known, how far down what
    /// they would cost says the level is. Few events tell it late and at the price of a day.
    fn guess(&mut self, seen: &PaceSample, integral: f64, elasticity: f64) -> f64 {
        if !self.is_new || !seen.reach.is_finite() || seen.reach <= 0.0 {
            return 0.0;
        }
        self.is_new = false;
        if self.weight >= GUESS_WEIGHT {
            return 0.0;
        }
        let over = WON_AT_FULL_VALUE * seen.reach / seen.planned_rate;
        let excess = libm::log(over) + elasticity * integral;
        -GUESS_SHARE * (excess - GUESS_DOUBT).max(0.0) / elasticity
    }
}
