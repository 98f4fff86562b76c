//! The value a clairvoyant buyer would have had: a fractional knapsack over all auctions.
//!
//! Auctions are put in bins by value per cost, 64 to every doubling, so memory does not grow with
//! them. All bins above the marginal one are taken whole; only the order inside that one is lost,
//! which is at most 1.1 per cent of its own value. Knows nothing of pacing. Called by the tally.

use crate::number::length;
use paceline_core::units::{CpmMicros, Nanos};

/// Bins to a doubling of value per cost, as a power of two.
const FINENESS: u32 = 6;
/// Doublings covered, half of them below one.
const OCTAVES: usize = 40;
/// Bins in all; the last also holds what is free.
pub(super) const BINS: usize = OCTAVES << FINENESS;
/// Exponent and first bits of the least ratio of the first bin.
const LOWEST: u64 = (1_023 - OCTAVES as u64 / 2) << FINENESS;

/// Auctions of one campaign and budget window, by value per cost.
#[derive(Debug, Clone)]
pub struct Knapsack {
    /// Cost and value in nanos, best bin last; empty until the first auction.
    bins: Vec<(f64, f64)>,
    /// The most that may be spent in this window.
    cap: Nanos,
}

impl Knapsack {
    /// Empty, for a window with this cap.
    #[must_use]
    pub const fn new(cap: Nanos) -> Self {
        Self { bins: Vec::new(), cap }
    }

    /// The window's cap changed.
    pub const fn set_cap(&mut self, cap: Nanos) {
        self.cap = cap;
    }

    /// What another purse could have bought as well.
    pub fn merge(&mut self, other: &Self) {
        if self.bins.is_empty() {
            self.bins.clone_from(&other.bins);
            return;
        }
        for (bin, more) in self.bins.iter_mut().zip(&other.bins) {
            bin.0 += more.0;
            bin.1 += more.1;
        }
    }

    /// One auction that could have been had for `cost`.
    pub fn add(&mut self, value: CpmMicros, cost: CpmMicros) {
        if value <= CpmMicros::ZERO {
            return;
        }
        if self.bins.is_empty() {
            self.bins = vec![(0.0, 0.0); BINS];
        }
        let (value, cost) = (value.per_impression().as_f64(), cost.per_impression().as_f64());
        let bin = &mut self.bins[place(value, cost)];
        bin.0 += cost;
        bin.1 += value;
    }
}

/// The bin of a ratio: the exponent and first bits of the mantissa of the float itself.
pub(super) fn place(value: f64, cost: f64) -> usize {
    if cost <= 0.0 {
        return BINS - 1;
    }
    let bits = (value / cost).to_bits() >> (52 - FINENESS);
    usize::try_from(bits.saturating_sub(LOWEST)).unwrap_or(BINS).min(BINS - 1)
}

/// The least ratio of a bin; what is below the first bin's is in it all the same.
pub(super) fn edge(bin: usize) -> f64 {
    f64::from_bits((LOWEST + bin as u64) << (52 - FINENESS))
}

/// The most value, in nanos, for at most `budget` in all and at most each window's own cap in it.
/// Windows must not overlap: then taking the best first is the optimum.
#[must_use]
pub fn best_value(windows: &[Knapsack], budget: Option<Nanos>) -> f64 {
    let mut left = budget.map_or(f64::INFINITY, Nanos::as_f64);
    let mut caps: Vec<f64> = windows.iter().map(|window| window.cap.as_f64()).collect();
    let mut total = 0.0;
    for bin in (0..BINS).rev() {
        for (window, cap) in windows.iter().zip(&mut caps) {
            let Some(&(cost, value)) = window.bins.get(bin) else { continue };
            let room = left.min(*cap);
            if value <= 0.0 || (room <= 0.0 && cost > 0.0) {
                continue;
            }
            let share = if cost <= room { 1.0 } else { room / cost };
            total += share * value;
            left -= share * cost;
            *cap -= share * cost;
        }
    }
    total
}

/// Mean number of segments a campaign's wins are spread over: one over the sum of squared shares.
#[must_use]
pub fn spread(wins: &[u64]) -> Option<f64> {
    let total: u64 = wins.iter().sum();
    if total == 0 {
        return None;
    }
    let squares: f64 = wins
        .iter()
        .map(|&count| {
            let share = crate::number::real(count) / crate::number::real(total);
            share * share
        })
        .sum();
    Some((1.0 / squares).min(length(wins.len())))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn knapsack(cap: i64, auctions: &[(i64, i64)]) -> Knapsack {
        let mut knapsack = Knapsack::new(Nanos::new(cap));
        for &(value, cost) in auctions {
            knapsack.add(CpmMicros::new(value), CpmMicros::new(cost));
        }
        knapsack
    }

    #[test]
    fn the_best_value_for_money_comes_first_and_the_last_in_part() {
        // Ratios 4, 2 and 1: all of the first, half of the second.
        let one = knapsack(1_000, &[(100, 100), (400, 100), (400, 200)]);
        assert!((best_value(&[one], Some(Nanos::new(200))) - 600.0).abs() < 1e-9);
    }

    #[test]
    fn one_purse_for_two_takes_the_best_of_both() {
        let mut both = knapsack(150, &[(400, 100), (100, 100)]);
        both.merge(&knapsack(150, &[(300, 100)]));
        assert!((best_value(&[both], None) - 550.0).abs() < 1e-9);
    }

    #[test]
    fn each_window_keeps_its_own_cap() {
        let first = knapsack(100, &[(400, 100), (300, 100)]);
        let second = knapsack(100, &[(200, 100)]);
        let value = best_value(&[first, second], Some(Nanos::new(200)));
        assert!((value - 600.0).abs() < 1e-9, "{value}");
    }

    #[test]
    fn what_is_free_is_taken_even_without_money() {
        let one = knapsack(0, &[(50, 0), (400, 1)]);
        assert!((best_value(&[one], Some(Nanos::ZERO)) - 50.0).abs() < 1e-9);
    }

    #[test]
    fn even_wins_are_spread_over_all_segments() {
        assert_eq!(spread(&[5, 5]), Some(2.0));
        assert_eq!(spread(&[7, 0]), Some(1.0));
        assert_eq!(spread(&[0, 0]), None);
    }
}
