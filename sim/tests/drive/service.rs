//! A service of the test's own, on either store, on free ports and a scaled clock.

use paceline::app::{self, Addresses};
use paceline::config::{ClockKind, Config, StoreKind, default_partitions};
use paceline::shutdown::Signals;
use paceline::telemetry::{self, MetricsPage};
use paceline_core::units::Span;
use std::net::TcpListener;
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use tempfile::TempDir;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinSet;

/// Ports tried: another process may take one between finding and using it.
const PORT_ATTEMPTS: usize = 5;

/// A redis-server of the test's own, stopped by its id.
pub(crate) struct Redis {
    child: Child,
    port: u16,
    _folder: TempDir,
}

impl Redis {
    /// Starts one; `None` where there is none to start, except in CI, where that fails.
    pub(crate) async fn start() -> Option<Self> {
        for _ in 0..PORT_ATTEMPTS {
            let folder = tempfile::tempdir().unwrap();
            let free = TcpListener::bind("127.0.0.1:0").unwrap();
            let port = free.local_addr().unwrap().port();
            drop(free);
            let spawned = Command::new("redis-server")
                .args(["--port", &port.to_string(), "--bind", "127.0.0.1", "--save", ""])
                .args(["--appendonly", "yes", "--loglevel", "warning", "--dir"])
                .arg(folder.path())
                .stdout(Stdio::null())
                .spawn();
            let child = match spawned {
                Ok(child) => child,
                Err(error) if std::env::var_os("CI").is_none() => {
                    eprintln!("skipping the redis arm: redis-server cannot be started: {error}");
                    return None;
                }
                Err(error) => panic!("redis-server is needed in CI: {error}"),
            };
            let mut redis = Self { child, port, _folder: folder };
            if redis.answers().await {
                return Some(redis);
            }
        }
        panic!("no free port for redis-server");
    }

    /// Whether it takes connections; not when it has ended.
    async fn answers(&mut self) -> bool {
        let port = self.port;
        super::eventually("redis-server answers or ends", || {
            let has_ended = self.child.try_wait().unwrap().is_some();
            async move {
                if has_ended {
                    return Some(false);
                }
                tokio::net::TcpStream::connect(("127.0.0.1", port)).await.ok().map(|_| true)
            }
        })
        .await
    }

    fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }
}

impl Drop for Redis {
    fn drop(&mut self) {
        // Already dead is as good.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// A running service.
pub(crate) struct Service {
    hand: mpsc::Sender<()>,
    running: JoinSet<anyhow::Result<()>>,
    pub(crate) addresses: Addresses,
    _folder: TempDir,
}

/// The metrics page of this process: all its services count into the same.
fn page() -> MetricsPage {
    static PAGE: OnceLock<MetricsPage> = OnceLock::new();
    PAGE.get_or_init(|| telemetry::install_metrics(1).unwrap()).clone()
}

impl Service {
    /// Starts one whose clock passes `scale` times as fast, on the embedded store or on `redis`.
    pub(crate) async fn start(scale: u32, redis: Option<&Redis>) -> Self {
        Self::start_as(Config::default(), scale, redis).await
    }

    /// The same with other settings.
    pub(crate) async fn start_as(mut config: Config, scale: u32, redis: Option<&Redis>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        config.store.path = folder.path().join("data");
        config.clock.kind = ClockKind::Scaled(scale);
        config.server.http_listen.set_port(0);
        config.server.grpc_listen.set_port(0);
        if let Some(redis) = redis {
            config.store.kind = StoreKind::Redis;
            config.store.redis_url = redis.url();
            config.partitions = default_partitions(StoreKind::Redis);
            // A shared, busy machine must not fail a test.
            config.store.command_timeout = Span::from_secs(5);
        }
        let (hand, signals) = Signals::manual();
        let (announce, announced) = oneshot::channel();
        let mut running = JoinSet::new();
        running.spawn(app::run(config, page(), signals, announce));
        let addresses = announced.await.expect("the service starts");
        Self { hand, running, addresses, _folder: folder }
    }

    pub(crate) fn endpoint(&self) -> String {
        format!("http://{}", self.addresses.grpc)
    }

    /// Stops it, in order.
    pub(crate) async fn stop(mut self) {
        self.hand.send(()).await.unwrap();
        self.running.join_next().await.unwrap().unwrap().unwrap();
    }
}
