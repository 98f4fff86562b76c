//! Velocity breakers over many campaigns: all of an advertiser, and all of a currency in the
//! partition.
//!
//! What a campaign alone may do, many small ones together may not. A crowd is judged by the spend
//! and the plans of its campaigns that are judged themselves: whatever spends as fast as possible,
//! by a person's hand or after its plan is done is on neither side. Nothing crosses a partition, so
//! a fleet is what one partition leads. Called by the engine: with each spend, and at the end of
//! a round, for the next.

use super::Engine;
use super::campaign::{OwnerSignal, Standing};
use super::learn::payer_of;
use super::owner::Owner;
use super::round::Marks;
use crate::budget::BudgetOwner;
use crate::event::CounterRead;
use crate::ledger::{OwnerSlots, Slot};
use crate::pace::PacingLaw;
use crate::pace::breaker::{Breaker, BreakerScope, Fastest, Trip};
use crate::report::Reason;
use crate::units::{Currency, Nanos, ParticipationRate, Timestamp};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Some campaigns together.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Crowd {
    /// Of all its money.
    pub currency: Currency,
    pub breaker: Breaker,
    /// How fast its campaigns' plans may spend, gathered in this round.
    fastest: Fastest,
}

impl Crowd {
    fn new(now: Timestamp, currency: Currency) -> Self {
        Self { currency, breaker: Breaker::new(now), fastest: Fastest::default() }
    }

    /// One more campaign's plan.
    pub(super) fn gather(&mut self, fastest: Fastest) {
        self.fastest = self.fastest.with(fastest);
    }

    /// Judges it; what its plans may spend. Without any it is not judged.
    fn step(&mut self, now: Timestamp, mark: Option<Timestamp>) -> Fastest {
        let fastest = std::mem::take(&mut self.fastest);
        let judged = (fastest.rate > 0.0).then_some(fastest);
        let _ = self.breaker.step(now, mark, judged);
        fastest
    }
}

/// An owner's breaker, if it tripped and is not forgiven.
pub(super) fn tripped<S>(owner: &Owner<S>) -> Option<Breaker> {
    let breaker = &owner.pace.as_ref()?.breaker;
    breaker.trip().is_some().then(|| breaker.clone())
}

/// Neither bad numbers nor a gap between flights is a way out of a breaker. It is kept while its
/// owner has no plan, lets go by the clock as ever, and goes with the next plan. `tripped`: of an
/// owner that lost its plan just now.
pub(super) fn keep_trip<S>(
    (now, mark): (Timestamp, Option<Timestamp>),
    owner: &mut Owner<S>,
    tripped: Option<Breaker>,
    aside: &mut BTreeMap<BudgetOwner, Breaker>,
) {
    if let Some(breaker) = tripped {
        aside.insert(owner.owner, breaker);
    }
    if aside.is_empty() {
        return;
    }
    if let Some(pace) = &mut owner.pace {
        if let Some(breaker) = aside.remove(&owner.owner) {
            pace.breaker = breaker;
        }
    } else if let Some(breaker) = aside.get_mut(&owner.owner) {
        // Without a plan there is nothing to judge it by.
        let _ = breaker.step(now, mark, None);
        if breaker.trip().is_none() {
            aside.remove(&owner.owner);
        }
    }
}

/// Whether a breaker above an owner holds it; `before` are the owners entered before it.
pub(super) fn is_clamped<S>(
    before: &[Owner<S>],
    owner: &Owner<S>,
    (fleets, aside): (&BTreeMap<Currency, Crowd>, &BTreeMap<BudgetOwner, Breaker>),
) -> bool {
    let mut above = owner;
    loop {
        if let Some(crowd) = &above.crowd {
            let fleet = fleets.get(&crowd.currency);
            return crowd.breaker.is_tripped()
                || fleet.is_some_and(|fleet| fleet.breaker.is_tripped());
        }
        let Some(parent) = above.parent else { return false };
        above = &before[parent];
        let own = above.pace.as_ref().map(|pace| &pace.breaker);
        if own.or_else(|| aside.get(&above.owner)).is_some_and(Breaker::is_tripped) {
            return true;
        }
    }
}

impl<L: PacingLaw> Engine<L> {
    /// Money went out for a campaign between two moments: to the breakers of all it belongs to.
    pub(super) fn post_velocity(
        &mut self,
        now: Timestamp,
        slot: Slot,
        served: (Timestamp, Timestamp),
        amount: Nanos,
    ) {
        // What is told late of an order is on it all the same.
        let campaign = &self.state.campaigns[slot];
        if campaign.is_ordered() || served.0 < campaign.ordered_through {
            return;
        }
        let owners = self.state.ledger.campaign(slot).owners;
        for owner in owners.iter() {
            let state = &mut self.state;
            if let Some(pace) = &mut state.owners[owner].pace {
                pace.breaker.post_over(now, served, amount);
            } else if let Some(breaker) = state.aside.get_mut(&state.owners[owner].owner) {
                breaker.post_over(now, served, amount);
            }
        }
        let own = self.state.owners[owners.own()].pace.as_ref();
        if own.is_none_or(|pace| pace.fastest.is_none() || pace.breaker.is_tripped()) {
            return;
        }
        let payer = payer_slot(owners);
        if let Some(crowd) = &mut self.state.owners[payer].crowd {
            crowd.breaker.post_over(now, served, amount);
            if let Some(fleet) = self.state.fleets.get_mut(&crowd.currency) {
                fleet.breaker.post_over(now, served, amount);
            }
        }
    }

    /// A counter grew: since it last did, and by more than it began with. What it began with
    /// was spent nobody knows when.
    pub(super) fn follow_counter(&mut self, now: Timestamp, read: &CounterRead, growth: Nanos) {
        let Some(slot) = self.state.ledger.slot_of(read.campaign) else { return };
        let own = self.state.ledger.campaign(slot).owners.own();
        let billed = self.state.ledger.book(own).totals().billed;
        if growth <= Nanos::ZERO {
            return;
        }
        // Its own last growth: the watermark of all counters moves with the first read of a sweep.
        let to = read.read_at.min(now);
        let from = self.state.campaigns[slot].counted_to.replace(to);
        if billed <= growth {
            return;
        }
        let planned_rate = self.planned_rate(slot);
        self.state.campaigns[slot].note_growth(now, planned_rate, growth);
        if let Some(from) = from {
            self.post_velocity(now, slot, (from.min(to), to), growth);
        }
    }

    /// Gives the plan of a campaign that is judged to its account.
    pub(super) fn gather_fastest(&mut self, slot: Slot) {
        let owners = self.state.ledger.campaign(slot).owners;
        let own = self.state.owners[owners.own()].pace.as_ref();
        if let Some(fastest) =
            own.filter(|pace| !pace.breaker.is_tripped()).and_then(|pace| pace.fastest)
            && let Some(crowd) = &mut self.state.owners[payer_slot(owners)].crowd
        {
            crowd.gather(fastest);
        }
    }

    /// A campaign that tripped by itself answers for itself: neither its spend nor its plan is its
    /// account's any more, or one that runs away would take all others with it.
    fn leave_out(&mut self, now: Timestamp, tripped: &[Slot]) {
        let state = &mut self.state;
        for &slot in tripped {
            let owner = &state.owners[slot];
            let trip = owner.pace.as_ref().and_then(|pace| pace.breaker.trip());
            let Some(&trip) = trip.filter(|trip| trip.tripped_at == now) else { continue };
            if !matches!(owner.owner, BudgetOwner::Campaign(_)) {
                continue;
            }
            let payer = payer_of(&state.owners, slot);
            if let Some(crowd) = &mut state.owners[payer].crowd {
                crowd.breaker.leave_out(&trip);
                if let Some(fleet) = state.fleets.get_mut(&crowd.currency) {
                    fleet.breaker.leave_out(&trip);
                }
            }
        }
    }

    /// Judges every account and fleet by what is known, for the round to come.
    pub(super) fn step_crowds(&mut self, now: Timestamp, marks: Marks, tripped: &[Slot]) {
        self.leave_out(now, tripped);
        let state = &mut self.state;
        for (spec, slot) in state.advertisers.values() {
            let owner = &mut state.owners[*slot];
            let fresh = || Box::new(Crowd::new(now, spec.currency));
            let mark = marks.of(owner.feed);
            let crowd = owner.crowd.get_or_insert_with(fresh);
            let fastest = crowd.step(now, mark);
            let fresh = || Crowd::new(now, spec.currency);
            state.fleets.entry(spec.currency).or_insert_with(fresh).gather(fastest);
        }
        for fleet in state.fleets.values_mut() {
            let _ = fleet.step(now, marks.any());
        }
    }

    /// What the breakers of a campaign's account and fleet let through, and those of its owners
    /// that have no plan; those with one say it themselves.
    pub(super) fn breaker_participation(&self, owners: OwnerSlots) -> f64 {
        let aside = owners.iter().filter_map(|owner| self.aside_of(owner));
        let aside = aside.filter(|_| self.config.has_breaker);
        let all = self.crowds(owners).map(|(_, breaker)| breaker).chain(aside);
        all.map(Breaker::participation).fold(1.0, f64::min)
    }

    fn aside_of(&self, slot: Slot) -> Option<&Breaker> {
        let aside = &self.state.aside;
        if aside.is_empty() { None } else { aside.get(&self.state.owners[slot].owner) }
    }

    /// An owner's own breaker; none while it bounds nothing and had not tripped before.
    pub(super) fn breaker_of(&self, slot: Slot) -> Option<&Breaker> {
        let pace = self.state.owners[slot].pace.as_ref();
        pace.map(|pace| &pace.breaker).or_else(|| self.aside_of(slot))
    }

    fn crowds(&self, owners: OwnerSlots) -> impl Iterator<Item = (BreakerScope, &Breaker)> {
        let crowd = self.state.owners[payer_slot(owners)].crowd.as_deref();
        let crowd = crowd.filter(|_| self.config.has_breaker);
        let fleet = crowd.and_then(|crowd| self.state.fleets.get(&crowd.currency));
        let account = crowd.map(|crowd| (BreakerScope::Account, &crowd.breaker));
        account.into_iter().chain(fleet.map(|fleet| (BreakerScope::Fleet, &fleet.breaker)))
    }

    /// The trip that holds a campaign most, and of which breaker.
    pub(super) fn trip_on(&self, slot: Slot) -> Option<(BreakerScope, Trip)> {
        let owners = self.state.ledger.campaign(slot).owners;
        let own = owners.iter().filter_map(|owner| {
            let breaker = self.breaker_of(owner)?;
            self.config.has_breaker.then_some((BreakerScope::Owner, breaker))
        });
        let all = own.chain(self.crowds(owners));
        let held = all.filter_map(|(scope, breaker)| Some((scope, *breaker.trip()?)));
        let held = held.filter(|(_, trip)| trip.participation < 1.0);
        held.min_by(|(_, a), (_, b)| a.participation.total_cmp(&b.participation))
    }
}

/// The most participation that breakers and brakes allow. Breakers stand below hands: what a person
/// fixes or freezes is that person's word.
pub(super) fn hold_back(
    signals: &[OwnerSignal],
    standing: &Standing,
    is_fixed: bool,
    participation: &mut ParticipationRate,
    reason: &mut Reason,
) {
    let breaker = signals.iter().map(|signal| signal.breaker).fold(standing.breaker, f64::min);
    let breaker = ParticipationRate::clamped(breaker);
    if breaker < *participation && !is_fixed {
        *participation = breaker;
        *reason = Reason::Breaker;
    }
    let brake = signals.iter().map(|signal| signal.brake).fold(1.0, f64::min);
    let brake = ParticipationRate::clamped(brake);
    if brake < *participation {
        *participation = brake;
        // A breaker that tripped is the graver news.
        *reason = if *reason == Reason::Breaker { *reason } else { Reason::Brake };
    }
}

/// The advertiser that pays for a campaign: the last of its owners.
pub(super) fn payer_slot(owners: OwnerSlots) -> Slot {
    owners.iter().last().unwrap_or(owners.own())
}
