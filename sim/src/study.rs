//! Studies of worlds of their own: forecasts, returns, margins, diagnoses, previews,
//! shading, pacing and shading together.
//!
//! Called by `main`.

use crate::output::show;
use crate::{cores, with_bar};
use anyhow::bail;
use paceline_sim::args::{
    DiagnoseArgs, ForecastArgs, JointArgs, MarginsArgs, PreviewArgs, ReturnsArgs, ShadingArgs,
};
use paceline_sim::joint::{self, JointOptions};
use paceline_sim::shading::contender::Feedback;
use paceline_sim::shading::{self, ShadingOptions};
use paceline_sim::{diagnose, forecast, margins, preview, returns, run};

/// Asks many flights what they will have spent, and tells how often they were right.
pub(crate) fn foresee(args: &ForecastArgs) -> anyhow::Result<()> {
    let seeds: Vec<u64> = args.seeds.clone().collect();
    let threads = args.common.threads.unwrap_or_else(cores);
    let told = with_bar(|tell| forecast::play(&seeds, threads, tell))?;
    show(&args.common, &told.to_text(), || told.to_json(), || told.to_html())
}

/// Plays campaigns with return targets; fails if ours do too little better than the guide's.
pub(crate) fn give_back(args: &ReturnsArgs) -> anyhow::Result<()> {
    let seeds: Vec<u64> = args.seeds.clone().collect();
    let threads = args.common.threads.unwrap_or_else(cores);
    let campaigns = args.campaigns as usize;
    let told = with_bar(|tell| returns::play(&seeds, campaigns, threads, tell));
    show(&args.common, &told.to_text(), || told.to_json(), || told.to_html())?;
    if told.is_met() { Ok(()) } else { bail!("the bounds of return targets are missed") }
}

/// Judges shading in known markets and recorded prices; fails where a bound does not hold.
pub(crate) fn shade(args: &ShadingArgs) -> anyhow::Result<()> {
    let options = ShadingOptions {
        seeds: args.seeds.clone().collect(),
        quiet_days: args.quiet_days.into(),
        campaigns: args.campaigns as usize,
        threads: args.common.threads.unwrap_or_else(cores),
    };
    let told = with_bar(|tell| shading::play(&options, &run::data_folder(), tell))?;
    show(&args.common, &told.to_text(), || told.to_json(), || told.to_html())?;
    if told.is_met() { Ok(()) } else { bail!("a bound of shading does not hold") }
}

/// Paces and shades together; fails where a rule does not hold.
pub(crate) fn pace_and_shade(args: &JointArgs) -> anyhow::Result<()> {
    let options = JointOptions {
        seeds: args.seeds.clone().collect(),
        feedbacks: Feedback::ALL.to_vec(),
        wave_seeds: joint::resonance::SEEDS,
        per_day: args.per_day,
        raised_percent: args.raised_percent,
        threads: args.common.threads.unwrap_or_else(cores),
    };
    let told = with_bar(|tell| joint::play(&options, tell))?;
    show(&args.common, &told.to_text(), || told.to_json(), || told.to_html())?;
    if told.is_met() { Ok(()) } else { bail!("a rule of pacing and shading does not hold") }
}

/// Runs worlds in which the law is wrong about its plant.
pub(crate) fn find_margins(args: &MarginsArgs) -> anyhow::Result<()> {
    let seeds: Vec<u64> = args.seeds.clone().collect();
    let threads = args.common.threads.unwrap_or_else(cores);
    let found = with_bar(|tell| margins::play(&margins::grid(), &seeds, threads, tell))?;
    show(&args.common, &found.to_text(), || found.to_json(), || found.to_html())
}

/// Asks campaigns with known troubles why; fails if it is told too seldom.
pub(crate) fn ask_why(args: &DiagnoseArgs) -> anyhow::Result<()> {
    let seeds: Vec<u64> = args.seeds.clone().collect();
    let threads = args.common.threads.unwrap_or_else(cores);
    let told = with_bar(|tell| diagnose::play(&seeds, threads, tell))?;
    show(&args.common, &told.to_text(), || told.to_json(), || told.to_html())?;
    if told.score.is_met() { Ok(()) } else { bail!("the bounds of diagnoses are missed") }
}

/// Previews edits and makes them; fails if they are foreseen too badly.
pub(crate) fn try_edits(args: &PreviewArgs) -> anyhow::Result<()> {
    let seeds: Vec<u64> = args.seeds.clone().collect();
    let threads = args.common.threads.unwrap_or_else(cores);
    let told = with_bar(|tell| preview::play(&seeds, threads, tell))?;
    show(&args.common, &told.to_text(), || told.to_json(), || told.to_html())?;
    if told.score.is_met() { Ok(()) } else { bail!("the bounds of previews are missed") }
}
