//! The numbers of a run: per campaign and in total, and what was expected of them.
//!
//! Called by the world at its end; rendered as text, JSON or a page. The same run gives the same
//! report to the byte.

pub mod constant;
pub mod grid;
pub mod hindsight;
pub mod metric;
pub mod oracle;
pub mod page;
pub mod pool;
pub mod render;
pub mod resolving;
pub mod series;
pub mod tally;

use crate::number::mean;
use crate::scenario::Scenario;
use crate::scenario::expect::{Expectation, Miss, Scope, law_name};
use metric::{Metrics, RunFacts};
use paceline_core::campaign::LawChoice;
use pool::PoolReport;
use serde::Serialize;
use series::Series;
use tally::Hour;

/// One campaign's part.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct CampaignReport {
    /// Its name.
    pub name: String,
    /// Its numbers.
    #[serde(flatten)]
    pub metrics: Metrics,
    /// Its course.
    #[serde(skip)]
    pub series: Series,
    /// Its local hours.
    #[serde(skip)]
    pub hours: Vec<Hour>,
}

/// A run's report.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct RunReport {
    /// Which scenario.
    pub scenario: String,
    /// The law all campaigns were put under, or `own`.
    pub law: String,
    /// What seeded it.
    pub seed: u64,
    /// All campaigns together.
    pub total: Metrics,
    /// The run as a whole.
    pub run: RunFacts,
    /// In file order.
    pub campaigns: Vec<CampaignReport>,
    /// Those of them that share a budget, together.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub pools: Vec<PoolReport>,
    /// What the bookkeeper found, the first in full.
    pub audit: Vec<String>,
    /// Ranges that were missed; filled by whoever judges.
    pub misses: Vec<Miss>,
}

impl RunReport {
    /// Puts the parts together.
    #[must_use]
    pub fn new(
        scenario: &Scenario,
        law: Option<LawChoice>,
        seed: u64,
        run: RunFacts,
        (campaigns, pools): (Vec<CampaignReport>, Vec<PoolReport>),
        audit: Vec<String>,
    ) -> Self {
        let each: Vec<Metrics> = campaigns.iter().map(|one| one.metrics.clone()).collect();
        Self {
            scenario: scenario.name.clone(),
            law: law.map_or("own", law_name).to_owned(),
            seed,
            total: tally::total(&each),
            run,
            campaigns,
            pools,
            audit,
            misses: Vec::new(),
        }
    }

    /// Every range missed. `others` holds the reports of the same world under other laws.
    #[must_use]
    pub fn judge(&self, expectations: &[Expectation], others: &[(LawChoice, Self)]) -> Vec<Miss> {
        expectations.iter().flat_map(|one| self.judge_one(one, others)).collect()
    }

    fn judge_one(&self, expected: &Expectation, others: &[(LawChoice, Self)]) -> Vec<Miss> {
        let metric = expected.metric.as_str();
        let one = |value| expected.judge(None, value).into_iter().collect();
        match &expected.scope {
            Scope::Total => one(self.total.get(metric)),
            Scope::Run => one(self.run.get(metric)),
            Scope::Mean => {
                let known: Vec<f64> =
                    self.campaigns.iter().filter_map(|one| one.metrics.get(metric)).collect();
                one((!known.is_empty()).then(|| mean(&known)))
            }
            Scope::Each => self
                .campaigns
                .iter()
                .filter_map(|one| expected.judge(Some(&one.name), one.metrics.get(metric)))
                .collect(),
            Scope::Campaign(name) => {
                let found = self.campaigns.iter().find(|one| one.name == *name);
                one(found.and_then(|one| one.metrics.get(metric)))
            }
            Scope::Against(law) => {
                let other = others.iter().find(|(other, _)| other == law);
                let theirs = other.and_then(|(_, report)| report.total.get(metric));
                let ratio = match (self.total.get(metric), theirs) {
                    (Some(ours), Some(theirs)) if theirs > 0.0 => Some(ours / theirs),
                    _ => None,
                };
                one(ratio)
            }
        }
    }
}
