//! Tells the service what became of bids: in batches, sampled, and never at a bidder's cost.
//!
//! Outcomes teach and compare, and are no money: they wait in a bounded buffer, those beyond it are
//! dropped and counted, and a batch that does not come through in a few tries is dropped as well,
//! since newer ones teach as much. Rows of the control group and of explorers are rare and all
//! told; of the others one in so many, which stands for them. Called by whoever learns what became
//! of a bid; `report` never waits.

use crate::board::Board;
use crate::line::Line;
use crate::stats::Fact;
use crate::subscribe::BackOff;
use paceline_core::hash::mix;
use paceline_core::shade::outcome::{COUNT_MAX, PRICE_MAX};
use paceline_core::shade::{BidDraw, BidRole, PriceRule, SegmentPath};
use paceline_core::units::{CpmMicros, Currency, Name};
use paceline_proto::v1;
use paceline_proto::v1::spend_service_client::SpendServiceClient;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::sync::{Semaphore, mpsc, watch};
use tonic::Code;

/// Outcomes in one report: large enough that the call costs little, small enough for one message.
const BATCH_MAX: usize = 1_000;
/// How often reports go out: a tenth of the usual tick, at which schedules are refitted.
const REPORT_INTERVAL: Duration = Duration::from_secs(1);
const REPORT_TIMEOUT: Duration = Duration::from_secs(5);
/// Tries of one batch: with their waits some seven seconds, a leader's absence.
const TRIES_MAX: u32 = 5;

/// Which outcomes are told, and how.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OutcomeSettings {
    /// Of every price: the service's `shading.currency`.
    pub currency: Currency,
    /// Outcomes that may wait, some 250 bytes each; those beyond are dropped and counted. At least
    /// one, and at most as many as the queue can count; what lies outside counts as the nearest.
    pub buffer_max: usize,
    /// Of shaded bids, and of those without a draw, one in so many is told and stands for as many:
    /// 1 to 10 000; what lies outside counts as the nearest.
    pub one_in: u32,
}

impl OutcomeSettings {
    /// All of them, 50 000 waiting at most.
    #[must_use]
    pub const fn new(currency: Currency) -> Self {
        Self { currency, buffer_max: 50_000, one_in: 1 }
    }
}

/// What became of one bid, with ids as the outside knows them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutcomeReport {
    /// Where, as the schedule was looked up: `exchange/placement/device`.
    pub segment: Name,
    /// How the price was made.
    pub price_rule: PriceRule,
    /// Lowest bid taken; zero is none.
    pub floor: CpmMicros,
    /// What was submitted.
    pub bid: CpmMicros,
    /// Whether it won.
    pub won: bool,
    /// What the winner paid, if it was us and that was told.
    pub clearing: Option<CpmMicros>,
    /// What would have tied for the win, floor included, if told.
    pub min_to_win: Option<CpmMicros>,
    /// Why it lost, as OpenRTB 2.6 numbers the reasons, if told.
    pub loss_reason: Option<u16>,
    /// Whose bid, and the draw of [`crate::Answer`]; absent where the answer has none.
    pub trial: Option<OutcomeTrial>,
}

/// Whose bid it was, and which draw it went by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutcomeTrial {
    /// Whose.
    pub campaign: Name,
    /// As the answer says.
    pub draw: BidDraw,
    /// What the impression was expected to be worth, before pacing, if it is to be compared by.
    pub value: Option<CpmMicros>,
}

/// Why an outcome was not taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum OutcomeError {
    /// When the client was shut down.
    #[error("the client was shut down")]
    ShutDown,
    /// When the segment's name is no path.
    #[error("segment is {0} and must have 1 to 4 levels with \"/\" between them, none empty")]
    Segment(String),
    /// When a price lies outside its range.
    #[error("{field} is {micros} and must be from {least} to 1000000000000000")]
    Price {
        /// Which.
        field: &'static str,
        /// Its value.
        micros: i64,
        /// The least it may be.
        least: i64,
    },
    /// When a draw is told of an auction in which nothing is shaded.
    #[error("trial must be absent unless price_rule is first: nothing else is shaded")]
    Trial,
}

fn check(report: &OutcomeReport) -> Result<(), OutcomeError> {
    if SegmentPath::of_name(report.segment.as_str()).is_err() {
        return Err(OutcomeError::Segment(report.segment.to_string()));
    }
    let value = report.trial.as_ref().and_then(|trial| trial.value);
    let prices = [
        ("bid", Some(report.bid), 1),
        ("floor", Some(report.floor), 0),
        ("clearing", report.clearing, 0),
        ("min_to_win", report.min_to_win, 0),
        ("value", value, 0),
    ];
    for (field, price, least) in prices {
        let Some(micros) = price.map(CpmMicros::get) else { continue };
        if !(least..=PRICE_MAX.get()).contains(&micros) {
            return Err(OutcomeError::Price { field, micros, least });
        }
    }
    let is_odd = report.trial.is_some() && report.price_rule != PriceRule::First;
    if is_odd { Err(OutcomeError::Trial) } else { Ok(()) }
}

fn to_outcome(report: OutcomeReport, count: u32) -> v1::BidOutcome {
    let mut outcome = v1::BidOutcome {
        segment_id: report.segment.into(),
        auction_type: match report.price_rule {
            PriceRule::First => 1,
            PriceRule::Second => 2,
            PriceRule::Fixed => 3,
        },
        floor_cpm_micros: report.floor.get(),
        bid_cpm_micros: report.bid.get(),
        won: report.won,
        clearing_cpm_micros: report.clearing.map(CpmMicros::get),
        min_to_win_cpm_micros: report.min_to_win.map(CpmMicros::get),
        loss_reason: report.loss_reason.map(u32::from),
        count: (count != 1).then_some(count),
        ..v1::BidOutcome::default()
    };
    if let Some(trial) = report.trial {
        outcome.campaign_id = Some(trial.campaign.into());
        outcome.propensity_ppm = Some(trial.draw.propensity.get());
        outcome.value_cpm_micros = trial.value.map(CpmMicros::get);
        outcome.set_role(match trial.draw.role {
            BidRole::Best => v1::BidRole::Shaded,
            BidRole::Control => v1::BidRole::Control,
            BidRole::Explore => v1::BidRole::Explored,
        });
    }
    outcome
}

/// Hands outcomes in. Cheap to clone.
#[derive(Debug, Clone)]
pub struct OutcomeReporter {
    tx: mpsc::Sender<(OutcomeReport, u32)>,
    board: Arc<Board>,
    one_in: u32,
    /// Outcomes handed in so far, by all clones.
    seen: Arc<AtomicU64>,
}

impl OutcomeReporter {
    /// Takes an outcome, or leaves it out of the sample; it is sent within a second or so. Never
    /// waits: when the buffer is full it is dropped and counted.
    ///
    /// # Errors
    /// [`OutcomeError`]; the outcome was not taken.
    pub fn report(&self, report: OutcomeReport) -> Result<(), OutcomeError> {
        check(&report)?;
        let is_rare = report.trial.as_ref().is_some_and(|trial| trial.draw.role != BidRole::Best);
        let count = if is_rare { 1 } else { self.one_in };
        let place = self.seen.fetch_add(1, Ordering::Relaxed);
        // By a hash, so that no rhythm of traffic meets that of the sample.
        if count > 1 && !mix(place).is_multiple_of(u64::from(count)) {
            return Ok(());
        }
        match self.tx.try_send((report, count)) {
            Ok(()) => Ok(()),
            Err(mpsc::error::TrySendError::Closed(_)) => Err(OutcomeError::ShutDown),
            Err(mpsc::error::TrySendError::Full(_)) => {
                self.board.stats.note(Fact::OutcomeDropped, 1);
                Ok(())
            }
        }
    }
}

/// Sends what was handed in.
#[derive(Debug)]
pub(crate) struct OutcomeSender {
    rx: mpsc::Receiver<(OutcomeReport, u32)>,
    board: Arc<Board>,
    currency: Currency,
    producer_id: Option<String>,
    /// Of the last report; a run's id is its own, so it counts from one.
    sequence: u64,
}

/// Hands outcomes in, and the part that sends them.
pub(crate) fn channel(
    board: &Arc<Board>,
    producer_id: Option<String>,
    settings: OutcomeSettings,
) -> (OutcomeReporter, OutcomeSender) {
    let OutcomeSettings { currency, buffer_max, one_in } = settings;
    let (tx, rx) = mpsc::channel(buffer_max.clamp(1, Semaphore::MAX_PERMITS));
    let reporter = OutcomeReporter {
        tx,
        board: Arc::clone(board),
        one_in: one_in.clamp(1, COUNT_MAX),
        seen: Arc::default(),
    };
    let board = Arc::clone(board);
    (reporter, OutcomeSender { rx, board, currency, producer_id, sequence: 0 })
}

impl OutcomeSender {
    /// Reports until shut down, and then until the buffer is empty.
    pub(crate) async fn run(mut self, line: &Line, mut stop: watch::Receiver<bool>) {
        let mut client = SpendServiceClient::new(line.clone());
        loop {
            let is_stopped = *stop.borrow();
            if is_stopped {
                // What was handed in before this is still drained.
                self.rx.close();
            }
            let batch = self.next_batch();
            let is_drained = batch.len() < BATCH_MAX;
            if !batch.is_empty() {
                self.send(&mut client, batch, &mut stop).await;
            }
            if is_stopped && is_drained {
                return;
            }
            if is_drained {
                let _ = tokio::time::timeout(REPORT_INTERVAL, stop.changed()).await;
            }
        }
    }

    fn next_batch(&mut self) -> Vec<v1::BidOutcome> {
        let mut batch = Vec::new();
        while batch.len() < BATCH_MAX
            && let Ok((report, count)) = self.rx.try_recv()
        {
            batch.push(to_outcome(report, count));
        }
        batch
    }

    /// Sends one batch, the same again after a failure that may pass; a few times at most, and once
    /// when the client is shut down.
    async fn send(
        &mut self,
        client: &mut SpendServiceClient<Line>,
        batch: Vec<v1::BidOutcome>,
        stop: &mut watch::Receiver<bool>,
    ) {
        self.sequence += 1;
        let count = batch.len() as u64;
        let request = v1::ReportOutcomesRequest {
            sequence: self.producer_id.is_some().then_some(self.sequence),
            producer_id: self.producer_id.clone(),
            currency: self.currency.to_string(),
            outcomes: batch,
        };
        let mut back_off = BackOff::new();
        let stats = &self.board.stats;
        for tried in 1..=TRIES_MAX {
            let answer = client.report_outcomes(request.clone());
            match tokio::time::timeout(REPORT_TIMEOUT, answer).await {
                Ok(Ok(answer)) => {
                    let answer = answer.into_inner();
                    stats.note(Fact::OutcomeReported, u64::from(answer.accepted));
                    stats.note(Fact::OutcomeRefused, answer.refusals.len() as u64);
                    return;
                }
                // Nothing is learnt there, or not in this currency: it will not be otherwise soon.
                Ok(Err(status))
                    if matches!(
                        status.code(),
                        Code::FailedPrecondition | Code::InvalidArgument | Code::PermissionDenied
                    ) =>
                {
                    break;
                }
                Ok(Err(_)) | Err(_) if tried < TRIES_MAX && !*stop.borrow() => {
                    stats.note(Fact::ReportRetried, 1);
                    tokio::select! {
                        () = back_off.wait() => {}
                        _ = stop.changed() => {}
                    }
                }
                Ok(Err(_)) | Err(_) => break,
            }
        }
        stats.note(Fact::OutcomeDropped, count);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use paceline_core::units::Ppm;

    fn report(role: Option<BidRole>) -> OutcomeReport {
        let name = |text: &str| Name::try_new(text).unwrap();
        let draw = |role| BidDraw { role, propensity: Ppm::new(10_000) };
        let trial = |role| OutcomeTrial { campaign: name("c"), draw: draw(role), value: None };
        OutcomeReport {
            segment: name("adx/top"),
            price_rule: PriceRule::First,
            floor: CpmMicros::ZERO,
            bid: CpmMicros::new(900),
            won: true,
            clearing: None,
            min_to_win: Some(CpmMicros::new(400)),
            loss_reason: None,
            trial: role.map(trial),
        }
    }

    fn settings(buffer_max: usize, one_in: u32) -> OutcomeSettings {
        let currency = Currency::try_new("EUR").unwrap();
        OutcomeSettings { buffer_max, one_in, ..OutcomeSettings::new(currency) }
    }

    fn open(settings: OutcomeSettings) -> (OutcomeReporter, OutcomeSender) {
        let (_, writer) = crate::open(crate::Settings::default());
        channel(writer.board(), None, settings)
    }

    #[test]
    fn each_error_names_field_value_and_rule() {
        let refused = |spoil: fn(&mut OutcomeReport)| {
            let mut bad = report(Some(BidRole::Best));
            spoil(&mut bad);
            check(&bad).unwrap_err().to_string()
        };
        let range = "and must be from 0 to 1000000000000000";
        assert_eq!(refused(|it| it.floor = CpmMicros::new(-1)), format!("floor is -1 {range}"));
        assert!(refused(|it| it.bid = CpmMicros::ZERO).starts_with("bid is 0 and must be from 1"));
        assert!(refused(|it| it.segment = Name::try_new("a//b").unwrap()).contains("a//b"));
        assert!(
            refused(|it| it.price_rule = PriceRule::Second).starts_with("trial must be absent")
        );
        assert_eq!(check(&report(None)), Ok(()));
    }

    #[test]
    fn one_in_so_many_is_told_and_stands_for_them_but_the_rare_are_all_told() {
        let (reporter, mut sender) = open(settings(100_000, 10));
        for _ in 0..20_000 {
            reporter.report(report(Some(BidRole::Best))).unwrap();
        }
        for role in [BidRole::Control, BidRole::Explore] {
            for _ in 0..50 {
                reporter.report(report(Some(role))).unwrap();
            }
        }
        let mut rows = Vec::new();
        while let Ok(row) = sender.rx.try_recv() {
            rows.push(row);
        }
        let rare = rows.iter().filter(|(_, count)| *count == 1).count();
        assert_eq!(rare, 100);
        // A tenth of 20 000 within four deviations.
        assert!((1_830..2_170).contains(&(rows.len() - rare)), "{}", rows.len());
        assert!(rows.iter().all(|(_, count)| matches!(count, 1 | 10)));
        assert_eq!(to_outcome(report(None), 10).count, Some(10));
    }

    #[test]
    fn what_finds_no_room_is_dropped_and_counted() {
        let (widest, _) = open(settings(usize::MAX, 1));
        assert_eq!(widest.tx.max_capacity(), Semaphore::MAX_PERMITS);
        let (reporter, sender) = open(settings(3, 1));
        for _ in 0..5 {
            assert_eq!(reporter.report(report(None)), Ok(()));
        }
        assert_eq!(reporter.board.stats.fact(Fact::OutcomeDropped), 2);
        drop(sender);
        assert_eq!(reporter.report(report(None)), Err(OutcomeError::ShutDown));
    }

    #[test]
    fn role_and_propensity_travel_with_whose_bid_it_was() {
        let told = to_outcome(report(Some(BidRole::Control)), 1);
        assert_eq!((told.role(), told.propensity_ppm), (v1::BidRole::Control, Some(10_000)));
        assert_eq!((told.campaign_id.as_deref(), told.count), (Some("c"), None));
        assert_eq!(to_outcome(report(None), 1).role(), v1::BidRole::Unspecified);
    }
}
