//! Throttling by participation: LinkedIn's law of KDD 2014, the multiplier standing at its maximum.
//!
//! Ships as the rival every comparison needs and for markets where reserve prices leave bids no
//! room. CONTROL.md (10). Called like every law.

use super::limit::{self, X_MIN};
use super::{LawTerms, PaceSample, PacingLaw, PacingSignal};
use crate::units::{Nanos, PacingMultiplier, Timestamp};
use serde::{Deserialize, Serialize};

/// ln 0.1: the published slow start.
const LN_START: f64 = -std::f64::consts::LN_10;

/// When a step is not above 0 and below 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a step must be above 0 and below 1")]
pub struct StepError;

/// By which share participation rises or falls in a minute of traffic time.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "f64", into = "f64")]
pub struct PassThroughStep {
    step: f64,
    ln_up: f64,
    ln_down: f64,
}

impl PassThroughStep {
    /// Of `step` in (0, 1); the paper's is 0.1.
    ///
    /// # Errors
    /// [`StepError`] otherwise.
    pub fn try_new(step: f64) -> Result<Self, StepError> {
        if !(step > 0.0 && step < 1.0) {
            return Err(StepError);
        }
        Ok(Self { step, ln_up: libm::log1p(step), ln_down: libm::log1p(-step) })
    }

    /// The bare share.
    #[must_use]
    pub const fn get(self) -> f64 {
        self.step
    }
}

impl Default for PassThroughStep {
    fn default() -> Self {
        Self::try_new(0.1).expect("a tenth is between zero and one")
    }
}

impl TryFrom<f64> for PassThroughStep {
    type Error = StepError;
    fn try_from(step: f64) -> Result<Self, StepError> {
        Self::try_new(step)
    }
}

impl From<PassThroughStep> for f64 {
    fn from(step: PassThroughStep) -> Self {
        step.step
    }
}

/// What the law remembers.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct PassThroughState {
    ln_participation: f64,
    participation: f64,
    multiplier_max: PacingMultiplier,
    x_max: f64,
    error: f64,
    held: bool,
    sound: bool,
}

impl PassThroughState {
    pub(super) const fn is_sound(&self) -> bool {
        self.sound
    }

    /// What the state says.
    pub(super) fn signal(&self) -> PacingSignal {
        PacingSignal {
            x: (self.ln_participation + self.x_max).max(X_MIN),
            multiplier: self.multiplier_max.ppm().as_f64(),
            participation: self.participation,
            terms: LawTerms {
                error: self.error,
                integral: self.ln_participation,
                raw: self.ln_participation + self.x_max,
                held: self.held,
                ..LawTerms::default()
            },
        }
    }

    fn allow(&mut self, multiplier_max: PacingMultiplier) {
        if multiplier_max != self.multiplier_max {
            self.multiplier_max = multiplier_max;
            self.x_max = limit::x_max(multiplier_max);
            self.place(self.ln_participation);
        }
    }

    /// The same range of x as every law, so that comparisons are fair.
    fn place(&mut self, ln_participation: f64) {
        let least = (X_MIN - self.x_max).min(0.0);
        self.ln_participation = ln_participation.max(least).min(0.0);
        self.participation = libm::exp(self.ln_participation);
    }
}

impl PacingLaw for PassThroughStep {
    type State = PassThroughState;

    /// At the published slow start of a tenth; `x0` speaks of multipliers and is not used.
    fn start(&self, _x0: f64) -> PassThroughState {
        PassThroughState {
            ln_participation: LN_START,
            participation: libm::exp(LN_START),
            multiplier_max: PacingMultiplier::ONE,
            x_max: 0.0,
            error: 0.0,
            held: false,
            sound: true,
        }
    }

    fn step(
        &self,
        state: &PassThroughState,
        _now: Timestamp,
        seen: &PaceSample,
    ) -> (PassThroughState, PacingSignal) {
        let mut next = *state;
        if !seen.traffic_minutes.is_finite() {
            next.sound = false;
        } else if next.sound {
            next.allow(seen.multiplier_max);
            let minutes = seen.traffic_minutes.clamp(0.0, limit::STEP_MINUTES_MAX);
            next.held = minutes <= 0.0;
            if !next.held {
                let rate = if seen.measured <= seen.planned { self.ln_up } else { self.ln_down };
                next.place(next.ln_participation + rate * minutes);
                let behind = seen.planned.get().saturating_sub(seen.measured.get());
                next.error = Nanos::new(behind).ratio_to(seen.day_budget);
            }
        }
        let signal = next.signal();
        (next, signal)
    }

    fn follow(
        &self,
        state: &PassThroughState,
        applied_x: f64,
        seen: &PaceSample,
    ) -> PassThroughState {
        let mut next = *state;
        next.allow(seen.multiplier_max);
        if applied_x.is_finite() {
            next.place(applied_x - next.x_max);
        }
        next
    }

    /// It has no integral to run away: it stays at most one step above what is applied.
    fn bound(
        &self,
        state: &PassThroughState,
        applied_x_max: f64,
        seen: &PaceSample,
    ) -> PassThroughState {
        let mut next = *state;
        next.allow(seen.multiplier_max);
        let most = applied_x_max - next.x_max + self.ln_up;
        if applied_x_max.is_finite() && most < next.ln_participation {
            next.place(most);
        }
        next
    }

    fn rebase(
        &self,
        state: &PassThroughState,
        _before: &PaceSample,
        after: &PaceSample,
    ) -> PassThroughState {
        let mut next = *state;
        next.allow(after.multiplier_max);
        next
    }

    /// A relay has no target to move: the sign of the error will.
    fn shift(&self, state: &PassThroughState, _dx: f64) -> PassThroughState {
        *state
    }

    fn signal(&self, state: &PassThroughState) -> PacingSignal {
        state.signal()
    }

    fn is_sound(&self, state: &PassThroughState) -> bool {
        state.is_sound()
    }
}

#[cfg(test)]
#[expect(clippy::float_cmp, reason = "these results are exact")]
mod tests {
    use super::*;
    use crate::pace::test_sample;

    const NOW: Timestamp = Timestamp::MIN;

    #[test]
    fn it_opens_in_twenty_five_updates_while_behind() {
        let law = PassThroughStep::default();
        let mut state = law.start(0.0);
        let mut steps = 0;
        while law.signal(&state).participation < 1.0 {
            state = law.step(&state, NOW, &test_sample()).0;
            steps += 1;
        }
        assert_eq!(steps, 25);
        assert_eq!(law.signal(&state).x, 0.0);
    }

    #[test]
    fn ahead_of_plan_it_closes_by_a_tenth_a_minute_at_any_step() {
        let law = PassThroughStep::default();
        let mut seen = test_sample();
        seen.measured = seen.planned + Nanos::new(1);
        for steps in [1_u32, 6, 60] {
            seen.traffic_minutes = 1.0 / f64::from(steps);
            let mut state = law.start(0.0);
            for _ in 0..steps {
                state = law.step(&state, NOW, &seen).0;
            }
            assert!((law.signal(&state).participation - 0.09).abs() < 1e-12);
        }
    }

    #[test]
    fn a_step_survives_text_and_bad_ones_are_refused() {
        let law: PassThroughStep = serde_json::from_str("0.2").unwrap();
        assert_eq!(serde_json::to_string(&law).unwrap(), "0.2");
        assert!(serde_json::from_str::<PassThroughStep>("1.0").is_err());
        assert!(serde_json::from_str::<PassThroughStep>("0").is_err());
    }
}
