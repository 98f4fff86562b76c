//! Budgets of a tenth to nine tenths of what unpaced bids spend: what pacing before shading gets
//! for the same money, against each rival, seed by seed.
//!
//! The nine campaigns of a run bid side by side without meeting one another, and what each is told
//! teaches the one model of the market that all of them bid by: figures are those of a market that
//! nine campaigns explore, not of a campaign alone. Called by the front door.

use super::world::{Figures, Way};
use crate::compare::paired::Paired;
use crate::number::{length, mean};
use crate::shading::contender::Feedback;
use serde::Serialize;

/// Budgets, as shares of unpaced spend.
pub const SHARES: [f64; 9] = [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9];
/// Value by which ours may be behind in the mean, as a share: what exploring may cost.
pub const BEHIND_MOST: f64 = 0.003;
/// And by which it must be ahead over all budgets.
pub const AHEAD_LEAST: f64 = 0.01;

/// One run.
#[derive(Debug, Clone)]
pub(super) struct Row {
    pub(super) way: Way,
    /// Absent where nothing is learnt.
    pub(super) feedback: Option<Feedback>,
    pub(super) seed: u64,
    /// By share.
    pub(super) figures: Vec<Figures>,
}

/// Ours against one rival under one kind of feedback.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Versus {
    /// Who.
    pub rival: Way,
    /// What exchanges tell.
    pub feedback: Feedback,
    /// The budget; absent for the mean over all.
    pub share: Option<f64>,
    /// Ours over the rival's value, less one.
    pub value: Paired,
    /// Ours less the rival's surplus, over the rival's value.
    pub surplus: Paired,
}

/// How a way kept to its plans.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Kept {
    /// Who.
    pub way: Way,
    /// What exchanges tell; absent where nothing is learnt.
    pub feedback: Option<Feedback>,
    /// Spend over what could be spent, mean over seeds, by share.
    pub utilisation: Vec<f64>,
    /// Mean move of the signal a minute, mean over seeds, by share.
    pub volatility: Vec<f64>,
}

/// All of it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Budgets {
    /// Feedback by rival by share, then over all.
    pub versus: Vec<Versus>,
    /// Ways and feedback.
    pub kept: Vec<Kept>,
}

impl Budgets {
    pub(super) fn of(feedbacks: &[Feedback], seeds: &[u64], rows: &[Row]) -> Self {
        let all = Rows { rows, seeds };
        let mut versus = Vec::new();
        let mut kept = vec![all.kept(Way::Unshaded, None)];
        for &feedback in feedbacks {
            let ours = all.of(Way::Ours, Some(feedback));
            for rival in [Way::Unshaded, Way::ShadeFirst, Way::Throttled] {
                let told = (rival != Way::Unshaded).then_some(feedback);
                let theirs = all.of(rival, told);
                let shares = SHARES.iter().copied().map(Some).enumerate();
                let each = shares.map(|(place, share)| (share, place..=place));
                for (share, places) in each.chain([(None, 0..=SHARES.len() - 1)]) {
                    let by_seed = |of: fn(&Figures, &Figures) -> f64| {
                        let pairs = ours.iter().zip(&theirs);
                        let seeds = pairs.map(|(our, their)| {
                            let both = our.iter().zip(their.iter());
                            let both = both.skip(*places.start()).take(places.clone().count());
                            mean(&both.map(|(a, b)| of(a, b)).collect::<Vec<_>>())
                        });
                        Paired::of(&seeds.collect::<Vec<_>>())
                    };
                    versus.push(Versus {
                        rival,
                        feedback,
                        share,
                        value: by_seed(|a, b| a.value / b.value.max(1e-9) - 1.0),
                        surplus: by_seed(|a, b| (a.surplus() - b.surplus()) / b.value.max(1e-9)),
                    });
                }
            }
            let learnt = [Way::Ours, Way::ShadeFirst, Way::Throttled];
            kept.extend(learnt.map(|way| all.kept(way, Some(feedback))));
        }
        Self { versus, kept }
    }

    /// Whether ours is nowhere behind by more than exploring may cost, and ahead over all.
    #[must_use]
    pub fn is_met(&self) -> bool {
        self.versus.iter().all(Versus::is_met)
    }
}

impl Versus {
    /// Whether it is within the bound of its kind.
    #[must_use]
    pub fn is_met(&self) -> bool {
        let least = if self.share.is_some() { -BEHIND_MOST } else { AHEAD_LEAST };
        self.value.mean >= least
    }
}

struct Rows<'a> {
    rows: &'a [Row],
    seeds: &'a [u64],
}

impl<'a> Rows<'a> {
    /// By seed.
    fn of(&self, way: Way, feedback: Option<Feedback>) -> Vec<&'a [Figures]> {
        let found = self.seeds.iter().filter_map(|&seed| {
            let is_it = |row: &&Row| (row.way, row.feedback, row.seed) == (way, feedback, seed);
            Some(self.rows.iter().find(is_it)?.figures.as_slice())
        });
        found.collect()
    }

    fn kept(&self, way: Way, feedback: Option<Feedback>) -> Kept {
        let rows = self.of(way, feedback);
        let by_share = |of: fn(&Figures) -> f64| {
            let places = 0..SHARES.len();
            let sum = |place: usize| -> f64 { rows.iter().map(|row| of(&row[place])).sum() };
            places.map(|place| sum(place) / length(rows.len()).max(1.0)).collect()
        };
        Kept {
            way,
            feedback,
            utilisation: by_share(|one| one.utilisation),
            volatility: by_share(|one| one.volatility),
        }
    }
}
