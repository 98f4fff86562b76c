//! The log on Redis: a stream per partition; an entry has `n` (records) and `batch` (bytes).

use super::entry::{Entry, StreamId};
use super::keys::Key;
use super::scripts::Reply;
use super::{Link, RedisStore};
use crate::store::codec;
use crate::store::error::StoreFault;
use crate::store::offset::Offset;
use paceline_core::input::Stamped;
use paceline_core::units::{Epoch, PartitionId};
use redis::Value;
use std::time::Duration;

/// Entries asked for at once: some 6 MB of ordinary batches, 256 MB of the largest.
const ENTRIES_PER_CALL: usize = 64;
/// Bytes expected of such an answer, for its time limit.
const ANSWER_BYTES: usize = 16 << 20;
/// Pause between two looks at a log that is waited for: a small part of a tick, and 40 small calls
/// a second.
const WAIT_PAUSE: Duration = Duration::from_millis(25);

impl RedisStore {
    pub(in crate::store) async fn append(
        &self,
        partition: PartitionId,
        fence: Option<Epoch>,
        count: u32,
        batch: Vec<u8>,
    ) -> Result<Offset, StoreFault> {
        let log = Key::Log.of(partition);
        let id: String = if let Some(epoch) = fence {
            let mut call = self.scripts.append.prepare_invoke();
            call.key(Key::Epoch.of(partition)).key(log).arg(epoch.0).arg(count).arg(&batch);
            let touched = [(Key::Epoch, partition), (Key::Log, partition)];
            let answer = self.link.script(batch.len(), &touched, &call).await?;
            Reply::new(answer)?.done_in(epoch)?.get(0)?
        } else {
            let mut command = redis::cmd("XADD");
            command.arg(log).arg("*").arg("n").arg(count).arg("batch").arg(&batch);
            self.link.call_large(batch.len(), &[(Key::Log, partition)], &command).await?
        };
        Ok(id.parse::<StreamId>()?.record(count - 1))
    }

    pub(in crate::store) async fn read(
        &self,
        partition: PartitionId,
        after: Offset,
        max: usize,
    ) -> Result<Vec<(Offset, Stamped)>, StoreFault> {
        let mut page = Vec::new();
        let mut first = StreamId::of(after).to_string();
        loop {
            let entries = log_entries(&self.link, partition, &first, after).await?;
            let is_last = entries.len() < ENTRIES_PER_CALL;
            for entry in entries {
                for (index, record) in (0..).zip(batch(partition, &entry)?) {
                    let offset = entry.id.record(index);
                    if offset > after {
                        page.push((offset, record));
                    }
                    if page.len() == max {
                        return Ok(page);
                    }
                }
                first = format!("({}", entry.id);
            }
            if is_last {
                return Ok(page);
            }
        }
    }

    pub(in crate::store) async fn end(&self, partition: PartitionId) -> Result<Offset, StoreFault> {
        let mut call = self.scripts.end.prepare_invoke();
        call.key(Key::Log.of(partition));
        let answer = self.link.script(0, &[(Key::Log, partition)], &call).await?;
        let reply = Reply::new(answer)?;
        match reply.get::<Option<String>>(0)? {
            Some(id) => Ok(id.parse::<StreamId>()?.record(reply.get::<u32>(1)?.saturating_sub(1))),
            None => Ok(Offset::START),
        }
    }

    pub(in crate::store) async fn wait(
        &self,
        partition: PartitionId,
        after: Offset,
        patience: Duration,
    ) -> Result<bool, StoreFault> {
        // An entry never grows: only the first look must know records from entries.
        if self.end(partition).await? > after {
            return Ok(true);
        }
        let mut command = redis::cmd("XRANGE");
        let beyond = format!("({}", StreamId::of(after));
        command.arg(Key::Log.of(partition)).arg(beyond).arg("+").arg("COUNT").arg(1);
        let watched = async {
            loop {
                tokio::time::sleep(WAIT_PAUSE).await;
                let found: Vec<Value> = self.link.call(&[(Key::Log, partition)], &command).await?;
                if !found.is_empty() {
                    return Ok(true);
                }
            }
        };
        tokio::time::timeout(patience, watched).await.unwrap_or(Ok(false))
    }

    pub(in crate::store) async fn trim(
        &self,
        partition: PartitionId,
        before: Offset,
    ) -> Result<u64, StoreFault> {
        let (millis, sequence) = before.entry();
        let mut call = self.scripts.trim.prepare_invoke();
        let keys = [Key::Checkpoint, Key::Log, Key::Trimmed];
        for key in keys {
            call.key(key.of(partition));
        }
        call.arg(millis).arg(sequence);
        let touched = keys.map(|key| (key, partition));
        Reply::new(self.link.script(0, &touched, &call).await?)?.get(0)
    }
}

/// Entries from `first` on, unless some after `after` are gone. The trimmed offset is asked for
/// after the entries: what was trimmed between the two is then still told.
async fn log_entries(
    link: &Link,
    partition: PartitionId,
    first: &str,
    after: Offset,
) -> Result<Vec<Entry>, StoreFault> {
    let mut range = redis::cmd("XRANGE");
    range.arg(Key::Log.of(partition)).arg(first).arg("+").arg("COUNT").arg(ENTRIES_PER_CALL);
    let entries: Vec<Value> =
        link.call_large(ANSWER_BYTES, &[(Key::Log, partition)], &range).await?;
    let mut trimmed = redis::cmd("GET");
    trimmed.arg(Key::Trimmed.of(partition));
    let through: Option<String> = link.call(&[(Key::Trimmed, partition)], &trimmed).await?;
    if let Some(through) = through {
        let through =
            through.parse().map_err(|error| StoreFault::unreadable("the trimmed offset", error))?;
        if after < through {
            return Err(StoreFault::Trimmed { through });
        }
    }
    Entry::list(entries)
}

fn batch(partition: PartitionId, entry: &Entry) -> Result<Vec<Stamped>, StoreFault> {
    let what = || format!("entry {} of {}", entry.id, Key::Log.of(partition));
    let bytes = entry
        .field("batch")
        .ok_or_else(|| StoreFault::unreadable(what(), "it has no field batch"))?;
    codec::decode(bytes).map_err(|error| StoreFault::unreadable(what(), error))
}
