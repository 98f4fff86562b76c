//! One campaign: the least of its owners, hands over that, guard above all: its entry.
//!
//! Called by the engine once a tick, after every owner's law was stepped.

use crate::campaign::{
    CampaignSpec, CampaignStatus, DeliveryMode, LawChoice, ReturnTarget, ShadingTerms,
};
use crate::engine::breakers::hold_back;
use crate::engine::hands::{is_fixed, lay_hands};
use crate::engine::outcomes::Relief;
use crate::engine::returns::{Ceiling, Returns};
use crate::engine::watch::{Dark, Heard};
use crate::event::OpportunityCount;
use crate::hash;
use crate::ledger::{Posted, Slot};
use crate::overrides::Hands;
use crate::pace::filter::RecentMax;
use crate::pace::{PacingSignal, limit};
use crate::report::{Reason, ReturnExplanation};
use crate::response::{Counts, Response};
use crate::safe::SafeHistory;
use crate::table::{EntryShading, EntryState, TableEntry};
use crate::units::{
    ArmId, CampaignId, CpmMicros, Nanos, PacingMultiplier, ParticipationRate, Ppm, Results, Span,
    Timestamp, Window,
};
use serde::{Deserialize, Serialize};

/// The dearest recent win is remembered for one to two of these.
const EVENT_MEMORY: Span = Span::HOUR;

/// A safe multiplier whose logarithm moved less than this is no news, whatever its roundings: news
/// is a move of a tenth.
const SAFE_MOVE_MIN: f64 = 0.05;
/// A logarithm below this is that of a multiplier that no maximum of one or more cuts, and that
/// does not round to one.
const UNCUT: f64 = -0.001;
/// What is served so soon after an order ended may be on it: a lease, and the way of a report.
const ORDER_SETTLE: Span = Span::MINUTE;

/// What one of a campaign's owners says.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct OwnerSignal {
    pub slot: Slot,
    pub x: f64,
    pub multiplier: f64,
    pub participation: f64,
    pub brake: f64,
    pub breaker: f64,
    /// Of the campaign's own: what its minimum asks for.
    pub minimum: Option<PacingSignal>,
    /// A minimum holds it up.
    pub is_lifted: bool,
}

impl OwnerSignal {
    /// At least what a minimum asks for.
    pub(super) fn lift(&mut self, minimum: &PacingSignal) {
        if self.x < minimum.x {
            self.x = minimum.x;
            self.multiplier = minimum.multiplier;
            self.participation = minimum.participation;
            self.is_lifted = true;
        }
    }
}

/// Where a campaign stands with the world, beside its owners.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Standing {
    pub now: Timestamp,
    /// It may deliver at this hour.
    pub is_open: bool,
    /// A budget cannot afford one more event.
    pub is_exhausted: bool,
    /// Spend unseen for too long.
    pub is_blind: bool,
    /// Its counter went back.
    pub has_counter_fault: bool,
    /// An owner is set aside.
    pub is_quarantined: bool,
    /// What the breakers of its account and of the fleet let through.
    pub breaker: f64,
    /// The most its return target allows.
    pub ceiling: Option<Ceiling>,
    /// A change smaller than this is not published.
    pub threshold: f64,
    /// Schedules speak of its currency.
    pub may_shade: bool,
}

/// One campaign's column.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct CampaignState {
    pub entered: Entered,
    pub history: SafeHistory,
    /// Expected cost of recent wins.
    pub event_cost: RecentMax,
    /// As published; absent before its first round.
    pub entry: Option<TableEntry>,
    pub reason: Reason,
    /// A person fixed or froze it, whatever else binds.
    pub is_fixed: bool,
    /// What is served before is on a person's order, or meant to go as fast as it can.
    pub ordered_through: Timestamp,
    /// Its participation as it would be, while a brake or a breaker cuts it.
    uncut: Option<ParticipationRate>,
    /// Its counter last grew at this read; absent before.
    pub counted_to: Option<Timestamp>,
    /// The owner that binds.
    pub binding: Option<Slot>,
    /// ln of what is applied, for tracking.
    pub applied_x: f64,
    /// ln of the safe multiplier that is published; absent where a maximum cut it. Spares the
    /// exponential in most rounds.
    safe_x: Option<f64>,
    /// Absent without a return target.
    pub returns: Option<Box<Returns>>,
    /// What its bids came to; absent before the first count and the first cost.
    pub response: Option<Box<Response>>,
    /// How much of its shade it gives up.
    relief: Relief,
    /// What was heard of it since the last round.
    pub heard: Heard,
    /// Present while it bids nothing and nothing says why.
    pub dark: Option<Box<Dark>>,
    #[serde(skip)]
    flight: LastFlight,
}

/// A specification, apart, and what every round asks of it, at hand. Only the specification is
/// written down.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(from = "CampaignSpec", into = "CampaignSpec")]
pub(super) struct Entered {
    pub spec: Box<CampaignSpec>,
    pub terms: Terms,
}

impl From<CampaignSpec> for Entered {
    fn from(spec: CampaignSpec) -> Self {
        Self { terms: Terms::of(&spec), spec: Box::new(spec) }
    }
}

impl From<Entered> for CampaignSpec {
    fn from(entered: Entered) -> Self {
        *entered.spec
    }
}

/// What every round asks of a specification.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Terms {
    pub id: CampaignId,
    value_cap: Option<CpmMicros>,
    multiplier_max: PacingMultiplier,
    pub shading: ShadingTerms,
    /// It spends as fast as possible.
    is_asap: bool,
    pub status: CampaignStatus,
}

impl Terms {
    const fn of(spec: &CampaignSpec) -> Self {
        let &CampaignSpec { id, value_cap, multiplier_max, shading, status, .. } = spec;
        let is_asap =
            matches!(spec.delivery, DeliveryMode::Asap) || matches!(spec.law, LawChoice::Asap);
        Self { id, value_cap, multiplier_max, shading, is_asap, status }
    }
}

/// The flight of the last round, kept at hand. It follows from the specification and is not written
/// down: two campaigns never differ by it.
#[derive(Debug, Clone, Copy, Default)]
struct LastFlight(Option<Window>);

impl LastFlight {
    fn holds(&self, now: Timestamp) -> bool {
        self.0.is_some_and(|window| window.contains(now))
    }
}

impl PartialEq for LastFlight {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl CampaignState {
    pub(super) fn new(now: Timestamp, spec: CampaignSpec) -> Self {
        Self {
            returns: spec.returns.map(|_| Box::default()),
            entered: spec.into(),
            history: SafeHistory::new(now),
            event_cost: RecentMax::default(),
            entry: None,
            reason: Reason::OutsideFlight,
            is_fixed: false,
            ordered_through: Timestamp::MIN,
            uncut: None,
            counted_to: None,
            binding: None,
            applied_x: 0.0,
            safe_x: None,
            response: None,
            relief: Relief::default(),
            heard: Heard::default(),
            dark: None,
            flight: LastFlight::default(),
        }
    }

    /// A win or billing of this expected cost came.
    pub(super) fn note_cost(&mut self, now: Timestamp, planned_rate: f64, cost: Nanos) {
        self.event_cost.step(now, EVENT_MEMORY, cost);
        self.note_growth(now, planned_rate, cost);
    }

    /// Money came, of a counter by nobody knows how many events.
    pub(super) fn note_growth(&mut self, now: Timestamp, planned_rate: f64, growth: Nanos) {
        self.heard.has_cost = true;
        let x = self.level().map(|(x, _)| x);
        self.response_mut(now).note_spend(now, planned_rate, x, growth);
    }

    /// A bidder told what it was asked.
    pub(super) fn note_counts(
        &mut self,
        now: Timestamp,
        planned_rate: f64,
        count: &OpportunityCount,
    ) {
        let [asks, bids, below_floor, wins] =
            [count.asks, count.bids, count.below_floor, count.wins].map(real);
        self.heard.note(count);
        let level = self.level();
        let counts = Counts { asks, bids, below_floor, wins };
        self.response_mut(now).note_counts(now, planned_rate, level, counts);
    }

    fn response_mut(&mut self, now: Timestamp) -> &mut Response {
        self.response.get_or_insert_with(|| Box::new(Response::new(now)))
    }

    /// ln(multiplier) and participation as published; nothing while no bids are to be made.
    pub(super) fn level(&self) -> Option<(f64, f64)> {
        let entry = self.entry?;
        let is_on = matches!(entry.state, EntryState::Run | EntryState::Safe);
        let is_heard = is_on && entry.multiplier > PacingMultiplier::ZERO;
        let x = || libm::log(entry.multiplier.ppm().as_f64());
        is_heard.then(|| (x(), entry.participation.ppm().as_f64()))
    }

    /// A win, or a billing without one, was posted; it is expected to bring these results.
    pub(super) fn note_win(&mut self, posted: &Posted, expected: Results) {
        if let (Some(returns), Some(target)) = (&mut self.returns, self.entered.spec.returns) {
            returns.note(target, posted, expected);
        }
    }

    /// Where it stands with its return target, if it has one.
    pub(super) fn explain_returns(&self) -> Option<ReturnExplanation> {
        Some(self.returns.as_ref()?.explain(self.entered.spec.returns?))
    }

    /// Whether what it spends is on a person's order, or meant to go as fast as it can.
    pub(super) fn is_ordered(&self) -> bool {
        self.is_fixed || self.entered.terms.is_asap
    }

    /// Takes an edited specification.
    pub(super) fn edit(&mut self, spec: CampaignSpec) {
        // A target of the same kind goes on with what was won under the last one.
        let kind = |target: Option<ReturnTarget>| target.map(|target| target.as_str());
        if kind(self.entered.spec.returns) != kind(spec.returns) {
            self.returns = spec.returns.map(|_| Box::default());
        }
        self.entered = spec.into();
        self.flight = LastFlight::default();
    }

    /// Whether it may deliver at `now`, hands aside.
    pub(super) fn is_on(&self, now: Timestamp) -> bool {
        let in_flight = || self.flight.holds(now) || self.entered.spec.flight_at(now).is_some();
        self.entered.terms.status == CampaignStatus::Active && in_flight()
    }

    /// Looks for the flight that holds `now`, unless the last one does.
    fn find_flight(&mut self, now: Timestamp) {
        if !self.flight.holds(now) {
            let flight = self.entered.spec.flight_at(now);
            self.flight = LastFlight(flight.map(|flight| flight.window));
        }
    }

    /// Decides the entry. Returns it when it differs enough from what is published.
    pub(super) fn resolve(
        &mut self,
        signals: &[OwnerSignal],
        hands: &Hands<'_>,
        standing: &Standing,
    ) -> Option<TableEntry> {
        self.find_flight(standing.now);
        let Terms { id, value_cap, multiplier_max: max, .. } = self.entered.terms;
        let least = signals.iter().min_by(|a, b| a.x.total_cmp(&b.x));
        self.binding = least.map(|signal| signal.slot);
        let lowest = |most: f64, of: fn(&OwnerSignal) -> f64, ceiling: Option<f64>| {
            signals.iter().map(of).chain(ceiling).fold(most, f64::min)
        };
        let ceiling = standing.ceiling;
        let full = max.ppm().as_f64();
        let law_multiplier = lowest(full, |s| s.multiplier, ceiling.map(|one| one.multiplier));
        let law_participation =
            lowest(1.0, |s| s.participation, ceiling.map(|one| one.participation));
        let mut reason = if least.is_some() { Reason::Law } else { Reason::Unbounded };
        if least.is_some_and(|least| least.is_lifted) {
            reason = Reason::Minimum;
        }
        let most = least.map_or_else(|| limit::x_max(max), |least| least.x);
        let returned = ceiling.filter(|ceiling| ceiling.x < most);
        if returned.is_some() {
            reason = Reason::Returns;
        }
        let mut multiplier = PacingMultiplier::clamped(law_multiplier, max);
        let mut participation = ParticipationRate::clamped(law_participation);
        let before = (self.entry, self.note_order(hands, standing.now));
        lay_hands(hands, before, max, &mut multiplier, &mut participation, &mut reason);
        let threshold = self.dead_band(reason, standing.threshold);
        // Under no hand the law's own logarithm is what is applied, to the rounding of a millionth.
        self.applied_x = match (least, returned) {
            (Some(signal), _) if matches!(reason, Reason::Law | Reason::Minimum) => signal.x,
            (_, Some(ceiling)) if reason == Reason::Returns => ceiling.x,
            _ => limit::x_of(multiplier, participation),
        };
        let own = participation;
        hold_back(signals, standing, self.is_fixed, &mut participation, &mut reason);
        self.uncut = (participation < own).then_some(own);
        let state = self.state(hands, standing, &mut reason);
        // A new one begins with what its law starts with, in silence as well; where an owner is set
        // aside there is no such thing. What a hand does is no experience of the market.
        let is_new = self.history.x().is_none() && !standing.is_quarantined;
        let is_lesson = state == EntryState::Run && !hands.is_held();
        if is_lesson || (is_new && matches!(state, EntryState::Run | EntryState::Safe)) {
            self.history.note(standing.now, self.applied_x.max(limit::LN_MULTIPLIER_MIN));
        }
        if state == EntryState::Safe {
            multiplier = multiplier.min(self.history.multiplier(max));
        }
        self.reason = reason;
        let published = self.entry.map(|entry| entry.safe_multiplier);
        let is_held_back = participation < ParticipationRate::ONE;
        let shading = self.shading(hands, standing, state, (multiplier, max), is_held_back);
        let mut entry = TableEntry {
            campaign: id,
            arm: ArmId(0),
            state,
            multiplier,
            participation,
            safe_multiplier: published.unwrap_or(PacingMultiplier::ZERO),
            value_cap,
            shading,
            salt: hash::mix(id.key()),
        };
        let safe_x = self.history.x().filter(|&x| x < UNCUT && max >= PacingMultiplier::ONE);
        if self.is_safe_near(safe_x) && !self.is_news(&entry, threshold) {
            return None;
        }
        entry.safe_multiplier = self.history.multiplier(max);
        self.is_news(&entry, threshold).then(|| {
            let entry = self.steadied(entry, threshold);
            self.entry = Some(entry);
            self.safe_x = safe_x;
            entry
        })
    }

    /// Whether it is on an order from now on; the participation that a hand keeps.
    fn note_order(&mut self, hands: &Hands<'_>, now: Timestamp) -> Option<ParticipationRate> {
        self.is_fixed = is_fixed(hands, self.entry);
        if self.is_ordered() {
            self.ordered_through = now + ORDER_SETTLE;
        }
        self.uncut.or_else(|| self.entry.map(|entry| entry.participation))
    }

    /// A figure that a hand says is published as it is said, and so is a maximum below what is
    /// published.
    fn dead_band(&self, reason: Reason, threshold: f64) -> f64 {
        let is_said = matches!(reason, Reason::Fixed | Reason::Frozen | Reason::Capped);
        let max = self.entered.terms.multiplier_max;
        let is_above = self.entry.is_some_and(|entry| entry.multiplier > max);
        if is_said || is_above { 0.0 } else { threshold }
    }

    /// How its bids are shaded. A hand's multiplier, or a safe one, says nothing of what the budget
    /// could bear: what is given up of the shade stays as it is.
    fn shading(
        &mut self,
        hands: &Hands<'_>,
        standing: &Standing,
        state: EntryState,
        range: (PacingMultiplier, PacingMultiplier),
        is_held_back: bool,
    ) -> EntryShading {
        let terms = self.entered.terms.shading;
        if !standing.may_shade {
            return EntryShading::OFF;
        }
        if hands.is_held() || state != EntryState::Run {
            let relief = self.entry.map_or(0, |entry| entry.shading.relief());
            return EntryShading::new(terms.level, relief);
        }
        // Whoever spends as fast as possible always bids in full: that says nothing of its budget.
        let is_asap = self.entered.terms.is_asap;
        self.relief.step(standing.now, terms, range, is_held_back || is_asap)
    }

    /// Whether the safe multiplier is certainly no news.
    fn is_safe_near(&self, safe_x: Option<f64>) -> bool {
        let moved = safe_x.zip(self.safe_x).map(|(now, published)| (now - published).abs());
        moved.is_some_and(|moved| moved < SAFE_MOVE_MIN)
    }

    fn state(&self, hands: &Hands<'_>, standing: &Standing, reason: &mut Reason) -> EntryState {
        let (state, why) = if !self.is_on(standing.now) {
            (EntryState::Paused, Reason::OutsideFlight)
        } else if !standing.is_open {
            (EntryState::Paused, Reason::OutsideHours)
        } else if hands.pause.is_some() {
            (EntryState::Paused, Reason::Paused)
        } else if standing.is_exhausted {
            (EntryState::Exhausted, Reason::Exhausted)
        } else if standing.is_quarantined {
            (EntryState::Safe, Reason::Quarantined)
        } else if standing.has_counter_fault {
            (EntryState::Safe, Reason::CounterFault)
        } else if standing.is_blind {
            (EntryState::Safe, Reason::Blind)
        } else {
            return EntryState::Run;
        };
        *reason = why;
        state
    }

    /// What is published when something is news: a figure inside its dead-band stays, so that a new
    /// safe value does not lift a multiplier that nothing else has moved.
    fn steadied(&self, entry: TableEntry, threshold: f64) -> TableEntry {
        let Some(published) = self.entry else { return entry };
        let (was, now) = (published.multiplier, entry.multiplier);
        let multiplier = if differs(was.ppm(), now.ppm(), threshold) { now } else { was };
        let (was, now) = (published.participation, entry.participation);
        let participation = if differs(was.ppm(), now.ppm(), threshold) { now } else { was };
        TableEntry { multiplier, participation, ..entry }
    }

    /// Whether an entry differs from what is published by more than the dead-band.
    fn is_news(&self, entry: &TableEntry, threshold: f64) -> bool {
        let Some(published) = &self.entry else { return true };
        // Campaign, arm and salt are what they ever were.
        published.state != entry.state
            || published.value_cap != entry.value_cap
            || published.shading != entry.shading
            || differs(published.multiplier.ppm(), entry.multiplier.ppm(), threshold)
            || differs(published.participation.ppm(), entry.participation.ppm(), threshold)
            || differs(published.safe_multiplier.ppm(), entry.safe_multiplier.ppm(), 0.1)
    }
}

#[expect(clippy::cast_precision_loss, reason = "counts for explanations")]
const fn real(count: u64) -> f64 {
    count as f64
}

/// Whether two figures differ by more than `threshold` in their logarithm (to first order), or one
/// of them is zero, or exactly one is full.
fn differs(published: Ppm, now: Ppm, threshold: f64) -> bool {
    if published == now {
        return false;
    }
    let (old, new) = (published.as_f64(), now.as_f64());
    old == 0.0 || new == 0.0 || now == Ppm::ONE || (new - old).abs() > threshold * old
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn small_moves_are_not_news_and_reaching_full_speed_is() {
        assert!(!differs(Ppm::new(500_000), Ppm::new(500_900), 0.002));
        assert!(differs(Ppm::new(500_000), Ppm::new(501_100), 0.002));
        assert!(differs(Ppm::new(999_999), Ppm::ONE, 0.002));
        assert!(differs(Ppm::new(0), Ppm::new(1), 0.002));
    }
}
