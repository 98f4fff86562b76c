//! `ctl status` and `ctl partition-of`: how the service fares, and where things live.

use super::{Caller, CtlError, json, pretty, text};
use crate::args::ctl::PartitionOfArgs;
use paceline_proto::v1;
use paceline_view::{Cell, Column, Table};
use serde_json::{Value, json as object};

pub(super) async fn partition_of(
    caller: &mut Caller,
    args: PartitionOfArgs,
) -> Result<String, CtlError> {
    let request = v1::PartitionOfRequest { advertiser_id: args.advertiser.clone() };
    let asked = caller.client.partition_of(request).await;
    let told = caller.answer(asked)?;
    if caller.is_json {
        return Ok(pretty(&object!({
            "advertiser_id": args.advertiser,
            "partition": told.partition,
            "partitions": told.partitions,
        })));
    }
    Ok(format!("{} of {} (numbered from 0)\n", told.partition, told.partitions))
}

pub(super) async fn status(caller: &mut Caller) -> Result<String, CtlError> {
    let asked = caller.client.get_status(v1::GetStatusRequest {}).await;
    let told = caller.answer(asked)?;
    if caller.is_json {
        return Ok(pretty(&as_json(&told)));
    }
    let mut text = format!(
        "paceline {} at {}, time there {}\n\n",
        told.version,
        told.instance_id,
        text::time(told.server_time.as_ref()),
    );
    text += &partitions(&told).to_text();
    text.push('\n');
    text += &bidders(&told).to_text();
    Ok(text)
}

fn partitions(told: &v1::GetStatusResponse) -> Table {
    let mut columns = ["partition", "role", "leader", "table", "as of", "spend known to"]
        .map(Column::text)
        .to_vec();
    let numbers = ["checkpoint", "entries", "bidders", "live"];
    columns.extend(numbers.map(|name| Column::number(name, "")));
    columns.push(Column::text("allowances"));
    told.partitions.iter().fold(Table::new("Partitions", columns), |table, part| {
        let mut at_risk: Vec<_> = part.allowances_outstanding_nanos.iter().collect();
        at_risk.sort();
        let money = |(currency, nanos): (&String, &i64)| text::money(*nanos, currency);
        let at_risk: Vec<String> = at_risk.into_iter().map(money).collect();
        table.with_row(vec![
            Cell::text(part.partition.to_string()),
            Cell::text(text::or_dash(text::role(part.role))),
            Cell::text(part.leader_address.as_str()),
            Cell::text(text::generation(part.generation)),
            Cell::text(text::time(part.as_of.as_ref())),
            Cell::text(text::time(part.watermark.as_ref())),
            Cell::text(text::seconds(part.checkpoint_age.as_ref())),
            Cell::Count(part.entries),
            Cell::Count(part.bidders.into()),
            Cell::text(text::share(part.bidders_live_ppm)),
            Cell::text(at_risk.join(", ")),
        ])
    })
}

fn bidders(told: &v1::GetStatusResponse) -> Table {
    let names = ["bidder", "partition", "runs", "behind by", "heard at", "here"];
    let table = Table::new("Bidders, those behind first", names.map(Column::text).to_vec());
    let all = told
        .partitions
        .iter()
        .flat_map(|part| part.bidder_list.iter().map(move |bidder| (part, bidder)));
    all.fold(table, |table, (part, bidder)| {
        table.with_row(vec![
            Cell::text(text::key(bidder.bidder_key)),
            Cell::text(part.partition.to_string()),
            Cell::text(text::generation(bidder.runs)),
            Cell::text(behind(part.generation, bidder.runs)),
            Cell::text(text::time(bidder.heard_at.as_ref())),
            Cell::text(if bidder.has_left { "left" } else { "yes" }),
        ])
    })
}

/// How many tables a bidder is behind, as far as they can be counted.
fn behind(newest: Option<v1::Generation>, runs: Option<v1::Generation>) -> String {
    match (newest, runs) {
        (Some(newest), Some(runs)) if newest.epoch == runs.epoch => {
            newest.sequence.saturating_sub(runs.sequence).to_string()
        }
        (_, None) => "no table yet".to_owned(),
        _ => "another term".to_owned(),
    }
}

fn as_json(told: &v1::GetStatusResponse) -> Value {
    object!({
        "instance_id": told.instance_id,
        "version": told.version,
        "server_time": json::time(told.server_time.as_ref()),
        "partitions": told.partitions.iter().map(partition_json).collect::<Value>(),
    })
}

fn partition_json(part: &v1::PartitionStatus) -> Value {
    let bidder = |bidder: &v1::BidderStatus| {
        object!({
            "bidder_key": text::key(bidder.bidder_key),
            "runs": json::generation(bidder.runs),
            "heard_at": json::time(bidder.heard_at.as_ref()),
            "has_left": bidder.has_left,
        })
    };
    let at_risk = part.allowances_outstanding_nanos.iter();
    let at_risk = at_risk.map(|(currency, nanos)| (currency.clone(), Value::from(*nanos)));
    object!({
        "partition": part.partition,
        "role": text::role(part.role),
        "leader_address": part.leader_address,
        "generation": json::generation(part.generation),
        "as_of": json::time(part.as_of.as_ref()),
        "watermark": json::time(part.watermark.as_ref()),
        "spend_log_lag_seconds": json::seconds(part.spend_log_lag.as_ref()),
        "checkpoint_age_seconds": json::seconds(part.checkpoint_age.as_ref()),
        "tick_lag_seconds": json::seconds(part.tick_lag.as_ref()),
        "entries": part.entries,
        "bidders": part.bidders,
        "bidders_live_ppm": part.bidders_live_ppm,
        "bidder_list": part.bidder_list.iter().map(bidder).collect::<Value>(),
        "allowances_outstanding_nanos": Value::Object(at_risk.collect()),
    })
}
