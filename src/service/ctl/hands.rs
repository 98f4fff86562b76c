//! `ctl pause`, `freeze`, `fix`, `cap`, `clear`, `overrides`: hands on the wheel.

use super::{Caller, CtlError, PAGE_SIZE, json, pretty, text};
use crate::args::ctl::{
    CapArgs, ClearArgs, FixArgs, HandArgs, OverridesArgs, TargetArgs, TermArgs,
};
use crate::clock::Clock;
use crate::wire;
use paceline_proto::v1;
use paceline_proto::v1::budget_owner::Owner;
use paceline_proto::v1::override_action::Action;
use paceline_view::{Cell, Column, Table};
use serde_json::Value;

pub(super) async fn pause(caller: &mut Caller, args: HandArgs) -> Result<String, CtlError> {
    lay_on(caller, args, Action::Pause(v1::OverridePause {})).await
}

pub(super) async fn freeze(caller: &mut Caller, args: HandArgs) -> Result<String, CtlError> {
    lay_on(caller, args, Action::Freeze(v1::OverrideFreeze {})).await
}

pub(super) async fn fix(caller: &mut Caller, args: FixArgs) -> Result<String, CtlError> {
    let action = fixed(&args);
    lay_on(caller, args.hand, action).await
}

/// What `ctl fix` does.
pub(super) fn fixed(args: &FixArgs) -> Action {
    Action::Fix(v1::OverrideFix {
        multiplier_ppm: args.multiplier.get(),
        participation_ppm: args.participation.map(|rate| rate.get()),
    })
}

pub(super) async fn cap(caller: &mut Caller, args: CapArgs) -> Result<String, CtlError> {
    let action = capped(&args);
    lay_on(caller, args.hand, action).await
}

/// What `ctl cap` does.
pub(super) fn capped(args: &CapArgs) -> Action {
    Action::Cap(v1::OverrideCap { multiplier_ppm: args.multiplier.get() })
}

fn target(args: TargetArgs) -> v1::BudgetOwner {
    let owner = match (args.group, args.advertiser) {
        (true, _) => Owner::GroupId(args.target),
        (_, true) => Owner::AdvertiserId(args.target),
        _ => Owner::CampaignId(args.target),
    };
    v1::BudgetOwner { owner: Some(owner) }
}

/// An id that no other request of this machine has.
pub(super) fn request_id() -> String {
    format!("ctl-{}-{}", std::process::id(), Clock::system().now().as_micros())
}

/// When it ends. A span counts from the service's own time, which in a rehearsal is not ours.
pub(super) async fn expiry(
    caller: &mut Caller,
    term: TermArgs,
) -> Result<prost_types::Timestamp, CtlError> {
    if let Some(until) = term.until {
        return Ok(wire::instant_message(until));
    }
    let asked = caller.client.get_status(v1::GetStatusRequest {}).await;
    let now = caller.answer(asked)?.server_time;
    Ok(wire::later("server_time", now.as_ref(), term.lasts.unwrap_or_default())?)
}

async fn lay_on(caller: &mut Caller, args: HandArgs, action: Action) -> Result<String, CtlError> {
    let request = request(caller, args, action).await?;
    send(caller, request).await
}

/// The request that lays a hand on.
pub(super) async fn request(
    caller: &mut Caller,
    args: HandArgs,
    action: Action,
) -> Result<v1::SetOverrideRequest, CtlError> {
    Ok(v1::SetOverrideRequest {
        expires_at: Some(expiry(caller, args.term).await?),
        target: Some(target(args.target)),
        action: Some(v1::OverrideAction { action: Some(action) }),
        reason: args.reason,
        request_id: args.request_id.unwrap_or_else(request_id),
    })
}

/// Lays a hand on, and tells it.
pub(super) async fn send(
    caller: &mut Caller,
    request: v1::SetOverrideRequest,
) -> Result<String, CtlError> {
    let asked = caller.client.set_override(request).await;
    let applied = caller.answer(asked)?.applied.unwrap_or_default();
    if caller.is_json {
        return Ok(pretty(&json::hand(&applied)));
    }
    Ok(format!(
        "{} on {} until {}; it holds from the next table on\n\
         take it off sooner with: paceline ctl clear {}\n",
        text::action(applied.action.as_ref()),
        text::owner_text(applied.target.as_ref()),
        text::time(applied.expires_at.as_ref()),
        applied.override_id,
    ))
}

pub(super) async fn clear(caller: &mut Caller, args: ClearArgs) -> Result<String, CtlError> {
    let request = v1::ClearOverrideRequest {
        override_id: args.id.clone(),
        request_id: request_id(),
        reason: args.reason,
    };
    let asked = caller.client.clear_override(request).await;
    caller.answer(asked)?;
    if caller.is_json {
        return Ok(pretty(&serde_json::json!({"cleared": args.id})));
    }
    Ok(format!("taken off: {}; the law takes over from the value that was applied\n", args.id))
}

pub(super) async fn list(caller: &mut Caller, args: OverridesArgs) -> Result<String, CtlError> {
    let target = args.campaign.map(Owner::CampaignId);
    let target = target.map(|owner| v1::BudgetOwner { owner: Some(owner) });
    let hands = by_leader(caller, target).await?;
    let hands: Vec<v1::Override> = hands.into_iter().flat_map(|(_, hands)| hands).collect();
    if caller.is_json {
        let all: Value = hands.iter().map(json::hand).collect();
        return Ok(pretty(&serde_json::json!({"overrides": all})));
    }
    Ok(table(&hands).to_text())
}

/// Every hand that is on, or every one on a target itself, beside whoever leads it.
pub(super) async fn by_leader(
    caller: &mut Caller,
    target: Option<v1::BudgetOwner>,
) -> Result<Vec<(Caller, Vec<v1::Override>)>, CtlError> {
    super::by_leader(caller, async |caller, page_token| {
        let request = v1::ListOverridesRequest {
            target: target.clone(),
            page_size: PAGE_SIZE,
            page_token,
            is_led_only: caller.is_led_only,
        };
        let asked = caller.client.list_overrides(request).await;
        let told = caller.answer(asked)?;
        Ok((told.overrides, told.next_page_token))
    })
    .await
}

/// Hands, one a line.
pub(super) fn table(hands: &[v1::Override]) -> Table {
    let names = ["id", "on", "does", "why", "by", "since", "until"];
    let table = Table::new("", names.map(Column::text).to_vec());
    hands.iter().fold(table, |table, hand| {
        table.with_row(vec![
            Cell::text(hand.override_id.as_str()),
            Cell::text(text::owner_text(hand.target.as_ref())),
            Cell::text(text::action(hand.action.as_ref())),
            Cell::text(hand.reason.as_str()),
            Cell::text(hand.author.as_str()),
            Cell::text(text::time(hand.set_at.as_ref())),
            Cell::text(text::time(hand.expires_at.as_ref())),
        ])
    })
}
