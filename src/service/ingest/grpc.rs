//! `SpendService`: reports of spend, opportunities and outcomes by RPC, answered once they are
//! durable.
//!
//! A call is refused whole only for what is wrong with its head; while the log cannot be reached it
//! is answered `UNAVAILABLE`, and the producer keeps what it has. Called by tonic.

use super::{Gatherers, opportunity_inputs, outcome_inputs, sequence_max, spend_inputs};
use crate::control_loop::LoopError;
use crate::partition::Partitions;
use crate::store::StoreError;
use crate::telemetry::event;
use crate::wire::outcome::{Currency, outcome_report};
use crate::wire::spend::{REPORT_MAX, opportunity_report, spend_report};
use crate::wire::status;
use paceline_proto::v1;
use paceline_proto::v1::spend_service_server::SpendService;
use std::sync::Arc;
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio_util::task::TaskTracker;
use tonic::{Request, Response, Status};

/// Reports under way at a time. Each holds at most a megabyte; more would only wait in front of the
/// log, which takes them one after another.
const REPORTS_MAX: usize = 256;

/// Takes reports for all partitions.
#[derive(Debug)]
pub struct Intake {
    partitions: Partitions,
    report_max: usize,
    /// Of the prices that are learnt from; absent: none are.
    currency: Option<Currency>,
    logs: Gatherers,
    room: Arc<Semaphore>,
}

/// Where reports are while they are under way.
#[derive(Debug, Clone)]
pub struct Room(Arc<Semaphore>);

impl Room {
    /// Lets no more reports in; returns once those under way are answered.
    pub async fn close(&self) {
        let all = u32::try_from(REPORTS_MAX).expect("a small number");
        if let Ok(places) = self.0.acquire_many(all).await {
            self.0.close();
            drop(places);
        }
    }
}

impl Intake {
    /// `report_max`: the most events or counts in one report; the contract's bound stands above it.
    /// What is appended, is appended in `tasks`.
    #[must_use]
    pub fn new(partitions: Partitions, report_max: usize, tasks: &TaskTracker) -> Self {
        let report_max = report_max.min(REPORT_MAX);
        let logs = Gatherers::start(&partitions, tasks);
        let room = Arc::new(Semaphore::new(REPORTS_MAX));
        Self { partitions, report_max, currency: None, logs, room }
    }

    /// Takes outcomes with prices in this currency; without one, none.
    #[must_use]
    pub fn with_outcomes(self, currency: Option<Currency>) -> Self {
        Self { currency, ..self }
    }

    /// To see that nothing is under way.
    #[must_use]
    pub fn room(&self) -> Room {
        Room(Arc::clone(&self.room))
    }

    async fn place(&self) -> Result<SemaphorePermit<'_>, Status> {
        let stopping = |_| Status::unavailable("the service is stopping: send the same again");
        self.room.acquire().await.map_err(stopping)
    }

    /// Spend finds its partition by its campaign: until every log was read once, it could be taken
    /// for spend of a campaign that nobody knows.
    fn check_read(&self) -> Result<(), Status> {
        let Some(partition) = self.partitions.unread() else { return Ok(()) };
        let why = "has not been read yet after the start: send the same again";
        Err(Status::unavailable(format!("the log of partition {} {why}", partition.0)))
    }
}

/// Whatever ails the log, the producer keeps its report.
fn kept(error: &StoreError) -> Status {
    Status::unavailable(crate::error_chain(error))
}

fn unanswered(error: &LoopError) -> Status {
    match error {
        LoopError::NotLeader { leader } => status::not_leader(leader.as_deref()),
        LoopError::Unavailable { .. } | LoopError::Stopped => {
            Status::unavailable(crate::error_chain(error))
        }
    }
}

fn count(length: usize) -> u32 {
    u32::try_from(length).expect("a report is bounded")
}

#[tonic::async_trait]
impl SpendService for Intake {
    async fn report_spend(
        &self,
        request: Request<v1::ReportSpendRequest>,
    ) -> Result<Response<v1::ReportSpendResponse>, Status> {
        let _place = self.place().await?;
        let request = request.into_inner();
        let report = spend_report(&request, self.report_max)?;
        if !report.events.is_empty() {
            self.check_read()?;
        }
        self.logs
            .append(spend_inputs(&self.partitions, &report))
            .await
            .map_err(|error| kept(&error))?;
        event::spend_refused(u64::from(count(report.refusals.len())));
        // Without events the report may be the question where to go on, after a restart; a wrong
        // answer would have the producer's next events taken for repeated ones.
        let is_question = request.events.is_empty() && report.reported_through.is_none();
        let sequence_max = match report.producer {
            Some(producer) if is_question => sequence_max(&self.partitions, producer)
                .await
                .map_err(|error| unanswered(&error))?,
            _ => report.events.iter().filter_map(|event| event.sequence).max(),
        };
        Ok(Response::new(v1::ReportSpendResponse {
            accepted: count(report.events.len()),
            refusals: report.refusals,
            sequence_max,
        }))
    }

    async fn report_opportunities(
        &self,
        request: Request<v1::ReportOpportunitiesRequest>,
    ) -> Result<Response<v1::ReportOpportunitiesResponse>, Status> {
        let _place = self.place().await?;
        let report = opportunity_report(request.get_ref(), self.report_max)?;
        self.check_read()?;
        self.logs
            .append(opportunity_inputs(&self.partitions, &report))
            .await
            .map_err(|error| kept(&error))?;
        let (asks, bids, wins) = report.counts.iter().fold((0, 0, 0), |(asks, bids, wins), one| {
            (asks + one.asks, bids + one.bids, wins + one.wins)
        });
        event::opportunities_seen(asks, bids, wins);
        Ok(Response::new(v1::ReportOpportunitiesResponse {
            accepted: count(report.counts.len()),
            refusals: report.refusals,
        }))
    }

    async fn report_outcomes(
        &self,
        request: Request<v1::ReportOutcomesRequest>,
    ) -> Result<Response<v1::ReportOutcomesResponse>, Status> {
        let _place = self.place().await?;
        let Some(due) = self.currency else {
            let why = "shading.currency is not set: no outcomes are learnt from here";
            return Err(Status::failed_precondition(why));
        };
        let mut report = outcome_report(request.get_ref(), self.report_max, due)?;
        let refusals = std::mem::take(&mut report.refusals);
        let accepted = count(report.outcomes.len());
        self.logs
            .append(outcome_inputs(&self.partitions, report))
            .await
            .map_err(|error| kept(&error))?;
        event::outcomes_refused(u64::from(count(refusals.len())));
        Ok(Response::new(v1::ReportOutcomesResponse { accepted, refusals }))
    }
}

#[cfg(test)]
mod tests;
