//! What of an edit cannot come true, to messages; and as lines and a table for people.
//!
//! Words stand beside the numbers, so that command line and console say the same. Called by whoever
//! enters, checks or tries a catalogue.

use super::preview::Teller;
use super::why::figure_message;
use paceline_core::budget::BudgetOwner;
use paceline_core::engine::Engine;
use paceline_core::feasibility::{Feasibility, Warning, WarningKind};
use paceline_core::input::{CatalogueChange, Input};
use paceline_core::units::AdvertiserId;
use paceline_proto::v1;
use paceline_view::{Cell, Column, Table};

/// Warnings told in one answer.
pub const WARNINGS_MAX: usize = 1_000;

/// What of a change cannot come true, by the engine that is to take it; `outlooks` are the days
/// that come with it. And how much of it was not looked at.
#[must_use]
pub fn warnings(
    engine: &Engine,
    change: &CatalogueChange,
    outlooks: &[Input],
) -> (Vec<v1::FeasibilityWarning>, u32) {
    let calendars: Vec<_> = outlooks
        .iter()
        .filter_map(|input| match input {
            Input::Calendar(days) => Some(days),
            _ => None,
        })
        .collect();
    warning_messages(engine, change, &engine.feasibility(change, &calendars))
}

/// The same of what was told already.
pub(super) fn warning_messages(
    engine: &Engine,
    change: &CatalogueChange,
    told: &Feasibility,
) -> (Vec<v1::FeasibilityWarning>, u32) {
    let teller = Teller { engine, change };
    let warnings = told.warnings.iter().take(WARNINGS_MAX);
    let messages = warnings.map(|warning| teller.warning(warning)).collect();
    (messages, u32::try_from(told.unexamined).unwrap_or(u32::MAX))
}

impl Teller<'_> {
    fn warning(&self, warning: &Warning) -> v1::FeasibilityWarning {
        let payer = self.payer(warning.owner);
        let currency = payer.map(|payer| self.currency(payer)).unwrap_or_default();
        let figures = warning.figures.iter().map(|figure| figure_message(figure, &currency));
        v1::FeasibilityWarning {
            owner: Some(self.owner(warning.owner)),
            field: warning.field.clone(),
            code: warning.kind.as_str().to_owned(),
            detail: sentence(warning.kind).to_owned(),
            figures: figures.collect(),
        }
    }

    fn payer(&self, owner: BudgetOwner) -> Option<AdvertiserId> {
        match owner {
            BudgetOwner::Advertiser(id) => Some(id),
            BudgetOwner::Group(id) => {
                let made = self.change.groups.iter().find(|spec| spec.id == id);
                self.engine.group(id).or(made).map(|spec| spec.advertiser)
            }
            BudgetOwner::Campaign(id) => {
                let made = self.change.campaigns.iter().find(|spec| spec.id == id);
                self.engine.campaign(id).or(made).map(|spec| spec.advertiser)
            }
        }
    }
}

/// A sentence for each.
const fn sentence(kind: WarningKind) -> &'static str {
    match kind {
        WarningKind::FlightOver => "its flights have ended",
        WarningKind::NoHours => "no hour of the flight is one in which it may deliver",
        WarningKind::CapsBelowBudget => "its own caps leave no room for its budget",
        WarningKind::MinimumAboveCaps => "its own caps leave no room for its minimum",
        WarningKind::OutOfReach => "what there is to buy does not cost as much as its budget",
        WarningKind::DearEvent => "one event costs more than an hour or a day may",
        WarningKind::BelowMarket => "it may not bid enough to win anything",
        WarningKind::ShorterThanDelay => "billing takes longer than the flight",
        WarningKind::AboveParent => "it may spend more than whom it belongs to",
        WarningKind::AboveMembers => "all that draw on it may not spend as much together",
        WarningKind::MinimaAboveBudget => "minima of those that draw on it are more than it is",
    }
}

fn whose(warning: &v1::FeasibilityWarning) -> String {
    use v1::budget_owner::Owner;
    match warning.owner.as_ref().and_then(|owner| owner.owner.as_ref()) {
        Some(Owner::CampaignId(name)) => format!("campaign {name}"),
        Some(Owner::GroupId(name)) => format!("group {name}"),
        Some(Owner::AdvertiserId(name)) => format!("advertiser {name}"),
        None => String::new(),
    }
}

fn evidence(warning: &v1::FeasibilityWarning) -> String {
    let told =
        |figure: &v1::CauseFigure| format!("{} {}", figure.name.replace('_', " "), figure.text);
    warning.figures.iter().map(told).collect::<Vec<_>>().join("; ")
}

/// One line for each: `warning: campaign spring, flights[0].budget: … (budget left 5.00 EUR; …)`.
#[must_use]
pub fn warning_lines(warnings: &[v1::FeasibilityWarning], unexamined: u32) -> String {
    let line = |one: &v1::FeasibilityWarning| {
        let evidence = evidence(one);
        let evidence = if evidence.is_empty() { evidence } else { format!(" ({evidence})") };
        format!("warning: {}, {}: {}{evidence}\n", whose(one), one.field, one.detail)
    };
    let mut text: String = warnings.iter().map(line).collect();
    if unexamined > 0 {
        text += &format!("not looked at for warnings: {unexamined}\n");
    }
    text
}

/// All of them as a table; nothing of none.
#[must_use]
pub fn warning_table(warnings: &[v1::FeasibilityWarning]) -> Option<Table> {
    let columns = ["whose", "field", "what cannot come true", "evidence"].map(Column::text);
    let mut table = Table::new("Warnings", columns.to_vec());
    for one in warnings {
        let cells = [whose(one), one.field.clone(), one.detail.clone(), evidence(one)];
        table = table.with_row(cells.map(Cell::text).to_vec());
    }
    (!warnings.is_empty()).then_some(table)
}
