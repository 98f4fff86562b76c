//! What lies in the file: every table, and how each operation reads and writes it.
//!
//! Functions here work inside a transaction they are given and decide nothing about when it is
//! committed. A refused write has changed nothing.

use super::disk;
use crate::store::checkpoint::{Checkpoint, CheckpointHead};
use crate::store::codec::{self, FORMAT};
use crate::store::error::StoreFault;
use crate::store::lead::LeadRecord;
use crate::store::offset::Offset;
use paceline_core::input::Stamped;
use paceline_core::units::{Epoch, PartitionId};
use redb::{Database, ReadTransaction, ReadableTable, TableDefinition, WriteTransaction};

/// `format` and `partitions`.
const LAYOUT: TableDefinition<'_, &str, u64> = TableDefinition::new("layout");
/// Partition and entry (from 1) to a batch of records.
const LOG: TableDefinition<'_, (u8, u64), &[u8]> = TableDefinition::new("log");
/// Partition to the offset of the last trimmed record.
const TRIMMED: TableDefinition<'_, u8, &[u8]> = TableDefinition::new("trimmed");
/// Partition to epoch and holder.
const LEAD: TableDefinition<'_, u8, &[u8]> = TableDefinition::new("lead");
/// Partition to the checkpoint's head.
const CHECKPOINT: TableDefinition<'_, u8, &[u8]> = TableDefinition::new("checkpoint");
/// Partition, side and part (from 0) to bytes of the checkpoint.
const PART: TableDefinition<'_, (u8, u8, u32), &[u8]> = TableDefinition::new("checkpoint_part");

/// The most entries removed by one trim, so that the commit that carries it stays short.
const TRIM_ENTRIES_MAX: usize = 10_000;

fn value<T: serde::de::DeserializeOwned>(what: &str, bytes: &[u8]) -> Result<T, StoreFault> {
    codec::decode(bytes).map_err(|error| StoreFault::unreadable(what, error))
}

fn batch(partition: u8, entry: u64, bytes: &[u8]) -> Result<Vec<Stamped>, StoreFault> {
    codec::decode(bytes).map_err(|error| {
        StoreFault::unreadable(format!("entry {entry} of the log of partition {partition}"), error)
    })
}

fn last_of(entry: u64, count: usize) -> Offset {
    let index = u32::try_from(count.saturating_sub(1)).expect("a batch is bounded");
    Offset::new(entry, 0, index)
}

/// Makes the tables of a new file, checks the layout of an old one, voids leads whose holder is
/// gone, and returns the last offset of each partition.
pub(super) fn prepare(database: &Database, partitions: u8) -> Result<Vec<Offset>, StoreFault> {
    let write = database.begin_write().map_err(disk)?;
    check_layout(&write, partitions)?;
    let mut ends = Vec::new();
    {
        let log = write.open_table(LOG).map_err(disk)?;
        write.open_table(TRIMMED).map_err(disk)?;
        write.open_table(CHECKPOINT).map_err(disk)?;
        write.open_table(PART).map_err(disk)?;
        super::past::prepare(&write)?;
        for partition in 0..partitions {
            let last = log.range(whole(partition)).map_err(disk)?.next_back();
            let end = match last.transpose().map_err(disk)? {
                Some((key, bytes)) => {
                    let entry = key.value().1;
                    last_of(entry, batch(partition, entry, bytes.value())?.len())
                }
                None => Offset::START,
            };
            ends.push(end);
        }
    }
    write.open_table(LEAD).map_err(disk)?;
    for partition in (0..partitions).map(PartitionId) {
        change_lead(&write, partition, |lead| {
            lead.held = None;
            Ok(())
        })?;
    }
    write.commit().map_err(disk)?;
    Ok(ends)
}

fn check_layout(write: &WriteTransaction, partitions: u8) -> Result<(), StoreFault> {
    let mut layout = write.open_table(LAYOUT).map_err(disk)?;
    let mut keep = |name: &'static str, wanted: u8| -> Result<u64, StoreFault> {
        let found = layout.get(name).map_err(disk)?.map(|found| found.value());
        if found.is_none() {
            layout.insert(name, u64::from(wanted)).map_err(disk)?;
        }
        Ok(found.unwrap_or_else(|| u64::from(wanted)))
    };
    let format = keep("format", FORMAT)?;
    if format != u64::from(FORMAT) {
        let why = format!("it has format {format}, this program reads format {FORMAT}");
        return Err(StoreFault::unreadable("the store", why));
    }
    let found = u8::try_from(keep("partitions", partitions)?)
        .map_err(|error| StoreFault::unreadable("the number of partitions", error))?;
    if found == partitions {
        Ok(())
    } else {
        Err(StoreFault::Partitions { found, wanted: partitions })
    }
}

fn whole(partition: u8) -> std::ops::RangeInclusive<(u8, u64)> {
    (partition, 0)..=(partition, u64::MAX)
}

pub(super) fn lead_of(
    write: &WriteTransaction,
    partition: PartitionId,
) -> Result<LeadRecord, StoreFault> {
    let leads = write.open_table(LEAD).map_err(disk)?;
    let stored = leads.get(partition.0).map_err(disk)?;
    stored.map_or_else(|| Ok(LeadRecord::default()), |bytes| value("the lead", bytes.value()))
}

pub(super) fn change_lead<T>(
    write: &WriteTransaction,
    partition: PartitionId,
    change: impl FnOnce(&mut LeadRecord) -> Result<T, StoreFault>,
) -> Result<T, StoreFault> {
    let mut lead = lead_of(write, partition)?;
    let answer = change(&mut lead)?;
    let mut leads = write.open_table(LEAD).map_err(disk)?;
    leads.insert(partition.0, codec::encode(&lead).as_slice()).map_err(disk)?;
    Ok(answer)
}

pub(super) fn append(
    write: &WriteTransaction,
    partition: PartitionId,
    fence: Option<Epoch>,
    count: u32,
    batch: &[u8],
) -> Result<Offset, StoreFault> {
    if let Some(epoch) = fence {
        lead_of(write, partition)?.check(epoch)?;
    }
    let mut log = write.open_table(LOG).map_err(disk)?;
    let last = log.range(whole(partition.0)).map_err(disk)?.next_back();
    let entry = last.transpose().map_err(disk)?.map_or(1, |(key, _)| key.value().1 + 1);
    log.insert((partition.0, entry), batch).map_err(disk)?;
    Ok(Offset::new(entry, 0, count - 1))
}

pub(super) fn read(
    read: &ReadTransaction,
    partition: PartitionId,
    after: Offset,
    max: usize,
) -> Result<Vec<(Offset, Stamped)>, StoreFault> {
    let trimmed = read.open_table(TRIMMED).map_err(disk)?;
    if let Some(bytes) = trimmed.get(partition.0).map_err(disk)? {
        let through = value("the trimmed offset", bytes.value())?;
        if after < through {
            return Err(StoreFault::Trimmed { through });
        }
    }
    let log = read.open_table(LOG).map_err(disk)?;
    let mut page = Vec::new();
    let first = (partition.0, after.entry().0);
    for row in log.range(first..=(partition.0, u64::MAX)).map_err(disk)? {
        let (key, bytes) = row.map_err(disk)?;
        let entry = key.value().1;
        for (index, record) in (0..).zip(batch(partition.0, entry, bytes.value())?) {
            let offset = Offset::new(entry, 0, index);
            if offset > after {
                page.push((offset, record));
            }
            if page.len() == max {
                return Ok(page);
            }
        }
    }
    Ok(page)
}

pub(super) fn trim(
    write: &WriteTransaction,
    partition: PartitionId,
    before: Offset,
) -> Result<u64, StoreFault> {
    let Some(head) = head_of(&write.open_table(CHECKPOINT).map_err(disk)?, partition)? else {
        return Ok(0);
    };
    let end = before.min(head.offset).entry().0;
    let mut log = write.open_table(LOG).map_err(disk)?;
    let mut gone = Vec::new();
    for row in log.range((partition.0, 0)..(partition.0, end)).map_err(disk)?.take(TRIM_ENTRIES_MAX)
    {
        gone.push(row.map_err(disk)?.0.value());
    }
    let Some(&last) = gone.last() else {
        return Ok(0);
    };
    let mut through = Offset::START;
    for key in &gone {
        let bytes = log.remove(key).map_err(disk)?;
        if let Some(bytes) = bytes.filter(|_| *key == last) {
            through = last_of(last.1, batch(partition.0, last.1, bytes.value())?.len());
        }
    }
    let mut trimmed = write.open_table(TRIMMED).map_err(disk)?;
    trimmed.insert(partition.0, codec::encode(&through).as_slice()).map_err(disk)?;
    Ok(u64::try_from(gone.len()).expect("bounded above"))
}

fn head_of(
    heads: &impl ReadableTable<u8, &'static [u8]>,
    partition: PartitionId,
) -> Result<Option<CheckpointHead>, StoreFault> {
    let stored = heads.get(partition.0).map_err(disk)?;
    stored.map(|bytes| value("the checkpoint's head", bytes.value())).transpose()
}

fn parts_of(partition: PartitionId, side: u8) -> std::ops::RangeInclusive<(u8, u8, u32)> {
    (partition.0, side, 0)..=(partition.0, side, u32::MAX)
}

/// The side that does not hold the checkpoint.
pub(super) fn free_side(read: &ReadTransaction, partition: PartitionId) -> Result<u8, StoreFault> {
    let head = head_of(&read.open_table(CHECKPOINT).map_err(disk)?, partition)?;
    Ok(head.map_or(0, |head| 1 - head.side.min(1)))
}

/// Writes one part beside the checkpoint that stands. The first part clears the side.
pub(super) fn save_part(
    write: &WriteTransaction,
    partition: PartitionId,
    epoch: Epoch,
    (side, index): (u8, u32),
    bytes: &[u8],
) -> Result<(), StoreFault> {
    lead_of(write, partition)?.check(epoch)?;
    let mut parts = write.open_table(PART).map_err(disk)?;
    if index == 0 {
        parts.retain_in(parts_of(partition, side), |_, _| false).map_err(disk)?;
    }
    parts.insert((partition.0, side, index), bytes).map_err(disk)?;
    Ok(())
}

/// Makes the side just written the checkpoint, and drops the other.
pub(super) fn save_head(
    write: &WriteTransaction,
    partition: PartitionId,
    head: &CheckpointHead,
) -> Result<(), StoreFault> {
    lead_of(write, partition)?.check(head.epoch)?;
    let mut heads = write.open_table(CHECKPOINT).map_err(disk)?;
    heads.insert(partition.0, codec::encode(head).as_slice()).map_err(disk)?;
    let mut parts = write.open_table(PART).map_err(disk)?;
    let mut clear = |side| parts.retain_in(parts_of(partition, side), |_, _| false).map_err(disk);
    clear(1 - head.side)?;
    // An empty checkpoint has no part that would have cleared its side.
    if head.bytes == 0 { clear(head.side) } else { Ok(()) }
}

pub(super) fn load_checkpoint(
    read: &ReadTransaction,
    partition: PartitionId,
) -> Result<Option<Checkpoint>, StoreFault> {
    let Some(head) = head_of(&read.open_table(CHECKPOINT).map_err(disk)?, partition)? else {
        return Ok(None);
    };
    let parts = read.open_table(PART).map_err(disk)?;
    let mut bytes = Vec::new();
    for part in parts.range(parts_of(partition, head.side)).map_err(disk)? {
        bytes.extend_from_slice(part.map_err(disk)?.1.value());
    }
    if bytes.len() as u64 != head.bytes {
        let why = format!("{} of {} bytes are there", bytes.len(), head.bytes);
        return Err(StoreFault::unreadable("the checkpoint", why));
    }
    Ok(Some(Checkpoint { epoch: head.epoch, offset: head.offset, bytes }))
}
