//! Time as an argument: instants, spans and half-open windows, in microseconds.
//!
//! Nothing here knows what time it is. Called by everyone.

use serde::{Deserialize, Serialize};
use std::ops::{Add, AddAssign, Sub};
use std::time::Duration;

/// Microseconds since 1970-01-01 UTC.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct Timestamp(i64);

/// A length of time in microseconds; may be negative.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct Span(i64);

impl Timestamp {
    /// The first instant of the range taken at the edge: 1970-01-01.
    pub const MIN: Self = Self(0);
    /// The last instant of the range taken at the edge: 2200-01-01. Sums of a timestamp and a span
    /// of centuries stay far from overflow.
    pub const MAX: Self = Self(7_258_118_400_000_000);

    /// From microseconds since 1970 UTC.
    #[must_use]
    pub const fn from_micros(micros: i64) -> Self {
        Self(micros)
    }

    /// Microseconds since 1970 UTC.
    #[must_use]
    pub const fn as_micros(self) -> i64 {
        self.0
    }

    /// Whether a time from outside lies in the range taken at the edge.
    #[must_use]
    pub fn is_plausible(self) -> bool {
        (Self::MIN..=Self::MAX).contains(&self)
    }
}

impl Span {
    /// No time.
    pub const ZERO: Self = Self(0);
    /// One minute.
    pub const MINUTE: Self = Self(60_000_000);
    /// One hour.
    pub const HOUR: Self = Self(3_600_000_000);
    /// Twenty-four hours.
    pub const DAY: Self = Self(86_400_000_000);

    /// From microseconds.
    #[must_use]
    pub const fn from_micros(micros: i64) -> Self {
        Self(micros)
    }

    /// From milliseconds.
    #[must_use]
    pub const fn from_millis(millis: i64) -> Self {
        Self(millis * 1_000)
    }

    /// From seconds.
    #[must_use]
    pub const fn from_secs(secs: i64) -> Self {
        Self(secs * 1_000_000)
    }

    /// From minutes.
    #[must_use]
    pub const fn from_mins(mins: i64) -> Self {
        Self(mins * 60_000_000)
    }

    /// Microseconds.
    #[must_use]
    pub const fn as_micros(self) -> i64 {
        self.0
    }

    /// Minutes as a float: the unit of the control laws.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "for control")]
    pub const fn as_minutes(self) -> f64 {
        self.0 as f64 / 60e6
    }

    /// Seconds as a float, for reports.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "for reports")]
    pub const fn as_seconds(self) -> f64 {
        self.0 as f64 / 1e6
    }

    /// `count` times this.
    #[must_use]
    pub const fn times(self, count: i64) -> Self {
        Self(self.0 * count)
    }

    /// `self / whole`; 0 when `whole` is not above zero.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "for control")]
    pub fn ratio_to(self, whole: Self) -> f64 {
        if whole.0 <= 0 { 0.0 } else { self.0 as f64 / whole.0 as f64 }
    }
}

impl Add<Span> for Timestamp {
    type Output = Self;
    fn add(self, span: Span) -> Self {
        Self(self.0.saturating_add(span.0))
    }
}

impl AddAssign<Span> for Timestamp {
    fn add_assign(&mut self, span: Span) {
        *self = *self + span;
    }
}

impl Sub<Span> for Timestamp {
    type Output = Self;
    fn sub(self, span: Span) -> Self {
        Self(self.0.saturating_sub(span.0))
    }
}

impl Sub for Timestamp {
    type Output = Span;
    fn sub(self, other: Self) -> Span {
        Span(self.0.saturating_sub(other.0))
    }
}

impl From<Span> for Duration {
    /// As a real duration; what is below zero is none.
    fn from(span: Span) -> Self {
        Self::from_micros(u64::try_from(span.as_micros()).unwrap_or_default())
    }
}

impl Add for Span {
    type Output = Self;
    fn add(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }
}

impl Sub for Span {
    type Output = Self;
    fn sub(self, other: Self) -> Self {
        Self(self.0.saturating_sub(other.0))
    }
}

/// Why a window was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a window must start before it ends")]
pub struct WindowError;

/// `[start, end)`: holds its start, not its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Window {
    start: Timestamp,
    end: Timestamp,
}

impl Window {
    /// Start before end.
    ///
    /// # Errors
    /// [`WindowError`] otherwise.
    pub fn try_new(start: Timestamp, end: Timestamp) -> Result<Self, WindowError> {
        if start < end { Ok(Self { start, end }) } else { Err(WindowError) }
    }

    /// First instant inside.
    #[must_use]
    pub const fn start(self) -> Timestamp {
        self.start
    }

    /// First instant after.
    #[must_use]
    pub const fn end(self) -> Timestamp {
        self.end
    }

    /// Its length, above zero.
    #[must_use]
    pub fn span(self) -> Span {
        self.end - self.start
    }

    /// Whether `at` lies inside.
    #[must_use]
    pub fn contains(self, at: Timestamp) -> bool {
        self.start <= at && at < self.end
    }

    /// What both hold; `None` when they do not meet.
    #[must_use]
    pub fn intersect(self, other: Self) -> Option<Self> {
        Self::try_new(self.start.max(other.start), self.end.min(other.end)).ok()
    }

    /// `at` moved into `[start, end]`.
    #[must_use]
    pub fn clamp(self, at: Timestamp) -> Timestamp {
        at.clamp(self.start, self.end)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_window_holds_its_start_and_not_its_end() {
        let at = Timestamp::from_micros;
        let window = Window::try_new(at(10), at(20)).unwrap();
        assert!(window.contains(at(10)) && !window.contains(at(20)));
        assert!(Window::try_new(at(10), at(10)).is_err());
    }

    #[test]
    fn windows_that_touch_do_not_meet() {
        let window = |start, end| {
            Window::try_new(Timestamp::from_micros(start), Timestamp::from_micros(end)).unwrap()
        };
        assert_eq!(window(0, 10).intersect(window(10, 20)), None);
        assert_eq!(window(0, 15).intersect(window(10, 20)), Some(window(10, 15)));
    }
}
