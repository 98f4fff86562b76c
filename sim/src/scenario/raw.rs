//! Exactly what may be written in a scenario file; unknown keys are refused by the parser.
//!
//! Nothing here is checked beyond its type: [`super::check`] turns it into a scenario and names
//! every rule broken. Lengths of time are texts such as `"90s"`, `"1d12h"`; instants inside a run
//! are lengths since its start.

use super::expect::RawExpect;
use crate::market::auction::Tie;
use serde::Deserialize;
use std::fmt;

/// A whole file.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RawScenario {
    /// First instant, RFC 3339 in UTC, e.g. `"2025-03-03T00:00:00Z"`.
    pub start: String,
    /// How long.
    pub lasts: String,
    /// Seeds every stream; 1 when absent.
    pub seed: Option<u64>,
    /// Who bids against whom.
    #[serde(default)]
    pub mode: RawMode,
    /// Who wins a tie.
    #[serde(default)]
    pub tie: Tie,
    /// Time between decision rounds; `"10s"` when absent.
    pub tick: Option<String>,
    /// Bidder processes.
    #[serde(default)]
    pub bidders: RawBidders,
    /// Supply.
    #[serde(default, rename = "segment")]
    pub segments: Vec<RawSegment>,
    /// A recorded auction trace instead of modelled arrivals.
    pub record: Option<RawRecord>,
    /// Who shares a budget across campaigns.
    #[serde(default, rename = "advertiser")]
    pub advertisers: Vec<RawAdvertiser>,
    /// Demand.
    #[serde(default, rename = "campaign")]
    pub campaigns: Vec<RawCampaign>,
    /// What operators do, and when.
    #[serde(default, rename = "action")]
    pub actions: Vec<RawAction>,
    /// What goes wrong, and when.
    #[serde(default, rename = "fault")]
    pub faults: Vec<RawFault>,
    /// Ranges the run must meet.
    #[serde(default)]
    pub expect: RawExpect,
}

/// A recorded auction trace, instead of segments.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RawRecord {
    /// The trace, in the data folder.
    pub data: String,
    /// Columns of values that campaigns may name: each number times 1000 is a value per thousand.
    #[serde(default)]
    pub value_columns: Vec<String>,
    /// How prices are made, whatever the file says; as in the file when absent.
    pub auction: Option<RawAuction>,
}

/// Who bids against whom.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RawMode {
    /// Each campaign alone against market prices.
    #[default]
    PriceTaking,
    /// All campaigns in the same auctions, against each other and the market's rivals.
    Competing,
}

/// Bidder processes.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RawBidders {
    /// How many; 4 when absent.
    pub count: Option<u32>,
    /// From a tick to the table being in use; `"1s"` when absent.
    pub publish_delay: Option<String>,
    /// How often each reports; `"10s"` when absent.
    pub report_every: Option<String>,
    /// How long a report travels; `"1s"` when absent.
    pub report_delay: Option<String>,
    /// From a bid to its outcome; `"0s"` when absent.
    pub outcome_delay: Option<String>,
    /// Share of losses a bidder never hears of: the hold then runs to its end. 0 when absent.
    pub lost_notices: Option<f64>,
    /// Whether bidders keep to allowances; true when absent.
    pub allowances: Option<bool>,
    /// Whether a draw is answered in time for the auction that caused it; true when absent.
    pub waits_for_draws: Option<bool>,
}

/// A distribution of prices or values per thousand: exactly one form.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RawPrices {
    /// Always this.
    pub cpm: Option<f64>,
    /// Log-normal: its median.
    pub median_cpm: Option<f64>,
    /// Log-normal: mean of the logarithm of the price of one impression, instead of a median.
    pub ln_mean: Option<f64>,
    /// Log-normal: standard deviation of the logarithm.
    pub sigma: Option<f64>,
    /// Values at evenly spaced ranks, ascending.
    pub quantiles_cpm: Option<Vec<f64>>,
}

impl fmt::Display for RawPrices {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { cpm, median_cpm, ln_mean, sigma, quantiles_cpm } = self;
        let parts = [
            part("cpm", cpm.as_ref()),
            part("median_cpm", median_cpm.as_ref()),
            part("ln_mean", ln_mean.as_ref()),
            part("sigma", sigma.as_ref()),
            part("quantiles_cpm", quantiles_cpm.as_ref()),
        ];
        f.write_str(&table(parts))
    }
}

/// `key = value` as in the file, if there is one. Numbers, texts and lists of them are written
/// alike in TOML and by Rust.
fn part(key: &str, value: Option<&impl fmt::Debug>) -> Option<String> {
    value.map(|value| format!("{key} = {value:?}"))
}

/// An inline table, as in the file.
fn table<const N: usize>(parts: [Option<String>; N]) -> String {
    let parts: Vec<String> = parts.into_iter().flatten().collect();
    if parts.is_empty() { "{}".to_owned() } else { format!("{{ {} }}", parts.join(", ")) }
}

/// A text that may be absent, as in the file.
pub(super) fn shown(text: Option<&String>) -> String {
    text.map_or_else(|| "nothing".to_owned(), |text| format!("{text:?}"))
}

/// One kind of supply.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RawSegment {
    /// Its name, once a file.
    pub name: String,
    /// Auctions a day, on average.
    pub per_day: f64,
    /// Zone of its local day; `"UTC"` when absent.
    pub zone: Option<String>,
    /// Its course; flat when absent.
    pub shape: Option<RawShape>,
    /// Growth a day.
    pub drift_per_day: Option<f64>,
    /// Hourly shocks on traffic.
    pub shock: Option<RawShock>,
    /// Bursts, dips and outages.
    #[serde(default)]
    pub surges: Vec<RawSurge>,
    /// One rival's bid.
    pub prices: RawPrices,
    /// Rivals in each auction; 1 when absent.
    pub rivals: Option<u32>,
    /// Daily course of the price level.
    pub price_season: Option<RawSeason>,
    /// Hourly shocks on prices.
    pub price_shock: Option<RawShock>,
    /// Lasting changes of the price level.
    #[serde(default)]
    pub jumps: Vec<RawJump>,
    /// `first` or `second` price.
    #[serde(default)]
    pub auction: RawAuction,
    /// No bid below this wins.
    pub floor_cpm: Option<f64>,
}

/// How prices are made.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RawAuction {
    /// The winner pays its bid.
    First,
    /// The winner pays the price to beat.
    #[default]
    Second,
}

/// A course over the day or week: exactly one form.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RawShape {
    /// Heights evenly spaced over the local day.
    pub day: Option<Vec<f64>>,
    /// Heights evenly spaced over the local week from Monday.
    pub week: Option<Vec<f64>>,
    /// `1 + amplitude × cos`.
    pub amplitude: Option<f64>,
    /// Local hour of the top of the cosine.
    pub peak_hour: Option<f64>,
    /// A traffic file of the data folder.
    pub data: Option<String>,
    /// Which of its segments.
    pub segment: Option<String>,
}

impl fmt::Display for RawShape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { day, week, amplitude, peak_hour, data, segment } = self;
        let parts = [
            part("day", day.as_ref()),
            part("week", week.as_ref()),
            part("amplitude", amplitude.as_ref()),
            part("peak_hour", peak_hour.as_ref()),
            part("data", data.as_ref()),
            part("segment", segment.as_ref()),
        ];
        f.write_str(&table(parts))
    }
}

/// Hourly shocks.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RawShock {
    /// Standard deviation of the logarithm.
    pub sigma: f64,
    /// What is left of a shock an hour later; 0 when absent.
    #[serde(default)]
    pub persistence: f64,
}

/// A dated multiple of traffic.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RawSurge {
    /// From when.
    pub at: String,
    /// How long.
    pub lasts: String,
    /// Multiple; 0 is an outage.
    pub times: f64,
}

/// A cosine of the price level.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RawSeason {
    /// In `[0, 1)`.
    pub amplitude: f64,
    /// Local hour of the top.
    pub peak_hour: f64,
}

/// A lasting change of the price level.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RawJump {
    /// From when.
    pub at: String,
    /// Multiple of the level before.
    pub times: f64,
}

/// Who pays.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RawAdvertiser {
    /// Its name.
    pub name: String,
    /// Zone of its local days.
    pub zone: Option<String>,
    /// Shared by its campaigns, every local day.
    pub daily_cap_micros: Option<i64>,
}

/// One campaign, several alike, or the rows of a file.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RawCampaign {
    /// Name; with `count` the stem of the names.
    pub name: Option<String>,
    /// So many alike, named `<name>-00` and so on.
    pub count: Option<usize>,
    /// A campaign file of the data folder, instead of name and count.
    pub data: Option<String>,
    /// Takes every n-th row of the file only.
    pub every: Option<usize>,
    /// Factor on the budgets of the file.
    pub budget_times: Option<f64>,
    /// Who pays; `house` when absent.
    pub advertiser: Option<String>,
    /// Budget of the flight; several are taken in turn.
    #[serde(default)]
    pub budget_micros: Vec<i64>,
    /// Cap on each local day; several are taken in turn.
    #[serde(default)]
    pub daily_cap_micros: Vec<i64>,
    /// Flight begins; the run's start when absent.
    pub from: Option<String>,
    /// Flight ends; the run's end when absent.
    pub to: Option<String>,
    /// Segments it buys; all when absent.
    #[serde(default)]
    pub segments: Vec<String>,
    /// Share of their auctions it is eligible for; 1 when absent.
    pub reach: Option<f64>,
    /// Value of an impression.
    pub value: Option<RawPrices>,
    /// The record's column of values, instead.
    pub value_column: Option<String>,
    /// No value above this.
    pub value_most_cpm: Option<f64>,
    /// Sets the values' scale: unpaced spend as a multiple of the budget; taken in turn.
    #[serde(default)]
    pub pressure: Vec<f64>,
    /// Median click probability.
    pub click_probability: Option<f64>,
    /// Spread of its logarithm.
    pub click_sigma: Option<f64>,
    /// How far the click probability is off.
    pub click_truth: Option<RawTruth>,
    /// What is billed.
    #[serde(default)]
    pub billing: RawBilling,
    /// Soonest a click comes; `"2s"` when absent.
    pub click_soonest: Option<String>,
    /// Latest a click comes; `"5m"` when absent.
    pub click_latest: Option<String>,
    /// Which law; the default one when absent.
    pub law: Option<paceline_core::campaign::LawChoice>,
    /// How its money goes out.
    pub delivery: Option<paceline_core::campaign::DeliveryMode>,
    /// How far `delivery = "ahead"` is ahead; 0.2 when absent.
    pub ahead: Option<f64>,
    /// What a day may make up for, over its even share; anything when absent.
    pub catch_up: Option<f64>,
    /// What it is to spend in its flight at least, before its siblings.
    pub minimum_micros: Option<i64>,
    /// Hours of each local day in which it may deliver; all when absent.
    pub hours_of_day: Option<Vec<u8>>,
    /// Top of the multiplier's range.
    pub multiplier_max: Option<f64>,
    /// What its results may cost; anything when absent.
    pub returns: Option<super::returns::RawReturns>,
    /// What the planner believes of its traffic: `"none"`; `{ error = 0.2 }`, the standard
    /// deviation of its error; or `{ shape = … }`, a curve of its own. When absent, the truth;
    /// nothing for values out of a record.
    pub forecast: Option<RawForecast>,
}

/// What is billed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RawBilling {
    /// Each win.
    #[default]
    Impression,
    /// A click.
    Click,
}

/// True over predicted chance of a click.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RawTruth {
    /// At the start of the flight.
    pub from: f64,
    /// At its end, with an even drift of the logarithm in between; as at the start when absent.
    pub to: Option<f64>,
}

/// What the planner is told of the traffic.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RawForecast {
    /// Nothing: it takes traffic to be flat until it learns.
    None,
    /// The true curve times log-normal errors, one an hour of the week.
    Error(f64),
    /// This curve, whatever the true one.
    Shape(RawShape),
}

/// What an operator does.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RawAction {
    /// When.
    pub at: String,
    /// To which campaign.
    pub campaign: String,
    /// What.
    #[serde(rename = "do")]
    pub what: RawDeed,
    /// How long an override lasts; `"1h"` when absent.
    pub lasts: Option<String>,
    /// For `fix` and `cap`.
    pub multiplier: Option<f64>,
    /// For `budget` and `daily-cap`.
    pub micros: Option<i64>,
}

/// A deed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RawDeed {
    /// No bids.
    Pause,
    /// Keep what is published.
    Freeze,
    /// Publish exactly this.
    Fix,
    /// Never more than this.
    Cap,
    /// A new flight budget.
    Budget,
    /// A new cap on each day.
    DailyCap,
}

impl fmt::Display for RawDeed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Pause => "\"pause\"",
            Self::Freeze => "\"freeze\"",
            Self::Fix => "\"fix\"",
            Self::Cap => "\"cap\"",
            Self::Budget => "\"budget\"",
            Self::DailyCap => "\"daily-cap\"",
        })
    }
}

/// What goes wrong.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RawFault {
    /// What.
    pub kind: RawFaultKind,
    /// From when.
    pub at: String,
    /// How long; an instant when absent.
    pub lasts: Option<String>,
    /// Which bidders, by index; all when absent.
    #[serde(default)]
    pub bidders: Vec<u32>,
    /// Share of reports it strikes; 1 when absent.
    pub share: Option<f64>,
    /// By how long it delays at most; `"5m"` when absent.
    pub by: Option<String>,
    /// Which campaigns, by name, where it strikes campaigns; all when absent.
    #[serde(default)]
    pub campaigns: Vec<String>,
    /// How many times too much is paid or told; 1 when absent.
    pub times: Option<u32>,
}

/// Kinds of fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RawFaultKind {
    /// Reports are lost on the way and sent again after the delay.
    Lose,
    /// Reports arrive late, in order.
    Delay,
    /// Reports arrive twice, the second time late.
    Duplicate,
    /// Reports overtake one another.
    Reorder,
    /// Bidders go on bidding and report nothing until it ends.
    Silence,
    /// Bidders get no tables and no allowances.
    Blind,
    /// The engine dies and comes back from its last snapshot and the log.
    Crash,
    /// Bidders are not there, and their share of auctions goes to the others.
    Absent,
    /// Auctions charge so many times what they should; bidders know no better and pay.
    Overcharge,
    /// Bidders tell of each billing so many times, as if each were another; of none at zero times.
    Miscount,
    /// Bidders are asked and make no bids.
    Mute,
}
