//! Parquet as a cursor over rows: a batch of each wanted column held at a time, row group by row
//! group.
//!
//! Reads plain columns (integers, numbers, booleans, strings) without nesting. Knows no formats.
//! Called by `source` alone.

use super::error::{Place, TraceError};
use super::source::{Cell, Column, Kind, find_columns, refuse_column};
use parquet::basic::Type;
use parquet::column::reader::{ColumnReader, ColumnReaderImpl};
use parquet::data_type::{ByteArray, DataType};
use parquet::errors::ParquetError;
use parquet::file::reader::{FileReader, SerializedFileReader};
use std::fs::File;
use std::path::Path;
use std::sync::Arc;

/// Rows decoded at a time: enough to be fast, and a few hundred kilobytes for a dozen columns.
const BATCH: usize = 4_096;

/// The values of one column in the current batch, without its nulls.
enum Values {
    Int(Vec<i64>),
    Float(Vec<f64>),
    Text(Vec<ByteArray>),
}

/// One wanted column of the file.
struct Held {
    /// Its place among the file's columns.
    index: usize,
    reader: Option<ColumnReader>,
    values: Values,
    /// Definition levels: 1 present, 0 null; empty where the column cannot be null.
    levels: Vec<i16>,
    /// The value of the current row, or that there is none.
    current: Option<usize>,
    /// Values used up so far in this batch.
    used: usize,
}

/// A Parquet file, its footer read.
pub(super) struct ParquetSource {
    reader: SerializedFileReader<File>,
    held: Vec<Held>,
    slots: Vec<Option<usize>>,
    group: usize,
    rows_left_in_group: usize,
    batch_rows: usize,
    row_in_batch: usize,
    row: u64,
    rows_total: u64,
}

fn damaged(file: &Arc<str>, row: u64, source: ParquetError) -> TraceError {
    TraceError::Damaged {
        file: Arc::clone(file),
        place: Place::Row(row),
        format: "Parquet",
        source: Box::new(source),
    }
}

/// An empty column of the kind the file stores, or the rule it breaks.
fn empty_values(stored: Type, kind: Kind) -> Result<Values, &'static str> {
    match (kind, stored) {
        (Kind::Int | Kind::Float, Type::BOOLEAN | Type::INT32 | Type::INT64) => {
            Ok(Values::Int(Vec::new()))
        }
        (Kind::Float, Type::FLOAT | Type::DOUBLE) => Ok(Values::Float(Vec::new())),
        (Kind::Text, Type::BYTE_ARRAY) => Ok(Values::Text(Vec::new())),
        _ => Err(kind.rule()),
    }
}

impl ParquetSource {
    /// Opens the file and finds the wanted columns in its schema.
    pub(super) fn open(
        path: &Path,
        file: &Arc<str>,
        columns: &[Column],
    ) -> Result<Self, TraceError> {
        let opened = File::open(path)
            .map_err(|source| TraceError::Open { file: Arc::clone(file), source })?;
        let reader =
            SerializedFileReader::new(opened).map_err(|source| damaged(file, 1, source))?;
        let metadata = reader.metadata().file_metadata();
        let schema = metadata.schema_descr_ptr();
        let rows_total = u64::try_from(metadata.num_rows()).unwrap_or(0);
        let names: Vec<&str> = schema.columns().iter().map(|column| column.name()).collect();
        let found = find_columns(file, None, &names, columns)?;
        let mut held = Vec::new();
        let mut slots = Vec::new();
        for (column, index) in columns.iter().zip(found) {
            let Some(index) = index else {
                slots.push(None);
                continue;
            };
            let described = schema.column(index);
            let refused =
                |value: &str, rule| Err(refuse_column(file, None, &column.name, value, rule));
            if described.max_rep_level() > 0 || described.max_def_level() > 1 {
                return refused("a nested column", "must be a plain one");
            }
            let stored = described.physical_type();
            match empty_values(stored, column.kind) {
                Err(rule) => return refused(&format!("type {stored}"), rule),
                Ok(values) => {
                    slots.push(Some(held.len()));
                    held.push(Held {
                        index,
                        reader: None,
                        values,
                        levels: Vec::new(),
                        current: None,
                        used: 0,
                    });
                }
            }
        }
        Ok(Self {
            reader,
            held,
            slots,
            group: 0,
            rows_left_in_group: 0,
            batch_rows: 0,
            row_in_batch: 0,
            row: 0,
            rows_total,
        })
    }

    /// Rows in the file, as its footer says.
    pub(super) fn rows_total(&self) -> u64 {
        self.rows_total
    }

    /// The row under the cursor.
    pub(super) fn place(&self) -> Place {
        Place::Row(self.row.max(1))
    }

    /// Moves to the next row; false at the end.
    pub(super) fn advance(&mut self, file: &Arc<str>) -> Result<bool, TraceError> {
        if self.row_in_batch == self.batch_rows {
            let is_more = self.fill().map_err(|source| damaged(file, self.row + 1, source))?;
            if !is_more {
                return Ok(false);
            }
        }
        for held in &mut self.held {
            let is_present = held.levels.get(self.row_in_batch).is_none_or(|&level| level == 1);
            held.current = is_present.then_some(held.used);
            held.used += usize::from(is_present);
        }
        self.row_in_batch += 1;
        self.row += 1;
        Ok(true)
    }

    /// The value of a wanted column in the current row.
    pub(super) fn cell(&self, slot: usize) -> Cell<'_> {
        let Some(held) = self.slots[slot].map(|held| &self.held[held]) else {
            return Cell::Null;
        };
        match (&held.values, held.current) {
            (_, None) => Cell::Null,
            (Values::Int(values), Some(at)) => Cell::Int(values[at]),
            (Values::Float(values), Some(at)) => Cell::Float(values[at]),
            (Values::Text(values), Some(at)) => Cell::Text(values[at].data()),
        }
    }

    /// Decodes the next batch, opening the next row group where one ended; false at the end.
    fn fill(&mut self) -> Result<bool, ParquetError> {
        while self.rows_left_in_group == 0 {
            if self.group == self.reader.num_row_groups() {
                return Ok(false);
            }
            let group = self.reader.get_row_group(self.group)?;
            self.group += 1;
            self.rows_left_in_group = usize::try_from(group.metadata().num_rows())
                .map_err(|_| ParquetError::General("a row group of negative length".to_owned()))?;
            for held in &mut self.held {
                held.reader = Some(group.get_column_reader(held.index)?);
            }
        }
        self.batch_rows = self.rows_left_in_group.min(BATCH);
        self.rows_left_in_group -= self.batch_rows;
        self.row_in_batch = 0;
        for held in &mut self.held {
            held.fill(self.batch_rows)?;
        }
        Ok(true)
    }
}

impl Held {
    fn fill(&mut self, rows: usize) -> Result<(), ParquetError> {
        self.levels.clear();
        self.used = 0;
        let reader = self.reader.as_mut().expect("a row group is open");
        let levels = &mut self.levels;
        match (reader, &mut self.values) {
            (ColumnReader::Int64ColumnReader(reader), Values::Int(values)) => {
                values.clear();
                decode(reader, rows, levels, values)
            }
            (ColumnReader::Int32ColumnReader(reader), Values::Int(values)) => {
                decode_into(reader, rows, levels, values, i64::from)
            }
            (ColumnReader::BoolColumnReader(reader), Values::Int(values)) => {
                decode_into(reader, rows, levels, values, i64::from)
            }
            (ColumnReader::DoubleColumnReader(reader), Values::Float(values)) => {
                values.clear();
                decode(reader, rows, levels, values)
            }
            (ColumnReader::FloatColumnReader(reader), Values::Float(values)) => {
                decode_into(reader, rows, levels, values, f64::from)
            }
            (ColumnReader::ByteArrayColumnReader(reader), Values::Text(values)) => {
                values.clear();
                decode(reader, rows, levels, values)
            }
            _ => Err(ParquetError::General("a column changed its type".to_owned())),
        }
    }
}

/// Reads exactly `rows` records.
fn decode<D: DataType>(
    reader: &mut ColumnReaderImpl<D>,
    rows: usize,
    levels: &mut Vec<i16>,
    values: &mut Vec<D::T>,
) -> Result<(), ParquetError> {
    let mut done = 0;
    while done < rows {
        let (records, _, _) = reader.read_records(rows - done, Some(levels), None, values)?;
        if records == 0 {
            return Err(ParquetError::EOF("a column ends before its row group".to_owned()));
        }
        done += records;
    }
    let present = levels.iter().filter(|&&level| level == 1).count();
    let expected = if levels.is_empty() { rows } else { present };
    if values.len() != expected {
        return Err(ParquetError::General("a column holds too few values".to_owned()));
    }
    Ok(())
}

/// Reads exactly `rows` records and widens their values.
fn decode_into<D: DataType, T>(
    reader: &mut ColumnReaderImpl<D>,
    rows: usize,
    levels: &mut Vec<i16>,
    values: &mut Vec<T>,
    widen: impl Fn(D::T) -> T,
) -> Result<(), ParquetError> {
    let mut narrow = Vec::with_capacity(rows);
    decode(reader, rows, levels, &mut narrow)?;
    values.clear();
    values.extend(narrow.into_iter().map(widen));
    Ok(())
}
