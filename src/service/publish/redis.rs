//! The table in Redis, for readers without an RPC: `docs/REDIS.md` says how they read it.
//!
//! One task a partition follows the publisher with a copy of its own, so that neither encoding nor
//! a slow server ever holds up the control loop: steps that were missed are made up for by the
//! newest table. Only pages that changed travel. Every write is fenced by the table's epoch. Knows
//! nothing of keys. Run by `app`.

pub mod shades;

use super::{EncodedDelta, EncodedTable, News, Publisher};
use crate::store::redis::table::{PAGE_ENTRIES, Pages, StoredTable};
use crate::store::{RedisStore, StoreError, StoreFault};
use crate::telemetry::event::{self, Outcome, Sink};
use bytes::Bytes;
use paceline_core::table::codec::{self, ENTRY_BYTES};
use paceline_core::table::{Lease, MultiplierTable, TableDelta};
use paceline_core::units::{Generation, PartitionId};
use std::time::Duration;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

/// The wait after a failed write: the next table is seldom nearer, and the server has other work.
const PAUSE: Duration = Duration::from_millis(500);

/// Keeps the table in Redis up to date until `stop`, and then once more.
pub async fn follow(
    publisher: Publisher,
    partition: PartitionId,
    store: RedisStore,
    stop: CancellationToken,
) {
    let mut news = publisher.subscribe();
    let mut writer = Writer { publisher, partition, store, copy: None, written: None };
    let mut has_failed = false;
    loop {
        let is_last = stop.is_cancelled();
        // Marked before the look: what comes during the write wakes again.
        news.mark_unchanged();
        let result = writer.write().await;
        let is_to_repeat = writer.note(result, &mut has_failed);
        if is_last {
            return;
        }
        next_turn(&mut news, is_to_repeat, &stop).await;
    }
}

/// Waits until there is something to write: news, or a pause where a write is to be repeated. Ends
/// at once when all is to stop; whoever publishes no more leaves that as the only end.
async fn next_turn(news: &mut watch::Receiver<u64>, is_to_repeat: bool, stop: &CancellationToken) {
    let next = async {
        if is_to_repeat {
            tokio::time::sleep(PAUSE).await;
        } else if news.changed().await.is_err() {
            std::future::pending::<()>().await;
        }
    };
    tokio::select! {
        () = stop.cancelled() => {}
        () = next => {}
    }
}

/// What stands in Redis, as far as is known.
#[derive(Debug)]
struct Written {
    generation: Generation,
    lease: Lease,
    pages: Vec<Bytes>,
}

#[derive(Debug)]
struct Writer {
    publisher: Publisher,
    partition: PartitionId,
    store: RedisStore,
    copy: Option<MultiplierTable>,
    written: Option<Written>,
}

impl Writer {
    /// Writes the newest table, if it is not there yet; whether it wrote.
    async fn write(&mut self) -> Result<bool, StoreError> {
        self.catch_up();
        let Some(copy) = &self.copy else { return Ok(false) };
        let known = self.written.as_ref().map(|held| (held.generation, held.lease));
        if known == Some((copy.generation, copy.lease)) {
            return Ok(false);
        }
        let table = stored(copy);
        let changed = self.written.take().map(|held| {
            let numbers = 0..table.pages.len();
            let numbers = numbers.filter(|&page| held.pages.get(page) != table.pages.get(page));
            (held.generation, numbers.collect::<Vec<usize>>())
        });
        let is_done = match &changed {
            Some((over, numbers)) => {
                let pages = Pages::Changed { over: *over, numbers };
                self.store.put_table(self.partition, &table, pages).await?
            }
            None => false,
        };
        if !is_done {
            self.store.put_table(self.partition, &table, Pages::All).await?;
        }
        let StoredTable { generation, lease, pages, .. } = table;
        self.written = Some(Written { generation, lease, pages });
        Ok(true)
    }

    /// Brings the copy to the table in force; a step that does not fit is made up for by the whole.
    fn catch_up(&mut self) {
        let held = self.copy.as_ref().map(|copy| copy.generation);
        let (mut news, mut lease) = self.publisher.news(held);
        if let (News::Deltas(deltas), Some(copy)) = (&news, &mut self.copy)
            && !deltas.iter().all(|delta| copy.patch(&decoded(delta)).is_ok())
        {
            (news, lease) = self.publisher.news(None);
        }
        if let News::Table(table) = &news {
            self.copy = Some(whole(table));
        }
        if let Some(copy) = &mut self.copy {
            copy.lease = lease;
        }
    }

    /// Counts a write, and tells of failures at their edges; whether to try the same again.
    fn note(&self, result: Result<bool, StoreError>, has_failed: &mut bool) -> bool {
        match result {
            Ok(wrote) => {
                *has_failed &= !wrote;
                event::published(Sink::Redis, Outcome::Done, u64::from(wrote));
                false
            }
            // Another leads, or led since: its table stands.
            Err(error) if is_behind(&error) => false,
            Err(error) => {
                event::published(Sink::Redis, Outcome::Failed, 1);
                if !std::mem::replace(has_failed, true) {
                    let error = crate::error_chain(&error);
                    tracing::warn!(partition = self.partition.0, error, "no table in redis");
                }
                true
            }
        }
    }
}

fn is_behind(error: &StoreError) -> bool {
    error.is_fenced() || matches!(error.fault(), StoreFault::TableNotNewer { .. })
}

/// A delta as it was before it was encoded.
fn decoded(delta: &EncodedDelta) -> TableDelta {
    const OURS: &str = "the publisher encoded it";
    let changed = codec::decode_entries(&delta.changed, ENTRY_BYTES).expect(OURS);
    let removed = codec::decode_removed(&delta.removed).expect(OURS);
    TableDelta {
        changed: changed.collect::<Result<_, _>>().expect(OURS),
        removed: removed.collect::<Result<_, _>>().expect(OURS),
        ..delta.head.clone()
    }
}

/// A table as it was before it was encoded.
fn whole(table: &EncodedTable) -> MultiplierTable {
    const OURS: &str = "the publisher encoded it";
    let entries = codec::decode_entries(&table.entries, ENTRY_BYTES).expect(OURS);
    let entries = entries.collect::<Result<_, _>>().expect(OURS);
    MultiplierTable { entries, ..table.head.clone() }
}

/// A table cut into pages.
fn stored(table: &MultiplierTable) -> StoredTable {
    let bytes = Bytes::from(codec::encode_entries(&table.entries));
    let page = PAGE_ENTRIES * ENTRY_BYTES;
    let pages = (0..bytes.len()).step_by(page);
    StoredTable {
        generation: table.generation,
        as_of: table.as_of,
        lease: table.lease,
        digest: table.digest,
        entries: table.entries.len(),
        pages: pages.map(|from| bytes.slice(from..bytes.len().min(from + page))).collect(),
    }
}
