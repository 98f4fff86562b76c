//! What a campaign with a return target has won in its flight, and the law that keeps it to it.
//!
//! Worth and cost come with the same events, so that late ones put neither ahead of the other and
//! silence moves nothing. Kept beside the campaign; called by the engine.

use super::owner::calibration;
use super::{Engine, EngineConfig};
use crate::campaign::ReturnTarget;
use crate::ledger::{Posted, Slot, SpendTotals};
use crate::pace::PacingLaw;
use crate::pace::limit;
use crate::pace::returns::{ReturnSample, ReturnState};
use crate::report::ReturnExplanation;
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

/// A flight's results so far, and the law.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Returns {
    pub target: ReturnTarget,
    /// The flight; absent before the first.
    window: Option<Window>,
    results: Results,
    cost: Nanos,
    /// Sum of (worth − cost)² over wins, in nanos².
    squares: f64,
    wins: u64,
    law: ReturnState,
    stepped_to: Timestamp,
    gone_minutes: f64,
    /// Billed over expected, as of the last step.
    calibration: f64,
}

impl Returns {
    pub(super) fn new(target: ReturnTarget) -> Self {
        Self {
            target,
            window: None,
            results: Results::ZERO,
            cost: Nanos::ZERO,
            squares: 0.0,
            wins: 0,
            law: ReturnState::default(),
            stepped_to: Timestamp::MIN,
            gone_minutes: 0.0,
            calibration: 1.0,
        }
    }

    /// Whether another target counts the same results.
    pub(super) fn is_like(&self, target: ReturnTarget) -> bool {
        self.target.as_str() == target.as_str()
    }

    /// A win was posted, or a billing without one.
    pub(super) fn note(&mut self, posted: &Posted, expected: Results) {
        if !self.window.is_some_and(|window| window.contains(posted.served_at)) {
            return;
        }
        let gap = self.target.worth(expected) - posted.committed.as_f64();
        self.results = self.results.saturating_add(expected);
        self.cost = self.cost.saturating_add(posted.committed);
        self.squares += gap * gap;
        self.wins = self.wins.saturating_add(1);
    }

    /// Another flight begins with empty hands, and with the level that the last one ended with.
    fn enter(&mut self, window: Window, now: Timestamp) {
        if self.window != Some(window) {
            let law = self.law;
            *self = Self { window: Some(window), law, stepped_to: now, ..Self::new(self.target) };
        }
    }

    /// Steps the law to the watermark.
    fn step(
        &mut self,
        mark: Timestamp,
        weight: f64,
        calibration: f64,
        multiplier_max: PacingMultiplier,
    ) {
        let Some(window) = self.window else { return };
        let elapsed = (window.clamp(mark) - self.stepped_to).as_minutes();
        if elapsed <= 0.0 {
            return;
        }
        self.stepped_to = window.clamp(mark);
        let minutes = elapsed * weight;
        self.gone_minutes += minutes;
        self.calibration = calibration;
        self.law.advance(&ReturnSample {
            traffic_minutes: minutes,
            worth: self.target.worth(self.results),
            cost: self.cost.as_f64() * calibration,
            squares: self.squares,
            wins: count(self.wins),
            gone_minutes: self.gone_minutes,
            left_minutes: (window.end() - self.stepped_to).as_minutes(),
            multiplier_max,
        });
    }

    fn ceiling(&self) -> Ceiling {
        let (multiplier, participation) = limit::split(self.law.x);
        Ceiling { x: self.law.x, multiplier, participation }
    }

    /// Budgets or hands hold the campaign lower.
    pub(super) fn bound(&mut self, applied_x: f64) {
        self.law.bound(applied_x);
    }

    pub(super) fn explain(&self) -> ReturnExplanation {
        ReturnExplanation {
            target: self.target,
            window: self.window,
            results: self.results,
            worth: Nanos::floor_from(self.target.worth(self.results)),
            cost: Nanos::floor_from(self.cost.as_f64() * self.calibration),
            reserve: Nanos::floor_from(self.law.reserve),
            law: self.law,
        }
    }
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
        let campaign = &mut self.state.campaigns[slot];
        let returns = campaign.returns.as_mut()?;
        let spec = &campaign.entered.spec;
        if let Some(flight) = spec.flight_at(now) {
            returns.enter(flight.window, now);
        }
        let own = self.state.ledger.campaign(slot).owners.own();
        let totals = self.state.ledger.book(own).totals();
        let known = known(totals, &self.config);
        let weight = self.state.owners[own].traffic.weight();
        returns.step(mark.unwrap_or(Timestamp::MIN), weight, known, spec.multiplier_max);
        Some(returns.ceiling())
    }
}

/// Billed over expected of an owner, as the laws take it.
fn known<L>(totals: &SpendTotals, config: &EngineConfig<L>) -> f64 {
    // In units of what was expected so far: a fifth of it must be ripe to tell.
    calibration(totals, config, totals.expected)
}
