//! What only Redis can suffer: keys of another type, a server that dies, other programs' writes.

use crate::arm::{P, PARTITIONS, at, claim, lead, read_all, tick, ticks};
use crate::server::Server;
use bytes::Bytes;
use paceline::store::redis::foreign::ForeignPage;
use paceline::store::redis::table::{Pages, StoredTable};
use paceline::store::{Offset, RedisStore, Store, StoreFault};
use paceline_core::event::SpendBatch;
use paceline_core::hash::Digest;
use paceline_core::input::Input;
use paceline_core::table::Lease;
use paceline_core::units::{
    CampaignId, Epoch, EventId, Generation, Name, Nanos, ProducerId, Window,
};
use std::time::Duration;

async fn connect(server: &Server) -> RedisStore {
    RedisStore::connect(&server.config(), PARTITIONS).await.unwrap()
}

#[tokio::test]
async fn the_number_of_partitions_is_fixed_at_first_start() {
    let Some(server) = Server::start().await else { return };
    connect(&server).await;
    let refused = RedisStore::connect(&server.config(), 16).await.unwrap_err();
    assert_eq!(
        refused.fault().to_string(),
        "the store has 4 partitions, the configuration says 16: keep 4"
    );
}

#[tokio::test]
async fn an_append_that_was_answered_survives_a_killed_server() {
    let Some(mut server) = Server::start().await else { return };
    let store = Store::from(connect(&server).await);
    let reachable = connect(&server).await.reachable();
    assert!(*reachable.borrow());
    store.append(P, None, &ticks(0..10)).await.unwrap();
    server.kill();
    let error = store.append(P, None, &[tick(10)]).await.unwrap_err();
    assert!(error.is_transient(), "{}", error.fault());
    server.restart().await;
    let back = async {
        let mut interval = tokio::time::interval(Duration::from_millis(10));
        while store.check().await.is_err() {
            interval.tick().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), back).await.expect("the line is restored");
    assert_eq!(read_all(&store, Offset::START, 100).await, ticks(0..10));
}

#[tokio::test]
async fn a_server_that_dies_and_returns_is_told_on_the_edges() {
    let Some(mut server) = Server::start().await else { return };
    let store = connect(&server).await;
    let mut reachable = store.reachable();
    let store = Store::from(store);
    store.check().await.unwrap();
    assert!(!reachable.has_changed().unwrap());
    server.kill();
    assert!(store.check().await.unwrap_err().is_transient());
    assert!(!*reachable.borrow_and_update());
    assert!(store.check().await.is_err());
    assert!(!reachable.has_changed().unwrap(), "a second failure is no edge");
    server.restart().await;
    let back = async { while store.check().await.is_err() {} };
    tokio::time::timeout(Duration::from_secs(20), back).await.expect("the line is restored");
    assert!(*reachable.borrow_and_update());
}

/// A table whose pages hold these bytes.
fn table(generation: (u32, u64), pages: &[&'static [u8]]) -> StoredTable {
    StoredTable {
        generation: Generation { epoch: Epoch(generation.0), sequence: generation.1 },
        as_of: at(1),
        lease: Lease { valid_until: at(2), grace_until: at(3) },
        digest: Digest::from_halves(1, 2),
        entries: 7,
        pages: pages.iter().map(|page| Bytes::from_static(page)).collect(),
    }
}

#[tokio::test]
async fn a_table_is_replaced_whole_or_by_pages_and_never_goes_back() {
    let Some(server) = Server::start().await else { return };
    let store = connect(&server).await;
    let lease = lead(&Store::from(store.clone()), &claim("a", 0)).await;
    let pages = async || {
        let key = "{paceline:002}:table";
        let fields = ["HMGET", key, "generation", "pages", "page:0", "page:1", "page:2"];
        server.say::<Vec<Option<String>>>(&fields).await
    };
    let told = |words: [Option<&str>; 5]| words.map(|word| word.map(str::to_owned)).to_vec();
    let three = table((1, 5), &[b"a", b"b", b"c"]);
    assert!(store.put_table(P, &three, Pages::All).await.unwrap());
    let older = store.put_table(P, &table((1, 5), &[b"x"]), Pages::All).await.unwrap_err();
    assert_eq!(older.to_string(), "putting table 1.5 of partition 2");
    assert_eq!(older.fault().to_string(), "table 1.5 is not newer than table 1.5");
    // Only the second page travels, and one that is gone goes.
    let over = Pages::Changed { over: three.generation, numbers: &[1] };
    assert!(store.put_table(P, &table((1, 6), &[b"z", b"B"]), over).await.unwrap());
    assert_eq!(pages().await, told([Some("1.6"), Some("2"), Some("a"), Some("B"), None]));
    // Over a table that is no longer there nothing is written.
    assert!(!store.put_table(P, &table((1, 7), &[b"q", b"q"]), over).await.unwrap());
    // The same table with a longer lease is written over itself.
    let renewed = StoredTable {
        lease: Lease { valid_until: at(20), grace_until: at(30) },
        ..table((1, 6), &[b"z", b"z"])
    };
    let over = Pages::Changed { over: renewed.generation, numbers: &[] };
    assert!(store.put_table(P, &renewed, over).await.unwrap());
    let until = server.say::<String>(&["HGET", "{paceline:002}:table", "valid_until_us"]).await;
    assert_eq!(until, "20");
    let store = Store::from(store.clone());
    store.resign_lead(P, &lease).await.unwrap();
    lead(&store, &claim("b", 0)).await;
    let Store::Redis(store) = store else { panic!("it was made of redis") };
    let stale = store.put_table(P, &table((1, 8), &[b"s"]), Pages::All).await.unwrap_err();
    assert!(stale.is_fenced(), "{}", stale.fault());
    assert_eq!(pages().await, told([Some("1.6"), Some("2"), Some("a"), Some("B"), None]));
    assert!(store.put_table(P, &table((2, 1), &[b"n"]), Pages::All).await.unwrap());
    assert_eq!(pages().await, told([Some("2.1"), Some("1"), Some("n"), None, None]));
}

#[tokio::test]
async fn a_key_of_another_type_is_named_with_its_type() {
    let Some(server) = Server::start().await else { return };
    let redis = connect(&server).await;
    let store = Store::from(redis.clone());
    server.say::<()>(&["SET", "{paceline:002}:log", "x"]).await;
    server.say::<()>(&["LPUSH", "{paceline:002}:epoch", "x"]).await;
    server.say::<()>(&["SET", "{paceline:002}:in:spend", "x"]).await;
    let plain = store.append(P, None, &[tick(1)]).await.unwrap_err();
    assert_eq!(
        plain.fault().to_string(),
        "key {paceline:002}:log is a string and must be a stream: rename or delete it"
    );
    // Also inside a script.
    let scripted = store.acquire_lead(P, &claim("a", 0)).await.unwrap_err();
    assert_eq!(
        scripted.fault().to_string(),
        "key {paceline:002}:epoch is a list and must be a string: rename or delete it"
    );
    let foreign = redis.read_foreign(P, 10).await.unwrap_err();
    assert!(matches!(foreign.fault(), StoreFault::WrongType { wanted: "stream", .. }));
    assert!(!foreign.is_transient());
}

#[tokio::test]
async fn foreign_spend_becomes_records_and_its_faults_are_kept_apart() {
    let Some(server) = Server::start().await else { return };
    let redis = connect(&server).await;
    let store = Store::from(redis.clone());
    let epoch = lead(&store, &claim("a", 0)).await.epoch;
    let spend = "{paceline:002}:in:spend";
    let win = ["kind", "win", "price_nanos", "5", "occurred_at_us", "7", "campaign", "shoes"];
    let add = async |more: &[&str]| {
        let words = [&["XADD", spend, "*"], win.as_slice(), more].concat();
        server.say::<String>(&words).await
    };
    add(&["event_id", "e1", "producer", "p", "sequence", "1"]).await;
    add(&["event_id", "e2", "producer", "p", "sequence", "2", "reported_through_us", "8"]).await;
    let bad = add(&["event_id", "e3", "arm", "x"]).await;
    add(&["event_id", "e4"]).await;
    let page = redis.read_foreign(P, 100).await.unwrap();
    assert_eq!(page.inputs.len(), 2);
    let Input::Spend(SpendBatch { producer, reported_through, events }) = &page.inputs[0] else {
        panic!("{:?}", page.inputs[0]);
    };
    assert_eq!((*producer, *reported_through), (Some(ProducerId::of("p")), Some(at(8))));
    assert_eq!(events[1].event_id, EventId::of("e2"));
    assert_eq!(
        page.refusals[0].to_string(),
        format!("{spend} {bad}: arm is \"x\": must be a whole number from 0 to 255")
    );
    let end = redis.take_foreign(P, epoch, &page, at(50)).await.unwrap().unwrap();
    assert_eq!(store.end(P).await.unwrap(), end);
    let records = read_all(&store, Offset::START, 10).await;
    assert!(records.iter().all(|record| record.at == at(50)));
    assert!(records.into_iter().map(|record| record.input).eq(page.inputs));
    let kept: redis::Value = server.say(&["XRANGE", "{paceline:002}:in:refused", "-", "+"]).await;
    assert!(format!("{kept:?}").contains("must be a whole number from 0 to 255"));
    assert!(redis.read_foreign(P, 100).await.unwrap().is_empty());
    assert_eq!(server.say::<u64>(&["XLEN", spend]).await, 0, "what is in the log is removed");
}

#[tokio::test]
async fn a_page_is_taken_once_whatever_happens_to_the_answer() {
    let Some(server) = Server::start().await else { return };
    let redis = connect(&server).await;
    let store = Store::from(redis.clone());
    let epoch = lead(&store, &claim("a", 0)).await.epoch;
    let opportunities = "{paceline:002}:in:opportunities";
    let add = async |sequence: &str| {
        let entry = "campaign c segment s asks 9 bids 4 wins 2 reported_through_us 9 producer p";
        let words: Vec<&str> = ["XADD", opportunities, "*", "sequence", sequence]
            .into_iter()
            .chain(entry.split(' '))
            .collect();
        server.say::<String>(&words).await
    };
    add("1").await;
    let page = redis.read_foreign(P, 100).await.unwrap();
    redis.take_foreign(P, epoch, &page, at(1)).await.unwrap();
    // The answer was lost, or the reader crashed before it: the page is offered again.
    let again = redis.take_foreign(P, epoch, &page, at(2)).await.unwrap_err();
    assert!(matches!(again.fault(), StoreFault::AlreadyTaken) && again.is_transient());
    add("2").await;
    let rest: ForeignPage = redis.read_foreign(P, 100).await.unwrap();
    assert_eq!(rest.inputs.len(), 1);
    // A leader whose term is over takes nothing.
    let stale = redis.take_foreign(P, Epoch(epoch.0 - 1), &rest, at(3)).await.unwrap_err();
    assert!(stale.is_fenced());
    redis.take_foreign(P, epoch, &rest, at(4)).await.unwrap();
    assert_eq!(read_all(&store, Offset::START, 10).await.len(), 2);
}

#[tokio::test]
async fn counters_are_read_whole_and_absence_is_told() {
    let Some(server) = Server::start().await else { return };
    let redis = connect(&server).await;
    // 2026-03-01 05:00 UTC.
    let window = Window::try_new(at(1_772_341_200_000_000), at(1_772_427_600_000_000)).unwrap();
    let key = "{paceline:002}:spend:20260301T0500Z";
    let name = |text: &str| Name::try_new(text).unwrap();
    let asked = [name("shoes"), name("hats"), name("gloves")];
    let none = redis.read_counters(P, window, &asked, at(1)).await.unwrap();
    assert!(none.reads.iter().all(|read| read.value.is_none()));
    server.say::<i64>(&["HINCRBY", key, "shoes", "2500"]).await;
    server.say::<i64>(&["HINCRBY", key, "nobody", "1"]).await;
    server.say::<i64>(&["HSET", key, "hats", "12.50"]).await;
    let page = redis.read_counters(P, window, &asked, at(2)).await.unwrap();
    let values: Vec<_> = page.reads.iter().map(|read| (read.campaign, read.value)).collect();
    let expected = [("shoes", Some(Nanos::new(2_500))), ("hats", None), ("gloves", None)];
    assert_eq!(values, expected.map(|(name, value)| (CampaignId::of(name), value)));
    assert_eq!((page.fields, page.reads[0].read_at, page.reads[0].window), (3, at(2), window));
    assert_eq!(
        page.refusals[0].to_string(),
        format!("{key} field hats is \"12.50\": must be a whole number of nanos")
    );
    server.say::<()>(&["SET", key, "x"]).await;
    let refused = redis.read_counters(P, window, &asked, at(3)).await.unwrap_err();
    assert_eq!(
        refused.fault().to_string(),
        format!("key {key} is a string and must be a hash: rename or delete it")
    );
}

#[tokio::test]
async fn counters_beyond_one_page_keep_their_order() {
    let Some(server) = Server::start().await else { return };
    let redis = connect(&server).await;
    let window = Window::try_new(at(0), at(60_000_000)).unwrap();
    let names: Vec<Name> =
        (0..70_001).map(|number| Name::try_new(format!("c{number}")).unwrap()).collect();
    let mut command = redis::cmd("HSET");
    command.arg("{paceline:002}:spend:19700101T0000Z");
    for (number, name) in names.iter().enumerate() {
        command.arg(name.as_str()).arg(number);
    }
    command.exec_async(&mut server.connection().await).await.unwrap();
    let page = redis.read_counters(P, window, &names, at(1)).await.unwrap();
    assert_eq!(page.fields, 70_001);
    let values = page.reads.iter().map(|read| read.value.unwrap().get());
    assert!(values.eq(0..70_001));
}
