//! From a seed to a whole scenario, within ranges in which everything that must always hold does.
//!
//! Every part has its own stream, so that a change to one leaves the others as they were. Numbers
//! are rounded to three digits: what failed is read by people. Knows the form of a file and no
//! engine. Called by the swarm.

mod demand;
mod trouble;

use crate::dice::{self, Dice, minutes, span};
use crate::scenario::draft::Draft;
use toml::{Table, Value};

/// Shortest and longest run in minutes: an hour is the least that holds a few plans, and within two
/// days lie two midnights.
const MINUTES: (f64, f64) = (60.0, 2_880.0);
/// Auctions of a segment in a whole run: from next to nothing to what is done in a second.
const AUCTIONS: (f64, f64) = (300.0, 20_000.0);
/// Starts: an ordinary Monday, and the days in whose nights clocks are changed.
const STARTS: [&str; 5] = [
    "2025-03-03T00:00:00Z",
    "2025-03-05T17:30:00Z",
    "2025-03-29T12:00:00Z",
    "2025-10-25T18:00:00Z",
    "2024-12-31T20:00:00Z",
];
/// Zones on either side of UTC, one of half hours, and one whose clocks change by half an hour.
const ZONES: [&str; 5] =
    ["UTC", "Europe/Berlin", "America/New_York", "Asia/Kolkata", "Australia/Lord_Howe"];

/// What the parts of a world must know of each other.
struct Frame {
    /// Length of the run.
    minutes: f64,
    /// Supply by name.
    segments: Vec<Supply>,
    /// Advertisers by name, beside `house`.
    advertisers: Vec<String>,
    bidders: u64,
}

/// A segment, as demand must know it.
struct Supply {
    name: String,
    auctions: f64,
    /// Middle price of one rival, per thousand.
    median: f64,
}

/// The world of a seed.
#[must_use]
pub fn world(seed: u64) -> Draft {
    let mut dice = Dice::new(seed, "swarm run");
    let length = dice.log(MINUTES).round();
    let (bidders, count) = bidders(&mut Dice::new(seed, "swarm bidders"));
    let mut table = Table::new();
    let mut put = |key: &str, value: Value| {
        table.insert(key.to_owned(), value);
    };
    put("start", (*dice.pick(&STARTS)).into());
    put("lasts", minutes(length).into());
    put("seed", i64::try_from(seed % SEEDS).unwrap_or(1).into());
    if dice.chance(0.4) {
        put("mode", "competing".into());
    }
    if dice.chance(0.3) {
        put("tie", (*dice.pick(&["win", "lose"])).into());
    }
    if dice.chance(0.4) {
        // Rounds of a second are costly, so only short runs have them.
        let short: &[&str] = &["1s", "2s", "5s", "30s", "1m"];
        let long: &[&str] = &["5s", "20s", "30s", "1m"];
        put("tick", (*dice.pick(if length < 180.0 { short } else { long })).into());
    }
    put("bidders", bidders.into());
    let mut frame =
        Frame { minutes: length, segments: Vec::new(), advertisers: Vec::new(), bidders: count };
    let mut dice = Dice::new(seed, "swarm segments");
    let segments: Vec<Value> =
        (0..dice.whole(1, 4)).map(|n| segment(&mut dice, n, &mut frame).into()).collect();
    put("segment", segments.into());
    let mut demand = demand::draw(&mut Dice::new(seed, "swarm campaigns"), &mut frame);
    // Dice of their own, so that worlds without targets are what they were.
    demand.ask_returns(&mut Dice::new(seed, "swarm returns"));
    let trouble = trouble::draw(seed, &frame, &demand);
    for (key, rows) in [
        ("advertiser", demand.advertisers),
        ("campaign", demand.campaigns),
        ("action", trouble.actions),
        ("fault", trouble.faults),
    ] {
        if !rows.is_empty() {
            put(key, rows.into_iter().map(Value::from).collect::<Vec<_>>().into());
        }
    }
    put("expect", promises().into());
    Draft { table }
}

/// Seeds above this do not fit a number of a scenario file.
const SEEDS: u64 = 1 << 62;

/// What `run` shall say of a world that failed.
fn promises() -> Table {
    let none = |name: &str| (name.to_owned(), Value::from(vec![Value::from(0), Value::from(0)]));
    let facts = ["audit_failures", "refused_inputs", "digest_mismatches", "events_refused"];
    let run: Table = facts.into_iter().map(none).collect();
    Table::from_iter([("run".to_owned(), run.into())])
}

fn bidders(dice: &mut Dice) -> (Table, u64) {
    let mut table = Table::new();
    let count = dice.log((1.0, 16.0)).round();
    let count = crate::number::whole(count);
    let mut put = |key: &str, value: Value| {
        table.insert(key.to_owned(), value);
    };
    put("count", i64::try_from(count).unwrap_or(1).into());
    if dice.chance(0.5) {
        put("publish_delay", span(dice.log((0.1, 5.0))).into());
    }
    if dice.chance(0.6) {
        put("report_every", span(dice.log((1.0, 60.0)).round()).into());
    }
    if dice.chance(0.6) {
        put("report_delay", span(dice.log((0.1, 30.0))).into());
    }
    if dice.chance(0.3) {
        put("outcome_delay", span(dice.log((0.05, 10.0))).into());
    }
    if dice.chance(0.3) {
        put("lost_notices", dice.rounded((0.0, 1.0)).into());
    }
    if dice.chance(0.1) {
        put("allowances", false.into());
    }
    if dice.chance(0.2) {
        put("waits_for_draws", false.into());
    }
    (table, count)
}

fn segment(dice: &mut Dice, number: u64, frame: &mut Frame) -> Table {
    let name = format!("segment-{}", number + 1);
    let auctions = dice.log(AUCTIONS);
    let median = dice.log_rounded((0.3, 20.0));
    let mut table = Table::new();
    let mut put = |key: &str, value: Value| {
        table.insert(key.to_owned(), value);
    };
    put("name", name.as_str().into());
    put("per_day", dice::rounded(auctions * 1_440.0 / frame.minutes).into());
    put("prices", prices(dice, median).into());
    if dice.chance(0.35) {
        put("auction", "first".into());
    }
    if dice.chance(0.2) {
        put("rivals", i64::try_from(dice.whole(2, 8)).unwrap_or(2).into());
    }
    if dice.chance(0.2) {
        put("floor_cpm", dice::rounded(median * dice.between((0.2, 1.2))).into());
    }
    if dice.chance(0.3) {
        put("zone", (*dice.pick(&ZONES)).into());
    }
    if dice.chance(0.6) {
        put("shape", shape(dice).into());
    }
    if dice.chance(0.15) {
        put("drift_per_day", dice.rounded((-0.5, 1.5)).into());
    }
    if dice.chance(0.3) {
        put("price_season", season(dice).into());
    }
    for key in ["shock", "price_shock"] {
        if dice.chance(0.25) {
            put(key, shock(dice).into());
        }
    }
    if dice.chance(0.3) {
        put("surges", surges(dice, frame.minutes).into());
    }
    if dice.chance(0.3) {
        put("jumps", jumps(dice, frame.minutes).into());
    }
    frame.segments.push(Supply { name, auctions, median });
    table
}

/// A distribution around a middle value.
fn prices(dice: &mut Dice, median: f64) -> Table {
    let entries = match dice.whole(0, 9) {
        0 => vec![("cpm", Value::from(median))],
        1 => {
            let quarters = [0.2, 0.6, 1.0, 1.7, 4.0].map(|times| dice::rounded(times * median));
            vec![("quantiles_cpm", quarters.to_vec().into())]
        }
        _ => vec![("median_cpm", median.into()), ("sigma", dice.rounded((0.0, 1.2)).into())],
    };
    entries.into_iter().map(|(key, value)| (key.to_owned(), value)).collect()
}

fn entries<const N: usize>(entries: [(&str, Value); N]) -> Table {
    entries.into_iter().map(|(key, value)| (key.to_owned(), value)).collect()
}

fn shape(dice: &mut Dice) -> Table {
    if dice.chance(0.2) {
        // Hours without any traffic among them.
        let mut height = |hour: u64| {
            let is_still = dice.chance(0.15) && hour > 0;
            Value::from(if is_still { 0.0 } else { dice.rounded((0.1, 2.0)) })
        };
        let hours: Vec<Value> = (0..24).map(&mut height).collect();
        return entries([("day", hours.into())]);
    }
    let amplitude = dice.rounded((0.0, 1.0)).into();
    entries([("amplitude", amplitude), ("peak_hour", dice.hour().into())])
}

fn season(dice: &mut Dice) -> Table {
    let amplitude = dice.rounded((0.0, 0.6)).into();
    entries([("amplitude", amplitude), ("peak_hour", dice.hour().into())])
}

fn shock(dice: &mut Dice) -> Table {
    let sigma = dice.rounded((0.05, 0.7)).into();
    entries([("sigma", sigma), ("persistence", dice.rounded((0.0, 0.9)).into())])
}

/// Bursts, dips and outages.
fn surges(dice: &mut Dice, length: f64) -> Vec<Value> {
    let count = dice.whole(1, 2);
    let one = |_| {
        let times = if dice.chance(0.3) { 0.0 } else { dice.log_rounded((0.1, 8.0)) };
        let at = minutes(dice.between((0.0, 0.9)) * length);
        let lasts = minutes(dice.log((1.0, 0.3 * length)));
        entries([("at", at.into()), ("lasts", lasts.into()), ("times", times.into())]).into()
    };
    (0..count).map(one).collect()
}

/// Steps of the price level.
fn jumps(dice: &mut Dice, length: f64) -> Vec<Value> {
    let count = dice.whole(1, 3);
    let one = |_| {
        let at = minutes(dice.between((0.0, 0.9)) * length);
        entries([("at", at.into()), ("times", dice.log_rounded((0.25, 4.0)).into())]).into()
    };
    (0..count).map(one).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    #[test]
    fn every_world_is_a_sound_scenario() {
        for seed in 0..300 {
            let draft = world(seed);
            let checked = draft.check("swarm", Path::new("nowhere"));
            let scenario = checked.unwrap_or_else(|error| {
                panic!("seed {seed}: {:#}\n{}", anyhow::Error::from(error), draft.to_text())
            });
            assert!((1..=12).contains(&scenario.campaigns.len()));
            assert!(world(seed) == draft, "seed {seed} gives two worlds");
        }
    }

    #[test]
    fn worlds_have_all_that_a_file_can_say() {
        let texts: String = (0..200).map(|seed| world(seed).to_text()).collect();
        for said in [
            "mode = \"competing\"",
            "auction = \"first\"",
            "billing = \"click\"",
            "allowances = false",
            "kind = \"lose\"",
            "kind = \"delay\"",
            "kind = \"duplicate\"",
            "kind = \"reorder\"",
            "kind = \"silence\"",
            "kind = \"blind\"",
            "kind = \"crash\"",
            "kind = \"absent\"",
            "do = \"pause\"",
            "do = \"freeze\"",
            "do = \"fix\"",
            "do = \"cap\"",
            "do = \"budget\"",
            "do = \"daily-cap\"",
            "law = \"asap\"",
            "law = \"pass_through\"",
            "delivery = \"ahead\"",
            "click_truth = ",
            "jumps = ",
            "surges = ",
            "[[advertiser]]",
            "forecast = \"none\"",
            "from = ",
            "quantiles_cpm = ",
        ] {
            assert!(texts.contains(said), "no world has {said}");
        }
    }
}
