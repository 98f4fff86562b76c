//! `ctl notices`: what a person should hear of.

use super::{Caller, CtlError, PAGE_SIZE, each_leader, json, pretty, text};
use crate::args::ctl::NoticesArgs;
use paceline_proto::v1;
use paceline_view::{Cell, Column, Table};
use serde_json::{Value, json as object};
use std::cmp::Reverse;

pub(super) async fn notices(caller: &mut Caller, args: NoticesArgs) -> Result<String, CtlError> {
    let told = each_leader(caller, async |leader| {
        let is_led_only = leader.is_led_only;
        let request = v1::ListNoticesRequest { most: PAGE_SIZE, is_led_only };
        let asked = leader.client.list_notices(request).await;
        leader.answer(asked)
    })
    .await?;
    let (mut standing, mut recent, mut count) = (Vec::new(), Vec::new(), 0_u64);
    for (_, told) in told {
        count += u64::from(told.standing_count);
        standing.extend(told.standing);
        recent.extend(told.recent);
    }
    let seconds = |at: Option<&prost_types::Timestamp>| at.map(|at| (at.seconds, at.nanos));
    standing.sort_by_key(|one| (one.cause, seconds(one.since.as_ref())));
    recent.sort_by_key(|one| Reverse(seconds(one.cleared_at.as_ref())));
    if caller.is_json {
        let list = |all: &[v1::Notice]| all.iter().map(notice_json).collect::<Value>();
        return Ok(pretty(&object!({
            "standing": list(&standing),
            "standing_count": count,
            "recent": list(&recent),
        })));
    }
    if args.recent {
        return Ok(table(&recent, true).to_text());
    }
    let mut shown = table(&standing, false);
    if count > u64::try_from(standing.len()).unwrap_or(u64::MAX) {
        shown = shown.with_note(format!("{count} stand in all."));
    }
    Ok(shown.to_text())
}

fn table(notices: &[v1::Notice], is_over: bool) -> Table {
    let mut columns = ["what", "of what", "since"].map(Column::text).to_vec();
    if is_over {
        columns.push(Column::text("until"));
    }
    columns.extend([Column::number("spent", ""), Column::number("planned or allowed", "")]);
    columns.push(Column::text("what it means"));
    notices.iter().fold(Table::new("", columns), |table, one| {
        let of = format!("{} {}", one.object_kind, one.object_id);
        let mut cells = vec![
            Cell::text(word(one).replace('_', " ")),
            Cell::text(of.trim_end()),
            Cell::text(text::time(one.since.as_ref())),
        ];
        if is_over {
            cells.push(Cell::text(text::time(one.cleared_at.as_ref())));
        }
        // What has no money in it shows none.
        let money = |nanos: i64| match (one.spent_nanos, one.planned_nanos) {
            (0, 0) => Cell::Empty,
            _ => Cell::Money { nanos: nanos.into(), digits: 2 },
        };
        cells.extend([money(one.spent_nanos), money(one.planned_nanos)]);
        cells.push(Cell::text(&one.advice));
        table.with_row(cells)
    })
}

/// A cause in the word of reports and labels.
fn word(one: &v1::Notice) -> String {
    let name = v1::NoticeCause::try_from(one.cause).unwrap_or_default().as_str_name();
    name.strip_prefix("NOTICE_CAUSE_").unwrap_or(name).to_lowercase()
}

fn notice_json(one: &v1::Notice) -> Value {
    object!({
        "partition": one.partition,
        "cause": word(one),
        "object_kind": one.object_kind,
        "object_id": one.object_id,
        "since": json::time(one.since.as_ref()),
        "raised_at": json::time(one.raised_at.as_ref()),
        "cleared_at": json::time(one.cleared_at.as_ref()),
        "spent_nanos": one.spent_nanos,
        "planned_nanos": one.planned_nanos,
        "currency": one.currency,
        "advice": one.advice,
    })
}
