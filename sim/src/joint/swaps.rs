//! Schedules that are swapped for others at once: how far does spend move?
//!
//! Two models, each learnt from a day of its own with an eighth of the traffic, take turns every
//! two hours; beside that the same day with the first model throughout. A move is the change of the
//! logarithm of spend from the half hour before to the one after, less that of the day beside, in
//! which auctions and values are the same. What the day beside changes by is its course: it is told
//! to compare with, and nothing is judged by it. Called by the front door.

use super::world::{Setting, Way, run_once};
use crate::number::{length, place};
use crate::report::CampaignReport;
use crate::scenario::{Complaint, ScenarioError};
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
    /// Mean size of what spend changes by in the day beside, where nothing is swapped: its course.
    pub course_mean: f64,
    /// 95th percentile of it.
    pub course_tail: f64,
    /// Every size, ascending.
    pub sizes: Vec<f64>,
}

/// The two models.
///
/// # Errors
/// [`ScenarioError`] too where a day was too thin to learn a schedule for every segment: a swap
/// with nothing would be none.
pub(super) fn models(thin: &Setting) -> Result<Vec<Model>, ScenarioError> {
    let way = Way::Ours;
    let learnt = LEARNT_FROM.map(|seed| {
        let plan = way.plan(Feedback::Winners, ShadingObjective::Value);
        let model = run_once(&thin.for_way(way), way, plan, seed)?.shades;
        whole(model, seed, thin.supply.per_day)
    });
    learnt.into_iter().collect()
}

/// The model, if it holds a schedule for every segment.
fn whole(model: Model, seed: u64, per_day: f64) -> Result<Model, ScenarioError> {
    if model.iter().all(Option::is_some) {
        return Ok(model);
    }
    Err(ScenarioError::Rules {
        file: "joint".to_owned(),
        complaints: vec![Complaint {
            key: "per_day".to_owned(),
            value: format!("{per_day:.0} in a day learnt from, seed {seed}"),
            rule: "must be enough to learn a schedule of every segment".to_owned(),
        }],
    })
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
            course_mean: crate::number::mean(&beside),
            course_tail: at_share(&beside, 0.95),
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_model_without_a_schedule_of_every_segment_is_refused() {
        let told = whole(vec![None].into(), 7, 10.0).unwrap_err().to_string();
        assert!(told.contains("seed 7") && told.contains("every segment"), "{told}");
    }

    #[test]
    fn swaps_are_judged_by_what_they_add_to_the_course_of_the_day() {
        let quiet = Moves { swapped: vec![0.01, -0.01], beside: vec![0.5, -0.7] };
        let told = Swaps::of(&[quiet]);
        assert!((told.mean - 0.01).abs() < 1e-12 && (told.course_mean - 0.6).abs() < 1e-12);
        assert!(told.is_met());
    }
}
