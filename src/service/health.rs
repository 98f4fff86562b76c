//! Liveness and readiness from facts, not from hope.
//!
//! Whoever owns a fact says so here; the HTTP page and gRPC health only read. Knows nothing of how
//! a fact comes about. Called by every part with something to say, and by `http` and `shutdown`.

use crate::clock::Stopwatch;
use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// A fact that readiness depends on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Condition {
    /// The catalogue has been read once without fault.
    CatalogLoaded,
    /// The store answers.
    StoreReachable,
    /// Every partition is led and caught up, or followed.
    LogFollowed,
    /// The RPC port takes calls.
    RpcListening,
}

impl Condition {
    /// Its name on the page.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::CatalogLoaded => "catalog_loaded",
            Self::StoreReachable => "store_reachable",
            Self::LogFollowed => "log_followed",
            Self::RpcListening => "rpc_listening",
        }
    }
}

/// The stages of stopping, in order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Stage {
    /// `/readyz` says no; load balancers look elsewhere.
    NotReady,
    /// New spend is refused; batches in hand are finished.
    StopIntake,
    /// What was accepted is applied.
    DrainInbox,
    /// One more table goes out, with a full lease.
    LastTick,
    /// State is written down.
    Checkpoint,
    /// A successor may lead at once.
    ResignLead,
    /// Bidders are told goodbye; the pages close.
    CloseStreams,
}

impl Stage {
    /// Its name in logs and on the page.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::NotReady => "not_ready",
            Self::StopIntake => "stop_intake",
            Self::DrainInbox => "drain_inbox",
            Self::LastTick => "last_tick",
            Self::Checkpoint => "checkpoint",
            Self::ResignLead => "resign_lead",
            Self::CloseStreams => "close_streams",
        }
    }
}

impl fmt::Display for Stage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The board on which facts are written; clones share it.
#[derive(Debug, Clone)]
pub struct Health {
    facts: Arc<Mutex<Facts>>,
    stall_limit: Duration,
}

#[derive(Debug, Default)]
struct Facts {
    /// `Err` says what is missing.
    conditions: BTreeMap<Condition, Result<(), String>>,
    /// When each partition's loop last gave a sign of life.
    beats: BTreeMap<u16, Stopwatch>,
    stage: Option<Stage>,
}

/// What stands on the board at one moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Readiness {
    /// Whether calls should be sent here.
    pub is_ready: bool,
    /// How far stopping has come; `None` while running.
    pub stage: Option<Stage>,
    /// Each expected fact; `Err` says what is missing.
    pub conditions: BTreeMap<Condition, Result<(), String>>,
}

impl Health {
    /// Not ready until each of `expected` was reported to hold. A loop silent for longer than
    /// `stall_limit` of real time counts as dead.
    #[must_use]
    pub fn new(expected: &[Condition], stall_limit: Duration) -> Self {
        let unknown = || Err("not reported yet".to_owned());
        let conditions = expected.iter().map(|condition| (*condition, unknown())).collect();
        let facts = Facts { conditions, ..Facts::default() };
        Self { facts: Arc::new(Mutex::new(facts)), stall_limit }
    }

    fn facts(&self) -> MutexGuard<'_, Facts> {
        // The board is consistent after every line, so a panic elsewhere does not spoil it.
        self.facts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Reports that a fact holds, or what is missing. Whether that is news.
    pub fn report(&self, condition: Condition, fact: Result<(), String>) -> bool {
        self.facts().conditions.insert(condition, fact.clone()) != Some(fact)
    }

    /// A sign of life from a partition's loop.
    pub fn beat(&self, partition: u16) {
        self.facts().beats.insert(partition, Stopwatch::start());
    }

    /// The partition is led elsewhere now; its loop need give no sign.
    pub fn forget(&self, partition: u16) {
        self.facts().beats.remove(&partition);
    }

    /// Stopping has come this far; ready no more.
    pub fn enter(&self, stage: Stage) {
        self.facts().stage = Some(stage);
    }

    /// What stands on the board.
    #[must_use]
    pub fn readiness(&self) -> Readiness {
        let facts = self.facts();
        let is_ready = facts.stage.is_none() && facts.conditions.values().all(Result::is_ok);
        Readiness { is_ready, stage: facts.stage, conditions: facts.conditions.clone() }
    }

    /// Partitions whose loop has been silent for too long; empty means alive.
    #[must_use]
    pub fn stalled(&self) -> Vec<u16> {
        let facts = self.facts();
        let silent = |beat: &Stopwatch| beat.elapsed() > self.stall_limit;
        facts.beats.iter().filter(|(_, beat)| silent(beat)).map(|(at, _)| *at).collect()
    }
}

impl fmt::Display for Readiness {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "ready: {}", if self.is_ready { "yes" } else { "no" })?;
        writeln!(f, "stage: {}", self.stage.map_or("running", Stage::as_str))?;
        for (condition, fact) in &self.conditions {
            match fact {
                Ok(()) => writeln!(f, "{}: yes", condition.as_str())?,
                Err(why) => writeln!(f, "{}: no ({why})", condition.as_str())?,
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMIT: Duration = Duration::from_secs(60);

    #[test]
    fn ready_means_every_expected_fact_was_reported() {
        let health = Health::new(&[Condition::CatalogLoaded, Condition::StoreReachable], LIMIT);
        assert!(!health.readiness().is_ready);
        assert!(health.report(Condition::CatalogLoaded, Ok(())));
        assert!(health.report(Condition::StoreReachable, Err("connection refused".to_owned())));
        assert_eq!(
            health.readiness().to_string(),
            "ready: no\nstage: running\ncatalog_loaded: yes\n\
             store_reachable: no (connection refused)\n"
        );
        health.report(Condition::StoreReachable, Ok(()));
        assert!(health.readiness().is_ready);
        assert!(!health.report(Condition::StoreReachable, Ok(())), "the same again is no news");
    }

    #[test]
    fn stopping_ends_readiness_whatever_else_holds() {
        let health = Health::new(&[], LIMIT);
        assert!(health.readiness().is_ready);
        health.enter(Stage::NotReady);
        assert_eq!(health.readiness().to_string(), "ready: no\nstage: not_ready\n");
    }

    #[test]
    fn a_silent_loop_is_named() {
        let health = Health::new(&[], Duration::ZERO);
        health.beat(3);
        while health.stalled().is_empty() {
            std::thread::yield_now();
        }
        assert_eq!(health.stalled(), [3]);
        health.forget(3);
        assert_eq!(health.stalled(), [0_u16; 0]);
    }
}
