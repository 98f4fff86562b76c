//! What an owner's spend did of late against the traffic that was expected: level and noise.
//!
//! Traffic is counted in days of it, as far as it could be bought at the bids of the time, by the
//! hour of the watermark.
//! Of the hours that are over only sums are kept, the newest weighing most: 48 bytes an owner.
//! Stepped by the owner beside its law, which never looks at it. CONTROL.md (21) to (23).

use crate::units::Timestamp;
use serde::{Deserialize, Serialize};

const HOUR: i64 = 3_600_000_000;
/// Days of traffic after which what was seen weighs a third.
const MEMORY: f32 = 4.0;
/// What a move of x takes from what was seen at another, since the elasticity is a guess: of a move
/// by one it leaves a third.
const MOVE_DOUBT: f32 = 1.0;
/// An hour whose spend is off by more than so many times its level says no more of the noise.
const OFF_MAX: f32 = 4.0;

/// The course of one owner's spend.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct Course {
    /// Spend of the hour under way, in nanos.
    spend: f64,
    /// The same of the hours before it.
    total: f32,
    /// Traffic of the hour under way, in days of the shape's mean traffic at a multiplier of one.
    share: f32,
    /// The same of the hours before it.
    mass: f32,
    /// How noisy the hours before it were, each times its traffic.
    noise: f32,
    /// What of that noise each had of the one before it.
    echo: f32,
    /// Traffic of the hours that noise and echo are of.
    noise_mass: f32,
    /// How far the last hour was off the level before it, as a share of it.
    off: f32,
    /// ln(multiplier × participation) at its end.
    x: f32,
    /// The hour under way, since 1970.
    hour: i32,
    is_resting: bool,
}

/// What a course says.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct Level {
    /// Traffic it was learnt from, in days at a multiplier of one.
    pub mass: f64,
    /// Spend with that traffic, in nanos.
    pub spend: f64,
    /// Relative variance of the spend of a day's traffic.
    pub noise: f64,
    /// The part of it that an hour hands on to the next.
    pub echo: f64,
    /// Days of traffic that noise and echo were learnt from.
    pub noise_mass: f64,
    /// How far the last whole hour was off.
    pub off: f64,
}

impl Course {
    /// Takes in spend in nanos and the traffic expected with it in days, up to `mark`; `x` is that
    /// of the law by now, and `elasticity` what it takes spend to do when it moves.
    pub fn step(&mut self, mark: Timestamp, traffic: f64, spend: f64, x: f64, elasticity: f64) {
        let hour = i32::try_from(mark.as_micros().div_euclid(HOUR)).unwrap_or(i32::MAX);
        if self.mass + self.share <= 0.0 {
            self.x = narrow(x);
        }
        if hour != self.hour {
            self.close(narrow(x));
            self.hour = hour;
        }
        let was_resting = std::mem::take(&mut self.is_resting);
        if !was_resting && traffic.is_finite() && spend.is_finite() {
            // At low bids little of the traffic could be bought, and little is learnt from it.
            let reach = if x.abs() < 1e-12 { 1.0 } else { libm::exp(elasticity * x) };
            self.share += narrow(traffic.max(0.0) * reach);
            self.spend += spend;
        }
    }

    /// No bids are made: what the next step covers is not counted.
    pub fn rest(&mut self) {
        self.is_resting = true;
    }

    /// What is known by now, the hour under way included.
    #[must_use]
    pub fn level(&self) -> Level {
        let part = |sum: f32| if self.noise_mass > 0.0 { sum / self.noise_mass } else { 0.0 };
        Level {
            mass: f64::from(self.mass + self.share),
            spend: (f64::from(self.total) + self.spend).max(0.0),
            noise: f64::from(part(self.noise)),
            echo: f64::from(part(self.echo)),
            noise_mass: f64::from(self.noise_mass),
            off: f64::from(self.off),
        }
    }

    /// The hour under way is over.
    fn close(&mut self, x: f32) {
        let (spend, share) = (std::mem::take(&mut self.spend), std::mem::take(&mut self.share));
        let spend = narrow(spend);
        if share > 0.0 {
            let kept = decay(share / MEMORY);
            if self.mass > 0.0 && self.total > 0.0 {
                let off = spend * self.mass / (self.total * share) - 1.0;
                let off = off.min(OFF_MAX);
                // The level is off as well, the less so the more traffic it was learnt from.
                let weight = share * share / (1.0 + share / self.mass);
                self.noise = self.noise * kept + weight * off * off;
                self.echo = self.echo * kept + weight * off * self.off;
                self.noise_mass = self.noise_mass * kept + share;
                self.off = off;
            }
            self.total *= kept;
            self.mass *= kept;
        }
        // Spend without traffic is a report of what was counted before.
        self.total = (self.total + spend).max(0.0);
        self.mass += share;
        let kept = decay(MOVE_DOUBT * (x - self.x).abs());
        self.total *= kept;
        self.mass *= kept;
        self.x = x;
    }
}

fn decay(exponent: f32) -> f32 {
    if exponent > 0.0 { libm::expf(-exponent) } else { 1.0 }
}

#[expect(clippy::cast_possible_truncation, reason = "seven digits will do for a forecast")]
const fn narrow(value: f64) -> f32 {
    value as f32
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::units::Span;

    const ELASTICITY: f64 = 1.5;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_micros(0) + Span::from_secs(seconds)
    }

    /// Hours of so much spend each, at full bids, a step a minute.
    fn course(hours: &[f64]) -> Course {
        let mut course = Course::default();
        for (hour, spend) in (0..).zip(hours) {
            for minute in 0..60 {
                let mark = at(hour * 3_600 + minute * 60 + 30);
                course.step(mark, 1.0 / 1_440.0, spend / 60.0, 0.0, ELASTICITY);
            }
        }
        course
    }

    #[test]
    fn it_costs_48_bytes() {
        assert_eq!(size_of::<Course>(), 48);
    }

    #[test]
    fn the_level_is_spend_over_traffic_the_hour_under_way_included() {
        let level = course(&[5.0; 30]).level();
        assert!((level.spend / level.mass - 120.0).abs() < 1e-3, "{level:?}");
        assert!(level.noise < 1e-9 && level.mass > 1.0, "{level:?}");
    }

    #[test]
    fn steps_of_a_minute_and_of_ten_seconds_are_alike() {
        let (mut fine, mut coarse) = (Course::default(), Course::default());
        for minute in 1..600 {
            let spend = f64::from(u32::try_from(minute % 7).unwrap());
            coarse.step(at(60 * minute), 1.0 / 1_440.0, spend, -0.3, ELASTICITY);
            for part in 1..=6 {
                let mark = at(60 * (minute - 1) + 10 * part);
                fine.step(mark, 1.0 / 8_640.0, spend / 6.0, -0.3, ELASTICITY);
            }
        }
        let (fine, coarse) = (fine.level(), coarse.level());
        assert!((fine.spend / coarse.spend - 1.0).abs() < 1e-3, "{fine:?} {coarse:?}");
        assert!((fine.noise - coarse.noise).abs() < 1e-4, "{fine:?} {coarse:?}");
    }

    #[test]
    fn noise_that_lasts_is_told_from_noise_that_does_not() {
        let brief: Vec<f64> = (0..200).map(|n| if n % 2 == 0 { 4.0 } else { 6.0 }).collect();
        let lasting: Vec<f64> = (0..200).map(|n| if n / 12 % 2 == 0 { 4.0 } else { 6.0 }).collect();
        let (brief, lasting) = (course(&brief).level(), course(&lasting).level());
        // A fifth either way, by the hour.
        for level in [brief, lasting] {
            assert!((24.0 * level.noise - 0.04).abs() < 0.02, "{level:?}");
        }
        assert!(brief.echo < 0.0 && lasting.echo > 0.5 * lasting.noise, "{brief:?} {lasting:?}");
    }

    #[test]
    fn spend_at_low_bids_counts_as_at_full_ones_and_weighs_less_once_bids_moved() {
        let mut low = course(&[5.0; 24]);
        let before = low.level();
        for minute in 0..60 {
            let mark = at(24 * 3_600 + minute * 60 + 30);
            let spend = 5.0 / 60.0 * libm::exp(-1.5);
            low.step(mark, 1.0 / 1_440.0, spend, -1.0, ELASTICITY);
        }
        low.step(at(25 * 3_600), 0.0, 0.0, -1.0, ELASTICITY);
        let after = low.level();
        assert!((after.spend / after.mass - 120.0).abs() < 1e-2, "{after:?}");
        assert!(after.mass < 0.5 * before.mass, "{after:?}");
    }

    #[test]
    fn what_passes_while_no_bids_are_made_is_not_counted() {
        let mut rested = course(&[5.0; 24]);
        let before = rested.level();
        for minute in 0..240 {
            rested.rest();
            rested.step(at(86_400 + 60 * minute), 1.0 / 1_440.0, 0.0, 0.0, ELASTICITY);
        }
        let after = rested.level();
        assert!((after.spend / after.mass - before.spend / before.mass).abs() < 1e-3, "{after:?}");
    }

    #[test]
    fn numbers_that_are_not_finite_are_not_counted() {
        let mut odd = course(&[5.0; 3]);
        odd.step(at(3 * 3_600), f64::NAN, 1.0, 0.0, ELASTICITY);
        odd.step(at(3 * 3_600 + 10), 1.0, f64::INFINITY, 0.0, ELASTICITY);
        assert!(odd.level().spend.is_finite() && odd.level().mass.is_finite());
    }
}
