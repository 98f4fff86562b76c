//! Markets solved by hand, the conditions of the optimum on random ones, and what moves how.

use super::*;
use crate::rng::Stream;

/// Accuracy asked for, in the logarithm.
const ACCURACY: f64 = 1e-3;

fn market(budgets: &[f64], auctions: &[(f64, &[f64])]) -> SampledMarket {
    let mut market = SampledMarket::new(budgets);
    for (outside, values) in auctions {
        market.add(1.0, *outside, values.iter().copied());
    }
    market
}

fn solved(market: &SampledMarket) -> Vec<f64> {
    FirstPrice::solve(market, ACCURACY, 500).unwrap().multipliers()
}

fn near(found: &[f64], expected: &[f64]) {
    let all = found.iter().zip(expected);
    let is_near = all.clone().all(|(found, expected)| (found / expected - 1.0).abs() < ACCURACY);
    assert!(is_near && found.len() == expected.len(), "{found:?} instead of {expected:?}");
}

/// Values and outside bids that are log-normal, as in the scenarios; budgets from tight to slack.
fn random(seed: u64) -> SampledMarket {
    let mut stream = Stream::new(seed, "markets");
    let budgets: Vec<f64> = (0..6).map(|_| 1_500.0 * libm::exp(stream.normal())).collect();
    let mut market = SampledMarket::new(&budgets);
    for _ in 0..20_000 {
        let outside = libm::exp(0.5 * stream.normal());
        let values: Vec<f64> = (0..6).map(|_| libm::exp(0.6 * stream.normal())).collect();
        market.add(0.5 + stream.unit(), outside, values);
    }
    market
}

#[test]
fn two_campaigns_with_an_auction_each() {
    // The first has 3 for what is worth 10 to it and 2 to the other; the other can pay all of 8.
    near(&solved(&market(&[3.0, 100.0], &[(0.0, &[10.0, 2.0]), (0.0, &[2.0, 8.0])])), &[0.3, 1.0]);
}

#[test]
fn three_campaigns_and_outside_bids() {
    let auctions: [(f64, &[f64]); 3] =
        [(1.0, &[10.0, 6.0, 0.0]), (2.0, &[0.0, 8.0, 4.0]), (5.0, &[0.0, 0.0, 10.0])];
    near(&solved(&market(&[7.0, 5.0, 20.0], &auctions)), &[0.7, 0.625, 1.0]);
    // The third can pay 3 of the 5 that the outside bids: it ties with it, for its share.
    near(&solved(&market(&[7.0, 5.0, 3.0], &auctions)), &[0.7, 0.625, 0.5]);
}

#[test]
fn two_campaigns_over_a_row_of_auctions() {
    // Worth 1 to the first and 2u to the second, u from 0 to 1. At 0.4 and 0.8 the first wins where
    // u < 0.25 and pays 0.4 × 0.25; the second pays ∫ 0.8 × 2u = 0.8 × (1 − 0.0625).
    let mut row = SampledMarket::new(&[0.1, 0.75]);
    for place in 0..20_000_u32 {
        row.add(1.0 / 20_000.0, 0.0, [1.0, 2.0 * (f64::from(place) + 0.5) / 20_000.0]);
    }
    near(&solved(&row), &[0.4, 0.8]);
}

#[test]
fn a_share_of_an_auction_that_nobody_can_pay_alone_is_not_told() {
    // Both have 0.3 for one auction worth 1: they share it at 0.6, which no whole auction tells.
    let shared = market(&[0.3, 0.3], &[(0.0, &[1.0, 1.0])]);
    let error = FirstPrice::solve(&shared, ACCURACY, 100).unwrap_err();
    assert!(error.width > 1.0, "{error}");
}

#[test]
fn random_markets_meet_the_conditions_of_the_optimum() {
    for seed in 1..=4 {
        let market = random(seed);
        let multipliers = solved(&market);
        let least = market.program(&multipliers);
        let spent = market.spend(&multipliers);
        assert!(multipliers.iter().any(|one| *one < 1.0), "seed {seed}: nobody is tight");
        for (place, campaign) in market.campaigns.iter().enumerate() {
            let share = spent[place] / campaign.budget;
            let told = format!("seed {seed}: {share} of the budget at {}", multipliers[place]);
            assert!(share < 1.01, "{told}");
            assert!(multipliers[place] >= 1.0 || share > 0.99, "{told}");
            for times in [0.98, 1.02] {
                let mut moved = multipliers.clone();
                moved[place] = (moved[place] * times).min(1.0);
                let more = market.program(&moved) - least;
                assert!(more > -1e-9 * least.abs(), "seed {seed}, {place}, {times}: {more}");
            }
        }
    }
}

#[test]
fn less_budget_never_raises_a_multiplier() {
    for seed in 5..=6 {
        let market = random(seed);
        let before = FirstPrice::solve(&market, ACCURACY, 500).unwrap();
        for place in 0..market.campaigns.len() {
            let mut less = market.clone();
            less.campaigns[place].budget *= 0.8;
            let after = FirstPrice::solve(&less, ACCURACY, 500).unwrap();
            let (low, high) = (after.low[place], before.high[place]);
            assert!(low <= high, "seed {seed}, campaign {place}: {low} after {high}");
        }
    }
}

#[test]
fn twice_the_budgets_are_another_equilibrium() {
    let market = random(7);
    let once = solved(&market);
    let twice = solved(&market.clone().with_budgets_times(2.0));
    let tight: Vec<usize> = (0..once.len()).filter(|&place| once[place] < 0.9).collect();
    assert!(!tight.is_empty() && tight.iter().all(|&place| twice[place] > once[place] * 1.05));
}
