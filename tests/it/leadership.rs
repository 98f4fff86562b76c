//! Two instances on one Redis: one decides, the other knows where spend belongs; the lead passes on
//! within a table's lease, and whoever lost it writes no more.

use crate::bidders;
use crate::harness::{DEADLINE, Service, Setup, StoreArm, until};
use paceline_proto::v1;
use paceline_proto::v1::multiplier_service_client::MultiplierServiceClient;
use paceline_proto::v1::spend_service_client::SpendServiceClient;
use prost_types::Timestamp;
use std::time::Duration;
use tonic::{Code, Status};

/// A table's lease by default: within it the other must have taken over.
const LEASE: Duration = Duration::from_secs(30);

/// How a service stands to the only partition.
async fn status(service: &Service) -> Option<v1::PartitionStatus> {
    let told = service.admin().get_status(v1::GetStatusRequest {}).await.ok()?;
    told.into_inner().partitions.into_iter().next()
}

async fn leads(service: &Service) -> Option<v1::Generation> {
    let told = status(service).await?;
    let is_leading = told.role == v1::PartitionRole::Leading as i32;
    told.generation.filter(|_| is_leading)
}

async fn follows(service: &Service) -> Option<()> {
    (status(service).await?.role == v1::PartitionRole::Following as i32).then_some(())
}

/// Waits until it leads and has decided in a term above this one; not longer than a lease.
async fn takes_over(service: &Service, above: v1::Generation) -> v1::Generation {
    let taken = until("it leads", async || {
        leads(service).await.filter(|generation| generation.epoch > above.epoch)
    });
    tokio::time::timeout(LEASE, taken).await.expect("within a table's lease")
}

/// Enters a campaign where the lead is.
async fn enter(service: &Service) -> i64 {
    let told = service.admin().get_status(v1::GetStatusRequest {}).await.unwrap().into_inner();
    let now = told.server_time.unwrap().seconds;
    let at = |seconds| Some(Timestamp { seconds: now + seconds, nanos: 0 });
    let flight = v1::Flight { start: at(-60), end: at(86_400), budget_micros: Some(5_000_000) };
    let request = v1::ApplyCatalogueRequest {
        advertisers: vec![v1::Advertiser {
            advertiser_id: "acme".to_owned(),
            currency: "EUR".to_owned(),
            ..Default::default()
        }],
        campaigns: vec![v1::Campaign {
            campaign_id: "shoes".to_owned(),
            advertiser_id: "acme".to_owned(),
            budgets: Some(v1::Budgets { flights: vec![flight], ..Default::default() }),
            ..Default::default()
        }],
        ..Default::default()
    };
    let told = service.admin().apply_catalogue(request).await.unwrap().into_inner();
    assert_eq!(told.complaints, []);
    now
}

/// Reports a nano of spend, number `sequence`, until it is acknowledged.
async fn report(service: &Service, now: i64, sequence: u64) {
    let event = v1::SpendEvent {
        event_id: format!("e{sequence}"),
        sequence: Some(sequence),
        campaign_id: "shoes".to_owned(),
        kind: v1::SpendKind::Billing.into(),
        price_nanos: 1,
        occurred_at: Some(Timestamp { seconds: now, nanos: 0 }),
        expected_results_millionths: 0,
        ..Default::default()
    };
    let request = v1::ReportSpendRequest {
        producer_id: Some("p".to_owned()),
        reported_through: None,
        events: vec![event],
    };
    until("the report is acknowledged", async || {
        let mut spend = SpendServiceClient::new(service.channel());
        spend.report_spend(request.clone()).await.ok()
    })
    .await;
}

/// Waits until the leader's books hold so many nanos, all in the campaign's account.
async fn has_spent(service: &Service, nanos: i64) {
    until("the spend is posted", async || {
        let asked = service.admin().get_totals(v1::GetTotalsRequest::default()).await.ok()?;
        let books = asked.into_inner().totals.into_iter().next()?.books?;
        assert_eq!(books.suspense_nanos, 0, "a follower knows whose spend it is");
        (books.spent_nanos == nanos).then_some(())
    })
    .await;
}

/// What a reader is told where another process leads: the address of the one that does.
fn sends_on(refused: &Status, leader: &Service) {
    assert_eq!(refused.code(), Code::FailedPrecondition, "{refused}");
    let url = leader.url();
    let address = url.strip_prefix("http://").expect("served in the clear");
    let due = format!("this instance does not lead the partition: ask {address}");
    assert_eq!(refused.message(), due);
}

/// Readers of tables are sent on, by stream and by poll.
async fn reads_nothing(service: &Service, leader: &Service) {
    sends_on(&bidders::try_watch(service.channel(), "bidder.9").await.unwrap_err(), leader);
    let mut poll = MultiplierServiceClient::new(service.channel());
    let polled = poll.get_multipliers(v1::GetMultipliersRequest::default()).await;
    sends_on(&polled.unwrap_err(), leader);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_lead_passes_on_and_a_stale_leader_writes_no_more() {
    let Some(setup) = Setup::of(StoreArm::Redis).await else { return };
    let first = setup.with("loop.tick", "1s").with("loop.lead", "4s").start().await;
    let url = first.redis().unwrap().url();
    let mut second = Setup::embedded()
        .with("store.kind", "redis")
        .with("store.redis_url", &url)
        .with("store.command_timeout", "20s")
        .with("partitions", "1")
        .with("loop.tick", "1s")
        .with("loop.lead", "4s")
        .launch()
        .await;
    let before = leads(&first).await.unwrap();
    let now = enter(&first).await;
    until("the second follows", async || follows(&second).await).await;
    let refused = second.admin().get_totals(v1::GetTotalsRequest::default()).await.unwrap_err();
    assert_eq!(refused.code(), Code::FailedPrecondition, "{refused}");
    reads_nothing(&second, &first).await;
    // Whoever asks for lists is not turned away: they are gathered from the leaders.
    let lists = [
        &["list"][..],
        &["totals"],
        &["export"],
        &["overrides"],
        &["suspense", "list"],
        &["audit", "list"],
        &["audit", "export"],
        &["audit", "verify"],
    ];
    for words in lists {
        let (here, there) = (first.ctl(words).await, second.ctl(words).await);
        assert_eq!((here.code, &here.out), (0, &there.out), "{words:?}: {there:?}");
    }
    assert!(second.ctl(&["list"]).await.out.contains("shoes"));
    let (_requests, mut stream) = bidders::watch(first.channel(), "bidder.1").await;
    assert!(stream.message().await.unwrap().is_some(), "a table");
    // Spend may be reported to any instance.
    report(&second, now, 1).await;
    has_spent(&first, 1).await;

    let trail = first.ctl(&["audit", "export"]).await.out;
    assert!(trail.contains("\"change\":\"made\""), "{trail}");
    // The leader stands still for longer than its lead: the other takes over.
    first.signal("STOP");
    let after = takes_over(&second, before).await;
    let told = second.ctl(&["audit", "export"]).await;
    assert_eq!(told.out, trail, "who takes over tells the same changes: {}", told.err);
    report(&second, now, 2).await;
    has_spent(&second, 2).await;
    // It wakes up and believes itself the leader, until its first write is refused.
    first.signal("CONT");
    until("the first follows", async || follows(&first).await).await;
    let lost = first.log().iter().any(|line| line.contains("lead lost"));
    assert!(lost, "{}", first.log().join("\n"));
    let ended = until("its streams end", async || stream.message().await.err()).await;
    sends_on(&ended, &second);
    reads_nothing(&first, &second).await;
    let still = leads(&second).await.expect("the second leads as before");
    assert_eq!(still.epoch, after.epoch);

    // A leader that ends in order hands over at once.
    assert!(second.stop().await.success());
    let handed = takes_over(&first, after);
    tokio::time::timeout(DEADLINE / 6, handed).await.expect("without waiting");
    has_spent(&first, 2).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_leader_that_dies_is_followed_within_a_lease() {
    let Some(setup) = Setup::of(StoreArm::Redis).await else { return };
    let mut first = setup.with("loop.tick", "1s").with("loop.lead", "4s").start().await;
    let url = first.redis().unwrap().url();
    let second = Setup::embedded()
        .with("store.kind", "redis")
        .with("store.redis_url", &url)
        .with("store.command_timeout", "20s")
        .with("partitions", "1")
        .with("loop.tick", "1s")
        .with("loop.lead", "4s")
        .launch()
        .await;
    let now = enter(&first).await;
    until("the second follows", async || follows(&second).await).await;
    report(&first, now, 1).await;
    let before = leads(&first).await.unwrap();
    first.kill();
    takes_over(&second, before).await;
    has_spent(&second, 1).await;
}
