//! A study of previews as text for people, as JSON for programs, and as a page with charts; stable
//! to the byte.
//!
//! Called by the command line and by tests.

use super::score::Part;
use super::{Kind, Previews};
use crate::number::length;
use paceline_view::{Axis, Block, Cell, Chart, Column, Page, Reference, Section, Series, Table};

impl Previews {
    /// As JSON, with a line end: every edit with what was said of it.
    #[must_use]
    pub fn to_json(&self) -> String {
        crate::report::render::to_json(self)
    }

    /// The table.
    #[must_use]
    pub fn to_text(&self) -> String {
        self.table().to_text()
    }

    /// The page: charts, then the table.
    #[must_use]
    pub fn to_html(&self) -> String {
        let (first, last) = self.seeds;
        Page::new("Previews")
            .with_subtitle(format!("{} edits, seeds {first} to {last}", self.tried.len()))
            .with_section(Section::new("").with(Block::Charts(vec![self.came(), self.held()])))
            .with_section(Section::new("").with(Block::Table(self.table())))
            .to_html()
    }

    fn table(&self) -> Table {
        let mut columns = vec![Column::text("edits")];
        let names = ["count", "held", "below", "above", "1 000 events", "within 5 %", "mean off"];
        columns.extend(names.map(|name| Column::number(name, "")));
        let caption = "Spend of the day after an edit against what a preview said of it";
        let mut table = Table::new(caption, columns);
        let mut row = |name: &str, part: &Part| {
            if part.count == 0 {
                return;
            }
            let share =
                |count: usize| Cell::percent(length(count) / length(part.count).max(1.0), 1);
            let cells = vec![
                Cell::text(name),
                Cell::number(length(part.count), 0),
                Cell::percent(part.held(), 1),
                share(part.below),
                share(part.above),
                Cell::number(length(part.many), 0),
                Cell::percent(part.near(), 1),
                Cell::percent(part.off, 1),
            ];
            table = table.clone().with_row(cells);
        };
        row("all", &self.score.all);
        row("held by its budget", &self.score.limited);
        row("not held by it", &self.score.free);
        for (part, kind) in self.score.kinds.iter().zip(Kind::ALL) {
            row(kind.as_str(), part);
        }
        table.with_note("Bands are to hold 80 % of the time.")
    }

    /// Told against spent.
    fn came(&self) -> Chart {
        let points = |is_limited: bool| {
            let some = self.tried.iter().filter(move |one| one.is_limited == is_limited);
            let of = some.map(|one| {
                let without = one.without.middle.as_f64().max(1.0);
                let of = |amount: f64| (amount / without).min(3.0);
                (of(one.with.middle.as_f64()), of(one.spent.as_f64()))
            });
            of.collect()
        };
        Chart::new("Spend of the day ahead, as a multiple of that without the edit")
            .with_x_label("told")
            .with_y_label("came")
            .with_series(Series::line("as told", vec![(0.0, 0.0), (3.0, 3.0)]).as_plan())
            .with_series(Series::dots("held by its budget", points(true)))
            .with_series(Series::dots("not held by it", points(false)))
    }

    /// How often bands held, by kind.
    fn held(&self) -> Chart {
        let parts = self.score.kinds.iter().enumerate().filter(|(_, part)| part.count > 0);
        let points = parts.map(|(place, part)| (length(place + 1), part.held())).collect();
        Chart::new("Bands that held, by kind in the order of the table")
            .with_y(Axis::Percent)
            .with_y_range(0.0, 1.0)
            .with_series(Series::dots("held", points))
            .with_reference(Reference::at_y(paceline_core::forecast::HOLDS, "as told"))
    }
}
