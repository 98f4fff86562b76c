//! What begins and what goes on while reports of spend are missing or late.

use super::*;
use std::collections::VecDeque;

/// A campaign that has run for an hour, and ten minutes in which nobody reported.
fn silent() -> World {
    let mut world = one_day();
    world.minutes(60);
    wait(&mut world, 10);
    assert_eq!(world.entry("c").state, EntryState::Safe);
    world
}

/// Minutes in which nobody reports. The highest multiplier of `d`, if it is there.
fn wait(world: &mut World, minutes: i64) -> Option<PacingMultiplier> {
    let mut highest = None;
    for _ in 0..minutes * 6 {
        world.say(Input::Tick);
        let entry = world.engine.table().get(CampaignId::of("d"), ArmId(0));
        highest = highest.max(entry.map(|entry| entry.multiplier));
        world.now += Span::from_secs(10);
    }
    highest
}

/// What a fresh campaign is published with while all is well.
fn fresh() -> crate::table::TableEntry {
    let mut world = one_day();
    world.say(Input::Tick);
    world.entry("c")
}

#[test]
fn a_campaign_entered_in_silence_starts_like_any_other_and_does_not_rise() {
    let mut world = silent();
    world.say(Input::Campaign(campaign("d", 1, 100)));
    world.market.insert(CampaignId::of("d"), 300e9 / 1_440.0);
    world.say(Input::Tick);
    let (start, entry) = (fresh(), world.entry("d"));
    assert_eq!(entry.state, EntryState::Safe);
    let published = (entry.multiplier, entry.participation, entry.safe_multiplier);
    assert_eq!(published, (start.multiplier, start.participation, start.safe_multiplier));
    assert!(start.multiplier > PacingMultiplier::ZERO);
    // Two new plans fall into this.
    assert_eq!(wait(&mut world, 130), Some(start.multiplier));
    assert_eq!(world.entry("d"), entry);
}

#[test]
fn the_plan_of_a_campaign_entered_in_silence_has_no_past_to_catch_up_with() {
    let mut world = silent();
    // Long enough for what was planned before it began to be worth a jump.
    wait(&mut world, 180);
    world.say(Input::Campaign(campaign("d", 1, 100)));
    world.market.insert(CampaignId::of("d"), 300e9 / 1_440.0);
    world.say(Input::Tick);
    let start = world.entry("d").multiplier.ppm().as_f64();
    for minute in 1..=5 {
        world.minute();
        let entry = world.entry("d");
        assert_eq!(entry.state, EntryState::Run);
        let moved = libm::log(entry.multiplier.ppm().as_f64() / start);
        assert!(moved <= 0.25 * f64::from(minute) + 0.01, "{moved} in {minute} minutes");
    }
}

#[test]
fn a_flight_that_begins_in_silence_starts_like_a_fresh_campaign() {
    let mut world = one_day();
    let mut spec = campaign("d", 1, 100);
    spec.budgets.flights[0].window = Window::try_new(at(4_000), at(90_000)).unwrap();
    world.say(Input::Campaign(spec));
    world.minutes(60);
    assert_eq!(world.entry("d").state, EntryState::Paused);
    wait(&mut world, 10);
    let entry = world.entry("d");
    assert_eq!((entry.state, entry.multiplier), (EntryState::Safe, fresh().multiplier));
}

/// Minutes in which every report is on its way for so long.
fn late_minutes(world: &mut World, underway: &mut VecDeque<(Timestamp, SpendBatch)>, minutes: i64) {
    for _ in 0..6 * minutes {
        world.say(Input::Tick);
        world.now += Span::from_secs(10);
        let (producer, through) = (Some(PRODUCER), Some(world.now));
        let batch = SpendBatch { producer, reported_through: through, events: world.spend() };
        underway.push_back((world.now + Span::from_mins(4), batch));
        while underway.front().is_some_and(|(due, _)| *due <= world.now) {
            let (_, batch) = underway.pop_front().unwrap();
            world.say(Input::Spend(batch));
        }
    }
}

#[test]
fn reports_that_are_always_minutes_late_still_steer() {
    let mut world = one_day();
    late_minutes(&mut world, &mut VecDeque::new(), 1_440);
    let spent = world.spent("c");
    // What nobody has seen yet is spent beyond the budget where no allowances are in use: four
    // minutes of a day.
    assert!((97.0..=100.0 + 100.0 * 5.0 / 1_440.0).contains(&spent), "{spent}");
}

#[test]
fn reports_that_are_always_minutes_late_let_the_brake_go() {
    let mut world = one_day();
    let mut underway = VecDeque::new();
    late_minutes(&mut world, &mut underway, 300);
    let brake = |world: &World| world.engine.explain(CampaignId::of("c")).unwrap().owners[0].brake;
    let usual = world.market[&CampaignId::of("c")];
    world.market.insert(CampaignId::of("c"), 30.0 * usual);
    late_minutes(&mut world, &mut underway, 8);
    let braked = brake(&world);
    world.market.insert(CampaignId::of("c"), usual);
    late_minutes(&mut world, &mut underway, 30);
    assert!(braked < 0.5 && brake(&world) > 0.999, "{braked} {}", brake(&world));
}
