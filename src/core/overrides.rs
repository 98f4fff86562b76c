//! A person's hand on the wheel: pause, freeze, fix, cap; each with a reason and an end.
//!
//! Pause first; else the least of cap and (freeze or fix or law). The guard stands above every
//! hand. Called by the engine at each tick; the same check guards RPCs and scenario files.

use crate::budget::BudgetOwner;
use crate::campaign::SpecError;
use crate::units::{OverrideId, PacingMultiplier, ParticipationRate, Span, Timestamp};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Overrides in force at once; each is looked at on every tick.
pub const OVERRIDES_MAX: usize = 10_000;
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
        complaints.extend(self.action.check());
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

/// All hands on the wheel.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct OverrideSet {
    #[serde(with = "crate::pairs")]
    by_target: BTreeMap<BudgetOwner, Vec<Override>>,
}

/// What the hands on one campaign come to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Hands<'a> {
    /// No bids.
    pub pause: Option<&'a Override>,
    /// Keep what is published.
    pub freeze: Option<&'a Override>,
    /// Publish this.
    pub fix: Option<&'a Override>,
    /// Never more than this.
    pub cap: Option<&'a Override>,
}

impl Hands<'_> {
    /// Whether any hand moves what is published.
    #[must_use]
    pub fn is_held(&self) -> bool {
        self.pause.is_some() || self.freeze.is_some() || self.fix.is_some() || self.cap.is_some()
    }
}

impl OverrideSet {
    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.by_target.is_empty()
    }

    /// Every override, by target.
    pub fn iter(&self) -> impl Iterator<Item = &Override> {
        self.by_target.values().flatten()
    }

    /// Lays a hand on; one with the same target and action is replaced. Whether there was room.
    pub fn set(&mut self, hand: Override) -> bool {
        let is_same = |other: &Override| other.action.as_str() == hand.action.as_str();
        let count = self.iter().count();
        let hands = self.by_target.entry(hand.target).or_default();
        if let Some(place) = hands.iter().position(is_same) {
            hands[place] = hand;
            return true;
        }
        if count >= OVERRIDES_MAX {
            return false;
        }
        hands.push(hand);
        true
    }

    /// Takes a hand off; it, if there was one.
    pub fn clear(&mut self, id: OverrideId) -> Option<Override> {
        let mut found = None;
        self.by_target.retain(|_, hands| {
            if let Some(place) = hands.iter().position(|hand| hand.id == id) {
                found = Some(hands.remove(place));
            }
            !hands.is_empty()
        });
        found
    }

    /// Takes off what has run out.
    pub fn expire(&mut self, now: Timestamp) -> Vec<Override> {
        let mut expired = Vec::new();
        self.by_target.retain(|_, hands| {
            expired.extend(hands.extract_if(.., |hand| hand.expires_at <= now));
            !hands.is_empty()
        });
        expired
    }

    /// The hands on a campaign: its own, its group's, its advertiser's. Where several do the same,
    /// the one that allows least counts.
    #[must_use]
    pub fn on(&self, owners: impl IntoIterator<Item = BudgetOwner>) -> Hands<'_> {
        let mut hands = Hands::default();
        for hand in owners.into_iter().filter_map(|owner| self.by_target.get(&owner)).flatten() {
            let place = match hand.action {
                OverrideAction::Pause => &mut hands.pause,
                OverrideAction::Freeze => &mut hands.freeze,
                OverrideAction::Fix { .. } => &mut hands.fix,
                OverrideAction::Cap { .. } => &mut hands.cap,
            };
            if place.is_none_or(|held| hand.action.allows() < held.action.allows()) {
                *place = Some(hand);
            }
        }
        hands
    }
}

impl OverrideAction {
    /// What is no figure to publish: who wants no bids is to say so, and by a word that is told.
    fn check(&self) -> Option<SpecError> {
        match self {
            Self::Pause | Self::Freeze => None,
            Self::Fix { multiplier, .. } | Self::Cap { multiplier }
                if *multiplier == PacingMultiplier::ZERO =>
            {
                Some(SpecError::new("multiplier", "must be above 0; to stop bids, pause"))
            }
            Self::Fix { participation: Some(ParticipationRate::ZERO), .. } => {
                Some(SpecError::new("participation", "must be above 0; to stop bids, pause"))
            }
            Self::Fix { .. } | Self::Cap { .. } => None,
        }
    }

    /// The multiplier it states, to compare two of a kind.
    const fn allows(&self) -> u32 {
        match self {
            Self::Pause | Self::Freeze => 0,
            Self::Fix { multiplier, .. } | Self::Cap { multiplier } => multiplier.ppm().get(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::units::{CampaignId, GroupId, Ppm};

    fn hand(id: u64, target: BudgetOwner, action: OverrideAction, minutes: i64) -> Override {
        Override {
            id: OverrideId::from_key(id),
            target,
            action,
            reason: "a test".to_owned(),
            author: "us".to_owned(),
            set_at: Timestamp::MIN,
            expires_at: Timestamp::MIN + Span::from_mins(minutes),
        }
    }

    #[test]
    fn the_tightest_of_two_caps_counts_and_each_ends_by_itself() {
        let campaign = BudgetOwner::Campaign(CampaignId::of("c"));
        let group = BudgetOwner::Group(GroupId::of("g"));
        let cap = |ppm| OverrideAction::Cap {
            multiplier: PacingMultiplier::try_new(Ppm::new(ppm)).unwrap(),
        };
        let mut set = OverrideSet::default();
        assert!(set.set(hand(1, campaign, cap(500_000), 10)));
        assert!(set.set(hand(2, group, cap(200_000), 5)));
        let held = |set: &OverrideSet| set.on([campaign, group]).cap.map(|hand| hand.id.key());
        assert_eq!(held(&set), Some(2));
        assert_eq!(set.expire(Timestamp::MIN + Span::from_mins(5)).len(), 1);
        assert_eq!(held(&set), Some(1));
        assert!(set.clear(OverrideId::from_key(1)).is_some());
        assert!(set.is_empty());
    }

    #[test]
    fn an_override_needs_a_reason_an_author_and_an_end_in_sight() {
        let mut bad = hand(1, BudgetOwner::Campaign(CampaignId::of("c")), OverrideAction::Pause, 0);
        bad.reason.clear();
        bad.author = " ".to_owned();
        let fields: Vec<String> = bad.check().into_iter().map(|error| error.field).collect();
        assert_eq!(fields, ["reason", "author", "expires_at"]);
    }

    #[test]
    fn a_figure_of_zero_is_a_pause_by_another_name() {
        let multiplier = PacingMultiplier::ZERO;
        let half = PacingMultiplier::try_new(Ppm::new(500_000)).unwrap();
        let actions = [
            (OverrideAction::Fix { multiplier, participation: None }, Some("multiplier")),
            (OverrideAction::Cap { multiplier }, Some("multiplier")),
            (
                OverrideAction::Fix {
                    multiplier: half,
                    participation: Some(ParticipationRate::ZERO),
                },
                Some("participation"),
            ),
            (OverrideAction::Cap { multiplier: half }, None),
        ];
        for (action, field) in actions {
            let target = BudgetOwner::Campaign(CampaignId::of("c"));
            let found = hand(1, target, action, 5).check();
            assert_eq!(found.first().map(|error| error.field.as_str()), field, "{action:?}");
        }
    }
}
