//! A run's money as its log has it: every event once, by campaign.
//!
//! Shares no code with the ledger or the auditor. Called by the check.

use crate::number::amount;
use crate::scenario::Scenario;
use paceline_core::event::{SpendEvent, SpendKind};
use paceline_core::input::{Input, Stamped};
use paceline_core::units::{CampaignId, Span, Timestamp, Window};
use std::collections::{BTreeMap, BTreeSet};

/// Money billed for an impression.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Bill {
    pub(super) served_at: Timestamp,
    pub(super) nanos: i128,
}

/// A win that may be billed later.
#[derive(Debug, Clone, Copy)]
struct Win {
    served_at: Timestamp,
    /// Variance of what it will cost.
    variance: f64,
}

/// One campaign's events.
#[derive(Debug, Default)]
pub(super) struct Entry {
    /// In order of service.
    pub(super) billed: Vec<Bill>,
    /// The dearest event that was billed, or would have been.
    pub(super) dearest: i128,
    wins: Vec<Win>,
}

/// All campaigns, in file order.
#[derive(Debug)]
pub(super) struct Books {
    pub(super) campaigns: Vec<Entry>,
}

impl Books {
    pub(super) fn new(scenario: &Scenario, record: &[Stamped]) -> Self {
        let places: BTreeMap<CampaignId, usize> = scenario
            .campaigns
            .iter()
            .enumerate()
            .map(|(place, plan)| (plan.spec.id, place))
            .collect();
        let mut campaigns: Vec<Entry> = places.iter().map(|_| Entry::default()).collect();
        let mut seen = BTreeSet::new();
        for stamped in record {
            let Input::Spend(batch) = &stamped.input else { continue };
            for event in &batch.events {
                let is_new = seen.insert((batch.producer, event.sequence));
                if let Some(&place) = places.get(&event.campaign).filter(|_| is_new) {
                    campaigns[place].note(event);
                }
            }
        }
        for entry in &mut campaigns {
            entry.billed.sort_by_key(|bill| bill.served_at);
            entry.wins.sort_by_key(|win| win.served_at);
        }
        Self { campaigns }
    }
}

impl Entry {
    fn note(&mut self, event: &SpendEvent) {
        let nanos = i128::from(event.price.get());
        let served_at = event.attributed_at();
        self.dearest = self.dearest.max(nanos);
        match event.kind {
            SpendKind::Win => {
                let chance = event.bill_probability.as_f64();
                let variance = amount(nanos) * amount(nanos) * chance * (1.0 - chance);
                self.wins.push(Win { served_at, variance });
            }
            SpendKind::Billing | SpendKind::Adjust => self.billed.push(Bill { served_at, nanos }),
        }
    }

    /// The largest variance of the wins of any stretch of time in a window.
    pub(super) fn scatter(&self, window: Window, stretch: Span) -> f64 {
        let inside = self.wins.iter().filter(|win| window.contains(win.served_at));
        let parts: Vec<(Timestamp, f64)> =
            inside.map(|win| (win.served_at, win.variance)).collect();
        most(&parts, stretch, 0.0, |sum, part| sum + part, |sum, part| sum - part)
    }

    /// The most that was billed for any stretch of time in a window.
    pub(super) fn most_within(&self, window: Window, stretch: Span) -> i128 {
        let inside = self.billed.iter().filter(|bill| window.contains(bill.served_at));
        let parts: Vec<(Timestamp, i128)> =
            inside.map(|bill| (bill.served_at, bill.nanos)).collect();
        most(&parts, stretch, 0, |sum, part| sum + part, |sum, part| sum - part)
    }
}

/// The largest sum over any stretch of time.
fn most<T: Copy + PartialOrd>(
    parts: &[(Timestamp, T)],
    stretch: Span,
    none: T,
    add: impl Fn(T, T) -> T,
    less: impl Fn(T, T) -> T,
) -> T {
    let (mut first, mut sum, mut largest) = (0, none, none);
    for &(at, part) in parts {
        sum = add(sum, part);
        while parts[first].0 + stretch < at {
            sum = less(sum, parts[first].1);
            first += 1;
        }
        if sum > largest {
            largest = sum;
        }
    }
    largest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_largest_stretch_is_found() {
        let at = |seconds| Timestamp::from_micros(0) + Span::from_secs(seconds);
        let parts: Vec<(Timestamp, i128)> =
            [(0, 5), (10, 4), (11, 4), (30, 6)].map(|(s, part)| (at(s), part)).to_vec();
        let within =
            |seconds| most(&parts, Span::from_secs(seconds), 0, |a, b| a + b, |a, b| a - b);
        assert_eq!([within(0), within(5), within(10), within(60)], [6, 8, 9, 19]);
    }
}
