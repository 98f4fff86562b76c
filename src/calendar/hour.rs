//! The local hours of a window, and the way between the core's instants and jiff's.
//!
//! Must not know of days or months. Called by `zone`.

use jiff::tz::TimeZone;
use paceline_core::input::LocalHour;
use paceline_core::units::{Span, Timestamp, Window};

/// The core's instant as jiff's. Only for instants within a few days of the range taken at the
/// edge.
pub(crate) fn to_jiff(at: Timestamp) -> jiff::Timestamp {
    jiff::Timestamp::from_microsecond(at.as_micros()).expect("instants lie within 1969 to 2201")
}

/// Jiff's instant as the core's, rounded down to the microsecond.
pub(crate) fn from_jiff(at: jiff::Timestamp) -> Timestamp {
    Timestamp::from_micros(at.as_microsecond())
}

/// The local hours of a window, in order, without gaps. An hour ends where the clock reaches the
/// next full hour or leaves it by a shift. A shift back within the hour prolongs it; a shift back
/// to the beginning of an hour begins it again.
pub(crate) fn local_hours(rules: &TimeZone, window: Window) -> Vec<LocalHour> {
    let mut hours: Vec<LocalHour> = Vec::new();
    let mut start = window.start();
    while start < window.end() {
        let clock = rules.to_datetime(to_jiff(start));
        let past_hour = Span::from_mins(clock.minute().into())
            + Span::from_secs(clock.second().into())
            + Span::from_micros(i64::from(clock.subsec_nanosecond()) / 1_000);
        let end = leaves_hour(rules, start, start + (Span::HOUR - past_hour)).min(window.end());
        let weekday = i16::from(clock.weekday().to_monday_zero_offset());
        let hour_of_week = weekday * 24 + i16::from(clock.hour());
        let hour_of_week = u8::try_from(hour_of_week).expect("at most 167");
        match hours.last_mut() {
            Some(last) if past_hour > Span::ZERO && last.hour_of_week == hour_of_week => {
                last.window = span(last.window.start(), end);
            }
            _ => hours.push(LocalHour { window: span(start, end), hour_of_week }),
        }
        start = end;
    }
    hours
}

/// The first shift of clocks after `start` and before `full_hour`, else `full_hour`.
fn leaves_hour(rules: &TimeZone, start: Timestamp, full_hour: Timestamp) -> Timestamp {
    let mut offset = rules.to_offset(to_jiff(start));
    for transition in rules.following(to_jiff(start)) {
        let at = from_jiff(transition.timestamp());
        if at >= full_hour {
            break;
        }
        // Some transitions only rename the zone's abbreviation.
        if transition.offset() != offset {
            return at;
        }
        offset = transition.offset();
    }
    full_hour
}

fn span(start: Timestamp, end: Timestamp) -> Window {
    Window::try_new(start, end).expect("an hour ends after it begins")
}
