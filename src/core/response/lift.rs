//! What another multiplier would do to spend, from what was seen at those that were published.
//!
//! Prices that are log-normal are beaten with a chance that is a normal's distribution function in
//! ln(multiplier); how steep it is, is weighed over a grid of slopes by what the levels say and by
//! what is usual. What a win costs rises with the bid, in its logarithm, by a slope of its own. All
//! maths is `libm`'s, so that machines agree. CONTROL.md (72) and (73).

use crate::normal;
use serde::{Deserialize, Serialize};

/// Asks from which a level says something.
pub(super) const ASKS_MIN: f32 = 5.0;
/// Slopes that are weighed: from a wide market, evenly in their logarithm, to a cliff.
const SLOPES: usize = 24;
const SLOPE_LOWEST: f64 = 0.5;
const SLOPE_STEP: f64 = 0.125;
/// The usual slope and the deviation of its logarithm: prices and values together spread by 0.6.
const SLOPE_USUAL: f64 = 1.7;
const SLOPE_DOUBT: f64 = 0.6;
/// By how much levels differ for other reasons than their bids: hours have prices of their own.
const DRIFT: f64 = 0.12;
/// d ln(price of a win) / d ln(multiplier), as usual and its deviation: between what a second-price
/// market of easy wins does (none) and what a first-price one does (all of it).
const PRICE_SLOPE: f64 = 0.6;
const PRICE_DOUBT: f64 = 0.25;
/// The same of prices: how much they differ by the hour and by the win.
const PRICE_DRIFT: f64 = 0.08;
const WIN_SPREAD: f64 = 0.6;
/// What is never known of a move, in shares of it.
const MOVE_DOUBT: f64 = 0.18;
/// Levels as near as this are the level itself.
const NEAR: f64 = 0.11;
/// Chances are kept this far from none and all.
const CHANCE_MIN: f64 = 1e-6;
/// Halvings of the range of a quantile.
const HALVINGS: usize = 44;

/// What is known of one level.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Seen {
    /// Mean ln(multiplier).
    pub x: f64,
    pub asks: f64,
    pub wins: f64,
    pub spent: f64,
}

/// Spend at one level over that at another.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Lift {
    /// Its middle, above 0.
    pub ratio: f64,
    /// Standard deviation of its logarithm.
    pub doubt: f64,
    /// Chance of winning an ask at the first level, 0 to 1; nothing when no level was seen.
    pub win_rate: Option<f64>,
    /// The other level is outside of what was seen.
    pub is_beyond: bool,
}

impl Lift {
    /// From what was seen.
    pub(super) fn of(levels: &[Seen], from: f64, to: f64) -> Self {
        let step = to - from;
        let told: Vec<Chance> = levels.iter().map(Chance::of).collect();
        let near = |x: f64| levels.iter().any(|level| (level.x - x).abs() <= NEAR);
        let lowest = levels.first().map_or(from, |level| level.x);
        let highest = levels.last().map_or(from, |level| level.x);
        let is_beyond = to > highest + NEAR || to < lowest - NEAR;
        let (price, price_doubt) = price_slope(levels);
        // Weigh every slope: what it makes of the move, and how well it fits.
        let mut weighed = Vec::with_capacity(SLOPES);
        let mut slope = SLOPE_LOWEST;
        for _ in 0..SLOPES {
            let (height, misfit) = fit(&told, slope);
            let start = anchor(&told, from).unwrap_or(height + slope * from);
            let gain = ln_normal(start + slope * step) - ln_normal(start);
            let usual = libm::log(slope / SLOPE_USUAL) / SLOPE_DOUBT;
            weighed.push((gain, 0.5 * (misfit + usual * usual), start));
            slope *= libm::exp(SLOPE_STEP);
        }
        let least = weighed.iter().map(|one| one.1).fold(f64::INFINITY, f64::min);
        let (mut sum, mut mean, mut square, mut win) = (0.0, 0.0, 0.0, 0.0);
        for (gain, cost, start) in weighed {
            let weight = libm::exp(least - cost);
            sum += weight;
            mean += weight * gain;
            square += weight * gain * gain;
            win += weight * normal::chance(start);
        }
        let mean = mean / sum;
        let variance = (square / sum - mean * mean).max(0.0);
        let price_part = price_doubt * step;
        let unknown = MOVE_DOUBT * step;
        let doubt = libm::sqrt(variance + price_part * price_part + unknown * unknown);
        Self {
            ratio: libm::exp(mean + price * step),
            doubt,
            win_rate: (!levels.is_empty()).then_some(win / sum),
            is_beyond: is_beyond && !near(to),
        }
    }
}

/// A level's chance of winning, as a quantile of a normal.
struct Chance {
    x: f64,
    z: f64,
    /// One over its variance.
    weight: f64,
}

impl Chance {
    fn of(seen: &Seen) -> Self {
        // Half a win of three asks is taken for granted.
        let chance = (seen.wins + 0.5) / (seen.asks + 3.0);
        let z = quantile(chance);
        let height = density(z);
        let of_chance = chance * (1.0 - chance) / (seen.asks + 3.0) / (height * height);
        Self { x: seen.x, z, weight: 1.0 / (of_chance + DRIFT * DRIFT) }
    }
}

/// The height that fits best at a slope, and by how much it misses: a sum of weighed squares.
fn fit(told: &[Chance], slope: f64) -> (f64, f64) {
    let weight: f64 = told.iter().map(|one| one.weight).sum();
    if weight <= 0.0 {
        return (0.0, 0.0);
    }
    let height = told.iter().map(|one| one.weight * (one.z - slope * one.x)).sum::<f64>() / weight;
    let miss = |one: &Chance| one.z - slope * one.x - height;
    (height, told.iter().map(|one| one.weight * miss(one) * miss(one)).sum())
}

/// The quantile at a level itself, where it was seen.
fn anchor(told: &[Chance], from: f64) -> Option<f64> {
    let near = told.iter().filter(|one| (one.x - from).abs() <= NEAR);
    near.max_by(|a, b| a.weight.total_cmp(&b.weight)).map(|one| one.z)
}

/// d ln(price of a win) / d ln(multiplier) and its deviation: what is usual, and what was seen.
fn price_slope(levels: &[Seen]) -> (f64, f64) {
    let priced = levels.iter().filter(|level| level.wins >= 2.0 && level.spent > 0.0);
    let points: Vec<(f64, f64, f64)> = priced
        .map(|level| {
            let variance = WIN_SPREAD * WIN_SPREAD / level.wins + PRICE_DRIFT * PRICE_DRIFT;
            (level.x, libm::log(level.spent / level.wins), 1.0 / variance)
        })
        .collect();
    let weight: f64 = points.iter().map(|point| point.2).sum();
    let prior = 1.0 / (PRICE_DOUBT * PRICE_DOUBT);
    if weight <= 0.0 {
        return (PRICE_SLOPE, PRICE_DOUBT);
    }
    let mean = |of: fn(&(f64, f64, f64)) -> f64| {
        points.iter().map(|point| point.2 * of(point)).sum::<f64>() / weight
    };
    let (x, price) = (mean(|point| point.0), mean(|point| point.1));
    let spread: f64 = points.iter().map(|point| point.2 * (point.0 - x) * (point.0 - x)).sum();
    let slope: f64 = points.iter().map(|point| point.2 * (point.0 - x) * (point.1 - price)).sum();
    let all = prior + spread;
    ((prior * PRICE_SLOPE + slope) / all, 1.0 / libm::sqrt(all))
}

/// Its logarithm, of no less than the least chance.
fn ln_normal(z: f64) -> f64 {
    libm::log(normal::chance(z).max(CHANCE_MIN))
}

fn density(z: f64) -> f64 {
    libm::exp(-0.5 * z * z) / libm::sqrt(core::f64::consts::TAU)
}

/// The z below which a standard normal is with this chance.
fn quantile(chance: f64) -> f64 {
    let chance = chance.clamp(CHANCE_MIN, 1.0 - CHANCE_MIN);
    let (mut least, mut most) = (-5.0, 5.0);
    for _ in 0..HALVINGS {
        let middle = 0.5 * (least + most);
        if normal::chance(middle) < chance { least = middle } else { most = middle }
    }
    0.5 * (least + most)
}
