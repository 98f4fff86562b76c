//! One append for all who report at a time: reports of a partition that come while an append is
//! under way wait for it and go together with the next.
//!
//! So the number of appends does not grow with the number of producers. A report that carries no
//! money, only how far its producer has looked, waits a little for company; many of them become
//! one record a producer. Everybody is answered once what they reported is durable. Called by the
//! intake, which runs one task a partition.

use crate::clock::Stopwatch;
use crate::partition::Partitions;
use crate::store::{BATCH_RECORDS_MAX, StoreError, StoreFault};
use crate::telemetry::event;
use paceline_core::input::Input;
use paceline_core::units::{PartitionId, ProducerId};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{mpsc, oneshot};
use tokio_util::task::TaskTracker;

/// Reports that wait for one partition; further ones wait for a place. As many as the intake lets
/// in at all.
const WAITING_MAX: usize = 256;
/// Events, numbers, counts and outcomes in one append: at most 120 bytes each, so that with one
/// more report of the largest kind a batch stays well below the store's bound.
const ITEMS_MAX: usize = 20_000;
/// How long a report without money waits for others: a hundredth of the usual tick, so that no
/// watermark is seen a round late, and far less than a producer's own period.
const QUIET_MAX: Duration = Duration::from_millis(100);

/// What became of an append; shared by all who were in it.
pub(super) type Answer = Result<(), Arc<StoreError>>;

/// What one report says to one partition.
struct Told {
    inputs: Vec<Input>,
    reply: oneshot::Sender<Answer>,
}

/// The way into one partition's log.
#[derive(Debug, Clone)]
pub(super) struct Gatherer(mpsc::Sender<Told>);

impl Gatherer {
    /// Runs in `tasks` until the last clone is gone and everything is appended.
    pub(super) fn start(
        partitions: &Partitions,
        partition: PartitionId,
        tasks: &TaskTracker,
    ) -> Self {
        let (sender, waiting) = mpsc::channel(WAITING_MAX);
        tasks.spawn(gather(partitions.clone(), partition, waiting));
        Self(sender)
    }

    /// Hands inputs in; the answer comes once they are durable.
    pub(super) async fn hand_in(&self, inputs: Vec<Input>) -> oneshot::Receiver<Answer> {
        let (reply, answer) = oneshot::channel();
        // One that has ended drops the reply: the answer tells.
        let _ = self.0.send(Told { inputs, reply }).await;
        answer
    }
}

/// The answer to what was handed in.
pub(super) async fn answered(answer: oneshot::Receiver<Answer>) -> Answer {
    let closed = || StoreError::new("handing a report in", StoreFault::Closed);
    answer.await.unwrap_or_else(|_| Err(Arc::new(closed())))
}

async fn gather(partitions: Partitions, partition: PartitionId, mut waiting: mpsc::Receiver<Told>) {
    while let Some(first) = waiting.recv().await {
        let mut round = Round::default();
        round.add(first);
        if !round.has_money {
            let company = async {
                while !round.has_money && !round.is_full() {
                    let Some(next) = waiting.recv().await else { return };
                    round.add(next);
                }
            };
            // Whether somebody came or the time is up: what has gathered goes.
            let _ = tokio::time::timeout(QUIET_MAX, company).await;
        }
        while !round.is_full()
            && let Ok(next) = waiting.try_recv()
        {
            round.add(next);
        }
        let watch = Stopwatch::start();
        let done = partitions.append(partition, round.inputs).await.map_err(Arc::new);
        if done.is_ok() {
            event::appended(watch.elapsed());
        }
        for reply in round.replies {
            // Whoever asked may have gone.
            let _ = reply.send(done.clone());
        }
    }
}

/// What goes into one append.
#[derive(Default)]
struct Round {
    inputs: Vec<Input>,
    replies: Vec<oneshot::Sender<Answer>>,
    items: usize,
    has_money: bool,
    /// Where the record stands that says how far a producer has looked.
    looked: BTreeMap<ProducerId, usize>,
}

impl Round {
    fn add(&mut self, told: Told) {
        for input in told.inputs {
            let items = match &input {
                Input::Spend(batch) => batch.events.len(),
                Input::Elsewhere(elsewhere) => elsewhere.sequences.len(),
                Input::Opportunities(batch) => batch.counts.len(),
                Input::Outcomes(report) => report.outcomes.len(),
                _ => 0,
            };
            self.has_money |= items > 0;
            self.items += items;
            if !self.joins(&input) {
                self.inputs.push(input);
            }
        }
        self.replies.push(told.reply);
    }

    /// A producer's watermarks become the latest one. Their place in the batch does not matter: no
    /// decision falls inside it.
    fn joins(&mut self, input: &Input) -> bool {
        let Input::Spend(batch) = input else { return false };
        let Some(producer) = batch.producer.filter(|_| batch.events.is_empty()) else {
            return false;
        };
        let place = *self.looked.entry(producer).or_insert(self.inputs.len());
        match self.inputs.get_mut(place) {
            Some(Input::Spend(held)) => {
                held.reported_through = held.reported_through.max(batch.reported_through);
                true
            }
            _ => false,
        }
    }

    fn is_full(&self) -> bool {
        self.items >= ITEMS_MAX || self.inputs.len() + 2 > BATCH_RECORDS_MAX
    }
}
