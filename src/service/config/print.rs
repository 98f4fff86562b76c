//! The effective configuration, for people and machines: each value with who said so.
//!
//! The text form is a valid configuration file. Secrets show as `***`. Called by `main` for
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
}

#[derive(Default)]
struct Printer(Vec<Line>);

impl Visitor for Printer {
    fn field<T: Value + PartialOrd>(&mut self, key: &'static str, place: &mut T, _: Within<T>) {
        self.plain(key, place);
    }

    fn plain<T: Value>(&mut self, key: &'static str, place: &mut T) {
        self.0.push(Line { key, value: place.show(), form: T::FORM });
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
    /// TOML, one key a line, its origin behind it.
    #[must_use]
    pub fn to_text(&self) -> String {
        let lines = lines(&self.config);
        let written: Vec<_> =
            lines.iter().map(|line| format!("{} = {}", line.key, line.toml())).collect();
        let width = written.iter().map(String::len).max().unwrap_or_default();
        let mut text = String::new();
        for (line, written) in lines.iter().zip(written) {
            let origin = self.origins.get(line.key).unwrap_or(&Origin::Default);
            text.push_str(&format!("{written:width$}  # {origin}\n"));
        }
        text
    }

    /// JSON: `{"loop.tick": {"value": "10s", "origin": "default"}, …}`.
    #[must_use]
    pub fn to_json(&self) -> String {
        let object: serde_json::Map<_, _> = lines(&self.config)
            .iter()
            .map(|line| {
                let origin = self.origins.get(line.key).unwrap_or(&Origin::Default).to_string();
                let value = serde_json::json!({ "value": line.json(), "origin": origin });
                (line.key.to_owned(), value)
            })
            .collect();
        serde_json::to_string_pretty(&object).expect("text keys and plain values always serialise")
    }
}
