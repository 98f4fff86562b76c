//! What a reader does on the pages: a hand laid on after its effect was shown, taken off, taken
//! back; and what is not taken.

use super::*;

/// One console, as a browser meets it.
pub(super) struct Browser {
    router: TowerToHyperService<Router>,
    caller: Option<Caller>,
}

impl Browser {
    pub(super) fn of(bench: &Bench, caller: Option<Caller>) -> Self {
        let router = routes(bench.partitions.clone(), bench.history.clone());
        Self { router: TowerToHyperService::new(router), caller }
    }

    pub(super) async fn send(&self, mut request: Request<Body>) -> (StatusCode, HeaderMap, String) {
        if let Some(caller) = &self.caller {
            request.extensions_mut().insert(caller.clone());
        }
        let (head, body) = self.router.call(request).await.unwrap().into_parts();
        let body = to_bytes(body, 4 << 20).await.unwrap();
        (head.status, head.headers, String::from_utf8(body.to_vec()).unwrap())
    }

    pub(super) async fn get(&self, path: &str) -> String {
        let (status, _, html) = self.send(Request::get(path).body(Body::empty()).unwrap()).await;
        assert_eq!(status, StatusCode::OK, "{path}: {html}");
        html
    }

    pub(super) async fn post(&self, path: &str, body: &str) -> (StatusCode, HeaderMap, String) {
        let request = Request::post(path).body(Body::from(body.to_owned())).unwrap();
        self.send(request).await
    }
}

/// What stands in a hidden field.
pub(super) fn hidden(html: &str, name: &str) -> String {
    let field = format!("type=\"hidden\" name=\"{name}\" value=\"");
    let start = html.find(&field).unwrap_or_else(|| panic!("no {name} in {html}")) + field.len();
    html[start..].split('"').next().unwrap().to_owned()
}

pub(super) fn somebody(name: &str, role: Role) -> Option<Caller> {
    Some(Caller { name: name.into(), role })
}

const HAND: &str = "/campaigns/Spring%20sale/hand";

/// Fills in a hand and sees what it would do.
async fn seen(browser: &Browser, filled: &str) -> (StatusCode, String) {
    let mark = hidden(&browser.get(HAND).await, "mark");
    let (status, _, html) = browser.post(HAND, &format!("{filled}&mark={mark}")).await;
    (status, html)
}

#[tokio::test]
async fn a_pause_is_shown_before_the_button_then_seen_then_taken_back() {
    let bench = Bench::with(&[("Spring sale", 2_400)]).await;
    let browser = Browser::of(&bench, somebody("anna", Role::Operator));
    let page = browser.get("/campaigns/Spring%20sale").await;
    assert!(page.contains(&format!("href=\"{HAND}\"")), "{page}");

    let filled = "does=pause&share=&hours=4&reason=wrong+creative";
    let (status, html) = seen(&browser, filled).await;
    assert_eq!(status, StatusCode::OK);
    assert!(html.contains("no bids from the next table on"), "{html}");
    assert!(html.contains("spend of the day ahead") && html.contains("what binds"), "{html}");
    assert!(html.contains("wrong creative") && html.contains("Do it: pause"), "{html}");
    assert!(browser.get("/overrides").await.contains("No hand is on the wheel."), "only shown");

    let (mark, request) = (hidden(&html, "mark"), hidden(&html, "request"));
    let sent = format!("{filled}&is_seen=yes&request={request}&mark={mark}");
    for _ in 0..2 {
        // Pressed twice, it is one hand.
        let (status, headers, _) = browser.post(HAND, &sent).await;
        assert_eq!(status, StatusCode::SEE_OTHER);
        assert_eq!(headers["location"], "/overrides");
    }
    let page = browser.get("/overrides").await;
    assert!(page.contains("campaign Spring sale") && page.contains("anna"), "{page}");
    assert_eq!(page.matches("href=\"/overrides/").count(), 1, "{page}");

    let changes = browser.get("/audit?object=Spring%20sale").await;
    let at = changes.find("href=\"/audit/").unwrap() + "href=\"".len();
    let change = changes[at..].split('"').next().unwrap().to_owned();
    let page = browser.get(&change).await;
    assert!(page.contains("laid on") && page.contains("Take it back"), "{page}");
    let (mark, request) = (hidden(&page, "mark"), hidden(&page, "request"));
    let sent = format!("reason=a+slip&request={request}&mark={mark}");
    let (status, headers, html) = browser.post(&change, &sent).await;
    assert_eq!(status, StatusCode::SEE_OTHER, "{html}");
    let made = browser.get(headers["location"].to_str().unwrap()).await;
    assert!(made.contains("taken off, undoing") && made.contains("a slip"), "{made}");
    assert!(browser.get("/overrides").await.contains("No hand is on the wheel."));
    bench.end().await;
}

#[tokio::test]
async fn a_hand_is_taken_off_on_its_own_page() {
    let bench = Bench::with(&[("Spring sale", 2_400)]).await;
    let browser = Browser::of(&bench, None);
    let filled = "does=fix&share=35&hours=1&reason=a+test";
    let (_, html) = seen(&browser, filled).await;
    assert!(html.contains("multiplier 35.00% at once"), "{html}");
    let (mark, request) = (hidden(&html, "mark"), hidden(&html, "request"));
    browser.post(HAND, &format!("{filled}&is_seen=yes&request={request}&mark={mark}")).await;
    let page = browser.get("/overrides").await;
    assert!(page.contains("fix at 35.00%") && page.contains("console"), "{page}");
    let at = page.find("href=\"/overrides/").unwrap() + "href=\"".len();
    let hand = page[at..].split('"').next().unwrap().to_owned();
    let page = browser.get(&hand).await;
    let (mark, request) = (hidden(&page, "mark"), hidden(&page, "request"));
    let sent = format!("reason=done&request={request}&mark={mark}");
    let (status, _, html) = browser.post(&hand, &sent).await;
    assert_eq!(status, StatusCode::SEE_OTHER, "{html}");
    assert!(browser.get("/overrides").await.contains("No hand is on the wheel."));
    bench.end().await;
}

#[tokio::test]
async fn what_is_filled_in_wrongly_or_sent_from_elsewhere_does_nothing() {
    let bench = Bench::with(&[("Spring sale", 2_400)]).await;
    let browser = Browser::of(&bench, somebody("anna", Role::Operator));
    for (filled, rule) in [
        ("does=fix&share=0&hours=1&reason=r", "needs a whole per cent, 1 to 400"),
        ("does=fix&share=&hours=1&reason=r", "needs a whole per cent, 1 to 400"),
        ("does=dance&hours=1&reason=r", "must pause, freeze, fix or cap"),
        ("does=pause&hours=9&reason=r", "needs one of the times that are offered"),
    ] {
        let (status, html) = seen(&browser, filled).await;
        assert_eq!(status, StatusCode::BAD_REQUEST, "{filled}");
        assert!(html.contains(rule), "{filled}: {html}");
    }
    let own = hidden(&browser.get(HAND).await, "mark");
    let other = Browser::of(&bench, somebody("bert", Role::Operator));
    let sent =
        |mark: &str| format!("does=pause&hours=1&reason=r&is_seen=yes&request=q&mark={mark}");
    let (status, _, html) = other.post(HAND, &sent(&own)).await;
    assert_eq!(status, StatusCode::FORBIDDEN, "another console's mark: {html}");
    let (status, _, _) = browser.post(HAND, &sent("")).await;
    assert_eq!(status, StatusCode::FORBIDDEN, "no mark");
    let (status, _, _) = browser.post("/overrides/00000000000000aa", &sent(&own)).await;
    assert_eq!(status, StatusCode::FORBIDDEN, "the mark of another address");
    let foreign = Request::post(HAND)
        .header("host", "pacer:7411")
        .header("origin", "https://evil.example")
        .body(Body::from(sent(&own)))
        .unwrap();
    assert_eq!(browser.send(foreign).await.0, StatusCode::FORBIDDEN);
    let long = format!("{}&more={}", sent(&own), "x".repeat(20_000));
    assert_eq!(browser.post(HAND, &long).await.0, StatusCode::BAD_REQUEST);
    assert!(browser.get("/overrides").await.contains("No hand is on the wheel."));
    bench.end().await;
}

#[tokio::test]
async fn pages_about_the_fleet_and_its_changes_have_what_they_promise() {
    let bench = Bench::with(&[(HOSTILE, 2_400)]).await;
    let browser = Browser::of(&bench, None);
    let fleet = browser.get("/fleet").await;
    assert!(fleet.contains("leads") && fleet.contains("No bidder has connected."), "{fleet}");
    let changes = browser.get("/audit").await;
    assert!(changes.contains("href=\"/audit/0-2\"") && !changes.contains("<script"), "{changes}");
    let made = browser.get("/audit/0-2").await;
    assert!(made.contains("It cannot be taken back: campaign"), "{made}");
    for path in ["/audit/0-99", "/audit/x", "/audit/9-1", "/overrides/00000000000000aa"] {
        let request = Request::get(path).body(Body::empty()).unwrap();
        assert_eq!(browser.send(request).await.0, StatusCode::NOT_FOUND, "{path}");
    }
    bench.end().await;
}
