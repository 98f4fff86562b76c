//! Limits every law shares: range, slew, dead-zone, dead-band of publication, and how x is split
//! into multiplier and participation.
//!
//! Pure functions of numbers; knows no law and no state. Called by the laws and by the engine
//! where it publishes.

use crate::units::{PacingMultiplier, ParticipationRate};
use serde::{Deserialize, Serialize};

/// The multiplier goes no lower; below it participation falls instead. CONTROL.md (7).
pub const MULTIPLIER_MIN: f64 = 0.001;
/// ln of [`MULTIPLIER_MIN`].
pub const LN_MULTIPLIER_MIN: f64 = -6.907_755_278_982_137;
/// Participation goes no lower, so that a law always sees what it does.
pub const PARTICIPATION_MIN: f64 = 0.01;
/// Lowest x: ln [`MULTIPLIER_MIN`] + ln [`PARTICIPATION_MIN`].
pub const X_MIN: f64 = -11.512_925_464_970_229;
/// An elasticity below this would make the gain too high for any delay.
pub const ELASTICITY_MIN: f64 = 0.5;
/// An elasticity above this is seen only at price cliffs, which last no longer than a step.
pub const ELASTICITY_MAX: f64 = 4.0;
/// No step moves a law by more traffic time than this, in minutes: nothing is controlled in longer
/// units than a day.
pub const STEP_MINUTES_MAX: f64 = 1_440.0;

/// ln of the most a multiplier may be, never below [`X_MIN`]. Costs a logarithm unless it is one.
#[must_use]
pub fn x_max(multiplier_max: PacingMultiplier) -> f64 {
    if multiplier_max == PacingMultiplier::ONE {
        return 0.0;
    }
    libm::log(multiplier_max.ppm().as_f64()).max(X_MIN)
}

/// Multiplier and participation whose product is exp(x). Costs one exponential. CONTROL.md (7).
#[must_use]
pub fn split(x: f64) -> (f64, f64) {
    if x >= LN_MULTIPLIER_MIN {
        (libm::exp(x), 1.0)
    } else {
        let participation = libm::exp(x - LN_MULTIPLIER_MIN);
        (MULTIPLIER_MIN, participation.clamp(PARTICIPATION_MIN, 1.0))
    }
}

/// The x of what is published, never below [`X_MIN`]. Costs a logarithm.
#[must_use]
pub fn x_of(multiplier: PacingMultiplier, participation: ParticipationRate) -> f64 {
    let product = multiplier.ppm().as_f64() * participation.ppm().as_f64();
    if product > 0.0 { libm::log(product).max(X_MIN) } else { X_MIN }
}

/// `target`, or as far towards it as `most` allows.
#[must_use]
pub fn slew(from: f64, target: f64, most: f64) -> f64 {
    if target > from { target.min(from + most) } else { target.max(from - most) }
}

/// Continuous dead-zone: zero within `±width`, and beyond it what is left. CONTROL.md (2).
#[must_use]
pub fn dead_zone(value: f64, width: f64) -> f64 {
    value - value.clamp(-width, width)
}

/// Which of its means a law is using; a crossing is always worth publishing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reach {
    /// The multiplier is as high as it may be.
    Full,
    /// The multiplier paces, participation is one.
    Multiplier,
    /// The multiplier is at its least and participation paces.
    Participation,
    /// Both are at their least.
    Least,
}

impl Reach {
    /// Of an x, given the highest x allowed.
    #[must_use]
    pub fn of(x: f64, x_max: f64) -> Self {
        if x >= x_max {
            Self::Full
        } else if x >= LN_MULTIPLIER_MIN {
            Self::Multiplier
        } else if x > X_MIN {
            Self::Participation
        } else {
            Self::Least
        }
    }
}

/// Whether a new x differs enough from the published one to be published: by more than
/// `threshold`, or by its [`Reach`]. Keeps deltas small without a law noticing.
/// CONTROL.md (15).
#[must_use]
pub fn is_worth_publishing(published: f64, x: f64, x_max: f64, threshold: f64) -> bool {
    let near = (x - published).abs() <= threshold;
    !near || Reach::of(published, x_max) != Reach::of(x, x_max)
}

#[cfg(test)]
#[expect(clippy::float_cmp, reason = "these results are exact")]
mod tests {
    use super::*;
    use crate::units::Ppm;

    #[test]
    fn the_constants_are_the_logarithms_they_say() {
        assert!((libm::log(MULTIPLIER_MIN) - LN_MULTIPLIER_MIN).abs() < 1e-15);
        let x_min = libm::log(MULTIPLIER_MIN) + libm::log(PARTICIPATION_MIN);
        assert!((x_min - X_MIN).abs() < 1e-14);
    }

    #[test]
    fn participation_is_used_only_below_the_least_multiplier() {
        assert_eq!(split(0.0), (1.0, 1.0));
        assert_eq!(split(LN_MULTIPLIER_MIN - 1e-9).0, MULTIPLIER_MIN);
        let (multiplier, participation) = split(LN_MULTIPLIER_MIN - 1.0);
        assert_eq!(multiplier, MULTIPLIER_MIN);
        assert!((participation - libm::exp(-1.0)).abs() < 1e-12);
        assert_eq!(split(X_MIN - 5.0), (MULTIPLIER_MIN, PARTICIPATION_MIN));
    }

    #[test]
    fn slew_moves_at_most_so_far_either_way() {
        assert_eq!(slew(0.0, 1.0, 0.25), 0.25);
        assert_eq!(slew(0.0, -1.0, 0.25), -0.25);
        assert_eq!(slew(0.0, 0.1, 0.25), 0.1);
    }

    #[test]
    fn the_dead_zone_is_continuous() {
        assert_eq!(dead_zone(0.5, 1.0), 0.0);
        assert_eq!(dead_zone(1.5, 1.0), 0.5);
        assert_eq!(dead_zone(-1.5, 1.0), -0.5);
    }

    #[test]
    fn a_small_move_is_published_only_across_a_border() {
        assert!(!is_worth_publishing(-1.0, -1.005, 0.0, 0.01));
        assert!(is_worth_publishing(-1.0, -1.02, 0.0, 0.01));
        assert!(is_worth_publishing(-0.005, 0.0, 0.0, 0.01));
        assert!(is_worth_publishing(0.0, f64::NAN, 0.0, 0.01));
    }

    #[test]
    fn the_highest_x_of_a_zero_multiplier_is_the_lowest() {
        assert_eq!(x_max(PacingMultiplier::ZERO), X_MIN);
        assert_eq!(x_max(PacingMultiplier::ONE), 0.0);
        let two = PacingMultiplier::try_new(Ppm::new(2_000_000)).unwrap();
        assert!((x_max(two) - std::f64::consts::LN_2).abs() < 1e-15);
    }
}
