//! How well the engine foresees what flights will spend: many flights, asked once each, and judged
//! by what came of them.
//!
//! A seed makes a world of a few flights; they run in the same engine as every other, and at a
//! random moment of each the engine is asked. Called by the command line and by tests.

mod draw;
pub mod render;
pub mod score;

use crate::number::whole;
use crate::run::each_told;
use crate::scenario::ScenarioError;
use crate::world::{self, RunOptions};
use paceline_core::budget::Horizon;
use paceline_core::forecast::{Forecast, Prospect};
use paceline_core::units::{Nanos, Span};
use score::Score;
use serde::Serialize;
use std::path::Path;

/// A forecast and what came of it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Asked {
    /// Seed of the world.
    pub seed: u64,
    /// Which flight of it.
    pub flight: String,
    /// Billing events a day at full bids, about.
    pub events_per_day: f64,
    /// Budget over what could be spent, about.
    pub budget_share: f64,
    /// Length of the flight in days.
    pub days: f64,
    /// Share of the flight that had gone.
    pub gone: f64,
    /// What the engine foresaw.
    pub forecast: Forecast,
    /// What that was made of.
    pub prospect: Prospect,
    /// What was spent in the window in the end, in nanos.
    pub spent: Nanos,
}

/// Many forecasts, judged.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Foresight {
    /// The seeds.
    pub seeds: (u64, u64),
    /// Of flights to their ends.
    pub flights: Score,
    /// Of local days to theirs.
    pub days: Score,
    /// Every forecast, in the order of the seeds.
    pub asked: Vec<Asked>,
}

/// Runs the worlds of all seeds on at most `threads` threads. `progress` is told the share done.
///
/// # Errors
/// [`ScenarioError`] when a world's demand cannot be met by its market.
pub fn play(
    seeds: &[u64],
    threads: usize,
    progress: &(dyn Fn(f64) + Sync),
) -> Result<Foresight, ScenarioError> {
    let runs = each_told(seeds, threads, progress, |&seed| ask(seed))?;
    let asked: Vec<Asked> = runs.into_iter().flatten().collect();
    let of = |horizon| asked.iter().filter(move |one| one.forecast.horizon == horizon);
    let (flights, days) = (Score::of(of(Horizon::Flight)), Score::of(of(Horizon::Day)));
    let first = seeds.first().copied().unwrap_or(0);
    Ok(Foresight { seeds: (first, seeds.last().copied().unwrap_or(first)), flights, days, asked })
}

/// One world.
fn ask(seed: u64) -> Result<Vec<Asked>, ScenarioError> {
    let (draft, drawn) = draw::world(seed);
    let scenario = draft.check("forecast", Path::new(""))?;
    let start = scenario.window.start();
    let moment = |minutes: f64| {
        start + Span::from_mins(i64::try_from(whole(minutes)).unwrap_or(i64::MAX / 60_000_000))
    };
    let mut asked: Vec<_> =
        drawn.iter().enumerate().map(|(place, one)| (moment(one.asked), place)).collect();
    asked.sort_unstable();
    let options = RunOptions { asked, ..RunOptions::default() };
    let run = world::run(&scenario, &options, &mut |_| {})?;
    let told = run.foreseen.into_iter().map(|(place, prospect)| {
        let (one, report) = (&drawn[place], &run.report.campaigns[place]);
        let spent = match prospect.horizon {
            Horizon::Flight => Nanos::new(report.metrics.spend_nanos),
            _ => report
                .hours
                .iter()
                .filter(|hour| prospect.window.contains(hour.window.start()))
                .map(|hour| hour.spent)
                .sum(),
        };
        Asked {
            seed,
            flight: report.name.clone(),
            events_per_day: one.events,
            budget_share: one.budget,
            days: one.days,
            gone: one.gone,
            forecast: Forecast::of(&prospect),
            prospect,
            spent,
        }
    });
    Ok(told.collect())
}
