//! A walk over a TOML document that remembers where it is: every field knows its path and its line,
//! every section which of its keys were asked for, so that the others can be refused.
//!
//! Knows TOML, not campaigns. Called by the checks.

use crate::complaint::{COMPLAINTS_MAX, Complaint, shortened};
use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// Collects complaints, bounded, with their lines.
#[derive(Debug, Default)]
pub(crate) struct Faults<'t> {
    text: &'t str,
    complaints: Vec<Complaint>,
    untold: usize,
}

impl<'t> Faults<'t> {
    pub(crate) fn new(text: &'t str) -> Self {
        Self { text, complaints: Vec::new(), untold: 0 }
    }

    /// How many there are so far.
    pub(crate) fn count(&self) -> usize {
        self.complaints.len() + self.untold
    }

    pub(crate) fn add(&mut self, at: usize, path: &str, value: &str, rule: impl Into<String>) {
        if self.complaints.len() >= COMPLAINTS_MAX {
            self.untold += 1;
            return;
        }
        let before = &self.text.as_bytes()[..at.min(self.text.len())];
        let line = 1 + before.iter().filter(|byte| **byte == b'\n').count();
        let (path, value) = (path.to_owned(), shortened(value));
        self.complaints.push(Complaint { line, path, value, rule: rule.into() });
    }

    /// All of them, by line, and how many were only counted.
    pub(crate) fn into_parts(mut self) -> (Vec<Complaint>, usize) {
        self.complaints.sort_by_key(|complaint| complaint.line);
        (self.complaints, self.untold)
    }
}

/// One value, and where it stands.
#[derive(Debug)]
pub(crate) struct Field<'t> {
    pub(crate) path: String,
    at: usize,
    value: &'t DeValue<'t>,
}

impl<'t> Field<'t> {
    fn new(path: String, value: &'t Spanned<DeValue<'t>>) -> Self {
        Self { path, at: value.span().start, value: value.get_ref() }
    }

    /// The value as one would write it; lists and tables only by their brackets.
    pub(crate) fn shown(&self) -> String {
        match self.value {
            DeValue::String(text) => format!("{text:?}"),
            DeValue::Integer(number) => number.to_string(),
            DeValue::Float(number) => number.to_string(),
            DeValue::Boolean(fact) => fact.to_string(),
            DeValue::Datetime(time) => time.to_string(),
            DeValue::Array(list) if list.is_empty() => "[]".to_owned(),
            DeValue::Array(_) => "[…]".to_owned(),
            DeValue::Table(_) => "{…}".to_owned(),
        }
    }

    pub(crate) fn refuse(&self, faults: &mut Faults<'_>, rule: impl Into<String>) {
        faults.add(self.at, &self.path, &self.shown(), rule);
    }

    /// The text; also of a date and time, which TOML writes without quotes.
    pub(crate) fn text(&self) -> Option<String> {
        match self.value {
            DeValue::String(text) => Some(text.to_string()),
            DeValue::Datetime(time) => Some(time.to_string()),
            DeValue::Integer(_)
            | DeValue::Float(_)
            | DeValue::Boolean(_)
            | DeValue::Array(_)
            | DeValue::Table(_) => None,
        }
    }

    /// Whether it is a number that is none.
    pub(crate) fn is_not_finite(&self) -> bool {
        let DeValue::Float(number) = self.value else { return false };
        number.as_str().parse::<f64>().is_ok_and(|number| !number.is_finite())
    }

    /// A whole number from 0 to `u32::MAX`.
    pub(crate) fn whole(&self) -> Option<u32> {
        let DeValue::Integer(number) = self.value else { return None };
        u32::from_str_radix(number.as_str(), number.radix()).ok()
    }

    /// The items of a list; a complaint when it is none or too long.
    pub(crate) fn items(&self, faults: &mut Faults<'_>, most: usize) -> Vec<Self> {
        let DeValue::Array(list) = self.value else {
            self.refuse(faults, "must be a list");
            return Vec::new();
        };
        if list.len() > most {
            self.refuse(faults, format!("must have at most {most} items"));
            return Vec::new();
        }
        let path = &self.path;
        list.iter()
            .enumerate()
            .map(|(index, item)| Self::new(format!("{path}[{index}]"), item))
            .collect()
    }

    /// The table it is; a complaint when it is none.
    pub(crate) fn section(&self, faults: &mut Faults<'_>) -> Option<Section<'t>> {
        let DeValue::Table(table) = self.value else {
            self.refuse(faults, "must be a table");
            return None;
        };
        Some(Section { path: self.path.clone(), at: self.at, table, known: Vec::new() })
    }
}

/// A table whose keys are asked for one by one.
#[derive(Debug)]
pub(crate) struct Section<'t> {
    pub(crate) path: String,
    at: usize,
    table: &'t DeTable<'t>,
    known: Vec<&'static str>,
}

impl<'t> Section<'t> {
    /// The whole document.
    pub(crate) fn root(table: &'t DeTable<'t>) -> Self {
        Self { path: String::new(), at: 0, table, known: Vec::new() }
    }

    fn path_of(&self, key: &str) -> String {
        if self.path.is_empty() { key.to_owned() } else { format!("{}.{key}", self.path) }
    }

    pub(crate) fn field(&mut self, key: &'static str) -> Option<Field<'t>> {
        self.known.push(key);
        self.peek(key)
    }

    fn peek(&self, key: &str) -> Option<Field<'t>> {
        self.table.get(key).map(|value| Field::new(self.path_of(key), value))
    }

    /// What `parse` makes of the text under a key; nothing when the key is absent, or bad, which is
    /// complained of. `what` says what is due.
    pub(crate) fn text<T>(
        &mut self,
        faults: &mut Faults<'_>,
        key: &'static str,
        what: &str,
        parse: impl FnOnce(&str) -> Result<T, String>,
    ) -> Option<T> {
        let field = self.field(key)?;
        let Some(text) = field.text() else {
            let rule = if field.is_not_finite() {
                format!("must not be NaN or infinity: {what} is due")
            } else {
                format!("must be text: {what} is due")
            };
            field.refuse(faults, rule);
            return None;
        };
        parse(&text).map_err(|rule| field.refuse(faults, rule)).ok()
    }

    /// The same, with a complaint when the key is absent.
    pub(crate) fn required<T>(
        &mut self,
        faults: &mut Faults<'_>,
        key: &'static str,
        what: &str,
        parse: impl FnOnce(&str) -> Result<T, String>,
    ) -> Option<T> {
        if !self.table.contains_key(key) {
            self.known.push(key);
            faults.add(self.at, &self.path_of(key), "", format!("is missing: {what} is due"));
            return None;
        }
        self.text(faults, key, what, parse)
    }

    /// The tables of a list under a key, none when it is absent.
    pub(crate) fn sections(
        &mut self,
        faults: &mut Faults<'_>,
        key: &'static str,
        most: usize,
    ) -> Vec<Self> {
        let Some(field) = self.field(key) else { return Vec::new() };
        let items = field.items(faults, most);
        items.iter().filter_map(|item| item.section(faults)).collect()
    }

    /// Complains about a field named by a path below this section, such as `flights[1].start`.
    pub(crate) fn refuse(&self, faults: &mut Faults<'_>, below: &str, rule: &str) {
        match self.find(below) {
            Some(field) => field.refuse(faults, rule),
            None => faults.add(self.at, &self.path_of(below), "", rule),
        }
    }

    fn find(&self, below: &str) -> Option<Field<'t>> {
        let (first, rest) = below.split_once('.').unwrap_or((below, ""));
        let (key, index) = match first.split_once('[') {
            Some((key, index)) => (key, index.strip_suffix(']')?.parse::<usize>().ok()),
            None => (first, None),
        };
        let mut field = self.peek(key)?;
        if let Some(index) = index {
            let DeValue::Array(list) = field.value else { return None };
            field = Field::new(format!("{}[{index}]", field.path), list.get(index)?);
        }
        if rest.is_empty() {
            return Some(field);
        }
        let DeValue::Table(table) = field.value else { return None };
        Section { path: field.path, at: field.at, table, known: Vec::new() }.find(rest)
    }

    /// Refuses every key that was not asked for.
    pub(crate) fn finish(self, faults: &mut Faults<'_>) {
        for (name, value) in self.table {
            let name = name.get_ref().as_ref();
            if !self.known.contains(&name) {
                let field = Field::new(self.path_of(name), value);
                let keys = self.known.join(", ");
                field.refuse(faults, format!("is not a key here; these are: {keys}"));
            }
        }
    }
}
