//! The last tables on disk, so that a bidder that starts without the service can still bid.
//!
//! Written whole to a file beside, then renamed; checked by a sum over all bytes. What is read back
//! keeps its old lease, so it is at best in grace. Called by the background task, off the threads
//! that bid.

use crate::board::Board;
use crate::board_writer::{BoardWriter, TableHead};
use paceline_core::hash::mix;
use paceline_core::table::codec::{CodecError, ENTRY_BYTES, decode_entries, encode_entry};
use paceline_core::table::{Lease, TableEntry};
use paceline_core::units::{Epoch, Generation, PartitionId, Timestamp};
use std::io::Write as _;
use std::path::Path;

const MAGIC: &[u8; 8] = b"pcltbl01";
const SECTION_BYTES: usize = 48;
const SUM_BYTES: usize = 8;
/// A file above this is not ours: the largest table of all, with room to spare.
const FILE_BYTES_MAX: u64 = 64 << 30;

/// Why a table was not kept or not read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ColdStartError {
    /// When the file could not be read or written.
    #[error("reading or writing the table's file")]
    File(#[from] std::io::Error),
    /// When the file is not one of ours, or was cut or changed.
    #[error("the table's file is not whole")]
    NotWhole,
    /// When a record in it breaks a rule.
    #[error("a record of the table's file is not sound")]
    Record(#[from] CodecError),
}

/// Folds bytes into a sum, eight at a time; the last word is filled up with zeros.
fn sum(bytes: &[u8]) -> u64 {
    bytes.chunks(8).fold(bytes.len() as u64, |sum, chunk| {
        let mut word = [0; 8];
        word.iter_mut().zip(chunk).for_each(|(to, from)| *to = *from);
        mix(sum ^ u64::from_le_bytes(word)).wrapping_add(sum.rotate_left(17))
    })
}

/// What is written of one partition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Section {
    pub(crate) partition: PartitionId,
    pub(crate) generation: Generation,
    pub(crate) as_of: Timestamp,
    pub(crate) lease: Lease,
}

impl BoardWriter {
    /// What there is to be kept.
    pub(crate) fn sections(&self) -> Vec<Section> {
        let section = |(partition, generation)| {
            let lease = self.board().leases.lease(partition);
            let as_of = self.as_of(partition)?;
            Some(Section { partition, generation, as_of, lease })
        };
        self.held().filter_map(section).collect()
    }

    /// Keeps the tables in a file: writes it whole beside `path`, then renames it.
    ///
    /// # Errors
    /// [`ColdStartError::File`].
    pub fn keep(&self, path: &Path) -> Result<(), ColdStartError> {
        write(self.board(), &self.sections(), path)
    }

    /// Takes in the tables kept in a file, under their old leases; no file is no table.
    ///
    /// # Errors
    /// [`ColdStartError`]; what came before the fault in the file is taken.
    pub fn read_kept(&mut self, path: &Path) -> Result<(), ColdStartError> {
        read(self, path)
    }
}

/// Writes tables to a file beside `path`, then puts it in its place. Needs no writer, so that it
/// may run while the table changes; a digest that differs then is found at the first change.
pub(crate) fn write(
    board: &Board,
    sections: &[Section],
    path: &Path,
) -> Result<(), ColdStartError> {
    let mut bytes = MAGIC.to_vec();
    for section in sections {
        let entries: Vec<_> = board.slots.entries(section.partition).collect();
        for word in [
            u64::from(section.partition.0) << 32 | u64::from(section.generation.epoch.0),
            section.generation.sequence,
            section.as_of.as_micros().cast_unsigned(),
            section.lease.valid_until.as_micros().cast_unsigned(),
            section.lease.grace_until.as_micros().cast_unsigned(),
            entries.len() as u64,
        ] {
            bytes.extend_from_slice(&word.to_le_bytes());
        }
        entries.iter().for_each(|(_, entry)| bytes.extend_from_slice(&encode_entry(entry)));
    }
    bytes.extend_from_slice(&sum(&bytes).to_le_bytes());
    let beside = path.with_extension("next");
    let mut file = std::fs::File::create(&beside)?;
    file.write_all(&bytes)?;
    file.sync_all()?;
    std::fs::rename(&beside, path)?;
    Ok(())
}

fn read(writer: &mut BoardWriter, path: &Path) -> Result<(), ColdStartError> {
    match std::fs::metadata(path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error.into()),
        Ok(metadata) if metadata.len() > FILE_BYTES_MAX => return Err(ColdStartError::NotWhole),
        Ok(_) => {}
    }
    let bytes = std::fs::read(path)?;
    let body = bytes.len().checked_sub(SUM_BYTES).and_then(|len| bytes.split_at_checked(len));
    let (body, stated) = body.ok_or(ColdStartError::NotWhole)?;
    if stated != sum(body).to_le_bytes() {
        return Err(ColdStartError::NotWhole);
    }
    let mut rest = body.strip_prefix(MAGIC).ok_or(ColdStartError::NotWhole)?;
    while !rest.is_empty() {
        rest = read_section(writer, rest)?;
    }
    Ok(())
}

fn read_section<'a>(writer: &mut BoardWriter, bytes: &'a [u8]) -> Result<&'a [u8], ColdStartError> {
    let (head, rest) = bytes.split_at_checked(SECTION_BYTES).ok_or(ColdStartError::NotWhole)?;
    let mut words = head
        .chunks_exact(8)
        .map(|chunk| chunk.iter().rev().fold(0_u64, |word, &byte| word << 8 | u64::from(byte)));
    let mut word = || words.next().ok_or(ColdStartError::NotWhole);
    let ids = word()?;
    let sequence = word()?;
    let mut time = || Ok::<_, ColdStartError>(Timestamp::from_micros(word()?.cast_signed()));
    let (as_of, valid_until, grace_until) = (time()?, time()?, time()?);
    let total = word()?;
    let generation = Generation { epoch: Epoch((ids & 0xffff_ffff) as u32), sequence };
    let head = TableHead {
        partition: PartitionId((ids >> 32 & 0xff) as u8),
        generation,
        as_of,
        lease: Lease { valid_until, grace_until },
        digest: None,
    };
    let len = usize::try_from(total).ok().and_then(|total| total.checked_mul(ENTRY_BYTES));
    let split = len.and_then(|len| rest.split_at_checked(len));
    let (records, rest) = split.ok_or(ColdStartError::NotWhole)?;
    let entries: Result<Vec<TableEntry>, _> = decode_entries(records, ENTRY_BYTES)?.collect();
    // A file holds each partition once; a second section of one would be stale, and is skipped.
    let _ = writer.apply_page(&head, 0, total, entries?);
    Ok(rest)
}
