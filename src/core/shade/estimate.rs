//! From intervals to a curve: self-consistency with a prior, smoothed.
//!
//! One estimator for all kinds of feedback, since each says no more than that the price lies in an
//! interval. Turnbull, "The empirical distribution function with arbitrarily grouped, censored and
//! truncated data", JRSS B 1976: each interval's weight is shared out over its cells as the curve
//! has it, and the curve is what comes of that. The parent's curve joins in as so many auctions
//! (Dirichlet prior), and what no sighting tells apart is smoothed (Silverman, Jones, Wilson and
//! Nychka, "A smoothed EM approach to indirect estimation problems", JRSS B 1990). Cost: rounds
//! times rows plus cells. Called by `node`.

use super::curve::WinCurve;
use super::evidence::{Evidence, OPEN, Row};
use super::grid;
use super::number::real;

/// Rounds at most; a fit starts from the last one, so they add up over refits.
const ROUNDS_MAX: usize = 48;
/// A round that moves no cell by more than this is the last.
const STILL: f64 = 2e-6;
/// Share of a cell's density that it gives to each neighbour, a round.
const SMOOTH: f64 = 0.125;
/// What is narrower, as a ratio of its ends, is left as it is: two thirds of a step.
const WIDE: f64 = 1.03;
/// Odds differ by a factor of a hundred and fifty at most.
const TILT_MAX: f64 = 5.0;
/// Grid steps kept beyond the last end seen, below and above.
const MARGIN: u32 = 8;
/// Grid steps in a curve: twelve octaves, a factor of four thousand.
const STEPS_MAX: u32 = 12 * 16;

/// What a curve is drawn towards.
pub(super) struct Prior<'a> {
    /// The parent's curve; without one, a log-logistic about what was seen.
    pub(super) parent: Option<&'a WinCurve>,
    /// How many auctions it counts as, above zero.
    pub(super) weight: f64,
}

/// A fit.
pub(super) struct Fit {
    pub(super) curve: WinCurve,
    /// How far the evidence alone lies from the prior, beyond chance: 0 is as alike as can be.
    pub(super) scatter: Option<Scatter>,
}

/// What the evidence alone says of how alike parent and child are; see CONTROL.md (43).
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Scatter {
    /// Squared distance beyond chance, times auctions.
    pub(super) seen: f64,
    /// The same where child and parent have nothing in common.
    pub(super) most: f64,
}

/// Cells with their prior, the last one without an end.
struct Cells {
    ends: Vec<i64>,
    prior: Vec<f64>,
}

/// Fits a curve; `None` without evidence.
pub(super) fn fit(evidence: &Evidence, prior: &Prior<'_>, last: Option<&WinCurve>) -> Option<Fit> {
    let cells = Cells::new(evidence, prior)?;
    let rows = cells.ranges(evidence);
    let total: f64 = rows.iter().map(|row| row.weight).sum();
    let mut masses = cells.start(last);
    let mut shared = vec![0.0; masses.len()];
    let mut next = vec![0.0; masses.len()];
    for _ in 0..ROUNDS_MAX {
        share_out(&rows, &masses, &mut shared);
        for (cell, next) in next.iter_mut().enumerate() {
            let drawn = shared[cell] + prior.weight * cells.prior[cell];
            *next = drawn / (total + prior.weight);
        }
        cells.smooth(&mut next);
        let moved = masses.iter().zip(&next).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
        masses.copy_from_slice(&next);
        if moved < STILL {
            break;
        }
    }
    let is_told = prior.parent.is_some() && evidence.told() > 0.5;
    let scatter = is_told.then(|| cells.scatter(&shared, total));
    Some(Fit { curve: WinCurve::from_masses(cells.ends, &masses), scatter })
}

/// A row as a range of cells.
struct Range {
    from: usize,
    to: usize,
    weight: f64,
}

/// Each row's weight over its cells, as the masses have it. A row of one cell, and one whose cells
/// have no mass, is dealt with apart: the former is the whole of a market that tells its prices.
fn share_out(rows: &[Range], masses: &[f64], shared: &mut [f64]) {
    let mut sums = Vec::with_capacity(masses.len() + 1);
    sums.push(0.0);
    for mass in masses {
        sums.push(sums[sums.len() - 1] + mass);
    }
    // Differences of what a unit of mass gets, summed below.
    let mut rates = vec![0.0; masses.len() + 1];
    shared.fill(0.0);
    for row in rows {
        let mass = sums[row.to] - sums[row.from];
        if row.to - row.from == 1 || mass < 1e-12 {
            shared[row.from] += row.weight;
            continue;
        }
        rates[row.from] += row.weight / mass;
        rates[row.to] -= row.weight / mass;
    }
    let mut rate = 0.0;
    for (cell, shared) in shared.iter_mut().enumerate() {
        rate += rates[cell];
        *shared += (rate * masses[cell]).max(0.0);
    }
}

impl Cells {
    fn new(evidence: &Evidence, prior: &Prior<'_>) -> Option<Self> {
        let rows = evidence.rows();
        let finite = || rows.iter().map(Row::within).flat_map(|(low, high)| [low, high]);
        let is_end = |&end: &i64| end > 0 && end != OPEN;
        let first = finite().filter(is_end).min()?;
        let last = finite().filter(is_end).max()?;
        let above = prior.parent.and_then(WinCurve::span);
        let (least, most) = above.unwrap_or((i64::MAX, 0));
        let to = (grid::step_of(last) + MARGIN).max(grid::step_of(most)).min(grid::LAST);
        let from = grid::step_of(first).saturating_sub(MARGIN).min(grid::step_of(least));
        let from = from.max(to.saturating_sub(STEPS_MAX)).max(grid::FIRST);
        let atoms = prior.parent.into_iter().flat_map(WinCurve::atoms);
        let atoms = atoms.chain(evidence.atoms().iter().copied());
        let mut ends: Vec<i64> = (from..=to)
            .map(grid::edge)
            .chain(finite())
            .chain(atoms.flat_map(|atom| [atom - 1, atom]))
            .filter(|end| (grid::edge(from)..=grid::edge(to)).contains(end))
            .collect();
        ends.sort_unstable();
        ends.dedup();
        let upto: Box<dyn Fn(i64) -> f64> = match prior.parent {
            Some(curve) => {
                let odds = libm::exp(tilt(evidence, curve));
                Box::new(move |price| tilted(curve.upto(price), odds))
            }
            None => {
                let (middle, steepness) = log_logistic(evidence);
                Box::new(move |price| {
                    1.0 / (1.0 + libm::exp(steepness * (middle - libm::log(real(price)))))
                })
            }
        };
        let masses = differences(&ends, upto);
        Some(Self { prior: masses, ends })
    }

    fn ranges(&self, evidence: &Evidence) -> Vec<Range> {
        let count = self.prior.len();
        let place = |price: i64| self.ends.partition_point(|&end| end < price);
        let range = |low: i64, high: i64, weight: f32| {
            // Every end of a row is an end of a cell, but for those below the first.
            let from = if low < self.ends[0] { 0 } else { (place(low) + 1).min(count - 1) };
            let to = if high == OPEN { count } else { (place(high) + 1).min(count) };
            Range { from, to: to.max(from + 1), weight: weight.into() }
        };
        let rows = evidence.rows().iter();
        rows.map(|row| range(row.within().0, row.within().1, row.weight)).collect()
    }

    /// The last curve with a little of the prior in it: a cell of no mass would stay so.
    fn start(&self, last: Option<&WinCurve>) -> Vec<f64> {
        let Some(last) = last else { return self.prior.clone() };
        let masses = differences(&self.ends, |price| last.upto(price));
        masses.iter().zip(&self.prior).map(|(last, prior)| 0.95 * last + 0.05 * prior).collect()
    }

    /// Evens out densities over the logarithm of the price, between neighbours that are no atoms.
    fn smooth(&self, masses: &mut [f64]) {
        // Narrower cells hold prices that stand alone: there is nothing to even out.
        let is_wide = |cell: usize| real(self.ends[cell]) > WIDE * real(self.ends[cell - 1]);
        let width = |cell: usize| real(self.ends[cell]) / real(self.ends[cell - 1]) - 1.0;
        let wide: Vec<(usize, f64)> =
            (1..self.ends.len()).filter(|&cell| is_wide(cell)).map(|c| (c, width(c))).collect();
        let density: Vec<f64> = wide.iter().map(|&(cell, width)| masses[cell] / width).collect();
        for (at, pair) in wide.windows(2).enumerate() {
            // What one neighbour gives the other takes, so that no mass is made.
            let narrower = pair[0].1.min(pair[1].1);
            let flow = SMOOTH * narrower * (density[at] - density[at + 1]);
            masses[pair[0].0] -= flow;
            masses[pair[1].0] += flow;
        }
    }

    fn scatter(&self, shared: &[f64], total: f64) -> Scatter {
        // Quarters of an octave: on finer cells chance drowns what differs.
        let (mut seen, mut square, mut group) = (0.0, 0.0, (0.0, 0.0, 0));
        let mut close = |(own, prior, _): (f64, f64, i64)| {
            seen += (own - prior) * (own - prior);
            square += prior * prior;
        };
        for (cell, (shared, prior)) in shared.iter().zip(&self.prior).enumerate() {
            let end = self.ends.get(cell).copied().unwrap_or(OPEN);
            let number = i64::from(grid::step_of(end) / 4);
            if number != group.2 {
                close(group);
                group = (0.0, 0.0, number);
            }
            group = (group.0 + shared / total, group.1 + prior, number);
        }
        close(group);
        let spread = (1.0 - square).max(1e-3);
        Scatter { seen: total * seen / spread - 1.0, most: (total - 1.0).max(0.0) }
    }
}

/// Masses between ends, and beyond the last; none is quite nothing.
fn differences(ends: &[i64], upto: impl Fn(i64) -> f64) -> Vec<f64> {
    let mut before = 0.0;
    let mut masses: Vec<f64> = ends
        .iter()
        .map(|&end| {
            let upto = upto(end);
            let mass = upto - before;
            before = upto;
            mass.max(1e-9)
        })
        .collect();
    masses.push((1.0 - before).max(1e-9));
    masses
}

/// A probability whose odds are multiplied.
fn tilted(chance: f64, odds: f64) -> f64 {
    chance * odds / (1.0 - chance + chance * odds)
}

/// By how much, in the logarithm, the odds of a child are above its parent's: the likeliest, where
/// a deviation of one is to be expected. A child of few outcomes is told dear or cheap by that one
/// number long before it shows a shape of its own. CONTROL.md (43).
fn tilt(evidence: &Evidence, parent: &WinCurve) -> f64 {
    let chance = |end: i64| if end == OPEN { 1.0 } else { parent.upto(end) };
    let rows: Vec<(f64, f64, f64)> = evidence
        .rows()
        .iter()
        .map(|row| (chance(row.within().0), chance(row.within().1), row.weight.into()))
        .collect();
    let score = |tilt: f64| {
        let odds = libm::exp(tilt);
        let each = rows.iter().map(|&(low, high, weight)| {
            weight * libm::log((tilted(high, odds) - tilted(low, odds)).max(1e-6))
        });
        each.sum::<f64>() - tilt * tilt / 2.0
    };
    // A slope that is searched by halves has one peak, or near enough: the prior sees to the rest.
    let (mut at, mut best, mut step) = (0.0, score(0.0), 1.0);
    while step > 0.05 {
        let sides = [at - step, at + step].map(|side| (score(side), side));
        let better = if sides[0].0 > sides[1].0 { sides[0] } else { sides[1] };
        if better.0 > best && libm::fabs(better.1) <= TILT_MAX {
            (best, at) = better;
        } else {
            step /= 2.0;
        }
    }
    at
}

/// Middle and steepness, in the logarithm of the price, of a log-logistic with about the mean and
/// twice the deviation of what was seen: it only has to be wide enough, and to end smoothly.
fn log_logistic(evidence: &Evidence) -> (f64, f64) {
    let middles = evidence.rows().iter().map(|row| {
        let middle = match (row.low <= 0, row.high == OPEN) {
            (false, false) => libm::log(real(row.low) * real(row.high)) / 2.0,
            (true, false) => libm::log(real(row.high) / 1.5),
            (_, true) => libm::log(real(row.low.max(1)) * 1.5),
        };
        (middle, f64::from(row.weight))
    });
    let total: f64 = middles.clone().map(|(_, weight)| weight).sum();
    let mean = middles.clone().map(|(middle, weight)| middle * weight).sum::<f64>() / total;
    let square = middles.map(|(m, weight)| (m - mean) * (m - mean) * weight).sum::<f64>() / total;
    // The deviation of a logistic is 1.81 over its steepness.
    let deviation = (2.0 * libm::sqrt(square)).clamp(0.4, 2.0);
    (mean, 1.81 / deviation)
}

#[cfg(test)]
mod tests {
    use super::super::number::length;
    use super::super::outcome::Sighting;
    use super::*;
    use crate::hash::mix;

    /// Log-logistic about 100 000 of this steepness, at even quantiles in a scattered order.
    fn price(number: u64) -> i64 {
        let share = (length(usize::try_from(mix(number) >> 40).unwrap()) + 0.5) / 16_777_216.0;
        super::super::number::price(100_000.0 * libm::pow(share / (1.0 - share), 0.4))
    }

    fn truth(price: i64) -> f64 {
        1.0 / (1.0 + libm::pow(100_000.0 / real(price), 2.5))
    }

    fn bid(number: u64) -> i64 {
        let share = length(usize::try_from(mix(number ^ 0xb1d) >> 40).unwrap()) / 16_777_216.0;
        super::super::number::price(50_000.0 * libm::pow(6.0, share))
    }

    fn fitted(see: impl Fn(i64, i64) -> Sighting) -> WinCurve {
        let mut evidence = Evidence::default();
        let prior = Prior { parent: None, weight: 16.0 };
        let mut curve = None;
        for number in 0..20_000 {
            evidence.add(see(price(number), bid(number)), true, 1.0);
            if number % 1_000 == 999 {
                curve = fit(&evidence, &prior, curve.as_ref()).map(|fit| fit.curve);
            }
        }
        curve.unwrap()
    }

    fn worst(curve: &WinCurve) -> f64 {
        let at = |price: i64| (curve.upto(price) - truth(price)).abs();
        (60..280).map(|k| at(k * 1_000)).fold(0.0, f64::max)
    }

    #[test]
    fn full_feedback_finds_the_true_curve() {
        let off = worst(&fitted(|price, _| Sighting::Exact(price)));
        assert!(off < 0.015, "{off}");
    }

    #[test]
    fn winners_only_feedback_finds_the_true_curve() {
        let see = |price, bid| {
            if price <= bid { Sighting::Exact(price) } else { Sighting::Above(bid) }
        };
        let off = worst(&fitted(see));
        assert!(off < 0.025, "{off}");
    }

    #[test]
    fn won_and_lost_alone_find_the_true_curve() {
        let see = |price, bid| {
            if price <= bid { Sighting::AtMost(bid) } else { Sighting::Above(bid) }
        };
        let off = worst(&fitted(see));
        assert!(off < 0.04, "{off}");
    }

    #[test]
    fn a_bid_that_comes_back_makes_no_step_of_its_own_where_winners_alone_are_told() {
        // Off the grid, in the lower half of its cell; one bid in twenty is another.
        let held = 138_500;
        let mut evidence = Evidence::default();
        let prior = Prior { parent: None, weight: 16.0 };
        let mut curve = None;
        for number in 0..20_000 {
            let bid = if number % 20 == 0 { bid(number) } else { held };
            let price = price(number);
            let is_won = price <= bid;
            let seen = if is_won { Sighting::Exact(price) } else { Sighting::Above(bid) };
            evidence.add(seen, is_won, 1.0);
            if number % 1_000 == 999 {
                curve = fit(&evidence, &prior, curve.as_ref()).map(|fit| fit.curve);
            }
        }
        let curve = curve.unwrap();
        let off = |price: i64| (curve.upto(price) - truth(price)).abs();
        let off = (130..150).map(|k| off(k * 1_000)).fold(0.0, f64::max);
        assert!(off < 0.015, "{off}");
    }

    #[test]
    fn few_sightings_stay_close_to_the_parent() {
        let parent = fitted(|price, _| Sighting::Exact(price));
        let mut evidence = Evidence::default();
        for _ in 0..10 {
            evidence.add(Sighting::Exact(400_000), true, 1.0);
        }
        let with = |weight| {
            let prior = Prior { parent: Some(&parent), weight };
            fit(&evidence, &prior, None).unwrap().curve.upto(200_000)
        };
        let own = parent.upto(200_000);
        let (drawn, free) = (with(1_000.0), with(1.0));
        assert!((drawn - own).abs() < 0.02 && free < 0.3 * own, "{own} {drawn} {free}");
    }
}
