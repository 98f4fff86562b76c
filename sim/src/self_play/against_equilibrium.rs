//! Self-play where winners pay their bids, against the first-price pacing equilibrium.
//!
//! Called by the front door.

use super::second_half::SecondHalf;
use super::{Pace, SelfPlayError, SelfPlayOptions};
use crate::equilibrium::{FirstPrice, SampledMarket};
use crate::number::{amount, mean};
use crate::run::each_on_threads;
use crate::scenario::{Scenario, ScenarioError};
use crate::world::setup;
use serde::Serialize;

/// The most that multipliers may differ from the equilibrium: the mean of the absolute difference
/// in the logarithm, weighted by spend.
pub const DIFFERENCE_MOST: f64 = 0.03;
/// Billing events in the second half from which on a campaign counts: below, chance alone moves a
/// multiplier.
pub const EVENTS_LEAST: u64 = 1_000;

/// How well each logarithm is to be solved, far below the error of the sample.
const ACCURACY: f64 = 5e-4;
/// Rounds until bounds must meet: each takes a share of their distance, so some dozens do.
const ROUNDS_MAX: u32 = 1_000;
/// Markets solved for one equilibrium: all of the sample, and each half of it.
const SOLVED: usize = 3;

/// What a campaign did with one seed.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Seen {
    /// The seed.
    pub seed: u64,
    /// Spend of the whole run, in nanos.
    pub spend_nanos: i64,
    /// Its second half; absent where no money was left.
    pub second_half: Option<SecondHalf>,
}

/// A campaign against the equilibrium.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Against {
    /// Its name.
    pub campaign: String,
    /// Its budget, in nanos.
    pub budget_nanos: i64,
    /// Logarithm of its multiplier in the equilibrium.
    pub equilibrium_log: f64,
    /// Standard error of that, by the two halves of the sample.
    pub equilibrium_error: f64,
    /// Seed by seed.
    pub seen: Vec<Seen>,
}

impl Against {
    /// Its difference in the logarithm, seed by seed, where it counts.
    pub fn differences(&self) -> impl Iterator<Item = f64> + '_ {
        let halves = self.seen.iter().filter_map(|seen| seen.second_half);
        let counting = halves.filter(|half| half.events >= EVENTS_LEAST);
        counting.map(|half| half.log - self.equilibrium_log)
    }
}

/// A world's campaigns against its equilibrium.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct AgainstEquilibrium {
    /// Which world.
    pub world: String,
    /// Mean over seeds of the absolute difference weighted by spend, what is judged.
    pub difference: f64,
    /// The same seed by seed, in their order.
    pub by_seed: Vec<f64>,
    /// What is judged, over campaigns alone whose budget binds: the others bid their full value
    /// whatever the law, and there is little to miss.
    pub difference_of_tight: f64,
    /// Mean over seeds of the signed difference weighted by spend.
    pub signed: f64,
    /// Standard error of the equilibrium, weighted by spend.
    pub equilibrium_error: f64,
    /// In file order.
    pub campaigns: Vec<Against>,
}

/// How many runs a world takes, a solved market counting as one.
pub(super) fn runs(options: &SelfPlayOptions) -> usize {
    options.seeds.len() + SOLVED
}

impl AgainstEquilibrium {
    pub(super) fn play(
        scenario: &Scenario,
        options: &SelfPlayOptions,
        pace: &Pace<'_>,
    ) -> Result<Self, SelfPlayError> {
        let half = options.sample / 2;
        let parts = [(0, 2 * half), (0, half), (half, half)];
        let solved = each_on_threads(&parts, options.threads, |&(first, count)| {
            let market = SampledMarket::of(scenario, first, count)?;
            let solved = FirstPrice::solve(&market, ACCURACY, ROUNDS_MAX).map_err(|source| {
                SelfPlayError::Equilibrium { world: scenario.name.clone(), source }
            })?;
            pace.done(1);
            Ok::<_, SelfPlayError>(solved.logs())
        })?;
        let runs = each_on_threads(&options.seeds, options.threads, |&seed| {
            let report = options.contender.run(scenario, Some(seed), &mut |_| {})?;
            let seen = report.campaigns.iter().map(|one| Seen {
                seed,
                spend_nanos: one.metrics.spend_nanos,
                second_half: SecondHalf::of(one, scenario.window),
            });
            pace.done(1);
            Ok::<_, ScenarioError>(seen.collect::<Vec<_>>())
        })?;
        let campaigns = scenario.campaigns.iter().enumerate().map(|(place, plan)| Against {
            campaign: plan.spec.name.as_str().to_owned(),
            budget_nanos: setup::budget_of(plan).map_or(0, paceline_core::units::Nanos::get),
            equilibrium_log: solved[0][place],
            // Each half has twice the variance of the whole, so their difference has four times.
            equilibrium_error: 0.5 * (solved[1][place] - solved[2][place]).abs(),
            seen: runs.iter().map(|seen| seen[place]).collect(),
        });
        Ok(Self::new(scenario.name.clone(), campaigns.collect()))
    }

    /// From what every campaign did, each with the same seeds in the same order.
    #[must_use]
    pub fn new(world: String, campaigns: Vec<Against>) -> Self {
        let seeds = campaigns.first().map_or(0, |one| one.seen.len());
        let any = |_: &Against| true;
        let is_tight = |one: &Against| one.equilibrium_log < -ACCURACY;
        let over_seeds = |among: &Among<'_>, of: &Part<'_>| -> Vec<f64> {
            (0..seeds).map(|seed| weighted(&campaigns, seed, among, of)).collect()
        };
        let signed = |one: &Against, half: SecondHalf| half.log - one.equilibrium_log;
        let absolute = |one: &Against, half: SecondHalf| signed(one, half).abs();
        let by_seed = over_seeds(&any, &absolute);
        Self {
            world,
            difference: mean(&by_seed),
            difference_of_tight: mean(&over_seeds(&is_tight, &absolute)),
            signed: mean(&over_seeds(&any, &signed)),
            equilibrium_error: mean(&over_seeds(&any, &|one, _| one.equilibrium_error)),
            by_seed,
            campaigns,
        }
    }

    /// Whether multipliers differ from the equilibrium by more than they may, or none counts.
    #[must_use]
    pub fn is_missed(&self) -> bool {
        let is_none = self.campaigns.iter().all(|one| one.differences().next().is_none());
        is_none || self.difference > DIFFERENCE_MOST
    }
}

/// Which campaigns a mean is taken over.
type Among<'a> = dyn Fn(&Against) -> bool + 'a;
/// What is averaged, of a campaign and its second half.
type Part<'a> = dyn Fn(&Against, SecondHalf) -> f64 + 'a;

/// A mean over campaigns that count with one seed, weighted by their spend in the second half.
fn weighted(campaigns: &[Against], seed: usize, among: &Among<'_>, of: &Part<'_>) -> f64 {
    let (mut sum, mut weight) = (0.0, 0.0);
    for one in campaigns.iter().filter(|one| among(one)) {
        let half = one.seen[seed].second_half.filter(|half| half.events >= EVENTS_LEAST);
        if let Some(half) = half {
            let spend = amount(i128::from(half.spend_nanos));
            sum += spend * of(one, half);
            weight += spend;
        }
    }
    if weight > 0.0 { sum / weight } else { 0.0 }
}
