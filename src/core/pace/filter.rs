//! Time-aware averages: the passing of time is an argument, so the length of a step is free.
//!
//! Knows no money and no campaign. Called by the engine, which makes one [`Decay`] a tick for each
//! time constant and uses it for every owner: the exponential is paid once.

use crate::units::{Nanos, Span, Timestamp};
use serde::{Deserialize, Serialize};

/// Asks that are taken for granted on both sides of the traffic weight: with fewer than this in
/// the forecast, chance says more than traffic.
pub const PSEUDO_ASKS: f64 = 10.0;
/// Traffic counts as no more times its forecast than this: beyond, a count is broken or a volume
/// not yet known, and what spend says of the level is to be heard all the same.
const PRESENCE_MAX: f64 = 8.0;
/// Traffic below this share of its forecast begins to count as absent ...
const ABSENT_BELOW: f64 = 0.3;
/// ... and at this share it wholly does.
const ABSENT_AT: f64 = 0.1;
/// Over what time actual and forecast asks are compared.
pub const TRAFFIC_TIME: Span = Span::from_mins(5);

/// Which share of the past is kept over a step: exp(−elapsed ÷ time constant).
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Decay {
    kept: f64,
}

impl Decay {
    /// Over `elapsed`; a negative time keeps all, a time constant not above zero keeps nothing.
    /// Costs one exponential.
    #[must_use]
    pub fn over(elapsed: Span, time_constant: Span) -> Self {
        let kept = if elapsed <= Span::ZERO {
            1.0
        } else if time_constant <= Span::ZERO {
            0.0
        } else {
            libm::exp(-elapsed.ratio_to(time_constant))
        };
        Self { kept }
    }

    /// The share kept, in `[0, 1]`.
    #[must_use]
    pub const fn kept(self) -> f64 {
        self.kept
    }
}

/// Exponentially weighted mean and variance of values that hold for a time each. The first value
/// is taken whole, so that a young average is not drawn to zero.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct Ewma {
    mean: f64,
    variance: f64,
    /// Sum of the weights so far, in `[0, 1]`: 0 before the first value.
    seen: f64,
}

impl Ewma {
    /// Takes in a value that held over the step of `decay`. One that is not finite is ignored.
    pub fn step(&mut self, decay: Decay, value: f64) {
        let weight = 1.0 - decay.kept;
        if !value.is_finite() || weight <= 0.0 {
            return;
        }
        let seen = self.seen * decay.kept + weight;
        let share = weight / seen;
        let away = value - self.mean;
        self.mean += share * away;
        self.variance = (1.0 - share) * (self.variance + share * away * away);
        self.seen = seen;
    }

    /// The mean; 0 before the first value.
    #[must_use]
    pub const fn mean(&self) -> f64 {
        self.mean
    }

    /// The variance about the mean, at least 0.
    #[must_use]
    pub const fn variance(&self) -> f64 {
        self.variance
    }

    /// Whether anything has been seen.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.seen <= 0.0
    }
}

/// How much of the forecast traffic is there: turns time into traffic time. CONTROL.md (14).
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct TrafficWeight {
    actual: f64,
    forecast: f64,
}

impl TrafficWeight {
    /// Takes in the asks of a step and their forecast, and returns the weight in `[0, 1]`: about 1
    /// for traffic as forecast, more than forecast, or too little to tell; nearly 0 in an outage.
    /// Asks that nobody reported are unknown, which is 1 and starts afresh. `decay` is over
    /// [`TRAFFIC_TIME`].
    pub fn step(&mut self, decay: Decay, asks: Option<f64>, forecast: f64) -> f64 {
        let known = asks.filter(|asks| asks.is_finite() && forecast.is_finite());
        let Some(asks) = known else {
            *self = Self::default();
            return 1.0;
        };
        self.actual = self.actual * decay.kept + asks.max(0.0);
        self.forecast = self.forecast * decay.kept + forecast.max(0.0);
        self.weight()
    }

    /// The standing weight.
    #[must_use]
    pub fn weight(&self) -> f64 {
        self.ratio().clamp(0.0, 1.0)
    }

    /// How many times the forecast came, in `[1, 8]`: what the weight leaves out. CONTROL.md (16).
    #[must_use]
    pub fn presence(&self) -> f64 {
        self.ratio().clamp(1.0, PRESENCE_MAX)
    }

    fn ratio(&self) -> f64 {
        (self.actual + PSEUDO_ASKS) / (self.forecast + PSEUDO_ASKS)
    }

    /// How surely there is next to no traffic, in `[0, 1]`: 0 from three tenths of the forecast
    /// on, where low traffic is something to catch up with. CONTROL.md (19).
    #[must_use]
    pub fn absence(&self) -> f64 {
        // One pseudo-ask where the weight has ten: an outage is told from chance much sooner than
        // a tenth less traffic is.
        let share = (self.actual + 1.0) / (self.forecast + 1.0);
        ((ABSENT_BELOW - share) / (ABSENT_BELOW - ABSENT_AT)).clamp(0.0, 1.0)
    }
}

/// The largest amount of late: at least of one whole period back, at most of two.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct RecentMax {
    since: Timestamp,
    current: Nanos,
    previous: Nanos,
}

impl RecentMax {
    /// Takes in an amount at `now`, forgetting by `period`.
    pub fn step(&mut self, now: Timestamp, period: Span, amount: Nanos) {
        let elapsed = now - self.since;
        if elapsed >= period {
            let is_adjacent = elapsed < period.times(2);
            self.previous = if is_adjacent { self.current } else { Nanos::ZERO };
            self.current = Nanos::ZERO;
            self.since = now;
        }
        self.current = self.current.max(amount);
    }

    /// The largest; zero before the first.
    #[must_use]
    pub fn get(&self) -> Nanos {
        self.current.max(self.previous)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn minutes(count: i64) -> Decay {
        Decay::over(Span::from_mins(count), TRAFFIC_TIME)
    }

    #[test]
    fn six_steps_of_ten_seconds_are_one_of_a_minute() {
        let (mut fine, mut coarse) = (Ewma::default(), Ewma::default());
        for value in [1.0, 4.0, 2.0] {
            coarse.step(minutes(1), value);
            for _ in 0..6 {
                fine.step(Decay::over(Span::from_secs(10), TRAFFIC_TIME), value);
            }
        }
        assert!((fine.mean() - coarse.mean()).abs() < 1e-12);
        assert!((fine.variance() - coarse.variance()).abs() < 1e-12);
    }

    #[test]
    fn mean_and_variance_are_those_of_the_weighted_values() {
        let mut ewma = Ewma::default();
        assert!(ewma.is_empty());
        ewma.step(minutes(5), 3.0);
        assert!((ewma.mean() - 3.0).abs() < 1e-12 && ewma.variance() < 1e-12);
        ewma.step(minutes(5), 5.0);
        let older = minutes(5).kept() / (1.0 + minutes(5).kept());
        let mean = 3.0 * older + 5.0 * (1.0 - older);
        let variance =
            older * (3.0 - mean) * (3.0 - mean) + (1.0 - older) * (5.0 - mean) * (5.0 - mean);
        assert!((ewma.mean() - mean).abs() < 1e-12);
        assert!((ewma.variance() - variance).abs() < 1e-12);
        ewma.step(minutes(5), f64::NAN);
        assert!((ewma.mean() - mean).abs() < 1e-12);
    }

    #[test]
    fn no_time_and_no_time_constant_are_the_two_ends() {
        assert!((Decay::over(Span::ZERO, TRAFFIC_TIME).kept() - 1.0).abs() < 1e-15);
        assert!((Decay::over(Span::from_mins(-3), TRAFFIC_TIME).kept() - 1.0).abs() < 1e-15);
        assert!(Decay::over(Span::MINUTE, Span::ZERO).kept() < 1e-15);
    }

    #[test]
    fn traffic_is_absent_when_next_to_none_of_enough_comes() {
        let of = |actual, forecast| TrafficWeight { actual, forecast }.absence();
        // Low traffic, an outage, one that lets a little through, and too little to tell.
        for (actual, forecast, absence) in
            [(300.0, 1_000.0, 0.0), (0.0, 1_000.0, 1.0), (200.0, 1_000.0, 0.4960), (0.0, 2.0, 0.0)]
        {
            let found: f64 = of(actual, forecast);
            assert!((found - absence).abs() < 1e-4, "{actual} of {forecast}: {found}");
        }
    }

    #[test]
    fn an_outage_takes_the_weight_away_and_its_end_brings_it_back() {
        let mut traffic = TrafficWeight::default();
        for _ in 0..60 {
            assert!(traffic.step(minutes(1), Some(1_000.0), 1_000.0) > 0.99);
        }
        for _ in 0..30 {
            traffic.step(minutes(1), Some(0.0), 1_000.0);
        }
        assert!(traffic.weight() < 0.01, "{}", traffic.weight());
        for _ in 0..15 {
            traffic.step(minutes(1), Some(1_000.0), 1_000.0);
        }
        assert!(traffic.weight() > 0.94);
    }

    #[test]
    fn unknown_or_tiny_traffic_weighs_one() {
        let mut traffic = TrafficWeight::default();
        assert!((traffic.step(minutes(1), None, 1_000.0) - 1.0).abs() < 1e-15);
        assert!(traffic.step(minutes(1), Some(0.0), 0.1) > 0.98);
        assert!((traffic.step(minutes(1), Some(5_000.0), 10.0) - 1.0).abs() < 1e-15);
        assert!((traffic.step(minutes(1), Some(f64::NAN), 10.0) - 1.0).abs() < 1e-15);
    }

    #[test]
    fn the_largest_is_forgotten_after_two_periods() {
        let mut max = RecentMax::default();
        let at = |hour| Timestamp::MIN + Span::HOUR.times(hour);
        max.step(at(0), Span::DAY, Nanos::new(9));
        max.step(at(23), Span::DAY, Nanos::new(2));
        max.step(at(30), Span::DAY, Nanos::new(3));
        assert_eq!(max.get(), Nanos::new(9));
        max.step(at(55), Span::DAY, Nanos::new(4));
        assert_eq!(max.get(), Nanos::new(4));
    }
}
