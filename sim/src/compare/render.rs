//! A comparison as text for people and as JSON for programs; stable to the byte.
//!
//! The tables are also those of the page. Called by the command line, by the page and by tests.

use super::Comparison;
use super::cell::{Against, Cell};
use super::paired::Paired;
use super::plan::{Brief, Standing};
use super::world_line::{Spread, WorldLine};
use crate::number::length;
use paceline_view::{Align, Cell as Place, Column, State, Table, number};

impl Comparison {
    /// As JSON, with a line end.
    #[must_use]
    pub fn to_json(&self) -> String {
        crate::report::render::to_json(self)
    }

    /// What was run, the tables, then a line for every rule.
    #[must_use]
    pub fn to_text(&self) -> String {
        let mut text = String::new();
        for line in heading(&self.brief) {
            text.push_str(&line);
            text.push('\n');
        }
        for table in [world_table(&self.lines), cell_table(&self.cells), rival_table(self)] {
            text.push('\n');
            text.push_str(&table.to_text());
        }
        text.push('\n');
        if self.brief.standing == Standing::Unregistered {
            text.push_str("Not a judgement: these are not the registered runs.\n");
        }
        for verdict in &self.verdicts {
            text.push_str(&format!("{verdict}\n"));
        }
        text
    }
}

/// What was run and who had what.
pub(super) fn heading(brief: &Brief) -> Vec<String> {
    let standing = match (&brief.trial, brief.standing) {
        (None, _) => "Scenario files, not a registered trial".to_owned(),
        (Some(name), Standing::Registered) => format!("Trial {name}, as registered"),
        (Some(name), Standing::Part) => format!("Trial {name}, a part of what is registered"),
        (Some(name), Standing::Unregistered) => {
            format!("Trial {name}, but not by the registered seeds and contenders")
        }
    };
    let seeds: Vec<String> = brief.seeds.iter().map(u64::to_string).collect();
    let mut lines = vec![format!(
        "{standing}: {} worlds, {} contenders, seeds {}; {} is judged.",
        brief.worlds.len(),
        brief.contenders.len(),
        seeds.join(" "),
        brief.default,
    )];
    if !brief.skipped.is_empty() {
        lines.push(format!("Skipped, their data is not there: {}.", brief.skipped.join(", ")));
    }
    lines.push(
        "Who had what: all the same measurement (billed and expected spend at the watermark), the \
         same information (plan and forecast of the world), the same guard, brake and allowances."
            .to_owned(),
    );
    let tuned: Vec<String> = brief
        .contenders
        .iter()
        .filter_map(|name| Some((name, brief.tuning_runs.get(name).filter(|runs| **runs > 0)?)))
        .map(|(name, runs)| format!("{name} {runs}"))
        .collect();
    lines.push(if tuned.is_empty() {
        "Tuning runs: none for anybody.".to_owned()
    } else {
        format!("Tuning runs: {}; none for all others.", tuned.join(", "))
    });
    lines
}

/// A column of numbers that come as text.
fn numbers(name: &str, unit: &str) -> Column {
    Column { align: Align::Right, ..Column::number(name, unit) }
}

/// Mean, and least to most where seeds differ.
fn spread(spread: Option<Spread>, scale: f64, digits: u8) -> Place {
    let Some(Spread { mean, least, most }) = spread else { return Place::Empty };
    let text = |value: f64| number::fixed(scale * value, digits);
    if text(least) == text(most) {
        return Place::text(text(mean));
    }
    Place::text(format!("{} ({} to {})", text(mean), text(least), text(most)))
}

/// Worlds and contenders.
pub(super) fn world_table(lines: &[WorldLine]) -> Table {
    let columns = vec![
        Column::text("world"),
        Column::text("contender"),
        numbers("of oracle", "%"),
        numbers("utilisation", "%"),
        numbers("overspend", "%"),
        numbers("volatility", "/min"),
        numbers("plan error", "%"),
        numbers("dark", "h"),
        numbers("to 95 %", "min"),
        numbers("revenue", "USD"),
        numbers("surplus", "USD"),
        numbers("audit", ""),
    ];
    let table = Table::new("Worlds and contenders: mean (least to most seed)", columns);
    lines.iter().fold(table, |table, line| {
        table.with_row(vec![
            Place::text(&line.world),
            Place::text(&line.contender),
            spread(line.of_oracle, 100.0, 2),
            spread(line.utilisation, 100.0, 2),
            spread(line.overspend_ratio, 100.0, 3),
            spread(line.volatility_per_minute, 1.0, 4),
            spread(line.plan_error, 100.0, 2),
            spread(line.dark_hours, 1.0, 0),
            spread(line.minutes_to_95, 1.0, 0),
            spread(line.revenue_nanos, 1e-9, 2),
            spread(line.surplus_nanos, 1e-9, 2),
            Place::Count(line.audit_failures),
        ])
    })
}

/// In points, with the interval where there is one.
fn difference(paired: &Paired) -> Place {
    let points = |value: f64| format!("{:+.2}", 100.0 * value);
    Place::text(match (paired.low, paired.high) {
        (Some(low), Some(high)) => {
            format!("{} ({} to {})", points(paired.mean), points(low), points(high))
        }
        _ => points(paired.mean),
    })
}

fn chance(p: Option<f64>) -> Place {
    p.map_or(Place::Empty, |p| Place::number(p, 4))
}

/// How a cell stands against its best rival.
fn standing(best: Option<&Against>) -> Place {
    match best.map(|one| one.difference) {
        None => Place::Empty,
        Some(one) if one.high.is_some_and(|high| high < 0.0) => Place::status(State::Bad, "behind"),
        Some(one) if one.mean < 0.0 => Place::status(State::Watch, "maybe behind"),
        Some(one) if one.low.is_some_and(|low| low > 0.0) => Place::status(State::Good, "ahead"),
        Some(_) => Place::status(State::Idle, "even or ahead"),
    }
}

/// All cells, with the best rival of each.
pub(super) fn cell_table(cells: &[Cell]) -> Table {
    let columns = vec![
        numbers("cell", ""),
        Column::text("world"),
        Column::text("events a day"),
        Column::text("billed by"),
        numbers("campaigns", ""),
        numbers("of oracle", "%"),
        Column::text("best rival"),
        numbers("of oracle", "%"),
        numbers("difference", "points"),
        numbers("p, Holm", ""),
        Column::text(""),
    ];
    let caption = "Cells: value over oracle, the default less the best rival (95 % interval)";
    let table = Table::new(caption, columns);
    cells.iter().enumerate().fold(table, |table, (place, cell)| {
        let best = cell.best();
        table.with_row(vec![
            Place::number(length(place + 1), 0),
            Place::text(&cell.world),
            Place::text(cell.class.to_string()),
            Place::text(&cell.billing),
            Place::number(length(cell.campaigns), 0),
            Place::number(100.0 * cell.of_oracle, 2),
            best.map_or(Place::Empty, |best| Place::text(&best.rival)),
            best.map_or(Place::Empty, |best| Place::number(100.0 * best.of_oracle, 2)),
            best.map_or(Place::Empty, |best| difference(&best.difference)),
            chance(cell.p_holm),
            standing(best),
        ])
    })
}

/// Every rival over all cells.
pub(super) fn rival_table(comparison: &Comparison) -> Table {
    let columns =
        vec![Column::text("rival"), numbers("difference", "points"), numbers("p, Holm", "")];
    let overall = &comparison.overall;
    let caption = "All cells: the default less the rival, mean over cells (95 % interval)";
    let table = overall.rivals.iter().fold(Table::new(caption, columns), |table, one| {
        let rival = Place::text(&one.rival);
        table.with_row(vec![rival, difference(&one.difference), chance(one.p_holm)])
    });
    let best = Place::text("best of each cell");
    table.with_row(vec![best, difference(&overall.against_best), chance(overall.against_best.p)])
}
