//! What can go wrong in a store: what was being done, and the fault beneath it.
//!
//! [`StoreError`] tells the operation, [`StoreFault`] what went wrong, and its own source why; each
//! level's `Display` tells only itself. Knows no engine by name. [`StoreError::is_transient`] alone
//! decides whether a caller may try again.

use paceline_core::units::{Epoch, Generation};
use std::error::Error;
use std::path::PathBuf;

use super::offset::Offset;

/// The cause from the engine beneath, kept for the chain.
pub(crate) type Source = Box<dyn Error + Send + Sync>;

/// A store's operation that did not come off.
#[derive(Debug, thiserror::Error)]
#[error("{doing}")]
pub struct StoreError {
    doing: String,
    #[source]
    fault: StoreFault,
}

/// What went wrong.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreFault {
    /// When a write carries an epoch that is not the store's: another leader has taken over, or
    /// the store was restored to an older state.
    #[error(
        "epoch {} is not the store's epoch {}: this leader's term is over",
        .ours.0, .current.0
    )]
    Fenced {
        /// What the write carried.
        ours: Epoch,
        /// What the store holds.
        current: Epoch,
    },
    /// When a lease is renewed after it ran out, was resigned or passed on.
    #[error("the lead of epoch {} has ended; the store is at epoch {}", .ours.0, .current.0)]
    LeadLost {
        /// The epoch that was to be renewed.
        ours: Epoch,
        /// What the store holds.
        current: Epoch,
    },
    /// When a new term would need an epoch above the largest number there is.
    #[error("no epoch is left above {}", .above.0)]
    EpochsSpent {
        /// The epoch to be above.
        above: Epoch,
    },
    /// When a table is not newer than the one held.
    #[error("table {given} is not newer than table {held}")]
    TableNotNewer {
        /// What the store holds.
        held: Generation,
        /// What was to be put.
        given: Generation,
    },
    /// When a reader asks for records that have been trimmed.
    #[error("the log has been trimmed through {through}; start from the checkpoint")]
    Trimmed {
        /// The last record that is gone.
        through: Offset,
    },
    /// When a value exceeds its bound.
    #[error("{what} is {size}, at most {max} are taken")]
    TooLarge {
        /// What, with its unit.
        what: &'static str,
        /// How much there is.
        size: usize,
        /// How much is taken.
        max: usize,
    },
    /// When nothing is left of a value that must hold something.
    #[error("{what} is empty")]
    Empty {
        /// What.
        what: &'static str,
    },
    /// When the store was made with another number of partitions, which is fixed at first start.
    #[error("the store has {found} partitions, the configuration says {wanted}: keep {found}")]
    Partitions {
        /// What the store was made with.
        found: u8,
        /// What was asked for.
        wanted: u8,
    },
    /// When a partition is not below the number of partitions.
    #[error("there is no partition {partition}: the store has {partitions}")]
    NoSuchPartition {
        /// What was asked for.
        partition: u8,
        /// What there is.
        partitions: u8,
    },
    /// When another process has the file open.
    #[error(
        "{} is open in another process; stop that one or choose another folder",
        .path.display()
    )]
    Locked {
        /// Which file.
        path: PathBuf,
    },
    /// When the file is damaged or not a store at all. It is left as it is.
    #[error(
        "{} is damaged or not a paceline store, and was left as it is; move it away and restore a \
         copy, or start with an empty folder",
        .path.display()
    )]
    Damaged {
        /// Which file.
        path: PathBuf,
        /// What the engine found.
        #[source]
        source: Source,
    },
    /// When a stored value cannot be read back.
    #[error("{what} cannot be read back")]
    Unreadable {
        /// Which value.
        what: String,
        /// Why.
        #[source]
        source: Source,
    },
    /// When the file cannot be read or written. Open the store anew.
    #[error("the disk failed")]
    Disk(#[source] Source),
    /// When a key holds another type than the store's contract says.
    #[error("key {key} is a {found} and must be a {wanted}: rename or delete it")]
    WrongType {
        /// Which key.
        key: String,
        /// What it is.
        found: String,
        /// What it must be.
        wanted: &'static str,
    },
    /// When no answer came in time. Whether the write was done is not known.
    #[error("no answer within {millis} ms; the write may have been done")]
    TimedOut {
        /// How long was waited.
        millis: u64,
    },
    /// When the server cannot be reached. Whether a write was done is not known.
    #[error("the server cannot be reached")]
    Unreachable(#[source] Source),
    /// When the server has no room (`maxmemory`).
    #[error("the server has no room left")]
    Full(#[source] Source),
    /// When the server is there and cannot serve for now: loading, failing over.
    #[error("the server is not ready")]
    NotReady(#[source] Source),
    /// When the server says no: a command it does not know, missing rights.
    #[error("the server refused the command")]
    Refused(#[source] Source),
    /// When a page of foreign entries was taken into the log before, by a call whose answer was
    /// lost. Read the next page.
    #[error("the page has been taken into the log before")]
    AlreadyTaken,
    /// When the configuration of the store makes no sense.
    #[error("{field}: {rule}")]
    Config {
        /// Which field.
        field: &'static str,
        /// Which rule it breaks.
        rule: String,
    },
    /// When the store has been closed, or its writer died.
    #[error("the store is closed")]
    Closed,
}

impl StoreError {
    pub(crate) fn new(doing: impl Into<String>, fault: StoreFault) -> Self {
        Self { doing: doing.into(), fault }
    }

    /// What went wrong.
    #[must_use]
    pub const fn fault(&self) -> &StoreFault {
        &self.fault
    }

    /// Whether the same call may succeed later without anyone's doing.
    #[must_use]
    pub const fn is_transient(&self) -> bool {
        matches!(
            self.fault,
            StoreFault::TimedOut { .. }
                | StoreFault::Unreachable(_)
                | StoreFault::Full(_)
                | StoreFault::NotReady(_)
                | StoreFault::AlreadyTaken
        )
    }

    /// Whether this process no longer leads the partition and must stop writing.
    #[must_use]
    pub const fn is_fenced(&self) -> bool {
        matches!(self.fault, StoreFault::Fenced { .. } | StoreFault::LeadLost { .. })
    }
}

impl StoreFault {
    /// A stored value that cannot be read back.
    pub(crate) fn unreadable(what: impl Into<String>, source: impl Into<Source>) -> Self {
        Self::Unreadable { what: what.into(), source: source.into() }
    }
}

/// Adds what was being done.
pub(crate) trait Doing<T> {
    /// Names the operation; called on failure only.
    fn doing(self, operation: impl FnOnce() -> String) -> Result<T, StoreError>;
}

impl<T> Doing<T> for Result<T, StoreFault> {
    fn doing(self, operation: impl FnOnce() -> String) -> Result<T, StoreError> {
        self.map_err(|fault| StoreError::new(operation(), fault))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_level_tells_only_itself() {
        let fault = StoreFault::Fenced { ours: Epoch(3), current: Epoch(4) };
        let error = StoreError::new("saving the checkpoint of partition 7", fault);
        assert_eq!(error.to_string(), "saving the checkpoint of partition 7");
        assert_eq!(
            error.source().unwrap().to_string(),
            "epoch 3 is not the store's epoch 4: this leader's term is over"
        );
        assert!(error.is_fenced() && !error.is_transient());
    }
}
