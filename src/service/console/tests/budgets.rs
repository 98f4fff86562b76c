//! A budget edited on its page: shown before it is done, one record, and only on what was shown.

use super::writes::{Browser, hidden, somebody};
use super::*;

const BUDGET: &str = "/campaigns/Spring%20sale/budget";
const ASKED: &str = "what=flight-0&to=4800&reason=more+demand";

/// How many changes of the campaign stand in the record.
async fn changes(browser: &Browser) -> usize {
    let page = browser.get("/audit?object=Spring%20sale").await;
    page.matches("href=\"/audit/").count()
}

#[tokio::test]
async fn a_budget_is_raised_once_after_its_effect_was_shown() {
    let mut bench = Bench::with(&[("Spring sale", 2_400)]).await;
    bench.spend(600, "Spring sale", Nanos::from_units(10)).await;
    let browser = Browser::of(&bench, somebody("ada", Role::Admin));
    let page = browser.get(BUDGET).await;
    assert!(page.contains("2400.00 EUR") && page.contains("method=\"get\""), "{page}");
    let before = changes(&browser).await;

    let page = browser.get(&format!("{BUDGET}?{ASKED}")).await;
    for due in ["4800.00 EUR", "spend of the day ahead", "what binds", "more demand"] {
        assert!(page.contains(due), "{due} is not in {page}");
    }
    assert_eq!(changes(&browser).await, before, "it was only shown");
    let [mark, request, generation] =
        ["mark", "request", "generation"].map(|name| hidden(&page, name));
    let sent = format!("{ASKED}&generation={generation}&request={request}&mark={mark}");
    for _ in 0..2 {
        let (status, headers, html) = browser.post(BUDGET, &sent).await;
        assert_eq!(status, StatusCode::SEE_OTHER, "{html}");
        assert_eq!(headers["location"], "/audit?kind=campaign&object=Spring%20sale");
    }
    assert_eq!(changes(&browser).await, before + 1, "pressed twice, it is one change");
    assert!(browser.get(BUDGET).await.contains("4800.00 EUR"));

    // Somebody who saw what was there before.
    let late = sent.replace("to=4800", "to=5000");
    let (status, _, html) = browser.post(BUDGET, &late).await;
    assert_eq!(status, StatusCode::CONFLICT);
    assert!(html.contains("it was changed since"), "{html}");
    assert_eq!(changes(&browser).await, before + 1);
    bench.end().await;
}

#[tokio::test]
async fn what_cannot_be_a_budget_is_told_and_who_may_not_edit_only_looks() {
    let bench = Bench::with(&[("Spring sale", 2_400)]).await;
    let browser = Browser::of(&bench, somebody("vera", Role::Viewer));
    for (asked, rule) in [
        ("what=flight-0&to=&reason=r", "needs an amount such as 120.50"),
        ("what=flight-0&to=1e3&reason=r", "needs an amount such as 120.50"),
        ("what=flight-7&to=1&reason=r", "needs one of the amounts that are offered"),
        ("what=flight-0&to=1&reason=+", "needs a reason"),
        ("what=flight-0&to=0&reason=r", "budget_micros"),
    ] {
        let request = Request::get(format!("{BUDGET}?{asked}")).body(Body::empty()).unwrap();
        let (status, _, html) = browser.send(request).await;
        assert_eq!(status, StatusCode::BAD_REQUEST, "{asked}: {html}");
        assert!(html.contains(rule), "{asked}: {html}");
    }
    let page = browser.get(&format!("{BUDGET}?{ASKED}")).await;
    assert!(page.contains("which may not enter campaigns: only shown."), "{page}");
    assert!(!page.contains("<button"), "{page}");
    let request = Request::get("/campaigns/nobody/budget").body(Body::empty()).unwrap();
    assert_eq!(browser.send(request).await.0, StatusCode::NOT_FOUND);
    bench.end().await;
}
