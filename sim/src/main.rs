//! # paceline-sim: rehearses
//! The simulator: every command of its front door, obeyed.

#[cfg(feature = "live")]
mod demo;
#[cfg(feature = "live")]
mod drive;
mod output;
mod study;

use anyhow::{Context, bail};
use clap::Parser;
use output::{say, show, write_report, write_reports, write_text};
use paceline_core::campaign::LawChoice;
use paceline_sim::args::{
    Cli, Command, CompareArgs, Control, GenerateArgs, ReplayArgs, RunArgs, SelfPlayArgs, SwarmArgs,
    SweepArgs,
};
use paceline_sim::bridge;
use paceline_sim::compare::plan::{Plan, Standing, Wishes, World, digest_of, stem};
use paceline_sim::compare::store::Store;
use paceline_sim::compare::trial::{Trial, is_trial};
use paceline_sim::compare::verdict::Ruling;
use paceline_sim::compare::{Comparison, play};
use paceline_sim::contender::Contender;
use paceline_sim::generate;
use paceline_sim::policy::{self, Policy, PolicyOptions};
use paceline_sim::progress::Progress;
use paceline_sim::replay::{self, ReplayOptions, journal};
use paceline_sim::report::render;
use paceline_sim::run;
use paceline_sim::scenario::{Scenario, ScenarioError};
use paceline_sim::self_play::{self, SelfPlayOptions};
use paceline_sim::swarm;
use paceline_sim::sweep;
use paceline_sim::trace::campaigns::{self, CampaignOptions};
use paceline_sim::trace::orders::{self, OrderOptions};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::{Mutex, PoisonError};

/// `EX_USAGE`: the command line is at fault.
const USAGE: u8 = 64;

/// Why a command did not succeed.
enum Failure {
    /// It was asked wrongly.
    Usage(String),
    /// It failed.
    Run(anyhow::Error),
}

impl From<anyhow::Error> for Failure {
    fn from(error: anyhow::Error) -> Self {
        Self::Run(error)
    }
}

fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            // Nothing can be done about a closed stderr.
            let _ = error.print();
            return if error.use_stderr() { ExitCode::from(USAGE) } else { ExitCode::SUCCESS };
        }
    };
    match obey(cli.command) {
        Ok(()) => ExitCode::SUCCESS,
        Err(Failure::Usage(message)) => {
            eprintln!("error: {message}");
            ExitCode::from(USAGE)
        }
        Err(Failure::Run(error)) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn obey(command: Command) -> Result<(), Failure> {
    match command {
        Command::Replay(args) => match args.control() {
            Control::Law(trace, law) => Ok(replay_with_law(&args, trace, law)?),
            Control::Policy(trace, policy) => Ok(replay_with_policy(&args, trace, policy)?),
            Control::Journal(journal) => Ok(replay_journal(journal, args.json.as_deref())?),
        },
        Command::Generate(args) => generate_file(&args),
        Command::Run(args) => run_scenarios(&args),
        Command::Compare(args) => compare(&args),
        Command::Sweep(args) => sweep(&args),
        Command::SelfPlay(args) => play_itself(&args),
        Command::Forecast(args) => Ok(study::foresee(&args)?),
        Command::Diagnose(args) => Ok(study::ask_why(&args)?),
        Command::Preview(args) => Ok(study::try_edits(&args)?),
        Command::Returns(args) => Ok(study::give_back(&args)?),
        Command::Shading(args) => Ok(study::shade(&args)?),
        Command::Joint(args) => Ok(study::pace_and_shade(&args)?),
        Command::Margins(args) => Ok(study::find_margins(&args)?),
        Command::Swarm(args) => Ok(search(&args)?),
        #[cfg(feature = "live")]
        Command::Demo(args) => Ok(show_demo(&args)?),
        #[cfg(feature = "live")]
        Command::Drive(args) => Ok(drive_service(&args)?),
        #[cfg(not(feature = "live"))]
        Command::Demo(_) | Command::Drive(_) => {
            Err(anyhow::anyhow!("demo and drive: this program was built without `live`").into())
        }
        Command::Bridge => Ok(serve_bridge()?),
    }
}

/// Shows service, market and console until told to stop.
#[cfg(feature = "live")]
fn show_demo(args: &paceline_sim::args::DemoArgs) -> anyhow::Result<()> {
    let Some(ended) = demo::run(args)? else { return Ok(()) };
    write_report(&ended.report, args.json.as_deref(), args.html.as_deref())
}

/// Plays a market against a running service; fails if it misses a range.
#[cfg(feature = "live")]
fn drive_service(args: &paceline_sim::args::DriveArgs) -> anyhow::Result<()> {
    let ended = drive::run(args)?;
    say(&render::to_text(&ended.report))?;
    for note in &ended.notes {
        println!("{note}");
    }
    write_report(&ended.report, args.json.as_deref(), args.html.as_deref())?;
    if ended.is_away {
        bail!("the service at {} does not answer any more", args.endpoint);
    }
    if !ended.is_whole {
        println!("stopped before the end: the figures are of what was played");
    }
    let missed = ended.report.misses.len();
    if missed > 0 { bail!("{missed} ranges missed") } else { Ok(()) }
}

/// Answers lines until the input ends.
fn serve_bridge() -> anyhow::Result<()> {
    match bridge::serve(io::stdin().lock(), io::stdout().lock()) {
        // Whoever asked has gone: nobody is left to be answered.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        other => other.context("the bridge"),
    }
}

/// Reads scenario files; those whose data is absent are skipped, and said to be.
fn load_scenarios(paths: &[PathBuf]) -> Result<Vec<Scenario>, Failure> {
    let data = run::data_folder();
    let mut scenarios = Vec::with_capacity(paths.len());
    for path in paths {
        match Scenario::load(path, &data) {
            Ok(scenario) => scenarios.push(scenario),
            Err(error @ ScenarioError::NoData { .. }) => println!("skipped: {error}"),
            Err(error) => return Err(Failure::Usage(format!("{:#}", anyhow::Error::from(error)))),
        }
    }
    Ok(scenarios)
}

/// Runs scenario files; fails if one misses a range. Several seeds or laws make one table.
fn run_scenarios(args: &RunArgs) -> Result<(), Failure> {
    if twice(&args.law).is_some() {
        return Err(Failure::Usage("--law must not name a law twice".to_owned()));
    }
    let scenarios = load_scenarios(&args.scenarios)?;
    let is_table = args.seeds.is_some() || args.law.len() > 1;
    let ended = if is_table { tabulate(args, &scenarios) } else { judge(args, &scenarios) };
    Ok(ended?)
}

/// Runs scenario files, each by itself.
fn judge(args: &RunArgs, scenarios: &[Scenario]) -> anyhow::Result<()> {
    let contender = args.law.first().copied().unwrap_or_default();
    let mut reports = Vec::with_capacity(scenarios.len());
    for scenario in scenarios {
        let mut progress = Progress::of_shares();
        let mut tell = |share: f64| progress.set_share(share);
        let report = run::run_scenario(scenario, contender, args.seed, &mut tell)?;
        drop(progress);
        say(&render::to_text(&report))?;
        reports.push(report);
    }
    write_reports(&reports, args.json.as_deref(), args.html.as_deref())?;
    let missed: usize = reports.iter().map(|report| report.misses.len()).sum();
    if missed > 0 { bail!("{missed} ranges missed") } else { Ok(()) }
}

/// Runs worlds under several laws and seeds; fails if the first law misses a range.
fn tabulate(args: &RunArgs, scenarios: &[Scenario]) -> anyhow::Result<()> {
    let seeds: Vec<u64> = match (&args.seeds, args.seed) {
        (Some(seeds), _) => seeds.clone().collect(),
        (None, Some(seed)) => vec![seed],
        (None, None) => vec![1],
    };
    let grid = with_bar(|tell| run::run_grid(scenarios, &args.law, &seeds, cores(), tell))?;
    say(&grid.to_text())?;
    write_text(args.json.as_deref(), || grid.to_json())?;
    write_text(args.html.as_deref(), || grid.to_html())?;
    let missed: usize = grid.cells.iter().map(|cell| cell.misses.len()).sum();
    if missed > 0 { bail!("{missed} ranges missed") } else { Ok(()) }
}

/// Judges a law by a trial, or sets contenders side by side; fails if a rule of a trial is missed.
fn compare(args: &CompareArgs) -> Result<(), Failure> {
    let plan = plan_of(args)?;
    if plan.worlds.is_empty() {
        return Err(anyhow::anyhow!("no world is left to run").into());
    }
    let store = args.store.as_deref().map(open_store).transpose()?;
    let threads = args.threads.unwrap_or_else(cores);
    let runs =
        with_bar(|tell| play(&plan, threads, store.as_ref(), tell)).map_err(anyhow::Error::new)?;
    let comparison = Comparison::new(plan.brief, runs);
    say(&comparison.to_text())?;
    write_text(args.json.as_deref(), || comparison.to_json())?;
    write_text(args.html.as_deref(), || comparison.to_html())?;
    let is_missed = |ruling| ruling == Ruling::Missed;
    let missed = comparison.verdicts.iter().filter(|one| is_missed(one.ruling)).count();
    match comparison.brief.standing {
        Standing::Registered | Standing::Part if missed > 0 => {
            Err(anyhow::anyhow!("{missed} rules missed").into())
        }
        Standing::Registered | Standing::Part | Standing::Unregistered => Ok(()),
    }
}

/// As many threads as there are cores.
fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

/// Does work that tells a bar the share done, from any thread.
fn with_bar<T>(work: impl FnOnce(&(dyn Fn(f64) + Sync)) -> T) -> T {
    let progress = Mutex::new(Progress::of_shares());
    work(&|share| progress.lock().unwrap_or_else(PoisonError::into_inner).set_share(share))
}

/// Searches random worlds for one that fails, and writes what it finds.
fn search(args: &SwarmArgs) -> anyhow::Result<()> {
    let law = args.law.unwrap_or_default();
    let threads = args.threads.unwrap_or_else(cores);
    let found = with_bar(|tell| swarm::search(&args.all_seeds(), law, threads, tell));
    say(&found.to_text())?;
    write_text(args.json.as_deref(), || found.to_json())?;
    for find in &found.finds {
        let path = args.out.join(find.file_name());
        fs::create_dir_all(&args.out)
            .with_context(|| format!("making the folder {}", args.out.display()))?;
        write_text(Some(&path), || find.text.clone())?;
        let rule = find.breach.rule.as_str();
        say(&format!("{}: seed {} made small: {rule}\n", path.display(), find.seed))?;
    }
    match found.failing().count() {
        0 => Ok(()),
        failed => bail!("{failed} of {} worlds failed", found.lines.len()),
    }
}

/// Plays stationary markets; fails if one is too far from its equilibrium.
fn play_itself(args: &SelfPlayArgs) -> Result<(), Failure> {
    let scenarios = load_scenarios(&args.scenarios)?;
    let options = SelfPlayOptions {
        contender: args.law.unwrap_or_default(),
        seeds: args.seeds.clone().collect(),
        sample: self_play::SAMPLE,
        threads: args.common.threads.unwrap_or_else(cores),
    };
    let played = with_bar(|tell| self_play::play(&scenarios, &options, tell));
    let played = played.map_err(|error| match error {
        error if error.is_of_asking() => Failure::Usage(error.to_string()),
        error => anyhow::Error::new(error).into(),
    })?;
    show(&args.common, &played.to_text(), || played.to_json(), || played.to_html())?;
    match played.worlds.iter().filter(|world| world.is_missed()).count() {
        0 => Ok(()),
        missed => Err(anyhow::anyhow!("{missed} bounds missed").into()),
    }
}

/// Runs scenarios with every combination of values.
fn sweep(args: &SweepArgs) -> Result<(), Failure> {
    let data = run::data_folder();
    let mut worlds = Vec::new();
    for path in &args.scenarios {
        match Scenario::load(path, &data) {
            Ok(scenario) => {
                let text = fs::read_to_string(path)
                    .with_context(|| format!("reading {}", path.display()))?;
                worlds.push((scenario.name, text));
            }
            Err(error @ ScenarioError::NoData { .. }) => println!("skipped: {error}"),
            Err(error) => return Err(Failure::Usage(format!("{:#}", anyhow::Error::from(error)))),
        }
    }
    let law = args.law.unwrap_or_default();
    let seeds: Vec<u64> = args.seeds.clone().map(Iterator::collect).unwrap_or_default();
    let plan = sweep::Plan::try_new(&worlds, &args.vary, law, &seeds, &data)
        .map_err(|error| Failure::Usage(format!("{:#}", anyhow::Error::from(error))))?;
    let store = args.store.as_deref().map(open_store).transpose()?;
    let threads = args.threads.unwrap_or_else(cores);
    let swept = with_bar(|tell| sweep::play(&plan, threads, store.as_ref(), tell))
        .map_err(anyhow::Error::new)?;
    let metric = args.metric.as_deref();
    say(&swept.to_text(metric))?;
    write_text(args.json.as_deref(), || swept.to_json())?;
    Ok(write_text(args.html.as_deref(), || swept.to_html(metric))?)
}

/// What a command line asks for: one trial, or scenario files.
fn plan_of(args: &CompareArgs) -> Result<Plan, Failure> {
    if let Some(name) = twice(&args.contenders) {
        return Err(Failure::Usage(format!("--contenders must not name {name} twice")));
    }
    let wishes = Wishes {
        contenders: args.contenders.clone(),
        seeds: args.seeds.clone().map(Iterator::collect).unwrap_or_default(),
    };
    let mut trials = Vec::new();
    for path in &args.files {
        // A file that cannot be read is told of as a scenario.
        if let Some(text) = fs::read_to_string(path).ok().filter(|text| is_trial(text)) {
            let trial = Trial::parse(path, &text)
                .map_err(|error| Failure::Usage(format!("{:#}", anyhow::Error::new(error))))?;
            trials.push(trial);
        }
    }
    match trials.as_slice() {
        [] => {
            let (worlds, skipped) = load_worlds(args.files.iter())?;
            Ok(Plan::of_scenarios(wishes, worlds, skipped))
        }
        [trial] if args.files.len() == 1 => {
            let (worlds, _) = load_worlds(trial.worlds.iter().map(|world| &world.path))?;
            Ok(Plan::of_trial(trial, wishes, worlds))
        }
        _ => Err(Failure::Usage("FILE must be one trial, or scenario files alone".to_owned())),
    }
}

/// A contender that is named twice.
fn twice(contenders: &[Contender]) -> Option<&'static str> {
    let is_again = |&place: &usize| contenders[..place].contains(&contenders[place]);
    (1..contenders.len()).find(is_again).map(|place| contenders[place].name())
}

/// Worlds, and the names of those whose data is absent.
fn load_worlds<'a>(
    paths: impl Iterator<Item = &'a PathBuf>,
) -> Result<(Vec<World>, Vec<String>), Failure> {
    let data = run::data_folder();
    let (mut worlds, mut skipped) = (Vec::new(), Vec::new());
    for path in paths {
        match World::load(path, &data) {
            Ok(world) => worlds.push(world),
            Err(ScenarioError::NoData { .. }) => skipped.push(stem(path)),
            Err(error) => return Err(Failure::Usage(format!("{:#}", anyhow::Error::from(error)))),
        }
    }
    Ok((worlds, skipped))
}

/// Opens a store for runs of this very program.
fn open_store(path: &Path) -> anyhow::Result<Store> {
    let itself = std::env::current_exe().and_then(fs::read).context("reading this program")?;
    let program = format!("{} {}", env!("CARGO_PKG_VERSION"), digest_of(&itself));
    let store =
        Store::open(path, &program).with_context(|| format!("opening {}", path.display()))?;
    if store.was_cut {
        eprintln!("warning: {}: the last line was cut off, and is dropped", path.display());
    }
    Ok(store)
}

/// Replays a trace through the engine.
fn replay_with_law(args: &ReplayArgs, trace: &Path, law: LawChoice) -> anyhow::Result<()> {
    let options = ReplayOptions {
        law,
        price: args.price,
        tie: args.tie,
        budget: args.budget_nanos,
        value_column: args.value_column.clone(),
        value_scale: args.value_scale,
        bill_clicks: args.bill_clicks,
    };
    let file = match &args.campaigns {
        None => None,
        Some(path) => Some(campaigns::read(path, &CampaignOptions::default())?),
    };
    let world = replay::world_of(trace, &options, file.as_ref())?;
    let mut progress = Progress::of_shares();
    let mut tell = |share: f64| progress.set_share(share);
    let report = run::run_scenario(&world, Contender::Law(law), Some(args.seed), &mut tell)?;
    drop(progress);
    say(&render::to_text(&report))?;
    write_report(&report, args.json.as_deref(), args.html.as_deref())
}

/// Replays a journal; fails when a table does not come out as it was published.
fn replay_journal(path: &Path, json: Option<&Path>) -> anyhow::Result<()> {
    let mut progress = Progress::of_rows();
    let report = journal::replay(path, |records| progress.set(records))?;
    drop(progress);
    say(&report.to_string())?;
    if let Some(path) = json {
        let text = serde_json::to_string_pretty(&report).context("writing JSON")?;
        fs::write(path, text + "\n").with_context(|| format!("writing {}", path.display()))?;
    }
    match &report.first_mismatch {
        None => Ok(()),
        Some(first) => bail!("{} tables differ, first {}", report.mismatches, first.generation),
    }
}

/// Replays a trace under a fixed policy.
fn replay_with_policy(args: &ReplayArgs, trace: &Path, policy: Policy) -> anyhow::Result<()> {
    let options = PolicyOptions {
        policy,
        price: args.price,
        tie: args.tie,
        budget: args.budget_nanos,
        value_column: args.value_column.clone(),
        value_scale: args.value_scale,
    };
    let orders = match &args.campaigns {
        None => None,
        Some(path) => {
            let file = campaigns::read(path, &CampaignOptions::default())?;
            Some(orders::from_file(&file, OrderOptions::default())?)
        }
    };
    let mut progress = Progress::of_rows();
    let summary = policy::replay_file(trace, &options, orders.as_ref(), |rows| {
        progress.set(rows);
    })?;
    drop(progress);
    if let Some(path) = &args.json {
        let text = serde_json::to_string_pretty(&summary).context("writing JSON")?;
        fs::write(path, text + "\n").with_context(|| format!("writing {}", path.display()))?;
    }
    if let Some(path) = &args.html {
        let page = policy::render_page(&summary);
        fs::write(path, page).with_context(|| format!("writing {}", path.display()))?;
    }
    let total = &summary.total;
    println!(
        "{}: {} auctions, {} wins, {} nanos spent, {} skipped for budget",
        summary.trace, summary.auctions, total.wins, total.spend_nanos, total.skipped_for_budget
    );
    Ok(())
}

fn generate_file(args: &GenerateArgs) -> Result<(), Failure> {
    let options = args.options().map_err(Failure::Usage)?;
    let rows = generate::generate(&args.out, &options).map_err(anyhow::Error::new)?;
    println!("{}: {rows} rows", args.out.display());
    Ok(())
}
