//! A set of hours of the local week.
//!
//! Made from files and RPCs, read by the planner and at every round. Knows no dates.

use serde::{Deserialize, Serialize};

/// Hours of a week.
const HOURS: u8 = 168;
/// Bits of one word.
const WORD: u8 = 56;

/// Hours of the local week, Monday 00:00 first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct HoursOfWeek {
    /// Three times 56 bits: hour 0 is the lowest of the first.
    words: [u64; 3],
}

impl HoursOfWeek {
    /// Every hour.
    pub const ALL: Self = Self { words: [(1 << WORD) - 1; 3] };
    /// No hour.
    pub const NONE: Self = Self { words: [0; 3] };

    /// Whether it holds an hour; those above 167 begin a new week.
    #[must_use]
    pub fn holds(self, hour_of_week: u8) -> bool {
        let hour = hour_of_week % HOURS;
        self.words[usize::from(hour / WORD)] >> (hour % WORD) & 1 == 1
    }

    /// With an hour more; those above 167 begin a new week.
    #[must_use]
    pub fn with(mut self, hour_of_week: u8) -> Self {
        let hour = hour_of_week % HOURS;
        self.words[usize::from(hour / WORD)] |= 1 << (hour % WORD);
        self
    }

    /// Whether every hour is in it.
    #[must_use]
    pub fn is_all(self) -> bool {
        self == Self::ALL
    }

    /// Its hours in order.
    pub fn iter(self) -> impl Iterator<Item = u8> {
        (0..HOURS).filter(move |&hour| self.holds(hour))
    }
}

impl Default for HoursOfWeek {
    fn default() -> Self {
        Self::ALL
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_hour_has_its_own_place() {
        for hour in 0..168 {
            let one = HoursOfWeek::NONE.with(hour);
            assert_eq!(one.iter().collect::<Vec<u8>>(), [hour]);
        }
        let all = (0..168).fold(HoursOfWeek::NONE, HoursOfWeek::with);
        assert!(all.is_all() && all == HoursOfWeek::default());
        assert!(HoursOfWeek::NONE.with(170).holds(2));
    }
}
