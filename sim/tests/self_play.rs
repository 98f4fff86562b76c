//! Self-play in small worlds: multipliers come to rest at the equilibrium and at no other, leaving
//! the law gains little where it gains much of a poor one, and what cannot come to rest is refused.

use paceline_sim::contender::Contender;
use paceline_sim::equilibrium::{FirstPrice, SampledMarket};
use paceline_sim::run;
use paceline_sim::scenario::Scenario;
use paceline_sim::self_play::{
    AgainstEquilibrium, DIFFERENCE_MOST, Deviations, SelfPlayOptions, World, play,
};
use std::path::Path;

/// Typical auctions: the equilibrium of the short world is then known within half a per cent.
const SAMPLE: u64 = 30_000;
/// A day is not enough to settle in, and a thousand events move a multiplier by one per cent: the
/// short world may be further off than a long one by as much again.
const DIFFERENCE_OF_SHORT: f64 = 2.0 * DIFFERENCE_MOST;
/// Half a day begins with an hour of finding the level, which a constant has no need of.
const GAIN_OF_SHORT: f64 = 0.06;

/// Half a day, a campaign that could spend five times its budget and one that cannot spend it.
const SMALL: &str = r#"
start = "2025-03-03T00:00:00Z"
lasts = "12h"
mode = "competing"
tick = "1m"
[bidders]
count = 1
report_every = "1m"
[[segment]]
name = "all"
per_day = 20_000
prices = { median_cpm = 5.0, sigma = 0.5 }
[[campaign]]
name = "tight"
budget_micros = [5_000_000]
pressure = [5]
value = { median_cpm = 5.0, sigma = 0.6 }
[[campaign]]
name = "slack"
budget_micros = [5_000_000]
pressure = [0.7]
value = { median_cpm = 5.0, sigma = 0.6 }
"#;

fn small(text: &str) -> Scenario {
    Scenario::parse("small.toml", "small", text, Path::new("nowhere")).expect("a sound world")
}

fn options(contender: &str, seeds: &[u64], threads: usize) -> SelfPlayOptions {
    let contender = Contender::named(contender).expect("a law that ships");
    SelfPlayOptions { contender, seeds: seeds.to_vec(), sample: SAMPLE, threads }
}

fn deviations(contender: &str, threads: usize) -> Deviations {
    let options = options(contender, &[1, 2, 3], threads);
    let played = play(&[small(SMALL)], &options, &|_| {}).expect("a world that comes to rest");
    let [World::SecondPrice(deviations)] = played.worlds.as_slice() else {
        panic!("{:?}", played.worlds)
    };
    deviations.clone()
}

#[test]
fn multipliers_come_to_rest_at_the_equilibrium_and_at_no_other() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios/self-play-first-short.toml");
    let scenario = Scenario::load(&path, &run::data_folder()).unwrap();
    let options = options("log-pid", &[1, 2], 2);
    let played = play(std::slice::from_ref(&scenario), &options, &|_| {}).unwrap();
    let [World::FirstPrice(against)] = played.worlds.as_slice() else {
        panic!("{:?}", played.worlds)
    };
    let counting = against.campaigns.iter().filter(|one| one.differences().count() == 2).count();
    assert!(counting >= 5, "{}", played.to_text());
    assert!(against.difference < DIFFERENCE_OF_SHORT, "{}", played.to_text());
    assert!(played.to_html().matches("class=\"pl-chart\"").count() == 2);

    let wrong = SampledMarket::of(&scenario, 0, SAMPLE).unwrap().with_budgets_times(2.0);
    let wrong = FirstPrice::solve(&wrong, 1e-3, 1_000).unwrap().logs();
    let mut campaigns = against.campaigns.clone();
    for (one, log) in campaigns.iter_mut().zip(wrong) {
        one.equilibrium_log = log;
    }
    let told = AgainstEquilibrium::new("wrong".to_owned(), campaigns);
    assert!(told.is_missed() && told.difference > DIFFERENCE_OF_SHORT, "{}", told.difference);
}

#[test]
fn leaving_the_law_gains_little_and_leaving_a_poor_one_much() {
    let ours = deviations("log-pid", 2);
    assert!(ours.gain_most < GAIN_OF_SHORT, "{ours:?}");
    let poor = deviations("pass-through", 2);
    assert!(poor.is_missed() && poor.gain_most > GAIN_OF_SHORT, "{poor:?}");
    let tried = ours.campaigns.iter().flat_map(|one| &one.tried);
    assert!(tried.clone().count() > 9 && tried.clone().all(|one| one.multiplier <= 1.0));
    assert_eq!(ours, deviations("log-pid", 1), "threads make a difference");
}

#[test]
fn what_cannot_come_to_rest_is_refused_with_the_rule() {
    let told = |text: &str, seeds: &[u64]| {
        play(&[small(text)], &options("log-pid", seeds, 1), &|_| {}).unwrap_err().to_string()
    };
    let alone = told(&SMALL.replace("competing", "price-taking"), &[1, 2]);
    assert!(alone.contains("mode = price-taking: must be competing"), "{alone}");
    let most =
        told(&SMALL.replace("pressure = [5]", "pressure = [5]\nmultiplier_max = 2"), &[1, 2]);
    assert!(most.contains("campaign tight multiplier_max = 2: must be 1"), "{most}");
    let one = told(SMALL, &[1]);
    assert!(one.contains("--seeds: small needs at least two"), "{one}");
}
