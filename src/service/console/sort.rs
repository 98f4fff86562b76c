//! In which order campaigns stand.
//!
//! Knows what is told of a campaign, nobody's page. Called by `overview`, which sorts, and by
//! `view`, which reads and writes orders in addresses.

use super::filter::Word;
use super::overview::Row;
use paceline_core::table::EntryState;
use paceline_view::Sorted;
use std::cmp::Ordering;

/// By what campaigns are sorted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sort {
    /// How far behind its plan, in days of its budget.
    Behind,
    /// By name.
    Name,
    /// By the advertiser's name.
    Advertiser,
    /// Those that deliver, then those that do not, then those at safe values.
    Status,
    /// The budget of the flight.
    Budget,
    /// What should have been spent by now.
    Planned,
    /// Spend so far.
    Spend,
    /// Spend as a share of what is planned.
    Pace,
    /// The multiplier.
    Multiplier,
    /// The participation rate.
    Participation,
    /// Won and not yet billed.
    InFlight,
    /// By the code of the currency.
    Currency,
}

impl Word for Sort {
    const ALL: &'static [Self] = &[
        Self::Behind,
        Self::Name,
        Self::Advertiser,
        Self::Status,
        Self::Budget,
        Self::Planned,
        Self::Spend,
        Self::Pace,
        Self::Multiplier,
        Self::Participation,
        Self::InFlight,
        Self::Currency,
    ];

    fn word(self) -> &'static str {
        match self {
            Self::Behind => "behind",
            Self::Name => "name",
            Self::Advertiser => "advertiser",
            Self::Status => "status",
            Self::Budget => "budget",
            Self::Planned => "planned",
            Self::Spend => "spend",
            Self::Pace => "pace",
            Self::Multiplier => "multiplier",
            Self::Participation => "participation",
            Self::InFlight => "in-flight",
            Self::Currency => "currency",
        }
    }
}

/// Which way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Way {
    /// The least first.
    Rising,
    /// The greatest first.
    Falling,
}

impl Word for Way {
    const ALL: &'static [Self] = &[Self::Rising, Self::Falling];

    fn word(self) -> &'static str {
        match self {
            Self::Rising => "rising",
            Self::Falling => "falling",
        }
    }
}

impl Way {
    const fn apply(self, order: Ordering) -> Ordering {
        match self {
            Self::Rising => order,
            Self::Falling => order.reverse(),
        }
    }

    /// As a heading tells it.
    pub(super) const fn sorted(self) -> Sorted {
        match self {
            Self::Rising => Sorted::Rising,
            Self::Falling => Sorted::Falling,
        }
    }
}

/// By what, and which way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Order {
    pub sort: Sort,
    pub way: Way,
}

impl Sort {
    /// The way that is asked for first: words from A on, amounts from the greatest, and whoever
    /// has spent the least of the plan.
    pub(super) const fn usual(self) -> Way {
        match self {
            Self::Name | Self::Advertiser | Self::Status | Self::Pace | Self::Currency => {
                Way::Rising
            }
            Self::Behind
            | Self::Budget
            | Self::Planned
            | Self::Spend
            | Self::Multiplier
            | Self::Participation
            | Self::InFlight => Way::Falling,
        }
    }

    /// Whether it is an amount, which stands within its currency.
    pub(super) const fn is_of_money(self) -> bool {
        matches!(self, Self::Budget | Self::Planned | Self::Spend | Self::InFlight)
    }
}

impl Order {
    /// The usual way.
    pub(super) const fn by(sort: Sort) -> Self {
        Self { sort, way: sort.usual() }
    }

    /// The other way round.
    pub(super) const fn turned(self) -> Self {
        let way = match self.way {
            Way::Rising => Way::Falling,
            Way::Falling => Way::Rising,
        };
        Self { sort: self.sort, way }
    }

    /// Which of two stands first. Whoever has nothing to compare comes last either way; equals
    /// stand by name.
    pub(super) fn compare(self, one: &Row, other: &Row) -> Ordering {
        let way = |order: Ordering| self.way.apply(order);
        // Amounts of two currencies cannot be compared.
        let apart = match self.sort.is_of_money() {
            true => one.currency.cmp(&other.currency),
            false => Ordering::Equal,
        };
        let first = match self.sort {
            Sort::Behind => self.numbers(one.behind, other.behind),
            Sort::Name => way(one.name.cmp(&other.name)),
            Sort::Advertiser => self.present(one.advertiser.as_ref(), other.advertiser.as_ref()),
            Sort::Status => way(rank(one.state).cmp(&rank(other.state))),
            Sort::Budget => self.present(one.budget, other.budget),
            Sort::Planned => self.present(one.planned, other.planned),
            Sort::Spend => way(one.actual.cmp(&other.actual)),
            Sort::Pace => self.numbers(one.pace(), other.pace()),
            Sort::Multiplier => self.present(one.multiplier, other.multiplier),
            Sort::Participation => self.present(one.participation, other.participation),
            Sort::InFlight => way(one.in_flight.cmp(&other.in_flight)),
            Sort::Currency => way(one.currency.cmp(&other.currency)),
        };
        apart.then(first).then_with(|| one.name.cmp(&other.name))
    }

    fn present<T: Ord>(self, one: Option<T>, other: Option<T>) -> Ordering {
        self.found(one, other, Ord::cmp)
    }

    fn numbers(self, one: Option<f64>, other: Option<f64>) -> Ordering {
        self.found(one, other, f64::total_cmp)
    }

    fn found<T>(
        self,
        one: Option<T>,
        other: Option<T>,
        compare: fn(&T, &T) -> Ordering,
    ) -> Ordering {
        match (one, other) {
            (Some(one), Some(other)) => self.way.apply(compare(&one, &other)),
            (one, other) => other.is_some().cmp(&one.is_some()),
        }
    }
}

/// Those that deliver first.
const fn rank(state: Option<EntryState>) -> u8 {
    match state {
        Some(EntryState::Run) => 0,
        Some(EntryState::Exhausted) => 1,
        Some(EntryState::Paused) => 2,
        Some(EntryState::Safe) => 3,
        None => 4,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::console::overview::tests::row;
    use paceline_core::units::{Currency, Nanos, Ppm};

    #[test]
    fn what_is_missing_comes_last_either_way() {
        let mut rows = Vec::new();
        for (name, advertiser, budget) in
            [("b", "x", Some(10)), ("a", "y", Some(30)), ("d", "x", None), ("c", "z", Some(20))]
        {
            let mut row = row(name, advertiser);
            row.budget = budget.map(Nanos::from_units);
            rows.push(row);
        }
        let mut by = |order: Order| -> String {
            rows.sort_unstable_by(|one, other| order.compare(one, other));
            rows.iter().map(|row| row.name.as_str()).collect()
        };
        assert_eq!(by(Order::by(Sort::Name)), "abcd");
        assert_eq!(by(Order::by(Sort::Name).turned()), "dcba");
        assert_eq!(by(Order::by(Sort::Advertiser)), "bdac");
        assert_eq!(by(Order::by(Sort::Budget)), "acbd", "the greatest first");
        assert_eq!(by(Order::by(Sort::Budget).turned()), "bcad", "none has no place in it");
    }

    /// Of four campaigns the first three differ in every column, and the last has nothing to show.
    #[test]
    fn each_column_sorts_by_what_it_shows() {
        let mut rows: Vec<Row> = Vec::new();
        for (at, name) in (1_u32..).zip(["a", "b", "c"]) {
            let mut row = row(name, name);
            let money = Nanos::from_units(at.into());
            let amount = Some(money);
            (row.budget, row.in_flight) = (amount, money);
            // Of a plan of one, two, three: a half, a third, a quarter.
            row.planned = amount.map(|amount| amount + amount);
            row.actual = Nanos::from_units((4 - at).into());
            row.behind = Some(f64::from(at));
            row.multiplier = Some(Ppm::new(at));
            row.participation = Some(Ppm::new(at));
            row.state = [EntryState::Run, EntryState::Exhausted, EntryState::Safe]
                .get(usize::try_from(at).unwrap() - 1)
                .copied();
            rows.push(row);
        }
        rows.push(Row { advertiser: None, ..row("d", "d") });
        let mut by = |order: Order| -> String {
            rows.sort_unstable_by(|one, other| order.compare(one, other));
            rows.iter().map(|row| row.name.as_str()).collect()
        };
        for sort in Sort::ALL {
            let (rising, falling) = match sort {
                Sort::Name | Sort::Status => ("abcd", "dcba"),
                // The last has spent nothing, and has nothing in flight.
                Sort::InFlight => ("dabc", "cbad"),
                Sort::Spend => ("dcba", "abcd"),
                Sort::Pace => ("cbad", "abcd"),
                Sort::Currency => ("abcd", "abcd"),
                _ => ("abcd", "cbad"),
            };
            assert_eq!(by(Order { sort: *sort, way: Way::Rising }), rising, "{sort:?}");
            assert_eq!(by(Order { sort: *sort, way: Way::Falling }), falling, "{sort:?}");
            let order = Order::by(*sort);
            assert_eq!(order.turned().turned(), order);
        }
    }

    #[test]
    fn amounts_stand_within_their_currency_and_are_not_compared_over_it() {
        let [usd, yen] = ["USD", "JPY"].map(|code| Currency::try_new(code).unwrap());
        let mut rows = Vec::new();
        for (name, currency, units) in
            [("a", yen, 900), ("b", usd, 10), ("c", yen, 100), ("d", usd, 20)]
        {
            rows.push(Row { actual: Nanos::from_units(units), currency, ..row(name, "x") });
        }
        let mut by = |order: Order| -> String {
            rows.sort_unstable_by(|one, other| order.compare(one, other));
            rows.iter().map(|row| row.name.as_str()).collect()
        };
        assert_eq!(by(Order::by(Sort::Spend)), "acdb");
        assert_eq!(by(Order::by(Sort::Spend).turned()), "cabd");
    }
}
