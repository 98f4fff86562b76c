//! Waves of price or supply at one period each: how much of a wave is left in spend, with shading
//! and without?
//!
//! Spend in steps of three minutes, from the sixth hour on, over whole waves, is projected on the
//! wave's sine and cosine. What is left at the shortest period, which the law cannot follow, is
//! the plant's own; the rest is held against that: above one the loop makes a wave greater than it
//! found it. Called by the front door.

use super::world::{Setting, Supply, Way, entries, run_once};
use crate::number::{length, mean, place, real};
use crate::report::CampaignReport;
use crate::scenario::ScenarioError;
use crate::shading::contender::Feedback;
use paceline_core::campaign::ShadingObjective;
use paceline_core::units::Span;
use serde::Serialize;
use toml::{Table, Value};

/// Seeds of each wave, at most: each costs two dozen days, and the rest of the study as many.
pub const SEEDS: usize = 3;
/// Periods, in minutes.
pub const PERIODS: [u32; 6] = [12, 24, 48, 96, 192, 384];
/// Size of a wave, in the logarithm.
const SIZE: f64 = 0.2;
/// Budgets, as shares of unpaced spend.
const SHARES: [f64; 3] = [0.3, 0.5, 0.7];
/// Steps of a wave.
const STEPS: i64 = 24;
/// Minutes of a day, and of its beginning, which are not looked at.
const DAY: i64 = 1_440;
const FIRST: i64 = 360;
/// What the loop makes of a wave with shading over what it makes of it without, at most.
pub const OVER_MOST: f64 = 1.15;

/// What swings.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// The level of all prices.
    Price,
    /// The number of auctions.
    Supply,
}

/// A wave.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Wave {
    /// Of what.
    pub kind: Kind,
    /// In minutes.
    pub period: u32,
}

impl Wave {
    /// All that are played.
    #[must_use]
    pub fn all() -> Vec<Self> {
        let kinds = [Kind::Price, Kind::Supply];
        kinds.iter().flat_map(|&kind| PERIODS.map(|period| Self { kind, period })).collect()
    }

    /// Writes it into a segment.
    pub(super) fn put(self, segment: &mut Table) {
        let step = i64::from(self.period) * 60 / STEPS;
        let count = DAY * 60 / step;
        let level = |turn: i64| {
            let along = real(u64::try_from(turn % STEPS).unwrap_or(0)) + 0.5;
            libm::exp(SIZE * libm::sin(along / real(STEPS.unsigned_abs()) * std::f64::consts::TAU))
        };
        let at = |turn: i64| Value::from(format!("{}s", turn * step));
        let (key, parts): (_, Vec<Value>) = match self.kind {
            Kind::Price => {
                let jump = |turn: i64| {
                    let times = level(turn) / if turn == 0 { 1.0 } else { level(turn - 1) };
                    entries([("at", at(turn)), ("times", times.into())]).into()
                };
                ("jumps", (0..count).map(jump).collect())
            }
            Kind::Supply => {
                let surge = |turn: i64| {
                    let lasts = Value::from(format!("{step}s"));
                    let times = level(turn).into();
                    entries([("at", at(turn)), ("lasts", lasts), ("times", times)]).into()
                };
                ("surges", (0..count).map(surge).collect())
            }
        };
        segment.insert(key.to_owned(), parts.into());
    }
}

/// One run: what is left of the wave by its two phases, campaign by campaign.
pub(super) struct Row {
    way: Way,
    wave: Wave,
    phases: Vec<(f64, f64)>,
}

pub(super) fn play(way: Way, wave: Wave, supply: Supply, seed: u64) -> Result<Row, ScenarioError> {
    let setting = Setting::of_shares(supply, &SHARES).for_way(way);
    let setting = Setting { wave: Some(wave), ..setting };
    let plan = way.plan(Feedback::Winners, ShadingObjective::Value);
    let made = run_once(&setting, way, plan, seed)?;
    let of = made.report.campaigns.iter().map(|campaign| phases(campaign, wave.period));
    Ok(Row { way, wave, phases: of.collect() })
}

/// Sine and cosine of spend at a period, over the wave's own size.
fn phases(campaign: &CampaignReport, period: u32) -> (f64, f64) {
    let points = &campaign.series.points;
    let Some(start) = points.first().map(|point| point.at) else { return (0.0, 0.0) };
    let waves = (DAY - FIRST) / i64::from(period);
    let from = Span::from_mins(DAY - waves * i64::from(period));
    let steps: Vec<(f64, f64)> = points
        .windows(2)
        .filter(|pair| pair[0].at - start >= from)
        .map(|pair| {
            let middle =
                f64::midpoint((pair[0].at - start).as_minutes(), (pair[1].at - start).as_minutes());
            (middle, (pair[1].spent - pair[0].spent).as_f64())
        })
        .collect();
    let usual = mean(&steps.iter().map(|step| step.1).collect::<Vec<_>>()).max(1.0);
    let project = |of: fn(f64) -> f64| {
        let sum: f64 = steps
            .iter()
            .map(|&(at, spent)| {
                of(at / f64::from(period) * std::f64::consts::TAU) * (spent / usual - 1.0)
            })
            .sum();
        2.0 * sum / length(steps.len()).max(1.0) / SIZE
    };
    (project(libm::sin), project(libm::cos))
}

/// What is left of a wave.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Gain {
    /// With which way.
    pub way: Way,
    /// Of which wave.
    pub wave: Wave,
    /// Size of the wave in spend over its own, mean over campaigns.
    pub gain: f64,
    /// The same over that at the shortest period: what the loop makes of it.
    pub by_loop: f64,
}

pub(super) fn gains(rows: &[Row]) -> Vec<Gain> {
    let gain = |way: Way, wave: Wave| {
        let of = rows.iter().filter(|row| row.way == way && row.wave == wave);
        let of: Vec<&[(f64, f64)]> = of.map(|row| row.phases.as_slice()).collect();
        let campaigns = of.iter().map(|phases| phases.len()).max().unwrap_or(0);
        let size = |campaign: usize| {
            let of_seeds: Vec<&(f64, f64)> =
                of.iter().filter_map(|phases| phases.get(campaign)).collect();
            let part = |of: fn(&(f64, f64)) -> f64| {
                mean(&of_seeds.iter().map(|one| of(one)).collect::<Vec<_>>())
            };
            // Over seeds phases before sizes: what is mere chance cancels out. Over campaigns
            // sizes: each has a phase of its own, and two that are opposite are no calm.
            libm::hypot(part(|one| one.0), part(|one| one.1))
        };
        mean(&(0..campaigns).map(size).collect::<Vec<_>>())
    };
    let mut gains = Vec::new();
    for way in [Way::Ours, Way::Unshaded] {
        for wave in Wave::all() {
            let own = gain(way, Wave { period: PERIODS[0], ..wave });
            let gain = gain(way, wave);
            gains.push(Gain { way, wave, gain, by_loop: gain / own.max(1e-9) });
        }
    }
    gains
}

/// The greatest that the loop makes of any wave, by shading or without.
#[must_use]
pub fn peak(gains: &[Gain], way: Way, kind: Kind) -> f64 {
    let of = gains.iter().filter(|one| one.way == way && one.wave.kind == kind);
    of.map(|one| one.by_loop).fold(0.0, f64::max)
}

/// Whether shading makes no wave greater than the loop alone does.
#[must_use]
pub fn is_met(gains: &[Gain]) -> bool {
    [Kind::Price, Kind::Supply].iter().all(|&kind| {
        let alone = peak(gains, Way::Unshaded, kind).max(1.0);
        peak(gains, Way::Ours, kind) <= OVER_MOST * alone
    })
}

/// Places of a list that `share` of it lies before; for charts.
#[must_use]
pub fn thinned(sizes: &[f64], count: usize) -> Vec<(f64, f64)> {
    let at = |number: usize| {
        let share = length(number) / length(count);
        let rank = place(share * length(sizes.len()), sizes.len());
        (share, sizes.get(rank).copied().unwrap_or(0.0))
    };
    (0..=count).map(at).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wave_comes_back_to_where_it_was_and_swings_by_its_size() {
        for (kind, key) in [(Kind::Price, "jumps"), (Kind::Supply, "surges")] {
            let mut segment = Table::new();
            Wave { kind, period: 48 }.put(&mut segment);
            let steps = segment[key].as_array().unwrap();
            assert_eq!(steps.len(), 30 * 24, "thirty waves a day");
            let times = |place: usize| steps[place]["times"].as_float().unwrap();
            let mut level = 1.0;
            let levels: Vec<f64> = (0..steps.len())
                .map(|place| {
                    level = if kind == Kind::Price { level * times(place) } else { times(place) };
                    level
                })
                .collect();
            let most = levels.iter().copied().fold(0.0, f64::max);
            assert!((libm::log(most) - SIZE).abs() < 0.01, "{most}");
            assert!((levels[0] - levels[24]).abs() < 1e-9);
        }
    }

    #[test]
    fn chance_cancels_out_over_seeds_and_campaigns_of_opposite_phase_do_not() {
        let wave = Wave { kind: Kind::Price, period: PERIODS[0] };
        let row =
            |first, second| Row { way: Way::Ours, wave, phases: vec![(0.0, first), (0.0, second)] };
        let size = |rows: &[Row]| {
            let told = gains(rows);
            let is_it = |one: &&Gain| one.way == Way::Ours && one.wave == wave;
            told.iter().find(is_it).unwrap().gain
        };
        assert!((size(&[row(1.0, -1.0), row(1.0, -1.0)]) - 1.0).abs() < 1e-12);
        assert!(size(&[row(1.0, -1.0), row(-1.0, 1.0)]).abs() < 1e-12);
    }

    #[test]
    fn what_the_loop_makes_of_a_wave_is_told_over_the_shortest() {
        let row = |period, size| Row {
            way: Way::Ours,
            wave: Wave { kind: Kind::Price, period },
            phases: vec![(0.0, size)],
        };
        let rows = [row(12, 2.0), row(12, 2.0), row(96, 3.0), row(96, 2.0)];
        let told = gains(&rows);
        let at = |period| {
            told.iter()
                .find(|one| one.way == Way::Ours && one.wave == Wave { kind: Kind::Price, period })
        };
        assert!((at(96).unwrap().gain - 2.5).abs() < 1e-12);
        assert!((at(96).unwrap().by_loop - 1.25).abs() < 1e-12);
        assert!((peak(&told, Way::Ours, Kind::Price) - 1.25).abs() < 1e-12);
        assert!(!is_met(&told), "a quarter above what the loop alone makes is too much");
    }
}
