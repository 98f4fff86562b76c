//! Campaigns that had demand and no allowance: a bounded set, filled by readers without waiting.
//!
//! A campaign asked for twice stands once, at its dearest price. Called by `board` (in) and by the
//! subscriber (out).

use crate::slot_table::spread;
use paceline_core::hash::mix;
use paceline_core::units::{CampaignId, Nanos};
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

/// Campaigns wanted at a time, in all. Draws go out every few milliseconds, so that more than this
/// would not be served sooner.
const WANTS: usize = 1024;
/// Cells tried for one campaign.
const CELLS_TRIED: usize = 4;

#[derive(Debug, Default)]
struct Want {
    key: AtomicU64,
    price: AtomicI64,
}

/// The set.
#[derive(Debug)]
pub(crate) struct Wants {
    cells: Box<[Want]>,
}

impl Wants {
    pub(crate) fn new() -> Self {
        Self { cells: (0..WANTS).map(|_| Want::default()).collect() }
    }

    /// Asks for one event of a campaign; false when there is no room, and then nothing happens.
    pub(crate) fn ask(&self, campaign: CampaignId, price: Nanos) -> bool {
        let first = spread(mix(campaign.key()), WANTS);
        for step in 0..CELLS_TRIED {
            let Some(cell) = self.cells.get((first + step) % WANTS) else { return false };
            let key = cell.key.load(Ordering::Relaxed);
            if key == 0 {
                let key = campaign.key();
                let swap = cell.key.compare_exchange(0, key, Ordering::Relaxed, Ordering::Relaxed);
                if swap.is_err_and(|other| other != key) {
                    continue;
                }
            } else if key != campaign.key() {
                continue;
            }
            if cell.price.load(Ordering::Relaxed) < price.get() {
                cell.price.store(price.get(), Ordering::Relaxed);
            }
            return true;
        }
        false
    }

    /// Takes out all that is asked for.
    pub(crate) fn take(&self) -> impl Iterator<Item = (CampaignId, Nanos)> {
        self.cells.iter().filter_map(|cell| {
            if cell.key.load(Ordering::Relaxed) == 0 {
                return None;
            }
            // Price first: a campaign that asks in between stands again with its own price, or
            // with none, and then asks again at its next auction.
            let price = cell.price.swap(0, Ordering::Relaxed);
            let key = cell.key.swap(0, Ordering::Relaxed);
            (key != 0 && price > 0).then(|| (CampaignId::from_key(key), Nanos::new(price)))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_campaign_stands_once_at_its_dearest_price() {
        let wants = Wants::new();
        for price in [5, 9, 7] {
            assert!(wants.ask(CampaignId::from_key(3), Nanos::new(price)));
        }
        let taken: Vec<_> = wants.take().collect();
        assert_eq!(taken, [(CampaignId::from_key(3), Nanos::new(9))]);
        assert_eq!(wants.take().count(), 0);
    }

    #[test]
    fn wants_are_bounded() {
        let wants = Wants::new();
        let taken = (1..=5_000).filter(|&n| wants.ask(CampaignId::from_key(n), Nanos::new(1)));
        let taken = taken.count();
        assert!(taken <= WANTS, "{taken}");
        assert_eq!(wants.take().count(), taken);
    }
}
