//! A catalogue, all of it or none: read, sorted by partition, checked everywhere, then entered.

use super::{calendar, loop_status};
use crate::partition::Partitions;
use crate::wire::catalogue::{Asked, Portion, Request, Response, read, respond};
use paceline_core::engine::Applied;
use paceline_core::input::Input;
use paceline_core::units::PartitionId;
use tonic::Status;

/// Checks with every partition before any is told, so that a rule broken in one leaves all as they
/// were.
pub(super) async fn catalogue(
    partitions: &Partitions,
    request: &Request,
) -> Result<Response, Status> {
    let count = partitions.count();
    let portions = match read(request, |payer| PartitionId::of(payer, count)) {
        Ok(portions) => portions,
        Err(complaints) => return Ok(respond(complaints, 0)),
    };
    let mut complaints = Vec::new();
    let mut checked: Vec<Portion> = Vec::new();
    for (partition, portion) in portions {
        let Some(handle) = partitions.get(partition) else { continue };
        let asked = handle.ask(move |engine| portion.check(engine)).await;
        match asked.map_err(|error| loop_status(&error))? {
            Asked::Sound(portion) => checked.push(portion),
            Asked::Faulty(faults) => complaints.extend(faults),
        }
    }
    let changed = checked.iter().map(Portion::len).sum();
    if !complaints.is_empty() {
        return Ok(respond(complaints, 0));
    }
    if request.is_check_only {
        return Ok(respond(complaints, changed));
    }
    let now = partitions.clock().now();
    for portion in checked.into_iter().filter(|portion| !portion.is_empty()) {
        let Some(handle) = partitions.get(portion.partition) else { continue };
        let zones: Vec<String> =
            portion.change.advertisers.iter().map(|spec| spec.zone_name.to_string()).collect();
        let days = handle.ask(move |engine| calendar::outlooks(engine, &zones, now)).await;
        let mut inputs = days.map_err(|error| loop_status(&error))?;
        inputs.push(Input::Catalogue(portion.change.clone()));
        let answers = handle.submit(inputs).await.map_err(|error| loop_status(&error))?;
        if let Some(Applied::Refused(errors)) = answers.into_iter().last() {
            complaints.extend(portion.complaints(errors));
        }
        handle.hasten();
    }
    Ok(respond(complaints, changed))
}
