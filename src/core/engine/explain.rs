//! Any campaign, at any time: plan, spend, in flight, law, clamp, hands, allowance.

use super::owner::Pace;
use super::{CampaignState, Engine};
use crate::budget::{BudgetOwner, Horizon};
use crate::campaign::{AdvertiserSpec, CampaignSpec, GroupSpec};
use crate::guard::Grants;
use crate::ledger::Slot;
use crate::pace::PacingLaw;
use crate::plan::TrafficShape;
use crate::report::{
    BidderOverview, CampaignOverview, Explanation, OwnerExplanation, PlanExplanation,
};
use crate::units::{
    AdvertiserId, CampaignId, Currency, GroupId, Nanos, ShapeId, Timestamp, ZoneId,
};
use std::collections::BTreeMap;

impl<L: PacingLaw> Engine<L> {
    /// Everything about a campaign as of the last round; nothing only when it is unknown.
    #[must_use]
    pub fn explain(&self, campaign: CampaignId) -> Option<Explanation> {
        let slot = self.state.ledger.slot_of(campaign)?;
        let state = &self.state.campaigns[slot];
        let entry = self.state.table.get(campaign, crate::units::ArmId(0)).copied();
        let owners = &self.state.ledger.campaign(slot).owners;
        let hands = self.state.overrides.on(self.owners_of(slot));
        let overrides = [hands.pause, hands.freeze, hands.fix, hands.cap];
        Some(Explanation {
            campaign,
            now: self.state.now,
            generation: self.state.generation,
            entry,
            reason: state.reason,
            binding: state.binding.map(|owner| self.state.owners[owner].owner),
            owners: owners.iter().map(|owner| self.explain_owner(owner)).collect(),
            returns: state.explain_returns(),
            overrides: overrides.into_iter().flatten().cloned().collect(),
            outstanding: self.outstanding_of(slot),
            in_flight: self.state.ledger.campaign(slot).at_risk().0,
            suspense: self.state.ledger.suspense().of(campaign),
            watermark: self.marks().of(self.state.owners[owners.own()].feed),
        })
    }

    /// An owner of budgets as of the last round; nothing when it is unknown.
    #[must_use]
    pub fn explain_owner_of(&self, owner: BudgetOwner) -> Option<OwnerExplanation> {
        let slot = match owner {
            BudgetOwner::Advertiser(id) => self.state.advertisers.get(&id)?.1,
            BudgetOwner::Group(id) => self.state.groups.get(&id)?.1,
            BudgetOwner::Campaign(id) => {
                let slot = self.state.ledger.slot_of(id)?;
                self.state.ledger.campaign(slot).owners.own()
            }
        };
        Some(self.explain_owner(slot))
    }

    fn explain_owner(&self, slot: Slot) -> OwnerExplanation {
        let owner = &self.state.owners[slot];
        let now = self.state.now;
        let signal = owner.signal(&self.config);
        let accounts = self.state.ledger.book(slot).accounts();
        OwnerExplanation {
            owner: owner.owner,
            accounts: accounts.iter().filter(|held| held.window.contains(now)).cloned().collect(),
            law: owner.law_choice(),
            plan: owner.pace.as_ref().map(explain_plan),
            shape: self.shape_of(slot).1,
            x: signal.map(|signal| signal.x),
            terms: signal.map(|signal| signal.terms),
            sample: owner.pace.as_ref().map(|pace| pace.sample),
            traffic: owner.traffic.weight(),
            brake: owner.pace.as_ref().map_or(1.0, |pace| pace.brake.participation()),
            breaker: self.breaker_of(slot).and_then(|breaker| breaker.trip().copied()),
            quarantined_until: owner.quarantined_until,
        }
    }

    /// Where every campaign stands, in order of entry, archived ones too.
    pub fn overviews(&self) -> impl Iterator<Item = CampaignOverview<'_>> {
        (0..self.state.campaigns.len()).map(|slot| self.overview(slot))
    }

    /// Where a campaign stands; nothing when it is unknown.
    #[must_use]
    pub fn overview_of(&self, campaign: CampaignId) -> Option<CampaignOverview<'_>> {
        self.state.ledger.slot_of(campaign).map(|slot| self.overview(slot))
    }

    fn overview(&self, slot: Slot) -> CampaignOverview<'_> {
        let state = &self.state.campaigns[slot];
        let own = self.state.ledger.campaign(slot).owners.own();
        let book = self.state.ledger.book(own);
        let payer = self.state.advertisers.get(&state.entered.spec.advertiser);
        CampaignOverview {
            spec: &state.entered.spec,
            currency: payer.map_or(Currency::NONE, |(spec, _)| spec.currency),
            entry: state.entry.as_ref(),
            reason: state.reason,
            plan: self.state.owners[own].pace.as_ref().map(explain_plan),
            flight: book.account_at(Horizon::Flight, self.state.now),
            totals: *book.totals(),
            outstanding: self.outstanding_of(slot),
        }
    }

    /// Spend that comes by events is known up to here; nothing before the first report.
    #[must_use]
    pub fn events_watermark(&self) -> Option<Timestamp> {
        self.state.event_sources.watermark()
    }

    /// Every campaign's specification, in order of entry.
    pub fn campaigns(&self) -> impl Iterator<Item = &CampaignSpec> {
        self.state.campaigns.iter().map(|campaign: &CampaignState| &*campaign.entered.spec)
    }

    /// Every advertiser's specification, by id.
    pub fn advertisers(&self) -> impl Iterator<Item = &AdvertiserSpec> {
        self.state.advertisers.values().map(|(spec, _)| spec)
    }

    /// The end of the last local day known of a zone.
    #[must_use]
    pub fn days_known_until(&self, zone: ZoneId) -> Option<Timestamp> {
        self.state.days.known_until(zone)
    }

    /// Bidders that have not left, and how many of them run the table in force.
    #[must_use]
    pub fn bidders(&self) -> (usize, usize) {
        let here = self.state.bidders.values().filter(|bidder| !bidder.has_left);
        let runs = |bidder: &&super::Bidder| bidder.runs == Some(self.state.generation);
        (here.clone().count(), here.filter(runs).count())
    }

    /// Every bidder that holds money or may ask for it, by id.
    pub fn bidder_overviews(&self) -> impl Iterator<Item = BidderOverview> + '_ {
        self.state.bidders.iter().map(|(&bidder, known)| BidderOverview {
            bidder,
            runs: known.runs,
            heard_at: known.heard_at,
            has_left: known.has_left,
        })
    }

    /// Allowances outstanding in all, by currency: money at risk if the controller died now.
    #[must_use]
    pub fn outstanding(&self) -> BTreeMap<Currency, Nanos> {
        let mut sums = BTreeMap::new();
        for (&slot, grants) in &self.state.grants {
            let campaign = &self.state.campaigns[slot];
            let Some(payer) = self.advertiser(campaign.entered.spec.advertiser) else { continue };
            let sum: &mut Nanos = sums.entry(payer.currency).or_default();
            *sum = sum.saturating_add(grants.outstanding());
        }
        sums
    }

    fn outstanding_of(&self, slot: Slot) -> Nanos {
        self.state.grants.get(&slot).map_or(Nanos::ZERO, Grants::outstanding)
    }

    /// The expected course of traffic of that name.
    #[must_use]
    pub fn shape(&self, id: ShapeId) -> Option<&TrafficShape> {
        self.state.shapes.get(&id)
    }

    /// A campaign's specification.
    #[must_use]
    pub fn campaign(&self, id: CampaignId) -> Option<&CampaignSpec> {
        let slot = self.state.ledger.slot_of(id)?;
        Some(&self.state.campaigns[slot].entered.spec)
    }

    /// A campaign's slot in the ledger, and those of its owners, its own first.
    #[must_use]
    pub fn slots(&self, id: CampaignId) -> Option<(Slot, Vec<Slot>)> {
        let slot = self.state.ledger.slot_of(id)?;
        Some((slot, self.state.ledger.campaign(slot).owners.iter().collect()))
    }

    /// An advertiser's specification.
    #[must_use]
    pub fn advertiser(&self, id: AdvertiserId) -> Option<&AdvertiserSpec> {
        self.state.advertisers.get(&id).map(|(spec, _)| spec)
    }

    /// A group's specification.
    #[must_use]
    pub fn group(&self, id: GroupId) -> Option<&GroupSpec> {
        self.state.groups.get(&id).map(|(spec, _)| spec)
    }
}

fn explain_plan<S>(pace: &Pace<S>) -> PlanExplanation {
    PlanExplanation {
        window: pace.window,
        planned_at: pace.planned_at,
        stepped_to: pace.stepped_to,
        planned: pace.sample.planned,
        forgone: pace.forgone,
        measured: pace.sample.measured,
        total: pace.plan.curve.total(),
        day_budget: pace.sample.day_budget,
        unplaced: pace.plan.unplaced,
        tight: pace.plan.tight,
    }
}
