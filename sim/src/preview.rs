//! How well the engine says what an edit will do: many campaigns, an edit each, previewed and then
//! made; what was spent in the day after it is held against what was said.
//!
//! A seed makes a world of one campaign. Called by the command line and by tests.

mod draw;
pub mod render;
pub mod score;

pub use draw::Kind;

use crate::number::real;
use crate::run::each_told;
use crate::scenario::ScenarioError;
use crate::world::asked::Questions;
use crate::world::{self, RunOptions};
use paceline_core::budget::Horizon;
use paceline_core::forecast::Forecast;
use paceline_core::units::{Nanos, Span};
use score::Score;
use serde::Serialize;
use std::path::Path;

/// An edit, previewed, and what came of it.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Tried {
    /// Seed of the world.
    pub seed: u64,
    /// What kind of edit.
    pub kind: Kind,
    /// Whether its budget held the campaign before.
    pub is_limited: bool,
    /// Billing events in the day after the edit, as they were.
    pub events: f64,
    /// Spend of the day ahead without the edit, as it was foreseen.
    pub without: Forecast,
    /// Spend of the day ahead with it, as it was foreseen.
    pub with: Forecast,
    /// What was spent in that day, in nanos.
    pub spent: Nanos,
    /// It was told to go beyond what was seen.
    pub is_beyond: bool,
}

/// Many of them, judged.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Previews {
    /// The seeds.
    pub seeds: (u64, u64),
    /// How well it foresaw.
    pub score: Score,
    /// Every edit, in the order of the seeds.
    pub tried: Vec<Tried>,
}

/// Runs the worlds of all seeds on at most `threads` threads. `progress` is told the share done.
///
/// # Errors
/// [`ScenarioError`] when a world is unsound.
pub fn play(
    seeds: &[u64],
    threads: usize,
    progress: &(dyn Fn(f64) + Sync),
) -> Result<Previews, ScenarioError> {
    let runs = each_told(seeds, threads, progress, |&seed| ask(seed))?;
    let tried: Vec<Tried> = runs.into_iter().flatten().collect();
    let first = seeds.first().copied().unwrap_or(0);
    let seeds = (first, seeds.last().copied().unwrap_or(first));
    Ok(Previews { seeds, score: Score::of(&tried), tried })
}

/// One world: previewed, edited, run to its end.
fn ask(seed: u64) -> Result<Option<Tried>, ScenarioError> {
    // Every run starts at the same moment, which the edit of a flight names.
    let start = draw::world(seed, paceline_core::units::Timestamp::MIN)
        .draft
        .check("preview", Path::new(""))?
        .window
        .start();
    let drawn = draw::world(seed, start);
    let scenario = drawn.draft.check("preview", Path::new(""))?;
    let at = start + Span::HOUR.times(drawn.at);
    let asked = vec![(at, 0, drawn.wish)];
    let questions = Questions { what_if: asked.clone(), wishes: asked, ..Questions::default() };
    let options = RunOptions { questions, ..RunOptions::default() };
    let run = world::run(&scenario, &options, &mut |_| {})?;
    let Some((_, Some(preview))) = run.answers.what_if.first() else { return Ok(None) };
    let Some(told) = preview.campaigns.first() else { return Ok(None) };
    let before = told.before.as_ref().and_then(|course| course.over(Horizon::Day));
    let (Some(&without), Some(&with)) = (before, told.after.over(Horizon::Day)) else {
        return Ok(None);
    };
    let report = &run.report.campaigns[0];
    let after = report.hours.iter().filter(|hour| with.window.contains(hour.window.start()));
    let spent: Nanos = after.map(|hour| hour.spent).sum();
    let metrics = &report.metrics;
    let price = Nanos::new(metrics.spend_nanos).as_f64() / real(metrics.wins.max(1));
    Ok(Some(Tried {
        seed,
        kind: drawn.kind,
        is_limited: drawn.is_limited,
        events: spent.as_f64() / price.max(1.0),
        without,
        with,
        spent,
        is_beyond: told.is_beyond,
    }))
}
