//! How spend and traffic come in: reports are sorted by partition and made durable.
//!
//! Nothing is posted here: what is in the log is posted by the partition's leader. A report goes to
//! every partition that it says something about, all of it or, as far as the caller may know, none:
//! sending the same again is harmless. Called by the RPC services.

pub mod grpc;

use crate::clock::Stopwatch;
use crate::control_loop::LoopError;
use crate::partition::Partitions;
use crate::store::StoreError;
use crate::telemetry::event;
use crate::wire::spend::{OpportunityReport, SpendReport};
use paceline_core::event::{OpportunityBatch, OpportunityCount, SpendBatch, SpendEvent};
use paceline_core::input::{Elsewhere, Input};
use paceline_core::units::{CampaignId, PartitionId, ProducerId};
use std::collections::BTreeMap;
use tokio::task::JoinSet;

/// Where spend of campaigns that nobody knows goes, to be set aside there.
const UNKNOWN: PartitionId = PartitionId(0);

fn partition_of(partitions: &Partitions, campaign: CampaignId) -> PartitionId {
    partitions.of_campaign(campaign).unwrap_or(UNKNOWN)
}

/// What each partition is told of a report of spend. How far the producer has looked is told to
/// every one, since each waits for it; so are the numbers that went to others.
fn spend_inputs(partitions: &Partitions, report: &SpendReport) -> Vec<(PartitionId, Vec<Input>)> {
    let placed: Vec<(PartitionId, &SpendEvent)> = report
        .events
        .iter()
        .map(|event| (partition_of(partitions, event.campaign), event))
        .collect();
    let told = partitions.all().map(|handle| {
        let here = handle.partition();
        let own = placed.iter().filter(|(place, _)| *place == here);
        let events: Vec<SpendEvent> = own.map(|(_, event)| **event).collect();
        let others = placed.iter().filter(|(place, _)| *place != here);
        let sequences: Vec<u64> = others.filter_map(|(_, event)| event.sequence).collect();
        let mut inputs = Vec::new();
        if let Some(producer) = report.producer.filter(|_| !sequences.is_empty()) {
            inputs.push(Input::Elsewhere(Elsewhere { producer, sequences }));
        }
        if !events.is_empty() || report.reported_through.is_some() {
            let (producer, reported_through) = (report.producer, report.reported_through);
            inputs.push(Input::Spend(SpendBatch { producer, reported_through, events }));
        }
        (here, inputs)
    });
    told.filter(|(_, inputs)| !inputs.is_empty()).collect()
}

/// What each partition is told of a report of opportunities. A partition without counts is told
/// nothing: no law waits for them.
fn opportunity_inputs(
    partitions: &Partitions,
    report: &OpportunityReport,
) -> Vec<(PartitionId, Vec<Input>)> {
    let mut placed: BTreeMap<PartitionId, Vec<OpportunityCount>> = BTreeMap::new();
    for count in &report.counts {
        placed.entry(partition_of(partitions, count.campaign)).or_default().push(*count);
    }
    let batch = |counts| {
        Input::Opportunities(OpportunityBatch {
            producer: report.producer,
            sequence: report.sequence,
            reported_through: report.reported_through,
            counts,
        })
    };
    placed.into_iter().map(|(place, counts)| (place, vec![batch(counts)])).collect()
}

/// Appends to every partition at once, one append each: there are at most 255. Returns when all
/// are durable, or with the first failure; then some of it may be in the logs.
async fn append(
    partitions: &Partitions,
    told: Vec<(PartitionId, Vec<Input>)>,
) -> Result<(), StoreError> {
    let mut appends = JoinSet::new();
    for (partition, inputs) in told {
        let partitions = partitions.clone();
        appends.spawn(async move {
            let watch = Stopwatch::start();
            let done = partitions.append(partition, inputs).await;
            if done.is_ok() {
                event::appended(watch.elapsed());
            }
            done
        });
    }
    let mut result = Ok(());
    while let Some(done) = appends.join_next().await {
        result = result.and(done.expect("an append is neither cancelled nor panics"));
    }
    result
}

/// The highest sequence number of a producer that is durable, over all partitions. Each leader
/// first takes in all that is in its log.
async fn sequence_max(
    partitions: &Partitions,
    producer: ProducerId,
) -> Result<Option<u64>, LoopError> {
    let mut highest = None;
    for handle in partitions.all() {
        let (reported_through, events) = (None, Vec::new());
        let batch = SpendBatch { producer: Some(producer), reported_through, events };
        let _ = handle.submit(vec![Input::Spend(batch)]).await?;
        let held = handle.ask(move |engine| engine.ledger().sequence_max(producer)).await?;
        highest = highest.max(held);
    }
    Ok(highest)
}
