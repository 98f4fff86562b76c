//! The auctions of a market, one after the other: who is asked, who bids, who wins, what follows.
//!
//! Two modes share one path: alone against market prices, every campaign is settled by itself;
//! competing, all bids of an auction meet first. Where bids come from is behind [`Venue`]: bidders
//! in virtual time, or real clients of a running service. Knows the market's truth and keeps the
//! books of what came of it; knows no engine. Called by the world and by whoever drives a service.

use crate::bidder::ask_of;
use crate::market::Market;
use crate::market::auction::{Auction, Outcome, Tie};
use crate::market::billing::{Billing, Charge};
use crate::market::buyer::{Buyer, Offer};
use crate::market::draw::{self, Use};
use crate::report::CampaignReport;
use crate::report::pool::{self, PoolReport};
use crate::report::series::Series;
use crate::report::tally::{MinuteView, Tally};
use crate::scenario::Scenario;
use paceline_core::bid::{AuctionType, BidAsk, BidDecision};
use paceline_core::budget::Horizon;
use paceline_core::campaign::CampaignSpec;
use paceline_core::event::{SpendEvent, SpendKind};
use paceline_core::hash;
use paceline_core::units::{
    ArmId, CpmMicros, EventId, Nanos, Ppb, Ppm, Results, Span, Timestamp, WinId, Window,
};

/// Supply and demand of a run, and the books of what came of it.
#[derive(Debug)]
pub struct Hall {
    /// Campaigns, by index.
    pub specs: Vec<CampaignSpec>,
    /// Their side of the market, by the same index.
    pub buyers: Vec<Buyer>,
    /// Their counts, by the same index.
    pub tallies: Vec<Tally>,
    /// Supply.
    pub market: Market,
    /// Auctions held.
    pub auctions: u64,
    series: Vec<Series>,
    /// Each campaign's greatest multiplier.
    most: Vec<Ppm>,
    /// Campaigns in flight, by segment.
    eligible: Vec<Vec<usize>>,
    is_competing: bool,
    tie: Tie,
    /// Share of losses that nobody hears of.
    lost_notices: f64,
    /// From a bid to its outcome.
    outcome_delay: Span,
}

/// Who bids: a campaign at a bidder, in a segment, all by index.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Seat {
    /// For whom.
    pub campaign: usize,
    /// Where it is decided.
    pub bidder: usize,
    /// What kind of supply.
    pub segment: usize,
}

/// Where bids come from and outcomes go.
pub trait Venue {
    /// What stands for the money held for a bid.
    type Hold: Copy;

    /// The market and its books.
    fn hall(&mut self) -> &mut Hall;

    /// The bidder that gets an auction, which may be told the time.
    fn turn(&mut self, auction: &Auction) -> usize;

    /// A campaign's answer to an ask, and what is held for it.
    fn ask(
        &mut self,
        seat: Seat,
        auction: &Auction,
        ask: &BidAsk,
    ) -> (BidDecision, Option<Self::Hold>);

    /// A bid lost; a bidder that does not hear of it holds its money until the time-out.
    fn lost(&mut self, seat: Seat, auction: &Auction, hold: Self::Hold, is_heard: bool);

    /// How many times what it should an auction charges.
    fn overcharge(&self, _seat: Seat, _auction: &Auction) -> u32 {
        1
    }

    /// A bid won, and this is what it will cost.
    fn won(&mut self, seat: Seat, auction: &Auction, hold: Self::Hold, charge: &Charge);

    /// An event that the bidder is to report, not before `due`.
    fn owe(&mut self, seat: Seat, due: Timestamp, event: SpendEvent);
}

/// One campaign in one auction.
#[derive(Debug, Clone, Copy)]
pub struct Stand<H> {
    seat: Seat,
    offer: Offer,
    /// Absent when it did not bid.
    bid: Option<(CpmMicros, H)>,
}

impl Hall {
    /// Opens, with campaigns as the engine gets them and buyers as the market knows them.
    #[must_use]
    pub fn new(
        scenario: &Scenario,
        specs: Vec<CampaignSpec>,
        buyers: Vec<Buyer>,
        market: Market,
    ) -> Self {
        let segments = scenario.segments.len();
        let second = second_priced(scenario);
        // An oracle that knows the market must be able to know it: rivals of the simulation move.
        let is_known = !scenario.is_competing && scenario.record.is_empty();
        let tallies = scenario.campaigns.iter().zip(&buyers).map(|(plan, buyer)| {
            let is_second_price = plan.buyer.segments.iter().all(|&segment| second[segment]);
            let tally = Tally::new(plan, segments, is_second_price);
            if is_known { tally.with_resolving(plan, buyer, &market) } else { tally }
        });
        Self {
            tallies: tallies.collect(),
            series: vec![Series::new(scenario.window); specs.len()],
            most: specs.iter().map(|spec| spec.multiplier_max.ppm()).collect(),
            eligible: vec![Vec::new(); segments],
            is_competing: scenario.is_competing,
            tie: scenario.tie,
            lost_notices: scenario.bidders.lost_notices,
            outcome_delay: scenario.bidders.outcome_delay,
            specs,
            buyers,
            market,
            auctions: 0,
        }
    }

    /// Finds the campaigns that may be asked from now on, by segment.
    pub fn find_eligible(&mut self, now: Timestamp) {
        for row in &mut self.eligible {
            row.clear();
        }
        for (campaign, spec) in self.specs.iter().enumerate() {
            if spec.flight_at(now).is_some() {
                for &segment in &self.buyers[campaign].segments {
                    self.eligible[segment].push(campaign);
                }
            }
        }
    }

    /// What is thought of a campaign at a whole minute.
    pub fn minute(&mut self, now: Timestamp, campaign: usize, view: MinuteView) {
        let tally = &mut self.tallies[campaign];
        tally.minute(now, view);
        self.series[campaign].note(now, (tally.spent(), tally.billed_events()), view);
    }

    /// Money was billed for an impression served then, by the click for campaigns billed so.
    pub fn bill(&mut self, campaign: usize, served_at: Timestamp, price: Nanos) {
        self.tallies[campaign].bill(served_at, price);
        if matches!(self.buyers[campaign].billing, Billing::Click { .. }) {
            self.tallies[campaign].click();
        }
    }

    /// Every campaign's part of the report, in order.
    #[must_use]
    pub fn reports(&self) -> Vec<CampaignReport> {
        let all = self.specs.iter().zip(&self.tallies).zip(&self.series);
        all.map(|((spec, tally), series)| CampaignReport {
            name: spec.name.as_str().to_owned(),
            metrics: tally.finish(),
            series: series.clone(),
            hours: tally.hours(),
        })
        .collect()
    }

    /// Campaigns of every advertiser that has a budget for each day, together.
    #[must_use]
    pub fn pools(&self, scenario: &Scenario, each: &[CampaignReport]) -> Vec<PoolReport> {
        let shared = scenario.advertisers.iter().filter_map(|advertiser| {
            let cap = advertiser.budgets.cap(Horizon::Day)?;
            let is_member = |&place: &usize| self.specs[place].advertiser == advertiser.id;
            let campaigns: Vec<usize> = (0..self.specs.len()).filter(is_member).collect();
            let clock = &scenario.campaigns[*campaigns.first()?].clock;
            let days: Vec<Window> = clock.days_in(scenario.window).collect();
            let members: Vec<_> = campaigns
                .iter()
                .map(|&place| (&self.tallies[place], &each[place].metrics))
                .collect();
            let metrics = pool::together(&members, &days, cap);
            Some(PoolReport { name: advertiser.name.to_string(), campaigns, metrics })
        });
        shared.collect()
    }

    fn is_loss_heard(&self, auction: u64, campaign: usize) -> bool {
        let lost = self.lost_notices;
        lost <= 0.0 || draw::unit(Use::Notice, self.buyers[campaign].salt, auction) >= lost
    }

    /// The ask of a campaign in an auction that it may bid in.
    fn offer(&self, place: usize, auction: &Auction) -> Option<(usize, Offer)> {
        let campaign = self.eligible[auction.segment][place];
        let buyer = &self.buyers[campaign];
        buyer.is_eligible(auction.key).then(|| (campaign, buyer.offer(auction)))
    }

    fn charge(
        &self,
        campaign: usize,
        auction: &Auction,
        offer: Offer,
        cleared: CpmMicros,
    ) -> Charge {
        let buyer = &self.buyers[campaign];
        let clicked = match buyer.billing {
            Billing::Impression => None,
            Billing::Click { .. } => buyer.clicks(auction, offer.probability),
        };
        buyer.billing.charge(buyer.salt, auction.key, cleared, offer.probability, clicked)
    }
}

/// By segment, whether all its prices are second prices.
fn second_priced(scenario: &Scenario) -> Vec<bool> {
    let is_second = |auction_type| matches!(auction_type, AuctionType::SecondPrice);
    if scenario.record.is_empty() {
        let all = scenario.segments.iter();
        return all.map(|plan| is_second(plan.segment.auction_type)).collect();
    }
    let mut second = vec![true; scenario.segments.len()];
    for auction in &scenario.record {
        second[auction.segment] &= is_second(auction.auction_type);
    }
    second
}

/// Holds one auction. `stands` is room to work in, whatever it holds.
pub fn hold<V: Venue>(venue: &mut V, auction: &Auction, stands: &mut Vec<Stand<V::Hold>>) {
    venue.hall().auctions += 1;
    stands.clear();
    gather(venue, auction, stands);
    if venue.hall().is_competing {
        let (best, next) = top_two(stands);
        for (place, stand) in stands.iter().enumerate() {
            let other = if best.1 == Some(place) { next } else { best.0 };
            // Of equal bids the earliest campaign wins, whatever the rule for outside rivals.
            let may_win = best.1 == Some(place);
            settle(venue, auction, stand, other, may_win);
        }
    } else {
        for stand in stands.iter() {
            settle(venue, auction, stand, CpmMicros::ZERO, true);
        }
    }
}

/// Asks every campaign that may bid.
fn gather<V: Venue>(venue: &mut V, auction: &Auction, stands: &mut Vec<Stand<V::Hold>>) {
    let bidder = venue.turn(auction);
    // By place, because asking needs the whole venue.
    for place in 0..venue.hall().eligible[auction.segment].len() {
        let Some((campaign, offer)) = venue.hall().offer(place, auction) else { continue };
        let seat = Seat { campaign, bidder, segment: auction.segment };
        let (decision, held) = venue.ask(seat, auction, &ask_of(auction, offer.value));
        let tally = &mut venue.hall().tallies[campaign];
        let bid = match decision {
            BidDecision::Bid { price, .. } => {
                tally.bid(auction.at);
                held.map(|held| (price, held))
            }
            BidDecision::Skip(reason) => {
                tally.skip(reason);
                None
            }
        };
        stands.push(Stand { seat, offer, bid });
    }
}

/// Ends the auction for one campaign, whose best other bid inside the simulation is `other`.
fn settle<V: Venue>(
    venue: &mut V,
    auction: &Auction,
    stand: &Stand<V::Hold>,
    other: CpmMicros,
    may_win: bool,
) {
    let hall = venue.hall();
    let campaign = stand.seat.campaign;
    let full = scaled(stand.offer.value, hall.most[campaign]);
    let alone = auction.settle(full, other, hall.tie);
    let charge = alone.price.map(|cleared| hall.charge(campaign, auction, stand.offer, cleared));
    let buyer = &hall.buyers[campaign];
    let value = buyer.really(stand.offer.value, auction);
    let cost = Outcome { min_to_win: buyer.really(alone.min_to_win, auction), ..alone };
    hall.tallies[campaign].ask(auction, value, cost, charge);
    let Some((price, held)) = stand.bid else { return };
    let outcome = if may_win {
        auction.settle(price, other, hall.tie)
    } else {
        Outcome { price: None, ..alone }
    };
    match outcome.price {
        None => {
            let is_heard = hall.is_loss_heard(auction.key, campaign);
            venue.lost(stand.seat, auction, held, is_heard);
        }
        Some(cleared) => win(venue, auction, stand, held, cleared),
    }
}

fn win<V: Venue>(
    venue: &mut V,
    auction: &Auction,
    stand: &Stand<V::Hold>,
    held: V::Hold,
    cleared: CpmMicros,
) {
    let seat = stand.seat;
    let times = u64::from(venue.overcharge(seat, auction));
    let hall = venue.hall();
    let mut charge = hall.charge(seat.campaign, auction, stand.offer, cleared);
    charge.price = charge.price.mul_div(times, 1);
    let value = hall.buyers[seat.campaign].really(stand.offer.value, auction);
    let buyer = &hall.buyers[seat.campaign];
    // The bidder tells what it expects; the books hold what that really is on average.
    let expected_results = buyer.results(stand.offer.value);
    let results = buyer.results(value);
    hall.tallies[seat.campaign].win(auction, value, results);
    let heard_at = auction.at + hall.outcome_delay;
    let billing = hall.buyers[seat.campaign].billing;
    let key = win_key(auction.key, hall.buyers[seat.campaign].salt);
    let event = SpendEvent {
        event_id: EventId::from_key(key),
        sequence: None,
        campaign: hall.specs[seat.campaign].id,
        arm: ArmId(0),
        kind: SpendKind::Win,
        win_id: Some(WinId::from_key(key)),
        price: charge.price,
        bill_probability: charge.probability,
        expected_results,
        served_at: Some(auction.at),
        occurred_at: heard_at,
    };
    let billed = SpendEvent {
        event_id: EventId::from_key(win_key(key, 1)),
        kind: SpendKind::Billing,
        bill_probability: Ppb::ONE,
        ..event
    };
    venue.won(seat, auction, held, &charge);
    match billing {
        // Billed as it is won: one event says both.
        Billing::Impression => venue.owe(seat, heard_at, SpendEvent { win_id: None, ..billed }),
        Billing::Click { .. } => {
            venue.owe(seat, heard_at, event);
            if let Some(after) = charge.after {
                let due = heard_at + after;
                let expected_results = Results::ZERO;
                venue.owe(seat, due, SpendEvent { occurred_at: due, expected_results, ..billed });
            }
        }
    }
}

/// Which of `count` bidders gets the auction.
#[must_use]
pub fn place_of(auction: u64, count: usize) -> usize {
    if count <= 1 {
        return 0;
    }
    let word = draw::word(Use::Bidder, 0, auction);
    usize::try_from(word % u64::try_from(count).unwrap_or(1)).unwrap_or(0)
}

/// A run's own number of an auction and a campaign: the id of a win.
const fn win_key(auction: u64, campaign: u64) -> u64 {
    hash::mix(auction ^ hash::mix(campaign))
}

/// A value at the greatest multiplier: what the campaign alone would bid.
fn scaled(value: CpmMicros, most: Ppm) -> CpmMicros {
    if most == Ppm::ONE { value } else { CpmMicros::new(most.of(value.per_impression()).get()) }
}

/// The best bid and whose it is, and the best of the others. Zero stands for none.
fn top_two<H>(stands: &[Stand<H>]) -> ((CpmMicros, Option<usize>), CpmMicros) {
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
