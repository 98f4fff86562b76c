//! The rows of the past in the file: how they are written, read and dropped.
//!
//! As [`super::rows`], inside a transaction that is given.

use super::disk;
use super::rows::lead_of;
use crate::store::error::StoreFault;
use crate::store::past::{KeptStretch, number, starts};
use paceline_core::past::Grain;
use paceline_core::units::{CampaignId, Epoch, PartitionId, Timestamp};
use redb::{ReadTransaction, ReadableTable as _, TableDefinition, WriteTransaction};

type Key = (u8, u8, i64, u64);
/// Partition, grain, start and campaign to a stretch.
const PAST: TableDefinition<'_, Key, &[u8]> = TableDefinition::new("past");

/// The most stretches that one write drops, so that its commit stays short.
const DROPPED_MAX: usize = 10_000;

/// Makes the table, so that reading finds it.
pub(super) fn prepare(write: &WriteTransaction) -> Result<(), StoreFault> {
    write.open_table(PAST).map(|_| ()).map_err(disk)
}

/// Keeps these, in place of what stood there.
pub(super) fn keep(
    write: &WriteTransaction,
    partition: PartitionId,
    epoch: Epoch,
    stretches: &[KeptStretch],
) -> Result<(), StoreFault> {
    lead_of(write, partition)?.check(epoch)?;
    let mut past = write.open_table(PAST).map_err(disk)?;
    for kept in stretches {
        let start = kept.start.as_micros();
        let key = (partition.0, number(kept.grain), start, kept.campaign.key());
        past.insert(key, kept.bytes.as_slice()).map_err(disk)?;
    }
    Ok(())
}

/// Drops what begins before a moment, a bounded number; how many.
pub(super) fn drop_before(
    write: &WriteTransaction,
    partition: PartitionId,
    epoch: Epoch,
    (grain, before): (Grain, Timestamp),
) -> Result<usize, StoreFault> {
    lead_of(write, partition)?.check(epoch)?;
    let mut past = write.open_table(PAST).map_err(disk)?;
    let (partition, grain) = (partition.0, number(grain));
    let old = (partition, grain, i64::MIN, 0)..(partition, grain, before.as_micros(), 0);
    let mut gone: Vec<Key> = Vec::new();
    for row in past.range(old).map_err(disk)?.take(DROPPED_MAX) {
        gone.push(row.map_err(disk)?.0.value());
    }
    for key in &gone {
        past.remove(key).map_err(disk)?;
    }
    Ok(gone.len())
}

/// The bytes of a campaign's stretches that hold a moment from `from` to `until`.
pub(super) fn load(
    read: &ReadTransaction,
    partition: PartitionId,
    campaign: CampaignId,
    (grain, from, until): (Grain, Timestamp, Timestamp),
) -> Result<Vec<Vec<u8>>, StoreFault> {
    let past = read.open_table(PAST).map_err(disk)?;
    let mut found = Vec::new();
    for start in starts(grain, from, until) {
        let key = (partition.0, number(grain), start.as_micros(), campaign.key());
        found.extend(past.get(key).map_err(disk)?.map(|bytes| bytes.value().to_vec()));
    }
    Ok(found)
}
