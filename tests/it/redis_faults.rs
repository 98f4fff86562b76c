//! Redis fails in every way it can: slow, gone and back, an answer cut in half, a key of another
//! type. Spend is refused and not lost, the law stands still, leases are renewed for a while and
//! then not.

use crate::harness::{Service, Setup, StoreArm, until};
use crate::proxy::{Line, Proxy};
use paceline_proto::v1;
use paceline_proto::v1::multiplier_service_client::MultiplierServiceClient;
use paceline_proto::v1::spend_service_client::SpendServiceClient;
use prost_types::Timestamp;
use std::time::Duration;
use tonic::{Code, Status};

/// How long leases are renewed without a log: longer than a lead lasts without renewal, which is
/// no longer than a table's lease.
const BLIND_SECS: i64 = 12;
/// A table's lease.
const LEASE_SECS: i64 = 5;

/// A service whose line to Redis can be harmed, with one campaign.
struct Bench {
    service: Service,
    line: Proxy,
    now: i64,
    /// Nanos that were acknowledged.
    acknowledged: i64,
    reports: u64,
}

impl Bench {
    async fn new() -> Option<Self> {
        let setup = Setup::of(StoreArm::Redis).await?;
        let server = setup.redis().unwrap().url();
        let target = server.strip_prefix("redis://").unwrap().parse().unwrap();
        let line = Proxy::start(target).await;
        let service = setup
            .with("store.redis_url", &format!("redis://{}", line.address()))
            .with("store.command_timeout", "1s")
            .with("loop.tick", "1s")
            .with("loop.blind_limit", &format!("{BLIND_SECS}s"))
            .with("lease.valid", &format!("{LEASE_SECS}s"))
            .with("log.checkpoint_interval", "1s")
            .start()
            .await;
        let status = service.admin().get_status(v1::GetStatusRequest {}).await.unwrap();
        let now = status.into_inner().server_time.unwrap().seconds;
        let bench = Self { service, line, now, acknowledged: 0, reports: 0 };
        bench.enter_campaign().await;
        Some(bench)
    }

    async fn enter_campaign(&self) {
        let at = |seconds| Some(Timestamp { seconds: self.now + seconds, nanos: 0 });
        let flight =
            v1::Flight { start: at(-3_600), end: at(86_400), budget_micros: Some(1_000_000_000) };
        let campaign = v1::Campaign {
            campaign_id: "shoes".to_owned(),
            advertiser_id: "acme".to_owned(),
            budgets: Some(v1::Budgets { flights: vec![flight], ..Default::default() }),
            ..Default::default()
        };
        let advertiser = v1::Advertiser {
            advertiser_id: "acme".to_owned(),
            currency: "EUR".to_owned(),
            ..Default::default()
        };
        let request = v1::ApplyCatalogueRequest {
            advertisers: vec![advertiser],
            campaigns: vec![campaign],
            ..Default::default()
        };
        let told = self.service.admin().apply_catalogue(request).await.unwrap().into_inner();
        assert_eq!(told.complaints, []);
    }

    /// One report of the next event; what was acknowledged is added up.
    async fn report(&mut self) -> Result<(), Status> {
        let number = self.reports + 1;
        let event = v1::SpendEvent {
            event_id: format!("e{number}"),
            sequence: Some(number),
            campaign_id: "shoes".to_owned(),
            kind: v1::SpendKind::Billing.into(),
            price_nanos: 1_000 + i64::try_from(number).unwrap(),
            occurred_at: Some(Timestamp { seconds: self.now, nanos: 0 }),
            expected_results_millionths: 0,
            ..Default::default()
        };
        let price = event.price_nanos;
        let request = v1::ReportSpendRequest {
            producer_id: Some("p".to_owned()),
            reported_through: None,
            events: vec![event],
        };
        let mut spend = SpendServiceClient::new(self.service.channel());
        spend.report_spend(request).await?;
        self.reports = number;
        self.acknowledged += price;
        Ok(())
    }

    /// Reports the next event until it is acknowledged.
    async fn report_through(&mut self) {
        until("the report is acknowledged", async || match self.report().await {
            Ok(()) => Some(()),
            Err(status) => {
                assert_eq!(status.code(), Code::Unavailable, "{status}");
                None
            }
        })
        .await;
    }

    /// The books are what was acknowledged, not more and not less.
    async fn is_exact(&self) {
        let mut spend = SpendServiceClient::new(self.service.channel());
        let question =
            v1::ReportSpendRequest { producer_id: Some("p".to_owned()), ..Default::default() };
        let held = spend.report_spend(question).await.unwrap().into_inner().sequence_max;
        assert_eq!(held, Some(self.reports));
        let asked = v1::GetTotalsRequest::default();
        let told = self.service.admin().get_totals(asked).await.unwrap().into_inner();
        let books = told.totals[0].books.unwrap();
        assert_eq!((books.spent_nanos, books.suspense_nanos), (self.acknowledged, 0));
    }

    /// The table as a reader by poll finds it: generation, entries and until when it is fresh.
    async fn table(&self) -> Option<((u32, u64), Vec<u8>, i64)> {
        let mut reader = MultiplierServiceClient::new(self.service.channel());
        let answer = reader.get_multipliers(v1::GetMultipliersRequest::default()).await.ok()?;
        let update = answer.into_inner().updates.into_iter().next()?;
        let valid_until = update.lease?.valid_until?.seconds;
        match update.news? {
            v1::partition_update::News::Page(page) => {
                let generation = page.generation?;
                let generation = (generation.epoch, generation.sequence);
                Some((generation, page.entries.to_vec(), valid_until))
            }
            _ => None,
        }
    }

    /// What time it is there.
    async fn time(&self) -> Option<i64> {
        let told = self.service.admin().get_status(v1::GetStatusRequest {}).await.ok()?;
        Some(told.into_inner().server_time?.seconds)
    }

    async fn readiness(&self) -> Option<u16> {
        self.service.get("/readyz").await.map(|(status, _)| status)
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn while_redis_is_gone_spend_is_kept_the_law_stands_and_leases_end_in_time() {
    let Some(mut bench) = Bench::new().await else { return };
    bench.report_through().await;
    let (generation, entries, _) = until("a table with the campaign", async || {
        bench.table().await.filter(|(_, entries, _)| !entries.is_empty())
    })
    .await;
    bench.line.set(Line::Cut);
    let refused = until("spend is refused", async || bench.report().await.err()).await;
    assert_eq!(refused.code(), Code::Unavailable, "{refused}");
    until("readiness is gone", async || (bench.readiness().await? == 503).then_some(())).await;
    // The last round before the cut may be one or two beyond the first look.
    let (frozen, held, cut_at) = bench.table().await.unwrap();
    assert!(frozen >= generation && held.len() == entries.len());
    // Renewed beyond the end of the lead, and no more once the last round is too old.
    let beyond = cut_at + BLIND_SECS - LEASE_SECS - 2;
    let mut latest = cut_at;
    until("the lease is renewed for as long as the blind limit", async || {
        let (now, entries, valid_until) = bench.table().await?;
        assert_eq!((now, &entries), (frozen, &held), "the law stands still");
        assert!(valid_until >= latest);
        latest = valid_until;
        (latest > beyond).then_some(())
    })
    .await;
    let ends = cut_at + BLIND_SECS + 1;
    until("the last lease has run out", async || {
        let (_, _, valid_until) = bench.table().await?;
        assert!(valid_until <= ends, "{valid_until} is beyond {ends}");
        (bench.time().await? > ends).then_some(())
    })
    .await;
    bench.line.set(Line::Sound);
    bench.report_through().await;
    until("readiness is back", async || (bench.readiness().await? == 200).then_some(())).await;
    let newer =
        until("rounds go on", async || bench.table().await.filter(|(now, _, _)| *now > frozen))
            .await;
    assert!(newer.0.0 >= frozen.0, "terms only grow");
    bench.is_exact().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slow_line_and_halved_answers_lose_and_repeat_nothing() {
    let Some(mut bench) = Bench::new().await else { return };
    bench.line.set(Line::Slow(Duration::from_millis(60)));
    for _ in 0..3 {
        bench.report_through().await;
    }
    for _ in 0..4 {
        bench.line.set(Line::Halve);
        bench.report_through().await;
        bench.line.set(Line::Sound);
        bench.report_through().await;
    }
    until("readiness is back", async || (bench.readiness().await? == 200).then_some(())).await;
    bench.is_exact().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_checkpoint_that_cannot_be_written_is_counted_and_the_loop_goes_on() {
    let Some(mut bench) = Bench::new().await else { return };
    let server = bench.service.redis().unwrap();
    for side in ["a", "b"] {
        server.say::<()>(&["DEL", &format!("{{paceline:000}}:checkpoint:{side}")]).await;
        server.say::<()>(&["SET", &format!("{{paceline:000}}:checkpoint:{side}"), "x"]).await;
    }
    let failed = "paceline_checkpoints_total{result=\"failed\"}";
    until("two checkpoints failed", async || {
        let (_, page) = bench.service.get("/metrics").await?;
        let line = page.lines().find(|line| line.starts_with(failed))?;
        (line.rsplit(' ').next()?.parse::<f64>().ok()? >= 2.0).then_some(())
    })
    .await;
    let before = bench.table().await.unwrap().0;
    until("rounds go on in the same term", async || {
        let (now, _, _) = bench.table().await?;
        assert_eq!(now.0, before.0);
        (now.1 > before.1 + 2).then_some(())
    })
    .await;
    assert_eq!(bench.readiness().await, Some(200));
    bench.report_through().await;
    bench.is_exact().await;
    let server = bench.service.redis().unwrap();
    for side in ["a", "b"] {
        server.say::<()>(&["DEL", &format!("{{paceline:000}}:checkpoint:{side}")]).await;
    }
    until("a checkpoint was written again", async || {
        let kept: Option<String> = server.say(&["HGET", "{paceline:000}:checkpoint", "side"]).await;
        let side = kept?;
        let parts: u64 =
            server.say(&["HLEN", &format!("{{paceline:000}}:checkpoint:{side}")]).await;
        (parts > 0).then_some(())
    })
    .await;
}
