//! A redis-server of the test's own: a private folder, a unix socket, stopped by its id.

use paceline::store::RedisConfig;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;
use tempfile::TempDir;

/// A running server, or one that was killed and may be started again on the same folder.
pub(crate) struct Server {
    folder: TempDir,
    child: Child,
}

impl Server {
    /// Starts a server; `None` where there is none to start, except in CI, where that fails.
    pub(crate) async fn start() -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        let child = match Self::spawn(folder.path()) {
            Ok(child) => child,
            Err(error) if std::env::var_os("CI").is_none() => {
                eprintln!("skipping the redis arm: redis-server cannot be started: {error}");
                return None;
            }
            Err(error) => panic!("redis-server is needed in CI: {error}"),
        };
        let server = Self { folder, child };
        server.answer().await;
        Some(server)
    }

    fn spawn(folder: &std::path::Path) -> std::io::Result<Child> {
        Command::new("redis-server")
            .args(["--port", "0", "--unixsocket", "redis.sock", "--save", ""])
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

    pub(crate) fn config(&self) -> RedisConfig {
        let mut config = RedisConfig::new(format!("redis+unix://{}", self.socket().display()));
        // A shared, busy machine must not fail a test.
        config.command_timeout = Duration::from_secs(20);
        config
    }

    /// A connection for what the store has no call for.
    pub(crate) async fn connection(&self) -> redis::aio::MultiplexedConnection {
        let url = format!("redis+unix://{}", self.socket().display());
        redis::Client::open(url).unwrap().get_multiplexed_async_connection().await.unwrap()
    }

    /// Sends one command, words apart.
    pub(crate) async fn say<T: redis::FromRedisValue>(&self, words: &[&str]) -> T {
        let mut command = redis::cmd(words[0]);
        command.arg(&words[1..]);
        command.query_async(&mut self.connection().await).await.unwrap()
    }

    async fn answer(&self) {
        let url = format!("redis+unix://{}", self.socket().display());
        let client = redis::Client::open(url).unwrap();
        let answered = async {
            let mut interval = tokio::time::interval(Duration::from_millis(5));
            loop {
                interval.tick().await;
                let Ok(mut connection) = client.get_multiplexed_async_connection().await else {
                    continue;
                };
                if redis::cmd("PING").exec_async(&mut connection).await.is_ok() {
                    return;
                }
            }
        };
        tokio::time::timeout(Duration::from_secs(20), answered)
            .await
            .expect("redis-server answers");
    }

    /// SIGKILL.
    pub(crate) fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Starts again where it was killed.
    pub(crate) async fn restart(&mut self) {
        drop(std::fs::remove_file(self.socket()));
        self.child = Self::spawn(self.folder.path()).unwrap();
        self.answer().await;
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Already dead is as good.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}
