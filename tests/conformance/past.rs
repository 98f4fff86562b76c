//! Rows of the past: kept, replaced, dropped.

use crate::arm::{P, at, claim, lead, on_each};
use paceline::store::{KeptStretch, STRETCH_BYTES_MAX, Store, StoreFault};
use paceline_core::past::Grain;
use paceline_core::units::{CampaignId, Epoch, Span, Timestamp};

const NOW: i64 = 1_796_126_400_000_000;

fn stretch(grain: Grain, start: Timestamp, name: &str, byte: u8) -> KeptStretch {
    KeptStretch { grain, start, campaign: CampaignId::of(name), bytes: vec![byte; 3] }
}

async fn load(store: &Store, grain: Grain, from: Timestamp, until: Timestamp) -> Vec<u8> {
    let found = store.load_past(P, CampaignId::of("c"), (grain, from, until)).await.unwrap();
    found.into_iter().map(|bytes| bytes[0]).collect()
}

#[tokio::test]
async fn stretches_are_found_by_campaign_grain_and_time_and_the_latest_write_stands() {
    on_each(async |arm| {
        let epoch = lead(&arm.store, &claim("a", 0)).await.epoch;
        let step = Grain::Minute.stretch();
        let start = |count| at(NOW) + step.times(count);
        let mut all: Vec<_> =
            (0..3).map(|n| stretch(Grain::Minute, start(i64::from(n)), "c", n)).collect();
        all.push(stretch(Grain::Minute, start(1), "d", 77));
        all.push(stretch(Grain::Hour, Grain::Hour.start_of(at(NOW)), "c", 88));
        // More than one write takes.
        for n in 0..1_200_u32 {
            all.push(stretch(Grain::Minute, start(2), &format!("other-{n}"), 99));
        }
        arm.store.keep_past(P, epoch, all).await.unwrap();
        let again = vec![stretch(Grain::Minute, start(1), "c", 11)];
        arm.store.keep_past(P, epoch, again).await.unwrap();
        let end = start(3) - Span::from_micros(1);
        assert_eq!(load(&arm.store, Grain::Minute, start(0), end).await, [0, 11, 2]);
        let middle = start(1) + Span::MINUTE;
        assert_eq!(load(&arm.store, Grain::Minute, middle, middle).await, [11]);
        assert_eq!(load(&arm.store, Grain::Hour, at(NOW), at(NOW)).await, [88]);
        assert_eq!(load(&arm.store, Grain::Minute, start(3), start(9)).await, [0; 0]);
    })
    .await;
}

#[tokio::test]
async fn the_past_is_written_by_the_leader_alone_and_what_is_too_large_is_refused() {
    on_each(async |arm| {
        let first = lead(&arm.store, &claim("a", 0)).await;
        arm.store.resign_lead(P, &first).await.unwrap();
        let second = lead(&arm.store, &claim("b", 0)).await;
        let one = stretch(Grain::Minute, at(NOW), "c", 1);
        let stale = arm.store.keep_past(P, first.epoch, vec![one.clone()]).await.unwrap_err();
        let expected = StoreFault::Fenced { ours: Epoch(1), current: Epoch(2) };
        assert_eq!(stale.fault().to_string(), expected.to_string());
        let large = KeptStretch { bytes: vec![0; STRETCH_BYTES_MAX + 1], ..one };
        let refused = arm.store.keep_past(P, second.epoch, vec![large]).await.unwrap_err();
        assert!(matches!(refused.fault(), StoreFault::TooLarge { .. }), "{refused}");
        assert_eq!(load(&arm.store, Grain::Minute, at(NOW), at(NOW)).await, [0; 0]);
        let until = at(NOW) + Span::DAY.times(3);
        let which = (Grain::Minute, at(NOW), until);
        let far = arm.store.load_past(P, CampaignId::of("c"), which).await.unwrap_err();
        assert!(matches!(far.fault(), StoreFault::TooLarge { .. }), "{far}");
    })
    .await;
}

#[tokio::test]
async fn what_is_old_goes_and_the_rest_stays() {
    on_each(async |arm| {
        let epoch = lead(&arm.store, &claim("a", 0)).await.epoch;
        let later = at(NOW) + Grain::Minute.stretch();
        let all = vec![
            stretch(Grain::Minute, at(NOW), "c", 1),
            stretch(Grain::Minute, later, "c", 2),
            stretch(Grain::Hour, Grain::Hour.start_of(at(NOW)), "c", 3),
        ];
        arm.store.keep_past(P, epoch, all).await.unwrap();
        let dropped = arm.store.drop_past(P, epoch, Grain::Minute, later).await.unwrap();
        let kept = load(&arm.store, Grain::Minute, at(NOW), later).await;
        match &arm.store {
            Store::Embedded(_) => assert_eq!((dropped, kept), (1, vec![2])),
            // There they go by themselves.
            Store::Redis(_) => assert_eq!((dropped, kept), (0, vec![1, 2])),
        }
        assert_eq!(load(&arm.store, Grain::Hour, at(NOW), at(NOW)).await, [3]);
    })
    .await;
}
