//! A scenario under a rival: every owner of a budget has the rival's law, all else is alike.
//!
//! Called by the command line and by tests.

use super::Rival;
use crate::report::RunReport;
use crate::scenario::{Scenario, ScenarioError};
use crate::world::{self, RunOptions};
use paceline_core::campaign::LawChoice;
use paceline_core::engine::{EngineConfig, Laws};

/// Runs a scenario once under the rival of a name.
///
/// # Errors
/// As [`world::run`].
pub fn run_scenario(
    scenario: &Scenario,
    (name, rival): (&str, Rival),
    seed: Option<u64>,
    progress: &mut dyn FnMut(f64),
) -> Result<RunReport, ScenarioError> {
    let laws = Laws { log_pid: rival, pass_through: rival, asap: rival };
    let config = EngineConfig { tick: scenario.tick, ..EngineConfig::with_laws(laws) };
    // Any choice would do, since each is the rival; this one is not held to the default law's slew
    // by the auditor.
    let law = Some(LawChoice::PassThrough);
    let options = RunOptions { law, seed, ..RunOptions::default() };
    let mut report = world::run_under(scenario, &options, config, progress)?.report;
    name.clone_into(&mut report.law);
    Ok(report)
}
