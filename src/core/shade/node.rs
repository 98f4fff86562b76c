//! One place in the hierarchy of segments: its evidence, its curve, its schedule, and the gates
//! between them.
//!
//! Evidence becomes a curve by [`super::estimate`], drawn towards the parent's; a curve becomes a
//! schedule only through the gates: it must foretell held-out outcomes no worse than the one in
//! force, be calibrated on them, and move bids no faster than is stated, unless little was known
//! before or a drift test holds. Knows one node at a time. Called by `shader`.

use super::curve::WinCurve;
use super::drift::Drift;
use super::estimate::{self, Prior, Scatter};
use super::evidence::{Evidence, OPEN, Row};
use super::number::{alike, length, real, weight};
use super::outcome::Sighting;
use super::record::{Gate, Record};
use super::schedule::{self, ShadingSchedule};
use super::shader::{ShaderConfig, ShaderCounts};
use super::surplus::{Envelope, Market};
use crate::units::{CpmMicros, SegmentId, Span, Timestamp};
use serde::{Deserialize, Serialize};

/// Every so many outcomes one is held out for the gates.
const HOLD_EVERY: u8 = 8;
/// Intervals held out at most; a refit comes long before.
const HELD_MAX: usize = 256;
/// Outcomes' worth without which a gate does not judge.
const HELD_LEAST: f64 = 12.0;
/// Loss in the logarithm, an outcome, by which a new curve may be worse on what was held out.
const LOSS_SLACK: f64 = 0.02;
/// By how much outcomes may lie off the middle, besides three deviations of chance.
const CALIBRATION: f64 = 0.05;
/// Auctions' worth of evidence, and rows, without which a node leaves it to its parent.
pub const EVIDENCE_LEAST: f64 = 24.0;
/// What the log-logistic at the root counts as.
const ROOT_WEIGHT: f64 = 12.0;
/// What a parent counts as at least, before its children were compared, and at most: on recorded
/// prices 200 to begin with cost three to four hundredths of the surplus, 8 to 20 made no odds.
const KIN_WEIGHT: (f64, f64, f64) = (8.0, 12.0, 2_000.0);
/// What a parent counts as while a drift holds.
const DRIFT_WEIGHT: f64 = 12.0;
/// Evidence kept at an alarm, in auctions.
const DRIFT_KEPT: f64 = 32.0;
/// Evidence that the faster forgetting leaves: with less, chance costs more than what is old.
const DRIFT_LEAST: f64 = 1_500.0;
/// Auctions' worth of evidence, and rows, after which a curve is sure enough for the drift test.
const TESTED_LEAST: f64 = 200.0;
/// Rows in the life of a node up to which it is learning, and bids move as they must.
const YOUNG: f32 = 2_000.0;
/// How much of what siblings said before is kept at each refit of one.
const KIN_FADE: f64 = 0.98;

/// How alike children are to their parent, over all that were refitted of late.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub(super) struct Kin {
    seen: f64,
    most: f64,
}

impl Kin {
    pub(super) fn add(&mut self, scatter: Scatter) {
        // One child with a lot of evidence says no more than it can of itself.
        let scale = 1.0 / (scatter.most / 500.0).max(1.0);
        self.seen = KIN_FADE * self.seen + scale * scatter.seen;
        self.most = KIN_FADE * self.most + scale * scatter.most;
    }

    /// The weight of a Dirichlet prior that would scatter children so: the method of moments.
    fn weight(self) -> f64 {
        if self.most < 200.0 {
            return KIN_WEIGHT.1;
        }
        let ratio = (self.seen / self.most).max(1e-6);
        (1.0 / ratio - 1.0).clamp(KIN_WEIGHT.0, KIN_WEIGHT.2)
    }
}

/// Where a node stands in the hierarchy, and whether it may make room.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(super) struct Stand {
    pub(super) parent: Option<u32>,
    /// What its path comes to.
    pub(super) key: u64,
    /// Levels above it.
    pub(super) depth: u8,
    pub(super) children: u32,
    /// Told as a segment.
    pub(super) segment: Option<SegmentId>,
    /// The time under which it is listed among those that may make room, while it has no children.
    pub(super) listed_at: Option<Timestamp>,
    /// Its number was another's before: readers may hold a schedule of that one.
    pub(super) is_successor: bool,
}

/// A node.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Node {
    pub(super) stand: Stand,
    /// What its children have in common.
    pub(super) kin: Kin,
    evidence: Evidence,
    held: Vec<Row>,
    until_held: u8,
    curve: Option<WinCurve>,
    schedule: Option<ShadingSchedule>,
    drift: Drift,
    drifts_until: Option<Timestamp>,
    faded_at: Timestamp,
    published_at: Timestamp,
    /// Rows since it was made: one that stands for many is one observation all the same.
    rows: u32,
    /// Rows since it was made, or since the last alarm.
    age: f32,
    /// Auctions' worth since the last refit.
    fresh: f32,
    pub(super) is_queued: bool,
    /// When the latest outcome came.
    pub(super) heard_at: Timestamp,
    /// Of an exchange: nothing has come for too long.
    pub(super) is_silent: bool,
    /// Prices have moved, and what is in force does not foretell them: until the next fit its
    /// schedule is nobody's.
    pub(super) is_withdrawn: bool,
    record: Record,
}

/// What came of a refit.
pub(super) struct Refit {
    /// For the parent.
    pub(super) scatter: Option<Scatter>,
    /// Whether the schedule is another now.
    pub(super) is_changed: bool,
}

impl Node {
    pub(super) fn new(stand: Stand, at: Timestamp) -> Self {
        Self {
            stand,
            kin: Kin::default(),
            evidence: Evidence::default(),
            held: Vec::new(),
            until_held: HOLD_EVERY,
            curve: None,
            schedule: None,
            drift: Drift::default(),
            drifts_until: None,
            faded_at: at,
            published_at: at,
            rows: 0,
            age: 0.0,
            fresh: 0.0,
            is_queued: false,
            heard_at: at,
            is_silent: false,
            is_withdrawn: false,
            record: Record::default(),
        }
    }

    pub(super) const fn record(&self) -> &Record {
        &self.record
    }

    pub(super) const fn rows(&self) -> u32 {
        self.rows
    }

    pub(super) const fn published_at(&self) -> Timestamp {
        self.published_at
    }

    pub(super) const fn drifts_until(&self) -> Option<Timestamp> {
        self.drifts_until
    }

    /// Whether too little came in for a curve.
    pub(super) fn is_scarce(&self) -> bool {
        (self.total() + length(self.held.len())).min(self.rows.into()) < EVIDENCE_LEAST
    }

    /// A bid that came back: what was its chance by the latest curve, and did it win?
    pub(super) fn foretold(&mut self, bid: i64, won: bool, times: f64) {
        if let Some(curve) = &self.curve {
            self.record.note(curve.upto(bid), won, times);
        }
    }

    pub(super) const fn curve(&self) -> Option<&WinCurve> {
        self.curve.as_ref()
    }

    pub(super) const fn schedule(&self) -> Option<&ShadingSchedule> {
        self.schedule.as_ref()
    }

    /// Whether its segments, and those below without one, may use its schedule.
    pub(super) const fn serves(&self) -> bool {
        self.schedule.is_some() && !self.is_withdrawn
    }

    pub(super) fn total(&self) -> f64 {
        self.evidence.total()
    }

    pub(super) fn told(&self) -> f64 {
        self.evidence.told()
    }

    pub(super) fn drifts(&self, now: Timestamp) -> bool {
        self.drifts_until.is_some_and(|until| now < until)
    }

    /// Takes an outcome in; true when it gave a drift alarm.
    pub(super) fn add(
        &mut self,
        (seen, is_told): (Sighting, bool),
        times: f64,
        at: Timestamp,
        config: &ShaderConfig,
    ) -> bool {
        let is_tested = self.evidence.total().min(self.rows.into()) >= TESTED_LEAST;
        let curve = self.curve.as_ref().filter(|_| is_tested);
        let is_alarm = curve.is_some_and(|curve| self.drift.is_alarm(curve, seen));
        if is_alarm {
            self.drifts_until = Some(at + config.drift_hold);
            self.evidence.fade(DRIFT_KEPT / self.evidence.total().max(DRIFT_KEPT));
            self.held.clear();
            self.age = 0.0;
            self.record.alarms = self.record.alarms.saturating_add(1);
            self.is_withdrawn = self.schedule.is_some();
        }
        if self.total() <= 0.0 && self.held.is_empty() {
            // Nothing could fade before there was anything.
            self.faded_at = self.faded_at.max(at);
        }
        self.heard_at = self.heard_at.max(at);
        self.fresh += weight(times);
        self.rows = self.rows.saturating_add(1);
        self.age += 1.0;
        self.until_held = self.until_held.saturating_sub(1);
        if self.until_held == 0 && self.held.len() < HELD_MAX {
            self.until_held = HOLD_EVERY;
            self.held.push(Row::new(self.evidence.interval(seen), seen, weight(times)));
            self.evidence.note(seen, is_told, times);
        } else {
            self.evidence.add(seen, is_told, times);
        }
        is_alarm
    }

    /// Whether enough is new to look again.
    pub(super) fn is_due(&self, config: &ShaderConfig) -> bool {
        let fresh = f64::from(self.fresh);
        fresh >= config.refit_least && fresh >= config.refit_share * self.total()
    }

    /// Fits, judges and publishes.
    pub(super) fn refit(
        &mut self,
        parent: Option<&Self>,
        now: Timestamp,
        config: &ShaderConfig,
        counts: &mut ShaderCounts,
    ) -> Refit {
        self.fresh = 0.0;
        self.fade(now, config);
        let nothing = Refit { scatter: None, is_changed: false };
        let above = parent.and_then(Self::curve);
        if self.is_scarce() || (parent.is_some() && above.is_none()) {
            return nothing;
        }
        let kin = parent.map_or(ROOT_WEIGHT, |parent| parent.kin.weight());
        let kin = if self.drifts(now) { kin.min(DRIFT_WEIGHT) } else { kin };
        let prior = Prior { parent: above, weight: kin };
        let Some(fit) = estimate::fit(&self.evidence, &prior, self.curve.as_ref()) else {
            self.admit_held();
            return nothing;
        };
        counts.refits += 1;
        let is_free = self.drifts(now) || self.age < YOUNG;
        let refused = if self.drifts(now) { None } else { self.refusal(&fit.curve, above, counts) };
        self.admit_held();
        let mut refit = Refit { scatter: fit.scatter, is_changed: false };
        if let Some(gate) = refused {
            self.record.gate = gate;
            return refit;
        }
        let curve = match &self.curve {
            Some(_) if is_free => {
                counts.motion_lifted += 1;
                self.record.gate = Gate::Lifted;
                fit.curve
            }
            Some(last) => {
                let share = self.share_allowed(&fit.curve, now, config);
                let is_bounded = share < 1.0;
                counts.motion_bounded += u64::from(is_bounded);
                self.record.gate = if is_bounded { Gate::Bounded } else { Gate::Passed };
                last.mixed(&fit.curve, share)
            }
            None => {
                self.record.gate = Gate::Lifted;
                fit.curve
            }
        };
        let known = parent.map_or(0.0, Self::total);
        refit.is_changed = self.publish(curve, known, now, config);
        counts.published += u64::from(refit.is_changed);
        refit
    }

    fn fade(&mut self, now: Timestamp, config: &ShaderConfig) {
        let half = if self.drifts(now) { config.drift_half_life } else { config.half_life };
        let lives = (now - self.faded_at).ratio_to(half).max(0.0);
        let kept = if self.drifts(now) { DRIFT_LEAST / self.total().max(DRIFT_LEAST) } else { 0.0 };
        self.evidence.fade(libm::exp2(-lives).max(kept));
        self.faded_at = self.faded_at.max(now);
    }

    fn admit_held(&mut self) {
        let held = std::mem::take(&mut self.held);
        self.evidence.absorb(&held);
    }

    /// Which gate what was held out shuts on a curve, if any.
    fn refusal(
        &self,
        curve: &WinCurve,
        above: Option<&WinCurve>,
        counts: &mut ShaderCounts,
    ) -> Option<Gate> {
        let total: f64 = self.held.iter().map(|row| f64::from(row.weight)).sum();
        let last = self.curve.as_ref().or(above)?;
        let squares: f64 = self.held.iter().map(|row| f64::from(row.weight * row.weight)).sum();
        let told = alike(total, squares);
        if told < HELD_LEAST {
            return None;
        }
        let ends = |curve: &WinCurve, row: &Row| {
            (curve.upto(row.low), if row.high == OPEN { 1.0 } else { curve.upto(row.high) })
        };
        let mean = |of: &dyn Fn(&Row) -> f64| {
            self.held.iter().map(|row| of(row) * f64::from(row.weight)).sum::<f64>() / total
        };
        let loss = |curve: &WinCurve| {
            mean(&|row| {
                let (low, high) = ends(curve, row);
                -libm::log((high - low).max(1e-6))
            })
        };
        // A curve of many cells scatters by chance; the slack grows with it as the sample shrinks.
        if loss(curve) > loss(last) + LOSS_SLACK + 1.0 / libm::sqrt(told) {
            counts.refused_loss += 1;
            return Some(Gate::Loss);
        }
        let middle = |curve: &WinCurve| {
            mean(&|row| {
                let (low, high) = ends(curve, row);
                f64::midpoint(low, high) - 0.5
            })
            .abs()
        };
        let off = middle(curve);
        // No reason to keep one that is further off.
        let is_off = off > CALIBRATION + 3.0 * 0.289 / libm::sqrt(told) && off > middle(last);
        counts.refused_calibration += u64::from(is_off);
        is_off.then_some(Gate::Calibration)
    }

    /// How much of a new curve may come in, for bids to move no faster than is stated.
    fn share_allowed(&self, curve: &WinCurve, now: Timestamp, config: &ShaderConfig) -> f64 {
        let Some(last) = &self.schedule else { return 1.0 };
        let market = market(curve, config);
        let next = ShadingSchedule::fit(&market, &Envelope::of(&market)).schedule;
        let level = schedule::ShadingLevel::Standard;
        let moves = next.knots().map(|(value, bid)| {
            let before = last.bid(level, value);
            libm::fabs(libm::log(real(bid.get().max(1)) / real(before.get().max(1))))
        });
        let motion = moves.sum::<f64>() / length(next.knots().count().max(1));
        let hours = (now - self.published_at).ratio_to(Span::HOUR).clamp(0.0, 1.0);
        let allowed = config.motion_per_hour * hours;
        if motion <= allowed { 1.0 } else { allowed / motion }
    }

    /// `known` is the parent's evidence: where that knows the market, a segment need not explore it
    /// all over again.
    fn publish(
        &mut self,
        curve: WinCurve,
        known: f64,
        now: Timestamp,
        config: &ShaderConfig,
    ) -> bool {
        let market = market(&curve, config);
        let schedule = ShadingSchedule::fit(&market, &Envelope::of(&market)).schedule;
        let (explored, unshaded) = schedule::costs(&market, &schedule);
        let untold = 1.0 - self.told();
        // What is left to learn first falls with what is known; CONTROL.md (47).
        let first = config.explore_first / self.total().max(known).max(1.0);
        let explore = untold * (config.explore_cost / explored.max(0.01) + first).min(0.5);
        let control = config.control_share.min(config.control_cost / unshaded.max(0.01));
        let schedule = schedule.with_shares(control, explore);
        let is_changed = self.schedule != Some(schedule);
        self.curve = Some(curve);
        self.schedule = Some(schedule);
        self.is_withdrawn = false;
        self.published_at = now;
        is_changed
    }
}

fn market<'a>(curve: &'a WinCurve, config: &ShaderConfig) -> Market<'a> {
    Market { curve, tie: config.tie, tick: config.tick.max(CpmMicros::new(1)) }
}
