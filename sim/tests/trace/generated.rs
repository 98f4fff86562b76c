//! Made-up files: the same seed gives the same bytes, and our own readers take them.

use paceline_core::units::Timestamp;
use paceline_sim::generate::{GenerateKind, GenerateOptions, Model, generate};
use paceline_sim::trace::auctions::{self, AuctionOptions};
use paceline_sim::trace::campaigns::{self, CampaignOptions};
use paceline_sim::trace::orders::{self, OrderOptions};
use paceline_sim::trace::traffic::Slot;
use paceline_sim::trace::{spend, traffic};
use std::path::PathBuf;

const KINDS: [GenerateKind; 4] =
    [GenerateKind::Auctions, GenerateKind::Campaigns, GenerateKind::Traffic, GenerateKind::Spend];
const MODELS: [Model; 2] = [Model::Mystique, Model::Auctionnet];

fn options(kind: GenerateKind, model: Model, seed: u64) -> GenerateOptions {
    let start = Timestamp::from_micros(1_700_000_000_000_000);
    GenerateOptions { kind, model, seed, rows: 3_000, days: 2, start, campaigns: 3 }
}

fn made(
    folder: &tempfile::TempDir,
    kind: GenerateKind,
    model: Model,
    extension: &str,
) -> (PathBuf, u64) {
    let path = folder.path().join(format!("{kind:?}-{model:?}.{extension}"));
    let rows = generate(&path, &options(kind, model, 7)).unwrap();
    (path, rows)
}

#[test]
fn the_same_seed_gives_the_same_bytes_and_another_gives_others() {
    let folder = tempfile::tempdir().unwrap();
    for (kind, model) in KINDS.iter().flat_map(|kind| MODELS.map(|model| (*kind, model))) {
        for extension in ["csv", "parquet"] {
            let (path, _) = made(&folder, kind, model, extension);
            let first = std::fs::read(&path).unwrap();
            generate(&path, &options(kind, model, 7)).unwrap();
            assert!(first == std::fs::read(&path).unwrap(), "{kind:?} {model:?} {extension}");
            generate(&path, &options(kind, model, 8)).unwrap();
            assert!(first != std::fs::read(&path).unwrap(), "{kind:?} {model:?} {extension}");
        }
    }
}

#[test]
fn auctions_are_counted_sorted_and_the_same_in_both_forms() {
    let folder = tempfile::tempdir().unwrap();
    for model in MODELS {
        let options = AuctionOptions {
            extra_columns: vec!["bid1_cpm_micros".to_owned(), "bid2_cpm_micros".to_owned()],
            ..AuctionOptions::default()
        };
        let read = |extension| {
            let (path, rows) = made(&folder, GenerateKind::Auctions, model, extension);
            let read: Vec<_> =
                auctions::open(&path, &options).unwrap().map(Result::unwrap).collect();
            assert_eq!((rows, read.len()), (3_000, 3_000));
            read
        };
        for (text, binary) in read("csv").iter().zip(&read("parquet")) {
            assert_eq!((text.at, text.request), (binary.at, binary.request));
            assert_eq!(text.min_to_win, binary.min_to_win);
            assert_eq!(text.click_probability, binary.click_probability);
            assert!(text.extra(0) >= text.extra(1) && text.extra(1).is_some());
        }
    }
}

#[test]
fn campaigns_make_sound_specifications_within_the_published_ranges() {
    let folder = tempfile::tempdir().unwrap();
    for (model, extension) in [(Model::Mystique, "csv"), (Model::Auctionnet, "parquet")] {
        let (path, rows) = made(&folder, GenerateKind::Campaigns, model, extension);
        let file = campaigns::read(&path, &CampaignOptions::default()).unwrap();
        assert_eq!((rows, file.rows.len()), (3_000, 3_000));
        let orders = orders::from_file(&file, OrderOptions::default()).unwrap();
        assert!(orders.campaigns.iter().all(|order| order.spec.check().is_empty()));
        let mut budgets: Vec<i64> =
            file.rows.iter().map(|row| row.budget.get() / 1_000_000_000).collect();
        budgets.sort_unstable();
        match model {
            // The median of Gamma(3.77) is 3.44, and e^3.44 is 31.
            Model::Mystique => assert!((27..36).contains(&budgets[1_500]), "{}", budgets[1_500]),
            Model::Auctionnet => assert_eq!((budgets[0], budgets[2_999]), (2_000, 4_850)),
        }
    }
}

#[test]
fn traffic_is_a_count_a_minute_or_shares_that_sum_to_one() {
    let folder = tempfile::tempdir().unwrap();
    let (path, rows) = made(&folder, GenerateKind::Traffic, Model::Mystique, "csv");
    let counts: Vec<u64> =
        traffic::open(&path).unwrap().map(|row| row.unwrap().requests.unwrap()).collect();
    assert_eq!((rows, counts.len()), (2_880, 2_880));
    assert!((1_000..1_400).contains(&counts[0]) && (4_400..5_200).contains(&counts[720]));

    let (path, rows) = made(&folder, GenerateKind::Traffic, Model::Auctionnet, "parquet");
    let mut reader = traffic::open(&path).unwrap();
    let slots: Vec<Slot> = reader.by_ref().map(|row| row.unwrap().slot).collect();
    assert_eq!((rows, slots.len()), (48, 48));
    assert_eq!(slots[47], Slot::Numbered(47));
    assert_eq!(reader.uneven_series(), 0);
}

#[test]
fn spend_arrives_in_order_with_some_events_twice_and_some_lost() {
    let folder = tempfile::tempdir().unwrap();
    let (path, rows) = made(&folder, GenerateKind::Spend, Model::Mystique, "parquet");
    let mut reader = spend::open(&path).unwrap();
    let events: Vec<_> = reader.by_ref().map(|row| row.unwrap()).collect();
    assert_eq!(u64::try_from(events.len()).unwrap(), rows);
    let mut ids: Vec<_> = events.iter().map(|row| row.event.unwrap()).collect();
    ids.sort_unstable();
    ids.dedup();
    assert!((2_950..3_000).contains(&ids.len()), "{}", ids.len());
    assert!((30..100).contains(&(events.len() - ids.len())), "{}", events.len() - ids.len());
    assert_eq!(reader.campaigns().len(), 3);
    assert_eq!(reader.warnings().spend_not_price, 0);
}
