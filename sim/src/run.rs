//! Runs scenarios, judges them by their own ranges, and sets contenders side by side.
//!
//! Runs are independent of each other and may go on several threads; their order in the result is
//! that of the request. Called by the command line and by tests.

use crate::contender::Contender;
use crate::number::length;
use crate::report::RunReport;
use crate::report::grid::Grid;
use crate::scenario::expect::Scope;
use crate::scenario::{Scenario, ScenarioError};
use paceline_core::campaign::LawChoice;
use std::ops::RangeInclusive;
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

/// Runs a scenario once and judges it, running it again under every law it is compared with. A
/// rival is not judged: the ranges of a file are promises of the laws that ship.
///
/// # Errors
/// As [`Contender::run`].
pub fn run_scenario(
    scenario: &Scenario,
    contender: Contender,
    seed: Option<u64>,
    progress: &mut dyn FnMut(f64),
) -> Result<RunReport, ScenarioError> {
    let mut report = contender.run(scenario, seed, progress)?;
    if matches!(contender, Contender::Rival(_)) {
        return Ok(report);
    }
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
        .map(|law| Ok((law, Contender::Law(law).run(scenario, seed, progress)?)))
        .collect();
    report.misses = report.judge(&scenario.expectations, &others?);
    Ok(report)
}

/// The most seeds at once: each costs a run of every world and contender.
const SEEDS_MAX: u64 = 1_000;

/// Seeds from first to last, as `FIRST..LAST`.
///
/// # Errors
/// The rule, when the text breaks it.
pub fn parse_seeds(text: &str) -> Result<RangeInclusive<u64>, String> {
    let ends = text
        .split_once("..")
        .and_then(|(first, last)| Some((first.parse::<u64>().ok()?, last.parse::<u64>().ok()?)));
    match ends {
        Some((first, last)) if first <= last && last - first < SEEDS_MAX => Ok(first..=last),
        _ => Err(format!("must be FIRST..LAST, integers in order, at most {SEEDS_MAX} of them")),
    }
}

/// One run to be made.
#[derive(Debug, Clone, Copy)]
pub struct Request<'a> {
    /// What.
    pub scenario: &'a Scenario,
    /// Under whom.
    pub contender: Contender,
    /// Another seed than the file's.
    pub seed: Option<u64>,
}

/// Makes all runs on at most `threads` threads. The result does not depend on their number.
///
/// # Errors
/// The first error in the order of the requests.
pub fn run_all(requests: &[Request<'_>], threads: usize) -> Result<Vec<RunReport>, ScenarioError> {
    each_on_threads(requests, threads, |request| {
        let Request { scenario, contender, seed } = *request;
        run_scenario(scenario, contender, seed, &mut |_| {})
    })
}

/// Runs every world under every contender with every seed, in that order, on at most `threads`
/// threads. No contender means each campaign's own law. The first, if it is no rival, is judged by
/// the files' ranges, as far as the laws it is compared with are among the others. `progress` is
/// told the share of runs done.
///
/// # Errors
/// The first error in the order of the runs.
pub fn run_grid(
    scenarios: &[Scenario],
    contenders: &[Contender],
    seeds: &[u64],
    threads: usize,
    progress: &(dyn Fn(f64) + Sync),
) -> Result<Grid, ScenarioError> {
    let contenders = if contenders.is_empty() { &[Contender::Own] } else { contenders };
    let mut requests = Vec::new();
    for scenario in scenarios {
        for &contender in contenders {
            let request = |&seed: &u64| Request { scenario, contender, seed: Some(seed) };
            requests.extend(seeds.iter().map(request));
        }
    }
    let count = AtomicUsize::new(0);
    let mut reports = each_on_threads(&requests, threads, |request| {
        let Request { scenario, contender, seed } = *request;
        let mut report = contender.run(scenario, seed, &mut |_| {})?;
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
        scenarios.iter().zip(reports.chunks_mut(contenders.len() * seeds.len().max(1)))
    {
        judge_first(scenario, runs, contenders, seeds.len());
    }
    Ok(Grid::new(&reports))
}

/// Judges the runs of a world's first contender against those of its others.
fn judge_first(
    scenario: &Scenario,
    runs: &mut [RunReport],
    contenders: &[Contender],
    seeds: usize,
) {
    if matches!(contenders.first(), Some(Contender::Rival(_))) {
        return;
    }
    let is_known = |scope: &Scope| match scope {
        Scope::Against(law) => contenders.contains(&Contender::Law(*law)),
        _ => true,
    };
    let expected: Vec<_> =
        scenario.expectations.iter().filter(|one| is_known(&one.scope)).cloned().collect();
    let (first, rest) = runs.split_at_mut(seeds.min(runs.len()));
    for (place, run) in first.iter_mut().enumerate() {
        let of_law = |(contender, group): (&Contender, &[RunReport])| {
            Some((contender.law()?, group.get(place)?.clone()))
        };
        let others: Vec<_> =
            contenders.iter().skip(1).zip(rest.chunks(seeds)).filter_map(of_law).collect();
        run.misses = run.judge(&expected, &others);
    }
}

/// Does something for each request on at most `threads` threads; results in the order asked for.
/// After an error none is begun any more.
pub(crate) fn each_on_threads<R: Sync, T: Send, E: Send>(
    requests: &[R],
    threads: usize,
    make: impl Fn(&R) -> Result<T, E> + Sync,
) -> Result<Vec<T>, E> {
    let next = AtomicUsize::new(0);
    let done: Vec<Mutex<Option<Result<T, E>>>> =
        requests.iter().map(|_| Mutex::new(None)).collect();
    std::thread::scope(|scope| {
        for _ in 0..threads.clamp(1, requests.len().max(1)) {
            scope.spawn(|| {
                loop {
                    let place = next.fetch_add(1, Ordering::Relaxed);
                    let Some(request) = requests.get(place) else { break };
                    let result = make(request);
                    if result.is_err() {
                        next.store(requests.len(), Ordering::Relaxed);
                    }
                    *done[place].lock().unwrap_or_else(PoisonError::into_inner) = Some(result);
                }
            });
        }
    });
    done.into_iter()
        .map(|slot| {
            slot.into_inner()
                .unwrap_or_else(PoisonError::into_inner)
                .expect("all before the first error were taken by threads that ended")
        })
        .collect()
}

/// The same; `progress` is told the share that is done.
pub(crate) fn each_told<R: Sync, T: Send, E: Send>(
    requests: &[R],
    threads: usize,
    progress: &(dyn Fn(f64) + Sync),
    make: impl Fn(&R) -> Result<T, E> + Sync,
) -> Result<Vec<T>, E> {
    let count = AtomicUsize::new(0);
    each_on_threads(requests, threads, |request| {
        let made = make(request)?;
        progress(length(count.fetch_add(1, Ordering::Relaxed) + 1) / length(requests.len()));
        Ok(made)
    })
}
