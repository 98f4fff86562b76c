//! What a bidder runs on every request: may I bid, and how much?
//!
//! One function for client and simulator. No clock, no allocation, no branch that can fail. Time
//! has already been weighed by the lease; money left is the caller's own count.

use crate::hash::{Purpose, draw_ppm};
use crate::table::{EntryState, Lease, TableEntry};
use crate::units::{CpmMicros, Nanos, ParticipationRate, Timestamp};

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

/// The answer for a campaign and an auction.
///
/// `left` is what this bidder may still commit for the campaign; `None` when allowances are not in
/// use (simulated readers without one). Shading is the identity until landscapes are learned.
#[inline]
#[must_use]
pub fn decide(
    entry: &TableEntry,
    lease: Lease,
    now: Timestamp,
    left: Option<Nanos>,
    ask: &BidAsk,
) -> BidDecision {
    match entry.state {
        EntryState::Run | EntryState::Safe => {}
        EntryState::Paused => return BidDecision::Skip(SkipReason::Paused),
        EntryState::Exhausted => return BidDecision::Skip(SkipReason::Exhausted),
    }
    // A draw is always below one: whoever enters every auction need not be drawn for.
    let drawn = || draw_ppm(Purpose::Participate, entry.salt, ask.auction, ask.impression);
    if entry.participation != ParticipationRate::ONE && drawn() >= entry.participation.ppm().get() {
        return BidDecision::Skip(SkipReason::Participation);
    }
    let multiplier = lease.multiplier(now, entry.multiplier, entry.safe_multiplier);
    let paced = CpmMicros::new(multiplier.ppm().of(ask.value.per_impression()).get());
    let capped = entry.value_cap.map_or(paced, |cap| paced.min(cap));
    let price = match ask.auction_type {
        AuctionType::FirstPrice | AuctionType::SecondPrice => capped,
        AuctionType::FixedPrice(deal) if deal <= capped => deal,
        AuctionType::FixedPrice(_) => return BidDecision::Skip(SkipReason::Floor),
    };
    if price < ask.floor || price <= CpmMicros::ZERO {
        return BidDecision::Skip(SkipReason::Floor);
    }
    let reserve = price.per_impression();
    if left.is_some_and(|left| left < reserve) {
        return BidDecision::Skip(SkipReason::Allowance);
    }
    BidDecision::Bid { price, reserve }
}
