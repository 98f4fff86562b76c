//! Sweeps: every combination is run as it says, a resumed one says the same, and wrong keys and
//! values are refused with the rule.

use paceline_sim::compare::store::Store;
use paceline_sim::contender::Contender;
use paceline_sim::sweep::vary::Vary;
use paceline_sim::sweep::{Plan, Sweep, play};
use std::path::Path;

const WORLD: &str = r#"# One calm hour.
start = "2025-03-03T06:00:00Z"
lasts = "1h"
[[segment]]
name = "all"
per_day = 20_000
prices = { median_cpm = 5.0, sigma = 0.5 }
[[campaign]]
name = "c"
budget_micros = [1_000_000]
value = { median_cpm = 9.0, sigma = 0.6 }
"#;

fn plan(keys: &[&str], contender: Contender) -> Result<Plan, String> {
    let varied: Result<Vec<Vary>, String> = keys.iter().map(|key| Vary::parse(key)).collect();
    let worlds = [("calm".to_owned(), WORLD.to_owned())];
    Plan::try_new(&worlds, &varied?, contender, &[1, 2], Path::new("nowhere"))
        .map_err(|error| format!("{:#}", anyhow::Error::from(error)))
}

fn swept(keys: &[&str], threads: usize, store: Option<&Store>) -> Sweep {
    let plan = plan(keys, Contender::Own).expect("sound keys");
    play(&plan, threads, store, &|_| {}).expect("worlds that run")
}

#[test]
fn every_combination_is_run_with_every_seed() {
    let keys = ["campaign.*.budget_micros=200_000,400_000", "law.gain=0.2,1", "bidders.count=3"];
    let sweep = swept(&keys, 2, None);
    assert_eq!(sweep.runs.len(), 8);
    assert_eq!(sweep.runs[2].values, ["200_000", "1", "3"]);
    for run in &sweep.runs {
        let budget = if run.values[0] == "200_000" { 200_000_000 } else { 400_000_000 };
        assert_eq!((run.total.budget_nanos, run.audit_failures), (Some(budget), 0));
    }
    assert_ne!(sweep.runs[0].total, sweep.runs[2].total, "the gain makes no difference");
    assert!(sweep == swept(&keys, 1, None), "threads make a difference");
    let text = sweep.to_text(None);
    assert!(text.contains("law.gain") && text.contains("overspend_ratio"), "{text}");
    assert!(!sweep.to_text(Some("bids")).contains("overspend_ratio"));
    assert_eq!(sweep.to_html(None).matches("class=\"pl-chart\"").count(), 3);
}

#[test]
fn a_resumed_sweep_says_the_same_and_runs_nothing_twice() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("runs.jsonl");
    let lines = || std::fs::read_to_string(&path).unwrap().lines().count();
    let open = || Store::open(&path, "test").unwrap();
    let few = ["engine.elasticity=1,1.5"];
    swept(&few, 2, Some(&open()));
    assert_eq!(lines(), 4);
    let more = ["engine.elasticity=1,1.5,2"];
    let resumed = swept(&more, 2, Some(&open()));
    assert_eq!(lines(), 6);
    assert!(resumed.to_json() == swept(&more, 1, None).to_json());
}

#[test]
fn wrong_keys_and_values_are_refused_with_key_value_and_rule() {
    for (key, rule) in [
        ("law.gian=1", "--vary law.gian=1: must be one of"),
        ("law.gain=-1", "--vary law.gain=-1: `gain` must be a finite number above zero"),
        ("law.gain=fast", "--vary law.gain=fast: "),
        ("engine.laws=1", "--vary engine.laws=1: must be one of lease_valid"),
        ("engine.elasticity=50", "--vary engine.elasticity=50: must be 0.1 to 10"),
        ("engine.lease_valid=5", "must be a length of time such as 90s"),
        ("campaign.d.reach=0.5", "`campaign` has no entry `d`"),
        ("campaign.c=1", "`campaign.c` needs a key"),
        ("lasts.a=1", "`lasts` has no keys of its own"),
        ("campaign.c.reach=0.5,2", "--vary campaign.c.reach=2: calm: campaign[0].reach = 2"),
        ("bidders.cuont=2", "unknown field `cuont`"),
        ("tick=", "must have 1 to 100 values"),
    ] {
        let told = plan(&["tick=10s", key], Contender::Own).expect_err(key);
        assert!(told.contains(rule), "{key}: {told}");
    }
    let rival = Contender::named("mystique-learned").unwrap();
    let told = plan(&["law.gain=1"], rival).expect_err("a rival has no gains");
    assert!(told.contains("--vary law.gain: a rival"), "{told}");
}
