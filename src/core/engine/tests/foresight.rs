//! What the engine foresees of a campaign: right where the market is plain, the same after a
//! restart, and without a part in what is decided.

use super::*;
use crate::forecast::{Forecast, Limit};

/// Of a campaign's flight.
fn of_flight(world: &World, id: &str) -> Forecast {
    let told = world.engine.forecasts(CampaignId::of(id));
    *told.iter().find(|one| one.horizon == Horizon::Flight).unwrap()
}

/// Two days: one campaign can spend a third of its budget, the other three times its.
fn world() -> World {
    let (scarce, plenty) = (campaign("scarce", 2, 300), campaign("plenty", 2, 300));
    let rate = |units: f64| units * 1e9 / 2_880.0;
    let mut world = World::new(Budgets::default(), &[(scarce, rate(100.0)), (plenty, rate(900.0))]);
    for _ in 0..1_440 {
        world.minute();
    }
    world
}

#[test]
fn supply_and_budget_are_told_apart_and_the_end_is_as_foreseen() {
    let mut world = world();
    let (scarce, plenty) = (of_flight(&world, "scarce"), of_flight(&world, "plenty"));
    assert_eq!((scarce.limit, plenty.limit), (Limit::Supply, Limit::Budget));
    assert!(scarce.short.unwrap() > 0.99 && plenty.short.unwrap() < 0.2, "{scarce:?} {plenty:?}");
    for _ in 0..1_439 {
        world.minute();
    }
    let slots = |id: &str| world.engine.slots(CampaignId::of(id)).unwrap().1[0];
    for (id, told) in [("scarce", scarce), ("plenty", plenty)] {
        let spent = world.engine.ledger().book(slots(id)).totals().billed;
        assert!(told.low <= spent && spent <= told.high, "{id}: {spent:?} {told:?}");
    }
}

#[test]
fn a_restart_foresees_the_same() {
    let mut world = world();
    let before = world.engine.forecasts(CampaignId::of("scarce"));
    assert_eq!(before.len(), 2);
    let text = serde_json::to_string(world.engine.state()).unwrap();
    let state = serde_json::from_str(&text).unwrap();
    world.engine = Engine::restore(EngineConfig::default(), state);
    assert_eq!(world.engine.forecasts(CampaignId::of("scarce")), before);
}

#[test]
fn a_pause_takes_nothing_from_what_is_known() {
    let mut world = world();
    let before = of_flight(&world, "scarce");
    world.say(Input::Override(OverrideChange::Set(Override {
        id: OverrideId::from_key(1),
        target: BudgetOwner::Campaign(CampaignId::of("scarce")),
        action: OverrideAction::Pause,
        reason: "a test".to_owned(),
        author: "a test".to_owned(),
        set_at: world.now,
        expires_at: world.now + Span::HOUR.times(4),
    })));
    for _ in 0..200 {
        world.minute();
    }
    let after = of_flight(&world, "scarce");
    // Four hours less of 24 are left, at the same rate.
    let left = |told: Forecast, drawn: f64| told.middle.as_f64() - drawn * 1e9;
    let ratio = left(after, 50.0) / left(before, 50.0);
    assert!((ratio - 20.7 / 24.0).abs() < 0.05, "{ratio}");
}

#[test]
fn an_unknown_campaign_has_no_forecast() {
    assert!(world().engine.forecasts(CampaignId::of("nobody")).is_empty());
}
