//! What stands and a person should hear of: on the first page, right below the figures.
//!
//! Takes notices off an engine with the names that people know, and shows them. Called by
//! `overview` and `portfolio`.

use super::words;
use crate::notice::{self, Told};
use paceline_core::engine::Engine;
use paceline_core::notice::NoticeCause;
use paceline_view::{Block, Cell, Column, Section, State, Table};

/// Shown at once, the gravest first: more are a list for `ctl notices`, and are counted.
const SHOWN: usize = 50;

/// Those of a page, and how many there are.
#[derive(Debug, Clone, Default)]
pub(super) struct Notices {
    shown: Vec<Told>,
    count: usize,
}

impl Notices {
    /// What stands in an engine: as many as a page shows, in order.
    pub(super) fn of(engine: &Engine) -> Self {
        let (shown, count) = notice::standing(engine, SHOWN);
        Self { shown, count }
    }

    /// With those of another partition.
    pub(super) fn add(&mut self, other: Self) {
        self.count += other.count;
        self.shown.extend(other.shown);
        self.shown.sort_unstable();
        self.shown.truncate(SHOWN);
    }

    /// Nothing where nothing stands.
    pub(super) fn section(&self) -> Option<Section> {
        if self.count == 0 {
            return None;
        }
        let columns = ["what", "of what", "since", "what it means"].map(Column::text);
        let mut table = Table::new("", columns.into());
        for one in &self.shown {
            let of = match (one.kind, one.name.as_str()) {
                ("campaign", name) => Cell::link(name, words::campaign_href(name)),
                (kind, "") => Cell::text(kind),
                (kind, name) => Cell::text(format!("{kind} {name}")),
            };
            table = table.with_row(vec![
                Cell::status(state(one.cause), one.cause.as_str().replace('_', " ")),
                of,
                Cell::text(words::moment(one.since)),
                Cell::text(notice::advice(one.cause)),
            ]);
        }
        if self.count > self.shown.len() {
            table = table.with_note(format!("{} stand in all.", self.count));
        }
        Some(Section::new("Notices").with(Block::Table(table)))
    }
}

const fn state(cause: NoticeCause) -> State {
    match cause {
        NoticeCause::Behind | NoticeCause::Ahead | NoticeCause::ExhaustedEarly => State::Watch,
        _ => State::Bad,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use paceline_core::units::{Nanos, Timestamp};

    fn standing(cause: NoticeCause, since: i64, name: &str) -> Told {
        let since = Timestamp::from_micros(since);
        Told {
            cause,
            since,
            kind: "campaign",
            name: name.to_owned(),
            partition: 0,
            raised_at: since,
            cleared_at: None,
            spent: Nanos::ZERO,
            planned: Nanos::ZERO,
            currency: None,
        }
    }

    #[test]
    fn the_gravest_come_first_and_those_beyond_a_page_are_counted() {
        assert!(Notices::default().section().is_none());
        let mut all = Notices::default();
        let many = (0..60).map(|at| standing(NoticeCause::Behind, at, "slow")).collect();
        all.add(Notices { shown: many, count: 60 });
        let one = standing(NoticeCause::Runaway, 99, "dear one");
        all.add(Notices { shown: vec![one], count: 1 });
        assert_eq!((all.shown.len(), all.shown[0].name.as_str()), (SHOWN, "dear one"));
        let page = paceline_view::Page::new("p").with_section(all.section().unwrap()).to_html();
        assert!(page.contains("61 stand in all."), "{page}");
        assert!(page.contains("href=\"/campaigns/dear%20one\""), "{page}");
        assert!(page.contains("cut to 2 %"), "{page}");
    }
}
