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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::EmbeddedStore;
    use paceline_core::input::Input;
    use paceline_core::units::Timestamp;

    #[tokio::test]
    async fn a_journal_holds_the_header_and_every_record_after_an_offset() {
        let store = Store::from(EmbeddedStore::in_memory(1).unwrap());
        let partition = PartitionId(0);
        let tick = |micros| Stamped { at: Timestamp::from_micros(micros), input: Input::Tick };
        store.append(partition, None, &[tick(1), tick(2)]).await.unwrap();
        store.append(partition, None, &[tick(3)]).await.unwrap();
        let config = serde_json::json!({ "tick": "10s" });
        let header = JournalHeader::<_, ()>::new(partition, config, None);
        let after = "1-0.0".parse().unwrap();
        let mut out = Vec::new();
        assert_eq!(dump_log(&store, partition, after, &header, &mut out).await.unwrap(), 2);
        let expected = r#"{"format":"paceline-journal","version":9,"partition":0,"config":{"tick":"10s"},"snapshot":null}
{"offset":"1-0.1","at":2,"input":"tick"}
{"offset":"2-0.0","at":3,"input":"tick"}
"#;
        assert_eq!(String::from_utf8(out).unwrap(), expected);
    }
}
