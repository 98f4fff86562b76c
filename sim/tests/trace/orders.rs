//! Campaign rows that belong together, and those that do not.

use crate::text_file;
use paceline_core::budget::Horizon;
use paceline_core::campaign::{BillingEvent, DeliveryMode};
use paceline_core::units::{Nanos, SegmentId};
use paceline_sim::trace::campaigns::{self, CampaignOptions};
use paceline_sim::trace::orders::{self, OrderOptions, Orders};

const HEADER: &str = "campaign_id,advertiser_id,period,budget_micros,total_budget_micros,\
                      start_ts_us,end_ts_us,timezone,delivery_method,goal,max_bid_cpm_micros,\
                      currency,segments";

fn orders(rows: &str, options: OrderOptions) -> Result<Orders, String> {
    let folder = tempfile::tempdir().unwrap();
    let path = text_file(&folder, "c.csv", &format!("{HEADER}\n{rows}\n"));
    let file = campaigns::read(&path, &CampaignOptions::default()).unwrap();
    orders::from_file(&file, options)
        .map_err(|error| error.to_string().replace(&path.display().to_string(), "c.csv"))
}

#[test]
fn a_daily_budget_is_a_cap_on_the_day_inside_its_flight() {
    let rows = "c,adv,DAILY,1500,9000,0,86400000000,Europe/Paris,ACCELERATED,SPEND,8,USD,b;a";
    let found = orders(rows, OrderOptions::default()).unwrap();
    let spec = &found.campaigns[0].spec;
    assert_eq!(spec.check(), []);
    assert_eq!(spec.budgets.cap(Horizon::Day), Some(Nanos::new(1_500_000)));
    assert_eq!(spec.budgets.flights[0].budget, Some(Nanos::new(9_000_000)));
    assert_eq!(spec.delivery, DeliveryMode::Asap);
    assert_eq!(spec.value_cap.unwrap().get(), 8);
    assert_eq!(found.advertisers[0].zone_name.as_str(), "Europe/Paris");
    assert_eq!(found.advertisers[0].currency.as_str(), "USD");
    assert!(found.campaigns[0].wants(SegmentId::of("a")));
    assert!(!found.campaigns[0].wants(SegmentId::of("c")));
}

#[test]
fn rows_of_one_campaign_are_its_flights_in_order_of_start() {
    let rows = "c,,CUSTOM_PERIOD,700,,200,300,,,CLICKS,,USD,\n\
                c,,CUSTOM_PERIOD,500,,100,200,,,CLICKS,,USD,";
    let found = orders(rows, OrderOptions { bill_clicks: true, ..OrderOptions::default() });
    let found = found.unwrap();
    let spec = &found.campaigns[0].spec;
    assert_eq!(spec.check(), []);
    let budgets: Vec<_> =
        spec.budgets.flights.iter().map(|flight| flight.budget.unwrap().get()).collect();
    assert_eq!(budgets, [500_000, 700_000]);
    assert_eq!(spec.billing, BillingEvent::Click);
    assert_eq!(found.advertisers[0].name.as_str(), "c");
    let by_impression = orders(rows, OrderOptions::default()).unwrap();
    assert_eq!(by_impression.campaigns[0].spec.billing, BillingEvent::Impression);
}

#[test]
fn rows_that_contradict_each_other_are_refused_by_name() {
    let first = "c,adv,DAILY,1500,,100,200,UTC,,SPEND,,USD,";
    for (second, expected) in [
        (
            "d,adv,DAILY,1500,,100,200,Asia/Tokyo,,SPEND,,USD,",
            "column timezone: \"Asia/Tokyo\" must be UTC as for advertiser adv in line 2: an \
             advertiser has one zone (campaign d)",
        ),
        (
            "c,other,DAILY,1500,,200,300,UTC,,SPEND,,USD,",
            "column advertiser_id: \"other\" must be as in line 2 for campaign c",
        ),
        (
            "c,adv,CUSTOM_PERIOD,1500,,200,300,UTC,,SPEND,,USD,",
            "column period: \"CustomPeriod\" must be as in line 2 for campaign c",
        ),
        (
            "c,adv,DAILY,1600,,200,300,UTC,,SPEND,,USD,",
            "column budget_micros: \"1600\" must be as in line 2 for campaign c",
        ),
        (
            "c,adv,DAILY,1500,,200,300,UTC,,CLICKS,,USD,",
            "column goal: \"Clicks\" must be as in line 2 for campaign c",
        ),
        (
            "c,adv,DAILY,1500,,199,300,UTC,,SPEND,,USD,",
            "column start_ts_us: \"199\" must not be before the flight in line 2 ends: flights of \
             campaign c overlap",
        ),
    ] {
        let message = orders(&format!("{first}\n{second}"), OrderOptions::default()).unwrap_err();
        assert_eq!(message, format!("c.csv, line 3, {expected}"));
    }
}
