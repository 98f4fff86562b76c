//! Small pictures and pages, equal to the committed ones to the byte. `UPDATE_GOLDEN=1` rewrites
//! them, except where `CI` is set.

use paceline_view::{
    Axis, Block, Cell, Chart, Column, Details, NavLink, Page, Reference, Section, Series,
    Sparkline, State, Table, Tile,
};
use std::path::Path;

/// 2026-03-08T00:00:00Z.
const MIDNIGHT: f64 = 1_772_928_000.0;

fn check(name: &str, actual: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(name);
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        assert!(std::env::var_os("CI").is_none(), "golden files are not rewritten where CI is set");
        std::fs::write(&path, actual).expect("the folder is committed");
    }
    let expected = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(expected == actual, "{name} differs; look at it with UPDATE_GOLDEN=1 and git diff");
}

fn hour(count: u32) -> f64 {
    MIDNIGHT + 3_600.0 * f64::from(count)
}

/// Styles change often and are looked at by eye: golden files leave them out.
fn without_styles(document: &str) -> String {
    let (before, rest) = document.split_once("<style>").expect("has styles");
    let (_, after) = rest.split_once("</style>").expect("styles end");
    format!("{before}{after}\n").replace("><", ">\n<")
}

fn spend() -> Chart {
    let plan = (0..=24).map(|h| (hour(h), 100.0 * f64::from(h)));
    let actual = (0..=12).map(|h| (hour(h), if h == 5 { f64::NAN } else { 95.0 * f64::from(h) }));
    Chart::over_time("Spend & plan")
        .with_y_label("EUR")
        .with_series(Series::band(
            "corridor",
            vec![(hour(0), 0.0, 50.0), (hour(24), 2_300.0, 2_400.0)],
        ))
        .with_series(Series::step("spend", actual.collect()))
        .with_series(Series::line("plan", plan.collect()).as_plan())
        .with_series(Series::dots("<refunds>", vec![(hour(3), 40.0), (hour(9), f64::INFINITY)]))
        .with_reference(Reference::at_y(2_400.0, "budget"))
        .with_reference(Reference::at_x(hour(12), "now"))
}

fn campaigns() -> Table {
    let columns = vec![
        Column::text("campaign"),
        Column::text("state"),
        Column::number("spend", "EUR"),
        Column::text("used"),
        Column::number("multiplier", ""),
        Column::text("course"),
    ];
    Table::new("Campaigns", columns)
        .with_row(vec![
            Cell::link("<spring>", "/campaigns/spring"),
            Cell::status(State::Good, "on plan"),
            Cell::money(1_234_565_000_000_i64),
            Cell::bar(0.75, Some(0.5)),
            Cell::number(0.4125, 3),
            Cell::Sparkline(Sparkline::new("spend", vec![1.0, 4.0, 2.0]).with_reference(2.0)),
        ])
        .with_row(vec![Cell::text("empty"), Cell::status(State::Idle, "paused")])
}

#[test]
fn a_chart_over_time_is_as_committed() {
    check("spend.svg", &without_styles(&spend().to_svg(640, 300)));
}

#[test]
fn a_logarithmic_chart_is_as_committed() {
    let chart = Chart::new("Multiplier")
        .with_x_label("round")
        .with_y(Axis::Percent)
        .with_log_y()
        .with_series(Series::line("m", vec![(0.0, 1.0), (1.0, 0.03), (2.0, 0.0), (3.0, 0.002)]));
    check("multiplier.svg", &without_styles(&chart.to_svg(320, 200)));
}

#[test]
fn intervals_with_their_means_are_as_committed() {
    let intervals = vec![(1.0, -0.02, 0.01), (2.0, 0.01, f64::NAN), (3.0, 0.005, 0.03)];
    let chart = Chart::new("Differences")
        .with_x_label("cell")
        .with_y(Axis::Percent)
        .with_series(Series::bars("interval", intervals))
        .with_series(Series::dots("mean", vec![(1.0, -0.005), (2.0, 0.02), (3.0, 0.018)]));
    check("differences.svg", &without_styles(&chart.to_svg(320, 200)));
}

#[test]
fn dots_of_more_series_than_colours_can_be_told_apart() {
    let each = |place: u32| {
        let at = f64::from(place);
        Series::dots(format!("s{place}"), vec![(at, at)])
    };
    let chart = (1..=7).map(each).fold(Chart::new("Scatter"), Chart::with_series);
    let svg = chart.to_svg(320, 200);
    // Each once in the plot and once in the legend.
    assert_eq!(svg.matches("class=\"pl-dots pl-c").count(), 12);
    assert_eq!(svg.matches("class=\"pl-cross pl-c0").count(), 2);
}

#[test]
fn a_chart_without_points_is_as_committed() {
    let chart = Chart::over_time("Clicks").with_series(Series::line("clicks", Vec::new()));
    check("no-data.svg", &without_styles(&chart.to_svg(320, 160)));
}

#[test]
fn a_page_is_as_committed() {
    let tile = Tile::new("Spend", "1,234.56 EUR").with_note("on plan").with_state(State::Good);
    let inner = Details { summary: "spring".to_owned(), ..Details::default() };
    let outer = Details {
        summary: "Shoes <all>".to_owned(),
        is_open: true,
        blocks: vec![Block::Paragraph("Its own.".to_owned()), Block::Details(inner)],
    };
    let page = Page::new("Portfolio <today>")
        .with_subtitle("2 campaigns")
        .with_nav("paceline", vec![NavLink::current("Portfolio", "/")])
        .with_refresh(10)
        .with_section(Section::new("").with(Block::Tiles(vec![tile])))
        .with_section(
            Section::new("Campaigns")
                .with(Block::Table(campaigns()))
                .with(Block::Notice(State::Watch, "One bidder is late.".to_owned()))
                .with(Block::Facts(vec![("zone".to_owned(), Cell::text("UTC"))]))
                .with(Block::Code("a\n\tb".to_owned()))
                .with(Block::Details(outer))
                .with(Block::Paragraph("That is all.".to_owned())),
        )
        .with_footer("made for a test");
    check("page.html", &without_styles(&page.to_html()));
}

#[test]
fn a_table_in_text_is_as_committed() {
    check("table.txt", &campaigns().to_text());
}

#[test]
fn a_long_series_makes_a_small_picture_with_its_extremes() {
    let points: Vec<(f64, f64)> = (0..100_000_u32)
        .map(|at| (f64::from(at), if at == 54_321 { 9.0 } else { f64::from(at % 7) / 7.0 }))
        .collect();
    let chart = Chart::new("Long").with_series(Series::line("long", points));
    let page = Page::new("Long").with_section(Section::new("").with(Block::Chart(chart.clone())));
    assert!(page.to_html().len() < 50_000);
    // The one high point is drawn: the axis reaches 10, so 9 stands a tenth below its top.
    let svg = chart.with_y_range(0.0, 10.0).to_svg(1_000, 400);
    let top = 36.0;
    let bottom = 379.0;
    let peak = format!(" {:.1}", top + 0.1 * (bottom - top));
    assert!(svg.contains(&peak), "{peak}");
}

#[test]
fn nothing_from_outside_is_markup() {
    let evil = "</text><script>alert(1)</script>\u{0}";
    let chart = Chart::new(evil)
        .with_x_label(evil)
        .with_y_label(evil)
        .with_series(Series::line(evil, vec![(0.0, 1.0), (1.0, 2.0)]))
        .with_series(Series::line(evil, Vec::new()))
        .with_reference(Reference::at_y(1.0, evil));
    let page = Page::new(evil)
        .with_subtitle(evil)
        .with_footer(evil)
        .with_nav(evil, vec![NavLink::new(evil, "javascript:alert(1)")])
        .with_section(
            Section::new(evil)
                .with(Block::Chart(chart))
                .with(Block::Tiles(vec![Tile::new(evil, evil).with_note(evil)]))
                .with(Block::Facts(vec![(evil.to_owned(), Cell::text(evil))]))
                .with(Block::Code(evil.to_owned()))
                .with(Block::Details(Details { summary: evil.to_owned(), ..Details::default() }))
                .with(Block::Notice(State::Bad, evil.to_owned()))
                .with(Block::Paragraph(evil.to_owned())),
        );
    let html = page.to_html();
    assert!(!html.contains("<script") && !html.contains("javascript:") && !html.contains('\u{0}'));
}

#[test]
fn numbers_of_any_kind_draw_something() {
    let values = [0.0, -0.0, f64::NAN, f64::INFINITY, f64::MIN, f64::MAX, 1e-320, -1e299, 1e300];
    let points: Vec<_> = values.iter().flat_map(|x| values.map(|y| (*x, y))).collect();
    for axis in [Axis::Number, Axis::Percent, Axis::Time] {
        for log_y in [false, true] {
            let chart = Chart {
                x: axis,
                y: axis,
                log_y,
                y_range: Some((f64::NAN, 1.0)),
                series: vec![
                    Series::line("a", points.clone()),
                    Series::dots("b", points.clone()),
                    Series::bars("c", points.iter().map(|&(x, y)| (x, y, 1.0)).collect()),
                ],
                ..Chart::new("odd")
            };
            let svg = chart.to_svg(0, u32::MAX);
            let is_sane = !svg.contains("NaN") && !svg.contains("inf");
            assert!(is_sane, "{axis:?} {log_y}: {svg}");
        }
    }
}
