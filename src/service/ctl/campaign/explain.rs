//! `ctl explain`: one campaign, with everything that led to its numbers.

use super::super::{Caller, CtlError, hands, json, pretty, text};
use crate::args::ctl::ExplainArgs;
use crate::wire;
use crate::wire::admin::{evidence_words, saving_words};
use crate::wire::catalogue;
use paceline_proto::v1;
use paceline_view::{Cell, Column, Table};
use serde_json::{Value, json as object};
use std::fmt::Write;

type Told = v1::ExplainCampaignResponse;

pub(crate) async fn explain(caller: &mut Caller, args: ExplainArgs) -> Result<String, CtlError> {
    if let (Some(segment), Some(value)) = (&args.segment, args.value) {
        let request = v1::ExplainBidRequest {
            campaign_id: args.campaign.clone(),
            segment_id: segment.clone(),
            value_cpm_micros: value,
            floor_cpm_micros: args.floor,
            auction_type: 1,
        };
        return super::bid::explain(caller, request).await;
    }
    if args.at.is_some() || args.from.is_some() {
        let request = v1::ExplainPastRequest {
            campaign_id: args.campaign,
            at: args.at.map(wire::instant_message),
            from: args.from.map(wire::instant_message),
            until: args.until.map(wire::instant_message),
        };
        return super::past::explain(caller, request).await;
    }
    let request = v1::ExplainCampaignRequest { campaign_id: args.campaign, arm: 0 };
    let asked = caller.client.explain_campaign(request).await;
    let told = caller.answer(asked)?;
    if caller.is_json {
        return Ok(pretty(&as_json(&told)));
    }
    let mut text = head(&told);
    text += &causes(&told);
    for table in [forecasts(&told), laws(&told), plans(&told), accounts(&told)] {
        text.push('\n');
        text += &table.to_text();
    }
    text.push('\n');
    if told.overrides.is_empty() {
        text += "no override is on it\n";
    } else {
        text += &hands::table(&told.overrides).to_text();
    }
    Ok(text)
}

fn head(told: &Told) -> String {
    let mut lines = String::new();
    let mut fact = |name: &str, value: String| {
        writeln!(lines, "{name:<15} {value}").expect("text grows as it needs");
    };
    let money = |nanos| text::money(nanos, &told.currency);
    fact("campaign", told.campaign_id.clone());
    fact("state", text::or_dash(text::state(told.state)));
    for reason in &told.reasons {
        fact("why", format!("{} ({})", reason.detail, reason.code));
    }
    fact("multiplier", text::ratio(told.multiplier_ppm));
    fact("participation", text::share(told.participation_ppm));
    fact("safe multiplier", text::ratio(told.safe_multiplier_ppm));
    fact("bid shading", text::shading(told.shading, told.shading_relief_per_mille));
    for (name, words) in told.saving.iter().flat_map(saving_words) {
        fact(&format!("  {name}"), words);
    }
    fact("binding owner", text::owner_text(told.binding_owner.as_ref()));
    if let Some(returns) = &told.returns {
        let target = catalogue::returns(returns.target).ok().flatten();
        let target =
            target.map(|target| catalogue::returns_words(target, |most| money(most.get())));
        fact("return target", text::or_dash(target));
        let results =
            text::millionths(i64::try_from(returns.results_millionths).unwrap_or(i64::MAX));
        fact("results", format!("{results} expected of what was won in this flight"));
        fact("  may cost", money(returns.worth_nanos));
        fact("  cost", money(returns.cost_nanos));
        fact("  in hand", money(returns.reserve_nanos));
        let most = text::millionths(returns.ceiling_log_ppm);
        fact("  bids at most", format!("{most} in ln(multiplier × participation)"));
    }
    fact("binding cap", text::or_dash(text::horizon(told.binding_horizon)));
    if let Some(books) = &told.books {
        fact("spent", money(books.spent_nanos));
        fact("in flight", money(books.in_flight_nanos));
        fact("available", money(books.available_nanos));
        fact("suspense", money(books.suspense_nanos));
    }
    fact("allowances", money(told.allowance_outstanding_nanos));
    fact("table", text::generation(told.generation));
    fact("as of", text::time(told.as_of.as_ref()));
    let mark = told.owners.iter().find_map(|owner| owner.plan.as_ref()?.watermark.as_ref());
    fact("spend known to", text::time(mark));
    lines
}

/// Why it delivers as it does, the likeliest cause first.
fn causes(told: &Told) -> String {
    let mut lines = String::new();
    let mut fact = |name: &str, value: String| {
        writeln!(lines, "{name:<15} {value}").expect("text grows as it needs");
    };
    for cause in &told.causes {
        fact("cause", format!("{} ({})", cause.detail, cause.code));
        fact("  evidence", evidence_words(cause));
        let Some(edit) = &cause.edit else { continue };
        fact("  would help", edit.detail.clone());
        if !edit.effect.is_empty() {
            fact("  effect", edit.effect.clone());
        }
    }
    lines
}

fn forecasts(told: &Told) -> Table {
    let mut columns = vec![Column::text("window"), Column::text("until")];
    let money = ["low", "middle", "high", "budget"];
    columns.extend(money.map(|name| Column::number(name, told.currency.as_str())));
    columns.extend([Column::number("left over", ""), Column::text("limit")]);
    let table = told.forecasts.iter().fold(Table::new("Forecasts", columns), |table, one| {
        table.with_row(vec![
            Cell::text(text::or_dash(text::horizon(one.horizon))),
            Cell::text(text::time(one.window_end.as_ref())),
            Cell::money(one.low_nanos),
            Cell::money(one.middle_nanos),
            Cell::money(one.high_nanos),
            one.budget_nanos.map_or(Cell::Empty, Cell::money),
            one.short_ppm.map_or(Cell::Empty, |ppm| Cell::text(text::share(ppm))),
            Cell::text(text::or_dash(text::limit(one.limit))),
        ])
    });
    table.with_note(
        "Spend ends between low and high four times in five; left over is the chance that less \
         than 98 % of the budget is spent.",
    )
}

fn laws(told: &Told) -> Table {
    let mut columns = vec![Column::text("owner"), Column::text("law")];
    let numbers = ["multiplier", "participation", "error", "P", "I", "D", "evidence", "output"];
    columns.extend(numbers.map(|name| Column::number(name, "")));
    columns.extend(["traffic", "brake"].map(|name| Column::number(name, "")));
    columns.extend(["clamp", "follows", "held"].map(Column::text));
    let yes = |is: bool| Cell::text(if is { "yes" } else { "no" });
    told.owners.iter().fold(Table::new("Laws", columns), |table, owner| {
        let name = Cell::text(text::owner_text(owner.owner.as_ref()));
        let Some(law) = owner.law.filter(|_| bounds(owner)) else {
            return table.with_row(vec![name, Cell::text(idle(owner))]);
        };
        table.with_row(vec![
            name,
            Cell::text(text::or_dash(text::law(law.law))),
            Cell::text(text::ratio(owner.multiplier_ppm)),
            Cell::text(text::share(owner.participation_ppm)),
            Cell::text(text::millionths(law.error_ppm)),
            Cell::text(text::millionths(law.proportional_log_ppm)),
            Cell::text(text::millionths(law.integral_log_ppm)),
            Cell::text(text::millionths(law.derivative_log_ppm)),
            Cell::text(text::thousandths(law.evidence_milli)),
            Cell::text(text::millionths(law.output_log_ppm)),
            Cell::text(text::share(law.traffic_ppm)),
            Cell::text(text::share(law.brake_ppm)),
            Cell::text(text::clamp(law.clamp).unwrap_or_else(|| "none".to_owned())),
            yes(law.is_tracking),
            yes(law.is_held),
        ])
    })
}

/// Whether an owner has a say: it has a budget, and a plan for it. Another asks for nothing.
fn bounds(owner: &v1::OwnerExplanation) -> bool {
    owner.plan.is_some()
}

/// What to tell instead of figures.
fn idle(owner: &v1::OwnerExplanation) -> String {
    match &owner.quarantined_until {
        None => "bounds nothing now".to_owned(),
        Some(until) => format!("set aside until {}", text::time(Some(until))),
    }
}

fn plans(told: &Told) -> Table {
    let money =
        ["planned", "forgone", "expected spend", "a day's budget", "a minute", "no room for"];
    let mut columns = vec![Column::text("owner")];
    columns.extend(money.map(|name| Column::number(name, told.currency.as_str())));
    columns.extend(["tight cap", "traffic shape", "until"].map(Column::text));
    let table = told.owners.iter().fold(Table::new("Plans", columns), |table, owner| {
        let name = Cell::text(text::owner_text(owner.owner.as_ref()));
        let Some(plan) = &owner.plan else {
            return table.with_row(vec![name]);
        };
        table.with_row(vec![
            name,
            Cell::money(plan.planned_nanos),
            Cell::money(plan.forgone_nanos),
            Cell::money(plan.expected_spend_nanos),
            Cell::money(plan.day_budget_nanos),
            Cell::money(plan.rate_nanos_per_minute),
            Cell::money(plan.unplaced_nanos),
            Cell::text(text::or_dash(text::horizon(plan.tight_horizon))),
            Cell::text(text::or_dash(text::shape(owner.shape))),
            Cell::text(text::time(plan.watermark.as_ref())),
        ])
    });
    table.with_note("An owner without figures bounds nothing now.")
}

fn accounts(told: &Told) -> Table {
    let money = ["granted", "adjusted", "spent", "in flight", "available"];
    let mut columns = vec![Column::text("owner"), Column::text("horizon")];
    columns.extend(money.map(|name| Column::number(name, told.currency.as_str())));
    columns.extend([Column::text("from"), Column::text("to")]);
    let mut table = Table::new("Accounts", columns);
    for owner in &told.owners {
        for account in &owner.accounts {
            let books = account.books.unwrap_or_default();
            table = table.with_row(vec![
                Cell::text(text::owner_text(owner.owner.as_ref())),
                Cell::text(text::or_dash(text::horizon(account.horizon))),
                Cell::money(books.granted_nanos),
                Cell::money(books.adjusted_nanos),
                Cell::money(books.spent_nanos),
                Cell::money(books.in_flight_nanos),
                Cell::money(books.available_nanos),
                Cell::text(text::time(account.window_start.as_ref())),
                Cell::text(text::time(account.window_end.as_ref())),
            ]);
        }
    }
    table
}

fn as_json(told: &Told) -> Value {
    object!({
        "campaign_id": told.campaign_id,
        "campaign_key": text::key(told.campaign_key),
        "arm": told.arm,
        "currency": told.currency,
        "generation": json::generation(told.generation),
        "as_of": json::time(told.as_of.as_ref()),
        "state": text::state(told.state),
        "multiplier_ppm": told.multiplier_ppm,
        "participation_ppm": told.participation_ppm,
        "safe_multiplier_ppm": told.safe_multiplier_ppm,
        "shading": text::shading_level(told.shading),
        "shading_relief_per_mille": told.shading_relief_per_mille,
        "owners": told.owners.iter().map(owner_json).collect::<Value>(),
        "binding_owner": json::owner(told.binding_owner.as_ref()),
        "binding_horizon": text::horizon(told.binding_horizon),
        "allowance_outstanding_nanos": told.allowance_outstanding_nanos,
        "overrides": told.overrides.iter().map(json::hand).collect::<Value>(),
        "reasons": json::reasons(&told.reasons),
        "books": json::books(told.books.as_ref()),
        "returns": told.returns.as_ref().map(return_json),
        "forecasts": told.forecasts.iter().map(json::forecast).collect::<Value>(),
        "causes": told.causes.iter().map(cause_json).collect::<Value>(),
        "saving": json::saving(told.saving.as_ref()),
    })
}

fn cause_json(cause: &v1::Cause) -> Value {
    object!({
        "code": cause.code,
        "weight_ppm": cause.weight_ppm,
        "figures": cause.figures.iter().map(json::figure).collect::<Value>(),
        "edit": cause.edit.as_ref().map(edit_json),
    })
}

fn edit_json(edit: &v1::ProposedEdit) -> Value {
    object!({
        "kind": edit.kind,
        "detail": edit.detail,
        "owner": json::owner(edit.owner.as_ref()),
        "horizon": text::horizon(edit.horizon),
        "flight_start": json::time(edit.flight_start.as_ref()),
        "to_nanos": edit.to_nanos,
        "multiplier_max_ppm": edit.multiplier_max_ppm,
        "returns": json::return_target(edit.returns),
        "override_id": edit.override_id,
        "times_ppm": edit.times_ppm,
        "without": edit.without.as_ref().map(json::forecast),
        "with": edit.with.as_ref().map(json::forecast),
        "is_beyond": edit.is_beyond,
        "effect": edit.effect,
    })
}

fn return_json(told: &v1::ReturnExplanation) -> Value {
    object!({
        "target": json::return_target(told.target),
        "results_millionths": told.results_millionths,
        "worth_nanos": told.worth_nanos,
        "cost_nanos": told.cost_nanos,
        "reserve_nanos": told.reserve_nanos,
        "ceiling_log_ppm": told.ceiling_log_ppm,
        "error_ppm": told.error_ppm,
        "integral_log_ppm": told.integral_log_ppm,
        "gain_milli": told.gain_milli,
    })
}

fn owner_json(owner: &v1::OwnerExplanation) -> Value {
    let account = |account: &v1::AccountExplanation| {
        object!({
            "horizon": text::horizon(account.horizon),
            "window_start": json::time(account.window_start.as_ref()),
            "window_end": json::time(account.window_end.as_ref()),
            "books": json::books(account.books.as_ref()),
        })
    };
    object!({
        "owner": json::owner(owner.owner.as_ref()),
        "multiplier_ppm": bounds(owner).then_some(owner.multiplier_ppm),
        "participation_ppm": bounds(owner).then_some(owner.participation_ppm),
        "quarantined_until": json::time(owner.quarantined_until.as_ref()),
        "traffic_shape": text::shape(owner.shape),
        "accounts": owner.accounts.iter().map(account).collect::<Value>(),
        "plan": owner.plan.as_ref().map_or(Value::Null, plan_json),
        "law": owner.law.as_ref().filter(|_| bounds(owner)).map_or(Value::Null, law_json),
    })
}

fn plan_json(plan: &v1::PlanExplanation) -> Value {
    object!({
        "planned_nanos": plan.planned_nanos,
        "forgone_nanos": plan.forgone_nanos,
        "expected_spend_nanos": plan.expected_spend_nanos,
        "day_budget_nanos": plan.day_budget_nanos,
        "rate_nanos_per_minute": plan.rate_nanos_per_minute,
        "unplaced_nanos": plan.unplaced_nanos,
        "tight_horizon": text::horizon(plan.tight_horizon),
        "watermark": json::time(plan.watermark.as_ref()),
    })
}

fn law_json(law: &v1::LawExplanation) -> Value {
    object!({
        "law": text::law(law.law),
        "error_ppm": law.error_ppm,
        "proportional_log_ppm": law.proportional_log_ppm,
        "integral_log_ppm": law.integral_log_ppm,
        "derivative_log_ppm": law.derivative_log_ppm,
        "gain_milli": law.gain_milli,
        "evidence_milli": law.evidence_milli,
        "output_log_ppm": law.output_log_ppm,
        "traffic_ppm": law.traffic_ppm,
        "brake_ppm": law.brake_ppm,
        "clamp": text::clamp(law.clamp),
        "is_tracking": law.is_tracking,
        "is_held": law.is_held,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn owner(plan: Option<v1::PlanExplanation>) -> v1::OwnerExplanation {
        let law = v1::LawExplanation { law: 1, brake_ppm: 1_000_000, ..Default::default() };
        v1::OwnerExplanation { law: Some(law), plan, ..Default::default() }
    }

    #[test]
    fn an_owner_that_bounds_nothing_has_no_figures() {
        let planned = Some(v1::PlanExplanation::default());
        let told = Told { owners: vec![owner(planned), owner(None)], ..Told::default() };
        let text = laws(&told).to_text();
        let [.., bounding, idle] = text.lines().collect::<Vec<_>>()[..] else { panic!("{text}") };
        assert!(bounding.contains("0.0000") && bounding.contains("100.00"), "{text}");
        assert!(idle.contains("bounds nothing now") && !idle.contains('0'), "{text}");
        let [bounding, idle] = [0, 1].map(|at| as_json(&told)["owners"][at].clone());
        assert_eq!(
            (&bounding["multiplier_ppm"], &idle["multiplier_ppm"]),
            (&0.into(), &Value::Null)
        );
        assert!(bounding["law"].is_object() && idle["law"].is_null());
        let set_aside = prost_types::Timestamp { seconds: 1_796_126_400, nanos: 0 };
        let owner = v1::OwnerExplanation { quarantined_until: Some(set_aside), ..owner(None) };
        let text = laws(&Told { owners: vec![owner], ..Told::default() }).to_text();
        assert!(text.contains("set aside until 2026-12-01T12:00:00Z"), "{text}");
    }
}
