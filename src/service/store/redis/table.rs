//! The latest table and schedules for readers without an RPC: each a hash of head fields and pages,
//! replaced at once.
//!
//! `docs/REDIS.md` tells the layouts to the world; they are written here and nowhere else. Knows
//! nothing of how either is made. Called by the publisher's sinks.

use super::RedisStore;
use super::keys::Key;
use super::scripts::Reply;
use crate::store::check_size;
use crate::store::error::{Doing as _, StoreError, StoreFault};
use bytes::Bytes;
use paceline_core::hash::Digest;
use paceline_core::shade::codec::{SCHEDULE_BYTES, SEGMENT_BYTES};
use paceline_core::table::Lease;
use paceline_core::table::codec::ENTRY_BYTES;
use paceline_core::units::{Generation, PartitionId, Timestamp};
use redis::ScriptInvocation;

/// Entries on a page: 160 KB, which a server copies in well under a millisecond.
pub const PAGE_ENTRIES: usize = 4_096;
/// The largest table, all pages together: 6 million entries, more than one core can tick. One
/// script carries it, and stops the server for about as long as copying it takes.
pub const TABLE_BYTES_MAX: usize = 256 << 20;

/// A table as readers find it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredTable {
    /// Which one; its epoch is the fence.
    pub generation: Generation,
    /// When it was decided.
    pub as_of: Timestamp,
    /// Until when it holds.
    pub lease: Lease,
    /// Of all entries.
    pub digest: Digest,
    /// How many entries.
    pub entries: usize,
    /// Their records in order, [`PAGE_ENTRIES`] a page, the last one shorter.
    pub pages: Vec<Bytes>,
}

/// Records of schedules or of segments on a page: some 475 and 50 KB.
pub const SHADES_PAGE: usize = 4_096;
/// The largest set of schedules, all pages together: those of 120 000 nodes and their segments are
/// half of it.
pub const SHADES_BYTES_MAX: usize = 32 << 20;

/// Shading schedules as readers find them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredShades {
    /// Which set.
    pub generation: Generation,
    /// The table in force when it was written; its epoch is the fence.
    pub standing: Generation,
    /// Of all records.
    pub digest: Digest,
    /// How many schedules, and how many segments.
    pub counts: (usize, usize),
    /// How many of the pages are of schedules.
    pub schedule_pages: usize,
    /// The records, [`SHADES_PAGE`] a page: pages of schedules, then pages of segments; the last of
    /// each shorter.
    pub pages: Vec<Bytes>,
}

/// Which pages a write carries.
#[derive(Debug, Clone, Copy)]
pub enum Pages<'a> {
    /// Every one, over any older table.
    All,
    /// These, by number, over exactly this table; the others are as they were.
    Changed {
        /// The table whose other pages stand.
        over: Generation,
        /// In order.
        numbers: &'a [usize],
    },
}

impl RedisStore {
    /// Replaces the partition's table for readers, all at once. False when the table there is not
    /// the one that [`Pages::Changed`] names: nothing was written, send all pages.
    ///
    /// # Errors
    /// [`StoreFault::Fenced`] when the table's epoch is not the latest term,
    /// [`StoreFault::TableNotNewer`], [`StoreFault::TooLarge`], or what ails the server.
    pub async fn put_table(
        &self,
        partition: PartitionId,
        table: &StoredTable,
        pages: Pages<'_>,
    ) -> Result<bool, StoreError> {
        let generation = table.generation;
        self.write_table(partition, table, pages)
            .await
            .doing(|| format!("putting table {generation} of partition {}", partition.0))
    }

    async fn write_table(
        &self,
        partition: PartitionId,
        table: &StoredTable,
        pages: Pages<'_>,
    ) -> Result<bool, StoreFault> {
        let size = table.pages.iter().map(Bytes::len).sum();
        check_size("the table in bytes", size, TABLE_BYTES_MAX)?;
        let written = Written {
            key: Key::Table,
            standing: table.generation,
            head: &table_head(table),
            all: &table.pages,
        };
        self.write_pages(partition, &written, pages).await
    }

    /// Replaces the partition's schedules for readers, all at once. False when those there are not
    /// the ones that [`Pages::Changed`] names: nothing was written, send all pages.
    ///
    /// # Errors
    /// As [`Self::put_table`]; the epoch is that of the table in force.
    pub async fn put_shades(
        &self,
        partition: PartitionId,
        shades: &StoredShades,
        pages: Pages<'_>,
    ) -> Result<bool, StoreError> {
        let generation = shades.generation;
        let write = async {
            let size = shades.pages.iter().map(Bytes::len).sum();
            check_size("the schedules in bytes", size, SHADES_BYTES_MAX)?;
            let written = Written {
                key: Key::Shading,
                standing: shades.standing,
                head: &shades_head(shades),
                all: &shades.pages,
            };
            self.write_pages(partition, &written, pages).await
        };
        write.await.doing(|| format!("putting schedules {generation} of partition {}", partition.0))
    }

    async fn write_pages(
        &self,
        partition: PartitionId,
        written: &Written<'_>,
        pages: Pages<'_>,
    ) -> Result<bool, StoreFault> {
        let Written { key, standing, head, all } = *written;
        let mut call = self.scripts.table.prepare_invoke();
        call.key(Key::Epoch.of(partition)).key(key.of(partition));
        call.arg(standing.epoch.0).arg(standing.sequence);
        let over = match pages {
            Pages::All => String::new(),
            Pages::Changed { over, .. } => over.to_string(),
        };
        call.arg(over).arg(all.len()).arg(2 * head.len());
        for (field, value) in head {
            call.arg(*field).arg(value);
        }
        let sent = match pages {
            Pages::All => add_pages(&mut call, all, 0..all.len()),
            Pages::Changed { numbers, .. } => add_pages(&mut call, all, numbers.iter().copied()),
        };
        let touched = [(Key::Epoch, partition), (key, partition)];
        let reply = Reply::new(self.link.script(sent, &touched, &call).await?)?;
        if reply.word() == "apart" {
            return Ok(false);
        }
        reply.done(standing)?;
        Ok(true)
    }
}

/// One write of a hash of pages.
#[derive(Clone, Copy)]
struct Written<'a> {
    key: Key,
    /// Its epoch is the fence, and none that is not newer is written over.
    standing: Generation,
    head: &'a [(&'static str, String)],
    all: &'a [Bytes],
}

/// The fields that say what the pages are.
fn table_head(table: &StoredTable) -> [(&'static str, String); 8] {
    [
        ("generation", table.generation.to_string()),
        ("as_of_us", table.as_of.as_micros().to_string()),
        ("valid_until_us", table.lease.valid_until.as_micros().to_string()),
        ("grace_until_us", table.lease.grace_until.as_micros().to_string()),
        ("digest", table.digest.to_string()),
        ("entries", table.entries.to_string()),
        ("entry_bytes", ENTRY_BYTES.to_string()),
        ("page_entries", PAGE_ENTRIES.to_string()),
    ]
}

/// The same of schedules.
fn shades_head(shades: &StoredShades) -> [(&'static str, String); 8] {
    let (schedules, segments) = shades.counts;
    [
        ("generation", shades.generation.to_string()),
        ("digest", shades.digest.to_string()),
        ("schedules", schedules.to_string()),
        ("segments", segments.to_string()),
        ("schedule_bytes", SCHEDULE_BYTES.to_string()),
        ("segment_bytes", SEGMENT_BYTES.to_string()),
        ("schedule_pages", shades.schedule_pages.to_string()),
        ("page_records", SHADES_PAGE.to_string()),
    ]
}

/// Adds pages by number; how many bytes that is.
fn add_pages(
    call: &mut ScriptInvocation<'_>,
    pages: &[Bytes],
    numbers: impl Iterator<Item = usize>,
) -> usize {
    let mut sent = 0;
    for number in numbers {
        let Some(page) = pages.get(number) else { continue };
        call.arg(number).arg(page.as_ref());
        sent += page.len();
    }
    sent
}
