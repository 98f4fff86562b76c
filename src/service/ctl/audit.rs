//! `ctl audit` and `ctl undo`: who changed what, whether the record of it is whole, and taking a
//! change back.

use super::{Caller, CtlError, PAGE_SIZE, each_leader, hands, json, pages, pretty, text};
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
            let stretches = stretches(caller, partition).await?;
            super::put(out.as_deref(), export::to_text(&stretches))
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
    let told = changes(caller, request).await?;
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

const fn time(at: prost_types::Timestamp) -> (i64, i32) {
    (at.seconds, at.nanos)
}

/// A page of changes of all instances that lead, the newest first as from one of them.
async fn changes(
    caller: &mut Caller,
    request: v1::ListAuditRequest,
) -> Result<v1::ListAuditResponse, CtlError> {
    let ask = async |leader: &mut Caller| {
        let is_led_only = leader.is_led_only;
        let asked = v1::ListAuditRequest { is_led_only, ..request.clone() };
        let asked = leader.client.list_audit(asked).await;
        leader.answer(asked)
    };
    let told = each_leader(caller, ask).await?;
    let mut all = v1::ListAuditResponse::default();
    // Whoever has older ones told none of them: what others told from then on is left out too, so
    // that the list has no gap.
    let mut whole_from = None;
    for (_, told) in told {
        if !told.next_page_token.is_empty() {
            whole_from = whole_from.max(told.records.last().and_then(|record| record.at).map(time));
            all.next_page_token = told.next_page_token;
        }
        all.records.extend(told.records);
        all.trails.extend(told.trails);
    }
    all.records.retain(|record| record.at.map(time) >= whole_from);
    let at = |record: &v1::AuditRecord| record.at.map(time);
    all.records
        .sort_by_key(|record| std::cmp::Reverse((at(record), record.partition, record.number)));
    let most = usize::try_from(request.page_size).unwrap_or(usize::MAX);
    if all.records.len() > most && most > 0 {
        all.records.truncate(most);
        all.next_page_token = "more".to_owned();
    }
    all.trails.sort_by_key(|trail| trail.partition);
    Ok(all)
}

fn table(records: &[v1::AuditRecord]) -> Table {
    let names = ["change", "at", "by", "did", "to", "generation", "why"];
    let table = Table::new("", names.map(Column::text).to_vec());
    records.iter().fold(table, |table, record| {
        table.with_row(vec![
            Cell::text(number(record)),
            Cell::text(text::time(record.at.as_ref())),
            Cell::text(record.author.as_str()),
            Cell::text(wire::audit::deed(record)),
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

async fn show(caller: &mut Caller, change: (u32, u64)) -> Result<String, CtlError> {
    let (partition, number) = change;
    let request = v1::ListAuditRequest {
        page_size: 1,
        partition: Some(partition),
        number: Some(number),
        ..v1::ListAuditRequest::default()
    };
    let found = changes(caller, request).await?.records.into_iter().next();
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

pub(super) fn record_json(record: &v1::AuditRecord) -> Value {
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

/// Times that a partition is read anew because records were let go of under our hands: that takes
/// a thousand changes a page, so once is rare already.
const READINGS_MAX: usize = 3;

/// Every record that is kept, by partition, each stretch checked against its seals.
async fn stretches(caller: &mut Caller, partition: Option<u32>) -> Result<Vec<Stretch>, CtlError> {
    let ask = async |leader: &mut Caller| {
        let is_led_only = leader.is_led_only;
        let request =
            v1::ListAuditRequest { page_size: 1, partition, is_led_only, ..Default::default() };
        let asked = leader.client.list_audit(request).await;
        let mut stretches = Vec::new();
        for trail in leader.answer(asked)?.trails {
            stretches.push(whole(leader, trail.partition).await?);
        }
        Ok(stretches)
    };
    let told = each_leader(caller, ask).await?;
    let mut stretches: Vec<Stretch> = told.into_iter().flat_map(|(_, told)| told).collect();
    stretches.sort_by_key(|stretch| stretch.partition);
    Ok(stretches)
}

/// A partition's records, read anew where the oldest were let go of meanwhile.
async fn whole(caller: &mut Caller, partition: u32) -> Result<Stretch, CtlError> {
    for _ in 0..READINGS_MAX {
        let told = pages(async |page_token| {
            let request = v1::ListAuditRequest {
                page_size: PAGE_SIZE,
                page_token,
                partition: Some(partition),
                is_oldest_first: true,
                ..v1::ListAuditRequest::default()
            };
            let asked = caller.client.list_audit(request).await;
            let told = caller.answer(asked)?;
            let next = told.next_page_token.clone();
            Ok((vec![told], next))
        })
        .await?;
        if let Some(stretch) = stretch(partition, &told)? {
            return Ok(stretch);
        }
    }
    let told = format!("partition {partition}: changes come faster than they can be read; again");
    Err(CtlError::Failed(told))
}

/// The records of these pages; nothing where some were let go of between two of them.
fn stretch(partition: u32, pages: &[v1::ListAuditResponse]) -> Result<Option<Stretch>, CtlError> {
    let broken = |why: String| CtlError::Failed(format!("partition {partition}: {why}"));
    // How far the trail goes is told with each page, of the same moment.
    let trail = pages.first().and_then(|page| page.trails.first());
    let trail = trail.ok_or_else(|| broken("the service does not tell of it".to_owned()))?;
    let before = wire::audit::seal("before_seal", &trail.before_seal)?;
    let mut stretch = Stretch { partition, before, first: trail.first, sealed: Vec::new() };
    for page in pages {
        if page.trails.first().is_some_and(|trail| trail.first > stretch.next()) {
            return Ok(None);
        }
        let sealed: Result<Vec<Sealed>, _> = page.records.iter().map(wire::audit::record).collect();
        stretch.sealed.extend(sealed?);
    }
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
    Ok(Some(stretch))
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audit::{Change, Object, Record, Seal};
    use paceline_core::units::Timestamp;

    /// The first `count` records of a trail.
    fn records(count: u64) -> Vec<Sealed> {
        let mut sealed: Vec<Sealed> = Vec::new();
        for number in 1..=count {
            let record = Record {
                number,
                at: Timestamp::from_micros(1_800_000_000_000_000),
                author: "anna".to_owned(),
                reason: "a test".to_owned(),
                request_id: String::new(),
                change: Change::Edited,
                object: Object { kind: "campaign".to_owned(), id: "spring".to_owned() },
                generation: number,
                undoes: None,
                before: None,
                after: None,
            };
            let head = sealed.last().map_or(Seal::FIRST, |last| last.seal);
            sealed.push(Sealed { seal: head.next(&record), record });
        }
        sealed
    }

    /// A page of the records from `from` to `to` of a trail that keeps those from `first` on.
    fn page(all: &[Sealed], first: u64, (from, to): (u64, u64)) -> v1::ListAuditResponse {
        let place = |number: u64| usize::try_from(number).unwrap() - 1;
        let before = if first == 1 { Seal::FIRST } else { all[place(first) - 1].seal };
        let trail = v1::AuditTrail {
            partition: 0,
            first,
            next: all.len() as u64 + 1,
            before_seal: before.to_string(),
            head_seal: all.last().unwrap().seal.to_string(),
        };
        let records = all[place(from)..=place(to)].iter();
        v1::ListAuditResponse {
            records: records.map(|sealed| wire::audit::record_message(0, sealed)).collect(),
            trails: vec![trail],
            ..v1::ListAuditResponse::default()
        }
    }

    #[test]
    fn what_is_let_go_of_while_it_is_read_is_no_fault() {
        let all = records(6);
        let read = |pages: &[v1::ListAuditResponse]| stretch(0, pages).unwrap();
        // The oldest go after they were read: nothing is missing.
        let told = read(&[page(&all, 1, (1, 3)), page(&all, 3, (4, 6))]).unwrap();
        assert_eq!((told.first, told.sealed.len()), (1, 6));
        // Before they were read: it is read anew, from where the trail begins by then.
        assert_eq!(read(&[page(&all, 1, (1, 3)), page(&all, 5, (5, 6))]), None);
        assert_eq!(read(&[page(&all, 5, (5, 6))]).unwrap().first, 5);
    }

    #[test]
    fn a_record_that_is_held_back_is_a_fault() {
        let all = records(6);
        let told = stretch(0, &[page(&all, 1, (1, 3)), page(&all, 1, (5, 6))]);
        let why = told.unwrap_err().to_string();
        assert!(why.starts_with("partition 0: record 4 is not as it was sealed"), "{why}");
        let why = stretch(0, &[page(&all, 1, (1, 5))]).unwrap_err().to_string();
        assert_eq!(why, "partition 0: the last record is not the one that the service told");
    }
}
