//! One decision round: laws stepped, campaigns resolved, the delta made.

use super::allowances::digest_allowances;
use super::breakers::{is_clamped, keep_trip, tripped};
use super::campaign::{OwnerSignal, Standing};
use super::feed::Feed;
use super::learn::{Learner, Shapes, payer_of};
use super::owner::OwnerView;
use super::traffic::Rhythm;
use super::watch::Seen;
use super::{Engine, Tick};
use crate::budget::BudgetOwner;
use crate::campaign::{CampaignStatus, LawChoice, ShadingLevel};
use crate::days::KnownDays;
use crate::hours::HoursOfWeek;
use crate::ledger::Slot;
use crate::overrides::Hands;
use crate::pace::PacingLaw;
use crate::plan::DayLevels;
use crate::report::{NOTES_MAX, Note, ShapeOrigin, StateCounts, TickReport};
use crate::table::{EntryState, Lease, TableDelta, TableEntry};
use crate::units::{ArmId, CampaignId, Nanos, Span, Timestamp, ZoneId};
use std::collections::BTreeMap;

/// An owner that runs ahead of what is applied by more than this is brought back.
const TRACK_SLACK: f64 = 1e-6;
/// Traffic time that counts in the first step of a lead, in minutes: by the default slew limit and
/// dead-band together what is published then stays within 0.05 of what was published last.
const FIRST_STEP_MINUTES: f64 = 0.12;
/// More traffic time than this at once, in minutes, is an interruption ...
const STEP_MINUTES_MAX: f64 = 5.0;
/// ... unless ticks are so long that it is within two of them.
const USUAL_TICKS: i64 = 2;

/// What was applied among an owner's members in this round.
#[derive(Clone, Copy, Default)]
struct Track {
    /// The largest ln applied; nothing while no member runs.
    applied: Option<f64>,
    /// A hand or another owner holds at least one member back.
    is_needed: bool,
    /// A hand lies on a member.
    is_held: bool,
}

impl Track {
    /// With another member's part.
    fn with(self, other: &Self) -> Self {
        let applied = match (self.applied, other.applied) {
            (Some(one), Some(other)) => Some(one.max(other)),
            (one, other) => one.or(other),
        };
        Self {
            applied,
            is_needed: self.is_needed || other.is_needed,
            is_held: self.is_held || other.is_held,
        }
    }
}

/// Spend is known up to here, by kind of source; asked once a round.
#[derive(Clone, Copy)]
pub(super) struct Marks {
    events: Option<Timestamp>,
    counters: Option<Timestamp>,
}

impl Marks {
    /// Of everything that reports.
    pub(super) fn any(&self) -> Option<Timestamp> {
        match (self.events, self.counters) {
            (Some(events), Some(counters)) => Some(events.min(counters)),
            (events, counters) => events.or(counters),
        }
    }

    /// For what an owner's members report by.
    pub(super) fn of(&self, feed: Feed) -> Option<Timestamp> {
        match feed {
            Feed::None => None,
            Feed::Events => self.events,
            Feed::Counters => self.counters,
            Feed::Both => self.events.min(self.counters),
        }
    }
}

/// What a round gathers on its way through owners and campaigns.
#[derive(Default)]
struct Gathered {
    rhythm: Rhythm,
    /// What the owners of the campaign at hand say.
    signals: Vec<OwnerSignal>,
    /// Of owners with several members.
    tracks: BTreeMap<Slot, Track>,
    changed: Vec<TableEntry>,
    removed: Vec<(CampaignId, ArmId)>,
    /// What may be worth a notice.
    seen: Seen,
}

impl<L: PacingLaw> Engine<L> {
    /// One decision round.
    pub fn tick(&mut self, now: Timestamp) -> Tick {
        let now = now.max(self.state.now);
        self.state.now = now;
        let overrides_expired = self.state.overrides.expire(now).len();
        let sources_buried =
            self.state.event_sources.bury(now) + self.state.counter_sources.bury(now);
        self.age(now);
        self.fold_members(now);
        self.learn_traffic(now);
        let marks = self.marks();
        let mut report = TickReport {
            now,
            watermark: marks.events,
            is_stale: self.is_stale(now, marks.events),
            states: StateCounts::default(),
            changed: 0,
            notes: Vec::new(),
            outstanding: Nanos::ZERO,
            sources_buried,
            overrides_expired,
            quarantined: 0,
            shading: None,
            notices: Vec::new(),
            tripped: 0,
        };
        let (changed, removed) = self.decide(now, marks, &mut report);
        let allowances = self.issue_allowances(now, &mut report);
        let delta = self.make_delta(now, changed, removed);
        report.changed = delta.changed.len();
        let shaded = self.step_shading(now, delta.generation);
        report.shading = shaded.report;
        let shades = shaded.news;
        let said =
            shades.as_ref().map_or(delta.digest, |news| delta.digest.with(news.delta.digest()));
        let digest = allowances.iter().fold(said, digest_allowances);
        Tick { delta, shades, allowances, digest, report }
    }

    /// Time passes over books, wins, allowances and bidders.
    fn age(&mut self, now: Timestamp) {
        self.state.ledger.lapse(now, &self.state.days);
        if now - self.state.pruned_at >= Span::HOUR {
            self.state.pruned_at = now;
            for owner in 0..self.state.owners.len() {
                self.state.ledger.book_mut(owner).prune(now);
            }
        }
        self.age_grants(now);
    }

    pub(super) fn marks(&self) -> Marks {
        let events = self.state.event_sources.watermark();
        let counters = self.state.counter_sources.watermark();
        Marks { events, counters }
    }

    /// By how much traffic time a step moves a law at most, in minutes: after an interruption it
    /// takes up where it was instead of leaping, and what passed while nobody led moves no
    /// multiplier at a bound.
    pub(super) fn step_minutes_max(&self, now: Timestamp) -> f64 {
        let usual = self.config.tick.times(USUAL_TICKS).as_minutes().max(STEP_MINUTES_MAX);
        (now - self.state.led_from).as_minutes().max(FIRST_STEP_MINUTES).min(usual)
    }

    fn is_stale(&self, now: Timestamp, watermark: Option<Timestamp>) -> bool {
        watermark.is_none_or(|mark| now - mark > self.config.tick.times(self.config.stale_ticks))
    }

    /// Steps every owner's law and, right behind its own owner, resolves every campaign: what one
    /// touches is still at hand for the other. Group and advertiser were entered before their
    /// campaigns, so that their laws have been stepped by then.
    fn decide(
        &mut self,
        now: Timestamp,
        marks: Marks,
        report: &mut TickReport,
    ) -> (Vec<TableEntry>, Vec<(CampaignId, ArmId)>) {
        let mut gathered = Gathered::default();
        let mut campaign = 0;
        for slot in 0..self.state.owners.len() {
            let is_bad = self.step_owner(now, (slot, campaign), marks, &mut gathered.rhythm);
            report.quarantined += usize::from(is_bad);
            let owner = &self.state.owners[slot];
            gathered.seen.look(now, slot, owner, self.breaker_of(slot));
            while campaign < self.state.campaigns.len()
                && self.state.ledger.campaign(campaign).owners.own() == slot
            {
                self.resolve_campaign(now, campaign, marks, &mut gathered, report);
                campaign += 1;
            }
        }
        assert!(campaign == self.state.campaigns.len(), "campaigns stand in their owners' order");
        for (&owner, track) in &gathered.tracks {
            self.track(owner, track);
        }
        let Gathered { mut changed, mut removed, seen, .. } = gathered;
        self.step_crowds(now, marks, &seen.tripped);
        self.notify(now, &seen, report);
        changed.sort_unstable_by_key(|entry| (entry.campaign, entry.arm));
        removed.sort_unstable();
        (changed, removed)
    }

    /// Steps an owner's law; `campaign` is the first whose own owner has not been stepped before.
    /// Whether it was set aside.
    fn step_owner(
        &mut self,
        now: Timestamp,
        (slot, campaign): (Slot, Slot),
        marks: Marks,
        rhythm: &mut Rhythm,
    ) -> bool {
        let watermark = marks.of(self.state.owners[slot].feed);
        let is_stale = self.is_stale(now, watermark);
        let step_minutes_max = self.step_minutes_max(now);
        if self.state.owners[slot].is_due(now) {
            self.draw_shape(slot);
        }
        self.state.ledger.book_mut(slot).refresh(now);
        let state = &mut self.state;
        let first = (campaign < state.campaigns.len()).then_some(campaign);
        // Parents stand before their children.
        let (before, from) = state.owners.split_at_mut(slot);
        let owner = &mut from[0];
        let learner = owner.learner.take();
        let known = Shapes {
            supplied: owner.shape.and_then(|shape| state.shapes.get(&shape)),
            own: learner.as_deref(),
            everybody: state.everybody.as_deref(),
            flat: &self.flat,
        };
        let (shape, origin) = known.in_force(before, owner.parent);
        let own_holidays = std::mem::take(&mut owner.holidays);
        // Of the time that the step covers, which ends at the watermark.
        let mark = watermark.unwrap_or(now);
        let is_open = is_open(&state.days, owner.zone, owner.terms.hours, mark);
        let is_ordered = first.is_some_and(|first| {
            state.ledger.campaign(first).owners.own() == slot && state.campaigns[first].is_ordered()
        });
        let is_clamped =
            self.config.has_breaker && is_clamped(before, owner, (&state.fleets, &state.aside));
        let holidays =
            owner.parent.map_or(&own_holidays, |parent| &before[payer_of(before, parent)].holidays);
        let growth = learner.as_deref().map_or(0.0, Learner::growth);
        let view = OwnerView {
            now,
            watermark,
            is_stale,
            silence: self.config.tick.times(self.config.stale_ticks),
            days: &state.days,
            shape,
            is_common: matches!(origin, ShapeOrigin::Flat | ShapeOrigin::Supplied)
                && holidays.is_empty(),
            curve: owner.terms.curve.and_then(|id| state.shapes.get(&id)),
            is_open,
            is_foreseen: origin != ShapeOrigin::Flat,
            has_plan: owner.law_choice() != LawChoice::Asap,
            is_ordered,
            is_clamped,
            levels: DayLevels { holidays, growth, known_at: mark },
            book: state.ledger.book(slot),
            event_price: state.ledger.event_price(slot, first),
            win_price: state.ledger.win_price(slot, first),
            step_minutes_max,
            config: &self.config,
        };
        let tripped = tripped(owner);
        let is_bad = owner.step(&view, rhythm);
        owner.learner = learner;
        owner.holidays = own_holidays;
        let tripped = tripped.filter(|_| owner.pace.is_none());
        keep_trip((now, watermark), owner, tripped, &mut state.aside);
        is_bad
    }

    fn resolve_campaign(
        &mut self,
        now: Timestamp,
        slot: Slot,
        marks: Marks,
        gathered: &mut Gathered,
        report: &mut TickReport,
    ) {
        let campaign = &mut self.state.campaigns[slot];
        if campaign.entered.terms.status == CampaignStatus::Archived {
            let entry = campaign.entry.take();
            gathered.removed.extend(entry.map(|entry| (entry.campaign, entry.arm)));
            // Nobody asks for it any more, and that is no traffic of anybody's.
            let own = self.state.ledger.campaign(slot).owners.own();
            self.state.owners[own].learner = None;
            return;
        }
        let before = campaign.reason;
        self.gather(slot, &mut gathered.signals);
        let news = self.resolve(now, slot, marks, gathered);
        gathered.changed.extend(news);
        let campaign = &self.state.campaigns[slot];
        count_state(&mut report.states, campaign.entry.map(|entry| entry.state));
        gathered.seen.look_at(slot, campaign.reason);
        self.gather_fastest(slot);
        self.watch(now, slot, &mut gathered.seen);
        let campaign = &self.state.campaigns[slot];
        if campaign.reason != before && report.notes.len() < NOTES_MAX {
            let id = campaign.entered.terms.id;
            report.notes.push(Note { campaign: id, before, after: campaign.reason });
        }
    }

    /// What a campaign's owners say.
    fn gather(&self, slot: Slot, signals: &mut Vec<OwnerSignal>) {
        signals.clear();
        let owners = self.state.ledger.campaign(slot).owners.iter();
        signals
            .extend(owners.filter_map(|owner| self.state.owners[owner].said(owner, &self.config)));
        // Its own law comes first, if it has one, and is not lifted.
        let own = self.state.ledger.campaign(slot).owners.own();
        if let Some((first, others)) = signals.split_first_mut()
            && first.slot == own
            && let Some(minimum) = &first.minimum
        {
            others.iter_mut().for_each(|other| other.lift(minimum));
        }
    }

    fn resolve(
        &mut self,
        now: Timestamp,
        slot: Slot,
        marks: Marks,
        gathered: &mut Gathered,
    ) -> Option<TableEntry> {
        let owners = self.state.ledger.campaign(slot).owners;
        let mark = marks.of(self.state.owners[owners.own()].feed);
        let ceiling = self.step_returns(now, slot, mark);
        let book = self.state.ledger.campaign(slot);
        let (_, margin) = book.at_risk();
        let is_aside = |owner: Slot| {
            self.state.owners[owner].quarantined_until.is_some_and(|until| now < until)
        };
        let own = &self.state.owners[owners.own()];
        let is_open = is_open(&self.state.days, own.zone, own.terms.hours, now);
        let standing = Standing {
            now,
            is_open,
            is_exhausted: owners
                .iter()
                .any(|owner| self.state.ledger.book(owner).is_exhausted(margin)),
            // While nobody led, nobody could be heard.
            is_blind: mark
                .map(|mark| mark.max(self.state.led_from))
                .is_some_and(|mark| now - mark > self.config.blind_limit),
            has_counter_fault: book.has_counter_fault(),
            is_quarantined: owners.iter().any(is_aside),
            breaker: self.breaker_participation(owners),
            ceiling,
            threshold: self.config.publish_threshold,
            may_shade: self.may_shade(slot),
        };
        let hands = if self.state.overrides.is_empty() {
            Hands::default()
        } else {
            self.state.overrides.on(owners.iter().map(|owner| self.state.owners[owner].owner))
        };
        let campaign = &mut self.state.campaigns[slot];
        let news = campaign.resolve(&gathered.signals, &hands, &standing);
        if campaign.entry.is_some_and(|entry| entry.state == EntryState::Paused)
            && let Some(learner) = &mut self.state.owners[owners.own()].learner
        {
            learner.interrupt();
        }
        let runs = campaign.entry.is_some_and(|entry| entry.state == EntryState::Run);
        let applied = campaign.applied_x;
        let is_held = hands.is_held();
        if let Some(returns) = campaign.returns.as_mut().filter(|_| runs) {
            returns.track(applied, is_held);
        }
        let own = &mut self.state.owners[owners.own()];
        let law = self.config.laws.get(own.law_choice());
        if let Some(minimum) = own.minimum.as_mut().filter(|_| runs) {
            minimum.track(law, applied);
        }
        for signal in &gathered.signals {
            let seen = Track {
                applied: runs.then_some(applied),
                is_needed: is_held || !runs || signal.x > applied + TRACK_SLACK,
                is_held,
            };
            if signal.slot == owners.own() {
                self.track(signal.slot, &seen);
            } else {
                let track = gathered.tracks.entry(signal.slot).or_default();
                *track = track.with(&seen);
            }
        }
        news
    }

    /// Whether schedules speak of a campaign's currency.
    fn may_shade(&self, slot: Slot) -> bool {
        let Some(market) = self.config.shading else { return false };
        let terms = &self.state.campaigns[slot].entered.terms;
        // Most campaigns are not shaded: whose money it is need not be looked up for them.
        terms.shading.level != ShadingLevel::Off && {
            let payer = self.state.campaigns[slot].entered.spec.advertiser;
            let payer = self.state.advertisers.get(&payer);
            payer.is_some_and(|(spec, _)| spec.currency == market.currency)
        }
    }

    /// A law that binds nowhere, or lies under a hand, follows what is applied.
    fn track(&mut self, slot: Slot, track: &Track) {
        let owner = &mut self.state.owners[slot];
        if !track.is_needed {
            return;
        }
        if track.applied.is_none() {
            owner.course.rest();
        }
        let law = self.config.laws.get(owner.law_choice());
        let Some(pace) = &mut owner.pace else { return };
        let x = law.signal(&pace.law).x;
        pace.law = match track.applied {
            None => law.follow(&pace.law, f64::NEG_INFINITY, &pace.sample),
            Some(applied) if track.is_held && owner.members == 1 => {
                law.follow(&pace.law, applied, &pace.sample)
            }
            Some(applied) if x > applied + TRACK_SLACK => {
                law.bound(&pace.law, applied, &pace.sample)
            }
            Some(_) => return,
        };
    }

    fn make_delta(
        &mut self,
        now: Timestamp,
        changed: Vec<TableEntry>,
        removed: Vec<(CampaignId, ArmId)>,
    ) -> TableDelta {
        let base = self.state.table.generation;
        self.state.generation = self.state.generation.next();
        let valid_until = now + self.config.lease_valid;
        let lease = Lease { valid_until, grace_until: valid_until + self.config.lease_grace };
        let table = &mut self.state.table;
        let mut delta = TableDelta {
            partition: self.config.partition,
            base,
            generation: self.state.generation,
            as_of: now,
            lease,
            changed,
            removed,
            digest: table.digest,
        };
        table.adopt(&delta);
        delta.digest = table.digest;
        delta
    }

    /// The owners of a campaign, for explanations.
    pub(super) fn owners_of(&self, slot: Slot) -> impl Iterator<Item = BudgetOwner> + '_ {
        let owners = self.state.ledger.campaign(slot).owners;
        owners.iter().map(|owner| self.state.owners[owner].owner)
    }
}

/// Whether a set of hours holds the local one at `now`; an unknown calendar keeps nobody back.
fn is_open(days: &KnownDays, zone: ZoneId, hours: HoursOfWeek, now: Timestamp) -> bool {
    if hours.is_all() {
        return true;
    }
    let hour = days.day_at(zone, now).and_then(|day| day.hour_at(now));
    hour.is_none_or(|hour| hours.holds(hour.hour_of_week))
}

fn count_state(counts: &mut StateCounts, state: Option<EntryState>) {
    match state {
        Some(EntryState::Run) => counts.running += 1,
        Some(EntryState::Exhausted) => counts.exhausted += 1,
        Some(EntryState::Safe) => counts.safe += 1,
        Some(EntryState::Paused) | None => counts.paused += 1,
    }
}
