//! What was learnt of traffic: asks by hour of day, day of week and hour of week, each against what
//! mean traffic would have brought.
//!
//! Filled by the engine hour by hour, drawn into a shape on top of a prior one. Knows no money, no
//! dates and no campaigns. The equations are CONTROL.md (34) to (37).

use super::shape::TrafficShape;
use serde::{Deserialize, Serialize};

/// Hours of a week.
pub const HOURS: usize = 168;
/// Deviations from a supplied shape that are evidence against it.
const STRONG: f64 = 2.0;
/// Least exposure at which a stretch of the week counts as seen, in hours.
const SEEN_MIN: f64 = 0.5;
/// Mean weight of a shape that was drawn: heights then keep four digits and fit two bytes or three
/// when written down.
const MEAN_WEIGHT: f64 = 10_000.0;

/// A stretch of the week, over all the times it came.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
struct Cell {
    asks: f32,
    /// Asks that mean traffic would have brought.
    due: f32,
    hours: f32,
}

impl Cell {
    #[expect(clippy::cast_possible_truncation, reason = "seven digits of traffic will do")]
    fn take(&mut self, kept: f64, hour: &Hour) {
        let keep = |old: f32, new: f64| (f64::from(old) * kept + new) as f32;
        *self = Self {
            asks: keep(self.asks, hour.asks),
            due: keep(self.due, hour.due),
            hours: keep(self.hours, hour.hours),
        };
    }

    #[expect(clippy::cast_possible_truncation, reason = "seven digits of traffic will do")]
    fn scale_due(&mut self, level: f64) {
        self.due = (f64::from(self.due) * level) as f32;
    }

    fn hours(&self) -> f64 {
        f64::from(self.hours)
    }
}

/// An hour that is over.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Hour {
    /// 0 is Monday 00:00 local; below 168.
    pub of_week: usize,
    /// Asks that came, at least 0.
    pub asks: f64,
    /// Asks that mean traffic would have brought, at least 0.
    pub due: f64,
    /// How much of it was seen, 0 to 1.
    pub hours: f64,
}

/// Which stretches of the week are told apart, and how much is believed of them.
struct Grain {
    /// Times a stretch comes before what was seen of it fades by e.
    memory: f64,
    /// Variance that stretches of this kind have about what coarser ones say.
    spread: f64,
    /// Relative variance of an hour of it beyond the chance of its asks. Hours of one day share
    /// some of theirs.
    noise: f64,
    of: fn(usize) -> usize,
}

/// Hours of the day differ most: a night has a tenth of the evening's traffic. Two weeks back.
const OF_DAY: Grain = Grain { memory: 14.0, spread: 0.5, noise: 0.06, of: |hour| hour % 24 };
/// Days of the week, each of 24 hours. Four weeks back.
const OF_WEEK: Grain = Grain { memory: 96.0, spread: 0.1, noise: 0.3, of: |hour| hour / 24 };
/// Hours of the week beyond both. Four weeks back.
const EACH: Grain = Grain { memory: 4.0, spread: 0.05, noise: 0.06, of: |hour| hour };

/// Traffic learnt by hour of the week. Takes 400 bytes, or 2.5 KB with every hour of the week.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Profile {
    hours: [Cell; 24],
    days: [Cell; 7],
    /// Every hour of the week, or none of them.
    week: Vec<Cell>,
}

impl Profile {
    /// Knows nothing yet. With `is_fine` every hour of the week is kept apart: for those who have
    /// the traffic of many; others know the hours of their day and the days of their week, and have
    /// the rest of their parents.
    #[must_use]
    pub fn new(is_fine: bool) -> Self {
        let week = if is_fine { vec![Cell::default(); HOURS] } else { Vec::new() };
        Self { hours: [Cell::default(); 24], days: [Cell::default(); 7], week }
    }

    /// Takes in an hour whose level is not known yet: only how hours of the day compare.
    pub fn take_first(&mut self, hour: &Hour) {
        self.hours[(OF_DAY.of)(hour.of_week)].take(fade(&OF_DAY), hour);
    }

    /// Takes in an hour; `expected` is its place in the course that is gone by. What is known of
    /// its day is no news of the hour, and the other way round: half a day would else count as a
    /// poor one. CONTROL.md (34).
    pub fn take(&mut self, hour: &Hour, expected: Place) {
        let due = |times: f64| Hour { due: hour.due * times, ..*hour };
        let (of_day, of_week) = (due(expected.day), due(expected.hour_of_day()));
        self.hours[(OF_DAY.of)(hour.of_week)].take(fade(&OF_DAY), &of_day);
        self.days[(OF_WEEK.of)(hour.of_week)].take(fade(&OF_WEEK), &of_week);
        if let Some(cell) = self.week.get_mut(hour.of_week) {
            cell.take(fade(&EACH), hour);
        }
    }

    /// Hours for which it was told asks without a level are told with `level` now, in asks an hour.
    pub fn set_level(&mut self, level: f64) {
        for cell in &mut self.hours {
            cell.scale_due(level);
        }
    }

    /// Asks of an hour of the day, per hour seen of it; nothing when it was not seen.
    #[must_use]
    pub fn asks_of_hour(&self, of_week: usize) -> Option<f64> {
        let cell = &self.hours[(OF_DAY.of)(of_week)];
        (cell.hours() >= SEEN_MIN).then(|| f64::from(cell.asks) / cell.hours())
    }

    /// The course of the week on top of `prior`; both have a mean of one. Where the caller
    /// supplied the prior, only what deviates strongly from it counts.
    #[must_use]
    pub fn draw(&self, prior: &WeekCourse, is_supplied: bool) -> WeekCourse {
        let mut course = *prior;
        correct(&mut course, &self.hours, &OF_DAY, Place::hour_of_day, is_supplied);
        correct(&mut course, &self.days, &OF_WEEK, |place| place.day, is_supplied);
        correct(&mut course, &self.week, &EACH, |place| place.height, is_supplied);
        course
    }
}

/// Moves the course towards what a grain has seen, as far as that is believed. CONTROL.md (35).
fn correct(
    course: &mut WeekCourse,
    cells: &[Cell],
    grain: &Grain,
    height: impl Fn(Place) -> f64,
    is_supplied: bool,
) {
    if cells.is_empty() {
        return;
    }
    let mut sums = vec![(0.0, 0.0); cells.len()];
    for hour in 0..HOURS {
        let (total, count) = &mut sums[(grain.of)(hour)];
        *total += height(course.place(hour));
        *count += 1.0;
    }
    // Asks expected of a cell under the course as it is.
    let expected = |at: usize| {
        let (total, count) = sums[at];
        let is_seen = cells[at].hours() >= SEEN_MIN;
        if is_seen { f64::from(cells[at].due) * total / count } else { 0.0 }
    };
    let (mut asks, mut due) = (0.0, 0.0);
    for (at, cell) in cells.iter().enumerate() {
        let expected = expected(at);
        if expected > 0.0 {
            asks += f64::from(cell.asks);
            due += expected;
        }
    }
    if asks <= 0.0 || due <= 0.0 {
        return;
    }
    let factors: Vec<f64> = (0..cells.len())
        .map(|at| {
            let expected = expected(at) * asks / due;
            if expected <= 0.0 {
                return 1.0;
            }
            let away = f64::from(cells[at].asks) / expected - 1.0;
            let variance = 1.0 / expected.max(1.0) + grain.noise / cells[at].hours();
            (1.0 + belief(grain.spread, variance, away, is_supplied) * away).max(0.0)
        })
        .collect();
    for (hour, height) in course.heights.iter_mut().enumerate() {
        *height *= factors[(grain.of)(hour)];
    }
    course.normalise();
}

fn fade(grain: &Grain) -> f64 {
    libm::exp(-1.0 / grain.memory)
}

/// The share of a deviation that is believed. CONTROL.md (36).
fn belief(spread: f64, variance: f64, away: f64, is_supplied: bool) -> f64 {
    let share = spread / (spread + variance);
    if !is_supplied {
        return share;
    }
    share * (1.0 - STRONG * STRONG * variance / (away * away).max(1e-12)).max(0.0)
}

/// An hour's place in a course: its height, and that of its day, over the week's mean.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Place {
    /// Of the hour.
    pub height: f64,
    /// Mean of the hours of its day.
    pub day: f64,
}

impl Place {
    /// The hour over its day.
    fn hour_of_day(self) -> f64 {
        if self.day > 0.0 { self.height / self.day } else { 1.0 }
    }
}

/// Relative traffic of each hour of the local week, with a mean of one.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct WeekCourse {
    heights: [f64; HOURS],
}

impl WeekCourse {
    /// The same traffic at all times.
    pub const FLAT: Self = Self { heights: [1.0; HOURS] };

    /// That of a shape, by the hour.
    #[must_use]
    pub fn of(shape: &TrafficShape) -> Self {
        let mut heights = [0.0; HOURS];
        for (hour, height) in (0u8..).zip(&mut heights) {
            *height = shape.hour_slots(hour).iter().map(|&slot| f64::from(slot)).sum();
        }
        let mut course = Self { heights };
        course.normalise();
        course
    }

    /// Height of an hour of the week.
    #[must_use]
    pub fn height(&self, of_week: usize) -> f64 {
        self.heights[of_week % HOURS]
    }

    /// The place of an hour of the week.
    #[must_use]
    pub fn place(&self, of_week: usize) -> Place {
        let first = of_week % HOURS / 24 * 24;
        let day = self.heights[first..first + 24].iter().sum::<f64>() / 24.0;
        Place { height: self.height(of_week), day }
    }

    /// As a shape. Where `supplied` has finer slots than hours, each keeps its share of its hour.
    #[must_use]
    pub fn shape(&self, supplied: Option<&TrafficShape>) -> Option<TrafficShape> {
        let weights = (0u8..).zip(&self.heights).flat_map(|(hour, &height)| {
            let slots = supplied.map_or(&[1][..], |shape| shape.hour_slots(hour));
            let sum: f64 = slots.iter().map(|&slot| f64::from(slot)).sum();
            let count = f64::from(u8::try_from(slots.len()).unwrap_or(1));
            slots.iter().map(move |&slot| {
                let share = if sum > 0.0 { f64::from(slot) / sum * count } else { 1.0 };
                whole(height * share * MEAN_WEIGHT)
            })
        });
        TrafficShape::try_new(weights.collect()).ok()
    }

    /// The greatest difference of two courses in any hour, in shares of mean traffic.
    #[must_use]
    pub fn distance(&self, other: &Self) -> f64 {
        let pairs = self.heights.iter().zip(&other.heights);
        pairs.map(|(one, other)| (one - other).abs()).fold(0.0, f64::max)
    }

    #[expect(clippy::cast_precision_loss, reason = "168")]
    fn normalise(&mut self) {
        let mean = self.heights.iter().sum::<f64>() / HOURS as f64;
        if mean > 0.0 && mean.is_finite() {
            for height in &mut self.heights {
                *height /= mean;
            }
        } else {
            *self = Self::FLAT;
        }
    }
}

fn whole(weight: f64) -> u32 {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "the cast saturates, and a weight is at least zero"
    )]
    let whole = (weight + 0.5) as u32;
    whole
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Heights of a day whose evening has many times the traffic of its night.
    fn height(of_week: usize) -> f64 {
        let of_day = f64::from(u32::try_from(of_week % 24).unwrap());
        let weekend = if of_week >= 120 { 0.7 } else { 1.0 };
        weekend * (1.0 + 0.9 * libm::cos((of_day - 19.0) / 24.0 * core::f64::consts::TAU))
    }

    fn taught(is_fine: bool, hours: std::ops::Range<usize>, level: f64) -> Profile {
        let mut profile = Profile::new(is_fine);
        let mut course = WeekCourse::FLAT;
        for hour in hours {
            let of_week = hour % HOURS;
            let asks = level * height(of_week);
            let seen = Hour { of_week, asks, due: level, hours: 1.0 };
            if hour < 24 {
                profile.take_first(&seen);
            } else {
                profile.take(&seen, course.place(of_week));
            }
            if hour % 24 == 23 {
                course = profile.draw(&WeekCourse::FLAT, false);
            }
        }
        profile
    }

    fn truth() -> WeekCourse {
        let mut heights = [0.0; HOURS];
        for (hour, place) in heights.iter_mut().enumerate() {
            *place = height(hour);
        }
        let mut course = WeekCourse { heights };
        course.normalise();
        course
    }

    fn error(course: &WeekCourse, hours: std::ops::Range<usize>) -> f64 {
        let off = |hour: usize| (course.height(hour) - truth().height(hour)).abs();
        hours.map(off).fold(0.0, f64::max)
    }

    #[test]
    fn a_day_tells_most_of_the_next() {
        let course = taught(false, 0..24, 500.0).draw(&WeekCourse::FLAT, false);
        let flat = error(&WeekCourse::FLAT, 24..48);
        assert!(flat > 0.7, "{flat}");
        let learnt = error(&course, 24..48);
        assert!(learnt < 0.3 * flat, "{learnt} of {flat}");
    }

    #[test]
    fn weeks_tell_the_weekend_too() {
        let course = taught(false, 0..3 * HOURS, 500.0).draw(&WeekCourse::FLAT, false);
        let off = error(&course, 0..HOURS);
        assert!(off < 0.12, "{off}");
    }

    #[test]
    fn half_a_day_is_no_poor_day() {
        let course = taught(false, 0..24 + 11, 500.0).draw(&WeekCourse::FLAT, false);
        let (seen, other) = (course.place(30).day, course.place(54).day);
        assert!((seen / other - 1.0).abs() < 0.15, "{seen} {other}");
    }

    #[test]
    fn few_asks_say_little() {
        let course = taught(false, 0..24, 0.5).draw(&WeekCourse::FLAT, false);
        let moved = course.distance(&WeekCourse::FLAT);
        assert!(moved < 0.4, "{moved}");
        let none = Profile::new(true).draw(&WeekCourse::FLAT, false);
        assert!(none.distance(&WeekCourse::FLAT) < 1e-12);
    }

    #[test]
    fn a_supplied_shape_that_is_right_stays_and_one_that_is_wrong_is_corrected() {
        let mut noisy = Profile::new(false);
        for hour in 0..2 * HOURS {
            let of_week = hour % HOURS;
            let luck = if hour % 3 == 0 { 1.15 } else { 0.93 };
            let asks = 500.0 * truth().height(of_week) * luck;
            let seen = Hour { of_week, asks, due: 500.0, hours: 1.0 };
            noisy.take(&seen, truth().place(of_week));
        }
        let kept = noisy.draw(&truth(), true);
        assert!(kept.distance(&truth()) < 0.01, "{}", kept.distance(&truth()));
        let corrected = noisy.draw(&WeekCourse::FLAT, true);
        let off = error(&corrected, 0..HOURS);
        assert!(off < 0.5 * error(&WeekCourse::FLAT, 0..HOURS), "{off}");
    }

    #[test]
    fn what_was_seen_long_ago_fades() {
        let mut profile = taught(false, 0..4 * HOURS, 500.0);
        let mut course = profile.draw(&WeekCourse::FLAT, false);
        for hour in 0..6 * HOURS {
            let of_week = hour % HOURS;
            let seen = Hour { of_week, asks: 500.0, due: 500.0, hours: 1.0 };
            profile.take(&seen, course.place(of_week));
            course = profile.draw(&WeekCourse::FLAT, false);
        }
        let off = profile.draw(&WeekCourse::FLAT, false).distance(&WeekCourse::FLAT);
        assert!(off < 0.15, "{off}");
    }

    #[test]
    fn a_course_becomes_a_shape_and_keeps_quarters_of_hours() {
        let supplied = TrafficShape::try_new((0..672).map(|slot| slot % 4).collect()).unwrap();
        let shape = WeekCourse::of(&supplied).shape(Some(&supplied)).unwrap();
        assert_eq!(shape.hour_slots(7), [0, 6_667, 13_333, 20_000]);
        let flat = WeekCourse::FLAT.shape(None).unwrap();
        assert_eq!((flat.slot_count(), flat.hour_slots(100)), (168, &[10_000][..]));
    }
}
