//! Counts and prices as reals, each conversion with its reason once.
//!
//! Called all over `shade`. What comes back to a price is rounded in `schedule` alone.

/// A price or an integer below 2⁵³ as a real.
#[expect(clippy::cast_precision_loss, reason = "prices stay below 2^50")]
pub(super) const fn real(price: i64) -> f64 {
    price as f64
}

/// A length as a real.
#[expect(clippy::cast_precision_loss, reason = "lengths stay below 2^53")]
pub(super) const fn length(count: usize) -> f64 {
    count as f64
}

/// A weight kept in half the room.
#[expect(clippy::cast_possible_truncation, reason = "a weight to seven digits is enough")]
pub(super) const fn weight(value: f64) -> f32 {
    value as f32
}

/// As many rows alike in weight as would tell as much as rows with these sums of weights and of
/// their squares: Kish 1965, Survey Sampling.
pub(super) fn alike(sum: f64, squares: f64) -> f64 {
    sum * sum / squares.max(1e-6)
}

/// The whole part of a price, at least 0; not a number is 0.
#[expect(clippy::cast_possible_truncation, reason = "the cast saturates")]
pub(super) fn price(value: f64) -> i64 {
    (value as i64).max(0)
}

/// The whole part in parts per million of a share in 0 to 1.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped")]
pub(super) fn ppm(share: f64) -> u32 {
    (share.clamp(0.0, 1.0) * 1e6) as u32
}
