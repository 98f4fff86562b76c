//! Tables as HTML.
//!
//! Called by `table` and by `page`.

use super::{Align, Cell, Column, Sorted, State, Table};
use crate::chart::pixel;
use crate::number;
use crate::text::{printable, safe_href};
use maud::{Markup, html};

/// Size of a bar in pixels.
const BAR: (f64, f64) = (72.0, 9.0);

pub(crate) fn table(table: &Table) -> Markup {
    html! {
        div.scroll role="region" tabindex="0" aria-label=(named(table)) {
            table {
                @if !table.caption.is_empty() { caption { (printable(&table.caption)) } }
                thead {
                    tr {
                        @for column in &table.columns { (heading(column)) }
                    }
                }
                tbody {
                    @for row in &table.rows {
                        tr {
                            @for (index, (column, cell)) in table.cells(row).enumerate() {
                                (place(index, column, cell))
                            }
                        }
                    }
                    @if table.rows.is_empty() {
                        tr { td.none colspan=(table.columns.len().max(1)) { "no rows" } }
                    }
                }
            }
        }
        @if !table.note.is_empty() { p.note { (printable(&table.note)) } }
    }
}

fn heading(column: &Column) -> Markup {
    let text = html! {
        (printable(&column.name))
        @if !column.unit.is_empty() { " " span.unit { (printable(&column.unit)) } }
    };
    let sorting = column.sorting.as_ref();
    let place = sorting.and_then(|sorting| safe_href(&sorting.href));
    let sorted = sorting.and_then(|sorting| sorting.sorted);
    let (told, sign) = match sorted {
        Some(Sorted::Rising) => (Some("ascending"), " ▲"),
        Some(Sorted::Falling) => (Some("descending"), " ▼"),
        None => (None, ""),
    };
    html! {
        th class=[class(column)] scope="col" aria-sort=[told] {
            @match place {
                Some(href) => a href=(href) { (text) },
                None => (text),
            }
            @if !sign.is_empty() { span aria-hidden="true" { (sign) } }
        }
    }
}

/// What a reader who does not see it is told that they are in.
fn named(table: &Table) -> String {
    let first = table.columns.first().map_or("", |column| column.name.as_str());
    match (table.caption.as_str(), first) {
        ("", "") => "Table".to_owned(),
        ("", first) => format!("Table, a {} a line", printable(first)),
        (caption, _) => printable(caption).into_owned(),
    }
}

fn place(index: usize, column: &Column, cell: &Cell) -> Markup {
    html! {
        @if index == 0 {
            th class=[class(column)] scope="row" { (content(cell)) }
        } @else {
            td class=[class(column)] { (content(cell)) }
        }
    }
}

fn class(column: &Column) -> Option<&'static str> {
    (column.align == Align::Right).then_some("num")
}

/// What stands in a cell.
pub(crate) fn content(cell: &Cell) -> Markup {
    match cell {
        Cell::Empty => html! { span.quiet { (number::NONE) } },
        Cell::Text(text) => html! { (printable(text)) },
        Cell::Number { value, digits } => html! { (number::fixed(*value, *digits)) },
        Cell::Count(count) => html! { (super::plain::count(*count)) },
        Cell::Percent { ratio, digits } => html! { (number::percent(*ratio, *digits)) },
        Cell::Money { nanos, digits } => html! { (number::money(*nanos, *digits)) },
        Cell::Bar { ratio, mark } => bar(*ratio, *mark),
        Cell::Status(state, text) => status(*state, text),
        Cell::Link { text, href } => match safe_href(href) {
            Some(href) => html! { a href=(href) { (printable(text)) } },
            None => html! { (printable(text)) },
        },
        Cell::Sparkline(line) => line.embed(104, 24),
    }
}

/// A state: its sign, its colour and its word.
pub(crate) fn status(state: State, text: &str) -> Markup {
    html! {
        span class={ "status " (state.class()) } {
            span aria-hidden="true" { (state.sign()) } " " (printable(text))
        }
    }
}

fn bar(ratio: f64, mark: Option<f64>) -> Markup {
    if !ratio.is_finite() {
        return content(&Cell::Empty);
    }
    let (width, height) = BAR;
    let place = |share: f64| share.clamp(0.0, 1.0) * width;
    html! {
        span.bar {
            svg viewBox={ "0 0 " (width) " " (height) } width=(width) height=(height)
                aria-hidden="true" {
                rect.rail width=(width) height=(height) rx="2" {}
                rect class=(if ratio > 1.0 { "fill over" } else { "fill" })
                    width=(pixel(place(ratio))) height=(height) rx="2" {}
                @if let Some(mark) = mark.filter(|mark| mark.is_finite()) {
                    path.tick d=(format!("M{:.1} 0v{height}", place(mark))) {}
                }
            }
            " " (number::percent(ratio, 0))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_is_escaped() {
        let evil = "<script>alert('x')</script>\"&";
        let table = Table::new(evil, vec![Column::text(evil), Column::number(evil, evil)])
            .with_row(vec![Cell::text(evil), Cell::status(State::Bad, evil)])
            .with_row(vec![Cell::link(evil, evil), Cell::link(evil, "javascript:alert(1)")])
            .with_note(evil);
        let html = table.to_html();
        assert!(!html.contains("<script") && !html.contains("javascript"), "{html}");
        assert_eq!(html.matches("&lt;script&gt;").count(), 11, "{html}");
        assert!(html.contains("&quot;&amp;"), "{html}");
    }

    #[test]
    fn headings_have_scopes() {
        let table = Table::new("", vec![Column::text("a"), Column::number("b", "EUR")])
            .with_row(vec![Cell::text("x")]);
        let html = table.to_html();
        assert!(html.contains("<th class=\"num\" scope=\"col\">b <span class=\"unit\">EUR</span>"));
        assert!(html.contains("<th scope=\"row\">x</th>"), "{html}");
        assert!(html.contains("<td class=\"num\"><span class=\"quiet\">–</span></td>"), "{html}");
    }

    #[test]
    fn a_heading_that_sorts_is_a_link_and_says_which_way() {
        let columns = vec![
            Column::text("name").with_sorting("/?sort=name", None),
            Column::number("spent", "EUR").with_sorting("/?sort=spend", Some(Sorted::Falling)),
            Column::text("evil").with_sorting("javascript:alert(1)", None),
        ];
        let html = Table::new("", columns).to_html();
        assert!(html.contains("scope=\"col\"><a href=\"/?sort=name\">name</a></th>"), "{html}");
        let due = "scope=\"col\" aria-sort=\"descending\"><a href=\"/?sort=spend\">spent \
                   <span class=\"unit\">EUR</span></a><span aria-hidden=\"true\"> ▼</span>";
        assert!(html.contains(due), "{html}");
        assert!(html.contains("<th scope=\"col\">evil</th>"), "{html}");
    }

    #[test]
    fn bars_never_leave_their_rail() {
        let html = bar(1.7, Some(0.5)).into_string();
        assert!(html.contains("class=\"fill over\" width=\"72.0\""), "{html}");
        assert!(html.contains("170%"), "{html}");
        assert!(bar(f64::NAN, None).into_string().contains('–'));
    }
}
