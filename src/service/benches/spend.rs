//! Spend events a second, from the wire to durable and posted: the whole service in this process,
//! on a file, with producers that report by gRPC.
//!
//! `cargo bench -p paceline --bench spend`; bind it to one core (`taskset -c 0`) to compare with
//! the target of 50 000 events a second on one core, which then includes the producers' own work.
//! Beside it stands a floor of the same run: the same bytes written and synced, one file, one
//! write a report.

#![expect(clippy::unwrap_used, reason = "a measurement that cannot go on says so by its panic")]

use metrics_exporter_prometheus::PrometheusBuilder;
use paceline::app::{self, Addresses};
use paceline::clock::Stopwatch;
use paceline::config::Config;
use paceline::shutdown::Signals;
use paceline::telemetry::MetricsPage;
use paceline_proto::v1;
use paceline_proto::v1::admin_service_client::AdminServiceClient;
use paceline_proto::v1::spend_service_client::SpendServiceClient;
use prost_types::Timestamp;
use std::io::Write as _;
use std::time::Duration;
use tokio::sync::oneshot;
use tokio::task::JoinSet;
use tonic::transport::{Channel, Endpoint};

/// Events in a report, as a busy bidder would send them.
const BATCH: u64 = 400;
/// Campaigns the events are spread over.
const CAMPAIGNS: u64 = 1_000;
/// How long each measurement lasts.
const LASTS: Duration = Duration::from_secs(5);

fn main() {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    for partitions in [1, 16] {
        for producers in [1, 8, 32] {
            runtime.block_on(measure(partitions, producers));
        }
    }
    floor();
}

/// One service, one number of producers.
async fn measure(partitions: u16, producers: u64) {
    let folder = tempfile::tempdir().unwrap();
    let mut config = Config::default();
    config.server.http_listen.set_port(0);
    config.server.grpc_listen.set_port(0);
    config.store.path = folder.path().to_owned();
    config.partitions = partitions;
    let page = MetricsPage::of(PrometheusBuilder::new().build_recorder().handle());
    let (hand, signals) = Signals::manual();
    let (announce, announced) = oneshot::channel::<Addresses>();
    let load = async {
        let addresses = announced.await.unwrap();
        let channel = Endpoint::from_shared(format!("http://{}", addresses.grpc)).unwrap();
        let channel = channel.connect().await.unwrap();
        let now = enter_campaigns(&channel).await;
        report(&channel, now, partitions, producers).await;
        hand.send(()).await.unwrap();
    };
    let (ended, ()) = tokio::join!(app::run(config, page, signals, announce), load);
    ended.unwrap();
}

async fn enter_campaigns(channel: &Channel) -> i64 {
    let mut admin = AdminServiceClient::new(channel.clone());
    let now = loop {
        // Until every partition is led.
        let asked = admin.get_status(v1::GetStatusRequest {}).await;
        if let Ok(told) = asked {
            let told = told.into_inner();
            let is_led =
                |status: &v1::PartitionStatus| status.role == v1::PartitionRole::Leading as i32;
            if told.partitions.iter().all(is_led) {
                break told.server_time.unwrap().seconds;
            }
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    };
    let at = |seconds| Some(Timestamp { seconds: now + seconds, nanos: 0 });
    let advertisers = (0..64).map(|number| v1::Advertiser {
        advertiser_id: format!("a{number}"),
        currency: "EUR".to_owned(),
        ..Default::default()
    });
    let campaigns = (0..CAMPAIGNS).map(|number| v1::Campaign {
        campaign_id: format!("c{number}"),
        advertiser_id: format!("a{}", number % 64),
        budgets: Some(v1::Budgets {
            flights: vec![v1::Flight {
                start: at(-60),
                end: at(86_400),
                budget_micros: Some(1_000_000_000_000),
            }],
            ..Default::default()
        }),
        ..Default::default()
    });
    let request = v1::ApplyCatalogueRequest {
        advertisers: advertisers.collect(),
        campaigns: campaigns.collect(),
        ..Default::default()
    };
    let told = admin.apply_catalogue(request).await.unwrap().into_inner();
    assert_eq!(told.complaints, []);
    now
}

/// Every producer sends report after report, each when the one before was acknowledged.
async fn report(channel: &Channel, now: i64, partitions: u16, producers: u64) {
    let watch = Stopwatch::start();
    let mut reporters = JoinSet::new();
    for producer in 0..producers {
        let mut spend = SpendServiceClient::new(channel.clone());
        reporters.spawn(async move {
            let mut next = 0;
            while watch.elapsed() < LASTS {
                let events = (next..next + BATCH).map(|number| event(producer, number, now));
                let request = v1::ReportSpendRequest {
                    producer_id: Some(format!("p{producer}")),
                    reported_through: None,
                    events: events.collect(),
                };
                let told = spend.report_spend(request).await.unwrap().into_inner();
                assert_eq!(u64::from(told.accepted), BATCH);
                next += BATCH;
            }
            next
        });
    }
    let mut sent = 0;
    while let Some(count) = reporters.join_next().await {
        sent += count.unwrap();
    }
    let durable = watch.elapsed();
    // A report of nothing is answered once all that is in the log was applied.
    let mut spend = SpendServiceClient::new(channel.clone());
    let question =
        v1::ReportSpendRequest { producer_id: Some("p0".to_owned()), ..Default::default() };
    spend.report_spend(question).await.unwrap();
    let posted = watch.elapsed();
    let totals = AdminServiceClient::new(channel.clone())
        .get_totals(v1::GetTotalsRequest::default())
        .await
        .unwrap()
        .into_inner();
    let judged: u64 = totals.verdict_counts.iter().map(|count| count.count).sum();
    assert_eq!(judged, sent, "every event was judged");
    println!(
        "{partitions:2} partitions, {producers:2} producers: {:8.0} events/s durable, {:8.0} \
         posted as well",
        rate(sent, durable),
        rate(sent, posted),
    );
}

#[expect(clippy::cast_precision_loss, reason = "a rate for people")]
fn rate(count: u64, took: Duration) -> f64 {
    count as f64 / took.as_secs_f64()
}

fn event(producer: u64, number: u64, now: i64) -> v1::SpendEvent {
    v1::SpendEvent {
        event_id: format!("p{producer}-{number}"),
        sequence: Some(number + 1),
        campaign_id: format!("c{}", (number * 7 + producer) % CAMPAIGNS),
        kind: v1::SpendKind::Billing.into(),
        price_nanos: 1_000_000,
        occurred_at: Some(Timestamp { seconds: now, nanos: 0 }),
        ..Default::default()
    }
}

/// Sixty bytes an event, written and synced a report at a time.
fn floor() {
    let mut file = tempfile::tempfile().unwrap();
    let bytes = vec![7; usize::try_from(BATCH * 60).unwrap()];
    let watch = Stopwatch::start();
    let mut written = 0;
    while watch.elapsed() < LASTS / 5 {
        file.write_all(&bytes).unwrap();
        file.sync_data().unwrap();
        written += BATCH;
    }
    println!("floor, one file, a sync a report: {:8.0} events/s", rate(written, watch.elapsed()));
}
