//! Draws that make readable numbers.

use crate::number::{length, place, whole};
use crate::rng::Stream;

/// A stream of draws for one part of a world.
pub(crate) struct Dice(Stream);

impl Dice {
    pub(crate) fn new(seed: u64, part: &str) -> Self {
        Self(Stream::new(seed, part))
    }

    pub(crate) fn chance(&mut self, probability: f64) -> bool {
        self.0.chance(probability)
    }

    /// Uniform between two ends.
    pub(crate) fn between(&mut self, (least, most): (f64, f64)) -> f64 {
        least + (most - least) * self.0.unit()
    }

    /// The same, rounded.
    pub(crate) fn rounded(&mut self, ends: (f64, f64)) -> f64 {
        rounded(self.between(ends))
    }

    /// Alike often between one and two as between ten and twenty; both ends above zero.
    pub(crate) fn log(&mut self, (least, most): (f64, f64)) -> f64 {
        libm::exp(self.between((libm::log(least), libm::log(most))))
    }

    /// The same, rounded.
    pub(crate) fn log_rounded(&mut self, ends: (f64, f64)) -> f64 {
        rounded(self.log(ends))
    }

    /// A whole number between two, both among them.
    pub(crate) fn whole(&mut self, least: u64, most: u64) -> u64 {
        least + self.0.below(most - least + 1)
    }

    /// An hour of the day.
    pub(crate) fn hour(&mut self) -> i64 {
        i64::try_from(self.whole(0, 23)).unwrap_or(0)
    }

    /// One of several.
    pub(crate) fn pick<'a, T>(&mut self, all: &'a [T]) -> &'a T {
        &all[place(self.0.unit() * length(all.len()), all.len())]
    }

    /// Some of several, in their order; not none.
    pub(crate) fn some<T: Clone>(&mut self, all: &[T]) -> Vec<T> {
        let some: Vec<T> = all.iter().filter(|_| self.0.chance(0.5)).cloned().collect();
        if some.is_empty() { vec![self.pick(all).clone()] } else { some }
    }
}

/// Three digits of a number.
pub(crate) fn rounded(number: f64) -> f64 {
    format!("{number:.2e}").parse().unwrap_or(number)
}

/// A length in whole minutes, one at least.
pub(crate) fn minutes(minutes: f64) -> String {
    let minutes = whole(minutes.round()).max(1);
    match (minutes / 60, minutes % 60) {
        (0, minutes) => format!("{minutes}m"),
        (hours, 0) => format!("{hours}h"),
        (hours, minutes) => format!("{hours}h{minutes}m"),
    }
}

/// A length of seconds, whole from ten on.
pub(crate) fn span(seconds: f64) -> String {
    if seconds >= 10.0 {
        return format!("{}s", whole(seconds.round()));
    }
    let millis = whole((seconds * 1e3).round()).max(1);
    if millis.is_multiple_of(1_000) {
        format!("{}s", millis / 1_000)
    } else {
        format!("{millis}ms")
    }
}
