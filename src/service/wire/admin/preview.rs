//! What a change would do, to messages; and a preview as a table for people.
//!
//! Command line and console show the same table. Called for whoever previews.

use super::super::catalogue::horizon_number;
use super::explain::{forecast_message, reason_told, share};
use super::warning::warning_messages;
use super::{owner_words, state_number};
use paceline_core::budget::{BudgetOwner, Horizon};
use paceline_core::engine::Engine;
use paceline_core::input::CatalogueChange;
use paceline_core::preview::{Bearing, CampaignPreview, Preview};
use paceline_core::units::{AdvertiserId, CampaignId, Ppm};
use paceline_proto::v1;
use paceline_view::number::{NONE, fixed, money, percent};
use paceline_view::{Cell, Column, Table};

/// The preview of a change, by the engine it was tried on; what the change makes is known by it
/// alone.
#[must_use]
pub fn preview_message(
    engine: &Engine,
    change: &CatalogueChange,
    preview: &Preview,
) -> v1::PreviewChangeResponse {
    let teller = Teller { engine, change };
    let (warnings, unexamined) = warning_messages(engine, change, &preview.feasibility);
    v1::PreviewChangeResponse {
        complaints: Vec::new(),
        campaigns: preview.campaigns.iter().map(|one| teller.campaign(one)).collect(),
        others: u32::try_from(preview.others).unwrap_or(u32::MAX),
        warnings,
        unexamined,
    }
}

/// Knows names by the engine and by the change.
pub(super) struct Teller<'a> {
    pub(super) engine: &'a Engine,
    pub(super) change: &'a CatalogueChange,
}

impl Teller<'_> {
    fn campaign(&self, told: &CampaignPreview) -> v1::CampaignPreview {
        let id = told.campaign;
        let payer = self.engine.campaign(id).map(|spec| spec.advertiser).or_else(|| {
            self.change.campaigns.iter().find(|spec| spec.id == id).map(|spec| spec.advertiser)
        });
        v1::CampaignPreview {
            campaign_id: self.name(id),
            currency: payer.map(|payer| self.currency(payer)).unwrap_or_default(),
            before: told.before.as_ref().map(|bearing| self.bearing(bearing)),
            after: Some(self.bearing(&told.after)),
            is_beyond: told.is_beyond,
        }
    }

    pub(super) fn currency(&self, payer: AdvertiserId) -> String {
        let made = self.change.advertisers.iter().find(|spec| spec.id == payer);
        let payer = self.engine.advertiser(payer).or(made);
        payer.map(|payer| payer.currency.to_string()).unwrap_or_default()
    }

    fn name(&self, id: CampaignId) -> String {
        let made = self.change.campaigns.iter().find(|spec| spec.id == id);
        let spec = self.engine.campaign(id).or(made);
        spec.map_or_else(|| id.to_string(), |spec| spec.name.to_string())
    }

    pub(super) fn owner(&self, owner: BudgetOwner) -> v1::BudgetOwner {
        use v1::budget_owner::Owner;
        let change = self.change;
        let owner = match owner {
            BudgetOwner::Campaign(id) => Owner::CampaignId(self.name(id)),
            BudgetOwner::Group(id) => {
                let made = change.groups.iter().find(|spec| spec.id == id);
                let spec = self.engine.group(id).or(made);
                Owner::GroupId(spec.map_or_else(|| id.to_string(), |spec| spec.name.to_string()))
            }
            BudgetOwner::Advertiser(id) => {
                let made = change.advertisers.iter().find(|spec| spec.id == id);
                let spec = self.engine.advertiser(id).or(made);
                let name = spec.map(|spec| spec.name.to_string());
                Owner::AdvertiserId(name.unwrap_or_else(|| id.to_string()))
            }
        };
        v1::BudgetOwner { owner: Some(owner) }
    }

    fn bearing(&self, told: &Bearing) -> v1::Bearing {
        let tight = told.tight.iter().map(|&(owner, horizon)| v1::TightBudget {
            owner: Some(self.owner(owner)),
            horizon: horizon_number(horizon),
        });
        v1::Bearing {
            state: told.state.map_or(0, state_number),
            reason: Some(reason_told(told.state.map(|_| told.reason))),
            multiplier_ppm: Ppm::try_from_ratio(told.multiplier).map_or(0, Ppm::get),
            participation_ppm: share(told.participation),
            tight: tight.collect(),
            ahead: told.ahead.iter().map(forecast_message).collect(),
        }
    }
}

/// What a change would do to one campaign: now beside then.
#[must_use]
pub fn preview_table(told: &v1::CampaignPreview) -> Table {
    let columns = ["", "now", "then"].map(Column::text).to_vec();
    let mut table = Table::new(told.campaign_id.as_str(), columns);
    let sides = [told.before.as_ref(), told.after.as_ref()];
    let mut row = |name: &str, of: &dyn Fn(&v1::Bearing) -> String| {
        let cells = sides.map(|side| Cell::text(side.map_or_else(|| NONE.to_owned(), of)));
        let [now, then] = cells;
        table = std::mem::replace(&mut table, Table::new("", Vec::new())).with_row(vec![
            Cell::text(name),
            now,
            then,
        ]);
    };
    row("why", &|side| side.reason.as_ref().map_or_else(String::new, |told| told.detail.clone()));
    row("multiplier", &|side| fixed(f64::from(side.multiplier_ppm) / 1e6, 3));
    row("participation", &|side| percent(f64::from(side.participation_ppm) / 1e6, 1));
    row("what binds", &binding);
    for (horizon, name) in [
        (Horizon::Hour, "spend of the hour ahead"),
        (Horizon::Day, "spend of the day ahead"),
        (Horizon::Flight, "spend of the rest of the flight"),
    ] {
        row(name, &|side| band(side, horizon, &told.currency));
    }
    row("chance of money left over", &|side| {
        let short = ahead(side, Horizon::Flight).and_then(|told| told.short_ppm);
        short.map_or_else(|| NONE.to_owned(), |ppm| percent(f64::from(ppm) / 1e6, 1))
    });
    table.with_note(if told.is_beyond {
        "Spend ends within the brackets four times in five. It asks for bids beyond what has been \
         seen: the brackets say what is usual of markets."
    } else {
        "Spend ends within the brackets four times in five."
    })
}

fn ahead(side: &v1::Bearing, horizon: Horizon) -> Option<&v1::SpendForecast> {
    side.ahead.iter().find(|told| told.horizon == horizon_number(horizon))
}

/// `5.20 (4.10 to 6.00) EUR`.
fn band(side: &v1::Bearing, horizon: Horizon, currency: &str) -> String {
    let words = |told: &v1::SpendForecast| {
        let amount = |nanos: i64| money(nanos, 2);
        let (low, high) = (amount(told.low_nanos), amount(told.high_nanos));
        format!("{} ({low} to {high}) {currency}", amount(told.middle_nanos))
    };
    ahead(side, horizon).map_or_else(|| NONE.to_owned(), words)
}

fn binding(side: &v1::Bearing) -> String {
    let words = |told: &v1::TightBudget| {
        let horizon = match told.horizon() {
            v1::BudgetHorizon::Hour => "hour",
            v1::BudgetHorizon::Day => "day",
            v1::BudgetHorizon::Month => "month",
            v1::BudgetHorizon::Flight => "flight",
            v1::BudgetHorizon::Unspecified => NONE,
        };
        format!("{horizon} of {}", owner_words(told.owner.as_ref()))
    };
    if side.tight.is_empty() {
        return "nothing".to_owned();
    }
    side.tight.iter().map(words).collect::<Vec<_>>().join("; ")
}
