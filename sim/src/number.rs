//! The few conversions between counts and reals that statistics need, each with its reason once.
//!
//! Knows no money: amounts convert by their own types. Called all over the simulator.

/// A count as a real; exact below 2⁵³, which no run reaches.
#[must_use]
#[expect(clippy::cast_precision_loss, reason = "counts of a run stay below 2^53")]
pub const fn real(count: u64) -> f64 {
    count as f64
}

/// A length as a real.
#[must_use]
#[expect(clippy::cast_precision_loss, reason = "lengths stay below 2^53")]
pub const fn length(count: usize) -> f64 {
    count as f64
}

/// A signed amount as a real, for ratios in reports.
#[must_use]
#[expect(clippy::cast_precision_loss, reason = "for ratios in reports, never money again")]
pub const fn amount(value: i128) -> f64 {
    value as f64
}

/// The whole part of a real inside `0..size`; not a number is 0. `size` is at least one.
#[must_use]
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "the cast saturates and the result is clamped"
)]
pub fn place(value: f64, size: usize) -> usize {
    (value as usize).min(size.saturating_sub(1))
}

/// The whole part of a real, never below zero; not a number is 0.
#[must_use]
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "the cast saturates at both ends"
)]
pub const fn whole(value: f64) -> u64 {
    value as u64
}

/// The mean; 0 for nothing.
#[must_use]
pub fn mean(values: &[f64]) -> f64 {
    if values.is_empty() { 0.0 } else { values.iter().sum::<f64>() / length(values.len()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_stays_inside_its_row() {
        assert_eq!(
            [place(-1.0, 4), place(2.9, 4), place(9.0, 4), place(f64::NAN, 4)],
            [0, 2, 3, 0]
        );
    }
}
