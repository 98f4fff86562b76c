//! What is told of savings is true, and says how surely.

use super::super::outcome::{PriceRule, SegmentPath};
use super::super::schedule::BidDraw;
use super::*;
use crate::hash::mix;
use crate::units::Ppm;

const NOW: Timestamp = Timestamp::from_micros(1_700_000_000_000_000);
const CAMPAIGN: CampaignId = CampaignId::from_key(7);

fn outcome(role: BidRole, share: u32, (bid, won): (i64, bool), value: Option<i64>) -> Outcome {
    let drawn = BidDraw { role, propensity: Ppm::new(share) };
    Outcome {
        path: SegmentPath::new(&[1]),
        price_rule: PriceRule::First,
        floor: CpmMicros::ZERO,
        bid: CpmMicros::new(bid),
        won,
        clearing: None,
        min_to_win: None,
        loss_reason: None,
        count: 1,
        trial: Some(BidTrial { campaign: CAMPAIGN, drawn, value: value.map(CpmMicros::new) }),
    }
}

fn told(rows: &[Outcome]) -> BidGroups {
    let mut savings = Savings::default();
    for row in rows {
        savings.note(NOW, row);
    }
    savings.of(CAMPAIGN, NOW).unwrap_or_default()
}

/// A part in a million of one, drawn.
fn part(seed: u64, number: u64, purpose: u64) -> i64 {
    i64::try_from(mix(mix(seed << 32 | number) ^ mix(purpose)) % 1_000_000).unwrap()
}

/// Auctions of values in 0.5 to 1.5 where others offer up to one: half the value is bid, but for
/// one in thirty.
fn market(seed: u64, auctions: u64) -> Vec<Outcome> {
    let row = |number| {
        let value = 500_000 + part(seed, number, 1);
        let least = part(seed, number, 2);
        let is_control = part(seed, number, 3) < 30_000;
        if is_control {
            outcome(BidRole::Control, 30_000, (value, value >= least), Some(value))
        } else {
            outcome(BidRole::Best, 970_000, (value / 2, value / 2 >= least), Some(value))
        }
    };
    (0..auctions).map(row).collect()
}

#[test]
fn equal_rows_save_what_they_cost_less() {
    let of = |role, share, bid, count: usize| vec![outcome(role, share, (bid, true), None); count];
    let mut rows = of(BidRole::Control, 10_000, 1_000, 30);
    rows.extend(of(BidRole::Best, 990_000, 600, 300));
    rows.extend(of(BidRole::Explore, 1_000, 900, 5));
    let groups = told(&rows);
    assert_eq!(groups.control.price().map(told_price), Some(CpmMicros::new(1_000)));
    assert!((groups.shaded.wins - 300.0).abs() < 1e-9 && groups.explored.auctions > 4.9);
    let saving = groups.saving();
    let per_win = saving.per_win.unwrap();
    assert!((per_win.middle - 0.4).abs() < 1e-9 && per_win.high - per_win.low < 1e-6);
    assert_eq!(saving.per_value, None, "no win told its value");
    assert_eq!(saving.wins_kept, None, "where no loss is told, nothing is said of the chance");
    rows.extend(vec![outcome(BidRole::Best, 990_000, (600, false), None); 100]);
    assert_eq!(told(&rows).saving().wins_kept, None, "nor where one group tells of none");
    rows.extend(vec![outcome(BidRole::Control, 10_000, (1_000, false), None); 10]);
    assert!((told(&rows).saving().wins_kept.unwrap().middle - 1.0).abs() < 1e-9);
}

#[test]
fn one_win_that_tells_its_value_is_no_saving_of_value() {
    let mut rows = market(1, 4_000);
    let mut left = [1, 1];
    for row in &mut rows {
        let trial = row.trial.as_mut().unwrap();
        let left = &mut left[usize::from(trial.drawn.role == BidRole::Control)];
        if !row.won || *left == 0 {
            trial.value = None;
        } else {
            *left -= 1;
        }
    }
    let saving = told(&rows).saving();
    assert!(saving.per_win.is_some() && saving.wins_kept.is_some());
    assert_eq!(saving.per_value, None);
}

#[test]
fn too_few_wins_of_either_group_tell_nothing() {
    let mut rows = market(1, 500);
    rows.retain(|row| row.trial.unwrap().drawn.role == BidRole::Best || !row.won);
    let saving = told(&rows).saving();
    assert_eq!((saving.per_win, saving.wins_kept), (None, None));
}

#[test]
fn one_heavy_row_is_not_many_wins() {
    let mut rows = market(1, 2_000);
    rows.retain(|row| row.trial.unwrap().drawn.role == BidRole::Best);
    let mut heavy = outcome(BidRole::Control, 10_000, (1_000_000, true), None);
    heavy.count = 5_000;
    rows.push(heavy);
    assert_eq!(told(&rows).saving().per_win, None);
}

/// The truth of [`market`]: v is even on 0.5 to 1.5, control wins min(v, 1) and pays v, the shaded
/// win v / 2 and pay that.
#[test]
fn intervals_hold_the_truth_nineteen_times_in_twenty() {
    // E v min(v, 1) = 7/24 + 5/8, E min(v, 1) = 3/8 + 1/2; E v²/4 = 13/48, E v/2 = 1/2.
    let per_win = 1.0 - (13.0 / 48.0 / 0.5) / ((7.0 / 24.0 + 0.625) / 0.875);
    let kept = 0.5 / 0.875;
    // A unit of value costs one unshaded, and a half shaded.
    let mut held = [0; 2];
    let trials = 300_i32;
    for seed in 1..=300 {
        let saving = told(&market(seed, 4_000)).saving();
        let (win, wins) = (saving.per_win.unwrap(), saving.wins_kept.unwrap());
        held[0] += i32::from(win.low <= per_win && per_win <= win.high);
        held[1] += i32::from(wins.low <= kept && kept <= wins.high);
        let value = saving.per_value.unwrap();
        assert!((value.middle - 0.5).abs() < 1e-5, "{value:?}");
    }
    // 95 % within three deviations of chance.
    for held in held {
        let share = f64::from(held) / f64::from(trials);
        assert!((0.912..0.988).contains(&share), "{share}");
    }
}

#[test]
fn parts_add_up_to_the_whole_and_age_changes_no_share() {
    let rows = market(3, 4_000);
    let (first, second) = rows.split_at(1_500);
    let (whole, parts) = (told(&rows), told(first).with(&told(second)));
    let of = |groups: BidGroups| groups.saving().per_win.unwrap();
    assert!((of(whole).low - of(parts).low).abs() < 1e-9);
    let aged = whole.faded(0.25);
    assert!((of(aged).middle - of(whole).middle).abs() < 1e-9);
    assert!((of(aged).high - of(whole).high).abs() < 1e-9, "what is old is no less sure of itself");
    let half = Savings::default();
    assert_eq!(half.of(CAMPAIGN, NOW), None);
}

#[test]
fn what_was_told_a_week_ago_counts_half() {
    let mut savings = Savings::default();
    for row in market(4, 1_000) {
        savings.note(NOW, &row);
    }
    let before = savings.of(CAMPAIGN, NOW).unwrap().shaded.auctions;
    let after = savings.of(CAMPAIGN, NOW + HALF_LIFE).unwrap().shaded.auctions;
    assert!((after - before / 2.0).abs() < 1e-6);
}

#[test]
fn the_campaign_silent_the_longest_makes_room() {
    let mut savings = Savings::default();
    let row = outcome(BidRole::Best, 990_000, (5, true), None);
    for key in 0..=u64::try_from(CAMPAIGNS_MAX).unwrap() {
        let trial =
            row.trial.map(|trial| BidTrial { campaign: CampaignId::from_key(key + 1), ..trial });
        let at = NOW + Span::from_secs(i64::try_from(key / 100).unwrap());
        savings.note(at, &Outcome { trial, ..row });
    }
    assert_eq!((savings.books.len(), savings.given_up()), (CAMPAIGNS_MAX, 1));
    assert_eq!(savings.of(CampaignId::from_key(1), NOW), None);
    let text = serde_json::to_string(&savings).unwrap();
    assert_eq!(serde_json::from_str::<Savings>(&text).unwrap(), savings);
}
