//! Every budget: advertisers, their groups and campaigns, what each may spend, has spent and has
//! left, and which of them binds.
//!
//! Knows what was asked of the engines and how to show it. Called by `console`.

use super::tree::{self, Branch, Owner, Tree};
use super::view::{self, QUERY_BYTES_MAX};
use super::{Console, absence, frame, not_understood, respond, unknown, unled, words};
use axum::extract::{RawQuery, State};
use axum::http::StatusCode;
use axum::response::Response;
use paceline_core::budget::{BudgetOwner, Horizon};
use paceline_core::ledger::Account;
use paceline_core::units::{CampaignId, Nanos};
use paceline_view::{Block, Cell, Column, Details, NavLink, Page, Section, State as Judged, Table};

/// Owners of a page: what a person can look through, and what keeps a page under a megabyte.
const ROWS: usize = 100;

/// The address of the budgets that a campaign spends from.
pub(super) fn href_of(campaign: &str) -> String {
    format!("/budgets?campaign={}", words::escaped(campaign))
}

/// A page of the tree; or, with `campaign`, the budgets that it spends from.
pub(super) async fn list(State(console): State<Console>, RawQuery(query): RawQuery) -> Response {
    let query = query.unwrap_or_default();
    let asked = view::asked(&query, &["campaign", "page"], QUERY_BYTES_MAX);
    let (query, page) = match asked.and_then(|asked| Ok((view::page(&asked)?, asked))) {
        Ok((page, asked)) => (asked, page),
        Err(wrong) => return not_understood(&wrong),
    };
    let name = query.get("campaign");
    if !name.is_empty() {
        return one(&console, name).await;
    }
    let told = tree::ask(&console.partitions, (page - 1).saturating_mul(ROWS), ROWS).await;
    match told.missing.first() {
        Some((partition, error)) if told.owners == 0 => unled(*partition, error),
        _ => respond(StatusCode::OK, &whole(&told, page)),
    }
}

async fn one(console: &Console, name: &str) -> Response {
    let id = CampaignId::of(name);
    let Some(partition) = console.partitions.of_campaign(id) else { return unknown() };
    let Some(handle) = console.partitions.get(partition) else { return unknown() };
    match handle.ask(move |engine| tree::of_campaign(engine, id)).await {
        Err(error) => unled(partition, &error),
        Ok(None) => unknown(),
        Ok(Some(branch)) => {
            let links = vec![
                NavLink::new("Back to the campaign", words::campaign_href(name)),
                NavLink::new("All budgets", "/budgets"),
            ];
            let section = Section::new("").with(drawn(&branch, true)).with(Block::Links(links));
            let page = frame(&format!("What {name} spends from"), "").with_section(section);
            respond(StatusCode::OK, &page.with_footer(FOOTER))
        }
    }
}

const FOOTER: &str = "Spent is billed, in flight is won and not yet billed; left is what neither \
                      has taken of the cap. Tight is the budget that an owner's plan goes by; a \
                      campaign follows the least of its own plan, its group's and its \
                      advertiser's. A page shows what is now: load it again for later.";

fn whole(told: &Tree, page: usize) -> Page {
    let mut section = Section::new("");
    for (partition, error) in &told.missing {
        section = section.with(Block::Notice(Judged::Watch, absence(*partition, error)));
    }
    if told.owners == 0 {
        let none = "There is nobody to have a budget yet.".to_owned();
        section = section.with(Block::Paragraph(none));
    }
    for branch in &told.branches {
        section = section.with(drawn(branch, false));
    }
    let pages = told.owners.div_ceil(ROWS);
    if pages > 1 {
        section = section.with(Block::Links(pager(page, pages)));
    }
    let count = told.owners;
    frame("Budgets", "/budgets")
        .with_subtitle(format!("{count} advertisers, groups and campaigns"))
        .with_section(section)
        .with_footer(FOOTER)
}

fn pager(page: usize, pages: usize) -> Vec<NavLink> {
    let to = |page: usize, text: &str| NavLink::new(text, format!("/budgets?page={page}"));
    let mut links = Vec::new();
    if page > 1 {
        links.extend([to(1, "First"), to((page - 1).min(pages), "Previous")]);
    }
    let here = format!("Page {page} of {pages}");
    links.push(NavLink::current(here, format!("/budgets?page={page}")));
    if page < pages {
        links.extend([to(page + 1, "Next"), to(pages, "Last")]);
    }
    links
}

/// An advertiser and what stands below it. Campaigns are closed at first unless all are to be open.
pub(super) fn drawn(branch: &Branch, is_open: bool) -> Block {
    let mut line: Vec<Details> = Vec::new();
    for owner in &branch.owners {
        close(&mut line, owner.depth);
        let is_campaign = matches!(owner.told.owner, BudgetOwner::Campaign(_));
        line.push(part(owner, branch, is_open || !is_campaign));
    }
    close(&mut line, 1);
    line.pop().map_or_else(|| Block::Paragraph("Nobody is here.".to_owned()), Block::Details)
}

/// Puts what is deeper than `depth` into what stands above it.
fn close(line: &mut Vec<Details>, depth: usize) {
    while line.len() > depth.max(1) {
        let (Some(done), Some(above)) = (line.pop(), line.last_mut()) else { return };
        above.blocks.push(Block::Details(done));
    }
}

fn part(owner: &Owner, branch: &Branch, is_open: bool) -> Details {
    let kind = match owner.told.owner {
        BudgetOwner::Advertiser(_) => "advertiser",
        BudgetOwner::Group(_) => "group",
        BudgetOwner::Campaign(_) => "campaign",
    };
    let name = owner.name.as_str();
    let follows = owner.binding.as_ref().map(|binding| format!(": follows {binding}"));
    let again = if owner.is_repeated { ", continued" } else { "" };
    let summary = format!("{kind} {name}{again}{}", follows.unwrap_or_default());
    let mut blocks = Vec::new();
    if !owner.is_repeated {
        blocks.push(table(owner, branch).map_or_else(
            || Block::Paragraph("It has no budget and no cap of its own.".to_owned()),
            Block::Table,
        ));
    }
    if kind == "campaign" {
        let links = vec![
            NavLink::new(format!("Campaign {name}"), words::campaign_href(name)),
            NavLink::new(
                format!("Edit a budget of {name}"),
                words::campaign_href(name) + "/budget",
            ),
        ];
        blocks.push(Block::Links(links));
    }
    Details { summary, is_open, blocks }
}

/// What an owner may spend now, by horizon: the amount, and the account of it once there is one.
fn rows(owner: &Owner, branch: &Branch) -> Vec<(Horizon, Nanos)> {
    let flights = &owner.budgets.flights;
    let flight = flights.iter().find(|flight| flight.window.contains(branch.now));
    let flight = flight.and_then(|flight| Some((Horizon::Flight, flight.budget?)));
    let caps = owner.budgets.caps.iter().map(|cap| (cap.horizon, cap.amount));
    flight.into_iter().chain(caps).collect()
}

/// An owner's budgets; nothing when it has none now.
fn table(owner: &Owner, branch: &Branch) -> Option<Table> {
    let rows = rows(owner, branch);
    if rows.is_empty() {
        return None;
    }
    let unit = branch.currency.to_string();
    let mut columns = vec![Column::text("budget of the")];
    let money = ["cap", "spent", "in flight", "left"];
    columns.extend(money.map(|name| Column::number(name, unit.as_str())));
    columns.extend([Column::text("used"), Column::text("until"), Column::text("plan")]);
    let plan = owner.told.plan;
    let table = rows.into_iter().fold(Table::new("", columns), |table, (horizon, amount)| {
        let held = owner.told.accounts.iter().find(|held| held.horizon == horizon);
        let is_tight = plan.is_some_and(|plan| plan.tight == Some(horizon));
        let money = |of: fn(&Account) -> Nanos| words::cell(held.map_or(Nanos::ZERO, of));
        table.with_row(vec![
            Cell::text(horizon.as_str()),
            words::cell(held.map_or(amount, Account::cap)),
            money(|held| held.spent),
            money(|held| held.in_flight),
            words::cell(held.map_or(amount, |held| held.available)),
            Cell::bar(held.map_or(0.0, |held| held.drawn().ratio_to(held.cap())), None),
            held.map_or(Cell::Empty, |held| Cell::text(words::moment(held.window.end()))),
            if is_tight { Cell::status(Judged::Watch, "tight") } else { Cell::Empty },
        ])
    });
    Some(match plan {
        None => table.with_note("It has no plan now."),
        Some(plan) => table.with_note(format!(
            "Planned since {}: {}, and measured: {}. Planned in 24 hours: {}.",
            words::moment(plan.planned_at),
            words::amount(plan.planned.get(), branch.currency),
            words::amount(plan.measured.get(), branch.currency),
            words::amount(plan.day_budget.get(), branch.currency),
        )),
    })
}
