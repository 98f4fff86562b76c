//! Stable hashes: names to keys, auctions to the unit interval, tables to digests.
//!
//! These are public contracts: any language can compute them, so they use nothing but shifts,
//! xors and wrapping multiplication. Called by ids, by `bid` and by `table`. See `docs/REDIS.md`.

/// FNV-1a, 64 bits: the offset and the prime of the published algorithm.
const FNV_OFFSET: u64 = 0xcbf2_9ce4_8422_2325;
const FNV_PRIME: u64 = 0x0000_0100_0000_01b3;

/// The finaliser of splitmix64: every input bit moves every output bit.
#[inline]
#[must_use]
pub const fn mix(mut word: u64) -> u64 {
    word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    word ^ (word >> 31)
}

/// The 64-bit key of a name: FNV-1a over its bytes, then [`mix`]. Zero is moved to one, so that a
/// key can stand in a table where zero means empty.
#[must_use]
pub const fn key(bytes: &[u8]) -> u64 {
    let mut hash = FNV_OFFSET;
    let mut index = 0;
    while index < bytes.len() {
        hash = (hash ^ bytes[index] as u64).wrapping_mul(FNV_PRIME);
        index += 1;
    }
    let mixed = mix(hash);
    if mixed == 0 { 1 } else { mixed }
}

/// What a draw from the unit interval is for. Draws for different purposes are independent, so a
/// campaign at 10 % participation is not all control group.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// May the campaign enter this auction?
    Participate,
    /// Does this auction belong to the shading control group?
    Control,
    /// Is this bid an exploration?
    Explore,
    /// Which arm does this experiment unit belong to?
    Arm,
}

impl Purpose {
    const fn word(self) -> u64 {
        match self {
            Self::Participate => 0x7061_7274_6963_6970,
            Self::Control => 0x636f_6e74_726f_6c00,
            Self::Explore => 0x6578_706c_6f72_6500,
            Self::Arm => 0x6172_6d00_0000_0000,
        }
    }
}

/// A draw from `0..1_000_000`, the same for everyone who asks.
///
/// `salt` is the campaign's; `auction` is the auction's key and `impression` the index within it
/// (for [`Purpose::Arm`], the experiment unit's key and zero).
#[inline]
#[must_use]
pub fn draw_ppm(purpose: Purpose, salt: u64, auction: u64, impression: u32) -> u32 {
    let seeded = mix(purpose.word() ^ salt);
    let word = mix(mix(seeded ^ auction).wrapping_add(u64::from(impression)));
    let scaled = (u128::from(word) * 1_000_000) >> 64;
    u32::try_from(scaled).expect("below a million")
}

/// 128 bits that stand for a set of records, whatever their order: each record's hash is added.
/// So a table's digest can follow its deltas without reading the table again.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Digest {
    high: u64,
    low: u64,
}

impl Digest {
    /// The hash of one record, given as words in a fixed order.
    #[must_use]
    pub fn of(words: &[u64]) -> Self {
        let mut high = 0x243f_6a88_85a3_08d3_u64;
        let mut low = 0x1319_8a2e_0370_7344_u64;
        for &word in words {
            high = mix(high ^ word).wrapping_add(low.rotate_left(23));
            low = mix(low.wrapping_add(word)) ^ high.rotate_left(41);
        }
        Self { high: mix(high), low: mix(low ^ high) }
    }

    /// With a record added.
    #[must_use]
    pub const fn with(self, record: Self) -> Self {
        let sum = self.wide().wrapping_add(record.wide());
        Self::from_wide(sum)
    }

    /// With a record taken away.
    #[must_use]
    pub const fn without(self, record: Self) -> Self {
        Self::from_wide(self.wide().wrapping_sub(record.wide()))
    }

    /// High and low half.
    #[must_use]
    pub const fn halves(self) -> (u64, u64) {
        (self.high, self.low)
    }

    /// From the halves, as [`Self::halves`] gives them.
    #[must_use]
    pub const fn from_halves(high: u64, low: u64) -> Self {
        Self { high, low }
    }

    const fn wide(self) -> u128 {
        ((self.high as u128) << 64) | self.low as u128
    }

    #[expect(clippy::cast_possible_truncation, reason = "the two halves of a wide word")]
    const fn from_wide(wide: u128) -> Self {
        Self { high: (wide >> 64) as u64, low: wide as u64 }
    }
}

impl std::fmt::Display for Digest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:016x}{:016x}", self.high, self.low)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn draws_meet_their_rate_and_purposes_are_independent() {
        // Joint rate of two draws at 30 % and 10 % over 200 000 auctions: 3 % within 4 sigma.
        let auctions = 200_000_u32;
        let joint = (0..auctions)
            .filter(|&n| {
                let auction = mix(u64::from(n));
                draw_ppm(Purpose::Participate, 7, auction, 0) < 300_000
                    && draw_ppm(Purpose::Control, 7, auction, 0) < 100_000
            })
            .count();
        let sigma = (f64::from(auctions) * 0.03 * 0.97).sqrt();
        let expected = f64::from(auctions) * 0.03;
        let joint = f64::from(u32::try_from(joint).unwrap());
        assert!((joint - expected).abs() < 4.0 * sigma, "{joint} against {expected}");
    }

    #[test]
    fn a_digest_does_not_depend_on_order_and_can_be_undone() {
        let (a, b) = (Digest::of(&[1, 2]), Digest::of(&[2, 1]));
        assert_ne!(a, b);
        assert_eq!(Digest::default().with(a).with(b), Digest::default().with(b).with(a));
        assert_eq!(Digest::default().with(a).with(b).without(a), Digest::default().with(b));
    }

    #[test]
    fn keys_are_a_published_constant() {
        // Anyone may store keys: a change here is a break of the wire.
        assert_eq!(key(b""), mix(FNV_OFFSET));
        assert_ne!(key(b"c1"), key(b"c2"));
    }
}
