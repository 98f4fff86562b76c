//! The composition root: builds every part, wires them, starts and stops them in order.
//!
//! Knows every part and decides nothing itself. Called by `main`, and by whoever carries the
//! service inside another process.

use crate::config::{Config, ShutdownConfig};
use crate::health::Health;
use crate::http::{self, HttpServer};
use crate::shutdown::{Shutdown, Signals};
use crate::telemetry::{MetricsPage, event};
use crate::{health::Stage, tls};
use anyhow::Context;
use axum::Router;
use paceline_core::units::Span;
use std::convert::Infallible;
use std::net::{SocketAddr, TcpListener};
use std::time::Duration;
use tokio::sync::oneshot;

/// Where the service listens, with the ports that were taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Addresses {
    /// Pages, probes and metrics.
    pub http: SocketAddr,
}

/// Runs until told to stop, then stops stage by stage. `announce` hears where the service listens
/// once it does.
///
/// # Errors
/// When a part does not start, or a stage of stopping fails or runs over.
pub async fn run(
    config: Config,
    page: MetricsPage,
    signals: Signals,
    announce: oneshot::Sender<Addresses>,
) -> anyhow::Result<()> {
    let health = Health::new(&[], duration(config.control_loop.blind_limit));
    let http = open_pages(&config, &health, page)?;
    // Nobody need listen.
    let _ = announce.send(Addresses { http: http.address() });
    event::readiness_changed(health.readiness().is_ready);

    let stop = Shutdown::requested(config.shutdown.clone(), health, signals).await;
    let result = wind_down(stop, &config.shutdown, http).await;
    event::stopped();
    result
}

/// The HTTP port and what stands on it.
fn open_pages(config: &Config, health: &Health, page: MetricsPage) -> anyhow::Result<HttpServer> {
    let address = config.server.http_listen;
    let listener = TcpListener::bind(address)
        .with_context(|| format!("listening on server.http_listen = {address}"))?;
    let tls = tls::acceptor(&config.server)?;
    let http = http::start(listener, tls, Router::new(), health.clone(), page)
        .context("starting the pages")?;
    event::listening("http", http.address());
    Ok(http)
}

/// Every stage, in order, each with its work.
async fn wind_down(
    mut stop: Shutdown,
    config: &ShutdownConfig,
    http: HttpServer,
) -> anyhow::Result<()> {
    let wait = duration(config.not_ready_wait);
    stop.stage(Stage::NotReady, async {
        tokio::time::sleep(wait).await;
        Ok::<_, Infallible>(())
    })
    .await;
    stop.stage(Stage::CloseStreams, async {
        http.stop().await;
        Ok::<_, Infallible>(())
    })
    .await;
    stop.finish().context("stopping")
}

fn duration(span: Span) -> Duration {
    Duration::from_micros(u64::try_from(span.as_micros()).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;
    use metrics_exporter_prometheus::PrometheusBuilder;

    #[tokio::test]
    async fn runs_until_told_and_stops_well() {
        let mut config = Config::default();
        config.server.http_listen.set_port(0);
        let page = MetricsPage::of(PrometheusBuilder::new().build_recorder().handle());
        let (hand, signals) = Signals::manual();
        let (announce, announced) = oneshot::channel::<Addresses>();
        let guide = async {
            let addresses = announced.await.unwrap();
            assert!(tokio::net::TcpStream::connect(addresses.http).await.is_ok());
            hand.send(()).await.unwrap();
            addresses
        };
        let (result, addresses) = tokio::join!(run(config, page, signals, announce), guide);
        result.unwrap();
        assert!(tokio::net::TcpStream::connect(addresses.http).await.is_err());
    }

    #[tokio::test]
    async fn a_taken_port_is_told_by_its_setting() {
        let taken = TcpListener::bind("127.0.0.1:0").unwrap();
        let mut config = Config::default();
        config.server.http_listen = taken.local_addr().unwrap();
        let page = MetricsPage::of(PrometheusBuilder::new().build_recorder().handle());
        let (_hand, signals) = Signals::manual();
        let error = run(config, page, signals, oneshot::channel().0).await.unwrap_err();
        assert!(error.to_string().starts_with("listening on server.http_listen = 127.0.0.1:"));
    }
}
