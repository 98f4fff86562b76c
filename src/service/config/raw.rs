//! What was written, by whom, before anyone judged it: file, environment and flags, laid over one
//! another key by key.
//!
//! Knows how settings are spelt in each source, not which there are: an unknown key is kept and
//! refused by `check`. Called by [`super::load`].

use super::check::Complaint;
use super::value::Form;
use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};
use toml::de::{DeTable, DeValue};

/// What every variable of ours begins with.
const ENV_PREFIX: &str = "PACELINE_";

/// Where settings are looked for.
#[derive(Debug, Clone, Default)]
pub struct Sources {
    /// The file, if one is named.
    pub file: Option<PathBuf>,
    /// The process's environment; what does not begin with `PACELINE_` is passed over.
    pub environment: Vec<(String, String)>,
    /// Name of the flag, key and value.
    pub flags: Vec<(&'static str, String, String)>,
}

/// Who said so.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Origin {
    /// Nobody.
    Default,
    /// A line of the file.
    File {
        /// As given.
        path: PathBuf,
        /// From 1.
        line: usize,
    },
    /// A variable.
    Environment(String),
    /// A flag.
    Flag(&'static str),
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::File { path, line } => write!(f, "{}:{line}", path.display()),
            Self::Environment(name) => write!(f, "environment {name}"),
            Self::Flag(name) => write!(f, "flag {name}"),
        }
    }
}

/// One setting as written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RawValue {
    /// Without quotes.
    pub text: String,
    /// How it was spelt.
    pub form: Form,
    /// Who said so.
    pub origin: Origin,
}

/// Every setting that was written, the last source winning.
#[derive(Debug, Clone, Default)]
pub struct RawConfig {
    /// By key path, e.g. `loop.tick`.
    pub values: BTreeMap<String, RawValue>,
}

impl RawConfig {
    /// Reads the sources in their order. What cannot be read at all is a complaint.
    pub fn read(sources: &Sources, complaints: &mut Vec<Complaint>) -> Self {
        let mut raw = Self::default();
        if let Some(path) = &sources.file {
            raw.read_file(path, complaints);
        }
        raw.read_environment(&sources.environment);
        for (flag, key, value) in &sources.flags {
            raw.put(key, value, Form::Loose, Origin::Flag(flag));
        }
        raw
    }

    fn put(&mut self, key: &str, text: &str, form: Form, origin: Origin) {
        self.values.insert(key.to_owned(), RawValue { text: text.to_owned(), form, origin });
    }

    fn read_file(&mut self, path: &Path, complaints: &mut Vec<Complaint>) {
        match std::fs::read_to_string(path) {
            Ok(text) => self.read_text(path, &text, complaints),
            Err(error) => {
                let origin = Origin::File { path: path.to_path_buf(), line: 1 };
                complaints.push(Complaint::of_file(origin, &format!("cannot be read: {error}")));
            }
        }
    }

    fn read_text(&mut self, path: &Path, text: &str, complaints: &mut Vec<Complaint>) {
        let origin = |at: usize| {
            let line = 1 + text[..at.min(text.len())].bytes().filter(|b| *b == b'\n').count();
            Origin::File { path: path.to_path_buf(), line }
        };
        let (table, errors) = DeTable::parse_recoverable(text);
        let is_whole = errors.is_empty();
        for error in errors {
            let at = origin(error.span().map_or(0, |span| span.start));
            let rule = format!("is not TOML: {}", error.message());
            complaints.push(Complaint::of_file(at, &rule));
        }
        self.flatten("", table.get_ref(), &origin);
        if !is_whole {
            // What was made of a line that is no TOML is nobody's section.
            self.values.retain(|_, raw| raw.form != Form::Section);
        }
    }

    /// Tables become dotted keys. Depth is bounded by the parser.
    fn flatten(&mut self, prefix: &str, table: &DeTable<'_>, origin: &impl Fn(usize) -> Origin) {
        for (name, value) in table {
            let key = if prefix.is_empty() {
                name.get_ref().to_string()
            } else {
                format!("{prefix}.{}", name.get_ref())
            };
            let at = origin(name.span().start);
            match value.get_ref() {
                DeValue::Table(inner) if inner.is_empty() => {
                    self.put(&key, "{}", Form::Section, at);
                }
                DeValue::Table(inner) => self.flatten(&key, inner, origin),
                DeValue::String(text) => self.put(&key, text, Form::Text, at),
                DeValue::Integer(number) => self.put(&key, &number.to_string(), Form::Integer, at),
                DeValue::Float(number) => self.put(&key, &number.to_string(), Form::Float, at),
                DeValue::Boolean(fact) => self.put(&key, &fact.to_string(), Form::Boolean, at),
                DeValue::Datetime(time) => self.put(&key, &time.to_string(), Form::Other, at),
                DeValue::Array(_) => self.put(&key, "[…]", Form::Other, at),
            }
        }
    }

    /// `PACELINE_LOOP__TICK` is `loop.tick`. A variable without `__` is taken only where it names
    /// `partitions`, the one key outside a section: orchestrators set variables such as
    /// `PACELINE_SERVICE_HOST` on their own.
    fn read_environment(&mut self, environment: &[(String, String)]) {
        for (name, value) in environment {
            let Some(rest) = name.strip_prefix(ENV_PREFIX) else { continue };
            let key = rest.to_ascii_lowercase().replace("__", ".");
            if key.contains('.') || key == "partitions" {
                self.put(&key, value, Form::Loose, Origin::Environment(name.clone()));
            }
        }
    }
}
