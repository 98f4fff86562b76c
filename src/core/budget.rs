//! Budgets: an amount over a window, and who draws on it.
//!
//! An owner's budgets (flight, calendar month, local day, hour) are nested by the planner into one
//! curve; each has an account of its own in the ledger and a hard cap of its own in the guard.

use crate::units::{AdvertiserId, CampaignId, GroupId, Nanos, Window};
use serde::{Deserialize, Serialize};
use std::fmt;

/// Over what stretch of time an amount may be spent, longest last.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Horizon {
    /// A local hour.
    Hour,
    /// A local day of 23, 24 or 25 hours.
    Day,
    /// A local calendar month.
    Month,
    /// The flight itself.
    Flight,
}

impl Horizon {
    /// Every horizon, shortest first.
    pub const ALL: [Self; 4] = [Self::Hour, Self::Day, Self::Month, Self::Flight];

    /// The word for it in reports and on the wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Hour => "hour",
            Self::Day => "day",
            Self::Month => "month",
            Self::Flight => "flight",
        }
    }
}

/// Who owns a budget, and so a law.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BudgetOwner {
    /// One campaign.
    Campaign(CampaignId),
    /// The campaigns of a group together.
    Group(GroupId),
    /// All campaigns of an advertiser together.
    Advertiser(AdvertiserId),
}

impl fmt::Display for BudgetOwner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Campaign(id) => write!(f, "campaign {id}"),
            Self::Group(id) => write!(f, "group {id}"),
            Self::Advertiser(id) => write!(f, "advertiser {id}"),
        }
    }
}

/// The most that may be spent in every window of a horizon. [`Horizon::Flight`] is not used here:
/// a flight states its own budget.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cap {
    /// Hour, day or month.
    pub horizon: Horizon,
    /// Above zero.
    pub amount: Nanos,
}

/// A dated budget period in UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Flight {
    /// When it may deliver.
    pub window: Window,
    /// What it may spend in all; absent when only caps bind it.
    pub budget: Option<Nanos>,
}

/// All budgets of one owner.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Budgets {
    /// In order of start, not overlapping. An advertiser or group without flights has its caps
    /// alone, for as long as its campaigns deliver.
    pub flights: Vec<Flight>,
    /// At most one for each of hour, day and month.
    pub caps: Vec<Cap>,
}

impl Budgets {
    /// Whether the owner bounds anything at all; one that does not has no law.
    #[must_use]
    pub fn is_bounded(&self) -> bool {
        !self.caps.is_empty() || self.flights.iter().any(|flight| flight.budget.is_some())
    }

    /// The cap on a horizon.
    #[must_use]
    pub fn cap(&self, horizon: Horizon) -> Option<Nanos> {
        self.caps.iter().find(|cap| cap.horizon == horizon).map(|cap| cap.amount)
    }
}
