//! Which laws ship, as one enum, and the law that does not pace at all.
//!
//! Called by the engine, whose default law this is, and by configuration. A new law is a new
//! variant in both enums here.

use super::limit;
use super::{
    LawTerms, LogPidGains, LogPidState, PaceSample, PacingLaw, PacingSignal, PassThroughState,
    PassThroughStep,
};
use crate::units::{PacingMultiplier, Timestamp};
use serde::{Deserialize, Serialize};

/// Full speed: as soon as possible, bounded by the guard alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Asap;

/// What full speed remembers: how fast that is.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct AsapState {
    multiplier_max: PacingMultiplier,
    x_max: f64,
}

impl PacingLaw for Asap {
    type State = AsapState;

    /// At full speed, whatever `x0`.
    fn start(&self, _x0: f64) -> AsapState {
        AsapState { multiplier_max: PacingMultiplier::ONE, x_max: 0.0 }
    }

    fn step(
        &self,
        state: &AsapState,
        _now: Timestamp,
        seen: &PaceSample,
    ) -> (AsapState, PacingSignal) {
        let next = self.follow(state, 0.0, seen);
        (next, self.signal(&next))
    }

    fn follow(&self, state: &AsapState, _applied_x: f64, seen: &PaceSample) -> AsapState {
        if seen.multiplier_max == state.multiplier_max {
            return *state;
        }
        AsapState { multiplier_max: seen.multiplier_max, x_max: limit::x_max(seen.multiplier_max) }
    }

    fn bound(&self, state: &AsapState, _applied_x_max: f64, seen: &PaceSample) -> AsapState {
        self.follow(state, 0.0, seen)
    }

    fn rebase(&self, state: &AsapState, _before: &PaceSample, after: &PaceSample) -> AsapState {
        self.follow(state, 0.0, after)
    }

    fn shift(&self, state: &AsapState, _dx: f64) -> AsapState {
        *state
    }

    fn signal(&self, state: &AsapState) -> PacingSignal {
        PacingSignal {
            x: state.x_max,
            multiplier: state.multiplier_max.ppm().as_f64(),
            participation: 1.0,
            terms: LawTerms { raw: state.x_max, ..LawTerms::default() },
        }
    }

    fn is_sound(&self, _state: &AsapState) -> bool {
        true
    }
}

/// The laws that ship.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ShippedLaw {
    /// PID on the cumulative error, in the logarithm of the multiplier.
    LogPid(LogPidGains),
    /// Throttling by participation.
    PassThrough(PassThroughStep),
    /// Full speed.
    Asap,
}

impl Default for ShippedLaw {
    fn default() -> Self {
        Self::LogPid(LogPidGains::default())
    }
}

/// What a shipped law remembers.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ShippedState {
    /// Of [`ShippedLaw::LogPid`].
    LogPid(LogPidState),
    /// Of [`ShippedLaw::PassThrough`].
    PassThrough(PassThroughState),
    /// Of [`ShippedLaw::Asap`].
    Asap(AsapState),
}

impl ShippedState {
    /// What the state says, whichever law it belongs to.
    fn standing(&self) -> PacingSignal {
        match self {
            Self::LogPid(state) => state.signal(),
            Self::PassThrough(state) => state.signal(),
            Self::Asap(state) => Asap.signal(state),
        }
    }
}

/// Runs an expression on the law and the state that belongs to it, and wraps the new state. The
/// state of another law is what a changed configuration leaves behind: the new law takes over at
/// the value that stands.
macro_rules! on_own_state {
    ($self:ident, $state:ident, $seen:expr, |$law:ident, $own:ident| $new:expr) => {
        match ($self, $state) {
            (Self::LogPid($law), ShippedState::LogPid($own)) => ShippedState::LogPid($new),
            (Self::PassThrough($law), ShippedState::PassThrough($own)) => {
                ShippedState::PassThrough($new)
            }
            (Self::Asap, ShippedState::Asap($own)) => {
                let $law = &Asap;
                ShippedState::Asap($new)
            }
            (_, other) => $self.adopt(other, $seen),
        }
    };
}

impl ShippedLaw {
    fn adopt(&self, other: &ShippedState, seen: &PaceSample) -> ShippedState {
        let x = other.standing().x;
        match self {
            Self::LogPid(law) => ShippedState::LogPid(law.follow(&law.start(x), x, seen)),
            Self::PassThrough(law) => ShippedState::PassThrough(law.follow(&law.start(x), x, seen)),
            Self::Asap => ShippedState::Asap(Asap.follow(&Asap.start(x), x, seen)),
        }
    }
}

impl PacingLaw for ShippedLaw {
    type State = ShippedState;

    fn start(&self, x0: f64) -> ShippedState {
        match self {
            Self::LogPid(law) => ShippedState::LogPid(law.start(x0)),
            Self::PassThrough(law) => ShippedState::PassThrough(law.start(x0)),
            Self::Asap => ShippedState::Asap(Asap.start(x0)),
        }
    }

    fn step(
        &self,
        state: &ShippedState,
        now: Timestamp,
        seen: &PaceSample,
    ) -> (ShippedState, PacingSignal) {
        if let (Self::LogPid(law), ShippedState::LogPid(own)) = (self, state) {
            // The common case, without a copy on the way.
            let (next, signal) = law.step(own, now, seen);
            return (ShippedState::LogPid(next), signal);
        }
        let next = on_own_state!(self, state, seen, |law, own| law.step(own, now, seen).0);
        (next, next.standing())
    }

    fn advance(&self, state: &mut ShippedState, now: Timestamp, seen: &PaceSample) {
        if let (Self::LogPid(law), ShippedState::LogPid(own)) = (self, &mut *state) {
            law.advance(own, now, seen);
        } else {
            *state = self.step(state, now, seen).0;
        }
    }

    fn follow(&self, state: &ShippedState, applied_x: f64, seen: &PaceSample) -> ShippedState {
        on_own_state!(self, state, seen, |law, own| law.follow(own, applied_x, seen))
    }

    fn bound(&self, state: &ShippedState, applied_x_max: f64, seen: &PaceSample) -> ShippedState {
        on_own_state!(self, state, seen, |law, own| law.bound(own, applied_x_max, seen))
    }

    fn rebase(
        &self,
        state: &ShippedState,
        before: &PaceSample,
        after: &PaceSample,
    ) -> ShippedState {
        on_own_state!(self, state, after, |law, own| law.rebase(own, before, after))
    }

    /// The state of another law is left alone: its own next step takes it over.
    fn shift(&self, state: &ShippedState, dx: f64) -> ShippedState {
        match (self, state) {
            (Self::LogPid(law), ShippedState::LogPid(own)) => {
                ShippedState::LogPid(law.shift(own, dx))
            }
            _ => *state,
        }
    }

    fn signal(&self, state: &ShippedState) -> PacingSignal {
        state.standing()
    }

    fn is_sound(&self, state: &ShippedState) -> bool {
        match state {
            ShippedState::LogPid(own) => own.is_sound(),
            ShippedState::PassThrough(own) => own.is_sound(),
            ShippedState::Asap(_) => true,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pace::test_sample;

    const NOW: Timestamp = Timestamp::MIN;

    #[test]
    fn a_changed_law_takes_over_where_the_old_one_stood() {
        let old = ShippedLaw::LogPid(LogPidGains::default());
        let state = old.start(-1.5);
        let new = ShippedLaw::PassThrough(PassThroughStep::default());
        let (state, signal) = new.step(&state, NOW, &test_sample());
        assert!(matches!(state, ShippedState::PassThrough(_)));
        assert!((signal.x + 1.5).abs() < 1e-12);
        let (state, signal) = old.step(&state, NOW, &test_sample());
        assert!(matches!(state, ShippedState::LogPid(_)));
        assert!((signal.x + 1.5).abs() < 1e-12);
    }

    #[test]
    fn full_speed_is_the_maximum() {
        let (_, signal) = ShippedLaw::Asap.step(&ShippedLaw::Asap.start(-3.0), NOW, &test_sample());
        assert_eq!((signal.x, signal.multiplier, signal.participation), (0.0, 1.0, 1.0));
    }

    #[test]
    fn law_and_state_survive_text() {
        for law in [ShippedLaw::default(), ShippedLaw::PassThrough(PassThroughStep::default())] {
            let text = serde_json::to_string(&law).unwrap();
            assert_eq!(serde_json::from_str::<ShippedLaw>(&text).unwrap(), law);
            let state = law.step(&law.start(-0.7), NOW, &test_sample()).0;
            let text = serde_json::to_string(&state).unwrap();
            assert_eq!(serde_json::from_str::<ShippedState>(&text).unwrap(), state);
        }
    }
}
