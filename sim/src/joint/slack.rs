//! Budgets to spare: what shading for surplus leaves over, and what shading for value gets for the
//! same money.
//!
//! Called by the front door.

use super::world::{Figures, Setting, Supply, Way, run_once};
use crate::compare::paired::Paired;
use crate::scenario::ScenarioError;
use crate::shading::contender::Feedback;
use paceline_core::campaign::ShadingObjective;
use serde::Serialize;

/// Campaigns of a run.
const CAMPAIGNS: usize = 4;
/// A budget that cannot be spent, as a share of unpaced spend.
const AMPLE: f64 = 3.0;
/// What is kept of the value by a bidder that shades by one factor.
const BY_HAND: f64 = 0.7;
/// Surplus over the greater of the unshaded one's and that of a fixed share of the value, at least.
pub const SURPLUS_LEAST: f64 = 1.2;
/// Cost of a win over the unshaded one's, at most.
pub const COST_MOST: f64 = 0.8;
/// Results for the same money over the unshaded ones, less one, at least.
pub const RESULTS_LEAST: f64 = 0.02;

/// Who bids with which budget.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Arm {
    /// More than can be spent, the whole value bid.
    Plain,
    /// The same, at seven tenths of the value.
    ByHand,
    /// The same, shaded for surplus.
    Surplus,
    /// The same, shaded for value, never above the value.
    Value,
    /// Just what unpaced bids spend, unshaded.
    PlainAtOne,
    /// The same money, shaded for value.
    ValueAtOne,
}

impl Arm {
    /// All of them.
    pub const ALL: [Self; 6] =
        [Self::Plain, Self::ByHand, Self::Surplus, Self::Value, Self::PlainAtOne, Self::ValueAtOne];

    /// For tables.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Plain => "unshaded",
            Self::ByHand => "seven tenths of the value",
            Self::Surplus => "shaded for surplus",
            Self::Value => "shaded for value",
            Self::PlainAtOne => "budget of unpaced spend, unshaded",
            Self::ValueAtOne => "the same, shaded for value",
        }
    }
}

/// One run.
pub(super) struct Row {
    arm: Arm,
    seed: u64,
    figures: Figures,
}

pub(super) fn play(arm: Arm, supply: Supply, seed: u64) -> Result<Row, ScenarioError> {
    let share = if matches!(arm, Arm::PlainAtOne | Arm::ValueAtOne) { 1.0 } else { AMPLE };
    let mut setting = Setting::of_shares(supply, &[share; CAMPAIGNS]);
    let (way, objective) = match arm {
        Arm::Plain | Arm::ByHand | Arm::PlainAtOne => (Way::Unshaded, ShadingObjective::Value),
        Arm::Surplus => (Way::Ours, ShadingObjective::Surplus),
        Arm::Value | Arm::ValueAtOne => (Way::Ours, ShadingObjective::Value),
    };
    match arm {
        Arm::ByHand => setting.multiplier_max = BY_HAND,
        Arm::ValueAtOne => setting = setting.for_way(way),
        _ => {}
    }
    let made = run_once(&setting, way, way.plan(Feedback::Winners, objective), seed)?;
    let each: Vec<Figures> = made.report.campaigns.iter().map(Figures::of).collect();
    Ok(Row { arm, seed, figures: Figures::sum(&each) })
}

/// An arm beside the one that it is held against.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Beside {
    /// Which.
    pub arm: Arm,
    /// Sums over seeds.
    pub figures: Figures,
    /// Spend over the other's, less one.
    pub spend: Paired,
    /// Wins, likewise.
    pub wins: Paired,
    /// Value, likewise.
    pub value: Paired,
    /// Spend a win, likewise.
    pub cost: Paired,
    /// Surplus less the other's, over the other's value.
    pub surplus: Paired,
}

/// All of it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Slack {
    /// Each arm, against the unshaded one with its budget.
    pub arms: Vec<Beside>,
}

impl Slack {
    pub(super) fn of(seeds: &[u64], rows: &[Row]) -> Self {
        let find = |arm: Arm| -> Vec<Figures> {
            let of = |&seed: &u64| {
                rows.iter().find(|row| row.arm == arm && row.seed == seed).map(|row| row.figures)
            };
            seeds.iter().filter_map(of).collect()
        };
        let arms = Arm::ALL.map(|arm| {
            let is_at_one = matches!(arm, Arm::PlainAtOne | Arm::ValueAtOne);
            let base = find(if is_at_one { Arm::PlainAtOne } else { Arm::Plain });
            let own = find(arm);
            let paired = |of: fn(&Figures, &Figures) -> f64| {
                let each = own.iter().zip(&base).map(|(own, base)| of(own, base));
                Paired::of(&each.collect::<Vec<_>>())
            };
            Beside {
                arm,
                figures: Figures::sum(&own),
                spend: paired(|own, base| own.spend / base.spend - 1.0),
                wins: paired(|own, base| own.wins / base.wins - 1.0),
                value: paired(|own, base| own.value / base.value - 1.0),
                cost: paired(|own, base| {
                    own.spend / own.wins.max(1.0) / (base.spend / base.wins.max(1.0)) - 1.0
                }),
                surplus: paired(|own, base| (own.surplus() - base.surplus()) / base.value),
            }
        });
        Self { arms: arms.to_vec() }
    }

    /// An arm's figures.
    #[must_use]
    pub fn arm(&self, arm: Arm) -> Option<&Beside> {
        self.arms.iter().find(|one| one.arm == arm)
    }

    /// The greatest surplus, in units, of those that bid without schedules and with as much money.
    #[must_use]
    pub fn surplus_without(&self) -> Option<f64> {
        let of = [Arm::Plain, Arm::ByHand].map(|arm| self.arm(arm));
        of.into_iter().flatten().map(|one| one.figures.surplus()).reduce(f64::max)
    }

    /// Whether shading for surplus leaves over what it should, and is as cheap as it should be.
    #[must_use]
    pub fn is_surplus_met(&self) -> bool {
        let (Some(without), Some(shaded)) = (self.surplus_without(), self.arm(Arm::Surplus)) else {
            return false;
        };
        let least = SURPLUS_LEAST * without.max(0.0);
        shaded.figures.surplus() > least && shaded.cost.mean <= COST_MOST - 1.0
    }

    /// Whether shading for value gets more for the same money, for certain.
    #[must_use]
    pub fn is_value_met(&self) -> bool {
        self.arm(Arm::ValueAtOne).is_some_and(|one| {
            one.value.mean >= RESULTS_LEAST && one.value.low.is_some_and(|low| low > 0.0)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shading_must_beat_a_fixed_share_of_the_value_too() {
        let row = |arm, value, spend| Row {
            arm,
            seed: 1,
            figures: Figures { value, spend, wins: 1.0, utilisation: 0.0, volatility: 0.0 },
        };
        let told = |by_hand| {
            let rows = [
                row(Arm::Plain, 100.0, 99.0),
                row(Arm::ByHand, by_hand, 40.0),
                row(Arm::Surplus, 90.0, 40.0),
            ];
            Slack::of(&[1], &rows).is_surplus_met()
        };
        assert!(told(80.0), "fifty are more than 1.2 times forty");
        assert!(!told(85.0), "and less than 1.2 times forty-five");
    }
}
