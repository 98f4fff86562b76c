//! How long billing takes: the learned delay curve G(age), by kind of billing.
//!
//! What is still in flight at an age follows it: of a win billed with probability P, the share
//! (1 − G) / (1 − P·G) of its expected cost remains while no billing has come (Bayes).

use crate::campaign::BillingEvent;
use crate::units::Span;
use serde::{Deserialize, Serialize};

/// Upper edge of bucket `n` is 2ⁿ seconds; the last holds all beyond 12 days.
const BUCKETS: usize = 21;
/// The prior weighs as much as this many billings.
const PRIOR_COUNT: f64 = 20.0;
/// Counts are halved here, so that the curve follows a change within some thousand billings.
const COUNT_MAX: f64 = 4_000.0;

/// A distribution of ages at billing, over doubling buckets.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DelayCurve {
    counts: [f64; BUCKETS],
    total: f64,
}

impl DelayCurve {
    /// The prior: exponential, with a mean of ten seconds for impressions, two minutes for clicks,
    /// six hours for actions.
    #[must_use]
    pub fn prior(billing: BillingEvent) -> Self {
        let mean_seconds = match billing {
            BillingEvent::Impression => 10.0,
            BillingEvent::Click => 120.0,
            BillingEvent::Action => 21_600.0,
        };
        let mut counts = [0.0; BUCKETS];
        let mut below = 0.0;
        let mut edge = 1.0;
        for (place, count) in counts.iter_mut().enumerate() {
            let up_to =
                if place + 1 == BUCKETS { 1.0 } else { 1.0 - libm::exp(-edge / mean_seconds) };
            *count = PRIOR_COUNT * (up_to - below);
            below = up_to;
            edge *= 2.0;
        }
        Self { counts, total: PRIOR_COUNT }
    }

    /// A billing came at this age.
    pub fn learn(&mut self, age: Span) {
        let (place, _) = Self::place(age);
        self.counts[place] += 1.0;
        self.total += 1.0;
        if self.total > COUNT_MAX {
            for count in &mut self.counts {
                *count *= 0.5;
            }
            self.total *= 0.5;
        }
    }

    /// G(age): the share of billings that come no later than this. In `[0, 1]`, monotone.
    #[must_use]
    pub fn billed_by(&self, age: Span) -> f64 {
        let (place, within) = Self::place(age);
        let below: f64 = self.counts[..place].iter().sum();
        ((below + self.counts[place] * within) / self.total).clamp(0.0, 1.0)
    }

    /// The age by which at least this share of billings has come, to a factor of two.
    #[must_use]
    pub fn within(&self, share: f64) -> Span {
        let mut edge = Span::from_secs(1);
        for _ in 0..BUCKETS - 1 {
            if self.billed_by(edge) >= share {
                break;
            }
            edge = edge.times(2);
        }
        edge
    }

    /// The share of an expected cost that remains in flight at an age without billing.
    /// A certain billing is taken as 98 % certain, so that what never comes does lapse.
    #[must_use]
    pub fn remaining(&self, age: Span, probability: f64) -> f64 {
        let billed = self.billed_by(age);
        if billed >= 0.999 {
            return 0.0;
        }
        let probability = probability.clamp(0.0, 0.98);
        ((1.0 - billed) / (1.0 - probability * billed)).clamp(0.0, 1.0)
    }

    /// Bucket and how far into it.
    fn place(age: Span) -> (usize, f64) {
        let seconds = age.as_seconds().max(0.0);
        let mut low = 0.0;
        let mut high = 1.0;
        for place in 0..BUCKETS - 1 {
            if seconds < high {
                return (place, (seconds - low) / (high - low));
            }
            low = high;
            high *= 2.0;
        }
        (BUCKETS - 1, 1.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_curve_follows_what_it_sees() {
        let mut curve = DelayCurve::prior(BillingEvent::Click);
        for _ in 0..2_000 {
            curve.learn(Span::from_secs(1_000));
        }
        assert!(curve.billed_by(Span::from_secs(500)) < 0.05);
        assert!(curve.billed_by(Span::from_secs(1_100)) > 0.95);
    }

    #[test]
    fn what_remains_falls_to_nothing() {
        let curve = DelayCurve::prior(BillingEvent::Impression);
        assert!((curve.remaining(Span::ZERO, 1.0) - 1.0).abs() < 1e-12);
        let early = curve.remaining(Span::from_secs(10), 1.0);
        assert!(early > 0.9, "a certain billing is still expected: {early}");
        assert!(curve.remaining(Span::from_mins(5), 1.0).abs() < 1e-12);
    }
}
