//! The composition root: builds every part, wires them, starts and stops them in order.
//!
//! Knows every part and decides nothing itself. Called by `main`, and by whoever carries the
//! service inside another process.

mod files;
mod parts;
mod rpc;

use crate::admin::{Admin, keep_calendar};
use crate::auth::door::Guard;
use crate::auth::{self, Keyring};
use crate::catalog;
use crate::clock::Clock;
use crate::config::{Config, ShutdownConfig};
use crate::console::{self, History};
use crate::control_loop::Ending;
use crate::dump_log::{self, DumpRequest};
use crate::health::Stage;
use crate::health::{Condition, Health};
use crate::http::{self, HttpServer};
use crate::measure;
use crate::partition::Partitions;
use crate::shutdown::{Shutdown, Signals};
use crate::telemetry::{MetricsPage, event};
use crate::tls::{self, Tls};
use anyhow::Context;
use axum::Router;
pub use files::check_files;
use paceline_core::units::PartitionId;
pub use parts::engine_config;
use std::convert::Infallible;
use std::net::{SocketAddr, TcpListener};
use std::thread::JoinHandle;
use std::time::Duration;
use tokio::sync::oneshot;
use tokio::task::JoinSet;
use tokio_util::task::TaskTracker;

/// How often facts are put on the health board.
const WATCH_INTERVAL: Duration = Duration::from_millis(250);

/// Where the service listens, with the ports that were taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Addresses {
    /// Pages, probes and metrics.
    pub http: SocketAddr,
    /// RPCs.
    pub grpc: SocketAddr,
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
    let mut expected =
        vec![Condition::StoreReachable, Condition::LogFollowed, Condition::RpcListening];
    expected.extend(config.catalog.file.as_ref().map(|_| Condition::CatalogLoaded));
    let health = Health::new(&expected, Duration::from(config.control_loop.blind_limit));
    let ring = match config.server.tokens_file.file() {
        None => None,
        Some(path) => Some(Keyring::read(path)?),
    };
    let tls = Tls::read(&config.server)?;
    let grpc = config.server.grpc_listen;
    let listener = TcpListener::bind(grpc)
        .with_context(|| format!("listening on server.grpc_listen = {grpc}"))?;
    let listens = listener.local_addr().context("reading the address of the RPC port")?;
    let clock = Clock::of(config.clock.kind);
    let store = parts::open_store(&config).await?;
    let (notifier, webhook) = parts::start_webhook(&config, &clock)?;
    let (tracer, spans) = parts::start_tracer(&config)?;
    let hooks = (&notifier, &tracer);
    let (partitions, threads) = parts::start_loops(&config, &store, &clock, listens, hooks)?;
    let tasks = TaskTracker::new();
    let sinks = parts::start_sinks(&partitions);
    let history = History::new();
    let routes = console::routes(partitions.clone(), history.clone());
    let guard = Guard { ring, console: config.console, limits: config.limits, tracer };
    let http = open_pages(&config, (tls.clone(), guard.clone()), &health, page, routes)?;
    tasks.spawn(console::record(partitions.clone(), history));
    let rpc = rpc::serve(listener, (tls.clone(), &guard), &partitions, &config, &tasks).await?;
    event::listening("grpc", rpc.address);
    health.report(Condition::RpcListening, Ok(()));
    let mut upkeep = tend(&config, &partitions, &health, &tasks);
    let watched = guard.ring.zip(config.server.tokens_file.file().cloned());
    let encrypted = tls.map(|tls| tls::follow(tls, config.server.clone()));
    upkeep.extend(encrypted.map(|following| tasks.spawn(following)));
    upkeep.extend(watched.map(|(ring, path)| tasks.spawn(auth::follow(ring, path))));
    // Nobody need listen.
    let _ = announce.send(Addresses { http: http.address(), grpc: rpc.address });

    let stop = Shutdown::requested(config.shutdown.clone(), health, signals).await;
    upkeep.iter().for_each(tokio::task::JoinHandle::abort);
    let result = wind_down(stop, &config.shutdown, (http, rpc), &partitions, threads).await;
    sinks.stop().await;
    webhook.stop().await;
    spans.stop().await;
    event::stopped();
    result
}

/// Starts what runs beside the loops until the service stops.
fn tend(
    config: &Config,
    partitions: &Partitions,
    health: &Health,
    tasks: &TaskTracker,
) -> Vec<tokio::task::JoinHandle<()>> {
    let mut upkeep = vec![
        tasks.spawn(watch(health.clone(), partitions.clone())),
        tasks.spawn(keep_calendar(partitions.clone())),
        tasks.spawn(measure::run(partitions.clone())),
    ];
    if let Some(file) = config.catalog.file.clone() {
        let admin = Admin::new(partitions.clone(), "catalog.file");
        let interval = Duration::from(config.catalog.reload_interval);
        upkeep.push(tasks.spawn(catalog::follow(admin, file, interval, health.clone())));
    }
    upkeep
}

/// Writes a partition's log to a file; returns how many records are in it.
///
/// # Errors
/// When the store is not there, is in use, or has no such partition; when the file cannot be
/// written.
pub async fn dump(
    config: &Config,
    partition: PartitionId,
    request: &DumpRequest,
) -> anyhow::Result<u64> {
    let store = parts::open_existing_store(config).await?;
    Ok(dump_log::dump(&store, engine_config(config, partition), request).await?)
}

/// Puts what is known of store and loops on the health board, every quarter of a second.
async fn watch(health: Health, partitions: Partitions) {
    let mut was_ready = false;
    loop {
        let store = partitions.store().check().await;
        let fact = store.map_err(|error| crate::error_chain(&error));
        health.report(Condition::StoreReachable, fact);
        let idle = partitions.all().find(|handle| !handle.facts().leads());
        let fact = match idle {
            None => Ok(()),
            Some(handle) => Err(match handle.facts().obstacle() {
                None => format!("partition {} is not led here", handle.partition().0),
                Some(why) => format!("partition {} is not led: {why}", handle.partition().0),
            }),
        };
        health.report(Condition::LogFollowed, fact);
        event::journal_measured(partitions.all().map(|handle| handle.facts().log_bytes()).sum());
        let loops = partitions.all();
        tell_life(&health, loops.map(|handle| (handle.partition(), handle.facts().leads())));
        let is_ready = health.readiness().is_ready;
        if is_ready != was_ready {
            event::readiness_changed(is_ready);
            was_ready = is_ready;
        }
        tokio::time::sleep(WATCH_INTERVAL).await;
    }
}

/// A loop that leads gives a sign of life; of one that lost its lead none is due any more.
fn tell_life(health: &Health, loops: impl Iterator<Item = (PartitionId, bool)>) {
    for (partition, leads) in loops {
        let partition = u16::from(partition.0);
        if leads { health.beat(partition) } else { health.forget(partition) }
    }
}

/// The HTTP port and what stands on it.
fn open_pages(
    config: &Config,
    (tls, guard): (Option<Tls>, Guard),
    health: &Health,
    page: MetricsPage,
    routes: Router,
) -> anyhow::Result<HttpServer> {
    let address = config.server.http_listen;
    let listener = TcpListener::bind(address)
        .with_context(|| format!("listening on server.http_listen = {address}"))?;
    let http = http::start(listener, tls, guard, routes, health.clone(), page)
        .context("starting the pages")?;
    event::listening("http", http.address());
    Ok(http)
}

/// Every stage, in order, each with its work.
async fn wind_down(
    mut stop: Shutdown,
    config: &ShutdownConfig,
    (http, rpc): (HttpServer, rpc::Rpc),
    partitions: &Partitions,
    threads: Vec<JoinHandle<()>>,
) -> anyhow::Result<()> {
    let wait = Duration::from(config.not_ready_wait);
    stop.stage(Stage::NotReady, async {
        tokio::time::sleep(wait).await;
        Ok::<_, Infallible>(())
    })
    .await;
    stop.stage(Stage::StopIntake, async {
        rpc.stop_intake().await;
        Ok::<_, Infallible>(())
    })
    .await;
    stop.stage(Stage::DrainInbox, end(partitions, Ending::Drain)).await;
    stop.stage(Stage::LastTick, end(partitions, Ending::LastTick)).await;
    stop.stage(Stage::Checkpoint, end(partitions, Ending::Checkpoint)).await;
    stop.stage(Stage::ResignLead, async {
        end(partitions, Ending::Resign).await?;
        join(threads).await
    })
    .await;
    stop.stage(Stage::CloseStreams, async {
        http.stop().await;
        rpc.close().await
    })
    .await;
    stop.finish().context("stopping")
}

/// One step of ending in every partition at once; the first that fails is told.
async fn end(partitions: &Partitions, step: Ending) -> Result<(), String> {
    let mut steps = JoinSet::new();
    for handle in partitions.all() {
        let handle = handle.clone();
        steps.spawn(async move {
            let told = |error| format!("partition {}: {error}", handle.partition().0);
            handle.end(step).await.map_err(|error| told(crate::error_chain(&error)))
        });
    }
    let mut result = Ok(());
    while let Some(done) = steps.join_next().await {
        result = result.and(done.map_err(|error| error.to_string()).flatten());
    }
    result
}

/// Waits for the loops' threads, without keeping the deadline from being seen.
async fn join(threads: Vec<JoinHandle<()>>) -> Result<(), String> {
    let joined = tokio::task::spawn_blocking(|| {
        threads.into_iter().map(JoinHandle::join).filter(Result::is_err).count()
    });
    match joined.await {
        Ok(0) => Ok(()),
        Ok(count) => Err(format!("{count} loops ended in a panic")),
        Err(error) => Err(error.to_string()),
    }
}

#[cfg(test)]
mod catalog_tests;
#[cfg(test)]
mod door_tests;
#[cfg(test)]
mod tests {
    use super::*;
    use metrics_exporter_prometheus::PrometheusBuilder;

    #[test]
    fn no_sign_of_life_is_due_of_a_loop_that_lost_its_lead() {
        let health = Health::new(&[], Duration::ZERO);
        let tell = |leads| {
            tell_life(&health, [(PartitionId(0), true), (PartitionId(3), leads)].into_iter());
            let told = crate::clock::Stopwatch::start();
            while told.elapsed() <= Duration::ZERO {
                std::hint::spin_loop();
            }
            health.stalled()
        };
        assert_eq!(tell(true), [0, 3]);
        assert_eq!(tell(false), [0]);
        assert_eq!(tell(true), [0, 3], "it leads again");
    }

    #[tokio::test]
    async fn runs_until_told_and_stops_well() {
        let mut config = Config::default();
        config.server.http_listen.set_port(0);
        config.server.grpc_listen.set_port(0);
        let folder = tempfile::tempdir().unwrap();
        config.store.path = folder.path().to_owned();
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

    /// What a start says of Redis at this address.
    async fn start_on(address: SocketAddr) -> String {
        let mut config = Config::default();
        config.server.http_listen.set_port(0);
        config.server.grpc_listen.set_port(0);
        config.store.kind = crate::config::StoreKind::Redis;
        config.store.redis_url = format!("redis://{address}");
        config.store.command_timeout = paceline_core::units::Span::from_millis(50);
        let page = MetricsPage::of(PrometheusBuilder::new().build_recorder().handle());
        let (_hand, signals) = Signals::manual();
        let error = run(config, page, signals, oneshot::channel().0).await.unwrap_err();
        format!("{error:#}")
    }

    #[tokio::test]
    async fn a_redis_that_is_away_is_told_by_address_cause_and_remedy() {
        let silent = TcpListener::bind("127.0.0.1:0").unwrap();
        let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let (silent_at, _held) = (silent.local_addr().unwrap(), silent);
        let told = tokio::join!(start_on(closed), start_on(silent_at));
        for (told, at, cause) in
            [(told.0, closed, "Connection refused"), (told.1, silent_at, "no answer within")]
        {
            let remedy = format!("start Redis at store.redis_url = redis://{at}, or name one");
            let tried = format!("connecting to redis://{at}: the server cannot be reached: ");
            for part in [&remedy, &tried, cause] {
                assert!(told.contains(part), "{part} is not in {told}");
            }
            assert!(!told.contains("may have been done"), "{told}");
        }
    }

    #[tokio::test]
    async fn a_taken_port_is_told_by_its_setting() {
        let taken = TcpListener::bind("127.0.0.1:0").unwrap();
        let mut config = Config::default();
        config.server.http_listen = taken.local_addr().unwrap();
        config.server.grpc_listen.set_port(0);
        let folder = tempfile::tempdir().unwrap();
        config.store.path = folder.path().to_owned();
        let page = MetricsPage::of(PrometheusBuilder::new().build_recorder().handle());
        let (_hand, signals) = Signals::manual();
        let error = run(config, page, signals, oneshot::channel().0).await.unwrap_err();
        assert!(error.to_string().starts_with("listening on server.http_listen = 127.0.0.1:"));
    }
}
