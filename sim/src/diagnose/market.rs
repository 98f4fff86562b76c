//! A plain market of log-normal prices and values, and what it comes to in closed form.
//!
//! Called by studies that must know beforehand what a campaign could spend.

use crate::dice::{Dice, rounded};
use crate::market::draw::normal_quantile;
use toml::{Table, Value};

/// One campaign's supply.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct PlainMarket {
    /// Auctions a day.
    pub per_day: f64,
    /// Median of the best rival's bid, in units per thousand.
    pub price: f64,
    /// Deviation of its logarithm.
    pub price_sigma: f64,
    /// Deviation of the logarithm of values.
    pub value_sigma: f64,
    /// Deviations by which the median value beats the median price: decides the win rate.
    pub ease: f64,
    /// Whether the winner pays its bid.
    pub is_first: bool,
    /// No bid below this wins; 0 for none.
    pub floor: f64,
}

impl PlainMarket {
    /// With a win rate at full bids in a range; `per_day` auctions.
    pub(crate) fn draw(dice: &mut Dice, won: (f64, f64), per_day: f64) -> Self {
        Self {
            per_day: rounded(per_day),
            price: dice.log_rounded((0.5, 12.0)),
            price_sigma: dice.rounded((0.3, 0.8)),
            value_sigma: dice.rounded((0.1, 0.6)),
            ease: normal_quantile(dice.between(won)),
            is_first: dice.chance(0.35),
            floor: 0.0,
        }
    }

    fn sigma(&self) -> f64 {
        libm::sqrt(self.price_sigma * self.price_sigma + self.value_sigma * self.value_sigma)
    }

    /// Median value, in units per thousand.
    pub(crate) fn value(&self) -> f64 {
        self.price * libm::exp(self.ease * self.sigma())
    }

    /// Wins a day at ln(multiplier) `x`, without floors.
    pub(crate) fn wins(&self, x: f64) -> f64 {
        self.per_day * normal(self.ease + x / self.sigma())
    }

    /// What those cost, in units: E[price; price below bid], or E[bid; …].
    pub(crate) fn spend(&self, x: f64) -> f64 {
        let (sigma, gap) = (self.sigma(), self.ease * self.sigma() + x);
        let mean = |median: f64, spread: f64| median * libm::exp(0.5 * spread * spread);
        let each = if self.is_first {
            let square = self.value_sigma * self.value_sigma;
            mean(self.value(), self.value_sigma) * libm::exp(x) * normal((gap + square) / sigma)
        } else {
            let square = self.price_sigma * self.price_sigma;
            mean(self.price, self.price_sigma) * normal((gap - square) / sigma)
        };
        self.per_day * each / 1e3
    }

    /// What those are worth, in units, by the values.
    pub(crate) fn worth(&self, x: f64) -> f64 {
        let (sigma, square) = (self.sigma(), self.value_sigma * self.value_sigma);
        let gap = self.ease * sigma + x;
        let mean = self.value() * libm::exp(0.5 * square);
        self.per_day * mean * normal((gap + square) / sigma) / 1e3
    }

    /// ln(multiplier) at which so much is spent in a day.
    pub(crate) fn level(&self, spend: f64) -> f64 {
        let (mut least, mut most) = (-6.0, 1.4);
        for _ in 0..50 {
            let middle = 0.5 * (least + most);
            if self.spend(middle) < spend { least = middle } else { most = middle }
        }
        0.5 * (least + most)
    }

    /// As a segment of a scenario file.
    pub(crate) fn segment(&self, dice: &mut Dice, name: &str, shock: f64) -> Table {
        let lognormal = |median: f64, sigma: f64| {
            let median = Value::from(rounded(median));
            Value::from(entries([("median_cpm", median), ("sigma", sigma.into())]))
        };
        let shape =
            [("amplitude", dice.rounded((0.0, 0.6)).into()), ("peak_hour", dice.hour().into())];
        let mut segment = entries([
            ("name", name.into()),
            ("per_day", self.per_day.into()),
            ("prices", lognormal(self.price, self.price_sigma)),
            ("shape", entries(shape).into()),
        ]);
        if shock > 0.0 {
            let noise = [("sigma", rounded(shock).into()), ("persistence", 0.6.into())];
            segment.insert("shock".to_owned(), entries(noise).into());
        }
        if self.is_first {
            segment.insert("auction".to_owned(), "first".into());
        }
        if self.floor > 0.0 {
            segment.insert("floor_cpm".to_owned(), rounded(self.floor).into());
        }
        segment
    }

    /// As a campaign of a scenario file that buys it with this budget in units.
    pub(crate) fn campaign(&self, name: &str, budget: f64) -> Table {
        let value =
            [("median_cpm", rounded(self.value()).into()), ("sigma", self.value_sigma.into())];
        entries([
            ("name", name.into()),
            ("segments", vec![Value::from(name)].into()),
            ("value", entries(value).into()),
            ("budget_micros", vec![Value::from(micros(budget))].into()),
        ])
    }
}

/// Units as micros, one at least.
pub(crate) fn micros(units: f64) -> i64 {
    i64::try_from(crate::number::whole(units * 1e6).max(1)).unwrap_or(i64::MAX)
}

/// A table of these.
pub(crate) fn entries<const N: usize>(entries: [(&str, Value); N]) -> Table {
    entries.into_iter().map(|(key, value)| (key.to_owned(), value)).collect()
}

fn normal(z: f64) -> f64 {
    0.5 * libm::erfc(-z * core::f64::consts::FRAC_1_SQRT_2)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_spent_rises_with_the_bid_and_the_level_is_found_again() {
        for number in 0..50 {
            let mut dice = Dice::new(number, "plain markets");
            let market = PlainMarket::draw(&mut dice, (0.2, 0.9), 10_000.0);
            let (low, full) = (market.spend(-0.5), market.spend(0.0));
            assert!(0.0 < low && low < full, "{market:?}");
            assert!((market.level(low) + 0.5).abs() < 1e-6, "{market:?}");
            // Who pays the bid at full bids pays what it is worth.
            let worth = market.worth(0.0);
            assert!(market.wins(0.0) < 9_000.0 && worth > 0.999_999 * full, "{market:?}");
        }
    }
}
