//! A spread of amounts that are never below zero: how likely, how large.
//!
//! A gamma distribution by the cube-root rule of Wilson and Hilferty (PNAS 17, 1931): the cube root
//! of such an amount is nearly normal. Exact to a per cent or two from one event on, and needs no
//! series. All maths is `libm`'s, so that machines agree.

use crate::normal;

/// A spread about a mean.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Spread {
    /// Mean, at least 0.
    pub mean: f64,
    /// Variance ÷ mean², at least 0.
    pub relative_variance: f64,
}

impl Spread {
    /// How likely an amount is below this.
    pub(super) fn below(self, amount: f64) -> f64 {
        if amount <= 0.0 {
            return 0.0;
        }
        if self.mean <= 0.0 {
            return 1.0;
        }
        let ninth = self.relative_variance.max(1e-12) / 9.0;
        let root = libm::cbrt(amount / self.mean);
        normal::chance((root - 1.0 + ninth) / libm::sqrt(ninth))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_normal_has_its_published_values() {
        for (z, below) in [(0.0, 0.5), (1.281_551_566, 0.9), (-1.959_963_985, 0.025)] {
            assert!((normal::chance(z) - below).abs() < 1e-9, "{z}");
        }
    }

    #[test]
    fn an_exponential_is_met_within_two_per_cent() {
        let one = Spread { mean: 5.0, relative_variance: 1.0 };
        for amount in [0.5, 2.0, 5.0, 12.0] {
            let exact = 1.0 - libm::exp(-amount / 5.0);
            assert!((one.below(amount) - exact).abs() < 0.02, "{amount}");
        }
    }

    #[test]
    fn nothing_is_below_nothing_and_no_spread_is_a_step() {
        let none = Spread { mean: 3.0, relative_variance: 0.0 };
        assert!(none.below(0.0) < 1e-12 && none.below(2.9) < 1e-9);
        assert!(none.below(3.1) > 1.0 - 1e-9);
        assert!(Spread { mean: 0.0, relative_variance: 1.0 }.below(1.0) > 1.0 - 1e-12);
    }
}
