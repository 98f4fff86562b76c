//! A catalogue, all of it or none: read, sorted by partition, checked everywhere, then entered.

use super::decide::By;
use super::{calendar, loop_status};
use crate::control_loop::{LoopError, LoopHandle};
use crate::partition::Partitions;
use crate::store::Store;
use crate::wire;
use crate::wire::admin::Warning;
use crate::wire::catalogue::{
    Asked, Complaint, Item, Portion, Request, Response, complaint_text, fed_by_counters, read,
    refuse, respond,
};
use paceline_core::engine::{Applied, Engine};
use paceline_core::input::Input;
use paceline_core::units::Timestamp;
use tonic::Status;

/// Checks with every partition before any is told, so that a rule broken in one leaves all as they
/// were. A partition that is lost after others have taken their portion is named in the answer.
pub(super) async fn catalogue(
    partitions: &Partitions,
    request: &Request,
    author: String,
) -> Result<Response, Status> {
    let by = By {
        author,
        reason: wire::audit::optional_reason(&request.reason)?,
        request_id: wire::audit::optional_request(&request.request_id)?,
    };
    let mut checked = match sound(partitions, request).await? {
        Ok(checked) => checked,
        Err(complaints) => return Ok(refuse(complaints)),
    };
    checked.retain(|portion| !portion.is_empty());
    // Asked before it is entered: what it changes is looked at beside what is there.
    let (warnings, unexamined) = foreseen(partitions, &checked).await?;
    let answer = if request.is_check_only {
        respond(checked.into_iter().flat_map(|portion| portion.items).collect(), vec![])
    } else {
        enter(partitions, checked, &by).await?
    };
    let is_taken = answer.complaints.is_empty();
    Ok(if is_taken { Response { warnings, unexamined, ..answer } } else { answer })
}

/// What of it cannot come true, and how much of it was not looked at.
async fn foreseen(
    partitions: &Partitions,
    checked: &[Portion],
) -> Result<(Vec<Warning>, u32), Status> {
    let now = partitions.clock().now();
    let (mut warnings, mut unexamined) = (Vec::new(), 0_u32);
    for portion in checked {
        let Some(handle) = partitions.get(portion.partition) else { continue };
        let change = portion.change.clone();
        let question = move |engine: &Engine| {
            let zones: Vec<String> =
                change.advertisers.iter().map(|spec| spec.zone_name.to_string()).collect();
            let days = calendar::outlooks(engine, &zones, now);
            wire::admin::warnings(engine, &change, &days)
        };
        let told = handle.ask(question).await.map_err(|error| loop_status(&error))?;
        warnings.extend(told.0);
        unexamined = unexamined.saturating_add(told.1);
    }
    warnings.truncate(wire::admin::WARNINGS_MAX);
    Ok((warnings, unexamined))
}

/// What each partition is to take, without what is there already, as all of them would; or every
/// rule that is broken.
pub(super) async fn sound(
    partitions: &Partitions,
    request: &Request,
) -> Result<Result<Vec<Portion>, Vec<Complaint>>, Status> {
    if matches!(partitions.store(), Store::Embedded(_)) {
        let complaints = fed_by_counters(request);
        if !complaints.is_empty() {
            return Ok(Err(complaints));
        }
    }
    let expected = wire::audit::expected(&request.expected)?;
    let portions = match read(request, partitions.count()) {
        Ok(portions) => portions,
        Err(complaints) => return Ok(Err(complaints)),
    };
    let mut complaints = Vec::new();
    let mut checked: Vec<Portion> = Vec::new();
    for (partition, portion) in portions {
        let Some(handle) = partitions.get(partition) else { continue };
        let read = expected.clone();
        let asked = handle.ask(move |engine| portion.check(engine, &read)).await;
        match asked.map_err(|error| loop_status(&error))? {
            Asked::Sound(portion) => checked.push(*portion),
            Asked::Faulty(faults) => complaints.extend(faults),
        }
    }
    Ok(if complaints.is_empty() { Ok(checked) } else { Err(complaints) })
}

/// Has every partition enter its portion. When none did, the request failed as a whole.
async fn enter(
    partitions: &Partitions,
    checked: Vec<Portion>,
    by: &By,
) -> Result<Response, Status> {
    let now = partitions.clock().now();
    let mut entered: Vec<Item> = Vec::new();
    let mut lost: Vec<(Portion, String)> = Vec::new();
    let mut answer = None;
    for portion in checked {
        let Some(handle) = partitions.get(portion.partition) else { continue };
        match enter_portion(handle, &portion, by, now).await {
            Ok(Applied::Refused(errors)) => {
                // An edit came between the check and this.
                let complaints = portion.complaints(errors);
                let reason = complaint_text(&complaints);
                answer.get_or_insert(Ok(refuse(complaints)));
                lost.push((portion, reason));
            }
            Ok(_) => {
                handle.hasten();
                entered.extend(portion.items);
            }
            Err(error) => {
                answer.get_or_insert(Err(loop_status(&error)));
                lost.push((portion, error.to_string()));
            }
        }
    }
    match answer {
        Some(answer) if entered.is_empty() => answer,
        _ => Ok(respond(entered, lost)),
    }
}

/// One durable batch: the days ahead in every zone it brings, then the portion. What became of it.
async fn enter_portion(
    handle: &LoopHandle,
    portion: &Portion,
    by: &By,
    now: Timestamp,
) -> Result<Applied, LoopError> {
    let zones: Vec<String> =
        portion.change.advertisers.iter().map(|spec| spec.zone_name.to_string()).collect();
    let mut inputs = handle.ask(move |engine| calendar::outlooks(engine, &zones, now)).await?;
    let change = Input::Catalogue(portion.change.clone());
    inputs.push(by.decide(change, portion.expected.clone()));
    let answers = handle.submit(inputs).await?;
    Ok(answers.into_iter().last().unwrap_or(Applied::Done))
}
