//! Traffic over real time: a weekly shape laid on the known local days.
//!
//! Called by the planner. Knows nothing of money. Times outside the known days have the week's mean
//! traffic. Mass is weight × microseconds.

use super::shape::TrafficShape;
use crate::input::{LocalDay, LocalHour};
use crate::units::{Span, Timestamp};
use std::ops::ControlFlow;

/// A stretch of even traffic.
#[derive(Debug, Clone, Copy)]
pub(super) struct Piece {
    pub(super) start: Timestamp,
    pub(super) end: Timestamp,
    /// In `1 / per` of a shape's weights: the week's mean need not be whole.
    pub(super) weight: u64,
    pub(super) per: u64,
}

impl Piece {
    /// Fits 85 bits: 32 of weight, 53 of time.
    pub(super) fn mass(self) -> u128 {
        u128::from(self.weight) * micros(self.end - self.start) / u128::from(self.per)
    }
}

/// Length of time as an unsigned number; nothing when negative.
pub(super) fn micros(span: Span) -> u128 {
    u128::try_from(span.as_micros()).unwrap_or(0)
}

/// A shape over a calendar.
#[derive(Debug, Clone, Copy)]
pub(super) struct Traffic<'a> {
    pub(super) days: &'a [LocalDay],
    pub(super) shape: &'a TrafficShape,
    /// Every moment weighs the same, whatever the shape says.
    pub(super) flat: bool,
}

impl Traffic<'_> {
    /// Mean traffic over a stretch whose hours are not known.
    pub(super) fn unknown(&self, start: Timestamp, end: Timestamp) -> Piece {
        if self.flat {
            return Piece { start, end, weight: 1, per: 1 };
        }
        Piece { start, end, weight: self.shape.sum(), per: self.shape.slot_count() }
    }

    /// The slots of an hour inside `[from, until)`, in order.
    pub(super) fn walk_hour(
        &self,
        hour: &LocalHour,
        (from, until): (Timestamp, Timestamp),
        visit: &mut impl FnMut(Piece) -> ControlFlow<()>,
    ) -> ControlFlow<()> {
        let Some((from, until)) = meet(hour.window.start(), hour.window.end(), from, until) else {
            return ControlFlow::Continue(());
        };
        if self.flat {
            return visit(Piece { start: from, end: until, weight: 1, per: 1 });
        }
        let slots = self.shape.hour_slots(hour.hour_of_week);
        let length = hour.window.span().as_micros();
        let count = i64::try_from(slots.len()).expect("an hour has at most four slots");
        for (index, &weight) in (0..count).zip(slots) {
            let edge = |slot: i64| hour.window.start() + Span::from_micros(length * slot / count);
            if let Some((start, end)) = meet(edge(index), edge(index + 1), from, until) {
                visit(Piece { start, end, weight: u64::from(weight), per: 1 })?;
            }
        }
        ControlFlow::Continue(())
    }

    /// All of `[from, until)`, in order and without gaps.
    fn walk(
        &self,
        from: Timestamp,
        until: Timestamp,
        visit: &mut impl FnMut(Piece) -> ControlFlow<()>,
    ) -> ControlFlow<()> {
        let mut cursor = from;
        for day in self.days {
            if day.window.end() <= cursor {
                continue;
            }
            if until <= day.window.start() {
                break;
            }
            if cursor < day.window.start() {
                visit(self.unknown(cursor, day.window.start()))?;
                cursor = day.window.start();
            }
            for hour in &day.hours {
                self.walk_hour(hour, (cursor, until), visit)?;
            }
            cursor = day.window.end();
        }
        if cursor < until { visit(self.unknown(cursor, until)) } else { ControlFlow::Continue(()) }
    }

    /// All traffic of `[from, until)`.
    pub(super) fn mass(&self, from: Timestamp, until: Timestamp) -> u128 {
        let mut mass = 0;
        let _ = self.walk(from, until, &mut |piece| {
            mass += piece.mass();
            ControlFlow::Continue(())
        });
        mass
    }

    /// Whether `[from, until)` has any traffic.
    pub(super) fn is_present(&self, from: Timestamp, until: Timestamp) -> bool {
        let found = self.walk(from, until, &mut |piece| {
            if piece.weight > 0 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        });
        found.is_break()
    }

    /// When `numerator / denominator` of the traffic of `[from, until)` has passed; `until` when
    /// there is none.
    pub(super) fn passed(
        &self,
        (from, until): (Timestamp, Timestamp),
        (numerator, denominator): (u128, u128),
    ) -> Timestamp {
        let mass = self.mass(from, until);
        if mass == 0 || numerator >= denominator {
            return until;
        }
        let mut missing = (mass * numerator).div_ceil(denominator);
        let mut at = from;
        let _ = self.walk(from, until, &mut |piece| {
            if missing == 0 {
                return ControlFlow::Break(());
            }
            if piece.mass() < missing {
                missing -= piece.mass();
                at = piece.end;
                return ControlFlow::Continue(());
            }
            let gone = (missing * u128::from(piece.per)).div_ceil(u128::from(piece.weight));
            at = piece.start
                + Span::from_micros(i64::try_from(gone).expect("within the piece's length"));
            ControlFlow::Break(())
        });
        at
    }
}

/// What two stretches share.
pub(super) fn meet(
    start: Timestamp,
    end: Timestamp,
    from: Timestamp,
    until: Timestamp,
) -> Option<(Timestamp, Timestamp)> {
    let (start, end) = (start.max(from), end.min(until));
    (start < end).then_some((start, end))
}
