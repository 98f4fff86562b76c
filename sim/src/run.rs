//! Runs scenarios, judges them by their own ranges, and compares laws.
//!
//! Runs are independent of each other and may go on several threads; their order in the result is
//! that of the request. Called by the command line and by tests.

use crate::report::RunReport;
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
    let next = AtomicUsize::new(0);
    let done: Vec<Mutex<Option<Result<RunReport, ScenarioError>>>> =
        requests.iter().map(|_| Mutex::new(None)).collect();
    std::thread::scope(|scope| {
        for _ in 0..threads.clamp(1, requests.len().max(1)) {
            scope.spawn(|| {
                loop {
                    let place = next.fetch_add(1, Ordering::Relaxed);
                    let Some(request) = requests.get(place) else { break };
                    let Request { scenario, law, seed } = *request;
                    let result = run_scenario(scenario, law, seed, &mut |_| {});
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
