//! The auctions of one step: who is asked, who bids, who wins, what follows.
//!
//! Two modes share one path: alone against market prices, every campaign is settled by itself;
//! competing, all bids of an auction meet first. Called by the world, in time order.

use super::World;
use super::agenda::Occasion;
use super::setup::win_key;
use crate::bidder::{Submitted, ask_of};
use crate::market::auction::{Auction, Outcome};
use crate::market::billing::Billing;
use crate::market::buyer::Offer;
use crate::market::draw::{self, Use};
use paceline_core::bid::{BidAsk, BidDecision};
use paceline_core::event::{SpendEvent, SpendKind};
use paceline_core::pace::PacingLaw;
use paceline_core::units::{ArmId, CpmMicros, EventId, Nanos, Ppb, Ppm, WinId};

/// One campaign in one auction.
#[derive(Debug, Clone, Copy)]
pub(super) struct Stand {
    campaign: usize,
    bidder: usize,
    offer: Offer,
    /// Absent when it did not bid.
    bid: Option<(CpmMicros, Nanos)>,
}

impl<L: PacingLaw + Copy> World<'_, L> {
    /// Holds one auction.
    pub(super) fn hold(&mut self, auction: &Auction) {
        let mut stands = std::mem::take(&mut self.stands);
        stands.clear();
        self.gather(auction, &mut stands);
        if self.scenario.is_competing {
            let (best, next) = top_two(&stands);
            for (place, stand) in stands.iter().enumerate() {
                let other = if best.1 == Some(place) { next } else { best.0 };
                // Of equal bids the earliest campaign wins, whatever the rule for outside rivals.
                let may_win = best.1 == Some(place);
                self.settle(auction, stand, other, may_win);
            }
        } else {
            for stand in &stands {
                self.settle(auction, stand, CpmMicros::ZERO, true);
            }
        }
        self.stands = stands;
    }

    /// Asks every campaign that may bid.
    fn gather(&mut self, auction: &Auction, stands: &mut Vec<Stand>) {
        let bidder = self.present[self.place_of(auction.key)];
        self.bidders[bidder].hear(auction.at);
        // Indices, because drawing on an allowance needs the whole world.
        for place in 0..self.eligible[auction.segment].len() {
            let campaign = self.eligible[auction.segment][place];
            let buyer = &self.buyers[campaign];
            if !buyer.is_eligible(auction.key) {
                continue;
            }
            let offer = buyer.offer(auction);
            let ask = ask_of(auction, offer.value);
            let decision = self.decide(bidder, campaign, auction, &ask);
            let bid = match decision {
                BidDecision::Bid { price, reserve } => {
                    self.tallies[campaign].bid(auction.at);
                    Some((price, reserve))
                }
                BidDecision::Skip(reason) => {
                    self.tallies[campaign].skip(reason);
                    None
                }
            };
            stands.push(Stand { campaign, bidder, offer, bid });
        }
    }

    /// A bidder's answer. Short of money it draws, and where draws are waited for, answers again.
    fn decide(
        &mut self,
        bidder: usize,
        campaign: usize,
        auction: &Auction,
        ask: &BidAsk,
    ) -> BidDecision {
        let answer = self.bidders[bidder].ask(campaign, auction.segment, auction.at, ask);
        let Some(price) = answer.draw else { return answer.decision };
        let is_granted = self.draw(bidder, campaign, auction.at, price);
        if is_granted && self.scenario.bidders.waits_for_draws {
            self.bidders[bidder].weigh(campaign, auction.at, ask)
        } else {
            answer.decision
        }
    }

    /// Which of the bidders present gets the auction.
    fn place_of(&self, auction: u64) -> usize {
        let count = self.present.len();
        if count == 1 {
            return 0;
        }
        let word = draw::word(Use::Bidder, 0, auction);
        usize::try_from(word % u64::try_from(count).unwrap_or(1)).unwrap_or(0)
    }

    /// Ends the auction for one campaign, whose best other bid inside the simulation is `other`.
    fn settle(&mut self, auction: &Auction, stand: &Stand, other: CpmMicros, may_win: bool) {
        let buyer = &self.buyers[stand.campaign];
        let tie = self.scenario.tie;
        let most = self.most[stand.campaign];
        let full = scaled(stand.offer.value, most);
        let alone = auction.settle(full, other, tie);
        let clicked = auction.recorded.and_then(|recorded| recorded.clicked);
        let charge = |cleared| {
            let probability = stand.offer.probability;
            buyer.billing.charge(buyer.salt, auction.key, cleared, probability, clicked)
        };
        let alone_charge = alone.price.map(charge);
        self.tallies[stand.campaign].ask(auction, stand.offer.value, alone, alone_charge);
        let Some((price, reserve)) = stand.bid else { return };
        let outcome = if may_win {
            auction.settle(price, other, tie)
        } else {
            Outcome { price: None, ..alone }
        };
        let Some(cleared) = outcome.price else {
            let is_heard = self.is_loss_heard(auction.key, stand.campaign);
            let lost = Submitted {
                campaign: stand.campaign,
                segment: auction.segment,
                reserve,
                commit: Nanos::ZERO,
                is_won: false,
                is_heard,
            };
            self.bidders[stand.bidder].submit(auction.at, lost);
            return;
        };
        self.win(auction, stand, reserve, cleared);
    }

    fn is_loss_heard(&self, auction: u64, campaign: usize) -> bool {
        let lost = self.scenario.bidders.lost_notices;
        lost <= 0.0 || draw::unit(Use::Notice, self.buyers[campaign].salt, auction) >= lost
    }

    fn win(&mut self, auction: &Auction, stand: &Stand, reserve: Nanos, cleared: CpmMicros) {
        let buyer = &self.buyers[stand.campaign];
        let clicked = auction.recorded.and_then(|recorded| recorded.clicked);
        let probability = stand.offer.probability;
        let charge = buyer.billing.charge(buyer.salt, auction.key, cleared, probability, clicked);
        let commit = charge.probability.expected(charge.price);
        self.tallies[stand.campaign].win(auction, stand.offer.value);
        let won = Submitted {
            campaign: stand.campaign,
            segment: auction.segment,
            reserve,
            commit,
            is_won: true,
            is_heard: true,
        };
        self.bidders[stand.bidder].submit(auction.at, won);
        let heard_at = auction.at + self.scenario.bidders.outcome_delay;
        let key = win_key(auction.key, buyer.salt);
        let event = SpendEvent {
            event_id: EventId::from_key(key),
            sequence: None,
            campaign: self.specs[stand.campaign].id,
            arm: ArmId(0),
            kind: SpendKind::Win,
            win_id: Some(WinId::from_key(key)),
            price: charge.price,
            bill_probability: charge.probability,
            served_at: Some(auction.at),
            occurred_at: heard_at,
        };
        let billing = SpendEvent {
            event_id: EventId::from_key(win_key(key, 1)),
            kind: SpendKind::Billing,
            bill_probability: Ppb::ONE,
            ..event
        };
        let (campaign, bidder) = (stand.campaign, stand.bidder);
        match buyer.billing {
            Billing::Impression => {
                // Billed as it is won: one event says both.
                self.note(campaign, bidder, SpendEvent { win_id: None, ..billing }, heard_at);
            }
            Billing::Click { .. } => {
                self.note(campaign, bidder, event, heard_at);
                if let Some(after) = charge.after {
                    let at = heard_at + after;
                    let event = SpendEvent { occurred_at: at, ..billing };
                    self.agenda.put(at, Occasion::Bill { campaign, bidder, event });
                }
            }
        }
    }

    /// Puts an event into its bidder's next report, and money billed into the tally: at once where
    /// outcomes are, which spares the agenda.
    fn note(
        &mut self,
        campaign: usize,
        bidder: usize,
        event: SpendEvent,
        at: paceline_core::units::Timestamp,
    ) {
        if event.kind == SpendKind::Billing {
            if self.scenario.bidders.outcome_delay > paceline_core::units::Span::ZERO {
                self.agenda.put(at, Occasion::Bill { campaign, bidder, event });
                return;
            }
            self.tallies[campaign].bill(event.attributed_at(), event.price);
        }
        self.bidders[bidder].note(event);
    }
}

/// A value at the greatest multiplier: what the campaign alone would bid.
fn scaled(value: CpmMicros, most: Ppm) -> CpmMicros {
    if most == Ppm::ONE { value } else { CpmMicros::new(most.of(value.per_impression()).get()) }
}

/// The best bid and whose it is, and the best of the others. Zero stands for none.
fn top_two(stands: &[Stand]) -> ((CpmMicros, Option<usize>), CpmMicros) {
    let mut best = (CpmMicros::ZERO, None);
    let mut next = CpmMicros::ZERO;
    for (place, stand) in stands.iter().enumerate() {
        let Some((price, _)) = stand.bid else { continue };
        if price > best.0 {
            next = best.0;
            best = (price, Some(place));
        } else if price > next {
            next = price;
        }
    }
    (best, next)
}
