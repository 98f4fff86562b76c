//! One change: what, by whom, why, before and after; and the seal that ties it to the one before.
//!
//! Its text is canonical JSON, keys in order and no blanks, so that the same record is the same
//! bytes everywhere. Knows neither engine nor log.

use crate::hex;
use paceline_core::units::Timestamp;
use ring::digest::{Context, SHA256, SHA256_OUTPUT_LEN};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::fmt;

/// What was done to something.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Change {
    /// There was none of that name before.
    Made,
    /// Its configuration is another.
    Edited,
    /// A hand was laid on it.
    LaidOn,
    /// A hand was taken off it before its end.
    TakenOff,
    /// Its counter that went back was accepted.
    Accepted,
    /// Money set aside went into its books.
    Posted,
    /// Money set aside was put away.
    Dropped,
}

impl Change {
    /// Every change.
    pub const ALL: [Self; 7] = [
        Self::Made,
        Self::Edited,
        Self::LaidOn,
        Self::TakenOff,
        Self::Accepted,
        Self::Posted,
        Self::Dropped,
    ];

    /// The word for it, in files and on the wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Made => "made",
            Self::Edited => "edited",
            Self::LaidOn => "laid_on",
            Self::TakenOff => "taken_off",
            Self::Accepted => "accepted",
            Self::Posted => "posted",
            Self::Dropped => "dropped",
        }
    }

    /// The change a word stands for.
    #[must_use]
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|change| change.as_str() == word)
    }
}

/// What was changed, by its outside name.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Object {
    /// `advertiser`, `group`, `campaign`, `shape`, or `event` for money of a campaign that nobody
    /// knows.
    pub kind: String,
    /// Its name; sixteen hexadecimal digits for what has none.
    pub id: String,
}

/// One change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    /// From one in each partition, without gaps.
    pub number: u64,
    /// When the log received it.
    pub at: Timestamp,
    /// Who; empty for a change that came into the log by itself.
    pub author: String,
    /// Why; may be empty.
    pub reason: String,
    /// By which request; may be empty.
    pub request_id: String,
    /// What was done.
    pub change: Change,
    /// To what.
    pub object: Object,
    /// The object's generation afterwards; zero for what has none.
    pub generation: u64,
    /// The record of the same partition that this takes back.
    pub undoes: Option<u64>,
    /// Canonical JSON of what was there before; absent for nothing.
    pub before: Option<String>,
    /// Canonical JSON of what is there afterwards; absent for nothing.
    pub after: Option<String>,
}

fn quoted(text: &str) -> Value {
    Value::String(text.to_owned())
}

impl Record {
    /// Its text: one line of canonical JSON.
    #[must_use]
    pub fn line(&self) -> String {
        let or_null = |text: &Option<String>| text.as_deref().unwrap_or("null").to_owned();
        let undoes = self.undoes.map_or_else(|| "null".to_owned(), |number| number.to_string());
        format!(
            "{{\"after\":{},\"at\":{},\"author\":{},\"before\":{},\"change\":{},\"generation\":{},\
             \"number\":{},\"object\":{{\"id\":{},\"kind\":{}}},\"reason\":{},\"request_id\":{},\
             \"undoes\":{undoes}}}",
            or_null(&self.after),
            quoted(&moment(self.at)),
            quoted(&self.author),
            or_null(&self.before),
            quoted(self.change.as_str()),
            self.generation,
            self.number,
            quoted(&self.object.id),
            quoted(&self.object.kind),
            quoted(&self.reason),
            quoted(&self.request_id),
        )
    }

    /// The record that a line's value holds; nothing when it is none.
    #[must_use]
    pub fn from_value(value: &Value) -> Option<Self> {
        let text = |key: &str| value.get(key)?.as_str().map(str::to_owned);
        let object = value.get("object")?;
        let state = |key: &str| {
            let state = value.get(key)?;
            Some((!state.is_null()).then(|| state.to_string()))
        };
        let at: jiff::Timestamp = text("at")?.parse().ok()?;
        let undoes = value.get("undoes")?;
        Some(Self {
            number: value.get("number")?.as_u64()?,
            at: Timestamp::from_micros(at.as_microsecond()),
            author: text("author")?,
            reason: text("reason")?,
            request_id: text("request_id")?,
            change: Change::parse(&text("change")?)?,
            object: Object {
                kind: object.get("kind")?.as_str()?.to_owned(),
                id: object.get("id")?.as_str()?.to_owned(),
            },
            generation: value.get("generation")?.as_u64()?,
            undoes: if undoes.is_null() { None } else { Some(undoes.as_u64()?) },
            before: state("before")?,
            after: state("after")?,
        })
    }

    /// Bytes that it takes, about.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        let texts = [&self.author, &self.reason, &self.request_id, &self.object.kind];
        let states = [&self.before, &self.after];
        let states = states.into_iter().flatten().map(String::len).sum::<usize>();
        let length = texts.into_iter().chain([&self.object.id]).map(String::len).sum::<usize>();
        // Numbers, times and the seal.
        (length + states + 80) as u64
    }
}

fn moment(at: Timestamp) -> String {
    let moment = jiff::Timestamp::from_microsecond(at.as_micros());
    moment.map_or_else(|_| at.as_micros().to_string(), |moment| moment.to_string())
}

/// SHA-256 of a record's text after the seal before it.
#[derive(Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Seal([u8; SHA256_OUTPUT_LEN]);

impl Seal {
    /// What stands before a partition's first record.
    pub const FIRST: Self = Self([0; SHA256_OUTPUT_LEN]);

    /// The seal of a record after `self`: of the seal as text, a line's end, and the record's line.
    #[must_use]
    pub fn next(&self, record: &Record) -> Self {
        let mut context = Context::new(&SHA256);
        context.update(self.to_string().as_bytes());
        context.update(b"\n");
        context.update(record.line().as_bytes());
        let digest = context.finish();
        Self(digest.as_ref().try_into().expect("SHA-256 has 32 bytes"))
    }

    /// The seal that sixty-four lower-case hexadecimal digits stand for.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let seal = Self(hex::digest(text)?);
        (seal.to_string() == text).then_some(seal)
    }
}

impl fmt::Display for Seal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Seal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Seal({self})")
    }
}

/// A record and its seal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sealed {
    /// What happened.
    pub record: Record,
    /// Over it and all before it.
    pub seal: Seal,
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_record_is_found_again_in_its_line_which_is_canonical(
            author in ".{0,12}", reason in ".{0,40}", number in 1_u64.., undoes: Option<u64>,
            change in 0..7_usize, micros in 0..2_000_000_000_000_000_i64, is_new: bool,
        ) {
            let state = serde_json::json!({"name": reason, "id": number, "list": [1, null]});
            let record = Record {
                number,
                at: Timestamp::from_micros(micros),
                author,
                reason,
                request_id: "r".to_owned(),
                change: Change::ALL[change],
                object: Object { kind: "campaign".to_owned(), id: "é\"\\".to_owned() },
                generation: 3,
                undoes,
                before: (!is_new).then(|| state.to_string()),
                after: Some(state.to_string()),
            };
            let value: Value = serde_json::from_str(&record.line()).unwrap();
            prop_assert_eq!(value.to_string(), record.line());
            prop_assert_eq!(Record::from_value(&value), Some(record));
        }
    }

    #[test]
    fn a_seal_is_sixty_four_lower_case_digits() {
        let seal = Seal::FIRST;
        assert_eq!(Seal::parse(&seal.to_string()), Some(seal));
        assert_eq!(Seal::parse(&"A".repeat(64)), None);
        assert_eq!(Seal::parse("0"), None);
    }
}
