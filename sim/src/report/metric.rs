//! The measured numbers of a run, each with the one name it has in files and reports.
//!
//! What each means is said here and nowhere else. Money is integer nanos. A number that a run
//! cannot tell is absent. Called by tallies, expectations and renderers.

use paceline_core::notice::{NoticeCause, NoticeEdge};
use serde::{Deserialize, Serialize};

macro_rules! metrics {
    ($(#[$doc:meta])* $set:ident, $names:ident {
        $($(#[$field_doc:meta])* $name:ident: $kind:ty,)+
    }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
        pub struct $set {
            $($(#[$field_doc])* pub $name: $kind,)+
        }

        /// The names of all of them, in report order.
        pub const $names: [&str; [$(stringify!($name)),+].len()] = [$(stringify!($name)),+];

        impl $set {
            /// The number of a name; `None` if it is not known, or there is no such name.
            #[must_use]
            pub fn get(&self, name: &str) -> Option<f64> {
                match name {
                    $(stringify!($name) => self.$name.number(),)+
                    _ => None,
                }
            }
        }
    };
}

/// A measured number that a range can be put on.
trait Number {
    fn number(&self) -> Option<f64>;
}

impl Number for u64 {
    fn number(&self) -> Option<f64> {
        Some(crate::number::real(*self))
    }
}

impl Number for i64 {
    fn number(&self) -> Option<f64> {
        Some(crate::number::amount(i128::from(*self)))
    }
}

impl Number for f64 {
    fn number(&self) -> Option<f64> {
        Some(*self)
    }
}

impl<T: Number> Number for Option<T> {
    fn number(&self) -> Option<f64> {
        self.as_ref().and_then(Number::number)
    }
}

metrics! {
    /// One campaign's numbers, or those of all together.
    Metrics, NAMES {
        /// Budget of the flight, or the sum of its days' caps where only days are bounded.
        budget_nanos: Option<i64>,
        /// Billed, in the windows in which it was served.
        spend_nanos: i64,
        /// The lesser of the budget and what the campaign alone would spend at its greatest
        /// multiplier with all other prices as in the run, in whole billing events.
        feasible_nanos: Option<i64>,
        /// Spend over feasible, at most 1; within one mean billing event of feasible counts as 1.
        utilisation: Option<f64>,
        /// Spend above budget, summed over windows.
        overspend_nanos: i64,
        /// Overspend over spend.
        overspend_ratio: f64,
        /// What of the overspend goes beyond one mean billing event, over spend.
        overspend_beyond_event_ratio: f64,
        /// Mean over minutes of |measured − planned spend| over budget.
        plan_error: Option<f64>,
        /// Mean |Δ ln (multiplier × participation)| between whole minutes while budget is left.
        volatility_per_minute: Option<f64>,
        /// From the start of the flight to 95 % of its budget.
        minutes_to_95: Option<f64>,
        /// Local hours with planned spend of an event or more, 100 asks or more and budget left, in
        /// which no bid was submitted.
        dark_hours: u64,
        /// Sum of expected values at win, in units of currency.
        value: f64,
        /// Value of the fractional knapsack at the prices to beat; absent for first price.
        hindsight_value: Option<f64>,
        /// Value of the best multiplier held throughout, at the prices to beat; absent where all
        /// prices are second prices.
        best_constant_value: Option<f64>,
        /// Value of an oracle that knows the market on average and takes, once a minute, the
        /// multiplier that spends what is left over what is left of the window; absent for
        /// campaigns of 200 events a day and more, where campaigns compete, and for records.
        resolving_value: Option<f64>,
        /// Auctions it was eligible for.
        asks: u64,
        /// Bids submitted.
        bids: u64,
        /// Auctions won.
        wins: u64,
        /// Wins clicked.
        clicks: u64,
        /// Times money was billed.
        billed_events: u64,
        /// Auctions passed over because budget or allowance did not cover the bid.
        skipped_for_budget: u64,
        /// What may be invoiced: spend without overspend.
        revenue_nanos: i64,
        /// Value less spend, in nanos.
        surplus_nanos: i64,
        /// Segments its wins are spread over: one over the sum of squared shares.
        segment_spread: Option<f64>,
        /// Value over hindsight value; absent for first price.
        of_hindsight: Option<f64>,
        /// Spend over what its results are worth at its return target, less one; absent without.
        return_error: Option<f64>,
    }
}

metrics! {
    /// Facts of a run that belong to no campaign.
    RunFacts, RUN_NAMES {
        /// Auctions held.
        auctions: u64,
        /// Decision rounds.
        ticks: u64,
        /// Checks of the independent bookkeeper that failed.
        audit_failures: u64,
        /// Multipliers that rose while every report had been missing for more than three ticks.
        rises_in_silence: u64,
        /// Velocity breakers that tripped: of campaigns, groups, accounts and fleets.
        runaways: u64,
        /// Campaigns that went dark.
        blackouts: u64,
        /// Campaigns that were told to be far behind.
        behinds: u64,
        /// Most rounds from the first report that showed a runaway to the table that cut it; absent
        /// where none was cut, and where no fault is planted that is watched.
        trip_rounds: Option<u64>,
        /// The greatest loss by a trip over A + G, CONTROL.md (84), G counted once even where
        /// events are told too often: above one only there. Absent likewise.
        trip_loss_ratio: Option<f64>,
        /// The greatest factor by which participation rose within a minute after a trip.
        recovery_per_minute: Option<f64>,
        /// Longest time from the beginning of a planted silence of bids to its notice, in minutes.
        blackout_minutes: Option<f64>,
        /// Published tables that differed when the log was folded again after a crash.
        digest_mismatches: u64,
        /// Campaigns, overrides and the like that the engine refused.
        refused_inputs: u64,
        /// Spend events in the books.
        events_posted: u64,
        /// Spend events seen before.
        events_duplicate: u64,
        /// Spend events set aside or refused.
        events_refused: u64,
    }
}

impl RunFacts {
    /// A round's notices: what was raised is counted.
    pub fn hear(&mut self, edges: &[NoticeEdge]) {
        for edge in edges.iter().filter(|edge| !edge.is_cleared) {
            self.runaways += u64::from(edge.notice.cause == NoticeCause::Runaway);
            self.blackouts += u64::from(edge.notice.cause == NoticeCause::Blackout);
            self.behinds += u64::from(edge.notice.cause == NoticeCause::Behind);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_leads_to_its_number() {
        let metrics = Metrics { wins: 3, utilisation: Some(0.5), ..Metrics::default() };
        assert_eq!(metrics.get("wins"), Some(3.0));
        assert_eq!(metrics.get("utilisation"), Some(0.5));
        assert_eq!(metrics.get("plan_error"), None);
        assert_eq!(metrics.get("no such"), None);
        assert!(NAMES.contains(&"overspend_ratio") && RUN_NAMES.contains(&"audit_failures"));
    }
}
