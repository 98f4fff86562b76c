//! Who was heard of when: whose turn it is to make room for another.
//!
//! Times are told apart to a minute, so that what is heard of all the time costs a look and no
//! write. The time that is kept of each key stands with whoever keeps the key. Called by `saving`
//! and by `shader`.

use crate::units::{Span, Timestamp};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// Heard again within this counts as the same time.
const STEP: Span = Span::MINUTE;

/// Keys by when they were heard of last.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub(super) struct Recency<K: Ord>(BTreeSet<(Timestamp, K)>);

impl<K: Ord> Default for Recency<K> {
    fn default() -> Self {
        Self(BTreeSet::new())
    }
}

impl<K: Ord + Copy> Recency<K> {
    /// A key is heard of; the time to be kept with it, of which `before` is the last one.
    pub(super) fn touch(&mut self, key: K, before: Option<Timestamp>, now: Timestamp) -> Timestamp {
        if let Some(before) = before {
            if now - before < STEP {
                return before;
            }
            self.0.remove(&(before, key));
        }
        self.0.insert((now, key));
        now
    }

    /// The key that has not been heard of for the longest, and when it was.
    pub(super) fn oldest(&self) -> Option<(Timestamp, K)> {
        self.0.first().copied()
    }

    /// A key is gone; `at` is the time kept with it.
    pub(super) fn forget(&mut self, at: Timestamp, key: K) {
        self.0.remove(&(at, key));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_one_silent_the_longest_is_the_oldest() {
        let at = |seconds: i64| Timestamp::from_micros(seconds * 1_000_000);
        let mut recency = Recency::default();
        let first = recency.touch(1_u64, None, at(0));
        let _ = recency.touch(2, None, at(30));
        assert_eq!(recency.touch(1, Some(first), at(59)), first, "the same minute");
        assert_eq!(recency.oldest(), Some((at(0), 1)));
        assert_eq!(recency.touch(1, Some(first), at(60)), at(60));
        assert_eq!(recency.oldest(), Some((at(30), 2)));
        recency.forget(at(30), 2);
        assert_eq!(recency.oldest(), Some((at(60), 1)));
    }
}
