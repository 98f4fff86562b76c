//! The past, told from rows: at a moment, and over a period.
//!
//! Adds up what rows say and interpolates nothing: a period is told from round to round, and says
//! from which to which. Called by whoever explains the past.

use super::{Grain, Row, SILENCE, Standing, Stretch, Within, floor};
use crate::diagnosis::CauseKind;
use crate::units::{Nanos, Span, Timestamp};

/// Rows of one campaign and one grain, in order of time.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Course(Vec<Stretch>);

/// What was so over a period.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Period {
    /// The round it begins with.
    pub first: Standing,
    /// The round it ends with.
    pub last: Standing,
    /// It is told up to here: the last round, or later where nothing changed until then.
    pub until: Timestamp,
    /// The likeliest cause at its first and at its last round.
    pub causes: (Option<CauseKind>, Option<CauseKind>),
    /// What happened in between.
    pub within: Within,
}

impl Period {
    /// What each cause cost, the dearest first: planned and not spent while it came first. Causes
    /// under which more was spent than planned cost nothing and are left out.
    #[must_use]
    pub fn costs(&self) -> Vec<(CauseKind, Nanos)> {
        let costs = self.within.costs.iter().copied();
        let mut costs: Vec<_> = costs.filter(|&(_, amount)| amount > Nanos::ZERO).collect();
        costs.sort_by_key(|&(cause, amount)| (std::cmp::Reverse(amount), cause));
        costs
    }
}

impl Course {
    /// Stretches in any order; those without rows tell nothing.
    #[must_use]
    pub fn new(mut stretches: Vec<Stretch>) -> Self {
        stretches.retain(|stretch| !stretch.rows.is_empty());
        stretches.sort_by_key(|stretch| stretch.rows[0].standing.at);
        Self(stretches)
    }

    /// When the first round is that is kept, if any.
    #[must_use]
    pub fn begins(&self) -> Option<Timestamp> {
        self.rows().next().map(|row| row.standing.at)
    }

    /// Up to when it is known what was so.
    #[must_use]
    pub fn through(&self) -> Option<Timestamp> {
        self.0.iter().map(|stretch| stretch.through).max()
    }

    fn pairs(stretch: &Stretch) -> impl Iterator<Item = (&Stretch, &Row)> {
        stretch.rows.iter().map(move |row| (stretch, row))
    }

    fn rows(&self) -> impl Iterator<Item = &Row> {
        self.0.iter().flat_map(|stretch| &stretch.rows)
    }

    /// The last row at or before a moment, and up to when nothing is known to have changed after
    /// it, that moment at most; nothing where none is kept, or where nobody decided for so long
    /// before that it says nothing of then.
    #[must_use]
    pub fn at(&self, at: Timestamp, grain: Grain) -> Option<(&Row, Timestamp)> {
        let mut rows = self.0.iter().flat_map(Self::pairs).peekable();
        let mut found = rows.next_if(|(_, row)| row.standing.at <= at)?;
        while let Some(next) = rows.next_if(|(_, row)| row.standing.at <= at) {
            found = next;
        }
        let (stretch, row) = found;
        let own = row.standing.at;
        let is_last = stretch.rows.last() == Some(row);
        let next = rows.peek().map(|(_, next)| *next).filter(|_| !is_last);
        let (known, reach) = match (grain, next) {
            (Grain::Hour, _) => (own, own + grain.step()),
            (Grain::Minute, None) => (stretch.through, stretch.through),
            (Grain::Minute, Some(next)) if next.within.silent > Span::ZERO => (own, own),
            // A minute without a row was looked at when it began, and was as the one before.
            (Grain::Minute, Some(next)) => {
                let idle = floor(next.standing.at, Span::MINUTE) - Span::MINUTE;
                (idle, next.standing.at)
            }
        };
        (at <= reach + SILENCE).then_some((row, known.max(own).min(at)))
    }

    /// What was so from the last row at or before `from` to the last at or before `until`; nothing
    /// unless there are two such rounds, or one that held on.
    #[must_use]
    pub fn over(&self, from: Timestamp, until: Timestamp) -> Option<Period> {
        let mut rows = self.rows().take_while(|row| row.standing.at <= until).peekable();
        let mut first = rows.next()?;
        while let Some(next) = rows.next_if(|next| next.standing.at <= from) {
            first = next;
        }
        let mut within = Within::new(first.standing.at);
        let mut last = first;
        for row in rows {
            within.merge(&row.within);
            last = row;
        }
        let mut period = Period {
            first: first.standing,
            last: last.standing,
            until: last.standing.at,
            causes: (first.cause, last.cause),
            within,
        };
        if let Some(held) = self.held_until(last, until) {
            period.within.hold(&period.last, held - last.standing.at);
            period.until = held;
        }
        (period.until > period.first.at).then_some(period)
    }

    /// The end of the time after a row in which nothing changed, as far as that is known.
    fn held_until(&self, row: &Row, until: Timestamp) -> Option<Timestamp> {
        let stretch = self.0.iter().find(|stretch| stretch.rows.last() == Some(row))?;
        let held = stretch.through.min(until);
        (held > row.standing.at).then_some(held)
    }

    /// Hours up to the first that ends at a moment or later, then minutes: an hour ends where a
    /// minute does, so that nothing is told twice or passed over.
    #[must_use]
    pub fn then(self, turn: Timestamp, finer: Self) -> Self {
        let (mut all, mut after) = (self, finer);
        let last = all
            .rows()
            .map(|row| row.standing.at)
            .reduce(|held, next| if held < turn { next } else { held });
        let Some(last) = last else { return after };
        for stretch in &mut all.0 {
            stretch.rows.retain(|row| row.standing.at <= last);
        }
        for stretch in &mut after.0 {
            stretch.rows.retain(|row| row.standing.at > last);
        }
        let (mut all, after) = (all.0, after.0);
        all.extend(after);
        Self::new(all)
    }
}
