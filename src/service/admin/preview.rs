//! What a change would do, tried on a copy of live state: the same reading, the same checks.
//!
//! The loop gives a copy of the advertisers that are concerned and goes on; the trial is made
//! beside it. Changes nothing. Called by the admin service alone.

use super::{apply, calendar, find, loop_status};
use crate::control_loop::LoopHandle;
use crate::partition::Partitions;
use crate::wire::catalogue::{Portion, refuse};
use crate::wire::{self, Refusal, admin as message, status};
use find::{CatalogueChange, Engine, Input, SpecError};
use paceline_proto::v1;
use std::sync::Arc;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tonic::Status;

type Told = v1::PreviewChangeResponse;

/// Trials at once: each holds a copy of an advertiser and a core for the time of a round, and
/// people are few.
const TRIALS_MAX: usize = 2;

/// A bound on trials. Cheap to clone.
#[derive(Debug, Clone)]
pub(super) struct Trials(Arc<Semaphore>);

impl Trials {
    pub(super) fn new() -> Self {
        Self(Arc::new(Semaphore::new(TRIALS_MAX)))
    }

    /// A place for one trial, which whoever has it keeps until the work is done.
    pub(super) async fn place(&self) -> Result<OwnedSemaphorePermit, Status> {
        let place = Arc::clone(&self.0).acquire_owned().await;
        place.map_err(|_| Status::unavailable("it stops"))
    }

    /// Tries edits that a question to the loop makes.
    async fn made(
        &self,
        handle: &LoopHandle,
        change: CatalogueChange,
        edits: impl FnOnce(&Engine) -> Vec<Input> + Send + 'static,
    ) -> Result<Result<Told, Vec<SpecError>>, Status> {
        let place = self.place().await?;
        // The place goes with the work: whoever asked and left gives up the answer, not the work.
        let question = move |engine: &Engine| {
            let edits = edits(engine);
            (engine.for_preview(&edits), edits, place)
        };
        let (copy, edits, place) =
            handle.ask(question).await.map_err(|error| loop_status(&error))?;
        let trial = tokio::task::spawn_blocking(move || {
            let _place = place;
            let told = copy.preview(&edits);
            told.map(|told| message::preview_message(&copy, &change, &told))
        });
        trial.await.map_err(|_| Status::internal("the trial ended before its time"))
    }
}

/// What the change would do.
pub(super) async fn change(
    partitions: &Partitions,
    trials: &Trials,
    request: v1::PreviewChangeRequest,
    author: &str,
) -> Result<Told, Status> {
    use v1::preview_change_request::Change;
    match request.change {
        None => Err(Refusal::absent("change").into()),
        Some(Change::Catalogue(request)) => catalogue(partitions, trials, &request).await,
        Some(Change::SetOverride(request)) => {
            let hand = message::hand(&request, author, partitions.clock().now())?;
            let unknown = message::unknown_owner("target", request.target.as_ref());
            let handle = find::owner(partitions, hand.target, &unknown).await?;
            let checked = hand.clone();
            let question = move |engine: &Engine| find::check_hand(engine, &checked);
            handle.ask(question).await.map_err(|error| loop_status(&error))??;
            hand_tried(trials, handle, find::set(hand)).await
        }
        Some(Change::ClearOverride(request)) => {
            wire::audit::optional_reason(&request.reason)?;
            let (handle, id) = find::hand_on(partitions, &request.override_id).await?;
            hand_tried(trials, handle, find::clear(id, author.to_owned())).await
        }
    }
}

async fn hand_tried(trials: &Trials, handle: &LoopHandle, edit: Input) -> Result<Told, Status> {
    let told = trials.made(handle, CatalogueChange::default(), |_| vec![edit]).await?;
    told.map_err(|errors| status::refused(&find::refused_by(errors)))
}

async fn catalogue(
    partitions: &Partitions,
    trials: &Trials,
    request: &v1::ApplyCatalogueRequest,
) -> Result<Told, Status> {
    wire::audit::optional_reason(&request.reason)?;
    wire::audit::optional_request(&request.request_id)?;
    let faulty = |complaints| {
        let mut complaints = refuse(complaints).complaints;
        wire::catalogue::fill_values(request, &mut complaints);
        Told { complaints, ..Told::default() }
    };
    let portions = match apply::sound(partitions, request).await? {
        Ok(portions) => portions,
        Err(complaints) => return Ok(faulty(complaints)),
    };
    let now = partitions.clock().now();
    let mut all = Told::default();
    for portion in portions {
        let Some(handle) = partitions.get(portion.partition) else { continue };
        let Portion { change, .. } = portion.clone();
        let tried = change.clone();
        let edits = move |engine: &Engine| {
            let zones: Vec<String> =
                tried.advertisers.iter().map(|spec| spec.zone_name.to_string()).collect();
            let mut edits = calendar::outlooks(engine, &zones, now);
            edits.push(Input::Catalogue(tried));
            edits
        };
        match trials.made(handle, change, edits).await? {
            Err(errors) => return Ok(faulty(portion.complaints(errors))),
            Ok(told) => {
                all.campaigns.extend(told.campaigns);
                all.others = all.others.saturating_add(told.others);
                all.warnings.extend(told.warnings);
                all.unexamined = all.unexamined.saturating_add(told.unexamined);
            }
        }
    }
    all.warnings.truncate(message::WARNINGS_MAX);
    Ok(all)
}
