//! Shading, judged: markets of known curves, markets that change, worlds of two prices, recorded
//! prices; each with every kind of feedback, and against published rivals.
//!
//! The shader is the one that ships, stepped as the service would. Pacing stands still in here:
//! values come as they are. Called by the command line and by tests.

pub mod atoms;
pub mod change;
pub mod contender;
pub mod known;
pub mod recorded;
pub mod render;
pub mod rival;
pub mod truth;

use crate::run::each_told;
use atoms::Atoms;
use change::{Drift, Quiet, Shift};
use contender::Feedback;
use known::Known;
use paceline_core::shade::TieRule;
use recorded::Recorded;
use serde::Serialize;
use std::convert::Infallible;
use std::path::Path;

/// Least share of the best surplus after 20 000 outcomes, by kind of feedback.
pub const LEAST: [f64; 3] = [0.98, 0.96, 0.94];
/// Least share of campaigns at the right one of two prices.
pub const RIGHT: f64 = 0.99;
/// Values that recorded prices are replayed with, and the file they are of.
const RECORDED: [(&str, [i64; 4]); 2] = [
    ("ipinyou_dlf_2259/auctions_train.csv", [500_000, 1_000_000, 2_000_000, 3_000_000]),
    ("auctionnet/auctions_synthetic_day.parquet", [0, 0, 0, 0]),
];

/// What to play.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ShadingOptions {
    /// One run of every market for each.
    pub seeds: Vec<u64>,
    /// Days that must be quiet.
    pub quiet_days: u64,
    /// Campaigns in worlds of two prices.
    pub campaigns: usize,
    /// At a time.
    pub threads: usize,
}

/// All that was found.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Shaded {
    /// The seeds.
    pub seeds: Vec<u64>,
    /// Market by feedback by seed.
    pub known: Vec<Known>,
    /// Tie rule by feedback.
    pub atoms: Vec<Atoms>,
    /// Feedback by direction.
    pub shifts: Vec<Shift>,
    /// By feedback.
    pub drifts: Vec<Drift>,
    /// By feedback.
    pub quiet: Vec<Quiet>,
    /// File by context by value by feedback; empty where there is no data.
    pub recorded: Vec<Recorded>,
}

/// One piece of work, and what came of it.
#[derive(Debug, Clone)]
enum Job<'a> {
    Known(&'a truth::Market, Feedback, u64),
    Atoms(TieRule, Feedback),
    Shift(Feedback, f64),
    Drift(Feedback),
    Quiet(Feedback),
    Recorded(&'a str, &'a [recorded::Row], i64, Feedback, bool),
}

enum Done {
    Known(Known),
    Atoms(Atoms),
    Shift(Shift),
    Drift(Drift),
    Quiet(Quiet),
    Recorded(Recorded),
}

/// Plays everything; files that are not under `data` are left out. `progress` is told the share
/// done.
///
/// # Errors
/// [`crate::trace::TraceError`] when a file that is there is bad.
pub fn play(
    options: &ShadingOptions,
    data: &Path,
    progress: &(dyn Fn(f64) + Sync),
) -> Result<Shaded, crate::trace::TraceError> {
    let markets = truth::markets();
    let mut traces = Vec::new();
    for (file, values) in RECORDED {
        let path = data.join(file);
        if path.exists() {
            let rows = recorded::read(&path)?;
            let values = values.map(|value| if value > 0 { value } else { middle(&rows) });
            traces.push((file, rows, values));
        }
    }
    let jobs = jobs(options, &markets, &traces);
    let seed = options.seeds.first().copied().unwrap_or(1);
    let work = |job: &Job<'_>| {
        Ok::<_, Infallible>(match job {
            Job::Known(market, feedback, number) => {
                Done::Known(known::play(market, *feedback, *number, *number == seed))
            }
            Job::Atoms(tie, feedback) => {
                Done::Atoms(atoms::play(*tie, *feedback, seed, options.campaigns))
            }
            Job::Shift(feedback, scale) => {
                Done::Shift(change::shift(*feedback, *scale, &options.seeds))
            }
            Job::Drift(feedback) => Done::Drift(change::drift(*feedback, 0.1, seed)),
            Job::Quiet(feedback) => Done::Quiet(change::quiet(*feedback, options.quiet_days, seed)),
            Job::Recorded(file, rows, value, feedback, has_context) => {
                Done::Recorded(recorded::play(file, rows, (*value, *feedback, *has_context)))
            }
        })
    };
    let Ok(results) = each_told(&jobs, options.threads, progress, work);
    let mut all = Shaded {
        seeds: options.seeds.clone(),
        known: Vec::new(),
        atoms: Vec::new(),
        shifts: Vec::new(),
        drifts: Vec::new(),
        quiet: Vec::new(),
        recorded: Vec::new(),
    };
    for result in results {
        match result {
            Done::Known(one) => all.known.push(one),
            Done::Atoms(one) => all.atoms.push(one),
            Done::Shift(one) => all.shifts.push(one),
            Done::Drift(one) => all.drifts.push(one),
            Done::Quiet(one) => all.quiet.push(one),
            Done::Recorded(one) => all.recorded.push(one),
        }
    }
    Ok(all)
}

type Trace<'a> = (&'a str, Vec<recorded::Row>, [i64; 4]);

fn jobs<'a>(
    options: &ShadingOptions,
    markets: &'a [truth::Market],
    traces: &'a [Trace<'a>],
) -> Vec<Job<'a>> {
    let mut jobs = Vec::new();
    for feedback in Feedback::ALL {
        if options.quiet_days > 0 {
            jobs.push(Job::Quiet(feedback));
        }
        for scale in [1.5, 0.5] {
            jobs.push(Job::Shift(feedback, scale));
        }
        jobs.push(Job::Drift(feedback));
        for tie in [TieRule::Win, TieRule::Lose] {
            jobs.push(Job::Atoms(tie, feedback));
        }
        for market in markets {
            let seeds = options.seeds.iter();
            jobs.extend(seeds.map(|&seed| Job::Known(market, feedback, seed)));
        }
        for (file, rows, values) in traces {
            let mut values = values.to_vec();
            values.dedup();
            for value in values {
                for has_context in [false, true] {
                    jobs.push(Job::Recorded(file, rows, value, feedback, has_context));
                }
            }
        }
    }
    jobs
}

/// Twice the middle price: a value that half of what is bid for pays well for.
fn middle(rows: &[recorded::Row]) -> i64 {
    let mut prices: Vec<i64> = rows.iter().map(|row| row.least).collect();
    prices.sort_unstable();
    prices.get(prices.len() / 2).map_or(1, |price| 2 * price)
}
