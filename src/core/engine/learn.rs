//! Traffic shapes learnt from the asks that are reported: campaign, group, advertiser, everybody.
//!
//! Once a local hour what came is taken in, campaigns first; groups and advertisers learn from
//! their campaigns against each one's own level, so that who comes and goes does not look like
//! traffic. Everybody's shape is the prior of an advertiser's, that of a group's, that of a
//! campaign's, unless the caller supplied one. CONTROL.md (34) to (37). Called at every tick; knows
//! no money.

use super::traffic::ratio_of;
use super::{Engine, Owner};
use crate::ledger::Slot;
use crate::pace::PacingLaw;
use crate::plan::profile::{HOURS, Hour, Place, Profile, WeekCourse};
use crate::plan::{DayLevels, TrafficShape};
use crate::report::ShapeOrigin;
use crate::units::{Span, Timestamp};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Hours after which a campaign knows its level, and a shape of its own.
const FIRST_HOURS: f64 = 24.0;
/// Asks it must have had by then.
const FIRST_ASKS: f64 = 24.0;
/// Traffic that its level remembers, in hours of mean traffic.
const LEVEL_MEMORY: f64 = 48.0;
/// The same, for what there was before: the two tell growth, in hours.
const SLOW_MEMORY: f64 = 192.0;
/// Growth is told from this age on, in hours.
const GROWTH_AGE: f64 = 336.0;
/// Deviation of growth that is never there, a day.
const GROWTH_NOISE: f64 = 0.01;
/// No more than this a day, as a logarithm.
const GROWTH_MAX: f64 = 0.1;
/// An hour with more or less than so many times its expected asks is a surprise, and counts as
/// that ...
const SURPRISE_MAX: f64 = 3.0;
/// ... and as this part of an hour: an outage or a flash crowd says little of the next week.
const SURPRISE_WORTH: f64 = 0.1;
/// Expected asks from which on that is judged.
const SURPRISE_ASKS: f64 = 20.0;
/// An hour whose end was seen later than this is left out: nobody led meanwhile.
const LATE_MAX: Span = Span::from_mins(10);
/// Less than this of mean traffic says nothing of the level.
const HEIGHT_MIN: f64 = 0.02;
/// A shape nearer to the supplied one than this, in shares of mean traffic, is that one.
const SAME: f64 = 0.02;

/// The local hour at hand.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
struct OpenHour {
    until: Timestamp,
    of_week: u8,
    asks: u64,
    /// Whether the campaign could be asked all through it.
    is_whole: bool,
}

/// What was seen before the level is known.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
struct First {
    hours: f64,
    asks: f64,
    height: f64,
    since: Timestamp,
}

/// What an owner knows of its traffic.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Learner {
    profile: Profile,
    hour: OpenHour,
    first: First,
    /// Asks an hour at mean traffic, of a campaign; 0 while unknown.
    level: f64,
    /// The same of long ago, and hours since it is known: what traffic grew by.
    slow: f64,
    age: f64,
    /// Whether anything was taken in that a shape can be drawn from.
    is_taught: bool,
    /// As drawn last; absent while it goes by another's.
    shape: Option<TrafficShape>,
}

impl Learner {
    pub(super) fn new(is_fine: bool) -> Self {
        Self {
            profile: Profile::new(is_fine),
            hour: OpenHour::default(),
            first: First::default(),
            level: 0.0,
            slow: 0.0,
            age: 0.0,
            is_taught: false,
            shape: None,
        }
    }

    /// Asks came.
    pub(super) fn note(&mut self, asks: u64) {
        self.hour.asks = self.hour.asks.saturating_add(asks);
    }

    /// For some of this hour the campaign was not on.
    pub(super) fn interrupt(&mut self) {
        self.hour.is_whole = false;
    }

    /// Takes in the hour that is over, whose place in the week was expected to be this; what its
    /// parents are to know of it.
    fn close(&mut self, place: Place, holiday: f64, knows_parent: bool) -> Vec<Hour> {
        let height = place.height * holiday;
        let of_week = usize::from(self.hour.of_week);
        #[expect(clippy::cast_precision_loss, reason = "counts for control")]
        let asks = self.hour.asks as f64;
        if self.level <= 0.0 {
            return self.close_first(of_week, asks, height, knows_parent);
        }
        let expected = self.level * height;
        let likely = asks.clamp(expected / SURPRISE_MAX, expected * SURPRISE_MAX);
        let is_surprise = expected >= SURPRISE_ASKS && (likely - asks).abs() > 0.0;
        let (asks, hours) = if is_surprise { (likely, SURPRISE_WORTH) } else { (asks, 1.0) };
        let due = self.level * holiday * hours;
        let hour = Hour { of_week, asks: asks * hours, due, hours };
        self.profile.take(&hour, place);
        if height > HEIGHT_MIN {
            let share = |memory: f64| 1.0 - libm::exp(-height * hours / memory);
            self.slow += share(SLOW_MEMORY) * (asks / height - self.slow);
            self.level += share(LEVEL_MEMORY) * (asks / height - self.level);
            self.age += 1.0;
        }
        vec![hour]
    }

    /// The same before the level is known. CONTROL.md (34).
    fn close_first(
        &mut self,
        of_week: usize,
        asks: f64,
        height: f64,
        knows_parent: bool,
    ) -> Vec<Hour> {
        if self.first.hours <= 0.0 {
            self.first.since = self.hour.until - Span::HOUR;
        }
        self.profile.take_first(&Hour { of_week, asks, due: 1.0, hours: 1.0 });
        self.first.hours += 1.0;
        self.first.asks += asks;
        self.first.height += height;
        let is_enough = self.first.hours >= FIRST_HOURS && self.first.asks >= FIRST_ASKS;
        if !is_enough || self.first.height <= HEIGHT_MIN {
            return Vec::new();
        }
        self.level = self.first.asks / self.first.height;
        self.slow = self.level;
        self.profile.set_level(self.level);
        self.is_taught = true;
        // One day without a gap is told whole, to parents that know nothing yet.
        let is_one_day = self.hour.until - self.first.since <= Span::HOUR.times(25);
        if knows_parent || !is_one_day {
            return Vec::new();
        }
        let back = (0..24).map(|ago| (of_week + HOURS - ago) % HOURS);
        let told = back.filter_map(|of_week| {
            let asks = self.profile.asks_of_hour(of_week)?;
            Some(Hour { of_week, asks, due: self.level, hours: 1.0 })
        });
        told.collect()
    }

    /// Growth of its traffic a day, as a logarithm, as far as that is more than chance; none before
    /// a second week has told the days of the first apart. CONTROL.md (37).
    pub(super) fn growth(&self) -> f64 {
        if self.age < GROWTH_AGE || self.slow <= 0.0 || self.level <= 0.0 {
            return 0.0;
        }
        let behind = SLOW_MEMORY * (1.0 - libm::exp(-self.age / SLOW_MEMORY)) - LEVEL_MEMORY;
        let growth = libm::log(self.level / self.slow) * 24.0 / behind;
        let chance = 4.0 * GROWTH_NOISE * GROWTH_NOISE;
        let believed = (1.0 - chance / (growth * growth).max(chance)).max(0.0);
        (growth * believed).clamp(-GROWTH_MAX, GROWTH_MAX)
    }

    /// Takes in what campaigns tell. Of the first day it is not known yet how its hours compare.
    fn teach(&mut self, told: &Told, course: &WeekCourse) {
        for (&of_week, &(asks, due, hours)) in told {
            let hour = Hour { of_week, asks, due, hours };
            if self.is_taught {
                self.profile.take(&hour, course.place(of_week));
            } else {
                self.profile.take_first(&hour);
            }
        }
        self.is_taught |= !told.is_empty();
    }

    /// Draws its shape anew on top of a prior.
    fn draw(&mut self, prior: &TrafficShape, is_supplied: bool) {
        if !self.is_taught {
            return;
        }
        let base = WeekCourse::of(prior);
        let course = self.profile.draw(&base, is_supplied);
        let is_same = is_supplied && course.distance(&base) < SAME;
        self.shape = if is_same { None } else { course.shape(is_supplied.then_some(prior)) };
    }
}

/// Asks, due asks and how much of the hour was seen, by hour of the week.
type Told = BTreeMap<usize, (f64, f64, f64)>;

fn tell(told: &mut Told, hours: impl IntoIterator<Item = (usize, (f64, f64, f64))>) {
    for (of_week, (more_asks, more_due, seen)) in hours {
        let (asks, due, hours) = told.entry(of_week).or_default();
        *asks += more_asks;
        *due += more_due;
        *hours = hours.max(seen);
    }
}

impl<L: PacingLaw> Engine<L> {
    /// Takes in the local hours that are over.
    pub(super) fn learn_traffic(&mut self, now: Timestamp) {
        if now < self.state.learn_at || !self.config.learns_traffic {
            return;
        }
        let mut gathered: BTreeMap<Slot, Told> = BTreeMap::new();
        let mut next = Timestamp::MAX;
        for campaign in 0..self.state.campaigns.len() {
            let own = self.state.ledger.campaign(campaign).owners.own();
            let Some(until) = self.close_hour(own, now, &mut gathered) else { continue };
            next = next.min(until);
        }
        self.state.learn_at = next;
        // Groups tell their advertisers, advertisers everybody. Each was entered before whoever it
        // pays for, so that from the back children come first.
        let mut everybody = Told::new();
        let mut taught = Vec::new();
        while let Some((slot, told)) = gathered.pop_last() {
            let above = match self.state.owners[slot].parent {
                Some(parent) => gathered.entry(parent).or_default(),
                None => &mut everybody,
            };
            tell(above, told.iter().map(|(&of_week, &hours)| (of_week, hours)));
            let course = WeekCourse::of(self.shape_of(slot).0);
            // Groups keep hours of the day and days of the week, as campaigns do.
            let is_payer = self.state.owners[slot].parent.is_none();
            let owner = &mut self.state.owners[slot];
            let learner = owner.learner.get_or_insert_with(|| Box::new(Learner::new(is_payer)));
            learner.teach(&told, &course);
            taught.push(slot);
        }
        if !everybody.is_empty() {
            let all = self.state.everybody.get_or_insert_with(|| Box::new(Learner::new(true)));
            let course = WeekCourse::of(all.shape.as_ref().unwrap_or(&self.flat));
            all.teach(&everybody, &course);
            all.draw(&self.flat, false);
        }
        for slot in taught.into_iter().rev() {
            self.draw_shape(slot);
        }
    }

    /// Closes the open hour of a campaign, if it is over. When its open hour ends; nothing when it
    /// has none.
    fn close_hour(
        &mut self,
        slot: Slot,
        now: Timestamp,
        gathered: &mut BTreeMap<Slot, Told>,
    ) -> Option<Timestamp> {
        let owner = &self.state.owners[slot];
        let open = owner.learner.as_ref()?.hour;
        if now < open.until {
            return Some(open.until);
        }
        let zone = owner.zone;
        let holiday = self.holiday(slot, open.until - Span::from_secs(1));
        let hour = self.state.days.day_at(zone, now).and_then(|day| day.hour_at(now)).copied();
        let is_sound = open.is_whole
            && now - open.until <= LATE_MAX
            && owner.quarantined_until.is_none_or(|until| until <= now);
        let parent = owner.parent;
        let place = WeekCourse::of(self.shape_of(slot).0).place(open.of_week.into());
        let knows_parent = parent
            .and_then(|parent| self.state.owners[parent].learner.as_ref())
            .is_some_and(|parent| parent.is_taught);
        let learner = self.state.owners[slot].learner.as_mut()?;
        if is_sound {
            let told = learner.close(place, holiday, knows_parent);
            if let (Some(parent), false) = (parent, told.is_empty()) {
                let told =
                    told.iter().map(|hour| (hour.of_week, (hour.asks, hour.due, hour.hours)));
                tell(gathered.entry(parent).or_default(), told);
            }
        }
        // Without a calendar there are no hours: asked again with the next.
        let until = hour.map_or(now + Span::HOUR, |hour| hour.window.end());
        let is_begun_now = now - open.until <= LATE_MAX;
        learner.hour = OpenHour {
            until,
            of_week: hour.map_or(0, |hour| hour.hour_of_week),
            asks: 0,
            is_whole: hour.is_some() && is_begun_now,
        };
        Some(until)
    }

    /// What a holiday makes of the traffic of an owner's day that holds `at`.
    fn holiday(&self, slot: Slot, at: Timestamp) -> f64 {
        let day = self.state.days.day_at(self.state.owners[slot].zone, at);
        let level = day.and_then(|day| self.levels(slot, at).holiday(day.window));
        level.map_or(1.0, ratio_of)
    }

    /// What is known of single days of an owner's traffic.
    pub(super) fn levels(&self, slot: Slot, known_at: Timestamp) -> DayLevels<'_> {
        let owner = &self.state.owners[slot];
        let growth = owner.learner.as_deref().map_or(0.0, Learner::growth);
        let payer = payer_of(&self.state.owners, slot);
        DayLevels { holidays: &self.state.owners[payer].holidays, growth, known_at }
    }

    /// A campaign's asks were reported.
    pub(super) fn note_asks(&mut self, own: Slot, asks: u64) {
        if self.config.learns_traffic {
            let learner = self.state.owners[own].learner.get_or_insert_with(|| {
                // It has no hour yet: the next tick opens one.
                self.state.learn_at = Timestamp::MIN;
                Box::new(Learner::new(false))
            });
            learner.note(asks);
        }
    }

    /// Draws an owner's shape anew, on top of the one supplied or of its parent's.
    pub(super) fn draw_shape(&mut self, slot: Slot) {
        let Some(mut learner) = self.state.owners[slot].learner.take() else { return };
        // Without its own, what is in force is the prior.
        let (prior, origin) = self.shape_of(slot);
        learner.draw(prior, origin == ShapeOrigin::Supplied);
        self.state.owners[slot].learner = Some(learner);
    }

    fn supplied_shape(&self, owner: &Owner<L::State>) -> Option<&TrafficShape> {
        self.state.shapes.get(&owner.shape?)
    }

    /// The expected course of an owner's traffic, and where it is from.
    pub(super) fn shape_of(&self, slot: Slot) -> (&TrafficShape, ShapeOrigin) {
        let owner = &self.state.owners[slot];
        let known = Shapes {
            supplied: self.supplied_shape(owner),
            own: owner.learner.as_deref(),
            everybody: self.state.everybody.as_deref(),
            flat: &self.flat,
        };
        known.in_force(&self.state.owners[..slot], owner.parent)
    }
}

/// Where the shape of an owner may be from.
pub(super) struct Shapes<'a> {
    pub supplied: Option<&'a TrafficShape>,
    pub own: Option<&'a Learner>,
    pub everybody: Option<&'a Learner>,
    pub flat: &'a TrafficShape,
}

impl<'a> Shapes<'a> {
    /// The one that is in force; `before` are the owners that were entered before this one.
    pub(super) fn in_force<S>(
        &self,
        before: &'a [Owner<S>],
        parent: Option<Slot>,
    ) -> (&'a TrafficShape, ShapeOrigin) {
        let own = self.own.and_then(|known| known.shape.as_ref());
        match (own, self.supplied) {
            (Some(own), Some(_)) => (own, ShapeOrigin::Corrected),
            (Some(own), None) => (own, ShapeOrigin::Learnt),
            (None, Some(supplied)) => (supplied, ShapeOrigin::Supplied),
            (None, None) => match self.inherited(before, parent) {
                Some(shape) => (shape, ShapeOrigin::Inherited),
                None => (self.flat, ShapeOrigin::Flat),
            },
        }
    }

    /// The nearest ancestor's that has one, everybody's at last.
    fn inherited<S>(
        &self,
        before: &'a [Owner<S>],
        mut parent: Option<Slot>,
    ) -> Option<&'a TrafficShape> {
        while let Some(owner) = parent.map(|slot| &before[slot]) {
            if let Some(shape) = owner.learner.as_ref().and_then(|known| known.shape.as_ref()) {
                return Some(shape);
            }
            parent = owner.parent;
        }
        self.everybody.and_then(|known| known.shape.as_ref())
    }
}

/// The slot of the advertiser that pays for an owner.
pub(super) fn payer_of<S>(owners: &[Owner<S>], mut slot: Slot) -> Slot {
    while let Some(parent) = owners[slot].parent {
        slot = parent;
    }
    slot
}
