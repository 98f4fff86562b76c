//! Real clients as a venue: each asked as a bidder would ask it, and told what became of its bids.
//!
//! Outcomes and billings fall due in the market's time, in order; nothing is handed to a client
//! before it is due, so that what a client reports of its watermark is true. Knows no truth about
//! the market but through the hall. Called by the hall and by the drive.

use super::link::Link;
use paceline_client::{
    Answer, Fact, Hold, OpportunityCounter, OutcomeReport, OutcomeReporter, OutcomeSettings,
    OutcomeTrial, PacelineClient, PacelineHandle, ReportError, SegmentHandle, Settings,
    SpendReport, SpendReporter,
};
use paceline_core::bid::{AuctionType, BidAsk, BidDecision};
use paceline_core::event::{SpendEvent, SpendKind};
use paceline_core::shade::{BidDraw, PriceRule};
use paceline_core::units::{
    ArmId, CpmMicros, Currency, Name, PartitionId, Ppb, SegmentId, Span, Timestamp,
};
use paceline_sim::agenda::Agenda;
use paceline_sim::hall::{Hall, Seat, Venue, place_of};
use paceline_sim::market::auction::Auction;
use paceline_sim::market::billing::Charge;
use std::sync::Arc;
use std::time::Duration;
use tokio::task::JoinSet;

/// Bids of one client that may be open at a time: half a second's, with room to spare.
const HOLDS_MAX: usize = 16_384;
/// When a client's buffer is full, an event is handed in again so much later.
const HAND_IN_AGAIN: Span = Span::from_secs(1);
/// What is worth telling of the clients at the end, and how it is told.
const FACTS: [(Fact, &str); 10] = [
    (Fact::DrawGranted, "draws granted"),
    (Fact::DrawRefused, "draws refused"),
    (Fact::HoldTimedOut, "holds timed out"),
    (Fact::WonLate, "wins told late"),
    (Fact::Connected, "streams opened"),
    (Fact::Refetched, "tables fetched anew"),
    (Fact::ReportRetried, "reports sent again"),
    (Fact::SpendRefused, "events refused"),
    (Fact::OutcomeReported, "outcomes told"),
    (Fact::OutcomeDropped, "outcomes dropped"),
];

/// One client and what is kept of it.
struct Desk {
    client: PacelineClient,
    handle: PacelineHandle,
    reporter: SpendReporter,
    outcomes: Option<OutcomeReporter>,
    /// Where each segment's schedule is looked up, by index.
    segments: Vec<SegmentHandle>,
    /// By campaign and segment; absent where a campaign does not buy.
    counters: Vec<Option<Arc<OpportunityCounter>>>,
}

/// A bid that is open: what is held for it, and what is told with its outcome.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Open {
    hold: Hold,
    bid: CpmMicros,
    value: CpmMicros,
    floor: CpmMicros,
    price_rule: PriceRule,
    draw: Option<BidDraw>,
}

/// What falls due.
enum Due {
    Lost { seat: Seat, open: Open },
    Won { seat: Seat, open: Open, price: CpmMicros, probability: Ppb },
    Report { campaign: usize, bidder: usize, event: SpendEvent },
}

/// The clients and the hall that they bid in.
pub(crate) struct Floor {
    hall: Hall,
    desks: Vec<Desk>,
    /// Names of the segments, by index.
    segments: Vec<Name>,
    agenda: Agenda<Due>,
    outcome_delay: Span,
    /// Events that no client took, and why the first was not.
    refused: Option<(u64, ReportError)>,
}

/// How many clients of which kind.
pub(crate) struct Staff<'a> {
    /// Ids of the clients, one each.
    pub(crate) ids: Vec<Name>,
    /// Names of the segments, by index.
    pub(crate) segments: &'a [Name],
    /// Entries that their tables must hold.
    pub(crate) entries: usize,
    /// From a bid to its outcome.
    pub(crate) outcome_delay: Span,
    /// Of all prices.
    pub(crate) currency: Currency,
}

impl Floor {
    /// Starts the clients on the current runtime.
    pub(crate) fn open(link: &Link, hall: Hall, staff: Staff<'_>) -> Self {
        let settings =
            Settings { entries_max: staff.entries, holds_max: HOLDS_MAX, ..Settings::default() };
        let desks = staff.ids.into_iter().map(|id| {
            // A service that learns nothing, or of prices in another currency, does not take
            // outcomes: they are dropped and counted.
            let outcomes = OutcomeSettings::new(staff.currency);
            let builder = link.builder().with_bidder_id(id).with_outcomes(outcomes);
            let client = builder.with_settings(settings).start();
            let handle = client.handle();
            let place = |name: &Name| handle.segment(SegmentId::of(name.as_str()));
            Desk {
                segments: staff.segments.iter().map(place).collect(),
                handle,
                reporter: client.reporter(),
                outcomes: client.outcomes(),
                counters: counters(&client, &hall, staff.segments),
                client,
            }
        });
        Self {
            desks: desks.collect(),
            segments: staff.segments.to_vec(),
            hall,
            agenda: Agenda::default(),
            outcome_delay: staff.outcome_delay,
            refused: None,
        }
    }

    /// The market and its books.
    pub(crate) const fn books(&self) -> &Hall {
        &self.hall
    }

    /// Everything due by `now`, and the time told to every client.
    pub(crate) fn attend(&mut self, now: Timestamp) {
        while let Some((at, due)) = self.agenda.take(now) {
            match due {
                Due::Lost { seat, open } => {
                    self.desks[seat.bidder].handle.lost(open.hold);
                    self.tell_outcome(seat, &open, None);
                }
                Due::Won { seat, open, price, probability } => {
                    self.desks[seat.bidder].handle.won(open.hold, price, probability);
                    // What is billed by the click clears at a price that is not told.
                    let paid = (probability == Ppb::ONE).then_some(price);
                    self.tell_outcome(seat, &open, Some(paid));
                    if let Some(counter) = self.counter(seat) {
                        counter.won();
                    }
                }
                Due::Report { campaign, bidder, event } => {
                    self.hand_in(at, campaign, bidder, event);
                }
            }
        }
    }

    /// Tells every client what time it is: one without auctions must know too.
    pub(crate) fn tell(&self, now: Timestamp) {
        for desk in &self.desks {
            let _ = desk.handle.lease_state(PartitionId::default(), now);
        }
    }

    /// What became of a bid goes into its client's next report; `won` with what was paid, if told.
    fn tell_outcome(&mut self, seat: Seat, open: &Open, won: Option<Option<CpmMicros>>) {
        let Some(outcomes) = &self.desks[seat.bidder].outcomes else { return };
        let campaign = &self.hall.specs[seat.campaign].name;
        let trial =
            |draw| OutcomeTrial { campaign: campaign.clone(), draw, value: Some(open.value) };
        // A row that is not taken teaches nothing, and is no fault of the drive.
        let _ = outcomes.report(OutcomeReport {
            segment: self.segments[seat.segment].clone(),
            price_rule: open.price_rule,
            floor: open.floor,
            bid: open.bid,
            won: won.is_some(),
            clearing: won.flatten(),
            min_to_win: None,
            loss_reason: None,
            trial: open.draw.map(trial),
        });
    }

    /// A campaign's answer in a segment.
    fn answer(&self, seat: Seat, auction: &Auction, ask: &BidAsk) -> Answer {
        let campaign = self.hall.specs[seat.campaign].id;
        let desk = &self.desks[seat.bidder];
        match desk.handle.resolve(campaign, ArmId(0)) {
            Some(found) => {
                desk.handle.decide_in(&found, &desk.segments[seat.segment], auction.at, ask)
            }
            None => desk.handle.decide(campaign, ArmId(0), auction.at, ask),
        }
    }

    fn counter(&self, seat: Seat) -> Option<&Arc<OpportunityCounter>> {
        let width = self.hall.market.segments().len();
        self.desks[seat.bidder].counters[seat.campaign * width + seat.segment].as_ref()
    }

    /// An event goes into its client's next report, and money billed into the books.
    fn hand_in(&mut self, at: Timestamp, campaign: usize, bidder: usize, event: SpendEvent) {
        let name = |key: String| Name::try_new(key).expect("sixteen digits are a name");
        let report = SpendReport {
            event_id: name(event.event_id.to_string()),
            campaign: self.hall.specs[campaign].name.clone(),
            arm: event.arm,
            kind: event.kind,
            win_id: event.win_id.map(|id| name(id.to_string())),
            price: event.price,
            bill_probability: event.bill_probability,
            expected_results: event.expected_results,
            served_at: event.served_at,
            occurred_at: event.occurred_at,
        };
        match self.desks[bidder].reporter.report(report) {
            Ok(()) if event.kind == SpendKind::Billing => {
                self.hall.bill(campaign, event.attributed_at(), event.price);
            }
            Ok(()) => {}
            // The service is away; while it is, the market stands still and no more come.
            Err(ReportError::Full) => {
                let again = Due::Report { campaign, bidder, event };
                self.agenda.put(at + HAND_IN_AGAIN, again);
            }
            Err(error) => {
                let (count, first) = self.refused.unwrap_or((0, error));
                self.refused = Some((count + 1, first));
            }
        }
    }

    /// Ends the clients, each once all it has is reported. What went wrong, and what they counted.
    pub(crate) async fn close(self, deadline: Duration) -> (Hall, Vec<String>, String) {
        let Self { hall, desks, refused, .. } = self;
        let told = FACTS.map(|(fact, what)| {
            let count: u64 = desks.iter().map(|desk| desk.handle.count_of(fact)).sum();
            format!("{count} {what}")
        });
        let mut faults = Vec::new();
        if let Some((count, first)) = refused {
            faults.push(format!("{count} events were not taken by a client, the first: {first}"));
        }
        let mut closing = JoinSet::new();
        for desk in desks {
            closing.spawn(desk.client.shut_down(deadline));
        }
        let closed = closing.join_all().await;
        let unsent = closed.iter().filter(|is_all_sent| !**is_all_sent).count();
        if unsent > 0 {
            faults.push(format!("{unsent} clients ended with events that were not acknowledged"));
        }
        (hall, faults, told.join(", "))
    }
}

/// A client's counters of what each campaign sees in each segment that it buys.
fn counters(
    client: &PacelineClient,
    hall: &Hall,
    segments: &[Name],
) -> Vec<Option<Arc<OpportunityCounter>>> {
    let opportunities = client.opportunities();
    let mut counters = vec![None; hall.specs.len() * segments.len()];
    for (campaign, (spec, buyer)) in hall.specs.iter().zip(&hall.buyers).enumerate() {
        for &segment in &buyer.segments {
            counters[campaign * segments.len() + segment] =
                opportunities.counter(&spec.name, &segments[segment], ArmId(0));
        }
    }
    counters
}

impl Venue for Floor {
    type Hold = Open;

    fn hall(&mut self) -> &mut Hall {
        &mut self.hall
    }

    fn turn(&mut self, auction: &Auction) -> usize {
        place_of(auction.key, self.desks.len())
    }

    fn ask(&mut self, seat: Seat, auction: &Auction, ask: &BidAsk) -> (BidDecision, Option<Open>) {
        let answer = self.answer(seat, auction, ask);
        let open = match answer.decision {
            BidDecision::Bid { price, .. } => Some(Open {
                hold: answer.hold,
                bid: price,
                value: ask.value,
                floor: ask.floor,
                price_rule: match ask.auction_type {
                    AuctionType::FirstPrice => PriceRule::First,
                    AuctionType::SecondPrice => PriceRule::Second,
                    AuctionType::FixedPrice(_) => PriceRule::Fixed,
                },
                draw: answer.draw,
            }),
            BidDecision::Skip(_) => None,
        };
        if let Some(counter) = self.counter(seat) {
            counter.asked(answer.decision);
        }
        (answer.decision, open)
    }

    fn lost(&mut self, seat: Seat, auction: &Auction, open: Open, is_heard: bool) {
        // Of one that is not heard of, the client gives up the money by itself.
        if is_heard {
            self.agenda.put(auction.at + self.outcome_delay, Due::Lost { seat, open });
        }
    }

    fn won(&mut self, seat: Seat, auction: &Auction, open: Open, charge: &Charge) {
        // Micros a thousand are nanos each.
        let price = CpmMicros::new(charge.price.get());
        let won = Due::Won { seat, open, price, probability: charge.probability };
        self.agenda.put(auction.at + self.outcome_delay, won);
    }

    fn owe(&mut self, seat: Seat, due: Timestamp, event: SpendEvent) {
        let Seat { campaign, bidder, .. } = seat;
        self.agenda.put(due, Due::Report { campaign, bidder, event });
    }
}
