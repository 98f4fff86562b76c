//! The binary itself: exit codes, files written, complaints on stderr.

use crate::text_file;
use std::path::Path;
use std::process::{Command, Output};

const TRACE: &str = "ts_us,request_id,segment,at,min_to_win_cpm_micros,min_to_win_censor,click,\
                     worth\n\
                     10,r0,a,1,100,0,1,5\n20,r1,b,2,200,0,0,6\n\
                     60000010,r2,a,2,0,0,1,7\n60000020,r3,a,3,400,0,0,8\n";
const CAMPAIGNS: &str = "campaign_id,period,budget_micros,start_ts_us,end_ts_us,goal,segments,\
                         max_bid_cpm_micros\n\
                         all,CUSTOM_PERIOD,1,0,86400000000,SPEND,,\n\
                         early,DAILY,1,0,30,SPEND,a,150\n";

fn paceline_sim(folder: &Path, line: &str) -> Output {
    Command::new(env!("CARGO_BIN_EXE_paceline-sim"))
        .current_dir(folder)
        .args(line.split_whitespace())
        .output()
        .unwrap()
}

fn json(folder: &Path, line: &str) -> serde_json::Value {
    let output = paceline_sim(folder, &format!("{line} --json out.json --html out.html"));
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(std::fs::read_to_string(folder.join("out.html")).unwrap().contains("</html>"));
    serde_json::from_slice(&std::fs::read(folder.join("out.json")).unwrap()).unwrap()
}

#[test]
fn a_replay_pays_as_each_row_says() {
    let folder = tempfile::tempdir().unwrap();
    text_file(&folder, "t.csv", TRACE);
    let line = "replay --auctions t.csv --policy const:300 --value-column worth --value-scale 2";
    let found = json(folder.path(), line);
    // The bid of 300 at first price, 200 and 0 at second price; the deal is too dear.
    assert_eq!(found["total"]["spend_nanos"], 500);
    assert_eq!(found["total"]["wins"], 3);
    assert_eq!(found["total"]["clicks"], 2);
    assert_eq!(found["total"]["value"], 36.0);
    assert_eq!(found["total"]["budget_nanos"], serde_json::Value::Null);
    let won = json(folder.path(), "replay --auctions t.csv --policy const:400 --tie win");
    assert_eq!(won["total"]["spend_nanos"], 400 + 200 + 400);
    assert_eq!((&won["value_unit"], &won["total"]["value"]), (&"wins".into(), &4.0.into()));
}

#[test]
fn campaigns_replay_alone_within_flight_segments_cap_and_budget() {
    let folder = tempfile::tempdir().unwrap();
    text_file(&folder, "t.csv", TRACE);
    text_file(&folder, "c.csv", CAMPAIGNS);
    let line = "replay --auctions t.csv --campaigns c.csv --policy const:900 --price first";
    let found = json(folder.path(), line);
    let [all, early] = [&found["campaigns"][0], &found["campaigns"][1]];
    // A budget of 1000 nanos buys one impression at 900.
    assert_eq!((&all["campaign"], &all["spend_nanos"]), (&"all".into(), &900.into()));
    assert_eq!((&all["wins"], &all["skipped_for_budget"]), (&1.into(), &3.into()));
    assert_eq!((&early["spend_nanos"], &early["eligible"]), (&150.into(), &1.into()));
    assert_eq!(found["total"]["spend_nanos"], 1_050);
    assert_eq!(found["total"]["budget_nanos"], 2_000);
}

#[test]
fn exit_codes_tell_a_wrong_question_from_a_failure() {
    let folder = tempfile::tempdir().unwrap();
    text_file(&folder, "bad.csv", &TRACE.replace(",400,", ",-400,"));
    let dip = include_str!("../../scenarios/traffic-dip.toml");
    text_file(&folder, "header.csv", TRACE.lines().next().unwrap());
    text_file(&folder, "bad.toml", &dip.replace("[2, 4, 10]", "[-1, 4, 10]"));
    for (line, code, part) in [
        ("--help", 0, ""),
        ("replay --help", 0, ""),
        ("", 64, "Usage"),
        ("replay --auctions t.txt --law asap", 64, "must end in .csv"),
        ("generate --kind traffic --rows 5 --seed 1 --out t.csv", 64, "--rows 5: must not"),
        ("run absent.toml", 64, "absent.toml cannot be read"),
        ("run bad.toml", 64, "campaign[0].pressure = -1: must be a finite number above 0"),
        ("run bad.toml --law asap,log-pid,asap", 64, "--law must not name a law twice"),
        ("replay --auctions header.csv --policy const:5", 1, "header.csv has no auctions"),
        ("replay --auctions header.csv --policy lin:5", 1, "has no"),
        ("replay --auctions header.csv --law asap", 1, "header.csv has no auctions"),
        ("replay --auctions absent.csv --policy const:5", 1, "absent.csv: cannot be opened: No"),
        (
            "replay --auctions bad.csv --policy const:5",
            1,
            "bad.csv, line 5, column min_to_win_cpm_micros: \"-400\" must not be negative",
        ),
        (
            "replay --auctions bad.csv --policy lin:5",
            1,
            "bad.csv, line 2, column pctr: nothing must not be empty under --policy lin",
        ),
    ] {
        let output = paceline_sim(folder.path(), line);
        let complaint = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(code), "{line}: {complaint}");
        assert!(complaint.contains(part), "{line}: {complaint}");
    }
}

#[test]
fn help_of_every_command_describes_its_flags() {
    let folder = tempfile::tempdir().unwrap();
    for (command, flag) in [
        ("replay", "--value-column <NAME>"),
        ("run", "<SCENARIO>..."),
        ("generate", "--kind <KIND>"),
        ("demo", "--html <FILE>"),
        ("drive", "--endpoint <URL>"),
    ] {
        let output = paceline_sim(folder.path(), &format!("{command} --help"));
        let help = String::from_utf8_lossy(&output.stdout);
        assert!(help.contains(flag), "{command}: {help}");
    }
}

#[test]
fn a_generated_file_is_replayed() {
    let folder = tempfile::tempdir().unwrap();
    let line = "generate --kind auctions --model auctionnet --rows 2000 --seed 5 --out g.parquet";
    let output = paceline_sim(folder.path(), line);
    assert_eq!(String::from_utf8_lossy(&output.stdout), "g.parquet: 2000 rows\n");
    let found = json(folder.path(), "replay --auctions g.parquet --policy const:190000000");
    assert_eq!(found["auctions"], 2_000);
    // The bid is the median price.
    let wins = found["total"]["wins"].as_u64().unwrap();
    assert!((900..1_100).contains(&wins), "{wins}");
}

#[test]
fn several_worlds_are_all_in_what_is_written() {
    let folder = tempfile::tempdir().unwrap();
    let scenarios = concat!(env!("CARGO_MANIFEST_DIR"), "/scenarios");
    let line = format!("run {scenarios}/traffic-dip.toml {scenarios}/step-up.toml");
    let found = json(folder.path(), &line);
    let names = found.as_array().unwrap().iter().map(|world| world["scenario"].clone());
    assert_eq!(names.collect::<Vec<_>>(), ["traffic-dip", "step-up"]);
    let page = std::fs::read_to_string(folder.path().join("out.html")).unwrap();
    assert!(page.contains("traffic-dip, seed") && page.contains("step-up, seed"));
}

#[test]
fn whoever_has_read_enough_ends_no_run_in_a_panic() {
    let scenario = concat!(env!("CARGO_MANIFEST_DIR"), "/scenarios/traffic-dip.toml");
    let mut child = Command::new(env!("CARGO_BIN_EXE_paceline-sim"))
        .args(["run", scenario])
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}
