//! Which kinds of source an owner's members report by: which watermark its law is stepped to.
//!
//! Called by the engine as campaigns are entered, and by its round.

use crate::campaign::SpendSource;
use serde::{Deserialize, Serialize};

/// Which kinds of source an owner's members report by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Feed {
    /// No members yet.
    None,
    Events,
    Counters,
    Both,
}

impl Feed {
    pub(super) fn with(self, source: SpendSource) -> Self {
        match (self, source) {
            (Self::None | Self::Events, SpendSource::Events) => Self::Events,
            (Self::None | Self::Counters, SpendSource::Counters) => Self::Counters,
            _ => Self::Both,
        }
    }
}
