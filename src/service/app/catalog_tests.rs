//! A catalogue file that is faulty from the start: not ready, and the page says why.

use super::*;
use metrics_exporter_prometheus::PrometheusBuilder;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

async fn readiness(address: SocketAddr) -> String {
    let mut stream = tokio::net::TcpStream::connect(address).await.unwrap();
    let request = b"GET /readyz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
    stream.write_all(request).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer
}

/// Looks at the page until it holds `due`, for half a minute at most.
async fn until_told(address: SocketAddr, due: &str) -> String {
    let told = async {
        let mut interval = tokio::time::interval(Duration::from_millis(20));
        loop {
            interval.tick().await;
            let page = readiness(address).await;
            if page.contains(due) {
                return page;
            }
        }
    };
    tokio::time::timeout(Duration::from_secs(30), told).await.expect("told in time")
}

#[tokio::test]
async fn a_faulty_first_catalogue_keeps_the_service_from_being_ready() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("campaigns.toml");
    std::fs::write(&file, "[[advertisers]]\nname = \"a\"\ncurrency = \"dollars\"\n").unwrap();
    let mut config = Config::default();
    config.server.http_listen.set_port(0);
    config.server.grpc_listen.set_port(0);
    config.store.path = folder.path().join("data");
    config.catalog.file = Some(file.clone());
    config.catalog.reload_interval = paceline_core::units::Span::from_secs(1);
    let page = MetricsPage::of(PrometheusBuilder::new().build_recorder().handle());
    let (hand, signals) = Signals::manual();
    let (announce, announced) = oneshot::channel::<Addresses>();
    let guide = async {
        let address = announced.await.unwrap().http;
        let told = until_told(address, "catalog_loaded: no (").await;
        let rule = "line 3: advertisers[0].currency = \"dollars\": a currency is three capital";
        assert!(told.contains("ready: no") && told.contains(rule), "{told}");
        std::fs::write(&file, "[[advertisers]]\nname = \"a\"\ncurrency = \"USD\"\n").unwrap();
        let told = until_told(address, "catalog_loaded: yes").await;
        assert!(told.contains("ready: yes"), "{told}");
        hand.send(()).await.unwrap();
    };
    let (result, ()) = tokio::join!(run(config, page, signals, announce), guide);
    result.unwrap();
}
