//! One supply segment: what its auctions cost, what is bid there, how often bids won as foretold,
//! and why it has no schedule of its own where it has none.
//!
//! Knows a copy of what the engine knows of it, and how to show that. Called by `segments`.

use super::segments::{KEYS, drift, schedule, title};
use super::{frame, words};
use paceline_core::shade::{ChanceBin, Gate, Portrait, ShadingLevel, Source};
use paceline_core::units::{CpmMicros, Timestamp};
use paceline_view::{
    Axis, Block, Cell, Chart, Column, NavLink, Page, Section, Series, State, Table, Tone, number,
};

/// Points of a line of bids: a knot between two of them is a pixel off.
const POINTS: i64 = 200;
/// Bids told one by one that a stretch of the calibration must be worth to be drawn: fewer scatter
/// too widely.
const BIDS_LEAST: f64 = 20.0;
/// Share of the others' prices beyond which a landscape is not drawn: a tail would be all of it.
const SHOWN: f64 = 0.995;

/// The page of a segment that the reader named, or followed a link to.
pub(super) fn page(told: &Portrait, name: Option<&str>, now: Timestamp) -> Page {
    let charts = vec![landscape(told), bids(told), calibration(told)];
    let links = vec![NavLink::new("All segments", "/segments")];
    frame(&title(told, name), "")
        .with_subtitle(format!("as of {}", words::moment(now)))
        .with_refresh(super::REFRESH)
        .with_section(Section::new("").with(Block::Facts(facts(told))))
        .with_section(Section::new("").with(Block::Charts(charts)))
        .with_section(Section::new("Won as foretold?").with(Block::Table(table(told))))
        .with_section(Section::new("").with(Block::Links(links)))
        .with_footer(KEYS)
}

fn facts(told: &Portrait) -> Vec<(String, Cell)> {
    let line = &told.line;
    let fact = |name: &str, cell: Cell| (name.to_owned(), cell);
    let shares = format!(
        "{} of bids left unshaded to compare with, {} of the rest explore",
        number::percent(f64::from(told.schedule.control().get()) / 1e6, 2),
        number::percent(f64::from(told.schedule.explore().get()) / 1e6, 2)
    );
    let feedback = format!("{} of outcomes tell the minimum to win", number::percent(line.told, 0));
    let evidence = format!("{:.0} auctions' worth, what is older counts less", line.evidence);
    let levels = format!("{} besides the whole market", told.depth);
    vec![
        fact("key", Cell::text(line.segment.to_string())),
        fact("levels above", Cell::text(levels)),
        fact("schedule", schedule(line)),
        fact("latest fit", gate(told)),
        fact(
            "published",
            told.published_at.map_or(Cell::Empty, |at| Cell::text(words::moment(at))),
        ),
        fact("outcomes", Cell::text(format!("{} rows", line.rows))),
        fact("evidence", Cell::text(evidence)),
        fact("feedback", Cell::text(feedback)),
        fact("draws", Cell::text(shares)),
        fact("drift", drift(line)),
        fact("last heard", Cell::text(words::moment(line.heard_at))),
    ]
}

/// What the gates made of the latest fit.
fn gate(told: &Portrait) -> Cell {
    match told.gate {
        Gate::None => Cell::status(State::Idle, "none yet"),
        Gate::Lifted => Cell::status(
            State::Good,
            "came in whole: little was known before, or a drift test held",
        ),
        Gate::Passed => Cell::status(State::Good, "came in whole"),
        Gate::Bounded => {
            let most = number::percent(told.motion_per_hour, 0);
            let why =
                format!("came in only in part: bids move {most} an hour at most, in the mean");
            Cell::status(State::Watch, why)
        }
        Gate::Loss => Cell::status(
            State::Watch,
            "refused: it foretold held-out outcomes worse than the one in force",
        ),
        Gate::Calibration => {
            Cell::status(State::Watch, "refused: it was off the middle of what was held out")
        }
    }
}

/// Whose curve is drawn.
fn whose(told: &Portrait) -> &'static str {
    match told.line.source {
        Source::Own => "",
        Source::Above(_) => ", of the level above that it uses",
        Source::Market => ", of the whole market",
        Source::Unshaded => ", not in use",
    }
}

/// Prices and the chance that the others offer no more, as far as prices go, and the first beyond.
fn curve(told: &Portrait) -> Vec<(CpmMicros, f64)> {
    let points: Vec<_> = told.curve.iter().flat_map(|curve| curve.points()).collect();
    let end = points.iter().position(|point| point.1 > SHOWN).map_or(points.len(), |end| end + 1);
    points.into_iter().take(end).collect()
}

fn landscape(told: &Portrait) -> Chart {
    let points = curve(told).into_iter().map(|(price, chance)| (cpm(price), chance)).collect();
    Chart::new(format!("Chance to win by bid{}", whose(told)))
        .with_x_label("bid per thousand, where the floor allows it")
        .with_y_label("chance")
        .with_y(Axis::Percent)
        .with_y_range(0.0, 1.0)
        .with_series(Series::line("chance that the others offer no more", points))
}

fn bids(told: &Portrait) -> Chart {
    // One that bids the paced value has no knots: as far as prices go then.
    let end = || curve(told).last().map_or(UNIT_MICROS, |(price, _)| price.get());
    let most = told.schedule.knots().map(|(value, _)| value.get()).max().unwrap_or_else(end);
    // A fifth beyond the last knot, so that one sees how it goes on.
    let most = (most + most / 5).max(1);
    let at = |number: i64| CpmMicros::new(most / POINTS * number + most % POINTS * number / POINTS);
    let line = |level: ShadingLevel| {
        let values = (0..=POINTS).map(at);
        values.map(|value| (cpm(value), cpm(told.schedule.bid(level, value)))).collect::<Vec<_>>()
    };
    let knots = told.schedule.knots().map(|(value, bid)| (cpm(value), cpm(bid))).collect();
    Chart::new("What is bid for a paced value")
        .with_x_label("paced value per thousand")
        .with_y_label("bid per thousand")
        .with_series(Series::line("unshaded", line(ShadingLevel::Off)).with_tone(Tone::Muted))
        .with_series(Series::line("cautious", line(ShadingLevel::Cautious)))
        .with_series(Series::line("standard", line(ShadingLevel::Standard)))
        .with_series(Series::line("aggressive", line(ShadingLevel::Aggressive)))
        .with_series(Series::dots("knots", knots))
}

/// Foretold chance and share won of a stretch; `None` where too few bids fell into it.
fn shares(bin: &ChanceBin) -> Option<(f64, f64)> {
    let share = |part: f32| f64::from(part / bin.bids);
    (bin.alike() >= BIDS_LEAST).then(|| (share(bin.foretold), share(bin.won)))
}

/// Where a share won lies for certain, nineteen times in twenty: Wilson, JASA 1927.
fn interval(won: f64, bids: f64) -> (f64, f64) {
    let square = 1.96 * 1.96;
    let middle = (won + square / (2.0 * bids)) / (1.0 + square / bids);
    let spread = (won * (1.0 - won) / bids + square / (4.0 * bids * bids)).sqrt();
    let half = 1.96 * spread / (1.0 + square / bids);
    ((middle - half).max(0.0), (middle + half).min(1.0))
}

fn calibration(told: &Portrait) -> Chart {
    let known = || told.bins.iter().filter_map(|bin| Some((bin, shares(bin)?)));
    let bars = known().map(|(bin, (foretold, won))| {
        let (low, high) = interval(won, bin.alike());
        (foretold, low, high)
    });
    let right = vec![(0.0, 0.0), (1.0, 1.0)];
    let mut chart = Chart::new("Share won by foretold chance")
        .with_x_label("foretold by the latest curve when the outcome came")
        .with_x_range(0.0, 1.0)
        .with_y(Axis::Percent)
        .with_y_range(0.0, 1.0)
        .with_y_label("won")
        .with_series(Series::line("as foretold", right).with_tone(Tone::Muted))
        .with_series(Series::bars("95 % interval", bars.collect()).with_tone(Tone::Palette(0)))
        .with_series(Series::dots("won", known().map(|(_, share)| share).collect()));
    chart.x = Axis::Percent;
    chart
}

fn table(told: &Portrait) -> Table {
    let columns = vec![
        Column::text("foretold chance"),
        Column::number("bids", "auctions"),
        Column::number("foretold", "%"),
        Column::number("won", "%"),
    ];
    let rows = told.bins.iter().zip(0_u32..);
    let table = rows.fold(Table::new("", columns), |table, (bin, tenth)| {
        let share = |part: f32| {
            if bin.bids > 0.0 { Cell::percent((part / bin.bids).into(), 1) } else { Cell::Empty }
        };
        table.with_row(vec![
            Cell::text(format!("{} to {} %", tenth * 10, tenth * 10 + 10)),
            Cell::number(bin.bids.into(), 0),
            share(bin.foretold),
            share(bin.won),
        ])
    });
    table.with_note(
        "Bids of all campaigns, explorers and control group among them, by what the segment's own \
         latest curve foretold when the outcome came, withdrawn or not. What is older counts less. \
         Rows that stand for many auctions tell less than as many bids: the chart shows stretches \
         worth at least 20 bids told one by one, and its intervals go by that number.",
    )
}

/// Micros in a unit of currency.
const UNIT: f64 = 1e6;
/// The same, for a chart with nothing else to go by.
const UNIT_MICROS: i64 = 1_000_000;

fn cpm(price: CpmMicros) -> f64 {
    price.per_impression().as_f64() / UNIT
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_interval_holds_its_share_and_narrows_with_bids() {
        let (low, high) = interval(0.3, 100.0);
        // By Wilson's formula: 0.2189 to 0.3958.
        assert!((low - 0.218_9).abs() < 1e-3 && (high - 0.395_8).abs() < 1e-3, "{low} {high}");
        let (near, far) = interval(0.3, 10_000.0);
        assert!(far - near < 0.02);
    }

    #[test]
    fn a_stretch_of_few_bids_is_not_drawn_however_many_auctions_they_stand_for() {
        let bin = ChanceBin { bids: 19.0, squares: 19.0, foretold: 1.0, won: 1.0 };
        assert_eq!(shares(&bin), None);
        assert!(shares(&ChanceBin { bids: 20.0, squares: 20.0, ..bin }).is_some());
        assert_eq!(shares(&ChanceBin { bids: 1_900.0, squares: 190_000.0, ..bin }), None);
    }
}
