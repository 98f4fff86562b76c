//! What a campaign's multiplier was over the second half of a run, when the law had settled.
//!
//! Read from the course of a finished run. Called by both judgements.

use crate::number::mean;
use crate::report::CampaignReport;
use crate::report::series::Point;
use paceline_core::units::{Nanos, Window};
use serde::Serialize;

/// The second half of a run, for one campaign.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct SecondHalf {
    /// Mean over time of ln(multiplier × participation) as published, over the moments at which
    /// money for a mean billing event is left.
    pub log: f64,
    /// The same of the multiplier alone.
    pub log_multiplier: f64,
    /// Billed in it, in nanos.
    pub spend_nanos: i64,
    /// Billing events in it.
    pub events: u64,
}

impl SecondHalf {
    /// Of a campaign with a budget for the whole run; `None` where it had no money left in it, or
    /// never a table.
    #[must_use]
    pub fn of(campaign: &CampaignReport, window: Window) -> Option<Self> {
        let budget = Nanos::new(campaign.metrics.budget_nanos?);
        let spent = Nanos::new(campaign.metrics.spend_nanos);
        let event = spent.mul_div(1, campaign.metrics.billed_events);
        let points = &campaign.series.points;
        let middle = points.partition_point(|point| !is_late(point, window));
        let before = points.get(middle)?;
        let is_alive = |point: &&Point| {
            point.spent + event <= budget && point.multiplier > 0.0 && point.participation > 0.0
        };
        let log = |of: fn(&Point) -> f64| -> Vec<f64> {
            let alive = points[middle..].iter().filter(is_alive);
            alive.map(|point| libm::log(of(point))).collect()
        };
        let logs = log(|point| point.multiplier * point.participation);
        (!logs.is_empty()).then(|| Self {
            log: mean(&logs),
            log_multiplier: mean(&log(|point| point.multiplier)),
            spend_nanos: (spent - before.spent).get(),
            events: campaign.metrics.billed_events.saturating_sub(before.events),
        })
    }
}

/// Whether a moment is in the second half.
fn is_late(point: &Point, window: Window) -> bool {
    let gone = point.at - window.start();
    gone + gone >= window.span()
}
