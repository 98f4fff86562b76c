//! All schedules of a partition as they were said last, and what changes them.
//!
//! A change fits on one set only and carries a sum over its records, so that a reader that lost a
//! step or got a damaged one knows, shades nothing, and asks for the whole. Made by the engine,
//! kept by publishers; clients keep the same records by segment.

use super::schedule::ShadingSchedule;
use super::shader::{ScheduleId, ShadeDelta};
use crate::hash::Digest;
use crate::units::{Generation, SegmentId};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// What changed at a tick.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ShadeNews {
    /// Fits on this set only.
    pub base: Generation,
    /// Makes this one: that of the tick's table.
    pub generation: Generation,
    /// The records.
    pub delta: ShadeDelta,
}

impl ShadeDelta {
    /// Stands for its records, whatever their order.
    #[must_use]
    pub fn digest(&self) -> Digest {
        let schedules = self.schedules.iter().map(|(id, schedule)| {
            let mut words = [0; 15];
            words[0] = u64::from(id.get()) << 1 | 1;
            words[1..].copy_from_slice(&schedule.words());
            Digest::of(&words)
        });
        let segments = self
            .segments
            .iter()
            .map(|(segment, id)| Digest::of(&[u64::from(id.get()) << 1, segment.key()]));
        schedules.chain(segments).fold(Digest::default(), Digest::with)
    }

    /// Whether it changes nothing.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.schedules.is_empty() && self.segments.is_empty()
    }
}

/// Schedules and whose segments they are.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ShadeSet {
    generation: Generation,
    schedules: BTreeMap<ScheduleId, ShadingSchedule>,
    segments: BTreeMap<SegmentId, ScheduleId>,
}

impl ShadeSet {
    /// A whole set.
    #[must_use]
    pub fn new(generation: Generation, whole: &ShadeDelta) -> Self {
        let mut set = Self { generation, ..Self::default() };
        set.lay(whole);
        set
    }

    /// Which one.
    #[must_use]
    pub const fn generation(&self) -> Generation {
        self.generation
    }

    /// Takes a change; false, and nothing changed, when it fits on another set.
    pub fn patch(&mut self, news: &ShadeNews) -> bool {
        let fits = news.base == self.generation;
        if fits {
            self.lay(&news.delta);
            self.generation = news.generation;
        }
        fits
    }

    fn lay(&mut self, delta: &ShadeDelta) {
        self.schedules.extend(delta.schedules.iter().copied());
        self.segments.extend(delta.segments.iter().copied());
    }

    /// All records.
    #[must_use]
    pub fn whole(&self) -> ShadeDelta {
        ShadeDelta {
            schedules: self.schedules.iter().map(|(&id, &schedule)| (id, schedule)).collect(),
            segments: self.segments.iter().map(|(&segment, &id)| (segment, id)).collect(),
        }
    }
}
