//! The swarm: its worlds hold what must always hold, on any number of threads; and a check that
//! fails is shrunk to a small scenario that `run` plays again.

use paceline_sim::contender::Contender;
use paceline_sim::scenario::draft::Draft;
use paceline_sim::swarm::attempt::attempt;
use paceline_sim::swarm::check::{Breach, Rule};
use paceline_sim::swarm::{Swarm, search, search_with};
use std::path::Path;
use std::process::{Command, Output};
use std::sync::Mutex;

fn simulator(folder: &Path, words: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_paceline-sim"));
    command.current_dir(folder).args(words).output().expect("the program is there")
}

#[test]
fn what_must_always_hold_does_on_any_number_of_threads() {
    let seeds: Vec<u64> = (1..=6).collect();
    let shares = Mutex::new(Vec::new());
    let tell = |share| shares.lock().unwrap().push(share);
    let one = search(&seeds, Contender::Own, 1, &tell);
    let failing: Vec<_> = one.failing().collect();
    assert!(failing.is_empty(), "{failing:?}");
    assert!(one.lines.iter().all(|line| line.size.auctions > 0 && line.size.campaigns > 0));
    assert_eq!(shares.into_inner().unwrap().last(), Some(&1.0));
    assert!(one.to_json() == search(&seeds, Contender::Own, 2, &|_| {}).to_json());
}

/// The real runs, and a check of the test's own: no campaign may be billed by the click.
fn with_injected_check() -> Swarm {
    search_with(&[1, 2], "own", 2, &|_| {}, &|draft: &Draft, is_repeated| {
        let (size, mut broken) = attempt(draft, Contender::Own, is_repeated);
        if size.auctions > 0 && draft.to_text().contains("billing = \"click\"") {
            let found = "a campaign is billed by the click".to_owned();
            broken.insert(0, Breach { rule: Rule::CampaignCaps, found });
        }
        (size, broken)
    })
}

#[test]
fn an_injected_failure_becomes_a_small_scenario() {
    let swarm = with_injected_check();
    let find = swarm.finds.first().expect("clicks are common");
    assert!(find.is_least && find.attempts > 10, "{} attempts", find.attempts);
    let text = &find.text;
    assert!(text.starts_with(&format!("# Seed {} of the swarm", find.seed)), "{text}");
    assert!(text.contains("# Found: a campaign is billed by the click\n"), "{text}");
    for (part, most) in [("[[campaign]]", 1), ("[[segment]]", 1), ("[[fault]]", 0)] {
        assert!(text.matches(part).count() <= most, "{text}");
    }
    assert!(text.contains("billing = \"click\"") && text.lines().count() < 35, "{text}");
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join(find.file_name()), text).unwrap();
    let ended = simulator(folder.path(), &["run", &find.file_name()]);
    assert!(ended.status.success(), "{}", String::from_utf8_lossy(&ended.stderr));
    assert!(swarm.to_text().contains(&format!("seed {}: no budget or daily cap", find.seed)));
}

#[test]
fn the_command_says_what_it_ran_and_leaves_no_folder_behind() {
    let folder = tempfile::tempdir().unwrap();
    let ended =
        simulator(folder.path(), &["swarm", "--count", "2", "--seed", "2", "--json", "out.json"]);
    let told = String::from_utf8_lossy(&ended.stdout);
    assert!(ended.status.success(), "{told}");
    assert!(told.starts_with("2 worlds under own: ") && told.ends_with("; 0 failed\n"), "{told}");
    assert!(!folder.path().join("swarm-failures").exists());
    let json = std::fs::read_to_string(folder.path().join("out.json")).unwrap();
    let parsed: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(parsed["lines"][1]["seed"], 3);
}
