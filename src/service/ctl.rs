//! `paceline ctl`: the operator's command line, over `AdminService` alone.
//!
//! Each family of commands has a file: it asks, and puts the answer into a table for people or JSON
//! for machines. Knows messages, not the core; reads no store. Called by `main`.

mod audit;
mod books;
mod bulk;
mod campaign;
mod catalogue;
mod hands;
mod json;
pub mod line;
mod notices;
mod preview;
mod status;
mod text;
mod wait;

use crate::args::ctl::{CounterCommand, CtlArgs, CtlCommand};
use crate::wire::Refusal;
use line::Caller;
use paceline_catalogue::CatalogueError;
use std::fs::File;
use std::io::{ErrorKind, Write as _};
use std::path::{Path, PathBuf};

/// Items of one page: the most the service gives.
const PAGE_SIZE: u32 = 1_000;
/// Pages asked for at most: a million items, more than anybody reads.
const PAGES_MAX: usize = 1_000;

/// Why a command did not come off.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CtlError {
    /// When the address is none.
    #[error("--endpoint is {endpoint} and must be an address such as http://127.0.0.1:7410")]
    Endpoint {
        /// As given.
        endpoint: String,
    },
    /// When a file that the line needs cannot be used.
    #[error("{flag} is {} and cannot be used: {why}", .path.display())]
    Credential {
        /// Which flag names it.
        flag: &'static str,
        /// As given.
        path: PathBuf,
        /// What is wrong with it.
        why: String,
    },
    /// When the address is encrypted and nobody is said to vouch for it.
    #[error("--endpoint is {endpoint} and needs --ca-file: who vouches for its certificate")]
    Unvouched {
        /// As given.
        endpoint: String,
    },
    /// When somebody is said to vouch for an address that is in the clear.
    #[error("--endpoint is {endpoint} and must begin with https:// where --ca-file is given")]
    InTheClear {
        /// As given.
        endpoint: String,
    },
    /// When nobody listens there.
    #[error(
        "no controller answers at {endpoint}: {why}; start one with `paceline run`, or name \
         another with --endpoint"
    )]
    Away {
        /// Where.
        endpoint: String,
        /// What the system says.
        why: String,
    },
    /// When the answer takes too long.
    #[error("{endpoint} did not answer in time: whether it did as asked is not known; ask again")]
    Slow {
        /// Where.
        endpoint: String,
    },
    /// When it answers that it cannot now.
    #[error("{0}; try again")]
    Busy(String),
    /// When a value breaks a rule.
    #[error("{0}")]
    Refused(String),
    /// When there is no such thing, or the service cannot do it now.
    #[error("{0}")]
    Failed(String),
    /// When the file is at fault.
    #[error(transparent)]
    File(#[from] CatalogueError),
}

impl CtlError {
    /// Whether the next question would fare no better: nobody answers, or not now.
    #[must_use]
    pub const fn is_away(&self) -> bool {
        matches!(self, Self::Away { .. } | Self::Slow { .. } | Self::Busy(_))
    }

    /// Whether the command was at fault, not the service.
    #[must_use]
    pub const fn is_usage(&self) -> bool {
        matches!(
            self,
            Self::Endpoint { .. }
                | Self::Credential { .. }
                | Self::Unvouched { .. }
                | Self::InTheClear { .. }
                | Self::Refused(_)
                | Self::File(_)
        )
    }
}

impl From<Refusal> for CtlError {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal.to_string())
    }
}

/// What a command came to: what to tell, and what was wrong, if anything. Both, when a part of what
/// was asked was done.
#[derive(Debug)]
pub struct Outcome {
    /// For standard output.
    pub text: String,
    /// For standard error and the exit code.
    pub trouble: Option<CtlError>,
}

/// Asks, and says what came of it.
pub async fn run(args: CtlArgs) -> Outcome {
    command(args)
        .await
        .unwrap_or_else(|error| Outcome { text: String::new(), trouble: Some(error) })
}

async fn command(args: CtlArgs) -> Result<Outcome, CtlError> {
    let caller = &mut Caller::new(&args)?;
    let text = match args.command {
        CtlCommand::Apply(args) => return catalogue::apply(caller, args).await,
        CtlCommand::Bulk(args) => return bulk::bulk(caller, args.command).await,
        CtlCommand::Extend(args) => bulk::extend(caller, args).await,
        CtlCommand::Wait(args) => wait::wait(caller, args).await,
        CtlCommand::Diff(args) => catalogue::diff(caller, args).await,
        CtlCommand::Preview(args) => preview::preview(caller, args.command).await,
        CtlCommand::Export(args) => catalogue::export(caller, args).await,
        CtlCommand::Audit(args) => audit::audit(caller, args.command).await,
        CtlCommand::Undo(args) => audit::undo(caller, args).await,
        CtlCommand::List(args) => campaign::list(caller, args).await,
        CtlCommand::Explain(args) => campaign::explain(caller, args).await,
        CtlCommand::Totals(args) => books::totals(caller, args).await,
        CtlCommand::Pause(args) => hands::pause(caller, args).await,
        CtlCommand::Freeze(args) => hands::freeze(caller, args).await,
        CtlCommand::Fix(args) => hands::fix(caller, args).await,
        CtlCommand::Cap(args) => hands::cap(caller, args).await,
        CtlCommand::Clear(args) => hands::clear(caller, args).await,
        CtlCommand::Overrides(args) => hands::list(caller, args).await,
        CtlCommand::Counter(args) => match args.command {
            CounterCommand::Accept { campaign, reason } => {
                books::accept_counter(caller, campaign, reason).await
            }
        },
        CtlCommand::Suspense(args) => books::suspense(caller, args.command).await,
        CtlCommand::Notices(args) => notices::notices(caller, args).await,
        CtlCommand::PartitionOf(args) => status::partition_of(caller, args).await,
        CtlCommand::Status => status::status(caller).await,
    };
    Ok(Outcome { text: text?, trouble: None })
}

/// Gathers all pages of a list. `ask` is given a page's token and gives items and the next token.
async fn pages<T>(
    mut ask: impl AsyncFnMut(String) -> Result<(Vec<T>, String), CtlError>,
) -> Result<Vec<T>, CtlError> {
    let (mut all, mut token) = (Vec::new(), String::new());
    for _ in 0..PAGES_MAX {
        let (items, next) = ask(token).await?;
        all.extend(items);
        if next.is_empty() {
            return Ok(all);
        }
        token = next;
    }
    Err(CtlError::Failed(format!("there are more than {PAGES_MAX} pages: narrow the question")))
}

/// Asks every instance that leads a partition, each for its own.
async fn each_leader<T>(
    caller: &mut Caller,
    mut ask: impl AsyncFnMut(&mut Caller) -> Result<T, CtlError>,
) -> Result<Vec<(Caller, T)>, CtlError> {
    let led = caller.led().await?;
    let mut told = Vec::new();
    for mut leader in caller.leaders(&led)? {
        let answer = ask(&mut leader).await?;
        told.push((leader, answer));
    }
    // A partition that changed hands meanwhile may have been told twice, or by nobody.
    if told.iter().any(|(leader, _)| leader.is_led_only) && caller.led().await? != led {
        let why = "the lead of a partition changed while this was asked; ask again";
        return Err(CtlError::Failed(why.to_owned()));
    }
    Ok(told)
}

/// All pages of a list from every instance that leads a partition; each gives its own in order.
async fn by_leader<T>(
    caller: &mut Caller,
    mut ask: impl AsyncFnMut(&mut Caller, String) -> Result<(Vec<T>, String), CtlError>,
) -> Result<Vec<(Caller, Vec<T>)>, CtlError> {
    each_leader(caller, async |leader| pages(async |token| ask(leader, token).await).await).await
}

/// The same, whosever they are.
async fn everywhere<T>(
    caller: &mut Caller,
    ask: impl AsyncFnMut(&mut Caller, String) -> Result<(Vec<T>, String), CtlError>,
) -> Result<Vec<T>, CtlError> {
    Ok(by_leader(caller, ask).await?.into_iter().flat_map(|(_, items)| items).collect())
}

/// A file's text: into the file, which must not be there yet, or as the answer.
fn put(path: Option<&Path>, text: String) -> Result<String, CtlError> {
    let Some(path) = path else { return Ok(text) };
    let trouble = |error: std::io::Error| match error.kind() {
        ErrorKind::AlreadyExists => {
            CtlError::Refused(format!("--out is {} and must not be there yet", path.display()))
        }
        _ => CtlError::Failed(format!("{} cannot be written: {error}", path.display())),
    };
    let mut file = File::create_new(path).map_err(trouble)?;
    file.write_all(text.as_bytes()).and_then(|()| file.sync_all()).map_err(trouble)?;
    Ok(format!("{} lines in {}\n", text.lines().count(), path.display()))
}

/// JSON for machines, a line's end for the terminal.
fn pretty(value: &serde_json::Value) -> String {
    format!("{value:#}\n")
}
