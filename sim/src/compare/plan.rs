//! What is run, and what it may be called: a registered trial, part of one, or just some runs.
//!
//! Made of a trial file or of scenario files and the options of the command line. Called by the
//! command line and by tests.

use super::trial::Trial;
use crate::contender::Contender;
use crate::scenario::{Scenario, ScenarioError};
use paceline_core::hash::Digest;
use serde::Serialize;
use std::collections::BTreeMap;
use std::path::Path;

/// How far the runs are those that were registered before anything was tuned.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Standing {
    /// They are those.
    Registered,
    /// They are some of those.
    Part,
    /// They are others: nothing is judged by them.
    Unregistered,
}

/// What was run, by name.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Brief {
    /// The trial's name; absent for mere scenario files.
    pub trial: Option<String>,
    /// Whether this is what was registered.
    pub standing: Standing,
    /// Who is judged.
    pub default: String,
    /// All who ran, the default first.
    pub contenders: Vec<String>,
    /// In order.
    pub worlds: Vec<String>,
    /// Those of them in which something goes wrong on purpose.
    pub stresses: Vec<String>,
    /// Worlds that could not be run because their data is not there.
    pub skipped: Vec<String>,
    /// In order.
    pub seeds: Vec<u64>,
    /// Runs spent on tuning each contender; who is absent had none.
    pub tuning_runs: BTreeMap<String, u64>,
}

/// A world, and what tells it from every other.
#[derive(Debug, Clone)]
pub struct World {
    /// Checked.
    pub scenario: Scenario,
    /// Of the file's bytes.
    pub digest: String,
}

impl World {
    /// Reads and checks a scenario file.
    ///
    /// # Errors
    /// As [`Scenario::load`].
    pub fn load(path: &Path, data: &Path) -> Result<Self, ScenarioError> {
        let file = path.display().to_string();
        let text = std::fs::read_to_string(path)
            .map_err(|source| ScenarioError::Read { file: file.clone(), source })?;
        let scenario = Scenario::parse(&file, &stem(path), &text, data)?;
        Ok(Self { scenario, digest: digest_of(text.as_bytes()) })
    }
}

/// All runs to be made.
#[derive(Debug, Clone)]
pub struct Plan {
    /// By name.
    pub brief: Brief,
    /// In order.
    pub worlds: Vec<World>,
    /// The default first.
    pub contenders: Vec<Contender>,
}

/// What the command line says instead of a trial.
#[derive(Debug, Clone, Default)]
pub struct Wishes {
    /// Instead of the trial's.
    pub contenders: Vec<Contender>,
    /// Instead of the trial's.
    pub seeds: Vec<u64>,
}

/// Seeds where neither a trial nor the command line says any.
const SEEDS: [u64; 3] = [1, 2, 3];

impl Plan {
    /// A trial with what was wished instead, over the worlds that could be loaded.
    #[must_use]
    pub fn of_trial(trial: &Trial, wishes: Wishes, worlds: Vec<World>) -> Self {
        let registered: Vec<u64> = trial.judging.clone().collect();
        let seeds = if wishes.seeds.is_empty() { registered.clone() } else { wishes.seeds };
        let contenders =
            if wishes.contenders.is_empty() { trial.contenders.clone() } else { wishes.contenders };
        let contenders = with_default_first(trial.default, contenders);
        let is_known = contenders.iter().all(|one| trial.contenders.contains(one))
            && seeds.iter().all(|seed| registered.contains(seed));
        let is_whole = contenders.len() == trial.contenders.len()
            && seeds.len() == registered.len()
            && worlds.len() == trial.worlds.len();
        let standing = match (is_known, is_whole) {
            (false, _) => Standing::Unregistered,
            (true, false) => Standing::Part,
            (true, true) => Standing::Registered,
        };
        let names: Vec<String> = worlds.iter().map(|world| world.scenario.name.clone()).collect();
        let all = || trial.worlds.iter().map(|world| stem(&world.path));
        let brief = Brief {
            trial: Some(trial.name.clone()),
            standing,
            default: trial.default.name().to_owned(),
            contenders: contenders.iter().map(|one| one.name().to_owned()).collect(),
            stresses: trial
                .worlds
                .iter()
                .filter(|world| world.is_stress)
                .map(|world| stem(&world.path))
                .collect(),
            skipped: all().filter(|name| !names.contains(name)).collect(),
            worlds: names,
            seeds,
            tuning_runs: trial.tuning_runs.clone(),
        };
        Self { brief, worlds, contenders }
    }

    /// Mere scenario files: nothing was registered, and the default is the law that ships as such.
    #[must_use]
    pub fn of_scenarios(wishes: Wishes, worlds: Vec<World>, skipped: Vec<String>) -> Self {
        let all = Contender::all();
        let default = wishes.contenders.first().copied().unwrap_or(all[0]);
        let contenders = if wishes.contenders.is_empty() { all } else { wishes.contenders };
        let contenders = with_default_first(default, contenders);
        let brief = Brief {
            trial: None,
            standing: Standing::Unregistered,
            default: default.name().to_owned(),
            contenders: contenders.iter().map(|one| one.name().to_owned()).collect(),
            worlds: worlds.iter().map(|world| world.scenario.name.clone()).collect(),
            stresses: Vec::new(),
            skipped,
            seeds: if wishes.seeds.is_empty() { SEEDS.to_vec() } else { wishes.seeds },
            tuning_runs: BTreeMap::new(),
        };
        Self { brief, worlds, contenders }
    }
}

/// The default, then the others in their order.
fn with_default_first(default: Contender, contenders: Vec<Contender>) -> Vec<Contender> {
    let others = contenders.into_iter().filter(|one| *one != default);
    std::iter::once(default).chain(others).collect()
}

/// The name of the world of a file.
#[must_use]
pub fn stem(path: &Path) -> String {
    path.file_stem().map_or_else(String::new, |stem| stem.to_string_lossy().into())
}

/// What tells bytes from all others, where nobody forges them.
#[must_use]
pub fn digest_of(bytes: &[u8]) -> String {
    let mut words: Vec<u64> = bytes
        .chunks(8)
        .map(|chunk| {
            let mut word = [0; 8];
            word[..chunk.len()].copy_from_slice(chunk);
            u64::from_le_bytes(word)
        })
        .collect();
    words.push(u64::try_from(bytes.len()).unwrap_or(u64::MAX));
    Digest::of(&words).to_string()
}
