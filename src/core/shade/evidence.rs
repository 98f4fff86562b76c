//! What was seen of the others' price: weights on intervals, fading, bounded, with point masses.
//!
//! Everything an exchange tells is an interval that holds the price: a cell of the grid, all below
//! a bid, all above one. Prices that come again and again are told apart to the micro, and so are
//! bids: what was won and what was lost with a bid must lie on the two sides of one end. Knows no
//! probabilities. Called by `node`, and read by `estimate`.

mod watch;

use super::grid;
use super::number::{real, weight};
use super::outcome::Sighting;
use serde::{Deserialize, Serialize};
use watch::Watch;

/// The upper end of an interval that has none.
pub(super) const OPEN: i64 = i64::MAX;
/// Intervals kept: ten octaves of cells, of bids that won and of bids that lost, and the atoms.
const ROWS_MAX: usize = 640;
/// Prices told apart.
pub(super) const ATOMS_MAX: usize = 16;
/// A price is told apart once it has this share of the exact sightings, and so many of them.
const ATOM_SHARE: f32 = 0.015;
const ATOM_LEAST: f32 = 4.0;
/// Bids that cut the grid, at most: a schedule holds twelve bids, and a campaign of one value one.
const CUTS_MAX: usize = 16;
/// A bid cuts the grid once it has this share of what bids alone tell, and so many outcomes.
const CUT_SHARE: f32 = 0.02;
const CUT_LEAST: f32 = 8.0;
/// Below this share of all it cuts no more.
const CUT_KEPT: f32 = 0.002;
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

/// All that was seen in one place.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub(super) struct Evidence {
    /// By interval.
    rows: Vec<Row>,
    /// Prices told apart, rising.
    atoms: Vec<i64>,
    watched: Watch,
    /// Bids that cut the grid, rising.
    cuts: Vec<i64>,
    bids: Watch,
    /// Of all rows.
    total: f32,
    /// Of outcomes that told the price, or that it was the floor.
    told: f32,
    /// Of sightings of a price itself.
    exact: f32,
    /// Of those that say no more than on which side of a bid it was.
    sided: f32,
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
        match seen {
            Sighting::Exact(price) => {
                self.exact += times;
                self.tell_apart(price, times);
            }
            Sighting::AtMost(bid) | Sighting::Above(bid) => {
                self.sided += times;
                self.cut_at(bid, times);
            }
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
        self.watched.fade(factor);
        self.bids.fade(factor);
        self.exact *= factor;
        self.sided *= factor;
        self.told *= factor;
        self.total = self.rows.iter().map(|row| row.weight).sum();
        self.mend_cuts();
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
        let above = self.cuts.partition_point(|&cut| cut < price);
        let low = above.checked_sub(1).map_or(cell.0, |at| cell.0.max(self.cuts[at]));
        (low, self.cuts.get(above).map_or(cell.1, |&cut| cell.1.min(cut)))
    }

    /// The end of a cell nearest to a price, on the same side of every atom and cut.
    fn nearest(&self, price: i64) -> i64 {
        let (low, high) = self.cell(price.max(1));
        if high - price <= price - low || low == 0 { high } else { low }
    }

    /// Watches a price, and tells it apart once it came back often enough.
    fn tell_apart(&mut self, price: i64, times: f32) {
        let sure = self.watched.note(price, times);
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

    /// Watches a bid, and cuts the grid where one comes again and again. Else what was lost with it
    /// would be written down at the end of its cell, below what was won with it in there: as if
    /// none of those that lost had been in the running, and the cell held nearly all that is left.
    /// Bids that differ need no cut: as many are put up as down.
    fn cut_at(&mut self, bid: i64, times: f32) {
        let sure = self.bids.note(bid, times);
        let is_often = sure >= CUT_LEAST.max(CUT_SHARE * self.sided);
        // Told won and lost alone, both are put at the same end, and nothing is out of step.
        let is_told = self.exact > CUT_SHARE * self.sided;
        if !is_often || !is_told || bid <= grid::edge(grid::FIRST) || self.cuts.len() >= CUTS_MAX {
            return;
        }
        let (low, high) = self.cell(bid);
        if bid == high {
            return;
        }
        if let Err(place) = self.cuts.binary_search(&bid) {
            self.cuts.insert(place, bid);
            self.divide((low, high), bid);
        }
    }

    /// Shares out what was seen in a cell before it was cut, as if even in there.
    fn divide(&mut self, cell: (i64, i64), cut: i64) {
        let Ok(at) = self.rows.binary_search_by_key(&cell, |row| (row.low, row.high)) else {
            return;
        };
        let row = self.rows.remove(at);
        self.total -= row.weight;
        let (low, high) = row.within();
        let below = real((cut - low).clamp(0, high - low)) / real((high - low).max(1));
        let below = row.weight * weight(below);
        if below > 0.0 {
            self.put(Row { high: cut, most: row.most.min(cut), weight: below, ..row });
        }
        if row.weight - below > 0.0 {
            let least = row.least.max(cut + 1);
            self.put(Row { low: cut, least, weight: row.weight - below, ..row });
        }
    }

    /// Heals cuts at which nothing much was bid of late, so that others find room.
    fn mend_cuts(&mut self) {
        let least = CUT_KEPT * self.total;
        for place in (0..self.cuts.len()).rev() {
            let cut = self.cuts[place];
            let is_at = |row: &&Row| (row.low, row.high) == (cut, OPEN) || row.high == cut;
            let sides = self.rows.iter().filter(is_at).filter(|row| row.low == 0 || row.low == cut);
            if sides.map(|row| row.weight).sum::<f32>() >= least {
                continue;
            }
            self.cuts.remove(place);
            // An atom has its ends here anyway.
            let is_end = |atom: i64| self.atoms.binary_search(&atom).is_ok();
            if is_end(cut) || is_end(cut + 1) {
                continue;
            }
            let (low, high) = self.cell(cut);
            let near = self.nearest(cut);
            let is_moved = |row: &Row| row.low == cut || row.high == cut;
            let (moved, kept): (Vec<Row>, Vec<Row>) = self.rows.iter().copied().partition(is_moved);
            self.rows = kept;
            self.total -= moved.iter().map(|row| row.weight).sum::<f32>();
            for row in moved {
                let to = |end: i64, to: i64| if end == cut { to } else { end };
                self.put(if row.low == 0 && row.high == cut {
                    Row { high: near, most: near, ..row }
                } else if row.high == OPEN {
                    Row { low: near, least: near + 1, ..row }
                } else {
                    Row { low: to(row.low, low), high: to(row.high, high), ..row }
                });
            }
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
    fn a_bid_that_comes_back_keeps_what_lost_and_what_won_with_it_apart() {
        let mut evidence = Evidence::default();
        // Off every end of the grid; prices come up to it, and beyond.
        let bid = 1_022_623;
        let (low, high) = evidence.cell(bid);
        for number in 0..40 {
            evidence.add(Sighting::Exact(low + 1 + 400 * number), true, 1.0);
            evidence.add(Sighting::Exact(bid + 1 + 200 * number), true, 1.0);
            evidence.add(Sighting::Above(bid), false, 1.0);
        }
        assert_eq!(evidence.interval(Sighting::Exact(bid)), (low, bid));
        assert_eq!(evidence.interval(Sighting::Exact(bid + 1)), (bid, high));
        assert_eq!(evidence.interval(Sighting::Above(bid)), (bid, OPEN));
        let rows = |evidence: &Evidence| -> Vec<(i64, i64)> {
            evidence.rows().iter().map(|row| (row.low, row.high)).collect()
        };
        assert!(rows(&evidence).contains(&(bid, OPEN)));
        assert!((evidence.total() - 120.0).abs() < 1e-3, "{}", evidence.total());
        // Nobody bids so any more: the cell is one again, and nothing is lost.
        for _ in 0..20_000 {
            evidence.add(Sighting::Exact(2_000_000), true, 1.0);
        }
        evidence.fade(0.9);
        assert_eq!(evidence.interval(Sighting::Exact(bid)), (low, high));
        assert!(!rows(&evidence).iter().any(|&(from, to)| from == bid || to == bid));
        assert!((evidence.total() - 0.9 * 20_120.0).abs() < 5.0, "{}", evidence.total());
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
