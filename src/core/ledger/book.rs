//! One owner's accounts, a window each, and its running totals.
//!
//! Opens accounts as money or time reaches their window; keeps closed ones for restatement, and
//! remembers the money of windows that no budget bounds, for budgets that are entered later.

use crate::budget::{BudgetOwner, Budgets, Cap, Flight, Horizon};
use crate::days::KnownDays;
use crate::ledger::account::Account;
use crate::units::{Nanos, Span, Timestamp, Window, ZoneId};
use serde::{Deserialize, Serialize};

/// Closed windows are restated for this long, by horizon.
const fn memory(horizon: Horizon) -> Span {
    match horizon {
        Horizon::Hour => Span::DAY.times(2),
        Horizon::Day => Span::DAY.times(35),
        Horizon::Month => Span::DAY.times(70),
        Horizon::Flight => Span::DAY.times(400),
    }
}

/// Turnover after which a book takes no more money: with a grant of four billion units on top,
/// every sum stays inside an `i64` of nanos.
const TURNOVER_MAX: Nanos = Nanos::from_units(4_000_000_000);

/// Share of the newest billing in the running event price: about the last hundred events.
const PRICE_GAIN: f64 = 0.01;

/// Money since the owner was entered; never goes back except by refunds.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct SpendTotals {
    /// C_b: billed, refunds deducted.
    pub billed: Nanos,
    /// C_x: all that was ever expected to be billed when served.
    pub expected: Nanos,
    /// W: expected, neither billed nor lapsed.
    pub in_flight: Nanos,
    /// Corrections, part of `billed`.
    pub adjusted: Nanos,
    /// Billing events.
    pub events: u64,
    /// Running mean price of a billing event, in nanos; zero before the first.
    pub event_price: f64,
    /// Everything that ever moved, whatever its sign: keeps the books inside their range.
    pub turnover: Nanos,
    /// The cheapest recent billing event, rising by a hundredth with each dearer one, in nanos.
    pub cheapest: f64,
    /// The dearest recent billing event, fading by a hundredth with each cheaper one, in nanos.
    pub dearest: f64,
}

/// One owner's money.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Book {
    /// Whose.
    pub owner: BudgetOwner,
    /// Decides its windows.
    pub zone: ZoneId,
    budgets: Budgets,
    accounts: Vec<Account>,
    /// Money of windows that no budget bounds now: a budget that is entered later counts it.
    unbound: Vec<Account>,
    /// When a cap was last entered where there was none: what was over by then is not bounded, as
    /// its money is no longer remembered.
    capped_at: Timestamp,
    totals: SpendTotals,
    #[serde(skip)]
    tightest: Tightest,
}

/// What is free in the tightest of the open accounts, kept at hand while none of them moves, opens
/// or closes. It follows from the accounts and is not written down: two books never differ by it.
#[derive(Debug, Clone, Copy, Default)]
struct Tightest {
    /// Before this the open accounts are the same.
    until: Timestamp,
    free: Option<Nanos>,
}

impl Tightest {
    fn of(accounts: &[Account], now: Timestamp) -> Self {
        let open = accounts.iter().filter(|account| account.window.contains(now));
        let edges = accounts.iter().flat_map(|held| [held.window.start(), held.window.end()]);
        Self {
            until: edges.filter(|&edge| edge > now).min().unwrap_or(Timestamp::MAX),
            free: open.map(|account| account.available).min(),
        }
    }
}

impl PartialEq for Tightest {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

/// The last account of a horizon whose window holds `at`.
fn place(accounts: &[Account], horizon: Horizon, at: Timestamp) -> Option<usize> {
    accounts.iter().rposition(|held| held.horizon == horizon && held.window.contains(at))
}

/// One at a time: most books never hold more, and there are a million of them.
fn open(accounts: &mut Vec<Account>, account: Account) {
    accounts.reserve_exact(1);
    accounts.push(account);
}

impl Book {
    /// No account open yet.
    #[must_use]
    pub fn new(owner: BudgetOwner, zone: ZoneId, budgets: Budgets) -> Self {
        let (totals, tightest) = (SpendTotals::default(), Tightest::default());
        let (accounts, unbound) = (Vec::new(), Vec::new());
        let capped_at = Timestamp::MIN;
        Self { owner, zone, budgets, accounts, unbound, capped_at, totals, tightest }
    }

    /// Its budgets.
    #[must_use]
    pub fn budgets(&self) -> &Budgets {
        &self.budgets
    }

    /// Its running totals.
    #[must_use]
    pub fn totals(&self) -> &SpendTotals {
        &self.totals
    }

    /// Every account of a budget in force, oldest first.
    #[must_use]
    pub fn accounts(&self) -> &[Account] {
        &self.accounts
    }

    /// Time passed: for [`Self::is_exhausted`]. Costs nothing while no account moved.
    pub fn refresh(&mut self, now: Timestamp) {
        if now >= self.tightest.until {
            self.tightest = Tightest::of(&self.accounts, now);
        }
    }

    /// Whether one of its budgets cannot afford one more event at the cheapest recent price, with
    /// `margin` kept for what may yet be billed; as of the last [`Self::refresh`].
    #[must_use]
    pub fn is_exhausted(&self, margin: Nanos) -> bool {
        let event = Nanos::floor_from(self.totals.cheapest);
        self.tightest.free.is_some_and(|free| {
            let free = free - margin;
            free < event || free <= Nanos::ZERO
        })
    }

    /// The account of a horizon whose window holds `at`, if open.
    #[must_use]
    pub fn account_at(&self, horizon: Horizon, at: Timestamp) -> Option<&Account> {
        self.place(horizon, at).map(|place| &self.accounts[place])
    }

    /// Spent and in flight in the window of a horizon that holds `at`, whether or not a budget
    /// bounds it; nothing for an hour that none does.
    #[must_use]
    pub fn drawn_at(&self, horizon: Horizon, at: Timestamp) -> Nanos {
        let unbound = || place(&self.unbound, horizon, at).map(|place| &self.unbound[place]);
        self.account_at(horizon, at).or_else(unbound).map_or(Nanos::ZERO, Account::drawn)
    }

    fn place(&self, horizon: Horizon, at: Timestamp) -> Option<usize> {
        place(&self.accounts, horizon, at)
    }

    /// Runs `act` on every account whose window holds `at`, opening those that are not open yet;
    /// where no budget bounds a window, on the account that remembers it.
    pub fn touch(&mut self, at: Timestamp, days: &KnownDays, mut act: impl FnMut(&mut Account)) {
        self.tightest = Tightest::default();
        for horizon in Horizon::ALL {
            if self.place(horizon, at).is_none()
                && let Some((window, granted)) = self.line_at(horizon, at, days)
                && (horizon == Horizon::Flight || window.end() > self.capped_at)
            {
                open(&mut self.accounts, Account::open(horizon, window, granted));
            }
            if let Some(place) = self.place(horizon, at) {
                act(&mut self.accounts[place]);
                continue;
            }
            if place(&self.unbound, horizon, at).is_none()
                && let Some(window) = self.remembered_at(horizon, at, days)
            {
                open(&mut self.unbound, Account::open(horizon, window, Nanos::ZERO));
            }
            if let Some(place) = place(&self.unbound, horizon, at) {
                act(&mut self.unbound[place]);
            }
        }
    }

    /// The window to remember where no budget bounds a horizon. Hours are not: a cap entered within
    /// one counts from then on.
    fn remembered_at(&self, horizon: Horizon, at: Timestamp, days: &KnownDays) -> Option<Window> {
        match horizon {
            Horizon::Hour => None,
            Horizon::Day | Horizon::Month => days.window_at(self.zone, horizon, at),
            Horizon::Flight => {
                let flights = &self.budgets.flights;
                flights.iter().map(|flight| flight.window).find(|window| window.contains(at))
            }
        }
    }

    /// The latest start of a window that holds `at`, bounded or not.
    #[must_use]
    pub fn edge_of(&self, at: Timestamp) -> Option<Timestamp> {
        let all = self.accounts.iter().chain(&self.unbound);
        let open = all.filter(|account| account.window.contains(at));
        open.map(|account| account.window.start()).max()
    }

    /// The windows of its budgets that hold `at`.
    pub fn windows_at<'a>(
        &'a self,
        at: Timestamp,
        days: &'a KnownDays,
    ) -> impl Iterator<Item = Window> + 'a {
        Horizon::ALL
            .into_iter()
            .filter_map(move |horizon| self.line_at(horizon, at, days))
            .map(|(window, _)| window)
    }

    /// What may still be promised at `at` in its tightest budget; nothing when none binds.
    #[must_use]
    pub fn headroom(&self, at: Timestamp, days: &KnownDays) -> Option<Nanos> {
        let of = |horizon| {
            let opened = self.account_at(horizon, at).map(Account::headroom);
            opened.or_else(|| self.line_at(horizon, at, days).map(|(_, granted)| granted))
        };
        Horizon::ALL.into_iter().filter_map(of).min()
    }

    /// Forgets every claim: they are counted anew.
    pub fn unclaim(&mut self) {
        for account in self.accounts.iter_mut().chain(&mut self.unbound) {
            account.outstanding = Nanos::ZERO;
        }
    }

    /// Window and amount of a horizon's budget at a moment.
    fn line_at(
        &self,
        horizon: Horizon,
        at: Timestamp,
        days: &KnownDays,
    ) -> Option<(Window, Nanos)> {
        if horizon == Horizon::Flight {
            let flight = self.budgets.flights.iter().find(|flight| flight.window.contains(at))?;
            return Some((flight.window, flight.budget?));
        }
        let cap = self.budgets.cap(horizon)?;
        Some((days.window_at(self.zone, horizon, at)?, cap))
    }

    /// Where money of `at` belongs: itself inside a flight; the last moment of the flight before it
    /// when that ended no longer ago than `grace`; nowhere otherwise. Without flights: itself.
    #[must_use]
    pub fn attributed(&self, at: Timestamp, grace: Span) -> Option<Timestamp> {
        let flights = &self.budgets.flights;
        if flights.is_empty() || flights.iter().any(|flight| flight.window.contains(at)) {
            return Some(at);
        }
        let before = flights.iter().rev().find(|flight| flight.window.end() <= at)?;
        let last = before.window.end() - Span::from_micros(1);
        (at - last <= grace).then_some(last)
    }

    /// The first moment of a window that lies in a flight.
    #[must_use]
    pub fn first_moment_in(&self, window: Window) -> Option<Timestamp> {
        let meets = |flight: &Flight| flight.window.intersect(window);
        self.budgets.flights.iter().find_map(meets).map(Window::start)
    }

    /// Whether money of `at` belongs to a local day, or a flight, that is over.
    #[must_use]
    pub fn is_closed(&self, at: Timestamp, now: Timestamp, days: &KnownDays) -> bool {
        let day_over = now - at > Span::HOUR
            && days.day_at(self.zone, at).is_some_and(|day| day.window.end() <= now);
        day_over
            || self
                .budgets
                .flights
                .iter()
                .any(|flight| flight.window.contains(at) && flight.window.end() <= now)
    }

    /// Takes new budgets. Accounts get their new amount, a flight whose dates moved keeps its
    /// money, flights that became one are one account; of what no budget bounds any more the money
    /// is remembered, and what one bounds now begins with what was remembered.
    pub fn edit(&mut self, now: Timestamp, zone: ZoneId, budgets: Budgets) {
        let is_new = |cap: &Cap| self.budgets.cap(cap.horizon).is_none();
        if budgets.caps.iter().any(is_new) {
            self.capped_at = now;
        }
        self.zone = zone;
        self.budgets = budgets;
        self.tightest = Tightest::default();
        let mut known = std::mem::take(&mut self.accounts);
        let bounded = known.len();
        known.append(&mut self.unbound);
        for (place, mut account) in known.into_iter().enumerate() {
            let is_whole =
                place < bounded || account.horizon == Horizon::Flight || account.window.end() > now;
            let line = self.line_of(&account).filter(|_| is_whole);
            let Some((window, granted)) = line else {
                account.regrant(Nanos::ZERO);
                open(&mut self.unbound, account);
                continue;
            };
            account.window = window;
            account.regrant(granted);
            let is_same = |held: &&mut Account| {
                held.horizon == account.horizon && held.window == account.window
            };
            match self.accounts.iter_mut().find(is_same) {
                Some(held) => held.absorb(&account),
                None => open(&mut self.accounts, account),
            }
        }
        self.accounts.sort_by_key(|account| account.window.start());
    }

    /// Window and amount of the budget that an account belongs to.
    fn line_of(&self, account: &Account) -> Option<(Window, Nanos)> {
        if account.horizon == Horizon::Flight {
            let meets = |flight: &&Flight| flight.window.intersect(account.window).is_some();
            let flight = self.budgets.flights.iter().find(meets)?;
            return Some((flight.window, flight.budget?));
        }
        self.budgets.cap(account.horizon).map(|amount| (account.window, amount))
    }

    /// Drops accounts that are past restatement, and what is remembered of days and months that are
    /// over: no budget entered later can bound them.
    pub fn prune(&mut self, now: Timestamp) {
        self.tightest = Tightest::default();
        let is_kept = |account: &Account, time: Span| now - account.window.end() < time;
        self.accounts.retain(|account| is_kept(account, memory(account.horizon)));
        self.unbound.retain(|account| match account.horizon {
            Horizon::Flight => is_kept(account, memory(Horizon::Flight)),
            Horizon::Hour | Horizon::Day | Horizon::Month => is_kept(account, Span::ZERO),
        });
    }

    /// Whether an amount can be moved without leaving the range of the ledger.
    #[must_use]
    pub fn has_room(&self, amount: Nanos) -> bool {
        let size = Nanos::new(amount.get().saturating_abs());
        self.totals.turnover.saturating_add(size) <= TURNOVER_MAX
    }

    pub(super) fn count_expected(&mut self, amount: Nanos) {
        self.totals.turnover += amount;
        self.totals.expected += amount;
        self.totals.in_flight += amount;
    }

    pub(super) fn count_released(&mut self, amount: Nanos) {
        self.totals.in_flight -= amount;
    }

    pub(super) fn count_billed(&mut self, price: Nanos, without_win: bool) {
        let totals = &mut self.totals;
        totals.turnover += price;
        totals.billed += price;
        totals.events += 1;
        if without_win {
            totals.expected += price;
        }
        // The mean of all until there are a hundred: one dear first event must not stand for them.
        #[expect(clippy::cast_precision_loss, reason = "below a hundred it is exact")]
        let gain = (1.0 / totals.events as f64).max(PRICE_GAIN);
        totals.event_price += gain * (price.as_f64() - totals.event_price);
        let risen =
            if totals.events == 1 { price.as_f64() } else { totals.cheapest * (1.0 + PRICE_GAIN) };
        totals.cheapest = price.as_f64().min(risen);
        totals.dearest = price.as_f64().max(totals.dearest * (1.0 - PRICE_GAIN));
    }

    pub(super) fn count_adjusted(&mut self, amount: Nanos) {
        self.totals.turnover += amount.max(-amount);
        self.totals.billed += amount;
        self.totals.adjusted += amount;
    }
}
