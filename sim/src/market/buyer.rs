//! What an impression is worth to a campaign, and how hard the market would draw on its budget.
//!
//! A buyer is the campaign's side of the market: eligibility, value, click probability. It knows
//! nothing of pacing. [`Buyer::press`] sets the scale of its values so that its unpaced spend is a
//! stated multiple of its budget. Called by the world for every auction and campaign.

use super::auction::Auction;
use super::billing::{self, Billing};
use super::competition::to_cpm;
use super::draw::{self, Distribution, Use};
use super::truth::ClickTruth;
use crate::number::{length, whole};
use paceline_core::bid::AuctionType;
use paceline_core::units::{CpmMicros, Ppb, Results};
use std::sync::Arc;

/// Auctions sampled to set a scale: spend is then met within about two per cent.
const SAMPLE: u64 = 8_192;

/// A campaign's side of the market.
#[derive(Debug, Clone, PartialEq)]
pub struct Buyer {
    /// Seeds its draws; the campaign's key.
    pub salt: u64,
    /// Segments it buys, by index.
    pub segments: Vec<usize>,
    /// Share of their auctions it is eligible for, in `(0, 1]`.
    pub reach: f64,
    /// Value of an impression in units per thousand, before [`Self::scale`]; with response, that of
    /// an impression with median response.
    pub value: Distribution,
    /// Factor on every value.
    pub scale: f64,
    /// Spread of the click probability; absent for campaigns that do not count clicks.
    pub response: Option<Distribution>,
    /// How far its click probabilities are off; absent where they are right.
    pub truth: Option<ClickTruth>,
    /// How its wins are billed.
    pub billing: Billing,
    /// Results of its return target that a nano of expected value brings; absent without one.
    pub results_per_nano: Option<f64>,
    /// Values before the scale by place in the record, for a recorded market; modelled when absent.
    pub recorded: Option<Arc<[f64]>>,
    /// Whether each win counts as a value of one, because nobody says what it is worth.
    pub counts_as_one: bool,
    /// No value above this before the scale, in units per thousand; infinite for none.
    pub value_most: f64,
}

/// What one auction offers a campaign.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Offer {
    /// Expected value of the impression, per thousand.
    pub value: CpmMicros,
    /// Chance of a click; one where clicks are not counted.
    pub probability: Ppb,
}

impl Buyer {
    /// Whether it may bid in an auction of a segment it buys.
    #[must_use]
    pub fn is_eligible(&self, auction: u64) -> bool {
        self.reach >= 1.0 || draw::unit(Use::Reach, self.salt, auction) < self.reach
    }

    /// What the auction is worth to it.
    #[must_use]
    pub fn offer(&self, auction: &Auction) -> Offer {
        let chance = self.chance(auction);
        Offer {
            value: to_cpm(self.scale * self.worth(auction, chance)),
            probability: self.probability(auction, chance),
        }
    }

    /// Whether the impression is clicked if shown, where its probability does not tell: by the
    /// record, or because predictions are off.
    #[must_use]
    pub fn clicks(&self, auction: &Auction, predicted: Ppb) -> Option<bool> {
        auction.recorded.and_then(|recorded| recorded.clicked).or_else(|| {
            let chance = self.truth?.times(auction.at) * predicted.as_f64();
            Some(billing::is_clicked(self.salt, auction.key, chance))
        })
    }

    /// What is expected of the auction as predicted, value or cost, as it really is on average.
    #[must_use]
    pub fn really(&self, predicted: CpmMicros, auction: &Auction) -> CpmMicros {
        self.truth.map_or(predicted, |truth| truth.of(predicted, auction.at))
    }

    /// What an impression of this value is expected to bring of what its return target counts.
    #[must_use]
    pub fn results(&self, value: CpmMicros) -> Results {
        let per_nano = self.results_per_nano.unwrap_or(0.0);
        let millionths = whole(value.per_impression().as_f64() * per_nano * 1e6);
        Results::new(millionths.min(Results::EVENT_MAX.get()))
    }

    /// The chance of a click as it is drawn; absent for campaigns that do not count clicks.
    fn chance(&self, auction: &Auction) -> Option<f64> {
        let response = self.response.as_ref()?;
        Some(response.at(draw::unit(Use::Response, self.salt, auction.key)))
    }

    fn probability(&self, auction: &Auction, chance: Option<f64>) -> Ppb {
        let recorded = auction.recorded.and_then(|recorded| recorded.probability);
        if let (Billing::Click { .. }, Some(probability)) = (self.billing, recorded) {
            return probability;
        }
        chance.map_or(Ppb::ONE, |chance| {
            let ppb = whole((chance * 1e9).clamp(1.0, 1e9));
            u32::try_from(ppb).ok().and_then(Ppb::new).unwrap_or(Ppb::ONE)
        })
    }

    /// Value before the scale, in units per thousand. With response, the value is drawn as a value
    /// per click times the click probability, so good impressions are those likely to be clicked.
    fn worth(&self, auction: &Auction, chance: Option<f64>) -> f64 {
        if let (Some(values), Some(recorded)) = (&self.recorded, auction.recorded) {
            let place = usize::try_from(recorded.index).unwrap_or(usize::MAX);
            return values.get(place).copied().unwrap_or(0.0);
        }
        let value = self.value.at(draw::unit(Use::Value, self.salt, auction.key));
        let worth = match (&self.response, chance) {
            (Some(response), Some(chance)) => value * chance / response.at(0.5),
            _ => value,
        };
        worth.min(self.value_most)
    }

    /// Sets the scale so that, bidding its full value alone, it would spend about `target` units
    /// of currency. `sample` makes the n-th of a stream of typical auctions and its relative
    /// frequency.
    ///
    /// # Errors
    /// The most it could spend, if that is less than `target`.
    pub fn press(
        &mut self,
        target: f64,
        auctions: f64,
        sample: impl Fn(u64) -> (Auction, f64),
    ) -> Result<(), f64> {
        let mut points: Vec<(f64, f64)> = Vec::new();
        let mut weight_sum = 0.0;
        for n in 0..SAMPLE {
            let (auction, weight) = sample(n);
            weight_sum += weight;
            let worth = self.worth(&auction, self.chance(&auction));
            let price = auction.min_to_win(CpmMicros::ZERO).per_impression().as_f64() / 1e9;
            let paid = match auction.auction_type {
                AuctionType::FirstPrice => worth / 1e3 * weight,
                AuctionType::SecondPrice | AuctionType::FixedPrice(_) => price * weight,
            };
            if worth > 0.0 {
                points.push((price * 1e3 / worth, paid));
            }
        }
        points.sort_by(|a, b| a.0.total_cmp(&b.0));
        let each = auctions * self.reach / weight_sum.max(f64::MIN_POSITIVE);
        let is_first = matches!(sample(0).0.auction_type, AuctionType::FirstPrice);
        let mut paid = 0.0;
        for &(scale, part) in &points {
            paid += part * each;
            let spend = if is_first { scale * paid } else { paid };
            if spend >= target && scale > 0.0 {
                self.scale = scale * (1.0 + 1.0 / length(points.len()));
                return Ok(());
            }
        }
        if is_first && paid > 0.0 {
            self.scale = target / paid;
            return Ok(());
        }
        Err(paid)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use paceline_core::units::Timestamp;

    fn buyer() -> Buyer {
        Buyer {
            salt: 5,
            segments: vec![0],
            reach: 0.5,
            value: Distribution::LogNormal { ln_median: 0.0, sigma: 0.5 },
            scale: 1.0,
            response: None,
            truth: None,
            billing: Billing::Impression,
            results_per_nano: None,
            recorded: None,
            counts_as_one: false,
            value_most: f64::INFINITY,
        }
    }

    fn auction(key: u64, auction_type: AuctionType) -> Auction {
        let rival = Distribution::LogNormal { ln_median: 1.0, sigma: 0.5 };
        Auction {
            at: Timestamp::MIN,
            key,
            segment: 0,
            auction_type,
            floor: CpmMicros::ZERO,
            rival: to_cpm(rival.at(draw::unit(Use::Rival, 0, key))),
            recorded: None,
        }
    }

    fn unpaced(buyer: &Buyer, auction_type: AuctionType, auctions: u64) -> f64 {
        (1_000_000..1_000_000 + auctions)
            .map(|key| auction(key, auction_type))
            .filter(|auction| buyer.is_eligible(auction.key))
            .filter_map(|auction| {
                let bid = buyer.offer(&auction).value;
                auction.settle(bid, CpmMicros::ZERO, crate::market::auction::Tie::Lose).price
            })
            .map(|price| price.per_impression().as_f64() / 1e9)
            .sum()
    }

    #[test]
    fn a_pressed_buyer_spends_its_target_unpaced() {
        for auction_type in [AuctionType::FirstPrice, AuctionType::SecondPrice] {
            let mut buyer = buyer();
            buyer.press(60.0, 100_000.0, |n| (auction(n, auction_type), 1.0)).unwrap();
            let spend = unpaced(&buyer, auction_type, 100_000);
            assert!((spend / 60.0 - 1.0).abs() < 0.05, "{auction_type:?}: {spend}");
        }
    }

    #[test]
    fn a_target_above_all_prices_is_refused_with_the_most_there_is() {
        let sample = |n| (auction(n, AuctionType::SecondPrice), 1.0);
        let most = buyer().press(1e6, 100_000.0, sample).unwrap_err();
        // Half of 100 000 auctions at a mean price of e^(1 + 1/8) per thousand.
        assert!((most / 154.0 - 1.0).abs() < 0.03, "{most}");
    }

    #[test]
    fn good_impressions_are_those_likely_to_be_clicked() {
        let response = Distribution::LogNormal { ln_median: libm::log(0.01), sigma: 1.0 };
        let buyer =
            Buyer { value: Distribution::Constant(2.0), response: Some(response), ..buyer() };
        for key in 0..100 {
            let offer = buyer.offer(&auction(key, AuctionType::FirstPrice));
            let per_click = offer.value.per_impression().as_f64() / offer.probability.as_f64();
            assert!((per_click / 2e8 - 1.0).abs() < 1e-4, "{per_click}");
        }
    }
}
