//! The publisher under bidders who come while the loop goes on.

use super::*;
use paceline_core::engine::{Engine, EngineConfig};
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
