//! The program under test: started on a store of its own, asked, killed, started again, stopped.
//!
//! Every service has its own folder or its own Redis, and ports that the system gave it: it is told
//! to take port 0 and says in its log where it listens, so nothing is guessed and tests may run
//! side by side. Knows the program from outside only. Used by every test here.

mod process;

use crate::server::Server;
use paceline_proto::v1::admin_service_client::AdminServiceClient;
use process::Process;
pub(crate) use process::Told;
use std::net::SocketAddr;
use std::path::Path;
use std::process::ExitStatus;
use std::time::Duration;
use tempfile::TempDir;
use tonic::transport::{Channel, Endpoint};

/// The longest wait for anything: a shared, busy machine must not fail a test.
pub(crate) const DEADLINE: Duration = Duration::from_secs(60);
/// The pause between two looks.
const LOOK_INTERVAL: Duration = Duration::from_millis(10);

/// Looks until there is something to see. Fails at [`DEADLINE`] with `what` was waited for.
pub(crate) async fn until<T>(what: &str, mut look: impl AsyncFnMut() -> Option<T>) -> T {
    let seen = async {
        let mut interval = tokio::time::interval(LOOK_INTERVAL);
        loop {
            interval.tick().await;
            if let Some(seen) = look().await {
                return seen;
            }
        }
    };
    let seen = tokio::time::timeout(DEADLINE, seen).await;
    seen.unwrap_or_else(|_| panic!("{what}: not within {DEADLINE:?}"))
}

/// Which store a service gets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum StoreArm {
    /// A file in a folder that goes with the test.
    Embedded,
    /// A redis-server that ends with the test.
    Redis,
}

/// Runs a test on a fresh store of each kind; Redis is left out where there is none.
pub(crate) async fn on_each_store(test: impl AsyncFn(Setup)) {
    for arm in [StoreArm::Embedded, StoreArm::Redis] {
        if let Some(setup) = Setup::of(arm).await {
            eprintln!("on {arm:?}");
            test(setup).await;
        }
    }
}

/// What a service is started with.
pub(crate) struct Setup {
    folder: TempDir,
    server: Option<Server>,
    settings: Vec<(String, String)>,
}

impl Setup {
    /// A service with a folder of its own.
    pub(crate) fn embedded() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let setup = Self { folder, server: None, settings: Vec::new() };
        let store = setup.folder.path().join("store").display().to_string();
        setup
            .with("server.grpc_listen", "127.0.0.1:0")
            .with("server.http_listen", "127.0.0.1:0")
            .with("telemetry.log_format", "json")
            .with("store.path", &store)
    }

    /// A service on a store of this kind; `None` where there is no redis-server.
    pub(crate) async fn of(arm: StoreArm) -> Option<Self> {
        let mut setup = Self::embedded();
        if arm == StoreArm::Redis {
            let server = Server::start().await?;
            setup = setup
                .with("store.kind", "redis")
                .with("store.redis_url", &server.url())
                .with("store.command_timeout", "20s")
                .with("partitions", "1");
            setup.server = Some(server);
        }
        Some(setup)
    }

    /// The same with one more setting, as `--set` takes it; the last of a key holds.
    pub(crate) fn with(mut self, key: &str, value: &str) -> Self {
        self.settings.push((key.to_owned(), value.to_owned()));
        self
    }

    /// The Redis that it will use; none with the embedded store.
    pub(crate) fn redis(&self) -> Option<&Server> {
        self.server.as_ref()
    }

    /// Starts it and waits until it is ready.
    pub(crate) async fn start(self) -> Service {
        let mut service = self.launch().await;
        service.until_ready().await;
        service
    }

    /// Starts it and waits until it listens: one that follows is not ready.
    pub(crate) async fn launch(self) -> Service {
        let mut process = Process::run(&self.settings);
        let (grpc, http) = process.addresses().await;
        Service { setup: self, process, grpc, http }
    }
}

/// A running service, or one that was killed and may be started again. Killed when dropped.
pub(crate) struct Service {
    setup: Setup,
    process: Process,
    grpc: SocketAddr,
    http: SocketAddr,
}

impl Service {
    /// Where its RPCs are.
    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.grpc)
    }

    /// Where its RPCs are, for a relay.
    pub(crate) fn grpc(&self) -> SocketAddr {
        self.grpc
    }

    /// A folder that goes with the test; the embedded store lies in `store` below it.
    pub(crate) fn folder(&self) -> &Path {
        self.setup.folder.path()
    }

    /// The settings it was started with, as words for another command of the program.
    pub(crate) fn settings(&self) -> Vec<String> {
        process::words(&self.setup.settings)
    }

    /// Its Redis; none with the embedded store.
    pub(crate) fn redis(&self) -> Option<&Server> {
        self.setup.server.as_ref()
    }

    /// A channel to its RPCs, connected when first used and again after a restart.
    pub(crate) fn channel(&self) -> Channel {
        Endpoint::from_shared(self.url()).unwrap().connect_lazy()
    }

    /// Its operators' service.
    pub(crate) fn admin(&self) -> AdminServiceClient<Channel> {
        AdminServiceClient::new(self.channel())
    }

    /// A page's address.
    pub(crate) fn page_url(&self, path: &str) -> String {
        format!("http://{}{path}", self.http)
    }

    /// A page: status and text. `None` while nobody listens.
    pub(crate) async fn get(&self, path: &str) -> Option<(u16, String)> {
        let (address, path) = (self.http, path.to_owned());
        tokio::task::spawn_blocking(move || process::get(address, &path)).await.unwrap()
    }

    /// Runs another command of the program to its end.
    pub(crate) async fn command(&self, words: &[&str]) -> Told {
        let words: Vec<String> = words.iter().map(|word| (*word).to_owned()).collect();
        tokio::task::spawn_blocking(move || process::run_to_end(&words)).await.unwrap()
    }

    /// Runs `paceline ctl` against it.
    pub(crate) async fn ctl(&self, words: &[&str]) -> Told {
        let url = self.url();
        let words: Vec<&str> =
            ["ctl", "--endpoint", url.as_str()].iter().chain(words).copied().collect();
        self.command(&words).await
    }

    /// What it wrote to its log so far, a line each.
    pub(crate) fn log(&self) -> Vec<String> {
        self.process.log()
    }

    /// Waits until it says that it is ready; fails at once when it ended instead.
    pub(crate) async fn until_ready(&mut self) {
        let address = self.http;
        let process = &mut self.process;
        until("the service is ready", async || {
            process.expect_running();
            let get = tokio::task::spawn_blocking(move || process::get(address, "/readyz"));
            get.await.unwrap().filter(|(status, _)| *status == 200)
        })
        .await;
    }

    /// Sends it a signal, by name without `SIG`.
    pub(crate) fn signal(&self, name: &str) {
        self.process.signal(name);
    }

    /// How it ended; `None` while it runs.
    pub(crate) fn ended(&mut self) -> Option<ExitStatus> {
        self.process.ended()
    }

    /// SIGKILL, and waits until it is gone.
    pub(crate) fn kill(&mut self) {
        self.process.kill();
    }

    /// Starts it again, on the same store and ports, and waits until it is ready.
    pub(crate) async fn restart(&mut self) {
        self.kill();
        let mut settings = self.setup.settings.clone();
        settings.push(("server.grpc_listen".to_owned(), self.grpc.to_string()));
        settings.push(("server.http_listen".to_owned(), self.http.to_string()));
        self.process = Process::run(&settings);
        self.until_ready().await;
    }

    /// SIGTERM, and waits for it to end in order.
    pub(crate) async fn stop(&mut self) -> ExitStatus {
        self.process.signal("TERM");
        let process = &mut self.process;
        until("the service has stopped", async || process.ended()).await
    }
}
