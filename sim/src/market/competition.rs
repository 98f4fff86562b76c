//! Competing bids of everyone outside the simulation; the true win rate, known only here.
//!
//! Called by the market for every auction. No bidder, law or report of the engine may see it.

use super::clock::WeekClock;
use super::draw::Distribution;
use paceline_core::units::{CpmMicros, Nanos, Timestamp};

/// A lasting change of the price level.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Jump {
    /// From when.
    pub at: Timestamp,
    /// The level from then on, as a multiple of what it was.
    pub times: f64,
}

/// Price level over the local day: `1 + amplitude × cos`, its top at a local hour.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Season {
    /// In `[0, 1)`.
    pub amplitude: f64,
    /// Local hour of the dearest time.
    pub peak_hour: f64,
}

/// The competing prices of one segment.
#[derive(Debug, Clone, PartialEq)]
pub struct Competition {
    /// One rival's bid, in units of currency per thousand.
    pub bids: Distribution,
    /// How many rivals bid in each auction; their best counts. At least one.
    pub rivals: u32,
    /// Daily course of the level.
    pub season: Option<Season>,
    /// Local time of the season.
    pub clock: WeekClock,
    /// Lasting changes; they multiply.
    pub jumps: Vec<Jump>,
    /// Hourly factors as of [`super::traffic::shocks`]; may be empty.
    pub shocks: Vec<f64>,
    /// When the run starts.
    pub start: Timestamp,
}

impl Competition {
    /// Factor on every rival's bid at `at`.
    #[must_use]
    pub fn level(&self, at: Timestamp) -> f64 {
        let season = self.season.map_or(1.0, |season| {
            let point = self.clock.point(at);
            let hour = f64::from(point.hour_of_week % 24) + point.gone;
            let turn = core::f64::consts::TAU;
            1.0 + season.amplitude * libm::cos((hour - season.peak_hour) / 24.0 * turn)
        });
        let jumps: f64 =
            self.jumps.iter().filter(|jump| jump.at <= at).map(|jump| jump.times).product();
        let gone = (at - self.start).ratio_to(paceline_core::units::Span::HOUR);
        let shock = if self.shocks.is_empty() {
            1.0
        } else {
            self.shocks[crate::number::place(gone, self.shocks.len())]
        };
        season * jumps * shock
    }

    /// The best rival's bid at a level, for a draw from the unit interval, in units per thousand.
    #[must_use]
    pub fn best(&self, level: f64, u: f64) -> f64 {
        let rank = match self.rivals {
            1 => u,
            2 => libm::sqrt(u),
            more => libm::pow(u, 1.0 / f64::from(more)),
        };
        level * self.bids.at(rank)
    }
}

/// A price in units of currency per thousand as the auction knows it, rounded down. A price above
/// a thousand billion is cut off there: beyond any budget, and sums of it still fit.
#[must_use]
pub fn to_cpm(units: f64) -> CpmMicros {
    const MOST: i64 = 1_000_000_000_000_000_000;
    CpmMicros::new(Nanos::floor_from(units * 1e6).get().min(MOST))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::market::testing::utc_days;
    use paceline_core::units::Span;

    fn competition(rivals: u32) -> Competition {
        let start = Timestamp::from_micros(0);
        Competition {
            bids: Distribution::Quantiles(vec![0.0, 10.0]),
            rivals,
            season: None,
            clock: WeekClock::new(&utc_days(start, 2)),
            jumps: vec![Jump { at: start + Span::HOUR.times(10), times: 1.5 }],
            shocks: Vec::new(),
            start,
        }
    }

    #[test]
    fn the_best_of_two_rivals_has_a_squared_distribution() {
        // P(best of two uniform bids is below 5) is a quarter.
        assert!((competition(2).best(1.0, 0.25) - 5.0).abs() < 1e-12);
        assert!((competition(3).best(1.0, 0.125) - 5.0).abs() < 1e-12);
    }

    #[test]
    fn a_jump_lasts() {
        let prices = competition(1);
        let at = |hour| prices.level(prices.start + Span::HOUR.times(hour));
        assert!((at(9) - 1.0).abs() < 1e-12 && (at(10) - 1.5).abs() < 1e-12);
        assert!((at(30) - 1.5).abs() < 1e-12);
    }

    #[test]
    fn prices_are_rounded_down_to_a_micro() {
        assert_eq!(to_cpm(8.850_000_9), CpmMicros::new(8_850_000));
        assert_eq!(to_cpm(f64::NAN), CpmMicros::ZERO);
    }
}
