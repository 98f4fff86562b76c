//! Levels of a market that is known: lifts are told as they are, and sums stay within their bounds.

use super::*;
use crate::normal;

fn at(minutes: i64) -> Timestamp {
    Timestamp::from_micros(0) + Span::from_mins(minutes)
}

fn counts(asks: f64, wins: f64) -> Counts {
    Counts { asks, bids: asks, below_floor: 0.0, wins }
}

/// A market whose prices spread by `spread` about a median that a multiplier of one beats with
/// `chance` standard deviations to spare; a win costs exp(0.5 x).
fn seen(xs: &[f64], spread: f64, ease: f64) -> Response {
    let mut response = Response::new(at(0));
    for (minute, x) in (1..).zip(xs) {
        let wins = 1_000.0 * normal::chance(ease + x / spread);
        response.note_counts(at(minute), 0.0, Some((*x, 1.0)), counts(1_000.0, wins));
        let cost = Nanos::floor_from(wins * 1e6 * libm::exp(0.5 * x));
        response.note_spend(at(minute), 0.0, Some(*x), cost);
    }
    response
}

#[test]
fn a_level_that_was_seen_is_told_as_it_was() {
    for (spread, ease) in [(0.4, -0.5), (0.8, 0.3), (1.2, -1.0)] {
        let response = seen(&[-1.2, -0.9, -0.6, -0.3, 0.0], spread, ease);
        let lift = response.lift(-0.9, 0.0);
        let truth = normal::chance(ease) / normal::chance(ease - 0.9 / spread) * libm::exp(0.45);
        let off = libm::log(lift.ratio / truth).abs();
        assert!(off < 0.25 && off < lift.doubt, "{spread}: {lift:?} for {truth}");
        assert!(!lift.is_beyond && lift.doubt < 0.4, "{lift:?}");
    }
}

#[test]
fn a_raise_beyond_what_was_seen_says_so() {
    let response = seen(&[-1.2, -0.9, -0.6, -0.3, 0.0], 0.6, -0.5);
    let (near, far) = (response.lift(-0.6, 0.0), response.lift(0.0, 0.6));
    assert!(far.is_beyond && !near.is_beyond, "{near:?} {far:?}");
    let truth = normal::chance(0.5) / normal::chance(-0.5) * libm::exp(0.3);
    let off = libm::log(far.ratio / truth).abs();
    assert!(off < 1.3 * far.doubt, "{far:?} for {truth}");
}

#[test]
fn where_everything_is_won_a_raise_wins_no_more() {
    let response = seen(&[-0.4, -0.2, 0.0], 0.3, 2.0);
    let lift = response.lift(0.0, 0.6);
    assert!(lift.win_rate.unwrap() > 0.95, "{lift:?}");
    // What is left is that wins may cost more.
    assert!(lift.ratio < libm::exp(0.6 * 0.6), "{lift:?}");
}

#[test]
fn without_anything_seen_it_says_what_is_usual_and_that_it_is_beyond() {
    let lift = Response::new(at(0)).lift(0.0, 0.4);
    assert!(lift.is_beyond && lift.win_rate.is_none() && lift.ratio > 1.0, "{lift:?}");
    let same = Response::new(at(0)).lift(0.0, 0.0);
    assert!((same.ratio - 1.0).abs() < 1e-9 && same.doubt < 1e-9, "{same:?}");
}

#[test]
fn the_last_two_hours_are_a_rate_whatever_the_steps() {
    let mut response = Response::new(at(0));
    for minute in 1..=600 {
        response.note_counts(at(minute), 7.0, Some((0.0, 1.0)), counts(20.0, 5.0));
    }
    let recent = response.recent_at(at(600), 7.0);
    let rate = |sum: f64| sum / recent.minutes;
    assert!((rate(recent.counts.asks) - 20.0).abs() < 0.2, "{recent:?}");
    assert!((rate(recent.planned) - 7.0).abs() < 1e-9, "{recent:?}");
    // And nothing for two hours more leaves a third.
    let later = response.recent_at(at(720), 7.0);
    assert!((later.counts.asks / recent.counts.asks - 0.368).abs() < 0.01, "{later:?}");
}

#[test]
fn it_forgets_and_stays_within_its_bound() {
    let mut response = Response::new(at(0));
    for step in 0_i32..20_000 {
        let x = f64::from(step % 800) / 100.0 - 6.0;
        let now = at(i64::from(step) * 10);
        response.note_counts(now, 0.0, Some((x, 1.0)), counts(10.0, 1.0));
    }
    assert!(response.levels.len() <= LEVELS);
    assert!(size_of::<Response>() + LEVELS * size_of::<Level>() <= 800);
    response.note_counts(at(400_000), 0.0, Some((0.0, 1.0)), counts(10.0, 1.0));
    assert_eq!(response.levels.len(), 1);
}

#[test]
fn asks_without_bids_to_be_made_are_no_level() {
    let mut response = Response::new(at(0));
    response.note_counts(at(1), 0.0, None, counts(50.0, 0.0));
    assert!(response.observed().is_none() && response.is_counted());
    response.note_counts(at(2), 0.0, Some((-0.5, 0.5)), counts(50.0, 5.0));
    let (lowest, highest) = response.observed().unwrap();
    assert!((lowest + 0.5).abs() < 1e-6 && (highest + 0.5).abs() < 1e-6);
}
