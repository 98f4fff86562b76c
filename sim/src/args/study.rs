//! Commands that study the law by worlds of their own: forecasts, self-play, returns, margins.
//!
//! Called by the command line's front door.

use super::{parse_seeds, value};
use crate::contender::Contender;
use clap::Args;
use std::ops::RangeInclusive;
use std::path::PathBuf;

/// What every study takes.
#[derive(Debug, Clone, Args)]
pub struct Common {
    /// Runs at a time; as many as there are cores when absent.
    #[arg(long, value_name = "N", value_parser = value::threads)]
    pub threads: Option<usize>,
    /// Write everything that was found, piece by piece, as JSON.
    #[arg(long, value_name = "FILE")]
    pub json: Option<PathBuf>,
    /// Write a page with charts.
    #[arg(long, value_name = "FILE")]
    pub html: Option<PathBuf>,
}

/// `forecast`: flights that are asked what they will have spent.
#[derive(Debug, Clone, Args)]
#[command(after_help = "Example: paceline-sim forecast --seeds 621..900 --html forecasts.html\n\n\
                        The constants of forecasts were chosen on seeds 1..300: judge on others.")]
pub struct ForecastArgs {
    /// Seeds from first to last: a world of six flights for each.
    #[arg(long, value_name = "FIRST..LAST", value_parser = parse_seeds, default_value = "621..660")]
    pub seeds: RangeInclusive<u64>,
    /// How fast, and where to.
    #[command(flatten)]
    pub common: Common,
}

/// `diagnose`: campaigns with known troubles that are asked why.
#[derive(Debug, Clone, Args)]
#[command(
    after_help = "Example: paceline-sim diagnose --seeds 5001..5300 --html diagnoses.html\n\n\
                        Thresholds were chosen on seeds 1..300: judge on others. The exit code is \
                        1 when fewer than 90 in 100 are right by the mean over causes, fewer than \
                        95 in 100 of the healthy, or fewer than 80 in 100 of the effects."
)]
pub struct DiagnoseArgs {
    /// Seeds from first to last: a campaign for each.
    #[arg(long, value_name = "FIRST..LAST", value_parser = parse_seeds,
          default_value = "5001..5300")]
    pub seeds: RangeInclusive<u64>,
    /// How fast, and where to.
    #[command(flatten)]
    pub common: Common,
}

/// `preview`: campaigns that are edited, each with a preview.
#[derive(Debug, Clone, Args)]
#[command(after_help = "Example: paceline-sim preview --seeds 7001..7200 --html previews.html\n\n\
                        Constants were chosen on seeds 1..400: judge on others. The exit code is \
                        1 when fewer than 90 in 100 are told within 5 %, of days of 1 000 events \
                        or more, or when bands do not hold 75 to 85 times in 100.")]
pub struct PreviewArgs {
    /// Seeds from first to last: a campaign and an edit for each.
    #[arg(long, value_name = "FIRST..LAST", value_parser = parse_seeds,
          default_value = "7001..7200")]
    pub seeds: RangeInclusive<u64>,
    /// How fast, and where to.
    #[command(flatten)]
    pub common: Common,
}

/// `self-play`: stationary markets against their equilibrium.
#[derive(Debug, Clone, Args)]
#[command(after_help = "Example: paceline-sim self-play sim/scenarios/self-play-first.toml \
                        sim/scenarios/self-play-second.toml --seeds 1..5 --html out.html\n\n\
                        The exit code is 1 when multipliers or gains are beyond their bounds.")]
pub struct SelfPlayArgs {
    /// Scenario files: competing campaigns, a market that stays the same, one rule of prices.
    #[arg(value_name = "SCENARIO", required = true, num_args = 1..)]
    pub scenarios: Vec<PathBuf>,
    /// Seeds from first to last; in second-price worlds the first chooses and the others judge.
    #[arg(long, value_name = "FIRST..LAST", value_parser = parse_seeds, default_value = "1..5")]
    pub seeds: RangeInclusive<u64>,
    /// Pacing law or rival instead of the scenarios', as in `run`.
    #[arg(long, value_name = "NAME", value_parser = value::contender)]
    pub law: Option<Contender>,
    /// How fast, and where to.
    #[command(flatten)]
    pub common: Common,
}

/// `returns`: campaigns with return targets.
#[derive(Debug, Clone, Args)]
#[command(after_help = "Example: paceline-sim returns --seeds 211..220 --html returns.html\n\n\
                        The exit code is 1 when our campaigns keep their targets less often than \
                        65 in 100, get less than that share of the yardstick, or less than three \
                        points more than the guide's joint rule.")]
pub struct ReturnsArgs {
    /// Seeds from first to last: a fleet for each.
    #[arg(long, value_name = "FIRST..LAST", value_parser = parse_seeds, default_value = "211..220")]
    pub seeds: RangeInclusive<u64>,
    /// Campaigns of a fleet, 1 to 10000.
    #[arg(long, value_name = "N", default_value_t = 1_000,
          value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub campaigns: u32,
    /// How fast, and where to.
    #[command(flatten)]
    pub common: Common,
}

/// `margins`: worlds in which delay, gain and shape are off.
#[derive(Debug, Clone, Args)]
#[command(after_help = "Example: paceline-sim margins --seeds 1..3 --html margins.html")]
pub struct MarginsArgs {
    /// Seeds from first to last: every point of the grid with each.
    #[arg(long, value_name = "FIRST..LAST", value_parser = parse_seeds, default_value = "1..1")]
    pub seeds: RangeInclusive<u64>,
    /// How fast, and where to.
    #[command(flatten)]
    pub common: Common,
}

/// `shading`: bids that learn how little wins.
#[derive(Debug, Clone, Args)]
#[command(after_help = "Example: paceline-sim shading --seeds 1..4 --html shading.html\n\n\
                        Recorded prices are read from the folder PACELINE_DATA, and left out where \
                        there is none. The exit code is 1 when a bound does not hold.")]
pub struct ShadingArgs {
    /// Seeds from first to last: every market with each; rivals with the first.
    #[arg(long, value_name = "FIRST..LAST", value_parser = parse_seeds, default_value = "1..4")]
    pub seeds: RangeInclusive<u64>,
    /// Days without change in which alarms are counted, 0 to 60.
    #[arg(long, value_name = "N", default_value_t = 30,
          value_parser = clap::value_parser!(u32).range(0..=60))]
    pub quiet_days: u32,
    /// Campaigns in worlds of two prices, 1 to 10000.
    #[arg(long, value_name = "N", default_value_t = 300,
          value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub campaigns: u32,
    /// How fast, and where to.
    #[command(flatten)]
    pub common: Common,
}

/// `joint`: pacing and shading together.
#[derive(Debug, Clone, Args)]
#[command(after_help = "Example: paceline-sim joint --seeds 1..20 --html joint.html\n\n\
                        The nine campaigns of a budget world teach one model of the market.\n\
                        The exit code is 1 when a rule does not hold.")]
pub struct JointArgs {
    /// Seeds from first to last: every world with each; waves with the first three.
    #[arg(long, value_name = "FIRST..LAST", value_parser = parse_seeds, default_value = "1..20")]
    pub seeds: RangeInclusive<u64>,
    /// Auctions a day in each of three segments, 1000 to 1000000.
    #[arg(long, value_name = "N", default_value_t = 12_000,
          value_parser = clap::value_parser!(u32).range(1_000..=1_000_000))]
    pub per_day: u32,
    /// What shading may raise a multiplier to where results are what counts, in hundredths, 100 to
    /// 400.
    #[arg(long, value_name = "N", default_value_t = 200,
          value_parser = clap::value_parser!(u32).range(100..=400))]
    pub raised_percent: u32,
    /// How fast, and where to.
    #[command(flatten)]
    pub common: Common,
}
