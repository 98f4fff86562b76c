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
/// Outcomes after which what is learnt is looked at.
const LOOKS: [i64; 5] = [250, 500, 1_000, 2_000, LEARNT];
/// A search by halves for a price, from the width that exploring bids have, 0.55 to 1.7 of the best
/// one, to a step of the grid: log₂ (ln (1.7 / 0.55) / ln 2^(1 / 16)).
const HALVES: f64 = 4.7;

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
    /// The same after fewer outcomes: how many, and the share.
    pub course: Vec<(i64, f64)>,
    /// Bids that were not the best ones, mean of the campaigns.
    pub explored: f64,
    /// As many would have done, told won or lost alone, had each been put where it told most:
    /// [`needed`], mean of the campaigns.
    pub needed: f64,
}

/// Outcomes without which no learner that is told won or lost alone knows, 99 times in 100, that
/// the price it is right to bid at is there and not a step dearer or cheaper.
///
/// Beside the lower price bids lose for certain on the one side, and win with `chance` on the
/// other; beside the higher they win with `chance`, and for certain. Likelihoods that far apart are
/// told apart by n outcomes, on the less likely side, with (1 − chance)^n or chance^n = 0.01; each
/// halving of what is left takes as many.
fn needed(chance: f64, is_low: bool) -> f64 {
    let same = if is_low { 1.0 - chance } else { chance };
    HALVES * libm::log(0.01) / libm::log(same)
}

/// Plays as many campaigns.
#[must_use]
pub fn play(tie: TieRule, feedback: Feedback, seed: u64, campaigns: usize) -> Atoms {
    let (mut number, mut played, mut right) = (0, 0, [0; LOOKS.len()]);
    let (mut explored, mut least_needed) = (0, 0.0);
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
        let is_low = cheap > dear;
        let aim = if is_low { low } else { high } + over;
        // A step of the grid is 4.4 %.
        let most = if feedback == Feedback::WonLost { aim + aim / 22 } else { aim };
        least_needed += needed(chance, is_low);
        let ask = |key| Ask { key, path: SegmentPath::new(&[1]), floor: 0, value };
        for outcome in 0..LEARNT {
            let ask = ask(stream.bits());
            let placed = ours.place(&ask);
            explored += usize::from(!placed.is_best);
            let least = if stream.chance(chance) { low } else { high };
            let won = placed.bid >= least + over;
            let told = Told { won, least: feedback.told(least, won) };
            ours.learn(START + Span::from_secs(outcome), &ask, placed.bid, told);
            let look = LOOKS.iter().position(|&look| look == outcome + 1);
            if let Some(look) = look.filter(|_| (aim..=most).contains(&ours.best(&ask))) {
                right[look] += 1;
            }
        }
    }
    let share = |count: usize| length(count) / length(campaigns.max(1));
    Atoms {
        tie,
        feedback,
        campaigns,
        right: share(right[LOOKS.len() - 1]),
        course: LOOKS.into_iter().zip(right.map(share)).collect(),
        explored: share(explored),
        needed: least_needed / length(campaigns.max(1)),
    }
}

fn micros(price: f64) -> i64 {
    i64::try_from(whole(price)).unwrap_or(1)
}
