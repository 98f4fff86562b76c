//! The default law: PID on the cumulative error, in the logarithm of the multiplier.
//!
//! Equations (1) to (9) of `docs/CONTROL.md`; what the rate of spend says of the level is weighed
//! next door, in [`super::evidence`]. All rates are per minute of traffic time, so the
//! length of a step does not matter. Knows only its state and a sample. Called by the engine,
//! through [`super::ShippedLaw`] or directly.

use super::evidence::Evidence;
use super::limit::{self, X_MIN};
use super::{Clamp, LawTerms, PaceSample, PacingLaw, PacingSignal};
use crate::units::{Nanos, PacingMultiplier, Timestamp};
use serde::{Deserialize, Serialize};

/// The derivative's filter is this many times faster than the derivative's own time: the usual
/// choice of 8 to 20 trades noise for phase, and noise is what pacing has most of.
const DERIVATIVE_FILTER: f64 = 8.0;
/// A window of no length has no gain; below a minute nothing can be paced anyway.
const WINDOW_MINUTES_MIN: f64 = 1.0;
/// Longer windows are controlled in units of a day.
const WINDOW_MINUTES_MAX: f64 = 1_440.0;

/// Near an end the closed loop is no faster than this in minutes, for late reports, or two steps.
const ENDING_MINUTES_MIN: f64 = 30.0;

/// Why gains were refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum GainsError {
    /// When a gain that must be a finite number above zero is not.
    #[error("`{0}` must be a finite number above zero")]
    NotPositive(&'static str),
    /// When a gain that may be zero is negative or not finite.
    #[error("`{0}` must be a finite number, zero or above")]
    Negative(&'static str),
    /// When the dead-zone swallows every error.
    #[error("`dead_zone` must be below `error_clip`")]
    DeadZone,
    /// When the least settling time is above the most.
    #[error("`settling_minutes_min` must be at most `settling_minutes_max`")]
    Settling,
}

/// Gains of [`LogPidState`]'s law; the defaults ship. Values that fail [`Self::check`] cannot bring
/// the law out of its range, but may make its state unsound.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LogPidGains {
    /// Factor on the proportional gain; 1 is the derived one.
    pub gain: f64,
    /// Closed-loop time constant for a day, in minutes.
    pub settling_minutes_max: f64,
    /// The same for the shortest windows, in minutes.
    pub settling_minutes_min: f64,
    /// The same in between, as a share of the window's length.
    pub settling_share: f64,
    /// The same at most as a share of what is left of the window, where nobody knows the course of
    /// traffic: what is off by then is not made good by what comes later.
    pub ending_share: f64,
    /// Integral time in closed-loop time constants: 2 gives a damping of 0.707.
    pub integral_ratio: f64,
    /// Derivative time in minutes; 0 is off.
    pub derivative_minutes: f64,
    /// Billing events a day from which the gain is whole; below, noise asks for less.
    pub whole_gain_events: f64,
    /// Least share of the gain however few the events.
    pub noise_share_min: f64,
    /// Errors beyond this, in day-equivalent budgets, count as this.
    pub error_clip: f64,
    /// Errors within this, in day-equivalent budgets, count as none. At 30 events a day the default
    /// is a sixtieth of an event, so delivery stays within one event.
    pub dead_zone: f64,
    /// How far x may move in a minute of traffic time.
    pub slew_per_minute: f64,
    /// Whether the rate of spend moves the integral part too, as far as its events are evidence.
    pub has_evidence: bool,
}

impl Default for LogPidGains {
    fn default() -> Self {
        Self {
            gain: 1.0,
            settling_minutes_max: 107.0,
            settling_minutes_min: 5.0,
            settling_share: 0.075,
            ending_share: 0.2,
            integral_ratio: 2.0,
            derivative_minutes: 0.0,
            whole_gain_events: 1_000.0,
            noise_share_min: 0.25,
            error_clip: 0.15,
            dead_zone: 0.000_5,
            // A quarter a minute as published: the dead-band of publication comes on top.
            slew_per_minute: 0.23,
            has_evidence: true,
        }
    }
}

impl LogPidGains {
    /// Whether the gains make a law.
    ///
    /// # Errors
    /// [`GainsError`] naming the first gain that does not.
    pub fn check(&self) -> Result<(), GainsError> {
        let positive = [
            ("gain", self.gain),
            ("settling_minutes_max", self.settling_minutes_max),
            ("settling_minutes_min", self.settling_minutes_min),
            ("settling_share", self.settling_share),
            ("ending_share", self.ending_share),
            ("integral_ratio", self.integral_ratio),
            ("whole_gain_events", self.whole_gain_events),
            ("noise_share_min", self.noise_share_min),
            ("error_clip", self.error_clip),
            ("slew_per_minute", self.slew_per_minute),
        ];
        for (name, value) in positive {
            if !(value.is_finite() && value > 0.0) {
                return Err(GainsError::NotPositive(name));
            }
        }
        let others =
            [("derivative_minutes", self.derivative_minutes), ("dead_zone", self.dead_zone)];
        for (name, value) in others {
            if !(value.is_finite() && value >= 0.0) {
                return Err(GainsError::Negative(name));
            }
        }
        if self.dead_zone >= self.error_clip {
            return Err(GainsError::DeadZone);
        }
        if self.settling_minutes_min > self.settling_minutes_max {
            return Err(GainsError::Settling);
        }
        Ok(())
    }

    /// Error, gain and integral time of a sample; `None` when a number in it is not finite.
    #[inline]
    fn read(&self, seen: &PaceSample) -> Option<Reading> {
        let finite = seen.traffic_minutes.is_finite()
            && seen.window_minutes.is_finite()
            && seen.left_minutes.is_finite()
            && seen.events.is_finite()
            && seen.elasticity.is_finite();
        finite.then(|| {
            let window = seen.window_minutes.clamp(WINDOW_MINUTES_MIN, WINDOW_MINUTES_MAX);
            let usual = (self.settling_share * window)
                .min(self.settling_minutes_max)
                .max(self.settling_minutes_min);
            let ending = (self.ending_share * seen.left_minutes).max(ENDING_MINUTES_MIN);
            let ending = ending.max(2.0 * seen.traffic_minutes);
            let settling = if seen.is_foreseen { usual } else { usual.min(ending) };
            let elasticity = seen.elasticity.clamp(limit::ELASTICITY_MIN, limit::ELASTICITY_MAX);
            Reading {
                error: self.error(seen),
                gain: self.gain * window / (elasticity * settling) * self.noise_share(seen.events),
                integral_minutes: self.integral_ratio * settling,
                usual,
                elasticity,
            }
        })
    }

    /// CONTROL.md (1) and (2).
    fn error(&self, seen: &PaceSample) -> f64 {
        if seen.day_budget <= Nanos::ZERO {
            return 0.0;
        }
        let behind = Nanos::new(seen.planned.get().saturating_sub(seen.measured.get()));
        let share = behind.as_f64() / seen.day_budget.as_f64();
        limit::dead_zone(share.min(self.error_clip).max(-self.error_clip), self.dead_zone)
    }

    /// CONTROL.md (4): the root is taken only where it matters.
    fn noise_share(&self, events: f64) -> f64 {
        if events >= self.whole_gain_events {
            1.0
        } else {
            (events.max(0.0) / self.whole_gain_events).sqrt().max(self.noise_share_min)
        }
    }
}

/// What a sample comes to under given gains.
struct Reading {
    error: f64,
    gain: f64,
    integral_minutes: f64,
    /// Settling away from an end.
    usual: f64,
    elasticity: f64,
}

/// What the law remembers. Every field is finite.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct LogPidState {
    /// Integral part of x.
    integral: f64,
    /// Output: ln(multiplier × participation).
    x: f64,
    /// [`limit::split`] of `x`, kept so that standing still costs nothing.
    multiplier: f64,
    participation: f64,
    /// Of the last step, or of the last rebase.
    error: f64,
    gain: f64,
    derivative: f64,
    /// Filtered slope of the measured share per minute, and the share it was last taken at.
    slope: f64,
    measured_share: Option<f64>,
    /// ln of `multiplier_max`, taken again only when that changes.
    x_max: f64,
    multiplier_max: PacingMultiplier,
    clamp: Clamp,
    held: bool,
    sound: bool,
    evidence: Evidence,
}

impl LogPidState {
    fn new(x0: f64) -> Self {
        let mut state = Self {
            integral: 0.0,
            x: 0.0,
            multiplier: 1.0,
            participation: 1.0,
            error: 0.0,
            gain: 0.0,
            derivative: 0.0,
            slope: 0.0,
            measured_share: None,
            x_max: 0.0,
            multiplier_max: PacingMultiplier::ONE,
            clamp: Clamp::None,
            held: false,
            sound: x0.is_finite(),
            evidence: Evidence::start(),
        };
        if state.sound {
            state.place(x0.clamp(X_MIN, 0.0));
            state.integral = state.x;
        }
        state
    }

    /// ln(multiplier × participation) as it stands.
    #[must_use]
    pub const fn x(&self) -> f64 {
        self.x
    }

    pub(super) const fn is_sound(&self) -> bool {
        self.sound
    }

    /// What the state says; no gain has a part in it.
    pub(super) fn signal(&self) -> PacingSignal {
        PacingSignal {
            x: self.x,
            multiplier: self.multiplier,
            participation: self.participation,
            terms: LawTerms {
                error: self.error,
                proportional: self.gain * self.error,
                integral: self.integral,
                derivative: self.derivative,
                gain: self.gain,
                evidence: self.evidence.weight(),
                raw: self.raw(),
                clamp: self.clamp,
                held: self.held,
            },
        }
    }

    fn raw(&self) -> f64 {
        self.integral + self.gain * self.error + self.derivative
    }

    fn flagged(mut self) -> Self {
        self.sound = false;
        self
    }

    /// `self` if all its numbers are finite, else `before`, flagged.
    fn checked(self, before: &Self) -> Self {
        if self.is_finite() { self } else { before.flagged() }
    }

    fn is_finite(&self) -> bool {
        let sum = self.integral + self.x + self.error + self.gain + self.derivative + self.slope;
        sum.is_finite() && self.evidence.is_finite()
    }

    /// Puts x at `x`, which is in range.
    fn place(&mut self, x: f64) {
        self.x = x;
        let max = self.multiplier_max.ppm().as_f64();
        if x >= self.x_max {
            // Exactly the maximum: ln and exp would lose its last part per million.
            (self.multiplier, self.participation) = (max, 1.0);
        } else {
            let (multiplier, participation) = limit::split(x);
            (self.multiplier, self.participation) = (multiplier.min(max), participation);
        }
    }

    /// Takes over the maximum; a lower one acts at once.
    fn allow(&mut self, multiplier_max: PacingMultiplier) {
        if multiplier_max != self.multiplier_max {
            self.multiplier_max = multiplier_max;
            self.x_max = limit::x_max(multiplier_max);
            self.place(self.x.min(self.x_max));
        }
    }

    fn keep_integral(&mut self, gains: &LogPidGains) {
        // A hand, a new plan or evidence can bring it outside the range of x, and then by no more
        // than the largest proportional part. CONTROL.md (6).
        let beyond = self.gain * gains.error_clip;
        self.integral = self.integral.max(X_MIN - beyond).min(self.x_max + beyond);
    }

    /// CONTROL.md (5), the derivative on the measurement; backward differences throughout.
    fn differentiate(&mut self, gains: &LogPidGains, seen: &PaceSample, minutes: f64) {
        if gains.derivative_minutes <= 0.0 {
            self.derivative = 0.0;
            return;
        }
        let share = seen.measured.as_f64() / seen.day_budget.as_f64();
        if let Some(last) = self.measured_share {
            let filter = gains.derivative_minutes / DERIVATIVE_FILTER;
            let slope = (share - last) / minutes;
            self.slope += (slope - self.slope) * minutes / (filter + minutes);
        }
        self.measured_share = Some(share);
        self.derivative = -self.gain * gains.derivative_minutes * self.slope;
    }

    /// CONTROL.md (6) and (18): the integral stands still while x cannot follow it. `found` is what
    /// the evidence adds.
    fn integrate(&mut self, gains: &LogPidGains, minutes: f64, integral_minutes: f64, found: f64) {
        let raw = self.raw();
        // More than a minute behind its own slew limit it is as good as clamped.
        let late = gains.slew_per_minute * (1.0 + minutes);
        let stuck_above = raw >= self.x_max || raw - self.x > late;
        let stuck_below = raw <= X_MIN || self.x - raw > late;
        let is_stuck = |way: f64| (stuck_above && way > 0.0) || (stuck_below && way < 0.0);
        if !is_stuck(self.error) {
            self.integral += self.gain * self.error * minutes / integral_minutes;
        }
        if !is_stuck(found) {
            self.integral += found;
        }
        self.keep_integral(gains);
    }

    /// CONTROL.md (7) and (8): clamp, then slew.
    fn drive(&mut self, gains: &LogPidGains, minutes: f64) {
        let raw = self.raw();
        let target = raw.max(X_MIN).min(self.x_max);
        let most = gains.slew_per_minute * minutes;
        self.clamp = if (target - self.x).abs() > most {
            Clamp::Slew
        } else if raw > self.x_max {
            Clamp::Max
        } else if raw < X_MIN {
            Clamp::Min
        } else {
            Clamp::None
        };
        self.place(limit::slew(self.x, target, most).max(X_MIN).min(self.x_max));
    }
}

impl PacingLaw for LogPidGains {
    type State = LogPidState;

    fn start(&self, x0: f64) -> LogPidState {
        LogPidState::new(x0)
    }

    #[inline]
    fn step(
        &self,
        state: &LogPidState,
        now: Timestamp,
        seen: &PaceSample,
    ) -> (LogPidState, PacingSignal) {
        let mut next = *state;
        self.advance(&mut next, now, seen);
        (next, next.signal())
    }

    #[inline]
    fn advance(&self, state: &mut LogPidState, _now: Timestamp, seen: &PaceSample) {
        let Some(reading) = self.read(seen).filter(|_| state.sound) else {
            state.sound = false;
            return;
        };
        let before = *state;
        state.allow(seen.multiplier_max);
        let minutes = seen.traffic_minutes.clamp(0.0, limit::STEP_MINUTES_MAX);
        state.held = minutes <= 0.0 || seen.day_budget <= Nanos::ZERO;
        if !state.held {
            state.error = reading.error;
            state.gain = reading.gain;
            state.differentiate(self, seen, minutes);
            let Reading { usual, elasticity, integral_minutes, .. } = reading;
            let found = if self.has_evidence {
                let (x, integral) = (state.x, state.integral);
                state.evidence.step(seen, minutes, (x, integral), (usual, elasticity))
            } else {
                0.0
            };
            state.integrate(self, minutes, integral_minutes, found);
            state.drive(self, minutes);
            if !state.is_finite() {
                *state = before.flagged();
            }
        }
    }

    fn follow(&self, state: &LogPidState, applied_x: f64, seen: &PaceSample) -> LogPidState {
        let mut next = *state;
        let Some(reading) = self.read(seen) else { return next.flagged() };
        next.allow(seen.multiplier_max);
        let applied = if applied_x.is_finite() { applied_x } else { next.x };
        next.place(applied.max(X_MIN).min(next.x_max));
        next.error = reading.error;
        next.gain = reading.gain;
        next.integral = next.x - next.gain * next.error - next.derivative;
        next.keep_integral(self);
        next.evidence.set_aside();
        next.checked(state)
    }

    fn bound(&self, state: &LogPidState, applied_x_max: f64, seen: &PaceSample) -> LogPidState {
        let mut next = *state;
        let Some(reading) = self.read(seen) else { return next.flagged() };
        if !applied_x_max.is_finite() {
            return next;
        }
        next.allow(seen.multiplier_max);
        next.error = reading.error;
        next.gain = reading.gain;
        // Ahead of plan the room is what the proportional part takes back, so that the sum meets
        // the applied value; behind plan it is what the contract grants. CONTROL.md (9).
        let room = next.gain * next.error.abs();
        next.integral = next.integral.min(applied_x_max + room);
        next.keep_integral(self);
        // What binds nowhere is not published, so it may come down without a slew.
        let standing = next.raw().max(applied_x_max).max(X_MIN);
        if standing < next.x {
            next.place(standing);
        }
        next.checked(state)
    }

    fn rebase(&self, state: &LogPidState, before: &PaceSample, after: &PaceSample) -> LogPidState {
        let mut next = *state;
        let (Some(old), Some(new)) = (self.read(before), self.read(after)) else {
            return next.flagged();
        };
        next.allow(after.multiplier_max);
        let raw = next.integral + old.gain * old.error + next.derivative;
        // From inside the range: a standing excess over it would be wind-up under the new plan.
        let standing = raw.max(X_MIN).min(next.x_max);
        next.error = new.error;
        next.gain = new.gain;
        next.integral = standing - new.gain * new.error - next.derivative;
        next.measured_share = None;
        next.keep_integral(self);
        next.checked(state)
    }

    fn shift(&self, state: &LogPidState, dx: f64) -> LogPidState {
        let mut next = *state;
        if !dx.is_finite() {
            return next.flagged();
        }
        let raw = next.raw();
        let standing = raw.max(X_MIN).min(next.x_max);
        let further = (raw > next.x_max && dx > 0.0) || (raw < X_MIN && dx < 0.0);
        if !further {
            next.integral += (standing + dx).max(X_MIN).min(next.x_max) - raw;
        }
        next.checked(state)
    }

    fn signal(&self, state: &LogPidState) -> PacingSignal {
        state.signal()
    }

    fn is_sound(&self, state: &LogPidState) -> bool {
        state.is_sound()
    }
}
