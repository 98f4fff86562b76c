//! Dual mirror descent: Balseiro, Lu, Mirrokni, "Dual mirror descent for online allocation
//! problems", ICML 2020 and Operations Research 2023.
//!
//! A price µ ≥ 0 on budget; after each period the gradient is what was planned less what was
//! spent, g = ρ − z, and
//!
//! (1) µ ← argmin over µ' ≥ 0 of ⟨g, µ'⟩ + V_h(µ', µ) ÷ η
//!
//! (2) h = µ² ÷ 2 (Euclidean): µ ← max(0, µ − η g)
//!
//! (3) h = µ ln µ (entropy): µ ← µ · exp(−η g)
//!
//! A bidder with price µ bids value ÷ (1 + µ) (Balseiro and Gur, Management Science 2019):
//!
//! (4) λ = 1 ÷ (1 + µ)
//!
//! g is taken relative to ρ, so that η has no unit; a period is a minute and η = 1 ÷ √1440, the
//! order the regret bound asks for. ρ is the plan's spend of the minute, not budget ÷ periods: with
//! a plan that follows traffic the constant one overspends at noon.
//!
//! Left open or broken as published, and settled here: zero is absorbing for (3) and the printed
//! start is zero (µ starts where the engine starts its laws, and is never below [`MU_MIN`]); a
//! single heavy minute may throw (3) arbitrarily far (relative g is clipped to ±[`GRADIENT_MAX`]).

use super::slot::Slot;
use super::{Means, Rule};
use paceline_core::pace::PaceSample;
use paceline_core::pace::limit::X_MIN;
use paceline_core::units::Timestamp;
use serde::{Deserialize, Serialize};

/// Least µ of the entropy form.
pub(super) const MU_MIN: f64 = 1e-4;
/// Relative gradients beyond this count as this: a hundredfold minute.
pub(super) const GRADIENT_MAX: f64 = 100.0;
/// Length of a period in minutes.
const PERIOD: f64 = 1.0;

/// The distance V_h.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Geometry {
    /// (2)
    Euclidean,
    /// (3)
    Entropy,
}

/// The law's settings.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Descent {
    /// (2) or (3).
    pub geometry: Geometry,
    /// η per period of a minute.
    pub step: f64,
}

impl Descent {
    /// With a step of 1 ÷ √1440.
    #[must_use]
    pub fn of(geometry: Geometry) -> Self {
        Self { geometry, step: 1.0 / 1_440.0_f64.sqrt() }
    }

    /// (2) or (3), for a relative gradient.
    #[must_use]
    pub fn descend(&self, mu: f64, gradient: f64) -> f64 {
        let gradient = gradient.clamp(-GRADIENT_MAX, GRADIENT_MAX);
        match self.geometry {
            Geometry::Euclidean => (mu - self.step * gradient).max(0.0),
            Geometry::Entropy => (mu * libm::exp(-self.step * gradient)).max(MU_MIN),
        }
    }
}

/// (4), as ln λ.
pub(super) fn x_of(mu: f64) -> f64 {
    -libm::log1p(mu)
}

/// (4), backwards.
pub(super) fn mu_of(x: f64) -> f64 {
    libm::expm1(-x.clamp(X_MIN, 0.0))
}

/// The price, and the period that is running.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct DescentMemory {
    mu: f64,
    slot: Slot,
}

impl Rule for Descent {
    type Memory = DescentMemory;

    fn means(&self) -> Means {
        Means::Bids
    }

    fn start(&self, x0: f64) -> (DescentMemory, f64) {
        let mu = mu_of(x0);
        let mu = if self.geometry == Geometry::Entropy { mu.max(MU_MIN) } else { mu };
        (DescentMemory { mu, slot: Slot::default() }, x_of(mu))
    }

    fn step(
        &self,
        memory: &mut DescentMemory,
        _now: Timestamp,
        seen: &PaceSample,
        minutes: f64,
        x: f64,
    ) -> f64 {
        let Some(sums) = memory.slot.step(seen, minutes, PERIOD) else { return x };
        if sums.planned <= 0.0 {
            return x;
        }
        // A period longer than a minute is so many steps at the same mean gradient.
        let gradient = (1.0 - sums.measured / sums.planned) * sums.minutes / PERIOD;
        memory.mu = self.descend(memory.mu, gradient).min(mu_of(X_MIN));
        x_of(memory.mu)
    }

    fn place(&self, memory: &mut DescentMemory, x: f64) {
        memory.mu = mu_of(x);
        if self.geometry == Geometry::Entropy {
            memory.mu = memory.mu.max(MU_MIN);
        }
    }

    fn rebase(&self, memory: &mut DescentMemory, before: &PaceSample, after: &PaceSample) {
        memory.slot.rebase(before, after);
    }
}
