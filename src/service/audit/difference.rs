//! What differs between two states of something, field by field, and how a field is read.
//!
//! One for every place that shows a change: the trail, an undo before it is done, a file beside
//! what is in force. Knows the names of fields, not what they belong to.

use paceline_view::number;
use serde_json::Value;

/// A field that is not the same in both.
#[derive(Debug, Clone, PartialEq)]
pub struct Difference {
    /// Such as `budgets.flights[1].budget`.
    pub path: String,
    /// Absent: it was not there.
    pub before: Option<Value>,
    /// Absent: it is not there.
    pub after: Option<Value>,
}

/// Every field that differs, in order of path; in something that is made or gone, every field.
#[must_use]
pub fn differences(before: Option<&Value>, after: Option<&Value>) -> Vec<Difference> {
    let mut found = Vec::new();
    compare("", present(before), present(after), &mut found);
    found
}

/// As [`differences`], of canonical JSON.
#[must_use]
pub fn between(before: Option<&str>, after: Option<&str>) -> Vec<Difference> {
    let read = |text: Option<&str>| text.and_then(|text| serde_json::from_str(text).ok());
    let (before, after): (Option<Value>, Option<Value>) = (read(before), read(after));
    differences(before.as_ref(), after.as_ref())
}

/// Null is absent: a field that may be left out is alike whether or not it is.
fn present(value: Option<&Value>) -> Option<&Value> {
    value.filter(|value| !value.is_null())
}

fn compare(path: &str, before: Option<&Value>, after: Option<&Value>, found: &mut Vec<Difference>) {
    if before == after {
        return;
    }
    let is_branch =
        |value: Option<&Value>| value.is_none_or(|value| value.is_object() || value.is_array());
    if !is_branch(before) || !is_branch(after) {
        let (before, after) = (before.cloned(), after.cloned());
        found.push(Difference { path: path.to_owned(), before, after });
        return;
    }
    for part in parts(before, after) {
        let below = |value: Option<&'_ Value>| match &part {
            Part::Key(key) => present(value?.get(key)).cloned(),
            Part::Place(place) => present(value?.get(place)).cloned(),
        };
        let path = match &part {
            Part::Key(key) if path.is_empty() => key.clone(),
            Part::Key(key) => format!("{path}.{key}"),
            Part::Place(place) => format!("{path}[{place}]"),
        };
        compare(&path, below(before).as_ref(), below(after).as_ref(), found);
    }
}

enum Part {
    Key(String),
    Place(usize),
}

/// The parts of either, each once.
fn parts(before: Option<&Value>, after: Option<&Value>) -> Vec<Part> {
    let both = [before, after];
    let mut keys: Vec<&String> = both
        .iter()
        .filter_map(|value| value.as_ref()?.as_object())
        .flat_map(|map| map.keys())
        .collect();
    keys.sort_unstable();
    keys.dedup();
    let places = both.iter().filter_map(|value| value.as_ref()?.as_array()).map(Vec::len).max();
    let places = (0..places.unwrap_or(0)).map(Part::Place);
    keys.into_iter().cloned().map(Part::Key).chain(places).collect()
}

/// A field's value for people: money in units, times as times, shares in per cent, keys as
/// elsewhere in sixteen digits.
#[must_use]
pub fn shown(path: &str, value: Option<&Value>) -> String {
    let Some(value) = value else { return number::NONE.to_owned() };
    let field = path.rsplit('.').next().unwrap_or(path);
    let field = field.split('[').next().unwrap_or(field);
    let whole = value.as_i64();
    let key = value.as_u64().map(|key| format!("{key:016x}"));
    match (field, whole) {
        ("budget" | "amount" | "price" | "cost_per_click" | "cost_per_action", Some(nanos)) => {
            number::money(nanos, 6)
        }
        ("value_cap", Some(micros)) => number::money(i128::from(micros) * 1_000, 6),
        (
            "start" | "end" | "expires_at" | "set_at" | "occurred_at" | "received_at",
            Some(micros),
        ) => {
            let moment = jiff::Timestamp::from_microsecond(micros);
            moment.map_or_else(|_| micros.to_string(), |moment| moment.to_string())
        }
        ("multiplier_max" | "multiplier" | "participation" | "return_on_spend", Some(ppm)) => {
            percent(ppm)
        }
        ("id" | "advertiser" | "group" | "campaign" | "shape" | "zone", _) => {
            key.unwrap_or_else(|| bare(value))
        }
        _ => bare(value),
    }
}

fn percent(ppm: i64) -> String {
    #[expect(clippy::cast_precision_loss, reason = "a share of at most some thousands, for people")]
    let share = ppm as f64 / 1e6;
    number::percent(share, 4)
}

fn bare(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn only_what_differs_is_told_under_its_path() {
        let before =
            json!({"a": 1, "list": [{"budget": 5}, {"budget": 6}], "gone": 2, "none": null});
        let after = json!({"a": 1, "list": [{"budget": 5}, {"budget": 7}, {"budget": 8}]});
        let found = differences(Some(&before), Some(&after));
        let paths: Vec<&str> = found.iter().map(|one| one.path.as_str()).collect();
        assert_eq!(paths, ["gone", "list[1].budget", "list[2].budget"]);
        assert_eq!((&found[1].before, &found[1].after), (&Some(json!(6)), &Some(json!(7))));
        assert_eq!(differences(Some(&after), Some(&after)), vec![]);
        assert_eq!(differences(None, Some(&json!({"a": {"b": 1}})))[0].path, "a.b");
    }

    #[test]
    fn fields_are_read_in_the_units_people_use() {
        let told = |path, value: Value| shown(path, Some(&value));
        assert_eq!(told("budgets.flights[0].budget", json!(1_500_000_000)), "1.500000");
        assert_eq!(told("budgets.flights[0].window.start", json!(0)), "1970-01-01T00:00:00Z");
        assert_eq!(told("multiplier_max", json!(350_000)), "35.0000%");
        assert_eq!(told("status", json!("paused")), "paused");
        assert_eq!(told("group", json!(255)), "00000000000000ff");
        assert_eq!(shown("group", None), number::NONE);
    }
}
