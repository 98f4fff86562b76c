//! What a slot gives back of what it was given, alone and under a writer's hands.

use super::*;
use paceline_core::campaign::ShadingLevel;
use paceline_core::table::codec::CAP_MAX;

pub(crate) fn entry(multiplier: u32) -> TableEntry {
    TableEntry {
        campaign: CampaignId::from_key(77),
        arm: ArmId(3),
        state: EntryState::Exhausted,
        multiplier: PacingMultiplier::try_new(Ppm::new(multiplier)).unwrap(),
        participation: ParticipationRate::ONE,
        safe_multiplier: PacingMultiplier::HARD_MAX,
        value_cap: Some(CpmMicros::new(5)),
        shading: EntryShading::new(ShadingLevel::Aggressive, 400),
        salt: u64::MAX,
    }
}

#[derive(Default)]
struct Words(Hot, Side);

impl Words {
    fn slot(&self) -> Slot<'_> {
        Slot::new(&self.0, &self.1)
    }
}

#[test]
fn an_entry_comes_back_as_it_was_put() {
    let words = Words::default();
    let slot = words.slot();
    slot.put(&entry(4_000_000), PartitionId(255), false);
    let seen = slot.read().unwrap();
    assert_eq!(seen.entry(), entry(4_000_000));
    let glance = seen.glance;
    assert!(glance.is(CampaignId::from_key(77), ArmId(3)) && glance.is_present());
    assert_eq!((glance.partition(), glance.is_whole()), (PartitionId(255), false));
    let uncapped = TableEntry { value_cap: None, ..entry(1) };
    let highest = TableEntry { value_cap: Some(CpmMicros::new(CAP_MAX)), ..entry(1) };
    slot.put(&highest, PartitionId(255), true);
    assert_eq!(slot.read().unwrap().entry(), highest);
    slot.put(&uncapped, PartitionId(255), true);
    slot.open_purse(Nanos::new(1), Timestamp::MAX);
    let seen = slot.read().unwrap();
    assert_eq!((seen.entry(), seen.purse.left()), (uncapped, 1));
    assert_eq!(seen.expires_at(), Timestamp::MAX);
}

#[test]
fn a_slot_is_forty_eight_bytes() {
    assert_eq!((size_of::<Hot>(), size_of::<Side>()), (16, 32));
    assert_eq!(align_of::<Hot>(), size_of::<Hot>(), "never across two cache lines");
    assert_eq!(align_of::<Side>(), size_of::<Side>(), "never across two cache lines");
}

#[test]
fn a_glance_is_the_whole_entry_where_it_says_so() {
    let words = Words::default();
    let slot = words.slot();
    let salt = mix(77);
    let shading = EntryShading::OFF;
    let plain = TableEntry { value_cap: None, shading, salt, ..entry(9) };
    slot.put(&plain, PartitionId(3), false);
    let glance = words.0.glance().unwrap();
    assert!(glance.is_whole());
    assert_eq!(glance.entry(), TableEntry { safe_multiplier: PacingMultiplier::ZERO, ..plain });
    let participation = ParticipationRate::try_new(Ppm::new(999_999)).unwrap();
    let drawn = TableEntry { participation, ..plain };
    for (other, is_whole) in [
        (drawn, true),
        (TableEntry { salt: 5, ..plain }, true),
        (TableEntry { salt: 5, ..drawn }, false),
        (TableEntry { salt, shading, ..entry(9) }, false),
        (TableEntry { value_cap: None, salt, ..entry(9) }, false),
    ] {
        slot.put(&other, PartitionId(3), true);
        assert_eq!(words.0.glance().unwrap().is_whole(), is_whole, "{other:?}");
        assert_eq!(slot.read().unwrap().entry(), other);
    }
}

#[test]
fn a_glance_never_gives_one_campaigns_word_to_another() {
    // The writer keeps multiplier and key equal.
    let words = Words::default();
    let slot = words.slot();
    let with =
        |key: u32| TableEntry { campaign: CampaignId::from_key(u64::from(key)), ..entry(key) };
    slot.put(&with(1), PartitionId(0), false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            for key in 1..200_000 {
                slot.remove();
                slot.put(&with(key), PartitionId(0), false);
            }
        });
        for _ in 0..200_000 {
            let glance = words.0.glance().filter(|glance| glance.is_present());
            let Some(seen) = glance.map(Glance::entry) else { continue };
            assert_eq!(u64::from(seen.multiplier.ppm().get()), seen.campaign.key());
        }
    });
}

#[test]
fn an_edit_keeps_the_purse_and_a_new_tenant_does_not() {
    let words = Words::default();
    let slot = words.slot();
    let until = Timestamp::from_micros(90_000_000);
    slot.put(&entry(1), PartitionId(0), false);
    slot.open_purse(Nanos::new(100), until);
    slot.put(&entry(2), PartitionId(0), true);
    let seen = slot.read().unwrap();
    assert_eq!(seen.left(Timestamp::from_micros(89_999_999)), Nanos::new(100));
    assert_eq!(seen.left(until), Nanos::ZERO);
    slot.put(&entry(3), PartitionId(0), false);
    assert_eq!(slot.read().unwrap().purse.left(), 0);
    assert!(!slot.give(seen.purse.tag(), Nanos::new(1)), "money of the old window");
}

#[test]
fn a_purse_gives_no_more_than_it_holds() {
    let words = Words::default();
    let slot = words.slot();
    slot.open_purse(Nanos::new(10), Timestamp::MAX);
    let purse = slot.purse();
    assert!(slot.reserve(purse, Nanos::new(6)));
    assert!(!slot.reserve(purse, Nanos::new(6)));
    assert!(slot.give(purse.tag(), Nanos::new(6)));
    assert!(slot.reserve(purse, Nanos::new(10)));
}

#[test]
fn readers_never_see_half_an_entry() {
    // The writer keeps multiplier and salt equal; a reader that sees them differ saw a half.
    let words = Words::default();
    let slot = words.slot();
    let with = |value: u32| TableEntry { salt: u64::from(value), ..entry(value) };
    slot.put(&with(0), PartitionId(0), false);
    std::thread::scope(|scope| {
        scope.spawn(|| (0..200_000).for_each(|n| slot.put(&with(n), PartitionId(0), true)));
        for _ in 0..200_000 {
            let Some(seen) = slot.read() else { continue };
            assert_eq!(u64::from(seen.entry().multiplier.ppm().get()), seen.entry().salt);
        }
    });
}
