//! Arrivals: how many auctions come, and when.
//!
//! A curve over the local day or week, times drift, hourly shocks and dated surges. Arrivals are a
//! Poisson process with the curve's rate, held constant inside one step of the world. The truth is
//! known here alone; the engine learns it from opportunities. Called by the market.

use super::clock::WeekClock;
use crate::number::{length, place};
use crate::rng::Stream;
use paceline_core::units::{Span, Timestamp, Window};

/// Length of the cycle a curve repeats over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cycle {
    /// Local midnight to local midnight.
    Day,
    /// Local Monday to local Monday.
    Week,
}

/// Relative traffic over a cycle.
#[derive(Debug, Clone, PartialEq)]
pub struct Curve {
    cycle: Cycle,
    /// Mean one; evenly spaced over the cycle.
    slots: Vec<f64>,
}

impl Curve {
    /// From relative heights, evenly spaced over the cycle; `None` if there are none, or one is
    /// below zero or not finite, or all are zero.
    #[must_use]
    pub fn try_new(cycle: Cycle, heights: &[f64]) -> Option<Self> {
        let mean = crate::number::mean(heights);
        let sound = heights.iter().all(|height| height.is_finite() && *height >= 0.0);
        (sound && mean > 0.0)
            .then(|| Self { cycle, slots: heights.iter().map(|height| height / mean).collect() })
    }

    /// The same at all times.
    #[must_use]
    pub fn flat() -> Self {
        Self { cycle: Cycle::Day, slots: vec![1.0] }
    }

    /// `1 + amplitude × cos` with its top at a local hour, by the minute.
    #[must_use]
    pub fn cosine(amplitude: f64, peak_hour: f64) -> Self {
        let turn = core::f64::consts::TAU;
        let slots = (0..1_440)
            .map(|minute| {
                let hour = (f64::from(minute) + 0.5) / 60.0;
                1.0 + amplitude * libm::cos((hour - peak_hour) / 24.0 * turn)
            })
            .collect();
        Self { cycle: Cycle::Day, slots }
    }

    /// Height at a point of the local week, mean one.
    #[must_use]
    pub fn height(&self, hour_of_week: u8, gone: f64) -> f64 {
        let hours = match self.cycle {
            Cycle::Day => f64::from(hour_of_week % 24) / 24.0 + gone / 24.0,
            Cycle::Week => f64::from(hour_of_week) / 168.0 + gone / 168.0,
        };
        // An instant at the very start of a slot must not fall a rounding error below it.
        self.slots[place(hours * length(self.slots.len()) + 1e-6, self.slots.len())]
    }
}

/// A dated stretch in which traffic is multiplied: a burst, a dip or, with zero, an outage.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Surge {
    /// When.
    pub window: Window,
    /// By how much.
    pub times: f64,
}

/// Hourly shocks: the logarithm of the traffic is an autoregression over the hours of the run.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Shock {
    /// Standard deviation of the logarithm in the long run.
    pub sigma: f64,
    /// How much of one hour's shock is left in the next, in `[0, 1)`.
    pub persistence: f64,
}

/// The traffic of one segment.
#[derive(Debug, Clone, PartialEq)]
pub struct Traffic {
    /// Auctions a day, on average over the curve's cycle.
    pub per_day: f64,
    /// Its course.
    pub curve: Curve,
    /// Local time of the curve.
    pub clock: WeekClock,
    /// Growth a day: 0.1 is a tenth more each day.
    pub drift_per_day: f64,
    /// Bursts, dips and outages; where several meet, they multiply.
    pub surges: Vec<Surge>,
    /// One factor for each hour of the run, the last one going on for ever; may be empty.
    pub shocks: Vec<f64>,
    /// When the run starts.
    pub start: Timestamp,
}

/// Factors of an hourly shock for a run of `hours` hours.
#[must_use]
pub fn shocks(shock: Shock, hours: usize, stream: &mut Stream) -> Vec<f64> {
    let fresh = shock.sigma * libm::sqrt(1.0 - shock.persistence * shock.persistence);
    let mut log = shock.sigma * stream.normal();
    (0..hours)
        .map(|_| {
            let factor = libm::exp(log - 0.5 * shock.sigma * shock.sigma);
            let step = stream.normal();
            log = shock.persistence * log + fresh * step;
            factor
        })
        .collect()
}

impl Traffic {
    /// Auctions a second at `at`.
    #[must_use]
    pub fn rate(&self, at: Timestamp) -> f64 {
        let point = self.clock.point(at);
        let gone = at - self.start;
        let drift = libm::pow(1.0 + self.drift_per_day, gone.ratio_to(Span::DAY));
        let surges: f64 = self
            .surges
            .iter()
            .filter(|surge| surge.window.contains(at))
            .map(|surge| surge.times)
            .product();
        self.per_day / 86_400.0
            * self.curve.height(point.hour_of_week, point.gone)
            * drift
            * surges
            * self.shock(gone)
    }

    fn shock(&self, gone: Span) -> f64 {
        if self.shocks.is_empty() {
            return 1.0;
        }
        self.shocks[place(gone.ratio_to(Span::HOUR), self.shocks.len())]
    }
}

/// Draws the gap to the next arrival of a Poisson process of `rate` a second, in seconds.
#[must_use]
pub fn gap(rate: f64, stream: &mut Stream) -> f64 {
    -libm::log(1.0 - stream.unit()) / rate
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::market::testing::utc_days;

    fn traffic() -> Traffic {
        let start = Timestamp::from_micros(0);
        Traffic {
            per_day: 86_400.0,
            curve: Curve::cosine(0.5, 12.0),
            clock: WeekClock::new(&utc_days(start, 3)),
            drift_per_day: 0.0,
            surges: Vec::new(),
            shocks: Vec::new(),
            start,
        }
    }

    #[test]
    fn a_curve_keeps_the_days_total() {
        let traffic = traffic();
        let total: f64 = (0..1_440)
            .map(|minute| 60.0 * traffic.rate(traffic.start + Span::from_mins(minute)))
            .sum();
        assert!((total - 86_400.0).abs() < 1e-6, "{total}");
        let noon = traffic.rate(traffic.start + Span::HOUR.times(12));
        assert!((noon - 1.5).abs() < 1e-3, "{noon}");
    }

    #[test]
    fn an_outage_stops_traffic_and_bursts_multiply() {
        let mut traffic = traffic();
        let at = |hour| traffic.start + Span::HOUR.times(hour);
        let surge =
            |from, to, times| Surge { window: Window::try_new(at(from), at(to)).unwrap(), times };
        let surges = vec![surge(1, 2, 0.0), surge(3, 5, 2.0), surge(4, 5, 3.0)];
        let plain = traffic.rate(at(4));
        traffic.surges = surges;
        let start = traffic.start;
        assert!(traffic.rate(start + Span::HOUR) < 1e-12);
        assert!((traffic.rate(start + Span::HOUR.times(4)) / plain - 6.0).abs() < 1e-9);
    }

    #[test]
    fn gaps_have_the_mean_of_their_rate() {
        let mut stream = Stream::new(1, "gaps");
        let sum: f64 = (0..100_000).map(|_| gap(4.0, &mut stream)).sum();
        assert!((sum / 25_000.0 - 1.0).abs() < 0.02, "{sum}");
    }

    #[test]
    fn shocks_keep_the_mean_and_remember() {
        let mut stream = Stream::new(2, "shocks");
        let factors = shocks(Shock { sigma: 0.3, persistence: 0.5 }, 20_000, &mut stream);
        assert!((crate::number::mean(&factors) - 1.0).abs() < 0.02);
    }
}
