//! What other programs report by `XADD`: three streams per partition, taken into the log by the
//! leader.
//!
//! The log stays the whole truth: an entry counts once it is a record of the log, stamped with the
//! leader's time, and replays read the log alone. One script moves a page: records, the new
//! position and the refusals are written together, fenced by the epoch and only if the position is
//! still where the page began. So a crash or a lost answer at any point neither loses an entry nor
//! takes it twice, whether or not it carries a sequence. Entries that break a rule are refused one
//! by one ([`entry`] has the rules) and kept, the latest ten thousand, in a stream of their own.

mod entry;
mod outcome;

use super::RedisStore;
use super::entry::{Entry, StreamId};
use super::keys::Key;
use super::scripts::Reply;
use crate::store::codec;
use crate::store::error::{Doing as _, StoreError, StoreFault};
use crate::store::offset::Offset;
pub use entry::{COUNT_MAX, PRICE_NANOS_MAX};
use paceline_core::event::SpendBatch;
use paceline_core::input::{Input, Stamped};
use paceline_core::units::{Epoch, PartitionId, Timestamp};
use redis::Value;
use std::fmt;

/// The most entries of one stream in a page: some 200 KB.
pub const FOREIGN_ENTRIES_MAX: usize = 1_000;
/// The most refusals kept; older ones make way.
const REFUSALS_KEPT: usize = 10_000;
/// The longest part of a refused value that is kept.
const VALUE_BYTES_KEPT: usize = 128;

/// Why one entry was refused. Nothing else is disturbed by it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ForeignRefusal {
    /// Which key.
    pub stream: String,
    /// Which entry.
    pub id: StreamId,
    /// Which field.
    pub field: String,
    /// What it held, shortened.
    pub value: String,
    /// The rule it breaks.
    pub rule: &'static str,
}

impl fmt::Display for ForeignRefusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}: {} is {:?}: {}", self.stream, self.id, self.field, self.value, self.rule)
    }
}

/// How far the streams have been taken.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Position {
    spend: StreamId,
    opportunities: StreamId,
    outcomes: StreamId,
}

/// Entries that are not yet in the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ForeignPage {
    from: Position,
    to: Position,
    /// What becomes of the sound entries, in order; spend of one producer in a row is one batch.
    pub inputs: Vec<Input>,
    /// What was wrong with the others.
    pub refusals: Vec<ForeignRefusal>,
}

impl ForeignPage {
    /// Whether there was nothing to read.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.from == self.to
    }
}

impl RedisStore {
    /// The next entries of the streams after what has been taken, at most `max` of each (and
    /// [`FOREIGN_ENTRIES_MAX`]). Changes nothing.
    ///
    /// # Errors
    /// [`StoreFault::WrongType`] or what ails the server.
    pub async fn read_foreign(
        &self,
        partition: PartitionId,
        max: usize,
    ) -> Result<ForeignPage, StoreError> {
        let max = max.clamp(1, FOREIGN_ENTRIES_MAX);
        let read = async {
            let from = self.position(partition).await?;
            let spend = self.entries(Key::SpendIn, partition, from.spend, max).await?;
            let opportunities =
                self.entries(Key::OpportunitiesIn, partition, from.opportunities, max).await?;
            let outcomes = self.entries(Key::OutcomesIn, partition, from.outcomes, max).await?;
            let last = |from, entries: &[Entry]| entries.last().map_or(from, |entry| entry.id);
            let to = Position {
                spend: last(from.spend, &spend),
                opportunities: last(from.opportunities, &opportunities),
                outcomes: last(from.outcomes, &outcomes),
            };
            let mut page = ForeignPage { from, to, inputs: Vec::new(), refusals: Vec::new() };
            page.take_spend(partition, &spend);
            page.take_opportunities(partition, &opportunities);
            page.take_outcomes((partition, self.partitions), &outcomes);
            Ok(page)
        };
        read.await.doing(|| format!("reading foreign entries of partition {}", partition.0))
    }

    /// Takes a page into the log, stamped `at`, and returns the offset of its last record (none
    /// when every entry was refused). The entries are removed from their streams.
    ///
    /// # Errors
    /// [`StoreFault::AlreadyTaken`] when an earlier call did it, [`StoreFault::Fenced`] when
    /// another has taken the lead, [`StoreFault::WrongType`], or what ails the server. After a
    /// transient error read anew: the position tells whether it was done.
    pub async fn take_foreign(
        &self,
        partition: PartitionId,
        epoch: Epoch,
        page: &ForeignPage,
        at: Timestamp,
    ) -> Result<Option<Offset>, StoreError> {
        self.transfer(partition, epoch, page, at)
            .await
            .doing(|| format!("taking foreign entries of partition {}", partition.0))
    }

    async fn transfer(
        &self,
        partition: PartitionId,
        epoch: Epoch,
        page: &ForeignPage,
        at: Timestamp,
    ) -> Result<Option<Offset>, StoreFault> {
        let stamp = |input: &Input| Stamped { at, input: input.clone() };
        let records: Vec<Stamped> = page.inputs.iter().map(stamp).collect();
        let batch = if records.is_empty() { Vec::new() } else { codec::encode_batch(&records)? };
        let mut call = self.scripts.transfer.prepare_invoke();
        let keys = [
            Key::Epoch,
            Key::Log,
            Key::Position,
            Key::SpendIn,
            Key::OpportunitiesIn,
            Key::OutcomesIn,
            Key::Refused,
        ];
        for key in keys {
            call.key(key.of(partition));
        }
        call.arg(epoch.0);
        for position in [page.from, page.to] {
            call.arg(position.spend.to_string()).arg(position.opportunities.to_string());
            call.arg(position.outcomes.to_string());
        }
        call.arg(records.len()).arg(&batch).arg(REFUSALS_KEPT);
        for refusal in &page.refusals {
            call.arg(&refusal.stream).arg(refusal.id.to_string());
            call.arg(&refusal.field).arg(&refusal.value).arg(refusal.rule);
        }
        let touched = keys.map(|key| (key, partition));
        let answer = self.link.script(batch.len(), &touched, &call).await?;
        let id: Option<String> = Reply::new(answer)?.done_in(epoch)?.get(0)?;
        let last = u32::try_from(records.len().saturating_sub(1)).expect("a page is bounded");
        id.map(|id| Ok(id.parse::<StreamId>()?.record(last))).transpose()
    }

    async fn position(&self, partition: PartitionId) -> Result<Position, StoreFault> {
        let mut command = redis::cmd("HMGET");
        command.arg(Key::Position.of(partition));
        command.arg("spend").arg("opportunities").arg("outcomes");
        let (spend, opportunities, outcomes): (Option<String>, Option<String>, Option<String>) =
            self.link.call(&[(Key::Position, partition)], &command).await?;
        let read = |id: Option<String>| id.map_or(Ok(StreamId::default()), |id| id.parse());
        Ok(Position {
            spend: read(spend)?,
            opportunities: read(opportunities)?,
            outcomes: read(outcomes)?,
        })
    }

    async fn entries(
        &self,
        key: Key,
        partition: PartitionId,
        after: StreamId,
        max: usize,
    ) -> Result<Vec<Entry>, StoreFault> {
        let mut command = redis::cmd("XRANGE");
        command.arg(key.of(partition)).arg(format!("({after}")).arg("+").arg("COUNT").arg(max);
        let answer: Vec<Value> = self.link.call(&[(key, partition)], &command).await?;
        Entry::list(answer)
    }
}

impl ForeignPage {
    fn take_spend(&mut self, partition: PartitionId, entries: &[Entry]) {
        for item in entries {
            match entry::spend(&item.fields) {
                Ok(batch) => match self.inputs.last_mut() {
                    Some(Input::Spend(held)) if held.producer == batch.producer => {
                        join(held, batch);
                    }
                    _ => self.inputs.push(Input::Spend(batch)),
                },
                Err(complaint) => self.refuse(Key::SpendIn, partition, item.id, complaint),
            }
        }
    }

    fn take_opportunities(&mut self, partition: PartitionId, entries: &[Entry]) {
        for item in entries {
            match entry::opportunities(&item.fields) {
                Ok(batch) => self.inputs.push(Input::Opportunities(batch)),
                Err(complaint) => self.refuse(Key::OpportunitiesIn, partition, item.id, complaint),
            }
        }
    }

    fn take_outcomes(&mut self, place: (PartitionId, u8), entries: &[Entry]) {
        for item in entries {
            match outcome::outcome(&item.fields, place) {
                Ok(report) => self.inputs.push(Input::Outcomes(report)),
                Err(complaint) => self.refuse(Key::OutcomesIn, place.0, item.id, complaint),
            }
        }
    }

    fn refuse(&mut self, key: Key, partition: PartitionId, id: StreamId, why: entry::Complaint) {
        let mut value = why.value;
        let end =
            (0..=VALUE_BYTES_KEPT.min(value.len())).rev().find(|end| value.is_char_boundary(*end));
        value.truncate(end.unwrap_or(0));
        let (stream, field) = (key.of(partition), why.field);
        self.refusals.push(ForeignRefusal { stream, id, field, value, rule: why.rule });
    }
}

/// Adds a later report of the same producer.
fn join(held: &mut SpendBatch, later: SpendBatch) {
    held.reported_through = held.reported_through.max(later.reported_through);
    held.events.extend(later.events);
}
