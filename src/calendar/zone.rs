//! A time zone, and its days and months as windows in UTC.
//!
//! A day begins the first time its clock shows it. So days tile time whatever the clocks do: a
//! midnight that is skipped moves the beginning to the skip, a midnight that is shown twice counts
//! the first time, and a date that is skipped whole (Pacific/Apia, 30 December 2011) is no day.

use crate::hour;
use jiff::civil::{Date, DateTime, Time};
use jiff::tz::{AmbiguousOffset, TimeZone, TimeZoneDatabase};
use jiff::{SignedDuration, ToSpan};
use paceline_core::input::{CalendarChange, LocalDay};
use paceline_core::units::{Span, Timestamp, Window, ZoneId};

/// How far back [`Zone::outlook`] reaches, so that late events of yesterday find their day.
const OUTLOOK_BACK: Span = Span::DAY;
/// How far ahead [`Zone::outlook`] reaches. At least 8 days must be known at any time; two more
/// leave an operator a weekend to notice that the catalogue is dead.
const OUTLOOK_AHEAD: Span = Span::DAY.times(10);

/// Why a time zone was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ZoneError {
    /// When the compiled-in data has no zone of this name.
    #[error("unknown time zone {name:?}: an IANA name such as \"Europe/Berlin\" or \"UTC\" is due")]
    Unknown {
        /// As given.
        name: String,
    },
    /// When only upper and lower case differ: the name is also a key, so it has one spelling.
    #[error("time zone {name:?} must be spelt {spelling:?}")]
    Spelling {
        /// As given.
        name: String,
        /// As the time zone data has it.
        spelling: String,
    },
}

/// Why a time was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TimeError {
    /// When it is neither an instant nor a local date and time.
    #[error("must be RFC 3339, or a local date and time such as 2026-11-23T00:00")]
    Form,
    /// When it lies before 1970 or after 2200.
    #[error("must lie between 1970-01-01 and 2200-01-01")]
    Range,
}

/// A time zone of the compiled-in data. Cheap to clone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Zone {
    name: String,
    rules: TimeZone,
}

impl Zone {
    /// The zone of an IANA name, spelt exactly.
    ///
    /// # Errors
    /// [`ZoneError::Unknown`] when there is none; [`ZoneError::Spelling`] when letters differ in
    /// case.
    pub fn try_new(name: &str) -> Result<Self, ZoneError> {
        let unknown = || ZoneError::Unknown { name: name.to_owned() };
        let rules = TimeZoneDatabase::bundled().get(name).map_err(|_| unknown())?;
        if rules.is_unknown() {
            return Err(unknown());
        }
        match rules.iana_name() {
            Some(spelling) if spelling == name => Ok(Self { name: name.to_owned(), rules }),
            Some(spelling) => {
                let spelling = spelling.to_owned();
                Err(ZoneError::Spelling { name: name.to_owned(), spelling })
            }
            None => Err(unknown()),
        }
    }

    /// The IANA name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The key that stands for it in the core.
    #[must_use]
    pub fn id(&self) -> ZoneId {
        ZoneId::of(&self.name)
    }

    /// Every local day that holds an instant of `[from, through]`, in order, without gaps; none
    /// when `from` is after `through`. Both are first moved into the range taken at the edge,
    /// [`Timestamp::MIN`] to [`Timestamp::MAX`], so there are never more than 84 005 days.
    #[must_use]
    pub fn days(&self, from: Timestamp, through: Timestamp) -> Vec<LocalDay> {
        if from > through {
            return Vec::new();
        }
        let from = from.clamp(Timestamp::MIN, Timestamp::MAX);
        let through = through.clamp(Timestamp::MIN, Timestamp::MAX);
        let mut date = self.date_of(from);
        let mut start = self.first_instant(date);
        let mut days = Vec::new();
        while start <= through {
            let next = following(date);
            let end = self.first_instant(next);
            // A date skipped whole has no instant, hence no window.
            if let Ok(window) = Window::try_new(start, end) {
                let hours = hour::local_hours(&self.rules, window);
                days.push(LocalDay { window, month: self.month_of(date), hours });
            }
            (date, start) = (next, end);
        }
        days
    }

    /// The local date that holds an instant, such as `2026-11-26`.
    #[must_use]
    pub fn date_text(&self, at: Timestamp) -> String {
        self.date_of(at.clamp(Timestamp::MIN, Timestamp::MAX)).to_string()
    }

    /// The same days as an input for the core.
    #[must_use]
    pub fn change(&self, from: Timestamp, through: Timestamp) -> CalendarChange {
        CalendarChange { zone: self.id(), days: self.days(from, through) }
    }

    /// What should be known at `now`: from the day of a day ago to the day of ten days ahead.
    #[must_use]
    pub fn outlook(&self, now: Timestamp) -> CalendarChange {
        self.change(now - OUTLOOK_BACK, now + OUTLOOK_AHEAD)
    }

    /// The instant a text names: RFC 3339 with an offset or Z, or a local date and time on this
    /// zone's clock. A local time shown twice is the first of the two, and one that is skipped is
    /// the moment of the skip, so that local midnight is always the beginning of a local day.
    ///
    /// # Errors
    /// [`TimeError`].
    pub fn instant(&self, text: &str) -> Result<Timestamp, TimeError> {
        let text = text.trim();
        let at = match text.parse::<jiff::Timestamp>() {
            Ok(at) => hour::from_jiff(at),
            Err(_) => {
                let local: DateTime = text.parse().map_err(|_| TimeError::Form)?;
                let years = 1970..=2200;
                if !years.contains(&local.year()) {
                    return Err(TimeError::Range);
                }
                self.first_showing(local)
            }
        };
        if at.is_plausible() { Ok(at) } else { Err(TimeError::Range) }
    }

    /// The date whose day holds `at`. The date on the clock may be a neighbour when clocks go back
    /// across midnight.
    fn date_of(&self, at: Timestamp) -> Date {
        let mut date = self.rules.to_datetime(hour::to_jiff(at)).date();
        while self.first_instant(date) > at {
            date = preceding(date);
        }
        while self.first_instant(following(date)) <= at {
            date = following(date);
        }
        date
    }

    /// The first instant at which the clock shows `date` or later.
    fn first_instant(&self, date: Date) -> Timestamp {
        self.first_showing(date.to_datetime(Time::midnight()))
    }

    /// The first instant at which the clock shows `local` or later. For years 1969 to 2201.
    fn first_showing(&self, local: DateTime) -> Timestamp {
        let (before, is_skipped) = match self.rules.to_ambiguous_timestamp(local).offset() {
            AmbiguousOffset::Unambiguous { offset } => (offset, false),
            AmbiguousOffset::Fold { before, .. } => (before, false),
            AmbiguousOffset::Gap { before, .. } => (before, true),
        };
        let reading = before.to_timestamp(local).expect("dates lie within 1969 to 2201");
        if !is_skipped {
            return hour::from_jiff(reading);
        }
        // The old offset puts a skipped time at or after the skip that swallowed it.
        let just_after = reading + SignedDuration::from_nanos(1);
        let skip = self.rules.preceding(just_after).next().expect("a gap is made by a transition");
        hour::from_jiff(skip.timestamp())
    }

    fn month_of(&self, date: Date) -> Window {
        let first = date.first_of_month();
        let next = following(date.last_of_month());
        Window::try_new(self.first_instant(first), self.first_instant(next))
            .expect("a month is longer than any shift of clocks")
    }
}

fn following(date: Date) -> Date {
    date.checked_add(1.day()).expect("dates lie within 1969 to 2201")
}

fn preceding(date: Date) -> Date {
    date.checked_sub(1.day()).expect("dates lie within 1969 to 2201")
}

/// A moment as [`Zone::instant`] reads it in any zone: RFC 3339 in UTC, to the microsecond.
#[must_use]
pub fn instant_text(at: Timestamp) -> String {
    let at = at.clamp(Timestamp::MIN, Timestamp::MAX);
    let moment = jiff::Timestamp::from_microsecond(at.as_micros());
    moment.expect("the years 1970 to 2200 are within its range").to_string()
}

#[cfg(test)]
mod tests;
