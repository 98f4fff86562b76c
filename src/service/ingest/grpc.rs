//! `SpendService`: reports of spend and opportunities by RPC, answered once they are durable.
//!
//! A call is refused whole only for what is wrong with its head; while the log cannot be reached it
//! is answered `UNAVAILABLE`, and the producer keeps what it has. Called by tonic.

use super::{append, opportunity_inputs, sequence_max, spend_inputs};
use crate::control_loop::LoopError;
use crate::partition::Partitions;
use crate::store::StoreError;
use crate::telemetry::event;
use crate::wire::spend::{REPORT_MAX, opportunity_report, spend_report};
use crate::wire::status;
use paceline_proto::v1;
use paceline_proto::v1::spend_service_server::SpendService;
use tokio::sync::Semaphore;
use tonic::{Request, Response, Status};

/// Reports under way at a time. Each holds at most a megabyte; more would only wait in front of the
/// log, which takes them one after another.
const REPORTS_MAX: usize = 256;

/// Takes reports for all partitions.
#[derive(Debug)]
pub struct Intake {
    partitions: Partitions,
    report_max: usize,
    room: Semaphore,
}

impl Intake {
    /// `report_max`: the most events or counts in one report; the contract's bound stands above it.
    #[must_use]
    pub fn new(partitions: Partitions, report_max: usize) -> Self {
        let report_max = report_max.min(REPORT_MAX);
        Self { partitions, report_max, room: Semaphore::new(REPORTS_MAX) }
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
        let _place = self.room.acquire().await.expect("never closed");
        let request = request.into_inner();
        let report = spend_report(&request, self.report_max)?;
        append(&self.partitions, spend_inputs(&self.partitions, &report))
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
            Some(producer) if request.events.is_empty() => {
                // How far it has looked is taken all the same.
                sequence_max(&self.partitions, producer).await.unwrap_or_default()
            }
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
        let _place = self.room.acquire().await.expect("never closed");
        let report = opportunity_report(request.get_ref(), self.report_max)?;
        append(&self.partitions, opportunity_inputs(&self.partitions, &report))
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
}

#[cfg(test)]
mod tests;
