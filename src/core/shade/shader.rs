//! The shader: outcomes in, schedules out, a bounded amount of work a step.
//!
//! Segments form a tree: the whole market, then up to four levels. Each outcome counts at every
//! level of its path; each node is refitted when enough is new, parents before children. What is
//! published is one schedule a node and, for each segment, whose it uses: its own, or that of the
//! nearest node above that has one. State is plain data. Knows no campaigns and no pacing. Called
//! by the engine and by the simulator's study.

mod config;
mod places;
mod told;

use super::curve::WinCurve;
use super::node::{Node, Stand};
use super::outcome::{Fault, Outcome, OutcomeBatch, SegmentPath};
use super::recency::Recency;
use super::schedule::ShadingSchedule;
use crate::units::{SegmentId, Span, Timestamp};
pub use config::{ShaderConfig, ShaderCounts};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
pub use told::{Portrait, SegmentLine, Source, Withheld};

/// Whose schedule: a node of the hierarchy; 0 is the whole market.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ScheduleId(u32);

impl ScheduleId {
    /// The whole market's: what a segment uses until a node nearer to it has one.
    pub const MARKET: Self = Self(0);
    /// None: the paced value is bid.
    pub const UNSHADED: Self = Self(u32::MAX);
    /// None, and the segment is not told of any more: readers forget it.
    pub const GONE: Self = Self(u32::MAX - 1);

    /// From the bare number.
    #[must_use]
    pub const fn new(number: u32) -> Self {
        Self(number)
    }

    /// The bare number.
    #[must_use]
    pub const fn get(self) -> u32 {
        self.0
    }
}

/// What changed in a step.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct ShadeDelta {
    /// New or changed schedules.
    pub schedules: Vec<(ScheduleId, ShadingSchedule)>,
    /// Segments that are new, or use another schedule now.
    pub segments: Vec<(SegmentId, ScheduleId)>,
}

/// What is known of a segment, for `explain` and reports.
#[derive(Debug, Clone, Copy)]
pub struct Landscape<'a> {
    /// Of the others' price.
    pub curve: Option<&'a WinCurve>,
    /// In force.
    pub schedule: &'a ShadingSchedule,
    /// Auctions' worth of evidence of its own.
    pub evidence: f64,
    /// Share of outcomes that told the minimum to win.
    pub told: f64,
    /// Whether a drift test holds.
    pub drifts: bool,
    /// Whether its schedule is withdrawn: nothing is told of its exchange any more.
    pub is_silent: bool,
}

/// Learns how to shade.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Shader {
    config: ShaderConfig,
    nodes: Vec<Node>,
    /// Nodes by what their path comes to.
    places: BTreeMap<u64, u32>,
    /// Segments, their node, and whose schedule was last said to be theirs.
    segments: BTreeMap<SegmentId, (u32, ScheduleId)>,
    /// Nodes to refit; each at most once, so as bounded as the nodes.
    queue: VecDeque<u32>,
    /// Segments that came since the last step; bounded by the segments.
    newcomers: Vec<SegmentId>,
    /// Segments that went since the last step, and numbers that are another's since; bounded by the
    /// outcomes of a step.
    departed: BTreeSet<SegmentId>,
    successors: BTreeSet<u32>,
    /// Nodes without children, by when they were heard of.
    order: Recency<u32>,
    /// What the whole market uses before anything is known.
    first: ShadingSchedule,
    /// What stands for a number whose node has no schedule yet: the paced value.
    plain: ShadingSchedule,
    is_first_told: bool,
    /// Silence was looked for up to here.
    hushed_at: Timestamp,
    /// An exchange is heard again, or a schedule withdrawn, and segments do not know yet.
    is_to_point: bool,
    counts: ShaderCounts,
}

impl Shader {
    /// One that knows nothing yet.
    #[must_use]
    pub fn new(config: ShaderConfig) -> Self {
        Self {
            config,
            nodes: vec![Node::new(Stand::default(), Timestamp::default())],
            places: BTreeMap::new(),
            segments: BTreeMap::new(),
            queue: VecDeque::new(),
            newcomers: Vec::new(),
            departed: BTreeSet::new(),
            successors: BTreeSet::new(),
            order: Recency::default(),
            first: first(&config),
            plain: ShadingSchedule::identity(config.tie, config.tick),
            is_first_told: false,
            hushed_at: Timestamp::default(),
            is_to_point: false,
            counts: ShaderCounts::default(),
        }
    }

    /// Goes on under another configuration. Where ties are judged otherwise, or prices go by other
    /// steps, every schedule is made anew.
    pub fn configure(&mut self, config: ShaderConfig) {
        let is_alike = (config.tie, config.tick) == (self.config.tie, self.config.tick);
        self.config = config;
        if is_alike {
            return;
        }
        self.first = first(&config);
        self.plain = ShadingSchedule::identity(config.tie, config.tick);
        self.is_first_told = false;
        for (node, place) in self.nodes.iter_mut().zip(0..) {
            if node.schedule().is_some() && !std::mem::replace(&mut node.is_queued, true) {
                self.queue.push_back(place);
            }
        }
    }

    /// Notes that an exchange still speaks, by a row that was not learnt from.
    pub fn hear(&mut self, at: Timestamp, path: &SegmentPath) {
        let node = path.segment().and_then(|segment| self.segments.get(&segment));
        let mut next = node.map(|(node, _)| *node);
        if let Some(leaf) = next {
            self.list(at, leaf);
        }
        while let Some(place) = next {
            let node = &mut self.nodes[index(place)];
            node.heard_at = node.heard_at.max(at);
            self.is_to_point |= std::mem::take(&mut node.is_silent);
            next = node.stand.parent;
        }
    }

    /// What was done so far.
    #[must_use]
    pub const fn counts(&self) -> &ShaderCounts {
        &self.counts
    }

    /// Nodes kept.
    #[must_use]
    pub fn nodes(&self) -> usize {
        self.nodes.len()
    }

    /// Segments told apart.
    #[must_use]
    pub fn segments(&self) -> usize {
        self.segments.len()
    }

    /// Takes outcomes in; what is wrong with any is counted, and it is left out.
    pub fn take(&mut self, at: Timestamp, batch: &OutcomeBatch) {
        for outcome in &batch.outcomes {
            // Counted either way.
            let _ = self.take_one(at, outcome);
        }
    }

    /// Takes one outcome in.
    ///
    /// # Errors
    /// What is wrong with it: then it is left out, and counted so.
    pub fn take_one(&mut self, at: Timestamp, outcome: &Outcome) -> Result<(), Fault> {
        let entered = self.enter(at, outcome);
        match entered {
            Ok(()) => self.counts.taken += u64::from(outcome.count),
            Err(fault) => self.leave_out(fault),
        }
        entered
    }

    /// Counts one that was left out before it came here.
    pub fn leave_out(&mut self, fault: Fault) {
        self.counts.left_out[fault.index()] += 1;
    }

    fn enter(&mut self, at: Timestamp, outcome: &Outcome) -> Result<(), Fault> {
        let seen = outcome.sighting(self.config.tie)?;
        let is_told = outcome.min_to_win.is_some() || matches!(seen, super::Sighting::Exact(_));
        let leaf = self.leaf(at, &outcome.path);
        let bid = outcome.reach(self.config.tie);
        let mut next = Some(leaf);
        while let Some(place) = next {
            let node = &mut self.nodes[index(place)];
            let times = f64::from(outcome.count);
            if let Some(bid) = bid {
                node.foretold(bid, outcome.won, times);
            }
            if node.add((seen, is_told), times, at, &self.config) {
                self.counts.alarms += 1;
                self.counts.withdrawn += u64::from(node.is_withdrawn);
                self.is_to_point = true;
            }
            self.is_to_point |= std::mem::take(&mut node.is_silent);
            if !node.is_queued && node.is_due(&self.config) {
                node.is_queued = true;
                self.queue.push_back(place);
            }
            next = node.stand.parent;
        }
        Ok(())
    }

    /// Refits what has enough that is new, the longest waiting first, and says what changed.
    pub fn step(&mut self, now: Timestamp) -> ShadeDelta {
        let count = self.queue.len().min(index(self.config.refits_max));
        let mut due: Vec<u32> = self.queue.drain(..count).collect();
        // Parents before children.
        due.sort_unstable_by_key(|&place| (self.nodes[index(place)].stand.depth, place));
        due.dedup();
        let mut delta = ShadeDelta::default();
        if !std::mem::replace(&mut self.is_first_told, true) {
            delta.schedules.push((ScheduleId::MARKET, self.first));
        }
        let mut has_begun = self.hush(now) | std::mem::take(&mut self.is_to_point);
        for place in std::mem::take(&mut self.successors) {
            // Whatever readers hold under this number is nobody's now.
            delta.schedules.push((ScheduleId(place), self.plain));
        }
        for place in due {
            let parent = self.nodes[index(place)].stand.parent;
            let (node, above) = match parent {
                None => (self.nodes.get_mut(index(place)), None),
                Some(parent) => match self.nodes.get_disjoint_mut([index(place), index(parent)]) {
                    Ok([node, above]) => (Some(node), Some(above)),
                    Err(_) => (None, None),
                },
            };
            let Some(node) = node else { continue };
            node.is_queued = false;
            has_begun |= !node.serves();
            let refit = node.refit(above.as_deref(), now, &self.config, &mut self.counts);
            if let (Some(above), Some(scatter)) = (above, refit.scatter) {
                above.kin.add(scatter);
            }
            if let Some(schedule) = node.schedule().filter(|_| refit.is_changed) {
                delta.schedules.retain(|(id, _)| id.get() != place);
                delta.schedules.push((ScheduleId(place), *schedule));
            }
        }
        self.point(has_begun, &mut delta);
        let gone = std::mem::take(&mut self.departed).into_iter();
        delta.segments.extend(gone.map(|segment| (segment, ScheduleId::GONE)));
        delta
    }

    /// Looks once a minute for exchanges that have fallen silent; whether one has.
    fn hush(&mut self, now: Timestamp) -> bool {
        if now - self.hushed_at < Span::MINUTE {
            return false;
        }
        self.hushed_at = now;
        let mut silenced = 0;
        for node in self.nodes.iter_mut().filter(|node| node.stand.parent == Some(0)) {
            let is_silent = now - node.heard_at > self.config.silence;
            silenced += u64::from(is_silent && !node.is_silent);
            node.is_silent |= is_silent;
        }
        self.counts.silenced += silenced;
        silenced > 0
    }

    /// All that was said so far, for whoever knows nothing yet.
    #[must_use]
    pub fn whole(&self) -> ShadeDelta {
        let own = self.nodes.iter().zip(0..).filter_map(|(node, place)| {
            let unknown = node.stand.is_successor.then_some(self.plain);
            Some((ScheduleId(place), node.schedule().copied().or(unknown)?))
        });
        let is_first = self.is_first_told && self.nodes[0].schedule().is_none();
        let first = is_first.then_some((ScheduleId::MARKET, self.first));
        let newcomers: BTreeSet<SegmentId> = self.newcomers.iter().copied().collect();
        let known = self.segments.iter().filter(|(id, _)| !newcomers.contains(id));
        ShadeDelta {
            schedules: first.into_iter().chain(own).collect(),
            segments: known.map(|(&segment, &(_, said))| (segment, said)).collect(),
        }
    }

    /// Says of segments whose schedule is theirs, where that is new. All are looked at only when a
    /// node published for the first time.
    fn point(&mut self, has_begun: bool, delta: &mut ShadeDelta) {
        let newcomers = std::mem::take(&mut self.newcomers);
        if has_begun {
            let mut moved = Vec::new();
            for (&segment, &(node, said)) in &self.segments {
                let owner = self.served(node);
                if owner != said {
                    moved.push((segment, owner));
                }
            }
            for &(segment, owner) in &moved {
                if let Some(entry) = self.segments.get_mut(&segment) {
                    entry.1 = owner;
                }
            }
            delta.segments = moved;
        }
        // Those that moved are in order, since the map is.
        let moved = delta.segments.len();
        for segment in newcomers {
            if delta.segments[..moved].binary_search_by_key(&segment, |one| one.0).is_err() {
                let node = self.segments.get(&segment).map_or(0, |entry| entry.0);
                let owner = self.served(node);
                if let Some(entry) = self.segments.get_mut(&segment) {
                    entry.1 = owner;
                }
                delta.segments.push((segment, owner));
            }
        }
    }

    /// Whose schedule a node's segments use; none while their exchange is silent, or where the only
    /// ones there are were withdrawn.
    fn served(&self, node: u32) -> ScheduleId {
        let owner = self.owner(node);
        let is_withdrawn = owner == ScheduleId::MARKET && self.nodes[0].is_withdrawn;
        if self.is_silent(node) || is_withdrawn { ScheduleId::UNSHADED } else { owner }
    }

    fn is_silent(&self, node: u32) -> bool {
        let mut next = Some(node);
        while let Some(place) = next {
            let node = &self.nodes[index(place)];
            if node.is_silent {
                return true;
            }
            next = node.stand.parent;
        }
        false
    }

    /// The nearest node from here up that has a schedule.
    fn owner(&self, node: u32) -> ScheduleId {
        let mut next = Some(node);
        while let Some(place) = next {
            let node = &self.nodes[index(place)];
            if node.serves() {
                return ScheduleId(place);
            }
            next = node.stand.parent;
        }
        ScheduleId::MARKET
    }

    /// The schedule of a segment, as it would be looked up now.
    #[must_use]
    pub fn schedule(&self, segment: SegmentId) -> &ShadingSchedule {
        self.in_force(self.segments.get(&segment).map_or(0, |entry| entry.0))
    }

    fn in_force(&self, node: u32) -> &ShadingSchedule {
        let owner = &self.nodes[index(self.owner(node).0)];
        if owner.is_withdrawn {
            return &self.plain;
        }
        owner.schedule().unwrap_or(&self.first)
    }

    /// What is known of a segment; nothing of one that no outcome told of, which is not shaded.
    #[must_use]
    pub fn landscape(&self, segment: SegmentId, now: Timestamp) -> Option<Landscape<'_>> {
        let (node, _) = *self.segments.get(&segment)?;
        let (own, owner) = (&self.nodes[index(node)], &self.nodes[index(self.owner(node).0)]);
        Some(Landscape {
            curve: owner.curve(),
            schedule: self.in_force(node),
            evidence: own.total(),
            told: own.told(),
            drifts: own.drifts(now),
            is_silent: self.is_silent(node),
        })
    }
}

/// What is used before anything is known: the paced value, and explorers below it.
fn first(config: &ShaderConfig) -> ShadingSchedule {
    ShadingSchedule::identity(config.tie, config.tick).with_shares(0.0, 0.9)
}

/// A node's number as a place.
const fn index(node: u32) -> usize {
    node as usize
}

#[cfg(test)]
mod tests;
