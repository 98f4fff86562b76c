//! Runaways are cut, held and let go; blackouts are told and helped; nothing else is.

use super::*;
use crate::event::CounterRead;
use crate::notice::{NoticeCause, NoticeEdge, NoticeObject};
use crate::pace::PaceSample;
use crate::pace::breaker::{TRIPPED, Trip};
use crate::report::TickReport;

/// What a world's rounds told.
pub(super) struct Told {
    pub(super) reports: Vec<TickReport>,
}

impl Told {
    fn edges(&self, cause: NoticeCause) -> Vec<(Timestamp, NoticeEdge)> {
        let all = self
            .reports
            .iter()
            .flat_map(|report| report.notices.iter().map(move |edge| (report.now, *edge)));
        all.filter(|(_, edge)| edge.notice.cause == cause).collect()
    }
}

/// Runs `ticks` rounds of ten seconds; `spend` makes what is reported of what the table lets
/// through.
pub(super) fn run(
    world: &mut World,
    ticks: i64,
    mut spend: impl FnMut(&mut World) -> Vec<SpendEvent>,
    mut look: impl FnMut(&World),
) -> Told {
    let mut told = Told { reports: Vec::new() };
    for _ in 0..ticks {
        let Applied::Ticked(tick) = world.engine.apply(world.now, &Input::Tick) else {
            panic!("a tick ticks")
        };
        told.reports.push(tick.report);
        look(world);
        world.now += Span::from_secs(10);
        let events = spend(world);
        let reported_through = Some(world.now);
        world.say(Input::Spend(SpendBatch { producer: Some(PRODUCER), reported_through, events }));
    }
    told
}

pub(super) fn trip(world: &World, id: &str) -> Option<Trip> {
    world.engine.explain(CampaignId::of(id)).unwrap().owners[0].breaker
}

pub(super) fn event(world: &mut World, id: &str, price: Nanos) -> SpendEvent {
    world.sequence += 1;
    SpendEvent {
        event_id: EventId::from_key(world.sequence),
        sequence: Some(world.sequence),
        campaign: CampaignId::of(id),
        arm: ArmId(0),
        kind: SpendKind::Billing,
        win_id: None,
        price,
        bill_probability: Ppb::ONE,
        expected_results: Results::ZERO,
        served_at: None,
        occurred_at: world.now - Span::from_secs(5),
    }
}

/// Fifty asks were answered with so many bids, and none won.
fn say_asks(world: &mut World, bids: u64) {
    say_asks_of(world, "c", bids);
}

fn say_asks_of(world: &mut World, id: &str, bids: u64) {
    let count = OpportunityCount {
        campaign: CampaignId::of(id),
        segment: SegmentId::of("s"),
        arm: ArmId(0),
        asks: 50,
        bids,
        below_floor: 0,
        wins: 0,
    };
    world.say(Input::Opportunities(OpportunityBatch {
        producer: None,
        sequence: None,
        reported_through: world.now,
        counts: vec![count],
    }));
}

/// Both with the brake and without it: the bound is the breaker's own.
pub(super) fn runaway_worlds(days: i64, budget: i64) -> [World; 2] {
    [true, false].map(|has_brake| {
        let spec = campaign("c", days, budget);
        let rate = 300e9 / 1_440.0;
        let mut world = World::new(Budgets::default(), &[(spec, rate)]);
        if !has_brake {
            let config = EngineConfig { has_brake, ..EngineConfig::default() };
            let state = world.engine.state().clone();
            world.engine = Engine::restore(config, state);
        }
        world.minutes(600);
        world
    })
}

#[test]
fn a_price_that_is_a_hundred_times_too_high_is_cut_within_two_rounds_of_being_known() {
    for mut world in runaway_worlds(10, 1_000) {
        let before = world.spent("c");
        let rate = 300e9 / 1_440.0 * 100.0;
        world.market.insert(CampaignId::of("c"), rate);
        let mut over_at = None;
        let mut cut_at = None;
        let mut allowed = 0.0_f64;
        let _ = run(&mut world, 60, World::spend, |world| {
            let entry = world.entry("c");
            let pace = world.engine.state().owners[1].pace.as_ref().unwrap();
            let bound = pace.breaker.allowed() / 1e9;
            if cut_at.is_none() {
                allowed = allowed.max(bound);
                if world.spent("c") - before > allowed {
                    over_at.get_or_insert(world.now);
                }
            }
            if entry.participation.ppm() == Ppm::new(20_000) || trip(world, "c").is_some() {
                cut_at.get_or_insert(world.now);
            }
        });
        let (over_at, cut_at) = (over_at.unwrap_or(world.now), cut_at.expect("it is cut"));
        assert!(cut_at - over_at <= Span::from_secs(20), "{}", (cut_at - over_at).as_seconds());
        // What was allowed, and what went out until the round that knew of it reached the bidders.
        let trip = trip(&world, "c").unwrap();
        let fastest = rate / 6.0 / 1e9;
        let lost = world.spent("c") - before;
        assert!(lost <= trip.allowed / 1e9 + 3.0 * fastest, "{lost} of {}", trip.allowed / 1e9);
        let explained = world.engine.explain(CampaignId::of("c")).unwrap();
        assert_eq!(explained.reason, Reason::Breaker);
        let told = world.engine.diagnose(CampaignId::of("c")).unwrap();
        let first = told.first().unwrap();
        assert_eq!(first.kind, crate::diagnosis::CauseKind::Brake);
        assert!(first.figures.iter().any(|figure| figure.name == "allowed_in_six_minutes"));
    }
}

#[test]
fn a_count_that_no_participation_lowers_is_held_for_longer_each_time_and_told_once() {
    let [mut world, _] = runaway_worlds(10, 1_000);
    let wrong = |world: &mut World| vec![event(world, "c", Nanos::from_units(4))];
    let mut holds = Vec::new();
    let told = run(&mut world, 6 * 60, wrong, |world| {
        let trip = trip(world, "c");
        let seen = trip.map(|trip| (trip.trips, (trip.until - trip.tripped_at).as_minutes()));
        if seen.is_some() && holds.last() != seen.as_ref() {
            holds.extend(seen);
        }
    });
    assert!(holds.len() >= 3, "{holds:?}");
    assert!(holds.windows(2).all(|pair| pair[1].1 >= pair[0].1), "{holds:?}");
    let edges = told.edges(NoticeCause::Runaway);
    let own = NoticeObject::Owner(BudgetOwner::Campaign(CampaignId::of("c")));
    let of_campaign = edges.iter().filter(|(_, edge)| edge.notice.object == own);
    assert_eq!(of_campaign.count(), 1, "{edges:?}");
}

#[test]
fn a_flight_that_begins_where_another_ends_is_no_way_out_of_a_breaker() {
    let mut spec = campaign("c", 1, 100);
    let second = Window::try_new(at(86_400), at(2 * 86_400)).unwrap();
    spec.budgets.flights.push(Flight { window: second, budget: Some(Nanos::from_units(100)) });
    let mut world = World::new(Budgets::default(), &[(spec, 300e9 / 1_440.0)]);
    world.minutes(1_385);
    let wrong = |world: &mut World| vec![event(world, "c", Nanos::new(200_000_000))];
    let _ = run(&mut world, 6 * 5, wrong, |_| {});
    let before = trip(&world, "c").expect("it tripped");
    let _ = run(&mut world, 6 * 55, |_| Vec::new(), |_| {});
    assert!(world.now > at(86_400));
    let after = trip(&world, "c").expect("it holds on");
    assert_eq!(after.tripped_at, before.tripped_at);
}

#[test]
fn numbers_that_go_bad_are_no_way_out_of_a_breaker() {
    let [mut world, _] = runaway_worlds(10, 1_000);
    let wrong = |world: &mut World| vec![event(world, "c", Nanos::from_units(4))];
    let _ = run(&mut world, 3, wrong, |_| {});
    let before = trip(&world, "c").expect("it tripped");
    let owner = &mut world.engine.state.owners[1];
    let law = world.engine.config.laws.get(owner.law_choice());
    let pace = owner.pace.as_mut().unwrap();
    let bad = PaceSample { elasticity: f64::NAN, ..pace.sample };
    pace.law = law.follow(&pace.law, 0.0, &bad);
    let mut aside = 0;
    let quiet = |_: &mut World| Vec::new();
    // Ten minutes aside, and some more with a plan anew.
    let told = run(&mut world, 6 * 12, quiet, |world| {
        let told = world.engine.explain(CampaignId::of("c")).unwrap();
        let held = told.owners[0].breaker.expect("it is not forgotten");
        assert_eq!((held.tripped_at, held.trips), (before.tripped_at, 1));
        let participation = world.entry("c").participation.ppm();
        assert!(participation.as_f64() <= held.participation + 1e-6, "{participation:?}");
        aside += i32::from(told.reason == Reason::Quarantined);
    });
    assert!(aside >= 50, "set aside for {aside} rounds");
    let last = trip(&world, "c").expect("until it is forgiven");
    assert!((last.participation - 1.0).abs() < 1e-9, "it let go meanwhile: {last:?}");
    let edges = told.edges(NoticeCause::Runaway);
    let own = NoticeObject::Owner(BudgetOwner::Campaign(CampaignId::of("c")));
    let own: Vec<_> = edges.iter().filter(|(_, edge)| edge.notice.object == own).collect();
    assert!(own.len() == 1 && own[0].1.is_cleared, "over once, and not raised again: {own:?}");
}

#[test]
fn a_time_without_a_plan_is_no_way_out_of_a_breaker() {
    let [mut world, _] = runaway_worlds(10, 1_000);
    let wrong = |world: &mut World| vec![event(world, "c", Nanos::from_units(4))];
    let _ = run(&mut world, 3, wrong, |_| {});
    let before = trip(&world, "c").expect("it tripped");
    let bounded = world.engine.state().campaigns[0].entered.spec.as_ref().clone();
    let quiet = |_: &mut World| Vec::new();
    // One flight ends here and another begins in a minute.
    let mut split = bounded;
    let whole = split.budgets.flights[0];
    let (start, end) = (whole.window.start(), whole.window.end());
    let until = Window::try_new(start, world.now + Span::from_secs(1)).unwrap();
    let from = Window::try_new(world.now + Span::MINUTE, end).unwrap();
    split.budgets.flights = [until, from].map(|window| Flight { window, ..whole }).into();
    world.say(Input::Campaign(split));
    let mut without = 0;
    let _ = run(&mut world, 12, quiet, |world| {
        without += i32::from(world.engine.state().owners[1].pace.is_none());
    });
    assert!((4..=6).contains(&without), "{without} rounds");
    let after = trip(&world, "c").expect("it is not forgotten");
    assert_eq!((after.tripped_at, after.trips), (before.tripped_at, before.trips));
}

#[test]
fn it_lets_go_step_by_step_and_the_law_did_not_wind_up() {
    for mut world in runaway_worlds(10, 1_000) {
        let law = world.entry("c").multiplier;
        world.market.insert(CampaignId::of("c"), 300e9 / 1_440.0 * 100.0);
        let _ = run(&mut world, 12, World::spend, |_| {});
        assert!(trip(&world, "c").is_some());
        world.market.insert(CampaignId::of("c"), 300e9 / 1_440.0);
        let mut last = None;
        let mut steps = 0;
        let told = run(&mut world, 6 * 30, World::spend, |world| {
            let entry = world.entry("c");
            assert!(entry.multiplier <= law, "the law may come down and not wind up");
            let held = trip(world, "c").map_or(1.0, |trip| trip.participation);
            if let Some(last) = last {
                // Twofold a minute, and one round's share of it at once.
                assert!(held <= last * libm::exp2(1.0 / 6.0) + 1e-9, "{last} to {held}");
                steps += i32::from(held > last);
            }
            last = Some(held);
        });
        assert!(steps >= 30, "let go in {steps} steps");
        assert!((last.unwrap() - 1.0).abs() < 1e-12);
        let edges = told.edges(NoticeCause::Runaway);
        assert!(
            edges
                .iter()
                .any(|(_, edge)| edge.notice.cause == NoticeCause::Runaway && edge.is_cleared)
        );
    }
}

#[test]
fn many_small_ones_together_trip_their_account_where_none_trips_alone() {
    // Ten events a day each: eight in six minutes are never too many for one.
    let names: Vec<String> = (0..60).map(|place| format!("c{place}")).collect();
    let specs: Vec<_> = names.iter().map(|name| (campaign(name, 10, 100), 0.0)).collect();
    let mut world = World::new(Budgets::default(), &specs);
    world.minutes(1);
    let one = Nanos::from_units(1);
    // Each buys once, a minute after the other, so that its price is known.
    for name in &names {
        let _ = run(&mut world, 5, |_| Vec::new(), |_| {});
        let _ = run(&mut world, 1, |world| vec![event(world, name, one)], |_| {});
    }
    let wrong = |world: &mut World| -> Vec<SpendEvent> {
        names.iter().map(|name| event(world, name, one)).collect()
    };
    let told = run(&mut world, 6, wrong, |world| {
        assert!(names.iter().all(|name| trip(world, name).is_none()), "none alone");
    });
    let account = NoticeObject::Account(AdvertiserId::of("a"));
    let edges = told.edges(NoticeCause::Runaway);
    assert!(edges.iter().any(|(_, edge)| edge.notice.object == account), "{edges:?}");
    assert_eq!(world.entry("c7").participation.ppm(), Ppm::new(20_000));
    assert!((TRIPPED - 0.02).abs() < 1e-12);
    let explained = world.engine.diagnose(CampaignId::of("c7")).unwrap();
    let named = |name| explained.causes[0].figures.iter().any(|figure| figure.name == name);
    assert!(named("account_spent_in_six_minutes") || named("fleet_spent_in_six_minutes"));
}

#[test]
fn full_speed_a_persons_hand_and_a_new_day_trip_nothing() {
    // Three times the day's budget at full speed, from the first minute on.
    let mut asap = campaign("c", 1, 100);
    asap.delivery = DeliveryMode::Asap;
    let mut world = World::new(Budgets::default(), &[(asap, 20_000e9 / 1_440.0)]);
    let told = run(&mut world, 600, World::spend, |_| {});
    assert!(told.reports.iter().all(|report| report.tripped == 0));
    let mut world = World::new(Budgets::default(), &[(campaign("c", 2, 200), 300e9 / 14.4)]);
    world.minutes(600);
    let most = OverrideAction::Fix { multiplier: multiplier(1_000_000), participation: None };
    world.say(hand(&world, most, 5));
    let told = run(&mut world, 240, World::spend, |_| {});
    assert!(told.reports.iter().all(|report| report.tripped == 0), "nor once it ended");
    let told = run(&mut world, 6 * 900, World::spend, |_| {});
    assert!(told.reports.iter().all(|report| report.tripped == 0));
}

#[test]
fn a_law_that_stands_near_nothing_is_told_of_once_and_helped_up() {
    let mut world = World::new(Budgets::default(), &[(campaign("c", 10, 1_000), 300e9 / 1_440.0)]);
    let asks = |world: &mut World| {
        // Below a twentieth nobody wins, and nobody who loses spends.
        let is_low = world.entry("c").multiplier.ppm() < Ppm::new(45_000);
        say_asks(world, 50);
        if is_low { Vec::new() } else { world.spend() }
    };
    let _ = run(&mut world, 6 * 600, asks, |_| {});
    let fix = OverrideAction::Fix { multiplier: multiplier(2_000), participation: None };
    world.say(hand(&world, fix, 60));
    let told = run(&mut world, 6 * 60, asks, |_| {});
    assert!(told.edges(NoticeCause::Blackout).is_empty(), "on a person's order");
    let ended = world.now;
    let told = run(&mut world, 6 * 60, asks, |_| {});
    let edges = told.edges(NoticeCause::Blackout);
    assert_eq!(edges.len(), 2, "raised once, cleared once: {edges:?}");
    let (raised, cleared) = (edges[0], edges[1]);
    assert!(!raised.1.is_cleared && cleared.1.is_cleared);
    assert!(raised.0 - ended <= Span::from_mins(17), "{}", (raised.0 - ended).as_minutes());
    assert!(cleared.0 - raised.0 <= Span::from_mins(15), "helped up within minutes");
    let multiplier = world.entry("c").multiplier.ppm();
    assert!(multiplier >= Ppm::new(45_000), "{multiplier:?}");
}

#[test]
fn bidders_that_bid_nothing_are_a_blackout_and_a_few_lost_auctions_are_not() {
    for (bids, count) in [(0, 1), (1, 0)] {
        let mut world =
            World::new(Budgets::default(), &[(campaign("c", 10, 1_000), 300e9 / 1_440.0)]);
        world.minutes(120);
        let lost = move |world: &mut World| {
            say_asks(world, bids);
            Vec::new()
        };
        let told = run(&mut world, 6 * 60, lost, |_| {});
        assert_eq!(told.edges(NoticeCause::Blackout).len(), count, "{bids} bids");
    }
}

#[test]
fn a_shared_law_is_helped_up_once_a_round_however_many_are_dark() {
    let ids = ["c", "d", "e", "f", "g", "h"];
    let specs = ids.map(|id| (campaign(id, 10, 10_000), 0.0));
    let cap = Cap { horizon: Horizon::Day, amount: Nanos::from_units(100) };
    let mut world = World::new(Budgets { flights: Vec::new(), caps: vec![cap] }, &specs);
    let laws = world.engine.config.laws;
    let shared = |world: &World| {
        let owner = &world.engine.state.owners[0];
        let law = laws.get(owner.law_choice());
        (law.signal(&owner.pace.as_ref().unwrap().law).x, owner.law_choice())
    };
    let mut asked = |world: &mut World| {
        ids.iter().for_each(|id| say_asks_of(world, id, 1));
        Vec::new()
    };
    world.say(Input::Tick);
    let mut last = 0.0;
    for _ in 0..6 * 30 {
        let choice = shared(&world).1;
        let pace = world.engine.state.owners[0].pace.as_mut().unwrap();
        pace.law = laws.get(choice).follow(&pace.law, -8.0, &pace.sample);
        let _ = run(&mut world, 1, &mut asked, |_| {});
        last = shared(&world).0 + 8.0;
    }
    // A tick's share of twofold a minute, and of the law's own slew.
    assert!((0.11..0.16).contains(&last), "{last}");
}

#[test]
fn a_law_is_helped_up_only_while_it_is_dark_now() {
    let mut world = World::new(Budgets::default(), &[(campaign("c", 10, 10_000), 0.0)]);
    let laws = world.engine.config.laws;
    let dark = |world: &mut World| {
        say_asks(world, 1);
        Vec::new()
    };
    // Money comes, though the law is near nothing and the blackout is not over yet.
    let light = |world: &mut World| {
        say_asks(world, 1);
        vec![event(world, "c", Nanos::new(1_000_000))]
    };
    // How far a round lifts a law that stands near nothing, in ln(multiplier).
    let lift = |world: &mut World, spend: &dyn Fn(&mut World) -> Vec<SpendEvent>| {
        let owner = &mut world.engine.state.owners[1];
        let law = laws.get(owner.law_choice());
        let pace = owner.pace.as_mut().unwrap();
        pace.law = law.follow(&pace.law, -8.0, &pace.sample);
        let _ = run(world, 1, spend, |_| {});
        let owner = &world.engine.state.owners[1];
        law.signal(&owner.pace.as_ref().unwrap().law).x + 8.0
    };
    world.say(Input::Tick);
    let lifted = (0..6 * 30).map(|_| lift(&mut world, &dark)).last().unwrap();
    assert!((0.11..0.16).contains(&lifted), "{lifted}");
    let lifted = (0..3).map(|_| lift(&mut world, &light)).last().unwrap();
    assert!(world.engine.state.campaigns[0].dark.as_ref().is_some_and(|dark| dark.is_raised));
    // The law's own slew, and no more.
    assert!(lifted < 0.05, "{lifted}");
}

#[test]
fn a_campaign_fed_by_a_counter_that_spends_by_its_plan_is_neither_behind_nor_dark() {
    let spec = CampaignSpec { spend_source: SpendSource::Counters, ..campaign("c", 1, 100) };
    for (is_spending, count) in [(true, 0), (false, 2)] {
        let mut world = World::new(Budgets::default(), &[(spec.clone(), 0.0)]);
        let mut spent = 0.05;
        let read = |world: &mut World| {
            say_asks(world, 0);
            spent += if is_spending { 100.0 / 8_640.0 } else { 0.0 };
            world.say(Input::Counter(CounterRead {
                campaign: CampaignId::of("c"),
                read_at: world.now,
                value: Some(Nanos::floor_from(spent * 1e9)),
                window: Window::try_new(at(0), at(86_400)).unwrap(),
            }));
            Vec::new()
        };
        let told = run(&mut world, 6 * 180, read, |_| {});
        let edges = [NoticeCause::Behind, NoticeCause::Blackout].map(|cause| told.edges(cause));
        assert_eq!(edges.concat().len(), count, "{edges:?}");
    }
}

#[test]
fn a_quiet_day_tells_of_nothing_and_a_budget_gone_by_noon_of_one_thing() {
    let mut world = one_day();
    let told = run(&mut world, 6 * 1_430, World::spend, |_| {});
    let edges: Vec<_> = told.reports.iter().flat_map(|report| &report.notices).collect();
    assert!(edges.is_empty(), "{edges:?}");
    let mut asap = campaign("c", 1, 100);
    asap.delivery = DeliveryMode::Asap;
    let mut world = World::new(Budgets::default(), &[(asap, 2_000e9 / 1_440.0)]);
    let told = run(&mut world, 6 * 700, World::spend, |_| {});
    let edges: Vec<_> = told.reports.iter().flat_map(|report| &report.notices).collect();
    assert_eq!(edges.len(), 1, "{edges:?}");
    assert_eq!(edges[0].notice.cause, NoticeCause::ExhaustedEarly);
}
