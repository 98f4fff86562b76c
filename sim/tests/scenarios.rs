//! Every scenario meets the ranges it states, in its short form where it has one.
//!
//! All misses of all files are listed, not only the first. A scenario whose data folder is absent
//! is skipped, and said to be.

use paceline_core::units::Nanos;
use paceline_sim::contender::Contender;
use paceline_sim::report::tally::Hour;
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

/// Spend may be so far from the plan, in shares of it, once it has come back to it.
const SETTLED: f64 = 0.15;

#[test]
fn three_hours_after_a_price_step_spend_is_back_on_the_plan_and_stays() {
    for name in ["step-up.toml", "stress-price-fall.toml"] {
        let scenario = Scenario::load(&folder().join(name), &run::data_folder()).unwrap();
        for seed in 1..=2 {
            let report =
                run::run_scenario(&scenario, Contender::Own, Some(seed), &mut |_| {}).unwrap();
            // The step comes at noon; the plan is done before the last hour is.
            for place in 15..23 {
                let sum = |of: fn(&Hour) -> Nanos| -> Nanos {
                    report.campaigns.iter().map(|one| of(&one.hours[place])).sum()
                };
                let pace = sum(|hour| hour.spent).ratio_to(sum(|hour| hour.planned));
                let told = format!("{name}, seed {seed}, hour {place}: {pace:.3} of the plan");
                assert!((pace - 1.0).abs() <= SETTLED, "{told}");
            }
        }
    }
}
