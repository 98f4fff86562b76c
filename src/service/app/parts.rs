//! From the configuration to parts: the store, the engine's settings, the loops.

use crate::clock::Clock;
use crate::config::{Config, ServerConfig, StoreConfig, StoreKind};
use crate::control_loop::{self, LoopHandle, LoopParts, LoopSettings};
use crate::directory::Directory;
use crate::notice::webhook::{Notifier, Webhook};
use crate::partition::Partitions;
use crate::publish::{self, Publisher};
use crate::store::embedded::FILE_NAME;
use crate::store::redis::RedisConfig;
use crate::store::{EmbeddedStore, RedisStore, Store, StoreError, StoreFault};
use crate::trace::Tracer;
use anyhow::Context;
use paceline_core::engine::{EngineConfig, Laws, ShadingMarket};
use paceline_core::pace::{LogPidGains, PassThroughStep, ShippedLaw};
use paceline_core::shade::{ShaderConfig, TieRule};
use paceline_core::units::{PartitionId, Span};
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::thread::JoinHandle;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// How often the streams of foreign producers are looked at when they were empty.
const FOREIGN_INTERVAL: Span = Span::from_millis(200);
/// How often at most in the world's time, whatever the clock's pace: each look is three commands to
/// a server that is no faster in a rehearsal.
const FOREIGN_INTERVAL_MIN: Span = Span::from_millis(20);

/// How long a lead lasts on a store that no other process can open: nobody waits for its end, so
/// that one that ran out, while the machine slept, would only cost a term.
const LEAD_ALONE: Span = Span::DAY;

/// Opens the store the configuration names.
pub(super) async fn open_store(config: &Config) -> anyhow::Result<Store> {
    let partitions = u8::try_from(config.partitions).context("partitions: at most 64")?;
    match config.store.kind {
        StoreKind::Embedded => {
            let path = &config.store.path;
            std::fs::create_dir_all(path)
                .with_context(|| format!("making store.path = {}", path.display()))?;
            Ok(EmbeddedStore::open(path, partitions)?.into())
        }
        StoreKind::Redis => {
            let mut settings = RedisConfig::new(config.store.redis_url.clone());
            let username = &config.store.redis_username;
            settings.username = (!username.is_empty()).then(|| username.clone());
            let store = &config.store;
            let (secret, authority_file) =
                (store.redis_password_file.file(), store.redis_authority_file.as_ref());
            settings.password =
                password(store).with_context(|| reading("store.redis_password_file", secret))?;
            settings.authority = authority(store)
                .with_context(|| reading("store.redis_authority_file", authority_file))?;
            settings.connect_timeout = config.store.connect_timeout.into();
            settings.command_timeout = config.store.command_timeout.into();
            let connected = RedisStore::connect(&settings, partitions).await;
            Ok(connected.map_err(|error| advised(&settings, error))?.into())
        }
    }
}

fn reading(key: &str, file: Option<&PathBuf>) -> String {
    format!("reading {key} = {}", file.map_or_else(String::new, |file| file.display().to_string()))
}

/// The password of Redis; nothing when none is configured.
pub(super) fn password(config: &StoreConfig) -> io::Result<Option<String>> {
    let Some(file) = config.redis_password_file.file() else { return Ok(None) };
    let text = std::fs::read_to_string(file)?;
    let password = text.trim_end();
    if password.is_empty() {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "it holds no password"));
    }
    Ok(Some(password.to_owned()))
}

/// PEM text of the authority that signed the certificate of Redis; nothing when none is configured.
pub(super) fn authority(config: &StoreConfig) -> io::Result<Option<Vec<u8>>> {
    config.redis_authority_file.as_ref().map(std::fs::read).transpose()
}

/// Adds what to do where no server answered; other faults say it themselves.
fn advised(settings: &RedisConfig, error: StoreError) -> anyhow::Error {
    let is_away = matches!(error.fault(), StoreFault::Unreachable(_));
    let error = anyhow::Error::new(error);
    if !is_away {
        return error;
    }
    error.context(format!(
        "the store cannot be opened and nothing was started: start Redis at store.redis_url = {}, \
         or name one that runs",
        settings.shown()
    ))
}

/// Opens a store to read it, and makes none.
pub(super) async fn open_existing_store(config: &Config) -> anyhow::Result<Store> {
    let path = config.store.path.join(FILE_NAME);
    anyhow::ensure!(
        config.store.kind != StoreKind::Embedded || path.exists(),
        "there is no store at {}; store.path says where the service keeps its own",
        path.display(),
    );
    open_store(config).await
}

/// What the engine of a partition is told.
#[must_use]
pub fn engine_config(config: &Config, partition: PartitionId) -> EngineConfig {
    let defaults = EngineConfig::default();
    let gains = LogPidGains {
        // A quarter a minute as published: the dead-band of publication comes on top.
        slew_per_minute: config.law.slew_per_minute - defaults.publish_threshold,
        settling_minutes_max: config.law.time_constant.as_seconds() / 60.0,
        ..LogPidGains::default()
    };
    let count = |count: u32| usize::try_from(count).unwrap_or(usize::MAX);
    let mut ledger = defaults.ledger;
    ledger.dedup_window = config.ledger.dedup_window;
    ledger.dedup_events_max = count(config.ledger.dedup_events_max);
    ledger.producers_max = count(config.ledger.producers_max);
    ledger.producer_gap_bits = config.ledger.producer_gap_bits.into();
    EngineConfig {
        partition,
        laws: Laws {
            log_pid: ShippedLaw::LogPid(gains),
            pass_through: ShippedLaw::PassThrough(PassThroughStep::default()),
            asap: ShippedLaw::Asap,
        },
        ledger,
        tick: config.control_loop.tick,
        lease_valid: config.lease.valid,
        lease_grace: config.lease.grace,
        replan_interval: config.plan.replan_interval,
        blind_limit: config.control_loop.blind_limit,
        source_timeout: config.control_loop.source_timeout,
        finish: config.plan.finish_share,
        billed_share: config.law.billed_share.as_f64(),
        elasticity: config.law.elasticity,
        shading: config.shading.currency.map(|currency| ShadingMarket {
            currency,
            shader: ShaderConfig {
                tie: if config.shading.tie_wins { TieRule::Win } else { TieRule::Lose },
                silence: config.shading.silence,
                ..ShaderConfig::default()
            },
        }),
        allowance_horizon: config.allowance.enabled.then_some(config.allowance.horizon),
        ..defaults
    }
}

/// Starts a loop for every partition.
pub(super) fn start_loops(
    config: &Config,
    store: &Store,
    clock: &Clock,
    listens: SocketAddr,
    (notifier, tracer): (&Notifier, &Tracer),
) -> anyhow::Result<(Partitions, Vec<JoinHandle<()>>)> {
    let holder = control_loop::holder(reach(&config.server, listens).as_deref(), clock.now());
    let directory = Directory::default();
    let mut loops: Vec<(LoopHandle, Publisher)> = Vec::new();
    let mut threads = Vec::new();
    for number in 0..store.partitions() {
        let partition = PartitionId(number);
        let publisher = Publisher::new(partition);
        let (handle, thread) = control_loop::start(LoopParts {
            partition,
            store: store.clone(),
            clock: clock.clone(),
            engine: engine_config(config, partition),
            settings: LoopSettings {
                notifier: notifier.clone(),
                tracer: tracer.clone(),
                ..loop_settings(config, store, clock, holder.clone())
            },
            publisher: publisher.clone(),
            directory: directory.clone(),
        })
        .with_context(|| format!("starting the loop of partition {number}"))?;
        loops.push((handle, publisher));
        threads.push(thread);
    }
    let partitions = Partitions::new(loops, directory, store.clone(), clock.clone());
    Ok((partitions, threads))
}

/// Starts the webhook's sink; tells nobody where none is configured.
pub(super) fn start_webhook(config: &Config, clock: &Clock) -> anyhow::Result<(Notifier, Sinks)> {
    let (tasks, stop) = (TaskTracker::new(), CancellationToken::new());
    let notifier = match Webhook::open(&config.notices, clock.clone())? {
        None => Notifier::default(),
        Some(webhook) => {
            let (notifier, work) = webhook.start(stop.clone());
            tasks.spawn(work);
            notifier
        }
    };
    Ok((notifier, Sinks { tasks, stop }))
}

/// Starts sending spans; makes none where no collector is configured.
pub(super) fn start_tracer(config: &Config) -> anyhow::Result<(Tracer, Sinks)> {
    let (tasks, stop) = (TaskTracker::new(), CancellationToken::new());
    let url = &config.telemetry.traces_endpoint;
    let (tracer, work) = Tracer::open(&config.telemetry, stop.clone())
        .with_context(|| format!("preparing telemetry.traces_endpoint = {url}"))?;
    if let Some(work) = work {
        tasks.spawn(work);
    }
    Ok((tracer, Sinks { tasks, stop }))
}

/// What runs behind the loops: what writes tables to Redis, nothing on a store that has no other
/// readers; what posts notices; what sends spans.
pub(super) struct Sinks {
    tasks: TaskTracker,
    stop: CancellationToken,
}

/// Starts a sink for every partition.
pub(super) fn start_sinks(partitions: &Partitions) -> Sinks {
    let (tasks, stop) = (TaskTracker::new(), CancellationToken::new());
    if let Store::Redis(store) = partitions.store() {
        for handle in partitions.all() {
            let (partition, stop) = (handle.partition(), stop.clone());
            let publisher = partitions.publisher(partition).clone();
            let sink = publish::redis::shades::follow;
            tasks.spawn(sink(publisher.clone(), partition, store.clone(), stop.clone()));
            tasks.spawn(publish::redis::follow(publisher, partition, store.clone(), stop));
        }
    }
    Sinks { tasks, stop }
}

impl Sinks {
    /// Writes what is not written yet, tells what is not told yet, and ends: at most one command's
    /// time-out later, or one of the webhook.
    pub(super) async fn stop(self) {
        self.stop.cancel();
        self.tasks.close();
        self.tasks.wait().await;
    }
}

/// Where others reach the RPC services, as far as this process can tell.
fn reach(config: &ServerConfig, listens: SocketAddr) -> Option<String> {
    if !config.advertised_address.is_empty() {
        return Some(config.advertised_address.clone());
    }
    (!listens.ip().is_unspecified()).then(|| listens.to_string())
}

fn loop_settings(config: &Config, store: &Store, clock: &Clock, holder: String) -> LoopSettings {
    let counters = &config.counters;
    let is_alone = matches!(store, Store::Embedded(_));
    LoopSettings {
        holder,
        is_alone,
        lead_span: if is_alone { LEAD_ALONE } else { config.control_loop.lead },
        tick_min: config.control_loop.min_tick_interval,
        checkpoint_interval: config.log.checkpoint_interval,
        log_bytes_max: config.log.journal_max.get() / u64::from(config.partitions.max(1)),
        foreign_interval: FOREIGN_INTERVAL.max(FOREIGN_INTERVAL_MIN.times(clock.factor().into())),
        counters_interval: counters.enabled.then_some(counters.poll_interval),
        inbox_max: usize::try_from(config.control_loop.inbox_events_max).unwrap_or(1_024).max(1),
        notifier: Notifier::default(),
        tracer: Tracer::default(),
    }
}
