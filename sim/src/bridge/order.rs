//! A campaign as it arrives: a budget and a window, and whatever else is known of it.
//!
//! Knows the message and the engine's specification. Called by the dialogue.

use super::fields::{Complaint, Fields};
use super::message;
use paceline_calendar::Zone;
use paceline_core::budget::{Budgets, Cap, Flight, Horizon};
use paceline_core::campaign::{
    AdvertiserSpec, BillingEvent, CampaignSpec, CampaignStatus, DeliveryMode, DeliveryTerms,
    LawChoice, RefundPolicy, ShadingTerms, SpendSource,
};
use paceline_core::units::money::BUDGET_UNITS_MAX;
use paceline_core::units::{
    AdvertiserId, CampaignId, Currency, Name, Nanos, PacingMultiplier, Ppm, ShapeId, Window,
};
use serde_json::{Value, json};

/// The words for laws, in the order they are listed in.
pub(super) const LAWS: [(&str, LawChoice); 3] = [
    ("log_pid", LawChoice::LogPid),
    ("pass_through", LawChoice::PassThrough),
    ("asap", LawChoice::Asap),
];

/// A campaign to be entered or edited.
#[derive(Debug)]
pub(super) struct Order {
    pub(super) spec: CampaignSpec,
    pub(super) zone: Zone,
}

/// Who pays for the campaigns of a zone; bounds nothing.
pub(super) fn payer(zone: &Zone) -> AdvertiserSpec {
    let name = Name::try_new(zone.name()).expect("names of zones are short");
    AdvertiserSpec {
        id: AdvertiserId::of(zone.name()),
        name: name.clone(),
        currency: Currency::NONE,
        zone: zone.id(),
        zone_name: name,
        budgets: Budgets::default(),
        holidays: Vec::new(),
    }
}

/// Reads `campaign`. `law` is that of campaigns that name none.
pub(super) fn read(fields: &mut Fields, law: LawChoice) -> Result<Order, Complaint> {
    let name = fields.id()?;
    let budgets = budgets(fields)?;
    let zone = zone(fields)?;
    let delivery = fields.word(
        "delivery",
        &[
            ("even", DeliveryMode::Even),
            ("ahead", DeliveryMode::Ahead),
            ("asap", DeliveryMode::Asap),
        ],
    )?;
    let billing = fields.word(
        "billing",
        &[
            ("impression", BillingEvent::Impression),
            ("click", BillingEvent::Click),
            ("action", BillingEvent::Action),
        ],
    )?;
    let status = fields.word(
        "status",
        &[
            ("active", CampaignStatus::Active),
            ("paused", CampaignStatus::Paused),
            ("archived", CampaignStatus::Archived),
        ],
    )?;
    let most = fields.ratio("multiplier_max", 4.0)?.unwrap_or(Ppm::ONE);
    let value_cap = message::price(fields, "value_cap")?;
    let spec = CampaignSpec {
        id: CampaignId::of(name.as_str()),
        advertiser: AdvertiserId::of(zone.name()),
        name,
        group: None,
        budgets,
        delivery: delivery.unwrap_or_default(),
        terms: DeliveryTerms::default(),
        law: fields.word("law", &LAWS)?.unwrap_or(law),
        billing: billing.unwrap_or_default(),
        spend_source: SpendSource::Events,
        refund_policy: RefundPolicy::Respend,
        shading: ShadingTerms::default(),
        multiplier_max: PacingMultiplier::try_new(most)
            .map_err(|error| Complaint::new("multiplier_max", &json!(most), error.to_string()))?,
        value_cap,
        returns: None,
        shape: fields.name("shape")?.map(|shape| ShapeId::of(shape.as_str())),
        status: status.unwrap_or_default(),
    };
    Ok(Order { spec, zone })
}

fn budgets(fields: &mut Fields) -> Result<Budgets, Complaint> {
    let budget = positive(fields, "budget")?;
    let start = fields.instant("start")?.ok_or_else(|| Complaint::missing("start"))?;
    let end = fields.instant("end")?.ok_or_else(|| Complaint::missing("end"))?;
    let window = Window::try_new(start, end).map_err(|_| {
        Complaint::new("end", &json!(end.as_micros() / 1_000_000), "must be after start")
    })?;
    let mut caps = Vec::new();
    for (field, horizon) in
        [("hour_cap", Horizon::Hour), ("day_cap", Horizon::Day), ("month_cap", Horizon::Month)]
    {
        if let Some(amount) = positive(fields, field)? {
            caps.push(Cap { horizon, amount });
        }
    }
    if budget.is_none() && caps.is_empty() {
        return Err(Complaint::missing("budget"));
    }
    Ok(Budgets { flights: vec![Flight { window, budget }], caps })
}

fn positive(fields: &mut Fields, field: &str) -> Result<Option<Nanos>, Complaint> {
    let Some(amount) = fields.money(field)? else { return Ok(None) };
    let most = Nanos::from_units(BUDGET_UNITS_MAX);
    if amount > Nanos::ZERO && amount <= most {
        return Ok(Some(amount));
    }
    let rule = format!("must be above 0 and at most {} nanos", most.get());
    Err(Complaint::new(field, &json!(amount.get()), rule))
}

fn zone(fields: &mut Fields) -> Result<Zone, Complaint> {
    let value = fields.take("zone").unwrap_or_else(|| Value::from("UTC"));
    let Some(name) = value.as_str() else {
        return Err(Complaint::new("zone", &value, "must be an IANA name of a time zone"));
    };
    Zone::try_new(name).map_err(|error| Complaint::new("zone", &value, error.to_string()))
}
