//! One log through the service and through the simulator: the same tables, digest by digest,
//! whether the simulator begins at the first record or at a snapshot in the middle.

use crate::harness::{Service, Setup, on_each_store, until};
use crate::log;
use crate::market::{Bidder, FastClock, Order, enter};
use paceline_core::hash::Digest;
use paceline_core::units::{Epoch, Generation, Span};
use paceline_proto::v1;
use paceline_proto::v1::multiplier_service_client::MultiplierServiceClient;
use paceline_sim::replay::journal;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

const FACTOR: u32 = 30;
const CAMPAIGNS: [&str; 5] = ["even-1", "even-2", "part-1", "asap-1", "mute-1"];

fn order(name: &str, budget_micros: i64) -> Order {
    let law = match name {
        "part-1" => v1::PacingLaw::PassThrough,
        "asap-1" => v1::PacingLaw::Asap,
        _ => v1::PacingLaw::LogPid,
    };
    Order { name: name.to_owned(), budget_micros, law }
}

/// One of each law, one to be edited, and one that nobody asks for.
fn orders() -> [Order; 5] {
    let budgets = [70_000_000, 50_000_000, 40_000_000, 20_000_000, 10_000_000];
    std::array::from_fn(|at| order(CAMPAIGNS[at], budgets[at]))
}

/// The table in force, as a reader without a name gets it: which, and its digest.
async fn seen(service: &Service) -> (Generation, Digest) {
    let mut client = MultiplierServiceClient::new(service.channel());
    let asked = client.get_multipliers(v1::GetMultipliersRequest::default()).await;
    let mut updates = asked.unwrap().into_inner().updates;
    let Some(v1::partition_update::News::Page(page)) = updates.remove(0).news else {
        panic!("who holds nothing gets a page");
    };
    let (generation, digest) = (page.generation.unwrap(), page.digest.unwrap());
    let generation = Generation { epoch: Epoch(generation.epoch), sequence: generation.sequence };
    (generation, Digest::from_halves(digest.high, digest.low))
}

async fn freeze(service: &Service, clock: &FastClock, campaign: &str) {
    let until = clock.now() + Span::from_mins(2);
    let request = v1::SetOverrideRequest {
        target: Some(v1::BudgetOwner {
            owner: Some(v1::budget_owner::Owner::CampaignId(campaign.to_owned())),
        }),
        action: Some(v1::OverrideAction {
            action: Some(v1::override_action::Action::Freeze(v1::OverrideFreeze {})),
        }),
        reason: "the market is told to stand".to_owned(),
        expires_at: Some(prost_types::Timestamp {
            seconds: until.as_micros() / 1_000_000,
            nanos: 0,
        }),
        request_id: "freeze-1".to_owned(),
    };
    service.admin().set_override(request).await.unwrap();
}

/// The records of `whole` after the snapshot that `tail` begins with: header and lines of one file.
fn from_snapshot(whole: &Path, tail: &Path) -> PathBuf {
    let (whole_text, tail_text) =
        (std::fs::read_to_string(whole).unwrap(), std::fs::read_to_string(tail).unwrap());
    let mut tail_lines = tail_text.lines();
    let (header, first) = (tail_lines.next().unwrap(), tail_lines.next().unwrap());
    let records = whole_text.lines().skip_while(|line| *line != first);
    let text: String =
        std::iter::once(header).chain(records).flat_map(|line| [line, "\n"]).collect();
    let path = whole.with_file_name("middle.jsonl");
    std::fs::write(&path, text).unwrap();
    path
}

/// The digests that readers saw are those of the tables that come out again.
fn check_seen(path: &Path, seen: &BTreeMap<Generation, Digest>) {
    let mut found = 0;
    log::fold(path, |engine, record| {
        let applied = engine.apply(record.at, &record.input);
        let table = engine.table();
        if let paceline_core::engine::Applied::Ticked(_) = &applied
            && let Some(digest) = seen.get(&table.generation)
        {
            assert_eq!(table.digest, *digest, "table {}", table.generation);
            found += 1;
        }
        applied
    });
    assert_eq!(found, seen.len(), "every table that was seen came out");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_log_gives_the_same_tables_in_the_simulator_from_its_beginning_and_from_its_middle() {
    on_each_store(async |setup: Setup| {
        let clock = FastClock::new(FACTOR);
        let mut service = setup.with("clock.kind", &clock.setting()).start().await;
        enter(&service, &clock, &orders()).await;
        let start = |name| Bidder::start(name, &service, &clock, &CAMPAIGNS[..4]);
        let mut bidders = vec![start("bidder-1"), start("bidder-2")];
        let mut digests = BTreeMap::new();
        clock.pass(Span::from_secs(90)).await;
        digests.extend([seen(&service).await]);
        freeze(&service, &clock, "even-1").await;
        bidders.push(start("bidder-3"));
        clock.pass(Span::from_mins(1)).await;
        enter(&service, &clock, &[order("even-2", 60_000_000)]).await;
        clock.pass(Span::from_mins(1)).await;
        digests.extend([seen(&service).await]);
        service.kill();
        let tail = log::dump_from_checkpoint(&service, "tail.jsonl").await;
        service.restart().await;
        let again = until("a table of the new term", async || {
            let seen = seen(&service).await;
            (seen.0.epoch > Epoch(1)).then_some(seen)
        })
        .await;
        digests.extend([again]);
        clock.pass(Span::from_mins(2)).await;
        for bidder in bidders {
            assert!(!bidder.stop().await.is_empty(), "every bidder served");
        }
        digests.extend([seen(&service).await]);
        assert!(service.stop().await.success(), "{}", service.log().join("\n"));

        let whole = log::dump(&service, "whole.jsonl").await;
        check_seen(&whole, &digests);
        let report = journal::replay(&whole, |_| ()).unwrap();
        eprint!("{report}");
        assert_eq!((report.mismatches, report.first_mismatch.as_ref()), (0, None));
        assert!(report.generations_checked >= 30, "{report:?}");
        assert!(report.generations_unpublished <= 1, "the kill may have come between: {report:?}");
        assert!(report.total.spend_nanos > 0 && report.total.wins > 0, "{report:?}");

        let middle = from_snapshot(&whole, &tail);
        let tail = journal::replay(&middle, |_| ()).unwrap();
        eprint!("{tail}");
        assert!(tail.is_from_snapshot && tail.generations_checked >= 10, "{tail:?}");
        assert!(tail.generations_checked < report.generations_checked, "{tail:?}");
        assert_eq!((tail.mismatches, tail.first_mismatch.as_ref()), (0, None));
        assert_eq!(tail.total.spend_nanos, report.total.spend_nanos);
    })
    .await;
}
