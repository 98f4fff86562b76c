//! What is wrong with a scenario file is said in full: file, key, value, rule.

use paceline_core::input::Input;
use paceline_core::units::Span;
use paceline_sim::scenario::{Scenario, ScenarioError};
use paceline_sim::world::setup;
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

#[test]
fn what_is_forecast_and_what_is_true_of_clicks_are_checked() {
    let text = SOUND.replace(
        "value = { cpm = 6.0 }",
        "value = { cpm = 6.0 }\nforecast = { shape = { amplitude = 1.5 } }\n\
         click_truth = { from = 0.0, to = 101.0 }",
    );
    let told = complaint(&text);
    for part in [
        "campaign[0].forecast.shape = ",
        "campaign[0].click_truth = 0: needs click_probability",
        "campaign[0].click_truth.from = 0: must be 0.01 to 100",
        "campaign[0].click_truth.to = 101: must be 0.01 to 100",
    ] {
        assert!(told.contains(part), "{part} is not in {told}");
    }
    let told = complaint(&SOUND.replace("6.0 }", "6.0 }\nforecast = { error = -0.1 }"));
    assert!(told.contains("campaign[0].forecast.error = -0.1: must be 0 to 3"), "{told}");
}

#[test]
fn a_forecast_of_its_own_leaves_the_market_alone() {
    let text = SOUND.replace(
        "value = { cpm = 6.0 }",
        "value = { cpm = 6.0 }\nforecast = { shape = { day = [1, 3] } }",
    );
    let scenario = parse(&text).unwrap();
    let start = scenario.window.start();
    let rate = |hour| scenario.segments[0].segment.traffic.rate(start + Span::HOUR.times(hour));
    assert!((rate(1) - rate(13)).abs() < 1e-12);
    let setup = setup::build(&scenario, None, 1).unwrap();
    let shape = setup.inputs.iter().find_map(|input| match input {
        Input::Shape(shape) => Some(shape.weights.clone()),
        _ => None,
    });
    let weights = shape.unwrap();
    assert_eq!((weights[0] * 3 + 1, weights[48]), (weights[48], 1_000_000));
}

#[test]
fn a_campaign_has_one_return_target_that_means_something() {
    let with = |returns: &str| format!("{SOUND}returns = {{ {returns} }}\n");
    assert!(parse(&with("return_on_spend = 4.0, worth = 0.5")).is_ok());
    for (returns, told) in [
        ("worth = 1.0", "campaign[0].returns = 0 targets: must have one of"),
        (
            "cost_per_click_micros = 5, cost_per_action_micros = 5",
            "campaign[0].returns = 2 targets: must have one of",
        ),
        (
            "cost_per_action_micros = 5, return_on_spend = -1.0",
            "campaign[0].returns.return_on_spend = -1: must be at least 0.000001 and below 4294",
        ),
        ("return_on_spend = 5000.0", "returns.return_on_spend = 5000: must be at least"),
        ("cost_per_click_micros = -3", "returns.cost_per_click_micros = -3: must be above zero"),
        ("return_on_spend = 4.0, worth = nan", "returns.worth = NaN: must be a number from"),
    ] {
        let found = complaint(&with(returns));
        assert!(found.contains(told), "{told} is not in {found}");
    }
}
