//! The first-price pacing equilibrium of a sampled market.
//!
//! Conitzer, Kroer, Panigrahi, Schrijvers, Sodomka, Stier-Moses, Wilkens, "Pacing Equilibrium in
//! First Price Auction Markets", Management Science 2022: there is one vector of multipliers at
//! which nobody spends more than its budget and whoever spends less bids its full value. It is the
//! greatest vector that all can afford, and the solution of the convex program (32). Bids of those
//! outside are a lower bound on prices: an optimum's condition for a campaign below its full value
//! is still that it spends its budget, since the outside takes no part of what it pays.
//!
//! Called by `self_play` and by tests.

use super::sampled_market::{Bids, Chance, SampledMarket};
use thiserror::Error;

/// Halvings of the range of a multiplier: beyond them a real does not change.
const HALVINGS: u32 = 60;
/// A round that moves no logarithm by more changes nothing.
const STILL: f64 = 1e-12;

/// The equilibrium: each multiplier lies between its two bounds.
#[derive(Debug, Clone, PartialEq)]
pub struct FirstPrice {
    /// Bounds from below, by campaign.
    pub low: Vec<f64>,
    /// Bounds from above.
    pub high: Vec<f64>,
    /// Rounds it took.
    pub rounds: u32,
}

/// Why there is no answer: the bounds do not meet.
#[derive(Debug, Clone, Copy, PartialEq, Error)]
#[error(
    "after {rounds} rounds the logarithm of a multiplier is known within {width:.2e} only; \
     take more auctions"
)]
pub struct Unsettled {
    /// Rounds made.
    pub rounds: u32,
    /// The widest distance of two bounds, in the logarithm.
    pub width: f64,
}

impl FirstPrice {
    /// Solves a market, each multiplier's logarithm to within `accuracy`.
    ///
    /// What a campaign can afford while the others stand still only grows with the others'
    /// multipliers, and the equilibrium is a fixed point of all answers together. So answers that
    /// start from full values fall towards the greatest such point and those that start from what
    /// each could pay for everything rise towards the least, and the equilibrium lies in between.
    /// Both are the same but for ties: where bids are equal, one auction of the sample more or less
    /// is what the bounds may differ by.
    ///
    /// # Errors
    /// [`Unsettled`] when the bounds are further apart after `rounds_max` rounds, or stand still.
    pub fn solve(
        market: &SampledMarket,
        accuracy: f64,
        rounds_max: u32,
    ) -> Result<Self, Unsettled> {
        let mut high = vec![1.0; market.campaigns.len()];
        let mut low: Vec<f64> = market
            .campaigns
            .iter()
            .map(|one| {
                let worth = |chance: &Chance| market.auctions[chance.auction].weight * chance.value;
                let all: f64 = one.chances.iter().map(worth).sum();
                (one.budget / all).min(1.0)
            })
            .collect();
        for rounds in 1..=rounds_max {
            let (fallen, risen) = (answers(market, &high), answers(market, &low));
            let is_still = distance(&high, &fallen) <= STILL && distance(&risen, &low) <= STILL;
            (high, low) = (fallen, risen);
            let width = distance(&high, &low);
            if width <= accuracy {
                return Ok(Self { low, high, rounds });
            }
            if is_still || rounds == rounds_max {
                return Err(Unsettled { rounds, width });
            }
        }
        Err(Unsettled { rounds: 0, width: distance(&high, &low) })
    }

    /// The logarithm of each multiplier, in the middle of its bounds.
    #[must_use]
    pub fn logs(&self) -> Vec<f64> {
        let both = self.low.iter().zip(&self.high);
        both.map(|(low, high)| 0.5 * (libm::log(*low) + libm::log(*high))).collect()
    }

    /// Each multiplier, in the middle of its bounds.
    #[must_use]
    pub fn multipliers(&self) -> Vec<f64> {
        self.logs().into_iter().map(libm::exp).collect()
    }
}

/// The widest distance of two vectors, in the logarithm.
fn distance(high: &[f64], low: &[f64]) -> f64 {
    let both = high.iter().zip(low);
    both.map(|(high, low)| libm::log(high / low).abs()).fold(0.0, f64::max)
}

/// The greatest multiplier that each campaign can afford while all others stand still.
fn answers(market: &SampledMarket, multipliers: &[f64]) -> Vec<f64> {
    let bids = Bids::of(market, multipliers);
    let campaigns = market.campaigns.iter().enumerate();
    let answer = campaigns.map(|(place, campaign)| {
        let step = |chance: &Chance| Step {
            at: bids.against(place, chance.auction) / chance.value,
            worth: market.auctions[chance.auction].weight * chance.value,
        };
        let steps = campaign.chances.iter().map(step).filter(|step| step.at < 1.0);
        affordable(campaign.budget, steps.collect())
    });
    answer.collect()
}

/// An auction that is won above a multiplier.
#[derive(Debug, Clone, Copy)]
struct Step {
    at: f64,
    worth: f64,
}

/// The greatest multiplier, at most 1, at which a multiple of the worth of all steps below it is
/// within the budget. Halves the range and drops the steps outside it.
fn affordable(budget: f64, mut steps: Vec<Step>) -> f64 {
    let sum = |steps: &[Step], below: f64| -> f64 {
        steps.iter().filter(|step| step.at < below).map(|step| step.worth).sum()
    };
    if sum(&steps, 1.0) <= budget {
        return 1.0;
    }
    let (mut low, mut high, mut won) = (0.0, 1.0, 0.0);
    for _ in 0..HALVINGS {
        let middle = 0.5 * (low + high);
        let more = sum(&steps, middle);
        if middle * (won + more) <= budget {
            (low, won) = (middle, won + more);
            steps.retain(|step| step.at >= middle);
        } else {
            high = middle;
            steps.retain(|step| step.at < middle);
        }
        if steps.is_empty() {
            break;
        }
    }
    (budget / won).clamp(low, high)
}

#[cfg(test)]
mod tests;
