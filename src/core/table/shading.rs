//! How a campaign's bids are shaded at a tick: the level, and how much of the shade is given up.
//!
//! A scalar beside the multiplier, so that schedules are shared by all campaigns. Twelve bits, as
//! entries, stores and slots have them. Made by the engine, taken by `bid`.

use crate::campaign::ShadingLevel;
use crate::units::CpmMicros;
use serde::{Deserialize, Serialize};

/// All of the shade, in per mille.
const ALL: u16 = 1_000;

/// Level and relief of one entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct EntryShading {
    level: ShadingLevel,
    relief: u16,
}

impl EntryShading {
    /// None.
    pub const OFF: Self = Self { level: ShadingLevel::Off, relief: 0 };

    /// A level, with so much of the shade given up: 0 to 1 000 per mille; more counts as all.
    #[must_use]
    pub fn new(level: ShadingLevel, relief: u16) -> Self {
        match level {
            ShadingLevel::Off => Self::OFF,
            _ => Self { level, relief: relief.min(ALL) },
        }
    }

    /// How much of the shade is taken.
    #[must_use]
    pub const fn level(self) -> ShadingLevel {
        self.level
    }

    /// How much of it is given up, in per mille.
    #[must_use]
    pub const fn relief(self) -> u16 {
        self.relief
    }

    /// As it travels: the level in bits 0 and 1, the relief in bits 2 to 11.
    #[must_use]
    pub const fn bits(self) -> u16 {
        let level = match self.level {
            ShadingLevel::Off => 0,
            ShadingLevel::Cautious => 1,
            ShadingLevel::Standard => 2,
            ShadingLevel::Aggressive => 3,
        };
        level | self.relief << 2
    }

    /// The way back; nothing for bits that [`Self::bits`] never gives.
    #[must_use]
    pub fn from_bits(bits: u16) -> Option<Self> {
        let level = match bits & 3 {
            0 => ShadingLevel::Off,
            1 => ShadingLevel::Cautious,
            2 => ShadingLevel::Standard,
            _ => ShadingLevel::Aggressive,
        };
        let read = Self::new(level, bits >> 2);
        (read.bits() == bits).then_some(read)
    }

    /// A shaded bid with the relief given back; between it and the paced value.
    #[inline]
    #[must_use]
    pub(crate) fn relieved(self, paced: CpmMicros, shaded: CpmMicros) -> CpmMicros {
        let shade = (paced.get() - shaded.get()).max(0);
        let (all, relief) = (i64::from(ALL), i64::from(self.relief));
        // In two parts, since a product might not fit.
        let back = shade / all * relief + shade % all * relief / all;
        CpmMicros::new(shaded.get() + back)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bits_come_back_and_others_are_refused() {
        for level in [ShadingLevel::Cautious, ShadingLevel::Standard, ShadingLevel::Aggressive] {
            for relief in [0, 1, 999, 1_000] {
                let shading = EntryShading::new(level, relief);
                assert_eq!(EntryShading::from_bits(shading.bits()), Some(shading));
            }
        }
        assert_eq!(EntryShading::from_bits(0), Some(EntryShading::OFF));
        for bits in [4, 1 << 12 | 1, 1_001 << 2 | 1, u16::MAX] {
            assert_eq!(EntryShading::from_bits(bits), None, "{bits}");
        }
    }

    #[test]
    fn relief_gives_the_shade_back_in_its_share() {
        let cpm = CpmMicros::new;
        let bid = |relief, paced, shaded| {
            let shading = EntryShading::new(ShadingLevel::Standard, relief);
            shading.relieved(cpm(paced), cpm(shaded)).get()
        };
        assert_eq!(bid(0, 1_000, 400), 400);
        assert_eq!(bid(500, 1_000, 400), 700);
        assert_eq!(bid(1_000, 1_000, 400), 1_000);
        assert_eq!(bid(1_000, i64::MAX, 1), i64::MAX);
    }
}
