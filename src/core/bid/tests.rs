//! What a shaded bid keeps to: value, cap, floor, deal and the kind of auction.

use super::*;
use crate::shade::surplus::{Envelope, Market};
use crate::shade::{BidRole, TieRule, WinCurve};
use crate::table::EntryShading;
use crate::units::{ArmId, CampaignId, Ppm};

const NOW: Timestamp = Timestamp::from_micros(1_700_000_000_000_000);

const LEASE: Lease = Lease {
    valid_until: Timestamp::from_micros(i64::MAX),
    grace_until: Timestamp::from_micros(i64::MAX),
};

fn entry() -> TableEntry {
    TableEntry {
        campaign: CampaignId::of("summer"),
        arm: ArmId::default(),
        state: EntryState::Run,
        multiplier: PacingMultiplier::try_new(Ppm::new(500_000)).unwrap(),
        participation: ParticipationRate::ONE,
        safe_multiplier: PacingMultiplier::ZERO,
        value_cap: None,
        shading: EntryShading::new(ShadingLevel::Standard, 0),
        salt: 7,
    }
}

fn ask(auction: u64, floor: i64) -> BidAsk {
    BidAsk {
        auction,
        impression: 0,
        value: CpmMicros::new(1_000_000),
        floor: CpmMicros::new(floor),
        auction_type: AuctionType::FirstPrice,
    }
}

/// Half the market at 100 000, half at 400 000.
fn schedule(tie: TieRule) -> ShadingSchedule {
    let ends = vec![99_999, 100_000, 399_999, 400_000];
    let curve = WinCurve::from_masses(ends, &[0.0, 0.5, 0.0, 0.5]);
    let market = Market { curve: &curve, tie, tick: CpmMicros::new(10) };
    ShadingSchedule::fit(&market, &Envelope::of(&market)).schedule
}

fn price(entry: &TableEntry, schedule: &ShadingSchedule, ask: &BidAsk) -> Option<i64> {
    match decide(entry, LEASE, NOW, None, Some(schedule), ask) {
        BidDecision::Bid { price, .. } => Some(price.get()),
        BidDecision::Skip(_) => None,
    }
}

#[test]
fn a_paced_value_is_shaded_and_never_below_a_floor_that_pays() {
    let schedule = schedule(TieRule::Lose);
    // The paced value is 500 000; just above the first atom pays 0.5 × 400 000.
    assert_eq!(price(&entry(), &schedule, &ask(1, 0)), Some(100_010));
    assert_eq!(price(&entry(), &schedule, &ask(1, 250_000)), Some(250_010));
    assert_eq!(price(&entry(), &schedule, &ask(1, 499_995)), Some(500_000));
    assert_eq!(price(&entry(), &schedule, &ask(1, 600_000)), None);
}

#[test]
fn a_value_cap_bounds_what_is_left_after_shading() {
    let schedule = schedule(TieRule::Win);
    let capped = TableEntry { value_cap: Some(CpmMicros::new(90_000)), ..entry() };
    assert_eq!(price(&entry(), &schedule, &ask(1, 0)), Some(100_000));
    assert_eq!(price(&capped, &schedule, &ask(1, 0)), Some(90_000));
    assert_eq!(price(&capped, &schedule, &ask(1, 95_000)), None);
}

#[test]
fn second_prices_and_deals_are_never_shaded() {
    let schedule = schedule(TieRule::Win);
    let second = BidAsk { auction_type: AuctionType::SecondPrice, ..ask(1, 0) };
    assert_eq!(price(&entry(), &schedule, &second), Some(500_000));
    let deal =
        |at| BidAsk { auction_type: AuctionType::FixedPrice(CpmMicros::new(at)), ..ask(1, 0) };
    assert_eq!(price(&entry(), &schedule, &deal(345_678)), Some(345_678));
    assert_eq!(price(&entry(), &schedule, &deal(500_001)), None);
}

#[test]
fn the_control_group_bids_its_paced_value_and_says_so() {
    let schedule = schedule(TieRule::Win).with_shares(1.0, 0.0);
    let path = path(&entry(), LEASE, NOW, Some(&schedule), &ask(1, 0));
    assert_eq!(path.price, Some(CpmMicros::new(500_000)));
    assert_eq!(path.draw.map(|draw| draw.drawn.role), Some(BidRole::Control));
}

#[test]
fn a_campaign_that_is_off_or_relieved_bids_its_paced_value() {
    let schedule = schedule(TieRule::Win);
    let with = |level, relief| TableEntry { shading: EntryShading::new(level, relief), ..entry() };
    let bid = |entry: &TableEntry| price(entry, &schedule, &ask(1, 0));
    assert_eq!(bid(&with(ShadingLevel::Off, 0)), Some(500_000));
    assert_eq!(bid(&with(ShadingLevel::Standard, 1_000)), Some(500_000));
    assert_eq!(bid(&with(ShadingLevel::Standard, 250)), Some(200_000));
}

#[test]
fn a_bid_says_which_draw_it_went_by_and_a_skip_says_none() {
    let told = |entry: &TableEntry, schedule: Option<&ShadingSchedule>, ask: &BidAsk| {
        decide_drawn(entry, LEASE, NOW, None, schedule, ask)
    };
    let schedule = schedule(TieRule::Win).with_shares(0.1, 0.2);
    let mut seen = [0_u32; 3];
    for auction in 0..2_000 {
        let ask = ask(crate::hash::mix(auction), 0);
        let answer = told(&entry(), Some(&schedule), &ask);
        assert_eq!(answer.decision, decide(&entry(), LEASE, NOW, None, Some(&schedule), &ask));
        let draw = answer.draw.unwrap();
        let share = match draw.role {
            BidRole::Best => 720_000,
            BidRole::Control => 100_000,
            BidRole::Explore => 22_500,
        };
        assert_eq!(draw.propensity, Ppm::new(share));
        seen[draw.role as usize] += 1;
    }
    assert!(seen.iter().zip([1_300, 140, 250]).all(|(&seen, least)| seen > least), "{seen:?}");
    let second = BidAsk { auction_type: AuctionType::SecondPrice, ..ask(1, 0) };
    assert_eq!(told(&entry(), Some(&schedule), &second).draw, None);
    assert_eq!(told(&entry(), Some(&schedule), &ask(1, 600_000)).draw, None);
    assert_eq!(told(&entry(), None, &ask(1, 0)).draw, None);
    let off = TableEntry { shading: EntryShading::OFF, ..entry() };
    assert_eq!(told(&off, Some(&schedule), &ask(1, 0)).draw, None);
}
