//! # paceline-client: obeys
//!
//! Linked into the bidder. Three promises: on the path of a request it never blocks, never panics
//! and never allocates.
//!
//! [`PacelineHandle::decide`] reads a table that one background task keeps current, weighs it by
//! its lease at the time the bidder passes, and runs the same law as service and simulator. With a
//! bidder id, what is bid is held of the bidder's allowance until the bid is won or lost, so that
//! no budget is ever overrun, whatever becomes of the service.
//!
//! The feature `grpc` (on by default) brings the subscriber and the reporters. Without it, [`open`]
//! gives a handle and the [`BoardWriter`] that feeds it.
//!
//! ```
//! use paceline_client::{Settings, open};
//! use paceline_core::bid::{AuctionType, BidAsk, BidDecision, SkipReason};
//! use paceline_core::units::{ArmId, CampaignId, CpmMicros, Timestamp};
//!
//! let (handle, _writer) = open(Settings::default());
//! let ask = BidAsk {
//!     auction: 7,
//!     impression: 0,
//!     value: CpmMicros::new(2_500_000),
//!     floor: CpmMicros::ZERO,
//!     auction_type: AuctionType::FirstPrice,
//! };
//! let now = Timestamp::from_micros(1_700_000_000_000_000);
//! let answer = handle.decide(CampaignId::of("summer"), ArmId(0), now, &ask);
//! assert_eq!(answer.decision, BidDecision::Skip(SkipReason::Unknown));
//! ```

#![cfg_attr(not(test), warn(clippy::expect_used, clippy::indexing_slicing, clippy::panic))]

/// The examples of the README are compiled with the tests.
#[cfg(all(doctest, feature = "grpc"))]
#[doc = include_str!("README.md")]
struct Readme;

mod allowance;
mod board;
mod board_writer;
mod draw;
mod handle;
mod hold;
mod lease_board;
mod purse;
mod shade_books;
mod shade_table;
mod slot;
mod slot_table;
mod stats;

mod cold_start;

#[cfg(feature = "grpc")]
mod client;
#[cfg(feature = "grpc")]
mod line;
#[cfg(feature = "grpc")]
mod opportunity;
#[cfg(feature = "grpc")]
mod outcome;
#[cfg(feature = "grpc")]
mod spend;
#[cfg(feature = "grpc")]
mod subscribe;
#[cfg(feature = "grpc")]
mod wire;

pub use board::Answer;
pub use board_writer::{ApplyError, BoardWriter, TableHead};
pub use cold_start::ColdStartError;
pub use handle::{CampaignHandle, PacelineHandle};
pub use hold::Hold;
pub use lease_board::SkewEstimate;
pub use shade_books::{ShadesDropped, ShadesPart};
pub use shade_table::SegmentHandle;
pub use stats::Fact;

#[cfg(feature = "grpc")]
pub use client::{Builder, PacelineClient};
#[cfg(feature = "grpc")]
pub use opportunity::{Opportunities, OpportunityCounter};
#[cfg(feature = "grpc")]
pub use outcome::{OutcomeError, OutcomeReport, OutcomeReporter, OutcomeSettings, OutcomeTrial};
#[cfg(feature = "grpc")]
pub use spend::{ReportError, SpendReport, SpendReporter, WhenFull};

use board::{Board, BoardLimits};
use paceline_core::units::Span;
use std::sync::Arc;

/// Bounds of a client's memory and times. All of it is taken at the start.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Settings {
    /// Entries that the table can hold, 64 bytes each. Campaigns beyond are refused, counted, and
    /// unknown: they do not bid.
    pub entries_max: usize,
    /// Bids that may be open at a time with money held, 32 bytes each; when about that many are,
    /// there is no bid. Four times what is usual keeps that rare.
    pub holds_max: usize,
    /// Segments that can have a shading schedule, 171 bytes each where bids are made; beside that
    /// the background task keeps all that it is told, some 120 bytes a segment. Those beyond are
    /// refused, counted, and bid for unshaded; with none, no schedules are asked for.
    pub segments_max: usize,
    /// How long money is held for a bid of which nothing is heard.
    pub hold_timeout: Span,
    /// Whether bids need an allowance.
    pub has_bidder: bool,
}

impl Default for Settings {
    /// 131 072 entries, 65 536 holds of two seconds, 16 384 segments, no allowances.
    fn default() -> Self {
        Self {
            entries_max: 131_072,
            holds_max: 65_536,
            segments_max: 16_384,
            hold_timeout: Span::from_secs(2),
            has_bidder: false,
        }
    }
}

/// A handle, and the writer that feeds it.
#[must_use]
pub fn open(settings: Settings) -> (PacelineHandle, BoardWriter) {
    let board = Arc::new(Board::new(BoardLimits {
        entries_max: settings.entries_max.clamp(1, slot_table::CAPACITY_MAX),
        holds_max: settings.holds_max,
        segments_max: settings.segments_max.min(shade_table::SEGMENTS_MAX),
        hold_timeout: settings.hold_timeout,
        has_bidder: settings.has_bidder,
    }));
    (PacelineHandle::new(Arc::clone(&board)), BoardWriter::new(board))
}
