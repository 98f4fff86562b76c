//! The same worlds under several laws and seeds, side by side: one table, one page, one file.
//!
//! A cell is a world under a law; its figures are the worst, or the mean, over the seeds, so that
//! no seed can hide another. Called by the command line and by tests.

use super::RunReport;
use super::metric::Metrics;
use super::render::percent;
use crate::number::{length, mean};
use paceline_view::{Block, Cell, Column, Page, Section, Table};
use serde::Serialize;

/// A world under a law, over its seeds.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct GridCell {
    /// Which world.
    pub scenario: String,
    /// Which law, or `own`.
    pub law: String,
    /// How many seeds.
    pub seeds: usize,
    /// Least utilisation of any seed, all campaigns together.
    pub utilisation_least: Option<f64>,
    /// The same, mean over seeds.
    pub utilisation_mean: Option<f64>,
    /// Least utilisation of any campaign of any seed.
    pub campaign_utilisation_least: Option<f64>,
    /// Campaigns that used less than 97 % and more than an event less than they could, all seeds.
    pub campaigns_short: usize,
    /// Campaigns of all seeds together.
    pub campaigns: usize,
    /// Largest overspend of any seed, over its spend.
    pub overspend_most: f64,
    /// Largest overspend of any campaign of any seed beyond one event, over its spend.
    pub campaign_overspend_most: f64,
    /// Dark hours, all seeds.
    pub dark_hours: u64,
    /// Mean value.
    pub value: f64,
    /// Least value of any seed as a multiple of the same seed's under the first law; 1 for that.
    pub value_ratio_least: Option<f64>,
    /// The same, largest.
    pub value_ratio_most: Option<f64>,
    /// Mean of value over hindsight value; absent for first price.
    pub of_hindsight: Option<f64>,
    /// Median over campaigns and seeds of the signal's mean move a minute.
    pub volatility_median: Option<f64>,
    /// Failed audits, all seeds.
    pub audit_failures: u64,
    /// Ranges of the file that were missed, all seeds.
    pub misses: Vec<String>,
}

/// All cells, with what they were made of.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Grid {
    /// In the order asked for: worlds, and within a world laws.
    pub cells: Vec<GridCell>,
    /// Every run, seed by seed.
    pub runs: Vec<RunLine>,
}

/// One run's totals.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct RunLine {
    /// Which world.
    pub scenario: String,
    /// Which law, or `own`.
    pub law: String,
    /// What seeded it.
    pub seed: u64,
    /// All campaigns together.
    #[serde(flatten)]
    pub total: Metrics,
}

impl Grid {
    /// From runs in the order of worlds, laws, seeds. The first law of a world is what the values
    /// of the others are compared with.
    #[must_use]
    pub fn new(reports: &[RunReport]) -> Self {
        let cells = reports.chunk_by(|a, b| a.scenario == b.scenario).flat_map(|world| {
            let law = world[0].law.as_str();
            let first: Vec<&RunReport> = world.iter().filter(|run| run.law == law).collect();
            let by_law = world.chunk_by(|a, b| a.law == b.law);
            by_law.map(|group| cell(group, &first)).collect::<Vec<_>>()
        });
        let runs = reports.iter().map(|run| RunLine {
            scenario: run.scenario.clone(),
            law: run.law.clone(),
            seed: run.seed,
            total: run.total.clone(),
        });
        Self { cells: cells.collect(), runs: runs.collect() }
    }

    /// As aligned text, misses below.
    #[must_use]
    pub fn to_text(&self) -> String {
        let mut text = self.table().to_text();
        for cell in &self.cells {
            for miss in &cell.misses {
                text.push_str(&format!("missed: {} ({}): {miss}\n", cell.scenario, cell.law));
            }
        }
        text
    }

    /// As JSON, with a line end.
    #[must_use]
    pub fn to_json(&self) -> String {
        crate::report::render::to_json(self)
    }

    /// As one self-contained page.
    #[must_use]
    pub fn to_html(&self) -> String {
        let runs = self
            .runs
            .iter()
            .fold(Table::new("", run_columns()), |table, run| table.with_row(run_row(run)));
        Page::new("Worlds, laws and seeds")
            .with_subtitle("worst or mean over seeds, as the column says")
            .with_section(Section::new("Worlds").with(Block::Table(self.table())))
            .with_section(Section::new("Every run").with(Block::Table(runs)))
            .to_html()
    }

    fn table(&self) -> Table {
        self.cells.iter().fold(Table::new("", columns()), |table, cell| table.with_row(row(cell)))
    }
}

fn cell(group: &[RunReport], first: &[&RunReport]) -> GridCell {
    let each = || group.iter().flat_map(|run| run.campaigns.iter().map(|one| &one.metrics));
    let utilisations: Vec<f64> = group.iter().filter_map(|run| run.total.utilisation).collect();
    let used: Vec<f64> = each().filter_map(|one| one.utilisation).collect();
    let ratios: Vec<f64> = group
        .iter()
        .filter_map(|run| {
            let base = first.iter().find(|other| other.seed == run.seed)?;
            (base.total.value > 0.0).then(|| run.total.value / base.total.value)
        })
        .collect();
    let of_hindsight: Vec<f64> = group
        .iter()
        .filter_map(|run| {
            let best = run.total.hindsight_value.filter(|best| *best > 0.0)?;
            Some(run.total.value / best)
        })
        .collect();
    let known = |values: &[f64]| (!values.is_empty()).then(|| mean(values));
    let values: Vec<f64> = group.iter().map(|run| run.total.value).collect();
    GridCell {
        scenario: group[0].scenario.clone(),
        law: group[0].law.clone(),
        seeds: group.len(),
        utilisation_least: least(&utilisations),
        utilisation_mean: known(&utilisations),
        campaign_utilisation_least: least(&used),
        campaigns_short: used.iter().filter(|used| **used < 0.97).count(),
        campaigns: used.len(),
        overspend_most: most(group.iter().map(|run| run.total.overspend_ratio)),
        campaign_overspend_most: most(each().map(|one| one.overspend_beyond_event_ratio)),
        dark_hours: group.iter().map(|run| run.total.dark_hours).sum(),
        value: mean(&values),
        value_ratio_least: least(&ratios),
        value_ratio_most: ratios.iter().copied().reduce(f64::max),
        of_hindsight: known(&of_hindsight),
        volatility_median: median(each().filter_map(|one| one.volatility_per_minute).collect()),
        audit_failures: group.iter().map(|run| run.run.audit_failures).sum(),
        misses: group
            .iter()
            .flat_map(|run| run.misses.iter().map(|miss| format!("seed {}: {miss}", run.seed)))
            .collect(),
    }
}

fn least(values: &[f64]) -> Option<f64> {
    values.iter().copied().reduce(f64::min)
}

fn most(values: impl Iterator<Item = f64>) -> f64 {
    values.fold(0.0, f64::max)
}

fn median(mut values: Vec<f64>) -> Option<f64> {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied()
}

fn columns() -> Vec<Column> {
    let number = |name: &str, unit: &str| Column::number(name, unit);
    vec![
        Column::text("world"),
        Column::text("law"),
        number("seeds", ""),
        number("utilisation, least", "%"),
        number("mean", "%"),
        number("of a campaign, least", "%"),
        number("campaigns below 97 %", ""),
        number("of", ""),
        number("overspend, most", "%"),
        number("of a campaign, most", "%"),
        number("dark", "h"),
        number("value", ""),
        number("of the first law's, least", "%"),
        number("most", "%"),
        number("of hindsight, mean", "%"),
        number("volatility, median", "/min"),
        number("audit failures", ""),
        number("misses", ""),
    ]
}

fn count(number: usize) -> Cell {
    Cell::number(length(number), 0)
}

fn row(cell: &GridCell) -> Vec<Cell> {
    vec![
        Cell::text(&cell.scenario),
        Cell::text(&cell.law),
        count(cell.seeds),
        percent(cell.utilisation_least, 2),
        percent(cell.utilisation_mean, 2),
        percent(cell.campaign_utilisation_least, 2),
        count(cell.campaigns_short),
        count(cell.campaigns),
        percent(Some(cell.overspend_most), 3),
        percent(Some(cell.campaign_overspend_most), 3),
        Cell::Count(cell.dark_hours),
        Cell::number(cell.value, 2),
        percent(cell.value_ratio_least, 2),
        percent(cell.value_ratio_most, 2),
        percent(cell.of_hindsight, 2),
        cell.volatility_median.map_or(Cell::Empty, |value| Cell::number(value, 4)),
        Cell::Count(cell.audit_failures),
        count(cell.misses.len()),
    ]
}

fn run_columns() -> Vec<Column> {
    let number = |name: &str, unit: &str| Column::number(name, unit);
    vec![
        Column::text("world"),
        Column::text("law"),
        number("seed", ""),
        number("spend", "USD"),
        number("utilisation", "%"),
        number("overspend", "%"),
        number("dark", "h"),
        number("value", ""),
    ]
}

fn run_row(run: &RunLine) -> Vec<Cell> {
    vec![
        Cell::text(&run.scenario),
        Cell::text(&run.law),
        Cell::Count(run.seed),
        Cell::money(run.total.spend_nanos),
        percent(run.total.utilisation, 2),
        percent(Some(run.total.overspend_ratio), 3),
        Cell::Count(run.total.dark_hours),
        Cell::number(run.total.value, 2),
    ]
}
