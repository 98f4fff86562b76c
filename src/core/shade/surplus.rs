//! The best bid for every value: the envelope of what bids cost and win.
//!
//! (value − bid) × chance is value × chance − cost with cost = bid × chance, so the best bids are
//! the corners of the lower convex hull of (chance, cost), whatever the value; on it spend moves
//! without jumps as pacing moves the value, which is why campaigns with a budget are kept to it
//! (Deng et al., NeurIPS 2025: the concave envelope of the allocation curve). Candidates are the
//! ends of cells, so just reaching or just above each atom. CONTROL.md (44). Called by `schedule`.

use super::curve::WinCurve;
use super::number::real;
use super::outcome::TieRule;
use crate::units::CpmMicros;

/// How bids become wins.
#[derive(Debug, Clone, Copy)]
pub struct Market<'a> {
    /// Of the others' price.
    pub curve: &'a WinCurve,
    /// What a tie does.
    pub tie: TieRule,
    /// The least by which one bid can be above another; at least 1.
    pub tick: CpmMicros,
}

impl Market<'_> {
    /// Chance to win with a bid, floors apart.
    #[must_use]
    pub fn chance(&self, bid: CpmMicros) -> f64 {
        match self.tie {
            TieRule::Win => self.curve.upto(bid.get()),
            TieRule::Lose => self.curve.upto(bid.get() - 1),
        }
    }

    /// What a value is expected to leave over, per auction.
    #[must_use]
    pub fn surplus(&self, value: CpmMicros, bid: CpmMicros) -> f64 {
        real(value.get() - bid.get()) * self.chance(bid)
    }
}

/// A corner of the envelope.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Corner {
    /// What to bid.
    pub bid: CpmMicros,
    /// Chance to win with it.
    pub chance: f64,
    /// The least value for which it is best.
    pub from: f64,
}

/// The best bids, by value.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Envelope {
    corners: Vec<Corner>,
}

impl Envelope {
    /// Of a market.
    #[must_use]
    pub fn of(market: &Market<'_>) -> Self {
        let mut corners: Vec<Corner> = Vec::new();
        for (end, chance) in market.curve.points() {
            let bid = match market.tie {
                TieRule::Win => end,
                TieRule::Lose => end + market.tick,
            };
            // A bid that wins no more than a cheaper one is never best.
            if chance <= corners.last().map_or(1e-6, |last| last.chance + 1e-9) {
                continue;
            }
            let cost = |corner: &Corner| real(corner.bid.get()) * corner.chance;
            let mut new = Corner { bid, chance, from: real(bid.get()) };
            // A corner that is best from a higher value than the new one never is.
            while let Some(last) = corners.last() {
                new.from = (cost(&new) - cost(last)) / (new.chance - last.chance);
                if new.from > last.from {
                    break;
                }
                corners.pop();
                new.from = real(bid.get());
            }
            corners.push(new);
        }
        Self { corners }
    }

    /// From the cheapest on.
    #[must_use]
    pub fn corners(&self) -> &[Corner] {
        &self.corners
    }

    /// The best corner for a value; `None` below the first, where nothing pays.
    #[must_use]
    pub fn best(&self, value: f64) -> Option<&Corner> {
        let after = self.corners.partition_point(|corner| corner.from <= value);
        self.corners.get(after.checked_sub(1)?)
    }

    /// What the best bid leaves over, per auction.
    #[must_use]
    pub fn surplus(&self, value: f64) -> f64 {
        self.best(value).map_or(0.0, |corner| (value - real(corner.bid.get())) * corner.chance)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn the_envelope_is_the_best_of_all_bids(
            masses in proptest::collection::vec((1_i64..40, 0.0_f64..1.0), 1..30),
            value in 1_i64..2_000,
            loses in proptest::bool::ANY,
        ) {
            let mut end = 0;
            let total: f64 = masses.iter().map(|cell| cell.1).sum::<f64>() + 0.1;
            let ends: Vec<i64> = masses.iter().map(|cell| { end += cell.0; end }).collect();
            let masses: Vec<f64> = masses.iter().map(|cell| cell.1 / total).collect();
            let curve = WinCurve::from_masses(ends.clone(), &masses);
            let tie = if loses { TieRule::Lose } else { TieRule::Win };
            let market = Market { curve: &curve, tie, tick: CpmMicros::new(1) };
            let bid = |end: i64| CpmMicros::new(end + i64::from(loses));
            let brute = ends
                .iter()
                .map(|&end| market.surplus(CpmMicros::new(value), bid(end)))
                .fold(0.0, f64::max);
            let found = Envelope::of(&market).surplus(real(value));
            prop_assert!((found - brute).abs() < 1e-3 * (1.0 + brute), "{found} {brute}");
        }
    }
}
