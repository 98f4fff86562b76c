//! The service's own log, written out by `paceline dump-log`: a header, then a record a line.
//!
//! Reads the text and nothing else: what the records mean is known to core, and what is made of
//! them to `replay::journal`. Holds one line at a time, beside the snapshot of the header.

use paceline_core::engine::{EngineConfig, EngineState};
use paceline_core::input::Stamped;
use paceline_core::journal::{JournalError, JournalHeader, JournalRecord};
use paceline_core::pace::{ShippedLaw, ShippedState};
use std::fs::File;
use std::io::{self, BufRead as _, BufReader, Lines};
use std::path::Path;
use std::sync::Arc;

/// A journal's first line, with the configuration and the snapshot of the law that ships.
pub type Header = JournalHeader<EngineConfig<ShippedLaw>, EngineState<ShippedState>>;

/// Why a journal was refused.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum JournalFileError {
    /// When the file cannot be opened or read.
    #[error("{file}: cannot be read")]
    File {
        /// The file, as it was named.
        file: Arc<str>,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// When there is not one line.
    #[error("{file}: must begin with a header, and is empty")]
    Empty {
        /// The file, as it was named.
        file: Arc<str>,
    },
    /// When the header is of another format or version.
    #[error("{file}, line 1")]
    Header {
        /// The file, as it was named.
        file: Arc<str>,
        /// Which of its fields.
        #[source]
        source: JournalError,
    },
    /// When a line is not what the journal's version says.
    #[error("{file}, line {line}: must be {rule}")]
    Line {
        /// The file, as it was named.
        file: Arc<str>,
        /// From 1.
        line: u64,
        /// What it must be.
        rule: &'static str,
        /// Where it is not.
        #[source]
        source: serde_json::Error,
    },
}

/// The records of a journal, in order, each with its line.
#[derive(Debug)]
pub struct JournalRecords {
    file: Arc<str>,
    lines: Lines<BufReader<File>>,
    line: u64,
}

/// Opens a journal and reads its header.
///
/// # Errors
/// [`JournalFileError`].
pub fn open(path: &Path) -> Result<(Header, JournalRecords), JournalFileError> {
    let file: Arc<str> = path.display().to_string().into();
    let failed = |source| JournalFileError::File { file: Arc::clone(&file), source };
    let opened = File::open(path).map_err(failed)?;
    let mut lines = BufReader::new(opened).lines();
    let Some(first) = lines.next() else {
        return Err(JournalFileError::Empty { file });
    };
    let first = first.map_err(failed)?;
    // The format first: what another program wrote has other fields as well.
    let bad = |source| JournalFileError::Line {
        file: Arc::clone(&file),
        line: 1,
        rule: "a journal's header",
        source,
    };
    let shape: JournalHeader<serde_json::Value, serde_json::Value> =
        serde_json::from_str(&first).map_err(bad)?;
    shape.check().map_err(|source| JournalFileError::Header { file: Arc::clone(&file), source })?;
    let header: Header = serde_json::from_str(&first).map_err(bad)?;
    Ok((header, JournalRecords { file, lines, line: 1 }))
}

impl Iterator for JournalRecords {
    type Item = Result<(u64, Stamped), JournalFileError>;

    fn next(&mut self) -> Option<Self::Item> {
        let text = self.lines.next()?;
        self.line += 1;
        let file = || Arc::clone(&self.file);
        let text = match text {
            Ok(text) => text,
            Err(source) => return Some(Err(JournalFileError::File { file: file(), source })),
        };
        let record = serde_json::from_str::<JournalRecord>(&text);
        let (line, rule) = (self.line, "a record of the log");
        Some(match record {
            Ok(record) => Ok((line, record.into_stamped())),
            Err(source) => Err(JournalFileError::Line { file: file(), line, rule, source }),
        })
    }
}
