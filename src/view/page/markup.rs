//! Pages as HTML.
//!
//! Called by `page`.

use super::{Block, CONTENT_SECURITY_POLICY, NavLink, Page, Section, Tile, form};
use crate::table::{self, Cell, State};
use crate::text::{printable, safe_href};
use maud::{DOCTYPE, Markup, PreEscaped, html};

/// Size of a chart across the page, and of one beside another, in pixels.
const WIDE: (u32, u32) = (1_120, 320);
const HALF: (u32, u32) = (560, 290);

const CSS: &str = concat!(
    include_str!("../style/theme.css"),
    include_str!("../style/chart.css"),
    include_str!("../style/page.css"),
);

pub(super) fn page(page: &Page) -> Markup {
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta http-equiv="Content-Security-Policy" content=(CONTENT_SECURITY_POLICY);
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                @if let Some(seconds) = page.refresh.filter(|seconds| *seconds > 0) {
                    meta http-equiv="refresh" content=(seconds);
                }
                title { (printable(&page.title)) }
                link rel="icon" href="data:,";
                style { (PreEscaped(CSS)) }
            }
            body {
                (top(page))
                main {
                    header {
                        h1 { (printable(&page.title)) }
                        @if !page.subtitle.is_empty() { p { (printable(&page.subtitle)) } }
                    }
                    @for part in &page.sections { (section(part)) }
                }
                @if !page.footer.is_empty() { footer { (printable(&page.footer)) } }
            }
        }
    }
}

fn top(page: &Page) -> Markup {
    if page.nav.is_empty() && page.brand.is_empty() {
        return Markup::default();
    }
    html! {
        nav aria-label="Pages" {
            @if !page.brand.is_empty() { strong { (printable(&page.brand)) } }
            @for link in &page.nav { (nav_link(link)) }
        }
    }
}

fn nav_link(link: &NavLink) -> Markup {
    let current = link.is_current.then_some("page");
    html! {
        @if let Some(href) = safe_href(&link.href) {
            a href=(href) aria-current=[current] { (printable(&link.text)) }
        } @else {
            span { (printable(&link.text)) }
        }
    }
}

fn section(section: &Section) -> Markup {
    html! {
        section {
            @if !section.heading.is_empty() { h2 { (printable(&section.heading)) } }
            @for block in &section.blocks { (self::block(block)) }
        }
    }
}

fn block(block: &Block) -> Markup {
    match block {
        Block::Tiles(tiles) => html! { dl.tiles { @for tile in tiles { (self::tile(tile)) } } },
        Block::Paragraph(text) => html! { p { (printable(text)) } },
        // Lines and tabs are kept: only other control characters are replaced.
        Block::Code(text) => html! {
            pre tabindex="0" {
                @for line in text.lines() { (printable(&line.replace('\t', "    "))) "\n" }
            }
        },
        Block::Notice(state, text) => html! {
            p class={ "notice " (state.class()) } role="status" {
                span aria-hidden="true" { (state.sign()) } " " (printable(text))
            }
        },
        Block::Facts(facts) => html! { div.card { (self::facts(facts)) } },
        Block::Chart(chart) => html! { figure.card.wide { (chart.embed(WIDE.0, WIDE.1)) } },
        Block::Charts(charts) => html! {
            div.charts {
                @for chart in charts { figure.card { (chart.embed(HALF.0, HALF.1)) } }
            }
        },
        Block::Table(table) => html! { div.card { (table::embed(table)) } },
        Block::Links(links) => html! {
            p.links { @for link in links { (nav_link(link)) " " } }
        },
        Block::Form(form) => html! { div.card { (form::draw(form)) } },
        Block::Details(part) => html! {
            details open[part.is_open] {
                summary { (printable(&part.summary)) }
                @for block in &part.blocks { (self::block(block)) }
            }
        },
    }
}

fn tile(tile: &Tile) -> Markup {
    html! {
        @let class = tile.state.map_or("plain", State::class);
        div class={ "card tile " (class) } {
            dt { (printable(&tile.label)) }
            dd.value { (printable(&tile.value)) }
            @if let Some(line) = &tile.sparkline { dd { (line.embed(160, 30)) } }
            @if !tile.note.is_empty() {
                dd.note {
                    @match tile.state {
                        Some(state) => (table::status(state, &tile.note)),
                        None => (printable(&tile.note)),
                    }
                }
            }
        }
    }
}

fn facts(facts: &[(String, Cell)]) -> Markup {
    html! {
        dl.facts {
            @for (name, cell) in facts {
                dt { (printable(name)) }
                dd { (table::cell(cell)) }
            }
        }
    }
}
