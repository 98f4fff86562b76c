//! Which identities were read lately, in bounded memory.
//!
//! Two generations of 64-bit fingerprints: when the younger is full, the older is forgotten. So at
//! least the last `max` identities are known and never more than twice as many are held. Two
//! different identities share a fingerprint with probability below 10⁻¹² over the whole set.
//! Called by the auction reader.

use std::collections::HashSet;
use std::hash::{BuildHasherDefault, Hasher};

/// A fingerprint is well mixed already and is its own hash.
#[derive(Default)]
struct AsIs(u64);

impl Hasher for AsIs {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            self.0 = (self.0 << 8) | u64::from(byte);
        }
    }

    fn write_u64(&mut self, word: u64) {
        self.0 = word;
    }
}

type Fingerprints = HashSet<u64, BuildHasherDefault<AsIs>>;

/// The identities of late.
pub(crate) struct Seen {
    max: usize,
    young: Fingerprints,
    old: Fingerprints,
}

impl Seen {
    /// Knows at least the last `max` identities.
    pub(crate) fn new(max: usize) -> Self {
        Self { max: max.max(1), young: Fingerprints::default(), old: Fingerprints::default() }
    }

    /// How many of the last identities are surely known.
    pub(crate) fn max(&self) -> usize {
        self.max
    }

    /// Remembers a fingerprint; false if it was known.
    pub(crate) fn insert(&mut self, fingerprint: u64) -> bool {
        if self.old.contains(&fingerprint) || !self.young.insert(fingerprint) {
            return false;
        }
        if self.young.len() == self.max {
            std::mem::swap(&mut self.young, &mut self.old);
            self.young.clear();
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_identities_are_known_and_older_ones_forgotten() {
        let mut seen = Seen::new(2);
        assert!([1, 2, 3].iter().all(|&one| seen.insert(one)));
        assert!(!seen.insert(2) && !seen.insert(3));
        assert!(seen.insert(4) && seen.insert(1));
    }
}
