//! Published pacing laws, rebuilt to run in the same engine: the same plan, the same measurement,
//! the same guard, the same bidders.
//!
//! A rival is a rule with a memory of its own; what every law owes the engine (range, hands on the
//! wheel, new plans, bad numbers) is here once. LinkedIn's throttling and full speed with a hard
//! stop already ship as laws of core and are not written again. Called by runs that name a rival.
//!
//! | file | law | source |
//! |---|---|---|
//! | `dead_beat` | dead-beat throttling | Lee, Jalali, Dasdan, ADKDD 2013 |
//! | `mystique` | soft throttling, two targets | Yahoo, WWW 2024 companion, and its code |
//! | `feedback` | positional PID | Zhang et al., WSDM 2016 |
//! | `descent` | dual mirror descent | Balseiro, Lu, Mirrokni, ICML 2020 |
//! | `sample` | tracking a target by one sample | Balseiro et al., ICML 2023 |
//! | `percentile` | RCPacing, its campaign side | Alibaba, AAAI 2024 |

mod dead_beat;
mod descent;
mod feedback;
mod mystique;
mod percentile;
mod sample;
mod slot;

pub use dead_beat::{DeadBeat, DeadBeatMemory};
pub use descent::{Descent, DescentMemory, Geometry};
pub use feedback::{Feedback, FeedbackMemory};
pub use mystique::{Mystique, MystiqueMemory, Target};
pub use percentile::{Percentile, PercentileMemory};
pub use sample::{Sample, SampleMemory};

use paceline_core::pace::limit::{self, X_MIN};
use paceline_core::pace::{LawTerms, PaceSample, PacingLaw, PacingSignal};
use paceline_core::units::{Nanos, PacingMultiplier, Timestamp};
use serde::{Deserialize, Serialize};

/// By which means a rival holds spend back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Means {
    /// Lower bids; participation only where bids cannot fall further.
    Bids,
    /// Fewer auctions, at full bids.
    Auctions,
}

/// What tells one rival from another.
pub trait Rule {
    /// What it remembers beside its output.
    type Memory: Copy;

    /// By which means it acts.
    fn means(&self) -> Means;

    /// A fresh memory, about to say `x0`, and what it says first: `x0`, or its published start.
    fn start(&self, x0: f64) -> (Self::Memory, f64);

    /// One step of `minutes` of traffic time, above zero, from the standing output `x`, with a
    /// day-equivalent budget above zero. Returns the new output, unclipped.
    fn step(
        &self,
        memory: &mut Self::Memory,
        now: Timestamp,
        seen: &PaceSample,
        minutes: f64,
        x: f64,
    ) -> f64;

    /// The output was set to `x` from outside: go on from there.
    fn place(&self, memory: &mut Self::Memory, x: f64);

    /// The same instant under the old plan and the new.
    fn rebase(&self, memory: &mut Self::Memory, before: &PaceSample, after: &PaceSample);
}

/// Every rival that runs here.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Rival {
    /// Dead-beat throttling.
    DeadBeat(DeadBeat),
    /// Soft throttling.
    Mystique(Mystique),
    /// Positional PID.
    Feedback(Feedback),
    /// Dual mirror descent.
    Descent(Descent),
    /// Tracking by one sample.
    Sample(Sample),
    /// RCPacing.
    Percentile(Percentile),
}

/// What a rival remembers.
#[expect(
    clippy::large_enum_variant,
    reason = "a box would cost an allocation a step, and rivals run for hundreds of owners"
)]
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Memory {
    /// Of [`Rival::DeadBeat`].
    DeadBeat(DeadBeatMemory),
    /// Of [`Rival::Mystique`].
    Mystique(MystiqueMemory),
    /// Of [`Rival::Feedback`].
    Feedback(FeedbackMemory),
    /// Of [`Rival::Descent`].
    Descent(DescentMemory),
    /// Of [`Rival::Sample`].
    Sample(SampleMemory),
    /// Of [`Rival::Percentile`].
    Percentile(PercentileMemory),
}

/// A rival's state: memory and output.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct RivalState {
    memory: Memory,
    x: f64,
    x_max: f64,
    multiplier_max: PacingMultiplier,
    error: f64,
    held: bool,
    sound: bool,
}

/// Runs an expression on a rule and its memory; a memory of another rule is left alone, which no
/// run comes to: its law is one from start to end.
macro_rules! on_own_memory {
    ($self:ident, $memory:expr, |$rule:ident, $own:ident| $do:expr, $else:expr) => {
        match ($self, $memory) {
            (Rival::DeadBeat($rule), Memory::DeadBeat($own)) => $do,
            (Rival::Mystique($rule), Memory::Mystique($own)) => $do,
            (Rival::Feedback($rule), Memory::Feedback($own)) => $do,
            (Rival::Descent($rule), Memory::Descent($own)) => $do,
            (Rival::Sample($rule), Memory::Sample($own)) => $do,
            (Rival::Percentile($rule), Memory::Percentile($own)) => $do,
            _ => $else,
        }
    };
}

impl Rival {
    /// The names that runs take, in the order of the table above.
    pub const NAMES: [&str; 8] = [
        "dead-beat",
        "mystique-linear",
        "mystique-learned",
        "feedback",
        "descent-euclidean",
        "descent-entropy",
        "sample",
        "percentile",
    ];

    /// The rival of a name, as published where the publication says, else as its file says.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Some(match name {
            "dead-beat" => Self::DeadBeat(DeadBeat::default()),
            "mystique-linear" => Self::Mystique(Mystique { target: Target::Linear }),
            "mystique-learned" => Self::Mystique(Mystique { target: Target::Learned }),
            "feedback" => Self::Feedback(Feedback::default()),
            "descent-euclidean" => Self::Descent(Descent::of(Geometry::Euclidean)),
            "descent-entropy" => Self::Descent(Descent::of(Geometry::Entropy)),
            "sample" => Self::Sample(Sample::default()),
            "percentile" => Self::Percentile(Percentile::default()),
            _ => return None,
        })
    }

    /// The name that [`Self::named`] knows it by.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::DeadBeat(_) => "dead-beat",
            Self::Mystique(Mystique { target: Target::Linear }) => "mystique-linear",
            Self::Mystique(Mystique { target: Target::Learned }) => "mystique-learned",
            Self::Feedback(_) => "feedback",
            Self::Descent(Descent { geometry: Geometry::Euclidean, .. }) => "descent-euclidean",
            Self::Descent(Descent { geometry: Geometry::Entropy, .. }) => "descent-entropy",
            Self::Sample(_) => "sample",
            Self::Percentile(_) => "percentile",
        }
    }

    fn means(&self) -> Means {
        match self {
            Self::DeadBeat(rule) => rule.means(),
            Self::Mystique(rule) => rule.means(),
            Self::Feedback(rule) => rule.means(),
            Self::Descent(rule) => rule.means(),
            Self::Sample(rule) => rule.means(),
            Self::Percentile(rule) => rule.means(),
        }
    }

    fn begin(&self, x0: f64) -> (Memory, f64) {
        match self {
            Self::DeadBeat(rule) => wrap(rule.start(x0), Memory::DeadBeat),
            Self::Mystique(rule) => wrap(rule.start(x0), Memory::Mystique),
            Self::Feedback(rule) => wrap(rule.start(x0), Memory::Feedback),
            Self::Descent(rule) => wrap(rule.start(x0), Memory::Descent),
            Self::Sample(rule) => wrap(rule.start(x0), Memory::Sample),
            Self::Percentile(rule) => wrap(rule.start(x0), Memory::Percentile),
        }
    }

    /// Sets the output from outside.
    fn set(&self, state: &mut RivalState, x: f64, seen: &PaceSample) {
        state.allow(seen.multiplier_max);
        if !x.is_finite() {
            return;
        }
        state.x = x.clamp(X_MIN, state.x_max);
        let x = state.x;
        on_own_memory!(self, &mut state.memory, |rule, own| rule.place(own, x), ());
    }
}

fn wrap<M>((memory, x): (M, f64), kind: impl Fn(M) -> Memory) -> (Memory, f64) {
    (kind(memory), x)
}

impl RivalState {
    fn allow(&mut self, most: PacingMultiplier) {
        if most != self.multiplier_max {
            self.multiplier_max = most;
            self.x_max = limit::x_max(most);
            self.x = self.x.min(self.x_max);
        }
    }
}

/// Whether a step may be made of a sample.
fn is_finite(seen: &PaceSample) -> bool {
    seen.traffic_minutes.is_finite()
        && seen.window_minutes.is_finite()
        && seen.planned_rate.is_finite()
        && seen.spend_rate.is_finite()
}

/// Behind the plan, in day-equivalent budgets.
fn behind(seen: &PaceSample) -> f64 {
    (seen.planned.as_f64() - seen.measured.as_f64()) / seen.day_budget.as_f64().max(1.0)
}

impl PacingLaw for Rival {
    type State = RivalState;

    fn start(&self, x0: f64) -> RivalState {
        let sound = x0.is_finite();
        let (memory, x) = self.begin(if sound { x0.clamp(X_MIN, 0.0) } else { 0.0 });
        RivalState {
            memory,
            x: x.clamp(X_MIN, 0.0),
            x_max: 0.0,
            multiplier_max: PacingMultiplier::ONE,
            error: 0.0,
            held: false,
            sound,
        }
    }

    fn step(
        &self,
        state: &RivalState,
        now: Timestamp,
        seen: &PaceSample,
    ) -> (RivalState, PacingSignal) {
        let mut next = *state;
        next.sound &= is_finite(seen);
        if next.sound {
            next.allow(seen.multiplier_max);
            let minutes = seen.traffic_minutes.clamp(0.0, limit::STEP_MINUTES_MAX);
            next.held = minutes <= 0.0 || seen.day_budget <= Nanos::ZERO;
            if !next.held {
                let x = next.x;
                let said = on_own_memory!(
                    self,
                    &mut next.memory,
                    |rule, own| rule.step(own, now, seen, minutes, x),
                    x
                );
                next.error = behind(seen);
                next.sound = !said.is_nan();
                next.x = if next.sound { said.clamp(X_MIN, next.x_max) } else { x };
            }
        }
        (next, self.signal(&next))
    }

    fn follow(&self, state: &RivalState, applied_x: f64, seen: &PaceSample) -> RivalState {
        let mut next = *state;
        self.set(&mut next, if applied_x.is_finite() { applied_x } else { state.x }, seen);
        next
    }

    fn bound(&self, state: &RivalState, applied_x_max: f64, seen: &PaceSample) -> RivalState {
        let mut next = *state;
        if applied_x_max < next.x {
            self.set(&mut next, applied_x_max, seen);
        }
        next
    }

    fn rebase(&self, state: &RivalState, before: &PaceSample, after: &PaceSample) -> RivalState {
        let mut next = *state;
        next.allow(after.multiplier_max);
        on_own_memory!(self, &mut next.memory, |rule, own| rule.rebase(own, before, after), ());
        next
    }

    fn shift(&self, state: &RivalState, dx: f64) -> RivalState {
        let mut next = *state;
        if dx.is_finite() {
            next.x = (next.x + dx).clamp(X_MIN, next.x_max);
            let x = next.x;
            on_own_memory!(self, &mut next.memory, |rule, own| rule.place(own, x), ());
        }
        next
    }

    fn signal(&self, state: &RivalState) -> PacingSignal {
        let (multiplier, participation) = match self.means() {
            Means::Bids => limit::split(state.x),
            Means::Auctions => {
                let most = libm::exp(state.x_max);
                (most, libm::exp(state.x - state.x_max).clamp(limit::PARTICIPATION_MIN, 1.0))
            }
        };
        PacingSignal {
            x: state.x,
            multiplier,
            participation,
            terms: LawTerms {
                error: state.error,
                raw: state.x,
                held: state.held,
                ..LawTerms::default()
            },
        }
    }

    fn is_sound(&self, state: &RivalState) -> bool {
        state.sound
    }
}

#[cfg(test)]
mod tests;
