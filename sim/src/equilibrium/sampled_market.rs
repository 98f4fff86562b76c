//! Typical auctions of a market: what each is worth to every campaign, and what those outside bid.
//!
//! Money is in any one unit. Called by the solver, by `self_play` and by tests.

use crate::scenario::{Scenario, ScenarioError};
use crate::world::setup;
use paceline_core::units::CpmMicros;

/// One auction as a campaign sees it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Chance {
    /// Its place in the sample.
    pub(super) auction: usize,
    /// What it is worth, above what those outside bid.
    pub(super) value: f64,
}

/// A campaign: what it may spend, and where it can win at all.
#[derive(Debug, Clone)]
pub(super) struct Demand {
    pub(super) budget: f64,
    /// In the order of the sample.
    pub(super) chances: Vec<Chance>,
}

/// What those outside the market of pacing campaigns bid, and what it stands for.
#[derive(Debug, Clone, Copy)]
pub(super) struct Supply {
    /// No bid at or below this wins.
    pub(super) outside: f64,
    /// How many auctions of the market this one stands for.
    pub(super) weight: f64,
}

/// Auctions of a market and the campaigns that bid in them.
#[derive(Debug, Clone)]
pub struct SampledMarket {
    pub(super) auctions: Vec<Supply>,
    pub(super) campaigns: Vec<Demand>,
}

impl SampledMarket {
    /// Without auctions, for campaigns with these budgets.
    ///
    /// # Panics
    /// When a budget is not above zero.
    #[must_use]
    pub fn new(budgets: &[f64]) -> Self {
        assert!(budgets.iter().all(|budget| *budget > 0.0), "budgets are above zero");
        let demand = |&budget| Demand { budget, chances: Vec::new() };
        Self { auctions: Vec::new(), campaigns: budgets.iter().map(demand).collect() }
    }

    /// Adds an auction that stands for `weight` of them, with the best bid of those outside and
    /// what it is worth to each campaign, zero where it may not bid.
    pub fn add(&mut self, weight: f64, outside: f64, values: impl IntoIterator<Item = f64>) {
        let auction = self.auctions.len();
        self.auctions.push(Supply { outside, weight });
        for (campaign, value) in self.campaigns.iter_mut().zip(values) {
            // What is worth no more than others bid cannot be won by bidding at most its worth.
            if value > outside {
                campaign.chances.push(Chance { auction, value });
            }
        }
    }

    /// The `count` typical auctions of a world from the `first` on, together standing for all of
    /// its traffic, in units of currency. The world must be of modelled traffic, with a budget for
    /// each campaign; draws are apart from those of every run.
    ///
    /// # Errors
    /// As [`setup::build`].
    pub fn of(scenario: &Scenario, first: u64, count: u64) -> Result<Self, ScenarioError> {
        let setup = setup::build(scenario, None, scenario.seed)?;
        let budgets: Vec<f64> = scenario
            .campaigns
            .iter()
            .map(|plan| {
                setup::budget_of(plan).map_or(f64::INFINITY, |budget| budget.as_f64() / 1e9)
            })
            .collect();
        let (start, length) = (scenario.window.start(), scenario.window.span());
        let all: Vec<usize> = (0..scenario.segments.len()).collect();
        let typical = |n| setup.market.typical(&all, start, length, n);
        let frequency: f64 = (first..first + count).map(|n| typical(n).1).sum();
        let each = setup.market.expected(&all, start, length) / frequency.max(f64::MIN_POSITIVE);
        let units = |price: CpmMicros| price.per_impression().as_f64() / 1e9;
        let mut sampled = Self::new(&budgets);
        for n in first..first + count {
            let (auction, frequency) = typical(n);
            let outside = units(auction.min_to_win(CpmMicros::ZERO));
            let values = setup.buyers.iter().map(|buyer| {
                let may_bid =
                    buyer.segments.contains(&auction.segment) && buyer.is_eligible(auction.key);
                if may_bid { units(buyer.offer(&auction).value) } else { 0.0 }
            });
            sampled.add(each * frequency, outside, values);
        }
        Ok(sampled)
    }

    /// The same market with all budgets multiplied.
    #[must_use]
    pub fn with_budgets_times(mut self, times: f64) -> Self {
        for campaign in &mut self.campaigns {
            campaign.budget *= times;
        }
        self
    }

    /// What each campaign spends where it bids its value times its multiplier and pays its bid; of
    /// equal bids the first wins.
    #[must_use]
    pub fn spend(&self, multipliers: &[f64]) -> Vec<f64> {
        let bids = Bids::of(self, multipliers);
        let mut spent = vec![0.0; self.campaigns.len()];
        for (auction, bid) in self.auctions.iter().zip(&bids.by_auction) {
            if let Some(winner) = bid.winner {
                spent[winner] += auction.weight * bid.best;
            }
        }
        spent
    }

    /// The program's value, equation (32): revenue, that of outside bids with it, less each budget
    /// times the logarithm of its multiplier.
    #[must_use]
    pub fn program(&self, multipliers: &[f64]) -> f64 {
        let bids = Bids::of(self, multipliers);
        let prices: f64 = self
            .auctions
            .iter()
            .zip(&bids.by_auction)
            .map(|(one, bid)| one.weight * bid.best)
            .sum();
        let budgets = self.campaigns.iter().zip(multipliers);
        prices - budgets.map(|(one, multiplier)| one.budget * libm::log(*multiplier)).sum::<f64>()
    }
}

/// The two best bids of an auction, those outside with them.
#[derive(Debug, Clone, Copy)]
pub(super) struct Best {
    best: f64,
    next: f64,
    /// Whose the best is; absent when it is of those outside.
    winner: Option<usize>,
}

/// All bids that matter.
pub(super) struct Bids {
    by_auction: Vec<Best>,
}

impl Bids {
    /// Where every campaign bids its value times its multiplier.
    pub(super) fn of(market: &SampledMarket, multipliers: &[f64]) -> Self {
        let outside = |one: &Supply| Best { best: one.outside, next: one.outside, winner: None };
        let mut by_auction: Vec<Best> = market.auctions.iter().map(outside).collect();
        for (place, (campaign, multiplier)) in market.campaigns.iter().zip(multipliers).enumerate()
        {
            for chance in &campaign.chances {
                let standing = &mut by_auction[chance.auction];
                let bid = multiplier * chance.value;
                if bid > standing.best {
                    *standing = Best { best: bid, next: standing.best, winner: Some(place) };
                } else if bid > standing.next {
                    standing.next = bid;
                }
            }
        }
        Self { by_auction }
    }

    /// The best bid that a campaign meets in an auction.
    pub(super) fn against(&self, campaign: usize, auction: usize) -> f64 {
        let standing = &self.by_auction[auction];
        if standing.winner == Some(campaign) { standing.next } else { standing.best }
    }
}
