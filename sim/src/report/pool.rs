//! Campaigns that share a budget, as one buyer: what one purse for all of them would have had.
//!
//! Each alone could have had more than the purse pays for, so that none of them can be held against
//! its own oracle. Called by the hall at the end of a run.

use super::hindsight::{self, Knapsack};
use super::metric::Metrics;
use super::tally::{self, Tally};
use paceline_core::units::{Nanos, Window};
use serde::Serialize;

/// Campaigns under one budget.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct PoolReport {
    /// Whose budget.
    pub name: String,
    /// Its campaigns, by index.
    pub campaigns: Vec<usize>,
    /// Their numbers together. Feasible is what the purse can pay for, and the hindsight value is
    /// that of one purse a day for all, whatever their own caps; absent for first price.
    pub metrics: Metrics,
}

/// The members' numbers together, under a cap on each of these days.
#[must_use]
pub fn together(members: &[(&Tally, &Metrics)], days: &[Window], cap: Nanos) -> Metrics {
    let each: Vec<Metrics> = members.iter().map(|(_, metrics)| (*metrics).clone()).collect();
    let mut total = tally::total(&each);
    let paid_for: Nanos = days.iter().map(|_| cap).sum();
    let feasible = total.feasible_nanos.map_or(paid_for, |alone| paid_for.min(Nanos::new(alone)));
    total.budget_nanos = Some(paid_for.get());
    total.feasible_nanos = Some(feasible.get());
    total.utilisation =
        (feasible > Nanos::ZERO).then(|| Nanos::new(total.spend_nanos).ratio_to(feasible).min(1.0));
    total.hindsight_value = purse(members, days, cap);
    // Sums of what each alone could have had with a purse of its own say nothing of this one.
    (total.best_constant_value, total.resolving_value) = (None, None);
    total.of_hindsight = tally::of_hindsight(total.value, total.hindsight_value);
    total
}

/// The value of one purse a day; absent where a member's auctions are not told by the day, or
/// their prices are not second prices.
fn purse(members: &[(&Tally, &Metrics)], days: &[Window], cap: Nanos) -> Option<f64> {
    let mut purses: Vec<Knapsack> = days.iter().map(|_| Knapsack::new(cap)).collect();
    for (tally, _) in members {
        for (window, part) in tally.knapsacks()? {
            let holds = |day: &Window| day.intersect(window) == Some(window);
            purses[days.iter().position(holds)?].merge(part);
        }
    }
    Some(hindsight::best_value(&purses, None) / 1e9)
}
