//! Leadership: one at a time, a higher epoch each time, nothing from a term that is over.

use crate::arm::{Arm, P, at, claim, lead, on_each};
use paceline::store::{LeadAnswer, LeadClaim, LeadLease, StoreFault};
use paceline_core::units::{Epoch, PartitionId, Span};
use std::time::Duration;

/// Claims until it is granted: at once where time is virtual, else within ten seconds.
async fn lead_after_expiry(arm: &Arm, claim: &LeadClaim) -> LeadLease {
    let granted = async {
        let mut interval = tokio::time::interval(Duration::from_millis(10));
        loop {
            interval.tick().await;
            match arm.store.acquire_lead(P, claim).await.unwrap() {
                LeadAnswer::Ours(lease) => return lease,
                LeadAnswer::Theirs { .. } => assert!(!arm.has_virtual_time()),
            }
        }
    };
    tokio::time::timeout(Duration::from_secs(10), granted).await.expect("the lease ran out")
}

#[tokio::test]
async fn a_lead_that_ran_out_passes_on_with_the_next_epoch() {
    on_each(async |arm| {
        let short = LeadClaim { span: Span::from_millis(200), ..claim("a", 0) };
        let first = lead(&arm.store, &short).await;
        assert_eq!((first.epoch, first.until), (Epoch(1), at(200_000)));
        let refused = arm.store.acquire_lead(P, &claim("b", 100)).await.unwrap();
        assert_eq!(refused, LeadAnswer::Theirs { holder: "a".to_owned(), epoch: Epoch(1) });
        let second = lead_after_expiry(&arm, &claim("b", 200_000)).await;
        assert_eq!((second.holder.as_str(), second.epoch), ("b", Epoch(2)));
    })
    .await;
}

#[tokio::test]
async fn two_leaders_cannot_both_renew() {
    on_each(async |arm| {
        let span = Span::from_secs(30);
        let short = LeadClaim { span: Span::from_millis(100), ..claim("a", 0) };
        let first = lead(&arm.store, &short).await;
        let second = lead_after_expiry(&arm, &claim("b", 100_000)).await;
        let lost = arm.store.renew_lead(P, &first, span, at(100_001)).await.unwrap_err();
        let expected = StoreFault::LeadLost { ours: Epoch(1), current: Epoch(2) };
        assert_eq!(lost.fault().to_string(), expected.to_string());
        assert!(lost.is_fenced());
        let renewed = arm.store.renew_lead(P, &second, span, at(100_002)).await.unwrap();
        assert_eq!(renewed, LeadLease { until: at(30_100_002), ..second });
        // The loser's goodbye does not cost the winner its lead.
        arm.store.resign_lead(P, &first).await.unwrap();
        arm.store.renew_lead(P, &renewed, span, at(100_003)).await.unwrap();
    })
    .await;
}

#[tokio::test]
async fn a_claim_repeated_by_its_holder_is_the_same_lease() {
    on_each(async |arm| {
        let first = lead(&arm.store, &claim("a", 0)).await;
        let again = lead(&arm.store, &claim("a", 5)).await;
        assert_eq!(again, LeadLease { until: at(30_000_005), ..first });
    })
    .await;
}

#[tokio::test]
async fn the_epoch_is_above_what_bidders_have_seen() {
    on_each(async |arm| {
        lead(&arm.store, &claim("a", 0)).await;
        let seen = LeadClaim { above: Epoch(70), ..claim("a", 1) };
        assert_eq!(lead(&arm.store, &seen).await.epoch, Epoch(71));
        let spent = LeadClaim { above: Epoch(u32::MAX), ..claim("a", 2) };
        let refused = arm.store.acquire_lead(P, &spent).await.unwrap_err();
        assert!(matches!(refused.fault(), StoreFault::EpochsSpent { .. }));
        assert_eq!(lead(&arm.store, &claim("a", 3)).await.epoch, Epoch(71));
    })
    .await;
}

#[tokio::test]
async fn a_resigned_lead_is_free_at_once_and_not_renewed() {
    on_each(async |arm| {
        let first = lead(&arm.store, &claim("a", 0)).await;
        arm.store.resign_lead(P, &first).await.unwrap();
        let lost = arm.store.renew_lead(P, &first, Span::from_secs(1), at(1)).await.unwrap_err();
        assert!(matches!(lost.fault(), StoreFault::LeadLost { .. }));
        assert_eq!(lead(&arm.store, &claim("b", 1)).await.epoch, Epoch(2));
    })
    .await;
}

#[tokio::test]
async fn each_partition_has_a_lead_of_its_own() {
    on_each(async |arm| {
        lead(&arm.store, &claim("a", 0)).await;
        let other = PartitionId(P.0 + 1);
        let answer = arm.store.acquire_lead(other, &claim("b", 0)).await.unwrap();
        assert!(matches!(answer, LeadAnswer::Ours(lease) if lease.epoch == Epoch(1)));
    })
    .await;
}

#[tokio::test]
async fn a_lease_of_no_time_is_refused() {
    on_each(async |arm| {
        let none = LeadClaim { span: Span::ZERO, ..claim("a", 0) };
        let refused = arm.store.acquire_lead(P, &none).await.unwrap_err();
        assert_eq!(refused.fault().to_string(), "lead span: must be at least 1 ms");
    })
    .await;
}
