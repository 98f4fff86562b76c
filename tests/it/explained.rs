//! What an operator is told of a campaign by RPC: every figure that leads to its numbers, for one
//! that its advertiser's cap binds and for one that a hand holds.

use crate::harness::{Service, Setup, until};
use crate::market::{Bidder, FastClock};
use paceline_core::units::{Span, Timestamp};
use paceline_proto::v1;
use paceline_proto::v1::budget_owner::Owner;
use paceline_proto::v1::spend_service_client::SpendServiceClient;

const CAMPAIGNS: [&str; 2] = ["free", "held"];
/// A day's cap of the advertiser; each campaign alone may spend much more.
const CAP_MICROS: i64 = 6_000_000;
const BUDGET_MICROS: i64 = 100_000_000;
const WIN_NANOS: i64 = 7_000_000;

fn message(at: Timestamp) -> prost_types::Timestamp {
    prost_types::Timestamp { seconds: at.as_micros() / 1_000_000, nanos: 0 }
}

/// A zone in which today is far from over, so that the cap is worth little an hour.
fn zone(now: Timestamp) -> &'static str {
    let hour = now.as_micros() / Span::HOUR.as_micros() % 24;
    if hour < 18 { "UTC" } else { "Asia/Tokyo" }
}

fn owner(owner: Owner) -> v1::BudgetOwner {
    v1::BudgetOwner { owner: Some(owner) }
}

async fn enter(service: &Service, clock: &FastClock) {
    let cap = v1::BudgetCap { horizon: v1::BudgetHorizon::Day.into(), amount_micros: CAP_MICROS };
    let advertiser = v1::Advertiser {
        advertiser_id: "market".to_owned(),
        currency: "EUR".to_owned(),
        time_zone: zone(clock.now()).to_owned(),
        budgets: Some(v1::Budgets { caps: vec![cap], ..v1::Budgets::default() }),
        ..v1::Advertiser::default()
    };
    let flight = v1::Flight {
        start: Some(message(clock.since())),
        end: Some(message(clock.since() + Span::DAY)),
        budget_micros: Some(BUDGET_MICROS),
    };
    let campaign = |name: &str| v1::Campaign {
        campaign_id: name.to_owned(),
        advertiser_id: "market".to_owned(),
        budgets: Some(v1::Budgets { flights: vec![flight], ..v1::Budgets::default() }),
        ..v1::Campaign::default()
    };
    let request = v1::ApplyCatalogueRequest {
        advertisers: vec![advertiser],
        campaigns: CAMPAIGNS.map(campaign).to_vec(),
        ..v1::ApplyCatalogueRequest::default()
    };
    let answer = service.admin().apply_catalogue(request).await.unwrap().into_inner();
    assert!(answer.complaints.is_empty(), "{:?}", answer.complaints);
}

/// Fixes a campaign at a fifth for an hour.
async fn fix(service: &Service, clock: &FastClock, campaign: &str) {
    let fix = v1::OverrideFix { multiplier_ppm: 200_000, participation_ppm: Some(500_000) };
    let action = v1::override_action::Action::Fix(fix);
    let request = v1::SetOverrideRequest {
        target: Some(owner(Owner::CampaignId(campaign.to_owned()))),
        action: Some(v1::OverrideAction { action: Some(action) }),
        reason: "a trial".to_owned(),
        expires_at: Some(message(clock.now() + Span::HOUR)),
        request_id: "fix-1".to_owned(),
    };
    service.admin().set_override(request).await.unwrap();
}

/// Reports a win that nobody has billed yet.
async fn win(service: &Service, clock: &FastClock, campaign: &str) {
    let event = v1::SpendEvent {
        event_id: "win-1".to_owned(),
        campaign_id: campaign.to_owned(),
        kind: v1::SpendKind::Win.into(),
        win_id: Some("w-1".to_owned()),
        price_nanos: WIN_NANOS,
        occurred_at: Some(message(clock.now())),
        expected_results_millionths: 0,
        ..v1::SpendEvent::default()
    };
    let request = v1::ReportSpendRequest {
        producer_id: Some("exchange".to_owned()),
        reported_through: Some(message(clock.now())),
        events: vec![event],
    };
    let told = SpendServiceClient::new(service.channel()).report_spend(request).await;
    assert_eq!(told.unwrap().into_inner().refusals, []);
}

async fn explain(service: &Service, campaign: &str) -> v1::ExplainCampaignResponse {
    let request = v1::ExplainCampaignRequest { campaign_id: campaign.to_owned(), arm: 0 };
    service.admin().explain_campaign(request).await.unwrap().into_inner()
}

/// What every owner with a budget is told of: its plan, and the terms of its law.
fn check_law(told: &v1::OwnerExplanation) {
    let plan = told.plan.as_ref().unwrap();
    assert!(plan.planned_nanos > 0 && plan.day_budget_nanos > 0, "{plan:?}");
    assert!(plan.rate_nanos_per_minute > 0 && plan.expected_spend_nanos > 0, "{plan:?}");
    assert!(plan.watermark.is_some(), "{plan:?}");
    assert_eq!(told.shape, i32::from(v1::ShapeOrigin::Flat), "nobody supplied one");
    let law = told.law.as_ref().unwrap();
    assert_eq!(law.law, i32::from(v1::PacingLaw::LogPid));
    // On plan both are zero; off it the one follows the other.
    assert!(law.error_ppm.signum() * law.proportional_log_ppm.signum() >= 0, "{law:?}");
    assert!(law.integral_log_ppm != 0 && law.output_log_ppm != 0, "{law:?}");
    assert!(law.gain_milli > 0 && law.evidence_milli > 0, "{law:?}");
    assert!(law.brake_ppm > 0 && law.traffic_ppm > 0, "{law:?}");
    assert_eq!(law.is_clamped, law.clamp != i32::from(v1::LawClamp::Unspecified), "{law:?}");
}

fn check_cap(told: &v1::ExplainCampaignResponse) {
    let advertiser = owner(Owner::AdvertiserId("market".to_owned()));
    assert_eq!((told.state, told.currency.as_str()), (v1::EntryState::Run.into(), "EUR"));
    // The brake may still hold what was spent before the cap bound.
    assert!(["law", "brake"].contains(&told.reasons[0].code.as_str()), "{told:#?}");
    assert_eq!(told.binding_owner.as_ref(), Some(&advertiser), "{told:#?}");
    assert_eq!(told.binding_horizon, i32::from(v1::BudgetHorizon::Day));
    assert!(told.overrides.is_empty());
    assert!(told.allowance_outstanding_nanos > 0, "{told:#?}");
    let books = told.books.unwrap();
    assert!(books.spent_nanos > 0, "{books:?}");
    assert_eq!((books.granted_nanos, books.in_flight_nanos), (BUDGET_MICROS * 1_000, WIN_NANOS));
    let [own, above] = &told.owners[..] else { panic!("{told:#?}") };
    assert_eq!(above.owner.as_ref(), Some(&advertiser));
    check_law(own);
    check_law(above);
    let follows = [own, above].map(|owner| owner.law.unwrap().is_tracking);
    assert_eq!(follows, [true, false], "the one that does not bind follows");
    assert!(own.multiplier_ppm > above.multiplier_ppm, "{told:#?}");
    // What is published stays until the law is more than the dead-band of 2 % from it.
    let dead_band = told.multiplier_ppm / 50 + 1_000;
    assert!(above.multiplier_ppm.abs_diff(told.multiplier_ppm) <= dead_band, "{told:#?}");
    assert_eq!(above.plan.unwrap().tight_horizon, i32::from(v1::BudgetHorizon::Day));
    let day = &above.accounts[0];
    assert_eq!(day.horizon, i32::from(v1::BudgetHorizon::Day));
    assert!(!told.causes.is_empty() && told.causes.iter().all(|cause| cause.weight_ppm > 0));
    let books = day.books.unwrap();
    assert_eq!((books.granted_nanos, books.in_flight_nanos), (CAP_MICROS * 1_000, WIN_NANOS));
}

fn check_hand(told: &v1::ExplainCampaignResponse) {
    assert_eq!(told.state, i32::from(v1::EntryState::Run));
    // The brake stands above a hand's participation.
    assert!(told.multiplier_ppm == 200_000 && told.participation_ppm <= 500_000, "{told:#?}");
    assert!(["fixed", "brake"].contains(&told.reasons[0].code.as_str()), "{told:#?}");
    let [hand] = &told.overrides[..] else { panic!("{told:#?}") };
    assert_eq!(hand.target, Some(owner(Owner::CampaignId("held".to_owned()))));
    assert_eq!(hand.reason, "a trial");
    assert!(hand.author.starts_with("rpc from") && hand.expires_at.is_some(), "{hand:?}");
    assert!(told.binding_owner.is_some(), "what would bind without the hand: {told:#?}");
    assert_eq!(told.books.unwrap().in_flight_nanos, 0);
    told.owners.iter().for_each(check_law);
    // The hand is why it is where it is, and taking it off is what would help.
    let cause = told.causes.iter().find(|cause| cause.code == "override").unwrap();
    let edit = cause.edit.as_ref().unwrap();
    assert_eq!(
        (edit.kind.as_str(), edit.override_id.as_ref()),
        ("release", Some(&hand.override_id))
    );
    assert!(edit.with.is_some() && edit.without.is_some(), "{edit:?}");
    assert!(cause.figures.iter().all(|figure| !figure.text.is_empty()), "{cause:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn every_figure_is_told_of_a_campaign_under_a_cap_and_of_one_under_a_hand() {
    let clock = FastClock::new(30);
    let service = Setup::embedded().with("clock.kind", &clock.setting()).start().await;
    enter(&service, &clock).await;
    let bidder = Bidder::start("bidder-1", &service, &clock, &CAMPAIGNS);
    until("the advertiser's cap binds", async || {
        let told = explain(&service, "free").await;
        matches!(told.binding_owner?.owner?, Owner::AdvertiserId(_)).then_some(())
    })
    .await;
    clock.pass(Span::from_mins(2)).await;
    fix(&service, &clock, "held").await;
    win(&service, &clock, "free").await;
    until("the hand holds", async || {
        (explain(&service, "held").await.multiplier_ppm == 200_000).then_some(())
    })
    .await;
    check_hand(&explain(&service, "held").await);
    let free = until("the win is in flight", async || {
        let told = explain(&service, "free").await;
        (told.books?.in_flight_nanos > 0 && told.allowance_outstanding_nanos > 0).then_some(told)
    })
    .await;
    check_cap(&free);
    assert!(!bidder.stop().await.is_empty());
    assert!(service.log().iter().all(|line| !line.contains("quarantined")));
}
