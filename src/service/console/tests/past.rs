//! The page of a campaign's past.

use super::*;
use crate::control_loop::Ending;

#[tokio::test]
async fn a_past_is_asked_by_a_form_and_told_on_the_same_page() {
    let mut bench = Bench::with(&[("Spring sale", 2_400)]).await;
    for step in 1..=30 {
        bench.spend(step * 60, "Spring sale", Nanos::from_units(1)).await;
    }
    bench.handle.end(Ending::Checkpoint).await.unwrap();
    let page = "/campaigns/Spring%20sale";
    let html = bench.ok(page).await;
    assert!(html.contains("href=\"/campaigns/Spring%20sale/past\""), "a way there");
    let html = bench.ok(&format!("{page}/past")).await;
    assert!(html.contains("<form method=\"get\"") && html.contains("name=\"from\""));
    assert!(!html.contains("http-equiv=\"refresh\""), "what is typed is not lost");
    let begun = jiff::Timestamp::from_microsecond(at(0).as_micros()).unwrap();
    let moment = |minutes| (begun + jiff::SignedDuration::from_mins(minutes)).to_string();
    let html = bench.ok(&format!("{page}/past?at={}&from=&until=", moment(20))).await;
    keep("past.html", &html);
    assert!(html.contains("As it was") && html.contains("first cause"), "{html}");
    // The round at the minute came before or after its spend.
    let spent = ["19.000000 EUR", "20.000000 EUR"].into_iter().any(|told| html.contains(told));
    assert!(spent, "spent in all");
    assert!(html.contains(&format!("value=\"{}\"", moment(20))), "what was asked stands there");
    let html = bench.ok(&format!("{page}/past?from={}&until={}", moment(10), moment(30))).await;
    keep("past-period.html", &html);
    assert!(html.contains("What decided") && html.contains("At both ends"), "{html}");
    let (status, _, html) = bench.page(&format!("{page}/past?at=yesterday")).await;
    assert_eq!(status, StatusCode::BAD_REQUEST);
    assert!(html.contains("must be a time such as"), "{html}");
    let (status, _, html) = bench.page(&format!("{page}/past?at={}", moment(600))).await;
    assert_eq!(status, StatusCode::BAD_REQUEST);
    assert!(html.contains("must not be after now"), "{html}");
    let (status, _, _) = bench.page("/campaigns/nobody/past?at=2026-12-01T00:00:00Z").await;
    assert_eq!(status, StatusCode::NOT_FOUND);
    let (status, _, _) = bench.page(&format!("{page}/past?when=now")).await;
    assert_eq!(status, StatusCode::BAD_REQUEST);
    bench.end().await;
}
