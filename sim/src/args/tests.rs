//! What the command line takes and what it refuses, flag by flag.

use super::*;
use clap::CommandFactory;

fn parse(line: &str) -> Result<Cli, String> {
    let words = std::iter::once("paceline-sim").chain(line.split_whitespace());
    Cli::try_parse_from(words).map_err(|error| error.to_string())
}

#[test]
fn the_forms_are_consistent() {
    Cli::command().debug_assert();
}

#[test]
fn every_form_is_taken() {
    for line in [
        "replay --auctions a.csv --law log-pid --campaigns c.parquet --bill-clicks",
        "replay --auctions a.csv --policy lin:800000 --price second --tie win --budget-nanos 250",
        "replay --journal log.jsonl",
        "replay --journal log.jsonl --json out.json",
        "replay --auctions a.parquet --policy const:0 --value-column pcvr --value-scale 2.5e6",
        "run a.toml b.toml --law asap --seed 3 --json out.json --html out.html",
        "run a.toml --law log-pid,pass-through,asap --seeds 1..5 --json out.json",
        "run a.toml --law mystique-learned,log_pid",
        "compare trial.toml",
        "compare a.toml b.toml --contenders log-pid,mystique-learned,asap --seeds 1..3 \
         --threads 2 --json out.json --html out.html --store runs.jsonl",
        "sweep a.toml b.toml --vary law.gain=0.5,1 --vary tick=10s,1m --seeds 1..3 --metric value",
        "swarm",
        "swarm --count 50 --seed 7 --law pass-through --out failures --json out.json",
        "swarm --seeds 1..200 --threads 2",
        "returns --seeds 1..2 --campaigns 50 --threads 2 --json out.json --html out.html",
        "self-play a.toml b.toml --seeds 1..5 --law descent-entropy --threads 2 --json out.json \
         --html out.html",
        "generate --kind auctions --model auctionnet --seed 7 --rows 10 --out a.parquet",
        "demo",
        "demo --campaigns 5 --hours 2 --scale 120 --for 1m30s --json out.json --html out.html",
        "drive --endpoint http://127.0.0.1:7410 --campaigns 10 --bidders 3 --hours 2 \
         --name night.7 --seed 2 --json out.json --html out.html",
    ] {
        assert!(parse(line).is_ok(), "{line}: {:?}", parse(line));
    }
}

#[test]
fn a_wrong_value_is_refused_with_flag_value_and_rule() {
    let replay = "replay --auctions a.csv --policy const:1";
    for (line, parts) in [
        ("replay --auctions a.txt --law asap", ["--auctions", "a.txt", "must end in .csv"]),
        ("replay --auctions a.csv --law fast", ["--law", "fast", "must be log-pid"]),
        ("run a.toml --law fast", ["--law", "fast", "must be one of log_pid"]),
        ("compare a.toml --contenders none", ["--contenders", "none", "must be one of log_pid"]),
        ("compare a.toml --threads 0", ["--threads", "0", "from 1 to 1024"]),
        ("sweep a.toml --vary tick", ["--vary", "tick", "must be KEY=VALUE"]),
        ("sweep a.toml --vary tick=10s,10s", ["--vary", "tick=10s,10s", "a value twice"]),
        ("sweep a.toml --vary a=1 --metric fun", ["--metric", "fun", "utilisation"]),
        ("swarm --count 0", ["--count", "0", "1..=1000"]),
        ("swarm --law fast", ["--law", "fast", "must be one of log_pid"]),
        ("swarm --seeds 1..3 --seed 2", ["--seeds", "--seed", "cannot be used with"]),
        ("self-play a.toml --seeds 5", ["--seeds", "5", "must be FIRST..LAST"]),
        ("self-play a.toml --law fast", ["--law", "fast", "must be one of log_pid"]),
        ("run a.toml --seeds 5..1", ["--seeds", "5..1", "must be FIRST..LAST"]),
        ("replay --auctions a.csv --policy const", ["--policy", "const", "must be const:CPM"]),
        ("replay --auctions a.csv --policy sq:5", ["--policy", "sq:5", "must be const:CPM"]),
        ("replay --auctions a.csv --policy lin:1.5", ["--policy", "lin:1.5", "must be const:CPM"]),
        ("replay --auctions a.csv --policy const:-1", ["--policy", "const:-1", "must be 0 to"]),
        (&format!("{replay} --price third"), ["--price", "third", "trace, first, second"]),
        (&format!("{replay} --tie draw"), ["--tie", "draw", "win, lose"]),
        (&format!("{replay} --budget-nanos 0"), ["--budget-nanos", "0", "from 1 to"]),
        (&format!("{replay} --budget-nanos -5"), ["--budget-nanos", "-5", "from 1 to"]),
        (
            &format!("{replay} --value-column v --value-scale NaN"),
            ["--value-scale", "NaN", "must be a finite number above zero"],
        ),
        (
            &format!("{replay} --value-column v --value-scale -2"),
            ["--value-scale", "-2", "must be a finite number above zero"],
        ),
        ("generate --kind cats --seed 1 --out a.csv", ["--kind", "cats", "possible values"]),
        ("generate --kind spend --seed x --out a.csv", ["--seed", "x", "invalid digit"]),
        ("generate --kind spend --seed 1 --out a.txt", ["--out", "a.txt", "must end in .csv"]),
        (
            "generate --kind spend --seed 1 --out a.csv --rows 0",
            ["--rows", "0", "must be an integer from 1"],
        ),
        (
            "generate --kind spend --seed 1 --out a.csv --days 367",
            ["--days", "367", "not in 1..=366"],
        ),
        (
            "generate --kind spend --seed 1 --out a.csv --start-ts-us -1",
            ["--start-ts-us", "-1", "must be an integer from 0"],
        ),
        (
            "drive --endpoint ftp://x --campaigns 1 --bidders 1",
            ["--endpoint", "ftp://x", "must be http://"],
        ),
        (
            "drive --endpoint http://x --campaigns 0 --bidders 1",
            ["--campaigns", "0", "not in 1..=100000"],
        ),
        (
            "drive --endpoint http://x --campaigns 1 --bidders 1 --name a/b",
            ["--name", "a/b", "must have 1 to 32 letters"],
        ),
        ("demo --for 0s", ["--for", "0s", "must be above zero"]),
        ("demo --scale 0", ["--scale", "0", "not in 1..=600"]),
    ] {
        let message = parse(line).expect_err(line);
        for part in parts {
            assert!(message.contains(part), "{line}: {message:?} lacks {part:?}");
        }
    }
}

#[test]
fn flags_that_do_not_go_together_are_refused_by_name() {
    for (line, parts) in [
        ("replay --auctions a.csv", ["--law", "--policy"]),
        ("replay --auctions a.csv --law asap --policy const:1", ["--law", "--policy"]),
        (
            "replay --auctions a.csv --policy const:1 --campaigns c.csv --budget-nanos 5",
            ["--budget-nanos", "--campaigns"],
        ),
        (
            "replay --auctions a.csv --policy const:1 --value-scale 2",
            ["--value-column", "required"],
        ),
        ("replay --auctions a.csv --policy const:1 --bill-clicks", ["--bill-clicks", "--policy"]),
        ("replay --journal j.jsonl --law asap", ["--journal", "--law"]),
        ("replay --journal j.jsonl --auctions a.csv", ["--journal", "--auctions"]),
        ("replay --law asap", ["--auctions", "required"]),
    ] {
        let message = parse(line).expect_err(line);
        for part in parts {
            assert!(message.contains(part), "{line}: {message:?} lacks {part:?}");
        }
    }
}

#[test]
fn generate_refuses_what_its_kind_has_no_use_for() {
    for (line, expected) in [
        (
            "generate --kind traffic --seed 1 --out a.csv --rows 5",
            "--rows 5: must not be given with --kind traffic",
        ),
        (
            "generate --kind auctions --seed 1 --out a.csv --campaigns 5",
            "--campaigns 5: must not be given except with --kind spend",
        ),
        (
            "generate --kind campaigns --seed 1 --out a.csv --rows 1000001",
            "--rows 1000001: must be at most 1000000 for --kind campaigns",
        ),
    ] {
        let Ok(Cli { command: Command::Generate(args) }) = parse(line) else { panic!("{line}") };
        assert_eq!(args.options(), Err(expected.to_owned()));
    }
}
