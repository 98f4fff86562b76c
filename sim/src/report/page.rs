//! A report as one self-contained page: totals, all campaigns in a table, courses of the worst.
//!
//! Called by the command line.

use super::render::table;
use super::series::{Point, Series as Course, together};
use super::{CampaignReport, RunReport};
use paceline_core::units::{Nanos, Span, Timestamp};
use paceline_view::{Axis, Block, Chart, Page, Section, Series, State, Tile, number};

/// Campaigns with charts of their own: the worst ones.
const WORST: usize = 10;
/// Campaigns listed.
const LISTED_MAX: usize = 1_000;

/// Several reports on one page: totals, courses and campaigns of each.
#[must_use]
pub fn all_to_html(reports: &[RunReport]) -> String {
    let mut page = Page::new(format!("{} worlds", reports.len()));
    for report in reports {
        let title = format!("{}, seed {}, law {}", report.scenario, report.seed, report.law);
        let campaigns = Block::Table(table(report, LISTED_MAX));
        page = page.with_section(summary(title, report).with(campaigns));
    }
    page.to_html()
}

/// The page as HTML.
#[must_use]
pub fn to_html(report: &RunReport) -> String {
    let subtitle = format!("seed {}, law {}", report.seed, report.law);
    let mut page = Page::new(report.scenario.clone())
        .with_subtitle(subtitle)
        .with_section(summary(String::new(), report))
        .with_section(Section::new("Campaigns").with(Block::Table(table(report, LISTED_MAX))));
    let mut order: Vec<&CampaignReport> = report.campaigns.iter().collect();
    order.sort_by(|a, b| badness(b).total_cmp(&badness(a)).then(a.name.cmp(&b.name)));
    for one in order.into_iter().take(WORST) {
        page = page.with_section(campaign(one));
    }
    page.to_html()
}

/// How far a campaign is from spending exactly what it could.
fn badness(one: &CampaignReport) -> f64 {
    1.0 - one.metrics.utilisation.unwrap_or(1.0) + one.metrics.overspend_ratio
}

fn summary(title: String, report: &RunReport) -> Section {
    let total = &report.total;
    let share = |ratio: Option<f64>, digits| {
        ratio.map_or_else(|| "unknown".to_owned(), |ratio| number::percent(ratio, digits))
    };
    let tiles = vec![
        Tile::new("spend", number::money(total.spend_nanos, 2)),
        Tile::new("utilisation", share(total.utilisation, 2)),
        Tile::new("overspend", share(Some(total.overspend_ratio), 3)),
        Tile::new("dark hours", total.dark_hours.to_string()),
        Tile::new("audit failures", report.run.audit_failures.to_string())
            .with_state(if report.run.audit_failures == 0 { State::Good } else { State::Bad }),
    ];
    let mut section = Section::new(title).with(Block::Tiles(tiles));
    for miss in &report.misses {
        section = section.with(Block::Notice(State::Bad, miss.to_string()));
    }
    let courses: Vec<&Course> = report.campaigns.iter().map(|one| &one.series).collect();
    let points = together(&courses);
    let spent = points.iter().map(|(at, spent, _)| (seconds(*at), units(*spent))).collect();
    let planned = points.iter().map(|(at, _, planned)| (seconds(*at), units(*planned))).collect();
    section.with(Block::Chart(
        Chart::over_time("All campaigns: spend against plan")
            .with_y_label("cumulative spend, USD")
            .with_series(Series::line("plan", planned).as_plan())
            .with_series(Series::line("spend", spent)),
    ))
}

fn campaign(one: &CampaignReport) -> Section {
    let points = &one.series.points;
    let row = |take: fn(&Point) -> f64| -> Vec<(f64, f64)> {
        points.iter().map(|point| (seconds(point.at), take(point))).collect()
    };
    let planned = points
        .iter()
        .filter_map(|point| Some((seconds(point.at), units(point.planned?))))
        .collect();
    let spend = Chart::over_time("Spend against plan")
        .with_y_label("cumulative spend, USD")
        .with_series(Series::line("plan", planned).as_plan())
        .with_series(Series::line("spend", row(|point| units(point.spent))));
    let signal = Chart::over_time("Multiplier and participation")
        .with_y(Axis::Percent)
        .with_y_label("published")
        .with_series(Series::step("multiplier", row(|point| point.multiplier)))
        .with_series(Series::step("participation", row(|point| point.participation)));
    Section::new(one.name.clone()).with(Block::Charts(vec![spend, signal]))
}

fn seconds(at: Timestamp) -> f64 {
    (at - Timestamp::MIN).ratio_to(Span::from_secs(1))
}

fn units(amount: Nanos) -> f64 {
    amount.ratio_to(Nanos::from_units(1))
}
