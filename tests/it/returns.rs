//! A campaign with a return target, end to end: what its wins bring is told by RPC, the target
//! holds its bid down, and an operator is told so by the command line and on its page.

use crate::harness::{Service, Setup, until};
use crate::market::FastClock;
use crate::orders;
use paceline_proto::v1;
use paceline_proto::v1::spend_service_client::SpendServiceClient;
use serde_json::Value;

/// A result may cost ten units; a tenth of one is had for three.
const TARGET: &str = "cost_per_action = \"10.00 USD\"\n";
const MOST_MICROS: i64 = 10_000_000;
const PRICE_NANOS: i64 = 3_000_000_000;
const EXPECTED: u64 = 100_000;

async fn win(service: &Service, number: u64) {
    let now = orders::now(service).await;
    let win = v1::SpendEvent {
        sequence: Some(number),
        expected_results_millionths: EXPECTED,
        ..orders::billing(&format!("win-{number}"), "sale", PRICE_NANOS, now)
    };
    let request = v1::ReportSpendRequest {
        producer_id: Some("exchange".to_owned()),
        reported_through: Some(orders::message(now)),
        events: vec![win],
    };
    let told = SpendServiceClient::new(service.channel()).report_spend(request).await;
    assert_eq!(told.unwrap().into_inner().refusals, []);
}

async fn explain(service: &Service) -> Value {
    service.ctl(&["explain", "sale", "--json"]).await.json()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn results_that_cost_too_much_hold_the_bid_down_and_it_is_told() {
    let clock = FastClock::new(30);
    let service = Setup::embedded().with("clock.kind", &clock.setting()).start().await;
    // Far more than is spent, so that the budget asks for full bids.
    let text = orders::file_text(orders::now(&service).await, &["sale"], "40000000.00 USD");
    let path = orders::file(&service, "sale.toml", &(text + TARGET));
    let told = service.ctl(&["apply", "-f", path.to_str().unwrap()]).await;
    assert_eq!((told.code, told.err.as_str()), (0, ""), "{told:?}");
    let mut number = 0;
    let told = until("the return target binds", async || {
        number += 1;
        win(&service, number).await;
        let told = explain(&service).await;
        (told["reasons"][0]["code"] == "returns").then_some(told)
    })
    .await;
    let returns = &told["returns"];
    assert_eq!(returns["target"]["cost_per_action_micros"], MOST_MICROS);
    let of = |name: &str| returns[name].as_i64().unwrap();
    let results = of("results_millionths");
    assert_eq!(results % i64::try_from(EXPECTED).unwrap(), 0);
    assert_eq!(of("worth_nanos"), results * MOST_MICROS / 1_000);
    assert_eq!(of("cost_nanos"), 3 * of("worth_nanos"));
    assert!(of("error_ppm") < 0 && of("ceiling_log_ppm") < 0 && of("gain_milli") > 0, "{told}");
    let cause = &told["causes"][0];
    assert_eq!(
        (&cause["code"], &cause["edit"]["kind"]),
        (&"return_limited".into(), &"returns".into())
    );
    assert!(
        cause["edit"]["returns"]["cost_per_action_micros"].as_i64() > Some(MOST_MICROS),
        "{cause}"
    );
    let text = service.ctl(&["explain", "sale"]).await.out;
    for line in [
        "return target   at most 10.000000 USD an action",
        "its return target allows",
        "cause           what its results may cost keeps its bids down (return_limited)",
        "  would help    ask for at most ",
        "  effect        spend of the day ahead ",
    ] {
        assert!(text.contains(line), "{line} is not in {text}");
    }
    let (_, page) = service.get("/campaigns/sale").await.unwrap();
    for words in [
        "Its return target decides",
        "return target",
        "kept in hand",
        "an action",
        "what its results may cost keeps its bids down",
        "spend of the day ahead",
    ] {
        assert!(page.contains(words), "{words} is not in {page}");
    }
}
