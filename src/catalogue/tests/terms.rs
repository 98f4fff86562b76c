//! Delivery terms, holidays and averages: what the example says, and what is refused.

use paceline_catalogue::{CatalogueError, parse, read};
use paceline_core::budget::Horizon;
use paceline_core::units::{Nanos, Ppm, ShapeId, Span};
use std::path::Path;

fn units(budget: Option<Nanos>) -> f64 {
    budget.map_or(0.0, |budget| budget.as_f64() / 1e9)
}

#[test]
fn the_example_has_terms_and_holidays() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../config/campaigns.toml");
    let catalogue = read(&path).unwrap();
    let terms = catalogue.campaigns[0].terms;
    assert_eq!((terms.ahead, terms.catch_up), (Ppm::new(200_000), Some(Ppm::new(250_000))));
    assert_eq!(terms.minimum, Some(Nanos::from_units(4_000)));
    assert!(terms.hours.is_all());
    let holidays = &catalogue.advertisers[0].holidays;
    assert_eq!(holidays.len(), 3);
    // 26 November 2026, 00:00 in New York is 05:00 UTC.
    assert_eq!(holidays[0].day.as_micros(), 1_795_669_200_000_000);
    assert_eq!(holidays[1].traffic, Ppm::new(1_700_000));
}

fn campaign(lines: &str) -> String {
    format!(
        "[[advertisers]]\nname = \"a\"\ncurrency = \"USD\"\nzone = \"Europe/Berlin\"\n\
         [[campaigns]]\nname = \"c\"\nadvertiser = \"a\"\n{lines}\n"
    )
}

#[test]
fn an_average_over_months_has_thirty_days_and_four_tenths_or_those_there_are() {
    let shape = format!("[[shapes]]\nname = \"web\"\nweights = {:?}\n", [1; 168]);
    let text = shape
        + &campaign(
            "flights = [{ start = \"2026-11-10T00:00\", end = \"2027-01-01T00:00\" }]\n\
             average_day = { amount = \"100 USD\" }\ncurve = \"web\"",
        );
    let catalogue = parse(&text).unwrap();
    let always = &catalogue.campaigns[0];
    assert_eq!(always.terms.curve, Some(ShapeId::of("web")));
    let budgets: Vec<f64> = always.budgets.flights.iter().map(|one| units(one.budget)).collect();
    // 21 days of November, and December whole.
    assert_eq!(budgets.len(), 2);
    assert!((budgets[0] - 2_100.0).abs() < 1e-6 && (budgets[1] - 3_040.0).abs() < 1e-6);
    assert_eq!(always.budgets.cap(Horizon::Day), Some(Nanos::from_units(200)));
}

#[test]
fn an_average_over_weeks_counts_hours_of_broken_days_and_of_long_ones() {
    let text = campaign(
        "flights = [{ start = \"2026-10-21T12:00\", end = \"2026-11-02T00:00\" }]\n\
         average_day = { amount = \"24 USD\", over = \"week\", most = \"150%\" }",
    );
    let catalogue = parse(&text).unwrap();
    let budgets = &catalogue.campaigns[0].budgets;
    let told: Vec<f64> = budgets.flights.iter().map(|one| units(one.budget)).collect();
    // Wednesday noon to Sunday, which has 25 hours; then a week.
    assert_eq!(told.len(), 2);
    assert!((told[0] - 4.5 * 24.0).abs() < 1e-6 && (told[1] - 7.0 * 24.0).abs() < 1e-6, "{told:?}");
    assert_eq!(budgets.flights[1].window.span(), Span::DAY.times(7));
    assert_eq!(budgets.flights[0].window.end(), budgets.flights[1].window.start());
    assert_eq!(budgets.cap(Horizon::Day), Some(Nanos::from_units(36)));
}

#[test]
fn what_terms_holidays_and_averages_break_is_told_by_name() {
    let flight = "flights = [{ start = \"2026-10-21T12:00\", end = \"2026-11-02T00:00\", \
                  budget = \"9 USD\" }]";
    let told = |lines: &str| match parse(&campaign(&format!("{flight}\n{lines}"))) {
        Err(CatalogueError::Faulty { complaints, .. }) => complaints[0].to_string(),
        other => panic!("{lines}: {other:?}"),
    };
    for (lines, words) in [
        ("hours = [\"mon 9 to 5\"]", "hours[0]"),
        ("hours = []", "must hold an hour"),
        ("catch_up = \"25\"", "must end in %"),
        ("catch_up = \"0%\"\ndelivery = \"asap\"", "needs delivery even"),
        ("ahead = \"0%\"", "must be above 0%"),
        ("minimum = \"10 USD\"", "at most each flight's budget"),
        ("curve = \"none\"", "no shape has this name"),
        ("average_day = { amount = \"1 USD\" }", "needs flights without a budget"),
        ("average_day = { over = \"month\" }", "average_day.amount: is missing"),
        ("average_day = { amount = \"1 USD\", most = \"50%\" }", "must be at least 100%"),
    ] {
        assert!(told(lines).contains(words), "{lines}: {}", told(lines));
    }
    let told = |start: &str, end: &str, average: &str| {
        let flights = format!("flights = [{{ start = \"{start}\", end = \"{end}\" }}]\n");
        match parse(&campaign(&format!("{flights}average_day = {average}"))) {
            Err(CatalogueError::Faulty { complaints, .. }) => complaints[0].to_string(),
            other => panic!("{average}: {other:?}"),
        }
    };
    let dear = told("2026-01-01T00:00", "2027-01-01T00:00", "{ amount = \"400000000 USD\" }");
    assert!(dear.contains("makes a budget above 4000000000 units"), "{dear}");
    let long = told("2026-01-01T00:00", "2190-01-01T00:00", "{ amount = \"1 USD\" }");
    assert!(long.contains("may last at most 12400 days"), "{long}");
    let days =
        "[[holidays]]\nname = \"h\"\ndays = [{ date = \"2026-02-30\", traffic = \"50%\" }]\n";
    let Err(CatalogueError::Faulty { complaints, .. }) = parse(days) else { panic!("taken") };
    assert_eq!(complaints[0].path, "holidays[0].days[0].date");
}
