//! Why a campaign delivers as it does: causes from a closed list, the likeliest first, each with
//! its evidence in numbers and the edit that would help.
//!
//! Pure: a [`Case`] in, causes out. The engine says what it knows in a case, and what an edit would
//! do in an [`Effect`]; nothing here decides anything that is published. Called when somebody asks
//! why. The words are those of `docs/GLOSSARY.md`, the thresholds of `docs/CONTROL.md`.

mod case;
mod edit;
mod judge;
mod market;

pub use case::{Case, Hand, Limits, Phase, Planned, Shared, SpentBudget};
pub use edit::{Edit, Effect};
pub use judge::causes;
pub use market::RAISE_MAX;

use crate::units::{CampaignId, Timestamp};
use serde::{Deserialize, Serialize};

/// What keeps a campaign where it is. Shading will add "shading too low" once bids are shaded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CauseKind {
    /// It spent more of late than its plan had.
    Ahead,
    /// It spends its plan, or is about to.
    OnPlan,
    /// A cap, or a budget that it shares, keeps it from spending its own.
    BudgetLimited,
    /// It bids as high as it may and loses too often.
    BidLimited,
    /// It bids as high as it may, wins most of what it is asked for, and is asked too little.
    SupplyLimited,
    /// Its bids are below the floors.
    FloorLimited,
    /// What its results may cost keeps its bids down.
    ReturnLimited,
    /// A person's hand, or its own status, holds it.
    Override,
    /// The brake holds it.
    Brake,
    /// Its spend is not known well enough to pace it.
    StaleSpend,
    /// A budget cannot pay for one more event.
    Exhausted,
    /// No flight of it has begun.
    NotStarted,
    /// Its flights are over.
    Ended,
    /// Its numbers went bad, and it is set aside.
    Quarantined,
}

impl CauseKind {
    /// All of them.
    pub const ALL: [Self; 14] = [
        Self::Ahead,
        Self::OnPlan,
        Self::BudgetLimited,
        Self::BidLimited,
        Self::SupplyLimited,
        Self::FloorLimited,
        Self::ReturnLimited,
        Self::Override,
        Self::Brake,
        Self::StaleSpend,
        Self::Exhausted,
        Self::NotStarted,
        Self::Ended,
        Self::Quarantined,
    ];

    /// The word for it in reports and on the wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Ahead => "ahead",
            Self::OnPlan => "on_plan",
            Self::BudgetLimited => "budget_limited",
            Self::BidLimited => "bid_limited",
            Self::SupplyLimited => "supply_limited",
            Self::FloorLimited => "floor_limited",
            Self::ReturnLimited => "return_limited",
            Self::Override => "override",
            Self::Brake => "brake",
            Self::StaleSpend => "stale_spend",
            Self::Exhausted => "exhausted",
            Self::NotStarted => "not_started",
            Self::Ended => "ended",
            Self::Quarantined => "quarantined",
        }
    }
}

/// What a figure counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Unit {
    /// Nanos of the advertiser's currency.
    Nanos,
    /// Nanos in an hour.
    NanosPerHour,
    /// One is all of it.
    Share,
    /// So many in an hour.
    PerHour,
    /// Minutes.
    Minutes,
    /// A factor on bids.
    Multiplier,
    /// So many.
    Count,
}

impl Unit {
    /// The word for it on the wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Nanos => "nanos",
            Self::NanosPerHour => "nanos_per_hour",
            Self::Share => "share",
            Self::PerHour => "per_hour",
            Self::Minutes => "minutes",
            Self::Multiplier => "multiplier",
            Self::Count => "count",
        }
    }
}

/// A number that speaks for a cause.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Figure {
    /// What it is.
    pub name: &'static str,
    /// How much; finite.
    pub value: f64,
    /// Of what.
    pub unit: Unit,
}

/// One cause.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Cause {
    /// Which.
    pub kind: CauseKind,
    /// How much it has to do with it: orders causes, 0 to 1.
    pub weight: f64,
    /// What speaks for it.
    pub figures: Vec<Figure>,
    /// What would help; absent where time alone does, or nothing that can be edited here.
    pub edit: Option<Edit>,
    /// What that would do; absent where nothing is edited or nothing can be told.
    pub effect: Option<Effect>,
}

/// Why a campaign delivers as it does.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Diagnosis {
    /// Which.
    pub campaign: CampaignId,
    /// When.
    pub now: Timestamp,
    /// The likeliest first; never none.
    pub causes: Vec<Cause>,
}

impl Diagnosis {
    /// The likeliest.
    #[must_use]
    pub fn first(&self) -> Option<&Cause> {
        self.causes.first()
    }

    /// Whether it does as it is meant to.
    #[must_use]
    pub fn is_healthy(&self) -> bool {
        self.first().is_some_and(|cause| cause.kind == CauseKind::OnPlan)
    }
}

#[cfg(test)]
mod tests;
