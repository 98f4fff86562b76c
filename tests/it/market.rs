//! Bidders with real clients in a made-up market, on a fast clock that they share with the service.
//!
//! Every auction is offered to every campaign. What the rivals bid runs evenly through its range,
//! so that spend follows the multiplier without luck: at multiplier λ a campaign wins the share λ
//! of its auctions. Keeps books of its own of everything served. Used by the tests that need
//! traffic.

use crate::harness::Service;
use paceline::clock::Clock;
use paceline_client::{Builder, PacelineClient, SpendReport};
use paceline_core::bid::{AuctionType, BidAsk, BidDecision};
use paceline_core::event::SpendKind;
use paceline_core::hash::mix;
use paceline_core::table::LeaseState;
use paceline_core::units::{
    ArmId, CampaignId, CpmMicros, Name, Nanos, PartitionId, Ppb, Results, Span, Timestamp,
};
use paceline_proto::v1;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};
use tokio::task::JoinHandle;

/// What every impression is worth, and the dearest rival, in nanos.
pub(crate) const VALUE: i64 = 2_000_000;
/// Auctions a bidder sees in a second of the market's time.
pub(crate) const AUCTIONS_PER_SECOND: i64 = 5;
/// How often a bidder looks for auctions that are due.
const STEP: Duration = Duration::from_millis(2);

/// Time that passes faster than the world's, the same for every process that is told of it.
#[derive(Clone)]
pub(crate) struct FastClock {
    clock: Clock,
    factor: u32,
    since: i64,
}

impl FastClock {
    /// Begins now.
    pub(crate) fn new(factor: u32) -> Self {
        #[expect(clippy::disallowed_methods, reason = "the test's world begins now")]
        let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap();
        let since = i64::try_from(since.as_secs()).unwrap();
        let clock = Clock::scaled_since(factor, Timestamp::from_micros(since * 1_000_000));
        Self { clock, factor, since }
    }

    /// What the service is told of it.
    pub(crate) fn setting(&self) -> String {
        format!("scaled:{}@{}", self.factor, self.since)
    }

    /// When it began.
    pub(crate) fn since(&self) -> Timestamp {
        Timestamp::from_micros(self.since * 1_000_000)
    }

    /// What time it is.
    pub(crate) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// Lets a span of the market's time pass.
    pub(crate) async fn pass(&self, span: Span) {
        self.clock.sleep(span).await;
    }
}

/// A campaign of the market: its budget for a day from the clock's beginning, and its law.
pub(crate) struct Order {
    pub(crate) name: String,
    pub(crate) budget_micros: i64,
    pub(crate) law: v1::PacingLaw,
}

/// Enters or edits campaigns.
pub(crate) async fn enter(service: &Service, clock: &FastClock, orders: &[Order]) {
    let answer = service.admin().apply_catalogue(catalogue(clock, orders)).await;
    let complaints = answer.unwrap().into_inner().complaints;
    assert!(complaints.is_empty(), "{complaints:?}");
}

/// What enters them.
pub(crate) fn catalogue(clock: &FastClock, orders: &[Order]) -> v1::ApplyCatalogueRequest {
    let at =
        |at: Timestamp| prost_types::Timestamp { seconds: at.as_micros() / 1_000_000, nanos: 0 };
    let advertiser = v1::Advertiser {
        advertiser_id: "market".to_owned(),
        currency: "EUR".to_owned(),
        ..v1::Advertiser::default()
    };
    let campaign = |order: &Order| v1::Campaign {
        campaign_id: order.name.clone(),
        advertiser_id: "market".to_owned(),
        budgets: Some(v1::Budgets {
            flights: vec![v1::Flight {
                start: Some(at(clock.since())),
                end: Some(at(clock.since() + Span::DAY)),
                budget_micros: Some(order.budget_micros),
            }],
            ..v1::Budgets::default()
        }),
        law: order.law.into(),
        ..v1::Campaign::default()
    };
    v1::ApplyCatalogueRequest {
        advertisers: vec![advertiser],
        campaigns: orders.iter().map(campaign).collect(),
        ..v1::ApplyCatalogueRequest::default()
    }
}

/// One impression served.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Sale {
    pub(crate) campaign: CampaignId,
    pub(crate) at: Timestamp,
    pub(crate) cost: Nanos,
}

/// A step of the lease as the bidder saw it: the last time it was in the state before, and the
/// first time in the new one.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Turn {
    pub(crate) before: Timestamp,
    pub(crate) at: Timestamp,
    pub(crate) state: LeaseState,
}

/// What a bidder writes down.
#[derive(Debug, Default)]
struct Books {
    sales: Mutex<Vec<Sale>>,
    turns: Mutex<Vec<Turn>>,
    is_stopped: AtomicBool,
    /// Auctions at a time instead of those that are due.
    burst: AtomicU64,
    /// The longest time between two looks, in microseconds of the market's time.
    widest: AtomicI64,
}

/// A bidder at work.
pub(crate) struct Bidder {
    client: PacelineClient,
    books: Arc<Books>,
    task: JoinHandle<()>,
}

impl Bidder {
    /// Connects and bids for these campaigns from now on.
    pub(crate) fn start(
        name: &str,
        service: &Service,
        clock: &FastClock,
        campaigns: &[&str],
    ) -> Self {
        Self::start_with(Builder::new(service.channel()), name, clock, campaigns)
    }

    /// The same with a client that is not quite the usual one.
    pub(crate) fn start_with(
        builder: Builder,
        name: &str,
        clock: &FastClock,
        campaigns: &[&str],
    ) -> Self {
        let client = builder.with_bidder_id(Name::try_new(name).unwrap()).start();
        let books = Arc::new(Books::default());
        let offers = campaigns.iter().map(|campaign| Offer::new(&client, name, campaign));
        let desk = Desk {
            handle: client.handle(),
            reporter: client.reporter(),
            clock: clock.clone(),
            books: Arc::clone(&books),
            name: name.to_owned(),
            offers: offers.collect(),
            begun: clock.now(),
            held: 0,
            sold: 0,
        };
        #[expect(clippy::disallowed_methods, reason = "the test's own bidder has no tracker")]
        let task = tokio::spawn(desk.run());
        Self { client, books, task }
    }

    /// Everything served so far.
    pub(crate) fn sales(&self) -> Vec<Sale> {
        self.books.sales.lock().unwrap().clone()
    }

    /// Every step of the lease so far.
    pub(crate) fn turns(&self) -> Vec<Turn> {
        self.books.turns.lock().unwrap().clone()
    }

    /// The longest time between two looks so far: how far its clock may have seemed behind.
    pub(crate) fn widest_gap(&self) -> Span {
        Span::from_micros(self.books.widest.load(Ordering::Relaxed))
    }

    /// Bids in a tight loop, this many auctions at a time; 0: for the auctions that are due.
    pub(crate) fn burst(&self, auctions: u64) {
        self.books.burst.store(auctions, Ordering::Relaxed);
    }

    /// Stops bidding and waits until everything is reported.
    pub(crate) async fn stop(self) -> Vec<Sale> {
        self.books.is_stopped.store(true, Ordering::Relaxed);
        self.task.await.unwrap();
        let is_reported = self.client.shut_down(crate::harness::DEADLINE).await;
        assert!(is_reported, "the service takes what is left");
        self.books.sales.lock().unwrap().clone()
    }
}

/// A campaign as one bidder sees it.
struct Offer {
    name: Name,
    id: CampaignId,
    counter: Arc<paceline_client::OpportunityCounter>,
    /// Where in their range its rivals begin.
    phase: u64,
}

impl Offer {
    fn new(client: &PacelineClient, bidder: &str, campaign: &str) -> Self {
        let name = Name::try_new(campaign).unwrap();
        let segment = Name::try_new("market").unwrap();
        let counter = client.opportunities().counter(&name, &segment, ArmId(0)).unwrap();
        let phase = paceline_core::hash::key(format!("{bidder}/{campaign}").as_bytes());
        Self { id: CampaignId::of(campaign), name, counter, phase }
    }
}

/// What a bidder works with.
struct Desk {
    handle: paceline_client::PacelineHandle,
    reporter: paceline_client::SpendReporter,
    clock: FastClock,
    books: Arc<Books>,
    name: String,
    offers: Vec<Offer>,
    begun: Timestamp,
    held: u64,
    sold: u64,
}

impl Desk {
    async fn run(mut self) {
        let mut interval = tokio::time::interval(STEP);
        interval.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let mut lease = (self.begun, LeaseState::Safe);
        while !self.books.is_stopped.load(Ordering::Relaxed) {
            interval.tick().await;
            let now = self.clock.now();
            self.books.widest.fetch_max((now - lease.0).as_micros(), Ordering::Relaxed);
            let state = self.handle.lease_state(PartitionId(0), now);
            if state != lease.1 {
                let turn = Turn { before: lease.0, at: now, state };
                self.books.turns.lock().unwrap().push(turn);
            }
            lease = (now, state);
            let elapsed = (now - self.begun).as_micros();
            let due = u64::try_from(elapsed * AUCTIONS_PER_SECOND / 1_000_000).unwrap();
            let burst = self.books.burst.load(Ordering::Relaxed);
            let count = if burst > 0 { burst } else { due.saturating_sub(self.held) };
            for auction in self.held..self.held + count {
                self.hold(auction);
            }
            // What was held in a burst is not held again.
            self.held = due.max(self.held);
        }
    }

    fn hold(&mut self, auction: u64) {
        for place in 0..self.offers.len() {
            let offer = &self.offers[place];
            let now = self.clock.now();
            let ask = BidAsk {
                auction: mix(auction ^ offer.phase),
                impression: 0,
                value: CpmMicros::new(VALUE),
                floor: CpmMicros::ZERO,
                auction_type: AuctionType::SecondPrice,
            };
            let answer = self.handle.decide(offer.id, ArmId(0), now, &ask);
            offer.counter.asked(answer.decision);
            let BidDecision::Bid { price, .. } = answer.decision else { continue };
            let rival = rival(offer.phase, auction);
            if price < rival {
                self.handle.lost(answer.hold);
                continue;
            }
            self.handle.won(answer.hold, rival, Ppb::ONE);
            offer.counter.won();
            self.sell(place, now, rival.per_impression());
        }
    }

    fn sell(&mut self, place: usize, at: Timestamp, cost: Nanos) {
        let offer = &self.offers[place];
        self.books.sales.lock().unwrap().push(Sale { campaign: offer.id, at, cost });
        self.sold += 1;
        let report = SpendReport {
            event_id: Name::try_new(format!("{}-{}", self.name, self.sold)).unwrap(),
            campaign: offer.name.clone(),
            arm: ArmId(0),
            kind: SpendKind::Billing,
            win_id: None,
            price: cost,
            bill_probability: Ppb::ONE,
            expected_results: Results::ZERO,
            served_at: Some(at),
            occurred_at: at,
        };
        self.reporter.report(report).expect("the buffer holds more than an outage's sales");
    }
}

/// The best rival: steps of the golden ratio run evenly through its range.
fn rival(phase: u64, auction: u64) -> CpmMicros {
    let step = auction.wrapping_mul(0x9e37_79b9_7f4a_7c15).wrapping_add(phase) >> 32;
    CpmMicros::new(((i64::try_from(step).unwrap() * VALUE) >> 32).max(1))
}
