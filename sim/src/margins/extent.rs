//! The largest box of errors within which every point holds.
//!
//! Called by the front door.

use super::{Errors, Point};
use serde::Serialize;

/// A box of errors: each bound is included, and all of them hold together.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Extent {
    /// The longest delay of the reports, in seconds.
    pub delay_seconds: i64,
    /// The least and the greatest gain error.
    pub gain: (f64, f64),
    /// The least and the greatest true level of traffic over the told one.
    pub level: (f64, f64),
    /// By how many hours the told course of the day is off at most, either way.
    pub shift_hours: f64,
}

impl Extent {
    /// The box that holds the most points, none of which may break a bound, with no error at all
    /// among them; `None` when there is no such box. Of equal ones the first, by delay, gain, level
    /// and course.
    pub(super) fn largest(points: &[Point]) -> Option<Self> {
        let points: Vec<&Point> = points.iter().filter(|point| point.errors.waits).collect();
        if !points.iter().any(|point| point.errors == Errors::NONE) {
            return None;
        }
        let known = |of: fn(&Errors) -> f64| {
            let mut known: Vec<f64> = points.iter().map(|point| of(&point.errors)).collect();
            known.sort_by(f64::total_cmp);
            known.dedup();
            known
        };
        let gains = known(|errors| errors.gain);
        let levels = known(|errors| errors.level);
        let mut delays: Vec<i64> = points.iter().map(|one| one.errors.delay_seconds).collect();
        delays.sort_unstable();
        delays.dedup();
        let shifts = known(|errors| errors.shift_hours.abs());
        let mut best: Option<(usize, Self)> = None;
        for &delay_seconds in &delays {
            for gain in around_one(&gains) {
                for level in around_one(&levels) {
                    for &shift_hours in &shifts {
                        let extent = Self { delay_seconds, gain, level, shift_hours };
                        let count = extent.count(&points).unwrap_or(0);
                        if count > best.map_or(0, |(most, _)| most) {
                            best = Some((count, extent));
                        }
                    }
                }
            }
        }
        best.map(|(_, extent)| extent)
    }

    /// Points inside; `None` when one of them does not hold.
    fn count(&self, points: &[&Point]) -> Option<usize> {
        let inside = || points.iter().filter(|point| self.contains(&point.errors));
        inside().all(|point| point.holds).then(|| inside().count())
    }

    /// Whether errors lie within, on a bound or inside.
    #[must_use]
    pub fn contains(&self, errors: &Errors) -> bool {
        errors.waits
            && errors.delay_seconds <= self.delay_seconds
            && (self.gain.0..=self.gain.1).contains(&errors.gain)
            && (self.level.0..=self.level.1).contains(&errors.level)
            && errors.shift_hours.abs() <= self.shift_hours
    }

    /// Its corners: every bound of delay and gain with every bound of the shape, which is wrong in
    /// its level or in its course.
    #[must_use]
    pub fn corners(&self) -> Vec<Errors> {
        let (low, high) = self.level;
        let shift = self.shift_hours;
        let shapes = [(low, 0.0), (high, 0.0), (1.0, -shift), (1.0, shift)];
        let mut corners: Vec<Errors> = Vec::new();
        for delay_seconds in [0, self.delay_seconds] {
            for gain in [self.gain.0, self.gain.1] {
                for (level, shift_hours) in shapes {
                    let errors = Errors { delay_seconds, gain, level, shift_hours, waits: true };
                    if !corners.contains(&errors) {
                        corners.push(errors);
                    }
                }
            }
        }
        corners
    }
}

/// Every pair of a factor up to one and a factor from one on.
fn around_one(factors: &[f64]) -> Vec<(f64, f64)> {
    let below = factors.iter().filter(|factor| **factor <= 1.0);
    below
        .flat_map(|&low| {
            factors.iter().filter(|factor| **factor >= 1.0).map(move |&high| (low, high))
        })
        .collect()
}
