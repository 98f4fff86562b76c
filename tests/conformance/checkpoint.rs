//! Checkpoints and trimming.

use crate::arm::{P, claim, lead, on_each, read_all, tick, ticks};
use paceline::store::{Checkpoint, Offset, StoreFault};
use paceline_core::units::Epoch;

#[tokio::test]
async fn a_checkpoint_is_loaded_as_saved_whatever_its_size() {
    on_each(async |arm| {
        assert_eq!(arm.store.load_checkpoint(P).await.unwrap(), None);
        let epoch = lead(&arm.store, &claim("a", 0)).await.epoch;
        let offset = arm.store.append(P, None, &[tick(1), tick(2)]).await.unwrap();
        // More than two parts, then none, then less than one.
        for size in [9 << 20, 0, 0, 1_000, 5 << 20, 0, 7] {
            let bytes = (0..size).map(|place: u32| place.to_le_bytes()[1]).collect();
            let checkpoint = Checkpoint { epoch, offset, bytes };
            arm.store.save_checkpoint(P, checkpoint.clone()).await.unwrap();
            assert!(arm.store.load_checkpoint(P).await.unwrap() == Some(checkpoint));
        }
    })
    .await;
}

#[tokio::test]
async fn a_checkpoint_of_a_past_term_is_refused_and_the_old_one_stands() {
    on_each(async |arm| {
        let first = lead(&arm.store, &claim("a", 0)).await;
        let offset = arm.store.append(P, None, &[tick(1)]).await.unwrap();
        let good = Checkpoint { epoch: first.epoch, offset, bytes: vec![1, 2, 3] };
        arm.store.save_checkpoint(P, good.clone()).await.unwrap();
        arm.store.resign_lead(P, &first).await.unwrap();
        lead(&arm.store, &claim("b", 0)).await;
        let late = Checkpoint { bytes: vec![9; 5 << 20], ..good.clone() };
        let stale = arm.store.save_checkpoint(P, late).await.unwrap_err();
        let expected = StoreFault::Fenced { ours: Epoch(1), current: Epoch(2) };
        assert_eq!(stale.fault().to_string(), expected.to_string());
        assert_eq!(stale.to_string(), "saving a checkpoint of 5242880 bytes of partition 2");
        assert_eq!(arm.store.load_checkpoint(P).await.unwrap(), Some(good));
    })
    .await;
}

#[tokio::test]
async fn trimming_stops_at_the_checkpoint() {
    on_each(async |arm| {
        let mut ends = Vec::new();
        for start in [0, 10, 20, 30] {
            ends.push(arm.store.append(P, None, &ticks(start..start + 10)).await.unwrap());
        }
        // Without a checkpoint nothing may go.
        assert_eq!(arm.store.trim(P, ends[3]).await.unwrap(), 0);
        let epoch = lead(&arm.store, &claim("a", 0)).await.epoch;
        let checkpoint = Checkpoint { epoch, offset: ends[2], bytes: vec![] };
        arm.store.save_checkpoint(P, checkpoint).await.unwrap();
        assert_eq!(arm.store.trim(P, ends[1]).await.unwrap(), 1);
        assert_eq!(arm.store.trim(P, ends[3]).await.unwrap(), 1);
        assert_eq!(arm.store.trim(P, ends[3]).await.unwrap(), 0);
        assert_eq!(read_all(&arm.store, ends[1], 100).await, ticks(20..40));
    })
    .await;
}

#[tokio::test]
async fn reading_what_was_trimmed_is_an_error() {
    on_each(async |arm| {
        let first = arm.store.append(P, None, &ticks(0..10)).await.unwrap();
        let second = arm.store.append(P, None, &ticks(10..20)).await.unwrap();
        let epoch = lead(&arm.store, &claim("a", 0)).await.epoch;
        let checkpoint = Checkpoint { epoch, offset: second, bytes: vec![] };
        arm.store.save_checkpoint(P, checkpoint).await.unwrap();
        assert_eq!(arm.store.trim(P, second).await.unwrap(), 1);
        let gone = arm.store.read(P, Offset::START, 10).await.unwrap_err();
        let expected = StoreFault::Trimmed { through: first };
        assert_eq!(gone.fault().to_string(), expected.to_string());
        assert_eq!(read_all(&arm.store, first, 10).await, ticks(10..20));
        // Offsets go on where they were.
        let third = arm.store.append(P, None, &[tick(20)]).await.unwrap();
        assert!(third > second);
    })
    .await;
}
