//! A campaign's past: a form that asks for a moment or a period, and what was so then.
//!
//! Asks through the admin service as every other caller does. Everything asked stands in the
//! address, so that an answer can be kept, sent and loaded again. Called by `console`.

use super::form::Filled;
use super::{Console, as_caller, frame, notice, refused, respond};
use crate::auth::Caller;
use crate::wire;
use crate::wire::admin::{past_facts, past_tables};
use axum::extract::{Path, RawQuery, Request, State};
use axum::http::StatusCode;
use axum::response::Response;
use paceline_proto::v1;
use paceline_proto::v1::admin_service_server::AdminService as _;
use paceline_view::{Block, Cell, Field, Form, Input, NavLink, Section, State as Judged};

/// Bytes of an address's question: three moments of at most 40, escaped.
const QUERY_BYTES_MAX: usize = 500;
/// What may be said, and what the form asks.
const FIELDS: [(&str, &str); 3] = [
    ("at", "At a moment, such as 2026-12-01T14:05:00Z"),
    ("from", "Or from"),
    ("until", "until (now, if left empty)"),
];
/// Letters of a moment.
const MOMENT_LETTERS: u32 = 40;
/// Moments that need no typing, in hours before now.
const BEFORE: [(&str, i64); 3] = [("An hour ago", 1), ("A day ago", 24), ("A week ago", 168)];
/// Periods that need no typing, in hours up to now.
const LATELY: [(&str, i64); 3] =
    [("The last hour", 1), ("The last day", 24), ("The last week", 168)];

/// What is asked, or what is wrong with it.
fn asked(name: &str, query: &str) -> Result<(Filled, v1::ExplainPastRequest), String> {
    if query.len() > QUERY_BYTES_MAX {
        let bytes = query.len();
        return Err(format!("The address asks with {bytes} bytes, and at most 500 are read"));
    }
    let unread = "What follows the question mark must be name=value&…, escaped";
    let filled = Filled::read(query.as_bytes()).ok_or_else(|| unread.to_owned())?;
    if let Some(other) = filled.names().find(|name| FIELDS.iter().all(|(own, _)| own != name)) {
        return Err(format!("{other} is not known here: there are at, from, until"));
    }
    let moment = |field: &str| match filled.get(field).trim() {
        "" => Ok(None),
        text => match text.parse::<jiff::Timestamp>() {
            Ok(at) => {
                Ok(Some(wire::instant_message(wire::Timestamp::from_micros(at.as_microsecond()))))
            }
            Err(_) => {
                let rule = "must be a time such as 2026-12-01T14:05:00Z";
                Err(format!("{field} = {text:?} {rule}"))
            }
        },
    };
    let request = v1::ExplainPastRequest {
        campaign_id: name.to_owned(),
        at: moment("at")?,
        from: moment("from")?,
        until: moment("until")?,
    };
    Ok((filled, request))
}

/// The form, and the answer to what it asked.
pub(super) async fn page(
    State(console): State<Console>,
    Path(name): Path<String>,
    RawQuery(query): RawQuery,
    request: Request,
) -> Response {
    let (filled, question) = match asked(&name, query.as_deref().unwrap_or_default()) {
        Ok(asked) => asked,
        Err(wrong) => {
            let why = format!("{wrong}. Nothing was looked for.");
            return respond(StatusCode::BAD_REQUEST, &notice("Not understood", Judged::Bad, why));
        }
    };
    let href = super::words::campaign_href(&name);
    let form = form(&href, &filled);
    let back = NavLink::new("How it is now", href.clone());
    let links = ways(&href, console.partitions.clock().now(), back);
    let title = format!("The past of {name}");
    let page = frame(&title, "").with_section(Section::new("").with(Block::Form(form)).with(links));
    let is_asked = question.at.is_some() || question.from.is_some() || question.until.is_some();
    if !is_asked {
        let note = "It is kept by the minute for two days, and by the hour for ninety.";
        let section = Section::new("").with(Block::Paragraph(note.to_owned()));
        return respond(StatusCode::OK, &page.with_section(section));
    }
    let caller = request.extensions().get::<Caller>().cloned();
    match console.admin.explain_past(as_caller(caller, question)).await {
        // What is kept is said below the form, so that another moment is soon asked.
        Err(status) if status.code() == tonic::Code::InvalidArgument => {
            let why = Block::Notice(Judged::Watch, status.message().to_owned());
            respond(StatusCode::BAD_REQUEST, &page.with_section(Section::new("").with(why)))
        }
        Err(status) => refused(&status),
        Ok(told) => respond(StatusCode::OK, &answered(page, &told.into_inner())),
    }
}

fn form(href: &str, filled: &Filled) -> Form {
    let field = |(name, label): (&str, &str)| {
        Field::new(name, label, Input::Text(MOMENT_LETTERS)).with_value(filled.get(name)).optional()
    };
    Form {
        action: format!("{href}/past"),
        fields: FIELDS.map(field).to_vec(),
        submit: "Explain".to_owned(),
        state: Judged::Idle,
        is_question: true,
    }
}

/// Questions that need no typing.
fn ways(href: &str, now: wire::Timestamp, back: NavLink) -> Block {
    let before = |hours: i64| {
        let at = wire::instant_message(now - wire::Span::HOUR.times(hours));
        let seconds = jiff::Timestamp::from_second(at.seconds);
        super::words::escaped(&seconds.map_or_else(|_| String::new(), |at| at.to_string()))
    };
    let mut links = vec![back];
    let at = |(text, hours)| NavLink::new(text, format!("{href}/past?at={}", before(hours)));
    links.extend(BEFORE.map(at));
    let over = |(text, hours)| NavLink::new(text, format!("{href}/past?from={}", before(hours)));
    links.extend(LATELY.map(over));
    Block::Links(links)
}

fn answered(page: paceline_view::Page, told: &v1::ExplainPastResponse) -> paceline_view::Page {
    let heading = if told.moment.is_some() { "As it was" } else { "As it went" };
    let facts =
        past_facts(told).into_iter().map(|(name, words)| (name.to_owned(), Cell::Text(words)));
    let section = Section::new(heading).with(Block::Facts(facts.collect()));
    let section = past_tables(told).into_iter().map(Block::Table).fold(section, Section::with);
    page.with_section(section)
}
