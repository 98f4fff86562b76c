//! `ctl totals`, `suspense`, `counter`: money as it was counted, and what waits for a decision.

use super::{Caller, CtlError, PAGE_SIZE, everywhere, json, pretty, text};
use crate::args::ctl::{ResolveArgs, SuspenseCommand, TotalsArgs};
use crate::wire;
use paceline_proto::v1;
use paceline_view::{Cell, Column, Table};
use serde_json::{Value, json as object};
use std::collections::BTreeMap;

/// Campaigns asked for by name in one question: the most the service takes.
const NAMES_MAX: usize = 1_000;

pub(super) async fn totals(caller: &mut Caller, args: TotalsArgs) -> Result<String, CtlError> {
    if args.campaigns.len() > NAMES_MAX {
        let count = args.campaigns.len();
        return Err(CtlError::Refused(format!("--campaign is given {count} times, at most 1000")));
    }
    // The same on every page of an instance.
    let mut verdicts: BTreeMap<String, Vec<v1::VerdictCount>> = BTreeMap::new();
    let totals = everywhere(caller, async |caller, page_token| {
        let request = v1::GetTotalsRequest {
            campaign_ids: args.campaigns.clone(),
            page_size: PAGE_SIZE,
            page_token,
            is_led_only: caller.is_led_only,
        };
        let asked = caller.client.get_totals(request).await;
        let told = caller.answer(asked)?;
        verdicts.insert(caller.endpoint().to_owned(), told.verdict_counts);
        Ok((told.totals, told.next_page_token))
    })
    .await?;
    let verdicts = in_all(verdicts.into_values().flatten());
    let is_known = |name: &&String| totals.iter().any(|told| told.campaign_id == **name);
    if let Some(unknown) = args.campaigns.iter().find(|name| !is_known(name)) {
        return Err(CtlError::Failed(format!(
            "--campaign is {unknown} and must name a campaign that is known there; \
             `paceline ctl list` has all of them"
        )));
    }
    if caller.is_json {
        return Ok(pretty(&object!({
            "campaigns": totals.iter().map(totals_json).collect::<Value>(),
            "totals": sums_json(&totals),
            "verdicts": json::verdicts(&verdicts),
        })));
    }
    let mut told = table(&totals).to_text();
    told += &text_of(&verdicts);
    Ok(told)
}

/// Counts of the same verdict put together.
fn in_all(counts: impl Iterator<Item = v1::VerdictCount>) -> Vec<v1::VerdictCount> {
    let mut sums: BTreeMap<i32, u64> = BTreeMap::new();
    for count in counts {
        *sums.entry(count.verdict).or_default() += count.count;
    }
    sums.into_iter().map(|(verdict, count)| v1::VerdictCount { verdict, count }).collect()
}

fn totals_json(told: &v1::CampaignTotals) -> Value {
    object!({
        "campaign_id": told.campaign_id,
        "campaign_key": text::key(told.campaign_key),
        "currency": told.currency,
        "books": json::books(told.books.as_ref()),
    })
}

/// Sums by currency. 128 bits: a million campaigns at their largest budget do not fit 64.
fn sums(totals: &[v1::CampaignTotals]) -> BTreeMap<&str, [i128; 4]> {
    let mut sums: BTreeMap<&str, [i128; 4]> = BTreeMap::new();
    for (told, books) in totals.iter().filter_map(|told| Some((told, told.books.as_ref()?))) {
        let sum = sums.entry(told.currency.as_str()).or_default();
        let figures =
            [books.granted_nanos, books.spent_nanos, books.in_flight_nanos, books.suspense_nanos];
        for (sum, figure) in sum.iter_mut().zip(figures) {
            *sum += i128::from(figure);
        }
    }
    sums
}

fn sums_json(totals: &[v1::CampaignTotals]) -> Value {
    let sum = |(currency, [granted, spent, in_flight, suspense]): (&str, [i128; 4])| {
        let number = |nanos: i128| i64::try_from(nanos).map_or(Value::Null, Value::from);
        object!({
            "currency": currency,
            "granted_nanos": number(granted),
            "spent_nanos": number(spent),
            "in_flight_nanos": number(in_flight),
            "suspense_nanos": number(suspense),
        })
    };
    sums(totals).into_iter().map(sum).collect()
}

fn table(totals: &[v1::CampaignTotals]) -> Table {
    let money = ["granted", "adjusted", "spent", "in flight", "available", "suspense"];
    let mut columns = vec![Column::text("campaign"), Column::text("currency")];
    columns.extend(money.map(|name| Column::number(name, "")));
    let cell = |nanos: i128| Cell::Money { nanos, digits: 6 };
    let table = totals.iter().fold(Table::new("", columns), |table, told| {
        let books = told.books.unwrap_or_default();
        let figures = [
            books.granted_nanos,
            books.adjusted_nanos,
            books.spent_nanos,
            books.in_flight_nanos,
            books.available_nanos,
            books.suspense_nanos,
        ];
        let names = [told.campaign_id.as_str(), told.currency.as_str()].map(Cell::text);
        table.with_row(names.into_iter().chain(figures.map(|f| cell(f.into()))).collect())
    });
    sums(totals).into_iter().fold(table, |table, (currency, sum)| {
        let [granted, spent, in_flight, suspense] = sum.map(cell);
        let names = [Cell::text("all"), Cell::text(currency)];
        let figures = [granted, Cell::Empty, spent, in_flight, Cell::Empty, suspense];
        table.with_row(names.into_iter().chain(figures).collect())
    })
}

fn text_of(verdicts: &[v1::VerdictCount]) -> String {
    let word = |count: &v1::VerdictCount| {
        format!("{} {}", count.count, text::or_dash(text::verdict(count.verdict)))
    };
    let words: Vec<String> = verdicts.iter().map(word).collect();
    if words.is_empty() {
        "no spend event was ever received\n".to_owned()
    } else {
        format!("spend events of all campaigns: {}\n", words.join(", "))
    }
}

pub(super) async fn accept_counter(
    caller: &mut Caller,
    campaign: String,
    reason: String,
) -> Result<String, CtlError> {
    let request = v1::AcceptCounterRequest { campaign_id: campaign.clone(), reason };
    let asked = caller.client.accept_counter(request).await;
    caller.answer(asked)?;
    if caller.is_json {
        return Ok(pretty(&object!({"accepted": campaign})));
    }
    Ok(format!("accepted: the next reading of {campaign}'s counter is where it goes on from\n"))
}

pub(super) async fn suspense(
    caller: &mut Caller,
    command: SuspenseCommand,
) -> Result<String, CtlError> {
    match command {
        SuspenseCommand::List { campaign } => list_suspense(caller, campaign).await,
        SuspenseCommand::Post(args) => resolve(caller, args, v1::SuspenseDecision::Post).await,
        SuspenseCommand::Drop(args) => resolve(caller, args, v1::SuspenseDecision::Drop).await,
    }
}

async fn list_suspense(
    caller: &mut Caller,
    campaign_id: Option<String>,
) -> Result<String, CtlError> {
    let items = everywhere(caller, async |caller, page_token| {
        let request = v1::ListSuspenseRequest {
            campaign_id: campaign_id.clone(),
            page_size: PAGE_SIZE,
            page_token,
            is_led_only: caller.is_led_only,
        };
        let asked = caller.client.list_suspense(request).await;
        let told = caller.answer(asked)?;
        Ok((told.items, told.next_page_token))
    })
    .await?;
    if caller.is_json {
        let items: Value = items.iter().map(item_json).collect();
        return Ok(pretty(&object!({"items": items})));
    }
    let names = ["event", "campaign", "kind", "why", "happened", "received"];
    let mut columns = names.map(Column::text).to_vec();
    columns.insert(3, Column::number("price", "units"));
    let table = items.iter().fold(Table::new("", columns), |table, item| {
        let campaign = item.campaign_id.clone().unwrap_or_else(|| text::key(item.campaign_key));
        table.with_row(vec![
            Cell::text(text::key(item.event_key)),
            Cell::text(campaign),
            Cell::text(text::or_dash(text::spend_kind(item.kind))),
            Cell::Money { nanos: item.price_nanos.into(), digits: 6 },
            Cell::text(text::or_dash(text::verdict(item.verdict))),
            Cell::text(text::time(item.occurred_at.as_ref())),
            Cell::text(text::time(item.received_at.as_ref())),
        ])
    });
    Ok(table.to_text())
}

fn item_json(item: &v1::SuspenseItem) -> Value {
    object!({
        "event_key": text::key(item.event_key),
        "campaign_id": item.campaign_id,
        "campaign_key": text::key(item.campaign_key),
        "verdict": text::verdict(item.verdict),
        "kind": text::spend_kind(item.kind),
        "price_nanos": item.price_nanos,
        "occurred_at": json::time(item.occurred_at.as_ref()),
        "received_at": json::time(item.received_at.as_ref()),
    })
}

async fn resolve(
    caller: &mut Caller,
    args: ResolveArgs,
    decision: v1::SuspenseDecision,
) -> Result<String, CtlError> {
    let request = v1::ResolveSuspenseRequest {
        event_key: wire::admin::event_key(&args.event)?,
        decision: decision.into(),
        reason: args.reason,
    };
    let asked = caller.client.resolve_suspense(request).await;
    caller.answer(asked)?;
    let word = if decision == v1::SuspenseDecision::Post { "posted" } else { "dropped" };
    if caller.is_json {
        return Ok(pretty(&object!({word: args.event})));
    }
    Ok(format!("{word}: {}\n", args.event))
}
