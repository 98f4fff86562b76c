//! A toy bidder: one campaign, a stream of auctions it wins a third of, over a service on loopback.
//!
//! `cargo run -p paceline-client --example bidder -- <campaign id>`, beside a running service; with
//! `shading.currency = "EUR"` there, its bids are shaded by what it tells became of them, if the
//! campaign wants that.

use paceline_client::{Builder, OutcomeReport, OutcomeSettings, OutcomeTrial, SpendReport};
use paceline_core::bid::{AuctionType, BidAsk, BidDecision};
use paceline_core::event::SpendKind;
use paceline_core::hash::mix;
use paceline_core::shade::PriceRule;
use paceline_core::units::{
    ArmId, CampaignId, CpmMicros, Currency, Name, Ppb, Results, SegmentId, Timestamp,
};
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tonic::transport::Endpoint;

#[expect(clippy::disallowed_methods, reason = "the bidder tells the client the time")]
fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp::from_micros(i64::try_from(since.as_micros()).unwrap_or(i64::MAX))
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let campaign = Name::try_new(std::env::args().nth(1).unwrap_or_else(|| "demo".to_owned()))?;
    let channel = Endpoint::from_static("http://127.0.0.1:7410").connect_lazy();
    let run = now().as_micros();
    let client = Builder::new(channel)
        .with_bidder_id(Name::try_new("toy")?)
        .with_outcomes(OutcomeSettings::new(Currency::try_new("EUR")?))
        .start();
    let (handle, reporter, outcomes) = (client.handle(), client.reporter(), client.outcomes());
    let segment = Name::try_new("example/top")?;
    let place = handle.segment(SegmentId::of(segment.as_str()));
    let counter = client.opportunities().counter(&campaign, &segment, ArmId(0));
    let key = CampaignId::of(campaign.as_str());
    let mut auctions = tokio::time::interval(Duration::from_millis(10));
    for auction in 0_u64..6_000 {
        auctions.tick().await;
        let ask = BidAsk {
            auction: mix(auction),
            impression: 0,
            value: CpmMicros::new(2_000_000),
            floor: CpmMicros::new(100_000),
            auction_type: AuctionType::FirstPrice,
        };
        let answer = match handle.resolve(key, ArmId(0)) {
            Some(campaign) => handle.decide_in(&campaign, &place, now(), &ask),
            None => handle.decide(key, ArmId(0), now(), &ask),
        };
        counter.iter().for_each(|counter| counter.asked(answer.decision));
        let BidDecision::Bid { price, .. } = answer.decision else { continue };
        let won = mix(auction).is_multiple_of(3);
        if let Some(outcomes) = &outcomes {
            let (campaign, value) = (campaign.clone(), Some(ask.value));
            outcomes.report(OutcomeReport {
                segment: segment.clone(),
                price_rule: PriceRule::First,
                floor: ask.floor,
                bid: price,
                won,
                clearing: None,
                min_to_win: None,
                loss_reason: None,
                trial: answer.draw.map(|draw| OutcomeTrial { campaign, draw, value }),
            })?;
        }
        if !won {
            handle.lost(answer.hold);
            continue;
        }
        handle.won(answer.hold, price, Ppb::ONE);
        counter.iter().for_each(|counter| counter.won());
        reporter.report(SpendReport {
            event_id: Name::try_new(format!("{run}-{auction}"))?,
            campaign: campaign.clone(),
            arm: ArmId(0),
            kind: SpendKind::Win,
            win_id: None,
            price: price.per_impression(),
            bill_probability: Ppb::ONE,
            expected_results: Results::ZERO,
            served_at: None,
            occurred_at: now(),
        })?;
    }
    let is_all_sent = client.shut_down(Duration::from_secs(5)).await;
    println!("done; everything reported: {is_all_sent}");
    Ok(())
}
