//! Risk-constrained pacing: "RCPacing", Alibaba, AAAI 2024. A reconstruction of its campaign side.
//!
//! Values count by their percentile v among the campaign's auctions, the dual price by its
//! percentile α; an auction is entered with probability
//!
//! (1) PTR(v) = base · f_p(α) · f_v(α, v), at most 1, times ePTR
//!
//! (2) f_p = 50^((Pub − α) ÷ Pub) for α ≤ Pub, else 0.2^((Pub − α) ÷ (Pub − 1))
//!
//! (3) f_v = 10 (v − α) + 1, at least 0
//!
//! (4) ePTR ← min(1, ePTR · min(2, 2 ÷ speed)), speed = spend ÷ plan of the period
//!
//! (5) α ← α − (1.5 − α)² η g ÷ (1 − η g (1.5 − α)), moved by at most 0.05; g = 1 − speed
//!
//! Defaults of its table 1 and its code: Pub 0.9, η 0.2, 50 periods a day, ePTR begins at 0.4.
//!
//! What is not the paper's: a law here gives one participation for all auctions of a campaign, so
//! (1) is averaged over v, which is uniform by definition,
//!
//! (6) PTR = ∫₀¹ min(1, base · f_p · f_v) dv,
//!
//! and the choice among auctions by their value is lost. Its forecast of impressions is not to be
//! had either: base is 1. Bids stay whole. Judge it by smoothness and delivery, not by value.

use super::slot::Slot;
use super::{Means, Rule};
use paceline_core::pace::PaceSample;
use paceline_core::pace::limit::X_MIN;
use paceline_core::units::Timestamp;
use serde::{Deserialize, Serialize};

/// Pub: percentile of the auctions that are meant to be passed over.
const PUB: f64 = 0.9;
/// Most α moves by in a period.
const CLIP: f64 = 0.05;
/// ePTR goes no lower: at zero it could never be released, since release is a factor. Ours.
const BRAKE_MIN: f64 = 1e-4;
/// Where the dual step's distance has its pole.
const POLE: f64 = 1.5;
/// Halvings of the interval in which α is looked for: exact to a millionth of a millionth.
const HALVINGS: u32 = 40;

/// The law's settings.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Percentile {
    /// η.
    pub step: f64,
    /// Length of a period in minutes of traffic time.
    pub period_minutes: f64,
}

impl Default for Percentile {
    fn default() -> Self {
        Self { step: 0.2, period_minutes: 28.8 }
    }
}

/// Price, brake, and the period that is running.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct PercentileMemory {
    alpha: f64,
    /// ePTR.
    brake: f64,
    slot: Slot,
}

/// (2)
fn f_p(alpha: f64) -> f64 {
    if alpha <= PUB {
        libm::pow(50.0, (PUB - alpha) / PUB)
    } else {
        libm::pow(0.2, (PUB - alpha) / (PUB - 1.0))
    }
}

/// (6) with a base of one.
fn mean_ptr(alpha: f64) -> f64 {
    let level = f_p(alpha);
    // f_v begins above `from`, and level · f_v reaches 1 at `full`.
    let from = (alpha - 0.1).clamp(0.0, 1.0);
    let full = (alpha + (1.0 / level - 1.0) / 10.0).clamp(from, 1.0);
    let primitive = |v: f64| level * (5.0 * (v - alpha) * (v - alpha) + v);
    primitive(full) - primitive(from) + (1.0 - full)
}

/// (5)
fn descend(alpha: f64, step: f64, gradient: f64) -> f64 {
    let room = POLE - alpha;
    let moved = room * room * step * gradient / (1.0 - step * gradient * room);
    (alpha - moved.clamp(-CLIP, CLIP)).clamp(0.0, 1.0)
}

/// The price at which (6) is `share`; (6) falls as it rises.
fn alpha_of(share: f64) -> f64 {
    let (mut low, mut high) = (0.0, 1.0);
    for _ in 0..HALVINGS {
        let middle = f64::midpoint(low, high);
        if mean_ptr(middle) > share { low = middle } else { high = middle }
    }
    low
}

impl PercentileMemory {
    fn x(&self) -> f64 {
        libm::log(mean_ptr(self.alpha) * self.brake).max(X_MIN)
    }
}

impl Rule for Percentile {
    type Memory = PercentileMemory;

    fn means(&self) -> Means {
        Means::Auctions
    }

    fn start(&self, x0: f64) -> (PercentileMemory, f64) {
        let mut memory = PercentileMemory { alpha: PUB, brake: 0.4, slot: Slot::default() };
        self.place(&mut memory, x0);
        (memory, memory.x())
    }

    fn step(
        &self,
        memory: &mut PercentileMemory,
        _now: Timestamp,
        seen: &PaceSample,
        minutes: f64,
        x: f64,
    ) -> f64 {
        let Some(sums) = memory.slot.step(seen, minutes, self.period_minutes) else { return x };
        if sums.planned <= 0.0 {
            return x;
        }
        let speed = (sums.measured / sums.planned).max(0.0);
        let eased = if speed > 1.0 { 2.0 / speed } else { 2.0 };
        memory.brake = (memory.brake * eased).clamp(BRAKE_MIN, 1.0);
        memory.alpha = descend(memory.alpha, self.step, 1.0 - speed);
        memory.x()
    }

    /// The price is set where the product is exp(x); where that is out of its reach, the brake is.
    fn place(&self, memory: &mut PercentileMemory, x: f64) {
        let share = libm::exp(x);
        memory.alpha = alpha_of(share / memory.brake);
        memory.brake = (share / mean_ptr(memory.alpha)).clamp(BRAKE_MIN, 1.0);
    }

    fn rebase(&self, memory: &mut PercentileMemory, before: &PaceSample, after: &PaceSample) {
        memory.slot.rebase(before, after);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_factors_are_those_of_the_table() {
        assert!((f_p(0.0) - 50.0).abs() < 1e-12 && (f_p(0.9) - 1.0).abs() < 1e-12);
        assert!((f_p(1.0) - 0.2).abs() < 1e-12);
        // At Pub f_v runs from 0 at 0.8 to 1 at 0.9, and is cut there: ½ · 0.1 + 0.1.
        assert!((mean_ptr(0.9) - 0.15).abs() < 1e-12);
        // At 1 it runs from 0 at 0.9 to 1 at 1, times 0.2: never cut.
        assert!((mean_ptr(1.0) - 0.01).abs() < 1e-12);
        assert!((mean_ptr(0.0) - 1.0).abs() < 1e-12);
    }

    #[test]
    fn the_price_moves_as_computed_by_hand() {
        // Speed 1.1: g = −0.1, room 0.6: 0.36 · 0.2 · 0.1 ÷ (1 + 0.2 · 0.1 · 0.6) up.
        let expected = 0.9 + 0.0072 / 1.012;
        assert!((descend(0.9, 0.2, -0.1) - expected).abs() < 1e-12);
        assert!((descend(0.5, 0.2, 1.0) - 0.45).abs() < 1e-12, "clipped");
        assert!((alpha_of(0.15) - 0.9).abs() < 1e-9);
    }

    #[test]
    fn a_price_out_of_reach_is_made_up_for_by_the_brake() {
        let law = Percentile::default();
        for x in [-0.5, -2.0, -6.0] {
            let (memory, said) = law.start(x);
            assert!((said - x).abs() < 1e-6, "{memory:?} says {said}, not {x}");
        }
    }
}
