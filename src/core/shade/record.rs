//! What a place of the hierarchy is remembered for, beside what it knows: how often it won where
//! it said it would, its alarms, and what the gates made of its latest fit.
//!
//! Kept for people alone: nothing is decided by it. Called by `node`, read by `told`.

use super::number::{alike, real, weight};
use serde::{Deserialize, Serialize};

/// Stretches of the chance to win that are told apart.
pub const BINS: usize = 10;
/// Auctions' worth in one of them at which all fade by half, so that what is shown is of late.
const FADE_AT: f32 = 20_000.0;

/// Bids whose chance to win was foretold to be about the same.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct ChanceBin {
    /// How many, in auctions; what is older counts half and less.
    pub bids: f32,
    /// Sum of the squares of what rows count as: one that stands for many is one observation.
    pub squares: f32,
    /// How many were foretold to win.
    pub foretold: f32,
    /// How many won.
    pub won: f32,
}

impl ChanceBin {
    /// As many bids told one by one as would tell as much; 0 where there are none.
    #[must_use]
    pub fn alike(&self) -> f64 {
        alike(self.bids.into(), self.squares.into())
    }

    fn halve(&mut self) {
        self.bids *= 0.5;
        self.squares *= 0.25;
        self.foretold *= 0.5;
        self.won *= 0.5;
    }
}

/// What the gates made of a fit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Gate {
    /// There was no fit yet.
    #[default]
    None,
    /// It came in whole, while little was known before or a drift test held.
    Lifted,
    /// It came in whole: bids move no faster than they may.
    Passed,
    /// It came in only in part, to bound the motion of bids.
    Bounded,
    /// It foretold held-out outcomes worse than the one in force.
    Loss,
    /// It was off the middle of what was held out.
    Calibration,
}

/// The memory of one place.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub(super) struct Record {
    /// None until the first bid that was foretold: most places never have a curve.
    bins: Option<Box<[ChanceBin; BINS]>>,
    pub(super) alarms: u32,
    pub(super) gate: Gate,
}

impl Record {
    /// Bids by their foretold chance.
    pub(super) fn bins(&self) -> [ChanceBin; BINS] {
        self.bins.as_deref().copied().unwrap_or_default()
    }

    /// A bid that was foretold to win with such a chance, and whether it did.
    pub(super) fn note(&mut self, chance: f64, won: bool, times: f64) {
        let bins = self.bins.get_or_insert_default();
        let Some(bin) = bins.get_mut(place(chance)) else { return };
        bin.bids += weight(times);
        bin.squares += weight(times * times);
        bin.foretold += weight(times * chance);
        bin.won += if won { weight(times) } else { 0.0 };
        if bin.bids > FADE_AT {
            bins.iter_mut().for_each(ChanceBin::halve);
        }
    }
}

/// The stretch that a chance lies in: as many ends as it is beyond.
fn place(chance: f64) -> usize {
    (1..10_i64).filter(|end| chance >= real(*end) / 10.0).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bid_counts_where_its_chance_was_foretold() {
        let mut record = Record::default();
        for (chance, won) in [(0.0, false), (0.35, true), (0.31, false), (1.0, true)] {
            record.note(chance, won, 2.0);
        }
        let bids: Vec<f32> = record.bins().iter().map(|bin| bin.bids).collect();
        assert_eq!(bids, [2.0, 0.0, 0.0, 4.0, 0.0, 0.0, 0.0, 0.0, 0.0, 2.0]);
        assert!((record.bins()[3].foretold - 1.32).abs() < 1e-6);
        assert!((record.bins()[3].won - 2.0).abs() < 1e-6);
    }

    #[test]
    fn what_is_old_fades_and_what_was_won_of_it_stays_a_share() {
        let mut record = Record::default();
        for number in 0..100_000 {
            record.note(0.55, number % 2 == 0, 1.0);
        }
        let bin = record.bins()[5];
        assert!(bin.bids <= FADE_AT && bin.bids > FADE_AT / 4.0, "{bin:?}");
        assert!((bin.won / bin.bids - 0.5).abs() < 0.01, "{bin:?}");
    }

    #[test]
    fn rows_of_many_tell_no_more_than_rows_of_one() {
        let mut record = Record::default();
        assert_eq!((record.bins(), &record.bins), ([ChanceBin::default(); BINS], &None));
        for number in 0..50 {
            record.note(0.55, number % 2 == 0, 300.0);
        }
        let bin = record.bins()[5];
        assert!((bin.bids - 15_000.0).abs() < 1.0 && (bin.alike() - 50.0).abs() < 0.1, "{bin:?}");
        // What fades weighs less and scatters no more.
        for number in 0..20 {
            record.note(0.55, number % 2 == 0, 300.0);
        }
        let bin = record.bins()[5];
        assert!(bin.bids < 20_000.0 && bin.alike() > 50.0 && bin.alike() < 70.0, "{bin:?}");
        assert!(ChanceBin::default().alike().abs() < 1e-9);
    }

    #[test]
    fn a_place_without_a_curve_is_remembered_in_few_bytes() {
        assert_eq!((size_of::<Record>(), size_of::<[ChanceBin; BINS]>()), (16, 160));
    }
}
