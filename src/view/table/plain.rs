//! Tables as plain text.
//!
//! Called by `table`.

use super::{Align, Cell, Column, Table};
use crate::number;
use crate::text::{cells, printable};

/// Letters of a bar.
const BAR: u32 = 10;
/// Between columns.
const GUTTER: &str = "  ";

pub(super) fn table(table: &Table) -> String {
    let heads: Vec<String> = table.columns.iter().map(head).collect();
    let rows: Vec<Vec<String>> = table
        .rows
        .iter()
        .map(|row| table.cells(row).map(|(_, cell)| content(cell)).collect())
        .collect();
    let widths: Vec<usize> = (0..heads.len())
        .map(|index| {
            let below = rows.iter().map(|row| cells(&row[index])).max().unwrap_or(0);
            below.max(cells(&heads[index]))
        })
        .collect();
    let rules = widths.iter().map(|width| "─".repeat(*width)).collect();
    let mut text = String::new();
    if !table.caption.is_empty() {
        text += &printable(&table.caption);
        text.push('\n');
    }
    for line in [heads, rules].into_iter().chain(rows) {
        push_line(&mut text, table, &widths, &line);
    }
    if table.rows.is_empty() {
        text += "no rows\n";
    }
    if !table.note.is_empty() {
        text += &printable(&table.note);
        text.push('\n');
    }
    text
}

fn push_line(text: &mut String, table: &Table, widths: &[usize], line: &[String]) {
    let start = text.len();
    for (index, (cell, width)) in line.iter().zip(widths).enumerate() {
        if index > 0 {
            *text += GUTTER;
        }
        let room = " ".repeat(width.saturating_sub(cells(cell)));
        match table.columns[index].align {
            Align::Left => *text += &(cell.clone() + &room),
            Align::Right => *text += &(room + cell),
        }
    }
    let end = start + text[start..].trim_end().len();
    text.truncate(end);
    text.push('\n');
}

fn head(column: &Column) -> String {
    let name = printable(&column.name);
    if column.unit.is_empty() {
        name.into_owned()
    } else {
        format!("{name} {}", printable(&column.unit))
    }
}

fn content(cell: &Cell) -> String {
    match cell {
        Cell::Empty => number::NONE.to_owned(),
        Cell::Text(text) | Cell::Link { text, .. } => printable(text).into_owned(),
        Cell::Number { value, digits } => number::fixed(*value, *digits),
        Cell::Count(value) => count(*value),
        Cell::Percent { ratio, digits } => number::percent(*ratio, *digits),
        Cell::Money { nanos, digits } => number::money(*nanos, *digits),
        Cell::Bar { ratio, .. } => bar(*ratio),
        Cell::Status(state, text) => format!("{} {}", state.sign(), printable(text)),
        Cell::Sparkline(line) => line.to_text(),
    }
}

/// A whole number, grouped.
pub(super) fn count(value: u64) -> String {
    number::money(i128::from(value) * 1_000_000_000, 0)
}

fn bar(ratio: f64) -> String {
    if !ratio.is_finite() {
        return number::NONE.to_owned();
    }
    let full = f64::from(BAR);
    let bar = (1..=BAR).map(|step| {
        let is_full = f64::from(step) <= (ratio * full).round();
        if is_full { '█' } else { '░' }
    });
    format!("{} {:>4}", bar.collect::<String>(), number::percent(ratio, 0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sparkline::Sparkline;
    use crate::table::State;

    #[test]
    fn columns_are_aligned_by_what_is_seen() {
        let columns = vec![
            Column::text("campaign"),
            Column::number("spend", "EUR"),
            Column::text("used"),
            Column::text("state"),
        ];
        let table = Table::new("", columns)
            .with_row(vec![
                Cell::text("日本語"),
                Cell::money(1_234_500_000_000_i64),
                Cell::bar(0.42, None),
                Cell::status(State::Good, "on plan"),
            ])
            .with_row(vec![Cell::text("a\u{1b}[2J"), Cell::money(-5_000_000_i64)])
            .with_note("1 more");
        let expected = "\
campaign  spend EUR  used             state
────────  ─────────  ───────────────  ─────────
日本語     1,234.50  ████░░░░░░  42%  ● on plan
a\u{fffd}[2J          0.00  –                –
1 more
";
        assert_eq!(table.to_text(), expected);
    }

    #[test]
    fn a_table_without_rows_says_so() {
        let table = Table::new("Faults", vec![Column::text("what")]);
        assert_eq!(table.to_text(), "Faults\nwhat\n────\nno rows\n");
    }

    #[test]
    fn counts_and_courses_are_shown() {
        assert_eq!(content(&Cell::Count(u64::MAX)), "18,446,744,073,709,551,615");
        let line = Sparkline::new("x", vec![1.0, 2.0]);
        assert_eq!(content(&Cell::Sparkline(line)), "▅█");
    }
}
