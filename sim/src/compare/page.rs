//! A comparison as one self-contained page: rules, who stands where, differences, tables.
//!
//! Called by the command line.

use super::Comparison;
use super::cell::Cell;
use super::plan::Standing;
use super::render::{cell_table, heading, rival_table, world_table};
use super::verdict::Ruling;
use super::world_line::over_worlds;
use crate::number::length;
use paceline_view::{Axis, Block, Chart, Page, Reference, Section, Series, State, Tone};

/// Below this a mean move a minute is drawn as this: a logarithmic axis has no zero.
const VOLATILITY_LEAST: f64 = 1e-4;
/// Room beside the outermost points, as a share of their range.
const ROOM: f64 = 0.08;

impl Comparison {
    /// The page as HTML.
    #[must_use]
    pub fn to_html(&self) -> String {
        let title = self.brief.trial.clone().unwrap_or_else(|| "Contenders".to_owned());
        let mut first = Section::new("");
        for line in heading(&self.brief) {
            first = first.with(Block::Paragraph(line));
        }
        let mut rules = Section::new("Rules");
        if self.brief.standing == Standing::Unregistered {
            let told = "Not a judgement: these are not the registered runs.";
            rules = rules.with(Block::Notice(State::Watch, told.to_owned()));
        }
        for verdict in &self.verdicts {
            let state = match verdict.ruling {
                Ruling::Met => State::Good,
                Ruling::Missed => State::Bad,
                Ruling::Open => State::Idle,
            };
            let told = format!("{}: {}", verdict.rule, verdict.found);
            rules = rules.with(Block::Notice(state, told));
        }
        let charts = vec![self.overspend_chart(), self.value_chart()];
        let differences = Section::new("Cells")
            .with(Block::Chart(difference_chart(&self.cells)))
            .with(Block::Table(cell_table(&self.cells)))
            .with(Block::Table(rival_table(self)));
        Page::new(title)
            .with_subtitle(format!("{} against all others", self.brief.default))
            .with_section(first)
            .with_section(rules)
            .with_section(Section::new("Who stands where").with(Block::Charts(charts)))
            .with_section(differences)
            .with_section(Section::new("Worlds").with(Block::Table(world_table(&self.lines))))
            .to_html()
    }

    /// Better is to the right and below.
    fn overspend_chart(&self) -> Chart {
        let point = |name: &str| {
            let used = over_worlds(&self.lines, name, |line| line.utilisation)?;
            Some((used, over_worlds(&self.lines, name, |line| line.overspend_ratio)?))
        };
        let chart = Chart::new("Overspend against utilisation: better is right and low");
        self.scatter(chart, point).with_x_label("utilisation").with_y_label("overspend")
    }

    /// Better is to the right and below.
    fn value_chart(&self) -> Chart {
        let point = |name: &str| {
            let value = over_worlds(&self.lines, name, |line| line.of_oracle)?;
            let moves = over_worlds(&self.lines, name, |line| line.volatility_per_minute)?;
            Some((value, moves.max(VOLATILITY_LEAST)))
        };
        let chart = Chart::new("Volatility against value: better is right and low");
        let mut chart = self.scatter(chart, point).with_log_y();
        chart.y = Axis::Number;
        chart
            .with_x_label("value over oracle")
            .with_y_label(format!("per minute; less than {VOLATILITY_LEAST} is drawn there"))
    }

    /// A dot for every contender, mean over worlds.
    fn scatter(&self, chart: Chart, point: impl Fn(&str) -> Option<(f64, f64)>) -> Chart {
        let named = self.brief.contenders.iter().filter_map(|name| Some((name, point(name)?)));
        let points: Vec<(&String, (f64, f64))> = named.collect();
        let low = points.iter().map(|point| point.1.0).fold(f64::INFINITY, f64::min);
        let high = points.iter().map(|point| point.1.0).fold(f64::NEG_INFINITY, f64::max);
        let room = ROOM * (high - low).max(0.001);
        let chart = points.into_iter().fold(chart, |chart, (name, point)| {
            chart.with_series(Series::dots(name.clone(), vec![point]))
        });
        let mut chart = chart.with_y(Axis::Percent).with_x_range(low - room, high + room);
        chart.x = Axis::Percent;
        chart
    }
}

/// Every cell's difference to its best rival, by its number in the table.
fn difference_chart(cells: &[Cell]) -> Chart {
    let numbered = || {
        let all = cells.iter().enumerate();
        all.filter_map(|(place, cell)| Some((length(place + 1), cell.best()?.difference)))
    };
    let means = numbered().map(|(x, one)| (x, one.mean)).collect();
    let intervals = numbered().filter_map(|(x, one)| Some((x, one.low?, one.high?))).collect();
    Chart::new("Value over oracle, the default less each cell's best rival")
        .with_x_label("cell")
        .with_x_range(0.5, length(cells.len()) + 0.5)
        .with_y(Axis::Percent)
        .with_y_label("difference, with 95 % interval")
        .with_series(Series::bars("interval", intervals).with_tone(Tone::Muted))
        .with_series(Series::dots("mean", means).with_tone(Tone::Palette(0)))
        .with_reference(Reference::at_y(-0.005, "half a point behind"))
}
