//! A sender that repeats a batch until it is acknowledged, by each of the three ways in.

use super::trace::Billing;
use crate::harness::{DEADLINE, Service, until};
use crate::proxy::Proxy;
use crate::server::Server;
use paceline_proto::v1;
use paceline_proto::v1::spend_service_client::SpendServiceClient;
use prost_types::Timestamp;
use redis::aio::MultiplexedConnection;
use std::collections::{BTreeMap, HashSet};
use std::time::Duration;
use tonic::transport::{Channel, Endpoint};

/// Who sends.
const PRODUCER: &str = "trace";
/// The longest wait for one answer before the same is sent again.
const PATIENCE: Duration = Duration::from_secs(5);

/// How an event is known again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ids {
    /// By its id.
    Opaque,
    /// By the sender's own count.
    Counted,
}

/// By which way spend comes in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Way {
    /// `ReportSpend`.
    Report(Ids),
    /// `XADD`.
    Stream(Ids),
    /// `HINCRBY`.
    Counters,
}

/// What it takes to send.
pub(super) struct Sender {
    way: Way,
    spend: SpendServiceClient<Channel>,
    redis: Option<MultiplexedConnection>,
    /// The hash tag of each campaign's partition.
    tags: BTreeMap<String, String>,
    /// Events that were counted: `HINCRBY` cannot be repeated, so its writer must know.
    counted: HashSet<String>,
}

impl Sender {
    pub(super) async fn new(way: Way, front: &Proxy, service: &Service) -> Self {
        let url = format!("http://{}", front.address());
        let channel = Endpoint::from_shared(url).unwrap().connect_lazy();
        let mut tags = BTreeMap::new();
        for campaign in ["c1", "c2", "c3"] {
            let advertiser_id = format!("advertiser-of-{campaign}");
            let asked = v1::PartitionOfRequest { advertiser_id };
            let told = service.admin().partition_of(asked).await.unwrap().into_inner();
            tags.insert(campaign.to_owned(), format!("{{paceline:{:03}}}", told.partition));
        }
        let redis = match service.redis() {
            Some(server) => Some(server.connection().await),
            None => None,
        };
        let spend = SpendServiceClient::new(channel);
        Self { way, spend, redis, tags, counted: HashSet::new() }
    }

    /// Sends a batch until it is acknowledged.
    pub(super) async fn send(&mut self, batch: &[Billing]) {
        match self.way {
            Way::Report(ids) => self.report(batch, ids).await,
            Way::Stream(ids) => self.add(batch, ids).await,
            Way::Counters => self.count(batch).await,
        }
    }

    async fn report(&mut self, batch: &[Billing], ids: Ids) {
        let event = |billing: &Billing| v1::SpendEvent {
            event_id: billing.event_id.clone(),
            sequence: (ids == Ids::Counted).then_some(billing.sequence),
            campaign_id: billing.campaign.clone(),
            kind: v1::SpendKind::Billing.into(),
            price_nanos: billing.price_nanos,
            occurred_at: Some(instant(billing.occurred_at_us)),
            expected_results_millionths: 0,
            ..Default::default()
        };
        let request = v1::ReportSpendRequest {
            producer_id: Some(PRODUCER.to_owned()),
            reported_through: None,
            events: batch.iter().map(event).collect(),
        };
        let spend = &self.spend;
        let acknowledged = until("the batch is acknowledged", async || {
            let mut spend = spend.clone();
            let asked = spend.report_spend(request.clone());
            match tokio::time::timeout(PATIENCE, asked).await {
                Ok(Ok(answer)) => Some(answer.into_inner()),
                Ok(Err(status)) => {
                    let again =
                        [tonic::Code::Unavailable, tonic::Code::Unknown, tonic::Code::Cancelled];
                    assert!(again.contains(&status.code()), "{status}");
                    None
                }
                Err(_) => None,
            }
        })
        .await;
        assert_eq!(usize::try_from(acknowledged.accepted).unwrap(), batch.len());
    }

    /// Redis acknowledges; the service takes the entries when it is there.
    async fn add(&mut self, batch: &[Billing], ids: Ids) {
        let mut commands = redis::pipe();
        for billing in batch {
            let command =
                commands.cmd("XADD").arg(format!("{}:in:spend", self.tags[&billing.campaign]));
            command.arg("*").arg("campaign").arg(&billing.campaign);
            command.arg("event_id").arg(&billing.event_id).arg("kind").arg("billing");
            command.arg("price_nanos").arg(billing.price_nanos);
            command.arg("occurred_at_us").arg(billing.occurred_at_us);
            if ids == Ids::Counted {
                command.arg("producer").arg(PRODUCER).arg("sequence").arg(billing.sequence);
            }
            command.ignore();
        }
        let mut redis = self.redis.clone().unwrap();
        commands.query_async::<()>(&mut redis).await.unwrap();
    }

    /// Into today's counters, each event once.
    async fn count(&mut self, batch: &[Billing]) {
        let mut redis = self.redis.clone().unwrap();
        let (seconds, _): (i64, i64) = redis::cmd("TIME").query_async(&mut redis).await.unwrap();
        let mut commands = redis::pipe();
        for billing in batch {
            if self.counted.insert(billing.event_id.clone()) {
                let key = format!("{}:spend:{}", self.tags[&billing.campaign], day(seconds));
                let command = commands.cmd("HINCRBY").arg(key);
                command.arg(&billing.campaign).arg(billing.price_nanos).ignore();
            }
        }
        commands.query_async::<()>(&mut redis).await.unwrap();
    }

    /// Waits until everything acknowledged is in the books.
    pub(super) async fn until_taken(&self, service: &Service) {
        if let Some(server) = service.redis() {
            until("the streams are taken", async || {
                for tag in self.tags.values() {
                    if server.say::<u64>(&["XLEN", &format!("{tag}:in:spend")]).await > 0 {
                        return None;
                    }
                }
                Some(())
            })
            .await;
        }
        // A report of nothing is answered from books that hold all that is in the log.
        let question =
            v1::ReportSpendRequest { producer_id: Some(PRODUCER.to_owned()), ..Default::default() };
        let mut spend = SpendServiceClient::new(service.channel());
        let answer = tokio::time::timeout(DEADLINE, spend.report_spend(question)).await.unwrap();
        answer.unwrap();
    }
}

/// How far all streams have been taken into the logs.
pub(super) async fn positions(server: &Server) -> Vec<Option<String>> {
    let mut positions = Vec::new();
    for partition in 0..4 {
        let key = format!("{{paceline:{partition:03}}}:in:position");
        positions.push(server.say(&["HGET", &key, "spend"]).await);
    }
    positions
}

fn instant(micros: i64) -> Timestamp {
    let nanos = i32::try_from(micros.rem_euclid(1_000_000) * 1_000).unwrap();
    Timestamp { seconds: micros.div_euclid(1_000_000), nanos }
}

/// The name of the UTC day that holds a second since 1970, as counters' keys have it.
fn day(seconds: i64) -> String {
    let date = jiff::Timestamp::from_second(seconds).unwrap().to_zoned(jiff::tz::TimeZone::UTC);
    date.strftime("%Y%m%dT0000Z").to_string()
}
