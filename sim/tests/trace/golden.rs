//! Fixed-policy replay against the results of an independent implementation, row by row.

use crate::shared_data;
use paceline_core::units::{CpmMicros, Nanos};
use paceline_sim::policy::{
    Policy, PolicyOptions, PriceRule, ReplaySummary, TieRule, render_page, replay_file,
};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

type Row = BTreeMap<String, String>;

fn expected(data: &Path) -> Vec<Row> {
    let mut reader = csv::Reader::from_path(data.join("golden/replay.csv")).unwrap();
    reader.deserialize().map(Result::unwrap).collect()
}

fn files(data: &Path, dataset: &str) -> Vec<PathBuf> {
    match dataset {
        "toy" => vec![data.join("toy/auctions.csv")],
        "dlf_2259_train" => ["csv", "parquet"]
            .map(|extension| data.join(format!("ipinyou_dlf_2259/auctions_train.{extension}")))
            .to_vec(),
        other => panic!("no files known for {other}"),
    }
}

fn options(row: &Row) -> PolicyOptions {
    let bid = CpmMicros::new(row["param_cpm_micros"].parse().unwrap());
    PolicyOptions {
        policy: match row["policy"].as_str() {
            "const" => Policy::Const(bid),
            _ => Policy::Linear(bid),
        },
        price: if row["at"] == "1" { PriceRule::First } else { PriceRule::Second },
        tie: if row["tie_rule"] == "win" { TieRule::Win } else { TieRule::Lose },
        budget: row["budget_nanos"].parse().ok().map(Nanos::new),
        value_column: None,
        value_scale: 1.0,
    }
}

/// The last win where the file states it: only for rows with a budget, -1 for none.
fn last_win(summary: &ReplaySummary) -> String {
    match (summary.total.budget_nanos, summary.total.last_win_row) {
        (None, _) => String::new(),
        (Some(_), None) => "-1".to_owned(),
        (Some(_), Some(row)) => row.to_string(),
    }
}

#[test]
fn every_golden_row_is_matched_to_the_nano() {
    let Some(data) = shared_data("every_golden_row_is_matched_to_the_nano") else { return };
    let rows = expected(&data);
    assert!(rows.len() >= 70, "the golden file has {} rows", rows.len());
    for row in &rows {
        for file in files(&data, &row["dataset"]) {
            let summary = replay_file(&file, &options(row), None, |_| ()).unwrap();
            let total = &summary.total;
            let found = [
                ("auctions", summary.auctions.to_string()),
                ("wins", total.wins.to_string()),
                ("spend_nanos", total.spend_nanos.to_string()),
                ("clicks", total.clicks.map_or("unknown".to_owned(), |clicks| clicks.to_string())),
                ("skipped_for_budget", total.skipped_for_budget.to_string()),
                ("last_win_row", last_win(&summary)),
            ];
            for (name, value) in found {
                assert_eq!(value, row[name], "{name} of {row:?} in {}", file.display());
            }
        }
    }
}

#[test]
fn json_names_every_metric_and_the_page_every_campaign() {
    let Some(data) = shared_data("json_names_every_metric") else { return };
    let row = &expected(&data)[1];
    let summary = replay_file(&data.join("toy/auctions.csv"), &options(row), None, |_| ()).unwrap();
    let json = serde_json::to_value(&summary).unwrap();
    for part in [&json["total"], &json["campaigns"][0]] {
        for name in [
            "budget_nanos",
            "spend_nanos",
            "feasible_nanos",
            "wins",
            "clicks",
            "skipped_for_budget",
            "utilisation",
            "overspend_ratio",
            "plan_error",
            "volatility_per_minute",
            "minutes_to_95",
            "value",
            "hindsight_value",
            "best_constant_value",
            "best_function_value",
        ] {
            assert!(part.get(name).is_some(), "{name}");
        }
    }
    assert_eq!(json["total"]["budget_nanos"], 100_000);
    assert_eq!(json["total"]["plan_error"], serde_json::Value::Null);
    assert!(render_page(&summary).contains("<td>Total</td>"));
}
