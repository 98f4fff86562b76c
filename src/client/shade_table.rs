//! The schedules that bidding threads look up: one slot a segment, with all it needs.
//!
//! A segment's schedule is copied into its slot, so that a look-up is one probe and two cache
//! lines, whoever's schedule it is. As with entries, a version tells readers when they have seen
//! half of one, and they try again, a bounded number of times. One writer at a time. Knows nothing
//! of leases or of whose schedules change together. Called by `board` and by `shade_books`.

use crate::slot_table::spread;
use paceline_core::hash::mix;
use paceline_core::shade::ShadingSchedule;
use paceline_core::shade::schedule::WORDS;
use paceline_core::units::{PartitionId, SegmentId};
use std::sync::atomic::{AtomicU64, Ordering, fence};

/// The longest probe; at three quarters full a chain of this length is met about never.
const PROBES_MAX: usize = 256;
/// How often a reader that met the writer tries again.
const READ_TRIES: usize = 64;
/// The most segments: each costs 171 bytes, and places are 32 bits.
pub(crate) const SEGMENTS_MAX: usize = 1 << 26;

// Word `head`: version 32 bits (odd: being written), partition 8, present 1.
const VERSION_MASK: u64 = (1 << 32) - 1;
const PARTITION_AT: u32 = 32;
const PRESENT: u64 = 1 << 40;

/// A segment whose place was found once. Stays good for ever: should its schedule come, go or move,
/// it is looked up again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SegmentHandle {
    segment: SegmentId,
    place: u32,
}

impl SegmentHandle {
    /// Which segment.
    #[must_use]
    pub const fn segment(&self) -> SegmentId {
        self.segment
    }
}

/// Two cache lines.
#[derive(Debug, Default)]
#[repr(align(64))]
struct ShadeSlot {
    head: AtomicU64,
    /// 0: never used, an end of every probe.
    key: AtomicU64,
    words: [AtomicU64; WORDS],
}

impl ShadeSlot {
    fn key(&self) -> u64 {
        self.key.load(Ordering::Relaxed)
    }

    fn is_present(&self) -> bool {
        self.head.load(Ordering::Relaxed) & PRESENT != 0
    }

    /// The schedule, if it is still this key's.
    #[inline]
    fn read(&self, key: u64) -> Option<(PartitionId, ShadingSchedule)> {
        for _ in 0..READ_TRIES {
            let head = self.head.load(Ordering::Acquire);
            if head & 1 == 1 {
                std::hint::spin_loop();
                continue;
            }
            if head & PRESENT == 0 || self.key() != key {
                return None;
            }
            let mut words = [0; WORDS];
            for (word, held) in words.iter_mut().zip(&self.words) {
                *word = held.load(Ordering::Relaxed);
            }
            fence(Ordering::Acquire);
            if self.head.load(Ordering::Relaxed) == head {
                let partition = PartitionId((head >> PARTITION_AT & 0xff) as u8);
                return Some((partition, ShadingSchedule::from_words(&words)));
            }
        }
        None
    }

    /// Runs `write` between an odd and an even version. Only the writer may call this.
    fn write(&self, flags: u64, write: impl FnOnce(&Self)) {
        let old = self.head.load(Ordering::Relaxed);
        self.head.store(old | 1, Ordering::Relaxed);
        fence(Ordering::Release);
        write(self);
        let version = ((old & VERSION_MASK) + 2) & (VERSION_MASK - 1);
        self.head.store(flags | version, Ordering::Release);
    }
}

/// Slots for a stated number of segments, a third more than that; none for none.
#[derive(Debug)]
pub(crate) struct ShadeTable {
    slots: Box<[ShadeSlot]>,
}

impl ShadeTable {
    pub(crate) fn new(capacity: usize) -> Self {
        let capacity = capacity.min(SEGMENTS_MAX);
        let slots = if capacity == 0 { 0 } else { capacity + capacity / 3 + 1 };
        Self { slots: (0..slots).map(|_| ShadeSlot::default()).collect() }
    }

    /// Places of a key's probe, in order.
    #[inline]
    fn probes(&self, key: u64) -> impl Iterator<Item = (usize, &ShadeSlot)> {
        let count = self.slots.len();
        let start = if count == 0 { 0 } else { spread(mix(key), count) };
        let (low, high) = self.slots.split_at(start.min(count));
        let high = (start..).zip(high);
        high.chain((0..).zip(low)).take(PROBES_MAX)
    }

    /// A handle on a segment, known or not.
    pub(crate) fn handle(&self, segment: SegmentId) -> SegmentHandle {
        let place = self.find(segment.key()).map_or(0, |(place, _)| place);
        SegmentHandle { segment, place: u32::try_from(place).unwrap_or(0) }
    }

    #[inline]
    fn find(&self, key: u64) -> Option<(usize, &ShadeSlot)> {
        let mut probes = self.probes(key).take_while(|(_, slot)| slot.key() != 0);
        probes.find(|(_, slot)| slot.key() == key)
    }

    /// The segment's schedule and whose it is, as they were at one instant.
    #[inline]
    pub(crate) fn read(&self, handle: &SegmentHandle) -> Option<(PartitionId, ShadingSchedule)> {
        let key = handle.segment.key();
        let slot = self.slots.get(handle.place as usize).filter(|slot| slot.key() == key);
        match slot {
            Some(slot) => slot.read(key),
            None => self.find(key)?.1.read(key),
        }
    }

    /// Puts a segment's schedule: the place, or nothing when there is no room. For the writer.
    pub(crate) fn put(
        &self,
        segment: SegmentId,
        partition: PartitionId,
        schedule: &ShadingSchedule,
    ) -> Option<usize> {
        let key = segment.key();
        let mut free = None;
        let mut found = None;
        for (place, slot) in self.probes(key) {
            if slot.key() == key {
                found = Some((place, slot));
                break;
            }
            if !slot.is_present() && free.is_none() {
                free = Some((place, slot));
            }
            if slot.key() == 0 {
                break;
            }
        }
        let (place, slot) = found.or(free)?;
        slot.write(PRESENT | u64::from(partition.0) << PARTITION_AT, |slot| {
            slot.key.store(key, Ordering::Relaxed);
            for (held, word) in slot.words.iter().zip(schedule.words()) {
                held.store(word, Ordering::Relaxed);
            }
        });
        Some(place)
    }

    /// The segment has no schedule any more; its key stays, so that probes pass over it. For the
    /// writer.
    pub(crate) fn remove(&self, segment: SegmentId) {
        if let Some((_, slot)) = self.find(segment.key()) {
            slot.write(0, |_| {});
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use paceline_core::shade::TieRule;
    use paceline_core::units::CpmMicros;

    fn schedule(tick: i64) -> ShadingSchedule {
        ShadingSchedule::identity(TieRule::Lose, CpmMicros::new(tick)).with_shares(0.01, 0.1)
    }

    fn segment(key: u64) -> SegmentId {
        SegmentId::from_key(key)
    }

    #[test]
    fn a_slot_is_two_cache_lines() {
        assert_eq!((size_of::<ShadeSlot>(), align_of::<ShadeSlot>()), (128, 64));
    }

    #[test]
    fn a_handle_finds_what_came_changed_and_went_after_it_was_made() {
        let table = ShadeTable::new(100);
        let handle = table.handle(segment(7));
        assert_eq!(table.read(&handle), None);
        for key in 1..=100 {
            assert!(table.put(segment(key), PartitionId(3), &schedule(1)).is_some());
        }
        assert_eq!(table.read(&handle), Some((PartitionId(3), schedule(1))));
        table.put(segment(7), PartitionId(4), &schedule(9));
        assert_eq!(table.read(&handle), Some((PartitionId(4), schedule(9))));
        table.remove(segment(7));
        assert_eq!(table.read(&handle), None);
        let again = table.handle(segment(7));
        table.put(segment(7), PartitionId(4), &schedule(2));
        assert_eq!(table.read(&again), table.read(&handle));
    }

    #[test]
    fn segments_that_come_and_go_for_ever_find_room() {
        let table = ShadeTable::new(30);
        for key in 1..10_000 {
            assert!(table.put(segment(key), PartitionId(0), &schedule(1)).is_some(), "{key}");
            if key > 20 {
                table.remove(segment(key - 20));
            }
        }
        let none = ShadeTable::new(0);
        assert_eq!(none.put(segment(1), PartitionId(0), &schedule(1)), None);
        assert_eq!(none.read(&none.handle(segment(1))), None);
    }

    #[test]
    fn a_reader_never_sees_half_of_a_schedule() {
        let table = ShadeTable::new(4);
        let (one, other) = (schedule(1), schedule(77).with_shares(0.5, 0.25));
        table.put(segment(5), PartitionId(0), &one);
        let handle = table.handle(segment(5));
        std::thread::scope(|scope| {
            let reader = scope.spawn(|| {
                for _ in 0..200_000 {
                    if let Some((_, seen)) = table.read(&handle) {
                        assert!(seen == one || seen == other);
                    }
                }
            });
            while !reader.is_finished() {
                table.put(segment(5), PartitionId(0), &other);
                table.put(segment(5), PartitionId(0), &one);
            }
        });
    }
}
