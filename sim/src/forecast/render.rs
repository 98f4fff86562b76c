//! A rehearsal of forecasts as text for people, as JSON for programs, and as a page with charts;
//! stable to the byte.
//!
//! Called by the command line and by tests.

use super::Foresight;
use super::score::{Bin, Held, Score};
use crate::number::length;
use paceline_core::forecast::HOLDS;
use paceline_view::{Axis, Block, Cell, Chart, Column, Page, Reference, Section, Series, Table};

const EVENTS: [&str; 5] = ["3 to 30", "to 300", "to 3 000", "to 30 000", "to 100 000"];
const GONE: [&str; 5] = ["10 to 20 %", "to 40 %", "to 60 %", "to 80 %", "to 90 %"];
const DAYS: [&str; 5] = ["6 h to 12 h", "to 1 d", "to 3 d", "to 7 d", "to 12 d"];
const BINS: [&str; 5] = ["0 to 20 %", "to 40 %", "to 60 %", "to 80 %", "to 100 %"];

impl Foresight {
    /// As JSON, with a line end: every forecast with what it was made of.
    #[must_use]
    pub fn to_json(&self) -> String {
        crate::report::render::to_json(self)
    }

    /// The tables.
    #[must_use]
    pub fn to_text(&self) -> String {
        let tables = [self.bands(), self.chances()];
        tables.map(|table| table.to_text()).join("\n")
    }

    /// The page: charts, then the tables.
    #[must_use]
    pub fn to_html(&self) -> String {
        let (first, last) = self.seeds;
        Page::new("Forecasts")
            .with_subtitle(format!("{} forecasts, seeds {first} to {last}", self.asked.len()))
            .with_section(Section::new("").with(Block::Charts(vec![
                held_chart("By share of the flight gone", &self.flights.by_gone),
                held_chart("By events a day", &self.flights.by_events),
                chance_chart(&self.flights),
            ])))
            .with_section(Section::new("").with(Block::Table(self.bands())))
            .with_section(Section::new("").with(Block::Table(self.chances())))
            .to_html()
    }

    fn bands(&self) -> Table {
        let mut columns = vec![Column::text("band")];
        let numbers = ["forecasts", "held", "below", "above", "width"];
        columns.extend(numbers.map(|name| Column::number(name, "")));
        let caption = format!("Bands that are to hold {:.0} % of the time", HOLDS * 100.0);
        let mut table = Table::new(caption, columns);
        let mut row = |name: String, held: &Held| {
            let share =
                |count: usize| Cell::percent(length(count) / length(held.count).max(1.0), 1);
            let row = vec![
                Cell::text(name),
                Cell::number(length(held.count), 0),
                Cell::percent(held.share(), 1),
                share(held.below),
                share(held.above),
                Cell::percent(held.width, 1),
            ];
            table = std::mem::take(&mut table).with_row(row);
        };
        row("flight, supply is the limit".to_owned(), &self.flights.unbounded);
        for (names, held) in [
            (EVENTS.map(|name| format!("{name} events a day")), &self.flights.by_events),
            (GONE.map(|name| format!("{name} gone")), &self.flights.by_gone),
            (DAYS.map(|name| format!("{name} long")), &self.flights.by_days),
        ] {
            for (name, held) in names.into_iter().zip(held) {
                row(format!("  {name}"), held);
            }
        }
        row("flight, budget is the limit".to_owned(), &self.flights.bounded);
        row("day, supply is the limit".to_owned(), &self.days.unbounded);
        row("day, budget is the limit".to_owned(), &self.days.bounded);
        table.with_note(
            "Width is the band's over what was spent, the median. A day's limit may be its plan.",
        )
    }

    fn chances(&self) -> Table {
        let mut columns = vec![Column::text("chance of money left over")];
        let numbers = ["forecasts", "told", "came true", "forecasts", "told", "came true"];
        columns.extend(numbers.map(|name| Column::number(name, "")));
        let table =
            Table::new("Chances that less than 98 % of a flight's budget is spent", columns);
        let cells = |bin: &Bin| {
            [
                Cell::number(length(bin.count), 0),
                Cell::percent(bin.told, 1),
                Cell::percent(bin.came, 1),
            ]
        };
        let both = self.flights.short.iter().zip(&self.flights.short_all);
        BINS.iter()
            .zip(both)
            .fold(table, |table, (name, (bounded, all))| {
                let mut row = vec![Cell::text(*name)];
                row.extend(cells(bounded));
                row.extend(cells(all));
                table.with_row(row)
            })
            .with_note("First where the budget is the limit, then of all flights.")
    }
}

/// How often bands held, by bin.
fn held_chart(title: &str, held: &[Held]) -> Chart {
    let points = held.iter().enumerate().filter(|(_, held)| held.count > 0);
    let points = points.map(|(bin, held)| (length(bin + 1), held.share())).collect();
    Chart::new(title)
        .with_y(Axis::Percent)
        .with_y_range(0.0, 1.0)
        .with_y_label("bands that held")
        .with_series(Series::dots("held", points))
        .with_reference(Reference::at_y(HOLDS, "as told"))
}

/// Chances told against how often they came true.
fn chance_chart(score: &Score) -> Chart {
    let points = |bins: &[Bin]| {
        bins.iter().filter(|bin| bin.count > 0).map(|bin| (bin.told, bin.came)).collect()
    };
    Chart::new("Chance that money is left over")
        .with_x_range(0.0, 1.0)
        .with_x_label("told")
        .with_y(Axis::Percent)
        .with_y_range(0.0, 1.0)
        .with_y_label("came true")
        .with_series(Series::line("as told", vec![(0.0, 0.0), (1.0, 1.0)]).as_plan())
        .with_series(Series::dots("budget is the limit", points(&score.short)))
        .with_series(Series::dots("all", points(&score.short_all)))
}
