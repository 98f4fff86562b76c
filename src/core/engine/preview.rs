//! What an edit would do, tried on a copy: the same checks, the same plan, the same round.
//!
//! Changes nothing. Called by whoever wants to know before the edit is made.

use super::projection::Stood;
use super::{Applied, Engine};
use crate::budget::BudgetOwner;
use crate::campaign::SpecError;
use crate::diagnosis::{Edit, Effect};
use crate::feasibility::Feasibility;
use crate::input::{CatalogueChange, Input};
use crate::ledger::Slot;
use crate::overrides::OverrideChange;
use crate::pace::PacingLaw;
use crate::preview::{CampaignPreview, PREVIEW_MAX, Preview};
use crate::units::{AdvertiserId, CampaignId};
use std::collections::BTreeSet;

/// Campaigns of an advertiser, ended ones too, up to which an edit is tried for an explanation: the
/// copy holds all of them, and whoever explains a campaign must not keep the next round waiting.
const TRIED_MAX: u32 = 1_000;

impl<L: PacingLaw + Clone> Engine<L> {
    /// What these edits would do, all of them one after the other: catalogue and overrides. Others
    /// change nothing that can be foreseen.
    ///
    /// # Errors
    /// The rules that an edit breaks.
    pub fn preview(&self, edits: &[Input]) -> Result<Preview, Vec<SpecError>> {
        let touched = self.all_touched(edits);
        let payers = self.payers(&touched, edits);
        let copy = self.excerpt(&payers).edited(edits)?;
        let is_touched = |slot: Slot| {
            let owners = copy.state.ledger.campaign(slot).owners;
            owners.iter().any(|owner| touched.contains(&copy.state.owners[owner].owner))
        };
        let slots: Vec<Slot> =
            (0..copy.state.campaigns.len()).filter(|&slot| is_touched(slot)).collect();
        let told = slots.iter().take(PREVIEW_MAX).map(|&slot| {
            let campaign = copy.state.campaigns[slot].entered.terms.id;
            let stood = self.stood(campaign);
            let before = self.state.ledger.slot_of(campaign);
            let (after, is_beyond) = copy.course_of(slot, &stood);
            let before = before.map(|slot| self.course_of(slot, &stood).0);
            CampaignPreview { campaign, before, after, is_beyond }
        });
        let campaigns: Vec<CampaignPreview> = told.collect();
        let feasibility = self.feasibility_of(edits);
        Ok(Preview { others: slots.len() - campaigns.len(), campaigns, feasibility })
    }

    /// What of these edits cannot come true, all of them together.
    fn feasibility_of(&self, edits: &[Input]) -> Feasibility {
        let mut all = CatalogueChange::default();
        let mut calendars = Vec::new();
        for edit in edits {
            match edit {
                Input::Advertiser(spec) => all.advertisers.push(spec.clone()),
                Input::Group(spec) => all.groups.push(spec.clone()),
                Input::Campaign(spec) => all.campaigns.push(spec.clone()),
                Input::Shape(shape) => all.shapes.push(shape.clone()),
                Input::Catalogue(change) => {
                    all.shapes.extend_from_slice(&change.shapes);
                    all.advertisers.extend_from_slice(&change.advertisers);
                    all.groups.extend_from_slice(&change.groups);
                    all.campaigns.extend_from_slice(&change.campaigns);
                }
                Input::Calendar(change) => calendars.push(change),
                _ => {}
            }
        }
        self.feasibility(&all, &calendars)
    }

    /// A copy of all that these edits could move, whose [`Self::preview`] of them is the same: for
    /// whoever must not keep the next round waiting while many campaigns are looked at.
    #[must_use]
    pub fn for_preview(&self, edits: &[Input]) -> Self {
        self.excerpt(&self.payers(&self.all_touched(edits), edits))
    }

    fn all_touched(&self, edits: &[Input]) -> BTreeSet<BudgetOwner> {
        let mut touched = BTreeSet::new();
        for edit in edits {
            self.touched(edit, &mut touched);
        }
        touched
    }

    /// A copy in which the edits have been made and a round has been held.
    fn edited(mut self, edits: &[Input]) -> Result<Self, Vec<SpecError>> {
        for edit in edits {
            if let Applied::Refused(complaints) = self.apply(self.state.now, edit) {
                return Err(complaints);
            }
        }
        let _ = self.tick(self.state.now);
        Ok(self)
    }

    /// A copy to try edits of a campaign on; nothing when its advertiser has too many others.
    pub(super) fn trial_of(&self, slot: Slot) -> Option<Self> {
        let payer = self.state.campaigns[slot].entered.spec.advertiser;
        let (_, advertiser) = self.state.advertisers.get(&payer)?;
        let is_small = self.state.owners[*advertiser].members <= TRIED_MAX;
        is_small.then(|| self.excerpt(&BTreeSet::from([payer])))
    }

    /// Owners that an edit names.
    fn touched(&self, edit: &Input, owners: &mut BTreeSet<BudgetOwner>) {
        match edit {
            Input::Advertiser(spec) => _ = owners.insert(BudgetOwner::Advertiser(spec.id)),
            Input::Group(spec) => _ = owners.insert(BudgetOwner::Group(spec.id)),
            Input::Campaign(spec) => _ = owners.insert(BudgetOwner::Campaign(spec.id)),
            Input::Catalogue(CatalogueChange { advertisers, groups, campaigns, .. }) => {
                owners.extend(advertisers.iter().map(|spec| BudgetOwner::Advertiser(spec.id)));
                owners.extend(groups.iter().map(|spec| BudgetOwner::Group(spec.id)));
                owners.extend(campaigns.iter().map(|spec| BudgetOwner::Campaign(spec.id)));
            }
            Input::Override(OverrideChange::Set(hand)) => _ = owners.insert(hand.target),
            Input::Override(OverrideChange::Clear { id, .. }) => {
                let hand = self.state.overrides.iter().find(|hand| hand.id == *id);
                owners.extend(hand.map(|hand| hand.target));
            }
            _ => {}
        }
    }

    /// Who pays for them, those the edits make among them.
    fn payers(&self, owners: &BTreeSet<BudgetOwner>, edits: &[Input]) -> BTreeSet<AdvertiserId> {
        let mut payers: BTreeSet<AdvertiserId> =
            owners.iter().filter_map(|&owner| self.advertiser_of(owner)).collect();
        for edit in edits {
            match edit {
                Input::Campaign(spec) => _ = payers.insert(spec.advertiser),
                Input::Group(spec) => _ = payers.insert(spec.advertiser),
                Input::Catalogue(change) => {
                    payers.extend(change.campaigns.iter().map(|spec| spec.advertiser));
                    payers.extend(change.groups.iter().map(|spec| spec.advertiser));
                }
                _ => {}
            }
        }
        payers
    }

    /// The input that makes an edit to a campaign; nothing for one that is not made here, or of
    /// something that is not there.
    #[must_use]
    pub fn input_of(&self, campaign: CampaignId, edit: &Edit) -> Option<Input> {
        let slot = self.state.ledger.slot_of(campaign)?;
        let mut spec = (*self.state.campaigns[slot].entered.spec).clone();
        match *edit {
            Edit::Budget { owner, start, to } => self.with_budgets(owner, |budgets| {
                let flights = &mut budgets.flights;
                let flight = flights.iter_mut().find(|flight| flight.window.start() == start)?;
                flight.budget = Some(to);
                Some(())
            }),
            Edit::Cap { owner, horizon, to } => self.with_budgets(owner, |budgets| {
                budgets.caps.iter_mut().find(|cap| cap.horizon == horizon)?.amount = to;
                Some(())
            }),
            Edit::MultiplierMax { to } => {
                spec.multiplier_max = to;
                Some(Input::Campaign(spec))
            }
            Edit::Returns { to } => {
                spec.returns = Some(to);
                Some(Input::Campaign(spec))
            }
            Edit::Activate => {
                spec.status = crate::campaign::CampaignStatus::Active;
                Some(Input::Campaign(spec))
            }
            Edit::Release { hand } => {
                let author = "a preview".to_owned();
                Some(Input::Override(OverrideChange::Clear { id: hand, author }))
            }
            Edit::Widen { .. } => None,
        }
    }

    /// An owner's specification with other budgets.
    fn with_budgets(
        &self,
        owner: BudgetOwner,
        change: impl FnOnce(&mut crate::budget::Budgets) -> Option<()>,
    ) -> Option<Input> {
        match owner {
            BudgetOwner::Campaign(id) => {
                let mut spec = self.campaign(id)?.clone();
                change(&mut spec.budgets)?;
                Some(Input::Campaign(spec))
            }
            BudgetOwner::Group(id) => {
                let mut spec = self.group(id)?.clone();
                change(&mut spec.budgets)?;
                Some(Input::Group(spec))
            }
            BudgetOwner::Advertiser(id) => {
                let mut spec = self.advertiser(id)?.clone();
                change(&mut spec.budgets)?;
                Some(Input::Advertiser(spec))
            }
        }
    }

    /// What an edit would do to a campaign's spend in the 24 hours ahead, tried on a copy; nothing
    /// where nothing can be told.
    pub(super) fn effect(
        &self,
        slot: Slot,
        stood: &Stood,
        edit: &Edit,
        trial: Option<&Self>,
    ) -> Option<Effect> {
        let day = crate::budget::Horizon::Day;
        let (without, _) = self.ahead_of(slot, stood, day, 1.0)?;
        if let Edit::Widen { times } = *edit {
            let (with, _) = self.ahead_of(slot, stood, day, times)?;
            return Some(Effect { without, with, is_beyond: true });
        }
        let campaign = self.state.campaigns[slot].entered.terms.id;
        let input = self.input_of(campaign, edit)?;
        let copy = trial?.clone().edited(&[input]).ok()?;
        let place = copy.state.ledger.slot_of(campaign)?;
        let (with, is_beyond) = copy.ahead_of(place, stood, day, 1.0)?;
        Some(Effect { without, with, is_beyond })
    }
}
