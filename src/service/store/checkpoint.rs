//! What is kept of a partition beside its log: the checkpoint.
//!
//! Opaque bytes here, stored in parts, so that no single value is larger than a server should copy
//! at once. Used by the control loop.

use super::offset::Offset;
use paceline_core::units::Epoch;
use serde::{Deserialize, Serialize};

/// The most bytes of a checkpoint in one stored value: copied in a few milliseconds.
pub(crate) const PART_BYTES: usize = 4 << 20;
/// The largest checkpoint: 10 million budgets at 400 bytes, beyond what one core can tick.
pub const CHECKPOINT_BYTES_MAX: usize = 4 << 30;

/// A partition's state at a place in its log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checkpoint {
    /// Who saved it; given by the store on loading.
    pub epoch: Epoch,
    /// The last record that is in the state.
    pub offset: Offset,
    /// The engine's snapshot, versioned by the engine.
    pub bytes: Vec<u8>,
}

/// What the embedded store keeps of a checkpoint beside its parts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct CheckpointHead {
    /// A new checkpoint is written beside the old one: 0 or 1.
    pub(crate) side: u8,
    pub(crate) epoch: Epoch,
    pub(crate) offset: Offset,
    pub(crate) bytes: u64,
}
