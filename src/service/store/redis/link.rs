//! The line to Redis: one connection that restores itself, a time limit on every call, and errors
//! that say what to do.
//!
//! Reconnecting is bounded: each call that finds the line cut waits for it within its own time
//! limit, while attempts go on with growing, jittered pauses. Whether the server answers is told on
//! a watch channel, which changes on the edges only. Knows keys by name and type, not their
//! contents.

use super::keys::Key;
use crate::store::error::StoreFault;
use paceline_core::units::PartitionId;
use redis::aio::{ConnectionLike, ConnectionManager, ConnectionManagerConfig};
use redis::cluster::ClusterClientBuilder;
use redis::cluster_async::ClusterConnection;
use redis::io::tcp::TcpSettings;
use redis::{
    Client, Cmd, ConnectionInfo, FromRedisValue, IntoConnectionInfo as _, Pipeline, RedisError,
    RedisFuture, RedisResult, TlsCertificates, Value,
};
use std::sync::Arc;
use std::time::Duration;
use tokio::runtime::Handle;
use tokio::sync::watch;
use tokio_util::task::AbortOnDropHandle;

/// Pauses between attempts to connect: they grow from the first to the second.
const RECONNECT_PAUSE_MIN: Duration = Duration::from_millis(50);
const RECONNECT_PAUSE_MAX: Duration = Duration::from_secs(1);
/// Attempts of one round, some two seconds in all; the next call after it begins another.
const RECONNECT_ATTEMPTS: usize = 5;
/// Their pauses, where each attempt is refused at once, with room for jitter.
const RECONNECT_ROUND: Duration = Duration::from_secs(3);
/// A peer that acknowledges nothing for so long is gone; the connection is made anew.
const TCP_USER_TIMEOUT: Duration = Duration::from_secs(10);
/// Large values get this much more time: a slow network's pace.
const BYTES_PER_MILLI: u64 = 10_000;

/// How to reach Redis.
#[derive(Debug, Clone)]
pub struct RedisConfig {
    /// `redis://host:port/db` or `redis+unix:///path`; several only for a cluster.
    pub urls: Vec<String>,
    /// Whether the addresses are nodes of a Redis Cluster.
    pub is_cluster: bool,
    /// Name of the account; absent is the default one.
    pub username: Option<String>,
    /// Its password.
    pub password: Option<String>,
    /// PEM text of the authority that signed the server's certificate; absent: the system's.
    pub authority: Option<Vec<u8>>,
    /// Longest time to connect.
    pub connect_timeout: Duration,
    /// Longest time for one answer; large values get more.
    pub command_timeout: Duration,
}

impl RedisConfig {
    /// One server, two seconds to connect, one to answer.
    #[must_use]
    pub fn new(url: impl Into<String>) -> Self {
        Self {
            urls: vec![url.into()],
            is_cluster: false,
            username: None,
            password: None,
            authority: None,
            connect_timeout: Duration::from_secs(2),
            command_timeout: Duration::from_secs(1),
        }
    }

    /// The addresses, without user and password, to be told.
    #[must_use]
    pub fn shown(&self) -> String {
        let plain = |url: &String| match url.split_once("://") {
            Some((scheme, rest)) => {
                let host = rest.rsplit_once('@').map_or(rest, |(_, host)| host);
                format!("{scheme}://{host}")
            }
            None => url.clone(),
        };
        self.urls.iter().map(plain).collect::<Vec<_>>().join(", ")
    }

    fn nodes(&self) -> Result<Vec<ConnectionInfo>, StoreFault> {
        let refuse = |rule: String| StoreFault::Config { field: "store.redis_url", rule };
        if self.urls.is_empty() || (self.urls.len() > 1 && !self.is_cluster) {
            return Err(refuse("one address, or several of a cluster".to_owned()));
        }
        let node = |url: &String| {
            let tcp = TcpSettings::default().set_nodelay(true).set_user_timeout(TCP_USER_TIMEOUT);
            let info = url.as_str().into_connection_info().map_err(|e| refuse(e.to_string()))?;
            let mut account = info.redis_settings().clone();
            if let Some(username) = &self.username {
                account = account.set_username(username);
            }
            if let Some(password) = &self.password {
                account = account.set_password(password);
            }
            Ok(info.set_redis_settings(account).set_tcp_settings(tcp))
        };
        self.urls.iter().map(node).collect()
    }
}

/// A key of a partition that a call touches, so that a wrong type can be named.
pub(super) type Touched = (Key, PartitionId);

#[derive(Clone)]
pub(super) struct Link {
    connection: Connection,
    timeout: Duration,
    is_reachable: Arc<watch::Sender<bool>>,
}

impl std::fmt::Debug for Link {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Link").field("timeout", &self.timeout).finish_non_exhaustive()
    }
}

impl Link {
    /// Prepares the line; it is made by the first call.
    pub(super) fn open(config: &RedisConfig) -> Result<Self, StoreFault> {
        let refuse = |error: RedisError| StoreFault::Config {
            field: "store.redis_url",
            rule: error.to_string(),
        };
        let mut nodes = config.nodes()?;
        let trusted =
            |pem: &Vec<u8>| TlsCertificates { client_tls: None, root_cert: Some(pem.clone()) };
        let trusted = config.authority.as_ref().map(trusted);
        let wire = if config.is_cluster {
            let mut builder =
                ClusterClientBuilder::new(nodes).connection_timeout(config.connect_timeout);
            if let Some(trusted) = trusted {
                builder = builder.certs(trusted);
            }
            let client = builder.build().map_err(refuse)?;
            let config = redis::cluster::ClusterConfig::new();
            Wire::Cluster(client.get_pending_async_connection_with_config(config))
        } else {
            let node = nodes.pop().expect("checked to be one");
            let client = match trusted {
                None => Client::open(node),
                Some(trusted) => Client::build_with_tls(node, trusted),
            };
            let client = client.map_err(refuse)?;
            let config = ConnectionManagerConfig::new()
                .set_min_delay(RECONNECT_PAUSE_MIN)
                .set_max_delay(RECONNECT_PAUSE_MAX)
                .set_number_of_retries(RECONNECT_ATTEMPTS)
                .set_connection_timeout(Some(config.connect_timeout))
                .set_response_timeout(None);
            Wire::One(ConnectionManager::new_lazy_with_config(client, config).map_err(refuse)?)
        };
        let connection = Connection { wire, home: Handle::try_current().ok() };
        let timeout = config.command_timeout;
        Ok(Self { connection, timeout, is_reachable: Arc::new(watch::Sender::new(true)) })
    }

    /// Whether the server answered last; changes on the edges only.
    pub(super) fn reachable(&self) -> watch::Receiver<bool> {
        self.is_reachable.subscribe()
    }

    /// One command.
    pub(super) async fn call<T: FromRedisValue>(
        &self,
        touched: &[Touched],
        command: &Cmd,
    ) -> Result<T, StoreFault> {
        let mut connection = self.connection.clone();
        self.within(0, touched, command.query_async(&mut connection)).await
    }

    /// Several commands in one go; not a transaction.
    pub(super) async fn pipeline<T: FromRedisValue>(
        &self,
        touched: &[Touched],
        commands: &Pipeline,
    ) -> Result<T, StoreFault> {
        let mut connection = self.connection.clone();
        self.within(0, touched, commands.query_async(&mut connection)).await
    }

    /// A script; `bytes` is the size of what goes there and back.
    pub(super) async fn script<T: FromRedisValue>(
        &self,
        bytes: usize,
        touched: &[Touched],
        script: &redis::ScriptInvocation<'_>,
    ) -> Result<T, StoreFault> {
        let mut connection = self.connection.clone();
        self.within(bytes, touched, script.invoke_async(&mut connection)).await
    }

    /// A command that answers with `bytes` bytes.
    pub(super) async fn call_large<T: FromRedisValue>(
        &self,
        bytes: usize,
        touched: &[Touched],
        command: &Cmd,
    ) -> Result<T, StoreFault> {
        let mut connection = self.connection.clone();
        self.within(bytes, touched, command.query_async(&mut connection)).await
    }

    /// The first call, which only reads. It gets the time of a whole round of attempts to connect,
    /// so that the cause of the last one is told; without any answer, nobody is there.
    pub(super) async fn knock(
        &self,
        connect_timeout: Duration,
        touched: &[Touched],
        command: &Cmd,
    ) -> Result<(), StoreFault> {
        let mut connection = self.connection.clone();
        let limit = connect_timeout.max(RECONNECT_ROUND) + self.timeout;
        let call = command.query_async::<Value>(&mut connection);
        match self.limited(limit, touched, call).await {
            Ok(_) => Ok(()),
            Err(StoreFault::TimedOut { millis }) => {
                Err(StoreFault::Unreachable(format!("no answer within {millis} ms").into()))
            }
            Err(fault) => Err(fault),
        }
    }

    async fn within<T>(
        &self,
        bytes: usize,
        touched: &[Touched],
        call: impl Future<Output = RedisResult<T>>,
    ) -> Result<T, StoreFault> {
        let limit = self.timeout + Duration::from_millis(bytes as u64 / BYTES_PER_MILLI);
        self.limited(limit, touched, call).await
    }

    async fn limited<T>(
        &self,
        limit: Duration,
        touched: &[Touched],
        call: impl Future<Output = RedisResult<T>>,
    ) -> Result<T, StoreFault> {
        let error = match tokio::time::timeout(limit, call).await {
            Ok(Ok(answer)) => {
                self.note(true);
                return Ok(answer);
            }
            Ok(Err(error)) => error,
            Err(_) => {
                self.note(false);
                let millis = u64::try_from(limit.as_millis()).unwrap_or(u64::MAX);
                return Err(StoreFault::TimedOut { millis });
            }
        };
        if is_wrong_type(&error)
            && let Some(fault) = self.name_wrong_type(touched).await
        {
            return Err(fault);
        }
        let fault = classify(error);
        self.note(!matches!(fault, StoreFault::Unreachable(_)));
        Err(fault)
    }

    fn note(&self, is_reachable: bool) {
        self.is_reachable
            .send_if_modified(|held| std::mem::replace(held, is_reachable) != is_reachable);
    }

    async fn name_wrong_type(&self, touched: &[Touched]) -> Option<StoreFault> {
        for &(key, partition) in touched {
            let name = key.of(partition);
            let mut connection = self.connection.clone();
            let mut command = redis::cmd("TYPE");
            let asked = command.arg(&name).query_async::<String>(&mut connection);
            let found = tokio::time::timeout(self.timeout, asked).await.ok()?.ok()?;
            if found != key.kind() && found != "none" {
                return Some(StoreFault::WrongType { key: name, found, wanted: key.kind() });
            }
        }
        None
    }
}

/// Also from inside a script, where the code is part of a longer text.
fn is_wrong_type(error: &RedisError) -> bool {
    error.code() == Some("WRONGTYPE") || error.to_string().contains("WRONGTYPE")
}

fn classify(error: RedisError) -> StoreFault {
    let text = error.to_string();
    let says = |words: &[&str]| words.iter().any(|word| text.contains(word));
    if error.is_io_error()
        || error.is_connection_dropped()
        || error.is_connection_refusal()
        || error.is_timeout()
    {
        StoreFault::Unreachable(error.into())
    } else if says(&["OOM "]) {
        StoreFault::Full(error.into())
    } else if says(&["LOADING", "BusyLoading", "READONLY", "ReadOnly", "MASTERDOWN", "MasterDown"])
        || says(&["CLUSTERDOWN", "ClusterDown", "TRYAGAIN", "TryAgain", "MISCONF", "NOREPLICAS"])
    {
        StoreFault::NotReady(error.into())
    } else {
        StoreFault::Refused(error.into())
    }
}

/// A single server or a cluster; both take the same calls.
#[derive(Clone)]
enum Wire {
    One(ConnectionManager),
    Cluster(ClusterConnection),
}

/// A wire shared by callers on several runtimes, some of which end before others. What reads it and
/// what restores it must outlive every caller, so that calls run where the wire was opened.
#[derive(Clone)]
struct Connection {
    wire: Wire,
    /// Absent when opened outside of any runtime: then calls run where they are made.
    home: Option<Handle>,
}

impl Connection {
    /// Runs a call at home; who no longer waits for it ends it.
    fn at_home<'a, T: Send + 'static>(
        &self,
        call: impl Future<Output = RedisResult<T>> + Send + 'static,
    ) -> RedisFuture<'a, T> {
        let Some(home) = &self.home else { return Box::pin(call) };
        let task = AbortOnDropHandle::new(home.spawn(call));
        let gone = |error| RedisError::from(std::io::Error::other(error));
        Box::pin(async move { task.await.map_err(gone)? })
    }
}

impl ConnectionLike for Connection {
    fn req_packed_command<'a>(&'a mut self, cmd: &'a Cmd) -> RedisFuture<'a, Value> {
        let (wire, cmd) = (self.wire.clone(), cmd.clone());
        self.at_home(async move {
            match wire {
                Wire::One(mut one) => one.req_packed_command(&cmd).await,
                Wire::Cluster(mut cluster) => cluster.req_packed_command(&cmd).await,
            }
        })
    }

    fn req_packed_commands<'a>(
        &'a mut self,
        pipeline: &'a Pipeline,
        offset: usize,
        count: usize,
    ) -> RedisFuture<'a, Vec<Value>> {
        let (wire, pipeline) = (self.wire.clone(), pipeline.clone());
        self.at_home(async move {
            match wire {
                Wire::One(mut one) => one.req_packed_commands(&pipeline, offset, count).await,
                Wire::Cluster(mut nodes) => {
                    nodes.req_packed_commands(&pipeline, offset, count).await
                }
            }
        })
    }

    fn get_db(&self) -> i64 {
        match &self.wire {
            Wire::One(connection) => connection.get_db(),
            Wire::Cluster(connection) => connection.get_db(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_told_without_its_password() {
        let mut config = RedisConfig::new("redis://me:s@cret@host:6379/2");
        assert_eq!(config.shown(), "redis://host:6379/2");
        config.urls = vec!["redis+unix:///run/redis.sock".to_owned(), "rediss://a".to_owned()];
        assert_eq!(config.shown(), "redis+unix:///run/redis.sock, rediss://a");
    }
}
