//! Replay of an auction trace under a fixed policy: no law, no feedback, exact integers.
//!
//! The yardstick beside the laws: what a constant or a proportional bid would have bought, each
//! campaign alone against the recorded prices. Knows traces and orders, and nothing of the engine.
//! Called by `paceline-sim replay --policy`.

mod page;
mod player;
mod summary;

pub use page::render_page;
pub use player::{Player, Sale};
pub use summary::{CampaignMetrics, ReplaySummary, TraceWarnings, ValueUnit};

use crate::trace::TraceError;
use crate::trace::auctions::{
    self, AuctionKind, AuctionOptions, AuctionReader, AuctionRow, PRICE_MAX,
};
use crate::trace::orders::Orders;
use paceline_core::units::{CpmMicros, Nanos};
use std::fmt;
use std::path::Path;

/// What is bid.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Policy {
    /// The same for every auction.
    Const(CpmMicros),
    /// In proportion to the click probability: this much at the file's mean probability.
    Linear(CpmMicros),
}

impl fmt::Display for Policy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Const(bid) => write!(f, "const:{}", bid.get()),
            Self::Linear(bid) => write!(f, "lin:{}", bid.get()),
        }
    }
}

/// What a winner pays.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum)]
pub enum PriceRule {
    /// As each row says: first price its bid, second price the price to beat, a deal its floor
    /// (else the price to beat), an exchange's own rule the bid, which is the most it can be.
    #[default]
    Trace,
    /// Its bid, whatever the row says.
    First,
    /// The price to beat, whatever the row says.
    Second,
}

impl PriceRule {
    /// The price of a won impression.
    #[must_use]
    pub fn price(self, row: &AuctionRow, bid: CpmMicros) -> CpmMicros {
        match (self, row.kind) {
            (Self::First, _) | (Self::Trace, AuctionKind::FirstPrice | AuctionKind::Own(_)) => bid,
            (Self::Second, _) | (Self::Trace, AuctionKind::SecondPrice) => row.min_to_win,
            (Self::Trace, AuctionKind::FixedPrice) => row.floor.unwrap_or(row.min_to_win),
        }
    }

    /// The word for it on the command line and in reports.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Trace => "trace",
            Self::First => "first",
            Self::Second => "second",
        }
    }
}

/// Who wins when a bid equals the price to beat.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum)]
pub enum TieRule {
    /// We do.
    Win,
    /// The other does.
    #[default]
    Lose,
}

impl TieRule {
    /// Whether a bid wins.
    #[must_use]
    pub fn wins(self, bid: CpmMicros, min_to_win: CpmMicros) -> bool {
        match self {
            Self::Win => bid >= min_to_win,
            Self::Lose => bid > min_to_win,
        }
    }

    /// The word for it on the command line and in reports.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Win => "win",
            Self::Lose => "lose",
        }
    }
}

/// How to replay.
#[derive(Debug, Clone, PartialEq)]
pub struct PolicyOptions {
    /// What is bid.
    pub policy: Policy,
    /// What is paid.
    pub price: PriceRule,
    /// Who wins a tie.
    pub tie: TieRule,
    /// The one budget where there are no campaigns; `None` is no bound.
    pub budget: Option<Nanos>,
    /// Numeric column that says what an impression is worth, in micros per thousand.
    pub value_column: Option<String>,
    /// Factor on that column.
    pub value_scale: f64,
}

/// A rule of the replay, not of the format, that a row breaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RowRule {
    /// The column, one of the format's.
    pub column: &'static str,
    /// As "must …".
    pub rule: &'static str,
}

/// A policy made ready for a file.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Bidding {
    /// The same for every auction.
    Const(CpmMicros),
    /// `base × probability ÷ mean`, towards zero.
    Linear {
        /// Bid at the mean probability.
        base: CpmMicros,
        /// Mean click probability of the file, above zero.
        mean: f64,
    },
}

impl Bidding {
    /// The bid for a row, 0 to [`PRICE_MAX`].
    ///
    /// # Errors
    /// [`RowRule`] when the policy needs a click probability and the row has none.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_precision_loss,
        reason = "a bid is at most 10¹⁵, and truncation is the rule"
    )]
    pub fn bid(self, row: &AuctionRow) -> Result<CpmMicros, RowRule> {
        match self {
            Self::Const(bid) => Ok(bid),
            Self::Linear { base, mean } => {
                let probability = row.click_probability.ok_or(NO_PROBABILITY)?;
                let bid = CpmMicros::new((base.get() as f64 * probability / mean) as i64);
                Ok(bid.min(PRICE_MAX))
            }
        }
    }
}

const NO_PROBABILITY: RowRule =
    RowRule { column: "pctr", rule: "must not be empty under --policy lin" };
const WEIGHTED: RowRule =
    RowRule { column: "weight", rule: "must be 1: a replay takes each row as one auction" };
const OVERFLOW: RowRule = RowRule {
    column: "min_to_win_cpm_micros",
    rule: "must not bring the spend of the replay above 9223372036854775807 nanos",
};

/// Replays a file. `on_row` is called after each row with the number of rows done.
///
/// # Errors
/// [`TraceError`] when the file is bad or has no rows, or a row lacks what the policy needs.
pub fn replay_file(
    path: &Path,
    options: &PolicyOptions,
    orders: Option<&Orders>,
    mut on_row: impl FnMut(u64),
) -> Result<ReplaySummary, TraceError> {
    let bidding = prepare(path, options.policy)?;
    let mut players = match orders {
        Some(orders) => player::from_orders(orders),
        None => vec![Player::alone(options.budget)],
    };
    let extra_columns = options.value_column.iter().cloned().collect();
    let read = AuctionOptions { extra_columns, ..AuctionOptions::default() };
    let mut reader = auctions::open(path, &read)?;
    while let Some(row) = reader.next() {
        let row = row?;
        play(&row, bidding, options, &mut players)
            .map_err(|broken| reader.refuse(broken.column, broken.rule))?;
        on_row(reader.rows());
    }
    if reader.rows() == 0 {
        return Err(TraceError::NoRows { file: path.display().to_string().into() });
    }
    Ok(summary::summarise(path, options, &reader, &players))
}

/// Offers one row to every player.
///
/// # Errors
/// [`RowRule`] when the row cannot be replayed.
pub fn play(
    row: &AuctionRow,
    bidding: Bidding,
    options: &PolicyOptions,
    players: &mut [Player],
) -> Result<(), RowRule> {
    #[expect(clippy::float_cmp, reason = "1 is exact, and anything else is refused")]
    if row.weight != 1.0 {
        return Err(WEIGHTED);
    }
    let bid = bidding.bid(row)?;
    let value = match options.value_column {
        Some(_) => row.extra(0).map(|value| value * options.value_scale),
        None => row.value.map(|value| value.per_impression().as_f64()),
    };
    for player in players {
        let sale = Sale { bid, price: options.price, tie: options.tie, value };
        player.offer(row, sale).ok_or(OVERFLOW)?;
    }
    Ok(())
}

/// Reads the file once beforehand where the policy needs its mean.
fn prepare(path: &Path, policy: Policy) -> Result<Bidding, TraceError> {
    match policy {
        Policy::Const(bid) => Ok(Bidding::Const(bid)),
        Policy::Linear(base) => {
            let reader = auctions::open(path, &AuctionOptions::default())?;
            Ok(Bidding::Linear { base, mean: mean_probability(reader)? })
        }
    }
}

/// The mean click probability of a file; 1 for a file in which it is zero throughout, where every
/// bid is zero whatever the mean.
fn mean_probability(mut reader: AuctionReader) -> Result<f64, TraceError> {
    let mut sum = 0.0;
    while let Some(row) = reader.next() {
        let Some(probability) = row?.click_probability else {
            return Err(reader.refuse(NO_PROBABILITY.column, NO_PROBABILITY.rule));
        };
        sum += probability;
    }
    #[expect(clippy::cast_precision_loss, reason = "a file has fewer than 2⁵³ rows")]
    let mean = sum / reader.rows().max(1) as f64;
    Ok(if mean > 0.0 { mean } else { 1.0 })
}
