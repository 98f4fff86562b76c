//! Why a campaign delivers as it does: gathers its case, and says what each proposed edit would do.
//!
//! Changes nothing. Called by explanations alone.

use super::Engine;
use crate::budget::{BudgetOwner, Horizon};
use crate::campaign::CampaignStatus;
use crate::diagnosis::{
    Case, CauseKind, Diagnosis, Hand, Limits, Phase, Planned, RAISE_MAX, Shared, SpentBudget,
    causes,
};
use crate::forecast::Forecast;
use crate::ledger::Slot;
use crate::pace::{PacingLaw, limit};
use crate::response::Response;
use crate::units::{CampaignId, Nanos, Span};

impl<L: PacingLaw + Clone> Engine<L> {
    /// Why a campaign delivers as it does, as of the last round; nothing only when it is unknown.
    #[must_use]
    pub fn diagnose(&self, campaign: CampaignId) -> Option<Diagnosis> {
        let slot = self.state.ledger.slot_of(campaign)?;
        let stood = self.stood(campaign);
        let mut causes = causes(&self.case(slot));
        let has_edit = causes.iter().any(|cause| cause.edit.is_some());
        let trial = has_edit.then(|| self.trial_of(slot)).flatten();
        for cause in &mut causes {
            let edit = cause.edit.as_ref();
            cause.effect = edit.and_then(|edit| self.effect(slot, &stood, edit, trial.as_ref()));
        }
        Some(Diagnosis { campaign, now: self.state.now, causes })
    }

    /// The first cause that [`Self::diagnose`] would tell, without trying any edit: little enough
    /// to be asked of thousands.
    #[must_use]
    pub fn first_cause(&self, campaign: CampaignId) -> Option<CauseKind> {
        let slot = self.state.ledger.slot_of(campaign)?;
        causes(&self.case(slot)).first().map(|cause| cause.kind)
    }

    /// A copy whose [`Self::diagnose`] of the campaign is the same, where edits have to be tried:
    /// for whoever must not keep the next round waiting. Nothing where there is no edit to try;
    /// asking here then costs little.
    #[must_use]
    pub fn for_diagnosis(&self, campaign: CampaignId) -> Option<Self> {
        let slot = self.state.ledger.slot_of(campaign)?;
        let has_edit = causes(&self.case(slot)).iter().any(|cause| cause.edit.is_some());
        has_edit.then(|| self.trial_of(slot)).flatten()
    }

    fn case(&self, slot: Slot) -> Case {
        let state = &self.state.campaigns[slot];
        let owners = self.state.ledger.campaign(slot).owners;
        let own = owners.own();
        let owner = &self.state.owners[own];
        let now = self.state.now;
        let mark = self.marks().of(owner.feed);
        let silence = mark.map_or(Span::ZERO, |mark| now - mark.max(self.state.led_from));
        let stale = self.config.tick.times(self.config.stale_ticks);
        let hands = self.state.overrides.on(self.owners_of(slot));
        let hands = [hands.pause, hands.fix, hands.freeze, hands.cap].into_iter().flatten();
        let until = owners.iter().filter_map(|owner| self.state.owners[owner].quarantined_until);
        let brake = owners.iter().filter_map(|owner| self.state.owners[owner].pace.as_ref());
        let fresh = Response::new(now);
        let response = state.response.as_deref().unwrap_or(&fresh);
        let told = self.forecasts(state.entered.terms.id);
        Case {
            now,
            phase: self.phase(slot),
            reason: state.reason,
            own: owner.owner,
            hands: hands
                .map(|hand| Hand { id: hand.id, action: hand.action, expires_at: hand.expires_at })
                .collect(),
            silence,
            is_stale: silence > stale,
            quarantined_until: until.max(),
            spent: self.spent_budget(slot),
            brake: brake.map(|pace| pace.brake.participation()).fold(1.0, f64::min),
            trip: self.trip_on(slot),
            limits: self.limits(slot, response),
            recent: response.recent_at(now, self.planned_rate(slot)),
            is_counted: response.is_counted(),
            planned: self.planned(own),
            forecast: main_of(&told),
            shared: self.holder_of(slot).map(|binding| Shared {
                owner: self.state.owners[binding].owner,
                tight: self.tight(binding),
            }),
            returns: state.explain_returns().map(|told| {
                let kept = told.worth.as_f64() / told.cost.as_f64().max(1.0);
                (told.target, told.law.x, kept)
            }),
            event_price: self.state.ledger.event_price(own, Some(slot)),
        }
    }

    fn phase(&self, slot: Slot) -> Phase {
        let spec = &self.state.campaigns[slot].entered.spec;
        let now = self.state.now;
        let flights = &spec.budgets.flights;
        let end = flights.iter().map(|flight| flight.window.end()).max().unwrap_or(now);
        if spec.status == CampaignStatus::Archived || end <= now {
            return Phase::Over(end.min(now));
        }
        if spec.flight_at(now).is_none() {
            let starts = flights.iter().map(|flight| flight.window.start());
            return Phase::Before(starts.filter(|&start| start > now).min().unwrap_or(end));
        }
        if spec.status == CampaignStatus::Paused { Phase::Off } else { Phase::In }
    }

    fn limits(&self, slot: Slot, response: &Response) -> Limits {
        let state = &self.state.campaigns[slot];
        let multiplier_max = state.entered.spec.multiplier_max;
        let x_max = limit::x_max(multiplier_max);
        let (multiplier, participation) = state.entry.map_or((0.0, 1.0), |entry| {
            (entry.multiplier.ppm().as_f64(), entry.participation.ppm().as_f64())
        });
        let x = if multiplier > 0.0 { libm::log(multiplier) } else { limit::LN_MULTIPLIER_MIN };
        Limits {
            x,
            participation,
            x_max,
            multiplier_max,
            to_most: response.lift(x, x_max),
            raise: response.lift(x_max, x_max + RAISE_MAX),
            at_most: response.lift(x_max, x_max),
        }
    }

    fn planned(&self, own: Slot) -> Option<Planned> {
        let pace = self.state.owners[own].pace.as_ref()?;
        let flights = &self.state.ledger.book(own).budgets().flights;
        let flight = flights.iter().find(|flight| flight.window.contains(self.state.now));
        Some(Planned {
            rate: pace.sample.planned_rate,
            day_budget: pace.sample.day_budget,
            total: pace.plan.curve.total(),
            unplaced: pace.plan.unplaced,
            tight: self.tight(own),
            flight: flight.and_then(|flight| Some((flight.window.start(), flight.budget?))),
        })
    }

    /// The horizon that is tight for an owner now, and its amount.
    fn tight(&self, owner: Slot) -> Option<(Horizon, Nanos)> {
        let horizon = self.state.owners[owner].pace.as_ref()?.plan.tight?;
        let budgets = self.state.ledger.book(owner).budgets();
        let amount = match horizon {
            Horizon::Flight => {
                let flights = &budgets.flights;
                flights.iter().find(|flight| flight.window.contains(self.state.now))?.budget
            }
            other => budgets.cap(other),
        };
        Some((horizon, amount?))
    }
}

impl<L: PacingLaw> Engine<L> {
    /// The budget that is used up: of those that cannot pay for one more event, be it the cheapest
    /// or a usual one, the one with least.
    pub(super) fn spent_budget(&self, slot: Slot) -> Option<SpentBudget> {
        let (_, margin) = self.state.ledger.campaign(slot).at_risk();
        let owners = self.state.ledger.campaign(slot).owners;
        let spent = owners.iter().filter(|&owner| {
            let book = self.state.ledger.book(owner);
            let price = book.totals().event_price;
            let mut open =
                book.accounts().iter().filter(|held| held.window.contains(self.state.now));
            book.is_exhausted(margin) || open.any(|held| held.available.as_f64() < price)
        });
        let accounts = spent.flat_map(|owner| {
            let of: BudgetOwner = self.state.owners[owner].owner;
            let accounts = self.state.ledger.book(owner).accounts().iter();
            accounts.filter(|held| held.window.contains(self.state.now)).map(move |held| {
                SpentBudget {
                    owner: of,
                    horizon: held.horizon,
                    cap: held.cap(),
                    available: held.available,
                    ends: held.window.end(),
                }
            })
        });
        accounts.min_by_key(|spent| spent.available)
    }
}

/// The flight's where it has a budget, else the day's.
fn main_of(told: &[Forecast]) -> Option<Forecast> {
    let of = |horizon| told.iter().find(|one| one.horizon == horizon && one.budget.is_some());
    of(Horizon::Flight).or_else(|| of(Horizon::Day)).or_else(|| told.first()).copied()
}
