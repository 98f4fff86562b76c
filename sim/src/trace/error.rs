//! Why a trace was refused, and where.
//!
//! Called by every reader and writer. Display tells only its own level; causes are in `source`.

use std::error::Error;
use std::fmt;
use std::io;
use std::sync::Arc;

/// The most of a bad value that a message repeats.
const SHOWN_MAX: usize = 64;

/// Where in a file something was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// The line of a text file, counted from 1; the header is line 1.
    Line(u64),
    /// The row of a Parquet file, counted from 1.
    Row(u64),
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Line(line) => write!(f, "line {line}"),
            Self::Row(row) => write!(f, "row {row}"),
        }
    }
}

/// One value that breaks one rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BadCell {
    /// The file, as it was named to the reader.
    pub file: Arc<str>,
    /// Line or row; absent for what concerns a column as a whole in Parquet.
    pub place: Option<Place>,
    /// The column's name.
    pub column: String,
    /// What was found, shortened and escaped; `nothing` for an empty field.
    pub value: String,
    /// The rule it breaks, as "must …" or "must not …".
    pub rule: String,
}

impl fmt::Display for BadCell {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.file)?;
        if let Some(place) = self.place {
            write!(f, ", {place}")?;
        }
        write!(f, ", column {}: {} {}", self.column, self.value, self.rule)
    }
}

/// Why a trace was refused.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TraceError {
    /// When the file cannot be opened or created.
    #[error("{file}: cannot be opened")]
    Open {
        /// The file, as it was named.
        file: Arc<str>,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// When there is not one row, and so nothing to replay.
    #[error("{file} has no auctions")]
    NoRows {
        /// The file, as it was named.
        file: Arc<str>,
    },
    /// When the name ends neither in `.csv` nor in `.parquet`.
    #[error("{file}: the extension must be .csv or .parquet")]
    Extension {
        /// The file, as it was named.
        file: Arc<str>,
    },
    /// When the file is not what its extension says: broken quoting, a row with too few fields, a
    /// damaged Parquet page.
    #[error("{file}, {place}: cannot be read as {format}")]
    Damaged {
        /// The file, as it was named.
        file: Arc<str>,
        /// The line or row at which reading stopped.
        place: Place,
        /// `CSV` or `Parquet`.
        format: &'static str,
        /// What the decoder said.
        #[source]
        source: Box<dyn Error + Send + Sync>,
    },
    /// When a value breaks a rule of the format.
    #[error("{0}")]
    Cell(Box<BadCell>),
    /// When writing fails half-way.
    #[error("{file}: cannot be written")]
    Write {
        /// The file, as it was named.
        file: Arc<str>,
        /// What the system or the encoder said.
        #[source]
        source: Box<dyn Error + Send + Sync>,
    },
}

/// A value as messages show it: quoted, escaped, at most [`SHOWN_MAX`] characters.
pub(crate) fn shown(text: &str) -> String {
    let mut short: String = text.chars().take(SHOWN_MAX).collect();
    if short.len() < text.len() {
        short.push('…');
    }
    format!("{short:?}")
}
