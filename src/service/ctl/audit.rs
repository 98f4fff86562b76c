//! `ctl audit` and `ctl undo`: who changed what, whether the record of it is whole, and taking a
//! change back.

use super::{Caller, CtlError, PAGE_SIZE, hands, json, pages, pretty, text};
use crate::args::ctl::{AuditCommand, AuditListArgs, UndoArgs};
use crate::audit::difference::{between, shown};
use crate::audit::export::{self, Stretch};
use crate::audit::{Sealed, check};
use crate::wire;
use paceline_proto::v1;
use paceline_view::{Cell, Column, Table};
use serde_json::{Value, json as object};
use std::fmt::Write as _;
use std::path::Path;

pub(super) async fn audit(caller: &mut Caller, command: AuditCommand) -> Result<String, CtlError> {
    match command {
        AuditCommand::List(args) => list(caller, args).await,
        AuditCommand::Show { change } => show(caller, change).await,
        AuditCommand::Export { partition, out } => {
            let text: String =
                stretches(caller, partition).await?.iter().map(Stretch::to_text).collect();
            super::put(out.as_deref(), text)
        }
        AuditCommand::Verify { file: Some(path) } => verify_file(caller.is_json, &path),
        AuditCommand::Verify { file: None } => {
            let stretches = stretches(caller, None).await?;
            Ok(verified(caller.is_json, &stretches))
        }
    }
}

async fn list(caller: &mut Caller, args: AuditListArgs) -> Result<String, CtlError> {
    let request = v1::ListAuditRequest {
        page_size: args.most,
        object_kind: args.kind.unwrap_or_default(),
        object_id: args.object.unwrap_or_default(),
        author: args.author.unwrap_or_default(),
        from: args.since.map(wire::instant_message),
        until: args.until.map(wire::instant_message),
        ..v1::ListAuditRequest::default()
    };
    let asked = caller.client.list_audit(request).await;
    let told = caller.answer(asked)?;
    if caller.is_json {
        let records: Value = told.records.iter().map(record_json).collect();
        return Ok(pretty(&object!({"changes": records, "trails": trails_json(&told.trails)})));
    }
    let mut answer = table(&told.records).to_text();
    if !told.next_page_token.is_empty() {
        answer += "there are older ones: narrow the question, or raise --most\n";
    }
    Ok(answer)
}

fn table(records: &[v1::AuditRecord]) -> Table {
    let names = ["change", "at", "by", "did", "to", "generation", "why"];
    let table = Table::new("", names.map(Column::text).to_vec());
    records.iter().fold(table, |table, record| {
        table.with_row(vec![
            Cell::text(number(record)),
            Cell::text(text::time(record.at.as_ref())),
            Cell::text(record.author.as_str()),
            Cell::text(deed(record)),
            Cell::text(format!("{} {}", record.object_kind, record.object_id)),
            Cell::text(match record.generation {
                0 => paceline_view::number::NONE.to_owned(),
                count => count.to_string(),
            }),
            Cell::text(record.reason.as_str()),
        ])
    })
}

fn number(record: &v1::AuditRecord) -> String {
    format!("{}-{}", record.partition, record.number)
}

fn deed(record: &v1::AuditRecord) -> String {
    let word = wire::audit::change_word(record.change).replace('_', " ");
    match record.undoes {
        None => word,
        Some(other) => format!("{word}, undoing {}-{other}", record.partition),
    }
}

async fn show(caller: &mut Caller, change: (u32, u64)) -> Result<String, CtlError> {
    let (partition, number) = change;
    let records = pages(async |page_token| {
        let request = v1::ListAuditRequest {
            page_size: PAGE_SIZE,
            page_token,
            partition: Some(partition),
            ..v1::ListAuditRequest::default()
        };
        let asked = caller.client.list_audit(request).await;
        let told = caller.answer(asked)?;
        let is_found = told.records.iter().any(|record| record.number == number);
        let next = if is_found { String::new() } else { told.next_page_token };
        Ok((told.records, next))
    })
    .await?;
    let found = records.into_iter().find(|record| record.number == number);
    let record = found.ok_or_else(|| {
        let told = format!("{partition}-{number} is no change that is kept");
        CtlError::Failed(told)
    })?;
    if caller.is_json {
        return Ok(pretty(&record_json(&record)));
    }
    let mut answer = table(std::slice::from_ref(&record)).to_text();
    answer += &fields(record.before_json.as_deref(), record.after_json.as_deref());
    Ok(answer)
}

/// What differs, a field a line.
fn fields(before: Option<&str>, after: Option<&str>) -> String {
    let mut answer = String::new();
    for one in between(before, after) {
        let (path, before, after) = (
            &one.path,
            shown(&one.path, one.before.as_ref()),
            shown(&one.path, one.after.as_ref()),
        );
        writeln!(answer, "  {path}: {before} -> {after}").expect("text grows as it needs");
    }
    answer
}

fn record_json(record: &v1::AuditRecord) -> Value {
    let state = |text: &Option<String>| -> Value {
        text.as_deref().and_then(|text| serde_json::from_str(text).ok()).unwrap_or(Value::Null)
    };
    object!({
        "partition": record.partition,
        "number": record.number,
        "at": json::time(record.at.as_ref()),
        "author": record.author,
        "reason": record.reason,
        "request_id": record.request_id,
        "change": wire::audit::change_word(record.change),
        "object": {"kind": record.object_kind, "id": record.object_id},
        "generation": record.generation,
        "undoes": record.undoes,
        "before": state(&record.before_json),
        "after": state(&record.after_json),
        "seal": record.seal,
    })
}

fn trails_json(trails: &[v1::AuditTrail]) -> Value {
    let trail = |trail: &v1::AuditTrail| {
        object!({
            "partition": trail.partition,
            "first": trail.first,
            "next": trail.next,
            "before_seal": trail.before_seal,
            "head_seal": trail.head_seal,
        })
    };
    trails.iter().map(trail).collect()
}

/// Every record that is kept, by partition, each stretch checked against its seals.
async fn stretches(caller: &mut Caller, partition: Option<u32>) -> Result<Vec<Stretch>, CtlError> {
    let request = v1::ListAuditRequest { page_size: 1, partition, ..Default::default() };
    let asked = caller.client.list_audit(request).await;
    let mut trails = caller.answer(asked)?.trails;
    trails.sort_by_key(|trail| trail.partition);
    let mut stretches = Vec::new();
    for trail in trails {
        let records = pages(async |page_token| {
            let request = v1::ListAuditRequest {
                page_size: PAGE_SIZE,
                page_token,
                partition: Some(trail.partition),
                is_oldest_first: true,
                ..v1::ListAuditRequest::default()
            };
            let asked = caller.client.list_audit(request).await;
            let told = caller.answer(asked)?;
            Ok((told.records, told.next_page_token))
        })
        .await?;
        stretches.push(stretch(&trail, &records)?);
    }
    Ok(stretches)
}

fn stretch(trail: &v1::AuditTrail, records: &[v1::AuditRecord]) -> Result<Stretch, CtlError> {
    let partition = trail.partition;
    let sealed: Result<Vec<Sealed>, _> = records.iter().map(wire::audit::record).collect();
    let before = wire::audit::seal("before_seal", &trail.before_seal)?;
    let stretch = Stretch { partition, before, first: trail.first, sealed: sealed? };
    let broken = |why: String| CtlError::Failed(format!("partition {partition}: {why}"));
    check(stretch.before, stretch.first, &stretch.sealed).map_err(|why| broken(why.to_string()))?;
    // Changes made while this was read come after the head that was told first.
    let place = usize::try_from(trail.next.saturating_sub(trail.first)).unwrap_or(usize::MAX);
    let head = match place {
        0 => Some(stretch.before),
        _ => stretch.sealed.get(place - 1).map(|last| last.seal),
    };
    if head.map(|head| head.to_string()).as_ref() != Some(&trail.head_seal) {
        return Err(broken("the last record is not the one that the service told".to_owned()));
    }
    Ok(stretch)
}

fn verify_file(is_json: bool, path: &Path) -> Result<String, CtlError> {
    let unusable = |error: std::io::Error| {
        CtlError::Refused(format!("{} cannot be read: {error}", path.display()))
    };
    let bytes = std::fs::read(path).map_err(unusable)?;
    let altered = |why: String| CtlError::Failed(format!("{}: {why}", path.display()));
    let text = String::from_utf8(bytes).map_err(|_| altered("is not text".to_owned()))?;
    let stretches = export::verify(&text).map_err(|fault| altered(fault.to_string()))?;
    Ok(verified(is_json, &stretches))
}

/// What holds, and the seals to note: a later export that goes on from them is the same trail.
fn verified(is_json: bool, stretches: &[Stretch]) -> String {
    if is_json {
        let one = |stretch: &Stretch| {
            object!({
                "partition": stretch.partition,
                "first": stretch.first,
                "records": stretch.sealed.len(),
                "head_seal": stretch.head().to_string(),
            })
        };
        return pretty(&object!({"verified": stretches.iter().map(one).collect::<Value>()}));
    }
    let mut answer = String::new();
    for stretch in stretches {
        let (partition, count) = (stretch.partition, stretch.sealed.len());
        let (first, head) = (stretch.first, stretch.head());
        let told = format!("partition {partition}: {count} changes from {first} on");
        writeln!(answer, "{told} as they were sealed, the last {head}")
            .expect("text grows as it needs");
    }
    answer
}

pub(super) async fn undo(caller: &mut Caller, args: UndoArgs) -> Result<String, CtlError> {
    let (partition, number) = args.change;
    let request = v1::UndoChangeRequest {
        partition,
        number,
        reason: args.reason,
        request_id: args.request_id.unwrap_or_else(hands::request_id),
        is_check_only: args.dry_run,
        is_forced: args.force,
    };
    let asked = caller.client.undo_change(request).await;
    let told = caller.answer(asked)?;
    if caller.is_json {
        let json = |record: &Option<v1::AuditRecord>| record.as_ref().map(record_json);
        let state = |text: &Option<String>| -> Value {
            text.as_deref().and_then(|text| serde_json::from_str(text).ok()).unwrap_or(Value::Null)
        };
        return Ok(pretty(&object!({
            "undone": json(&told.undone),
            "before": state(&told.before_json),
            "after": state(&told.after_json),
            "made": json(&told.made),
        })));
    }
    let object = told
        .undone
        .as_ref()
        .map_or_else(String::new, |record| format!("{} {}", record.object_kind, record.object_id));
    let head = match &told.made {
        None => format!("would take back {partition}-{number} of {object}:\n"),
        Some(made) => {
            format!(
                "took back {partition}-{number} of {object}, by change {}:\n",
                self::number(made)
            )
        }
    };
    Ok(head + &fields(told.before_json.as_deref(), told.after_json.as_deref()))
}
