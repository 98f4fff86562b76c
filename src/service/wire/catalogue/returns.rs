//! Return targets, both ways, and in words.
//!
//! Called by the messages of campaigns and of explanations, and by whoever shows them.

use super::super::Refusal;
use super::{micros, money};
use paceline_core::campaign::ReturnTarget;
use paceline_core::units::{Nanos, Ppm};
use paceline_proto::v1;
use paceline_proto::v1::return_target::Target;
use paceline_view::number::percent;

/// A campaign's target, if it has one.
///
/// # Errors
/// [`Refusal`] for the rule it breaks.
pub fn returns(message: Option<v1::ReturnTarget>) -> Result<Option<ReturnTarget>, Refusal> {
    let Some(message) = message else { return Ok(None) };
    let target = match message.target {
        None => return Err(Refusal::absent("returns")),
        Some(Target::CostPerClickMicros(micros)) => {
            ReturnTarget::CostPerClick(money("returns.cost_per_click_micros", micros)?)
        }
        Some(Target::CostPerActionMicros(micros)) => {
            ReturnTarget::CostPerAction(money("returns.cost_per_action_micros", micros)?)
        }
        Some(Target::ReturnOnSpendPpm(ppm)) => ReturnTarget::ReturnOnSpend(Ppm::new(ppm)),
    };
    Ok(Some(target))
}

/// The message of a return target.
#[must_use]
pub fn returns_message(target: ReturnTarget) -> v1::ReturnTarget {
    let target = match target {
        ReturnTarget::CostPerClick(most) => Target::CostPerClickMicros(micros(most)),
        ReturnTarget::CostPerAction(most) => Target::CostPerActionMicros(micros(most)),
        ReturnTarget::ReturnOnSpend(least) => Target::ReturnOnSpendPpm(least.get()),
    };
    v1::ReturnTarget { target: Some(target) }
}

/// A target in words; `money` writes an amount.
#[must_use]
pub fn returns_words(target: ReturnTarget, money: impl Fn(Nanos) -> String) -> String {
    match target {
        ReturnTarget::CostPerClick(most) => format!("at most {} a click", money(most)),
        ReturnTarget::CostPerAction(most) => format!("at most {} an action", money(most)),
        ReturnTarget::ReturnOnSpend(least) => {
            format!("revenue at least {} of spend", percent(least.as_f64(), 1))
        }
    }
}
