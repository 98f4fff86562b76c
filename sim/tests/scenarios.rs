//! Every scenario meets the ranges it states, in its short form where it has one.
//!
//! All misses of all files are listed, not only the first. A scenario whose data folder is absent
//! is skipped, and said to be.

use paceline_sim::contender::Contender;
use paceline_sim::run::{self, Request};
use paceline_sim::scenario::{Scenario, ScenarioError};
use std::io;
use std::path::{Path, PathBuf};

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios")
}

/// All scenario files, sorted.
fn files() -> io::Result<Vec<PathBuf>> {
    let mut all: Vec<PathBuf> =
        std::fs::read_dir(folder())?.map(|entry| Ok(entry?.path())).collect::<io::Result<_>>()?;
    all.sort();
    Ok(all)
}

/// Whether a file has a short form beside it.
fn is_long(path: &Path) -> bool {
    let stem = path.file_stem().map_or_else(String::new, |stem| stem.to_string_lossy().into());
    path.with_file_name(format!("{stem}-short.toml")).exists()
}

#[test]
fn every_scenario_meets_its_ranges() {
    let data = run::data_folder();
    let mut scenarios = Vec::new();
    // A long form is left to whoever has the time.
    for path in files().unwrap().into_iter().filter(|path| !is_long(path)) {
        match Scenario::load(&path, &data) {
            Ok(scenario) => scenarios.push(scenario),
            Err(error @ ScenarioError::NoData { .. }) => println!("skipped: {error}"),
            Err(error) => panic!("{error}"),
        }
    }
    let contender = Contender::Own;
    let requests: Vec<Request<'_>> =
        scenarios.iter().map(|scenario| Request { scenario, contender, seed: None }).collect();
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let reports = run::run_all(&requests, threads).unwrap();
    let misses: Vec<String> = reports
        .iter()
        .flat_map(|report| {
            let told = report.audit.iter().map(move |told| format!("{}: {told}", report.scenario));
            let missed =
                report.misses.iter().map(move |miss| format!("{}: {miss}", report.scenario));
            missed.chain(told)
        })
        .collect();
    assert!(misses.is_empty(), "{} misses:\n{}", misses.len(), misses.join("\n"));
}

#[test]
fn every_long_form_is_sound() {
    let data = run::data_folder();
    for path in files().unwrap() {
        match Scenario::load(&path, &data) {
            Ok(_) => {}
            Err(error @ ScenarioError::NoData { .. }) => println!("skipped: {error}"),
            Err(error) => panic!("{error}"),
        }
    }
}

#[test]
fn every_scenario_opens_with_what_should_happen() {
    for path in files().unwrap() {
        let text = std::fs::read_to_string(&path).unwrap();
        assert!(text.starts_with("# "), "{} has no first comment", path.display());
    }
}
