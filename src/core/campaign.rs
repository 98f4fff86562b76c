//! The order being delivered, checked: advertisers, groups and campaigns as the engine takes them.
//!
//! One type for service, simulator and log. Made from files and RPCs, which check field by field;
//! [`CampaignSpec::check`] and its kin hold the rules that need the whole specification.

mod shading;

use crate::budget::{Budgets, Cap, Flight, Horizon};
use crate::hours::HoursOfWeek;
use crate::units::{
    AdvertiserId, CampaignId, CpmMicros, Currency, GroupId, Name, Nanos, PacingMultiplier, Ppm,
    Results, ShapeId, Timestamp, ZoneId,
};
use serde::{Deserialize, Serialize};
pub use shading::{ShadingLevel, ShadingObjective, ShadingTerms};

/// What a rule found wrong: which field, which rule. The value is named by whoever read it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("{field}: {rule}")]
pub struct SpecError {
    /// Path of the field, e.g. `flights[1].start`.
    pub field: String,
    /// The rule it breaks.
    pub rule: String,
}

impl SpecError {
    /// A complaint.
    #[must_use]
    pub fn new(field: impl Into<String>, rule: impl Into<String>) -> Self {
        Self { field: field.into(), rule: rule.into() }
    }
}

/// The most holidays of one advertiser: every day of a year, and then some.
pub const HOLIDAYS_MAX: usize = 400;
/// The most traffic of a holiday over a usual day: ten times.
const HOLIDAY_MOST: Ppm = Ppm::new(10_000_000);

/// A local day whose traffic is known to differ from its weekday's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Holiday {
    /// A moment inside the day: its first.
    pub day: Timestamp,
    /// Its traffic over that of a usual day of the same name, at most ten.
    pub traffic: Ppm,
}

/// Who pays. Owns currency and time zone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AdvertiserSpec {
    /// Key of `name`.
    pub id: AdvertiserId,
    /// Outside identity.
    pub name: Name,
    /// Of every amount below it. May never change.
    pub currency: Currency,
    /// Decides where its local days begin.
    pub zone: ZoneId,
    /// The zone's IANA name, for the calendar.
    pub zone_name: Name,
    /// Shared by all its campaigns.
    pub budgets: Budgets,
    /// Days with unusual traffic, in order of time, at most [`HOLIDAYS_MAX`].
    #[serde(default)]
    pub holidays: Vec<Holiday>,
}

/// Campaigns that share a budget.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GroupSpec {
    /// Key of `name`.
    pub id: GroupId,
    /// Outside identity.
    pub name: Name,
    /// Who pays. May never change.
    pub advertiser: AdvertiserId,
    /// Shared by its campaigns.
    pub budgets: Budgets,
}

/// How a campaign wants its money to go out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DeliveryMode {
    /// Along the traffic.
    #[default]
    Even,
    /// Along the traffic, early: the plan runs ahead of the even one by a fifth until done.
    Ahead,
    /// As fast as possible, up to the caps.
    Asap,
}

/// How far a plan that runs ahead may be ahead of the even one: nine times.
const AHEAD_MOST: Ppm = Ppm::new(9_000_000);
/// The most a day may make up for, over its even share: nine times.
const CATCH_UP_MOST: Ppm = Ppm::new(9_000_000);

/// How a campaign's money goes out, beside its delivery mode.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeliveryTerms {
    /// How far the plan of [`DeliveryMode::Ahead`] is ahead of the even one: a fifth.
    pub ahead: Ppm,
    /// What a local day may take over its even share of the flight's budget, to make up for what
    /// was missed; absent is anything, zero is nothing: what was missed stays missed.
    pub catch_up: Option<Ppm>,
    /// What it is to spend in each of its flights at least, before its siblings do, as long as its
    /// group and its advertiser have the money.
    pub minimum: Option<Nanos>,
    /// Hours of the local week in which it may deliver.
    pub hours: HoursOfWeek,
    /// The course its money is to take over the local week, whatever traffic does; absent is that
    /// of the traffic.
    pub curve: Option<ShapeId>,
}

impl Default for DeliveryTerms {
    fn default() -> Self {
        let (ahead, hours) = (Ppm::new(200_000), HoursOfWeek::ALL);
        Self { ahead, catch_up: None, minimum: None, hours, curve: None }
    }
}

impl DeliveryTerms {
    /// Rules that they break, under their own words.
    fn check(&self, delivery: DeliveryMode, complaints: &mut Vec<SpecError>) {
        let mut refuse = |field: &str, rule: &str| complaints.push(SpecError::new(field, rule));
        if self.ahead.get() == 0 || self.ahead > AHEAD_MOST {
            refuse("ahead", "must be above 0% and at most 900%");
        }
        if self.catch_up.is_some_and(|most| most > CATCH_UP_MOST) {
            refuse("catch_up", "must be at most 900%");
        }
        if self.catch_up.is_some() && delivery != DeliveryMode::Even {
            refuse("catch_up", "needs delivery even: ahead and asap take what they can");
        }
        if self.hours == HoursOfWeek::NONE {
            refuse("hours", "must hold an hour of the week");
        }
    }
}

/// Which law turns the pacing error into a correction.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LawChoice {
    /// PI on the logarithm of the multiplier.
    #[default]
    LogPid,
    /// Throttling by participation.
    PassThrough,
    /// No pacing: full speed until exhausted.
    Asap,
}

/// What the campaign is billed for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BillingEvent {
    /// Each win.
    #[default]
    Impression,
    /// A click, some time after the win.
    Click,
    /// An action, long after the win.
    Action,
}

/// Where a campaign's spend comes from; the other kind is refused by name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SpendSource {
    /// Events, by RPC or stream.
    #[default]
    Events,
    /// Cumulative counters in Redis.
    Counters,
}

/// What becomes of money given back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RefundPolicy {
    /// The cap is lowered by it; it is not spent again.
    #[default]
    Hold,
    /// It may be spent again.
    Respend,
}

/// Whether a campaign is meant to deliver.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CampaignStatus {
    /// Deliver inside its flights.
    #[default]
    Active,
    /// Hold for now.
    Paused,
    /// Never again; its books stay open for late money.
    Archived,
}

/// The most revenue for a unit of spend that can be asked: four thousand units.
const RETURN_MAX: Ppm = Ppm::new(4_000_000_000);

/// What its results may cost on average over a flight, or must bring in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReturnTarget {
    /// At most this for a click.
    CostPerClick(Nanos),
    /// At most this for an action.
    CostPerAction(Nanos),
    /// At least so many units of revenue for a unit of spend; a result is a unit of revenue.
    ReturnOnSpend(Ppm),
}

impl ReturnTarget {
    /// The most a result may cost, in nanos; not finite where the target is zero.
    #[must_use]
    pub fn cost_per_result(self) -> f64 {
        match self {
            Self::CostPerClick(most) | Self::CostPerAction(most) => most.as_f64(),
            Self::ReturnOnSpend(least) => Nanos::from_units(1).as_f64() / least.as_f64(),
        }
    }

    /// What results may cost, in nanos.
    #[must_use]
    pub fn worth(self, results: Results) -> f64 {
        results.as_f64() * self.cost_per_result()
    }

    /// The word for it in files, reports and on the wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::CostPerClick(_) => "cost_per_click",
            Self::CostPerAction(_) => "cost_per_action",
            Self::ReturnOnSpend(_) => "return_on_spend",
        }
    }

    /// Rules that it breaks, under its own word.
    fn check(self, source: SpendSource, complaints: &mut Vec<SpecError>) {
        let mut refuse = |rule: &str| complaints.push(SpecError::new(self.as_str(), rule));
        match self {
            Self::CostPerClick(most) | Self::CostPerAction(most) if most <= Nanos::ZERO => {
                refuse("must be above zero");
            }
            Self::ReturnOnSpend(least) if least.get() == 0 || least > RETURN_MAX => {
                refuse("must be above 0% and at most 400000%");
            }
            _ => {}
        }
        if source == SpendSource::Counters {
            refuse("needs spend_source events: a counter does not say what was won");
        }
    }
}

/// The highest value cap: what a budget may be at most.
pub const VALUE_CAP_MAX: CpmMicros = CpmMicros::new(4_000_000_000_000_000);

/// The order being delivered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CampaignSpec {
    /// Key of `name`.
    pub id: CampaignId,
    /// Outside identity.
    pub name: Name,
    /// Who pays. May never change.
    pub advertiser: AdvertiserId,
    /// Shares this group's budget. May not change once the campaign has spent.
    pub group: Option<GroupId>,
    /// Its own budgets; at least one flight.
    pub budgets: Budgets,
    /// Even, ahead or as soon as possible.
    pub delivery: DeliveryMode,
    /// How far ahead, what may be made up for, at which hours, by which course.
    #[serde(default)]
    pub terms: DeliveryTerms,
    /// The law of its own budget.
    pub law: LawChoice,
    /// What is billed.
    pub billing: BillingEvent,
    /// Events or counters.
    pub spend_source: SpendSource,
    /// Hold or respend.
    pub refund_policy: RefundPolicy,
    /// Top of the multiplier's range: one, up to four.
    pub multiplier_max: PacingMultiplier,
    /// No bid is ever above this, in micros per thousand.
    pub value_cap: Option<CpmMicros>,
    /// How little of its paced value it bids.
    #[serde(default)]
    pub shading: ShadingTerms,
    /// What its results may cost; absent is anything.
    pub returns: Option<ReturnTarget>,
    /// Expected course of its traffic; absent is flat.
    pub shape: Option<ShapeId>,
    /// Deliver, hold, or ended.
    pub status: CampaignStatus,
}

/// Flights in order, not overlapping, budgets above zero; caps one a horizon and above zero.
fn check_budgets(budgets: &Budgets, complaints: &mut Vec<SpecError>) {
    for (index, flight) in budgets.flights.iter().enumerate() {
        if flight.budget.is_some_and(|budget| budget.get() <= 0) {
            complaints
                .push(SpecError::new(format!("flights[{index}].budget"), "must be above zero"));
        }
    }
    for (index, pair) in budgets.flights.windows(2).enumerate() {
        if pair[0].window.end() > pair[1].window.start() {
            complaints.push(SpecError::new(
                format!("flights[{}].start", index + 1),
                "flights must be in order and must not overlap",
            ));
        }
    }
    for (index, cap) in budgets.caps.iter().enumerate() {
        if cap.amount.get() <= 0 {
            complaints.push(SpecError::new(format!("caps[{index}].amount"), "must be above zero"));
        }
        if cap.horizon == Horizon::Flight {
            complaints.push(SpecError::new(
                format!("caps[{index}].horizon"),
                "a flight's budget is stated in the flight",
            ));
        }
        if budgets.caps[..index].iter().any(|other: &Cap| other.horizon == cap.horizon) {
            complaints.push(SpecError::new(
                format!("caps[{index}].horizon"),
                "one cap a horizon at most",
            ));
        }
    }
}

impl CampaignSpec {
    /// Every rule the specification breaks by itself; empty when it is sound.
    #[must_use]
    pub fn check(&self) -> Vec<SpecError> {
        let mut complaints = Vec::new();
        check_budgets(&self.budgets, &mut complaints);
        if self.budgets.flights.is_empty() {
            complaints.push(SpecError::new("flights", "a campaign has at least one flight"));
        }
        if !self.budgets.is_bounded() && self.group.is_none() {
            complaints.push(SpecError::new(
                "flights",
                "a campaign needs a budget, a cap or a group that has one",
            ));
        }
        self.terms.check(self.delivery, &mut complaints);
        self.check_minimum(&mut complaints);
        if self.multiplier_max.ppm().get() == 0 {
            complaints.push(SpecError::new("multiplier_max", "must be above zero"));
        }
        if self.value_cap.is_some_and(|cap| cap.get() <= 0) {
            complaints.push(SpecError::new("value_cap", "must be above zero"));
        }
        if self.value_cap.is_some_and(|cap| cap > VALUE_CAP_MAX) {
            let rule = "must be at most four billion units";
            complaints.push(SpecError::new("value_cap", rule));
        }
        self.shading.check(&mut complaints);
        if let Some(target) = self.returns {
            target.check(self.spend_source, &mut complaints);
        }
        complaints
    }

    /// A minimum that each flight can hold.
    fn check_minimum(&self, complaints: &mut Vec<SpecError>) {
        let Some(minimum) = self.terms.minimum else { return };
        if minimum <= Nanos::ZERO {
            complaints.push(SpecError::new("minimum", "must be above zero"));
        }
        let is_short = |flight: &Flight| flight.budget.is_some_and(|budget| budget < minimum);
        if self.budgets.flights.iter().any(is_short) {
            complaints.push(SpecError::new("minimum", "must be at most each flight's budget"));
        }
    }

    /// The flight that holds `at`, if any.
    #[must_use]
    pub fn flight_at(&self, at: Timestamp) -> Option<Flight> {
        self.budgets.flights.iter().copied().find(|flight| flight.window.contains(at))
    }

    /// When it delivers no more, being archived or past its last flight; nothing when that is so at
    /// `now` already. One that is paused may go on at any time.
    #[must_use]
    pub fn delivers_until(&self, now: Timestamp) -> Option<Timestamp> {
        let end = self.budgets.flights.iter().map(|flight| flight.window.end()).max();
        end.filter(|&end| now < end && self.status != CampaignStatus::Archived)
    }
}

impl GroupSpec {
    /// Every rule the specification breaks by itself.
    #[must_use]
    pub fn check(&self) -> Vec<SpecError> {
        let mut complaints = Vec::new();
        check_budgets(&self.budgets, &mut complaints);
        complaints
    }
}

impl AdvertiserSpec {
    /// Every rule the specification breaks by itself.
    #[must_use]
    pub fn check(&self) -> Vec<SpecError> {
        let mut complaints = Vec::new();
        check_budgets(&self.budgets, &mut complaints);
        check_holidays(&self.holidays, &mut complaints);
        complaints
    }
}

/// In order, each day once, not more traffic than can be.
fn check_holidays(holidays: &[Holiday], complaints: &mut Vec<SpecError>) {
    if holidays.len() > HOLIDAYS_MAX {
        complaints.push(SpecError::new("holidays", "must have at most 400 days"));
    }
    for (index, holiday) in holidays.iter().enumerate() {
        if holiday.traffic > HOLIDAY_MOST {
            let field = format!("holidays[{index}].traffic");
            complaints.push(SpecError::new(field, "must be at most 1000%"));
        }
        if index > 0 && holiday.day <= holidays[index - 1].day {
            let field = format!("holidays[{index}].day");
            complaints.push(SpecError::new(field, "days must be in order, each once"));
        }
    }
}
