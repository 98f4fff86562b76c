//! The shader: outcomes in, schedules out, a bounded amount of work a step.
//!
//! Segments form a tree: the whole market, then up to four levels. Each outcome counts at every
//! level of its path; each node is refitted when enough is new, parents before children. What is
//! published is one schedule a node and, for each segment, whose it uses: its own, or that of the
//! nearest node above that has one. State is plain data. Knows no campaigns and no pacing. Called
//! by the engine and by the simulator's study.

use super::curve::WinCurve;
use super::node::Node;
use super::outcome::{Fault, Outcome, OutcomeBatch, SegmentPath, TieRule};
use super::schedule::ShadingSchedule;
use crate::hash::mix;
use crate::units::{CpmMicros, SegmentId, Span, Timestamp};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet, VecDeque};

/// What a shader is told; each default's reason stands in CONTROL.md.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct ShaderConfig {
    /// What a tie does.
    pub tie: TieRule,
    /// The least by which one bid is above another; at least one micro.
    pub tick: CpmMicros,
    /// After so long an outcome counts half; above zero.
    pub half_life: Span,
    /// The same while a drift test holds; above zero.
    pub drift_half_life: Span,
    /// How long an alarm holds.
    pub drift_hold: Span,
    /// An exchange of which nothing was told for longer than this is not shaded.
    pub silence: Span,
    /// Segments, and levels above them, kept at most.
    pub nodes_max: u32,
    /// Refits a step, at most.
    pub refits_max: u32,
    /// Outcomes without which a node is not refitted.
    pub refit_least: f64,
    /// The same, as a share of its evidence.
    pub refit_share: f64,
    /// Mean move of bids in the logarithm, an hour, at most.
    pub motion_per_hour: f64,
    /// Auctions left unshaded, as a share, at most.
    pub control_share: f64,
    /// What those may cost, as a share of what is spent.
    pub control_cost: f64,
    /// What exploring may cost, as a share of the surplus, where no outcome tells its price.
    pub explore_cost: f64,
    /// Outcomes' worth of exploring at first: a node of that much evidence explores all the time,
    /// one of ten times that a tenth.
    pub explore_first: f64,
}

impl Default for ShaderConfig {
    fn default() -> Self {
        Self {
            tie: TieRule::Win,
            tick: CpmMicros::new(1),
            half_life: Span::from_mins(48 * 60),
            drift_half_life: Span::from_mins(20),
            drift_hold: Span::from_mins(60),
            silence: Span::from_mins(30),
            nodes_max: 120_000,
            refits_max: 400,
            refit_least: 8.0,
            refit_share: 0.03,
            motion_per_hour: 0.1,
            control_share: 0.01,
            control_cost: 0.02,
            explore_cost: 0.003,
            explore_first: 25.0,
        }
    }
}

/// What was done so far; for metrics and reports.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct ShaderCounts {
    /// Outcomes taken in.
    pub taken: u64,
    /// Left out, in the order of [`Fault::ALL`].
    pub left_out: [u64; Fault::ALL.len()],
    /// Curves fitted.
    pub refits: u64,
    /// Schedules published.
    pub published: u64,
    /// Fits that foretold held-out outcomes worse than the curve in force.
    pub refused_loss: u64,
    /// Fits that were off the middle of what was held out.
    pub refused_calibration: u64,
    /// Fits that came in only in part, to bound the motion of bids.
    pub motion_bounded: u64,
    /// Fits that came in whole while little was known before or a drift test held.
    pub motion_lifted: u64,
    /// Drift alarms.
    pub alarms: u64,
    /// Outcomes of segments beyond those that are kept: the nearest above learnt from them.
    pub no_room: u64,
    /// Exchanges whose schedules were withdrawn for silence.
    pub silenced: u64,
}

/// Whose schedule: a node of the hierarchy; 0 is the whole market.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ScheduleId(u32);

impl ScheduleId {
    /// The whole market's: what a segment uses until a node nearer to it has one.
    pub const MARKET: Self = Self(0);
    /// None: the paced value is bid.
    pub const UNSHADED: Self = Self(u32::MAX);

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
    /// What the whole market uses before anything is known.
    first: ShadingSchedule,
    is_first_told: bool,
    /// Silence was looked for up to here.
    hushed_at: Timestamp,
    /// An exchange is heard again, and its segments do not know yet.
    is_heard_again: bool,
    counts: ShaderCounts,
}

impl Shader {
    /// One that knows nothing yet.
    #[must_use]
    pub fn new(config: ShaderConfig) -> Self {
        Self {
            config,
            nodes: vec![Node::new(None, Timestamp::default())],
            places: BTreeMap::new(),
            segments: BTreeMap::new(),
            queue: VecDeque::new(),
            newcomers: Vec::new(),
            first: first(&config),
            is_first_told: false,
            hushed_at: Timestamp::default(),
            is_heard_again: false,
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
        while let Some(place) = next {
            let node = &mut self.nodes[index(place)];
            node.heard_at = node.heard_at.max(at);
            self.is_heard_again |= std::mem::take(&mut node.is_silent);
            next = node.parent;
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
        let mut next = Some(leaf);
        while let Some(place) = next {
            let node = &mut self.nodes[index(place)];
            let times = f64::from(outcome.count);
            self.counts.alarms += u64::from(node.add((seen, is_told), times, at, &self.config));
            self.is_heard_again |= std::mem::take(&mut node.is_silent);
            if !node.is_queued && node.is_due(&self.config) {
                node.is_queued = true;
                self.queue.push_back(place);
            }
            next = node.parent;
        }
        Ok(())
    }

    /// The node of a path, made with those above it where it is new; the nearest above it when
    /// there are as many as are kept. Keys of whole paths' last levels are unique: they name
    /// segments.
    fn leaf(&mut self, at: Timestamp, path: &SegmentPath) -> u32 {
        let (mut node, mut key) = (0, 0x7368_6164_6572_0000);
        for &level in path.levels() {
            key = mix(key ^ mix(level));
            node = match self.places.get(&key) {
                Some(&known) => known,
                None => {
                    let next = u32::try_from(self.nodes.len()).unwrap_or(u32::MAX);
                    if next >= self.config.nodes_max {
                        // Its parents learn from it all the same.
                        self.counts.no_room += 1;
                        return node;
                    }
                    self.nodes.push(Node::new(Some(node), at));
                    self.places.insert(key, next);
                    next
                }
            };
        }
        if let Some(segment) = path.segment() {
            self.segments.entry(segment).or_insert_with(|| {
                self.newcomers.push(segment);
                (node, ScheduleId::MARKET)
            });
        }
        node
    }

    /// Refits what has enough that is new, the longest waiting first, and says what changed.
    pub fn step(&mut self, now: Timestamp) -> ShadeDelta {
        let count = self.queue.len().min(index(self.config.refits_max));
        let mut due: Vec<u32> = self.queue.drain(..count).collect();
        // A node is always made after its parent.
        due.sort_unstable();
        let mut delta = ShadeDelta::default();
        if !std::mem::replace(&mut self.is_first_told, true) {
            delta.schedules.push((ScheduleId::MARKET, self.first));
        }
        let mut has_begun = self.hush(now) | std::mem::take(&mut self.is_heard_again);
        for place in due {
            let parent = self.nodes[index(place)].parent;
            let (above, below) = self.nodes.split_at_mut(index(place));
            let Some(node) = below.first_mut() else { continue };
            node.is_queued = false;
            has_begun |= node.schedule().is_none();
            let above = parent.and_then(|parent| above.get_mut(index(parent)));
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
        delta
    }

    /// Looks once a minute for exchanges that have fallen silent; whether one has.
    fn hush(&mut self, now: Timestamp) -> bool {
        if now - self.hushed_at < Span::MINUTE {
            return false;
        }
        self.hushed_at = now;
        let mut silenced = 0;
        for node in self.nodes.iter_mut().filter(|node| node.parent == Some(0)) {
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
        let own = self
            .nodes
            .iter()
            .zip(0..)
            .filter_map(|(node, place)| Some((ScheduleId(place), *node.schedule()?)));
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

    /// Whose schedule a node's segments use; none while their exchange is silent.
    fn served(&self, node: u32) -> ScheduleId {
        if self.is_silent(node) { ScheduleId::UNSHADED } else { self.owner(node) }
    }

    fn is_silent(&self, node: u32) -> bool {
        let mut next = Some(node);
        while let Some(place) = next {
            let node = &self.nodes[index(place)];
            if node.is_silent {
                return true;
            }
            next = node.parent;
        }
        false
    }

    /// The nearest node from here up that has a schedule.
    fn owner(&self, node: u32) -> ScheduleId {
        let mut next = Some(node);
        while let Some(place) = next {
            let node = &self.nodes[index(place)];
            if node.schedule().is_some() {
                return ScheduleId(place);
            }
            next = node.parent;
        }
        ScheduleId::MARKET
    }

    /// The schedule of a segment, as it would be looked up now.
    #[must_use]
    pub fn schedule(&self, segment: SegmentId) -> &ShadingSchedule {
        let node = self.segments.get(&segment).map_or(0, |entry| entry.0);
        let owner = index(self.owner(node).0);
        self.nodes[owner].schedule().unwrap_or(&self.first)
    }

    /// What is known of a segment; nothing of one that no outcome told of, which is not shaded.
    #[must_use]
    pub fn landscape(&self, segment: SegmentId, now: Timestamp) -> Option<Landscape<'_>> {
        let (node, _) = *self.segments.get(&segment)?;
        let (own, owner) = (&self.nodes[index(node)], &self.nodes[index(self.owner(node).0)]);
        Some(Landscape {
            curve: owner.curve(),
            schedule: owner.schedule().unwrap_or(&self.first),
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
