//! What a group or an advertiser takes from its campaigns: how spend comes in, the traffic that is
//! expected, how far a multiplier may go.
//!
//! The fold over those that may still deliver, in order of entry. Done before the first round after
//! one was entered or edited or after the last flight of one has ended, not at every round.

use super::Engine;
use super::feed::Feed;
use super::owner::Owner;
use crate::campaign::CampaignSpec;
use crate::ledger::Slot;
use crate::pace::PacingLaw;
use crate::units::{PacingMultiplier, ShapeId, Timestamp};
use std::collections::BTreeMap;

/// The members of one owner, together.
struct Members {
    feed: Feed,
    shape: Option<ShapeId>,
    multiplier_max: PacingMultiplier,
}

impl Members {
    const NONE: Self =
        Self { feed: Feed::None, shape: None, multiplier_max: PacingMultiplier::ZERO };

    /// With one more. The first that names a shape decides it.
    fn with(&self, spec: &CampaignSpec) -> Self {
        Self {
            feed: self.feed.with(spec.spend_source),
            shape: self.shape.or(spec.shape),
            multiplier_max: self.multiplier_max.max(spec.multiplier_max),
        }
    }
}

impl<S> Owner<S> {
    fn take_members(&mut self, members: &Members) {
        self.is_edited |= self.shape != members.shape;
        self.feed = members.feed;
        self.shape = members.shape;
        self.multiplier_max = members.multiplier_max;
    }
}

impl<L: PacingLaw> Engine<L> {
    /// Brings groups and advertisers up to date with their members, if need be. One without any
    /// keeps what it had: it paces nobody.
    pub(super) fn fold_members(&mut self, now: Timestamp) {
        let state = &mut self.state;
        if now < state.members_until {
            return;
        }
        let mut folded: BTreeMap<Slot, Members> = BTreeMap::new();
        let mut until = Timestamp::MAX;
        for (slot, campaign) in state.campaigns.iter().enumerate() {
            let spec = &campaign.entered.spec;
            let Some(end) = spec.delivers_until(now) else { continue };
            until = until.min(end);
            // Its own owner is told by the edit itself.
            for owner in state.ledger.campaign(slot).owners.iter().skip(1) {
                let members = folded.entry(owner).or_insert(Members::NONE);
                *members = members.with(spec);
            }
        }
        for (slot, members) in &folded {
            state.owners[*slot].take_members(members);
        }
        state.members_until = until;
    }
}
