//! Corrections of what was billed. What is given back was spent before: a refund takes no account
//! below nothing spent, or it would be budget that nobody granted.
//!
//! One of more than the flight or the owner ever spent is set aside by the ledger; an operator who
//! posts it all the same takes each account to nothing spent and no further. One that only its
//! hour, day or month has not spent is posted: it gives back what an earlier one did.

use super::{Book, Posting, Slot, SpendLedger};
use crate::budget::Horizon;
use crate::campaign::RefundPolicy;
use crate::days::KnownDays;
use crate::event::{SpendEvent, SpendKind};
use crate::units::{Nanos, Timestamp};

impl SpendLedger {
    /// Whether an event gives back more than its flight, or an owner, has spent.
    pub(super) fn exceeds_spent(&self, slot: Slot, event: &SpendEvent, at: Timestamp) -> bool {
        let is_refund = event.kind == SpendKind::Adjust && event.price < Nanos::ZERO;
        let mut owners = self.campaigns[slot].owners.iter();
        is_refund
            && owners.any(|owner| self.books[owner].refundable(at) + event.price < Nanos::ZERO)
    }

    pub(super) fn post_adjust(
        &mut self,
        days: &KnownDays,
        slot: Slot,
        amount: Nanos,
        at: Timestamp,
    ) {
        let policy = self.campaigns[slot].refunds;
        for owner in self.campaigns[slot].owners.iter() {
            let book = &mut self.books[owner];
            book.touch(at, days, |account| {
                let back = (-amount).min(account.spent);
                account.post(match policy {
                    _ if amount >= Nanos::ZERO => Posting::Bill(amount),
                    RefundPolicy::Hold => Posting::RefundHeld(back),
                    RefundPolicy::Respend => Posting::RefundFree(back),
                });
            });
            book.count_adjusted(amount.max(-book.totals().billed));
        }
    }
}

impl Book {
    /// What was spent in the flight that holds `at`, or in all where no flight is bounded.
    fn refundable(&self, at: Timestamp) -> Nanos {
        let spent = self.totals().billed;
        self.account_at(Horizon::Flight, at).map_or(spent, |flight| flight.spent.min(spent))
    }
}
