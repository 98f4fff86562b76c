//! What a bidder runs on every request: may I bid, and how much?
//!
//! One function for client and simulator. No clock, no allocation, no branch that can fail. Time
//! has already been weighed by the lease; money left is the caller's own count.

use crate::hash::{Purpose, draw_ppm};
use crate::shade::{BidDraw, ShadedBid, ShadingLevel, ShadingSchedule};
use crate::table::{EntryState, Lease, TableEntry};
use crate::units::{CpmMicros, Nanos, PacingMultiplier, ParticipationRate, Timestamp};

/// The seller's rule for the price.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AuctionType {
    /// The winner pays its bid (`at` = 1).
    FirstPrice,
    /// The winner pays the next price (`at` = 2).
    SecondPrice,
    /// A deal with a stated price (`at` = 3): bid exactly that or nothing.
    FixedPrice(CpmMicros),
}

/// One auction, as a campaign sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BidAsk {
    /// Key of the auction's id.
    pub auction: u64,
    /// Which impression of the auction.
    pub impression: u32,
    /// Expected value of the impression to the campaign, per thousand.
    pub value: CpmMicros,
    /// A bid below this cannot win.
    pub floor: CpmMicros,
    /// How the price is made.
    pub auction_type: AuctionType,
}

/// Why there is no bid.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum SkipReason {
    /// The campaign is not in the table.
    Unknown,
    /// A hand, or outside its flights.
    Paused,
    /// It cannot afford one more event.
    Exhausted,
    /// The draw said no.
    Participation,
    /// The bid would be below the floor, or nothing.
    Floor,
    /// This bidder's allowance does not cover it.
    Allowance,
}

impl SkipReason {
    /// The word for it in labels and reports.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Unknown => "unknown",
            Self::Paused => "paused",
            Self::Exhausted => "exhausted",
            Self::Participation => "participation",
            Self::Floor => "floor",
            Self::Allowance => "allowance",
        }
    }
}

/// The answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BidDecision {
    /// Bid this; hold `reserve` of the allowance until the outcome is known.
    Bid {
        /// Per thousand.
        price: CpmMicros,
        /// The most this win can be expected to cost.
        reserve: Nanos,
    },
    /// Do not bid.
    Skip(SkipReason),
}

/// An answer, and the draw of the schedule that it went by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DrawnDecision {
    /// The answer.
    pub decision: BidDecision,
    /// What the bid is for, and how likely: to be told with what became of it. `None` without a
    /// bid, and where the bid went through no schedule.
    pub draw: Option<BidDraw>,
}

/// How a value becomes a price, step by step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BidPath {
    /// Factor on the value.
    pub multiplier: PacingMultiplier,
    /// The value times that.
    pub paced: CpmMicros,
    /// What shading made of it; the paced value itself where there is none.
    pub shaded: CpmMicros,
    /// What the bid is for, and how likely; `None` where there is no shading.
    pub draw: Option<ShadedBid>,
    /// Within cap, floor and deal; `None` where no bid meets them all.
    pub price: Option<CpmMicros>,
}

/// What shading makes of a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ShadedValue {
    /// What the bid is for, and how likely.
    pub draw: ShadedBid,
    /// The schedule's bid, with what the entry gives back of the shade. Per thousand.
    pub shaded: CpmMicros,
    /// The same, or just over the floor where that is higher, as far as the value goes.
    pub over_floor: CpmMicros,
}

/// What shading makes of a value, whatever came before it; `None` where nothing is shaded: other
/// than first prices, no schedule, or shading that is off.
///
/// [`path`] asks it with the paced value; whoever paces afterwards asks it with the whole one.
#[inline]
#[must_use]
pub fn shade(
    entry: &TableEntry,
    schedule: Option<&ShadingSchedule>,
    value: CpmMicros,
    ask: &BidAsk,
) -> Option<ShadedValue> {
    let level = entry.shading.level();
    let is_shaded = ask.auction_type == AuctionType::FirstPrice && level != ShadingLevel::Off;
    let schedule = schedule.filter(|_| is_shaded)?;
    let draw = schedule.draw(level, value, (entry.salt, ask.auction, ask.impression));
    let shaded = entry.shading.relieved(value, draw.bid);
    let least = schedule.over_floor(ask.floor);
    let is_raised = shaded < least && ask.floor <= value;
    let over_floor = if is_raised { least.min(value) } else { shaded };
    Some(ShadedValue { draw, shaded, over_floor })
}

/// The way from value to price: pacing, then shading, then cap, deal and floor.
///
/// `schedule` is that of the auction's segment, if there is one; the entry says how much of it is
/// taken.
///
/// Second prices and deals are never shaded. A shaded bid below the floor is raised to just over
/// it, as far as the paced value goes, so shading loses no auction by the floor.
#[inline]
#[must_use]
pub fn path(
    entry: &TableEntry,
    lease: Lease,
    now: Timestamp,
    schedule: Option<&ShadingSchedule>,
    ask: &BidAsk,
) -> BidPath {
    let multiplier = lease.multiplier(now, entry.multiplier, entry.safe_multiplier);
    let paced = CpmMicros::new(multiplier.ppm().of(ask.value.per_impression()).get());
    let capped = |price: CpmMicros| entry.value_cap.map_or(price, |cap| price.min(cap));
    let (mut shaded, mut draw) = (paced, None);
    let price = match ask.auction_type {
        AuctionType::FirstPrice => match shade(entry, schedule, paced, ask) {
            Some(made) => {
                (shaded, draw) = (made.shaded, Some(made.draw));
                capped(made.over_floor)
            }
            None => capped(paced),
        },
        AuctionType::SecondPrice => capped(paced),
        AuctionType::FixedPrice(deal) if deal <= capped(paced) => deal,
        AuctionType::FixedPrice(_) => CpmMicros::ZERO,
    };
    let price = (price >= ask.floor && price > CpmMicros::ZERO).then_some(price);
    BidPath { multiplier, paced, shaded, draw, price }
}

/// The answer for a campaign and an auction.
///
/// `left` is what this bidder may still commit for the campaign; `None` when allowances are not in
/// use (simulated readers without one). Without a `schedule` the paced value is bid.
#[inline]
#[must_use]
pub fn decide(
    entry: &TableEntry,
    lease: Lease,
    now: Timestamp,
    left: Option<Nanos>,
    schedule: Option<&ShadingSchedule>,
    ask: &BidAsk,
) -> BidDecision {
    decide_drawn(entry, lease, now, left, schedule, ask).decision
}

/// As [`decide`], and which draw of the schedule the bid went by.
#[inline]
#[must_use]
pub fn decide_drawn(
    entry: &TableEntry,
    lease: Lease,
    now: Timestamp,
    left: Option<Nanos>,
    schedule: Option<&ShadingSchedule>,
    ask: &BidAsk,
) -> DrawnDecision {
    let skip = |reason| DrawnDecision { decision: BidDecision::Skip(reason), draw: None };
    match entry.state {
        EntryState::Run | EntryState::Safe => {}
        EntryState::Paused => return skip(SkipReason::Paused),
        EntryState::Exhausted => return skip(SkipReason::Exhausted),
    }
    // A draw is always below one: whoever enters every auction need not be drawn for.
    let drawn = || draw_ppm(Purpose::Participate, entry.salt, ask.auction, ask.impression);
    if entry.participation != ParticipationRate::ONE && drawn() >= entry.participation.ppm().get() {
        return skip(SkipReason::Participation);
    }
    let way = path(entry, lease, now, schedule, ask);
    let Some(price) = way.price else { return skip(SkipReason::Floor) };
    let reserve = price.per_impression();
    if left.is_some_and(|left| left < reserve) {
        return skip(SkipReason::Allowance);
    }
    let draw = way.draw.map(|shaded| shaded.drawn);
    DrawnDecision { decision: BidDecision::Bid { price, reserve }, draw }
}

#[cfg(test)]
mod tests;
