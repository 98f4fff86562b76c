//! One owner of budgets: its plan, its law, its brake.
//!
//! Budgets of an owner are nested into one curve and one law tracks it. Knows its book, not its
//! campaigns; called by the engine at every tick.

use crate::budget::{BudgetOwner, Budgets};
use crate::campaign::{DeliveryMode, DeliveryTerms, Holiday, LawChoice};
use crate::days::KnownDays;
use crate::engine::EngineConfig;
use crate::engine::breakers::Crowd;
use crate::engine::campaign::OwnerSignal;
use crate::engine::feed::Feed;
use crate::engine::learn::Learner;
use crate::engine::minimum::Minimum;
use crate::engine::reading::{
    DayMark, calibration, day_mark, finish, measured, planned_from, recent,
};
use crate::engine::traffic::{Passed, Rhythm, Traffic, traffic_at};
use crate::forecast::Course;
use crate::ledger::{Book, Slot};
use crate::pace::brake::{Brake, BrakeSample};
use crate::pace::breaker::{Breaker, Fastest};
use crate::pace::{PaceSample, PacingLaw, PacingSignal};
use crate::plan::{DayLevels, Near, Outlook, Plan, PlanRequest, TrafficShape, plan};
use crate::units::{ArmId, Nanos, PacingMultiplier, ShapeId, Span, Timestamp, Window, ZoneId};
use serde::{Deserialize, Serialize};

/// An owner whose numbers went bad is tried again after this.
const QUARANTINE: Span = Span::from_mins(10);
/// Traffic time lost before what is left is spread anew: an outage must not read as being behind.
const IDLE_MINUTES_MAX: f64 = 5.0;
/// Events assumed in a day while no price is known.
const EVENTS_UNKNOWN: f64 = 100.0;

/// Running totals at a moment: what came before the curve is not measured against it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Base {
    pub billed: Nanos,
    pub expected: Nanos,
}

/// What the owner is about to spend, and the law that sees to it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Pace<S> {
    /// The stretch the plan covers.
    pub window: Window,
    pub plan: Plan,
    #[serde(skip)]
    near: Near,
    pub planned_at: Timestamp,
    /// What was drawn before the local day at hand.
    pub day: DayMark,
    /// The books when the curve began.
    base: Base,
    /// Measured in the flight's last day before the plan was made.
    pub recent: Nanos,
    replan_at: Timestamp,
    pub law: S,
    pub sample: PaceSample,
    pub stepped_to: Timestamp,
    /// When the watermark last moved on.
    moved_at: Timestamp,
    pub brake: Brake,
    pub breaker: Breaker,
    /// How fast its plan may spend at most; absent while nothing is to be judged by it.
    pub fastest: Option<Fastest>,
    idle_minutes: f64,
    /// Planned while next to no traffic came: not to be caught up with, but spread anew.
    pub forgone: Nanos,
    expected_before: Nanos,
}

impl<S> Pace<S> {
    /// Takes out of the plan what no traffic could have spent since the last step. CONTROL.md (19).
    fn forgo(&mut self, outlook: &mut Outlook, absence: f64) {
        if absence > 0.0 {
            let since = outlook.planned - self.forgone - self.sample.planned;
            self.forgone += Nanos::floor_from(absence * since.as_f64());
            outlook.rate *= 1.0 - absence;
        }
        outlook.planned -= self.forgone;
    }

    /// Where nothing is planned although traffic is expected, the plan is done: what is left has
    /// nothing to be saved for, and the guard alone bounds it.
    fn step_brake<L>(&mut self, view: &OwnerView<'_, L>, is_expected: impl FnOnce() -> bool) {
        let since = view.now - view.config.tick;
        let planned = self.near.planned_between(&self.plan.curve, since, view.now);
        let is_done = planned == Nanos::ZERO && is_expected();
        self.brake.step(
            view.now,
            &BrakeSample {
                planned,
                event_cost: Nanos::floor_from(view.book.totals().dearest),
                events: if is_done { 0.0 } else { self.sample.events },
                // Old news that keeps coming is news; an old watermark that stands is silence.
                is_stale: view.is_stale && view.now - self.moved_at > view.silence,
            },
        );
        self.fastest = self.fastest(is_done, planned, view);
        if view.is_ordered {
            // What is served on a person's order is no runaway, nor is what is told of it later.
            self.breaker.disregard(view.now + Span::MINUTE);
        }
        let _ = self.breaker.step(view.now, view.watermark, self.fastest);
    }

    /// How fast its plan may spend: the most of its rates now and in this very tick and its day's
    /// mean. A plan that is done, full speed and a person's hand have no fastest rate.
    fn fastest<L>(
        &self,
        is_done: bool,
        planned: Nanos,
        view: &OwnerView<'_, L>,
    ) -> Option<Fastest> {
        let tick = planned.as_f64() / view.config.tick.as_minutes();
        let mean = self.sample.day_budget.as_f64() / self.sample.window_minutes.max(1.0);
        let is_judged = !is_done && !view.is_ordered && view.has_plan;
        is_judged
            .then(|| Fastest::of(self.sample.planned_rate.max(mean).max(tick), view.event_price))
    }

    /// One step of the law. While a breaker holds, it may come down and not wind up: what is not
    /// spent then is nobody's want of bids.
    fn step_law<L: PacingLaw<State = S>>(&mut self, law: &L, view: &OwnerView<'_, L>) {
        let is_held = view.is_clamped || (self.breaker.is_tripped() && view.config.has_breaker);
        let before = is_held.then(|| law.signal(&self.law).x);
        law.advance(&mut self.law, view.now, &self.sample);
        if let Some(x) = before.filter(|&x| law.signal(&self.law).x > x) {
            self.law = law.follow(&self.law, x, &self.sample);
        }
    }

    /// What the law is to see at the watermark.
    fn see<L>(
        &mut self,
        multiplier_max: PacingMultiplier,
        outlook: &Outlook,
        measured: Nanos,
        (minutes, served): (f64, f64),
        view: &OwnerView<'_, L>,
    ) {
        let day_budget = outlook.day_budget;
        let price = view.event_price;
        let spent = served * calibration(view.book.totals(), view.config, day_budget);
        self.sample = PaceSample {
            traffic_minutes: minutes,
            planned: outlook.planned,
            measured,
            day_budget,
            window_minutes: self.window.span().as_minutes().min(1_440.0),
            left_minutes: (self.window.end() - self.stepped_to).as_minutes(),
            is_foreseen: view.is_foreseen,
            events: if price > 0.0 { day_budget.as_f64() / price } else { EVENTS_UNKNOWN },
            elasticity: view.config.elasticity,
            multiplier_max,
            planned_rate: outlook.rate,
            spend_rate: if minutes > 0.0 { spent / minutes } else { 0.0 },
            reach: 0.0,
            presence: 1.0,
        };
    }
}

/// One owner of budgets.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Owner<S> {
    pub owner: BudgetOwner,
    pub arm: ArmId,
    pub zone: ZoneId,
    pub delivery: DeliveryMode,
    pub terms: DeliveryTerms,
    pub law: LawChoice,
    pub shape: Option<ShapeId>,
    pub multiplier_max: PacingMultiplier,
    pub feed: Feed,
    /// How many campaigns it has, ended and archived ones too.
    pub members: u32,
    pub traffic: Traffic,
    /// Whose shape is the prior of its own: its group or advertiser.
    pub parent: Option<Slot>,
    /// Of an advertiser: days with unusual traffic.
    pub holidays: Vec<Holiday>,
    /// Of an advertiser: the velocity breaker over all its campaigns.
    pub crowd: Option<Box<Crowd>>,
    /// What it knows of its traffic; absent before the first report.
    pub learner: Option<Box<Learner>>,
    /// What its spend did of late, for forecasts alone.
    pub course: Course,
    /// Absent while it bounds nothing or is outside its flights.
    pub pace: Option<Pace<S>>,
    /// Absent without a minimum, and once it is met.
    pub minimum: Option<Box<Minimum<S>>>,
    pub quarantined_until: Option<Timestamp>,
    /// Where the next flight starts.
    last_x: Option<f64>,
    /// The budgets were edited: plan anew, and move the law to meet it.
    pub is_edited: bool,
}

/// What an owner sees of the world at a tick.
pub(super) struct OwnerView<'a, L> {
    pub now: Timestamp,
    /// Spend is known up to here; absent before the first report.
    pub watermark: Option<Timestamp>,
    pub is_stale: bool,
    /// A watermark that has not moved for so long stands still.
    pub silence: Span,
    pub days: &'a KnownDays,
    pub shape: &'a TrafficShape,
    /// Whether others go by the same shape, on the same days.
    pub is_common: bool,
    /// What is known of single days.
    pub levels: DayLevels<'a>,
    /// The course that money is to take, whatever traffic does.
    pub curve: Option<&'a TrafficShape>,
    /// Whether it may deliver at this hour.
    pub is_open: bool,
    pub is_foreseen: bool,
    /// It spends by a plan, not as fast as possible.
    pub has_plan: bool,
    /// A person's hand decides what is published.
    pub is_ordered: bool,
    /// A breaker above it holds it.
    pub is_clamped: bool,
    pub book: &'a Book,
    /// Mean price of its billing events, or of its siblings' while it has none; 0 if unknown.
    pub event_price: f64,
    /// The same where every win is billed; else 0: what a win costs is not kept then.
    pub win_price: f64,
    /// More traffic time than this is not made up for at once, in minutes.
    pub step_minutes_max: f64,
    pub config: &'a EngineConfig<L>,
}

impl<S: Clone> Owner<S> {
    pub(super) fn new(
        owner: BudgetOwner,
        zone: ZoneId,
        delivery: DeliveryMode,
        law: LawChoice,
        shape: Option<ShapeId>,
        multiplier_max: PacingMultiplier,
    ) -> Self {
        Self {
            owner,
            arm: ArmId(0),
            zone,
            delivery,
            terms: DeliveryTerms::default(),
            law,
            shape,
            multiplier_max,
            feed: Feed::None,
            members: 0,
            traffic: Traffic::new(),
            parent: None,
            holidays: Vec::new(),
            crowd: None,
            learner: None,
            course: Course::default(),
            pace: None,
            minimum: None,
            quarantined_until: None,
            last_x: None,
            is_edited: false,
        }
    }

    /// The law that runs: as soon as possible means no pacing.
    pub(super) fn law_choice(&self) -> LawChoice {
        if self.delivery == DeliveryMode::Asap { LawChoice::Asap } else { self.law }
    }

    /// The stretch to plan for at `now`: its flight, or all known days when caps alone bind it.
    fn stretch(&self, now: Timestamp, budgets: &Budgets, days: &KnownDays) -> Option<Window> {
        if !budgets.is_bounded() {
            return None;
        }
        if budgets.flights.is_empty() {
            let ahead = days.from(self.zone, now);
            let start = ahead.first()?.window.start();
            return Window::try_new(start, ahead.last()?.window.end()).ok();
        }
        let flight = budgets.flights.iter().find(|flight| flight.window.contains(now))?;
        let binds = flight.budget.is_some() || !budgets.caps.is_empty();
        binds.then_some(flight.window)
    }

    /// One decision round. Whether it is set aside for bad numbers from now on.
    pub(super) fn step<L: PacingLaw<State = S>>(
        &mut self,
        view: &OwnerView<'_, L>,
        rhythm: &mut Rhythm,
    ) -> bool {
        if self.quarantined_until.is_some_and(|until| view.now < until) {
            return false;
        }
        let law = view.config.laws.get(self.law_choice());
        if !self.pace.as_ref().is_some_and(|pace| self.is_current(pace, view.now)) {
            // What has passed was served under the plan before, and is judged by it.
            if !self.advance(law, view, rhythm) {
                return self.set_aside(view.now);
            }
            let before = self.pace.take();
            let Some(window) = self.stretch(view.now, view.book.budgets(), view.days) else {
                self.last_x = before.map(|pace| law.signal(&pace.law).x).or(self.last_x);
                self.minimum = None;
                return false;
            };
            self.pace = Some(self.replan(law, before, window, view));
        }
        if !self.advance(law, view, rhythm) {
            return self.set_aside(view.now);
        }
        if let Some(pace) = &mut self.pace {
            pace.step_brake(view, || traffic_at(view, self.zone, view.now) > 0.0);
        }
        false
    }

    /// Its numbers are bad: that it is set aside.
    fn set_aside(&mut self, now: Timestamp) -> bool {
        self.pace = None;
        self.quarantined_until = Some(now + QUARANTINE);
        true
    }

    /// Whether the next step plans anew what was planned before.
    pub(super) fn is_due(&self, now: Timestamp) -> bool {
        self.pace.as_ref().is_some_and(|pace| !self.is_current(pace, now))
    }

    /// Whether the plan stands.
    fn is_current(&self, pace: &Pace<S>, now: Timestamp) -> bool {
        !self.is_edited
            && now < pace.replan_at
            && pace.window.contains(now)
            && pace.idle_minutes < IDLE_MINUTES_MAX
    }

    /// Spreads what is left over what remains, without a jolt to what is published.
    fn replan<L: PacingLaw<State = S>>(
        &mut self,
        law: &L,
        before: Option<Pace<S>>,
        window: Window,
        view: &OwnerView<'_, L>,
    ) -> Pace<S> {
        let at = window.clamp(planned_from(before.as_ref(), view));
        let recent = recent(before.as_ref(), at, window, view);
        let events = before.as_ref().map_or(EVENTS_UNKNOWN, |before| before.sample.events);
        let finish = finish(view.config.finish, events);
        let mut request = PlanRequest { recent, finish, ..self.request(at, window, view) };
        let day = day_mark(before.as_ref(), self.zone, (at, window), view);
        request.catch_up = self.catch_up(at, window, day, view);
        let mut made = plan(&request);
        // A day's amounts are told by planning again; a million owners need not remember them.
        made.days = Vec::new();
        let totals = view.book.totals();
        let is_edited = std::mem::take(&mut self.is_edited);
        let x0 = self.last_x.unwrap_or_else(|| libm::log(view.config.start_multiplier));
        let mut pace = Pace {
            window,
            replan_at: self.next_plan(view),
            planned_at: at,
            day,
            base: Base { billed: totals.billed, expected: totals.expected },
            recent,
            law: law.start(x0),
            sample: PaceSample::blank(EVENTS_UNKNOWN, view.config.elasticity, self.multiplier_max),
            stepped_to: at,
            moved_at: before.as_ref().map_or(view.now, |before| before.moved_at),
            brake: Brake::new(view.now),
            breaker: Breaker::new(view.now),
            fastest: None,
            idle_minutes: 0.0,
            forgone: Nanos::ZERO,
            expected_before: totals.expected,
            plan: made,
            near: Near::default(),
        };
        let outlook = pace.plan.outlook_near(at, &mut pace.near);
        pace.see(self.multiplier_max, &outlook, Nanos::ZERO, (0.0, 0.0), view);
        let held = self.minimum.take().filter(|_| before.is_some());
        self.minimum = self.terms.minimum.and_then(|minimum| {
            let seen = (&pace.sample, x0);
            Minimum::made(law, held.as_deref(), (minimum, &request), seen, view).map(Box::new)
        });
        let Some(before) = before else { return pace };
        // A flight that begins where another ends is no way out of a breaker.
        (pace.breaker, pace.fastest) = (before.breaker, before.fastest);
        if before.window.intersect(window).is_none() {
            return pace;
        }
        pace.law = law.rebase(&before.law, &before.sample, &pace.sample);
        pace.brake = before.brake;
        pace.stepped_to = before.stepped_to.min(at);
        pace.expected_before = before.expected_before;
        if is_edited {
            let (old, new) = (before.plan.curve.rate_at(at), pace.plan.curve.rate_at(at));
            if old > 0.0 && new > 0.0 {
                pace.law = law.shift(&pace.law, libm::log(new / old) / view.config.elasticity);
            }
        }
        pace
    }

    /// Steps the law to the watermark. Whether all numbers are sound.
    fn advance<L: PacingLaw<State = S>>(
        &mut self,
        law: &L,
        view: &OwnerView<'_, L>,
        rhythm: &mut Rhythm,
    ) -> bool {
        let Some(pace) = &mut self.pace else { return true };
        let mark = view.watermark.unwrap_or(pace.stepped_to).min(pace.window.end());
        let elapsed = mark - pace.stepped_to;
        // An old watermark that moves on is news all the same: plan and spend are held against each
        // other as of then. One that stands still moves nothing.
        if elapsed > Span::ZERO {
            let rate = rhythm.traffic(view, self.zone, self.shape, mark);
            let decays = rhythm.decays(elapsed);
            let (rate, Passed { weight, absence, presence }) = if view.is_open {
                let passed = self.traffic.step(decays, rate * elapsed.as_minutes());
                pace.idle_minutes += elapsed.as_minutes() * (1.0 - passed.weight);
                (rate, passed)
            } else {
                // At hours in which it may not deliver the law holds; nothing is missed.
                self.traffic.pending = None;
                (0.0, Passed::NOTHING)
            };
            let mut outlook = pace.plan.outlook_near(mark, &mut pace.near);
            pace.forgo(&mut outlook, absence);
            let measured = measured(view, &pace.base, outlook.day_budget);
            let minutes = elapsed.as_minutes() * weight;
            // What was served tells the rate; what of it happens to be billed is chance.
            let expected = view.book.totals().expected;
            let served = (expected - pace.expected_before).as_f64();
            pace.expected_before = expected;
            pace.stepped_to = mark;
            pace.see(self.multiplier_max, &outlook, measured, (minutes, served), view);
            // As of the plan's: what comes before traffic is known to be back is no surprise.
            pace.sample.spend_rate *= 1.0 - absence;
            pace.sample.traffic_minutes = minutes.min(view.step_minutes_max);
            pace.sample.reach = self.traffic.volume() * rate * view.win_price;
            pace.sample.presence = presence;
            pace.moved_at = view.now;
            pace.step_law(law, view);
            if let Some(minimum) = self.minimum.as_mut().filter(|_| !view.is_clamped)
                && !minimum.advance(law, mark, &pace.sample, view)
            {
                self.minimum = None;
            }
            let x = law.signal(&pace.law).x;
            if !law.is_sound(&pace.law) || !x.is_finite() {
                return false;
            }
            // What no traffic could have bought says nothing of the level.
            let here = 1.0 - absence;
            let share = here * rate * elapsed.ratio_to(Span::DAY);
            self.course.step(mark, share, here * served, x, view.config.elasticity);
        }
        true
    }

    /// What its campaigns are to know of it; nothing while it bounds nothing.
    pub(super) fn said<L: PacingLaw<State = S>>(
        &self,
        slot: Slot,
        config: &EngineConfig<L>,
    ) -> Option<OwnerSignal> {
        let Pace { brake, breaker, .. } = self.pace.as_ref()?;
        let (brake, breaker) = (brake.participation(), breaker.participation());
        let PacingSignal { x, multiplier, participation, .. } = self.signal(config)?;
        let brake = if config.has_brake { brake } else { 1.0 };
        let breaker = if config.has_breaker { breaker } else { 1.0 };
        let law = config.laws.get(self.law_choice());
        let minimum = self.minimum.as_ref().map(|minimum| minimum.signal(law));
        Some(OwnerSignal {
            slot,
            x,
            multiplier,
            participation,
            brake,
            breaker,
            minimum,
            is_lifted: false,
        })
    }

    /// The standing output; full speed while nothing is bounded.
    pub(super) fn signal<L: PacingLaw<State = S>>(
        &self,
        config: &EngineConfig<L>,
    ) -> Option<PacingSignal> {
        let pace = self.pace.as_ref()?;
        Some(config.laws.get(self.law_choice()).signal(&pace.law))
    }
}
