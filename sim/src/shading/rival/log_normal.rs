//! A log-normal by maximum likelihood, censored or not, a segment.
//!
//! The best of the families in Zhou et al., "An efficient deep distribution network for bid shading
//! in first-price auctions", KDD 2021, without the network: middle and deviation by segment. Fitted
//! by expectation and maximisation, which meets censored prices by their means under the last fit.

use super::super::contender::{Ask, Contender, Placed, Told};
use super::{explored, search};
use crate::number::{amount, length};
use paceline_core::normal;
use paceline_core::shade::SegmentPath;
use paceline_core::units::Timestamp;
use std::collections::BTreeMap;

/// Outcomes remembered for a segment.
const KEPT: usize = 10_000;
/// A segment is fitted on its own from so many outcomes on.
const LEAST: usize = 40;
const ROUNDS: usize = 12;

/// The price is in here, in the logarithm.
#[derive(Debug, Clone, Copy)]
struct Bounds(f64, f64);

#[derive(Debug, Clone, Default)]
struct Fit {
    seen: Vec<Bounds>,
    next: usize,
    fitted: usize,
    told: usize,
    parameters: Option<(f64, f64)>,
}

/// The rival.
#[derive(Debug, Clone, Default)]
pub struct LogNormal {
    all: Fit,
    segments: BTreeMap<SegmentPath, Fit>,
}

impl Contender for LogNormal {
    fn place(&mut self, ask: &Ask) -> Placed {
        let own = self.segments.get(&ask.path).and_then(|fit| fit.parameters);
        let parameters = own.or(self.all.parameters);
        let best = |(mean, deviation): (f64, f64)| {
            search(ask.value, |bid| normal::chance((libm::log(bid) - mean) / deviation))
        };
        explored(parameters.map(best), ask)
    }

    fn learn(&mut self, _: Timestamp, ask: &Ask, bid: i64, told: Told) {
        let log = |price: i64| libm::log(amount(price.max(1).into()));
        let bounds = match (told.least, told.won) {
            (Some(least), _) => Bounds(log(least), log(least)),
            (None, true) => Bounds(f64::NEG_INFINITY, log(bid)),
            (None, false) => Bounds(log(bid), f64::INFINITY),
        };
        self.all.add(bounds);
        self.segments.entry(ask.path).or_default().add(bounds);
    }
}

impl Fit {
    fn add(&mut self, bounds: Bounds) {
        if self.seen.len() < KEPT {
            self.seen.push(bounds);
        } else {
            self.seen[self.next] = bounds;
            self.next = (self.next + 1) % KEPT;
        }
        self.told += 1;
        // Whenever a tenth is new.
        if self.told >= LEAST && self.told * 10 >= self.fitted * 11 {
            self.fitted = self.told.min(KEPT * 10);
            self.fit();
        }
    }

    fn fit(&mut self) {
        let start = || {
            let middles = self.seen.iter().map(|b| if b.0.is_finite() { b.0 } else { b.1 });
            (middles.sum::<f64>() / length(self.seen.len()), 1.0)
        };
        let (mut mean, mut deviation) = self.parameters.unwrap_or_else(start);
        for _ in 0..ROUNDS {
            let (mut first, mut second) = (0.0, 0.0);
            for bounds in &self.seen {
                let (one, two) = moments(*bounds, mean, deviation);
                first += one;
                second += two;
            }
            let count = length(self.seen.len());
            mean = first / count;
            deviation = libm::sqrt((second / count - mean * mean).max(1e-4));
        }
        self.parameters = Some((mean, deviation));
    }
}

/// Mean and mean square of a normal within bounds.
fn moments(Bounds(low, high): Bounds, mean: f64, deviation: f64) -> (f64, f64) {
    if high - low <= 0.0 {
        return (low, low * low);
    }
    let (a, b) = ((low - mean) / deviation, (high - mean) / deviation);
    let mass = (normal::chance(b) - normal::chance(a)).max(1e-9);
    let at = |x: f64| if x.is_finite() { density(x) } else { 0.0 };
    let times = |x: f64| if x.is_finite() { x * density(x) } else { 0.0 };
    let first = (at(a) - at(b)) / mass;
    let second = 1.0 + (times(a) - times(b)) / mass;
    let one = mean + deviation * first;
    (one, mean * mean + 2.0 * mean * deviation * first + deviation * deviation * second)
}

fn density(x: f64) -> f64 {
    0.398_942_280_401_432_7 * libm::exp(-x * x / 2.0)
}
