//! What shading knows of segments, found by name, by key and in the list.

use super::*;
use paceline_core::shade::{Outcome, OutcomeReport, PriceRule, SegmentPath};
use paceline_core::units::{CpmMicros, SegmentId};

const NAME: &str = "x/banner/phone";

/// Four hundred bids around prices of a tenth of a unit to one, the minimum to win told.
fn outcomes(name: &str) -> Input {
    let outcomes = (0..400_i64).map(|number| {
        let least = 100_000 + number * 7_919 % 900_000;
        let bid = 100_000 + number * 104_729 % 900_000;
        Outcome {
            path: SegmentPath::of_name(name).unwrap(),
            price_rule: PriceRule::First,
            floor: CpmMicros::ZERO,
            bid: CpmMicros::new(bid),
            won: bid >= least,
            clearing: None,
            min_to_win: Some(CpmMicros::new(least)),
            loss_reason: None,
            count: 1,
            trial: None,
        }
    });
    Input::Outcomes(OutcomeReport {
        producer: Some(ProducerId::of("bidder")),
        sequence: Some(u64::try_from(name.len()).unwrap()),
        currency: Currency::try_new("EUR").unwrap(),
        outcomes: outcomes.collect(),
    })
}

#[tokio::test]
async fn a_segment_shows_its_prices_bids_and_how_often_they_won() {
    let bench = Bench::with(&[("Spring sale", 2_400)]).await;
    assert!(bench.ok("/segments").await.contains("no segment is known"));
    for second in 1..=4 {
        bench.replay.advance_to(at(second * 10));
        let told = outcomes(&NAME[..NAME.len() - 4 + usize::try_from(second).unwrap()]);
        bench.submit(vec![told, Input::Tick]).await;
    }
    let key = SegmentId::of("x/banner/phon").to_string();
    let list = bench.ok("/segments").await;
    keep("segments.html", &list);
    for due in ["4 segments known", "its own", "FNV-1a", &format!("href=\"/segments?key={key}\"")] {
        assert!(list.contains(due), "{due} is not in {list}");
    }
    let named = bench.ok("/segments?name=x%2Fbanner%2Fphon").await;
    keep("segment.html", &named);
    let due = ["Segment x/banner/phon", &key, "400 rows", "100% of outcomes", "came in whole"];
    for due in
        due.into_iter().chain(["Chance to win by bid", "What is bid", "Share won by foretold"])
    {
        assert!(named.contains(due), "{due} is not in {named}");
    }
    assert!(bench.ok(&format!("/segments?key={key}")).await.contains("400 rows"));
    let from = SegmentId::from_key(u64::MAX);
    let rest = bench.ok(&format!("/segments?from={from}")).await;
    assert!(!rest.contains("its own") && rest.contains("href=\"/segments\">First"), "{rest}");
    bench.end().await;
}

#[tokio::test]
async fn a_segment_nobody_told_of_is_not_found_whatever_it_is_called() {
    let bench = Bench::with(&[("Spring sale", 2_400)]).await;
    let hostile = words::escaped(HOSTILE);
    for asked in ["name=x%2Fnowhere", "key=00ff", "key=no", "name=a%2F%2Fb"] {
        let (status, _, html) = bench.page(&format!("/segments?{asked}")).await;
        assert_eq!(status, StatusCode::NOT_FOUND, "{asked}");
        assert!(html.contains("No outcome told of such a segment"), "{asked}");
    }
    let (status, _, html) = bench.page(&format!("/segments?name={hostile}")).await;
    assert_eq!(status, StatusCode::NOT_FOUND);
    assert!(!html.contains("<script"), "{html}");
    bench.end().await;
}
