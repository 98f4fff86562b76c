//! What is wrong with a scenario file: which key, which value, which rule, all at once.
//!
//! Called by every part of the check.

use std::collections::BTreeSet;
use std::fmt;

/// One rule broken by one value.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Complaint {
    /// Path of the key, e.g. `segment[1].per_day`.
    pub key: String,
    /// The value, as written.
    pub value: String,
    /// The rule it breaks.
    pub rule: String,
}

impl fmt::Display for Complaint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} = {}: {}", self.key, self.value, self.rule)
    }
}

/// Why a scenario could not be taken.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ScenarioError {
    /// When the file cannot be read.
    #[error("{file} cannot be read")]
    Read {
        /// Which file.
        file: String,
        /// Why.
        source: std::io::Error,
    },
    /// When it is not TOML, or has an unknown key or a value of the wrong type.
    #[error("{file} is not a scenario")]
    Syntax {
        /// Which file.
        file: String,
        /// Where and why.
        source: Box<toml::de::Error>,
    },
    /// When values break rules.
    #[error("{file}: {}", list(complaints))]
    Rules {
        /// Which file.
        file: String,
        /// All of them.
        complaints: Vec<Complaint>,
    },
    /// When the data folder, or the file in it that the scenario needs, is not there.
    #[error("{file} needs {wanted} in the data folder, which is not there")]
    NoData {
        /// Which scenario file.
        file: String,
        /// What it needs.
        wanted: String,
    },
}

/// All of them in one line.
pub(crate) fn list(complaints: &[Complaint]) -> String {
    complaints.iter().map(Complaint::to_string).collect::<Vec<_>>().join("; ")
}

/// Collects complaints.
#[derive(Debug, Default)]
pub struct Complaints {
    /// In the order found, each once.
    pub list: Vec<Complaint>,
    /// The same, to tell what was said: one entry may stand for many campaigns alike.
    said: BTreeSet<Complaint>,
    /// A data file that is not there, if any was wanted.
    pub wanted: Option<String>,
}

impl Complaints {
    /// Adds one.
    pub fn add(&mut self, key: impl Into<String>, value: impl fmt::Display, rule: &str) {
        let complaint =
            Complaint { key: key.into(), value: value.to_string(), rule: rule.to_owned() };
        if self.said.insert(complaint.clone()) {
            self.list.push(complaint);
        }
    }

    /// Adds one if the value breaks its rule.
    pub fn require(&mut self, sound: bool, key: String, value: impl fmt::Display, rule: &str) {
        if !sound {
            self.add(key, value, rule);
        }
    }

    /// The value, or a complaint and a stand-in that never leaves the check.
    pub fn take<T, E: fmt::Display>(
        &mut self,
        key: String,
        value: impl fmt::Display,
        result: Result<T, E>,
        stand_in: T,
    ) -> T {
        result.unwrap_or_else(|error| {
            self.add(key, value, &error.to_string());
            stand_in
        })
    }

    /// A length of time, or its default when absent.
    pub fn span(
        &mut self,
        key: String,
        text: Option<&str>,
        default: paceline_core::units::Span,
    ) -> paceline_core::units::Span {
        text.map_or(default, |text| {
            self.take(key, format_args!("{text:?}"), super::span::parse_span(text), default)
        })
    }
}
