//! Checked access to the fields of one message: what is missing, wrong or unknown is named with its
//! value and the rule it breaks.
//!
//! Knows JSON and units, no message. Called by the messages' readers.

use crate::number::whole;
use paceline_core::units::{Name, Nanos, Ppm, Timestamp};
use serde::Serialize;
use serde_json::{Map, Value};

/// Longest text shown in a complaint, in characters.
const SHOWN_MAX: usize = 80;
/// No money field may hold as much, in nanos: twice what a budget may be, inside an `i64`.
const NANOS_END: i64 = 9_000_000_000_000_000_000;
/// The same as a real.
const NANOS_END_REAL: f64 = 9e18;
/// The last instant taken, in seconds since the epoch: the year 2200.
const SECONDS_MAX: f64 = 7_258_118_400.0;

/// A rule that was broken.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct Complaint {
    /// Which field; `line` for the line as a whole.
    pub(super) field: String,
    /// Its value, shortened; null when it is missing.
    pub(super) value: Value,
    /// What must hold.
    pub(super) rule: String,
}

impl Complaint {
    pub(super) fn new(field: impl Into<String>, value: &Value, rule: impl Into<String>) -> Self {
        Self { field: field.into(), value: shown(value), rule: rule.into() }
    }

    pub(super) fn missing(field: &str) -> Self {
        Self::new(field, &Value::Null, "must be given")
    }
}

/// A value short enough to send back.
fn shown(value: &Value) -> Value {
    match value {
        Value::String(text) if text.chars().count() > SHOWN_MAX => {
            let head: String = text.chars().take(SHOWN_MAX).collect();
            Value::String(head + "…")
        }
        Value::Array(list) if !list.is_empty() => Value::String("[…]".to_owned()),
        Value::Object(map) if !map.is_empty() => Value::String("{…}".to_owned()),
        other => other.clone(),
    }
}

/// The fields of a message that were not asked for yet. A field that is null counts as absent.
pub(super) struct Fields {
    op: String,
    rest: Map<String, Value>,
    /// Nanos in one unit of a plain amount.
    unit: f64,
}

impl Fields {
    /// Of a message whose `op` was taken.
    pub(super) const fn new(op: String, rest: Map<String, Value>, unit: f64) -> Self {
        Self { op, rest, unit }
    }

    /// A field as it is.
    pub(super) fn take(&mut self, name: &str) -> Option<Value> {
        self.rest.remove(name).filter(|value| !value.is_null())
    }

    /// Complains about the first field nobody asked for.
    pub(super) fn end(self) -> Result<(), Complaint> {
        match self.rest.iter().find(|(_, value)| !value.is_null()) {
            None => Ok(()),
            Some((name, value)) => {
                Err(Complaint::new(name, value, format!("is not a field of `{}`", self.op)))
            }
        }
    }

    /// A campaign's name: a text of 1 to 64 bytes, or a whole number, which is its decimal text.
    pub(super) fn id(&mut self) -> Result<Name, Complaint> {
        self.name("id")?.ok_or_else(|| Complaint::missing("id"))
    }

    /// A name, of whatever.
    pub(super) fn name(&mut self, field: &str) -> Result<Option<Name>, Complaint> {
        let Some(value) = self.take(field) else { return Ok(None) };
        let text = match &value {
            Value::String(text) => Some(text.clone()),
            Value::Number(number) if number.is_i64() || number.is_u64() => Some(number.to_string()),
            _ => None,
        };
        let rule = || Complaint::new(field, &value, "must be a text of 1 to 64 bytes");
        text.and_then(|text| Name::try_new(text).ok()).map(Some).ok_or_else(rule)
    }

    /// One of a few words.
    pub(super) fn word<T: Copy>(
        &mut self,
        field: &str,
        words: &[(&str, T)],
    ) -> Result<Option<T>, Complaint> {
        let Some(value) = self.take(field) else { return Ok(None) };
        let found = value.as_str().and_then(|text| words.iter().find(|(word, _)| *word == text));
        found.map(|(_, meaning)| Some(*meaning)).ok_or_else(|| {
            let known: Vec<&str> = words.iter().map(|(word, _)| *word).collect();
            Complaint::new(field, &value, format!("must be one of {}", known.join(", ")))
        })
    }

    /// A finite number inside a range.
    pub(super) fn real(
        &mut self,
        field: &str,
        (least, most): (f64, f64),
    ) -> Result<Option<f64>, Complaint> {
        let Some(value) = self.take(field) else { return Ok(None) };
        let number = value.as_f64().filter(|number| (least..=most).contains(number));
        let rule = || Complaint::new(field, &value, format!("must be from {least} to {most}"));
        number.map(Some).ok_or_else(rule)
    }

    /// A whole number up to a bound.
    pub(super) fn count(&mut self, field: &str, most: u64) -> Result<Option<u64>, Complaint> {
        let Some(value) = self.take(field) else { return Ok(None) };
        whole_of(&value, most).map(Some).ok_or_else(|| {
            Complaint::new(field, &value, format!("must be a whole number from 0 to {most}"))
        })
    }

    /// An instant, in seconds since the epoch.
    pub(super) fn instant(&mut self, field: &str) -> Result<Option<Timestamp>, Complaint> {
        let seconds = self.real(field, (0.0, SECONDS_MAX))?;
        Ok(seconds.map(|seconds| {
            let micros = whole((seconds * 1e6).round());
            Timestamp::from_micros(i64::try_from(micros).unwrap_or(i64::MAX))
        }))
    }

    /// A ratio in parts per million.
    pub(super) fn ratio(&mut self, field: &str, most: f64) -> Result<Option<Ppm>, Complaint> {
        let ratio = self.real(field, (0.0, most))?;
        // Half a part more, so that a ratio printed from parts per million comes back the same.
        Ok(ratio.and_then(|ratio| Ppm::try_from_ratio(ratio + 0.5e-6)))
    }

    /// An amount: plain under its own name, else `…_micros` or `…_nanos`; one of the three.
    pub(super) fn money(&mut self, field: &str) -> Result<Option<Nanos>, Complaint> {
        let Some((name, scale, value)) = self.one_form(field)? else { return Ok(None) };
        amount_of(&name, scale, &value).map(Some)
    }

    /// Amounts by name, in one of the three forms.
    pub(super) fn amounts(&mut self, field: &str) -> Result<Vec<(String, Nanos)>, Complaint> {
        let Some((name, scale, value)) = self.one_form(field)? else { return Ok(Vec::new()) };
        entries(&name, value)?
            .into_iter()
            .map(|(key, value)| {
                let amount = amount_of(&format!("{name}.{key}"), scale, &value)?;
                Ok((key, amount))
            })
            .collect()
    }

    /// Counts by name.
    pub(super) fn counts(&mut self, field: &str) -> Result<Vec<(String, u64)>, Complaint> {
        let Some(value) = self.take(field) else { return Ok(Vec::new()) };
        let most = u64::from(u32::MAX);
        entries(field, value)?
            .into_iter()
            .map(|(key, value)| match whole_of(&value, most) {
                Some(count) => Ok((key, count)),
                None => {
                    let rule = format!("must be a whole number from 0 to {most}");
                    Err(Complaint::new(format!("{field}.{key}"), &value, rule))
                }
            })
            .collect()
    }

    fn one_form(&mut self, field: &str) -> Result<Option<(String, f64, Value)>, Complaint> {
        let forms = [("", self.unit), ("_micros", 1e3), ("_nanos", 1.0)];
        let mut found: Option<(String, f64, Value)> = None;
        for (ending, scale) in forms {
            let name = format!("{field}{ending}");
            let Some(value) = self.take(&name) else { continue };
            if let Some((first, ..)) = &found {
                return Err(Complaint::new(name, &value, format!("must not stand beside {first}")));
            }
            found = Some((name, scale, value));
        }
        Ok(found)
    }
}

/// A whole number up to a bound; `3.0` is one too.
fn whole_of(value: &Value, most: u64) -> Option<u64> {
    let real = || value.as_f64().filter(|real| real.fract() == 0.0 && *real >= 0.0).map(whole);
    value.as_u64().or_else(real).filter(|count| *count <= most)
}

fn entries(field: &str, value: Value) -> Result<Map<String, Value>, Complaint> {
    match value {
        Value::Object(map) => Ok(map),
        other => Err(Complaint::new(field, &other, "must be an object, campaign to number")),
    }
}

fn amount_of(field: &str, scale: f64, value: &Value) -> Result<Nanos, Complaint> {
    let refuse = |rule: &str| Complaint::new(field, value, rule);
    if let Some(exact) = value.as_i64().filter(|_| scale <= 1e3) {
        let factor = if scale > 1.0 { 1_000 } else { 1 };
        let nanos = exact.checked_mul(factor);
        let nanos = nanos.filter(|nanos| (-NANOS_END + 1..NANOS_END).contains(nanos));
        return nanos.map(Nanos::new).ok_or_else(|| refuse("must be below 9e18 nanos"));
    }
    let number = value.as_f64().ok_or_else(|| refuse("must be a number"))?;
    let nanos = (number * scale).round();
    if scale <= 1e3 && number.fract() != 0.0 {
        return Err(refuse("must be a whole number"));
    }
    if nanos.abs() >= NANOS_END_REAL {
        return Err(refuse("must be below 9e18 nanos"));
    }
    let size = Nanos::floor_from(nanos.abs());
    Ok(if nanos < 0.0 { -size } else { size })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn fields(value: Value) -> Fields {
        let Value::Object(map) = value else { panic!("an object is given") };
        Fields::new("test".to_owned(), map, 1e9)
    }

    #[test]
    fn one_amount_has_three_spellings() {
        for value in [json!({"x": 1.5}), json!({"x_micros": 1_500_000}), json!({"x_nanos": 15e8})] {
            assert_eq!(fields(value).money("x"), Ok(Some(Nanos::new(1_500_000_000))));
        }
        let both = fields(json!({"x": 1, "x_nanos": 1})).money("x").unwrap_err();
        assert_eq!(
            (both.field.as_str(), both.rule.as_str()),
            ("x_nanos", "must not stand beside x")
        );
        assert_eq!(fields(json!({"x": -0.5})).money("x"), Ok(Some(Nanos::new(-500_000_000))));
    }

    #[test]
    fn amounts_out_of_range_and_broken_ones_are_refused() {
        let long = json!(i64::MAX);
        for value in [
            json!({"x": 1e300}),
            json!({"x_nanos": 0.5}),
            json!({"x_micros": long}),
            json!({"x": "1"}),
        ] {
            assert!(fields(value).money("x").is_err());
        }
    }

    #[test]
    fn what_nobody_asked_for_is_named() {
        let mut fields = fields(json!({"now": 3.0, "budgte": 5, "gone": null}));
        assert_eq!(fields.instant("now"), Ok(Some(Timestamp::from_micros(3_000_000))));
        let complaint = fields.end().unwrap_err();
        assert_eq!(complaint.field, "budgte");
        assert_eq!(complaint.rule, "is not a field of `test`");
    }

    #[test]
    fn numbers_may_be_names_and_long_texts_are_shortened() {
        assert_eq!(fields(json!({"id": 17})).id().unwrap().as_str(), "17");
        let long = "x".repeat(500);
        let complaint = fields(json!({"id": long})).id().unwrap_err();
        assert_eq!(complaint.value.as_str().unwrap().chars().count(), SHOWN_MAX + 1);
    }
}
