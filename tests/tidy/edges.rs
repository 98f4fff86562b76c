//! Which module may use which, in core and service.
//!
//! A module may use those in rows above its own, never one in its own row or below. A new edge
//! against the order is a change to these tables that a reader sees.

use super::{Faults, File, files};
use std::collections::BTreeMap;

/// Core, from units to engine: from what is to what is done.
const CORE: &[&[&str]] = &[
    &["hash", "hours", "normal", "pairs"],
    &["units"],
    &["budget", "object"],
    &["campaign"],
    &["event", "shade"],
    &["overrides"],
    &["input"],
    &["days", "journal"],
    &["ledger"],
    &["forecast", "response", "sources", "pace", "plan"],
    &["table"],
    &["guard", "safe"],
    &["bid"],
    &["quarantine"],
    &["notice"],
    &["report"],
    &["diagnosis"],
    &["feasibility", "past"],
    &["preview"],
    &["snapshot"],
    &["invariant"],
    &["engine"],
];

/// Service, from what everyone needs to who puts it together. Siblings meet in `app`. A file below
/// a module stands in its row unless it has one of its own.
const SERVICE: &[&[&str]] = &[
    &["config", "hex"],
    &["args", "clock", "settled", "telemetry"],
    &["trace"],
    &["auth", "directory", "health", "tls"],
    &["lines", "store"],
    &["audit", "journal", "notice", "past", "publish"],
    &["control_loop", "wire"],
    &["partition"],
    &["admin", "ingest", "leadership", "publish/grpc", "shutdown"],
    &["catalog", "console", "ctl", "dump_log", "http", "measure", "papers"],
    &["app"],
];

type Ranks = BTreeMap<&'static str, usize>;

fn ranks(rows: &'static [&[&str]]) -> Ranks {
    rows.iter().enumerate().flat_map(|(at, row)| row.iter().map(move |name| (*name, at))).collect()
}

/// The module that a file below `folder` belongs to, `a/b` before `a` where it is listed; `None`
/// for crate roots and tests.
fn module<'a>(file: &'a File, folder: &str, ranks: &Ranks) -> Option<&'a str> {
    let path = file.path.strip_prefix(folder)?.strip_suffix(".rs")?;
    let ends: Vec<_> = path.match_indices('/').map(|(at, _)| at).chain([path.len()]).collect();
    let top = &path[..ends[0]];
    let outside = ["lib", "main", "benches", "examples", "tests", "bin"].contains(&top);
    let listed = ends.get(1).map(|end| &path[..*end]).filter(|below| ranks.contains_key(below));
    (!outside && !file.is_test()).then(|| listed.unwrap_or(top))
}

/// The modules of the same crate that a line names: `crate::a` and `use crate::{a::…, b}`.
fn named(line: &str) -> Vec<String> {
    let mut names = Vec::new();
    for (at, found) in line.match_indices("crate::") {
        let before = line[..at].chars().next_back();
        if before.is_some_and(|c| c.is_alphanumeric() || c == '_' || c == '$') {
            continue;
        }
        let rest = &line[at + found.len()..];
        if let Some(group) = rest.strip_prefix('{') {
            names.extend(heads(group));
        } else {
            names.push(head(rest));
        }
    }
    names
}

/// The first words of a group's members, nested groups passed over.
fn heads(group: &str) -> Vec<String> {
    let mut depth = 0_i32;
    let mut member = String::new();
    let mut members = Vec::new();
    for c in group.chars() {
        match c {
            '{' => depth += 1,
            '}' => depth -= 1,
            ',' if depth == 0 => members.push(std::mem::take(&mut member)),
            _ if depth == 0 => member.push(c),
            _ => {}
        }
        if depth < 0 {
            break;
        }
    }
    members.push(member);
    members.iter().map(|member| head(member.trim())).collect()
}

fn head(path: &str) -> String {
    path.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect()
}

/// One statement a line, so that groups over several lines are seen whole.
fn statements(file: &File) -> Vec<(usize, String)> {
    let mut statements: Vec<(usize, String)> = Vec::new();
    let mut is_open = false;
    for (at, line) in file.code() {
        let line = line.trim_start();
        if line.starts_with("//") {
            continue;
        }
        match statements.last_mut().filter(|_| is_open) {
            Some((_, statement)) => statement.push_str(line),
            None => statements.push((at, line.to_owned())),
        }
        let begins = line.contains("use crate::{") || is_open;
        is_open = begins && !line.ends_with(';');
    }
    statements
}

fn judge(folder: &str, rows: &'static [&[&str]], table: &str) {
    let ranks = ranks(rows);
    let mut faults = Faults::default();
    for file in &files() {
        let Some(own) = module(file, folder, &ranks) else { continue };
        let Some(rank) = ranks.get(own) else {
            let rule = format!("module `{own}` is unknown: give it a place in {table}");
            faults.add(&file.path, 1, &rule);
            continue;
        };
        for (at, statement) in statements(file) {
            for name in named(&statement) {
                let Some(other) = ranks.get(name.as_str()) else { continue };
                if name != own && other >= rank {
                    let rule = format!("`{own}` may not use `{name}`: see {table}");
                    faults.add(&file.path, at, &rule);
                }
            }
        }
    }
    faults.none();
}

#[test]
fn core_modules_use_only_those_before_them() {
    judge("src/core/", CORE, "CORE in tests/tidy/edges.rs");
}

#[test]
fn service_modules_use_only_those_before_them() {
    judge("src/service/", SERVICE, "SERVICE in tests/tidy/edges.rs");
}

#[test]
fn groups_are_read_to_their_end() {
    let names = named("pub use crate::{units::{Span, Window}, plan, table::lease::Lease};");
    assert_eq!(names, ["units", "plan", "table"]);
    assert_eq!(named("let x = crate::hash::mix(y);"), ["hash"]);
    assert_eq!(named("use paceline_crate::units;"), [""; 0]);
}
