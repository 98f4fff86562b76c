//! All that a diagnosis is made of: what the engine knows of a campaign at a moment.
//!
//! Filled by the engine; numbers and no state.

use crate::budget::{BudgetOwner, Horizon};
use crate::campaign::ReturnTarget;
use crate::forecast::Forecast;
use crate::overrides::OverrideAction;
use crate::pace::breaker::{BreakerScope, Trip};
use crate::report::Reason;
use crate::response::{Lift, Recent};
use crate::units::{Nanos, OverrideId, PacingMultiplier, Span, Timestamp};

/// Where a campaign stands in its flights.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// The first, or the next one, begins then.
    Before(Timestamp),
    /// In one.
    In,
    /// The last one ended then, or it was archived.
    Over(Timestamp),
    /// It is switched off.
    Off,
}

/// A hand on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Hand {
    /// Which.
    pub id: OverrideId,
    /// What it does.
    pub action: OverrideAction,
    /// When it ends by itself.
    pub expires_at: Timestamp,
}

/// A budget that is used up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SpentBudget {
    /// Whose.
    pub owner: BudgetOwner,
    /// Of which horizon.
    pub horizon: Horizon,
    /// How much it is.
    pub cap: Nanos,
    /// What is free of it.
    pub available: Nanos,
    /// When its window ends.
    pub ends: Timestamp,
}

/// Where its own plan stands.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Planned {
    /// In nanos a minute.
    pub rate: f64,
    /// Planned spend of 24 hours.
    pub day_budget: Nanos,
    /// All it places from now on.
    pub total: Nanos,
    /// What the caps leave no room for.
    pub unplaced: Nanos,
    /// The horizon whose cap is tight, and its cap.
    pub tight: Option<(Horizon, Nanos)>,
    /// The flight's budget and when the flight began.
    pub flight: Option<(Timestamp, Nanos)>,
}

/// A budget of its group or advertiser that holds it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Shared {
    /// Whose.
    pub owner: BudgetOwner,
    /// The horizon that is tight, and how much it is; absent where only a flight's budget is.
    pub tight: Option<(Horizon, Nanos)>,
}

/// How far it may bid.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Limits {
    /// ln(multiplier) as published.
    pub x: f64,
    /// Participation as published.
    pub participation: f64,
    /// ln of the most it may be.
    pub x_max: f64,
    /// The most it may be.
    pub multiplier_max: PacingMultiplier,
    /// From where it is to the most.
    pub to_most: Lift,
    /// From the most to as far as a raise is proposed.
    pub raise: Lift,
    /// The chance of winning at the most.
    pub at_most: Lift,
}

/// Everything known of a campaign.
#[derive(Debug, Clone, PartialEq)]
pub struct Case {
    /// When.
    pub now: Timestamp,
    /// Where in its flights.
    pub phase: Phase,
    /// Why its entry is what it is.
    pub reason: Reason,
    /// The campaign as an owner, for edits.
    pub own: BudgetOwner,
    /// Hands on it.
    pub hands: Vec<Hand>,
    /// Spend is not known for so long.
    pub silence: Span,
    /// So long that the laws hold.
    pub is_stale: bool,
    /// Set aside until then.
    pub quarantined_until: Option<Timestamp>,
    /// The budget that is used up.
    pub spent: Option<SpentBudget>,
    /// The brake's bound; one is released.
    pub brake: f64,
    /// The velocity breaker that holds it, and its trip.
    pub trip: Option<(BreakerScope, Trip)>,
    /// How far it may bid.
    pub limits: Limits,
    /// The last two hours.
    pub recent: Recent,
    /// Whether asks, bids and wins are reported.
    pub is_counted: bool,
    /// Its own plan; absent while nothing of its own bounds it.
    pub planned: Option<Planned>,
    /// What its flight will come to, or its day where the flight has no budget.
    pub forecast: Option<Forecast>,
    /// The shared budget whose law binds.
    pub shared: Option<Shared>,
    /// Its return target, ln of the most that it allows, and what was won over what it cost.
    pub returns: Option<(ReturnTarget, f64, f64)>,
    /// Mean price of an event in nanos; 0 if unknown.
    pub event_price: f64,
}

/// What is planned in two hours is compared with what was spent from so many minutes on.
const MINUTES_MIN: f64 = 30.0;
/// Less of the plan than this, beyond chance, is behind.
const BEHIND: f64 = 0.12;
/// More of a day's budget than this, beyond chance, is ahead.
const AHEAD: f64 = 0.018;
/// Deviations of chance that are no news.
const SIGMAS: f64 = 2.2;
/// Chance of money left over from which that is what will be.
const SHORT: f64 = 0.5;
/// As near to the most it may be as this is the most.
const NEAR_MOST: f64 = 0.06;

impl Case {
    /// Spend of late over what its plan had; nothing before there is enough to tell.
    #[must_use]
    pub fn pace(&self) -> Option<f64> {
        let known = self.recent.minutes >= MINUTES_MIN && self.recent.planned > 0.0;
        known.then(|| self.recent.spent / self.recent.planned)
    }

    /// Deviation of that by chance.
    fn chance(&self) -> f64 {
        let price = self.event_price.max(1.0);
        libm::sqrt((self.recent.planned / price).max(1.0) + 1.0) * price
    }

    /// Whether it spent more of late than its plan had, by more than chance.
    #[must_use]
    pub fn is_ahead(&self) -> bool {
        let Some(planned) = self.planned.filter(|_| self.pace().is_some()) else { return false };
        let more = self.recent.spent - self.recent.planned;
        more > (AHEAD * planned.day_budget.as_f64()).max(SIGMAS * self.chance())
    }

    /// Whether it spent less of late than its plan had, by more than chance, or will not spend its
    /// budget.
    #[must_use]
    pub fn is_behind(&self) -> bool {
        let less = self.recent.planned - self.recent.spent;
        let is_slow = self.pace().is_some()
            && less > (BEHIND * self.recent.planned).max(SIGMAS * self.chance());
        is_slow || self.short() > SHORT
    }

    /// Whether it spends less than its plan under a hand: with a reason at hand, less than chance
    /// would be news of without one.
    #[must_use]
    pub fn is_held_back(&self) -> bool {
        let less = self.recent.planned - self.recent.spent;
        let is_slow =
            self.pace().is_some() && less > (BEHIND * self.recent.planned).max(self.chance());
        is_slow || self.is_behind()
    }

    /// How likely money is left over.
    #[must_use]
    pub fn short(&self) -> f64 {
        self.forecast.and_then(|forecast| forecast.short).unwrap_or(0.0)
    }

    /// Whether it bids as high as it may.
    #[must_use]
    pub fn is_at_most(&self) -> bool {
        self.limits.x >= self.limits.x_max - NEAR_MOST && self.limits.participation >= 1.0
    }

    /// Spend of late in nanos a minute.
    #[must_use]
    pub fn rate(&self) -> f64 {
        if self.recent.minutes > 0.0 { self.recent.spent / self.recent.minutes } else { 0.0 }
    }

    /// What its plan spends, over what it spends: how many times as much it needs. At least one, at
    /// most a hundred.
    #[must_use]
    pub fn need(&self) -> f64 {
        let Some(planned) = self.planned else { return 1.0 };
        let planned = self.recent.planned.max(planned.rate * self.recent.minutes);
        let spent = self.recent.spent.max(0.5 * self.event_price).max(1.0);
        (planned / spent).clamp(1.0, 100.0)
    }
}
