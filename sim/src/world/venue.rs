//! The world as a venue: simulated bidders are asked, and told what became of their bids.
//!
//! Called by the hall, auction by auction in time order.

use super::shading::Open;
use super::{Occasion, World};
use crate::bidder::Submitted;
use crate::fault::FaultKind;
use crate::hall::{Hall, Seat, Venue, place_of};
use crate::market::auction::Auction;
use crate::market::billing::{Billing, Charge};
use paceline_core::bid::{BidAsk, BidDecision, SkipReason};
use paceline_core::event::{SpendEvent, SpendKind};
use paceline_core::hash;
use paceline_core::pace::PacingLaw;
use paceline_core::units::{EventId, Nanos, Span, Timestamp};

impl<L: PacingLaw + Copy> Venue for World<'_, L> {
    type Hold = Open;

    fn hall(&mut self) -> &mut Hall {
        &mut self.hall
    }

    fn turn(&mut self, auction: &Auction) -> usize {
        let bidder = self.present[place_of(auction.key, self.present.len())];
        self.bidders[bidder].hear(auction.at);
        bidder
    }

    /// Short of money the bidder draws, and where draws are waited for, answers again.
    fn ask(&mut self, seat: Seat, auction: &Auction, ask: &BidAsk) -> (BidDecision, Option<Open>) {
        let Seat { campaign, bidder, segment } = seat;
        if self.faults.times(FaultKind::Mute, (bidder, campaign), auction.at).is_some() {
            self.bidders[bidder].pass_over(campaign, segment);
            return (BidDecision::Skip(SkipReason::Unknown), None);
        }
        let answer = self.bidders[bidder].ask(campaign, segment, auction.at, ask);
        let (mut decision, mut drawn) = (answer.decision, answer.drawn);
        if let Some(price) = answer.draw {
            let is_granted = self.draw(bidder, campaign, auction.at, price);
            if is_granted && self.scenario.bidders.waits_for_draws {
                let again = self.bidders[bidder].weigh((campaign, segment), auction.at, ask);
                (decision, drawn) = (again.decision, again.draw);
            }
        }
        let held = match decision {
            BidDecision::Bid { reserve, price } => {
                Some(Open { reserve, bid: price, value: ask.value, drawn })
            }
            BidDecision::Skip(_) => None,
        };
        (decision, held)
    }

    fn lost(&mut self, seat: Seat, auction: &Auction, open: Open, is_heard: bool) {
        if is_heard {
            self.note_outcome(seat, auction, &open, false);
        }
        let reserve = open.reserve;
        let Seat { campaign, bidder, segment } = seat;
        let commit = Nanos::ZERO;
        let lost = Submitted { campaign, segment, reserve, commit, is_won: false, is_heard };
        self.bidders[bidder].submit(auction.at, lost);
    }

    fn overcharge(&self, seat: Seat, auction: &Auction) -> u32 {
        let struck = (seat.bidder, seat.campaign);
        self.faults.times(FaultKind::Overcharge, struck, auction.at).unwrap_or(1)
    }

    fn won(&mut self, seat: Seat, auction: &Auction, open: Open, charge: &Charge) {
        self.note_outcome(seat, auction, &open, true);
        let reserve = open.reserve;
        let Seat { campaign, bidder, segment } = seat;
        let commit = charge.probability.expected(charge.price);
        let won = Submitted { campaign, segment, reserve, commit, is_won: true, is_heard: true };
        self.bidders[bidder].submit(auction.at, won);
    }

    /// Wins go into the bidder's next report; so does what is billed as it is won and heard of at
    /// once, which spares the agenda.
    fn owe(&mut self, seat: Seat, due: Timestamp, event: SpendEvent) {
        let Seat { campaign, bidder, .. } = seat;
        if event.kind == SpendKind::Billing {
            let is_by_click = matches!(self.hall.buyers[campaign].billing, Billing::Click { .. });
            if is_by_click || self.scenario.bidders.outcome_delay > Span::ZERO {
                self.agenda.put(due, Occasion::Bill { campaign, bidder, event });
                return;
            }
            self.hall.bill(campaign, event.attributed_at(), event.price);
            self.note_billing(seat.campaign, bidder, event);
            return;
        }
        self.bidders[bidder].note(event);
    }
}

impl<L: PacingLaw + Copy> World<'_, L> {
    /// A billing goes into the bidder's next report, as often as it counts it.
    pub(super) fn note_billing(&mut self, campaign: usize, bidder: usize, event: SpendEvent) {
        let struck = (bidder, campaign);
        let times = self.faults.times(FaultKind::Miscount, struck, event.attributed_at());
        for copy in 0..times.unwrap_or(1) {
            // The first is the true one; the others are told as if each were another.
            let key = event.event_id.key();
            let key = if copy == 0 { key } else { hash::mix(key ^ hash::mix(copy.into())) };
            self.bidders[bidder].note(SpendEvent { event_id: EventId::from_key(key), ..event });
        }
    }
}
