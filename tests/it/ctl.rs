//! The operator's command line, end to end: what is told to people and to machines, exit codes, and
//! what is said when something is wrong.

use crate::harness::{Service, Setup, until};
use crate::orders;
use paceline_proto::v1;
use paceline_proto::v1::spend_service_client::SpendServiceClient;
use serde_json::Value;

async fn service() -> Service {
    Setup::embedded().with("partitions", "4").start().await
}

/// What a command that failed said.
async fn failed(service: &Service, code: i32, words: &[&str]) -> String {
    let told = service.ctl(words).await;
    assert_eq!(told.code, code, "{words:?}: {told:?}");
    assert_eq!(told.out, "", "{words:?}: {told:?}");
    told.err
}

async fn json(service: &Service, words: &[&str]) -> Value {
    let words: Vec<&str> = words.iter().chain(&["--json"]).copied().collect();
    service.ctl(&words).await.json()
}

async fn report(service: &Service, producer: &str, events: Vec<v1::SpendEvent>) {
    let request = v1::ReportSpendRequest {
        producer_id: Some(producer.to_owned()),
        reported_through: Some(orders::message(orders::now(service).await)),
        events,
    };
    let told = SpendServiceClient::new(service.channel()).report_spend(request).await;
    assert_eq!(told.unwrap().into_inner().refusals, []);
}

#[tokio::test]
async fn a_file_is_checked_entered_once_listed_and_found_in_its_partition() {
    let service = service().await;
    let names = ["spring", "summer", "autumn", "winter", "rain"];
    let text = orders::file_text(orders::now(&service).await, &names, "800.00 USD");
    let path = orders::file(&service, "campaigns.toml", &text);
    let path = path.to_str().unwrap();
    let told = service.ctl(&["apply", "-f", path, "--dry-run"]).await;
    assert_eq!(told.code, 0, "{told:?}");
    assert!(told.out.contains("would enter campaign spring (campaigns[0], partition "), "{told:?}");
    assert_eq!(json(&service, &["list"]).await["campaigns"], Value::Array(vec![]));

    let entered = json(&service, &["apply", "-f", path]).await;
    assert_eq!(entered["changed"], 10);
    assert_eq!(entered["entered"].as_array().unwrap().len(), 10);
    let partitions: std::collections::BTreeSet<u64> = entered["entered"]
        .as_array()
        .unwrap()
        .iter()
        .map(|item| item["partition"].as_u64().unwrap())
        .collect();
    assert!(partitions.len() > 1, "one file reaches several partitions: {partitions:?}");
    for item in entered["entered"].as_array().unwrap() {
        let id = item["id"].as_str().unwrap();
        if item["path"].as_str().unwrap().starts_with("advertisers") {
            let lives = json(&service, &["partition-of", id]).await;
            assert_eq!(
                (&lives["partition"], &lives["partitions"]),
                (&item["partition"], &4.into())
            );
        }
    }
    let again = service.ctl(&["apply", "-f", path]).await;
    assert_eq!(again.out, "nothing to do: everything is as the file says\n", "{again:?}");

    let list = json(&service, &["list"]).await;
    let listed: Vec<&str> = list["campaigns"]
        .as_array()
        .unwrap()
        .iter()
        .map(|line| line["campaign_id"].as_str().unwrap())
        .collect();
    assert_eq!(listed, ["autumn", "rain", "spring", "summer", "winter"]);
    let only = json(&service, &["list", "--advertiser", "rain-ltd"]).await;
    assert_eq!(only["campaigns"][0]["budget_nanos"], 800_000_000_000_i64);
    let table = service.ctl(&["list"]).await;
    assert!(table.out.contains("spring") && table.out.contains("800.00"), "{table:?}");
}

#[tokio::test]
async fn every_figure_of_a_campaign_is_explained_and_its_money_is_exact() {
    let service = service().await;
    orders::enter(&service, &["spring", "summer"], "800.00 USD").await;
    let now = orders::now(&service).await;
    let spend = vec![
        orders::billing("e-1", "spring", 1_234_567_891, now),
        orders::billing("e-1", "spring", 1_234_567_891, now),
        orders::billing("e-2", "summer", 1, now),
        orders::billing("e-3", "nobody", 7_000_000_000, now),
    ];
    report(&service, "bidder-1", spend).await;
    let totals = until("the spend is posted", async || {
        let totals = json(&service, &["totals"]).await;
        (totals["verdicts"]["posted"] == 2).then_some(totals)
    })
    .await;
    assert_eq!(totals["verdicts"]["duplicate"], 1);
    assert_eq!(totals["campaigns"][0]["books"]["spent_nanos"], 1_234_567_891_i64);
    assert_eq!(totals["campaigns"][0]["books"]["available_nanos"], 798_765_432_109_i64);
    assert_eq!(totals["totals"][0]["spent_nanos"], 1_234_567_892_i64);
    let one = json(&service, &["totals", "--campaign", "summer"]).await;
    assert_eq!(one["campaigns"].as_array().unwrap().len(), 1);
    assert_eq!(one["campaigns"][0]["books"]["spent_nanos"], 1);
    let table = service.ctl(&["totals", "--campaign", "spring"]).await;
    assert!(table.out.contains("1.234568"), "{table:?}");

    let told = until("a round has decided", async || {
        let told = json(&service, &["explain", "spring"]).await;
        (!told["owners"][0]["plan"].is_null()).then_some(told)
    })
    .await;
    assert_eq!(told["books"]["spent_nanos"], 1_234_567_891_i64);
    assert_eq!(told["binding_owner"]["id"], "spring");
    let law = &told["owners"][0]["law"];
    for term in ["proportional_log_ppm", "integral_log_ppm", "derivative_log_ppm", "error_ppm"] {
        assert!(law[term].is_i64(), "{term}: {law:#}");
    }
    assert!(told["owners"][0]["plan"]["day_budget_nanos"].as_i64().unwrap() > 0, "{told:#}");
    let ahead = told["forecasts"].as_array().unwrap();
    let flight = ahead.iter().find(|one| one["horizon"] == "flight").unwrap();
    let [low, middle, high] = ["low_nanos", "middle_nanos", "high_nanos"].map(|end| &flight[end]);
    assert!(low.as_i64() >= Some(1_234_567_891) && low.as_i64() <= middle.as_i64(), "{told:#}");
    assert!(middle.as_i64() <= high.as_i64() && high.as_i64() <= Some(800_000_000_000));
    assert!(flight["short_ppm"].as_u64().unwrap() <= 1_000_000, "{flight:#}");
    let text = service.ctl(&["explain", "spring"]).await;
    let words = ["binding owner", "in flight", "allowances", "Laws", "Plans", "Accounts", "clamp"];
    for word in words.into_iter().chain(["Forecasts", "left over"]) {
        assert!(text.out.contains(word), "{word} is not in {}", text.out);
    }
}

#[tokio::test]
async fn money_set_aside_is_listed_posted_and_dropped_once_and_for_a_reason() {
    let service = service().await;
    orders::enter(&service, &["spring"], "800.00 USD").await;
    let now = orders::now(&service).await;
    let spend = vec![orders::billing("stray-1", "nobody", 7_000_000_000, now)];
    report(&service, "bidder-1", spend).await;
    let event = until("the stray event is set aside", async || {
        let told = json(&service, &["suspense", "list"]).await;
        told["items"][0]["event_key"].as_str().map(str::to_owned)
    })
    .await;
    let told = json(&service, &["suspense", "list"]).await;
    assert_eq!(told["items"][0]["verdict"], "unknown_campaign");
    assert_eq!(told["items"][0]["price_nanos"], 7_000_000_000_i64);
    let why = failed(&service, 64, &["suspense", "drop", "xyz", "--reason", "a test"]).await;
    assert!(why.contains("event_key is xyz and must be 16 hexadecimal digits"), "{why}");
    let why = failed(&service, 64, &["suspense", "drop", &event]).await;
    assert!(why.contains("--reason"), "{why}");
    let why = failed(&service, 64, &["suspense", "drop", &event, "--reason", " "]).await;
    assert!(why.contains("reason is absent and is required"), "{why}");
    let done = json(&service, &["suspense", "drop", &event, "--reason", "a test"]).await;
    assert_eq!(done["dropped"], event.as_str());
    let why = failed(&service, 1, &["suspense", "drop", &event, "--reason", "a test"]).await;
    assert!(why.contains("must name an event in suspense"), "{why}");
    assert_eq!(json(&service, &["suspense", "list"]).await["items"], Value::Array(vec![]));
}

#[tokio::test]
async fn what_is_wrong_is_named_and_changes_nothing() {
    let service = service().await;
    orders::enter(&service, &["spring"], "800.00 USD").await;
    let hand = ["--for", "1h", "--reason", "a test"];
    let cases: [(i32, &[&str], &str); 14] = [
        (1, &["explain", "nobody"], "campaign_id is nobody and must name a campaign"),
        (1, &["totals", "--campaign", "nobody"], "--campaign is nobody and must name"),
        (1, &["pause", "nobody", "--for", "1h", "--reason", "x"], "target.campaign_id is nobody"),
        (1, &["pause", "spring", "--group", "--for", "1h", "--reason", "x"], "target.group_id is"),
        (64, &["pause", "spring", "--for", "soon", "--reason", "x"], "must be a length of time"),
        (64, &["pause", "spring", "--for", "0s", "--reason", "x"], "must be above 0s"),
        (64, &["pause", "spring", "--for", "91d", "--reason", "x"], "at most 90d"),
        (64, &["pause", "spring", "--reason", "x"], "--for"),
        (64, &["pause", "spring", "--for", "1h"], "--reason"),
        (64, &["pause", "spring", "--for", "1h", "--reason", ""], "reason is absent"),
        (
            64,
            &["pause", "spring", "--until", "2001-01-01T00:00:00Z", "--reason", "x"],
            "must be after now",
        ),
        (1, &["clear", "0123456789abcdef"], "override_id is 0123456789abcdef and must"),
        (64, &["clear", "12"], "override_id is 12 and must be 16 hexadecimal digits"),
        (1, &["counter", "accept", "nobody", "--reason", "x"], "campaign_id is nobody"),
    ];
    for (code, words, expected) in cases {
        let why = failed(&service, code, words).await;
        assert!(why.contains(expected), "{words:?}: {expected:?} is not in {why}");
    }
    let most = ["fix", "spring", "101%"].iter().chain(&hand).copied().collect::<Vec<_>>();
    let why = failed(&service, 64, &most).await;
    assert!(why.contains("1010000") && why.contains("at most 1000000"), "{why}");
    assert_eq!(json(&service, &["overrides"]).await["overrides"], Value::Array(vec![]));
}

#[tokio::test]
async fn a_faulty_file_is_told_with_its_lines_and_a_broken_rule_with_its_path() {
    let service = service().await;
    let now = orders::now(&service).await;
    let text = orders::file_text(now, &["spring"], "800.00 EUR");
    let path = orders::file(&service, "faulty.toml", &text);
    let why = failed(&service, 64, &["apply", "-f", path.to_str().unwrap()]).await;
    assert!(why.contains("line ") && why.contains("must be in USD"), "{why}");
    orders::enter(&service, &["spring"], "800.00 USD").await;
    // A currency may never change: only the service can know that.
    let text = orders::file_text(now, &["spring"], "800.00 EUR").replace("\"USD\"", "\"EUR\"");
    let path = orders::file(&service, "changed.toml", &text);
    let why = failed(&service, 64, &["apply", "-f", path.to_str().unwrap()]).await;
    assert!(why.contains("nothing was entered"), "{why}");
    assert!(why.contains("advertisers[0].currency"), "{why}");
    let why = failed(&service, 64, &["apply", "-f", "nowhere.toml"]).await;
    assert!(why.contains("nowhere.toml: cannot be read"), "{why}");
}

#[tokio::test]
async fn a_service_that_is_away_is_named_with_what_to_do() {
    let mut service = service().await;
    let status = json(&service, &["status"]).await;
    assert_eq!(status["partitions"].as_array().unwrap().len(), 4);
    assert_eq!(status["partitions"][3]["role"], "leading");
    let why = failed(&service, 64, &["list", "--endpoint", "somewhere"]).await;
    assert!(why.contains("--endpoint is somewhere and must be an address"), "{why}");
    let why = failed(&service, 64, &["list", "--endpoint", "https://127.0.0.1:1"]).await;
    assert!(why.contains("needs --ca-file"), "{why}");
    let why = failed(&service, 64, &["list", "--token-file", "nowhere"]).await;
    assert!(why.contains("--token-file is nowhere and cannot be used"), "{why}");
    service.kill();
    let why = failed(&service, 1, &["status"]).await;
    let expected = format!("no controller answers at {}", service.url());
    assert!(why.contains(&expected) && why.contains("paceline run"), "{why}");
}
