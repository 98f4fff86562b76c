//! Campaign files: one row a budget, checked value by value.
//!
//! Rows become specifications in `orders`; here nothing is known of flights that belong together.
//! Called by replay, scenarios and the demo.

use super::error::{Place, TraceError, shown};
use super::source::{Column, Kind, Source};
use paceline_calendar::Zone;
use paceline_core::units::{CpmMicros, Currency, Micros, MoneyError, Name, Nanos, Timestamp};
use std::path::Path;
use std::sync::Arc;

/// The most rows one file may hold: every row is kept, and the engine takes no more campaigns.
pub const CAMPAIGNS_MAX: usize = 1_000_000;

/// Over what a budget runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BudgetPeriod {
    /// Anew each local day.
    Daily,
    /// Once, from start to end.
    CustomPeriod,
}

/// What the campaign wants for its money.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Goal {
    /// To be seen.
    Impressions,
    /// To be clicked.
    Clicks,
    /// To sell.
    Conversions,
    /// To spend.
    Spend,
}

/// How fast the money may go out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DeliveryMethod {
    /// Paced.
    Standard,
    /// Not paced.
    Accelerated,
}

/// One budget of one campaign.
#[derive(Debug, Clone, PartialEq)]
pub struct CampaignRow {
    /// Where it stands, for complaints about several rows together.
    pub place: Place,
    /// Outside identity.
    pub campaign: Name,
    /// Who pays; the campaign itself where the file names nobody.
    pub advertiser: Name,
    /// Daily or once.
    pub period: BudgetPeriod,
    /// Above zero, at most four billion units.
    pub budget: Nanos,
    /// Cap over the whole flight, above zero.
    pub total_budget: Option<Nanos>,
    /// First instant of the flight.
    pub start: Timestamp,
    /// First instant after the flight, later than `start`.
    pub end: Timestamp,
    /// IANA zone in which days begin; `UTC` where the file names none.
    pub zone: Name,
    /// Paced or not.
    pub delivery: DeliveryMethod,
    /// What it wants.
    pub goal: Goal,
    /// Bid cap, above zero.
    pub max_bid: Option<CpmMicros>,
    /// Value of a click, above zero.
    pub click_value: Option<Micros>,
    /// Value of a conversion or ceiling on its cost, above zero.
    pub conversion_value: Option<Micros>,
    /// Of every amount in the file.
    pub currency: Currency,
    /// Segments it wants; none is all.
    pub segments: Vec<String>,
    /// Columns beyond the format, in the order of [`CampaignOptions::extra_columns`].
    pub extras: Vec<Option<f64>>,
}

/// What to read beyond the format.
#[derive(Debug, Clone, Default)]
pub struct CampaignOptions {
    /// Numeric columns carried along; the file must have them.
    pub extra_columns: Vec<String>,
}

/// A campaign file, read whole.
#[derive(Debug, Clone, PartialEq)]
pub struct CampaignFile {
    /// Its name, for complaints about several rows together.
    pub file: Arc<str>,
    /// In file order.
    pub rows: Vec<CampaignRow>,
}

const CAMPAIGN: usize = 0;
const ADVERTISER: usize = 1;
const PERIOD: usize = 2;
const BUDGET: usize = 3;
const TOTAL_BUDGET: usize = 4;
const START: usize = 5;
const END: usize = 6;
const ZONE: usize = 7;
const DELIVERY: usize = 8;
const GOAL: usize = 9;
const MAX_BID: usize = 10;
const CLICK_VALUE: usize = 11;
const CONVERSION_VALUE: usize = 12;
const CURRENCY: usize = 13;
const SEGMENTS: usize = 14;
const EXTRA: usize = 15;

/// The columns in the order of the constants above.
fn columns(extra: &[String]) -> Vec<Column> {
    let mut columns = vec![
        Column::required("campaign_id", Kind::Text),
        Column::optional("advertiser_id", Kind::Text),
        Column::required("period", Kind::Text),
        Column::required("budget_micros", Kind::Int),
        Column::optional("total_budget_micros", Kind::Int),
        Column::required("start_ts_us", Kind::Int),
        Column::required("end_ts_us", Kind::Int),
        Column::optional("timezone", Kind::Text),
        Column::optional("delivery_method", Kind::Text),
        Column::required("goal", Kind::Text),
        Column::optional("max_bid_cpm_micros", Kind::Int),
        Column::optional("cpc_bid_micros", Kind::Int),
        Column::optional("target_cpa_micros", Kind::Int),
        Column::optional("currency", Kind::Text),
        Column::optional("segments", Kind::Text),
    ];
    columns.extend(extra.iter().map(|name| Column::required(name, Kind::Float)));
    columns
}

/// Reads a campaign file.
///
/// # Errors
/// [`TraceError`] for the first thing that is wrong.
pub fn read(path: &Path, options: &CampaignOptions) -> Result<CampaignFile, TraceError> {
    let mut reader = Reader {
        source: Source::open(path, columns(&options.extra_columns))?,
        extras: options.extra_columns.len(),
        currency: None,
    };
    let mut rows = Vec::new();
    while reader.source.advance()? {
        let row = reader.row()?;
        if rows.len() == CAMPAIGNS_MAX {
            return Err(reader.source.refuse(CAMPAIGN, "must not be in row 1000001 of its file"));
        }
        rows.push(row);
    }
    Ok(CampaignFile { file: Arc::clone(reader.source.file()), rows })
}

struct Reader {
    source: Source,
    extras: usize,
    currency: Option<Currency>,
}

impl Reader {
    fn row(&mut self) -> Result<CampaignRow, TraceError> {
        let campaign = self.source.demand(CAMPAIGN, self.name(CAMPAIGN)?)?;
        let (start, end) = (self.source.time(START)?, self.source.time(END)?);
        if start >= end {
            return Err(self.source.refuse(END, "must be after start_ts_us"));
        }
        Ok(CampaignRow {
            place: self.source.place(),
            advertiser: self.name(ADVERTISER)?.unwrap_or_else(|| campaign.clone()),
            campaign,
            period: self.period()?,
            budget: self.source.demand(BUDGET, self.budget(BUDGET)?)?,
            total_budget: self.budget(TOTAL_BUDGET)?,
            start,
            end,
            zone: self.zone()?,
            delivery: self.delivery()?,
            goal: self.goal()?,
            max_bid: self.positive(MAX_BID)?.map(CpmMicros::new),
            click_value: self.positive(CLICK_VALUE)?.map(Micros::new),
            conversion_value: self.positive(CONVERSION_VALUE)?.map(Micros::new),
            currency: self.currency()?,
            segments: self.segments()?,
            extras: self.extras()?,
        })
    }

    fn name(&self, slot: usize) -> Result<Option<Name>, TraceError> {
        let named = self.source.text(slot)?.map(Name::try_new).transpose();
        named.map_err(|_| {
            self.source.refuse(slot, "must have 1 to 64 bytes and no control characters")
        })
    }

    fn zone(&self) -> Result<Name, TraceError> {
        let Some(zone) = self.name(ZONE)? else {
            return Ok(Name::try_new("UTC").expect("three letters"));
        };
        if let Err(error) = Zone::try_new(zone.as_str()) {
            return Err(self.source.refuse(ZONE, format!("must be an IANA zone: {error}")));
        }
        Ok(zone)
    }

    fn period(&self) -> Result<BudgetPeriod, TraceError> {
        match self.source.demand(PERIOD, self.source.text(PERIOD)?)? {
            "DAILY" => Ok(BudgetPeriod::Daily),
            "CUSTOM_PERIOD" => Ok(BudgetPeriod::CustomPeriod),
            _ => Err(self.source.refuse(PERIOD, "must be DAILY or CUSTOM_PERIOD")),
        }
    }

    fn goal(&self) -> Result<Goal, TraceError> {
        match self.source.demand(GOAL, self.source.text(GOAL)?)? {
            "IMPRESSIONS" => Ok(Goal::Impressions),
            "CLICKS" => Ok(Goal::Clicks),
            "CONVERSIONS" => Ok(Goal::Conversions),
            "SPEND" => Ok(Goal::Spend),
            _ => {
                let rule = "must be IMPRESSIONS, CLICKS, CONVERSIONS or SPEND";
                Err(self.source.refuse(GOAL, rule))
            }
        }
    }

    fn delivery(&self) -> Result<DeliveryMethod, TraceError> {
        match self.source.text(DELIVERY)? {
            None | Some("STANDARD") => Ok(DeliveryMethod::Standard),
            Some("ACCELERATED") => Ok(DeliveryMethod::Accelerated),
            Some(_) => Err(self.source.refuse(DELIVERY, "must be STANDARD or ACCELERATED")),
        }
    }

    fn budget(&self, slot: usize) -> Result<Option<Nanos>, TraceError> {
        let budget = self.source.int(slot)?.map(|micros| Nanos::try_budget(Micros::new(micros)));
        budget.transpose().map_err(|error| {
            let rule = match error {
                MoneyError::TooLarge => "must not exceed 4000000000 units of currency",
                _ => "must be above zero",
            };
            self.source.refuse(slot, rule)
        })
    }

    fn positive(&self, slot: usize) -> Result<Option<i64>, TraceError> {
        match self.source.int(slot)? {
            Some(amount) if amount <= 0 => Err(self.source.refuse(slot, "must be above zero")),
            Some(amount) if amount > 1_000_000_000_000_000 => {
                Err(self.source.refuse(slot, "must be at most 1000000000000000"))
            }
            amount => Ok(amount),
        }
    }

    fn currency(&mut self) -> Result<Currency, TraceError> {
        let currency = match self.source.text(CURRENCY)? {
            None => Currency::NONE,
            Some(code) => Currency::try_new(code)
                .map_err(|_| self.source.refuse(CURRENCY, "must be three capital letters"))?,
        };
        let first = *self.currency.get_or_insert(currency);
        if currency != first {
            let rule = format!("must be {first} as in the rows above: one currency a file");
            return Err(self.source.refuse(CURRENCY, rule));
        }
        Ok(currency)
    }

    fn extras(&self) -> Result<Vec<Option<f64>>, TraceError> {
        (0..self.extras).map(|index| self.source.float(EXTRA + index)).collect()
    }

    fn segments(&self) -> Result<Vec<String>, TraceError> {
        let Some(list) = self.source.text(SEGMENTS)? else { return Ok(Vec::new()) };
        let segments: Vec<String> = list.split(';').map(|name| name.trim().to_owned()).collect();
        if segments.iter().any(String::is_empty) {
            return Err(self.source.refuse(SEGMENTS, "must not hold an empty name between ';'"));
        }
        Ok(segments)
    }
}

impl CampaignRow {
    /// A complaint about this row that needed others to be seen.
    pub(crate) fn refuse(
        &self,
        file: &Arc<str>,
        column: &str,
        value: &str,
        rule: impl Into<String>,
    ) -> TraceError {
        TraceError::Cell(Box::new(super::error::BadCell {
            file: Arc::clone(file),
            place: Some(self.place),
            column: column.to_owned(),
            value: shown(value),
            rule: rule.into(),
        }))
    }
}
