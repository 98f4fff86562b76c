//! What an edit of budgets does to money that is spent and in flight: it never comes free again.

use super::*;

/// Edits the campaign's flights and caps at eleven seconds.
fn edit(ledger: &mut SpendLedger, flights: &[(i64, i64, Option<i64>)], day: Option<i64>) {
    edit_at(11, ledger, flights, day);
}

fn edit_at(
    second: i64,
    ledger: &mut SpendLedger,
    flights: &[(i64, i64, Option<i64>)],
    day: Option<i64>,
) {
    let flights = flights.iter().map(|&(from, to, budget)| Flight {
        window: Window::try_new(at(from), at(to)).unwrap(),
        budget: budget.map(Nanos::new),
    });
    let caps = day.map(|cap| Cap { horizon: Horizon::Day, amount: Nanos::new(cap) });
    let budgets = Budgets { flights: flights.collect(), caps: caps.into_iter().collect() };
    ledger.book_mut(0).edit(at(second), UTC, budgets);
}

const FLIGHT: (i64, i64, Option<i64>) = (0, 864_000, Some(1_000_000));

/// Bills so much at ten seconds, and has a win of 500 in flight.
fn spend(ledger: &mut SpendLedger, days: &KnownDays, price: i64) {
    let _ = ledger.post(at(11), days, None, &event(1, SpendKind::Billing, price, 10));
    let mut win = event(2, SpendKind::Win, 500, 10);
    win.win_id = Some(WinId::from_key(1));
    let _ = ledger.post(at(11), days, None, &win);
}

fn bill(ledger: &mut SpendLedger, days: &KnownDays) {
    let mut billing = event(3, SpendKind::Billing, 500, 20);
    billing.win_id = Some(WinId::from_key(1));
    let _ = ledger.post(at(21), days, None, &billing);
}

#[test]
fn a_flight_that_is_edited_away_and_back_has_spent_what_it_had() {
    let (mut ledger, days) = world();
    spend(&mut ledger, &days, 60_000);
    edit(&mut ledger, &[(40_000_000, 41_000_000, Some(1_000_000))], Some(200_000));
    assert!(ledger.book(0).account_at(Horizon::Flight, at(10)).is_none());
    edit(&mut ledger, &[FLIGHT], Some(200_000));
    assert_eq!(spent(&ledger, 0, Horizon::Flight, 10), (60_000, 500));
    bill(&mut ledger, &days);
    assert_eq!(spent(&ledger, 0, Horizon::Flight, 10), (60_500, 0));
    let account = ledger.book(0).account_at(Horizon::Flight, at(10)).unwrap();
    assert_eq!((account.available.get(), account.balances()), (939_500, true));
}

#[test]
fn flights_that_become_one_are_one_account() {
    let (mut ledger, days) = world();
    edit(&mut ledger, &[(0, 9, Some(1_000)), (9, 864_000, Some(1_000))], None);
    let _ = ledger.post(at(8), &days, None, &event(1, SpendKind::Billing, 500, 5));
    let _ = ledger.post(at(11), &days, None, &event(2, SpendKind::Billing, 100, 10));
    edit(&mut ledger, &[(0, 864_000, Some(1_000))], None);
    let flights = ledger.book(0).accounts().iter().filter(|one| one.horizon == Horizon::Flight);
    let money: Vec<_> = flights.map(|one| (one.spent.get(), one.available.get())).collect();
    assert_eq!(money, [(600, 400)]);
}

#[test]
fn a_cap_that_is_removed_and_entered_again_has_spent_what_it_had() {
    let (mut ledger, days) = world();
    spend(&mut ledger, &days, 60_000);
    edit(&mut ledger, &[FLIGHT], None);
    assert!(ledger.book(0).account_at(Horizon::Day, at(10)).is_none());
    bill(&mut ledger, &days);
    edit(&mut ledger, &[FLIGHT], Some(70_000));
    assert_eq!(spent(&ledger, 0, Horizon::Day, 10), (60_500, 0));
    assert_eq!(ledger.book(0).headroom(at(30), &days), Some(Nanos::new(9_500)));
}

#[test]
fn a_cap_that_is_entered_within_its_window_counts_from_the_windows_start() {
    let (mut ledger, days) = world();
    edit(&mut ledger, &[(0, 864_000, None)], None);
    spend(&mut ledger, &days, 60_000);
    edit(&mut ledger, &[FLIGHT], Some(50_000));
    assert_eq!(spent(&ledger, 0, Horizon::Day, 10), (60_000, 500));
    assert_eq!(spent(&ledger, 0, Horizon::Flight, 10), (60_000, 500));
    bill(&mut ledger, &days);
    assert_eq!(spent(&ledger, 0, Horizon::Day, 10), (60_500, 0));
    assert_eq!(ledger.book(0).headroom(at(30), &days), Some(Nanos::new(-10_500)));
}

#[test]
fn days_that_are_over_are_not_remembered() {
    let (mut ledger, days) = world();
    edit(&mut ledger, &[FLIGHT], None);
    spend(&mut ledger, &days, 60_000);
    ledger.book_mut(0).prune(at(90_000));
    // Money promised since then brings nothing of it back.
    ledger.book_mut(0).touch(at(10), &days, |_| {});
    edit_at(90_000, &mut ledger, &[FLIGHT], Some(50_000));
    // Nor is a bill that comes late all that such a day ever spent.
    bill(&mut ledger, &days);
    assert!(ledger.book(0).account_at(Horizon::Day, at(10)).is_none());
    assert_eq!(spent(&ledger, 0, Horizon::Flight, 10), (60_500, 0));
}

proptest! {
    /// Whatever budgets come and go, those that stand in the end count everything.
    #[test]
    fn no_edit_makes_budget(
        steps in prop::collection::vec((0_u8..4, 1_i64..10_000), 1..30),
    ) {
        let (mut ledger, days) = world();
        let mut all = 0;
        for (number, (kind, amount)) in (10_u64..).zip(steps) {
            match kind {
                0 => edit(&mut ledger, &[(40_000_000, 41_000_000, Some(amount))], None),
                1 => edit(&mut ledger, &[(0, 864_000, None)], Some(amount)),
                2 => edit(&mut ledger, &[FLIGHT], (amount > 5_000).then_some(amount)),
                _ => {
                    let billing = event(number, SpendKind::Billing, amount, 10);
                    let verdict = ledger.post(at(11), &days, None, &billing).verdict;
                    all += if verdict == Verdict::Posted { amount } else { 0 };
                }
            }
        }
        edit(&mut ledger, &[FLIGHT], Some(200_000));
        let (day, flight) = (Horizon::Day, Horizon::Flight);
        if all > 0 {
            prop_assert_eq!(spent(&ledger, 0, day, 10).0, all);
            prop_assert_eq!(spent(&ledger, 0, flight, 10).0, all);
        }
        prop_assert!(ledger.book(0).accounts().iter().all(Account::balances));
    }
}
