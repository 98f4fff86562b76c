//! What a campaign may safely do when nobody knows its spend: the 10th percentile of its last seven
//! days' multipliers, or its last hour's mean while it is younger.
//!
//! Twenty-eight means of six hours, in thousandths of a natural logarithm: 60 bytes a campaign.

use crate::units::{PacingMultiplier, Span, Timestamp};
use serde::{Deserialize, Serialize};

const SLOTS: usize = 28;
const SLOT: Span = Span::HOUR.times(6);

/// Recent course of one multiplier.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SafeHistory {
    /// Milli-logarithms of closed slots, oldest first.
    closed: Vec<i16>,
    slot_began: Timestamp,
    sum: f64,
    count: u32,
    hour_began: Timestamp,
    hour_sum: f64,
    hour_count: u32,
    last_hour: Option<f64>,
    /// The percentile of `closed`, kept: it changes four times a day and is asked for every tick.
    low: Option<i16>,
}

impl SafeHistory {
    /// Nothing known yet.
    #[must_use]
    pub fn new(now: Timestamp) -> Self {
        Self {
            closed: Vec::new(),
            slot_began: now,
            sum: 0.0,
            count: 0,
            hour_began: now,
            hour_sum: 0.0,
            hour_count: 0,
            last_hour: None,
            low: None,
        }
    }

    /// The logarithm of the multiplier in force at `now`; called once a tick.
    pub fn note(&mut self, now: Timestamp, x: f64) {
        if now - self.hour_began >= Span::HOUR {
            self.last_hour = mean(self.hour_sum, self.hour_count).or(self.last_hour);
            (self.hour_began, self.hour_sum, self.hour_count) = (now, 0.0, 0);
        }
        if now - self.slot_began >= SLOT {
            if let Some(mean) = mean(self.sum, self.count) {
                if self.closed.len() == SLOTS {
                    self.closed.remove(0);
                }
                self.closed.push(to_milli(mean));
                let mut sorted = self.closed.clone();
                sorted.sort_unstable();
                self.low = sorted.get(sorted.len() / 10).copied();
            }
            (self.slot_began, self.sum, self.count) = (now, 0.0, 0);
        }
        self.hour_sum += x;
        self.hour_count += 1;
        self.sum += x;
        self.count += 1;
    }

    /// The safe logarithm; `None` before the first note.
    #[must_use]
    pub fn x(&self) -> Option<f64> {
        let low = self.low.map(|low| f64::from(low) / 1_000.0);
        low.or(self.last_hour).or_else(|| mean(self.hour_sum, self.hour_count))
    }

    /// The safe multiplier.
    #[must_use]
    pub fn multiplier(&self, max: PacingMultiplier) -> PacingMultiplier {
        self.x().map_or(PacingMultiplier::ZERO, |x| PacingMultiplier::clamped(libm::exp(x), max))
    }
}

fn mean(sum: f64, count: u32) -> Option<f64> {
    (count > 0).then(|| sum / f64::from(count))
}

#[expect(clippy::cast_possible_truncation, reason = "clamped to the range of the slot")]
fn to_milli(x: f64) -> i16 {
    (x * 1_000.0).clamp(-30_000.0, 30_000.0) as i16
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_safe_value_is_low_but_not_the_lowest() {
        let mut history = SafeHistory::new(Timestamp::MIN);
        for minute in 0..7 * 1_440 {
            let now = Timestamp::MIN + Span::from_mins(minute);
            let day = minute / 1_440;
            #[expect(clippy::cast_precision_loss, reason = "a small day number")]
            history.note(now, -(day as f64));
        }
        let x = history.x().unwrap();
        assert!((x - -6.0).abs() < 0.01, "10th percentile of the days' -0 to -6: {x}");
    }

    #[test]
    fn a_young_campaign_uses_its_last_hour() {
        let mut history = SafeHistory::new(Timestamp::MIN);
        assert_eq!(history.x(), None);
        for minute in 0..125 {
            let x = if minute < 60 { -3.0 } else { -1.0 };
            history.note(Timestamp::MIN + Span::from_mins(minute), x);
        }
        assert_eq!(history.x(), Some(-1.0));
    }
}
