//! A place in a partition's log: which stored entry, and which record inside it.
//!
//! One type for both stores: the embedded store counts entries from 1 (`17-0.3`), Redis names them
//! by stream ids (`1700000000000-2.3`). Knows nothing of either. Used by the store's callers to
//! page, to checkpoint and to trim.

use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// A place in a log. Ordered as the log is; never used twice within a partition.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
pub struct Offset {
    major: u64,
    minor: u64,
    index: u32,
}

/// Why a text is not an offset.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("an offset is written as entry and record, e.g. 17-0.3")]
pub struct OffsetError;

impl Offset {
    /// Before every record.
    pub const START: Self = Self { major: 0, minor: 0, index: 0 };

    /// The record `index` of the entry `major-minor`.
    #[must_use]
    pub(crate) const fn new(major: u64, minor: u64, index: u32) -> Self {
        Self { major, minor, index }
    }

    /// The entry that holds it.
    #[must_use]
    pub(crate) const fn entry(self) -> (u64, u64) {
        (self.major, self.minor)
    }

    /// The record inside its entry, from 0.
    #[must_use]
    pub const fn index(self) -> u32 {
        self.index
    }
}

impl fmt::Display for Offset {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}.{}", self.major, self.minor, self.index)
    }
}

impl FromStr for Offset {
    type Err = OffsetError;

    fn from_str(text: &str) -> Result<Self, OffsetError> {
        let (entry, index) = text.split_once('.').ok_or(OffsetError)?;
        let (major, minor) = entry.split_once('-').ok_or(OffsetError)?;
        Ok(Self {
            major: major.parse().map_err(|_| OffsetError)?,
            minor: minor.parse().map_err(|_| OffsetError)?,
            index: index.parse().map_err(|_| OffsetError)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn offsets_order_by_entry_then_record() {
        let offsets = [Offset::new(1, 0, 9), Offset::new(1, 1, 0), Offset::new(2, 0, 0)];
        assert!(offsets.is_sorted());
        assert!(Offset::START < offsets[0]);
    }

    #[test]
    fn an_offset_is_read_back_as_printed() {
        let offset = Offset::new(1_700_000_000_000, 2, 3);
        assert_eq!(offset.to_string(), "1700000000000-2.3");
        assert_eq!(offset.to_string().parse(), Ok(offset));
        assert_eq!("17".parse::<Offset>(), Err(OffsetError));
    }
}
