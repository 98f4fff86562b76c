//! Words, colours and addresses that more than one page uses.
//!
//! Knows the core's types and how they are shown; asks nobody. Called by the pages.

use jiff::Timestamp as Moment;
use paceline_core::campaign::{LawChoice, ShadingLevel, ShadingTerms};
use paceline_core::pace::Clamp;
use paceline_core::report::Reason;
use paceline_core::table::{EntryShading, EntryState};
use paceline_core::units::{Currency, Nanos, Span, Timestamp};
use paceline_view::number::{self, money};
use paceline_view::{Cell, State};
use std::fmt::Write;

/// Nanos in a unit of currency.
const UNIT: f64 = 1e9;

/// The address of a campaign's page.
pub(super) fn campaign_href(name: &str) -> String {
    "/campaigns/".to_owned() + &escaped(name)
}

/// Text as a part of an address: every byte that could mean something there is escaped.
pub(super) fn escaped(text: &str) -> String {
    let mut href = String::new();
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte) {
            href.push(char::from(byte));
        } else {
            write!(href, "%{byte:02X}").expect("text grows as it needs");
        }
    }
    href
}

/// A campaign's state and why.
pub(super) fn badge(state: Option<EntryState>, reason: Reason) -> Cell {
    let Some(state) = state else { return Cell::status(State::Idle, "not decided yet") };
    let (judged, word) = match state {
        EntryState::Run => (State::Good, "running"),
        EntryState::Paused => (State::Idle, "paused"),
        EntryState::Exhausted => (State::Watch, "exhausted"),
        EntryState::Safe => (State::Bad, "safe"),
    };
    let judged =
        if state == EntryState::Run && is_out_of_order(reason) { State::Watch } else { judged };
    let is_usual = state == EntryState::Run && reason == Reason::Law;
    let reason = reason_words(reason);
    // That the law decides goes without saying.
    if reason == word || is_usual {
        Cell::status(judged, word)
    } else {
        Cell::status(judged, format!("{word}: {reason}"))
    }
}

/// Whether something other than the law decides about a campaign that runs.
const fn is_out_of_order(reason: Reason) -> bool {
    !matches!(reason, Reason::Law | Reason::Returns | Reason::Unbounded)
}

/// A reason in two words.
pub(super) const fn reason_words(reason: Reason) -> &'static str {
    match reason {
        Reason::Law => "law",
        Reason::Returns => "return target",
        Reason::Unbounded => "unbounded",
        Reason::Brake => "brake",
        Reason::Breaker => "breaker",
        Reason::Paused => "paused",
        Reason::Frozen => "frozen",
        Reason::Fixed => "fixed",
        Reason::Capped => "capped",
        Reason::Exhausted => "exhausted",
        Reason::OutsideFlight => "outside flight",
        Reason::Minimum => "minimum",
        Reason::OutsideHours => "outside hours",
        Reason::Blind => "blind",
        Reason::CounterFault => "counter fault",
        Reason::Quarantined => "quarantined",
    }
}

/// A reason as a sentence.
pub(super) const fn reason_sentence(reason: Reason) -> &'static str {
    match reason {
        Reason::Law => "The law of the binding owner decides.",
        Reason::Returns => "Its return target decides: results would cost more than they may.",
        Reason::Unbounded => "No budget bounds it: it runs at full speed.",
        Reason::Brake => {
            "Spend outran the plan by more than chance allows; the brake holds it back."
        }
        Reason::Breaker => {
            "Money went out faster than any plan could; a velocity breaker cuts it, for a while."
        }
        Reason::Paused => "An override pauses it.",
        Reason::Frozen => "An override keeps what was published when it was set.",
        Reason::Fixed => "An override fixes its multiplier.",
        Reason::Capped => "An override caps its multiplier.",
        Reason::Exhausted => "A budget cannot afford one more event.",
        Reason::OutsideFlight => "It is between its flights, or switched off.",
        Reason::Minimum => "Its minimum holds it above what its group or advertiser says.",
        Reason::OutsideHours => "It may not deliver at this hour of the week.",
        Reason::Blind => "Its spend has not been seen for too long: it is at its safe values.",
        Reason::CounterFault => "Its spend counter went back: it is at its safe values.",
        Reason::Quarantined => "An owner's numbers went bad: it is at its safe values.",
    }
}

/// The word for a law.
pub(super) const fn law(law: LawChoice) -> &'static str {
    match law {
        LawChoice::LogPid => "log PID",
        LawChoice::PassThrough => "pass-through",
        LawChoice::Asap => "as soon as possible",
    }
}

/// The word for a clamp.
pub(super) const fn clamp(clamp: Clamp) -> &'static str {
    match clamp {
        Clamp::None => "none",
        Clamp::Max => "at maximum",
        Clamp::Min => "at minimum",
        Clamp::Slew => "slew",
    }
}

/// An amount with its currency.
pub(super) fn amount(nanos: impl Into<i128>, currency: Currency) -> String {
    format!("{} {currency}", money(nanos, 2))
}

/// An amount in a table whose column names the currency.
pub(super) fn cell(amount: Nanos) -> Cell {
    Cell::money(amount.get())
}

/// An amount for a chart.
#[expect(clippy::cast_precision_loss, reason = "a place in a picture")]
pub(super) fn height(nanos: i128) -> f64 {
    nanos as f64 / UNIT
}

/// A moment for a chart: seconds since 1970.
pub(super) fn second(at: Timestamp) -> f64 {
    (at - Timestamp::MIN).as_seconds()
}

/// A moment as text, to the second.
pub(super) fn moment(at: Timestamp) -> String {
    let second = Moment::from_second(at.as_micros().div_euclid(1_000_000));
    second.map_or_else(
        |_| number::NONE.to_owned(),
        |at| at.strftime("%Y-%m-%d %H:%M:%S UTC").to_string(),
    )
}

fn of_message(at: Option<&prost_types::Timestamp>, form: &str) -> String {
    let at = at.and_then(|at| Moment::new(at.seconds, at.nanos).ok());
    at.map_or_else(|| number::NONE.to_owned(), |at| at.strftime(form).to_string())
}

/// A message's moment as text, to the second.
pub(super) fn told_moment(at: Option<&prost_types::Timestamp>) -> String {
    of_message(at, "%Y-%m-%d %H:%M:%S UTC")
}

/// The same without its day.
pub(super) fn told_time(at: Option<&prost_types::Timestamp>) -> String {
    of_message(at, "%H:%M:%S UTC")
}

/// How long something took or is ago, in its largest fitting unit.
pub(super) fn age(span: Span) -> String {
    let seconds = span.as_seconds().max(0.0);
    match seconds {
        _ if seconds < 120.0 => format!("{} s", number::fixed(seconds, 0)),
        _ if seconds < 7_200.0 => format!("{} min", number::fixed(seconds / 60.0, 0)),
        _ if seconds < 172_800.0 => format!("{} h", number::fixed(seconds / 3_600.0, 0)),
        _ => format!("{} days", number::fixed(seconds / 86_400.0, 0)),
    }
}

/// How its bids are shaded: as it was entered, and what of that is published.
pub(super) fn shading(terms: ShadingTerms, published: EntryShading) -> String {
    let asked = format!("{}, for {}", terms.level.as_str(), terms.objective.as_str());
    match (terms.level, published.level()) {
        (ShadingLevel::Off, _) => "off".to_owned(),
        (_, ShadingLevel::Off) => {
            format!("{asked}: not in force, since shading.currency is another or none")
        }
        _ => match published.relief() {
            0 => asked,
            relief => format!("{asked}; {relief} per mille of the shade given up"),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_cannot_leave_its_place_in_an_address() {
        assert_eq!(campaign_href("a/b?c#d%"), "/campaigns/a%2Fb%3Fc%23d%25");
        assert_eq!(campaign_href("é \""), "/campaigns/%C3%A9%20%22");
    }

    #[test]
    fn moments_and_ages_are_read_at_a_glance() {
        let at = Timestamp::from_micros(1_800_000_000_900_000);
        assert_eq!(moment(at), "2027-01-15 08:00:00 UTC");
        let ages = [-5, 4, 300, 7_200, 864_000].map(|seconds| age(Span::from_secs(seconds)));
        assert_eq!(ages, ["0 s", "4 s", "5 min", "2 h", "10 days"]);
    }
}
