//! Schedules that are swapped for others at once: how far does spend move?
//!
//! Two models, each learnt from a day of its own with an eighth of the traffic, take turns every
//! two hours; beside that the same day with the first model throughout, swapped for itself. A move
//! is the change of the logarithm of spend from the half hour before to the one after, less that
//! of the day beside, in which luck is the same. Called by the front door.

use super::world::{Setting, Way, run_once};
use crate::number::{length, place};
use crate::report::CampaignReport;
use crate::scenario::ScenarioError;
use crate::shading::contender::Feedback;
use crate::world::shading::{Model, ShadePlan, ShadeSource};
use paceline_core::campaign::ShadingObjective;
use paceline_core::units::Span;
use serde::Serialize;

/// Seeds of the days that the two models are learnt from.
const LEARNT_FROM: [u64; 2] = [90_001, 90_002];
/// From one swap to the next.
const EVERY: Span = Span::from_mins(120);
/// Compared before and after it.
const BESIDE: Span = Span::from_mins(30);
/// Swaps of a day, the first after [`EVERY`].
const A_DAY: i64 = 11;
/// Mean move, at most.
pub const MEAN_MOST: f64 = 0.02;
/// Move at the 95th percentile, at most.
pub const TAIL_MOST: f64 = 0.05;

/// What came of one seed: moves of every campaign at every swap, and those of the day beside.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Moves {
    swapped: Vec<f64>,
    beside: Vec<f64>,
}

/// All moves.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Swaps {
    /// Swaps made.
    pub swaps: usize,
    /// Moves looked at: every campaign at every swap.
    pub moves: usize,
    /// Mean size beyond the day beside.
    pub mean: f64,
    /// 95th percentile of it.
    pub tail: f64,
    /// Mean with its sign: below zero where a swap costs spend.
    pub signed: f64,
    /// Mean size of what moves by itself, where a model is swapped for itself.
    pub placebo_mean: f64,
    /// 95th percentile of it.
    pub placebo_tail: f64,
    /// Every size, ascending.
    pub sizes: Vec<f64>,
}

/// The two models.
pub(super) fn models(thin: &Setting) -> Result<Vec<Model>, ScenarioError> {
    let way = Way::Ours;
    let learnt = LEARNT_FROM.map(|seed| {
        let plan = way.plan(Feedback::Winners, ShadingObjective::Value);
        Ok(run_once(&thin.for_way(way), way, plan, seed)?.shades)
    });
    learnt.into_iter().collect()
}

pub(super) fn play(setting: &Setting, models: &[Model], seed: u64) -> Result<Moves, ScenarioError> {
    let run = |models: &[Model]| {
        let way = Way::Ours;
        let plan = way.plan(Feedback::Winners, ShadingObjective::Value);
        let source = ShadeSource::Made(models.to_vec(), EVERY);
        let plan = plan.map(|plan| ShadePlan { source, ..plan });
        let made = run_once(&setting.for_way(way), way, plan, seed)?;
        Ok::<_, ScenarioError>(made.report.campaigns)
    };
    let (swapped, beside) = (run(models)?, run(&models[..1])?);
    let mut moves = Moves { swapped: Vec::new(), beside: Vec::new() };
    for (one, other) in swapped.iter().zip(&beside) {
        for turn in 1..=A_DAY {
            let at = EVERY.times(turn);
            if let (Some(one), Some(other)) = (change(one, at), change(other, at)) {
                moves.swapped.push(one - other);
                moves.beside.push(other);
            }
        }
    }
    Ok(moves)
}

/// Change of the logarithm of spend, from before to after; `None` where either is nothing.
fn change(campaign: &CampaignReport, at: Span) -> Option<f64> {
    let points = &campaign.series.points;
    let start = points.first()?.at;
    let spent = |gone: Span| {
        let reached = points.iter().rfind(|point| point.at - start <= gone)?;
        Some(reached.spent.as_f64())
    };
    let (low, middle, high) = (spent(at - BESIDE)?, spent(at)?, spent(at + BESIDE)?);
    let (before, after) = (middle - low, high - middle);
    (before > 0.0 && after > 0.0).then(|| libm::log(after / before))
}

impl Swaps {
    pub(super) fn of(all: &[Moves]) -> Self {
        let sizes = |of: fn(&Moves) -> &Vec<f64>| {
            let mut sizes: Vec<f64> =
                all.iter().flat_map(of).map(|change| libm::fabs(*change)).collect();
            sizes.sort_by(f64::total_cmp);
            sizes
        };
        let swapped = sizes(|one| &one.swapped);
        let beside = sizes(|one| &one.beside);
        let signed = all.iter().flat_map(|one| &one.swapped).sum::<f64>();
        let days = i64::try_from(all.len()).unwrap_or(0);
        Self {
            swaps: usize::try_from(days * A_DAY).unwrap_or(0),
            moves: swapped.len(),
            mean: crate::number::mean(&swapped),
            tail: at_share(&swapped, 0.95),
            signed: signed / length(swapped.len()).max(1.0),
            placebo_mean: crate::number::mean(&beside),
            placebo_tail: at_share(&beside, 0.95),
            sizes: swapped,
        }
    }

    /// Whether spend moves no further than it may.
    #[must_use]
    pub fn is_met(&self) -> bool {
        self.mean <= MEAN_MOST && self.tail <= TAIL_MOST
    }
}

/// The value of a rank among ascending ones; 0 without any.
fn at_share(sorted: &[f64], share: f64) -> f64 {
    let rank = place(share * length(sorted.len()), sorted.len());
    sorted.get(rank).copied().unwrap_or(0.0)
}
