//! What every event is looked up in, flat: open addressing over one array.
//!
//! An ordered map of a million keys costs a walk of many cache misses; this costs one. Keys only
//! come in. Nothing depends on the places they lie in: they are written down in order of key, so
//! that equal contents are equal bytes. Knows nothing of events or campaigns but their keys. Called
//! by `dedup` and by the ledger.

use crate::hash::mix;
use crate::ledger::Slot;
use crate::units::{CampaignId, EventId};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Places of the smallest table that holds anything.
const PLACES_MIN: usize = 16;

/// Places for `count` keys: at most three quarters are taken.
fn places_for(count: usize) -> usize {
    (count.saturating_mul(4) / 3 + 1).max(PLACES_MIN)
}

/// Where probes for a key begin.
#[expect(clippy::cast_possible_truncation, reason = "below the number of places")]
fn start(key: u64, places: usize) -> usize {
    ((u128::from(mix(key)) * places as u128) >> 64) as usize
}

/// The place of a key, or the free place where it would lie. `None` without any place.
fn seek<T>(places: &[T], key: u64, is_its: impl Fn(&T) -> Option<bool>) -> Option<(usize, bool)> {
    let first = start(key, places.len());
    let onwards = (first..places.len()).chain(0..first);
    // A quarter is free, so that this ends.
    onwards.into_iter().find_map(|place| match is_its(&places[place]) {
        None => Some((place, false)),
        Some(true) => Some((place, true)),
        Some(false) => None,
    })
}

/// A set of events: 11 to 22 bytes each.
#[derive(Debug, Clone, Default)]
pub(super) struct EventSet {
    /// Zero: free.
    places: Vec<u64>,
    held: usize,
    has_zero: bool,
}

impl EventSet {
    /// Empty, with room for `count`.
    #[must_use]
    pub(super) fn with_room(count: usize) -> Self {
        let places = if count == 0 { 0 } else { places_for(count) };
        Self { places: vec![0; places], held: 0, has_zero: false }
    }

    /// How many it holds.
    #[must_use]
    pub(super) fn len(&self) -> usize {
        self.held + usize::from(self.has_zero)
    }

    /// Whether it holds none.
    #[must_use]
    pub(super) fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether it holds this one.
    #[must_use]
    pub(super) fn contains(&self, event: EventId) -> bool {
        match event.key() {
            0 => self.has_zero,
            key => self.seek(key).is_some_and(|(_, is_held)| is_held),
        }
    }

    /// Takes one in; whether it was new.
    pub(super) fn insert(&mut self, event: EventId) -> bool {
        let key = event.key();
        if key == 0 {
            return !std::mem::replace(&mut self.has_zero, true);
        }
        if self.contains(event) {
            return false;
        }
        if places_for(self.held + 1) > self.places.len() {
            let grown = vec![0; places_for(self.held * 2)];
            for key in std::mem::replace(&mut self.places, grown) {
                self.lay(key);
            }
        }
        self.lay(key);
        self.held += 1;
        true
    }

    fn seek(&self, key: u64) -> Option<(usize, bool)> {
        seek(&self.places, key, |&held| (held != 0).then_some(held == key))
    }

    fn lay(&mut self, key: u64) {
        if let Some((place, _)) = self.seek(key).filter(|_| key != 0) {
            self.places[place] = key;
        }
    }

    fn in_order(&self) -> Vec<EventId> {
        let zero = self.has_zero.then_some(0);
        let held = self.places.iter().copied().filter(|&key| key != 0);
        let mut keys: Vec<EventId> = zero.into_iter().chain(held).map(EventId::from_key).collect();
        keys.sort_unstable();
        keys
    }
}

impl PartialEq for EventSet {
    fn eq(&self, other: &Self) -> bool {
        self.len() == other.len() && self.in_order() == other.in_order()
    }
}

impl Eq for EventSet {}

impl Serialize for EventSet {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.in_order().serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for EventSet {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let keys = Vec::<EventId>::deserialize(deserializer)?;
        let mut set = Self::with_room(keys.len());
        for key in keys {
            set.insert(key);
        }
        Ok(set)
    }
}

/// No campaign lies here.
const FREE: u32 = u32::MAX;

/// Slots by campaign: 22 to 43 bytes each.
#[derive(Debug, Clone, Default)]
pub(super) struct SlotIndex {
    places: Vec<(u64, u32)>,
    held: usize,
}

impl SlotIndex {
    /// The slot of a campaign.
    #[must_use]
    pub(super) fn get(&self, campaign: CampaignId) -> Option<Slot> {
        let (place, is_held) = self.seek(campaign.key())?;
        is_held.then(|| self.places[place].1 as Slot)
    }

    /// Enters a campaign, or moves it.
    pub(super) fn insert(&mut self, campaign: CampaignId, slot: Slot) {
        let slot = u32::try_from(slot).expect("fewer than four billion campaigns");
        assert!(slot != FREE, "fewer than four billion campaigns");
        let is_new = self.get(campaign).is_none();
        if is_new && places_for(self.held + 1) > self.places.len() {
            let grown = vec![(0, FREE); places_for(self.held * 2)];
            for (key, slot) in std::mem::replace(&mut self.places, grown) {
                self.lay(key, slot);
            }
        }
        self.held += usize::from(is_new);
        self.lay(campaign.key(), slot);
    }

    fn seek(&self, key: u64) -> Option<(usize, bool)> {
        seek(&self.places, key, |held| (held.1 != FREE).then_some(held.0 == key))
    }

    fn lay(&mut self, key: u64, slot: u32) {
        if let Some((place, _)) = self.seek(key).filter(|_| slot != FREE) {
            self.places[place] = (key, slot);
        }
    }

    fn in_order(&self) -> Vec<(CampaignId, u32)> {
        let held = self.places.iter().filter(|held| held.1 != FREE);
        let mut all: Vec<_> = held.map(|&(key, slot)| (CampaignId::from_key(key), slot)).collect();
        all.sort_unstable();
        all
    }
}

impl PartialEq for SlotIndex {
    fn eq(&self, other: &Self) -> bool {
        self.held == other.held && self.in_order() == other.in_order()
    }
}

impl Serialize for SlotIndex {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.in_order().serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for SlotIndex {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mut index = Self::default();
        for (campaign, slot) in Vec::<(CampaignId, u32)>::deserialize(deserializer)? {
            index.insert(campaign, slot as Slot);
        }
        Ok(index)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::{BTreeMap, BTreeSet};

    proptest! {
        #[test]
        fn they_hold_what_ordered_ones_hold_and_come_back_from_text(
            keys in prop::collection::vec(0_u64..400, 0..600),
        ) {
            let (mut set, mut index) = (EventSet::default(), SlotIndex::default());
            let (mut plain_set, mut plain_index) = (BTreeSet::new(), BTreeMap::new());
            for (slot, &key) in keys.iter().enumerate() {
                prop_assert_eq!(set.insert(EventId::from_key(key)), plain_set.insert(key));
                index.insert(CampaignId::from_key(key), slot);
                plain_index.insert(key, slot);
            }
            prop_assert_eq!(set.len(), plain_set.len());
            for key in 0..401 {
                prop_assert_eq!(set.contains(EventId::from_key(key)), plain_set.contains(&key));
                let slot = index.get(CampaignId::from_key(key));
                prop_assert_eq!(slot, plain_index.get(&key).copied());
            }
            let text = serde_json::to_string(&(&set, &index)).unwrap();
            let (set_again, index_again): (EventSet, SlotIndex) =
                serde_json::from_str(&text).unwrap();
            prop_assert_eq!(serde_json::to_string(&(&set_again, &index_again)).unwrap(), text);
            prop_assert!(set_again == set && index_again == index);
        }
    }
}
