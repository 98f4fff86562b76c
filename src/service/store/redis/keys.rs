//! Every key paceline has in Redis: its name, type and life. `docs/REDIS.md` tells it to the world.
//!
//! Every key of a partition carries the partition's hash tag, so that in a cluster all of them lie
//! in one slot and each script touches one node. Knows nothing of what is in a key.

use paceline_core::past::Grain;
use paceline_core::units::{PartitionId, Timestamp};
use std::fmt;

/// A key of one partition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Key {
    /// `format` and `partitions`; of partition 0 only, for all.
    Layout,
    /// Batches of records: the truth.
    Log,
    /// Offset of the last record trimmed from the log.
    Trimmed,
    /// Who leads; gone when the lease runs out.
    Lead,
    /// The latest term of leadership.
    Epoch,
    /// Head of the checkpoint: which side holds it, and what it covers.
    Checkpoint,
    /// The parts of a checkpoint, on one of two sides.
    CheckpointSide(Side),
    /// Rows of the past of the stretch that starts then.
    Past(Grain, Timestamp),
    /// The latest table, for readers.
    Table,
    /// The latest shading schedules, for readers.
    Shading,
    /// Spend by any producer, not yet in the log.
    SpendIn,
    /// Opportunities by any producer, not yet in the log.
    OpportunitiesIn,
    /// Outcomes by any producer, not yet in the log.
    OutcomesIn,
    /// How far these streams have been taken into the log.
    Position,
    /// Entries that were refused, the latest ten thousand.
    Refused,
    /// Spend counters of the budget window that starts then.
    Counters(Timestamp),
}

/// A new checkpoint is written beside the old one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Side {
    A,
    B,
}

impl Side {
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::A => "a",
            Self::B => "b",
        }
    }

    /// The one that does not hold the checkpoint whose side is `held`.
    pub(crate) fn other_than(held: &str) -> Self {
        if held == "a" { Self::B } else { Self::A }
    }
}

impl Key {
    /// The type Redis must show for it.
    pub(crate) const fn kind(self) -> &'static str {
        match self {
            Self::Log
            | Self::SpendIn
            | Self::OpportunitiesIn
            | Self::OutcomesIn
            | Self::Refused => "stream",
            Self::Trimmed | Self::Lead | Self::Epoch => "string",
            Self::Layout
            | Self::Checkpoint
            | Self::CheckpointSide(_)
            | Self::Past(..)
            | Self::Table
            | Self::Shading
            | Self::Position
            | Self::Counters(_) => "hash",
        }
    }

    /// Its name in a partition.
    pub(crate) fn of(self, partition: PartitionId) -> String {
        // The layout is the same for all partitions and lies with the first.
        let partition = if self == Self::Layout { 0 } else { partition.0 };
        format!("{{paceline:{partition:03}}}:{self}")
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Layout => f.write_str("layout"),
            Self::Log => f.write_str("log"),
            Self::Trimmed => f.write_str("log:trimmed"),
            Self::Lead => f.write_str("lead"),
            Self::Epoch => f.write_str("epoch"),
            Self::Checkpoint => f.write_str("checkpoint"),
            Self::CheckpointSide(side) => write!(f, "checkpoint:{}", side.as_str()),
            Self::Past(Grain::Minute, start) => write!(f, "past:minute:{}", Minute(*start)),
            Self::Past(Grain::Hour, start) => write!(f, "past:hour:{}", Minute(*start)),
            Self::Table => f.write_str("table"),
            Self::Shading => f.write_str("shading"),
            Self::SpendIn => f.write_str("in:spend"),
            Self::OpportunitiesIn => f.write_str("in:opportunities"),
            Self::OutcomesIn => f.write_str("in:outcomes"),
            Self::Position => f.write_str("in:position"),
            Self::Refused => f.write_str("in:refused"),
            Self::Counters(start) => write!(f, "spend:{}", Minute(*start)),
        }
    }
}

/// `YYYYMMDDThhmmZ`; seconds are cut off.
struct Minute(Timestamp);

impl fmt::Display for Minute {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let minutes = self.0.as_micros().div_euclid(60_000_000);
        let (year, month, day) = date(minutes.div_euclid(1_440));
        let (hour, minute) = (minutes.rem_euclid(1_440) / 60, minutes.rem_euclid(60));
        write!(f, "{year:04}{month:02}{day:02}T{hour:02}{minute:02}Z")
    }
}

const fn days_in_year(year: i64) -> i64 {
    let is_leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    if is_leap { 366 } else { 365 }
}

/// Year, month and day of a day counted from 1970-01-01. Steps year by year, then month by month:
/// at most some 240 steps in the range taken at the edge, once per key.
fn date(mut days: i64) -> (i64, i64, i64) {
    let mut year = 1970;
    while days < 0 {
        year -= 1;
        days += days_in_year(year);
    }
    while days >= days_in_year(year) {
        days -= days_in_year(year);
        year += 1;
    }
    let february = days_in_year(year) - 337;
    let mut month = 1;
    for length in [31, february, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31] {
        if days < length {
            break;
        }
        days -= length;
        month += 1;
    }
    (year, month, days + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_carries_its_partition_as_hash_tag() {
        assert_eq!(Key::Log.of(PartitionId(7)), "{paceline:007}:log");
        assert_eq!(Key::CheckpointSide(Side::B).of(PartitionId(12)), "{paceline:012}:checkpoint:b");
        assert_eq!(Key::Layout.of(PartitionId(12)), "{paceline:000}:layout");
    }

    #[test]
    fn a_counter_key_names_its_window_in_utc() {
        let key = |micros| Key::Counters(Timestamp::from_micros(micros)).to_string();
        assert_eq!(key(0), "spend:19700101T0000Z");
        // 2024-02-29 23:30 and 2026-03-01 05:00 UTC; 2000-12-31 23:59:59.
        assert_eq!(key(1_709_249_400_000_000), "spend:20240229T2330Z");
        assert_eq!(key(1_772_341_200_000_000), "spend:20260301T0500Z");
        assert_eq!(key(978_307_199_000_000), "spend:20001231T2359Z");
    }

    const PAGE: &str = include_str!("../../../../docs/REDIS.md");

    #[test]
    fn every_key_is_told_to_the_world() {
        let kept = [
            Key::Log,
            Key::Trimmed,
            Key::Lead,
            Key::Epoch,
            Key::Checkpoint,
            Key::CheckpointSide(Side::A),
            Key::CheckpointSide(Side::B),
            Key::Table,
            Key::Shading,
            Key::SpendIn,
            Key::OpportunitiesIn,
            Key::OutcomesIn,
            Key::Position,
            Key::Refused,
        ];
        for key in kept {
            let row = PAGE
                .lines()
                .find(|line| line.starts_with('|') && line.contains(&format!("`{{p}}:{key}`")));
            assert!(row.is_some_and(|row| row.contains(key.kind())), "{key}");
            let named = format!("'{{paceline:008}}:{key}'");
            let is_example = |line: &str| line.starts_with("redis-cli ") && line.contains(&named);
            assert!(PAGE.lines().any(is_example), "{key} has no example");
        }
    }

    #[test]
    fn the_documented_names_have_the_documented_keys() {
        use paceline_core::units::CampaignId;
        let names = ["a", "shoes", "campaign-42", "Brötchen"];
        let keys = names.map(|name| CampaignId::of(name).to_string());
        let told = ["02c0bdbf481420f8", "cb31d2918cf999c0", "03d2c2d6bdb47f41", "b2ffc857d3939c70"];
        assert_eq!(keys, told);
        assert!(told.iter().zip(names).all(|(key, name)| {
            PAGE.lines().any(|line| line.contains(key) && line.contains(&format!("`{name}`")))
        }));
        let partitions = ["123456789", "acme", "advertiser-7"];
        assert_eq!(partitions.map(|name| PartitionId::of(name, 16).0), [3, 8, 8]);
        assert_eq!(partitions.map(|name| PartitionId::of(name, 4).0), [3, 0, 0]);
    }
}
