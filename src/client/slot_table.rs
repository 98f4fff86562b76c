//! The flat table of slots: open addressing, updated in place, never grown.
//!
//! A key's slot stays its own until the key is removed, so a place found once may be kept. Readers
//! need no lock; there is one writer at a time. Knows nothing of leases or money. Called by
//! `board`.

use crate::slot::{Glance, Hot, Side, Slot};
use paceline_core::hash::mix;
use paceline_core::table::TableEntry;
use paceline_core::units::{ArmId, CampaignId, PartitionId};

/// The longest probe. At three quarters full, a chain of this length is met about never; an entry
/// that would need one is refused like one beyond the capacity.
const PROBES_MAX: usize = 256;

/// The largest capacity: places are 32 bits.
pub(crate) const CAPACITY_MAX: usize = 1 << 30;

/// What became of an entry that was to be put.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Put {
    /// A new one is in.
    Added,
    /// The one that was there is replaced.
    Replaced(TableEntry),
    /// No room.
    Refused,
}

/// A place below `places`, as even as the hash is.
#[expect(clippy::cast_possible_truncation, reason = "below a number of places, which is a usize")]
pub(crate) fn spread(hash: u64, places: usize) -> usize {
    ((u128::from(hash) * places as u128) >> 64) as usize
}

/// Slots to a cache line.
const LINE: usize = 4;

/// The hot words of [`LINE`] slots: a cache line. Probes begin at its first.
#[derive(Debug, Default)]
#[repr(align(64))]
struct Line([Hot; LINE]);

impl Line {
    /// Which of its slots have this key, a bit each, and whether a probe ends here without.
    #[inline]
    fn seek(&self, key: u64) -> (u32, bool) {
        let (mut hits, mut is_end) = (0, false);
        for (bit, hot) in self.0.iter().enumerate() {
            let held = hot.key();
            hits |= u32::from(held == key) << bit;
            is_end |= held == 0;
        }
        (hits, is_end)
    }
}

/// Slots for a stated number of entries, a third more than that.
#[derive(Debug)]
pub(crate) struct SlotTable {
    lines: Box<[Line]>,
    sides: Box<[Side]>,
}

impl SlotTable {
    pub(crate) fn new(capacity: usize) -> Self {
        let lines = capacity.clamp(1, CAPACITY_MAX).div_ceil(3);
        Self {
            lines: (0..lines).map(|_| Line::default()).collect(),
            sides: (0..lines * LINE).map(|_| Side::default()).collect(),
        }
    }

    pub(crate) fn places(&self) -> usize {
        self.sides.len()
    }

    /// Where probes for a key begin.
    #[inline]
    fn start(&self, campaign: CampaignId, arm: ArmId) -> usize {
        let hash = mix(campaign.key() ^ u64::from(arm.0) << 56);
        spread(hash, self.lines.len()) * LINE
    }

    #[inline]
    fn after(&self, place: usize) -> usize {
        if place + 1 < self.places() { place + 1 } else { 0 }
    }

    fn probes(&self, campaign: CampaignId, arm: ArmId) -> impl Iterator<Item = (usize, Slot<'_>)> {
        let start = self.start(campaign, arm);
        let places = std::iter::successors(Some(start), |&place| Some(self.after(place)));
        let most = PROBES_MAX.min(self.places());
        places.map_while(|place| Some((place, self.at(place)?))).take(most)
    }

    /// The slot of a key and what it holds at a glance, present or not.
    #[inline]
    pub(crate) fn find(&self, campaign: CampaignId, arm: ArmId) -> Option<(usize, Glance)> {
        let mut first = self.start(campaign, arm);
        for _ in 0..PROBES_MAX / LINE {
            let Line(slots) = self.lines.get(first / LINE)?;
            let (mut hits, is_end) = self.lines.get(first / LINE)?.seek(campaign.key());
            while hits != 0 {
                let place = hits.trailing_zeros() as usize;
                let glance = slots.get(place).and_then(Hot::glance);
                if let Some(glance) = glance.filter(|glance| glance.is(campaign, arm)) {
                    return Some((first + place, glance));
                }
                hits &= hits - 1;
            }
            if is_end {
                return None;
            }
            first += LINE;
            if first >= self.places() {
                first = 0;
            }
        }
        None
    }

    /// The slot at a place.
    #[inline]
    pub(crate) fn at(&self, place: usize) -> Option<Slot<'_>> {
        Some(Slot::new(self.hot(place)?, self.sides.get(place)?))
    }

    /// What the slot at a place holds at a glance, present or not.
    #[inline]
    pub(crate) fn glance(&self, place: usize) -> Option<Glance> {
        self.hot(place).and_then(Hot::glance)
    }

    #[inline]
    fn hot(&self, place: usize) -> Option<&Hot> {
        let Line(slots) = self.lines.get(place / LINE)?;
        slots.get(place % LINE)
    }

    /// Puts an entry; `may_add` says whether there is room for a new one. For the writer only.
    pub(crate) fn put(
        &self,
        entry: &TableEntry,
        partition: PartitionId,
        may_add: bool,
    ) -> (Put, usize) {
        let mut free = None;
        for (place, slot) in self.probes(entry.campaign, entry.arm) {
            if slot.key() == 0 {
                free = free.or(Some((place, slot)));
                break;
            }
            let Some(seen) = slot.read() else { continue };
            if seen.glance.is(entry.campaign, entry.arm) && seen.glance.is_present() {
                slot.put(entry, partition, true);
                return (Put::Replaced(seen.entry()), place);
            }
            if !seen.glance.is_present() {
                free = free.or(Some((place, slot)));
            }
        }
        match free {
            Some((place, slot)) if may_add => {
                slot.put(entry, partition, false);
                (Put::Added, place)
            }
            _ => (Put::Refused, 0),
        }
    }

    /// Takes an entry out, if it is there. For the writer only.
    pub(crate) fn remove(&self, campaign: CampaignId, arm: ArmId) -> Option<TableEntry> {
        let (place, glance) = self.find(campaign, arm)?;
        let slot = self.at(place).filter(|_| glance.is_present())?;
        let entry = slot.read()?.entry();
        slot.remove();
        self.shorten_chain(place);
        Some(entry)
    }

    /// Removed slots before an end of probes become ends themselves, so that chains do not only
    /// ever grow. Bounded by [`PROBES_MAX`].
    fn shorten_chain(&self, last: usize) {
        let places = self.places();
        let is_end = |place: usize| self.at(place % places).is_none_or(|slot| slot.key() == 0);
        let mut place = last;
        for _ in 0..PROBES_MAX {
            let Some(slot) = self.at(place) else { return };
            let is_gone =
                slot.key() != 0 && slot.read().is_some_and(|seen| !seen.glance.is_present());
            if !is_gone || !is_end(place + 1) {
                return;
            }
            slot.clear();
            place = (place + places - 1) % places;
        }
    }

    /// Every entry of a partition, with its place.
    pub(crate) fn entries(
        &self,
        partition: PartitionId,
    ) -> impl Iterator<Item = (usize, TableEntry)> {
        (0..self.places()).filter_map(move |place| {
            let seen = self.at(place)?.read()?;
            let is_its = seen.glance.is_present() && seen.glance.partition() == partition;
            is_its.then(|| (place, seen.entry()))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use paceline_core::table::{EntryShading, EntryState};
    use paceline_core::units::{PacingMultiplier, ParticipationRate};

    fn entry(key: u64, arm: u8) -> TableEntry {
        TableEntry {
            campaign: CampaignId::from_key(key),
            arm: ArmId(arm),
            state: EntryState::Run,
            multiplier: PacingMultiplier::ONE,
            participation: ParticipationRate::ONE,
            safe_multiplier: PacingMultiplier::ONE,
            value_cap: None,
            shading: EntryShading::default(),
            salt: key,
        }
    }

    fn found(table: &SlotTable, key: u64, arm: u8) -> Option<u64> {
        let (place, glance) = table.find(CampaignId::from_key(key), ArmId(arm))?;
        let seen = table.at(place)?.read()?;
        glance.is_present().then(|| seen.entry().salt)
    }

    #[test]
    fn a_full_table_finds_every_key_and_no_other() {
        let table = SlotTable::new(3_000);
        for key in 1..=3_000 {
            assert_eq!(table.put(&entry(key, 0), PartitionId(0), true).0, Put::Added);
        }
        assert!((1..=3_000).all(|key| found(&table, key, 0) == Some(key)));
        assert!((3_001..6_000).all(|key| found(&table, key, 0).is_none()));
        assert_eq!(found(&table, 1, 1), None);
    }

    #[test]
    fn an_entry_costs_sixty_four_bytes() {
        let table = SlotTable::new(3_000_000);
        let bytes = size_of_val(&*table.lines) + size_of_val(&*table.sides);
        assert_eq!(bytes, 64 * 3_000_000);
    }

    #[test]
    fn arms_of_a_campaign_stand_apart() {
        let table = SlotTable::new(10);
        table.put(&entry(5, 0), PartitionId(0), true);
        table.put(&TableEntry { salt: 6, ..entry(5, 1) }, PartitionId(0), true);
        assert_eq!((found(&table, 5, 0), found(&table, 5, 1)), (Some(5), Some(6)));
        assert_eq!(table.remove(CampaignId::from_key(5), ArmId(0)), Some(entry(5, 0)));
        assert_eq!((found(&table, 5, 0), found(&table, 5, 1)), (None, Some(6)));
    }

    #[test]
    fn keys_that_come_and_go_for_ever_leave_no_chains() {
        let table = SlotTable::new(30);
        for key in 1..100_000 {
            assert_eq!(table.put(&entry(key, 0), PartitionId(0), true).0, Put::Added);
            if key > 20 {
                assert!(table.remove(CampaignId::from_key(key - 20), ArmId(0)).is_some());
            }
        }
        assert!((99_981..100_000).all(|key| found(&table, key, 0) == Some(key)));
        assert_eq!(table.entries(PartitionId(0)).count(), 19 + 1);
    }
}
