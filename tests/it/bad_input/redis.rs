//! What other programs do wrong in Redis: entries, counters, keys of the wrong type.

use super::{Bench, standing};
use crate::harness::{Service, Told, until};
use crate::server::Server;
use paceline_proto::v1;

const SPEND: &str = "{paceline:000}:in:spend";
const OPPORTUNITIES: &str = "{paceline:000}:in:opportunities";

fn server(service: &Service) -> &Server {
    service.redis().unwrap()
}

/// Adds an entry and waits for its refusal: field, value and rule.
async fn refusal(service: &Service, stream: &str, fields: &str) -> String {
    let mut words = vec!["XADD", stream, "*"];
    words.extend(fields.split(' '));
    let id: String = server(service).say(&words).await;
    until("the entry is refused", async || {
        let asked = ["XREVRANGE", "{paceline:000}:in:refused", "+", "-", "COUNT", "1"];
        let last: Vec<(String, Vec<String>)> = server(service).say(&asked).await;
        let (_, pairs) = last.into_iter().next()?;
        let of = |name: &str| {
            let at = pairs.iter().position(|word| word == name)?;
            pairs.get(at + 1).cloned()
        };
        let is_ours = of("id").as_ref() == Some(&id);
        let (field, value, rule) = (of("field")?, of("value")?, of("rule")?);
        is_ours.then(|| format!("{field} is {value:?}: {rule}"))
    })
    .await
}

/// A sound entry but for its last words.
const EVENT: &str = "campaign healthy event_id x kind win occurred_at_us 1772341265000000";
const COUNTS: &str =
    "producer b sequence 1 campaign healthy segment s reported_through_us 1772341265000000";

/// The last words of an entry of spend, and what the refusal must name.
const ENTRIES: &[(&str, &str, &[&str])] = &[
    ("an entry without a price", "arm 0", &["price_nanos", "must be given"]),
    (
        "an entry with a price below zero",
        "price_nanos -5",
        &["price_nanos is \"-5\"", "not below 0"],
    ),
    ("an entry with a price that is NaN", "price_nanos NaN", &["price_nanos is \"NaN\"", "whole"]),
    ("an entry with an infinite price", "price_nanos inf", &["price_nanos is \"inf\"", "whole"]),
    (
        "an entry with a price beyond the bound",
        "price_nanos 10000000000000001",
        &["price_nanos is \"10000000000000001\"", "at most 10000000000000000"],
    ),
    ("an entry with a misspelt field", "price_nanos 1 prize 2", &["prize is \"2\"", "known field"]),
    ("an entry with a field twice", "price_nanos 1 price_nanos 2", &["price_nanos", "once"]),
    (
        "an entry with a sequence of 0",
        "price_nanos 1 producer p sequence 0",
        &["sequence is \"0\"", "from 1"],
    ),
    (
        "an entry with a probability above one",
        "price_nanos 1 bill_probability_ppb 1000000001",
        &["bill_probability_ppb is \"1000000001\"", "0 to 1000000000"],
    ),
    (
        "an entry with results below none",
        "price_nanos 1 expected_results_millionths -1",
        &["expected_results_millionths is \"-1\"", "0 to 1000000000000"],
    ),
    (
        "an entry served after 2200",
        "price_nanos 1 served_at_us 7258118400000001",
        &["served_at_us is \"7258118400000001\"", "before 2200"],
    ),
    (
        "an entry that reports for nobody",
        "price_nanos 1 reported_through_us 1772341265000000",
        &["producer", "must be given with reported_through_us"],
    ),
];

pub(super) async fn entries(bench: &mut Bench) {
    for (what, fields, names) in ENTRIES {
        let said = refusal(&bench.service, SPEND, &format!("{EVENT} {fields}")).await;
        bench.case(what, said, names).await;
    }
    let kind = EVENT.replace("win", "refund") + " price_nanos 1";
    let said = refusal(&bench.service, SPEND, &kind).await;
    bench.case("an entry of an unknown kind", said, &["kind is \"refund\"", "win, billing"]).await;
    let wins = format!("{COUNTS} asks 9 bids 2 wins 3");
    let said = refusal(&bench.service, OPPORTUNITIES, &wins).await;
    bench.case("an entry with more wins than bids", said, &["wins is \"3\"", "exceed bids"]).await;
}

/// The healthy campaign's sibling whose spend is counted.
const COUNTED: &str = "counted";

/// Waits for the reason that is published of the counted campaign.
async fn reason(service: &Service, code: &str) -> String {
    let asked = || v1::ExplainCampaignRequest { campaign_id: COUNTED.to_owned(), arm: 0 };
    until(&format!("the counted campaign's reason is {code}"), async || {
        let told = service.admin().explain_campaign(asked()).await.ok()?.into_inner();
        let reason = told.reasons.into_iter().find(|reason| reason.code == code)?;
        Some(format!("{} is {}: {}", COUNTED, reason.code, reason.detail))
    })
    .await
}

/// The counted campaign's spend.
async fn spent(service: &Service) -> Option<i64> {
    let campaign_ids = vec![COUNTED.to_owned()];
    let asked = v1::GetTotalsRequest { campaign_ids, ..Default::default() };
    let totals = service.admin().get_totals(asked).await.ok()?.into_inner().totals;
    Some(totals.into_iter().next()?.books?.spent_nanos)
}

pub(super) async fn counters(bench: &mut Bench) {
    let counted = v1::Campaign {
        spend_source: v1::SpendSource::Counters.into(),
        law: v1::PacingLaw::Asap.into(),
        ..bench.campaign(COUNTED)
    };
    let request = v1::ApplyCatalogueRequest { campaigns: vec![counted], ..Default::default() };
    let answer = bench.service.admin().apply_catalogue(request).await.unwrap().into_inner();
    assert_eq!(answer.complaints, Vec::new());
    let day = jiff::Timestamp::from_second(bench.now).unwrap();
    let key = format!("{{paceline:000}}:spend:{}", day.strftime("%Y%m%dT0000Z"));
    let set = async |service: &Service, value: &str| {
        server(service).say::<i64>(&["HSET", &key, COUNTED, value]).await
    };
    set(&bench.service, "1000").await;
    let service = &bench.service;
    let is_read = async |due| {
        until("it is read", async || (spent(service).await? == due).then_some(())).await
    };
    is_read(1_000).await;

    set(service, "400").await;
    let said = reason(service, "counter_fault").await;
    is_read(1_000).await;
    bench.case("a counter that falls", said, &["counted", "counter_fault"]).await;
    accept(bench).await;

    let gone: i64 = server(&bench.service).say(&["HDEL", &key, COUNTED]).await;
    assert_eq!(gone, 1);
    let said = reason(&bench.service, "counter_fault").await;
    assert_eq!(spent(&bench.service).await, Some(1_000), "the mark is kept");
    bench.case("a counter that vanishes", said, &["counted", "counter_fault"]).await;

    set(&bench.service, "12.5").await;
    let said = line(&bench.service, &[COUNTED, "12.5"]).await;
    bench.case("a counter that is no number", said, &["must be a whole number of nanos"]).await;
    until("it is looked at again", async || {
        (refused_counters(&bench.service).await? >= 5.0).then_some(())
    })
    .await;
    let told = bench.service.log().into_iter().filter(|line| line.contains("counter refused"));
    assert_eq!(told.count(), 1, "told once, not at every look");

    let _: i64 = server(&bench.service).say(&["DEL", &key]).await;
    let _: String = server(&bench.service).say(&["SET", &key, "5"]).await;
    let said = line(&bench.service, &["intake from redis stands still", &key]).await;
    let names = ["is a string and must be a hash", "rename or delete it"];
    bench.case("counters of the wrong type", said, &names).await;
    let _: i64 = server(&bench.service).say(&["DEL", &key]).await;
    let _ = line(&bench.service, &["intake from redis goes on"]).await;
}

/// How often a counter was no number.
async fn refused_counters(service: &Service) -> Option<f64> {
    let (_, page) = service.get("/metrics").await?;
    let name = "paceline_counter_readings_total{result=\"failed\"}";
    page.lines().find_map(|line| line.strip_prefix(name)?.trim().parse().ok())
}

/// An operator accepts the counter as it is; the campaign runs again and its books are as before.
async fn accept(bench: &Bench) {
    let request = v1::AcceptCounterRequest {
        campaign_id: COUNTED.to_owned(),
        reason: "restored from a copy".to_owned(),
    };
    bench.service.admin().accept_counter(request).await.unwrap();
    let service = &bench.service;
    until("the counted campaign runs again", async || {
        let lines = service.admin().list_campaigns(v1::ListCampaignsRequest::default()).await;
        let lines = lines.ok()?.into_inner().campaigns;
        let line = lines.into_iter().find(|line| line.campaign_id == COUNTED)?;
        (line.state() == v1::EntryState::Run).then_some(())
    })
    .await;
}

/// The line of the log that holds all `words`.
async fn line(service: &Service, words: &[&str]) -> String {
    until(&format!("the log says {words:?}"), async || {
        let lines = service.log();
        lines.into_iter().rev().find(|line| words.iter().all(|word| line.contains(word)))
    })
    .await
}

/// A key of ours that others may write to, made into something else.
pub(super) async fn types(bench: &mut Bench) {
    for stream in [SPEND, OPPORTUNITIES] {
        let _: i64 = server(&bench.service).say(&["DEL", stream]).await;
        let _: String = server(&bench.service).say(&["SET", stream, "5"]).await;
        let said = line(&bench.service, &["intake from redis stands still", stream]).await;
        let before = standing(&bench.service).await;
        assert_eq!(before, bench.before, "leads and publishes on");
        let names = [stream, "is a string and must be a stream", "rename or delete it"];
        bench.case(&format!("{stream} of the wrong type"), said, &names).await;
        let _: i64 = server(&bench.service).say(&["DEL", stream]).await;
        // Entries are taken again, as soon as the key is mended.
        let said = refusal(&bench.service, SPEND, &format!("{EVENT} price_nanos -7")).await;
        assert!(said.contains("price_nanos is \"-7\""), "{said}");
    }
}

/// A second process that disagrees on the number of partitions, or finds something else.
pub(super) async fn partitions(bench: &mut Bench) {
    let mut list = vec!["run".to_owned()];
    list.extend(bench.service.settings());
    list.extend(["--set".to_owned(), "partitions=2".to_owned()]);
    let words = |list: &[String]| list.iter().map(String::as_str).collect::<Vec<_>>().join("\n");
    let run = words(&list);
    let run: Vec<&str> = run.split('\n').collect();
    let Told { code, err, .. } = bench.service.command(&run).await;
    assert_eq!(code, 1, "{err}");
    let said = err.lines().last().unwrap_or_default().to_owned();
    let names = ["the store has 1 partitions, the configuration says 2: keep 1"];
    bench.case("a Redis with another number of partitions", said, &names).await;

    let Some(other) = Server::start().await else { return };
    let _: String = other.say(&["SET", "{paceline:000}:layout", "5"]).await;
    let url = format!("store.redis_url={}", other.url());
    let mut run = run[..run.len() - 1].to_vec();
    run.push(&url);
    let Told { code, err, .. } = bench.service.command(&run).await;
    assert_eq!(code, 1, "{err}");
    let said = err.lines().last().unwrap_or_default().to_owned();
    let names = ["{paceline:000}:layout is a string and must be a hash", "rename or delete it"];
    bench.case("a Redis whose layout is of the wrong type", said, &names).await;
    let kept: String = other.say(&["GET", "{paceline:000}:layout"]).await;
    assert_eq!(kept, "5", "what is there is left as it is");
}
