//! Scores as text for people, as JSON for programs, and as a page with charts; stable to the byte.
//!
//! Called by the command line and by tests.

use super::{Returned, Score, TOLERANCES};
use paceline_view::{Axis, Block, Cell, Chart, Column, Page, Section, Series, Table};

/// Where "any error" stands on an axis.
const ANY: f64 = 0.2;

impl Returned {
    /// As JSON, with a line end.
    #[must_use]
    pub fn to_json(&self) -> String {
        crate::report::render::to_json(self)
    }

    /// The tables.
    #[must_use]
    pub fn to_text(&self) -> String {
        let note = format!(
            "{} campaigns of each of the seeds {} to {}; the budget of {:.0} % binds before their \
             target. The guide's steps are the best of {} in these very worlds.\n",
            self.campaigns,
            self.seeds.0,
            self.seeds.1,
            100.0 * self.budget_binds,
            super::STEPS.len() * super::STEPS.len(),
        );
        self.tables().map(|table| table.to_text()).join("\n") + "\n" + &note
    }

    /// The page.
    #[must_use]
    pub fn to_html(&self) -> String {
        let chart = |title: &str, of: fn(&Score, usize) -> f64| {
            self.scores.iter().fold(
                Chart::new(title)
                    .with_x_label("paid above the target, at most; the last is any")
                    .with_y(Axis::Percent)
                    .with_y_range(0.0, 1.1),
                |chart, score| {
                    let points = TOLERANCES.iter().enumerate();
                    let points = points.map(|(at, &most)| (most.min(ANY), of(score, at)));
                    chart.with_series(Series::line(&score.name, points.collect()))
                },
            )
        };
        let charts = vec![
            chart("Campaigns within a tolerance", |score, at| score.within[at].share),
            chart("What those got, of the yardstick", |score, at| score.within[at].value),
        ];
        let (first, last) = self.seeds;
        let [shares, values, sums] = self.tables();
        Page::new("Return targets")
            .with_subtitle(format!("{} campaigns, seeds {first} to {last}", self.campaigns))
            .with_section(Section::new("").with(Block::Charts(charts)))
            .with_section(Section::new("").with(Block::Table(shares)))
            .with_section(Section::new("").with(Block::Table(values)))
            .with_section(Section::new("").with(Block::Table(sums)))
            .to_html()
    }

    fn tables(&self) -> [Table; 3] {
        [
            self.table("Campaigns that paid above what they got by at most", |score, at| {
                score.within[at].share
            }),
            self.table("What those got, over the yardstick, mean over all", |score, at| {
                score.within[at].value
            }),
            self.table("The same in sum", |score, at| score.within[at].value_in_sum),
        ]
    }

    fn table(&self, caption: &str, of: fn(&Score, usize) -> f64) -> Table {
        let mut columns = vec![Column::text("law")];
        columns.extend(TOLERANCES.map(|most| {
            let name =
                if most.is_finite() { format!("{:.0} %", 100.0 * most) } else { "any".into() };
            Column::number(name, "")
        }));
        self.scores.iter().fold(Table::new(caption, columns), |table, score| {
            let shares = (0..TOLERANCES.len()).map(|at| Cell::percent(of(score, at), 1));
            table.with_row([Cell::text(score.name.as_str())].into_iter().chain(shares).collect())
        })
    }
}
