//! Writes a partition's log as a journal: the file `paceline dump-log` makes and the simulator runs
//! again (see [`paceline_core::journal`] for its lines).
//!
//! Reads the store page by page, so a log of any length takes a few megabytes of memory. Knows
//! neither engine nor command line.

use crate::store::{Offset, PAGE_RECORDS_MAX, Store, StoreError};
use paceline_core::input::Stamped;
use paceline_core::journal::{JournalHeader, JournalRecord};
use paceline_core::units::PartitionId;
use serde::Serialize;
use std::io::Write;

/// Why a journal could not be written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum JournalWriteError {
    /// When the log cannot be read.
    #[error("reading the log")]
    Read(#[source] StoreError),
    /// When the output does not take a line.
    #[error("writing the journal")]
    Write(#[source] std::io::Error),
}

/// Writes lines to any output. Give it a buffered one.
#[derive(Debug)]
pub struct JournalWriter<W> {
    out: W,
}

impl<W: Write> JournalWriter<W> {
    /// Writes the first line.
    ///
    /// # Errors
    /// What the output says.
    pub fn open<C: Serialize, S: Serialize>(
        mut out: W,
        header: &JournalHeader<C, S>,
    ) -> std::io::Result<Self> {
        write_line(&mut out, header)?;
        Ok(Self { out })
    }

    /// Writes one record.
    ///
    /// # Errors
    /// What the output says.
    pub fn record(&mut self, offset: Offset, record: Stamped) -> std::io::Result<()> {
        write_line(&mut self.out, &JournalRecord::new(offset.to_string(), record))
    }

    /// Hands the output back, flushed.
    ///
    /// # Errors
    /// What the output says.
    pub fn close(mut self) -> std::io::Result<W> {
        self.out.flush()?;
        Ok(self.out)
    }
}

fn write_line<T: Serialize>(out: &mut impl Write, line: &T) -> std::io::Result<()> {
    serde_json::to_writer(&mut *out, line).map_err(std::io::Error::from)?;
    out.write_all(b"\n")
}

/// Writes the header and every record after `after` up to the log's end as it is now; returns how
/// many records that is. With a snapshot in the header, `after` is the checkpoint's offset.
///
/// # Errors
/// [`JournalWriteError`].
pub async fn dump_log<C: Serialize, S: Serialize>(
    store: &Store,
    partition: PartitionId,
    after: Offset,
    header: &JournalHeader<C, S>,
    out: impl Write,
) -> Result<u64, JournalWriteError> {
    let end = store.end(partition).await.map_err(JournalWriteError::Read)?;
    let mut journal = JournalWriter::open(out, header).map_err(JournalWriteError::Write)?;
    let mut after = after;
    let mut count = 0;
    // Every round moves `after` on towards an end that does not move.
    while after < end {
        let page = store.read(partition, after, PAGE_RECORDS_MAX).await;
        let page = page.map_err(JournalWriteError::Read)?;
        if page.is_empty() {
            // The store lost its end meanwhile; what is left has been written.
            break;
        }
        for (offset, record) in page {
            if offset > end {
                break;
            }
            journal.record(offset, record).map_err(JournalWriteError::Write)?;
            after = offset;
            count += 1;
        }
    }
    journal.close().map_err(JournalWriteError::Write)?;
    Ok(count)
}
