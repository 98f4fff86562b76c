//! What the world tells us: spend, counters, opportunities.
//!
//! Checked at the edge, posted by the ledger. See `docs/REDIS.md` for the outside forms.

use crate::units::{
    ArmId, CampaignId, EventId, Nanos, Ppb, ProducerId, Results, SegmentId, Timestamp, WinId,
    Window,
};
use serde::{Deserialize, Serialize};

/// What kind of money moved.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SpendKind {
    /// An auction was won: price × bill probability is expected to be billed.
    Win,
    /// The price was billed; gives back what its win had posted.
    Billing,
    /// A correction; may be negative.
    Adjust,
}

/// One movement of money.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct SpendEvent {
    /// Idempotency key; exact on its own only inside the dedup window.
    pub event_id: EventId,
    /// The producer's own count from 1, without gaps for ever: exact at any age.
    pub sequence: Option<u64>,
    /// Whose money.
    pub campaign: CampaignId,
    /// Of which arm.
    pub arm: ArmId,
    /// Win, billing or adjust.
    pub kind: SpendKind,
    /// The win a billing refers to; a win's own id.
    pub win_id: Option<WinId>,
    /// Price of one billing event; negative only for [`SpendKind::Adjust`].
    pub price: Nanos,
    /// Chance that the win is billed; one when absent.
    pub bill_probability: Ppb,
    /// What a win, or a billing without one, is expected to bring of what its campaign's return
    /// target counts.
    pub expected_results: Results,
    /// When the impression was served, if known: decides the budget window.
    pub served_at: Option<Timestamp>,
    /// When this happened.
    pub occurred_at: Timestamp,
}

impl SpendEvent {
    /// The instant that decides which budget window the money belongs to.
    #[must_use]
    pub fn attributed_at(&self) -> Timestamp {
        self.served_at.unwrap_or(self.occurred_at)
    }
}

/// A report of spend by one producer; may be empty, and then still says how far it has looked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SpendBatch {
    /// Who reports; absent for events with opaque ids only.
    pub producer: Option<ProducerId>,
    /// The producer has reported everything that happened before this.
    pub reported_through: Option<Timestamp>,
    /// Bounded at the edge.
    pub events: Vec<SpendEvent>,
}

/// What became of one spend event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// In the books.
    Posted,
    /// Seen before; nothing changed.
    Duplicate,
    /// In the books of a window that is closed: restated, never re-planned.
    PostedLate,
    /// Too old to know whether it was seen: set aside in suspense.
    LateUnverified,
    /// No such campaign: set aside in suspense.
    UnknownCampaign,
    /// The campaign's spend comes from the other kind of source.
    WrongSource,
    /// The producer left too many gaps and must resync.
    ProducerRefused,
    /// A number in it breaks a rule; nothing changed.
    Invalid,
    /// Its time lies outside every flight of the campaign: set aside in suspense.
    OutsideFlight,
    /// A refund of more than was spent in one of its windows: set aside in suspense.
    RefundUnmatched,
}

impl Verdict {
    /// Every verdict, for tables and counters.
    pub const ALL: [Self; 10] = [
        Self::Posted,
        Self::Duplicate,
        Self::PostedLate,
        Self::LateUnverified,
        Self::UnknownCampaign,
        Self::WrongSource,
        Self::ProducerRefused,
        Self::Invalid,
        Self::OutsideFlight,
        Self::RefundUnmatched,
    ];

    /// The word for it in reports, labels and on the wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Posted => "posted",
            Self::Duplicate => "duplicate",
            Self::PostedLate => "posted_late",
            Self::LateUnverified => "late_unverified",
            Self::UnknownCampaign => "unknown_campaign",
            Self::WrongSource => "wrong_source",
            Self::ProducerRefused => "producer_refused",
            Self::Invalid => "invalid",
            Self::OutsideFlight => "outside_flight",
            Self::RefundUnmatched => "refund_unmatched",
        }
    }
}

/// The absolute value of a spend counter, as read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct CounterRead {
    /// Whose.
    pub campaign: CampaignId,
    /// Of which budget window.
    pub window: Window,
    /// Nanos since the window began; absent when the field or key is not there.
    pub value: Option<Nanos>,
    /// When it was read: the counter's watermark.
    pub read_at: Timestamp,
}

/// What a campaign was asked, in one segment, since the last report.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct OpportunityCount {
    /// Who was asked.
    pub campaign: CampaignId,
    /// Where.
    pub segment: SegmentId,
    /// In which arm.
    pub arm: ArmId,
    /// Auctions it was eligible for.
    pub asks: u64,
    /// Bids it submitted.
    pub bids: u64,
    /// Auctions it did not bid in because its bid would have been below the floor; at most `asks`
    /// less `bids`, and 0 from those who do not tell.
    #[serde(default)]
    pub below_floor: u64,
    /// Auctions it won.
    pub wins: u64,
}

/// Counts since the last report of one producer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OpportunityBatch {
    /// Who reports.
    pub producer: Option<ProducerId>,
    /// The producer's own count of such batches: a repeated one changes nothing.
    pub sequence: Option<u64>,
    /// Everything before this is in.
    pub reported_through: Timestamp,
    /// Bounded at the edge.
    pub counts: Vec<OpportunityCount>,
}
