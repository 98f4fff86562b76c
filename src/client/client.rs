//! Builds a client over a channel and runs its one background task.
//!
//! The task follows the tables, draws money, reports spend, traffic and outcomes, keeps the table
//! on disk and tells the counters. It ends with the client.

use crate::board::Board;
use crate::cold_start;
use crate::handle::PacelineHandle;
use crate::line::{Credentials, Line};
use crate::opportunity::{self, Opportunities};
use crate::outcome::{self, OutcomeReporter, OutcomeSender, OutcomeSettings};
use crate::spend::{self, SpendReporter, SpendSender, WhenFull};
use crate::stats::Fact;
use crate::subscribe::Desk;
use crate::{Settings, open};
use paceline_core::units::Name;
use std::hash::{BuildHasher as _, Hasher as _, RandomState};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tonic::metadata::{Ascii, MetadataValue};
use tonic::transport::Channel;

/// How often counters are told to the recorder.
const EXPORT_INTERVAL: Duration = Duration::from_secs(1);
/// How often the table is kept on disk.
const KEEP_INTERVAL: Duration = Duration::from_secs(60);

/// Bytes of a name that stay beside a point and 16 hex digits, of the 64 an id may have.
const NAME_BYTES_MAX: usize = 47;

/// A bidder's name, made into the id of one run of it.
fn id_of_run(name: Name, run: u64) -> String {
    let mut id = String::from(name);
    while id.len() > NAME_BYTES_MAX {
        id.pop();
    }
    id.push_str(&format!(".{run:016x}"));
    id
}

/// What a client is to be like.
#[derive(Debug)]
pub struct Builder {
    channel: Channel,
    credentials: Credentials,
    settings: Settings,
    bidder_id: Option<String>,
    cold_start: Option<PathBuf>,
    spend_buffer_max: usize,
    when_full: WhenFull,
    counters_max: usize,
    outcomes: Option<OutcomeSettings>,
}

impl Builder {
    /// Over a channel to the service, connected or lazy, with whatever TLS it has. Without a bidder
    /// id there are no allowances.
    #[must_use]
    pub fn new(channel: Channel) -> Self {
        Self {
            channel,
            credentials: Credentials::default(),
            settings: Settings::default(),
            bidder_id: None,
            cold_start: None,
            spend_buffer_max: 100_000,
            when_full: WhenFull::default(),
            counters_max: 100_000,
            outcomes: None,
        }
    }

    /// Names the bidder. What it has committed of its allowances is known to this process alone, so
    /// the id it goes by, also in its reports of spend, is this name (its first 47 bytes) and a
    /// random number, which no other run has: see [`PacelineClient::bidder_id`].
    #[must_use]
    pub fn with_bidder_id(mut self, name: Name) -> Self {
        self.settings.has_bidder = true;
        self.bidder_id = Some(id_of_run(name, RandomState::new().build_hasher().finish()));
        self
    }

    /// Shows this with every call, as the `authorization` header: `Bearer` and the token that the
    /// service gave. It is never logged.
    #[must_use]
    pub fn with_authorization(mut self, header: MetadataValue<Ascii>) -> Self {
        self.credentials = Credentials::new(header);
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

    /// Reports what becomes of bids, for shading to learn from: see [`PacelineClient::outcomes`].
    #[must_use]
    pub const fn with_outcomes(mut self, settings: OutcomeSettings) -> Self {
        self.outcomes = Some(settings);
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
        let producer_id = self.bidder_id;
        let desk = Arc::new(Desk::new(writer, producer_id.clone()));
        let (reporter, sender) = spend::channel(
            Arc::clone(&desk),
            producer_id.clone(),
            self.spend_buffer_max,
            self.when_full,
        );
        let outcomes =
            self.outcomes.map(|settings| outcome::channel(&board, producer_id.clone(), settings));
        let (outcomes, outcome_sender) = outcomes.unzip();
        let opportunities = Arc::new(Opportunities::new(self.counters_max));
        let (stop, stopped) = watch::channel(false);
        let task = Background {
            line: Line::new(self.channel, self.credentials),
            desk,
            sender,
            outcome_sender,
            opportunities: Arc::clone(&opportunities),
            producer_id: producer_id.clone(),
            cold_start: self.cold_start,
            stopped,
        };
        #[expect(clippy::disallowed_methods, reason = "the client's one background task")]
        let task = tokio::spawn(task.run());
        let bidder_id = producer_id;
        PacelineClient {
            board,
            reporter,
            outcomes,
            opportunities,
            bidder_id,
            stop,
            task: Some(task),
        }
    }
}

/// A running client. Dropping it stops its background task at once; see [`Self::shut_down`].
#[derive(Debug)]
pub struct PacelineClient {
    board: Arc<Board>,
    reporter: SpendReporter,
    outcomes: Option<OutcomeReporter>,
    opportunities: Arc<Opportunities>,
    bidder_id: Option<String>,
    stop: watch::Sender<bool>,
    task: Option<JoinHandle<()>>,
}

impl PacelineClient {
    /// The id this run goes by, with the service and in its reports of spend.
    #[must_use]
    pub fn bidder_id(&self) -> Option<&str> {
        self.bidder_id.as_deref()
    }

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

    /// Reports what became of bids; `None` when the builder was not told of outcomes.
    #[must_use]
    pub fn outcomes(&self) -> Option<OutcomeReporter> {
        self.outcomes.clone()
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
    line: Line,
    desk: Arc<Desk>,
    sender: SpendSender,
    outcome_sender: Option<OutcomeSender>,
    opportunities: Arc<Opportunities>,
    producer_id: Option<String>,
    cold_start: Option<PathBuf>,
    stopped: watch::Receiver<bool>,
}

impl Background {
    async fn run(self) {
        let Self {
            line,
            desk,
            sender,
            outcome_sender,
            opportunities,
            producer_id,
            cold_start,
            stopped,
        } = self;
        let reports = async {
            let counts =
                opportunity::run(&opportunities, &desk, producer_id, &line, stopped.clone());
            let outcomes = async {
                if let Some(sender) = outcome_sender {
                    sender.run(&line, stopped.clone()).await;
                }
            };
            tokio::join!(sender.run(&line, stopped.clone()), counts, outcomes);
        };
        // These never end; what ends the task is that everything is reported.
        let upkeep = async {
            tokio::join!(
                desk.watch(&line),
                desk.draw(&line),
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_names_one_run_and_fits_however_long_the_name() {
        let name = |text: &str| Name::try_new(text).unwrap();
        assert_eq!(id_of_run(name("host-1"), 0xab), "host-1.00000000000000ab");
        let long = id_of_run(name(&"é".repeat(32)), u64::MAX);
        assert_eq!(long, format!("{}.{:016x}", "é".repeat(23), u64::MAX));
        assert!(Name::try_new(long).is_ok());
    }
}
