//! `ctl list` and `ctl explain`: the portfolio, and why a campaign's numbers are what they are.

mod bid;
mod explain;
mod past;

use super::{Caller, CtlError, PAGE_SIZE, everywhere, json, pretty, text};
use crate::args::ctl::ListArgs;
pub(super) use explain::explain;
use paceline_proto::v1;
use paceline_view::{Cell, Column, Table};
use serde_json::{Value, json as object};

/// The state a word stands for; the words are checked where they are typed.
pub(super) fn state(word: Option<&str>) -> v1::EntryState {
    match word {
        Some("run") => v1::EntryState::Run,
        Some("paused") => v1::EntryState::Paused,
        Some("exhausted") => v1::EntryState::Exhausted,
        Some("safe") => v1::EntryState::Safe,
        _ => v1::EntryState::Unspecified,
    }
}

pub(super) async fn list(caller: &mut Caller, args: ListArgs) -> Result<String, CtlError> {
    let state = state(args.state.as_deref());
    let campaigns = everywhere(caller, async |caller, page_token| {
        let request = v1::ListCampaignsRequest {
            page_size: PAGE_SIZE,
            page_token,
            advertiser_id: args.advertiser.clone(),
            group_id: args.group.clone(),
            state: state.into(),
            is_led_only: caller.is_led_only,
        };
        let asked = caller.client.list_campaigns(request).await;
        let told = caller.answer(asked)?;
        Ok((told.campaigns, told.next_page_token))
    })
    .await?;
    if caller.is_json {
        let campaigns: Value = campaigns.iter().map(line_json).collect();
        return Ok(pretty(&object!({"campaigns": campaigns})));
    }
    Ok(table(&campaigns).to_text())
}

fn table(campaigns: &[v1::CampaignSummary]) -> Table {
    let mut columns = vec![Column::text("campaign"), Column::text("currency")];
    let numbers = ["budget", "planned", "spent", "in flight", "multiplier", "participation"];
    columns.extend(numbers.map(|name| Column::number(name, "")));
    columns.extend([Column::text("state"), Column::text("why")]);
    campaigns.iter().fold(Table::new("", columns), |table, line| {
        let why = line.reasons.first().map(|reason| reason.code.clone()).unwrap_or_default();
        table.with_row(vec![
            Cell::text(line.campaign_id.as_str()),
            Cell::text(line.currency.as_str()),
            Cell::money(line.budget_nanos),
            Cell::money(line.planned_nanos),
            Cell::money(line.spent_nanos),
            Cell::money(line.in_flight_nanos),
            Cell::text(text::ratio(line.multiplier_ppm)),
            Cell::text(text::share(line.participation_ppm)),
            Cell::text(text::or_dash(text::state(line.state))),
            Cell::text(why),
        ])
    })
}

fn line_json(line: &v1::CampaignSummary) -> Value {
    object!({
        "campaign_id": line.campaign_id,
        "campaign_key": text::key(line.campaign_key),
        "advertiser_id": line.advertiser_id,
        "group_id": line.group_id,
        "currency": line.currency,
        "budget_nanos": line.budget_nanos,
        "planned_nanos": line.planned_nanos,
        "spent_nanos": line.spent_nanos,
        "in_flight_nanos": line.in_flight_nanos,
        "multiplier_ppm": line.multiplier_ppm,
        "participation_ppm": line.participation_ppm,
        "state": text::state(line.state),
        "reasons": json::reasons(&line.reasons),
    })
}
