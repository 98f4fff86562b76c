//! What a client tells beside spend: asks, bids and wins, and what became of bids.

use super::*;
use paceline_client::{OutcomeReport, OutcomeSettings, OutcomeTrial};
use paceline_core::bid::SkipReason;
use paceline_core::shade::{BidDraw, BidRole, PriceRule};
use paceline_core::units::{Currency, Ppm};

#[tokio::test(start_paused = true)]
async fn opportunities_are_told_by_campaign_and_segment() {
    let service = Service::default();
    let client =
        connected(&service, Builder::new(serve(&service)).with_bidder_id(name("b1"))).await;
    ask(&client, "c1");
    let price = CpmMicros::new(1_000);
    let counter = client.opportunities().counter(&name("c1"), &name("s1"), ArmId(0)).unwrap();
    counter.asked(BidDecision::Bid { price, reserve: price.per_impression() });
    counter.asked(BidDecision::Skip(SkipReason::Floor));
    counter.won();
    until("the counts", || service.with(|state| !state.counts.is_empty())).await;
    let expected = v1::OpportunityCount {
        campaign_id: "c1".to_owned(),
        segment_id: "s1".to_owned(),
        arm: 0,
        asks: 2,
        bids: 1,
        wins: 1,
        below_floor: 1,
    };
    assert_eq!(service.with(|state| state.counts.clone()), [expected]);
}

fn outcome(bid: i64) -> OutcomeReport {
    let draw = BidDraw { role: BidRole::Control, propensity: Ppm::new(10_000) };
    let value = Some(CpmMicros::new(2_000));
    OutcomeReport {
        segment: name("adx/top"),
        price_rule: PriceRule::First,
        floor: CpmMicros::ZERO,
        bid: CpmMicros::new(bid),
        won: true,
        clearing: None,
        min_to_win: None,
        loss_reason: None,
        trial: Some(OutcomeTrial { campaign: name("c1"), draw, value }),
    }
}

fn teller(service: &Service) -> Builder {
    let settings = OutcomeSettings::new(Currency::try_new("EUR").expect("three letters"));
    Builder::new(serve(service)).with_bidder_id(name("b1")).with_outcomes(settings)
}

/// Sequences of the reports that came, and how many outcomes each held.
fn told(service: &Service) -> Vec<(Option<u64>, usize)> {
    service.with(|state| {
        state.outcomes.iter().map(|report| (report.sequence, report.outcomes.len())).collect()
    })
}

#[tokio::test(start_paused = true)]
async fn outcomes_are_told_in_batches_with_role_and_propensity() {
    let service = Service::default();
    let client = connected(&service, teller(&service)).await;
    let reporter = client.outcomes().unwrap();
    for bid in 1..=2_500 {
        reporter.report(outcome(bid)).unwrap();
    }
    let handle = client.handle();
    assert!(client.shut_down(Duration::from_secs(10)).await);
    assert_eq!(told(&service), [(Some(1), 1_000), (Some(2), 1_000), (Some(3), 500)]);
    assert_eq!(handle.count_of(Fact::OutcomeReported), 2_500);
    let first = service.with(|state| state.outcomes[0].clone());
    let producer = first.producer_id.unwrap();
    assert!(producer.starts_with("b1.") && first.currency == "EUR", "{producer}");
    let row = &first.outcomes[0];
    assert_eq!((row.role(), row.propensity_ppm), (v1::BidRole::Control, Some(10_000)));
    assert_eq!((row.campaign_id.as_deref(), row.value_cpm_micros), (Some("c1"), Some(2_000)));
    assert!(Builder::new(serve(&service)).start().outcomes().is_none());
}

#[tokio::test(start_paused = true)]
async fn a_batch_is_sent_again_while_that_may_help_and_then_dropped_and_counted() {
    let service = Service::default();
    let away = || Status::unavailable("no leader");
    service.with(|state| state.outcome_faults = vec![away(), away()]);
    let client = connected(&service, teller(&service)).await;
    let (reporter, handle) = (client.outcomes().unwrap(), client.handle());
    reporter.report(outcome(1)).unwrap();
    until("it came through", || handle.count_of(Fact::OutcomeReported) == 1).await;
    assert_eq!(told(&service), [(Some(1), 1); 3], "the same report each time");
    service.with(|state| state.outcome_faults = vec![Status::failed_precondition("no currency")]);
    reporter.report(outcome(2)).unwrap();
    until("it is dropped", || handle.count_of(Fact::OutcomeDropped) == 1).await;
    assert_eq!(told(&service).len(), 4, "what will not be otherwise soon is not tried again");
    service.with(|state| state.outcome_faults = (0..9).map(|_| away()).collect());
    reporter.report(outcome(3)).unwrap();
    until("it is given up", || handle.count_of(Fact::OutcomeDropped) == 2).await;
    assert_eq!(told(&service).len(), 9, "five tries");
}
