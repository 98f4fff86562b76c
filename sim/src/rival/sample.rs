//! Tracking a target by one sample: Balseiro, Kumar, Mirrokni, Sivan, Wang, "Robust budget pacing
//! with a single sample", ICML 2023. A reconstruction.
//!
//! One historical trace gives the price at which it would have spent the budget,
//!
//! (1) µ~ = argmin over µ of µ·B + Σ max over x of (f(x) − µ·b(x)),
//!
//! and with it the target of each period, what the trace spends at µ~. The target is then tracked
//! by dual follow-the-regularised-leader over what was missed so far:
//!
//! (2) µ(t+1) = argmin over µ' in [0, κ] of η ⟨Σ g, µ'⟩ + h(µ'), g = target − spend
//!
//! With h = (µ' − µ~)² ÷ 2 that is
//!
//! (3) µ(t+1) = clip(µ~ − η Σ g, 0, κ),
//!
//! proportional action on the cumulative error around the price of the past.
//!
//! What is not the paper's: a law here gets no trace but a plan; the plan, made from the shape of
//! past traffic, stands for the targets, and µ~ is the last day's mean of the prices that were
//! applied, weighted by planned spend, or where it started on a first day. Σ g is taken in
//! day-equivalent budgets; with η = 1 ÷ √T per period and g relative to B ÷ T, (3) moves µ by √T
//! times the missed share of a day.

use super::descent::{mu_of, x_of};
use super::{Means, Rule, behind};
use paceline_core::pace::PaceSample;
use paceline_core::pace::limit::X_MIN;
use paceline_core::units::Timestamp;
use serde::{Deserialize, Serialize};

/// Minutes in a day: periods T, and what µ~ is learnt over.
const DAY: f64 = 1_440.0;

/// The law's settings.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Sample {
    /// η·√T: how far µ moves for a whole day's budget missed. √1440 for periods of a minute.
    pub gain: f64,
}

impl Default for Sample {
    fn default() -> Self {
        Self { gain: DAY.sqrt() }
    }
}

/// The price of the past, and what today's mean will be made of.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct SampleMemory {
    /// µ~.
    past: f64,
    /// Σ µ × planned spend, and Σ planned spend, since the day began.
    weighed: f64,
    weight: f64,
    minutes: f64,
}

impl Rule for Sample {
    type Memory = SampleMemory;

    fn means(&self) -> Means {
        Means::Bids
    }

    fn start(&self, x0: f64) -> (SampleMemory, f64) {
        let past = mu_of(x0);
        (SampleMemory { past, weighed: 0.0, weight: 0.0, minutes: 0.0 }, x_of(past))
    }

    fn step(
        &self,
        memory: &mut SampleMemory,
        _now: Timestamp,
        seen: &PaceSample,
        minutes: f64,
        x: f64,
    ) -> f64 {
        let planned = seen.planned_rate.max(0.0) * minutes;
        memory.weighed += mu_of(x) * planned;
        memory.weight += planned;
        memory.minutes += minutes;
        if memory.minutes >= DAY && memory.weight > 0.0 {
            memory.past = memory.weighed / memory.weight;
            (memory.weighed, memory.weight, memory.minutes) = (0.0, 0.0, 0.0);
        }
        x_of((memory.past - self.gain * behind(seen)).clamp(0.0, mu_of(X_MIN)))
    }

    fn place(&self, memory: &mut SampleMemory, x: f64) {
        memory.past = mu_of(x);
    }

    /// The error begins anew at zero with a new plan; the price stays what it was.
    fn rebase(&self, memory: &mut SampleMemory, before: &PaceSample, after: &PaceSample) {
        memory.past =
            (memory.past - self.gain * (behind(before) - behind(after))).clamp(0.0, mu_of(X_MIN));
    }
}
