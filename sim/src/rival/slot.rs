//! A rival's own period: sums of plan and spend over so many minutes of traffic time.
//!
//! The engine steps every ten seconds; a law that was published for slots of a quarter of an hour
//! must not be judged by slots of ten seconds. Called by the rules.

use paceline_core::pace::PaceSample;
use serde::{Deserialize, Serialize};

/// What a finished slot held.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Sums {
    /// Planned in it, in nanos.
    pub(super) planned: f64,
    /// Measured in it, in nanos.
    pub(super) measured: f64,
    /// Its length in minutes of traffic time.
    pub(super) minutes: f64,
}

/// The slot that is running.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub(super) struct Slot {
    minutes: f64,
    /// Plan and spend when it began; absent before the first step.
    from: Option<(f64, f64)>,
}

impl Slot {
    /// Time passes; the sums when the slot is full.
    pub(super) fn step(&mut self, seen: &PaceSample, minutes: f64, length: f64) -> Option<Sums> {
        let here = (seen.planned.as_f64(), seen.measured.as_f64());
        let (planned, measured) = *self.from.get_or_insert(here);
        self.minutes += minutes;
        // A step may be a hair short of its nominal length.
        if self.minutes < length - 1e-9 {
            return None;
        }
        let sums =
            Sums { planned: here.0 - planned, measured: here.1 - measured, minutes: self.minutes };
        *self = Self { minutes: 0.0, from: Some(here) };
        Some(sums)
    }

    /// Plan and spend are counted from a new base.
    pub(super) fn rebase(&mut self, before: &PaceSample, after: &PaceSample) {
        if let Some((planned, measured)) = &mut self.from {
            *planned += after.planned.as_f64() - before.planned.as_f64();
            *measured += after.measured.as_f64() - before.measured.as_f64();
        }
    }
}
