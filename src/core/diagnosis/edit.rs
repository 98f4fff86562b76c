//! Edits that a diagnosis proposes, and what they would do.
//!
//! An edit says what to change and to what, no more; the engine makes the input of it.

use crate::budget::{BudgetOwner, Horizon};
use crate::campaign::ReturnTarget;
use crate::forecast::Forecast;
use crate::units::{Nanos, OverrideId, PacingMultiplier, Timestamp};
use serde::Serialize;

/// What would help.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Edit {
    /// Another budget for a flight.
    Budget {
        /// Whose.
        owner: BudgetOwner,
        /// The flight that begins then.
        start: Timestamp,
        /// How much, in nanos.
        to: Nanos,
    },
    /// Another cap.
    Cap {
        /// Whose.
        owner: BudgetOwner,
        /// On which horizon.
        horizon: Horizon,
        /// How much, in nanos.
        to: Nanos,
    },
    /// A higher top of the multiplier's range: bids may go higher by as much.
    MultiplierMax {
        /// The most from then on.
        to: PacingMultiplier,
    },
    /// Results may cost more.
    Returns {
        /// The target from then on.
        to: ReturnTarget,
    },
    /// A hand is taken off.
    Release {
        /// Which.
        hand: OverrideId,
    },
    /// It is switched on again.
    Activate,
    /// More traffic is made eligible: segments, regions, times. Not edited here, but where the
    /// campaign's targeting is.
    Widen {
        /// How many times as much; above one.
        times: f64,
    },
}

impl Edit {
    /// The word for it in reports and on the wire.
    #[must_use]
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Budget { .. } => "budget",
            Self::Cap { .. } => "cap",
            Self::MultiplierMax { .. } => "multiplier_max",
            Self::Returns { .. } => "returns",
            Self::Release { .. } => "release",
            Self::Activate => "activate",
            Self::Widen { .. } => "widen",
        }
    }
}

/// What an edit would do to spend in the 24 hours ahead, or to the end of the flight if that is
/// sooner.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Effect {
    /// As things are: spend from now on; the band holds four times in five.
    pub without: Forecast,
    /// With the edit.
    pub with: Forecast,
    /// It asks for bids beyond what has been seen: the band says what is usual of markets.
    pub is_beyond: bool,
}
