//! What an edit would do: where campaigns stand before and after it, and what they will spend.
//!
//! Data alone. Made by the engine from a copy of its state; shown by the service and by the
//! simulator's study.

use crate::budget::{BudgetOwner, Horizon};
use crate::feasibility::Feasibility;
use crate::forecast::Forecast;
use crate::report::Reason;
use crate::table::EntryState;
use crate::units::CampaignId;
use serde::Serialize;

/// Campaigns told of in one preview; more are only counted.
pub const PREVIEW_MAX: usize = 1_000;

/// Where a campaign stands, and where it is going.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Bearing {
    /// What it is doing; absent before its first round.
    pub state: Option<EntryState>,
    /// Why.
    pub reason: Reason,
    /// Where its multiplier is going, in `[0, 4]`.
    pub multiplier: f64,
    /// Where its participation is going, 0 to 1.
    pub participation: f64,
    /// The budgets that decide how much is planned now, its own owner's first.
    pub tight: Vec<(BudgetOwner, Horizon)>,
    /// Spend of the hour ahead, of the 24 hours ahead and of the rest of the flight, each no longer
    /// than the flight: bands that hold four times in five. Of the flight, the budget is what is
    /// left of it, and the chance that of money left over. None while it has no plan.
    pub ahead: Vec<Forecast>,
}

impl Bearing {
    /// Spend ahead over one of the three horizons: hour, day or flight.
    #[must_use]
    pub fn over(&self, horizon: Horizon) -> Option<&Forecast> {
        self.ahead.iter().find(|forecast| forecast.horizon == horizon)
    }
}

/// What an edit would do to one campaign.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct CampaignPreview {
    /// Which.
    pub campaign: CampaignId,
    /// As things are; absent for one that the edit makes.
    pub before: Option<Bearing>,
    /// With the edit.
    pub after: Bearing,
    /// It asks for bids beyond what has been seen: the bands say what is usual of markets.
    pub is_beyond: bool,
}

/// What an edit would do.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub struct Preview {
    /// Campaigns that it touches, by name or by a budget that they share; at most [`PREVIEW_MAX`].
    pub campaigns: Vec<CampaignPreview>,
    /// Touched beyond those.
    pub others: usize,
    /// What of it cannot come true.
    pub feasibility: Feasibility,
}
