//! Advertisers, groups and campaigns from messages to checked specifications, and back.
//!
//! Collects every complaint, under the path of the message's field. What only the engine can know
//! (does the group exist, may the currency change?) is left to it; [`translated`] puts its words
//! into the message's. Called by the admin service, and by `ctl` for what it read from a file.

mod portion;
mod returns;
mod shown;
mod sort;
mod terms;
mod told;

pub use portion::{Asked, Complaint, Item, Portion, Request, Response, refuse, respond};
pub use returns::{returns, returns_message, returns_words};
pub use shown::{fed_by_counters, fill_values};
use sort::Place;
pub use sort::read;
use terms::{holiday_messages, holidays, terms, with_terms};
pub use terms::{law, law_number};
pub use told::{Generations, Item as HeldItem, Page, campaign_held, held, items, page};

use super::{Refusal, instant_message, name, optional_key, window};
use paceline_calendar::Zone;
use paceline_core::budget::{Budgets, Cap, Flight, Horizon};
use paceline_core::campaign::{
    AdvertiserSpec, BillingEvent, CampaignSpec, CampaignStatus, DeliveryMode, GroupSpec,
    RefundPolicy, ShadingLevel, ShadingObjective, ShadingTerms, SpecError, SpendSource,
};
use paceline_core::input::{Input, ShapeChange};
use paceline_core::plan::TrafficShape;
use paceline_core::units::{
    AdvertiserId, CampaignId, CpmMicros, Currency, GroupId, Micros, Name, Nanos, PacingMultiplier,
    Ppm, ShapeId,
};
use paceline_proto::v1;

/// Flights of one owner.
const FLIGHTS_MAX: usize = 400;
/// Complaints told in one answer.
pub const COMPLAINTS_MAX: usize = 1_000;

macro_rules! choices {
    ($($read:ident $write:ident $core:ident $rule:literal {
        $($variant:ident = $wire:ident),+ $(,)?
    })+) => {$(
        /// The choice a number stands for; 0 is the default.
        ///
        /// # Errors
        /// [`Refusal`] when the number stands for nothing.
        pub fn $read(field: &str, number: i32) -> Result<$core, Refusal> {
            match v1::$core::try_from(number) {
                Ok(v1::$core::Unspecified) => Ok($core::default()),
                $(Ok(v1::$core::$wire) => Ok($core::$variant),)+
                Err(_) => Err(Refusal::new(field, number, $rule)),
            }
        }

        /// The number that stands for a choice.
        #[must_use]
        pub const fn $write(choice: $core) -> i32 {
            match choice {
                $($core::$variant => v1::$core::$wire as i32,)+
            }
        }
    )+};
}

choices! {
    delivery delivery_number DeliveryMode "must be a delivery mode" {
        Even = Even, Ahead = Ahead, Asap = Asap,
    }
    billing billing_number BillingEvent "must be a billing event" {
        Impression = Impression, Click = Click, Action = Action,
    }
    source source_number SpendSource "must be a spend source" {
        Events = Events, Counters = Counters,
    }
    refunds refunds_number RefundPolicy "must be a refund policy" {
        Hold = Hold, Respend = Respend,
    }
    shading_level shading_level_number ShadingLevel "must be a shading level" {
        Off = Off, Cautious = Cautious, Standard = Standard, Aggressive = Aggressive,
    }
    objective objective_number ShadingObjective "must be a shading objective" {
        Value = Value, Surplus = Surplus,
    }
    status status_number CampaignStatus "must be a campaign status" {
        Active = Active, Paused = Paused, Archived = Archived,
    }
}

/// The number that stands for a horizon.
#[must_use]
pub const fn horizon_number(horizon: Horizon) -> i32 {
    match horizon {
        Horizon::Hour => v1::BudgetHorizon::Hour as i32,
        Horizon::Day => v1::BudgetHorizon::Day as i32,
        Horizon::Month => v1::BudgetHorizon::Month as i32,
        Horizon::Flight => v1::BudgetHorizon::Flight as i32,
    }
}

fn cap_horizon(field: &str, number: i32) -> Result<Horizon, Refusal> {
    match v1::BudgetHorizon::try_from(number) {
        Ok(v1::BudgetHorizon::Hour) => Ok(Horizon::Hour),
        Ok(v1::BudgetHorizon::Day) => Ok(Horizon::Day),
        Ok(v1::BudgetHorizon::Month) => Ok(Horizon::Month),
        Ok(v1::BudgetHorizon::Flight) => {
            Err(Refusal::new(field, "flight", "must not be the flight: it states its own budget"))
        }
        Ok(v1::BudgetHorizon::Unspecified) => Err(Refusal::absent(field)),
        Err(_) => Err(Refusal::new(field, number, "must be hour, day or month")),
    }
}

/// Complaints about one message, bounded.
#[derive(Debug, Default)]
pub struct Complaints(Vec<v1::Complaint>);

impl Complaints {
    /// The value, or a complaint about it under `path`.
    pub fn keep<T>(&mut self, path: &str, result: Result<T, Refusal>) -> Option<T> {
        match result {
            Ok(value) => Some(value),
            Err(refusal) => {
                let refusal = if path.is_empty() { refusal } else { refusal.within(path) };
                self.add(&refusal.field, &refusal.value, &refusal.rule);
                None
            }
        }
    }

    /// One complaint.
    pub fn add(&mut self, path: &str, value: &str, rule: &str) {
        if self.0.len() < COMPLAINTS_MAX {
            let (path, value, rule) = (path.to_owned(), value.to_owned(), rule.to_owned());
            self.0.push(v1::Complaint { path, value, rule });
        }
    }

    /// What the rules of a whole specification say, unless `before` shows that it has a fault
    /// already.
    fn spec(&mut self, path: &str, before: usize, errors: Vec<SpecError>) {
        if self.0.len() > before {
            return;
        }
        for error in errors {
            self.add(&format!("{path}.{}", translated(&error.field)), "", &error.rule);
        }
    }

    /// How many there are.
    #[must_use]
    pub fn count(&self) -> usize {
        self.0.len()
    }

    /// All of them.
    #[must_use]
    pub fn into_vec(self) -> Vec<v1::Complaint> {
        self.0
    }
}

/// Complaints as one line: path, value and rule of each.
#[must_use]
pub fn complaint_text(complaints: &[v1::Complaint]) -> String {
    let line = |fault: &v1::Complaint| match fault.value.as_str() {
        "" => format!("{}: {}", fault.path, fault.rule),
        value => format!("{} = {value}: {}", fault.path, fault.rule),
    };
    complaints.iter().map(line).collect::<Vec<_>>().join("; ")
}

/// The message's path of a specification's field, e.g. `budgets.flights[1].budget_micros` for
/// `flights[1].budget`.
#[must_use]
pub fn translated(field: &str) -> String {
    let words = field.split('.').map(|word| match word {
        "budget" => "budget_micros".to_owned(),
        "amount" => "amount_micros".to_owned(),
        "advertiser" => "advertiser_id".to_owned(),
        "group" => "group_id".to_owned(),
        "shape" => "shape_id".to_owned(),
        "curve" => "curve_shape_id".to_owned(),
        "ahead" | "catch_up" | "traffic" => format!("{word}_ppm"),
        "hours" => "hours_of_week".to_owned(),
        "minimum" => "minimum_micros".to_owned(),
        "zone" => "time_zone".to_owned(),
        "multiplier_max" => "multiplier_max_ppm".to_owned(),
        "value_cap" => "value_cap_cpm_micros".to_owned(),
        "cost_per_click" | "cost_per_action" => format!("returns.{word}_micros"),
        "return_on_spend" => "returns.return_on_spend_ppm".to_owned(),
        part if part.starts_with("flights") || part.starts_with("caps") => {
            format!("budgets.{part}")
        }
        other => other.to_owned(),
    });
    words.collect::<Vec<_>>().join(".")
}

/// Micros of a budget: above 0, at most four billion units.
fn money(field: &str, micros: i64) -> Result<Nanos, Refusal> {
    Nanos::try_budget(Micros::new(micros))
        .map_err(|error| Refusal::new(field, micros, error.to_string()))
}

fn flight(message: &v1::Flight) -> Result<Flight, Refusal> {
    let window = window(["start", "end"], message.start.as_ref(), message.end.as_ref())?;
    let budget = message.budget_micros.map(|micros| money("budget_micros", micros));
    Ok(Flight { window, budget: budget.transpose()? })
}

fn cap(message: &v1::BudgetCap) -> Result<Cap, Refusal> {
    let horizon = cap_horizon("horizon", message.horizon)?;
    Ok(Cap { horizon, amount: money("amount_micros", message.amount_micros)? })
}

/// Budgets under `path`; a stated currency must be `due`, where that is known.
fn budgets(
    path: &str,
    message: Option<&v1::Budgets>,
    due: Option<Currency>,
    complaints: &mut Complaints,
) -> Budgets {
    let mut budgets = Budgets::default();
    let Some(message) = message else { return budgets };
    let path = format!("{path}.budgets");
    if message.flights.len() > FLIGHTS_MAX {
        let count = message.flights.len().to_string();
        complaints.add(&format!("{path}.flights"), &count, "must have at most 400 flights");
    }
    for (index, item) in message.flights.iter().take(FLIGHTS_MAX).enumerate() {
        let path = format!("{path}.flights[{index}]");
        budgets.flights.extend(complaints.keep(&path, flight(item)));
    }
    // One cap a horizon: the fourth has a fault already.
    for (index, item) in message.caps.iter().take(4).enumerate() {
        budgets.caps.extend(complaints.keep(&format!("{path}.caps[{index}]"), cap(item)));
    }
    // Their order says nothing, and a file tells them shortest first: alike is alike.
    budgets.caps.sort_by_key(|cap| cap.horizon);
    if let (Some(stated), Some(due)) = (&message.currency, due)
        && stated != due.as_str()
    {
        let rule = format!("must be {due}, the advertiser's currency");
        complaints.add(&format!("{path}.currency"), stated, &rule);
    }
    budgets
}

/// An advertiser.
pub fn advertiser(
    path: &str,
    message: &v1::Advertiser,
    complaints: &mut Complaints,
) -> Option<AdvertiserSpec> {
    let before = complaints.count();
    let name = complaints.keep(path, name("advertiser_id", &message.advertiser_id));
    let currency = complaints.keep(path, super::currency("currency", &message.currency));
    let zone_name = if message.time_zone.is_empty() { "UTC" } else { &message.time_zone };
    let zone = Zone::try_new(zone_name)
        .map_err(|error| Refusal::new("time_zone", zone_name, error.to_string()));
    let zone = complaints.keep(path, zone);
    let budgets = budgets(path, message.budgets.as_ref(), currency, complaints);
    let holidays = holidays(path, &message.holidays, zone.as_ref(), complaints);
    let (name, currency, zone) = (name?, currency?, zone?);
    let id = AdvertiserId::of(name.as_str());
    let zone_name = Name::try_new(zone.name()).expect("IANA names are short");
    let zone = zone.id();
    let spec = AdvertiserSpec { id, name, currency, zone, zone_name, budgets, holidays };
    complaints.spec(path, before, spec.check());
    Some(spec)
}

/// A group. `due` is its advertiser's currency, where that is known.
pub fn group(
    path: &str,
    message: &v1::CampaignGroup,
    due: Option<Currency>,
    complaints: &mut Complaints,
) -> Option<GroupSpec> {
    let before = complaints.count();
    let own = complaints.keep(path, name("group_id", &message.group_id));
    let payer = complaints.keep(path, name("advertiser_id", &message.advertiser_id));
    let budgets = budgets(path, message.budgets.as_ref(), due, complaints);
    let (name, payer) = (own?, payer?);
    let id = GroupId::of(name.as_str());
    let spec = GroupSpec { id, name, advertiser: AdvertiserId::of(payer.as_str()), budgets };
    complaints.spec(path, before, spec.check());
    Some(spec)
}

fn multiplier_max(ppm: Option<u32>) -> Result<PacingMultiplier, Refusal> {
    let Some(ppm) = ppm else { return Ok(PacingMultiplier::ONE) };
    let rule = "must be from 1 to 4000000";
    let refuse = || Refusal::new("multiplier_max_ppm", ppm, rule);
    let multiplier = PacingMultiplier::try_new(Ppm::new(ppm)).map_err(|_| refuse())?;
    if ppm == 0 { Err(refuse()) } else { Ok(multiplier) }
}

fn value_cap(micros: Option<i64>) -> Result<Option<CpmMicros>, Refusal> {
    let cap = micros.map(|micros| money("value_cap_cpm_micros", micros)).transpose()?;
    Ok(cap.and(micros).map(CpmMicros::new))
}

/// A campaign. `due` is its advertiser's currency, where that is known.
pub fn campaign(
    path: &str,
    message: &v1::Campaign,
    due: Option<Currency>,
    complaints: &mut Complaints,
) -> Option<CampaignSpec> {
    let before = complaints.count();
    let own = complaints.keep(path, name("campaign_id", &message.campaign_id));
    let payer = complaints.keep(path, name("advertiser_id", &message.advertiser_id));
    let group = optional_key("group_id", message.group_id.as_deref(), GroupId::of);
    let group = complaints.keep(path, group);
    let shape = optional_key("shape_id", message.shape_id.as_deref(), ShapeId::of);
    let shape = complaints.keep(path, shape);
    let budgets = budgets(path, message.budgets.as_ref(), due, complaints);
    let delivery = complaints.keep(path, delivery("delivery", message.delivery));
    let terms = terms(path, message, complaints);
    let law = complaints.keep(path, law("law", message.law));
    let billing = complaints.keep(path, billing("billing", message.billing));
    let source = complaints.keep(path, source("spend_source", message.spend_source));
    let refunds = complaints.keep(path, refunds("refund_policy", message.refund_policy));
    let multiplier_max = complaints.keep(path, multiplier_max(message.multiplier_max_ppm));
    let value_cap = complaints.keep(path, value_cap(message.value_cap_cpm_micros));
    let level = complaints.keep(path, shading_level("shading", message.shading));
    let objective = objective("shading_objective", message.shading_objective);
    let objective = complaints.keep(path, objective);
    let returns = complaints.keep(path, returns(message.returns));
    let status = complaints.keep(path, status("status", message.status));
    let name = own?;
    let spec = CampaignSpec {
        id: CampaignId::of(name.as_str()),
        name,
        advertiser: AdvertiserId::of(payer?.as_str()),
        group: group?,
        budgets,
        delivery: delivery?,
        terms: terms?,
        law: law?,
        billing: billing?,
        spend_source: source?,
        refund_policy: refunds?,
        multiplier_max: multiplier_max?,
        value_cap: value_cap?,
        shading: ShadingTerms { level: level?, objective: objective? },
        returns: returns?,
        shape: shape?,
        status: status?,
    };
    complaints.spec(path, before, spec.check());
    Some(spec)
}

/// A shape.
pub fn shape(
    path: &str,
    message: &v1::TrafficShape,
    complaints: &mut Complaints,
) -> Option<ShapeChange> {
    let name = complaints.keep(path, name("shape_id", &message.shape_id));
    let weights = message.weights.clone();
    let shape = TrafficShape::try_new(weights.clone()).map_err(|error| {
        let rule = error.to_string();
        let rule = rule.strip_prefix("weights: ").unwrap_or(&rule).to_owned();
        Refusal::new("weights", format!("{} numbers", weights.len()), rule)
    });
    complaints.keep(path, shape)?;
    let name = name?;
    Some(ShapeChange { id: ShapeId::of(name.as_str()), name: Some(name), weights })
}

/// A shape by itself, as an input.
pub fn lone_shape(message: &v1::PutShapeRequest, complaints: &mut Complaints) -> Option<Input> {
    let message =
        v1::TrafficShape { shape_id: message.shape_id.clone(), weights: message.weights.clone() };
    shape("", &message, complaints).map(Input::Shape)
}

fn micros(nanos: Nanos) -> i64 {
    nanos.to_micros_display().get()
}

fn budgets_message(budgets: &Budgets) -> v1::Budgets {
    let flight = |flight: &Flight| v1::Flight {
        start: Some(instant_message(flight.window.start())),
        end: Some(instant_message(flight.window.end())),
        budget_micros: flight.budget.map(micros),
    };
    let cap = |cap: &Cap| v1::BudgetCap {
        horizon: horizon_number(cap.horizon),
        amount_micros: micros(cap.amount),
    };
    v1::Budgets {
        flights: budgets.flights.iter().map(flight).collect(),
        caps: budgets.caps.iter().map(cap).collect(),
        currency: None,
    }
}

/// The message of an advertiser.
#[must_use]
pub fn advertiser_message(spec: &AdvertiserSpec) -> v1::Advertiser {
    v1::Advertiser {
        advertiser_id: spec.name.to_string(),
        currency: spec.currency.to_string(),
        time_zone: spec.zone_name.to_string(),
        budgets: Some(budgets_message(&spec.budgets)),
        holidays: holiday_messages(&spec.holidays),
    }
}

/// The message of a group; `payer` is its advertiser's name.
#[must_use]
pub fn group_message(spec: &GroupSpec, payer: &str) -> v1::CampaignGroup {
    v1::CampaignGroup {
        group_id: spec.name.to_string(),
        advertiser_id: payer.to_owned(),
        budgets: Some(budgets_message(&spec.budgets)),
    }
}

/// What a campaign's keys stand for.
#[derive(Debug, Clone, Default)]
pub struct CampaignNames {
    /// Who pays.
    pub advertiser: String,
    /// Its group, if it has one.
    pub group: Option<String>,
    /// Its shape, if it has one.
    pub shape: Option<String>,
    /// The shape of its curve, if it has one.
    pub curve: Option<String>,
}

/// The message of a campaign.
#[must_use]
pub fn campaign_message(spec: &CampaignSpec, names: CampaignNames) -> v1::Campaign {
    let message = v1::Campaign {
        campaign_id: spec.name.to_string(),
        advertiser_id: names.advertiser,
        group_id: names.group,
        budgets: Some(budgets_message(&spec.budgets)),
        delivery: delivery_number(spec.delivery),
        law: law_number(spec.law),
        billing: billing_number(spec.billing),
        spend_source: source_number(spec.spend_source),
        refund_policy: refunds_number(spec.refund_policy),
        multiplier_max_ppm: Some(spec.multiplier_max.ppm().get()),
        value_cap_cpm_micros: spec.value_cap.map(CpmMicros::get),
        shape_id: names.shape,
        status: status_number(spec.status),
        returns: spec.returns.map(returns_message),
        shading: shading_level_number(spec.shading.level),
        shading_objective: objective_number(spec.shading.objective),
        ..v1::Campaign::default()
    };
    with_terms(message, &spec.terms, names.curve)
}

/// A whole file as a request.
#[must_use]
pub fn file_message(catalogue: &paceline_catalogue::Catalogue) -> Request {
    let payer = |id: AdvertiserId| {
        let found = catalogue.advertisers.iter().find(|spec| spec.id == id);
        found.map(|spec| spec.name.to_string()).unwrap_or_default()
    };
    let names = |spec: &CampaignSpec| {
        let group = catalogue.groups.iter().find(|group| Some(group.id) == spec.group);
        let shape = |id: Option<ShapeId>| {
            let found = catalogue.shapes.iter().find(|shape| Some(shape.id) == id);
            found.map(|shape| shape.name.to_string())
        };
        CampaignNames {
            advertiser: payer(spec.advertiser),
            group: group.map(|group| group.name.to_string()),
            shape: shape(spec.shape),
            curve: shape(spec.terms.curve),
        }
    };
    let shapes = catalogue.shapes.iter().map(|shape| v1::TrafficShape {
        shape_id: shape.name.to_string(),
        weights: shape.weights.clone(),
    });
    let groups = catalogue.groups.iter().map(|spec| group_message(spec, &payer(spec.advertiser)));
    let campaigns = catalogue.campaigns.iter().map(|spec| campaign_message(spec, names(spec)));
    Request {
        advertisers: catalogue.advertisers.iter().map(advertiser_message).collect(),
        groups: groups.collect(),
        campaigns: campaigns.collect(),
        shapes: shapes.collect(),
        ..Request::default()
    }
}

#[cfg(test)]
mod tests;
