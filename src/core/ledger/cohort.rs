//! What one campaign has in flight, by quarter of an hour of serving.
//!
//! Cohorts never cross a budget window's edge: the latest start among the windows that hold the
//! money is part of a cohort's key. Each lapses along the delay curve.

use crate::ledger::delay::DelayCurve;
use crate::units::{Nanos, Ppb, Span, Timestamp};
use serde::{Deserialize, Serialize};

/// Cohorts of one campaign: five days of quarters. The oldest lapses when there are more.
const COHORTS_MAX: usize = 480;
const QUARTER: i64 = 15 * 60 * 1_000_000;

/// Wins of one quarter of an hour that no billing has settled.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Cohort {
    /// The latest start among the budget windows that hold its money.
    edge: Timestamp,
    /// First moment served: which accounts hold the money.
    served_at: Timestamp,
    /// Latest moment served.
    served_until: Timestamp,
    /// Expected cost of the wins no billing has come for.
    unbilled: Nanos,
    /// The part of it still in flight.
    in_flight: Nanos,
    /// Expected cost weighted by probability, for the mean probability.
    weighted: f64,
    /// Everything ever added, the weight of the mean.
    added: f64,
    /// Σ price²·P(1−P) of the unbilled, in nanos².
    variance: f64,
}

/// Money released by time: which accounts, how much.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lapse {
    /// A moment inside the budget windows concerned.
    pub served_at: Timestamp,
    /// How much is given back.
    pub amount: Nanos,
}

/// All that one campaign has in flight.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Cohorts {
    cohorts: Vec<Cohort>,
}

impl Cohorts {
    /// A win: its whole expected cost is in flight.
    pub fn add(
        &mut self,
        edge: Timestamp,
        served_at: Timestamp,
        expected: Nanos,
        price: Nanos,
        chance: Ppb,
    ) {
        let place = match self.find(edge, served_at) {
            Ok(place) => place,
            Err(place) => {
                self.cohorts.insert(place, Cohort::open(edge, served_at));
                place
            }
        };
        let cohort = &mut self.cohorts[place];
        let p = chance.as_f64();
        cohort.served_at = cohort.served_at.min(served_at);
        cohort.served_until = cohort.served_until.max(served_at);
        cohort.unbilled += expected;
        cohort.in_flight += expected;
        cohort.weighted += expected.as_f64() * p;
        cohort.added += expected.as_f64();
        cohort.variance += price.as_f64() * price.as_f64() * p * (1.0 - p);
    }

    /// A billing settles a win of `expected` cost: how much of it was still in flight.
    pub fn settle(&mut self, edge: Timestamp, served_at: Timestamp, expected: Nanos) -> Nanos {
        let Ok(place) = self.find(edge, served_at) else { return Nanos::ZERO };
        let cohort = &mut self.cohorts[place];
        let share = expected.ratio_to(cohort.unbilled).min(1.0);
        let given_back = if expected >= cohort.unbilled {
            cohort.in_flight
        } else {
            cohort.in_flight.scaled_down(share)
        };
        cohort.unbilled = (cohort.unbilled - expected).at_least_zero();
        cohort.in_flight -= given_back;
        cohort.variance *= 1.0 - share;
        given_back
    }

    /// Lets what has aged lapse along the curve.
    pub fn lapse(&mut self, now: Timestamp, curve: &DelayCurve) -> Vec<Lapse> {
        let mut lapses = Vec::new();
        let excess = self.cohorts.len().saturating_sub(COHORTS_MAX);
        for (place, cohort) in self.cohorts.iter_mut().enumerate() {
            let probability = if cohort.added > 0.0 { cohort.weighted / cohort.added } else { 1.0 };
            let share = if place < excess {
                0.0
            } else {
                curve.remaining(now - cohort.served_until, probability)
            };
            let remains = cohort.unbilled.scaled_down(share).min(cohort.in_flight);
            let amount = cohort.in_flight - remains;
            if amount > Nanos::ZERO {
                cohort.in_flight = remains;
                lapses.push(Lapse { served_at: cohort.served_at, amount });
            }
        }
        self.cohorts.retain(|cohort| {
            cohort.in_flight > Nanos::ZERO || now - cohort.served_until < Span::MINUTE
        });
        lapses
    }

    /// Whether anything is in flight or may soon be.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.cohorts.is_empty()
    }

    /// In flight in all.
    #[must_use]
    pub fn in_flight(&self) -> Nanos {
        self.cohorts.iter().map(|cohort| cohort.in_flight).sum()
    }

    /// Standard deviation of what will be billed of it, in nanos.
    #[must_use]
    pub fn deviation(&self) -> f64 {
        let variance: f64 = self
            .cohorts
            .iter()
            .map(|cohort| cohort.variance * cohort.in_flight.ratio_to(cohort.unbilled))
            .sum();
        variance.max(0.0).sqrt()
    }

    fn find(&self, edge: Timestamp, served_at: Timestamp) -> Result<usize, usize> {
        let quarter = |at: Timestamp| at.as_micros().div_euclid(QUARTER);
        self.cohorts.binary_search_by_key(&(quarter(served_at), edge), |cohort| {
            (quarter(cohort.served_at), cohort.edge)
        })
    }
}

impl Cohort {
    fn open(edge: Timestamp, served_at: Timestamp) -> Self {
        Self {
            edge,
            served_at,
            served_until: served_at,
            unbilled: Nanos::ZERO,
            in_flight: Nanos::ZERO,
            weighted: 0.0,
            added: 0.0,
            variance: 0.0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::campaign::BillingEvent;

    #[test]
    fn what_is_added_is_settled_or_lapses_and_never_both() {
        let mut cohorts = Cohorts::default();
        let curve = DelayCurve::prior(BillingEvent::Click);
        let at = |seconds| Timestamp::from_micros(Span::from_secs(seconds).as_micros());
        let chance = Ppb::new(20_000_000).unwrap();
        for n in 0..50 {
            cohorts.add(at(0), at(n), Nanos::new(20), Nanos::new(1_000), chance);
        }
        assert_eq!(cohorts.in_flight(), Nanos::new(1_000));
        let settled = cohorts.settle(at(0), at(3), Nanos::new(20));
        assert_eq!(settled, Nanos::new(20));
        let mut lapses = Vec::new();
        for minute in 1..120 {
            lapses.extend(cohorts.lapse(at(minute * 60), &curve));
        }
        let lapsed: Nanos = lapses.iter().map(|lapse| lapse.amount).sum();
        assert_eq!(lapsed + settled, Nanos::new(1_000));
        assert!(cohorts.is_empty());
    }
}
