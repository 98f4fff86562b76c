//! Return targets, both ways.
//!
//! Called by the messages of campaigns and of explanations.

use super::super::Refusal;
use super::{micros, money};
use paceline_core::campaign::ReturnTarget;
use paceline_core::units::Ppm;
use paceline_proto::v1;
use paceline_proto::v1::return_target::Target;

/// A campaign's target, if it has one.
pub(super) fn returns(message: Option<v1::ReturnTarget>) -> Result<Option<ReturnTarget>, Refusal> {
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
