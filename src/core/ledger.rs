//! Money truth: posts spend exactly once and answers how much, of whom, in which window.
//!
//! Events are asked for by campaign and posted to the accounts of every owner that pays for it: the
//! campaign itself, its group, its advertiser. Called by the engine; knows nothing of plans or
//! laws.

pub mod account;
pub mod book;
pub mod cohort;
mod counter;
pub mod dedup;
pub mod delay;
mod elsewhere;
mod flat;
mod owners;
mod refund;
pub mod suspense;
pub mod wins;

use crate::campaign::{BillingEvent, RefundPolicy, SpendSource};
use crate::days::KnownDays;
use crate::event::{SpendEvent, SpendKind, Verdict};
use crate::units::{CampaignId, Nanos, ProducerId, Span, Timestamp};
pub use account::{Account, Posting};
pub use book::{Book, SpendTotals};
use cohort::{Cohorts, Lapse};
pub use counter::CounterVerdict;
use dedup::{Dedup, Seen};
use delay::DelayCurve;
use flat::SlotIndex;
pub use owners::OwnerSlots;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use suspense::Suspense;
use wins::{OpenWin, Wins};

/// Place of an owner or a campaign in its column.
pub type Slot = usize;

/// Money that arrives later than this after its flight belongs to no book any more.
const AFTER_FLIGHT_MAX: Span = Span::DAY.times(35);
/// The most one event or one growth of a counter may move: ten million units. More is a producer
/// that has lost its unit of money.
pub const PRICE_MAX: Nanos = Nanos::from_units(10_000_000);

/// Bounds of the ledger's memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct LedgerConfig {
    /// For how long of receive time an opaque event id is exact.
    pub dedup_window: Span,
    /// Opaque ids held per window; beyond it the window shrinks. 24 bytes each.
    pub dedup_events_max: usize,
    /// Producers that count their events; beyond it the longest silent makes room. An eighth of
    /// `producer_gap_bits` bytes each, at most.
    pub producers_max: usize,
    /// How far a producer's count may run ahead of its first gap; a multiple of 64.
    pub producer_gap_bits: u64,
    /// Wins waiting for their billing. 100 bytes each.
    pub wins_max: usize,
    /// Events set aside. 150 bytes each.
    pub suspense_max: usize,
}

impl Default for LedgerConfig {
    fn default() -> Self {
        Self {
            dedup_window: Span::from_mins(30),
            dedup_events_max: 8_000_000,
            producers_max: 10_000,
            producer_gap_bits: 16_384,
            wins_max: 4_000_000,
            suspense_max: 100_000,
        }
    }
}

/// What the ledger needs to know of a campaign, and what it keeps for it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CampaignBook {
    /// Who pays for it.
    pub owners: OwnerSlots,
    /// Which kind of source is believed.
    pub source: SpendSource,
    /// What becomes of refunds.
    pub refunds: RefundPolicy,
    /// What is billed.
    pub billing: BillingEvent,
    cohorts: Cohorts,
    /// High-water marks by window start.
    counters: BTreeMap<Timestamp, Nanos>,
    /// What counters that went back said last, by window start: where they go on from once somebody
    /// accepts that. Holds some of the windows of `counters`.
    fallen: BTreeMap<Timestamp, Nanos>,
    counter_fault: bool,
}

impl CampaignBook {
    /// Nothing spent yet.
    #[must_use]
    pub fn new(
        owners: OwnerSlots,
        source: SpendSource,
        refunds: RefundPolicy,
        billing: BillingEvent,
    ) -> Self {
        Self {
            owners,
            source,
            refunds,
            billing,
            cohorts: Cohorts::default(),
            counters: BTreeMap::new(),
            fallen: BTreeMap::new(),
            counter_fault: false,
        }
    }

    /// Whether its counter went back and nobody has accepted that yet.
    #[must_use]
    pub fn has_counter_fault(&self) -> bool {
        self.counter_fault
    }

    /// In flight, and two standard deviations of what it may bill beyond that.
    #[must_use]
    pub fn at_risk(&self) -> (Nanos, Nanos) {
        if self.cohorts.is_empty() {
            return (Nanos::ZERO, Nanos::ZERO);
        }
        let twice = Nanos::floor_from(2.0 * self.cohorts.deviation());
        (self.cohorts.in_flight(), twice)
    }
}

/// What a posting meant for the campaign, for allowances and event prices.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Posted {
    /// What became of the event.
    pub verdict: Verdict,
    /// How much of a bidder's allowance it uses up.
    pub committed: Nanos,
    /// When it was served.
    pub served_at: Timestamp,
}

impl Posted {
    const fn refused(verdict: Verdict, served_at: Timestamp) -> Self {
        Self { verdict, committed: Nanos::ZERO, served_at }
    }
}

/// All books, and the memory that keeps them exact.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SpendLedger {
    dedup: Dedup,
    wins: Wins,
    suspense: Suspense,
    delays: [DelayCurve; 3],
    books: Vec<Book>,
    campaigns: Vec<CampaignBook>,
    /// Campaigns that have something in flight, or had of late.
    in_flight: BTreeSet<Slot>,
    slots: SlotIndex,
    verdicts: [u64; Verdict::ALL.len()],
}

impl SpendLedger {
    /// Empty books.
    #[must_use]
    pub fn new(config: LedgerConfig) -> Self {
        Self {
            dedup: Dedup::new(&config),
            wins: Wins::new(config.wins_max),
            suspense: Suspense::new(config.suspense_max),
            delays: [BillingEvent::Impression, BillingEvent::Click, BillingEvent::Action]
                .map(DelayCurve::prior),
            books: Vec::new(),
            campaigns: Vec::new(),
            in_flight: BTreeSet::new(),
            slots: SlotIndex::default(),
            verdicts: [0; Verdict::ALL.len()],
        }
    }

    /// Other bounds on what is remembered, from now on.
    pub fn rebound(&mut self, config: &LedgerConfig) {
        self.dedup.rebound(config);
    }

    /// Opens a book; its slot is the next one.
    pub fn open_book(&mut self, book: Book) -> Slot {
        self.books.push(book);
        self.books.len() - 1
    }

    /// Enters a campaign; its slot is the next one.
    pub fn enter_campaign(&mut self, id: CampaignId, campaign: CampaignBook) -> Slot {
        self.campaigns.push(campaign);
        self.slots.insert(id, self.campaigns.len() - 1);
        self.campaigns.len() - 1
    }

    /// The slot of a campaign that was entered.
    #[must_use]
    pub fn slot_of(&self, campaign: CampaignId) -> Option<Slot> {
        self.slots.get(campaign)
    }

    /// An owner's book.
    #[must_use]
    pub fn book(&self, owner: Slot) -> &Book {
        &self.books[owner]
    }

    /// An owner's book, to edit its budgets or claim allowances.
    pub fn book_mut(&mut self, owner: Slot) -> &mut Book {
        &mut self.books[owner]
    }

    /// A campaign's entry.
    #[must_use]
    pub fn campaign(&self, campaign: Slot) -> &CampaignBook {
        &self.campaigns[campaign]
    }

    /// A campaign's entry, after an edit.
    pub fn campaign_mut(&mut self, campaign: Slot) -> &mut CampaignBook {
        &mut self.campaigns[campaign]
    }

    /// Money set aside.
    #[must_use]
    pub fn suspense(&self) -> &Suspense {
        &self.suspense
    }

    /// How often each verdict was given.
    pub fn verdicts(&self) -> impl Iterator<Item = (Verdict, u64)> + '_ {
        Verdict::ALL.into_iter().zip(self.verdicts)
    }

    /// Opaque ids, producers and open wins held.
    #[must_use]
    pub fn held(&self) -> (usize, usize, usize) {
        let (events, producers) = self.dedup.held();
        (events, producers, self.wins.len())
    }

    /// Posts one event. Never fails: what could not be posted is said in the verdict.
    pub fn post(
        &mut self,
        now: Timestamp,
        days: &KnownDays,
        producer: Option<ProducerId>,
        event: &SpendEvent,
    ) -> Posted {
        let posted = self.judge(now, days, producer, event);
        self.verdicts[posted.verdict as usize] += 1;
        posted
    }

    fn judge(
        &mut self,
        now: Timestamp,
        days: &KnownDays,
        producer: Option<ProducerId>,
        event: &SpendEvent,
    ) -> Posted {
        let at = event.attributed_at();
        // The sequence is noted whatever becomes of the event: a refused one must leave no gap.
        let seen = match (producer, event.sequence) {
            (Some(producer), Some(sequence)) => {
                self.dedup.note_sequence(now, producer, sequence, event.occurred_at)
            }
            _ if event.occurred_at.is_plausible() => {
                self.dedup.note_event(now, event.event_id, event.occurred_at)
            }
            _ => return Posted::refused(Verdict::Invalid, at),
        };
        let Some(slot) = self.slots.get(event.campaign) else {
            return self.set_aside(now, event, seen, Verdict::UnknownCampaign);
        };
        if self.campaigns[slot].source != SpendSource::Events {
            return Posted::refused(Verdict::WrongSource, at);
        }
        if !is_sound(event) || !self.has_room(slot, event.price) {
            return Posted::refused(Verdict::Invalid, at);
        }
        match seen {
            Seen::First => self.book_event(now, days, slot, event, false),
            Seen::Again => Posted::refused(Verdict::Duplicate, at),
            Seen::Refused => Posted::refused(Verdict::ProducerRefused, at),
            Seen::Unverified => self.set_aside(now, event, seen, Verdict::LateUnverified),
        }
    }

    /// Whether the owners' books can take another amount without leaving the range of the ledger.
    fn has_room(&self, slot: Slot, amount: Nanos) -> bool {
        self.campaigns[slot].owners.iter().all(|owner| self.books[owner].has_room(amount))
    }

    fn set_aside(
        &mut self,
        now: Timestamp,
        event: &SpendEvent,
        seen: Seen,
        why: Verdict,
    ) -> Posted {
        let at = event.attributed_at();
        match seen {
            Seen::Again => Posted::refused(Verdict::Duplicate, at),
            Seen::Refused => Posted::refused(Verdict::ProducerRefused, at),
            Seen::First | Seen::Unverified => {
                self.suspense.hold(now, *event, why);
                Posted::refused(why, at)
            }
        }
    }

    /// The event is new and the campaign known: into the books. An operator has `allowed` it.
    fn book_event(
        &mut self,
        now: Timestamp,
        days: &KnownDays,
        slot: Slot,
        event: &SpendEvent,
        allowed: bool,
    ) -> Posted {
        let win = match event.kind {
            SpendKind::Billing => event.win_id.and_then(|id| self.wins.take(id)),
            SpendKind::Win | SpendKind::Adjust => None,
        };
        let stated = win.map_or(event.attributed_at(), |win: OpenWin| win.served_at);
        let own = self.campaigns[slot].owners.own();
        let Some(at) = self.books[own].attributed(stated, AFTER_FLIGHT_MAX) else {
            self.suspense.hold(now, *event, Verdict::OutsideFlight);
            return Posted::refused(Verdict::OutsideFlight, stated);
        };
        if !allowed && self.exceeds_spent(slot, event, at) {
            self.suspense.hold(now, *event, Verdict::RefundUnmatched);
            return Posted::refused(Verdict::RefundUnmatched, at);
        }
        let is_late = at != stated || self.books[own].is_closed(at, now, days);
        let committed = match event.kind {
            SpendKind::Win => self.post_win(now, days, slot, event, at),
            SpendKind::Billing => self.post_billing(days, slot, event, at, win),
            SpendKind::Adjust => {
                self.post_adjust(days, slot, event.price, at);
                Nanos::ZERO
            }
        };
        let verdict = if is_late { Verdict::PostedLate } else { Verdict::Posted };
        Posted { verdict, committed, served_at: at }
    }

    fn post_win(
        &mut self,
        now: Timestamp,
        days: &KnownDays,
        slot: Slot,
        event: &SpendEvent,
        at: Timestamp,
    ) -> Nanos {
        let expected = event.bill_probability.expected(event.price);
        let billing = self.campaigns[slot].billing;
        if let Some(id) = event.win_id {
            if self.wins.was_billed_early(id) {
                return Nanos::ZERO;
            }
            let open = OpenWin { expected, served_at: at };
            self.wins.open(now, billing, id, open);
        }
        let edge = self.post_all(days, slot, at, Posting::Expect(expected));
        self.in_flight.insert(slot);
        let campaign = &mut self.campaigns[slot];
        campaign.cohorts.add(edge, at, expected, event.price, event.bill_probability);
        for owner in campaign.owners.iter() {
            self.books[owner].count_expected(expected);
        }
        expected
    }

    fn post_billing(
        &mut self,
        days: &KnownDays,
        slot: Slot,
        event: &SpendEvent,
        at: Timestamp,
        win: Option<OpenWin>,
    ) -> Nanos {
        if let Some(win) = win {
            let edge = self.edge_of(slot, win.served_at);
            let back = self.campaigns[slot].cohorts.settle(edge, win.served_at, win.expected);
            self.release(days, slot, Lapse { served_at: win.served_at, amount: back });
            let kind = self.campaigns[slot].billing as usize;
            self.delays[kind].learn(event.occurred_at - win.served_at);
        } else if let Some(id) = event.win_id {
            self.wins.note_billed_early(id);
        }
        self.post_all(days, slot, at, Posting::Bill(event.price));
        for owner in self.campaigns[slot].owners.iter() {
            self.books[owner].count_billed(event.price, win.is_none());
        }
        if win.is_none() { event.price } else { Nanos::ZERO }
    }

    /// Posts to every account of every owner that holds `at`; the latest start among them.
    fn post_all(
        &mut self,
        days: &KnownDays,
        slot: Slot,
        at: Timestamp,
        posting: Posting,
    ) -> Timestamp {
        let mut edge = Timestamp::MIN;
        for owner in self.campaigns[slot].owners.iter() {
            self.books[owner].touch(at, days, |account| {
                account.post(posting);
                edge = edge.max(account.window.start());
            });
        }
        edge
    }

    fn release(&mut self, days: &KnownDays, slot: Slot, lapse: Lapse) {
        self.post_all(days, slot, lapse.served_at, Posting::Release(lapse.amount));
        for owner in self.campaigns[slot].owners.iter() {
            self.books[owner].count_released(lapse.amount);
        }
    }

    fn edge_of(&self, slot: Slot, at: Timestamp) -> Timestamp {
        self.campaigns[slot]
            .owners
            .iter()
            .filter_map(|owner| self.books[owner].edge_of(at))
            .max()
            .unwrap_or(Timestamp::MIN)
    }

    /// Lets what has aged lapse; called once a tick.
    pub fn lapse(&mut self, now: Timestamp, days: &KnownDays) {
        let mut lapses: Vec<(Slot, Lapse)> = Vec::new();
        let (campaigns, delays) = (&mut self.campaigns, &self.delays);
        self.in_flight.retain(|&slot| {
            let CampaignBook { billing, cohorts, .. } = &mut campaigns[slot];
            let lapsed = cohorts.lapse(now, &delays[*billing as usize]);
            lapses.extend(lapsed.into_iter().map(|lapse| (slot, lapse)));
            !cohorts.is_empty()
        });
        for (slot, lapse) in lapses {
            self.release(days, slot, lapse);
        }
        self.wins.forget(now);
    }

    /// Posts or drops suspended money, as an operator decides. `None` when there is no such event;
    /// `Some(None)` when it was dropped.
    pub fn resolve_suspense(
        &mut self,
        now: Timestamp,
        days: &KnownDays,
        event: crate::units::EventId,
        post: bool,
    ) -> Option<Option<Posted>> {
        let held = self.suspense.take(event)?;
        if !post {
            return Some(None);
        }
        let Some(slot) = self.slots.get(held.event.campaign) else {
            self.suspense.hold(now, held.event, Verdict::UnknownCampaign);
            return Some(Some(Posted::refused(
                Verdict::UnknownCampaign,
                held.event.attributed_at(),
            )));
        };
        Some(Some(self.book_event(now, days, slot, &held.event, true)))
    }
}

/// Times and prices that can be posted: prices in range, negative only for adjustments.
fn is_sound(event: &SpendEvent) -> bool {
    let price = event.price;
    let in_range = match event.kind {
        SpendKind::Win | SpendKind::Billing => price >= Nanos::ZERO && price <= PRICE_MAX,
        SpendKind::Adjust => -PRICE_MAX <= price && price <= PRICE_MAX,
    };
    in_range && event.occurred_at.is_plausible() && event.attributed_at().is_plausible()
}

#[cfg(test)]
mod tests;
