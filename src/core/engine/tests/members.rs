//! What an advertiser takes from its campaigns, and gives up with them.

use super::*;
use crate::engine::feed::Feed;
use crate::input::ShapeChange;
use crate::units::ShapeId;

/// The advertiser's feed, shape and widest multiplier after the next round.
fn taken(world: &mut World) -> (Feed, Option<ShapeId>, PacingMultiplier) {
    world.say(Input::Tick);
    let owner = world.engine.state().owners.iter();
    let mut owner = owner.filter(|owner| matches!(owner.owner, BudgetOwner::Advertiser(_)));
    let owner = owner.next().unwrap();
    (owner.feed, owner.shape, owner.multiplier_max)
}

/// A day's campaign like any, and one of two days that is wider in every way.
fn mixed() -> (World, CampaignSpec) {
    let cap = Cap { horizon: Horizon::Day, amount: Nanos::from_units(50) };
    let budgets = Budgets { flights: Vec::new(), caps: vec![cap] };
    let mut world = World::new(budgets, &[(campaign("c", 3, 100), 0.0)]);
    let shape = ShapeId::of("s");
    world.say(Input::Shape(ShapeChange { id: shape, name: None, weights: vec![1; 168] }));
    let wide = CampaignSpec {
        spend_source: SpendSource::Counters,
        multiplier_max: multiplier(2_000_000),
        shape: Some(shape),
        ..campaign("d", 2, 100)
    };
    world.say(Input::Campaign(wide.clone()));
    assert_eq!(taken(&mut world), (Feed::Both, Some(shape), multiplier(2_000_000)));
    (world, wide)
}

const NARROW: (Feed, Option<ShapeId>, PacingMultiplier) =
    (Feed::Events, None, PacingMultiplier::ONE);

#[test]
fn an_owner_grows_narrow_with_a_member_that_is_archived() {
    let (mut world, wide) = mixed();
    world.say(Input::Campaign(CampaignSpec { status: CampaignStatus::Archived, ..wide }));
    assert_eq!(taken(&mut world), NARROW);
}

#[test]
fn an_owner_grows_narrow_with_a_member_that_is_edited() {
    let (mut world, wide) = mixed();
    world.say(Input::Campaign(CampaignSpec {
        multiplier_max: multiplier(500_000),
        shape: None,
        ..wide
    }));
    assert_eq!(taken(&mut world), (Feed::Both, None, PacingMultiplier::ONE));
}

#[test]
fn an_owner_grows_narrow_when_the_last_flight_of_a_member_ends() {
    let (mut world, _) = mixed();
    world.now = at(2 * 86_400 - 1);
    assert_eq!(taken(&mut world).0, Feed::Both);
    world.now = at(2 * 86_400);
    assert_eq!(taken(&mut world), NARROW);
    world.now = at(3 * 86_400);
    assert_eq!(taken(&mut world), NARROW, "without any it keeps what it had");
}

#[test]
fn counters_that_ended_do_not_hold_back_the_law_of_the_advertiser() {
    let (mut world, wide) = mixed();
    world.minutes(30);
    let stepped = |world: &World| {
        let told = world.engine.explain(CampaignId::of("c")).unwrap();
        told.owners.last().unwrap().plan.unwrap().stepped_to
    };
    let held = stepped(&world);
    world.minutes(5);
    assert_eq!(stepped(&world), held, "no counter was ever read");
    world.say(Input::Campaign(CampaignSpec { status: CampaignStatus::Archived, ..wide }));
    world.minute();
    world.say(Input::Tick);
    assert_eq!(stepped(&world), world.now);
}
