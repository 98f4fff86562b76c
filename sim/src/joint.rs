//! Pacing and shading together, in first price: does shading pay where the budget binds, where it
//! does not, and does it ever shake the loop?
//!
//! Small worlds of known prices in the engine that ships, which learns its schedules from the
//! outcomes of its own bids, from nothing. Beside it bid the multiplier alone, shading before
//! pacing, and throttling before shading. Called by the command line and by tests.

pub mod budgets;
pub mod render;
pub mod resonance;
pub mod slack;
pub mod swaps;
mod world;

use crate::run::each_told;
use crate::scenario::ScenarioError;
use crate::shading::contender::Feedback;
use budgets::Budgets;
use paceline_core::campaign::ShadingObjective;
use resonance::{Gain, Wave};
use serde::Serialize;
use slack::Slack;
use swaps::{Moves, Swaps};
pub use world::Way;
use world::{Figures, Setting, Supply};

/// What to play.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JointOptions {
    /// One run of every world for each.
    pub seeds: Vec<u64>,
    /// Kinds of feedback that budgets are played with.
    pub feedbacks: Vec<Feedback>,
    /// Seeds, the first ones, that waves are played with.
    pub wave_seeds: usize,
    /// Auctions a day in each of three segments.
    pub per_day: u32,
    /// What shading may raise a multiplier to where results are what counts, in hundredths.
    pub raised_percent: u32,
    /// At a time.
    pub threads: usize,
}

/// All that was found.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Joint {
    /// The seeds.
    pub seeds: Vec<u64>,
    /// Where budgets bind.
    pub budgets: Budgets,
    /// Where they do not.
    pub slack: Slack,
    /// Schedules that are swapped.
    pub swaps: Swaps,
    /// Waves of price and of supply.
    pub gains: Vec<Gain>,
}

/// One run, and what came of it.
#[derive(Debug, Clone)]
enum Job {
    Bound(Way, Option<Feedback>, u64),
    Free(slack::Arm, u64),
    Swap(u64),
    Wave(Way, Wave, u64),
}

enum Done {
    Bound(budgets::Row),
    Free(slack::Row),
    Swap(Moves),
    Wave(resonance::Row),
}

/// Plays everything. `progress` is told the share done.
///
/// # Errors
/// [`ScenarioError`] should a world not be sound, which would be a fault of this module.
pub fn play(
    options: &JointOptions,
    progress: &(dyn Fn(f64) + Sync),
) -> Result<Joint, ScenarioError> {
    let per_day = f64::from(options.per_day);
    let supply = Supply {
        per_day,
        full: world::unpaced(per_day)?,
        raised: f64::from(options.raised_percent) / 100.0,
    };
    let bound = Setting::of_shares(supply, &budgets::SHARES);
    let models = swaps::models(&Setting::of_shares(supply.thinned(8.0), &budgets::SHARES))?;
    let work = |job: &Job| {
        Ok(match *job {
            Job::Bound(way, feedback, seed) => {
                let told = feedback.unwrap_or(Feedback::All);
                let objective = ShadingObjective::Value;
                let plan = way.plan(told, objective);
                let made = world::run_once(&bound.for_way(way), way, plan, seed)?;
                let figures: Vec<Figures> = made.report.campaigns.iter().map(Figures::of).collect();
                Done::Bound(budgets::Row { way, feedback, seed, figures })
            }
            Job::Free(arm, seed) => Done::Free(slack::play(arm, supply, seed)?),
            Job::Swap(seed) => Done::Swap(swaps::play(&bound, &models, seed)?),
            Job::Wave(way, wave, seed) => Done::Wave(resonance::play(way, wave, supply, seed)?),
        })
    };
    let done = each_told(&jobs(options), options.threads, progress, work)?;
    let (mut rows, mut free, mut moves, mut waves) =
        (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for one in done {
        match one {
            Done::Bound(row) => rows.push(row),
            Done::Free(row) => free.push(row),
            Done::Swap(one) => moves.push(one),
            Done::Wave(row) => waves.push(row),
        }
    }
    Ok(Joint {
        seeds: options.seeds.clone(),
        budgets: Budgets::of(&options.feedbacks, &options.seeds, &rows),
        slack: Slack::of(&options.seeds, &free),
        swaps: Swaps::of(&moves),
        gains: resonance::gains(&waves),
    })
}

fn jobs(options: &JointOptions) -> Vec<Job> {
    let mut jobs = Vec::new();
    for &seed in &options.seeds {
        jobs.push(Job::Bound(Way::Unshaded, None, seed));
        for &feedback in &options.feedbacks {
            let ways = [Way::Ours, Way::ShadeFirst, Way::Throttled];
            jobs.extend(ways.map(|way| Job::Bound(way, Some(feedback), seed)));
        }
        jobs.extend(slack::Arm::ALL.map(|arm| Job::Free(arm, seed)));
        jobs.push(Job::Swap(seed));
    }
    for &seed in options.seeds.iter().take(options.wave_seeds) {
        for wave in Wave::all() {
            jobs.extend([Way::Ours, Way::Unshaded].map(|way| Job::Wave(way, wave, seed)));
        }
    }
    jobs
}
