//! A campaign's past to messages, and its words for people.
//!
//! Reads an engine and a trail that it is lent, for names and for what people changed meanwhile.
//! Facts and tables stand here, so that command line and console say the same. Called by the admin
//! service and by whoever shows its answer.

use super::super::audit::record_message;
use super::super::catalogue::horizon_number;
use super::super::{Refusal, generation_message, instant, instant_message, optional_instant};
use super::explain::{reason_told, share};
use super::why::cause_told;
use super::{owner_message, state_number};
use crate::audit::Trail;
use crate::past::{Moment, Told};
use paceline_core::campaign::CampaignSpec;
use paceline_core::diagnosis::CauseKind;
use paceline_core::engine::Engine;
use paceline_core::past::Standing;
use paceline_core::past::tell::Period;
use paceline_core::units::{Nanos, Span, Timestamp};
use paceline_proto::v1;

/// Changes told with a period: more than anybody reads, and some kilobytes.
const CHANGES_MAX: usize = 100;

/// What is asked of a past.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PastQuestion {
    /// A moment.
    At(Timestamp),
    /// From then until then.
    Over(Timestamp, Timestamp),
}

/// What is asked, at `now`.
///
/// # Errors
/// [`Refusal`] when it is neither a moment nor a period, or both.
pub fn past_question(
    request: &v1::ExplainPastRequest,
    now: Timestamp,
) -> Result<PastQuestion, Refusal> {
    let at = optional_instant("at", request.at.as_ref())?;
    let until = optional_instant("until", request.until.as_ref())?;
    match (at, &request.from) {
        (Some(at), None) if until.is_none() => Ok(PastQuestion::At(at)),
        (None, Some(from)) => {
            Ok(PastQuestion::Over(instant("from", Some(from))?, until.unwrap_or(now)))
        }
        (None, None) => Err(Refusal::new("at", "absent", "must be stated, or from")),
        (Some(_), _) => {
            let rule = "must not be stated beside from or until: ask for a moment or a period";
            Err(Refusal::new("at", "stated", rule))
        }
    }
}

fn span_message(span: Span) -> prost_types::Duration {
    let micros = span.as_micros();
    let nanos = micros.rem_euclid(1_000_000) * 1_000;
    prost_types::Duration {
        seconds: micros.div_euclid(1_000_000),
        nanos: i32::try_from(nanos).expect("less than a second"),
    }
}

fn whole(engine: &Engine, spec: &CampaignSpec, step: Span) -> v1::ExplainPastResponse {
    let payer = engine.advertiser(spec.advertiser);
    v1::ExplainPastResponse {
        campaign_id: spec.name.to_string(),
        currency: payer.map(|payer| payer.currency.to_string()).unwrap_or_default(),
        resolution: Some(span_message(step)),
        ..v1::ExplainPastResponse::default()
    }
}

/// The message of a moment.
#[must_use]
pub(crate) fn past_moment_message(
    engine: &Engine,
    spec: &CampaignSpec,
    told: &Moment,
) -> v1::ExplainPastResponse {
    let moment = moment_message(engine, &told.row.standing, told.row.cause, told.until);
    v1::ExplainPastResponse { moment: Some(moment), ..whole(engine, spec, told.grain.step()) }
}

fn moment_message(
    engine: &Engine,
    standing: &Standing,
    cause: Option<CauseKind>,
    until: Timestamp,
) -> v1::PastMoment {
    v1::PastMoment {
        as_of: Some(instant_message(standing.at)),
        unchanged_until: Some(instant_message(until)),
        generation: Some(generation_message(standing.generation)),
        state: state_number(standing.state),
        multiplier_ppm: standing.multiplier.ppm().get(),
        participation_ppm: standing.participation.ppm().get(),
        reason: Some(reason_told(Some(standing.reason))),
        cause: cause.map(cause_told),
        binding_owner: standing.binding.map(|owner| owner_message(engine, owner)),
        binding_horizon: standing.tight.map_or(0, horizon_number),
        brake_ppm: standing.brake.get(),
        hand: standing.hand.map(|(id, by)| v1::PastHand {
            override_id: id.to_string(),
            action: by.as_str().to_owned(),
        }),
        plan: standing.plan.map(|plan| v1::PastPlan {
            made_at: Some(instant_message(plan.made_at)),
            watermark: Some(instant_message(plan.stepped_to)),
            planned_nanos: plan.planned.get(),
            expected_spend_nanos: plan.measured.get(),
            rate_nanos_per_minute: plan.rate.get(),
        }),
        drawn_nanos: standing.drawn.get(),
    }
}

/// The message of a period.
#[must_use]
pub(crate) fn past_period_message(
    engine: &Engine,
    trail: &Trail,
    spec: &CampaignSpec,
    told: &Told,
) -> v1::ExplainPastResponse {
    let Period { first, last, until, causes: (began, ended), within } = &told.period;
    let all = *until - first.at;
    let mut shares: Vec<_> =
        within.reasons.iter().filter(|(_, span)| *span > Span::ZERO).copied().collect();
    shares.sort_by_key(|&(reason, span)| (std::cmp::Reverse(span), reason));
    let shares = shares.into_iter().map(|(reason, span)| v1::PastShare {
        reason: Some(reason_told(Some(reason))),
        span: Some(span_message(span)),
        share_ppm: share(span.ratio_to(all)),
    });
    let costs = told.period.costs().into_iter().map(|(cause, cost): (_, Nanos)| v1::PastCost {
        cause: Some(cause_told(cause)),
        cost_nanos: cost.get(),
    });
    let (changes, changes_left_out) = changes(engine, trail, spec, (first.at, *until));
    let period = v1::PastPeriod {
        from: Some(instant_message(first.at)),
        until: Some(instant_message(*until)),
        planned_nanos: within.planned.get(),
        spent_nanos: within.spent.get(),
        multiplier_min_ppm: within.multiplier.map(|all| all.least.ppm().get()),
        multiplier_max_ppm: within.multiplier.map(|all| all.greatest.ppm().get()),
        participation_min_ppm: within.participation.map(|all| all.least.ppm().get()),
        participation_max_ppm: within.participation.map(|all| all.greatest.ppm().get()),
        shares: shares.collect(),
        silent: Some(span_message(within.silent)),
        costs: costs.collect(),
        changes,
        changes_left_out,
        first: Some(moment_message(engine, first, *began, first.at)),
        last: Some(moment_message(engine, last, *ended, *until)),
    };
    v1::ExplainPastResponse { period: Some(period), ..whole(engine, spec, told.grain.step()) }
}

/// What people changed of a campaign, its group and its advertiser after one moment and up to
/// another, without what was there before and afterwards; how many more there were.
fn changes(
    engine: &Engine,
    trail: &Trail,
    spec: &CampaignSpec,
    (after, until): (Timestamp, Timestamp),
) -> (Vec<v1::AuditRecord>, u64) {
    let group = spec.group.and_then(|id| engine.group(id)).map(|group| group.name.as_str());
    let payer = engine.advertiser(spec.advertiser).map(|payer| payer.name.as_str());
    let of = [("campaign", Some(spec.name.as_str())), ("group", group), ("advertiser", payer)];
    let concerns = |kind: &str, id: &str| of.contains(&(kind, Some(id)));
    let mut told = Vec::new();
    let mut left_out = 0;
    for sealed in trail.iter() {
        let record = &sealed.record;
        let is_within = record.at > after && record.at <= until;
        if !is_within || !concerns(&record.object.kind, &record.object.id) {
            continue;
        }
        if told.len() < CHANGES_MAX {
            let message = record_message(u32::from(engine.config().partition.0), sealed);
            told.push(v1::AuditRecord { before_json: None, after_json: None, ..message });
        } else {
            left_out += 1;
        }
    }
    (told, left_out)
}
