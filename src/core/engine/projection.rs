//! What a campaign will spend from now on: the hour, the day, the rest of its flight.
//!
//! The forecast's own odds, over windows that begin now, at the bids that its owners and hands are
//! going to allow; what other bids would buy is what its response says. Called by diagnoses and
//! previews, on the engine or on a copy of it.

use super::Engine;
use super::owner::Pace;
use crate::budget::{BudgetOwner, Horizon};
use crate::campaign::ReturnTarget;
use crate::forecast::{DayAhead, Forecast, Limit, Prospect};
use crate::ledger::Slot;
use crate::overrides::OverrideAction;
use crate::pace::returns::ELASTICITY as RETURN_ELASTICITY;
use crate::pace::{Clamp, PacingLaw, limit};
use crate::plan::days_of_traffic;
use crate::preview::Bearing;
use crate::report::Reason;
use crate::response::{Lift, Response};
use crate::units::{CampaignId, Nanos, ParticipationRate, Span, Timestamp, Window};

/// A shared budget that allows this share of what its members want holds none of them.
const ENOUGH: f64 = 0.97;
/// What is not known of how members share a budget, in the logarithm of their part, and of what it
/// has more, as a share of its logarithm.
const SHARED_DOUBT: (f64, f64) = (0.15, 0.6);
/// How much of the usual noise a window that begins now has: see CONTROL.md.
pub(super) const NOISE: f64 = 0.12;
/// A shared law that is no further above what is published is what holds it.
const ABOUT: f64 = 0.1;
/// As near to the level of now as this is that level.
const NEAR: f64 = 1e-6;

/// Where a campaign stood before an edit: what is known was seen there.
#[derive(Debug, Clone, Default)]
pub(super) struct Stood {
    /// limit::x_of(multiplier) as published; nothing without bids.
    pub x: Option<f64>,
    /// What its own law said, under which its level was learnt.
    law_x: Option<f64>,
    /// ln of the most its multiplier might be.
    most: f64,
    /// Its return target.
    pub target: Option<ReturnTarget>,
    /// A hand held it: its return law knows no level of its own.
    is_held: bool,
    /// What the plans of its owners spent, in nanos a minute.
    rates: Vec<(BudgetOwner, f64)>,
}

/// How high it will bid, and until when.
struct Going {
    /// limit::x_of(multiplier × participation) while what holds it holds it.
    x: f64,
    /// The most it may be once that has ended.
    x_free: f64,
    /// What holds it ends then; never for budgets and targets.
    until: Option<Timestamp>,
    /// No bids until then.
    paused_until: Option<Timestamp>,
    is_held: bool,
    /// A budget that it shares allows so many times what it allowed.
    shared: Option<f64>,
    /// What is not known of a return law that a hand held, in limit::x_of(multiplier).
    doubt: f64,
}

impl<L: PacingLaw> Engine<L> {
    pub(super) fn stood(&self, campaign: CampaignId) -> Stood {
        let Some(slot) = self.state.ledger.slot_of(campaign) else { return Stood::default() };
        let state = &self.state.campaigns[slot];
        let own = self.state.ledger.campaign(slot).owners.own();
        let owners = self.state.ledger.campaign(slot).owners.iter();
        Stood {
            x: state.entry.map(|_| self.published_x(slot)),
            law_x: self.state.owners[own].signal(&self.config).map(|signal| signal.x),
            most: limit::x_max(state.entered.spec.multiplier_max),
            target: state.entered.spec.returns,
            is_held: matches!(state.reason, Reason::Frozen | Reason::Fixed | Reason::Capped),
            rates: owners
                .filter_map(|owner| Some((self.state.owners[owner].owner, self.rate_of(owner)?)))
                .collect(),
        }
    }

    /// What an owner's plan spends now, in nanos a minute.
    fn rate_of(&self, owner: Slot) -> Option<f64> {
        let pace = self.state.owners[owner].pace.as_ref()?;
        Some(pace.plan.curve.rate_at(self.state.now))
    }

    /// limit::x_of(multiplier × participation) as published, whatever the state.
    pub(super) fn published_x(&self, campaign: Slot) -> f64 {
        let entry = self.state.campaigns[campaign].entry;
        entry.map_or(0.0, |entry| limit::x_of(entry.multiplier, entry.participation))
    }

    /// Where it stands and is going. Whether that asks for bids beyond what was seen.
    pub(super) fn course_of(&self, campaign: Slot, stood: &Stood) -> (Bearing, bool) {
        let state = &self.state.campaigns[campaign];
        let going = self.going(campaign, stood);
        let mut ahead = Vec::new();
        let mut is_beyond = false;
        for horizon in [Horizon::Hour, Horizon::Day, Horizon::Flight] {
            if let Some((forecast, beyond)) = self.ahead_of(campaign, stood, horizon, 1.0) {
                ahead.push(forecast);
                is_beyond |= beyond;
            }
        }
        let own = self.state.ledger.campaign(campaign).owners.own();
        let target = self.own_target(own).map_or(going.x, |x| x.min(going.x));
        let (multiplier, participation) = limit::split(target);
        let tight = self.state.ledger.campaign(campaign).owners.iter().filter_map(|owner| {
            let owner = &self.state.owners[owner];
            Some((owner.owner, owner.pace.as_ref()?.plan.tight?))
        });
        let course = Bearing {
            state: state.entry.map(|entry| entry.state),
            reason: state.reason,
            multiplier,
            participation,
            tight: tight.collect(),
            ahead,
        };
        (course, is_beyond)
    }

    /// Where an owner's law is going: what it says, or what its parts add up to while the slew
    /// limit keeps it from saying so.
    fn own_target(&self, owner: Slot) -> Option<f64> {
        let owner = &self.state.owners[owner];
        let signal = owner.signal(&self.config)?;
        let x_max = limit::x_max(owner.multiplier_max);
        let is_on_its_way = signal.terms.clamp == Clamp::Slew || signal.terms.raw < signal.x;
        let target = if is_on_its_way { signal.terms.raw } else { signal.x };
        Some(if target.is_finite() { target.min(x_max) } else { signal.x })
    }

    fn going(&self, campaign: Slot, stood: &Stood) -> Going {
        let state = &self.state.campaigns[campaign];
        let own = self.state.ledger.campaign(campaign).owners.own();
        let x_max = limit::x_max(self.state.owners[own].multiplier_max);
        let (mut free, mut doubt) = (x_max, 0.0);
        if let Some(returns) = &state.returns {
            let ceiling = returns.ceiling().x + loosened(stood, state.entered.spec.returns);
            let gap = (x_max - ceiling).max(0.0);
            // Let go of by a hand, it finds its level anew: as likely far as near.
            let unknown = if stood.is_held { 0.5 * gap } else { 0.0 };
            free = free.min(ceiling + unknown);
            doubt = unknown;
        }
        let mut going = Going {
            x: free,
            x_free: free,
            until: None,
            paused_until: None,
            is_held: free < x_max,
            shared: None,
            doubt,
        };
        if let Some(binding) = self.holder_of(campaign) {
            going.shared = self.shared_ratio(binding, stood);
            going.is_held |= going.shared.is_some();
        }
        self.lay_hands_on(campaign, stood, &mut going);
        going
    }

    /// The group or advertiser whose budget holds it: the one whose law is lowest, where it is
    /// about what is published. Its own law follows that, now just above and now just below it.
    pub(super) fn holder_of(&self, campaign: Slot) -> Option<Slot> {
        let is_law = matches!(
            self.state.campaigns[campaign].reason,
            Reason::Law | Reason::Minimum | Reason::Brake
        );
        let others = self.state.ledger.campaign(campaign).owners.iter().skip(1);
        let signals = others
            .filter_map(|owner| Some((owner, self.state.owners[owner].signal(&self.config)?.x)));
        let (owner, x) = signals.min_by(|a, b| a.1.total_cmp(&b.1)).filter(|_| is_law)?;
        (x <= self.published_x(campaign) + ABOUT).then_some(owner)
    }

    /// How many times as much a shared budget allows as it did; nothing where it allows all that
    /// its members' own plans want.
    fn shared_ratio(&self, binding: Slot, stood: &Stood) -> Option<f64> {
        let rate = self.rate_of(binding)?;
        let members = (0..self.state.campaigns.len()).map(|slot| self.state.ledger.campaign(slot));
        let members = members.filter(|book| book.owners.iter().any(|owner| owner == binding));
        let wanted: f64 = members.filter_map(|book| self.rate_of(book.owners.own())).sum();
        let owner = self.state.owners[binding].owner;
        let before = stood.rates.iter().find(|(of, _)| *of == owner).map_or(rate, |one| one.1);
        let is_enough = wanted > 0.0 && rate >= ENOUGH * wanted;
        (!is_enough).then(|| if before > 0.0 { rate / before } else { 1.0 })
    }

    fn lay_hands_on(&self, campaign: Slot, stood: &Stood, going: &mut Going) {
        let hands = self.state.overrides.on(self.owners_of(campaign));
        going.paused_until = hands.pause.map(|hand| hand.expires_at);
        let fixed = hands.fix.and_then(|hand| match hand.action {
            OverrideAction::Fix { multiplier, participation } => {
                let participation = participation.unwrap_or(ParticipationRate::ONE);
                Some((limit::x_of(multiplier, participation), hand.expires_at))
            }
            _ => None,
        });
        let frozen = hands.freeze.map(|hand| (stood.x.unwrap_or(going.x), hand.expires_at));
        if let Some((x, until)) = fixed.or(frozen) {
            (going.x, going.until, going.is_held) = (x, Some(until), true);
            going.shared = None;
        }
        if let Some(hand) = hands.cap
            && let OverrideAction::Cap { multiplier } = hand.action
        {
            let cap = limit::x_of(multiplier, ParticipationRate::ONE);
            if cap < going.x {
                let until = going.until.map_or(hand.expires_at, |held| held.min(hand.expires_at));
                (going.x, going.until, going.is_held) = (cap, Some(until), true);
            }
        }
    }

    /// Spend from now on, over one of three horizons, with so many times the traffic. Whether that
    /// asks for bids beyond what was seen.
    pub(super) fn ahead_of(
        &self,
        campaign: Slot,
        stood: &Stood,
        horizon: Horizon,
        times: f64,
    ) -> Option<(Forecast, bool)> {
        let own = self.state.ledger.campaign(campaign).owners.own();
        let pace = self.state.owners[own].pace.as_ref()?;
        let spec = &self.state.campaigns[campaign].entered.spec;
        let now = self.state.now;
        let end = spec.flight_at(now)?.window.end();
        let end = match horizon {
            Horizon::Hour => end.min(now + Span::HOUR),
            Horizon::Day => end.min(now + Span::DAY),
            Horizon::Month | Horizon::Flight => end,
        };
        let window = Window::try_new(now, end).ok()?;
        let (prospect, is_beyond) =
            self.prospect_ahead(campaign, pace, stood, (horizon, window), times);
        let forecast = Forecast::of(&prospect);
        // What its budgets hold does not ask for more, unless bids are what was edited.
        let is_raised = self.going(campaign, stood).x_free > stood.most + NEAR;
        Some((forecast, is_beyond && (is_raised || forecast.limit != Limit::Budget)))
    }

    fn prospect_ahead(
        &self,
        campaign: Slot,
        pace: &Pace<L::State>,
        stood: &Stood,
        (horizon, window): (Horizon, Window),
        times: f64,
    ) -> (Prospect, bool) {
        let own = self.state.ledger.campaign(campaign).owners.own();
        let owner = &self.state.owners[own];
        let going = self.going(campaign, stood);
        let (lift, is_beyond) = self.lift_over(campaign, stood, &going, window);
        let book = self.state.ledger.book(own);
        let flight = book.budgets().flights.iter().find(|one| one.window.contains(window.start()));
        let granted = flight.and_then(|flight| flight.budget);
        let account = book.account_at(Horizon::Flight, window.start());
        let left = account.map_or(granted, |account| Some(account.available));
        let left = left.map(Nanos::at_least_zero);
        let portion = pace.plan.curve.planned_at(window.end()) - pace.sample.measured;
        let portion = (portion - pace.forgone).at_least_zero();
        let room = left.map(|left| (left - pace.plan.unplaced).at_least_zero());
        let mut prospect = self.prospect(campaign, pace, horizon, window);
        let bids = Window::try_new(going.paused_until.unwrap_or(window.start()), window.end());
        prospect.ahead = self.ahead(own, bids.ok().and_then(|bids| bids.intersect(window)));
        for day in &mut prospect.ahead {
            *day = DayAhead { traffic: day.traffic * times, ..*day };
        }
        let traffic: f64 = prospect.ahead.iter().map(|day| day.traffic).sum();
        // What a pause leaves over is spread over what comes after it.
        let portion = match going.paused_until {
            Some(until) if until > window.start() => {
                let all = pace.plan.curve.total() - pace.sample.measured - pace.forgone;
                let end = pace.window.end();
                let later =
                    Window::try_new(until, end).map_or(0.0, |all| self.traffic_in(own, all));
                // The plan is done a little before its last day is.
                let later = later - (1.0 - self.config.finish.as_f64()) * later.min(1.0);
                let share = if later > 0.0 { (traffic / times / later).min(1.0) } else { 0.0 };
                Nanos::floor_from(all.at_least_zero().as_f64() * share)
            }
            _ => portion,
        };
        let is_flight = horizon == Horizon::Flight;
        let prospect = Prospect {
            seen_to: window.start(),
            drawn: Nanos::ZERO,
            budget: if is_flight { left } else { None },
            room,
            portion: (!is_flight || room.is_none()).then_some(portion),
            x: stood.law_x.unwrap_or(prospect.x),
            x_most: going.x,
            is_held: going.is_held,
            noise: NOISE,
            lift: Some(lift),
            planned: if traffic > 0.0 { portion.as_f64() / traffic } else { 0.0 },
            level: owner.course.level(),
            ..prospect
        };
        (prospect, is_beyond)
    }

    /// Traffic that an owner expects in a window, in days of the shape's mean.
    fn traffic_in(&self, own: Slot, window: Window) -> f64 {
        let owner = &self.state.owners[own];
        let levels = self.levels(own, window.start());
        let shape = (self.shape_of(own).0, levels, owner.terms.hours);
        let days = self.state.days.from(owner.zone, window.start());
        days_of_traffic(days, shape, (window.start(), window.end()))
    }

    /// Spend at the bids it is going to make over that at its law's own, and the doubt: while it is
    /// held, and for the rest of the window.
    fn lift_over(
        &self,
        campaign: Slot,
        stood: &Stood,
        going: &Going,
        window: Window,
    ) -> ((f64, f64), bool) {
        let own = self.state.ledger.campaign(campaign).owners.own();
        let fresh = Response::new(self.state.now);
        let response = self.state.campaigns[campaign].response.as_deref().unwrap_or(&fresh);
        let from = stood.x.unwrap_or(going.x);
        let of = |x: f64| {
            let lift = lift(response, from, x);
            Lift { doubt: libm::hypot(lift.doubt, self.config.elasticity * going.doubt), ..lift }
        };
        let mut free = of(going.x_free);
        if let Some(times) = going.shared {
            // At most what its own highest bids would buy.
            let moved = SHARED_DOUBT.1 * libm::log(times.max(1e-6));
            let doubt = libm::hypot(SHARED_DOUBT.0, moved);
            let ratio = times.min(free.ratio.max(1.0));
            free = Lift { ratio, doubt, is_beyond: false, ..free };
        }
        let Some(until) = going.until.filter(|&until| until > window.start()) else {
            return ((free.ratio, free.doubt), free.is_beyond);
        };
        let held = of(going.x);
        if until >= window.end() {
            return ((held.ratio, held.doubt), held.is_beyond);
        }
        let held_for = Window::try_new(window.start(), until);
        let first = held_for.map_or(0.0, |held| self.traffic_in(own, held));
        let all = self.traffic_in(own, window).max(1e-9);
        let share = (first / all).clamp(0.0, 1.0);
        let mix = |held: f64, free: f64| share * held + (1.0 - share) * free;
        let mixed = (mix(held.ratio, free.ratio), mix(held.doubt, free.doubt));
        (mixed, held.is_beyond || free.is_beyond)
    }
}

/// By how much a loosened target lifts what it allows, in limit::x_of(multiplier).
fn loosened(stood: &Stood, now: Option<ReturnTarget>) -> f64 {
    let (Some(before), Some(now)) = (stood.target, now) else { return 0.0 };
    let ratio = now.cost_per_result() / before.cost_per_result();
    let is_ratio = ratio > 0.0 && ratio.is_finite();
    if is_ratio { libm::log(ratio) / RETURN_ELASTICITY } else { 0.0 }
}

/// From one limit::x_of(multiplier × participation) to another. Below the least multiplier
/// participation falls instead, and spend with it.
pub(super) fn lift(response: &Response, from: f64, to: f64) -> Lift {
    if (to - from).abs() <= NEAR {
        return Lift { ratio: 1.0, doubt: 0.0, ..response.lift(from, to) };
    }
    let lowest = limit::LN_MULTIPLIER_MIN;
    let part = |x: f64| (x - lowest).min(0.0);
    let lift = response.lift(from.max(lowest), to.max(lowest));
    Lift { ratio: lift.ratio * libm::exp(part(to) - part(from)), ..lift }
}
