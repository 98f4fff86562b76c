//! Shading schedules as they go out: the set in force and its latest changes.
//!
//! As with tables, what changed is encoded once for all; a whole set is cut into parts that fit a
//! message by the first who needs it, outside the publisher's section, and shared by the others.
//! Called by the publisher.

use bytes::Bytes;
use paceline_core::hash::Digest;
use paceline_core::shade::codec::{
    SCHEDULE_BYTES, SEGMENT_BYTES, encode_schedules, encode_segments,
};
use paceline_core::shade::{ShadeDelta, ShadeNews, ShadeSet};
use paceline_core::units::Generation;
use std::collections::VecDeque;
use std::sync::Arc;

/// Changes kept for readers that are behind, as many as of tables.
const CHANGES_MAX: usize = super::DELTAS_MAX;
/// Bytes of records in one part: half of what a client takes in one message by default.
const PART_BYTES: usize = 2 << 20;

/// A change, or a part of a whole set, encoded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EncodedShades {
    /// Fits on this set; absent: a part of a whole one.
    pub base: Option<Generation>,
    /// Makes this one.
    pub generation: Generation,
    /// Which part, and of how many.
    pub part: (u32, u32),
    /// Records of schedules.
    pub schedules: Bytes,
    /// Records of segments.
    pub segments: Bytes,
    /// Of the records here.
    pub digest: Digest,
    /// Of all records of the set that this makes.
    pub set_digest: Digest,
}

/// What is in force.
#[derive(Debug, Default)]
pub(super) struct Shades {
    /// Shared with whoever encodes it.
    set: Arc<ShadeSet>,
    changes: VecDeque<Arc<EncodedShades>>,
}

impl Shades {
    pub(super) fn new(set: ShadeSet) -> Self {
        Self { set: Arc::new(set), changes: VecDeque::new() }
    }

    /// A round changed something. A change has as many records as refits a round, and segments as
    /// many as there are when one begins to be known: it may be larger than a message, and is then
    /// told as a whole set.
    pub(super) fn publish(&mut self, news: &ShadeNews) {
        let set = Arc::make_mut(&mut self.set);
        assert!(set.patch(news), "the loop publishes every round, in order");
        if size(&news.delta) > PART_BYTES {
            self.changes.clear();
            return;
        }
        if self.changes.len() == CHANGES_MAX {
            self.changes.pop_front();
        }
        let change = encode(Some(news.base), (news.generation, set.digest()), (0, 1), &news.delta);
        self.changes.push_back(Arc::new(change));
    }

    /// All of it.
    pub(super) fn set(&self) -> Arc<ShadeSet> {
        Arc::clone(&self.set)
    }

    /// The changes that lead on from a set, or else the set to be told whole.
    pub(super) fn news(
        &self,
        held: Option<Generation>,
    ) -> Result<Vec<Arc<EncodedShades>>, Arc<ShadeSet>> {
        let held = held.unwrap_or_default();
        if held == self.set.generation() {
            return Ok(Vec::new());
        }
        match self.changes.iter().position(|change| change.base == Some(held)) {
            Some(from) => Ok(self.changes.iter().skip(from).cloned().collect()),
            None => Err(Arc::clone(&self.set)),
        }
    }
}

fn size(delta: &ShadeDelta) -> usize {
    delta.schedules.len() * SCHEDULE_BYTES + delta.segments.len() * SEGMENT_BYTES
}

fn encode(
    base: Option<Generation>,
    (generation, set_digest): (Generation, Digest),
    part: (u32, u32),
    delta: &ShadeDelta,
) -> EncodedShades {
    EncodedShades {
        base,
        generation,
        part,
        schedules: Bytes::from(encode_schedules(&delta.schedules)),
        segments: Bytes::from(encode_segments(&delta.segments)),
        digest: delta.digest(),
        set_digest,
    }
}

/// A whole set, schedules before the segments that use them.
pub(super) fn parts(set: &ShadeSet) -> Vec<Arc<EncodedShades>> {
    let whole = set.whole();
    let schedules = whole.schedules.chunks(PART_BYTES / SCHEDULE_BYTES);
    let schedules =
        schedules.map(|part| ShadeDelta { schedules: part.to_vec(), ..ShadeDelta::default() });
    let segments = whole.segments.chunks(PART_BYTES / SEGMENT_BYTES);
    let segments =
        segments.map(|part| ShadeDelta { segments: part.to_vec(), ..ShadeDelta::default() });
    let mut deltas: Vec<ShadeDelta> = schedules.chain(segments).collect();
    if deltas.is_empty() {
        // Of a set without records, that there are none is to be told.
        deltas.push(ShadeDelta::default());
    }
    let count = u32::try_from(deltas.len()).unwrap_or(u32::MAX);
    let part = |(at, delta): (u32, &ShadeDelta)| {
        Arc::new(encode(None, (set.generation(), set.digest()), (at, count), delta))
    };
    (0..).zip(&deltas).map(part).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use paceline_core::shade::{ScheduleId, ShadingSchedule, TieRule};
    use paceline_core::units::{CpmMicros, Epoch, SegmentId};

    fn generation(sequence: u64) -> Generation {
        Generation { epoch: Epoch(1), sequence }
    }

    fn news(base: Generation, sequence: u64, segments: u64) -> ShadeNews {
        let identity = ShadingSchedule::identity(TieRule::Win, CpmMicros::new(1));
        let segment = |key| (SegmentId::from_key(key), ScheduleId::MARKET);
        let delta = ShadeDelta {
            schedules: vec![(ScheduleId::MARKET, identity)],
            segments: (1..=segments).map(segment).collect(),
        };
        ShadeNews { base, generation: generation(sequence), delta }
    }

    #[test]
    fn a_reader_gets_changes_while_they_are_kept_and_else_the_whole() {
        let mut shades = Shades::default();
        assert_eq!(shades.news(None).unwrap(), [], "there is nothing yet");
        shades.publish(&news(Generation::default(), 5, 2));
        shades.publish(&news(generation(5), 8, 3));
        assert_eq!(shades.news(None).unwrap().len(), 2);
        assert_eq!(shades.news(Some(generation(5))).unwrap().len(), 1);
        assert_eq!(shades.news(Some(generation(8))).unwrap(), []);
        let whole = parts(&shades.news(Some(generation(99))).unwrap_err());
        let told: Vec<_> = whole.iter().map(|part| (part.base, part.part)).collect();
        assert_eq!(told, [(None, (0, 2)), (None, (1, 2))]);
    }

    #[test]
    fn a_change_that_fits_no_message_is_told_as_a_whole_in_parts() {
        let mut shades = Shades::default();
        shades.publish(&news(Generation::default(), 5, 400_000));
        let whole = parts(&shades.news(None).unwrap_err());
        assert_eq!(whole.len(), 4);
        assert!(whole.iter().all(|part| part.segments.len() <= PART_BYTES));
        let empty = parts(&ShadeSet::default());
        assert_eq!((empty.len(), empty[0].part), (1, (0, 1)));
    }
}
