//! Segment-based shading: bid = ln(1 + u₁ u₂ value) / u₂, with u₁ and u₂ by segment.
//!
//! The baseline of Gligorijevic et al., "Bid shading in the brave new world of first-price
//! auctions", CIKM 2020. The paper leaves the fit open: here the pair is the best of a grid on the
//! last outcomes whose price was told, which is to its advantage. Where none is told it bids half.

use super::super::contender::{Ask, Contender, Placed, Told};
use super::{explored, raised};
use crate::number::{amount, real, whole};
use paceline_core::shade::SegmentPath;
use paceline_core::units::Timestamp;
use std::collections::BTreeMap;

/// Outcomes a segment is fitted on.
const KEPT: usize = 1_000;
const LEAST: usize = 40;

#[derive(Debug, Clone, Default)]
struct Fit {
    /// Value and price, the oldest overwritten first.
    seen: Vec<(f64, f64)>,
    next: usize,
    fresh: usize,
    pair: Option<(f64, f64)>,
}

/// The rival.
#[derive(Debug, Clone, Default)]
pub struct Segmented {
    all: Fit,
    segments: BTreeMap<SegmentPath, Fit>,
    untold: usize,
}

impl Contender for Segmented {
    fn place(&mut self, ask: &Ask) -> Placed {
        let own = self.segments.get(&ask.path).and_then(|fit| fit.pair).or(self.all.pair);
        let shaded = own.map(|pair| {
            i64::try_from(whole(shaded(pair, amount(ask.value.into())))).unwrap_or(ask.value)
        });
        if shaded.is_none() && self.untold > 2 * LEAST {
            return Placed { bid: raised(ask.value / 2, ask), is_best: true };
        }
        explored(shaded, ask)
    }

    fn learn(&mut self, _: Timestamp, ask: &Ask, _: i64, told: Told) {
        let Some(least) = told.least else {
            self.untold += 1;
            return;
        };
        let seen = (amount(ask.value.into()), amount(least.into()));
        self.all.add(seen);
        self.segments.entry(ask.path).or_default().add(seen);
    }
}

/// The published form, in shares of the value: u₂ is stated in units of one over the value's scale.
fn shaded((one, two): (f64, f64), value: f64) -> f64 {
    (libm::log(1.0 + one * two * value) / two).min(value)
}

impl Fit {
    fn add(&mut self, seen: (f64, f64)) {
        if self.seen.len() < KEPT {
            self.seen.push(seen);
        } else {
            self.seen[self.next] = seen;
            self.next = (self.next + 1) % KEPT;
        }
        self.fresh += 1;
        if self.seen.len() >= LEAST && self.fresh * 10 >= self.seen.len() {
            self.fresh = 0;
            self.fit();
        }
    }

    fn fit(&mut self) {
        let scale =
            self.seen.iter().map(|seen| seen.0).sum::<f64>() / real(whole_length(&self.seen));
        let mut best = (f64::NEG_INFINITY, None);
        for one in (1..=10_u64).map(|k| 0.1 * real(k)) {
            for two in (0..12_u64).map(|k| libm::exp(0.6 * real(k) - 4.0) / scale) {
                let won = self.seen.iter().map(|&(value, price)| {
                    let bid = shaded((one, two), value);
                    if bid >= price { value - bid } else { 0.0 }
                });
                let surplus: f64 = won.sum();
                if surplus > best.0 {
                    best = (surplus, Some((one, two)));
                }
            }
        }
        self.pair = best.1;
    }
}

fn whole_length(seen: &[(f64, f64)]) -> u64 {
    seen.len().try_into().unwrap_or(u64::MAX).max(1)
}
