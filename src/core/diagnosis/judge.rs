//! From a case to its causes, the likeliest first.
//!
//! What stops a campaign altogether comes first, then what holds its bids at this moment, then what
//! the market does at its highest bids; what is left is ahead of its plan, or on it. The same order
//! in which the engine decides an entry. CONTROL.md (74).

use super::case::{Case, Phase, Planned};
use super::market;
use super::{Cause, CauseKind, Edit, Figure, Unit};
use crate::budget::{BudgetOwner, Horizon};
use crate::campaign::ReturnTarget;
use crate::overrides::OverrideAction;
use crate::pace::breaker::BreakerScope;
use crate::pace::returns::ELASTICITY as RETURN_ELASTICITY;
use crate::report::Reason;
use crate::units::{Nanos, Ppm, Timestamp};

/// Money that caps leave no room for, as a share of all that is left, from which they are a cause.
const UNPLACED_MIN: f64 = 0.02;
/// A budget is proposed to be raised by this factor where nobody can tell how much is needed ...
const RAISE: f64 = 1.25;
/// ... and by no more than this at once.
const RAISE_MAX: f64 = 2.0;
/// A return target is proposed to be loosened by no more than this at once.
const LOOSEN_MAX: f64 = 1.5;
/// A multiplier as near as this to a cap, in its logarithm, is held by it.
const NEAR_CAP: f64 = 0.03;

/// The causes of a case, the likeliest first; never none.
#[must_use]
pub fn causes(case: &Case) -> Vec<Cause> {
    if let Some(cause) = stopped(case) {
        return vec![cause];
    }
    if case.reason == Reason::OutsideHours {
        // As it was asked to: it bids nothing now, whatever the market has.
        return vec![cause(CauseKind::OnPlan, ON_PLAN, spend_figures(case), None)];
    }
    let mut causes = Vec::new();
    causes.extend(paused(case));
    causes.extend(spent(case));
    causes.extend(stale(case));
    causes.extend(braked(case));
    causes.extend(held(case));
    causes.extend(returns(case));
    causes.extend(budgets(case));
    causes.extend(at_most(case, causes.is_empty()));
    if causes.iter().all(|cause| cause.weight < ON_PLAN) {
        causes.push(plan(case));
    }
    causes.sort_by(|a, b| b.weight.total_cmp(&a.weight));
    causes
}

/// What weighs less is told beside being on plan.
const ON_PLAN: f64 = 0.4;

fn cause(kind: CauseKind, weight: f64, figures: Vec<Figure>, edit: Option<Edit>) -> Cause {
    Cause { kind, weight, figures, edit, effect: None }
}

fn figure(name: &'static str, value: f64, unit: Unit) -> Figure {
    Figure { name, value, unit }
}

/// What was spent and planned of late.
pub(super) fn spend_figures(case: &Case) -> Vec<Figure> {
    let hourly = |sum: f64| 60.0 * sum / case.recent.minutes.max(1e-9);
    let mut figures = vec![figure("spend_of_late", hourly(case.recent.spent), Unit::NanosPerHour)];
    if let Some(planned) = case.planned {
        figures.push(figure("planned_of_late", hourly(case.recent.planned), Unit::NanosPerHour));
        figures.push(figure("day_budget", planned.day_budget.as_f64(), Unit::Nanos));
    }
    if let Some(short) = case.forecast.and_then(|forecast| forecast.short) {
        figures.push(figure("chance_of_money_left", short, Unit::Share));
    }
    figures
}

/// It may not deliver at all.
fn stopped(case: &Case) -> Option<Cause> {
    let minutes = |until: Timestamp| (until - case.now).as_minutes();
    match case.phase {
        Phase::Before(start) => {
            let figures = vec![figure("begins_in", minutes(start), Unit::Minutes)];
            Some(cause(CauseKind::NotStarted, 1.0, figures, None))
        }
        Phase::Over(end) => {
            let figures = vec![figure("ended_before", -minutes(end), Unit::Minutes)];
            Some(cause(CauseKind::Ended, 1.0, figures, None))
        }
        Phase::In | Phase::Off => {
            let until = case.quarantined_until.filter(|&until| case.now < until)?;
            let figures = vec![figure("tried_again_in", minutes(until), Unit::Minutes)];
            Some(cause(CauseKind::Quarantined, 1.0, figures, None))
        }
    }
}

/// A hand pauses it, or it is switched off.
fn paused(case: &Case) -> Option<Cause> {
    if case.phase == Phase::Off {
        let (kind, figures) = (CauseKind::Override, spend_figures(case));
        return Some(cause(kind, 0.99, figures, Some(Edit::Activate)));
    }
    let hand = case.hands.iter().find(|hand| hand.action == OverrideAction::Pause)?;
    let mut figures =
        vec![figure("ends_in", (hand.expires_at - case.now).as_minutes(), Unit::Minutes)];
    figures.extend(spend_figures(case));
    Some(cause(CauseKind::Override, 0.99, figures, Some(Edit::Release { hand: hand.id })))
}

/// A budget is used up.
fn spent(case: &Case) -> Option<Cause> {
    // One whose plan has no event left is as good as that, though a cheap one might still fit.
    let is_done = case.planned.is_some_and(|planned| {
        planned.unplaced == Nanos::ZERO && planned.total.as_f64() < case.event_price
    });
    let spent = case.spent.filter(|_| case.reason == Reason::Exhausted || is_done)?;
    let mut figures = vec![
        figure("budget", spent.cap.as_f64(), Unit::Nanos),
        figure("available", spent.available.as_f64(), Unit::Nanos),
        figure("event_price", case.event_price, Unit::Nanos),
        figure("window_ends_in", (spent.ends - case.now).as_minutes(), Unit::Minutes),
    ];
    figures.extend(spend_figures(case));
    let to = raised(spent.cap, RAISE);
    let flight = case.planned.and_then(|planned| planned.flight).map(|(start, _)| start);
    let edit = match (spent.horizon, flight) {
        (Horizon::Flight, Some(start)) if spent.owner == case.own => {
            Some(Edit::Budget { owner: spent.owner, start, to })
        }
        (Horizon::Flight, _) => None,
        (horizon, _) => Some(Edit::Cap { owner: spent.owner, horizon, to }),
    };
    Some(cause(CauseKind::Exhausted, 0.98, figures, edit))
}

/// Its spend is not known.
fn stale(case: &Case) -> Option<Cause> {
    let is_safe = matches!(case.reason, Reason::Blind | Reason::CounterFault);
    if !is_safe && !case.is_stale {
        return None;
    }
    let mut figures = vec![figure("silence", case.silence.as_minutes(), Unit::Minutes)];
    figures.extend(spend_figures(case));
    Some(cause(CauseKind::StaleSpend, if is_safe { 0.95 } else { 0.9 }, figures, None))
}

/// The brake holds it, or a velocity breaker: a brake that tripped.
fn braked(case: &Case) -> Option<Cause> {
    if let Some((scope, trip)) = case.trip.filter(|_| case.reason == Reason::Breaker) {
        let covers = match scope {
            BreakerScope::Owner => "spent_in_six_minutes",
            BreakerScope::Account => "account_spent_in_six_minutes",
            BreakerScope::Fleet => "fleet_spent_in_six_minutes",
        };
        let held = (trip.until - case.now).as_minutes().max(0.0);
        let mut figures = vec![
            figure("participation", trip.participation, Unit::Share),
            figure(covers, trip.spent, Unit::Nanos),
            figure("allowed_in_six_minutes", trip.allowed, Unit::Nanos),
            figure("released_in", held, Unit::Minutes),
        ];
        figures.extend(spend_figures(case));
        return Some(cause(CauseKind::Brake, 0.94, figures, None));
    }
    if case.reason != Reason::Brake || case.brake >= 1.0 {
        return None;
    }
    let mut figures = vec![figure("participation", case.brake, Unit::Share)];
    figures.extend(spend_figures(case));
    Some(cause(CauseKind::Brake, 0.92, figures, None))
}

/// A hand fixes, freezes or caps it.
fn held(case: &Case) -> Option<Cause> {
    let hand = case.hands.iter().find(|hand| hand.action != OverrideAction::Pause)?;
    // A law that follows a cap lies now on it and now just below.
    let is_at = |cap: f64| libm::fabs(case.limits.x - libm::log(cap)) < NEAR_CAP;
    let is_capped = match hand.action {
        OverrideAction::Cap { multiplier } => is_at(multiplier.ppm().as_f64().max(1e-6)),
        _ => false,
    };
    let is_named = matches!(case.reason, Reason::Fixed | Reason::Frozen | Reason::Capped);
    let is_held = is_named || is_capped;
    let mut figures = vec![
        figure("multiplier", libm::exp(case.limits.x), Unit::Multiplier),
        figure("ends_in", (hand.expires_at - case.now).as_minutes(), Unit::Minutes),
    ];
    figures.extend(spend_figures(case));
    // One that lets it spend what it is to is no cause of anything, and told all the same.
    let weight = if is_held && case.is_held_back() { 0.88 } else { 0.3 };
    Some(cause(CauseKind::Override, weight, figures, Some(Edit::Release { hand: hand.id })))
}

/// What its results may cost holds it.
fn returns(case: &Case) -> Option<Cause> {
    let (target, ceiling, kept) = case.returns?;
    let is_lower = ceiling < case.limits.x_max - 0.05;
    let is_cause = case.reason == Reason::Returns && case.is_behind();
    let would_be = case.reason != Reason::Returns && is_lower && case.is_behind();
    if !is_cause && !would_be {
        return None;
    }
    let mut figures = vec![
        figure("return_allows", libm::exp(ceiling), Unit::Multiplier),
        figure("return_over_target", kept, Unit::Share),
        figure("needed", case.need(), Unit::Multiplier),
    ];
    figures.extend(spend_figures(case));
    let room = case.limits.to_most.ratio.max(1.05);
    let slope = libm::log(room) / (case.limits.x_max - case.limits.x).max(0.1);
    let step = libm::log(case.need()) / slope.max(0.5);
    let times = libm::exp(RETURN_ELASTICITY * step).clamp(1.05, LOOSEN_MAX);
    let edit = loosened(target, times).map(|to| Edit::Returns { to });
    let weight = if is_cause { 0.86 } else { 0.45 };
    Some(cause(CauseKind::ReturnLimited, weight, figures, edit))
}

fn loosened(target: ReturnTarget, times: f64) -> Option<ReturnTarget> {
    Some(match target {
        ReturnTarget::CostPerClick(most) => ReturnTarget::CostPerClick(raised(most, times)),
        ReturnTarget::CostPerAction(most) => ReturnTarget::CostPerAction(raised(most, times)),
        ReturnTarget::ReturnOnSpend(least) => {
            let least = Ppm::try_from_ratio(least.as_f64() / times)?;
            ReturnTarget::ReturnOnSpend((least.get() > 0).then_some(least)?)
        }
    })
}

/// Caps of its own, or budgets that it shares, keep it from its own budget.
fn budgets(case: &Case) -> Vec<Cause> {
    let mut causes = Vec::new();
    let is_law = matches!(case.reason, Reason::Law | Reason::Minimum);
    if let Some(shared) = case.shared.filter(|_| is_law && case.is_behind()) {
        let mut figures = vec![figure("needed", case.need(), Unit::Multiplier)];
        let cap = shared.tight.map(|(_, cap)| figure("shared_cap", cap.as_f64(), Unit::Nanos));
        figures.extend(cap);
        figures.extend(spend_figures(case));
        let times = case.need().clamp(1.1, RAISE_MAX);
        let edit =
            shared.tight.and_then(|(horizon, cap)| capped(shared.owner, horizon, cap, times));
        causes.push(cause(CauseKind::BudgetLimited, 0.84, figures, edit));
    }
    causes.extend(case.planned.and_then(|planned| own_caps(case, &planned)));
    causes
}

fn own_caps(case: &Case, planned: &Planned) -> Option<Cause> {
    let left = (planned.total + planned.unplaced).as_f64();
    if left <= 0.0 || planned.unplaced.as_f64() < UNPLACED_MIN * left {
        return None;
    }
    let mut figures = vec![
        figure("no_room_for", planned.unplaced.as_f64(), Unit::Nanos),
        figure("room_for", planned.total.as_f64(), Unit::Nanos),
    ];
    let cap = planned.tight.filter(|(horizon, _)| *horizon != Horizon::Flight);
    figures.extend(cap.map(|(_, cap)| figure("cap", cap.as_f64(), Unit::Nanos)));
    figures.extend(spend_figures(case));
    let times = (left / planned.total.as_f64().max(1.0)).clamp(1.05, RAISE_MAX);
    let edit = cap.and_then(|(horizon, cap)| capped(case.own, horizon, cap, times));
    Some(cause(CauseKind::BudgetLimited, 0.7, figures, edit))
}

fn capped(owner: BudgetOwner, horizon: Horizon, cap: Nanos, times: f64) -> Option<Edit> {
    let to = raised(cap, times);
    (horizon != Horizon::Flight && to > cap).then_some(Edit::Cap { owner, horizon, to })
}

/// So many times as much, in whole micros.
fn raised(amount: Nanos, times: f64) -> Nanos {
    let micros = Nanos::floor_from(amount.as_f64() / 1e3 * times);
    Nanos::new(micros.get().saturating_mul(1_000))
}

/// The market, at the highest bids: what is or, where something else holds it, what would be.
fn at_most(case: &Case, is_alone: bool) -> Vec<Cause> {
    let Some(planned) = case.planned else { return Vec::new() };
    if case.is_at_most() {
        // Caps of its own are a plan that it may or may not meet.
        let is_slow = case.pace().is_some_and(|pace| pace < 0.95);
        let is_missed = case.is_behind() && (planned.unplaced == Nanos::ZERO || is_slow);
        return if is_missed { market::causes(case, 0.65) } else { Vec::new() };
    }
    if is_alone || !case.is_counted || case.recent.spent <= 0.0 {
        return Vec::new();
    }
    let highest = case.limits.to_most.ratio / case.limits.participation.max(1e-3);
    if highest * 1.15 < case.need() { market::causes(case, 0.15) } else { Vec::new() }
}

/// Nothing holds it.
fn plan(case: &Case) -> Cause {
    let mut figures = spend_figures(case);
    figures.extend(case.pace().map(|pace| figure("of_plan", pace, Unit::Share)));
    let kind = if case.is_ahead() { CauseKind::Ahead } else { CauseKind::OnPlan };
    cause(kind, if kind == CauseKind::Ahead { 0.5 } else { ON_PLAN }, figures, None)
}
