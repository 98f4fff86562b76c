//! What is kept of a run: its numbers, campaign by campaign, without its course.
//!
//! Written to stores and read back; all else is reckoned from these. Called by `compare`.

use crate::market::billing::Billing;
use crate::report::RunReport;
use crate::report::metric::Metrics;
use crate::scenario::Scenario;
use paceline_core::units::Span;
use serde::{Deserialize, Serialize};

/// One campaign's part.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CampaignOutcome {
    /// Its name.
    pub name: String,
    /// What is billed.
    pub billing: String,
    /// How long its flight lasts inside the run.
    pub days: f64,
    /// Its numbers.
    pub metrics: Metrics,
}

/// A run's numbers.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Outcome {
    /// Which world.
    pub world: String,
    /// Under whom.
    pub contender: String,
    /// What seeded it.
    pub seed: u64,
    /// Checks of the independent bookkeeper that failed.
    pub audit_failures: u64,
    /// All campaigns together.
    pub total: Metrics,
    /// In file order, then those that share a budget, each of these as one.
    pub campaigns: Vec<CampaignOutcome>,
}

impl Outcome {
    /// From a report of a run of this scenario.
    #[must_use]
    pub fn new(scenario: &Scenario, report: &RunReport) -> Self {
        let outcome = |place: usize, name: &str, metrics: &Metrics| {
            let plan = &scenario.campaigns[place];
            let flight = plan.spec.budgets.flights[0].window;
            let start = flight.start().max(scenario.window.start());
            let end = flight.end().min(scenario.window.end());
            CampaignOutcome {
                name: name.to_owned(),
                billing: billing_name(plan.buyer.billing).to_owned(),
                days: (end - start).ratio_to(Span::DAY),
                metrics: metrics.clone(),
            }
        };
        let is_alone =
            |place: &usize| report.pools.iter().all(|pool| !pool.campaigns.contains(place));
        let alone = (0..report.campaigns.len()).filter(is_alone).map(|place| {
            let one = &report.campaigns[place];
            outcome(place, &one.name, &one.metrics)
        });
        // Who shares a purse is one buyer.
        let pooled = report
            .pools
            .iter()
            .filter_map(|pool| Some(outcome(*pool.campaigns.first()?, &pool.name, &pool.metrics)));
        Self {
            world: report.scenario.clone(),
            contender: report.law.clone(),
            seed: report.seed,
            audit_failures: report.run.audit_failures,
            total: report.total.clone(),
            campaigns: alone.chain(pooled).collect(),
        }
    }
}

/// The word for what is billed.
const fn billing_name(billing: Billing) -> &'static str {
    match billing {
        Billing::Impression => "impression",
        Billing::Click { .. } => "click",
    }
}

/// Value over what was to be had in the same run: by the oracle that re-solves for small campaigns,
/// of which a clairvoyant one is out of anybody's reach; absent where nothing was, or nobody knows.
#[must_use]
pub fn of_oracle(metrics: &Metrics) -> Option<f64> {
    let clairvoyant = metrics.hindsight_value.or(metrics.best_constant_value);
    let oracle = metrics.resolving_value.or(clairvoyant)?;
    (oracle > 0.0).then(|| metrics.value / oracle)
}
