//! What was seen of the others' price: weights on intervals, fading, bounded, with point masses.
//!
//! Everything an exchange tells is an interval that holds the price: a cell of the grid, all below
//! a bid, all above one. Prices that come again and again are told apart to the micro. Knows no
//! probabilities. Called by `node`, and read by `estimate`.

use super::grid;
use super::number::weight;
use super::outcome::Sighting;
use serde::{Deserialize, Serialize};

/// The upper end of an interval that has none.
pub(super) const OPEN: i64 = i64::MAX;
/// Intervals kept: ten octaves of cells, of bids that won and of bids that lost, and the atoms.
const ROWS_MAX: usize = 640;
/// Prices watched for coming back, and those told apart.
const WATCHED_MAX: usize = 24;
pub(super) const ATOMS_MAX: usize = 16;
/// A price is told apart once it has this share of the exact sightings, and so many of them.
const ATOM_SHARE: f32 = 0.015;
const ATOM_LEAST: f32 = 4.0;
/// Weights below this say nothing any more.
const FAINT: f32 = 1e-3;

/// So much weight on prices above `low`, up to and with `high`.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub(super) struct Row {
    pub(super) low: i64,
    pub(super) high: i64,
    /// The least and the greatest price in there, where prices themselves were seen: a cell in
    /// which one price is met is that price.
    least: i64,
    most: i64,
    pub(super) weight: f32,
}

impl Row {
    pub(super) const fn new((low, high): (i64, i64), seen: Sighting, weight: f32) -> Self {
        let (least, most) = match seen {
            Sighting::Exact(price) => (price, price),
            Sighting::AtMost(_) | Sighting::Above(_) => (low + 1, high),
        };
        Self { low, high, least, most, weight }
    }

    /// Above which and up to which price the weight lies, as close as is known.
    pub(super) const fn within(&self) -> (i64, i64) {
        (self.least - 1, self.most)
    }
}

/// A price that may be a point mass: seen at least `count − missed` times.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
struct Watched {
    price: i64,
    count: f32,
    missed: f32,
}

/// All that was seen in one place.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub(super) struct Evidence {
    /// By interval.
    rows: Vec<Row>,
    /// Prices told apart, rising.
    atoms: Vec<i64>,
    watched: Vec<Watched>,
    /// Of all rows.
    total: f32,
    /// Of outcomes that told the price, or that it was the floor.
    told: f32,
    /// Of sightings of a price itself.
    exact: f32,
}

impl Evidence {
    pub(super) fn rows(&self) -> &[Row] {
        &self.rows
    }

    pub(super) fn atoms(&self) -> &[i64] {
        &self.atoms
    }

    /// Auctions' worth, after fading.
    pub(super) fn total(&self) -> f64 {
        self.total.into()
    }

    /// Share of the weight that came with the minimum to win.
    pub(super) fn told(&self) -> f64 {
        if self.total > 0.0 { f64::from(self.told / self.total).min(1.0) } else { 0.0 }
    }

    /// The interval of a sighting, its ends on the grid or at an atom.
    pub(super) fn interval(&self, seen: Sighting) -> (i64, i64) {
        match seen {
            Sighting::Exact(price) => self.cell(price),
            Sighting::AtMost(price) => (0, self.nearest(price)),
            Sighting::Above(price) => (self.nearest(price), OPEN),
        }
    }

    /// Adds a sighting; a price that came back often enough is told apart from then on.
    pub(super) fn add(&mut self, seen: Sighting, is_told: bool, times: f64) {
        self.note(seen, is_told, times);
        self.put(Row::new(self.interval(seen), seen, weight(times)));
    }

    /// Counts a sighting whose interval comes in later.
    pub(super) fn note(&mut self, seen: Sighting, is_told: bool, times: f64) {
        let times = weight(times);
        self.told += if is_told { times } else { 0.0 };
        if let Sighting::Exact(price) = seen {
            self.exact += times;
            self.watch(price, times);
        }
    }

    /// Adds intervals that were held elsewhere.
    pub(super) fn absorb(&mut self, rows: &[Row]) {
        for row in rows {
            self.put(*row);
        }
    }

    fn put(&mut self, new: Row) {
        self.total += new.weight;
        match self.rows.binary_search_by_key(&(new.low, new.high), |row| (row.low, row.high)) {
            Ok(at) => {
                let row = &mut self.rows[at];
                row.weight += new.weight;
                row.least = row.least.min(new.least);
                row.most = row.most.max(new.most);
            }
            Err(at) => {
                self.rows.insert(at, new);
                if self.rows.len() > ROWS_MAX {
                    self.drop_least();
                }
            }
        }
    }

    fn drop_least(&mut self) {
        let by_weight = |a: &(usize, f32), b: &(usize, f32)| a.1.total_cmp(&b.1);
        let weights = self.rows.iter().map(|row| row.weight).enumerate();
        if let Some((at, least)) = weights.min_by(by_weight) {
            self.rows.remove(at);
            self.total = (self.total - least).max(0.0);
        }
    }

    /// Multiplies all weights by a factor in 0 to 1, and forgets what is faint.
    pub(super) fn fade(&mut self, factor: f64) {
        let factor = weight(factor.clamp(0.0, 1.0));
        for row in &mut self.rows {
            row.weight *= factor;
        }
        self.rows.retain(|row| row.weight > FAINT);
        // A price that is seen no more makes room for another: its cell is like any other then.
        let rows = &self.rows;
        let is_seen = |atom: i64| rows.iter().any(|row| (row.low, row.high) == (atom - 1, atom));
        self.atoms.retain(|&atom| is_seen(atom));
        for watched in &mut self.watched {
            watched.count *= factor;
            watched.missed *= factor;
        }
        self.exact *= factor;
        self.told *= factor;
        self.total = self.rows.iter().map(|row| row.weight).sum();
    }

    /// The cell that holds a price: the micro itself for an atom.
    fn cell(&self, price: i64) -> (i64, i64) {
        if self.atoms.binary_search(&price).is_ok() {
            return (price - 1, price);
        }
        let step = grid::step_of(price);
        let high = grid::edge(step);
        let low = if step > grid::FIRST { grid::edge(step - 1) } else { 0 };
        let mut cell = (low, high);
        for &atom in &self.atoms {
            if atom < price {
                cell.0 = cell.0.max(atom);
            } else {
                cell.1 = cell.1.min(atom - 1);
            }
        }
        cell
    }

    /// The end of a cell nearest to a price, on the same side of every atom.
    fn nearest(&self, price: i64) -> i64 {
        let (low, high) = self.cell(price.max(1));
        if high - price <= price - low || low == 0 { high } else { low }
    }

    /// Space saving (Metwally, Agrawal and El Abbadi, ICDT 2005): whoever is least often seen gives
    /// its place up, and its count is what the newcomer may have missed.
    fn watch(&mut self, price: i64, times: f32) {
        let at = self.watched.iter().position(|watched| watched.price == price);
        let at = match at {
            Some(at) => at,
            None if self.watched.len() < WATCHED_MAX => {
                self.watched.push(Watched { price, count: 0.0, missed: 0.0 });
                self.watched.len() - 1
            }
            None => {
                let counts = self.watched.iter().map(|watched| watched.count).enumerate();
                let least = counts.min_by(|a, b| a.1.total_cmp(&b.1));
                let (at, missed) = least.expect("there are some");
                self.watched[at] = Watched { price, count: missed, missed };
                at
            }
        };
        self.watched[at].count += times;
        let sure = self.watched[at].count - self.watched[at].missed;
        let is_often = sure >= ATOM_LEAST.max(ATOM_SHARE * self.exact);
        // A price of the first cell is no cheaper to tell apart than to bid through.
        let has_room = price > grid::edge(grid::FIRST) && self.atoms.len() < ATOMS_MAX;
        if is_often
            && has_room
            && let Err(place) = self.atoms.binary_search(&price)
        {
            self.atoms.insert(place, price);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_price_that_comes_back_is_told_apart() {
        let mut evidence = Evidence::default();
        for number in 0..200 {
            evidence.add(Sighting::Exact(100_000 + 137 * number), true, 1.0);
            evidence.add(Sighting::Exact(200_000), true, 1.0);
        }
        assert_eq!(evidence.atoms(), &[200_000]);
        assert_eq!(evidence.interval(Sighting::Exact(200_000)), (199_999, 200_000));
        // A bid on one side of an atom is never rounded to the other.
        assert!(evidence.interval(Sighting::AtMost(200_001)).1 >= 200_000);
        assert!(evidence.interval(Sighting::AtMost(199_998)).1 < 200_000);
        assert!((evidence.told() - 1.0).abs() < 1e-6);
    }

    #[test]
    fn rows_are_bounded_and_fade_away() {
        let mut evidence = Evidence::default();
        for number in 0..2_000_i64 {
            let price = 64 + number * number * 7;
            for seen in [Sighting::Exact(price), Sighting::AtMost(price), Sighting::Above(price)] {
                evidence.add(seen, true, 1.0);
            }
        }
        assert!(evidence.rows().len() <= ROWS_MAX, "{}", evidence.rows().len());
        evidence.fade(1e-9);
        assert!(evidence.rows().is_empty() && evidence.total() < 1e-9);
    }

    #[test]
    fn a_price_that_comes_no_more_makes_room_for_another() {
        let mut evidence = Evidence::default();
        // Twice as many in turn as are told apart at once.
        for price in 1..=2 * i64::try_from(ATOMS_MAX).unwrap() {
            for _ in 0..200 {
                evidence.add(Sighting::Exact(100_000 * price), true, 1.0);
            }
            assert!(evidence.atoms().contains(&(100_000 * price)), "{price}");
            evidence.fade(1e-6);
        }
    }
}
