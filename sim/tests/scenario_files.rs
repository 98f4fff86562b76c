//! What is wrong with a scenario file is said in full: file, key, value, rule.

use paceline_sim::scenario::{Scenario, ScenarioError};
use std::path::Path;

const SOUND: &str = r#"
start = "2025-03-03T00:00:00Z"
lasts = "1h"
[[segment]]
name = "all"
per_day = 1000
prices = { cpm = 5.0 }
[[campaign]]
name = "c"
budget_micros = [1_000_000]
value = { cpm = 6.0 }
"#;

fn parse(text: &str) -> Result<Scenario, ScenarioError> {
    Scenario::parse("test.toml", "test", text, Path::new("nowhere"))
}

fn complaint(text: &str) -> String {
    let error = parse(text).expect_err("the text breaks a rule");
    // The parser's own errors say where in their source.
    let source = std::error::Error::source(&error).map_or(String::new(), ToString::to_string);
    format!("{error} {source}")
}

#[test]
fn a_sound_file_is_taken() {
    let scenario = parse(SOUND).unwrap();
    assert_eq!((scenario.segments.len(), scenario.campaigns.len()), (1, 1));
}

#[test]
fn every_broken_rule_is_told_with_key_and_value() {
    let text = SOUND
        .replace("per_day = 1000", "per_day = -1\nrivals = 0")
        .replace("[1_000_000]", "[0]")
        .replace("lasts = \"1h\"", "lasts = \"1y\"");
    let told = complaint(&text);
    for part in [
        "test.toml",
        "lasts = \"1y\": must be whole numbers",
        "segment[0].per_day = -1: must be 0 to 1e10",
        "segment[0].rivals = 0: must be 1 to 10000",
        "campaign[0].budget_micros = 0: must be above zero",
    ] {
        assert!(told.contains(part), "{part} is not in {told}");
    }
}

#[test]
fn a_form_that_is_none_is_shown_as_it_was_written() {
    let text = SOUND
        .replace("{ cpm = 5.0 }", "{ cpm = 5.0, sigma = 1.5 }\nshape = { day = [1.0, -2.0] }")
        .replace("value = { cpm = 6.0 }", "value_most_cpm = 6.0\nto = \"0s\"");
    let told = complaint(&text);
    for part in [
        "segment[0].prices = { cpm = 5.0, sigma = 1.5 }: must be one of",
        "segment[0].shape = { day = [1.0, -2.0] }: must be one of",
        "campaign[0].value = nothing: must be given",
        "campaign[0].to = \"0s\": ",
    ] {
        assert!(told.contains(part), "{part} is not in {told}");
    }
}

#[test]
fn what_many_campaigns_alike_break_is_told_once() {
    let told = complaint(&SOUND.replace("[1_000_000]", "[-5]\ncount = 30"));
    assert_eq!(told.matches("campaign[0].budget_micros = -5").count(), 1, "{told}");
}

#[test]
fn an_unknown_key_is_refused_by_name() {
    assert!(complaint(&SOUND.replace("per_day", "per_hour")).contains("per_hour"));
}

#[test]
fn an_unknown_metric_is_refused_by_name() {
    let told = complaint(&format!("{SOUND}\n[expect.total]\nutilization = [0.9, 1.0]"));
    assert!(told.contains("expect.total.utilization"), "{told}");
}

#[test]
fn an_absent_data_file_is_no_complaint_but_a_reason_to_skip() {
    let text = SOUND.replace(
        "prices = { cpm = 5.0 }",
        "prices = { cpm = 5.0 }\nshape = { data = \"absent.csv\", segment = \"s\" }",
    );
    let error = parse(&text).expect_err("there is no such file");
    assert!(matches!(error, ScenarioError::NoData { ref wanted, .. } if wanted == "absent.csv"));
}
