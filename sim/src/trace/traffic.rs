//! Traffic files: how many requests a slot of time had or is expected to have.
//!
//! Either a dated series (`ts_us`) or a cycle of numbered slots (`slot`). A slot that is absent is
//! unknown, not zero; what to do about it is the caller's affair. Called by scenarios and by
//! whoever makes traffic shapes.

use super::error::TraceError;
use super::label::{LABELS_MAX, Labels};
use super::source::{Column, Kind, Source};
use paceline_core::hash;
use paceline_core::units::{SegmentId, Span, Timestamp};
use std::collections::BTreeMap;
use std::path::Path;

/// How far the shares of a segment may sum from one: files round them to six digits.
const SHARE_TOLERANCE: f64 = 1e-3;

/// Which slot a row is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Slot {
    /// The slot that starts then.
    Dated(Timestamp),
    /// The slot of this number in its cycle.
    Numbered(u32),
}

/// One slot of one segment.
#[derive(Debug, Clone, PartialEq)]
pub struct TrafficRow {
    /// Which slot.
    pub slot: Slot,
    /// Its length, above zero.
    pub length: Span,
    /// Whose traffic.
    pub segment: SegmentId,
    /// Requests in the slot.
    pub requests: Option<u64>,
    /// Share of the cycle, 0 to 1.
    pub share: Option<f64>,
    /// Requests in its busiest second.
    pub peak_rps: Option<u64>,
    /// What `value` measures, where the series is not a count.
    pub metric: Option<String>,
    /// The measured value.
    pub value: Option<f64>,
}

const AT: usize = 0;
const SLOT: usize = 1;
const LENGTH: usize = 2;
const SEGMENT: usize = 3;
const REQUESTS: usize = 4;
const SHARE: usize = 5;
const PEAK: usize = 6;
const METRIC: usize = 7;
const VALUE: usize = 8;

/// The columns in the order of the constants above.
fn columns() -> Vec<Column> {
    vec![
        Column::optional("ts_us", Kind::Int),
        Column::optional("slot", Kind::Int),
        Column::required("slot_s", Kind::Int),
        Column::required("segment", Kind::Text),
        Column::optional("requests", Kind::Int),
        Column::optional("share", Kind::Float),
        Column::optional("peak_rps", Kind::Int),
        Column::optional("metric", Kind::Text),
        Column::optional("value", Kind::Float),
    ]
}

/// The most series remembered: segments by metrics.
const SERIES_MAX: usize = LABELS_MAX;

/// What is remembered of a series: a segment, or one metric of it.
#[derive(Default)]
struct Course {
    last: Timestamp,
    share_sum: Option<f64>,
}

/// Opens a traffic file.
///
/// # Errors
/// [`TraceError`] when the file cannot be read or lacks a required column.
pub fn open(path: &Path) -> Result<TrafficReader, TraceError> {
    Ok(TrafficReader {
        source: Source::open(path, columns())?,
        segments: Labels::default(),
        courses: BTreeMap::new(),
        is_over: false,
    })
}

/// Yields the rows of a traffic file in file order; after an error, nothing.
pub struct TrafficReader {
    source: Source,
    segments: Labels,
    /// By segment and metric, at most [`SERIES_MAX`].
    courses: BTreeMap<(SegmentId, u64), Course>,
    is_over: bool,
}

impl TrafficReader {
    /// Names of the segments met so far.
    #[must_use]
    pub fn segments(&self) -> &Labels {
        &self.segments
    }

    /// How many series read so far have shares that do not sum to one. Meaningful at the end.
    #[must_use]
    pub fn uneven_series(&self) -> usize {
        let sums = self.courses.values().filter_map(|course| course.share_sum);
        sums.filter(|sum| (sum - 1.0).abs() > SHARE_TOLERANCE).count()
    }

    fn read(&mut self) -> Result<Option<TrafficRow>, TraceError> {
        if !self.source.advance()? {
            return Ok(None);
        }
        let segment = self.source.demand(SEGMENT, self.source.text(SEGMENT)?)?;
        let segment = self
            .segments
            .intern(segment)
            .map(SegmentId::from_key)
            .map_err(|rule| self.source.refuse(SEGMENT, rule))?;
        let slot = self.slot()?;
        let share = self.source.share(SHARE)?;
        self.follow(segment, slot, share)?;
        Ok(Some(TrafficRow {
            slot,
            length: self.length()?,
            segment,
            requests: self.source.count(REQUESTS)?,
            share,
            peak_rps: self.source.count(PEAK)?,
            metric: self.source.text(METRIC)?.map(str::to_owned),
            value: self.source.float(VALUE)?,
        }))
    }

    /// Checks that the row's series goes forwards, and sums up its shares.
    fn follow(
        &mut self,
        segment: SegmentId,
        slot: Slot,
        share: Option<f64>,
    ) -> Result<(), TraceError> {
        let metric = self.source.text(METRIC)?.map_or(0, |name| hash::key(name.as_bytes()));
        let is_full = self.courses.len() == SERIES_MAX;
        if is_full && !self.courses.contains_key(&(segment, metric)) {
            let rule = "must not begin the 100001st series of its file";
            return Err(self.source.refuse(SEGMENT, rule));
        }
        let course = self.courses.entry((segment, metric)).or_default();
        if let Slot::Dated(at) = slot {
            if at < course.last {
                let rule = "must not be before an earlier row of its segment and metric";
                return Err(self.source.refuse(AT, rule));
            }
            course.last = at;
        }
        if let Some(share) = share {
            course.share_sum = Some(course.share_sum.unwrap_or(0.0) + share);
        }
        Ok(())
    }

    fn slot(&self) -> Result<Slot, TraceError> {
        if let Some(at) = self.source.time_if_any(AT)? {
            return Ok(Slot::Dated(at));
        }
        match self.source.int(SLOT)?.map(u32::try_from) {
            Some(Ok(slot)) => Ok(Slot::Numbered(slot)),
            Some(Err(_)) => Err(self.source.refuse(SLOT, "must be 0 to 4294967295")),
            None => Err(self.source.refuse(SLOT, "must not be empty where ts_us is")),
        }
    }

    fn length(&self) -> Result<Span, TraceError> {
        match self.source.needed_int(LENGTH)? {
            seconds @ 1..=2_147_483_647 => Ok(Span::from_secs(seconds)),
            _ => Err(self.source.refuse(LENGTH, "must be 1 to 2147483647 seconds")),
        }
    }
}

impl Iterator for TrafficReader {
    type Item = Result<TrafficRow, TraceError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.is_over {
            return None;
        }
        let item = self.read().transpose();
        self.is_over = !matches!(item, Some(Ok(_)));
        item
    }
}
