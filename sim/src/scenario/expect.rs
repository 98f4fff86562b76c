//! What a run must show: ranges for metrics, and the list of all that were missed.
//!
//! Knows metrics by name only; the report holds their values. Called by the check and by whoever
//! judges a run.

use super::complaint::Complaints;
use crate::report::metric;
use paceline_core::campaign::LawChoice;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::fmt;

/// Ranges a run must meet: metric to `[least, most]`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RawExpect {
    /// All campaigns together.
    #[serde(default)]
    pub total: BTreeMap<String, [f64; 2]>,
    /// Every campaign by itself.
    #[serde(default)]
    pub each: BTreeMap<String, [f64; 2]>,
    /// Mean over campaigns.
    #[serde(default)]
    pub mean: BTreeMap<String, [f64; 2]>,
    /// One campaign by name.
    #[serde(default)]
    pub campaign: BTreeMap<String, BTreeMap<String, [f64; 2]>>,
    /// The run as a whole.
    #[serde(default)]
    pub run: BTreeMap<String, [f64; 2]>,
    /// Totals as a multiple of the same world's under another law.
    #[serde(default)]
    pub against: BTreeMap<String, BTreeMap<String, [f64; 2]>>,
}

/// Of what a metric is taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Scope {
    /// All campaigns together.
    Total,
    /// Every campaign by itself.
    Each,
    /// Mean over campaigns.
    Mean,
    /// One campaign.
    Campaign(String),
    /// The run as a whole.
    Run,
    /// The total as a multiple of the same world's under another law.
    Against(LawChoice),
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Total => f.write_str("total"),
            Self::Each => f.write_str("each"),
            Self::Mean => f.write_str("mean"),
            Self::Campaign(name) => write!(f, "campaign.{name}"),
            Self::Run => f.write_str("run"),
            Self::Against(law) => write!(f, "against.{}", law_name(*law)),
        }
    }
}

/// One range.
#[derive(Debug, Clone, PartialEq)]
pub struct Expectation {
    /// Of what.
    pub scope: Scope,
    /// Which metric.
    pub metric: String,
    /// Least value allowed; may be minus infinity.
    pub least: f64,
    /// Most allowed; may be infinity.
    pub most: f64,
}

/// A range that was missed.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct Miss {
    /// Scope and metric, e.g. `each.utilisation`.
    pub what: String,
    /// Of which campaign, where the scope has several.
    pub campaign: Option<String>,
    /// The value; absent when the run could not tell.
    pub value: Option<f64>,
    /// Least allowed, as text: JSON has no infinity.
    pub range: String,
}

impl fmt::Display for Miss {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.what)?;
        if let Some(campaign) = &self.campaign {
            write!(f, " of {campaign}")?;
        }
        match self.value {
            Some(value) => write!(f, " is {value:.5}")?,
            None => f.write_str(" is not known")?,
        }
        write!(f, ", must be in {}", self.range)
    }
}

impl Expectation {
    /// A miss unless the value is known and inside the range.
    #[must_use]
    pub fn judge(&self, campaign: Option<&str>, value: Option<f64>) -> Option<Miss> {
        let is_met = value.is_some_and(|value| (self.least..=self.most).contains(&value));
        (!is_met).then(|| Miss {
            what: format!("{}.{}", self.scope, self.metric),
            campaign: campaign.map(str::to_owned),
            value,
            range: format!("[{}, {}]", self.least, self.most),
        })
    }
}

/// The word for a law in files, options and reports.
#[must_use]
pub const fn law_name(law: LawChoice) -> &'static str {
    match law {
        LawChoice::LogPid => "log_pid",
        LawChoice::PassThrough => "pass_through",
        LawChoice::Asap => "asap",
    }
}

/// The law of a name; hyphens will do as well.
#[must_use]
pub fn law_of(name: &str) -> Option<LawChoice> {
    match name.replace('-', "_").as_str() {
        "log_pid" => Some(LawChoice::LogPid),
        "pass_through" => Some(LawChoice::PassThrough),
        "asap" => Some(LawChoice::Asap),
        _ => None,
    }
}

/// Checks the `expect` table of a file.
pub(super) fn check(
    raw: &RawExpect,
    campaigns: &[String],
    complaints: &mut Complaints,
) -> Vec<Expectation> {
    let mut all = Vec::new();
    let mut take = |scope: Scope, names: &[&str], ranges: &BTreeMap<String, [f64; 2]>| {
        for (name, &[least, most]) in ranges {
            let key = format!("expect.{scope}.{name}");
            if !names.contains(&name.as_str()) {
                complaints.add(key, name, &format!("must be one of {}", names.join(", ")));
            } else if least.is_nan() || most.is_nan() || least > most {
                complaints.add(key, format!("[{least}, {most}]"), "must go from least to most");
            } else {
                all.push(Expectation { scope: scope.clone(), metric: name.clone(), least, most });
            }
        }
    };
    take(Scope::Total, &metric::NAMES, &raw.total);
    take(Scope::Each, &metric::NAMES, &raw.each);
    take(Scope::Mean, &metric::NAMES, &raw.mean);
    take(Scope::Run, &metric::RUN_NAMES, &raw.run);
    for (name, ranges) in &raw.campaign {
        take(Scope::Campaign(name.clone()), &metric::NAMES, ranges);
    }
    for (law, ranges) in &raw.against {
        if let Some(law) = law_of(law) {
            take(Scope::Against(law), &metric::NAMES, ranges);
        }
    }
    for law in raw.against.keys().filter(|law| law_of(law).is_none()) {
        complaints.add("expect.against", law, "must be log_pid, pass_through or asap");
    }
    for name in raw.campaign.keys().filter(|name| !campaigns.contains(name)) {
        complaints.add("expect.campaign", name, "must be the name of a campaign of the file");
    }
    all
}
