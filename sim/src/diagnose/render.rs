//! A study of diagnoses as text for people, as JSON for programs, and as a page with charts; stable
//! to the byte.
//!
//! Called by the command line and by tests.

use super::Ward;
use super::score::{Effects, NEAR};
use crate::number::length;
use paceline_core::diagnosis::CauseKind;
use paceline_view::{Axis, Block, Cell, Chart, Column, Page, Section, Series, Table};

impl Ward {
    /// As JSON, with a line end: every campaign with what was said of it.
    #[must_use]
    pub fn to_json(&self) -> String {
        crate::report::render::to_json(self)
    }

    /// The tables.
    #[must_use]
    pub fn to_text(&self) -> String {
        let tables = [self.matrix(), self.shares(), self.effects()];
        tables.map(|table| table.to_text()).join("\n")
    }

    /// The page: charts, then the tables.
    #[must_use]
    pub fn to_html(&self) -> String {
        let (first, last) = self.seeds;
        Page::new("Diagnoses")
            .with_subtitle(format!("{} campaigns, seeds {first} to {last}", self.patients.len()))
            .with_section(Section::new("").with(Block::Charts(vec![self.told(), self.came()])))
            .with_section(Section::new("").with(Block::Table(self.matrix())))
            .with_section(Section::new("").with(Block::Table(self.shares())))
            .with_section(Section::new("").with(Block::Table(self.effects())))
            .to_html()
    }

    /// Truth against what was named first.
    fn matrix(&self) -> Table {
        let mut columns = vec![Column::text("truth")];
        let named = |cause: &CauseKind| self.score.matrix.iter().any(|row| row[place(*cause)] > 0);
        let named: Vec<CauseKind> = CauseKind::ALL.into_iter().filter(named).collect();
        columns.extend(named.iter().map(|cause| Column::number(short(*cause), "")));
        columns.push(Column::number("right", ""));
        let mut table = Table::new("What was named first", columns);
        for (row, cause) in self.score.matrix.iter().zip(CauseKind::ALL) {
            let Some(recall) = self.score.recall[place(cause)] else { continue };
            let mut cells = vec![Cell::text(cause.as_str())];
            cells.extend(named.iter().map(|named| match row[place(*named)] {
                0 => Cell::text("."),
                count => Cell::number(length(count), 0),
            }));
            cells.push(Cell::percent(recall, 0));
            table = table.with_row(cells);
        }
        table.with_note("Of two troubles, the truth is the one that was named, or else the first.")
    }

    fn shares(&self) -> Table {
        let columns = vec![Column::text("of campaigns"), Column::number("share", "")];
        let score = &self.score;
        let rows = [
            ("right, mean over causes", score.macro_recall),
            ("healthy, and called healthy", score.healthy),
            ("two troubles, either named first", score.either),
            ("two troubles, both named before all others", score.both),
        ];
        rows.into_iter()
            .fold(Table::new("How often it is right", columns), |table, (name, share)| {
                table.with_row(vec![Cell::text(name), Cell::percent(share, 1)])
            })
    }

    fn effects(&self) -> Table {
        let mut columns = vec![Column::text("cause")];
        let names = ["edits", "near", "in the band", "either", "gain told", "beyond what was seen"];
        columns.extend(names.map(|name| Column::number(name, "")));
        let mut table = Table::new("Effects of the edits proposed, over a day", columns);
        let mut row = |name: &str, effects: &Effects| {
            if effects.count == 0 {
                return;
            }
            let share =
                |count: usize| Cell::percent(length(count) / length(effects.count).max(1.0), 0);
            let cells = vec![
                Cell::text(name),
                Cell::number(length(effects.count), 0),
                share(effects.near),
                share(effects.held),
                share(effects.told),
                share(effects.gain_told),
                share(effects.beyond),
            ];
            table = table.clone().with_row(cells);
        };
        for (effects, cause) in self.score.effects_by_cause.iter().zip(CauseKind::ALL) {
            row(cause.as_str(), effects);
        }
        row("all", &self.score.effects);
        table.with_note(format!(
            "Of campaigns of 100 events a day or more. Near is within {:.0} % of what was spent.",
            100.0 * NEAR
        ))
    }

    /// Shares that are right, by cause.
    fn told(&self) -> Chart {
        let points = self.score.recall.iter().enumerate();
        let points = points.filter_map(|(place, recall)| Some((length(place + 1), (*recall)?)));
        Chart::new("Right, by cause in the order of the table")
            .with_y(Axis::Percent)
            .with_y_range(0.0, 1.0)
            .with_y_label("named first")
            .with_series(Series::dots("right", points.collect()))
    }

    /// What edits were told to do against what they did, as multiples of spend without them.
    fn came(&self) -> Chart {
        let tried = self.patients.iter().filter_map(|patient| patient.tried.as_ref());
        let points = tried.filter(|tried| tried.without.get() > 0).map(|tried| {
            let of = |amount: f64| (amount / tried.without.as_f64()).min(5.0);
            (of(tried.effect.with.middle.as_f64()), of(tried.with.as_f64()))
        });
        Chart::new("Spend with the edit, as a multiple of that without")
            .with_x_label("told")
            .with_y_label("came")
            .with_series(Series::line("as told", vec![(0.0, 0.0), (5.0, 5.0)]).as_plan())
            .with_series(Series::dots("edits", points.collect()))
    }
}

fn place(cause: CauseKind) -> usize {
    CauseKind::ALL.iter().position(|&one| one == cause).unwrap_or(0)
}

/// A word that fits above a column.
fn short(cause: CauseKind) -> &'static str {
    match cause {
        CauseKind::OnPlan => "on plan",
        CauseKind::NotStarted => "not yet",
        CauseKind::Quarantined => "aside",
        CauseKind::Exhausted => "spent",
        other => other.as_str().split('_').next().unwrap_or(""),
    }
}
