//! The check of a file's demand: campaigns written out, several alike, or the rows of a file.
//!
//! Called by [`super::check`].

use super::check::Frame;
use super::complaint::Complaints;
use super::raw::{RawBilling, RawCampaign, RawForecast, shown};
use super::returns::Stated;
use super::segments::{curve, prices};
use super::{CampaignPlan, Forecast};
use crate::market::billing::Billing;
use crate::market::buyer::Buyer;
use crate::market::draw::Distribution;
use crate::market::truth::ClickTruth;
use crate::trace::campaigns::BudgetPeriod;
use paceline_core::budget::{Budgets, Cap, Flight, Horizon};
use paceline_core::campaign::{
    BillingEvent, CampaignSpec, CampaignStatus, DeliveryTerms, RefundPolicy, ShadingTerms,
    SpendSource,
};
use paceline_core::hours::HoursOfWeek;
use paceline_core::units::{
    AdvertiserId, CampaignId, Micros, Name, Nanos, PacingMultiplier, Ppm, Span, Timestamp, Window,
};
use std::sync::Arc;

/// The most campaigns one entry may stand for.
const COUNT_MAX: usize = 100_000;

/// What one campaign of an entry has of its own.
struct Own {
    name: String,
    budget: Option<i64>,
    daily_cap: Option<i64>,
    pressure: Option<f64>,
    value_most: Option<f64>,
}

/// Checks one entry.
pub(super) fn check(
    at: &str,
    raw: &RawCampaign,
    frame: &mut Frame<'_>,
    complaints: &mut Complaints,
) -> Vec<CampaignPlan> {
    let own = match &raw.data {
        Some(file) => from_file(at, file, raw, frame, complaints),
        None => written(at, raw, complaints),
    };
    let common = Common::check(at, raw, frame, complaints);
    own.into_iter().filter_map(|own| common.plan(at, raw, &own, frame, complaints)).collect()
}

fn in_turn<T: Copy>(values: &[T], index: usize) -> Option<T> {
    if values.is_empty() { None } else { Some(values[index % values.len()]) }
}

fn written(at: &str, raw: &RawCampaign, complaints: &mut Complaints) -> Vec<Own> {
    let Some(stem) = &raw.name else {
        complaints.add(format!("{at}.name"), "nothing", "must be given where `data` is not");
        return Vec::new();
    };
    let count = raw.count.unwrap_or(1);
    complaints.require(
        (1..=COUNT_MAX).contains(&count),
        format!("{at}.count"),
        count,
        "must be 1 to 100000",
    );
    for &pressure in &raw.pressure {
        complaints.require(
            pressure > 0.0 && pressure.is_finite(),
            format!("{at}.pressure"),
            pressure,
            "must be a finite number above 0",
        );
    }
    let name = |index| {
        if raw.count.is_some() { format!("{stem}-{index:02}") } else { stem.clone() }
    };
    (0..count.min(COUNT_MAX))
        .map(|index| Own {
            name: name(index),
            budget: in_turn(&raw.budget_micros, index),
            daily_cap: in_turn(&raw.daily_cap_micros, index),
            pressure: in_turn(&raw.pressure, index),
            value_most: None,
        })
        .collect()
}

fn from_file(
    at: &str,
    file: &str,
    raw: &RawCampaign,
    frame: &Frame<'_>,
    complaints: &mut Complaints,
) -> Vec<Own> {
    let every = raw.every.unwrap_or(1).max(1);
    let times = raw.budget_times.unwrap_or(1.0);
    complaints.require(
        times > 0.0 && times <= 1.0,
        format!("{at}.budget_times"),
        times,
        "must be above 0, at most 1",
    );
    let rows = frame.data.campaigns(at, file, complaints);
    let chosen = rows.iter().step_by(every).enumerate().map(|(index, row)| {
        let amount = row.budget.scaled_down(times).get() / 1_000;
        let is_daily = row.period == BudgetPeriod::Daily;
        Own {
            name: row.campaign.as_str().to_owned(),
            budget: (!is_daily).then_some(amount),
            daily_cap: is_daily.then_some(amount),
            pressure: in_turn(&raw.pressure, index),
            value_most: row.max_bid.map(|most| most.per_impression().as_f64() / 1e6),
        }
    });
    chosen.collect()
}

/// What all campaigns of an entry share.
struct Common {
    window: Window,
    segments: Vec<usize>,
    reach: f64,
    value: Distribution,
    recorded: Option<Arc<[f64]>>,
    response: Option<Distribution>,
    truth: Option<ClickTruth>,
    billing: Billing,
    multiplier_max: PacingMultiplier,
    terms: DeliveryTerms,
    returns: Option<Stated>,
    forecast: Forecast,
}

impl Common {
    fn check(at: &str, raw: &RawCampaign, frame: &Frame<'_>, complaints: &mut Complaints) -> Self {
        let key = |field: &str| format!("{at}.{field}");
        let reach = raw.reach.unwrap_or(1.0);
        complaints.require(
            reach > 0.0 && reach <= 1.0,
            key("reach"),
            reach,
            "must be above 0, at most 1",
        );
        let most = raw.multiplier_max.unwrap_or(1.0);
        let multiplier_max = Ppm::try_from_ratio(most)
            .and_then(|ppm| PacingMultiplier::try_new(ppm).ok())
            .unwrap_or(PacingMultiplier::ONE);
        complaints.require(
            (0.001..=4.0).contains(&most),
            key("multiplier_max"),
            most,
            "must be 0.001 to 4",
        );
        let window = window(at, raw, frame, complaints);
        Self {
            window,
            segments: segments(&key("segments"), raw, frame, complaints),
            reach,
            value: value(at, raw, complaints),
            recorded: recorded(at, raw, frame, complaints),
            response: response(at, raw, complaints),
            truth: truth(at, raw, window, complaints),
            billing: billing(at, raw, complaints),
            multiplier_max,
            terms: terms(at, raw, complaints),
            returns: raw.returns.and_then(|returns| returns.check(at, complaints)),
            forecast: forecast(&key("forecast"), raw, frame, complaints),
        }
    }

    fn plan(
        &self,
        at: &str,
        raw: &RawCampaign,
        own: &Own,
        frame: &mut Frame<'_>,
        complaints: &mut Complaints,
    ) -> Option<CampaignPlan> {
        let key = |field: &str| format!("{at}.{field}");
        let name = Name::try_new(own.name.clone())
            .map_err(|error| complaints.add(key("name"), &own.name, &error.to_string()))
            .ok()?;
        let mut money = |field: &str, amount: Option<i64>| {
            let amount = amount?;
            Nanos::try_budget(Micros::new(amount))
                .map_err(|error| complaints.add(key(field), amount, &error.to_string()))
                .ok()
        };
        let budget = money("budget_micros", own.budget);
        let cap = money("daily_cap_micros", own.daily_cap);
        let window = self.window;
        let advertiser = raw.advertiser.as_deref().unwrap_or("house");
        let clock = frame.advertiser_clock(&key("advertiser"), advertiser, complaints);
        let id = CampaignId::of(name.as_str());
        let spec = CampaignSpec {
            id,
            name,
            advertiser: AdvertiserId::of(advertiser),
            group: None,
            budgets: Budgets {
                flights: vec![Flight { window, budget }],
                caps: cap.map(|amount| Cap { horizon: Horizon::Day, amount }).into_iter().collect(),
            },
            delivery: raw.delivery.unwrap_or_default(),
            terms: self.terms,
            law: raw.law.unwrap_or_default(),
            billing: match self.billing {
                Billing::Impression => BillingEvent::Impression,
                Billing::Click { .. } => BillingEvent::Click,
            },
            spend_source: SpendSource::Events,
            refund_policy: RefundPolicy::Hold,
            shading: ShadingTerms::default(),
            multiplier_max: self.multiplier_max,
            value_cap: None,
            returns: self.returns.map(|stated| stated.target),
            shape: None,
            status: CampaignStatus::Active,
        };
        for error in spec.check() {
            complaints.add(key(&error.field), &own.name, &error.rule);
        }
        let buyer = Buyer {
            salt: id.key(),
            segments: self.segments.clone(),
            reach: self.reach,
            value: self.value.clone(),
            scale: 1.0,
            response: self.response.clone(),
            truth: self.truth,
            billing: self.billing,
            results_per_nano: self.returns.map(|stated| stated.results_per_nano),
            recorded: self.recorded.clone(),
            counts_as_one: false,
            value_most: own.value_most.or(raw.value_most_cpm).unwrap_or(f64::INFINITY),
        };
        let forecast = self.forecast.clone();
        Some(CampaignPlan { spec, buyer, pressure: own.pressure, forecast, clock })
    }
}

/// How its money goes out; what breaks a rule is told with the whole specification.
fn terms(at: &str, raw: &RawCampaign, complaints: &mut Complaints) -> DeliveryTerms {
    let mut share = |field: &str, ratio: Option<f64>| {
        let ratio = ratio?;
        let ppm = Ppm::try_from_ratio(ratio);
        complaints.require(ppm.is_some(), format!("{at}.{field}"), ratio, "must be 0 to 4294");
        ppm
    };
    let default = DeliveryTerms::default();
    let ahead = share("ahead", raw.ahead).unwrap_or(default.ahead);
    let catch_up = share("catch_up", raw.catch_up);
    let hours = raw.hours_of_day.as_ref().map(|listed| {
        let holds = |hour: &u8| listed.contains(&(hour % 24));
        (0..168).filter(holds).fold(HoursOfWeek::NONE, HoursOfWeek::with)
    });
    let minimum = raw.minimum_micros.and_then(|micros| {
        let amount = Nanos::try_budget(Micros::new(micros));
        let key = format!("{at}.minimum_micros");
        amount.map_err(|error| complaints.add(key, micros, &error.to_string())).ok()
    });
    DeliveryTerms { ahead, catch_up, minimum, hours: hours.unwrap_or(default.hours), curve: None }
}

/// The value's distribution; a stand-in where the record has the values.
fn value(at: &str, raw: &RawCampaign, complaints: &mut Complaints) -> Distribution {
    match (&raw.value, &raw.value_column) {
        (Some(value), None) => prices(&format!("{at}.value"), value, complaints),
        (None, Some(_)) => Distribution::Constant(1.0),
        _ => {
            complaints.add(
                format!("{at}.value"),
                raw.value.as_ref().map_or_else(|| "nothing".to_owned(), ToString::to_string),
                "must be given, or value_column, not both",
            );
            Distribution::Constant(1.0)
        }
    }
}

/// Values out of the record's own column.
fn recorded(
    at: &str,
    raw: &RawCampaign,
    frame: &Frame<'_>,
    complaints: &mut Complaints,
) -> Option<Arc<[f64]>> {
    let name = raw.value_column.as_ref()?;
    let values = frame.columns.get(name).cloned();
    if values.is_none() {
        complaints.add(format!("{at}.value_column"), name, "must be one of record.value_columns");
    }
    values
}

fn window(at: &str, raw: &RawCampaign, frame: &Frame<'_>, complaints: &mut Complaints) -> Window {
    let start = frame.window.start();
    let from = complaints.span(format!("{at}.from"), raw.from.as_deref(), Span::ZERO);
    let to = complaints.span(format!("{at}.to"), raw.to.as_deref(), frame.window.span());
    let (from, to): (Timestamp, Timestamp) = (start + from, start + to);
    Window::try_new(from, to).unwrap_or_else(|error| {
        complaints.add(format!("{at}.to"), shown(raw.to.as_ref()), &error.to_string());
        frame.window
    })
}

fn segments(
    at: &str,
    raw: &RawCampaign,
    frame: &Frame<'_>,
    complaints: &mut Complaints,
) -> Vec<usize> {
    if raw.segments.is_empty() {
        return (0..frame.segments.len()).collect();
    }
    let mut chosen = Vec::new();
    for name in &raw.segments {
        match frame.segments.iter().position(|segment| segment == name) {
            Some(index) => chosen.push(index),
            None => complaints.add(at, name, "must name segments of the file"),
        }
    }
    chosen
}

fn response(at: &str, raw: &RawCampaign, complaints: &mut Complaints) -> Option<Distribution> {
    let median = raw.click_probability?;
    complaints.require(
        median > 0.0 && median <= 1.0,
        format!("{at}.click_probability"),
        median,
        "must be above 0, at most 1",
    );
    let sigma = raw.click_sigma.unwrap_or(0.0);
    complaints.require(
        (0.0..=3.0).contains(&sigma),
        format!("{at}.click_sigma"),
        sigma,
        "must be 0 to 3",
    );
    Some(Distribution::LogNormal { ln_median: libm::log(median), sigma })
}

/// True over predicted chance of a click.
fn truth(
    at: &str,
    raw: &RawCampaign,
    window: Window,
    complaints: &mut Complaints,
) -> Option<ClickTruth> {
    let truth = raw.click_truth?;
    let key = |field: &str| format!("{at}.click_truth{field}");
    complaints.require(
        raw.click_probability.is_some(),
        key(""),
        truth.from,
        "needs click_probability",
    );
    let to = truth.to.unwrap_or(truth.from);
    for (field, value) in [(".from", truth.from), (".to", to)] {
        complaints.require(
            (0.01..=100.0).contains(&value),
            key(field),
            value,
            "must be 0.01 to 100",
        );
    }
    Some(ClickTruth { window, from: truth.from, to })
}

/// What the planner is told.
fn forecast(
    at: &str,
    raw: &RawCampaign,
    frame: &Frame<'_>,
    complaints: &mut Complaints,
) -> Forecast {
    match &raw.forecast {
        None if raw.value_column.is_some() => Forecast::None,
        None => Forecast::Error(0.0),
        Some(RawForecast::None) => Forecast::None,
        Some(RawForecast::Error(sigma)) => {
            complaints.require(
                (0.0..=3.0).contains(sigma),
                format!("{at}.error"),
                sigma,
                "must be 0 to 3",
            );
            Forecast::Error(*sigma)
        }
        Some(RawForecast::Shape(shape)) => {
            Forecast::Curve(curve(&format!("{at}.shape"), Some(shape), frame.data, complaints))
        }
    }
}

fn billing(at: &str, raw: &RawCampaign, complaints: &mut Complaints) -> Billing {
    let key = |field: &str| format!("{at}.{field}");
    if raw.billing == RawBilling::Impression {
        return Billing::Impression;
    }
    complaints.require(
        raw.click_probability.is_some(),
        key("billing"),
        "click",
        "needs click_probability",
    );
    let soonest =
        complaints.span(key("click_soonest"), raw.click_soonest.as_deref(), Span::from_secs(2));
    let latest =
        complaints.span(key("click_latest"), raw.click_latest.as_deref(), Span::from_mins(5));
    complaints.require(
        soonest <= latest,
        key("click_latest"),
        shown(raw.click_latest.as_ref()),
        "must not be before click_soonest",
    );
    Billing::Click { soonest, latest }
}
