//! How spend, traffic and outcomes come in: reports are sorted by partition and made durable.
//!
//! Nothing is posted here: what is in the log is posted by the partition's leader. A report goes to
//! every partition that it says something about, all of it or, as far as the caller may know, none:
//! sending the same again is harmless. Called by the RPC services.

mod gather;
pub mod grpc;

use crate::control_loop::LoopError;
use crate::partition::Partitions;
use crate::wire::outcome::Outcomes;
use crate::wire::spend::{OpportunityReport, SpendReport};
use gather::{Answer, Gatherer, answered};
use paceline_core::engine::Engine;
use paceline_core::event::{OpportunityBatch, OpportunityCount, SpendBatch, SpendEvent};
use paceline_core::input::{Elsewhere, Input};
use paceline_core::shade::{Outcome, OutcomeReport};
use paceline_core::units::{CampaignId, PartitionId, ProducerId};
use std::collections::BTreeMap;
use tokio_util::task::TaskTracker;

/// Where spend of campaigns that nobody knows goes, to be set aside there.
const UNKNOWN: PartitionId = PartitionId(0);

fn partition_of(partitions: &Partitions, campaign: CampaignId) -> PartitionId {
    partitions.of_campaign(campaign).unwrap_or(UNKNOWN)
}

/// What each partition is told of a report of spend. How far the producer has looked is told to
/// every one, since each waits for it; so are the numbers that went to others.
fn spend_inputs(partitions: &Partitions, report: &SpendReport) -> Vec<(PartitionId, Vec<Input>)> {
    let count = usize::from(partitions.count());
    let mut placed: Vec<Vec<SpendEvent>> = vec![Vec::new(); count];
    let mut sequences: Vec<(PartitionId, u64)> = Vec::new();
    for event in &report.events {
        let place = partition_of(partitions, event.campaign);
        placed[usize::from(place.0)].push(*event);
        sequences.extend(event.sequence.map(|sequence| (place, sequence)));
    }
    let told = partitions.all().zip(placed).map(|(handle, events)| {
        let here = handle.partition();
        let elsewhere = sequences.iter().filter(|(place, _)| *place != here);
        let elsewhere: Vec<u64> = elsewhere.map(|&(_, sequence)| sequence).collect();
        let mut inputs = Vec::new();
        if let Some(producer) = report.producer.filter(|_| !elsewhere.is_empty()) {
            inputs.push(Input::Elsewhere(Elsewhere { producer, sequences: elsewhere }));
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

/// What each partition is told of a report of outcomes: those of exchanges whose names fall to it,
/// so that one learns all there is to know of a market.
fn outcome_inputs(partitions: &Partitions, report: Outcomes) -> Vec<(PartitionId, Vec<Input>)> {
    let mut placed: BTreeMap<PartitionId, Vec<Outcome>> = BTreeMap::new();
    for (market, outcome) in report.outcomes {
        let place = PartitionId::of(&market, partitions.count());
        placed.entry(place).or_default().push(outcome);
    }
    let told = |outcomes| Input::Outcomes(OutcomeReport { outcomes, ..report.head.clone() });
    placed.into_iter().map(|(place, outcomes)| (place, vec![told(outcomes)])).collect()
}

/// The ways into all logs, in order of partition.
#[derive(Debug)]
struct Gatherers(Vec<Gatherer>);

impl Gatherers {
    fn start(partitions: &Partitions, tasks: &TaskTracker) -> Self {
        let start = |handle: &crate::control_loop::LoopHandle| {
            Gatherer::start(partitions, handle.partition(), tasks)
        };
        Self(partitions.all().map(start).collect())
    }

    /// Appends to every partition at once. Returns when all are durable, or with the first failure;
    /// then some of it may be in the logs.
    async fn append(&self, told: Vec<(PartitionId, Vec<Input>)>) -> Answer {
        let mut waiting = Vec::with_capacity(told.len());
        for (partition, inputs) in told {
            waiting.push(self.0[usize::from(partition.0)].hand_in(inputs).await);
        }
        let mut result = Ok(());
        for answer in waiting {
            result = result.and(answered(answer).await);
        }
        result
    }
}

/// The highest sequence number of a producer that is durable, over all partitions. Each leader
/// first takes in all that is in its log; nothing is added to it.
async fn sequence_max(
    partitions: &Partitions,
    producer: ProducerId,
) -> Result<Option<u64>, LoopError> {
    let mut highest = None;
    for handle in partitions.all() {
        let question = move |engine: &Engine| engine.ledger().sequence_max(producer);
        highest = highest.max(handle.ask_current(question).await?);
    }
    Ok(highest)
}
