//! One view on both file forms: a cursor over rows with typed, checked access to named columns.
//!
//! Knows the shape of a table and nothing of what its columns mean. Called by the four readers.

use super::csv_source::CsvSource;
use super::error::{BadCell, Place, TraceError, shown};
use super::parquet_source::ParquetSource;
use paceline_core::units::Timestamp;
use std::path::Path;
use std::sync::Arc;

/// What kind of value a column holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A whole number that fits 64 bits.
    Int,
    /// A finite number.
    Float,
    /// UTF-8 text.
    Text,
}

impl Kind {
    /// The rule for a value of another kind.
    pub(crate) const fn rule(self) -> &'static str {
        match self {
            Self::Int => "must be an integer of at most 64 bits",
            Self::Float => "must be a finite number",
            Self::Text => "must be text",
        }
    }
}

/// A column a reader wants.
#[derive(Debug, Clone)]
pub(crate) struct Column {
    /// Its name in the header.
    pub(crate) name: String,
    /// What its values are.
    pub(crate) kind: Kind,
    /// Whether the file must have it.
    pub(crate) is_required: bool,
}

impl Column {
    /// A column the file must have.
    pub(crate) fn required(name: &str, kind: Kind) -> Self {
        Self { name: name.to_owned(), kind, is_required: true }
    }

    /// A column the file may have.
    pub(crate) fn optional(name: &str, kind: Kind) -> Self {
        Self { name: name.to_owned(), kind, is_required: false }
    }
}

/// A bare value as a file holds it.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Cell<'a> {
    /// Nothing.
    Null,
    /// A Parquet integer or boolean.
    Int(i64),
    /// A Parquet number.
    Float(f64),
    /// A CSV field or a Parquet string.
    Text(&'a [u8]),
}

impl Cell<'_> {
    fn shown(self) -> String {
        match self {
            Self::Null => "nothing".to_owned(),
            Self::Int(value) => value.to_string(),
            Self::Float(value) => value.to_string(),
            Self::Text(bytes) => shown(&String::from_utf8_lossy(bytes)),
        }
    }
}

enum Backing {
    Csv(CsvSource),
    Parquet(ParquetSource),
}

/// A cursor over the rows of a file. Slots number the wanted columns in the order they were asked.
pub(crate) struct Source {
    file: Arc<str>,
    backing: Backing,
    columns: Vec<Column>,
}

impl Source {
    /// Opens a file by its extension and finds the wanted columns in it.
    pub(crate) fn open(path: &Path, columns: Vec<Column>) -> Result<Self, TraceError> {
        let file: Arc<str> = path.display().to_string().into();
        let extension = path.extension().and_then(|extension| extension.to_str());
        let backing = match extension.map(str::to_ascii_lowercase).as_deref() {
            Some("csv") => Backing::Csv(CsvSource::open(path, &file, &columns)?),
            Some("parquet") => Backing::Parquet(ParquetSource::open(path, &file, &columns)?),
            _ => return Err(TraceError::Extension { file }),
        };
        Ok(Self { file, backing, columns })
    }

    /// The file's name as given.
    pub(crate) fn file(&self) -> &Arc<str> {
        &self.file
    }

    /// How many rows the file says it has; CSV does not say.
    pub(crate) fn rows_known(&self) -> Option<u64> {
        match &self.backing {
            Backing::Csv(_) => None,
            Backing::Parquet(source) => Some(source.rows_total()),
        }
    }

    /// Moves to the next row; false at the end.
    pub(crate) fn advance(&mut self) -> Result<bool, TraceError> {
        match &mut self.backing {
            Backing::Csv(source) => source.advance(&self.file),
            Backing::Parquet(source) => source.advance(&self.file),
        }
    }

    /// Where the cursor is.
    pub(crate) fn place(&self) -> Place {
        match &self.backing {
            Backing::Csv(source) => source.place(),
            Backing::Parquet(source) => source.place(),
        }
    }

    fn cell(&self, slot: usize) -> Cell<'_> {
        match &self.backing {
            Backing::Csv(source) => source.cell(slot),
            Backing::Parquet(source) => source.cell(slot),
        }
    }

    /// A complaint about the value under the cursor.
    pub(crate) fn refuse(&self, slot: usize, rule: impl Into<String>) -> TraceError {
        TraceError::Cell(Box::new(BadCell {
            file: Arc::clone(&self.file),
            place: Some(self.place()),
            column: self.columns[slot].name.clone(),
            value: self.cell(slot).shown(),
            rule: rule.into(),
        }))
    }

    /// A whole number, if the row has one.
    pub(crate) fn int(&self, slot: usize) -> Result<Option<i64>, TraceError> {
        let refused = || self.refuse(slot, Kind::Int.rule());
        match self.cell(slot) {
            Cell::Null => Ok(None),
            Cell::Int(value) => Ok(Some(value)),
            Cell::Float(_) => Err(refused()),
            Cell::Text(bytes) => std::str::from_utf8(bytes)
                .ok()
                .and_then(|text| text.parse().ok())
                .map_or_else(|| Err(refused()), |value| Ok(Some(value))),
        }
    }

    /// A finite number, if the row has one.
    #[expect(clippy::cast_precision_loss, reason = "an integer column read as a number")]
    pub(crate) fn float(&self, slot: usize) -> Result<Option<f64>, TraceError> {
        let value = match self.cell(slot) {
            Cell::Null => return Ok(None),
            Cell::Int(value) => Some(value as f64),
            Cell::Float(value) => Some(value),
            Cell::Text(bytes) => std::str::from_utf8(bytes).ok().and_then(|text| text.parse().ok()),
        };
        match value {
            Some(value) if value.is_finite() => Ok(Some(value)),
            _ => Err(self.refuse(slot, Kind::Float.rule())),
        }
    }

    /// Text, if the row has any; blank counts as none.
    pub(crate) fn text(&self, slot: usize) -> Result<Option<&str>, TraceError> {
        match self.cell(slot) {
            Cell::Null => Ok(None),
            Cell::Int(_) | Cell::Float(_) => Err(self.refuse(slot, Kind::Text.rule())),
            Cell::Text([]) => Ok(None),
            Cell::Text(bytes) => match std::str::from_utf8(bytes) {
                Ok(text) => Ok(Some(text)),
                Err(_) => Err(self.refuse(slot, "must be UTF-8")),
            },
        }
    }

    /// `found`, or a complaint that the field is empty.
    pub(crate) fn demand<T>(&self, slot: usize, found: Option<T>) -> Result<T, TraceError> {
        found.ok_or_else(|| self.refuse(slot, "must not be empty"))
    }

    /// A whole number the row must have.
    pub(crate) fn needed_int(&self, slot: usize) -> Result<i64, TraceError> {
        self.demand(slot, self.int(slot)?)
    }

    /// A whole number of at least zero, if the row has one.
    pub(crate) fn count(&self, slot: usize) -> Result<Option<u64>, TraceError> {
        self.int(slot)?
            .map(|value| {
                u64::try_from(value).map_err(|_| self.refuse(slot, "must not be negative"))
            })
            .transpose()
    }

    /// A time the row must have, between 1970 and 2200.
    pub(crate) fn time(&self, slot: usize) -> Result<Timestamp, TraceError> {
        self.demand(slot, self.time_if_any(slot)?)
    }

    /// A time between 1970 and 2200, if the row has one.
    pub(crate) fn time_if_any(&self, slot: usize) -> Result<Option<Timestamp>, TraceError> {
        match self.int(slot)?.map(Timestamp::from_micros) {
            Some(at) if !at.is_plausible() => {
                Err(self.refuse(slot, "must lie between 1970-01-01 and 2200-01-01"))
            }
            at => Ok(at),
        }
    }

    /// A number in `[0, 1]`, if the row has one.
    pub(crate) fn share(&self, slot: usize) -> Result<Option<f64>, TraceError> {
        match self.float(slot)? {
            Some(share) if !(0.0..=1.0).contains(&share) => {
                Err(self.refuse(slot, "must lie between 0 and 1"))
            }
            share => Ok(share),
        }
    }

    /// 0 or 1, if the row has it.
    pub(crate) fn flag(&self, slot: usize) -> Result<Option<bool>, TraceError> {
        match self.int(slot)? {
            None => Ok(None),
            Some(0) => Ok(Some(false)),
            Some(1) => Ok(Some(true)),
            Some(_) => Err(self.refuse(slot, "must be 0 or 1")),
        }
    }
}

/// A complaint about a column as a whole.
pub(crate) fn refuse_column(
    file: &Arc<str>,
    place: Option<Place>,
    column: &str,
    value: &str,
    rule: &str,
) -> TraceError {
    TraceError::Cell(Box::new(BadCell {
        file: Arc::clone(file),
        place,
        column: column.to_owned(),
        value: value.to_owned(),
        rule: rule.to_owned(),
    }))
}

/// Where each wanted column stands among `names`, refusing a required one that is absent and a
/// wanted one that appears twice.
pub(crate) fn find_columns(
    file: &Arc<str>,
    place: Option<Place>,
    names: &[&str],
    columns: &[Column],
) -> Result<Vec<Option<usize>>, TraceError> {
    columns
        .iter()
        .map(|column| {
            let mut found = (0..names.len()).filter(|&index| names[index] == column.name);
            match (found.next(), found.next()) {
                (None, _) if column.is_required => Err(refuse_column(
                    file,
                    place,
                    &column.name,
                    "nothing",
                    "must be there: the column is required",
                )),
                (Some(_), Some(_)) => Err(refuse_column(
                    file,
                    place,
                    &column.name,
                    "a second column of this name",
                    "must not be there",
                )),
                (index, _) => Ok(index),
            }
        })
        .collect()
}
