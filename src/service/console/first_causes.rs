//! The first cause of how each campaign delivers, found once a round when somebody filters by it.
//!
//! Knows engines, no pages. Called by `overview`, on the loop's own thread: so many look-ups at a
//! time are a bound on how long a round may have to wait.

use paceline_core::diagnosis::CauseKind;
use paceline_core::engine::Engine;
use paceline_core::units::{CampaignId, Generation, PartitionId, Timestamp};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Campaigns looked into by one question. The others are told to be unknown, and are found when the
/// question is asked again.
const LOOKED_INTO_MAX: usize = 10_000;

/// Which round causes are of.
type Round = (Generation, Timestamp);

/// What is known of a partition in a round: some tens of bytes a campaign.
#[derive(Debug)]
pub(super) struct Told {
    round: Round,
    kinds: BTreeMap<CampaignId, Option<CauseKind>>,
    left: usize,
}

/// What was found in the round in force, by partition. Cheap to clone; clones see the same.
#[derive(Debug, Clone, Default)]
pub(super) struct FirstCauses(Arc<Mutex<BTreeMap<PartitionId, Told>>>);

impl FirstCauses {
    fn kept(&self) -> MutexGuard<'_, BTreeMap<PartitionId, Told>> {
        // Written in one step, so that a panic elsewhere does not spoil it.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What is known of the round in force, for one question. It is taken out, so that partitions
    /// do not wait for one another: a partition's own questions come one after another.
    pub(super) fn begin(&self, partition: PartitionId, engine: &Engine) -> Told {
        let round = (engine.table().generation, engine.table().as_of);
        let kept = self.kept().remove(&partition).filter(|told| told.round == round);
        let kinds = kept.map(|told| told.kinds).unwrap_or_default();
        Told { round, kinds, left: LOOKED_INTO_MAX }
    }

    /// Keeps what the question found, until another round.
    pub(super) fn keep(&self, partition: PartitionId, told: Told) {
        self.kept().insert(partition, told);
    }
}

impl Told {
    /// The first cause of a campaign; nothing when it is unknown, or this question has looked into
    /// as many as it may.
    pub(super) fn of(&mut self, engine: &Engine, id: CampaignId) -> Option<CauseKind> {
        if let Some(kind) = self.kinds.get(&id) {
            return *kind;
        }
        self.left = self.left.checked_sub(1)?;
        let kind = engine.first_cause(id);
        self.kinds.insert(id, kind);
        kind
    }
}
