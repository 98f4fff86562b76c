//! Trials: what is said of paired differences, that a resumed trial says the same, and that nobody
//! is judged by the seeds that were tuned on.

use paceline_sim::compare::outcome::{CampaignOutcome, Outcome};
use paceline_sim::compare::plan::{Brief, Plan, Standing, Wishes, World};
use paceline_sim::compare::store::{Store, StoreError};
use paceline_sim::compare::trial::{Trial, is_trial};
use paceline_sim::compare::verdict::Ruling;
use paceline_sim::compare::{Comparison, play};
use paceline_sim::contender::Contender;
use paceline_sim::report::metric::Metrics;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Two hours with something for everybody, and first price, so that both oracles are met.
const WORLD: &str = r#"# Two calm hours.
start = "2025-03-03T06:00:00Z"
lasts = "2h"
[[segment]]
name = "second"
per_day = 20_000
prices = { median_cpm = 5.0, sigma = 0.5 }
[[segment]]
name = "first"
per_day = 20_000
auction = "first"
prices = { median_cpm = 5.0, sigma = 0.5 }
[[campaign]]
name = "i"
segments = ["second"]
budget_micros = [1_000_000]
pressure = [3]
value = { median_cpm = 5.0, sigma = 0.6 }
[[campaign]]
name = "f"
segments = ["first"]
budget_micros = [1_000_000]
pressure = [3]
value = { median_cpm = 5.0, sigma = 0.6 }
"#;

const TRIAL: &str = r#"# A small trial.
worlds = ["world.toml"]
[seeds]
judging = "11..12"
tuning = "1..5"
"#;

fn world(folder: &Path) -> World {
    let path = folder.join("world.toml");
    std::fs::write(&path, WORLD).expect("a folder to write to");
    World::load(&path, Path::new("nowhere")).expect("a sound world")
}

fn plan(folder: &Path) -> Plan {
    let names = ["log-pid", "mystique-learned", "asap"];
    let wishes = Wishes {
        contenders: names.into_iter().filter_map(Contender::named).collect(),
        seeds: vec![1, 2],
    };
    Plan::of_scenarios(wishes, vec![world(folder)], Vec::new())
}

fn json(plan: &Plan, threads: usize, store: Option<&Store>) -> String {
    let runs = play(plan, threads, store, &|_| {}).expect("worlds that run");
    Comparison::new(plan.brief.clone(), runs).to_json()
}

/// A campaign that had so many per cent of what was to be had.
fn campaign(name: &str, billing: &str, events: u64, percent: f64) -> CampaignOutcome {
    let metrics = Metrics {
        value: percent,
        hindsight_value: Some(100.0),
        billed_events: events,
        ..Metrics::default()
    };
    CampaignOutcome { name: name.to_owned(), billing: billing.to_owned(), days: 2.0, metrics }
}

/// Runs of one world with three seeds: per cent of the oracle of two campaigns.
fn made_up(contender: &str, small: [f64; 3], large: [f64; 3]) -> Vec<Outcome> {
    let run = |(place, seed): (usize, u64)| Outcome {
        world: "made-up".to_owned(),
        contender: contender.to_owned(),
        seed,
        audit_failures: 0,
        total: Metrics::default(),
        campaigns: vec![
            campaign("small", "impression", 100, small[place]),
            campaign("large", "click", 2_000, large[place]),
        ],
    };
    [7, 8, 9].into_iter().enumerate().map(run).collect()
}

fn near(found: Option<f64>, expected: f64) {
    assert!(found.is_some_and(|found| (found - expected).abs() < 1e-7), "{found:?}: {expected}");
}

#[test]
fn paired_differences_are_as_reckoned_by_hand() {
    let names = ["log_pid", "a", "b"];
    let brief = Brief {
        trial: None,
        standing: Standing::Unregistered,
        default: "log_pid".to_owned(),
        contenders: names.map(str::to_owned).to_vec(),
        worlds: vec!["made-up".to_owned()],
        stresses: Vec::new(),
        skipped: Vec::new(),
        seeds: vec![7, 8, 9],
        tuning_runs: BTreeMap::new(),
    };
    let mut runs = made_up("log_pid", [98.0, 97.0, 99.0], [95.0; 3]);
    runs.extend(made_up("a", [97.0, 96.5, 97.5], [90.0; 3]));
    runs.extend(made_up("b", [90.0; 3], [96.0; 3]));
    let comparison = Comparison::new(brief, runs);
    let [small, large] = comparison.cells.as_slice() else { panic!("{:?}", comparison.cells) };
    // Differences of 1, ½ and 1½ points: mean 1, deviation ½; t of two degrees is 4.302653.
    assert_eq!((small.class.to_string(), small.billing.as_str()), ("20-200".into(), "impression"));
    let best = small.best().unwrap();
    assert_eq!(best.rival, "a");
    near(Some(small.of_oracle), 0.98);
    near(Some(best.difference.mean), 0.01);
    let half = 4.302_652_73 * 0.005 / 3.0_f64.sqrt();
    near(best.difference.low, 0.01 - half);
    near(best.difference.high, 0.01 + half);
    // One point behind with every seed, so surely; and not by luck ahead.
    assert_eq!((large.class.to_string(), large.billing.as_str()), ("200-2000".into(), "click"));
    let best = large.best().unwrap();
    assert_eq!(best.rival, "b");
    near(Some(best.difference.mean), -0.01);
    near(best.difference.high, -0.01);
    near(large.p_holm, 1.0);
    // Both cells together: 0, −¼ and ¼ points to the best; a is ahead in none.
    let overall = &comparison.overall;
    assert_eq!((overall.cells, overall.not_behind), (2, 1));
    near(Some(overall.against_best.mean), 0.0);
    near(overall.against_best.high, half / 2.0);
    near(Some(overall.rivals[0].difference.mean), 0.03);
    near(Some(overall.rivals[1].difference.mean), 0.035);
    let rulings: Vec<Ruling> = comparison.verdicts.iter().map(|one| one.ruling).collect();
    assert_eq!(rulings[..3], [Ruling::Missed; 3], "{:?}", comparison.verdicts);
    // 98 % of hindsight where 98.5 % are asked for; clicks at 95 of 96.
    assert_eq!(rulings[3..5], [Ruling::Missed; 2], "{:?}", comparison.verdicts);
    let text = comparison.to_text();
    assert!(text.contains("-1.00 (-1.00 to -1.00)") && text.contains("behind"), "{text}");
    assert!(text.contains("Not a judgement"), "{text}");
}

#[test]
fn one_thread_and_two_give_the_same_bytes() {
    let folder = tempfile::tempdir().unwrap();
    let plan = plan(folder.path());
    let one = json(&plan, 1, None);
    assert!(one == json(&plan, 2, None), "threads make a difference");
    // Both kinds of oracle were there, and nobody beats the one that knows the market.
    let parsed: serde_json::Value = serde_json::from_str(&one).unwrap();
    for run in parsed["runs"].as_array().unwrap() {
        let of = |place: usize, name: &str| run["campaigns"][place]["metrics"][name].as_f64();
        let (value, hindsight) = (of(0, "value").unwrap(), of(0, "hindsight_value").unwrap());
        assert!(value > 0.2 * hindsight && value <= 1.02 * hindsight, "{value} of {hindsight}");
        assert!(of(0, "best_constant_value").is_none() && of(1, "hindsight_value").is_none());
        let best = of(1, "best_constant_value").unwrap();
        let value = of(1, "value").unwrap();
        assert!(value > 0.2 * best && value <= 1.1 * best, "{value} of {best}");
    }
}

#[test]
fn a_resumed_trial_says_the_same_and_runs_nothing_twice() {
    let folder = tempfile::tempdir().unwrap();
    let plan = plan(folder.path());
    let path = folder.path().join("runs.jsonl");
    let open = || Store::open(&path, "test 1").unwrap();
    let whole = json(&plan, 2, Some(&open()));
    let lines = |text: &str| text.lines().count();
    let kept = std::fs::read_to_string(&path).unwrap();
    assert_eq!(lines(&kept), 6);
    assert!(whole == json(&plan, 2, Some(&open())), "read back it differs");
    assert_eq!(std::fs::read_to_string(&path).unwrap(), kept);
    // Killed while it wrote the fourth line.
    let third = kept.match_indices('\n').nth(2).unwrap().0 + 1;
    std::fs::write(&path, &kept[..third + 40]).unwrap();
    let store = open();
    assert!(store.was_cut);
    assert!(whole == json(&plan, 1, Some(&store)), "resumed it differs");
    drop(store);
    assert!(!open().was_cut);
    assert_eq!(lines(&std::fs::read_to_string(&path).unwrap()), 6);
    // Another program makes its own runs.
    assert!(whole == json(&plan, 2, Some(&Store::open(&path, "test 2").unwrap())));
    assert_eq!(lines(&std::fs::read_to_string(&path).unwrap()), 12);
}

#[test]
fn a_store_that_is_not_one_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("runs.jsonl");
    // The last are of one line, which a kill might have cut off, were it ours.
    for theirs in ["{\"key\":1}\n{}\n", "{\"key\":1}\n", "my notes", "{\"key\":{\"world\":1}"] {
        std::fs::write(&path, theirs).unwrap();
        let refused = Store::open(&path, "test").unwrap_err();
        assert!(matches!(refused, StoreError::Line { line: 1, .. }), "{refused}");
        assert_eq!(std::fs::read_to_string(&path).unwrap(), theirs);
    }
    std::fs::write(&path, "").unwrap();
    let first = Store::open(&path, "test").unwrap();
    let refused = Store::open(&path, "test").unwrap_err();
    assert!(matches!(refused, StoreError::Busy), "{refused}");
    drop(first);
}

fn refusal(text: &str) -> String {
    let error = Trial::parse(Path::new("trials/t.toml"), text).expect_err("it breaks a rule");
    error.to_string()
}

#[test]
fn a_trial_whose_seeds_overlap_is_refused_with_both() {
    let told = refusal(&TRIAL.replace("11..12", "5..9"));
    let rule = "seeds.tuning = \"1..5\": must not share a seed with seeds.judging = \"5..9\"";
    assert!(told.contains(rule), "{told}");
}

#[test]
fn every_broken_rule_of_a_trial_is_told() {
    let wrong = r#"default = "fast"
contenders = ["asap", "asap"]
stresses = ["x/world.toml"]
worlds"#;
    let broken = TRIAL.replace("11..12", "9..1").replace("worlds", wrong);
    let told = refusal(&broken);
    for part in [
        "trials/t.toml: default = \"fast\": must be one of log_pid",
        "contenders = asap: must not be named twice",
        "stresses = world: must not be the name of two worlds",
        "seeds.judging = \"9..1\": must be FIRST..LAST",
    ] {
        assert!(told.contains(part), "{part} is not in {told}");
    }
    let told = refusal(&TRIAL.replace("[\"world.toml\"]", "[]"));
    assert!(told.contains("worlds = []: must name at least one"), "{told}");
}

#[test]
fn only_the_registered_runs_are_a_judgement() {
    let folder = tempfile::tempdir().unwrap();
    let trial = Trial::parse(&folder.path().join("t.toml"), TRIAL).unwrap();
    let standing = |seeds: &[u64], contenders: &[&str]| {
        let contenders = contenders.iter().filter_map(|name| Contender::named(name)).collect();
        let wishes = Wishes { contenders, seeds: seeds.to_vec() };
        Plan::of_trial(&trial, wishes, vec![world(folder.path())]).brief.standing
    };
    assert_eq!(standing(&[], &[]), Standing::Registered);
    assert_eq!(standing(&[11], &[]), Standing::Part);
    assert_eq!(standing(&[], &["log-pid", "asap"]), Standing::Part);
    assert_eq!(standing(&[1, 2], &[]), Standing::Unregistered);
    let absent = Plan::of_trial(&trial, Wishes::default(), Vec::new()).brief;
    assert_eq!((absent.standing, absent.skipped), (Standing::Part, vec!["world".to_owned()]));
}

#[test]
fn shipped_trials_are_sound_and_their_worlds_are_there() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("trials");
    let files: Vec<PathBuf> =
        std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    assert!(files.len() >= 2);
    for path in files {
        let text = std::fs::read_to_string(&path).unwrap();
        assert!(text.starts_with("# ") && is_trial(&text), "{}", path.display());
        let trial = Trial::parse(&path, &text).unwrap();
        for world in &trial.worlds {
            assert!(world.path.is_file(), "{}", world.path.display());
        }
        assert_eq!(trial.default.name(), "log_pid");
    }
    assert!(!is_trial(WORLD));
}

#[test]
fn a_page_holds_its_charts_and_needs_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    let plan = plan(folder.path());
    let runs = play(&plan, 2, None, &|_| {}).unwrap();
    let html = Comparison::new(plan.brief, runs).to_html();
    assert_eq!(html.matches("class=\"pl-chart\"").count(), 3);
    assert!(html.contains("mystique-learned") && !html.contains("<script"));
}
