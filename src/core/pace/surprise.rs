//! How far off the level stands: surprises that keep coming the same way.
//!
//! Equation (17a) of `docs/CONTROL.md`. The surprises of a filter that is as fast as it should be
//! are chance: one says nothing of the next (R. K. Mehra, On the identification of variances and
//! adaptive Kalman filtering, IEEE TAC 15, 1970). Where one is like the next, the level has moved
//! further than the filter thought. Knows numbers alone. Called by the evidence.

use serde::{Deserialize, Serialize};

/// Surprises are remembered for about so many minutes of traffic time: regimes of traffic and
/// prices last for hours.
const MEMORY_MINUTES: f64 = 60.0;
/// What surprises have in common counts from so many deviations of what chance would give.
const CHANCE: f64 = 4.0;
/// A surprise counts as no greater than fifty times what was expected.
const SURPRISE_MAX: f64 = 50.0;

/// Surprises of late: by what share of what was expected spend fell short of it.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub(super) struct Surprises {
    last: f64,
    /// Mean of their squares, and of the products of each with the one before.
    squares: f64,
    products: f64,
}

impl Surprises {
    /// None yet: chance may well be as great as what is expected, and while the level is first
    /// looked for every surprise goes the same way.
    pub(super) const START: Self = Self { last: 0.0, squares: 1.0, products: 0.0 };

    /// Takes in what was spent in so many minutes of traffic time where so much was expected, and
    /// returns the variance of the level's logarithm that chance does not explain, 0 and above.
    pub(super) fn step(&mut self, expected: f64, spent: f64, minutes: f64) -> f64 {
        if expected > 0.0 {
            let surprise = (1.0 - spent / expected).max(-SURPRISE_MAX);
            let share = minutes / (minutes + MEMORY_MINUTES);
            self.squares += share * (surprise * surprise - self.squares);
            self.products += share * (surprise * self.last - self.products);
            self.last = surprise;
            // The deviation of a mean so weighed is √(share ÷ (2 − share)) of its values'.
            let chance = CHANCE * self.squares * libm::sqrt(share / (2.0 - share));
            return (self.products - chance).max(0.0);
        }
        0.0
    }

    pub(super) fn is_finite(&self) -> bool {
        (self.last + self.squares + self.products).is_finite()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hash::mix;

    /// The greatest variance told in a day of minutes with so many events expected in each, of
    /// which so many times as many come.
    fn told(expected: f64, times: impl Fn(u32) -> f64) -> f64 {
        let (mut surprises, mut seed, mut most) = (Surprises::START, 5, 0.0_f64);
        for minute in 0..1_440 {
            seed = mix(seed);
            // A hundred chances a minute stand for a Poisson count.
            let count = (0..100).filter(|&chance| {
                let word = u32::try_from(mix(seed ^ chance) >> 32).unwrap();
                f64::from(word) / 4_294_967_296.0 < expected * times(minute) / 100.0
            });
            let count = f64::from(u32::try_from(count.count()).unwrap());
            most = most.max(surprises.step(expected, count, 1.0));
        }
        most
    }

    #[test]
    fn chance_alone_says_next_to_nothing_of_the_level() {
        for events in [0.1, 1.0, 10.0, 30.0] {
            let most = told(events, |_| 1.0);
            assert!(most < 0.1 / events, "{events} a minute: {most}");
        }
    }

    #[test]
    fn what_stays_off_is_told_by_its_square() {
        let most = told(20.0, |minute| if minute < 720 { 1.0 } else { 1.5 });
        assert!((0.12..0.25).contains(&most), "{most}");
        let slow = told(20.0, |minute| 1.0 + 0.4 * libm::sin(f64::from(minute) / 229.0));
        assert!((0.05..0.16).contains(&slow), "{slow}");
    }

    #[test]
    fn nothing_expected_and_a_flood_are_bounded() {
        let mut surprises = Surprises::START;
        assert!(surprises.step(0.0, 5.0, 1.0) <= 0.0);
        surprises.step(1e-300, 1e300, 1.0);
        surprises.step(1e-300, 1e300, 1.0);
        assert!(surprises.is_finite() && surprises.squares <= 2_500.0);
    }
}
