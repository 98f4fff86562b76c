//! What is measured of a response, and the bounds it is held against.
//!
//! Made of a campaign's local hours and totals. Called by the front door.

use super::world::STEP_HOUR;
use crate::report::CampaignReport;
use crate::report::tally::Hour;
use serde::Serialize;

/// Spend of an hour is on plan within this share of it.
const ON_PLAN: f64 = 0.15;
/// Hours after the step that are looked at: up to the last one, in which the plan completes.
const HOURS: usize = 11;

/// Spend is on plan after so many hours and stays there, at most.
pub const SETTLING_MOST: u32 = 3;
/// An hour's spend exceeds its plan by no more than this, beyond what the step itself makes it
/// exceed: that is there before any report can tell of it.
pub const OVERSHOOT_MOST: f64 = 0.15;
/// Value over that of the same world without errors, at least.
pub const VALUE_LEAST: f64 = 0.97;

/// What came of one run.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Response {
    /// The price level at noon over what it was before.
    pub step: f64,
    /// What seeded it.
    pub seed: u64,
    /// Spend over plan less one, of each hour from the step on.
    pub off_plan: Vec<f64>,
    /// Hours after the step after which spend keeps within 15 % of the plan; absent when it does
    /// not before the last.
    pub settling_hours: Option<u32>,
    /// The greatest excess of an hour's spend over its plan beyond that of the step itself.
    pub overshoot: f64,
    /// Value over that of the same world without errors.
    pub value: f64,
    /// Value over hindsight's.
    pub of_hindsight: f64,
    /// Spend over what could be spent.
    pub utilisation: f64,
    /// Spend above budget over spend.
    pub overspend_ratio: f64,
}

impl Response {
    /// Of a run whose step of the price, the law standing still, makes spend exceed the plan by
    /// `own_excess`. Its value is yet to be held against another's.
    pub(super) fn new(campaign: &CampaignReport, step: f64, seed: u64, own_excess: f64) -> Self {
        let hours = campaign.hours.iter().skip(STEP_HOUR).take(HOURS);
        let off_plan: Vec<f64> = hours.map(off_plan).collect();
        let settled =
            off_plan.iter().rposition(|off| off.abs() > ON_PLAN).map_or(0, |hour| hour + 1);
        let most = off_plan.iter().copied().fold(0.0, f64::max);
        Self {
            step,
            seed,
            settling_hours: u32::try_from(settled).ok().filter(|_| settled < off_plan.len()),
            overshoot: (most - own_excess).max(0.0),
            off_plan,
            value: campaign.metrics.value,
            of_hindsight: campaign.metrics.of_hindsight.unwrap_or(0.0),
            utilisation: campaign.metrics.utilisation.unwrap_or(0.0),
            overspend_ratio: campaign.metrics.overspend_ratio,
        }
    }

    /// The same with its value held against that of the same world without errors.
    pub(super) fn against(&self, right: &Self) -> Self {
        Self { value: self.value / right.value.max(f64::MIN_POSITIVE), ..self.clone() }
    }
}

/// Spend over plan less one; nothing planned and nothing spent is on plan.
fn off_plan(hour: &Hour) -> f64 {
    if hour.planned.get() <= 0 {
        return if hour.spent.get() > 0 { 1.0 } else { 0.0 };
    }
    hour.spent.ratio_to(hour.planned) - 1.0
}

/// The worst of each number over several responses.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Worst {
    /// As in [`Response`]; absent when one of them never settles.
    pub settling_hours: Option<u32>,
    /// As in [`Response`].
    pub overshoot: f64,
    /// As in [`Response`].
    pub value: f64,
    /// As in [`Response`].
    pub of_hindsight: f64,
    /// As in [`Response`].
    pub utilisation: f64,
    /// As in [`Response`].
    pub overspend_ratio: f64,
}

impl Worst {
    pub(super) fn of(responses: &[Response]) -> Self {
        let least = |of: fn(&Response) -> f64| responses.iter().map(of).fold(f64::MAX, f64::min);
        let most = |of: fn(&Response) -> f64| responses.iter().map(of).fold(0.0, f64::max);
        let settled: Option<Vec<u32>> = responses.iter().map(|one| one.settling_hours).collect();
        Self {
            settling_hours: settled.and_then(|hours| hours.into_iter().max()),
            overshoot: most(|one| one.overshoot),
            value: least(|one| one.value),
            of_hindsight: least(|one| one.of_hindsight),
            utilisation: least(|one| one.utilisation),
            overspend_ratio: most(|one| one.overspend_ratio),
        }
    }

    /// Whether it settles in time.
    #[must_use]
    pub fn settles(&self) -> bool {
        self.settling_hours.is_some_and(|hours| hours <= SETTLING_MOST)
    }

    /// Whether it keeps to every bound.
    #[must_use]
    pub fn holds(&self) -> bool {
        self.settles() && self.overshoot <= OVERSHOOT_MOST && self.value >= VALUE_LEAST
    }
}
