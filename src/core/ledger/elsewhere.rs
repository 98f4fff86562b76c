//! What a producer counts over all partitions, as seen from one.
//!
//! Called by the engine, and by whoever answers a producer that restarted.

use super::SpendLedger;
use crate::input::Elsewhere;
use crate::units::{ProducerId, Timestamp};

impl SpendLedger {
    /// The highest sequence number known of a producer, here or elsewhere.
    #[must_use]
    pub fn sequence_max(&self, producer: ProducerId) -> Option<u64> {
        self.dedup.sequence_max(producer)
    }

    /// Numbers that a producer gave to events of other partitions: no gaps here.
    pub fn note_elsewhere(&mut self, now: Timestamp, elsewhere: &Elsewhere) {
        for &sequence in &elsewhere.sequences {
            self.dedup.note_elsewhere(now, elsewhere.producer, sequence);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::LedgerConfig;
    use crate::ledger::dedup::Seen;

    #[test]
    fn numbers_of_other_partitions_leave_no_gaps() {
        let producer = ProducerId::of("p");
        let mut ledger = SpendLedger::new(LedgerConfig::default());
        // Every second event is somewhere else: far more than the bitmap of gaps could hold.
        for n in 1..=10_000 {
            let elsewhere = Elsewhere { producer, sequences: vec![2 * n - 1] };
            ledger.note_elsewhere(Timestamp::MIN, &elsewhere);
            let here = ledger.dedup.note_sequence(Timestamp::MIN, producer, 2 * n, Timestamp::MIN);
            assert_eq!(here, Seen::First);
        }
        assert_eq!(ledger.sequence_max(producer), Some(20_000));
    }
}
