//! Bidders that fall silent and come back, those that know more than a store that was rolled back,
//! and a service that was away.

use super::*;

fn joined(bidder: BidderId, holds: Option<Generation>, left: i64) -> Input {
    let held = HeldAllowance {
        campaign: CampaignId::of("c"),
        window_start: at(0),
        left: Nanos::new(left),
    };
    let held = if left > 0 { vec![held] } else { Vec::new() };
    Input::Bidder(BidderChange::Joined { bidder, holds, held })
}

fn drawn(world: &mut World, bidder: BidderId) -> Option<Nanos> {
    let campaign = CampaignId::of("c");
    let draw = AllowanceDraw { bidder, campaign, price: Nanos::new(1_000_000) };
    match world.engine.apply(world.now, &Input::Draw(draw)) {
        Applied::Granted(allowance) => allowance.map(|held| held.granted_total),
        other => panic!("{other:?}"),
    }
}

fn outstanding(world: &World) -> Nanos {
    world.engine.explain(CampaignId::of("c")).unwrap().outstanding
}

#[test]
fn a_bidder_given_up_after_a_silence_is_back_with_its_next_acknowledgement() {
    let mut world = World::new(Budgets::default(), &[(campaign("c", 1, 100), 0.0)]);
    let other = BidderId::from_key(7);
    world.say(joined(other, None, 0));
    world.minutes(1);
    assert_eq!(drawn(&mut world, other), Some(Nanos::new(1_000_000)));
    // Longer than two horizons without a word: its money is not kept for it.
    world.minutes(10);
    assert_eq!(outstanding(&world), Nanos::ZERO);
    assert_eq!(drawn(&mut world, other), None, "nobody knows it");
    let generation = world.engine.table().generation;
    world.say(Input::Bidder(BidderChange::Acknowledged { bidder: other, generation }));
    assert!(drawn(&mut world, other).is_some(), "it is known again");
}

#[test]
fn a_bidder_that_left_and_acknowledges_has_not_left() {
    let mut world = World::new(Budgets::default(), &[(campaign("c", 1, 100), 0.0)]);
    let other = BidderId::from_key(7);
    world.say(joined(other, None, 0));
    world.minutes(1);
    world.say(Input::Bidder(BidderChange::Left { bidder: other }));
    assert_eq!(world.engine.bidders().0, 0);
    let generation = world.engine.table().generation;
    world.say(Input::Bidder(BidderChange::Acknowledged { bidder: other, generation }));
    assert_eq!(world.engine.bidders().0, 1);
}

#[test]
fn what_bidders_hold_of_a_forgotten_term_is_kept_for_them_and_nothing_is_added() {
    let mut world = World::new(Budgets::default(), &[(campaign("c", 1, 100), 0.0)]);
    world.minutes(1);
    let held = Some(Generation { epoch: Epoch(5), sequence: 9 });
    let (first, second) = (BidderId::from_key(7), BidderId::from_key(8));
    world.say(joined(first, held, 300));
    // The second finds a term above its own, and its money counts as well; said twice, once.
    world.say(joined(second, held, 400));
    world.say(joined(second, held, 400));
    assert_eq!(outstanding(&world), Nanos::new(700));
    assert_eq!(drawn(&mut world, first), None, "not before a horizon is over");
    world.say(Input::Tick);
    assert_eq!(world.engine.table().generation.epoch, Epoch(6));
    world.minutes(3);
    // In use no longer, but a horizon is left in which to hear of it.
    assert_eq!(outstanding(&world), Nanos::new(700));
    world.minutes(2);
    assert_eq!(outstanding(&world), Nanos::ZERO);
    let generation = world.engine.table().generation;
    world.say(Input::Bidder(BidderChange::Acknowledged { bidder: first, generation }));
    assert_eq!(drawn(&mut world, first), Some(Nanos::new(1_000_000)));
}

#[test]
fn a_bidder_that_asks_and_does_not_report_gets_no_second_allowance() {
    let mut world = World::new(Budgets::default(), &[(campaign("c", 1, 100), 0.0)]);
    let other = BidderId::from_key(7);
    world.say(joined(other, None, 0));
    let report = |world: &mut World| {
        world.say(Input::Spend(SpendBatch {
            producer: Some(ProducerId::from_key(other.key())),
            reported_through: Some(world.now),
            events: Vec::new(),
        }));
    };
    report(&mut world);
    // Others report, so that it is soon taken for dead as a source.
    for _ in 0..30 {
        world.minutes(1);
        let _ = drawn(&mut world, other);
        assert_eq!(outstanding(&world), Nanos::new(1_000_000));
    }
    for _ in 0..5 {
        world.minutes(1);
        report(&mut world);
    }
    world.minutes(1);
    assert_eq!(outstanding(&world), Nanos::ZERO, "it had used nothing");
}

#[test]
fn a_cap_entered_within_its_day_holds_what_was_promised_before() {
    let mut world = World::new(Budgets::default(), &[(campaign("c", 3, 100), 0.0)]);
    let other = BidderId::from_key(7);
    world.minutes(1_500);
    world.say(joined(other, None, 0));
    world.minutes(1);
    assert_eq!(drawn(&mut world, other), Some(Nanos::new(1_000_000)));
    let mut spec = campaign("c", 3, 100);
    spec.budgets.caps = vec![Cap { horizon: Horizon::Day, amount: Nanos::from_units(1) }];
    world.say(Input::Campaign(spec));
    world.say(Input::Tick);
    let slot = world.engine.slots(CampaignId::of("c")).unwrap().1[0];
    let promised = |horizon| {
        let book = world.engine.ledger().book(slot);
        book.account_at(horizon, world.now).unwrap().outstanding
    };
    let drawn = Nanos::new(1_000_000);
    assert_eq!((promised(Horizon::Flight), promised(Horizon::Day)), (drawn, drawn));
}

#[test]
fn an_outage_of_the_service_moves_no_multiplier_and_blinds_nobody() {
    let mut world = one_day();
    world.minutes(600);
    let before = world.entry("c");
    // Ten minutes in which nobody led: longer than the limit for silence.
    world.now += Span::from_mins(10);
    world.say(Input::Lead(Epoch(2)));
    for _ in 0..6 {
        world.say(Input::Tick);
        let now = world.entry("c");
        assert_eq!((now.multiplier, now.state), (before.multiplier, EntryState::Run));
        world.now += Span::from_secs(10);
    }
    // From then on silence is the producers' own.
    for _ in 0..30 {
        world.say(Input::Tick);
        world.now += Span::from_secs(10);
    }
    assert_eq!(world.entry("c").state, EntryState::Safe);
}

#[test]
fn what_was_spent_while_nobody_led_moves_no_multiplier_at_a_bound() {
    let mut world = one_day();
    world.minutes(605);
    let before = world.entry("c").multiplier.ppm().as_f64();
    // Bidders served on their allowances, dearer than planned, and report when a leader is back.
    world.now += Span::from_mins(3);
    world.market.insert(CampaignId::of("c"), 90_000e9 / 1_440.0);
    let events = world.spend();
    world.say(Input::Lead(Epoch(2)));
    world.say(Input::Spend(SpendBatch {
        producer: Some(PRODUCER),
        reported_through: Some(world.now),
        events,
    }));
    world.say(Input::Tick);
    let moved =
        |world: &World| libm::log(world.entry("c").multiplier.ppm().as_f64() / before).abs();
    assert!(moved(&world) <= 0.05, "{}", moved(&world));
    // And at the usual pace after that.
    world.minutes(2);
    assert!(moved(&world) > 0.1, "{}", moved(&world));
}
