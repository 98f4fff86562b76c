//! Return targets: what binds, what is told, and what an edit keeps.

use super::*;
use crate::campaign::ReturnTarget;
use crate::report::Explanation;

const TEN: ReturnTarget = ReturnTarget::CostPerAction(Nanos::from_units(10));

/// Full speed would spend 120 of a day's budget of 100.
fn returning(target: ReturnTarget) -> World {
    let spec = CampaignSpec { returns: Some(target), ..campaign("c", 1, 100) };
    World::new(Budgets::default(), &[(spec, 120e9 / 1_440.0)])
}

/// Minutes in which ten units of money bring 2 ÷ (1 + 2λ) of a result: one at half of full speed,
/// and two thirds at full speed.
fn minutes(world: &mut World, minutes: i64) {
    for _ in 0..6 * minutes {
        world.say(Input::Tick);
        world.now += Span::from_secs(10);
        let multiplier = world.entry("c").multiplier.ppm().as_f64();
        let mut events = world.spend();
        for event in &mut events {
            let results = event.price.as_f64() / 10e9 * 2.0 / (1.0 + 2.0 * multiplier);
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "small")]
            let millionths = (results * 1e6) as u64;
            event.expected_results = Results::new(millionths);
        }
        world.say(Input::Spend(SpendBatch {
            producer: Some(PRODUCER),
            reported_through: Some(world.now),
            events,
        }));
    }
}

fn told(world: &World) -> Explanation {
    world.engine.explain(CampaignId::of("c")).unwrap()
}

#[test]
fn results_too_dear_hold_the_bid_below_what_the_budget_allows_and_that_is_told() {
    let mut world = returning(TEN);
    minutes(&mut world, 900);
    let explained = told(&world);
    let returns = explained.returns.unwrap();
    assert_eq!(explained.reason, Reason::Returns);
    assert!((0.4..0.6).contains(&world.entry("c").multiplier.ppm().as_f64()), "{returns:?}");
    assert!(returns.worth >= returns.cost && returns.law.x < -0.5, "{returns:?}");
    // What does not bind stays near what is applied.
    let own = explained.owners[0].x.unwrap();
    assert!(own > returns.law.x && own < returns.law.x + 2.0, "{own} {returns:?}");
    minutes(&mut world, 539);
    let returns = told(&world).returns.unwrap();
    let left = returns.worth.ratio_to(returns.cost) - 1.0;
    assert!((0.0..0.02).contains(&left), "{left}");
}

#[test]
fn cheap_results_leave_the_budget_to_bind() {
    let mut world = returning(ReturnTarget::CostPerAction(Nanos::from_units(30)));
    minutes(&mut world, 1_200);
    assert_eq!(told(&world).reason, Reason::Law);
    minutes(&mut world, 239);
    assert!(world.spent("c") > 99.0, "{}", world.spent("c"));
}

#[test]
fn a_target_on_revenue_counts_as_one_on_cost() {
    // A tenth of a unit of spend for a unit of revenue is a return of a tenth.
    let revenue = ReturnTarget::ReturnOnSpend(Ppm::new(100_000));
    let (mut one, mut other) = (returning(TEN), returning(revenue));
    minutes(&mut one, 300);
    minutes(&mut other, 300);
    assert_eq!(one.digests, other.digests);
}

#[test]
fn wins_that_nobody_says_the_results_of_do_not_stop_a_campaign() {
    let mut world = returning(TEN);
    world.minutes(1_439);
    assert!(world.spent("c") > 99.0, "{}", world.spent("c"));
    assert_eq!(told(&world).returns.unwrap().results, Results::ZERO);
}

#[test]
fn an_edit_keeps_what_was_won_under_a_target_of_the_same_kind() {
    let mut world = returning(TEN);
    minutes(&mut world, 300);
    let before = told(&world).returns.unwrap();
    let edit = |world: &mut World, returns| {
        world.say(Input::Campaign(CampaignSpec { returns, ..campaign("c", 1, 100) }));
    };
    edit(&mut world, Some(ReturnTarget::CostPerAction(Nanos::from_units(12))));
    let after = told(&world).returns.unwrap();
    assert_eq!((after.results, after.law), (before.results, before.law));
    // What was won before counts as it did then.
    assert_eq!(after.worth, before.worth);
    minutes(&mut world, 10);
    let later = told(&world).returns.unwrap();
    let won = later.results.as_f64() - after.results.as_f64();
    let worth = (later.worth - after.worth).as_f64() / 1e9;
    assert!(won > 0.0 && (worth / won - 12.0).abs() < 1e-3, "{worth} for {won}");
    edit(&mut world, Some(ReturnTarget::CostPerClick(Nanos::from_units(1))));
    assert_eq!(told(&world).returns.unwrap().results, Results::ZERO);
    edit(&mut world, None);
    assert_eq!(told(&world).returns, None);
}

#[test]
fn a_target_of_nothing_and_one_on_a_counter_are_refused_by_name() {
    let nothing = ReturnTarget::CostPerAction(Nanos::ZERO);
    let spec = CampaignSpec { returns: Some(nothing), ..campaign("c", 1, 100) };
    let counted = CampaignSpec { returns: Some(TEN), spend_source: SpendSource::Counters, ..spec };
    let rules = |spec: &CampaignSpec| {
        let told = spec.check();
        told.iter().map(ToString::to_string).collect::<Vec<_>>()
    };
    assert_eq!(
        rules(&CampaignSpec { returns: Some(nothing), ..campaign("c", 1, 100) }),
        ["cost_per_action: must be above zero"]
    );
    let [counter] = &rules(&counted)[..] else { panic!("{:?}", rules(&counted)) };
    assert!(counter.starts_with("cost_per_action: needs spend_source events"), "{counter}");
    let much = Some(ReturnTarget::ReturnOnSpend(Ppm::new(u32::MAX)));
    assert_eq!(
        rules(&CampaignSpec { returns: much, ..campaign("c", 1, 100) }),
        ["return_on_spend: must be above 0% and at most 400000%"]
    );
}

#[test]
fn a_new_flight_goes_on_from_the_level_and_a_longer_one_with_its_books() {
    let mut world = returning(TEN);
    minutes(&mut world, 600);
    let before = told(&world).returns.unwrap();
    let flights = |ends: &[i64]| {
        let mut spec = CampaignSpec { returns: Some(TEN), ..campaign("c", 1, 100) };
        let starts = std::iter::once(0).chain(ends.iter().copied());
        spec.budgets.flights = starts
            .zip(ends)
            .map(|(start, &end)| Flight {
                window: Window::try_new(at(start), at(end)).unwrap(),
                budget: Some(Nanos::from_units(100)),
            })
            .collect();
        Input::Campaign(spec)
    };
    world.say(flights(&[90_000, 180_000]));
    minutes(&mut world, 10);
    let longer = told(&world).returns.unwrap();
    assert!(longer.results > before.results && longer.window.unwrap().end() == at(90_000));
    minutes(&mut world, 920);
    let next = told(&world).returns.unwrap();
    assert!(next.results < before.results && next.window.unwrap().start() == at(90_000));
    assert!((next.law.integral - longer.law.integral).abs() < 0.5, "{next:?} {longer:?}");
}

#[test]
fn a_pause_moves_no_ceiling() {
    let mut world = returning(TEN);
    minutes(&mut world, 600);
    let before = told(&world).returns.unwrap().law;
    world.say(hand(&world, OverrideAction::Pause, 300));
    minutes(&mut world, 299);
    let after = told(&world).returns.unwrap().law;
    assert!((after.x - before.x).abs() < 0.1, "{before:?} {after:?}");
}
