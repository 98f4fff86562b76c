//! How often a caller may ask, on both ports, and that an open stream is never held up.

use super::*;
use crate::config::LimitsConfig;
use crate::config::value::Value;
use paceline_proto::v1::multiplier_service_client::MultiplierServiceClient;
use paceline_proto::v1::watch_multipliers_request::Message as Watching;
use tokio_stream::StreamExt as _;
use tonic_types::StatusExt as _;

/// Probes sent at once by those who flood: more than a burst, and than what is earned meanwhile.
const FLOOD: usize = 20_000;

/// Three at once, and then one a second.
const FEW: LimitsConfig =
    LimitsConfig { calls_per_second: 1, calls_burst: 3, pages_per_second: 1, pages_burst: 3 };

fn parsed<T: Value>(text: &str) -> T {
    T::parse(text).unwrap()
}

/// A stream of a bidder's, whose other calls are too many.
async fn a_stream_goes_on(channel: Channel) {
    let hello = v1::WatchHello { bidder_id: Some("b".to_owned()), ..Default::default() };
    let hello = v1::WatchMultipliersRequest { message: Some(Watching::Hello(hello)) };
    // Never ends by itself.
    let sent = tokio_stream::once(hello).chain(tokio_stream::pending());
    let mut client = MultiplierServiceClient::new(channel);
    let stream = client.watch_multipliers(from("bidder", sent)).await.unwrap();
    let mut stream = stream.into_inner();
    stream.message().await.unwrap().expect("a table");
    let mut refused = None;
    for _ in 0..20 {
        let asked = v1::GetMultipliersRequest::default();
        if let Err(status) = client.get_multipliers(from("bidder", asked)).await
            && status.code() == Code::ResourceExhausted
        {
            refused = Some(status);
        }
    }
    let refused = refused.expect("twenty calls are more than three");
    assert!(refused.message().contains("limits.calls_per_second"), "{refused:?}");
    assert!(refused.metadata().get("retry-after").is_some(), "{refused:?}");
    let wait = refused.get_details_retry_info().and_then(|info| info.retry_delay);
    assert!(wait.is_some_and(|wait| wait <= Duration::from_secs(1)), "{wait:?}");
    for _ in 0..3 {
        stream.message().await.unwrap().expect("the stream goes on");
    }
}

async fn others_are_not_held_up(channel: Channel) {
    let mut admin = AdminServiceClient::new(channel.clone());
    admin.get_status(from("viewer", v1::GetStatusRequest {})).await.unwrap();
    // Who has no token is counted by address, and so are wrong tokens.
    let mut codes = Vec::new();
    for _ in 0..10 {
        let told = admin.get_status(v1::GetStatusRequest {}).await;
        codes.push(told.unwrap_err().code());
    }
    assert_eq!(codes[0], Code::Unauthenticated);
    assert!(codes.contains(&Code::ResourceExhausted), "{codes:?}");
    let health = tonic_health::pb::health_client::HealthClient::new(channel);
    for _ in 0..10 {
        let asked = tonic_health::pb::HealthCheckRequest::default();
        health.clone().check(asked).await.unwrap();
    }
}

async fn a_flood_of_probes_is_not_free(channel: Channel) {
    let health = tonic_health::pb::health_client::HealthClient::new(channel);
    let mut refused = None;
    for _ in 0..FLOOD {
        let asked = tonic_health::pb::HealthCheckRequest::default();
        if let Err(status) = health.clone().check(asked).await {
            refused = Some(status);
            break;
        }
    }
    let refused = refused.expect("so many are a flood");
    assert_eq!(refused.code(), Code::ResourceExhausted);
    assert!(refused.message().contains("more probes than 100 a second"), "{refused:?}");
}

async fn pages_too(http: SocketAddr, pem: &str) {
    let bearer = format!("Authorization: Bearer viewer{SUFFIX}\r\n");
    let mut refused = String::new();
    for _ in 0..20 {
        let told = page(http, pem, "/fleet", &bearer).await;
        if told.starts_with("HTTP/1.1 429 ") {
            refused = told.to_lowercase();
        }
    }
    assert!(refused.contains("retry-after: 1\r\n"), "{refused}");
    assert!(refused.contains("limits.pages_per_second"), "{refused}");
    for _ in 0..10 {
        let told = page(http, pem, "/livez", &bearer).await;
        assert!(told.starts_with("HTTP/1.1 200 "), "probes are held up by probes alone: {told}");
    }
}

#[tokio::test]
async fn whoever_asks_too_often_is_told_to_wait_and_open_streams_go_on() {
    let folder = tempfile::tempdir().unwrap();
    let (mut config, pem) = guarded(folder.path());
    config.limits = FEW;
    config.control_loop.tick = parsed("1s");
    let page = MetricsPage::of(PrometheusBuilder::new().build_recorder().handle());
    let (hand, signals) = Signals::manual();
    let (announce, announced) = oneshot::channel::<Addresses>();
    let guide = async {
        let addresses = announced.await.unwrap();
        let channel = channel(addresses.grpc, &pem).await;
        a_stream_goes_on(channel.clone()).await;
        others_are_not_held_up(channel).await;
        pages_too(addresses.http, &pem).await;
        a_flood_of_probes_is_not_free(self::channel(addresses.grpc, &pem).await).await;
        hand.send(()).await.unwrap();
    };
    let (result, ()) = tokio::join!(run(config, page, signals, announce), guide);
    result.unwrap();
}
