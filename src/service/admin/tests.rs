//! Operators' requests against a real loop on the store in memory.

mod changes;
mod past;

use super::*;
use crate::clock::{Clock, Replay};
use crate::control_loop::{self, LoopParts, LoopSettings};
use crate::directory::Directory;
use crate::publish::Publisher;
use crate::store::{EmbeddedStore, Store};
use crate::wire::catalogue::file_message;
use paceline_core::engine::EngineConfig;
use paceline_core::units::{PartitionId, Span, Timestamp};
use std::collections::BTreeSet;
use std::time::Duration;
use tonic::Code;

/// 1 December 2026, 12:00 UTC.
const NOON: i64 = 1_796_126_400_000_000;

struct Bench {
    admin: Admin,
    replay: Replay,
    clock: Clock,
}

impl Bench {
    /// Two partitions that lead.
    async fn new() -> Self {
        let (clock, replay) = Clock::replayed(Timestamp::from_micros(NOON));
        let store = Store::from(EmbeddedStore::in_memory(2).unwrap());
        let directory = Directory::default();
        let mut loops = Vec::new();
        for partition in (0..2).map(PartitionId) {
            let publisher = Publisher::new(partition);
            let (handle, _) = control_loop::start(LoopParts {
                partition,
                store: store.clone(),
                clock: clock.clone(),
                engine: EngineConfig { partition, ..EngineConfig::default() },
                settings: LoopSettings { holder: "test".to_owned(), ..LoopSettings::default() },
                publisher: publisher.clone(),
                directory: directory.clone(),
            })
            .unwrap();
            loops.push((handle, publisher));
        }
        let partitions = Partitions::new(loops, directory, store, clock.clone());
        let bench = Self { admin: Admin::new(partitions, "test"), replay, clock };
        bench
            .until(|bench| bench.admin.partitions.all().all(|handle| handle.facts().leads()))
            .await;
        bench
    }

    /// Polls, with a deadline.
    async fn until(&self, holds: impl Fn(&Self) -> bool) {
        for _ in 0..2_000 {
            if holds(self) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        panic!("did not come about within ten seconds");
    }

    /// The example's campaigns.
    async fn with_example() -> Self {
        let bench = Self::new().await;
        let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("config/campaigns.toml");
        let request = file_message(&paceline_catalogue::read(&path).unwrap());
        let told = bench.apply(request.clone()).await;
        assert_eq!((&told.complaints, told.changed), (&vec![], 5));
        let paths: Vec<&str> = told.entered.iter().map(|item| item.path.as_str()).collect();
        let all = ["shapes[0]", "advertisers[0]", "groups[0]", "campaigns[0]", "campaigns[1]"];
        assert_eq!(paths.into_iter().collect::<BTreeSet<_>>(), BTreeSet::from(all));
        assert!(told.entered.iter().all(|item| item.is_new) && told.failures.is_empty());
        let again = bench.apply(request).await;
        assert_eq!((again.complaints, again.changed), (vec![], 0));
        bench
    }

    async fn apply(&self, request: v1::ApplyCatalogueRequest) -> v1::ApplyCatalogueResponse {
        self.admin.apply_catalogue(Request::new(request)).await.unwrap().into_inner()
    }

    /// The explanation after another tick.
    async fn explain(&self, campaign: &str) -> v1::ExplainCampaignResponse {
        self.replay.advance_to(self.clock.now() + Span::from_secs(10));
        for _ in 0..2_000 {
            let request = v1::ExplainCampaignRequest { campaign_id: campaign.to_owned(), arm: 0 };
            match self.admin.explain_campaign(Request::new(request)).await {
                Ok(told)
                    if told.get_ref().as_of == Some(wire::instant_message(self.clock.now())) =>
                {
                    return told.into_inner();
                }
                Ok(_) => {}
                Err(status) => assert_eq!(status.code(), Code::NotFound, "{status}"),
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        panic!("no tick within ten seconds");
    }

    fn pause(&self, campaign: &str) -> v1::SetOverrideRequest {
        use v1::budget_owner::Owner;
        use v1::override_action::Action;
        let owner = Owner::CampaignId(campaign.to_owned());
        let action = Action::Pause(v1::OverridePause {});
        v1::SetOverrideRequest {
            target: Some(v1::BudgetOwner { owner: Some(owner) }),
            action: Some(v1::OverrideAction { action: Some(action) }),
            reason: "a test".to_owned(),
            expires_at: Some(wire::instant_message(self.clock.now() + Span::HOUR)),
            request_id: "r".to_owned(),
        }
    }
}

#[tokio::test]
async fn whoever_enters_or_checks_a_catalogue_is_warned_of_what_cannot_come_true() {
    let bench = Bench::with_example().await;
    let now = bench.clock.now();
    let campaign = v1::Campaign {
        campaign_id: "hasty".to_owned(),
        advertiser_id: "north".to_owned(),
        billing: v1::BillingEvent::Action as i32,
        budgets: Some(v1::Budgets {
            flights: vec![v1::Flight {
                start: Some(wire::instant_message(now)),
                end: Some(wire::instant_message(now + Span::HOUR)),
                budget_micros: Some(5_000_000),
            }],
            ..v1::Budgets::default()
        }),
        ..v1::Campaign::default()
    };
    let request = v1::ApplyCatalogueRequest {
        campaigns: vec![campaign],
        is_check_only: true,
        ..v1::ApplyCatalogueRequest::default()
    };
    let checked = bench.apply(request.clone()).await;
    let codes: Vec<&str> = checked.warnings.iter().map(|one| &*one.code).collect();
    assert_eq!((codes, checked.unexamined), (vec!["shorter_than_delay"], 0), "{checked:?}");
    let warning = &checked.warnings[0];
    assert!(warning.figures.iter().any(|one| one.name == "delay" && one.text.ends_with("min")));
    let entered = bench.apply(v1::ApplyCatalogueRequest { is_check_only: false, ..request }).await;
    assert_eq!((entered.warnings, entered.changed), (checked.warnings, 1), "it is entered");
}

#[tokio::test]
async fn a_catalogue_is_entered_listed_and_explained() {
    let bench = Bench::with_example().await;
    let told = bench.explain("north-brand-holiday").await;
    assert_eq!(told.state, v1::EntryState::Run as i32);
    assert_eq!(told.owners.len(), 3);
    assert_eq!(told.currency, "USD");
    let flight = told.forecasts.iter().find(|one| one.budget_nanos == Some(16_000_000_000_000));
    assert!(flight.is_some_and(|one| one.middle_nanos > 0 && one.short_ppm.is_some()), "{told:?}");
    let request = v1::ListCampaignsRequest { page_size: 1, ..v1::ListCampaignsRequest::default() };
    let first =
        bench.admin.list_campaigns(Request::new(request.clone())).await.unwrap().into_inner();
    assert_eq!(first.campaigns[0].campaign_id, "north-brand-holiday");
    assert_eq!(first.campaigns[0].budget_nanos, 16_000_000_000_000);
    let request = v1::ListCampaignsRequest { page_token: first.next_page_token, ..request };
    let second = bench.admin.list_campaigns(Request::new(request)).await.unwrap().into_inner();
    assert_eq!(second.campaigns[0].campaign_id, "north-search");
    assert_eq!(second.next_page_token, "");
    let totals = bench.admin.get_totals(Request::new(v1::GetTotalsRequest::default())).await;
    let totals = totals.unwrap().into_inner().totals;
    let books: Vec<_> = totals.iter().map(|t| t.books.unwrap()).collect();
    assert_eq!(books[0].granted_nanos, 24_000_000_000_000);
    assert_eq!(books[0].available_nanos, 24_000_000_000_000);
    let status = bench.admin.get_status(Request::new(v1::GetStatusRequest {})).await.unwrap();
    assert_eq!(status.get_ref().partitions.iter().map(|p| p.entries).sum::<u64>(), 2);
}

#[tokio::test]
async fn a_catalogue_with_a_fault_changes_nothing_and_names_the_field() {
    let bench = Bench::with_example().await;
    let campaign = |group: &str| v1::Campaign {
        campaign_id: "new".to_owned(),
        advertiser_id: "north".to_owned(),
        group_id: Some(group.to_owned()),
        budgets: Some(v1::Budgets {
            flights: vec![v1::Flight {
                start: Some(wire::instant_message(bench.clock.now())),
                end: Some(wire::instant_message(bench.clock.now() + Span::DAY)),
                budget_micros: Some(5),
            }],
            ..v1::Budgets::default()
        }),
        ..v1::Campaign::default()
    };
    let request = |group| v1::ApplyCatalogueRequest {
        campaigns: vec![campaign(group)],
        ..v1::ApplyCatalogueRequest::default()
    };
    let told = bench.apply(request("nobody")).await;
    assert_eq!(told.changed, 0);
    assert_eq!(told.complaints[0].path, "campaigns[0].group_id");
    assert_eq!(told.complaints[0].rule, "no such group");
    let only = v1::ApplyCatalogueRequest { is_check_only: true, ..request("north-brand") };
    assert_eq!(bench.apply(only).await.changed, 1);
    assert_eq!(bench.apply(request("north-brand")).await.changed, 1, "the check changed nothing");
}

#[tokio::test]
async fn a_pause_holds_from_the_next_tick_and_a_retry_is_harmless() {
    let bench = Bench::with_example().await;
    let request = bench.pause("north-search");
    for _ in 0..2 {
        let told = bench.admin.set_override(Request::new(request.clone())).await.unwrap();
        assert_eq!(told.into_inner().applied.unwrap().reason, "a test");
    }
    let told = bench.explain("north-search").await;
    assert_eq!(told.state, v1::EntryState::Paused as i32);
    assert_eq!(told.overrides.len(), 1);
    let other =
        v1::SetOverrideRequest { request_id: "r".to_owned(), ..bench.pause("north-brand-holiday") };
    let status = bench.admin.set_override(Request::new(other)).await.unwrap_err();
    assert_eq!(status.code(), Code::InvalidArgument);
    assert!(status.message().starts_with("request_id is "), "{status}");
    let clear = v1::ClearOverrideRequest {
        override_id: told.overrides[0].override_id.clone(),
        request_id: "s".to_owned(),
        ..Default::default()
    };
    bench.admin.clear_override(Request::new(clear.clone())).await.unwrap();
    assert_eq!(bench.explain("north-search").await.state, v1::EntryState::Run as i32);
    let status = bench.admin.clear_override(Request::new(clear)).await.unwrap_err();
    assert_eq!(status.code(), Code::NotFound);
}

#[tokio::test]
async fn a_hand_without_reason_or_target_is_refused() {
    let bench = Bench::with_example().await;
    let request = v1::SetOverrideRequest { reason: String::new(), ..bench.pause("north-search") };
    let status = bench.admin.set_override(Request::new(request)).await.unwrap_err();
    assert_eq!(status.message(), "reason is absent and is required");
    let status = bench.admin.set_override(Request::new(bench.pause("nobody"))).await.unwrap_err();
    let told = "target.campaign_id is nobody and must name one that is known here";
    assert_eq!((status.code(), status.message()), (Code::NotFound, told));
}

#[tokio::test]
async fn the_calendar_is_kept_ahead_without_gaps() {
    let bench = Bench::with_example().await;
    // Longer than an outlook: what was known has run out.
    bench.replay.advance_to(bench.clock.now() + Span::DAY.times(30));
    let partitions = bench.admin.partitions.clone();
    for handle in partitions.all() {
        calendar::tell_days(handle, bench.clock.now()).await.unwrap();
    }
    let handle = partitions.of_advertiser("north");
    let zone = paceline_core::units::ZoneId::of("America/New_York");
    let known = handle.ask(move |engine| engine.days_known_until(zone)).await.unwrap().unwrap();
    assert!(known > bench.clock.now() + Span::DAY.times(8));
}
