//! Money: budgets in micros, the ledger in nanos, prices in micros per thousand impressions.
//!
//! Knows no floats except the two named doors: [`Nanos::ratio_to`] outwards and
//! [`Nanos::scaled_down`] back, which only ever rounds down. Called by everyone.

use serde::{Deserialize, Serialize};
use std::fmt;
use std::iter::Sum;
use std::ops::{Add, AddAssign, Neg, Sub, SubAssign};

/// Nanos in one micro.
const NANOS_PER_MICRO: i64 = 1_000;
/// Nanos in one unit of currency.
const NANOS_PER_UNIT: i64 = 1_000_000_000;
/// The largest budget taken at the edge, in whole units. The ledger holds 9.2 billion units in an
/// `i64` of nanos; four billion leaves room to add two budgets without overflow.
pub const BUDGET_UNITS_MAX: i64 = 4_000_000_000;

/// Why an amount was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum MoneyError {
    /// When a budget is above [`BUDGET_UNITS_MAX`] units.
    #[error("a budget may not exceed 4000000000 units")]
    TooLarge,
    /// When an amount that must be positive is zero or less.
    #[error("must be above zero")]
    NotPositive,
    /// When a price is below zero.
    #[error("must not be negative")]
    Negative,
}

macro_rules! amount {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(
            Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize,
            Deserialize,
        )]
        #[serde(transparent)]
        pub struct $name(i64);

        impl $name {
            /// No money.
            pub const ZERO: Self = Self(0);

            /// From the bare integer.
            #[must_use]
            pub const fn new(value: i64) -> Self {
                Self(value)
            }

            /// The bare integer.
            #[must_use]
            pub const fn get(self) -> i64 {
                self.0
            }
        }

        impl Add for $name {
            type Output = Self;
            fn add(self, other: Self) -> Self {
                Self(self.0.checked_add(other.0).expect("amounts are bounded at the edge"))
            }
        }

        impl Sub for $name {
            type Output = Self;
            fn sub(self, other: Self) -> Self {
                Self(self.0.checked_sub(other.0).expect("amounts are bounded at the edge"))
            }
        }

        impl Neg for $name {
            type Output = Self;
            fn neg(self) -> Self {
                Self(-self.0)
            }
        }

        impl AddAssign for $name {
            fn add_assign(&mut self, other: Self) {
                *self = *self + other;
            }
        }

        impl SubAssign for $name {
            fn sub_assign(&mut self, other: Self) {
                *self = *self - other;
            }
        }

        impl Sum for $name {
            fn sum<I: Iterator<Item = Self>>(iter: I) -> Self {
                iter.fold(Self::ZERO, Add::add)
            }
        }
    };
}

amount!(
    /// 10⁻⁶ of the advertiser's currency: budgets, text and HTML.
    Micros
);
amount!(
    /// 10⁻⁹ of the advertiser's currency: the ledger, spend and prices. Holds ±9.2 billion units.
    Nanos
);
amount!(
    /// A price per thousand impressions, in micros. One impression at `p` costs exactly `p` nanos.
    CpmMicros
);

impl Micros {
    /// From whole units, e.g. 12 for 12.00 USD.
    #[must_use]
    pub const fn from_units(units: i64) -> Self {
        Self(units * 1_000_000)
    }
}

impl Nanos {
    /// From whole units of currency.
    #[must_use]
    pub const fn from_units(units: i64) -> Self {
        Self(units * NANOS_PER_UNIT)
    }

    /// A budget as the outside states it: above zero, at most [`BUDGET_UNITS_MAX`] units.
    ///
    /// # Errors
    /// [`MoneyError::NotPositive`] or [`MoneyError::TooLarge`].
    pub const fn try_budget(budget: Micros) -> Result<Self, MoneyError> {
        if budget.0 <= 0 {
            return Err(MoneyError::NotPositive);
        }
        if budget.0 > BUDGET_UNITS_MAX * 1_000_000 {
            return Err(MoneyError::TooLarge);
        }
        Ok(Self(budget.0 * NANOS_PER_MICRO))
    }

    /// Rounded half to even: for text and HTML only.
    #[must_use]
    pub fn to_micros_display(self) -> Micros {
        let quotient = self.0.div_euclid(NANOS_PER_MICRO);
        let rest = self.0.rem_euclid(NANOS_PER_MICRO);
        let up = rest > 500 || (rest == 500 && quotient % 2 != 0);
        Micros(quotient + i64::from(up))
    }

    /// The lesser of the two.
    #[must_use]
    pub fn least(self, other: Self) -> Self {
        self.min(other)
    }

    /// Never below zero.
    #[must_use]
    pub fn at_least_zero(self) -> Self {
        self.max(Self::ZERO)
    }

    /// Sum that stays at the ends of the range instead of overflowing: for outside values that
    /// have not been checked yet.
    #[must_use]
    pub const fn saturating_add(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }

    /// `self / whole` as a float; 0 when `whole` is not above zero.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "a ratio for control, never money again")]
    pub fn ratio_to(self, whole: Self) -> f64 {
        if whole.0 <= 0 { 0.0 } else { self.0 as f64 / whole.0 as f64 }
    }

    /// `self × share`, rounded down, for a share in `[0, 1]`; shares outside are clamped and a
    /// share that is not a number counts as zero.
    #[must_use]
    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        reason = "rounded down and clamped to the amount itself"
    )]
    pub fn scaled_down(self, share: f64) -> Self {
        let share = if share.is_finite() { share.clamp(0.0, 1.0) } else { 0.0 };
        let scaled = (self.0 as f64 * share).floor() as i64;
        Self(scaled.clamp(0.min(self.0), 0.max(self.0)))
    }

    /// As a float of nanos, for the control state only.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "for control, never money again")]
    pub const fn as_f64(self) -> f64 {
        self.0 as f64
    }

    /// From a float of control, rounded down and kept inside `[0, i64::MAX]`; not a number is zero.
    #[must_use]
    #[expect(clippy::cast_possible_truncation, reason = "the cast saturates")]
    pub fn floor_from(value: f64) -> Self {
        // The cast rounds towards zero, which is down for all that is not cut off at zero.
        if value.is_finite() { Self((value as i64).max(0)) } else { Self::ZERO }
    }

    /// `self × numerator ÷ denominator`, rounded down, exact in 128 bits.
    /// A denominator of zero gives zero.
    #[inline]
    #[must_use]
    pub fn mul_div(self, numerator: u64, denominator: u64) -> Self {
        if denominator == 0 {
            return Self::ZERO;
        }
        if let Some(near) = self.mul_div_near(numerator, denominator) {
            return near;
        }
        let exact =
            (i128::from(self.0) * i128::from(numerator)).div_euclid(i128::from(denominator));
        Self(i64::try_from(exact).expect("a share of an amount fits"))
    }

    /// The same without a division of 128 bits, where the result is below 2⁵⁰: a float's quotient
    /// is then off by two at most, and the remainder, which fits 64 bits however far the products
    /// wrap, tells by how much.
    #[inline]
    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        reason = "what the float loses, the remainder brings back"
    )]
    fn mul_div_near(self, numerator: u64, denominator: u64) -> Option<Self> {
        const NEAR: f64 = (1_u64 << 50) as f64;
        let length = i64::try_from(denominator).ok().filter(|&length| length < 1 << 60)?;
        let estimate = self.0 as f64 * numerator as f64 / denominator as f64;
        if estimate.abs() >= NEAR {
            return None;
        }
        let mut quotient = estimate as i64;
        let product = self.0.wrapping_mul(numerator.cast_signed());
        let mut rest = product.wrapping_sub(quotient.wrapping_mul(length));
        while rest < 0 {
            rest += length;
            quotient -= 1;
        }
        while rest >= length {
            rest -= length;
            quotient += 1;
        }
        Some(Self(quotient))
    }
}

impl From<Micros> for Nanos {
    /// Exact for every budget accepted at the edge.
    fn from(micros: Micros) -> Self {
        Self(micros.0.checked_mul(NANOS_PER_MICRO).expect("budgets are bounded at the edge"))
    }
}

impl CpmMicros {
    /// What one impression costs: exactly as many nanos as micros per thousand.
    #[must_use]
    pub const fn per_impression(self) -> Nanos {
        Nanos(self.0)
    }
}

/// A probability in parts per billion, at most one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "u32", into = "u32")]
pub struct Ppb(u32);

impl Ppb {
    /// Certainty.
    pub const ONE: Self = Self(1_000_000_000);

    /// Checked: at most one billion.
    #[must_use]
    pub const fn new(value: u32) -> Option<Self> {
        if value <= Self::ONE.0 { Some(Self(value)) } else { None }
    }

    /// The bare integer, `0..=1_000_000_000`.
    #[must_use]
    pub const fn get(self) -> u32 {
        self.0
    }

    /// As a float in `[0, 1]`.
    #[must_use]
    pub fn as_f64(self) -> f64 {
        f64::from(self.0) / 1e9
    }

    /// `price × probability`, rounded up: what a win is expected to bill, never understated.
    #[must_use]
    pub fn expected(self, price: Nanos) -> Nanos {
        let exact = i128::from(price.0) * i128::from(self.0);
        let billion = i128::from(Self::ONE.0);
        let up = exact.div_euclid(billion) + i128::from(exact.rem_euclid(billion) != 0);
        Nanos(i64::try_from(up).expect("a part of a price fits"))
    }
}

impl Default for Ppb {
    /// One: billed by the impression.
    fn default() -> Self {
        Self::ONE
    }
}

impl TryFrom<u32> for Ppb {
    type Error = &'static str;
    fn try_from(value: u32) -> Result<Self, Self::Error> {
        Self::new(value).ok_or("a probability is at most 1000000000 parts per billion")
    }
}

impl From<Ppb> for u32 {
    fn from(value: Ppb) -> Self {
        value.0
    }
}

/// Why a currency code was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a currency is three capital letters of ISO 4217, e.g. EUR")]
pub struct CurrencyError;

/// An ISO 4217 code. One per advertiser.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Currency([u8; 3]);

impl Currency {
    /// `XXX`: an arbitrary unit.
    pub const NONE: Self = Self(*b"XXX");

    /// Checked: three capital letters.
    ///
    /// # Errors
    /// [`CurrencyError`] otherwise.
    pub fn try_new(code: &str) -> Result<Self, CurrencyError> {
        let bytes: [u8; 3] = code.as_bytes().try_into().map_err(|_| CurrencyError)?;
        if bytes.iter().all(u8::is_ascii_uppercase) { Ok(Self(bytes)) } else { Err(CurrencyError) }
    }

    /// The three letters.
    #[must_use]
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).expect("checked to be capital letters")
    }
}

impl fmt::Debug for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Display for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl TryFrom<String> for Currency {
    type Error = CurrencyError;
    fn try_from(code: String) -> Result<Self, CurrencyError> {
        Self::try_new(&code)
    }
}

impl From<Currency> for String {
    fn from(currency: Currency) -> Self {
        currency.as_str().to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_cpm_micro_is_a_nano_an_impression() {
        assert_eq!(CpmMicros::new(1_001).per_impression(), Nanos::new(1_001));
    }

    #[test]
    fn expected_cost_is_rounded_up() {
        let third = Ppb::new(333_333_333).unwrap();
        assert_eq!(third.expected(Nanos::new(10)), Nanos::new(4));
        assert_eq!(Ppb::ONE.expected(Nanos::new(10)), Nanos::new(10));
    }

    #[test]
    fn display_rounds_half_to_even() {
        let shown = |nanos| Nanos::new(nanos).to_micros_display().get();
        assert_eq!([shown(500), shown(1_500), shown(2_501), shown(-500)], [0, 2, 3, 0]);
    }

    #[test]
    fn a_budget_above_four_billion_units_is_refused() {
        let most = Micros::from_units(BUDGET_UNITS_MAX);
        assert!(Nanos::try_budget(most).is_ok());
        assert_eq!(Nanos::try_budget(most + Micros::new(1)), Err(MoneyError::TooLarge));
    }

    proptest! {
        #[test]
        fn scaling_down_never_rounds_up(
            amount in 0_i64..=4_000_000_000_000_000_000, share in 0.0_f64..=1.0,
        ) {
            let scaled = Nanos::new(amount).scaled_down(share);
            prop_assert!(scaled <= Nanos::new(amount) && scaled >= Nanos::ZERO);
        }

        #[test]
        fn a_share_by_the_short_way_is_the_exact_one(
            amount: i64, numerator: u64, denominator: u64, halves in [0_u32..63, 0..64, 0..64],
        ) {
            let (amount, numerator) = (amount >> halves[0], numerator >> halves[1]);
            let denominator = (denominator >> halves[2]).max(1);
            let wide = i128::from(amount) * i128::from(numerator);
            let exact = wide.div_euclid(i128::from(denominator));
            if let Some(near) = Nanos::new(amount).mul_div_near(numerator, denominator) {
                prop_assert_eq!(i128::from(near.get()), exact);
            } else {
                prop_assert!(exact.unsigned_abs() >= 1 << 49 || denominator >= 1 << 60);
            }
        }
    }
}
