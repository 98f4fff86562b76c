//! Who changed what: the newest changes, one of them field by field, and the button that takes it
//! back, under what that would do.
//!
//! Asks through the admin service as every other caller does. Called by `console`.

use super::form::{Untaken, reason};
use super::view::{QUERY_BYTES_MAX, asked};
use super::words::told_moment;
use super::{
    Console, Taken, as_caller, elsewhere, frame, named, not_understood, notice, only_shown,
    refused, respond, see_other,
};
use crate::audit::difference::{between, shown};
use crate::auth::{Caller, Deed};
use crate::wire;
use crate::wire::admin::owner_words;
use axum::extract::{Path, RawQuery, Request, State};
use axum::http::StatusCode;
use axum::response::Response;
use paceline_proto::v1;
use paceline_proto::v1::admin_service_server::AdminService as _;
use paceline_view::{Block, Cell, Column, Field, NavLink, Section, State as Judged, Table, number};

/// Changes on a page: what a person looks through.
const ROWS: u32 = 100;

/// Hands on one page: more than anybody looks through, and some megabytes at most.
const HANDS_MAX: usize = 5_000;

/// A change's address: `/audit/0-17`.
fn href(record: &v1::AuditRecord) -> String {
    format!("/audit/{}-{}", record.partition, record.number)
}

/// The newest changes that fit `object`, `kind` and `author` of the address.
pub(super) async fn list(State(console): State<Console>, RawQuery(query): RawQuery) -> Response {
    let query = query.unwrap_or_default();
    let query = match asked(&query, &["kind", "object", "author", "after"], QUERY_BYTES_MAX) {
        Ok(query) => query,
        Err(wrong) => return not_understood(&wrong),
    };
    let wanted = v1::ListAuditRequest {
        page_size: ROWS,
        page_token: query.get("after").to_owned(),
        object_kind: query.get("kind").to_owned(),
        object_id: query.get("object").to_owned(),
        author: query.get("author").to_owned(),
        is_led_only: true,
        ..v1::ListAuditRequest::default()
    };
    match console.admin.list_audit(tonic::Request::new(wanted)).await {
        Err(status) => refused(&status),
        Ok(told) => {
            let told = told.into_inner();
            let mut section = elsewhere::told(&console, Section::new("")).await;
            if told.records.is_empty() {
                let none = "Nothing that fits was changed.".to_owned();
                section = section.with(Block::Paragraph(none));
            } else {
                section = section.with(Block::Table(table(&told.records)));
            }
            if !told.next_page_token.is_empty() {
                let part = |name: &str| {
                    let value = super::words::escaped(query.get(name));
                    if value.is_empty() { value } else { format!("&{name}={value}") }
                };
                let rest = ["kind", "object", "author"].map(part).concat();
                let after = super::words::escaped(&told.next_page_token);
                let older = NavLink::new("Older", format!("/audit?after={after}{rest}"));
                section = section.with(Block::Links(vec![older]));
            }
            let page = frame("Changes", "/audit").with_section(section).with_footer(
                "Every change that a person made, the newest first. The address narrows it: \
                 /audit?object=spring&author=anna. Older ones than are kept are in the exports.",
            );
            respond(StatusCode::OK, &page)
        }
    }
}

fn table(records: &[v1::AuditRecord]) -> Table {
    let names = ["change", "at", "by", "did", "to", "why"];
    let table = Table::new("", names.map(Column::text).to_vec());
    records.iter().fold(table, |table, record| {
        let number = format!("{}-{}", record.partition, record.number);
        table.with_row(vec![
            Cell::link(number, href(record)),
            Cell::text(told_moment(record.at.as_ref())),
            Cell::text(record.author.as_str()),
            Cell::text(wire::audit::deed(record)),
            Cell::text(format!("{} {}", record.object_kind, record.object_id)),
            Cell::text(record.reason.as_str()),
        ])
    })
}

/// `0-17` as partition and number.
fn read(change: &str) -> Option<(u32, u64)> {
    let (partition, number) = change.split_once('-')?;
    Some((partition.parse().ok()?, number.parse().ok()?))
}

fn unknown() -> Response {
    let why = "There is no such change, or it is older than those that are kept.".to_owned();
    respond(StatusCode::NOT_FOUND, &notice("No such change", Judged::Watch, why))
}

/// What undoing would do, or why it is not done; the change itself is found on the way.
async fn preview(
    console: &Console,
    change: (u32, u64),
    is_forced: bool,
    caller: Option<Caller>,
) -> Result<v1::UndoChangeResponse, tonic::Status> {
    let asked = v1::UndoChangeRequest {
        partition: change.0,
        number: change.1,
        reason: "a look".to_owned(),
        // No request that was carried out has it, so that it is always only a look.
        request_id: format!("look-{}", console.partitions.clock().world().as_micros()),
        is_check_only: true,
        is_forced,
    };
    console.admin.undo_change(as_caller(caller, asked)).await.map(tonic::Response::into_inner)
}

/// The record of a change.
async fn found(console: &Console, change: (u32, u64)) -> Result<v1::AuditRecord, Response> {
    let asked = v1::ListAuditRequest {
        page_size: 1,
        partition: Some(change.0),
        number: Some(change.1),
        ..v1::ListAuditRequest::default()
    };
    let told = console.admin.list_audit(tonic::Request::new(asked)).await;
    let told = told.map_err(|status| refused(&status))?.into_inner();
    told.records.into_iter().next().ok_or_else(unknown)
}

fn fields(heading: [&str; 3], before: Option<&str>, after: Option<&str>) -> Block {
    let table = Table::new("", heading.map(Column::text).to_vec());
    let rows = between(before, after).into_iter().fold(table, |table, one| {
        table.with_row(vec![
            Cell::text(one.path.as_str()),
            Cell::text(shown(&one.path, one.before.as_ref())),
            Cell::text(shown(&one.path, one.after.as_ref())),
        ])
    });
    Block::Table(rows)
}

/// One change, and the button under what it would do.
pub(super) async fn one(
    State(console): State<Console>,
    Path(change): Path<String>,
    request: Request,
) -> Response {
    let caller = request.extensions().get::<Caller>().cloned();
    let Some(change) = read(&change) else { return unknown() };
    let record = match found(&console, change).await {
        Ok(record) => record,
        Err(page) => return page,
    };
    let generation = match record.generation {
        0 => number::NONE.to_owned(),
        count => count.to_string(),
    };
    let facts = vec![
        ("At".to_owned(), Cell::text(told_moment(record.at.as_ref()))),
        ("By".to_owned(), Cell::text(record.author.as_str())),
        ("Did".to_owned(), Cell::text(wire::audit::deed(&record))),
        ("To".to_owned(), Cell::text(format!("{} {}", record.object_kind, record.object_id))),
        ("Why".to_owned(), Cell::text(record.reason.as_str())),
        ("Request".to_owned(), Cell::text(record.request_id.as_str())),
        ("Generation".to_owned(), Cell::text(generation)),
        ("Seal".to_owned(), Cell::text(record.seal.as_str())),
    ];
    let heading = ["field", "before", "after"];
    let what = fields(heading, record.before_json.as_deref(), record.after_json.as_deref());
    let told = Section::new("").with(Block::Facts(facts)).with(what);
    let title = format!("Change {}-{}", record.partition, record.number);
    let page = frame(&title, "").with_section(told);
    let back = match preview(&console, change, false, caller.clone()).await {
        Err(status) => Section::new("Take it back")
            .with(Block::Paragraph(format!("It cannot be taken back: {}.", status.message()))),
        Ok(told) => {
            let heading = ["field", "now", "then"];
            let effect = fields(heading, told.before_json.as_deref(), told.after_json.as_deref());
            let now = console.partitions.clock().world();
            let request = Field::hidden("request", format!("console-{}", now.as_micros()));
            let action = href(&record);
            let form = console.marks.form(
                caller.as_ref(),
                &action,
                now,
                vec![reason(), request],
                "Take it back",
            );
            let form = only_shown(caller.as_ref(), Deed::Steer).unwrap_or(Block::Form(form));
            Section::new("Take it back").with(effect).with(form)
        }
    };
    respond(StatusCode::OK, &page.with_section(back))
}

/// Takes a change back, and shows that.
pub(super) async fn undo(
    State(console): State<Console>,
    Path(change): Path<String>,
    Taken { filled, caller }: Taken,
) -> Response {
    let Some((partition, number)) = read(&change) else { return unknown() };
    let asked = v1::UndoChangeRequest {
        partition,
        number,
        reason: filled.get("reason").to_owned(),
        request_id: filled.get("request").to_owned(),
        ..v1::UndoChangeRequest::default()
    };
    match console.admin.undo_change(as_caller(caller, asked)).await {
        Err(status) => refused(&status),
        Ok(told) => match told.into_inner().made {
            Some(made) => see_other(&href(&made)),
            None => see_other("/audit"),
        },
    }
}

/// The hands that are on where this instance leads, up to a bound.
async fn hands(console: &Console) -> Result<Vec<v1::Override>, tonic::Status> {
    let (mut all, mut page_token) = (Vec::new(), String::new());
    while all.len() < HANDS_MAX {
        let asked = v1::ListOverridesRequest {
            page_size: 1_000,
            page_token,
            is_led_only: true,
            ..v1::ListOverridesRequest::default()
        };
        let told = console.admin.list_overrides(tonic::Request::new(asked)).await?.into_inner();
        all.extend(told.overrides);
        page_token = told.next_page_token;
        if page_token.is_empty() {
            break;
        }
    }
    Ok(all)
}

/// The hands that are on.
pub(super) async fn overrides(State(console): State<Console>) -> Response {
    let told = match hands(&console).await {
        Ok(told) => told,
        Err(status) => return refused(&status),
    };
    let mut section = elsewhere::told(&console, Section::new("")).await;
    if told.len() >= HANDS_MAX {
        let most = format!("These are the {HANDS_MAX} that end soonest; there are more.");
        section = section.with(Block::Notice(Judged::Watch, most));
    }
    if told.is_empty() {
        section = section.with(Block::Paragraph("No hand is on the wheel.".to_owned()));
    } else {
        let names = ["override", "on", "does", "why", "by", "since", "until"];
        let table = Table::new("", names.map(Column::text).to_vec());
        let table = told.iter().fold(table, |table, hand| {
            table.with_row(vec![
                Cell::link(hand.override_id.as_str(), format!("/overrides/{}", hand.override_id)),
                Cell::text(owner_words(hand.target.as_ref())),
                Cell::text(named::action(hand.action.as_ref())),
                Cell::text(hand.reason.as_str()),
                Cell::text(hand.author.as_str()),
                Cell::text(told_moment(hand.set_at.as_ref())),
                Cell::text(told_moment(hand.expires_at.as_ref())),
            ])
        });
        section = section.with(Block::Table(table));
    }
    respond(StatusCode::OK, &frame("Overrides", "/overrides").with_section(section))
}

/// One hand, and the button that takes it off.
pub(super) async fn hand(
    State(console): State<Console>,
    Path(id): Path<String>,
    request: Request,
) -> Response {
    let caller = request.extensions().get::<Caller>().cloned();
    let told = match hands(&console).await {
        Ok(told) => told,
        Err(status) => return refused(&status),
    };
    let Some(hand) = told.into_iter().find(|hand| hand.override_id == id) else {
        let why = "There is no such override here: it has ended, or was taken off.".to_owned();
        let others = elsewhere::told(&console, Section::new("")).await;
        let page = notice("No such override", Judged::Watch, why).with_section(others);
        return respond(StatusCode::NOT_FOUND, &page);
    };
    let facts = vec![
        ("On".to_owned(), Cell::text(owner_words(hand.target.as_ref()))),
        ("Does".to_owned(), Cell::text(named::action(hand.action.as_ref()))),
        ("Why".to_owned(), Cell::text(hand.reason.as_str())),
        ("By".to_owned(), Cell::text(hand.author.as_str())),
        ("Since".to_owned(), Cell::text(told_moment(hand.set_at.as_ref()))),
        ("Until".to_owned(), Cell::text(told_moment(hand.expires_at.as_ref()))),
    ];
    let now = console.partitions.clock().world();
    let request = Field::hidden("request", format!("console-{}", now.as_micros()));
    let action = format!("/overrides/{id}");
    let fields = vec![reason(), request];
    let form = console.marks.form(caller.as_ref(), &action, now, fields, "Take it off");
    let form = only_shown(caller.as_ref(), Deed::Steer).unwrap_or(Block::Form(form));
    let effect =
        "From the next table on the law decides again, and goes on from the value that was \
                  applied: nothing jumps."
            .to_owned();
    let section = Section::new("Take it off").with(Block::Paragraph(effect));
    let page = frame(&format!("Override {id}"), "")
        .with_section(Section::new("").with(Block::Facts(facts)))
        .with_section(section.with(form));
    respond(StatusCode::OK, &page)
}

/// Takes a hand off.
pub(super) async fn clear(
    State(console): State<Console>,
    Path(id): Path<String>,
    Taken { filled, caller }: Taken,
) -> Response {
    let asked = v1::ClearOverrideRequest {
        override_id: id,
        request_id: filled.get("request").to_owned(),
        reason: filled.get("reason").to_owned(),
    };
    match console.admin.clear_override(as_caller(caller, asked)).await {
        Err(status) => refused(&status),
        Ok(_) => see_other("/overrides"),
    }
}

/// A form that is not taken.
pub(super) fn not_taken(why: Untaken) -> Response {
    let status = match why {
        Untaken::Unreadable => StatusCode::BAD_REQUEST,
        Untaken::Foreign | Untaken::Expired => StatusCode::FORBIDDEN,
    };
    respond(status, &notice("Not done", Judged::Bad, why.told().to_owned()))
}
