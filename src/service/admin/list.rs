//! Lists over all partitions, a page at a time; and how each partition fares.
//!
//! A page's token is the last thing told: what comes after it in order is the next page, whatever
//! was made or cleared meanwhile.

use super::find::{self, Engine};
use super::loop_status;
use crate::control_loop::{LoopError, LoopHandle};
use crate::partition::Partitions;
use crate::wire::{self, Refusal, admin as message};
use paceline_proto::v1;
use tonic::Status;

const PAGE_DEFAULT: usize = 100;
const PAGE_MAX: u32 = 1_000;

pub(super) fn page_size(size: u32) -> Result<usize, Refusal> {
    match size {
        0 => Ok(PAGE_DEFAULT),
        1..=PAGE_MAX => Ok(usize::try_from(size).unwrap_or(PAGE_DEFAULT)),
        _ => Err(Refusal::new("page_size", size, "must be at most 1000")),
    }
}

/// Asks every partition and puts the answers together. With `is_led_only`, those that another
/// instance leads are passed over.
pub(super) async fn gather<T: Send + 'static>(
    partitions: &Partitions,
    is_led_only: bool,
    question: impl Fn(&Engine) -> Vec<T> + Clone + Send + 'static,
) -> Result<Vec<T>, Status> {
    let mut told = Vec::new();
    for handle in partitions.all() {
        let question = question.clone();
        match handle.ask(move |engine| question(engine)).await {
            Ok(answer) => told.extend(answer),
            Err(LoopError::NotLeader { .. }) if is_led_only => {}
            Err(error) => return Err(loop_status(&error)),
        }
    }
    Ok(told)
}

/// The first `size` items by key, and the token of the next page: empty when there is none.
fn page<T>(mut items: Vec<T>, size: usize, key: impl Fn(&T) -> String) -> (Vec<T>, String) {
    items.sort_by_cached_key(&key);
    let has_more = items.len() > size;
    items.truncate(size);
    let token = items.last().filter(|_| has_more).map(&key).unwrap_or_default();
    (items, token)
}

/// The first names after `token` of the campaigns that fit, one more than a page.
fn names(
    engine: &Engine,
    token: &str,
    size: usize,
    fits: impl Fn(&v1::CampaignSummary) -> bool,
    is_filtered: bool,
) -> Vec<v1::CampaignSummary> {
    let mut specs: Vec<_> = engine.campaigns().filter(|spec| spec.name.as_str() > token).collect();
    specs.sort_by(|a, b| a.name.cmp(&b.name));
    if !is_filtered {
        specs.truncate(size + 1);
    }
    let told = specs.into_iter().map(|spec| message::summary_message(engine, spec));
    told.filter(|line| fits(line)).take(size + 1).collect()
}

pub(super) async fn campaigns(
    partitions: &Partitions,
    request: v1::ListCampaignsRequest,
) -> Result<v1::ListCampaignsResponse, Status> {
    let (size, is_led_only) = (page_size(request.page_size)?, request.is_led_only);
    let question = move |engine: &Engine| {
        let fits = |line: &v1::CampaignSummary| {
            request.advertiser_id.as_ref().is_none_or(|id| *id == line.advertiser_id)
                && (request.group_id.is_none() || request.group_id == line.group_id)
                && (request.state == 0 || request.state == line.state)
        };
        let is_filtered =
            request.advertiser_id.is_some() || request.group_id.is_some() || request.state != 0;
        names(engine, &request.page_token, size, fits, is_filtered)
    };
    let lines = gather(partitions, is_led_only, question).await?;
    let (campaigns, next_page_token) = page(lines, size, |line| line.campaign_id.clone());
    Ok(v1::ListCampaignsResponse { campaigns, next_page_token })
}

pub(super) async fn totals(
    partitions: &Partitions,
    request: v1::GetTotalsRequest,
) -> Result<v1::GetTotalsResponse, Status> {
    let (size, is_led_only) = (page_size(request.page_size)?, request.is_led_only);
    if request.campaign_ids.len() > 1_000 {
        let count = request.campaign_ids.len();
        return Err(Refusal::new("campaign_ids", count, "must have at most 1000 items").into());
    }
    let is_all = request.campaign_ids.is_empty();
    let size = if is_all { size } else { request.campaign_ids.len() };
    let question = move |engine: &Engine| {
        let mut specs: Vec<_> = engine
            .campaigns()
            .filter(|spec| spec.name.as_str() > request.page_token.as_str())
            .filter(|spec| is_all || request.campaign_ids.iter().any(|id| id == spec.name.as_str()))
            .collect();
        specs.sort_by(|a, b| a.name.cmp(&b.name));
        let suspended = message::Suspended::of(engine);
        let told = specs.into_iter().take(size + 1);
        told.map(|spec| message::totals_message(engine, spec, &suspended)).collect()
    };
    let totals = gather(partitions, is_led_only, question).await?;
    let (totals, next_page_token) = page(totals, size, |totals| totals.campaign_id.clone());
    let mut verdict_counts: Vec<v1::VerdictCount> = Vec::new();
    for count in gather(partitions, is_led_only, message::verdict_counts).await? {
        match verdict_counts.iter_mut().find(|known| known.verdict == count.verdict) {
            Some(known) => known.count += count.count,
            None => verdict_counts.push(count),
        }
    }
    verdict_counts.sort_by_key(|count| count.verdict);
    Ok(v1::GetTotalsResponse { totals, verdict_counts, next_page_token })
}

/// Sortable text of an instant: by time, then by what tells two apart.
fn stamp(at: Option<&prost_types::Timestamp>, id: &str) -> String {
    let (seconds, nanos) = at.map_or((0, 0), |at| (at.seconds, at.nanos));
    format!("{seconds:020}.{nanos:09}/{id}")
}

pub(super) async fn overrides(
    partitions: &Partitions,
    request: v1::ListOverridesRequest,
) -> Result<v1::ListOverridesResponse, Status> {
    let size = page_size(request.page_size)?;
    let target = match &request.target {
        Some(target) => Some(message::owner("target", Some(target))?),
        None => None,
    };
    let question = move |engine: &Engine| {
        let hands = engine.overrides().iter().filter(|hand| hand.expires_at > engine.now());
        let hands = hands.filter(|hand| target.is_none_or(|target| target == hand.target));
        hands.map(|hand| message::hand_message(engine, hand)).collect()
    };
    let key = |hand: &v1::Override| stamp(hand.expires_at.as_ref(), &hand.override_id);
    let mut hands = gather(partitions, request.is_led_only, question).await?;
    hands.retain(|hand| key(hand) > request.page_token);
    let (overrides, next_page_token) = page(hands, size, key);
    Ok(v1::ListOverridesResponse { overrides, next_page_token })
}

pub(super) async fn suspense(
    partitions: &Partitions,
    request: v1::ListSuspenseRequest,
) -> Result<v1::ListSuspenseResponse, Status> {
    let size = page_size(request.page_size)?;
    let campaign = match &request.campaign_id {
        Some(name) => Some(message::campaign_key("campaign_id", name)?),
        None => None,
    };
    let key = |item: &v1::SuspenseItem| {
        stamp(item.received_at.as_ref(), &format!("{:016x}", item.event_key))
    };
    let (token, is_led_only) = (request.page_token, request.is_led_only);
    let question = move |engine: &Engine| {
        let events = engine.ledger().suspense().events();
        let events = events.filter(|held| campaign.is_none_or(|id| id == held.event.campaign));
        let items = events.map(|held| message::suspense_item(engine, held));
        let items = items.filter(|item| key(item) > token).collect();
        // One more than a page says that there is another.
        page(items, size + 1, key).0
    };
    let items = gather(partitions, is_led_only, question).await?;
    let (items, next_page_token) = page(items, size, key);
    Ok(v1::ListSuspenseResponse { items, next_page_token })
}

/// How a partition fares; what only its leader knows is left out where another leads.
pub(super) async fn status(
    handle: &LoopHandle,
    now: find::Timestamp,
) -> Result<v1::PartitionStatus, Status> {
    let mut told = match handle.ask(message::status_message).await {
        Ok(told) => told,
        Err(LoopError::NotLeader { leader }) => v1::PartitionStatus {
            role: v1::PartitionRole::Following as i32,
            leader_address: leader.unwrap_or_default(),
            ..v1::PartitionStatus::default()
        },
        Err(error) => return Err(loop_status(&error)),
    };
    told.partition = handle.partition().0.into();
    let saved = i64::try_from(handle.facts().checkpoint_micros()).unwrap_or_default();
    if saved > 0 {
        let age = now - find::Timestamp::from_micros(saved);
        told.checkpoint_age = Some(wire::span_message(age));
    }
    Ok(told)
}
