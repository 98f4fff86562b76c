//! Auction traces: one row a request, with the price that would have won it.
//!
//! [`open`] gives a reader that yields checked [`AuctionRow`]s. A row owns no memory: names are
//! keys into the reader's [`Labels`]. Called by replay, by scenarios that replay a trace, and by
//! whoever learns a price landscape from one.

use super::error::TraceError;
use super::label::Labels;
use super::seen::Seen;
use super::source::{Column, Kind, Source};
use paceline_core::hash;
use paceline_core::units::{CpmMicros, SegmentId, Timestamp};
use std::path::Path;

/// The most columns beyond the format's own that a reader carries along. AuctionNet files have ten:
/// four rival bids and two columns for each of three players.
pub const EXTRA_MAX: usize = 10;
/// The highest price taken: a million units an impression. Nine thousand such wins still fit the
/// ledger.
pub const PRICE_MAX: CpmMicros = CpmMicros::new(1_000_000_000_000_000);
/// Among how many of the last rows a repeated request is noticed, unless told otherwise.
pub const DUPLICATE_WINDOW: usize = 1 << 20;

/// How the exchange sells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AuctionKind {
    /// The winner pays its bid.
    FirstPrice,
    /// The winner pays the price to beat.
    SecondPrice,
    /// A deal at a price agreed beforehand.
    FixedPrice,
    /// A rule of the exchange's own, 500 or above.
    Own(u16),
}

impl AuctionKind {
    /// From `BidRequest.at`; `None` for a code that means nothing.
    #[must_use]
    pub fn from_code(code: i64) -> Option<Self> {
        match code {
            1 => Some(Self::FirstPrice),
            2 => Some(Self::SecondPrice),
            3 => Some(Self::FixedPrice),
            _ => u16::try_from(code).ok().filter(|&own| own >= 500).map(Self::Own),
        }
    }
}

/// What is known of the price to beat.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Censor {
    /// The price itself.
    Exact,
    /// The true price is above: the logging policy lost and was not told.
    Above,
    /// The true price is at or below: it won at its own bid and was not told.
    AtOrBelow,
}

/// One auction. Absent columns and empty fields are `None`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct AuctionRow {
    /// Position in the file, from 0.
    pub index: u64,
    /// When the request came.
    pub at: Timestamp,
    /// 64-bit fingerprint of the request's id.
    pub request: u64,
    /// Key of the exchange's name.
    pub exchange: Option<u64>,
    /// Supply segment.
    pub segment: SegmentId,
    /// Who pays what.
    pub kind: AuctionKind,
    /// Lowest bid taken; `None` is unknown, zero is none.
    pub floor: Option<CpmMicros>,
    /// The price that ties for the win, floor included, 0 to [`PRICE_MAX`].
    pub min_to_win: CpmMicros,
    /// What is known of that price.
    pub censor: Censor,
    /// Probability of a click, given a win.
    pub click_probability: Option<f64>,
    /// Probability of a conversion, given a win.
    pub conversion_probability: Option<f64>,
    /// What the impression is worth, if the file says.
    pub value: Option<CpmMicros>,
    /// Whether it was clicked, if shown.
    pub click: Option<bool>,
    /// Whether it converted, if shown.
    pub conversion: Option<bool>,
    /// What the logging policy bid.
    pub logged_bid: Option<CpmMicros>,
    /// Whether the logging policy won.
    pub logged_win: Option<bool>,
    /// How many auctions the row stands for, above zero; 1 where the file does not say.
    pub weight: f64,
    extras: [f64; EXTRA_MAX],
}

impl AuctionRow {
    /// The value of an extra column by its place in [`AuctionOptions::extra_columns`]; `None` for
    /// an empty field. A number read from a file is always finite.
    #[must_use]
    pub fn extra(&self, index: usize) -> Option<f64> {
        self.extras.get(index).copied().filter(|value| value.is_finite())
    }
}

/// What to read beyond the format.
#[derive(Debug, Clone)]
pub struct AuctionOptions {
    /// Numeric columns carried along, at most [`EXTRA_MAX`]; the file must have them.
    pub extra_columns: Vec<String>,
    /// Among at least how many of the last rows a repeated `request_id` is refused. Memory is about
    /// forty bytes for each.
    pub duplicate_window: usize,
}

impl Default for AuctionOptions {
    fn default() -> Self {
        Self { extra_columns: Vec::new(), duplicate_window: DUPLICATE_WINDOW }
    }
}

/// What was odd but happens in real logs, and so was let through.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct AuctionWarnings {
    /// Rows whose price to beat is below their floor.
    pub below_floor: u64,
    /// Rows whose price to beat is only a bound.
    pub censored: u64,
}

const AT: usize = 0;
const REQUEST: usize = 1;
const EXCHANGE: usize = 2;
const SEGMENT: usize = 3;
const KIND: usize = 4;
const FLOOR: usize = 5;
const MIN_TO_WIN: usize = 6;
const CENSOR: usize = 7;
const CLICK_PROBABILITY: usize = 8;
const CONVERSION_PROBABILITY: usize = 9;
const VALUE: usize = 10;
const CLICK: usize = 11;
const CONVERSION: usize = 12;
const LOGGED_BID: usize = 13;
const LOGGED_WIN: usize = 14;
const WEIGHT: usize = 15;
const EXTRA: usize = 16;

/// The columns in the order of the constants above.
fn columns(extra: &[String]) -> Vec<Column> {
    let mut columns = vec![
        Column::required("ts_us", Kind::Int),
        Column::required("request_id", Kind::Text),
        Column::optional("exchange", Kind::Text),
        Column::required("segment", Kind::Text),
        Column::required("at", Kind::Int),
        Column::optional("bidfloor_cpm_micros", Kind::Int),
        Column::required("min_to_win_cpm_micros", Kind::Int),
        Column::required("min_to_win_censor", Kind::Int),
        Column::optional("pctr", Kind::Float),
        Column::optional("pcvr", Kind::Float),
        Column::optional("value_cpm_micros", Kind::Int),
        Column::optional("click", Kind::Int),
        Column::optional("conversion", Kind::Int),
        Column::optional("logged_bid_cpm_micros", Kind::Int),
        Column::optional("logged_win", Kind::Int),
        Column::optional("weight", Kind::Float),
    ];
    columns.extend(extra.iter().map(|name| Column::required(name, Kind::Float)));
    columns
}

/// Opens an auction trace.
///
/// # Errors
/// [`TraceError`] when the file cannot be read or lacks a required column.
///
/// # Panics
/// When more than [`EXTRA_MAX`] extra columns are asked for.
pub fn open(path: &Path, options: &AuctionOptions) -> Result<AuctionReader, TraceError> {
    assert!(options.extra_columns.len() <= EXTRA_MAX, "at most {EXTRA_MAX} extra columns");
    Ok(AuctionReader {
        source: Source::open(path, columns(&options.extra_columns))?,
        extras: options.extra_columns.len(),
        seen: Seen::new(options.duplicate_window),
        segments: Labels::default(),
        exchanges: Labels::default(),
        warnings: AuctionWarnings::default(),
        last: Timestamp::MIN,
        rows: 0,
        is_over: false,
    })
}

/// Yields the rows of an auction trace in order; after an error, nothing.
pub struct AuctionReader {
    source: Source,
    extras: usize,
    seen: Seen,
    segments: Labels,
    exchanges: Labels,
    warnings: AuctionWarnings,
    last: Timestamp,
    rows: u64,
    is_over: bool,
}

impl AuctionReader {
    /// Names of the segments met so far.
    #[must_use]
    pub fn segments(&self) -> &Labels {
        &self.segments
    }

    /// Names of the exchanges met so far.
    #[must_use]
    pub fn exchanges(&self) -> &Labels {
        &self.exchanges
    }

    /// What was odd in the rows so far.
    #[must_use]
    pub fn warnings(&self) -> AuctionWarnings {
        self.warnings
    }

    /// Rows read so far.
    #[must_use]
    pub fn rows(&self) -> u64 {
        self.rows
    }

    /// Rows in the file, where it says so beforehand (Parquet).
    #[must_use]
    pub fn rows_known(&self) -> Option<u64> {
        self.source.rows_known()
    }

    /// A complaint about a column of the row read last, for rules that only the caller knows: a
    /// policy that needs a probability, say. The column must be one of the format's.
    #[must_use]
    pub fn refuse(&self, column: &str, rule: &str) -> TraceError {
        let slot = columns(&[]).iter().position(|known| known.name == column);
        self.source.refuse(slot.expect("a column of the format"), rule)
    }

    fn read(&mut self) -> Result<Option<AuctionRow>, TraceError> {
        if !self.source.advance()? {
            return Ok(None);
        }
        let row = AuctionRow {
            index: self.rows,
            at: self.time()?,
            request: self.request()?,
            exchange: self.exchange()?,
            segment: self.segment()?,
            kind: self.kind()?,
            floor: self.price(FLOOR)?,
            min_to_win: self.source.demand(MIN_TO_WIN, self.price(MIN_TO_WIN)?)?,
            censor: self.censor()?,
            click_probability: self.source.share(CLICK_PROBABILITY)?,
            conversion_probability: self.source.share(CONVERSION_PROBABILITY)?,
            value: self.price(VALUE)?,
            click: self.source.flag(CLICK)?,
            conversion: self.source.flag(CONVERSION)?,
            logged_bid: self.price(LOGGED_BID)?,
            logged_win: self.source.flag(LOGGED_WIN)?,
            weight: self.weight()?,
            extras: self.extras()?,
        };
        self.rows += 1;
        self.warnings.below_floor += u64::from(row.floor.is_some_and(|it| row.min_to_win < it));
        self.warnings.censored += u64::from(row.censor != Censor::Exact);
        Ok(Some(row))
    }

    fn time(&mut self) -> Result<Timestamp, TraceError> {
        let at = self.source.time(AT)?;
        if at < self.last {
            return Err(self.source.refuse(AT, "must not be before the row above"));
        }
        self.last = at;
        Ok(at)
    }

    fn request(&mut self) -> Result<u64, TraceError> {
        let id = self.source.demand(REQUEST, self.source.text(REQUEST)?)?;
        let request = hash::key(id.as_bytes());
        if !self.seen.insert(request) {
            let rule = format!(
                "must not be that of an earlier row (64-bit fingerprints of at least the last {} \
                 rows are compared)",
                self.seen.max()
            );
            return Err(self.source.refuse(REQUEST, rule));
        }
        Ok(request)
    }

    fn exchange(&mut self) -> Result<Option<u64>, TraceError> {
        let Some(name) = self.source.text(EXCHANGE)? else { return Ok(None) };
        let key = self.exchanges.intern(name);
        key.map(Some).map_err(|rule| self.source.refuse(EXCHANGE, rule))
    }

    fn segment(&mut self) -> Result<SegmentId, TraceError> {
        let name = self.source.demand(SEGMENT, self.source.text(SEGMENT)?)?;
        let key = self.segments.intern(name);
        key.map(SegmentId::from_key).map_err(|rule| self.source.refuse(SEGMENT, rule))
    }

    fn kind(&self) -> Result<AuctionKind, TraceError> {
        let code = self.source.needed_int(KIND)?;
        AuctionKind::from_code(code)
            .ok_or_else(|| self.source.refuse(KIND, "must be 1, 2, 3 or from 500 to 65535"))
    }

    fn censor(&self) -> Result<Censor, TraceError> {
        match self.source.needed_int(CENSOR)? {
            0 => Ok(Censor::Exact),
            1 => Ok(Censor::Above),
            -1 => Ok(Censor::AtOrBelow),
            _ => Err(self.source.refuse(CENSOR, "must be -1, 0 or 1")),
        }
    }

    fn price(&self, slot: usize) -> Result<Option<CpmMicros>, TraceError> {
        match self.source.int(slot)?.map(CpmMicros::new) {
            Some(price) if price < CpmMicros::ZERO => {
                Err(self.source.refuse(slot, "must not be negative"))
            }
            Some(price) if price > PRICE_MAX => {
                Err(self.source.refuse(slot, "must be at most 1000000000000000"))
            }
            price => Ok(price),
        }
    }

    fn weight(&self) -> Result<f64, TraceError> {
        match self.source.float(WEIGHT)? {
            Some(weight) if weight <= 0.0 => Err(self.source.refuse(WEIGHT, "must be above zero")),
            weight => Ok(weight.unwrap_or(1.0)),
        }
    }

    fn extras(&self) -> Result<[f64; EXTRA_MAX], TraceError> {
        let mut extras = [f64::NAN; EXTRA_MAX];
        for (index, extra) in extras.iter_mut().enumerate().take(self.extras) {
            *extra = self.source.float(EXTRA + index)?.unwrap_or(f64::NAN);
        }
        Ok(extras)
    }
}

impl Iterator for AuctionReader {
    type Item = Result<AuctionRow, TraceError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.is_over {
            return None;
        }
        let item = self.read().transpose();
        self.is_over = !matches!(item, Some(Ok(_)));
        item
    }
}
