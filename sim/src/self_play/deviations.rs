//! Self-play where winners pay the price to beat: what a campaign gains by leaving the law.
//!
//! In turn each campaign's multiplier is fixed for the whole run, by a hand as an operator has it,
//! while all others go on under the law; budgets hold as ever. Of a few constants the best is
//! chosen with one seed and judged with the others, so that luck is not taken for a gain. Called by
//! the front door.

use super::second_half::SecondHalf;
use super::{Pace, SelfPlayError, SelfPlayOptions};
use crate::compare::paired::Paired;
use crate::report::{CampaignReport, RunReport};
use crate::run::each_on_threads;
use crate::scenario::{Action, Deed, Scenario, ScenarioError};
use paceline_core::overrides::OverrideAction;
use paceline_core::units::{PacingMultiplier, ParticipationRate, Ppm};
use serde::Serialize;

/// The most that a campaign may gain by leaving the law, as a share of its value.
pub const GAIN_MOST: f64 = 0.02;
/// Constants that are tried, in the logarithm from the campaign's own mean; none is above 1.
pub const STEPS: [f64; 9] = [-0.3, -0.2, -0.1, -0.05, 0.0, 0.05, 0.1, 0.2, 0.3];

/// A constant that was tried with the first seed.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Tried {
    /// The multiplier.
    pub multiplier: f64,
    /// Its value over the law's, less 1.
    pub gain: f64,
}

/// A campaign's best constant.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Chosen {
    /// Its name.
    pub campaign: String,
    /// Its budget, in nanos.
    pub budget_nanos: i64,
    /// Spend under the law with the first seed, in nanos.
    pub spend_nanos: i64,
    /// Billing events of the same run.
    pub events: u64,
    /// Its own multiplier under the law with the first seed, without participation: its mean over
    /// the second half, or 1 where it had no money left in it.
    pub own: f64,
    /// What was tried with the first seed, in ascending order.
    pub tried: Vec<Tried>,
    /// The multiplier chosen: the best of them.
    pub multiplier: f64,
    /// What it gained with the seed it was chosen by.
    pub chosen_gain: f64,
    /// What it gains with the others, one after the other.
    pub by_seed: Vec<f64>,
    /// The same, as a mean with its interval.
    pub gain: Paired,
}

/// What every campaign of a world gains by leaving the law.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Deviations {
    /// Which world.
    pub world: String,
    /// The greatest mean gain.
    pub gain_most: f64,
    /// In file order.
    pub campaigns: Vec<Chosen>,
}

/// How many runs a world takes at most.
pub(super) fn runs(scenario: &Scenario, options: &SelfPlayOptions) -> usize {
    let seeds = options.seeds.len();
    seeds + scenario.campaigns.len() * (STEPS.len() + seeds - 1)
}

/// A campaign that leaves the law, and with which seed.
#[derive(Debug, Clone, Copy)]
struct Leave {
    campaign: usize,
    multiplier: Ppm,
    seed: u64,
}

impl Deviations {
    pub(super) fn play(
        scenario: &Scenario,
        options: &SelfPlayOptions,
        pace: &Pace<'_>,
    ) -> Result<Self, SelfPlayError> {
        let (threads, contender) = (options.threads, options.contender);
        let under_law = each_on_threads(&options.seeds, threads, |&seed| {
            let report = contender.run(scenario, Some(seed), &mut |_| {})?;
            pace.done(1);
            Ok::<_, ScenarioError>(report)
        })?;
        let value = |leave: &Leave| {
            let report = contender.run(&left(scenario, *leave), Some(leave.seed), &mut |_| {})?;
            pace.done(1);
            Ok::<_, ScenarioError>(report.campaigns[leave.campaign].metrics.value)
        };
        let places = 0..scenario.campaigns.len();
        let owns: Vec<f64> =
            places.clone().map(|place| own(&under_law[0], place, scenario)).collect();
        let (chooser, judges) = (options.seeds[0], &options.seeds[1..]);
        let leave = |campaign, multiplier| Leave { campaign, multiplier, seed: chooser };
        let tries = places.clone().flat_map(|campaign| {
            constants(owns[campaign]).into_iter().map(move |constant| leave(campaign, constant))
        });
        let tries: Vec<Leave> = tries.collect();
        let values = each_on_threads(&tries, threads, value)?;
        let tried: Vec<(Leave, f64)> = tries.into_iter().zip(values).collect();
        let best: Vec<Leave> = places.clone().map(|place| best(&tried, place).0).collect();
        let again = best.iter().flat_map(|one| judges.iter().map(|&seed| Leave { seed, ..*one }));
        let again: Vec<Leave> = again.collect();
        let judged = each_on_threads(&again, threads, value)?;
        let campaigns = places.map(|place| {
            let tried: Vec<(Leave, f64)> =
                tried.iter().filter(|(leave, _)| leave.campaign == place).copied().collect();
            let judged = &judged[place * judges.len()..][..judges.len()];
            chosen(&under_law, place, owns[place], &tried, judged)
        });
        Ok(Self::new(scenario.name.clone(), campaigns.collect()))
    }

    /// From what every campaign gained.
    #[must_use]
    pub fn new(world: String, campaigns: Vec<Chosen>) -> Self {
        let gains = campaigns.iter().map(|one| one.gain.mean);
        Self { world, gain_most: gains.fold(f64::NEG_INFINITY, f64::max), campaigns }
    }

    /// Whether a campaign gains more than it may.
    #[must_use]
    pub fn is_missed(&self) -> bool {
        self.gain_most > GAIN_MOST
    }
}

/// What came of a campaign's constants: the values of all with the first seed, and those of the
/// best with the others.
fn chosen(
    under_law: &[RunReport],
    place: usize,
    own: f64,
    tried: &[(Leave, f64)],
    judged: &[f64],
) -> Chosen {
    let gain = |report: &RunReport, value: f64| {
        value / report.campaigns[place].metrics.value.max(f64::MIN_POSITIVE) - 1.0
    };
    let first = &under_law[0];
    let (best, value) = best(tried, place);
    let tried = tried.iter().map(|(leave, value)| Tried {
        multiplier: leave.multiplier.as_f64(),
        gain: gain(first, *value),
    });
    let others = under_law[1..].iter().zip(judged);
    let by_seed: Vec<f64> = others.map(|(report, value)| gain(report, *value)).collect();
    let CampaignReport { name, metrics, .. } = &first.campaigns[place];
    Chosen {
        campaign: name.clone(),
        budget_nanos: metrics.budget_nanos.unwrap_or(0),
        spend_nanos: metrics.spend_nanos,
        events: metrics.billed_events,
        own,
        tried: tried.collect(),
        multiplier: best.multiplier.as_f64(),
        chosen_gain: gain(first, value),
        gain: Paired::of(&by_seed),
        by_seed,
    }
}

/// A campaign's own multiplier; 1 where it had no money in the second half to tell it by.
fn own(report: &RunReport, place: usize, scenario: &Scenario) -> f64 {
    let half = SecondHalf::of(&report.campaigns[place], scenario.window);
    half.map_or(1.0, |half| libm::exp(half.log_multiplier))
}

/// The constants tried around a multiplier, each once, ascending.
fn constants(own: f64) -> Vec<Ppm> {
    let constant = |step: &f64| Ppm::try_from_ratio((own * libm::exp(*step)).min(1.0));
    let mut all: Vec<Ppm> = STEPS.iter().filter_map(constant).collect();
    all.dedup();
    all
}

/// The most valuable constant of a campaign, and its value; of equal ones the least.
fn best(tried: &[(Leave, f64)], campaign: usize) -> (Leave, f64) {
    let mut own = tried.iter().filter(|(leave, _)| leave.campaign == campaign);
    let first = own.next().expect("every campaign tries at least one constant");
    *own.fold(first, |best, one| if one.1 > best.1 { one } else { best })
}

/// The world in which one campaign has left the law from the first instant to the last.
fn left(scenario: &Scenario, leave: Leave) -> Scenario {
    let multiplier = PacingMultiplier::try_new(leave.multiplier).unwrap_or(PacingMultiplier::ONE);
    let action = OverrideAction::Fix { multiplier, participation: Some(ParticipationRate::ONE) };
    let deed = Deed::Override { action, until: scenario.window.end() };
    let at = scenario.window.start();
    let mut scenario = scenario.clone();
    scenario.actions.insert(0, Action { at, campaign: leave.campaign, deed });
    scenario
}
