//! The console as a real browser shows it. Left out where there is no chromium, except in CI, where
//! that fails.

use crate::browser;
use crate::config_files::campaigns;
use crate::harness::{Service, Setup, until};
use paceline_proto::v1;
use paceline_proto::v1::spend_service_client::SpendServiceClient;
use std::process::{Command, Stdio};

/// A page's document after the browser has built it.
async fn document(browser: &str, url: &str) -> String {
    let folder = tempfile::tempdir().unwrap();
    let dumped = folder.path().join("dom.html");
    let mut child = Command::new(browser)
        .args(["--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"])
        .arg(format!("--user-data-dir={}", folder.path().join("profile").display()))
        .args(["--dump-dom", url])
        .stdin(Stdio::null())
        .stdout(std::fs::File::create(&dumped).unwrap())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let status = until("the browser has shown the page", async || child.try_wait().unwrap()).await;
    assert!(status.success(), "{browser} {url}: {status}");
    std::fs::read_to_string(&dumped).unwrap()
}

/// Two campaigns, and some spend of one.
async fn busy_service(folder: &std::path::Path) -> Service {
    let path = folder.join("campaigns.toml");
    std::fs::write(&path, campaigns("USD", &["one & only", "two"])).unwrap();
    let setup = Setup::embedded().with("catalog.file", &path.display().to_string());
    let service = setup.with("loop.tick", "1s").start().await;
    let now = prost_types::Timestamp { seconds: jiff::Timestamp::now().as_second(), nanos: 0 };
    let event = v1::SpendEvent {
        event_id: "a".to_owned(),
        campaign_id: "one & only".to_owned(),
        kind: v1::SpendKind::Billing.into(),
        price_nanos: 12_340_000_000,
        occurred_at: Some(now),
        expected_results_millionths: 0,
        ..Default::default()
    };
    let report = v1::ReportSpendRequest { events: vec![event], ..Default::default() };
    SpendServiceClient::new(service.channel()).report_spend(report).await.unwrap();
    service
}

#[tokio::test]
async fn a_browser_shows_portfolio_and_campaign_with_their_numbers() {
    let Some(browser) = browser::name() else { return };
    let folder = tempfile::tempdir().unwrap();
    let service = busy_service(folder.path()).await;
    let page = until("the portfolio shows the spend", async || {
        let page = document(browser, &service.page_url("/")).await;
        page.contains("12.34 USD").then_some(page)
    })
    .await;
    for due in ["Portfolio", "2 campaigns", "2 running", "one &amp; only", "1,000.00", "<svg"] {
        assert!(page.contains(due), "the portfolio does not show {due:?}:\n{page}");
    }
    let href = "/campaigns/one%20%26%20only";
    assert!(page.contains(href), "the portfolio leads to the campaign");
    let page = document(browser, &service.page_url(href)).await;
    for due in ["one &amp; only", "12.34", "multiplier", "participation", "<svg"] {
        assert!(page.contains(due), "the campaign's page does not show {due:?}:\n{page}");
    }
    let page = document(browser, &service.page_url("/campaigns/nobody")).await;
    assert!(page.contains("No such campaign"), "{page}");
}
