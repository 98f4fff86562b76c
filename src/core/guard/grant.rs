//! What one bidder was granted of one budget window, and what is held back for it after that.
//!
//! Money that a bidder used without having told yet must not be granted twice. Called by the guard.

use crate::units::{Nanos, Span, Timestamp};
use serde::{Deserialize, Serialize};
use std::collections::VecDeque;

/// After an allowance ran out, outcomes of the last bids are waited for: more than a bidder holds a
/// bid without an outcome.
const SETTLING: Span = Span::from_secs(5);
/// Peaks that wait for their bidder's word, each with a time of its own. Each is lower than the
/// one before it; beyond so many the latest two wait together.
const PEAKS_MAX: usize = 8;

/// What one bidder was granted in one window.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Grant {
    /// All ever granted.
    pub granted_total: Nanos,
    /// All the bidder has reported.
    pub reported_total: Nanos,
    /// Totals that were granted once and taken back, each with when it can no longer be in use: in
    /// order of time, falling. A bidder that has not heard may still have committed so much in all.
    peaks: VecDeque<(Timestamp, Nanos)>,
    /// The bidder may commit until then.
    pub expires_at: Timestamp,
    /// Last sign of use: a report, a draw, a first grant.
    pub(super) used_at: Timestamp,
}

impl Grant {
    pub(super) fn new(now: Timestamp) -> Self {
        Self {
            granted_total: Nanos::ZERO,
            reported_total: Nanos::ZERO,
            peaks: VecDeque::new(),
            expires_at: now,
            used_at: now,
        }
    }

    /// What the bidder may still commit, as far as is known.
    #[must_use]
    pub fn left(&self) -> Nanos {
        (self.granted_total - self.reported_total).at_least_zero()
    }

    /// The most that the bidder may have committed in all.
    fn peak(&self) -> Nanos {
        let held = self.peaks.front().map_or(Nanos::ZERO, |&(_, peak)| peak);
        self.granted_total.max(held)
    }

    /// What must be held back for it: what it may have committed and has not reported.
    #[must_use]
    pub fn outstanding(&self) -> Nanos {
        (self.peak() - self.reported_total).at_least_zero()
    }

    /// What more must be held back if it may commit `want` from now on.
    pub(super) fn cost_of(&self, want: Nanos) -> Nanos {
        (self.reported_total + want - self.peak().max(self.reported_total)).at_least_zero()
    }

    /// Lets it commit `want` from now on, if that is more than it has left. What was reported
    /// beyond the grant is in the books, and takes nothing of this.
    pub(super) fn raise_to(&mut self, want: Nanos) {
        self.granted_total = self.granted_total.max(self.reported_total + want);
    }

    pub(super) fn lower_to(&mut self, now: Timestamp, horizon: Span, left: Nanos) {
        let freed = self.left() - left;
        if freed > Nanos::ZERO {
            self.hold(self.expires_at.min(now + horizon) + SETTLING, self.granted_total);
            self.granted_total -= freed;
        }
    }

    /// Holds a peak until a time; it stands for lower ones that end before.
    fn hold(&mut self, until: Timestamp, peak: Nanos) {
        let until = self.peaks.back().map_or(until, |&(last, _)| last.max(until));
        while self.peaks.pop_back_if(|&mut (_, lower)| lower <= peak).is_some() {}
        let is_full = self.peaks.len() >= PEAKS_MAX;
        match self.peaks.back_mut() {
            Some(last) if is_full => last.0 = until,
            _ => self.peaks.push_back((until, peak)),
        }
    }

    /// Lets go of what is no longer in use, for all that its bidder has told: everything before
    /// `through`. A bidder that reports late is waited for; one that is no source of reports has a
    /// horizon to be heard through others.
    pub(super) fn release(&mut self, now: Timestamp, horizon: Span, through: Option<Timestamp>) {
        let known = through.unwrap_or(now - horizon);
        while self.peaks.pop_front_if(|&mut (until, _)| until <= known).is_some() {}
    }

    /// Takes a bidder's word that it holds `left`, from a leader that may have granted it just now.
    pub(super) fn adopt(&mut self, now: Timestamp, horizon: Span, left: Nanos) {
        if left > self.left() {
            self.hold(now + horizon, self.reported_total + left);
        }
    }
}
