//! What is sent back, as it is written.
//!
//! Knows JSON and what is published. Called by the dialogue.

use super::fields::Complaint;
use paceline_core::report::{CampaignOverview, Explanation};
use paceline_core::table::{EntryState, TableEntry};
use paceline_core::units::{Nanos, Timestamp};
use serde::Serialize;

/// A message was taken.
#[derive(Debug, Serialize)]
pub(super) struct Done<'a> {
    pub(super) ok: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) id: Option<&'a str>,
}

/// Money was taken, or set aside.
#[derive(Debug, Serialize)]
pub(super) struct Taken<'a> {
    pub(super) ok: &'static str,
    pub(super) id: &'a str,
    pub(super) verdict: &'static str,
    pub(super) amount_nanos: i64,
}

/// The dialogue's terms.
#[derive(Debug, Serialize)]
pub(super) struct Terms {
    pub(super) ok: &'static str,
    pub(super) version: u64,
    pub(super) engine: &'static str,
    pub(super) unit_nanos: f64,
    pub(super) line_max: usize,
    pub(super) campaigns_max: usize,
}

/// A message broke a rule.
#[derive(Debug, Serialize)]
pub(super) struct Refusal<'a> {
    pub(super) error: Fault<'a>,
}

/// Where, what and why.
#[derive(Debug, Serialize)]
pub(super) struct Fault<'a> {
    pub(super) line: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) item: Option<usize>,
    #[serde(flatten)]
    pub(super) complaint: &'a Complaint,
}

/// A round.
#[derive(Debug, Serialize)]
pub(super) struct Round<'a> {
    pub(super) ok: &'static str,
    pub(super) now: f64,
    pub(super) entries: Vec<Entry<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) unposted: Vec<Taken<'a>>,
}

/// One campaign after a round.
#[derive(Debug, Serialize)]
pub(super) struct Entry<'a> {
    id: &'a str,
    state: EntryState,
    reason: &'static str,
    multiplier: f64,
    participation: f64,
    multiplier_ppm: u32,
    participation_ppm: u32,
    spent: f64,
    planned: Option<f64>,
    left: Option<f64>,
    spent_nanos: i64,
    planned_nanos: Option<i64>,
    left_nanos: Option<i64>,
}

/// What a campaign is told, and where it stands.
pub(super) fn entry<'a>(
    overview: &CampaignOverview<'a>,
    entry: &TableEntry,
    unit: f64,
) -> Entry<'a> {
    let may_bid = matches!(entry.state, EntryState::Run | EntryState::Safe);
    let open = |ratio: f64| if may_bid { ratio } else { 0.0 };
    let (multiplier, participation) = (entry.multiplier.ppm(), entry.participation.ppm());
    let spent = overview.totals.billed;
    // The plan starts anew now and then; on the scale of all that was spent it is what was spent
    // by then, and what is planned since.
    let planned = overview.plan.map(|plan| spent - plan.measured + plan.planned);
    let left = overview.flight.map(|account| account.available);
    let plain = |amount: Nanos| amount.as_f64() / unit;
    Entry {
        id: overview.spec.name.as_str(),
        state: entry.state,
        reason: overview.reason.as_str(),
        multiplier: open(multiplier.as_f64()),
        participation: open(participation.as_f64()),
        multiplier_ppm: multiplier.get(),
        participation_ppm: participation.get(),
        spent: plain(spent),
        planned: planned.map(plain),
        left: left.map(plain),
        spent_nanos: spent.get(),
        planned_nanos: planned.map(Nanos::get),
        left_nanos: left.map(Nanos::get),
    }
}

/// What a bidder should do.
#[derive(Debug, Serialize)]
pub(super) struct Decision<'a> {
    pub(super) ok: &'static str,
    pub(super) id: &'a str,
    pub(super) bid: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) price: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) price_nanos: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) reason: Option<&'static str>,
}

/// Everything about a campaign.
#[derive(Debug, Serialize)]
pub(super) struct Explained<'a> {
    pub(super) ok: &'static str,
    pub(super) id: &'a str,
    pub(super) explanation: &'a Explanation,
}

/// Seconds since the epoch.
#[expect(clippy::cast_precision_loss, reason = "micros of this century are exact")]
pub(super) fn seconds(at: Timestamp) -> f64 {
    at.as_micros() as f64 / 1e6
}

/// Appends an answer to a line.
pub(super) fn write(out: &mut Vec<u8>, answer: &impl Serialize) {
    serde_json::to_writer(out, answer).expect("answers are plain data, written to memory");
}
