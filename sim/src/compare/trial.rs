//! Trial files: what is judged, and by which worlds and seeds, said before anything is tuned.
//!
//! Checked like scenario files: every broken rule is told with its key and value, all at once.
//! Called by the command line.

use super::plan::stem;
use crate::contender::Contender;
use crate::run::parse_seeds;
use crate::scenario::Complaint;
use crate::scenario::complaint::{Complaints, list};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};

/// Exactly what may be written in a trial file.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawTrial {
    /// The law that is judged.
    default: Option<String>,
    /// Against whom; all there are when absent.
    contenders: Option<Vec<String>>,
    /// Scenario files, relative to this one.
    worlds: Vec<PathBuf>,
    /// More of them, in which something goes wrong on purpose.
    #[serde(default)]
    stresses: Vec<PathBuf>,
    seeds: RawSeeds,
    /// Runs spent on tuning a contender.
    #[serde(default)]
    tuning_runs: BTreeMap<String, u64>,
}

/// Seeds, as `"FIRST..LAST"`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawSeeds {
    /// By which laws are judged.
    judging: String,
    /// By which they may be tuned.
    tuning: String,
}

/// Why a trial could not be taken.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TrialError {
    /// When it is not TOML, or has an unknown key or a value of the wrong type.
    #[error("{file} is not a trial")]
    Syntax {
        /// Which file.
        file: String,
        /// Where and why.
        source: Box<toml::de::Error>,
    },
    /// When values break rules.
    #[error("{file}: {}", list(complaints))]
    Rules {
        /// Which file.
        file: String,
        /// All of them.
        complaints: Vec<Complaint>,
    },
}

/// A world of a trial.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TrialWorld {
    /// Its scenario file.
    pub path: PathBuf,
    /// Whether something goes wrong in it on purpose.
    pub is_stress: bool,
}

/// A checked trial.
#[derive(Debug, Clone, PartialEq)]
pub struct Trial {
    /// The file's stem.
    pub name: String,
    /// Who is judged.
    pub default: Contender,
    /// All who run, the default among them.
    pub contenders: Vec<Contender>,
    /// In file order, stresses last.
    pub worlds: Vec<TrialWorld>,
    /// Seeds of the judgement.
    pub judging: RangeInclusive<u64>,
    /// Runs spent on tuning, by contender's name.
    pub tuning_runs: BTreeMap<String, u64>,
}

/// Whether a text is of a trial, sound or not: scenario files have no worlds.
#[must_use]
pub fn is_trial(text: &str) -> bool {
    toml::from_str::<toml::Table>(text).is_ok_and(|table| table.contains_key("worlds"))
}

impl Trial {
    /// Checks the text of the file at `path`.
    ///
    /// # Errors
    /// [`TrialError`].
    pub fn parse(path: &Path, text: &str) -> Result<Self, TrialError> {
        let file = path.display().to_string();
        let raw: RawTrial = toml::from_str(text).map_err(|source| TrialError::Syntax {
            file: file.clone(),
            source: Box::new(source),
        })?;
        let mut complaints = Complaints::default();
        let trial = check(path, raw, &mut complaints);
        if complaints.list.is_empty() {
            Ok(trial)
        } else {
            Err(TrialError::Rules { file, complaints: complaints.list })
        }
    }
}

fn check(path: &Path, raw: RawTrial, complaints: &mut Complaints) -> Trial {
    let mut contender = |key: &str, name: &str| {
        let known = Contender::named(name);
        let rule = || format!("must be one of {}", names());
        complaints.take(key.to_owned(), format_args!("{name:?}"), known.ok_or_else(rule), FIRST)
    };
    let default = raw.default.map_or(FIRST, |name| contender("default", &name));
    let given = raw.contenders.unwrap_or_default();
    let mut contenders: Vec<Contender> =
        given.iter().map(|name| contender("contenders", name)).collect();
    let tuning_runs = raw
        .tuning_runs
        .iter()
        .map(|(name, runs)| (contender("tuning_runs", name).name().to_owned(), *runs))
        .collect();
    for (place, name) in given.iter().enumerate() {
        let is_new = !contenders[..place].contains(&contenders[place]);
        complaints.require(is_new, "contenders".to_owned(), name, "must not be named twice");
    }
    if contenders.is_empty() {
        contenders = Contender::all();
    }
    if !contenders.contains(&default) {
        contenders.insert(0, default);
    }
    Trial {
        name: stem(path),
        default,
        contenders,
        worlds: worlds(path, (raw.worlds, raw.stresses), complaints),
        judging: seeds(&raw.seeds, complaints),
        tuning_runs,
    }
}

/// The default where a file names none; also stands in for a name that nobody has.
const FIRST: Contender = Contender::Law(paceline_core::campaign::LawChoice::LogPid);

fn names() -> String {
    Contender::all().into_iter().map(Contender::name).collect::<Vec<_>>().join(", ")
}

fn worlds(
    path: &Path,
    (worlds, stresses): (Vec<PathBuf>, Vec<PathBuf>),
    complaints: &mut Complaints,
) -> Vec<TrialWorld> {
    let some = !worlds.is_empty() || !stresses.is_empty();
    complaints.require(some, "worlds".to_owned(), "[]", "must name at least one scenario file");
    let folder = path.parent().unwrap_or(Path::new(""));
    let world = |path: &PathBuf, is_stress| TrialWorld { path: folder.join(path), is_stress };
    let calm = worlds.iter().map(|path| world(path, false));
    let all: Vec<TrialWorld> = calm.chain(stresses.iter().map(|path| world(path, true))).collect();
    for (place, one) in all.iter().enumerate() {
        let name = stem(&one.path);
        let is_new = all[..place].iter().all(|other| stem(&other.path) != name);
        let key = if one.is_stress { "stresses" } else { "worlds" };
        complaints.require(is_new, key.to_owned(), &name, "must not be the name of two worlds");
    }
    all
}

/// The seeds of the judgement, which nobody may have tuned on.
fn seeds(raw: &RawSeeds, complaints: &mut Complaints) -> RangeInclusive<u64> {
    let mut parse = |key: &str, text: &str, stand_in| {
        complaints.take(key.to_owned(), format_args!("{text:?}"), parse_seeds(text), stand_in)
    };
    // The stand-ins have nothing in common.
    let judging = parse("seeds.judging", &raw.judging, 1..=1);
    let tuning = parse("seeds.tuning", &raw.tuning, 0..=0);
    let is_apart = judging.end() < tuning.start() || tuning.end() < judging.start();
    let rule = format!("must not share a seed with seeds.judging = {:?}", raw.judging);
    complaints.require(
        is_apart,
        "seeds.tuning".to_owned(),
        format_args!("{:?}", raw.tuning),
        &rule,
    );
    judging
}
