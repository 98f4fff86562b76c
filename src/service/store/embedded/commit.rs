//! The one writer: a thread that commits everything that waits, in one synced transaction.
//!
//! When idle a write is committed at once; while a commit is being synced, further writes gather
//! and go with the next one. So a write waits for at most the commit at hand and its own, and the
//! number of syncs does not grow with the number of writers or partitions. Knows no rows.

use super::disk;
use crate::store::error::StoreFault;
use crate::store::offset::Offset;
use paceline_core::units::PartitionId;
use redb::{Database, WriteTransaction};
use std::sync::Arc;
use std::thread::JoinHandle;
use tokio::sync::{mpsc, oneshot, watch};

/// The most writes that wait; further callers wait for a place. A commit takes some 10 ms, so
/// this is more than any number of callers can bring about while each awaits its answer.
const QUEUE_WRITES_MAX: usize = 1_024;
/// The most writes in one commit: 64 ordinary batches of 100 KB are written in some 20 ms, so a
/// commit stays below 50 ms on an ordinary disk.
const COMMIT_WRITES_MAX: usize = 64;

/// Tells a caller what became of its write, once the commit is known.
type Answer = Box<dyn FnOnce(Result<(), StoreFault>) + Send>;
/// A write to do in the transaction; also says whether the disk failed, which ends the whole
/// transaction. A write that was refused has changed nothing.
type Work = Box<dyn FnOnce(&WriteTransaction) -> (Answer, bool) + Send>;

pub(super) struct Committer {
    database: Arc<Database>,
    queue: Option<mpsc::Sender<Work>>,
    writer: Option<JoinHandle<()>>,
    ends: Arc<[watch::Sender<Offset>]>,
}

impl std::fmt::Debug for Committer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Committer").field("partitions", &self.ends.len()).finish_non_exhaustive()
    }
}

impl Committer {
    /// Starts the writer; `ends` are the last offsets of the partitions.
    pub(super) fn start(database: Database, ends: Vec<Offset>) -> Result<Self, StoreFault> {
        let database = Arc::new(database);
        let (queue, waiting) = mpsc::channel(QUEUE_WRITES_MAX);
        let writer = std::thread::Builder::new()
            .name("store-commit".to_owned())
            .spawn({
                let database = Arc::clone(&database);
                move || write_all(&database, waiting)
            })
            .map_err(disk)?;
        let ends = ends.into_iter().map(watch::Sender::new).collect();
        Ok(Self { database, queue: Some(queue), writer: Some(writer), ends })
    }

    pub(super) fn database(&self) -> &Database {
        &self.database
    }

    pub(super) fn partitions(&self) -> u8 {
        u8::try_from(self.ends.len()).expect("partitions are counted by a byte")
    }

    fn end_of(&self, partition: PartitionId) -> &watch::Sender<Offset> {
        &self.ends[usize::from(partition.0)]
    }

    pub(super) fn end(&self, partition: PartitionId) -> Offset {
        *self.end_of(partition).borrow()
    }

    pub(super) fn watch(&self, partition: PartitionId) -> watch::Receiver<Offset> {
        self.end_of(partition).subscribe()
    }

    /// Does a write in the next commit and returns its answer once that is durable.
    pub(super) async fn submit<T: Send + 'static>(
        &self,
        work: impl FnOnce(&WriteTransaction) -> Result<T, StoreFault> + Send + 'static,
    ) -> Result<T, StoreFault> {
        self.submit_then(work, |_| ()).await
    }

    /// Appends a batch and, once it is durable, wakes those who wait for the partition's log;
    /// also when the caller has gone away meanwhile.
    pub(super) async fn submit_append(
        &self,
        partition: PartitionId,
        work: impl FnOnce(&WriteTransaction) -> Result<Offset, StoreFault> + Send + 'static,
    ) -> Result<Offset, StoreFault> {
        let ends = Arc::clone(&self.ends);
        let announce = move |end: &Offset| {
            ends[usize::from(partition.0)].send_replace(*end);
        };
        self.submit_then(work, announce).await
    }

    async fn submit_then<T: Send + 'static>(
        &self,
        work: impl FnOnce(&WriteTransaction) -> Result<T, StoreFault> + Send + 'static,
        when_durable: impl FnOnce(&T) + Send + 'static,
    ) -> Result<T, StoreFault> {
        let (answer, answered) = oneshot::channel();
        let work: Work = Box::new(move |write| {
            let outcome = work(write);
            let is_broken = matches!(outcome, Err(StoreFault::Disk(_)));
            let tell: Answer = Box::new(move |commit| {
                let outcome = commit.and(outcome);
                if let Ok(value) = &outcome {
                    when_durable(value);
                }
                // A caller that went away does not need to know.
                drop(answer.send(outcome));
            });
            (tell, is_broken)
        });
        let queue = self.queue.as_ref().ok_or(StoreFault::Closed)?;
        queue.send(work).await.map_err(|_| StoreFault::Closed)?;
        answered.await.map_err(|_| StoreFault::Closed)?
    }
}

impl Drop for Committer {
    fn drop(&mut self) {
        drop(self.queue.take());
        if let Some(writer) = self.writer.take() {
            // A writer that panicked has said so; there is nobody to tell.
            drop(writer.join());
        }
    }
}

fn write_all(database: &Database, mut waiting: mpsc::Receiver<Work>) {
    while let Some(first) = waiting.blocking_recv() {
        let mut round = vec![first];
        while round.len() < COMMIT_WRITES_MAX
            && let Ok(next) = waiting.try_recv()
        {
            round.push(next);
        }
        commit(database, round);
    }
}

/// All of a round in one transaction: durable together or not at all.
fn commit(database: &Database, round: Vec<Work>) {
    let write = match database.begin_write() {
        Ok(write) => write,
        // Dropping the work unanswered tells its callers that the store is closed.
        Err(_) => return,
    };
    let mut answers = Vec::with_capacity(round.len());
    let mut is_broken = false;
    for work in round {
        let (answer, broke) = work(&write);
        answers.push(answer);
        is_broken |= broke;
        if is_broken {
            break;
        }
    }
    if is_broken {
        drop(write.abort());
        for answer in answers {
            answer(Err(disk("another write of the same commit failed")));
        }
        return;
    }
    match write.commit() {
        Ok(()) => answers.into_iter().for_each(|answer| answer(Ok(()))),
        Err(error) => {
            let error = Arc::new(error);
            for answer in answers {
                answer(Err(disk(Arc::clone(&error))));
            }
        }
    }
}
