//! What was found as text for people, as JSON for programs, and as a page with charts.
//!
//! Called by the command line and by tests.

use super::contender::{Feedback, NAMES};
use super::known::{BLOCK, Known};
use super::recorded::{BELOW, Recorded};
use super::{LEAST, RIGHT, Shaded, change};
use crate::number::{length, mean, real};
use paceline_core::shade::TieRule;
use paceline_view::{
    Axis, Block, Cell, Chart, Column, Page, Reference, Section, Series, State, Table,
};

impl Shaded {
    /// As JSON, with a line end.
    #[must_use]
    pub fn to_json(&self) -> String {
        crate::report::render::to_json(self)
    }

    /// The tables.
    #[must_use]
    pub fn to_text(&self) -> String {
        let tables = [self.known_table(), self.atoms_table(), self.change_table(), self.recorded()];
        tables.map(|table| table.to_text()).join("\n")
    }

    /// The page.
    #[must_use]
    pub fn to_html(&self) -> String {
        let seeds: Vec<String> = self.seeds.iter().map(u64::to_string).collect();
        Page::new("Shading")
            .with_subtitle(format!("seeds {}", seeds.join(" ")))
            .with_section(
                Section::new("Markets of a known curve")
                    .with(Block::Charts(self.courses()))
                    .with(Block::Table(self.known_table())),
            )
            .with_section(Section::new("Two prices").with(Block::Table(self.atoms_table())))
            .with_section(Section::new("Change").with(Block::Table(self.change_table())))
            .with_section(
                Section::new("Recorded prices")
                    .with(Block::Charts(self.against_constant()))
                    .with(Block::Table(self.recorded())),
            )
            .to_html()
    }

    /// Whether all that was set out holds.
    #[must_use]
    pub fn is_met(&self) -> bool {
        let known = self.markets().all(|(_, feedback, best, _, _)| best >= LEAST[place(feedback)]);
        let recorded = self.recorded.iter().all(is_kept);
        let mut atoms = self.atoms.iter().filter(|one| one.feedback == Feedback::All);
        known
            && recorded
            && atoms.all(|one| one.right >= RIGHT)
            && self.shifts.iter().all(is_back)
            && self.drifts.iter().all(|drift| drift.cost < 0.02)
            && self.quiet.iter().all(|quiet| quiet.alarms <= 2 * quiet.days.div_ceil(30))
    }

    /// Market and feedback with the shader's means over seeds: best bids, all bids, the lowest.
    fn markets(&self) -> impl Iterator<Item = (&'static str, Feedback, f64, f64, f64)> + '_ {
        let is_first = |one: &Known, at: usize| {
            let same = |other: &Known| (other.market, other.feedback) == (one.market, one.feedback);
            !self.known[..at].iter().any(same)
        };
        let firsts = self.known.iter().enumerate().filter(move |(at, one)| is_first(one, *at));
        firsts.map(|(_, first)| {
            let same = self
                .known
                .iter()
                .filter(|one| (one.market, one.feedback) == (first.market, first.feedback));
            let of = |what: fn(&super::known::Score) -> f64| {
                let all: Vec<f64> = same.clone().map(|one| what(&one.scores[0])).collect();
                mean(&all)
            };
            let lowest = same.clone().map(|one| one.scores[0].lowest).fold(0.0, f64::min);
            (first.market, first.feedback, of(|one| one.best), of(|one| one.all), lowest)
        })
    }

    fn known_table(&self) -> Table {
        let mut columns = vec![
            Column::text("market"),
            Column::text("feedback"),
            Column::text("holds"),
            Column::number("shader, best bids", ""),
            Column::number("all bids", ""),
            Column::number("lowest sum, blocks", ""),
        ];
        columns.extend(NAMES[1..].iter().map(|name| Column::number(*name, "")));
        let table = Table::new("Share of the best bid function's surplus after 20 000", columns);
        self.markets().fold(table, |table, (market, feedback, best, all, lowest)| {
            let is_met = best >= LEAST[place(feedback)];
            let mut row = vec![
                Cell::text(market),
                Cell::text(feedback.as_str()),
                verdict(is_met),
                Cell::percent(best, 2),
                Cell::percent(all, 2),
                Cell::percent(lowest, 2),
            ];
            let full = self.known.iter().find(|one| {
                (one.market, one.feedback) == (market, feedback) && one.scores.len() > 1
            });
            let rivals = full.map_or(&[][..], |one| &one.scores[1..]);
            row.extend(rivals.iter().map(|rival| Cell::percent(rival.best, 1)));
            table.with_row(row)
        })
    }

    fn atoms_table(&self) -> Table {
        let columns = vec![
            Column::text("a tie"),
            Column::text("feedback"),
            Column::number("campaigns", ""),
            Column::number("at the right price", ""),
            Column::text("by outcomes"),
            Column::number("bids explored", ""),
            Column::number("won and lost alone need", ""),
        ];
        self.atoms.iter().fold(Table::new("Two prices", columns), |table, one| {
            let looks = one.course.iter();
            let course: Vec<String> =
                looks.map(|(after, right)| format!("{after}: {:.1} %", 100.0 * right)).collect();
            table.with_row(vec![
                Cell::text(if one.tie == TieRule::Win { "wins" } else { "loses" }),
                Cell::text(one.feedback.as_str()),
                Cell::text(one.campaigns.to_string()),
                Cell::percent(one.right, 1),
                Cell::text(course.join(", ")),
                Cell::text(format!("{:.0}", one.explored)),
                Cell::text(format!("{:.0}", one.needed)),
            ])
        })
    }

    fn change_table(&self) -> Table {
        let columns = vec![
            Column::text("what"),
            Column::text("feedback"),
            Column::text("holds"),
            Column::text("found"),
        ];
        let mut table = Table::new("Change", columns);
        for shift in &self.shifts {
            let worst = shift.back.iter().map(|back| back.unwrap_or(u64::MAX)).max().unwrap_or(0);
            let all: Vec<f64> = shift.back.iter().flatten().map(|&back| real(back)).collect();
            let worst = if worst == u64::MAX { "never".to_owned() } else { worst.to_string() };
            table = table.with_row(vec![
                Cell::text(format!("prices × {}", shift.scale)),
                Cell::text(shift.feedback.as_str()),
                verdict(is_back(shift)),
                Cell::text(format!(
                    "{:.1} % lost; nine tenths back after {:.0} outcomes, at worst {worst}",
                    100.0 * shift.lost,
                    mean(&all),
                )),
            ]);
        }
        for drift in &self.drifts {
            table = table.with_row(vec![
                Cell::text(format!("{:.0} % an hour", 100.0 * drift.hourly)),
                Cell::text(drift.feedback.as_str()),
                verdict(drift.cost < 0.02),
                Cell::text(format!("{:.2} % lost, {} alarms", 100.0 * drift.cost, drift.alarms)),
            ]);
        }
        for quiet in &self.quiet {
            table = table.with_row(vec![
                Cell::text(format!("no change for {} days", quiet.days)),
                Cell::text(quiet.feedback.as_str()),
                verdict(quiet.alarms <= 2 * quiet.days.div_ceil(30)),
                Cell::text(format!("{} alarms of a segment and its market", quiet.alarms)),
            ]);
        }
        table
    }

    fn recorded(&self) -> Table {
        let mut columns = vec![
            Column::text("trace"),
            Column::text("told"),
            Column::text("feedback"),
            Column::number("value", ""),
            Column::text("holds"),
            Column::number("best constant", ""),
            Column::number("shader, of its surplus", ""),
        ];
        columns.extend(NAMES[1..].iter().map(|name| Column::number(*name, "")));
        let table = Table::new("Recorded prices, of the best constant's surplus", columns);
        self.recorded.iter().fold(table, |table, one| {
            let share = |surplus: i64| {
                let most = crate::number::amount(one.constant.1.into()).max(1.0);
                Cell::percent(crate::number::amount(surplus.into()) / most, 1)
            };
            let mut row = vec![
                Cell::text(one.trace.split('/').next().unwrap_or("")),
                Cell::text(if one.has_context { "segment, floor" } else { "nothing" }),
                Cell::text(one.feedback.as_str()),
                Cell::text(one.value.to_string()),
                verdict(is_kept(one)),
                Cell::text(one.constant.0.to_string()),
            ];
            row.extend(one.surplus.iter().map(|who| share(who.1)));
            table.with_row(row)
        })
    }

    /// Learning, a chart a market.
    fn courses(&self) -> Vec<Chart> {
        let mut names: Vec<&str> = Vec::new();
        for one in &self.known {
            if !names.contains(&one.market) {
                names.push(one.market);
            }
        }
        let chart = |name: &str| {
            let mine = self.known.iter().filter(|one| one.market == name);
            let full = mine.filter(|one| one.scores.len() > 1);
            full.fold(
                Chart::new(format!("{name}: surplus of the best, all bids"))
                    .with_x_label("outcomes")
                    .with_y(Axis::Percent)
                    .with_y_range(0.0, 1.05),
                |chart, one| {
                    let points = one.scores[0].course.iter().enumerate();
                    let points = points.map(|(at, &share)| (length((at + 1) * BLOCK), share));
                    chart.with_series(Series::line(one.feedback.as_str(), points.collect()))
                },
            )
            .with_reference(Reference::at_y(LEAST[0], "least under full feedback"))
        };
        names.into_iter().map(chart).collect()
    }

    /// Shares of the best constant, a chart a trace and context.
    fn against_constant(&self) -> Vec<Chart> {
        let of = |has_context: bool| {
            let name = if has_context { "segment and floor told" } else { "nothing told" };
            let chart = Chart::new(format!("Of the best constant's surplus, {name}"))
                .with_x_label("replay")
                .with_y(Axis::Percent)
                .with_reference(Reference::at_y(1.0, "best constant in hindsight"));
            NAMES.iter().enumerate().fold(chart, |chart, (place, name)| {
                let mine = self.recorded.iter().filter(|one| one.has_context == has_context);
                let points = mine.enumerate().map(|(at, one)| {
                    let most = crate::number::amount(one.constant.1.into()).max(1.0);
                    (length(at + 1), crate::number::amount(one.surplus[place].1.into()) / most)
                });
                chart.with_series(Series::dots(*name, points.collect()))
            })
        };
        vec![of(false), of(true)]
    }
}

fn place(feedback: Feedback) -> usize {
    Feedback::ALL.iter().position(|&other| other == feedback).unwrap_or(0)
}

fn is_kept(one: &Recorded) -> bool {
    one.share() >= 1.0 - BELOW[place(one.feedback)] && one.is_first()
}

fn is_back(shift: &change::Shift) -> bool {
    let most = change::BACK_WITHIN[place(shift.feedback)];
    shift.back.iter().all(|back| back.is_some_and(|back| back <= most))
}

fn verdict(is_met: bool) -> Cell {
    if is_met { Cell::status(State::Good, "yes") } else { Cell::status(State::Bad, "no") }
}
