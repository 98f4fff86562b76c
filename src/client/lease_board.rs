//! Each partition's lease and the clock it is read by, as plain atomics.
//!
//! Leases are told in the server's time. The bidder's own time is moved towards it only where that
//! makes a lease shorter. Knows nothing of tables. Called by `board`.

use paceline_core::table::{Lease, LeaseState};
use paceline_core::units::{PartitionId, Span, Timestamp};
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

/// Samples of the server's clock that are kept; the one least delayed counts.
const SAMPLES: usize = 16;
/// How far the bidder's time must move before all readers are told, so that the word they share is
/// seldom written. Microseconds.
const NOW_STEP: i64 = 10_000;

/// One word a lease: end of the fresh part in milliseconds, 44 bits; length of the grace part in
/// milliseconds, 20 bits (longer ones are cut at 17 minutes). Both rounded so that it ends earlier.
fn pack(lease: Lease) -> u64 {
    let millis = |at: Timestamp| at.as_micros().max(0).cast_unsigned() / 1_000;
    let fresh = millis(lease.valid_until).min((1 << 44) - 1);
    let grace = millis(lease.grace_until).saturating_sub(fresh).min((1 << 20) - 1);
    fresh << 20 | grace
}

fn unpack(word: u64) -> Lease {
    let fresh = (word >> 20).cast_signed() * 1_000;
    let grace = (word & ((1 << 20) - 1)).cast_signed() * 1_000;
    Lease {
        valid_until: Timestamp::from_micros(fresh),
        grace_until: Timestamp::from_micros(fresh + grace),
    }
}

/// Leases by partition. A partition without a table has one that ended in 1970: safe values.
#[derive(Debug)]
pub(crate) struct LeaseBoard {
    leases: Box<[AtomicU64]>,
    /// Microseconds to add to the bidder's time, never below zero.
    skew: AtomicI64,
    /// The latest time that the bidder has told, in microseconds; 0 is none yet.
    latest: AtomicI64,
}

impl LeaseBoard {
    pub(crate) fn new() -> Self {
        Self {
            leases: (0..=u8::MAX).map(|_| AtomicU64::new(0)).collect(),
            skew: AtomicI64::new(0),
            latest: AtomicI64::new(0),
        }
    }

    #[inline]
    pub(crate) fn lease(&self, partition: PartitionId) -> Lease {
        let word = self.leases.get(usize::from(partition.0));
        unpack(word.map_or(0, |word| word.load(Ordering::Relaxed)))
    }

    pub(crate) fn set(&self, partition: PartitionId, lease: Lease) {
        if let Some(word) = self.leases.get(usize::from(partition.0)) {
            word.store(pack(lease), Ordering::Relaxed);
        }
    }

    /// The server's time as far as it shortens a lease; also notes how late the bidder says it is.
    #[inline]
    pub(crate) fn observe(&self, now: Timestamp) -> Timestamp {
        let latest = Timestamp::from_micros(self.latest.load(Ordering::Relaxed));
        if (now - latest).as_micros() >= NOW_STEP {
            self.latest.fetch_max(now.as_micros(), Ordering::Relaxed);
        }
        now + Span::from_micros(self.skew.load(Ordering::Relaxed))
    }

    /// The latest time that the bidder has told, to ten milliseconds; `None` before the first.
    pub(crate) fn latest(&self) -> Option<Timestamp> {
        let latest = self.latest.load(Ordering::Relaxed);
        (latest > 0).then(|| Timestamp::from_micros(latest))
    }

    pub(crate) fn set_skew(&self, skew: Span) {
        self.skew.store(skew.as_micros().max(0), Ordering::Relaxed);
    }

    pub(crate) fn skew(&self) -> Span {
        Span::from_micros(self.skew.load(Ordering::Relaxed))
    }

    /// State of a partition's lease for a bidder at `now`.
    pub(crate) fn state(&self, partition: PartitionId, now: Timestamp) -> LeaseState {
        self.lease(partition).state(self.observe(now))
    }
}

/// Estimates how far the server's clock is ahead. A message takes time, so every sample is too
/// small; the largest of the last few is the best.
#[derive(Debug, Default)]
pub struct SkewEstimate {
    samples: [i64; SAMPLES],
    count: usize,
}

impl SkewEstimate {
    /// Takes a sample and says by how much the server is ahead; never below zero.
    pub fn sample(&mut self, server: Timestamp, bidder: Timestamp) -> Span {
        let place = self.count % SAMPLES;
        if let Some(sample) = self.samples.get_mut(place) {
            *sample = (server - bidder).as_micros();
        }
        self.count += 1;
        let seen = self.samples.iter().take(self.count);
        Span::from_micros(seen.copied().max().unwrap_or(0).max(0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(millis: i64) -> Timestamp {
        Timestamp::from_micros(millis * 1_000)
    }

    #[test]
    fn a_packed_lease_never_ends_later() {
        let lease = Lease {
            valid_until: Timestamp::from_micros(1_700_000_000_000_999),
            grace_until: Timestamp::from_micros(1_700_000_090_000_999),
        };
        let board = LeaseBoard::new();
        board.set(PartitionId(3), lease);
        let expected =
            Lease { valid_until: at(1_700_000_000_000), grace_until: at(1_700_000_090_000) };
        assert_eq!(board.lease(PartitionId(3)), expected);
    }

    #[test]
    fn a_partition_without_a_table_is_at_its_safe_values() {
        assert_eq!(LeaseBoard::new().state(PartitionId(0), at(1)), LeaseState::Safe);
    }

    #[test]
    fn a_server_ahead_shortens_the_lease_and_one_behind_changes_nothing() {
        let board = LeaseBoard::new();
        board.set(PartitionId(0), Lease { valid_until: at(1_000), grace_until: at(2_000) });
        let mut estimate = SkewEstimate::default();
        board.set_skew(estimate.sample(at(400), at(500)));
        assert_eq!(board.state(PartitionId(0), at(999)), LeaseState::Fresh);
        board.set_skew(estimate.sample(at(700), at(500)));
        assert_eq!(board.state(PartitionId(0), at(799)), LeaseState::Fresh);
        assert_eq!(board.state(PartitionId(0), at(800)), LeaseState::Grace);
    }

    #[test]
    fn the_least_delayed_of_the_last_samples_counts() {
        let mut estimate = SkewEstimate::default();
        assert_eq!(estimate.sample(at(130), at(100)), Span::from_millis(30));
        assert_eq!(estimate.sample(at(110), at(100)), Span::from_millis(30));
        let last = (0..16).map(|_| estimate.sample(at(105), at(100))).last();
        assert_eq!(last, Some(Span::from_millis(5)));
    }
}
