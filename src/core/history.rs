//! How campaigns went: minute rows of the last 48 hours and hour rows of the last 90 days, each
//! kept only where something changed.
//!
//! Pure and bounded: whoever owns it tells it where a campaign stands and asks what was; it reads
//! no clock, and holds no truth that the log does not. A row stands from its moment until the next
//! one. Kept beside the engine by whoever draws charts or explains the past.

use crate::report::Reason;
use crate::units::{CampaignId, Nanos, Ppm, Span, Timestamp, Window};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, VecDeque};

/// Minutes are kept for so long ...
pub const MINUTES_KEPT: Span = Span::HOUR.times(48);
/// ... and hours for so long.
pub const HOURS_KEPT: Span = Span::DAY.times(90);
/// Rows of minutes at most: one for each minute of 48 hours.
pub const MINUTE_ROWS_MAX: usize = 2_880;
/// Rows of hours at most: one for each hour of 90 days.
pub const HOUR_ROWS_MAX: usize = 2_160;
/// Bytes that one campaign takes at most: every row of both kinds, and as much again while their
/// queues grow.
pub const CAMPAIGN_BYTES_MAX: usize =
    2 * (MINUTE_ROWS_MAX + HOUR_ROWS_MAX) * size_of::<Row>() + 512;

/// Where a campaign stands at a moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Row {
    /// When.
    pub at: Timestamp,
    /// Planned since its plan began; zero while it has none.
    pub planned: Nanos,
    /// Spent and in flight since then, or since it was entered while it has no plan.
    pub spent: Nanos,
    /// As published; zero without bids.
    pub multiplier: Ppm,
    /// As published.
    pub participation: Ppm,
    /// Why.
    pub reason: Reason,
}

impl Row {
    /// Whether nothing but time has passed.
    fn is_like(&self, other: &Self) -> bool {
        Self { at: other.at, ..*self } == *other
    }
}

/// Rows of one width, in order of time.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
struct Rows {
    rows: VecDeque<Row>,
    /// The latest row was told again at this moment: it stands until then at least.
    told_at: Timestamp,
}

impl Rows {
    /// Takes a row in: the last of every `width`, and none like the one before. The first that is
    /// kept may be older than `kept`, since it stands until the next.
    fn note(&mut self, row: Row, width: Span, kept: Span, most: usize) {
        self.told_at = self.told_at.max(row.at);
        if let Some(last) = self.rows.back_mut() {
            if row.at < last.at || row.is_like(last) {
                return;
            }
            let slot = |at: Timestamp| at.as_micros().div_euclid(width.as_micros());
            if slot(last.at) == slot(row.at) {
                *last = row;
                return;
            }
        }
        self.rows.push_back(row);
        let oldest = row.at - kept;
        while self.rows.len() > most || self.rows.get(1).is_some_and(|next| next.at <= oldest) {
            self.rows.pop_front();
        }
    }

    /// The row that stands at a moment.
    fn at(&self, at: Timestamp) -> Option<&Row> {
        let after = self.rows.partition_point(|row| row.at <= at);
        after.checked_sub(1).and_then(|place| self.rows.get(place)).filter(|_| at <= self.told_at)
    }

    /// The rows that stand at some moment of a window, the first from before it perhaps.
    fn between(&self, window: Window) -> impl Iterator<Item = &Row> {
        let from = self.rows.partition_point(|row| row.at <= window.start()).saturating_sub(1);
        let until = self.rows.partition_point(|row| row.at < window.end());
        self.rows.range(from.min(until)..until)
    }
}

/// One campaign's rows.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
struct Course {
    minutes: Rows,
    hours: Rows,
}

/// What became of campaigns over a stretch of time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Period {
    /// Rows in it, in order: minutes where they are still kept, else hours.
    pub rows: Vec<Row>,
    /// How long it stood for each reason, the longest first.
    pub reasons: Vec<(Reason, Span)>,
}

/// All campaigns'.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct History {
    courses: BTreeMap<CampaignId, Course>,
    campaigns_max: usize,
}

impl History {
    /// Of at most so many campaigns: it takes [`CAMPAIGN_BYTES_MAX`] bytes for each at most.
    #[must_use]
    pub const fn new(campaigns_max: usize) -> Self {
        Self { courses: BTreeMap::new(), campaigns_max }
    }

    /// Where a campaign stands. Told again without a change it costs nothing but a look. Whether
    /// there was room: a campaign beyond the bound waits until another is forgotten.
    pub fn note(&mut self, campaign: CampaignId, row: Row) -> bool {
        let has_room = self.courses.len() < self.campaigns_max;
        if !has_room && !self.courses.contains_key(&campaign) {
            return false;
        }
        let course = self.courses.entry(campaign).or_default();
        course.minutes.note(row, Span::MINUTE, MINUTES_KEPT, MINUTE_ROWS_MAX);
        course.hours.note(row, Span::HOUR, HOURS_KEPT, HOUR_ROWS_MAX);
        true
    }

    /// Forgets all but these: what is archived makes room.
    pub fn retain(&mut self, is_kept: impl Fn(CampaignId) -> bool) {
        self.courses.retain(|&campaign, _| is_kept(campaign));
    }

    /// How many campaigns it knows.
    #[must_use]
    pub fn len(&self) -> usize {
        self.courses.len()
    }

    /// Whether it knows none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.courses.is_empty()
    }

    /// Where a campaign stood at a moment: to the minute in the last 48 hours, to the hour before
    /// that. Nothing before its first row, and none of what has not been told yet.
    #[must_use]
    pub fn at(&self, campaign: CampaignId, at: Timestamp) -> Option<Row> {
        let course = self.courses.get(&campaign)?;
        course.minutes.at(at).or_else(|| course.hours.at(at)).copied()
    }

    /// How a campaign went over a stretch of time. Hours that lie before the first minute kept are
    /// told as hours.
    #[must_use]
    pub fn between(&self, campaign: CampaignId, window: Window) -> Period {
        let Some(course) = self.courses.get(&campaign) else {
            return Period { rows: Vec::new(), reasons: Vec::new() };
        };
        let minutes: Vec<Row> = course.minutes.between(window).copied().collect();
        let first = course.minutes.rows.front().map_or(window.end(), |row| row.at);
        let hours = course.hours.between(window).filter(|row| row.at < first);
        let rows: Vec<Row> = hours.copied().chain(minutes).collect();
        let reasons = reasons(&rows, window, course.minutes.told_at);
        Period { rows, reasons }
    }
}

/// How long each reason stood within a window, up to the moment last told of.
fn reasons(rows: &[Row], window: Window, told_at: Timestamp) -> Vec<(Reason, Span)> {
    let mut sums: BTreeMap<Reason, Span> = BTreeMap::new();
    let end = window.end().min(told_at);
    let ends = rows.iter().skip(1).map(|row| row.at).chain([end]);
    for (row, until) in rows.iter().zip(ends) {
        let stood = until.min(end) - row.at.max(window.start());
        if stood > Span::ZERO {
            let sum = sums.entry(row.reason).or_insert(Span::ZERO);
            *sum = Span::from_micros(sum.as_micros() + stood.as_micros());
        }
    }
    let mut sums: Vec<(Reason, Span)> = sums.into_iter().collect();
    sums.sort_by_key(|&(_, span)| std::cmp::Reverse(span));
    sums
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const ONE: CampaignId = CampaignId::from_key(1);

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_micros(0) + Span::from_secs(seconds)
    }

    fn row(seconds: i64, spent: i64, reason: Reason) -> Row {
        Row {
            at: at(seconds),
            planned: Nanos::ZERO,
            spent: Nanos::new(spent),
            multiplier: Ppm::ONE,
            participation: Ppm::ONE,
            reason,
        }
    }

    fn window(from: i64, until: i64) -> Window {
        Window::try_new(at(from), at(until)).unwrap()
    }

    #[test]
    fn what_does_not_change_is_kept_once_and_still_told() {
        let mut history = History::new(1);
        for tick in 0..10_000 {
            assert!(history.note(ONE, row(10 * tick, 5, Reason::Law)));
        }
        assert_eq!(history.between(ONE, window(0, 100_000)).rows.len(), 1);
        assert_eq!(history.at(ONE, at(50_000)).unwrap().spent, Nanos::new(5));
        assert_eq!(history.at(ONE, at(99_991)), None, "nobody has told of it yet");
    }

    #[test]
    fn a_minute_keeps_its_last_row() {
        let mut history = History::new(1);
        for tick in 0..12 {
            let _ = history.note(ONE, row(10 * tick, tick, Reason::Law));
        }
        let spent: Vec<i64> =
            history.between(ONE, window(0, 600)).rows.iter().map(|row| row.spent.get()).collect();
        assert_eq!(spent, [5, 11]);
    }

    #[test]
    fn before_the_last_48_hours_it_is_told_by_the_hour() {
        let mut history = History::new(1);
        for minute in 0..5 * 1_440 {
            let _ = history.note(ONE, row(60 * minute, minute, Reason::Law));
        }
        let day = history.between(ONE, window(0, 86_400));
        assert_eq!(day.rows.len(), 24);
        let last = history.between(ONE, window(4 * 86_400, 5 * 86_400));
        assert!(last.rows.len() >= 1_440, "{}", last.rows.len());
        assert_eq!(history.at(ONE, at(3_600 * 5 + 7)).unwrap().spent.get(), 5 * 60 - 1);
    }

    #[test]
    fn a_period_says_how_long_each_reason_stood() {
        let mut history = History::new(1);
        let _ = history.note(ONE, row(0, 0, Reason::Law));
        let _ = history.note(ONE, row(600, 0, Reason::Brake));
        let _ = history.note(ONE, row(1_800, 0, Reason::Law));
        let _ = history.note(ONE, row(2_400, 0, Reason::Law));
        let told = history.between(ONE, window(300, 7_200)).reasons;
        assert_eq!(
            told,
            [(Reason::Brake, Span::from_secs(1_200)), (Reason::Law, Span::from_secs(900))]
        );
    }

    #[test]
    fn campaigns_beyond_the_bound_wait_until_another_is_forgotten() {
        let mut history = History::new(1);
        let two = CampaignId::from_key(2);
        assert!(history.note(ONE, row(0, 0, Reason::Law)));
        assert!(!history.note(two, row(0, 0, Reason::Law)));
        history.retain(|campaign| campaign == two);
        assert!(history.note(two, row(0, 0, Reason::Law)) && history.len() == 1);
    }

    #[test]
    fn half_a_megabyte_a_campaign_is_the_most() {
        assert!(size_of::<Row>() <= 48);
        const { assert!(CAMPAIGN_BYTES_MAX <= 512 * 1_024) };
    }

    proptest! {
        #[test]
        fn whatever_is_told_rows_stay_in_order_and_within_their_bound(
            steps in prop::collection::vec((0_i64..40_000, 0_i64..3), 1..400)
        ) {
            let mut history = History::new(1);
            let mut now = 0;
            for (step, spent) in steps {
                now += step;
                let _ = history.note(ONE, row(now, spent, Reason::Law));
            }
            let course = &history.courses[&ONE];
            prop_assert!(course.minutes.rows.len() <= MINUTE_ROWS_MAX);
            prop_assert!(course.hours.rows.len() <= HOUR_ROWS_MAX);
            let told = history.between(ONE, window(0, now + 1));
            prop_assert!(told.rows.is_sorted_by_key(|row| row.at));
            prop_assert_eq!(history.at(ONE, at(now)).map(|row| row.at <= at(now)), Some(true));
        }
    }
}
