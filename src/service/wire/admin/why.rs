//! Why a campaign delivers as it does, to messages: causes, what speaks for them, what would help.
//!
//! Words for people stand beside the numbers, so that command line and console say the same. Called
//! for whoever explains a campaign.

use super::super::catalogue::{horizon_number, returns_message, returns_words};
use super::super::instant_message;
use super::explain::{forecast_message, millionths};
use super::owner_message;
use paceline_core::budget::{BudgetOwner, Horizon};
use paceline_core::diagnosis::{Cause, CauseKind, Edit, Effect, Figure, Unit};
use paceline_core::engine::Engine;
use paceline_core::forecast::Forecast;
use paceline_core::units::{CampaignId, Nanos, Ppm};
use paceline_proto::v1;
use paceline_view::number::{self, fixed, percent};

/// The causes of a campaign's delivery, the likeliest first; none when it is unknown.
#[must_use]
pub fn causes(engine: &Engine, campaign: CampaignId) -> Vec<v1::Cause> {
    let Some(told) = engine.diagnose(campaign) else { return Vec::new() };
    let payer = engine.campaign(campaign).and_then(|spec| engine.advertiser(spec.advertiser));
    let currency = payer.map(|payer| payer.currency.to_string()).unwrap_or_default();
    let teller = Teller { engine, currency };
    told.causes.iter().map(|cause| teller.cause(cause)).collect()
}

/// A sentence for each cause.
const fn sentence(kind: CauseKind) -> &'static str {
    match kind {
        CauseKind::Ahead => "it spent more of late than its plan had",
        CauseKind::OnPlan => "it spends its plan, or nothing keeps it from doing so",
        CauseKind::BudgetLimited => "a cap, or a budget that it shares, leaves no room for its own",
        CauseKind::BidLimited => "it bids as high as it may and loses most auctions",
        CauseKind::SupplyLimited => "it bids as high as it may, and is asked too little",
        CauseKind::FloorLimited => "its bids are below the floors",
        CauseKind::ReturnLimited => "what its results may cost keeps its bids down",
        CauseKind::Override => "an override, or its own status, holds it",
        CauseKind::Brake => "spend ran away from its plan, and the brake holds it",
        CauseKind::StaleSpend => "nobody says what it spends",
        CauseKind::Exhausted => "a budget cannot pay for one more event",
        CauseKind::NotStarted => "no flight of it has begun",
        CauseKind::Ended => "its flights are over",
        CauseKind::Quarantined => "its numbers went bad, and it is set aside",
    }
}

/// A cause without its evidence.
pub(super) fn cause_told(kind: CauseKind) -> v1::Reason {
    v1::Reason { code: kind.as_str().to_owned(), detail: sentence(kind).to_owned() }
}

fn money(nanos: i64, currency: &str) -> String {
    // Two decimals say nothing of what one impression costs.
    let places = if nanos.unsigned_abs() < 1_000_000_000 { 6 } else { 2 };
    format!("{} {currency}", number::money(nanos, places))
}

/// A figure, with its words.
pub(super) fn figure_message(figure: &Figure, currency: &str) -> v1::CauseFigure {
    let (value, text) = match figure.unit {
        Unit::Nanos | Unit::NanosPerHour => {
            let nanos = Nanos::floor_from(figure.value).get();
            let per = if figure.unit == Unit::Nanos { "" } else { " an hour" };
            (nanos, money(nanos, currency) + per)
        }
        Unit::Share => (millionths(figure.value), percent(figure.value, 1)),
        Unit::PerHour => (millionths(figure.value), fixed(figure.value, 1) + " an hour"),
        Unit::Minutes => (millionths(figure.value), fixed(figure.value, 0) + " min"),
        Unit::Multiplier => (millionths(figure.value), fixed(figure.value, 3)),
        Unit::Count => (millionths(figure.value), fixed(figure.value, 0)),
    };
    let (name, unit) = (figure.name.to_owned(), figure.unit.as_str().to_owned());
    v1::CauseFigure { name, unit, value, text }
}

struct Teller<'a> {
    engine: &'a Engine,
    currency: String,
}

impl Teller<'_> {
    fn money(&self, nanos: i64) -> String {
        money(nanos, &self.currency)
    }

    fn cause(&self, cause: &Cause) -> v1::Cause {
        v1::Cause {
            code: cause.kind.as_str().to_owned(),
            detail: sentence(cause.kind).to_owned(),
            weight_ppm: Ppm::try_from_ratio(cause.weight).map_or(0, Ppm::get),
            figures: cause.figures.iter().map(|one| figure_message(one, &self.currency)).collect(),
            edit: cause.edit.as_ref().map(|edit| self.edit(edit, cause.effect.as_ref())),
        }
    }

    fn edit(&self, edit: &Edit, effect: Option<&Effect>) -> v1::ProposedEdit {
        let mut message = v1::ProposedEdit {
            kind: edit.as_str().to_owned(),
            without: effect.map(|effect| forecast_message(&effect.without)),
            with: effect.map(|effect| forecast_message(&effect.with)),
            is_beyond: effect.is_some_and(|effect| effect.is_beyond),
            ..v1::ProposedEdit::default()
        };
        message.detail = match *edit {
            Edit::Budget { owner, start, to } => {
                message.owner = Some(owner_message(self.engine, owner));
                message.horizon = horizon_number(Horizon::Flight);
                message.flight_start = Some(instant_message(start));
                message.to_nanos = Some(to.get());
                format!("raise the budget of {} to {}", self.name(owner), self.money(to.get()))
            }
            Edit::Cap { owner, horizon, to } => {
                message.owner = Some(owner_message(self.engine, owner));
                message.horizon = horizon_number(horizon);
                message.to_nanos = Some(to.get());
                let (cap, to) = (horizon.as_str(), self.money(to.get()));
                format!("raise the {cap} cap of {} to {to}", self.name(owner))
            }
            Edit::MultiplierMax { to } => {
                message.multiplier_max_ppm = Some(to.ppm().get());
                format!("raise multiplier_max to {}", percent(to.ppm().as_f64(), 1))
            }
            Edit::Returns { to } => {
                message.returns = Some(returns_message(to));
                format!("ask for {}", returns_words(to, |most| self.money(most.get())))
            }
            Edit::Release { hand } => {
                message.override_id = Some(hand.to_string());
                format!("take override {hand} off")
            }
            Edit::Activate => "switch it on: status active".to_owned(),
            Edit::Widen { times } => {
                message.times_ppm = u32::try_from(millionths(times)).ok();
                format!("widen its targeting to {} times the traffic", fixed(times, 1))
            }
        };
        message.effect = effect.map(|effect| self.effect(effect)).unwrap_or_default();
        message
    }

    fn effect(&self, effect: &Effect) -> String {
        let band = |told: &Forecast| {
            format!("{} to {}", self.money(told.low.get()), self.money(told.high.get()))
        };
        let (with, without) = (band(&effect.with), band(&effect.without));
        let beyond = if effect.is_beyond { "; beyond what has been seen" } else { "" };
        format!("spend of the day ahead {with} instead of {without}{beyond}")
    }

    fn name(&self, owner: BudgetOwner) -> String {
        use v1::budget_owner::Owner;
        match owner_message(self.engine, owner).owner {
            Some(Owner::CampaignId(name)) => format!("campaign {name}"),
            Some(Owner::GroupId(name)) => format!("group {name}"),
            Some(Owner::AdvertiserId(name)) => format!("advertiser {name}"),
            None => owner.to_string(),
        }
    }
}

/// What speaks for a cause, on one line.
#[must_use]
pub fn evidence_words(cause: &v1::Cause) -> String {
    let told =
        |figure: &v1::CauseFigure| format!("{} {}", figure.name.replace('_', " "), figure.text);
    cause.figures.iter().map(told).collect::<Vec<_>>().join("; ")
}

/// A cause in words alone.
#[derive(Debug)]
pub struct CauseWords {
    /// What it is, as a sentence.
    pub cause: String,
    /// What speaks for it.
    pub evidence: String,
    /// What would help; empty where nothing is edited here.
    pub help: String,
    /// What that would do; empty where nothing can be told.
    pub effect: String,
}

/// [`causes`] for whoever shows words.
#[must_use]
pub fn causes_in_words(causes: &[v1::Cause]) -> Vec<CauseWords> {
    let words = |cause: &v1::Cause| {
        let evidence = evidence_words(cause);
        let edit = cause.edit.clone().unwrap_or_default();
        let (help, effect) = (edit.detail, edit.effect);
        CauseWords { cause: cause.detail.clone(), evidence, help, effect }
    };
    causes.iter().map(words).collect()
}
