//! The latest table for readers without an RPC: a hash of head fields and pages, replaced at once.
//!
//! `docs/REDIS.md` tells the layout to the world; it is written here and nowhere else. Knows
//! nothing of how a table is made. Called by the publisher's sink.

use super::RedisStore;
use super::keys::Key;
use super::scripts::Reply;
use crate::store::check_size;
use crate::store::error::{Doing as _, StoreError, StoreFault};
use bytes::Bytes;
use paceline_core::hash::Digest;
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
        let mut call = self.scripts.table.prepare_invoke();
        call.key(Key::Epoch.of(partition)).key(Key::Table.of(partition));
        call.arg(table.generation.epoch.0).arg(table.generation.sequence);
        let over = match pages {
            Pages::All => String::new(),
            Pages::Changed { over, .. } => over.to_string(),
        };
        call.arg(over).arg(table.pages.len());
        add_head(&mut call, table);
        let sent = match pages {
            Pages::All => add_pages(&mut call, table, 0..table.pages.len()),
            Pages::Changed { numbers, .. } => add_pages(&mut call, table, numbers.iter().copied()),
        };
        let touched = [(Key::Epoch, partition), (Key::Table, partition)];
        let reply = Reply::new(self.link.script(sent, &touched, &call).await?)?;
        if reply.word() == "apart" {
            return Ok(false);
        }
        reply.done(table.generation)?;
        Ok(true)
    }
}

/// The fields that say what the pages are.
fn add_head(call: &mut ScriptInvocation<'_>, table: &StoredTable) {
    let fields = [
        ("generation", table.generation.to_string()),
        ("as_of_us", table.as_of.as_micros().to_string()),
        ("valid_until_us", table.lease.valid_until.as_micros().to_string()),
        ("grace_until_us", table.lease.grace_until.as_micros().to_string()),
        ("digest", table.digest.to_string()),
        ("entries", table.entries.to_string()),
        ("entry_bytes", ENTRY_BYTES.to_string()),
        ("page_entries", PAGE_ENTRIES.to_string()),
    ];
    call.arg(2 * fields.len());
    for (field, value) in fields {
        call.arg(field).arg(value);
    }
}

/// Adds pages by number; how many bytes that is.
fn add_pages(
    call: &mut ScriptInvocation<'_>,
    table: &StoredTable,
    numbers: impl Iterator<Item = usize>,
) -> usize {
    let mut sent = 0;
    for number in numbers {
        let Some(page) = table.pages.get(number) else { continue };
        call.arg(number).arg(page.as_ref());
        sent += page.len();
    }
    sent
}
