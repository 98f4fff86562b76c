//! What may be typed: `paceline run`, `ctl`, `dump-log`, `check-config`, `print-config`,
//! `completions`, `man`.
//!
//! Knows flags and their help, not what the commands do. Called by `main`.

pub mod ctl;

use crate::config::Sources;
use clap::{Args, Parser, Subcommand};
use clap_complete::Shell;
use ctl::CtlArgs;
use std::path::PathBuf;

/// Budget pacing and bid shading for an ads marketplace.
#[derive(Debug, Parser)]
#[command(name = "paceline", version, about, after_help = AFTER_HELP)]
pub struct Arguments {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

const AFTER_HELP: &str = "\
Start here:
  paceline run                            everything in ./paceline-data, console on port 7411
  paceline run --config paceline.toml     with your settings
  paceline print-config                   every setting, its value and who said so

Exit codes: 0 done, 1 failed, 64 wrong usage or configuration.";

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run the controller until told to stop by SIGTERM or SIGINT (twice: at once).
    Run(RunArgs),
    /// Look at a running controller and steer it.
    Ctl(Box<CtlArgs>),
    /// Write a partition's log to a file, for the simulator to run again.
    DumpLog(DumpLogArgs),
    /// Check a configuration file without starting; tells every fault.
    CheckConfig(CheckConfigArgs),
    /// Print every setting that would hold, and who said so.
    PrintConfig(PrintConfigArgs),
    /// Print the script that lets a shell complete this command line.
    Completions(CompletionsArgs),
    /// Write the manual, a page a command, into a folder.
    Man(ManArgs),
}

/// `paceline completions`.
#[derive(Debug, Clone, Copy, Args)]
#[command(after_help = COMPLETIONS_HELP)]
pub struct CompletionsArgs {
    /// Which shell.
    #[arg(value_name = "SHELL", value_enum)]
    pub shell: Shell,
}

const COMPLETIONS_HELP: &str = "\
Examples:
  paceline completions bash > ~/.local/share/bash-completion/completions/paceline
  paceline completions fish > ~/.config/fish/completions/paceline.fish";

/// `paceline man`.
#[derive(Debug, Clone, Args)]
pub struct ManArgs {
    /// The folder; made where it is not there, pages in it are written anew.
    #[arg(value_name = "DIR")]
    pub folder: PathBuf,
}

/// Where settings come from.
#[derive(Debug, Clone, Default, Args)]
pub struct SettingArgs {
    /// Configuration file; config/paceline.toml describes every key. Or PACELINE_CONFIG.
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// One setting, stronger than file and environment; may be repeated.
    #[arg(long = "set", value_name = "KEY=VALUE", value_parser = parse_setting)]
    pub settings: Vec<(String, String)>,
    /// "system", or "scaled:60" for an hour a minute.
    #[arg(long, value_name = "KIND")]
    pub clock: Option<String>,
}

/// `paceline run`.
#[derive(Debug, Clone, Default, Args)]
pub struct RunArgs {
    /// Where settings come from.
    #[command(flatten)]
    pub settings: SettingArgs,
}

/// `paceline dump-log`.
#[derive(Debug, Clone, Args)]
#[command(after_help = DUMP_LOG_HELP)]
pub struct DumpLogArgs {
    /// Where settings come from; state those the service runs with.
    #[command(flatten)]
    pub settings: SettingArgs,
    /// Which partition; `paceline ctl partition-of` tells an advertiser's.
    #[arg(long, value_name = "NUMBER", default_value_t = 0)]
    pub partition: u8,
    /// Begin at the last checkpoint, with the state it holds, instead of at the log's beginning.
    #[arg(long)]
    pub from_checkpoint: bool,
    /// The file to write; one that is there already is left alone unless --force is given.
    #[arg(long, value_name = "FILE")]
    pub out: PathBuf,
    /// Replace the file if it is there.
    #[arg(long)]
    pub force: bool,
}

const DUMP_LOG_HELP: &str = "\
Examples:
  paceline dump-log --config paceline.toml --out log.jsonl
  paceline dump-log --partition 3 --from-checkpoint --out tail.jsonl
  paceline-sim replay --journal log.jsonl

The file has one JSON value a line: a header with the engine's configuration, as these settings
make it, and the snapshot if asked for; then every record in order.
The embedded store belongs to one process: stop the service first. Redis is read beside it.";

/// `paceline check-config`.
#[derive(Debug, Clone, Args)]
pub struct CheckConfigArgs {
    /// The file to check.
    #[arg(value_name = "FILE")]
    pub file: PathBuf,
}

/// `paceline print-config`.
#[derive(Debug, Clone, Default, Args)]
pub struct PrintConfigArgs {
    /// Where settings come from.
    #[command(flatten)]
    pub settings: SettingArgs,
    /// In JSON, for scripts.
    #[arg(long)]
    pub json: bool,
}

fn parse_setting(text: &str) -> Result<(String, String), String> {
    let (key, value) = text.split_once('=').ok_or("must be KEY=VALUE, like loop.tick=5s")?;
    Ok((key.trim().to_owned(), value.trim().to_owned()))
}

impl SettingArgs {
    /// The sources these flags and `environment` name.
    #[must_use]
    pub fn sources(&self, environment: Vec<(String, String)>) -> Sources {
        let named = environment.iter().find(|(name, _)| name == "PACELINE_CONFIG");
        let file = self.config.clone().or_else(|| named.map(|(_, path)| PathBuf::from(path)));
        let set = self.settings.iter().map(|(key, value)| ("--set", key.clone(), value.clone()));
        let clock =
            self.clock.iter().map(|kind| ("--clock", "clock.kind".to_owned(), kind.clone()));
        Sources { file, environment, flags: set.chain(clock).collect() }
    }
}

#[cfg(test)]
mod tests;
