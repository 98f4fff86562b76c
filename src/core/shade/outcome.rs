//! What became of a bid, as an exchange tells it, and what that says of the price to beat.
//!
//! The submitted bid is the only bid that is learnt from: no multiplier, no pacing state, so that
//! what is learned cannot depend on what pacing did. Whose bid it was, its role and what it was
//! worth are there to compare groups by, and no curve sees them. Three kinds of feedback may be
//! mixed: the minimum to win for all, for winners alone, or won and lost alone. What contradicts
//! itself is named and left out. Called by `shader` and by whoever takes outcomes in.

use super::schedule::BidDraw;
use crate::units::{CampaignId, CpmMicros, Currency, ProducerId, SegmentId};
use serde::{Deserialize, Serialize};

/// The highest price taken: a million units an impression, as traces and ledger have it.
pub const PRICE_MAX: CpmMicros = CpmMicros::new(1_000_000_000_000_000);
/// The most auctions that one row may stand for, so that no reporter outweighs a market alone.
pub const COUNT_MAX: u32 = 10_000;
/// Levels below the whole market: exchange, placement and device, segment, hour block.
pub const LEVELS: usize = 4;

/// What stands between the levels of a segment's name.
const BETWEEN: char = '/';

/// Why a name is no segment's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must have 1 to 4 levels with \"/\" between them, none of them empty")]
pub struct PathError;

/// The exchange of a segment: the first level of its name.
#[must_use]
pub fn market_of(segment: &str) -> &str {
    segment.split_once(BETWEEN).map_or(segment, |(market, _)| market)
}

/// Where an auction was, from the widest to the narrowest; the last is what is published.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct SegmentPath {
    keys: [u64; LEVELS],
    count: u8,
}

impl SegmentPath {
    /// From the keys of its levels; those beyond [`LEVELS`] are not told apart.
    #[must_use]
    pub fn new(levels: &[u64]) -> Self {
        let mut keys = [0; LEVELS];
        let mut count = 0;
        for (key, level) in keys.iter_mut().zip(levels) {
            *key = *level;
            count += 1;
        }
        Self { keys, count }
    }

    /// From a segment's name, such as `exchange/placement/device`: each level is known by the key
    /// of the name up to its end, so that the last one's is that of the whole name.
    ///
    /// # Errors
    /// [`PathError`].
    pub fn of_name(name: &str) -> Result<Self, PathError> {
        let mut keys = [0; LEVELS];
        let (mut count, mut end) = (0, 0);
        for level in name.split(BETWEEN) {
            let key = keys.get_mut(usize::from(count)).filter(|_| !level.is_empty());
            end += level.len();
            *key.ok_or(PathError)? = SegmentId::of(&name[..end]).key();
            end += BETWEEN.len_utf8();
            count += 1;
        }
        Ok(Self { keys, count })
    }

    /// The keys, widest first; none is the whole market.
    #[must_use]
    pub fn levels(&self) -> &[u64] {
        &self.keys[..usize::from(self.count).min(LEVELS)]
    }

    /// The narrowest level, whose schedule a bidder looks up.
    #[must_use]
    pub fn segment(&self) -> Option<SegmentId> {
        self.levels().last().map(|&key| SegmentId::from_key(key))
    }
}

/// The seller's rule for the price, as `at` of OpenRTB 2.6 says it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PriceRule {
    /// 1: the winner pays its bid.
    First,
    /// 2: the winner pays the price to beat.
    Second,
    /// 3: a deal at a stated price, which says nothing of a market.
    Fixed,
}

/// Who wins when a bid equals the price to beat.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TieRule {
    /// We do.
    #[default]
    Win,
    /// The other does: a bid must be a tick above.
    Lose,
}

/// What became of bids that are alike.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Outcome {
    /// Where.
    pub path: SegmentPath,
    /// How the price was made.
    pub price_rule: PriceRule,
    /// Lowest bid taken; zero is none.
    pub floor: CpmMicros,
    /// What was submitted.
    pub bid: CpmMicros,
    /// Whether it won.
    pub won: bool,
    /// What the winner paid, if we won and were told.
    pub clearing: Option<CpmMicros>,
    /// What would have tied for the win, floor included, if told.
    pub min_to_win: Option<CpmMicros>,
    /// Why it lost, as the loss reasons of OpenRTB 2.6 are numbered, if told.
    pub loss_reason: Option<u16>,
    /// How many auctions the row stands for, sampling undone: 1 to [`COUNT_MAX`].
    pub count: u32,
    /// Whose bid it was and which draw it went by, if it went by one and that was told.
    pub trial: Option<BidTrial>,
}

/// A bid that went through a schedule, as one of those that are compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct BidTrial {
    /// Whose.
    pub campaign: CampaignId,
    /// In which role, and how likely.
    pub drawn: BidDraw,
    /// What the impression was expected to be worth to the campaign, before pacing, per thousand;
    /// if told.
    pub value: Option<CpmMicros>,
}

/// Outcomes that came together.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct OutcomeBatch {
    /// Bounded at the edge.
    pub outcomes: Vec<Outcome>,
}

/// Outcomes as one reporter tells them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OutcomeReport {
    /// Who reports.
    pub producer: Option<ProducerId>,
    /// The reporter's own count of such reports.
    pub sequence: Option<u64>,
    /// Of every price in it.
    pub currency: Currency,
    /// Bounded at the edge.
    pub outcomes: Vec<Outcome>,
}

/// Why an outcome was left out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Fault {
    /// A price is negative, a bid is nothing, or one is above [`PRICE_MAX`].
    Price,
    /// The count is nothing or above [`COUNT_MAX`].
    Count,
    /// The minimum to win is below the floor.
    MinimumBelowFloor,
    /// Won with less than the minimum to win.
    WonBelowMinimum,
    /// Lost with more than the minimum to win.
    LostAboveMinimum,
    /// Won below the floor.
    WonBelowFloor,
    /// Paid more than was bid.
    PaidAboveBid,
    /// A deal, or lost for a reason other than the price: no news of the price.
    NotByPrice,
    /// Its prices are in another currency than the market's.
    Currency,
    /// Its reporter has told more than its part of late.
    Overweight,
    /// More of what its reporter told was faulty than sound.
    Distrusted,
}

impl Fault {
    /// Every fault, for tables and counters.
    pub const ALL: [Self; 11] = [
        Self::Price,
        Self::Count,
        Self::MinimumBelowFloor,
        Self::WonBelowMinimum,
        Self::LostAboveMinimum,
        Self::WonBelowFloor,
        Self::PaidAboveBid,
        Self::NotByPrice,
        Self::Currency,
        Self::Overweight,
        Self::Distrusted,
    ];

    /// Its place in [`Self::ALL`].
    #[must_use]
    pub const fn index(self) -> usize {
        self as usize
    }

    /// The word for it in reports, labels and on the wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Price => "price",
            Self::Count => "count",
            Self::MinimumBelowFloor => "minimum_below_floor",
            Self::WonBelowMinimum => "won_below_minimum",
            Self::LostAboveMinimum => "lost_above_minimum",
            Self::WonBelowFloor => "won_below_floor",
            Self::PaidAboveBid => "paid_above_bid",
            Self::NotByPrice => "not_by_price",
            Self::Currency => "currency",
            Self::Overweight => "overweight",
            Self::Distrusted => "distrusted",
        }
    }
}

/// What an outcome says of the highest price that others offer, floor apart.
///
/// The price to beat is the greater of the two, so where it equals the floor the others' price is
/// known to be at most that. One curve of the others' prices then serves every floor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sighting {
    /// It is this.
    Exact(i64),
    /// It is at most this.
    AtMost(i64),
    /// It is above this.
    Above(i64),
}

impl Outcome {
    /// What it says, or what is wrong with it.
    ///
    /// # Errors
    /// [`Fault`].
    pub fn sighting(&self, tie: TieRule) -> Result<Sighting, Fault> {
        self.check(tie)?;
        let told = match (self.price_rule, self.won) {
            (PriceRule::Second, true) => self.min_to_win.or(self.clearing),
            _ => self.min_to_win,
        };
        let bid = self.bid.get();
        Ok(match told {
            Some(price) if price > self.floor => Sighting::Exact(price.get()),
            Some(_) => Sighting::AtMost(self.floor.get()),
            None => match (self.won, tie) {
                (true, TieRule::Win) => Sighting::AtMost(bid),
                (true, TieRule::Lose) => Sighting::AtMost(bid - 1),
                (false, TieRule::Win) => Sighting::Above(bid),
                (false, TieRule::Lose) => Sighting::Above(bid - 1),
            },
        })
    }

    /// The highest of the others' prices that the bid wins against; `None` where the floor alone
    /// decided.
    pub(super) fn reach(&self, tie: TieRule) -> Option<i64> {
        let over = i64::from(tie == TieRule::Lose);
        (self.bid >= self.floor).then(|| self.bid.get() - over)
    }

    fn check(&self, tie: TieRule) -> Result<(), Fault> {
        let is_price = |price: CpmMicros| (CpmMicros::ZERO..=PRICE_MAX).contains(&price);
        let told = [self.clearing, self.min_to_win];
        if !is_price(self.floor)
            || !is_price(self.bid)
            || self.bid == CpmMicros::ZERO
            || told.iter().flatten().any(|&price| !is_price(price))
        {
            return Err(Fault::Price);
        }
        if self.count == 0 || self.count > COUNT_MAX {
            return Err(Fault::Count);
        }
        // Reasons by price: 100 below the floor, 102 lost to a higher bid.
        let is_by_price = self.won || matches!(self.loss_reason, None | Some(0 | 100 | 102));
        if self.price_rule == PriceRule::Fixed || !is_by_price {
            return Err(Fault::NotByPrice);
        }
        if self.won && self.bid < self.floor {
            return Err(Fault::WonBelowFloor);
        }
        // A bid below the floor loses whatever the others do, and tells nothing of them.
        if self.bid < self.floor && self.min_to_win.is_none() {
            return Err(Fault::NotByPrice);
        }
        if self.clearing.is_some_and(|paid| self.won && paid > self.bid) {
            return Err(Fault::PaidAboveBid);
        }
        let Some(least) = self.min_to_win else { return Ok(()) };
        let wins = match tie {
            TieRule::Win => self.bid >= least,
            TieRule::Lose => self.bid > least,
        };
        match (self.won, wins) {
            _ if least < self.floor => Err(Fault::MinimumBelowFloor),
            (true, false) => Err(Fault::WonBelowMinimum),
            // At a tie an exchange may decide either way.
            (false, true) if self.bid > least => Err(Fault::LostAboveMinimum),
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cpm(micros: i64) -> CpmMicros {
        CpmMicros::new(micros)
    }

    fn won(bid: i64) -> Outcome {
        Outcome {
            path: SegmentPath::new(&[1, 2]),
            price_rule: PriceRule::First,
            floor: cpm(100),
            bid: cpm(bid),
            won: true,
            clearing: None,
            min_to_win: None,
            loss_reason: None,
            count: 1,
            trial: None,
        }
    }

    fn lost(bid: i64) -> Outcome {
        Outcome { won: false, ..won(bid) }
    }

    #[test]
    fn three_kinds_of_feedback_say_what_they_know() {
        let told = |price| Some(cpm(price));
        let win = TieRule::Win;
        let exact = Outcome { min_to_win: told(300), ..won(500) };
        assert_eq!(exact.sighting(win), Ok(Sighting::Exact(300)));
        let at_floor = Outcome { min_to_win: told(100), ..won(500) };
        assert_eq!(at_floor.sighting(win), Ok(Sighting::AtMost(100)));
        assert_eq!(won(500).sighting(win), Ok(Sighting::AtMost(500)));
        assert_eq!(lost(500).sighting(win), Ok(Sighting::Above(500)));
        assert_eq!(won(500).sighting(TieRule::Lose), Ok(Sighting::AtMost(499)));
        assert_eq!(lost(500).sighting(TieRule::Lose), Ok(Sighting::Above(499)));
        let second = Outcome { price_rule: PriceRule::Second, clearing: told(250), ..won(500) };
        assert_eq!(second.sighting(win), Ok(Sighting::Exact(250)));
    }

    #[test]
    fn a_name_is_a_path_whose_last_level_is_the_segment() {
        let path = SegmentPath::of_name("adx/top/phone").unwrap();
        assert_eq!(path.segment(), Some(SegmentId::of("adx/top/phone")));
        let keys = ["adx", "adx/top", "adx/top/phone"].map(|name| SegmentId::of(name).key());
        assert_eq!(path.levels(), keys);
        assert_eq!((market_of("adx/top/phone"), market_of("adx")), ("adx", "adx"));
        assert!(SegmentPath::of_name("a/b/c/d").is_ok());
        for bad in ["", "/", "a/", "/a", "a//b", "a/b/c/d/e"] {
            assert_eq!(SegmentPath::of_name(bad), Err(PathError), "{bad}");
        }
    }

    #[test]
    fn what_contradicts_itself_is_named() {
        let told = |price| Some(cpm(price));
        let cases = [
            (Outcome { bid: cpm(-1), ..won(1) }, Fault::Price),
            (Outcome { min_to_win: told(-5), ..lost(500) }, Fault::Price),
            (Outcome { count: 0, ..won(500) }, Fault::Count),
            (Outcome { min_to_win: told(99), ..won(500) }, Fault::MinimumBelowFloor),
            (Outcome { min_to_win: told(600), ..won(500) }, Fault::WonBelowMinimum),
            (Outcome { min_to_win: told(400), ..lost(500) }, Fault::LostAboveMinimum),
            (won(50), Fault::WonBelowFloor),
            (Outcome { clearing: told(501), ..won(500) }, Fault::PaidAboveBid),
            (Outcome { price_rule: PriceRule::Fixed, ..won(500) }, Fault::NotByPrice),
            (Outcome { loss_reason: Some(203), ..lost(500) }, Fault::NotByPrice),
            (lost(50), Fault::NotByPrice),
        ];
        for (outcome, fault) in cases {
            assert_eq!(outcome.sighting(TieRule::Win), Err(fault), "{outcome:?}");
        }
        // A tie that the exchange gave away is no contradiction.
        let tied = Outcome { min_to_win: told(500), ..lost(500) };
        assert_eq!(tied.sighting(TieRule::Win), Ok(Sighting::Exact(500)));
    }
}
