//! Money held while an auction is open: a bounded set of cells, and the tokens that name them.
//!
//! A hold is opened by `decide`, ended by `won` or `lost`, and by the sweeper when neither comes.
//! Whoever ends it first gives its money back, and nobody else. No locks. Knows nothing of
//! campaigns beyond their place. Called by `board`.

use crate::slot_table::spread;
use paceline_core::hash::mix;
use paceline_core::units::{Nanos, Timestamp};
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

/// How many cells are tried for a new hold. With a quarter of the cells in use, eight busy ones in
/// a row are met once in 65 000 bids.
const CELLS_TRIED: usize = 8;

const FREE: u64 = 0;
const BUSY: u64 = 1;
const OPENING: u64 = 2;
const STATE_MASK: u64 = 3;

/// Names the money held for one bid. To be handed to `won` or `lost`; dropping it leaves the money
/// held until the hold's time is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use = "money is held until the hold is won, lost or timed out"]
pub struct Hold {
    cell: u32,
    place: u32,
    /// State word of the cell while the hold is open.
    word: u64,
    amount: Nanos,
    tag: u8,
}

impl Hold {
    /// Holds nothing: allowances are not in use, or there is no bid.
    pub const NONE: Self = Self { cell: 0, place: 0, word: 0, amount: Nanos::ZERO, tag: 0 };

    /// Whether it holds nothing.
    #[must_use]
    pub fn is_none(&self) -> bool {
        self.word == 0
    }

    /// The money held.
    #[must_use]
    pub const fn amount(&self) -> Nanos {
        self.amount
    }

    pub(crate) const fn place(&self) -> usize {
        self.place as usize
    }

    /// Window of the purse that it is from.
    pub(crate) const fn tag(&self) -> u8 {
        self.tag
    }
}

/// One cell. The word counts the cell's holds in its upper 62 bits.
#[derive(Debug, Default)]
struct Cell {
    word: AtomicU64,
    /// Place in the lower 32 bits, purse's window above.
    purse: AtomicU64,
    amount: AtomicI64,
    deadline: AtomicI64,
}

impl Cell {
    fn hold(&self, index: usize, word: u64) -> Hold {
        let purse = self.purse.load(Ordering::Relaxed);
        Hold {
            cell: u32::try_from(index).unwrap_or(u32::MAX),
            place: (purse & 0xffff_ffff) as u32,
            word,
            amount: Nanos::new(self.amount.load(Ordering::Relaxed)),
            tag: (purse >> 32 & 0xff) as u8,
        }
    }

    /// Ends the hold whose word this is; false when it has ended already.
    fn end(&self, word: u64) -> bool {
        let free = (word & !STATE_MASK).wrapping_add(4) | FREE;
        self.word.compare_exchange(word, free, Ordering::AcqRel, Ordering::Relaxed).is_ok()
    }
}

/// All cells.
#[derive(Debug)]
pub(crate) struct Holds {
    cells: Box<[Cell]>,
}

impl Holds {
    pub(crate) fn new(cells: usize) -> Self {
        let cells = cells.clamp(1, 1 << 30);
        Self { cells: (0..cells).map(|_| Cell::default()).collect() }
    }

    /// Opens a hold; `None` when the cells tried for `seed` are all busy. The money is the
    /// caller's until then.
    pub(crate) fn open(
        &self,
        seed: u64,
        place: usize,
        tag: u8,
        amount: Nanos,
        deadline: Timestamp,
    ) -> Option<Hold> {
        let first = spread(mix(seed), self.cells.len());
        for step in 0..CELLS_TRIED {
            let index = first + step;
            let wraps = index >= self.cells.len();
            let index = if wraps { index - self.cells.len() } else { index };
            let cell = self.cells.get(index)?;
            let word = cell.word.load(Ordering::Relaxed);
            if word & STATE_MASK != FREE {
                continue;
            }
            let opening = word | OPENING;
            let claimed =
                cell.word.compare_exchange(word, opening, Ordering::Acquire, Ordering::Relaxed);
            if claimed.is_err() {
                continue;
            }
            cell.purse.store(place as u64 | u64::from(tag) << 32, Ordering::Relaxed);
            cell.amount.store(amount.get(), Ordering::Relaxed);
            cell.deadline.store(deadline.as_micros(), Ordering::Relaxed);
            cell.word.store(word | BUSY, Ordering::Release);
            return Some(cell.hold(index, word | BUSY));
        }
        None
    }

    /// Ends a hold; false when it was ended before, by its time for instance.
    pub(crate) fn end(&self, hold: &Hold) -> bool {
        self.cells.get(hold.cell as usize).is_some_and(|cell| cell.end(hold.word))
    }

    /// Every open hold. One that opens or ends meanwhile may be seen or not.
    pub(crate) fn open_holds(&self) -> impl Iterator<Item = (Hold, Timestamp)> {
        self.cells.iter().enumerate().filter_map(|(index, cell)| {
            let word = cell.word.load(Ordering::Acquire);
            let deadline = Timestamp::from_micros(cell.deadline.load(Ordering::Relaxed));
            (word & STATE_MASK == BUSY).then(|| (cell.hold(index, word), deadline))
        })
    }

    /// Ends every hold whose time is over and tells each to `ended`.
    pub(crate) fn sweep(&self, now: Timestamp, mut ended: impl FnMut(Hold)) {
        for (hold, deadline) in self.open_holds() {
            // What was read belongs to this hold only if its word still stands: `end` checks.
            if deadline <= now && self.end(&hold) {
                ended(hold);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn open(holds: &Holds, seed: u64, until: i64) -> Option<Hold> {
        holds.open(seed, 9, 5, Nanos::new(100), Timestamp::from_micros(until))
    }

    #[test]
    fn a_hold_ends_once() {
        let holds = Holds::new(16);
        let hold = open(&holds, 1, 50).unwrap();
        assert_eq!((hold.place(), hold.tag(), hold.amount()), (9, 5, Nanos::new(100)));
        assert!(holds.end(&hold));
        assert!(!holds.end(&hold));
        let again = open(&holds, 1, 50).unwrap();
        assert!(!holds.end(&hold), "the cell is another hold's now");
        assert!(holds.end(&again));
    }

    #[test]
    fn only_holds_past_their_time_are_swept() {
        let holds = Holds::new(16);
        let (early, late) = (open(&holds, 1, 50).unwrap(), open(&holds, 2, 51).unwrap());
        let mut ended = Vec::new();
        holds.sweep(Timestamp::from_micros(50), |hold| ended.push(hold));
        assert_eq!(ended, [early]);
        assert!(!holds.end(&early));
        assert!(holds.end(&late));
    }

    #[test]
    fn full_cells_refuse_and_are_free_again_after_the_end() {
        let holds = Holds::new(4);
        let open_now: Vec<_> = (0..4).map(|seed| open(&holds, seed, 50).unwrap()).collect();
        assert_eq!(open(&holds, 9, 50), None);
        assert!(open_now.iter().all(|hold| holds.end(hold)));
        assert!(open(&holds, 9, 50).is_some());
    }
}
