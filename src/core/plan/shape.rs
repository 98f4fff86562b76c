//! The expected course of traffic over a local week: relative weights of its slots.
//!
//! Made from a [`ShapeChange`](crate::input::ShapeChange) by the engine and read by the planner.
//! Knows nothing of dates or money.

use serde::{Deserialize, Serialize};

/// Hours of a week.
const HOURS: usize = 168;

/// Why the weights of a shape were refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ShapeError {
    /// When there are not 168, 336 or 672 of them.
    #[error("weights: has {0} slots, must have 168, 336 or 672")]
    Length(usize),
    /// When no slot has any traffic.
    #[error("weights: all are 0, at least one must be above zero")]
    AllZero,
}

/// Relative weight of each slot of the local week, Monday 00:00 first. A weight is a rate: an hour
/// that lasts half as long carries half as much. Zero means that no traffic is expected.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Vec<u32>", into = "Vec<u32>")]
pub struct TrafficShape {
    weights: Vec<u32>,
    sum: u64,
}

impl TrafficShape {
    /// Checked: 168, 336 or 672 weights, not all zero.
    ///
    /// # Errors
    /// [`ShapeError::Length`] or [`ShapeError::AllZero`].
    pub fn try_new(weights: Vec<u32>) -> Result<Self, ShapeError> {
        if ![HOURS, 2 * HOURS, 4 * HOURS].contains(&weights.len()) {
            return Err(ShapeError::Length(weights.len()));
        }
        let sum = weights.iter().copied().map(u64::from).sum();
        if sum == 0 {
            return Err(ShapeError::AllZero);
        }
        Ok(Self { weights, sum })
    }

    /// The same traffic at all times.
    #[must_use]
    pub fn flat() -> Self {
        Self { weights: vec![1; HOURS], sum: HOURS as u64 }
    }

    /// The 1, 2 or 4 slots of a local hour; 0 is Monday 00:00. Hours above 167 begin a new week.
    #[must_use]
    pub fn hour_slots(&self, hour_of_week: u8) -> &[u32] {
        let slots = self.weights.len() / HOURS;
        let first = usize::from(hour_of_week) % HOURS * slots;
        &self.weights[first..first + slots]
    }

    /// How many slots a week has.
    #[must_use]
    pub fn slot_count(&self) -> u64 {
        self.weights.len() as u64
    }

    /// Weight × minutes of a day of mean traffic.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "fifteen digits of traffic will do")]
    pub fn day_minutes(&self) -> f64 {
        self.sum as f64 / self.weights.len() as f64 * 1_440.0
    }

    /// Mean weight of a slot, above zero.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "fifteen digits of traffic will do")]
    pub fn mean(&self) -> f64 {
        self.sum as f64 / self.weights.len() as f64
    }

    /// Sum of all weights, above zero. Divided by [`Self::slot_count`] it is the mean weight.
    #[must_use]
    pub const fn sum(&self) -> u64 {
        self.sum
    }
}

impl TryFrom<Vec<u32>> for TrafficShape {
    type Error = ShapeError;
    fn try_from(weights: Vec<u32>) -> Result<Self, ShapeError> {
        Self::try_new(weights)
    }
}

impl From<TrafficShape> for Vec<u32> {
    fn from(shape: TrafficShape) -> Self {
        shape.weights
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shape_has_a_week_of_slots_and_some_traffic() {
        assert_eq!(TrafficShape::try_new(vec![1; 24]), Err(ShapeError::Length(24)));
        assert_eq!(TrafficShape::try_new(vec![0; 168]), Err(ShapeError::AllZero));
        assert_eq!(
            ShapeError::Length(24).to_string(),
            "weights: has 24 slots, must have 168, 336 or 672"
        );
    }

    #[test]
    fn an_hour_has_its_own_slots() {
        let shape = TrafficShape::try_new((0..336).collect()).unwrap();
        assert_eq!(shape.hour_slots(0), [0, 1]);
        assert_eq!(shape.hour_slots(167), [334, 335]);
        assert_eq!((shape.slot_count(), shape.sum()), (336, 335 * 168));
    }
}
