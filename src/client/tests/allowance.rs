//! Money: what bidders commit never exceeds what they were granted, whatever becomes of bids.

use paceline_client::{BoardWriter, Fact, Hold, PacelineHandle, Settings, TableHead, open};
use paceline_core::bid::{AuctionType, BidAsk, BidDecision, SkipReason};
use paceline_core::hash::mix;
use paceline_core::table::{Allowance, EntryShading, EntryState, Lease, TableEntry};
use paceline_core::units::{
    ArmId, CampaignId, CpmMicros, Generation, Nanos, PacingMultiplier, ParticipationRate,
    PartitionId, Ppb, Timestamp,
};
use std::sync::atomic::{AtomicI64, Ordering};

const CAMPAIGN: CampaignId = CampaignId::from_key(42);

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_micros(seconds * 1_000_000)
}

fn grant(granted: i64, window: (i64, i64), expires: i64) -> Allowance {
    Allowance {
        campaign: CAMPAIGN,
        window_start: at(window.0),
        window_end: at(window.1),
        granted_total: Nanos::new(granted),
        expires_at: at(expires),
    }
}

/// One campaign with arms 0 and 1, at full value; a table that is fresh for an hour.
fn bidder(holds_max: usize) -> (PacelineHandle, BoardWriter) {
    let settings = Settings { entries_max: 10, holds_max, has_bidder: true, ..Settings::default() };
    let (handle, mut writer) = open(settings);
    let entry = |arm| TableEntry {
        campaign: CAMPAIGN,
        arm: ArmId(arm),
        state: EntryState::Run,
        multiplier: PacingMultiplier::ONE,
        participation: ParticipationRate::ONE,
        safe_multiplier: PacingMultiplier::ONE,
        value_cap: None,
        shading: EntryShading::default(),
        salt: 1,
    };
    let head = TableHead {
        partition: PartitionId(0),
        generation: Generation::default().next(),
        as_of: at(0),
        lease: Lease { valid_until: at(3_600), grace_until: at(7_200) },
        digest: None,
    };
    writer.apply_page(&head, 0, 2, [entry(0), entry(1)]).expect("the table is sound");
    (handle, writer)
}

fn bid_at(handle: &PacelineHandle, arm: u8, seed: u64, price: i64, now: Timestamp) -> Option<Hold> {
    let ask = BidAsk {
        auction: seed,
        impression: 0,
        value: CpmMicros::new(price),
        floor: CpmMicros::ZERO,
        auction_type: AuctionType::FirstPrice,
    };
    let answer = handle.decide(CAMPAIGN, ArmId(arm), now, &ask);
    match answer.decision {
        BidDecision::Bid { .. } => Some(answer.hold),
        BidDecision::Skip(reason) => {
            assert_eq!(reason, SkipReason::Allowance);
            None
        }
    }
}

fn bid(handle: &PacelineHandle, price: i64, now: Timestamp) -> Option<Hold> {
    bid_at(handle, 0, 7, price, now)
}

/// The most that can be bid at once.
fn left(handle: &PacelineHandle, now: Timestamp) -> i64 {
    let (mut low, mut high) = (0, 1 << 40);
    while low < high {
        let middle = (low + high + 1) / 2;
        match bid(handle, middle, now) {
            Some(hold) => {
                handle.lost(hold);
                low = middle;
            }
            None => high = middle - 1,
        }
    }
    low
}

#[test]
fn a_bid_is_held_a_win_is_committed_and_a_loss_is_free() {
    let (handle, mut writer) = bidder(64);
    assert_eq!(left(&handle, at(1)), 0, "no grant yet");
    writer.grant(&grant(1_000, (0, 3_600), 120), at(1));
    let won = bid(&handle, 400, at(1)).unwrap();
    let lost = bid(&handle, 300, at(1)).unwrap();
    assert_eq!(left(&handle, at(1)), 300);
    handle.won(won, CpmMicros::new(350), Ppb::new(100_000_000).unwrap());
    handle.lost(lost);
    assert_eq!(left(&handle, at(1)), 1_000 - 35);
}

#[test]
fn arms_share_the_allowance_of_their_campaign() {
    let (handle, mut writer) = bidder(64);
    writer.grant(&grant(1_000, (0, 3_600), 120), at(1));
    let hold = bid_at(&handle, 1, 9, 600, at(1)).unwrap();
    assert_eq!(left(&handle, at(1)), 400);
    handle.won(hold, CpmMicros::new(600), Ppb::ONE);
    assert_eq!(left(&handle, at(1)), 400);
}

#[test]
fn a_grant_repeated_or_out_of_order_does_no_harm() {
    let (handle, mut writer) = bidder(64);
    writer.grant(&grant(1_000, (0, 3_600), 120), at(1));
    handle.won(bid(&handle, 200, at(1)).unwrap(), CpmMicros::new(200), Ppb::ONE);
    writer.grant(&grant(1_500, (0, 3_600), 130), at(2));
    writer.grant(&grant(1_500, (0, 3_600), 130), at(3));
    writer.grant(&grant(1_000, (0, 3_600), 120), at(4));
    assert_eq!(left(&handle, at(4)), 1_300);
}

#[test]
fn an_allowance_dies_at_its_end_and_comes_back_renewed() {
    let (handle, mut writer) = bidder(64);
    writer.grant(&grant(1_000, (0, 3_600), 120), at(1));
    assert_eq!((left(&handle, at(119)), left(&handle, at(120))), (1_000, 0));
    writer.grant(&grant(1_000, (0, 3_600), 240), at(121));
    assert_eq!(left(&handle, at(121)), 1_000);
}

#[test]
fn an_allowance_dies_with_its_window_and_the_next_one_stands_ready() {
    let (handle, mut writer) = bidder(64);
    writer.grant(&grant(1_000, (0, 100), 500), at(1));
    writer.grant(&grant(77, (100, 200), 500), at(40));
    assert_eq!((left(&handle, at(99)), left(&handle, at(100))), (1_000, 0));
    let late = bid(&handle, 600, at(99)).unwrap();
    writer.sweep(at(100));
    assert_eq!(left(&handle, at(100)), 77);
    handle.lost(late);
    assert_eq!(left(&handle, at(100)), 77, "money of the old window does not come back");
}

#[test]
fn a_hold_of_which_nothing_is_heard_is_freed_after_two_seconds() {
    let (handle, mut writer) = bidder(64);
    writer.grant(&grant(1_000, (0, 3_600), 120), at(1));
    let hold = bid(&handle, 600, at(1)).unwrap();
    writer.sweep(Timestamp::from_micros(2_999_999));
    assert_eq!(left(&handle, at(2)), 400);
    writer.sweep(at(3));
    assert_eq!(left(&handle, at(3)), 1_000);
    handle.lost(hold);
    assert_eq!(left(&handle, at(3)), 1_000, "freed once");
    assert_eq!(handle.count_of(Fact::HoldTimedOut), 1);
}

#[test]
fn a_win_told_after_its_hold_ended_is_committed_all_the_same() {
    let (handle, mut writer) = bidder(64);
    writer.grant(&grant(1_000, (0, 3_600), 120), at(1));
    let hold = bid(&handle, 600, at(1)).unwrap();
    writer.sweep(at(3));
    handle.won(hold, CpmMicros::new(600), Ppb::ONE);
    assert_eq!((left(&handle, at(3)), handle.count_of(Fact::WonLate)), (400, 1));
}

#[test]
fn full_holds_mean_no_bid_and_no_money_lost() {
    let (handle, mut writer) = bidder(4);
    writer.grant(&grant(1_000, (0, 3_600), 120), at(1));
    let holds: Vec<_> = (0..4).map(|seed| bid_at(&handle, 0, seed, 1, at(1)).unwrap()).collect();
    assert_eq!(bid(&handle, 1, at(1)), None);
    holds.into_iter().for_each(|hold| handle.lost(hold));
    assert_eq!(left(&handle, at(1)), 1_000);
}

#[test]
fn what_is_held_counts_as_left_when_a_bidder_says_what_it_holds() {
    let (handle, mut writer) = bidder(64);
    writer.grant(&grant(1_000, (0, 3_600), 120), at(1));
    handle.won(bid(&handle, 100, at(1)).unwrap(), CpmMicros::new(100), Ppb::ONE);
    let _open = bid(&handle, 300, at(1)).unwrap();
    let held = writer.held_allowances(at(1));
    assert_eq!(held.len(), 1);
    assert_eq!((held[0].campaign, held[0].left), (CAMPAIGN, Nanos::new(900)));
    assert_eq!(writer.held_allowances(at(120)), []);
}

#[test]
fn threads_together_never_commit_more_than_was_granted() {
    let (handle, mut writer) = bidder(4_096);
    let committed = AtomicI64::new(0);
    let granted = 300_000;
    writer.grant(&grant(1_000, (0, 3_600), 120), at(1));
    std::thread::scope(|scope| {
        for thread in 0..4_u64 {
            let (handle, committed) = (handle.clone(), &committed);
            scope.spawn(move || {
                for n in 0..20_000_u64 {
                    let seed = mix(thread << 32 | n);
                    let price = (seed % 40 + 1).cast_signed();
                    let Some(hold) = bid_at(&handle, (n % 2) as u8, seed, price, at(2)) else {
                        continue;
                    };
                    if seed.is_multiple_of(3) {
                        handle.lost(hold);
                    } else {
                        let cost = price - (seed % 2).cast_signed().min(price);
                        committed.fetch_add(cost, Ordering::Relaxed);
                        handle.won(hold, CpmMicros::new(cost), Ppb::ONE);
                    }
                }
            });
        }
        for total in (1_000..=granted).step_by(1_000) {
            writer.grant(&grant(total, (0, 3_600), 120), at(1));
        }
    });
    let committed = committed.into_inner();
    assert!(committed <= granted, "{committed} of {granted}");
    assert_eq!(left(&handle, at(2)), granted - committed);
}
