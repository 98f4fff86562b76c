//! The console: pages for people who look after campaigns, made on the server, without scripts.
//!
//! What a page says comes from one question to each loop and from the recorded history; what it
//! does goes through the admin service, so that nothing can be done here that an RPC cannot do.
//! Merged into the HTTP port by `app`.

mod budget;
mod budgets;
mod campaign;
mod changes;
mod effect;
mod elsewhere;
mod filter;
mod first_causes;
mod fleet;
mod form;
mod hand;
mod history;
mod named;
mod notices;
mod overview;
mod past;
mod portfolio;
mod search;
mod segment;
mod segments;
mod sort;
#[cfg(test)]
mod tests;
mod tree;
mod view;
mod words;

use crate::admin::{Admin, saving_of};
use crate::auth::{Caller, Deed, Role, door};
use crate::control_loop::LoopError;
use crate::partition::Partitions;
use crate::wire::admin::saving_words;
use axum::Router;
use axum::extract::rejection::PathRejection;
use axum::extract::{FromRequest, Path, RawQuery, Request, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::middleware::{Next, from_fn};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use first_causes::FirstCauses;
use form::{Filled, Marks};
pub use history::{History, record};
use paceline_core::units::{CampaignId, PartitionId};
use paceline_view::{Block, NavLink, Page, Section, State as Judged};
use std::time::Duration;

/// The longest wait for a page. Real time: a person is waiting.
const ANSWER_WAIT: Duration = Duration::from_secs(5);
/// Seconds after which a browser loads a page again.
const REFRESH: u32 = 5;

#[derive(Debug, Clone)]
struct Console {
    partitions: Partitions,
    history: History,
    admin: Admin,
    marks: Marks,
    causes: FirstCauses,
}

/// The pages. Charts are drawn from `history`, which somebody has to [`record`].
pub fn routes(partitions: Partitions, history: History) -> Router {
    let admin = Admin::new(partitions.clone(), "console");
    Router::new()
        .route("/", get(portfolio))
        .route("/campaigns/{name}", get(campaign))
        .route("/campaigns/{name}/past", get(past::page))
        .route("/campaigns/{name}/hand", get(hand::new).post(hand::lay_on))
        .route("/campaigns/{name}/budget", get(budget::ask).post(budget::enter))
        .route("/budgets", get(budgets::list))
        .route("/overrides", get(changes::overrides))
        .route("/overrides/{id}", get(changes::hand).post(changes::clear))
        .route("/audit", get(changes::list))
        .route("/audit/{change}", get(changes::one).post(changes::undo))
        .route("/fleet", get(fleet::page))
        .route("/segments", get(segments::page))
        .route("/login", get(open_to_all))
        .fallback(nowhere)
        .layer(from_fn(in_time))
        .with_state(Console {
            partitions,
            history,
            admin,
            marks: Marks::new(),
            causes: FirstCauses::default(),
        })
}

async fn portfolio(State(console): State<Console>, RawQuery(query): RawQuery) -> Response {
    let view = match view::View::read(query.as_deref().unwrap_or_default()) {
        Ok(view) => view,
        Err(wrong) => return not_understood(&wrong),
    };
    let told = portfolio::ask(&console.partitions, &view, &console.causes).await;
    let is_led = !told.tables.is_empty();
    match told.missing.first() {
        Some((partition, error)) if !is_led => unled(*partition, error),
        _ => {
            let page = portfolio::page(&told, &view, &console.history, &console.partitions);
            respond(StatusCode::OK, &page)
        }
    }
}

async fn campaign(
    State(console): State<Console>,
    name: Result<Path<String>, PathRejection>,
) -> Response {
    let Ok(Path(name)) = name else { return nowhere().await };
    let id = CampaignId::of(&name);
    let Some(partition) = console.partitions.of_campaign(id) else { return unknown() };
    let Some(handle) = console.partitions.get(partition) else { return unknown() };
    let question = handle.ask(move |engine| campaign::Story::of(engine, id));
    let story = match question.await {
        Err(error) => return unled(partition, &error),
        Ok(None) => return unknown(),
        Ok(Some(story)) => story,
    };
    match console.admin.causes(handle, id).await {
        Err(status) => refused(&status),
        Ok(causes) => {
            let story = story.with_causes(&causes);
            let saving = saving_of(&console.partitions, id).await;
            let saving = saving.as_ref().map(saving_words);
            let page = campaign::page(&story, &console.history.campaign(id), saving);
            respond(StatusCode::OK, &page.with_section(hand::ways(&name)))
        }
    }
}

/// Every page's answer, unless it takes too long.
async fn in_time(request: Request, next: Next) -> Response {
    let is_asked = request.method().is_safe();
    let answer = tokio::time::timeout(ANSWER_WAIT, next.run(request)).await;
    answer.unwrap_or_else(|_| if is_asked { busy() } else { unsure() })
}

/// An address that asks for what makes no sense.
fn not_understood(wrong: &view::Wrong) -> Response {
    let why = format!("{wrong}. Nothing was looked for.");
    respond(StatusCode::BAD_REQUEST, &notice("Not understood", Judged::Bad, why))
}

async fn nowhere() -> Response {
    let why = "There is no such page. The portfolio has links to all that there are.";
    respond(StatusCode::NOT_FOUND, &notice("Not found", Judged::Watch, why.to_owned()))
}

/// The door answers here wherever there is one.
async fn open_to_all() -> Response {
    let why = "Nobody need log in here: server.tokens_file is not set.";
    respond(StatusCode::OK, &notice("Log in", Judged::Idle, why.to_owned()))
}

fn unknown() -> Response {
    let why = "No campaign of this name is known here. It may have been renamed, or belong to a \
         partition that another process leads.";
    respond(StatusCode::NOT_FOUND, &notice("No such campaign", Judged::Watch, why.to_owned()))
}

fn busy() -> Response {
    let why = "The control loop did not answer within five seconds. This page tries again. If it \
         stays so, look at Readiness and at the alert PacelineTicksLate in the operations' page.";
    let page = notice("No answer", Judged::Bad, why.to_owned()).with_refresh(REFRESH);
    respond(StatusCode::SERVICE_UNAVAILABLE, &page)
}

/// A change that was handed over and not answered: it may be done yet.
fn unsure() -> Response {
    let why = "The control loop did not answer within five seconds: the change may be done or \
         not. Look at Changes before you repeat it. Sending the same page again is harmless: it \
         is one request, which is carried out once.";
    let page = notice("No answer", Judged::Bad, why.to_owned());
    let changes = Block::Links(vec![NavLink::new("Changes", "/audit")]);
    respond(StatusCode::SERVICE_UNAVAILABLE, &page.with_section(Section::new("").with(changes)))
}

fn unled(partition: PartitionId, error: &LoopError) -> Response {
    let title = match error {
        LoopError::NotLeader { .. } => "Led elsewhere",
        LoopError::Unavailable { .. } | LoopError::Stopped => "No answer",
    };
    let page = notice(title, Judged::Watch, absence(partition, error)).with_refresh(REFRESH);
    respond(StatusCode::SERVICE_UNAVAILABLE, &page)
}

/// Why a partition is not on a page.
fn absence(partition: PartitionId, error: &LoopError) -> String {
    let partition = partition.0;
    match error {
        LoopError::NotLeader { leader: Some(leader) } => {
            format!("Partition {partition} is led by {leader}: look at its console.")
        }
        LoopError::NotLeader { leader: None } => {
            format!("Nobody is known to lead partition {partition} yet.")
        }
        LoopError::Unavailable { why } => {
            format!("Partition {partition} cannot answer now: {why}.")
        }
        LoopError::Stopped => format!("The loop of partition {partition} has stopped."),
    }
}

/// A page that only says something, with a way back.
fn notice(title: &str, judged: Judged, why: String) -> Page {
    let back = NavLink::new("Back to the portfolio", "/");
    let section = Section::new("").with(Block::Notice(judged, why)).with(Block::Links(vec![back]));
    frame(title, "").with_section(section)
}

/// What all pages have in common.
fn frame(title: &str, own: &str) -> Page {
    let link = |text: &str, href: &str| {
        if href == own { NavLink::current(text, href) } else { NavLink::new(text, href) }
    };
    let links = [
        ("Portfolio", "/"),
        ("Budgets", "/budgets"),
        ("Overrides", "/overrides"),
        ("Changes", "/audit"),
        ("Bidders", "/fleet"),
        ("Segments", "/segments"),
        ("Metrics", "/metrics"),
        ("Readiness", "/readyz"),
        ("Log in or out", "/login"),
    ];
    Page::new(title).with_nav("paceline", links.map(|(text, href)| link(text, href)).to_vec())
}

/// A message as whoever reads the page sends it; by the console's name where nobody need say who
/// they are.
fn as_caller<T>(caller: Option<Caller>, message: T) -> tonic::Request<T> {
    let mut request = tonic::Request::new(message);
    let nobody = || Caller { name: "console".into(), role: Role::Admin };
    request.extensions_mut().insert(caller.unwrap_or_else(nobody));
    request
}

/// What stands in place of a form for somebody who may not send it.
fn only_shown(caller: Option<&Caller>, deed: Deed) -> Option<Block> {
    let Caller { name, role } = caller.filter(|caller| !deed.is_allowed(caller.role))?;
    let deed = deed.as_str();
    let told = format!("{name} has the role {role}, which may not {deed}: only shown.");
    Some(Block::Notice(Judged::Idle, told))
}

/// What the admin service refused, as a page.
fn refused(status: &tonic::Status) -> Response {
    use tonic::Code;
    let code = match status.code() {
        Code::InvalidArgument => StatusCode::BAD_REQUEST,
        Code::NotFound => StatusCode::NOT_FOUND,
        Code::FailedPrecondition => StatusCode::CONFLICT,
        Code::PermissionDenied => StatusCode::FORBIDDEN,
        _ => StatusCode::SERVICE_UNAVAILABLE,
    };
    respond(code, &notice("Not done", Judged::Bad, format!("{}.", status.message())))
}

/// A form of ours that was sent: what it says, and by whom. Whatever else is sent is answered by a
/// page that says why nothing was done.
struct Taken {
    filled: Filled,
    caller: Option<Caller>,
}

impl FromRequest<Console> for Taken {
    type Rejection = Response;

    async fn from_request(request: Request, console: &Console) -> Result<Self, Response> {
        let now = console.partitions.clock().world();
        let (filled, caller) =
            console.marks.taken(request, now).await.map_err(changes::not_taken)?;
        Ok(Self { filled, caller })
    }
}

/// Leads on to the page that shows what was done, so that loading it again repeats nothing.
fn see_other(href: &str) -> Response {
    let place = HeaderValue::from_str(href).unwrap_or(HeaderValue::from_static("/"));
    (StatusCode::SEE_OTHER, [(header::LOCATION, place)]).into_response()
}

/// A page as an answer that no other site can frame, sniff or keep.
fn respond(status: StatusCode, page: &Page) -> Response {
    door::html(status, page)
}
