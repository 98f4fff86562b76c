//! Draws by counter: the same auction gives the same campaign the same value under every law.
//!
//! A draw is a hash of what it is for, so runs that differ in nothing but the law see the same
//! market, and no order of evaluation can change a number. Maths is `libm`'s, so that runs agree
//! across machines. Called by competition, buyers and billing.

use crate::number::{length, place};
use paceline_core::hash::mix;

/// What a draw is for; draws for different purposes are independent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Use {
    /// Is the campaign eligible for this auction?
    Reach,
    /// What the impression is worth to the campaign.
    Value,
    /// Predicted click probability.
    Response,
    /// Is it clicked?
    Click,
    /// How long until the click.
    ClickDelay,
    /// The best competing bid.
    Rival,
    /// Which bidder process is asked.
    Bidder,
    /// Does the bidder hear of its loss?
    Notice,
    /// Noise on what the planner believes of the traffic.
    Forecast,
}

/// A number in the open unit interval for a purpose, a salt and a key.
#[must_use]
pub const fn unit(purpose: Use, salt: u64, key: u64) -> f64 {
    to_unit(word(purpose, salt, key))
}

/// 64 bits for a purpose, a salt and a key.
#[must_use]
pub const fn word(purpose: Use, salt: u64, key: u64) -> u64 {
    let seeded = salt.wrapping_add((purpose as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15));
    mix(mix(seeded) ^ key)
}

/// A word as a number in the open unit interval.
#[must_use]
#[expect(clippy::cast_precision_loss, reason = "53 bits fit exactly")]
pub const fn to_unit(word: u64) -> f64 {
    ((word >> 11) as f64 + 0.5) * (1.0 / 9_007_199_254_740_992.0)
}

/// Quantile of the standard normal: Acklam's rational approximation, relative error 1.2e-9.
#[must_use]
pub fn normal_quantile(u: f64) -> f64 {
    const A: [f64; 6] = [
        -3.969_683_028_665_376e1,
        2.209_460_984_245_205e2,
        -2.759_285_104_469_687e2,
        1.383_577_518_672_69e2,
        -3.066_479_806_614_716e1,
        2.506_628_277_459_239,
    ];
    const B: [f64; 5] = [
        -5.447_609_879_822_406e1,
        1.615_858_368_580_409e2,
        -1.556_989_798_598_866e2,
        6.680_131_188_771_972e1,
        -1.328_068_155_288_572e1,
    ];
    const C: [f64; 6] = [
        -7.784_894_002_430_293e-3,
        -3.223_964_580_411_365e-1,
        -2.400_758_277_161_838,
        -2.549_732_539_343_734,
        4.374_664_141_464_968,
        2.938_163_982_698_783,
    ];
    const D: [f64; 4] = [
        7.784_695_709_041_462e-3,
        3.224_671_290_700_398e-1,
        2.445_134_137_142_996,
        3.754_408_661_907_416,
    ];
    const LOW: f64 = 0.024_25;
    let tail = |p: f64| {
        let q = libm::sqrt(-2.0 * libm::log(p));
        (((((C[0] * q + C[1]) * q + C[2]) * q + C[3]) * q + C[4]) * q + C[5])
            / ((((D[0] * q + D[1]) * q + D[2]) * q + D[3]) * q + 1.0)
    };
    if u < LOW {
        tail(u)
    } else if u > 1.0 - LOW {
        -tail(1.0 - u)
    } else {
        let q = u - 0.5;
        let r = q * q;
        (((((A[0] * r + A[1]) * r + A[2]) * r + A[3]) * r + A[4]) * r + A[5]) * q
            / (((((B[0] * r + B[1]) * r + B[2]) * r + B[3]) * r + B[4]) * r + 1.0)
    }
}

/// A distribution of positive numbers.
#[derive(Debug, Clone, PartialEq)]
pub enum Distribution {
    /// Always this.
    Constant(f64),
    /// Its logarithm is normal.
    LogNormal {
        /// Logarithm of the median.
        ln_median: f64,
        /// Standard deviation of the logarithm.
        sigma: f64,
    },
    /// Values at evenly spaced ranks from 0 to 1, at least two, ascending; straight lines between.
    Quantiles(Vec<f64>),
}

impl Distribution {
    /// The value at rank `u` of the unit interval.
    #[must_use]
    pub fn at(&self, u: f64) -> f64 {
        match self {
            Self::Constant(value) => *value,
            Self::LogNormal { ln_median, sigma } => {
                libm::exp(ln_median + sigma * normal_quantile(u))
            }
            Self::Quantiles(values) => {
                let steps = values.len() - 1;
                let along = u * length(steps);
                let below = place(along, steps);
                values[below] + (values[below + 1] - values[below]) * (along - length(below))
            }
        }
    }

    /// An empirical distribution of `sample`, as a table of at most 1025 ranks; `None` for fewer
    /// than two values.
    #[must_use]
    pub fn empirical(mut sample: Vec<f64>) -> Option<Self> {
        if sample.len() < 2 {
            return None;
        }
        sample.sort_by(f64::total_cmp);
        let steps = sample.len().min(1025) - 1;
        let last = length(sample.len() - 1);
        let ranks = (0..=steps)
            .map(|step| sample[place(length(step) / length(steps) * last + 0.5, sample.len())]);
        Some(Self::Quantiles(ranks.collect()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_normal_quantile_meets_published_values() {
        for (u, z) in [(0.5, 0.0), (0.975, 1.959_963_985), (0.01, -2.326_347_874)] {
            assert!((normal_quantile(u) - z).abs() < 1e-7, "{u}");
        }
    }

    #[test]
    fn a_log_normal_has_its_median_and_spread() {
        let prices = Distribution::LogNormal { ln_median: libm::log(8.0), sigma: 0.5 };
        assert!((prices.at(0.5) - 8.0).abs() < 1e-9);
        assert!((prices.at(0.841_344_746) / 8.0 - libm::exp(0.5)).abs() < 1e-6);
    }

    #[test]
    fn quantiles_are_joined_by_straight_lines() {
        let table = Distribution::Quantiles(vec![1.0, 3.0, 10.0]);
        for (rank, value) in [(0.25, 2.0), (0.5, 3.0), (0.75, 6.5)] {
            assert!((table.at(rank) - value).abs() < 1e-12, "{rank}");
        }
    }

    #[test]
    fn draws_for_different_purposes_are_independent() {
        let count = 100_000_u32;
        let joint = (0..count)
            .filter(|&key| {
                unit(Use::Value, 3, u64::from(key)) < 0.3
                    && unit(Use::Click, 3, u64::from(key)) < 0.1
            })
            .count();
        let expected = f64::from(count) * 0.03;
        assert!((length(joint) - expected).abs() < 4.0 * libm::sqrt(expected), "{joint}");
    }
}
