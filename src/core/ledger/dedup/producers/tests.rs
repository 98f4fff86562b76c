//! Who is forgotten and when, and that no event counts twice whatever is forgotten.

use super::*;
use proptest::prelude::*;

const BOUNDS: Bounds = Bounds { most: 3, gap_bits: 64, silence: Span::from_mins(30) };

fn at(minutes: i64) -> Timestamp {
    Timestamp::from_micros(Span::from_mins(100_000 + minutes).as_micros())
}

fn id(key: u64) -> ProducerId {
    ProducerId::from_key(key)
}

/// Told at once, and as it happens.
fn tell(producers: &mut Producers, minute: i64, key: u64, sequence: u64) -> Seen {
    retell(producers, minute, key, sequence, minute)
}

/// Told at one minute of what happened at another.
fn retell(producers: &mut Producers, minute: i64, key: u64, sequence: u64, then: i64) -> Seen {
    let number = Number { sequence, occurred_at: Some(at(then)) };
    producers.note(at(minute), &BOUNDS, id(key), number)
}

/// Full: 1 was heard at minute 0, 2 at minute 10, 3 at minute 20.
fn full() -> Producers {
    let mut producers = Producers::default();
    for key in 1..=3 {
        assert_eq!(tell(&mut producers, 10 * (key - 1), key.unsigned_abs(), 1), Seen::First);
    }
    producers
}

#[test]
fn while_everybody_was_heard_of_late_one_more_is_refused_and_nobody_forgotten() {
    let mut producers = full();
    assert_eq!(tell(&mut producers, 30, 4, 1), Seen::Refused, "30 minutes are not more than 30");
    for key in 1..=3 {
        assert_eq!(retell(&mut producers, 30, key, 1, 0), Seen::Again);
    }
    // All were heard again at minute 30, if only of what was known.
    assert_eq!(tell(&mut producers, 60, 4, 1), Seen::Refused);
    assert_eq!(tell(&mut producers, 61, 4, 1), Seen::First);
}

#[test]
fn the_one_silent_the_longest_makes_room_and_no_other() {
    let mut producers = full();
    assert_eq!(tell(&mut producers, 25, 1, 2), Seen::First);
    assert_eq!(tell(&mut producers, 41, 4, 1), Seen::First);
    let kept: Vec<_> = [1, 2, 3, 4].map(|key| producers.sequence_max(id(key))).into();
    assert_eq!(kept, [Some(2), None, Some(1), Some(1)]);
    assert_eq!(producers.len(), 3);
    assert_eq!(tell(&mut producers, 41, 5, 1), Seen::Refused, "3 was heard 21 minutes ago");
    assert_eq!(retell(&mut producers, 41, 1, 2, 25), Seen::Again, "who stayed is exact");
}

#[test]
fn who_was_forgotten_goes_on_without_a_gap_and_its_retries_are_unverified() {
    let mut producers = full();
    for sequence in 2..=1_000 {
        assert_eq!(tell(&mut producers, 0, 1, sequence), Seen::First);
    }
    assert_eq!(tell(&mut producers, 31, 4, 1), Seen::First, "1 is forgotten");
    // A retry of what was counted comes first; then 2 is forgotten for it.
    assert_eq!(retell(&mut producers, 41, 1, 900, 0), Seen::Unverified);
    assert_eq!(retell(&mut producers, 41, 1, 900, 0), Seen::Again, "set aside once");
    assert_eq!(retell(&mut producers, 41, 1, 899, 0), Seen::Unverified, "or seen before that");
    for sequence in 901..=1_000 {
        assert_eq!(retell(&mut producers, 41, 1, sequence, 0), Seen::Unverified);
    }
    for sequence in 1_001..=2_000 {
        assert_eq!(tell(&mut producers, 42, 1, sequence), Seen::First);
        assert_eq!(tell(&mut producers, 42, 1, sequence), Seen::Again);
    }
    assert_eq!(producers.sequence_max(id(1)), Some(2_000));
}

#[test]
fn a_new_producer_is_trusted_from_half_a_silence_after_the_last_of_the_forgotten() {
    let mut producers = full();
    assert_eq!(retell(&mut producers, 31, 4, 1, 15), Seen::Unverified);
    assert_eq!(retell(&mut producers, 31, 4, 2, 16), Seen::First);
    assert_eq!(retell(&mut producers, 31, 4, 1, 15), Seen::Again, "set aside once");
    assert_eq!(retell(&mut producers, 31, 4, 2, 16), Seen::Again);
    assert_eq!(retell(&mut producers, 31, 3, 2, 1), Seen::First, "known before: at any age");
}

#[test]
fn a_new_producer_may_begin_out_of_order_also_after_another_was_forgotten() {
    let mut producers = full();
    let elsewhere = Number { sequence: 3, occurred_at: None };
    assert_eq!(producers.note(at(31), &BOUNDS, id(4), elsewhere), Seen::First);
    for sequence in [1, 4, 2] {
        assert_eq!(tell(&mut producers, 31, 4, sequence), Seen::First);
        assert_eq!(tell(&mut producers, 32, 4, sequence), Seen::Again);
    }
    for sequence in 5..=500 {
        assert_eq!(tell(&mut producers, 33, 4, sequence), Seen::First);
    }
    assert_eq!(tell(&mut producers, 33, 4, 2), Seen::Again, "no gap was given up");
}

#[test]
fn a_gap_that_is_given_up_costs_nothing_of_what_was_seen_above_it() {
    let mut numbers = Sequence { low: 100, above: Vec::new() };
    for sequence in [101, 130, 231, 240] {
        assert_eq!(numbers.note(sequence, 192), Seen::First);
    }
    numbers.rise(129);
    let again = [130, 231, 240].map(|sequence| numbers.note(sequence, 192));
    assert_eq!(again, [Seen::Again; 3]);
    assert_eq!(numbers.note(131, 192), Seen::First);
    assert_eq!((numbers.low, numbers.max()), (129, 240));
    numbers.rise(1_000);
    assert_eq!((numbers.note(1_000, 192), numbers.max()), (Seen::Again, 1_000));
}

#[test]
fn numbers_of_elsewhere_enter_and_keep_a_producer() {
    let mut producers = full();
    let elsewhere = |sequence| Number { sequence, occurred_at: None };
    assert_eq!(producers.note(at(20), &BOUNDS, id(1), elsewhere(2)), Seen::First);
    assert_eq!(producers.note(at(41), &BOUNDS, id(4), elsewhere(1)), Seen::First);
    assert_eq!(producers.sequence_max(id(2)), None, "2 was silent the longest");
    assert_eq!(tell(&mut producers, 41, 4, 2), Seen::First);
}

#[test]
fn smaller_bounds_forget_more_than_one_and_larger_ones_none() {
    let mut producers = full();
    let fewer = Bounds { most: 2, ..BOUNDS };
    let number = Number { sequence: 1, occurred_at: Some(at(60)) };
    producers.rebound();
    assert_eq!(producers.note(at(60), &fewer, id(4), number), Seen::First);
    assert_eq!(producers.len(), 2);
    let more = Bounds { most: 9, ..BOUNDS };
    producers.rebound();
    assert_eq!(producers.note(at(600), &more, id(5), number), Seen::First);
    assert_eq!(producers.len(), 3);
}

proptest! {
    #[test]
    fn whatever_is_forgotten_no_event_counts_twice(
        told in prop::collection::vec((0_i64..12, 1_u64..8, any::<bool>(), 0_usize..40), 1..400),
    ) {
        let mut producers = Producers::default();
        // Every event that was ever told, and what it was taken for at first.
        let mut events: Vec<(u64, u64, i64, Option<Seen>)> = Vec::new();
        let mut counts = [0_u64; 8];
        let mut now = 0;
        for (pause, key, is_retry, back) in told {
            now += pause;
            let place = if is_retry && !events.is_empty() {
                events.len() - 1 - back % events.len()
            } else {
                let count = &mut counts[usize::try_from(key).unwrap()];
                *count += 1;
                events.push((key, *count, now, None));
                events.len() - 1
            };
            let (key, sequence, then, before) = events[place];
            let seen = retell(&mut producers, now, key, sequence, then);
            // What was refused was not taken: the next try is as good as the first.
            let fits = match before {
                None => seen != Seen::Again,
                Some(_) => seen != Seen::First,
            };
            prop_assert!(fits, "{key}.{sequence} of {then}: {before:?}, then {seen:?}");
            events[place].3 = before.or((seen != Seen::Refused).then_some(seen));
            prop_assert!(producers.len() <= BOUNDS.most);
        }
    }
}
