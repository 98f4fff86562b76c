//! What a campaign can buy: clicks at prices that are spread about a median.
//!
//! Money is in units of what a click is worth at the target; a multiplier of one bids that. Draws
//! are by counter, so that whoever bids meets the same luck. Knows no law.

use super::Got;
use crate::dice::Dice;
use crate::market::draw::{self, Use, normal_quantile};
use crate::number::real;

/// Minutes of a day, and of a period.
pub const DAY: u32 = 1_440;
/// See above.
pub const PERIOD: u32 = 10;
/// The most a multiplier may be.
pub const MOST: f64 = 4.0;

/// Clicks a day, were price no object.
const CLICKS: (f64, f64) = (30.0, 10_000.0);
/// Median price of a click.
const MEDIAN: (f64, f64) = (0.5, 3.0);
/// Spread of its logarithm.
const SIGMA: (f64, f64) = (0.2, 1.2);
/// Budget over what is spent where the target binds.
const BUDGET: (f64, f64) = (0.3, 10.0);
/// Deviation of what clicks cost and are worth, by period.
const NOISE: f64 = 0.1;
/// Halvings of a range of logarithms: to the last digit.
const HALVINGS: u32 = 60;

/// One campaign's.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Landscape {
    /// Clicks a day, were price no object.
    clicks: f64,
    ln_median: f64,
    sigma: f64,
    /// For the day.
    pub budget: f64,
    salt: u64,
    /// The best multiplier, and what it gets in a day.
    best: (f64, f64),
    is_budget_limited: bool,
}

impl Landscape {
    /// The campaign of a seed and a number.
    #[must_use]
    pub fn draw(seed: u64, number: usize) -> Self {
        let mut dice = Dice::new(seed, &format!("return landscape {number}"));
        let mut drawn = Self {
            clicks: dice.log(CLICKS),
            ln_median: libm::log(dice.log(MEDIAN)),
            sigma: dice.between(SIGMA),
            budget: 0.0,
            salt: dice.whole(0, u64::MAX - 1),
            best: (0.0, 0.0),
            is_budget_limited: false,
        };
        let target = drawn.highest(|one, multiplier| one.cost(multiplier) <= one.won(multiplier));
        drawn.budget = drawn.cost(target) * dice.log(BUDGET);
        let paid = drawn.highest(|one, multiplier| one.cost(multiplier) <= one.budget);
        let multiplier = target.min(paid);
        drawn.best = (multiplier, drawn.won(multiplier));
        drawn.is_budget_limited = paid < target;
        drawn
    }

    /// Clicks of a day at a multiplier.
    #[must_use]
    pub fn won(&self, multiplier: f64) -> f64 {
        self.clicks * normal((libm::log(multiplier) - self.ln_median) / self.sigma)
    }

    /// What they cost at the price to beat: the partial mean of a log-normal.
    #[must_use]
    pub fn cost(&self, multiplier: f64) -> f64 {
        let mean = libm::exp(self.ln_median + 0.5 * self.sigma * self.sigma);
        let z = (libm::log(multiplier) - self.ln_median) / self.sigma - self.sigma;
        self.clicks * mean * normal(z)
    }

    /// The yardstick: the best multiplier, and what it gets.
    #[must_use]
    pub const fn best(&self) -> (f64, f64) {
        self.best
    }

    /// Whether its budget binds before its target.
    #[must_use]
    pub const fn is_budget_limited(&self) -> bool {
        self.is_budget_limited
    }

    /// The highest multiplier at which something still holds.
    fn highest(&self, holds: impl Fn(&Self, f64) -> bool) -> f64 {
        let (mut least, mut most) = (1e-3_f64, MOST);
        if holds(self, most) {
            return most;
        }
        for _ in 0..HALVINGS {
            let middle = libm::sqrt(least * most);
            if holds(self, middle) { least = middle } else { most = middle }
        }
        least
    }

    /// The clicks of a minute at a multiplier, and what one of them costs and is worth. `minute`
    /// counts from the start of the day.
    #[must_use]
    pub fn minute(&self, minute: u32, multiplier: f64) -> (u64, Got) {
        let won = if multiplier > 0.0 { self.won(multiplier) } else { 0.0 };
        if won <= 0.0 {
            return (0, Got::default());
        }
        let luck = draw::unit(Use::Click, self.salt, u64::from(minute));
        let period = u64::from(minute / PERIOD);
        let noisy = |purpose, mean: f64| {
            let z = normal_quantile(draw::unit(purpose, self.salt, period));
            mean * (1.0 + NOISE * z).max(0.0)
        };
        let price = noisy(Use::Rival, self.cost(multiplier) / won);
        let each = Got { cost: price, worth: noisy(Use::Value, 1.0) };
        (poisson(won / f64::from(DAY), luck), each)
    }
}

/// The distribution function of a standard normal.
fn normal(z: f64) -> f64 {
    0.5 * libm::erfc(-z * std::f64::consts::FRAC_1_SQRT_2)
}

/// The Poisson quantile of a mean of at most some hundreds.
fn poisson(mean: f64, luck: f64) -> u64 {
    let mut chance = libm::exp(-mean);
    let mut below = chance;
    let mut count = 0;
    // A chance of nothing ends it where the sum stays below the luck by rounding.
    while below < luck && chance > 0.0 {
        count += 1;
        chance *= mean / real(count);
        below += chance;
    }
    count
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_yardstick_meets_its_target_or_its_budget_and_no_more() {
        for number in 0..200 {
            let one = Landscape::draw(1, number);
            let (multiplier, won) = one.best();
            let cost = one.cost(multiplier);
            assert!(cost <= won * (1.0 + 1e-9) && cost <= one.budget * (1.0 + 1e-9), "{one:?}");
            let next = multiplier * 1.001;
            assert!(next > MOST || one.cost(next) > one.won(next).min(one.budget), "{one:?}");
        }
    }

    #[test]
    fn a_day_of_minutes_is_about_the_landscape() {
        let one = Landscape { clicks: 5_000.0, ..Landscape::draw(3, 0) };
        let minutes = (0..DAY).map(|minute| one.minute(minute, 2.0));
        let (count, cost) = minutes.fold((0.0, 0.0), |(count, cost), (clicks, each)| {
            (count + real(clicks), cost + real(clicks) * each.cost)
        });
        assert!((count / one.won(2.0) - 1.0).abs() < 0.05, "{count} {one:?}");
        assert!((cost / one.cost(2.0) - 1.0).abs() < 0.06, "{cost} {one:?}");
    }
}
