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
        let mut money = |field: &str, micros: Option<i64>| {
            let amount = Nanos::try_budget(Micros::new(micros?));
            amount
                .map_err(|error| {
                    let key = format!("{at}.returns.{field}");
                    complaints.add(key, micros.unwrap_or(0), &error.to_string());
                })
                .ok()
        };
        let click = money("cost_per_click_micros", self.cost_per_click_micros);
        let action = money("cost_per_action_micros", self.cost_per_action_micros);
        let revenue = self.return_on_spend.and_then(Ppm::try_from_ratio);
        let targets = [
            click.map(ReturnTarget::CostPerClick),
            action.map(ReturnTarget::CostPerAction),
            revenue.filter(|least| least.get() > 0).map(ReturnTarget::ReturnOnSpend),
        ];
        let mut targets = targets.into_iter().flatten();
        let (target, second) = (targets.next(), targets.next());
        let worth = self.worth.unwrap_or(1.0);
        complaints.require(
            target.is_some() && second.is_none(),
            format!("{at}.returns"),
            "this",
            "must have one of cost_per_click_micros, cost_per_action_micros and return_on_spend, \
             above 0",
        );
        complaints.require(
            worth > 0.0 && worth.is_finite(),
            format!("{at}.returns.worth"),
            worth,
            "must be a finite number above 0",
        );
        let target = target.filter(|_| second.is_none())?;
        Some(Stated { target, results_per_nano: worth / target.cost_per_result() })
    }
}
