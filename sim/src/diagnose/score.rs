//! How often a diagnosis was right, and how well effects were told.
//!
//! Called by the study of diagnoses.

use super::{Patient, Tried};
use crate::number::{length, mean};
use paceline_core::diagnosis::CauseKind;
use serde::Serialize;

/// An effect this near to the truth, as a share of it, was told.
pub const NEAR: f64 = 0.2;
/// Campaigns of fewer events a day are left out of effects: one event is too much of them.
const EVENTS_MIN: f64 = 100.0;

/// How well effects of one kind of edit were told.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub struct Effects {
    /// Edits tried.
    pub count: usize,
    /// Spend with the edit within [`NEAR`] of what was told.
    pub near: usize,
    /// Within the band.
    pub held: usize,
    /// Either.
    pub told: usize,
    /// What the edit added, within [`NEAR`] of what was told to be added or, in its logarithm, of
    /// the band's width about it.
    pub gain_told: usize,
    /// Edits that were told to go beyond what was seen.
    pub beyond: usize,
}

impl Effects {
    fn of<'a>(tried: impl Iterator<Item = &'a Tried>) -> Self {
        let mut effects = Self::default();
        for one in tried {
            let (truth, middle) = (one.with.as_f64(), one.effect.with.middle.as_f64());
            let is_near = (middle - truth).abs() <= NEAR * truth;
            let band = one.effect.with.low..=one.effect.with.high;
            let is_held = band.contains(&one.with);
            effects.count += 1;
            effects.near += usize::from(is_near);
            effects.held += usize::from(is_held);
            effects.told += usize::from(is_near || is_held);
            effects.gain_told += usize::from(is_gain_told(one));
            effects.beyond += usize::from(one.effect.is_beyond);
        }
        effects
    }

    /// Share that was told.
    #[must_use]
    pub fn share(&self) -> f64 {
        length(self.told) / length(self.count).max(1.0)
    }
}

/// Whether what was added lies near what was told, or in the band once the same luck without the
/// edit is taken out of it.
fn is_gain_told(one: &Tried) -> bool {
    let gain = (one.with - one.without).as_f64();
    let told = |with: paceline_core::units::Nanos| (with - one.effect.without.middle).as_f64();
    let middle = told(one.effect.with.middle);
    let is_near = (middle - gain).abs() <= NEAR * gain.abs();
    is_near || (told(one.effect.with.low)..=told(one.effect.with.high)).contains(&gain)
}

/// All of it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Score {
    /// By truth (the one that was named, or the first, of two), then by what was named first.
    pub matrix: Vec<Vec<usize>>,
    /// Of campaigns with one trouble or none, the share whose first cause is right, by truth.
    pub recall: Vec<Option<f64>>,
    /// The mean of those.
    pub macro_recall: f64,
    /// Healthy ones that were called healthy.
    pub healthy: f64,
    /// Of those with two troubles, the share for which either is named first.
    pub either: f64,
    /// ... and both are named before all others.
    pub both: f64,
    /// Of all edits whose effect was told, of campaigns of enough events.
    pub effects: Effects,
    /// The same by cause.
    pub effects_by_cause: Vec<Effects>,
}

impl Score {
    pub(super) fn of(patients: &[Patient]) -> Self {
        let count = CauseKind::ALL.len();
        let mut matrix = vec![vec![0; count]; count];
        for patient in patients {
            let named = first_of(patient);
            let truth = if patient.truth.contains(&named) { named } else { patient.truth[0] };
            matrix[place(truth)][place(named)] += 1;
        }
        let recall: Vec<Option<f64>> = matrix
            .iter()
            .enumerate()
            .map(|(row, named)| {
                let all: usize = named.iter().sum();
                (all > 0).then(|| length(named[row]) / length(all))
            })
            .collect();
        let known: Vec<f64> = recall.iter().copied().flatten().collect();
        let twofold: Vec<&Patient> = patients.iter().filter(|one| one.truth.len() > 1).collect();
        let share = |is_so: fn(&Patient) -> bool| {
            length(twofold.iter().filter(|one| is_so(one)).count()) / length(twofold.len()).max(1.0)
        };
        let tried = || {
            let enough = patients.iter().filter(|one| one.events_per_day >= EVENTS_MIN);
            enough.filter_map(|one| Some((first_of(one), one.tried.as_ref()?)))
        };
        let of_cause = |cause: &CauseKind| {
            Effects::of(tried().filter(|(named, _)| named == cause).map(|(_, tried)| tried))
        };
        Self {
            healthy: recall[place(CauseKind::OnPlan)].unwrap_or(1.0),
            macro_recall: mean(&known),
            recall,
            either: share(|one| one.truth.contains(&first_of(one))),
            both: share(are_both_named),
            effects: Effects::of(tried().map(|(_, tried)| tried)),
            effects_by_cause: CauseKind::ALL.iter().map(of_cause).collect(),
            matrix,
        }
    }

    /// Whether it is as good as was set out: nine in ten right by the mean over causes, nineteen in
    /// twenty of the healthy, four in five of the effects.
    #[must_use]
    pub fn is_met(&self) -> bool {
        self.macro_recall >= 0.9 && self.healthy >= 0.95 && self.effects.share() >= 0.8
    }
}

/// What was named first.
#[must_use]
pub fn first_of(patient: &Patient) -> CauseKind {
    patient.told.first().map_or(CauseKind::OnPlan, |cause| cause.kind)
}

fn are_both_named(patient: &Patient) -> bool {
    let named: Vec<CauseKind> =
        patient.told.causes.iter().take(patient.truth.len()).map(|cause| cause.kind).collect();
    patient.truth.iter().all(|cause| named.contains(cause))
}

fn place(cause: CauseKind) -> usize {
    CauseKind::ALL.iter().position(|&one| one == cause).unwrap_or(0)
}
