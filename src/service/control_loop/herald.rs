//! Notices of a round, told: to the log and the metrics, and to the webhook's queue.
//!
//! Holds nothing, waits for nobody and cannot fail. Called by the leader for rounds that it
//! decided itself, once they are durable: what a restart folds again is not told again.

use crate::notice::Told;
use crate::notice::webhook::Notifier;
use crate::telemetry::event;
use paceline_core::engine::{Engine, Tick};

/// Tells the edges of a round.
pub(super) fn tell_notices(notifier: &Notifier, engine: &Engine, tick: &Tick) {
    for edge in &tick.report.notices {
        let cleared_at = edge.is_cleared.then_some(tick.report.now);
        let told = Told::of(engine, &edge.notice, cleared_at);
        let object = (told.kind, told.name.as_str());
        if edge.is_cleared {
            event::notice_cleared(told.partition, told.cause, object);
        } else {
            let amounts = (told.spent.get(), told.planned.get());
            event::notice_raised(told.partition, told.cause, object, amounts);
        }
        notifier.tell(&told);
    }
}
