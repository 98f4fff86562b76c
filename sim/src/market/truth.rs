//! How far off the predicted chance of a click is: the truth, which no campaign is told.
//!
//! A buyer bids and is charged by what it predicts; whether a click comes, and what an impression
//! was really worth and cost on average, goes by this. Called by buyers alone.

use paceline_core::units::{CpmMicros, Nanos, Timestamp, Window};

/// True over predicted chance of a click, changing evenly in its logarithm over a flight.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ClickTruth {
    /// From the first instant to the last.
    pub window: Window,
    /// The ratio at the first instant, above 0.
    pub from: f64,
    /// The ratio at the last instant, above 0.
    pub to: f64,
}

impl ClickTruth {
    /// The ratio at an instant; before and after the window as at its ends.
    #[must_use]
    pub fn times(&self, at: Timestamp) -> f64 {
        let gone = (self.window.clamp(at) - self.window.start()).ratio_to(self.window.span());
        self.from * libm::pow(self.to / self.from, gone)
    }

    /// An expected amount as predicted, as it really is.
    #[must_use]
    pub fn of(&self, predicted: CpmMicros, at: Timestamp) -> CpmMicros {
        let true_amount = predicted.per_impression().as_f64() * self.times(at);
        CpmMicros::new(Nanos::floor_from(true_amount).get())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use paceline_core::units::Span;

    #[test]
    fn the_ratio_drifts_from_one_end_to_the_other() {
        let start = Timestamp::from_micros(0);
        let window = Window::try_new(start, start + Span::DAY).unwrap();
        let truth = ClickTruth { window, from: 0.5, to: 2.0 };
        let at = |hour| truth.times(start + Span::HOUR.times(hour));
        assert!((at(0) - 0.5).abs() < 1e-12 && (at(12) - 1.0).abs() < 1e-12);
        assert!((at(24) - 2.0).abs() < 1e-12 && (at(99) - 2.0).abs() < 1e-12);
        let noon = start + Span::HOUR.times(6);
        assert_eq!(truth.of(CpmMicros::new(1_000_000), noon), CpmMicros::new(707_106));
    }
}
