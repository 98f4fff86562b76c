//! Markets that change: how soon a shift is followed, what a drift costs, and how often an alarm is
//! false.
//!
//! Called by the study.

use super::contender::{Feedback, Ours};
use super::known::{START, held, meet};
use super::truth::{Auction, Market, Shape};
use crate::number::{length, real};
use crate::rng::Stream;
use paceline_core::units::{Span, Timestamp};
use serde::Serialize;

/// Outcomes before a shift.
const BEFORE: u64 = 20_000;
/// And after it, at most.
const AFTER: u64 = 20_000;
/// Outcomes between two looks.
const LOOK: u64 = 100;
/// Looks in a row that must find it back.
const LOOKS: usize = 3;
/// Outcomes an hour.
const HOURLY: u64 = 3_600;
/// What is lost by a shift must be back within so many outcomes, by kind of feedback.
pub const BACK_WITHIN: [u64; 3] = [5_000, 8_000, 15_000];

/// How a shift was followed.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Shift {
    /// What is told.
    pub feedback: Feedback,
    /// Prices afterwards, as a share of before.
    pub scale: f64,
    /// Outcomes until nine tenths of what was lost were back, by seed; none within 20 000.
    pub back: Vec<Option<u64>>,
    /// Share of the surplus that was lost at first, mean over seeds.
    pub lost: f64,
}

/// What a steady drift cost.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Drift {
    /// What is told.
    pub feedback: Feedback,
    /// Prices move by this share an hour.
    pub hourly: f64,
    /// Share of the best surplus that the schedules lost, after the first six hours.
    pub cost: f64,
    /// Alarms.
    pub alarms: u64,
}

/// How quiet a market that does not change is.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Quiet {
    /// What is told.
    pub feedback: Feedback,
    /// Days of 86 400 outcomes each.
    pub days: u64,
    /// Alarms, all of them false, over the segment and the market above it.
    pub alarms: u64,
}

fn market() -> Market {
    Market {
        name: "shift",
        shape: Shape::LogNormal(0.5),
        middles: vec![500_000.0],
        floors: vec![0],
        values: (libm::log(1_000_000.0), 0.5),
    }
}

fn at(number: u64) -> Timestamp {
    START + Span::from_secs(i64::try_from(number).unwrap_or(0))
}

fn probes(market: &Market, seed: u64) -> Vec<Auction> {
    let mut stream = Stream::new(seed, "probes");
    (0..200).map(|_| market.draw(&mut stream, 1.0)).collect()
}

fn best(market: &Market, scale: f64, probes: &[Auction]) -> f64 {
    probes.iter().map(|one| market.best(one, scale).0).sum::<f64>() / length(probes.len())
}

/// A shift of all prices, for each seed.
#[must_use]
pub fn shift(feedback: Feedback, scale: f64, seeds: &[u64]) -> Shift {
    let market = market();
    let mut lost = 0.0;
    let mut one = |&seed: &u64| {
        let mut ours = Ours::new(10);
        let mut stream = Stream::new(seed, "shift");
        for number in 0..BEFORE {
            let auction = market.draw(&mut stream, 1.0);
            meet(&mut ours, &market, 1.0, (&auction, at(number), feedback));
        }
        let probes = probes(&market, seed);
        let most = best(&market, scale, &probes);
        let old = held(&ours, &market, scale, &probes);
        lost += (most - old) / most / length(seeds.len());
        let mut found = 0;
        for number in 0..AFTER {
            let auction = market.draw(&mut stream, scale);
            meet(&mut ours, &market, scale, (&auction, at(BEFORE + number), feedback));
            if number % LOOK == LOOK - 1 {
                let back = (held(&ours, &market, scale, &probes) - old) / (most - old);
                found = if back >= 0.9 { found + 1 } else { 0 };
                if found == LOOKS {
                    return Some(number + 1 - LOOK * 2);
                }
            }
        }
        None
    };
    let back = seeds.iter().map(&mut one).collect();
    Shift { feedback, scale, back, lost }
}

/// Prices that rise, and after half the time fall, by a share an hour.
#[must_use]
pub fn drift(feedback: Feedback, hourly: f64, seed: u64) -> Drift {
    let market = market();
    let mut ours = Ours::new(10);
    let mut stream = Stream::new(seed, "drift");
    let probes = probes(&market, seed);
    let (hours, mut got, mut most) = (18, 0.0, 0.0);
    for number in 0..hours * HOURLY {
        let hour = real(number) / real(HOURLY);
        let turn = real(hours) / 2.0;
        let scale = libm::exp(hourly * (turn - libm::fabs(hour - turn)));
        let auction = market.draw(&mut stream, scale);
        meet(&mut ours, &market, scale, (&auction, at(number), feedback));
        if number >= 6 * HOURLY && number % LOOK == 0 {
            got += held(&ours, &market, scale, &probes);
            most += best(&market, scale, &probes);
        }
    }
    let alarms = ours.shader().counts().alarms;
    Drift { feedback, hourly, cost: 1.0 - got / most, alarms }
}

/// A market that stays the same.
#[must_use]
pub fn quiet(feedback: Feedback, days: u64, seed: u64) -> Quiet {
    let market = market();
    let mut ours = Ours::new(600);
    let mut stream = Stream::new(seed, "quiet");
    for number in 0..days * 86_400 {
        let auction = market.draw(&mut stream, 1.0);
        meet(&mut ours, &market, 1.0, (&auction, at(number), feedback));
    }
    Quiet { feedback, days, alarms: ours.shader().counts().alarms }
}
