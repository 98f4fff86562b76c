//! The same seed gives the same bytes: twice, and on one thread or many.

use paceline_core::engine::{Applied, Engine, EngineConfig};
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

fn scenario() -> Scenario {
    Scenario::parse("world.toml", "world", WORLD, Path::new("nowhere")).expect("a sound scenario")
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
