//! `drive`: a simulated market against a running service, over real RPC.
//!
//! Enters an advertiser and campaigns, starts real clients, plays the simulator's own market at the
//! pace of the service's clock and judges what came of it with the report of `run`. Knows the
//! service by its contract alone. Called by `main`; the demo plays the same drives.

mod books;
mod clock;
mod floor;
mod link;
mod play;
mod portfolio;
mod world;

pub(crate) use play::{Drive, play};

use anyhow::Context;
use paceline::shutdown::Signals;
use paceline_sim::args::DriveArgs;
use paceline_sim::progress::Progress;
use paceline_sim::report::RunReport;
use std::path::PathBuf;
use std::time::Duration;
use tokio::sync::watch;
use tokio::task::JoinSet;

/// What to play.
#[derive(Debug, Clone)]
pub(crate) struct Order {
    /// Where the service listens.
    pub(crate) endpoint: String,
    /// Who vouches for its certificate, if it has one.
    pub(crate) ca_file: Option<PathBuf>,
    /// What shows that all this is allowed, if it asks for that.
    pub(crate) token_file: Option<PathBuf>,
    /// What the advertiser is called and all other names begin with; made from the start's time
    /// when absent.
    pub(crate) name: Option<String>,
    /// How many campaigns.
    pub(crate) campaigns: u32,
    /// How many clients.
    pub(crate) bidders: u32,
    /// Hours of the service's time, which is also the campaigns' flight.
    pub(crate) hours: u32,
    /// Seeds the market.
    pub(crate) seed: u64,
}

/// What came of it.
#[derive(Debug)]
pub(crate) struct Ended {
    /// The numbers.
    pub(crate) report: RunReport,
    /// What else is worth telling.
    pub(crate) notes: Vec<String>,
    /// Whether it was played to its end, and so judged.
    pub(crate) is_whole: bool,
    /// Whether it ended because the service did not answer any more.
    pub(crate) is_away: bool,
}

/// How often somebody asked to stop. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Stop(watch::Receiver<u32>);

impl Stop {
    /// Counts signals from now on, in a task of `tasks`; the end of `lasts` counts as one.
    pub(crate) fn on_signals(
        tasks: &mut JoinSet<()>,
        lasts: Option<Duration>,
    ) -> anyhow::Result<Self> {
        let mut signals = Signals::install().context("listening to signals")?;
        let (count, stop) = watch::channel(0);
        let timed = count.clone();
        tasks.spawn(async move {
            loop {
                signals.next().await;
                count.send_modify(|count| *count += 1);
            }
        });
        if let Some(lasts) = lasts {
            tasks.spawn(async move {
                tokio::time::sleep(lasts).await;
                timed.send_modify(|count| *count = (*count).max(1));
            });
        }
        Ok(Self(stop))
    }

    /// Whether to end in order.
    pub(crate) fn is_asked(&self) -> bool {
        *self.0.borrow() > 0
    }

    /// Whether to wait for nothing any more.
    pub(crate) fn is_urged(&self) -> bool {
        *self.0.borrow() > 1
    }

    /// Returns once nothing is to be waited for any more.
    pub(crate) async fn urged(&self) {
        let mut stop = self.0.clone();
        if stop.wait_for(|count| *count > 1).await.is_err() {
            // Nobody listens to signals any more, so nobody can ask.
            std::future::pending::<()>().await;
        }
    }
}

/// Plays one drive, with a bar where there is a terminal.
///
/// # Errors
/// When the service does not answer, or refuses what is entered.
pub(crate) fn run(args: &DriveArgs) -> anyhow::Result<Ended> {
    let order = Order {
        endpoint: args.endpoint.clone(),
        ca_file: args.ca_file.clone(),
        token_file: args.token_file.clone(),
        name: args.name.clone(),
        campaigns: args.campaigns,
        bidders: args.bidders,
        hours: args.hours,
        seed: args.seed,
    };
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .context("starting the runtime")?;
    runtime.block_on(async {
        let mut tasks = JoinSet::new();
        let stop = Stop::on_signals(&mut tasks, None)?;
        let mut progress = Progress::of_shares();
        play(&order, &stop, &mut |drive| progress.set_share(drive.share())).await
    })
}
