//! Campaigns found by name, advertiser, state, pace and cause, in any order.

use super::*;
use paceline_core::campaign::CampaignStatus;

/// How many lines a page of campaigns has.
fn lines(html: &str) -> usize {
    html.matches("scope=\"row\"><a href=\"/campaigns/").count()
}

/// Whether the line of a campaign is there.
fn has(html: &str, name: &str) -> bool {
    html.contains(&format!("<a href=\"{}\">", words::campaign_href(name)))
}

#[tokio::test]
async fn campaigns_are_found_by_name_advertiser_and_id_and_links_keep_the_rest() {
    let bench = Bench::with(&[("Spring sale", 100), ("Summer sale", 200), ("Brand", 300)]).await;
    let html = bench.ok("/?search=SALE&sort=budget").await;
    assert!(has(&html, "Spring sale") && has(&html, "Summer sale") && !has(&html, "Brand"));
    assert!(html.contains("2 of 3 campaigns: “SALE” in name or advertiser."), "{html}");
    assert!(html.find("Summer%20sale") < html.find("Spring%20sale"), "the greatest budget first");
    assert!(html.contains("Campaigns by budget, greatest first"), "{html}");
    assert!(html.contains("aria-sort=\"descending\""), "{html}");
    let turned = "href=\"/?search=SALE&amp;sort=budget&amp;order=rising\"";
    assert!(html.contains(turned), "the heading turns it and keeps the search: {html}");
    assert!(html.contains("href=\"/?search=SALE&amp;pace=behind&amp;sort=budget\""), "{html}");
    assert_eq!(lines(&bench.ok("/?search=acme").await), 3, "by advertiser");
    let id = CampaignId::of("Brand");
    assert_eq!(lines(&bench.ok(&format!("/?search={id}")).await), 1, "by id");
    let html = bench.ok("/?search=nobody").await;
    assert!(lines(&html) == 0 && html.contains("0 of 3 campaigns"), "{html}");
    bench.end().await;
}

#[tokio::test]
async fn the_form_has_what_was_asked_and_does_not_load_itself_again() {
    let bench = Bench::with(&[("Brand", 300)]).await;
    let html = bench.ok("/?search=br&status=running&sort=name&form=open").await;
    keep("search.html", &html);
    assert!(!html.contains("http-equiv=\"refresh\""), "what is typed stays");
    assert!(html.contains("<form method=\"get\" action=\"/\">"), "{html}");
    assert!(html.contains("name=\"search\" value=\"br\""), "{html}");
    assert!(html.contains("<option value=\"running\" selected>"), "{html}");
    assert!(html.contains("name=\"sort\" value=\"name\""), "{html}");
    assert!(html.contains("<option value=\"bid_limited\">bid limited</option>"), "{html}");
    assert!(bench.ok("/?search=br").await.contains("http-equiv=\"refresh\""));
    bench.end().await;
}

#[tokio::test]
async fn campaigns_are_told_apart_by_pace_state_and_first_cause() {
    let mut bench = Bench::with(&[("fast", 2_400), ("slow", 2_400)]).await;
    let paused = CampaignSpec { status: CampaignStatus::Paused, ..campaign_spec("off", 10) };
    bench.submit(vec![Input::Campaign(paused)]).await;
    for minute in 1..=30 {
        bench.spend(minute * 60, "fast", Nanos::from_units(4)).await;
    }
    let html = bench.ok("/?pace=ahead").await;
    assert!(has(&html, "fast") && lines(&html) == 1, "{html}");
    let html = bench.ok("/?pace=behind").await;
    assert!(has(&html, "slow") && !has(&html, "fast"), "{html}");
    let html = bench.ok("/?status=paused").await;
    assert!(has(&html, "off") && lines(&html) == 1, "{html}");
    let html = bench.ok("/?cause=override").await;
    assert!(has(&html, "off") && lines(&html) == 1, "{html}");
    assert!(!html.contains("not known yet"), "{html}");
    let told = bench.ok("/campaigns/off").await;
    assert!(told.contains("an override, or its own status, holds it"), "{told}");
    let mut found = 0;
    for kind in paceline_core::diagnosis::CauseKind::ALL {
        found += lines(&bench.ok(&format!("/?cause={}", kind.as_str())).await);
    }
    assert_eq!(found, 3, "every campaign has one first cause");
    bench.end().await;
}

#[tokio::test]
async fn an_address_that_makes_no_sense_is_told_what_would() {
    let bench = Bench::with(&[("Brand", 300)]).await;
    for query in ["sort=evil", "page=0", "status=%3Cscript%3E", "colour=red", "page"] {
        let (status, _, html) = bench.page(&format!("/?{query}")).await;
        assert_eq!(status, StatusCode::BAD_REQUEST, "{query}");
        assert!(html.contains("must be") || html.contains("is not known here"), "{html}");
        assert!(!html.contains("<script") && html.contains("Back to the portfolio"), "{html}");
    }
    bench.end().await;
}
