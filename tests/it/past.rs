//! The past, asked of the real program on each store: what was explained at a round is told of it
//! later, over RPC, by the command line and on the page, also after the program was killed.

use crate::harness::{Service, Setup, on_each_store, until};
use crate::market::{self, Bidder, FastClock, Order};
use paceline_core::units::{Span, Timestamp};
use paceline_proto::v1;
use std::collections::BTreeMap;

const CAMPAIGN: &str = "asked";

fn message(at: Timestamp) -> Option<prost_types::Timestamp> {
    let (seconds, micros) = (at.as_micros() / 1_000_000, at.as_micros() % 1_000_000);
    let nanos = i32::try_from(micros * 1_000).unwrap();
    Some(prost_types::Timestamp { seconds, nanos })
}

fn words(at: Timestamp) -> String {
    jiff::Timestamp::from_microsecond(at.as_micros()).unwrap().to_string()
}

/// What was explained, by the second of the round.
type Explained = BTreeMap<(i64, i32), v1::ExplainCampaignResponse>;

/// Explains again and again for a while.
async fn explained(service: &Service, clock: &FastClock, span: Span, all: &mut Explained) {
    let end = clock.now() + span;
    while clock.now() < end {
        let request = v1::ExplainCampaignRequest { campaign_id: CAMPAIGN.to_owned(), arm: 0 };
        if let Ok(told) = service.admin().explain_campaign(request).await {
            let told = told.into_inner();
            if let Some(at) = told.as_of {
                all.insert((at.seconds, at.nanos), told);
            }
        }
        clock.pass(Span::from_secs(2)).await;
    }
}

async fn pause(service: &Service, clock: &FastClock) {
    let action = v1::override_action::Action::Pause(v1::OverridePause {});
    let owner = v1::budget_owner::Owner::CampaignId(CAMPAIGN.to_owned());
    let request = v1::SetOverrideRequest {
        target: Some(v1::BudgetOwner { owner: Some(owner) }),
        action: Some(v1::OverrideAction { action: Some(action) }),
        reason: "a wrong creative".to_owned(),
        expires_at: message(clock.now() + Span::HOUR),
        request_id: "pause-1".to_owned(),
    };
    service.admin().set_override(request).await.unwrap();
}

async fn past(
    service: &Service,
    request: v1::ExplainPastRequest,
) -> Result<v1::ExplainPastResponse, tonic::Status> {
    let request = v1::ExplainPastRequest { campaign_id: CAMPAIGN.to_owned(), ..request };
    service.admin().explain_past(request).await.map(tonic::Response::into_inner)
}

/// Every round that is kept says what was explained then; how many there were.
async fn compare(service: &Service, all: &Explained) -> usize {
    let mut kept = 0;
    for told in all.values() {
        let request =
            v1::ExplainPastRequest { at: told.as_of, ..v1::ExplainPastRequest::default() };
        // Before the first row that is kept, and after the last, there is none.
        let Ok(found) = past(service, request).await else { continue };
        let moment = found.moment.unwrap();
        if moment.as_of != told.as_of {
            continue;
        }
        kept += 1;
        let plan = told.owners[0].plan.unwrap();
        let past = moment.plan.unwrap();
        assert_eq!(
            (moment.multiplier_ppm, moment.participation_ppm, moment.state, moment.generation),
            (told.multiplier_ppm, told.participation_ppm, told.state, told.generation)
        );
        assert_eq!(
            (past.planned_nanos, past.expected_spend_nanos, past.watermark),
            (plan.planned_nanos, plan.expected_spend_nanos, plan.watermark)
        );
        assert_eq!(moment.reason.as_ref(), told.reasons.first());
        assert_eq!(moment.binding_owner, told.binding_owner);
    }
    kept
}

async fn story(setup: Setup) {
    let clock = FastClock::new(60);
    let setup = setup.with("clock.kind", &clock.setting());
    let mut service = setup.with("log.checkpoint_interval", "10s").start().await;
    let law = v1::PacingLaw::LogPid;
    let order = Order { name: CAMPAIGN.to_owned(), budget_micros: 100_000_000, law };
    market::enter(&service, &clock, &[order]).await;
    let bidder = Bidder::start("bidder-1", &service, &clock, &[CAMPAIGN]);
    let mut all = Explained::new();
    explained(&service, &clock, Span::from_mins(4), &mut all).await;
    pause(&service, &clock).await;
    explained(&service, &clock, Span::from_mins(4), &mut all).await;
    let (from, until_then) = (clock.now() - Span::from_mins(7), clock.now());
    let period = v1::ExplainPastRequest {
        from: message(from),
        until: message(until_then),
        ..v1::ExplainPastRequest::default()
    };
    let told = until("the past is written down", async || {
        let told = past(&service, period.clone()).await.ok()?;
        let is_paused = |share: &v1::PastShare| share.reason.as_ref().unwrap().code == "paused";
        let shares = told.period.as_ref()?.shares.clone();
        shares.iter().any(|one| is_paused(one) && one.share_ppm > 300_000).then_some(told)
    })
    .await;
    let kept = compare(&service, &all).await;
    assert!(kept >= 3, "of {} rounds {kept} were compared", all.len());
    let told = told.period.unwrap();
    let shares: u32 = told.shares.iter().map(|share| share.share_ppm).sum();
    assert!((990_000..=1_000_000).contains(&shares), "{told:#?}");
    let drawn = |moment: &Option<v1::PastMoment>| moment.as_ref().unwrap().drawn_nanos;
    assert_eq!(told.spent_nanos, drawn(&told.last) - drawn(&told.first));
    assert!(told.spent_nanos > 0 && told.planned_nanos > 0, "{told:#?}");
    assert_eq!(told.costs[0].cause.as_ref().unwrap().code, "override", "{told:#?}");
    let [change] = &told.changes[..] else { panic!("{told:#?}") };
    assert_eq!((change.reason.as_str(), change.object_id.as_str()), ("a wrong creative", CAMPAIGN));
    assert!(!bidder.stop().await.is_empty());
    // What was written down outlives the process.
    service.restart().await;
    assert!(compare(&service, &all).await >= kept);
    check_words(&service, from, until_then).await;
}

/// The command line and the page say the same.
async fn check_words(service: &Service, from: Timestamp, to: Timestamp) {
    let (from, to) = (words(from), words(to));
    let line = ["explain", CAMPAIGN, "--from", &from, "--until", &to];
    let told = service.ctl(&line).await;
    assert_eq!(told.code, 0, "{told:?}");
    for word in ["What decided", "(paused)", "What held it back", "a wrong creative"] {
        assert!(told.out.contains(word), "{word}: {}", told.out);
    }
    let json = service.ctl(&[&line[..], &["--json"]].concat()).await.json();
    let costs = json["period"]["costs"][0]["cost_nanos"].as_i64().unwrap();
    assert!(costs > 0 && json["moment"].is_null(), "{json:#}");
    let json = service.ctl(&["explain", CAMPAIGN, "--at", &to, "--json"]).await.json();
    assert_eq!(json["moment"]["reason"]["code"], "paused", "{json:#}");
    assert_eq!(json["moment"]["hand"]["action"], "pause");
    assert_eq!(json["resolution_seconds"], 60.0);
    let page = format!("/campaigns/{CAMPAIGN}/past?from={from}&until={to}");
    let (code, html) = service.get(&page).await.unwrap();
    assert!(code == 200 && html.contains("What held it back"), "{code} {html}");
    let early = service.ctl(&["explain", CAMPAIGN, "--at", "2001-01-01T00:00:00Z"]).await;
    assert_eq!((early.code, early.out.as_str()), (64, ""), "{early:?}");
    for word in ["at", "2001-01-01T00:00:00Z", "the earliest that is kept of this campaign"] {
        assert!(early.err.contains(word), "{early:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn the_past_is_told_as_it_was_explained_and_outlives_the_process() {
    on_each_store(story).await;
}
