//! How a campaign's money goes out beside its delivery mode, and the holidays of an advertiser.
//!
//! Called by the checks of campaigns and advertisers. Knows the zone of a holiday's dates.

use crate::cursor::{Faults, Section};
use crate::value::{self, MONEY, SHARE};
use paceline_calendar::Zone;
use paceline_core::campaign::{DeliveryTerms, HOLIDAYS_MAX, Holiday};
use paceline_core::hours::HoursOfWeek;
use paceline_core::units::{Currency, Ppm, ShapeId};
use std::collections::BTreeMap;

/// Stretches of hours that one campaign may list: each hour of a week by itself.
const STRETCHES_MAX: usize = 168;
/// Names of days in files.
const DAYS: [&str; 7] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];
const DATE: &str = "a date such as \"2026-11-26\"";
const STRETCH: &str = "must be days and hours, such as \"mon-fri 08-20\" or \"sat 00-24\"";

/// Dates and their traffic, by the name of their list.
pub(crate) type HolidayLists = BTreeMap<String, Vec<(String, Ppm)>>;

/// Reads a list of holidays.
pub(crate) fn holidays(
    mut section: Section<'_>,
    faults: &mut Faults<'_>,
    known: &mut HolidayLists,
) {
    let name = section.required(faults, "name", value::NAME, value::name);
    let mut days = Vec::new();
    for mut item in section.sections(faults, "days", HOLIDAYS_MAX) {
        let date = item.required(faults, "date", DATE, date);
        let traffic = item.required(faults, "traffic", SHARE, value::share_of_traffic);
        days.extend(date.zip(traffic));
        item.finish(faults);
    }
    // Dates of the same form are in the order of their letters.
    days.sort();
    if days.windows(2).any(|pair| pair[0].0 == pair[1].0) {
        section.refuse(faults, "days", "each date once");
    }
    if let Some(name) = name
        && known.insert(name.to_string(), days).is_some()
    {
        section.refuse(faults, "name", "is used already: a name is used once");
    }
    section.finish(faults);
}

/// A date without a time; whether there is such a day is for the calendar to say.
fn date(text: &str) -> Result<String, String> {
    let is_one = text.len() == 10
        && text.bytes().enumerate().all(|(place, byte)| match place {
            4 | 7 => byte == b'-',
            _ => byte.is_ascii_digit(),
        });
    let utc = Zone::try_new("UTC").map_err(|error| error.to_string())?;
    let is_day = utc.instant(&format!("{text}T00:00")).is_ok();
    if is_one && is_day { Ok(text.to_owned()) } else { Err(format!("must be {DATE}")) }
}

/// The holidays an advertiser names, on its own clock.
pub(crate) fn holidays_of(
    section: &mut Section<'_>,
    faults: &mut Faults<'_>,
    known: &HolidayLists,
    zone: &Zone,
) -> Vec<Holiday> {
    let find = |text: &str| known.get(text).ok_or_else(|| "no holidays have this name".to_owned());
    let days = section.text(faults, "holidays", "the name of holidays", find);
    let holiday = |(date, traffic): &(String, Ppm)| {
        let day = zone.instant(&format!("{date}T00:00")).ok()?;
        Some(Holiday { day, traffic: *traffic })
    };
    days.into_iter().flatten().filter_map(holiday).collect()
}

/// Reads a campaign's delivery terms.
pub(crate) fn terms(
    section: &mut Section<'_>,
    faults: &mut Faults<'_>,
    (curve, due): (Option<ShapeId>, Option<Currency>),
) -> DeliveryTerms {
    let default = DeliveryTerms::default();
    let ahead = section.text(faults, "ahead", SHARE, value::share_of_plan);
    let catch_up = section.text(faults, "catch_up", SHARE, value::share_of_plan);
    let money = |text: &str| value::budget(text, due);
    let minimum = section.text(faults, "minimum", MONEY, money);
    let hours = section.field("hours").map(|field| {
        let mut hours = HoursOfWeek::NONE;
        for item in field.items(faults, STRETCHES_MAX) {
            match item.text().as_deref().and_then(stretch) {
                Some(listed) => hours = listed.fold(hours, HoursOfWeek::with),
                None => item.refuse(faults, STRETCH),
            }
        }
        hours
    });
    DeliveryTerms {
        ahead: ahead.unwrap_or(default.ahead),
        catch_up,
        minimum,
        hours: hours.unwrap_or(default.hours),
        curve,
    }
}

/// One hour of the week as a file names it: `mon 08-09`.
pub(crate) fn hour_text(hour_of_week: u8) -> String {
    let (day, hour) = (usize::from(hour_of_week / 24) % DAYS.len(), hour_of_week % 24);
    format!("{} {hour:02}-{:02}", DAYS[day], hour + 1)
}

/// The hours of `mon-fri 08-20`.
fn stretch(text: &str) -> Option<impl Iterator<Item = u8>> {
    let (days, hours) = text.trim().split_once(' ')?;
    let day = |name: &str| DAYS.iter().position(|known| *known == name);
    let (first, last) = days.split_once('-').unwrap_or((days, days));
    let (first, last) = (day(first)?, day(last)?);
    let (from, until) = hours.trim().split_once('-')?;
    let hour = |text: &str| text.parse::<u8>().ok().filter(|&hour| hour <= 24);
    let (from, until) = (hour(from)?, hour(until)?);
    if from >= until {
        return None;
    }
    // From Saturday to Monday leads over the end of the week.
    let count = (last + 7 - first) % 7 + 1;
    let days = (0..count).filter_map(move |step| u8::try_from((first + step) % 7).ok());
    Some(days.flat_map(move |day| (from..until).map(move |hour| day * 24 + hour)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hours(text: &str) -> Option<Vec<u8>> {
        stretch(text).map(Iterator::collect)
    }

    #[test]
    fn stretches_of_hours_are_read() {
        assert_eq!(hours("mon 08-10"), Some(vec![8, 9]));
        assert_eq!(hours("sun-mon 23-24"), Some(vec![167, 23]));
        assert_eq!(hours("mon-sun 00-24").map(|all| all.len()), Some(168));
        for bad in ["", "mon", "mon 10-8", "mon 8-25", "moon 8-9", "mon-fri", "mon 8-8"] {
            assert_eq!(hours(bad), None, "{bad}");
        }
    }

    #[test]
    fn dates_are_days_of_the_calendar() {
        assert_eq!(date("2026-02-28"), Ok("2026-02-28".to_owned()));
        assert!(date("2026-02-29").is_err() && date("2026-2-9").is_err() && date("soon").is_err());
    }
}
