//! The trail as a file, and whether a file is as it was written.
//!
//! One line of canonical JSON each: a head that says which partition and which seal came before,
//! then every record with its seal, then an end that says how far it goes; again for each
//! partition; last of all, which partitions there are and the last seal of each.
//! A byte that is altered is found by [`verify`], and so is a cut, wherever it is. What no file can
//! show of itself: a whole chain that was made up anew, and with it which partition it is of. For
//! that the last seals are noted elsewhere. Knows no service: called by `ctl`, also where nothing
//! runs.

use super::record::{Record, Seal, Sealed};
use serde_json::{Value, json};

/// What a file of this kind says of itself.
const FORMAT: &str = "paceline-audit-2";

/// Records of a partition that follow each other.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stretch {
    /// Which partition.
    pub partition: u32,
    /// The seal before the first record.
    pub before: Seal,
    /// The first record's number; that of the next one when there is none.
    pub first: u64,
    /// In order.
    pub sealed: Vec<Sealed>,
}

impl Stretch {
    /// The seal of its last record.
    #[must_use]
    pub fn head(&self) -> Seal {
        self.sealed.last().map_or(self.before, |last| last.seal)
    }

    /// The number of the record that would come next.
    #[must_use]
    pub fn next(&self) -> u64 {
        self.first.saturating_add(self.sealed.len() as u64)
    }

    /// Its lines.
    fn to_text(&self) -> String {
        let head = json!({
            "before": self.before.to_string(),
            "first": self.first,
            "format": FORMAT,
            "partition": self.partition,
        });
        let record = |sealed: &Sealed| {
            // The record's line is canonical already, and stands in the order of keys.
            format!("{{\"record\":{},\"seal\":\"{}\"}}\n", sealed.record.line(), sealed.seal)
        };
        let end = json!({
            "head": self.head().to_string(),
            "next": self.next(),
            "partition": self.partition,
        });
        let records: String = self.sealed.iter().map(record).collect();
        format!("{head}\n{records}{end}\n")
    }
}

/// The last line: the partitions, in order, and the last seal of each.
fn last(stretches: &[Stretch]) -> Value {
    let one = |stretch: &Stretch| json!([stretch.partition, stretch.head().to_string()]);
    json!({"heads": stretches.iter().map(one).collect::<Value>()})
}

/// A whole file.
#[must_use]
pub fn to_text(stretches: &[Stretch]) -> String {
    let parts: String = stretches.iter().map(Stretch::to_text).collect();
    format!("{parts}{}\n", last(stretches))
}

/// Where a file is not as it was written.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {rule}")]
pub struct Fault {
    /// From one.
    pub line: usize,
    /// What does not hold.
    pub rule: String,
}

/// Reads a file and follows its chains.
///
/// # Errors
/// [`Fault`] names the first line that is not as it was written, or is missing.
pub fn verify(text: &str) -> Result<Vec<Stretch>, Fault> {
    let mut stretches: Vec<Stretch> = Vec::new();
    let mut open: Option<Stretch> = None;
    let (mut count, mut is_whole) = (0, false);
    for (at, line) in text.split_inclusive('\n').enumerate() {
        count = at + 1;
        let fault = |rule: &str| Fault { line: at + 1, rule: rule.to_owned() };
        if is_whole {
            return Err(fault("comes after the end"));
        }
        let bare = line.strip_suffix('\n').ok_or_else(|| fault("is cut off"))?;
        let value: Value = serde_json::from_str(bare).map_err(|_| fault("is not JSON"))?;
        let canonical = value.to_string();
        if canonical != bare {
            return Err(fault("is not as it was written: keys in order and no blanks are due"));
        }
        match (open.take(), value.get("record")) {
            (None, None) if value.get("heads").is_some() => {
                if value != last(&stretches) {
                    return Err(fault("is not the end of what stands before it"));
                }
                is_whole = true;
            }
            (None, None) => open = Some(begin(&value).ok_or_else(|| fault("is no head"))?),
            (None, Some(_)) => return Err(fault("is a record that belongs to no partition")),
            (Some(mut stretch), Some(record)) => {
                let sealed = follow(&stretch, &value, record).map_err(|rule| fault(&rule))?;
                stretch.sealed.push(sealed);
                open = Some(stretch);
            }
            (Some(stretch), None) => {
                let end = json!({
                    "head": stretch.head().to_string(),
                    "next": stretch.next(),
                    "partition": stretch.partition,
                });
                if value != end {
                    return Err(fault("is not the end of what stands before it"));
                }
                stretches.push(stretch);
            }
        }
    }
    match count {
        0 => Err(Fault { line: 1, rule: "is missing: the file is empty".to_owned() }),
        _ if is_whole => Ok(stretches),
        _ => Err(Fault { line: count + 1, rule: "is missing: the file is cut off".to_owned() }),
    }
}

fn begin(value: &Value) -> Option<Stretch> {
    if value.as_object()?.len() != 4 || value.get("format")?.as_str()? != FORMAT {
        return None;
    }
    Some(Stretch {
        partition: u32::try_from(value.get("partition")?.as_u64()?).ok()?,
        before: Seal::parse(value.get("before")?.as_str()?)?,
        first: value.get("first")?.as_u64()?,
        sealed: Vec::new(),
    })
}

/// The next record of a stretch, if it follows.
fn follow(stretch: &Stretch, value: &Value, record: &Value) -> Result<Sealed, String> {
    let seal = value.get("seal").and_then(Value::as_str).and_then(Seal::parse);
    let canonical = record.to_string();
    let read = Record::from_value(record).filter(|read| read.line() == canonical);
    let (Some(record), Some(seal), Some(2)) = (read, seal, value.as_object().map(|map| map.len()))
    else {
        return Err("is no record".to_owned());
    };
    let due = stretch.next();
    if record.number != due {
        return Err(format!("has record {}, and record {due} is due", record.number));
    }
    if stretch.head().next(&record) != seal {
        return Err(format!("record {due} is not as it was sealed"));
    }
    Ok(Sealed { record, seal })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audit::{Change, Object};
    use paceline_core::units::Timestamp;
    use proptest::prelude::*;

    fn stretch(partition: u32, count: u64) -> Stretch {
        let mut stretch = Stretch { partition, before: Seal::FIRST, first: 1, sealed: Vec::new() };
        for number in 1..=count {
            let record = Record {
                number,
                at: Timestamp::from_micros(1_800_000_000_000_000),
                author: "anna".to_owned(),
                reason: "a \"test\"".to_owned(),
                request_id: "r".to_owned(),
                change: Change::Edited,
                object: Object { kind: "campaign".to_owned(), id: "spring".to_owned() },
                generation: number,
                undoes: None,
                before: Some(format!("{{\"budget\":{number}}}")),
                after: Some("{\"budget\":null}".to_owned()),
            };
            let seal = stretch.head().next(&record);
            stretch.sealed.push(Sealed { record, seal });
        }
        stretch
    }

    fn file() -> String {
        to_text(&[stretch(0, 3), stretch(1, 0)])
    }

    #[test]
    fn a_file_is_read_back_as_it_was_written() {
        assert_eq!(verify(&file()), Ok(vec![stretch(0, 3), stretch(1, 0)]));
    }

    #[test]
    fn a_record_left_out_is_told_by_its_line() {
        let text = to_text(&[stretch(0, 3)]);
        let lines: Vec<&str> = text.split_inclusive('\n').collect();
        let without = |gone: usize| {
            let kept = lines.iter().enumerate().filter(|(at, _)| *at != gone);
            verify(&kept.map(|(_, line)| *line).collect::<String>()).unwrap_err().to_string()
        };
        assert_eq!(without(0), "line 1: is a record that belongs to no partition");
        assert_eq!(without(2), "line 3: has record 3, and record 2 is due");
        assert_eq!(without(3), "line 4: is not the end of what stands before it");
        assert_eq!(without(4), "line 5: is not the end of what stands before it");
        assert_eq!(without(5), "line 6: is missing: the file is cut off");
        assert_eq!(verify("").unwrap_err().to_string(), "line 1: is missing: the file is empty");
    }

    #[test]
    fn a_partition_left_out_or_put_twice_is_found() {
        let [one, two] = [stretch(0, 3).to_text(), stretch(1, 0).to_text()];
        let end = format!("{}\n", last(&[stretch(0, 3), stretch(1, 0)]));
        for text in [one.clone() + &end, two.clone() + &end, two.clone() + &one + &end] {
            let why = verify(&text).unwrap_err().to_string();
            assert!(why.ends_with("is not the end of what stands before it"), "{why}");
        }
        let why = verify(&(one.clone() + &two)).unwrap_err().to_string();
        assert!(why.ends_with("is missing: the file is cut off"), "{why}");
        let why = verify(&(file() + &one)).unwrap_err().to_string();
        assert_eq!(why, "line 9: comes after the end");
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2_000))]
        #[test]
        fn a_flipped_byte_anywhere_is_found(place: prop::sample::Index, bit in 0..8_u8) {
            let mut bytes = file().into_bytes();
            let at = place.index(bytes.len());
            bytes[at] ^= 1 << bit;
            let is_found = String::from_utf8(bytes).map_or(true, |text| verify(&text).is_err());
            prop_assert!(is_found, "byte {} bit {}", at, bit);
        }

        #[test]
        fn a_file_that_is_cut_is_found(place: prop::sample::Index) {
            let text = file();
            let at = place.index(text.len());
            prop_assert!(verify(&text[..at]).is_err(), "cut at {}", at);
        }
    }
}
