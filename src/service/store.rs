//! The durable side of the service: one contract, two stores.
//!
//! Per partition a store keeps an append-only **log** of records (the whole truth), a
//! **checkpoint** (the engine's state at a place in the log), rows of the **past** and the **lead**
//! (who ticks the partition; its epoch fences every write of a leader). Redis holds the latest
//! **table** for readers as well ([`redis::table`]); a file that one process holds open has none.
//! [`Store`] is the contract, in words and types; [`embedded`] and [`redis`] keep it, and one suite
//! of tests (`tests/conformance`) holds both to it. A store reads no clock and retries nothing:
//! what is done again, and when, is its caller's decision (see [`StoreError::is_transient`]).
//!
//! A write that was answered is durable, as far as the medium is: the embedded store has synced
//! its file; Redis is as durable as its `appendfsync` (see `docs/REDIS.md`). A write that timed
//! out may have been done: read the log to know.

pub mod checkpoint;
pub(crate) mod codec;
pub mod embedded;
pub mod error;
pub mod lead;
pub mod offset;
pub mod past;
pub mod redis;

pub use checkpoint::{CHECKPOINT_BYTES_MAX, Checkpoint};
pub use codec::{BATCH_BYTES_MAX, BATCH_RECORDS_MAX};
pub use embedded::EmbeddedStore;
pub use error::{StoreError, StoreFault};
pub use lead::{LeadAnswer, LeadClaim, LeadLease};
pub use offset::{Offset, OffsetError};
pub use past::{KeptStretch, STRETCH_BYTES_MAX};
pub use redis::{RedisConfig, RedisStore};

use error::Doing as _;
use paceline_core::input::Stamped;
use paceline_core::past::Grain;
use paceline_core::units::{CampaignId, Epoch, PartitionId, Span, Timestamp};
use std::time::Duration;

/// The most records in one page: a reader holds a few megabytes at a time.
pub const PAGE_RECORDS_MAX: usize = 16_384;

/// Where everything durable lives. Cheap to clone; every method may be called from any task.
#[derive(Debug, Clone)]
pub enum Store {
    /// One file in one folder, or memory for tests.
    Embedded(EmbeddedStore),
    /// Keys on a Redis server or cluster.
    Redis(RedisStore),
}

impl From<RedisStore> for Store {
    fn from(store: RedisStore) -> Self {
        Self::Redis(store)
    }
}

impl From<EmbeddedStore> for Store {
    fn from(store: EmbeddedStore) -> Self {
        Self::Embedded(store)
    }
}

/// Calls the same method of whichever store it is.
macro_rules! either {
    ($self:ident, $store:ident => $call:expr) => {
        match $self {
            Self::Embedded($store) => $call,
            Self::Redis($store) => $call,
        }
    };
}

impl Store {
    /// Which it is, for labels.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Embedded(_) => "embedded",
            Self::Redis(_) => "redis",
        }
    }

    /// How many partitions there are; fixed when the store was made.
    #[must_use]
    pub fn partitions(&self) -> u8 {
        either!(self, store => store.partitions())
    }

    fn check_partition(&self, partition: PartitionId) -> Result<(), StoreFault> {
        let partitions = self.partitions();
        if partition.0 < partitions {
            Ok(())
        } else {
            Err(StoreFault::NoSuchPartition { partition: partition.0, partitions })
        }
    }

    /// Appends a batch in order and returns the offset of its last record, once it is durable.
    ///
    /// Spend may be appended by any instance, without a fence. Ticks, hands and edits are the
    /// leader's, with its epoch: refused as soon as another has taken the lead. At most
    /// [`BATCH_RECORDS_MAX`] records and [`BATCH_BYTES_MAX`] bytes.
    ///
    /// # Errors
    /// [`StoreFault::Fenced`], [`StoreFault::TooLarge`], [`StoreFault::Empty`], or what ails the
    /// medium. After a transient error the batch may be in the log.
    pub async fn append(
        &self,
        partition: PartitionId,
        fence: Option<Epoch>,
        records: &[Stamped],
    ) -> Result<Offset, StoreError> {
        async {
            self.check_partition(partition)?;
            let batch = codec::encode_batch(records)?;
            let count = u32::try_from(records.len()).expect("a batch is bounded");
            either!(self, store => store.append(partition, fence, count, batch).await)
        }
        .await
        .doing(|| format!("appending {} records to partition {}", records.len(), partition.0))
    }

    /// The records after `after`, in order, at most `max` (and at most [`PAGE_RECORDS_MAX`]); none
    /// when `after` is the last. Begin with [`Offset::START`].
    ///
    /// # Errors
    /// [`StoreFault::Trimmed`] when records after `after` are gone, [`StoreFault::Unreadable`], or
    /// what ails the medium.
    pub async fn read(
        &self,
        partition: PartitionId,
        after: Offset,
        max: usize,
    ) -> Result<Vec<(Offset, Stamped)>, StoreError> {
        async {
            self.check_partition(partition)?;
            let max = max.clamp(1, PAGE_RECORDS_MAX);
            either!(self, store => store.read(partition, after, max).await)
        }
        .await
        .doing(|| format!("reading the log of partition {} after {after}", partition.0))
    }

    /// The offset of the last record; [`Offset::START`] when there is none.
    ///
    /// # Errors
    /// What ails the medium.
    pub async fn end(&self, partition: PartitionId) -> Result<Offset, StoreError> {
        async {
            self.check_partition(partition)?;
            either!(self, store => store.end(partition).await)
        }
        .await
        .doing(|| format!("finding the end of the log of partition {}", partition.0))
    }

    /// Waits until there is a record after `after`, at most for `patience`; says whether there is.
    ///
    /// # Errors
    /// What ails the medium.
    pub async fn wait(
        &self,
        partition: PartitionId,
        after: Offset,
        patience: Duration,
    ) -> Result<bool, StoreError> {
        async {
            self.check_partition(partition)?;
            either!(self, store => store.wait(partition, after, patience).await)
        }
        .await
        .doing(|| format!("waiting for records of partition {} after {after}", partition.0))
    }

    /// Removes whole entries all of whose records lie before `before`, but never what the
    /// checkpoint does not cover; without a checkpoint, nothing. Removes a bounded number a call
    /// and returns how many; call again until it returns 0.
    ///
    /// # Errors
    /// What ails the medium.
    pub async fn trim(&self, partition: PartitionId, before: Offset) -> Result<u64, StoreError> {
        async {
            self.check_partition(partition)?;
            either!(self, store => store.trim(partition, before).await)
        }
        .await
        .doing(|| format!("trimming the log of partition {} before {before}", partition.0))
    }

    /// Replaces the partition's checkpoint, all or nothing, in parts beside the old one, so that
    /// appends go on meanwhile. One at a time for a partition. `checkpoint.epoch` is the fence.
    ///
    /// # Errors
    /// [`StoreFault::Fenced`] when another has taken the lead, [`StoreFault::TooLarge`], or what
    /// ails the medium. The old checkpoint then stands.
    pub async fn save_checkpoint(
        &self,
        partition: PartitionId,
        checkpoint: Checkpoint,
    ) -> Result<(), StoreError> {
        let size = checkpoint.bytes.len();
        async {
            self.check_partition(partition)?;
            check_size("the checkpoint in bytes", size, CHECKPOINT_BYTES_MAX)?;
            either!(self, store => store.save_checkpoint(partition, checkpoint).await)
        }
        .await
        .doing(|| format!("saving a checkpoint of {size} bytes of partition {}", partition.0))
    }

    /// The partition's checkpoint, if one was ever saved.
    ///
    /// # Errors
    /// [`StoreFault::Unreadable`] or what ails the medium.
    pub async fn load_checkpoint(
        &self,
        partition: PartitionId,
    ) -> Result<Option<Checkpoint>, StoreError> {
        async {
            self.check_partition(partition)?;
            either!(self, store => store.load_checkpoint(partition).await)
        }
        .await
        .doing(|| format!("loading the checkpoint of partition {}", partition.0))
    }

    /// Keeps rows of the past, in place of what stood there; some hundred a write, so that appends
    /// go on meanwhile. `epoch` is the fence.
    ///
    /// # Errors
    /// [`StoreFault::Fenced`], [`StoreFault::TooLarge`], or what ails the medium: some may be kept
    /// then, and may be kept again.
    pub async fn keep_past(
        &self,
        partition: PartitionId,
        epoch: Epoch,
        stretches: Vec<KeptStretch>,
    ) -> Result<(), StoreError> {
        let count = stretches.len();
        async {
            self.check_partition(partition)?;
            let most = stretches.iter().map(|kept| kept.bytes.len()).max().unwrap_or(0);
            check_size("a stretch of the past in bytes", most, STRETCH_BYTES_MAX)?;
            for some in stretches.chunks(past::STRETCHES_MAX) {
                match self {
                    Self::Embedded(store) => {
                        store.keep_past(partition, epoch, some.to_vec()).await?;
                    }
                    Self::Redis(store) => store.keep_past(partition, epoch, some).await?,
                }
            }
            Ok(())
        }
        .await
        .doing(|| format!("keeping {count} stretches of the past of partition {}", partition.0))
    }

    /// Drops the stretches of a grain that begin before a moment, a bounded number a call; call
    /// again until it returns 0. On Redis they go by themselves, and it does nothing.
    ///
    /// # Errors
    /// [`StoreFault::Fenced`], or what ails the medium.
    pub async fn drop_past(
        &self,
        partition: PartitionId,
        epoch: Epoch,
        grain: Grain,
        before: Timestamp,
    ) -> Result<usize, StoreError> {
        async {
            self.check_partition(partition)?;
            match self {
                Self::Embedded(store) => store.drop_past(partition, epoch, (grain, before)).await,
                Self::Redis(_) => Ok(0),
            }
        }
        .await
        .doing(|| format!("dropping the old past of partition {}", partition.0))
    }

    /// The bytes of a campaign's stretches that hold a moment from `from` to `until`, in order of
    /// time. `until` lies no further from `from` than the grain is kept.
    ///
    /// # Errors
    /// [`StoreFault::TooLarge`], or what ails the medium.
    pub async fn load_past(
        &self,
        partition: PartitionId,
        campaign: CampaignId,
        (grain, from, until): (Grain, Timestamp, Timestamp),
    ) -> Result<Vec<Vec<u8>>, StoreError> {
        async {
            self.check_partition(partition)?;
            let minutes = |span: Span| usize::try_from(span.as_micros() / 60_000_000).unwrap_or(0);
            let most = minutes(grain.kept() + grain.stretch().times(2));
            check_size("the past asked for in minutes", minutes(until - from), most)?;
            let which = (grain, from, until);
            either!(self, store => store.load_past(partition, campaign, which).await)
        }
        .await
        .doing(|| format!("loading the past of a campaign of partition {}", partition.0))
    }

    /// Claims the lead. Granted when nobody holds it, with an epoch above the last and above
    /// `claim.above`; repeated by its holder, it is the same lease prolonged.
    ///
    /// # Errors
    /// [`StoreFault::EpochsSpent`] or what ails the medium.
    pub async fn acquire_lead(
        &self,
        partition: PartitionId,
        claim: &LeadClaim,
    ) -> Result<LeadAnswer, StoreError> {
        async {
            self.check_partition(partition)?;
            check_span(claim.span)?;
            either!(self, store => store.acquire_lead(partition, claim).await)
        }
        .await
        .doing(|| format!("claiming the lead of partition {}", partition.0))
    }

    /// Prolongs a lease that still runs by `span` from `now` (before the call).
    ///
    /// # Errors
    /// [`StoreFault::LeadLost`] when it ran out or passed on, or what ails the medium.
    pub async fn renew_lead(
        &self,
        partition: PartitionId,
        lease: &LeadLease,
        span: Span,
        now: Timestamp,
    ) -> Result<LeadLease, StoreError> {
        async {
            self.check_partition(partition)?;
            check_span(span)?;
            either!(self, store => store.renew_lead(partition, lease, span, now).await)
        }
        .await
        .doing(|| format!("renewing the lead of partition {}", partition.0))
    }

    /// Gives the lead up at once; a lease that is no longer held changes nothing.
    ///
    /// # Errors
    /// What ails the medium.
    pub async fn resign_lead(
        &self,
        partition: PartitionId,
        lease: &LeadLease,
    ) -> Result<(), StoreError> {
        async {
            self.check_partition(partition)?;
            either!(self, store => store.resign_lead(partition, lease).await)
        }
        .await
        .doing(|| format!("resigning the lead of partition {}", partition.0))
    }

    /// Whether the store answers: for readiness.
    ///
    /// # Errors
    /// What ails the medium.
    pub async fn check(&self) -> Result<(), StoreError> {
        either!(self, store => store.check().await).doing(|| "checking the store".to_owned())
    }
}

fn check_size(what: &'static str, size: usize, max: usize) -> Result<(), StoreFault> {
    if size <= max { Ok(()) } else { Err(StoreFault::TooLarge { what, size, max }) }
}

fn check_span(span: Span) -> Result<(), StoreFault> {
    // Leases are kept in whole milliseconds by Redis.
    if span >= Span::from_millis(1) {
        Ok(())
    } else {
        Err(StoreFault::Config { field: "lead span", rule: "must be at least 1 ms".to_owned() })
    }
}
