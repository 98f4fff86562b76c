//! What trips a breaker, what does not, and how it lets go.

use super::*;
use crate::hash::mix;

const START: Timestamp = Timestamp::from_micros(1_000 * Span::DAY.as_micros());
const TICK: Span = Span::from_secs(10);
const CENT: Nanos = Nanos::new(10_000_000);

/// A plan of so many cents a day.
fn plan(events: f64) -> Option<Fastest> {
    Some(Fastest::of(events * CENT.as_f64() / 1_440.0, CENT.as_f64()))
}

/// A uniform draw in [0, 1).
fn draw(seed: &mut u64) -> f64 {
    *seed = seed.wrapping_add(1);
    f64::from(u32::try_from(mix(mix(*seed)) >> 32).unwrap()) / 4_294_967_296.0
}

/// Runs `hours` at `pace` × the plan, by chance; how often it trips.
fn trips(events: u32, pace: f64, hours: i64, seed: u64) -> u32 {
    let mut seed = mix(seed);
    let mut breaker = Breaker::new(START);
    let chance = pace * f64::from(events) / 8_640.0;
    let mut count = 0;
    for tick in 1..=hours * 360 {
        let now = START + TICK.times(tick);
        for _ in 0..64 {
            if draw(&mut seed) < chance / 64.0 {
                breaker.post(now, now, CENT);
            }
        }
        count += u32::from(breaker.step(now, Some(now), plan(f64::from(events))));
    }
    count
}

#[test]
fn spend_of_up_to_four_times_the_plan_trips_nothing_whatever_its_size() {
    for events in [3, 10, 30, 100, 1_000, 10_000] {
        for pace in [1.0, 4.0] {
            assert_eq!(trips(events, pace, 48, 1), 0, "{events} events a day at {pace}");
        }
    }
}

#[test]
fn a_runaway_of_a_hundred_times_trips_at_the_step_that_knows_of_it() {
    let mut breaker = Breaker::new(START);
    let day = plan(14_400.0);
    let mut now = START;
    for _ in 0..60 {
        now += TICK;
        breaker.post(now, now, Nanos::new(CENT.get() * 5 / 3));
        assert!(!breaker.step(now, Some(now), day));
    }
    let mut steps = 0;
    while !breaker.is_tripped() {
        now += TICK;
        breaker.post(now, now, Nanos::new(CENT.get() * 500 / 3));
        breaker.step(now, Some(now), day);
        steps += 1;
    }
    // Six times six minutes of plan are thirty-six; ten seconds at a hundred times are sixteen.
    assert!(steps <= 4, "{steps}");
    let trip = breaker.trip().unwrap();
    assert!(trip.spent > trip.allowed);
    assert!((breaker.participation() - TRIPPED).abs() < 1e-12);
}

#[test]
fn it_holds_then_lets_go_twofold_a_minute_and_is_forgiven() {
    let mut breaker = Breaker::new(START);
    breaker.post(START, START, Nanos::from_units(100));
    assert!(breaker.step(START + TICK, Some(START + TICK), plan(100.0)));
    let mut last = TRIPPED;
    let mut released = None;
    for minute in 1..=90 {
        let now = START + TICK + Span::MINUTE.times(minute);
        assert!(!breaker.step(now, Some(now), plan(100.0)));
        let next = breaker.participation();
        if minute <= 5 {
            assert!((next - TRIPPED).abs() < 1e-12, "held for five minutes");
        }
        assert!(next <= last * 2.0 + 1e-12);
        if next >= 1.0 && released.is_none() {
            released = Some(minute);
        }
        last = next;
    }
    assert_eq!(released, Some(11), "five minutes and the doublings from a fiftieth");
    assert!(breaker.trip().is_none(), "an hour later it is forgiven");
}

#[test]
fn one_that_runs_away_again_is_held_for_twice_as_long_and_an_hour_at_most() {
    let mut breaker = Breaker::new(START);
    let mut now = START;
    let mut holds = Vec::new();
    for _ in 0..7 {
        let last = breaker.trip().map(|trip| trip.until);
        now = last.unwrap_or(now) + Span::from_mins(2);
        breaker.post(now, now, Nanos::from_units(100));
        assert!(breaker.step(now, Some(now), plan(100.0)));
        holds.push((breaker.trip().unwrap().until - now).as_minutes());
    }
    let expected = [5.0, 10.0, 20.0, 40.0, 60.0, 60.0, 60.0];
    assert!(holds.iter().zip(expected).all(|(hold, one)| (hold - one).abs() < 1e-9), "{holds:?}");
}

#[test]
fn a_watermark_that_stands_still_releases_nothing_and_silence_is_one_step() {
    let mut breaker = Breaker::new(START);
    breaker.post(START, START, Nanos::from_units(100));
    let mark = START + TICK;
    assert!(breaker.step(mark, Some(mark), plan(100.0)));
    for minute in 1..=60 {
        breaker.step(mark + Span::MINUTE.times(minute), Some(mark), plan(100.0));
        assert!((breaker.participation() - TRIPPED).abs() < 1e-12);
    }
    let now = mark + Span::HOUR;
    breaker.step(now, Some(now), plan(100.0));
    assert!((breaker.participation() - 2.0 * TRIPPED).abs() < 1e-12);
}

#[test]
fn spend_is_judged_by_when_it_was_served_however_late_it_is_told() {
    // An hour's backlog at twice the plan comes at once, and trips nothing.
    let mut breaker = Breaker::new(START);
    let day = plan(14_400.0);
    let now = START + Span::HOUR;
    for minute in 0..60 {
        breaker.post(now, START + Span::MINUTE.times(minute), Nanos::new(20 * CENT.get()));
    }
    assert!(!breaker.step(now, Some(now), day));
    // Half an hour late, and at a hundred times: it trips all the same.
    let mut breaker = Breaker::new(START);
    for second in 0..60 {
        let served_at = START + Span::from_secs(second);
        breaker.post(now, served_at, Nanos::new(CENT.get() * 1_000 / 60));
    }
    assert!(breaker.step(now, Some(START + Span::MINUTE), day));
}

#[test]
fn what_was_served_before_it_tripped_does_not_trip_it_again() {
    let mut breaker = Breaker::new(START);
    breaker.post(START, START, Nanos::from_units(100));
    let now = START + TICK;
    assert!(breaker.step(now, Some(now), plan(100.0)));
    breaker.post(now + TICK, now, Nanos::from_units(100));
    breaker.post(now + TICK, now + Span::from_secs(59), Nanos::from_units(100));
    assert!(!breaker.step(now + TICK, Some(now + TICK), plan(100.0)));
}

#[test]
fn the_end_of_a_busy_hour_is_judged_by_its_plan() {
    let mut breaker = Breaker::new(START);
    let mut now = START;
    for _ in 0..30 {
        now += TICK;
        breaker.post(now, now, Nanos::new(10 * CENT.get()));
        assert!(!breaker.step(now, Some(now), plan(86_400.0)));
    }
    for _ in 0..90 {
        now += TICK;
        assert!(!breaker.step(now, Some(now), plan(864.0)));
    }
}

#[test]
fn growth_of_a_counter_counts_to_the_time_since_it_was_last_read() {
    let mut breaker = Breaker::new(START);
    let now = START + Span::HOUR;
    breaker.post_over(now, (START, now), Nanos::new(60 * CENT.get()));
    let within = breaker.spent() / CENT.as_f64();
    assert!((within - 6.0).abs() < 1e-9, "six of sixty minutes: {within}");
    let mut breaker = Breaker::new(START);
    breaker.post_over(START + TICK, (START, START + TICK), CENT);
    assert!((breaker.spent() - CENT.as_f64()).abs() < 1.0);
}

#[test]
fn growth_over_a_few_minutes_counts_once() {
    for tenths in [11, 19, 25, 58, 60] {
        let mut breaker = Breaker::new(START);
        let from = START + Span::HOUR;
        let to = from + Span::from_secs(6).times(tenths);
        breaker.post_over(to, (from, to), CENT);
        let within = breaker.spent() / CENT.as_f64();
        assert!((within - 1.0).abs() < 1e-6, "{within} of one in {tenths} tenths of a minute");
    }
}

#[test]
fn a_price_that_becomes_known_after_the_plan_was_fastest_counts() {
    let (rate, event) = (CENT.as_f64(), CENT.as_f64());
    let mut breaker = Breaker::new(START);
    breaker.step(START, Some(START), Some(Fastest::of(rate, 0.0)));
    let now = START + TICK;
    breaker.step(now, Some(now), Some(Fastest::of(rate / 2.0, event)));
    let mut known = Breaker::new(START);
    known.step(START, Some(START), Some(Fastest::of(rate, event)));
    assert!((breaker.allowed() - known.allowed()).abs() < 1.0);
}

#[test]
fn what_has_no_fastest_rate_is_not_judged() {
    let mut breaker = Breaker::new(START);
    breaker.post(START, START, Nanos::from_units(1_000));
    assert!(!breaker.step(START + TICK, Some(START + TICK), None));
    assert!(!breaker.step(START + TICK, None, plan(1.0)), "nor what nobody reported");
}

#[test]
fn a_breaker_survives_text_and_clocks_that_lie() {
    let mut breaker = Breaker::new(START);
    breaker.post(START, Timestamp::MAX, CENT);
    breaker.post(START, Timestamp::MIN, Nanos::from_units(1_000));
    assert!(!breaker.step(START + TICK, Some(Timestamp::MAX), plan(100.0)));
    breaker.post(START + TICK, START, Nanos::from_units(3));
    breaker.step(START + TICK, Some(START + TICK), plan(100.0));
    let text = serde_json::to_string(&breaker).unwrap();
    assert_eq!(serde_json::from_str::<Breaker>(&text).unwrap(), breaker);
}
