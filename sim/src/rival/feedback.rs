//! Positional PID: Zhang, Rong, Wang, Zhu, Wang, "Feedback control of real-time display
//! advertising", WSDM 2016.
//!
//! (1) e(k) = reference − x(k)
//!
//! (2) φ = λ_P e(k) + λ_I Σ e(j) Δt + λ_D (e(k) − e(k−1)) ÷ Δt
//!
//! (3) bid = base bid × exp(φ), φ kept within bounds
//!
//! The paper controls cumulative averages (cost per click, win rate); here the controlled value is
//! the cumulative spend over the cumulative plan, whose reference is one. 40 rounds a day as in its
//! off-line study; Δt is one round.
//!
//! Broken in the released code, and corrected here: its water-level law is not recursive as its
//! equation (5) is; its integral runs on while φ is clipped (it stands still then); a lower
//! bound of −2 lets no bid fall below a seventh (that of every law here stands instead). Gains are
//! tuned per campaign in the paper; without tuning, λ_P, λ_I, λ_D are 1, 0.1, 0, which is ours.
//! What the paper does not have: the plan starts anew every hour here, and with it x(k) would
//! forget; it is kept by carrying plan and spend on.

use super::slot::Slot;
use super::{Means, Rule};
use paceline_core::pace::PaceSample;
use paceline_core::pace::limit::X_MIN;
use paceline_core::units::Timestamp;
use serde::{Deserialize, Serialize};

/// Errors beyond this count as this: spend of nothing is an error of one.
const ERROR_MAX: f64 = 1.0;

/// The law's settings.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Feedback {
    /// λ_P.
    pub proportional: f64,
    /// λ_I, per round.
    pub integral: f64,
    /// λ_D, in rounds.
    pub derivative: f64,
    /// Length of a round in minutes of traffic time.
    pub round_minutes: f64,
}

impl Default for Feedback {
    fn default() -> Self {
        Self { proportional: 1.0, integral: 0.1, derivative: 0.0, round_minutes: 36.0 }
    }
}

/// Sums since the law began.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct FeedbackMemory {
    /// ln of the base bid's factor.
    base: f64,
    /// Σ e Δt.
    sum: f64,
    /// Of the last round.
    error: f64,
    planned: f64,
    measured: f64,
    slot: Slot,
}

impl Feedback {
    /// (2)
    fn phi(&self, memory: &FeedbackMemory, error: f64) -> f64 {
        self.proportional * error
            + self.integral * memory.sum
            + self.derivative * (error - memory.error)
    }
}

impl Rule for Feedback {
    type Memory = FeedbackMemory;

    fn means(&self) -> Means {
        Means::Bids
    }

    fn start(&self, x0: f64) -> (FeedbackMemory, f64) {
        let slot = Slot::default();
        let memory =
            FeedbackMemory { base: x0, sum: 0.0, error: 0.0, planned: 0.0, measured: 0.0, slot };
        (memory, x0)
    }

    fn step(
        &self,
        memory: &mut FeedbackMemory,
        _now: Timestamp,
        seen: &PaceSample,
        minutes: f64,
        x: f64,
    ) -> f64 {
        let Some(sums) = memory.slot.step(seen, minutes, self.round_minutes) else { return x };
        memory.planned += sums.planned;
        memory.measured += sums.measured;
        if memory.planned <= 0.0 {
            return x;
        }
        let error = (1.0 - memory.measured / memory.planned).clamp(-ERROR_MAX, ERROR_MAX);
        let free = memory.base + self.phi(memory, error);
        let is_stuck = (free >= 0.0 && error > 0.0) || (free <= X_MIN && error < 0.0);
        if !is_stuck {
            memory.sum += error;
        }
        let said = memory.base + self.phi(memory, error);
        memory.error = error;
        said
    }

    /// The base bid becomes what makes the sum `x`.
    fn place(&self, memory: &mut FeedbackMemory, x: f64) {
        memory.base = x - self.phi(memory, memory.error);
    }

    fn rebase(&self, memory: &mut FeedbackMemory, before: &PaceSample, after: &PaceSample) {
        memory.slot.rebase(before, after);
    }
}
