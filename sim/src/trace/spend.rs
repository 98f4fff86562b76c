//! Spend files: events or buckets of money spent, in the order in which they arrived.
//!
//! The same `event_id` twice is legal (at-least-once delivery) and is passed on: counting it once
//! is the ledger's work. Called by replay and by scenarios that feed recorded spend.

use super::error::TraceError;
use super::label::Labels;
use super::source::{Column, Kind, Source};
use paceline_core::hash;
use paceline_core::units::{CampaignId, CpmMicros, EventId, Nanos, Span, Timestamp};
use std::path::Path;

/// The largest amount of one row: a million units of currency.
const SPEND_MICROS_MAX: i64 = 1_000_000_000_000;

/// What a row reports.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SpendKind {
    /// A bid was made.
    Bid,
    /// An auction was won.
    Win,
    /// Money became due.
    Billing,
    /// An auction was lost.
    Loss,
    /// A click.
    Click,
    /// A conversion.
    Conversion,
    /// A correction, up or down.
    Adjust,
}

/// One event, or one bucket of events.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SpendRow {
    /// When it happened, or the start of the bucket.
    pub at: Timestamp,
    /// When it arrived, never before the row above; where the file does not say, the latest `at`
    /// so far, since rows stand in order of arrival.
    pub received_at: Timestamp,
    /// Length of the bucket; zero for a single event.
    pub bucket: Span,
    /// Whose money.
    pub campaign: CampaignId,
    /// Key of its idempotency key.
    pub event: Option<EventId>,
    /// Fingerprint of the auction's request id.
    pub request: Option<u64>,
    /// What it reports; `None` for a plain bucket of spend.
    pub kind: Option<SpendKind>,
    /// Exact: from the price where the row has one, else from whole micros. Below zero only for
    /// [`SpendKind::Adjust`].
    pub spend: Nanos,
    /// Bids made.
    pub bids: Option<u64>,
    /// Auctions won.
    pub wins: Option<u64>,
    /// Billable impressions.
    pub impressions: Option<u64>,
    /// Clicks.
    pub clicks: Option<u64>,
    /// Conversions.
    pub conversions: Option<u64>,
    /// OpenRTB 3.0 loss code.
    pub loss_reason: Option<u16>,
}

/// What was odd but happens in real logs, and so was let through.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct SpendWarnings {
    /// Rows whose `spend_micros` is not their price rounded to a micro.
    pub spend_not_price: u64,
    /// Rows of a file without `recv_ts_us` that happened before the row above.
    pub out_of_order: u64,
}

const AT: usize = 0;
const RECEIVED: usize = 1;
const BUCKET: usize = 2;
const CAMPAIGN: usize = 3;
const EVENT: usize = 4;
const REQUEST: usize = 5;
const KIND: usize = 6;
const SPEND: usize = 7;
const PRICE: usize = 8;
const BIDS: usize = 9;
const WINS: usize = 10;
const IMPRESSIONS: usize = 11;
const CLICKS: usize = 12;
const CONVERSIONS: usize = 13;
const LOSS_REASON: usize = 14;

/// The columns in the order of the constants above.
fn columns() -> Vec<Column> {
    vec![
        Column::required("ts_us", Kind::Int),
        Column::optional("recv_ts_us", Kind::Int),
        Column::optional("bucket_s", Kind::Int),
        Column::required("campaign_id", Kind::Text),
        Column::optional("event_id", Kind::Text),
        Column::optional("request_id", Kind::Text),
        Column::optional("event_type", Kind::Text),
        Column::required("spend_micros", Kind::Int),
        Column::optional("price_cpm_micros", Kind::Int),
        Column::optional("bids", Kind::Int),
        Column::optional("wins", Kind::Int),
        Column::optional("impressions", Kind::Int),
        Column::optional("clicks", Kind::Int),
        Column::optional("conversions", Kind::Int),
        Column::optional("loss_reason", Kind::Int),
    ]
}

/// Opens a spend file.
///
/// # Errors
/// [`TraceError`] when the file cannot be read or lacks a required column.
pub fn open(path: &Path) -> Result<SpendReader, TraceError> {
    Ok(SpendReader {
        source: Source::open(path, columns())?,
        campaigns: Labels::default(),
        warnings: SpendWarnings::default(),
        last: Timestamp::MIN,
        is_over: false,
    })
}

/// Yields the rows of a spend file in order of arrival; after an error, nothing.
pub struct SpendReader {
    source: Source,
    campaigns: Labels,
    warnings: SpendWarnings,
    last: Timestamp,
    is_over: bool,
}

impl SpendReader {
    /// Names of the campaigns met so far.
    #[must_use]
    pub fn campaigns(&self) -> &Labels {
        &self.campaigns
    }

    /// What was odd in the rows so far.
    #[must_use]
    pub fn warnings(&self) -> SpendWarnings {
        self.warnings
    }

    fn read(&mut self) -> Result<Option<SpendRow>, TraceError> {
        if !self.source.advance()? {
            return Ok(None);
        }
        let (at, received_at) = self.times()?;
        let campaign = self.source.demand(CAMPAIGN, self.source.text(CAMPAIGN)?)?;
        let campaign = self.campaigns.intern(campaign);
        let kind = self.kind()?;
        Ok(Some(SpendRow {
            at,
            received_at,
            bucket: self.bucket()?,
            campaign: campaign
                .map(CampaignId::from_key)
                .map_err(|rule| self.source.refuse(CAMPAIGN, rule))?,
            event: self.source.text(EVENT)?.map(EventId::of),
            request: self.source.text(REQUEST)?.map(|id| hash::key(id.as_bytes())),
            kind,
            spend: self.spend(kind)?,
            bids: self.source.count(BIDS)?,
            wins: self.source.count(WINS)?,
            impressions: self.source.count(IMPRESSIONS)?,
            clicks: self.source.count(CLICKS)?,
            conversions: self.source.count(CONVERSIONS)?,
            loss_reason: self.loss_reason()?,
        }))
    }

    fn times(&mut self) -> Result<(Timestamp, Timestamp), TraceError> {
        let at = self.source.time(AT)?;
        let received_at = match self.source.time_if_any(RECEIVED)? {
            Some(received) if received < self.last => {
                return Err(self.source.refuse(RECEIVED, "must not be before the row above"));
            }
            Some(received) => received,
            None => {
                self.warnings.out_of_order += u64::from(at < self.last);
                at.max(self.last)
            }
        };
        self.last = received_at;
        Ok((at, received_at))
    }

    fn bucket(&self) -> Result<Span, TraceError> {
        match self.source.int(BUCKET)? {
            None => Ok(Span::ZERO),
            Some(seconds @ 0..=2_147_483_647) => Ok(Span::from_secs(seconds)),
            Some(_) => Err(self.source.refuse(BUCKET, "must be 0 to 2147483647 seconds")),
        }
    }

    fn kind(&self) -> Result<Option<SpendKind>, TraceError> {
        Ok(Some(match self.source.text(KIND)? {
            None => return Ok(None),
            Some("bid") => SpendKind::Bid,
            Some("win") => SpendKind::Win,
            Some("billing") => SpendKind::Billing,
            Some("loss") => SpendKind::Loss,
            Some("click") => SpendKind::Click,
            Some("conversion") => SpendKind::Conversion,
            Some("adjust") => SpendKind::Adjust,
            Some(_) => {
                let rule = "must be bid, win, billing, loss, click, conversion or adjust";
                return Err(self.source.refuse(KIND, rule));
            }
        }))
    }

    fn spend(&mut self, kind: Option<SpendKind>) -> Result<Nanos, TraceError> {
        let price = match self.source.int(PRICE)? {
            Some(price) if price < 0 => {
                return Err(self.source.refuse(PRICE, "must not be negative"));
            }
            Some(price) if price > SPEND_MICROS_MAX * 1_000 => {
                return Err(self.source.refuse(PRICE, "must be at most 1000000000000000"));
            }
            price => price.map(|price| CpmMicros::new(price).per_impression()),
        };
        let micros = match self.source.int(SPEND)? {
            Some(micros) if micros < 0 && kind != Some(SpendKind::Adjust) => {
                let rule = "must not be negative unless event_type is adjust";
                return Err(self.source.refuse(SPEND, rule));
            }
            Some(micros) if micros.saturating_abs() > SPEND_MICROS_MAX => {
                return Err(self.source.refuse(SPEND, "must be at most 1000000000000"));
            }
            micros => micros,
        };
        match (price, micros) {
            (None, micros) => {
                self.source.demand(SPEND, micros).map(|micros| Nanos::new(micros * 1_000))
            }
            (Some(price), micros) => {
                let is_same = micros
                    .is_none_or(|micros| (Nanos::new(micros * 1_000) - price).get().abs() < 1_000);
                self.warnings.spend_not_price += u64::from(!is_same);
                Ok(price)
            }
        }
    }

    fn loss_reason(&self) -> Result<Option<u16>, TraceError> {
        let code = self.source.int(LOSS_REASON)?.map(u16::try_from).transpose();
        code.map_err(|_| self.source.refuse(LOSS_REASON, "must be 0 to 65535"))
    }
}

impl Iterator for SpendReader {
    type Item = Result<SpendRow, TraceError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.is_over {
            return None;
        }
        let item = self.read().transpose();
        self.is_over = !matches!(item, Some(Ok(_)));
        item
    }
}
