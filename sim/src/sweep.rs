//! The same worlds with other values: every combination of values of keys of the scenario, gains of
//! the law or settings of the engine, each with every seed.
//!
//! A [`Plan`] has checked every combination before anything is run; [`play`] runs it or takes it
//! from a store of `compare`'s kind; a [`Sweep`] is made of the outcomes alone. Called by the
//! command line and by tests.

pub mod render;
pub mod vary;

use crate::compare::CompareError;
use crate::compare::outcome::Outcome;
use crate::compare::plan::digest_of;
use crate::compare::store::Store;
use crate::contender::Contender;
use crate::report::metric::Metrics;
use crate::run::each_told;
use crate::scenario::draft::Draft;
use crate::scenario::{Scenario, ScenarioError};
use crate::world::RunOptions;
use paceline_core::engine::EngineConfig;
use serde::Serialize;
use std::path::Path;
use vary::{Vary, VaryError};

/// The most runs of a sweep: a day's worth of small worlds.
pub const RUNS_MAX: usize = 10_000;

/// Why a sweep cannot be made.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PlanError {
    /// When a key or value breaks a rule.
    #[error(transparent)]
    Vary(#[from] VaryError),
    /// When a world breaks one without any of them.
    #[error(transparent)]
    World(#[from] ScenarioError),
    /// When there are too many runs.
    #[error("{0} runs: must be at most {RUNS_MAX}")]
    Runs(usize),
    /// When a rival is to have gains or settings.
    #[error("--vary {0}: a rival has its own law and the usual engine; must be a scenario's key")]
    Rival(String),
}

/// A world with one value for each key.
#[derive(Debug, Clone)]
pub struct Variant {
    scenario: Scenario,
    config: EngineConfig,
    digest: String,
    values: Vec<String>,
}

/// All runs to be made.
#[derive(Debug, Clone)]
pub struct Plan {
    keys: Vec<String>,
    variants: Vec<Variant>,
    seeds: Vec<u64>,
    contender: Contender,
}

impl Plan {
    /// Every combination in every world, given by name and text, the last key's values moving
    /// fastest. Without seeds each world has its own. `data` is the folder of data files.
    ///
    /// # Errors
    /// [`PlanError`].
    pub fn try_new(
        worlds: &[(String, String)],
        varied: &[Vary],
        contender: Contender,
        seeds: &[u64],
        data: &Path,
    ) -> Result<Self, PlanError> {
        if let (Contender::Rival(_), Some(key)) =
            (contender, varied.iter().find(|key| key.is_of_engine()))
        {
            return Err(PlanError::Rival(key.key.clone()));
        }
        let combinations =
            varied.iter().try_fold(1_usize, |all, key| all.checked_mul(key.values.len()));
        let runs = combinations.unwrap_or(usize::MAX).saturating_mul(worlds.len());
        let runs = runs.saturating_mul(seeds.len().max(1));
        if runs > RUNS_MAX {
            return Err(PlanError::Runs(runs));
        }
        let mut variants = Vec::new();
        for (name, text) in worlds {
            // What is wrong without any value is not a value's fault.
            Scenario::parse(name, name, text, data)?;
            let draft = Draft::parse(name, text)?;
            for number in 0..combinations.unwrap_or(1) {
                variants.push(variant(name, &draft, varied, number, data)?);
            }
        }
        let keys = varied.iter().map(|key| key.key.clone()).collect();
        Ok(Self { keys, variants, seeds: seeds.to_vec(), contender })
    }
}

/// The n-th combination in a world.
fn variant(
    name: &str,
    draft: &Draft,
    varied: &[Vary],
    number: usize,
    data: &Path,
) -> Result<Variant, PlanError> {
    let (mut draft, mut config) = (draft.clone(), EngineConfig::default());
    let mut left = number;
    let mut places = vec![0; varied.len()];
    for (place, key) in places.iter_mut().zip(varied).rev() {
        *place = left % key.values.len();
        left /= key.values.len();
    }
    let bare = draft.clone();
    for (key, &place) in varied.iter().zip(&places) {
        key.set(place, &mut draft, &mut config)?;
    }
    let scenario = match draft.check(name, data) {
        Ok(scenario) => scenario,
        Err(error) => {
            return Err(culprit(name, bare, varied, &places, data).unwrap_or(error.into()));
        }
    };
    config.tick = scenario.tick;
    let texts = varied.iter().zip(&places).map(|(key, &place)| &key.values[place].0);
    let digest = digest_of(format!("{}\n{config:?}", draft.to_text()).as_bytes());
    Ok(Variant { scenario, config, digest, values: texts.cloned().collect() })
}

/// The first key after which the world is no longer sound, with the rule it breaks.
fn culprit(
    name: &str,
    mut draft: Draft,
    varied: &[Vary],
    places: &[usize],
    data: &Path,
) -> Option<PlanError> {
    let mut config = EngineConfig::default();
    varied.iter().zip(places).find_map(|(key, &place)| {
        key.set(place, &mut draft, &mut config).ok()?;
        let error = draft.check(name, data).err()?;
        let rule = format!("{:#}", anyhow::Error::from(error));
        // The parser draws a picture of the place; the line is enough.
        let rule = rule.split_whitespace().collect::<Vec<_>>().join(" ");
        Some(key.refuse(&key.values[place].0, rule).into())
    })
}

/// Makes all runs on at most `threads` threads, in the order of worlds, combinations and seeds.
/// Runs that the store knows are not made again. `progress` is told the share of runs done.
///
/// # Errors
/// The first error in the order of the runs; what was finished before it is in the store.
pub fn play(
    plan: &Plan,
    threads: usize,
    store: Option<&Store>,
    progress: &(dyn Fn(f64) + Sync),
) -> Result<Sweep, CompareError> {
    let mut requests = Vec::new();
    for variant in &plan.variants {
        let own = [variant.scenario.seed];
        let seeds = if plan.seeds.is_empty() { &own[..] } else { &plan.seeds[..] };
        requests.extend(seeds.iter().map(|&seed| (variant, seed)));
    }
    let runs = each_told(&requests, threads, progress, |&(variant, seed)| {
        let outcome = run(plan.contender, variant, seed, store)?;
        Ok(Run {
            world: variant.scenario.name.clone(),
            values: variant.values.clone(),
            seed,
            audit_failures: outcome.audit_failures,
            total: outcome.total,
        })
    })?;
    Ok(Sweep { law: plan.contender.name().to_owned(), keys: plan.keys.clone(), runs })
}

fn run(
    contender: Contender,
    variant: &Variant,
    seed: u64,
    store: Option<&Store>,
) -> Result<Outcome, CompareError> {
    let world = || variant.scenario.name.clone();
    let key = store.map(|store| store.key(&variant.digest, contender.name(), seed));
    if let Some(known) = store.zip(key.as_ref()).and_then(|(store, key)| store.get(key)) {
        return Ok(known.clone());
    }
    let options =
        RunOptions { seed: Some(seed), engine: Some(variant.config), ..RunOptions::default() };
    let made = contender
        .play(&variant.scenario, &options, &mut |_| {})
        .map_err(|source| CompareError::World { world: world(), source })?;
    let outcome = Outcome::new(&variant.scenario, &made.report);
    if let Some((store, key)) = store.zip(key) {
        store
            .put(&key, &outcome)
            .map_err(|source| CompareError::Store { world: world(), source })?;
    }
    Ok(outcome)
}

/// One run's numbers.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Run {
    /// Which world.
    pub world: String,
    /// The value of each key, as it was written.
    pub values: Vec<String>,
    /// What seeded it.
    pub seed: u64,
    /// Checks of the independent bookkeeper that failed.
    pub audit_failures: u64,
    /// All campaigns together.
    pub total: Metrics,
}

/// What came of a sweep.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Sweep {
    /// Who paced: a law, or `own`, as each world says.
    pub law: String,
    /// What was varied.
    pub keys: Vec<String>,
    /// In the order of worlds, combinations and seeds.
    pub runs: Vec<Run>,
}
