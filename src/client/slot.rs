//! One campaign's place in the table: six atomic words, two of which say nearly everything.
//!
//! Key and `word` lie together, four slots to a cache line: a look-up under a fresh lease reads no
//! more. The other four (salt, cap, purse, `rest`) lie apart and are read only by whom they
//! concern; a version in `rest` tells those readers when they have seen half an entry, and they try
//! again, a bounded number of times. One writer at a time; the purse alone is also changed by
//! readers, by compare and swap. Knows nothing of probing, time or leases. Called by `slot_table`
//! and `board`.

use crate::purse::Purse;
use paceline_core::hash::mix;
use paceline_core::table::{EntryShading, EntryState, TableEntry};
use paceline_core::units::{
    ArmId, CampaignId, CpmMicros, Nanos, PacingMultiplier, ParticipationRate, PartitionId, Ppm,
    Timestamp,
};
use std::sync::atomic::{AtomicU64, Ordering, fence};

/// How often a reader that met the writer tries again. A write takes some tens of nanoseconds, so
/// more tries than this mean that the writer was put to sleep in its middle.
const READ_TRIES: usize = 64;

// Word `word`: multiplier 22 bits, participation 20, state 2, present 1, capped 1, salted 1 (its
// salt is not what follows from its key), arm 8, partition 8, shaded 1. What a fresh lease asks for
// in one word: it is never seen by halves.
const PARTICIPATION_AT: u32 = 22;
const STATE_AT: u32 = 42;
const PRESENT: u64 = 1 << 44;
const CAPPED: u64 = 1 << 45;
const SALTED: u64 = 1 << 46;
const ARM_AT: u32 = 47;
const PARTITION_AT: u32 = 55;
const SHADED: u64 = 1 << 63;
const MULTIPLIER_MASK: u64 = (1 << 22) - 1;
const PARTICIPATION_MASK: u64 = (1 << 20) - 1;

// Word `cap`: the value cap, at most `CAP_MAX`, 52 bits; how bids are shaded 12.
const CAP_BITS: u32 = 52;
const CAP_MASK: u64 = (1 << CAP_BITS) - 1;

// Word `rest`: version 9 bits (odd: being written), safe multiplier 22, allowance's end in whole
// seconds 33, which is past the last instant there is. A read would have to last over 256 writes of
// one entry to be fooled by the version.
const VERSION_MASK: u64 = (1 << 9) - 1;
const SAFE_AT: u32 = 9;
const EXPIRY_AT: u32 = 31;
const EXPIRY_MASK: u64 = (1 << 33) - 1;
const EXPIRY_BITS: u64 = EXPIRY_MASK << EXPIRY_AT;

/// Key and word of a slot as they were at one instant.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Glance {
    key: u64,
    word: u64,
}

impl Glance {
    /// Whether it is this campaign's and arm's slot.
    #[inline]
    pub(crate) fn is(self, campaign: CampaignId, arm: ArmId) -> bool {
        self.key == campaign.key() && self.arm() == arm
    }

    /// Whether the slot holds an entry now.
    #[inline]
    pub(crate) const fn is_present(self) -> bool {
        self.word & PRESENT != 0
    }

    /// Whether both are of one campaign and arm, present at either instant.
    pub(crate) fn is_same(self, other: Self) -> bool {
        self.is(CampaignId::from_key(other.key), other.arm()) && self.is_present()
    }

    pub(crate) const fn arm(self) -> ArmId {
        ArmId((self.word >> ARM_AT & 0xff) as u8)
    }

    #[inline]
    pub(crate) const fn partition(self) -> PartitionId {
        PartitionId((self.word >> PARTITION_AT & 0xff) as u8)
    }

    /// Whether its bids are shaded.
    #[inline]
    pub(crate) const fn is_shaded(self) -> bool {
        self.word & SHADED != 0
    }

    /// Whether [`Self::entry`] says all that a decision under a fresh lease needs: no cap, no
    /// shading, and a salt that follows from the key or is not drawn with.
    #[inline]
    pub(crate) const fn is_whole(self) -> bool {
        const FULL: u64 = (Ppm::ONE.get() as u64) << PARTICIPATION_AT;
        let is_full = self.word & PARTICIPATION_MASK << PARTICIPATION_AT == FULL;
        self.word & (CAPPED | SHADED) == 0 && (self.word & SALTED == 0 || is_full)
    }

    /// The entry, where [`Self::is_whole`] holds, but for what a fresh lease does not ask for: its
    /// safe multiplier is nothing, its salt the one that follows from the key.
    #[inline]
    pub(crate) fn entry(self) -> TableEntry {
        let participation = Ppm::new((self.word >> PARTICIPATION_AT & PARTICIPATION_MASK) as u32);
        TableEntry {
            campaign: CampaignId::from_key(self.key),
            arm: self.arm(),
            state: state_of(self.word >> STATE_AT & 3),
            multiplier: multiplier_of(self.word),
            // The masks keep the ratios in range but for a few values that were never written.
            participation: ParticipationRate::try_new(participation)
                .unwrap_or(ParticipationRate::ZERO),
            safe_multiplier: PacingMultiplier::ZERO,
            value_cap: None,
            shading: EntryShading::OFF,
            salt: mix(self.key),
        }
    }
}

/// A whole slot as it was at one instant.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Seen {
    pub(crate) glance: Glance,
    salt: u64,
    cap: u64,
    rest: u64,
    pub(crate) purse: Purse,
}

impl Seen {
    /// Until when the purse may be used, rounded down to a second.
    pub(crate) fn expires_at(&self) -> Timestamp {
        let seconds = (self.rest >> EXPIRY_AT & EXPIRY_MASK).cast_signed();
        Timestamp::from_micros(seconds * 1_000_000)
    }

    /// What may be committed at `now`.
    #[inline]
    pub(crate) fn left(&self, now: Timestamp) -> Nanos {
        if now < self.expires_at() { Nanos::new(self.purse.left()) } else { Nanos::ZERO }
    }

    #[inline]
    pub(crate) fn entry(&self) -> TableEntry {
        let is_capped = self.glance.word & CAPPED != 0;
        TableEntry {
            safe_multiplier: multiplier_of(self.rest >> SAFE_AT),
            value_cap: is_capped.then(|| CpmMicros::new((self.cap & CAP_MASK).cast_signed())),
            shading: shading_of(self.cap),
            salt: self.salt,
            ..self.glance.entry()
        }
    }
}

/// The bits were written by [`cap_of`]; others would be no shading.
#[inline]
fn shading_of(cap: u64) -> EntryShading {
    let bits = u16::try_from(cap >> CAP_BITS).unwrap_or(0);
    EntryShading::from_bits(bits).unwrap_or(EntryShading::OFF)
}

fn cap_of(entry: &TableEntry) -> u64 {
    let cap = entry.value_cap.map_or(0, |cap| cap.get().max(0).cast_unsigned().min(CAP_MASK));
    cap | u64::from(entry.shading.bits()) << CAP_BITS
}

fn multiplier_of(bits: u64) -> PacingMultiplier {
    let ppm = Ppm::new((bits & MULTIPLIER_MASK) as u32);
    PacingMultiplier::try_new(ppm).unwrap_or(PacingMultiplier::ZERO)
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

fn word_of(entry: &TableEntry, partition: PartitionId) -> u64 {
    let flag = |is_set: bool, bit: u64| if is_set { bit } else { 0 };
    u64::from(entry.multiplier.ppm().get())
        | u64::from(entry.participation.ppm().get()) << PARTICIPATION_AT
        | state_bits(entry.state) << STATE_AT
        | PRESENT
        | flag(entry.value_cap.is_some(), CAPPED)
        | flag(entry.salt != mix(entry.campaign.key()), SALTED)
        | flag(entry.shading != EntryShading::OFF, SHADED)
        | u64::from(entry.arm.0) << ARM_AT
        | u64::from(partition.0) << PARTITION_AT
}

fn seconds_of(at: Timestamp) -> u64 {
    let seconds = at.as_micros().max(0).cast_unsigned() / 1_000_000;
    seconds.min(EXPIRY_MASK)
}

/// What every look-up reads. All zero: never used.
#[derive(Debug, Default)]
#[repr(align(16))]
pub(crate) struct Hot {
    key: AtomicU64,
    word: AtomicU64,
}

impl Hot {
    /// The key that was last written; 0: an end of every probe.
    #[inline]
    pub(crate) fn key(&self) -> u64 {
        self.key.load(Ordering::Relaxed)
    }

    /// Key and word; `None` while the slot changes its tenant.
    #[inline]
    pub(crate) fn glance(&self) -> Option<Glance> {
        let key = self.key.load(Ordering::Acquire);
        let word = self.word.load(Ordering::Acquire);
        // A new tenant's key is written while the word is zero, and seen with its word.
        (self.key.load(Ordering::Relaxed) == key).then_some(Glance { key, word })
    }
}

/// What few look-ups read.
#[derive(Debug, Default)]
#[repr(align(32))]
pub(crate) struct Side {
    salt: AtomicU64,
    cap: AtomicU64,
    purse: AtomicU64,
    rest: AtomicU64,
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
    pub(crate) fn key(self) -> u64 {
        self.hot.key()
    }

    /// The whole slot; `None` when the writer is in its middle for too long.
    #[inline]
    pub(crate) fn read(self) -> Option<Seen> {
        for _ in 0..READ_TRIES {
            let rest = self.side.rest.load(Ordering::Acquire);
            if rest & 1 == 1 {
                std::hint::spin_loop();
                continue;
            }
            let seen = Seen {
                glance: Glance { key: self.key(), word: self.hot.word.load(Ordering::Relaxed) },
                salt: self.side.salt.load(Ordering::Relaxed),
                cap: self.side.cap.load(Ordering::Relaxed),
                rest,
                purse: self.purse(),
            };
            fence(Ordering::Acquire);
            if self.side.rest.load(Ordering::Relaxed) == rest {
                return Some(seen);
            }
        }
        None
    }

    /// Runs `write` between an odd and an even version. Only the writer may call this.
    fn write(self, rest: u64, write: impl FnOnce(Self)) {
        let old = self.side.rest.load(Ordering::Relaxed);
        self.side.rest.store(old | 1, Ordering::Relaxed);
        fence(Ordering::Release);
        write(self);
        let next = ((old & VERSION_MASK) + 2) & (VERSION_MASK - 1);
        self.side.rest.store(rest & !VERSION_MASK | next, Ordering::Release);
    }

    /// Writes an entry; purse and its end stay when the slot was already this campaign's.
    pub(crate) fn put(self, entry: &TableEntry, partition: PartitionId, is_same: bool) {
        let old = self.side.rest.load(Ordering::Relaxed);
        let expiry = if is_same { old & EXPIRY_BITS } else { 0 };
        let rest = expiry | u64::from(entry.safe_multiplier.ppm().get()) << SAFE_AT;
        self.write(rest, |slot| {
            if !is_same {
                slot.hot.word.store(0, Ordering::Relaxed);
                fence(Ordering::Release);
                slot.hot.key.store(entry.campaign.key(), Ordering::Release);
                slot.empty_purse(0);
            }
            slot.side.salt.store(entry.salt, Ordering::Relaxed);
            slot.side.cap.store(cap_of(entry), Ordering::Relaxed);
            slot.hot.word.store(word_of(entry, partition), Ordering::Release);
        });
    }

    /// The entry is gone; the key stays, so that probes pass over it.
    pub(crate) fn remove(self) {
        let old = self.side.rest.load(Ordering::Relaxed);
        self.write(old & !EXPIRY_BITS, |slot| {
            let word = slot.hot.word.load(Ordering::Relaxed);
            slot.hot.word.store(word & !PRESENT, Ordering::Release);
            slot.empty_purse(0);
        });
    }

    /// Makes a removed slot an end of probes again.
    pub(crate) fn clear(self) {
        let rest = self.side.rest.load(Ordering::Relaxed);
        self.write(rest, |slot| slot.hot.key.store(0, Ordering::Relaxed));
    }

    /// A new window: what is still out of the old one will not come back to this purse.
    pub(crate) fn open_purse(self, left: Nanos, expires_at: Timestamp) {
        self.write(self.rest_until(expires_at), |slot| slot.empty_purse(left.get()));
    }

    /// The same window holds until another instant.
    pub(crate) fn extend_purse(self, expires_at: Timestamp) {
        self.write(self.rest_until(expires_at), |_| {});
    }

    fn rest_until(self, expires_at: Timestamp) -> u64 {
        let old = self.side.rest.load(Ordering::Relaxed);
        old & !EXPIRY_BITS | seconds_of(expires_at) << EXPIRY_AT
    }

    fn empty_purse(self, left: i64) {
        let next =
            |word| Some(Purse::new(Purse::from_word(word).tag().wrapping_add(1) & 63, left).word());
        let _ = self.side.purse.fetch_update(Ordering::Relaxed, Ordering::Relaxed, next);
    }

    pub(crate) fn purse(self) -> Purse {
        Purse::from_word(self.side.purse.load(Ordering::Relaxed))
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
                purse.word(),
                next.word(),
                Ordering::Relaxed,
                Ordering::Relaxed,
            );
            match swapped {
                Ok(_) => return true,
                Err(now) => purse = Purse::from_word(now),
            }
        }
        false
    }

    /// Adds `amount`, which may be negative, if the purse is still of the window `tag`.
    pub(crate) fn give(self, tag: u8, amount: Nanos) -> bool {
        let next = |word| {
            let purse = Purse::from_word(word);
            let left = purse.left().saturating_add(amount.get());
            (purse.tag() == tag).then(|| Purse::new(tag, left).word())
        };
        self.side.purse.fetch_update(Ordering::Relaxed, Ordering::Relaxed, next).is_ok()
    }
}

#[cfg(test)]
mod tests;
