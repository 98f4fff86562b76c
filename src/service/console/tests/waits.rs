//! A loop that is busy: no page waits for it without a bound, and nobody who looks keeps it busy.

use super::writes::{Browser, hidden};
use super::*;

const PAUSED: &str = "does=pause&share=&hours=1&reason=wrong+creative";

#[tokio::test]
async fn no_page_waits_longer_than_five_seconds_for_a_loop_that_is_busy() {
    let bench = Bench::with(&[("Spring sale", 2_400)]).await;
    let browser = Browser::of(&bench, None);
    let hand = "/campaigns/Spring%20sale/hand";
    let mark = hidden(&browser.get(hand).await, "mark");
    let (let_go, busy) = bench.busy().await;
    tokio::time::pause();
    for path in [
        "/",
        "/campaigns/Spring%20sale",
        "/campaigns/Spring%20sale/budget",
        "/overrides",
        "/overrides/00000000000000aa",
        "/audit",
        "/audit/0-1",
        "/fleet",
    ] {
        let (status, _, html) = bench.page(path).await;
        assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE, "{path}: {html}");
        assert!(html.contains("did not answer within five seconds"), "{path}: {html}");
        assert!(html.contains("http-equiv=\"refresh\""), "{path} tries again");
    }
    let sent = format!("{PAUSED}&is_seen=yes&request=r&mark={mark}");
    let (status, _, html) = browser.post(hand, &sent).await;
    assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE, "{html}");
    assert!(html.contains("Look at Changes before you repeat it."), "{html}");
    assert!(!html.contains("http-equiv=\"refresh\""), "a change is not sent again by itself");
    let admin = Admin::new(bench.partitions.clone(), "test");
    let id = CampaignId::of("Spring sale");
    for _ in 0..4 {
        let late = admin.causes(&bench.handle, id).await.unwrap_err();
        assert_eq!(late.code(), tonic::Code::Unavailable);
        assert!(late.message().contains("ask again in some seconds"), "{late:?}");
    }
    tokio::time::resume();
    let_go.send(()).unwrap();
    busy.await.unwrap();
    assert!(bench.ok("/").await.contains("Spring sale"));
    bench.end().await;
}

#[tokio::test]
async fn why_is_tried_once_a_round_however_many_look() {
    let bench = Bench::with(&[("Spring sale", 2_400)]).await;
    let browser = Browser::of(&bench, None);
    let (hand, page) = ("/campaigns/Spring%20sale/hand", "/campaigns/Spring%20sale");
    let mark = hidden(&browser.get(hand).await, "mark");
    browser.post(hand, &format!("{PAUSED}&is_seen=yes&request=r&mark={mark}")).await;
    bench.submit(vec![Input::Tick]).await;
    let admin = Admin::new(bench.partitions.clone(), "test");
    let id = CampaignId::of("Spring sale");
    let first = admin.causes(&bench.handle, id).await.unwrap();
    assert!(first[0].edit.as_ref().unwrap().detail.ends_with("off"), "{first:?}");
    assert!(first[0].edit.as_ref().unwrap().effect.contains("instead of"), "{first:?}");
    let again = admin.causes(&bench.handle, id).await.unwrap();
    assert!(std::sync::Arc::ptr_eq(&first, &again), "the very same of the same round");
    assert!(browser.get(page).await.contains("an override, or its own status, holds it"));
    bench.replay.advance_to(at(60));
    bench.submit(vec![Input::Tick]).await;
    let later = admin.causes(&bench.handle, id).await.unwrap();
    assert!(!std::sync::Arc::ptr_eq(&first, &later), "a round later it is tried anew");
    bench.end().await;
}
