//! Money set aside: counted, listed, never spent until an operator posts or drops it.

use crate::event::{SpendEvent, Verdict};
use crate::units::{CampaignId, EventId, Nanos, Timestamp};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// One event set aside.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct SuspendedEvent {
    /// As it came.
    pub event: SpendEvent,
    /// Why it is here.
    pub reason: Verdict,
    /// When it came.
    pub received_at: Timestamp,
}

/// Events set aside, by id.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Suspense {
    most: usize,
    events: BTreeMap<EventId, SuspendedEvent>,
    /// Did not fit: they stand in the log alone.
    overflow: u64,
}

impl Suspense {
    /// At most this many are listed.
    #[must_use]
    pub fn new(most: usize) -> Self {
        Self { most, events: BTreeMap::new(), overflow: 0 }
    }

    /// Sets an event aside.
    pub fn hold(&mut self, now: Timestamp, event: SpendEvent, reason: Verdict) {
        if self.events.len() >= self.most && !self.events.contains_key(&event.event_id) {
            self.overflow += 1;
            return;
        }
        let held = SuspendedEvent { event, reason, received_at: now };
        self.events.entry(event.event_id).or_insert(held);
    }

    /// Takes one out.
    pub fn take(&mut self, event: EventId) -> Option<SuspendedEvent> {
        self.events.remove(&event)
    }

    /// Everything set aside, by event id.
    pub fn events(&self) -> impl Iterator<Item = &SuspendedEvent> {
        self.events.values()
    }

    /// How many did not fit.
    #[must_use]
    pub fn overflow(&self) -> u64 {
        self.overflow
    }

    /// What a campaign has set aside: how many events, how much money.
    #[must_use]
    pub fn of(&self, campaign: CampaignId) -> (u64, Nanos) {
        self.events
            .values()
            .filter(|held| held.event.campaign == campaign)
            .fold((0, Nanos::ZERO), |(count, sum), held| {
                (count + 1, sum.saturating_add(held.event.price))
            })
    }
}
