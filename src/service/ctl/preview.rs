//! `ctl preview`: what another command would do to spend, for the next hour, day and flight.

use super::{Caller, CtlError, hands, json, pretty, text};
use crate::args::ctl::PreviewCommand;
use crate::wire::admin::{preview_table, warning_lines};
use crate::wire::catalogue::{complaint_text, file_message};
use paceline_proto::v1;
use paceline_proto::v1::override_action::Action;
use paceline_proto::v1::preview_change_request::Change;
use serde_json::{Value, json as object};
use std::fmt::Write;

pub(super) async fn preview(
    caller: &mut Caller,
    command: PreviewCommand,
) -> Result<String, CtlError> {
    let change = change(caller, command).await?;
    let asked = caller.client.preview_change(v1::PreviewChangeRequest { change: Some(change) });
    let asked = asked.await;
    let told = caller.answer(asked)?;
    if !told.complaints.is_empty() {
        return Err(CtlError::Refused(complaint_text(&told.complaints)));
    }
    Ok(if caller.is_json { pretty(&as_json(&told)) } else { as_text(&told) })
}

async fn change(caller: &mut Caller, command: PreviewCommand) -> Result<Change, CtlError> {
    let (args, action) = match command {
        PreviewCommand::Apply(args) => {
            let file = paceline_catalogue::read(&args.file)?;
            return Ok(Change::Catalogue(file_message(&file)));
        }
        PreviewCommand::Clear(args) => {
            return Ok(Change::ClearOverride(v1::ClearOverrideRequest {
                override_id: args.id,
                reason: args.reason,
                request_id: hands::request_id(),
            }));
        }
        PreviewCommand::Pause(args) => (args, Action::Pause(v1::OverridePause {})),
        PreviewCommand::Freeze(args) => (args, Action::Freeze(v1::OverrideFreeze {})),
        PreviewCommand::Fix(args) => {
            let action = hands::fixed(&args);
            (args.hand, action)
        }
        PreviewCommand::Cap(args) => {
            let action = hands::capped(&args);
            (args.hand, action)
        }
    };
    hands::request(caller, args, action).await.map(Change::SetOverride)
}

fn as_text(told: &v1::PreviewChangeResponse) -> String {
    let mut out = String::new();
    if told.campaigns.is_empty() {
        out += "it touches no campaign\n";
    }
    for (at, one) in told.campaigns.iter().enumerate() {
        if at > 0 {
            out.push('\n');
        }
        out += &preview_table(one).to_text();
    }
    if told.others > 0 {
        writeln!(out, "\nand {} campaigns more", told.others).expect("text grows as it needs");
    }
    let warnings = warning_lines(&told.warnings, told.unexamined);
    if !warnings.is_empty() {
        out += &format!("\n{warnings}");
    }
    out
}

fn as_json(told: &v1::PreviewChangeResponse) -> Value {
    let campaign = |one: &v1::CampaignPreview| {
        object!({
            "campaign_id": one.campaign_id,
            "currency": one.currency,
            "before": one.before.as_ref().map(bearing),
            "after": one.after.as_ref().map(bearing),
            "is_beyond": one.is_beyond,
        })
    };
    object!({
        "campaigns": told.campaigns.iter().map(campaign).collect::<Value>(),
        "others": told.others,
        "warnings": told.warnings.iter().map(json::warning).collect::<Value>(),
        "unexamined": told.unexamined,
    })
}

fn bearing(side: &v1::Bearing) -> Value {
    let tight = |told: &v1::TightBudget| {
        object!({
            "owner": json::owner(told.owner.as_ref()),
            "horizon": text::horizon(told.horizon),
        })
    };
    object!({
        "state": text::state(side.state),
        "reasons": json::reasons(side.reason.as_slice()),
        "multiplier_ppm": side.multiplier_ppm,
        "participation_ppm": side.participation_ppm,
        "tight": side.tight.iter().map(tight).collect::<Value>(),
        "ahead": side.ahead.iter().map(json::forecast).collect::<Value>(),
    })
}
