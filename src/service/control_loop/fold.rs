//! A partition's state, folded from its log: from a checkpoint, or from the beginning, record by
//! record.
//!
//! Leader, follower and scribe each begin with one of their own; the same records make them alike.
//! Appends nothing, publishes nothing, reads no clock.

use super::snapshot::{Parts, Segments, decode, parts};
use crate::audit::Trail;
use crate::store::{Offset, PAGE_RECORDS_MAX, Store, StoreError};
use paceline_core::engine::{Applied, Engine, EngineConfig};
use paceline_core::input::Stamped;
use paceline_core::past::record::Recorder;
use paceline_core::units::PartitionId;

/// Whose log, where it lies, and how its records are to be taken.
#[derive(Debug, Clone)]
pub(super) struct Source {
    pub(super) partition: PartitionId,
    pub(super) store: Store,
    pub(super) engine: EngineConfig,
}

/// State, and the last record that is in it.
#[derive(Debug)]
pub(super) struct Fold {
    pub(super) engine: Engine,
    /// What people changed.
    pub(super) trail: Trail,
    pub(super) at: Offset,
    /// What the checkpoint says of the log before it.
    pub(super) segments: Segments,
    /// Which rows of the past are under way: of the scribe alone, since a round's standings take
    /// their time.
    pub(super) recorder: Option<Recorder>,
}

impl Fold {
    /// As the checkpoint has it, or new; with rows of the past made on the way when `records`.
    pub(super) async fn restore(source: &Source, records: bool) -> Result<Self, StoreError> {
        let new = || Self {
            engine: Engine::new(source.engine),
            trail: Trail::default(),
            at: Offset::START,
            segments: Segments::default(),
            recorder: records.then(Recorder::default),
        };
        let Some(checkpoint) = source.store.load_checkpoint(source.partition).await? else {
            return Ok(new());
        };
        let parts = parts(&checkpoint.bytes);
        let state = decode(&checkpoint.bytes);
        let (Some(Parts { segments, trail, recorder, .. }), Some(state)) = (parts, state) else {
            tracing::warn!(
                partition = source.partition.0,
                "the checkpoint is of another version; the log is read from its beginning"
            );
            return Ok(new());
        };
        let engine = Engine::restore(source.engine, state);
        let recorder = records.then_some(recorder);
        Ok(Self { engine, trail, at: checkpoint.offset, segments, recorder })
    }

    /// Applies the next page of the log, no further than `until`; how many records that were.
    /// `see` hears each with its place and with what became of it.
    pub(super) async fn read_page(
        &mut self,
        source: &Source,
        until: Option<Offset>,
        mut see: impl FnMut(Offset, &Stamped, Applied),
    ) -> Result<usize, StoreError> {
        let page = source.store.read(source.partition, self.at, PAGE_RECORDS_MAX).await?;
        let mut count = 0;
        for (offset, record) in page {
            if until.is_some_and(|until| offset > until) {
                break;
            }
            let answer = self.trail.apply(&mut self.engine, &record);
            if let (Some(recorder), Applied::Ticked(_)) = (&mut self.recorder, &answer) {
                self.engine.record_past(recorder);
            }
            self.at = offset;
            count += 1;
            see(offset, &record, answer);
        }
        Ok(count)
    }
}
