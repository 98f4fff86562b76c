//! Everything this crate can show, on one page, from made-up numbers:
//! `cargo run -p paceline-view --example gallery > gallery.html`.

use paceline_view::number::{money, percent};
use paceline_view::{
    Axis, Block, Cell, Chart, Column, Field, Form, Input, NavLink, Page, Reference, Section,
    Series, Sparkline, State, Table, Tile, Tone,
};

/// 2026-03-08T00:00:00Z.
const MIDNIGHT: f64 = 1_772_928_000.0;
const BUDGET: f64 = 24_000.0;
const MINUTES: u32 = 1_440;

fn main() {
    let page = Page::new("Portfolio")
        .with_subtitle("42 live campaigns of 7 advertisers · Sunday, 8 March 2026, 18:42 UTC")
        .with_nav(
            "paceline",
            vec![
                NavLink::current("Portfolio", "/"),
                NavLink::new("Overrides", "/overrides"),
                NavLink::new("Audit", "/audit"),
                NavLink::new("Health", "/health"),
            ],
        )
        .with_section(Section::new("").with(notice()).with(tiles()))
        .with_section(Section::new("Campaigns").with(Block::Table(campaigns())).with(Block::Links(
            vec![NavLink::current("1", "?page=1"), NavLink::new("2", "?page=2")],
        )))
        .with_section(
            Section::new("Spring sale").with(Block::Chart(spend())).with(Block::Charts(vec![
                multiplier(),
                participation(),
                prices(),
                nothing(),
            ])),
        )
        .with_section(Section::new("Why").with(facts()).with(Block::Code(campaigns().to_text())))
        .with_section(Section::new("Lay a hand on").with(Block::Form(hold())))
        .with_footer("Made from made-up numbers.");
    print!("{}", page.to_html());
}

/// A second of the day.
fn minute(count: u32) -> f64 {
    MIDNIGHT + 60.0 * f64::from(count)
}

/// A number in [-1, 1) that looks random.
fn noise(seed: u32) -> f64 {
    let word = (seed.wrapping_mul(2_654_435_761) ^ (seed << 13)).wrapping_mul(40_503);
    let word = (word ^ (word >> 15)).wrapping_mul(2_246_822_519);
    f64::from(word >> 16) / 32_768.0 - 1.0
}

/// Share of the day's traffic before a minute.
fn traffic(count: u32) -> f64 {
    let share = f64::from(count) / f64::from(MINUTES);
    share - 0.11 * (share * std::f64::consts::TAU).sin()
}

fn notice() -> Block {
    Block::Notice(State::Watch, "One bidder of 12 has not confirmed the table for 48 s.".to_owned())
}

fn tiles() -> Block {
    let course = |scale: f64| {
        (0..48).map(move |step| scale * (2.0 + (f64::from(step) / 7.0).sin() + noise(step) / 3.0))
    };
    Block::Tiles(vec![
        Tile::new("Spend today", format!("{} EUR", money(184_210_550_000_000_i64, 0)))
            .with_note("on plan, 99.2%")
            .with_state(State::Good)
            .with_sparkline(Sparkline::new("spend per half hour", course(10.0).collect())),
        Tile::new("Behind plan", "3 of 42").with_note("2 need a look").with_state(State::Watch),
        Tile::new("Overspend", percent(0.0002, 2)).with_note("cap held").with_state(State::Good),
        Tile::new("Decision rounds", "10.0 s").with_note("last 4 ms ago"),
    ])
}

fn campaigns() -> Table {
    let columns = vec![
        Column::text("campaign"),
        Column::text("state"),
        Column::number("spend", "EUR"),
        Column::number("budget", "EUR"),
        Column::text("used"),
        Column::number("multiplier", "×"),
        Column::number("participation", ""),
        Column::text("spend per half hour"),
    ];
    let rows = [
        ("Spring sale", State::Good, "on plan", 74, 0.412),
        ("Winter clearance <final>", State::Watch, "behind plan", 41, 1.0),
        ("Always-on brand", State::Good, "on plan", 75, 0.231),
        ("Launch teaser", State::Bad, "counter went back", 100, 0.002),
        ("Summer preview", State::Idle, "paused", 0, f64::NAN),
    ];
    let mut table = Table::new("", columns);
    for (seed, (name, state, word, used, multiplier)) in (0_u32..).zip(rows) {
        let budget = 24_000_000_000_000_i64 * i64::from(seed + 1);
        let course = (0..38).map(|step| {
            let wave = 2.0 + (f64::from(step + 9 * seed) / 6.0).sin();
            if used > 0 { wave + noise(step + 99 * seed) / 2.0 } else { f64::NAN }
        });
        table = table.with_row(vec![
            Cell::link(name, format!("/campaigns/{seed}")),
            Cell::status(state, word),
            Cell::Money { nanos: i128::from(budget) * i128::from(used) / 100, digits: 2 },
            Cell::Money { nanos: budget.into(), digits: 0 },
            Cell::bar(f64::from(used) / 100.0, Some(0.74)),
            Cell::number(multiplier, 3),
            Cell::percent(if multiplier > 0.01 { 1.0 } else { 0.25 }, 1),
            Cell::Sparkline(
                Sparkline::new("spend per half hour", course.collect()).with_reference(2.0),
            ),
        ]);
    }
    table.with_note("37 more campaigns are as planned.")
}

fn spend() -> Chart {
    let actual = (0..1_120).map(|m| {
        (minute(m), BUDGET * (traffic(m) + 0.02 * traffic(m) * (f64::from(m) / 90.0).sin()))
    });
    let plan: Vec<_> = (0..=MINUTES).map(|m| (minute(m), BUDGET * traffic(m))).collect();
    let corridor = plan.iter().map(|&(x, y)| (x, y - 700.0_f64.min(y), y + 700.0));
    Chart::over_time("Cumulative spend against plan")
        .with_y_label("EUR")
        .with_series(Series::band("±3% of the budget", corridor.collect()).with_tone(Tone::Muted))
        .with_series(Series::line("spend", actual.collect()).with_tone(Tone::Palette(0)))
        .with_series(Series::line("plan", plan.clone()).as_plan())
        .with_reference(Reference::at_y(BUDGET, "budget"))
        .with_reference(Reference::at_x(minute(1_120), "now"))
}

fn multiplier() -> Chart {
    let course = |m: u32| 0.4 * (1.0 + 0.5 * (f64::from(m) / 200.0).sin() + 0.05 * noise(m / 10));
    let of = |shift: u32| (0..1_120).map(|m| (minute(m), course(m + shift))).collect();
    Chart::over_time("Multiplier")
        .with_y_label("×, logarithmic")
        .with_log_y()
        .with_series(Series::step("campaign", of(0)))
        .with_series(Series::step("group", of(500)))
        .with_series(Series::step("advertiser", of(900)))
        .with_reference(Reference::at_y(1.0, "full bid"))
}

fn participation() -> Chart {
    let course = |m: u32| if (420..460).contains(&m) { 0.3 } else { 1.0 };
    let points =
        (0..1_120).map(|m| (minute(m), if m > 800 && m < 850 { f64::NAN } else { course(m) }));
    Chart::over_time("Participation")
        .with_y(Axis::Percent)
        .with_y_label("of auctions")
        .with_series(Series::step("participation", points.collect()))
        .with_reference(Reference::at_x(minute(420), "brake"))
}

fn prices() -> Chart {
    let dots = |seed: u32| {
        (0..160)
            .map(move |i| (1.5 + noise(i + seed), 0.6 + noise(i + seed) * 0.4 + noise(i * 7) * 0.2))
    };
    Chart::new("Bid and price")
        .with_x_label("bid, EUR per thousand")
        .with_y_label("price, EUR per thousand")
        .with_series(Series::dots("first exchange", dots(0).collect()))
        .with_series(Series::dots("second exchange", dots(1_000).collect()))
}

fn nothing() -> Chart {
    Chart::over_time("Clicks").with_series(Series::line("clicks", Vec::new()))
}

fn facts() -> Block {
    Block::Facts(vec![
        ("tight horizon".to_owned(), Cell::text("local day in Europe/Berlin")),
        ("bound by".to_owned(), Cell::link("group Retail", "/groups/retail")),
        ("spent".to_owned(), Cell::money(17_760_000_000_000_i64)),
        ("in flight".to_owned(), Cell::money(84_250_000_000_i64)),
        ("used".to_owned(), Cell::bar(0.74, Some(0.742))),
    ])
}

fn hold() -> Form {
    let choices = [("pause", "Pause"), ("freeze", "Freeze"), ("cap", "Cap")];
    let choices = choices.map(|(value, text)| (value.to_owned(), text.to_owned())).to_vec();
    Form {
        action: "/overrides".to_owned(),
        fields: vec![
            Field::hidden("version", "17"),
            Field::new("action", "Action", Input::Choice(choices)),
            Field::new(
                "multiplier",
                "Multiplier",
                Input::Number { min: 0.0, max: 4.0, step: 0.01 },
            )
            .optional(),
            Field::new("reason", "Reason", Input::Text(200)),
        ],
        submit: "Apply".to_owned(),
        state: State::Bad,
        is_question: false,
    }
}
