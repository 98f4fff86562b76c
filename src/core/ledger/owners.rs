//! Who pays for a campaign, and what the events of an owner cost.

use super::{LedgerConfig, Slot, SpendLedger};
use crate::campaign::BillingEvent;
use crate::units::{CampaignId, Span};
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

    /// The same owners in other places.
    #[must_use]
    pub(crate) fn moved(self, to: impl Fn(Slot) -> Slot) -> Self {
        let narrow =
            |slot: u32| u32::try_from(to(slot as Slot)).expect("no more owners than there were");
        let mut slots = self.slots;
        for slot in slots.iter_mut().take(usize::from(self.count)) {
            *slot = narrow(*slot);
        }
        Self { slots, ..self }
    }

    /// All of them.
    pub fn iter(&self) -> impl Iterator<Item = Slot> + use<> {
        self.slots.into_iter().take(usize::from(self.count)).map(|slot| slot as Slot)
    }
}

impl SpendLedger {
    /// The books of some owners and campaigns in the order given, without the memory that keeps
    /// them exact: for a copy that is asked what would be.
    pub(crate) fn excerpt(
        &self,
        config: LedgerConfig,
        owners: &[Slot],
        campaigns: &[(CampaignId, Slot)],
        to_new: impl Fn(OwnerSlots) -> OwnerSlots,
    ) -> Self {
        let small = LedgerConfig { dedup_events_max: 0, wins_max: 0, suspense_max: 0, ..config };
        let mut excerpt = Self::new(small);
        excerpt.delays = self.delays.clone();
        for &owner in owners {
            let _ = excerpt.open_book(self.book(owner).clone());
        }
        for &(id, slot) in campaigns {
            let mut book = self.campaign(slot).clone();
            book.owners = to_new(book.owners);
            let place = excerpt.enter_campaign(id, book);
            if self.in_flight.contains(&slot) {
                excerpt.in_flight.insert(place);
            }
        }
        excerpt
    }

    /// Mean price of an owner's billing events in nanos; while a campaign has none, that of its
    /// group or advertiser: what its siblings pay says more than nothing. 0 if unknown. `campaign`
    /// may be another owner's.
    #[must_use]
    pub fn event_price(&self, slot: Slot, campaign: Option<Slot>) -> f64 {
        let price = |slot: Slot| self.book(slot).totals().event_price;
        let own = price(slot);
        let payers = campaign.map(|campaign| self.campaign(campaign).owners);
        match payers.filter(|payers| own <= 0.0 && payers.own() == slot) {
            Some(payers) => payers.iter().map(price).find(|price| *price > 0.0).unwrap_or(0.0),
            None => own,
        }
    }

    /// How long it takes until this share of billings of a kind has come, to a factor of two.
    #[must_use]
    pub fn billed_within(&self, billing: BillingEvent, share: f64) -> Span {
        self.delays[billing as usize].within(share)
    }

    /// Mean price of a win in nanos where every win is billed: of a campaign by the impression, by
    /// [`Self::event_price`]. 0 if unknown.
    #[must_use]
    pub fn win_price(&self, slot: Slot, campaign: Option<Slot>) -> f64 {
        let is_billed = campaign.is_some_and(|campaign| {
            let book = self.campaign(campaign);
            book.owners.own() == slot && book.billing == BillingEvent::Impression
        });
        if is_billed { self.event_price(slot, campaign) } else { 0.0 }
    }
}
