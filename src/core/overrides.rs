//! A person's hand on the wheel: pause, freeze, fix, cap; each with a reason and an end.
//!
//! Pause first; else the least of cap and (freeze or fix or law). The guard stands above every
//! hand. Called by the engine at each tick; the same check guards RPCs and scenario files.

use crate::budget::BudgetOwner;
use crate::campaign::SpecError;
use crate::units::{OverrideId, PacingMultiplier, ParticipationRate, Span, Timestamp};
use serde::{Deserialize, Serialize};

/// The longest an override may last: a hand that nobody remembers is a fault.
pub const OVERRIDE_SPAN_MAX: Span = Span::DAY.times(90);
/// The longest reason.
pub const REASON_BYTES_MAX: usize = 500;

/// What a hand does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OverrideAction {
    /// No bids.
    Pause,
    /// Keep what is published now.
    Freeze,
    /// Publish exactly this.
    Fix {
        /// At most the campaign's maximum.
        multiplier: PacingMultiplier,
        /// Kept as it is when absent.
        participation: Option<ParticipationRate>,
    },
    /// Never publish more than this.
    Cap {
        /// At most the campaign's maximum.
        multiplier: PacingMultiplier,
    },
}

impl OverrideAction {
    /// The word for it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pause => "pause",
            Self::Freeze => "freeze",
            Self::Fix { .. } => "fix",
            Self::Cap { .. } => "cap",
        }
    }
}

/// A person's decision.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Override {
    /// Given once.
    pub id: OverrideId,
    /// One campaign, or all of a group or advertiser.
    pub target: BudgetOwner,
    /// What it does.
    pub action: OverrideAction,
    /// Why.
    pub reason: String,
    /// Who.
    pub author: String,
    /// From when, as the service saw it.
    pub set_at: Timestamp,
    /// Ends by itself.
    pub expires_at: Timestamp,
}

impl Override {
    /// Every rule it breaks by itself; empty when it is sound.
    #[must_use]
    pub fn check(&self) -> Vec<SpecError> {
        let mut complaints = Vec::new();
        if self.reason.trim().is_empty() {
            complaints.push(SpecError::new("reason", "an override needs a reason"));
        }
        if self.reason.len() > REASON_BYTES_MAX {
            complaints.push(SpecError::new("reason", "at most 500 bytes"));
        }
        if self.author.trim().is_empty() {
            complaints.push(SpecError::new("author", "an override needs an author"));
        }
        if self.expires_at <= self.set_at {
            complaints.push(SpecError::new("expires_at", "must be after now"));
        }
        if self.expires_at - self.set_at > OVERRIDE_SPAN_MAX {
            complaints.push(SpecError::new("expires_at", "at most 90 days ahead"));
        }
        complaints
    }
}

/// A hand laid on or taken off.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OverrideChange {
    /// Lay on, or replace the one with the same target and action.
    Set(Override),
    /// Take off.
    Clear {
        /// Which.
        id: OverrideId,
        /// Who takes it off.
        author: String,
    },
}
