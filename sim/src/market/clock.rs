//! Where in the local week an instant lies, from the same local days the engine is given.
//!
//! Knows no zone rules: the calendar crate made the days. Called by traffic and by reports.

use paceline_core::input::{LocalDay, LocalHour};
use paceline_core::units::{Timestamp, Window};

/// The local hours of a stretch of days.
#[derive(Debug, Clone, PartialEq)]
pub struct WeekClock {
    hours: Vec<LocalHour>,
    days: Vec<Window>,
}

/// A point of the local week.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct WeekPoint {
    /// 0 is Monday 00:00.
    pub hour_of_week: u8,
    /// Share of that hour gone, in `[0, 1)`.
    pub gone: f64,
}

impl WeekClock {
    /// A clock for these days, in order and without gaps.
    #[must_use]
    pub fn new(days: &[LocalDay]) -> Self {
        Self {
            hours: days.iter().flat_map(|day| day.hours.iter().copied()).collect(),
            days: days.iter().map(|day| day.window).collect(),
        }
    }

    /// The local hour that holds `at`; `None` outside the days it was made for.
    #[must_use]
    pub fn hour(&self, at: Timestamp) -> Option<&LocalHour> {
        let after = self.hours.partition_point(|hour| hour.window.start() <= at);
        self.hours.get(after.checked_sub(1)?).filter(|hour| hour.window.contains(at))
    }

    /// Where `at` lies in the local week; Monday 00:00 outside the days it was made for.
    #[must_use]
    pub fn point(&self, at: Timestamp) -> WeekPoint {
        self.hour(at).map_or(WeekPoint { hour_of_week: 0, gone: 0.0 }, |hour| WeekPoint {
            hour_of_week: hour.hour_of_week,
            gone: (at - hour.window.start()).ratio_to(hour.window.span()),
        })
    }

    /// The local hours that meet `window`, cut to it.
    pub fn hours_in(&self, window: Window) -> impl Iterator<Item = Window> + '_ {
        self.hours.iter().filter_map(move |hour| hour.window.intersect(window))
    }

    /// The local days that meet `window`, cut to it.
    pub fn days_in(&self, window: Window) -> impl Iterator<Item = Window> + '_ {
        self.days.iter().filter_map(move |day| day.intersect(window))
    }
}
