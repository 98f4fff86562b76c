//! How advertisers, groups and campaigns enter the engine and are edited.
//!
//! A specification that breaks a rule changes nothing. What may never change is compared with what
//! is there.

use super::{CampaignState, Engine, Owner};
use crate::budget::{BudgetOwner, Budgets};
use crate::campaign::{
    AdvertiserSpec, CampaignSpec, DeliveryMode, GroupSpec, LawChoice, SpecError,
};
use crate::ledger::{Book, CampaignBook, Slot};
use crate::pace::PacingLaw;
use crate::units::{PacingMultiplier, Timestamp, ZoneId};

/// Complains where something that may not change has changed.
fn check_fixed<T: PartialEq>(complaints: &mut Vec<SpecError>, field: &str, old: &T, new: &T) {
    if old != new {
        complaints.push(SpecError::new(field, "may not change"));
    }
}

impl<L: PacingLaw> Engine<L> {
    pub(super) fn enter_advertiser(&mut self, spec: &AdvertiserSpec) -> Result<(), Vec<SpecError>> {
        let mut complaints = spec.check();
        let known = self.state.advertisers.get(&spec.id);
        if let Some((known, _)) = known {
            check_fixed(&mut complaints, "name", &known.name, &spec.name);
            check_fixed(&mut complaints, "currency", &known.currency, &spec.currency);
        }
        if !complaints.is_empty() {
            return Err(complaints);
        }
        let slot = match known {
            Some(&(_, slot)) => {
                self.edit_owner(slot, spec.zone, &spec.budgets);
                slot
            }
            None => self.open_shared(BudgetOwner::Advertiser(spec.id), spec.zone, &spec.budgets),
        };
        self.state.advertisers.insert(spec.id, (spec.clone(), slot));
        Ok(())
    }

    pub(super) fn enter_group(&mut self, spec: &GroupSpec) -> Result<(), Vec<SpecError>> {
        let mut complaints = spec.check();
        let known = self.state.groups.get(&spec.id);
        if let Some((known, _)) = known {
            check_fixed(&mut complaints, "name", &known.name, &spec.name);
            check_fixed(&mut complaints, "advertiser", &known.advertiser, &spec.advertiser);
        }
        let advertiser = self.state.advertisers.get(&spec.advertiser);
        let Some((advertiser, _)) = advertiser.filter(|_| complaints.is_empty()) else {
            if advertiser.is_none() {
                complaints.push(SpecError::new("advertiser", "no such advertiser"));
            }
            return Err(complaints);
        };
        let zone = advertiser.zone;
        let slot = match known {
            Some(&(_, slot)) => {
                self.edit_owner(slot, zone, &spec.budgets);
                slot
            }
            None => self.open_shared(BudgetOwner::Group(spec.id), zone, &spec.budgets),
        };
        self.state.groups.insert(spec.id, (spec.clone(), slot));
        Ok(())
    }

    pub(super) fn enter_campaign(
        &mut self,
        now: Timestamp,
        spec: &CampaignSpec,
    ) -> Result<(), Vec<SpecError>> {
        let complaints = self.check_campaign(spec);
        if !complaints.is_empty() {
            return Err(complaints);
        }
        let zone = self.state.advertisers[&spec.advertiser].0.zone;
        if let Some(&slot) = self.state.campaign_slots.get(&spec.id) {
            self.edit_campaign(slot, zone, spec);
        } else {
            self.open_campaign(now, zone, spec);
        }
        let slot = self.state.campaign_slots[&spec.id];
        for owner in self.state.ledger.campaign(slot).owners.clone() {
            let owner = &mut self.state.owners[owner];
            owner.multiplier_max = owner.multiplier_max.max(spec.multiplier_max);
            owner.shape = owner.shape.or(spec.shape);
        }
        Ok(())
    }

    fn check_campaign(&self, spec: &CampaignSpec) -> Vec<SpecError> {
        let mut complaints = spec.check();
        if !self.state.advertisers.contains_key(&spec.advertiser) {
            complaints.push(SpecError::new("advertiser", "no such advertiser"));
        }
        match spec.group.map(|group| self.state.groups.get(&group)) {
            Some(None) => complaints.push(SpecError::new("group", "no such group")),
            Some(Some((group, _))) if group.advertiser != spec.advertiser => {
                complaints.push(SpecError::new("group", "belongs to another advertiser"));
            }
            Some(Some(_)) | None => {}
        }
        if spec.shape.is_some_and(|shape| !self.state.shapes.contains_key(&shape)) {
            complaints.push(SpecError::new("shape", "no such shape"));
        }
        if let Some(&slot) = self.state.campaign_slots.get(&spec.id) {
            let known = &self.state.campaigns[slot].spec;
            check_fixed(&mut complaints, "name", &known.name, &spec.name);
            check_fixed(&mut complaints, "advertiser", &known.advertiser, &spec.advertiser);
            check_fixed(&mut complaints, "group", &known.group, &spec.group);
        }
        complaints
    }

    fn open_campaign(&mut self, now: Timestamp, zone: ZoneId, spec: &CampaignSpec) {
        let owner = BudgetOwner::Campaign(spec.id);
        let own = self.state.ledger.open_book(Book::new(owner, zone, spec.budgets.clone()));
        self.state.owners.push(Owner::new(
            owner,
            zone,
            spec.delivery,
            spec.law,
            spec.shape,
            spec.multiplier_max,
        ));
        let group = spec.group.map(|group| self.state.groups[&group].1);
        let advertiser = self.state.advertisers[&spec.advertiser].1;
        let owners: Vec<Slot> =
            [Some(own), group, Some(advertiser)].into_iter().flatten().collect();
        let book =
            CampaignBook::new(owners.clone(), spec.spend_source, spec.refund_policy, spec.billing);
        let slot = self.state.ledger.enter_campaign(spec.id, book);
        for owner in owners {
            self.state.owners[owner].members.push(slot);
        }
        self.state.campaigns.push(CampaignState::new(now, spec.clone()));
        self.state.campaign_slots.insert(spec.id, slot);
    }

    fn edit_campaign(&mut self, slot: Slot, zone: ZoneId, spec: &CampaignSpec) {
        let book = self.state.ledger.campaign_mut(slot);
        book.source = spec.spend_source;
        book.refunds = spec.refund_policy;
        book.billing = spec.billing;
        let own = book.owners[0];
        self.edit_owner(own, zone, &spec.budgets);
        let owner = &mut self.state.owners[own];
        owner.is_edited |= owner.delivery != spec.delivery || owner.shape != spec.shape;
        owner.delivery = spec.delivery;
        owner.law = spec.law;
        owner.shape = spec.shape;
        owner.multiplier_max = spec.multiplier_max;
        self.state.campaigns[slot].spec = spec.clone();
    }

    fn open_shared(&mut self, owner: BudgetOwner, zone: ZoneId, budgets: &Budgets) -> Slot {
        self.state.owners.push(Owner::new(
            owner,
            zone,
            DeliveryMode::Even,
            LawChoice::LogPid,
            None,
            PacingMultiplier::ONE,
        ));
        self.state.ledger.open_book(Book::new(owner, zone, budgets.clone()))
    }

    fn edit_owner(&mut self, slot: Slot, zone: ZoneId, budgets: &Budgets) {
        let book = self.state.ledger.book_mut(slot);
        let owner = &mut self.state.owners[slot];
        if book.budgets() != budgets || book.zone != zone {
            book.edit(zone, budgets.clone());
            owner.is_edited = true;
        }
        owner.zone = zone;
    }
}
