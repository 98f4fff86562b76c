//! The planner: flight → month → day → hour → course of the day, re-spreading what is left.
//!
//! Pure: a [`PlanRequest`] in, a [`Plan`] out. Called by the engine every hour, after an edit and
//! when a law has gone far astray. Knows nothing of laws, ledgers or campaigns.
//!
//! Money goes in proportion to expected traffic, as one multiplier would spend it, except where a
//! cap binds; what a capped window cannot take goes to the others at one common level. The plan's
//! sum equals what is left to the nano whenever the caps have room, and no cap is ever passed.
//!
//! # Example
//! A flight of Monday and Tuesday, 1 200 left, flat traffic, and a day cap of 1 000. On Monday at
//! noon 700 of Monday's cap are used. By traffic alone Monday's other 12 hours would get a third of
//! the money, 400; the cap leaves 300, so Tuesday gets 900. Monday's 300 are tight on
//! [`Horizon::Day`], Tuesday's 900 on [`Horizon::Flight`]. Both are done a little before midnight,
//! see below: B_d at noon is 300 + half a Tuesday.
//!
//! # Rules
//! - Weight zero means no traffic and gets no money. Only when nothing in the known part of the
//!   flight has traffic are all its moments taken to be alike.
//! - Real hours have their local hour's weight: on a short day one is absent, on a long day one
//!   comes twice, and an hour of half the length has half the mass.
//! - The flight's budget is spread over the traffic up to [`PlanRequest::finish`] of the flight's
//!   last local day (of the whole flight if shorter than a day), at the same level throughout. A
//!   day with a cap is done at the same share of its own traffic, and so is the last day of a
//!   capped month. The time after is planned only when the time before cannot hold the money.
//! - Without a budget the caps themselves are the plan, as far as the calendar is known, and to the
//!   end of the last known month when months are capped.
//! - `Ahead` by a fifth is done when the even plan, uncapped, would have spent five sixths; without
//!   a budget it is each capped day that is done at five sixths of its traffic.
//! - With [`CatchUp`] no local day takes more than its share of the flight's budget by traffic and
//!   what it may make up for: the rest is unplaced, and so missed. `Asap` puts the money
//!   in the first slots with traffic, as much as the caps allow.
//! - Beyond the known days traffic is the week's mean, days have 24 hours and months, from the end
//!   of the last known one, 30 days. A stretch of such days shares their caps.
//! - The curve tells slots apart today and tomorrow, at least 26 hours; from there whole days up to
//!   the eighth; from there one line. A plan never exceeds eight billion units.

pub mod curve;
mod fill;
pub mod levels;
pub mod piece;
pub mod profile;
pub mod shape;
mod traffic;
mod tree;

pub use curve::SpendCurve;
pub use levels::DayLevels;
pub use piece::Near;
pub use shape::{ShapeError, TrafficShape};

use crate::budget::Horizon;
use crate::campaign::DeliveryMode;
use crate::hours::HoursOfWeek;
use crate::input::LocalDay;
use crate::units::{Nanos, Ppm, Span, Timestamp, Window};
use curve::CurveBuilder;
use serde::{Deserialize, Serialize};
use traffic::Traffic;
use tree::{DAYS_AHEAD, PLAN_MAX, Tree, TreeBuilder};

/// Share of the last day's traffic by which a plan is done, unless told otherwise.
pub const FINISH_DEFAULT: Ppm = Ppm::new(985_000);

/// The full caps of every window of a horizon; absent where none was set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct PlanCaps {
    /// Of a calendar month.
    pub month: Option<Nanos>,
    /// Of a local day.
    pub day: Option<Nanos>,
    /// Of a local hour.
    pub hour: Option<Nanos>,
}

/// What was already drawn from the windows that hold the present moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct PlanUse {
    /// From the calendar month.
    pub month: Nanos,
    /// From the local day.
    pub day: Nanos,
    /// From the local hour.
    pub hour: Nanos,
}

/// How much of what was missed a day may make up for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CatchUp {
    /// Over its even share of the budget.
    pub most: Ppm,
    /// The flight's whole budget.
    pub budget: Nanos,
    /// What was drawn today already; absent when that is not known: then today's share is that of
    /// what is left of it.
    pub today: Option<Nanos>,
}

/// What the planner needs to know about one owner.
#[derive(Debug, Clone, Copy)]
pub struct PlanRequest<'a> {
    /// The present moment; nothing is planned before it.
    pub now: Timestamp,
    /// The flight.
    pub window: Window,
    /// What is left of the flight's budget; absent when only caps bind. Below zero counts as zero.
    pub left: Option<Nanos>,
    /// The known calendar, in order. Days that are over matter only while the flight's last day, or
    /// for [`DeliveryMode::Ahead`] the flight, reaches back into them.
    pub days: &'a [LocalDay],
    /// Expected course of traffic.
    pub shape: &'a TrafficShape,
    /// What is known of single days beside it.
    pub levels: DayLevels<'a>,
    /// Hours of the local week in which money may go out.
    pub hours: HoursOfWeek,
    /// Even, ahead or as soon as possible.
    pub delivery: DeliveryMode,
    /// How far [`DeliveryMode::Ahead`] is ahead of the even plan.
    pub ahead: Ppm,
    /// What a day may take at most; absent is anything. Of a flight with a budget alone.
    pub catch_up: Option<CatchUp>,
    /// The caps.
    pub caps: PlanCaps,
    /// What the current windows have used of them.
    pub used: PlanUse,
    /// What the owner spent in this flight inside the last 24 hours before the flight's end, up to
    /// `now`; all it spent if the flight is shorter. Zero as long as the end is further away. Only
    /// [`Plan::day_budget`] reads it.
    pub recent: Nanos,
    /// Share of the last day's traffic by which the plan is done; above one counts as one.
    pub finish: Ppm,
}

/// The plan for one local day, or for what is left of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct DayPlan {
    /// What of it lies in the flight and ahead.
    pub window: Window,
    /// What it is given, in nanos.
    pub amount: Nanos,
    /// The budget that decides the amount; absent when the day has no traffic.
    pub tight: Option<Horizon>,
}

/// What an owner should spend, and when.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Plan {
    /// Planned spend since the later of the request's moment and the flight's start.
    pub curve: SpendCurve,
    /// The known days of the flight that end within eight days.
    pub days: Vec<DayPlan>,
    /// The curve's total, in nanos.
    pub placed: Nanos,
    /// What the caps, or a lack of traffic, leave no room for; zero without a budget.
    pub unplaced: Nanos,
    /// The budget that binds first from now on.
    pub tight: Option<Horizon>,
    day_window: DayWindow,
}

/// What a plan says of one moment.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Outlook {
    /// [`SpendCurve::planned_at`].
    pub planned: Nanos,
    /// [`SpendCurve::rate_at`], in nanos per minute.
    pub rate: f64,
    /// [`Plan::day_budget`].
    pub day_budget: Nanos,
}

/// Where the 24 hours of the day-equivalent budget lie.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
struct DayWindow {
    flight: Window,
    recent: Nanos,
}

impl Plan {
    /// The day-equivalent budget: planned spend of the 24 hours from `now`, or of the flight's last
    /// 24 hours once those have begun, or of the whole flight if shorter. What lies before the plan
    /// counts as [`PlanRequest::recent`]. May be zero.
    #[must_use]
    pub fn day_budget(&self, now: Timestamp) -> Nanos {
        self.outlook(now).day_budget
    }

    /// All that the curve says of `now`.
    #[must_use]
    pub fn outlook(&self, now: Timestamp) -> Outlook {
        self.outlook_near(now, &mut Near::default())
    }

    /// The same from pieces of this curve that are at hand, once a tick and owner: most ticks do
    /// not look at the curve at all.
    #[must_use]
    pub fn outlook_near(&self, now: Timestamp, near: &mut Near) -> Outlook {
        let DayWindow { flight, recent } = self.day_window;
        let last = (flight.end() - Span::DAY).max(flight.start());
        let start = now.max(flight.start()).min(last);
        let here = near.here(&self.curve, now);
        let (planned, rate) = (here.planned_at(now), here.rate());
        let before = if start == now { planned } else { self.curve.planned_at(start) };
        let ahead = near.ahead(&self.curve, start + Span::DAY).planned_at(start + Span::DAY);
        let ahead = (ahead - before).at_least_zero();
        let recent = if start == last { recent.at_least_zero() } else { Nanos::ZERO };
        Outlook { planned, rate, day_budget: recent.saturating_add(ahead) }
    }
}

/// Plans what is left of a flight.
#[must_use]
pub fn plan(request: &PlanRequest<'_>) -> Plan {
    let from = request.now.max(request.window.start());
    let until = plan_end(request, from);
    let left = request.left.map(Nanos::at_least_zero);
    let amount = left.map_or(PLAN_MAX, |left| left.get().unsigned_abs().min(PLAN_MAX));
    if until <= from {
        return nothing(request, from);
    }
    let flat = is_without_traffic(request);
    let traffic = Traffic { flat, ..traffic(request) };
    let mut tree = TreeBuilder::new(request, traffic, (from, until)).build();
    let placed = tree.fill(amount, request.delivery, left.is_some());
    let placed = Nanos::new(i64::try_from(placed).expect("a plan is bounded"));
    let (curve, days) = (draw_curve(&tree, placed), list_days(&tree));
    Plan {
        curve,
        days,
        placed,
        unplaced: left.map_or(Nanos::ZERO, |left| left - placed),
        tight: tree.nodes.iter().find_map(|node| node.tight),
        day_window: DayWindow { flight: request.window, recent: request.recent },
    }
}

const fn traffic<'a>(request: &PlanRequest<'a>) -> Traffic<'a> {
    let &PlanRequest { days, shape, levels, hours, .. } = request;
    Traffic { days, shape, levels, hours, flat: false }
}

/// Traffic expected in `[from, until)`, in days of the shape's mean traffic.
#[must_use]
pub fn days_of_traffic(
    days: &[LocalDay],
    (shape, levels, hours): (&TrafficShape, DayLevels<'_>, HoursOfWeek),
    (from, until): (Timestamp, Timestamp),
) -> f64 {
    let traffic = Traffic { days, shape, levels, hours, flat: false };
    #[expect(clippy::cast_precision_loss, reason = "fifteen digits of traffic will do")]
    let mass = traffic.mass(from, until) as f64;
    mass / (shape.day_minutes() * 60e6)
}

/// A budget is planned to the flight's end, caps alone only as far as their windows are known.
fn plan_end(request: &PlanRequest<'_>, from: Timestamp) -> Timestamp {
    let end = request.window.end();
    if request.left.is_some() {
        return end;
    }
    let caps = request.caps;
    let Some(last) = request.days.last().filter(|day| from < day.window.end()) else {
        return from;
    };
    let known = last.window.end();
    match (caps.month, caps.day, caps.hour) {
        (None, None, None) => from,
        (Some(_), _, _) => end.min(known.max(last.month.end())),
        (None, day, hour) => {
            let hourly = hour.map_or(i128::MAX, |cap| i128::from(cap.get()) * 25);
            let daily = day.map_or(i128::MAX, |cap| i128::from(cap.get())).min(hourly);
            let count = i128::from(PLAN_MAX) / daily.max(1);
            let count = usize::try_from(count).unwrap_or(usize::MAX).max(1);
            let mut ahead = request.days.iter().filter(|day| from < day.window.end());
            end.min(ahead.nth(count - 1).map_or(known, |day| day.window.end()))
        }
    }
}

/// Whether no hour of the known part of the flight has traffic.
fn is_without_traffic(request: &PlanRequest<'_>) -> bool {
    let traffic = traffic(request);
    let (start, end) = (request.window.start(), request.window.end());
    let start = request.days.first().map_or(start, |day| day.window.start().max(start).min(end));
    !traffic.is_present(start, end)
}

fn nothing(request: &PlanRequest<'_>, at: Timestamp) -> Plan {
    Plan {
        curve: SpendCurve::empty(at),
        days: Vec::new(),
        placed: Nanos::ZERO,
        unplaced: request.left.map_or(Nanos::ZERO, Nanos::at_least_zero),
        tight: request.left.map(|_| Horizon::Flight),
        day_window: DayWindow { flight: request.window, recent: request.recent },
    }
}

fn draw_curve(tree: &Tree, placed: Nanos) -> SpendCurve {
    let mut curve = CurveBuilder::new(tree.from, tree.nodes.len());
    let mut planned = Nanos::ZERO;
    for leaf in tree.nodes.iter().filter(|node| node.horizon.is_none()) {
        planned += leaf.money();
        if leaf.has_knot && leaf.end <= tree.from + DAYS_AHEAD {
            curve.push(leaf.end, planned);
        }
    }
    curve.push(tree.until, placed);
    curve.finish()
}

fn list_days(tree: &Tree) -> Vec<DayPlan> {
    let mut days = Vec::with_capacity(9);
    for (at, day) in tree.nodes.iter().enumerate() {
        let leaves = &tree.nodes[at..day.last];
        let is_known = leaves.last().is_some_and(|leaf| leaf.has_knot);
        if day.horizon != Some(Horizon::Day) || !is_known || day.end > tree.from + DAYS_AHEAD {
            continue;
        }
        days.push(DayPlan {
            window: Window::try_new(day.start, day.end).expect("a laid day has a length"),
            amount: leaves.iter().map(fill::Node::money).sum(),
            tight: leaves.iter().filter_map(|leaf| leaf.tight).max(),
        });
    }
    days
}

#[cfg(test)]
mod tests;
