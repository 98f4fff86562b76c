//! What goes wrong, and what operators do about it or without need.

use super::demand::Demand;
use super::{Frame, entries};
use crate::dice::{Dice, minutes, rounded, span};
use toml::{Table, Value};

/// The most faults and the most deeds of a run.
const EACH_MAX: u64 = 4;
/// Faults end by this share of the run, so that what they held up is through when it ends.
const LAST: f64 = 0.85;
/// The longest any report is held up, in seconds: late money comes for twenty minutes.
const DELAY_MAX: f64 = 900.0;
/// The longest crash and blindness, in minutes: beyond an hour nothing new happens.
const AWAY_MAX: f64 = 60.0;

pub(super) struct Trouble {
    pub(super) actions: Vec<Table>,
    pub(super) faults: Vec<Table>,
}

pub(super) fn draw(seed: u64, frame: &Frame, demand: &Demand) -> Trouble {
    let mut dice = Dice::new(seed, "swarm faults");
    let faults = (0..dice.whole(0, EACH_MAX)).map(|_| fault(&mut dice, frame)).collect();
    let mut dice = Dice::new(seed, "swarm actions");
    let count = if dice.chance(0.5) { dice.whole(1, EACH_MAX) } else { 0 };
    let actions = (0..count).map(|_| action(&mut dice, frame, demand)).collect();
    Trouble { actions, faults }
}

fn fault(dice: &mut Dice, frame: &Frame) -> Table {
    let kinds = ["lose", "delay", "duplicate", "reorder", "silence", "blind", "crash", "absent"];
    let kind = *dice.pick(&kinds);
    let at = dice.between((0.0, LAST - 0.1));
    let room = (LAST - at) * frame.minutes;
    let most = if matches!(kind, "crash" | "blind") { room.min(AWAY_MAX) } else { room };
    let lasts = dice.log((1.0, most.max(2.0)));
    let mut table = entries([
        ("kind", kind.into()),
        ("at", minutes(at * frame.minutes).into()),
        ("lasts", minutes(lasts).into()),
    ]);
    if kind != "crash" && frame.bidders > 1 && dice.chance(0.6) {
        let all: Vec<Value> =
            (0..frame.bidders).filter_map(|n| i64::try_from(n).ok()).map(Value::from).collect();
        table.insert("bidders".to_owned(), dice.some(&all).into());
    }
    if matches!(kind, "lose" | "delay" | "duplicate" | "reorder") {
        table.insert("by".to_owned(), span(dice.log((5.0, DELAY_MAX))).into());
        if dice.chance(0.7) {
            table.insert("share".to_owned(), dice.rounded((0.05, 1.0)).into());
        }
    }
    table
}

fn action(dice: &mut Dice, frame: &Frame, demand: &Demand) -> Table {
    let deeds = ["pause", "freeze", "fix", "cap", "budget", "daily-cap"];
    let deed = *dice.pick(&deeds);
    let (campaign, budget) = dice.pick(&demand.known);
    let mut table = entries([
        ("at", minutes(dice.between((0.0, 0.95)) * frame.minutes).into()),
        ("campaign", campaign.as_str().into()),
        ("do", deed.into()),
    ]);
    match deed {
        "budget" | "daily-cap" => {
            let times = dice.log((0.3, 3.0));
            #[expect(clippy::cast_precision_loss, reason = "a factor on it is drawn anyway")]
            let amount = rounded(*budget as f64 * times);
            let micros = i64::try_from(crate::number::whole(amount)).unwrap_or(i64::MAX).max(1);
            table.insert("micros".to_owned(), micros.into());
        }
        _ => {
            table.insert("lasts".to_owned(), minutes(dice.log((1.0, 0.5 * frame.minutes))).into());
        }
    }
    if matches!(deed, "fix" | "cap") {
        table.insert("multiplier".to_owned(), dice.log_rounded((0.01, 2.0)).into());
    }
    table
}
