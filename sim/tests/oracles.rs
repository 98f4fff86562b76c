//! The oracle of small campaigns: below the clairvoyant one by what luck takes, the more so the
//! fewer the events, and told only where it can know the market.

use paceline_sim::contender::Contender;
use paceline_sim::number::mean;
use paceline_sim::report::CampaignReport;
use paceline_sim::scenario::Scenario;
use std::path::Path;

/// A day of twenty campaigns each that can pay three, ten and thirty events, and one of thousands.
const WORLD: &str = r#"
start = "2025-03-03T00:00:00Z"
lasts = "1d"
tick = "1m"
[bidders]
count = 1
[[segment]]
name = "all"
per_day = 2_000
prices = { median_cpm = 5_000.0, sigma = 0.4 }
shape = { amplitude = 0.6, peak_hour = 14 }
[[campaign]]
name = "three"
count = 20
budget_micros = [15_000_000]
pressure = [3]
value = { median_cpm = 5_000.0, sigma = 0.5 }
[[campaign]]
name = "ten"
count = 20
budget_micros = [50_000_000]
pressure = [3]
value = { median_cpm = 5_000.0, sigma = 0.5 }
[[campaign]]
name = "thirty"
count = 20
budget_micros = [150_000_000]
pressure = [3]
value = { median_cpm = 5_000.0, sigma = 0.5 }
[[campaign]]
name = "large"
budget_micros = [3_000_000_000]
pressure = [2]
value = { median_cpm = 5_000.0, sigma = 0.5 }
"#;

fn played(text: &str) -> Vec<CampaignReport> {
    let world = Scenario::parse("world.toml", "world", text, Path::new("nowhere"));
    let world = world.expect("a sound world");
    Contender::Own.run(&world, Some(1), &mut |_| {}).expect("a world that runs").campaigns
}

/// Mean ratio of a campaign's two numbers, by the stem of the names.
fn ratio(all: &[CampaignReport], stem: &str, over: &str, under: &str) -> f64 {
    let own = all.iter().filter(|one| one.name.starts_with(stem));
    let of = |one: &CampaignReport| Some(one.metrics.get(over)? / one.metrics.get(under)?);
    mean(&own.filter_map(of).collect::<Vec<f64>>())
}

#[test]
fn luck_takes_the_more_the_fewer_events_there_are() {
    let all = played(WORLD);
    let of = |stem| ratio(&all, stem, "resolving_value", "hindsight_value");
    let [three, ten, thirty] = ["three", "ten", "thirty"].map(of);
    let told = format!("{three:.3} {ten:.3} {thirty:.3} of what a clairvoyant buyer had");
    assert!(three > 0.6 && three < ten && ten < thirty && thirty < 1.0, "{told}");
    assert!(ten > 0.85 && thirty > 0.92, "{told}");
    let law = ratio(&all, "thirty", "value", "resolving_value");
    assert!(law > 0.85 && law < 1.02, "the law has {law:.3} of the oracle's value");
    let large = all.iter().find(|one| one.name == "large").unwrap();
    assert!(large.metrics.resolving_value.is_none() && large.metrics.billed_events > 200);
}

#[test]
fn where_winners_pay_their_bids_it_is_near_the_best_constant() {
    let all = played(&WORLD.replace("per_day", "auction = \"first\"\nper_day"));
    let of = ratio(&all, "thirty", "resolving_value", "best_constant_value");
    assert!(of > 0.8 && of < 1.05, "{of:.3} of the best constant's value");
}

#[test]
fn nobody_can_know_a_market_of_rivals_that_move() {
    let all = played(&WORLD.replace("lasts = \"1d\"", "lasts = \"1d\"\nmode = \"competing\""));
    assert!(all.iter().all(|one| one.metrics.resolving_value.is_none()));
}
