//! What a bad Parquet file gets to hear, and that batches, nulls and row groups keep rows together.

use paceline_sim::trace::TraceError;
use paceline_sim::trace::auctions::{self, AuctionOptions, AuctionRow};
use parquet::data_type::{ByteArray, ByteArrayType, DoubleType, Int32Type, Int64Type};
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::parser::parse_message_type;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;

const SCHEMA: &str = "message t {
    required int32 at;
    optional int64 bidfloor_cpm_micros;
    required int64 ts_us;
    required binary request_id (UTF8);
    required binary segment (UTF8);
    required int64 min_to_win_cpm_micros;
    required int32 min_to_win_censor;
    optional double pctr;
    optional double pcvr_an00;
}";

/// Values of one row; the floor and the probabilities may be null.
#[derive(Clone, Copy)]
struct Row {
    at: i32,
    ts: i64,
    floor: Option<i64>,
    price: i64,
    pctr: Option<f64>,
    extra: Option<f64>,
}

const GOOD: Row =
    Row { at: 2, ts: 1_000, floor: None, price: 5, pctr: Some(0.25), extra: Some(0.5) };

fn nullable<T: Copy>(values: impl Iterator<Item = Option<T>>) -> (Vec<T>, Vec<i16>) {
    let values: Vec<Option<T>> = values.collect();
    let levels = values.iter().map(|value| i16::from(value.is_some())).collect();
    (values.into_iter().flatten().collect(), levels)
}

fn write(path: &Path, groups: &[Vec<Row>]) {
    let schema = Arc::new(parse_message_type(SCHEMA).unwrap());
    let file = File::create(path).unwrap();
    let mut writer = SerializedFileWriter::new(file, schema, Arc::default()).unwrap();
    let mut number = 0;
    for rows in groups {
        let mut group = writer.next_row_group().unwrap();
        macro_rules! column {
            ($kind:ty, $values:expr, $levels:expr) => {{
                let mut column = group.next_column().unwrap().unwrap();
                column.typed::<$kind>().write_batch($values, $levels, None).unwrap();
                column.close().unwrap();
            }};
        }
        let ids: Vec<ByteArray> = rows
            .iter()
            .map(|_| {
                number += 1;
                format!("r{number}").as_str().into()
            })
            .collect();
        let at: Vec<i32> = rows.iter().map(|row| row.at).collect();
        let ts: Vec<i64> = rows.iter().map(|row| row.ts).collect();
        let price: Vec<i64> = rows.iter().map(|row| row.price).collect();
        let (floor, floor_levels) = nullable(rows.iter().map(|row| row.floor));
        let (pctr, pctr_levels) = nullable(rows.iter().map(|row| row.pctr));
        let (extra, extra_levels) = nullable(rows.iter().map(|row| row.extra));
        column!(Int32Type, &at, None);
        column!(Int64Type, &floor, Some(&floor_levels));
        column!(Int64Type, &ts, None);
        column!(ByteArrayType, &ids, None);
        column!(ByteArrayType, &vec!["a".into(); rows.len()], None);
        column!(Int64Type, &price, None);
        column!(Int32Type, &vec![0; rows.len()], None);
        column!(DoubleType, &pctr, Some(&pctr_levels));
        column!(DoubleType, &extra, Some(&extra_levels));
        group.close().unwrap();
    }
    writer.close().unwrap();
}

fn read(path: &Path, extra: &[&str]) -> Result<Vec<AuctionRow>, TraceError> {
    let extra_columns = extra.iter().map(ToString::to_string).collect();
    let options = AuctionOptions { extra_columns, ..AuctionOptions::default() };
    auctions::open(path, &options)?.collect()
}

fn scratch() -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("t.parquet");
    (folder, path)
}

#[test]
fn rows_stay_together_over_nulls_batches_and_row_groups() {
    let (_folder, path) = scratch();
    let row = |number: i64| Row {
        ts: number,
        price: number * 7,
        floor: (number % 3 == 0).then_some(number),
        pctr: (number % 2 == 0).then_some(0.5),
        extra: (number % 5 == 0).then(|| f64::from(i32::try_from(number).unwrap())),
        ..GOOD
    };
    write(
        &path,
        &[(0..10_000).map(row).collect(), Vec::new(), (10_000..10_007).map(row).collect()],
    );
    let rows = read(&path, &["pcvr_an00"]).unwrap();
    assert_eq!(rows.len(), 10_007);
    for (number, row) in (0_i64..).zip(&rows) {
        assert_eq!(row.at.as_micros(), number);
        assert_eq!(row.min_to_win.get(), number * 7);
        assert_eq!(row.floor.map(|floor| floor.get()), (number % 3 == 0).then_some(number));
        assert_eq!(row.click_probability.is_some(), number % 2 == 0);
        assert_eq!(row.extra(0).is_some(), number % 5 == 0);
    }
}

#[test]
fn a_bad_value_is_refused_with_row_column_value_and_rule() {
    for (bad, expected) in [
        (Row { at: 4, ..GOOD }, "column at: 4 must be 1, 2, 3 or from 500 to 65535"),
        (Row { ts: 999, ..GOOD }, "column ts_us: 999 must not be before the row above"),
        (Row { price: -2, ..GOOD }, "column min_to_win_cpm_micros: -2 must not be negative"),
        (Row { pctr: Some(f64::NAN), ..GOOD }, "column pctr: NaN must be a finite number"),
        (Row { pctr: Some(f64::INFINITY), ..GOOD }, "column pctr: inf must be a finite number"),
        (Row { extra: Some(f64::NAN), ..GOOD }, "column pcvr_an00: NaN must be a finite number"),
    ] {
        let (_folder, path) = scratch();
        write(&path, &[vec![GOOD; 5], vec![GOOD, bad]]);
        let message = read(&path, &["pcvr_an00"]).unwrap_err().to_string();
        assert_eq!(message, format!("{}, row 7, {expected}", path.display()));
    }
}

#[test]
fn a_column_that_is_absent_or_of_another_type_is_refused() {
    let (_folder, path) = scratch();
    write(&path, &[vec![GOOD]]);
    let message = read(&path, &["pcvr_an16"]).unwrap_err().to_string();
    assert!(
        message.ends_with("column pcvr_an16: nothing must be there: the column is required"),
        "{message}"
    );
    let message = read(&path, &["request_id"]).unwrap_err().to_string();
    assert!(
        message.ends_with("column request_id: type BYTE_ARRAY must be a finite number"),
        "{message}"
    );
}

#[test]
fn a_file_that_is_not_parquet_is_refused() {
    let (folder, path) = scratch();
    write(&path, &[vec![GOOD; 100]]);
    let bytes = std::fs::read(&path).unwrap();
    for (name, part) in [
        ("empty.parquet", &bytes[..0]),
        ("head.parquet", &bytes[..bytes.len() / 2]),
        ("tail.parquet", &bytes[bytes.len() / 2..]),
    ] {
        let path = folder.path().join(name);
        std::fs::write(&path, part).unwrap();
        let message = read(&path, &[]).unwrap_err().to_string();
        assert!(message.ends_with("cannot be read as Parquet"), "{name}: {message}");
    }
}
