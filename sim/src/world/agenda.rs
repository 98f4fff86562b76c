//! What is still to happen, in time order; things of one instant in the order they were put.
//!
//! Called by the world.

use crate::bidder::HeldTable;
use paceline_core::event::SpendEvent;
use paceline_core::input::Input;
use paceline_core::table::BidderAllowances;
use paceline_core::units::Timestamp;
use std::cmp::Ordering;
use std::collections::BinaryHeap;
use std::sync::Arc;

/// Something to happen.
#[derive(Debug, Clone)]
pub(super) enum Occasion {
    /// A table and its allowances reach the bidders.
    Table(Arc<HeldTable>, Arc<Vec<BidderAllowances>>),
    /// A bidder sends its report.
    Report(usize),
    /// An input reaches the log.
    Arrive(Input),
    /// A win is billed.
    Bill {
        /// Whose win, by campaign index.
        campaign: usize,
        /// Which bidder reports it.
        bidder: usize,
        /// The event.
        event: SpendEvent,
    },
}

struct Entry {
    at: Timestamp,
    order: u64,
    occasion: Occasion,
}

impl PartialEq for Entry {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Entry {}

impl PartialOrd for Entry {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Entry {
    /// The heap gives its greatest first: that must be the earliest.
    fn cmp(&self, other: &Self) -> Ordering {
        (other.at, other.order).cmp(&(self.at, self.order))
    }
}

/// A queue in time order.
#[derive(Default)]
pub(super) struct Agenda {
    heap: BinaryHeap<Entry>,
    order: u64,
}

impl Agenda {
    /// Puts something on it.
    pub(super) fn put(&mut self, at: Timestamp, occasion: Occasion) {
        self.order += 1;
        self.heap.push(Entry { at, order: self.order, occasion });
    }

    /// Takes the first thing due at `now` or before.
    pub(super) fn take(&mut self, now: Timestamp) -> Option<(Timestamp, Occasion)> {
        if self.heap.peek()?.at > now {
            return None;
        }
        self.heap.pop().map(|entry| (entry.at, entry.occasion))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn things_of_one_instant_keep_their_order() {
        let mut agenda = Agenda::default();
        let at = Timestamp::from_micros;
        for (time, bidder) in [(5, 0), (3, 1), (5, 2), (9, 3)] {
            agenda.put(at(time), Occasion::Report(bidder));
        }
        let mut taken = Vec::new();
        while let Some((_, Occasion::Report(bidder))) = agenda.take(at(5)) {
            taken.push(bidder);
        }
        assert_eq!(taken, [1, 0, 2]);
        assert!(agenda.take(at(8)).is_none() && agenda.take(at(9)).is_some());
    }
}
