//! Whether a curve still holds: two-sided cumulative sums of what it did not expect.
//!
//! Where a curve is right, the middle of the probability interval that an outcome falls into has
//! the mean one half, whatever is told and whatever was bid; so one test serves every kind of
//! feedback, and bids chosen by the curve do not fool it. A row is one outcome, however many it
//! stands for: ten told by one are not ten of a kind. Page, "Continuous inspection schemes",
//! Biometrika 1954. CONTROL.md (46). Called by `node`.

use super::curve::WinCurve;
use super::number::weight;
use super::outcome::Sighting;
use serde::{Deserialize, Serialize};

/// Deviations by which outcomes may be off without end: a price off by a tenth of a market whose
/// prices spread by a half.
const SLACK: f64 = 0.25;
/// Deviations that have to gather. With the slack, a false alarm comes once in e^(2 × 0.25 × 40),
/// which is five hundred million outcomes; less as curves are not quite right.
const ALARM: f32 = 40.0;
/// How fast the spread of outcomes is followed.
const FOLLOW: f64 = 0.002;

/// The two sums.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub(super) struct Drift {
    /// Prices above what was expected.
    above: f32,
    /// And below.
    below: f32,
    /// Mean square of what is summed.
    square: f32,
}

impl Default for Drift {
    fn default() -> Self {
        // What full feedback gives: a uniform's twelfth.
        Self { above: 0.0, below: 0.0, square: 1.0 / 12.0 }
    }
}

impl Drift {
    /// Takes an outcome in; true when the curve does not hold any more, which starts over.
    pub(super) fn is_alarm(&mut self, curve: &WinCurve, seen: Sighting) -> bool {
        let (low, high) = match seen {
            Sighting::Exact(price) => (curve.upto(price - 1), curve.upto(price)),
            Sighting::AtMost(price) => (0.0, curve.upto(price)),
            Sighting::Above(price) => (curve.upto(price), 1.0),
        };
        let off = f64::midpoint(low, high) - 0.5;
        let square = f64::from(self.square);
        // Not below what a win of one in twenty has: a sure thing is not divided by nothing.
        let deviations = off / libm::sqrt(square.max(0.012));
        self.square = weight(square + FOLLOW * (off * off - square));
        self.above = (self.above + weight(deviations - SLACK)).max(0.0);
        self.below = (self.below + weight(-deviations - SLACK)).max(0.0);
        let is_alarm = self.above > ALARM || self.below > ALARM;
        if is_alarm {
            (self.above, self.below) = (0.0, 0.0);
        }
        is_alarm
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hash::mix;

    fn draw(number: u64) -> i64 {
        i64::try_from(mix(number) % 1_000).unwrap()
    }

    /// Outcomes until an alarm, of prices even below 1 000 times `scale`.
    fn delay(scale: f64, see: impl Fn(i64) -> Sighting) -> Option<u64> {
        let curve = WinCurve::from_masses(vec![1_000], &[1.0]);
        let mut drift = Drift::default();
        (0..400_000).find(|&number| {
            let price =
                super::super::number::price(super::super::number::real(draw(number)) * scale);
            drift.is_alarm(&curve, see(price + 1))
        })
    }

    #[test]
    fn a_right_curve_gives_no_alarm_and_a_shift_gives_one_soon() {
        let full = Sighting::Exact;
        let told = |price: i64| {
            if price <= 500 { Sighting::AtMost(500) } else { Sighting::Above(500) }
        };
        assert_eq!((delay(1.0, full), delay(1.0, told)), (None, None));
        let (full, told) = (delay(0.5, full), delay(0.6, told));
        assert!(
            full.is_some_and(|n| n < 100) && told.is_some_and(|n| n < 200),
            "{full:?} {told:?}"
        );
    }
}
