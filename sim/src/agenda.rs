//! What is still to happen, in time order; things of one instant in the order they were put.
//!
//! Knows nothing of what happens. Called by the world, and by whoever drives a service.

use paceline_core::units::Timestamp;
use std::cmp::Ordering;
use std::collections::BinaryHeap;

#[derive(Debug)]
struct Entry<T> {
    at: Timestamp,
    order: u64,
    occasion: T,
}

impl<T> PartialEq for Entry<T> {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl<T> Eq for Entry<T> {}

impl<T> PartialOrd for Entry<T> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl<T> Ord for Entry<T> {
    /// The heap gives its greatest first: that must be the earliest.
    fn cmp(&self, other: &Self) -> Ordering {
        (other.at, other.order).cmp(&(self.at, self.order))
    }
}

/// A queue in time order.
#[derive(Debug)]
pub struct Agenda<T> {
    heap: BinaryHeap<Entry<T>>,
    order: u64,
}

impl<T> Default for Agenda<T> {
    fn default() -> Self {
        Self { heap: BinaryHeap::new(), order: 0 }
    }
}

impl<T> Agenda<T> {
    /// Puts something on it.
    pub fn put(&mut self, at: Timestamp, occasion: T) {
        self.order += 1;
        self.heap.push(Entry { at, order: self.order, occasion });
    }

    /// Takes the first thing due at `now` or before.
    pub fn take(&mut self, now: Timestamp) -> Option<(Timestamp, T)> {
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
            agenda.put(at(time), bidder);
        }
        let mut taken = Vec::new();
        while let Some((_, bidder)) = agenda.take(at(5)) {
            taken.push(bidder);
        }
        assert_eq!(taken, [1, 0, 2]);
        assert!(agenda.take(at(8)).is_none() && agenda.take(at(9)).is_some());
    }
}
