//! The trace of spend and what it comes to. Absent data is told, and the test ends there.

use paceline_proto::v1;
use prost_types::Timestamp;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::PathBuf;

/// Events in a batch.
const BATCH: usize = 100;
/// The first campaign's budget and all others', in micros: nothing ends early.
const BUDGET_MICROS: i64 = 1_000_000_000;

/// Nanos spent, by campaign.
pub(crate) type Truth = BTreeMap<String, i64>;

/// A billing.
#[derive(Debug, Clone)]
pub(crate) struct Billing {
    pub(crate) event_id: String,
    /// The sender's own count of events, each once.
    pub(crate) sequence: u64,
    pub(crate) campaign: String,
    pub(crate) price_nanos: i64,
    pub(crate) occurred_at_us: i64,
}

/// All of it.
pub(crate) struct Trace {
    rows: Vec<Billing>,
    pub(crate) truth: Truth,
    now_us: i64,
}

/// The folder of the traces.
fn folder() -> PathBuf {
    let beside = || PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../shared/data");
    std::env::var_os("PACELINE_DATA").map_or_else(beside, PathBuf::from).join("ipinyou_dlf_2259")
}

/// Rows of a file, each by column.
fn rows(name: &str) -> Option<Vec<HashMap<String, String>>> {
    let path = folder().join(name);
    let Ok(text) = std::fs::read_to_string(&path) else {
        eprintln!("skipping: there is no {}; PACELINE_DATA says where", path.display());
        return None;
    };
    let mut lines = text.lines();
    let columns: Vec<&str> = lines.next().unwrap().split(',').collect();
    let row = |line: &str| {
        let cells = columns.iter().zip(line.split(','));
        cells.map(|(column, cell)| ((*column).to_owned(), cell.to_owned())).collect()
    };
    Some(lines.map(row).collect())
}

impl Trace {
    /// With times as if the first row arrived now.
    pub(crate) fn read() -> Option<Self> {
        let events = rows("spend_events_faulty.csv")?;
        let truth = rows("events_truth.csv")?;
        let now_us = now_us();
        let shift = now_us - events[0]["recv_ts_us"].parse::<i64>().unwrap();
        let mut numbers = HashMap::new();
        let row = |row: HashMap<String, String>| {
            let next = u64::try_from(numbers.len()).unwrap() + 1;
            assert_eq!(row["event_type"], "billing");
            Billing {
                sequence: *numbers.entry(row["event_id"].clone()).or_insert(next),
                event_id: row["event_id"].clone(),
                campaign: row["campaign_id"].clone(),
                // A price per thousand in micros is a price of one in nanos, exactly.
                price_nanos: row["price_cpm_micros"].parse().unwrap(),
                occurred_at_us: row["ts_us"].parse::<i64>().unwrap() + shift,
            }
        };
        let rows = events.into_iter().map(row).collect();
        let truth = truth
            .iter()
            .map(|row| (row["campaign_id"].clone(), row["spend_nanos_unique"].parse().unwrap()));
        Some(Self { rows, truth: truth.collect(), now_us })
    }

    /// In order of arrival, each event so many times.
    pub(crate) fn batches(&self, copies: usize) -> Vec<Vec<Billing>> {
        let repeated = self.rows.iter().flat_map(|row| std::iter::repeat_n(row, copies)).cloned();
        repeated.collect::<Vec<_>>().chunks(BATCH).map(<[Billing]>::to_vec).collect()
    }

    /// The trace's campaigns, of one advertiser each, so that they lie in several partitions.
    pub(crate) fn catalogue(&self, source: v1::SpendSource) -> v1::ApplyCatalogueRequest {
        let day = 86_400;
        let at = |seconds| Some(Timestamp { seconds: self.now_us / 1_000_000 + seconds, nanos: 0 });
        let names: BTreeSet<&String> = self.truth.keys().collect();
        let advertiser = |name: &&String| v1::Advertiser {
            advertiser_id: format!("advertiser-of-{name}"),
            currency: "CNY".to_owned(),
            ..Default::default()
        };
        let campaign = |name: &&String| v1::Campaign {
            campaign_id: (*name).clone(),
            advertiser_id: format!("advertiser-of-{name}"),
            budgets: Some(v1::Budgets {
                flights: vec![v1::Flight {
                    start: at(-day),
                    end: at(7 * day),
                    budget_micros: Some(BUDGET_MICROS),
                }],
                ..Default::default()
            }),
            spend_source: source.into(),
            ..Default::default()
        };
        v1::ApplyCatalogueRequest {
            advertisers: names.iter().map(advertiser).collect(),
            campaigns: names.iter().map(campaign).collect(),
            ..Default::default()
        }
    }
}

/// The test's only look at the clock: the trace begins now.
#[expect(clippy::disallowed_methods, reason = "a test of the real program lives in real time")]
fn now_us() -> i64 {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    i64::try_from(now.as_micros()).unwrap()
}
