//! The bridge over an outage of the log: the table in force is kept alive for a while, as it is.
//!
//! Without a log nothing can be decided, so that every law stands still; bidders' leases are
//! renewed until the last round is older than `blind_limit`, and then no more. Whoever sees that
//! another leads does not renew: the table in force is the other's. Called by the loop.

use super::{LoopFacts, LoopParts};
use paceline_core::table::Lease;
use paceline_core::units::Timestamp;

/// Renews the standing table's lease.
#[derive(Debug)]
pub(super) struct Bridge {
    /// Whether the table in force is this process's.
    is_ours: bool,
    renewed_at: Timestamp,
}

impl Bridge {
    pub(super) const fn new() -> Self {
        Self { is_ours: false, renewed_at: Timestamp::MIN }
    }

    /// The table in force is ours, or another's.
    pub(super) fn take_sides(&mut self, is_ours: bool) {
        self.is_ours = is_ours;
    }

    /// Renews once a tick, as long as there is something to keep alive.
    pub(super) fn carry(&mut self, parts: &LoopParts, facts: &LoopFacts) {
        let now = parts.clock.now();
        let decided = facts.last_tick();
        let is_due = now - self.renewed_at.max(decided) >= parts.engine.tick;
        if !self.is_ours || !is_due || now - decided >= parts.engine.blind_limit {
            return;
        }
        self.renewed_at = now;
        let valid_until = now + parts.engine.lease_valid;
        let grace_until = valid_until + parts.engine.lease_grace;
        parts.publisher.renew(Lease { valid_until, grace_until });
    }
}
