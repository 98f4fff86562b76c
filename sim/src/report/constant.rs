//! The value of the best multiplier held from first to last, chosen in hindsight.
//!
//! Where a winner pays its bid, each auction's price depends on what is bid, and a knapsack at the
//! prices to beat is out of anybody's reach; the best constant multiplier is not. A ladder keeps an
//! auction on the rung of its value per price to beat, 64 to every doubling, so memory does not
//! grow with auctions; inside a rung wins are taken to come evenly. Knows nothing of pacing. Called
//! by the oracle.

use super::hindsight::{BINS, edge, place};
use paceline_core::bid::AuctionType;
use paceline_core::units::{CpmMicros, Nanos};

/// Multipliers tried inside a rung: a rung is 1.1 % wide, so the value is met within a thousandth.
const TRIES: u32 = 10;

/// Auctions of one rung, summed, in nanos.
#[derive(Debug, Clone, Copy, Default)]
struct Rung {
    /// What they count for.
    value: f64,
    /// Full bids where the winner pays its bid.
    bid: f64,
    /// Prices where it does not.
    price: f64,
}

impl Rung {
    fn plus(self, other: Self, share: f64) -> Self {
        Self {
            value: self.value + share * other.value,
            bid: self.bid + share * other.bid,
            price: self.price + share * other.price,
        }
    }

    fn cost(self, multiplier: f64) -> f64 {
        multiplier * self.bid + self.price
    }
}

/// Auctions of one campaign and budget window, by the multiplier that wins them.
#[derive(Debug, Clone)]
pub struct Ladder {
    /// The cheapest last; empty until the first auction.
    rungs: Vec<Rung>,
    /// The most that may be spent in this window.
    cap: Nanos,
}

/// What an auction offered.
#[derive(Debug, Clone, Copy)]
pub struct Chance {
    /// What a win counts for.
    pub value: CpmMicros,
    /// What is bid at a multiplier of one.
    pub bid: CpmMicros,
    /// What must be beaten.
    pub min_to_win: CpmMicros,
    /// What a winner pays.
    pub auction_type: AuctionType,
}

impl Ladder {
    /// Empty, for a window with this cap.
    #[must_use]
    pub const fn new(cap: Nanos) -> Self {
        Self { rungs: Vec::new(), cap }
    }

    /// The window's cap changed.
    pub const fn set_cap(&mut self, cap: Nanos) {
        self.cap = cap;
    }

    /// One auction that could have been had.
    pub fn add(&mut self, chance: Chance) {
        if chance.bid <= CpmMicros::ZERO {
            return;
        }
        if self.rungs.is_empty() {
            self.rungs = vec![Rung::default(); BINS];
        }
        let nanos = |price: CpmMicros| price.per_impression().as_f64();
        let bid = nanos(chance.bid);
        let rung = &mut self.rungs[place(bid, nanos(chance.min_to_win))];
        rung.value += nanos(chance.value);
        match chance.auction_type {
            AuctionType::FirstPrice => rung.bid += bid,
            AuctionType::SecondPrice => rung.price += nanos(chance.min_to_win),
            AuctionType::FixedPrice(deal) => rung.price += nanos(deal),
        }
    }
}

/// The most value, in nanos, of one multiplier up to `most` in all windows, for at most `budget` in
/// all and at most each window's own cap in it. Where money runs out, that share of the wins counts
/// which it pays for; as value is bid, it does not matter which they are.
#[must_use]
pub fn best_value(windows: &[Ladder], budget: Option<Nanos>, most: f64) -> f64 {
    let budget = budget.map_or(f64::INFINITY, Nanos::as_f64);
    let mut won = vec![Rung::default(); windows.len()];
    let mut best: f64 = 0.0;
    let mut rungs = vec![Rung::default(); windows.len()];
    for rung in (0..BINS).rev() {
        for (into, window) in rungs.iter_mut().zip(windows) {
            *into = window.rungs.get(rung).copied().unwrap_or_default();
        }
        if rungs.iter().all(|rung| rung.value <= 0.0) {
            continue;
        }
        // The cheapest rung has no upper edge: what is on it is as good as free.
        let (low, high) = (1.0 / edge(rung + 1), 1.0 / edge(rung));
        if low >= most {
            break;
        }
        for step in 1..=TRIES {
            let share = f64::from(step) / f64::from(TRIES);
            let multiplier = low + share * (high - low);
            if multiplier > most {
                break;
            }
            let sums = won.iter().zip(&rungs).map(|(won, rung)| won.plus(*rung, share));
            best = best.max(worth(sums, windows, budget, multiplier));
        }
        for (won, rung) in won.iter_mut().zip(&rungs) {
            *won = won.plus(*rung, 1.0);
        }
    }
    best
}

/// The value of what is won at a multiplier, as far as the money goes.
fn worth(
    sums: impl Iterator<Item = Rung>,
    windows: &[Ladder],
    budget: f64,
    multiplier: f64,
) -> f64 {
    let (mut value, mut spend) = (0.0, 0.0);
    for (sum, window) in sums.zip(windows) {
        let cost = sum.cost(multiplier);
        let cap = window.cap.as_f64();
        let share = if cost <= cap { 1.0 } else { cap / cost };
        value += share * sum.value;
        spend += share * cost;
    }
    if spend <= budget { value } else { value * budget / spend }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chance(bid: i64, min_to_win: i64) -> Chance {
        let bid = CpmMicros::new(bid);
        Chance {
            value: bid,
            bid,
            min_to_win: CpmMicros::new(min_to_win),
            auction_type: AuctionType::FirstPrice,
        }
    }

    fn ladder(cap: i64, auctions: &[(i64, i64)]) -> Ladder {
        let mut ladder = Ladder::new(Nanos::new(cap));
        for &(bid, min_to_win) in auctions {
            ladder.add(chance(bid, min_to_win));
        }
        ladder
    }

    /// All multipliers that just win one more auction, and those that just spend all money on what
    /// they win.
    fn by_force(auctions: &[(i64, i64)], budget: f64, most: f64) -> f64 {
        #[expect(clippy::cast_precision_loss, reason = "small numbers")]
        let rows: Vec<(f64, f64)> =
            auctions.iter().map(|&(bid, min_to_win)| (bid as f64, min_to_win as f64)).collect();
        let won = |multiplier: f64| -> f64 {
            let is_won = |row: &&(f64, f64)| row.1 / row.0 <= multiplier;
            rows.iter().filter(is_won).map(|row| row.0).sum()
        };
        let just = rows.iter().map(|row| row.1 / row.0);
        let spent = rows.iter().map(|row| budget / won(row.1 / row.0));
        just.chain(spent)
            .filter(|multiplier| *multiplier <= most)
            .map(|multiplier| won(multiplier).min(budget / multiplier))
            .fold(0.0, f64::max)
    }

    /// Bids about a thousandth of a unit and prices to beat from a tenth to thrice of them.
    fn made_up(count: u64) -> Vec<(i64, i64)> {
        let draw = |n: u64| paceline_core::hash::mix(n) >> 40;
        (0..count)
            .map(|n| {
                let bid = 500_000 + draw(2 * n) % 1_000_000;
                let min_to_win = bid * (100 + draw(2 * n + 1) % 2_900) / 1_000;
                (i64::try_from(bid).unwrap(), i64::try_from(min_to_win).unwrap())
            })
            .collect()
    }

    #[test]
    fn two_auctions_are_as_reckoned_by_hand() {
        // A quarter wins the first for 25; a half wins both for 100, and 60 of it are paid for.
        let auctions = [(100, 25), (100, 50)];
        let value = |cap, most| best_value(&[ladder(cap, &auctions)], None, most);
        // Inside the rung of a half some of the second may be won for a little less.
        assert!((value(60, 1.0) / 120.0 - 1.0).abs() < 0.011, "{}", value(60, 1.0));
        assert!((value(1_000, 1.0) - 200.0).abs() < 1e-9);
        assert!((value(1_000, 0.3) - 100.0).abs() < 1e-9);
        assert!(value(0, 1.0).abs() < 1e-9);
    }

    #[test]
    fn many_auctions_are_as_found_by_trying_every_multiplier() {
        let auctions = made_up(4_000);
        for (millions, most) in [(200, 1.0), (600, 1.0), (2_000, 2.0), (900_000, 1.5)] {
            let budget = 1_000_000 * millions;
            let found = best_value(&[ladder(budget, &auctions)], None, most);
            let forced = by_force(&auctions, Nanos::new(budget).as_f64(), most);
            let off = (found / forced - 1.0).abs();
            assert!(off < 0.003, "{budget}, {most}: {found} for {forced}");
        }
    }

    #[test]
    fn one_multiplier_serves_all_windows_under_one_budget() {
        let day = [(100, 25), (100, 50)];
        // A half wins 200 in each; each window pays for 60 of 100, and the flight for 90 in all.
        let windows = [ladder(60, &day), ladder(60, &day)];
        let value = best_value(&windows, Some(Nanos::new(90)), 1.0);
        // A quarter costs 25 in each and is worth 200 in all; a half is worth 90 ÷ ½.
        assert!((value - 200.0).abs() < 1e-9, "{value}");
    }

    #[test]
    fn a_price_that_is_not_the_bid_is_paid_as_it_is() {
        let mut ladder = Ladder::new(Nanos::new(50));
        ladder.add(Chance { auction_type: AuctionType::SecondPrice, ..chance(100, 25) });
        ladder.add(Chance {
            auction_type: AuctionType::FixedPrice(CpmMicros::new(25)),
            ..chance(100, 25)
        });
        assert!((best_value(&[ladder], None, 1.0) - 200.0).abs() < 1e-9);
    }
}
