//! Messages as JSON: the contract's own names and units, words for choices, RFC 3339 for times,
//! sixteen hexadecimal digits for keys. Absent is null. Called by every command.

use super::text;
use paceline_proto::v1;
use serde_json::{Value, json};

/// An instant.
pub(super) fn time(at: Option<&prost_types::Timestamp>) -> Value {
    at.map_or(Value::Null, |_| text::time(at).into())
}

/// A length of time, in seconds.
#[expect(clippy::cast_precision_loss, reason = "a lag in seconds, to the microsecond")]
pub(super) fn seconds(span: Option<&prost_types::Duration>) -> Value {
    span.map_or(Value::Null, |span| (span.seconds as f64 + f64::from(span.nanos) / 1e9).into())
}

/// Which table.
pub(super) fn generation(generation: Option<v1::Generation>) -> Value {
    generation.map_or(Value::Null, |held| json!({"epoch": held.epoch, "sequence": held.sequence}))
}

/// What results may cost or must bring in.
pub(super) fn return_target(target: Option<v1::ReturnTarget>) -> Value {
    use v1::return_target::Target;
    match target.and_then(|target| target.target) {
        None => Value::Null,
        Some(Target::CostPerClickMicros(micros)) => json!({"cost_per_click_micros": micros}),
        Some(Target::CostPerActionMicros(micros)) => json!({"cost_per_action_micros": micros}),
        Some(Target::ReturnOnSpendPpm(ppm)) => json!({"return_on_spend_ppm": ppm}),
    }
}

/// What shading saves.
pub(super) fn saving(saving: Option<&v1::ShadingSaving>) -> Value {
    let Some(saving) = saving else { return Value::Null };
    let group = |group: Option<v1::SavingGroup>| {
        group.map_or(Value::Null, |group| {
            json!({
                "auctions": group.auctions,
                "wins": group.wins,
                "price_cpm_micros": group.price_cpm_micros,
            })
        })
    };
    let share = |told: Option<v1::ShareEstimate>| {
        told.map_or(Value::Null, |told| {
            json!({
                "middle_ppm": told.middle_ppm,
                "low_ppm": told.low_ppm,
                "high_ppm": told.high_ppm,
            })
        })
    };
    json!({
        "shaded": group(saving.shaded),
        "control": group(saving.control),
        "explored": group(saving.explored),
        "per_win": share(saving.per_win),
        "per_value": share(saving.per_value),
        "wins_kept": share(saving.wins_kept),
        "partitions_missing": saving.partitions_missing,
    })
}

/// One account.
pub(super) fn books(books: Option<&v1::Books>) -> Value {
    let Some(books) = books else { return Value::Null };
    json!({
        "budget_nanos": books.budget_nanos,
        "granted_nanos": books.granted_nanos,
        "adjusted_nanos": books.adjusted_nanos,
        "available_nanos": books.available_nanos,
        "in_flight_nanos": books.in_flight_nanos,
        "spent_nanos": books.spent_nanos,
        "suspense_nanos": books.suspense_nanos,
    })
}

/// Why a number is what it is.
pub(super) fn reasons(reasons: &[v1::Reason]) -> Value {
    let reason = |told: &v1::Reason| json!({"code": told.code, "detail": told.detail});
    reasons.iter().map(reason).collect()
}

/// A number that speaks for something.
pub(super) fn figure(told: &v1::CauseFigure) -> Value {
    json!({"name": told.name, "unit": told.unit, "value": told.value})
}

/// Something of an edit that cannot come true.
pub(super) fn warning(told: &v1::FeasibilityWarning) -> Value {
    json!({
        "owner": owner(told.owner.as_ref()),
        "field": told.field,
        "code": told.code,
        "detail": told.detail,
        "figures": told.figures.iter().map(figure).collect::<Value>(),
    })
}

/// What will be spent by the end of a window.
pub(super) fn forecast(one: &v1::SpendForecast) -> Value {
    json!({
        "horizon": text::horizon(one.horizon),
        "window_start": time(one.window_start.as_ref()),
        "window_end": time(one.window_end.as_ref()),
        "low_nanos": one.low_nanos,
        "middle_nanos": one.middle_nanos,
        "high_nanos": one.high_nanos,
        "budget_nanos": one.budget_nanos,
        "short_ppm": one.short_ppm,
        "limit": text::limit(one.limit),
    })
}

/// Whoever a budget belongs to.
pub(super) fn owner(of: Option<&v1::BudgetOwner>) -> Value {
    let (kind, id) = text::owner(of);
    if of.is_none() { Value::Null } else { json!({"kind": kind, "id": id}) }
}

/// A hand.
pub(super) fn hand(hand: &v1::Override) -> Value {
    use v1::override_action::Action;
    let action = hand.action.as_ref().and_then(|action| action.action.as_ref());
    let (multiplier, participation) = match action {
        Some(Action::Fix(fix)) => (Some(fix.multiplier_ppm), fix.participation_ppm),
        Some(Action::Cap(cap)) => (Some(cap.multiplier_ppm), None),
        _ => (None, None),
    };
    json!({
        "override_id": hand.override_id,
        "target": owner(hand.target.as_ref()),
        "action": text::action_word(hand.action.as_ref()),
        "multiplier_ppm": multiplier,
        "participation_ppm": participation,
        "reason": hand.reason,
        "author": hand.author,
        "set_at": time(hand.set_at.as_ref()),
        "expires_at": time(hand.expires_at.as_ref()),
    })
}

/// Verdicts and how often each was given.
pub(super) fn verdicts(counts: &[v1::VerdictCount]) -> Value {
    let counts = counts
        .iter()
        .map(|count| (text::or_dash(text::verdict(count.verdict)), Value::from(count.count)));
    Value::Object(counts.collect())
}
