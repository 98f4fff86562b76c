//! The log: order, pages, fences, bounds, waiting.

use crate::arm::{P, PARTITIONS, claim, lead, on_each, read_all, tick, ticks, win};
use paceline::store::{BATCH_RECORDS_MAX, Offset, StoreFault};
use paceline_core::units::{Epoch, PartitionId};
use std::time::Duration;

#[tokio::test]
async fn records_are_read_back_in_the_order_of_appending() {
    on_each(async |arm| {
        assert_eq!(arm.store.end(P).await.unwrap(), Offset::START);
        let first = arm.store.append(P, None, &[win(1), win(2)]).await.unwrap();
        let second = arm.store.append(P, None, &[tick(3)]).await.unwrap();
        assert!(Offset::START < first && first < second);
        assert_eq!(arm.store.end(P).await.unwrap(), second);
        assert_eq!(read_all(&arm.store, Offset::START, 100).await, [win(1), win(2), tick(3)]);
        assert_eq!(read_all(&arm.store, first, 100).await, [tick(3)]);
        assert_eq!(read_all(&arm.store, second, 100).await, []);
    })
    .await;
}

#[tokio::test]
async fn a_page_may_end_inside_a_batch_and_the_next_goes_on_there() {
    on_each(async |arm| {
        for start in [0, 10, 20] {
            arm.store.append(P, None, &ticks(start..start + 10)).await.unwrap();
        }
        for max in [1, 3, 7, 10, 30, 31] {
            assert_eq!(read_all(&arm.store, Offset::START, max).await, ticks(0..30));
        }
    })
    .await;
}

#[tokio::test]
async fn partitions_do_not_see_each_other() {
    on_each(async |arm| {
        arm.store.append(P, None, &[tick(1)]).await.unwrap();
        let other = PartitionId(P.0 + 1);
        assert_eq!(arm.store.end(other).await.unwrap(), Offset::START);
        assert_eq!(arm.store.read(other, Offset::START, 10).await.unwrap(), []);
    })
    .await;
}

#[tokio::test]
async fn a_partition_beyond_the_last_is_refused() {
    on_each(async |arm| {
        let error = arm.store.append(PartitionId(PARTITIONS), None, &[tick(1)]).await.unwrap_err();
        assert_eq!(error.to_string(), "appending 1 records to partition 4");
        let expected = StoreFault::NoSuchPartition { partition: 4, partitions: 4 };
        assert_eq!(error.fault().to_string(), expected.to_string());
    })
    .await;
}

#[tokio::test]
async fn an_empty_and_an_oversized_batch_are_refused() {
    on_each(async |arm| {
        let empty = arm.store.append(P, None, &[]).await.unwrap_err();
        assert!(matches!(empty.fault(), StoreFault::Empty { .. }));
        let most = i64::try_from(BATCH_RECORDS_MAX).unwrap();
        let large = arm.store.append(P, None, &ticks(0..most + 1)).await.unwrap_err();
        assert!(matches!(large.fault(), StoreFault::TooLarge { size: 4_097, .. }));
        assert!(!large.is_transient());
        arm.store.append(P, None, &ticks(0..most)).await.unwrap();
        assert_eq!(read_all(&arm.store, Offset::START, 1_000).await, ticks(0..most));
    })
    .await;
}

#[tokio::test]
async fn a_fenced_append_needs_the_epoch_of_the_latest_leader() {
    on_each(async |arm| {
        let stale = arm.store.append(P, Some(Epoch(1)), &[tick(1)]).await.unwrap_err();
        assert!(stale.is_fenced());
        let lease = lead(&arm.store, &claim("a", 0)).await;
        arm.store.append(P, Some(lease.epoch), &[tick(2)]).await.unwrap();
        arm.store.resign_lead(P, &lease).await.unwrap();
        let next = lead(&arm.store, &claim("b", 0)).await;
        let stale = arm.store.append(P, Some(lease.epoch), &[tick(3)]).await.unwrap_err();
        let expected = StoreFault::Fenced { ours: lease.epoch, current: next.epoch };
        assert_eq!(stale.fault().to_string(), expected.to_string());
        // Anyone may report spend, whoever leads.
        arm.store.append(P, None, &[win(4)]).await.unwrap();
        assert_eq!(read_all(&arm.store, Offset::START, 10).await, [tick(2), win(4)]);
    })
    .await;
}

#[tokio::test]
async fn waiting_ends_with_the_next_record() {
    on_each(async |arm| {
        let patience = Duration::from_secs(20);
        let first = arm.store.append(P, None, &[tick(1)]).await.unwrap();
        assert!(arm.store.wait(P, Offset::START, patience).await.unwrap());
        let records = [tick(2)];
        let (waited, appended) =
            tokio::join!(arm.store.wait(P, first, patience), arm.store.append(P, None, &records),);
        assert!(waited.unwrap());
        let end = appended.unwrap();
        assert!(!arm.store.wait(P, end, Duration::from_millis(1)).await.unwrap());
    })
    .await;
}

#[tokio::test]
async fn many_writers_share_one_order() {
    on_each(async |arm| {
        let writers = (0..200).map(|number| {
            let store = arm.store.clone();
            async move { store.append(P, None, &[win(number), win(number)]).await.unwrap() }
        });
        let mut tasks = tokio::task::JoinSet::new();
        writers.for_each(|writer| drop(tasks.spawn(writer)));
        let mut offsets = tasks.join_all().await;
        offsets.sort();
        offsets.dedup();
        assert_eq!(offsets.len(), 200);
        let all = read_all(&arm.store, Offset::START, 64).await;
        assert_eq!(all.len(), 400);
        assert!(all.chunks(2).all(|pair| pair[0] == pair[1]), "batches are not torn apart");
    })
    .await;
}
