//! Published ways to shade, rebuilt from their papers to meet the same auctions.
//!
//! Each gets what it is told, as ours does, and a fiftieth of its auctions to explore in, since the
//! papers take their data as given. Called by `contender`.

mod log_normal;
mod logistic;
mod segmented;

pub use log_normal::LogNormal;
pub use logistic::Logistic;
pub use segmented::Segmented;

use super::contender::{Ask, Contender, Placed, Told};
use paceline_core::hash::{Purpose, draw_ppm};
use paceline_core::units::{CpmMicros, Nanos, Ppm, Timestamp};

/// A constant factor on the value.
pub struct Factor(pub f64);

impl Contender for Factor {
    fn place(&mut self, ask: &Ask) -> Placed {
        let bid = Nanos::new(ask.value).scaled_down(self.0).get();
        Placed { bid: raised(bid, ask), is_best: true }
    }

    fn learn(&mut self, _: Timestamp, _: &Ask, _: i64, _: Told) {}
}

/// A rival's own bid, or one drawn evenly below the value: always while it knows nothing, else in a
/// fiftieth of auctions.
fn explored(own: Option<i64>, ask: &Ask) -> Placed {
    let share = if own.is_some() { 20_000 } else { 1_000_000 };
    let draw = draw_ppm(Purpose::Explore, 11, ask.key, 0);
    if draw < share {
        let step = draw_ppm(Purpose::Arm, 11, ask.key, 0);
        let bid = Ppm::new(step).of(CpmMicros::new(ask.value).per_impression()).get();
        return Placed { bid: raised(bid.max(1), ask), is_best: false };
    }
    Placed { bid: raised(own.unwrap_or(ask.value), ask), is_best: true }
}

/// At least the floor, where that pays.
fn raised(bid: i64, ask: &Ask) -> i64 {
    let bid = bid.clamp(1, ask.value.max(1));
    if bid < ask.floor && ask.floor < ask.value { ask.floor } else { bid }
}

/// The best of the bids `value × e^(−k / 64)` by a win rate.
fn search(value: i64, chance: impl Fn(f64) -> f64) -> i64 {
    let value = crate::number::amount(value.into());
    let bids = (0..256_u64).map(|k| value * libm::exp(-crate::number::real(k) / 64.0));
    let judged = bids.map(|bid| ((value - bid) * chance(bid), bid));
    let best = judged.fold((0.0, 0.0), |best, one| if one.0 > best.0 { one } else { best });
    i64::try_from(crate::number::whole(best.1)).unwrap_or(1).max(1)
}
