//! The rules a default law is held to, and what the outcomes say to each.
//!
//! A rule that these runs cannot judge is open, and says why. Called by `compare`.

use super::cell::{self, Cell, Class, Overall};
use super::outcome::{CampaignOutcome, Outcome, of_oracle};
use super::plan::Brief;
use super::world_line::{WorldLine, over_worlds};
use crate::number::{length, mean};
use serde::Serialize;
use std::fmt;

/// No cell may be surely further behind its best rival than this.
const BEHIND_MOST: f64 = -0.005;
/// Least share of cells that are not behind.
const NOT_BEHIND_LEAST: f64 = 0.8;
/// Chance by luck above which nothing is shown.
const CHANCE_MOST: f64 = 0.05;

/// Whether a rule is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Ruling {
    /// It is.
    Met,
    /// It is not, or not shown to be.
    Missed,
    /// These runs cannot tell.
    Open,
}

impl Ruling {
    /// Its word.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Met => "met",
            Self::Missed => "missed",
            Self::Open => "open",
        }
    }

    const fn of(is_met: bool) -> Self {
        if is_met { Self::Met } else { Self::Missed }
    }
}

/// A rule, and what is to be said of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Verdict {
    /// The rule.
    pub rule: String,
    /// Whether it is kept.
    pub ruling: Ruling,
    /// The numbers.
    pub found: String,
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:<6}  {}: {}", self.ruling.as_str(), self.rule, self.found)
    }
}

fn verdict(rule: &str, ruling: Ruling, found: impl Into<String>) -> Verdict {
    Verdict { rule: rule.to_owned(), ruling, found: found.into() }
}

/// Per cent with two decimals.
fn points(ratio: f64) -> String {
    format!("{:.2}", 100.0 * ratio)
}

pub(super) fn verdicts(
    brief: &Brief,
    cells: &[Cell],
    overall: &Overall,
    lines: &[WorldLine],
    runs: &[Outcome],
) -> Vec<Verdict> {
    let mut all = vec![behind(cells), share(overall), shown(overall)];
    all.extend(levels(brief, runs));
    all.push(stresses(brief, lines));
    all.push(dominated(
        brief,
        "no contender dominates: as good in overspend and utilisation, better in one",
        |name| {
            let spend = over_worlds(lines, name, |line| line.overspend_ratio)?;
            Some((over_worlds(lines, name, |line| line.utilisation)?, spend))
        },
    ));
    all.push(dominated(
        brief,
        "no contender dominates: as good in value and volatility, better in one",
        |name| {
            let moves = over_worlds(lines, name, |line| line.volatility_per_minute)?;
            Some((over_worlds(lines, name, |line| line.of_oracle)?, moves))
        },
    ));
    all
}

fn behind(cells: &[Cell]) -> Verdict {
    let rule = "in no cell is the default more than 0.5 points behind the best rival, at 95 %";
    let best = || cells.iter().filter_map(Cell::best);
    let known = best().filter(|one| one.difference.low.is_some()).count();
    if known == 0 {
        return verdict(rule, Ruling::Open, "needs two seeds and a rival");
    }
    let is_below = |end: Option<f64>| end.is_some_and(|end| end < BEHIND_MOST);
    let surely = best().filter(|one| is_below(one.difference.high)).count();
    let maybe = best().filter(|one| is_below(one.difference.low)).count() - surely;
    let ruling = match (surely, maybe) {
        (0, 0) => Ruling::Met,
        (0, _) => Ruling::Open,
        _ => Ruling::Missed,
    };
    verdict(rule, ruling, format!("of {known} cells {surely} surely are, {maybe} may be"))
}

fn share(overall: &Overall) -> Verdict {
    let rule = "at least 80 % of cells are not behind";
    if overall.cells == 0 {
        return verdict(rule, Ruling::Open, "needs a rival");
    }
    let share = length(overall.not_behind) / length(overall.cells);
    let found = format!("{} of {} cells", overall.not_behind, overall.cells);
    verdict(rule, Ruling::of(share >= NOT_BEHIND_LEAST), found)
}

fn shown(overall: &Overall) -> Verdict {
    let rule = "over all cells the default is ahead of each cell's best rival and of every rival";
    let against = &overall.against_best;
    let (Some(low), Some(high)) = (against.low, against.high) else {
        return verdict(rule, Ruling::Open, "needs two seeds and a rival");
    };
    let is_shown = |one: &cell::Rivalry| one.p_holm.is_some_and(|p| p < CHANCE_MOST);
    let beaten = overall.rivals.iter().filter(|one| is_shown(one)).count();
    let found = format!(
        "{} points to the best, {} to {} at 95 %; ahead of {beaten} of {} rivals by Holm at 5 %",
        points(against.mean),
        points(low),
        points(high),
        overall.rivals.len(),
    );
    verdict(rule, Ruling::of(low > 0.0 && beaten == overall.rivals.len()), found)
}

/// The levels of the default by billing and kind of price.
fn levels(brief: &Brief, runs: &[Outcome]) -> Vec<Verdict> {
    let level = |rule: &str, least: f64, pick: &dyn Fn(&CampaignOutcome, f64) -> bool| {
        let each = of_default(brief, runs, pick);
        if each.is_empty() {
            return verdict(rule, Ruling::Open, "no such campaign");
        }
        let found = format!("{} % over {} campaign runs", points(mean(&each)), each.len());
        verdict(rule, Ruling::of(mean(&each) >= least), found)
    };
    let is_small = |one: &CampaignOutcome| one.metrics.resolving_value.is_some();
    let is_second = |one: &CampaignOutcome| one.metrics.hindsight_value.is_some() && !is_small(one);
    let is_first = |one: &CampaignOutcome| one.metrics.hindsight_value.is_none() && !is_small(one);
    let is_billed = |one: &CampaignOutcome, what: &str| one.billing == what;
    vec![
        level("impressions, second price: 98.5 % of hindsight", 0.985, &|one, _| {
            is_second(one) && is_billed(one, "impression")
        }),
        level("clicks, 200 a day or more: 96 % of hindsight", 0.96, &|one, events| {
            is_second(one) && is_billed(one, "click") && events >= 200.0
        }),
        classes(brief, runs),
        level("first price: 95 % of the best constant multiplier", 0.95, &|one, _| is_first(one)),
    ]
}

/// Every class for which an oracle re-solves, but for less than three events a day, of which a
/// single one makes the day.
fn classes(brief: &Brief, runs: &[Outcome]) -> Verdict {
    let rule = "3 to 20, to 200, to 2000 a day: each 97 % of the re-solving oracle, where told";
    let of_class = |class: Class| {
        let each = of_default(brief, runs, &|one, events| {
            one.metrics.resolving_value.is_some() && Class::of(events) == class
        });
        (!each.is_empty()).then(|| (class, mean(&each), each.len()))
    };
    let judged = [Class::Under20, Class::Under200, Class::Under2000];
    let known: Vec<_> = judged.into_iter().filter_map(of_class).collect();
    if known.is_empty() {
        return verdict(rule, Ruling::Open, "no such campaign");
    }
    let found = known
        .iter()
        .map(|(class, ratio, count)| format!("{class}: {} % over {count}", points(*ratio)))
        .collect::<Vec<_>>()
        .join(", ");
    verdict(rule, Ruling::of(known.iter().all(|(_, ratio, _)| *ratio >= 0.97)), found)
}

/// The default's value over oracle of campaigns that are picked, by what they are and how often
/// they are billed a day.
fn of_default(
    brief: &Brief,
    runs: &[Outcome],
    pick: &dyn Fn(&CampaignOutcome, f64) -> bool,
) -> Vec<f64> {
    let is_same = |a: &Outcome, b: &Outcome| a.world == b.world && a.contender == b.contender;
    let groups = runs.chunk_by(is_same).filter(|group| group[0].contender == brief.default);
    let mut each = Vec::new();
    for group in groups {
        for run in group {
            for (place, one) in run.campaigns.iter().enumerate() {
                if pick(one, cell::events(group, place)) {
                    each.extend(of_oracle(&one.metrics));
                }
            }
        }
    }
    each
}

fn stresses(brief: &Brief, lines: &[WorldLine]) -> Verdict {
    let rule = "stresses: 90 % of the oracle's value on average, none under 75 %";
    let is_stress =
        |line: &&WorldLine| line.contender == brief.default && brief.stresses.contains(&line.world);
    let each: Vec<(f64, &str)> = lines
        .iter()
        .filter(is_stress)
        .filter_map(|line| Some((line.of_oracle?.mean, line.world.as_str())))
        .collect();
    let Some(least) = each.iter().min_by(|a, b| a.0.total_cmp(&b.0)) else {
        return verdict(rule, Ruling::Open, "no stress among these worlds");
    };
    let middle = mean(&each.iter().map(|one| one.0).collect::<Vec<_>>());
    let found = format!(
        "{} % over {} worlds, least {} % in {}",
        points(middle),
        each.len(),
        points(least.0),
        least.1
    );
    verdict(rule, Ruling::of(middle >= 0.9 && least.0 >= 0.75), found)
}

/// Whether anybody dominates: no less of the first number, no more of the second, and not the same.
fn dominated(brief: &Brief, rule: &str, of: impl Fn(&str) -> Option<(f64, f64)>) -> Verdict {
    let Some(ours) = of(&brief.default) else {
        return verdict(rule, Ruling::Open, "the default has no such numbers");
    };
    let is_above = |theirs: (f64, f64)| theirs.0 >= ours.0 && theirs.1 <= ours.1 && theirs != ours;
    let above: Vec<&str> = brief
        .contenders
        .iter()
        .filter(|name| **name != brief.default && of(name).is_some_and(is_above))
        .map(String::as_str)
        .collect();
    let found = if above.is_empty() { "none".to_owned() } else { above.join(", ") };
    verdict(rule, Ruling::of(above.is_empty()), found)
}
