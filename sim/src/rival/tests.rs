//! Each rival's equations against figures worked out by hand, and what every law owes the engine.

use super::*;
use paceline_core::units::Span;

fn at(minute: i64) -> Timestamp {
    Timestamp::from_micros(0) + Span::from_mins(minute)
}

/// A budget of 1 440 units a day, planned one a minute; so much planned and measured so far.
fn seen(planned: f64, measured: f64) -> PaceSample {
    PaceSample {
        traffic_minutes: 1.0,
        planned: Nanos::floor_from(planned * 1e9),
        measured: Nanos::floor_from(measured * 1e9),
        day_budget: Nanos::from_units(1_440),
        window_minutes: 1_440.0,
        left_minutes: 1_440.0,
        is_foreseen: true,
        events: 14_400.0,
        elasticity: 1.5,
        multiplier_max: PacingMultiplier::ONE,
        planned_rate: 1e9,
        spend_rate: 1e9,
        reach: 0.0,
        presence: 1.0,
    }
}

/// The output after minutes of steps at given spend a minute.
fn run(law: &Rival, x0: f64, minutes: i64, spend: f64) -> RivalState {
    let mut state = law.start(x0);
    for minute in 0..=minutes {
        let done = crate::number::length(usize::try_from(minute).unwrap());
        state = law.step(&state, at(minute), &seen(done, spend * done)).0;
    }
    state
}

fn each() -> impl Iterator<Item = (&'static str, Rival)> {
    Rival::NAMES.into_iter().map(|name| (name, Rival::named(name).unwrap()))
}

#[test]
fn dead_beat_takes_the_whole_ratio_in_one_slot() {
    let law = Rival::named("dead-beat").unwrap();
    // Twice the plan was spent in the first quarter of an hour: half the rate.
    let state = run(&law, 0.0, 15, 2.0);
    assert!((state.x - -std::f64::consts::LN_2).abs() < 1e-9, "{}", state.x);
    let signal = law.signal(&state);
    assert!((signal.participation - 0.5).abs() < 1e-9 && signal.multiplier >= 1.0);
    // Nothing was spent: tenfold at most.
    let state = run(&law, -5.0, 15, 0.0);
    assert!((state.x - (-5.0 + libm::log(10.0))).abs() < 1e-9);
}

#[test]
fn descent_moves_the_price_by_its_step() {
    let step = 1.0 / 1_440.0_f64.sqrt();
    let euclidean = Descent::of(Geometry::Euclidean);
    assert!((euclidean.descend(1.0, -1.0) - (1.0 + step)).abs() < 1e-12);
    assert!(euclidean.descend(0.01, 1.0).abs() < 1e-15, "never below zero");
    let entropy = Descent::of(Geometry::Entropy);
    assert!((entropy.descend(2.0, -1.0) - 2.0 * libm::exp(step)).abs() < 1e-12);
    assert!((entropy.descend(MU_LEAST, 1.0) - MU_LEAST).abs() < 1e-15, "zero would absorb");
    // A minute at twice the plan: g ÷ ρ = −1; λ = 1 ÷ (1 + µ).
    let law = Rival::Descent(euclidean);
    let mu = 1.0 / 0.5 - 1.0 + step;
    let state = run(&law, libm::log(0.5), 1, 2.0);
    assert!((state.x - -libm::log1p(mu)).abs() < 1e-9, "{}", state.x);
}

const MU_LEAST: f64 = descent::MU_MIN;

#[test]
fn the_sample_law_is_proportional_to_what_was_missed() {
    let law = Rival::named("sample").unwrap();
    // 14.4 units behind are a hundredth of a day: µ falls by √1440 ÷ 100 from 1.
    let mut state = law.start(libm::log(0.5));
    state = law.step(&state, at(0), &seen(14.4, 0.0)).0;
    let mu = 1.0 - 1_440.0_f64.sqrt() / 100.0;
    assert!((state.x - -libm::log1p(mu)).abs() < 1e-9, "{}", state.x);
}

#[test]
fn feedback_sums_its_three_parts() {
    let gains = Feedback { derivative: 0.5, ..Feedback::default() };
    let law = Rival::Feedback(gains);
    // Half the plan spent in the first round: e = ½, sum = ½, difference = ½.
    let state = run(&law, -1.0, 36, 0.5);
    let expected = -1.0 + 1.0 * 0.5 + 0.1 * 0.5 + 0.5 * 0.5;
    assert!((state.x - expected).abs() < 1e-9, "{}", state.x);
    // In the second round the error stands, and with it the difference goes.
    let state = run(&law, -2.0, 72, 0.5);
    assert!((state.x - (-2.0 + 0.5 + 0.1 * 1.0)).abs() < 1e-9, "{}", state.x);
}

#[test]
fn mystique_starts_low_unless_the_budget_is_large() {
    let law = Rival::named("mystique-linear").unwrap();
    let small = law.step(&law.start(0.0), at(0), &seen(0.0, 0.0)).0;
    assert!((small.x - libm::log(1e-4)).abs() < 1e-12);
    let large = PaceSample { day_budget: Nanos::from_units(20_000), ..seen(0.0, 0.0) };
    let large = law.step(&law.start(0.0), at(0), &large).0;
    assert!(large.x.abs() < 1e-12);
}

#[test]
fn mystique_begins_a_day_at_the_mean_of_the_last() {
    let law = Rival::named("mystique-learned").unwrap();
    let mut state = law.start(0.0);
    let mut sum = 0.0;
    for minute in 0..1_437 {
        let done = crate::number::length(usize::try_from(minute).unwrap());
        state = law.step(&state, at(minute), &seen(done, 0.6 * done)).0;
        if minute > 0 {
            sum += libm::exp(state.x);
        }
    }
    let mean = sum / 1_436.0;
    let last = law.step(&state, at(1_440), &seen(1_440.0, 864.0)).0;
    assert!((libm::exp(last.x) - mean).abs() < 1e-6, "{} {mean}", libm::exp(last.x));
}

#[test]
fn no_rival_moves_without_traffic_or_beyond_its_range() {
    for (name, law) in each() {
        let state = run(&law, -1.0, 90, 1.3);
        let still = PaceSample { traffic_minutes: 0.0, ..seen(90.0, 0.0) };
        assert_eq!(law.step(&state, at(91), &still).0.x.to_bits(), state.x.to_bits(), "{name}");
        for spend in [0.0, 1.0, 50.0] {
            let signal = law.signal(&run(&law, -1.0, 300, spend));
            assert!((X_MIN..=0.0).contains(&signal.x), "{name}: {signal:?}");
            assert!(signal.participation > 0.0 && signal.participation <= 1.0, "{name}");
            assert!(signal.multiplier > 0.0 && signal.multiplier <= 1.0, "{name}: {signal:?}");
        }
    }
}

#[test]
fn a_hand_and_a_new_plan_do_not_jolt_any_rival() {
    for (name, law) in each() {
        let state = run(&law, -1.0, 60, 1.1);
        let held = law.follow(&state, -2.0, &seen(60.0, 66.0));
        assert!((law.signal(&held).x - -2.0).abs() < 1e-12, "{name}");
        let rebased = law.rebase(&state, &seen(60.0, 66.0), &seen(0.0, 0.0));
        assert_eq!(law.signal(&rebased).x.to_bits(), state.x.to_bits(), "{name}");
        let next = law.step(&rebased, at(61), &seen(1.0, 1.0)).0;
        assert!((next.x - state.x).abs() < 0.3, "{name}: {} after {}", next.x, state.x);
    }
}

#[test]
fn a_number_that_is_none_is_said_to_be_unsound() {
    for (name, law) in each() {
        let bad = PaceSample { planned_rate: f64::NAN, ..seen(1.0, 1.0) };
        let state = law.step(&law.start(-1.0), at(0), &bad).0;
        assert!(!law.is_sound(&state), "{name}");
        assert!(law.signal(&state).x.is_finite(), "{name}");
    }
}
