//! One hand on many campaigns, another end for a hand, and waiting until bidders hold what was
//! changed: by the command line, end to end.

use crate::harness::{Service, Setup, until};
use crate::orders;
use jiff::SignedDuration;
use paceline_client::Builder;
use paceline_core::units::Name;
use serde_json::Value;
use std::time::Duration;

async fn json(service: &Service, words: &[&str]) -> Value {
    let words: Vec<&str> = words.iter().chain(&["--json"]).copied().collect();
    service.ctl(&words).await.json()
}

/// The campaigns that a hand lies on, and each hand's id.
async fn held(service: &Service) -> Vec<(String, String)> {
    let told = json(service, &["overrides"]).await;
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let hand = |hand: &Value| (text(&hand["target"]["id"]), text(&hand["override_id"]));
    let mut held: Vec<_> = told["overrides"].as_array().unwrap().iter().map(hand).collect();
    held.sort();
    held
}

async fn changes(service: &Service) -> usize {
    let told = json(service, &["audit", "list", "--most", "1000"]).await;
    told["changes"].as_array().unwrap().len()
}

#[tokio::test]
async fn a_bulk_is_counted_done_once_and_the_same_edit_when_the_list_has_grown() {
    let service = Setup::embedded().with("partitions", "2").start().await;
    orders::enter(&service, &["spring-b", "spring-c", "autumn"], "800.00 USD").await;
    let until = (orders::now(&service).await + SignedDuration::from_hours(1)).to_string();
    let pause = ["bulk", "pause", "--match", "spring-*", "--until", &until, "--reason", "a test"];
    let told = service.ctl(&pause).await;
    assert_eq!(
        told.out,
        "pause on 2 campaigns: spring-b, spring-c\nnothing is done yet; --yes does it\n"
    );
    assert_eq!(held(&service).await, []);

    let yes: Vec<&str> = pause.iter().chain(&["--yes", "--request-id", "r-7"]).copied().collect();
    let told = json(&service, &yes).await;
    assert_eq!(told["campaigns"], serde_json::json!(["spring-b", "spring-c"]));
    assert_eq!((&told["done"], &told["not_tried"]), (&true.into(), &serde_json::json!([])));
    let (first, count) = (held(&service).await, changes(&service).await);
    assert_eq!(first.len(), 2);

    // A campaign that comes before the others moves their places and nothing else.
    orders::enter(&service, &["spring-a"], "800.00 USD").await;
    let entered = changes(&service).await - count;
    let told = service.ctl(&yes).await;
    assert_eq!((told.code, told.err.as_str()), (0, ""), "{told:?}");
    let second = held(&service).await;
    assert_eq!(second.len(), 3);
    assert!(first.iter().all(|hand| second.contains(hand)), "{first:?} {second:?}");
    assert_eq!(changes(&service).await, count + entered + 1, "one hand is new");

    let clear = ["bulk", "clear", "--match", "spring-?", "--reason", "over", "--yes"];
    let told = service.ctl(&clear).await;
    assert!(told.out.starts_with("clear on 3 campaigns"), "{told:?}");
    assert_eq!(held(&service).await, []);
    let long = "r".repeat(41);
    let words: Vec<&str> = pause.iter().chain(&["--request-id", &long]).copied().collect();
    let told = service.ctl(&words).await;
    assert!(told.code == 64 && told.err.contains("must have 1 to 40 bytes"), "{told:?}");
}

#[tokio::test]
async fn a_hand_is_given_another_end() {
    let service = Setup::embedded().start().await;
    orders::enter(&service, &["spring"], "800.00 USD").await;
    let words = ["cap", "spring", "35%", "--for", "1h", "--reason", "a test"];
    let laid = json(&service, &words).await;
    let id = laid["override_id"].as_str().unwrap();
    let later = ["extend", id, "--until", "2099-01-01T00:00:00Z", "--reason", "longer"];
    let told = service.ctl(&later).await;
    assert_eq!(told.code, 64, "ninety days are the most: {told:?}");
    let told = json(&service, &["extend", id, "--for", "3h", "--reason", "longer"]).await;
    assert_eq!((&told["action"], &told["multiplier_ppm"]), (&laid["action"], &350_000.into()));
    assert!(told["expires_at"].as_str() > laid["expires_at"].as_str(), "{told:#} {laid:#}");
    let hands = held(&service).await;
    assert_eq!(hands.len(), 1, "it took the place of the one before: {hands:?}");
    let told = service.ctl(&["extend", "0123456789abcdef", "--for", "1h", "--reason", "x"]).await;
    assert!(told.code == 1 && told.err.contains("is no override that is on"), "{told:?}");
}

#[tokio::test]
async fn waiting_ends_when_bidders_hold_the_next_table() {
    let mut service = Setup::embedded().with("partitions", "2").start().await;
    orders::enter(&service, &["spring"], "800.00 USD").await;
    let told = service.ctl(&["wait"]).await;
    assert_eq!(told.out, "decided, and no bidder is connected\n", "{told:?}");
    let name = Name::try_new("bidder-1").unwrap();
    let client = Builder::new(service.channel()).with_bidder_id(name).start();
    until("the bidder is counted in both partitions", async || {
        let told = json(&service, &["status"]).await;
        let parts = told["partitions"].as_array().unwrap();
        parts.iter().all(|part| part["bidders"] == 1).then_some(())
    })
    .await;
    let told = json(&service, &["wait", "--share", "100%"]).await;
    assert_eq!(told, serde_json::json!({"bidders": 2, "live": 2, "live_ppm": 1_000_000}));
    assert!(client.shut_down(Duration::from_secs(10)).await);
    service.kill();
    let told = service.ctl(&["wait", "--for", "1s"]).await;
    assert!(told.code == 1 && told.err.contains("no controller answers"), "{told:?}");
}
