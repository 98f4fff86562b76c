//! What a campaign could have had, by the rule of its prices: a knapsack where a winner pays the
//! price to beat, the best constant multiplier where it pays its bid.
//!
//! Filled by the tally, auction by auction; read once at the end.

use super::constant::{self, Chance, Ladder};
use super::hindsight::{self, Knapsack};
use paceline_core::units::Nanos;

/// The best that could have been had, one part for each budget window.
#[derive(Debug, Clone)]
pub enum Oracle {
    /// All prices are second prices.
    Knapsack(Vec<Knapsack>),
    /// They are not; and the greatest multiplier there may be.
    Constant(Vec<Ladder>, f64),
}

impl Oracle {
    /// Empty, for windows with these caps.
    #[must_use]
    pub fn new(caps: &[Nanos], is_second_price: bool, most: f64) -> Self {
        let caps = caps.iter().copied();
        if is_second_price {
            Self::Knapsack(caps.map(Knapsack::new).collect())
        } else {
            Self::Constant(caps.map(Ladder::new).collect(), most)
        }
    }

    /// A window's cap changed.
    pub fn set_cap(&mut self, window: usize, cap: Nanos) {
        match self {
            Self::Knapsack(windows) => windows[window].set_cap(cap),
            Self::Constant(windows, _) => windows[window].set_cap(cap),
        }
    }

    /// An auction of a window.
    pub fn add(&mut self, window: usize, chance: Chance) {
        match self {
            Self::Knapsack(windows) => windows[window].add(chance.value, chance.min_to_win),
            Self::Constant(windows, _) => windows[window].add(chance),
        }
    }

    /// The knapsacks, one for each window; absent where prices are not second prices.
    #[must_use]
    pub fn knapsacks(&self) -> Option<&[Knapsack]> {
        match self {
            Self::Knapsack(windows) => Some(windows),
            Self::Constant(..) => None,
        }
    }

    /// The knapsack's value in units of currency; absent where prices are not second prices.
    #[must_use]
    pub fn hindsight_value(&self, budget: Option<Nanos>) -> Option<f64> {
        match self {
            Self::Knapsack(windows) => Some(hindsight::best_value(windows, budget) / 1e9),
            Self::Constant(..) => None,
        }
    }

    /// The best constant multiplier's value in units of currency; absent where all prices are
    /// second prices.
    #[must_use]
    pub fn best_constant_value(&self, budget: Option<Nanos>) -> Option<f64> {
        match self {
            Self::Knapsack(_) => None,
            Self::Constant(windows, most) => {
                Some(constant::best_value(windows, budget, *most) / 1e9)
            }
        }
    }
}
