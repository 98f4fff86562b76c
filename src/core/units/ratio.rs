//! Ratios: what is published is parts per million, so that every reader sees the same number.
//!
//! Called by the laws (which round down here) and by the table. Knows nothing of money.

use super::money::Nanos;
use serde::{Deserialize, Serialize};
use std::fmt;

/// Why a ratio was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RatioError {
    /// When a ratio that may not exceed one does.
    #[error("must be at most 1000000 parts per million")]
    AboveOne,
    /// When a multiplier is above [`PacingMultiplier::HARD_MAX`].
    #[error("must be at most 4000000 parts per million")]
    AboveHardMax,
    /// When a shading factor is zero.
    #[error("must be above zero")]
    Zero,
}

/// Parts per million; one is a million.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct Ppm(u32);

impl Ppm {
    /// One.
    pub const ONE: Self = Self(1_000_000);

    /// From the bare integer.
    #[must_use]
    pub const fn new(value: u32) -> Self {
        Self(value)
    }

    /// The bare integer.
    #[must_use]
    pub const fn get(self) -> u32 {
        self.0
    }

    /// Rounded down; `None` for what is negative, not a number, or above 4294.
    #[must_use]
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "range is checked")]
    pub fn try_from_ratio(ratio: f64) -> Option<Self> {
        // The cast rounds towards zero, which is down.
        (0.0..4_294.0).contains(&ratio).then_some(Self((ratio * 1e6) as u32))
    }

    /// As a float.
    #[must_use]
    pub fn as_f64(self) -> f64 {
        f64::from(self.0) / 1e6
    }

    /// `amount × self`, rounded down.
    ///
    /// Whole millions and the rest are multiplied apart, which is as exact as 128 bits and spares a
    /// bidder their division at every ask.
    #[inline]
    #[must_use]
    pub fn of(self, amount: Nanos) -> Nanos {
        let (one, share) = (i64::from(Self::ONE.0), i64::from(self.0));
        let (millions, rest) = (amount.get().div_euclid(one), amount.get().rem_euclid(one));
        let exact =
            millions.checked_mul(share).and_then(|part| part.checked_add(rest * share / one));
        Nanos::new(exact.expect("a share of an amount fits"))
    }
}

impl fmt::Display for Ppm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{:06}", self.0 / 1_000_000, self.0 % 1_000_000)
    }
}

/// Probability of entering an auction.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ParticipationRate(Ppm);

impl ParticipationRate {
    /// Enter every auction.
    pub const ONE: Self = Self(Ppm::ONE);
    /// Enter none.
    pub const ZERO: Self = Self(Ppm::new(0));

    /// At most one.
    ///
    /// # Errors
    /// [`RatioError::AboveOne`].
    pub fn try_new(rate: Ppm) -> Result<Self, RatioError> {
        if rate <= Ppm::ONE { Ok(Self(rate)) } else { Err(RatioError::AboveOne) }
    }

    /// Rounded down and kept inside `[0, 1]`; not a number is zero.
    #[must_use]
    pub fn clamped(rate: f64) -> Self {
        Self(Ppm::try_from_ratio(rate.clamp(0.0, 1.0)).unwrap_or_default())
    }

    /// The parts per million.
    #[must_use]
    pub const fn ppm(self) -> Ppm {
        self.0
    }
}

/// Factor on every bid of a campaign, at most the campaign's own maximum (one by default).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct PacingMultiplier(Ppm);

impl PacingMultiplier {
    /// Bid the full value.
    pub const ONE: Self = Self(Ppm::ONE);
    /// Bid nothing.
    pub const ZERO: Self = Self(Ppm::new(0));
    /// No campaign may ask for more than four.
    pub const HARD_MAX: Self = Self(Ppm::new(4_000_000));

    /// At most [`Self::HARD_MAX`].
    ///
    /// # Errors
    /// [`RatioError::AboveHardMax`].
    pub fn try_new(multiplier: Ppm) -> Result<Self, RatioError> {
        if multiplier <= Self::HARD_MAX.0 {
            Ok(Self(multiplier))
        } else {
            Err(RatioError::AboveHardMax)
        }
    }

    /// Rounded down and kept inside `[0, max]`; not a number is zero.
    #[must_use]
    pub fn clamped(multiplier: f64, max: Self) -> Self {
        Self(Ppm::try_from_ratio(multiplier.clamp(0.0, max.0.as_f64())).unwrap_or_default())
    }

    /// The parts per million.
    #[must_use]
    pub const fn ppm(self) -> Ppm {
        self.0
    }
}

/// Factor in `(0, 1]` on a paced value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ShadingFactor(Ppm);

impl ShadingFactor {
    /// No shading.
    pub const ONE: Self = Self(Ppm::ONE);

    /// Above zero, at most one.
    ///
    /// # Errors
    /// [`RatioError::Zero`] or [`RatioError::AboveOne`].
    pub fn try_new(factor: Ppm) -> Result<Self, RatioError> {
        match factor.get() {
            0 => Err(RatioError::Zero),
            1..=1_000_000 => Ok(Self(factor)),
            _ => Err(RatioError::AboveOne),
        }
    }

    /// The parts per million.
    #[must_use]
    pub const fn ppm(self) -> Ppm {
        self.0
    }
}

/// Actual over planned spend to date: finite, at least 0, at most [`PaceRatio::MAX`].
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd, Serialize, Deserialize)]
#[serde(transparent)]
pub struct PaceRatio(f64);

impl PaceRatio {
    /// On plan.
    pub const ONE: Self = Self(1.0);
    /// Above this the exact figure tells nobody anything.
    pub const MAX: f64 = 100.0;

    /// `actual / planned`. A planned amount below `floor` counts as `floor`: a tiny target at the
    /// start of a day must not read as a ratio of thousands. Not above zero on both: one.
    #[must_use]
    pub fn of(actual: Nanos, planned: Nanos, floor: Nanos) -> Self {
        let base = planned.max(floor);
        if base <= Nanos::ZERO {
            return Self::ONE;
        }
        Self(actual.ratio_to(base).clamp(0.0, Self::MAX))
    }

    /// The bare ratio.
    #[must_use]
    pub const fn get(self) -> f64 {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ratios_round_down_and_refuse_what_is_not_a_number() {
        assert_eq!(Ppm::try_from_ratio(0.999_999_9), Some(Ppm::new(999_999)));
        assert_eq!(Ppm::try_from_ratio(f64::NAN), None);
        assert_eq!(Ppm::try_from_ratio(-0.1), None);
        assert_eq!(ParticipationRate::clamped(f64::NAN), ParticipationRate::ZERO);
        assert_eq!(PacingMultiplier::clamped(9.0, PacingMultiplier::ONE), PacingMultiplier::ONE);
    }

    #[test]
    fn a_share_of_an_amount_is_exact_and_rounded_down() {
        let amounts = [0, 1, -1, 999_999, 1_000_001, -7_654_321, 4_000_000_000_000_000_000];
        for amount in amounts.map(Nanos::new) {
            for share in [0, 1, 333_333, 999_999, 1_000_000, 2_000_001] {
                let wide = amount.mul_div(u64::from(share), 1_000_000);
                assert_eq!(Ppm::new(share).of(amount), wide, "{amount:?} by {share}");
            }
        }
    }

    #[test]
    fn a_tiny_plan_does_not_explode_the_pace_ratio() {
        let ratio = PaceRatio::of(Nanos::new(500), Nanos::new(1), Nanos::new(1_000));
        assert!((ratio.get() - 0.5).abs() < 1e-12);
    }
}
