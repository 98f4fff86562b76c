//! From a catalogue to the text of a file that says the same: what is read from it is the catalogue
//! again, to the last digit.
//!
//! Writes what differs from the defaults of the file. Times are in UTC, so that no clock's change
//! makes them ambiguous. Called by whoever hands a catalogue to people.

use crate::terms::hour_text;
use crate::value::Choice;
use crate::{Catalogue, Shape};
use paceline_calendar::{Zone, instant_text};
use paceline_core::budget::{Budgets, Flight, Horizon};
use paceline_core::campaign::{
    AdvertiserSpec, CampaignSpec, DeliveryTerms, GroupSpec, Holiday, ReturnTarget,
};
use paceline_core::units::{AdvertiserId, Currency, Name, Nanos, PacingMultiplier, Ppm};
use std::fmt::Write;

/// Weights on one line of a shape: a day of hours.
const WEIGHTS_A_LINE: usize = 24;

/// Why a catalogue has no file.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum WriteError {
    /// When something refers to what the catalogue does not hold.
    #[error("{of} refers to {what} that is not in the catalogue")]
    Missing {
        /// What refers to it.
        of: Name,
        /// Which kind of thing.
        what: &'static str,
    },
    /// When an amount is finer than a file can say.
    #[error("{of} has an amount of {nanos} nanos, and a file says whole micros")]
    TooFine {
        /// Whose.
        of: Name,
        /// How much.
        nanos: i64,
    },
}

/// The text of a file.
///
/// # Errors
/// [`WriteError`] when the catalogue says what no file can.
pub fn to_toml(catalogue: &Catalogue) -> Result<String, WriteError> {
    let mut writer = Writer { catalogue, text: String::new() };
    catalogue.advertisers.iter().try_for_each(|spec| writer.advertiser(spec))?;
    catalogue.shapes.iter().for_each(|shape| writer.shape(shape));
    catalogue.groups.iter().try_for_each(|spec| writer.group(spec))?;
    catalogue.campaigns.iter().try_for_each(|spec| writer.campaign(spec))?;
    Ok(writer.text)
}

struct Writer<'c> {
    catalogue: &'c Catalogue,
    text: String,
}

/// Whose amounts, and in what.
struct Account<'c> {
    of: &'c Name,
    currency: Currency,
}

impl Account<'_> {
    fn money(&self, amount: Nanos) -> Result<String, WriteError> {
        let nanos = amount.get();
        if nanos % 1_000 != 0 {
            return Err(WriteError::TooFine { of: self.of.clone(), nanos });
        }
        Ok(self.micros(nanos / 1_000))
    }

    /// At least two decimals, at most six.
    fn micros(&self, micros: i64) -> String {
        let (units, part) = (micros / 1_000_000, micros % 1_000_000);
        let part = format!("{part:06}");
        let short = part.trim_end_matches('0');
        format!("\"{units}.{short:0<2} {}\"", self.currency)
    }
}

impl Writer<'_> {
    fn open(&mut self, list: &str, name: &Name) {
        if !self.text.is_empty() {
            self.text.push('\n');
        }
        self.line(format_args!("[[{list}]]"));
        self.line(format_args!("name = {}", quoted(name.as_str())));
    }

    fn line(&mut self, line: std::fmt::Arguments<'_>) {
        writeln!(self.text, "{line}").expect("text grows as it needs");
    }

    fn payer(&self, id: AdvertiserId, of: &Name) -> Result<&AdvertiserSpec, WriteError> {
        let found = self.catalogue.advertisers.iter().find(|spec| spec.id == id);
        found.ok_or_else(|| WriteError::Missing { of: of.clone(), what: "an advertiser" })
    }

    fn advertiser(&mut self, spec: &AdvertiserSpec) -> Result<(), WriteError> {
        let AdvertiserSpec { id: _, name, currency, zone: _, zone_name, budgets, holidays } = spec;
        self.open("advertisers", name);
        self.line(format_args!("currency = \"{currency}\""));
        self.line(format_args!("zone = {}", quoted(zone_name.as_str())));
        if !holidays.is_empty() {
            self.line(format_args!("holidays = {}", quoted(name.as_str())));
        }
        self.budgets(&Account { of: name, currency: *currency }, budgets)?;
        self.holidays(name, zone_name, holidays)
    }

    /// An advertiser's holidays, as a list of its name.
    fn holidays(&mut self, of: &Name, zone: &Name, holidays: &[Holiday]) -> Result<(), WriteError> {
        if holidays.is_empty() {
            return Ok(());
        }
        let missing = |_| WriteError::Missing { of: of.clone(), what: "a time zone" };
        let zone = Zone::try_new(zone.as_str()).map_err(missing)?;
        self.open("holidays", of);
        self.line(format_args!("days = ["));
        for Holiday { day, traffic } in holidays {
            let (date, traffic) = (zone.date_text(*day), percent(*traffic));
            self.line(format_args!("  {{ date = \"{date}\", traffic = \"{traffic}\" }},"));
        }
        self.line(format_args!("]"));
        Ok(())
    }

    /// Delivery terms that are not the default.
    fn terms(&mut self, account: &Account<'_>, terms: &DeliveryTerms) -> Result<(), WriteError> {
        let DeliveryTerms { ahead, catch_up, minimum, hours, curve } = terms;
        if *ahead != DeliveryTerms::default().ahead {
            self.line(format_args!("ahead = \"{}\"", percent(*ahead)));
        }
        if let Some(most) = catch_up {
            self.line(format_args!("catch_up = \"{}\"", percent(*most)));
        }
        if let Some(least) = minimum {
            self.line(format_args!("minimum = {}", account.money(*least)?));
        }
        if !hours.is_all() {
            let listed: Vec<String> = hours.iter().map(|hour| quoted(&hour_text(hour))).collect();
            self.line(format_args!("hours = [{}]", listed.join(", ")));
        }
        if let Some(id) = curve {
            let missing = || WriteError::Missing { of: account.of.clone(), what: "a curve" };
            let found = self.catalogue.shapes.iter().find(|shape| shape.id == *id);
            let curve = found.ok_or_else(missing)?.name.clone();
            self.line(format_args!("curve = {}", quoted(curve.as_str())));
        }
        Ok(())
    }

    fn shape(&mut self, shape: &Shape) {
        self.open("shapes", &shape.name);
        self.line(format_args!("weights = ["));
        for weights in shape.weights.chunks(WEIGHTS_A_LINE) {
            let weights: Vec<String> = weights.iter().map(u32::to_string).collect();
            self.line(format_args!("  {},", weights.join(", ")));
        }
        self.line(format_args!("]"));
    }

    fn group(&mut self, spec: &GroupSpec) -> Result<(), WriteError> {
        let GroupSpec { id: _, name, advertiser, budgets } = spec;
        let payer = self.payer(*advertiser, name)?;
        let (payer, currency) = (payer.name.clone(), payer.currency);
        self.open("groups", name);
        self.line(format_args!("advertiser = {}", quoted(payer.as_str())));
        self.budgets(&Account { of: name, currency }, budgets)
    }

    fn campaign(&mut self, spec: &CampaignSpec) -> Result<(), WriteError> {
        let CampaignSpec {
            id: _,
            name,
            advertiser,
            group,
            budgets,
            delivery,
            terms,
            law,
            billing,
            spend_source,
            refund_policy,
            multiplier_max,
            value_cap,
            shading,
            returns,
            shape,
            status,
        } = spec;
        let payer = self.payer(*advertiser, name)?;
        let (payer, currency) = (payer.name.clone(), payer.currency);
        let account = Account { of: name, currency };
        let missing = |what| WriteError::Missing { of: name.clone(), what };
        self.open("campaigns", name);
        self.line(format_args!("advertiser = {}", quoted(payer.as_str())));
        if let Some(id) = group {
            let found = self.catalogue.groups.iter().find(|spec| spec.id == *id);
            let group = found.ok_or_else(|| missing("a group"))?.name.clone();
            self.line(format_args!("group = {}", quoted(group.as_str())));
        }
        self.budgets(&account, budgets)?;
        self.choice("delivery", *delivery);
        self.terms(&account, terms)?;
        self.choice("law", *law);
        self.choice("billing", *billing);
        self.choice("spend_source", *spend_source);
        self.choice("refund_policy", *refund_policy);
        if *multiplier_max != PacingMultiplier::ONE {
            self.line(format_args!("multiplier_max = \"{}\"", percent(multiplier_max.ppm())));
        }
        if let Some(cap) = value_cap {
            self.line(format_args!("value_cap = {}", account.micros(cap.get())));
        }
        self.choice("shading", shading.level);
        self.choice("shading_objective", shading.objective);
        if let Some(target) = returns {
            let value = match target {
                ReturnTarget::CostPerClick(most) | ReturnTarget::CostPerAction(most) => {
                    account.money(*most)?
                }
                ReturnTarget::ReturnOnSpend(least) => format!("\"{}\"", percent(*least)),
            };
            self.line(format_args!("{} = {value}", target.as_str()));
        }
        if let Some(id) = shape {
            let found = self.catalogue.shapes.iter().find(|shape| shape.id == *id);
            let shape = found.ok_or_else(|| missing("a shape"))?.name.clone();
            self.line(format_args!("shape = {}", quoted(shape.as_str())));
        }
        self.choice("status", *status);
        Ok(())
    }

    /// A choice that is not the default.
    fn choice<T: Choice + Default + PartialEq>(&mut self, key: &str, choice: T) {
        if choice == T::default() {
            return;
        }
        if let Some((word, _)) = T::WORDS.iter().find(|(_, known)| *known == choice) {
            self.line(format_args!("{key} = \"{word}\""));
        }
    }

    fn budgets(&mut self, account: &Account<'_>, budgets: &Budgets) -> Result<(), WriteError> {
        let Budgets { flights, caps } = budgets;
        if !flights.is_empty() {
            self.line(format_args!("flights = ["));
            for Flight { window, budget } in flights {
                let (start, end) = (instant_text(window.start()), instant_text(window.end()));
                let budget = match budget {
                    None => String::new(),
                    Some(budget) => format!(", budget = {}", account.money(*budget)?),
                };
                self.line(format_args!("  {{ start = \"{start}\", end = \"{end}\"{budget} }},"));
            }
            self.line(format_args!("]"));
        }
        let mut parts = Vec::new();
        for cap in caps {
            let key = match cap.horizon {
                Horizon::Hour => "hour",
                Horizon::Day => "day",
                Horizon::Month => "month",
                // A flight states its own budget; the core refuses such a cap.
                Horizon::Flight => continue,
            };
            parts.push(format!("{key} = {}", account.money(cap.amount)?));
        }
        if !parts.is_empty() {
            self.line(format_args!("caps = {{ {} }}", parts.join(", ")));
        }
        Ok(())
    }
}

/// A TOML string. Names hold no control characters.
fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}

/// Parts per million, exactly.
fn percent(share: Ppm) -> String {
    let (whole, part) = (share.get() / 10_000, share.get() % 10_000);
    let part = format!("{part:04}");
    match part.trim_end_matches('0') {
        "" => format!("{whole}%"),
        part => format!("{whole}.{part}%"),
    }
}
