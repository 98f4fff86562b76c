//! Where a pacing law is judged: the same worlds under every contender with the same seeds, and
//! what may be said of the differences.
//!
//! A [`Plan`] says what is run, [`play`] runs it or takes it from a store, and a [`Comparison`] is
//! made of the outcomes alone, so that a resumed trial says the same to the byte. Knows contenders
//! by name; nothing of how they pace. Called by the command line and by tests.

pub mod cell;
pub mod outcome;
pub mod page;
pub mod paired;
pub mod plan;
pub mod render;
pub mod store;
pub mod trial;
pub mod verdict;
pub mod world_line;

use crate::run::each_told;
use crate::scenario::ScenarioError;
use cell::{Cell, Overall};
use outcome::Outcome;
use plan::{Brief, Plan};
use serde::Serialize;
use store::{Store, StoreError};
use verdict::Verdict;
use world_line::WorldLine;

/// Why a trial stopped.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CompareError {
    /// When a world cannot be run.
    #[error("running {world}")]
    World {
        /// Which.
        world: String,
        /// Why.
        source: ScenarioError,
    },
    /// When a finished run cannot be kept.
    #[error("keeping a run of {world}")]
    Store {
        /// Of which world.
        world: String,
        /// Why.
        source: StoreError,
    },
}

/// Makes all runs of a plan on at most `threads` threads, in the order of worlds, contenders and
/// seeds. Runs that the store knows are not made again; the others are put there as they finish.
/// `progress` is told the share of runs done.
///
/// # Errors
/// The first error in the order of the runs; what was finished before it is in the store.
pub fn play(
    plan: &Plan,
    threads: usize,
    store: Option<&Store>,
    progress: &(dyn Fn(f64) + Sync),
) -> Result<Vec<Outcome>, CompareError> {
    let mut requests = Vec::new();
    for world in &plan.worlds {
        for &contender in &plan.contenders {
            requests.extend(plan.brief.seeds.iter().map(|&seed| (world, contender, seed)));
        }
    }
    each_told(&requests, threads, progress, |&(world, contender, seed)| {
        let key = store.map(|store| store.key(&world.digest, contender.name(), seed));
        let known = store.zip(key.as_ref()).and_then(|(store, key)| store.get(key));
        Ok(match known {
            Some(known) => Outcome { world: world.scenario.name.clone(), ..known.clone() },
            None => {
                let name = || world.scenario.name.clone();
                let report = contender
                    .run(&world.scenario, Some(seed), &mut |_| {})
                    .map_err(|source| CompareError::World { world: name(), source })?;
                let outcome = Outcome::new(&world.scenario, &report);
                if let Some((store, key)) = store.zip(key) {
                    store
                        .put(&key, &outcome)
                        .map_err(|source| CompareError::Store { world: name(), source })?;
                }
                outcome
            }
        })
    })
}

/// What came of a trial.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Comparison {
    /// What was run.
    pub brief: Brief,
    /// Rules of the trial, each with what is to be said of it.
    pub verdicts: Vec<Verdict>,
    /// All cells together.
    pub overall: Overall,
    /// Classes of campaigns in worlds.
    pub cells: Vec<Cell>,
    /// Contenders in worlds.
    pub lines: Vec<WorldLine>,
    /// Every run, campaign by campaign.
    pub runs: Vec<Outcome>,
}

impl Comparison {
    /// From outcomes in the order of worlds, contenders and seeds.
    #[must_use]
    pub fn new(brief: Brief, runs: Vec<Outcome>) -> Self {
        let cells = cell::cells(&brief, &runs);
        let overall = Overall::of(&brief, &cells);
        let lines = world_line::lines(&runs);
        let verdicts = verdict::verdicts(&brief, &cells, &overall, &lines, &runs);
        Self { brief, verdicts, overall, cells, lines, runs }
    }
}
