//! The standard normal distribution.
//!
//! Called by whoever weighs chances: forecasts, responses, and the simulator's rivals.

/// The chance to stay below `z` standard deviations, 0 to 1.
#[must_use]
pub fn chance(z: f64) -> f64 {
    0.5 * libm::erfc(-z * core::f64::consts::FRAC_1_SQRT_2)
}
