//! From a seed to a campaign, an edit of it, and the moment it is made.
//!
//! Half of them are held by their budgets and half are not; edits are those that operators make
//! most. Knows the form of a scenario file and no engine.

use crate::diagnose::market::{PlainMarket, entries, micros};
use crate::dice::{Dice, minutes, rounded};
use crate::scenario::draft::Draft;
use crate::world::asked::Wish;
use paceline_core::budget::{BudgetOwner, Horizon};
use paceline_core::diagnosis::Edit;
use paceline_core::overrides::OverrideAction;
use paceline_core::units::{CampaignId, Micros, Nanos, PacingMultiplier, Ppm, Span, Timestamp};
use serde::Serialize;
use toml::Value;

/// Billing events a day.
const EVENTS: (f64, f64) = (300.0, 60_000.0);
/// Share of its auctions that it wins at full bids.
const WON: (f64, f64) = (0.15, 0.9);
/// Budget over what could be spent: held by it, and not.
const HELD: (f64, f64) = (0.2, 0.7);
const FREE: (f64, f64) = (1.3, 3.0);
/// Deviation of hourly shocks on traffic.
const SHOCK: (f64, f64) = (0.0, 0.05);
/// Length of a run in hours, and when it is edited.
const HOURS: (u64, u64) = (44, 84);
const EDITED: (u64, u64) = (16, 28);
/// Auctions of a campaign, a day.
const AUCTIONS_MAX: f64 = 120_000.0;
/// No mark of a seed of a scenario file may be above this.
const SEEDS: u64 = 1 << 62;

/// What kind of edit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// More budget.
    MoreBudget,
    /// Less budget.
    LessBudget,
    /// Another daily cap.
    DailyCap,
    /// Bids may go higher.
    HigherBids,
    /// Bids may not go as high.
    LowerBids,
    /// A hand pauses it for some hours.
    Pause,
    /// A hand caps its multiplier.
    CapMultiplier,
}

impl Kind {
    /// All of them.
    pub const ALL: [Self; 7] = [
        Self::MoreBudget,
        Self::LessBudget,
        Self::DailyCap,
        Self::HigherBids,
        Self::LowerBids,
        Self::Pause,
        Self::CapMultiplier,
    ];

    /// The word for it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::MoreBudget => "more budget",
            Self::LessBudget => "less budget",
            Self::DailyCap => "another daily cap",
            Self::HigherBids => "higher bids",
            Self::LowerBids => "lower bids",
            Self::Pause => "pause",
            Self::CapMultiplier => "cap on the multiplier",
        }
    }
}

/// Of twenty edits, how many are of each kind, in the order of [`Kind::ALL`]: budgets and pauses
/// are edited more often than bids.
const OFTEN: [u64; 7] = [5, 5, 4, 1, 1, 3, 1];

/// A campaign and its edit.
pub(super) struct Drawn {
    pub draft: Draft,
    pub kind: Kind,
    pub wish: Wish,
    /// Whether its budget holds it before the edit.
    pub is_limited: bool,
    /// When it is edited, in hours of the run.
    pub at: i64,
}

/// The campaign of a seed; `start` is that of the run.
pub(super) fn world(seed: u64, start: Timestamp) -> Drawn {
    let mut dice = Dice::new(seed, "preview");
    let is_limited = seed.is_multiple_of(2);
    let hours = i64::try_from(dice.whole(HOURS.0, HOURS.1)).unwrap_or(48);
    let at = i64::try_from(dice.whole(EDITED.0, EDITED.1)).unwrap_or(16);
    let kind = kind(&mut dice);
    let mut market = PlainMarket::draw(&mut dice, WON, 1.0);
    let share = dice.between(if is_limited { HELD } else { FREE });
    let won = market.wins(0.0) * share.min(1.0);
    market.per_day = rounded((dice.log(EVENTS) / won).min(AUCTIONS_MAX));
    let daily = market.spend(0.0) * share;
    let days = f64::from(i32::try_from(hours).unwrap_or(48)) / 24.0;
    let budget = daily * days;
    let mut campaign = market.campaign("c", budget);
    let could = market.spend(0.0).min(daily);
    if kind == Kind::DailyCap {
        let cap = vec![Value::from(micros(could * dice.between((0.5, 1.4))))];
        campaign.insert("daily_cap_micros".to_owned(), cap.into());
    }
    let wish = wish(&mut dice, kind, start, (budget, could));
    let shock = dice.between(SHOCK);
    let table = entries([
        ("start", "2025-03-03T00:00:00Z".into()),
        ("lasts", minutes(days * 1_440.0).into()),
        ("seed", i64::try_from(seed % SEEDS).unwrap_or(1).into()),
        ("tick", "30s".into()),
        ("bidders", entries([("count", 2.into()), ("report_every", "30s".into())]).into()),
        ("segment", vec![Value::from(market.segment(&mut dice, "c", shock))].into()),
        ("campaign", vec![Value::from(campaign)].into()),
    ]);
    Drawn { draft: Draft { table }, kind, wish, is_limited, at }
}

fn kind(dice: &mut Dice) -> Kind {
    let mut place = dice.whole(0, OFTEN.iter().sum::<u64>() - 1);
    for (kind, often) in Kind::ALL.into_iter().zip(OFTEN) {
        if place < often {
            return kind;
        }
        place -= often;
    }
    Kind::Pause
}

/// The edit. `budget` is the flight's and `could` what a day spends before, both in units.
fn wish(dice: &mut Dice, kind: Kind, start: Timestamp, (budget, could): (f64, f64)) -> Wish {
    let owner = BudgetOwner::Campaign(CampaignId::of("c"));
    let money =
        |units: f64| Nanos::try_budget(Micros::new(micros(units))).unwrap_or(Nanos::from_units(1));
    let multiplier = |x: f64| {
        let ppm = Ppm::try_from_ratio(x).unwrap_or(Ppm::ONE);
        PacingMultiplier::clamped(ppm.as_f64(), PacingMultiplier::HARD_MAX)
    };
    match kind {
        Kind::MoreBudget => {
            let to = money(budget * dice.between((1.1, 1.8)));
            Wish::Edit(Edit::Budget { owner, start, to })
        }
        Kind::LessBudget => {
            let to = money(budget * dice.between((0.55, 0.9)));
            Wish::Edit(Edit::Budget { owner, start, to })
        }
        Kind::DailyCap => {
            let to = money(could * dice.between((0.5, 1.4)));
            Wish::Edit(Edit::Cap { owner, horizon: Horizon::Day, to })
        }
        Kind::HigherBids => {
            Wish::Edit(Edit::MultiplierMax { to: multiplier(dice.between((1.1, 1.6))) })
        }
        Kind::LowerBids => {
            Wish::Edit(Edit::MultiplierMax { to: multiplier(dice.between((0.6, 0.9))) })
        }
        Kind::Pause => {
            let hours = i64::try_from(dice.whole(2, 10)).unwrap_or(2);
            Wish::Hand { action: OverrideAction::Pause, lasts: Span::HOUR.times(hours) }
        }
        Kind::CapMultiplier => {
            let action = OverrideAction::Cap { multiplier: multiplier(dice.between((0.5, 0.9))) };
            Wish::Hand { action, lasts: Span::HOUR.times(40) }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    #[test]
    fn every_world_is_a_sound_scenario_and_half_are_held_by_their_budgets() {
        let start = Timestamp::from_micros(0);
        let all: Vec<Drawn> = (1..=200).map(|seed| world(seed, start)).collect();
        assert_eq!(all.iter().filter(|one| one.is_limited).count(), 100);
        for kind in Kind::ALL {
            assert!(all.iter().any(|one| one.kind == kind), "{kind:?}");
        }
        for one in &all {
            let checked = one.draft.check("preview", Path::new("nowhere"));
            checked.unwrap_or_else(|error| panic!("{:#}", anyhow::Error::from(error)));
        }
    }
}
