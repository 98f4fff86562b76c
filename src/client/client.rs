//! Builds a client over a channel and runs its one background task.
//!
//! The task follows the tables, draws money, reports spend and traffic, keeps the table on disk and
//! tells the counters. It ends with the client.

use crate::board::Board;
use crate::cold_start;
use crate::handle::PacelineHandle;
use crate::opportunity::{self, Opportunities};
use crate::spend::{self, SpendReporter, SpendSender, WhenFull};
use crate::stats::Fact;
use crate::subscribe::Desk;
use crate::{Settings, open};
use paceline_core::units::Name;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tonic::transport::Channel;

/// How often counters are told to the recorder.
const EXPORT_INTERVAL: Duration = Duration::from_secs(1);
/// How often the table is kept on disk.
const KEEP_INTERVAL: Duration = Duration::from_secs(60);

/// What a client is to be like.
#[derive(Debug)]
pub struct Builder {
    channel: Channel,
    settings: Settings,
    bidder_id: Option<Name>,
    cold_start: Option<PathBuf>,
    spend_buffer_max: usize,
    when_full: WhenFull,
    counters_max: usize,
}

impl Builder {
    /// Over a channel to the service, connected or lazy, with whatever TLS and credentials it
    /// has. Without a bidder id there are no allowances.
    #[must_use]
    pub fn new(channel: Channel) -> Self {
        Self {
            channel,
            settings: Settings::default(),
            bidder_id: None,
            cold_start: None,
            spend_buffer_max: 100_000,
            when_full: WhenFull::default(),
            counters_max: 100_000,
        }
    }

    /// Names this run of the bidder, and its reports of spend. What it has committed is known to
    /// the process alone: a new start takes a new name, such as host and time of the start.
    #[must_use]
    pub fn with_bidder_id(mut self, bidder_id: Name) -> Self {
        self.settings.has_bidder = true;
        self.bidder_id = Some(bidder_id);
        self
    }

    /// Bounds of the table and of the holds. Whether there is a bidder id is not taken from here.
    #[must_use]
    pub fn with_settings(mut self, settings: Settings) -> Self {
        self.settings = Settings { has_bidder: self.bidder_id.is_some(), ..settings };
        self
    }

    /// Keeps the last table in this file and starts from it.
    #[must_use]
    pub fn with_cold_start(mut self, path: impl Into<PathBuf>) -> Self {
        self.cold_start = Some(path.into());
        self
    }

    /// How many spend events may wait (100 000 when not stated), and what becomes of more.
    #[must_use]
    pub const fn with_spend_buffer(mut self, events_max: usize, when_full: WhenFull) -> Self {
        self.spend_buffer_max = events_max;
        self.when_full = when_full;
        self
    }

    /// Starts the background task on the current tokio runtime.
    ///
    /// # Panics
    /// Outside a tokio runtime.
    #[must_use]
    pub fn start(self) -> PacelineClient {
        let (_, mut writer) = open(self.settings);
        let board = Arc::clone(writer.board());
        if let Some(path) = &self.cold_start
            && writer.read_kept(path).is_err()
        {
            writer.board().stats.note(Fact::ColdStartFailed, 1);
        }
        let producer_id = self.bidder_id.map(String::from);
        let desk = Arc::new(Desk::new(writer, producer_id.clone()));
        let (reporter, sender) = spend::channel(
            Arc::clone(&desk),
            producer_id.clone(),
            self.spend_buffer_max,
            self.when_full,
        );
        let opportunities = Arc::new(Opportunities::new(self.counters_max));
        let (stop, stopped) = watch::channel(false);
        let task = Background {
            channel: self.channel,
            desk,
            sender,
            opportunities: Arc::clone(&opportunities),
            producer_id,
            cold_start: self.cold_start,
            stopped,
        };
        #[expect(clippy::disallowed_methods, reason = "the client's one background task")]
        let task = tokio::spawn(task.run());
        PacelineClient { board, reporter, opportunities, stop, task: Some(task) }
    }
}

/// A running client. Dropping it stops its background task at once; see [`Self::shut_down`].
#[derive(Debug)]
pub struct PacelineClient {
    board: Arc<Board>,
    reporter: SpendReporter,
    opportunities: Arc<Opportunities>,
    stop: watch::Sender<bool>,
    task: Option<JoinHandle<()>>,
}

impl PacelineClient {
    /// Decides; one clone for each bidding thread.
    #[must_use]
    pub fn handle(&self) -> PacelineHandle {
        PacelineHandle::new(Arc::clone(&self.board))
    }

    /// Reports spend.
    #[must_use]
    pub fn reporter(&self) -> SpendReporter {
        self.reporter.clone()
    }

    /// Counts asks, bids and wins.
    #[must_use]
    pub fn opportunities(&self) -> Arc<Opportunities> {
        Arc::clone(&self.opportunities)
    }

    /// Sends what is still to be reported, and ends; at the deadline, ends all the same. True when
    /// everything was sent.
    pub async fn shut_down(mut self, deadline: Duration) -> bool {
        let _ = self.stop.send(true);
        let Some(task) = self.task.take() else { return true };
        let abort = task.abort_handle();
        let is_done = tokio::time::timeout(deadline, task).await.is_ok();
        abort.abort();
        is_done
    }
}

impl Drop for PacelineClient {
    fn drop(&mut self) {
        if let Some(task) = &self.task {
            task.abort();
        }
    }
}

struct Background {
    channel: Channel,
    desk: Arc<Desk>,
    sender: SpendSender,
    opportunities: Arc<Opportunities>,
    producer_id: Option<String>,
    cold_start: Option<PathBuf>,
    stopped: watch::Receiver<bool>,
}

impl Background {
    async fn run(self) {
        let Self { channel, desk, sender, opportunities, producer_id, cold_start, stopped } = self;
        let reports = async {
            let counts =
                opportunity::run(&opportunities, &desk, producer_id, &channel, stopped.clone());
            tokio::join!(sender.run(&channel, stopped.clone()), counts);
        };
        // These never end; what ends the task is that everything is reported.
        let upkeep = async {
            tokio::join!(
                desk.watch(&channel),
                desk.draw(&channel),
                desk.sweep(),
                export(&desk),
                keep(&desk, cold_start.as_ref()),
            );
        };
        tokio::select! {
            () = reports => {}
            () = upkeep => {}
        }
        if let Some(path) = cold_start {
            keep_once(&desk, path).await;
        }
    }
}

async fn export(desk: &Desk) {
    let mut interval = tokio::time::interval(EXPORT_INTERVAL);
    loop {
        interval.tick().await;
        let now = desk.now().unwrap_or_default();
        desk.with_writer(|writer| writer.export(now));
    }
}

async fn keep(desk: &Desk, path: Option<&PathBuf>) {
    let Some(path) = path else { return };
    let mut interval = tokio::time::interval(KEEP_INTERVAL);
    interval.tick().await;
    loop {
        interval.tick().await;
        keep_once(desk, path.clone()).await;
    }
}

/// Writes the table on a thread that may block.
async fn keep_once(desk: &Desk, path: PathBuf) {
    let (board, sections) =
        desk.with_writer(|writer| (Arc::clone(writer.board()), writer.sections()));
    if sections.is_empty() {
        return;
    }
    let written = {
        let board = Arc::clone(&board);
        tokio::task::spawn_blocking(move || cold_start::write(&board, &sections, &path)).await
    };
    if !matches!(written, Ok(Ok(()))) {
        board.stats.note(Fact::ColdStartFailed, 1);
    }
}
