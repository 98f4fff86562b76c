//! One partition's control loop: a thread of its own, the sole owner of its engine.
//!
//! Everything that happens goes through the log: an input is appended, durably, and then read back
//! and applied with whatever came before it, so that the engine's state is a fold over the log and
//! nothing else. Others talk to the loop through [`LoopHandle`] alone; the loop waits for nobody.

mod bridge;
mod fold;
mod follower;
mod herald;
mod intake;
mod leader;
mod nuisance;
mod obstacle;
mod scribe;
pub mod snapshot;
mod term;
#[cfg(test)]
mod tests;

use crate::audit::Trail;
use crate::clock::Clock;
use crate::directory::Directory;
use crate::notice::webhook::Notifier;
use crate::publish::Publisher;
use crate::store::Store;
use crate::trace::{Parents, Tracer, current};
use fold::Source;
use paceline_core::engine::{Applied, Engine, EngineConfig};
use paceline_core::input::{AllowanceDraw, Input};
use paceline_core::table::Allowance;
use paceline_core::units::{PartitionId, Span, Timestamp};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use tokio::sync::{mpsc, oneshot};

/// Why the loop did not do as asked.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum LoopError {
    /// When another process leads the partition.
    #[error("another process leads this partition")]
    NotLeader {
        /// Who, if known: its address, or the name of its life while it gives none.
        leader: Option<String>,
    },
    /// When the log cannot be reached, or the loop has more to do than it can hold.
    #[error("the loop cannot do this now: {why}")]
    Unavailable {
        /// What is in the way.
        why: String,
    },
    /// When the service is stopping.
    #[error("the loop has stopped")]
    Stopped,
}

impl LoopError {
    /// Whether trying again may help.
    #[must_use]
    pub const fn is_transient(&self) -> bool {
        matches!(self, Self::Unavailable { .. } | Self::NotLeader { .. })
    }

    fn failed(error: &dyn std::error::Error) -> Self {
        Self::Unavailable { why: crate::error_chain(error) }
    }
}

/// What a loop is made of.
#[derive(Debug)]
pub struct LoopParts {
    /// Which partition.
    pub partition: PartitionId,
    /// Where its log lies.
    pub store: Store,
    /// What time it is.
    pub clock: Clock,
    /// What the engine is told.
    pub engine: EngineConfig,
    /// How the loop runs.
    pub settings: LoopSettings,
    /// Where its tables go.
    pub publisher: Publisher,
    /// Where its campaigns are entered by name.
    pub directory: Directory,
}

impl LoopParts {
    fn source(&self) -> Source {
        Source { partition: self.partition, store: self.store.clone(), engine: self.engine }
    }
}

/// How a loop runs.
#[derive(Debug, Clone)]
pub struct LoopSettings {
    /// Who this process is, for the lead.
    pub holder: String,
    /// Whether nobody else can hold this store: a lead left over from an earlier life is then ours.
    pub is_alone: bool,
    /// How long the lead is held without renewal; a third of it is the renewal's period. In the
    /// world's time, whatever the pace of the clock.
    pub lead_span: Span,
    /// The shortest time between two ticks.
    pub tick_min: Span,
    /// How often the state is written down.
    pub checkpoint_interval: Span,
    /// Bytes of the log that are kept, beyond what came after the last checkpoint.
    pub log_bytes_max: u64,
    /// How often entries of other programs are fetched when there were none.
    pub foreign_interval: Span,
    /// How often counters are read; absent: never.
    pub counters_interval: Option<Span>,
    /// Requests the loop may have waiting.
    pub inbox_max: usize,
    /// Who hears of notices, beside the log.
    pub notifier: Notifier,
    /// Begins the traces of rounds and checkpoints.
    pub tracer: Tracer,
}

impl Default for LoopSettings {
    /// For a process that is alone; the holder has no name.
    fn default() -> Self {
        Self {
            holder: String::new(),
            is_alone: true,
            lead_span: Span::from_secs(15),
            tick_min: Span::from_millis(200),
            checkpoint_interval: Span::MINUTE,
            log_bytes_max: 2_000_000_000,
            foreign_interval: Span::from_millis(200),
            counters_interval: None,
            inbox_max: 1_024,
            notifier: Notifier::default(),
            tracer: Tracer::default(),
        }
    }
}

type Question = Box<dyn FnOnce(&Engine, &Trail) + Send>;
type Answer = Result<Vec<Applied>, LoopError>;
type Replies = oneshot::Sender<Answer>;

/// What is to be appended, who waits for what becomes of it, and in which traces.
struct Submission {
    inputs: Vec<Input>,
    reply: Replies,
    traces: Parents,
}

/// The steps of ending, in order. Until the last one the loop goes on with its work.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Ending {
    /// Apply what is in the log.
    Drain,
    /// Decide once more, so that the table goes out with a full lease.
    LastTick,
    /// Write down the state.
    Checkpoint,
    /// Give up the lead; the loop ends.
    Resign,
}

impl Ending {
    /// All steps.
    pub const ALL: [Self; 4] = [Self::Drain, Self::LastTick, Self::Checkpoint, Self::Resign];
}

/// Between a holder's address and the name of its life; in no address.
const LIFE_MARK: char = '#';

/// Who this process is, for the lead: where others reach its RPCs, if that is known, and which life
/// of it, so that a restarted one is someone else.
#[must_use]
pub fn holder(address: Option<&str>, started_at: Timestamp) -> String {
    let life = format!("{}-{}", std::process::id(), started_at.as_micros());
    address.map_or_else(|| life.clone(), |address| format!("{address}{LIFE_MARK}{life}"))
}

/// What others are told of a holder: its address, or all there is to tell.
fn whereabouts(holder: &str) -> &str {
    holder.split_once(LIFE_MARK).map_or(holder, |(address, _)| address)
}

/// Everything that can reach the loop.
enum Event {
    /// Append these and say what became of them.
    Submit(Submission),
    /// Look, do not touch.
    Ask {
        question: Question,
        /// Whether everything that is in the log must be applied first.
        is_current: bool,
        refuse: oneshot::Sender<LoopError>,
    },
    /// Tick as soon as allowed.
    Hasten,
    /// One step of ending.
    End(Ending, oneshot::Sender<Result<(), LoopError>>),
}

/// What anybody may know of a loop without asking it.
#[derive(Debug, Default)]
pub struct LoopFacts {
    leads: AtomicBool,
    last_tick: AtomicU64,
    ticks_late: AtomicU64,
    checkpoint_at: AtomicU64,
    log_bytes: AtomicU64,
    is_checkpointing: AtomicBool,
    obstacle: Mutex<Option<String>>,
}

impl LoopFacts {
    /// Whether it leads and has caught up with its log.
    #[must_use]
    pub fn leads(&self) -> bool {
        self.leads.load(Ordering::Acquire)
    }

    /// What keeps it from leading a partition that nobody else leads.
    #[must_use]
    pub fn obstacle(&self) -> Option<String> {
        self.in_the_way().clone()
    }

    fn in_the_way(&self) -> MutexGuard<'_, Option<String>> {
        // Written in one step, so that a panic elsewhere does not spoil it.
        self.obstacle.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes what is in the way, or that nothing is. Whether that is news.
    fn note_obstacle(&self, why: Option<&str>) -> bool {
        let mut known = self.in_the_way();
        let is_news = known.as_deref() != why;
        *known = why.map(str::to_owned);
        is_news
    }

    /// What whoever asks for something is told meanwhile.
    fn refusal(&self, partition: PartitionId) -> LoopError {
        match self.obstacle() {
            None => LoopError::NotLeader { leader: None },
            Some(why) => LoopError::Unavailable {
                why: format!("partition {} is not led: {why}", partition.0),
            },
        }
    }

    /// When it last decided, in microseconds since 1970; zero before the first time.
    #[must_use]
    pub fn last_tick_micros(&self) -> u64 {
        self.last_tick.load(Ordering::Acquire)
    }

    fn last_tick(&self) -> Timestamp {
        Timestamp::from_micros(i64::try_from(self.last_tick_micros()).unwrap_or(i64::MAX))
    }

    /// Ticks that came more than a period late.
    #[must_use]
    pub fn ticks_late(&self) -> u64 {
        self.ticks_late.load(Ordering::Acquire)
    }

    /// When its state was last written down, in microseconds since 1970; zero before.
    #[must_use]
    pub fn checkpoint_micros(&self) -> u64 {
        self.checkpoint_at.load(Ordering::Acquire)
    }

    /// Bytes of the log that were kept before the last checkpoint; zero before the first.
    #[must_use]
    pub fn log_bytes(&self) -> u64 {
        self.log_bytes.load(Ordering::Acquire)
    }

    /// Whether the state is being written down.
    #[must_use]
    pub fn is_checkpointing(&self) -> bool {
        self.is_checkpointing.load(Ordering::Acquire)
    }

    fn note_checkpointing(&self, is_checkpointing: bool) {
        self.is_checkpointing.store(is_checkpointing, Ordering::Release);
    }

    fn note_checkpoint(&self, at: Timestamp, log_bytes: u64) {
        self.checkpoint_at.store(u64::try_from(at.as_micros()).unwrap_or(0), Ordering::Release);
        self.log_bytes.store(log_bytes, Ordering::Release);
    }
}

/// The way to a loop. Cheap to clone.
#[derive(Debug, Clone)]
pub struct LoopHandle {
    partition: PartitionId,
    events: mpsc::Sender<Event>,
    facts: Arc<LoopFacts>,
}

impl LoopHandle {
    /// Which partition.
    #[must_use]
    pub fn partition(&self) -> PartitionId {
        self.partition
    }

    /// What is known without asking.
    #[must_use]
    pub fn facts(&self) -> &LoopFacts {
        &self.facts
    }

    /// Appends inputs to the log in one durable batch, applies everything up to them and answers
    /// each, in order.
    ///
    /// # Errors
    /// [`LoopError`]. After [`LoopError::Unavailable`] the inputs may be in the log: inputs that
    /// carry an identity may be sent again without harm.
    pub async fn submit(&self, inputs: Vec<Input>) -> Result<Vec<Applied>, LoopError> {
        let (reply, answer) = oneshot::channel();
        self.send(Event::Submit(Submission { inputs, reply, traces: current() })).await?;
        answer.await.map_err(|_| LoopError::Stopped)?
    }

    /// A bidder draws between ticks; its allowance now, or nothing while headroom is short.
    ///
    /// # Errors
    /// As [`Self::submit`].
    pub async fn draw(&self, draw: AllowanceDraw) -> Result<Option<Allowance>, LoopError> {
        let answers = self.submit(vec![Input::Draw(draw)]).await?;
        Ok(answers.into_iter().find_map(|answer| match answer {
            Applied::Granted(allowance) => allowance,
            _ => None,
        }))
    }

    /// A question about the engine, answered between ticks.
    ///
    /// # Errors
    /// [`LoopError::NotLeader`] or [`LoopError::Stopped`].
    pub async fn ask<T: Send + 'static>(
        &self,
        question: impl FnOnce(&Engine) -> T + Send + 'static,
    ) -> Result<T, LoopError> {
        self.put(false, |engine, _| question(engine)).await
    }

    /// A question about the engine and about what people changed in it.
    ///
    /// # Errors
    /// As [`Self::ask`].
    pub async fn ask_trail<T: Send + 'static>(
        &self,
        question: impl FnOnce(&Engine, &Trail) -> T + Send + 'static,
    ) -> Result<T, LoopError> {
        self.put(false, question).await
    }

    /// As [`Self::ask`], once everything that is in the log now has been applied.
    ///
    /// # Errors
    /// Also [`LoopError::Unavailable`].
    pub async fn ask_current<T: Send + 'static>(
        &self,
        question: impl FnOnce(&Engine) -> T + Send + 'static,
    ) -> Result<T, LoopError> {
        self.put(true, |engine, _| question(engine)).await
    }

    async fn put<T: Send + 'static>(
        &self,
        is_current: bool,
        question: impl FnOnce(&Engine, &Trail) -> T + Send + 'static,
    ) -> Result<T, LoopError> {
        let (reply, answer) = oneshot::channel();
        let (refuse, refused) = oneshot::channel();
        let question: Question = Box::new(move |engine, trail| {
            // Whoever asked may have gone.
            let _ = reply.send(question(engine, trail));
        });
        self.send(Event::Ask { question, is_current, refuse }).await?;
        match answer.await {
            Ok(told) => Ok(told),
            Err(_) => Err(refused.await.unwrap_or(LoopError::Stopped)),
        }
    }

    /// Asks for an early tick.
    pub fn hasten(&self) {
        // A full inbox means that a tick is near anyway.
        let _ = self.events.try_send(Event::Hasten);
    }

    /// One step of ending, done. A loop that follows has nothing to end and says so at once.
    ///
    /// # Errors
    /// [`LoopError::Unavailable`] when the store did not do it: the log holds what happened.
    pub async fn end(&self, step: Ending) -> Result<(), LoopError> {
        let (done, ended) = oneshot::channel();
        self.send(Event::End(step, done)).await?;
        ended.await.map_err(|_| LoopError::Stopped)?
    }

    /// Has the loop decide once more, write down its state, resign and end. A step that fails does
    /// not keep the next from being taken.
    pub async fn stop(&self) {
        for step in Ending::ALL {
            if let Err(error) = self.end(step).await {
                let error = crate::error_chain(&error);
                tracing::warn!(error, "the term did not end in order; the log holds what happened");
            }
        }
    }

    /// Requests that wait in front of the loop.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.events.max_capacity() - self.events.capacity()
    }

    async fn send(&self, event: Event) -> Result<(), LoopError> {
        self.events.send(event).await.map_err(|_| LoopError::Stopped)
    }
}

/// Starts a loop on its own thread.
///
/// # Errors
/// When the thread or its runtime cannot be made.
pub fn start(parts: LoopParts) -> std::io::Result<(LoopHandle, JoinHandle<()>)> {
    let (events, inbox) = mpsc::channel(parts.settings.inbox_max);
    let facts = Arc::new(LoopFacts::default());
    let handle = LoopHandle { partition: parts.partition, events, facts: Arc::clone(&facts) };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let name = format!("loop-{:03}", parts.partition.0);
    let thread = std::thread::Builder::new()
        .name(name)
        .spawn(move || runtime.block_on(term::run(parts, inbox, facts)))?;
    Ok((handle, thread))
}
