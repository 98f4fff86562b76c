//! A redis-server of the test's own: a private folder, a unix socket and a free port on loopback,
//! stopped by its id.
//!
//! As a cluster of one node, a script that touches two slots fails there as it would on any
//! cluster. Used by the tests of the stores and by those of the finished program.

use paceline::store::RedisConfig;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;
use tempfile::TempDir;

/// A running server, or one that was killed and may be started again on the same folder.
pub(crate) struct Server {
    folder: TempDir,
    child: Child,
    port: u16,
    is_cluster: bool,
}

/// Ports tried: another process may take one between finding and using it.
const PORT_ATTEMPTS: usize = 5;

impl Server {
    /// Starts a server; `None` where there is none to start, except in CI, where that fails.
    pub(crate) async fn start() -> Option<Self> {
        Self::start_as(false).await
    }

    /// Starts a cluster of one node that has all slots.
    pub(crate) async fn start_cluster() -> Option<Self> {
        let server = Self::start_as(true).await?;
        server.say::<()>(&["CLUSTER", "ADDSLOTSRANGE", "0", "16383"]).await;
        server.until_cluster_is_up().await;
        Some(server)
    }

    async fn start_as(is_cluster: bool) -> Option<Self> {
        for _ in 0..PORT_ATTEMPTS {
            let folder = tempfile::tempdir().unwrap();
            let port = free_port();
            let child = started(Self::spawn(folder.path(), port, is_cluster))?;
            let mut server = Self { folder, child, port, is_cluster };
            if server.answers().await {
                return Some(server);
            }
        }
        panic!("redis-server does not answer on any of {PORT_ATTEMPTS} free ports");
    }

    async fn until_cluster_is_up(&self) {
        let up = async {
            let mut interval = tokio::time::interval(Duration::from_millis(5));
            while !self.say::<String>(&["CLUSTER", "INFO"]).await.contains("cluster_state:ok") {
                interval.tick().await;
            }
        };
        tokio::time::timeout(Duration::from_secs(20), up).await.expect("the cluster is up");
    }

    fn spawn(folder: &std::path::Path, port: u16, is_cluster: bool) -> std::io::Result<Child> {
        let cluster = if is_cluster { "yes" } else { "no" };
        Command::new("redis-server")
            .args(["--port", &port.to_string(), "--bind", "127.0.0.1"])
            .args(["--unixsocket", "redis.sock", "--save", ""])
            .args(["--cluster-enabled", cluster])
            .args(["--appendonly", "yes", "--appendfsync", "always", "--loglevel", "warning"])
            .arg("--dir")
            .arg(folder)
            .current_dir(folder)
            .stdout(Stdio::null())
            .spawn()
    }

    fn socket(&self) -> PathBuf {
        self.folder.path().join("redis.sock")
    }

    /// Where it is for programs that know no sockets.
    pub(crate) fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    pub(crate) fn config(&self) -> RedisConfig {
        let url = if self.is_cluster {
            self.url()
        } else {
            format!("redis+unix://{}", self.socket().display())
        };
        let mut config = RedisConfig::new(url);
        config.is_cluster = self.is_cluster;
        // A shared, busy machine must not fail a test.
        config.command_timeout = Duration::from_secs(20);
        config
    }

    /// A connection for what the store has no call for.
    pub(crate) async fn connection(&self) -> redis::aio::MultiplexedConnection {
        let url = format!("redis+unix://{}", self.socket().display());
        // The crate's half a second is short for a busy machine: a lost server still ends the test.
        let patient = redis::AsyncConnectionConfig::new()
            .set_connection_timeout(Some(Duration::from_secs(20)))
            .set_response_timeout(Some(Duration::from_secs(20)));
        let client = redis::Client::open(url).unwrap();
        client.get_multiplexed_async_connection_with_config(&patient).await.unwrap()
    }

    /// Sends one command, words apart.
    pub(crate) async fn say<T: redis::FromRedisValue>(&self, words: &[&str]) -> T {
        let mut command = redis::cmd(words[0]);
        command.arg(&words[1..]);
        command.query_async(&mut self.connection().await).await.unwrap()
    }

    /// Whether it answers within a while; not when it has ended.
    async fn answers(&mut self) -> bool {
        let url = format!("redis+unix://{}", self.socket().display());
        let client = redis::Client::open(url).unwrap();
        let answered = async {
            let mut interval = tokio::time::interval(Duration::from_millis(5));
            while self.child.try_wait().unwrap().is_none() {
                interval.tick().await;
                let Ok(mut connection) = client.get_multiplexed_async_connection().await else {
                    continue;
                };
                if redis::cmd("PING").exec_async(&mut connection).await.is_ok() {
                    return true;
                }
            }
            false
        };
        tokio::time::timeout(Duration::from_secs(20), answered).await.unwrap_or(false)
    }

    /// SIGKILL.
    pub(crate) fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Starts again where it was killed.
    pub(crate) async fn restart(&mut self) {
        drop(std::fs::remove_file(self.socket()));
        self.child = Self::spawn(self.folder.path(), self.port, self.is_cluster).unwrap();
        assert!(self.answers().await, "redis-server answers");
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Already dead is as good.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// A started process; none where redis-server is missing, except in CI.
fn started(spawned: std::io::Result<Child>) -> Option<Child> {
    match spawned {
        Ok(child) => Some(child),
        Err(error) if std::env::var_os("CI").is_none() => {
            eprintln!("skipping the redis arm: redis-server cannot be started: {error}");
            None
        }
        Err(error) => panic!("redis-server is needed in CI: {error}"),
    }
}

/// A port nobody listens on now. A cluster's nodes talk on the port ten thousand above it.
fn free_port() -> u16 {
    let mut tried = (0..100).map(|_| {
        let listener = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap();
        listener.local_addr().unwrap().port()
    });
    tried.find(|port| *port < 55_536).expect("most ports are below")
}
