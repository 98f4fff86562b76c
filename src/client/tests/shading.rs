//! Schedules as a bidder lives them: bids by segment, what stops shading, and what never does.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on says so by its panic")]

use paceline_client::{
    BoardWriter, CampaignHandle, Fact, PacelineHandle, Settings, ShadesPart, TableHead, open,
};
use paceline_core::bid::{AuctionType, BidAsk, BidDecision};
use paceline_core::campaign::ShadingLevel;
use paceline_core::shade::codec::decode_schedules;
use paceline_core::shade::{ScheduleId, ShadeDelta, ShadingSchedule};
use paceline_core::table::{Allowance, EntryShading, EntryState, Lease, TableEntry};
use paceline_core::units::{
    ArmId, CampaignId, CpmMicros, Epoch, Generation, Nanos, PacingMultiplier, ParticipationRate,
    PartitionId, SegmentId, Timestamp,
};

const MARKET: PartitionId = PartitionId(3);
const CAMPAIGNS: PartitionId = PartitionId(1);
const VALUE: i64 = 2_000_000;

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_micros(seconds * 1_000_000)
}

fn generation(sequence: u64) -> Generation {
    Generation { epoch: Epoch(1), sequence }
}

/// Bids 600 000 whatever the value is above it.
fn schedule() -> ShadingSchedule {
    let mut bytes = vec![0; 4 + 8 * 14];
    let mut put = |word: usize, value: u64| {
        bytes[4 + 8 * word..12 + 8 * word].copy_from_slice(&value.to_le_bytes());
    };
    put(0, 600_000 << 32 | 600_000);
    put(13, 1 | 1 << 32 | 1 << 48);
    decode_schedules(&bytes).unwrap()[0].1
}

fn part(base: Option<Generation>, to: u64, segments: &[(&str, ScheduleId)]) -> ShadesPart {
    let delta = ShadeDelta {
        schedules: vec![(ScheduleId::MARKET, schedule())],
        segments: segments.iter().map(|&(name, id)| (SegmentId::of(name), id)).collect(),
    };
    let digest = Some(delta.digest());
    let (generation, part) = (generation(to), (0, 1));
    ShadesPart { partition: MARKET, base, generation, part, delta, digest, set_digest: None }
}

/// A campaign that is shaded, in a table of its own partition; the market's is empty.
fn desk(has_bidder: bool, until: i64) -> (PacelineHandle, BoardWriter, CampaignHandle) {
    let (handle, mut writer) =
        open(Settings { entries_max: 10, segments_max: 10, has_bidder, ..Settings::default() });
    let entry = TableEntry {
        campaign: CampaignId::of("c"),
        arm: ArmId(0),
        state: EntryState::Run,
        multiplier: PacingMultiplier::ONE,
        participation: ParticipationRate::ONE,
        safe_multiplier: PacingMultiplier::ONE,
        value_cap: None,
        shading: EntryShading::new(ShadingLevel::Standard, 0),
        salt: 5,
    };
    let lease = |until| Lease { valid_until: at(until), grace_until: at(until + 90) };
    let head = |partition, until| TableHead {
        partition,
        generation: generation(1),
        as_of: at(0),
        lease: lease(until),
        digest: None,
    };
    writer.apply_page(&head(CAMPAIGNS, 10_000), 0, 1, [entry]).unwrap();
    writer.apply_page(&head(MARKET, until), 0, 0, []).unwrap();
    let campaign = handle.resolve(CampaignId::of("c"), ArmId(0)).unwrap();
    (handle, writer, campaign)
}

fn bid(
    (handle, campaign): (&PacelineHandle, &CampaignHandle),
    segment: &str,
    (seconds, auction_type): (i64, AuctionType),
) -> Option<i64> {
    let ask = BidAsk {
        auction: 1,
        impression: 0,
        value: CpmMicros::new(VALUE),
        floor: CpmMicros::ZERO,
        auction_type,
    };
    let segment = handle.segment(SegmentId::of(segment));
    let answer = handle.decide_in(campaign, &segment, at(seconds), &ask);
    handle.lost(answer.hold);
    match answer.decision {
        BidDecision::Bid { price, .. } => Some(price.get()),
        BidDecision::Skip(_) => None,
    }
}

#[test]
fn a_segment_with_a_schedule_is_bid_for_by_it_and_others_are_not() {
    let (handle, mut writer, campaign) = desk(false, 10_000);
    let desk = (&handle, &campaign);
    let first = (1, AuctionType::FirstPrice);
    assert_eq!(bid(desk, "adx/top", first), Some(VALUE), "nothing came yet");
    writer.apply_shades(&part(None, 4, &[("adx/top", ScheduleId::MARKET)])).unwrap();
    assert_eq!(bid(desk, "adx/top", first), Some(600_000));
    assert_eq!(bid(desk, "adx/low", first), Some(VALUE));
    assert_eq!(bid(desk, "adx/top", (1, AuctionType::SecondPrice)), Some(VALUE));
    let deal = AuctionType::FixedPrice(CpmMicros::new(777));
    assert_eq!(bid(desk, "adx/top", (1, deal)), Some(777));
    let gone = part(Some(generation(4)), 5, &[("adx/top", ScheduleId::UNSHADED)]);
    writer.apply_shades(&gone).unwrap();
    assert_eq!(bid(desk, "adx/top", first), Some(VALUE));
    assert_eq!(writer.held_shades().collect::<Vec<_>>(), [(MARKET, generation(5))]);
}

#[test]
fn a_market_that_is_not_heard_of_any_more_is_not_shaded() {
    let (handle, mut writer, campaign) = desk(false, 30);
    writer.apply_shades(&part(None, 4, &[("adx/top", ScheduleId::MARKET)])).unwrap();
    let bid = |seconds| bid((&handle, &campaign), "adx/top", (seconds, AuctionType::FirstPrice));
    // Its own table is fresh throughout; the market's is so to 30 s, and in grace to 120 s.
    assert_eq!([bid(29), bid(100)], [Some(600_000); 2]);
    assert_eq!(bid(121), Some(VALUE));
}

#[test]
fn damaged_news_ends_shading_and_never_bids() {
    let (handle, mut writer, campaign) = desk(false, 10_000);
    writer.apply_shades(&part(None, 4, &[("adx/top", ScheduleId::MARKET)])).unwrap();
    let misfit = part(Some(generation(3)), 9, &[]);
    writer.apply_shades(&misfit).unwrap_err();
    let first = (1, AuctionType::FirstPrice);
    assert_eq!(bid((&handle, &campaign), "adx/top", first), Some(VALUE));
    assert_eq!(handle.count_of(Fact::SchedulesDropped), 1);
}

#[test]
fn an_allowance_holds_what_is_bid_and_not_the_value() {
    let (handle, mut writer, campaign) = desk(true, 10_000);
    writer.apply_shades(&part(None, 4, &[("adx/top", ScheduleId::MARKET)])).unwrap();
    let grant = Allowance {
        campaign: CampaignId::of("c"),
        window_start: at(0),
        window_end: at(3_600),
        granted_total: Nanos::new(600_000),
        expires_at: at(3_600),
    };
    writer.grant(&grant, at(0));
    let first = (1, AuctionType::FirstPrice);
    assert_eq!(bid((&handle, &campaign), "adx/top", first), Some(600_000));
    assert_eq!(bid((&handle, &campaign), "adx/low", first), None, "there is not so much money");
}
