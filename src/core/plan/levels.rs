//! How single days differ from the usual week: holidays, and growth.
//!
//! Made by the engine for each plan, read where a shape is laid on days. Knows no money.

use crate::campaign::Holiday;
use crate::units::{Span, Timestamp, Window};

/// A day of usual traffic: levels are in parts per million.
pub const USUAL: u64 = 1_000_000;
/// Growth is followed no further ahead than this: nothing grows for ever.
const GROWTH_AHEAD: f64 = 7.0;
/// No day is made more than twice, or less than half of, what it would be by growth.
const GROWTH_MOST: f64 = core::f64::consts::LN_2;

/// What is known of single days.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct DayLevels<'a> {
    /// In order of time.
    pub holidays: &'a [Holiday],
    /// Growth of traffic a day, as a logarithm.
    pub growth: f64,
    /// Where the level of traffic is known: growth counts from here.
    pub known_at: Timestamp,
}

impl DayLevels<'static> {
    /// Every day as usual.
    pub const USUAL: Self = Self { holidays: &[], growth: 0.0, known_at: Timestamp::MIN };
}

impl DayLevels<'_> {
    /// Traffic of a local day over that of its weekday, in parts per million; from 0 to twenty.
    #[must_use]
    pub fn of(&self, day: Window) -> u64 {
        let holiday = self.holiday(day).map_or(USUAL, |traffic| traffic);
        if self.growth.abs() > 0.0 {
            holiday * self.grown(day.start() - self.known_at) / USUAL
        } else {
            holiday
        }
    }

    /// What a holiday makes of a day; nothing where it is none.
    #[must_use]
    pub fn holiday(&self, day: Window) -> Option<u64> {
        let place = self.holidays.partition_point(|holiday| holiday.day < day.start());
        let found = self.holidays.get(place).filter(|holiday| day.contains(holiday.day))?;
        Some(found.traffic.get().into())
    }

    /// The level of days beyond the calendar.
    #[must_use]
    pub fn beyond(&self) -> u64 {
        if self.growth.abs() > 0.0 { self.grown(Span::DAY.times(365)) } else { USUAL }
    }

    fn grown(&self, ahead: Span) -> u64 {
        let days = ahead.ratio_to(Span::DAY).clamp(0.0, GROWTH_AHEAD);
        let factor = libm::exp((self.growth * days).clamp(-GROWTH_MOST, GROWTH_MOST));
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "half a million to two"
        )]
        let level = (factor * 1e6) as u64;
        level
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::units::Ppm;

    fn day(number: i64) -> Window {
        let start = Timestamp::MIN + Span::DAY.times(number);
        Window::try_new(start, start + Span::DAY).unwrap()
    }

    #[test]
    fn a_holiday_has_its_own_level_and_other_days_the_usual() {
        let holidays = [
            Holiday { day: day(3).start(), traffic: Ppm::new(400_000) },
            Holiday { day: day(7).start(), traffic: Ppm::new(2_500_000) },
        ];
        let levels = DayLevels { holidays: &holidays, ..DayLevels::USUAL };
        let told: Vec<u64> = (2..9).map(|number| levels.of(day(number))).collect();
        assert_eq!(told, [USUAL, 400_000, USUAL, USUAL, USUAL, 2_500_000, USUAL]);
        assert_eq!(levels.beyond(), USUAL);
    }

    #[test]
    fn growth_counts_for_a_week_and_at_most_doubles() {
        let levels = DayLevels { growth: 0.05, ..DayLevels::USUAL };
        assert_eq!(levels.of(day(0)), USUAL);
        assert_eq!(levels.of(day(2)), 1_105_170);
        assert_eq!(levels.of(day(30)), levels.beyond());
        let levels = DayLevels { growth: -0.5, ..levels };
        assert_eq!(levels.of(day(9)), 500_000);
    }
}
