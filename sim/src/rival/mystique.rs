//! Soft throttling: "Mystique", Yahoo, WWW 2024 companion, after its released simulation.
//!
//! Once a minute, from the spent share of the day's budget fr, its target and the target's slope:
//!
//! (1) e_s = fr − target(t), e_g = (last minute's spend ÷ B · 1440) − slope(t)
//!
//! (2) τ = −1440 e_s ÷ e_g, at most 1441 where e_g is nearly zero
//!
//! (3) w_s = ½ if τ < 0, else min(0.9, 0.2 τ); w_g = 1 − w_s
//!
//! (4) c_s = 0.025 · min(1, |e_s| ÷ 0.25), c_g = max(0.01, 0.025 · min(1, |e_g|) ÷ 1.5)
//!
//! (5) PS ← clip(PS − w_s c_s sgn e_s − w_g c_g sgn e_g, 10⁻⁴, 1), from the last PS above zero
//!
//! Named edge cases: *runaway* (e_g > 12, τ < 3600, fr > min(target, 1)): PS is 0 for the minute;
//! *depleted* (fr ≥ 1): PS stands; *last three minutes* of a day, and *day start*: the mean PS of
//! the day that ends, counted while fr < 0.95; *new campaign*: 10⁻⁴, or 1 with a daily budget above
//! 10 000 units.
//!
//! The learned target, once a day, from the mean PS of each hour and of the day:
//!
//! (6) slope(h) ← slope(h) · min(2, mean PS of day ÷ mean PS of h), within [0.1, 12], smoothed by
//! ¼, ½, ¼, and scaled to a mean of 1
//!
//! The linear target is the engine's plan, which is linear unless traffic was forecast. Settled
//! here: days are those of UTC; a learned target needs days, so flights shorter than one have the
//! plan's; an hour without a single minute keeps its slope (it divides by zero as published); the
//! budget is the day-equivalent one, since a flight has no daily budget of its own; PS of zero is
//! the least participation of every law, without which nothing would be seen again.

use super::slot::Slot;
use super::{Means, Rule, behind};
use crate::number::place;
use paceline_core::pace::PaceSample;
use paceline_core::pace::limit::X_MIN;
use paceline_core::units::{Nanos, Span, Timestamp};
use serde::{Deserialize, Serialize};

const MINUTES: f64 = 1_440.0;
const HOURS: usize = 24;
/// Least PS above zero.
const LEAST: f64 = 1e-4;
/// Daily budget from which a new campaign starts at full speed.
const LARGE: Nanos = Nanos::from_units(10_000);

/// What spend is compared with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Target {
    /// The plan.
    Linear,
    /// (6)
    Learned,
}

/// The law's settings.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mystique {
    /// Linear or learned.
    pub target: Target,
}

/// A mean in the making.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
struct Mean {
    sum: f64,
    count: f64,
}

impl Mean {
    fn note(&mut self, value: f64) {
        self.sum += value;
        self.count += 1.0;
    }

    fn get(self) -> Option<f64> {
        (self.count > 0.0).then(|| self.sum / self.count)
    }
}

/// The day that is running.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
struct Day {
    /// Days since 1970.
    number: i64,
    /// Measured when it began, on the base of the samples.
    measured: f64,
    budget: f64,
    /// Target when it was first seen.
    target: f64,
    mean: Mean,
    hours: [Mean; HOURS],
}

/// PS, the day, the learned slopes.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct MystiqueMemory {
    /// Last PS above zero; absent before the first step.
    ps: Option<f64>,
    slot: Slot,
    day: Option<Day>,
    slopes: [f64; HOURS],
}

/// What a minute looks like: equations (1).
#[derive(Debug, Clone, Copy, PartialEq)]
struct Errors {
    spent: f64,
    target: f64,
    behind: f64,
    slope: f64,
}

/// (2) to (5).
fn move_ps(ps: f64, e: &Errors) -> f64 {
    let tau = if e.slope.abs() < 1e-9 { MINUTES + 1.0 } else { -MINUTES * e.behind / e.slope };
    if e.slope > 12.0 && tau < 3_600.0 && e.spent > e.target.min(1.0) {
        return 0.0;
    }
    let w_s = if tau < 0.0 { 0.5 } else { (0.2 * tau).min(0.9) };
    let c_s = 0.025 * (e.behind.abs() / 0.25).min(1.0);
    let c_g = (0.025 * e.slope.abs().min(1.0) / 1.5).max(0.01);
    let sign = |value: f64| if value == 0.0 { 0.0 } else { value.signum() };
    (ps - w_s * c_s * sign(e.behind) - (1.0 - w_s) * c_g * sign(e.slope)).clamp(LEAST, 1.0)
}

/// (6)
fn learn(slopes: &mut [f64; HOURS], day: &Day) {
    let Some(mean) = day.mean.get() else { return };
    let before: [f64; HOURS] = std::array::from_fn(|hour| {
        let ratio = day.hours[hour].get().map_or(1.0, |of_hour| (mean / of_hour).min(2.0));
        (slopes[hour] * ratio).clamp(0.1, 12.0)
    });
    let smooth: [f64; HOURS] = std::array::from_fn(|hour| {
        let (left, right) = (before[(hour + HOURS - 1) % HOURS], before[(hour + 1) % HOURS]);
        0.25 * left + 0.5 * before[hour] + 0.25 * right
    });
    let total: f64 = smooth.iter().sum();
    *slopes = smooth.map(|slope| slope * 24.0 / total);
}

/// Share of the day's target reached at a minute of the day.
fn target_at(slopes: &[f64; HOURS], minute: f64) -> f64 {
    let hour = place(minute / 60.0, HOURS);
    let gone = minute / 60.0 - crate::number::length(hour);
    (slopes[..hour].iter().sum::<f64>() + slopes[hour] * gone) / 24.0
}

impl Mystique {
    /// Begins a day, or goes on with it. The mean PS of the day that ended, if one did.
    fn turn(&self, memory: &mut MystiqueMemory, now: Timestamp, seen: &PaceSample) -> Option<f64> {
        let number = now.as_micros().div_euclid(Span::DAY.as_micros());
        if memory.day.is_some_and(|day| day.number == number) {
            return None;
        }
        let ended = memory.day.take();
        if let Some(day) = &ended
            && self.target == Target::Learned
        {
            learn(&mut memory.slopes, day);
        }
        memory.day = Some(Day {
            number,
            measured: seen.measured.as_f64(),
            budget: seen.day_budget.as_f64(),
            target: target_at(&memory.slopes, minute_of(now)),
            mean: Mean::default(),
            hours: [Mean::default(); HOURS],
        });
        ended.and_then(|day| day.mean.get())
    }

    fn errors(&self, memory: &MystiqueMemory, now: Timestamp, seen: &PaceSample) -> Errors {
        let Some(day) = &memory.day else {
            return Errors { spent: 0.0, target: 0.0, behind: 0.0, slope: 0.0 };
        };
        let spent = (seen.measured.as_f64() - day.measured) / day.budget;
        let is_learned = self.target == Target::Learned && seen.window_minutes >= MINUTES;
        let behind =
            if is_learned { spent - self.reached(memory, day, now) } else { -behind(seen) };
        Errors { spent, target: spent - behind, behind, slope: 0.0 }
    }

    fn reached(&self, memory: &MystiqueMemory, day: &Day, now: Timestamp) -> f64 {
        target_at(&memory.slopes, minute_of(now)) - day.target
    }

    /// The target's slope: 1 is the day's mean.
    fn slope(&self, memory: &MystiqueMemory, now: Timestamp, seen: &PaceSample) -> f64 {
        if self.target == Target::Learned && seen.window_minutes >= MINUTES {
            memory.slopes[place(minute_of(now) / 60.0, HOURS)]
        } else {
            seen.planned_rate * MINUTES / seen.day_budget.as_f64()
        }
    }
}

fn minute_of(now: Timestamp) -> f64 {
    Span::from_micros(now.as_micros().rem_euclid(Span::DAY.as_micros())).as_minutes()
}

fn x_of(ps: f64) -> f64 {
    if ps > 0.0 { libm::log(ps) } else { X_MIN }
}

impl Rule for Mystique {
    type Memory = MystiqueMemory;

    fn means(&self) -> Means {
        Means::Bids
    }

    fn start(&self, _x0: f64) -> (MystiqueMemory, f64) {
        let memory =
            MystiqueMemory { ps: None, slot: Slot::default(), day: None, slopes: [1.0; HOURS] };
        (memory, libm::log(LEAST))
    }

    fn step(
        &self,
        memory: &mut MystiqueMemory,
        now: Timestamp,
        seen: &PaceSample,
        minutes: f64,
        x: f64,
    ) -> f64 {
        let Some(ps) = memory.ps else {
            let first = if seen.day_budget > LARGE { 1.0 } else { LEAST };
            memory.ps = Some(first);
            let _ = self.turn(memory, now, seen);
            let _ = memory.slot.step(seen, minutes, 1.0);
            return x_of(first);
        };
        let Some(sums) = memory.slot.step(seen, minutes, 1.0) else { return x };
        if let Some(mean) = self.turn(memory, now, seen) {
            memory.ps = Some(mean);
            return x_of(mean);
        }
        let mut errors = self.errors(memory, now, seen);
        if errors.spent >= 1.0 {
            return x;
        }
        let rate = sums.measured / sums.minutes;
        errors.slope = rate * MINUTES / seen.day_budget.as_f64() - self.slope(memory, now, seen);
        let moved = move_ps(ps, &errors);
        let hour = place(minute_of(now) / 60.0, HOURS);
        if let Some(day) = memory.day.as_mut().filter(|_| errors.spent < 0.95) {
            day.mean.note(moved);
            day.hours[hour].note(moved);
        }
        if moved > 0.0 {
            memory.ps = Some(moved);
        }
        let is_last = minute_of(now) >= MINUTES - 3.0;
        let mean = memory.day.and_then(|day| day.mean.get());
        x_of(mean.filter(|_| is_last).unwrap_or(moved))
    }

    fn place(&self, memory: &mut MystiqueMemory, x: f64) {
        memory.ps = Some(libm::exp(x).clamp(LEAST, 1.0));
    }

    fn rebase(&self, memory: &mut MystiqueMemory, before: &PaceSample, after: &PaceSample) {
        memory.slot.rebase(before, after);
        if let Some(day) = &mut memory.day {
            day.measured += after.measured.as_f64() - before.measured.as_f64();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn errors(spent: f64, target: f64, slope: f64) -> Errors {
        Errors { spent, target, behind: spent - target, slope }
    }

    #[test]
    fn ps_moves_as_computed_by_hand() {
        // e_s = 0.1, e_g = 0.5: τ = −288, w = ½ and ½, c_s = 0.01, c_g = max(0.01, 0.00833).
        let moved = move_ps(0.5, &errors(0.6, 0.5, 0.5));
        assert!((moved - (0.5 - 0.5 * 0.01 - 0.5 * 0.01)).abs() < 1e-12);
        // e_s = −0.1, e_g = 1: τ = 144, w_s = 0.9: +0.9·0.01 − 0.1·0.025 ÷ 1.5.
        let moved = move_ps(0.5, &errors(0.4, 0.5, 1.0));
        assert!((moved - (0.5 + 0.9 * 0.01 - 0.1 * 0.025 / 1.5)).abs() < 1e-12);
        // No slope error: τ = 1441, w_s = 0.9, and c_g counts for nothing.
        let moved = move_ps(0.5, &errors(0.4, 0.5, 0.0));
        assert!((moved - (0.5 + 0.9 * 0.01)).abs() < 1e-12);
    }

    #[test]
    #[expect(clippy::float_cmp, reason = "zero and bounds are exact")]
    fn a_runaway_minute_is_shut_off_and_bounds_hold() {
        assert_eq!(move_ps(0.5, &errors(0.6, 0.5, 13.0)), 0.0);
        assert!(move_ps(0.5, &errors(0.4, 0.5, 13.0)) > 0.0, "behind is no runaway");
        assert_eq!(move_ps(0.001, &errors(0.9, 0.1, 2.0)), LEAST);
        assert_eq!(move_ps(0.999, &errors(0.0, 0.9, -1.0)), 1.0);
    }

    #[test]
    fn the_learned_slope_follows_the_price_of_the_hour() {
        let mut day = Day {
            number: 0,
            measured: 0.0,
            budget: 1.0,
            target: 0.0,
            mean: Mean::default(),
            hours: [Mean::default(); HOURS],
        };
        // PS of 0.2 in hour 6, 0.4 in all others: the mean is 0.391 6…, hour 6 doubles at most.
        for (hour, of_hour) in day.hours.iter_mut().enumerate() {
            let ps = if hour == 6 { 0.2 } else { 0.4 };
            of_hour.note(ps);
            day.mean.note(ps);
        }
        let mut slopes = [1.0; HOURS];
        learn(&mut slopes, &day);
        let mean = (23.0 * 0.4 + 0.2) / 24.0;
        let (high, low) = (mean / 0.2, mean / 0.4);
        let total = 23.0 * low + high;
        let expected = (0.5 * high + 0.5 * low) * 24.0 / total;
        assert!((slopes[6] - expected).abs() < 1e-12, "{}", slopes[6]);
        assert!((slopes.iter().sum::<f64>() - 24.0).abs() < 1e-9);
        assert!((target_at(&slopes, 1_440.0) - 1.0).abs() < 1e-12);
    }
}
