//! Traffic over real time: a weekly shape laid on the known local days.
//!
//! Called by the planner. Knows nothing of money. Times outside the known days have the week's mean
//! traffic. Mass is weight × microseconds.

use super::levels::{DayLevels, USUAL};
use super::shape::TrafficShape;
use crate::hours::HoursOfWeek;
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
    /// Fits 85 bits: 32 of weight, 53 of time; before the division 119.
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
    pub(super) levels: DayLevels<'a>,
    /// Hours with any traffic at all.
    pub(super) hours: HoursOfWeek,
    /// Every moment weighs the same, whatever the shape says.
    pub(super) flat: bool,
}

impl Traffic<'_> {
    /// Mean traffic over a stretch whose hours are not known.
    pub(super) fn unknown(&self, start: Timestamp, end: Timestamp) -> Piece {
        if self.flat {
            let open = u64::try_from(self.hours.iter().count()).unwrap_or(0);
            return Piece { start, end, weight: open, per: 168 };
        }
        if !self.hours.is_all() {
            let open = self.hours.iter().flat_map(|hour| self.shape.hour_slots(hour));
            let sum = open.copied().map(u64::from).sum();
            return leveled(start, end, (sum, self.shape.slot_count()), self.levels.beyond());
        }
        leveled(start, end, (self.shape.sum(), self.shape.slot_count()), self.levels.beyond())
    }

    /// The slots of an hour inside `[from, until)`, in order, on a day of that level.
    pub(super) fn walk_hour(
        &self,
        (hour, level): (&LocalHour, u64),
        (from, until): (Timestamp, Timestamp),
        visit: &mut impl FnMut(Piece) -> ControlFlow<()>,
    ) -> ControlFlow<()> {
        let Some((from, until)) = meet(hour.window.start(), hour.window.end(), from, until) else {
            return ControlFlow::Continue(());
        };
        if !self.hours.holds(hour.hour_of_week) {
            return visit(Piece { start: from, end: until, weight: 0, per: 1 });
        }
        if self.flat {
            return visit(Piece { start: from, end: until, weight: 1, per: 1 });
        }
        let slots = self.shape.hour_slots(hour.hour_of_week);
        let length = hour.window.span().as_micros();
        let count = i64::try_from(slots.len()).expect("an hour has at most four slots");
        for (index, &weight) in (0..count).zip(slots) {
            let edge = |slot: i64| hour.window.start() + Span::from_micros(length * slot / count);
            if let Some((start, end)) = meet(edge(index), edge(index + 1), from, until) {
                visit(leveled(start, end, (weight.into(), 1), level))?;
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
            let level = self.levels.of(day.window);
            for hour in &day.hours {
                self.walk_hour((hour, level), (cursor, until), visit)?;
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

/// A stretch of a day of that level: of slots up to 2³², or a sum of 672 of them, times at most
/// twenty, or two.
fn leveled(start: Timestamp, end: Timestamp, (weight, per): (u64, u64), level: u64) -> Piece {
    if level == USUAL {
        return Piece { start, end, weight, per };
    }
    Piece { start, end, weight: weight * level, per: per * USUAL }
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
