//! Tables: what is shown, and the HTML and the plain text it becomes.
//!
//! Must not know of pages. Called by whoever lists things, and by `page`.

mod markup;
mod plain;

use crate::sparkline::Sparkline;

/// How the cells of a column stand.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Align {
    /// For text.
    #[default]
    Left,
    /// For numbers.
    Right,
}

/// Which way a column is sorted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sorted {
    /// The least first.
    Rising,
    /// The greatest first.
    Falling,
}

/// A heading that leads to the same table in another order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sorting {
    /// The address of the table sorted by this column, or the other way round.
    pub href: String,
    /// Which way it is sorted by this column now; `None` when it is by another.
    pub sorted: Option<Sorted>,
}

/// A column.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Column {
    /// Its heading.
    pub name: String,
    /// What its numbers are in, beside the heading; may be empty.
    pub unit: String,
    /// How its cells stand.
    pub align: Align,
    /// How to sort by it; `None` when there is no way.
    pub sorting: Option<Sorting>,
}

impl Column {
    /// For text, links, states and pictures.
    #[must_use]
    pub fn text(name: impl Into<String>) -> Self {
        Self { name: name.into(), unit: String::new(), align: Align::Left, sorting: None }
    }

    /// For numbers in a unit, which may be empty.
    #[must_use]
    pub fn number(name: impl Into<String>, unit: impl Into<String>) -> Self {
        Self { name: name.into(), unit: unit.into(), align: Align::Right, sorting: None }
    }

    /// The same, whose heading leads to the table sorted by it.
    #[must_use]
    pub fn with_sorting(mut self, href: impl Into<String>, sorted: Option<Sorted>) -> Self {
        self.sorting = Some(Sorting { href: href.into(), sorted });
        self
    }
}

/// How things are. Shown by a sign and a word as well as by colour.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum State {
    /// As it should be.
    Good,
    /// Someone should look.
    Watch,
    /// Something is wrong.
    Bad,
    /// Nothing is going on.
    #[default]
    Idle,
}

impl State {
    /// The sign of a state.
    pub(crate) const fn sign(self) -> char {
        match self {
            Self::Good => '●',
            Self::Watch => '▲',
            Self::Bad => '■',
            Self::Idle => '○',
        }
    }

    /// The class that gives it its colour.
    pub(crate) const fn class(self) -> &'static str {
        match self {
            Self::Good => "good",
            Self::Watch => "watch",
            Self::Bad => "bad",
            Self::Idle => "idle",
        }
    }
}

/// What stands in one place of a table.
#[derive(Debug, Clone, Default, PartialEq)]
pub enum Cell {
    /// Nothing: shown as a dash.
    #[default]
    Empty,
    /// Text.
    Text(String),
    /// A number with so many decimals; a dash when it is not finite.
    Number {
        /// The number.
        value: f64,
        /// Decimals shown, at most 17.
        digits: u8,
    },
    /// A whole number.
    Count(u64),
    /// A ratio in per cent.
    Percent {
        /// 1 is 100%.
        ratio: f64,
        /// Decimals shown, at most 17.
        digits: u8,
    },
    /// Money, rounded half to even. The column's unit says the currency.
    Money {
        /// In nanos of a unit.
        nanos: i128,
        /// Decimals shown, at most 9.
        digits: u8,
    },
    /// A ratio as a bar, full at 1, with its per cent.
    Bar {
        /// 1 is full.
        ratio: f64,
        /// Where it should be: a stroke across the bar.
        mark: Option<f64>,
    },
    /// A state and a word for it.
    Status(State, String),
    /// Text that leads somewhere. Shown as mere text when the address is neither `http`, `https`
    /// nor within the same site.
    Link {
        /// The text.
        text: String,
        /// The address.
        href: String,
    },
    /// A course of numbers.
    Sparkline(Sparkline),
}

impl Cell {
    /// Text.
    #[must_use]
    pub fn text(text: impl Into<String>) -> Self {
        Self::Text(text.into())
    }

    /// A number with so many decimals.
    #[must_use]
    pub const fn number(value: f64, digits: u8) -> Self {
        Self::Number { value, digits }
    }

    /// Money in nanos, with two decimals.
    #[must_use]
    pub fn money(nanos: impl Into<i128>) -> Self {
        Self::Money { nanos: nanos.into(), digits: 2 }
    }

    /// A ratio in per cent.
    #[must_use]
    pub const fn percent(ratio: f64, digits: u8) -> Self {
        Self::Percent { ratio, digits }
    }

    /// A ratio as a bar.
    #[must_use]
    pub const fn bar(ratio: f64, mark: Option<f64>) -> Self {
        Self::Bar { ratio, mark }
    }

    /// A state and a word for it.
    #[must_use]
    pub fn status(state: State, text: impl Into<String>) -> Self {
        Self::Status(state, text.into())
    }

    /// Text that leads somewhere.
    #[must_use]
    pub fn link(text: impl Into<String>, href: impl Into<String>) -> Self {
        Self::Link { text: text.into(), href: href.into() }
    }
}

/// Rows under columns. The first column names its row. A row shorter than the columns is filled
/// with [`Cell::Empty`]; what is beyond them is not shown.
///
/// ```
/// use paceline_view::{Cell, Column, Table};
///
/// let columns = vec![Column::text("campaign"), Column::number("spend", "EUR")];
/// let table = Table::new("Campaigns", columns)
///     .with_row(vec![Cell::text("spring"), Cell::money(12_500_000_000_i64)])
///     .with_row(vec![Cell::text("summer"), Cell::money(1_250_000_000_000_i64)]);
/// assert_eq!(
///     table.to_text(),
///     "Campaigns\n\
///      campaign  spend EUR\n\
///      ────────  ─────────\n\
///      spring        12.50\n\
///      summer     1,250.00\n"
/// );
/// ```
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Table {
    /// What is listed; may be empty.
    pub caption: String,
    /// From left to right.
    pub columns: Vec<Column>,
    /// From top to bottom.
    pub rows: Vec<Vec<Cell>>,
    /// What to say below, such as how many rows are left out; may be empty.
    pub note: String,
}

impl Table {
    /// Without rows.
    #[must_use]
    pub fn new(caption: impl Into<String>, columns: Vec<Column>) -> Self {
        Self { caption: caption.into(), columns, ..Self::default() }
    }

    /// The same with one row more.
    #[must_use]
    pub fn with_row(mut self, row: Vec<Cell>) -> Self {
        self.rows.push(row);
        self
    }

    /// The same with a note below.
    #[must_use]
    pub fn with_note(mut self, note: impl Into<String>) -> Self {
        self.note = note.into();
        self
    }

    /// The table as a piece of HTML, for a page with this crate's styles.
    #[must_use]
    pub fn to_html(&self) -> String {
        markup::table(self).into_string()
    }

    /// The table for terminals: aligned columns, one line a row, no control characters.
    #[must_use]
    pub fn to_text(&self) -> String {
        plain::table(self)
    }

    /// The cells of a row, one for each column.
    fn cells<'a>(&'a self, row: &'a [Cell]) -> impl Iterator<Item = (&'a Column, &'a Cell)> {
        let filled = row.iter().chain(std::iter::repeat(&Cell::Empty));
        self.columns.iter().zip(filled)
    }
}

pub(crate) use markup::{content as cell, status, table as embed};
