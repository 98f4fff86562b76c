//! Facts: each told once, as log line and number together.
//!
//! One function a fact. Lines are constant text with the facts as fields; what repeats every round
//! has a number only, and lines come at the edges. Called by every part, never by core.

use super::metric;
use crate::error_chain;
use metrics::SharedString;
use paceline_core::engine::OutcomesTaken;
use paceline_core::event::Verdict;
use paceline_core::notice::NoticeCause;
use paceline_core::report::ShadingReport;
use paceline_core::shade::Fault;
use paceline_core::units::{Currency, Generation, Micros};
use std::collections::BTreeSet;
use std::error::Error;
use std::fmt::Display;
use std::net::SocketAddr;
use std::time::Duration;
use tracing::{debug, error, info, warn};

/// Campaigns that one line names: enough to find the edit that dropped them.
const GONE_NAMED: usize = 10;

/// Where tables go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sink {
    /// Streams to bidders.
    Grpc,
    /// The table in Redis.
    Redis,
    /// Schedules in Redis.
    RedisShading,
}

/// Whether something came off.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// It did.
    Done,
    /// It did not.
    Failed,
}

impl Outcome {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Failed => "failed",
        }
    }
}

const fn word(text: &'static str) -> SharedString {
    SharedString::const_str(text)
}

fn number(value: impl Display) -> SharedString {
    value.to_string().into()
}

/// Numbers on the page are floats; above 2^53 they lose their last digits, which no chart shows.
#[expect(clippy::cast_precision_loss, reason = "for charts")]
const fn shown(value: i64) -> f64 {
    value as f64
}

/// The process starts.
pub fn starting(version: &str, config: Option<&str>) {
    info!(version, config, "starting");
}

/// A port is open.
pub fn listening(service: &'static str, address: SocketAddr) {
    info!(service, %address, "listening");
}

/// Readiness changed.
pub fn readiness_changed(is_ready: bool) {
    metric::READY.set(f64::from(u8::from(is_ready)), []);
    info!(is_ready, "readiness changed");
}

/// Someone wants us to stop.
pub fn stop_requested(signal: &str) {
    metric::READY.set(0.0, []);
    info!(signal, "stop requested");
}

/// A stage of stopping began.
pub fn stage_began(stage: &str) {
    info!(stage, "stopping");
}

/// A stage of stopping did not end well.
pub fn stage_failed(stage: &str, error: &dyn Error) {
    error!(stage, error = error_chain(error), "stage of stopping failed");
}

/// The process is done.
pub fn stopped() {
    info!("stopped");
}

/// Spend events were judged: `count` with one verdict.
pub fn spend_received(verdict: Verdict, count: u64) {
    metric::SPEND_EVENTS.add(count, [word(verdict.as_str())]);
}

/// Spend events of reports broke a rule of the contract and were told so.
pub fn spend_refused(count: u64) {
    spend_received(Verdict::Invalid, count);
}

/// Outcomes broke a rule of the contract and were told so.
pub fn outcomes_refused(count: u64) {
    metric::OUTCOMES.add(count, [word("refused")]);
}

/// Outcomes were judged: how many were taken, and why others were left out.
pub fn outcomes_judged(told: &OutcomesTaken) {
    metric::OUTCOMES.add(told.taken, [word("taken")]);
    for (fault, &count) in Fault::ALL.iter().zip(&told.left_out) {
        metric::OUTCOMES.add(count, [word(fault.as_str())]);
    }
}

/// A round went over a partition's markets.
pub fn markets_learnt(partition: u16, report: &ShadingReport) {
    let count = |count: usize| shown(i64::try_from(count).unwrap_or(i64::MAX));
    let total = |count: u64| shown(i64::try_from(count).unwrap_or(i64::MAX));
    metric::SHADING_SEGMENTS.set(count(report.segments), [number(partition)]);
    metric::SHADING_SCHEDULES.add(u64::try_from(report.published).unwrap_or(u64::MAX), []);
    let counts = &report.counts;
    for (gate, fits) in [
        ("refused_loss", counts.refused_loss),
        ("refused_calibration", counts.refused_calibration),
        ("motion_bounded", counts.motion_bounded),
        ("motion_lifted", counts.motion_lifted),
    ] {
        metric::SHADING_FITS.set(total(fits), [number(partition), word(gate)]);
    }
    metric::SHADING_NO_ROOM.set(total(counts.no_room), [number(partition)]);
    metric::SHADING_GIVEN_UP.set(total(counts.given_up), [number(partition)]);
    metric::SHADING_WITHDRAWN.set(total(counts.withdrawn), [number(partition)]);
    metric::SHADING_ALARMS.set(total(report.counts.alarms), [number(partition)]);
    metric::SHADING_SILENCED.set(total(report.counts.silenced), [number(partition)]);
}

/// Money moved in a round: billed, and billed beyond a cap. Refunds are in neither: counters only
/// grow.
pub fn money_billed(currency: Currency, billed: Micros, beyond_cap: Micros) {
    let grown = |amount: Micros| u64::try_from(amount.get()).unwrap_or_default();
    metric::SPEND_MICROS.add(grown(billed), [number(currency)]);
    metric::OVERSPEND_MICROS.add(grown(beyond_cap), [number(currency)]);
}

/// Money that stands in suspense and in bidders' allowances.
pub fn money_standing(currency: Currency, suspense: Micros, at_risk: Micros) {
    metric::SUSPENSE_MICROS.set(shown(suspense.get()), [number(currency)]);
    metric::MONEY_AT_RISK_MICROS.set(shown(at_risk.get()), [number(currency)]);
}

/// A request did not pass the door. No line each: whoever knocks must not fill the log.
pub fn caller_refused(reason: &'static str) {
    metric::CALLERS_REFUSED.add(1, [word(reason)]);
    debug!(reason, "caller refused");
}

/// A look at a file found a fault, the same as before or another.
pub fn file_refused(file: &'static str) {
    metric::FILES_REFUSED.add(1, [word(file)]);
}

/// The file of tokens says something else, and that is in force.
pub fn tokens_read(callers: usize) {
    info!(callers, "the file of tokens was read again");
}

/// The file of tokens has a fault; the last good one stays in force.
pub fn tokens_refused(why: &dyn Error) {
    warn!(
        error = error_chain(why),
        "the file of tokens was refused; the one before stays in force"
    );
}

/// When the certificate of our ports runs out, in seconds of Unix time; nothing when its date
/// cannot be read.
pub fn certificate_expires(at: Option<i64>) {
    metric::CERTIFICATE_EXPIRES.set(shown(at.unwrap_or(0)), []);
    if at.is_none() {
        warn!("when the certificate runs out cannot be read: no alert will tell");
    }
}

/// The files of certificates say something else, and that is in force.
pub fn certificates_read() {
    info!("certificates were read again");
}

/// A file of certificates has a fault; the last good ones stay in force.
pub fn certificates_refused(why: &dyn Error) {
    warn!(
        error = error_chain(why),
        "a file of certificates was refused; those before stay in force"
    );
}

/// Bidders told of auctions.
pub fn opportunities_seen(asked: u64, bid: u64, won: u64) {
    metric::OPPORTUNITIES.add(asked, [word("asked")]);
    metric::OPPORTUNITIES.add(bid, [word("bid")]);
    metric::OPPORTUNITIES.add(won, [word("won")]);
}

/// Counters were read.
pub fn counters_read(done: u64, went_back: u64) {
    metric::COUNTER_READINGS.add(done, [word("done")]);
    metric::COUNTER_READINGS.add(went_back, [word("failed")]);
}

/// The streams or counters of others cannot be read, or can again. Call at the edges only.
pub fn intake_judged(complaint: Option<&str>) {
    match complaint {
        Some(error) => error!(error, "intake from redis stands still"),
        None => info!("intake from redis goes on"),
    }
}

/// A campaign's counter fell or vanished; it runs on safe values.
pub fn counter_went_back(campaign: &str) {
    warn!(campaign, "counter went back");
}

/// A decision round ended.
pub fn tick_done(partition: u16, generation: Generation, took: Duration, changed: u32) {
    metric::TICK_DURATION.record(took.as_secs_f64(), []);
    metric::TABLE_ENTRIES_CHANGED.record(f64::from(changed), []);
    metric::TABLE_GENERATION.set(sequence(generation), [number(partition)]);
    debug!(partition, ?generation, changed, took_ms = took.as_millis(), "tick");
}

#[expect(clippy::cast_precision_loss, reason = "for charts")]
fn sequence(generation: Generation) -> f64 {
    generation.sequence as f64
}

/// A decision round began late.
pub fn tick_late(partition: u16, late: Duration) {
    metric::TICK_LATE.add(1, []);
    debug!(partition, late_ms = late.as_millis(), "tick late");
}

/// How one running campaign stands, once a minute.
pub fn campaign_measured(pace_ratio: f64, multiplier: f64) {
    metric::PACE_RATIO.record(pace_ratio, []);
    metric::MULTIPLIER_RATIO.record(multiplier, []);
}

/// Campaigns by what the table says of them.
pub fn campaigns_counted(run: u32, paused: u32, exhausted: u32, safe: u32, quarantined: u32) {
    for (state, count) in
        [("run", run), ("paused", paused), ("exhausted", exhausted), ("safe", safe)]
    {
        metric::CAMPAIGNS.set(f64::from(count), [word(state)]);
    }
    metric::QUARANTINED.set(f64::from(quarantined), []);
}

/// A campaign's numbers went bad; it runs on safe values.
pub fn campaign_quarantined(campaign: &str, reason: &str) {
    error!(campaign, reason, "campaign quarantined");
}

/// A notice was raised; `object` says of what, `amounts` are what was spent and what was planned or
/// allowed, in nanos.
pub fn notice_raised(
    partition: u16,
    cause: NoticeCause,
    (kind, object): (&'static str, &str),
    amounts: (i64, i64),
) {
    metric::NOTICES.add(1, [word(cause.as_str())]);
    let (cause, spent_nanos, planned_nanos) = (cause.as_str(), amounts.0, amounts.1);
    warn!(partition, cause, kind, object, spent_nanos, planned_nanos, "notice raised");
}

/// What gave rise to a notice is over.
pub fn notice_cleared(partition: u16, cause: NoticeCause, (kind, object): (&'static str, &str)) {
    info!(partition, cause = cause.as_str(), kind, object, "notice cleared");
}

/// The webhook took a notice.
pub fn notice_sent() {
    metric::NOTICE_POSTS.add(1, [word("sent")]);
}

/// The webhook is tried again.
pub fn notice_retried() {
    metric::NOTICE_POSTS.add(1, [word("retried")]);
}

/// The webhook did not take a notice, however often it was tried.
pub fn notice_failed(cause: &'static str, object: &str, reason: &str) {
    metric::NOTICE_POSTS.add(1, [word("failed")]);
    warn!(cause, object, reason, "notice not posted");
}

/// A notice for the webhook was dropped: too many wait, or the service stops.
pub fn notice_dropped() {
    metric::NOTICE_POSTS.add(1, [word("dropped")]);
}

/// Operators' hands in force.
pub fn overrides_counted(pause: u32, cap: u32, freeze: u32, fix: u32) {
    for (action, count) in [("pause", pause), ("cap", cap), ("freeze", freeze), ("fix", fix)] {
        metric::OVERRIDES.set(f64::from(count), [word(action)]);
    }
}

/// A hand was laid on or taken off.
pub fn override_changed(hand: &str, owner: Option<&str>, change: &str, author: &str) {
    info!(hand, owner, change, author, "override changed");
}

/// How full the queue in front of the loop is.
pub fn inbox_measured(events: u32) {
    metric::INBOX_EVENTS.set(f64::from(events), []);
}

/// How old a partition's watermark and checkpoint are, as far as there are any.
pub fn ages_measured(partition: u16, watermark: Option<Duration>, checkpoint: Option<Duration>) {
    if let Some(age) = watermark {
        metric::SPEND_LOG_LAG.set(age.as_secs_f64(), [number(partition)]);
    }
    if let Some(age) = checkpoint {
        metric::CHECKPOINT_AGE.set(age.as_secs_f64(), [number(partition)]);
    }
}

/// A checkpoint was written.
pub fn checkpoint_written(partition: u16, took: Duration) {
    metric::CHECKPOINTS.add(1, [word("done")]);
    metric::CHECKPOINT_AGE.set(0.0, [number(partition)]);
    debug!(partition, took_ms = took.as_millis(), "checkpoint written");
}

/// A checkpoint was not written; the log is the truth, so work goes on.
pub fn checkpoint_failed(partition: u16, error: &dyn Error) {
    metric::CHECKPOINTS.add(1, [word("failed")]);
    warn!(partition, error = error_chain(error), "checkpoint failed");
}

/// Rows of the past could not be kept; what is decided goes on without.
pub fn past_not_kept(partition: u16, error: &dyn Error) {
    metric::PAST_UNKEPT.add(1, []);
    warn!(partition, error = error_chain(error), "rows of the past were not kept");
}

/// What must always hold does not.
pub fn invariant_broken(partition: u16, invariant: &str) {
    metric::INVARIANT_FAULTS.add(1, []);
    error!(partition, invariant, "invariant broken");
}

/// A record of what people changed is not as it was written down.
pub fn trail_broken(partition: u16, broken: &dyn Error) {
    metric::INVARIANT_FAULTS.add(1, []);
    let error = error_chain(broken);
    error!(partition, error, "the trail of changes was altered where it is stored");
}

/// How much of the log is kept.
pub fn journal_measured(bytes: u64) {
    metric::JOURNAL_BYTES.set(shown(i64::try_from(bytes).unwrap_or(i64::MAX)), []);
}

/// An append became durable.
pub fn appended(took: Duration) {
    metric::APPEND_DURATION.record(took.as_secs_f64(), []);
}

/// We lead the partition.
pub fn lead_gained(partition: u16, epoch: u32) {
    metric::LEADER.set(1.0, [number(partition)]);
    metric::EPOCH.set(f64::from(epoch), [number(partition)]);
    info!(partition, epoch, "lead gained");
}

/// The store holds less than was decided: it was emptied, or restored to an older state.
pub fn log_fell_back(partition: u16, store: &'static str) {
    error!(partition, store, "the log ends before the last decision: the store lost records");
}

/// We lead the partition no more.
pub fn lead_lost(partition: u16, epoch: u32, reason: &str) {
    metric::LEADER.set(0.0, [number(partition)]);
    info!(partition, epoch, reason, "lead lost");
}

/// The store answers, for the first time or again.
pub fn store_reached(store: &'static str) {
    metric::STORE_UP.set(1.0, [word(store)]);
    info!(store, "store reached");
}

/// The store answers no more. Call at the edge, not on every attempt.
pub fn store_lost(store: &'static str, error: &dyn Error) {
    metric::STORE_UP.set(0.0, [word(store)]);
    warn!(store, error = error_chain(error), "store lost");
}

/// A call of the store is tried again.
pub fn store_retried(store: &'static str) {
    metric::STORE_RETRIES.add(1, [word(store)]);
}

/// Tables went out, or did not.
pub fn published(sink: Sink, outcome: Outcome, count: u64) {
    let sink = match sink {
        Sink::Grpc => "grpc",
        Sink::Redis => "redis",
        Sink::RedisShading => "redis_shading",
    };
    metric::PUBLISHED.add(count, [word(sink), word(outcome.as_str())]);
}

/// Allowances were asked for between ticks.
pub fn allowances_drawn(granted: u64, short: u64) {
    metric::ALLOWANCE_DRAWS.add(granted, [word("granted")]);
    metric::ALLOWANCE_DRAWS.add(short, [word("short")]);
}

/// Bidders connected; the tables they should run, one a partition, and how many are the newest.
pub fn bidders_counted(connected: u32, due: u32, newest: u32) {
    metric::BIDDERS.set(f64::from(connected), []);
    let ratio = if due == 0 { 1.0 } else { f64::from(newest) / f64::from(due) };
    metric::BIDDERS_LIVE.set(ratio, []);
}

/// The catalogue was read.
pub fn catalog_loaded(campaigns: usize) {
    metric::CATALOG_LOADS.add(1, [word("done")]);
    info!(campaigns, "catalogue loaded");
}

/// The catalogue is faulty; the last good one stays in force.
pub fn catalog_refused(error: &dyn Error) {
    metric::CATALOG_LOADS.add(1, [word("failed")]);
    warn!(error = error_chain(error), "catalogue refused");
}

/// These campaigns go on although the catalogue file names them no more; none: all is well again.
/// Call when that has changed. The line names the first of them.
pub fn catalog_gone(campaigns: &BTreeSet<String>) {
    let count = campaigns.len();
    metric::CATALOG_GONE.set(shown(i64::try_from(count).unwrap_or(i64::MAX)), []);
    if count == 0 {
        info!("the catalogue file names every campaign that goes on");
        return;
    }
    let named: Vec<&str> = campaigns.iter().take(GONE_NAMED).map(String::as_str).collect();
    let named = named.join(" ");
    warn!(
        count,
        named,
        "campaigns are no longer in the catalogue file and go on; to end one, put it back with \
         status = \"archived\""
    );
}

/// So many reporters of spend were taken for dead in a round of a partition.
pub fn sources_lost(partition: u16, count: u64) {
    metric::SOURCES_LOST.add(count, []);
    warn!(partition, count, "sources of spend fell silent and are taken for dead");
}

/// The system's clock went back `times` more.
pub fn clock_jumped_back(times: u64) {
    metric::CLOCK_JUMPS.add(times, []);
    warn!(times, "clock jumped back");
}
