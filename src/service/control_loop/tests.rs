//! The loop on the store in memory, on a clock that is moved by hand.

use super::*;
use crate::clock::Replay;
use crate::store::EmbeddedStore;
use paceline_core::units::{Generation, Timestamp};
use std::time::Duration;

fn parts(store: &Store, clock: &Clock) -> LoopParts {
    let partition = PartitionId(0);
    LoopParts {
        partition,
        store: store.clone(),
        clock: clock.clone(),
        engine: EngineConfig::default(),
        settings: LoopSettings {
            holder: "test".to_owned(),
            is_alone: true,
            lead_span: Span::from_secs(30),
            tick_min: Span::from_millis(200),
            checkpoint_interval: Span::from_secs(60),
            foreign_interval: Span::from_millis(200),
            counters_interval: None,
            inbox_max: 64,
        },
        publisher: Publisher::new(partition),
        directory: Directory::default(),
    }
}

struct Bench {
    store: Store,
    clock: Clock,
    replay: Replay,
}

impl Bench {
    fn new() -> Self {
        let (clock, replay) = Clock::replayed(Timestamp::from_micros(1_800_000_000_000_000));
        let store = Store::from(EmbeddedStore::in_memory(1).unwrap());
        Self { store, clock, replay }
    }

    async fn generation(handle: &LoopHandle) -> Generation {
        handle.ask(|engine| engine.table().generation).await.unwrap_or_default()
    }

    /// Polls until the loop has decided after `before`.
    async fn ticked(&self, handle: &LoopHandle, before: Generation) -> Generation {
        for _ in 0..2_000 {
            let now = Self::generation(handle).await;
            if now > before {
                return now;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        panic!("no tick within ten seconds");
    }
}

#[tokio::test]
async fn the_loop_ticks_by_the_clock_and_goes_on_where_it_stopped() {
    let bench = Bench::new();
    let (handle, thread) = start(parts(&bench.store, &bench.clock)).unwrap();
    let first = bench.ticked(&handle, Generation::default()).await;
    bench.replay.advance_to(bench.clock.now() + Span::from_secs(10));
    let second = bench.ticked(&handle, first).await;
    assert_eq!(second, first.next());
    let state = handle.ask(|engine| engine.state().clone()).await.unwrap();
    handle.stop().await;
    thread.join().unwrap();
    let (handle, thread) = start(parts(&bench.store, &bench.clock)).unwrap();
    let third = bench.ticked(&handle, second.next()).await;
    assert!(third.epoch > second.epoch, "a new life is a new term: {third}");
    assert_ne!(handle.ask(|engine| engine.state().clone()).await.unwrap(), state);
    handle.stop().await;
    thread.join().unwrap();
}

#[tokio::test]
async fn inputs_are_answered_in_order_once_they_are_applied() {
    let bench = Bench::new();
    let (handle, thread) = start(parts(&bench.store, &bench.clock)).unwrap();
    let _ = bench.ticked(&handle, Generation::default()).await;
    let unknown = paceline_core::units::CampaignId::of("nobody");
    let answers = handle
        .submit(vec![Input::CounterAccept(unknown), Input::Tick, Input::CounterAccept(unknown)])
        .await
        .unwrap();
    let kinds: Vec<bool> =
        answers.iter().map(|answer| matches!(answer, Applied::Refused(_))).collect();
    assert_eq!(kinds, [true, false, true]);
    handle.stop().await;
    assert!(matches!(handle.submit(vec![Input::Tick]).await, Err(LoopError::Stopped)));
    thread.join().unwrap();
}
