//! What this bidder was granted, by campaign and window; and the purses filled from it.
//!
//! Grants are cumulative: a purse holds what was granted in its window less what was committed and
//! is held, so a grant that comes twice changes nothing. Knows nothing of the wire. Called by
//! `board_writer`, by one thread at a time.

use crate::slot::Slot;
use crate::slot_table::SlotTable;
use paceline_core::table::Allowance;
use paceline_core::units::{ArmId, CampaignId, Nanos, Timestamp};
use std::collections::BTreeMap;

/// Grants of one campaign: of the window that runs, and of the next one, issued ahead.
#[derive(Debug, Clone, Copy)]
struct Book {
    current: Allowance,
    next: Option<Allowance>,
    /// Place whose purse holds the money of `current`, once the campaign is in the table.
    place: Option<usize>,
}

/// All grants, bounded by the table's capacity.
#[derive(Debug)]
pub(crate) struct AllowanceBooks {
    books: BTreeMap<CampaignId, Book>,
    books_max: usize,
}

/// Until when the money of a grant may be committed.
fn dies_at(grant: &Allowance) -> Timestamp {
    grant.expires_at.min(grant.window_end)
}

fn opened<'a>(
    slots: &'a SlotTable,
    campaign: CampaignId,
    grant: &Allowance,
) -> Option<(usize, Slot<'a>)> {
    let (place, glance) = slots.find(campaign, ArmId::default())?;
    let slot = slots.at(place).filter(|_| glance.is_present())?;
    slot.open_purse(grant.granted_total, dies_at(grant));
    Some((place, slot))
}

impl AllowanceBooks {
    pub(crate) fn new(books_max: usize) -> Self {
        Self { books: BTreeMap::new(), books_max }
    }

    /// Takes in a grant. One of a window that is over, or older than what is held of its window,
    /// changes nothing. False when there is no room for another campaign.
    pub(crate) fn grant(&mut self, slots: &SlotTable, grant: &Allowance, now: Timestamp) -> bool {
        if grant.window_end <= now {
            return true;
        }
        self.turn(slots, grant.campaign, now);
        let Some(book) = self.books.get_mut(&grant.campaign) else {
            if self.books.len() >= self.books_max {
                return false;
            }
            let place = opened(slots, grant.campaign, grant).map(|(place, _)| place);
            self.books.insert(grant.campaign, Book { current: *grant, next: None, place });
            return true;
        };
        if grant.window_start == book.current.window_start {
            extend(slots, book, grant);
        } else if grant.window_start > book.current.window_start {
            let is_newer = |next: Allowance| {
                grant.window_start > next.window_start
                    || (grant.window_start == next.window_start
                        && grant.expires_at >= next.expires_at)
            };
            if book.next.is_none_or(is_newer) {
                book.next = Some(*grant);
            }
        }
        true
    }

    /// Turns one campaign's book to its next window if the current one is over.
    fn turn(&mut self, slots: &SlotTable, campaign: CampaignId, now: Timestamp) {
        let Some(book) = self.books.get_mut(&campaign) else { return };
        if book.current.window_end > now {
            if book.place.is_none() {
                book.place = opened(slots, campaign, &book.current).map(|(place, _)| place);
            }
            return;
        }
        match book.next.take() {
            Some(next) => {
                let place = opened(slots, campaign, &next).map(|(place, _)| place);
                *book = Book { current: next, next: None, place };
            }
            None => {
                self.books.remove(&campaign);
            }
        }
    }

    /// Turns every book whose window is over, and fills purses of campaigns that came late.
    pub(crate) fn turn_all(&mut self, slots: &SlotTable, now: Timestamp) {
        let due = |book: &Book| book.current.window_end <= now || book.place.is_none();
        let turned: Vec<_> =
            self.books.iter().filter(|(_, book)| due(book)).map(|(&id, _)| id).collect();
        for campaign in turned {
            self.turn(slots, campaign, now);
        }
    }

    /// The campaign left the table, and its purse with it.
    pub(crate) fn forget(&mut self, campaign: CampaignId) {
        self.books.remove(&campaign);
    }

    /// Campaign, window's start and place of every purse that may be used at `now`.
    pub(crate) fn held(
        &self,
        now: Timestamp,
    ) -> impl Iterator<Item = (CampaignId, Timestamp, usize)> {
        self.books.iter().filter_map(move |(&campaign, book)| {
            let place = book.place.filter(|_| dies_at(&book.current) > now)?;
            Some((campaign, book.current.window_start, place))
        })
    }
}

/// More of the same window, or its end moved.
fn extend(slots: &SlotTable, book: &mut Book, grant: &Allowance) {
    let is_older = grant.expires_at < book.current.expires_at
        || (grant.expires_at == book.current.expires_at
            && grant.granted_total < book.current.granted_total);
    if is_older {
        return;
    }
    let more =
        Nanos::new(grant.granted_total.get().saturating_sub(book.current.granted_total.get()));
    book.current = *grant;
    if let Some(slot) = book.place.and_then(|place| slots.at(place)) {
        slot.give(slot.purse().tag(), more);
        slot.extend_purse(dies_at(grant));
    } else {
        book.place = opened(slots, grant.campaign, grant).map(|(place, _)| place);
    }
}
