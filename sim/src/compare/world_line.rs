//! A contender in a world: its numbers, as mean and spread over seeds.
//!
//! Called by `compare`.

use super::outcome::{Outcome, of_oracle};
use crate::number::{amount, mean, real};
use serde::Serialize;

/// A number over seeds.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Spread {
    /// Mean.
    pub mean: f64,
    /// Of the worst or the best seed.
    pub least: f64,
    /// Of the other.
    pub most: f64,
}

impl Spread {
    /// Of values; absent without any.
    #[must_use]
    pub fn of(values: &[f64]) -> Option<Self> {
        let least = values.iter().copied().reduce(f64::min)?;
        let most = values.iter().copied().reduce(f64::max)?;
        Some(Self { mean: mean(values), least, most })
    }
}

/// A contender in a world, over its seeds.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct WorldLine {
    /// Which world.
    pub world: String,
    /// Who.
    pub contender: String,
    /// Value over oracle, mean over campaigns.
    pub of_oracle: Option<Spread>,
    /// Of all campaigns together, as all below.
    pub utilisation: Option<Spread>,
    /// Overspend over spend.
    pub overspend_ratio: Option<Spread>,
    /// Mean over campaigns.
    pub volatility_per_minute: Option<Spread>,
    /// Mean over campaigns.
    pub plan_error: Option<Spread>,
    /// Sum over campaigns.
    pub dark_hours: Option<Spread>,
    /// Mean over campaigns that get there.
    pub minutes_to_95: Option<Spread>,
    /// The platform's revenue.
    pub revenue_nanos: Option<Spread>,
    /// The advertisers' surplus.
    pub surplus_nanos: Option<Spread>,
    /// Failed audits, all seeds.
    pub audit_failures: u64,
}

/// Every line, in the order of worlds and contenders.
pub(super) fn lines(runs: &[Outcome]) -> Vec<WorldLine> {
    let is_same = |a: &Outcome, b: &Outcome| a.world == b.world && a.contender == b.contender;
    runs.chunk_by(is_same).map(line).collect()
}

fn line(group: &[Outcome]) -> WorldLine {
    let spread = |take: &dyn Fn(&Outcome) -> Option<f64>| {
        Spread::of(&group.iter().filter_map(take).collect::<Vec<_>>())
    };
    let nanos = |value: i64| Some(amount(i128::from(value)));
    WorldLine {
        world: group[0].world.clone(),
        contender: group[0].contender.clone(),
        of_oracle: spread(&campaigns_of_oracle),
        utilisation: spread(&|run| run.total.utilisation),
        overspend_ratio: spread(&|run| Some(run.total.overspend_ratio)),
        volatility_per_minute: spread(&|run| run.total.volatility_per_minute),
        plan_error: spread(&|run| run.total.plan_error),
        dark_hours: spread(&|run| Some(real(run.total.dark_hours))),
        minutes_to_95: spread(&|run| run.total.minutes_to_95),
        revenue_nanos: spread(&|run| nanos(run.total.revenue_nanos)),
        surplus_nanos: spread(&|run| nanos(run.total.surplus_nanos)),
        audit_failures: group.iter().map(|run| run.audit_failures).sum(),
    }
}

/// Value over oracle, mean over campaigns.
fn campaigns_of_oracle(run: &Outcome) -> Option<f64> {
    let each: Vec<f64> = run.campaigns.iter().filter_map(|one| of_oracle(&one.metrics)).collect();
    (!each.is_empty()).then(|| mean(&each))
}

/// A contender over all worlds, each with the same weight: the mean of the worlds' means.
pub(super) fn over_worlds(
    lines: &[WorldLine],
    contender: &str,
    take: impl Fn(&WorldLine) -> Option<Spread>,
) -> Option<f64> {
    let of = lines.iter().filter(|line| line.contender == contender);
    let known: Vec<f64> = of.filter_map(|line| Some(take(line)?.mean)).collect();
    (!known.is_empty()).then(|| mean(&known))
}
