//! Who pays for a campaign.

use super::Slot;
use serde::{Deserialize, Serialize};

/// The owners that pay for a campaign, itself first; held in place, since every tick looks at them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct OwnerSlots {
    slots: [u32; 3],
    count: u8,
}

impl OwnerSlots {
    /// Itself, then its group if it has one, then its advertiser.
    #[must_use]
    pub fn new(own: Slot, group: Option<Slot>, advertiser: Slot) -> Self {
        let narrow = |slot: Slot| u32::try_from(slot).expect("fewer than four billion owners");
        let (own, advertiser) = (narrow(own), narrow(advertiser));
        match group {
            Some(group) => Self { slots: [own, narrow(group), advertiser], count: 3 },
            None => Self { slots: [own, advertiser, 0], count: 2 },
        }
    }

    /// The campaign's own.
    #[must_use]
    pub fn own(&self) -> Slot {
        self.slots[0] as Slot
    }

    /// All of them.
    pub fn iter(&self) -> impl Iterator<Item = Slot> + use<> {
        self.slots.into_iter().take(usize::from(self.count)).map(|slot| slot as Slot)
    }
}
