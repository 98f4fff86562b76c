//! What the leader fetches by itself: entries other programs added to Redis, and counters.
//!
//! Both end up in the log before they count, so a replay needs neither.

use super::leader::Leader;
use crate::clock::Clock;
use crate::store::{Store, StoreError, StoreFault};
use crate::telemetry::event;
use paceline_core::campaign::{CampaignStatus, SpendSource};
use paceline_core::engine::Engine;
use paceline_core::input::Input;
use paceline_core::units::{CampaignId, Name, Nanos, Span, Timestamp, Window};
use std::collections::{BTreeMap, BTreeSet};

/// Entries taken from the streams at a time.
const FOREIGN_PAGE: usize = 1_000;
/// A day's counters are still read this long after its end: late growth belongs to it.
const AFTER_DAY: Span = Span::HOUR;

/// When to look next, and what was seen last.
#[derive(Debug)]
pub(super) struct Intake {
    foreign_at: Timestamp,
    counters_at: Timestamp,
    /// Counters as last read, by campaign and window: only what moved goes into the log. Holds the
    /// windows of the last reading, two a campaign at most.
    counters: BTreeMap<(CampaignId, Timestamp), Option<Nanos>>,
    /// Counters that were refused at the last look, as told: again only when that changes. One line
    /// for each counter that was looked at, at most.
    refused: BTreeSet<String>,
    /// What was wrong with the streams and with the counters at the last look, so that it is told
    /// once and not at every look.
    complaints: [Option<String>; 2],
}

/// Which of the two ways in.
#[derive(Debug, Clone, Copy)]
enum Way {
    Streams,
    Counters,
}

impl Intake {
    /// Looks at once, where there is anything to look at: what is never read must never be due, or
    /// the loop would spin.
    pub(super) fn new(clock: &Clock, has_streams: bool, has_counters: bool) -> Self {
        let first = |is_read| if is_read { clock.now() } else { Timestamp::MAX };
        Self {
            foreign_at: first(has_streams),
            counters_at: first(has_streams && has_counters),
            counters: BTreeMap::new(),
            refused: BTreeSet::new(),
            complaints: [None, None],
        }
    }

    /// A key that others write to has the wrong type: theirs to mend, and no reason to lead no
    /// longer. Anything else is the store's own affair.
    fn bear(&mut self, way: Way, looked: Result<(), StoreError>) -> Result<(), StoreError> {
        let complaint = match looked {
            Ok(()) => None,
            Err(error) if is_theirs(&error) => Some(crate::error_chain(&error)),
            Err(error) => return Err(error),
        };
        let held = &mut self.complaints[way as usize];
        if *held != complaint {
            event::intake_judged(complaint.as_deref());
            *held = complaint;
        }
        Ok(())
    }

    /// The next moment it has something to do.
    pub(super) fn due(&self) -> Timestamp {
        self.foreign_at.min(self.counters_at)
    }
}

impl Leader<'_> {
    /// Fetches what is due.
    pub(super) async fn take_in(&mut self, now: Timestamp) -> Result<(), StoreError> {
        if now >= self.intake.foreign_at {
            let looked = self.take_foreign(now).await;
            let pause = self.parts.settings.foreign_interval;
            self.intake.foreign_at = if matches!(looked, Ok(true)) { now } else { now + pause };
            self.intake.bear(Way::Streams, looked.map(|_| ()))?;
        }
        if let Some(period) = self.parts.settings.counters_interval
            && now >= self.intake.counters_at
        {
            self.intake.counters_at = now + period;
            let looked = self.take_counters(now).await;
            self.intake.bear(Way::Counters, looked)?;
        }
        Ok(())
    }

    /// One page of the streams; whether there may be more.
    async fn take_foreign(&mut self, now: Timestamp) -> Result<bool, StoreError> {
        let Store::Redis(store) = &self.parts.store else { return Ok(false) };
        let page = store.read_foreign(self.parts.partition, FOREIGN_PAGE).await?;
        for refusal in &page.refusals {
            tracing::warn!(%refusal, "foreign entry refused");
        }
        if page.is_empty() {
            return Ok(false);
        }
        let epoch = self.lease.epoch;
        match store.take_foreign(self.parts.partition, epoch, &page, now).await {
            Ok(last) => {
                if let Some(last) = last {
                    self.read_through(last, 0).await?;
                }
                Ok(true)
            }
            // Somebody, perhaps we before a time-out, did it already.
            Err(error) if matches!(error.fault(), StoreFault::AlreadyTaken) => Ok(true),
            Err(error) => Err(error),
        }
    }

    /// The counters of every campaign that is fed by them, for today and for the day just over.
    async fn take_counters(&mut self, now: Timestamp) -> Result<(), StoreError> {
        let Store::Redis(store) = &self.parts.store else { return Ok(()) };
        let mut inputs = Vec::new();
        // A spoilt key of one window must not hide the others.
        let mut spoilt = None;
        let mut refused = BTreeSet::new();
        for (window, names) in counter_windows(&self.engine, now) {
            let read = store.read_counters(self.parts.partition, window, &names, now).await;
            let page = match read {
                Ok(page) => page,
                Err(error) if is_theirs(&error) => {
                    spoilt = Some(error);
                    continue;
                }
                Err(error) => return Err(error),
            };
            refused.extend(page.refusals.iter().map(ToString::to_string));
            event::counters_read(count(page.reads.len()), count(page.refusals.len()));
            inputs.extend(page.reads);
        }
        for refusal in refused.difference(&self.intake.refused) {
            tracing::warn!(refusal, "counter refused");
        }
        self.intake.refused = refused;
        let seen: BTreeMap<_, _> =
            inputs.iter().map(|read| ((read.campaign, read.window.start()), read.value)).collect();
        let before = std::mem::replace(&mut self.intake.counters, seen);
        // One that did not move goes along: it says how far the counters have been read.
        let mut is_first = true;
        inputs.retain(|read| {
            let moved = before.get(&(read.campaign, read.window.start())) != Some(&read.value);
            moved | std::mem::take(&mut is_first)
        });
        let inputs: Vec<Input> = inputs.into_iter().map(Input::Counter).collect();
        for batch in inputs.chunks(crate::store::BATCH_RECORDS_MAX) {
            let _ = self.append(batch.to_vec()).await?;
        }
        spoilt.map_or(Ok(()), Err)
    }
}

/// Whether a key that others write to has the wrong type.
const fn is_theirs(error: &StoreError) -> bool {
    matches!(error.fault(), StoreFault::WrongType { .. })
}

fn count(length: usize) -> u64 {
    u64::try_from(length).unwrap_or(u64::MAX)
}

/// Which counters are read at `now`: by window, the campaigns' names.
fn counter_windows(engine: &Engine, now: Timestamp) -> BTreeMap<Window, Vec<Name>> {
    let mut windows: BTreeMap<Window, Vec<Name>> = BTreeMap::new();
    let fed = engine.campaigns().filter(|spec| {
        spec.spend_source == SpendSource::Counters && spec.status != CampaignStatus::Archived
    });
    for spec in fed {
        let Some(advertiser) = engine.advertiser(spec.advertiser) else { continue };
        for at in [now - AFTER_DAY, now] {
            if let Some(day) = engine.days().day_at(advertiser.zone, at) {
                let names = windows.entry(day.window).or_default();
                if names.last() != Some(&spec.name) {
                    names.push(spec.name.clone());
                }
            }
        }
    }
    windows
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_never_read_is_never_due() {
        let clock = Clock::system();
        let of = |has_streams, has_counters| Intake::new(&clock, has_streams, has_counters);
        assert_eq!(of(false, true).due(), Timestamp::MAX);
        let mut streams = of(true, false);
        streams.foreign_at += Span::HOUR;
        assert_eq!(streams.due(), streams.foreign_at);
        let mut both = of(true, true);
        both.foreign_at += Span::HOUR;
        assert!(both.due() < both.foreign_at);
    }
}
