//! `demo`: service, market and console in one process: the first thing a newcomer runs.
//!
//! The service is the real one, on the embedded store in a folder that is gone afterwards; the
//! market is a drive like any other, over RPC on loopback, one market day after the other. Called
//! by `main`.

mod board;

use crate::drive::{Ended, Order, Stop, play};
use anyhow::Context;
use board::Board;
use paceline::app::{self, Addresses};
use paceline::config::{ClockKind, Config, LogLevel};
use paceline::shutdown::Signals;
use paceline::telemetry::{self, MetricsPage};
use paceline_sim::args::DemoArgs;
use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::time::Duration;
use tokio::sync::oneshot;
use tokio::task::JoinSet;

/// Runs until told to stop; the last market day, if one had begun.
///
/// # Errors
/// When the service does not start or does not stop in order, or refuses the market.
pub(crate) fn run(args: &DemoArgs) -> anyhow::Result<Option<Ended>> {
    let folder = tempfile::tempdir().context("making a folder for the demo's store")?;
    let config = configure(args, folder.path());
    telemetry::install_log(&config.telemetry)?;
    let page = telemetry::install_metrics(config.partitions)?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .context("starting the runtime")?;
    runtime.block_on(show(args, config, page))
}

/// The default configuration, but for clock, store and ports that are taken.
fn configure(args: &DemoArgs, folder: &Path) -> Config {
    let mut config = Config::default();
    folder.clone_into(&mut config.store.path);
    config.clock.kind = ClockKind::Scaled(args.scale);
    // The screen belongs to the table; what needs attention is told all the same.
    config.telemetry.log_level = LogLevel::Warn;
    let server = &mut config.server;
    for (what, address) in [("pages", &mut server.http_listen), ("RPC", &mut server.grpc_listen)] {
        if !is_free(*address) {
            println!("port {} is taken: {what} get a free one", address.port());
            address.set_port(0);
        }
    }
    config
}

fn is_free(address: SocketAddr) -> bool {
    TcpListener::bind(address).is_ok()
}

async fn show(args: &DemoArgs, config: Config, page: MetricsPage) -> anyhow::Result<Option<Ended>> {
    let mut tasks = JoinSet::new();
    let lasts = args.lasts.map(Duration::from);
    let stop = Stop::on_signals(&mut tasks, lasts)?;
    let (hand, signals) = Signals::manual();
    let (announce, announced) = oneshot::channel();
    let mut service = JoinSet::new();
    service.spawn(app::run(config, page, signals, announce));
    let Ok(addresses) = announced.await else {
        let ended = service.join_next().await.context("the service never ran")?;
        ended.context("the service panicked")??;
        anyhow::bail!("the service ended before it began");
    };
    greet(&addresses);
    let market = market(args, &addresses, &stop).await;
    // Room for two requests, and this is the first: it cannot be refused.
    let _ = hand.try_send(());
    let ended = tokio::select! {
        ended = service.join_next() => ended,
        () = urge(&stop, &hand) => service.join_next().await,
    };
    ended.context("the service never ran")?.context("the service panicked")??;
    println!("the service has stopped in order");
    market
}

/// Passes a second request to stop on to the service.
async fn urge(stop: &Stop, hand: &tokio::sync::mpsc::Sender<()>) {
    stop.urged().await;
    let _ = hand.try_send(());
}

fn greet(addresses: &Addresses) {
    let Addresses { http, grpc } = addresses;
    println!("pages    http://{http}/");
    println!("metrics  http://{http}/metrics");
    println!("RPC      http://{grpc}   (paceline ctl --endpoint http://{grpc} …)");
    println!(
        "Ctrl-C ends it; an hour of the market is a minute here unless --scale says otherwise"
    );
    println!();
}

/// One market day after the other.
async fn market(
    args: &DemoArgs,
    addresses: &Addresses,
    stop: &Stop,
) -> anyhow::Result<Option<Ended>> {
    let mut board = Board::new();
    let mut last = None;
    for day in 1_u32.. {
        if stop.is_asked() {
            break;
        }
        let order = Order {
            endpoint: format!("http://{}", addresses.grpc),
            ca_file: None,
            token_file: None,
            name: Some(format!("demo-{day}")),
            campaigns: args.campaigns,
            bidders: args.bidders,
            hours: args.hours,
            seed: args.seed.wrapping_add(u64::from(day) - 1),
        };
        let ended = play(&order, stop, &mut |drive| board.show(drive)).await?;
        board.end();
        let is_away = ended.is_away;
        if ended.is_whole {
            let total = &ended.report.total;
            let used = total.utilisation.unwrap_or(0.0) * 100.0;
            println!("market day {day}: {used:.2} % of what could be spent was spent");
        }
        last = Some(ended);
        anyhow::ensure!(!is_away, "the service does not answer any more");
    }
    Ok(last)
}
