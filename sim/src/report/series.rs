//! The course of one campaign: spend against plan, multiplier and participation.
//!
//! About 720 points at most, evenly spaced, whatever the length of the run. Called by the world
//! once a minute and by the page.

use super::tally::MinuteView;
use paceline_core::units::{Nanos, Span, Timestamp, Window};

/// Points kept, about: more than a screen is wide would not be seen.
const POINTS_MAX: i64 = 720;

/// One point.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Point {
    /// When.
    pub at: Timestamp,
    /// Billed so far.
    pub spent: Nanos,
    /// Billing events so far.
    pub events: u64,
    /// What the plan says should be spent by now; absent without a plan.
    pub planned: Option<Nanos>,
    /// Published multiplier, as a ratio.
    pub multiplier: f64,
    /// Published participation, as a ratio.
    pub participation: f64,
}

/// Points in time order.
#[derive(Debug, Clone, PartialEq)]
pub struct Series {
    every: Span,
    next: Timestamp,
    /// Evenly spaced.
    pub points: Vec<Point>,
}

impl Series {
    /// Empty, for a run of this length.
    #[must_use]
    pub fn new(window: Window) -> Self {
        let minutes = window.span().as_micros() / Span::MINUTE.as_micros();
        let every = Span::MINUTE.times(minutes / POINTS_MAX + 1);
        Self { every, next: window.start(), points: Vec::new() }
    }

    /// A whole minute passed, by which so much was billed in so many events.
    pub fn note(&mut self, now: Timestamp, (spent, events): (Nanos, u64), view: MinuteView) {
        if now < self.next {
            return;
        }
        self.next = now + self.every;
        self.points.push(Point {
            at: now,
            spent,
            events,
            planned: view.plan.map(|(planned, measured, _)| spent + planned - measured),
            multiplier: view.multiplier,
            participation: view.participation,
        });
    }
}

/// Spend and plan of several courses together. They must come from one run.
#[must_use]
pub fn together(all: &[&Series]) -> Vec<(Timestamp, Nanos, Nanos)> {
    let Some(first) = all.first() else { return Vec::new() };
    (0..first.points.len())
        .filter_map(|place| {
            let points = all.iter().map(|series| series.points.get(place));
            let points: Vec<_> = points.collect::<Option<_>>()?;
            let spent = points.iter().map(|point| point.spent).sum();
            // Where there is no plan (before and after a flight), what was spent was planned.
            let planned = points.iter().map(|point| point.planned.unwrap_or(point.spent)).sum();
            Some((first.points[place].at, spent, planned))
        })
        .collect()
}
