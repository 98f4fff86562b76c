//! The first page: how all campaigns stand, and which of them need a look.
//!
//! Knows what was asked of the engines and how to show it. Called by `console`.

use super::filter::NEAR_PER_CENT;
use super::first_causes::FirstCauses;
use super::history::{self, History};
use super::overview::{self, Amounts, Portfolio, Question, Row};
use super::sort::{Order, Sort};
use super::view::View;
use super::{absence, frame, search, words};
use crate::partition::Partitions;
use paceline_core::table::EntryState;
use paceline_core::units::{Currency, Nanos, Ppm, Span, Timestamp};
use paceline_view::number::percent;
use paceline_view::{
    Block, Cell, Chart, Column, NavLink, Page, Section, Series, Sparkline, State, Table, Tile,
};

/// Rows of a page: what a person can scroll through, and what keeps a page under a megabyte.
const ROWS: usize = 200;

/// One question to each partition.
pub(super) async fn ask(partitions: &Partitions, view: &View, causes: &FirstCauses) -> Portfolio {
    let (filter, order) = (view.filter.clone(), view.order);
    let skip = (view.page - 1).saturating_mul(ROWS);
    overview::ask(partitions, &Question { filter, order, skip, take: ROWS }, causes).await
}

pub(super) fn page(
    told: &Portfolio,
    view: &View,
    history: &History,
    partitions: &Partitions,
) -> Page {
    let now = partitions.clock().now();
    let count = told.campaigns();
    let noun = if count == 1 { "campaign" } else { "campaigns" };
    let mut top = Section::new("");
    for (partition, error) in &told.missing {
        top = top.with(Block::Notice(State::Watch, absence(*partition, error)));
    }
    let top = top.with(Block::Tiles(tiles(told, now, partitions.count())));
    let page = frame("Portfolio", "/")
        .with_subtitle(format!("{count} {noun} · {}", words::moment(now)))
        .with_section(top);
    // Whoever is filling in the form keeps what they have typed.
    let page = if view.is_asking { page } else { page.with_refresh(super::REFRESH) };
    let page = match told.notices.section() {
        Some(notices) => page.with_section(notices),
        None => page,
    };
    page.with_section(Section::new("").with(charts(told, history)))
        .with_section(campaigns(told, view, history))
        .with_footer(
            "Planned so far is what was spent when the plan was last made, plus what it has \
             planned since. Plans are made anew every hour. Amounts are those of the current \
             flights.",
        )
}

/// The currencies with the most campaigns, at most as many as have a history.
fn currencies(told: &Portfolio) -> Vec<(Currency, Amounts)> {
    let mut all: Vec<_> = told.totals.iter().map(|(code, amounts)| (*code, *amounts)).collect();
    all.sort_by_key(|(_, amounts)| std::cmp::Reverse(amounts.campaigns));
    all.truncate(history::CURRENCIES_MAX);
    all
}

fn tiles(told: &Portfolio, now: Timestamp, partitions: u8) -> Vec<Tile> {
    let mut tiles = Vec::new();
    for (currency, amounts) in currencies(told) {
        tiles.extend(progress(&amounts, currency));
        tiles.push(
            Tile::new("Money at risk", words::amount(amounts.outstanding, currency)).with_note(
                format!("in allowances; {} in flight", words::amount(amounts.in_flight, currency)),
            ),
        );
    }
    tiles.push(states(told));
    tiles.extend(tables(told, now));
    tiles.push(watermark(told.watermark, now));
    let led = told.tables.len();
    tiles.push(
        Tile::new("Leader", if led == 0 { "elsewhere" } else { "this process" })
            .with_note(format!("leads {led} of {partitions} partitions"))
            .with_state(if led == usize::from(partitions) { State::Good } else { State::Idle }),
    );
    tiles
}

/// Spent and planned. Campaigns without a plan, before, after and between their flights, count as
/// spent and are measured against nothing.
fn progress(amounts: &Amounts, currency: Currency) -> [Tile; 2] {
    let spent = Tile::new("Spent so far", words::amount(amounts.actual, currency));
    let planned = "Planned so far";
    if amounts.paced == 0 {
        let none = Tile::new(planned, "nothing").with_note("no flight with a budget is on");
        return [spent.with_state(State::Idle), none];
    }
    let ratio = ratio(amounts.paced_actual, amounts.planned);
    let is_near = (ratio - 1.0).abs() * 100.0 <= f64::from(NEAR_PER_CENT) || amounts.planned == 0;
    let others = match amounts.campaigns - amounts.paced {
        0 => String::new(),
        count => format!("; {count} without a plan now"),
    };
    let spent = spent
        .with_note(format!("{} of plan{others}", percent(ratio, 1)))
        .with_state(if is_near { State::Good } else { State::Watch });
    [spent, Tile::new(planned, words::amount(amounts.planned, currency))]
}

fn states(told: &Portfolio) -> Tile {
    let states = told.states;
    let state = match states.safe {
        0 => State::Good,
        _ => State::Bad,
    };
    let others = [
        (states.paused, "paused"),
        (states.exhausted, "exhausted"),
        (states.safe, "at safe values"),
    ];
    let note = others.map(|(count, word)| format!("{count} {word}")).join(", ");
    let running = format!("{} running", states.running);
    Tile::new("Campaigns", running).with_note(note).with_state(state)
}

/// The oldest table; its generation when there is but one.
fn tables(told: &Portfolio, now: Timestamp) -> Option<Tile> {
    let oldest = told.tables.iter().min_by_key(|table| table.as_of)?;
    let value = match told.tables.len() {
        1 => oldest.generation.to_string(),
        count => format!("{count} tables"),
    };
    if oldest.as_of == Timestamp::MIN {
        return Some(Tile::new("Table", "none yet").with_state(State::Watch));
    }
    let state = if now <= oldest.lease.valid_until { State::Good } else { State::Bad };
    let label = if told.tables.len() == 1 { "Table generation" } else { "Oldest table" };
    let note = format!("decided {} ago", words::age(now - oldest.as_of));
    Some(Tile::new(label, value).with_note(note).with_state(state))
}

/// How far spend is known.
pub(super) fn watermark(mark: Option<Timestamp>, now: Timestamp) -> Tile {
    let Some(mark) = mark else {
        return Tile::new("Spend known up to", "nothing").with_note("no spend event heard yet");
    };
    let late = now - mark;
    let state = match late {
        _ if late <= Span::MINUTE => State::Good,
        _ if late <= Span::from_mins(5) => State::Watch,
        _ => State::Bad,
    };
    Tile::new("Spend known up to", format!("{} ago", words::age(late)))
        .with_note(words::moment(mark))
        .with_state(state)
}

#[expect(clippy::cast_precision_loss, reason = "a ratio to look at")]
fn ratio(actual: i128, planned: i128) -> f64 {
    if planned <= 0 { f64::NAN } else { actual as f64 / planned as f64 }
}

fn charts(told: &Portfolio, history: &History) -> Block {
    let mut charts: Vec<Chart> = currencies(told)
        .into_iter()
        .map(|(currency, _)| {
            let points = history.totals(currency);
            let line = |of: fn(&Amounts) -> Option<i128>| {
                let place = |point: &history::TotalPoint| {
                    Some((words::second(point.at), words::height(of(&point.amounts)?)))
                };
                points.iter().filter_map(place).collect()
            };
            let spent = line(|amounts| Some(amounts.actual));
            // Where nothing is planned the line has nothing to say, not even zero.
            let planned = line(|amounts| (amounts.paced > 0).then_some(amounts.planned));
            Chart::over_time(format!("Spend against plan, {currency}"))
                .with_y_label(format!("{currency}, all campaigns"))
                .with_series(Series::step("spent", spent))
                .with_series(Series::line("planned", planned).as_plan())
        })
        .collect();
    if charts.len() == 1 {
        return charts.pop().map_or_else(|| Block::Charts(Vec::new()), Block::Chart);
    }
    Block::Charts(charts)
}

fn campaigns(told: &Portfolio, view: &View, history: &History) -> Section {
    let section = Section::new("Campaigns");
    if told.campaigns() == 0 {
        let empty = "There are no campaigns yet.".to_owned();
        return section.with(Block::Paragraph(empty));
    }
    let section = search::blocks(section, told, view);
    if told.found == 0 {
        return section;
    }
    let pages = usize::try_from(told.found).unwrap_or(usize::MAX).div_ceil(ROWS);
    let section = section.with(Block::Table(table(told, view, history)));
    if pages > 1 { section.with(Block::Links(pager(view, pages))) } else { section }
}

/// First, previous, this, next, last.
fn pager(view: &View, pages: usize) -> Vec<NavLink> {
    let to = |page: usize, text: &str| NavLink::new(text, view.at(page).href());
    let mut links = Vec::new();
    if view.page > 1 {
        links.push(to(1, "First"));
        links.push(to((view.page - 1).min(pages), "Previous"));
    }
    links.push(NavLink::current(format!("Page {} of {pages}", view.page), view.href()));
    if view.page < pages {
        links.push(to(view.page + 1, "Next"));
        links.push(to(pages, "Last"));
    }
    links
}

/// A heading that leads to the campaigns sorted by it, or the other way round.
fn sorted(column: Column, sort: Sort, view: &View) -> Column {
    let is_by = view.order.sort == sort;
    let order = if is_by { view.order.turned() } else { Order::by(sort) };
    let way = is_by.then(|| view.order.way.sorted());
    column.with_sorting(view.sorted(order).href(), way)
}

fn table(told: &Portfolio, view: &View, history: &History) -> Table {
    // The unit stands in the head when there is but one, else beside each name of a currency.
    let single = (told.totals.len() == 1).then(|| told.totals.keys().next()).flatten();
    let unit = single.map_or_else(String::new, ToString::to_string);
    let by = |sort: Sort, column: Column| sorted(column, sort, view);
    let mut columns = vec![
        by(Sort::Name, Column::text("campaign")),
        by(Sort::Advertiser, Column::text("advertiser")),
        by(Sort::Status, Column::text("state")),
        by(Sort::Budget, Column::number("budget", unit.as_str())),
        by(Sort::Planned, Column::number("planned", unit.as_str())),
        by(Sort::Spend, Column::number("spent", unit.as_str())),
        by(Sort::Pace, Column::text("spent of plan")),
        by(Sort::Multiplier, Column::number("multiplier", "×")),
        Column::text("of late"),
        by(Sort::Participation, Column::number("participation", "")),
        by(Sort::InFlight, Column::number("in flight", unit.as_str())),
    ];
    if single.is_none() {
        columns.push(by(Sort::Currency, Column::text("currency")));
    }
    let ids: Vec<_> = told.rows.iter().map(|row| row.id).collect();
    let mut table = Table::new(search::caption(view, told.totals.len()), columns);
    for (row, course) in told.rows.iter().zip(history.multipliers(&ids)) {
        table = table.with_row(cells(row, course, single.is_none()));
    }
    if told.campaigns() > history::CAMPAIGNS_MAX as u64 {
        let most = history::CAMPAIGNS_MAX;
        return table.with_note(format!("A history is kept of {most} campaigns."));
    }
    table
}

fn cells(row: &Row, course: Vec<f64>, has_currency: bool) -> Vec<Cell> {
    let share = |ppm: Option<Ppm>| ppm.map_or(f64::NAN, Ppm::as_f64);
    let money = |amount: Option<Nanos>| amount.map_or(Cell::Empty, words::cell);
    let pace = row.pace().unwrap_or(f64::NAN);
    let is_off = matches!(row.state, Some(EntryState::Paused) | None);
    let mut cells = vec![
        Cell::link(row.name.as_str(), words::campaign_href(row.name.as_str())),
        row.advertiser.as_ref().map_or(Cell::Empty, |name| Cell::text(name.as_str())),
        words::badge(row.state, row.reason),
        money(row.budget),
        money(row.planned),
        words::cell(row.actual),
        Cell::bar(pace, None),
        if is_off { Cell::Empty } else { Cell::number(share(row.multiplier), 3) },
        if course.is_empty() {
            Cell::Empty
        } else {
            Cell::Sparkline(Sparkline::new("multiplier", course))
        },
        if is_off { Cell::Empty } else { Cell::percent(share(row.participation), 1) },
        words::cell(row.in_flight),
    ];
    if has_currency {
        cells.push(Cell::text(row.currency.to_string()));
    }
    cells
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pager_leads_everywhere_from_anywhere_and_keeps_the_rest() {
        let at = |page: usize| {
            let view = View::read(&format!("sort=name&pace=behind&page={page}")).unwrap();
            let links = pager(&view, 3);
            links.into_iter().map(|link| link.href).collect::<Vec<_>>().join(" ")
        };
        let base = "/?pace=behind&sort=name";
        assert_eq!(at(1), format!("{base} {base}&page=2 {base}&page=3"));
        assert!(at(9).contains("&page=3"), "back from beyond the end");
    }
}
