//! Hands in words, from messages. Called by the pages that ask through the admin
//! service.

use paceline_proto::v1;
use paceline_proto::v1::override_action::Action;
use paceline_view::number;

fn share(ppm: u32) -> String {
    number::percent(f64::from(ppm) / 1e6, 2)
}

/// What a hand does.
pub(super) fn action(action: Option<&v1::OverrideAction>) -> String {
    match action.and_then(|action| action.action.as_ref()) {
        Some(Action::Pause(_)) => "pause".to_owned(),
        Some(Action::Freeze(_)) => "freeze".to_owned(),
        Some(Action::Fix(fix)) => format!("fix at {}", share(fix.multiplier_ppm)),
        Some(Action::Cap(cap)) => format!("cap at {}", share(cap.multiplier_ppm)),
        None => number::NONE.to_owned(),
    }
}

/// What will be published under a hand, where `now` is.
pub(super) fn effect(action: Option<&v1::OverrideAction>, now: u32) -> String {
    match action.and_then(|action| action.action.as_ref()) {
        Some(Action::Pause(_)) => "no bids from the next table on".to_owned(),
        Some(Action::Freeze(_)) => format!("multiplier stays at {}", share(now)),
        Some(Action::Fix(fix)) => format!("multiplier {} at once", share(fix.multiplier_ppm)),
        Some(Action::Cap(cap)) if cap.multiplier_ppm >= now => {
            format!("multiplier as the law says, at most {}", share(cap.multiplier_ppm))
        }
        Some(Action::Cap(cap)) => format!("multiplier {}, the cap", share(cap.multiplier_ppm)),
        None => number::NONE.to_owned(),
    }
}
