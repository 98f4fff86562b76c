//! The lines of a journal file: a log written out, so that the simulator can run it again.
//!
//! A journal is text, one JSON value a line: a [`JournalHeader`] first, then a [`JournalRecord`]
//! for each record of the log, in order. Serde shapes only: who writes and reads the text, and what
//! configuration and snapshot look like, is not known here. Written by the service, read by the
//! simulator.

use crate::input::{Input, Stamped};
use crate::units::{PartitionId, Timestamp};
use serde::{Deserialize, Serialize};

/// The first field of every journal, so that any tool can tell what it holds.
pub const JOURNAL_FORMAT: &str = "paceline-journal";
/// The version written, and the only one read. A change of any line's shape takes the next one.
pub const JOURNAL_VERSION: u32 = 9;

/// Why a journal's header was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum JournalError {
    /// When the file is something else.
    #[error("format: {0:?} is not \"paceline-journal\"")]
    Format(String),
    /// When another version of this program wrote it.
    #[error("version: {0} is not {now}", now = JOURNAL_VERSION)]
    Version(u32),
}

/// The first line: everything a replay needs beside the records.
///
/// `C` is the engine's effective configuration and `S` its snapshot, as the reader wants them: a
/// bare JSON value, or the checked types.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct JournalHeader<C, S> {
    /// [`JOURNAL_FORMAT`].
    pub format: String,
    /// [`JOURNAL_VERSION`].
    pub version: u32,
    /// Whose log.
    pub partition: PartitionId,
    /// The configuration in force at the first record.
    pub config: C,
    /// The state before the first record; absent when the log is told from its beginning.
    pub snapshot: Option<S>,
}

impl<C, S> JournalHeader<C, S> {
    /// A header of the current version.
    #[must_use]
    pub fn new(partition: PartitionId, config: C, snapshot: Option<S>) -> Self {
        let format = JOURNAL_FORMAT.to_owned();
        Self { format, version: JOURNAL_VERSION, partition, config, snapshot }
    }

    /// Whether this program can read what follows.
    ///
    /// # Errors
    /// [`JournalError`] says what does not fit.
    pub fn check(&self) -> Result<(), JournalError> {
        if self.format != JOURNAL_FORMAT {
            return Err(JournalError::Format(self.format.clone()));
        }
        if self.version != JOURNAL_VERSION {
            return Err(JournalError::Version(self.version));
        }
        Ok(())
    }
}

/// Every line but the first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct JournalRecord {
    /// Where the record lies in the log, as the store prints it. A label: order is the lines'.
    pub offset: String,
    /// When the log received it.
    pub at: Timestamp,
    /// What happened.
    pub input: Input,
}

impl JournalRecord {
    /// A record at its place.
    #[must_use]
    pub fn new(offset: String, record: Stamped) -> Self {
        Self { offset, at: record.at, input: record.input }
    }

    /// What the engine takes.
    #[must_use]
    pub fn into_stamped(self) -> Stamped {
        Stamped { at: self.at, input: self.input }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_of_another_format_or_version_is_refused_by_name() {
        let mut header = JournalHeader::<(), ()>::new(PartitionId(3), (), None);
        assert_eq!(header.check(), Ok(()));
        header.version = 1;
        assert_eq!(header.check(), Err(JournalError::Version(1)));
        header.format = "diary".to_owned();
        assert_eq!(header.check(), Err(JournalError::Format("diary".to_owned())));
    }

    #[test]
    fn a_record_is_one_line_of_json() {
        let record = Stamped { at: Timestamp::from_micros(5), input: Input::Tick };
        let line = JournalRecord::new("17-0.0".to_owned(), record.clone());
        let text = serde_json::to_string(&line).unwrap();
        assert_eq!(text, r#"{"offset":"17-0.0","at":5,"input":"tick"}"#);
        assert_eq!(serde_json::from_str::<JournalRecord>(&text).unwrap().into_stamped(), record);
    }
}
