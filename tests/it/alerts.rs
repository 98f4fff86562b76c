//! The alerts and the dashboard speak of what the service tells: every metric they name is on its
//! page, and every alert has a paragraph that says what to do.

use serde_json::Value;
use std::collections::BTreeSet;
use std::path::PathBuf;
use std::process::Command;

fn text(path: &str) -> String {
    std::fs::read_to_string(file(path)).unwrap()
}

fn file(path: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(path)
}

/// Names of metrics in a text, without what a distribution adds to them.
fn metrics(text: &str) -> BTreeSet<String> {
    let words = text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
    let names = words.filter(|word| word.starts_with("paceline_"));
    let ends = ["_bucket", "_sum", "_count"];
    let bare = |name: &str| {
        let end = ends.iter().find_map(|end| name.strip_suffix(end));
        end.unwrap_or(name).to_owned()
    };
    names.map(bare).collect()
}

#[test]
fn alerts_and_dashboard_name_only_metrics_that_there_are() {
    let known = metrics(&text("docs/METRICS.md"));
    for path in ["config/prometheus/alerts.yml", "config/grafana/paceline.json"] {
        let named = metrics(&text(path));
        assert!(named.len() > 10, "{path} names {named:?}");
        let unknown: Vec<_> = named.difference(&known).collect();
        assert!(unknown.is_empty(), "{path} names {unknown:?}, which no page has");
    }
}

#[test]
fn every_alert_says_what_to_do_and_is_made_to_fire() {
    let (rules, tests) =
        (text("config/prometheus/alerts.yml"), text("config/prometheus/alerts_test.yml"));
    let guide = text("docs/OPERATIONS.md");
    let names: Vec<&str> =
        rules.lines().filter_map(|line| line.trim().strip_prefix("- alert: ")).collect();
    assert!(names.len() >= 18, "{names:?}");
    for name in names {
        assert!(guide.contains(&format!("\n#### {name}\n")), "docs/OPERATIONS.md lacks {name}");
        let link = format!("docs/OPERATIONS.md#{}", name.to_lowercase());
        assert!(rules.contains(&link), "{name} does not lead to {link}");
        assert!(tests.contains(&format!("  - name: {name}\n")), "nothing makes {name} fire");
        assert!(tests.contains(&format!("alertname: {name}\n")), "{name} is not shown silent");
    }
}

#[test]
fn the_rules_pass_their_own_tests() {
    for words in [["check", "rules", "alerts.yml"], ["test", "rules", "alerts_test.yml"]] {
        let run =
            Command::new("promtool").args(words).current_dir(file("config/prometheus")).output();
        match run {
            Ok(told) => assert!(told.status.success(), "{words:?}: {told:?}"),
            Err(error) => {
                // Part of the prometheus package; what it would check is checked where it is.
                eprintln!("promtool cannot be started ({error}): left out");
                return;
            }
        }
    }
}

/// What a dashboard must have to be taken, by Grafana's own description of its model.
#[test]
fn the_dashboard_has_what_the_model_asks_for() {
    let board: Value = serde_json::from_str(&text("config/grafana/paceline.json")).unwrap();
    for key in ["title", "uid", "schemaVersion", "panels", "templating", "time", "refresh"] {
        assert!(!board[key].is_null(), "{key} is missing");
    }
    assert!(board["id"].is_null(), "an id belongs to one Grafana");
    let source = &board["templating"]["list"][0];
    assert_eq!((&source["type"], &source["query"]), (&"datasource".into(), &"prometheus".into()));
    let mut ids = BTreeSet::new();
    let mut places = BTreeSet::new();
    for panel in board["panels"].as_array().unwrap() {
        assert!(ids.insert(panel["id"].as_u64().unwrap()), "{panel}");
        let place = &panel["gridPos"];
        let number = |key: &str| place[key].as_u64().unwrap();
        assert!(number("x") + number("w") <= 24, "{panel}");
        for x in number("x")..number("x") + number("w") {
            for y in number("y")..number("y") + number("h") {
                assert!(places.insert((x, y)), "two panels at {x}, {y}: {panel}");
            }
        }
        if panel["type"] == "row" {
            continue;
        }
        let title = panel["title"].as_str().unwrap();
        assert!(!panel["description"].as_str().unwrap().is_empty(), "{title}");
        for target in panel["targets"].as_array().unwrap() {
            assert!(target["expr"].as_str().unwrap().contains("paceline_"), "{title}");
            assert_eq!(target["datasource"]["uid"], "${source}", "{title}");
        }
    }
}
