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
use std::time::Duration;
use tokio::sync::{Semaphore, SemaphorePermit};

/// Campaigns looked into by one question: under a tenth of a second, between two rounds.
const LOOKED_INTO_MAX: usize = 1_000;
/// Until when a cause is good, in the world's time: causes are of minutes, not of rounds.
const FRESH: Span = Span::MINUTE;
/// When a cause that nobody asked for again is forgotten.
const KEPT: Span = Span::HOUR;

/// What was found of a campaign, and when.
type Kind = (Option<CauseKind>, Timestamp);

/// One question's look at a partition, with what is known of it: some tens of bytes a campaign.
#[derive(Debug)]
pub(super) struct Look {
    now: Timestamp,
    kinds: BTreeMap<CampaignId, Kind>,
    left: usize,
}

/// What was found of late, by partition. Cheap to clone; clones see the same.
#[derive(Debug, Clone)]
pub(super) struct FirstCauses {
    kept: Arc<Mutex<BTreeMap<PartitionId, BTreeMap<CampaignId, Kind>>>>,
    /// One search at a time: several would keep the loops busy with the same campaigns.
    search: Arc<Semaphore>,
}

impl Default for FirstCauses {
    fn default() -> Self {
        Self { kept: Arc::default(), search: Arc::new(Semaphore::new(1)) }
    }
}

impl FirstCauses {
    /// The right to look into campaigns; nothing when somebody else has it for too long.
    pub(super) async fn search(&self, most: Duration) -> Option<SemaphorePermit<'_>> {
        tokio::time::timeout(most, self.search.acquire()).await.ok()?.ok()
    }

    fn kept(&self) -> MutexGuard<'_, BTreeMap<PartitionId, BTreeMap<CampaignId, Kind>>> {
        // Written in one step, so that a panic elsewhere does not spoil it.
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What is known, for one question. It is taken out, so that partitions do not wait for one
    /// another: a partition's own questions come one after another. Campaigns are looked into only
    /// by whoever has the right to.
    pub(super) fn begin(&self, partition: PartitionId, engine: &Engine, may_look: bool) -> Look {
        let kinds = self.kept().remove(&partition).unwrap_or_default();
        let left = if may_look { LOOKED_INTO_MAX } else { 0 };
        Look { now: engine.now(), kinds, left }
    }

    /// Looks into as many of these as one question may; the others.
    pub(super) fn look_into(
        &self,
        partition: PartitionId,
        engine: &Engine,
        mut pending: Vec<CampaignId>,
    ) -> Vec<CampaignId> {
        let mut look = self.begin(partition, engine, true);
        while look.left > 0
            && let Some(id) = pending.pop()
        {
            look.of(engine, id);
        }
        self.keep(partition, look);
        pending
    }

    /// Keeps what the question found.
    pub(super) fn keep(&self, partition: PartitionId, mut look: Look) {
        if look.left < LOOKED_INTO_MAX {
            let now = look.now;
            look.kinds.retain(|_, (_, at)| is_within(KEPT, now, *at));
        }
        self.kept().insert(partition, look.kinds);
    }
}

impl Look {
    /// The first cause of a campaign; nothing when it is not known yet, and this question has
    /// looked into as many as it may. Of those it may not look into again, what was found last.
    pub(super) fn of(&mut self, engine: &Engine, id: CampaignId) -> Option<CauseKind> {
        let known = self.kinds.get(&id).copied();
        if let Some((kind, at)) = known
            && (is_within(FRESH, self.now, at) || self.left == 0)
        {
            return kind;
        }
        self.left = self.left.checked_sub(1)?;
        let kind = engine.first_cause(id);
        self.kinds.insert(id, (kind, self.now));
        kind
    }
}

/// Whether it is so young; what another leader found later than now is not.
fn is_within(most: Span, now: Timestamp, at: Timestamp) -> bool {
    (Span::ZERO..=most).contains(&(now - at))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_found_is_good_for_a_while_and_never_from_the_future() {
        let at = |minutes: i64| Timestamp::from_micros(Span::from_mins(minutes).as_micros());
        assert!(is_within(FRESH, at(5), at(5)) && is_within(FRESH, at(5), at(4)));
        assert!(!is_within(FRESH, at(5), at(3)) && !is_within(FRESH, at(5), at(6)));
    }

    #[tokio::test]
    async fn one_search_goes_on_at_a_time() {
        let causes = FirstCauses::default();
        let first = causes.search(Duration::ZERO).await;
        assert!(first.is_some());
        assert!(causes.clone().search(Duration::from_millis(1)).await.is_none());
        drop(first);
        assert!(causes.search(Duration::ZERO).await.is_some());
    }
}
