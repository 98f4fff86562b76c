//! What a round says of each campaign, as little as rows of the past hold of it.
//!
//! The same figures as an explanation's, without its owners' accounts and terms, so that it can be
//! taken of every campaign at every round. Changes nothing. Called by whoever folds the log beside
//! the loop.

use super::Engine;
use crate::ledger::Slot;
use crate::overrides::Hands;
use crate::pace::PacingLaw;
use crate::past::record::Recorder;
use crate::past::{HeldBy, PlanStanding, Standing};
use crate::units::{CampaignId, Nanos, OverrideId, ParticipationRate};

impl<L: PacingLaw + Clone> Engine<L> {
    /// Has a recorder take in the round that was just decided.
    pub fn record_past(&self, recorder: &mut Recorder) {
        let slots = 0..self.state.campaigns.len();
        let standings = slots.filter_map(|slot| {
            let id = self.state.campaigns[slot].entered.spec.id;
            Some((id, self.standing(slot)?))
        });
        recorder.note(self.state.table.as_of, standings, |id| self.first_cause(id));
    }
}

impl<L: PacingLaw> Engine<L> {
    /// Where a campaign stands as of the last round; nothing when no table holds it.
    #[must_use]
    pub fn standing_of(&self, campaign: CampaignId) -> Option<Standing> {
        self.standing(self.state.ledger.slot_of(campaign)?)
    }

    fn standing(&self, slot: Slot) -> Option<Standing> {
        let state = &self.state.campaigns[slot];
        let entry = state.entry.as_ref()?;
        let owners = self.state.ledger.campaign(slot).owners;
        let own = owners.own();
        let paces = owners.iter().filter_map(|owner| self.state.owners[owner].pace.as_ref());
        let brake = paces.map(|pace| pace.brake.participation()).fold(1.0, f64::min);
        let totals = self.state.ledger.book(own).totals();
        let bound = state.binding.and_then(|owner| self.state.owners[owner].pace.as_ref());
        Some(Standing {
            at: self.state.table.as_of,
            generation: self.state.generation,
            state: entry.state,
            multiplier: entry.multiplier,
            participation: entry.participation,
            reason: state.reason,
            binding: state.binding.map(|owner| self.state.owners[owner].owner),
            tight: bound.and_then(|pace| pace.plan.tight),
            brake: ParticipationRate::clamped(brake).ppm(),
            hand: first(&self.state.overrides.on(self.owners_of(slot))),
            plan: self.state.owners[own].pace.as_ref().map(|pace| PlanStanding {
                made_at: pace.planned_at,
                stepped_to: pace.stepped_to,
                planned: pace.sample.planned,
                measured: pace.sample.measured,
                rate: Nanos::floor_from(pace.sample.planned_rate),
            }),
            drawn: totals.billed.saturating_add(totals.in_flight),
        })
    }
}

/// The hand that comes first, as hands are laid over the law.
fn first(hands: &Hands<'_>) -> Option<(OverrideId, HeldBy)> {
    let all = [
        (hands.pause, HeldBy::Pause),
        (hands.fix, HeldBy::Fix),
        (hands.freeze, HeldBy::Freeze),
        (hands.cap, HeldBy::Cap),
    ];
    all.into_iter().find_map(|(hand, by)| Some((hand?.id, by)))
}
