//! What of the market holds a campaign that bids as high as it may: floors, rivals, or how little
//! there is.
//!
//! Every ask it takes part in ends in one of three ways: the bid would be below the floor, it
//! loses, or it wins. What most asks come to is the cause. CONTROL.md (74).

use super::case::Case;
use super::{Cause, CauseKind, Edit, Figure, Unit};
use crate::units::{PacingMultiplier, Ppm};

/// A part of the asks from which it is a cause of its own.
const SHARE_MIN: f64 = 0.3;
/// What the part of the asks adds to a cause's weight.
const PART: f64 = 0.2;
/// A raise that is proposed is at most this in ln(multiplier): a factor of 1.8.
pub const RAISE_MAX: f64 = 0.6;
/// The least raise worth proposing.
const RAISE_MIN: f64 = 0.05;
/// More traffic than this is not proposed at once.
const WIDEN_MAX: f64 = 2.0;
/// Fewer asks an hour than this are none.
const ASKS_PER_HOUR_MIN: f64 = 1.0;

/// How the asks of late ended, as shares of those it took part in.
struct Ends {
    floor: f64,
    lost: f64,
    won: f64,
}

fn ends(case: &Case) -> Ends {
    let counts = case.recent.counts;
    let entered = (counts.bids + counts.below_floor).max(1e-9);
    let floor = (counts.below_floor / entered).clamp(0.0, 1.0);
    // At the most it may bid, whatever it bids now.
    let seen = if counts.bids > 0.0 { counts.wins / counts.bids } else { 0.0 };
    let won = if case.is_at_most() {
        (1.0 - floor) * seen.min(1.0)
    } else {
        case.limits.at_most.win_rate.unwrap_or(seen).min(1.0 - floor)
    };
    Ends { floor, lost: (1.0 - floor - won).max(0.0), won }
}

/// Causes in the market, from `base` up, the more the larger their part.
pub(super) fn causes(case: &Case, base: f64) -> Vec<Cause> {
    let hours = (case.recent.minutes / 60.0).max(1e-9);
    let asks = case.recent.counts.asks / hours;
    let Ends { floor, lost, won } = ends(case);
    let figures = |more: &[Figure]| {
        let mut figures = vec![
            Figure { name: "asks", value: asks, unit: Unit::PerHour },
            Figure { name: "asks_won", value: won, unit: Unit::Share },
            Figure { name: "asks_lost", value: lost, unit: Unit::Share },
            Figure { name: "asks_below_floor", value: floor, unit: Unit::Share },
            Figure { name: "needed", value: case.need(), unit: Unit::Multiplier },
        ];
        figures.extend(super::judge::spend_figures(case));
        figures.extend_from_slice(more);
        figures
    };
    let most = case.limits.multiplier_max.ppm().as_f64();
    let most = [Figure { name: "multiplier_max", value: most, unit: Unit::Multiplier }];
    let widen = || Cause {
        kind: CauseKind::SupplyLimited,
        weight: base + PART * won,
        figures: figures(&[]),
        edit: Some(Edit::Widen { times: case.need().clamp(1.1, WIDEN_MAX) }),
        effect: None,
    };
    // Nobody told what it was asked, or nobody asked.
    if !case.is_counted || asks < ASKS_PER_HOUR_MIN {
        return vec![widen()];
    }
    let mut causes = Vec::new();
    for (kind, share) in [(CauseKind::FloorLimited, floor), (CauseKind::BidLimited, lost)] {
        if share >= SHARE_MIN {
            let (figures, edit) = (figures(&most), raise(case));
            causes.push(Cause { kind, weight: base + PART * share, figures, edit, effect: None });
        }
    }
    if won >= SHARE_MIN || causes.is_empty() {
        causes.push(widen());
    }
    causes
}

/// As much more as is needed, within what may be proposed at once.
fn raise(case: &Case) -> Option<Edit> {
    let limits = &case.limits;
    // The raise's own estimate tells how much spend a part of it brings.
    let slope = libm::log(limits.raise.ratio.max(1.01)) / RAISE_MAX;
    let step = (libm::log(case.need()) / slope).min(RAISE_MAX);
    let most = PacingMultiplier::HARD_MAX.ppm().as_f64();
    let to = (libm::exp(limits.x_max + step)).min(most);
    let is_worth_it = libm::log(to) - limits.x_max >= RAISE_MIN;
    let to = Ppm::try_from_ratio(to).filter(|_| is_worth_it)?;
    Some(Edit::MultiplierMax { to: PacingMultiplier::try_new(to).ok()? })
}
