//! Leadership of a partition: a lease on being the one who ticks it, with the epoch as its token.
//!
//! Knows neither clock nor store. A lease that ran out is over: it is not renewed but taken anew,
//! with a higher epoch, so that whatever its holder still sends is refused.

use super::error::StoreFault;
use paceline_core::units::{Epoch, Span, Timestamp};
use serde::{Deserialize, Serialize};

/// A wish to lead.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeadClaim {
    /// Who: unique to the process and its start, so that a restarted one is someone else.
    pub holder: String,
    /// For how long, above zero.
    pub span: Span,
    /// The epoch must be above this one: what bidders or an earlier life have seen.
    pub above: Epoch,
    /// The caller's clock of the world, before the call. The embedded store judges leases by it;
    /// Redis judges by its own clock, which all replicas share.
    pub now: Timestamp,
}

/// Leadership, for a while.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeadLease {
    /// Who holds it.
    pub holder: String,
    /// Its fencing token.
    pub epoch: Epoch,
    /// Until when, by the caller's clock, counted from before the call: never later than the
    /// store's own idea of it.
    pub until: Timestamp,
}

/// The answer to a claim.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LeadAnswer {
    /// The claimant leads. A claim repeated while it holds gives the same epoch.
    Ours(LeadLease),
    /// Somebody else does.
    Theirs {
        /// Who.
        holder: String,
        /// In which term.
        epoch: Epoch,
    },
}

/// The term after every one seen so far.
pub(crate) fn next_epoch(current: Epoch, above: Epoch) -> Result<Epoch, StoreFault> {
    let top = current.max(above);
    top.0.checked_add(1).map(Epoch).ok_or(StoreFault::EpochsSpent { above: top })
}

/// What the embedded store keeps of a partition's lead.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct LeadRecord {
    /// The latest term.
    pub(crate) epoch: Epoch,
    /// Who leads and until when; absent after it resigned.
    pub(crate) held: Option<(String, Timestamp)>,
}

impl LeadRecord {
    fn holder_at(&self, now: Timestamp) -> Option<&str> {
        self.held.as_ref().filter(|(_, until)| now < *until).map(|(holder, _)| holder.as_str())
    }

    /// Refuses a write that does not carry the latest epoch.
    pub(crate) fn check(&self, ours: Epoch) -> Result<(), StoreFault> {
        if ours == self.epoch {
            Ok(())
        } else {
            Err(StoreFault::Fenced { ours, current: self.epoch })
        }
    }

    /// Takes or keeps the lead, or says who has it.
    pub(crate) fn claim(&mut self, claim: &LeadClaim) -> Result<LeadAnswer, StoreFault> {
        let holder = self.holder_at(claim.now);
        if let Some(holder) = holder.filter(|holder| *holder != claim.holder) {
            return Ok(LeadAnswer::Theirs { holder: holder.to_owned(), epoch: self.epoch });
        }
        if holder.is_none() || self.epoch <= claim.above {
            self.epoch = next_epoch(self.epoch, claim.above)?;
        }
        let until = claim.now + claim.span;
        self.held = Some((claim.holder.clone(), until));
        let lease = LeadLease { holder: claim.holder.clone(), epoch: self.epoch, until };
        Ok(LeadAnswer::Ours(lease))
    }

    /// Prolongs a lease that still runs.
    pub(crate) fn renew(
        &mut self,
        lease: &LeadLease,
        span: Span,
        now: Timestamp,
    ) -> Result<LeadLease, StoreFault> {
        if lease.epoch != self.epoch || self.holder_at(now) != Some(lease.holder.as_str()) {
            return Err(StoreFault::LeadLost { ours: lease.epoch, current: self.epoch });
        }
        let until = now + span;
        self.held = Some((lease.holder.clone(), until));
        Ok(LeadLease { until, ..lease.clone() })
    }

    /// Gives the lead up, if it is still this one.
    pub(crate) fn resign(&mut self, lease: &LeadLease) {
        if lease.epoch == self.epoch {
            self.held = None;
        }
    }
}
