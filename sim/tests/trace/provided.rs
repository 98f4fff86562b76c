//! Every shared file is read to its end.

use crate::shared_data;
use paceline_core::units::Nanos;
use paceline_sim::trace::auctions::{self, AuctionOptions};
use paceline_sim::trace::campaigns::{self, CampaignOptions};
use paceline_sim::trace::orders::{self, OrderOptions};
use paceline_sim::trace::{spend, traffic};
use std::collections::{BTreeMap, BTreeSet};

#[test]
fn every_auction_trace_is_read() {
    let Some(data) = shared_data("every_auction_trace_is_read") else { return };
    for (file, rows, below_floor) in [
        ("toy/auctions.csv", 12, 0),
        ("ipinyou_dlf_2259/auctions_train.csv", 8_355, 55),
        ("ipinyou_dlf_2259/auctions_train.parquet", 8_355, 55),
        ("auctionnet/auctions_synthetic_day.parquet", 60_000, 0),
    ] {
        let mut reader = auctions::open(&data.join(file), &AuctionOptions::default()).unwrap();
        let count = reader.by_ref().collect::<Result<Vec<_>, _>>().expect(file).len();
        assert_eq!((count, reader.warnings().below_floor), (rows, below_floor), "{file}");
    }
}

#[test]
fn csv_and_parquet_hold_the_same_rows() {
    let Some(data) = shared_data("csv_and_parquet_hold_the_same_rows") else { return };
    let open = |extension: &str| {
        let path = data.join(format!("ipinyou_dlf_2259/auctions_train.{extension}"));
        auctions::open(&path, &AuctionOptions::default()).unwrap()
    };
    for (text, binary) in open("csv").zip(open("parquet")) {
        let (text, binary) = (text.unwrap(), binary.unwrap());
        assert_eq!(
            (text.at, text.request, text.segment),
            (binary.at, binary.request, binary.segment)
        );
        assert_eq!((text.floor, text.min_to_win), (binary.floor, binary.min_to_win));
        assert_eq!((text.click, text.logged_bid), (binary.click, binary.logged_bid));
    }
}

#[test]
fn named_columns_are_carried_along() {
    let Some(data) = shared_data("named_columns_are_carried_along") else { return };
    let names = ["pcvr_an00", "pcvr_an16", "bid1_cpm_micros", "bid4_cpm_micros"];
    let options = AuctionOptions {
        extra_columns: names.map(str::to_owned).to_vec(),
        ..AuctionOptions::default()
    };
    let path = data.join("auctionnet/auctions_synthetic_day.parquet");
    for row in auctions::open(&path, &options).unwrap().take(5_000) {
        let row = row.unwrap();
        assert!((0..2).all(|index| row.extra(index).is_some_and(|p| (0.0..=1.0).contains(&p))));
        assert!(row.extra(2) >= row.extra(3));
        assert_eq!(row.extra(4), None);
    }
}

#[test]
fn every_campaign_file_makes_sound_specifications() {
    let Some(data) = shared_data("every_campaign_file_makes_sound_specifications") else { return };
    for (file, campaigns_expected, flights_expected) in [
        ("toy/campaigns.csv", 2, 2),
        ("auctionnet/campaigns.csv", 48, 48),
        ("mystique_synth/campaigns.csv", 100, 100),
        ("snapchat_spend/campaigns.csv", 0, 0),
    ] {
        let read = campaigns::read(&data.join(file), &CampaignOptions::default()).unwrap();
        let orders = orders::from_file(&read, OrderOptions::default()).unwrap();
        assert!(orders.campaigns.iter().all(|order| order.spec.check().is_empty()), "{file}");
        if campaigns_expected > 0 {
            let flights = orders.campaigns.iter().map(|order| order.spec.budgets.flights.len());
            assert_eq!(orders.campaigns.len(), campaigns_expected, "{file}");
            assert_eq!(flights.sum::<usize>(), flights_expected, "{file}");
        }
    }
}

#[test]
fn repeated_events_are_passed_on_and_their_first_copies_sum_to_the_truth() {
    let Some(data) = shared_data("repeated_events_are_passed_on") else { return };
    let path = data.join("ipinyou_dlf_2259/spend_events_faulty.csv");
    let mut reader = spend::open(&path).unwrap();
    let mut seen = BTreeSet::new();
    let mut sums: BTreeMap<_, (Nanos, Nanos)> = BTreeMap::new();
    for row in reader.by_ref() {
        let row = row.unwrap();
        let (unique, naive) = sums.entry(row.campaign.key()).or_default();
        *naive += row.spend;
        if seen.insert(row.event.unwrap()) {
            *unique += row.spend;
        }
    }
    let named: BTreeMap<&str, (i64, i64)> = sums
        .iter()
        .map(|(key, (unique, naive))| {
            (reader.campaigns().name(*key).unwrap(), (unique.get(), naive.get()))
        })
        .collect();
    assert_eq!(named["c1"], (4_572_360_000, 4_653_480_000));
    assert_eq!(named["c2"], (2_388_080_000, 2_422_510_000));
    assert_eq!(named["c3"], (795_800_000, 813_360_000));
}

#[test]
fn rows_without_a_time_of_arrival_arrive_in_file_order() {
    let Some(data) = shared_data("rows_without_a_time_of_arrival") else { return };
    let mut reader = spend::open(&data.join("toy/spend.csv")).unwrap();
    let rows: Vec<_> = reader.by_ref().map(Result::unwrap).collect();
    assert!(rows.is_sorted_by_key(|row| row.received_at));
    assert!(!rows.is_sorted_by_key(|row| row.at));
    assert_eq!(reader.warnings().out_of_order, 1);
}

#[test]
fn every_spend_file_is_read() {
    let Some(data) = shared_data("every_spend_file_is_read") else { return };
    for file in ["toy/spend.csv", "msads_spend/spend_daily.csv", "snapchat_spend/spend_hourly.csv"]
    {
        let mut reader = spend::open(&data.join(file)).unwrap();
        assert!(reader.by_ref().collect::<Result<Vec<_>, _>>().expect(file).len() > 2, "{file}");
        assert_eq!(reader.warnings().spend_not_price, 0, "{file}");
    }
}

#[test]
fn every_traffic_file_is_read() {
    let Some(data) = shared_data("every_traffic_file_is_read") else { return };
    for file in [
        "auctionnet/traffic_day.csv",
        "auctionnet/traffic_day_by_category.csv",
        "bat_traffic/traffic_week.csv",
        "mystique_synth/traffic_day.csv",
        "nab/price_hourly.csv",
        "nab/traffic_30min_taxi.csv",
        "nab/traffic_5min_elb.csv",
        "nab/traffic_5min_tweets.parquet",
        "nasa_rate/traffic_1min_july.parquet",
    ] {
        let mut reader = traffic::open(&data.join(file)).unwrap();
        assert!(reader.by_ref().collect::<Result<Vec<_>, _>>().expect(file).len() > 40, "{file}");
        assert_eq!(reader.uneven_series(), 0, "{file}");
    }
}
