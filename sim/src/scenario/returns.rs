//! A campaign's return target, as a file states it, and what its impressions bring.
//!
//! Called by the checks of campaigns.

use super::complaint::Complaints;
use paceline_core::campaign::ReturnTarget;
use paceline_core::units::{Micros, Nanos, Ppm};
use serde::Deserialize;

/// `{ cost_per_action_micros = 12_000_000, worth = 1.0 }`: one target, and what results are worth
/// at it over what is bid for them.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RawReturns {
    /// At most this for a click.
    pub cost_per_click_micros: Option<i64>,
    /// At most this for an action.
    pub cost_per_action_micros: Option<i64>,
    /// At least this revenue for a unit of spend.
    pub return_on_spend: Option<f64>,
    /// What an impression's results are worth at the target over its value; 1 when absent: full
    /// bids are what results are worth.
    pub worth: Option<f64>,
}

/// A target, and the results that a nano of value brings.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Stated {
    pub target: ReturnTarget,
    pub results_per_nano: f64,
}

impl RawReturns {
    /// Checks it; `at` is the campaign's path.
    pub(super) fn check(self, at: &str, complaints: &mut Complaints) -> Option<Stated> {
        let key = |field: &str| format!("{at}.returns.{field}");
        let mut money = |field: &str, micros: i64| {
            let amount = Nanos::try_budget(Micros::new(micros));
            amount.map_err(|error| complaints.add(key(field), micros, &error.to_string())).ok()
        };
        let click = self
            .cost_per_click_micros
            .map(|micros| money("cost_per_click_micros", micros).map(ReturnTarget::CostPerClick));
        let action = self
            .cost_per_action_micros
            .map(|micros| money("cost_per_action_micros", micros).map(ReturnTarget::CostPerAction));
        let revenue = self.return_on_spend.map(|ratio| {
            let least = Ppm::try_from_ratio(ratio).filter(|least| least.get() > 0);
            let rule = "must be at least 0.000001 and below 4294";
            complaints.require(least.is_some(), key("return_on_spend"), ratio, rule);
            least.map(ReturnTarget::ReturnOnSpend)
        });
        let given: Vec<_> = [click, action, revenue].into_iter().flatten().collect();
        complaints.require(
            given.len() == 1,
            format!("{at}.returns"),
            format!("{} targets", given.len()),
            "must have one of cost_per_click_micros, cost_per_action_micros and return_on_spend",
        );
        let worth = self.worth.unwrap_or(1.0);
        complaints.require(
            (1e-6..=1e6).contains(&worth),
            key("worth"),
            worth,
            "must be a number from 0.000001 to 1000000",
        );
        let target = given.into_iter().flatten().next()?;
        Some(Stated { target, results_per_nano: worth / target.cost_per_result() })
    }
}
