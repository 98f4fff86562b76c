//! Which partition holds what a request names, and what an operator's decision is as an input.
//!
//! Knows the core and no message but by the wire's words for it.

use super::loop_status;
use crate::control_loop::{LoopError, LoopHandle};
use crate::partition::Partitions;
use crate::wire::{self, Refusal};
use paceline_core::budget::BudgetOwner;
use paceline_core::campaign::CampaignStatus;
pub(super) use paceline_core::campaign::SpecError;
use paceline_core::engine::Applied;
pub(super) use paceline_core::engine::Engine;
pub(super) use paceline_core::input::{CatalogueChange, Input};
use paceline_core::overrides::{Override, OverrideAction, OverrideChange};
pub(super) use paceline_core::units::Timestamp;
use paceline_core::units::{CampaignId, OverrideId, PartitionId};
use std::collections::BTreeSet;
use tonic::Status;

/// A known campaign's loop and key.
pub(super) fn campaign<'a>(
    partitions: &'a Partitions,
    name: &str,
) -> Result<(&'a LoopHandle, CampaignId), Status> {
    let id = wire::key("campaign_id", name, CampaignId::of)?;
    let handle = partitions.of_campaign(id).and_then(|partition| partitions.get(partition));
    handle.map(|handle| (handle, id)).ok_or_else(|| unknown_campaign(name))
}

/// The loop of the partition that an exchange is learnt in.
pub(super) fn market<'a>(
    partitions: &'a Partitions,
    exchange: &str,
) -> Result<&'a LoopHandle, Status> {
    let place = partitions.get(PartitionId::of(exchange, partitions.count()));
    place.ok_or_else(|| Status::internal("every exchange falls to a partition"))
}

/// What to say of a campaign that nobody knows.
pub(super) fn unknown_campaign(name: &str) -> Status {
    let rule = "must name a campaign that is known here";
    wire::status::unknown(&Refusal::new("campaign_id", name, rule))
}

/// Those of the campaigns that this engine knows to deliver no more.
pub(super) fn over(engine: &Engine, mut names: BTreeSet<String>) -> BTreeSet<String> {
    names.retain(|name| {
        engine.campaign(CampaignId::of(name)).is_some_and(|spec| {
            spec.status != CampaignStatus::Active || spec.delivers_until(engine.now()).is_none()
        })
    });
    names
}

/// The loop of the partition of which `holds` is true. Partitions led elsewhere cannot be asked:
/// when none of ours holds it, one of them might.
pub(super) async fn partition<'a>(
    partitions: &'a Partitions,
    unknown: &Refusal,
    holds: impl Fn(&Engine) -> bool + Clone + Send + 'static,
) -> Result<&'a LoopHandle, Status> {
    let mut elsewhere = None;
    for handle in partitions.all() {
        match handle.ask(holds.clone()).await {
            Ok(true) => return Ok(handle),
            Ok(false) => {}
            Err(error @ LoopError::NotLeader { .. }) => elsewhere = Some(error),
            Err(error) => return Err(loop_status(&error)),
        }
    }
    Err(elsewhere.map_or_else(|| wire::status::unknown(unknown), |error| loop_status(&error)))
}

/// The loop of an owner's partition; `unknown` is what to say when there is none.
pub(super) async fn owner<'a>(
    partitions: &'a Partitions,
    owner: BudgetOwner,
    unknown: &Refusal,
) -> Result<&'a LoopHandle, Status> {
    partition(partitions, unknown, move |engine| match owner {
        BudgetOwner::Campaign(id) => engine.campaign(id).is_some(),
        BudgetOwner::Group(id) => engine.group(id).is_some(),
        BudgetOwner::Advertiser(id) => engine.advertiser(id).is_some(),
    })
    .await
}

/// The loop of the partition where a hand is on, and its id.
pub(super) async fn hand_on<'a>(
    partitions: &'a Partitions,
    listed: &str,
) -> Result<(&'a LoopHandle, OverrideId), Status> {
    let id = wire::admin::override_id(listed)?;
    let has = move |engine: &Engine| engine.overrides().iter().any(|hand| hand.id == id);
    let rule = "must name a hand that is on: it has ended, or was taken off already";
    let unknown = Refusal::new("override_id", listed, rule);
    Ok((partition(partitions, &unknown, has).await?, id))
}

/// What only the engine can know of a hand: its campaign's maximum, and whether its request's id
/// was used for another.
pub(super) fn check_hand(engine: &Engine, hand: &Override) -> Result<(), Refusal> {
    let used = engine.overrides().iter().find(|other| other.id == hand.id);
    let word = hand.action.as_str();
    if used.is_some_and(|other| (other.target, other.action.as_str()) != (hand.target, word)) {
        let rule = "must not be used again for another override";
        return Err(Refusal::new("request_id", hand.id, rule));
    }
    let BudgetOwner::Campaign(id) = hand.target else { return Ok(()) };
    let (OverrideAction::Fix { multiplier, .. } | OverrideAction::Cap { multiplier }) = hand.action
    else {
        return Ok(());
    };
    match engine.campaign(id).map(|spec| spec.multiplier_max) {
        Some(most) if multiplier > most => {
            let field = format!("action.{word}.multiplier_ppm");
            let rule = format!("must be at most {}, the campaign's maximum", most.ppm().get());
            Err(Refusal::new(field, multiplier.ppm().get(), rule))
        }
        _ => Ok(()),
    }
}

/// Whether this very hand is on already: its request came twice.
pub(super) fn is_on(engine: &Engine, hand: &Override) -> bool {
    let set_at = hand.set_at;
    let is_it = |held: &Override| Override { set_at, ..held.clone() } == *hand;
    engine.overrides().iter().filter(|held| held.id == hand.id).any(is_it)
}

/// A hand laid on.
pub(super) fn set(hand: Override) -> Input {
    Input::Override(OverrideChange::Set(hand))
}

/// A hand taken off.
pub(super) fn clear(id: OverrideId, author: String) -> Input {
    Input::Override(OverrideChange::Clear { id, author })
}

/// A decision on money set aside, and how to know its partition.
pub(super) fn resolution(
    request: &wire::admin::Resolution,
    author: String,
) -> Result<(Input, impl Fn(&Engine) -> bool + Clone + Send + 'static), Refusal> {
    let (event, input) = wire::admin::resolution(request, author)?;
    let holds = move |engine: &Engine| {
        engine.ledger().suspense().events().any(|held| held.event.event_id == event)
    };
    Ok((input, holds))
}

/// What the engine refused, if anything.
pub(super) fn refusals(answers: Vec<Applied>) -> Option<Vec<Refusal>> {
    let refused = answers.into_iter().find_map(|answer| match answer {
        Applied::Refused(errors) => Some(errors),
        _ => None,
    })?;
    Some(refused_by(refused))
}

/// What the engine said of it.
pub(super) fn refused_by(errors: Vec<SpecError>) -> Vec<Refusal> {
    errors.into_iter().map(|error| Refusal::new(error.field, "", error.rule)).collect()
}
