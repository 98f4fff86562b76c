//! Decisions: an input with who asked for it, why and by which request; and decisions taken back.
//!
//! Knows the core, and of messages what the wire makes of them. Called by the admin service alone,
//! so that whatever a person changes bears their name.

use super::loop_status;
use crate::audit::undo::{Inverse, NotUndone, inverse, shape_put_back};
use crate::audit::{Sealed, Trail};
use crate::auth::{Caller, Deed};
use crate::control_loop::LoopHandle;
use crate::partition::Partitions;
use crate::wire::audit::{UndoRequest as Request, UndoResponse as Response};
use crate::wire::{self, Refusal, admin as message};
use paceline_core::engine::Engine;
use paceline_core::input::{Decision, Input};
use paceline_core::object::Expected;
use paceline_core::overrides::OverrideChange;
use tonic::Status;

/// Who asks, why and by which request.
#[derive(Debug, Clone, Default)]
pub(super) struct By {
    pub(super) author: String,
    pub(super) reason: String,
    pub(super) request_id: String,
}

impl By {
    /// The input as their decision, on generations that they read.
    pub(super) fn decide(&self, input: Input, expected: Vec<Expected>) -> Input {
        self.decide_back(input, expected, None)
    }

    /// As [`Self::decide`], which takes a record back.
    fn decide_back(&self, input: Input, expected: Vec<Expected>, undoes: Option<u64>) -> Input {
        Input::Decided(Decision {
            author: self.author.clone(),
            reason: self.reason.clone(),
            request_id: self.request_id.clone(),
            expected,
            undoes,
            input: Box::new(input),
        })
    }
}

/// What a partition says of a change to be taken back.
enum Found {
    /// There is no such record.
    Nothing,
    /// This request did it already; the shape it put back here, which others may still lack.
    Done(Box<Sealed>, Box<Sealed>, Option<Box<Input>>),
    /// It can be done, or not.
    Judged(Box<Sealed>, Box<Result<Inverse, NotUndone>>),
}

fn look(engine: &Engine, trail: &Trail, number: u64, request: &str, is_forced: bool) -> Found {
    let Some(sealed) = trail.get(number) else { return Found::Nothing };
    let is_it =
        |other: &&Sealed| other.record.undoes == Some(number) && other.record.request_id == request;
    if let Some(made) = trail.iter().rev().find(is_it) {
        let shape = shape_put_back(engine, &sealed.record).map(Box::new);
        return Found::Done(Box::new(sealed.clone()), Box::new(made.clone()), shape);
    }
    let judged = inverse(engine, &sealed.record, is_forced);
    Found::Judged(Box::new(sealed.clone()), Box::new(judged))
}

fn not_undone(error: &NotUndone) -> Status {
    match error {
        NotUndone::ChangedSince { .. } | NotUndone::Already { .. } | NotUndone::Ended => {
            Status::failed_precondition(error.to_string())
        }
        _ => Status::invalid_argument(error.to_string()),
    }
}

fn unknown(number: u64) -> Status {
    let rule = "must be a change that is kept in this partition";
    wire::status::unknown(&Refusal::new("number", number, rule))
}

/// Takes a change back, or tells what that would do.
pub(super) async fn undo(
    partitions: &Partitions,
    request: &Request,
    author: String,
    caller: Option<&Caller>,
) -> Result<Response, Status> {
    let partition = wire::partition("partition", request.partition)?;
    let none = || Refusal::new("partition", request.partition, "must be one that there is");
    let handle = partitions.get(partition).ok_or_else(none)?;
    let reason = message::reason(&request.reason)?;
    let request_id = wire::name("request_id", &request.request_id)?.to_string();
    let (number, is_forced) = (request.number, request.is_forced);
    let asked = request_id.clone();
    let question =
        move |engine: &Engine, trail: &Trail| look(engine, trail, number, &asked, is_forced);
    let found = handle.ask_trail(question).await.map_err(|error| loop_status(&error))?;
    let (undone, inverse) = match found {
        Found::Nothing => return Err(unknown(number)),
        Found::Done(undone, made, shape) => {
            // The service may have ended before it reached the others.
            if let Some(shape) = shape.filter(|_| !request.is_check_only) {
                may_enter(&shape, caller)?;
                let by = By { author, reason, request_id };
                spread(partitions, handle, &by, &shape).await?;
            }
            return Ok(respond(request.partition, &undone, Some(&made)));
        }
        Found::Judged(undone, judged) => match *judged {
            Err(error) => return Err(not_undone(&error)),
            Ok(inverse) => (undone, inverse),
        },
    };
    may_enter(&inverse.input, caller)?;
    if request.is_check_only {
        let told = respond(request.partition, &undone, None);
        return Ok(Response { before_json: inverse.now, after_json: inverse.then, ..told });
    }
    let by = By { author, reason, request_id };
    let input = inverse.input.clone();
    let is_shape = matches!(&input, Input::Catalogue(change) if !change.shapes.is_empty());
    if is_shape {
        super::leads_all(partitions).await?;
    }
    // Here first, where it is refused when the object has changed meanwhile.
    let made = carry_out(handle, &by, inverse, number).await?;
    if is_shape {
        spread(partitions, handle, &by, &input).await?;
    }
    if let Input::Catalogue(_) = &input {
        // The time zone of old may be one whose days nobody told of for long. What cannot be told
        // now is told within the minute.
        let _ = super::calendar::tell_days(handle, partitions.clock().now()).await;
    }
    Ok(respond(request.partition, &undone, made.as_ref()))
}

/// Whoever may not enter a campaign may not bring an old one back.
fn may_enter(input: &Input, caller: Option<&Caller>) -> Result<(), Status> {
    match caller {
        Some(Caller { name, role })
            if matches!(input, Input::Catalogue(_)) && !Deed::Enter.is_allowed(*role) =>
        {
            let deed = Deed::Enter.as_str();
            let told = format!("{name} has the role {role}, which may not {deed}");
            Err(Status::permission_denied(told))
        }
        _ => Ok(()),
    }
}

/// A shape lives everywhere: what took it back in one partition goes to all others. Where it is
/// back already, nothing changes and nothing is noted.
async fn spread(
    partitions: &Partitions,
    done: &LoopHandle,
    by: &By,
    input: &Input,
) -> Result<(), Status> {
    for other in partitions.all().filter(|other| other.partition() != done.partition()) {
        super::submit(other, by.decide(input.clone(), Vec::new())).await?;
        other.hasten();
    }
    Ok(())
}

/// Puts the inverse into the log; the change that it made.
async fn carry_out(
    handle: &LoopHandle,
    by: &By,
    inverse: Inverse,
    number: u64,
) -> Result<Option<Sealed>, Status> {
    let input = match inverse.input {
        Input::Override(OverrideChange::Clear { id, .. }) => {
            Input::Override(OverrideChange::Clear { id, author: by.author.clone() })
        }
        other => other,
    };
    super::submit(handle, by.decide_back(input, inverse.expected, Some(number))).await?;
    handle.hasten();
    let question = move |_: &Engine, trail: &Trail| {
        trail.iter().rev().find(|made| made.record.undoes == Some(number)).cloned()
    };
    handle.ask_trail(question).await.map_err(|error| loop_status(&error))
}

fn respond(partition: u32, undone: &Sealed, made: Option<&Sealed>) -> Response {
    let state = |pick: fn(&Sealed) -> &Option<String>| made.and_then(|made| pick(made).clone());
    Response {
        undone: Some(wire::audit::record_message(partition, undone)),
        before_json: state(|made| &made.record.before),
        after_json: state(|made| &made.record.after),
        made: made.map(|made| wire::audit::record_message(partition, made)),
    }
}
