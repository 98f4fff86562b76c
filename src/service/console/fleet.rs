//! Who runs what: each partition with its table, store and checkpoint, and each bidder with the
//! table that it runs. Called by `console`.

use super::words::told_time;
use super::{Console, frame, refused, respond};
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use paceline_proto::v1;
use paceline_proto::v1::admin_service_server::AdminService as _;
use paceline_view::{Block, Cell, Column, Section, State as Judged, Table, number};

/// Bidders shown: those that are behind come first.
const ROWS: usize = 500;

fn generation(held: Option<v1::Generation>) -> String {
    held.map_or_else(|| number::NONE.to_owned(), |held| format!("{}.{}", held.epoch, held.sequence))
}

/// The page.
pub(super) async fn page(State(console): State<Console>) -> Response {
    let asked = tonic::Request::new(v1::GetStatusRequest {});
    let told = match console.admin.get_status(asked).await {
        Ok(told) => told.into_inner(),
        Err(status) => return refused(&status),
    };
    let store = console.partitions.store().kind();
    let page = frame("Bidders and partitions", "/fleet")
        .with_subtitle(format!("{} · {} store", told.instance_id, store))
        .with_refresh(super::REFRESH)
        .with_section(Section::new("Partitions").with(Block::Table(partitions(&told))))
        .with_section(Section::new("Bidders").with(bidders(&told)));
    respond(StatusCode::OK, &page)
}

fn partitions(told: &v1::GetStatusResponse) -> Table {
    let columns = vec![
        Column::text("partition"),
        Column::text("role"),
        Column::text("leader"),
        Column::text("table"),
        Column::text("decided"),
        Column::text("spend known to"),
        Column::text("checkpoint"),
        Column::number("entries", ""),
        Column::number("bidders", ""),
        Column::text("on the newest table"),
    ];
    told.partitions.iter().fold(Table::new("", columns), |table, part| {
        let role = match part.role() {
            v1::PartitionRole::Leading => Cell::status(Judged::Good, "leads"),
            v1::PartitionRole::Learning => Cell::status(Judged::Watch, "learns"),
            v1::PartitionRole::Following => Cell::status(Judged::Idle, "follows"),
            v1::PartitionRole::Unspecified => Cell::status(Judged::Watch, "unknown"),
        };
        let checkpoint = part
            .checkpoint_age
            .map_or_else(|| number::NONE.to_owned(), |age| format!("{} s ago", age.seconds));
        let live = f64::from(part.bidders_live_ppm) / 1e6;
        table.with_row(vec![
            Cell::text(part.partition.to_string()),
            role,
            Cell::text(part.leader_address.as_str()),
            Cell::text(generation(part.generation)),
            Cell::text(told_time(part.as_of.as_ref())),
            Cell::text(told_time(part.watermark.as_ref())),
            Cell::text(checkpoint),
            Cell::text(part.entries.to_string()),
            Cell::text(part.bidders.to_string()),
            if part.bidders == 0 { Cell::Empty } else { Cell::text(number::percent(live, 1)) },
        ])
    })
}

fn bidders(told: &v1::GetStatusResponse) -> Block {
    let all = told.partitions.iter().flat_map(|part| {
        part.bidder_list.iter().map(move |bidder| (part.partition, part.generation, bidder))
    });
    let mut rows: Vec<_> = all.collect();
    if rows.is_empty() {
        return Block::Paragraph("No bidder has connected.".to_owned());
    }
    let count = rows.len();
    rows.sort_by_key(|(partition, _, bidder)| {
        let runs = bidder.runs.map(|held| (held.epoch, held.sequence));
        (bidder.has_left, runs, *partition, bidder.bidder_key)
    });
    let names = ["bidder", "partition", "runs", "state", "last heard"];
    let table = Table::new("", names.map(Column::text).to_vec());
    let table = rows.into_iter().take(ROWS).fold(table, |table, (partition, newest, bidder)| {
        let state = match bidder.runs {
            _ if bidder.has_left => Cell::status(Judged::Idle, "has left"),
            runs if runs == newest => Cell::status(Judged::Good, "on the newest table"),
            _ => Cell::status(Judged::Watch, "behind"),
        };
        table.with_row(vec![
            Cell::text(format!("{:016x}", bidder.bidder_key)),
            Cell::text(partition.to_string()),
            Cell::text(generation(bidder.runs)),
            state,
            Cell::text(told_time(bidder.heard_at.as_ref())),
        ])
    });
    Block::Table(if count > ROWS {
        table.with_note(format!("The {ROWS} furthest behind of {count} that were told."))
    } else {
        table
    })
}
