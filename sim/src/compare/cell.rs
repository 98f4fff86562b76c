//! Classes of campaigns in worlds, and in each the default's difference to every rival.
//!
//! A difference is of value over oracle, between two runs of one world and seed, campaign by
//! campaign. Called by `compare`.

use super::outcome::{CampaignOutcome, Outcome, of_oracle};
use super::paired::{Paired, holm};
use super::plan::Brief;
use crate::number::{length, mean, real};
use serde::{Serialize, Serializer};
use std::collections::BTreeMap;
use std::fmt;

/// How often a campaign is billed under the default.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Class {
    /// Less than 3 times a day.
    Under3,
    /// 3 to 20 times.
    Under20,
    /// 20 to 200 times.
    Under200,
    /// 200 to 2 000 times.
    Under2000,
    /// More often.
    Over,
}

impl Class {
    /// Of so many events a day.
    #[must_use]
    pub fn of(events: f64) -> Self {
        match events {
            _ if events < 3.0 => Self::Under3,
            _ if events < 20.0 => Self::Under20,
            _ if events < 200.0 => Self::Under200,
            _ if events < 2_000.0 => Self::Under2000,
            _ => Self::Over,
        }
    }
}

impl fmt::Display for Class {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Under3 => "under 3",
            Self::Under20 => "3-20",
            Self::Under200 => "20-200",
            Self::Under2000 => "200-2000",
            Self::Over => "over 2000",
        })
    }
}

impl Serialize for Class {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// One rival in a cell.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Against {
    /// Who.
    pub rival: String,
    /// Its mean value over oracle.
    pub of_oracle: f64,
    /// The default's less the rival's.
    pub difference: Paired,
    /// The same, seed by seed.
    pub by_seed: Vec<(u64, f64)>,
}

/// A class of campaigns in a world.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Cell {
    /// Which world.
    pub world: String,
    /// How often they are billed.
    pub class: Class,
    /// For what.
    pub billing: String,
    /// How many they are.
    pub campaigns: usize,
    /// The default's mean value over oracle.
    pub of_oracle: f64,
    /// The best first.
    pub rivals: Vec<Against>,
    /// Chance of so good a difference to the best rival by luck, corrected for all cells.
    pub p_holm: Option<f64>,
}

impl Cell {
    /// The rival that comes off best.
    #[must_use]
    pub fn best(&self) -> Option<&Against> {
        self.rivals.first()
    }
}

/// One rival over all cells.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Rivalry {
    /// Who.
    pub rival: String,
    /// Mean over cells of the default's less the rival's.
    pub difference: Paired,
    /// Its chance by luck, corrected for all rivals.
    pub p_holm: Option<f64>,
}

/// All cells together, each with the same weight.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Overall {
    /// Cells with a rival.
    pub cells: usize,
    /// Those where the default is not behind the best one.
    pub not_behind: usize,
    /// Mean over cells of the difference to each cell's best rival.
    pub against_best: Paired,
    /// In the order of the brief.
    pub rivals: Vec<Rivalry>,
}

impl Overall {
    pub(super) fn of(brief: &Brief, cells: &[Cell]) -> Self {
        let pooled = |pick: &dyn Fn(&Cell) -> Option<&Against>| {
            let picked: Vec<&Against> = cells.iter().filter_map(pick).collect();
            let of_seed = |seed: &u64| {
                let each = picked.iter().flat_map(|one| &one.by_seed);
                let known: Vec<f64> = each.filter(|one| one.0 == *seed).map(|one| one.1).collect();
                (!known.is_empty()).then(|| mean(&known))
            };
            Paired::of(&brief.seeds.iter().filter_map(of_seed).collect::<Vec<_>>())
        };
        let rivals = brief.contenders.iter().filter(|name| **name != brief.default);
        let mut rivals: Vec<Rivalry> = rivals
            .map(|name| Rivalry {
                rival: name.clone(),
                difference: pooled(&|cell| cell.rivals.iter().find(|one| one.rival == *name)),
                p_holm: None,
            })
            .collect();
        let chances: Vec<Option<f64>> = rivals.iter().map(|one| one.difference.p).collect();
        for (one, corrected) in rivals.iter_mut().zip(holm(&chances)) {
            one.p_holm = corrected;
        }
        let best: Vec<f64> =
            cells.iter().filter_map(|cell| Some(cell.best()?.difference.mean)).collect();
        Self {
            cells: best.len(),
            not_behind: best.iter().filter(|mean| **mean >= 0.0).count(),
            against_best: pooled(&|cell| cell.best()),
            rivals,
        }
    }
}

/// Every cell, in the order of worlds and classes.
pub(super) fn cells(brief: &Brief, runs: &[Outcome]) -> Vec<Cell> {
    let mut cells = Vec::new();
    for world in runs.chunk_by(|a, b| a.world == b.world) {
        let by_contender: Vec<&[Outcome]> =
            world.chunk_by(|a, b| a.contender == b.contender).collect();
        let ours = by_contender.iter().find(|group| group[0].contender == brief.default);
        let Some(ours) = ours else { continue };
        for ((class, billing), places) in classes(ours) {
            let rivals = by_contender.iter().filter(|group| group[0].contender != brief.default);
            let mut rivals: Vec<Against> =
                rivals.filter_map(|theirs| against(ours, theirs, &places)).collect();
            rivals.sort_by(|a, b| a.difference.mean.total_cmp(&b.difference.mean));
            let known = known(ours, &places);
            if !known.is_empty() {
                cells.push(Cell {
                    world: world[0].world.clone(),
                    class,
                    billing,
                    campaigns: places.len(),
                    of_oracle: mean(&known),
                    rivals,
                    p_holm: None,
                });
            }
        }
    }
    let chances: Vec<Option<f64>> =
        cells.iter().map(|cell| cell.best().and_then(|best| best.difference.p)).collect();
    for (cell, corrected) in cells.iter_mut().zip(holm(&chances)) {
        cell.p_holm = corrected;
    }
    cells
}

/// Billing events a day, mean over runs.
pub(super) fn events(runs: &[Outcome], place: usize) -> f64 {
    let of = |one: &CampaignOutcome| real(one.metrics.billed_events) / one.days.max(1e-9);
    let each: Vec<f64> = runs.iter().filter_map(|run| run.campaigns.get(place).map(of)).collect();
    mean(&each)
}

/// Places of campaigns by class and billing.
fn classes(ours: &[Outcome]) -> BTreeMap<(Class, String), Vec<usize>> {
    let mut classes = BTreeMap::<_, Vec<usize>>::new();
    for (place, one) in ours[0].campaigns.iter().enumerate() {
        let class = Class::of(events(ours, place));
        classes.entry((class, one.billing.clone())).or_default().push(place);
    }
    classes
}

fn ratio(run: &Outcome, place: usize) -> Option<f64> {
    of_oracle(&run.campaigns.get(place)?.metrics)
}

/// Every known value over oracle of these campaigns.
fn known(runs: &[Outcome], places: &[usize]) -> Vec<f64> {
    let of = |run| places.iter().filter_map(move |&place| ratio(run, place));
    runs.iter().flat_map(of).collect()
}

fn against(ours: &[Outcome], theirs: &[Outcome], places: &[usize]) -> Option<Against> {
    let by_seed: Vec<(u64, f64)> = ours
        .iter()
        .filter_map(|our| {
            let their = theirs.iter().find(|their| their.seed == our.seed)?;
            let pair = |&place: &usize| Some(ratio(our, place)? - ratio(their, place)?);
            let differences: Vec<f64> = places.iter().filter_map(pair).collect();
            let count = differences.len();
            (count > 0).then(|| (our.seed, differences.iter().sum::<f64>() / length(count)))
        })
        .collect();
    if by_seed.is_empty() {
        return None;
    }
    let each: Vec<f64> = by_seed.iter().map(|(_, difference)| *difference).collect();
    Some(Against {
        rival: theirs[0].contender.clone(),
        of_oracle: mean(&known(theirs, places)),
        difference: Paired::of(&each),
        by_seed,
    })
}
