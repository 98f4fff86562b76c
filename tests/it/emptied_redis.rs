//! Redis is emptied while bidders stay connected: each says anew what it holds, so that the next
//! term stands above every table in use and nobody refuses tables for ever.

use crate::bidders;
use crate::harness::{Service, Setup, StoreArm, until};
use crate::orders;
use paceline_client::{Builder, PacelineHandle};
use paceline_core::bid::{AuctionType, BidAsk, BidDecision};
use paceline_core::units::{ArmId, CampaignId, CpmMicros, Name, Timestamp};
use paceline_proto::v1;
use tonic::Code;

/// The table in force.
async fn generation(service: &Service) -> Option<(u32, u64)> {
    let told = service.admin().get_status(v1::GetStatusRequest {}).await.ok()?.into_inner();
    let held = told.partitions.first()?.generation?;
    Some((held.epoch, held.sequence))
}

/// Asks one auction after the other until there is a bid.
async fn bids(service: &Service, handle: &PacelineHandle) {
    let mut auction = 0;
    until("the bidder bids", async || {
        let now = Timestamp::from_micros(orders::now(service).await.as_microsecond());
        for _ in 0..100 {
            auction += 1;
            let ask = BidAsk {
                auction,
                impression: 0,
                value: CpmMicros::new(2_000_000),
                floor: CpmMicros::ZERO,
                auction_type: AuctionType::SecondPrice,
            };
            let answer = handle.decide(CampaignId::of("shoes"), ArmId(0), now, &ask);
            if matches!(answer.decision, BidDecision::Bid { .. }) {
                return Some(());
            }
        }
        None
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn after_redis_was_emptied_connected_bidders_go_on_with_a_term_above_what_they_hold() {
    let Some(setup) = Setup::of(StoreArm::Redis).await else { return };
    // No allowance is issued for a horizon after a loss.
    let setup = setup.with("loop.tick", "1s").with("loop.lead", "2s");
    let setup = setup.with("lease.valid", "4s").with("allowance.horizon", "4s");
    let service = setup.start().await;
    orders::enter(&service, &["shoes"], "800.00 USD").await;
    let name = Name::try_new("host-1").unwrap();
    let client = Builder::new(service.channel()).with_bidder_id(name).start();
    let handle = client.handle();
    bids(&service, &handle).await;
    let (_requests, mut stream) = bidders::watch(service.channel(), "bidder.1").await;
    assert!(stream.message().await.unwrap().is_some(), "a table");
    // The new log counts from the first term again: no table of it comes near what is held.
    let held = until("tables go on", async || {
        generation(&service).await.filter(|(_, sequence)| *sequence >= 5)
    })
    .await;

    service.redis().unwrap().say::<()>(&["FLUSHALL"]).await;
    let ended = until("the stream ends", async || stream.message().await.err()).await;
    assert_eq!(ended.code(), Code::Aborted, "{ended}");
    assert!(ended.message().starts_with("the log has lost what bidders hold"), "{ended}");
    until("a term above what the client holds", async || {
        generation(&service).await.filter(|now| now.0 > held.0)
    })
    .await;
    // The log has lost the campaign too.
    orders::enter(&service, &["shoes"], "800.00 USD").await;
    bids(&service, &handle).await;
}
