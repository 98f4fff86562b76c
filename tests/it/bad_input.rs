//! What is wrong gets told by field, value and rule, and disturbs nothing: one list of cases
//! against the real program.
//!
//! Beside every case a healthy campaign runs. After each case its books and what is published of it
//! are as they were, and the service is ready. Each test prints its cases by number, with what was
//! said, so that a reader can count them; run with `--nocapture`.

mod catalogue;
mod files;
mod redis;
mod spend;
mod steering;

use crate::harness::{Service, Setup, until};
use paceline_proto::v1;
use paceline_proto::v1::multiplier_service_client::MultiplierServiceClient;
use paceline_proto::v1::spend_service_client::SpendServiceClient;
use prost_types::Timestamp;
use tonic::transport::Channel;
use tonic::{Response, Status};

/// The healthy campaign's name.
const HEALTHY: &str = "healthy";
/// What it has spent when the cases begin, in nanos.
const SPENT: i64 = 2_500_000_000;

/// A running service with a healthy campaign, and what was told in each case so far.
struct Bench {
    service: Service,
    now: i64,
    before: Option<Standing>,
    told: Vec<String>,
    /// Answers that do not name what they should; all are told at the end.
    faults: Vec<String>,
}

/// What may not change: the campaign's books, and what bidders are told of it.
#[derive(Debug, Clone, PartialEq)]
struct Standing {
    books: v1::Books,
    state: v1::EntryState,
    multiplier_ppm: u32,
    participation_ppm: u32,
}

impl Bench {
    /// Starts the service, enters the campaign, and reports some spend of it.
    async fn new(setup: Setup) -> Self {
        let service = setup.with("loop.tick", "1s").with("lease.valid", "30s").start().await;
        let status = service.admin().get_status(v1::GetStatusRequest {}).await.unwrap();
        let now = status.into_inner().server_time.unwrap().seconds;
        let mut bench = Self { service, now, before: None, told: Vec::new(), faults: Vec::new() };
        let sound = bench.sound_catalogue();
        let answer = bench.service.admin().apply_catalogue(sound).await.unwrap().into_inner();
        assert_eq!((answer.complaints, answer.changed), (Vec::new(), 5));
        let event = bench.billing("first", SPENT);
        let report = v1::ReportSpendRequest { events: vec![event], ..Default::default() };
        let answer = bench.spend().report_spend(report).await.unwrap().into_inner();
        assert_eq!((answer.accepted, answer.refusals), (1, Vec::new()));
        let service = &bench.service;
        let standing = until("the campaign runs and its spend is posted", async || {
            let standing = standing(service).await?;
            let is_well = standing.state == v1::EntryState::Run && standing.books.spent_nanos > 0;
            is_well.then_some(standing)
        })
        .await;
        assert_eq!(standing.books.spent_nanos, SPENT);
        bench.before = Some(standing);
        bench
    }

    /// Two advertisers, a group, the healthy campaign, and one with a law to steer.
    fn sound_catalogue(&self) -> v1::ApplyCatalogueRequest {
        let advertiser = |id: &str, currency: &str| v1::Advertiser {
            advertiser_id: id.to_owned(),
            currency: currency.to_owned(),
            ..Default::default()
        };
        let group = v1::CampaignGroup {
            group_id: "south-all".to_owned(),
            advertiser_id: "south".to_owned(),
            ..Default::default()
        };
        let asap = v1::Campaign { law: v1::PacingLaw::Asap.into(), ..self.campaign(HEALTHY) };
        v1::ApplyCatalogueRequest {
            advertisers: vec![advertiser("north", "USD"), advertiser("south", "EUR")],
            groups: vec![group],
            campaigns: vec![asap, self.campaign("steered")],
            ..Default::default()
        }
    }

    /// A sound campaign of the first advertiser; it runs from yesterday for a month.
    fn campaign(&self, id: &str) -> v1::Campaign {
        let flight = v1::Flight {
            start: Some(self.at(-86_400)),
            end: Some(self.at(30 * 86_400)),
            budget_micros: Some(1_000_000_000),
        };
        v1::Campaign {
            campaign_id: id.to_owned(),
            advertiser_id: "north".to_owned(),
            budgets: Some(v1::Budgets { flights: vec![flight], ..Default::default() }),
            ..Default::default()
        }
    }

    /// A sound billing of the healthy campaign, a minute ago.
    fn billing(&self, event_id: &str, price_nanos: i64) -> v1::SpendEvent {
        v1::SpendEvent {
            event_id: event_id.to_owned(),
            campaign_id: HEALTHY.to_owned(),
            kind: v1::SpendKind::Billing.into(),
            price_nanos,
            occurred_at: Some(self.at(-60)),
            expected_results_millionths: 0,
            ..Default::default()
        }
    }

    /// So many seconds from when the service was started.
    fn at(&self, seconds: i64) -> Timestamp {
        Timestamp { seconds: self.now + seconds, nanos: 0 }
    }

    fn spend(&self) -> SpendServiceClient<Channel> {
        SpendServiceClient::new(self.service.channel())
    }

    fn multipliers(&self) -> MultiplierServiceClient<Channel> {
        MultiplierServiceClient::new(self.service.channel())
    }

    /// One case: what was done, what was said to it, and what that must name. Then looks whether
    /// anything else was disturbed.
    async fn case(&mut self, what: &str, said: String, names: &[&str]) {
        let missing = names.iter().filter(|name| !said.contains(**name));
        self.faults.extend(missing.map(|name| format!("{what}: does not name {name:?}: {said}")));
        let standing = standing(&self.service).await;
        assert_eq!(standing, self.before, "{what}: the healthy campaign is as it was");
        let ready = self.service.get("/readyz").await.map(|(status, _)| status);
        assert_eq!(ready, Some(200), "{what}: the service is ready");
        self.told.push(format!("{what}\n      {}", said.replace('\n', "\n      ")));
    }

    /// Prints the list; the healthy campaign still takes money, to the nano.
    async fn end(self, least: usize) {
        for (at, told) in self.told.iter().enumerate() {
            println!("{:4}. {told}", at + 1);
        }
        assert!(self.faults.is_empty(), "\n{}", self.faults.join("\n"));
        let count = self.told.len();
        assert!(count >= least, "{count} cases, at least {least} are due");
        let event = self.billing("last", 7);
        let report = v1::ReportSpendRequest { events: vec![event], ..Default::default() };
        assert_eq!(self.spend().report_spend(report).await.unwrap().into_inner().accepted, 1);
        let service = &self.service;
        until("the last event is posted", async || {
            let standing = standing(service).await?;
            (standing.books.spent_nanos == SPENT + 7).then_some(())
        })
        .await;
    }
}

/// How the healthy campaign stands now.
async fn standing(service: &Service) -> Option<Standing> {
    let mut admin = service.admin();
    let asked =
        v1::GetTotalsRequest { campaign_ids: vec![HEALTHY.to_owned()], ..Default::default() };
    let totals = admin.get_totals(asked).await.ok()?.into_inner();
    let lines = admin.list_campaigns(v1::ListCampaignsRequest::default()).await.ok()?.into_inner();
    let line = lines.campaigns.into_iter().find(|line| line.campaign_id == HEALTHY)?;
    Some(Standing {
        books: totals.totals.into_iter().next()?.books?,
        state: line.state(),
        multiplier_ppm: line.multiplier_ppm,
        participation_ppm: line.participation_ppm,
    })
}

/// What a call that must be refused was told.
fn refused<T: std::fmt::Debug>(answer: Result<Response<T>, Status>) -> String {
    let status = answer.expect_err("the call is refused");
    format!("{:?}: {}", status.code(), status.message())
}

#[tokio::test]
async fn every_bad_input_is_told_by_field_value_and_rule() {
    let mut bench = Bench::new(Setup::embedded()).await;
    spend::events(&mut bench).await;
    spend::reports(&mut bench).await;
    catalogue::items(&mut bench).await;
    catalogue::shapes(&mut bench).await;
    steering::hands(&mut bench).await;
    steering::decisions(&mut bench).await;
    steering::bidders(&mut bench).await;
    files::configurations(&mut bench).await;
    files::folder_in_use(&mut bench).await;
    bench.end(90).await;
}

#[tokio::test]
async fn bad_keys_in_redis_are_told_by_name() {
    let Some(setup) = Setup::of(crate::harness::StoreArm::Redis).await else { return };
    let setup = setup.with("counters.enabled", "true").with("counters.poll_interval", "100ms");
    let mut bench = Bench::new(setup).await;
    redis::entries(&mut bench).await;
    redis::counters(&mut bench).await;
    redis::types(&mut bench).await;
    redis::partitions(&mut bench).await;
    bench.end(12).await;
}
