//! A scenario as a document: keys and values that may be set and taken out before anything is
//! checked, and written as the text of a file.
//!
//! Knows the form of a file and no rule of any key. Called by whoever makes scenarios up or varies
//! them.

use super::{Scenario, ScenarioError};
use std::path::Path;
use toml::{Table, Value};

/// Keys that come first where there are any, in this order; all others follow by the alphabet.
const FIRST: [&str; 10] =
    ["start", "lasts", "seed", "tick", "mode", "name", "kind", "at", "campaign", "do"];
/// Parts of a file in the order in which they are written; all others follow by the alphabet.
const PARTS: [&str; 6] = ["bidders", "segment", "advertiser", "campaign", "action", "fault"];

/// A scenario that nobody has checked.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Draft {
    /// Its keys.
    pub table: Table,
}

impl Draft {
    /// Reads the text of a file.
    ///
    /// # Errors
    /// [`ScenarioError::Syntax`] when it is not TOML.
    pub fn parse(file: &str, text: &str) -> Result<Self, ScenarioError> {
        let table = toml::from_str(text).map_err(|source| ScenarioError::Syntax {
            file: file.to_owned(),
            source: Box::new(source),
        })?;
        Ok(Self { table })
    }

    /// The text of a file that says the same.
    #[must_use]
    pub fn to_text(&self) -> String {
        let mut text = String::new();
        let mut parts = Vec::new();
        for (key, value) in in_order(&self.table, &FIRST) {
            match value {
                Value::Table(_) => parts.push(key),
                Value::Array(rows) if !rows.is_empty() && rows.iter().all(Value::is_table) => {
                    parts.push(key);
                }
                _ => put(&mut text, key, value),
            }
        }
        parts.sort_by_key(|key| (rank(&PARTS, key), *key));
        for key in parts {
            match &self.table[key] {
                Value::Array(rows) => {
                    for row in rows.iter().filter_map(Value::as_table) {
                        text.push_str(&format!("\n[[{}]]\n", name(key)));
                        put_all(&mut text, row);
                    }
                }
                Value::Table(table) => {
                    text.push_str(&format!("\n[{}]\n", name(key)));
                    put_all(&mut text, table);
                }
                _ => {}
            }
        }
        text
    }

    /// Checks it as the file whose text it is.
    ///
    /// # Errors
    /// As [`Scenario::parse`].
    pub fn check(&self, name: &str, data: &Path) -> Result<Scenario, ScenarioError> {
        Scenario::parse(name, name, &self.to_text(), data)
    }

    /// The tables of an array of the file, such as its campaigns; none where there is no such
    /// array.
    pub fn rows(&self, key: &str) -> impl Iterator<Item = &Table> {
        let rows = self.table.get(key).and_then(Value::as_array);
        rows.into_iter().flatten().filter_map(Value::as_table)
    }

    /// The same, to be changed.
    pub fn rows_mut(&mut self, key: &str) -> impl Iterator<Item = &mut Table> {
        let rows = self.table.get_mut(key).and_then(Value::as_array_mut);
        rows.into_iter().flatten().filter_map(Value::as_table_mut)
    }
}

fn put_all(text: &mut String, table: &Table) {
    for (key, value) in in_order(table, &FIRST) {
        put(text, key, value);
    }
}

fn put(text: &mut String, key: &str, value: &Value) {
    text.push_str(&format!("{} = {}\n", name(key), shown(value)));
}

/// The entries of a table in the order in which they are written, whatever order it keeps.
fn in_order<'a>(table: &'a Table, first: &[&str]) -> Vec<(&'a str, &'a Value)> {
    let mut all: Vec<_> = table.iter().map(|(key, value)| (key.as_str(), value)).collect();
    all.sort_by_key(|(key, _)| (rank(first, key), *key));
    all
}

fn rank(first: &[&str], key: &str) -> usize {
    first.iter().position(|one| *one == key).unwrap_or(first.len())
}

/// A key, quoted where it must be.
fn name(key: &str) -> String {
    let is_bare = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-';
    if !key.is_empty() && key.bytes().all(is_bare) { key.to_owned() } else { quoted(key) }
}

/// A value on one line.
#[must_use]
pub fn shown(value: &Value) -> String {
    match value {
        Value::String(text) => quoted(text),
        Value::Integer(number) => number.to_string(),
        Value::Float(number) if number.is_nan() => "nan".to_owned(),
        Value::Float(number) => format!("{number:?}"),
        Value::Boolean(is_so) => is_so.to_string(),
        Value::Datetime(at) => at.to_string(),
        Value::Array(values) => {
            format!("[{}]", values.iter().map(shown).collect::<Vec<_>>().join(", "))
        }
        Value::Table(table) if table.is_empty() => "{}".to_owned(),
        Value::Table(table) => {
            let entries = in_order(table, &FIRST);
            let entries =
                entries.iter().map(|(key, value)| format!("{} = {}", name(key), shown(value)));
            format!("{{ {} }}", entries.collect::<Vec<_>>().join(", "))
        }
    }
}

fn quoted(text: &str) -> String {
    let mut quoted = String::from('"');
    for letter in text.chars() {
        match letter {
            '"' | '\\' => quoted.extend(['\\', letter]),
            _ if letter.is_control() => quoted.push_str(&format!("\\u{:04X}", u32::from(letter))),
            _ => quoted.push(letter),
        }
    }
    quoted.push('"');
    quoted
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_back() {
        let text = r#"lasts = "1h"
odd = { "a b" = "\t\"", n = [1, 2.5, -0.25, 1e300, inf], no = {}, rows = [{ at = "1h" }] }
start = "2025-03-03T00:00:00Z"
[[campaign]]
name = "c"
value = { cpm = 5.0 }
[bidders]
count = 2
"#;
        let draft = Draft::parse("t", text).unwrap();
        let written = draft.to_text();
        assert_eq!(Draft::parse("t", &written).unwrap(), draft, "{written}");
        assert!(written.starts_with("start = \"2025-03-03T00:00:00Z\"\nlasts = \"1h\"\n"));
        assert!(written.contains("\n[bidders]\ncount = 2\n\n[[campaign]]\nname = \"c\"\n"));
    }
}
