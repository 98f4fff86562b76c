//! Reports of opportunities or of outcomes, each once: the latest number of every producer that
//! counts its reports.
//!
//! Called by the engine. These steer traffic time and shading, and are no money: what is forgotten
//! costs at most a report counted twice, so that nobody new is turned away for it.

use crate::units::{ProducerId, Timestamp};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
struct Latest {
    sequence: u64,
    heard_at: Timestamp,
}

/// What was seen of each producer's reports.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Reports(BTreeMap<ProducerId, Latest>);

impl Reports {
    /// Whether a report is seen for the first time; remembered from now on. One producer more than
    /// `most` takes the place of the one silent the longest: its bidder is most likely gone.
    pub(super) fn note(
        &mut self,
        now: Timestamp,
        producer: ProducerId,
        sequence: u64,
        most: usize,
    ) -> bool {
        // A walk over all of them, for a producer never heard before alone.
        if self.0.len() >= most && !self.0.contains_key(&producer) {
            let silent = self.0.iter().map(|(&id, latest)| (latest.heard_at, id)).min();
            silent.map(|(_, id)| self.0.remove(&id));
        }
        let latest = self.0.entry(producer).or_insert(Latest { sequence: 0, heard_at: now });
        latest.heard_at = now;
        let is_new = sequence > latest.sequence;
        latest.sequence = latest.sequence.max(sequence);
        is_new
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_producer_silent_the_longest_makes_room_for_a_new_one() {
        let mut reports = Reports::default();
        let mut note = |seconds: i64, producer: u64, sequence| {
            let at = Timestamp::from_micros(seconds * 1_000_000);
            reports.note(at, ProducerId::from_key(producer), sequence, 2)
        };
        assert!(note(1, 1, 5) && note(2, 2, 5));
        assert!(!note(3, 1, 5), "told before; a repetition is a sign of life all the same");
        assert!(note(4, 3, 5), "the third takes the second's place");
        assert!(!note(5, 1, 5), "the first is still remembered");
        assert!(note(6, 2, 5), "the second begins anew, in the third's place");
        assert!(!note(7, 1, 4) && note(8, 1, 6));
    }
}
