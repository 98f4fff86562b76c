//! How a law without history finds its pace: fast where events tell, not at all where they do not.

use super::*;

/// A law that has not met its pace, in a market where `x0` is not right.
fn cold(x0: f64) -> Plant {
    let mut plant = Plant::new(x0);
    plant.law = LogPidGains::default();
    plant
}

#[test]
fn the_pace_is_found_within_about_an_hour() {
    // By belief and lag, the most overshoot from below: late reports and a doubled gain cost some.
    let most = |believed, lag| match (believed < 1.0, lag) {
        (_, 2) => 0.15,
        (false, _) => 0.32,
        (true, 5) => 0.6,
        (true, _) => f64::INFINITY,
    };
    for (believed, lag) in WRONG {
        for x0 in [-2.2, -1.5, -0.3, 0.0] {
            let mut plant = cold(x0);
            (plant.believed, plant.lag) = (believed, lag);
            let response = respond(plant, DAY);
            let about = format!("from {x0}, {believed} and {lag}: {response:?}");
            // Half the gain takes about twice as long.
            assert!(response.rise <= if believed > 2.0 { 140.0 } else { 65.0 }, "{about}");
            if x0 < -1.0 {
                assert!(response.overshoot <= most(believed, lag), "{about}");
            }
            assert!(response.left <= 0.004, "{about}");
        }
    }
}

#[test]
fn the_pace_that_was_found_is_kept() {
    for x0 in [-2.2, -1.5, -0.3] {
        let mut plant = cold(x0);
        plant.lag = 2;
        let response = respond(plant, DAY);
        assert!(response.settling <= 55.0 && response.left <= 0.000_6, "{response:?}");
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

#[test]
fn few_events_say_too_little_to_search_by() {
    for x0 in [-1.8, -0.4] {
        let (mut with, mut without) = (cold(x0), Plant::new(x0));
        (with.events, without.events) = (100.0, 100.0);
        with.run(300.0);
        without.run(300.0);
        assert_eq!(with.state.x(), without.state.x());
    }
}

#[test]
fn the_search_is_for_the_start_alone() {
    let later = |has_search| {
        let mut plant = cold(-1.5);
        plant.run(240.0);
        plant.law.has_search = has_search;
        plant.right_x -= std::f64::consts::LN_2;
        plant.run(120.0);
        plant.state.x()
    };
    assert_eq!(later(true), later(false));
}

#[test]
fn the_length_of_a_step_does_not_matter_to_the_search() {
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
