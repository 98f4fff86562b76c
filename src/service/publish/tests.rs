//! The publisher under bidders who come while the loop goes on.

use super::*;
use paceline_core::engine::{Engine, EngineConfig};
use paceline_core::shade::{ScheduleId, ShadeDelta};
use paceline_core::units::{Epoch, SegmentId};
use std::sync::Barrier;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;
use std::time::Duration;

/// Rounds of an engine without campaigns; the lock does not know how large a table is.
fn rounds() -> impl FnMut() -> Tick {
    let mut engine = Engine::new(EngineConfig::default());
    let mut micros = 1_800_000_000_000_000;
    move || {
        micros += 10_000_000;
        engine.tick(Timestamp::from_micros(micros))
    }
}

#[test]
fn the_loop_publishes_while_a_table_is_being_encoded() {
    let mut next = rounds();
    let publisher = Publisher::new(PartitionId(0));
    publisher.publish(&next());
    let first = publisher.standing().0;
    let whole = publisher.whole(|table| {
        let (done, published) = mpsc::channel();
        let (side, tick) = (publisher.clone(), next());
        let round = std::thread::spawn(move || {
            side.publish(&tick);
            side.renew(tick.delta.lease);
            done.send(side.standing().0).unwrap();
        });
        let newer = published.recv_timeout(Duration::from_secs(20));
        assert_eq!(newer, Ok(first.next()), "the loop does not wait for the encoder");
        round.join().unwrap();
        encode(table)
    });
    assert_eq!(whole.head.generation, first, "what is encoded does not change under the encoder");
    let (News::Deltas(deltas), _) = publisher.news(Some(first)) else {
        panic!("deltas lead on from the table that was told");
    };
    assert_eq!(deltas.len(), 1);
}

#[test]
fn a_table_is_encoded_once_for_any_number_of_bidders() {
    let mut next = rounds();
    let publisher = Publisher::new(PartitionId(0));
    publisher.publish(&next());
    let (encodings, start) = (AtomicUsize::new(0), Barrier::new(16));
    let told: Vec<_> = std::thread::scope(|scope| {
        let bidder = || {
            start.wait();
            publisher.whole(|table| {
                encodings.fetch_add(1, Ordering::Relaxed);
                encode(table)
            })
        };
        let bidders: Vec<_> = (0..16).map(|_| scope.spawn(bidder)).collect();
        bidders.into_iter().map(|bidder| bidder.join().unwrap()).collect()
    });
    assert_eq!(encodings.load(Ordering::Relaxed), 1);
    assert!(told.iter().all(|table| Arc::ptr_eq(table, &told[0])));
    publisher.publish(&next());
    let (News::Table(newer), _) = publisher.news(None) else { panic!("it holds nothing") };
    assert_eq!(newer.head.generation, told[0].head.generation.next());
}

#[test]
fn schedules_are_encoded_once_for_any_number_of_readers() {
    let publisher = Publisher::new(PartitionId(0));
    let at = |sequence| Generation { epoch: Epoch(1), sequence };
    let segment = |key| (SegmentId::from_key(key), ScheduleId::UNSHADED);
    let set = |sequence, keys| {
        let segments = (1..=keys).map(segment).collect();
        ShadeSet::new(at(sequence), &ShadeDelta { segments, ..ShadeDelta::default() })
    };
    let table = MultiplierTable::empty(PartitionId(0), publisher.standing().1);
    publisher.restore(&table, set(4, 9), false);
    let first = publisher.shades(Some(at(2)));
    let other = publisher.shades(None);
    assert!(first.iter().zip(&other).all(|(one, other)| Arc::ptr_eq(one, other)));
    assert_eq!((first.len(), publisher.shades(Some(at(4))).len()), (1, 0));
    assert!(first.iter().all(|part| part.set_digest == set(4, 9).digest()));
    // The same generation, by a leader that said another set.
    publisher.restore(&table, set(4, 8), false);
    let newer = publisher.shades(Some(at(2)));
    assert!(!Arc::ptr_eq(&first[0], &newer[0]) && newer[0].set_digest != first[0].set_digest);
}
