//! `AdminService`: what operators may do and see, on every partition led here.
//!
//! Turns requests into questions and inputs; decides nothing. A change is answered once it is
//! durable and applied. Called by the RPC server; the calendar's keeper is run by `app`.

mod apply;
mod audit;
mod calendar;
mod causes;
mod decide;
mod find;
mod list;
mod notices;
mod past;
mod preview;
mod saving;

pub use calendar::keep_calendar;
pub(crate) use saving::of as saving_of;

use crate::auth::Caller;
use crate::control_loop::{LoopError, LoopHandle};
use crate::partition::Partitions;
use crate::past::Questions;
use crate::wire::catalogue::Complaints;
use crate::wire::{self, CampaignId, admin as message, status};
use decide::By;
use paceline_proto::v1;
use paceline_proto::v1::admin_service_server::AdminService;
use std::collections::BTreeSet;
use std::sync::Arc;
use tonic::{Request, Response, Status};

/// Operators' requests. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Admin {
    partitions: Partitions,
    instance: String,
    trials: preview::Trials,
    causes: causes::Causes,
    pasts: Questions,
}

type Answer<T> = Result<Response<T>, Status>;

impl Admin {
    /// `instance` is what this process calls itself.
    #[must_use]
    pub fn new(partitions: Partitions, instance: impl Into<String>) -> Self {
        let (trials, causes) = (preview::Trials::new(), causes::Causes::default());
        let pasts = Questions::new();
        Self { partitions, instance: instance.into(), trials, causes, pasts }
    }

    /// Why a campaign delivers as it does, the likeliest cause first: as of the last round, with
    /// what edits would do tried beside the loop.
    ///
    /// # Errors
    /// When the loop cannot answer.
    pub(crate) async fn causes(
        &self,
        handle: &LoopHandle,
        campaign: CampaignId,
    ) -> Result<Arc<[v1::Cause]>, Status> {
        self.causes.of(&self.trials, handle, campaign).await
    }

    /// Which of these campaigns are known to deliver no more: they are not active, or their last
    /// flight has ended. Of a partition that is not led here nothing is known.
    pub async fn over(&self, names: &BTreeSet<String>) -> BTreeSet<String> {
        let mut over = BTreeSet::new();
        for handle in self.partitions.all() {
            let names = names.clone();
            let question = move |engine: &find::Engine| find::over(engine, names);
            over.extend(handle.ask(question).await.unwrap_or_default());
        }
        over
    }
}

/// What a caller is answered when a loop did not do as asked.
fn loop_status(error: &LoopError) -> Status {
    match error {
        LoopError::NotLeader { leader } => status::not_leader(leader.as_deref()),
        LoopError::Unavailable { .. } | LoopError::Stopped => {
            Status::unavailable(error.to_string())
        }
    }
}

/// Who asks: by name where the door asked for a token, else as far as the connection tells.
fn author<T>(request: &Request<T>) -> String {
    if let Some(caller) = request.extensions().get::<Caller>() {
        return caller.name.to_string();
    }
    match request.remote_addr() {
        Some(address) => format!("rpc from {}", address.ip()),
        None => "rpc".to_owned(),
    }
}

/// Asked before the first write of what lives in every partition: whoever does not lead them all
/// would leave it half done.
async fn leads_all(partitions: &Partitions) -> Result<(), Status> {
    for handle in partitions.all() {
        handle.ask(|_| ()).await.map_err(|error| loop_status(&error))?;
    }
    Ok(())
}

/// Appends one input; an answer other than done is a refusal.
async fn submit(handle: &LoopHandle, input: find::Input) -> Result<(), Status> {
    let answers = handle.submit(vec![input]).await.map_err(|error| loop_status(&error))?;
    find::refusals(answers).map_or(Ok(()), |refusals| Err(status::refused(&refusals)))
}

#[tonic::async_trait]
impl AdminService for Admin {
    async fn apply_catalogue(
        &self,
        request: Request<v1::ApplyCatalogueRequest>,
    ) -> Answer<v1::ApplyCatalogueResponse> {
        let author = author(&request);
        let request = request.get_ref();
        let mut answer = apply::catalogue(&self.partitions, request, author).await?;
        wire::catalogue::fill_values(request, &mut answer.complaints);
        Ok(Response::new(answer))
    }

    async fn put_shape(
        &self,
        request: Request<v1::PutShapeRequest>,
    ) -> Answer<v1::PutShapeResponse> {
        let by = By {
            author: author(&request),
            reason: wire::audit::optional_reason(&request.get_ref().reason)?,
            request_id: wire::audit::optional_request(&request.get_ref().request_id)?,
        };
        let mut complaints = Complaints::default();
        let shape = wire::catalogue::lone_shape(request.get_ref(), &mut complaints);
        if let Some(shape) = shape {
            leads_all(&self.partitions).await?;
            // A campaign in any partition may name it.
            for handle in self.partitions.all() {
                submit(handle, by.decide(shape.clone(), Vec::new())).await?;
            }
        }
        Ok(Response::new(v1::PutShapeResponse { complaints: complaints.into_vec() }))
    }

    async fn list_campaigns(
        &self,
        request: Request<v1::ListCampaignsRequest>,
    ) -> Answer<v1::ListCampaignsResponse> {
        list::campaigns(&self.partitions, request.into_inner()).await.map(Response::new)
    }

    async fn explain_campaign(
        &self,
        request: Request<v1::ExplainCampaignRequest>,
    ) -> Answer<v1::ExplainCampaignResponse> {
        let request = request.into_inner();
        let (handle, id) = find::campaign(&self.partitions, &request.campaign_id)?;
        if request.arm != 0 {
            let rule = "must be 0: no other arm is published";
            return Err(wire::Refusal::new("arm", request.arm, rule).into());
        }
        let question = move |engine: &find::Engine| {
            engine.campaign(id).and_then(|spec| message::explanation_message(engine, spec))
        };
        let told = causes::asked(handle, question).await?;
        let mut told = told.ok_or_else(|| find::unknown_campaign(&request.campaign_id))?;
        told.saving = saving::of(&self.partitions, id).await;
        told.causes = self.causes(handle, id).await?.to_vec();
        Ok(Response::new(told))
    }

    async fn explain_past(
        &self,
        request: Request<v1::ExplainPastRequest>,
    ) -> Answer<v1::ExplainPastResponse> {
        let told = past::explain(&self.partitions, &self.pasts, request.into_inner());
        told.await.map(Response::new)
    }

    async fn explain_bid(
        &self,
        request: Request<v1::ExplainBidRequest>,
    ) -> Answer<v1::ExplainBidResponse> {
        let request = request.into_inner();
        let (handle, id) = find::campaign(&self.partitions, &request.campaign_id)?;
        let question = message::bid_question(&request)?;
        let segment = question.segment;
        let place = find::market(&self.partitions, &question.market)?;
        let published = handle.ask(move |engine: &find::Engine| message::published(engine, id));
        let published = published.await.map_err(|error| loop_status(&error))?;
        let published = published.ok_or_else(|| {
            let why = "no table holds the campaign: it was not decided yet, or is archived";
            Status::failed_precondition(why)
        })?;
        let market = place.ask(move |engine: &find::Engine| message::market(engine, segment));
        let market = market.await.map_err(|error| loop_status(&error))?;
        let mut told = message::bid_message(&question, &published, market);
        told.saving = saving::of(&self.partitions, id).await;
        Ok(Response::new(told))
    }

    async fn get_totals(
        &self,
        request: Request<v1::GetTotalsRequest>,
    ) -> Answer<v1::GetTotalsResponse> {
        list::totals(&self.partitions, request.into_inner()).await.map(Response::new)
    }

    async fn set_override(
        &self,
        request: Request<v1::SetOverrideRequest>,
    ) -> Answer<v1::SetOverrideResponse> {
        let now = self.partitions.clock().now();
        let hand = message::hand(request.get_ref(), &author(&request), now)?;
        let unknown = message::unknown_owner("target", request.get_ref().target.as_ref());
        let handle = find::owner(&self.partitions, hand.target, &unknown).await?;
        let checked = hand.clone();
        let question = move |engine: &find::Engine| {
            find::check_hand(engine, &checked).map(|()| find::is_on(engine, &checked))
        };
        let is_on = handle.ask(question).await.map_err(|error| loop_status(&error))??;
        if !is_on {
            let by = By {
                author: hand.author.clone(),
                reason: hand.reason.clone(),
                request_id: request.get_ref().request_id.clone(),
            };
            submit(handle, by.decide(find::set(hand.clone()), Vec::new())).await?;
            handle.hasten();
        }
        let question = move |engine: &find::Engine| message::hand_message(engine, &hand);
        let applied = handle.ask(question).await.map_err(|error| loop_status(&error))?;
        Ok(Response::new(v1::SetOverrideResponse { applied: Some(applied) }))
    }

    async fn clear_override(
        &self,
        request: Request<v1::ClearOverrideRequest>,
    ) -> Answer<v1::ClearOverrideResponse> {
        let by = By {
            author: author(&request),
            reason: wire::audit::optional_reason(&request.get_ref().reason)?,
            request_id: wire::name("request_id", &request.get_ref().request_id)?.to_string(),
        };
        let (handle, id) = find::hand_on(&self.partitions, &request.get_ref().override_id).await?;
        let cleared = find::clear(id, by.author.clone());
        submit(handle, by.decide(cleared, Vec::new())).await?;
        handle.hasten();
        Ok(Response::new(v1::ClearOverrideResponse {}))
    }

    async fn list_overrides(
        &self,
        request: Request<v1::ListOverridesRequest>,
    ) -> Answer<v1::ListOverridesResponse> {
        list::overrides(&self.partitions, request.into_inner()).await.map(Response::new)
    }

    async fn accept_counter(
        &self,
        request: Request<v1::AcceptCounterRequest>,
    ) -> Answer<v1::AcceptCounterResponse> {
        let by = By {
            author: author(&request),
            reason: request.get_ref().reason.clone(),
            ..By::default()
        };
        let input = message::acceptance(request.get_ref(), by.author.clone())?;
        let (handle, _) = find::campaign(&self.partitions, &request.get_ref().campaign_id)?;
        submit(handle, by.decide(input, Vec::new())).await?;
        handle.hasten();
        Ok(Response::new(v1::AcceptCounterResponse {}))
    }

    async fn list_suspense(
        &self,
        request: Request<v1::ListSuspenseRequest>,
    ) -> Answer<v1::ListSuspenseResponse> {
        list::suspense(&self.partitions, request.into_inner()).await.map(Response::new)
    }

    async fn resolve_suspense(
        &self,
        request: Request<v1::ResolveSuspenseRequest>,
    ) -> Answer<v1::ResolveSuspenseResponse> {
        let author = author(&request);
        let request = request.get_ref();
        let by = By { author, reason: request.reason.clone(), ..By::default() };
        let (input, has) = find::resolution(request, by.author.clone())?;
        let rule = "must name an event in suspense: it was resolved already, or never set aside";
        let listed = format!("{:016x}", request.event_key);
        let unknown = wire::Refusal::new("event_key", listed, rule);
        let handle = find::partition(&self.partitions, &unknown, has).await?;
        submit(handle, by.decide(input, Vec::new())).await?;
        Ok(Response::new(v1::ResolveSuspenseResponse {}))
    }

    async fn partition_of(
        &self,
        request: Request<v1::PartitionOfRequest>,
    ) -> Answer<v1::PartitionOfResponse> {
        let name = wire::name("advertiser_id", &request.get_ref().advertiser_id)?;
        let handle = self.partitions.of_advertiser(name.as_str());
        Ok(Response::new(v1::PartitionOfResponse {
            partition: handle.partition().0.into(),
            partitions: self.partitions.count().into(),
        }))
    }

    async fn list_notices(
        &self,
        request: Request<v1::ListNoticesRequest>,
    ) -> Answer<v1::ListNoticesResponse> {
        notices::list(&self.partitions, request.into_inner()).await.map(Response::new)
    }

    async fn get_catalogue(
        &self,
        request: Request<v1::GetCatalogueRequest>,
    ) -> Answer<v1::GetCatalogueResponse> {
        audit::catalogue(&self.partitions, request.into_inner()).await.map(Response::new)
    }

    async fn preview_change(
        &self,
        request: Request<v1::PreviewChangeRequest>,
    ) -> Answer<v1::PreviewChangeResponse> {
        let author = author(&request);
        let request = request.into_inner();
        let told = preview::change(&self.partitions, &self.trials, request, &author).await?;
        Ok(Response::new(told))
    }

    async fn list_audit(
        &self,
        request: Request<v1::ListAuditRequest>,
    ) -> Answer<v1::ListAuditResponse> {
        audit::changes(&self.partitions, request.get_ref()).await.map(Response::new)
    }

    async fn undo_change(
        &self,
        request: Request<v1::UndoChangeRequest>,
    ) -> Answer<v1::UndoChangeResponse> {
        let caller = request.extensions().get::<Caller>().cloned();
        let author = author(&request);
        let answer = decide::undo(&self.partitions, request.get_ref(), author, caller.as_ref());
        answer.await.map(Response::new)
    }

    async fn get_status(
        &self,
        _request: Request<v1::GetStatusRequest>,
    ) -> Answer<v1::GetStatusResponse> {
        let now = self.partitions.clock().now();
        let mut told = Vec::new();
        for handle in self.partitions.all() {
            told.push(list::status(handle, now).await?);
        }
        Ok(Response::new(v1::GetStatusResponse {
            instance_id: self.instance.clone(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            server_time: Some(wire::instant_message(now)),
            partitions: told,
            clock_factor: self.partitions.clock().factor(),
        }))
    }
}

#[cfg(test)]
mod tests;
