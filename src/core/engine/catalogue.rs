//! How advertisers, groups and campaigns enter the engine and are edited.
//!
//! A specification that breaks a rule changes nothing. What may never change is compared with what
//! is there.

use super::feed::Feed;
use super::learn::payer_of;
use super::{CampaignState, Engine, Owner, SHAPES_MAX};
use crate::budget::{BudgetOwner, Budgets};
use crate::campaign::{
    AdvertiserSpec, CampaignSpec, DeliveryMode, GroupSpec, LawChoice, SpecError,
};
use crate::input::{CatalogueChange, ShapeChange};
use crate::ledger::{Book, CampaignBook, OwnerSlots, Slot};
use crate::object::ObjectId;
use crate::pace::PacingLaw;
use crate::plan::TrafficShape;
use crate::units::{AdvertiserId, PacingMultiplier, ShapeId, Timestamp, ZoneId};

/// Complains where something that may not change has changed.
fn check_fixed<T: PartialEq>(complaints: &mut Vec<SpecError>, field: &str, old: &T, new: &T) {
    if old != new {
        complaints.push(SpecError::new(field, "may not change"));
    }
}

/// Complaints of one item of a list, under the item's path.
fn under(list: &str, index: usize, complaints: Vec<SpecError>) -> impl Iterator<Item = SpecError> {
    let path = format!("{list}[{index}]");
    complaints
        .into_iter()
        .map(move |error| SpecError::new(format!("{path}.{}", error.field), error.rule))
}

impl<L: PacingLaw> Engine<L> {
    /// All of the change or, when anything in it breaks a rule, none.
    pub(super) fn enter_catalogue(
        &mut self,
        now: Timestamp,
        change: &CatalogueChange,
    ) -> Result<(), Vec<SpecError>> {
        let complaints = self.check_catalogue(change);
        if !complaints.is_empty() {
            return Err(complaints);
        }
        for shape in &change.shapes {
            self.learn_shape(shape)?;
        }
        for spec in &change.advertisers {
            self.enter_advertiser(spec)?;
        }
        for spec in &change.groups {
            self.enter_group(spec)?;
        }
        for spec in &change.campaigns {
            self.enter_campaign(now, spec)?;
        }
        Ok(())
    }

    /// Every rule a change would break, under paths such as `campaigns[3].group`; empty when it
    /// would be taken.
    #[must_use]
    pub fn check_catalogue(&self, change: &CatalogueChange) -> Vec<SpecError> {
        let mut complaints = Vec::new();
        for (index, shape) in change.shapes.iter().enumerate() {
            complaints.extend(under("shapes", index, self.check_shape(shape)));
        }
        for (index, spec) in change.advertisers.iter().enumerate() {
            complaints.extend(under("advertisers", index, self.check_advertiser(spec)));
        }
        for (index, spec) in change.groups.iter().enumerate() {
            complaints.extend(under("groups", index, self.check_group(spec, change)));
        }
        for (index, spec) in change.campaigns.iter().enumerate() {
            complaints.extend(under("campaigns", index, self.check_campaign(spec, change)));
        }
        complaints
    }

    /// Every group.
    pub fn groups(&self) -> impl Iterator<Item = &GroupSpec> {
        self.state.groups.values().map(|(spec, _)| spec)
    }

    /// Every shape, as it would be entered.
    pub fn shapes(&self) -> impl Iterator<Item = ShapeChange> + '_ {
        self.state.shapes.keys().filter_map(|&id| self.shape_as_entered(id))
    }

    /// A shape, as it would be entered.
    #[must_use]
    pub fn shape_as_entered(&self, id: ShapeId) -> Option<ShapeChange> {
        let shape = self.state.shapes.get(&id)?;
        let name = self.state.shape_names.get(&id).cloned();
        Some(ShapeChange { id, name, weights: Vec::from(shape.clone()) })
    }

    fn check_shape(&self, change: &ShapeChange) -> Vec<SpecError> {
        let mut complaints = Vec::new();
        if let Err(error) = TrafficShape::try_new(change.weights.clone()) {
            complaints.push(SpecError::new("weights", error.to_string()));
        }
        let is_known = self.state.shapes.contains_key(&change.id);
        if !is_known && self.state.shapes.len() >= SHAPES_MAX {
            complaints.push(SpecError::new("id", "at most 10000 shapes are held"));
        }
        complaints
    }

    pub(super) fn learn_shape(&mut self, change: &ShapeChange) -> Result<(), Vec<SpecError>> {
        let complaints = self.check_shape(change);
        let Some(shape) =
            TrafficShape::try_new(change.weights.clone()).ok().filter(|_| complaints.is_empty())
        else {
            return Err(complaints);
        };
        let is_alike = self.state.shapes.get(&change.id) == Some(&shape);
        self.note_change(ObjectId::Shape(change.id), is_alike);
        self.state.shapes.insert(change.id, shape);
        if let Some(name) = &change.name {
            self.state.shape_names.insert(change.id, name.clone());
        }
        for owner in &mut self.state.owners {
            let is_its = [owner.shape, owner.terms.curve].contains(&Some(change.id));
            owner.is_edited |= is_its;
        }
        Ok(())
    }

    fn check_advertiser(&self, spec: &AdvertiserSpec) -> Vec<SpecError> {
        let mut complaints = spec.check();
        if let Some((known, _)) = self.state.advertisers.get(&spec.id) {
            check_fixed(&mut complaints, "name", &known.name, &spec.name);
            check_fixed(&mut complaints, "currency", &known.currency, &spec.currency);
        }
        complaints
    }

    pub(super) fn enter_advertiser(&mut self, spec: &AdvertiserSpec) -> Result<(), Vec<SpecError>> {
        let complaints = self.check_advertiser(spec);
        if !complaints.is_empty() {
            return Err(complaints);
        }
        let known = self.state.advertisers.get(&spec.id).map(|&(_, slot)| slot);
        let owner = BudgetOwner::Advertiser(spec.id);
        let slot = self.enter_shared(known, (owner, None), spec.zone, &spec.budgets);
        let is_alike = self.advertiser(spec.id) == Some(spec);
        self.note_change(ObjectId::Advertiser(spec.id), is_alike);
        let payer = &mut self.state.owners[slot];
        if payer.holidays != spec.holidays {
            payer.holidays.clone_from(&spec.holidays);
            // Whatever it pays for is planned anew with the next round.
            for owner in slot..self.state.owners.len() {
                let is_its = payer_of(&self.state.owners, owner) == slot;
                self.state.owners[owner].is_edited |= is_its;
            }
        }
        self.state.advertisers.insert(spec.id, (spec.clone(), slot));
        Ok(())
    }

    fn check_group(&self, spec: &GroupSpec, fresh: &CatalogueChange) -> Vec<SpecError> {
        let mut complaints = spec.check();
        if let Some((known, _)) = self.state.groups.get(&spec.id) {
            check_fixed(&mut complaints, "name", &known.name, &spec.name);
            check_fixed(&mut complaints, "advertiser", &known.advertiser, &spec.advertiser);
        }
        if !self.knows_advertiser(spec.advertiser, fresh) {
            complaints.push(SpecError::new("advertiser", "no such advertiser"));
        }
        complaints
    }

    fn knows_advertiser(&self, id: AdvertiserId, fresh: &CatalogueChange) -> bool {
        self.state.advertisers.contains_key(&id)
            || fresh.advertisers.iter().any(|advertiser| advertiser.id == id)
    }

    pub(super) fn enter_group(&mut self, spec: &GroupSpec) -> Result<(), Vec<SpecError>> {
        let complaints = self.check_group(spec, &CatalogueChange::default());
        if !complaints.is_empty() {
            return Err(complaints);
        }
        let (payer, parent) = &self.state.advertisers[&spec.advertiser];
        let (zone, parent) = (payer.zone, Some(*parent));
        let known = self.state.groups.get(&spec.id).map(|&(_, slot)| slot);
        let owner = BudgetOwner::Group(spec.id);
        let slot = self.enter_shared(known, (owner, parent), zone, &spec.budgets);
        let is_alike = self.group(spec.id) == Some(spec);
        self.note_change(ObjectId::Group(spec.id), is_alike);
        self.state.groups.insert(spec.id, (spec.clone(), slot));
        Ok(())
    }

    pub(super) fn enter_campaign(
        &mut self,
        now: Timestamp,
        spec: &CampaignSpec,
    ) -> Result<(), Vec<SpecError>> {
        let complaints = self.check_campaign(spec, &CatalogueChange::default());
        if !complaints.is_empty() {
            return Err(complaints);
        }
        let zone = self.state.advertisers[&spec.advertiser].0.zone;
        let is_alike = self.campaign(spec.id) == Some(spec);
        self.note_change(ObjectId::Campaign(spec.id), is_alike);
        if let Some(slot) = self.state.ledger.slot_of(spec.id) {
            self.edit_campaign(slot, zone, spec);
        } else {
            self.open_campaign(now, zone, spec);
        }
        // Group and advertiser see it before the next round.
        self.state.members_until = Timestamp::MIN;
        Ok(())
    }

    fn check_campaign(&self, spec: &CampaignSpec, fresh: &CatalogueChange) -> Vec<SpecError> {
        let mut complaints = spec.check();
        if !self.knows_advertiser(spec.advertiser, fresh) {
            complaints.push(SpecError::new("advertiser", "no such advertiser"));
        }
        if let Some(id) = spec.group {
            let fresh = fresh.groups.iter().find(|group| group.id == id);
            match fresh.or(self.state.groups.get(&id).map(|(group, _)| group)) {
                None => complaints.push(SpecError::new("group", "no such group")),
                Some(group) if group.advertiser != spec.advertiser => {
                    complaints.push(SpecError::new("group", "belongs to another advertiser"));
                }
                Some(_) => {}
            }
        }
        let knows_shape = |id: &ShapeId| {
            self.state.shapes.contains_key(id) || fresh.shapes.iter().any(|shape| shape.id == *id)
        };
        for (field, named) in [("shape", spec.shape), ("curve", spec.terms.curve)] {
            if named.is_some_and(|shape| !knows_shape(&shape)) {
                complaints.push(SpecError::new(field, "no such shape"));
            }
        }
        if let Some(slot) = self.state.ledger.slot_of(spec.id) {
            let known = &self.state.campaigns[slot].entered.spec;
            check_fixed(&mut complaints, "name", &known.name, &spec.name);
            check_fixed(&mut complaints, "advertiser", &known.advertiser, &spec.advertiser);
            check_fixed(&mut complaints, "group", &known.group, &spec.group);
        }
        complaints
    }

    fn open_campaign(&mut self, now: Timestamp, zone: ZoneId, spec: &CampaignSpec) {
        let owner = BudgetOwner::Campaign(spec.id);
        let own = self.state.ledger.open_book(Book::new(owner, zone, spec.budgets.clone()));
        let (law, delivery) = (spec.law, spec.delivery);
        let mut opened = Owner::new(owner, zone, delivery, law, spec.shape, spec.multiplier_max);
        opened.terms = spec.terms;
        opened.feed = Feed::None.with(spec.spend_source);
        let group = spec.group.map(|group| self.state.groups[&group].1);
        let advertiser = self.state.advertisers[&spec.advertiser].1;
        opened.parent = group.or(Some(advertiser));
        self.state.owners.push(opened);
        let owners = OwnerSlots::new(own, group, advertiser);
        let book = CampaignBook::new(owners, spec.spend_source, spec.refund_policy, spec.billing);
        let slot = self.state.ledger.enter_campaign(spec.id, book);
        for owner in owners.iter() {
            self.state.owners[owner].members += 1;
        }
        assert!(slot == self.state.campaigns.len(), "a campaign has one slot in all columns");
        self.state.campaigns.push(CampaignState::new(now, spec.clone()));
    }

    fn edit_campaign(&mut self, slot: Slot, zone: ZoneId, spec: &CampaignSpec) {
        let book = self.state.ledger.campaign_mut(slot);
        book.source = spec.spend_source;
        book.refunds = spec.refund_policy;
        book.billing = spec.billing;
        let own = book.owners.own();
        self.edit_owner(own, zone, &spec.budgets);
        let owner = &mut self.state.owners[own];
        owner.is_edited |= owner.delivery != spec.delivery
            || owner.shape != spec.shape
            || owner.terms != spec.terms;
        owner.terms = spec.terms;
        owner.delivery = spec.delivery;
        owner.law = spec.law;
        owner.shape = spec.shape;
        owner.multiplier_max = spec.multiplier_max;
        owner.feed = Feed::None.with(spec.spend_source);
        self.state.campaigns[slot].edit(spec.clone());
    }

    /// A group's or advertiser's own place: edited, or opened.
    fn enter_shared(
        &mut self,
        known: Option<Slot>,
        (owner, parent): (BudgetOwner, Option<Slot>),
        zone: ZoneId,
        budgets: &Budgets,
    ) -> Slot {
        if let Some(slot) = known {
            self.edit_owner(slot, zone, budgets);
            return slot;
        }
        let (delivery, law) = (DeliveryMode::Even, LawChoice::LogPid);
        let mut opened = Owner::new(owner, zone, delivery, law, None, PacingMultiplier::ONE);
        opened.parent = parent;
        self.state.owners.push(opened);
        self.state.ledger.open_book(Book::new(owner, zone, budgets.clone()))
    }

    fn edit_owner(&mut self, slot: Slot, zone: ZoneId, budgets: &Budgets) {
        let book = self.state.ledger.book_mut(slot);
        let owner = &mut self.state.owners[slot];
        if book.budgets() != budgets || book.zone != zone {
            book.edit(self.state.now, zone, budgets.clone());
            owner.is_edited = true;
        }
        owner.zone = zone;
    }
}
