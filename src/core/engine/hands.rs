//! What hands on the wheel do to a figure that is about to be published.
//!
//! Knows neither laws nor brakes. Called by a campaign as it is resolved.

use crate::overrides::{Hands, OverrideAction};
use crate::report::Reason;
use crate::table::TableEntry;
use crate::units::{PacingMultiplier, ParticipationRate};

/// Whether a person decides the figure, whatever else binds it; there is nothing to freeze before
/// something is published.
pub(super) fn is_fixed(hands: &Hands<'_>, published: Option<TableEntry>) -> bool {
    hands.fix.is_some() || (hands.freeze.is_some() && published.is_some())
}

/// Pause is the state's business; else the least of cap and (freeze or fix or law). `kept` is the
/// participation as published, or as it would be were it not cut by a brake or a breaker.
pub(super) fn lay_hands(
    hands: &Hands<'_>,
    (published, kept): (Option<TableEntry>, Option<ParticipationRate>),
    max: PacingMultiplier,
    multiplier: &mut PacingMultiplier,
    participation: &mut ParticipationRate,
    reason: &mut Reason,
) {
    if let Some(OverrideAction::Fix { multiplier: fixed, participation: rate }) =
        hands.fix.map(|hand| hand.action)
    {
        *multiplier = fixed.min(max);
        // Kept as published: the law follows the product of both, and would lower it tick by tick.
        *participation = rate.or(kept).unwrap_or(*participation);
        *reason = Reason::Fixed;
    } else if let (Some(_), Some(entry)) = (hands.freeze, published) {
        *multiplier = entry.multiplier;
        *participation = entry.participation;
        *reason = Reason::Frozen;
    }
    if let Some(OverrideAction::Cap { multiplier: cap }) = hands.cap.map(|hand| hand.action)
        && cap < *multiplier
    {
        *multiplier = cap;
        *reason = Reason::Capped;
    }
}
