//! From a seed to a world of flights, each with supply of its own, and a moment in each to ask.
//!
//! Flights differ in all that a forecast depends on: length, events a day, budget against what
//! could be spent, course of traffic, how noisy traffic and prices are and how long a shock lasts,
//! and what the planner is told of them. Knows the form of a scenario file and no engine.

use crate::dice::{Dice, minutes, rounded, span};
use crate::number::whole;
use crate::scenario::draft::Draft;
use toml::{Table, Value};

/// Flights of a world.
const FLIGHTS: u64 = 6;
/// Length of a flight in days.
const DAYS: (f64, f64) = (0.25, 12.0);
/// Billing events a day at full bids.
const EVENTS: (f64, f64) = (3.0, 100_000.0);
/// Budget as a share of what could be spent.
const BUDGET: (f64, f64) = (0.05, 4.0);
/// Share of its auctions that a flight wins at full bids.
const WON: (f64, f64) = (0.1, 0.6);
/// Auctions of a flight, a day: more would take long and tell no more.
const AUCTIONS_MAX: f64 = 400_000.0;
/// When a forecast is asked for, as a share of the flight.
const ASKED: (f64, f64) = (0.1, 0.9);
/// When a flight starts, in minutes of the run: at any hour of the day.
const STARTS: (f64, f64) = (0.0, 1_440.0);
/// No mark of a seed of a scenario file may be above this.
const SEEDS: u64 = 1 << 62;

/// A flight, as it was drawn.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Drawn {
    /// Billing events a day at full bids, about.
    pub events: f64,
    /// Budget over what could be spent, about.
    pub budget: f64,
    /// Length in days.
    pub days: f64,
    /// Share of it that has gone when the forecast is asked for.
    pub gone: f64,
    /// The same in minutes of the run.
    pub asked: f64,
}

/// The world of a seed.
pub(super) fn world(seed: u64) -> (Draft, Vec<Drawn>) {
    let mut dice = Dice::new(seed, "forecast flights");
    let flights: Vec<Drawn> = (0..FLIGHTS).map(|_| flight(&mut dice)).collect();
    let mut longest = 0.0_f64;
    let (mut segments, mut campaigns) = (Vec::new(), Vec::new());
    for (number, flight) in flights.iter().enumerate() {
        let mut dice = Dice::new(seed, &format!("forecast flight {number}"));
        let length = flight.days * 1_440.0;
        let start = flight.asked - flight.gone * length;
        longest = longest.max(start + length);
        let (segment, mut campaign) = market(&mut dice, number, flight);
        campaign.insert("from".to_owned(), minutes(start).into());
        campaign.insert("to".to_owned(), minutes(start + length).into());
        segments.push(Value::from(segment));
        campaigns.push(Value::from(campaign));
    }
    let draft = entries([
        ("start", "2025-03-03T00:00:00Z".into()),
        ("lasts", minutes(longest + 60.0).into()),
        ("seed", i64::try_from(seed % SEEDS).unwrap_or(1).into()),
        ("tick", "30s".into()),
        ("bidders", entries([("count", 2.into()), ("report_every", span(30.0).into())]).into()),
        ("segment", segments.into()),
        ("campaign", campaigns.into()),
    ]);
    (Draft { table: draft }, flights)
}

fn flight(dice: &mut Dice) -> Drawn {
    let (events, budget) = (dice.log(EVENTS), dice.log(BUDGET));
    let length = (dice.log(DAYS) * 1_440.0).round();
    let start = dice.between(STARTS).round();
    let gone = (dice.between(ASKED) * length).round() / length;
    Drawn { events, budget, days: length / 1_440.0, gone, asked: start + gone * length }
}

/// The supply of a flight, and the campaign.
fn market(dice: &mut Dice, number: usize, flight: &Drawn) -> (Table, Table) {
    let name = format!("flight-{}", number + 1);
    let price = dice.log_rounded((0.3, 20.0));
    let won = dice.between(WON);
    let mut chance = 1.0;
    if dice.chance(0.3) {
        // So likely that the events of the flight fit into its auctions.
        let least = (flight.events / won / AUCTIONS_MAX).max(0.003);
        chance = dice.log((least.min(0.3), 0.3));
    }
    let auctions = (flight.events / chance / won).min(AUCTIONS_MAX);
    let mut segment = entries([
        ("name", name.as_str().into()),
        ("per_day", rounded(auctions).into()),
        ("prices", lognormal(price, dice.rounded((0.1, 1.0)))),
    ]);
    let mut campaign = entries([
        ("name", name.as_str().into()),
        ("segments", vec![Value::from(name.as_str())].into()),
        ("value", lognormal(price, dice.rounded((0.0, 1.0)))),
        ("pressure", vec![Value::from(rounded(1.0 / flight.budget))].into()),
    ]);
    let amplitude = if dice.chance(0.8) { dice.rounded((0.0, 0.9)) } else { 0.0 };
    let peak = dice.hour();
    segment.insert(
        "shape".to_owned(),
        entries([("amplitude", amplitude.into()), ("peak_hour", peak.into())]).into(),
    );
    let traffic = flight.days * mean_height(amplitude, peak, flight);
    let could = auctions * won * price / 1e3 * traffic;
    let micros = whole(could * flight.budget * 1e6).max(1);
    let micros = i64::try_from(micros).unwrap_or(i64::MAX);
    campaign.insert("budget_micros".to_owned(), vec![Value::from(micros)].into());
    if chance < 1.0 {
        campaign.insert("click_probability".to_owned(), rounded(chance).into());
        campaign.insert("billing".to_owned(), "click".into());
    }
    if dice.chance(0.3) {
        segment.insert("auction".to_owned(), "first".into());
    }
    noise(dice, &mut segment);
    match dice.whole(0, 9) {
        0 => _ = campaign.insert("forecast".to_owned(), "none".into()),
        1..=3 => {
            let error = entries([("error", dice.rounded((0.05, 0.5)).into())]);
            campaign.insert("forecast".to_owned(), error.into());
        }
        _ => {}
    }
    (segment, campaign)
}

/// Mean height of a course over the flight: what of the day a short one covers.
fn mean_height(amplitude: f64, peak_hour: i64, flight: &Drawn) -> f64 {
    let start = flight.asked / 1_440.0 - flight.gone * flight.days;
    let turn = core::f64::consts::TAU;
    let peak = f64::from(i32::try_from(peak_hour).unwrap_or(0)) / 24.0;
    let sine = |days: f64| libm::sin((days - peak) * turn) / turn;
    1.0 + amplitude * (sine(start + flight.days) - sine(start)) / flight.days
}

/// Shocks of traffic and prices.
fn noise(dice: &mut Dice, segment: &mut Table) {
    let mut put = |key: &str, value: Table| {
        segment.insert(key.to_owned(), value.into());
    };
    for (key, often, most) in [("shock", 0.7, 0.5), ("price_shock", 0.3, 0.3)] {
        if dice.chance(often) {
            let sigma = dice.rounded((0.03, most)).into();
            let persistence = dice.rounded((0.0, 0.95)).into();
            put(key, entries([("sigma", sigma), ("persistence", persistence)]));
        }
    }
    if dice.chance(0.2) {
        let amplitude = dice.rounded((0.0, 0.4)).into();
        put("price_season", entries([("amplitude", amplitude), ("peak_hour", dice.hour().into())]));
    }
    if dice.chance(0.2) {
        segment.insert("drift_per_day".to_owned(), dice.rounded((-0.08, 0.08)).into());
    }
}

fn lognormal(median: f64, sigma: f64) -> Value {
    entries([("median_cpm", median.into()), ("sigma", sigma.into())]).into()
}

fn entries<const N: usize>(entries: [(&str, Value); N]) -> Table {
    entries.into_iter().map(|(key, value)| (key.to_owned(), value)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    #[test]
    fn every_world_is_a_sound_scenario_with_a_market_that_meets_its_demand() {
        for seed in (1..100).chain(200..500) {
            let (draft, drawn) = world(seed);
            let checked = draft.check("forecast", Path::new("nowhere"));
            let scenario = checked.unwrap_or_else(|error| {
                panic!("seed {seed}: {:#}\n{}", anyhow::Error::from(error), draft.to_text())
            });
            assert_eq!(scenario.campaigns.len(), drawn.len());
            let market = crate::world::setup::build(&scenario, None, seed);
            assert!(market.is_ok(), "seed {seed} wants more than there is");
        }
    }
}
