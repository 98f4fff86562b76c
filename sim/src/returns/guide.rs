//! The guide's own rules: two duals, one for the budget and one for the return, by multiplicative
//! steps at the end of every period.
//!
//! Field guide, Algorithm 1 (joint) and the least of two (its section 4): with λ for the return and
//! μ for the budget, bid (1 + λ) ÷ (μ + λ) of the value, or the lesser of 1 ÷ μ and (1 + λ) ÷ λ;
//! λ ← λ exp(−α (worth − cost) ÷ ρ), μ ← μ exp(−η (1 − cost ÷ ρ)), ρ being the budget of a period.
//! Printed with a start of zero, from which neither would ever move: both start at one, which bids
//! the value itself. Money spent is spent: it stops at its budget.

use super::Got;
use super::landscape::{DAY, Landscape, MOST, PERIOD};
use crate::number::real;
use std::fmt;

/// Both duals stay in this range, from which they can come back within a day.
const DUALS: (f64, f64) = (1e-6, 1e6);
/// No period moves a dual by more than this, in its logarithm.
const MOVE_MAX: f64 = 3.0;

/// How the duals make a bid.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rule {
    /// (1 + λ) ÷ (μ + λ).
    Joint,
    /// The lesser of 1 ÷ μ and (1 + λ) ÷ λ.
    Least,
}

/// One of them with its steps.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Guide {
    /// Which.
    pub rule: Rule,
    /// α.
    pub returns: f64,
    /// η.
    pub budget: f64,
}

impl fmt::Display for Guide {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let rule = match self.rule {
            Rule::Joint => "joint",
            Rule::Least => "least of two",
        };
        write!(f, "guide, {rule}, steps {} and {}", self.returns, self.budget)
    }
}

impl Guide {
    /// A day of every campaign.
    pub(super) fn run(self, fleet: &[Landscape]) -> Vec<Got> {
        fleet.iter().map(|one| self.day(one)).collect()
    }

    fn day(self, one: &Landscape) -> Got {
        let rate = one.budget * f64::from(PERIOD) / f64::from(DAY);
        let (mut returns, mut budget) = (1.0_f64, 1.0_f64);
        let mut got = Got::default();
        for period in 0..DAY / PERIOD {
            let multiplier = match self.rule {
                Rule::Joint => (1.0 + returns) / (budget + returns),
                Rule::Least => (1.0 / budget).min((1.0 + returns) / returns),
            };
            let before = got;
            for minute in period * PERIOD..(period + 1) * PERIOD {
                let (clicks, each) = one.minute(minute, multiplier.min(MOST));
                buy(&mut got, clicks, each, one.budget);
            }
            let (cost, worth) = (got.cost - before.cost, got.worth - before.worth);
            returns = moved(returns, -self.returns * (worth - cost) / rate);
            budget = moved(budget, -self.budget * (1.0 - cost / rate));
        }
        got
    }
}

fn moved(dual: f64, by: f64) -> f64 {
    (dual * libm::exp(by.clamp(-MOVE_MAX, MOVE_MAX))).clamp(DUALS.0, DUALS.1)
}

/// As many of the clicks as the budget still pays for; how many those are.
pub(super) fn buy(got: &mut Got, clicks: u64, each: Got, budget: f64) -> u64 {
    let mut bought = 0;
    while bought < clicks && got.cost + each.cost <= budget {
        got.cost += each.cost;
        got.worth += each.worth;
        bought += 1;
    }
    debug_assert!(real(bought) <= real(clicks), "no more than there are");
    bought
}
