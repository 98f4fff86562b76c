//! Producers that count their events: every number of each is taken once, at any age.
//!
//! Of each a low-water mark is kept and a bitmap of what lies above it. There are only so many:
//! one more takes the place of the one silent the longest, never of one that was heard inside the
//! window. From then on nobody new is trusted blindly, since it may be one that was forgotten: what
//! it may have told before is left unverified. So forgetting never counts money twice and never
//! loses any. Called by `dedup`.

use super::{LedgerConfig, Seen};
use crate::units::{ProducerId, Span, Timestamp};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Bounds of this memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Bounds {
    most: usize,
    /// How far a count may run ahead of its first gap.
    gap_bits: u64,
    /// The least silence after which a producer may be forgotten: by then a retry of what it sent
    /// is as late as one of an opaque id that is not remembered any more.
    silence: Span,
}

impl Bounds {
    pub(super) const fn of(config: &LedgerConfig) -> Self {
        Self {
            most: config.producers_max,
            gap_bits: config.producer_gap_bits,
            silence: config.dedup_window,
        }
    }
}

/// A producer's number of an event, and when that happened: absent when it is posted elsewhere.
#[derive(Debug, Clone, Copy)]
pub(super) struct Number {
    pub(super) sequence: u64,
    pub(super) occurred_at: Option<Timestamp>,
}

/// One producer's sequence numbers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Sequence {
    /// Every number up to here was seen.
    low: u64,
    /// Bit `n` stands for `low + 1 + n`; trailing zero words are not held.
    above: Vec<u64>,
}

impl Sequence {
    /// `gap_bits`: how far it may run ahead of the first gap.
    fn note(&mut self, sequence: u64, gap_bits: u64) -> Seen {
        if sequence <= self.low {
            return Seen::Again;
        }
        let place = sequence - self.low - 1;
        if place >= gap_bits {
            return Seen::Refused;
        }
        let word = usize::try_from(place / 64).expect("below the bitmap's length");
        let bit = 1_u64 << (place % 64);
        if self.above.len() <= word {
            self.above.resize(word + 1, 0);
        }
        if self.above[word] & bit != 0 {
            return Seen::Again;
        }
        self.above[word] |= bit;
        self.settle();
        Seen::First
    }

    fn max(&self) -> u64 {
        let held = self.above.iter().rposition(|&word| word != 0);
        let Some(word) = held else { return self.low };
        let below = u64::try_from(word).expect("bounded by the gap") * 64;
        self.low + below + u64::from(64 - self.above[word].leading_zeros())
    }

    /// Moves the low-water mark over what is complete, a word at a time once there is one.
    fn settle(&mut self) {
        let full = self.above.iter().take_while(|&&word| word == u64::MAX).count();
        if full > 0 {
            self.above.drain(..full);
            self.low += u64::try_from(full).expect("bounded by the gap") * 64;
        }
        // In-order arrival keeps one word of ones that has not filled yet: that is the usual state.
    }

    /// Gives up the gaps up to `to`.
    fn rise(&mut self, to: u64) {
        let by = to.saturating_sub(self.low);
        let words = usize::try_from(by / 64).unwrap_or(usize::MAX).min(self.above.len());
        self.above.drain(..words);
        let bits = by % 64;
        if bits > 0 {
            for place in 0..self.above.len() {
                let next = self.above.get(place + 1).copied().unwrap_or(0);
                self.above[place] = self.above[place] >> bits | next << (64 - bits);
            }
        }
        while self.above.last() == Some(&0) {
            self.above.pop();
        }
        self.low += by;
        self.settle();
    }
}

/// What is known of one producer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Known {
    numbers: Sequence,
    heard_at: Timestamp,
    /// Numbers up to here may have been seen of it before it was forgotten.
    doubtful: u64,
    /// The number before its first: the gap below that is given up once it is in the way, since it
    /// never closes when the producer is one of the forgotten.
    skipped: u64,
    /// What happened up to then may have been told by it before it was forgotten.
    doubted: Option<Timestamp>,
}

impl Known {
    fn note(&mut self, now: Timestamp, gap_bits: u64, number: Number) -> Seen {
        self.heard_at = self.heard_at.max(now);
        if number.sequence <= self.doubtful {
            return Seen::Unverified;
        }
        let mut seen = self.numbers.note(number.sequence, gap_bits);
        if seen == Seen::Refused && self.numbers.low < self.skipped {
            self.numbers.rise(self.skipped);
            self.doubtful = self.skipped;
            seen = self.numbers.note(number.sequence, gap_bits);
        }
        let is_doubted = |at: Timestamp| self.doubted.is_some_and(|until| at <= until);
        match number.occurred_at {
            Some(at) if seen == Seen::First && is_doubted(at) => Seen::Unverified,
            _ => seen,
        }
    }
}

/// All producers that are remembered.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Producers {
    known: BTreeMap<ProducerId, Known>,
    /// What happened up to then may have been told by one that is forgotten; absent while none is.
    doubted: Option<Timestamp>,
    /// When memory was full last, nobody could be forgotten up to then: not looked for before.
    full_until: Option<Timestamp>,
}

impl Producers {
    /// Bounds have changed.
    pub(super) fn rebound(&mut self) {
        self.full_until = None;
    }

    pub(super) fn note(
        &mut self,
        now: Timestamp,
        bounds: &Bounds,
        producer: ProducerId,
        number: Number,
    ) -> Seen {
        if let Some(known) = self.known.get_mut(&producer) {
            return known.note(now, bounds.gap_bits, number);
        }
        if number.sequence == 0 || !self.has_room(now, bounds) {
            return Seen::Refused;
        }
        // Who may be one of the forgotten goes on about at its first number; a new one may begin
        // out of order.
        let skipped = self.doubted.map_or(0, |_| number.sequence - 1);
        let doubtful = skipped.saturating_sub(bounds.gap_bits / 2);
        let numbers = Sequence { low: doubtful, above: Vec::new() };
        let mut fresh = Known { numbers, heard_at: now, doubtful, skipped, doubted: self.doubted };
        let seen = fresh.note(now, bounds.gap_bits, number);
        if seen != Seen::Refused {
            self.known.insert(producer, fresh);
        }
        seen
    }

    /// Whether one more fits, perhaps in the place of one that is forgotten for it.
    fn has_room(&mut self, now: Timestamp, bounds: &Bounds) -> bool {
        while self.known.len() >= bounds.most {
            if self.full_until.is_some_and(|until| now <= until) {
                return false;
            }
            let silent = self.known.iter().map(|(id, known)| (known.heard_at, *id)).min();
            let Some((heard_at, producer)) = silent else { return false };
            if now - heard_at <= bounds.silence {
                self.full_until = Some(heard_at + bounds.silence);
                return false;
            }
            self.known.remove(&producer);
            // Its clock may have run ahead of ours; half its silence is left to events that are
            // on their way.
            let margin = Span::from_micros(bounds.silence.as_micros() / 2);
            self.doubted = self.doubted.max(Some(heard_at + margin));
        }
        true
    }

    pub(super) fn sequence_max(&self, producer: ProducerId) -> Option<u64> {
        self.known.get(&producer).map(|known| known.numbers.max())
    }

    pub(super) fn len(&self) -> usize {
        self.known.len()
    }
}

#[cfg(test)]
mod tests;
