//! Why a campaign delivers as it does, and what edits would do: tried once a round, off the loop.
//!
//! A page that loads itself again, however many look at it, costs the loop a copy of one advertiser
//! a round at most. Changes nothing. Called by the admin service and the campaign's page.

use super::find::Engine;
use super::loop_status;
use super::preview::Trials;
use crate::control_loop::LoopHandle;
use crate::wire::admin::{self as message, Cause};
use paceline_core::units::{CampaignId, Generation, Timestamp};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::OwnedSemaphorePermit;
use tonic::Status;

/// Campaigns whose causes are kept: more than are looked at within a round; some kilobytes each.
/// When there are more, all are forgotten and tried anew.
const KEPT_MAX: usize = 1_000;

/// Which round causes are of.
type Round = (Generation, Timestamp);
type Kept = BTreeMap<CampaignId, (Round, Arc<[Cause]>)>;

/// What was told of the round in force. Cheap to clone; clones see the same.
#[derive(Debug, Clone, Default)]
pub(super) struct Causes(Arc<Mutex<Kept>>);

/// What the loop answers.
enum Found {
    /// Nothing was decided since these were told.
    Same,
    /// There is no edit to try.
    Told(Arc<[Cause]>),
    /// A copy to try edits on, and the place that goes with the work.
    Copy(Box<Engine>, OwnedSemaphorePermit),
}

fn round(engine: &Engine) -> Round {
    (engine.table().generation, engine.table().as_of)
}

impl Causes {
    /// The causes of a campaign's delivery, the likeliest first; none when it is unknown.
    pub(super) async fn of(
        &self,
        trials: &Trials,
        handle: &LoopHandle,
        id: CampaignId,
    ) -> Result<Arc<[Cause]>, Status> {
        // Whoever waited for a place finds what was told meanwhile.
        let place = trials.place().await?;
        let kept = self.kept().get(&id).cloned();
        let known = kept.as_ref().map(|(round, _)| *round);
        let question = move |engine: &Engine| {
            let now = round(engine);
            if known == Some(now) {
                return (now, Found::Same);
            }
            let found = match engine.for_diagnosis(id) {
                Some(copy) => Found::Copy(Box::new(copy), place),
                None => Found::Told(message::causes(engine, id).into()),
            };
            (now, found)
        };
        let (now, found) = handle.ask(question).await.map_err(|error| loop_status(&error))?;
        let told = match (found, kept) {
            (Found::Same, Some((_, told))) => return Ok(told),
            (Found::Same, None) => return Ok(Vec::new().into()),
            (Found::Told(told), _) => told,
            (Found::Copy(copy, place), _) => {
                let trial = tokio::task::spawn_blocking(move || {
                    let _place = place;
                    message::causes(&copy, id).into()
                });
                trial.await.map_err(|_| Status::internal("the trial ended before its time"))?
            }
        };
        let mut kept = self.kept();
        if kept.len() >= KEPT_MAX && !kept.contains_key(&id) {
            kept.clear();
        }
        kept.insert(id, (now, Arc::clone(&told)));
        Ok(told)
    }

    fn kept(&self) -> std::sync::MutexGuard<'_, Kept> {
        // Written in one step, so that a panic elsewhere does not spoil it.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
