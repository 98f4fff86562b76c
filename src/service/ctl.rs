//! `paceline ctl`: the operator's command line, over `AdminService` alone.
//!
//! Each family of commands has a file: it asks, and puts the answer into a table for people or JSON
//! for machines. Knows messages, not the core; reads no store. Called by `main`.

mod books;
mod campaign;
mod catalogue;
mod hands;
mod json;
mod status;
mod text;

use crate::args::ctl::{CounterCommand, CtlArgs, CtlCommand};
use crate::wire::Refusal;
use paceline_catalogue::CatalogueError;
use paceline_proto::v1::admin_service_client::AdminServiceClient;
use std::time::Duration;
use tonic::transport::{Channel, Endpoint};
use tonic::{Code, Response, Status};

/// The longest wait for a connection, unless a shorter time was asked for: a machine that is not
/// there answers nothing at all.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// Items of one page: the most the service gives.
const PAGE_SIZE: u32 = 1_000;
/// Pages asked for at most: a million items, more than anybody reads.
const PAGES_MAX: usize = 1_000;

/// Why a command did not come off.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CtlError {
    /// When the address is none.
    #[error("--endpoint is {endpoint:?} and must be an address such as http://127.0.0.1:7410")]
    Endpoint {
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
    /// Whether the command was at fault, not the service.
    #[must_use]
    pub const fn is_usage(&self) -> bool {
        matches!(self, Self::Endpoint { .. } | Self::Refused(_) | Self::File(_))
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
        CtlCommand::PartitionOf(args) => status::partition_of(caller, args).await,
        CtlCommand::Status => status::status(caller).await,
    };
    Ok(Outcome { text: text?, trouble: None })
}

/// The line to a controller.
struct Caller {
    client: AdminServiceClient<Channel>,
    endpoint: String,
    is_json: bool,
}

impl Caller {
    /// The line is made with the first question.
    fn new(args: &CtlArgs) -> Result<Self, CtlError> {
        let endpoint = args.endpoint.clone();
        let is_address = endpoint.starts_with("http://") || endpoint.starts_with("https://");
        let line = Endpoint::from_shared(endpoint.clone()).ok().filter(|_| is_address);
        let line = line.ok_or_else(|| CtlError::Endpoint { endpoint: endpoint.clone() })?;
        let timeout = args.timeout.as_micros();
        let timeout = Duration::from_micros(u64::try_from(timeout).unwrap_or_default());
        let line = line.connect_timeout(CONNECT_TIMEOUT.min(timeout)).timeout(timeout);
        let client = AdminServiceClient::new(line.connect_lazy());
        Ok(Self { client, endpoint, is_json: args.json })
    }

    /// What an answer says, or what to tell of the refusal.
    fn answer<T>(&self, result: Result<Response<T>, Status>) -> Result<T, CtlError> {
        let endpoint = || self.endpoint.clone();
        result.map(Response::into_inner).map_err(|status| match status.code() {
            Code::InvalidArgument => CtlError::Refused(status.message().to_owned()),
            Code::Unavailable if std::error::Error::source(&status).is_some() => {
                CtlError::Away { endpoint: endpoint(), why: innermost(&status) }
            }
            Code::Cancelled | Code::DeadlineExceeded => CtlError::Slow { endpoint: endpoint() },
            Code::Unavailable => CtlError::Failed(format!("{}; try again", status.message())),
            Code::Unimplemented => CtlError::Failed(format!(
                "{} answers, but not as a controller of this version",
                self.endpoint
            )),
            _ => CtlError::Failed(status.message().to_owned()),
        })
    }
}

/// The cause below all others: what the system said.
fn innermost(error: &dyn std::error::Error) -> String {
    let mut cause = error;
    while let Some(below) = cause.source() {
        cause = below;
    }
    cause.to_string()
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

/// JSON for machines, a line's end for the terminal.
fn pretty(value: &serde_json::Value) -> String {
    format!("{value:#}\n")
}
