//! CSV as a cursor over rows: one record held at a time, its buffer used again.
//!
//! Knows no formats. Called by `source` alone.

use super::error::{Place, TraceError};
use super::source::{Cell, Column, find_columns};
use csv::ByteRecord;
use std::fs::File;
use std::io::{self, Read};
use std::path::Path;
use std::sync::Arc;

/// The most bytes read for one record: a quote left open must not swallow a file into memory.
/// Real records have a few hundred bytes.
const RECORD_MAX: usize = 1 << 20;
/// Bytes asked of the file at a time.
const BUFFER: usize = 1 << 16;

/// A file that refuses to be read on for ever without a record coming out of it.
struct Metered {
    file: File,
    since_record: usize,
}

impl Read for Metered {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.since_record > RECORD_MAX {
            return Err(io::Error::other(format!(
                "a record must not be longer than {RECORD_MAX} bytes; is a quote left open?"
            )));
        }
        let count = self.file.read(buffer)?;
        self.since_record += count;
        Ok(count)
    }
}

/// A CSV file, its header read.
pub(super) struct CsvSource {
    reader: csv::Reader<Metered>,
    record: ByteRecord,
    slots: Vec<Option<usize>>,
}

fn damaged(file: &Arc<str>, line: u64, source: csv::Error) -> TraceError {
    TraceError::Damaged {
        file: Arc::clone(file),
        place: Place::Line(line),
        format: "CSV",
        source: Box::new(source),
    }
}

impl CsvSource {
    /// Opens the file and finds the wanted columns in its header.
    pub(super) fn open(
        path: &Path,
        file: &Arc<str>,
        columns: &[Column],
    ) -> Result<Self, TraceError> {
        let opened = File::open(path)
            .map_err(|source| TraceError::Open { file: Arc::clone(file), source })?;
        let mut reader = csv::ReaderBuilder::new()
            .buffer_capacity(BUFFER)
            .from_reader(Metered { file: opened, since_record: 0 });
        let header = reader.headers().map_err(|source| damaged(file, 1, source))?;
        let names: Vec<&str> = header.iter().collect();
        let slots = find_columns(file, Some(Place::Line(1)), &names, columns)?;
        Ok(Self { reader, record: ByteRecord::new(), slots })
    }

    /// Moves to the next record; false at the end.
    pub(super) fn advance(&mut self, file: &Arc<str>) -> Result<bool, TraceError> {
        self.reader.get_mut().since_record = 0;
        let line = self.reader.position().line();
        self.reader.read_byte_record(&mut self.record).map_err(|source| {
            let at = source.position().map_or(line, csv::Position::line);
            damaged(file, at, source)
        })
    }

    /// The line on which the record begins.
    pub(super) fn place(&self) -> Place {
        Place::Line(self.record.position().map_or(1, csv::Position::line))
    }

    /// The field of a wanted column; an empty field is null.
    pub(super) fn cell(&self, slot: usize) -> Cell<'_> {
        match self.slots[slot].and_then(|index| self.record.get(index)) {
            None | Some([]) => Cell::Null,
            Some(bytes) => Cell::Text(bytes),
        }
    }
}
