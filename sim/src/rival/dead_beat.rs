//! Dead-beat throttling: Lee, Jalali, Dasdan, "Real time bid optimization with smooth budget
//! delivery in online advertising", ADKDD 2013.
//!
//! The pacing rate (here: participation) of the next slot is that of the last one times budget
//! over spend, corrected by what traffic and win rate are forecast to do:
//!
//! (1) rate(t+1) = rate(t) · b(t+1) ÷ s(t) · reqs(t) ÷ reqs(t+1) · win(t) ÷ win(t+1)
//!
//! Here the plan follows the expected traffic, so b(t+1) · reqs(t) ÷ reqs(t+1) is what the plan
//! gives the slot just past, b(t), and the win rate is forecast to stay:
//!
//! (2) rate(t+1) = rate(t) · b(t) ÷ s(t)
//!
//! What was lost or overspent is spread over what remains, the paper's re-planned slot budget, by
//! the engine's own planner, every hour instead of every slot.
//!
//! Left open or broken as published, and settled here: a slot without spend divides by zero (the
//! ratio is kept within [`DeadBeat::ratio_max`] either way); a slot budget far exceeded stops
//! bidding until the next slot (that is the guard's and the brake's part here, alike for all laws);
//! the length of a slot is not stated. Only the adaptive rate is rebuilt, not the bid's regions.

use super::slot::Slot;
use super::{Means, Rule};
use paceline_core::pace::PaceSample;
use paceline_core::units::Timestamp;
use serde::{Deserialize, Serialize};

/// The law's settings.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct DeadBeat {
    /// Length of a slot in minutes of traffic time.
    pub slot_minutes: f64,
    /// Most a rate changes by in a slot, as a factor. Ours.
    pub ratio_max: f64,
}

impl Default for DeadBeat {
    /// Quarters of an hour, tenfold at most: both ours.
    fn default() -> Self {
        Self { slot_minutes: 15.0, ratio_max: 10.0 }
    }
}

/// The slot that is running.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct DeadBeatMemory {
    slot: Slot,
}

impl Rule for DeadBeat {
    type Memory = DeadBeatMemory;

    fn means(&self) -> Means {
        Means::Auctions
    }

    fn start(&self, x0: f64) -> (DeadBeatMemory, f64) {
        (DeadBeatMemory::default(), x0)
    }

    fn step(
        &self,
        memory: &mut DeadBeatMemory,
        _now: Timestamp,
        seen: &PaceSample,
        minutes: f64,
        x: f64,
    ) -> f64 {
        let Some(sums) = memory.slot.step(seen, minutes, self.slot_minutes) else { return x };
        if sums.planned <= 0.0 {
            return x;
        }
        let most = self.ratio_max;
        let ratio = if sums.measured > 0.0 { sums.planned / sums.measured } else { most };
        x + libm::log(ratio.clamp(1.0 / most, most))
    }

    fn place(&self, _memory: &mut DeadBeatMemory, _x: f64) {}

    fn rebase(&self, memory: &mut DeadBeatMemory, before: &PaceSample, after: &PaceSample) {
        memory.slot.rebase(before, after);
    }
}
