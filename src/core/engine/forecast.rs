//! What campaigns will have spent by the end of their day and flight.
//!
//! Gathers what is left and what lies ahead from books, plans and shapes. Changes nothing: called
//! by explanations alone.

use super::Engine;
use super::owner::Pace;
use super::reading::calibration;
use crate::budget::{Budgets, Horizon};
use crate::forecast::{DayAhead, Forecast, Prospect};
use crate::hours::HoursOfWeek;
use crate::input::LocalDay;
use crate::ledger::{Book, Slot};
use crate::pace::{PacingLaw, limit};
use crate::plan::{DayLevels, TrafficShape, days_of_traffic};
use crate::report::{Reason, ShapeOrigin};
use crate::units::{CampaignId, Nanos, Timestamp, Window};

impl<L: PacingLaw> Engine<L> {
    /// What a campaign's spend will come to by the end of its local day and of its flight, as far
    /// as its own budgets bound it and its calendar is known; nothing for an unknown one.
    #[must_use]
    pub fn forecasts(&self, campaign: CampaignId) -> Vec<Forecast> {
        self.prospects(campaign).iter().map(Forecast::of).collect()
    }

    /// What those are made of, the day's first.
    #[must_use]
    pub fn prospects(&self, campaign: CampaignId) -> Vec<Prospect> {
        let Some(slot) = self.state.ledger.slot_of(campaign) else { return Vec::new() };
        let own = self.state.ledger.campaign(slot).owners.own();
        let Some(pace) = &self.state.owners[own].pace else { return Vec::new() };
        let zone = self.state.owners[own].zone;
        let flights = &self.state.ledger.book(own).budgets().flights;
        let flight = flights.iter().map(|flight| flight.window).find(|&one| one == pace.window);
        let day = self.state.days.window_at(zone, Horizon::Day, pace.stepped_to);
        let day = day.and_then(|day| day.intersect(pace.window));
        let windows = [(Horizon::Day, day), (Horizon::Flight, flight)];
        let known = windows.into_iter().filter_map(|(horizon, window)| Some((horizon, window?)));
        known.map(|(horizon, window)| self.prospect(slot, pace, horizon, window)).collect()
    }

    pub(super) fn prospect(
        &self,
        campaign: Slot,
        pace: &Pace<L::State>,
        horizon: Horizon,
        window: Window,
    ) -> Prospect {
        let own = self.state.ledger.campaign(campaign).owners.own();
        let owner = &self.state.owners[own];
        let book = self.state.ledger.book(own);
        let totals = book.totals();
        let at = pace.stepped_to;
        let account = book.account_at(horizon, at);
        let x = self.config.laws.get(owner.law_choice()).signal(&pace.law).x;
        let x_max = limit::x_max(owner.multiplier_max);
        let held = self.held_at(campaign);
        // A return target holds it from there on, whatever binds at this moment.
        let returns = self.state.campaigns[campaign].returns.as_ref();
        let ceiling = returns.map_or(x_max, |returns| returns.ceiling().x);
        let ahead = self.ahead(own, Window::try_new(at, window.end()).ok());
        let traffic: f64 = ahead.iter().map(|day| day.traffic).sum();
        let left = pace.plan.curve.planned_at(window.end()) - pace.sample.measured - pace.forgone;
        let left = left.at_least_zero();
        // An account is opened by the first money that moves.
        let granted = match horizon {
            Horizon::Flight => {
                let flights = &book.budgets().flights;
                flights.iter().find(|flight| flight.window == window).and_then(|one| one.budget)
            }
            other => book.budgets().cap(other),
        };
        let budget = account.map_or(granted, |account| Some(account.cap()));
        let available = account.map_or(granted, |account| Some(account.available));
        let available = available.map(Nanos::at_least_zero);
        let (room, portion) = match horizon {
            Horizon::Flight => {
                (available.map(|free| (free - pace.plan.unplaced).at_least_zero()), None)
            }
            _ => (available, Some(left)),
        };
        let (_, margin) = self.state.ledger.campaign(campaign).at_risk();
        Prospect {
            horizon,
            window,
            seen_to: at,
            drawn: book.drawn_at(horizon, at),
            budget,
            room,
            portion,
            level: owner.course.level(),
            is_shaped: self.shape_of(own).1 != ShapeOrigin::Flat,
            x,
            x_most: held.map_or(x_max, |held| held.min(x_max)).min(ceiling),
            is_held: held.is_some() || ceiling < x_max,
            elasticity: self.config.elasticity,
            lift: None,
            noise: 1.0,
            event_price: self.state.ledger.event_price(own, Some(campaign)),
            event_prices: (totals.dearest, totals.cheapest),
            calibration: calibration(totals, &self.config, pace.sample.day_budget),
            planned: if traffic > 0.0 { left.as_f64() / traffic } else { 0.0 },
            in_flight_doubt: 0.5 * margin.as_f64(),
            ahead,
        }
    }

    /// The logarithm that a hand or another owner holds a campaign at.
    fn held_at(&self, campaign: Slot) -> Option<f64> {
        let own = self.state.ledger.campaign(campaign).owners.own();
        let campaign = &self.state.campaigns[campaign];
        let is_held = match campaign.reason {
            Reason::Frozen | Reason::Fixed | Reason::Capped | Reason::Returns => true,
            Reason::Law | Reason::Minimum | Reason::Brake => campaign.binding != Some(own),
            _ => false,
        };
        is_held.then_some(campaign.applied_x)
    }

    /// The local days of a window, and what their caps leave; one stretch where there are no caps.
    pub(super) fn ahead(&self, own: Slot, window: Option<Window>) -> Vec<DayAhead> {
        let Some(window) = window else { return Vec::new() };
        let owner = &self.state.owners[own];
        let shape = self.shape_of(own).0;
        let shape = (shape, self.levels(own, window.start()), owner.terms.hours);
        let days = self.state.days.from(owner.zone, window.start());
        let book = self.state.ledger.book(own);
        let Some(cap) = book.budgets().cap(Horizon::Day) else {
            let traffic = days_of_traffic(days, shape, (window.start(), window.end()));
            return vec![DayAhead { traffic, room: None }];
        };
        let today = book.account_at(Horizon::Day, window.start());
        let used = today.map_or(cap, |account| account.available.at_least_zero());
        capped(days, shape, window, (used, cap))
    }
}

/// The local days of a window under a campaign's day cap, with what the cap leaves of the day that
/// `book` has spent in; one stretch where there is no cap.
pub(super) fn days_under_cap(
    days: &[LocalDay],
    shape: (&TrafficShape, DayLevels<'_>, HoursOfWeek),
    window: Window,
    budgets: &Budgets,
    book: Option<&Book>,
) -> Vec<DayAhead> {
    let Some(cap) = budgets.cap(Horizon::Day) else {
        let traffic = days_of_traffic(days, shape, (window.start(), window.end()));
        return vec![DayAhead { traffic, room: None }];
    };
    let drawn = book.map_or(Nanos::ZERO, |book| book.drawn_at(Horizon::Day, window.start()));
    capped(days, shape, window, ((cap - drawn).at_least_zero(), cap))
}

/// Each known day with what its cap leaves, then the unknown rest in days of 24 hours.
fn capped(
    days: &[LocalDay],
    shape: (&TrafficShape, DayLevels<'_>, HoursOfWeek),
    window: Window,
    (today, cap): (Nanos, Nanos),
) -> Vec<DayAhead> {
    let traffic = |from: Timestamp, until: Timestamp| days_of_traffic(days, shape, (from, until));
    let mut ahead = Vec::new();
    let mut at = window.start();
    for day in days {
        let Some(part) = day.window.intersect(window) else { continue };
        let room = if day.window.contains(window.start()) { today } else { cap };
        ahead.push(DayAhead { traffic: traffic(part.start(), part.end()), room: Some(room) });
        at = part.end();
    }
    if at < window.end() {
        let count = (window.end() - at).ratio_to(crate::units::Span::DAY);
        let room = Nanos::floor_from(cap.as_f64() * count.max(1.0));
        ahead.push(DayAhead { traffic: traffic(at, window.end()), room: Some(room) });
    }
    ahead
}
