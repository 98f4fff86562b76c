//! Why a campaign's numbers were what they were: from what is kept of its past.
//!
//! Reads the store beside the loop, and asks the loop for names and for what people changed alone.
//! Changes nothing. Called by the admin service.

use super::find::{self, Engine};
use super::loop_status;
use crate::audit::Trail;
use crate::partition::Partitions;
use crate::past::{Past, Questions, Untold, told};
use crate::wire::Refusal;
use crate::wire::admin::{self as message, PastQuestion};
use paceline_proto::v1;
use tonic::Status;

/// The answer to a question about a past.
pub(super) async fn explain(
    partitions: &Partitions,
    questions: &Questions,
    request: v1::ExplainPastRequest,
) -> Result<v1::ExplainPastResponse, Status> {
    let (handle, id) = find::campaign(partitions, &request.campaign_id)?;
    let now = partitions.clock().now();
    let question = message::past_question(&request, now)?;
    let _place = questions.place().ok_or_else(|| {
        let why = "four questions about the past are being answered: ask again in some seconds";
        Status::resource_exhausted(why)
    })?;
    let past = Past { store: partitions.store(), partition: handle.partition(), campaign: id, now };
    let answer = match question {
        PastQuestion::At(at) => {
            let found = past.at(at).await.map_err(untold)?;
            let question = move |engine: &Engine, _: &Trail| {
                let spec = engine.campaign(id)?;
                Some(message::past_moment_message(engine, spec, &found))
            };
            handle.ask_trail(question).await
        }
        PastQuestion::Over(from, until) => {
            let found = past.over(from, until).await.map_err(untold)?;
            let question = move |engine: &Engine, trail: &Trail| {
                let spec = engine.campaign(id)?;
                Some(message::past_period_message(engine, trail, spec, &found))
            };
            handle.ask_trail(question).await
        }
    };
    let answer = answer.map_err(|error| loop_status(&error))?;
    answer.ok_or_else(|| find::unknown_campaign(&request.campaign_id))
}

fn untold(error: Untold) -> Status {
    match error {
        Untold::Refused { field, value, rule } => Refusal::new(field, told(value), rule).into(),
        Untold::Store(error) if !error.is_transient() => {
            Status::internal(crate::error_chain(&error))
        }
        Untold::Store(error) => Status::unavailable(crate::error_chain(&error)),
    }
}
