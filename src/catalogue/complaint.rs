//! What is wrong with a file: where, which field, which value, which rule.
//!
//! Called by every other module here and by whoever shows faults to people.

use std::fmt;
use std::path::PathBuf;

/// Complaints told about one file; further ones are only counted.
pub const COMPLAINTS_MAX: usize = 1_000;
/// Bytes of a value that are shown.
const VALUE_BYTES_MAX: usize = 80;

/// One thing that is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Complaint {
    /// Line of the file, from 1.
    pub line: usize,
    /// Path of the field, e.g. `campaigns[3].flights[0].end`; empty when the file as a whole is
    /// meant.
    pub path: String,
    /// The value as written, shortened to 80 bytes; empty when there is none.
    pub value: String,
    /// The rule it breaks.
    pub rule: String,
}

impl fmt::Display for Complaint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}: ", self.line)?;
        match (self.path.is_empty(), self.value.is_empty()) {
            (true, _) => write!(f, "{}", self.rule),
            (false, true) => write!(f, "{}: {}", self.path, self.rule),
            (false, false) => write!(f, "{} = {}: {}", self.path, self.value, self.rule),
        }
    }
}

/// Why a campaign file was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CatalogueError {
    /// When the file is not there, may not be read, is not text or is too large.
    #[error("{}: cannot be read: {why}", path.display())]
    Unreadable {
        /// As given.
        path: PathBuf,
        /// What the system says.
        why: String,
    },
    /// When what it says breaks rules.
    #[error("{}", listed(complaints, *untold))]
    Faulty {
        /// At least one, at most [`COMPLAINTS_MAX`]; by line.
        complaints: Vec<Complaint>,
        /// How many more there are.
        untold: usize,
    },
}

impl CatalogueError {
    /// The complaints, if any.
    #[must_use]
    pub fn complaints(&self) -> &[Complaint] {
        match self {
            Self::Unreadable { .. } => &[],
            Self::Faulty { complaints, .. } => complaints,
        }
    }
}

fn listed(complaints: &[Complaint], untold: usize) -> String {
    let count = complaints.len() + untold;
    let mut text = format!("the campaigns have {count} fault{}", if count == 1 { "" } else { "s" });
    for complaint in complaints {
        text += &format!("\n  {complaint}");
    }
    if untold > 0 {
        text += &format!("\n  and {untold} more");
    }
    text
}

/// The text cut to what is shown, at a letter's edge.
pub(crate) fn shortened(text: &str) -> String {
    if text.len() <= VALUE_BYTES_MAX {
        return text.to_owned();
    }
    let end = text.floor_char_boundary(VALUE_BYTES_MAX - '…'.len_utf8());
    format!("{}…", &text[..end])
}
