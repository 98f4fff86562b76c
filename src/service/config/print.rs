//! The effective configuration, for people and machines: each value with who said so.
//!
//! The text form is a valid configuration file but for secrets: these show as `***`, are said to be
//! masked, and are refused when they are read so. Called by `main` for
//! `print-config`, and by the log, whose segments open with the configuration in force.

use super::Config;
use super::check::{Visitor, Within, visit};
use super::raw::Origin;
use super::value::{Form, Value};
use std::collections::BTreeMap;

/// A checked configuration and the origin of each value.
#[derive(Debug, Clone, PartialEq)]
pub struct Effective {
    /// What holds.
    pub config: Config,
    /// Who said so, by key.
    pub origins: BTreeMap<&'static str, Origin>,
}

/// One printed line.
struct Line {
    key: &'static str,
    value: String,
    form: Form,
    is_masked: bool,
}

#[derive(Default)]
struct Printer(Vec<Line>);

impl Visitor for Printer {
    fn field<T: Value + PartialOrd>(&mut self, key: &'static str, place: &mut T, _: Within<T>) {
        self.plain(key, place);
    }

    fn plain<T: Value>(&mut self, key: &'static str, place: &mut T) {
        let value = place.show();
        let is_masked = T::is_mask(&value);
        self.0.push(Line { key, value, form: T::FORM, is_masked });
    }
}

fn lines(config: &Config) -> Vec<Line> {
    let mut printer = Printer::default();
    visit(&mut config.clone(), &mut printer);
    printer.0
}

/// Every key, in the order of the reference file.
#[must_use]
pub fn keys() -> Vec<&'static str> {
    lines(&Config::default()).into_iter().map(|line| line.key).collect()
}

impl Line {
    /// As it stands in TOML.
    fn toml(&self) -> String {
        match self.form {
            Form::Integer | Form::Float | Form::Boolean => self.value.clone(),
            Form::Text | Form::Loose | Form::Other | Form::Section => {
                toml::Value::String(self.value.clone()).to_string()
            }
        }
    }

    /// As it stands in JSON.
    fn json(&self) -> serde_json::Value {
        let text = || serde_json::Value::String(self.value.clone());
        match self.form {
            Form::Integer | Form::Float | Form::Boolean => {
                serde_json::from_str(&self.value).unwrap_or_else(|_| text())
            }
            Form::Text | Form::Loose | Form::Other | Form::Section => text(),
        }
    }
}

impl Effective {
    /// TOML, one key a line, its origin behind it, and whether it has to be filled in before it is
    /// read again.
    #[must_use]
    pub fn to_text(&self) -> String {
        let lines = lines(&self.config);
        let written: Vec<_> =
            lines.iter().map(|line| format!("{} = {}", line.key, line.toml())).collect();
        let width = written.iter().map(String::len).max().unwrap_or_default();
        let mut text = String::new();
        for (line, written) in lines.iter().zip(written) {
            let origin = self.origins.get(line.key).unwrap_or(&Origin::Default);
            let masked = if line.is_masked { "; masked, to be filled in" } else { "" };
            text.push_str(&format!("{written:width$}  # {origin}{masked}\n"));
        }
        text
    }

    /// JSON: `{"loop.tick": {"value": "10s", "origin": "default"}, …}`, with `"masked": true` where
    /// the value is hidden.
    #[must_use]
    pub fn to_json(&self) -> String {
        let object: serde_json::Map<_, _> = lines(&self.config)
            .iter()
            .map(|line| {
                let origin = self.origins.get(line.key).unwrap_or(&Origin::Default).to_string();
                let mut value = serde_json::json!({ "value": line.json(), "origin": origin });
                if line.is_masked {
                    value["masked"] = true.into();
                }
                (line.key.to_owned(), value)
            })
            .collect();
        serde_json::to_string_pretty(&object).expect("text keys and plain values always serialise")
    }
}
