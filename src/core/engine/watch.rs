//! What is watched at every round: campaigns that go dark on nobody's order, and all that a person
//! should hear of.
//!
//! Decides nothing but one thing: a law that stands near nothing although it is behind its plan,
//! has money and is offered traffic is helped up to a floor, slowly; brakes, breakers and the guard
//! bind as ever. CONTROL.md (85) and (86). Called by the engine within a round.

use super::Engine;
use super::campaign::CampaignState;
use super::owner::Owner;
use crate::budget::{BudgetOwner, Horizon};
use crate::event::OpportunityCount;
use crate::ledger::Slot;
use crate::notice::{NoticeCause, NoticeMoney, NoticeObject};
use crate::pace::PacingLaw;
use crate::pace::breaker::{Breaker, BreakerScope, Trip};
use crate::report::{Reason, TickReport};
use crate::table::EntryState;
use crate::units::{Nanos, Span, Timestamp};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// So many minutes of traffic without a bid, or near nothing, are a blackout ...
const DARK_MINUTES: f64 = 15.0;
/// ... with as many asks at least ...
const DARK_ASKS: u64 = 100;
/// ... and a plan of so many events in them: of fewer it is too often chance that none came.
const DARK_EVENTS: f64 = 8.0;
/// Behind its plan by no more events than this is not behind: the next one may make it even.
const LATE_EVENTS: f64 = 3.0;
/// ln(multiplier × participation) below this is near nothing: a hundredth.
const DARK_X: f64 = -4.605_170_185_988_091;
/// A law that is helped up goes no higher than this, or than its own safe multiplier: a twentieth.
const FLOOR_X: f64 = -2.995_732_273_553_991;
/// It is helped by no more than twofold a minute, as a brake is released.
const LIFT_PER_MINUTE: f64 = core::f64::consts::LN_2;
/// A blackout is over after so many minutes of bids.
const LIGHT_MINUTES: f64 = 5.0;
/// Reports that are further apart than this say nothing of the time between them, in minutes.
const GAP_MINUTES: f64 = 2.0;
/// What needs a look at every campaign is looked at so often, a part of them at each round.
const SCANNED_EVERY: Span = Span::from_mins(5);
/// Less than this of two hours' plan is far behind, and over once it is more than the other.
const BEHIND: (f64, f64) = (0.6, 0.8);
/// The same for being ahead.
const AHEAD: (f64, f64) = (1.5, 1.25);
/// Deviations of chance that are no news.
const SIGMAS: f64 = 4.0;
/// More than this of a day's budget is ahead.
const AHEAD_SHARE: f64 = 0.03;
/// Minutes from which the last two hours say anything.
const RECENT_MINUTES: f64 = 60.0;
/// A budget that is used up sooner than this before its window ends is no news.
const EARLY: Span = Span::from_mins(180);

/// What was heard of a campaign since the last round.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(super) struct Heard {
    asks: u64,
    /// Bids, and those that a floor kept back.
    tries: u64,
    /// Money was posted.
    pub has_cost: bool,
}

impl Heard {
    pub(super) fn note(&mut self, count: &OpportunityCount) {
        self.asks = self.asks.saturating_add(count.asks);
        let tries = count.bids.saturating_add(count.below_floor);
        self.tries = self.tries.saturating_add(tries);
    }
}

/// A campaign that bids nothing, or next to nothing.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub(super) struct Dark {
    /// When it was last seen to be.
    seen_at: Timestamp,
    /// Minutes of traffic.
    minutes: f64,
    asks: u64,
    /// What its plan had for them.
    planned: f64,
    /// The same in events.
    events: f64,
    /// It is a blackout.
    pub is_raised: bool,
    /// Minutes of bids since.
    light: f64,
}

impl Dark {
    const fn new(now: Timestamp) -> Self {
        let (asks, is_raised) = (0, false);
        Self { seen_at: now, minutes: 0.0, asks, planned: 0.0, events: 0.0, is_raised, light: 0.0 }
    }

    /// Another report without bids.
    fn deepen(&mut self, now: Timestamp, asks: u64, (rate, price): (f64, f64)) {
        let passed = (now - self.seen_at).as_minutes().clamp(0.0, GAP_MINUTES);
        self.seen_at = now;
        self.minutes += passed;
        self.asks = self.asks.saturating_add(asks);
        self.planned += rate * passed;
        self.events += rate * passed / price.max(1.0);
        self.light = 0.0;
        self.is_raised |=
            self.minutes >= DARK_MINUTES && self.asks >= DARK_ASKS && self.events >= DARK_EVENTS;
    }

    /// A report of bids, or of money. Whether it is over.
    fn lighten(&mut self, now: Timestamp) -> bool {
        self.light += (now - self.seen_at).as_minutes().clamp(0.0, GAP_MINUTES);
        self.seen_at = now;
        !self.is_raised || self.light >= LIGHT_MINUTES
    }
}

/// What a round passes by and may be worth a notice.
#[derive(Debug, Default)]
pub(super) struct Seen {
    /// Owners whose breaker holds.
    pub tripped: Vec<Slot>,
    /// Owners set aside.
    aside: Vec<Slot>,
    /// Campaigns whose counter went back.
    fallen: Vec<Slot>,
    /// Campaigns in a blackout.
    dark: Vec<Slot>,
    /// Owners whose law was helped up: once a round, however many of their members are dark.
    lifted: BTreeSet<Slot>,
    /// A campaign is at safe values for want of reports.
    is_blind: bool,
}

impl Seen {
    /// An owner that was just stepped.
    pub(super) fn look<S>(
        &mut self,
        now: Timestamp,
        slot: Slot,
        owner: &Owner<S>,
        breaker: Option<&Breaker>,
    ) {
        if breaker.is_some_and(Breaker::is_tripped) {
            self.tripped.push(slot);
        }
        if owner.quarantined_until.is_some_and(|until| now < until) {
            self.aside.push(slot);
        }
    }

    /// A campaign that was just resolved.
    pub(super) fn look_at(&mut self, slot: Slot, reason: Reason) {
        if reason == Reason::CounterFault {
            self.fallen.push(slot);
        }
        self.is_blind |= reason == Reason::Blind;
    }
}

/// How far a campaign that has gone dark is helped up, in ln(multiplier): to its own safe
/// multiplier where that is not dark itself.
fn floor_of(campaign: &CampaignState) -> f64 {
    campaign.history.x().filter(|&x| x > DARK_X).unwrap_or(FLOOR_X)
}

impl<L: PacingLaw> Engine<L> {
    /// Whether a campaign has gone dark; a law that has is helped up.
    pub(super) fn watch(&mut self, now: Timestamp, slot: Slot, seen: &mut Seen) {
        let campaign = &mut self.state.campaigns[slot];
        let heard = std::mem::take(&mut campaign.heard);
        let is_free = campaign.entry.is_some_and(|entry| entry.state == EntryState::Run)
            && matches!(campaign.reason, Reason::Law | Reason::Minimum | Reason::Unbounded);
        if !is_free {
            campaign.dark = None;
            return;
        }
        // One that is helped up is dark until it spends, or stands at its floor.
        let is_raised = campaign.dark.as_ref().is_some_and(|dark| dark.is_raised);
        let low = if is_raised { floor_of(campaign) - 1e-9 } else { DARK_X };
        let is_low = campaign.applied_x <= low;
        let is_dark = heard.asks > 0 && !heard.has_cost && (is_low || heard.tries == 0);
        if campaign.dark.is_none() && !is_dark {
            return;
        }
        let binding =
            campaign.binding.unwrap_or_else(|| self.state.ledger.campaign(slot).owners.own());
        let Some(pace) = &self.state.owners[binding].pace else {
            campaign.dark = None;
            return;
        };
        let sample = pace.sample;
        let price = self.state.ledger.event_price(binding, Some(slot));
        // Ahead of its plan it is to spend nothing, and that is no blackout.
        let late = (sample.planned - sample.measured).as_f64();
        let is_behind = late > LATE_EVENTS * price;
        if is_dark && (is_behind || is_raised) {
            let dark = campaign.dark.get_or_insert_with(|| Box::new(Dark::new(now)));
            dark.deepen(now, heard.asks, (sample.planned_rate, price));
        } else if heard.asks > 0 || heard.has_cost {
            let is_over = campaign.dark.as_mut().is_some_and(|dark| dark.lighten(now));
            campaign.dark = campaign.dark.take().filter(|_| !is_over);
        }
        if campaign.dark.as_ref().is_some_and(|dark| dark.is_raised) {
            seen.dark.push(slot);
            // Not while money comes, though the blackout is not over yet.
            if is_dark && is_low && is_behind && seen.lifted.insert(binding) {
                self.lift(slot, binding);
            }
        }
    }

    /// Helps the law that binds a dark campaign up towards its floor. CONTROL.md (86).
    fn lift(&mut self, slot: Slot, binding: Slot) {
        let floor = floor_of(&self.state.campaigns[slot]);
        let minutes = self.config.tick.as_minutes();
        let owner = &mut self.state.owners[binding];
        let law = self.config.laws.get(owner.law_choice());
        let Some(pace) = &mut owner.pace else { return };
        let x = law.signal(&pace.law).x;
        if x < floor {
            let lifted = (x + LIFT_PER_MINUTE * minutes).min(floor);
            pace.law = law.follow(&pace.law, lifted, &pace.sample);
        }
    }

    /// The round's notices.
    pub(super) fn notify(&mut self, now: Timestamp, seen: &Seen, report: &mut TickReport) {
        self.notice_runaways(now, seen, report);
        for &slot in &seen.aside {
            let object = NoticeObject::Owner(self.state.owners[slot].owner);
            self.hold(now, NoticeCause::Quarantined, object, NoticeMoney::default());
        }
        for &slot in &seen.fallen {
            let object = self.campaign_object(slot);
            self.hold(now, NoticeCause::CounterFault, object, NoticeMoney::default());
        }
        for &slot in &seen.dark {
            let planned = self.state.campaigns[slot].dark.as_ref().map_or(0.0, |dark| dark.planned);
            let planned = Nanos::floor_from(planned);
            let money = NoticeMoney { spent: Nanos::ZERO, planned };
            self.hold(now, NoticeCause::Blackout, self.campaign_object(slot), money);
        }
        if seen.is_blind {
            let (cause, object) = (NoticeCause::Blind, NoticeObject::Partition);
            self.hold(now, cause, object, NoticeMoney::default());
        }
        self.scan(now);
        if !self.state.notices.is_empty() {
            report.notices = self.state.notices.settle(now, |cause| match cause {
                // Looked at every few minutes; a round that came early or late skips one look.
                NoticeCause::Behind | NoticeCause::Ahead | NoticeCause::ExhaustedEarly => {
                    SCANNED_EVERY.times(2) + Span::MINUTE
                }
                _ => Span::ZERO,
            });
        }
    }

    fn hold(
        &mut self,
        now: Timestamp,
        cause: NoticeCause,
        object: NoticeObject,
        money: NoticeMoney,
    ) {
        self.state.notices.hold(now, cause, object, money);
    }

    fn campaign_object(&self, slot: Slot) -> NoticeObject {
        NoticeObject::Owner(BudgetOwner::Campaign(self.state.campaigns[slot].entered.terms.id))
    }

    fn notice_runaways(&mut self, now: Timestamp, seen: &Seen, report: &mut TickReport) {
        if !self.config.has_breaker {
            return;
        }
        let state = &self.state;
        let owners = seen.tripped.iter().filter_map(|&slot| {
            let owner = state.owners[slot].owner;
            Some((NoticeObject::Owner(owner), *self.breaker_of(slot)?.trip()?))
        });
        let accounts = state.advertisers.iter().filter_map(|(&id, (_, slot))| {
            let trip = state.owners[*slot].crowd.as_ref()?.breaker.trip()?;
            Some((NoticeObject::Account(id), *trip))
        });
        let fleets = state.fleets.iter().filter_map(|(&currency, fleet)| {
            Some((NoticeObject::Fleet(currency), *fleet.breaker.trip()?))
        });
        let held: Vec<(NoticeObject, Trip)> = owners.chain(accounts).chain(fleets).collect();
        for (object, trip) in held.iter().filter(|(_, trip)| trip.participation < 1.0) {
            report.tripped += 1;
            let [spent, planned] = [trip.spent, trip.allowed].map(Nanos::floor_from);
            self.hold(now, NoticeCause::Runaway, *object, NoticeMoney { spent, planned });
        }
    }

    /// A part of the campaigns at each round, each once in [`SCANNED_EVERY`].
    fn scan(&mut self, now: Timestamp) {
        let tick = self.config.tick.as_micros().max(1);
        let parts = (SCANNED_EVERY.as_micros() / tick).max(1);
        let part = usize::try_from((now.as_micros() / tick).rem_euclid(parts)).unwrap_or(0);
        let parts = usize::try_from(parts).unwrap_or(1);
        for slot in (part..self.state.campaigns.len()).step_by(parts) {
            let object = self.campaign_object(slot);
            self.scan_exhausted(now, slot, object);
            self.scan_pace(now, slot, object);
        }
    }

    /// Whether a budget is used up long before its window ends.
    fn scan_exhausted(&mut self, now: Timestamp, slot: Slot, object: NoticeObject) {
        let entry = self.state.campaigns[slot].entry;
        if !entry.is_some_and(|entry| entry.state == EntryState::Exhausted) {
            return;
        }
        let Some(spent) = self.spent_budget(slot) else { return };
        if spent.horizon != Horizon::Hour && spent.ends - now > EARLY {
            let money = NoticeMoney { spent: spent.cap - spent.available, planned: spent.cap };
            self.hold(now, NoticeCause::ExhaustedEarly, object, money);
        }
    }

    /// Whether it spent far less or far more of late than its plan had.
    fn scan_pace(&mut self, now: Timestamp, slot: Slot, object: NoticeObject) {
        let campaign = &self.state.campaigns[slot];
        let is_on = campaign.entry.is_some_and(|entry| entry.state == EntryState::Run);
        let own = self.state.ledger.campaign(slot).owners.own();
        let pace = self.state.owners[own].pace.as_ref();
        let (Some(response), Some(pace)) = (campaign.response.as_deref(), pace) else { return };
        let is_ordered = campaign.is_ordered() || campaign.reason == Reason::Capped;
        let recent = response.recent_at(now, pace.sample.planned_rate);
        let is_known = recent.minutes >= RECENT_MINUTES && recent.planned > 0.0;
        let price = self.state.ledger.event_price(own, Some(slot)).max(1.0);
        let chance = SIGMAS * ((recent.planned / price).max(1.0) + 1.0).sqrt() * price;
        let day = pace.sample.day_budget.as_f64();
        let watched = |cause| self.state.notices.is_watched(cause, object);
        let edge = |(enter, leave): (f64, f64), cause| if watched(cause) { leave } else { enter };
        let less = recent.planned - recent.spent;
        let is_behind =
            recent.spent < edge(BEHIND, NoticeCause::Behind) * recent.planned && less > chance;
        let is_ahead = recent.spent > edge(AHEAD, NoticeCause::Ahead) * recent.planned
            && -less > chance.max(AHEAD_SHARE * day);
        let [spent, planned] = [recent.spent, recent.planned].map(Nanos::floor_from);
        let money = NoticeMoney { spent, planned };
        for (cause, holds) in [(NoticeCause::Behind, is_behind), (NoticeCause::Ahead, is_ahead)] {
            if holds && is_on && is_known && !is_ordered {
                self.hold(now, cause, object, money);
            } else {
                self.state.notices.drop(cause, object);
            }
        }
    }

    /// Notices that stand, by cause and object.
    pub fn notices(&self) -> impl Iterator<Item = crate::notice::Notice> + '_ {
        self.state.notices.standing()
    }

    /// Notices that were cleared of late, the newest first.
    pub fn past_notices(&self) -> impl Iterator<Item = crate::notice::PastNotice> + '_ {
        self.state.notices.recent()
    }

    /// Breakers that hold something back, by what they cover.
    #[must_use]
    pub fn tripped(&self) -> [(BreakerScope, usize); 3] {
        let slots = 0..self.state.owners.len();
        let own = slots.filter(|&slot| self.breaker_of(slot).is_some_and(Breaker::is_tripped));
        let accounts = self.state.owners.iter().filter_map(|owner| owner.crowd.as_ref());
        let accounts = accounts.filter(|crowd| crowd.breaker.is_tripped());
        let fleets = self.state.fleets.values().filter(|fleet| fleet.breaker.is_tripped());
        [
            (BreakerScope::Owner, own.count()),
            (BreakerScope::Account, accounts.count()),
            (BreakerScope::Fleet, fleets.count()),
        ]
    }
}
