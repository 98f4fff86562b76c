//! Traffic shapes that nobody supplied, and one that was wrong.

use super::*;
use crate::campaign::GroupSpec;
use crate::input::ShapeChange;
use crate::report::ShapeOrigin;
use crate::units::ShapeId;

/// Asks a minute: many by day, few by night.
fn asks(at: Timestamp) -> u64 {
    let hour = at.as_micros() / Span::HOUR.as_micros() % 24;
    if (8..20).contains(&hour) { 120 } else { 12 }
}

fn report(world: &mut World, campaigns: &[&str]) {
    let asks = asks(world.now);
    let count = |id: &&str| OpportunityCount {
        campaign: CampaignId::of(id),
        segment: SegmentId::from_key(1),
        arm: ArmId(0),
        asks,
        below_floor: 0,
        bids: 0,
        wins: 0,
    };
    world.say(Input::Opportunities(OpportunityBatch {
        producer: Some(PRODUCER),
        sequence: None,
        reported_through: world.now,
        counts: campaigns.iter().map(count).collect(),
    }));
}

fn hours(world: &mut World, hours: i64, campaigns: &[&str]) {
    for _ in 0..hours * 60 {
        world.minute();
        report(world, campaigns);
    }
}

fn origin(world: &World, id: &str) -> ShapeOrigin {
    world.engine.explain(CampaignId::of(id)).unwrap().owners[0].shape
}

/// Planned by day over planned by night, of the 24 hours from noon on.
fn day_over_night(world: &World, id: &str) -> f64 {
    let (_, owners) = world.engine.slots(CampaignId::of(id)).unwrap();
    let pace = world.engine.state().owners[owners[0]].pace.as_ref().unwrap();
    let rate = |hours: i64| pace.plan.curve.rate_at(world.now + Span::HOUR.times(hours));
    rate(2) / rate(12)
}

fn two_weeks() -> World {
    let rate = 300e9 / 1_440.0;
    World::new(Budgets::default(), &[(campaign("c", 14, 1_400), rate)])
}

#[test]
fn a_day_teaches_a_campaign_its_shape_and_the_next_plan_goes_by_it() {
    let mut world = two_weeks();
    hours(&mut world, 12, &["c"]);
    assert_eq!(origin(&world, "c"), ShapeOrigin::Flat);
    assert!((day_over_night(&world, "c") - 1.0).abs() < 0.01);
    hours(&mut world, 24, &["c"]);
    assert_eq!(origin(&world, "c"), ShapeOrigin::Learnt);
    let ratio = day_over_night(&world, "c");
    assert!((4.0..=11.0).contains(&ratio), "{ratio}");
}

#[test]
fn a_campaign_that_lives_off_its_group_teaches_it() {
    let mut world = World::new(Budgets::default(), &[]);
    let (id, advertiser) = (GroupId::of("g"), AdvertiserId::of("a"));
    let window = campaign("c", 14, 1).budgets.flights[0].window;
    let flight = |budget| Flight { window, budget };
    let budgets = |budget| Budgets { flights: vec![flight(budget)], caps: Vec::new() };
    let budget = budgets(Some(Nanos::from_units(1_400)));
    world.say(Input::Group(GroupSpec { id, name: name("g"), advertiser, budgets: budget }));
    let spec = CampaignSpec { group: Some(id), budgets: budgets(None), ..campaign("c", 14, 1_400) };
    world.say(Input::Campaign(spec));
    world.market.insert(CampaignId::of("c"), 300e9 / 1_440.0);
    hours(&mut world, 36, &["c"]);
    let told = world.engine.explain(CampaignId::of("c")).unwrap();
    let group = told.owners.iter().find(|told| told.owner == BudgetOwner::Group(id)).unwrap();
    assert_eq!(group.shape, ShapeOrigin::Learnt);
}

#[test]
fn what_is_archived_teaches_nobody_any_more() {
    let (mut world, mut other) = (two_weeks(), two_weeks());
    for world in [&mut world, &mut other] {
        world.say(Input::Campaign(campaign("d", 14, 1_400)));
        hours(world, 36, &["c", "d"]);
        let status = CampaignStatus::Archived;
        world.say(Input::Campaign(CampaignSpec { status, ..campaign("d", 14, 1_400) }));
    }
    // Whether its bidders go on asking or not.
    hours(&mut world, 24, &["c"]);
    hours(&mut other, 24, &["c", "d"]);
    let ratio = |world: &World| day_over_night(world, "c");
    assert!((4.0..=11.0).contains(&ratio(&world)), "{}", ratio(&world));
    assert!((ratio(&world) - ratio(&other)).abs() < 0.5, "{} {}", ratio(&world), ratio(&other));
}

#[test]
fn a_newcomer_goes_by_what_its_advertiser_learnt() {
    let mut world = two_weeks();
    hours(&mut world, 25, &["c"]);
    world.say(Input::Campaign(campaign("d", 14, 1_400)));
    hours(&mut world, 11, &["c", "d"]);
    assert_eq!(origin(&world, "d"), ShapeOrigin::Inherited);
    let ratio = day_over_night(&world, "d");
    assert!((4.0..=11.0).contains(&ratio), "{ratio}");
}

#[test]
fn a_supplied_shape_stays_until_the_evidence_is_strong() {
    let supplied = |id: &str, day: u32, night: u32| {
        let weight = |hour| if (8..20).contains(&(hour % 24)) { day } else { night };
        let weights = (0..168).map(weight).collect();
        ShapeChange { id: ShapeId::of(id), name: None, weights }
    };
    let rate = 300e9 / 1_440.0;
    let mut world = World::new(Budgets::default(), &[]);
    for (id, day, night) in [("right", 10, 1), ("wrong", 1, 1)] {
        world.say(Input::Shape(supplied(id, day, night)));
        let spec = CampaignSpec { shape: Some(ShapeId::of(id)), ..campaign(id, 14, 1_400) };
        world.say(Input::Campaign(spec));
        world.market.insert(CampaignId::of(id), rate);
    }
    hours(&mut world, 60, &["right", "wrong"]);
    assert_eq!(origin(&world, "right"), ShapeOrigin::Supplied);
    assert_eq!(origin(&world, "wrong"), ShapeOrigin::Corrected);
    let ratio = day_over_night(&world, "wrong");
    assert!(ratio > 2.0, "{ratio}");
}

#[test]
fn nobody_reports_nothing_is_learnt_and_an_hour_of_pause_is_no_night() {
    let mut world = two_weeks();
    hours(&mut world, 30, &[]);
    assert_eq!(origin(&world, "c"), ShapeOrigin::Flat);
    let mut world = two_weeks();
    hours(&mut world, 34, &["c"]);
    let before = day_over_night(&world, "c");
    world.say(hand(&world, OverrideAction::Pause, 120));
    for _ in 0..120 {
        world.minute();
    }
    hours(&mut world, 24, &["c"]);
    let after = day_over_night(&world, "c");
    assert!(after > 0.95 * before, "{before} {after}");
}

#[test]
fn what_was_learnt_outlives_a_restart_and_a_replay() {
    let mut world = two_weeks();
    hours(&mut world, 27, &["c"]);
    let text = serde_json::to_string(world.engine.state()).unwrap();
    let state = serde_json::from_str(&text).unwrap();
    let restored: Engine = Engine::restore(EngineConfig::default(), state);
    assert_eq!(restored.state(), world.engine.state());
    let mut replayed = Engine::new(EngineConfig::default());
    for (at, input) in &world.log {
        let _ = replayed.apply(*at, input);
    }
    assert_eq!(replayed.state(), world.engine.state());
}
