//! Which campaigns a reader wants to see: part of a name, and words from closed lists.
//!
//! Knows what is told of a campaign, nobody's page. Called by `overview`, which leaves out the
//! others, and by `view`, which reads and writes filters in addresses.

use super::overview::Row;
use paceline_core::diagnosis::CauseKind;
use paceline_core::report::Reason;
use paceline_core::table::EntryState;

/// Spend that differs from what is planned by no more than this share of it is near its plan: what
/// differs by more is worth a look.
pub(super) const NEAR_PER_CENT: u8 = 5;
/// Digits of an id.
const ID_DIGITS: usize = 16;

/// A closed list of words, of which an address names one.
pub(super) trait Word: Copy + PartialEq + 'static {
    /// All of them, as they are offered.
    const ALL: &'static [Self];

    /// As it stands in addresses.
    fn word(self) -> &'static str;
}

/// Whether it delivers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Status {
    Running,
    Paused,
    Exhausted,
    Safe,
    Undecided,
}

impl Word for Status {
    const ALL: &'static [Self] =
        &[Self::Running, Self::Paused, Self::Exhausted, Self::Safe, Self::Undecided];

    fn word(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Paused => "paused",
            Self::Exhausted => "exhausted",
            Self::Safe => "safe",
            Self::Undecided => "undecided",
        }
    }
}

impl Status {
    const fn of(state: Option<EntryState>) -> Self {
        match state {
            Some(EntryState::Run) => Self::Running,
            Some(EntryState::Paused) => Self::Paused,
            Some(EntryState::Exhausted) => Self::Exhausted,
            Some(EntryState::Safe) => Self::Safe,
            None => Self::Undecided,
        }
    }
}

/// Where its spend stands against its plan.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum AgainstPlan {
    Behind,
    Near,
    Ahead,
    Unplanned,
}

impl Word for AgainstPlan {
    const ALL: &'static [Self] = &[Self::Behind, Self::Near, Self::Ahead, Self::Unplanned];

    fn word(self) -> &'static str {
        match self {
            Self::Behind => "behind",
            Self::Near => "near",
            Self::Ahead => "ahead",
            Self::Unplanned => "unplanned",
        }
    }
}

impl AgainstPlan {
    fn of(row: &Row) -> Self {
        let Some(planned) = row.planned else { return Self::Unplanned };
        let (planned, actual) = (i128::from(planned.get()), i128::from(row.actual.get()));
        let room = planned * i128::from(NEAR_PER_CENT);
        match (planned - actual) * 100 {
            short if short > room => Self::Behind,
            short if -short > room => Self::Ahead,
            _ => Self::Near,
        }
    }
}

/// What holds it, other than its law.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Held {
    /// Its brake or a breaker.
    Braked,
    /// A person's hand.
    Overridden,
}

impl Word for Held {
    const ALL: &'static [Self] = &[Self::Braked, Self::Overridden];

    fn word(self) -> &'static str {
        match self {
            Self::Braked => "braked",
            Self::Overridden => "overridden",
        }
    }
}

impl Held {
    const fn of(reason: Reason) -> Option<Self> {
        match reason {
            Reason::Brake | Reason::Breaker => Some(Self::Braked),
            Reason::Paused | Reason::Frozen | Reason::Fixed | Reason::Capped => {
                Some(Self::Overridden)
            }
            Reason::Law
            | Reason::Minimum
            | Reason::Returns
            | Reason::Unbounded
            | Reason::Exhausted
            | Reason::OutsideFlight
            | Reason::OutsideHours
            | Reason::Blind
            | Reason::CounterFault
            | Reason::Quarantined => None,
        }
    }
}

impl Word for CauseKind {
    const ALL: &'static [Self] = &Self::ALL;

    fn word(self) -> &'static str {
        self.as_str()
    }
}

/// What has to be so of a campaign; what is `None` or empty may be anything.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Filter {
    /// Part of its name or of its advertiser's, in letters of either size; or its id.
    pub search: String,
    pub status: Option<Status>,
    pub pace: Option<AgainstPlan>,
    pub held: Option<Held>,
    /// The first cause of how it delivers.
    pub cause: Option<CauseKind>,
}

impl Filter {
    /// Whether it lets every campaign pass.
    pub(super) fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Whether a campaign passes, its cause apart: that has to be found first.
    pub(super) fn admits(&self, row: &Row) -> bool {
        self.status.is_none_or(|status| status == Status::of(row.state))
            && self.pace.is_none_or(|pace| pace == AgainstPlan::of(row))
            && self.held.is_none_or(|held| Some(held) == Held::of(row.reason))
            && self.finds(row)
    }

    fn finds(&self, row: &Row) -> bool {
        let sought = self.search.to_lowercase();
        let has = |name: &str| name.to_lowercase().contains(&sought);
        sought.is_empty()
            || has(row.name.as_str())
            || has(row.advertiser.as_ref().map_or("", |name| name.as_str()))
            || sought.len() == ID_DIGITS && row.id.to_string() == sought
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::console::overview::tests::row;
    use paceline_core::units::Nanos;

    fn sought(search: &str) -> Filter {
        Filter { search: search.to_owned(), ..Filter::default() }
    }

    #[test]
    fn a_campaign_is_found_by_part_of_its_name_or_its_advertisers_or_by_its_id() {
        let row = row("Spring sale", "Größe & Co");
        for search in ["", "spring", "SALE", "g s", "GRÖSSE".get(..2).unwrap(), "& co"] {
            assert!(sought(search).admits(&row), "{search}");
        }
        assert!(sought(&row.id.to_string()).admits(&row));
        for search in ["springsale", "autumn", &row.id.to_string()[1..]] {
            assert!(!sought(search).admits(&row), "{search}");
        }
    }

    #[test]
    fn within_a_twentieth_of_the_plan_is_near_it() {
        let mut row = row("a", "b");
        let mut pace = |planned: Option<i64>, actual| {
            row.planned = planned.map(Nanos::from_units);
            row.actual = Nanos::from_units(actual);
            AgainstPlan::of(&row)
        };
        assert_eq!(pace(Some(100), 94), AgainstPlan::Behind);
        assert_eq!(pace(Some(100), 95), AgainstPlan::Near);
        assert_eq!(pace(Some(100), 105), AgainstPlan::Near);
        assert_eq!(pace(Some(100), 106), AgainstPlan::Ahead);
        assert_eq!(pace(Some(0), 0), AgainstPlan::Near);
        assert_eq!(pace(None, 5), AgainstPlan::Unplanned);
    }

    #[test]
    fn every_part_of_a_filter_has_to_hold() {
        let mut row = row("a", "b");
        row.state = Some(EntryState::Run);
        row.reason = Reason::Brake;
        let both =
            Filter { status: Some(Status::Running), held: Some(Held::Braked), ..Filter::default() };
        assert!(both.admits(&row));
        row.reason = Reason::Fixed;
        assert!(!both.admits(&row));
        row.state = None;
        let hand = Filter { held: Some(Held::Overridden), ..Filter::default() };
        assert!(hand.admits(&row) && !both.admits(&row));
        assert!(Filter { status: Some(Status::Undecided), ..hand }.admits(&row));
    }
}
