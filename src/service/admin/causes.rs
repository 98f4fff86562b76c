//! Why a campaign delivers as it does, and what edits would do: tried once a round, off the loop.
//!
//! A campaign's page, however many look at it, costs the loop a copy of its advertiser a round at
//! most, and none where the advertiser is large or no edit would help. Changes nothing. Called by
//! the admin service and the campaign's page.

use super::find::Engine;
use super::loop_status;
use super::preview::Trials;
use crate::control_loop::LoopHandle;
use crate::wire::admin::{self as message, Cause};
use paceline_core::units::{CampaignId, Generation, Timestamp};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::time::timeout;
use tonic::Status;

/// Campaigns whose causes are kept: more than are looked at within a round; some kilobytes each.
/// When there are more, all are forgotten and tried anew.
const KEPT_MAX: usize = 1_000;

/// How long a loop is waited for: it answers between two rounds, in milliseconds, and a place is
/// not kept from others for one that does not.
const ANSWER_WAIT: Duration = Duration::from_secs(1);
/// How long an explanation takes at most; the trial goes on, and its causes are kept.
const TOLD_WAIT: Duration = Duration::from_secs(30);

/// Which round causes are of.
type Round = (Generation, Timestamp);
type Kept = BTreeMap<CampaignId, (Round, Arc<[Cause]>)>;

/// What was told of the round in force. Cheap to clone; clones see the same.
#[derive(Debug, Clone, Default)]
pub(super) struct Causes(Arc<Mutex<Kept>>);

/// What the loop answers when it is asked for a copy.
enum Found {
    /// There is no edit to try.
    Told(Arc<[Cause]>),
    /// A copy to try edits on.
    Copy(Box<Engine>),
}

fn round(engine: &Engine) -> Round {
    (engine.table().generation, engine.table().as_of)
}

impl Causes {
    /// The causes of a campaign's delivery, the likeliest first; none when it is unknown.
    ///
    /// # Errors
    /// When the loop cannot answer, or the trial takes too long.
    pub(super) async fn of(
        &self,
        trials: &Trials,
        handle: &LoopHandle,
        id: CampaignId,
    ) -> Result<Arc<[Cause]>, Status> {
        let told = timeout(TOLD_WAIT, self.tried(trials, handle, id)).await;
        told.unwrap_or_else(|_| Err(late("other trials took too long")))
    }

    async fn tried(
        &self,
        trials: &Trials,
        handle: &LoopHandle,
        id: CampaignId,
    ) -> Result<Arc<[Cause]>, Status> {
        // Without a place: whoever looks again in the same round takes none, and a loop that is
        // stuck keeps none from the others.
        if let Some(told) = self.told(asked(handle, round).await?, id) {
            return Ok(told);
        }
        let place = trials.place().await?;
        // Whoever waited for a place finds what was told meanwhile.
        if let Some(told) = self.told(asked(handle, round).await?, id) {
            return Ok(told);
        }
        let question = move |engine: &Engine| {
            let found = match engine.for_diagnosis(id) {
                Some(copy) => Found::Copy(Box::new(copy)),
                None => Found::Told(message::causes(engine, id).into()),
            };
            (round(engine), found)
        };
        let (now, found) = asked(handle, question).await?;
        let copy = match found {
            Found::Told(told) => return Ok(self.keep(id, now, told)),
            Found::Copy(copy) => copy,
        };
        // The place goes with the work, and what comes of it is kept though nobody waits any more:
        // a page that gave up finds it at the next look.
        let causes = self.clone();
        let trial = tokio::task::spawn_blocking(move || {
            let _place = place;
            causes.keep(id, now, message::causes(&copy, id).into())
        });
        trial.await.map_err(|_| Status::internal("the trial ended before its time"))
    }

    /// What was told of a campaign in this round.
    fn told(&self, now: Round, id: CampaignId) -> Option<Arc<[Cause]>> {
        let kept = self.kept();
        kept.get(&id).filter(|(round, _)| *round == now).map(|(_, told)| Arc::clone(told))
    }

    fn keep(&self, id: CampaignId, now: Round, told: Arc<[Cause]>) -> Arc<[Cause]> {
        let mut kept = self.kept();
        if kept.len() >= KEPT_MAX && !kept.contains_key(&id) {
            kept.clear();
        }
        kept.insert(id, (now, Arc::clone(&told)));
        told
    }

    fn kept(&self) -> std::sync::MutexGuard<'_, Kept> {
        // Written in one step, so that a panic elsewhere does not spoil it.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Asks a loop, and waits for it no longer than is stated.
pub(super) async fn asked<T: Send + 'static>(
    handle: &LoopHandle,
    question: impl FnOnce(&Engine) -> T + Send + 'static,
) -> Result<T, Status> {
    let answer = timeout(ANSWER_WAIT, handle.ask(question)).await;
    let answer = answer.map_err(|_| late("the partition's loop did not answer within a second"))?;
    answer.map_err(|error| loop_status(&error))
}

fn late(why: &str) -> Status {
    Status::unavailable(format!(
        "no explanation: {why}; ask again in some seconds, and look at \
         paceline_tick_duration_seconds if that goes on"
    ))
}
