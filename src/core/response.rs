//! What a campaign's bids came to of late, and at which level of the multiplier.
//!
//! Counts of asks, bids, skips below the floor, wins and money: of the last two hours, and apart
//! for every level that was published, the newest weighing most. Bounded: at most 800 bytes a
//! campaign. Says what another level would do ([`Response::lift`]); no law looks at it. Noted by
//! the engine as reports come in, read by explanations. CONTROL.md (71) to (73).

mod lift;

pub use lift::Lift;

use crate::units::{Nanos, Span, Timestamp};
use serde::{Deserialize, Serialize};

/// What is recent weighs a third after this.
const RECENT: Span = Span::from_mins(120);
/// What was seen at a level weighs a third after this.
const MEMORY: Span = Span::DAY;
/// How often levels are aged: a step of a twenty-fourth changes no figure anybody reads.
const AGED_EVERY: Span = Span::HOUR;
/// Width of a level in ln(multiplier): what happens within it is alike to a few per cent.
const WIDTH: f64 = 0.2;
/// The lowest level's lower edge, so that a multiplier of one lies in the middle of a level; all
/// below counts to it.
const LOWEST: f64 = -4.1;
/// Levels, up to a multiplier of four.
const LEVELS: usize = 28;
/// Levels of less evidence than a hundredth of an ask are forgotten.
const ASKS_MIN: f32 = 0.01;

/// Counts of asks and what came of them.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct Counts {
    /// Auctions it was eligible for.
    pub asks: f64,
    /// Bids it submitted.
    pub bids: f64,
    /// Not bid, since the bid would have been below the floor.
    pub below_floor: f64,
    /// Auctions it won.
    pub wins: f64,
}

/// What came of the last two hours, the newest weighing most.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct Recent {
    /// Minutes that the figures stand for; at most two hours.
    pub minutes: f64,
    /// Counts in them.
    pub counts: Counts,
    /// What was served in them is expected to cost, in nanos.
    pub spent: f64,
    /// What its own plan had for them, in nanos; 0 while it has none.
    pub planned: f64,
}

/// The same at one level of the multiplier, among asks that it took part in.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
struct Level {
    place: u8,
    asks: f32,
    bids: f32,
    wins: f32,
    spent: f32,
    /// Sum of ln(multiplier) over asks.
    x: f32,
}

/// One campaign's.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Response {
    recent: Recent,
    recent_at: Timestamp,
    /// In order of level.
    levels: Vec<Level>,
    aged_at: Timestamp,
    /// Whether anybody reports opportunities.
    is_counted: bool,
}

impl Response {
    /// Nothing seen yet.
    #[must_use]
    pub const fn new(now: Timestamp) -> Self {
        let none = Counts { asks: 0.0, bids: 0.0, below_floor: 0.0, wins: 0.0 };
        Self {
            recent: Recent { minutes: 0.0, counts: none, spent: 0.0, planned: 0.0 },
            recent_at: now,
            levels: Vec::new(),
            aged_at: now,
            is_counted: false,
        }
    }

    /// Time passes, with so much planned a minute in nanos.
    fn pass(&mut self, now: Timestamp, planned_rate: f64) {
        self.recent = self.recent_at(now, planned_rate);
        self.recent_at = self.recent_at.max(now);
        let since = now - self.aged_at;
        if since < AGED_EVERY {
            return;
        }
        self.aged_at = now;
        let kept = narrow(libm::exp(-since.ratio_to(MEMORY)));
        for level in &mut self.levels {
            for sum in
                [&mut level.asks, &mut level.bids, &mut level.wins, &mut level.spent, &mut level.x]
            {
                *sum *= kept;
            }
        }
        self.levels.retain(|level| level.asks > ASKS_MIN);
    }

    /// Counts came in. `level` is ln(multiplier) and participation of the time; nothing when no
    /// bids were to be made.
    pub fn note_counts(
        &mut self,
        now: Timestamp,
        planned_rate: f64,
        level: Option<(f64, f64)>,
        counts: Counts,
    ) {
        self.pass(now, planned_rate);
        self.is_counted = true;
        let recent = &mut self.recent.counts;
        recent.asks += counts.asks;
        recent.bids += counts.bids;
        recent.below_floor += counts.below_floor;
        recent.wins += counts.wins;
        let Some((x, participation)) = level else { return };
        let entered = counts.asks * participation;
        let level = self.level(x);
        level.asks += narrow(entered);
        level.bids += narrow(counts.bids);
        level.wins += narrow(counts.wins);
        level.x += narrow(entered * x);
    }

    /// Money moved, at this ln(multiplier).
    pub fn note_spend(&mut self, now: Timestamp, planned_rate: f64, x: Option<f64>, cost: Nanos) {
        self.pass(now, planned_rate);
        self.recent.spent += cost.as_f64();
        if let Some(x) = x {
            self.level(x).spent += narrow(cost.as_f64());
        }
    }

    fn level(&mut self, x: f64) -> &mut Level {
        let place = place_of(x);
        let at = match self.levels.binary_search_by_key(&place, |level| level.place) {
            Ok(at) => at,
            Err(at) => {
                let (asks, bids, wins, spent) = (0.0, 0.0, 0.0, 0.0);
                self.levels.insert(at, Level { place, asks, bids, wins, spent, x: 0.0 });
                at
            }
        };
        &mut self.levels[at]
    }

    /// The last two hours as of `now`, with so much planned a minute since the last note.
    #[must_use]
    pub fn recent_at(&self, now: Timestamp, planned_rate: f64) -> Recent {
        let minutes = (now - self.recent_at).as_minutes();
        if minutes <= 0.0 {
            return self.recent;
        }
        let kept = libm::exp(-minutes / RECENT.as_minutes());
        // A stretch weighs as much as it is remembered.
        let fresh = RECENT.as_minutes() * (1.0 - kept);
        let Recent { minutes, counts, spent, planned } = self.recent;
        Recent {
            minutes: minutes * kept + fresh,
            counts: Counts {
                asks: counts.asks * kept,
                bids: counts.bids * kept,
                below_floor: counts.below_floor * kept,
                wins: counts.wins * kept,
            },
            spent: spent * kept,
            planned: planned * kept + planned_rate.max(0.0) * fresh,
        }
    }

    /// Whether asks, bids and wins are reported at all.
    #[must_use]
    pub const fn is_counted(&self) -> bool {
        self.is_counted
    }

    /// The lowest and the highest ln(multiplier) of which something is known.
    #[must_use]
    pub fn observed(&self) -> Option<(f64, f64)> {
        let mut known = self.known();
        let first = known.next()?.x;
        let last = known.last().map_or(first, |level| level.x);
        Some((first, last))
    }

    /// What spend would be at ln(multiplier) `to`, over what it is at `from`.
    #[must_use]
    pub fn lift(&self, from: f64, to: f64) -> Lift {
        let levels: Vec<lift::Seen> = self.known().collect();
        Lift::of(&levels, from, to)
    }

    /// Levels that say something, in order.
    fn known(&self) -> impl Iterator<Item = lift::Seen> + '_ {
        let told = self.levels.iter().filter(|level| level.asks >= lift::ASKS_MIN);
        told.map(|level| lift::Seen {
            x: f64::from(level.x / level.asks),
            asks: f64::from(level.asks),
            wins: f64::from(level.wins),
            spent: f64::from(level.spent),
        })
    }
}

/// The level of an x.
fn place_of(x: f64) -> u8 {
    let steps = ((x - LOWEST) / WIDTH).max(0.0);
    let last = u8::try_from(LEVELS - 1).unwrap_or(u8::MAX);
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "it saturates")]
    let place = steps as u8;
    place.min(last)
}

#[expect(clippy::cast_possible_truncation, reason = "seven digits will do for evidence")]
const fn narrow(value: f64) -> f32 {
    value as f32
}

#[cfg(test)]
mod tests;
