//! Spend counters of other programs: absolute values in a hash per budget window, read whole and
//! often.
//!
//! The reader asks for the campaigns it expects, in bounded pages, so that no command keeps the
//! server busy for long and an absent counter is seen as absent. What a value means, and what a
//! fallen one means, is decided by the core, which keeps the highest value: reading twice is
//! harmless.

use super::RedisStore;
use super::keys::Key;
use crate::store::error::{Doing as _, StoreError, StoreFault};
use paceline_core::event::CounterRead;
use paceline_core::units::{CampaignId, Name, Nanos, PartitionId, Timestamp, Window};
use redis::Value;

/// Fields asked for by one command: it keeps the server for some half a millisecond.
const FIELDS_PER_CALL: usize = 1_000;
/// Commands under way at once; a page in memory is 32 000 values.
const CALLS_PER_ROUND: usize = 32;
/// The longest part of a refused value that is told.
const VALUE_BYTES_TOLD: usize = 64;

/// A counter that is no number of nanos.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{key} field {campaign} is {value:?}: must be a whole number of nanos")]
pub struct CounterRefusal {
    /// Which key.
    pub key: String,
    /// Which field.
    pub campaign: Name,
    /// What it holds, shortened.
    pub value: String,
}

/// What the counters of one window hold.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CounterPage {
    /// One for each campaign asked for, in their order. A refused counter reads as absent: spend
    /// that is unknown is never taken for zero.
    pub reads: Vec<CounterRead>,
    /// Counters that are no numbers.
    pub refusals: Vec<CounterRefusal>,
    /// How many fields the hash has. More than the reads that are present: counters of campaigns
    /// nobody knows.
    pub fields: u64,
}

impl RedisStore {
    /// Reads the counters of `campaigns` (their names are the fields) for the budget window
    /// `window`. `read_at` is the caller's clock before the call: spend up to then is in.
    ///
    /// # Errors
    /// [`StoreFault::WrongType`] when the key is no hash, or what ails the server.
    pub async fn read_counters(
        &self,
        partition: PartitionId,
        window: Window,
        campaigns: &[Name],
        read_at: Timestamp,
    ) -> Result<CounterPage, StoreError> {
        let key = Key::Counters(window.start());
        self.counters(partition, window, campaigns, read_at)
            .await
            .doing(|| format!("reading {} of {}", campaigns.len(), key.of(partition)))
    }

    async fn counters(
        &self,
        partition: PartitionId,
        window: Window,
        campaigns: &[Name],
        read_at: Timestamp,
    ) -> Result<CounterPage, StoreFault> {
        let key = Key::Counters(window.start());
        let name = key.of(partition);
        let mut length = redis::cmd("HLEN");
        length.arg(&name);
        let fields = self.link.call(&[(key, partition)], &length).await?;
        let reads = Vec::with_capacity(campaigns.len());
        let mut page = CounterPage { reads, refusals: Vec::new(), fields };
        for round in campaigns.chunks(FIELDS_PER_CALL * CALLS_PER_ROUND) {
            let mut commands = redis::pipe();
            for asked in round.chunks(FIELDS_PER_CALL) {
                let command = commands.cmd("HMGET").arg(&name);
                for campaign in asked {
                    command.arg(campaign.as_str());
                }
            }
            let answers: Vec<Vec<Value>> =
                self.link.pipeline(&[(key, partition)], &commands).await?;
            let values = answers.into_iter().flatten();
            for (campaign, value) in round.iter().zip(values) {
                let value = page.check(&name, campaign, value);
                let id = CampaignId::of(campaign.as_str());
                page.reads.push(CounterRead { campaign: id, window, value, read_at });
            }
        }
        Ok(page)
    }
}

impl CounterPage {
    fn check(&mut self, key: &str, campaign: &Name, value: Value) -> Option<Nanos> {
        let Value::BulkString(bytes) = value else {
            return None;
        };
        let number = str::from_utf8(&bytes).ok().and_then(|text| text.parse().ok());
        if number.is_none() {
            let shown = &bytes[..bytes.len().min(VALUE_BYTES_TOLD)];
            self.refusals.push(CounterRefusal {
                key: key.to_owned(),
                campaign: campaign.clone(),
                value: String::from_utf8_lossy(shown).into_owned(),
            });
        }
        number.map(Nanos::new)
    }
}
