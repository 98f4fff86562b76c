//! Cumulative planned spend: a monotone line through a few knots, exact in integers.
//!
//! Made by the planner, read by the engine at every tick. Knows nothing of how it was made.

use super::piece::Piece;
use crate::units::{Nanos, Timestamp};
use serde::{Deserialize, Serialize};

/// What should have been spent since the curve's start, at any moment. Straight between knots,
/// nothing before the first, constant after the last.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SpendCurve {
    /// In order of time, never falling; the first holds the start and no money.
    knots: Vec<(Timestamp, Nanos)>,
}

impl SpendCurve {
    /// A curve that plans nothing, from `at` on.
    #[must_use]
    pub fn empty(at: Timestamp) -> Self {
        Self { knots: vec![(at, Nanos::ZERO)] }
    }

    /// When it starts.
    #[must_use]
    pub fn start(&self) -> Timestamp {
        self.knots[0].0
    }

    /// When it ends: nothing is planned from here on.
    #[must_use]
    pub fn end(&self) -> Timestamp {
        self.last().0
    }

    /// All it plans, in nanos.
    #[must_use]
    pub fn total(&self) -> Nanos {
        self.last().1
    }

    /// Planned from the start until `at`, in nanos, rounded down.
    #[must_use]
    pub fn planned_at(&self, at: Timestamp) -> Nanos {
        Piece::of(self, at).planned_at(at)
    }

    /// Planned from `from` until `until`, in nanos; nothing when they are not in order.
    #[must_use]
    pub fn planned_between(&self, from: Timestamp, until: Timestamp) -> Nanos {
        (self.planned_at(until) - self.planned_at(from)).at_least_zero()
    }

    /// Planned nanos per minute at `at`; on a knot, of what follows. Zero outside the curve.
    #[must_use]
    pub fn rate_at(&self, at: Timestamp) -> f64 {
        Piece::of(self, at).rate()
    }

    /// Its knots: a time and the money planned until then.
    #[must_use]
    pub fn knots(&self) -> &[(Timestamp, Nanos)] {
        &self.knots
    }

    fn last(&self) -> (Timestamp, Nanos) {
        *self.knots.last().expect("a curve has its start")
    }
}

/// Lays knots one after the other.
pub(super) struct CurveBuilder {
    knots: Vec<(Timestamp, Nanos)>,
}

impl CurveBuilder {
    /// Starts at `at` with nothing; `room` is how many knots to expect.
    pub(super) fn new(at: Timestamp, room: usize) -> Self {
        let mut knots = Vec::with_capacity(room);
        knots.push((at, Nanos::ZERO));
        Self { knots }
    }

    /// The next knot, not lower than the one before; nothing when it is not later.
    pub(super) fn push(&mut self, at: Timestamp, planned: Nanos) {
        if self.knots.last().is_some_and(|last| last.0 < at) {
            self.knots.push((at, planned));
        }
    }

    /// The curve, without the knots that the line between their neighbours already passes through
    /// to the nano.
    pub(super) fn finish(self) -> SpendCurve {
        let mut straight = vec![self.knots[0]];
        let mut anchor = 0;
        while anchor + 1 < self.knots.len() {
            anchor += straight_run(&self.knots[anchor..]);
            straight.push(self.knots[anchor]);
        }
        straight.shrink_to_fit();
        SpendCurve { knots: straight }
    }
}

/// How many knots on from the first a straight line can go without moving any between. Slopes that
/// reproduce those between are `[least, below)`, each a fraction.
fn straight_run(knots: &[(Timestamp, Nanos)]) -> usize {
    let (mut least, mut below) = ((0, 1), (1, 0));
    let mut reach = 1;
    for (index, knot) in knots.iter().enumerate().skip(1) {
        let run = u128::from((knot.0 - knots[0].0).as_micros().unsigned_abs());
        let rise = u128::from((knot.1 - knots[0].1).get().unsigned_abs());
        if !less((rise, run), least) && less((rise, run), below) {
            reach = index;
        }
        if less(least, (rise, run)) {
            least = (rise, run);
        }
        if less((rise + 1, run), below) {
            below = (rise + 1, run);
        }
        if !less(least, below) {
            break;
        }
    }
    reach
}

/// Money fits 63 bits and time 54, so the products of fractions fit.
const fn less(left: (u128, u128), right: (u128, u128)) -> bool {
    left.0 * right.1 < right.0 * left.1
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn curve(knots: &[(i64, i64)]) -> SpendCurve {
        let mut builder = CurveBuilder::new(Timestamp::from_micros(knots[0].0), knots.len());
        for &(at, planned) in &knots[1..] {
            builder.push(Timestamp::from_micros(at), Nanos::new(planned));
        }
        builder.finish()
    }

    fn planned(curve: &SpendCurve, at: i64) -> i64 {
        curve.planned_at(Timestamp::from_micros(at)).get()
    }

    #[test]
    fn planned_spend_is_interpolated_rounding_down() {
        let curve = curve(&[(10, 0), (13, 10), (20, 10), (30, 1_010)]);
        assert_eq!(
            [5, 10, 11, 12, 13, 15, 20, 25, 30, 99].map(|at| planned(&curve, at)),
            [0, 0, 3, 6, 10, 10, 10, 510, 1_010, 1_010]
        );
    }

    #[test]
    fn the_rate_on_a_knot_is_of_what_follows() {
        let minute = 60_000_000;
        let curve = curve(&[(0, 0), (minute, 5), (3 * minute, 25)]);
        let rate = |at| curve.rate_at(Timestamp::from_micros(at)).to_bits();
        assert_eq!(
            [rate(-1), rate(0), rate(minute), rate(3 * minute)],
            [0.0_f64, 5.0, 10.0, 0.0].map(f64::to_bits)
        );
    }

    #[test]
    fn knots_on_a_straight_line_are_left_out() {
        let thirds: Vec<_> = (0..=24).map(|hour| (hour, 100 * hour / 24)).collect();
        assert_eq!(curve(&thirds).knots().len(), 2);
        assert_eq!(curve(&[(0, 0), (1, 1), (2, 3), (3, 4)]).knots().len(), 3);
    }

    proptest! {
        #[test]
        fn leaving_out_knots_changes_no_knot(
            steps in proptest::collection::vec((1_i64..4, 0_i64..4), 1..60)
        ) {
            let mut knots = vec![(0, 0)];
            for (run, rise) in steps {
                let (at, money) = knots[knots.len() - 1];
                knots.push((at + run, money + rise));
            }
            let curve = curve(&knots);
            for (at, money) in knots {
                prop_assert_eq!(planned(&curve, at), money);
            }
        }
    }
}
