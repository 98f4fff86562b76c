//! All changes of a partition that are kept, in order, each sealed after the one before.
//!
//! Bounded by number and by bytes; what is older is dropped, and the seal before the first that is
//! kept stays, so that the chain can be followed from an export on.

use super::record::{Record, Seal, Sealed};
use super::watch::Watched;
use paceline_core::engine::{Applied, Engine};
use paceline_core::input::Stamped;
use serde::{Deserialize, Serialize};
use std::collections::VecDeque;

/// Records kept in a partition: two catalogues of ten thousand campaigns, or a year of fifty edits
/// a day.
pub const RECORDS_MAX: usize = 20_000;
/// Bytes of records kept in a partition, about: they are part of every checkpoint.
pub const BYTES_MAX: u64 = 32 << 20;

/// Where a chain of records does not hold.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("record {number} is not as it was sealed: it, or one before it, was altered")]
pub struct Broken {
    /// The first record whose seal does not follow.
    pub number: u64,
}

/// The changes of one partition.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Trail {
    /// The seal before the first record that is kept.
    before: Seal,
    /// The number of the next record.
    next: u64,
    bytes: u64,
    sealed: VecDeque<Sealed>,
}

impl Default for Trail {
    fn default() -> Self {
        Self { before: Seal::FIRST, next: 1, bytes: 0, sealed: VecDeque::new() }
    }
}

impl Trail {
    /// Applies a record of the log, and keeps what it changed.
    pub fn apply(&mut self, engine: &mut Engine, record: &Stamped) -> Applied {
        let watched = Watched::before(engine, &record.input);
        let answer = engine.apply(record.at, &record.input);
        if !matches!(answer, Applied::Refused(_)) {
            for change in watched.after(engine, record, self.next) {
                self.keep(change);
            }
        }
        answer
    }

    fn keep(&mut self, record: Record) {
        self.bytes += record.bytes();
        self.next = record.number + 1;
        let seal = self.head().next(&record);
        self.sealed.push_back(Sealed { record, seal });
        while self.sealed.len() > RECORDS_MAX || self.bytes > BYTES_MAX && self.sealed.len() > 1 {
            let Some(old) = self.sealed.pop_front() else { break };
            self.bytes -= old.record.bytes();
            self.before = old.seal;
        }
    }

    /// The records that are kept, oldest first.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = &Sealed> + ExactSizeIterator {
        self.sealed.iter()
    }

    /// One record.
    #[must_use]
    pub fn get(&self, number: u64) -> Option<&Sealed> {
        let first = self.sealed.front()?.record.number;
        let place = usize::try_from(number.checked_sub(first)?).ok()?;
        self.sealed.get(place)
    }

    /// The seal before the first record that is kept.
    #[must_use]
    pub const fn before(&self) -> Seal {
        self.before
    }

    /// The seal of the last record: whoever noted it can tell later that nothing before it changed.
    #[must_use]
    pub fn head(&self) -> Seal {
        self.sealed.back().map_or(self.before, |last| last.seal)
    }

    /// The number of the next record.
    #[must_use]
    pub const fn next(&self) -> u64 {
        self.next
    }

    /// Whether every seal follows from the record and the seal before it.
    ///
    /// # Errors
    /// [`Broken`] names the first record of which that is not so.
    pub fn verify(&self) -> Result<(), Broken> {
        let first = self.next - self.sealed.len() as u64;
        check(self.before, first, self.sealed.iter())
    }
}

/// Whether records follow each other from `first` on, each sealed after the one before.
///
/// # Errors
/// [`Broken`] names the first that does not.
pub fn check<'a>(
    before: Seal,
    first: u64,
    sealed: impl IntoIterator<Item = &'a Sealed>,
) -> Result<(), Broken> {
    let mut previous = before;
    for (number, sealed) in (first..).zip(sealed) {
        if sealed.record.number != number || previous.next(&sealed.record) != sealed.seal {
            return Err(Broken { number });
        }
        previous = sealed.seal;
    }
    Ok(())
}

#[cfg(test)]
mod tests;
