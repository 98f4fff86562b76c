//! How a law that does not know its level finds it: as fast as events tell.

use super::*;
use crate::pace::evidence::Evidence;

/// A law that has not met its pace, in a market where `x0` is not right.
fn cold(x0: f64) -> Plant {
    let mut plant = Plant::new(x0);
    plant.law = LogPidGains::default();
    plant
}

#[test]
fn the_pace_is_found_within_about_an_hour() {
    for (believed, lag) in WRONG {
        let (rise, overshoot, left) = match (believed, lag) {
            (0.75, 10) => (55.0, 1.1, 0.000_6),
            (3.0, _) => (105.0, 0.4, 0.002_1),
            _ => (55.0, 0.25, 0.000_6),
        };
        for x0 in [-2.2, -1.5, -0.3, 0.0] {
            let mut plant = cold(x0);
            (plant.believed, plant.lag) = (believed, lag);
            let response = respond(plant, DAY);
            let about = format!("from {x0}, {believed} and {lag}: {response:?}");
            assert!(response.rise <= rise, "{about}");
            assert!(x0 > -1.0 || response.overshoot <= overshoot, "{about}");
            assert!(response.left <= left, "{about}");
        }
    }
}

#[test]
fn the_pace_that_was_found_is_kept() {
    for x0 in [-2.2, -1.5, -0.3, 0.0] {
        let mut plant = cold(x0);
        plant.lag = 2;
        let response = respond(plant, DAY);
        assert!(response.settling <= 50.0 && response.left <= 0.000_6, "{response:?}");
    }
}

#[test]
fn what_cannot_be_spent_is_bid_for_in_full_within_the_hour() {
    // Full bids spend half the plan.
    let mut plant = cold(libm::log(0.3));
    plant.right_x = std::f64::consts::LN_2 / 1.5;
    plant.run(60.0);
    assert_eq!(plant.state.x(), 0.0);
    assert!(plant.law.signal(&plant.state).terms.integral <= 0.0);
}

/// The same course with the evidence and without.
fn both(mut plant: Plant, course: impl Fn(&mut Plant) -> f64) -> (f64, f64) {
    let with = course(&mut plant.clone());
    plant.law.has_evidence = false;
    (with, course(&mut plant))
}

#[test]
fn a_small_campaign_that_starts_far_too_high_keeps_its_budget() {
    let mut plant = cold(libm::log(0.3));
    // Thirty events a day, and at the start so many in an hour.
    (plant.events, plant.right_x, plant.lag) = (30.0, -3.3, 1);
    let (with, without) = both(plant, |plant| {
        plant.run(180.0);
        plant.spent
    });
    assert!(with < 0.35 && without > 1.0, "{with} and {without}");
}

#[test]
fn a_market_that_turns_dearer_is_followed_sooner() {
    let (with, without) = both(cold(-1.5), |plant| {
        plant.run(720.0);
        plant.right_x += std::f64::consts::LN_2 / plant.elasticity;
        let response = respond(plant.clone(), DAY);
        assert!(response.overshoot <= 0.2, "{response:?}");
        response.rise - 720.0
    });
    assert!(with <= 120.0 && without >= 135.0, "{with} and {without}");
}

#[test]
fn little_that_is_new_moves_little_that_is_known() {
    let mut evidence = Evidence::start();
    let seen = PaceSample {
        planned_rate: 1e9,
        spend_rate: 1e9,
        reach: 0.0,
        presence: 1.0,
        day_budget: Nanos::new(1_440_000_000_000),
        events: 1_440.0,
        ..test_sample()
    };
    let twice = PaceSample { spend_rate: 2e9, ..seen };
    let first = { evidence }.step(&twice, 1.0, (0.0, 0.0), (107.0, 1.5));
    for _ in 0..1_440 {
        assert_eq!(evidence.step(&seen, 1.0, (0.0, 0.0), (107.0, 1.5)), 0.0);
    }
    let later = { evidence }.step(&twice, 1.0, (0.0, 0.0), (107.0, 1.5));
    assert!(first < later && later < 0.0);
    // What x is driven to on purpose is no evidence against the level.
    let lead = std::f64::consts::LN_2 / 1.5;
    assert!(evidence.step(&twice, 1.0, (lead, 0.0), (107.0, 1.5)).abs() < 1e-12);
}

#[test]
fn the_length_of_a_step_does_not_matter_to_the_evidence() {
    let trajectory = |seconds: f64| {
        let mut plant = cold(-1.8);
        plant.step = seconds / 60.0;
        plant.lag = 0;
        let mut xs = Vec::new();
        for _ in 0..4 {
            plant.run(60.0);
            xs.push((libm::exp(plant.state.x()), plant.spent));
        }
        xs
    };
    let fine = trajectory(1.0);
    for seconds in [10.0, 60.0] {
        for ((multiplier, spent), (fine_multiplier, fine_spent)) in
            trajectory(seconds).iter().zip(&fine)
        {
            let off = (multiplier / fine_multiplier - 1.0, spent / fine_spent - 1.0);
            assert!(off.0.abs() < 0.01 && off.1.abs() < 0.01, "{seconds} s: {off:?}");
        }
    }
}

#[test]
fn hours_without_a_plan_say_nothing_of_the_level() {
    let mut evidence = Evidence::start();
    let seen = PaceSample { planned_rate: 1e8, spend_rate: 1e8, ..test_sample() };
    let unplanned = PaceSample { planned_rate: 0.0, spend_rate: 2e7, ..seen };
    for _ in 0..360 {
        assert_eq!(evidence.step(&unplanned, 1.0, (0.0, 0.0), (107.0, 1.5)), 0.0);
    }
    assert_eq!(evidence.step(&seen, 1.0, (0.0, 0.0), (107.0, 1.5)), 0.0);
}

#[test]
fn more_traffic_that_spends_more_says_nothing_of_the_level() {
    let seen = PaceSample { planned_rate: 1e9, spend_rate: 1e9, ..test_sample() };
    for times in [0.25, 1.0, 4.0] {
        let crowd = PaceSample { presence: times, spend_rate: times * 1e9, ..seen };
        let moved = Evidence::start().step(&crowd, 1.0, (0.0, 0.0), (107.0, 1.5));
        assert!(moved.abs() < 1e-12, "{times}: {moved}");
    }
    // The same traffic at twice the price does, and none at all waits for some.
    let dearer = PaceSample { spend_rate: 2e9, ..seen };
    let mut evidence = Evidence::start();
    let gone = PaceSample { presence: 0.0, spend_rate: 0.0, ..seen };
    assert_eq!(evidence.step(&gone, 1.0, (0.0, 0.0), (107.0, 1.5)), 0.0);
    assert!(evidence.step(&dearer, 1.0, (0.0, 0.0), (107.0, 1.5)) < 0.0);
    let bad = PaceSample { presence: f64::NAN, ..dearer };
    assert_eq!(evidence.step(&bad, 1.0, (0.0, 0.0), (107.0, 1.5)), 0.0);
}

#[test]
fn what_all_asks_would_cost_is_believed_beyond_doubt_and_once() {
    let seen = PaceSample { planned_rate: 1e8, spend_rate: 1e8, reach: 2e11, ..test_sample() };
    let moved = |evidence: &mut Evidence, seen: &PaceSample| {
        evidence.step(seen, 1.0, (-1.0, -1.0), (107.0, 1.5))
    };
    let mut evidence = Evidence::start();
    let guess = moved(&mut evidence, &seen);
    assert!((guess + 0.7 * (libm::log(1_000.0) - 1.5 - 2.5) / 1.5).abs() < 1e-9, "{guess}");
    assert_eq!(moved(&mut evidence, &seen), 0.0);
    // It never moves up, lets a small excess be, and says nothing where more is known than it could
    // tell.
    assert_eq!(moved(&mut Evidence::start(), &PaceSample { reach: 1e8, ..seen }), 0.0);
    assert_eq!(moved(&mut Evidence::start(), &PaceSample { reach: 8e9, ..seen }), 0.0);
    let mut known = Evidence::start();
    for _ in 0..1_440 {
        moved(&mut known, &PaceSample { reach: 0.0, ..seen });
    }
    assert_eq!(moved(&mut known, &seen), 0.0);
}
