//! Cold start: a law that has not met its pace yet looks for it by rate.
//!
//! Equations (16) to (18) of `docs/CONTROL.md`. The cumulative error needs hours to tell a start at
//! a third of the right pace from chance; the rate tells it in minutes, once a few events have been
//! seen. Adds to the integral part, so there is still one integrator, and falls silent for good
//! after one time constant of the closed loop. Called by the default law.

use super::PaceSample;
use super::limit;
use serde::{Deserialize, Serialize};

/// Events that should have come within the memory before the rate is believed.
const EVENTS: f64 = 4.0;
/// The memory is never shorter than this share of the closed loop's time constant ...
const SETTLING_SHARE: f64 = 0.05;
/// ... nor, in minutes, than what a report takes on its way.
const MEMORY_MIN: f64 = 1.0;
/// The search has a time constant of so many memories: reports may be a memory late, or the
/// elasticity be guessed too low by two, and the pace is hardly overshot.
const PACE: f64 = 3.0;
/// The pace counts as off by no more than this, in its logarithm: a factor of twenty.
const RATIO_MAX: f64 = 3.0;
/// Off by less than this it is the closed loop's business.
const RATIO_MIN: f64 = 0.1;

/// Planned and spent of late.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub(super) struct Search {
    /// Traffic time searched, in minutes.
    gone: f64,
    /// What the plan would have had spent of late if `x` were right, and what was, in nanos, both
    /// forgetting alike.
    planned: f64,
    spent: f64,
    /// The output `planned` is told for.
    x: f64,
}

impl Search {
    /// Nothing found yet.
    pub(super) const fn start() -> Self {
        Self { gone: 0.0, planned: 0.0, spent: 0.0, x: 0.0 }
    }

    /// What came before says nothing of what comes: a hand lay on the wheel. A search that is over
    /// stays over.
    pub(super) fn restart(&mut self, settling: f64) {
        if self.gone < settling {
            *self = Self::start();
        }
    }

    pub(super) fn is_finite(&self) -> bool {
        (self.planned + self.spent).is_finite()
    }

    /// How far the integral part moves in a step of `minutes` that ends at the output `x`;
    /// `elasticity` within its bounds.
    pub(super) fn step(
        &mut self,
        seen: &PaceSample,
        minutes: f64,
        x: f64,
        (settling, elasticity): (f64, f64),
    ) -> f64 {
        let rate = seen.planned_rate;
        if self.gone >= settling {
            return 0.0;
        }
        if !(rate > 0.0 && rate.is_finite() && seen.spend_rate.is_finite()) {
            return 0.0;
        }
        let event = seen.day_budget.as_f64() / seen.events.max(1.0);
        let memory =
            (EVENTS * event / rate).max(SETTLING_SHARE * settling).min(settling).max(MEMORY_MIN);
        let kept = libm::exp(-minutes / memory);
        let fresh = memory * (1.0 - kept);
        let moved = libm::exp(elasticity * (self.x - x));
        self.x = x;
        self.planned = self.planned * moved * kept + rate * fresh;
        self.spent = self.spent * kept + seen.spend_rate.max(0.0) * fresh;
        self.gone += minutes;
        // A memory's length is waited for, so that money on its way does not read as missing; too
        // few events say less than the error does.
        let trust = ((self.gone - 0.5 * minutes) / memory - 1.0).clamp(0.0, 1.0);
        if trust == 0.0 || PACE * memory >= settling {
            return 0.0;
        }
        let ratio = libm::log((self.planned + event) / (self.spent + event));
        // Chance alone puts it off by one over the root of the events.
        let chance = (event / self.planned).sqrt().min(1.0);
        let off = limit::dead_zone(ratio.clamp(-RATIO_MAX, RATIO_MAX), chance.max(RATIO_MIN));
        let share = 1.0 - libm::exp(-minutes / (PACE * memory));
        trust * share * off / elasticity
    }
}
