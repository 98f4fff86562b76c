//! `decide`, `won` and `lost` allocate nothing, whatever the answer.

use paceline_client::{Settings, ShadesPart, TableHead, open};
use paceline_core::bid::{AuctionType, BidAsk, BidDecision};
use paceline_core::campaign::ShadingLevel;
use paceline_core::hash::mix;
use paceline_core::shade::{ScheduleId, ShadeDelta, ShadingSchedule, TieRule};
use paceline_core::table::{Allowance, EntryShading, EntryState, Lease, TableEntry};
use paceline_core::units::{
    ArmId, CampaignId, CpmMicros, Generation, Nanos, PacingMultiplier, ParticipationRate,
    PartitionId, Ppb, Ppm, SegmentId, Timestamp,
};

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_micros(seconds * 1_000_000)
}

/// One segment with a schedule that explores and has a control group.
fn shades() -> ShadesPart {
    let identity = ShadingSchedule::identity(TieRule::Win, CpmMicros::new(1));
    let delta = ShadeDelta {
        schedules: vec![(ScheduleId::MARKET, identity.with_shares(0.1, 0.5))],
        segments: vec![(SegmentId::of("known"), ScheduleId::MARKET)],
    };
    ShadesPart {
        partition: PartitionId(0),
        base: None,
        generation: Generation::default().next(),
        part: (0, 1),
        delta,
        digest: None,
        set_digest: None,
    }
}

#[test]
fn decide_allocates_nothing() {
    let settings = Settings { entries_max: 1_000, has_bidder: true, ..Settings::default() };
    let (handle, mut writer) = open(settings);
    let entries = (1..=900_u64).map(|key| TableEntry {
        campaign: CampaignId::from_key(key),
        arm: ArmId(0),
        state: if key.is_multiple_of(7) { EntryState::Paused } else { EntryState::Run },
        multiplier: PacingMultiplier::ONE,
        participation: ParticipationRate::try_new(Ppm::new(900_000)).unwrap(),
        safe_multiplier: PacingMultiplier::try_new(Ppm::new(10_000)).unwrap(),
        value_cap: None,
        shading: EntryShading::new(ShadingLevel::Standard, 300),
        salt: key,
    });
    let head = TableHead {
        partition: PartitionId(0),
        generation: Generation::default().next(),
        as_of: at(0),
        lease: Lease { valid_until: at(30), grace_until: at(120) },
        digest: None,
    };
    writer.apply_page(&head, 0, 900, entries).unwrap();
    for key in 1..=800 {
        let grant = Allowance {
            campaign: CampaignId::from_key(key),
            window_start: at(0),
            window_end: at(3_600),
            granted_total: Nanos::new(5_000),
            expires_at: at(3_600),
        };
        writer.grant(&grant, at(0));
    }
    let resolved = handle.resolve(CampaignId::from_key(1), ArmId(0)).unwrap();
    writer.apply_shades(&shades()).unwrap();
    let segments = ["known", "other"].map(|name| handle.segment(SegmentId::of(name)));
    let mut bids = 0;
    let counted = allocation_counter::measure(|| {
        for n in 0..100_000_u64 {
            let ask = BidAsk {
                auction: mix(n),
                impression: 0,
                value: CpmMicros::new(1_000),
                floor: CpmMicros::new(5),
                auction_type: AuctionType::SecondPrice,
            };
            // Fresh, grace and safe; known and unknown; with money and without.
            let now = at((n % 200).cast_signed());
            let campaign = CampaignId::from_key(mix(n) % 1_000 + 1);
            let answer = handle.decide(campaign, ArmId(0), now, &ask);
            if matches!(answer.decision, BidDecision::Bid { .. }) {
                bids += 1;
                match n % 3 {
                    0 => handle.won(answer.hold, CpmMicros::new(1), Ppb::ONE),
                    1 => handle.lost(answer.hold),
                    _ => {}
                }
            }
            handle.lost(handle.decide_at(&resolved, now, &ask).hold);
            let first = BidAsk { auction_type: AuctionType::FirstPrice, ..ask };
            handle.lost(
                handle.decide_in(&resolved, &segments[usize::from(n % 2 == 0)], now, &first).hold,
            );
        }
    });
    assert_eq!(counted.count_total, 0);
    assert!(bids > 1_000, "{bids}");
}
