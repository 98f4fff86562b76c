//! The program: arguments in, exit code out. The only file that may exit.

use anyhow::Context;
use clap::Parser;
use paceline::app;
use paceline::args::ctl::CtlArgs;
use paceline::args::{Arguments, Command, DumpLogArgs, SettingArgs};
use paceline::config::{self, ConfigError, Effective};
use paceline::dump_log::DumpRequest;
use paceline::papers;
use paceline::shutdown::{Signals, run_to_end};
use paceline::telemetry::{self, event};
use paceline_core::units::PartitionId;
use std::io::Write;
use std::path::Path;
use std::process::ExitCode;
use tokio::sync::oneshot;

/// When usage or configuration is wrong, as in sysexits.
const EXIT_USAGE: u8 = 64;

fn main() -> ExitCode {
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) => {
            // Help and version come this way too, and are no failure. A closed pipe is not ours.
            let _ = error.print();
            return ExitCode::from(if error.use_stderr() { EXIT_USAGE } else { 0 });
        }
    };
    match arguments.command {
        Command::CheckConfig(args) => {
            let settings = SettingArgs { config: Some(args.file), ..SettingArgs::default() };
            configured(&settings, |effective| match app::check_files(&effective) {
                Ok(()) => tell("the configuration is sound\n"),
                Err(error) => faulty(&error),
            })
        }
        Command::PrintConfig(args) => configured(&args.settings, |effective| {
            tell(&if args.json { effective.to_json() + "\n" } else { effective.to_text() })
        }),
        Command::Run(args) => {
            let file = args.settings.config.clone();
            configured(&args.settings, |effective| run(effective, file.as_deref()))
        }
        Command::Ctl(args) => ctl(*args),
        Command::Completions(args) => tell_bytes(&papers::completions(args.shell)),
        Command::Man(args) => man(&args.folder),
        Command::DumpLog(args) => configured(&args.settings, |effective| dump(&effective, &args)),
    }
}

/// Writes the manual, and says how much of it there is.
fn man(folder: &Path) -> ExitCode {
    match papers::manual(folder) {
        Ok(count) => tell(&format!("{count} pages in {}\n", folder.display())),
        Err(error) => {
            eprintln!("paceline: writing the manual into {}: {error}", folder.display());
            ExitCode::FAILURE
        }
    }
}

/// Asks a running controller, and tells the answer and what was wrong with it.
fn ctl(args: CtlArgs) -> ExitCode {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let outcome = match runtime {
        Ok(runtime) => runtime.block_on(paceline::ctl::run(args)),
        Err(error) => {
            eprintln!("paceline: starting the runtime: {error}");
            return ExitCode::FAILURE;
        }
    };
    let told = tell(&outcome.text);
    let Some(trouble) = outcome.trouble else { return told };
    eprintln!("paceline: {trouble}");
    if trouble.is_usage() { ExitCode::from(EXIT_USAGE) } else { ExitCode::FAILURE }
}

/// Writes a log to a file.
fn dump(effective: &Effective, args: &DumpLogArgs) -> ExitCode {
    let request = DumpRequest {
        from_checkpoint: args.from_checkpoint,
        out: args.out.clone(),
        is_forced: args.force,
    };
    let dumped =
        tokio::runtime::Runtime::new().context("starting the runtime").and_then(|runtime| {
            runtime.block_on(app::dump(&effective.config, PartitionId(args.partition), &request))
        });
    match dumped {
        Ok(count) => tell(&format!("{count} records in {}\n", args.out.display())),
        Err(error) => {
            eprintln!("paceline: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// Runs the controller and turns how it went into an exit code.
fn run(effective: Effective, file: Option<&Path>) -> ExitCode {
    match try_run(effective, file) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("paceline: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn try_run(effective: Effective, file: Option<&Path>) -> anyhow::Result<()> {
    let config = effective.config;
    telemetry::install_log(&config.telemetry)?;
    let page = telemetry::install_metrics(config.partitions)?;
    let file = file.map(|path| path.display().to_string());
    event::starting(env!("CARGO_PKG_VERSION"), file.as_deref());
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .context("starting the runtime")?;
    run_to_end(runtime, async {
        let signals = Signals::install().context("listening to signals")?;
        app::run(config, page, signals, oneshot::channel().0).await
    })
}

/// Loads the configuration and goes on with it, or tells every fault.
fn configured(settings: &SettingArgs, go_on: impl FnOnce(Effective) -> ExitCode) -> ExitCode {
    // Variables that are not text cannot be ours.
    let text = |(name, value): (std::ffi::OsString, std::ffi::OsString)| {
        Some((name.into_string().ok()?, value.into_string().ok()?))
    };
    let environment = std::env::vars_os().filter_map(text).collect();
    match config::load(&settings.sources(environment)) {
        Ok(effective) => go_on(effective),
        Err(error) => faulty(&error),
    }
}

fn faulty(error: &ConfigError) -> ExitCode {
    eprintln!("paceline: {error}");
    ExitCode::from(EXIT_USAGE)
}

/// Writes to standard output; a closed pipe is no failure of ours.
fn tell(text: &str) -> ExitCode {
    tell_bytes(text.as_bytes())
}

fn tell_bytes(bytes: &[u8]) -> ExitCode {
    match std::io::stdout().write_all(bytes) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("paceline: writing the answer: {error}");
            ExitCode::FAILURE
        }
    }
}
