//! One campaign's place in the table: six atomic words that are read and written as one.
//!
//! Four of them, which every look-up reads, lie together and never across two cache lines; the
//! other two, a cap and a purse, lie apart and are read only by whom they concern. A version in
//! `meta` tells readers when they have seen half an entry; they try again, a bounded number of
//! times. One writer at a time; the purse alone is also changed by readers, by compare and swap.
//! Knows nothing of probing, time or leases. Called by `slot_table` and `board`.

use paceline_core::table::{EntryState, TableEntry};
use paceline_core::units::{
    ArmId, CampaignId, CpmMicros, Nanos, PacingMultiplier, ParticipationRate, PartitionId, Ppm,
    Timestamp,
};
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering, fence};

/// How often a reader that met the writer tries again. A write takes some tens of nanoseconds, so
/// more tries than this mean that the writer was put to sleep in its middle.
const READ_TRIES: usize = 64;

// Word `values`: multiplier 22 bits, participation 20, safe multiplier 22.
const PARTICIPATION_AT: u32 = 22;
const SAFE_AT: u32 = 42;
const MULTIPLIER_MASK: u64 = (1 << 22) - 1;
const PARTICIPATION_MASK: u64 = (1 << 20) - 1;

// Word `meta`: version 11 bits (odd: being written), state 2, present 1, arm 8, partition 8, capped
// 1, allowance's end in whole seconds 33, which is past the last instant there is. A read would
// have to last over 1024 writes of one entry to be fooled by the version.
const VERSION_MASK: u64 = (1 << 11) - 1;
const STATE_AT: u32 = 11;
const PRESENT_AT: u32 = 13;
const ARM_AT: u32 = 14;
const PARTITION_AT: u32 = 22;
const CAPPED_AT: u32 = 30;
const EXPIRY_AT: u32 = 31;
const EXPIRY_MASK: u64 = (1 << 33) - 1;

/// Money left of an allowance, and which window it is of, in one word.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Purse(u64);

impl Purse {
    /// The most that a purse can hold, 144 million units: more is used up to this at a time.
    pub(crate) const LEFT_MAX: i64 = (1 << 57) - 1;
    const TAG_AT: u32 = 58;

    pub(crate) fn new(tag: u8, left: i64) -> Self {
        let left = left.clamp(-Self::LEFT_MAX, Self::LEFT_MAX);
        let low = left.cast_unsigned() & ((1 << Self::TAG_AT) - 1);
        Self(u64::from(tag) << Self::TAG_AT | low)
    }

    /// Which window: counts modulo 64 for each slot.
    pub(crate) fn tag(self) -> u8 {
        (self.0 >> Self::TAG_AT) as u8
    }

    /// Nanos; below zero after a win that came later than its hold's end.
    pub(crate) fn left(self) -> i64 {
        (self.0 << 6).cast_signed() >> 6
    }
}

/// A slot as it was at one instant.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Seen {
    key: u64,
    salt: u64,
    /// Of an entry that has one.
    cap: i64,
    values: u64,
    meta: u64,
    /// Empty unless it was asked for.
    pub(crate) purse: Purse,
}

impl Seen {
    /// Whether it is this campaign's and arm's slot.
    pub(crate) fn is(&self, campaign: CampaignId, arm: ArmId) -> bool {
        self.key == campaign.key() && self.arm() == arm
    }

    /// Whether the slot holds an entry now.
    pub(crate) fn is_present(&self) -> bool {
        self.meta >> PRESENT_AT & 1 == 1
    }

    pub(crate) fn arm(&self) -> ArmId {
        ArmId((self.meta >> ARM_AT & 0xff) as u8)
    }

    pub(crate) fn partition(&self) -> PartitionId {
        PartitionId((self.meta >> PARTITION_AT & 0xff) as u8)
    }

    /// Until when the purse may be used, rounded down to a second.
    pub(crate) fn expires_at(&self) -> Timestamp {
        let seconds = (self.meta >> EXPIRY_AT & EXPIRY_MASK).cast_signed();
        Timestamp::from_micros(seconds * 1_000_000)
    }

    /// What may be committed at `now`.
    #[inline]
    pub(crate) fn left(&self, now: Timestamp) -> Nanos {
        if now < self.expires_at() { Nanos::new(self.purse.left()) } else { Nanos::ZERO }
    }

    #[inline]
    pub(crate) fn entry(&self) -> TableEntry {
        // The masks keep the ratios in range but for a few values that were never written.
        let multiplier = |bits: u64| {
            let ppm = Ppm::new((bits & MULTIPLIER_MASK) as u32);
            PacingMultiplier::try_new(ppm).unwrap_or(PacingMultiplier::ZERO)
        };
        let participation = Ppm::new((self.values >> PARTICIPATION_AT & PARTICIPATION_MASK) as u32);
        TableEntry {
            campaign: CampaignId::from_key(self.key),
            arm: self.arm(),
            state: state_of(self.meta >> STATE_AT & 3),
            multiplier: multiplier(self.values),
            participation: ParticipationRate::try_new(participation)
                .unwrap_or(ParticipationRate::ZERO),
            safe_multiplier: multiplier(self.values >> SAFE_AT),
            value_cap: is_capped(self.meta).then(|| CpmMicros::new(self.cap)),
            salt: self.salt,
        }
    }
}

const fn state_bits(state: EntryState) -> u64 {
    match state {
        EntryState::Run => 0,
        EntryState::Paused => 1,
        EntryState::Exhausted => 2,
        EntryState::Safe => 3,
    }
}

const fn state_of(bits: u64) -> EntryState {
    match bits {
        0 => EntryState::Run,
        1 => EntryState::Paused,
        2 => EntryState::Exhausted,
        _ => EntryState::Safe,
    }
}

const fn is_capped(meta: u64) -> bool {
    meta >> CAPPED_AT & 1 == 1
}

fn values_of(entry: &TableEntry) -> u64 {
    u64::from(entry.multiplier.ppm().get())
        | u64::from(entry.participation.ppm().get()) << PARTICIPATION_AT
        | u64::from(entry.safe_multiplier.ppm().get()) << SAFE_AT
}

fn seconds_of(at: Timestamp) -> u64 {
    let seconds = at.as_micros().max(0).cast_unsigned() / 1_000_000;
    seconds.min(EXPIRY_MASK)
}

/// What every look-up reads. All zero: never used.
#[derive(Debug, Default)]
#[repr(align(32))]
pub(crate) struct Hot {
    key: AtomicU64,
    salt: AtomicU64,
    values: AtomicU64,
    meta: AtomicU64,
}

/// What few look-ups read.
#[derive(Debug, Default)]
pub(crate) struct Side {
    cap: AtomicI64,
    purse: AtomicU64,
}

/// The six words.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Slot<'a> {
    hot: &'a Hot,
    side: &'a Side,
}

impl<'a> Slot<'a> {
    #[inline]
    pub(crate) const fn new(hot: &'a Hot, side: &'a Side) -> Self {
        Self { hot, side }
    }

    /// The key that was last written; 0: an end of every probe.
    #[inline]
    pub(crate) fn key(self) -> u64 {
        self.hot.key.load(Ordering::Relaxed)
    }

    /// The whole slot, with its purse if `PURSE`; `None` when the writer is in its middle for too
    /// long.
    #[inline]
    pub(crate) fn read<const PURSE: bool>(self) -> Option<Seen> {
        for _ in 0..READ_TRIES {
            let meta = self.hot.meta.load(Ordering::Acquire);
            if meta & 1 == 1 {
                std::hint::spin_loop();
                continue;
            }
            let seen = Seen {
                key: self.key(),
                salt: self.hot.salt.load(Ordering::Relaxed),
                cap: if is_capped(meta) { self.side.cap.load(Ordering::Relaxed) } else { 0 },
                values: self.hot.values.load(Ordering::Relaxed),
                meta,
                purse: if PURSE { self.purse() } else { Purse(0) },
            };
            fence(Ordering::Acquire);
            if self.hot.meta.load(Ordering::Relaxed) == meta {
                return Some(seen);
            }
        }
        None
    }

    /// Runs `write` between an odd and an even version. Only the writer may call this.
    fn write(self, meta: u64, write: impl FnOnce(Self)) {
        let version = self.hot.meta.load(Ordering::Relaxed) & VERSION_MASK;
        let old = self.hot.meta.load(Ordering::Relaxed) & !VERSION_MASK;
        self.hot.meta.store(old | version | 1, Ordering::Relaxed);
        fence(Ordering::Release);
        write(self);
        let next = (version + 2) & (VERSION_MASK - 1);
        self.hot.meta.store(meta & !VERSION_MASK | next, Ordering::Release);
    }

    /// Writes an entry; purse and its end stay when the slot was already this campaign's.
    pub(crate) fn put(self, entry: &TableEntry, partition: PartitionId, is_same: bool) {
        let old = self.hot.meta.load(Ordering::Relaxed);
        let expiry = if is_same { old & (EXPIRY_MASK << EXPIRY_AT) } else { 0 };
        let meta = expiry
            | state_bits(entry.state) << STATE_AT
            | 1 << PRESENT_AT
            | u64::from(entry.arm.0) << ARM_AT
            | u64::from(partition.0) << PARTITION_AT
            | u64::from(entry.value_cap.is_some()) << CAPPED_AT;
        self.write(meta, |slot| {
            slot.hot.key.store(entry.campaign.key(), Ordering::Relaxed);
            slot.hot.salt.store(entry.salt, Ordering::Relaxed);
            if let Some(cap) = entry.value_cap {
                slot.side.cap.store(cap.get(), Ordering::Relaxed);
            }
            slot.hot.values.store(values_of(entry), Ordering::Relaxed);
            if !is_same {
                slot.empty_purse(0);
            }
        });
    }

    /// The entry is gone; the key stays, so that probes pass over it.
    pub(crate) fn remove(self) {
        let old = self.hot.meta.load(Ordering::Relaxed);
        let meta = old & !(1 << PRESENT_AT) & !(EXPIRY_MASK << EXPIRY_AT);
        self.write(meta, |slot| slot.empty_purse(0));
    }

    /// Makes a removed slot an end of probes again.
    pub(crate) fn clear(self) {
        let meta = self.hot.meta.load(Ordering::Relaxed);
        self.write(meta, |slot| slot.hot.key.store(0, Ordering::Relaxed));
    }

    /// A new window: what is still out of the old one will not come back to this purse.
    pub(crate) fn open_purse(self, left: Nanos, expires_at: Timestamp) {
        let old = self.hot.meta.load(Ordering::Relaxed);
        let meta = old & !(EXPIRY_MASK << EXPIRY_AT) | seconds_of(expires_at) << EXPIRY_AT;
        self.write(meta, |slot| slot.empty_purse(left.get()));
    }

    /// The same window holds until another instant.
    pub(crate) fn extend_purse(self, expires_at: Timestamp) {
        let old = self.hot.meta.load(Ordering::Relaxed);
        let meta = old & !(EXPIRY_MASK << EXPIRY_AT) | seconds_of(expires_at) << EXPIRY_AT;
        self.write(meta, |_| {});
    }

    fn empty_purse(self, left: i64) {
        let next = |word| Some(Purse::new(Purse(word).tag().wrapping_add(1) & 63, left).0);
        let _ = self.side.purse.fetch_update(Ordering::Relaxed, Ordering::Relaxed, next);
    }

    pub(crate) fn purse(self) -> Purse {
        Purse(self.side.purse.load(Ordering::Relaxed))
    }

    /// Takes `amount` if the purse, still of the window of `seen`, holds it. Tries again only when
    /// another thread changed the purse in between, at most [`READ_TRIES`] times.
    #[inline]
    pub(crate) fn reserve(self, seen: Purse, amount: Nanos) -> bool {
        let mut purse = seen;
        for _ in 0..READ_TRIES {
            if purse.tag() != seen.tag() || purse.left() < amount.get() {
                return false;
            }
            let next = Purse::new(purse.tag(), purse.left() - amount.get());
            let swapped = self.side.purse.compare_exchange_weak(
                purse.0,
                next.0,
                Ordering::Relaxed,
                Ordering::Relaxed,
            );
            match swapped {
                Ok(_) => return true,
                Err(now) => purse = Purse(now),
            }
        }
        false
    }

    /// Adds `amount`, which may be negative, if the purse is still of the window `tag`.
    pub(crate) fn give(self, tag: u8, amount: Nanos) -> bool {
        let next = |word| {
            let purse = Purse(word);
            let left = purse.left().saturating_add(amount.get());
            (purse.tag() == tag).then(|| Purse::new(tag, left).0)
        };
        self.side.purse.fetch_update(Ordering::Relaxed, Ordering::Relaxed, next).is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    pub(crate) fn entry(multiplier: u32) -> TableEntry {
        TableEntry {
            campaign: CampaignId::from_key(77),
            arm: ArmId(3),
            state: EntryState::Exhausted,
            multiplier: PacingMultiplier::try_new(Ppm::new(multiplier)).unwrap(),
            participation: ParticipationRate::ONE,
            safe_multiplier: PacingMultiplier::HARD_MAX,
            value_cap: Some(CpmMicros::new(5)),
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
        let seen = slot.read::<true>().unwrap();
        assert_eq!(seen.entry(), entry(4_000_000));
        assert!(seen.is(CampaignId::from_key(77), ArmId(3)) && seen.is_present());
        assert_eq!(seen.partition(), PartitionId(255));
        let uncapped = TableEntry { value_cap: None, ..entry(1) };
        slot.put(&uncapped, PartitionId(255), true);
        slot.open_purse(Nanos::new(1), Timestamp::MAX);
        let seen = slot.read::<false>().unwrap();
        assert_eq!((seen.entry(), seen.purse.left()), (uncapped, 0));
        assert_eq!(seen.expires_at(), Timestamp::MAX);
    }

    #[test]
    fn a_slot_is_forty_eight_bytes() {
        assert_eq!(size_of::<Hot>() + size_of::<Side>(), 48);
        assert_eq!(align_of::<Hot>(), size_of::<Hot>(), "never across two cache lines");
    }

    #[test]
    fn an_edit_keeps_the_purse_and_a_new_tenant_does_not() {
        let words = Words::default();
        let slot = words.slot();
        let until = Timestamp::from_micros(90_000_000);
        slot.put(&entry(1), PartitionId(0), false);
        slot.open_purse(Nanos::new(100), until);
        slot.put(&entry(2), PartitionId(0), true);
        let seen = slot.read::<true>().unwrap();
        assert_eq!(seen.left(Timestamp::from_micros(89_999_999)), Nanos::new(100));
        assert_eq!(seen.left(until), Nanos::ZERO);
        slot.put(&entry(3), PartitionId(0), false);
        assert_eq!(slot.read::<true>().unwrap().purse.left(), 0);
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
    fn a_purse_below_zero_keeps_its_sign_and_window() {
        let purse = Purse::new(63, -5);
        assert_eq!((purse.tag(), purse.left()), (63, -5));
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
                let Some(seen) = slot.read::<true>() else { continue };
                assert_eq!(u64::from(seen.entry().multiplier.ppm().get()), seen.entry().salt);
            }
        });
    }
}
