//! The ledger as its callers see it: events in, verdicts and balances out.

mod edits;

use super::*;
use crate::budget::{BudgetOwner, Budgets, Cap, Flight, Horizon};
use crate::days::tests::plain_days;
use crate::event::CounterRead;
use crate::units::{ArmId, EventId, Ppb, Results, WinId, Window, ZoneId};
use proptest::prelude::*;

const UTC: ZoneId = ZoneId::of("UTC");
const C: CampaignId = CampaignId::of("c");

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_micros(Span::from_secs(seconds).as_micros())
}

/// A campaign with a flight of ten days, a daily cap, and an advertiser that only has a month cap.
fn world() -> (SpendLedger, KnownDays) {
    let mut days = KnownDays::default();
    days.learn(Timestamp::MIN, &plain_days(UTC, 60)).unwrap();
    let mut ledger = SpendLedger::new(LedgerConfig::default());
    let window = Window::try_new(at(0), at(864_000)).unwrap();
    let own = ledger.open_book(Book::new(
        BudgetOwner::Campaign(C),
        UTC,
        Budgets {
            flights: vec![Flight { window, budget: Some(Nanos::new(1_000_000)) }],
            caps: vec![Cap { horizon: Horizon::Day, amount: Nanos::new(200_000) }],
        },
    ));
    let advertiser = ledger.open_book(Book::new(
        BudgetOwner::Advertiser(crate::units::AdvertiserId::of("a")),
        UTC,
        Budgets {
            flights: Vec::new(),
            caps: vec![Cap { horizon: Horizon::Month, amount: Nanos::new(5_000_000) }],
        },
    ));
    ledger.enter_campaign(
        C,
        CampaignBook::new(
            OwnerSlots::new(own, None, advertiser),
            SpendSource::Events,
            RefundPolicy::Hold,
            BillingEvent::Click,
        ),
    );
    (ledger, days)
}

fn event(id: u64, kind: SpendKind, price: i64, seconds: i64) -> SpendEvent {
    SpendEvent {
        event_id: EventId::from_key(id),
        sequence: None,
        campaign: C,
        arm: ArmId(0),
        kind,
        win_id: None,
        price: Nanos::new(price),
        bill_probability: Ppb::ONE,
        expected_results: Results::ZERO,
        served_at: None,
        occurred_at: at(seconds),
    }
}

fn spent(ledger: &SpendLedger, owner: Slot, horizon: Horizon, seconds: i64) -> (i64, i64) {
    let account = ledger.book(owner).account_at(horizon, at(seconds)).unwrap();
    (account.spent.get(), account.in_flight.get())
}

#[test]
fn a_win_is_in_flight_until_its_billing_comes() {
    let (mut ledger, days) = world();
    let mut win = event(1, SpendKind::Win, 10_000, 100);
    win.win_id = Some(WinId::from_key(7));
    win.bill_probability = Ppb::new(20_000_000).unwrap();
    let posted = ledger.post(at(101), &days, None, &win);
    assert_eq!((posted.verdict, posted.committed), (Verdict::Posted, Nanos::new(200)));
    assert_eq!(spent(&ledger, 0, Horizon::Day, 100), (0, 200));
    let mut billing = event(2, SpendKind::Billing, 10_000, 130);
    billing.win_id = win.win_id;
    assert_eq!(ledger.post(at(131), &days, None, &billing).verdict, Verdict::Posted);
    assert_eq!(spent(&ledger, 0, Horizon::Day, 100), (10_000, 0));
    assert_eq!(spent(&ledger, 1, Horizon::Month, 100), (10_000, 0));
}

#[test]
fn a_win_without_billing_lapses() {
    let (mut ledger, days) = world();
    let mut win = event(1, SpendKind::Win, 10_000, 100);
    win.win_id = Some(WinId::from_key(7));
    win.bill_probability = Ppb::new(500_000_000).unwrap();
    let _ = ledger.post(at(101), &days, None, &win);
    ledger.lapse(at(100 + 60), &days);
    let (_, early) = spent(&ledger, 0, Horizon::Flight, 100);
    assert!(early > 2_000 && early < 5_000, "half way along the curve: {early}");
    ledger.lapse(at(100 + 7_200), &days);
    assert_eq!(spent(&ledger, 0, Horizon::Flight, 100), (0, 0));
}

#[test]
fn a_billing_before_its_win_counts_once() {
    let (mut ledger, days) = world();
    let mut billing = event(2, SpendKind::Billing, 10_000, 130);
    billing.win_id = Some(WinId::from_key(7));
    let mut win = event(1, SpendKind::Win, 10_000, 100);
    win.win_id = billing.win_id;
    let _ = ledger.post(at(131), &days, None, &billing);
    let _ = ledger.post(at(132), &days, None, &win);
    assert_eq!(spent(&ledger, 0, Horizon::Day, 100), (10_000, 0));
    assert_eq!(ledger.book(0).totals().expected, Nanos::new(10_000));
}

#[test]
fn a_click_after_midnight_belongs_to_the_day_it_was_served() {
    let (mut ledger, days) = world();
    let mut billing = event(1, SpendKind::Billing, 500, 86_400 + 60);
    billing.served_at = Some(at(86_300));
    billing.sequence = Some(1);
    let producer = Some(ProducerId::from_key(1));
    let posted = ledger.post(at(86_400 + 7_200), &days, producer, &billing);
    assert_eq!(posted.verdict, Verdict::PostedLate);
    assert_eq!(spent(&ledger, 0, Horizon::Day, 0), (500, 0));
    assert!(ledger.book(0).account_at(Horizon::Day, at(90_000)).is_none());
}

#[test]
fn money_after_the_flight_is_its_last_days_and_before_it_is_suspended() {
    let (mut ledger, days) = world();
    let after = event(1, SpendKind::Billing, 500, 864_000 + 5);
    assert_eq!(ledger.post(at(864_010), &days, None, &after).verdict, Verdict::PostedLate);
    assert_eq!(spent(&ledger, 0, Horizon::Flight, 863_999), (500, 0));
    let far = event(2, SpendKind::Billing, 500, 864_000 + 40 * 86_400);
    let verdict = ledger.post(at(864_010 + 40 * 86_400), &days, None, &far).verdict;
    assert_eq!(verdict, Verdict::OutsideFlight);
    assert_eq!(ledger.suspense().of(C), (1, Nanos::new(500)));
}

#[test]
fn each_refusal_has_its_verdict_and_moves_nothing() {
    let (mut ledger, days) = world();
    let before = ledger.book(0).clone();
    let mut unknown = event(1, SpendKind::Billing, 5, 10);
    unknown.campaign = CampaignId::of("nobody");
    let late = event(2, SpendKind::Billing, 5, 10);
    let dear = event(3, SpendKind::Billing, PRICE_MAX.get() + 1, 4_000);
    let negative = event(4, SpendKind::Billing, -1, 4_000);
    let verdict = |ledger: &mut SpendLedger, event: &SpendEvent| {
        ledger.post(at(4_000), &days, None, event).verdict
    };
    unknown.occurred_at = at(4_000);
    assert_eq!(verdict(&mut ledger, &unknown), Verdict::UnknownCampaign);
    assert_eq!(verdict(&mut ledger, &late), Verdict::LateUnverified);
    assert_eq!(verdict(&mut ledger, &dear), Verdict::Invalid);
    assert_eq!(verdict(&mut ledger, &negative), Verdict::Invalid);
    assert_eq!(*ledger.book(0), before);
}

#[test]
fn an_operator_posts_or_drops_suspended_money() {
    let (mut ledger, days) = world();
    let late = event(2, SpendKind::Billing, 5, 10);
    let _ = ledger.post(at(4_000), &days, None, &late);
    let posted = ledger.resolve_suspense(at(4_001), &days, late.event_id, true).unwrap();
    assert_eq!(posted.unwrap().verdict, Verdict::Posted);
    assert_eq!(ledger.resolve_suspense(at(4_001), &days, late.event_id, true), None);
    assert_eq!(spent(&ledger, 0, Horizon::Day, 10), (5, 0));
}

#[test]
fn a_counter_read_twice_posts_its_growth_once_and_one_that_falls_is_a_fault() {
    let (mut ledger, days) = world();
    ledger.campaign_mut(0).source = SpendSource::Counters;
    let window = Window::try_new(at(0), at(86_400)).unwrap();
    let read = |value: Option<i64>, seconds| CounterRead {
        campaign: C,
        window,
        value: value.map(Nanos::new),
        read_at: at(seconds),
    };
    assert_eq!(
        ledger.post_counter(&days, &read(Some(100), 10)),
        CounterVerdict::Posted(Nanos::new(100))
    );
    assert_eq!(
        ledger.post_counter(&days, &read(Some(100), 20)),
        CounterVerdict::Posted(Nanos::ZERO)
    );
    assert_eq!(ledger.post_counter(&days, &read(Some(90), 30)), CounterVerdict::WentBack);
    assert_eq!(ledger.post_counter(&days, &read(None, 30)), CounterVerdict::WentBack);
    assert!(ledger.campaign(0).has_counter_fault());
    assert_eq!(spent(&ledger, 0, Horizon::Day, 10), (100, 0));
    let wrong = event(1, SpendKind::Billing, 5, 10);
    assert_eq!(ledger.post(at(11), &days, None, &wrong).verdict, Verdict::WrongSource);
}

#[test]
fn an_accepted_counter_goes_on_from_where_it_fell_to() {
    let (mut ledger, days) = world();
    ledger.campaign_mut(0).source = SpendSource::Counters;
    let read = |ledger: &mut SpendLedger, day: i64, value: i64| {
        let window = Window::try_new(at(day * 86_400), at((day + 1) * 86_400)).unwrap();
        let value = Some(Nanos::new(value));
        let read = CounterRead { campaign: C, window, value, read_at: at(100_000) };
        ledger.post_counter(&days, &read)
    };
    let posted = |nanos| CounterVerdict::Posted(Nanos::new(nanos));
    assert_eq!(read(&mut ledger, 0, 70), posted(70));
    assert_eq!(read(&mut ledger, 1, 100), posted(100));
    assert_eq!(read(&mut ledger, 1, 40), CounterVerdict::WentBack);
    ledger.accept_counter(0);
    assert!(!ledger.campaign(0).has_counter_fault());
    assert_eq!(read(&mut ledger, 1, 40), posted(0), "what it says now is not counted again");
    assert_eq!(read(&mut ledger, 0, 70), posted(0), "nor is the counter that did not fall");
    assert_eq!(read(&mut ledger, 1, 45), posted(5));
}

#[test]
fn a_counter_that_recovers_by_itself_is_not_forgotten_by_accepting() {
    let (mut ledger, days) = world();
    ledger.campaign_mut(0).source = SpendSource::Counters;
    let window = Window::try_new(at(0), at(86_400)).unwrap();
    let read = |ledger: &mut SpendLedger, value: Option<i64>| {
        let value = value.map(Nanos::new);
        let read = CounterRead { campaign: C, window, value, read_at: at(10) };
        ledger.post_counter(&days, &read)
    };
    assert_eq!(read(&mut ledger, Some(100)), CounterVerdict::Posted(Nanos::new(100)));
    assert_eq!(read(&mut ledger, None), CounterVerdict::WentBack);
    assert_eq!(read(&mut ledger, Some(110)), CounterVerdict::Posted(Nanos::new(10)));
    ledger.accept_counter(0);
    assert_eq!(read(&mut ledger, Some(110)), CounterVerdict::Posted(Nanos::ZERO));
}

#[test]
fn an_edited_budget_changes_what_is_available_and_nothing_else() {
    let (mut ledger, days) = world();
    let _ = ledger.post(at(11), &days, None, &event(1, SpendKind::Billing, 5_000, 10));
    let mut budgets = ledger.book(0).budgets().clone();
    budgets.flights[0].budget = Some(Nanos::new(4_000));
    budgets.caps.clear();
    ledger.book_mut(0).edit(at(11), UTC, budgets);
    let account = ledger.book(0).account_at(Horizon::Flight, at(10)).unwrap();
    assert_eq!((account.available.get(), account.spent.get()), (-1_000, 5_000));
    assert!(account.balances());
    assert_eq!(ledger.book(0).accounts().len(), 1, "no cap is in force any more");
}

#[test]
fn a_refund_of_more_than_was_spent_waits_and_never_makes_budget() {
    let (mut ledger, days) = world();
    for policy in [RefundPolicy::Respend, RefundPolicy::Hold] {
        ledger.campaign_mut(0).refunds = policy;
        let id = policy as u64 * 10;
        let bill = event(id + 1, SpendKind::Billing, 100, 10);
        let _ = ledger.post(at(11), &days, None, &bill);
        let before = ledger.book(0).clone();
        let refund = event(id + 2, SpendKind::Adjust, -101, 10);
        let verdict = ledger.post(at(12), &days, None, &refund).verdict;
        assert_eq!(verdict, Verdict::RefundUnmatched);
        assert_eq!(*ledger.book(0), before, "in no sum");
        assert_eq!(ledger.suspense().of(C), (1, Nanos::new(-101)));
        // Of another day than the money: that day has nothing to give back, the flight has.
        let later = event(id + 3, SpendKind::Adjust, -1, 90_000);
        assert_eq!(ledger.post(at(90_001), &days, None, &later).verdict, Verdict::Posted);
        assert_eq!(spent(&ledger, 0, Horizon::Day, 90_000).0, 0);
        assert_eq!(spent(&ledger, 0, Horizon::Flight, 90_000).0, 99);
        let posted = ledger.resolve_suspense(at(90_002), &days, refund.event_id, true);
        assert_eq!(posted.unwrap().unwrap().verdict, Verdict::PostedLate);
        for owner in 0..2 {
            assert_eq!(ledger.book(owner).totals().billed, Nanos::ZERO);
            for account in ledger.book(owner).accounts() {
                assert_eq!(account.spent, Nanos::ZERO);
                assert!(account.available <= account.granted && account.balances());
            }
        }
    }
    let day = ledger.book(0).account_at(Horizon::Day, at(10)).unwrap();
    assert_eq!((day.cap(), day.available), (Nanos::new(199_900), Nanos::new(199_900)), "held");
}

proptest! {
    #[test]
    fn neither_order_nor_repetition_matters(
        prices in prop::collection::vec(
            (1_i64..10_000, 0_u64..1_000_000_000, any::<bool>()),
            1..40,
        ),
        order in prop::collection::vec(any::<prop::sample::Index>(), 0..200),
    ) {
        // Wins and their billings, all delivered at least once, some of them more often, in any
        // order.
        let mut events = Vec::new();
        for (n, &(price, chance, is_billed)) in prices.iter().enumerate() {
            let id = u64::try_from(n).unwrap();
            let mut win = event(2 * id + 1, SpendKind::Win, price, 50);
            win.win_id = Some(WinId::from_key(id + 1));
            win.bill_probability = Ppb::new(u32::try_from(chance).unwrap()).unwrap();
            events.push(win);
            if is_billed {
                let mut billing = event(2 * id + 2, SpendKind::Billing, price, 60);
                billing.win_id = win.win_id;
                events.push(billing);
            }
        }
        let mut shuffled: Vec<SpendEvent> =
            order.iter().map(|place| *place.get(&events)).chain(events.iter().copied()).collect();
        let billings = events.iter().filter(|e| e.kind == SpendKind::Billing);
        let billed: i64 = billings.map(|e| e.price.get()).sum();
        let seed = shuffled.len() / 2;
        shuffled.rotate_left(seed);
        let (mut ledger, days) = world();
        for event in &shuffled {
            let _ = ledger.post(at(61), &days, None, event);
            prop_assert!(ledger.book(0).accounts().iter().all(Account::balances));
        }
        prop_assert_eq!(spent(&ledger, 0, Horizon::Flight, 50).0, billed);
        ledger.lapse(at(86_000), &days);
        prop_assert_eq!(spent(&ledger, 0, Horizon::Flight, 50).1, 0);
    }
}
