//! `ctl explain --at` and `--from`: why a campaign's numbers were what they were.

use super::super::audit::record_json;
use super::super::{Caller, CtlError, json, pretty, text};
use crate::wire::admin::{past_facts, past_tables};
use paceline_proto::v1;
use serde_json::{Value, json as object};
use std::fmt::Write;

pub(super) async fn explain(
    caller: &mut Caller,
    request: v1::ExplainPastRequest,
) -> Result<String, CtlError> {
    let asked = caller.client.explain_past(request).await;
    let told = caller.answer(asked)?;
    if caller.is_json {
        return Ok(pretty(&as_json(&told)));
    }
    let mut lines = String::new();
    for (name, words) in past_facts(&told) {
        writeln!(lines, "{name:<16} {words}").expect("text grows as it needs");
    }
    for table in past_tables(&told) {
        lines.push('\n');
        lines += &table.to_text();
    }
    Ok(lines)
}

fn as_json(told: &v1::ExplainPastResponse) -> Value {
    object!({
        "campaign_id": told.campaign_id,
        "currency": told.currency,
        "resolution_seconds": json::seconds(told.resolution.as_ref()),
        "moment": told.moment.as_ref().map(moment_json),
        "period": told.period.as_ref().map(period_json),
    })
}

fn reason_json(told: Option<&v1::Reason>) -> Value {
    told.map_or(Value::Null, |told| object!({"code": told.code, "detail": told.detail}))
}

fn moment_json(told: &v1::PastMoment) -> Value {
    let hand =
        |hand: &v1::PastHand| object!({"override_id": hand.override_id, "action": hand.action});
    let plan = |plan: &v1::PastPlan| {
        object!({
            "made_at": json::time(plan.made_at.as_ref()),
            "watermark": json::time(plan.watermark.as_ref()),
            "planned_nanos": plan.planned_nanos,
            "expected_spend_nanos": plan.expected_spend_nanos,
            "rate_nanos_per_minute": plan.rate_nanos_per_minute,
        })
    };
    object!({
        "as_of": json::time(told.as_of.as_ref()),
        "unchanged_until": json::time(told.unchanged_until.as_ref()),
        "generation": json::generation(told.generation),
        "state": text::state(told.state),
        "multiplier_ppm": told.multiplier_ppm,
        "participation_ppm": told.participation_ppm,
        "reason": reason_json(told.reason.as_ref()),
        "cause": reason_json(told.cause.as_ref()),
        "binding_owner": json::owner(told.binding_owner.as_ref()),
        "binding_horizon": text::horizon(told.binding_horizon),
        "brake_ppm": told.brake_ppm,
        "hand": told.hand.as_ref().map(hand),
        "plan": told.plan.as_ref().map(plan),
        "drawn_nanos": told.drawn_nanos,
    })
}

fn period_json(told: &v1::PastPeriod) -> Value {
    let share = |one: &v1::PastShare| {
        object!({
            "reason": reason_json(one.reason.as_ref()),
            "seconds": json::seconds(one.span.as_ref()),
            "share_ppm": one.share_ppm,
        })
    };
    let cost = |one: &v1::PastCost| {
        let cause = reason_json(one.cause.as_ref());
        object!({"cause": cause, "cost_nanos": one.cost_nanos})
    };
    object!({
        "from": json::time(told.from.as_ref()),
        "until": json::time(told.until.as_ref()),
        "planned_nanos": told.planned_nanos,
        "spent_nanos": told.spent_nanos,
        "multiplier_min_ppm": told.multiplier_min_ppm,
        "multiplier_max_ppm": told.multiplier_max_ppm,
        "participation_min_ppm": told.participation_min_ppm,
        "participation_max_ppm": told.participation_max_ppm,
        "shares": told.shares.iter().map(share).collect::<Value>(),
        "silent_seconds": json::seconds(told.silent.as_ref()),
        "costs": told.costs.iter().map(cost).collect::<Value>(),
        "changes": told.changes.iter().map(record_json).collect::<Value>(),
        "changes_left_out": told.changes_left_out,
        "first": told.first.as_ref().map(moment_json),
        "last": told.last.as_ref().map(moment_json),
    })
}
