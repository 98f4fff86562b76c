//! CSV as a cursor over rows: one record held at a time, its buffer used again.
//!
//! Knows no formats. Called by `source` alone.

use super::error::{Place, TraceError};
use super::source::{Cell, Column, find_columns};
use csv::{ByteRecord, ErrorKind};
use std::error::Error;
use std::fs::File;
use std::io::{self, Read};
use std::path::Path;
use std::sync::Arc;

/// The most bytes read for one record: a quote left open must not swallow a file into memory.
/// Real records have a few hundred bytes.
const RECORD_MAX: usize = 1 << 20;
/// Bytes asked of the file at a time.
const BUFFER: usize = 1 << 16;

/// A file that refuses to be read on for ever without a record coming out of it, and that still
/// knows the bytes it gave last: they tell how a record ended.
struct Metered {
    file: File,
    since_record: usize,
    /// What was given last, and what had been given before it.
    last: Vec<u8>,
    before: u64,
}

impl Metered {
    /// The byte before a place in the file, if it was given last.
    fn byte_before(&self, place: u64) -> Option<u8> {
        let index = place.checked_sub(self.before)?.checked_sub(1)?;
        self.last.get(usize::try_from(index).ok()?).copied()
    }
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
        if count > 0 {
            self.before += self.last.len() as u64;
            self.last.clear();
            self.last.extend_from_slice(&buffer[..count]);
        }
        Ok(count)
    }
}

/// A CSV file, its header read.
pub(super) struct CsvSource {
    reader: csv::Reader<Metered>,
    record: ByteRecord,
    slots: Vec<Option<usize>>,
}

fn damaged(file: &Arc<str>, place: Place, source: csv::Error) -> TraceError {
    let source: Box<dyn Error + Send + Sync> = match source.kind() {
        // The parser's own words name the line by its own count.
        ErrorKind::UnequalLengths { expected_len, len, .. } => {
            format!("it has {len} fields, the header has {expected_len}").into()
        }
        _ => Box::new(source),
    };
    TraceError::Damaged { file: Arc::clone(file), place, format: "CSV", source }
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
        let mut reader = csv::ReaderBuilder::new().buffer_capacity(BUFFER).from_reader(Metered {
            file: opened,
            since_record: 0,
            last: Vec::new(),
            before: 0,
        });
        let header = reader.headers().map_err(|source| damaged(file, Place::Line(1), source))?;
        let names: Vec<&str> = header.iter().collect();
        let slots = find_columns(file, Some(Place::Line(1)), &names, columns)?;
        Ok(Self { reader, record: ByteRecord::new(), slots })
    }

    /// Moves to the next record; false at the end.
    pub(super) fn advance(&mut self, file: &Arc<str>) -> Result<bool, TraceError> {
        self.reader.get_mut().since_record = 0;
        let next = self.next_line();
        self.reader.read_byte_record(&mut self.record).map_err(|source| {
            let is_whole = matches!(source.kind(), ErrorKind::UnequalLengths { .. });
            damaged(file, if is_whole { self.place() } else { Place::Line(next) }, source)
        })
    }

    /// The line on which the record begins: counted back from its end, since the parser notes a
    /// record's place before it passes over blank lines and the second half of a CRLF.
    pub(super) fn place(&self) -> Place {
        let within = self.record.as_slice().iter().filter(|&&byte| byte == b'\n').count() as u64;
        let ended = self.ended_by(b'\n');
        Place::Line(self.reader.position().line().saturating_sub(within + u64::from(ended)))
    }

    /// The line after the record.
    fn next_line(&self) -> u64 {
        self.reader.position().line() + u64::from(self.ended_by(b'\r'))
    }

    /// Whether this byte is the last that was taken for the record.
    fn ended_by(&self, byte: u8) -> bool {
        let place = self.reader.position().byte();
        self.reader.get_ref().byte_before(place) == Some(byte)
    }

    /// The field of a wanted column; an empty field is null.
    pub(super) fn cell(&self, slot: usize) -> Cell<'_> {
        match self.slots[slot].and_then(|index| self.record.get(index)) {
            None | Some([]) => Cell::Null,
            Some(bytes) => Cell::Text(bytes),
        }
    }
}
