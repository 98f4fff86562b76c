//! Results: what a campaign advertises for, counted in millionths.
//!
//! Clicks, actions, or units of revenue, as its return target says. A win brings a share of one on
//! average, so the unit is a millionth. Knows no prices.

use serde::{Deserialize, Serialize};
use std::fmt;

/// An amount of results in millionths of one.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct Results(u64);

impl Results {
    /// None.
    pub const ZERO: Self = Self(0);
    /// The most that one event may bring: a million results.
    pub const EVENT_MAX: Self = Self(1_000_000_000_000);

    /// From millionths.
    #[must_use]
    pub const fn new(millionths: u64) -> Self {
        Self(millionths)
    }

    /// In millionths.
    #[must_use]
    pub const fn get(self) -> u64 {
        self.0
    }

    /// In results.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "counts for control")]
    pub fn as_f64(self) -> f64 {
        self.0 as f64 / 1e6
    }

    /// Both together, or the most there can be.
    #[must_use]
    pub const fn saturating_add(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }
}

impl fmt::Display for Results {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{:06}", self.0 / 1_000_000, self.0 % 1_000_000)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_are_told_in_whole_ones_and_millionths() {
        assert_eq!(Results::new(1_250_000).to_string(), "1.250000");
        assert!((Results::new(1_250_000).as_f64() - 1.25).abs() < 1e-12);
    }
}
