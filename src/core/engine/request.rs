//! What an owner asks of the planner, and when it asks again.
//!
//! Reads budgets, books and terms; decides nothing. Called by the owner when it plans anew.

use crate::budget::Horizon;
use crate::campaign::DeliveryMode;
use crate::engine::owner::{Owner, OwnerView};
use crate::engine::reading::DayMark;
use crate::plan::{CatchUp, DayLevels, PlanCaps, PlanRequest, PlanUse};
use crate::units::{Nanos, Span, Timestamp, Window};

impl<S: Clone> Owner<S> {
    pub(super) fn request<'a, L>(
        &self,
        at: Timestamp,
        window: Window,
        view: &'a OwnerView<'_, L>,
    ) -> PlanRequest<'a> {
        let budgets = view.book.budgets();
        let drawn = |horizon| {
            view.book.account_at(horizon, at).map_or(Nanos::ZERO, |account| account.drawn())
        };
        let cap = |horizon| {
            let held = view.book.account_at(horizon, at).map(|account| account.adjusted);
            budgets.cap(horizon).map(|cap| (cap + held.unwrap_or(Nanos::ZERO)).at_least_zero())
        };
        let flight = budgets.flights.iter().find(|flight| flight.window == window);
        let left = flight.and_then(|flight| flight.budget).map(|budget| {
            let account = view.book.account_at(Horizon::Flight, at);
            account.map_or(budget, |account| account.available).at_least_zero()
        });
        PlanRequest {
            now: at,
            window,
            left,
            days: view.days.from(self.zone, self.calendar_from(at, window)),
            shape: view.curve.unwrap_or(view.shape),
            levels: if view.curve.is_some() { DayLevels::USUAL } else { view.levels },
            hours: self.terms.hours,
            delivery: self.delivery,
            ahead: self.terms.ahead,
            catch_up: None,
            caps: PlanCaps {
                month: cap(Horizon::Month),
                day: cap(Horizon::Day),
                hour: cap(Horizon::Hour),
            },
            used: PlanUse {
                month: drawn(Horizon::Month),
                day: drawn(Horizon::Day),
                hour: drawn(Horizon::Hour),
            },
            recent: Nanos::ZERO,
            finish: view.config.finish,
        }
    }

    /// What a day may make up for, of a flight with a budget.
    pub(super) fn catch_up<L>(
        &self,
        at: Timestamp,
        window: Window,
        day: DayMark,
        view: &OwnerView<'_, L>,
    ) -> Option<CatchUp> {
        let most = self.terms.catch_up?;
        let flights = &view.book.budgets().flights;
        let budget = flights.iter().find(|flight| flight.window == window)?.budget?;
        let drawn = view.book.drawn_at(Horizon::Flight, at);
        Some(CatchUp { most, budget, today: day.drawn.map(|before| drawn - before) })
    }

    /// How far back the planner wants to know the calendar.
    fn calendar_from(&self, at: Timestamp, window: Window) -> Timestamp {
        match self.delivery {
            DeliveryMode::Ahead => window.start(),
            _ if self.terms.catch_up.is_some() => window.start(),
            DeliveryMode::Even | DeliveryMode::Asap => at - Span::DAY,
        }
    }

    /// The next regular plan: an interval on, or the next window of a cap, whichever is first.
    pub(super) fn next_plan<L>(&self, view: &OwnerView<'_, L>) -> Timestamp {
        let edges = Horizon::ALL.into_iter().filter_map(|horizon| {
            let is_held = horizon == Horizon::Day && self.terms.catch_up.is_some();
            let is_edge = is_held || view.book.budgets().cap(horizon).is_some();
            is_edge.then_some(())?;
            view.days.window_at(self.zone, horizon, view.now).map(Window::end)
        });
        edges.chain([view.now + view.config.replan_interval]).min().unwrap_or(view.now)
    }
}
