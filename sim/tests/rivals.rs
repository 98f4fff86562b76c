//! Rivals in the simulator's worlds: the same engine, books and bidders as every law.

use paceline_sim::contender::Contender;
use paceline_sim::report::RunReport;
use paceline_sim::rival::Rival;
use paceline_sim::scenario::Scenario;
use std::path::Path;

/// A calm day on which every law that paces at all should spend most of its money.
fn calm() -> Scenario {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios/constant-market.toml");
    Scenario::load(&path, &paceline_sim::run::data_folder()).expect("a scenario without data")
}

fn run_of(scenario: &Scenario, name: &str) -> RunReport {
    let rival = Contender::named(name).expect("a listed name");
    rival.run(scenario, Some(5), &mut |_| {}).expect("a world that runs")
}

#[test]
fn every_rival_paces_a_calm_day_with_its_books_in_order() {
    let scenario = calm();
    let mut faults = Vec::new();
    for name in Rival::NAMES {
        let report = run_of(&scenario, name);
        assert_eq!(report.law, name);
        let used = report.total.utilisation.unwrap_or_default();
        let over = report.total.overspend_ratio;
        let audit = &report.audit;
        println!("{name}: utilisation {used:.4}, overspend {over:.5}");
        if !audit.is_empty() || used < 0.8 || over > 0.02 {
            faults.push(format!("{name}: used {used}, over {over}, {audit:?}"));
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn a_rival_repeats_to_the_byte() {
    let scenario = calm();
    let text = |name| paceline_sim::report::render::to_json(&run_of(&scenario, name));
    assert!(text("mystique-learned") == text("mystique-learned"), "two runs differ");
}
