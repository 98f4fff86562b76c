//! Who reports outcomes, and how much of what is learnt may be any one's.
//!
//! Whoever tells more faulty outcomes than sound ones is not believed, and where several report,
//! nobody tells more than three times what the others do in the mean, so that one that lies in good
//! order moves a curve by its part and no more. What it told before the others came does not count
//! against it beyond that. All of it is forgotten by half, each half an hour. Knows no
//! prices. Called by the engine.

use super::number::length;
use super::outcome::Fault;
use crate::units::{ProducerId, Span, Timestamp};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// What was told counts half after this.
const HALF_LIFE: Span = Span::from_mins(30);
/// Reporters remembered; one more takes the place of the one silent the longest.
const REPORTERS_MAX: usize = 1_000;
/// Faulty outcomes that anyone may tell before being distrusted: a bad start is no lie.
const FAULTY_LEAST: f64 = 100.0;
/// Outcomes that anyone may tell, however few the others tell.
const TAKEN_LEAST: f64 = 1_000.0;
/// What one may tell over what the others do in the mean.
const OVER_MEAN: f64 = 3.0;
/// Less than this of late, and a reporter is not one of the others.
const HEARD: f64 = 1.0;
/// For so long what all told is not summed up anew: a two-thousandth of its half-life.
const SUMMED_FOR: Span = Span::from_secs(1);

/// What one reporter told of late.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
struct Told {
    /// Auctions that it told of and that were learnt from, up to what it may tell.
    sound: f64,
    /// Those beyond it, which the last row of a report brought.
    over: f64,
    /// Rows of those.
    rows: f64,
    /// Rows that were faulty.
    faulty: f64,
    heard_at: Timestamp,
    /// Its part in the sum of all.
    part: f64,
}

impl Told {
    const fn new(now: Timestamp) -> Self {
        Self { sound: 0.0, over: 0.0, rows: 0.0, faulty: 0.0, heard_at: now, part: 0.0 }
    }

    fn at(self, now: Timestamp) -> Self {
        let kept = libm::exp2(-(now - self.heard_at).ratio_to(HALF_LIFE).max(0.0));
        let heard_at = self.heard_at.max(now);
        Self {
            sound: kept * self.sound,
            over: kept * self.over,
            rows: kept * self.rows,
            faulty: kept * self.faulty,
            heard_at,
            part: self.part,
        }
    }
}

/// What may still be taken of a report.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Admission {
    most: f64,
    left: f64,
    is_distrusted: bool,
    sound: f64,
    rows: f64,
    faulty: f64,
}

impl Admission {
    /// Whether a row may be taken, however many auctions it stands for: the last one goes over what
    /// is left, since else whoever samples would be let in with the rows that stand for themselves
    /// and no others.
    ///
    /// # Errors
    /// [`Fault::Distrusted`] or [`Fault::Overweight`].
    pub fn admit(&self) -> Result<(), Fault> {
        if self.is_distrusted {
            return Err(Fault::Distrusted);
        }
        if self.sound < self.left { Ok(()) } else { Err(Fault::Overweight) }
    }

    /// Notes what became of a row.
    pub fn note(&mut self, count: u32, became: Result<(), Fault>) {
        match became {
            Ok(()) => {
                self.sound += f64::from(count);
                self.rows += 1.0;
            }
            // No fault of whoever tells it, or not looked at.
            Err(Fault::NotByPrice | Fault::Overweight | Fault::Distrusted) => {}
            Err(_) => self.faulty += 1.0,
        }
    }
}

/// All who report; those without a name are one.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Reporters {
    told: BTreeMap<ProducerId, Told>,
    /// Of those heard of late: how many, and the sum of what they told.
    heard: usize,
    sum: f64,
    /// When all were last looked through for it.
    summed_at: Timestamp,
}

/// Stands for all without a name; no name has this key.
const NAMELESS: ProducerId = ProducerId::from_key(0);

impl Reporters {
    /// A report begins: what may be taken of it. Walks over all reporters once a second at most,
    /// since a stream tells each row as a report.
    #[must_use]
    pub fn open(&mut self, now: Timestamp, producer: Option<ProducerId>) -> Admission {
        if now - self.summed_at >= SUMMED_FOR {
            self.sum_up(now);
        }
        let id = producer.unwrap_or(NAMELESS);
        let own = self.told.get(&id).map(|told| told.at(now));
        let part = own.map_or(0.0, |told| told.part);
        let others = self.heard - usize::from(part > 0.0).min(self.heard);
        let most = if others == 0 {
            f64::INFINITY
        } else {
            TAKEN_LEAST + OVER_MEAN * (self.sum - part).max(0.0) / length(others)
        };
        let told = own.unwrap_or(Told::new(now));
        let is_distrusted = told.faulty > FAULTY_LEAST + told.rows;
        let left = most - told.sound.min(most) - told.over;
        Admission { most, left, is_distrusted, sound: 0.0, rows: 0.0, faulty: 0.0 }
    }

    fn sum_up(&mut self, now: Timestamp) {
        (self.heard, self.sum, self.summed_at) = (0, 0.0, now);
        for told in self.told.values_mut() {
            let sound = told.at(now).sound;
            told.part = if sound >= HEARD { sound } else { 0.0 };
            self.heard += usize::from(told.part > 0.0);
            self.sum += told.part;
        }
    }

    /// A report was taken.
    pub fn close(&mut self, now: Timestamp, producer: Option<ProducerId>, report: &Admission) {
        let id = producer.unwrap_or(NAMELESS);
        if self.told.len() >= REPORTERS_MAX && !self.told.contains_key(&id) {
            let silent = self.told.iter().map(|(&id, told)| (told.heard_at, id)).min();
            let gone = silent.and_then(|(_, id)| self.told.remove(&id));
            self.part(gone.map_or(0.0, |told| told.part), 0.0);
        }
        let told = self.told.entry(id).or_insert(Told::new(now));
        *told = told.at(now);
        let sound = told.sound.min(report.most) + report.sound;
        let over = (sound - report.most).max(0.0);
        told.sound = sound - over;
        told.over += over;
        told.rows += report.rows;
        told.faulty += report.faulty;
        let (before, now) = (told.part, if told.sound >= HEARD { told.sound } else { 0.0 });
        told.part = now;
        self.part(before, now);
    }

    /// One's part in the sum is another now.
    fn part(&mut self, before: f64, now: f64) {
        self.sum = (self.sum - before + now).max(0.0);
        self.heard =
            (self.heard + usize::from(now > 0.0)).saturating_sub(usize::from(before > 0.0));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(minutes: i64) -> Timestamp {
        Timestamp::from_micros(1_700_000_000_000_000) + Span::from_mins(minutes)
    }

    /// Tells so many rows that are sound, and so many faulty ones; how many were let in.
    fn tell(reporters: &mut Reporters, minutes: i64, id: u64, (sound, faulty): (u32, u32)) -> u32 {
        let producer = Some(ProducerId::from_key(id));
        let mut report = reporters.open(at(minutes), producer);
        let mut taken = 0;
        for row in 0..sound + faulty {
            let became = report.admit().and(if row < sound { Ok(()) } else { Err(Fault::Price) });
            taken += u32::from(became.is_ok());
            report.note(1, became);
        }
        reporters.close(at(minutes), producer, &report);
        taken
    }

    #[test]
    fn one_of_several_tells_three_times_the_mean_and_a_thousand_at_most() {
        let mut reporters = Reporters::default();
        assert_eq!(tell(&mut reporters, 0, 1, (20_000, 0)), 20_000, "alone there is no bound");
        assert_eq!(tell(&mut reporters, 0, 2, (500, 0)), 500);
        assert_eq!(tell(&mut reporters, 0, 3, (500, 0)), 500);
        assert_eq!(tell(&mut reporters, 0, 1, (10, 0)), 0, "it has told more than its part");
        let minute = tell(&mut reporters, 1, 1, (1_000, 0));
        assert!((10..70).contains(&minute), "and goes on at its part, whatever it told: {minute}");
        // After five hours two of its outcomes are left, and less than one of each of the others.
        assert_eq!(tell(&mut reporters, 300, 2, (50_000, 0)), 1_007);
    }

    #[test]
    fn whoever_samples_is_let_in_a_row_at_a_time_and_no_more_than_its_part_over_time() {
        let mut reporters = Reporters::default();
        for id in 2..4 {
            assert_eq!(tell(&mut reporters, 0, id, (500, 0)), 500);
        }
        let producer = Some(ProducerId::from_key(1));
        let mut taken = 0;
        for minute in 0..300 {
            for id in 2..4 {
                tell(&mut reporters, minute, id, (12, 0));
            }
            for _ in 0..10 {
                let mut report = reporters.open(at(minute), producer);
                let became = report.admit();
                taken += u32::from(became.is_ok());
                report.note(5_000, became);
                reporters.close(at(minute), producer, &report);
            }
        }
        // Its part is some 2 560: a row over it halves down to that in 47 minutes.
        assert!((6..=8).contains(&taken), "{taken}");
    }

    #[test]
    fn who_tells_more_faults_than_truth_is_not_believed_until_it_is_forgotten() {
        let mut reporters = Reporters::default();
        assert_eq!(tell(&mut reporters, 0, 1, (50, 300)), 50);
        let first = (1..90).find(|&minute| tell(&mut reporters, minute, 1, (50, 0)) == 50);
        assert!(first.is_some_and(|first| first > 20), "though it never pauses: {first:?}");
    }
}
