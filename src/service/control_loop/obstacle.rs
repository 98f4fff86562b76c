//! Why a partition that nobody else leads is not led here either.
//!
//! Told once in the log, on `/readyz` for as long as it lasts, and to whoever asks the loop
//! meanwhile. Called by the loop.

use crate::store::StoreError;
use jiff::Timestamp as Moment;
use paceline_core::units::Timestamp;

/// What is in the way of leading.
#[derive(Debug, thiserror::Error)]
pub(super) enum Obstacle {
    /// The store does not let us.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// What is decided now would be dated up to then, and so would its leases: a bidder would trust
    /// a table for as long as the log is ahead, whatever became of us.
    #[error(
        "its log goes up to {}, ahead of this machine's clock by more than a lease: set the clock \
         right or wait until then; a rehearsal on a scaled clock wants a store of its own",
        shown(*.0)
    )]
    LogAhead(Timestamp),
}

fn shown(at: Timestamp) -> String {
    let moment = Moment::from_microsecond(at.as_micros());
    moment.map_or_else(|_| format!("{} us since 1970", at.as_micros()), |at| at.to_string())
}
