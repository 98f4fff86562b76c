//! `ctl apply`: a file of campaigns, read here and entered by the service; and what is in force
//! already.

mod held;

use super::json::warning;
use super::{Caller, CtlError, Outcome, pretty};
use crate::args::ctl::ApplyArgs;
use crate::wire::admin::warning_lines;
use crate::wire::catalogue::{Request, Response, complaint_text, file_message};
pub(super) use held::{diff, export};
use paceline_proto::v1;
use serde_json::{Value, json};
use std::fmt::Write;

/// Reads and checks the file, has it entered, and says what was and what was not.
pub(super) async fn apply(caller: &mut Caller, args: ApplyArgs) -> Result<Outcome, CtlError> {
    // A faulty file is told of whether or not anybody listens.
    let request = file_message(&paceline_catalogue::read(&args.file)?);
    let (reason, request_id) = (args.reason, args.request_id);
    let request = Request { is_check_only: args.dry_run, reason, request_id, ..request };
    let asked = caller.client.apply_catalogue(request).await;
    let told = caller.answer(asked)?;
    let text = if caller.is_json { pretty(&as_json(&told)) } else { as_text(&told, args.dry_run) };
    Ok(Outcome { text, trouble: trouble(&told) })
}

/// What is to be done about it, if anything.
fn trouble(told: &Response) -> Option<CtlError> {
    if !told.complaints.is_empty() {
        let count = told.complaints.len();
        let lines: Vec<String> = told
            .complaints
            .iter()
            .map(|fault| format!("\n  {}", complaint_text(std::slice::from_ref(fault))))
            .collect();
        let text = format!("nothing was entered; faults: {count}{}", lines.concat());
        return Some(CtlError::Refused(text));
    }
    if told.failures.is_empty() {
        return None;
    }
    let lost: Vec<String> = told
        .failures
        .iter()
        .map(|lost| format!("\n  partition {}: {}", lost.partition, lost.reason))
        .collect();
    let what = "entered in part; apply the file again, what is there already is left alone:";
    Some(CtlError::Failed(format!("{what}{}", lost.concat())))
}

fn as_text(told: &Response, is_check_only: bool) -> String {
    if !told.complaints.is_empty() {
        return String::new();
    }
    let mut text = String::new();
    for item in &told.entered {
        let verb = match (is_check_only, item.is_new) {
            (false, true) => "entered",
            (false, false) => "changed",
            (true, true) => "would enter",
            (true, false) => "would change",
        };
        line(&mut text, verb, item);
    }
    for item in told.failures.iter().flat_map(|lost| &lost.items) {
        line(&mut text, "not known whether entered", item);
    }
    if text.is_empty() {
        text += "nothing to do: everything is as the file says\n";
    }
    text += &warning_lines(&told.warnings, told.unexamined);
    text
}

/// `entered campaign spring (campaigns[0], partition 3)`.
fn line(text: &mut String, verb: &str, item: &v1::CatalogueItem) {
    let kind = item.path.split_once("s[").map_or(item.path.as_str(), |(kind, _)| kind);
    let place = match kind {
        "shape" => item.path.clone(),
        _ => format!("{}, partition {}", item.path, item.partition),
    };
    writeln!(text, "{verb} {kind} {} ({place})", item.id).expect("text grows as it needs");
}

fn as_json(told: &Response) -> Value {
    let item = |item: &v1::CatalogueItem| {
        json!({
            "path": item.path,
            "id": item.id,
            "partition": item.partition,
            "is_new": item.is_new,
        })
    };
    let complaint = |fault: &v1::Complaint| {
        let (path, value, rule) = (&fault.path, &fault.value, &fault.rule);
        json!({"path": path, "value": value, "rule": rule})
    };
    let failure = |lost: &v1::CatalogueFailure| {
        json!({
            "partition": lost.partition,
            "reason": lost.reason,
            "items": lost.items.iter().map(item).collect::<Value>(),
        })
    };
    json!({
        "complaints": told.complaints.iter().map(complaint).collect::<Value>(),
        "changed": told.changed,
        "entered": told.entered.iter().map(item).collect::<Value>(),
        "failures": told.failures.iter().map(failure).collect::<Value>(),
        "warnings": told.warnings.iter().map(warning).collect::<Value>(),
        "unexamined": told.unexamined,
    })
}
