//! The command line: what may be asked, checked before anything is done.
//!
//! Every complaint names flag, value and rule. Knows the forms and does nothing. Called by `main`.

pub mod study;
mod value;

use crate::contender::Contender;
use crate::generate::{GenerateKind, GenerateOptions, Model};
use crate::policy::{Policy, PriceRule, TieRule};
use crate::report::metric;
use crate::run::parse_seeds;
use crate::sweep::vary::Vary;
use clap::{Args, Parser, Subcommand};
use paceline_core::campaign::LawChoice;
use paceline_core::units::{Nanos, Span, Timestamp};
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
pub use study::{
    DiagnoseArgs, ForecastArgs, JointArgs, MarginsArgs, PreviewArgs, ReturnsArgs, SelfPlayArgs,
    ShadingArgs,
};

/// Rehearses budget pacing: replays traces, runs scenarios, makes traces up.
///
/// Exit codes: 0 done, 1 failed, 64 asked wrongly.
#[derive(Debug, Parser)]
#[command(name = "paceline-sim", version, propagate_version = true)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Plays a recorded auction trace against a pacing law or a fixed policy, or the service's own
    /// log again.
    Replay(ReplayArgs),
    /// Runs scenario files and judges them by the ranges they state.
    Run(RunArgs),
    /// Judges a pacing law against others, in the same worlds with the same seeds.
    Compare(CompareArgs),
    /// Runs random worlds with random faults, and shrinks those in which something does not hold
    /// that always must.
    Swarm(SwarmArgs),
    /// Runs scenarios with every combination of values of keys, gains and settings.
    Sweep(SweepArgs),
    /// Plays stationary markets in which every campaign is paced by the same law, and holds them
    /// against their equilibrium.
    SelfPlay(SelfPlayArgs),
    /// Runs campaigns with return targets by the Field guide's protocol, under our laws and its
    /// own.
    Returns(ReturnsArgs),
    /// Bids in first-price markets, known and recorded, that learn how little wins, beside
    /// published rivals.
    Shading(ShadingArgs),
    /// Paces and shades in first-price markets, with budgets that bind and budgets to spare, and
    /// tells whether either disturbs the other.
    Joint(JointArgs),
    /// Asks the engine at random moments of many flights what they will have spent, and judges what
    /// it said.
    Forecast(ForecastArgs),
    /// Asks the engine why campaigns whose trouble is known are where they are, and tries the edits
    /// it proposes.
    Diagnose(DiagnoseArgs),
    /// Previews an edit of many campaigns, makes it, and judges what was foreseen.
    Preview(PreviewArgs),
    /// Runs worlds in which the law is wrong about its plant, and tells how wrong it may be.
    Margins(MarginsArgs),
    /// Writes a made-up trace; the same options give the same bytes.
    Generate(GenerateArgs),
    /// Runs service, market and console in one process, on a clock sixty times as fast.
    Demo(DemoArgs),
    /// Plays bidders against a running service.
    Drive(DriveArgs),
    /// Lets another simulator drive the engine: JSON lines in, JSON lines out.
    Bridge,
}

/// `replay`: one trace, with a law or a fixed policy; or a journal, which has its own.
#[derive(Debug, Clone, Args)]
#[command(group = clap::ArgGroup::new("control").required(true).args(["law", "policy", "journal"]))]
#[command(
    after_help = "Example: paceline-sim replay --auctions day.parquet --policy const:500000 \
                        --price second --budget-nanos 1000000000 --json out.json"
)]
pub struct ReplayArgs {
    /// Auction trace, .csv or .parquet.
    #[arg(long, value_name = "FILE", value_parser = value::table,
          required_unless_present = "journal")]
    pub auctions: Option<PathBuf>,
    /// A log that `paceline dump-log` wrote: every table must come out as it was published.
    #[arg(long, value_name = "FILE",
          conflicts_with_all = ["auctions", "campaigns", "budget_nanos", "value_column", "html"])]
    pub journal: Option<PathBuf>,
    /// Campaign file, .csv or .parquet; without one, a single campaign wants every auction.
    #[arg(long, value_name = "FILE", value_parser = value::table)]
    pub campaigns: Option<PathBuf>,
    /// Pacing law: log-pid, pass-through or asap.
    #[arg(long, value_name = "NAME", value_parser = value::law)]
    pub law: Option<LawChoice>,
    /// Fixed policy: const:CPM_MICROS bids that, lin:CPM_MICROS bids it in proportion to pctr.
    #[arg(long, value_name = "POLICY", value_parser = value::policy)]
    pub policy: Option<Policy>,
    /// What a winner pays.
    #[arg(long, value_enum, default_value_t)]
    pub price: PriceRule,
    /// What a bid equal to the price to beat does.
    #[arg(long, value_enum, default_value_t)]
    pub tie: TieRule,
    /// Budget of the single campaign, in nanos of currency.
    #[arg(long, value_name = "N", value_parser = value::budget, conflicts_with = "campaigns",
          allow_negative_numbers = true)]
    pub budget_nanos: Option<Nanos>,
    /// Numeric column that says what an impression is worth.
    #[arg(long, value_name = "NAME", value_parser = value::column)]
    pub value_column: Option<String>,
    /// Factor that turns that column into micros of currency per thousand impressions.
    #[arg(long, value_name = "X", value_parser = value::scale, requires = "value_column",
          default_value = "1", allow_negative_numbers = true)]
    pub value_scale: f64,
    /// Bill campaigns with the goal CLICKS per click; only with a law.
    #[arg(long, requires = "law", conflicts_with = "policy")]
    pub bill_clicks: bool,
    /// Seed of whatever is drawn under a law.
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub seed: u64,
    /// Write the figures as JSON.
    #[arg(long, value_name = "FILE")]
    pub json: Option<PathBuf>,
    /// Write a page about it.
    #[arg(long, value_name = "FILE")]
    pub html: Option<PathBuf>,
}

/// What is replayed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Control<'a> {
    /// A trace under a pacing law, through the engine.
    Law(&'a Path, LawChoice),
    /// A trace under a fixed policy, without one.
    Policy(&'a Path, Policy),
    /// A journal, by itself.
    Journal(&'a Path),
}

impl ReplayArgs {
    /// What to replay and how; the parser has seen to it that there is exactly one.
    ///
    /// # Panics
    /// When built by hand with none.
    #[must_use]
    pub fn control(&self) -> Control<'_> {
        match (&self.journal, &self.auctions, self.law, self.policy) {
            (Some(journal), ..) => Control::Journal(journal),
            (None, Some(trace), Some(law), _) => Control::Law(trace, law),
            (None, Some(trace), None, Some(policy)) => Control::Policy(trace, policy),
            _ => panic!("the parser asks for a journal, or a trace with a law or a policy"),
        }
    }
}

/// `run`: scenario files.
#[derive(Debug, Clone, Args)]
pub struct RunArgs {
    /// Scenario files.
    #[arg(value_name = "SCENARIO", required = true, num_args = 1..)]
    pub scenarios: Vec<PathBuf>,
    /// Pacing law instead of the scenario's: log-pid, pass-through or asap; or a published one,
    /// which is not judged: dead-beat, mystique-linear, mystique-learned, feedback,
    /// descent-euclidean, descent-entropy, sample or percentile. Several, with commas between, make
    /// one table.
    #[arg(long, value_name = "NAME", value_parser = value::contender, value_delimiter = ',')]
    pub law: Vec<Contender>,
    /// Seed instead of the scenario's.
    #[arg(long, value_name = "N")]
    pub seed: Option<u64>,
    /// Seeds from first to last, e.g. 1..5: every scenario under every law with each, in one table.
    #[arg(long, value_name = "FIRST..LAST", value_parser = parse_seeds,
          conflicts_with = "seed")]
    pub seeds: Option<RangeInclusive<u64>>,
    /// Write the figures as JSON.
    #[arg(long, value_name = "FILE")]
    pub json: Option<PathBuf>,
    /// Write a page about it.
    #[arg(long, value_name = "FILE")]
    pub html: Option<PathBuf>,
}

/// `compare`: a trial, or scenario files.
#[derive(Debug, Clone, Args)]
#[command(after_help = "Example: paceline-sim compare sim/trials/short.toml --store runs.jsonl \
                        --html out.html")]
pub struct CompareArgs {
    /// One trial file, or scenario files.
    #[arg(value_name = "FILE", required = true, num_args = 1..)]
    pub files: Vec<PathBuf>,
    /// Instead of the trial's, with commas between: laws that ship (log-pid, pass-through, asap)
    /// and rivals. Without a trial the first is judged; all of them when absent.
    #[arg(long, value_name = "NAME", value_parser = value::contender, value_delimiter = ',')]
    pub contenders: Vec<Contender>,
    /// Seeds from first to last instead of the trial's; 1..3 where there is no trial.
    #[arg(long, value_name = "FIRST..LAST", value_parser = parse_seeds)]
    pub seeds: Option<RangeInclusive<u64>>,
    /// Runs at a time; as many as there are cores when absent.
    #[arg(long, value_name = "N", value_parser = value::threads)]
    pub threads: Option<usize>,
    /// Write everything as JSON.
    #[arg(long, value_name = "FILE")]
    pub json: Option<PathBuf>,
    /// Write a page about it.
    #[arg(long, value_name = "FILE")]
    pub html: Option<PathBuf>,
    /// Keep every finished run here, and do not make again what this program finished before.
    #[arg(long, value_name = "FILE")]
    pub store: Option<PathBuf>,
}

/// `swarm`: random worlds.
#[derive(Debug, Clone, Args)]
#[command(after_help = "Examples: paceline-sim swarm --count 50 --seed 7\n          \
                  paceline-sim swarm --seeds 1..200 --law pass-through --out failures \
                  --json swarm.json\n\nA world that fails is written as a scenario file, made \
                  small; `paceline-sim run FILE` plays it again. The exit code is then 1.")]
pub struct SwarmArgs {
    /// Seeds from first to last, e.g. 1..200: a world for each.
    #[arg(long, value_name = "FIRST..LAST", value_parser = parse_seeds,
          conflicts_with_all = ["count", "seed"])]
    pub seeds: Option<RangeInclusive<u64>>,
    /// How many worlds, 1 to 1000.
    #[arg(long, value_name = "N", default_value_t = 20,
          value_parser = clap::value_parser!(u64).range(1..=1_000))]
    pub count: u64,
    /// Seed of the first; the others follow it.
    #[arg(long, value_name = "N", default_value_t = 1,
          value_parser = clap::value_parser!(u64).range(..=1_000_000_000_000))]
    pub seed: u64,
    /// Pacing law or rival instead of those that the worlds draw, as in `run`.
    #[arg(long, value_name = "NAME", value_parser = value::contender)]
    pub law: Option<Contender>,
    /// Folder for the worlds that fail; made when there are any.
    #[arg(long, value_name = "DIR", default_value = "swarm-failures")]
    pub out: PathBuf,
    /// Worlds at a time; as many as there are cores when absent.
    #[arg(long, value_name = "N", value_parser = value::threads)]
    pub threads: Option<usize>,
    /// Write every world's line and what was found as JSON.
    #[arg(long, value_name = "FILE")]
    pub json: Option<PathBuf>,
}

impl SwarmArgs {
    /// The seeds, in order.
    #[must_use]
    pub fn all_seeds(&self) -> Vec<u64> {
        let seeds = self.seeds.clone();
        seeds.unwrap_or(self.seed..=self.seed.saturating_add(self.count - 1)).collect()
    }
}

/// `sweep`: scenarios with other values.
#[derive(Debug, Clone, Args)]
#[command(
    after_help = "Examples: paceline-sim sweep day.toml --vary law.gain=0.5,1,2 --seeds 1..5\n\
                  \x20         paceline-sim sweep day.toml --vary bidders.count=1,4 --vary \
                  tick=10s,1m --store runs.jsonl --html out.html\n\n\
                  A list's entries go by name, by place from 0, or all of them by *: \
                  campaign.*.pressure=2,4."
)]
pub struct SweepArgs {
    /// Scenario files.
    #[arg(value_name = "SCENARIO", required = true, num_args = 1..)]
    pub scenarios: Vec<PathBuf>,
    /// What takes which values: a key of the scenario with dots between, law.GAIN of log-pid, or
    /// engine.SETTING. Given again, every combination is run.
    #[arg(long, value_name = "KEY=A,B,C", required = true, value_parser = Vary::parse)]
    pub vary: Vec<Vary>,
    /// Seeds from first to last; each scenario's own when absent.
    #[arg(long, value_name = "FIRST..LAST", value_parser = parse_seeds)]
    pub seeds: Option<RangeInclusive<u64>>,
    /// Pacing law or rival instead of the scenarios', as in `run`.
    #[arg(long, value_name = "NAME", value_parser = value::contender)]
    pub law: Option<Contender>,
    /// Show this metric instead of value, utilisation and overspend_ratio.
    #[arg(long, value_name = "NAME",
          value_parser = clap::builder::PossibleValuesParser::new(metric::NAMES))]
    pub metric: Option<String>,
    /// Runs at a time; as many as there are cores when absent.
    #[arg(long, value_name = "N", value_parser = value::threads)]
    pub threads: Option<usize>,
    /// Keep every finished run here, and do not make again what this program finished before.
    #[arg(long, value_name = "FILE")]
    pub store: Option<PathBuf>,
    /// Write every run as JSON.
    #[arg(long, value_name = "FILE")]
    pub json: Option<PathBuf>,
    /// Write a page with charts.
    #[arg(long, value_name = "FILE")]
    pub html: Option<PathBuf>,
}

/// `generate`: one file.
#[derive(Debug, Clone, Args)]
#[command(after_help = "Example: paceline-sim generate --kind auctions --seed 7 --rows 500000 \
                        --out day.parquet")]
pub struct GenerateArgs {
    /// What to make.
    #[arg(long, value_enum)]
    pub kind: GenerateKind,
    /// Whose published parameters.
    #[arg(long, value_enum, default_value_t)]
    pub model: Model,
    /// Seed; the same seed and options give the same bytes.
    #[arg(long, value_name = "N")]
    pub seed: u64,
    /// The file to write, .csv or .parquet; an existing one is replaced.
    #[arg(long, value_name = "FILE", value_parser = value::table)]
    pub out: PathBuf,
    /// Auctions (default 100000), campaigns (100, or 48 of auctionnet) or events (10000); not for
    /// traffic.
    #[arg(long, value_name = "N", value_parser = value::rows)]
    pub rows: Option<u64>,
    /// Days covered, 1 to 366.
    #[arg(long, value_name = "N", default_value_t = 1,
          value_parser = clap::value_parser!(u16).range(1..=366))]
    pub days: u16,
    /// First instant, in microseconds since 1970 UTC.
    #[arg(long, value_name = "N", default_value = "0", value_parser = value::start,
          allow_negative_numbers = true)]
    pub start_ts_us: Timestamp,
    /// Campaigns among which spend is spread; only for spend.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    pub campaigns: Option<u16>,
}

impl GenerateArgs {
    /// The options, checked against each other.
    ///
    /// # Errors
    /// A sentence naming flag, value and rule.
    pub fn options(&self) -> Result<GenerateOptions, String> {
        if let (GenerateKind::Traffic, Some(rows)) = (self.kind, self.rows) {
            return Err(format!("--rows {rows}: must not be given with --kind traffic"));
        }
        if let Some(campaigns) = self.campaigns
            && self.kind != GenerateKind::Spend
        {
            return Err(format!(
                "--campaigns {campaigns}: must not be given except with --kind spend"
            ));
        }
        if let (GenerateKind::Campaigns, Some(rows)) = (self.kind, self.rows)
            && rows > 1_000_000
        {
            return Err(format!("--rows {rows}: must be at most 1000000 for --kind campaigns"));
        }
        let by_default = GenerateOptions::rows_by_default(self.kind, self.model);
        Ok(GenerateOptions {
            kind: self.kind,
            model: self.model,
            seed: self.seed,
            rows: self.rows.unwrap_or(by_default),
            days: self.days,
            start: self.start_ts_us,
            campaigns: self.campaigns.unwrap_or(3),
        })
    }
}

/// `demo`: service, market and console in one process.
#[derive(Debug, Clone, Args)]
#[command(after_help = "Ends in order on Ctrl-C; twice, at once.")]
pub struct DemoArgs {
    /// Seed of everything drawn.
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub seed: u64,
    /// Campaigns in the market, 1 to 10000.
    #[arg(long, value_name = "N", default_value_t = 20,
          value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub campaigns: u32,
    /// Bidders, 1 to 100.
    #[arg(long, value_name = "N", default_value_t = 4,
          value_parser = clap::value_parser!(u32).range(1..=100))]
    pub bidders: u32,
    /// Hours of a market day, 1 to 744; after one the next begins.
    #[arg(long, value_name = "N", default_value_t = 24,
          value_parser = clap::value_parser!(u32).range(1..=744))]
    pub hours: u32,
    /// How many times faster than the world the clock passes, 1 to 600.
    #[arg(long, value_name = "N", default_value_t = 60,
          value_parser = clap::value_parser!(u32).range(1..=600))]
    pub scale: u32,
    /// Ends by itself after so long on the wall's clock, such as 90s or 10m; else on Ctrl-C.
    #[arg(long = "for", value_name = "SPAN", value_parser = value::span)]
    pub lasts: Option<Span>,
    /// Write the figures of the last day as JSON.
    #[arg(long, value_name = "FILE")]
    pub json: Option<PathBuf>,
    /// Write a page about the last day.
    #[arg(long, value_name = "FILE")]
    pub html: Option<PathBuf>,
}

/// `drive`: bidders against a running service.
#[derive(Debug, Clone, Args)]
#[command(
    after_help = "Example: paceline-sim drive --endpoint http://127.0.0.1:7410 --campaigns 100 \
                        --bidders 4 --hours 2 --json out.json"
)]
pub struct DriveArgs {
    /// The service, e.g. `http://127.0.0.1:7410`.
    #[arg(long, value_name = "URL", value_parser = value::endpoint)]
    pub endpoint: String,
    /// For an https endpoint: PEM file of whoever vouches for its certificate.
    #[arg(long, value_name = "FILE")]
    pub ca_file: Option<PathBuf>,
    /// File that holds an administrator's token and nothing else, where the service asks for one.
    #[arg(long, value_name = "FILE")]
    pub token_file: Option<PathBuf>,
    /// Campaigns to set up, 1 to 100000.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub campaigns: u32,
    /// Bidders to play, 1 to 1000.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1_000))]
    pub bidders: u32,
    /// Hours of traffic to play by the service's clock, 1 to 744; also the campaigns' flight.
    #[arg(long, value_name = "N", default_value_t = 1,
          value_parser = clap::value_parser!(u32).range(1..=744))]
    pub hours: u32,
    /// Seed of the market.
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub seed: u64,
    /// What the advertiser is called and all names begin with, 1 to 32 letters, digits, dots and
    /// dashes; from the time of the start when absent.
    #[arg(long, value_name = "TEXT", value_parser = value::stem)]
    pub name: Option<String>,
    /// Write the figures as JSON.
    #[arg(long, value_name = "FILE")]
    pub json: Option<PathBuf>,
    /// Write a page about it.
    #[arg(long, value_name = "FILE")]
    pub html: Option<PathBuf>,
}

#[cfg(test)]
mod tests;
