//! Counts of asks, bids, floors and wins by campaign and segment, told to the service every second.
//!
//! The law needs them to tell a quiet hour from one in which it bids too low. Counting is one
//! atomic addition; making a counter takes a lock. Called by bidding threads (counting) and by the
//! background task (telling).

use crate::line::Line;
use crate::stats::Fact;
use crate::subscribe::{BackOff, Desk};
use crate::wire;
use paceline_core::bid::{BidDecision, SkipReason};
use paceline_core::units::{ArmId, Name, Timestamp};
use paceline_proto::v1;
use paceline_proto::v1::spend_service_client::SpendServiceClient;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::watch;

/// How often counts are told.
const REPORT_INTERVAL: Duration = Duration::from_secs(1);
const REPORT_TIMEOUT: Duration = Duration::from_secs(5);
/// Counts in one report, as the contract bounds it.
const BATCH_MAX: usize = 10_000;

/// What was seen of one campaign in one segment. Keep it; make one for each thread's use by
/// cloning the [`Arc`].
#[derive(Debug, Default)]
pub struct OpportunityCounter {
    asks: AtomicU64,
    bids: AtomicU64,
    below_floor: AtomicU64,
    wins: AtomicU64,
}

impl OpportunityCounter {
    /// An auction that the campaign was eligible for, and what was decided. A bid that was decided
    /// and then not made counts as [`SkipReason::Allowance`] or whatever kept it.
    pub fn asked(&self, decision: BidDecision) {
        self.asks.fetch_add(1, Ordering::Relaxed);
        match decision {
            BidDecision::Bid { .. } => self.bids.fetch_add(1, Ordering::Relaxed),
            BidDecision::Skip(SkipReason::Floor) => {
                self.below_floor.fetch_add(1, Ordering::Relaxed)
            }
            BidDecision::Skip(_) => 0,
        };
    }

    /// An auction won.
    pub fn won(&self) {
        self.wins.fetch_add(1, Ordering::Relaxed);
    }
}

/// Campaign, segment and arm.
type CounterKey = (Name, Name, ArmId);

/// All counters of a client, bounded.
#[derive(Debug)]
pub struct Opportunities {
    counters: Mutex<BTreeMap<CounterKey, Arc<OpportunityCounter>>>,
    counters_max: usize,
}

impl Opportunities {
    pub(crate) fn new(counters_max: usize) -> Self {
        Self { counters: Mutex::default(), counters_max }
    }

    /// The counter of a campaign in a segment and arm, made if need be; `None` when there are as
    /// many as the client was built for. Takes a lock: not for the path of a request.
    #[must_use]
    pub fn counter(
        &self,
        campaign: &Name,
        segment: &Name,
        arm: ArmId,
    ) -> Option<Arc<OpportunityCounter>> {
        let key = (campaign.clone(), segment.clone(), arm);
        let mut counters = self.counters.lock().unwrap_or_else(PoisonError::into_inner);
        if counters.len() >= self.counters_max && !counters.contains_key(&key) {
            return None;
        }
        Some(Arc::clone(counters.entry(key).or_default()))
    }

    /// Takes out what was counted since the last time; counters that nobody holds any more go.
    fn take(&self) -> Vec<v1::OpportunityCount> {
        let mut counters = self.counters.lock().unwrap_or_else(PoisonError::into_inner);
        let mut counts = Vec::new();
        counters.retain(|(campaign, segment, arm), counter| {
            let is_kept = Arc::strong_count(counter) > 1;
            let take = |count: &AtomicU64| count.swap(0, Ordering::Relaxed);
            let wins = take(&counter.wins);
            let asks = take(&counter.asks);
            // An auction may be between its count as an ask and the rest, and its ask be told
            // already or not yet: no report has more of the rest than of asks, what is over waits.
            let bids = take_most(&counter.bids, asks);
            let below_floor = take_most(&counter.below_floor, asks - bids);
            if asks + bids + wins > 0 {
                counts.push(v1::OpportunityCount {
                    campaign_id: campaign.as_str().to_owned(),
                    segment_id: segment.as_str().to_owned(),
                    arm: u32::from(arm.0),
                    asks,
                    bids,
                    wins,
                    below_floor,
                });
            }
            is_kept
        });
        counts
    }
}

/// Takes out what was counted, `most` at most.
fn take_most(count: &AtomicU64, most: u64) -> u64 {
    let taken = count.swap(0, Ordering::Relaxed);
    let over = taken.saturating_sub(most);
    count.fetch_add(over, Ordering::Relaxed);
    taken - over
}

/// Tells the counts until shut down, and then once more.
pub(crate) async fn run(
    opportunities: &Opportunities,
    desk: &Desk,
    producer_id: Option<String>,
    line: &Line,
    mut stop: watch::Receiver<bool>,
) {
    let mut client = SpendServiceClient::new(line.clone());
    let mut sequence = 0;
    loop {
        let _ = tokio::time::timeout(REPORT_INTERVAL, stop.changed()).await;
        let is_stopped = *stop.borrow();
        if let Some(now) = desk.now() {
            let counts = opportunities.take();
            let mut batches: Vec<_> = counts.chunks(BATCH_MAX).collect();
            if batches.is_empty() {
                batches.push(&[]);
            }
            for counts in batches {
                // Above every sequence of an earlier run, whose clock was earlier.
                sequence = (sequence + 1).max(now.as_micros().unsigned_abs());
                let producer = producer_id.clone();
                send(&mut client, desk, producer, sequence, now, counts).await;
            }
        }
        if is_stopped {
            return;
        }
    }
}

async fn send(
    client: &mut SpendServiceClient<Line>,
    desk: &Desk,
    producer_id: Option<String>,
    sequence: u64,
    now: Timestamp,
    counts: &[v1::OpportunityCount],
) {
    let request = v1::ReportOpportunitiesRequest {
        sequence: producer_id.is_some().then_some(sequence),
        producer_id,
        reported_through: Some(wire::to_timestamp(now)),
        counts: counts.to_vec(),
    };
    let mut back_off = BackOff::new();
    loop {
        let answer = client.report_opportunities(request.clone());
        if let Ok(Ok(_)) = tokio::time::timeout(REPORT_TIMEOUT, answer).await {
            return;
        }
        desk.with_writer(|writer| writer.board().stats.note(Fact::ReportRetried, 1));
        back_off.wait().await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use paceline_core::units::CpmMicros;

    #[test]
    fn counts_are_told_once_and_counters_are_bounded() {
        let opportunities = Opportunities::new(1);
        let name = |text: &str| Name::try_new(text).unwrap();
        let counter = opportunities.counter(&name("c"), &name("s"), ArmId(2)).unwrap();
        let price = CpmMicros::new(1);
        counter.asked(BidDecision::Bid { price, reserve: price.per_impression() });
        counter.asked(BidDecision::Skip(SkipReason::Participation));
        counter.asked(BidDecision::Skip(SkipReason::Floor));
        counter.won();
        assert!(opportunities.counter(&name("d"), &name("s"), ArmId(2)).is_none());
        let told = opportunities.take();
        assert_eq!(told.len(), 1);
        let counts = (told[0].asks, told[0].bids, told[0].below_floor, told[0].wins);
        assert_eq!((counts, told[0].arm), ((3, 1, 1, 1), 2));
        assert_eq!(opportunities.take(), []);
        // Told between its count as an ask and as a bid or a floor: these wait for other asks.
        counter.bids.fetch_add(1, Ordering::Relaxed);
        counter.below_floor.fetch_add(2, Ordering::Relaxed);
        assert_eq!(opportunities.take(), []);
        counter.asked(BidDecision::Skip(SkipReason::Floor));
        counter.asked(BidDecision::Skip(SkipReason::Participation));
        let told = opportunities.take();
        assert_eq!((told[0].asks, told[0].bids, told[0].below_floor), (2, 1, 1));
        counter.asked(BidDecision::Skip(SkipReason::Participation));
        assert_eq!(opportunities.take()[0].below_floor, 1);
        counter.asked(BidDecision::Skip(SkipReason::Participation));
        assert_eq!(opportunities.take()[0].below_floor, 1);
        drop(counter);
        assert_eq!(opportunities.take(), []);
        assert!(opportunities.counter(&name("d"), &name("s"), ArmId(2)).is_some());
    }
}
