//! Self-play as text for people and as JSON for programs; stable to the byte.
//!
//! The tables are also those of the page. Called by the command line, by the page and by tests.

use super::against_equilibrium::{Against, AgainstEquilibrium, DIFFERENCE_MOST, EVENTS_LEAST};
use super::deviations::{Chosen, Deviations, GAIN_MOST};
use super::{SelfPlay, World};
use crate::number::{mean, real};
use paceline_view::{Cell, Column, State, Table, number};

impl SelfPlay {
    /// As JSON, with a line end.
    #[must_use]
    pub fn to_json(&self) -> String {
        crate::report::render::to_json(self)
    }

    /// A table and a verdict for every world.
    #[must_use]
    pub fn to_text(&self) -> String {
        let parts = self.worlds.iter().map(|world| {
            let (_, verdict) = world.verdict();
            format!("{}{verdict}\n", world.table().to_text())
        });
        parts.collect::<Vec<_>>().join("\n")
    }
}

impl World {
    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        match self {
            Self::FirstPrice(against) => &against.world,
            Self::SecondPrice(deviations) => &deviations.world,
        }
    }

    /// Campaign by campaign.
    pub(super) fn table(&self) -> Table {
        match self {
            Self::FirstPrice(against) => equilibrium_table(against),
            Self::SecondPrice(deviations) => deviation_table(deviations),
        }
    }

    /// What is to be said of the bound.
    pub(super) fn verdict(&self) -> (State, String) {
        let (state, word) =
            if self.is_missed() { (State::Bad, "missed") } else { (State::Good, "met") };
        let told = match self {
            Self::FirstPrice(against) => {
                let each: Vec<String> =
                    against.by_seed.iter().map(|one| number::percent(*one, 2)).collect();
                format!(
                    "{}: {} from the equilibrium ({} by seed; {} of those whose budget binds; {} \
                     signed; the equilibrium is known within {}), at most {} allowed: {word}",
                    against.world,
                    number::percent(against.difference, 2),
                    each.join(" "),
                    number::percent(against.difference_of_tight, 2),
                    number::percent(against.signed, 2),
                    number::percent(against.equilibrium_error, 2),
                    number::percent(DIFFERENCE_MOST, 0),
                )
            }
            Self::SecondPrice(deviations) => format!(
                "{}: no campaign gains more than {} by a constant multiplier, at most {} allowed: \
                 {word}",
                deviations.world,
                number::percent(deviations.gain_most, 2),
                number::percent(GAIN_MOST, 0),
            ),
        };
        (state, told)
    }
}

/// Multipliers against the equilibrium.
fn equilibrium_table(against: &AgainstEquilibrium) -> Table {
    let columns = vec![
        Column::text("campaign"),
        Column::number("budget", "USD"),
        Column::number("spend", "USD"),
        Column::number("events", ""),
        Column::number("multiplier", ""),
        Column::number("equilibrium", ""),
        Column::number("difference", "%"),
        Column::number("least", "%"),
        Column::number("most", "%"),
    ];
    let table = Table::new(format!("{}: winners pay their bids", against.world), columns);
    let table = against.campaigns.iter().fold(table, |table, one| table.with_row(row(one)));
    table.with_note(format!(
        "Means over seeds; events and multiplier (with participation, mean of the logarithm) of \
         the second half. Differences in the logarithm, of seeds with {EVENTS_LEAST} events."
    ))
}

fn row(one: &Against) -> Vec<Cell> {
    let over = |of: &dyn Fn(&super::SecondHalf) -> f64| {
        let known = one.seen.iter().filter_map(|seen| seen.second_half.as_ref()).map(of);
        mean(&known.collect::<Vec<_>>())
    };
    let spends = one.seen.iter().map(|seen| i128::from(seen.spend_nanos));
    let seeds = i128::try_from(one.seen.len().max(1)).unwrap_or(1);
    let differences: Vec<f64> = one.differences().map(|difference| 100.0 * difference).collect();
    let told = |value: f64| {
        if differences.is_empty() { Cell::Empty } else { Cell::number(value, 2) }
    };
    vec![
        Cell::text(one.campaign.clone()),
        Cell::money(one.budget_nanos),
        Cell::money(spends.sum::<i128>() / seeds),
        Cell::number(over(&|half| real(half.events)), 0),
        Cell::number(libm::exp(over(&|half| half.log)), 4),
        Cell::number(libm::exp(one.equilibrium_log), 4),
        told(mean(&differences)),
        told(differences.iter().copied().fold(f64::INFINITY, f64::min)),
        told(differences.iter().copied().fold(f64::NEG_INFINITY, f64::max)),
    ]
}

/// Gains of leaving the law.
fn deviation_table(deviations: &Deviations) -> Table {
    let columns = vec![
        Column::text("campaign"),
        Column::number("budget", "USD"),
        Column::number("spend", "USD"),
        Column::number("events", ""),
        Column::number("multiplier", ""),
        Column::number("best constant", ""),
        Column::number("gain, choosing", "%"),
        Column::number("gain, judged", "%"),
        Column::number("low", "%"),
        Column::number("high", "%"),
    ];
    let table = Table::new(format!("{}: winners pay the price to beat", deviations.world), columns);
    let gains = |one: &Chosen| {
        let told =
            |value: Option<f64>| value.map_or(Cell::Empty, |value| Cell::number(100.0 * value, 2));
        vec![
            Cell::text(one.campaign.clone()),
            Cell::money(one.budget_nanos),
            Cell::money(one.spend_nanos),
            Cell::Count(one.events),
            Cell::number(one.own, 4),
            Cell::number(one.multiplier, 4),
            told(Some(one.chosen_gain)),
            told(Some(one.gain.mean)),
            told(one.gain.low),
            told(one.gain.high),
        ]
    };
    let table = deviations.campaigns.iter().fold(table, |table, one| table.with_row(gains(one)));
    table.with_note(
        "Spend, events and multiplier (second half) under the law with the choosing seed. A gain \
         is value over the law's, less 1; judged by the other seeds, with its 95 % interval.",
    )
}
