//! How wrong the law may be about its plant before its promises break: delay of the reports, gain
//! and traffic shape, each off by so much and all of them together.
//!
//! Every point of a grid of errors is a small world in the same engine as every other, in which
//! the price level rises or falls at noon by a half. What comes of it is measured and held against
//! bounds; the margins are the largest box of errors within which every point keeps to them.
//! Called by the command line and by tests.

mod extent;
mod measure;
pub mod render;
mod world;

use crate::run::each_told;
use crate::scenario::ScenarioError;
use crate::world::{RunOptions, run};
pub use extent::Extent;
pub use measure::{OVERSHOOT_MOST, Response, SETTLING_MOST, VALUE_LEAST, Worst};
use paceline_core::units::Span;
use serde::Serialize;
use std::path::Path;

/// Delays of the reports, in seconds.
const DELAYS: [i64; 6] = [0, 300, 600, 900, 1_800, 3_600];
/// Delays under the engine's own patience, in seconds.
const DELAYS_AS_SHIPPED: [i64; 6] = [0, 15, 20, 60, 240, 600];
/// True elasticity over the one the law assumes.
const GAINS: [f64; 7] = [0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0];
/// True traffic of the second day over what the planner was told.
const LEVELS: [f64; 5] = [0.5, 0.75, 1.0, 1.5, 2.0];
/// Hours by which the told course of the day is late.
const SHIFTS: [f64; 7] = [-4.0, -2.0, -1.0, 0.0, 1.0, 2.0, 4.0];

/// The price level at noon over what it was before.
pub const STEPS: [f64; 2] = [1.5, 1.0 / 1.5];

/// What is wrong, all at once.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Errors {
    /// How long a report travels, in seconds.
    pub delay_seconds: i64,
    /// True elasticity over the one the law assumes.
    pub gain: f64,
    /// True traffic of the second day over what the planner was told.
    pub level: f64,
    /// Hours by which the told course of the day is late.
    pub shift_hours: f64,
    /// Whether the engine was told to wait for reports so late. As it ships safe values stand when
    /// spend was not seen for five minutes.
    pub waits: bool,
}

impl Errors {
    /// Nothing is wrong.
    pub const NONE: Self =
        Self { delay_seconds: 0, gain: 1.0, level: 1.0, shift_hours: 0.0, waits: true };

    /// How long a report travels.
    #[must_use]
    pub const fn delay(&self) -> Span {
        Span::from_secs(self.delay_seconds)
    }
}

/// The whole grid: every delay with every gain and every error of the shape, which is wrong in its
/// level or in its course; then delays alone in an engine as it ships.
#[must_use]
pub fn grid() -> Vec<Errors> {
    let levels = LEVELS.map(|level| (level, 0.0));
    let shifts =
        SHIFTS.map(|shift| (1.0, shift)).into_iter().filter(|(_, shift)| shift.abs() > 0.0);
    let shapes: Vec<(f64, f64)> = levels.into_iter().chain(shifts).collect();
    let mut grid = Vec::new();
    for delay_seconds in DELAYS {
        for gain in GAINS {
            grid.extend(shapes.iter().map(|&(level, shift_hours)| Errors {
                delay_seconds,
                gain,
                level,
                shift_hours,
                waits: true,
            }));
        }
    }
    grid.extend(DELAYS_AS_SHIPPED.map(|delay_seconds| Errors {
        delay_seconds,
        waits: false,
        ..Errors::NONE
    }));
    grid
}

/// One point of the grid and what came of it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Point {
    /// What was wrong.
    pub errors: Errors,
    /// d ln spend ÷ d ln multiplier in its world.
    pub elasticity: f64,
    /// For each step of the price, with each seed.
    pub responses: Vec<Response>,
    /// The worst of each number among them.
    pub worst: Worst,
    /// Whether even the worst keeps to every bound.
    pub holds: bool,
}

/// What came of all points.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Margins {
    /// The seeds.
    pub seeds: Vec<u64>,
    /// The largest box of errors in which every point holds; absent when no error at all does not.
    pub extent: Option<Extent>,
    /// In the order in which they were asked for.
    pub points: Vec<Point>,
}

/// A run to be made.
struct Job {
    errors: Errors,
    /// Believed by the law.
    elasticity: f64,
    step: f64,
    seed: u64,
}

/// Runs the worlds of all points with all seeds on at most `threads` threads. `progress` is told
/// the share done. Value is held against that of the same world without delay, told the true
/// traffic, under a law that is told the true elasticity.
///
/// # Errors
/// [`ScenarioError`] should a world not be sound, which would be a fault of this module.
pub fn play(
    asked: &[Errors],
    seeds: &[u64],
    threads: usize,
    progress: &(dyn Fn(f64) + Sync),
) -> Result<Margins, ScenarioError> {
    let mut gains: Vec<f64> = asked.iter().map(|errors| errors.gain).collect();
    gains.sort_by(f64::total_cmp);
    gains.dedup();
    let jobs = |errors: Errors, elasticity: f64| {
        STEPS.into_iter().flat_map(move |step| {
            seeds.iter().map(move |&seed| Job { errors, elasticity, step, seed })
        })
    };
    let all: Vec<Job> = gains
        .iter()
        .flat_map(|&gain| jobs(Errors { gain, ..Errors::NONE }, world::elasticity(gain)))
        .chain(asked.iter().flat_map(|&errors| jobs(errors, world::elasticity(1.0))))
        .collect();
    let responses = each_told(&all, threads, progress, respond)?;
    let width = STEPS.len() * seeds.len();
    let (right, wrong) = responses.split_at(gains.len() * width);
    let points: Vec<Point> = asked
        .iter()
        .zip(wrong.chunks(width.max(1)))
        .map(|(errors, responses)| {
            let gain = gains.iter().position(|gain| gain.total_cmp(&errors.gain).is_eq());
            let right = &right[gain.unwrap_or(0) * width..][..width];
            Point::new(*errors, responses, right)
        })
        .collect();
    Ok(Margins { seeds: seeds.to_vec(), extent: Extent::largest(&points), points })
}

impl Point {
    fn new(errors: Errors, responses: &[Response], right: &[Response]) -> Self {
        let responses: Vec<Response> =
            responses.iter().zip(right).map(|(one, right)| one.against(right)).collect();
        let worst = Worst::of(&responses);
        let elasticity = world::elasticity(errors.gain);
        Self { errors, elasticity, holds: worst.holds(), worst, responses }
    }
}

/// One run.
fn respond(job: &Job) -> Result<Response, ScenarioError> {
    let scenario = world::draft(&job.errors, job.step).check("margins", Path::new(""))?;
    let engine = world::engine(&job.errors, job.elasticity);
    let options =
        RunOptions { seed: Some(job.seed), engine: Some(engine), ..RunOptions::default() };
    let made = run(&scenario, &options, &mut |_| {})?;
    let excess = world::own_excess(job.errors.gain, job.step);
    Ok(Response::new(&made.report.campaigns[0], job.step, job.seed, excess))
}
