//! How often bands held and chances came true.
//!
//! Called by the rehearsal of forecasts.

use super::Asked;
use crate::number::length;
use paceline_core::forecast::{Limit, SHORT_BELOW};
use serde::Serialize;

/// Bins of chances.
const BINS: usize = 5;

/// How often a band held.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize)]
pub struct Held {
    /// Forecasts.
    pub count: usize,
    /// Below the band.
    pub below: usize,
    /// Above it.
    pub above: usize,
    /// Width of the band over what was spent or foreseen, whichever is more; the median.
    pub width: f64,
}

impl Held {
    fn of<'a>(asked: impl Iterator<Item = &'a Asked>) -> Self {
        let mut held = Self::default();
        let mut widths = Vec::new();
        for one in asked {
            held.count += 1;
            held.below += usize::from(one.spent < one.forecast.low);
            held.above += usize::from(one.spent > one.forecast.high);
            let width = (one.forecast.high - one.forecast.low).as_f64();
            widths.push(width / one.spent.max(one.forecast.middle).as_f64().max(1.0));
        }
        widths.sort_unstable_by(f64::total_cmp);
        held.width = widths.get(widths.len() / 2).copied().unwrap_or(0.0);
        held
    }

    /// Share of the forecasts whose band held.
    #[must_use]
    pub fn share(&self) -> f64 {
        let missed = length(self.below + self.above) / length(self.count).max(1.0);
        1.0 - missed
    }
}

/// Chances that were told, and how often they came true.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize)]
pub struct Bin {
    /// Forecasts with a chance in the bin.
    pub count: usize,
    /// Mean chance told.
    pub told: f64,
    /// Share that came true.
    pub came: f64,
}

/// All of it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Score {
    /// Where supply or a hand is the limit.
    pub unbounded: Held,
    /// Where its budget is.
    pub bounded: Held,
    /// Of the first, by events a day at full bids: up to 30, 300, 3 000, 30 000, more.
    pub by_events: [Held; BINS],
    /// Of the first, by the share of the flight that had gone: in fifths.
    pub by_gone: [Held; BINS],
    /// Of the first, by length of flight in days: up to 0.5, 1, 3, 7, more.
    pub by_days: [Held; BINS],
    /// Chances to leave money over where the budget is the limit, in fifths.
    pub short: [Bin; BINS],
    /// The same wherever there is a budget.
    pub short_all: [Bin; BINS],
}

impl Score {
    pub(super) fn of<'a>(asked: impl Iterator<Item = &'a Asked>) -> Self {
        let all: Vec<&Asked> = asked.collect();
        let is_bounded = |one: &&&Asked| one.forecast.limit == Limit::Budget;
        let bounded: Vec<&Asked> = all.iter().filter(is_bounded).copied().collect();
        let free: Vec<&Asked> = all.iter().filter(|one| !is_bounded(one)).copied().collect();
        let by = |place: fn(&Asked) -> usize| {
            std::array::from_fn(|bin| {
                Held::of(free.iter().copied().filter(|one| place(one) == bin))
            })
        };
        Self {
            unbounded: Held::of(free.iter().copied()),
            bounded: Held::of(bounded.iter().copied()),
            by_events: by(|one| {
                let tops = [30.0, 300.0, 3e3, 3e4];
                tops.iter().filter(|&&top| one.events_per_day > top).count()
            }),
            by_gone: by(|one| fifth(one.gone)),
            by_days: by(|one| [0.5, 1.0, 3.0, 7.0].iter().filter(|&&top| one.days > top).count()),
            short: bins(&bounded),
            short_all: bins(&all),
        }
    }
}

fn fifth(share: f64) -> usize {
    crate::number::place(share * length(BINS), BINS)
}

fn bins(asked: &[&Asked]) -> [Bin; BINS] {
    let mut bins = [Bin::default(); BINS];
    for one in asked {
        let Some((chance, budget)) = one.forecast.short.zip(one.forecast.budget) else { continue };
        let bin = &mut bins[fifth(chance)];
        bin.count += 1;
        bin.told += chance;
        if one.spent.as_f64() < SHORT_BELOW * budget.as_f64() {
            bin.came += 1.0;
        }
    }
    for bin in &mut bins {
        let count = length(bin.count).max(1.0);
        bin.told /= count;
        bin.came /= count;
    }
    bins
}
