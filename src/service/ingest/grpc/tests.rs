//! Reports against two real loops on the store in memory, on a clock that stands still.

use super::*;
use crate::clock::{Clock, Replay};
use crate::control_loop::{self, LoopParts, LoopSettings};
use crate::directory::Directory;
use crate::publish::Publisher;
use crate::store::{EmbeddedStore, Offset, Store};
use crate::wire::instant_message;
use paceline_core::budget::Budgets;
use paceline_core::campaign::{
    BillingEvent, CampaignSpec, CampaignStatus, DeliveryMode, DeliveryTerms, LawChoice,
    RefundPolicy, ShadingTerms, SpendSource,
};
use paceline_core::engine::EngineConfig;
use paceline_core::input::Input;
use paceline_core::units::{
    AdvertiserId, CampaignId, Name, PacingMultiplier, PartitionId, Timestamp,
};
use std::time::Duration;
use tonic::Code;

const NOW: i64 = 1_800_000_000_000_000;

fn spec(name: &str) -> CampaignSpec {
    CampaignSpec {
        id: CampaignId::of(name),
        name: Name::try_new(name).unwrap(),
        advertiser: AdvertiserId::of("a"),
        group: None,
        budgets: Budgets { flights: Vec::new(), caps: Vec::new() },
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

struct Bench {
    intake: Intake,
    store: Store,
    _replay: Replay,
}

impl Bench {
    /// Two partitions; `zero` and `one` are campaigns of the partition they are named after.
    async fn new() -> Self {
        let (clock, replay) = Clock::replayed(Timestamp::from_micros(NOW));
        let store = Store::from(EmbeddedStore::in_memory(2).unwrap());
        let directory = Directory::default();
        let loops = (0..2).map(|number| {
            let partition = PartitionId(number);
            let publisher = Publisher::new(partition);
            let parts = LoopParts {
                partition,
                store: store.clone(),
                clock: clock.clone(),
                engine: EngineConfig { partition, ..EngineConfig::default() },
                settings: LoopSettings { holder: "test".to_owned(), ..LoopSettings::default() },
                publisher: publisher.clone(),
                directory: directory.clone(),
            };
            (control_loop::start(parts).unwrap().0, publisher)
        });
        let loops: Vec<_> = loops.collect();
        directory.learn(PartitionId(0), std::iter::once(&spec("zero")));
        directory.learn(PartitionId(1), std::iter::once(&spec("one")));
        for (handle, _) in &loops {
            for _ in 0..2_000 {
                if handle.facts().leads() {
                    break;
                }
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
            assert!(handle.facts().leads(), "no lead within ten seconds");
        }
        let partitions = Partitions::new(loops, directory, store.clone(), clock);
        Self { intake: Intake::new(partitions, 4, &TaskTracker::new()), store, _replay: replay }
    }

    /// What reports put into a partition's log.
    async fn log(&self, partition: u8) -> Vec<Input> {
        let records = self.store.read(PartitionId(partition), Offset::START, 1_000).await.unwrap();
        let is_ours =
            |input: &Input| matches!(input, Input::Lead(_) | Input::Tick | Input::Published(_));
        let is_told = |input: &Input| !is_ours(input);
        records.into_iter().map(|(_, record)| record.input).filter(is_told).collect()
    }

    async fn report(
        &self,
        events: Vec<v1::SpendEvent>,
        through: Option<i64>,
    ) -> v1::ReportSpendResponse {
        let request = v1::ReportSpendRequest {
            producer_id: Some("p".to_owned()),
            reported_through: through.map(Timestamp::from_micros).map(instant_message),
            events,
        };
        self.intake.report_spend(Request::new(request)).await.unwrap().into_inner()
    }
}

fn event(campaign: &str, sequence: u64) -> v1::SpendEvent {
    v1::SpendEvent {
        event_id: format!("e{sequence}"),
        sequence: Some(sequence),
        campaign_id: campaign.to_owned(),
        kind: v1::SpendKind::Billing.into(),
        price_nanos: 5,
        occurred_at: Some(instant_message(Timestamp::from_micros(NOW))),
        expected_results_millionths: 0,
        ..Default::default()
    }
}

/// How far a producer has looked.
fn through(input: Input) -> Option<Timestamp> {
    match input {
        Input::Spend(batch) => batch.reported_through,
        _ => None,
    }
}

/// All at once.
async fn futures_of<F: Future>(futures: Vec<F>) -> Vec<F::Output> {
    let mut waiting: Vec<_> = futures.into_iter().map(Box::pin).collect();
    let mut done = Vec::new();
    std::future::poll_fn(|context| {
        let mut at = 0;
        while at < waiting.len() {
            match waiting[at].as_mut().poll(context) {
                std::task::Poll::Ready(output) => {
                    done.push(output);
                    drop(waiting.swap_remove(at));
                }
                std::task::Poll::Pending => at += 1,
            }
        }
        if waiting.is_empty() { std::task::Poll::Ready(()) } else { std::task::Poll::Pending }
    })
    .await;
    done
}

/// Sequences of a batch's events, or those that went elsewhere, in order of the log.
fn sequences(inputs: &[Input]) -> Vec<(&'static str, Vec<u64>)> {
    let told = |input: &Input| match input {
        Input::Spend(batch) => {
            ("here", batch.events.iter().filter_map(|event| event.sequence).collect())
        }
        Input::Elsewhere(elsewhere) => ("elsewhere", elsewhere.sequences.clone()),
        other => panic!("unexpected {other:?}"),
    };
    inputs.iter().map(told).collect()
}

#[tokio::test]
async fn events_go_to_their_partition_and_their_numbers_to_every_other() {
    let bench = Bench::new().await;
    let events = vec![event("zero", 1), event("one", 2), event("nobody", 3)];
    let answer = bench.report(events, None).await;
    assert_eq!((answer.accepted, answer.sequence_max), (3, Some(3)));
    let zero = bench.log(0).await;
    assert_eq!(sequences(&zero), [("elsewhere", vec![2]), ("here", vec![1, 3])]);
    let one = bench.log(1).await;
    assert_eq!(sequences(&one), [("elsewhere", vec![1, 3]), ("here", vec![2])]);
}

#[tokio::test]
async fn an_empty_report_tells_every_partition_how_far_the_producer_has_looked() {
    let bench = Bench::new().await;
    let answer = bench.report(Vec::new(), Some(NOW)).await;
    assert_eq!((answer.accepted, answer.sequence_max), (0, None));
    for partition in 0..2 {
        let log = bench.log(partition).await;
        let through = log.iter().find_map(|input| match input {
            Input::Spend(batch) => batch.reported_through,
            _ => None,
        });
        assert_eq!(through, Some(Timestamp::from_micros(NOW)), "partition {partition}");
    }
}

#[tokio::test]
async fn a_producer_that_restarted_is_told_where_to_go_on() {
    let bench = Bench::new().await;
    assert_eq!(bench.report(Vec::new(), None).await.sequence_max, None);
    let _ = bench.report(vec![event("zero", 1), event("one", 2)], None).await;
    assert_eq!(bench.report(Vec::new(), None).await.sequence_max, Some(2));
}

#[tokio::test]
async fn a_refused_event_leaves_the_others_accepted() {
    let bench = Bench::new().await;
    let bad = v1::SpendEvent { price_nanos: -1, ..event("one", 2) };
    let answer = bench.report(vec![event("zero", 1), bad], None).await;
    assert_eq!(answer.accepted, 1);
    let told: Vec<_> =
        answer.refusals.iter().map(|refusal| (refusal.index, refusal.field.as_str())).collect();
    assert_eq!(told, [(1, "price_nanos")]);
    assert_eq!(sequences(&bench.log(1).await), [("elsewhere", vec![1])]);
}

#[tokio::test]
async fn a_report_that_is_too_long_is_refused_whole() {
    let bench = Bench::new().await;
    let events = (1..=5).map(|sequence| event("zero", sequence)).collect();
    let request = v1::ReportSpendRequest {
        producer_id: Some("p".to_owned()),
        reported_through: None,
        events,
    };
    let status = bench.intake.report_spend(Request::new(request)).await.unwrap_err();
    assert_eq!(status.code(), Code::InvalidArgument);
    assert_eq!(status.message(), "events is 5 long and must be at most 4 long");
    assert_eq!(bench.log(0).await, []);
}

#[tokio::test]
async fn counts_go_to_their_partition() {
    let bench = Bench::new().await;
    let count = |campaign: &str| v1::OpportunityCount {
        campaign_id: campaign.to_owned(),
        asks: 10,
        bids: 4,
        wins: 1,
        ..Default::default()
    };
    let request = v1::ReportOpportunitiesRequest {
        producer_id: Some("p".to_owned()),
        sequence: Some(1),
        reported_through: Some(instant_message(Timestamp::from_micros(NOW))),
        counts: vec![count("zero"), count("one")],
    };
    let answer = bench.intake.report_opportunities(Request::new(request)).await.unwrap();
    assert_eq!(answer.into_inner().accepted, 2);
    for (partition, campaign) in [(0, "zero"), (1, "one")] {
        let log = bench.log(partition).await;
        let [Input::Opportunities(batch)] = log.as_slice() else { panic!("{log:?}") };
        let named: Vec<_> = batch.counts.iter().map(|count| count.campaign).collect();
        assert_eq!(named, [CampaignId::of(campaign)]);
    }
}

#[tokio::test]
async fn watermarks_of_many_reports_are_one_record_a_producer() {
    let bench = Bench::new().await;
    let reports = (0..40).map(|number| {
        let request = v1::ReportSpendRequest {
            producer_id: Some(format!("p{}", number % 4)),
            reported_through: Some(instant_message(Timestamp::from_micros(NOW - number))),
            events: Vec::new(),
        };
        bench.intake.report_spend(Request::new(request))
    });
    let answers = futures_of(reports.collect()).await;
    assert!(answers.iter().all(Result::is_ok));
    for partition in 0..2 {
        let looked: Vec<_> = bench.log(partition).await.into_iter().filter_map(through).collect();
        // One round would do; a busy machine may need a few.
        assert!(looked.len() <= 4 * 4, "{} records in partition {partition}", looked.len());
        assert_eq!(looked.into_iter().max(), Some(Timestamp::from_micros(NOW)));
    }
}

#[tokio::test]
async fn a_watermark_does_not_hold_up_money() {
    let bench = Bench::new().await;
    let quiet = bench.report(Vec::new(), Some(NOW));
    let money = bench.report(vec![event("zero", 1)], None);
    let (quiet, money) = tokio::join!(quiet, money);
    assert_eq!((quiet.accepted, money.accepted), (0, 1));
    assert_eq!(sequences(&bench.log(0).await).last(), Some(&("here", vec![1])));
}

#[tokio::test]
async fn spend_is_refused_until_every_log_was_read() {
    let (clock, _replay) = Clock::replayed(Timestamp::from_micros(NOW));
    let store = Store::from(EmbeddedStore::in_memory(1).unwrap());
    let (directory, publisher) = (Directory::default(), Publisher::new(PartitionId(0)));
    let parts = LoopParts {
        partition: PartitionId(0),
        store: store.clone(),
        clock: clock.clone(),
        engine: EngineConfig::default(),
        settings: LoopSettings::default(),
        publisher: publisher.clone(),
        directory: directory.clone(),
    };
    let unread = Directory::default();
    let (handle, _) = control_loop::start(parts).unwrap();
    let partitions = Partitions::new(vec![(handle, publisher)], unread.clone(), store, clock);
    let intake = Intake::new(partitions, 4, &TaskTracker::new());
    let request = v1::ReportSpendRequest { events: vec![event("zero", 1)], ..Default::default() };
    let counted = v1::ReportSpendRequest { producer_id: Some("p".to_owned()), ..request };
    let refused = intake.report_spend(Request::new(counted.clone())).await.unwrap_err();
    assert_eq!(refused.code(), Code::Unavailable);
    assert!(refused.message().contains("partition 0 has not been read"), "{}", refused.message());
    unread.complete(PartitionId(0));
    let taken = intake.report_spend(Request::new(counted)).await.unwrap().into_inner();
    assert_eq!(taken.accepted, 1);
}

#[tokio::test]
async fn a_closed_room_lets_reports_finish_and_no_more_in() {
    let bench = Bench::new().await;
    let room = bench.intake.room();
    let (answer, ()) = tokio::join!(bench.report(vec![event("zero", 1)], None), room.close());
    assert_eq!(answer.accepted, 1);
    let late = v1::ReportSpendRequest { events: vec![], ..Default::default() };
    let refused = bench.intake.report_spend(Request::new(late)).await.unwrap_err();
    assert_eq!(refused.code(), Code::Unavailable);
}
