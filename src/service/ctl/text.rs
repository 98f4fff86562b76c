//! Words, numbers and times as people read them. Called by every command.

use paceline_proto::v1;
use paceline_view::number;

/// Money with its currency, to the micro: what is finer is in the JSON.
pub(super) fn money(nanos: i64, currency: &str) -> String {
    format!("{} {currency}", number::money(nanos, 6))
}

/// A ratio in parts per million, as a decimal.
pub(super) fn ratio(ppm: u32) -> String {
    number::fixed(f64::from(ppm) / 1e6, 4)
}

/// A share in parts per million, in per cent.
pub(super) fn share(ppm: u32) -> String {
    number::percent(f64::from(ppm) / 1e6, 2)
}

/// A logarithm, or a ratio, in millionths.
#[expect(clippy::cast_precision_loss, reason = "four decimals are shown")]
pub(super) fn millionths(value: i64) -> String {
    number::fixed(value as f64 / 1e6, 4)
}

/// A number in thousandths.
#[expect(clippy::cast_precision_loss, reason = "one decimal is shown")]
pub(super) fn thousandths(value: i64) -> String {
    number::fixed(value as f64 / 1e3, 1)
}

/// A key.
pub(super) fn key(key: u64) -> String {
    format!("{key:016x}")
}

pub(super) use crate::wire::instant_words as time;

/// A length of time in seconds.
pub(super) fn seconds(span: Option<&prost_types::Duration>) -> String {
    let Some(span) = span else { return number::NONE.to_owned() };
    let millis = span.seconds.saturating_mul(1_000).saturating_add((span.nanos / 1_000_000).into());
    let (sign, millis) = (if millis < 0 { "-" } else { "" }, millis.unsigned_abs());
    format!("{sign}{}.{:03} s", millis / 1_000, millis % 1_000)
}

/// The word of an enum's value: `run` for `ENTRY_STATE_RUN`; none for what is unspecified.
pub(super) fn word(name: &'static str, prefix: &str) -> Option<String> {
    let word = name.strip_prefix(prefix).unwrap_or(name);
    (word != "UNSPECIFIED").then(|| word.to_lowercase())
}

macro_rules! words {
    ($($function:ident $kind:ident $prefix:literal),+ $(,)?) => {$(
        /// Its word; none for what is unspecified or of a later version.
        pub(super) fn $function(number: i32) -> Option<String> {
            word(v1::$kind::try_from(number).ok()?.as_str_name(), $prefix)
        }
    )+};
}

words! {
    state EntryState "ENTRY_STATE_",
    verdict SpendVerdict "SPEND_VERDICT_",
    spend_kind SpendKind "SPEND_KIND_",
    horizon BudgetHorizon "BUDGET_HORIZON_",
    law PacingLaw "PACING_LAW_",
    clamp LawClamp "LAW_CLAMP_",
    limit ForecastLimit "FORECAST_LIMIT_",
    shape ShapeOrigin "SHAPE_ORIGIN_",
    shading_level ShadingLevel "SHADING_LEVEL_",
    role PartitionRole "PARTITION_ROLE_",
}

/// A word, or a dash.
pub(super) fn or_dash(word: Option<String>) -> String {
    word.unwrap_or_else(|| number::NONE.to_owned())
}

/// Which table: `2.17` is the seventeenth of the second term.
pub(super) fn generation(generation: Option<v1::Generation>) -> String {
    let text = |held: v1::Generation| format!("{}.{}", held.epoch, held.sequence);
    generation.map_or_else(|| number::NONE.to_owned(), text)
}

/// Kind and id of an owner.
pub(super) fn owner(owner: Option<&v1::BudgetOwner>) -> (&'static str, String) {
    use v1::budget_owner::Owner;
    match owner.and_then(|owner| owner.owner.as_ref()) {
        Some(Owner::CampaignId(id)) => ("campaign", id.clone()),
        Some(Owner::GroupId(id)) => ("group", id.clone()),
        Some(Owner::AdvertiserId(id)) => ("advertiser", id.clone()),
        None => ("nobody", String::new()),
    }
}

/// The same as one text.
pub(super) fn owner_text(of: Option<&v1::BudgetOwner>) -> String {
    let (kind, id) = owner(of);
    format!("{kind} {id}").trim_end().to_owned()
}

/// The word for what an override does.
pub(super) fn action_word(action: Option<&v1::OverrideAction>) -> &'static str {
    use v1::override_action::Action;
    match action.and_then(|action| action.action.as_ref()) {
        Some(Action::Pause(_)) => "pause",
        Some(Action::Freeze(_)) => "freeze",
        Some(Action::Fix(_)) => "fix",
        Some(Action::Cap(_)) => "cap",
        None => "nothing",
    }
}

/// What an override does, with its figures.
pub(super) fn action(of: Option<&v1::OverrideAction>) -> String {
    use v1::override_action::Action;
    let word = action_word(of);
    match of.and_then(|action| action.action.as_ref()) {
        Some(Action::Fix(fix)) => match fix.participation_ppm {
            Some(rate) => format!("{word} {} at {}", ratio(fix.multiplier_ppm), share(rate)),
            None => format!("{word} {}", ratio(fix.multiplier_ppm)),
        },
        Some(Action::Cap(cap)) => format!("{word} {}", ratio(cap.multiplier_ppm)),
        _ => word.to_owned(),
    }
}

/// A level of shading, and how much of the shade is given up.
pub(super) fn shading(level: i32, relief_per_mille: u32) -> String {
    let level = or_dash(shading_level(level));
    match relief_per_mille {
        0 => level,
        relief => format!("{level}, {relief} per mille of the shade given up"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_those_of_the_contract_without_their_prefix() {
        assert_eq!(state(v1::EntryState::Run.into()).as_deref(), Some("run"));
        assert_eq!(verdict(v1::SpendVerdict::PostedLate.into()).as_deref(), Some("posted_late"));
        assert_eq!(horizon(0), None);
        assert_eq!(clamp(99), None, "a later version's word is none of ours");
    }

    #[test]
    fn times_and_spans_are_read_at_a_glance() {
        let at = prost_types::Timestamp { seconds: 1_796_126_400, nanos: 0 };
        assert_eq!(time(Some(&at)), "2026-12-01T12:00:00Z");
        let span = prost_types::Duration { seconds: -1, nanos: -500_000_000 };
        assert_eq!(seconds(Some(&span)), "-1.500 s");
        assert_eq!(seconds(None), number::NONE);
    }
}
