//! Exact money: a faulty trace of spend, sent to a service that is killed again and again, comes to
//! the truth to the nano; and sent once more with every event twice, to the same.
//!
//! The trace is of three campaigns in arrival order, with events repeated, late and out of order.
//! Its times are shifted so that the first arrival is now. The sender repeats a batch until it is
//! acknowledged; the service is killed at five batches, at three of them after it had made the
//! batch durable and before anybody was told.

mod sender;
mod trace;

use crate::harness::{Service, Setup, StoreArm, until};
use crate::proxy::{Line, Proxy};
use paceline_proto::v1;
use sender::{Ids, Sender, Way};
use std::collections::BTreeMap;
use trace::{Trace, Truth};

/// At which batches the service is killed, and how: by a generator that everybody can repeat.
struct Kills(BTreeMap<usize, Kill>);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kill {
    /// At any moment while the batch is under way.
    AnyTime,
    /// When the batch is in the log and its acknowledgement on the way.
    Unacknowledged,
}

impl Kills {
    fn of(seed: u64, batches: usize) -> Self {
        let mut state = seed;
        let mut kills = BTreeMap::new();
        while kills.len() < 5 {
            // Knuth's constants for 64 bits; the upper bits are good enough.
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            let batch = usize::try_from(state >> 33).unwrap() % batches;
            let kind = if kills.len() < 3 { Kill::Unacknowledged } else { Kill::AnyTime };
            kills.entry(batch).or_insert(kind);
        }
        Self(kills)
    }
}

/// A service with the trace's campaigns, and the relays before and behind it.
struct Bench {
    service: Service,
    /// Between sender and service.
    front: Proxy,
    /// Between service and Redis; absent with the embedded store.
    back: Option<Proxy>,
    trace: Trace,
}

impl Bench {
    async fn new(arm: StoreArm, source: v1::SpendSource) -> Option<Self> {
        let trace = Trace::read()?;
        let mut setup = Setup::of(arm)
            .await?
            .with("partitions", "4")
            .with("loop.tick", "1s")
            // A killed leader's lead runs out before the next one starts.
            .with("loop.lead", "2s");
        let mut back = None;
        if let Some(server) = setup.redis() {
            let target = server.url().strip_prefix("redis://").unwrap().parse().unwrap();
            let proxy = Proxy::start(target).await;
            let url = format!("redis://{}", proxy.address());
            setup = setup
                .with("store.redis_url", &url)
                .with("store.command_timeout", "2s")
                .with("counters.enabled", "true")
                .with("counters.poll_interval", "100ms");
            back = Some(proxy);
        }
        let service = setup.start().await;
        let front = Proxy::start(service.grpc()).await;
        let told = service.admin().apply_catalogue(trace.catalogue(source)).await.unwrap();
        assert_eq!(told.into_inner().complaints, []);
        Some(Self { service, front, back, trace })
    }

    /// Sends every batch until it is acknowledged, with kills on the way.
    async fn send_all(&mut self, way: Way, kills: &Kills, copies: usize) {
        let batches = self.trace.batches(copies);
        let mut sender = Sender::new(way, &self.front, &self.service).await;
        for (number, batch) in batches.iter().enumerate() {
            match kills.0.get(&number) {
                None => sender.send(batch).await,
                Some(kill) => {
                    eprintln!("batch {number}: {kill:?}");
                    let (front, back) = (&self.front, self.back.as_ref());
                    let killed = kill_while(&mut self.service, front, back, way, *kill);
                    tokio::join!(sender.send(batch), killed);
                }
            }
        }
        sender.until_taken(&self.service).await;
    }

    /// What the books say, and how often each verdict was given in this life of the service's log:
    /// as an operator's script reads it.
    async fn totals(&self) -> (Truth, BTreeMap<String, u64>) {
        let told = self.service.ctl(&["totals", "--json"]).await.json();
        let spent = |totals: &serde_json::Value| {
            let name = totals["campaign_id"].as_str().unwrap().to_owned();
            let books = &totals["books"];
            assert_eq!(books["suspense_nanos"], 0, "{name}");
            (name, books["spent_nanos"].as_i64().unwrap())
        };
        let verdicts = told["verdicts"].as_object().unwrap().iter();
        let verdicts = verdicts.map(|(word, count)| (word.clone(), count.as_u64().unwrap()));
        (told["campaigns"].as_array().unwrap().iter().map(spent).collect(), verdicts.collect())
    }

    /// The books are the truth, and nothing was judged but posted or seen before.
    async fn is_exact(&self) {
        let (spent, verdicts) = self.totals().await;
        assert_eq!(spent, self.trace.truth);
        // Late ones are those of yesterday, when the test runs just after midnight.
        let known = ["posted", "duplicate", "posted_late"];
        assert!(verdicts.keys().all(|word| known.contains(&word.as_str())), "{verdicts:?}");
        assert!(verdicts["posted"] > 0, "{verdicts:?}");
    }
}

/// Kills the service as told and starts it again.
async fn kill_while(
    service: &mut Service,
    front: &Proxy,
    back: Option<&Proxy>,
    way: Way,
    kill: Kill,
) {
    if kill == Kill::Unacknowledged {
        match (way, back) {
            (Way::Report(_), _) => {
                let before = front.swallowed();
                front.set(Line::Swallow);
                until("the service answered", async || (front.swallowed() > before).then_some(()))
                    .await;
            }
            // The service's own call to Redis: done, and the answer to it lost.
            (Way::Stream(_), Some(back)) => {
                let server = service.redis().unwrap();
                let before = sender::positions(server).await;
                back.set(Line::SwallowAfter(b":in:refused"));
                until("the service took entries", async || {
                    (sender::positions(server).await != before).then_some(())
                })
                .await;
            }
            (Way::Counters, Some(back)) => {
                back.set(Line::SwallowAfter(b":epoch"));
                until("the service appended", async || {
                    (back.line() == Line::Swallow).then_some(())
                })
                .await;
            }
            (Way::Stream(_) | Way::Counters, None) => panic!("streams are of Redis"),
        }
    }
    service.kill();
    front.set(Line::Sound);
    back.inspect(|back| back.set(Line::Sound));
    service.restart().await;
}

/// Once with kills, once more with every event twice.
async fn through(arm: StoreArm, way: Way, seed: u64) {
    let Some(mut bench) = Bench::new(arm, v1::SpendSource::Events).await else { return };
    let batches = bench.trace.batches(1).len();
    bench.send_all(way, &Kills::of(seed, batches), 1).await;
    bench.is_exact().await;
    let none = Kills(BTreeMap::new());
    bench.send_all(way, &none, 2).await;
    bench.is_exact().await;
    // And after yet another life.
    bench.service.restart().await;
    bench.is_exact().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn reports_to_the_embedded_store_come_to_the_truth() {
    through(StoreArm::Embedded, Way::Report(Ids::Opaque), 2259).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn reports_to_redis_come_to_the_truth() {
    through(StoreArm::Redis, Way::Report(Ids::Counted), 2260).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn entries_of_the_stream_come_to_the_truth() {
    through(StoreArm::Redis, Way::Stream(Ids::Opaque), 2261).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn counters_come_to_the_truth() {
    let Some(mut bench) = Bench::new(StoreArm::Redis, v1::SpendSource::Counters).await else {
        return;
    };
    let batches = bench.trace.batches(1).len();
    bench.send_all(Way::Counters, &Kills::of(2262, batches), 1).await;
    let bench = &bench;
    until("the counters are read", async || {
        let (spent, _) = bench.totals().await;
        (spent == bench.trace.truth).then_some(())
    })
    .await;
}
