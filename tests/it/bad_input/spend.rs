//! Reports of spend and opportunities that break a rule.

use super::{Bench, HEALTHY, refused};
use paceline_proto::v1;
use prost_types::Timestamp;

/// What one event of a report was told; nothing of it may be taken.
async fn said(bench: &Bench, producer: Option<&str>, event: v1::SpendEvent) -> String {
    let report = v1::ReportSpendRequest {
        producer_id: producer.map(str::to_owned),
        events: vec![event],
        ..Default::default()
    };
    let answer = bench.spend().report_spend(report).await.unwrap().into_inner();
    assert_eq!(answer.accepted, 0);
    told(&answer.refusals)
}

fn told(refusals: &[v1::SpendRefusal]) -> String {
    let one = |refusal: &v1::SpendRefusal| {
        let v1::SpendRefusal { index, field, value, rule } = refusal;
        let value = if value.is_empty() { "absent" } else { value };
        format!("[{index}] {field} is {value} and {rule}")
    };
    refusals.iter().map(one).collect::<Vec<_>>().join("; ")
}

type Spoil = fn(&mut v1::SpendEvent);

/// What is wrong with one event, and what the answer must name.
const EVENTS: &[(&str, Spoil, &[&str])] = &[
    ("an event without an id", |e| e.event_id.clear(), &["event_id is absent", "required"]),
    (
        "an event id of 65 bytes",
        |e| e.event_id = "x".repeat(65),
        &["event_id is xxx", "must have 1 to 64 bytes"],
    ),
    (
        "an event id with a line end in it",
        |e| e.event_id = "a\nb".to_owned(),
        &["event_id is a\\nb", "must hold no control characters"],
    ),
    ("an event of no campaign", |e| e.campaign_id.clear(), &["campaign_id is absent", "required"]),
    (
        "a campaign id of 65 bytes",
        |e| e.campaign_id = "c".repeat(65),
        &["campaign_id is ccc", "must have 1 to 64 bytes"],
    ),
    ("an event of no kind", |e| e.kind = 0, &["kind is absent", "required"]),
    ("an event of an unknown kind", |e| e.kind = 9, &["kind is 9", "win, billing or adjust"]),
    (
        "a negative price",
        |e| e.price_nanos = -1,
        &["price_nanos is -1", "must be at least 0, except for an adjust"],
    ),
    (
        "a price beyond the bound",
        |e| e.price_nanos = 10_000_000_000_000_001,
        &["price_nanos is 10000000000000001", "must be at most 10000000000000000"],
    ),
    (
        "money at the end of its range",
        |e| e.price_nanos = i64::MAX,
        &["price_nanos is 9223372036854775807", "must be at most"],
    ),
    (
        "an adjustment at the other end of the range",
        |e| (e.kind, e.price_nanos) = (v1::SpendKind::Adjust.into(), i64::MIN),
        &["price_nanos is -9223372036854775808", "must be at most 10000000000000000 either way"],
    ),
    (
        "a bill probability above one",
        |e| e.bill_probability_ppb = Some(1_000_000_001),
        &["bill_probability_ppb is 1000000001", "must be at most 1000000000"],
    ),
    (
        "more results than a win can bring",
        |e| e.expected_results_millionths = 1_000_000_000_001,
        &["expected_results_millionths is 1000000000001", "must be at most 1000000000000"],
    ),
    ("an arm of 256", |e| e.arm = 256, &["arm is 256", "must be at most 255"]),
    ("a win id of no bytes", |e| e.win_id = Some(String::new()), &["win_id is \"\"", "1 to 64"]),
    ("an event of no time", |e| e.occurred_at = None, &["occurred_at is absent", "required"]),
    (
        "a time before 1970",
        |e| e.occurred_at = Some(Timestamp { seconds: -1, nanos: 0 }),
        &["occurred_at is -1 s", "must be a time from 1970 to 2200"],
    ),
    (
        "a time after 2200",
        |e| e.occurred_at = Some(Timestamp { seconds: 7_258_118_401, nanos: 0 }),
        &["occurred_at is 7258118401 s", "must be a time from 1970 to 2200"],
    ),
    (
        "a time that overflows",
        |e| e.served_at = Some(Timestamp { seconds: i64::MAX, nanos: 0 }),
        &["served_at is 9223372036854775807 s", "must be a time from 1970 to 2200"],
    ),
    (
        "a time with more than a second of nanos",
        |e| e.occurred_at = Some(Timestamp { seconds: 1, nanos: 1_000_000_000 }),
        &["occurred_at is 1 s and 1000000000 ns", "must be a time from 1970 to 2200"],
    ),
    ("a sequence of 0", |e| e.sequence = Some(0), &["sequence is 0", "must be at least 1"]),
];

pub(super) async fn events(bench: &mut Bench) {
    for (what, spoil, names) in EVENTS {
        let mut event = bench.billing("bad", 1_000);
        spoil(&mut event);
        let said = said(bench, Some("p"), event).await;
        bench.case(what, said, names).await;
    }
    let counted = v1::SpendEvent { sequence: Some(4), ..bench.billing("bad", 1_000) };
    let said = said(bench, None, counted).await;
    let names = ["sequence is 4", "must be absent when the report names no producer"];
    bench.case("a sequence without a producer", said, &names).await;
}

/// What a report that is wrong as a whole was told.
async fn whole(bench: &Bench, report: v1::ReportSpendRequest) -> String {
    refused(bench.spend().report_spend(report).await)
}

pub(super) async fn reports(bench: &mut Bench) {
    let sound = || v1::ReportSpendRequest::default();
    let report = v1::ReportSpendRequest { producer_id: Some("p".repeat(65)), ..sound() };
    let said = whole(bench, report).await;
    bench.case("a producer's id of 65 bytes", said, &["producer_id is ppp", "1 to 64"]).await;

    let late = Timestamp { seconds: 7_258_118_401, nanos: 0 };
    let report = v1::ReportSpendRequest { reported_through: Some(late), ..sound() };
    let said = whole(bench, report).await;
    let names = ["reported_through is 7258118401 s", "must be a time from 1970 to 2200"];
    bench.case("a report through a time after 2200", said, &names).await;

    let events = vec![bench.billing("many", 1_000); 10_001];
    let said = whole(bench, v1::ReportSpendRequest { events, ..sound() }).await;
    let names = ["events is 10001 long", "must be at most 10000 long"];
    bench.case("a batch over the bound", said, &names).await;

    one_bad_event_among_good_ones(bench).await;
    clocks_ahead_lift_nothing(bench).await;
    unknown_campaigns_wait(bench).await;
    opportunities(bench).await;
}

/// One bad event refuses itself alone: the good ones beside it are known, so they change nothing.
async fn one_bad_event_among_good_ones(bench: &mut Bench) {
    let good = || bench.billing("first", super::SPENT);
    let bad = v1::SpendEvent { price_nanos: -9, ..good() };
    let report = v1::ReportSpendRequest { events: vec![good(), bad, good()], ..Default::default() };
    let answer = bench.spend().report_spend(report).await.unwrap().into_inner();
    assert_eq!(answer.accepted, 2);
    let names = ["[1] price_nanos is -9", "must be at least 0"];
    bench.case("one bad event among good ones", told(&answer.refusals), &names).await;
}

/// A producer whose clock is a year ahead is not believed about times to come.
async fn clocks_ahead_lift_nothing(bench: &mut Bench) {
    let report = v1::ReportSpendRequest {
        producer_id: Some("hasty".to_owned()),
        reported_through: Some(bench.at(365 * 86_400)),
        ..Default::default()
    };
    bench.spend().report_spend(report).await.unwrap();
    let status = bench.service.admin().get_status(v1::GetStatusRequest {}).await.unwrap();
    let status = status.into_inner();
    let (now, mark) = (status.server_time.unwrap(), status.partitions[0].watermark.unwrap());
    assert!(mark.seconds <= now.seconds, "the watermark is {mark} at {now}");
    let said = format!("taken as reported through {mark}, the service's own clock");
    bench.case("a report through next year", said, &["the service's own clock"]).await;
}

/// Money of nobody is set aside, and listed with the reason.
async fn unknown_campaigns_wait(bench: &mut Bench) {
    let event = v1::SpendEvent { campaign_id: "nobody".to_owned(), ..bench.billing("lost", 3) };
    let outside = v1::SpendEvent {
        occurred_at: Some(bench.at(400 * 86_400)),
        ..bench.billing("too-early", 5)
    };
    let report = v1::ReportSpendRequest { events: vec![event, outside], ..Default::default() };
    assert_eq!(bench.spend().report_spend(report).await.unwrap().into_inner().accepted, 2);
    let admin = bench.service.admin();
    let held = crate::harness::until("both are set aside", async || {
        let asked = v1::ListSuspenseRequest::default();
        let items = admin.clone().list_suspense(asked).await.ok()?.into_inner().items;
        (items.len() == 2).then_some(items)
    })
    .await;
    let line = |price| {
        let item = held.iter().find(|item| item.price_nanos == price).unwrap();
        format!("set aside: {} of {} nanos", item.verdict().as_str_name(), item.price_nanos)
    };
    // Suspense stands apart: what is known of the healthy campaign's spend is as it was.
    if let Some(before) = &mut bench.before {
        before.books.suspense_nanos += 5;
    }
    let (lost, early) = (line(3), line(5));
    bench.case("money of an unknown campaign", lost, &["UNKNOWN_CAMPAIGN of 3"]).await;
    bench.case("money of a day after the flight", early, &["OUTSIDE_FLIGHT of 5"]).await;
}

async fn opportunities(bench: &mut Bench) {
    let count = |asks, bids, wins| v1::OpportunityCount {
        campaign_id: HEALTHY.to_owned(),
        asks,
        bids,
        wins,
        ..Default::default()
    };
    let cases: [(&str, v1::OpportunityCount, &[&str]); 3] = [
        ("more bids than asks", count(1, 2, 0), &["bids is 2", "must not exceed asks"]),
        (
            "more asks than there are auctions",
            count(u64::MAX, 0, 0),
            &["asks is 18446744073709551615", "must be at most 1000000000000"],
        ),
        (
            "opportunities of no campaign",
            v1::OpportunityCount { campaign_id: String::new(), ..count(1, 1, 1) },
            &["campaign_id is absent", "required"],
        ),
    ];
    for (what, count, names) in cases {
        let report = v1::ReportOpportunitiesRequest {
            reported_through: Some(bench.at(0)),
            counts: vec![count],
            ..Default::default()
        };
        let answer = bench.spend().report_opportunities(report).await.unwrap().into_inner();
        assert_eq!(answer.accepted, 0);
        bench.case(what, told(&answer.refusals), names).await;
    }
    let report = v1::ReportOpportunitiesRequest::default();
    let said = refused(bench.spend().report_opportunities(report).await);
    let names = ["reported_through is absent", "required"];
    bench.case("opportunities through no time", said, &names).await;
}
