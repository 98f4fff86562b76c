//! A copy of the engine that knows some advertisers and all they own, and nobody else.
//!
//! Nothing crosses from one advertiser to another, so that such a copy decides for its campaigns
//! what the engine would. Owners of others are passed over; shapes and hands come along. It has no
//! bidders and issues no allowances: it is asked what would be, and thrown away. Called by
//! diagnoses and previews.

use super::learn::payer_of;
use super::{CampaignState, Engine, EngineState, Reports};
use crate::budget::BudgetOwner;
use crate::ledger::{OwnerSlots, Slot};
use crate::notice::Notices;
use crate::pace::PacingLaw;
use crate::table::{Lease, MultiplierTable};
use crate::units::{AdvertiserId, Timestamp};
use std::collections::{BTreeMap, BTreeSet};

impl<L: PacingLaw + Clone> Engine<L> {
    /// Who pays for what this owner buys.
    pub(super) fn advertiser_of(&self, owner: BudgetOwner) -> Option<AdvertiserId> {
        match owner {
            BudgetOwner::Advertiser(id) => Some(id),
            BudgetOwner::Group(id) => Some(self.state.groups.get(&id)?.0.advertiser),
            BudgetOwner::Campaign(id) => {
                let slot = self.state.ledger.slot_of(id)?;
                Some(self.state.campaigns[slot].entered.spec.advertiser)
            }
        }
    }

    /// The copy. Owners and campaigns keep their order, in which groups and advertisers come before
    /// their campaigns.
    pub(super) fn excerpt(&self, payers: &BTreeSet<AdvertiserId>) -> Self {
        let state = &self.state;
        let slots: BTreeSet<Slot> =
            payers.iter().filter_map(|id| Some(state.advertisers.get(id)?.1)).collect();
        let is_kept = |&slot: &Slot| slots.contains(&payer_of(&state.owners, slot));
        let kept: Vec<Slot> = (0..state.owners.len()).filter(is_kept).collect();
        let moved: BTreeMap<Slot, Slot> =
            kept.iter().enumerate().map(|(place, &slot)| (slot, place)).collect();
        let is_theirs =
            |campaign: &CampaignState| payers.contains(&campaign.entered.spec.advertiser);
        let campaigns: Vec<Slot> =
            (0..state.campaigns.len()).filter(|&slot| is_theirs(&state.campaigns[slot])).collect();
        let copied = campaigns.iter().map(|&slot| {
            let mut campaign = state.campaigns[slot].clone();
            campaign.binding = campaign.binding.and_then(|owner| moved.get(&owner).copied());
            campaign
        });
        let copied: Vec<CampaignState> = copied.collect();
        let named = campaigns.iter().map(|&slot| (state.campaigns[slot].entered.terms.id, slot));
        let named: Vec<_> = named.collect();
        let to_new = |slots: OwnerSlots| slots.moved(|slot| moved[&slot]);
        let to_copy = |&slot: &Slot| {
            let mut owner = state.owners[slot].clone();
            owner.parent = owner.parent.and_then(|parent| moved.get(&parent).copied());
            owner
        };
        let lease = Lease { valid_until: Timestamp::MIN, grace_until: Timestamp::MIN };
        let state = EngineState {
            now: state.now,
            generation: state.generation,
            learning_until: state.learning_until,
            led_from: state.led_from,
            pruned_at: state.pruned_at,
            advertisers: entries(&state.advertisers, &moved, |spec| payers.contains(&spec.id)),
            groups: entries(&state.groups, &moved, |spec| payers.contains(&spec.advertiser)),
            campaigns: copied,
            owners: kept.iter().map(to_copy).collect(),
            members_until: state.members_until,
            days: state.days.clone(),
            shapes: state.shapes.clone(),
            everybody: state.everybody.clone(),
            // Nobody reports asks to a copy: there is nothing to learn.
            learn_at: Timestamp::MAX,
            shape_names: state.shape_names.clone(),
            // Edits that are tried rest on no generation.
            generations: BTreeMap::new(),
            ledger: state.ledger.excerpt(self.config.ledger, &kept, &named, to_new),
            event_sources: state.event_sources.clone(),
            counter_sources: state.counter_sources.clone(),
            reports: Reports::default(),
            bidders: BTreeMap::new(),
            overrides: state.overrides.clone(),
            grants: BTreeMap::new(),
            claimed: BTreeSet::new(),
            table: MultiplierTable::empty(self.config.partition, lease),
            shading: None,
            fleets: state.fleets.clone(),
            aside: state.aside.clone(),
            // A copy tells nobody.
            notices: Notices::default(),
        };
        Self { config: self.config.clone(), state, flat: self.flat.clone() }
    }
}

/// Specifications that are kept, with their slots in the copy.
fn entries<K: Ord + Copy, T: Clone>(
    all: &BTreeMap<K, (T, Slot)>,
    moved: &BTreeMap<Slot, Slot>,
    is_kept: impl Fn(&T) -> bool,
) -> BTreeMap<K, (T, Slot)> {
    let kept = all.iter().filter(|(_, (spec, _))| is_kept(spec));
    kept.map(|(id, (spec, slot))| (*id, (spec.clone(), moved[slot]))).collect()
}
