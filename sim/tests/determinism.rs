//! The same seed gives the same bytes: twice, on one thread or many, and in every build.
//!
//! What builds must agree on stands in `golden/`; debug and release are held to the same files, so
//! that they agree with each other. `UPDATE_GOLDEN=1` writes them anew.

use paceline_core::engine::{Applied, Engine, EngineConfig};
use paceline_sim::compare::plan::digest_of;
use paceline_sim::contender::Contender;
use paceline_sim::report::render;
use paceline_sim::run::{self, Request};
use paceline_sim::scenario::Scenario;
use paceline_sim::world::{self, RunOptions};
use std::path::Path;

/// Two hours of a world with everything in it: faults, shocks, clicks, several bidders.
const WORLD: &str = r#"
start = "2025-03-03T06:00:00Z"
lasts = "2h"
[bidders]
count = 5
lost_notices = 0.1
outcome_delay = "1s"
[[segment]]
name = "a"
per_day = 60_000
prices = { median_cpm = 5.0, sigma = 0.5 }
shape = { amplitude = 0.5, peak_hour = 14 }
shock = { sigma = 0.2, persistence = 0.5 }
[[segment]]
name = "b"
per_day = 20_000
auction = "first"
prices = { median_cpm = 3.0, sigma = 0.7 }
price_shock = { sigma = 0.2 }
[[campaign]]
name = "i"
count = 3
budget_micros = [2_000_000]
pressure = [2, 5]
value = { median_cpm = 5.0, sigma = 0.6 }
[[campaign]]
name = "k"
budget_micros = [3_000_000]
pressure = [3]
value = { median_cpm = 5.0, sigma = 0.6 }
billing = "click"
click_probability = 0.05
[[fault]]
kind = "duplicate"
at = "10m"
lasts = "1h"
share = 0.3
[[fault]]
kind = "crash"
at = "70m"
lasts = "3m"
"#;

/// An hour in which ten campaigns of all kinds bid against each other.
const COMPETING: &str = r#"
start = "2025-03-03T09:00:00Z"
lasts = "1h"
mode = "competing"
tie = "win"
[bidders]
count = 3
outcome_delay = "500ms"
waits_for_draws = false
[[segment]]
name = "a"
per_day = 150_000
prices = { median_cpm = 4.0, sigma = 0.6 }
rivals = 3
price_season = { amplitude = 0.2, peak_hour = 10 }
jumps = [{ at = "20m", times = 1.5 }]
floor_cpm = 2.0
[[segment]]
name = "b"
per_day = 50_000
auction = "first"
prices = { quantiles_cpm = [1.0, 2.0, 4.0, 9.0] }
surges = [{ at = "30m", lasts = "10m", times = 3 }]
[[advertiser]]
name = "shared"
zone = "Europe/Paris"
daily_cap_micros = 3_000_000
[[campaign]]
name = "even"
count = 4
advertiser = "shared"
budget_micros = [2_000_000]
value = { median_cpm = 6.0, sigma = 0.8 }
value_most_cpm = 20.0
[[campaign]]
name = "part"
count = 3
daily_cap_micros = [4_000_000]
reach = 0.5
multiplier_max = 2.0
value = { median_cpm = 4.0, sigma = 0.5 }
[[campaign]]
name = "click"
count = 2
budget_micros = [1_000_000]
value = { median_cpm = 5.0, sigma = 0.4 }
billing = "click"
click_probability = 0.04
click_sigma = 0.5
click_truth = { from = 0.5, to = 2.0 }
[[campaign]]
name = "late"
from = "15m"
budget_micros = [1_000_000]
segments = ["b"]
value = { cpm = 8.0 }
law = "pass_through"
"#;

fn parsed(text: &str) -> Scenario {
    Scenario::parse("world.toml", "world", text, Path::new("nowhere")).expect("a sound scenario")
}

fn scenario() -> Scenario {
    parsed(WORLD)
}

#[test]
fn the_same_seed_gives_the_same_bytes_twice() {
    let scenario = scenario();
    let json = |seed| {
        let report = run::run_scenario(&scenario, Contender::Own, Some(seed), &mut |_| {}).unwrap();
        render::to_json(&report)
    };
    assert_eq!(json(7), json(7));
    assert_ne!(json(7), json(8));
}

#[test]
fn every_build_gives_the_bytes_of_the_golden_files() {
    for (name, text) in [("everything", WORLD), ("competing", COMPETING)] {
        let options = RunOptions { has_record: true, ..RunOptions::default() };
        let run = world::run(&parsed(text), &options, &mut |_| {}).unwrap();
        // Inputs and rounds as they reached the engine: what bidders did, to the event.
        let log = format!("{:?}", run.record.unwrap());
        let log = digest_of(log.as_bytes());
        let found = format!("{}log {log}\n", render::to_json(&run.report));
        let path = format!("{}/tests/golden/{name}.txt", env!("CARGO_MANIFEST_DIR"));
        if std::env::var_os("UPDATE_GOLDEN").is_some() {
            assert!(std::env::var_os("CI").is_none(), "CI rewrites no golden files");
            std::fs::write(&path, &found).unwrap();
        }
        let golden = std::fs::read_to_string(&path).unwrap_or_default();
        assert!(found == golden, "{path} differs; look at it with UPDATE_GOLDEN=1 and git diff");
    }
}

#[test]
fn a_table_of_seeds_is_the_same_on_one_thread_and_two() {
    let laws = ["log-pid", "pass-through"].map(|name| Contender::named(name).unwrap());
    let table = |threads| {
        let grid = run::run_grid(&[parsed(COMPETING)], &laws, &[1, 2], threads, &|_| {}).unwrap();
        grid.to_json() + &grid.to_text() + &grid.to_html()
    };
    assert!(table(1) == table(2), "threads make a difference");
}

#[test]
fn one_thread_and_many_give_the_same_bytes() {
    let scenario = scenario();
    let named = |name| Contender::named(name).expect("a known name");
    let contenders = [Contender::Own, named("pass-through"), named("mystique-learned")];
    let requests: Vec<Request<'_>> = (1..4)
        .flat_map(|seed| {
            let scenario = &scenario;
            contenders.map(|contender| Request { scenario, contender, seed: Some(seed) })
        })
        .collect();
    let json = |threads| -> Vec<String> {
        run::run_all(&requests, threads).unwrap().iter().map(render::to_json).collect()
    };
    assert_eq!(json(1), json(4));
}

#[test]
fn a_recorded_log_folds_to_the_same_table() {
    let scenario = scenario();
    let options = RunOptions { has_record: true, ..RunOptions::default() };
    let run = world::run(&scenario, &options, &mut |_| {}).unwrap();
    let log = run.record.unwrap();
    let fold = || {
        let mut engine = Engine::new(EngineConfig::default());
        let mut digests = Vec::new();
        for stamped in &log {
            if let Applied::Ticked(tick) = engine.apply(stamped.at, &stamped.input) {
                digests.push(tick.digest);
            }
        }
        digests
    };
    let digests = fold();
    assert_eq!(digests.len() as u64, run.report.run.ticks);
    assert_eq!(digests, fold());
}
