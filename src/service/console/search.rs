//! Ways to the campaigns a reader looks for: links to the usual ones, a form for the others, and
//! what of it is in force.
//!
//! Knows what was asked and what was found, no engine. Called by `portfolio`.

use super::filter::{AgainstPlan, Filter, Held, Word};
use super::overview::Portfolio;
use super::sort::{Order, Sort, Way};
use super::view::{SEARCH_BYTES_MAX, View};
use paceline_core::diagnosis::CauseKind;
use paceline_view::{Block, Field, Form, Input, NavLink, Section, State};

/// What stands above the table.
pub(super) fn blocks(section: Section, told: &Portfolio, view: &View) -> Section {
    let section = section.with(Block::Links(usual(view)));
    let section = if view.is_asking { section.with(Block::Form(form(view))) } else { section };
    if view.filter.is_empty() {
        return section;
    }
    let (found, all) = (told.found, told.campaigns());
    let shown = format!("{found} of {all} campaigns: {}.", in_force(&view.filter));
    let section = section.with(Block::Paragraph(shown));
    if told.undiagnosed == 0 {
        return section;
    }
    let unknown = format!(
        "Of {} more, the cause is not known yet: they are looked into when this page is loaded \
         again.",
        told.undiagnosed
    );
    section.with(Block::Notice(State::Watch, unknown))
}

/// Links that need no form.
fn usual(view: &View) -> Vec<NavLink> {
    let own = &view.filter;
    // Each keeps what the others say.
    let pace = |pace| Filter { pace, ..own.clone() };
    let held = |held| Filter { held, ..own.clone() };
    let filters = [
        ("All campaigns", Filter::default()),
        ("Behind plan", pace(Some(AgainstPlan::Behind))),
        ("Ahead of plan", pace(Some(AgainstPlan::Ahead))),
        ("Braked", held(Some(Held::Braked))),
        ("Overridden", held(Some(Held::Overridden))),
    ];
    let link = |text: &str, view: &View, is_current: bool| {
        let href = view.href();
        if is_current { NavLink::current(text, href) } else { NavLink::new(text, href) }
    };
    let filters = filters.map(|(text, filter)| {
        let is_current = filter == *own;
        link(text, &view.filtered(filter), is_current)
    });
    let behind = Order::by(Sort::Behind);
    let mut links = filters.to_vec();
    links.push(link("Furthest behind first", &view.sorted(behind), view.order == behind));
    links.push(match view.is_asking {
        false => link("Search and filter", &view.asking(true), false),
        true => link("Close the form", &view.asking(false), false),
    });
    links
}

/// Every part of a filter as a field; the order goes with it unseen.
fn form(view: &View) -> Form {
    let filter = &view.filter;
    let most = u32::try_from(SEARCH_BYTES_MAX).expect("a name is short");
    let search = Field::new("search", "Name, advertiser or id", Input::Text(most));
    let mut fields = vec![
        search.with_value(filter.search.as_str()).optional(),
        choice("status", "State", filter.status),
        choice("pace", "Spend against plan", filter.pace),
        choice("held", "Held by", filter.held),
        choice("cause", "Main cause", filter.cause),
    ];
    let order = view.order;
    fields.push(Field::hidden("sort", order.sort.word()));
    fields.push(Field::hidden("order", order.way.word()));
    Form {
        action: "/".to_owned(),
        fields,
        submit: "Show".to_owned(),
        state: State::Good,
        is_question: true,
    }
}

fn choice<T: Word>(name: &str, label: &str, chosen: Option<T>) -> Field {
    let any = (String::new(), "any".to_owned());
    let known = T::ALL.iter().map(|known| (known.word().to_owned(), plain(*known)));
    let choices = std::iter::once(any).chain(known).collect();
    let value = chosen.map_or("", Word::word);
    Field::new(name, label, Input::Choice(choices)).with_value(value).optional()
}

/// A word as people read it.
fn plain(word: impl Word) -> String {
    word.word().replace(['_', '-'], " ")
}

/// What of a filter is in force, in words.
fn in_force(filter: &Filter) -> String {
    let Filter { search, status, pace, held, cause } = filter;
    let named =
        (!search.is_empty()).then(|| format!("\u{201c}{search}\u{201d} in name or advertiser"));
    let status = status.map(plain);
    let pace = pace.map(|pace| match pace {
        AgainstPlan::Behind => "behind plan".to_owned(),
        AgainstPlan::Near => "near plan".to_owned(),
        AgainstPlan::Ahead => "ahead of plan".to_owned(),
        AgainstPlan::Unplanned => "without a plan".to_owned(),
    });
    let cause = cause.map(|cause: CauseKind| format!("first cause {}", plain(cause)));
    let parts = [named, status, pace, held.map(plain), cause];
    parts.into_iter().flatten().collect::<Vec<_>>().join(", ")
}

/// What a table of campaigns is called: by what it is sorted, and which way; with several
/// currencies, that amounts stand within theirs.
pub(super) fn caption(view: &View, currencies: usize) -> String {
    let Order { sort, way } = view.order;
    let way = match (sort, way) {
        (Sort::Behind, Way::Falling) => return "Campaigns, furthest behind first".to_owned(),
        (Sort::Behind, Way::Rising) => return "Campaigns, furthest ahead first".to_owned(),
        (Sort::Name | Sort::Advertiser | Sort::Currency, Way::Rising) => "from A to Z",
        (Sort::Name | Sort::Advertiser | Sort::Currency, Way::Falling) => "from Z to A",
        (Sort::Status, Way::Rising) => "running first",
        (Sort::Status, Way::Falling) => "running last",
        (_, Way::Rising) => "least first",
        (_, Way::Falling) => "greatest first",
    };
    let apart = if sort.is_of_money() && currencies > 1 { ", each currency apart" } else { "" };
    format!("Campaigns by {}, {way}{apart}", plain(sort))
}
