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

/// Stands for a schedule under its number.
#[must_use]
pub fn schedule_digest(id: ScheduleId, schedule: &ShadingSchedule) -> Digest {
    let mut words = [0; 15];
    words[0] = u64::from(id.get()) << 1 | 1;
    words[1..].copy_from_slice(&schedule.words());
    Digest::of(&words)
}

/// Stands for a segment and the number of its schedule.
#[must_use]
pub fn segment_digest(segment: SegmentId, id: ScheduleId) -> Digest {
    Digest::of(&[u64::from(id.get()) << 1, segment.key()])
}

impl ShadeDelta {
    /// Stands for its records, whatever their order.
    #[must_use]
    pub fn digest(&self) -> Digest {
        let schedules = self.schedules.iter().map(|(id, schedule)| schedule_digest(*id, schedule));
        let segments = self.segments.iter().map(|(segment, id)| segment_digest(*segment, *id));
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
    /// Of all records.
    digest: Digest,
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

    /// Stands for all records: two sets under one generation are told apart by it.
    #[must_use]
    pub const fn digest(&self) -> Digest {
        self.digest
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
        for &(id, schedule) in &delta.schedules {
            let before = self.schedules.insert(id, schedule);
            let before = before.map(|before| schedule_digest(id, &before));
            self.digest = replaced(self.digest, before, Some(schedule_digest(id, &schedule)));
        }
        for &(segment, id) in &delta.segments {
            let is_gone = id == ScheduleId::GONE;
            let before = if is_gone {
                self.segments.remove(&segment)
            } else {
                self.segments.insert(segment, id)
            };
            let before = before.map(|before| segment_digest(segment, before));
            let now = (!is_gone).then(|| segment_digest(segment, id));
            self.digest = replaced(self.digest, before, now);
        }
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

/// A sum of records with one in place of another.
#[must_use]
pub fn replaced(sum: Digest, before: Option<Digest>, now: Option<Digest>) -> Digest {
    let sum = before.map_or(sum, |before| sum.without(before));
    now.map_or(sum, |now| sum.with(now))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::shade::TieRule;
    use crate::units::{CpmMicros, Epoch};

    #[test]
    fn a_set_s_digest_is_that_of_all_its_records_however_they_came() {
        let at = |sequence| Generation { epoch: Epoch(1), sequence };
        let schedule = |tick| ShadingSchedule::identity(TieRule::Win, CpmMicros::new(tick));
        let segment = |key: u64, id| (SegmentId::from_key(key), id);
        let first = ShadeDelta {
            schedules: vec![(ScheduleId::MARKET, schedule(1)), (ScheduleId::new(4), schedule(2))],
            segments: vec![segment(7, ScheduleId::MARKET), segment(8, ScheduleId::new(4))],
        };
        let mut set = ShadeSet::new(at(1), &first);
        assert_eq!(set.digest(), first.digest());
        let delta = ShadeDelta {
            schedules: vec![(ScheduleId::new(4), schedule(3))],
            segments: vec![segment(7, ScheduleId::GONE), segment(9, ScheduleId::UNSHADED)],
        };
        assert!(set.patch(&ShadeNews { base: at(1), generation: at(2), delta }));
        assert_eq!(set.digest(), set.whole().digest());
        assert_eq!(set.whole().segments.len(), 2, "what is gone is not kept");
    }
}
