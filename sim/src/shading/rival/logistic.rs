//! A logistic win rate in the logarithm of the bid, with an intercept a segment.
//!
//! Pan et al., "Bid shading by win-rate estimation and surplus maximization", AdKDD 2020:
//! P(win) = σ(w·x + β ln b). Steps of gradient descent scaled by their own history; every outcome
//! is won or lost, whatever else is told. The unshaded bid is left out of the features, since here
//! values are not paced.

use super::super::contender::{Ask, Contender, Placed, Told};
use super::{explored, search};
use crate::number::amount;
use paceline_core::shade::SegmentPath;
use paceline_core::units::Timestamp;
use std::collections::BTreeMap;

/// Outcomes before it bids by what it learnt.
const LEAST: u32 = 100;
const RATE: f64 = 0.3;

/// A weight and the sum of its squared gradients.
#[derive(Debug, Clone, Copy, Default)]
struct Weight(f64, f64);

impl Weight {
    fn step(&mut self, gradient: f64) {
        self.1 += gradient * gradient;
        self.0 -= RATE * gradient / libm::sqrt(self.1 + 1e-6);
    }
}

/// The rival.
#[derive(Debug, Clone, Default)]
pub struct Logistic {
    count: u32,
    /// Middle of the logarithm of bids, so that slope and intercept are learnt apart.
    middle: f64,
    slope: Weight,
    intercept: Weight,
    segments: BTreeMap<SegmentPath, Weight>,
}

impl Logistic {
    fn chance(&self, path: &SegmentPath, bid: f64) -> f64 {
        let segment = self.segments.get(path).map_or(0.0, |weight| weight.0);
        let x = libm::log(bid.max(1.0)) - self.middle;
        1.0 / (1.0 + libm::exp(-(self.intercept.0 + segment + (1.0 + self.slope.0).max(0.1) * x)))
    }
}

impl Contender for Logistic {
    fn place(&mut self, ask: &Ask) -> Placed {
        let known = self.count >= LEAST;
        let own = known.then(|| search(ask.value, |bid| self.chance(&ask.path, bid)));
        explored(own, ask)
    }

    fn learn(&mut self, _: Timestamp, ask: &Ask, bid: i64, told: Told) {
        let bid = amount(bid.into());
        self.count = self.count.saturating_add(1);
        if self.count <= LEAST {
            self.middle += (libm::log(bid.max(1.0)) - self.middle) / f64::from(self.count);
        }
        let off = self.chance(&ask.path, bid) - if told.won { 1.0 } else { 0.0 };
        self.slope.step(off * (libm::log(bid.max(1.0)) - self.middle));
        self.intercept.step(off);
        self.segments.entry(ask.path).or_default().step(off);
    }
}
