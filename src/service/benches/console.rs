//! The console's pages with ten thousand campaigns, from the real HTTP port of the whole service in
//! this process: how long a browser waits.
//!
//! `cargo bench -p paceline --bench console`; the target for the portfolio is 300 ms at the p99.
//! Beside each page stands a floor of the same run: as many bytes from a thread that only writes
//! them. The table is also written as JSON under `target/`.

#![expect(clippy::unwrap_used, reason = "a measurement that cannot go on says so by its panic")]

use metrics_exporter_prometheus::PrometheusBuilder;
use paceline::app::{self, Addresses};
use paceline::clock::Stopwatch;
use paceline::config::Config;
use paceline::shutdown::Signals;
use paceline::telemetry::MetricsPage;
use paceline_proto::v1;
use paceline_proto::v1::admin_service_client::AdminServiceClient;
use prost_types::Timestamp;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::time::Duration;
use tokio::sync::oneshot;
use tonic::transport::{Channel, Endpoint};

const CAMPAIGNS: u64 = 10_000;
const ADVERTISERS: u64 = 50;
/// Campaigns of one request.
const BATCH: u64 = 1_000;
/// Looks at each page: enough that two of them lie above the p99.
const LOOKS: usize = 200;
/// The target for the portfolio.
const MOST: Duration = Duration::from_millis(300);
const PAGES: [&str; 16] = [
    "/",
    "/?sort=name&page=25",
    "/?sort=spend&page=50",
    "/?sort=advertiser&order=falling&page=50",
    "/?sort=pace&page=25",
    "/?search=c99",
    "/?search=nobody",
    "/?search=a7&status=running&pace=near&sort=budget&form=open",
    "/?cause=on_plan&sort=name",
    "/?cause=bid_limited",
    "/budgets",
    "/budgets?page=60",
    "/budgets?campaign=c5000",
    "/campaigns/c5000",
    "/overrides",
    "/fleet",
];

fn main() {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    runtime.block_on(measure());
}

async fn measure() {
    let folder = tempfile::tempdir().unwrap();
    let mut config = Config::default();
    config.server.http_listen.set_port(0);
    config.server.grpc_listen.set_port(0);
    config.store.path = folder.path().to_owned();
    let page = MetricsPage::of(PrometheusBuilder::new().build_recorder().handle());
    let (hand, signals) = Signals::manual();
    let (announce, announced) = oneshot::channel::<Addresses>();
    let load = async {
        let addresses = announced.await.unwrap();
        let channel = Endpoint::from_shared(format!("http://{}", addresses.grpc)).unwrap();
        enter_campaigns(&channel.connect().await.unwrap()).await;
        let http = addresses.http;
        tokio::task::spawn_blocking(move || look(http)).await.unwrap();
        hand.send(()).await.unwrap();
    };
    let (ended, ()) = tokio::join!(app::run(config, page, signals, announce), load);
    ended.unwrap();
}

async fn enter_campaigns(channel: &Channel) {
    let mut admin = AdminServiceClient::new(channel.clone());
    let now = loop {
        let told = admin.get_status(v1::GetStatusRequest {}).await.map(tonic::Response::into_inner);
        let is_led = |part: &v1::PartitionStatus| part.role == v1::PartitionRole::Leading as i32;
        match told {
            Ok(told) if told.partitions.iter().all(is_led) => {
                break told.server_time.unwrap().seconds;
            }
            _ => tokio::time::sleep(Duration::from_millis(20)).await,
        }
    };
    let at = |seconds| Some(Timestamp { seconds: now + seconds, nanos: 0 });
    let advertisers = (0..ADVERTISERS).map(|number| v1::Advertiser {
        advertiser_id: format!("a{number}"),
        currency: "EUR".to_owned(),
        ..Default::default()
    });
    let mut advertisers: Vec<_> = advertisers.collect();
    for start in (0..CAMPAIGNS).step_by(usize::try_from(BATCH).unwrap()) {
        let campaigns = (start..start + BATCH).map(|number| v1::Campaign {
            campaign_id: format!("c{number}"),
            advertiser_id: format!("a{}", number % ADVERTISERS),
            budgets: Some(v1::Budgets {
                flights: vec![v1::Flight {
                    start: at(-60),
                    end: at(86_400),
                    budget_micros: Some(1_000_000_000),
                }],
                ..Default::default()
            }),
            ..Default::default()
        });
        let request = v1::ApplyCatalogueRequest {
            advertisers: std::mem::take(&mut advertisers),
            campaigns: campaigns.collect(),
            ..Default::default()
        };
        assert_eq!(admin.apply_catalogue(request).await.unwrap().into_inner().complaints, []);
    }
    // A round has decided about all of them.
    loop {
        let asked = v1::ExplainCampaignRequest { campaign_id: "c9999".to_owned(), arm: 0 };
        let told = admin.explain_campaign(asked).await;
        if told.is_ok_and(|told| told.into_inner().generation.is_some()) {
            break;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

/// The answer to one request, and how long it took from the connection on.
fn get(address: SocketAddr, path: &str) -> (Vec<u8>, Duration) {
    let watch = Stopwatch::start();
    let mut stream = TcpStream::connect(address).unwrap();
    // In one piece: whoever only writes hangs up after the first.
    let asked = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
    stream.write_all(asked.as_bytes()).unwrap();
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes).unwrap();
    (bytes, watch.elapsed())
}

/// How long the first look took, p50 and p99 of many after it, and the last answer.
fn looks(address: SocketAddr, path: &str) -> ([Duration; 3], Vec<u8>) {
    let (mut answer, first) = get(address, path);
    let mut took = Vec::new();
    for _ in 0..LOOKS {
        let (bytes, elapsed) = get(address, path);
        answer = bytes;
        took.push(elapsed);
    }
    took.sort();
    ([first, took[LOOKS / 2], took[LOOKS * 99 / 100]], answer)
}

/// Writes the same bytes to whoever connects, as often as it is looked at.
fn floor(bytes: Vec<u8>) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for _ in 0..=LOOKS {
            let (mut stream, _) = listener.accept().unwrap();
            let mut head = [0; 1_024];
            let _ = stream.read(&mut head).unwrap();
            stream.write_all(&bytes).unwrap();
        }
    });
    address
}

fn look(http: SocketAddr) {
    println!(
        "{:57} {:>5}  {:>8}  {:>7}  {:>7}  {:>9}  p50/floor",
        "page", "KB", "first ms", "p50 ms", "p99 ms", "floor p50"
    );
    let mut lines = Vec::new();
    for path in PAGES {
        let ([first, p50, p99], answer) = looks(http, path);
        assert!(answer.starts_with(b"HTTP/1.1 200 "), "{path} is shown");
        let bytes = answer.len();
        let ([_, least, _], _) = looks(floor(answer), path);
        let [first_ms, p50_ms, p99_ms, floor_ms] =
            [first, p50, p99, least].map(|took| took.as_secs_f64() * 1e3);
        let ratio = p50_ms / floor_ms;
        println!(
            "{path:57} {:5}  {first_ms:8.2}  {p50_ms:7.2}  {p99_ms:7.2}  {floor_ms:9.3}  \
             {ratio:9.1}",
            bytes / 1_000
        );
        lines.push(format!(
            "{{\"page\":\"{path}\",\"bytes\":{bytes},\"first_ms\":{first_ms:.3},\
             \"p50_ms\":{p50_ms:.3},\"p99_ms\":{p99_ms:.3},\
             \"floor_p50_ms\":{floor_ms:.4},\"is_within\":{}}}",
            p99 < MOST
        ));
    }
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/target");
    std::fs::create_dir_all(folder).unwrap();
    let report = format!("[{}]\n", lines.join(",\n"));
    std::fs::write(format!("{folder}/bench-console.json"), report).unwrap();
}
