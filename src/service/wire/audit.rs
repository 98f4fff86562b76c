//! What people changed, and by which generation they read it, to messages and back.
//!
//! The way back is for whoever checks the seals of what a service told. Knows no engine but one
//! that it is lent for the names of things. Called by the admin service and by `ctl`.

use super::{Refusal, instant, instant_message, key, name};
use crate::audit::{Change, Object, Record, Seal, Sealed, Trail};
use paceline_core::object::{Expected, ObjectId};
use paceline_core::overrides::REASON_BYTES_MAX;
use paceline_core::units::{AdvertiserId, CampaignId, GroupId, ShapeId};
use paceline_proto::v1;

/// A change to be taken back.
pub type UndoRequest = v1::UndoChangeRequest;
/// What came of it.
pub type UndoResponse = v1::UndoChangeResponse;

/// Expected generations in one request: as many as a request has campaigns.
const EXPECTED_MAX: usize = 10_000;

const CHANGES: [(Change, v1::AuditChange); 7] = [
    (Change::Made, v1::AuditChange::Made),
    (Change::Edited, v1::AuditChange::Edited),
    (Change::LaidOn, v1::AuditChange::LaidOn),
    (Change::TakenOff, v1::AuditChange::TakenOff),
    (Change::Accepted, v1::AuditChange::Accepted),
    (Change::Posted, v1::AuditChange::Posted),
    (Change::Dropped, v1::AuditChange::Dropped),
];

fn change_number(change: Change) -> i32 {
    let found = CHANGES.iter().find(|(known, _)| *known == change);
    found.map_or(0, |(_, number)| *number as i32)
}

/// The word for a change's number.
#[must_use]
pub fn change_word(number: i32) -> &'static str {
    let found = CHANGES.iter().find(|(_, known)| *known as i32 == number);
    found.map_or("", |(change, _)| change.as_str())
}

/// A record's change in words, and what it takes back: `edited, undoing 0-17`.
#[must_use]
pub fn deed(record: &v1::AuditRecord) -> String {
    let word = change_word(record.change).replace('_', " ");
    match record.undoes {
        None => word,
        Some(other) => format!("{word}, undoing {}-{other}", record.partition),
    }
}

/// The message of a record.
#[must_use]
pub fn record_message(partition: u32, sealed: &Sealed) -> v1::AuditRecord {
    let record = &sealed.record;
    v1::AuditRecord {
        partition,
        number: record.number,
        at: Some(instant_message(record.at)),
        author: record.author.clone(),
        reason: record.reason.clone(),
        request_id: record.request_id.clone(),
        change: change_number(record.change),
        object_kind: record.object.kind.clone(),
        object_id: record.object.id.clone(),
        generation: record.generation,
        undoes: record.undoes,
        before_json: record.before.clone(),
        after_json: record.after.clone(),
        seal: sealed.seal.to_string(),
    }
}

/// The record of a message, to be checked against its seal.
///
/// # Errors
/// [`Refusal`] when the message says no such thing.
pub fn record(message: &v1::AuditRecord) -> Result<Sealed, Refusal> {
    let found = CHANGES.iter().find(|(_, known)| *known as i32 == message.change);
    let (change, _) =
        found.ok_or_else(|| Refusal::new("change", message.change, "must be a known change"))?;
    let record = Record {
        number: message.number,
        at: instant("at", message.at.as_ref())?,
        author: message.author.clone(),
        reason: message.reason.clone(),
        request_id: message.request_id.clone(),
        change: *change,
        object: Object { kind: message.object_kind.clone(), id: message.object_id.clone() },
        generation: message.generation,
        undoes: message.undoes,
        before: message.before_json.clone(),
        after: message.after_json.clone(),
    };
    Ok(Sealed { record, seal: seal("seal", &message.seal)? })
}

/// A seal as it is told.
///
/// # Errors
/// [`Refusal`] when it is none.
pub fn seal(field: &str, text: &str) -> Result<Seal, Refusal> {
    let rule = "must be 64 lower-case hexadecimal digits";
    Seal::parse(text).ok_or_else(|| Refusal::new(field, text, rule))
}

/// How far a partition's records go.
#[must_use]
pub fn trail_message(partition: u32, trail: &Trail) -> v1::AuditTrail {
    v1::AuditTrail {
        partition,
        first: trail.next() - trail.iter().len() as u64,
        next: trail.next(),
        before_seal: trail.before().to_string(),
        head_seal: trail.head().to_string(),
    }
}

/// What a message refers to.
///
/// # Errors
/// [`Refusal`] when it refers to nothing.
pub fn object(field: &str, message: Option<&v1::ObjectRef>) -> Result<ObjectId, Refusal> {
    use v1::object_ref::Object;
    let named = message.and_then(|message| message.object.as_ref());
    let object = match named.ok_or_else(|| Refusal::absent(field))? {
        Object::AdvertiserId(id) => {
            key("advertiser_id", id, AdvertiserId::of).map(ObjectId::Advertiser)
        }
        Object::GroupId(id) => key("group_id", id, GroupId::of).map(ObjectId::Group),
        Object::CampaignId(id) => key("campaign_id", id, CampaignId::of).map(ObjectId::Campaign),
        Object::ShapeId(id) => key("shape_id", id, ShapeId::of).map(ObjectId::Shape),
    };
    object.map_err(|refusal| refusal.within(field))
}

/// The generations that a request expects.
///
/// # Errors
/// [`Refusal`] for the first that names nothing, or when there are too many.
pub fn expected(messages: &[v1::ObjectGeneration]) -> Result<Vec<Expected>, Refusal> {
    if messages.len() > EXPECTED_MAX {
        return Err(Refusal::new("expected", messages.len(), "must have at most 10000 items"));
    }
    let read = |(at, message): (usize, &v1::ObjectGeneration)| {
        let object = object("object", message.object.as_ref())
            .map_err(|refusal| refusal.within(format!("expected[{at}]")))?;
        Ok(Expected { object, generation: message.generation })
    };
    messages.iter().enumerate().map(read).collect()
}

/// A reason that may be left out: at most 500 bytes.
///
/// # Errors
/// [`Refusal`] when it is longer.
pub fn optional_reason(text: &str) -> Result<String, Refusal> {
    if text.len() > REASON_BYTES_MAX {
        let rule = format!("must have at most {REASON_BYTES_MAX} bytes");
        return Err(Refusal::new("reason", text, rule));
    }
    Ok(text.to_owned())
}

/// A request's id that may be left out: at most 64 bytes.
///
/// # Errors
/// As [`name`].
pub fn optional_request(text: &str) -> Result<String, Refusal> {
    if text.is_empty() {
        Ok(String::new())
    } else {
        name("request_id", text).map(|id| id.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use paceline_core::units::Timestamp;

    #[test]
    fn a_record_comes_back_with_its_seal() {
        let record = Record {
            number: 1,
            at: Timestamp::from_micros(1_800_000_000_000_001),
            author: "anna".to_owned(),
            reason: "a test".to_owned(),
            request_id: String::new(),
            change: Change::Edited,
            object: Object { kind: "campaign".to_owned(), id: "spring".to_owned() },
            generation: 2,
            undoes: Some(1),
            before: None,
            after: Some("{\"budget\":1}".to_owned()),
        };
        let sealed = Sealed { seal: Seal::FIRST.next(&record), record };
        assert_eq!(super::record(&record_message(3, &sealed)), Ok(sealed));
    }

    #[test]
    fn every_change_has_a_number_of_its_own() {
        for change in Change::ALL {
            assert_eq!(change_word(change_number(change)), change.as_str());
        }
        assert_eq!(change_word(0), "");
    }
}
