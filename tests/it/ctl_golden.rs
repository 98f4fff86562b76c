//! What machines read of the command line, and the exit code of each command, against a service
//! that was seeded the same way each time. UPDATE_GOLDEN=1 writes the file anew.

use crate::harness::{Service, Setup, until};
use crate::orders;
use paceline_proto::v1;
use paceline_proto::v1::spend_service_client::SpendServiceClient;
use serde_json::Value;
use std::fmt::Write as _;
use std::path::PathBuf;

/// Numbers that are the same each time: of the seed alone, not of when it was sown.
const SAME: [&str; 19] = [
    "partition",
    "partitions",
    "changed",
    "generation",
    "number",
    "first",
    "next",
    "records",
    "budget_nanos",
    "granted_nanos",
    "adjusted_nanos",
    "available_nanos",
    "in_flight_nanos",
    "spent_nanos",
    "suspense_nanos",
    "price_nanos",
    "posted",
    "unknown_campaign",
    "clock_factor",
];
/// Texts that differ from run to run, or are not for machines.
const LOOSE: [&str; 7] = ["author", "code", "detail", "holder", "instance_id", "version", "why"];

/// Of these only the form is kept: what a law thinks depends on when it was asked.
const THOUGHT: [&str; 2] = ["explain", "preview"];

/// Lists that are told by their first item there; of others even that depends on when.
const KEPT: [&str; 4] = ["campaigns", "overrides", "owners", "accounts"];

/// A value with what changes from run to run named instead of told.
fn steady(key: &str, value: &Value, is_form: bool) -> Value {
    match value {
        Value::Number(_) | Value::String(_) | Value::Null | Value::Bool(_) if is_form => {
            "<value>".into()
        }
        // Ages are there after a while.
        Value::Number(_) | Value::Null if key.ends_with("_seconds") => "<number or none>".into(),
        Value::Number(_) if SAME.contains(&key) => value.clone(),
        Value::Number(_) => "<number>".into(),
        Value::String(text) if text.parse::<jiff::Timestamp>().is_ok() => "<time>".into(),
        Value::String(text) if text.len() == 64 => "<seal>".into(),
        Value::String(text) if text.starts_with("127.0.0.1:") => "<address>".into(),
        Value::String(_) if LOOSE.contains(&key) => "<text>".into(),
        Value::Array(_) if is_form && !KEPT.contains(&key) => "<list>".into(),
        Value::Array(items) if is_form => {
            items.iter().take(1).map(|item| steady(key, item, true)).collect()
        }
        Value::Array(items) => items.iter().map(|item| steady(key, item, false)).collect(),
        Value::Object(map) => {
            let pair = |(key, value): (&String, &Value)| (key.clone(), steady(key, value, is_form));
            Value::Object(map.iter().map(pair).collect())
        }
        other => other.clone(),
    }
}

/// Two campaigns with a hand on one, a billing, and one for a campaign that nobody knows.
async fn seeded() -> Service {
    let service = Setup::embedded().start().await;
    orders::enter(&service, &["spring", "summer"], "800.00 USD").await;
    let now = orders::now(&service).await;
    let request = v1::ReportSpendRequest {
        producer_id: Some("bidder-1".to_owned()),
        reported_through: Some(orders::message(now)),
        events: vec![
            orders::billing("e-1", "spring", 1_234_567_891, now),
            orders::billing("e-2", "nobody", 7_000_000_000, now),
        ],
    };
    let told = SpendServiceClient::new(service.channel()).report_spend(request).await;
    assert_eq!(told.unwrap().into_inner().refusals, []);
    let words = ["cap", "spring", "35%", "--for", "1h", "--reason", "a test"];
    let told = service.ctl(&[&words[..], &["--request-id", "r-1"]].concat()).await;
    assert_eq!(told.code, 0, "{told:?}");
    until("the spend is posted and planned with", async || {
        let told = service.ctl(&["explain", "spring", "--json"]).await.json();
        let is_posted = told["books"]["spent_nanos"] == 1_234_567_891_i64;
        (is_posted && !told["owners"][0]["plan"].is_null()).then_some(())
    })
    .await;
    service
}

/// Every command that reads, then each that writes or fails.
fn commands(file: &str) -> Vec<Vec<&str>> {
    let reading: [&[&str]; 16] = [
        &["list"],
        &["list", "--state", "paused"],
        &["explain", "spring"],
        &["totals"],
        &["totals", "--campaign", "summer"],
        &["overrides"],
        &["suspense", "list"],
        &["audit", "list"],
        &["audit", "show", "0-1"],
        &["audit", "verify"],
        &["diff", "-f", file],
        &["notices"],
        &["partition-of", "spring-ltd"],
        &["status"],
        &["apply", "-f", file, "--dry-run"],
        &["undo", "0-1", "--reason", "a test", "--dry-run"],
    ];
    let hand = ["--for", "1h", "--reason", "a test"];
    let with = |words: &[&'static str]| [words, &hand].concat();
    let mut all: Vec<Vec<&str>> = reading.iter().map(|words| words.to_vec()).collect();
    all.extend([
        with(&["preview", "pause", "spring"]),
        vec!["preview", "apply", "-f", file],
        with(&["preview", "pause", "nobody"]),
        with(&["bulk", "pause", "--match", "s*"]),
        with(&["bulk", "freeze", "--match", "nothing-*"]),
        with(&["pause", "nobody"]),
        with(&["fix", "spring", "500%"]),
        vec!["pause", "spring", "--for", "1h"],
        vec!["explain", "nobody"],
        vec!["explain", "spring", "--at", "2001-01-01T00:00:00Z"],
        vec!["explain", "spring", "--at", "yesterday"],
        vec!["explain", "spring", "--to", "2001-01-01T00:00:00Z"],
        vec!["totals", "--campaign", "nobody"],
        vec!["audit", "show", "0-999"],
        vec!["audit", "verify", "nowhere.jsonl"],
        vec!["undo", "0-999", "--reason", "a test"],
        vec!["extend", "0123456789abcdef", "--for", "1h", "--reason", "a test"],
        vec!["clear", "0123456789abcdef"],
        vec!["clear", "12"],
        vec!["counter", "accept", "nobody", "--reason", "a test"],
        vec!["suspense", "post", "0123456789abcdef", "--reason", "a test"],
        vec!["suspense", "drop", "xyz", "--reason", "a test"],
        vec!["apply", "-f", "nowhere.toml"],
        vec!["wait", "--for", "2h"],
        vec!["no-such-command"],
    ]);
    all
}

#[tokio::test]
async fn machines_read_the_same_form_and_the_same_exit_codes() {
    let service = seeded().await;
    let now = orders::now(&service).await;
    let text = orders::file_text(now, &["autumn"], "900.00 USD");
    let file = orders::file(&service, "autumn.toml", &text);
    let file = file.to_str().unwrap();
    let mut seen = String::new();
    for words in commands(file) {
        let line: Vec<&str> = words.iter().chain(&["--json"]).copied().collect();
        let told = service.ctl(&line).await;
        let shown = words.join(" ").replace(file, "autumn.toml");
        writeln!(seen, "$ paceline ctl {shown} --json\nexit code {}", told.code).unwrap();
        assert_eq!(told.err.is_empty(), told.code == 0, "{words:?}: {told:?}");
        if !told.out.is_empty() {
            let value: Value = serde_json::from_str(&told.out).unwrap();
            writeln!(seen, "{:#}", steady("", &value, THOUGHT.contains(&words[0]))).unwrap();
        }
    }
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/golden/ctl.txt");
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        assert!(std::env::var_os("CI").is_none(), "UPDATE_GOLDEN is refused in CI");
        std::fs::write(&path, &seen).unwrap();
    }
    let known = std::fs::read_to_string(&path).unwrap_or_default();
    let differs = seen.lines().zip(known.lines()).position(|(seen, known)| seen != known);
    assert!(seen == known, "differs from tests/golden/ctl.txt at line {differs:?}:\n{seen}");
}
