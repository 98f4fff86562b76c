//! Keeps local days known ahead, so that a dead catalogue cannot stop midnight.

use crate::control_loop::{LoopError, LoopHandle};
use crate::partition::Partitions;
use paceline_calendar::Zone;
use paceline_core::engine::{Applied, Engine};
use paceline_core::input::Input;
use paceline_core::units::{Span, Timestamp};
use std::collections::BTreeSet;

/// How often days are looked at: far shorter than the two days by which an outlook exceeds what
/// must be known.
const INTERVAL: Span = Span::HOUR;
/// How soon it is tried again after a failure.
const RETRY: Span = Span::MINUTE;

/// Once an hour of logical time, tells every partition led here of the days ahead in every zone it
/// uses. Runs until it is dropped.
pub async fn keep_calendar(partitions: Partitions) {
    let clock = partitions.clock().clone();
    loop {
        let mut pause = INTERVAL;
        for handle in partitions.all() {
            match tell_days(handle, clock.now()).await {
                // Who leads elsewhere is told by its own leader; who does not lead yet, soon.
                Ok(()) => {}
                Err(_) => pause = RETRY,
            }
        }
        clock.sleep(pause).await;
    }
}

/// The days ahead of every zone a partition uses.
pub(super) async fn tell_days(handle: &LoopHandle, now: Timestamp) -> Result<(), LoopError> {
    let inputs = handle.ask(move |engine| outlooks(engine, &[], now)).await?;
    if inputs.is_empty() {
        return Ok(());
    }
    let answers = handle.submit(inputs).await?;
    let refused = answers.into_iter().find(|answer| matches!(answer, Applied::Refused(_)));
    refused.map_or(Ok(()), |why| Err(LoopError::Unavailable { why: format!("{why:?}") }))
}

/// What should be known of the zones an engine uses, and of `more`, as inputs. They go on from
/// where its knowledge ends: after a long silence there must be no gap. A name that is no zone was
/// refused at the edge.
pub(super) fn outlooks(engine: &Engine, more: &[String], now: Timestamp) -> Vec<Input> {
    let used = engine.advertisers().map(|spec| spec.zone_name.as_str());
    let names: BTreeSet<&str> = used.chain(more.iter().map(String::as_str)).collect();
    let zones = names.into_iter().filter_map(|name| Zone::try_new(name).ok());
    let outlook = |zone: Zone| {
        let outlook = zone.outlook(now);
        let known = engine.days_known_until(zone.id());
        let begins = outlook.days.first().map(|day| day.window.start());
        let has_gap = known.is_some_and(|end| begins.is_some_and(|begins| begins > end));
        let through = outlook.days.last().map(|day| day.window.start());
        match (known, through) {
            (Some(end), Some(through)) if has_gap => zone.change(end, through),
            _ => outlook,
        }
    };
    zones.map(outlook).map(Input::Calendar).collect()
}
