//! What a bad CSV file gets to hear: file, line, column, value and rule, word for word.

use crate::text_file;
use paceline_sim::trace::auctions::{self, AuctionOptions};
use paceline_sim::trace::campaigns::{self, CampaignOptions};
use paceline_sim::trace::{TraceError, spend, traffic};
use std::path::Path;

const AUCTIONS: (&str, &str) = (
    "ts_us,request_id,segment,at,bidfloor_cpm_micros,min_to_win_cpm_micros,min_to_win_censor,\
     pctr,click,weight",
    "1700000000000000,r0,a|b,1,500000,850000,0,0.001,0,1",
);
const CAMPAIGNS: (&str, &str) = (
    "campaign_id,advertiser_id,period,budget_micros,total_budget_micros,start_ts_us,end_ts_us,\
     timezone,delivery_method,goal,max_bid_cpm_micros,currency,segments",
    "c0,adv,DAILY,1500,,1700000000000000,1700003600000000,UTC,STANDARD,SPEND,800000,USD,a;b",
);
const SPEND: (&str, &str) = (
    "ts_us,recv_ts_us,bucket_s,campaign_id,event_type,spend_micros,price_cpm_micros,wins,\
     loss_reason",
    "1700000000000000,1700000000000001,0,c0,billing,850,850000,1,0",
);
const TRAFFIC: (&str, &str) =
    ("ts_us,slot,slot_s,segment,requests,share", "1700000000000000,0,60,all,10,0.5");

/// Reads a file to its end or its first error.
fn read(path: &Path, format: &str) -> Result<usize, TraceError> {
    let mut rows = 0;
    match format {
        "auctions" => {
            for row in auctions::open(path, &AuctionOptions::default())? {
                rows += row.map(|_| 1)?;
            }
        }
        "campaigns" => rows = campaigns::read(path, &CampaignOptions::default())?.rows.len(),
        "spend" => {
            for row in spend::open(path)? {
                rows += row.map(|_| 1)?;
            }
        }
        _ => {
            for row in traffic::open(path)? {
                rows += row.map(|_| 1)?;
            }
        }
    }
    Ok(rows)
}

/// The good row with one field replaced, and its identity changed where it must be unique.
fn spoilt(header: &str, good: &str, column: &str, value: &str) -> String {
    header
        .split(',')
        .zip(good.split(','))
        .map(|(name, field)| match name {
            _ if name == column => value,
            "request_id" => "r1",
            _ => field,
        })
        .collect::<Vec<_>>()
        .join(",")
}

/// Puts a good row and a spoilt one into a file and returns the complaint.
fn complaint(format: &str, column: &str, value: &str) -> String {
    let (header, good) = match format {
        "auctions" => AUCTIONS,
        "campaigns" => CAMPAIGNS,
        "spend" => SPEND,
        _ => TRAFFIC,
    };
    let folder = tempfile::tempdir().unwrap();
    let bad = spoilt(header, good, column, value);
    let path = text_file(&folder, "t.csv", &format!("{header}\n{good}\n{bad}\n"));
    let error = read(&path, format).expect_err(&format!("{format} {column}={value}"));
    error.to_string().replace(&path.display().to_string(), "t.csv")
}

#[test]
fn the_good_rows_are_taken() {
    for (format, (header, good)) in
        [("auctions", AUCTIONS), ("campaigns", CAMPAIGNS), ("spend", SPEND), ("traffic", TRAFFIC)]
    {
        let folder = tempfile::tempdir().unwrap();
        let path = text_file(&folder, "t.csv", &format!("{header}\n{good}\n"));
        assert_eq!(read(&path, format).unwrap(), 1, "{format}");
    }
}

const INTEGER: &str = "must be an integer of at most 64 bits";
const EMPTY: &str = "must not be empty";
const EDGE: &str = "must lie between 1970-01-01 and 2200-01-01";
const BEFORE: &str = "must not be before the row above";
const KIND: &str = "must be 1, 2, 3 or from 500 to 65535";
const FINITE: &str = "must be a finite number";
const NEGATIVE: &str = "must not be negative";
const DEAR: &str = "must be at most 1000000000000000";

/// Format, column, bad value, rule.
const BAD_VALUES: &[(&str, &str, &str, &str)] = &[
    ("auctions", "ts_us", "soon", INTEGER),
    ("auctions", "ts_us", "1.7e15", INTEGER),
    ("auctions", "ts_us", "99999999999999999999", INTEGER),
    ("auctions", "ts_us", "", EMPTY),
    ("auctions", "ts_us", "-1", EDGE),
    ("auctions", "ts_us", "1699999999999999", BEFORE),
    ("auctions", "request_id", "", EMPTY),
    ("auctions", "segment", "", EMPTY),
    ("auctions", "at", "4", KIND),
    ("auctions", "at", "0", KIND),
    ("auctions", "at", "499", KIND),
    ("auctions", "at", "65536", KIND),
    ("auctions", "min_to_win_cpm_micros", "-1", NEGATIVE),
    ("auctions", "min_to_win_cpm_micros", "", EMPTY),
    ("auctions", "min_to_win_cpm_micros", "1000000000000001", DEAR),
    ("auctions", "bidfloor_cpm_micros", "-3", NEGATIVE),
    ("auctions", "min_to_win_censor", "2", "must be -1, 0 or 1"),
    ("auctions", "pctr", "NaN", FINITE),
    ("auctions", "pctr", "inf", FINITE),
    ("auctions", "pctr", "high", FINITE),
    ("auctions", "pctr", "1.5", "must lie between 0 and 1"),
    ("auctions", "click", "2", "must be 0 or 1"),
    ("auctions", "weight", "0", "must be above zero"),
    ("auctions", "weight", "-inf", FINITE),
    ("campaigns", "campaign_id", "", EMPTY),
    ("campaigns", "period", "WEEKLY", "must be DAILY or CUSTOM_PERIOD"),
    ("campaigns", "budget_micros", "0", "must be above zero"),
    ("campaigns", "budget_micros", "-5", "must be above zero"),
    ("campaigns", "budget_micros", "1.5", INTEGER),
    (
        "campaigns",
        "budget_micros",
        "4000000000000001",
        "must not exceed 4000000000 units of currency",
    ),
    ("campaigns", "total_budget_micros", "0", "must be above zero"),
    ("campaigns", "end_ts_us", "1700000000000000", "must be after start_ts_us"),
    ("campaigns", "delivery_method", "FAST", "must be STANDARD or ACCELERATED"),
    ("campaigns", "goal", "FAME", "must be IMPRESSIONS, CLICKS, CONVERSIONS or SPEND"),
    ("campaigns", "max_bid_cpm_micros", "0", "must be above zero"),
    ("campaigns", "currency", "usd", "must be three capital letters"),
    ("campaigns", "currency", "EUR", "must be USD as in the rows above: one currency a file"),
    ("campaigns", "segments", "a;;b", "must not hold an empty name between ';'"),
    ("spend", "recv_ts_us", "1700000000000000", BEFORE),
    ("spend", "bucket_s", "-1", "must be 0 to 2147483647 seconds"),
    (
        "spend",
        "event_type",
        "refund",
        "must be bid, win, billing, loss, click, conversion or adjust",
    ),
    ("spend", "spend_micros", "-850", "must not be negative unless event_type is adjust"),
    ("spend", "price_cpm_micros", "-1", NEGATIVE),
    ("spend", "wins", "-1", NEGATIVE),
    ("spend", "loss_reason", "70000", "must be 0 to 65535"),
    (
        "traffic",
        "ts_us",
        "1699999999999999",
        "must not be before an earlier row of its segment and metric",
    ),
    ("traffic", "slot_s", "0", "must be 1 to 2147483647 seconds"),
    ("traffic", "requests", "-1", NEGATIVE),
    ("traffic", "share", "1.01", "must lie between 0 and 1"),
];

#[test]
fn a_bad_value_is_refused_with_column_value_and_rule() {
    for &(format, column, value, rule) in BAD_VALUES {
        let shown = if value.is_empty() { "nothing".to_owned() } else { format!("{value:?}") };
        let expected = format!("t.csv, line 3, column {column}: {shown} {rule}");
        assert_eq!(complaint(format, column, value), expected);
    }
}

/// The complaint about the last row of a file, with its cause.
fn last_row(text: &str) -> String {
    let folder = tempfile::tempdir().unwrap();
    let path = text_file(&folder, "t.csv", text);
    let error = read(&path, "auctions").expect_err(text);
    let cause = std::error::Error::source(&error).map_or(String::new(), |why| format!(": {why}"));
    format!("{error}{cause}").replace(&path.display().to_string(), "t.csv")
}

#[test]
fn the_line_is_the_one_an_editor_shows() {
    let (header, good) = AUCTIONS;
    let bad = spoilt(header, good, "click", "2");
    let quoted = spoilt(header, good, "segment", "\"two\nlines\"").replace("r1", "r2");
    for (rows, line) in [
        (vec![header, good, &bad], 3),
        (vec![header, "", good, "", "", &bad], 6),
        (vec![header, &quoted, &bad], 4),
    ] {
        for end in ["\n", "\r\n"] {
            for last in ["", end] {
                let text = rows.join(end) + last;
                let told = last_row(&text);
                let expected = format!("t.csv, line {line}, column click: \"2\" must be 0 or 1");
                assert_eq!(told, expected, "{text:?}");
            }
        }
    }
    // Beyond one buffer, so that some record ends where a buffer does.
    for end in ["\n", "\r\n"] {
        let rows: Vec<String> =
            (0..3_000).map(|row| good.replace("r0", &format!("q{row}"))).collect();
        let told = last_row(&(format!("{header}{end}{}{end}", rows.join(end)) + &bad));
        assert!(told.starts_with("t.csv, line 3002, "), "{told}");
    }
}

#[test]
fn a_row_of_another_length_is_told_by_line_and_count() {
    let (header, good) = AUCTIONS;
    for end in ["\n", "\r\n"] {
        let told = last_row(&[header, good, "1,2,3", ""].join(end));
        let expected = "t.csv, line 3: cannot be read as CSV: it has 3 fields, the header has 10";
        assert_eq!(told, expected);
    }
}

#[test]
fn an_unknown_zone_is_refused_by_name() {
    let message = complaint("campaigns", "timezone", "Mars/Olympus");
    assert!(
        message
            .starts_with("t.csv, line 3, column timezone: \"Mars/Olympus\" must be an IANA zone"),
        "{message}"
    );
}

#[test]
fn a_repeated_request_is_refused_and_the_bound_named() {
    assert_eq!(
        complaint("auctions", "request_id", "r0"),
        "t.csv, line 3, column request_id: \"r0\" must not be that of an earlier row (64-bit \
         fingerprints of at least the last 1048576 rows are compared)"
    );
}

#[test]
fn a_row_without_time_and_slot_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = text_file(&folder, "t.csv", "ts_us,slot,slot_s,segment\n,,60,all\n");
    let message = read(&path, "traffic").unwrap_err().to_string();
    assert!(message.ends_with("column slot: nothing must not be empty where ts_us is"));
}

#[test]
fn a_missing_column_is_refused_by_name() {
    for (format, (header, _), column) in [
        ("auctions", AUCTIONS, "min_to_win_censor"),
        ("campaigns", CAMPAIGNS, "goal"),
        ("spend", SPEND, "spend_micros"),
        ("traffic", TRAFFIC, "slot_s"),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let path = text_file(&folder, "t.csv", &format!("{}\n", header.replace(column, "other")));
        let expected = format!(
            "{}, line 1, column {column}: nothing must be there: the column is required",
            path.display()
        );
        assert_eq!(read(&path, format).unwrap_err().to_string(), expected);
    }
}

#[test]
fn a_doubled_column_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = text_file(&folder, "t.csv", "ts_us,slot_s,segment,ts_us\n");
    let message = read(&path, "traffic").unwrap_err().to_string();
    assert!(message.ends_with("column ts_us: a second column of this name must not be there"));
}

#[test]
fn a_file_that_is_no_table_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let short = text_file(&folder, "short.csv", "slot,slot_s,segment\n1,60,a\n2,60\n");
    let error = read(&short, "traffic").unwrap_err();
    assert_eq!(error.to_string(), format!("{}, line 3: cannot be read as CSV", short.display()));

    let open = format!("slot,slot_s,segment\n1,60,\"{}", "x".repeat(3 << 20));
    let open = text_file(&folder, "open.csv", &open);
    let error = anyhow::Error::new(read(&open, "traffic").unwrap_err());
    assert!(format!("{error:#}").contains("a quote left open"), "{error:#}");

    let other = text_file(&folder, "t.txt", "");
    let message = read(&other, "traffic").unwrap_err().to_string();
    assert!(message.ends_with("t.txt: the extension must be .csv or .parquet"));

    let absent = read(&folder.path().join("absent.csv"), "traffic").unwrap_err().to_string();
    assert!(absent.ends_with("absent.csv: cannot be opened"));
}

#[test]
fn nothing_is_yielded_after_an_error() {
    let (header, good) = AUCTIONS;
    let folder = tempfile::tempdir().unwrap();
    let path = text_file(&folder, "t.csv", &format!("{header}\n{good}\n{good}\n{good}\n"));
    let mut reader = auctions::open(&path, &AuctionOptions::default()).unwrap();
    assert!(reader.next().is_some_and(|row| row.is_ok()));
    assert!(reader.next().is_some_and(|row| row.is_err()));
    assert!(reader.next().is_none());
}

#[test]
fn oddities_of_real_logs_are_counted_and_let_through() {
    let folder = tempfile::tempdir().unwrap();
    let (header, good) = AUCTIONS;
    let below = good.replace("850000", "400000").replace("r0", "r1");
    let path = text_file(&folder, "a.csv", &format!("{header}\n{good}\n{below}\n"));
    let mut reader = auctions::open(&path, &AuctionOptions::default()).unwrap();
    assert_eq!(reader.by_ref().filter(Result::is_ok).count(), 2);
    assert_eq!((reader.warnings().below_floor, reader.warnings().censored), (1, 0));

    let (header, good) = SPEND;
    let other = good.replace(",850,", ",900,");
    let path = text_file(&folder, "s.csv", &format!("{header}\n{good}\n{other}\n"));
    let mut reader = spend::open(&path).unwrap();
    let spends: Vec<i64> = reader.by_ref().map(|row| row.unwrap().spend.get()).collect();
    assert_eq!(spends, [850_000, 850_000]);
    assert_eq!((reader.warnings().spend_not_price, reader.warnings().out_of_order), (1, 0));
}
