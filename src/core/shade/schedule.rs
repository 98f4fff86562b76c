//! The shading schedule: the best bid as a line through a few knots, which is what bidders get.
//! Between two knots it rises or holds: a smooth market is a slope, point masses are stairs.
//!
//! Rising, never above the paced value, one look-up. A schedule says besides how many auctions stay
//! unshaded as the control group and how many explore; both are drawn by stable hashes, so that
//! anyone can tell afterwards which bid was what, and how likely. Knows no evidence. Called by
//! `bid`, and made by `node`. CONTROL.md (45).

mod line;

use super::number::{ppm, real};
use super::outcome::TieRule;
use super::surplus::{Envelope, Market};
pub use crate::campaign::ShadingLevel;
use crate::hash::{Purpose, draw_ppm};
use crate::units::{CpmMicros, Ppm};
use serde::{Deserialize, Serialize};

/// Knots at most: with the rest, 116 bytes a schedule and 12 MB for 100 000 segments.
pub const KNOTS_MAX: usize = 12;
/// Words of 64 bits that hold a schedule.
pub const WORDS: usize = KNOTS_MAX + 2;
/// Between which shares of the best bid an exploring one lies, in parts per million: each stretch
/// as likely, and evenly within it, since bids that are always alike tell of their own place alone.
pub const STEPS: [u32; 9] =
    [550_000, 680_000, 800_000, 900_000, 1_000_000, 1_100_000, 1_250_000, 1_430_000, 1_700_000];
/// The same of the paced value, while nothing is known.
pub const FIRST_STEPS: [u32; 9] =
    [50_000, 150_000, 250_000, 350_000, 450_000, 550_000, 650_000, 800_000, 1_000_000];
/// Stretches between the steps.
const STRETCHES: u32 = 8;

/// What a bid is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BidRole {
    /// Best by what is known.
    Best,
    /// Unshaded, to compare with.
    Control,
    /// Off the best, to learn.
    Explore,
}

impl BidRole {
    /// Every role, for tables and messages.
    pub const ALL: [Self; 3] = [Self::Best, Self::Control, Self::Explore];

    /// The word for it in streams, reports and labels.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Best => "shaded",
            Self::Control => "control",
            Self::Explore => "explored",
        }
    }
}

/// The draw that a bid went by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct BidDraw {
    /// What the bid is for.
    pub role: BidRole,
    /// How likely such an auction is to be bid for so: 1 to 1 000 000.
    pub propensity: Ppm,
}

/// A bid that went through a schedule.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ShadedBid {
    /// Per thousand; at most the paced value.
    pub bid: CpmMicros,
    /// What it is for, and how likely.
    pub drawn: BidDraw,
}

/// A place on the line, in units of 2^shift micros.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
struct Knot {
    value: u32,
    bid: u32,
}

/// From paced values to bids.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct ShadingSchedule {
    knots: [Knot; KNOTS_MAX],
    /// Auctions left unshaded.
    control: Ppm,
    /// Auctions that explore.
    explore: Ppm,
    tick: u32,
    /// A bit a knot: its bid holds up to the next one, instead of rising to it.
    held: u16,
    count: u8,
    shift: u8,
    tie: TieRule,
}

/// What a fit says of itself.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ScheduleFit {
    /// The schedule, without control group and exploration.
    pub schedule: ShadingSchedule,
    /// The surplus that the line loses, as a share: mean over values, even in the logarithm.
    pub loss: f64,
}

impl ShadingSchedule {
    /// Bids the paced value; all that a market without evidence is good for.
    #[must_use]
    pub const fn identity(tie: TieRule, tick: CpmMicros) -> Self {
        Self {
            knots: [Knot { value: 0, bid: 0 }; KNOTS_MAX],
            control: Ppm::new(0),
            explore: Ppm::new(0),
            tick: narrow(tick.get()),
            held: 0,
            count: 0,
            shift: 0,
            tie,
        }
    }

    /// With these shares of auctions as control group and exploring, each in 0 to 1.
    #[must_use]
    pub fn with_shares(self, control: f64, explore: f64) -> Self {
        Self { control: Ppm::new(ppm(control)), explore: Ppm::new(ppm(explore)), ..self }
    }

    /// Share of auctions left unshaded.
    #[must_use]
    pub const fn control(&self) -> Ppm {
        self.control
    }

    /// Share of the others that explore.
    #[must_use]
    pub const fn explore(&self) -> Ppm {
        self.explore
    }

    /// Values and bids of the knots, rising.
    pub fn knots(&self) -> impl Iterator<Item = (CpmMicros, CpmMicros)> + '_ {
        let wide = |part: u32| CpmMicros::new(i64::from(part) << self.shift);
        self.live().iter().map(move |knot| (wide(knot.value), wide(knot.bid)))
    }

    /// All of it in words of 64 bits: a knot each, the shares, then the rest.
    #[must_use]
    pub fn words(&self) -> [u64; WORDS] {
        let mut words = [0; WORDS];
        for (word, knot) in words.iter_mut().zip(&self.knots) {
            *word = u64::from(knot.value) << 32 | u64::from(knot.bid);
        }
        words[KNOTS_MAX] = u64::from(self.control.get()) << 32 | u64::from(self.explore.get());
        let tie = u64::from(self.tie == TieRule::Lose);
        words[KNOTS_MAX + 1] = u64::from(self.tick)
            | u64::from(self.held) << 32
            | u64::from(self.count) << 48
            | u64::from(self.shift) << 52
            | tie << 58;
        words
    }

    /// The way back. Words of another make give a schedule that is no worse than none: its bids are
    /// at most the paced value all the same.
    #[inline]
    #[must_use]
    pub fn from_words(words: &[u64; WORDS]) -> Self {
        let halves = |word: u64| (low_half(word >> 32), low_half(word));
        let knot = |at: usize| {
            let (value, bid) = halves(words[at]);
            Knot { value, bid }
        };
        let (control, explore) = halves(words[KNOTS_MAX]);
        let (rest, tick) = halves(words[KNOTS_MAX + 1]);
        let part = |at: u32, mask: u32| u8::try_from(rest >> at & mask).unwrap_or(0);
        Self {
            knots: std::array::from_fn(knot),
            control: Ppm::new(control),
            explore: Ppm::new(explore),
            tick,
            held: u16::try_from(rest & 0xffff).unwrap_or(0),
            count: part(16, 0xf),
            shift: part(20, 0x3f),
            tie: if rest >> 26 & 1 == 1 { TieRule::Lose } else { TieRule::Win },
        }
    }

    fn live(&self) -> &[Knot] {
        &self.knots[..usize::from(self.count).min(KNOTS_MAX)]
    }

    /// The least bid that wins where nobody but the floor is in the way.
    #[inline]
    #[must_use]
    pub fn over_floor(&self, floor: CpmMicros) -> CpmMicros {
        match self.tie {
            TieRule::Win => floor,
            TieRule::Lose if floor <= CpmMicros::ZERO => floor,
            TieRule::Lose => CpmMicros::new(floor.get().saturating_add(self.tick.into())),
        }
    }

    /// The bid for a paced value, at most that.
    #[inline]
    #[must_use]
    pub fn bid(&self, level: ShadingLevel, paced: CpmMicros) -> CpmMicros {
        let (lower, best) = self.between(paced.get());
        CpmMicros::new(match level {
            ShadingLevel::Off => paced.get(),
            ShadingLevel::Cautious => best + (paced.get() - best) / 2,
            ShadingLevel::Standard => best,
            ShadingLevel::Aggressive => lower,
        })
    }

    /// The bid of the knot below, and the one on the line.
    #[inline]
    fn between(&self, paced: i64) -> (i64, i64) {
        let wide = |part: u32| (i64::from(part) << self.shift).min(paced);
        let value = narrow(paced >> self.shift);
        let knots = self.live();
        let above = knots.iter().filter(|knot| knot.value <= value).count();
        let Some(low) = above.checked_sub(1).and_then(|at| knots.get(at)) else {
            // Below the cheapest bid that wins anything every bid is as good.
            let bid = knots.first().map_or(paced, |first| wide(first.bid));
            return (bid, bid);
        };
        let is_held = self.held >> (above - 1) & 1 == 1;
        let Some(high) = knots.get(above).filter(|_| !is_held) else {
            return (wide(low.bid), wide(low.bid));
        };
        // Each is below 2³², so the product fits, and the quotient is at most the rise.
        let rise = u64::from(high.bid.saturating_sub(low.bid));
        let run = u64::from(high.value.saturating_sub(low.value)).max(1);
        let climbed = rise * u64::from(value - low.value) / run;
        (wide(low.bid), wide(low.bid.saturating_add(u32::try_from(climbed).unwrap_or(u32::MAX))))
    }

    /// The bid for a paced value in an auction, by its draws.
    ///
    /// `salt` is the campaign's. Explorers go off the level's own bid, or off the value while the
    /// schedule knows nothing.
    #[inline]
    #[must_use]
    pub fn draw(
        &self,
        level: ShadingLevel,
        paced: CpmMicros,
        (salt, auction, impression): (u64, u64, u32),
    ) -> ShadedBid {
        let one = Ppm::ONE.get();
        let is_drawn = |purpose, share: Ppm| {
            let draw = (share.get() > 0).then(|| draw_ppm(purpose, salt, auction, impression));
            draw.filter(|&draw| draw < share.get())
        };
        let best = self.bid(level, paced);
        if level == ShadingLevel::Off || is_drawn(Purpose::Control, self.control).is_some() {
            let propensity = if level == ShadingLevel::Off { Ppm::ONE } else { self.control };
            return ShadedBid { bid: paced, drawn: BidDraw { role: BidRole::Control, propensity } };
        }
        let rest = one - self.control.get().min(one);
        // Below 10¹² each, so a product of two fits. What was drawn cannot be impossible.
        let joint = |share: u32| {
            let product = u64::from(rest) * u64::from(share) / u64::from(one);
            Ppm::new(u32::try_from(product).unwrap_or(one).max(1))
        };
        let Some(draw) = is_drawn(Purpose::Explore, self.explore) else {
            let propensity = joint(one - self.explore.get().min(one));
            return ShadedBid { bid: best, drawn: BidDraw { role: BidRole::Best, propensity } };
        };
        let steps = if self.count == 0 { &FIRST_STEPS } else { &STEPS };
        let step = step_at(steps, draw, self.explore.get());
        let bid = Ppm::new(step).of(best.per_impression());
        let bid = CpmMicros::new(bid.get()).min(paced);
        let propensity = joint(self.explore.get() / STRETCHES);
        ShadedBid { bid, drawn: BidDraw { role: BidRole::Explore, propensity } }
    }

    /// The line through the fewest corners that loses next to nothing.
    #[must_use]
    pub fn fit(market: &Market<'_>, envelope: &Envelope) -> ScheduleFit {
        let (line, loss) = line::fit(market, envelope);
        let most = line.last().map_or(0, |last| last.value);
        let shift = 32_u8.saturating_sub(u8::try_from(most.leading_zeros()).unwrap_or(0));
        let mut schedule = Self::identity(market.tie, market.tick);
        schedule.shift = shift;
        for (place, (knot, point)) in schedule.knots.iter_mut().zip(&line).enumerate() {
            // A value is rounded up and a bid down, so that no bid comes to be above its value.
            let unit = (1_i64 << shift) - 1;
            let value = narrow((point.value + unit) >> shift);
            *knot = Knot { value, bid: narrow(point.bid >> shift) };
            schedule.held |= u16::from(point.is_held) << place;
            schedule.count += 1;
        }
        ScheduleFit { schedule, loss }
    }
}

#[expect(clippy::cast_possible_truncation, reason = "the lower half is asked for")]
const fn low_half(word: u64) -> u32 {
    word as u32
}

/// Where a draw below `share` lies on the steps.
#[inline]
fn step_at(steps: &[u32; 9], draw: u32, share: u32) -> u32 {
    // Both are at most a million, so nothing overflows.
    let along = draw.min(share) * STRETCHES;
    let (place, rest) = (along / share.max(1), along % share.max(1));
    let at = |place: u32| steps.get(place as usize).copied().unwrap_or(1_000_000);
    let (low, high) = (at(place), at(place + 1));
    let part = u64::from(high.saturating_sub(low)) * u64::from(rest) / u64::from(share.max(1));
    low + u32::try_from(part).unwrap_or(0)
}

/// What exploring by [`STEPS`] costs, as a share of the surplus, mean over the knots; and what
/// leaving a bid unshaded costs, as a share of what is spent.
#[must_use]
pub fn costs(market: &Market<'_>, schedule: &ShadingSchedule) -> (f64, f64) {
    let (mut best, mut explored, mut spent, mut control) = (0.0, 0.0, 0.0, 0.0);
    for (value, bid) in schedule.knots().skip(1) {
        // Each knot weighs the same, whatever its price.
        let scale = 1.0 / real(value.get().max(1));
        best += scale * market.surplus(value, bid);
        for pair in STEPS.windows(2) {
            let step = Ppm::new(u32::midpoint(pair[0], pair[1]));
            let off = CpmMicros::new(step.of(bid.per_impression()).get()).min(value);
            explored += scale * market.surplus(value, off) / f64::from(STRETCHES);
        }
        spent += scale * real(bid.get()) * market.chance(bid);
        control += scale * real(value.get()) * market.chance(value);
    }
    if best <= 0.0 || spent <= 0.0 {
        return (1.0, 1.0);
    }
    ((1.0 - explored / best).clamp(0.0, 1.0), (control / spent - 1.0).max(0.0))
}

/// What does not fit stands at the end of the range.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped before")]
const fn narrow(part: i64) -> u32 {
    if part < 0 {
        0
    } else if part > u32::MAX as i64 {
        u32::MAX
    } else {
        part as u32
    }
}

#[cfg(test)]
mod tests;
