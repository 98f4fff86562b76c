//! How well the engine says why a campaign is where it is, and what an edit would do: campaigns
//! whose trouble is known, asked once each; then the same seed again, with the edit.
//!
//! A seed makes a world of one campaign, and of a sibling where they share a budget. Called by the
//! command line and by tests.

mod draw;
pub(crate) mod market;
pub mod render;
pub mod score;

use crate::run::each_told;
use crate::scenario::draft::Draft;
use crate::scenario::{Scenario, ScenarioError};
use crate::world::asked::{Questions, Wish};
use crate::world::{self, Run, RunOptions};
use paceline_core::diagnosis::{Cause, CauseKind, Diagnosis, Edit, Effect};
use paceline_core::engine::{EngineConfig, Laws};
use paceline_core::pace::{PaceSample, PacingLaw, PacingSignal, ShippedLaw, ShippedState};
use paceline_core::units::{Nanos, Span, Timestamp};
use score::Score;
use serde::Serialize;
use std::path::Path;
use toml::Value;

/// What an edit was to do, and did.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Tried {
    /// The edit.
    pub edit: Edit,
    /// What was said of it.
    pub effect: Effect,
    /// Spend of the same hours without it, in nanos.
    pub without: Nanos,
    /// Spend of those hours with it, in nanos.
    pub with: Nanos,
}

/// One campaign, asked.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Patient {
    /// Seed of the world.
    pub seed: u64,
    /// What ails it; either may be named first.
    pub truth: Vec<CauseKind>,
    /// What was said.
    pub told: Diagnosis,
    /// Billing events a day, as they were.
    pub events_per_day: f64,
    /// The first cause's edit, where it has one whose effect was told.
    pub tried: Option<Tried>,
}

/// Many of them, judged.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Ward {
    /// The seeds.
    pub seeds: (u64, u64),
    /// How often it was right.
    pub score: Score,
    /// Every campaign, in the order of the seeds.
    pub patients: Vec<Patient>,
}

/// Runs the worlds of all seeds on at most `threads` threads. `progress` is told the share done.
///
/// # Errors
/// [`ScenarioError`] when a world is unsound.
pub fn play(
    seeds: &[u64],
    threads: usize,
    progress: &(dyn Fn(f64) + Sync),
) -> Result<Ward, ScenarioError> {
    let runs = each_told(seeds, threads, progress, |&seed| ask(seed))?;
    let patients: Vec<Patient> = runs.into_iter().flatten().collect();
    let first = seeds.first().copied().unwrap_or(0);
    let seeds = (first, seeds.last().copied().unwrap_or(first));
    Ok(Ward { seeds, score: Score::of(&patients), patients })
}

/// One world: asked, then run again with the edit.
fn ask(seed: u64) -> Result<Option<Patient>, ScenarioError> {
    let drawn = draw::world(seed);
    let scenario = drawn.draft.check("diagnosis", Path::new(""))?;
    let at = scenario.window.start() + Span::HOUR.times(drawn.asked);
    let why = Questions { why: vec![(at, 0)], ..Questions::default() };
    let run = play_one(&scenario, why)?;
    let Some((_, told)) = run.answers.why.first().cloned() else { return Ok(None) };
    let days = Span::HOUR.times(drawn.hours).ratio_to(Span::DAY);
    let events_per_day = crate::number::real(run.report.campaigns[0].metrics.wins) / days;
    let proposed = told.first().and_then(|cause: &Cause| Some((cause.edit?, cause.effect?)));
    let tried = match proposed {
        Some((edit, effect)) => {
            let with = run_with(&drawn.draft, at, &edit)?;
            let spent = |run: &Run| spent(run, effect.with.window.end(), at);
            Some(Tried { edit, effect, without: spent(&run), with: spent(&with) })
        }
        None => None,
    };
    Ok(Some(Patient { seed, truth: drawn.truth, told, events_per_day, tried }))
}

/// The same world with an edit made at `at`.
fn run_with(draft: &Draft, at: Timestamp, edit: &Edit) -> Result<Run, ScenarioError> {
    let mut draft = draft.clone();
    if let Edit::Widen { times } = *edit {
        let start = draft.check("diagnosis", Path::new(""))?.window;
        widen(&mut draft, (at - start.start()).as_minutes(), start.span().as_minutes(), times);
        let scenario = draft.check("diagnosis", Path::new(""))?;
        return play_one(&scenario, Questions::default());
    }
    let scenario = draft.check("diagnosis", Path::new(""))?;
    let wishes = vec![(at, 0, Wish::Edit(*edit))];
    play_one(&scenario, Questions { wishes, ..Questions::default() })
}

/// So many times the traffic of the first segment, from a minute of the run to its end.
fn widen(draft: &mut Draft, from: f64, to: f64, times: f64) {
    let Some(segment) = draft.rows_mut("segment").next() else { return };
    let surge = market::entries([
        ("at", crate::dice::minutes(from).into()),
        ("lasts", crate::dice::minutes(to - from).into()),
        ("times", times.into()),
    ]);
    let surges = segment.entry("surges").or_insert_with(|| Value::Array(Vec::new()));
    if let Some(surges) = surges.as_array_mut() {
        surges.push(surge.into());
    }
}

/// What the first campaign spent in whole hours from `at` to `end`.
fn spent(run: &Run, end: Timestamp, at: Timestamp) -> Nanos {
    let hours = run.report.campaigns[0].hours.iter();
    hours
        .filter(|hour| hour.window.start() >= at && hour.window.start() < end)
        .map(|hour| hour.spent)
        .sum()
}

fn play_one(scenario: &Scenario, questions: Questions) -> Result<Run, ScenarioError> {
    let laws = Laws {
        log_pid: Studied::Sound(ShippedLaw::default()),
        pass_through: Studied::Spoilt,
        asap: Studied::Sound(ShippedLaw::Asap),
    };
    let config = EngineConfig { tick: scenario.tick, ..EngineConfig::with_laws(laws) };
    let options = RunOptions { questions, ..RunOptions::default() };
    world::run_under(scenario, &options, config, &mut |_| {})
}

/// The laws that ship, and one whose numbers are bad from its first step on: the way into
/// quarantine.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Studied {
    Sound(ShippedLaw),
    Spoilt,
}

impl Studied {
    fn law(&self) -> ShippedLaw {
        match self {
            Self::Sound(law) => *law,
            Self::Spoilt => ShippedLaw::default(),
        }
    }
}

impl PacingLaw for Studied {
    type State = ShippedState;

    fn start(&self, x0: f64) -> ShippedState {
        self.law().start(x0)
    }

    fn step(
        &self,
        state: &ShippedState,
        now: Timestamp,
        seen: &PaceSample,
    ) -> (ShippedState, PacingSignal) {
        self.law().step(state, now, seen)
    }

    fn follow(&self, state: &ShippedState, applied_x: f64, seen: &PaceSample) -> ShippedState {
        self.law().follow(state, applied_x, seen)
    }

    fn bound(&self, state: &ShippedState, applied_x_max: f64, seen: &PaceSample) -> ShippedState {
        self.law().bound(state, applied_x_max, seen)
    }

    fn rebase(
        &self,
        state: &ShippedState,
        before: &PaceSample,
        after: &PaceSample,
    ) -> ShippedState {
        self.law().rebase(state, before, after)
    }

    fn shift(&self, state: &ShippedState, dx: f64) -> ShippedState {
        self.law().shift(state, dx)
    }

    fn signal(&self, state: &ShippedState) -> PacingSignal {
        self.law().signal(state)
    }

    fn is_sound(&self, state: &ShippedState) -> bool {
        matches!(self, Self::Sound(_)) && self.law().is_sound(state)
    }
}
