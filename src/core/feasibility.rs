//! What of a plan cannot come true: warnings from a closed list, each with its evidence in numbers.
//!
//! Pure: what is known of a campaign or of an owner of shared budgets in, warnings out. A warning
//! refuses nothing. The engine gathers the facts when a catalogue is edited or tried; the words are
//! those of `docs/GLOSSARY.md`, the thresholds of `docs/CONTROL.md`.

use crate::budget::{BudgetOwner, Horizon};
use crate::campaign::{BillingEvent, CampaignSpec};
use crate::diagnosis::{Figure, Unit};
use crate::forecast::Forecast;
use crate::units::{Nanos, Span, Window};
use serde::Serialize;

/// Chance of money left over from which a budget is out of reach: one in ten may yet be spent.
const SHORT: f64 = 0.9;
/// What the caps leave no room for is told from this share of the budget on.
const UNPLACED: f64 = 0.005;
/// Bids below the floors, of all it would have made, from which floors keep it out ...
const FLOORED: f64 = 0.9;
/// ... of at least so many.
const FLOORED_BIDS: f64 = 100.0;

/// What cannot come true.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum WarningKind {
    /// Its flights have ended.
    FlightOver,
    /// No hour of the flight is one in which it may deliver and has traffic.
    NoHours,
    /// Its own caps leave no room for its budget.
    CapsBelowBudget,
    /// Its own caps leave no room for its minimum.
    MinimumAboveCaps,
    /// What there is to buy does not cost as much as its budget.
    OutOfReach,
    /// One event costs more than an hour's cap or a day's part of its budgets.
    DearEvent,
    /// It may bid no more than less than the cheapest event costs, or than the floors.
    BelowMarket,
    /// Billing takes longer than the flight.
    ShorterThanDelay,
    /// It may spend more than the group or advertiser that it belongs to.
    AboveParent,
    /// All that belong to it may not spend as much together as it.
    AboveMembers,
    /// Minima of those that belong to it are more than it may spend.
    MinimaAboveBudget,
}

impl WarningKind {
    /// All of them.
    pub const ALL: [Self; 11] = [
        Self::FlightOver,
        Self::NoHours,
        Self::CapsBelowBudget,
        Self::MinimumAboveCaps,
        Self::OutOfReach,
        Self::DearEvent,
        Self::BelowMarket,
        Self::ShorterThanDelay,
        Self::AboveParent,
        Self::AboveMembers,
        Self::MinimaAboveBudget,
    ];

    /// The word for it in answers and on the wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::FlightOver => "flight_over",
            Self::NoHours => "no_hours",
            Self::CapsBelowBudget => "caps_below_budget",
            Self::MinimumAboveCaps => "minimum_above_caps",
            Self::OutOfReach => "out_of_reach",
            Self::DearEvent => "dear_event",
            Self::BelowMarket => "below_market",
            Self::ShorterThanDelay => "shorter_than_delay",
            Self::AboveParent => "above_parent",
            Self::AboveMembers => "above_members",
            Self::MinimaAboveBudget => "minima_above_budget",
        }
    }
}

/// One warning.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Warning {
    /// Whom it is about.
    pub owner: BudgetOwner,
    /// Path of the field of its specification, e.g. `flights[1].budget`.
    pub field: String,
    /// What cannot come true.
    pub kind: WarningKind,
    /// What speaks for it.
    pub figures: Vec<Figure>,
}

/// What a look at an edit told.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub struct Feasibility {
    /// By owner, in the order of the edit.
    pub warnings: Vec<Warning>,
    /// Campaigns, groups and advertisers of the edit beyond those that were looked at.
    pub unexamined: usize,
}

/// What lies ahead of a flight.
#[derive(Debug, Clone, PartialEq)]
pub struct FlightAhead {
    /// Its place among the flights.
    pub index: usize,
    /// What of it is not over.
    pub ahead: Window,
    /// What is left of its budget.
    pub left: Option<Nanos>,
    /// Traffic in the hours in which it may deliver, in days of mean traffic.
    pub traffic: f64,
    /// What its own caps leave no room for, of its budget.
    pub unplaced: Nanos,
    /// The same of what is left of its minimum.
    pub minimum_unplaced: Nanos,
    /// What its spend can come to, where anything is known of the market.
    pub forecast: Option<Forecast>,
}

/// What is known of the market that a campaign buys in.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Market {
    /// Campaigns that it was learnt from, where not from itself.
    pub siblings: usize,
    /// Mean price of a billing event in nanos; 0 if unknown.
    pub event_price: f64,
    /// The cheapest recent one; 0 if unknown.
    pub cheapest: f64,
    /// Share of its bids that were below the floor at as high a multiplier as it may have, and how
    /// many it would have made; only from itself.
    pub below_floor: Option<(f64, f64)>,
    /// Nine billings in ten, and reports of them, take no longer.
    pub delay: Span,
}

/// All that is known of a campaign as it would be.
#[derive(Debug, Clone)]
pub struct Candidate<'a> {
    /// As it would be.
    pub spec: &'a CampaignSpec,
    /// Flights that are not over, in order.
    pub flights: Vec<FlightAhead>,
    /// The market.
    pub market: Market,
}

/// An owner of shared budgets and those that it pays for directly.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Family {
    /// What the owner may spend, by horizon: field, amount, and the sum of what its members may,
    /// where every one of them is bounded.
    pub bounds: Vec<Bound>,
    /// Its least budget that minima are paid from: field, amount, and the sum of its members'
    /// minima.
    pub minima: Vec<(String, Nanos, Nanos)>,
}

/// One horizon of a [`Family`].
#[derive(Debug, Clone, PartialEq)]
pub struct Bound {
    /// Path of the owner's field.
    pub field: String,
    /// Over what stretch.
    pub horizon: Horizon,
    /// What the owner may spend in it.
    pub amount: Nanos,
    /// What its members may, together; absent where one may spend anything.
    pub together: Option<Nanos>,
    /// Members that may spend more than the owner each: whom, field, how much.
    pub above: Vec<(BudgetOwner, String, Nanos)>,
}

const fn figure(name: &'static str, value: f64, unit: Unit) -> Figure {
    Figure { name, value, unit }
}

fn nanos(name: &'static str, amount: Nanos) -> Figure {
    figure(name, amount.as_f64(), Unit::Nanos)
}

fn minutes(name: &'static str, span: Span) -> Figure {
    figure(name, span.as_minutes(), Unit::Minutes)
}

/// What of a campaign cannot come true: each kind once, of the first flight that shows it.
#[must_use]
pub fn of_campaign(candidate: &Candidate<'_>) -> Vec<Warning> {
    let spec = candidate.spec;
    let owner = BudgetOwner::Campaign(spec.id);
    let mut warnings: Vec<Warning> = Vec::new();
    let mut warn = |kind, field: String, figures: Vec<Figure>| {
        if warnings.iter().all(|told| told.kind != kind) {
            warnings.push(Warning { owner, field, kind, figures });
        }
    };
    if candidate.flights.is_empty() {
        warn(WarningKind::FlightOver, "flights".to_owned(), Vec::new());
    }
    for flight in &candidate.flights {
        of_flight(candidate, flight, &mut warn);
    }
    let Market { siblings, cheapest, below_floor, .. } = candidate.market;
    let is_by_win = spec.billing == BillingEvent::Impression;
    if let Some(cap) = spec.value_cap.filter(|_| is_by_win && cheapest > 0.0) {
        let most = cap.per_impression();
        if most.as_f64() < cheapest {
            let figures = vec![
                nanos("value_cap", most),
                figure("cheapest_event", cheapest, Unit::Nanos),
                seen_at(siblings),
            ];
            warn(WarningKind::BelowMarket, "value_cap".to_owned(), figures);
        }
    }
    if let Some((share, bids)) = below_floor
        && share >= FLOORED
        && bids >= FLOORED_BIDS
    {
        let figures = vec![
            figure("multiplier_max", spec.multiplier_max.ppm().as_f64(), Unit::Multiplier),
            figure("asks_below_floor", share, Unit::Share),
            figure("asks", bids, Unit::Count),
        ];
        warn(WarningKind::BelowMarket, "multiplier_max".to_owned(), figures);
    }
    warnings
}

/// How many campaigns a figure was learnt from, beside itself.
fn seen_at(siblings: usize) -> Figure {
    figure("siblings", f64::from(u32::try_from(siblings).unwrap_or(u32::MAX)), Unit::Count)
}

fn of_flight(
    candidate: &Candidate<'_>,
    flight: &FlightAhead,
    warn: &mut impl FnMut(WarningKind, String, Vec<Figure>),
) {
    let (spec, market) = (candidate.spec, &candidate.market);
    let place = format!("flights[{}]", flight.index);
    let ahead = flight.ahead.span();
    if flight.traffic <= 0.0 {
        let hours = spec.terms.hours.iter().count();
        let hours = f64::from(u32::try_from(hours).unwrap_or(u32::MAX));
        let figures = vec![minutes("flight", ahead), figure("hours_of_week", hours, Unit::Count)];
        warn(WarningKind::NoHours, "hours".to_owned(), figures);
        return;
    }
    let left = flight.left.unwrap_or(Nanos::ZERO);
    if flight.unplaced.as_f64() > UNPLACED * left.as_f64() {
        let figures =
            vec![nanos("budget_left", left), nanos("room_under_caps", left - flight.unplaced)];
        warn(WarningKind::CapsBelowBudget, format!("{place}.budget"), figures);
    }
    if let Some(minimum) = spec.terms.minimum
        && flight.minimum_unplaced.as_f64() > UNPLACED * minimum.as_f64()
    {
        let figures =
            vec![nanos("minimum", minimum), nanos("no_room_for", flight.minimum_unplaced)];
        warn(WarningKind::MinimumAboveCaps, "minimum".to_owned(), figures);
    }
    if let Some(told) = &flight.forecast
        && let Some(short) = told.short.filter(|&short| short >= SHORT)
    {
        let figures = vec![
            nanos("budget_left", left),
            nanos("reach_low", told.low),
            nanos("reach_middle", told.middle),
            nanos("reach_high", told.high),
            figure("chance_of_money_left", short, Unit::Share),
            minutes("time_left", ahead),
            seen_at(market.siblings),
        ];
        warn(WarningKind::OutOfReach, format!("{place}.budget"), figures);
    }
    dear_event(candidate, flight, &place, warn);
    if market.delay >= ahead {
        let figures = vec![minutes("flight", ahead), minutes("delay", market.delay)];
        warn(WarningKind::ShorterThanDelay, place, figures);
    }
}

/// One event against an hour's cap, a day's cap and a day's even part of what is left.
fn dear_event(
    candidate: &Candidate<'_>,
    flight: &FlightAhead,
    place: &str,
    warn: &mut impl FnMut(WarningKind, String, Vec<Figure>),
) {
    let price = candidate.market.event_price;
    let days = flight.ahead.span().ratio_to(Span::DAY).max(1.0);
    let even = flight.left.map(|left| ("day_budget", left.as_f64() / days, "budget"));
    let caps = candidate.spec.budgets.caps.iter().map(|cap| match cap.horizon {
        Horizon::Hour => ("hour_cap", cap.amount.as_f64(), "caps"),
        Horizon::Day => ("day_cap", cap.amount.as_f64(), "caps"),
        Horizon::Month | Horizon::Flight => ("month_cap", cap.amount.as_f64(), "caps"),
    });
    let least = even.into_iter().chain(caps).min_by(|a, b| a.1.total_cmp(&b.1));
    if let Some((name, amount, field)) = least.filter(|least| price > least.1) {
        let figures = vec![
            figure("event_price", price, Unit::Nanos),
            figure(name, amount, Unit::Nanos),
            seen_at(candidate.market.siblings),
        ];
        let field = if field == "budget" { format!("{place}.budget") } else { field.to_owned() };
        warn(WarningKind::DearEvent, field, figures);
    }
}

/// What of shared budgets cannot come true.
#[must_use]
pub fn of_family(owner: BudgetOwner, family: &Family) -> Vec<Warning> {
    let mut warnings = Vec::new();
    for bound in &family.bounds {
        for (member, field, amount) in &bound.above {
            let figures = vec![nanos("may_spend", *amount), nanos("parent_may", bound.amount)];
            let (owner, field) = (*member, field.clone());
            warnings.push(Warning { owner, field, kind: WarningKind::AboveParent, figures });
        }
        if let Some(together) = bound.together.filter(|&together| together < bound.amount) {
            let figures = vec![nanos("may_spend", bound.amount), nanos("members_may", together)];
            let (field, kind) = (bound.field.clone(), WarningKind::AboveMembers);
            warnings.push(Warning { owner, field, kind, figures });
        }
    }
    for (field, amount, minima) in &family.minima {
        if minima > amount {
            let figures = vec![nanos("may_spend", *amount), nanos("minima", *minima)];
            let (field, kind) = (field.clone(), WarningKind::MinimaAboveBudget);
            warnings.push(Warning { owner, field, kind, figures });
        }
    }
    warnings
}
