//! What a person orders is published as it is said, and is judged by nobody.

use super::watch::{event, run, runaway_worlds, trip};
use super::*;
use crate::event::CounterRead;

fn cap(world: &World, ppm: u32, minutes: i64) -> Input {
    let cap = OverrideAction::Cap { multiplier: multiplier(ppm) };
    let Input::Override(OverrideChange::Set(hand)) = hand(world, cap, minutes) else {
        panic!("a hand is laid")
    };
    Input::Override(OverrideChange::Set(Override { id: OverrideId::from_key(2), ..hand }))
}

#[test]
fn a_cap_or_a_maximum_just_below_what_is_published_is_published_all_the_same() {
    for is_hand in [true, false] {
        let mut world = one_day();
        world.minutes(600);
        let before = world.entry("c").multiplier.ppm();
        let most = u32::try_from(u64::from(before.get()) * 99 / 100).unwrap();
        if is_hand {
            world.say(cap(&world, most, 20));
        } else {
            let multiplier_max = multiplier(most);
            world.say(Input::Campaign(CampaignSpec { multiplier_max, ..campaign("c", 1, 100) }));
        }
        world.say(Input::Tick);
        let held = world.entry("c").multiplier;
        assert!(held <= multiplier(most), "{held:?} of {before:?}, by a hand: {is_hand}");
    }
}

#[test]
fn a_fix_laid_while_a_breaker_holds_does_not_keep_its_cut() {
    let [_, mut world] = runaway_worlds(10, 1_000);
    world.market.insert(CampaignId::of("c"), 300e9 / 1_440.0 * 100.0);
    let _ = run(&mut world, 12, World::spend, |_| {});
    assert!(trip(&world, "c").is_some());
    assert_eq!(world.entry("c").participation.ppm(), Ppm::new(20_000));
    let fix = OverrideAction::Fix { multiplier: multiplier(100_000), participation: None };
    world.say(hand(&world, fix, 20));
    for _ in 0..3 {
        world.say(Input::Tick);
        assert_eq!(world.entry("c").participation.ppm(), Ppm::ONE);
        world.now += Span::from_secs(10);
    }
}

#[test]
fn a_fix_under_a_cap_is_no_runaway_nor_is_what_is_told_of_it_once_it_ended() {
    let mut world = World::new(Budgets::default(), &[(campaign("c", 2, 200), 300e9 / 14.4)]);
    world.minutes(600);
    let most = OverrideAction::Fix { multiplier: multiplier(1_000_000), participation: None };
    world.say(hand(&world, most, 4));
    world.say(cap(&world, 900_000, 4));
    // Half of it is told at once, half of it two minutes after the end.
    let mut late = Vec::new();
    let served = |world: &mut World| -> Vec<SpendEvent> {
        let at = world.now - Span::from_secs(5);
        let one = Nanos::from_units(1);
        let events = [event(world, "c", one), event(world, "c", one)];
        events.map(|event| SpendEvent { served_at: Some(at), ..event }).to_vec()
    };
    let serve = |world: &mut World| -> Vec<SpendEvent> {
        late.extend(served(world));
        served(world)
    };
    let told = run(&mut world, 24, serve, |_| {});
    assert!(told.reports.iter().all(|report| report.tripped == 0), "under the hands");
    let told = run(&mut world, 11, |_| Vec::new(), |_| {});
    assert!(told.reports.iter().all(|report| report.tripped == 0));
    let told = run(&mut world, 6, |_| std::mem::take(&mut late), |_| {});
    assert!(told.reports.iter().all(|report| report.tripped == 0), "told late");
}

#[test]
fn what_counters_grew_by_in_a_gap_is_not_of_its_last_minute() {
    let ids = ["c", "d", "e"];
    let specs = ids.map(|id| {
        let spend_source = SpendSource::Counters;
        (CampaignSpec { spend_source, ..campaign(id, 1, 100) }, 0.0)
    });
    let mut world = World::new(Budgets::default(), &specs);
    let mut spent = 0.0;
    let mut sweep = |world: &mut World, ticks: i64| {
        spent += f64::from(i32::try_from(ticks).unwrap()) * 100.0 / 8_640.0;
        for (id, late) in ids.into_iter().zip(0..) {
            world.say(Input::Counter(CounterRead {
                campaign: CampaignId::of(id),
                read_at: world.now + Span::from_micros(late),
                value: Some(Nanos::floor_from(spent * 1e9)),
                window: Window::try_new(at(0), at(86_400)).unwrap(),
            }));
        }
    };
    for ticks in [[1; 360].as_slice(), &[540], &[1; 30]].concat() {
        world.now += Span::from_secs(10).times(ticks);
        sweep(&mut world, ticks);
        let Applied::Ticked(tick) = world.engine.apply(world.now, &Input::Tick) else {
            panic!("a tick ticks")
        };
        assert_eq!(tick.report.tripped, 0, "after {ticks} ticks");
    }
}
