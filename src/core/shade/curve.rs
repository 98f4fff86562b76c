//! How likely the others' price is to be at most so much: a rising line through the ends of cells.
//!
//! A cell one micro wide is a point mass, and nothing else sets it apart. Within a cell the mass is
//! even, beyond the last it falls as a power. Knows nothing of how it was estimated. Called by
//! `estimate`, `surplus`, `drift` and reports.

use super::number::real;
use crate::units::CpmMicros;
use serde::{Deserialize, Serialize};

/// The distribution of the others' price.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct WinCurve {
    /// Upper ends of cells, rising.
    ends: Vec<i64>,
    /// Probability up to that end, rising, at most 1.
    upto: Vec<f32>,
}

impl WinCurve {
    /// From the upper ends of cells and the masses in them; what is missing to one lies beyond.
    pub(crate) fn from_masses(ends: Vec<i64>, masses: &[f64]) -> Self {
        let mut sum = 0.0;
        let upto = ends
            .iter()
            .zip(masses)
            .map(|(_, mass)| {
                sum += mass;
                narrow(sum.clamp(0.0, 1.0))
            })
            .collect();
        Self { ends, upto }
    }

    /// Ends of cells and the probability up to each.
    pub fn points(&self) -> impl Iterator<Item = (CpmMicros, f64)> + '_ {
        self.ends.iter().zip(&self.upto).map(|(&end, &upto)| (CpmMicros::new(end), upto.into()))
    }

    /// The first and the last end.
    pub(super) fn span(&self) -> Option<(i64, i64)> {
        Some((*self.ends.first()?, *self.ends.last()?))
    }

    /// Prices that hold a point mass.
    pub(super) fn atoms(&self) -> impl Iterator<Item = i64> + '_ {
        self.ends.windows(2).filter(|pair| pair[1] - pair[0] == 1).map(|pair| pair[1])
    }

    /// Probability that the others' price is at most this, 0 to 1.
    #[must_use]
    pub fn chance(&self, price: CpmMicros) -> f64 {
        self.upto(price.get())
    }

    pub(super) fn upto(&self, price: i64) -> f64 {
        let at = self.ends.partition_point(|&end| end < price);
        let low = match at.checked_sub(1) {
            None => (0, 0.0),
            Some(before) => (self.ends[before], f64::from(self.upto[before])),
        };
        match self.ends.get(at) {
            // A tail of the second power: nothing was seen there, so any slow one will do.
            None if low.0 > 0 && price > low.0 => {
                let ratio = real(low.0) / real(price);
                1.0 - (1.0 - low.1) * ratio * ratio
            }
            None => low.1,
            Some(&end) => {
                let share = real((price - low.0).max(0)) / real((end - low.0).max(1));
                low.1 + (f64::from(self.upto[at]) - low.1) * share.min(1.0)
            }
        }
    }

    /// This curve with so much of another mixed in, `share` in 0 to 1.
    pub(super) fn mixed(&self, other: &Self, share: f64) -> Self {
        let mut ends: Vec<i64> = self.ends.iter().chain(&other.ends).copied().collect();
        ends.sort_unstable();
        ends.dedup();
        let at = |&end: &i64| narrow((1.0 - share) * self.upto(end) + share * other.upto(end));
        let upto = ends.iter().map(at).collect();
        Self { ends, upto }
    }
}

#[expect(clippy::cast_possible_truncation, reason = "a probability to seven digits is enough")]
fn narrow(value: f64) -> f32 {
    value as f32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_curve_rises_through_its_cells_and_jumps_at_a_point_mass() {
        let curve = WinCurve::from_masses(vec![100, 199, 200, 400], &[0.2, 0.1, 0.5, 0.1]);
        assert!((curve.upto(50) - 0.1).abs() < 1e-6);
        assert!((curve.upto(199) - 0.3).abs() < 1e-6);
        assert!((curve.upto(200) - 0.8).abs() < 1e-6);
        assert!((curve.upto(300) - 0.85).abs() < 1e-6);
        assert!((curve.upto(800) - 0.975).abs() < 1e-6);
        assert_eq!(curve.atoms().collect::<Vec<_>>(), vec![200]);
        assert!((curve.mixed(&curve, 0.4).upto(300) - 0.85).abs() < 1e-6);
    }
}
