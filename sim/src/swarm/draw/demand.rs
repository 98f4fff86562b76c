//! Who wants what: advertisers with shared caps, campaigns with budgets of all sizes.

use super::{Frame, ZONES, entries, prices, shape};
use crate::dice::{Dice, minutes, rounded, span};
use crate::number::whole;
use toml::{Table, Value};

/// The most campaigns: enough that some share a purse and some do not.
const CAMPAIGNS_MAX: u64 = 12;
/// Budgets as a multiple of what all auctions of the flight cost together, by price of one rival:
/// from a handful of events to more than can be spent.
const BUDGET: (f64, f64) = (0.005, 1.5);

/// Demand, and what trouble must know of it.
pub(super) struct Demand {
    pub(super) advertisers: Vec<Table>,
    pub(super) campaigns: Vec<Table>,
    /// Names and budgets of campaigns, in micros.
    pub(super) known: Vec<(String, i64)>,
}

pub(super) fn draw(dice: &mut Dice, frame: &mut Frame) -> Demand {
    let days = (frame.minutes / 1_440.0).max(1.0);
    let all: f64 = frame.segments.iter().map(cost).sum();
    let mut advertisers = Vec::new();
    for number in 0..dice.whole(0, 2) {
        let name = format!("advertiser-{}", number + 1);
        let mut table = entries([("name", name.as_str().into())]);
        if dice.chance(0.5) {
            table.insert("zone".to_owned(), (*dice.pick(&ZONES)).into());
        }
        if dice.chance(0.7) {
            let cap = micros(all / days * dice.log((0.01, 2.0)));
            table.insert("daily_cap_micros".to_owned(), cap.into());
        }
        frame.advertisers.push(name);
        advertisers.push(table);
    }
    let mut demand = Demand { advertisers, campaigns: Vec::new(), known: Vec::new() };
    for number in 0..dice.whole(1, CAMPAIGNS_MAX) {
        let name = format!("campaign-{}", number + 1);
        let (table, budget) = campaign(dice, &name, frame);
        demand.campaigns.push(table);
        demand.known.push((name, budget));
    }
    demand
}

impl Demand {
    /// Gives some campaigns a return target, from one that nothing can keep to one that all do.
    pub(super) fn ask_returns(&mut self, dice: &mut Dice) {
        for campaign in &mut self.campaigns {
            if dice.chance(0.2) {
                let target = [
                    ("cost_per_action_micros", micros(dice.log((0.1, 100.0))).into()),
                    ("worth", dice.log_rounded((0.2, 5.0)).into()),
                ];
                campaign.insert("returns".to_owned(), entries(target).into());
            }
        }
    }
}

/// What all auctions of a segment cost by the middle price of one rival, in units.
fn cost(supply: &super::Supply) -> f64 {
    supply.auctions * supply.median / 1e3
}

fn micros(units: f64) -> i64 {
    i64::try_from(whole(rounded(units * 1e6))).unwrap_or(i64::MAX).max(1)
}

fn campaign(dice: &mut Dice, name: &str, frame: &Frame) -> (Table, i64) {
    let mut table = entries([("name", name.into())]);
    let mut put = |key: &str, value: Value| {
        table.insert(key.to_owned(), value);
    };
    if !frame.advertisers.is_empty() && dice.chance(0.6) {
        put("advertiser", dice.pick(&frame.advertisers).as_str().into());
    }
    let places: Vec<usize> = (0..frame.segments.len()).collect();
    let places = if dice.chance(0.4) { dice.some(&places) } else { places };
    if places.len() < frame.segments.len() {
        let names = places.iter().map(|&place| frame.segments[place].name.as_str());
        put("segments", names.map(Value::from).collect::<Vec<_>>().into());
    }
    let reach = if dice.chance(0.3) { dice.log_rounded((0.02, 1.0)) } else { 1.0 };
    if reach < 1.0 {
        put("reach", reach.into());
    }
    let mut share = 1.0;
    if dice.chance(0.4) {
        let from = dice.between((0.0, 0.6));
        let to = dice.between((from + 0.25, 1.1)).min(1.0);
        share = to - from;
        put("from", minutes(from * frame.minutes).into());
        if to < 1.0 {
            put("to", minutes(to * frame.minutes).into());
        }
    }
    let cost: f64 = places.iter().map(|&place| cost(&frame.segments[place])).sum();
    let budget = cost * reach * share * dice.log(BUDGET);
    let days = (share * frame.minutes / 1_440.0).max(1.0);
    let is_bounded_by_days = dice.chance(0.3);
    if is_bounded_by_days {
        let cap = micros(budget / days * dice.between((0.3, 1.5)));
        put("daily_cap_micros", vec![Value::from(cap)].into());
    }
    if !is_bounded_by_days || dice.chance(0.5) {
        put("budget_micros", vec![Value::from(micros(budget))].into());
    }
    let median = frame.segments[places[0]].median;
    let value = rounded(median * dice.log((0.5, 5.0)));
    put("value", prices(dice, value).into());
    for (key, value) in billing(dice).into_iter().chain(pacing(dice)) {
        put(&key, value);
    }
    (table, micros(budget))
}

/// What is billed, and how well clicks are predicted.
fn billing(dice: &mut Dice) -> Table {
    let mut table = Table::new();
    if dice.chance(0.5) {
        return table;
    }
    table.insert("click_probability".to_owned(), dice.log_rounded((0.003, 0.5)).into());
    if dice.chance(0.5) {
        table.insert("click_sigma".to_owned(), dice.rounded((0.0, 0.8)).into());
    }
    if dice.chance(0.2) {
        let mut truth = entries([("from", dice.log_rounded((0.4, 2.5)).into())]);
        if dice.chance(0.5) {
            truth.insert("to".to_owned(), dice.log_rounded((0.4, 2.5)).into());
        }
        table.insert("click_truth".to_owned(), truth.into());
    }
    if dice.chance(0.8) {
        table.insert("billing".to_owned(), "click".into());
        if dice.chance(0.5) {
            let latest = dice.log((3.0, 900.0));
            let soonest = (latest * dice.between((0.0, 1.0))).min(latest - 1.0);
            table.insert("click_soonest".to_owned(), span(soonest).into());
            table.insert("click_latest".to_owned(), span(latest).into());
        }
    }
    table
}

fn pacing(dice: &mut Dice) -> Table {
    let mut table = Table::new();
    let mut put = |key: &str, value: Value| {
        table.insert(key.to_owned(), value);
    };
    match dice.whole(0, 9) {
        0 => put("law", "pass_through".into()),
        1 => put("law", "asap".into()),
        _ => {}
    }
    match dice.whole(0, 9) {
        0 | 1 => put("delivery", "ahead".into()),
        2 => put("delivery", "asap".into()),
        _ => {}
    }
    if dice.chance(0.2) {
        put("multiplier_max", dice.log_rounded((0.2, 4.0)).into());
    }
    match dice.whole(0, 9) {
        0 | 1 => put("forecast", "none".into()),
        2 => put("forecast", entries([("error", dice.rounded((0.05, 0.8)).into())]).into()),
        3 => put("forecast", entries([("shape", shape(dice).into())]).into()),
        _ => {}
    }
    table
}
