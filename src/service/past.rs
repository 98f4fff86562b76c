//! The past of a campaign, as it is kept in the store: from rows to bytes and back, and which rows
//! answer a question.
//!
//! Knows no loop and no message. Written by the scribe, asked by the admin service.

use crate::store::{KeptStretch, STRETCH_BYTES_MAX, Store, StoreError};
use paceline_core::past::record::StretchKey;
use paceline_core::past::tell::{Course, Period};
use paceline_core::past::{Grain, Row, SILENCE, Stretch};
use paceline_core::units::{CampaignId, PartitionId, Timestamp};
use std::sync::Arc;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// The first byte of a stretch; a change of the rows' shape takes the next one, and rows of another
/// are as if they were not kept.
const VERSION: u8 = 1;
/// Questions at once: each reads at most some hundred stretches, a megabyte, and people are few.
const QUESTIONS_MAX: usize = 4;

/// A bound on questions. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Questions(Arc<Semaphore>);

impl Questions {
    pub(crate) fn new() -> Self {
        Self(Arc::new(Semaphore::new(QUESTIONS_MAX)))
    }

    /// A place for one question, kept until it is answered; nothing when all are taken.
    pub(crate) fn place(&self) -> Option<OwnedSemaphorePermit> {
        Arc::clone(&self.0).try_acquire_owned().ok()
    }
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Untold {
    /// When a value breaks a rule.
    #[error("{field} {rule}")]
    Refused {
        /// Which of the question's.
        field: &'static str,
        /// What it says.
        value: Timestamp,
        /// What it must be.
        rule: String,
    },
    /// When the store cannot be read.
    #[error(transparent)]
    Store(#[from] StoreError),
}

fn refused(field: &'static str, value: Timestamp, rule: impl Into<String>) -> Untold {
    Untold::Refused { field, value, rule: rule.into() }
}

/// A campaign's moment, as it is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Moment {
    pub(crate) grain: Grain,
    pub(crate) row: Row,
    /// Nothing changed from the row's round until then, as far as is known.
    pub(crate) until: Timestamp,
}

/// A campaign's period, as it is kept: by hours where minutes are gone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Told {
    /// The coarsest it goes by.
    pub(crate) grain: Grain,
    pub(crate) period: Period,
}

/// A stretch as it is stored; nothing when it cannot be encoded.
pub(crate) fn stored((key, stretch): &(StretchKey, Stretch)) -> Option<KeptStretch> {
    let bytes = postcard::to_extend(stretch, vec![VERSION]).ok()?;
    let (grain, start, campaign) = *key;
    // Rows are few and bounded; one that is larger is not worth a checkpoint.
    (bytes.len() <= STRETCH_BYTES_MAX).then_some(KeptStretch { grain, start, campaign, bytes })
}

fn read(bytes: &[u8]) -> Option<Stretch> {
    let (&version, body) = bytes.split_first()?;
    (version == VERSION).then(|| postcard::from_bytes(body).ok()).flatten()
}

/// Whose past, and what time it is.
#[derive(Debug, Clone)]
pub(crate) struct Past<'a> {
    pub(crate) store: &'a Store,
    pub(crate) partition: PartitionId,
    pub(crate) campaign: CampaignId,
    pub(crate) now: Timestamp,
}

impl Past<'_> {
    async fn course(
        &self,
        grain: Grain,
        from: Timestamp,
        until: Timestamp,
    ) -> Result<Course, StoreError> {
        // A row at or before a moment may be the last of the stretch before.
        let from = (from - grain.stretch()).max(self.floor(grain)).min(until);
        let found = self.store.load_past(self.partition, self.campaign, (grain, from, until));
        Ok(Course::new(found.await?.iter().filter_map(|bytes| read(bytes)).collect()))
    }

    /// Rows that begin before this are no longer kept, or not for long.
    fn floor(&self, grain: Grain) -> Timestamp {
        Timestamp::MIN.max(self.now - grain.kept())
    }

    /// The first and the last moment that are kept of the campaign, with the finest rows of each.
    async fn kept(&self) -> Result<Option<(Timestamp, Timestamp)>, StoreError> {
        let mut all: Option<(Timestamp, Timestamp)> = None;
        for grain in Grain::ALL {
            let course = self.course(grain, self.floor(grain), self.now).await?;
            if let (Some(first), Some(last)) = (course.begins(), course.through()) {
                let (begins, ends) = all.unwrap_or((first, last));
                all = Some((begins.min(first), ends.max(last)));
            }
        }
        Ok(all)
    }

    /// The campaign as of the last round that is kept at or before a moment.
    pub(crate) async fn at(&self, at: Timestamp) -> Result<Moment, Untold> {
        self.not_ahead("at", at)?;
        // Where minutes are kept, hours say nothing that they do not.
        let grain = if at >= self.floor(Grain::Minute) { Grain::Minute } else { Grain::Hour };
        if at >= self.floor(grain) {
            let course = self.course(grain, at, at).await?;
            if let Some((row, until)) = course.at(at, grain) {
                return Ok(Moment { grain, row: row.clone(), until });
            }
        }
        Err(self.nothing("at", at).await?)
    }

    /// The campaign over a period.
    pub(crate) async fn over(&self, from: Timestamp, until: Timestamp) -> Result<Told, Untold> {
        self.not_ahead("from", from)?;
        if from >= until {
            return Err(refused("until", until, "must be after from"));
        }
        self.not_ahead("until", until)?;
        if from < self.floor(Grain::Hour) {
            let earliest = self.floor(Grain::Hour);
            let rule = format!("must be {} or later: hours are kept for 90 days", told(earliest));
            return Err(refused("from", from, rule));
        }
        let minutes = self.floor(Grain::Minute);
        let course = if from >= minutes {
            self.course(Grain::Minute, from, until).await?
        } else {
            // Hours up to the first whole hour of which all minutes are kept.
            let whole = Grain::Hour.step();
            let turn = minutes.as_micros().div_euclid(whole.as_micros()) + 2;
            let turn = Timestamp::from_micros(turn.saturating_mul(whole.as_micros()));
            let hours = self.course(Grain::Hour, from, until.min(turn)).await?;
            let finer = match until > turn {
                true => self.course(Grain::Minute, turn, until).await?,
                false => Course::default(),
            };
            hours.then(turn, finer)
        };
        let grain = if from >= minutes { Grain::Minute } else { Grain::Hour };
        if grain == Grain::Hour
            && course.over(from, until).is_none()
            && course.at(from, grain).is_some()
        {
            let rule = "must be in a later hour: so far back one round an hour is kept";
            return Err(refused("until", until, rule));
        }
        match course.over(from, until) {
            // What was asked begins before anything that is kept: that is said, not passed over.
            Some(period) if period.first.at <= from + grain.step() + SILENCE => {
                Ok(Told { grain, period })
            }
            _ => Err(self.nothing("from", from).await?),
        }
    }

    fn not_ahead(&self, field: &'static str, at: Timestamp) -> Result<(), Untold> {
        let rule = || format!("must not be after now, {}", told(self.now));
        if at > self.now { Err(refused(field, at, rule())) } else { Ok(()) }
    }

    /// Why nothing is kept of a moment.
    async fn nothing(&self, field: &'static str, at: Timestamp) -> Result<Untold, Untold> {
        let rule = match self.kept().await? {
            None => "nothing is kept of this campaign yet: its first rounds are written down with \
                     the next checkpoint"
                .to_owned(),
            Some((first, _)) if at < first => format!(
                "must be {} or later: the earliest that is kept of this campaign",
                told(first)
            ),
            Some((_, last)) if at > last => format!(
                "must be {} or earlier: later rounds are not written down yet, or the campaign \
                 is in no table any more",
                told(last)
            ),
            Some((first, last)) => format!(
                "must be a moment of which a round is kept: nobody decided then, or nothing was \
                 written down; what is kept of this campaign is from {} to {}",
                told(first),
                told(last)
            ),
        };
        Ok(refused(field, at, rule))
    }
}

/// A moment in RFC 3339.
pub(crate) fn told(at: Timestamp) -> String {
    let moment = jiff::Timestamp::from_microsecond(at.as_micros());
    moment.map_or_else(|_| at.as_micros().to_string(), |moment| moment.to_string())
}

#[cfg(test)]
mod tests;
