//! A straight piece of a curve, kept at hand: at most ticks the one of the tick before still holds.
//!
//! Follows from the curve and is never written down. Made and read here and by the engine's owners;
//! knows nothing of what is planned.

use super::curve::SpendCurve;
use crate::units::{Nanos, Timestamp};

/// What a curve does between two neighbouring knots, before the first, or after the last.
#[derive(Debug, Clone, Copy, Default)]
pub struct Piece {
    from: Timestamp,
    until: Timestamp,
    before: Nanos,
    after: Nanos,
}

impl Piece {
    /// The piece of `curve` that holds `at`.
    #[must_use]
    pub fn of(curve: &SpendCurve, at: Timestamp) -> Self {
        let knots = curve.knots();
        let next = knots.partition_point(|knot| knot.0 <= at);
        let first = Timestamp::from_micros(i64::MIN);
        let last = Timestamp::from_micros(i64::MAX);
        let (from, before) = if next == 0 { (first, Nanos::ZERO) } else { knots[next - 1] };
        let (until, after) = knots.get(next).copied().unwrap_or((last, before));
        let after = if next == 0 { before } else { after };
        Self { from, until, before, after }
    }

    /// Whether it is the piece of `at`; a piece of nothing never is.
    #[inline]
    #[must_use]
    pub fn holds(&self, at: Timestamp) -> bool {
        self.from <= at && at < self.until
    }

    /// Planned from the curve's start until `at`, which the piece holds; in nanos, rounded down.
    #[inline]
    #[must_use]
    pub fn planned_at(&self, at: Timestamp) -> Nanos {
        if self.before == self.after {
            return self.before;
        }
        let gone = (at - self.from).as_micros().unsigned_abs();
        let length = (self.until - self.from).as_micros().unsigned_abs();
        self.before + (self.after - self.before).mul_div(gone, length)
    }

    /// Planned nanos per minute on it.
    #[inline]
    #[must_use]
    pub fn rate(&self) -> f64 {
        if self.before == self.after {
            return 0.0;
        }
        (self.after - self.before).as_f64() / (self.until - self.from).as_minutes()
    }
}

/// The pieces of a curve that were asked for last: of now, and of a day ahead. Two owners never
/// differ by them.
#[derive(Debug, Clone, Copy, Default)]
pub struct Near {
    here: Piece,
    ahead: Piece,
}

impl Near {
    /// The piece of `at`, which is the present moment or near it.
    #[inline]
    pub fn here(&mut self, curve: &SpendCurve, at: Timestamp) -> &Piece {
        if !self.here.holds(at) {
            self.here = Piece::of(curve, at);
        }
        &self.here
    }

    /// The piece of `at`, a day ahead.
    #[inline]
    pub fn ahead(&mut self, curve: &SpendCurve, at: Timestamp) -> &Piece {
        if !self.ahead.holds(at) {
            self.ahead = Piece::of(curve, at);
        }
        &self.ahead
    }

    /// Planned from `from` until `until`, in nanos; nothing when they are not in order.
    #[must_use]
    pub fn planned_between(&self, curve: &SpendCurve, from: Timestamp, until: Timestamp) -> Nanos {
        let planned = |at: Timestamp| {
            if self.here.holds(at) { self.here.planned_at(at) } else { curve.planned_at(at) }
        };
        (planned(until) - planned(from)).at_least_zero()
    }
}

impl PartialEq for Near {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl Eq for Near {}
