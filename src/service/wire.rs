//! Messages of the contract to core types and back: the only files that know both.
//!
//! Every conversion is total: a message that breaks a rule becomes a [`Refusal`] that names field,
//! value and rule; nothing is guessed and nothing panics. This file holds what all messages share.
//! Knows no socket, no store and no engine. Called by the RPC handlers.

pub mod admin;
pub mod audit;
pub mod catalogue;
pub mod multiplier;
pub mod notice;
pub mod outcome;
pub mod paging;
pub mod spend;
pub mod status;

use paceline_core::units::{ArmId, Epoch, Generation, Name, NameError, PartitionId, Window};
pub use paceline_core::units::{CampaignId, Currency, Micros, Span, Timestamp};
use paceline_proto::v1;
use paceline_view::number::NONE;
use std::borrow::Cow;
use std::fmt::Display;

/// Bytes of a refused value that are shown. Enough to find it, too few to fill an answer.
pub const VALUE_BYTES_MAX: usize = 80;
/// The longest span taken from outside, in seconds: the length of the range of timestamps.
const SPAN_SECONDS_MAX: i64 = Timestamp::MAX.as_micros() / 1_000_000;

const NAME_LENGTH: &str = "must have 1 to 64 bytes";
const NAME_CONTROL: &str = "must hold no control characters";
const INSTANT: &str = "must be a time from 1970 to 2200";
const REQUIRED: &str = "is required";

/// Why a message was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{field} is {} and {rule}", if .value.is_empty() { "absent" } else { .value.as_str() })]
pub struct Refusal {
    /// Path of the field, e.g. `events[3].price_nanos`.
    pub field: String,
    /// What it held, shortened to [`VALUE_BYTES_MAX`] bytes; empty when it was absent.
    pub value: String,
    /// The rule it breaks, to follow the field's name: `must be at least 0`.
    pub rule: Cow<'static, str>,
}

impl Refusal {
    /// A value that breaks a rule.
    #[must_use]
    pub fn new(
        field: impl Into<String>,
        value: impl Display,
        rule: impl Into<Cow<'static, str>>,
    ) -> Self {
        Self { field: field.into(), value: shorten(value.to_string()), rule: rule.into() }
    }

    /// A required field that was absent.
    #[must_use]
    pub fn absent(field: impl Into<String>) -> Self {
        Self { field: field.into(), value: String::new(), rule: REQUIRED.into() }
    }

    /// The same, seen from the message around it: `part` stands before the path.
    #[must_use]
    pub fn within(mut self, part: impl Display) -> Self {
        self.field = format!("{part}.{}", self.field);
        self
    }
}

fn shorten(mut text: String) -> String {
    if text.len() > VALUE_BYTES_MAX {
        let mut end = VALUE_BYTES_MAX - '…'.len_utf8();
        while !text.is_char_boundary(end) {
            end -= 1;
        }
        text.truncate(end);
        text.push('…');
    }
    text
}

/// A required id: 1 to 64 bytes without control characters.
///
/// # Errors
/// [`Refusal`] when it is absent or breaks that rule.
pub fn name(field: &str, text: &str) -> Result<Name, Refusal> {
    if text.is_empty() {
        return Err(Refusal::absent(field));
    }
    Name::try_new(text).map_err(|error| match error {
        NameError::Control => Refusal::new(field, text.escape_debug(), NAME_CONTROL),
        _ => Refusal::new(field, text, NAME_LENGTH),
    })
}

/// A required id as the key that stands for it. `of` is the constructor of the kind of key.
///
/// # Errors
/// As [`name`].
pub fn key<K>(field: &str, text: &str, of: impl FnOnce(&str) -> K) -> Result<K, Refusal> {
    name(field, text).map(|name| of(name.as_str()))
}

/// An id that may be absent. Present and empty breaks the rule.
///
/// # Errors
/// As [`name`].
pub fn optional_key<K>(
    field: &str,
    text: Option<&str>,
    of: impl FnOnce(&str) -> K,
) -> Result<Option<K>, Refusal> {
    match text {
        None => Ok(None),
        Some("") => Err(Refusal::new(field, "\"\"", NAME_LENGTH)),
        Some(text) => key(field, text, of).map(Some),
    }
}

/// A bare key, as bidders name campaigns.
///
/// # Errors
/// [`Refusal`] when it is 0, which is no key.
pub fn bare_key<K>(field: &str, bare: u64, from: impl FnOnce(u64) -> K) -> Result<K, Refusal> {
    if bare == 0 { Err(Refusal::new(field, bare, "must not be 0")) } else { Ok(from(bare)) }
}

/// An instant that may be absent; 1970 to 2200. What is finer than a microsecond is dropped.
///
/// # Errors
/// [`Refusal`] when it lies outside that range or its nanos are not below a second.
pub fn optional_instant(
    field: &str,
    message: Option<&prost_types::Timestamp>,
) -> Result<Option<Timestamp>, Refusal> {
    let Some(message) = message else { return Ok(None) };
    let refuse = || Refusal::new(field, shown_instant(message), INSTANT);
    if !(0..1_000_000_000).contains(&message.nanos) {
        return Err(refuse());
    }
    let seconds = message.seconds.checked_mul(1_000_000).ok_or_else(refuse)?;
    let micros = seconds.checked_add(i64::from(message.nanos / 1_000)).ok_or_else(refuse)?;
    let at = Timestamp::from_micros(micros);
    if at.is_plausible() { Ok(Some(at)) } else { Err(refuse()) }
}

fn shown_instant(message: &prost_types::Timestamp) -> String {
    format!("{} s and {} ns since 1970", message.seconds, message.nanos)
}

/// An instant as people read it, to the microsecond the service counts in.
#[must_use]
pub fn instant_words(at: Option<&prost_types::Timestamp>) -> String {
    let moment = at.and_then(|at| jiff::Timestamp::new(at.seconds, at.nanos).ok());
    moment.map_or_else(|| NONE.to_owned(), |moment| moment.to_string())
}

/// A required instant.
///
/// # Errors
/// [`Refusal`] when it is absent, or as [`optional_instant`].
pub fn instant(
    field: &str,
    message: Option<&prost_types::Timestamp>,
) -> Result<Timestamp, Refusal> {
    optional_instant(field, message)?.ok_or_else(|| Refusal::absent(field))
}

/// The message of an instant.
#[must_use]
pub fn instant_message(at: Timestamp) -> prost_types::Timestamp {
    let micros = at.as_micros();
    let nanos = micros.rem_euclid(1_000_000) * 1_000;
    prost_types::Timestamp {
        seconds: micros.div_euclid(1_000_000),
        nanos: i32::try_from(nanos).expect("less than a second"),
    }
}

/// The instant `span` after another, for a request.
///
/// # Errors
/// As [`instant`].
pub fn later(
    field: &str,
    message: Option<&prost_types::Timestamp>,
    span: Span,
) -> Result<prost_types::Timestamp, Refusal> {
    instant(field, message).map(|at| instant_message(at + span))
}

/// A span that may be absent; at most 230 years either way. What is finer than a microsecond is
/// dropped.
///
/// # Errors
/// [`Refusal`] when it is longer, or its parts differ in sign or are out of range.
pub fn optional_span(
    field: &str,
    message: Option<&prost_types::Duration>,
) -> Result<Option<Span>, Refusal> {
    let Some(message) = message else { return Ok(None) };
    let (seconds, nanos) = (message.seconds, message.nanos);
    let is_sound = seconds.unsigned_abs() <= SPAN_SECONDS_MAX.unsigned_abs()
        && nanos.unsigned_abs() < 1_000_000_000
        && (seconds == 0 || nanos == 0 || (seconds > 0) == (nanos > 0));
    if !is_sound {
        let value = format!("{seconds} s and {nanos} ns");
        return Err(Refusal::new(field, value, "must be a span of at most 230 years"));
    }
    Ok(Some(Span::from_micros(seconds * 1_000_000 + i64::from(nanos / 1_000))))
}

/// A required span.
///
/// # Errors
/// [`Refusal`] when it is absent, or as [`optional_span`].
pub fn span(field: &str, message: Option<&prost_types::Duration>) -> Result<Span, Refusal> {
    optional_span(field, message)?.ok_or_else(|| Refusal::absent(field))
}

/// The message of a span.
#[must_use]
pub fn span_message(span: Span) -> prost_types::Duration {
    let micros = span.as_micros();
    prost_types::Duration {
        seconds: micros / 1_000_000,
        nanos: i32::try_from(micros % 1_000_000 * 1_000).expect("less than a second"),
    }
}

/// A window from two required instants. `fields` are their names: start, end.
///
/// # Errors
/// [`Refusal`] as [`instant`], or when the start is not before the end.
pub fn window(
    fields: [&str; 2],
    start: Option<&prost_types::Timestamp>,
    end: Option<&prost_types::Timestamp>,
) -> Result<Window, Refusal> {
    let from = instant(fields[0], start)?;
    let to = instant(fields[1], end)?;
    Window::try_new(from, to).map_err(|_| {
        let value = end.map(shown_instant).unwrap_or_default();
        Refusal::new(fields[1], value, format!("must be after {}", fields[0]))
    })
}

/// A required currency code.
///
/// # Errors
/// [`Refusal`] when it is absent or not three capital letters.
pub fn currency(field: &str, code: &str) -> Result<Currency, Refusal> {
    if code.is_empty() {
        return Err(Refusal::absent(field));
    }
    Currency::try_new(code).map_err(|_| {
        Refusal::new(field, code.escape_debug(), "must be three capital letters, e.g. EUR")
    })
}

/// An experiment arm; 0 is everyone.
///
/// # Errors
/// [`Refusal`] when it is above 255.
pub fn arm(field: &str, arm: u32) -> Result<ArmId, Refusal> {
    u8::try_from(arm).map(ArmId).map_err(|_| Refusal::new(field, arm, "must be at most 255"))
}

/// A partition's number; whether there is one is for the caller to know.
///
/// # Errors
/// [`Refusal`] when it is above 255.
pub fn partition(field: &str, partition: u32) -> Result<PartitionId, Refusal> {
    let rule = "must be at most 255";
    u8::try_from(partition).map(PartitionId).map_err(|_| Refusal::new(field, partition, rule))
}

/// Which table.
#[must_use]
pub const fn generation(message: v1::Generation) -> Generation {
    Generation { epoch: Epoch(message.epoch), sequence: message.sequence }
}

/// The message that says which table.
#[must_use]
pub const fn generation_message(generation: Generation) -> v1::Generation {
    v1::Generation { epoch: generation.epoch.0, sequence: generation.sequence }
}

#[cfg(test)]
mod tests {
    use super::*;
    use paceline_core::units::CampaignId;
    use proptest::prelude::*;

    #[test]
    fn a_refusal_names_field_value_and_rule() {
        let refusal = arm("arm", 256).unwrap_err().within("events[3]");
        assert_eq!(refusal.to_string(), "events[3].arm is 256 and must be at most 255");
        let absent = key("campaign_id", "", CampaignId::of).unwrap_err();
        assert_eq!(absent.to_string(), "campaign_id is absent and is required");
    }

    #[test]
    fn a_long_value_is_shortened_between_characters() {
        let refusal = name("campaign_id", &"ä".repeat(60)).unwrap_err();
        assert_eq!(refusal.value, format!("{}…", "ä".repeat(38)));
        assert_eq!(refusal.rule, NAME_LENGTH);
        assert!(refusal.value.len() <= VALUE_BYTES_MAX);
    }

    #[test]
    fn an_id_that_is_present_and_empty_is_refused() {
        assert_eq!(optional_key("win_id", None, CampaignId::of), Ok(None));
        let refusal = optional_key("win_id", Some(""), CampaignId::of).unwrap_err();
        assert_eq!(refusal.to_string(), "win_id is \"\" and must have 1 to 64 bytes");
    }

    #[test]
    fn a_control_character_is_shown_escaped() {
        let refusal = name("event_id", "a\nb").unwrap_err();
        assert_eq!(refusal.to_string(), "event_id is a\\nb and must hold no control characters");
    }

    #[test]
    fn what_is_finer_than_a_microsecond_is_dropped() {
        let message = prost_types::Timestamp { seconds: 1, nanos: 1_999 };
        assert_eq!(instant("at", Some(&message)), Ok(Timestamp::from_micros(1_000_001)));
        let message = prost_types::Duration { seconds: -1, nanos: -1_999 };
        assert_eq!(span("for", Some(&message)), Ok(Span::from_micros(-1_000_001)));
    }

    #[test]
    fn a_window_that_ends_before_it_starts_is_refused() {
        let at = |seconds| Some(prost_types::Timestamp { seconds, nanos: 0 });
        let refusal = window(["start", "end"], at(5).as_ref(), at(5).as_ref()).unwrap_err();
        assert_eq!(refusal.to_string(), "end is 5 s and 0 ns since 1970 and must be after start");
    }

    proptest! {
        #[test]
        fn instants_come_back_as_they_were(micros in 0..=Timestamp::MAX.as_micros()) {
            let at = Timestamp::from_micros(micros);
            prop_assert_eq!(instant("at", Some(&instant_message(at))), Ok(at));
        }

        #[test]
        fn spans_come_back_as_they_were(
            micros in -Timestamp::MAX.as_micros()..=Timestamp::MAX.as_micros()
        ) {
            let whole = Span::from_micros(micros);
            prop_assert_eq!(span("for", Some(&span_message(whole))), Ok(whole));
        }

        #[test]
        fn any_time_is_read_or_refused(seconds: i64, nanos: i32) {
            let at = instant("at", Some(&prost_types::Timestamp { seconds, nanos }));
            prop_assert!(at.map_or(true, Timestamp::is_plausible));
            let _ = span("for", Some(&prost_types::Duration { seconds, nanos }));
        }

        #[test]
        fn generations_come_back_as_they_were(epoch: u32, sequence: u64) {
            let made = Generation { epoch: Epoch(epoch), sequence };
            prop_assert_eq!(generation(generation_message(made)), made);
        }
    }
}
