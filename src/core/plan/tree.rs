//! Lays out what is left of a flight: its months, days and hours, and the traffic in them.
//!
//! Called by [`plan`](super::plan). Decides how finely each stretch is seen and which stretches
//! come last; decides no amounts.

use super::PlanRequest;
use super::fill::{Filling, Node};
use super::traffic::{Piece, Traffic, meet, micros};
use crate::budget::Horizon;
use crate::campaign::DeliveryMode;
use crate::input::LocalDay;
use crate::units::{Nanos, Span, Timestamp, Window};
use std::ops::ControlFlow;

/// Slots are kept apart at least this far ahead.
const DETAIL: Span = Span::from_mins(26 * 60);
/// The days of a plan, and the curve's knots at their ends, reach this far.
pub(super) const DAYS_AHEAD: Span = Span::DAY.times(8);
/// A month beyond the known calendar.
const UNKNOWN_MONTH: Span = Span::DAY.times(30);
/// A stretch this much longer or shorter than whole days is whole days: clocks change.
const DAY_SLACK: Span = Span::from_mins(120);
/// No plan is larger, so that its sums fit.
pub(super) const PLAN_MAX: u64 = 8_000_000_000_000_000_000;
/// Masses are halved together until their sum has at most this many bits.
const MASS_BITS: u32 = 63;
/// Later than everything.
const NEVER: Timestamp = Timestamp::from_micros(i64::MAX);

/// The moments from which a stretch is filled only when the time before them cannot hold the money.
#[derive(Debug, Clone, Copy)]
struct Closings {
    /// A plan that runs ahead is done.
    ahead: Timestamp,
    /// The flight is done.
    flight: Timestamp,
    /// The day at hand is done.
    day: Timestamp,
}

impl Closings {
    fn rank(self, at: Timestamp) -> u8 {
        if at >= self.day.min(self.flight) { 2 } else { u8::from(at >= self.ahead) }
    }

    /// The first moment after `at` at which the rank changes, at most `end`.
    fn next(self, at: Timestamp, end: Timestamp) -> Timestamp {
        let after = |moment: Timestamp| if moment > at { moment.min(end) } else { end };
        after(self.ahead).min(after(self.flight)).min(after(self.day))
    }
}

/// What is left of a flight, laid out.
pub(super) struct Tree {
    /// Parents before children, in order of time.
    pub(super) nodes: Vec<Node>,
    /// When the plan starts.
    pub(super) from: Timestamp,
    /// When it ends.
    pub(super) until: Timestamp,
}

/// Lays out `[from, until)` of a request.
pub(super) struct TreeBuilder<'a> {
    request: &'a PlanRequest<'a>,
    traffic: Traffic<'a>,
    tree: Tree,
    closings: Closings,
    detail_until: Timestamp,
    /// Traffic of the whole flight until it is done; zero where no day is held to its share.
    flight_mass: u128,
    /// Whether the next piece may join the last leaf.
    is_joinable: bool,
    last_weight: u64,
}

impl<'a> TreeBuilder<'a> {
    pub(super) fn new(
        request: &'a PlanRequest<'a>,
        traffic: Traffic<'a>,
        (from, until): (Timestamp, Timestamp),
    ) -> Self {
        let closings = closings(request, traffic);
        let done = closings.flight.min(request.window.end());
        let is_held = request.catch_up.is_some() && request.left.is_some();
        let flight_mass = if is_held { traffic.mass(request.window.start(), done) } else { 0 };
        let root = Node::branch(Horizon::Flight, (from, until));
        let mut nodes = Vec::with_capacity(64);
        nodes.push(root);
        let mut ends = request.days.iter().map(|day| day.window.end()).filter(|end| *end > from);
        let tomorrow = ends.nth(1).unwrap_or(from);
        Self {
            request,
            traffic,
            tree: Tree { nodes, from, until },
            closings,
            flight_mass,
            detail_until: tomorrow.max(from + DETAIL),
            is_joinable: false,
            last_weight: 0,
        }
    }

    pub(super) fn build(mut self) -> Tree {
        let (from, until) = (self.tree.from, self.tree.until);
        let mut cursor = from;
        let mut month: Option<(usize, Window)> = None;
        for day in self.request.days {
            if day.window.end() <= cursor || until <= day.window.start() {
                continue;
            }
            if cursor < day.window.start() {
                self.close_month(&mut month);
                self.lay_unknown(cursor, day.window.start());
            }
            if month.is_some_and(|(_, window)| window != day.month) {
                self.close_month(&mut month);
            }
            if month.is_none() {
                let room = self.room(Horizon::Month, day.month);
                let window = (day.month.start(), day.month.end());
                month = Some((self.open(Horizon::Month, window, room), day.month));
            }
            self.lay_day(day, cursor.max(day.window.start()));
            cursor = day.window.end().min(until);
        }
        if let Some((_, window)) = month
            && let Some((start, end)) = meet(cursor, window.end(), cursor, until)
        {
            self.lay_unknown_days(start, end);
            cursor = end;
        }
        self.close_month(&mut month);
        if cursor < until {
            self.lay_unknown(cursor, until);
        }
        self.close(0);
        self.tree
    }

    fn lay_day(&mut self, day: &LocalDay, from: Timestamp) {
        let until = day.window.end().min(self.tree.until);
        let whole = self.request.window.intersect(day.window).unwrap_or(day.window);
        let room = self.held((from, until), whole, self.room(Horizon::Day, day.window));
        let at = self.open(Horizon::Day, (from, until), room);
        self.closings.day = self.day_closing(day);
        let is_capped = self.request.caps.hour.is_some();
        let level = self.traffic.levels.of(day.window);
        for hour in &day.hours {
            if hour.window.end() <= from || until <= hour.window.start() {
                continue;
            }
            let is_detailed = hour.window.start() < self.detail_until;
            let branch = is_capped.then(|| {
                let room = self.room(Horizon::Hour, hour.window);
                self.open(Horizon::Hour, (hour.window.start(), hour.window.end()), room)
            });
            let traffic = self.traffic;
            let _ = traffic.walk_hour((hour, level), (from, until), &mut |piece| {
                self.lay(piece, is_detailed);
                ControlFlow::Continue(())
            });
            if let Some(branch) = branch {
                self.close(branch);
            }
        }
        self.close(at);
        self.closings.day = NEVER;
        if let Some(leaf) = self.tree.nodes.last_mut().filter(|node| node.horizon.is_none()) {
            leaf.has_knot = true;
        }
    }

    /// When the day at hand is done: a day with a cap of its own, and the last of a capped month.
    fn day_closing(&self, day: &LocalDay) -> Timestamp {
        let request = self.request;
        let ends_month = request.caps.month.is_some() && day.month.end() <= day.window.end();
        let million = u128::from(crate::units::Ppm::ONE.get());
        let finish = (u128::from(request.finish.get()), million);
        let share = match request.caps.day {
            Some(_) if request.left.is_none() && request.delivery == DeliveryMode::Ahead => {
                ahead(request)
            }
            Some(_) => finish,
            None if ends_month => finish,
            None => return NEVER,
        };
        day.window
            .intersect(request.window)
            .map_or(NEVER, |window| self.traffic.passed((window.start(), window.end()), share))
    }

    /// A stretch beyond the calendar: months of thirty days.
    fn lay_unknown(&mut self, start: Timestamp, end: Timestamp) {
        let months = whole((end - start).as_micros() / UNKNOWN_MONTH.as_micros());
        let split = start + UNKNOWN_MONTH.times(months);
        for (start, end, count) in [(start, split, months), (split, end, 1)] {
            if start < end {
                let room = self.unknown_room(Horizon::Month, start, count);
                let at = self.open(Horizon::Month, (start, end), room);
                self.lay_unknown_days(start, end);
                self.close(at);
            }
        }
    }

    /// Days of 24 hours and mean traffic, as one stretch, and a rest of a day as another.
    fn lay_unknown_days(&mut self, start: Timestamp, end: Timestamp) {
        let length = end - start;
        let days = whole((length + DAY_SLACK).as_micros() / Span::DAY.as_micros());
        let is_whole = days > 0 && length - Span::DAY.times(days) <= DAY_SLACK;
        let split = if is_whole { end } else { start + Span::DAY.times(days) };
        for (start, end, days) in [(start, split, days), (split, end, 1)] {
            if start >= end {
                continue;
            }
            let hours = whole(((end - start) + Span::HOUR).as_micros() / Span::HOUR.as_micros());
            let day_room = self.unknown_room(Horizon::Day, start, days);
            let day_room = match Window::try_new(start, end) {
                Ok(window) => self.held((start, end), window, day_room),
                Err(_) => day_room,
            };
            let hour_room = self.unknown_room(Horizon::Hour, start, hours);
            let day = self.open(Horizon::Day, (start, end), day_room);
            let hour = self.open(Horizon::Hour, (start, end), hour_room);
            if self.request.caps.day.is_some() {
                let finish = i128::from(self.request.finish.get().min(1_000_000));
                let done = i128::from((end - start).as_micros()) * finish / 1_000_000;
                let done = i64::try_from(done).expect("shorter than the stretch");
                self.closings.day = start + Span::from_micros(done);
            }
            let piece = self.traffic.unknown(start, end);
            self.lay(piece, false);
            self.closings.day = NEVER;
            self.close(hour);
            self.close(day);
        }
    }

    fn lay(&mut self, piece: Piece, is_detailed: bool) {
        let mut start = piece.start;
        while start < piece.end {
            let end = self.closings.next(start, piece.end);
            self.lay_leaf(Piece { start, end, ..piece }, is_detailed);
            start = end;
        }
    }

    /// Lays a leaf, or makes the last one longer where the curve keeps no knot between them.
    fn lay_leaf(&mut self, piece: Piece, is_detailed: bool) {
        let rank = self.closings.rank(piece.start);
        let is_even = !is_detailed
            || (piece.weight == self.last_weight && self.request.delivery != DeliveryMode::Asap);
        self.last_weight = piece.weight;
        if let Some(leaf) = self.tree.nodes.last_mut()
            && self.is_joinable
            && is_even
            && (leaf.rank, leaf.has_knot) == (rank, is_detailed)
        {
            leaf.end = piece.end;
            leaf.mass += piece.mass();
            return;
        }
        let mut leaf = Node::leaf(piece.start, piece.end, piece.mass(), rank);
        leaf.has_knot = is_detailed;
        leaf.last = self.tree.nodes.len() + 1;
        self.tree.nodes.push(leaf);
        self.is_joinable = true;
    }

    fn open(
        &mut self,
        horizon: Horizon,
        window: (Timestamp, Timestamp),
        room: Option<u64>,
    ) -> usize {
        let mut branch = Node::branch(horizon, window);
        branch.room = room;
        self.tree.nodes.push(branch);
        self.is_joinable = false;
        self.tree.nodes.len() - 1
    }

    fn close(&mut self, at: usize) {
        self.tree.nodes[at].last = self.tree.nodes.len();
        self.is_joinable = false;
    }

    fn close_month(&mut self, month: &mut Option<(usize, Window)>) {
        if let Some((at, _)) = month.take() {
            self.close(at);
        }
    }

    /// What a window may still take: its cap, less what was drawn from the current one.
    fn room(&self, horizon: Horizon, window: Window) -> Option<u64> {
        self.room_of(horizon, window.contains(self.request.now), 1)
    }

    /// The room of a day, or of several, held to its share of the flight's budget and what it may
    /// make up for. `ahead` is what of it lies ahead, `whole` its part in the flight.
    fn held(&self, ahead: (Timestamp, Timestamp), whole: Window, room: Option<u64>) -> Option<u64> {
        let Some(catch_up) = self.request.catch_up.filter(|_| self.flight_mass > 0) else {
            return room;
        };
        let done = self.closings.flight;
        let is_begun = whole.start() < ahead.0;
        let (from, drawn) = match catch_up.today {
            Some(today) if is_begun => (whole.start(), today.at_least_zero()),
            _ => (ahead.0, Nanos::ZERO),
        };
        let mass = self.traffic.mass(from, ahead.1.min(done).max(from));
        // Both fit 63 bits, and a budget 62.
        let excess = (u128::BITS - self.flight_mass.leading_zeros()).saturating_sub(MASS_BITS);
        let (mass, all) = (mass >> excess, (self.flight_mass >> excess).max(1));
        let budget = catch_up.budget.at_least_zero().get().unsigned_abs();
        let share = u128::from(budget) * mass / all;
        let most = share + share * u128::from(catch_up.most.get()) / 1_000_000;
        let most = most.saturating_sub(u128::from(drawn.get().unsigned_abs()));
        let most = u64::try_from(most).unwrap_or(u64::MAX).min(PLAN_MAX);
        Some(room.map_or(most, |room| room.min(most)))
    }

    fn unknown_room(&self, horizon: Horizon, start: Timestamp, count: i64) -> Option<u64> {
        self.room_of(horizon, start == self.request.now, count)
    }

    fn room_of(&self, horizon: Horizon, is_current: bool, count: i64) -> Option<u64> {
        let (caps, used) = (self.request.caps, self.request.used);
        let (cap, used) = match horizon {
            Horizon::Hour => (caps.hour, used.hour),
            Horizon::Day => (caps.day, used.day),
            Horizon::Month => (caps.month, used.month),
            Horizon::Flight => (None, Nanos::ZERO),
        };
        let used = if is_current { i128::from(used.get()) } else { 0 };
        let room = i128::from(cap?.get()) * i128::from(count) - used;
        Some(u64::try_from(room.max(0)).unwrap_or(u64::MAX).min(PLAN_MAX))
    }
}

impl Tree {
    /// Fills the leaves; returns what was placed.
    pub(super) fn fill(&mut self, amount: u64, delivery: DeliveryMode, is_budget: bool) -> u64 {
        self.narrow();
        let tight = is_budget.then_some(Horizon::Flight);
        if delivery == DeliveryMode::Asap {
            return Filling::new(&mut self.nodes, 0).rush(0, amount, tight);
        }
        let mut placed = 0;
        for rank in 0..3 {
            if rank == 0 || placed < amount {
                placed += Filling::new(&mut self.nodes, rank).spread(0, amount - placed, tight);
            }
        }
        placed
    }

    /// Halves all masses together until their sum leaves room for products with money.
    fn narrow(&mut self) {
        let total: u128 = self.nodes.iter().map(|node| node.mass).sum();
        let bits = u128::BITS - total.leading_zeros();
        let excess = bits.saturating_sub(MASS_BITS);
        if excess > 0 {
            for node in &mut self.nodes {
                node.mass >>= excess;
            }
        }
    }
}

/// A count of days or hours, at least zero.
fn whole(count: i64) -> i64 {
    count.max(0)
}

/// Share of its traffic by which a plan that runs ahead is done.
fn ahead(request: &PlanRequest<'_>) -> (u128, u128) {
    (1_000_000, 1_000_000 + u128::from(request.ahead.get()))
}

/// When the flight's budget is done.
fn closings(request: &PlanRequest<'_>, traffic: Traffic<'_>) -> Closings {
    let mut closings = Closings { ahead: NEVER, flight: NEVER, day: NEVER };
    if request.left.is_none() || request.delivery == DeliveryMode::Asap {
        return closings;
    }
    let flight = request.window;
    let finish = (u128::from(request.finish.get()), u128::from(crate::units::Ppm::ONE.get()));
    let last = if micros(flight.span()) < micros(Span::DAY) {
        Some(flight)
    } else {
        let mut days = request.days.iter().map(|day| day.window);
        days.find(|day| day.start() < flight.end() && flight.end() <= day.end())
            .and_then(|day| day.intersect(flight))
    };
    if let Some(last) = last {
        closings.flight = traffic.passed((last.start(), last.end()), finish);
    }
    if request.delivery == DeliveryMode::Ahead {
        let done = closings.flight.min(flight.end());
        closings.ahead = traffic.passed((flight.start(), done), ahead(request));
    }
    closings
}
