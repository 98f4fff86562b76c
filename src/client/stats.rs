//! Counters: cheap atomics on the hot path, told to the `metrics` facade from time to time.
//!
//! The only file here that names `metrics`. Each handle counts in a shard of its own, by plain
//! loads and stores: an atomic addition would hold back the look-ups that follow it. Called by
//! `handle`, by `board` and by the background task.

use paceline_core::bid::{BidDecision, SkipReason};
use paceline_core::table::LeaseState;
use paceline_core::units::Span;
use std::cell::Cell;
use std::marker::PhantomData;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// What is counted on the hot path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Decided {
    Bid,
    Unknown,
    Paused,
    Exhausted,
    Participation,
    Floor,
    Allowance,
    /// An allowance was there, but no cell for its hold.
    HoldsFull,
}

impl Decided {
    const ALL: [Self; 8] = [
        Self::Bid,
        Self::Unknown,
        Self::Paused,
        Self::Exhausted,
        Self::Participation,
        Self::Floor,
        Self::Allowance,
        Self::HoldsFull,
    ];

    pub(crate) const fn of(decision: BidDecision) -> Self {
        match decision {
            BidDecision::Bid { .. } => Self::Bid,
            BidDecision::Skip(SkipReason::Unknown) => Self::Unknown,
            BidDecision::Skip(SkipReason::Paused) => Self::Paused,
            BidDecision::Skip(SkipReason::Exhausted) => Self::Exhausted,
            BidDecision::Skip(SkipReason::Participation) => Self::Participation,
            BidDecision::Skip(SkipReason::Floor) => Self::Floor,
            BidDecision::Skip(SkipReason::Allowance) => Self::Allowance,
        }
    }

    const fn label(self) -> &'static str {
        match self {
            Self::Bid => "bid",
            Self::Unknown => SkipReason::Unknown.as_str(),
            Self::Paused => SkipReason::Paused.as_str(),
            Self::Exhausted => SkipReason::Exhausted.as_str(),
            Self::Participation => SkipReason::Participation.as_str(),
            Self::Floor => SkipReason::Floor.as_str(),
            Self::Allowance => SkipReason::Allowance.as_str(),
            Self::HoldsFull => "holds_full",
        }
    }
}

/// What is counted beside the hot path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fact {
    /// An entry had no room in the table: its campaign does not bid.
    EntryRefused,
    /// A table, change or heartbeat was not newer than what is held.
    StaleRefused,
    /// A change did not fit, or the result was not the sender's table; it is fetched anew.
    Refetched,
    /// A message broke a rule of the contract.
    MessageRefused,
    /// The stream was opened.
    Connected,
    /// A hold ended by its time.
    HoldTimedOut,
    /// A win was told after its hold had ended.
    WonLate,
    /// A draw was granted.
    DrawGranted,
    /// A draw was answered with nothing, or not at all.
    DrawRefused,
    /// Events made durable.
    SpendReported,
    /// Events that the service refused.
    SpendRefused,
    /// Events dropped because the buffer was full.
    SpendDropped,
    /// A report that did not come through and is sent again.
    ReportRetried,
    /// The table could not be kept on disk, or the one kept was not sound.
    ColdStartFailed,
    /// A segment had no room for its schedule: it is bid for unshaded.
    SegmentRefused,
    /// Schedules did not fit or were damaged; they are fetched anew, and bids unshaded until then.
    SchedulesDropped,
    /// Rows of outcomes made durable.
    OutcomeReported,
    /// Rows of outcomes that the service refused.
    OutcomeRefused,
    /// Rows of outcomes dropped: the buffer was full, or the service did not take them.
    OutcomeDropped,
}

impl Fact {
    const ALL: [Self; 19] = [
        Self::EntryRefused,
        Self::StaleRefused,
        Self::Refetched,
        Self::MessageRefused,
        Self::Connected,
        Self::HoldTimedOut,
        Self::WonLate,
        Self::DrawGranted,
        Self::DrawRefused,
        Self::SpendReported,
        Self::SpendRefused,
        Self::SpendDropped,
        Self::ReportRetried,
        Self::ColdStartFailed,
        Self::SegmentRefused,
        Self::SchedulesDropped,
        Self::OutcomeReported,
        Self::OutcomeRefused,
        Self::OutcomeDropped,
    ];

    const fn label(self) -> &'static str {
        match self {
            Self::EntryRefused => "entry_refused",
            Self::StaleRefused => "stale_refused",
            Self::Refetched => "refetched",
            Self::MessageRefused => "message_refused",
            Self::Connected => "connected",
            Self::HoldTimedOut => "hold_timed_out",
            Self::WonLate => "won_late",
            Self::DrawGranted => "draw_granted",
            Self::DrawRefused => "draw_refused",
            Self::SpendReported => "spend_reported",
            Self::SpendRefused => "spend_refused",
            Self::SpendDropped => "spend_dropped",
            Self::ReportRetried => "report_retried",
            Self::ColdStartFailed => "cold_start_failed",
            Self::SegmentRefused => "segment_refused",
            Self::SchedulesDropped => "schedules_dropped",
            Self::OutcomeReported => "outcome_reported",
            Self::OutcomeRefused => "outcome_refused",
            Self::OutcomeDropped => "outcome_dropped",
        }
    }
}

/// One handle's counts, on cache lines of their own.
#[derive(Debug, Default)]
#[repr(align(64))]
struct Shard {
    counts: [AtomicU64; Decided::ALL.len()],
}

/// Counts for one handle. Not to be shared between threads, so that nobody else writes in between
/// a load and its store.
#[derive(Debug)]
pub(crate) struct Counts {
    shard: Arc<Shard>,
    is_one_threads: PhantomData<Cell<()>>,
}

impl Counts {
    #[inline]
    pub(crate) fn count(&self, decided: Decided) {
        if let Some(count) = self.shard.counts.get(decided as usize) {
            count.store(count.load(Ordering::Relaxed).wrapping_add(1), Ordering::Relaxed);
        }
    }
}

/// Shards of living handles, and the sums of those that are gone.
#[derive(Debug, Default)]
struct Shards {
    living: Vec<Arc<Shard>>,
    gone: [u64; Decided::ALL.len()],
}

impl Shards {
    /// Adds up and lets go the shards whose handles are gone.
    fn bury(&mut self) {
        let gone = &mut self.gone;
        self.living.retain(|shard| {
            let is_living = Arc::strong_count(shard) > 1;
            if !is_living {
                gone.iter_mut()
                    .zip(&shard.counts)
                    .for_each(|(sum, count)| *sum += count.load(Ordering::Relaxed));
            }
            is_living
        });
    }
}

/// All counts.
#[derive(Debug)]
pub(crate) struct Stats {
    shards: Mutex<Shards>,
    facts: [AtomicU64; Fact::ALL.len()],
}

impl Stats {
    pub(crate) fn new() -> Self {
        Self { shards: Mutex::default(), facts: std::array::from_fn(|_| AtomicU64::new(0)) }
    }

    fn shards(&self) -> MutexGuard<'_, Shards> {
        self.shards.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Counts for a new handle. There are as many shards as handles live.
    pub(crate) fn counts(&self) -> Counts {
        let shard = Arc::new(Shard::default());
        let mut shards = self.shards();
        shards.bury();
        shards.living.push(Arc::clone(&shard));
        Counts { shard, is_one_threads: PhantomData }
    }

    pub(crate) fn note(&self, fact: Fact, times: u64) {
        if let Some(count) = self.facts.get(fact as usize) {
            count.fetch_add(times, Ordering::Relaxed);
        }
    }

    pub(crate) fn fact(&self, fact: Fact) -> u64 {
        self.facts.get(fact as usize).map_or(0, |count| count.load(Ordering::Relaxed))
    }

    pub(crate) fn decided(&self, decided: Decided) -> u64 {
        let shards = self.shards();
        let living = shards.living.iter().filter_map(|shard| shard.counts.get(decided as usize));
        let living: u64 = living.map(|count| count.load(Ordering::Relaxed)).sum();
        living + shards.gone.get(decided as usize).copied().unwrap_or_default()
    }

    /// Tells everything to the recorder that is installed.
    pub(crate) fn export(&self, entries: u64, lease: LeaseState, table_age: Span) {
        for decided in Decided::ALL {
            metrics::counter!("paceline_client_decisions_total", "decision" => decided.label())
                .absolute(self.decided(decided));
        }
        for fact in Fact::ALL {
            metrics::counter!("paceline_client_facts_total", "fact" => fact.label())
                .absolute(self.fact(fact));
        }
        let state = match lease {
            LeaseState::Fresh => 0,
            LeaseState::Grace => 1,
            LeaseState::Safe => 2,
        };
        metrics::gauge!("paceline_client_lease_state").set(state);
        metrics::gauge!("paceline_client_table_age_seconds").set(table_age.as_seconds());
        metrics::gauge!("paceline_client_table_entries")
            .set(u32::try_from(entries).unwrap_or(u32::MAX));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn handles_add_up_living_or_gone() {
        let stats = Stats::new();
        let kept = stats.counts();
        for _ in 0..70 {
            stats.counts().count(Decided::Floor);
            kept.count(Decided::Floor);
        }
        assert_eq!((stats.decided(Decided::Floor), stats.decided(Decided::Bid)), (140, 0));
        assert_eq!(stats.shards().living.len(), 2);
    }

    #[test]
    fn every_fact_and_decision_counts_in_its_own_place() {
        assert!(Fact::ALL.iter().enumerate().all(|(place, &fact)| fact as usize == place));
        assert!(Decided::ALL.iter().enumerate().all(|(place, &kind)| kind as usize == place));
    }
}
