//! Sessions that end by themselves, for somebody who leaves the desk and for somebody who stays at
//! it, in a real browser on a real clock.

use super::visit::Visit;
use crate::browser::Browser;
use std::time::Duration;
use tokio::time::Instant;

/// What is read where a session has ended.
const ENDED: &str = "there is none, or it has ended";

#[tokio::test]
async fn a_session_ends_when_nobody_uses_it_and_when_it_is_old() {
    let Some(browser) = Browser::open("console-sessions").await else { return };
    let limits = [("console.session_idle_max", "5s"), ("console.session_age_max", "20s")];
    let visit = Visit::begin_with(browser, &limits).await;
    ends_when_nobody_uses_it(&visit).await;
    ends_when_it_is_old(&visit).await;
    visit.end().await;
}

/// The page does not load itself again, so that nobody uses the session; its cookie lasts longer.
async fn ends_when_nobody_uses_it(visit: &Visit) {
    let Visit { browser, .. } = visit;
    browser.go(&visit.url("/login")).await;
    let footer = browser.reads("A session ends when nobody used it for 5 seconds").await;
    assert!(footer.contains("after 20 seconds"), "{footer}");
    visit.log_in("anna").await;
    browser.go(&visit.url("/budgets")).await;
    browser.reads("advertisers, groups and campaigns").await;
    let cookie = browser.cookie("paceline_session").await.expect("a session has a cookie");
    tokio::time::sleep(Duration::from_millis(5_500)).await;
    assert_eq!(visit.status_with(&cookie).await, 401, "the service has ended it");
    browser.go(&visit.url("/budgets")).await;
    browser.reads(ENDED).await;
    visit.sound("idle", &[401]).await;
}

/// It is used without a pause, and ends all the same.
async fn ends_when_it_is_old(visit: &Visit) {
    let Visit { browser, .. } = visit;
    let began = Instant::now();
    visit.log_in("anna").await;
    let cookie = browser.cookie("paceline_session").await.expect("a session has a cookie");
    loop {
        browser.go(&visit.url("/budgets")).await;
        if browser.text().await.contains(ENDED) {
            break;
        }
        assert!(began.elapsed() < Duration::from_secs(60), "it has not ended");
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
    assert!(began.elapsed() >= Duration::from_secs(20), "it ended early");
    // The browser forgets the cookie in the same moment: whoever keeps it gains nothing.
    assert_eq!(visit.status_with(&cookie).await, 401);
    visit.sound("old", &[401]).await;
}
