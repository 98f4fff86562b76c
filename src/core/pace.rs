//! Pacing laws: how the distance from the plan becomes a multiplier and a participation.
//!
//! Holds the trait, what a law sees and says, the laws that ship, and that of return targets. A law
//! is a pure function of its state and one sample: it knows nothing of ledgers, plans, tables or
//! clocks. Called by the engine once a tick for every owner of a budget; the equations are in
//! `docs/CONTROL.md`.

pub mod brake;
pub mod breaker;
mod evidence;
pub mod filter;
pub mod limit;
mod log_pid;
mod pass_through;
#[cfg(test)]
#[expect(clippy::float_cmp, reason = "what does not move is equal")]
mod response;
pub mod returns;
mod shipped;
mod surprise;

pub use log_pid::{GainsError, LogPidGains, LogPidState};
pub use pass_through::{PassThroughState, PassThroughStep, StepError};
pub use shipped::{Asap, AsapState, ShippedLaw, ShippedState};

use crate::units::{Nanos, PacingMultiplier, ParticipationRate, Timestamp};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::fmt::Debug;

/// What a law sees at a step: everything at the watermark.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct PaceSample {
    /// Traffic time since the last step in minutes, at least 0: time elapsed × traffic weight.
    /// 0 holds the law. More than [`limit::STEP_MINUTES_MAX`] counts as that.
    pub traffic_minutes: f64,
    /// Cumulative plan at the watermark, from the start of the curve.
    pub planned: Nanos,
    /// Cumulative spend at the watermark on the same base: the calibrated blend of billed and
    /// expected money.
    pub measured: Nanos,
    /// Day-equivalent budget: planned spend of the next 24 hours, of the whole window if shorter.
    /// Not above zero holds the law.
    pub day_budget: Nanos,
    /// 1440, or the window's length in minutes if shorter.
    pub window_minutes: f64,
    /// What is left of the window, in minutes.
    pub left_minutes: f64,
    /// Whether the course of traffic is known, supplied or learnt; else the plan is a guess.
    pub is_foreseen: bool,
    /// Billing events in a day-equivalent budget, estimated.
    pub events: f64,
    /// d ln(spend rate) / d ln(multiplier), estimated; a law clamps it to
    /// [`limit::ELASTICITY_MIN`]..=[`limit::ELASTICITY_MAX`].
    pub elasticity: f64,
    /// The most the owner's multiplier may be.
    pub multiplier_max: PacingMultiplier,
    /// What the plan spends now, less what is forgone, in nanos per minute.
    pub planned_rate: f64,
    /// What was served since the last step is expected to cost, less the share that is forgone, in
    /// nanos per minute of traffic time.
    pub spend_rate: f64,
    /// What winning every ask would cost at the mean price of a win, in nanos per minute of traffic
    /// time; 0 where asks or the price are unknown.
    pub reach: f64,
    /// How many times its forecast at the volume of the last day the traffic of late came, over its
    /// mean of eight hours, in `[1, 8]`; what is less than forecast is out of traffic time already.
    /// 1 where asks are unknown.
    pub presence: f64,
}

impl PaceSample {
    /// Nothing planned, nothing spent, no time passed.
    #[must_use]
    pub const fn blank(events: f64, elasticity: f64, multiplier_max: PacingMultiplier) -> Self {
        Self {
            traffic_minutes: 0.0,
            planned: Nanos::ZERO,
            measured: Nanos::ZERO,
            day_budget: Nanos::ZERO,
            window_minutes: 1_440.0,
            left_minutes: 1_440.0,
            is_foreseen: true,
            events,
            elasticity,
            multiplier_max,
            planned_rate: 0.0,
            spend_rate: 0.0,
            reach: 0.0,
            presence: 1.0,
        }
    }
}

/// What a law says.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct PacingSignal {
    /// ln(multiplier × participation), in `[limit::X_MIN, ln multiplier_max]`.
    pub x: f64,
    /// Factor on every bid, in `[0, multiplier_max]`.
    pub multiplier: f64,
    /// Probability of entering an auction, above 0, at most 1.
    pub participation: f64,
    /// How it came about.
    pub terms: LawTerms,
}

impl PacingSignal {
    /// The multiplier as published: rounded down, at most `max`.
    #[must_use]
    pub fn pacing_multiplier(&self, max: PacingMultiplier) -> PacingMultiplier {
        PacingMultiplier::clamped(self.multiplier, max)
    }

    /// The participation as published: rounded down.
    #[must_use]
    pub fn participation_rate(&self) -> ParticipationRate {
        ParticipationRate::clamped(self.participation)
    }
}

/// The parts of a signal, for explanations; a law without some part leaves it zero.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct LawTerms {
    /// Behind the plan (positive) or ahead of it, in day-equivalent budgets, clipped and past the
    /// dead-zone.
    pub error: f64,
    /// Proportional part of x.
    pub proportional: f64,
    /// Integral part of x.
    pub integral: f64,
    /// Derivative part of x.
    pub derivative: f64,
    /// Proportional gain: x per day-equivalent budget.
    pub gain: f64,
    /// Events that the integral part is worth as evidence; 0 for a law that does not weigh them.
    pub evidence: f64,
    /// Sum of the parts, before clamp and slew.
    pub raw: f64,
    /// What kept x from being `raw`.
    pub clamp: Clamp,
    /// Whether the last step stood still for want of traffic, plan or fresh figures.
    pub held: bool,
}

/// What kept a signal from being what its parts add up to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Clamp {
    /// Nothing.
    #[default]
    None,
    /// The owner's multiplier cannot be higher.
    Max,
    /// Multiplier and participation cannot be lower.
    Min,
    /// It may move no faster.
    Slew,
}

/// State in, state out. Static: which law runs is a type or an enum, never a trait object.
pub trait PacingLaw {
    /// All a law remembers; part of every snapshot.
    type State: Clone + Serialize + DeserializeOwned + PartialEq + Debug;

    /// A fresh state that says `x0` (clipped to `[limit::X_MIN, 0]`: nothing is boosted before the
    /// first sample). A law with a start of its own may ignore it.
    fn start(&self, x0: f64) -> Self::State;

    /// One step.
    fn step(
        &self,
        state: &Self::State,
        now: Timestamp,
        seen: &PaceSample,
    ) -> (Self::State, PacingSignal);

    /// [`Self::step`] on the spot: what the engine calls, so that a law with a large state can
    /// spare its copies. The signal is asked for apart.
    fn advance(&self, state: &mut Self::State, now: Timestamp, seen: &PaceSample) {
        *state = self.step(state, now, seen).0;
    }

    /// While a hand is on the wheel: follow what is applied, so that letting go does not jolt. An
    /// applied x that is not finite (a pause) means to follow the standing output.
    fn follow(&self, state: &Self::State, applied_x: f64, seen: &PaceSample) -> Self::State;

    /// External reset, for a law that binds nowhere: it may run ahead of the largest x applied
    /// among its members by no more than its present error accounts for.
    fn bound(&self, state: &Self::State, applied_x_max: f64, seen: &PaceSample) -> Self::State;

    /// A new plan: the published value stays, the error's base moves. `before` and `after` are the
    /// same instant seen under the old and the new plan.
    fn rebase(&self, state: &Self::State, before: &PaceSample, after: &PaceSample) -> Self::State;

    /// An edit changed the planned rate by a ratio r: move the target by `dx = ln(r) / elasticity`.
    /// The published value gets there under the slew limit.
    fn shift(&self, state: &Self::State, dx: f64) -> Self::State;

    /// The standing output.
    fn signal(&self, state: &Self::State) -> PacingSignal;

    /// Whether the state may be used. A state that met a number that was not finite keeps its last
    /// good output, does not step any more and says no here: set its owner aside, then `start`.
    fn is_sound(&self, state: &Self::State) -> bool;
}

/// A campaign of 144 units a day and 14 400 events, on plan at noon, stepped by a minute.
#[cfg(test)]
pub(crate) fn test_sample() -> PaceSample {
    PaceSample {
        traffic_minutes: 1.0,
        planned: Nanos::from_units(72),
        measured: Nanos::from_units(72),
        day_budget: Nanos::from_units(144),
        window_minutes: 1_440.0,
        left_minutes: 1_440.0,
        is_foreseen: true,
        events: 14_400.0,
        elasticity: 1.5,
        multiplier_max: PacingMultiplier::ONE,
        planned_rate: 1e8,
        spend_rate: 1e8,
        reach: 0.0,
        presence: 1.0,
    }
}
