//! What a forecast says of plain cases, and that it says nothing wild of odd ones.

use super::*;
use proptest::prelude::*;

fn at(hour: i64) -> Timestamp {
    Timestamp::from_micros(0) + crate::units::Span::HOUR.times(hour)
}

/// Half of a flight of two days: 1 000 events of a tenth of a unit on its first day, at full bids.
fn prospect() -> Prospect {
    Prospect {
        horizon: Horizon::Flight,
        window: Window::try_new(at(0), at(48)).unwrap(),
        seen_to: at(24),
        drawn: Nanos::from_units(100),
        budget: Some(Nanos::from_units(1_000)),
        room: Some(Nanos::from_units(900)),
        portion: None,
        ahead: vec![DayAhead { traffic: 1.0, room: None }],
        level: Level {
            mass: 1.0,
            spend: 100e9,
            noise: 0.001,
            echo: 0.0,
            noise_mass: 1.0,
            off: 0.0,
        },
        is_shaped: true,
        x: 0.0,
        x_most: 0.0,
        is_held: false,
        elasticity: 1.5,
        lift: None,
        noise: 1.0,
        event_price: 0.1e9,
        event_prices: (0.1e9, 0.1e9),
        calibration: 1.0,
        planned: 900e9,
        in_flight_doubt: 0.0,
    }
}

fn units(nanos: Nanos) -> f64 {
    nanos.as_f64() / 1e9
}

#[test]
fn supply_goes_on_as_it_was() {
    let told = Forecast::of(&prospect());
    assert_eq!(told.limit, Limit::Supply);
    assert!((units(told.middle) - 200.0).abs() < 4.0, "{told:?}");
    assert!(units(told.low) > 150.0 && units(told.high) < 250.0, "{told:?}");
    assert!(told.low < told.middle && told.middle < told.high);
    assert!(told.short.unwrap() > 0.999);
}

#[test]
fn a_budget_that_can_be_met_is_met_but_for_what_no_event_fits() {
    let budget = Nanos::from_units(150);
    let (room, x) = (Some(Nanos::from_units(50)), -0.3);
    let told = Forecast::of(&Prospect { budget: Some(budget), room, x, ..prospect() });
    assert_eq!(told.limit, Limit::Budget);
    assert!(told.high <= budget && units(told.low) > 149.5, "{told:?}");
    assert!(told.short.unwrap() < 0.05, "{told:?}");
}

#[test]
fn few_events_and_much_noise_widen_the_band() {
    let width = |told: Forecast| units(told.high - told.low);
    let plain = width(Forecast::of(&prospect()));
    let few = Prospect { event_price: 20e9, event_prices: (20e9, 20e9), ..prospect() };
    assert!(width(Forecast::of(&few)) > 2.0 * plain);
    let noisy = Level { noise: 0.02, ..prospect().level };
    assert!(width(Forecast::of(&Prospect { level: noisy, ..prospect() })) > 1.2 * plain);
    let lasting = Level { noise: 0.02, echo: 0.018, ..prospect().level };
    assert!(width(Forecast::of(&Prospect { level: lasting, ..prospect() })) > 2.0 * plain);
}

#[test]
fn a_days_cap_takes_what_is_above_it() {
    let cap = Some(Nanos::from_units(30));
    let ahead = vec![DayAhead { traffic: 0.5, room: cap }; 2];
    let told = Forecast::of(&Prospect { ahead, ..prospect() });
    assert!((units(told.high) - 160.0).abs() < 1e-3, "{told:?}");
    assert!((units(told.middle) - 160.0).abs() < 1.0, "{told:?}");
}

#[test]
fn a_day_follows_its_portion_of_the_plan() {
    let portion = Some(Nanos::from_units(20));
    let told = Forecast::of(&Prospect { portion, budget: None, room: None, ..prospect() });
    assert_eq!((told.limit, told.short), (Limit::Budget, None));
    assert!((units(told.middle) - 120.0).abs() < 1.0, "{told:?}");
    assert!(units(told.high) > 120.0 && units(told.low) > 115.0, "{told:?}");
}

#[test]
fn nothing_ahead_is_what_was_drawn() {
    let told = Forecast::of(&Prospect { ahead: Vec::new(), ..prospect() });
    assert_eq!((told.low, told.middle, told.high), (prospect().drawn, prospect().drawn, told.low));
    assert_eq!(told.limit, Limit::Supply);
}

#[test]
fn before_the_first_event_the_plan_is_a_first_guess() {
    let level = Level::default();
    let told = Forecast::of(&Prospect { level, drawn: Nanos::ZERO, ..prospect() });
    assert!(told.low < told.middle && told.high > told.middle, "{told:?}");
}

#[test]
fn a_hand_is_told_from_supply() {
    let told = Forecast::of(&Prospect { is_held: true, x_most: -1.0, x: -1.0, ..prospect() });
    assert_eq!(told.limit, Limit::Held);
    assert!(units(told.middle) < 130.0, "{told:?}");
}

proptest! {
    #[test]
    fn a_band_is_in_order_and_within_the_budget(
        drawn in 0_i64..1_000_000_000_000,
        room in 0_i64..1_000_000_000_000,
        traffic in 0.0_f64..400.0,
        mass in 0.0_f64..10.0,
        spend in 0.0_f64..1e15,
        noise in 0.0_f64..1.0,
        echo in -1.0_f64..1.0,
        x in -11.5_f64..0.7,
        price in 0.0_f64..1e12,
    ) {
        let level = Level { mass, spend, noise, echo, noise_mass: mass, off: 0.0 };
        let told = Forecast::of(&Prospect {
            drawn: Nanos::new(drawn),
            room: Some(Nanos::new(room)),
            budget: Some(Nanos::new(drawn + room)),
            ahead: vec![DayAhead { traffic, room: None }],
            level,
            x,
            x_most: x.max(0.0),
            event_price: price,
            event_prices: (price * 2.0, price),
            ..prospect()
        });
        prop_assert!(Nanos::new(drawn - 1) <= told.low && told.low <= told.middle);
        prop_assert!(told.middle <= told.high && told.high <= Nanos::new(drawn + room));
        let short = told.short.unwrap();
        prop_assert!((0.0..=1.0).contains(&short));
    }
}
