//! Days, months and hours of zones whose clocks do unusual things, as exact instants.

use super::*;
use proptest::prelude::*;

/// An instant written as `2026-03-08T05:00:00Z`.
fn at(text: &str) -> Timestamp {
    hour::from_jiff(text.parse().unwrap())
}

fn window(start: &str, end: &str) -> Window {
    Window::try_new(at(start), at(end)).unwrap()
}

fn zone(name: &str) -> Zone {
    Zone::try_new(name).unwrap()
}

/// The one day that holds `instant`.
fn day(name: &str, instant: &str) -> LocalDay {
    let mut days = zone(name).days(at(instant), at(instant));
    assert_eq!(days.len(), 1);
    days.remove(0)
}

/// Hours of the week of a day's hours, and how many minutes each lasts.
fn hours(day: &LocalDay) -> Vec<(u8, i64)> {
    day.hours
        .iter()
        .map(|hour| (hour.hour_of_week, hour.window.span().as_micros() / 60_000_000))
        .collect()
}

#[test]
fn utc_days_have_24_hours_counted_from_monday() {
    let day = day("UTC", "2026-03-09T13:00:00Z");
    assert_eq!(day.window, window("2026-03-09T00:00:00Z", "2026-03-10T00:00:00Z"));
    assert_eq!(day.month, window("2026-03-01T00:00:00Z", "2026-04-01T00:00:00Z"));
    assert_eq!(hours(&day), (0..24).map(|hour| (hour, 60)).collect::<Vec<_>>());
    assert_eq!(day.hours[13].window, window("2026-03-09T13:00:00Z", "2026-03-09T14:00:00Z"));
}

#[test]
fn a_missing_hour_is_absent() {
    let day = day("America/New_York", "2026-03-08T12:00:00Z");
    assert_eq!(day.window, window("2026-03-08T05:00:00Z", "2026-03-09T04:00:00Z"));
    assert_eq!(day.month, window("2026-03-01T05:00:00Z", "2026-04-01T04:00:00Z"));
    // Sunday is hours 144 to 167; the clock goes from 01:59 to 03:00.
    let expected: Vec<_> = (144..168).filter(|hour| *hour != 146).map(|hour| (hour, 60)).collect();
    assert_eq!(hours(&day), expected);
    assert_eq!(day.hours[2].window, window("2026-03-08T07:00:00Z", "2026-03-08T08:00:00Z"));
}

#[test]
fn a_repeated_hour_stands_twice() {
    let day = day("America/New_York", "2026-11-01T12:00:00Z");
    assert_eq!(day.window, window("2026-11-01T04:00:00Z", "2026-11-02T05:00:00Z"));
    assert_eq!(day.month, window("2026-11-01T04:00:00Z", "2026-12-01T05:00:00Z"));
    let expected: Vec<_> = [144, 145, 145].into_iter().chain(146..168).map(|h| (h, 60)).collect();
    assert_eq!(hours(&day), expected);
    assert_eq!(day.hours.len(), 25);
}

#[test]
fn half_hour_shifts_make_short_and_long_hours() {
    // Forward at 02:00 to 02:30: the third hour lasts 30 minutes.
    let short = day("Australia/Lord_Howe", "2026-10-04T02:00:00Z");
    assert_eq!(short.window, window("2026-10-03T13:30:00Z", "2026-10-04T13:00:00Z"));
    assert_eq!(hours(&short)[1..4], [(145, 60), (146, 30), (147, 60)]);
    // Back at 02:00 to 01:30: the second hour lasts 90 minutes.
    let long = day("Australia/Lord_Howe", "2026-04-05T02:00:00Z");
    assert_eq!(long.window, window("2026-04-04T13:00:00Z", "2026-04-05T13:30:00Z"));
    assert_eq!(hours(&long)[..4], [(144, 60), (145, 90), (146, 60), (147, 60)]);
    assert_eq!(long.hours.len(), 24);
}

#[test]
fn offsets_of_quarters_keep_full_local_hours() {
    let day = day("Asia/Kathmandu", "2026-05-05T12:00:00Z");
    assert_eq!(day.window, window("2026-05-04T18:15:00Z", "2026-05-05T18:15:00Z"));
    assert_eq!(hours(&day), (24..48).map(|hour| (hour, 60)).collect::<Vec<_>>());
    assert_eq!(day.hours[0].window, window("2026-05-04T18:15:00Z", "2026-05-04T19:15:00Z"));
}

#[test]
fn a_skipped_midnight_moves_the_beginning() {
    let day = day("America/Sao_Paulo", "2018-11-04T12:00:00Z");
    // 00:00 to 01:00 does not exist: the day begins at 01:00 local.
    assert_eq!(day.window, window("2018-11-04T03:00:00Z", "2018-11-05T02:00:00Z"));
    assert_eq!(hours(&day)[0], (145, 60));
    assert_eq!(day.hours.len(), 23);
}

#[test]
fn a_skipped_midnight_of_cairo_moves_the_beginning() {
    let day = day("Africa/Cairo", "2026-04-24T12:00:00Z");
    assert_eq!(day.window, window("2026-04-23T22:00:00Z", "2026-04-24T21:00:00Z"));
    assert_eq!(hours(&day)[0], (97, 60));
    assert_eq!(day.hours.len(), 23);
}

#[test]
fn an_hour_repeated_before_midnight_belongs_to_the_old_day() {
    // At 24:00 on Thursday the clock goes back to 23:00.
    let day = day("Africa/Cairo", "2026-10-29T12:00:00Z");
    assert_eq!(day.window, window("2026-10-28T21:00:00Z", "2026-10-29T22:00:00Z"));
    assert_eq!(hours(&day)[23..], [(95, 60), (95, 60)]);
}

#[test]
fn a_midnight_shown_twice_counts_the_first_time() {
    // At 00:01 on Sunday the clock went back to 23:01 on Saturday.
    let day = day("America/St_Johns", "2010-11-07T12:00:00Z");
    assert_eq!(day.window, window("2010-11-07T02:30:00Z", "2010-11-08T03:30:00Z"));
    assert_eq!(hours(&day)[..4], [(144, 1), (143, 59), (144, 60), (145, 60)]);
}

#[test]
fn a_skip_across_midnight_ends_one_day_and_begins_the_next() {
    // Toronto, 1919: the clock went from 23:30 on 30 March to 00:30 on the 31st, outside the range
    // taken at the edge; so the rule is checked on the day's first instant itself.
    let toronto = zone("America/Toronto");
    let start = toronto.first_instant(jiff::civil::date(1919, 3, 31));
    assert_eq!(start, at("1919-03-31T04:30:00Z"));
}

#[test]
fn a_date_skipped_whole_is_no_day() {
    let days = zone("Pacific/Apia").days(at("2011-12-29T12:00:00Z"), at("2011-12-31T12:00:00Z"));
    let windows: Vec<_> = days.iter().map(|day| day.window).collect();
    assert_eq!(
        windows,
        [
            window("2011-12-29T10:00:00Z", "2011-12-30T10:00:00Z"),
            window("2011-12-30T10:00:00Z", "2011-12-31T10:00:00Z"),
            window("2011-12-31T10:00:00Z", "2012-01-01T10:00:00Z"),
        ]
    );
    // Thursday the 29th is followed by Saturday the 31st.
    assert_eq!(days[0].hours[0].hour_of_week, 3 * 24);
    assert_eq!(days[1].hours[0].hour_of_week, 5 * 24);
}

#[test]
fn days_hold_both_ends_of_the_stretch() {
    let utc = zone("UTC");
    let midnight = at("2026-03-10T00:00:00Z");
    assert_eq!(utc.days(at("2026-03-09T23:59:59Z"), midnight).len(), 2);
    assert_eq!(utc.days(midnight, midnight).len(), 1);
    assert_eq!(utc.days(midnight, midnight - Span::from_micros(1)), []);
}

#[test]
fn the_outlook_reaches_a_day_back_and_ten_ahead() {
    let outlook = zone("Europe/Berlin").outlook(at("2026-07-01T12:00:00Z"));
    assert_eq!(outlook.zone, ZoneId::of("Europe/Berlin"));
    assert_eq!(outlook.days.len(), 12);
    assert_eq!(outlook.days[0].window.start(), at("2026-06-29T22:00:00Z"));
    assert_eq!(outlook.days[0].month.end(), at("2026-06-30T22:00:00Z"));
    assert_eq!(outlook.days[11].window.end(), at("2026-07-11T22:00:00Z"));
}

#[test]
fn the_edges_of_the_range_have_days() {
    let far = Timestamp::from_micros(i64::MAX);
    let last = zone("Pacific/Kiritimati").days(far, far);
    assert!(last[0].window.contains(Timestamp::MAX));
    let early = Timestamp::from_micros(i64::MIN);
    let first = zone("Pacific/Niue").days(early, early);
    assert!(first[0].window.contains(Timestamp::MIN));
}

#[test]
fn unknown_zones_are_refused_by_name() {
    let refusal = |name: &str| Zone::try_new(name).unwrap_err().to_string();
    assert_eq!(
        refusal("Mars/Olympus"),
        "unknown time zone \"Mars/Olympus\": an IANA name such as \"Europe/Berlin\" or \"UTC\" is \
         due"
    );
    assert_eq!(
        refusal("europe/berlin"),
        "time zone \"europe/berlin\" must be spelt \"Europe/Berlin\""
    );
    for name in ["", "Etc/Unknown", "+02:00", "EST5EDT4,M3.2.0", "../etc/passwd", "Local"] {
        assert!(matches!(Zone::try_new(name), Err(ZoneError::Unknown { .. })), "{name}");
    }
}

/// Days tile time, months hold their days, hours tile days.
fn check_tiling(name: &str, from: Timestamp, through: Timestamp) {
    let days = zone(name).days(from, through);
    assert!(days[0].window.contains(from), "{name}");
    assert!(days[days.len() - 1].window.contains(through), "{name}");
    for pair in days.windows(2) {
        assert_eq!(pair[0].window.end(), pair[1].window.start(), "{name}");
        let same_month = pair[0].month == pair[1].month;
        assert!(same_month || pair[0].month.end() == pair[1].month.start(), "{name}");
    }
    for day in &days {
        assert_eq!(day.month.intersect(day.window), Some(day.window), "{name}");
        assert_eq!(day.hours[0].window.start(), day.window.start(), "{name}");
        assert_eq!(day.hours[day.hours.len() - 1].window.end(), day.window.end(), "{name}");
        for pair in day.hours.windows(2) {
            assert_eq!(pair[0].window.end(), pair[1].window.start(), "{name}");
        }
        assert!(day.hours.iter().all(|hour| hour.hour_of_week < 168), "{name}");
    }
}

/// Zones that between them shift by half hours, at midnight, across midnight and by a whole day.
const ODD: [&str; 12] = [
    "UTC",
    "America/New_York",
    "America/Sao_Paulo",
    "America/St_Johns",
    "America/Havana",
    "Africa/Cairo",
    "Africa/Monrovia",
    "Asia/Kathmandu",
    "Asia/Gaza",
    "Australia/Lord_Howe",
    "Pacific/Apia",
    "Pacific/Kwajalein",
];

proptest! {
    #[test]
    fn days_tile_time_and_months_hold_them(
        zone in proptest::sample::select(&ODD[..]),
        hour in 0_i64..700_000,
        length in 0_i64..2_000,
    ) {
        let from = Timestamp::MIN + Span::HOUR.times(hour);
        check_tiling(zone, from, from + Span::HOUR.times(length));
    }
}

#[test]
fn every_zone_tiles_its_next_shifts() {
    let now = at("2026-01-01T00:00:00Z");
    for name in TimeZoneDatabase::bundled().available() {
        let name = name.as_str();
        if name == "Etc/Unknown" {
            continue;
        }
        let zone = zone(name);
        for shift in zone.rules.following(hour::to_jiff(now)).take(2) {
            let shift = hour::from_jiff(shift.timestamp());
            check_tiling(name, shift - Span::DAY, shift + Span::DAY);
        }
    }
}

#[test]
fn a_text_names_an_instant_or_a_local_time() {
    let zone = Zone::try_new("America/New_York").unwrap();
    let micros = |text| zone.instant(text).map(Timestamp::as_micros);
    let second = |seconds: i64| Ok(seconds * 1_000_000);
    assert_eq!(micros("2026-03-08T12:00:00Z"), second(1_772_971_200));
    assert_eq!(micros("2026-03-08T14:00:00.5+02:00"), Ok(1_772_971_200_500_000));
    assert_eq!(micros("2026-03-08T08:00"), second(1_772_971_200));
    // Skipped at 02:00, which is 07:00 UTC; shown twice on 1 November, first at 05:30 UTC.
    assert_eq!(micros("2026-03-08T02:30"), second(1_772_953_200));
    assert_eq!(micros("2026-11-01 01:30:00"), micros("2026-11-01T05:30:00Z"));
    assert_eq!(zone.instant("tomorrow"), Err(TimeError::Form));
    assert_eq!(zone.instant("2026-02-30T00:00"), Err(TimeError::Form));
    assert_eq!(zone.instant("1969-12-31T00:00:00Z"), Err(TimeError::Range));
    assert_eq!(zone.instant("9999-01-01T00:00"), Err(TimeError::Range));
}
