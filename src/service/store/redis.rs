//! The Redis store: required for more than one replica; standalone or cluster.
//!
//! All keys are in [`keys`], all scripts in [`scripts`]; [`link`] is the line. The log is a stream
//! whose entries are batches. What other programs write for paceline is read by [`foreign`]
//! (streams) and [`counters`]. Knows no pacing; see `docs/REDIS.md` for the public contract.

pub mod counters;
mod entry;
pub mod foreign;
mod keys;
mod link;
mod log;
mod past;
mod scripts;
mod state;
pub mod table;

pub use entry::StreamId;
pub use link::RedisConfig;

use super::codec::FORMAT;
use super::error::{Doing as _, StoreError, StoreFault};
use keys::Key;
use link::{Link, Touched};
use paceline_core::units::PartitionId;
use redis::Cmd;
use scripts::Scripts;
use std::sync::Arc;
use tokio::sync::watch;

/// Everything durable, on Redis. Cheap to clone; all clones share one connection.
#[derive(Debug, Clone)]
pub struct RedisStore {
    link: Link,
    scripts: Arc<Scripts>,
    partitions: u8,
}

impl RedisStore {
    /// Connects, and makes the layout with `partitions` partitions, which is fixed from then on.
    ///
    /// # Errors
    /// [`StoreFault::Config`], [`StoreFault::Partitions`], [`StoreFault::Unreachable`] and other
    /// ailments of the server.
    pub async fn connect(config: &RedisConfig, partitions: u8) -> Result<Self, StoreError> {
        let connected = async {
            if partitions == 0 {
                let rule = "must be at least 1".to_owned();
                return Err(StoreFault::Config { field: "partitions", rule });
            }
            let scripts = Arc::new(Scripts::new());
            let store = Self { link: Link::open(config)?, scripts, partitions };
            let (touched, command) = asked_layout();
            store.link.knock(config.connect_timeout, &[touched], &command).await?;
            store.check_layout().await?;
            Ok(store)
        };
        connected.await.doing(|| format!("connecting to {}", config.shown()))
    }

    /// Whether the server answered last. Changes on the edges only: for one log line and a gauge.
    #[must_use]
    pub fn reachable(&self) -> watch::Receiver<bool> {
        self.link.reachable()
    }

    pub(super) const fn partitions(&self) -> u8 {
        self.partitions
    }

    async fn check_layout(&self) -> Result<(), StoreFault> {
        let touched = (Key::Layout, PartitionId(0));
        let name = Key::Layout.of(PartitionId(0));
        let mut commands = redis::pipe();
        for (field, value) in [("format", FORMAT), ("partitions", self.partitions)] {
            commands.cmd("HSETNX").arg(&name).arg(field).arg(value).ignore();
        }
        commands.cmd("HMGET").arg(&name).arg("format").arg("partitions");
        let ((format, found),): ((String, String),) =
            self.link.pipeline(&[touched], &commands).await?;
        if format != FORMAT.to_string() {
            let why = format!("it has format {format}, this program reads format {FORMAT}");
            return Err(StoreFault::unreadable("the store", why));
        }
        let found = found
            .parse()
            .map_err(|error| StoreFault::unreadable("the number of partitions", error))?;
        if found == self.partitions {
            Ok(())
        } else {
            Err(StoreFault::Partitions { found, wanted: self.partitions })
        }
    }

    pub(super) async fn check(&self) -> Result<(), StoreFault> {
        let (touched, command) = asked_layout();
        if self.link.call(&[touched], &command).await? {
            Ok(())
        } else {
            // Emptied under our feet: it is made anew as it was, or what another made is checked.
            self.check_layout().await
        }
    }
}

/// Whether there is a layout. About a key of ours, so that a cluster's node answers and not only
/// its gate.
fn asked_layout() -> (Touched, Cmd) {
    let touched = (Key::Layout, PartitionId(0));
    let mut command = redis::cmd("HEXISTS");
    command.arg(Key::Layout.of(PartitionId(0))).arg("partitions");
    (touched, command)
}
