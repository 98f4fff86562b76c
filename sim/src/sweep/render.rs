//! A sweep as text for people, as JSON for programs, and as a page with charts; stable to the byte.
//!
//! Called by the command line and by tests.

use super::{Run, Sweep};
use crate::compare::world_line::Spread;
use crate::number::length;
use paceline_view::{
    Align, Axis, Block, Cell, Chart, Column, Page, Section, Series, Table, number,
};
use std::collections::BTreeMap;

/// What is told where nobody says what.
const METRICS: [&str; 3] = ["value", "utilisation", "overspend_ratio"];

impl Sweep {
    /// As JSON, with a line end: every run with all of its numbers.
    #[must_use]
    pub fn to_json(&self) -> String {
        crate::report::render::to_json(self)
    }

    /// The table, a line for every world and combination. A metric stands instead of the usual
    /// three.
    #[must_use]
    pub fn to_text(&self, metric: Option<&str>) -> String {
        self.table(&chosen(metric)).to_text()
    }

    /// The page: a chart for every metric, then the table.
    #[must_use]
    pub fn to_html(&self, metric: Option<&str>) -> String {
        let metrics = chosen(metric);
        let charts = metrics.iter().map(|metric| self.chart(metric)).collect();
        Page::new("Sweep")
            .with_subtitle(format!("{} under {}", self.keys.join(", "), self.law))
            .with_section(Section::new("").with(Block::Charts(charts)))
            .with_section(Section::new("").with(Block::Table(self.table(&metrics))))
            .to_html()
    }

    /// Runs alike but for their seed.
    fn points(&self) -> impl Iterator<Item = &[Run]> {
        self.runs.chunk_by(|a, b| a.world == b.world && a.values == b.values)
    }

    fn table(&self, metrics: &[&str]) -> Table {
        let numbers = |name: &str| Column { align: Align::Right, ..Column::number(name, "") };
        let mut columns = vec![Column::text("world")];
        columns.extend(self.keys.iter().map(|key| numbers(key)));
        columns.extend(metrics.iter().map(|metric| numbers(metric)));
        columns.extend([numbers("seeds"), numbers("audit_failures")]);
        let caption = format!("Values under {}: mean (least to most seed)", self.law);
        self.points().fold(Table::new(caption, columns), |table, runs| {
            let mut row = vec![Cell::text(&runs[0].world)];
            row.extend(runs[0].values.iter().map(Cell::text));
            row.extend(metrics.iter().map(|metric| spread_cell(spread(runs, metric))));
            row.push(Cell::number(length(runs.len()), 0));
            row.push(Cell::Count(runs.iter().map(|run| run.audit_failures).sum()));
            table.with_row(row)
        })
    }

    /// A metric against the first key, a line for each world and combination of the others.
    fn chart(&self, metric: &str) -> Chart {
        let mut given: Vec<&str> = Vec::new();
        for run in &self.runs {
            if let Some(value) = run.values.first().filter(|value| !given.contains(&value.as_str()))
            {
                given.push(value);
            }
        }
        let numbers: Option<Vec<f64>> = given.iter().map(|value| value.parse().ok()).collect();
        let is_number = numbers.is_some();
        let across = numbers.unwrap_or_else(|| (1..=given.len()).map(length).collect());
        let mut lines: BTreeMap<String, Vec<(f64, f64)>> = BTreeMap::new();
        for runs in self.points() {
            let first = &runs[0];
            let others = self.keys.iter().zip(&first.values).skip(1);
            let name = others
                .fold(first.world.clone(), |name, (key, value)| format!("{name}, {key} {value}"));
            let place =
                first.values.first().and_then(|value| given.iter().position(|v| v == value));
            if let (Some(place), Some(spread)) = (place, spread(runs, metric)) {
                lines.entry(name).or_default().push((across[place], spread.mean));
            }
        }
        let key = self.keys.first().map_or("", String::as_str);
        let label = if is_number {
            key.to_owned()
        } else {
            format!("{key}, in order: {}", given.join(", "))
        };
        let is_share = matches!(metric, "utilisation" | "overspend_ratio" | "plan_error");
        let chart = Chart::new(format!("{metric} against {key}"))
            .with_x_label(label)
            .with_y(if is_share { Axis::Percent } else { Axis::Number })
            .with_y_label("mean over seeds");
        lines.into_iter().fold(chart, |chart, (name, mut points)| {
            points.sort_by(|a, b| a.0.total_cmp(&b.0));
            chart.with_series(if points.len() > 1 {
                Series::line(name, points)
            } else {
                Series::dots(name, points)
            })
        })
    }
}

fn chosen(metric: Option<&str>) -> Vec<&str> {
    metric.map_or_else(|| METRICS.to_vec(), |metric| vec![metric])
}

fn spread(runs: &[Run], metric: &str) -> Option<Spread> {
    Spread::of(&runs.iter().filter_map(|run| run.total.get(metric)).collect::<Vec<_>>())
}

fn spread_cell(spread: Option<Spread>) -> Cell {
    let Some(Spread { mean, least, most }) = spread else { return Cell::Empty };
    let text = |value: f64| number::fixed(value, if value.abs() < 10.0 { 5 } else { 2 });
    if text(least) == text(most) {
        return Cell::text(text(mean));
    }
    Cell::text(format!("{} ({} to {})", text(mean), text(least), text(most)))
}
