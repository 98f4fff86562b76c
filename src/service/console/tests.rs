//! The pages of a real loop, on the store in memory and a clock that is moved by hand.

mod addresses;
mod budgets;
mod past;
mod search;
mod segments;
mod tree;
mod waits;
mod writes;

use super::*;
use crate::clock::{Clock, Replay};
use crate::control_loop::{self, LoopHandle, LoopParts, LoopSettings};
use crate::directory::Directory;
use crate::publish::Publisher;
use crate::store::{EmbeddedStore, LeadClaim, Store};
use axum::body::{Body, to_bytes};
use axum::http::{HeaderMap, Request};
use hyper::service::Service;
use hyper_util::service::TowerToHyperService;
use paceline_core::budget::{Budgets, Flight};
use paceline_core::campaign::{
    AdvertiserSpec, BillingEvent, CampaignSpec, CampaignStatus, DeliveryMode, DeliveryTerms,
    LawChoice, RefundPolicy, ShadingTerms, SpendSource,
};
use paceline_core::engine::{Applied, EngineConfig, ShadingMarket};
use paceline_core::event::{SpendBatch, SpendEvent, SpendKind};
use paceline_core::input::{CalendarChange, Input, LocalDay, LocalHour};
use paceline_core::shade::ShaderConfig;
use paceline_core::units::{
    AdvertiserId, ArmId, Currency, Epoch, EventId, Name, Nanos, PacingMultiplier, Ppb, ProducerId,
    Results, Span, Timestamp, Window, ZoneId,
};
use paceline_view::CONTENT_SECURITY_POLICY;
use std::sync::mpsc;
use std::thread::JoinHandle;

const UTC: ZoneId = ZoneId::of("UTC");
/// 2027-01-15T00:00:00Z.
const MIDNIGHT: i64 = 1_799_971_200;
const HOSTILE: &str = "<script>alert(1)</script>/..?#\"&";

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_micros((MIDNIGHT + seconds) * 1_000_000)
}

fn window(start: i64, end: i64) -> Window {
    Window::try_new(at(start), at(end)).unwrap()
}

fn days() -> Input {
    let month = window(0, 30 * 86_400);
    let days = (0..30_i64).map(|day| {
        let start = day * 86_400;
        let hours = (0..24_i64).map(|hour| LocalHour {
            window: window(start + hour * 3_600, start + (hour + 1) * 3_600),
            hour_of_week: u8::try_from((day + 4) % 7 * 24 + hour).unwrap(),
        });
        LocalDay { window: window(start, start + 86_400), month, hours: hours.collect() }
    });
    Input::Calendar(CalendarChange { zone: UTC, days: days.collect() })
}

fn advertiser() -> Input {
    Input::Advertiser(AdvertiserSpec {
        id: AdvertiserId::of("Acme"),
        name: Name::try_new("Acme").unwrap(),
        currency: Currency::try_new("EUR").unwrap(),
        zone: UTC,
        zone_name: Name::try_new("UTC").unwrap(),
        budgets: Budgets::default(),
        holidays: Vec::new(),
    })
}

fn campaign(name: &str, budget: i64) -> Input {
    Input::Campaign(campaign_spec(name, budget))
}

fn campaign_spec(name: &str, budget: i64) -> CampaignSpec {
    let flight = Flight { window: window(0, 86_400), budget: Some(Nanos::from_units(budget)) };
    CampaignSpec {
        id: CampaignId::of(name),
        name: Name::try_new(name).unwrap(),
        advertiser: AdvertiserId::of("Acme"),
        group: None,
        budgets: Budgets { flights: vec![flight], caps: Vec::new() },
        delivery: DeliveryMode::Even,
        terms: DeliveryTerms::default(),
        law: LawChoice::LogPid,
        billing: BillingEvent::Impression,
        spend_source: SpendSource::Events,
        refund_policy: RefundPolicy::Hold,
        shading: ShadingTerms::default(),
        multiplier_max: PacingMultiplier::ONE,
        value_cap: None,
        returns: None,
        shape: None,
        status: CampaignStatus::Active,
    }
}

/// A loop, its pages, and a way to move time.
struct Bench {
    handle: LoopHandle,
    thread: JoinHandle<()>,
    partitions: Partitions,
    history: History,
    replay: Replay,
    spent: u64,
}

impl Bench {
    fn on(store: &Store) -> Self {
        let (clock, replay) = Clock::replayed(at(0));
        let (partition, directory) = (PartitionId(0), Directory::default());
        let publisher = Publisher::new(partition);
        let settings = LoopSettings {
            holder: "test".to_owned(),
            is_alone: false,
            lead_span: Span::DAY.times(2),
            checkpoint_interval: Span::DAY,
            ..LoopSettings::default()
        };
        let currency = Currency::try_new("EUR").unwrap();
        let market = ShadingMarket { currency, shader: ShaderConfig::default() };
        let (handle, thread) = control_loop::start(LoopParts {
            partition,
            store: store.clone(),
            clock: clock.clone(),
            engine: EngineConfig { shading: Some(market), ..EngineConfig::default() },
            settings,
            publisher: publisher.clone(),
            directory: directory.clone(),
        })
        .unwrap();
        let loops = vec![(handle.clone(), publisher)];
        let partitions = Partitions::new(loops, directory, store.clone(), clock);
        Self { handle, thread, partitions, history: History::new(), replay, spent: 0 }
    }

    /// Keeps the loop from answering until the first of what is given back is sent something.
    async fn busy(&self) -> (mpsc::Sender<()>, tokio::task::JoinHandle<()>) {
        let (let_go, held) = mpsc::channel::<()>();
        let (begun, is_begun) = tokio::sync::oneshot::channel();
        let handle = self.handle.clone();
        let asks = async move {
            let asked = handle.ask(move |_| {
                _ = begun.send(());
                _ = held.recv();
            });
            asked.await.unwrap();
        };
        #[expect(clippy::disallowed_methods, reason = "the test's own question has no tracker")]
        let busy = tokio::spawn(asks);
        is_begun.await.unwrap();
        (let_go, busy)
    }

    /// Leads, and has these campaigns with these budgets.
    async fn with(campaigns: &[(&str, i64)]) -> Self {
        let bench = Self::on(&memory());
        let mut inputs = vec![days(), advertiser()];
        inputs.extend(campaigns.iter().map(|(name, budget)| campaign(name, *budget)));
        inputs.push(Input::Tick);
        bench.submit(inputs).await;
        bench
    }

    /// Submits once the loop leads, within ten seconds.
    async fn submit(&self, inputs: Vec<Input>) {
        for _ in 0..2_000 {
            if self.handle.facts().leads() {
                break;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        for answer in self.handle.submit(inputs).await.unwrap() {
            assert!(!matches!(answer, Applied::Refused(_)), "{answer:?}");
        }
    }

    /// An amount is billed at a second of the day; then a round decides.
    async fn spend(&mut self, second: i64, name: &str, price: Nanos) {
        self.replay.advance_to(at(second));
        self.spent += 1;
        let event = SpendEvent {
            event_id: EventId::from_key(self.spent),
            sequence: Some(self.spent),
            campaign: CampaignId::of(name),
            arm: ArmId(0),
            kind: SpendKind::Billing,
            win_id: None,
            price,
            bill_probability: Ppb::ONE,
            expected_results: Results::ZERO,
            served_at: None,
            occurred_at: at(second) - Span::from_secs(1),
        };
        let batch = SpendBatch {
            producer: Some(ProducerId::of("bidder")),
            reported_through: Some(at(second)),
            events: vec![event],
        };
        self.submit(vec![Input::Spend(batch), Input::Tick]).await;
        history::observe(&self.partitions, &self.history).await;
    }

    async fn page(&self, path: &str) -> (StatusCode, HeaderMap, String) {
        let router = routes(self.partitions.clone(), self.history.clone());
        let request = Request::get(path).body(Body::empty()).unwrap();
        let answer = TowerToHyperService::new(router).call(request).await.unwrap();
        let (head, body) = answer.into_parts();
        let body = to_bytes(body, 4 << 20).await.unwrap();
        (head.status, head.headers, String::from_utf8(body.to_vec()).unwrap())
    }

    async fn ok(&self, path: &str) -> String {
        let (status, _, body) = self.page(path).await;
        assert_eq!(status, StatusCode::OK, "{body}");
        body
    }

    async fn end(self) {
        self.handle.stop().await;
        self.thread.join().unwrap();
    }
}

fn memory() -> Store {
    Store::from(EmbeddedStore::in_memory(1).unwrap())
}

/// Leaves a page beside the build, where a person can look at it.
fn keep(name: &str, html: &str) {
    let program = std::env::current_exe().unwrap();
    let folder = program.ancestors().nth(2).unwrap().join("console");
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(folder.join(name), html).unwrap();
}

#[tokio::test]
async fn the_portfolio_shows_what_was_spent_by_whom() {
    let mut bench = Bench::with(&[("Spring sale", 2_400), ("Brand", 240)]).await;
    for step in 1..=60 {
        let price = Nanos::from_units(1 + step % 3);
        bench.spend(step * 60, "Spring sale", price).await;
    }
    let html = bench.ok("/").await;
    keep("portfolio.html", &html);
    assert!(html.contains("120.00 EUR"), "spent so far");
    assert!(html.contains("<a href=\"/campaigns/Spring%20sale\">Spring sale</a>"));
    assert!(html.contains("2 running") && html.contains("2,400.00"));
    assert!(html.contains("0 paused, 0 exhausted, 0 at safe values"));
    assert!(html.contains("leads 1 of 1 partitions"));
    assert!(html.contains("Spend against plan, EUR") && html.contains("http-equiv=\"refresh\""));
    let html = bench.ok("/campaigns/Spring%20sale").await;
    keep("campaign.html", &html);
    assert!(html.contains("advertiser Acme") && html.contains("budget 2,400.00 EUR"));
    assert!(html.contains("The law of the binding owner decides."));
    assert!(html.contains("campaign Spring sale") && html.contains("log PID"));
    assert!(html.contains("2,280.00"), "available in the account of the flight");
    assert!(html.contains("There is no override on it."));
    assert!(html.contains("Will have spent") && html.contains("at the flight's end"));
    assert!(html.contains("its budgets"), "what limits the forecast");
    bench.end().await;
}

#[tokio::test]
async fn a_hostile_name_is_only_text() {
    let bench = Bench::with(&[(HOSTILE, 100)]).await;
    let href = words::campaign_href(HOSTILE);
    for path in ["/", href.as_str()] {
        let (status, headers, html) = bench.page(path).await;
        assert_eq!(status, StatusCode::OK, "{path}");
        assert!(!html.contains("<script"), "{path}");
        assert!(html.contains("&lt;script&gt;alert(1)&lt;/script&gt;"), "{path}");
        assert_eq!(headers["content-security-policy"], CONTENT_SECURITY_POLICY);
        assert_eq!(headers["x-content-type-options"], "nosniff");
        assert_eq!(headers["x-frame-options"], "DENY");
        assert_eq!(headers["cache-control"], "no-store");
    }
    bench.end().await;
}

#[tokio::test]
async fn two_hundred_campaigns_fill_a_page() {
    let names: Vec<String> = (0..450).map(|index| format!("c{index:03}")).collect();
    let campaigns: Vec<(&str, i64)> = names.iter().map(|name| (name.as_str(), 10)).collect();
    let mut bench = Bench::with(&campaigns).await;
    bench.spend(60, "c321", Nanos::from_units(5)).await;
    for (page, first, last, count) in [
        (1, "c000", "c199", 200),
        (2, "c200", "c399", 200),
        (3, "c400", "c449", 50),
        (9, "", "", 0),
    ] {
        let html = bench.ok(&format!("/?sort=name&page={page}")).await;
        assert_eq!(html.matches("href=\"/campaigns/").count(), count, "page {page}");
        assert!(html.contains(first) && html.contains(last));
        assert!(html.contains(&format!("Page {page} of 3")));
    }
    let html = bench.ok("/?sort=spend").await;
    let first = html.find("/campaigns/").unwrap();
    assert!(html[first..].starts_with("/campaigns/c321\""));
    let html = bench.ok("/").await;
    assert!(!html.contains("/campaigns/c321\""), "the one ahead of its plan comes last");
    bench.end().await;
}

#[tokio::test]
async fn after_the_last_flight_spend_is_measured_against_nothing() {
    let mut bench = Bench::with(&[("Spring sale", 2_400)]).await;
    bench.spend(60, "Spring sale", Nanos::from_units(2)).await;
    let html = bench.ok("/").await;
    assert!(html.contains("% of plan") && !html.contains("no flight with a budget is on"));
    bench.replay.advance_to(at(86_400 + 60));
    bench.submit(vec![Input::Tick]).await;
    let html = bench.ok("/").await;
    assert!(html.contains("2.00 EUR") && html.contains("no flight with a budget is on"), "{html}");
    assert!(!html.contains("% of plan"), "{html}");
    bench.end().await;
}

#[tokio::test]
async fn what_is_not_there_has_a_way_back() {
    let bench = Bench::with(&[]).await;
    assert!(bench.ok("/").await.contains("There are no campaigns yet."));
    for path in ["/nowhere", "/campaigns/nobody", "/campaigns/%FF"] {
        let (status, _, html) = bench.page(path).await;
        assert_eq!(status, StatusCode::NOT_FOUND, "{path}");
        assert!(html.contains("<a href=\"/\">Back to the portfolio</a>"), "{path}");
    }
    bench.end().await;
}

#[tokio::test]
async fn who_leads_instead_is_told_by_name() {
    let store = memory();
    let claim = LeadClaim {
        holder: "other:7001".to_owned(),
        span: Span::DAY.times(2),
        above: Epoch(0),
        now: at(0),
    };
    let _ = store.acquire_lead(PartitionId(0), &claim).await.unwrap();
    let bench = Bench::on(&store);
    let (status, _, html) = bench.page("/").await;
    assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE);
    let told = "Partition 0 is led by other:7001: look at its console.";
    assert!(html.contains(told), "{html}");
    for path in ["/audit", "/overrides"] {
        assert!(bench.ok(path).await.contains(told), "{path}");
    }
    bench.end().await;
}
