//! Axes: from numbers to places, and the numbers worth a label.
//!
//! Must not know of series or SVG. Called by charts.

mod time;

use crate::number;

pub(crate) use time::caption;

/// What the numbers along an axis are.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Axis {
    /// Plain numbers.
    #[default]
    Number,
    /// Ratios, shown in per cent: 1 is `100%`.
    Percent,
    /// Seconds since 1970-01-01 UTC, shown in UTC.
    Time,
}

/// A labelled place on an axis.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Tick {
    pub(crate) at: f64,
    pub(crate) label: String,
    /// Whether it stands out: the beginning of a day among hours, of a year among months.
    pub(crate) is_strong: bool,
}

/// The least and the greatest number of an axis.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Domain {
    pub(crate) low: f64,
    pub(crate) high: f64,
}

/// Ranges narrower than this share of their numbers are widened: below it steps would be lost to
/// rounding.
const RANGE_LEAST: f64 = 1e-9;
/// What a number must exceed to have a place on a logarithmic axis: below it floats lose digits.
pub(crate) const LOG_LEAST: f64 = 1e-300;
/// Most ticks on one axis, whatever happens.
const TICKS_MAX: u32 = 40;

impl Domain {
    /// From the least to the greatest of the numbers; `None` without any.
    pub(crate) fn of(values: impl Iterator<Item = f64>) -> Option<Self> {
        values.fold(None, |domain, value| match domain {
            None => Some(Self { low: value, high: value }),
            Some(Self { low, high }) => Some(Self { low: low.min(value), high: high.max(value) }),
        })
    }

    /// The same, wide enough to be divided.
    pub(crate) fn widened(self, axis: Axis) -> Self {
        let size = self.low.abs().max(self.high.abs());
        if self.high - self.low > size * RANGE_LEAST {
            return self;
        }
        let by = match axis {
            Axis::Time => 1_800.0,
            Axis::Percent if size == 0.0 => 0.5,
            Axis::Number if size == 0.0 => 1.0,
            Axis::Number | Axis::Percent => size * 0.1,
        };
        Self { low: self.low - by, high: self.high + by }
    }

    /// The same, ending at round numbers on both sides.
    pub(crate) fn rounded(self, count: u32) -> Self {
        let mut rounded = self;
        // A wider range may ask for a wider step, so that its ends are round no more.
        for _ in 0..3 {
            let step = step(rounded, count);
            rounded.low = (self.low / step).floor() * step;
            rounded.high = (self.high / step).ceil() * step;
        }
        rounded
    }

    /// The same, ending at 1, 2 or 5 times a power of ten on both sides. Must be above zero.
    pub(crate) fn rounded_log(self) -> Self {
        let low = decade(self.low);
        let high = decade(self.high);
        let below = [5.0, 2.0, 1.0].map(|part| part * low).into_iter().find(|at| *at <= self.low);
        let above =
            [1.0, 2.0, 5.0, 10.0].map(|part| part * high).into_iter().find(|at| *at >= self.high);
        let (low, high) = (below.unwrap_or(low), above.unwrap_or(high * 10.0));
        if low < high { Self { low, high } } else { Self { low: low / 2.0, high: high * 2.0 } }
    }
}

/// About `count` ticks on a linear axis.
pub(crate) fn ticks(axis: Axis, domain: Domain, count: u32) -> Vec<Tick> {
    match axis {
        Axis::Number => numbers(domain, count, 1.0, ""),
        Axis::Percent => numbers(domain, count, 100.0, "%"),
        Axis::Time => time::ticks(domain, count),
    }
}

/// Ticks on a logarithmic axis: powers of ten, and 2 and 5 between them where there is room.
pub(crate) fn log_ticks(axis: Axis, domain: Domain, count: u32) -> Vec<Tick> {
    let decades = domain.high.log10() - domain.low.log10();
    let parts: &[f64] = if decades * 2.0 <= f64::from(count) { &[1.0, 2.0, 5.0] } else { &[1.0] };
    let stride = (decades / f64::from(count)).ceil().max(1.0);
    let mut ticks = Vec::new();
    let mut decade = decade(domain.low);
    for _ in 0..TICKS_MAX {
        for part in parts {
            let at = decade * part;
            // Products of powers of ten miss by a few units in the last place.
            if at >= domain.low * (1.0 - 1e-12) && at <= domain.high * (1.0 + 1e-12) {
                let label = match axis {
                    Axis::Percent => number::short(at * 100.0) + "%",
                    Axis::Number | Axis::Time => number::short(at),
                };
                ticks.push(Tick { at, label, is_strong: false });
            }
        }
        decade *= 10_f64.powf(stride);
    }
    ticks
}

fn numbers(domain: Domain, count: u32, scale: f64, sign: &str) -> Vec<Tick> {
    let scaled = Domain { low: domain.low * scale, high: domain.high * scale };
    let step = step(scaled, count);
    let first = (scaled.low / step - 1e-9).ceil();
    let (divisor, suffix) = number::magnitude(scaled.low.abs().max(scaled.high.abs()));
    let digits = (0..12_u8)
        .find(|digits| step / divisor * 10_f64.powi(i32::from(*digits)) >= 1.0 - 1e-9)
        .unwrap_or(12);
    (0..TICKS_MAX)
        .map(|index| (first + f64::from(index)) * step)
        .take_while(|at| *at <= scaled.high + step * 1e-9)
        .map(|at| {
            let label = number::fixed(at / divisor, digits);
            let is_zero = at.abs() < step / 2.0;
            let suffix = if is_zero { "" } else { suffix };
            let label = if is_zero { "0".to_owned() } else { label };
            Tick { at: at / scale, label: label + suffix + sign, is_strong: false }
        })
        .collect()
}

/// The step among 1, 2 and 5 times powers of ten that makes at most about `count` ticks.
fn step(domain: Domain, count: u32) -> f64 {
    let rough = (domain.high - domain.low) / f64::from(count.max(1));
    let decade = decade(rough);
    let part = [1.0, 2.0, 5.0].into_iter().find(|part| part * decade >= rough * 0.999);
    part.unwrap_or(10.0) * decade
}

/// The greatest power of ten at or below a number above zero.
fn decade(value: f64) -> f64 {
    10_f64.powf((value.log10() + 1e-12).floor())
}

/// From the numbers of a domain to pixels.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Scale {
    pub(crate) domain: Domain,
    /// The pixel of the least number.
    pub(crate) start: f64,
    /// The pixel of the greatest number.
    pub(crate) end: f64,
    pub(crate) is_log: bool,
}

impl Scale {
    /// The pixel of a number.
    pub(crate) fn place(&self, value: f64) -> f64 {
        let Domain { low, high } = self.domain;
        let share = if self.is_log {
            (value.ln() - low.ln()) / (high.ln() - low.ln())
        } else {
            (value - low) / (high - low)
        };
        // Far outside is as good as near outside, and stays short in the file.
        self.start + share.clamp(-2.0, 3.0) * (self.end - self.start)
    }
}

#[cfg(test)]
#[expect(clippy::float_cmp, reason = "these numbers are kept, not computed")]
mod tests {
    use super::*;

    fn labels(ticks: &[Tick]) -> Vec<&str> {
        ticks.iter().map(|tick| tick.label.as_str()).collect()
    }

    fn domain(low: f64, high: f64) -> Domain {
        Domain { low, high }
    }

    #[test]
    fn numbers_have_round_ticks() {
        let ticks_of = |low, high| ticks(Axis::Number, domain(low, high), 5);
        assert_eq!(labels(&ticks_of(0.0, 1.0)), ["0", "0.2", "0.4", "0.6", "0.8", "1.0"]);
        assert_eq!(labels(&ticks_of(0.0, 2.5e6)), ["0", "0.5M", "1.0M", "1.5M", "2.0M", "2.5M"]);
        assert_eq!(labels(&ticks_of(-3.0, 7.0)), ["-2", "0", "2", "4", "6"]);
    }

    #[test]
    fn rounded_ranges_end_at_ticks() {
        let rounded = domain(-0.1, 1.17).rounded(6);
        let ticks = ticks(Axis::Number, rounded, 6);
        assert_eq!(ticks[0].at, rounded.low);
        assert!((ticks[ticks.len() - 1].at - rounded.high).abs() < 1e-9);
    }

    #[test]
    fn ratios_are_labelled_in_per_cent() {
        let ticks = ticks(Axis::Percent, domain(0.0, 1.0), 4);
        assert_eq!(labels(&ticks), ["0%", "50%", "100%"]);
        assert_eq!(ticks[1].at, 0.5);
    }

    #[test]
    fn logarithmic_ticks_are_powers_of_ten() {
        let wide = domain(0.001, 4.0).rounded_log();
        assert_eq!((wide.low, wide.high), (0.001, 5.0));
        assert_eq!(labels(&log_ticks(Axis::Number, wide, 5)), ["0.001", "0.01", "0.1", "1"]);
        let narrow = log_ticks(Axis::Number, domain(0.5, 5.0), 5);
        assert_eq!(labels(&narrow), ["0.5", "1", "2", "5"]);
    }

    #[test]
    fn a_single_number_gets_a_range() {
        let one = Domain::of([5.0].into_iter()).unwrap().widened(Axis::Number);
        assert_eq!((one.low, one.high), (4.5, 5.5));
        let zero = Domain::of([0.0].into_iter()).unwrap().widened(Axis::Number);
        assert_eq!((zero.low, zero.high), (-1.0, 1.0));
        assert_eq!(Domain::of(std::iter::empty()), None);
    }

    #[test]
    fn any_range_has_a_bounded_number_of_ticks() {
        for (low, high) in [(0.0, 1e300), (-1e300, 1e300), (1e-300, 2e-300), (1e15, 1e15 + 2.0)] {
            for axis in [Axis::Number, Axis::Percent, Axis::Time] {
                let ticks = ticks(axis, domain(low, high).widened(axis), 6);
                assert!(ticks.len() <= 40, "{axis:?} {low} {high}: {}", ticks.len());
            }
        }
        assert!(log_ticks(Axis::Number, domain(1e-300, 1e300), 5).len() <= 7);
    }
}
