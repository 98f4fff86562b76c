//! One partition's control loop: a thread of its own, the sole owner of its engine.
//!
//! Everything that happens goes through the log: an input is appended, durably, and then read back
//! and applied with whatever came before it, so that the engine's state is a fold over the log and
//! nothing else. Others talk to the loop through [`LoopHandle`] alone; the loop waits for nobody.

mod intake;
mod leader;
mod term;
#[cfg(test)]
mod tests;

use crate::clock::Clock;
use crate::directory::Directory;
use crate::publish::Publisher;
use crate::store::{Store, StoreError};
use paceline_core::engine::{Applied, Engine, EngineConfig};
use paceline_core::input::{AllowanceDraw, Input};
use paceline_core::table::Allowance;
use paceline_core::units::{PartitionId, Span};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::JoinHandle;
use tokio::sync::{mpsc, oneshot};

/// Why the loop did not do as asked.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum LoopError {
    /// When another process leads the partition.
    #[error("another process leads this partition")]
    NotLeader {
        /// Who, if known.
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

    fn store(error: &StoreError) -> Self {
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

/// How a loop runs.
#[derive(Debug, Clone)]
pub struct LoopSettings {
    /// Who this process is, for the lead.
    pub holder: String,
    /// Whether nobody else can hold this store: a lead left over from an earlier life is then ours.
    pub is_alone: bool,
    /// How long the lead is held without renewal; a third of it is the renewal's period.
    pub lead_span: Span,
    /// The shortest time between two ticks.
    pub tick_min: Span,
    /// How often the state is written down.
    pub checkpoint_interval: Span,
    /// How often entries of other programs are fetched when there were none.
    pub foreign_interval: Span,
    /// How often counters are read; absent: never.
    pub counters_interval: Option<Span>,
    /// Requests the loop may have waiting.
    pub inbox_max: usize,
}

type Question = Box<dyn FnOnce(&Engine) + Send>;
type Answer = Result<Vec<Applied>, LoopError>;

/// Everything that can reach the loop.
enum Event {
    /// Append these and say what became of them.
    Submit(Vec<Input>, oneshot::Sender<Answer>),
    /// Look, do not touch.
    Ask(Question, oneshot::Sender<LoopError>),
    /// Tick as soon as allowed.
    Hasten,
    /// Decide once more, write down the state, resign, end.
    Stop(oneshot::Sender<()>),
}

/// What anybody may know of a loop without asking it.
#[derive(Debug, Default)]
pub struct LoopFacts {
    leads: AtomicBool,
    last_tick: AtomicU64,
    ticks_late: AtomicU64,
    checkpoint_at: AtomicU64,
}

impl LoopFacts {
    /// Whether it leads and has caught up with its log.
    #[must_use]
    pub fn leads(&self) -> bool {
        self.leads.load(Ordering::Acquire)
    }

    /// When it last decided, in microseconds since 1970; zero before the first time.
    #[must_use]
    pub fn last_tick_micros(&self) -> u64 {
        self.last_tick.load(Ordering::Acquire)
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
        self.send(Event::Submit(inputs, reply)).await?;
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
        let (reply, answer) = oneshot::channel();
        let (refuse, refused) = oneshot::channel();
        let asked: Question = Box::new(move |engine| {
            // Whoever asked may have gone.
            let _ = reply.send(question(engine));
        });
        self.send(Event::Ask(asked, refuse)).await?;
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

    /// Has the loop decide once more, write down its state, resign and end.
    pub async fn stop(&self) {
        let (done, ended) = oneshot::channel();
        if self.events.send(Event::Stop(done)).await.is_ok() {
            let _ = ended.await;
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
