//! How traffic runs over a day, and instants drawn along it.
//!
//! Called by the makers of auctions, traffic and spend.

use super::Model;
use crate::rng::Stream;
use paceline_core::units::{Span, Timestamp};

/// Minutes in a day: Mystique's slots.
const MINUTES: usize = 1_440;
/// Half hours in a day: AuctionNet's slots.
const HALF_HOURS: usize = 48;
/// Mystique: mean requests a minute, and the relative height of its cosine.
const MYSTIQUE_MEAN: f64 = 3_000.0;
const MYSTIQUE_SWING: f64 = 0.6;

/// Mean requests of each slot of a day, in the model's own unit.
pub(super) struct Curve {
    /// Mean of each slot.
    pub(super) slots: Vec<f64>,
    /// Length of a slot.
    pub(super) slot: Span,
    /// Running sum of `slots`, as a share of the day.
    cumulative: Vec<f64>,
}

impl Curve {
    /// The curve of a model.
    pub(super) fn new(model: Model) -> Self {
        let (slots, slot) = match model {
            Model::Mystique => ((0..MINUTES).map(mystique).collect(), Span::MINUTE),
            Model::Auctionnet => ((0..HALF_HOURS).map(auctionnet).collect(), Span::from_mins(30)),
        };
        let slots: Vec<f64> = slots;
        let total: f64 = slots.iter().sum();
        let cumulative = slots
            .iter()
            .scan(0.0, |sum, mean| {
                *sum += mean / total;
                Some(*sum)
            })
            .collect();
        Self { slots, slot, cumulative }
    }

    /// The instant of a day at which this share of its traffic has passed.
    fn offset(&self, share: f64) -> Span {
        let slot = self.cumulative.partition_point(|&sum| sum <= share).min(self.slots.len() - 1);
        let before = if slot == 0 { 0.0 } else { self.cumulative[slot - 1] };
        let inside = ((share - before) / (self.cumulative[slot] - before)).clamp(0.0, 1.0);
        let length = self.slot.as_micros();
        #[expect(clippy::cast_precision_loss, reason = "a slot is far below 2⁵³ µs")]
        let micros = super::rounded(length as f64 * inside, 0, length - 1);
        self.slot.times(i64::try_from(slot).expect("slots of a day")) + Span::from_micros(micros)
    }
}

/// Lowest at midnight, highest at noon.
#[expect(clippy::cast_precision_loss, reason = "slots of a day")]
fn mystique(minute: usize) -> f64 {
    let angle = std::f64::consts::TAU * minute as f64 / MINUTES as f64;
    MYSTIQUE_MEAN * (1.0 - MYSTIQUE_SWING * libm::cos(angle))
}

/// A high peak in the morning, a lower one in the evening, a trough at half past three: fitted to
/// the published half-hour shares, from which it is off by a ninth (root of the mean square).
#[expect(clippy::cast_precision_loss, reason = "slots of a day")]
fn auctionnet(slot: usize) -> f64 {
    let hour = (slot as f64 + 0.5) / 2.0;
    let bump = |peak: f64, width: f64, height: f64| {
        let away = (hour - peak).abs();
        let distance = away.min(24.0 - away) / width;
        height * libm::exp(-0.5 * distance * distance)
    };
    0.06 + bump(9.1, 2.15, 1.06) + bump(15.5, 3.8, 0.68) + bump(22.4, 1.7, 0.92)
}

/// Sorted instants along a curve: exactly as many as asked for, one at a time.
pub(super) struct Arrivals {
    curve: Curve,
    start: Timestamp,
    days: f64,
    left: u64,
    /// One minus the share of all traffic that has passed.
    rest: f64,
}

impl Arrivals {
    /// `count` instants over `days` days from `start`.
    pub(super) fn new(model: Model, start: Timestamp, days: u16, count: u64) -> Self {
        let curve = Curve::new(model);
        Self { curve, start, days: f64::from(days), left: count, rest: 1.0 }
    }

    /// The next instant; `None` after the last. The smallest of `n` uniform draws is
    /// `1 − U^(1/n)`, so sorted draws need no list.
    pub(super) fn next(&mut self, stream: &mut Stream) -> Option<Timestamp> {
        if self.left == 0 {
            return None;
        }
        #[expect(clippy::cast_precision_loss, reason = "fewer than 2⁵³ rows")]
        let exponent = 1.0 / self.left as f64;
        self.rest *= libm::pow(1.0 - stream.unit(), exponent);
        self.left -= 1;
        let passed = (1.0 - self.rest) * self.days;
        let day = libm::floor(passed).min(self.days - 1.0);
        let offset = self.curve.offset(passed - day);
        Some(self.start + Span::DAY.times(super::rounded(day, 0, 366)) + offset)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arrivals_are_sorted_counted_and_inside_their_days() {
        let mut stream = Stream::new(1, "arrivals");
        let mut arrivals = Arrivals::new(Model::Mystique, Timestamp::MIN, 2, 1_000);
        let times: Vec<Timestamp> = std::iter::from_fn(|| arrivals.next(&mut stream)).collect();
        assert_eq!(times.len(), 1_000);
        assert!(times.is_sorted());
        assert!(times[999] < Timestamp::MIN + Span::DAY.times(2));
        let noon = Timestamp::MIN + Span::DAY;
        let first_day = times.iter().filter(|at| **at < noon).count();
        assert!((430..570).contains(&first_day), "{first_day}");
    }

    #[test]
    fn the_two_peaks_stand_in_the_morning_and_in_the_evening() {
        let slots = Curve::new(Model::Auctionnet).slots;
        let is_peak = |slot: usize| slots[slot - 1] < slots[slot] && slots[slot] > slots[slot + 1];
        let peaks: Vec<usize> = (1..47).filter(|&slot| is_peak(slot)).collect();
        assert_eq!(peaks.len(), 2, "{peaks:?}");
        assert!((18..22).contains(&peaks[0]) && (42..46).contains(&peaks[1]), "{peaks:?}");
    }
}
