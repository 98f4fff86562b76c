//! The live table: redrawn in place on a terminal, a line now and then elsewhere.
//!
//! Knows lines and words, nothing of pacing. Called by the demo four times a second.

use crate::drive::Drive;
use console::Term;
use paceline::clock::Stopwatch;
use paceline::wire::instant_message;
use paceline_core::units::Nanos;
use paceline_proto::v1;
use paceline_view::{Cell, Column, Table, number};
use std::time::Duration;

/// How often the table is drawn anew.
const DRAW_EVERY: Duration = Duration::from_millis(500);
/// How often a line is written where nothing can be drawn over.
const WRITE_EVERY: Duration = Duration::from_secs(5);
/// Lines of the screen that are not campaigns: greeting, head, total, note.
const MARGIN: usize = 10;
/// Campaigns shown at least, however small the screen.
const SHOWN_LEAST: usize = 5;

/// The table and where it stands.
pub(super) struct Board {
    term: Term,
    /// Lines on the screen that are the table's.
    lines: usize,
    drawn: Option<Stopwatch>,
}

impl Board {
    pub(super) fn new() -> Self {
        Self { term: Term::stdout(), lines: 0, drawn: None }
    }

    /// Draws or writes, if it is time to.
    pub(super) fn show(&mut self, drive: &Drive) {
        let every = if self.term.is_term() { DRAW_EVERY } else { WRITE_EVERY };
        if self.drawn.is_some_and(|drawn| drawn.elapsed() < every) {
            return;
        }
        self.drawn = Some(Stopwatch::start());
        let text = if self.term.is_term() {
            let rows = usize::from(self.term.size().0);
            table(drive, rows.saturating_sub(MARGIN).max(SHOWN_LEAST))
        } else {
            line(drive)
        };
        // A closed terminal is no reason to end the market.
        let _ = self.term.clear_last_lines(self.lines);
        let _ = self.term.write_str(&text);
        let _ = self.term.flush();
        self.lines = if self.term.is_term() { text.lines().count() } else { 0 };
    }

    /// What is drawn stays; what comes next is written below.
    pub(super) fn end(&mut self) {
        self.lines = 0;
    }
}

/// The market's time and how much of the day has passed.
fn caption(drive: &Drive) -> String {
    let mut now = instant_message(drive.now()).to_string();
    now.truncate(19);
    let now = now.replace('T', " ");
    format!("{}  {now} UTC  {} of the day", drive.name(), number::percent(drive.share(), 1))
}

const fn word(state: v1::EntryState) -> &'static str {
    match state {
        v1::EntryState::Unspecified => "waiting",
        v1::EntryState::Run => "running",
        v1::EntryState::Paused => "paused",
        v1::EntryState::Exhausted => "exhausted",
        v1::EntryState::Safe => "safe",
    }
}

/// Planned by the service and billed to the bidders, of all campaigns.
fn sums(drive: &Drive) -> (i64, i64) {
    drive.lines().fold((0, 0), |(planned, spent), (_, line, billed)| {
        let own = line.map_or(0, |line| line.planned_nanos);
        (planned + own, spent + billed.get())
    })
}

fn table(drive: &Drive, shown: usize) -> String {
    let (planned, spent) = sums(drive);
    let columns = vec![
        Column::text("campaign"),
        Column::number("planned", "USD"),
        Column::number("spent", "USD"),
        Column::number("multiplier", "%"),
        Column::number("participation", "%"),
        Column::text("state"),
    ];
    let total = vec![Cell::text("all"), Cell::money(planned), Cell::money(spent)];
    let mut table = Table::new(caption(drive), columns).with_row(total);
    for (name, line, billed) in drive.lines().take(shown) {
        table = table.with_row(row(name.as_str(), line.as_ref(), billed));
    }
    let left = drive.lines().count().saturating_sub(shown);
    let table = if left > 0 { table.with_note(format!("{left} more on the pages")) } else { table };
    table.to_text()
}

fn row(name: &str, line: Option<&v1::CampaignSummary>, billed: Nanos) -> Vec<Cell> {
    let Some(line) = line else {
        let none = || Cell::Empty;
        return vec![
            Cell::text(name),
            none(),
            Cell::money(billed.get()),
            none(),
            none(),
            Cell::text(word(v1::EntryState::Unspecified)),
        ];
    };
    let share = |ppm: u32| Cell::number(f64::from(ppm) / 1e4, 1);
    vec![
        Cell::text(name),
        Cell::money(line.planned_nanos),
        Cell::money(billed.get()),
        share(line.multiplier_ppm),
        share(line.participation_ppm),
        Cell::text(word(line.state())),
    ]
}

fn line(drive: &Drive) -> String {
    let (planned, spent) = sums(drive);
    let running = drive
        .lines()
        .filter(|(_, line, _)| {
            line.as_ref().is_some_and(|line| line.state() == v1::EntryState::Run)
        })
        .count();
    format!(
        "{}  planned {} USD  spent {} USD  {running} running\n",
        caption(drive),
        number::money(planned, 2),
        number::money(spent, 2),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_campaign_shows_what_is_known_of_it() {
        let line = v1::CampaignSummary {
            planned_nanos: 1_500_000_000,
            multiplier_ppm: 512_000,
            participation_ppm: 1_000_000,
            state: v1::EntryState::Run.into(),
            ..v1::CampaignSummary::default()
        };
        let table = Table::new("", vec![Column::text("campaign"); 6])
            .with_row(row("a", Some(&line), Nanos::new(1_400_000_000)))
            .with_row(row("b", None, Nanos::ZERO));
        let text = table.to_text();
        let words: Vec<Vec<&str>> =
            text.lines().skip(2).map(|line| line.split_whitespace().collect()).collect();
        assert_eq!(words[0], ["a", "1.50", "1.40", "51.2", "100.0", "running"]);
        assert_eq!((words[1][0], words[1][5]), ("b", "waiting"));
    }
}
