//! Counters: cheap atomics on the hot path, told to the `metrics` facade from time to time.
//!
//! The only file here that names `metrics`. Each handle counts in a shard of its own, so that
//! threads do not fight for a cache line. Called by `board` and by the background task.

use paceline_core::bid::{BidDecision, SkipReason};
use paceline_core::table::LeaseState;
use paceline_core::units::Span;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

/// Shards; handles beyond share.
const SHARDS: usize = 32;

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
}

impl Fact {
    const ALL: [Self; 14] = [
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
        }
    }
}

/// One handle's counts, on cache lines of their own.
#[derive(Debug, Default)]
#[repr(align(64))]
struct Shard {
    counts: [AtomicU64; Decided::ALL.len()],
}

/// All counts.
#[derive(Debug)]
pub(crate) struct Stats {
    shards: [Shard; SHARDS],
    next_shard: AtomicUsize,
    facts: [AtomicU64; Fact::ALL.len()],
}

impl Stats {
    pub(crate) fn new() -> Self {
        Self {
            shards: std::array::from_fn(|_| Shard::default()),
            next_shard: AtomicUsize::new(0),
            facts: std::array::from_fn(|_| AtomicU64::new(0)),
        }
    }

    /// The shard of a new handle.
    pub(crate) fn shard(&self) -> usize {
        self.next_shard.fetch_add(1, Ordering::Relaxed) % SHARDS
    }

    #[inline]
    pub(crate) fn count(&self, shard: usize, decided: Decided) {
        let shard = self.shards.get(shard);
        if let Some(count) = shard.and_then(|shard| shard.counts.get(decided as usize)) {
            count.fetch_add(1, Ordering::Relaxed);
        }
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
        let counts = self.shards.iter().filter_map(|shard| shard.counts.get(decided as usize));
        counts.map(|count| count.load(Ordering::Relaxed)).sum()
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
    fn shards_add_up() {
        let stats = Stats::new();
        for _ in 0..70 {
            stats.count(stats.shard(), Decided::Floor);
        }
        assert_eq!((stats.decided(Decided::Floor), stats.decided(Decided::Bid)), (70, 0));
    }

    #[test]
    fn every_fact_and_decision_counts_in_its_own_place() {
        assert!(Fact::ALL.iter().enumerate().all(|(place, &fact)| fact as usize == place));
        assert!(Decided::ALL.iter().enumerate().all(|(place, &kind)| kind as usize == place));
    }
}
