//! What the writer knows of schedules: whose set is held, and which segments change with which.
//!
//! A change that does not fit, a part that is missing, a sum that is wrong and a set that is not
//! the sender's drop the partition's schedules: its segments are bid for unshaded until the whole
//! set has come again. Kept beside the table that bidding threads read. Called by `board_writer`.

use crate::shade_table::ShadeTable;
use paceline_core::hash::Digest;
use paceline_core::shade::set::{replaced, schedule_digest, segment_digest};
use paceline_core::shade::{ScheduleId, ShadeDelta, ShadingSchedule};
use paceline_core::units::{Generation, PartitionId, SegmentId};
use std::collections::{BTreeMap, BTreeSet};

/// A change of schedules, or a part of a whole set of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ShadesPart {
    /// Of which partition.
    pub partition: PartitionId,
    /// Fits on this set; absent: part of a whole one.
    pub base: Option<Generation>,
    /// Makes this one.
    pub generation: Generation,
    /// Which part from 0, and of how many.
    pub part: (u32, u32),
    /// The records.
    pub delta: ShadeDelta,
    /// What the sender says they come to; absent when it does not say.
    pub digest: Option<Digest>,
    /// What the sender says all of the set comes to, with the last part; absent when it does not
    /// say.
    pub set_digest: Option<Digest>,
}

/// One partition's set.
#[derive(Debug, Default)]
struct HeldShades {
    /// Absent: to be fetched anew.
    held: Option<Generation>,
    /// A whole set that is under way, and the part that comes next.
    load: Option<(Generation, u32)>,
    /// Of all records.
    digest: Digest,
    schedules: BTreeMap<ScheduleId, ShadingSchedule>,
    segments: BTreeMap<SegmentId, ScheduleId>,
    users: BTreeMap<ScheduleId, BTreeSet<SegmentId>>,
}

/// All partitions' sets.
#[derive(Debug, Default)]
pub(crate) struct ShadeBooks {
    partitions: BTreeMap<PartitionId, HeldShades>,
}

/// Why schedules were dropped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the schedules do not fit on what is held, or are damaged")]
pub struct ShadesDropped;

impl ShadeBooks {
    /// The sets that are held.
    pub(crate) fn held(&self) -> impl Iterator<Item = (PartitionId, Generation)> {
        self.partitions.iter().filter_map(|(&id, partition)| Some((id, partition.held?)))
    }

    /// Nothing is held of a partition any more.
    #[cfg(feature = "grpc")]
    pub(crate) fn forget(&mut self, table: &ShadeTable, partition: PartitionId) {
        self.partitions.entry(partition).or_default().clear(table);
    }

    /// A stream begins: a whole set that another left half told is never finished.
    #[cfg(feature = "grpc")]
    pub(crate) fn begin(&mut self, table: &ShadeTable) {
        for partition in self.partitions.values_mut().filter(|held| held.load.is_some()) {
            partition.clear(table);
        }
    }

    /// Takes a part; how many segments found no room.
    pub(crate) fn apply(
        &mut self,
        table: &ShadeTable,
        part: &ShadesPart,
    ) -> Result<u64, ShadesDropped> {
        let held = self.partitions.entry(part.partition).or_default();
        let is_sound = part.digest.is_none_or(|digest| digest == part.delta.digest());
        let fits = is_sound && held.fits(part);
        if !fits {
            held.clear(table);
            return Err(ShadesDropped);
        }
        if part.base.is_none() && part.part.0 == 0 {
            held.clear(table);
        }
        let refused = held.lay(table, part.partition, &part.delta);
        let (at, count) = part.part;
        if at + 1 >= count {
            // Another leader may have said another set under the same generation.
            if part.set_digest.is_some_and(|digest| digest != held.digest) {
                held.clear(table);
                return Err(ShadesDropped);
            }
            held.held = Some(part.generation);
            held.load = None;
        } else {
            held.load = Some((part.generation, at + 1));
        }
        Ok(refused)
    }
}

impl HeldShades {
    fn fits(&self, part: &ShadesPart) -> bool {
        match (part.base, part.part.0) {
            // What holds nothing fits on the first set of all.
            (Some(base), _) => self.held.unwrap_or_default() == base && self.load.is_none(),
            (None, 0) => true,
            (None, at) => self.load == Some((part.generation, at)),
        }
    }

    /// Nothing is held any more.
    fn clear(&mut self, table: &ShadeTable) {
        for segment in self.segments.keys() {
            table.remove(*segment);
        }
        *self = Self::default();
    }

    fn lay(&mut self, table: &ShadeTable, partition: PartitionId, delta: &ShadeDelta) -> u64 {
        let mut touched = BTreeSet::new();
        for &(id, schedule) in &delta.schedules {
            let before = self.schedules.insert(id, schedule);
            let before = before.map(|before| schedule_digest(id, &before));
            self.digest = replaced(self.digest, before, Some(schedule_digest(id, &schedule)));
            touched.extend(self.users.get(&id).into_iter().flatten().copied());
        }
        for &(segment, id) in &delta.segments {
            let is_gone = id == ScheduleId::GONE;
            let before = if is_gone {
                self.segments.remove(&segment)
            } else {
                self.segments.insert(segment, id)
            };
            let now = (!is_gone).then(|| segment_digest(segment, id));
            let told = before.map(|before| segment_digest(segment, before));
            self.digest = replaced(self.digest, told, now);
            if let Some(before) = before
                && let Some(users) = self.users.get_mut(&before)
            {
                users.remove(&segment);
            }
            if !is_gone {
                self.users.entry(id).or_default().insert(segment);
            }
            touched.insert(segment);
        }
        let mut refused = 0;
        for segment in touched {
            let id = self.segments.get(&segment);
            match id.and_then(|id| self.schedules.get(id)) {
                Some(schedule) => {
                    refused += u64::from(table.put(segment, partition, schedule).is_none());
                }
                None => table.remove(segment),
            }
        }
        refused
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use paceline_core::shade::TieRule;
    use paceline_core::units::{CpmMicros, Epoch};

    const OURS: PartitionId = PartitionId(2);

    /// Numbers and ticks of schedules, keys of segments and the numbers of theirs.
    type Records<'a> = (&'a [(u32, i64)], &'a [(u64, u32)]);

    fn generation(sequence: u64) -> Generation {
        Generation { epoch: Epoch(1), sequence }
    }

    fn schedule(tick: i64) -> ShadingSchedule {
        ShadingSchedule::identity(TieRule::Lose, CpmMicros::new(tick))
    }

    fn part(
        base: Option<u64>,
        to: u64,
        part: (u32, u32),
        (schedules, segments): Records<'_>,
    ) -> ShadesPart {
        let delta = ShadeDelta {
            schedules: schedules
                .iter()
                .map(|&(id, tick)| (ScheduleId::new(id), schedule(tick)))
                .collect(),
            segments: segments
                .iter()
                .map(|&(key, id)| (SegmentId::from_key(key), ScheduleId::new(id)))
                .collect(),
        };
        let digest = Some(delta.digest());
        let (base, generation) = (base.map(generation), generation(to));
        ShadesPart { partition: OURS, base, generation, part, delta, digest, set_digest: None }
    }

    fn seen(table: &ShadeTable, key: u64) -> Option<ShadingSchedule> {
        table.read(&table.handle(SegmentId::from_key(key))).map(|(_, schedule)| schedule)
    }

    #[test]
    fn segments_follow_the_schedule_they_use() {
        let (table, mut books) = (ShadeTable::new(10), ShadeBooks::default());
        let whole = part(None, 5, (0, 1), (&[(0, 1), (4, 40)], &[(7, 0), (8, 4)]));
        assert_eq!(books.apply(&table, &whole), Ok(0));
        assert_eq!((seen(&table, 7), seen(&table, 8)), (Some(schedule(1)), Some(schedule(40))));
        let change = part(Some(5), 6, (0, 1), (&[(0, 2)], &[(8, ScheduleId::UNSHADED.get())]));
        assert_eq!(books.apply(&table, &change), Ok(0));
        assert_eq!((seen(&table, 7), seen(&table, 8)), (Some(schedule(2)), None));
        let back = part(Some(6), 9, (0, 1), (&[], &[(8, 0)]));
        assert_eq!(books.apply(&table, &back), Ok(0));
        assert_eq!(seen(&table, 8), Some(schedule(2)));
        assert_eq!(books.held().collect::<Vec<_>>(), [(OURS, generation(9))]);
    }

    #[test]
    fn what_does_not_fit_or_is_damaged_leaves_bids_unshaded() {
        let whole = part(None, 5, (0, 1), (&[(0, 1)], &[(7, 0)]));
        let stale = part(Some(4), 6, (0, 1), (&[(0, 2)], &[]));
        let lone = part(None, 6, (1, 2), (&[(0, 2)], &[]));
        let mut damaged = part(Some(5), 6, (0, 1), (&[(0, 2)], &[]));
        damaged.digest = Some(Digest::default());
        for bad in [stale, lone, damaged] {
            let (table, mut books) = (ShadeTable::new(10), ShadeBooks::default());
            assert_eq!(books.apply(&table, &whole), Ok(0));
            assert_eq!(books.apply(&table, &bad), Err(ShadesDropped), "{bad:?}");
            assert_eq!((seen(&table, 7), books.held().count()), (None, 0));
            assert_eq!(books.apply(&table, &whole), Ok(0));
            assert_eq!(seen(&table, 7), Some(schedule(1)));
        }
    }

    #[test]
    fn a_segment_that_is_gone_is_forgotten() {
        let (table, mut books) = (ShadeTable::new(10), ShadeBooks::default());
        let whole = part(None, 5, (0, 1), (&[(0, 1)], &[(7, 0), (8, 0)]));
        assert_eq!(books.apply(&table, &whole), Ok(0));
        let gone = part(Some(5), 6, (0, 1), (&[], &[(7, ScheduleId::GONE.get())]));
        assert_eq!(books.apply(&table, &gone), Ok(0));
        assert_eq!((seen(&table, 7), seen(&table, 8)), (None, Some(schedule(1))));
        let held = &books.partitions[&OURS];
        assert_eq!((held.segments.len(), held.users[&ScheduleId::MARKET].len()), (1, 1));
    }

    #[test]
    fn another_set_under_the_same_generation_is_found_at_the_next_change() {
        let (table, mut books) = (ShadeTable::new(10), ShadeBooks::default());
        // Two leaders say another schedule under generation 5; the reader has heard the first.
        let (ours, theirs) = ((&[(0, 1)][..], &[(7, 0)][..]), (&[(0, 9)][..], &[(7, 0)][..]));
        assert_eq!(books.apply(&table, &part(None, 5, (0, 1), ours)), Ok(0));
        let news: Records<'_> = (&[], &[(8, 0)]);
        let after = |mut all: ShadeDelta| {
            all.segments.push((SegmentId::from_key(8), ScheduleId::MARKET));
            Some(all.digest())
        };
        let sound = after(part(None, 5, (0, 1), ours).delta);
        let other = after(part(None, 5, (0, 1), theirs).delta);
        let change = part(Some(5), 6, (0, 1), news);
        let from_other = ShadesPart { set_digest: other, ..change.clone() };
        assert_eq!(books.apply(&table, &from_other), Err(ShadesDropped));
        assert_eq!((seen(&table, 7), books.held().count()), (None, 0));
        assert_eq!(books.apply(&table, &part(None, 5, (0, 1), ours)), Ok(0));
        assert_eq!(books.apply(&table, &ShadesPart { set_digest: sound, ..change }), Ok(0));
    }

    #[test]
    fn a_whole_set_comes_in_parts_and_is_held_with_the_last() {
        let (table, mut books) = (ShadeTable::new(1), ShadeBooks::default());
        assert_eq!(books.apply(&table, &part(None, 5, (0, 2), (&[(0, 1)], &[]))), Ok(0));
        assert_eq!(books.held().count(), 0);
        let segments: Vec<(u64, u32)> = (1..=4).map(|key| (key, 0)).collect();
        assert_eq!(books.apply(&table, &part(None, 5, (1, 2), (&[], &segments))), Ok(2));
        assert_eq!(books.held().count(), 1);
    }

    #[cfg(feature = "grpc")]
    #[test]
    fn a_set_that_was_left_half_told_is_not_used_on_another_stream() {
        let (table, mut books) = (ShadeTable::new(10), ShadeBooks::default());
        let whole = part(None, 4, (0, 1), (&[(0, 1)], &[(7, 0)]));
        assert_eq!(books.apply(&table, &whole), Ok(0));
        books.begin(&table);
        assert_eq!(seen(&table, 7), Some(schedule(1)), "a whole one stays");
        let half = part(None, 5, (0, 2), (&[(0, 2)], &[(7, 0)]));
        assert_eq!(books.apply(&table, &half), Ok(0));
        books.begin(&table);
        assert_eq!((seen(&table, 7), books.held().count()), (None, 0));
    }
}
