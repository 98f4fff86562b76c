//! Spend that comes as counters: absolute values, whose growth is posted once however often they
//! are read. A counter that fell or vanished is a named fault, never zero spend.

use super::{AFTER_FLIGHT_MAX, PRICE_MAX, Posting, Slot, SpendLedger};
use crate::campaign::SpendSource;
use crate::days::KnownDays;
use crate::event::CounterRead;
use crate::units::Nanos;
use serde::{Deserialize, Serialize};

/// Counter windows remembered per campaign: a day of hours and then some.
const COUNTER_WINDOWS_MAX: usize = 48;

/// What a counter read led to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CounterVerdict {
    /// The growth was posted (zero when nothing grew).
    Posted(Nanos),
    /// The value fell or vanished: the mark stays, the campaign goes to safe values.
    WentBack,
    /// The campaign's spend comes as events.
    WrongSource,
    /// No such campaign.
    UnknownCampaign,
    /// A number in it breaks a rule.
    Invalid,
}

impl SpendLedger {
    /// Takes in a counter's absolute value: posts its growth, once, however often it is read.
    pub fn post_counter(&mut self, days: &KnownDays, read: &CounterRead) -> CounterVerdict {
        let Some(slot) = self.slots.get(read.campaign) else {
            return CounterVerdict::UnknownCampaign;
        };
        if self.campaigns[slot].source != SpendSource::Counters {
            return CounterVerdict::WrongSource;
        }
        if read.value.is_some_and(|value| value < Nanos::ZERO) {
            return CounterVerdict::Invalid;
        }
        let start = read.window.start();
        let mark = self.campaigns[slot].counters.get(&start).copied().unwrap_or(Nanos::ZERO);
        let value = read.value.unwrap_or(Nanos::ZERO);
        if value < mark {
            self.campaigns[slot].counter_fault = true;
            self.campaigns[slot].fallen.insert(start, value);
            return CounterVerdict::WentBack;
        }
        // Above the mark again: nothing was lost after all, whatever somebody may accept.
        self.campaigns[slot].fallen.remove(&start);
        let growth = value - mark;
        if growth > PRICE_MAX || !self.has_room(slot, growth) {
            return CounterVerdict::Invalid;
        }
        if growth > Nanos::ZERO {
            let book = &mut self.campaigns[slot];
            book.counters.insert(start, value);
            while book.counters.len() > COUNTER_WINDOWS_MAX {
                let forgotten = book.counters.pop_first();
                forgotten.and_then(|(start, _)| book.fallen.remove(&start));
            }
            let own = self.campaigns[slot].owners.own();
            let at = self.books[own].attributed(start, AFTER_FLIGHT_MAX).unwrap_or_else(|| {
                // A window that begins before the flight does: its money is the flight's.
                self.books[own].first_moment_in(read.window).unwrap_or(start)
            });
            self.post_all(days, slot, at, Posting::Bill(growth));
            for owner in self.campaigns[slot].owners.iter() {
                self.books[owner].count_billed(growth, true);
            }
        }
        CounterVerdict::Posted(growth)
    }

    /// An operator takes the fallen counters as they are: they go on from what they said last, so
    /// that nothing is counted twice, and counters that did not fall keep their marks.
    pub fn accept_counter(&mut self, campaign: Slot) {
        let book = &mut self.campaigns[campaign];
        book.counter_fault = false;
        book.counters.append(&mut book.fallen);
    }
}
