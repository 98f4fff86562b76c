//! Signals to stop, and stopping as named stages, each with a deadline.
//!
//! Knows the order of the stages and how long each may take, not what is done in them: `app` hands
//! in the work of one after the other. A second signal cuts everything short.

use crate::config::ShutdownConfig;
use crate::health::{Health, Stage};
use crate::telemetry::event;
use paceline_core::units::Span;
use std::fmt;
use std::future::Future;
use std::io;
use std::time::Duration;
use tokio::runtime::Runtime;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::mpsc;

/// Why stopping did not go as it should.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ShutdownError {
    /// When a stage ran over its deadline.
    #[error("stage {0} ran over its deadline")]
    Overran(Stage),
    /// When the work of a stage failed.
    #[error("stage {0} failed: {1}")]
    Failed(Stage, String),
    /// When a second signal came.
    #[error("stage {0} was cut short by a second signal")]
    CutShort(Stage),
}

/// How long it may take. `NotReady` waits by intent, so its deadline lies past the wait.
const fn deadline(stage: Stage, config: &ShutdownConfig) -> Span {
    match stage {
        Stage::NotReady => {
            Span::from_micros(config.not_ready_wait.as_micros() + Span::from_secs(1).as_micros())
        }
        Stage::StopIntake => config.stop_intake_deadline,
        Stage::DrainInbox => config.drain_inbox_deadline,
        Stage::LastTick => config.last_tick_deadline,
        Stage::Checkpoint => config.checkpoint_deadline,
        Stage::ResignLead => config.resign_lead_deadline,
        Stage::CloseStreams => config.close_streams_deadline,
    }
}

/// Where requests to stop come from.
#[derive(Debug)]
pub enum Signals {
    /// SIGTERM and SIGINT.
    System {
        /// SIGTERM: an orchestrator.
        term: Signal,
        /// SIGINT: a person.
        interrupt: Signal,
    },
    /// Whoever holds the other end: a process that carries the service inside.
    Manual(mpsc::Receiver<()>),
}

impl Signals {
    /// Listens from now on.
    ///
    /// # Errors
    /// When the system refuses the handlers.
    pub fn install() -> io::Result<Self> {
        let term = signal(SignalKind::terminate())?;
        Ok(Self::System { term, interrupt: signal(SignalKind::interrupt())? })
    }

    /// By hand. Room for the two requests that mean anything.
    #[must_use]
    pub fn manual() -> (mpsc::Sender<()>, Self) {
        let (tx, rx) = mpsc::channel(2);
        (tx, Self::Manual(rx))
    }

    /// The next request, by name. A closed hand is no request: it waits for ever.
    pub async fn next(&mut self) -> &'static str {
        match self {
            Self::System { term, interrupt } => tokio::select! {
                Some(()) = term.recv() => "SIGTERM",
                Some(()) = interrupt.recv() => "SIGINT",
                else => std::future::pending().await,
            },
            Self::Manual(rx) => match rx.recv().await {
                Some(()) => "request",
                None => std::future::pending().await,
            },
        }
    }
}

/// Does the work and lets the runtime go without waiting for what still holds one of its threads:
/// a stage that ran over was given its time, and the process is to end.
pub fn run_to_end<T>(runtime: Runtime, work: impl Future<Output = T>) -> T {
    let done = runtime.block_on(work);
    runtime.shutdown_background();
    done
}

/// Stopping under way.
#[derive(Debug)]
pub struct Shutdown {
    config: ShutdownConfig,
    health: Health,
    signals: Signals,
    last: Option<Stage>,
    fault: Option<ShutdownError>,
    is_cut_short: bool,
}

impl Shutdown {
    /// Waits for the first request to stop.
    pub async fn requested(config: ShutdownConfig, health: Health, mut signals: Signals) -> Self {
        let signal = signals.next().await;
        event::stop_requested(signal);
        Self { config, health, signals, last: None, fault: None, is_cut_short: false }
    }

    /// Goes through one stage: until `work` is done, its deadline passes or a second signal comes.
    /// The first fault is kept; later stages still have their turn, except after a second signal,
    /// which skips them.
    ///
    /// # Panics
    /// When stages come out of order: a programmer's error.
    pub async fn stage<E: fmt::Display>(
        &mut self,
        stage: Stage,
        work: impl Future<Output = Result<(), E>>,
    ) {
        assert!(self.last < Some(stage), "stages come in order: {stage} after {:?}", self.last);
        self.last = Some(stage);
        if self.is_cut_short {
            return;
        }
        self.health.enter(stage);
        event::stage_began(stage.as_str());
        let deadline = Duration::from(deadline(stage, &self.config));
        let fault = tokio::select! {
            biased;
            done = work => match done {
                Ok(()) => return,
                Err(error) => ShutdownError::Failed(stage, error.to_string()),
            },
            () = tokio::time::sleep(deadline) => ShutdownError::Overran(stage),
            _ = self.signals.next() => {
                self.is_cut_short = true;
                ShutdownError::CutShort(stage)
            }
        };
        event::stage_failed(stage.as_str(), &fault);
        self.fault.get_or_insert(fault);
    }

    /// How it went.
    ///
    /// # Errors
    /// The first fault, if any.
    pub fn finish(self) -> Result<(), ShutdownError> {
        self.fault.map_or(Ok(()), Err)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::convert::Infallible;
    use std::future::{pending, ready};

    async fn stopping() -> (mpsc::Sender<()>, Health, Shutdown) {
        let (hand, signals) = Signals::manual();
        let health = Health::new(&[], Duration::from_secs(60));
        hand.send(()).await.unwrap();
        let stop = Shutdown::requested(ShutdownConfig::default(), health.clone(), signals).await;
        (hand, health, stop)
    }

    #[tokio::test]
    async fn stages_that_keep_their_deadline_end_well() {
        let (_hand, health, mut stop) = stopping().await;
        for stage in [Stage::NotReady, Stage::StopIntake, Stage::CloseStreams] {
            stop.stage(stage, ready(Ok::<_, Infallible>(()))).await;
            assert_eq!(health.readiness().stage, Some(stage));
        }
        assert_eq!(stop.finish(), Ok(()));
    }

    #[tokio::test(start_paused = true)]
    async fn a_stage_that_runs_over_is_named_and_the_next_begins() {
        let (_hand, health, mut stop) = stopping().await;
        stop.stage(Stage::DrainInbox, pending::<Result<(), Infallible>>()).await;
        stop.stage(Stage::LastTick, ready(Ok::<_, Infallible>(()))).await;
        assert_eq!(health.readiness().stage, Some(Stage::LastTick));
        assert_eq!(stop.finish(), Err(ShutdownError::Overran(Stage::DrainInbox)));
    }

    #[tokio::test]
    async fn a_second_signal_skips_the_rest() {
        let (hand, health, mut stop) = stopping().await;
        hand.send(()).await.unwrap();
        stop.stage(Stage::Checkpoint, pending::<Result<(), Infallible>>()).await;
        stop.stage(Stage::ResignLead, pending::<Result<(), Infallible>>()).await;
        assert_eq!(health.readiness().stage, Some(Stage::Checkpoint));
        assert_eq!(stop.finish(), Err(ShutdownError::CutShort(Stage::Checkpoint)));
    }

    #[test]
    fn a_thread_that_hangs_does_not_keep_the_process() {
        let (release, held) = std::sync::mpsc::channel::<()>();
        let (done, ended) = std::sync::mpsc::channel();
        std::thread::spawn(move || {
            let runtime = Runtime::new().unwrap();
            run_to_end(runtime, async {
                let (begun, begins) = tokio::sync::oneshot::channel();
                tokio::task::spawn_blocking(move || {
                    begun.send(()).unwrap();
                    held.recv()
                });
                begins.await.unwrap();
            });
            done.send(()).unwrap();
        });
        assert_eq!(ended.recv_timeout(Duration::from_secs(20)), Ok(()));
        drop(release);
    }

    #[tokio::test]
    async fn the_first_fault_is_the_one_told() {
        let (_hand, _health, mut stop) = stopping().await;
        stop.stage(Stage::Checkpoint, ready(Err("disk full"))).await;
        stop.stage(Stage::ResignLead, ready(Err("no answer"))).await;
        let expected = ShutdownError::Failed(Stage::Checkpoint, "disk full".to_owned());
        assert_eq!(stop.finish(), Err(expected));
    }
}
