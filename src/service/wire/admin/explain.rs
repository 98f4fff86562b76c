//! Why a campaign's numbers are what they are, to messages: a line of the portfolio, or all of it.

use super::super::catalogue::{horizon_number, law_number, returns_message, shading_level_number};
use super::super::{generation_message, instant_message};
use super::books::{Suspended, account_books, totals_message};
use super::{hand_message, owner_message, state_number};
use paceline_core::budget::Horizon;
use paceline_core::campaign::{CampaignSpec, CampaignStatus};
use paceline_core::engine::Engine;
use paceline_core::forecast::{Forecast, Limit};
use paceline_core::ledger::Account;
use paceline_core::pace::{Clamp, limit};
use paceline_core::report::{
    Explanation, OwnerExplanation, Reason, ReturnExplanation, ShapeOrigin,
};
use paceline_core::units::{ArmId, Nanos, PacingMultiplier, ParticipationRate};
use paceline_proto::v1;

/// A sentence for each reason.
const fn told(reason: Reason) -> &'static str {
    match reason {
        Reason::Law => "the law of one of its budgets sets it",
        Reason::Returns => "its results would cost more than its return target allows",
        Reason::Unbounded => "nothing bounds it: it bids in full",
        Reason::Brake => "spend ran ahead within minutes: the brake cuts participation",
        Reason::Breaker => {
            "money went out faster than any plan could: a velocity breaker cut participation"
        }
        Reason::Paused => "an override pauses it",
        Reason::Frozen => "an override keeps what was published",
        Reason::Fixed => "an override fixes it",
        Reason::Capped => "an override caps it",
        Reason::Exhausted => "a budget cannot pay for one more event",
        Reason::OutsideFlight => "it is between its flights, or switched off",
        Reason::Minimum => "its minimum holds it above what its group or advertiser says",
        Reason::OutsideHours => "it may not deliver at this hour of the week",
        Reason::Blind => "its spend has not been reported for too long: safe values hold",
        Reason::CounterFault => "its counter went back: safe values hold until that is accepted",
        Reason::Quarantined => "an owner's numbers went bad: safe values hold",
    }
}

/// Why a campaign's numbers are what they are, also before its first round and after its last.
fn reason_message(spec: &CampaignSpec, told_of: &Explanation) -> v1::Reason {
    match (&told_of.entry, spec.status) {
        (None, CampaignStatus::Archived) => v1::Reason {
            code: "archived".to_owned(),
            detail: "it is archived: no table holds it".to_owned(),
        },
        (entry, _) => reason_told(entry.as_ref().map(|_| told_of.reason)),
    }
}

/// The message of a reason; of none before the first round.
pub(super) fn reason_told(reason: Option<Reason>) -> v1::Reason {
    let (code, detail) = match reason {
        Some(reason) => (reason.as_str(), told(reason)),
        None => ("undecided", "no round has decided about it yet"),
    };
    v1::Reason { code: code.to_owned(), detail: detail.to_owned() }
}

/// The account its budget is read from: the flight's, else the tightest cap's.
fn leading_account(owner: &OwnerExplanation) -> Option<&Account> {
    let flight = owner.accounts.iter().find(|account| account.horizon == Horizon::Flight);
    flight.or_else(|| owner.accounts.iter().min_by_key(|account| account.available))
}

/// One line of the portfolio.
#[must_use]
pub fn summary_message(engine: &Engine, spec: &CampaignSpec) -> v1::CampaignSummary {
    let payer = engine.advertiser(spec.advertiser);
    let mut summary = v1::CampaignSummary {
        campaign_id: spec.name.to_string(),
        campaign_key: spec.id.key(),
        advertiser_id: payer.map(|payer| payer.name.to_string()).unwrap_or_default(),
        group_id: spec.group.and_then(|id| engine.group(id)).map(|group| group.name.to_string()),
        currency: payer.map(|payer| payer.currency.to_string()).unwrap_or_default(),
        ..v1::CampaignSummary::default()
    };
    if let Some(flight) = spec.flight_at(engine.now()) {
        let least = spec.budgets.caps.iter().map(|cap| cap.amount).min();
        summary.budget_nanos = flight.budget.or(least).map_or(0, Nanos::get);
    }
    let Some(explanation) = engine.explain(spec.id) else { return summary };
    let own = explanation.owners.first();
    if let Some(account) = own.and_then(leading_account) {
        summary.budget_nanos = account.granted.get();
        summary.spent_nanos = account.spent.get();
        summary.in_flight_nanos = account.in_flight.get();
        // The plan counts from when it was made; what was drawn before that was kept.
        let planned = own.and_then(|own| own.plan).map(|plan| {
            let before = account.drawn().get().saturating_sub(plan.measured.get());
            before.saturating_add(plan.planned.get()).max(0)
        });
        summary.planned_nanos = planned.unwrap_or_default();
    }
    if let Some(entry) = &explanation.entry {
        summary.multiplier_ppm = entry.multiplier.ppm().get();
        summary.participation_ppm = entry.participation.ppm().get();
        summary.state = state_number(entry.state);
    }
    summary.reasons = vec![reason_message(spec, &explanation)];
    summary
}

/// All of it but the causes, which may take long; nothing only when the engine does not know the
/// campaign.
#[must_use]
pub fn explanation_message(
    engine: &Engine,
    spec: &CampaignSpec,
) -> Option<v1::ExplainCampaignResponse> {
    let explanation = engine.explain(spec.id)?;
    let currency = engine.advertiser(spec.advertiser).map(|payer| payer.currency.to_string());
    let binding = explanation.binding;
    let binds = explanation.owners.iter().find(|owner| Some(owner.owner) == binding);
    let tight = binds.and_then(|owner| owner.plan).and_then(|plan| plan.tight);
    let owners = explanation.owners.iter();
    let owners = owners.map(|owner| owner_explanation(engine, spec, &explanation, owner));
    let mut message = v1::ExplainCampaignResponse {
        campaign_id: spec.name.to_string(),
        campaign_key: spec.id.key(),
        arm: u32::from(ArmId(0).0),
        currency: currency.unwrap_or_default(),
        owners: owners.collect(),
        binding_owner: binding.map(|owner| owner_message(engine, owner)),
        binding_horizon: tight.map_or(0, horizon_number),
        allowance_outstanding_nanos: explanation.outstanding.get(),
        overrides: explanation.overrides.iter().map(|hand| hand_message(engine, hand)).collect(),
        reasons: vec![reason_message(spec, &explanation)],
        books: totals_message(engine, spec, &Suspended::of_one(engine, spec.id)).books,
        returns: explanation.returns.as_ref().map(return_message),
        forecasts: engine.forecasts(spec.id).iter().map(forecast_message).collect(),
        ..v1::ExplainCampaignResponse::default()
    };
    if explanation.generation.sequence > 0 {
        message.generation = Some(generation_message(explanation.generation));
        message.as_of = Some(instant_message(engine.table().as_of));
    }
    if let Some(entry) = &explanation.entry {
        message.state = state_number(entry.state);
        message.multiplier_ppm = entry.multiplier.ppm().get();
        message.participation_ppm = entry.participation.ppm().get();
        message.safe_multiplier_ppm = entry.safe_multiplier.ppm().get();
        message.shading = shading_level_number(entry.shading.level());
        message.shading_relief_per_mille = entry.shading.relief().into();
    }
    Some(message)
}

fn owner_explanation(
    engine: &Engine,
    spec: &CampaignSpec,
    whole: &Explanation,
    owner: &OwnerExplanation,
) -> v1::OwnerExplanation {
    let account = |account: &Account| v1::AccountExplanation {
        horizon: horizon_number(account.horizon),
        window_start: Some(instant_message(account.window.start())),
        window_end: Some(instant_message(account.window.end())),
        books: Some(account_books(account)),
    };
    let plan = owner.plan.map(|plan| v1::PlanExplanation {
        planned_nanos: plan.planned.get(),
        forgone_nanos: plan.forgone.get(),
        expected_spend_nanos: plan.measured.get(),
        day_budget_nanos: plan.day_budget.get(),
        rate_nanos_per_minute: owner
            .sample
            .map_or(0, |sample| Nanos::floor_from(sample.planned_rate).get()),
        tight_horizon: plan.tight.map_or(0, horizon_number),
        watermark: Some(instant_message(plan.stepped_to)),
        unplaced_nanos: plan.unplaced.get(),
    });
    let (multiplier, participation) = owner.x.map_or((0, 0), |x| {
        let (multiplier, participation) = limit::split(x);
        let multiplier = PacingMultiplier::clamped(multiplier, spec.multiplier_max);
        (multiplier.ppm().get(), ParticipationRate::clamped(participation).ppm().get())
    });
    v1::OwnerExplanation {
        owner: Some(owner_message(engine, owner.owner)),
        accounts: owner.accounts.iter().map(account).collect(),
        plan,
        law: Some(law_message(whole, owner)),
        multiplier_ppm: multiplier,
        participation_ppm: participation,
        quarantined_until: owner.quarantined_until.map(instant_message),
        shape: shape_number(owner.shape),
    }
}

const fn shape_number(origin: ShapeOrigin) -> i32 {
    match origin {
        ShapeOrigin::Flat => v1::ShapeOrigin::Flat as i32,
        ShapeOrigin::Supplied => v1::ShapeOrigin::Supplied as i32,
        ShapeOrigin::Corrected => v1::ShapeOrigin::Corrected as i32,
        ShapeOrigin::Learnt => v1::ShapeOrigin::Learnt as i32,
        ShapeOrigin::Inherited => v1::ShapeOrigin::Inherited as i32,
    }
}

pub(super) fn forecast_message(told: &Forecast) -> v1::SpendForecast {
    let limit = match told.limit {
        Limit::Budget => v1::ForecastLimit::Budget,
        Limit::Supply => v1::ForecastLimit::Supply,
        Limit::Held => v1::ForecastLimit::Held,
    };
    v1::SpendForecast {
        horizon: horizon_number(told.horizon),
        window_start: Some(instant_message(told.window.start())),
        window_end: Some(instant_message(told.window.end())),
        low_nanos: told.low.get(),
        middle_nanos: told.middle.get(),
        high_nanos: told.high.get(),
        budget_nanos: told.budget.map(Nanos::get),
        short_ppm: told.short.map(share),
        limit: limit.into(),
    }
}

fn return_message(told: &ReturnExplanation) -> v1::ReturnExplanation {
    v1::ReturnExplanation {
        target: Some(returns_message(told.target)),
        results_millionths: told.results.get(),
        worth_nanos: told.worth.get(),
        cost_nanos: told.cost.get(),
        reserve_nanos: told.reserve.get(),
        ceiling_log_ppm: millionths(told.law.x),
        error_ppm: millionths(told.law.error),
        integral_log_ppm: millionths(told.law.integral),
        gain_milli: millionths(told.law.gain / 1e3),
    }
}

/// Millionths, rounded; what is not a number is 0.
#[expect(clippy::cast_possible_truncation, reason = "the cast saturates; for people only")]
pub(super) fn millionths(value: f64) -> i64 {
    if value.is_finite() { (value * 1e6).round() as i64 } else { 0 }
}

const fn clamp_number(clamp: Clamp) -> i32 {
    match clamp {
        Clamp::None => v1::LawClamp::Unspecified as i32,
        Clamp::Max => v1::LawClamp::Max as i32,
        Clamp::Min => v1::LawClamp::Min as i32,
        Clamp::Slew => v1::LawClamp::Slew as i32,
    }
}

/// A share in millionths, 0 to 1000000.
pub(super) fn share(value: f64) -> u32 {
    ParticipationRate::clamped(value).ppm().get()
}

fn law_message(whole: &Explanation, owner: &OwnerExplanation) -> v1::LawExplanation {
    let mut message = v1::LawExplanation {
        law: law_number(owner.law),
        brake_ppm: share(owner.brake),
        is_tracking: whole.binding != Some(owner.owner),
        traffic_ppm: share(owner.traffic),
        ..v1::LawExplanation::default()
    };
    if let Some(terms) = owner.terms {
        message.error_ppm = millionths(terms.error);
        message.proportional_log_ppm = millionths(terms.proportional);
        message.integral_log_ppm = millionths(terms.integral);
        message.output_log_ppm = millionths(terms.raw);
        message.is_held = terms.held;
        message.is_clamped = terms.clamp != Clamp::None;
        message.clamp = clamp_number(terms.clamp);
        message.derivative_log_ppm = millionths(terms.derivative);
        message.gain_milli = millionths(terms.gain / 1e3);
        message.evidence_milli = millionths(terms.evidence / 1e3);
    }
    message
}
