//! Markets of a known curve: how much of the best surplus is got, how soon, and at which price.
//!
//! Surplus is expected, by the true curve, over the auctions that were drawn: what luck decided is
//! taken out. Called by the study.

use super::contender::{Ask, Contender, Feedback, NAMES, Ours, Told, contender};
use super::truth::{Auction, Market};
use crate::number::length;
use crate::rng::Stream;
use paceline_core::units::{CpmMicros, Span, Timestamp};
use serde::Serialize;

/// Outcomes before what is learnt is judged.
pub const LEARNT: usize = 20_000;
/// And those it is judged by.
pub const JUDGED: usize = 5_000;
/// Time between auctions of a market.
const GAP: Span = Span::from_secs(1);
/// Outcomes in a point of a learning curve.
pub const BLOCK: usize = 1_000;

/// Noon of a day.
pub(super) const START: Timestamp = Timestamp::from_micros(1_700_049_600_000_000);

/// What one contender got in one market.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Score {
    /// Who.
    pub contender: &'static str,
    /// Share of the best surplus by what it held for best, after [`LEARNT`] outcomes.
    pub best: f64,
    /// The same by all its bids, explorers and control group among them.
    pub all: f64,
    /// By all its bids from the first outcome on, in blocks of [`BLOCK`].
    pub course: Vec<f64>,
    /// The least surplus so far, over all outcomes, as a share of the best of a block: how far it
    /// ever was below the control group, which by bidding its value gets nothing.
    pub lowest: f64,
}

/// One market under one kind of feedback.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Known {
    /// Which.
    pub market: &'static str,
    /// What is told.
    pub feedback: Feedback,
    /// The shader first.
    pub scores: Vec<Score>,
}

/// Segments share the outcomes, so that a market of many is played for longer.
fn outcomes(market: &Market) -> usize {
    if market.middles.len() == 1 { LEARNT } else { 4 * LEARNT }
}

pub(super) fn ask_of(market: &Market, auction: &Auction) -> Ask {
    Ask {
        key: auction.key,
        path: market.path(auction.segment),
        floor: auction.floor,
        value: auction.value,
    }
}

/// Lets a contender meet an auction; returns the surplus it may expect, and whether the bid is its
/// best.
pub(super) fn meet(
    who: &mut dyn Contender,
    market: &Market,
    scale: f64,
    (auction, now, feedback): (&Auction, Timestamp, Feedback),
) -> (f64, bool) {
    let ask = ask_of(market, auction);
    let placed = who.place(&ask);
    let won = placed.bid >= auction.least;
    let told = Told { won, least: feedback.told(auction.least, won) };
    who.learn(now, &ask, placed.bid, told);
    (market.surplus(auction, scale, CpmMicros::new(placed.bid)), placed.is_best)
}

/// Plays one market for every contender, or for ours alone.
#[must_use]
pub fn play(market: &Market, feedback: Feedback, seed: u64, has_rivals: bool) -> Known {
    let (learnt, total) = (outcomes(market), outcomes(market) + JUDGED);
    let mut stream = Stream::new(seed, market.name);
    let auctions: Vec<Auction> = (0..total).map(|_| market.draw(&mut stream, 1.0)).collect();
    let best: Vec<f64> = auctions.iter().map(|auction| market.best(auction, 1.0).0).collect();
    let count = if has_rivals { NAMES.len() } else { 1 };
    let score = |place: usize| {
        let mut who = contender(place, 10);
        let (mut judged, mut course) = (Tally::default(), Vec::new());
        let (mut block, mut sum, mut lowest) = ((0.0, 0.0), 0.0_f64, 0.0_f64);
        for (number, (auction, best)) in auctions.iter().zip(&best).enumerate() {
            let now = START + GAP.times(i64::try_from(number).unwrap_or(0));
            let (got, is_best) = meet(who.as_mut(), market, 1.0, (auction, now, feedback));
            block = (block.0 + got, block.1 + best);
            sum += got;
            lowest = lowest.min(sum);
            if number % BLOCK == BLOCK - 1 {
                course.push(block.0 / block.1.max(1.0));
                block = (0.0, 0.0);
            }
            if number >= learnt {
                judged.add(got, *best, is_best);
            }
        }
        let per_block = best.iter().sum::<f64>() / length(total) * length(BLOCK);
        Score {
            contender: NAMES[place],
            best: judged.own.0 / judged.own.1.max(1.0),
            all: judged.all.0 / judged.all.1.max(1.0),
            course,
            lowest: lowest / per_block.max(1.0),
        }
    };
    Known { market: market.name, feedback, scores: (0..count).map(score).collect() }
}

/// Got and best, of all bids and of the best ones.
#[derive(Default)]
struct Tally {
    all: (f64, f64),
    own: (f64, f64),
}

impl Tally {
    fn add(&mut self, got: f64, best: f64, is_best: bool) {
        self.all = (self.all.0 + got, self.all.1 + best);
        if is_best {
            self.own = (self.own.0 + got, self.own.1 + best);
        }
    }
}

/// Mean surplus that the shader's schedules would get on these auctions.
pub(super) fn held(ours: &Ours, market: &Market, scale: f64, probes: &[Auction]) -> f64 {
    let of = |auction: &Auction| {
        let bid = ours.best(&ask_of(market, auction));
        market.surplus(auction, scale, CpmMicros::new(bid))
    };
    probes.iter().map(of).sum::<f64>() / length(probes.len()).max(1.0)
}
