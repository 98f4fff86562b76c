//! What is known of segments, for people: lists of them, and one with all that was learnt.
//!
//! Copies that may leave the loop; making one costs what it holds and no more. Called by the
//! engine for pages and reports.

use super::super::curve::WinCurve;
use super::super::node::Node;
use super::super::record::{BINS, ChanceBin, Gate};
use super::super::schedule::ShadingSchedule;
use super::{ScheduleId, Shader, index};
use crate::units::{SegmentId, Timestamp};

/// Whose schedule a segment uses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    /// Its own.
    Own,
    /// That of a level so far above it, from 1 on.
    Above(u8),
    /// The whole market's.
    Market,
    /// None: the paced value is bid.
    Unshaded,
}

/// Why a segment has no schedule of its own in force.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Withheld {
    /// Nothing is told of its exchange any more.
    Silent,
    /// Prices have moved, and no fit has come in since.
    Alarm,
    /// What came in lately is worth less than [`EVIDENCE_LEAST`](crate::shade::EVIDENCE_LEAST)
    /// auctions, or came in fewer rows.
    Scarce,
    /// The level above has no curve yet to draw it towards.
    Parent,
    /// Its fit was refused: it foretold held-out outcomes worse than the curve above.
    Loss,
    /// Its fit was refused: it was off the middle of what was held out.
    Calibration,
    /// It waits for its turn to be fitted.
    Waits,
}

/// A line about a segment.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SegmentLine {
    /// Which.
    pub segment: SegmentId,
    /// Rows of outcomes since it is known.
    pub rows: u32,
    /// Auctions' worth of evidence, after fading.
    pub evidence: f64,
    /// Share of outcomes that told the minimum to win.
    pub told: f64,
    /// Whose schedule it uses.
    pub source: Source,
    /// Why not its own.
    pub withheld: Option<Withheld>,
    /// Drift alarms since it is known.
    pub alarms: u32,
    /// Until when the last of them holds, if it does.
    pub drifts_until: Option<Timestamp>,
    /// When the latest outcome came.
    pub heard_at: Timestamp,
}

/// All that is known of a segment.
#[derive(Debug, Clone, PartialEq)]
pub struct Portrait {
    /// What a list says of it.
    pub line: SegmentLine,
    /// Levels above it, the whole market not among them.
    pub depth: u8,
    /// Its own curve, or that of whoever's schedule it uses.
    pub curve: Option<WinCurve>,
    /// What is bid by: the paced value where [`SegmentLine::source`] is none.
    pub schedule: ShadingSchedule,
    /// When its own was published, if it has one.
    pub published_at: Option<Timestamp>,
    /// What the gates made of its latest fit.
    pub gate: Gate,
    /// Bids by their foretold chance to win, a tenth each.
    pub bins: [ChanceBin; BINS],
    /// Mean move of bids in the logarithm, an hour, at most.
    pub motion_per_hour: f64,
}

impl Shader {
    /// Lines about segments in the order of their keys, from one on, at most so many.
    #[must_use]
    pub fn lines(&self, from: SegmentId, most: usize, now: Timestamp) -> Vec<SegmentLine> {
        let listed = self.segments.range(from..).take(most);
        listed.map(|(&segment, &(node, _))| self.line(segment, node, now)).collect()
    }

    /// All that is known of a segment; nothing of one that no outcome told of.
    #[must_use]
    pub fn portrait(&self, segment: SegmentId, now: Timestamp) -> Option<Portrait> {
        let &(place, _) = self.segments.get(&segment)?;
        let own = &self.nodes[index(place)];
        let owner = &self.nodes[index(self.owner(place).get())];
        let is_unshaded = self.served(place) == ScheduleId::UNSHADED;
        Some(Portrait {
            line: self.line(segment, place, now),
            depth: own.stand.depth.saturating_sub(1),
            curve: owner.curve().cloned(),
            schedule: if is_unshaded { self.plain } else { *self.in_force(place) },
            published_at: own.schedule().map(|_| own.published_at()),
            gate: own.record().gate,
            bins: own.record().bins(),
            motion_per_hour: self.config.motion_per_hour,
        })
    }

    fn line(&self, segment: SegmentId, place: u32, now: Timestamp) -> SegmentLine {
        let node = &self.nodes[index(place)];
        let source = self.source(place);
        SegmentLine {
            segment,
            rows: node.rows(),
            evidence: node.total(),
            told: node.told(),
            source,
            withheld: (source != Source::Own).then(|| self.withheld(place, node)),
            alarms: node.record().alarms,
            drifts_until: node.drifts_until().filter(|until| now < *until),
            heard_at: node.heard_at,
        }
    }

    fn source(&self, place: u32) -> Source {
        let owner = self.served(place);
        if owner == ScheduleId::UNSHADED {
            return Source::Unshaded;
        }
        let (own, above) = (&self.nodes[index(place)], &self.nodes[index(owner.get())]);
        match own.stand.depth.saturating_sub(above.stand.depth) {
            _ if owner == ScheduleId::MARKET => Source::Market,
            0 => Source::Own,
            levels => Source::Above(levels),
        }
    }

    fn withheld(&self, place: u32, node: &Node) -> Withheld {
        let above = node.stand.parent.map(|parent| &self.nodes[index(parent)]);
        if self.is_silent(place) {
            Withheld::Silent
        } else if node.is_withdrawn {
            Withheld::Alarm
        } else if node.is_scarce() {
            Withheld::Scarce
        } else if above.is_some_and(|above| above.curve().is_none()) {
            Withheld::Parent
        } else {
            match node.record().gate {
                Gate::Loss => Withheld::Loss,
                Gate::Calibration => Withheld::Calibration,
                Gate::None | Gate::Lifted | Gate::Passed | Gate::Bounded => Withheld::Waits,
            }
        }
    }
}
