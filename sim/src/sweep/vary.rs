//! What is varied: a key of the scenario, a gain of the default law or a setting of the engine, and
//! its values.
//!
//! Everything wrong is told with key, value and rule. Called by the sweep and by the command line.

use crate::scenario::draft::{Draft, shown};
use crate::scenario::span::parse_span;
use paceline_core::engine::EngineConfig;
use paceline_core::pace::{LogPidGains, ShippedLaw};
use serde_json::Value as Json;
use toml::{Table, Value};

/// The most values of one key: more than a chart can show.
const VALUES_MAX: usize = 100;
/// Settings of the engine that may be varied, and their ranges; absent for lengths of time.
const SETTINGS: [(&str, Option<(f64, f64)>); 15] = [
    ("lease_valid", None),
    ("lease_grace", None),
    ("replan_interval", None),
    ("blind_limit", None),
    ("source_timeout", None),
    ("allowance_horizon", None),
    ("stale_ticks", Some((1.0, 1_000.0))),
    ("publish_threshold", Some((0.0, 1.0))),
    ("billed_share", Some((0.0, 1.0))),
    ("calibration_share", Some((0.0, 1.0))),
    ("elasticity", Some((0.1, 10.0))),
    ("start_multiplier", Some((0.001, 1.0))),
    ("has_brake", Some((0.0, 1.0))),
    ("has_breaker", Some((0.0, 1.0))),
    ("learns_traffic", Some((0.0, 1.0))),
];

/// A key and its values, in the order given.
#[derive(Debug, Clone, PartialEq)]
pub struct Vary {
    /// As written.
    pub key: String,
    /// As written and read.
    pub values: Vec<(String, Value)>,
}

/// A key or value that breaks a rule.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("--vary {key}={value}: {rule}")]
pub struct VaryError {
    /// Which key.
    pub key: String,
    /// Which value.
    pub value: String,
    /// Which rule.
    pub rule: String,
}

impl Vary {
    /// Reads `KEY=A,B,C`. A value is one of a scenario file; a bare word is a text, and commas in
    /// brackets part nothing.
    ///
    /// # Errors
    /// The rule, when the text breaks it.
    pub fn parse(text: &str) -> Result<Self, String> {
        let (key, values) = text.split_once('=').ok_or("must be KEY=VALUE,VALUE,…")?;
        let key = key.trim();
        if key.is_empty() || key.split('.').any(str::is_empty) {
            return Err("KEY must be names with dots between".to_owned());
        }
        let values: Vec<(String, Value)> =
            parts(values).into_iter().map(|part| (part.to_owned(), read(part))).collect();
        if values.iter().any(|(text, _)| text.is_empty()) || values.len() > VALUES_MAX {
            return Err(format!("must have 1 to {VALUES_MAX} values, none of them empty"));
        }
        if (1..values.len()).any(|place| values[..place].contains(&values[place])) {
            return Err("must not name a value twice".to_owned());
        }
        Ok(Self { key: key.to_owned(), values })
    }

    /// Whether it is of the law or the engine, and not of the scenario.
    #[must_use]
    pub fn is_of_engine(&self) -> bool {
        self.key.starts_with("law.") || self.key.starts_with("engine.")
    }

    /// Sets its n-th value where it belongs.
    ///
    /// # Errors
    /// [`VaryError`].
    pub fn set(
        &self,
        place: usize,
        draft: &mut Draft,
        config: &mut EngineConfig,
    ) -> Result<(), VaryError> {
        let (text, value) = &self.values[place];
        let done = if let Some(gain) = self.key.strip_prefix("law.") {
            set_gain(config, gain, value)
        } else if let Some(setting) = self.key.strip_prefix("engine.") {
            set_setting(config, setting, value)
        } else {
            let steps: Vec<&str> = self.key.split('.').collect();
            set_key(&mut draft.table, &steps, value)
        };
        done.map_err(|rule| self.refuse(text, rule))
    }

    pub(super) fn refuse(&self, value: &str, rule: impl Into<String>) -> VaryError {
        VaryError { key: self.key.clone(), value: value.to_owned(), rule: rule.into() }
    }
}

/// Parts between commas that stand in no bracket or quotation.
fn parts(text: &str) -> Vec<&str> {
    let (mut parts, mut from, mut depth, mut is_quoted) = (Vec::new(), 0, 0_usize, false);
    for (place, letter) in text.char_indices() {
        match letter {
            '"' => is_quoted = !is_quoted,
            '[' | '{' if !is_quoted => depth += 1,
            ']' | '}' if !is_quoted => depth = depth.saturating_sub(1),
            ',' if depth == 0 && !is_quoted => {
                parts.push(text[from..place].trim());
                from = place + 1;
            }
            _ => {}
        }
    }
    parts.push(text[from..].trim());
    parts
}

/// A value as in a file; else the words themselves.
fn read(text: &str) -> Value {
    let table: Result<Table, _> = toml::from_str(&format!("value = {text}"));
    let value = table.ok().and_then(|mut table| table.remove("value"));
    value.unwrap_or_else(|| text.into())
}

fn json(value: &Value) -> Json {
    match value {
        Value::Integer(number) => (*number).into(),
        Value::Float(number) => (*number).into(),
        Value::Boolean(is_so) => (*is_so).into(),
        other => shown(other).into(),
    }
}

/// Sets a field of something by its name.
fn with_field<T: serde::Serialize + serde::de::DeserializeOwned>(
    whole: &T,
    name: &str,
    value: Json,
) -> Result<T, String> {
    let mut fields = serde_json::to_value(whole).map_err(|error| error.to_string())?;
    let all = fields.as_object_mut().ok_or("has no fields")?;
    if !all.contains_key(name) {
        let names: Vec<&str> = all.keys().map(String::as_str).collect();
        return Err(format!("must be one of {}", names.join(", ")));
    }
    all.insert(name.to_owned(), value);
    serde_json::from_value(fields).map_err(|error| error.to_string())
}

fn set_gain(config: &mut EngineConfig, gain: &str, value: &Value) -> Result<(), String> {
    let ShippedLaw::LogPid(gains) = config.laws.log_pid else {
        return Err("the default law has no gains".to_owned());
    };
    let gains: LogPidGains = with_field(&gains, gain, json(value))?;
    gains.check().map_err(|error| error.to_string())?;
    config.laws.log_pid = ShippedLaw::LogPid(gains);
    Ok(())
}

fn set_setting(config: &mut EngineConfig, name: &str, value: &Value) -> Result<(), String> {
    let Some((_, range)) = SETTINGS.iter().find(|(known, _)| *known == name) else {
        let names: Vec<&str> = SETTINGS.iter().map(|(known, _)| *known).collect();
        return Err(format!("must be one of {}", names.join(", ")));
    };
    let value = match (range, value) {
        (None, Value::String(text)) => {
            let span = parse_span(text).map_err(|error| error.to_string())?;
            if span.as_micros() == 0 {
                return Err("must be above zero".to_owned());
            }
            span.as_micros().into()
        }
        (None, _) => return Err("must be a length of time such as 90s".to_owned()),
        (Some((least, most)), value) => {
            let json = json(value);
            if json.as_f64().is_some_and(|number| !(*least..=*most).contains(&number)) {
                return Err(format!("must be {least} to {most}"));
            }
            json
        }
    };
    *config = with_field(config, name, value)?;
    Ok(())
}

/// Sets a key of a scenario; `*` stands for every entry of a list, else its name or place does.
fn set_key(table: &mut Table, steps: &[&str], value: &Value) -> Result<(), String> {
    let [step, rest @ ..] = steps else { return Ok(()) };
    if rest.is_empty() {
        // A list of one stands for its only value in files, and here as well.
        let is_list = matches!(table.get(*step), Some(Value::Array(_))) && !value.is_array();
        let value = if is_list { vec![value.clone()].into() } else { value.clone() };
        table.insert((*step).to_owned(), value);
        return Ok(());
    }
    let entry = table.entry((*step).to_owned());
    match entry.or_insert_with(|| Table::new().into()) {
        Value::Table(inner) => set_key(inner, rest, value),
        Value::Array(rows) => set_rows(rows, step, rest, value),
        _ => Err(format!("`{step}` has no keys of its own")),
    }
}

fn set_rows(rows: &mut [Value], list: &str, steps: &[&str], value: &Value) -> Result<(), String> {
    let [which, rest @ ..] = steps else { return Ok(()) };
    let mut is_found = false;
    for (place, row) in rows.iter_mut().enumerate() {
        let is_named = row.get("name").and_then(Value::as_str) == Some(which);
        if *which != "*" && !is_named && which.parse() != Ok(place) {
            continue;
        }
        is_found = true;
        let inner = row.as_table_mut().filter(|_| !rest.is_empty());
        set_key(inner.ok_or_else(|| format!("`{list}.{which}` needs a key"))?, rest, value)?;
    }
    let rule = || format!("`{list}` has no entry `{which}`: must be a name, a place from 0, or *");
    if is_found { Ok(()) } else { Err(rule()) }
}
