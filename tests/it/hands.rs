//! Hands on the wheel: what an operator does by the command line reaches a bidder within a tick,
//! ends by itself, and lets go without a jolt.

use crate::harness::{Service, Setup, until};
use crate::orders;
use jiff::{SignedDuration, Timestamp};
use paceline_client::{Builder, PacelineClient};
use paceline_core::bid::{AuctionType, BidAsk, BidDecision, SkipReason};
use paceline_core::units::{ArmId, CampaignId, CpmMicros, Name};
use paceline_proto::v1;
use paceline_proto::v1::spend_service_client::SpendServiceClient;
use serde_json::Value;
use std::collections::BTreeMap;
use std::time::Duration;
use tokio::time::Instant;

/// The service's default.
const TICK: SignedDuration = SignedDuration::from_secs(10);
/// What a value of one unit per thousand is paced to, in parts per million: the multiplier.
const VALUE: i64 = 1_000_000;
/// One campaign for each kind of hand.
const NAMES: [&str; 4] = ["paused", "frozen", "fixed", "capped"];

/// What a bidder would do for a campaign now: its bid in micros, or why there is none.
fn bid(client: &PacelineClient, campaign: &str, now: Timestamp) -> Result<i64, SkipReason> {
    let now = paceline_core::units::Timestamp::from_micros(now.as_microsecond());
    let ask = BidAsk {
        auction: 7,
        impression: 0,
        value: CpmMicros::new(VALUE),
        floor: CpmMicros::ZERO,
        auction_type: AuctionType::FirstPrice,
    };
    let handle = client.handle();
    let answer = handle.decide(CampaignId::of(campaign), ArmId(0), now, &ask);
    match answer.decision {
        BidDecision::Bid { price, .. } => {
            handle.lost(answer.hold);
            Ok(price.get())
        }
        BidDecision::Skip(reason) => Err(reason),
    }
}

async fn explain(service: &Service, campaign: &str) -> Value {
    service.ctl(&["explain", campaign, "--json"]).await.json()
}

fn time(value: &Value) -> Timestamp {
    value.as_str().unwrap().parse().unwrap()
}

/// Lays a hand on each of the four campaigns, for so long, and returns when each ends.
async fn lay_hands(service: &Service, lasts: &str) -> BTreeMap<&'static str, Value> {
    let mut hands = BTreeMap::new();
    for (name, words) in NAMES.into_iter().zip([
        ["pause", "paused", ""],
        ["freeze", "frozen", ""],
        ["fix", "fixed", "35%"],
        ["cap", "capped", "25%"],
    ]) {
        let rest = ["--for", lasts, "--reason", "a test", "--json"];
        let words = words.into_iter().filter(|word| !word.is_empty());
        let words: Vec<&str> = words.chain(rest).collect();
        hands.insert(name, service.ctl(&words).await.json());
    }
    hands
}

/// What a bidder would do for each of the four.
fn bids(client: &PacelineClient, now: Timestamp) -> [Result<i64, SkipReason>; 4] {
    NAMES.map(|name| bid(client, name, now))
}

#[tokio::test]
async fn hands_reach_a_bidder_within_a_tick_and_end_by_themselves() {
    let service = Setup::embedded().start().await;
    orders::enter(&service, &NAMES, "800.00 USD").await;
    let name = Name::try_new("bidder-1").unwrap();
    let client = Builder::new(service.channel()).with_bidder_id(name).start();
    let before = until("the bidder bids for all four", async || {
        let bids = bids(&client, orders::now(&service).await);
        bids.iter().all(Result::is_ok).then_some(bids)
    })
    .await;

    let hands = lay_hands(&service, "12s").await;
    let laid = Instant::now();
    let held = [Err(SkipReason::Paused), before[1], Ok(350_000), Ok(250_000)];
    until("the bidder obeys", async || {
        (bids(&client, orders::now(&service).await) == held).then_some(())
    })
    .await;
    assert!(laid.elapsed() <= Duration::from_secs(10), "within a tick: {:?}", laid.elapsed());
    let codes =
        [("paused", "paused"), ("frozen", "frozen"), ("fixed", "fixed"), ("capped", "capped")];
    for (campaign, code) in codes {
        let told = explain(&service, campaign).await;
        assert_eq!(told["reasons"][0]["code"], code, "{told:#}");
        assert_eq!(told["overrides"][0]["reason"], "a test");
        assert!(told["overrides"][0]["author"].as_str().unwrap().starts_with("rpc from"));
        assert!(told["allowance_outstanding_nanos"].is_i64());
    }
    let status = service.ctl(&["status", "--json"]).await.json();
    let bidders = &status["partitions"][0]["bidder_list"];
    assert!(bidders[0]["runs"]["sequence"].as_u64().unwrap() > 0, "{bidders:#}");

    for campaign in NAMES {
        let end = time(&hands[campaign]["expires_at"]);
        let told = until("the hand has ended", async || {
            let told = explain(&service, campaign).await;
            told["overrides"].as_array().unwrap().is_empty().then_some(told)
        })
        .await;
        assert_eq!(told["state"], "run");
        assert!(
            !["paused", "frozen", "fixed", "capped"]
                .contains(&told["reasons"][0]["code"].as_str().unwrap())
        );
        // The first round after its end; a busy machine may be a second late with it.
        let late = time(&told["as_of"]).duration_since(end);
        assert!(late <= TICK + SignedDuration::from_secs(1), "{campaign} ended {late:?} late");
    }
    until("the bidder bids again for the paused one", async || {
        bid(&client, "paused", orders::now(&service).await).ok()
    })
    .await;
    assert!(client.shut_down(Duration::from_secs(10)).await);
}

/// A market in which spend follows λ^1.5, as one with many rivals does, and each campaign is on its
/// plan at the multiplier it starts from: nothing but a hand moves it.
struct Market {
    sequence: u64,
    spent_to: Timestamp,
    /// Nanos a minute at full speed.
    full: f64,
}

impl Market {
    async fn new(service: &Service) -> Self {
        let rate = until("a round has planned", async || {
            let told = explain(service, "paused").await;
            told["owners"][0]["plan"]["rate_nanos_per_minute"].as_f64().filter(|rate| *rate > 0.0)
        })
        .await;
        Self { sequence: 0, spent_to: orders::now(service).await, full: rate / 0.3_f64.powf(1.5) }
    }

    /// Spends since the last step at the multipliers in force; returns those, with the service's
    /// time.
    async fn step(&mut self, service: &Service) -> (Timestamp, BTreeMap<&'static str, u32>) {
        let now = orders::now(service).await;
        let minutes = now.duration_since(self.spent_to).as_secs_f64() / 60.0;
        let mut events = Vec::new();
        let mut multipliers = BTreeMap::new();
        for name in NAMES {
            let request = v1::ExplainCampaignRequest { campaign_id: name.to_owned(), arm: 0 };
            let told = service.admin().explain_campaign(request).await.unwrap().into_inner();
            let is_on = told.state == i32::from(v1::EntryState::Run);
            multipliers.insert(name, told.multiplier_ppm);
            let multiplier = f64::from(told.multiplier_ppm) / 1e6;
            let speed = if is_on { multiplier.powf(1.5) } else { 0.0 };
            #[expect(clippy::cast_possible_truncation, reason = "some thousands of nanos")]
            let nanos = (self.full * speed * minutes) as i64;
            if nanos > 0 {
                self.sequence += 1;
                let id = format!("e-{}", self.sequence);
                let event = orders::billing(&id, name, nanos, now);
                events.push(v1::SpendEvent { sequence: Some(self.sequence), ..event });
            }
        }
        self.spent_to = now;
        let request = v1::ReportSpendRequest {
            producer_id: Some("market".to_owned()),
            reported_through: Some(orders::message(now)),
            events,
        };
        let told = SpendServiceClient::new(service.channel()).report_spend(request).await;
        assert_eq!(told.unwrap().into_inner().refusals, []);
        (now, multipliers)
    }
}

#[tokio::test]
async fn letting_go_in_a_stationary_market_moves_nothing_for_ten_minutes() {
    let service = Setup::embedded().with("clock.kind", "scaled:60").start().await;
    orders::enter(&service, &NAMES, "80000.00 USD").await;
    let mut market = Market::new(&service).await;
    let warm = market.spent_to + SignedDuration::from_mins(3);
    while market.step(&service).await.0 < warm {}
    let hands = lay_hands(&service, "5m").await;
    let ends: BTreeMap<&str, Timestamp> =
        hands.iter().map(|(name, hand)| (*name, time(&hand["expires_at"]))).collect();
    let last = *ends.values().max().unwrap() + SignedDuration::from_mins(11);
    let mut released: BTreeMap<&str, u32> = BTreeMap::new();
    let mut worst: BTreeMap<&str, f64> = BTreeMap::new();
    loop {
        let (now, multipliers) = market.step(&service).await;
        for (name, multiplier) in multipliers {
            let end = ends[name];
            if now <= end {
                // What is applied until it ends; a pause applies nothing and keeps what stood.
                released.insert(name, multiplier);
            } else if now <= end + SignedDuration::from_mins(10) {
                let moved = (f64::from(multiplier) / f64::from(released[name])).ln().abs();
                let most = worst.entry(name).or_default();
                *most = most.max(moved);
            }
        }
        if now > last {
            break;
        }
    }
    eprintln!("|ln λ − ln λ(release)| at most: {worst:?}");
    assert_eq!((released["fixed"], released["capped"]), (350_000, 250_000));
    assert_eq!(worst.len(), NAMES.len(), "each was watched for ten minutes: {worst:?}");
    for (name, moved) in worst {
        assert!(moved <= 0.05, "{name} moved by {moved}");
    }
}
