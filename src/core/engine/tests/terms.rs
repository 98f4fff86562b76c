//! Delivery terms in the loop: hours, catching up, a curve of one's own, holidays.

use super::*;
use crate::campaign::{DeliveryTerms, Holiday};
use crate::hours::HoursOfWeek;
use crate::input::ShapeChange;
use crate::units::ShapeId;

const RATE: f64 = 400e9 / 1_440.0;

fn hours_of_day(open: std::ops::Range<u8>) -> HoursOfWeek {
    let held = (0..168).filter(|hour| open.contains(&(hour % 24)));
    held.fold(HoursOfWeek::NONE, HoursOfWeek::with)
}

fn world(terms: DeliveryTerms, days: i64) -> World {
    let spec = CampaignSpec { terms, ..campaign("c", days, 100 * days) };
    World::new(Budgets::default(), &[(spec, RATE)])
}

#[test]
fn outside_its_hours_a_campaign_rests_and_inside_it_spends_its_day() {
    let terms = DeliveryTerms { hours: hours_of_day(8..20), ..DeliveryTerms::default() };
    let mut world = world(terms, 2);
    world.minutes(7 * 60);
    assert_eq!(world.entry("c").state, EntryState::Paused);
    let why = world.engine.explain(CampaignId::of("c")).unwrap().reason;
    assert_eq!(why, Reason::OutsideHours);
    assert!(world.spent("c") < 1e-9);
    world.minutes(90);
    assert_eq!(world.entry("c").state, EntryState::Run);
    world.minutes(24 * 60 - 8 * 60 - 30);
    let first = world.spent("c");
    assert!((95.0..=105.0).contains(&first), "{first}");
    world.minutes(24 * 60);
    let spent = world.spent("c");
    assert!((198.0..=200.1).contains(&spent), "{spent}");
}

/// Six days, of which the third has no market at all.
fn outage(catch_up: Option<u32>) -> Vec<f64> {
    let catch_up = catch_up.map(Ppm::new);
    let mut world = world(DeliveryTerms { catch_up, ..DeliveryTerms::default() }, 6);
    let mut days = Vec::new();
    for day in 0..6 {
        let rate = if day == 2 { 0.0 } else { RATE };
        world.market.insert(CampaignId::of("c"), rate);
        let before = world.spent("c");
        world.minutes(24 * 60);
        days.push(world.spent("c") - before);
    }
    days
}

#[test]
fn a_missed_day_is_made_up_for_as_the_campaign_says() {
    let all = outage(None);
    assert!(all.iter().sum::<f64>() > 590.0, "{all:?}");
    let none = outage(Some(0));
    let sum: f64 = none.iter().sum();
    assert!((485.0..=506.0).contains(&sum), "{none:?}");
    assert!(none.iter().all(|day| *day < 106.0), "{none:?}");
    let some = outage(Some(100_000));
    let sum: f64 = some.iter().sum();
    assert!((510.0..=540.0).contains(&sum), "{some:?}");
}

#[test]
fn money_takes_the_callers_own_course() {
    let curve = ShapeId::of("evening");
    let weights = (0..168).map(|hour| if hour % 24 >= 12 { 3 } else { 1 }).collect();
    let mut world = World::new(Budgets::default(), &[]);
    world.say(Input::Shape(ShapeChange { id: curve, name: None, weights }));
    let terms = DeliveryTerms { curve: Some(curve), ..DeliveryTerms::default() };
    world.say(Input::Campaign(CampaignSpec { terms, ..campaign("c", 1, 100) }));
    world.market.insert(CampaignId::of("c"), RATE);
    world.minutes(12 * 60);
    let half = world.spent("c");
    assert!((22.0..=30.0).contains(&half), "{half}");
    world.minutes(12 * 60);
    assert!(world.spent("c") > 98.0, "{}", world.spent("c"));
}

#[test]
fn a_holiday_makes_the_plan_of_whatever_its_advertiser_pays_for() {
    let mut world = world(DeliveryTerms::default(), 4);
    world.minutes(60);
    let planned = |world: &World, day: i64| {
        let (_, owners) = world.engine.slots(CampaignId::of("c")).unwrap();
        let pace = world.engine.state().owners[owners[0]].pace.as_ref().unwrap();
        pace.plan.curve.planned_between(at(day * 86_400), at((day + 1) * 86_400)).as_f64()
    };
    assert!((planned(&world, 2) / planned(&world, 1) - 1.0).abs() < 0.01);
    let Input::Advertiser(spec) = advertiser(Budgets::default()) else { unreachable!() };
    let holidays = vec![Holiday { day: at(2 * 86_400), traffic: Ppm::new(300_000) }];
    world.say(Input::Advertiser(AdvertiserSpec { holidays, ..spec }));
    world.minutes(2);
    assert!((planned(&world, 2) / planned(&world, 1) - 0.3).abs() < 0.01);
}

#[test]
fn terms_that_break_a_rule_are_refused_by_name() {
    let told = |terms: DeliveryTerms, delivery: DeliveryMode| {
        let spec = CampaignSpec { terms, delivery, ..campaign("c", 1, 1) };
        spec.check().into_iter().map(|error| error.field).collect::<Vec<_>>()
    };
    let none = DeliveryTerms::default();
    assert!(told(none, DeliveryMode::Even).is_empty());
    let hours = HoursOfWeek::NONE;
    assert_eq!(told(DeliveryTerms { hours, ..none }, DeliveryMode::Even), ["hours"]);
    let ahead = Ppm::new(0);
    assert_eq!(told(DeliveryTerms { ahead, ..none }, DeliveryMode::Ahead), ["ahead"]);
    let catch_up = Some(Ppm::new(0));
    assert_eq!(told(DeliveryTerms { catch_up, ..none }, DeliveryMode::Asap), ["catch_up"]);
}
