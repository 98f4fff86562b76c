//! A campaign with a return target, end to end: what its wins bring is told by RPC, the target
//! holds its bid down, and an operator is told so.

use crate::harness::{Service, Setup, until};
use crate::market::FastClock;
use paceline_core::units::{Span, Timestamp};
use paceline_proto::v1;
use paceline_proto::v1::return_target::Target;
use paceline_proto::v1::spend_service_client::SpendServiceClient;

/// A result may cost so much; those below cost three times that.
const MOST_MICROS: i64 = 10_000_000;
const PRICE_NANOS: i64 = 3_000_000_000;
/// A tenth of a result.
const EXPECTED: u64 = 100_000;

fn message(at: Timestamp) -> prost_types::Timestamp {
    prost_types::Timestamp { seconds: at.as_micros() / 1_000_000, nanos: 0 }
}

async fn enter(service: &Service, clock: &FastClock, target: Target) -> Vec<v1::Complaint> {
    let flight = v1::Flight {
        start: Some(message(clock.since())),
        end: Some(message(clock.since() + Span::DAY)),
        // Far more than is spent, so that the budget asks for full bids.
        budget_micros: Some(1_000_000_000_000),
    };
    let request = v1::ApplyCatalogueRequest {
        advertisers: vec![v1::Advertiser {
            advertiser_id: "shop".to_owned(),
            currency: "EUR".to_owned(),
            ..v1::Advertiser::default()
        }],
        campaigns: vec![v1::Campaign {
            campaign_id: "sale".to_owned(),
            advertiser_id: "shop".to_owned(),
            budgets: Some(v1::Budgets { flights: vec![flight], ..v1::Budgets::default() }),
            returns: Some(v1::ReturnTarget { target: Some(target) }),
            ..v1::Campaign::default()
        }],
        ..v1::ApplyCatalogueRequest::default()
    };
    service.admin().apply_catalogue(request).await.unwrap().into_inner().complaints
}

async fn win(service: &Service, clock: &FastClock, number: u64) {
    let event = v1::SpendEvent {
        event_id: format!("win-{number}"),
        sequence: Some(number),
        campaign_id: "sale".to_owned(),
        kind: v1::SpendKind::Billing.into(),
        price_nanos: PRICE_NANOS,
        occurred_at: Some(message(clock.now())),
        expected_results_millionths: EXPECTED,
        ..v1::SpendEvent::default()
    };
    let request = v1::ReportSpendRequest {
        producer_id: Some("exchange".to_owned()),
        reported_through: Some(message(clock.now())),
        events: vec![event],
    };
    let told = SpendServiceClient::new(service.channel()).report_spend(request).await;
    assert_eq!(told.unwrap().into_inner().refusals, []);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn results_that_cost_too_much_hold_the_bid_down_and_it_is_told() {
    let clock = FastClock::new(30);
    let service = Setup::embedded().with("clock.kind", &clock.setting()).start().await;
    let nothing = enter(&service, &clock, Target::CostPerActionMicros(0)).await;
    assert_eq!(nothing[0].path, "campaigns[0].returns.cost_per_action_micros", "{nothing:?}");
    assert_eq!(enter(&service, &clock, Target::CostPerActionMicros(MOST_MICROS)).await, []);
    let mut number = 0;
    let told = until("the return target binds", async || {
        number += 1;
        win(&service, &clock, number).await;
        let request = v1::ExplainCampaignRequest { campaign_id: "sale".to_owned(), arm: 0 };
        let told = service.admin().explain_campaign(request).await.unwrap().into_inner();
        (told.reasons.first()?.code == "returns").then_some(told)
    })
    .await;
    let returns = told.returns.unwrap();
    assert_eq!(returns.target.unwrap().target, Some(Target::CostPerActionMicros(MOST_MICROS)));
    assert_eq!(returns.results_millionths % EXPECTED, 0);
    let worth = i64::try_from(returns.results_millionths).unwrap() * MOST_MICROS / 1_000;
    assert!(returns.worth_nanos.abs_diff(worth) <= 1, "{returns:?}");
    assert!(returns.cost_nanos > returns.worth_nanos && returns.error_ppm < 0, "{returns:?}");
    assert!(returns.ceiling_log_ppm < 0 && returns.gain_milli > 0, "{returns:?}");
}
