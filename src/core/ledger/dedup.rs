//! Exactly once: what has been seen, in bounded memory.
//!
//! A producer that counts its events is exact at any age ([`producers`]). An opaque id alone is
//! exact inside the dedup window of receive time: two sets that take turns, so that no id carries
//! a time of its own.

mod producers;

use super::LedgerConfig;
use crate::ledger::flat::EventSet;
use crate::units::{EventId, ProducerId, Span, Timestamp};
use producers::{Bounds, Number, Producers};
use serde::{Deserialize, Serialize};

/// What the memory says of an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Seen {
    /// Never before; it is remembered from now on.
    First,
    /// Before.
    Again,
    /// The producer is too far ahead of its gaps.
    Refused,
    /// Too old to tell, or of a producer that may be one of those forgotten.
    Unverified,
}

/// Memory of what was posted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Dedup {
    window: Span,
    events_max: usize,
    bounds: Bounds,
    producers: Producers,
    recent: EventSet,
    earlier: EventSet,
    turned_at: Timestamp,
    /// Everything received from here on is remembered.
    remembers_from: Timestamp,
}

impl Dedup {
    /// Nothing seen yet. Opaque ids are exact for `dedup_window` of receive time, as long as no
    /// more than `dedup_events_max` come in that time.
    #[must_use]
    pub fn new(config: &LedgerConfig) -> Self {
        Self {
            window: config.dedup_window,
            events_max: config.dedup_events_max,
            bounds: Bounds::of(config),
            producers: Producers::default(),
            recent: EventSet::default(),
            earlier: EventSet::default(),
            turned_at: Timestamp::MIN,
            remembers_from: Timestamp::MIN,
        }
    }

    /// Other bounds from now on. What is remembered stays.
    pub fn rebound(&mut self, config: &LedgerConfig) {
        self.window = config.dedup_window;
        self.events_max = config.dedup_events_max;
        self.bounds = Bounds::of(config);
        self.producers.rebound();
    }

    /// Asks and remembers, for a producer that counts, an event received `now`. One more producer
    /// than there may be takes the place of the one silent the longest, if that is longer than an
    /// opaque id is remembered; while there is none, it is refused.
    pub fn note_sequence(
        &mut self,
        now: Timestamp,
        producer: ProducerId,
        sequence: u64,
        occurred_at: Timestamp,
    ) -> Seen {
        let number = Number { sequence, occurred_at: Some(occurred_at) };
        self.producers.note(now, &self.bounds, producer, number)
    }

    /// A number that a producer gave to something that is posted elsewhere.
    pub fn note_elsewhere(&mut self, now: Timestamp, producer: ProducerId, sequence: u64) {
        let number = Number { sequence, occurred_at: None };
        // One too far ahead is refused, like the event itself would be.
        let _ = self.producers.note(now, &self.bounds, producer, number);
    }

    /// The highest number seen of a producer.
    #[must_use]
    pub fn sequence_max(&self, producer: ProducerId) -> Option<u64> {
        self.producers.sequence_max(producer)
    }

    /// Asks and remembers, for an opaque id received `now`. An event that happened before memory
    /// begins could have been seen and forgotten.
    pub fn note_event(&mut self, now: Timestamp, event: EventId, occurred_at: Timestamp) -> Seen {
        self.turn(now);
        if self.recent.contains(event) || self.earlier.contains(event) {
            return Seen::Again;
        }
        if occurred_at < now - self.window || occurred_at < self.remembers_from {
            return Seen::Unverified;
        }
        self.recent.insert(event);
        Seen::First
    }

    /// Retires the older set when the newer one has run for a window, or is full.
    fn turn(&mut self, now: Timestamp) {
        let is_full = self.recent.len() >= self.events_max;
        if now - self.turned_at >= self.window || is_full {
            // Room for as many again, so that the set does not grow while events wait.
            let fresh = EventSet::with_room(self.recent.len());
            let retired =
                std::mem::replace(&mut self.earlier, std::mem::replace(&mut self.recent, fresh));
            if !retired.is_empty() {
                self.remembers_from = self.turned_at;
            }
            self.turned_at = now;
        }
    }

    /// Opaque ids and producers held, for telemetry.
    #[must_use]
    pub fn held(&self) -> (usize, usize) {
        (self.recent.len() + self.earlier.len(), self.producers.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const P: ProducerId = ProducerId::from_key(1);

    const GAP_BITS: u64 = 8_192;

    fn bounds(dedup_events_max: usize) -> LedgerConfig {
        LedgerConfig {
            dedup_window: Span::from_mins(30),
            dedup_events_max,
            producers_max: 10,
            producer_gap_bits: GAP_BITS,
            ..LedgerConfig::default()
        }
    }

    fn dedup() -> Dedup {
        Dedup::new(&bounds(1_000))
    }

    /// Number `n` of the only producer, as it happens.
    fn note(dedup: &mut Dedup, n: u64) -> Seen {
        dedup.note_sequence(Timestamp::MIN, P, n, Timestamp::MIN)
    }

    #[test]
    fn a_producer_is_exact_at_any_age_and_refused_beyond_its_gaps() {
        let mut dedup = dedup();
        assert_eq!(note(&mut dedup, 2), Seen::First);
        assert_eq!(note(&mut dedup, 1), Seen::First);
        assert_eq!(note(&mut dedup, 2), Seen::Again);
        assert_eq!(note(&mut dedup, GAP_BITS), Seen::First);
        assert_eq!(note(&mut dedup, GAP_BITS + 1), Seen::Refused);
        assert_eq!(note(&mut dedup, 3), Seen::First, "gaps can be filled");
        let wider = LedgerConfig { producer_gap_bits: 2 * GAP_BITS, ..bounds(1_000) };
        dedup.rebound(&wider);
        assert_eq!(note(&mut dedup, GAP_BITS), Seen::Again, "what was seen is remembered");
        assert_eq!(note(&mut dedup, GAP_BITS + 1), Seen::First);
    }

    #[test]
    fn the_highest_number_is_known_over_gaps_and_full_words() {
        let mut dedup = dedup();
        assert_eq!(dedup.sequence_max(P), None);
        for n in (1..=64).chain([200]) {
            assert_eq!(note(&mut dedup, n), Seen::First);
        }
        assert_eq!(dedup.sequence_max(P), Some(200));
        let mut whole = Dedup::new(&bounds(2));
        for n in 1..=64 {
            assert_eq!(note(&mut whole, n), Seen::First);
        }
        assert_eq!(whole.sequence_max(P), Some(64));
    }

    #[test]
    fn an_opaque_id_is_exact_inside_the_window_and_unverified_beyond() {
        let mut dedup = dedup();
        let at =
            |minutes: i64| Timestamp::from_micros(Span::from_mins(1_000 + minutes).as_micros());
        let event = EventId::from_key(9);
        assert_eq!(dedup.note_event(at(0), event, at(0)), Seen::First);
        assert_eq!(dedup.note_event(at(29), event, at(0)), Seen::Again);
        assert_eq!(dedup.note_event(at(31), event, at(0)), Seen::Again);
        let other = EventId::from_key(10);
        assert_eq!(dedup.note_event(at(31), other, at(0)), Seen::Unverified);
    }

    #[test]
    fn when_the_memory_is_full_the_window_shrinks_instead_of_lying() {
        let mut dedup = Dedup::new(&bounds(2));
        let at =
            |seconds: i64| Timestamp::from_micros(Span::from_secs(10_000 + seconds).as_micros());
        let count = 8;
        for n in 0..count {
            let id = EventId::from_key(u64::try_from(n).unwrap() + 1);
            assert_eq!(dedup.note_event(at(n), id, at(n)), Seen::First);
        }
        assert_eq!(dedup.note_event(at(9), EventId::from_key(1), at(0)), Seen::Unverified);
    }

    proptest! {
        #[test]
        fn whatever_the_order_each_sequence_counts_once(
            mut order in prop::collection::vec(1_u64..500, 1..800),
        ) {
            let mut dedup = dedup();
            let is_first = |&&n: &&u64| note(&mut dedup, n) == Seen::First;
            let firsts = order.iter().filter(is_first).count();
            order.sort_unstable();
            order.dedup();
            prop_assert_eq!(firsts, order.len());
        }
    }
}
