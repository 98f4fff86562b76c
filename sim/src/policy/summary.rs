//! What a replay found, as JSON has it: one block of metrics for each campaign and one in total.
//!
//! A name whose figure a replay cannot know is there with `null`. Called by `policy`, and by
//! whoever replays with a law and reports in the same form.

use super::{Player, PolicyOptions};
use crate::trace::auctions::AuctionReader;
use paceline_core::units::Nanos;
use serde::Serialize;
use std::path::Path;

/// What `value` counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ValueUnit {
    /// Expected value in nanos of currency.
    Nanos,
    /// Wins, where the trace says nothing of value.
    Wins,
}

/// Oddities that were let through.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct TraceWarnings {
    /// Rows whose price to beat is below their floor.
    pub below_floor: u64,
    /// Rows whose price to beat is only a bound, and was taken as the price.
    pub censored: u64,
}

/// The figures of one campaign, or of all.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct CampaignMetrics {
    /// The campaign; `null` for a replay without campaigns and for the total.
    pub campaign: Option<String>,
    /// The most it may spend; `null` without bound.
    pub budget_nanos: Option<i64>,
    /// What it spent.
    pub spend_nanos: i64,
    /// What it could have spent within its budget.
    pub feasible_nanos: Option<i64>,
    /// Impressions bought.
    pub wins: u64,
    /// Clicks on them; `null` where the trace has none.
    pub clicks: Option<u64>,
    /// Auctions passed over for want of money.
    pub skipped_for_budget: u64,
    /// Auctions inside its flights and segments.
    pub eligible: u64,
    /// Row of its last win, from 0.
    pub last_win_row: Option<u64>,
    /// Spend over feasible.
    pub utilisation: Option<f64>,
    /// Overspend over spend.
    pub overspend_ratio: Option<f64>,
    /// Mean distance from the plan over the budget.
    pub plan_error: Option<f64>,
    /// Mean change of the multiplier's logarithm a minute.
    pub volatility_per_minute: Option<f64>,
    /// Minutes from the start to 95 % of the budget.
    pub minutes_to_95: Option<f64>,
    /// Hours with a plan, traffic and money, and no bid.
    pub dark_hours: Option<u64>,
    /// Expected value bought.
    pub value: f64,
    /// What the best knapsack in hindsight would have bought.
    pub hindsight_value: Option<f64>,
    /// What the best constant bid would have bought.
    pub best_constant_value: Option<f64>,
    /// What the best bid function would have bought.
    pub best_function_value: Option<f64>,
    /// Minutes until spend keeps within 15 % of plan.
    pub settling_minutes: Option<f64>,
}

/// All of it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ReplaySummary {
    /// The trace.
    pub trace: String,
    /// What was bid, as on the command line.
    pub policy: String,
    /// What was paid.
    pub price: &'static str,
    /// Who won ties.
    pub tie: &'static str,
    /// What `value` counts.
    pub value_unit: ValueUnit,
    /// Rows replayed.
    pub auctions: u64,
    /// Oddities let through.
    pub warnings: TraceWarnings,
    /// All campaigns together.
    pub total: CampaignMetrics,
    /// One for each campaign, in file order; one without a name where there is no campaign file.
    pub campaigns: Vec<CampaignMetrics>,
}

/// A fixed policy spends whatever it can: a campaign alone at full speed is the run itself, so
/// feasible is its spend.
fn metrics(player: &Player, unit: ValueUnit) -> CampaignMetrics {
    let tally = player.tally();
    #[expect(clippy::cast_precision_loss, reason = "a count of wins for a report")]
    let value = match unit {
        ValueUnit::Nanos => tally.value,
        ValueUnit::Wins => tally.wins as f64,
    };
    let has_spent = tally.spend > Nanos::ZERO;
    CampaignMetrics {
        campaign: player.name().map(ToString::to_string),
        budget_nanos: player.budget().map(Nanos::get),
        spend_nanos: tally.spend.get(),
        feasible_nanos: Some(tally.spend.get()),
        wins: tally.wins,
        clicks: tally.clicks,
        skipped_for_budget: tally.skipped_for_budget,
        eligible: tally.eligible,
        last_win_row: tally.last_win,
        utilisation: has_spent.then_some(1.0),
        overspend_ratio: has_spent.then_some(0.0),
        volatility_per_minute: Some(0.0),
        minutes_to_95: player.minutes_to_95(),
        value,
        ..CampaignMetrics::default()
    }
}

fn total(campaigns: &[CampaignMetrics]) -> CampaignMetrics {
    let sum = |amount: fn(&CampaignMetrics) -> i64| {
        campaigns.iter().map(amount).fold(0, i64::saturating_add)
    };
    let count = |number: fn(&CampaignMetrics) -> u64| campaigns.iter().map(number).sum();
    let spend = sum(|one| one.spend_nanos);
    let is_bounded = campaigns.iter().all(|one| one.budget_nanos.is_some());
    CampaignMetrics {
        campaign: None,
        budget_nanos: is_bounded.then(|| sum(|one| one.budget_nanos.unwrap_or(0))),
        spend_nanos: spend,
        feasible_nanos: Some(sum(|one| one.feasible_nanos.unwrap_or(0))),
        wins: count(|one| one.wins),
        clicks: campaigns.iter().filter_map(|one| one.clicks).reduce(|all, one| all + one),
        skipped_for_budget: count(|one| one.skipped_for_budget),
        eligible: count(|one| one.eligible),
        last_win_row: campaigns.iter().filter_map(|one| one.last_win_row).max(),
        utilisation: (spend > 0).then_some(1.0),
        overspend_ratio: (spend > 0).then_some(0.0),
        volatility_per_minute: Some(0.0),
        minutes_to_95: match campaigns {
            [one] => one.minutes_to_95,
            _ => None,
        },
        value: campaigns.iter().map(|one| one.value).sum(),
        ..CampaignMetrics::default()
    }
}

pub(super) fn summarise(
    path: &Path,
    options: &PolicyOptions,
    reader: &AuctionReader,
    players: &[Player],
) -> ReplaySummary {
    let has_value =
        options.value_column.is_some() || players.iter().any(|one| one.tally().valued_wins > 0);
    let unit = if has_value { ValueUnit::Nanos } else { ValueUnit::Wins };
    let campaigns: Vec<CampaignMetrics> =
        players.iter().map(|player| metrics(player, unit)).collect();
    let warnings = reader.warnings();
    ReplaySummary {
        trace: path.display().to_string(),
        policy: options.policy.to_string(),
        price: options.price.as_str(),
        tie: options.tie.as_str(),
        value_unit: unit,
        auctions: reader.rows(),
        warnings: TraceWarnings { below_floor: warnings.below_floor, censored: warnings.censored },
        total: total(&campaigns),
        campaigns,
    }
}
