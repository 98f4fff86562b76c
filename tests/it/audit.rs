//! Who changed what, from the command line: listed, exported, verified, taken back; and the same
//! after a restart.

use crate::harness::{Service, Setup};
use crate::orders;
use serde_json::Value;

async fn json(service: &Service, words: &[&str]) -> Value {
    let words: Vec<&str> = words.iter().chain(&["--json"]).copied().collect();
    service.ctl(&words).await.json()
}

/// The newest change's name.
async fn newest(service: &Service) -> String {
    let told = json(service, &["audit", "list", "--most", "1"]).await;
    let change = &told["changes"][0];
    format!("{}-{}", change["partition"], change["number"])
}

#[tokio::test]
async fn a_change_is_told_exported_verified_and_taken_back() {
    let service = Setup::embedded().with("partitions", "2").start().await;
    let now = orders::now(&service).await;
    let text = orders::file_text(now, &["spring", "summer"], "800.00 USD");
    let file = orders::file(&service, "campaigns.toml", &text);
    let file = file.to_str().unwrap();
    let told = service.ctl(&["apply", "-f", file, "--reason", "the season begins"]).await;
    assert_eq!(told.code, 0, "{told:?}");

    // What is in force is a file that says the same.
    let out = file.replace("campaigns", "exported");
    let told = service.ctl(&["export", "--out", &out]).await;
    assert_eq!(told.code, 0, "{told:?}");
    let told = service.ctl(&["diff", "-f", &out]).await;
    assert!(told.out.starts_with("nothing differs"), "{told:?}");
    let told = service.ctl(&["apply", "-f", &out]).await;
    assert_eq!(told.out, "nothing to do: everything is as the file says\n", "{told:?}");
    let told = service.ctl(&["export", "--out", &out]).await;
    assert_eq!(told.code, 64, "a file that is there is left alone: {told:?}");

    // A file with another budget differs in that, and so does the record of applying it.
    let text = text.replacen("800.00", "900.00", 1);
    let other = orders::file(&service, "other.toml", &text);
    let other = other.to_str().unwrap();
    let told = service.ctl(&["diff", "-f", other]).await;
    let line = "  budgets.flights[0].budget: 800.000000 -> 900.000000";
    assert!(told.out.contains(line), "{told:?}");
    assert!(told.out.contains("campaign spring differs from generation 1"), "{told:?}");
    service.ctl(&["apply", "-f", other, "--reason", "more money"]).await;
    let change = newest(&service).await;
    let told = service.ctl(&["audit", "show", &change]).await;
    assert!(told.out.contains(line) && told.out.contains("more money"), "{told:?}");

    let told = service.ctl(&["undo", &change, "--reason", "a slip", "--dry-run"]).await;
    let back = "  budgets.flights[0].budget: 900.000000 -> 800.000000";
    assert!(told.out.starts_with("would take back ") && told.out.contains(back), "{told:?}");
    let told = service.ctl(&["undo", &change, "--reason", "a slip"]).await;
    assert!(told.out.starts_with("took back ") && told.out.contains(back), "{told:?}");
    let told = service.ctl(&["diff", "-f", file]).await;
    assert!(told.out.starts_with("nothing differs"), "{told:?}");
    let told = service.ctl(&["undo", &change, "--reason", "again"]).await;
    assert_eq!(told.code, 1, "{told:?}");
    assert!(told.err.contains("is as it was before already"), "{told:?}");

    let told = json(&service, &["audit", "list", "--object", "spring"]).await;
    let deeds: Vec<&str> = told["changes"]
        .as_array()
        .unwrap()
        .iter()
        .map(|change| change["change"].as_str().unwrap())
        .collect();
    assert_eq!(deeds, ["edited", "edited", "made"]);
}

#[tokio::test]
async fn an_export_is_verified_without_a_service_and_a_flipped_byte_is_found() {
    let service = Setup::embedded().start().await;
    orders::enter(&service, &["spring"], "800.00 USD").await;
    let words = ["pause", "spring", "--for", "1h", "--reason", "wrong creative"];
    assert_eq!(service.ctl(&words).await.code, 0);
    let text = service.ctl(&["audit", "export"]).await.out;
    let path = orders::file(&service, "trail.jsonl", &text);
    let told = service.ctl(&["audit", "verify", path.to_str().unwrap()]).await;
    assert!(told.code == 0 && told.out.starts_with("partition 0: 3 changes from 1 on"), "{told:?}");
    let live = service.ctl(&["audit", "verify"]).await;
    assert_eq!(live.out, told.out, "the file holds what the service holds");
    let spoilt = text.replacen("wrong creative", "wrong creatire", 1);
    assert_ne!(spoilt, text);
    let path = orders::file(&service, "spoilt.jsonl", &spoilt);
    let told = service.ctl(&["audit", "verify", path.to_str().unwrap()]).await;
    assert_eq!(told.code, 1, "{told:?}");
    assert!(told.err.contains("line 4: record 3 is not as it was sealed"), "{told:?}");
}

#[tokio::test]
async fn the_trail_is_the_same_after_a_restart() {
    let mut service = Setup::embedded().start().await;
    orders::enter(&service, &["spring"], "800.00 USD").await;
    let words = ["cap", "spring", "35%", "--for", "1h", "--reason", "a test"];
    assert_eq!(service.ctl(&words).await.code, 0);
    let before = service.ctl(&["audit", "export"]).await.out;
    // From the log alone, after a kill; then from the checkpoint of an orderly end.
    service.restart().await;
    assert_eq!(service.ctl(&["audit", "export"]).await.out, before);
    assert!(service.stop().await.success());
    service.restart().await;
    assert_eq!(service.ctl(&["audit", "export"]).await.out, before);
}
