//! Tells the service what was spent: every event once, in batches, until it is acknowledged.
//!
//! Events wait in a bounded buffer; the background task numbers them, sends them, and sends the
//! same again after a failure, so that nothing is counted twice or lost while the process lives.
//! Called by whoever learns of wins and billings; `report` never waits.

use crate::line::Line;
use crate::stats::Fact;
use crate::subscribe::{BackOff, Desk};
use crate::wire;
use paceline_core::event::SpendKind;
use paceline_core::units::{ArmId, Name, Nanos, Ppb, Results, Span, Timestamp};
use paceline_proto::v1;
use paceline_proto::v1::spend_service_client::SpendServiceClient;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{mpsc, watch};

/// Events in one report: large enough that the call costs little, small enough for one message.
const BATCH_MAX: usize = 1_000;
/// How often a report goes out, even an empty one: it carries the watermark.
const REPORT_INTERVAL: Duration = Duration::from_millis(250);
const REPORT_TIMEOUT: Duration = Duration::from_secs(5);
/// How long after it happened an event may be handed in and still be before the watermark.
const HAND_IN_MAX: Span = Span::from_secs(1);

/// What is done with an event when the buffer is full.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum WhenFull {
    /// It is refused with an error; the caller keeps it.
    #[default]
    Refuse,
    /// It is dropped and counted: the service will believe that less was spent.
    Drop,
}

/// One movement of money, with ids as the outside knows them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SpendReport {
    /// Idempotency key, made from the auction's id for instance.
    pub event_id: Name,
    /// Whose money.
    pub campaign: Name,
    /// Of which arm.
    pub arm: ArmId,
    /// Win, billing or adjust.
    pub kind: SpendKind,
    /// The win that a billing refers to.
    pub win_id: Option<Name>,
    /// Price of one billing event; negative only for an adjust.
    pub price: Nanos,
    /// Chance that the win is billed.
    pub bill_probability: Ppb,
    /// What a win, or a billing without one, is expected to bring of what the campaign's return
    /// target counts; zero where it has none.
    pub expected_results: Results,
    /// When the impression was served, if known.
    pub served_at: Option<Timestamp>,
    /// When this happened.
    pub occurred_at: Timestamp,
}

/// Why an event was not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ReportError {
    /// When the buffer is full and nothing may be dropped: try again later.
    #[error("the buffer of unreported spend is full")]
    Full,
    /// When the client was shut down.
    #[error("the client was shut down")]
    ShutDown,
    /// When a price is below zero and the event is not an adjust.
    #[error("price is {0} nanos and must not be negative, except for an adjust")]
    NegativePrice(i64),
    /// When a time lies outside 1970 to 2200.
    #[error("{field} is {micros} microseconds and must lie between 1970 and 2200")]
    Time {
        /// Which time.
        field: &'static str,
        /// Its value since 1970.
        micros: i64,
    },
}

fn check(report: &SpendReport) -> Result<(), ReportError> {
    if report.kind != SpendKind::Adjust && report.price < Nanos::ZERO {
        return Err(ReportError::NegativePrice(report.price.get()));
    }
    let times = [("occurred_at", Some(report.occurred_at)), ("served_at", report.served_at)];
    for (field, at) in times {
        if let Some(at) = at.filter(|at| !at.is_plausible()) {
            return Err(ReportError::Time { field, micros: at.as_micros() });
        }
    }
    Ok(())
}

fn to_event(report: SpendReport, sequence: Option<u64>) -> v1::SpendEvent {
    let kind = match report.kind {
        SpendKind::Win => v1::SpendKind::Win,
        SpendKind::Billing => v1::SpendKind::Billing,
        SpendKind::Adjust => v1::SpendKind::Adjust,
    };
    let probability = report.bill_probability;
    v1::SpendEvent {
        event_id: report.event_id.into(),
        sequence,
        campaign_id: report.campaign.into(),
        arm: u32::from(report.arm.0),
        kind: kind.into(),
        win_id: report.win_id.map(Into::into),
        price_nanos: report.price.get(),
        bill_probability_ppb: (probability != Ppb::ONE).then(|| probability.get()),
        served_at: report.served_at.map(wire::to_timestamp),
        occurred_at: Some(wire::to_timestamp(report.occurred_at)),
        expected_results_millionths: report.expected_results.get(),
    }
}

/// Hands events in. Cheap to clone.
#[derive(Debug, Clone)]
pub struct SpendReporter {
    tx: mpsc::Sender<SpendReport>,
    when_full: WhenFull,
    desk: Arc<Desk>,
}

impl SpendReporter {
    /// Takes an event; it is sent within a quarter of a second or so. Never waits.
    ///
    /// # Errors
    /// [`ReportError`]; the event was not taken.
    pub fn report(&self, report: SpendReport) -> Result<(), ReportError> {
        check(&report)?;
        match self.tx.try_send(report) {
            Ok(()) => Ok(()),
            Err(mpsc::error::TrySendError::Closed(_)) => Err(ReportError::ShutDown),
            Err(mpsc::error::TrySendError::Full(_)) if self.when_full == WhenFull::Drop => {
                self.desk.with_writer(|w| w.board().stats.note(Fact::SpendDropped, 1));
                Ok(())
            }
            Err(mpsc::error::TrySendError::Full(_)) => Err(ReportError::Full),
        }
    }
}

/// Sends what was handed in.
#[derive(Debug)]
pub(crate) struct SpendSender {
    rx: mpsc::Receiver<SpendReport>,
    desk: Arc<Desk>,
    producer_id: Option<String>,
    /// The next new sequence; `None` until the service said where to go on.
    next: Option<u64>,
    /// Sequences of events that the service refused: used again, so that no gap stays.
    freed: Vec<u64>,
}

/// Hands events in, and the part that sends them.
pub(crate) fn channel(
    desk: Arc<Desk>,
    producer_id: Option<String>,
    buffer_max: usize,
    when_full: WhenFull,
) -> (SpendReporter, SpendSender) {
    let (tx, rx) = mpsc::channel(buffer_max.max(1));
    let reporter = SpendReporter { tx, when_full, desk: Arc::clone(&desk) };
    (reporter, SpendSender { rx, desk, producer_id, next: None, freed: Vec::new() })
}

impl SpendSender {
    /// Reports until shut down, and then until the buffer is empty.
    pub(crate) async fn run(mut self, line: &Line, mut stop: watch::Receiver<bool>) {
        let mut client = SpendServiceClient::new(line.clone());
        self.go_on(&mut client).await;
        loop {
            let is_stopped = *stop.borrow();
            if is_stopped {
                // What was handed in before this is still drained.
                self.rx.close();
            }
            let (events, is_drained) = self.next_batch();
            self.send(&mut client, events, is_drained).await;
            if is_stopped && is_drained {
                return;
            }
            if is_drained {
                let _ = tokio::time::timeout(REPORT_INTERVAL, stop.changed()).await;
            }
        }
    }

    /// Asks by an empty report where this producer's sequence stands.
    async fn go_on(&mut self, client: &mut SpendServiceClient<Line>) {
        if self.producer_id.is_none() {
            return;
        }
        let answer = self.call(client, Vec::new(), None).await;
        self.next = Some(answer.sequence_max.unwrap_or(0).saturating_add(1));
    }

    /// The next events, numbered, and whether they are all there are.
    fn next_batch(&mut self) -> (Vec<v1::SpendEvent>, bool) {
        let mut events = Vec::new();
        while events.len() < BATCH_MAX {
            let Ok(report) = self.rx.try_recv() else { return (events, true) };
            let sequence = self.next_sequence();
            events.push(to_event(report, sequence));
        }
        (events, false)
    }

    fn next_sequence(&mut self) -> Option<u64> {
        let next = self.next?;
        if let Some(freed) = self.freed.pop() {
            return Some(freed);
        }
        self.next = Some(next.saturating_add(1));
        Some(next)
    }

    async fn send(
        &mut self,
        client: &mut SpendServiceClient<Line>,
        events: Vec<v1::SpendEvent>,
        is_drained: bool,
    ) {
        // With events still waiting, nothing can be said of how far the reports reach.
        let through = self.desk.now().filter(|_| is_drained);
        let through = through.map(|now| now + Span::from_micros(-HAND_IN_MAX.as_micros()));
        let through = through.filter(|at| at.is_plausible());
        if events.is_empty() && through.is_none() {
            return;
        }
        let sequences: Vec<_> = events.iter().map(|event| event.sequence).collect();
        let answer = self.call(client, events, through).await;
        let refused = answer.refusals.iter().map(|refusal| refusal.index);
        let place = |index| usize::try_from(index).unwrap_or(usize::MAX);
        self.freed.extend(refused.filter_map(|index| *sequences.get(place(index))?));
        self.desk.with_writer(|writer| {
            let stats = &writer.board().stats;
            stats.note(Fact::SpendReported, u64::from(answer.accepted));
            stats.note(Fact::SpendRefused, answer.refusals.len() as u64);
        });
    }

    /// Sends one report until it is answered.
    async fn call(
        &self,
        client: &mut SpendServiceClient<Line>,
        events: Vec<v1::SpendEvent>,
        through: Option<Timestamp>,
    ) -> v1::ReportSpendResponse {
        let request = v1::ReportSpendRequest {
            producer_id: self.producer_id.clone(),
            reported_through: through.map(wire::to_timestamp),
            events,
        };
        let mut back_off = BackOff::new();
        loop {
            let answer = client.report_spend(request.clone());
            if let Ok(Ok(answer)) = tokio::time::timeout(REPORT_TIMEOUT, answer).await {
                return answer.into_inner();
            }
            self.desk.with_writer(|writer| writer.board().stats.note(Fact::ReportRetried, 1));
            back_off.wait().await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report() -> SpendReport {
        let name = |text: &str| Name::try_new(text).unwrap();
        SpendReport {
            event_id: name("e1"),
            campaign: name("c1"),
            arm: ArmId(0),
            kind: SpendKind::Win,
            win_id: None,
            price: Nanos::new(5),
            bill_probability: Ppb::ONE,
            expected_results: Results::ZERO,
            served_at: None,
            occurred_at: Timestamp::from_micros(1),
        }
    }

    #[test]
    fn only_an_adjust_may_be_negative() {
        let negative = SpendReport { price: Nanos::new(-1), ..report() };
        assert_eq!(check(&negative), Err(ReportError::NegativePrice(-1)));
        assert_eq!(check(&SpendReport { kind: SpendKind::Adjust, ..negative }), Ok(()));
    }

    #[test]
    fn a_time_out_of_range_is_named() {
        let early = SpendReport { served_at: Some(Timestamp::from_micros(-1)), ..report() };
        assert_eq!(
            check(&early).unwrap_err().to_string(),
            "served_at is -1 microseconds and must lie between 1970 and 2200"
        );
    }

    #[test]
    fn a_sure_bill_is_left_out_on_the_wire() {
        assert_eq!(to_event(report(), Some(3)).bill_probability_ppb, None);
        let half = SpendReport { bill_probability: Ppb::new(500_000_000).unwrap(), ..report() };
        assert_eq!(to_event(half, None).bill_probability_ppb, Some(500_000_000));
    }
}
