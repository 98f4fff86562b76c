//! Worlds of two prices: does each campaign bid at the one that pays, by the tie rule in force?
//!
//! Called by the study.

use super::contender::{Ask, Contender, Feedback, Ours, Told};
use super::known::START;
use crate::number::{amount, length, whole};
use crate::rng::Stream;
use paceline_core::shade::{SegmentPath, ShaderConfig, TieRule};
use paceline_core::units::Span;
use serde::Serialize;

/// Outcomes a campaign learns from.
const LEARNT: i64 = 5_000;
/// Worlds in which the two bids differ by less than this share of the better are left out: no
/// sample of that size could tell them apart.
const APART: f64 = 0.03;

/// How many were right.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Atoms {
    /// Whether a tie wins.
    pub tie: TieRule,
    /// What is told.
    pub feedback: Feedback,
    /// Campaigns, each in a world of its own.
    pub campaigns: usize,
    /// Share that bids at the right price: to the micro where prices are told, within a step of
    /// the grid where they are not.
    pub right: f64,
}

/// Plays as many campaigns.
#[must_use]
pub fn play(tie: TieRule, feedback: Feedback, seed: u64, campaigns: usize) -> Atoms {
    let (mut number, mut played, mut right) = (0, 0, 0);
    while played < campaigns {
        number += 1;
        let mut stream = Stream::numbered(seed, "two atoms", number);
        let chance = 0.2 + 0.6 * stream.unit();
        let low = micros(100_000.0 + 400_000.0 * stream.unit());
        let high = micros(amount(low.into()) * (1.5 + 2.5 * stream.unit()));
        let value = micros(amount(high.into()) * (0.7 + 2.0 * stream.unit()));
        let over = i64::from(tie == TieRule::Lose);
        let surplus = |bid: i64, chance: f64| amount((value - bid - over).into()) * chance;
        let (cheap, dear) = (surplus(low, chance), surplus(high, 1.0));
        if libm::fabs(cheap - dear) < APART * cheap.max(dear) {
            continue;
        }
        played += 1;
        let mut ours = Ours::with(10, ShaderConfig { tie, ..ShaderConfig::default() });
        let ask = |key| Ask { key, path: SegmentPath::new(&[1]), floor: 0, value };
        for outcome in 0..LEARNT {
            let ask = ask(stream.bits());
            let placed = ours.place(&ask);
            let least = if stream.chance(chance) { low } else { high };
            let won = placed.bid >= least + over;
            let told = Told { won, least: feedback.told(least, won) };
            ours.learn(START + Span::from_secs(outcome), &ask, placed.bid, told);
        }
        let aim = if cheap > dear { low } else { high } + over;
        let bid = ours.best(&ask(0));
        // A step of the grid is 4.4 %.
        let most = if feedback == Feedback::WonLost { aim + aim / 22 } else { aim };
        right += usize::from((aim..=most).contains(&bid));
    }
    Atoms { tie, feedback, campaigns, right: length(right) / length(campaigns.max(1)) }
}

fn micros(price: f64) -> i64 {
    i64::try_from(whole(price)).unwrap_or(1)
}
