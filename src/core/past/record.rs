//! The recorder: takes the standing of every campaign at each round, and makes rows of it.
//!
//! A fold over the log beside the engine: the same records give the same rows. It holds what is
//! under way, a bounded number of rows a campaign; what is done is handed over. Never run on a
//! loop's thread.

use super::{Grain, Row, Standing, Stretch, Within, floor};
use crate::diagnosis::CauseKind;
use crate::units::{CampaignId, Timestamp};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Campaigns looked into for their cause at one row: with some sixty microseconds each, two thirds
/// of a second a minute beside the loop. The first that were entered are; of others no cause is
/// told.
pub const CAUSES_MAX: usize = 10_000;

/// Which stretch: of which grain, from when, whose.
pub type StretchKey = (Grain, Timestamp, CampaignId);

/// One grain of one campaign, under way.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Course {
    /// Since the last row that was kept.
    open: Within,
    /// Of the stretch under way.
    rows: Vec<Row>,
    /// Nothing had changed since the last row when it was last looked at, then.
    idle_until: Timestamp,
    /// Whether a row came since it was last handed over.
    #[serde(skip)]
    is_new: bool,
}

impl Course {
    const fn new(since: Timestamp) -> Self {
        Self { open: Within::new(since), rows: Vec::new(), idle_until: since, is_new: false }
    }

    /// Ends a row here. A stretch that is over is handed over.
    fn close(
        &mut self,
        grain: Grain,
        standing: &Standing,
        cause: Option<CauseKind>,
    ) -> Option<(Timestamp, Stretch)> {
        let within = std::mem::replace(&mut self.open, Within::new(standing.at));
        let start = grain.start_of(standing.at);
        let held = self.rows.first().map(|row| grain.start_of(row.standing.at));
        let over = held.filter(|&held| held != start);
        let stretch = over.and_then(|over| Some((over, self.stretch()?)));
        if over.is_some() {
            self.rows.clear();
        }
        self.rows.push(Row { standing: *standing, cause, within });
        self.is_new = true;
        stretch
    }

    /// What is under way.
    fn stretch(&self) -> Option<Stretch> {
        let through = self.idle_until.max(self.rows.last()?.standing.at);
        Some(Stretch { through, rows: self.rows.clone() })
    }

    /// Whether a row now would tell nothing that the last one does not: of minutes alone, and never
    /// the first of a stretch, so that every stretch can be read alone.
    fn is_idle(&self, grain: Grain, standing: &Standing, cause: Option<CauseKind>) -> bool {
        let Some(last) = self.rows.last() else { return false };
        let is_same = last.standing.is_like(standing) && last.cause == cause;
        let has_jumped = self.open.reasons.len() > 1 || self.open.silent.as_micros() > 0;
        grain == Grain::Minute
            && is_same
            && !has_jumped
            && self.open.multiplier.is_none_or(|all| all.least == all.greatest)
            && self.open.participation.is_none_or(|all| all.least == all.greatest)
            && grain.start_of(last.standing.at) == grain.start_of(standing.at)
    }
}

/// A campaign under way.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Track {
    last: Standing,
    minute: Course,
    hour: Course,
    /// No table holds it any more.
    is_gone: bool,
}

/// What is under way of all campaigns of a partition.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Recorder {
    tracks: BTreeMap<CampaignId, Track>,
    /// Stretches that are over and not handed over yet.
    #[serde(skip)]
    done: Vec<(StretchKey, Stretch)>,
}

impl Recorder {
    /// Takes in a round: the standing of every campaign that a table holds. `cause` says what came
    /// first, and is asked once a minute and campaign at most. Campaigns that no table holds any
    /// more are closed, and remembered until their stretch is over: one that comes back adds to its
    /// rows instead of beginning over them.
    pub fn note(
        &mut self,
        at: Timestamp,
        standings: impl Iterator<Item = (CampaignId, Standing)>,
        cause: impl Fn(CampaignId) -> Option<CauseKind>,
    ) {
        let mut looked = 0;
        let mut others = std::mem::take(&mut self.tracks);
        for (id, standing) in standings {
            let mut track = others.remove(&id).unwrap_or_else(|| Track {
                last: standing,
                minute: Course::new(standing.at),
                hour: Course::new(standing.at),
                is_gone: false,
            });
            let ask = || {
                looked += 1;
                (looked <= CAUSES_MAX).then(|| cause(id)).flatten()
            };
            track.step(id, standing, ask, &mut self.done);
            self.tracks.insert(id, track);
        }
        for (id, mut track) in others {
            if !track.is_gone {
                track.end(id, &mut self.done);
            }
            if Grain::Hour.start_of(track.last.at) == Grain::Hour.start_of(at) {
                self.tracks.insert(id, track);
            } else {
                self.done.extend(track.under_way(id));
            }
        }
    }

    /// The stretches that are over since it was last asked. Whoever folds a long log asks again and
    /// again, so that they do not gather.
    pub fn take_done(&mut self) -> Vec<(StretchKey, Stretch)> {
        std::mem::take(&mut self.done)
    }

    /// Everything to be kept now: what is over since it was last asked, and what is under way,
    /// which replaces what was kept of it before.
    pub fn hand_over(&mut self) -> Vec<(StretchKey, Stretch)> {
        let mut all = self.take_done();
        for (id, track) in &mut self.tracks {
            all.extend(track.under_way(*id));
            (track.minute.is_new, track.hour.is_new) = (false, false);
        }
        all
    }
}

impl Track {
    fn step(
        &mut self,
        id: CampaignId,
        now: Standing,
        ask: impl FnOnce() -> Option<CauseKind>,
        done: &mut Vec<(StretchKey, Stretch)>,
    ) {
        self.is_gone = false;
        let before = std::mem::replace(&mut self.last, now);
        let is_first = self.minute.rows.is_empty();
        if !is_first {
            self.minute.open.pass(&before, &now);
        }
        let begins = |grain: Grain| {
            is_first || floor(before.at, grain.step()) != floor(now.at, grain.step())
        };
        if !begins(Grain::Minute) {
            return;
        }
        let cause = ask();
        let ends_hour = begins(Grain::Hour);
        let mut minute = self.minute.open.clone();
        if now.plan.is_some() && !is_first {
            minute.blame(cause);
        }
        if self.minute.is_idle(Grain::Minute, &now, cause) && !ends_hour {
            self.minute.idle_until = now.at;
            return;
        }
        self.minute.open = minute;
        self.close(id, ends_hour, cause, done);
    }

    /// Ends what is under way with the last round that a table held it at.
    fn end(&mut self, id: CampaignId, done: &mut Vec<(StretchKey, Stretch)>) {
        self.is_gone = true;
        self.close(id, true, None, done);
    }

    /// Ends a minute here, and an hour where one ends, unless one just did.
    fn close(
        &mut self,
        id: CampaignId,
        ends_hour: bool,
        cause: Option<CauseKind>,
        done: &mut Vec<(StretchKey, Stretch)>,
    ) {
        let now = self.last;
        self.hour.open.merge(&self.minute.open);
        let mut close = |course: &mut Course, grain: Grain| {
            if course.rows.last().is_none_or(|row| row.standing.at < now.at) {
                let over = course.close(grain, &now, cause);
                done.extend(over.map(|(start, stretch)| ((grain, start, id), stretch)));
            }
        };
        close(&mut self.minute, Grain::Minute);
        if ends_hour {
            close(&mut self.hour, Grain::Hour);
        }
    }

    fn under_way(&self, id: CampaignId) -> impl Iterator<Item = (StretchKey, Stretch)> {
        let courses = [(Grain::Minute, &self.minute), (Grain::Hour, &self.hour)];
        courses.into_iter().filter_map(move |(grain, course)| {
            let start = grain.start_of(course.rows.first()?.standing.at);
            // Hours change by the hour alone, and what is gone not at all.
            let is_due = course.is_new || (grain == Grain::Minute && !self.is_gone);
            is_due.then(|| Some(((grain, start, id), course.stretch()?))).flatten()
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::Reason;
    use crate::table::EntryState;
    use crate::units::{Generation, Nanos, PacingMultiplier, ParticipationRate, Ppm, Span};

    fn standing(at: Timestamp, drawn: i64) -> Standing {
        Standing {
            at,
            generation: Generation::default(),
            state: EntryState::Run,
            multiplier: PacingMultiplier::ONE,
            participation: ParticipationRate::clamped(1.0),
            reason: Reason::Law,
            binding: None,
            tight: None,
            brake: Ppm::ONE,
            hand: None,
            plan: None,
            drawn: Nanos::from_units(drawn),
        }
    }

    fn minute(count: i64) -> Timestamp {
        Timestamp::MIN + Span::HOUR + Span::MINUTE.times(count)
    }

    #[test]
    fn a_bounded_number_of_causes_is_looked_for_at_a_row() {
        let mut recorder = Recorder::default();
        let asked = std::cell::Cell::new(0);
        let campaigns = 1..=u64::try_from(CAUSES_MAX + 7).unwrap();
        let all = campaigns.map(|key| (CampaignId::from_key(key), standing(minute(0), 0)));
        recorder.note(minute(0), all, |_| {
            asked.set(asked.get() + 1);
            Some(CauseKind::OnPlan)
        });
        assert_eq!(asked.get(), CAUSES_MAX);
        assert_eq!(recorder.hand_over().len(), 2 * (CAUSES_MAX + 7));
    }

    #[test]
    fn what_does_not_change_takes_a_row_a_stretch_and_what_is_gone_is_closed() {
        let mut recorder = Recorder::default();
        let id = CampaignId::from_key(1);
        for count in 0..30 {
            let told = std::iter::once((id, standing(minute(count), 0)));
            recorder.note(minute(count), told, |_| None);
        }
        recorder.note(minute(30), std::iter::empty(), |_| None);
        let handed = recorder.hand_over();
        let minutes = handed.iter().filter(|((grain, ..), _)| *grain == Grain::Minute);
        let told: Vec<_> = minutes.map(|(_, held)| (held.rows.len(), held.through)).collect();
        assert_eq!(told, [(1, minute(9)), (1, minute(19)), (2, minute(29))]);
        assert_eq!(recorder.hand_over(), [], "nothing is under way");
    }

    #[test]
    fn one_that_leaves_and_comes_back_loses_nothing_of_its_stretch() {
        let (mut recorder, id) = (Recorder::default(), CampaignId::from_key(1));
        let mut kept = BTreeMap::new();
        for count in 0..320 {
            // Away from 1:30 to 1:33 and, for good, from 3:20 on; a unit a minute.
            let is_away = (90..93).contains(&count) || count >= 200;
            let drawn = if count < 93 { count } else { count - 3 };
            let told = (!is_away).then(|| (id, standing(minute(count), drawn)));
            recorder.note(minute(count), told.into_iter(), |_| None);
            if count % 7 == 0 {
                kept.extend(recorder.hand_over());
            }
        }
        for grain in Grain::ALL {
            let rows = kept.iter().filter(|((own, ..), _)| *own == grain);
            let rows: Vec<_> = rows.flat_map(|(_, held)| held.rows.clone()).collect();
            let spent: i64 = rows.iter().map(|row| row.within.spent.get()).sum();
            assert_eq!(spent, Nanos::from_units(196).get(), "{grain:?}: all but the first round");
            assert!(rows.is_sorted_by_key(|row| row.standing.at));
        }
        assert!(recorder.tracks.is_empty(), "its stretch is over");
    }
}
