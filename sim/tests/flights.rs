//! The long against the short: an outage and a spike under a daily cap, and days of 23 and 25
//! hours, hour by hour.

use paceline_core::units::{Nanos, Span, Timestamp};
use paceline_sim::contender::Contender;
use paceline_sim::report::CampaignReport;
use paceline_sim::report::tally::Hour;
use paceline_sim::run;
use paceline_sim::scenario::Scenario;
use std::path::Path;

/// A scenario file and its campaigns after a run with one of five seeds.
fn rehearse(name: &str, seed: u64) -> (Scenario, Vec<CampaignReport>) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios").join(name);
    let scenario = Scenario::load(&path, &run::data_folder()).expect("a sound scenario");
    let report =
        run::run_scenario(&scenario, Contender::Own, Some(seed), &mut |_| {}).expect("a run");
    (scenario, report.campaigns)
}

fn spent(hours: &[Hour]) -> Nanos {
    hours.iter().map(|hour| hour.spent).sum()
}

/// The flight's hours in [from, from + days).
fn days(one: &CampaignReport, from: Timestamp, days: i64) -> Vec<Hour> {
    let until = from + Span::DAY.times(days);
    let inside = |hour: &&Hour| from <= hour.window.start() && hour.window.start() < until;
    one.hours.iter().filter(inside).cloned().collect()
}

/// The most that the first hour after an outage spends of its plan.
const FIRST_HOUR_MOST: (u64, u64) = (3, 2);

/// Days 7 and 8 have no traffic; budget 100, 14 days.
fn after_the_outage(name: &str, seed: u64, cap: Nanos) -> Nanos {
    let (scenario, campaigns) = rehearse(name, seed);
    let (start, one) = (scenario.window.start(), &campaigns[0]);
    for day in 0..14 {
        let spent = spent(&days(one, start + Span::DAY.times(day), 1));
        assert!(spent <= cap, "{name}, seed {seed}: {spent:?} on day {day}, cap {cap:?}");
    }
    let first = &days(one, start + Span::DAY.times(8), 1)[0];
    let most = first.planned.mul_div(FIRST_HOUR_MOST.0, FIRST_HOUR_MOST.1);
    let share = first.spent.ratio_to(first.planned);
    println!("{name}, seed {seed}: {share:.3} of its plan in the first hour after the outage");
    assert!(first.spent <= most, "{name}, seed {seed}: {:?} above {most:?}", first.spent);
    spent(&one.hours)
}

#[test]
fn what_an_outage_took_is_spent_where_the_cap_leaves_room() {
    for seed in 1..=5 {
        let spent = after_the_outage("long-flight-loose.toml", seed, Nanos::new(10_714_285_000));
        let budget = Nanos::from_units(100);
        assert!(spent.ratio_to(budget) >= 0.99, "seed {seed}: {spent:?}");
    }
}

#[test]
fn what_the_cap_leaves_no_room_for_is_all_that_is_missing() {
    // Six days at the even share, before anyone knows of the outage, and six at the cap after it.
    let cap = Nanos::new(8_928_571_000);
    let feasible = (Nanos::from_units(100).mul_div(1, 14) + cap).mul_div(6, 1);
    for seed in 1..=5 {
        let spent = after_the_outage("long-flight-tight.toml", seed, cap);
        assert!(spent.ratio_to(feasible) >= 0.995, "seed {seed}: {spent:?} of {feasible:?}");
    }
}

/// Mean of |spent − planned| over the hours, in mean planned hours.
fn hourly_error(hours: &[Hour]) -> f64 {
    let off: f64 = hours.iter().map(|hour| (hour.spent - hour.planned).as_f64().abs()).sum();
    let planned: Nanos = hours.iter().map(|hour| hour.planned).sum();
    off / planned.as_f64()
}

/// The third of four local days is short or long; what a day has more or less in microseconds.
fn around_the_change(name: &str, change: Span) {
    let cap = Nanos::from_units(20);
    // Over all seeds: a day's hours of one are mostly chance.
    let (mut plain, mut changed) = (0.0, 0.0);
    for seed in 1..=5 {
        let (scenario, campaigns) = rehearse(name, seed);
        let start = scenario.window.start();
        let edges = [0, 1, 2].map(|day| start + Span::DAY.times(day));
        let edges = [edges[0], edges[1], edges[2], edges[2] + Span::DAY + change];
        for one in &campaigns {
            let of = |from: Timestamp, until: Timestamp| -> Vec<Hour> {
                let inside =
                    |hour: &&Hour| from <= hour.window.start() && hour.window.start() < until;
                one.hours.iter().filter(inside).cloned().collect()
            };
            let [before, day, after] =
                [(edges[1], edges[2]), (edges[2], edges[3]), (edges[3], scenario.window.end())]
                    .map(|(from, until)| of(from, until));
            for hours in [&before, &day, &after] {
                let spent = spent(hours);
                assert!(spent.ratio_to(cap) >= 0.99, "{name}, seed {seed}: {spent:?} of {cap:?}");
                assert!(spent <= cap);
            }
            let expected = if change < Span::ZERO { 23 } else { 25 };
            assert_eq!((before.len(), day.len(), after.len()), (24, expected, 24));
            plain += (hourly_error(&before) + hourly_error(&after)) / 2.0;
            changed += hourly_error(&day);
        }
        println!("{name}, to seed {seed}: hourly error {changed:.4}, on plain days {plain:.4}");
    }
    assert!(changed <= 1.2 * plain, "{name}: {changed:.4}, plain {plain:.4}");
}

#[test]
fn a_day_of_23_hours_is_paced_like_any_other() {
    around_the_change("dst-spring.toml", Span::HOUR.times(-1));
}

#[test]
fn a_day_of_25_hours_is_paced_like_any_other() {
    around_the_change("dst-autumn.toml", Span::HOUR);
}
