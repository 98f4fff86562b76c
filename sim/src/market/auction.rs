//! One slot, one winner: who wins, what it pays, what the losers are told.
//!
//! Knows nothing of budgets or pacing. Called by the world for every auction.

use paceline_core::bid::AuctionType;
use paceline_core::units::{CpmMicros, Ppb, Timestamp};

/// Who wins when the bid equals the price to beat.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Deserialize, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Tie {
    /// The rival.
    #[default]
    Lose,
    /// The bid.
    Win,
}

/// One auction as the market makes it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Auction {
    /// When.
    pub at: Timestamp,
    /// Key of its id; seeds every draw about it.
    pub key: u64,
    /// Index of its segment.
    pub segment: usize,
    /// How the price is made.
    pub auction_type: AuctionType,
    /// A bid below this cannot win.
    pub floor: CpmMicros,
    /// The best bid of those outside the simulation; zero for none.
    pub rival: CpmMicros,
    /// What the record adds, for a recorded auction.
    pub recorded: Option<Recorded>,
}

/// What a record knows of an auction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Recorded {
    /// Its place in the record, from 0.
    pub index: u32,
    /// Whether it was clicked, if the record tells.
    pub clicked: Option<bool>,
    /// Chance of a click, if the record tells.
    pub probability: Option<Ppb>,
}

/// How an auction of one bid against the price to beat ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Outcome {
    /// What the winner pays; absent for a loss.
    pub price: Option<CpmMicros>,
    /// The price that ties for the win, floor included: the feedback a seller gives.
    pub min_to_win: CpmMicros,
}

impl Auction {
    /// The price to beat when the best other bid is `other`.
    #[must_use]
    pub fn min_to_win(&self, other: CpmMicros) -> CpmMicros {
        self.floor.max(other).max(self.rival)
    }

    /// Settles a bid against the best `other` bid inside the simulation (zero for none). A bid
    /// below the floor never wins; a bid at the floor with no rival does.
    #[must_use]
    pub fn settle(&self, bid: CpmMicros, other: CpmMicros, tie: Tie) -> Outcome {
        let rival = other.max(self.rival);
        let min_to_win = self.floor.max(rival);
        let beats = bid > rival || (bid == rival && (tie == Tie::Win || rival.get() == 0));
        let cleared = match self.auction_type {
            AuctionType::FirstPrice => bid,
            AuctionType::SecondPrice => min_to_win,
            AuctionType::FixedPrice(deal) => deal,
        };
        let is_won = beats && bid >= self.floor && bid > CpmMicros::ZERO;
        let price = is_won.then_some(cleared);
        Outcome { price, min_to_win }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn auction(auction_type: AuctionType, floor: i64, rival: i64) -> Auction {
        Auction {
            at: Timestamp::MIN,
            key: 1,
            segment: 0,
            auction_type,
            floor: CpmMicros::new(floor),
            rival: CpmMicros::new(rival),
            recorded: None,
        }
    }

    fn pays(auction: &Auction, bid: i64, other: i64, tie: Tie) -> Option<i64> {
        auction.settle(CpmMicros::new(bid), CpmMicros::new(other), tie).price.map(CpmMicros::get)
    }

    #[test]
    fn first_price_pays_the_bid_and_second_price_the_price_to_beat() {
        let first = auction(AuctionType::FirstPrice, 10, 50);
        let second = auction(AuctionType::SecondPrice, 10, 50);
        assert_eq!(pays(&first, 80, 0, Tie::Lose), Some(80));
        assert_eq!(pays(&second, 80, 0, Tie::Lose), Some(50));
        assert_eq!(pays(&second, 80, 60, Tie::Lose), Some(60));
        assert_eq!(pays(&second, 55, 60, Tie::Lose), None);
    }

    #[test]
    fn the_floor_is_paid_and_bars_what_lies_below() {
        let second = auction(AuctionType::SecondPrice, 40, 20);
        assert_eq!(pays(&second, 39, 0, Tie::Win), None);
        assert_eq!(pays(&second, 40, 0, Tie::Lose), Some(40));
    }

    #[test]
    fn a_tie_goes_as_the_rule_says() {
        let second = auction(AuctionType::SecondPrice, 0, 30);
        assert_eq!(pays(&second, 30, 0, Tie::Lose), None);
        assert_eq!(pays(&second, 30, 0, Tie::Win), Some(30));
    }
}
