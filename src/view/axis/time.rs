//! Time axes: ticks at round hours, days and months of UTC.
//!
//! Must not know what time it is. Called by `axis`.

use super::{Domain, TICKS_MAX, Tick};
use jiff::Timestamp;
use jiff::ToSpan;
use jiff::civil::{Date, DateTime};
use jiff::tz::Offset;

const MINUTE: i64 = 60;
const HOUR: i64 = 3_600;
const DAY: i64 = 86_400;
/// Steps below a month, in seconds.
const STEPS: [i64; 20] = [
    1,
    2,
    5,
    10,
    30,
    MINUTE,
    2 * MINUTE,
    5 * MINUTE,
    10 * MINUTE,
    15 * MINUTE,
    30 * MINUTE,
    HOUR,
    2 * HOUR,
    3 * HOUR,
    6 * HOUR,
    12 * HOUR,
    DAY,
    2 * DAY,
    WEEK,
    2 * WEEK,
];
const WEEK: i64 = 7 * DAY;
/// Steps of months; the last, a century, is for nonsense.
const MONTHS: [i32; 7] = [1, 3, 6, 12, 60, 120, 1_200];
/// The first Monday after 1970-01-01, so that weeks begin on Mondays.
const MONDAY: i64 = 4 * DAY;

/// About `count` ticks at round times.
pub(super) fn ticks(domain: Domain, count: u32) -> Vec<Tick> {
    let (Some(low), Some(high)) = (seconds(domain.low.ceil()), seconds(domain.high.floor())) else {
        return Vec::new();
    };
    let rough = (high - low) / i64::from(count.max(1));
    match STEPS.into_iter().find(|step| *step >= rough) {
        Some(step) => even_ticks(low, high, step),
        None => month_ticks(low, high, rough),
    }
}

/// What a time axis is called: its label, the zone and the days it covers.
pub(crate) fn caption(label: &str, domain: Domain) -> String {
    let label = if label.is_empty() { "time" } else { label };
    let days = (seconds(domain.low), seconds(domain.high - 1.0));
    let (Some(first), Some(last)) = (days.0.and_then(civil), days.1.and_then(civil)) else {
        return format!("{label}, UTC");
    };
    let last = last.max(first);
    let (from, to) = (first.date(), last.date());
    if from == to {
        format!("{label}, UTC, {}", from.strftime("%-d %b %Y"))
    } else if from.year() == to.year() {
        format!("{label}, UTC, {} – {}", from.strftime("%-d %b"), to.strftime("%-d %b %Y"))
    } else {
        format!("{label}, UTC, {} – {}", from.strftime("%-d %b %Y"), to.strftime("%-d %b %Y"))
    }
}

fn even_ticks(low: i64, high: i64, step: i64) -> Vec<Tick> {
    let origin = if step >= WEEK { MONDAY } else { 0 };
    let first = low + (origin - low).rem_euclid(step);
    (0..i64::from(TICKS_MAX))
        .map(|index| first + index * step)
        .take_while(|at| *at <= high)
        .filter_map(|at| civil(at).map(|clock| (at, clock)))
        .map(|(at, clock)| {
            let is_day = at.rem_euclid(DAY) == 0;
            let label = match step {
                _ if is_day => clock.strftime("%-d %b"),
                _ if step < MINUTE => clock.strftime("%H:%M:%S"),
                _ => clock.strftime("%H:%M"),
            };
            Tick { at: float(at), label: label.to_string(), is_strong: is_day && step < DAY }
        })
        .collect()
}

fn month_ticks(low: i64, high: i64, rough: i64) -> Vec<Tick> {
    let (Some(from), Some(to)) = (civil(low), civil(high)) else { return Vec::new() };
    let rough_months = rough / (30 * DAY);
    let step = MONTHS.into_iter().find(|step| i64::from(*step) >= rough_months).unwrap_or(1_200);
    let Ok(mut date) = Date::new(from.year(), 1, 1) else { return Vec::new() };
    let mut ticks = Vec::new();
    while date <= to.date() && ticks.len() < 40 {
        if date >= from.date() {
            let is_year = date.month() == 1;
            let label = date.strftime(if is_year { "%Y" } else { "%b" }).to_string();
            let at = Offset::UTC.to_timestamp(date.at(0, 0, 0, 0)).map(Timestamp::as_second);
            let is_strong = is_year && step < 12;
            ticks.extend(at.map(|at| Tick { at: float(at), label, is_strong }));
        }
        let Ok(next) = date.checked_add(step.months()) else { break };
        date = next;
    }
    ticks
}

/// The clock in UTC; `None` outside years -9999 to 9999.
fn civil(second: i64) -> Option<DateTime> {
    Timestamp::from_second(second).ok().map(|at| Offset::UTC.to_datetime(at))
}

/// Whole seconds; `None` for what is no time at all.
#[expect(clippy::cast_possible_truncation, reason = "within a range that a float holds exactly")]
fn seconds(value: f64) -> Option<i64> {
    (value.abs() < 4e11).then_some(value as i64)
}

#[expect(clippy::cast_precision_loss, reason = "seconds of ten thousand years stay exact")]
fn float(second: i64) -> f64 {
    second as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 2026-03-08T00:00:00Z.
    const SUNDAY: f64 = 1_772_928_000.0;

    fn labels(low: f64, high: f64, count: u32) -> Vec<String> {
        ticks(Domain { low, high }, count).into_iter().map(|tick| tick.label).collect()
    }

    #[test]
    fn a_day_is_labelled_by_hours() {
        let shown = labels(SUNDAY, SUNDAY + 86_400.0, 8);
        let expected =
            ["8 Mar", "03:00", "06:00", "09:00", "12:00", "15:00", "18:00", "21:00", "9 Mar"];
        assert_eq!(shown, expected);
    }

    #[test]
    fn minutes_and_seconds_have_their_own_labels() {
        let noon = SUNDAY + 43_200.0;
        assert_eq!(
            labels(noon, noon + 3_000.0, 5),
            ["12:00", "12:10", "12:20", "12:30", "12:40", "12:50"]
        );
        assert_eq!(
            labels(noon + 1.0, noon + 9.0, 4),
            ["12:00:02", "12:00:04", "12:00:06", "12:00:08"]
        );
    }

    #[test]
    fn weeks_begin_on_mondays() {
        let shown = labels(SUNDAY, SUNDAY + 30.0 * 86_400.0, 5);
        assert_eq!(shown, ["9 Mar", "16 Mar", "23 Mar", "30 Mar", "6 Apr"]);
    }

    #[test]
    fn years_are_labelled_by_months() {
        let shown = labels(SUNDAY, SUNDAY + 500.0 * 86_400.0, 6);
        assert_eq!(shown, ["Apr", "Jul", "Oct", "2027", "Apr", "Jul"]);
    }

    #[test]
    fn captions_name_the_days_covered() {
        let of = |low, high| caption("", Domain { low, high });
        assert_eq!(of(SUNDAY, SUNDAY + 86_400.0), "time, UTC, 8 Mar 2026");
        assert_eq!(of(SUNDAY, SUNDAY + 90_000.0), "time, UTC, 8 Mar – 9 Mar 2026");
        assert_eq!(of(SUNDAY - 1e8, SUNDAY), "time, UTC, 5 Jan 2023 – 7 Mar 2026");
        assert_eq!(of(-1e300, 1e300), "time, UTC");
    }
}
