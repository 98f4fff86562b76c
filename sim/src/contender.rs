//! Who paces a run: each campaign's own law, one shipped law for all, or a rival for all.
//!
//! The one place where a name becomes a law and a law becomes a run, so that every contender meets
//! the same world in the same engine, with the same plan, measurement and guard. Knows no ranges
//! and no tables. Called by whoever runs scenarios.

use crate::report::RunReport;
use crate::rival::Rival;
use crate::scenario::expect::{law_name, law_of};
use crate::scenario::{Scenario, ScenarioError};
use crate::world::{self, Run, RunOptions};
use paceline_core::campaign::LawChoice;
use paceline_core::engine::{EngineConfig, Laws};

/// Who paces.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub enum Contender {
    /// Each campaign's own law.
    #[default]
    Own,
    /// A law that ships, for every campaign.
    Law(LawChoice),
    /// A rival, for every owner of a budget.
    Rival(Rival),
}

impl Contender {
    /// The contender of a name, a law's or a rival's; in a law's, hyphens will do as well.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        law_of(name).map(Self::Law).or_else(|| Rival::named(name).map(Self::Rival))
    }

    /// The word for it in reports.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Own => "own",
            Self::Law(law) => law_name(law),
            Self::Rival(rival) => rival.name(),
        }
    }

    /// The law that it puts every campaign under, if it is one that ships.
    #[must_use]
    pub const fn law(self) -> Option<LawChoice> {
        match self {
            Self::Law(law) => Some(law),
            Self::Own | Self::Rival(_) => None,
        }
    }

    /// Every law that ships, then every rival.
    #[must_use]
    pub fn all() -> Vec<Self> {
        let laws = [LawChoice::LogPid, LawChoice::PassThrough, LawChoice::Asap];
        let rivals = Rival::NAMES.iter().filter_map(|name| Rival::named(name));
        laws.into_iter().map(Self::Law).chain(rivals.map(Self::Rival)).collect()
    }

    /// Runs a scenario once. `seed` stands instead of the file's; `progress` is told the share
    /// done.
    ///
    /// # Errors
    /// As [`world::run`].
    pub fn run(
        self,
        scenario: &Scenario,
        seed: Option<u64>,
        progress: &mut dyn FnMut(f64),
    ) -> Result<RunReport, ScenarioError> {
        let options = RunOptions { seed, ..RunOptions::default() };
        Ok(self.play(scenario, &options, progress)?.report)
    }

    /// Runs a scenario once with other options than the usual ones. The law is the contender's,
    /// and a rival has the usual engine, whatever the options say.
    ///
    /// # Errors
    /// As [`world::run`].
    pub fn play(
        self,
        scenario: &Scenario,
        options: &RunOptions,
        progress: &mut dyn FnMut(f64),
    ) -> Result<Run, ScenarioError> {
        let Self::Rival(rival) = self else {
            let options = RunOptions { law: self.law(), ..options.clone() };
            return world::run(scenario, &options, progress);
        };
        let laws = Laws { log_pid: rival, pass_through: rival, asap: rival };
        let config = EngineConfig { tick: scenario.tick, ..EngineConfig::with_laws(laws) };
        // Any choice would do, since each is the rival; this one is not held to the default law's
        // slew by the auditor.
        let options = RunOptions { law: Some(LawChoice::PassThrough), ..options.clone() };
        let mut run = world::run_under(scenario, &options, config, progress)?;
        self.name().clone_into(&mut run.report.law);
        Ok(run)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_contender_is_found_by_its_name() {
        let all = Contender::all();
        assert_eq!(all.len(), 3 + Rival::NAMES.len());
        for contender in all {
            assert_eq!(Contender::named(contender.name()), Some(contender));
        }
        assert_eq!(Contender::named("log-pid"), Some(Contender::Law(LawChoice::LogPid)));
        assert_eq!(Contender::named("own"), None);
    }
}
