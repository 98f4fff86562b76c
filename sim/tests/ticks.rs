//! The law at ticks of 1, 10 and 60 s: the same engine on the same auctions takes the same
//! course.
//!
//! The auctions are a record, evenly spaced, their values spread evenly over ranks, so that nothing
//! is left to chance. Reports come every second and at once, and a table holds for three of the
//! longest ticks: what is left between ticks is what a tick itself delays.

use paceline_core::engine::EngineConfig;
use paceline_core::units::Span;
use paceline_sim::report::series::Point;
use paceline_sim::scenario::Scenario;
use paceline_sim::world::{self, RunOptions};
use std::fmt::Write;
use std::path::Path;

/// Ten auctions a second for four hours, at 5 a thousand; a value is a price to the power −1 ÷ 1.5
/// of its rank, so that spend answers the multiplier by the elasticity the law assumes. From the
/// second hour on the price is half as much again.
const AUCTIONS: u32 = 4 * 36_000;

fn trace() -> String {
    let mut text =
        "ts_us,request_id,segment,at,min_to_win_cpm_micros,min_to_win_censor,value\n".to_owned();
    for number in 0..AUCTIONS {
        let at = i64::from(number) * 100_000 + 50_000;
        // The golden ratio spreads ranks evenly over every stretch of auctions.
        let rank = (f64::from(number) * 0.618_033_988_749_895).fract();
        let value = 0.005 * libm::pow(1.0 - rank, -1.0 / 1.5).min(50.0);
        let price = if number < AUCTIONS / 2 { 5_000_000 } else { 7_500_000 };
        writeln!(text, "{at},r{number},s,2,{price},0,{value}").expect("a string takes all text");
    }
    text
}

/// The course by the minute.
fn course(folder: &Path, seconds: i64, elasticity: f64) -> Vec<Point> {
    let text = format!(
        r#"
start = "1970-01-01T00:00:00Z"
lasts = "4h"
tick = "{seconds}s"
[bidders]
count = 1
report_every = "1s"
report_delay = "0s"
publish_delay = "0s"
[record]
data = "even.csv"
value_columns = ["value"]
[[campaign]]
name = "c"
budget_micros = [180_000_000]
value_column = "value"
"#
    );
    let scenario = Scenario::parse("even", "even", &text, folder).expect("a sound scenario");
    let engine = EngineConfig {
        tick: scenario.tick,
        lease_valid: Span::from_mins(3),
        elasticity,
        // The law's own course: the dead-band of what is published starts anew at every move.
        publish_threshold: 0.0,
        ..EngineConfig::default()
    };
    let options = RunOptions { engine: Some(engine), ..RunOptions::default() };
    let run = world::run(&scenario, &options, &mut |_| {}).expect("a world that runs");
    run.report.campaigns[0].series.points.clone()
}

/// How far the courses of ln multiplier are apart at most from a minute on, and those of spend over
/// the spend so far.
fn apart(one: &[Point], other: &[Point], from: usize) -> (f64, f64) {
    assert_eq!(one.len(), other.len());
    // Up to the flight's last minutes, when its plan is complete and no multiplier is of any use.
    let pairs = one.iter().zip(other).take(236).skip(from);
    pairs.fold((0.0, 0.0), |(most, spent), (one, other)| {
        let moved = libm::log(other.multiplier / one.multiplier).abs();
        let spend = (other.spent - one.spent).ratio_to(one.spent).abs();
        (f64::max(most, moved), f64::max(spent, spend))
    })
}

#[test]
fn ticks_of_1_10_and_60_seconds_give_the_same_course_within_one_per_cent() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("even.csv"), trace()).unwrap();
    let course = |seconds, elasticity| course(folder.path(), seconds, elasticity);
    let fine = course(1, 1.5);
    let start = fine[0].multiplier;
    assert!(fine[30].multiplier > 1.3 * start && fine[170].multiplier > 1.1 * fine[119].multiplier);
    let (ten, sixty) = (course(10, 1.5), course(60, 1.5));
    for (coarse, name) in [(&ten, "10 s"), (&sixty, "60 s")] {
        let (moved, spent) = apart(&fine, coarse, 10);
        println!("{name}: from minute 10 on {moved:.4} in ln multiplier, {spent:.4} of spend");
        assert!(moved <= 0.01 && spent <= 0.01, "{name}: {moved} and {spent}");
    }
    // Until the tenth minute a tick of a minute is one move of the law behind: of the 0.05 it makes
    // in its first.
    let (moved, spent) = apart(&fine, &ten, 1);
    assert!(moved <= 0.012 && spent <= 0.025, "{moved} and {spent}");
    let (moved, spent) = apart(&fine, &sixty, 1);
    assert!(moved <= 0.06 && spent <= 0.15, "{moved} and {spent}");
    // Another law takes another course.
    let (moved, spent) = apart(&fine, &course(10, 1.2), 10);
    assert!(moved > 0.01 && spent > 0.01, "{moved} and {spent}");
}
