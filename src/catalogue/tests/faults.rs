//! What is refused, by which path, value and rule; and what the example says.

use paceline_catalogue::{CatalogueError, Complaint, parse, read};
use paceline_core::budget::Horizon;
use paceline_core::campaign::{CampaignSpec, LawChoice, ReturnTarget};
use paceline_core::units::{AdvertiserId, GroupId, Nanos, Ppm, ShapeId, Span};
use std::path::Path;

const ADVERTISER: &str = "[[advertisers]]\nname = \"a\"\ncurrency = \"USD\"\n";
const FLIGHT: &str = "{ start = \"2026-11-23T00:00\", end = \"2026-11-24T00:00\" }";

/// A sound campaign but for one line, which stands in place of the sound one of the same key.
fn campaign(line: &str) -> String {
    let key = line.split(" =").next().expect("a split has a first part");
    let sound = [
        "name = \"c\"".to_owned(),
        "advertiser = \"a\"".to_owned(),
        "caps = { day = \"10 USD\" }".to_owned(),
        format!("flights = [{FLIGHT}]"),
    ];
    let rest = sound.iter().filter(|other| !other.starts_with(&format!("{key} =")));
    let rest: Vec<&str> = rest.map(String::as_str).collect();
    format!("{ADVERTISER}[[campaigns]]\n{}\n{line}\n", rest.join("\n"))
}

fn faults(text: &str) -> Vec<Complaint> {
    match parse(text) {
        Err(CatalogueError::Faulty { complaints, untold: 0 }) => complaints,
        other => panic!("is not faulty: {other:?}\n{text}"),
    }
}

/// The only complaint about a text.
fn assert_refused(text: &str, path: &str, value: &str, rule: &str) {
    let told = faults(text);
    let seen: Vec<_> = told.iter().map(|c| (&c.path[..], &c.value[..], &c.rule[..])).collect();
    assert_eq!(seen, [(path, value, rule)], "{text}");
}

/// A line of a campaign, the path that is complained of, its value, and the rule.
const BAD_CAMPAIGNS: &[(&str, &str, &str, &str)] = &[
    (
        "caps = { day = \"10\" }",
        "caps.day",
        "\"10\"",
        "must be an amount and a currency: money such as \"1250.00 USD\" is due",
    ),
    (
        "caps = { day = 10.0 }",
        "caps.day",
        "10.0",
        "must be text: money such as \"1250.00 USD\" is due",
    ),
    (
        "caps = { day = nan }",
        "caps.day",
        "nan",
        "must not be NaN or infinity: money such as \"1250.00 USD\" is due",
    ),
    ("caps = { day = \"NaN USD\" }", "caps.day", "\"NaN USD\"", "must not be NaN or infinity"),
    ("caps = { day = \"-inf USD\" }", "caps.day", "\"-inf USD\"", "must not be NaN or infinity"),
    (
        "caps = { day = \"1e3 USD\" }",
        "caps.day",
        "\"1e3 USD\"",
        "must be a decimal number without exponent, such as 1250.00",
    ),
    (
        "caps = { day = \"0.0000001 USD\" }",
        "caps.day",
        "\"0.0000001 USD\"",
        "must have at most 6 decimals",
    ),
    ("caps = { day = \"0 USD\" }", "caps.day", "\"0 USD\"", "must be above zero"),
    ("caps = { day = \"-5 USD\" }", "caps.day", "\"-5 USD\"", "must be above zero"),
    (
        "caps = { day = \"4000000000.01 USD\" }",
        "caps.day",
        "\"4000000000.01 USD\"",
        "a budget may not exceed 4000000000 units",
    ),
    (
        "caps = { day = \"99999999999999999999 USD\" }",
        "caps.day",
        "\"99999999999999999999 USD\"",
        "a budget may not exceed 4000000000 units",
    ),
    (
        "caps = { day = \"10 EUR\" }",
        "caps.day",
        "\"10 EUR\"",
        "must be in USD, the advertiser's currency",
    ),
    (
        "caps = { day = \"10 dollars\" }",
        "caps.day",
        "\"10 dollars\"",
        "a currency is three capital letters of ISO 4217, e.g. EUR",
    ),
    (
        "caps = { flight = \"10 USD\" }",
        "caps.flight",
        "\"10 USD\"",
        "is not a key here; these are: hour, day, month",
    ),
    ("caps = [\"10 USD\"]", "caps", "[…]", "must be a table"),
    ("delivery = \"odd\"", "delivery", "\"odd\"", "must be \"even\" or \"ahead\" or \"asap\""),
    ("law = \"pid\"", "law", "\"pid\"", "must be \"log_pid\" or \"pass_through\" or \"asap\""),
    (
        "billing = true",
        "billing",
        "true",
        "must be text: \"impression\" or \"click\" or \"action\" is due",
    ),
    ("spend_source = \"\"", "spend_source", "\"\"", "must be \"events\" or \"counters\""),
    ("refund_policy = \"x\"", "refund_policy", "\"x\"", "must be \"hold\" or \"respend\""),
    (
        "shading = \"on\"",
        "shading",
        "\"on\"",
        "must be \"off\" or \"cautious\" or \"standard\" or \"aggressive\"",
    ),
    (
        "shading = \"standard\"\nshading_objective = \"profit\"",
        "shading_objective",
        "\"profit\"",
        "must be \"value\" or \"surplus\"",
    ),
    (
        "shading_objective = \"surplus\"",
        "shading_objective",
        "\"surplus\"",
        "needs shading cautious, standard or aggressive",
    ),
    ("status = \"off\"", "status", "\"off\"", "must be \"active\" or \"paused\" or \"archived\""),
    (
        "multiplier_max = \"401%\"",
        "multiplier_max",
        "\"401%\"",
        "must be above 0% and at most 400%",
    ),
    (
        "multiplier_max = \"1.5\"",
        "multiplier_max",
        "\"1.5\"",
        "must end in %: a share such as \"100%\" is due",
    ),
    ("multiplier_max = \"inf%\"", "multiplier_max", "\"inf%\"", "must not be NaN or infinity"),
    ("value_cap = \"0 USD\"", "value_cap", "\"0 USD\"", "must be above zero"),
    ("cost_per_action = \"0 USD\"", "cost_per_action", "\"0 USD\"", "must be above zero"),
    (
        "return_on_spend = \"4\"",
        "return_on_spend",
        "\"4\"",
        "must end in %: a share such as \"100%\" is due",
    ),
    (
        "return_on_spend = \"0%\"",
        "return_on_spend",
        "\"0%\"",
        "must be above 0% and at most 400000%",
    ),
    (
        "cost_per_click = \"1 USD\"\nreturn_on_spend = \"400%\"",
        "return_on_spend",
        "\"400%\"",
        "at most one of cost_per_click, cost_per_action and return_on_spend",
    ),
    (
        "cost_per_click = \"1 USD\"\nspend_source = \"counters\"",
        "cost_per_click",
        "\"1 USD\"",
        "needs spend_source events: a counter does not say what was won",
    ),
    ("shape = \"none\"", "shape", "\"none\"", "no shape has this name"),
    ("group = \"none\"", "group", "\"none\"", "no group has this name"),
    ("name = \"\"", "name", "\"\"", "a name has 1 to 64 bytes"),
    ("advertiser = \"b\"", "advertiser", "\"b\"", "no advertiser has this name"),
    (
        "budgt = \"10 USD\"",
        "budgt",
        "\"10 USD\"",
        "is not a key here; these are: name, advertiser, flights, caps, average_day, \
             group, shape, curve, delivery, ahead, catch_up, minimum, hours, law, billing, \
             spend_source, refund_policy, multiplier_max, value_cap, shading, \
             shading_objective, cost_per_click, cost_per_action, return_on_spend, status",
    ),
    ("flights = []", "flights", "[]", "a campaign has at least one flight"),
];

#[test]
fn every_bad_campaign_gets_its_complaint() {
    for (line, path, value, rule) in BAD_CAMPAIGNS {
        assert_refused(&campaign(line), &format!("campaigns[0].{path}"), value, rule);
    }
}

#[test]
fn every_bad_flight_gets_its_complaint() {
    let form = "must be RFC 3339, or a local date and time such as 2026-11-23T00:00";
    let cases = [
        ("start = \"tomorrow\", end = \"2026-11-24\"", "start", "\"tomorrow\"", form),
        ("start = \"2026-11-23\", end = \"2026-11-31T00:00\"", "end", "\"2026-11-31T00:00\"", form),
        (
            "start = \"1960-01-01\", end = \"2026-11-24\"",
            "start",
            "\"1960-01-01\"",
            "must lie between 1970-01-01 and 2200-01-01",
        ),
        (
            "start = \"2026-11-23\", end = \"2026-11-23\"",
            "end",
            "\"2026-11-23\"",
            "must be after start",
        ),
        (
            "start = \"2026-11-23\"",
            "end",
            "",
            "is missing: a time such as \"2026-11-23T00:00\" is due",
        ),
        (
            "start = \"2026-11-23\", end = \"2026-11-24\", budget = \"1 EUR\"",
            "budget",
            "\"1 EUR\"",
            "must be in USD, the advertiser's currency",
        ),
    ];
    for (flight, path, value, rule) in cases {
        let text = campaign(&format!("flights = [{FLIGHT}, {{ {flight} }}]"));
        assert_refused(&text, &format!("campaigns[0].flights[1].{path}"), value, rule);
    }
    assert_refused(
        &campaign(&format!("flights = [{FLIGHT}, {FLIGHT}]")),
        "campaigns[0].flights[1].start",
        "\"2026-11-23T00:00\"",
        "flights must be in order and must not overlap",
    );
}

#[test]
fn names_and_references_are_checked_across_the_file() {
    let second = format!("{ADVERTISER}{ADVERTISER}");
    let used = "is used already: a name is used once";
    assert_refused(&second, "advertisers[1].name", "\"a\"", used);
    let other = "[[advertisers]]\nname = \"b\"\ncurrency = \"USD\"\n\
                 [[groups]]\nname = \"g\"\nadvertiser = \"b\"\ncaps = { day = \"1 USD\" }\n";
    let text = campaign("group = \"g\"") + other;
    assert_refused(&text, "campaigns[0].group", "\"g\"", "belongs to another advertiser");
    let unbounded = "[[groups]]\nname = \"g\"\nadvertiser = \"a\"\n";
    let text = campaign("group = \"g\"").replace("caps = { day = \"10 USD\" }", "") + unbounded;
    let rule = "has no budget or cap, and the campaign has none either";
    assert_refused(&text, "campaigns[0].group", "\"g\"", rule);
    let long = format!("[[advertisers]]\nname = \"{}\"\ncurrency = \"USD\"", "x".repeat(99));
    let shown = format!("\"{}…", "x".repeat(76));
    assert_refused(&long, "advertisers[0].name", &shown, "a name has 1 to 64 bytes");
    let zone = format!("{ADVERTISER}zone = \"europe/berlin\"\n");
    let rule = "time zone \"europe/berlin\" must be spelt \"Europe/Berlin\"";
    assert_refused(&zone, "advertisers[0].zone", "\"europe/berlin\"", rule);
}

#[test]
fn shapes_have_a_week_of_whole_weights() {
    let shape = |weights: &str| format!("[[shapes]]\nname = \"s\"\nweights = {weights}\n");
    let many = |weight: &str, count| format!("[{}]", vec![weight; count].join(", "));
    let path = "shapes[0].weights";
    let rule = "has 24 slots, must have 168, 336 or 672";
    assert_refused(&shape(&many("1", 24)), path, "[…]", rule);
    let rule = "all are 0, at least one must be above zero";
    assert_refused(&shape(&many("0", 168)), path, "[…]", rule);
    assert_refused(&shape(&many("1", 673)), path, "[…]", "must have at most 672 items");
    let rule = "must be a whole number from 0 to 4294967295";
    let text = shape(&many("1", 168).replacen('1', "4294967296", 1));
    assert_refused(&text, "shapes[0].weights[0]", "4294967296", rule);
    let text = shape(&many("1", 168).replacen('1', "nan", 1));
    assert_refused(&text, "shapes[0].weights[0]", "nan", "must not be NaN or infinity");
    assert_refused("[[shapes]]\nname = \"s\"", path, "", "is missing: 168, 336 or 672 are due");
}

#[test]
fn every_complaint_is_told_at_once_with_its_line() {
    let text = campaign("law = \"x\"").replace("10 USD", "10 EUR") + "shap = 1\n";
    let told: Vec<_> = faults(&text).into_iter().map(|c| (c.line, c.path)).collect();
    let expected =
        [(7, "campaigns[0].caps.day"), (9, "campaigns[0].law"), (10, "campaigns[0].shap")];
    assert_eq!(told, expected.map(|(line, path)| (line, path.to_owned())));
    let broken = faults("[[campaigns]\nname = 1");
    assert_eq!((broken[0].line, &broken[0].path[..]), (1, ""));
    assert!(broken[0].rule.starts_with("is not TOML: "), "{broken:?}");
    assert!(parse(&text).unwrap_err().to_string().starts_with(
        "the campaigns have 3 faults\n  line 7: campaigns[0].caps.day = \"10 EUR\": must be in USD"
    ));
}

#[test]
fn complaints_are_bounded_and_the_rest_is_counted() {
    let Err(CatalogueError::Faulty { complaints, untold }) =
        parse(&"[[advertisers]]\n".repeat(600))
    else {
        panic!("names and currencies are missing");
    };
    assert_eq!((complaints.len(), untold), (1_000, 200));
}

#[test]
fn a_missing_file_is_told_by_name() {
    let error = read(Path::new("no-such.toml")).unwrap_err();
    assert!(error.to_string().starts_with("no-such.toml: cannot be read: "), "{error}");
}

#[test]
fn the_example_is_sound_and_shows_every_key() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../config/campaigns.toml");
    let catalogue = read(&path).unwrap();
    let holiday: &CampaignSpec = &catalogue.campaigns[0];
    assert_eq!(holiday.advertiser, AdvertiserId::of("north"));
    assert_eq!(holiday.group, Some(GroupId::of("north-brand")));
    assert_eq!(holiday.shape, Some(ShapeId::of("web")));
    assert_eq!(holiday.budgets.cap(Horizon::Hour), Some(Nanos::from_units(150)));
    assert_eq!(holiday.value_cap.unwrap().get(), 25_000_000);
    assert_eq!(holiday.returns, Some(ReturnTarget::ReturnOnSpend(Ppm::new(4_000_000))));
    let flight = holiday.budgets.flights[0];
    assert_eq!(flight.budget, Some(Nanos::from_units(8_000)));
    // 23 November 2026, 00:00 in New York is 05:00 UTC.
    assert_eq!(flight.window.start().as_micros(), 1_795_410_000_000_000);
    assert_eq!(flight.window.span(), Span::DAY.times(8));
    assert_eq!(catalogue.campaigns[1].law, LawChoice::LogPid);
    assert_eq!(catalogue.shapes[0].change().weights.len(), 168);
}
