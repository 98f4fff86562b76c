//! The metrics page of the running program: every documented name is there, and what happened is
//! counted.

use crate::config_files::campaigns;
use crate::harness::{Service, Setup, until};
use paceline_proto::v1;
use paceline_proto::v1::spend_service_client::SpendServiceClient;

/// Waits until the page has all of these lines.
async fn shows(service: &Service, lines: &[&str]) {
    until(&format!("the page shows {lines:?}"), async || {
        let (_, page) = service.get("/metrics").await?;
        lines.iter().all(|line| page.lines().any(|told| told == *line)).then_some(())
    })
    .await;
}

fn message(seconds: i64) -> prost_types::Timestamp {
    prost_types::Timestamp { seconds, nanos: 0 }
}

/// The value of a series.
async fn value(service: &Service, series: &str) -> f64 {
    let (_, page) = service.get("/metrics").await.unwrap();
    let line = page.lines().find(|line| line.starts_with(&format!("{series} ")));
    line.and_then(|line| line.rsplit(' ').next()?.parse().ok())
        .unwrap_or_else(|| panic!("no {series} in\n{page}"))
}

/// Another reporter speaks until the first, which does not any more, is taken for dead.
async fn outlive(service: &Service) {
    until("the silent reporter is taken for dead", async || {
        let report = v1::ReportSpendRequest {
            producer_id: Some("q".to_owned()),
            reported_through: Some(message(jiff::Timestamp::now().as_second())),
            events: Vec::new(),
        };
        SpendServiceClient::new(service.channel()).report_spend(report).await.unwrap();
        (value(service, "paceline_sources_lost_total").await >= 1.0).then_some(())
    })
    .await;
}

#[tokio::test]
async fn what_happens_is_counted_and_every_documented_metric_is_there() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("campaigns.toml");
    std::fs::write(&path, campaigns("USD", &["one", "two"])).unwrap();
    let setup = Setup::embedded().with("catalog.file", &path.display().to_string());
    let service = setup
        .with("loop.tick", "1s")
        .with("loop.source_timeout", "3s")
        .with("log.checkpoint_interval", "1s")
        .start()
        .await;
    shows(&service, &["paceline_campaigns{state=\"run\"} 2", "paceline_ready 1"]).await;

    let now = jiff::Timestamp::now().as_second();
    let event = |id: &str, campaign: &str, price_nanos| v1::SpendEvent {
        event_id: id.to_owned(),
        campaign_id: campaign.to_owned(),
        kind: v1::SpendKind::Billing.into(),
        price_nanos,
        occurred_at: Some(message(now)),
        expected_results_millionths: 0,
        ..Default::default()
    };
    let report = v1::ReportSpendRequest {
        producer_id: Some("p".to_owned()),
        reported_through: Some(message(now)),
        events: vec![
            event("a", "one", 1_500_000_000),
            event("b", "two", 1_000_000_000),
            event("b", "two", 1_000_000_000),
            event("c", "two", -1),
            event("d", "nobody", 5),
        ],
    };
    SpendServiceClient::new(service.channel()).report_spend(report).await.unwrap();
    shows(
        &service,
        &[
            "paceline_spend_micros_total{currency=\"USD\"} 2500000",
            "paceline_overspend_micros_total{currency=\"USD\"} 0",
            "paceline_spend_events_total{verdict=\"posted\"} 2",
            "paceline_spend_events_total{verdict=\"duplicate\"} 1",
            "paceline_spend_events_total{verdict=\"invalid\"} 1",
            "paceline_spend_events_total{verdict=\"unknown_campaign\"} 1",
            "paceline_leader{partition=\"0\"} 1",
            "paceline_store_up{store=\"embedded\"} 1",
            "paceline_catalog_loads_total{result=\"done\"} 1",
        ],
    )
    .await;
    assert!(value(&service, "paceline_tick_duration_seconds_count").await >= 1.0);
    assert!(value(&service, "paceline_pace_ratio_count").await >= 2.0);
    assert!(value(&service, "paceline_multiplier_ratio_count").await >= 2.0);
    let lag = value(&service, "paceline_spend_log_lag_seconds{partition=\"0\"}").await;
    assert!((0.0..3_600.0).contains(&lag), "{lag} s behind");
    until("a checkpoint is counted", async || {
        let done = "paceline_checkpoints_total{result=\"done\"}";
        (value(&service, done).await >= 1.0).then_some(())
    })
    .await;

    outlive(&service).await;
    let (_, page) = service.get("/metrics").await.unwrap();
    let docs = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/METRICS.md");
    let docs = std::fs::read_to_string(docs).unwrap();
    let names: Vec<&str> =
        docs.lines().filter_map(|line| line.strip_prefix("| `")?.split('`').next()).collect();
    assert!(names.len() >= 30, "{names:?}");
    for name in names {
        assert!(page.contains(&format!("# TYPE {name} ")), "{name} is not on the page");
    }
}
