//! What a campaign with a return target has won in its flight, and the law that keeps it to it.
//!
//! Worth and cost come with the same events, so that late ones put neither ahead of the other and
//! silence moves nothing. Kept beside the campaign; called by the engine.

use super::Engine;
use crate::campaign::ReturnTarget;
use crate::ledger::{Posted, Slot};
use crate::pace::PacingLaw;
use crate::pace::limit;
use crate::pace::returns::{ReturnSample, ReturnState};
use crate::report::ReturnExplanation;
use crate::table::EntryState;
use crate::units::{Nanos, PacingMultiplier, Results, Timestamp, Window};
use serde::{Deserialize, Serialize};

/// How high a campaign may bid for its returns' sake.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Ceiling {
    /// ln(multiplier × participation).
    pub x: f64,
    pub multiplier: f64,
    pub participation: f64,
}

/// A flight's results so far, and the law; the target is the specification's.
///
/// Worth and cost are both as expected at the win: what predictions have wrong about clicks strikes
/// results and billing alike.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub(super) struct Returns {
    /// The flight; absent before the first.
    window: Option<Window>,
    results: Results,
    /// At the target in force at each win.
    worth: Nanos,
    cost: Nanos,
    /// Sum over wins that cost more than they are worth of the square of the difference, in nanos².
    losses: f64,
    wins: u64,
    law: ReturnState,
    stepped_to: Timestamp,
    gone_minutes: f64,
}

impl Returns {
    /// A win was posted, or a billing without one.
    pub(super) fn note(&mut self, target: ReturnTarget, posted: &Posted, expected: Results) {
        if !self.window.is_some_and(|window| window.contains(posted.served_at)) {
            return;
        }
        let worth = Nanos::floor_from(target.worth(expected));
        self.results = self.results.saturating_add(expected);
        self.worth = self.worth.saturating_add(worth);
        self.cost = self.cost.saturating_add(posted.committed);
        let loss = (posted.committed.as_f64() - worth.as_f64()).max(0.0);
        self.losses += loss * loss;
        self.wins = self.wins.saturating_add(1);
    }

    /// Another flight begins with empty hands, and with the level that the last one found. One
    /// whose dates were edited goes on, as its account does.
    fn enter(&mut self, window: Window, now: Timestamp) {
        if self.window == Some(window) {
            return;
        }
        if self.window.is_some_and(|before| before.intersect(window).is_some()) {
            self.window = Some(window);
            return;
        }
        let law = self.law.next();
        *self = Self { window: Some(window), law, stepped_to: now, ..Self::default() };
    }

    /// Steps the law to the watermark, or lets the time pass while nothing may be won.
    fn step(&mut self, mark: Timestamp, seen: &Seen) {
        let Some(window) = self.window else { return };
        let mark = window.clamp(mark);
        let elapsed = (mark - self.stepped_to).as_minutes();
        if elapsed <= 0.0 {
            return;
        }
        self.stepped_to = mark;
        self.gone_minutes += elapsed * seen.weight;
        if !seen.runs {
            return;
        }
        self.law.advance(&ReturnSample {
            traffic_minutes: (elapsed * seen.weight).min(seen.minutes_max),
            worth: self.worth.as_f64(),
            cost: self.cost.as_f64(),
            losses: self.losses,
            wins: count(self.wins),
            gone_minutes: self.gone_minutes,
            left_minutes: (window.end() - mark).as_minutes(),
            multiplier_max: seen.multiplier_max,
        });
    }

    pub(super) fn ceiling(&self) -> Ceiling {
        let (multiplier, participation) = limit::split(self.law.x);
        Ceiling { x: self.law.x, multiplier, participation }
    }

    /// Budgets hold the campaign lower, or a hand holds it.
    pub(super) fn track(&mut self, applied_x: f64, is_held: bool) {
        if is_held {
            self.law.follow(applied_x);
        } else {
            self.law.bound(applied_x);
        }
    }

    pub(super) fn explain(&self, target: ReturnTarget) -> ReturnExplanation {
        ReturnExplanation {
            target,
            window: self.window,
            results: self.results,
            worth: self.worth,
            cost: self.cost,
            reserve: Nanos::floor_from(self.law.reserve),
            law: self.law,
        }
    }
}

/// What a step sees of the campaign beside its results.
struct Seen {
    /// Of the traffic expected, the share that came.
    weight: f64,
    /// It bids.
    runs: bool,
    /// More traffic time than this is not made up for at once, in minutes.
    minutes_max: f64,
    multiplier_max: PacingMultiplier,
}

#[expect(clippy::cast_precision_loss, reason = "counts for control")]
fn count(wins: u64) -> f64 {
    wins as f64
}

impl<L: PacingLaw> Engine<L> {
    /// Steps a campaign's return law, if it has one, and says what it allows.
    pub(super) fn step_returns(
        &mut self,
        now: Timestamp,
        slot: Slot,
        mark: Option<Timestamp>,
    ) -> Option<Ceiling> {
        let minutes_max = self.step_minutes_max(now);
        let campaign = &mut self.state.campaigns[slot];
        let returns = campaign.returns.as_mut()?;
        let spec = &campaign.entered.spec;
        if let Some(flight) = spec.flight_at(now) {
            returns.enter(flight.window, now);
        }
        let own = self.state.ledger.campaign(slot).owners.own();
        let seen = Seen {
            weight: self.state.owners[own].traffic.weight(),
            runs: campaign.entry.is_some_and(|entry| entry.state == EntryState::Run),
            minutes_max,
            multiplier_max: spec.multiplier_max,
        };
        returns.step(mark.unwrap_or(Timestamp::MIN), &seen);
        Some(returns.ceiling())
    }
}
