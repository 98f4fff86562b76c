//! The bridge as another simulator sees it: lines through pipes, by the protocol of the README.
//!
//! Drives the program itself where pipes matter, and the same loop in memory where only lines do.

use paceline_sim::bridge::{self, LINE_MAX};
use paceline_sim::rng::Stream;
use serde_json::{Value, json};
use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

const DAY: u32 = 86_400;
const MINUTE: u32 = 60;

/// The program at the other end of two pipes.
struct Bridge {
    child: Child,
    to: Option<ChildStdin>,
    from: BufReader<ChildStdout>,
}

impl Bridge {
    fn open() -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_paceline-sim"))
            .arg("bridge")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("the program was built for this test");
        let to = child.stdin.take();
        let from = BufReader::new(child.stdout.take().expect("stdout is piped"));
        Self { child, to, from }
    }

    /// One line there, one line back.
    fn ask(&mut self, message: &Value) -> Value {
        let to = self.to.as_mut().expect("still open");
        writeln!(to, "{message}").expect("the program reads");
        let mut line = String::new();
        self.from.read_line(&mut line).expect("the program answers");
        serde_json::from_str(&line).expect("an answer is JSON")
    }

    /// End of input; whether the program ended well.
    fn close(mut self) -> bool {
        drop(self.to.take());
        self.child.wait().expect("the program ends").success()
    }
}

/// The answers to a whole input, in memory.
fn answers(input: &str) -> Vec<Value> {
    let bytes = served(input);
    let text = std::str::from_utf8(&bytes).expect("answers are text");
    text.lines().map(|line| serde_json::from_str(line).expect("an answer is JSON")).collect()
}

fn served(input: &str) -> Vec<u8> {
    let mut output = Vec::new();
    bridge::serve(input.as_bytes(), &mut output).expect("memory neither fails to read nor write");
    output
}

fn real(value: &Value, key: &str) -> f64 {
    value[key].as_f64().unwrap_or_else(|| panic!("{key} is a number in {value}"))
}

/// A second-price market of `per_minute` auctions on average, worths and prices uniform: what a
/// minute of it costs under an entry, never more than `left`.
fn minute_of(market: &mut Stream, per_minute: f64, entry: &Value, left: f64) -> f64 {
    let (multiplier, participation) = (real(entry, "multiplier"), real(entry, "participation"));
    let mut spent = 0.0;
    for _ in 0..market.poisson(per_minute) {
        let (worth, price) = (market.unit(), market.unit());
        let enters = market.unit() < participation;
        if enters && worth * multiplier > price && spent + price <= left {
            spent += price;
        }
    }
    spent
}

#[test]
fn a_budget_and_a_window_are_enough_to_be_paced() {
    // Unpaced spend is a sixth of the auctions; budgets are shares of that.
    for (per_minute, share, least) in [(20.0, 0.3, 0.98), (2.0, 0.5, 0.97), (0.2, 0.5, 0.90)] {
        let mut bridge = Bridge::open();
        let budget = share * per_minute * 1_440.0 / 6.0;
        let order = json!({"op": "campaign", "id": "c", "budget": budget, "start": 0, "end": DAY});
        assert_eq!(bridge.ask(&order), json!({"ok": "campaign", "id": "c"}));
        let mut entry = bridge.ask(&json!({"op": "advance", "now": 0}))["entries"][0].clone();
        let mut market = Stream::new(11, "market");
        let mut total = 0.0;
        let mut by_noon = 0.0;
        for minute in 0..1_440 {
            let spent = minute_of(&mut market, per_minute, &entry, budget - total);
            total += spent;
            let now = (minute + 1) * MINUTE;
            let round = bridge.ask(&json!({"op": "advance", "now": now, "spend": {"c": spent}}));
            entry = round["entries"].get(0).cloned().unwrap_or(entry);
            if minute == 719 {
                by_noon = total;
                assert!((real(&entry, "spent") - total).abs() < 1e-5);
            }
        }
        let utilisation = total / budget;
        assert!(utilisation >= least && utilisation <= 1.0, "{per_minute}: {utilisation}");
        let half = by_noon / budget;
        assert!((0.35..0.65).contains(&half), "{per_minute}: {half} of it by noon");
        assert_eq!(entry["reason"], "outside_flight");
        assert!(bridge.close());
    }
}

#[test]
fn a_week_by_steps_of_an_hour_is_paced_too() {
    let mut bridge = Bridge::open();
    let (per_hour, hours) = (200.0, 168_u32);
    let budget = 0.3 * per_hour * f64::from(hours) / 6.0;
    let end = hours * 60 * MINUTE;
    bridge.ask(&json!({"op": "campaign", "id": "c", "budget": budget, "start": 0, "end": end}));
    let mut entry = bridge.ask(&json!({"op": "advance", "now": 0}))["entries"][0].clone();
    let mut market = Stream::new(11, "market");
    let mut total = 0.0;
    for hour in 0..hours {
        // A day of lulls and rushes that nobody forecast, and an end of the week with half of it.
        let of_day = 1.0 + 0.7 * (std::f64::consts::TAU * f64::from(hour) / 24.0).sin();
        let of_week = if hour < 120 { 1.2 } else { 0.5 };
        let spent = minute_of(&mut market, per_hour * of_day * of_week, &entry, budget - total);
        total += spent;
        let now = (hour + 1) * 60 * MINUTE;
        let round = bridge.ask(&json!({"op": "advance", "now": now, "spend": {"c": spent}}));
        entry = round["entries"].get(0).cloned().unwrap_or(entry);
    }
    let utilisation = total / budget;
    assert!((0.97..=1.0).contains(&utilisation), "{utilisation}");
    assert!(bridge.close());
}

#[test]
fn the_example_of_the_readme_runs_and_spends_its_budget() {
    let readme = include_str!("../README.md");
    let (_, rest) = readme.split_once("```python\n").expect("the README has an example");
    let (example, _) = rest.split_once("```").expect("the example ends");
    assert!(example.lines().count() <= 40, "a short example");
    let run =
        Command::new("python3").args(["-c", example, env!("CARGO_BIN_EXE_paceline-sim")]).output();
    let run = match run {
        Err(error) if std::env::var_os("CI").is_none() => {
            println!("skipped: python3 cannot be started here: {error}");
            return;
        }
        run => run.expect("python3 starts where CI is set"),
    };
    let said = String::from_utf8_lossy(&run.stdout).into_owned();
    assert!(run.status.success(), "{}", String::from_utf8_lossy(&run.stderr));
    let spent: f64 = said
        .strip_prefix("spent ")
        .and_then(|rest| rest.split_once(' '))
        .and_then(|(spent, _)| spent.parse().ok())
        .unwrap_or_else(|| panic!("it says what was spent: {said}"));
    assert!((97.0..=100.0).contains(&spent), "{said}");
}

#[test]
fn the_same_lines_give_the_same_bytes() {
    let mut input = String::from("{\"op\":\"hello\",\"version\":1}\n");
    for id in 0..5 {
        let order = json!({"op": "campaign", "id": id, "budget": 10 + id, "start": 0, "end": DAY});
        input += &format!("{order}\n");
    }
    input += "{\"op\":\"advance\",\"now\":0}\n";
    let mut market = Stream::new(3, "lines");
    for minute in 1..600 {
        let spend: serde_json::Map<String, Value> =
            (0..5).map(|id| (id.to_string(), json!(0.01 * market.unit()))).collect();
        input += &format!("{}\n", json!({"op": "advance", "now": minute * 60, "spend": spend}));
    }
    let here = served(&input);
    assert_eq!(here, served(&input));
    let mut bridge = Bridge::open();
    let mut to = bridge.to.take().expect("open");
    let sender = std::thread::spawn(move || to.write_all(input.as_bytes()));
    let mut there = Vec::new();
    std::io::Read::read_to_end(&mut bridge.from, &mut there).expect("the program answers");
    sender.join().expect("the sender ends").expect("the program reads");
    assert!(here == there, "program and library differ");
    assert!(bridge.close());
}

/// Lines that break a rule, and the field they break it in. A campaign `a` has spent one unit and
/// the clock stands at 60.
const BAD: [(&str, &str); 37] = [
    ("{\"op\":\"advance\",\"now\":", "line"),
    ("7", "line"),
    ("\"hello\"", "line"),
    ("{}", "op"),
    ("{\"op\":\"stop\"}", "op"),
    ("{\"op\":\"hello\",\"version\":1}", "op"),
    ("{\"op\":\"hello\",\"version\":2}", "version"),
    ("{\"op\":\"hello\"}", "version"),
    ("{\"op\":\"campaign\"}", "id"),
    ("{\"op\":\"campaign\",\"id\":\"\",\"budget\":1,\"start\":0,\"end\":9}", "id"),
    ("{\"op\":\"campaign\",\"id\":\"x\",\"start\":0,\"end\":9}", "budget"),
    ("{\"op\":\"campaign\",\"id\":\"x\",\"budget\":-5,\"start\":0,\"end\":9}", "budget"),
    ("{\"op\":\"campaign\",\"id\":\"x\",\"budget\":1e300,\"start\":0,\"end\":9}", "budget"),
    ("{\"op\":\"campaign\",\"id\":\"x\",\"budget\":\"5\",\"start\":0,\"end\":9}", "budget"),
    ("{\"op\":\"campaign\",\"id\":\"x\",\"budget\":1,\"start\":9,\"end\":9}", "end"),
    ("{\"op\":\"campaign\",\"id\":\"x\",\"budget\":1,\"start\":-1,\"end\":9}", "start"),
    ("{\"op\":\"shape\",\"id\":\"s\",\"weights\":[1,2,3]}", "weights"),
    ("{\"op\":\"shape\",\"id\":\"s\",\"weights\":\"flat\"}", "weights"),
    ("{\"op\":\"spend\",\"id\":\"nobody\",\"amount\":1}", "id"),
    ("{\"op\":\"spend\",\"id\":\"a\"}", "amount"),
    ("{\"op\":\"spend\",\"id\":\"a\",\"amount\":-1}", "amount"),
    ("{\"op\":\"spend\",\"id\":\"a\",\"amount\":1e9}", "amount"),
    ("{\"op\":\"spend\",\"id\":\"a\",\"total_nanos\":0.5}", "total_nanos"),
    ("{\"op\":\"spend\",\"id\":\"a\",\"total\":0.5}", "total"),
    ("{\"op\":\"spend\",\"id\":\"a\",\"amount\":1,\"total\":1}", "total"),
    ("{\"op\":\"spend\",\"id\":\"a\",\"amount\":1,\"events\":1.5}", "events"),
    ("{\"op\":\"opportunities\",\"id\":\"a\"}", "asks"),
    ("{\"op\":\"advance\",\"now\":60}", "now"),
    ("{\"op\":\"advance\",\"now\":1e7}", "now"),
    ("{\"op\":\"advance\",\"now\":120,\"spend\":{\"a\":1,\"nobody\":1}}", "spend"),
    ("{\"op\":\"advance\",\"now\":120,\"spend\":{\"a\":-1}}", "spend.a"),
    ("{\"op\":\"advance\",\"now\":120,\"asks\":{\"a\":0.5}}", "asks.a"),
    ("{\"op\":\"decide\",\"id\":\"a\",\"value\":1}", "auction"),
    ("{\"op\":\"decide\",\"id\":\"a\",\"auction\":1,\"value\":-1}", "value"),
    ("{\"op\":\"decide\",\"id\":\"a\",\"auction\":1,\"value\":1e9}", "value"),
    ("{\"op\":\"explain\",\"id\":\"nobody\"}", "id"),
    ("{\"op\":\"advance\",\"now\":NaN}", "line"),
];

/// The same, added to a campaign that is sound otherwise.
const BAD_ORDERS: [(&str, &str); 7] = [
    (",\"budget_nanos\":1", "budget_nanos"),
    (",\"zone\":\"Mars/Base\"", "zone"),
    (",\"law\":\"magic\"", "law"),
    (",\"multiplier_max\":5", "multiplier_max"),
    (",\"multiplier_max\":0", "multiplier_max"),
    (",\"shape\":\"unknown\"", "shape"),
    (",\"budgte\":1", "budgte"),
];

#[test]
fn a_bad_line_is_named_and_the_dialogue_goes_on() {
    let order = |more: &str| {
        format!("{{\"op\":\"campaign\",\"id\":\"x\",\"start\":0,\"end\":9,\"budget\":1{more}}}")
    };
    let bad: Vec<(String, &str)> = BAD
        .iter()
        .map(|(line, field)| ((*line).to_owned(), *field))
        .chain(BAD_ORDERS.iter().map(|(more, field)| (order(more), *field)))
        .collect();
    let mut input = String::new();
    for line in [
        json!({"op": "campaign", "id": "a", "budget": 100, "start": 0, "end": DAY}),
        json!({"op": "advance", "now": 60}),
        json!({"op": "spend", "id": "a", "amount": 1}),
    ] {
        input += &format!("{line}\n");
    }
    for (line, _) in &bad {
        input += &format!("{line}\n");
    }
    input += "{\"op\":\"advance\",\"now\":120}";
    let answers = answers(&input);
    assert_eq!(answers.len(), 4 + bad.len());
    for (place, (line, field)) in bad.iter().enumerate() {
        let error = &answers[3 + place]["error"];
        assert_eq!(error["field"], *field, "{line}: {error}");
        assert_eq!(error["line"], 4 + place, "{line}");
        assert!(error["rule"].as_str().is_some_and(|rule| !rule.is_empty()), "{line}: {error}");
    }
    let last = answers.last().expect("the dialogue went on");
    assert_eq!(last["entries"][0]["spent_nanos"], 1_000_000_000, "{last}");
    assert_eq!(last["entries"].as_array().map(Vec::len), Some(1), "nobody else came in");
}

#[test]
fn a_line_beyond_the_bound_is_refused_by_its_length() {
    let long = " ".repeat(LINE_MAX + 1);
    let answers = answers(&format!("{long}\n\n{{\"op\":\"advance\",\"now\":1}}\n"));
    assert_eq!(answers[0]["error"]["value"], LINE_MAX + 1);
    assert_eq!(answers[1]["now"], 1.0);
    assert_eq!(answers.len(), 2, "an empty line has no answer");
}

#[test]
fn an_array_is_answered_by_an_array_and_each_item_stands_alone() {
    let input = json!([
        {"op": "hello", "version": 1, "unit_nanos": 1_000_000},
        {"op": "campaign", "id": 7, "budget": 5_000, "start": 0, "end": DAY},
        {"op": "campaign", "id": 8, "budget": 0, "start": 0, "end": DAY},
        {"op": "advance", "now": 0},
    ]);
    let answers = answers(&input.to_string());
    let items = answers[0].as_array().expect("an array");
    assert_eq!(items[0]["version"], 1);
    assert_eq!(items[1], json!({"ok": "campaign", "id": "7"}));
    assert_eq!(
        (&items[2]["error"]["item"], &items[2]["error"]["field"]),
        (&json!(2), &json!("budget"))
    );
    assert_eq!(items[3]["entries"][0]["left_nanos"], Value::Null, "no money has moved yet");
    assert_eq!(items[3]["entries"].as_array().map(Vec::len), Some(1));
}

#[test]
fn growth_and_totals_say_the_same() {
    let run = |key: &str, amounts: [f64; 3]| {
        let mut input =
            json!({"op": "campaign", "id": "a", "budget": 9, "start": 0, "end": DAY}).to_string();
        input += "\n{\"op\":\"advance\",\"now\":0}\n";
        for (minute, amount) in (1..).zip(amounts) {
            let line = json!({"op": "advance", "now": minute * 60, key: {"a": amount}});
            input += &format!("{line}\n");
        }
        answers(&input)
    };
    assert_eq!(run("spend", [0.5, 0.25, 0.0]), run("total", [0.5, 0.75, 0.75]));
}

#[test]
fn decisions_are_those_of_the_published_entry() {
    let mut input =
        json!({"op": "campaign", "id": "a", "budget": 9, "start": 0, "end": DAY}).to_string();
    input += "\n{\"op\":\"advance\",\"now\":0}\n";
    for auction in 0..100 {
        let ask = json!({"op": "decide", "id": "a", "auction": auction, "value": 0.01});
        input += &format!("{ask}\n");
    }
    let floor = json!({"op": "decide", "id": "a", "auction": "k", "value": 0.01, "floor": 0.01});
    let poor = json!({"op": "decide", "id": "a", "auction": "k", "value": 0.01, "left": 0});
    input += &format!("{floor}\n{poor}\n{{\"op\":\"explain\",\"id\":\"a\"}}\n");
    let answers = answers(&input);
    let entry = &answers[1]["entries"][0];
    let price = 1e7 * real(entry, "multiplier");
    let bids = answers[2..102].iter().filter(|answer| answer["bid"] == true);
    for bid in bids.clone() {
        assert!((real(bid, "price_nanos") - price).abs() <= 1.0, "{bid} under {entry}");
    }
    assert_eq!(entry["participation"], 1.0, "a fresh campaign enters every auction");
    assert_eq!(bids.count(), 100);
    assert_eq!(answers[102]["reason"], "floor");
    assert_eq!(answers[103]["reason"], "allowance");
    assert_eq!(answers[104]["explanation"]["reason"], "law");
}

#[test]
fn told_watermarks_hold_the_law_until_spend_is_known() {
    let lines = [
        json!({"op": "hello", "version": 1, "watermark": "told"}),
        json!({"op": "campaign", "id": "a", "budget": 9, "start": 0, "end": DAY}),
        json!({"op": "advance", "now": 0}),
        json!({"op": "reported", "through": 0}),
        json!({"op": "advance", "now": 60}),
        json!({"op": "advance", "now": 120}),
        json!({"op": "explain", "id": "a"}),
        json!({"op": "reported", "through": 120}),
        json!({"op": "advance", "now": 180}),
        json!({"op": "explain", "id": "a"}),
    ];
    let input: Vec<String> = lines.iter().map(Value::to_string).collect();
    let answers = answers(&input.join("\n"));
    assert_eq!(answers[6]["explanation"]["watermark"], 0);
    assert_eq!(answers[9]["explanation"]["watermark"], 120_000_000);
    let multiplier = |place: usize| real(&answers[place]["entries"][0], "multiplier_ppm");
    assert!(multiplier(5) <= multiplier(4), "unseen spend never reads as behind plan");
    assert!(multiplier(8) > multiplier(5), "known to be behind, it rises");
}

#[test]
fn money_outside_every_window_is_set_aside_and_said_to_be() {
    let lines = [
        json!({"op": "campaign", "id": "a", "budget": 9, "start": 600, "end": DAY}),
        json!({"op": "advance", "now": 0}),
        json!({"op": "spend", "id": "a", "amount": 1, "at": 5}),
        json!({"op": "advance", "now": 60, "spend": {"a": 2}}),
    ];
    let input: Vec<String> = lines.iter().map(Value::to_string).collect();
    let answers = answers(&input.join("\n"));
    assert_eq!(answers[2]["verdict"], "outside_flight");
    assert_eq!(answers[3]["unposted"][0]["verdict"], "outside_flight");
    assert_eq!(answers[3]["entries"][0]["spent_nanos"], 0);
    assert_eq!(answers[3]["entries"][0]["multiplier"], 0.0);
}

#[test]
fn what_the_books_cannot_take_counts_as_not_reported() {
    let lines = [
        json!({"op": "campaign", "id": "a", "budget": 4e9, "start": 0, "end": DAY}),
        json!({"op": "advance", "now": 0}),
        json!({"op": "spend", "id": "a", "total": 3.9e9, "events": 390}),
        json!({"op": "spend", "id": "a", "total": 4.1e9, "events": 20}),
        json!({"op": "spend", "id": "a", "total": 4.0e9, "events": 1}),
        json!({"op": "spend", "id": "a", "total": 4.1e9, "events": 10}),
        json!({"op": "advance", "now": 60}),
    ];
    let input: Vec<String> = lines.iter().map(Value::to_string).collect();
    let answers = answers(&input.join("\n"));
    let taken = |place: usize| (&answers[place]["verdict"], &answers[place]["amount_nanos"]);
    assert_eq!(taken(2), (&json!("posted"), &json!(3_900_000_000_000_000_000_i64)));
    assert_eq!(taken(3), (&json!("invalid"), &json!(100_000_000_000_000_000_i64)));
    assert_eq!(taken(4), (&json!("posted"), &json!(0)), "as much as was taken");
    assert_eq!(taken(5), (&json!("invalid"), &json!(0)));
    assert_eq!(answers[6]["entries"][0]["spent"], 4e9);
    assert_eq!(answers[6]["entries"][0]["state"], "exhausted");
}
