//! A hand laid on a campaign: the form, what it would do, and then the button.
//!
//! Asks through the admin service as every other caller does. Called by `console`.

use super::form::reason;
use super::words::told_moment;
use super::{
    Console, Taken, as_caller, effect, frame, named, notice, only_shown, refused, respond,
    see_other,
};
use crate::auth::{Caller, Deed};
use crate::wire;
use axum::extract::{Path, Request, State};
use axum::http::StatusCode;
use axum::response::Response;
use paceline_proto::v1;
use paceline_proto::v1::admin_service_server::AdminService as _;
use paceline_proto::v1::preview_change_request::Change;
use paceline_view::{Block, Cell, Field, Input, NavLink, Section, State as Judged};

/// How long a hand may be laid on from a page.
const LASTS: [(&str, i64); 4] = [("1 hour", 1), ("4 hours", 4), ("1 day", 24), ("1 week", 168)];

/// Ways on from a campaign's page, which loads itself again and so has no form of its own.
pub(super) fn ways(name: &str) -> Section {
    let changes = format!("/audit?kind=campaign&object={}", super::words::escaped(name));
    let links = vec![
        NavLink::new("Lay a hand on", super::words::campaign_href(name) + "/hand"),
        NavLink::new("Edit a budget", super::words::campaign_href(name) + "/budget"),
        NavLink::new("What it spends from", super::budgets::href_of(name)),
        NavLink::new("What was so before", super::words::campaign_href(name) + "/past"),
        NavLink::new("Who changed what", changes),
    ];
    Section::new("").with(Block::Links(links))
}

/// The form that lays a hand on a campaign.
pub(super) async fn new(
    State(console): State<Console>,
    Path(name): Path<String>,
    request: Request,
) -> Response {
    let caller = request.extensions().get::<Caller>();
    let words = |all: &[(&str, &str)]| {
        let pair = |(value, text): &(&str, &str)| ((*value).to_owned(), (*text).to_owned());
        Input::Choice(all.iter().map(pair).collect())
    };
    let does = [
        ("pause", "No bids"),
        ("freeze", "Keep what is published"),
        ("fix", "Publish exactly"),
        ("cap", "Publish at most"),
    ];
    let hours = LASTS.map(|(text, hours)| (hours.to_string(), text.to_owned()));
    let share = Input::Number { min: 1.0, max: 400.0, step: 1.0 };
    let fields = vec![
        Field::new("does", "Do", words(&does)),
        Field::new("share", "Per cent, to publish exactly or at most", share).optional(),
        Field::new("hours", "For", Input::Choice(hours.to_vec())),
        reason(),
    ];
    let now = console.partitions.clock().world();
    let action = super::words::campaign_href(&name) + "/hand";
    let form = console.marks.form(caller, &action, now, fields, "Show what it does");
    let form = only_shown(caller, Deed::Steer).unwrap_or(Block::Form(form));
    let section = Section::new("").with(form);
    respond(StatusCode::OK, &frame(&format!("A hand on {name}"), "").with_section(section))
}

/// What was filled in, as a hand; or what is wrong with it.
fn asked(
    filled: &super::form::Filled,
    name: &str,
    now: wire::Timestamp,
) -> Result<v1::SetOverrideRequest, &'static str> {
    use v1::override_action::Action;
    let share = filled.get("share").parse::<u32>().ok().filter(|share| (1..=400).contains(share));
    let multiplier_ppm =
        share.map(|share| share * 10_000).ok_or("needs a whole per cent, 1 to 400");
    let action = match filled.get("does") {
        "pause" => Action::Pause(v1::OverridePause {}),
        "freeze" => Action::Freeze(v1::OverrideFreeze {}),
        "fix" => Action::Fix(v1::OverrideFix {
            multiplier_ppm: multiplier_ppm?,
            participation_ppm: None,
        }),
        "cap" => Action::Cap(v1::OverrideCap { multiplier_ppm: multiplier_ppm? }),
        _ => return Err("must pause, freeze, fix or cap"),
    };
    let hours = LASTS.iter().find(|(_, hours)| hours.to_string() == filled.get("hours"));
    let (_, hours) = hours.ok_or("needs one of the times that are offered")?;
    let owner = v1::budget_owner::Owner::CampaignId(name.to_owned());
    Ok(v1::SetOverrideRequest {
        target: Some(v1::BudgetOwner { owner: Some(owner) }),
        action: Some(v1::OverrideAction { action: Some(action) }),
        reason: filled.get("reason").to_owned(),
        expires_at: Some(wire::instant_message(now + wire::Span::HOUR.times(*hours))),
        request_id: filled.get("request").to_owned(),
    })
}

/// Shows what a hand would do, and lays it on once that was seen.
pub(super) async fn lay_on(
    State(console): State<Console>,
    Path(name): Path<String>,
    Taken { filled, caller }: Taken,
) -> Response {
    let hand = match asked(&filled, &name, console.partitions.clock().now()) {
        Ok(hand) => hand,
        Err(why) => {
            let page = notice("Not done", Judged::Bad, format!("The form {why}."));
            return respond(StatusCode::BAD_REQUEST, &page);
        }
    };
    if filled.get("is_seen") == "yes" {
        return match console.admin.set_override(as_caller(caller, hand)).await {
            Err(status) => refused(&status),
            Ok(_) => see_other("/overrides"),
        };
    }
    let world = console.partitions.clock().world();
    // No request that was carried out has it, so that it is always only a look.
    let request_id = format!("look-{}", world.as_micros());
    let change = Change::SetOverride(v1::SetOverrideRequest { request_id, ..hand.clone() });
    let trial = v1::PreviewChangeRequest { change: Some(change) };
    let told = match console.admin.preview_change(as_caller(caller.clone(), trial)).await {
        Ok(told) => told.into_inner(),
        Err(status) => return refused(&status),
    };
    let now = told.campaigns.first().and_then(|told| told.before.as_ref());
    let now = now.map_or(0, |before| before.multiplier_ppm);
    let facts = vec![
        ("Campaign".to_owned(), Cell::text(name.as_str())),
        ("Does".to_owned(), Cell::text(named::effect(hand.action.as_ref(), now))),
        ("Until".to_owned(), Cell::text(told_moment(hand.expires_at.as_ref()))),
        ("Why".to_owned(), Cell::text(hand.reason.as_str())),
    ];
    let section = effect::told(Section::new("").with(Block::Facts(facts)), &told);
    let mut fields: Vec<Field> = ["does", "share", "hours", "reason"]
        .map(|field| Field::hidden(field, filled.get(field)))
        .to_vec();
    fields.push(Field::hidden("is_seen", "yes"));
    fields.push(Field::hidden("request", format!("console-{}", world.as_micros())));
    let action = super::words::campaign_href(&name) + "/hand";
    let submit = format!("Do it: {}", named::action(hand.action.as_ref()));
    let form = console.marks.form(caller.as_ref(), &action, world, fields, &submit);
    let page = frame("Before it is done", "").with_section(section);
    respond(StatusCode::OK, &page.with_section(Section::new("").with(Block::Form(form))))
}
