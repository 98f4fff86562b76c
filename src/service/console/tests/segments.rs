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
    assert!(
        rest.contains("the list ends before it") && rest.contains("4 segments known"),
        "{rest}"
    );
    assert!(!rest.contains("no segment is known"), "{rest}");
    bench.end().await;
}

#[tokio::test]
async fn a_segment_nobody_told_of_is_not_found() {
    let bench = Bench::with(&[("Spring sale", 2_400)]).await;
    for asked in ["name=x%2Fnowhere", "key=00ff", "name=a%2F%2Fb"] {
        let (status, _, html) = bench.page(&format!("/segments?{asked}")).await;
        assert_eq!(status, StatusCode::NOT_FOUND, "{asked}");
        assert!(html.contains("No outcome told of such a segment"), "{asked}");
    }
    bench.end().await;
}

#[tokio::test]
async fn a_key_that_is_none_is_refused_by_name_value_and_rule() {
    let bench = Bench::with(&[("Spring sale", 2_400)]).await;
    for (field, value) in
        [("key", "no"), ("from", "-1"), ("from", "+1"), ("from", "12345678901234567")]
    {
        let (status, _, html) =
            bench.page(&format!("/segments?{field}={}", words::escaped(value))).await;
        assert_eq!(status, StatusCode::BAD_REQUEST, "{field}={value}");
        let due =
            format!("{field} = &quot;{value}&quot; must be a key: 1 to 16 hexadecimal digits");
        assert!(html.contains(&due), "{due} is not in {html}");
    }
    bench.end().await;
}

#[tokio::test]
async fn a_hostile_name_of_a_segment_is_only_text() {
    let bench = Bench::with(&[("Spring sale", 2_400)]).await;
    bench.replay.advance_to(at(10));
    bench.submit(vec![outcomes(HOSTILE), Input::Tick]).await;
    let html = bench.ok(&format!("/segments?name={}", words::escaped(HOSTILE))).await;
    assert!(html.contains("400 rows"), "{html}");
    assert!(html.contains("&lt;script&gt;alert(1)&lt;/script&gt;"), "{html}");
    assert!(!html.contains("<script"), "{html}");
    bench.end().await;
}

#[tokio::test]
async fn loops_that_are_busy_are_waited_for_a_second_all_at_once() {
    let mut bench = Bench::with(&[("Spring sale", 2_400)]).await;
    let loops = vec![(bench.handle.clone(), Publisher::new(PartitionId(0))); 7];
    let (directory, clock) = (Directory::default(), bench.partitions.clock().clone());
    bench.partitions = Partitions::new(loops, directory, memory(), clock);
    let (let_go, busy) = bench.busy().await;
    tokio::time::pause();
    for asked in ["", "?key=00ff", "?name=x%2Fnowhere"] {
        let begun_at = tokio::time::Instant::now();
        let (status, _, html) = bench.page(&format!("/segments{asked}")).await;
        assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE, "{asked}: {html}");
        assert!(html.contains("did not answer within a second"), "{asked}: {html}");
        assert!(begun_at.elapsed() < Duration::from_secs(2), "{asked}");
    }
    tokio::time::resume();
    let_go.send(()).unwrap();
    busy.await.unwrap();
    bench.end().await;
}
