//! Tables as a bidder lives them: leases, stale news, digests, arms, capacity, and the cold start.

use paceline_client::{ApplyError, BoardWriter, Fact, PacelineHandle, Settings, TableHead, open};
use paceline_core::bid::{AuctionType, BidAsk, BidDecision, SkipReason};
use paceline_core::hash::Digest;
use paceline_core::table::{EntryShading, EntryState, Lease, LeaseState, TableEntry};
use paceline_core::units::{
    ArmId, CampaignId, CpmMicros, Epoch, Generation, PacingMultiplier, ParticipationRate,
    PartitionId, Ppm, Span, Timestamp,
};

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_micros(seconds * 1_000_000)
}

fn multiplier(ppm: u32) -> PacingMultiplier {
    PacingMultiplier::try_new(Ppm::new(ppm)).expect("below the hard maximum")
}

fn entry(key: u64, ppm: u32) -> TableEntry {
    TableEntry {
        campaign: CampaignId::from_key(key),
        arm: ArmId(0),
        state: EntryState::Run,
        multiplier: multiplier(ppm),
        participation: ParticipationRate::ONE,
        safe_multiplier: multiplier(250_000),
        value_cap: None,
        shading: EntryShading::default(),
        salt: key,
    }
}

fn generation(epoch: u32, sequence: u64) -> Generation {
    Generation { epoch: Epoch(epoch), sequence }
}

fn head(of: Generation, entries: &[TableEntry]) -> TableHead {
    TableHead {
        partition: PartitionId(0),
        generation: of,
        as_of: at(0),
        lease: Lease { valid_until: at(30), grace_until: at(120) },
        digest: Some(entries.iter().fold(Digest::default(), |d, e| d.with(e.digest()))),
    }
}

fn put(
    writer: &mut BoardWriter,
    of: Generation,
    entries: &[TableEntry],
) -> Result<bool, ApplyError> {
    let total = entries.len() as u64;
    writer.apply_page(&head(of, entries), 0, total, entries.iter().copied())
}

fn price(handle: &PacelineHandle, key: u64, now: Timestamp) -> Result<i64, SkipReason> {
    let ask = BidAsk {
        auction: 1,
        impression: 0,
        value: CpmMicros::new(1_000_000),
        floor: CpmMicros::ZERO,
        auction_type: AuctionType::FirstPrice,
    };
    match handle.decide(CampaignId::from_key(key), ArmId(0), now, &ask).decision {
        BidDecision::Bid { price, .. } => Ok(price.get()),
        BidDecision::Skip(reason) => Err(reason),
    }
}

fn small() -> (PacelineHandle, BoardWriter) {
    open(Settings { entries_max: 100, ..Settings::default() })
}

#[test]
fn a_table_is_fresh_then_glides_then_is_safe() {
    let (handle, mut writer) = small();
    assert_eq!(put(&mut writer, generation(1, 1), &[entry(1, 1_000_000)]), Ok(true));
    assert_eq!(price(&handle, 1, at(29)), Ok(1_000_000));
    let half = price(&handle, 1, at(75)).unwrap();
    assert!((499_000..=500_001).contains(&half), "{half}");
    assert_eq!(price(&handle, 1, at(120)), Ok(250_000));
    assert_eq!(handle.lease_state(PartitionId(0), at(60)), LeaseState::Grace);
}

#[test]
fn a_heartbeat_renews_the_lease_of_the_table_held() {
    let (handle, mut writer) = small();
    put(&mut writer, generation(1, 1), &[entry(1, 1_000_000)]).unwrap();
    let lease = Lease { valid_until: at(60), grace_until: at(150) };
    assert_eq!(writer.renew(PartitionId(0), generation(1, 1), lease), Ok(()));
    assert_eq!(price(&handle, 1, at(59)), Ok(1_000_000));
    let newer = writer.renew(PartitionId(0), generation(1, 2), lease);
    assert_eq!(newer, Err(ApplyError::DoesNotFit));
    assert_eq!(writer.held().count(), 0, "to be fetched anew");
}

#[test]
fn a_clock_ahead_of_the_bidders_shortens_the_lease() {
    let (handle, mut writer) = small();
    put(&mut writer, generation(1, 1), &[entry(1, 1_000_000)]).unwrap();
    writer.set_skew(Span::from_secs(40));
    assert_eq!(handle.lease_state(PartitionId(0), at(0)), LeaseState::Grace);
    writer.set_skew(Span::from_secs(-40));
    assert_eq!(handle.lease_state(PartitionId(0), at(30)), LeaseState::Grace);
}

#[test]
fn what_is_not_newer_is_refused() {
    let (handle, mut writer) = small();
    put(&mut writer, generation(2, 5), &[entry(1, 1_000_000)]).unwrap();
    let lease = Lease { valid_until: at(900), grace_until: at(999) };
    let refused = ApplyError::NotNewer { given: generation(1, 9), held: generation(2, 5) };
    assert_eq!(put(&mut writer, generation(1, 9), &[entry(1, 7)]), Err(refused));
    assert_eq!(writer.renew(PartitionId(0), generation(1, 9), lease), Err(refused));
    let old = head(generation(1, 9), &[]);
    assert_eq!(writer.apply_delta(&old, generation(1, 8), [entry(1, 7)], []), Err(refused));
    assert_eq!(price(&handle, 1, at(0)), Ok(1_000_000));
    assert_eq!(handle.lease_state(PartitionId(0), at(30)), LeaseState::Grace);
    assert_eq!(handle.count_of(Fact::StaleRefused), 3);
}

#[test]
fn a_delta_changes_adds_and_removes() {
    let (handle, mut writer) = small();
    put(&mut writer, generation(1, 1), &[entry(1, 1), entry(2, 2)]).unwrap();
    let after = head(generation(1, 2), &[entry(2, 20), entry(3, 30)]);
    let gone = [(CampaignId::from_key(1), ArmId(0))];
    let changed = [entry(2, 20), entry(3, 30)];
    assert_eq!(writer.apply_delta(&after, generation(1, 1), changed, gone), Ok(()));
    assert_eq!(price(&handle, 1, at(0)), Err(SkipReason::Unknown));
    assert_eq!((price(&handle, 2, at(0)), price(&handle, 3, at(0))), (Ok(20), Ok(30)));
    assert_eq!(handle.entries(), 2);
}

#[test]
fn a_digest_that_differs_asks_for_the_table() {
    let (_, mut writer) = small();
    put(&mut writer, generation(1, 1), &[entry(1, 1)]).unwrap();
    let wrong = head(generation(1, 2), &[entry(1, 3)]);
    let applied = writer.apply_delta(&wrong, generation(1, 1), [entry(1, 2)], []);
    assert_eq!(applied, Err(ApplyError::Digest));
    assert_eq!(writer.held().count(), 0);
    assert_eq!(put(&mut writer, generation(1, 2), &[entry(1, 3)]), Ok(true));
}

#[test]
fn a_table_in_pages_is_live_with_its_last_and_leaves_nothing_of_the_old() {
    let (handle, mut writer) = small();
    put(&mut writer, generation(1, 1), &[entry(1, 1), entry(2, 2)]).unwrap();
    let all = [entry(2, 20), entry(3, 30), entry(4, 40)];
    let head = head(generation(1, 2), &all);
    assert_eq!(writer.apply_page(&head, 0, 3, all[..2].iter().copied()), Ok(false));
    assert_eq!(writer.held().count(), 0);
    assert_eq!(writer.apply_page(&head, 2, 3, all[2..].iter().copied()), Ok(true));
    assert_eq!(price(&handle, 1, at(0)), Err(SkipReason::Unknown));
    assert_eq!(price(&handle, 4, at(0)), Ok(40));
    assert!(writer.apply_page(&head, 0, 3, []).is_err(), "it is held already");
}

#[test]
fn a_page_that_is_missing_asks_for_the_table() {
    let (_, mut writer) = small();
    let head = head(generation(1, 2), &[]);
    assert_eq!(writer.apply_page(&head, 1, 3, [entry(1, 1)]), Err(ApplyError::DoesNotFit));
}

#[test]
fn campaigns_beyond_the_capacity_are_refused_counted_and_unknown() {
    let (handle, mut writer) = open(Settings { entries_max: 3, ..Settings::default() });
    let all: Vec<_> = (1..=5).map(|key| entry(key, 9)).collect();
    assert_eq!(put(&mut writer, generation(1, 1), &all), Ok(true));
    let known = (1..=5).filter(|&key| price(&handle, key, at(0)).is_ok()).count();
    assert_eq!((known, handle.count_of(Fact::EntryRefused)), (3, 2));
}

#[test]
fn a_handle_follows_its_campaign_through_an_absence() {
    let (handle, mut writer) = small();
    put(&mut writer, generation(1, 1), &[entry(1, 10)]).unwrap();
    let resolved = handle.resolve(CampaignId::from_key(1), ArmId(0)).unwrap();
    let ask = BidAsk {
        auction: 1,
        impression: 0,
        value: CpmMicros::new(1_000_000),
        floor: CpmMicros::ZERO,
        auction_type: AuctionType::FirstPrice,
    };
    let decided = |handle: &PacelineHandle| handle.decide_at(&resolved, at(0), &ask).decision;
    put(&mut writer, generation(1, 2), &[entry(2, 5)]).unwrap();
    assert_eq!(decided(&handle), BidDecision::Skip(SkipReason::Unknown));
    put(&mut writer, generation(1, 3), &[entry(1, 30)]).unwrap();
    assert!(matches!(decided(&handle), BidDecision::Bid { price, .. } if price.get() == 30));
}

#[test]
fn partitions_have_leases_of_their_own() {
    let (handle, mut writer) = small();
    put(&mut writer, generation(1, 1), &[entry(1, 10)]).unwrap();
    let other = TableHead { partition: PartitionId(9), ..head(generation(1, 1), &[entry(2, 20)]) };
    let lease = Lease { valid_until: at(300), grace_until: at(400) };
    writer.apply_page(&TableHead { lease, ..other }, 0, 1, [entry(2, 20)]).unwrap();
    assert_eq!(price(&handle, 2, at(299)), Ok(20));
    assert_eq!(handle.lease_state(PartitionId(0), at(299)), LeaseState::Safe);
    assert_eq!(writer.held().count(), 2);
}

#[test]
fn values_without_measure_are_cut_and_do_not_panic() {
    let (handle, mut writer) = small();
    put(&mut writer, generation(1, 1), &[entry(1, 4_000_000)]).unwrap();
    for value in [i64::MIN, i64::MAX] {
        for now in [i64::MIN, 0, i64::MAX] {
            let ask = BidAsk {
                auction: u64::MAX,
                impression: u32::MAX,
                value: CpmMicros::new(value),
                floor: CpmMicros::new(i64::MIN),
                auction_type: AuctionType::FirstPrice,
            };
            let now = Timestamp::from_micros(now);
            let _ = handle.decide(CampaignId::from_key(1), ArmId(0), now, &ask);
        }
    }
}

#[test]
fn a_cold_start_keeps_the_table_and_its_old_lease() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("table");
    let (_, mut writer) = small();
    put(&mut writer, generation(3, 4), &[entry(1, 1_000_000), entry(2, 7)]).unwrap();
    writer.keep(&path).unwrap();

    let (handle, mut reader) = small();
    reader.read_kept(&path).unwrap();
    assert_eq!(reader.held().collect::<Vec<_>>(), [(PartitionId(0), generation(3, 4))]);
    assert_eq!(price(&handle, 1, at(120)), Ok(250_000));
    assert_eq!(handle.lease_state(PartitionId(0), at(31)), LeaseState::Grace);
    let after = head(generation(3, 5), &[entry(1, 8), entry(2, 7)]);
    assert_eq!(reader.apply_delta(&after, generation(3, 4), [entry(1, 8)], []), Ok(()));
}

#[test]
fn a_kept_table_that_was_cut_or_changed_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("table");
    let (_, mut writer) = small();
    writer.read_kept(&path).unwrap();
    put(&mut writer, generation(1, 1), &[entry(1, 5)]).unwrap();
    writer.keep(&path).unwrap();
    let sound = std::fs::read(&path).unwrap();
    for place in 0..sound.len() {
        let mut bad = sound.clone();
        bad[place] ^= 1;
        std::fs::write(&path, &bad).unwrap();
        assert!(small().1.read_kept(&path).is_err(), "byte {place}");
        std::fs::write(&path, &sound[..place]).unwrap();
        assert!(small().1.read_kept(&path).is_err(), "cut at {place}");
    }
}
