//! The local days the engine has been told of, by zone: where budget windows begin and end.
//!
//! Filled by `Input::Calendar`; read by the ledger (which window does money belong to?) and by the
//! planner (what lies ahead?). Knows nothing of zones' rules.

use crate::budget::Horizon;
use crate::campaign::SpecError;
use crate::input::{CalendarChange, LocalDay};
use crate::units::{Span, Timestamp, Window, ZoneId};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Days older than this are forgotten: closed days are restated for 35 days.
const MEMORY: Span = Span::DAY.times(40);
/// Most days held ahead of a zone's first: bounds what one calendar input can cost.
const DAYS_MAX: usize = 800;

/// Known local days.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct KnownDays {
    zones: BTreeMap<ZoneId, Vec<LocalDay>>,
}

impl KnownDays {
    /// Takes in days. Those already known stay as they are; a gap or a day out of order is refused
    /// and nothing changes.
    ///
    /// # Errors
    /// The first rule the change breaks.
    pub fn learn(&mut self, now: Timestamp, change: &CalendarChange) -> Result<(), SpecError> {
        let known = self.zones.get(&change.zone).map_or(&[][..], Vec::as_slice);
        let mut end = known.last().map(|day| day.window.end());
        let mut fresh = Vec::new();
        for (index, day) in change.days.iter().enumerate() {
            if end.is_some_and(|end| day.window.end() <= end) {
                continue;
            }
            if end.is_some_and(|end| day.window.start() != end) {
                let field = format!("days[{index}].window.start");
                return Err(SpecError::new(field, "days must follow one another without gaps"));
            }
            check_day(index, day)?;
            end = Some(day.window.end());
            fresh.push(day.clone());
        }
        if known.len() + fresh.len() > DAYS_MAX {
            return Err(SpecError::new("days", "at most 800 days of a zone are held"));
        }
        let days = self.zones.entry(change.zone).or_default();
        days.retain(|day| day.window.end() > now - MEMORY);
        days.extend(fresh);
        Ok(())
    }

    /// The end of the last day known of a zone.
    #[must_use]
    pub fn known_until(&self, zone: ZoneId) -> Option<Timestamp> {
        self.zones.get(&zone)?.last().map(|day| day.window.end())
    }

    /// The local day that holds `at`.
    #[must_use]
    pub fn day_at(&self, zone: ZoneId, at: Timestamp) -> Option<&LocalDay> {
        let days = self.zones.get(&zone)?;
        let next = days.partition_point(|day| day.window.end() <= at);
        days.get(next).filter(|day| day.window.contains(at))
    }

    /// Days from the one that holds `from` (or the first after it) onwards.
    #[must_use]
    pub fn from(&self, zone: ZoneId, from: Timestamp) -> &[LocalDay] {
        let days = self.zones.get(&zone).map_or(&[][..], Vec::as_slice);
        &days[days.partition_point(|day| day.window.end() <= from)..]
    }

    /// The window of a horizon that holds `at`; flights are not known here.
    #[must_use]
    pub fn window_at(&self, zone: ZoneId, horizon: Horizon, at: Timestamp) -> Option<Window> {
        let day = self.day_at(zone, at)?;
        match horizon {
            Horizon::Day => Some(day.window),
            Horizon::Month => Some(day.month),
            Horizon::Hour => {
                day.hours.iter().map(|hour| hour.window).find(|window| window.contains(at))
            }
            Horizon::Flight => None,
        }
    }
}

/// Hours tile their day; the day lies in its month.
fn check_day(index: usize, day: &LocalDay) -> Result<(), SpecError> {
    let complain = |what: &str, rule: &str| {
        Err(SpecError::new(format!("days[{index}].{what}"), rule.to_owned()))
    };
    if !day.month.contains(day.window.start()) || day.month.end() < day.window.end() {
        return complain("month", "must contain its day");
    }
    let mut end = day.window.start();
    for hour in &day.hours {
        if hour.window.start() != end || hour.hour_of_week >= 168 {
            return complain("hours", "must follow one another, hour_of_week below 168");
        }
        end = hour.window.end();
    }
    if end != day.window.end() {
        return complain("hours", "must fill the day");
    }
    Ok(())
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::input::LocalHour;

    /// Days of 24 hours in UTC from 1970-01-01, one month long of 30 days each.
    pub(crate) fn plain_days(zone: ZoneId, count: i64) -> CalendarChange {
        let at = |span: Span| Timestamp::from_micros(span.as_micros());
        let days = (0..count)
            .map(|day| {
                let start = at(Span::DAY.times(day));
                let month = at(Span::DAY.times(day / 30 * 30));
                LocalDay {
                    window: Window::try_new(start, start + Span::DAY).unwrap(),
                    month: Window::try_new(month, month + Span::DAY.times(30)).unwrap(),
                    hours: (0..24)
                        .map(|hour| LocalHour {
                            window: Window::try_new(
                                start + Span::HOUR.times(hour),
                                start + Span::HOUR.times(hour + 1),
                            )
                            .unwrap(),
                            hour_of_week: u8::try_from((day + 3) % 7 * 24 + hour).unwrap(),
                        })
                        .collect(),
                }
            })
            .collect();
        CalendarChange { zone, days }
    }

    #[test]
    fn windows_are_found_and_a_gap_is_refused() {
        let zone = ZoneId::of("UTC");
        let mut known = KnownDays::default();
        known.learn(Timestamp::MIN, &plain_days(zone, 3)).unwrap();
        let noon = Timestamp::MIN + Span::HOUR.times(36);
        let hour = known.window_at(zone, Horizon::Hour, noon).unwrap();
        assert_eq!(hour.start(), noon);
        let mut gap = plain_days(zone, 6);
        gap.days.remove(3);
        assert!(known.learn(Timestamp::MIN, &gap).is_err());
        assert_eq!(known.from(zone, noon).len(), 2, "a refused change leaves all as it was");
    }
}
