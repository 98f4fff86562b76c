//! Flights, caps and averages of any owner: an advertiser, a group or a campaign.
//!
//! Called by the check of each. Knows the owner's zone and currency, not the owner.

use crate::FLIGHTS_MAX;
use crate::average::{average, spread};
use crate::cursor::{Faults, Section};
use crate::value;
use paceline_calendar::Zone;
use paceline_core::budget::{Budgets, Cap, Flight, Horizon};
use paceline_core::units::{Currency, Timestamp, Window};

const TIME: &str = "a time such as \"2026-11-23T00:00\"";

/// What decides how an owner's budgets are read.
#[derive(Debug, Clone)]
pub(crate) struct Terms {
    /// Of every amount; nothing when the advertiser's own is at fault.
    pub(crate) currency: Option<Currency>,
    /// Of every local time.
    pub(crate) zone: Zone,
}

impl Terms {
    /// For an owner whose advertiser is at fault, so that its other faults can be told.
    pub(crate) fn unknown() -> Self {
        let zone = Zone::try_new("UTC").expect("UTC is in the compiled-in data");
        Self { currency: None, zone }
    }
}

/// Reads `flights`, `caps` and `average_day` of a section.
pub(crate) fn budgets(
    section: &mut Section<'_>,
    faults: &mut Faults<'_>,
    terms: &Terms,
) -> Budgets {
    let mut budgets = Budgets::default();
    for mut item in section.sections(faults, "flights", FLIGHTS_MAX) {
        budgets.flights.extend(flight(&mut item, faults, terms));
        item.finish(faults);
    }
    if let Some(mut item) = section.field("caps").and_then(|field| field.section(faults)) {
        for (key, horizon) in
            [("hour", Horizon::Hour), ("day", Horizon::Day), ("month", Horizon::Month)]
        {
            let parse = |text: &str| value::budget(text, terms.currency);
            let amount = item.text(faults, key, value::MONEY, parse);
            budgets.caps.extend(amount.map(|amount| Cap { horizon, amount }));
        }
        item.finish(faults);
    }
    if let Some(average) = average(section, faults, terms) {
        spread(average, &mut budgets, section, faults, &terms.zone);
    }
    budgets
}

fn flight(item: &mut Section<'_>, faults: &mut Faults<'_>, terms: &Terms) -> Option<Flight> {
    let instant = |text: &str| terms.zone.instant(text).map_err(|error| error.to_string());
    let start: Option<Timestamp> = item.required(faults, "start", TIME, instant);
    let end: Option<Timestamp> = item.required(faults, "end", TIME, instant);
    let parse = |text: &str| value::budget(text, terms.currency);
    let budget = item.text(faults, "budget", value::MONEY, parse);
    let window = Window::try_new(start?, end?);
    if window.is_err() {
        item.refuse(faults, "end", "must be after start");
    }
    Some(Flight { window: window.ok()?, budget })
}
