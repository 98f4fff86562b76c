//! The first cause of how each campaign delivers, found when somebody filters by it and kept for a
//! minute.
//!
//! Knows engines, no pages. Called by `overview`, on the loop's own thread: a campaign takes tens
//! of microseconds, so that a question looks into a bounded number and a round never waits long.

use paceline_core::diagnosis::CauseKind;
use paceline_core::engine::Engine;
use paceline_core::units::{CampaignId, PartitionId, Span, Timestamp};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Campaigns looked into by one question: under a tenth of a second, between two rounds.
const LOOKED_INTO_MAX: usize = 1_000;
/// Until when a cause is good, in the world's time: causes are of minutes, not of rounds.
const FRESH: Span = Span::MINUTE;
/// When a cause that nobody asked for again is forgotten.
const KEPT: Span = Span::HOUR;

/// What was found of a campaign, and when.
type Kind = (Option<CauseKind>, Timestamp);

/// What is known of a partition: some tens of bytes a campaign.
#[derive(Debug)]
pub(super) struct Told {
    now: Timestamp,
    kinds: BTreeMap<CampaignId, Kind>,
    left: usize,
}

/// What was found of late, by partition. Cheap to clone; clones see the same.
#[derive(Debug, Clone, Default)]
pub(super) struct FirstCauses(Arc<Mutex<BTreeMap<PartitionId, BTreeMap<CampaignId, Kind>>>>);

impl FirstCauses {
    fn kept(&self) -> MutexGuard<'_, BTreeMap<PartitionId, BTreeMap<CampaignId, Kind>>> {
        // Written in one step, so that a panic elsewhere does not spoil it.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What is known, for one question. It is taken out, so that partitions do not wait for one
    /// another: a partition's own questions come one after another.
    pub(super) fn begin(&self, partition: PartitionId, engine: &Engine) -> Told {
        let kinds = self.kept().remove(&partition).unwrap_or_default();
        Told { now: engine.now(), kinds, left: LOOKED_INTO_MAX }
    }

    /// Keeps what the question found.
    pub(super) fn keep(&self, partition: PartitionId, mut told: Told) {
        if told.left < LOOKED_INTO_MAX {
            told.kinds.retain(|_, (_, at)| told.now - *at <= KEPT);
        }
        self.kept().insert(partition, told.kinds);
    }
}

impl Told {
    /// The first cause of a campaign; nothing when it is not known yet, and this question has
    /// looked into as many as it may. Of those it may not look into again, what was found last.
    pub(super) fn of(&mut self, engine: &Engine, id: CampaignId) -> Option<CauseKind> {
        let known = self.kinds.get(&id).copied();
        if let Some((kind, at)) = known
            && (self.now - at <= FRESH || self.left == 0)
        {
            return kind;
        }
        self.left = self.left.checked_sub(1)?;
        let kind = engine.first_cause(id);
        self.kinds.insert(id, (kind, self.now));
        kind
    }
}
