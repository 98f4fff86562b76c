//! The scribe: writes a partition's checkpoints beside the loop, which never waits for it.
//!
//! State is a fold over the log, so the scribe needs nothing of the leader's but a place in the
//! log: it takes the checkpoint before, folds what came after it, and writes down the result, on a
//! thread of its own. One checkpoint of a partition is under way at a time. Afterwards the log is
//! trimmed to its bound. On the way it makes rows of the past, which go to the store with the
//! checkpoint. Called by the loop.

use super::LoopFacts;
use super::fold::{Fold, Source};
use super::snapshot::{Segments, encode};
use crate::clock::Stopwatch;
use crate::past;
use crate::store::{Checkpoint, Offset, StoreError};
use crate::telemetry::event;
use crate::trace::{self, Tracer};
use paceline_core::hash::Digest;
use paceline_core::input::Stamped;
use paceline_core::past::record::StretchKey;
use paceline_core::past::{Grain, Stretch};
use paceline_core::units::{Epoch, Generation, PartitionId, Timestamp};
use std::sync::Arc;
use std::time::Duration;
use tokio::runtime::Handle;
use tokio::task::{JoinError, JoinHandle};

/// Calls to the store that trim after one checkpoint; what is left goes after the next. With ten
/// thousand entries a call that is far more than a minute's.
const TRIMS_MAX: usize = 64;

/// What is to be written down.
#[derive(Debug, Clone)]
pub(super) struct Order {
    pub(super) source: Source,
    /// Whose term.
    pub(super) epoch: Epoch,
    /// Up to this record.
    pub(super) through: Offset,
    /// The table the leader has there: the fold must come to the same.
    pub(super) table: (Generation, Digest),
    /// When it was ordered.
    pub(super) at: Timestamp,
    /// Bytes of the log that are kept.
    pub(super) log_bytes_max: u64,
}

/// Why a checkpoint was not written.
#[derive(Debug, thiserror::Error)]
pub(super) enum ScribeError {
    #[error("the store did not do it")]
    Store(#[from] StoreError),
    #[error("writing it broke off")]
    Broken(#[from] JoinError),
    #[error("the state cannot be encoded")]
    Encode(#[from] postcard::Error),
    #[error("the log has changed beneath the leader: its fold ends at {found}, not {wanted}")]
    Elsewhere { found: Offset, wanted: Offset },
    #[error("the log folds to another table than the leader's, {0}: it was not written down")]
    Differs(Generation),
}

/// What was written, and what is left of the log.
#[derive(Debug)]
struct Written {
    took: Duration,
    log_bytes: u64,
}

/// Writes one checkpoint at a time.
#[derive(Debug)]
pub(super) struct Scribe {
    facts: Arc<LoopFacts>,
    partition: PartitionId,
    tracer: Tracer,
    at_work: Option<(Timestamp, JoinHandle<Result<Written, ScribeError>>)>,
}

impl Scribe {
    pub(super) fn new(partition: PartitionId, facts: Arc<LoopFacts>, tracer: Tracer) -> Self {
        Self { facts, partition, tracer, at_work: None }
    }

    /// Begins, unless a checkpoint is under way; whether it began.
    pub(super) fn begin(&mut self, order: Order) -> bool {
        if self.at_work.is_some() {
            return false;
        }
        let (handle, at) = (Handle::current(), order.at);
        self.facts.note_checkpointing(true);
        // Folding and encoding take their time: not on the loop's thread.
        let span = self.tracer.work("checkpoint");
        let work = move || {
            let done = handle.block_on(order.carry_out());
            trace::end(vec![span], &done);
            done
        };
        self.at_work = Some((at, tokio::task::spawn_blocking(work)));
        true
    }

    /// Takes note of what is done, without waiting.
    pub(super) async fn look(&mut self) {
        if self.at_work.as_ref().is_some_and(|(_, work)| work.is_finished()) {
            // Told already; the next one is tried in its time.
            let _ = self.finish().await;
        }
    }

    /// Waits for what is under way, and tells how it went. An error is no loss: the log still holds
    /// everything, and the next term only takes longer to catch up.
    pub(super) async fn finish(&mut self) -> Result<(), ScribeError> {
        let Some((at, work)) = self.at_work.take() else { return Ok(()) };
        let partition = u16::from(self.partition.0);
        let written = work.await.map_err(ScribeError::from).flatten();
        self.facts.note_checkpointing(false);
        match written {
            Ok(written) => {
                self.facts.note_checkpoint(at, written.log_bytes);
                event::checkpoint_written(partition, written.took);
                Ok(())
            }
            Err(error) => {
                event::checkpoint_failed(partition, &error);
                Err(error)
            }
        }
    }
}

impl Order {
    async fn carry_out(self) -> Result<Written, ScribeError> {
        let begun = Stopwatch::start();
        let source = &self.source;
        let mut fold = Fold::restore(source, true).await?;
        let mut bytes: u64 = 0;
        while fold.at < self.through {
            let see = |_, record: &Stamped, _| bytes += size(record);
            let page = fold.read_page(source, Some(self.through), see).await?;
            if page == 0 {
                break;
            }
            if let Some(recorder) = &mut fold.recorder {
                let done = recorder.take_done();
                self.keep_past(&done).await?;
            }
        }
        if fold.at != self.through {
            return Err(ScribeError::Elsewhere { found: fold.at, wanted: self.through });
        }
        let table = fold.engine.table();
        if (table.generation, table.digest) != self.table {
            event::invariant_broken(
                u16::from(source.partition.0),
                "the same log gives the same tables",
            );
            return Err(ScribeError::Differs(self.table.0));
        }
        let mut segments: Segments = fold.segments.clone();
        segments.close(self.through, bytes);
        let cut = segments.shorten(self.log_bytes_max);
        let mut recorder = fold.recorder.take().unwrap_or_default();
        // Before the checkpoint: what is kept twice is the same, what is not kept would be missing.
        self.keep_past(&recorder.hand_over()).await?;
        let now = fold.engine.now();
        let bytes = encode(&segments, &fold.trail, &recorder, fold.engine.state())?;
        drop(fold);
        let checkpoint = Checkpoint { epoch: self.epoch, offset: self.through, bytes };
        source.store.save_checkpoint(source.partition, checkpoint).await?;
        if let Some(before) = cut {
            self.trim(before).await?;
        }
        self.drop_past(now).await?;
        Ok(Written { took: begun.elapsed(), log_bytes: segments.bytes() })
    }

    /// Keeps what a recorder has, unless the store cannot.
    async fn keep_past(&self, made: &[(StretchKey, Stretch)]) -> Result<(), StoreError> {
        if made.is_empty() {
            return Ok(());
        }
        let Source { store, partition, .. } = &self.source;
        let stretches: Vec<_> = made.iter().filter_map(past::stored).collect();
        match store.keep_past(*partition, self.epoch, stretches).await {
            // What lasts must not keep checkpoints away: the past explains, the log decides.
            Err(error) if !error.is_transient() && !error.is_fenced() => {
                event::past_not_kept(u16::from(partition.0), &error);
                Ok(())
            }
            kept => kept,
        }
    }

    /// Drops rows of the past that were kept for long enough.
    async fn drop_past(&self, now: Timestamp) -> Result<(), StoreError> {
        let Source { store, partition, .. } = &self.source;
        for grain in Grain::ALL {
            let before = grain.start_of(now - grain.kept());
            for _ in 0..TRIMS_MAX {
                if store.drop_past(*partition, self.epoch, grain, before).await? == 0 {
                    break;
                }
            }
        }
        Ok(())
    }

    async fn trim(&self, before: Offset) -> Result<(), StoreError> {
        for _ in 0..TRIMS_MAX {
            if self.source.store.trim(self.source.partition, before).await? == 0 {
                break;
            }
        }
        Ok(())
    }
}

/// A record's bytes in its batch.
fn size(record: &Stamped) -> u64 {
    let counted = postcard::serialize_with_flavor(record, postcard::ser_flavors::Size::default());
    u64::try_from(counted.unwrap_or(0)).unwrap_or(u64::MAX)
}
