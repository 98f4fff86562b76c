//! One budget window's money, double entry: granted + adjusted = available + in flight + spent,
//! after every posting.
//!
//! Knows nothing of events or campaigns; the ledger decides which accounts a posting touches.

use crate::budget::Horizon;
use crate::units::{Nanos, Window};
use serde::{Deserialize, Serialize};

/// One movement of money within an account.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Posting {
    /// A win is expected to cost this: available → in flight.
    Expect(Nanos),
    /// What was expected is billed or has lapsed: in flight → available.
    Release(Nanos),
    /// Billed: available → spent.
    Bill(Nanos),
    /// Given back and not to be spent again: spent falls, and the cap with it.
    RefundHeld(Nanos),
    /// Given back and free again: spent → available.
    RefundFree(Nanos),
}

/// The money of one owner in one window.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Account {
    /// Of which kind of window.
    pub horizon: Horizon,
    /// Which window.
    pub window: Window,
    /// What the budget says.
    pub granted: Nanos,
    /// What refunds took away from it; never above zero.
    pub adjusted: Nanos,
    /// Free. Below zero after an overspend.
    pub available: Nanos,
    /// Won, not billed.
    pub in_flight: Nanos,
    /// Billed.
    pub spent: Nanos,
    /// Allowances bidders may still commit: a claim on `available`, not a part of the balance.
    pub outstanding: Nanos,
}

impl Account {
    /// Nothing spent yet.
    #[must_use]
    pub fn open(horizon: Horizon, window: Window, granted: Nanos) -> Self {
        Self {
            horizon,
            window,
            granted,
            adjusted: Nanos::ZERO,
            available: granted,
            in_flight: Nanos::ZERO,
            spent: Nanos::ZERO,
            outstanding: Nanos::ZERO,
        }
    }

    /// Moves money. Both sides balance before and after.
    pub fn post(&mut self, posting: Posting) {
        assert!(self.balances(), "both sides balance before a posting");
        match posting {
            Posting::Expect(amount) => {
                self.available -= amount;
                self.in_flight += amount;
            }
            Posting::Release(amount) => {
                self.in_flight -= amount;
                self.available += amount;
            }
            Posting::Bill(amount) => {
                self.available -= amount;
                self.spent += amount;
            }
            Posting::RefundHeld(amount) => {
                self.spent -= amount;
                self.adjusted -= amount;
            }
            Posting::RefundFree(amount) => {
                self.spent -= amount;
                self.available += amount;
            }
        }
        assert!(self.balances(), "both sides balance after a posting");
    }

    /// The budget was edited.
    pub fn regrant(&mut self, granted: Nanos) {
        self.available += granted - self.granted;
        self.granted = granted;
    }

    /// Takes in the money of another of the same window, whose budget is the same one.
    pub fn absorb(&mut self, other: &Self) {
        self.adjusted += other.adjusted;
        self.in_flight += other.in_flight;
        self.spent += other.spent;
        self.outstanding += other.outstanding;
        self.available = self.cap() - self.drawn();
    }

    /// What may be spent in all.
    #[must_use]
    pub fn cap(&self) -> Nanos {
        self.granted + self.adjusted
    }

    /// Drawn already: spent or in flight.
    #[must_use]
    pub fn drawn(&self) -> Nanos {
        self.spent + self.in_flight
    }

    /// What may still be promised to bidders.
    #[must_use]
    pub fn headroom(&self) -> Nanos {
        self.available - self.outstanding
    }

    /// The accounting identity.
    #[must_use]
    pub fn balances(&self) -> bool {
        self.granted + self.adjusted == self.available + self.in_flight + self.spent
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::units::Timestamp;
    use proptest::prelude::*;

    fn account() -> Account {
        let window = Window::try_new(Timestamp::MIN, Timestamp::MAX).unwrap();
        Account::open(Horizon::Flight, window, Nanos::new(1_000))
    }

    #[test]
    fn a_held_refund_lowers_the_cap_and_a_free_one_does_not() {
        let mut held = account();
        held.post(Posting::Bill(Nanos::new(300)));
        let mut free = held.clone();
        held.post(Posting::RefundHeld(Nanos::new(100)));
        free.post(Posting::RefundFree(Nanos::new(100)));
        assert_eq!((held.spent.get(), held.available.get(), held.cap().get()), (200, 700, 900));
        assert_eq!((free.spent.get(), free.available.get(), free.cap().get()), (200, 800, 1_000));
    }

    proptest! {
        #[test]
        fn any_order_of_postings_balances(
            amounts in prop::collection::vec((0_u8..5, 0_i64..1_000_000), 0..50),
        ) {
            let mut account = account();
            for (kind, amount) in amounts {
                let amount = Nanos::new(amount);
                account.post(match kind {
                    0 => Posting::Expect(amount),
                    1 => Posting::Release(amount),
                    2 => Posting::Bill(amount),
                    3 => Posting::RefundHeld(amount),
                    _ => Posting::RefundFree(amount),
                });
            }
            prop_assert!(account.balances());
        }
    }
}
