//! What is kept of the past beside log and checkpoint: short texts of bytes by grain, start and
//! campaign.
//!
//! Opaque bytes here, a few hundred each. Written by the scribe with its checkpoint, read when
//! somebody asks.

use paceline_core::past::Grain;
use paceline_core::units::{CampaignId, Timestamp};

/// Stretches in one write: some hundred kilobytes, done within the time of an append.
pub(crate) const STRETCHES_MAX: usize = 500;
/// The most bytes of a stretch: its rows are at most ten, of some tens of bytes and a share for
/// each reason and cause there is.
pub const STRETCH_BYTES_MAX: usize = 16 << 10;

/// Rows of one campaign that are kept together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeptStretch {
    /// How fine its rows are.
    pub grain: Grain,
    /// When it begins.
    pub start: Timestamp,
    /// Whose.
    pub campaign: CampaignId,
    /// Its rows, versioned by whoever wrote them.
    pub bytes: Vec<u8>,
}

/// The grain's number in a file.
pub(crate) const fn number(grain: Grain) -> u8 {
    match grain {
        Grain::Minute => 0,
        Grain::Hour => 1,
    }
}

/// The starts of all stretches that hold a moment from `from` to `until`, the first first.
pub(crate) fn starts(
    grain: Grain,
    from: Timestamp,
    until: Timestamp,
) -> impl Iterator<Item = Timestamp> {
    let first = grain.start_of(from);
    let steps = (until - first).as_micros().div_euclid(grain.stretch().as_micros());
    (0..=steps).map(move |step| first + grain.stretch().times(step))
}
