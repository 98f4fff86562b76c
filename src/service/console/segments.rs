//! Supply segments as shading knows them: a list by key, a hundred to a page, and the way to one.
//!
//! Only keys are kept where outcomes are learnt; whoever knows a segment's name finds its page by
//! it. Each partition is asked once a page, for copies of as many lines as are shown. Called by
//! `console`.

use super::form::Filled;
use super::view::{QUERY_BYTES_MAX, Wrong, asked, wrong};
use super::{Console, absence, frame, not_understood, notice, respond, segment, unled, words};
use crate::control_loop::{LoopError, LoopHandle};
use crate::partition::Partitions;
use axum::extract::{RawQuery, State};
use axum::http::StatusCode;
use axum::response::Response;
use paceline_core::shade::outcome::market_of;
use paceline_core::shade::{EVIDENCE_LEAST, Portrait, SegmentLine, SegmentPath, Source, Withheld};
use paceline_core::units::{PartitionId, SegmentId, Timestamp};
use paceline_view::{
    Block, Cell, Column, Field, Form, Input, NavLink, Page, Section, State as Judged, Table, number,
};
use std::time::Duration;
use tokio::task::JoinSet;
use tokio::time::timeout;

/// Lines of a page: what a person can look through.
const ROWS: usize = 100;
/// How long a partition is waited for; all are asked at once, and a loop answers between two
/// rounds.
const ANSWER_WAIT: Duration = Duration::from_secs(1);
/// The longest name of a segment, in letters.
const NAME_MAX: u32 = 64;

/// How a key comes from a name: for whoever has a key and looks for its name.
pub(super) const KEYS: &str = "Segments are known by key alone: FNV-1a of 64 bits over the bytes \
                               of the whole name, such as exchange/placement/device, then the \
                               finaliser of splitmix64, in hexadecimal. Who knows the name finds \
                               the segment by it; a key does not lead back to a name.";

/// The address of a segment's page.
pub(super) fn href(key: SegmentId) -> String {
    format!("/segments?key={key}")
}

/// A page of the list; with `name` or `key` that segment's own.
pub(super) async fn page(State(console): State<Console>, RawQuery(query): RawQuery) -> Response {
    let query = query.unwrap_or_default();
    let query = match asked(&query, &["name", "key", "from"], QUERY_BYTES_MAX) {
        Ok(query) => query,
        Err(wrong) => return not_understood(&wrong),
    };
    let name = query.get("name").trim();
    if !name.is_empty() {
        return named(&console, name).await;
    }
    let (one, from) = match (key(&query, "key"), key(&query, "from")) {
        (Ok(one), Ok(from)) => (one, from.unwrap_or(SegmentId::from_key(0))),
        (Err(wrong), _) | (_, Err(wrong)) => return not_understood(&wrong),
    };
    if let Some(one) = one {
        return keyed(&console, one).await;
    }
    let told = ask(&console.partitions, from).await;
    match told.missing.first() {
        Some((partition, error)) if told.answered == 0 => unled(*partition, error),
        _ => respond(StatusCode::OK, &list(&told, from)),
    }
}

/// A key in an address; nothing where nothing is said.
fn key(filled: &Filled, field: &str) -> Result<Option<SegmentId>, Wrong> {
    let value = filled.get(field);
    if value.is_empty() {
        return Ok(None);
    }
    let is_hex = value.bytes().all(|digit| digit.is_ascii_hexdigit());
    let key = u64::from_str_radix(value, 16).ok().filter(|_| is_hex);
    let rule = "must be a key: 1 to 16 hexadecimal digits";
    key.map(|key| Some(SegmentId::from_key(key)))
        .ok_or_else(|| wrong(field, value, rule.to_owned()))
}

/// What a loop knows of a segment, and when that was so; it is not waited for without a bound.
async fn portrait(
    handle: &LoopHandle,
    id: SegmentId,
) -> Result<Option<(Portrait, Timestamp)>, LoopError> {
    let question = handle.ask(move |engine| Some((engine.portrait(id)?, engine.now())));
    timeout(ANSWER_WAIT, question).await.unwrap_or_else(|_| Err(late()))
}

/// A segment by its name: its exchange's partition alone can know it.
async fn named(console: &Console, name: &str) -> Response {
    if SegmentPath::of_name(name).is_err() {
        return unknown();
    }
    let partitions = &console.partitions;
    let partition = PartitionId::of(market_of(name), partitions.count());
    let Some(handle) = partitions.get(partition) else { return unknown() };
    match portrait(handle, SegmentId::of(name)).await {
        Err(error) => unled(partition, &error),
        Ok(None) => unknown(),
        Ok(Some((told, now))) => respond(StatusCode::OK, &segment::page(&told, Some(name), now)),
    }
}

/// A segment by its key, which any partition may know: the first that does is shown.
async fn keyed(console: &Console, id: SegmentId) -> Response {
    let mut asked = JoinSet::new();
    for handle in console.partitions.all() {
        let handle = handle.clone();
        asked.spawn(async move { (handle.partition(), portrait(&handle, id).await) });
    }
    let mut absent = Vec::new();
    while let Some(answer) = asked.join_next().await {
        match answer {
            Ok((_, Ok(Some((told, now))))) => {
                return respond(StatusCode::OK, &segment::page(&told, None, now));
            }
            Ok((partition, Err(error))) => absent.push((partition, error)),
            // One that was broken off says nothing, as one that does not know.
            Ok((_, Ok(None))) | Err(_) => {}
        }
    }
    // One that could not be asked might know it.
    match absent.iter().min_by_key(|(partition, _)| *partition) {
        Some((partition, error)) => unled(*partition, error),
        None => unknown(),
    }
}

fn late() -> LoopError {
    LoopError::Unavailable { why: "its loop did not answer within a second".into() }
}

fn unknown() -> Response {
    let why = "No outcome told of such a segment: bids in it are not shaded. It may have made \
               room for others after a day of silence, or its exchange may be learnt in a \
               partition that another process leads.";
    respond(StatusCode::NOT_FOUND, &notice("No such segment", Judged::Watch, why.to_owned()))
}

/// What partitions told.
#[derive(Default)]
struct Answers {
    answered: usize,
    /// Segments known in all.
    count: usize,
    /// In the order of their keys, one more than a page shows.
    lines: Vec<SegmentLine>,
    missing: Vec<(PartitionId, LoopError)>,
}

async fn ask(partitions: &Partitions, from: SegmentId) -> Answers {
    let mut asked = JoinSet::new();
    for handle in partitions.all() {
        let handle = handle.clone();
        asked.spawn(async move {
            let question = handle.ask(move |engine| engine.segment_lines(from, ROWS + 1));
            let answer = timeout(ANSWER_WAIT, question).await;
            (handle.partition(), answer.unwrap_or_else(|_| Err(late())))
        });
    }
    let mut told = Answers::default();
    for (partition, answer) in asked.join_all().await {
        match answer {
            Ok((lines, count)) => {
                told.answered += 1;
                told.count += count;
                told.lines.extend(lines);
            }
            Err(error) => told.missing.push((partition, error)),
        }
    }
    told.missing.sort_by_key(|(partition, _)| *partition);
    told.lines.sort_by_key(|line| line.segment);
    told.lines.truncate(ROWS + 1);
    told
}

fn list(told: &Answers, from: SegmentId) -> Page {
    let mut top = Section::new("");
    for (partition, error) in &told.missing {
        top = top.with(Block::Notice(Judged::Watch, absence(*partition, error)));
    }
    let find = Form {
        action: "/segments".to_owned(),
        fields: vec![Field::new("name", "Name of a segment", Input::Text(NAME_MAX))],
        submit: "Find".to_owned(),
        is_question: true,
        ..Form::default()
    };
    top = top.with(Block::Form(find));
    let section = if told.lines.is_empty() {
        let none = if told.count == 0 {
            "No outcome of a bid was told yet: no segment is known, and none is shaded."
        } else {
            "No key is as high as this: the list ends before it."
        };
        Section::new("").with(Block::Paragraph(none.to_owned()))
    } else {
        Section::new("").with(Block::Table(table(&told.lines)))
    };
    let mut links = Vec::new();
    if from.key() > 0 {
        links.push(NavLink::new("First", "/segments"));
    }
    if let Some(next) = told.lines.get(ROWS) {
        links.push(NavLink::new("Next", format!("/segments?from={}", next.segment)));
    }
    let noun = if told.count == 1 { "segment" } else { "segments" };
    frame("Segments", "/segments")
        .with_subtitle(format!("{} {noun} known, in the order of their keys", told.count))
        .with_section(top)
        .with_section(section.with(Block::Links(links)))
        .with_footer(KEYS)
}

fn table(lines: &[SegmentLine]) -> Table {
    let columns = vec![
        Column::text("segment"),
        Column::text("schedule"),
        Column::number("outcomes", "rows"),
        Column::number("evidence", "auctions"),
        Column::number("told", "% with the minimum to win"),
        Column::text("drift"),
        Column::text("last heard"),
    ];
    lines.iter().take(ROWS).fold(Table::new("", columns), |table, line| {
        table.with_row(vec![
            Cell::link(line.segment.to_string(), href(line.segment)),
            schedule(line),
            Cell::number(line.rows.into(), 0),
            Cell::number(line.evidence, 0),
            Cell::percent(line.told, 0),
            drift(line),
            Cell::text(words::moment(line.heard_at)),
        ])
    })
}

/// Whose schedule a segment uses, and why not its own.
pub(super) fn schedule(line: &SegmentLine) -> Cell {
    let why = line.withheld.map(withheld).unwrap_or_default();
    match line.source {
        Source::Own => Cell::status(Judged::Good, "its own"),
        Source::Above(levels) => Cell::status(Judged::Idle, format!("{levels} above: {why}")),
        Source::Market => Cell::status(Judged::Idle, format!("the market's: {why}")),
        Source::Unshaded => Cell::status(Judged::Watch, format!("unshaded: {why}")),
    }
}

/// Why a segment has no schedule of its own, in words.
fn withheld(why: Withheld) -> String {
    let why = match why {
        Withheld::Silent => "nothing is told of its exchange",
        Withheld::Alarm => "prices have moved, and no fit has come in since",
        Withheld::Scarce => {
            return format!(
                "what came in lately is worth fewer than {EVIDENCE_LEAST} auctions, or came in \
                 fewer rows"
            );
        }
        Withheld::Parent => "nothing is known yet of the level above",
        Withheld::Loss => {
            "its latest fit was refused: it foretold held-out outcomes worse than the level above"
        }
        Withheld::Calibration => {
            "its latest fit was refused: it was off the middle of what was held out"
        }
        Withheld::Waits => "it waits for more outcomes, or its turn",
    };
    why.to_owned()
}

/// Its alarms.
pub(super) fn drift(line: &SegmentLine) -> Cell {
    match (line.drifts_until, line.alarms) {
        (Some(until), _) => {
            Cell::status(Judged::Watch, format!("alarm holds until {}", words::moment(until)))
        }
        (None, 0) => Cell::text(number::NONE),
        (None, 1) => Cell::text("1 alarm so far"),
        (None, alarms) => Cell::text(format!("{alarms} alarms so far")),
    }
}

/// Names a segment: by what the reader called it, else by its key.
pub(super) fn title(told: &Portrait, name: Option<&str>) -> String {
    name.map_or_else(|| format!("Segment {}", told.line.segment), |name| format!("Segment {name}"))
}
