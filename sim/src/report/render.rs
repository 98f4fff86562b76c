//! A report as text for people and as JSON for programs; stable to the byte.
//!
//! Called by the command line and by golden tests.

use super::RunReport;
use super::metric::Metrics;
use paceline_view::{Cell, Column, Table};
use serde::Serialize;

/// Campaigns listed in the text; the rest are in the JSON.
const LISTED_MAX: usize = 60;

/// Anything that is told as JSON, with a line end.
///
/// # Panics
/// Never: what is told holds only numbers, texts and lists.
#[must_use]
pub fn to_json<T: Serialize>(told: &T) -> String {
    let mut text =
        serde_json::to_string_pretty(told).expect("it holds nothing that JSON cannot hold");
    text.push('\n');
    text
}

/// The columns of the table of campaigns.
fn columns() -> Vec<Column> {
    let number = |name: &str, unit: &str| Column::number(name, unit);
    vec![
        Column::text("campaign"),
        number("budget", "USD"),
        number("spend", "USD"),
        number("utilisation", "%"),
        number("overspend", "%"),
        number("plan error", "%"),
        number("volatility", "/min"),
        number("to 95 %", "min"),
        number("dark", "h"),
        number("value", ""),
        number("of hindsight", "%"),
        number("wins", ""),
        number("clicks", ""),
        number("skipped", ""),
    ]
}

/// A ratio in a column of per cents; empty where it is not known.
pub(super) fn percent(ratio: Option<f64>, digits: u8) -> Cell {
    ratio.map_or(Cell::Empty, |ratio| Cell::number(100.0 * ratio, digits))
}

fn row(name: &str, metrics: &Metrics) -> Vec<Cell> {
    let known =
        |value: Option<f64>, digits| value.map_or(Cell::Empty, |value| Cell::number(value, digits));
    let hindsight = metrics.hindsight_value.filter(|best| *best > 0.0);
    vec![
        Cell::text(name),
        metrics.budget_nanos.map_or(Cell::Empty, Cell::money),
        Cell::money(metrics.spend_nanos),
        percent(metrics.utilisation, 2),
        percent(Some(metrics.overspend_ratio), 3),
        percent(metrics.plan_error, 2),
        known(metrics.volatility_per_minute, 4),
        known(metrics.minutes_to_95, 0),
        Cell::Count(metrics.dark_hours),
        Cell::number(metrics.value, 2),
        percent(hindsight.map(|best| metrics.value / best), 2),
        Cell::Count(metrics.wins),
        Cell::Count(metrics.clicks),
        Cell::Count(metrics.skipped_for_budget),
    ]
}

/// The table of campaigns, the total first.
pub(super) fn table(report: &RunReport, listed: usize) -> Table {
    let mut table = Table::new("", columns()).with_row(row("total", &report.total));
    for one in report.campaigns.iter().take(listed) {
        table = table.with_row(row(&one.name, &one.metrics));
    }
    let left = report.campaigns.len().saturating_sub(listed);
    if left > 0 { table.with_note(format!("{left} more campaigns")) } else { table }
}

/// The report as aligned text.
#[must_use]
pub fn to_text(report: &RunReport) -> String {
    let run = &report.run;
    let mut text = format!(
        "{} (seed {}, law {}): {} auctions, {} ticks, {} events posted, {} duplicates, \
         {} set aside, {} audit failures\n\n{}",
        report.scenario,
        report.seed,
        report.law,
        run.auctions,
        run.ticks,
        run.events_posted,
        run.events_duplicate,
        run.events_refused,
        run.audit_failures,
        table(report, LISTED_MAX).to_text(),
    );
    for finding in &report.audit {
        text.push_str(&format!("audit: {finding}\n"));
    }
    for miss in &report.misses {
        text.push_str(&format!("missed: {miss}\n"));
    }
    text
}
