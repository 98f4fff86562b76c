//! Whatever it is fed, a law that ships says something in range.

use super::*;
use proptest::prelude::*;

prop_compose! {
    fn any_sample()(
        traffic_minutes in prop_oneof![-1e300..1e300, 0.0..2.0],
        planned: i64,
        measured: i64,
        day_budget: i64,
        window_minutes in prop_oneof![-1e300..1e300, 0.0..2_000.0],
        events in prop_oneof![-1e300..1e300, 0.0..2_000.0],
        elasticity in prop_oneof![-1e300..1e300, 0.0..8.0],
        multiplier_max in 0_u32..=4_000_000,
    ) -> PaceSample {
        PaceSample {
            traffic_minutes,
            planned: Nanos::new(planned),
            measured: Nanos::new(measured),
            day_budget: Nanos::new(day_budget),
            window_minutes,
            left_minutes: window_minutes,
            is_foreseen: true,
            events,
            elasticity,
            multiplier_max: PacingMultiplier::try_new(Ppm::new(multiplier_max)).unwrap(),
            ..test_sample()
        }
    }
}

proptest! {
    #[test]
    fn any_finite_input_gives_an_output_in_range(
        samples in prop::collection::vec((0_u8..6, any_sample(), -1e300..1e300), 1..40),
        derivative_minutes in prop_oneof![Just(0.0), 0.0..100.0],
        other in 0_u8..3,
    ) {
        let law = match other {
            0 => ShippedLaw::PassThrough(PassThroughStep::default()),
            1 => ShippedLaw::Asap,
            _ => ShippedLaw::LogPid(LogPidGains { derivative_minutes, ..LogPidGains::default() }),
        };
        let mut state = law.start(-1.0);
        for (what, seen, x) in &samples {
            state = match what {
                0 => law.follow(&state, *x, seen),
                1 => law.bound(&state, *x, seen),
                2 => law.rebase(&state, &samples[0].1, seen),
                3 => law.shift(&state, *x),
                _ => law.step(&state, Timestamp::MIN, seen).0,
            };
            let signal = law.signal(&state);
            prop_assert!(law.is_sound(&state));
            prop_assert!(signal.multiplier >= 0.0 && signal.multiplier <= 4.0);
            if *what != 3 {
                prop_assert!(signal.multiplier <= seen.multiplier_max.ppm().as_f64());
            }
            prop_assert!(signal.participation > 0.0 && signal.participation <= 1.0);
            prop_assert!(signal.x >= X_MIN && signal.x <= limit::x_max(PacingMultiplier::HARD_MAX));
        }
    }
}
