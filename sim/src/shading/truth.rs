//! Markets whose win curve is known, and the best bids in them.
//!
//! Others' prices are drawn per auction from a distribution of the segment's; values and floors
//! likewise. What is drawn does not depend on who bids, so every contender meets the same auctions.
//! Called by the studies.

use crate::number::{length, place, real, whole};
use crate::rng::Stream;
use paceline_core::normal;
use paceline_core::shade::SegmentPath;
use paceline_core::units::CpmMicros;

/// How the others' price is distributed, about a middle of one.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Shape {
    /// Log-normal of this deviation.
    LogNormal(f64),
    /// Log-logistic of this steepness.
    LogLogistic(f64),
    /// Log-normal of this deviation, but for these shares on two prices, as shares of the middle.
    Atoms(f64, [(f64, f64); 2]),
    /// One of two prices: the first with this chance.
    Two(f64, [f64; 2]),
}

/// A market.
#[derive(Debug, Clone, PartialEq)]
pub struct Market {
    /// What it is called.
    pub name: &'static str,
    /// Of every segment.
    pub shape: Shape,
    /// Middles of the segments in micros per thousand, the first met most often.
    pub middles: Vec<f64>,
    /// Floors, each as likely.
    pub floors: Vec<i64>,
    /// Middle and deviation of values, in the logarithm.
    pub values: (f64, f64),
}

/// One auction of it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Auction {
    /// Key of its id.
    pub key: u64,
    /// Which segment.
    pub segment: usize,
    /// Lowest bid taken.
    pub floor: i64,
    /// Worth.
    pub value: i64,
    /// What ties for the win.
    pub least: i64,
}

impl Market {
    /// Where its segments lie.
    #[must_use]
    pub fn path(&self, segment: usize) -> SegmentPath {
        let key =
            |level: u64, part: usize| paceline_core::hash::mix(level << 32 | whole(length(part)));
        if self.middles.len() == 1 {
            return SegmentPath::new(&[key(1, 0)]);
        }
        SegmentPath::new(&[key(1, segment % 2), key(2, segment % 6), key(3, segment)])
    }

    /// Draws an auction, with prices times `scale`.
    pub fn draw(&self, stream: &mut Stream, scale: f64) -> Auction {
        // Squared, so that the first segments are met more often.
        let unit = stream.unit();
        let segment = place(unit * unit * length(self.middles.len()), self.middles.len());
        let floor =
            self.floors[place(stream.unit() * length(self.floors.len()), self.floors.len())];
        let price = scale * self.middles[segment] * self.shape.draw(stream);
        let value = stream.log_normal(self.values.0, self.values.1);
        let micros = |amount: f64| i64::try_from(whole(amount)).unwrap_or(i64::MAX).max(1);
        Auction {
            key: stream.bits(),
            segment,
            floor,
            value: micros(value),
            least: micros(price).max(floor),
        }
    }

    /// Chance that a bid of a segment wins, ties and all, where prices are times `scale`.
    #[must_use]
    pub fn chance(&self, segment: usize, scale: f64, bid: i64, floor: i64) -> f64 {
        if bid < floor || bid < 1 {
            return 0.0;
        }
        // Prices are whole micros, rounded down: whatever is below the next micro ties or loses.
        self.shape.upto((amount(bid) + 1.0) / (scale * self.middles[segment]))
    }

    /// Expected surplus of a bid.
    #[must_use]
    pub fn surplus(&self, auction: &Auction, scale: f64, bid: CpmMicros) -> f64 {
        let chance = self.chance(auction.segment, scale, bid.get(), auction.floor);
        amount(auction.value - bid.get()) * chance
    }

    /// The most that any bid can be expected to leave over, and that bid.
    #[must_use]
    pub fn best(&self, auction: &Auction, scale: f64) -> (f64, CpmMicros) {
        let middle = scale * self.middles[auction.segment];
        let spots = self.shape.spots().into_iter().map(|spot| whole(spot * middle));
        // A hundredth apart, from a twentieth of the middle to its twentyfold.
        let grid = (0..600).map(|step| whole(0.05 * middle * libm::exp(0.01 * real(step))));
        let floor = u64::try_from(auction.floor).unwrap_or(0);
        let bids = grid.chain(spots).chain([floor]);
        let bids =
            bids.filter_map(|bid| i64::try_from(bid).ok()).filter(|&bid| bid < auction.value);
        let bids = bids.filter(|&bid| bid >= auction.floor).map(CpmMicros::new);
        let judged = bids.map(|bid| (self.surplus(auction, scale, bid), bid));
        judged.fold((0.0, CpmMicros::ZERO), |best, one| if one.0 > best.0 { one } else { best })
    }
}

impl Shape {
    fn draw(self, stream: &mut Stream) -> f64 {
        match self {
            Self::LogNormal(sigma) => stream.log_normal(0.0, sigma),
            Self::LogLogistic(steepness) => {
                let unit = stream.unit().clamp(1e-12, 1.0 - 1e-12);
                libm::pow(unit / (1.0 - unit), 1.0 / steepness)
            }
            Self::Atoms(sigma, atoms) => {
                let unit = stream.unit();
                let smooth = stream.log_normal(0.0, sigma);
                match unit {
                    unit if unit < atoms[0].0 => atoms[0].1,
                    unit if unit < atoms[0].0 + atoms[1].0 => atoms[1].1,
                    _ => smooth,
                }
            }
            Self::Two(chance, prices) => prices[usize::from(stream.unit() >= chance)],
        }
    }

    /// Probability of a price below this.
    fn upto(self, price: f64) -> f64 {
        let normal = |sigma: f64| normal::chance(libm::log(price) / sigma);
        let above = |spot: f64| if price > spot { 1.0 } else { 0.0 };
        match self {
            Self::LogNormal(sigma) => normal(sigma),
            Self::LogLogistic(steepness) => 1.0 / (1.0 + libm::pow(price, -steepness)),
            Self::Atoms(sigma, [one, two]) => {
                one.0 * above(one.1) + two.0 * above(two.1) + (1.0 - one.0 - two.0) * normal(sigma)
            }
            Self::Two(chance, [low, high]) => chance * above(low) + (1.0 - chance) * above(high),
        }
    }

    /// Prices that are met again and again.
    fn spots(self) -> Vec<f64> {
        match self {
            Self::Atoms(_, atoms) => atoms.iter().map(|atom| atom.1).collect(),
            Self::Two(_, prices) => prices.to_vec(),
            Self::LogNormal(_) | Self::LogLogistic(_) => Vec::new(),
        }
    }
}

/// The markets of the study.
#[must_use]
pub fn markets() -> Vec<Market> {
    let one = |name, shape| Market {
        name,
        shape,
        middles: vec![500_000.0],
        floors: vec![0],
        values: (libm::log(1_000_000.0), 0.5),
    };
    vec![
        one("log-normal 0.5", Shape::LogNormal(0.5)),
        one("log-normal 1.0", Shape::LogNormal(1.0)),
        one("log-logistic", Shape::LogLogistic(3.0)),
        one("atoms", Shape::Atoms(0.6, [(0.14, 0.6), (0.08, 1.2)])),
        Market {
            floors: vec![0, 200_000, 400_000, 600_000],
            ..one("floors", Shape::LogNormal(0.7))
        },
        Market {
            middles: (0..20)
                .map(|k| 500_000.0 * libm::exp(0.5 * libm::sin(1.7 * f64::from(k))))
                .collect(),
            ..one("thin segments", Shape::LogNormal(0.5))
        },
    ]
}

fn amount(value: i64) -> f64 {
    crate::number::amount(value.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_drawn_wins_as_often_as_the_curve_says() {
        for market in markets() {
            let mut stream = Stream::new(3, "truth");
            let (bid, mut won, mut expected) = (600_000, 0.0, 0.0);
            for _ in 0..20_000 {
                let auction = market.draw(&mut stream, 1.0);
                won += if bid >= auction.least { 1.0 } else { 0.0 };
                expected += market.chance(auction.segment, 1.0, bid, auction.floor);
            }
            assert!(libm::fabs(won - expected) < 300.0, "{}: {won} {expected}", market.name);
        }
    }
}
