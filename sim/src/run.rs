//! Runs scenarios, judges them by their own ranges, and compares laws.
//!
//! Runs are independent of each other and may go on several threads; their order in the result is
//! that of the request. Called by the command line and by tests.

use crate::number::length;
use crate::report::RunReport;
use crate::report::grid::Grid;
use crate::scenario::expect::Scope;
use crate::scenario::{Scenario, ScenarioError};
use crate::world::{self, RunOptions};
use paceline_core::campaign::LawChoice;
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

/// Where `data = "…"` keys lead: `PACELINE_DATA` if it is set, else the shared data beside the
/// workspace.
#[must_use]
pub fn data_folder() -> PathBuf {
    std::env::var_os("PACELINE_DATA").map_or_else(
        || PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared/data")),
        PathBuf::from,
    )
}

/// Runs a scenario once and judges it, running it again under every law it is compared with.
///
/// # Errors
/// As [`world::run`].
pub fn run_scenario(
    scenario: &Scenario,
    law: Option<LawChoice>,
    seed: Option<u64>,
    progress: &mut dyn FnMut(f64),
) -> Result<RunReport, ScenarioError> {
    let options = |law| RunOptions { law, seed, ..RunOptions::default() };
    let mut report = world::run(scenario, &options(law), progress)?.report;
    let mut laws: Vec<LawChoice> = Vec::new();
    for expectation in &scenario.expectations {
        if let Scope::Against(other) = expectation.scope
            && !laws.contains(&other)
        {
            laws.push(other);
        }
    }
    let others: Result<Vec<_>, ScenarioError> = laws
        .into_iter()
        .map(|law| Ok((law, world::run(scenario, &options(Some(law)), progress)?.report)))
        .collect();
    report.misses = report.judge(&scenario.expectations, &others?);
    Ok(report)
}

/// One run to be made.
#[derive(Debug, Clone, Copy)]
pub struct Request<'a> {
    /// What.
    pub scenario: &'a Scenario,
    /// Every campaign under this law instead of its own.
    pub law: Option<LawChoice>,
    /// Another seed than the file's.
    pub seed: Option<u64>,
}

/// Makes all runs on at most `threads` threads. The result does not depend on their number.
///
/// # Errors
/// The first error in the order of the requests.
pub fn run_all(requests: &[Request<'_>], threads: usize) -> Result<Vec<RunReport>, ScenarioError> {
    each_on_threads(requests, threads, |request| {
        let Request { scenario, law, seed } = *request;
        run_scenario(scenario, law, seed, &mut |_| {})
    })
}

/// Runs every world under every law with every seed, in that order, on at most `threads` threads.
/// No laws means each campaign's own. The first law is judged by the files' ranges, as far as the
/// laws it is compared with are among the others. `progress` is told the
/// share of runs done.
///
/// # Errors
/// The first error in the order of the runs.
pub fn run_grid(
    scenarios: &[Scenario],
    laws: &[LawChoice],
    seeds: &[u64],
    threads: usize,
    progress: &(dyn Fn(f64) + Sync),
) -> Result<Grid, ScenarioError> {
    let laws: Vec<Option<LawChoice>> =
        if laws.is_empty() { vec![None] } else { laws.iter().copied().map(Some).collect() };
    let mut requests = Vec::new();
    for scenario in scenarios {
        for &law in &laws {
            requests.extend(seeds.iter().map(|&seed| Request { scenario, law, seed: Some(seed) }));
        }
    }
    let count = AtomicUsize::new(0);
    let mut reports = each_on_threads(&requests, threads, |request| {
        let Request { scenario, law, seed } = *request;
        let options = RunOptions { law, seed, ..RunOptions::default() };
        let mut report = world::run(scenario, &options, &mut |_| {})?.report;
        // Courses of hundreds of runs would fill the memory, and a table shows none.
        for one in &mut report.campaigns {
            one.series.points.clear();
            one.hours.clear();
        }
        let done = count.fetch_add(1, Ordering::Relaxed) + 1;
        progress(length(done) / length(requests.len()));
        Ok(report)
    })?;
    for (scenario, runs) in
        scenarios.iter().zip(reports.chunks_mut(laws.len() * seeds.len().max(1)))
    {
        judge_first(scenario, runs, &laws, seeds.len());
    }
    Ok(Grid::new(&reports))
}

/// Judges the runs of a world's first law against those of its others.
fn judge_first(
    scenario: &Scenario,
    runs: &mut [RunReport],
    laws: &[Option<LawChoice>],
    seeds: usize,
) {
    let is_known = |scope: &Scope| match scope {
        Scope::Against(law) => laws.contains(&Some(*law)),
        _ => true,
    };
    let expected: Vec<_> =
        scenario.expectations.iter().filter(|one| is_known(&one.scope)).cloned().collect();
    let (first, rest) = runs.split_at_mut(seeds.min(runs.len()));
    for (place, run) in first.iter_mut().enumerate() {
        let of_law = |(law, group): (&Option<LawChoice>, &[RunReport])| {
            Some(((*law)?, group.get(place)?.clone()))
        };
        let others: Vec<_> =
            laws.iter().skip(1).zip(rest.chunks(seeds)).filter_map(of_law).collect();
        run.misses = run.judge(&expected, &others);
    }
}

/// Does something for each request on at most `threads` threads; results in the order asked for.
fn each_on_threads<'a>(
    requests: &[Request<'a>],
    threads: usize,
    make: impl Fn(&Request<'a>) -> Result<RunReport, ScenarioError> + Sync,
) -> Result<Vec<RunReport>, ScenarioError> {
    let next = AtomicUsize::new(0);
    let done: Vec<Mutex<Option<Result<RunReport, ScenarioError>>>> =
        requests.iter().map(|_| Mutex::new(None)).collect();
    std::thread::scope(|scope| {
        for _ in 0..threads.clamp(1, requests.len().max(1)) {
            scope.spawn(|| {
                loop {
                    let place = next.fetch_add(1, Ordering::Relaxed);
                    let Some(request) = requests.get(place) else { break };
                    let result = make(request);
                    *done[place].lock().unwrap_or_else(PoisonError::into_inner) = Some(result);
                }
            });
        }
    });
    done.into_iter()
        .map(|slot| {
            slot.into_inner()
                .unwrap_or_else(PoisonError::into_inner)
                .expect("every request was taken by a thread that ended")
        })
        .collect()
}
