//! The velocity breaker: what cuts participation when money goes out faster than any plan could.
//!
//! The brake trims spend to the plan within minutes; this trips where that does not help: spend
//! that does not obey participation, prices that are wrong, plans too small for a brake, and many
//! small ones at once. It trips, holds, and lets go step by step, on the clock of what is known of
//! spend: a watermark that stands still releases nothing. CONTROL.md (81) to (84). Called by the
//! engine: [`Breaker::post`] with each spend, [`Breaker::step`] once a tick; for one owner of
//! budgets, for all campaigns of an advertiser, for all of a partition.

use crate::units::{Nanos, Span, Timestamp};
use serde::{Deserialize, Serialize};

/// One-minute buckets: five whole minutes and the one that is running.
const BUCKETS: usize = 6;
/// The same as an index.
const BUCKETS_BACK: i64 = 6;
/// The same as minutes of plan.
const MINUTES: f64 = 6.0;
/// So many times the plan's fastest rate is too fast. The brake holds to twice the plan, and a
/// law that catches up stays below that; what is faster is not pacing.
const FACTOR: f64 = 6.0;
/// The plan's fastest rate is remembered for one to two of these: spend of the last minutes may be
/// from before an hour's end.
const RATE_MEMORY: Span = Span::from_mins(6);
/// What is let through while it holds: enough to see whether it still runs away, and a runaway of a
/// hundred times its plan is then at twice it.
pub const TRIPPED: f64 = 0.02;
/// How long the first trip holds.
pub const HOLD: Span = Span::from_mins(5);
/// No trip holds longer: each doubles the one before.
pub const HOLD_MAX: Span = Span::HOUR;
/// Spend served sooner after a trip than this does not count against it: a lease, and the way of a
/// report.
pub const SETTLE: Span = Span::MINUTE;
/// So long after its hold ended a breaker that was released begins with its shortest hold again.
const FORGIVEN: Span = Span::HOUR;
/// Events that are never too many, whatever the plan: a campaign of a few a day buys when it can.
const EVENTS: f64 = 8.0;
/// Standard deviations of chance that are forgiven.
const SIGMAS: f64 = 4.0;

/// What a breaker covers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BreakerScope {
    /// One owner of budgets: a campaign, or a group or advertiser with a budget of its own.
    Owner,
    /// All campaigns of an advertiser.
    Account,
    /// All campaigns of one currency in a partition.
    Fleet,
}

/// What a plan could spend at its fastest; sums over campaigns for accounts and fleets.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct Fastest {
    /// The greater of the plan's rate and of its day's mean, in nanos a minute.
    pub rate: f64,
    /// The same times the mean price of an event, in nanos² a minute: the variance of chance.
    pub chance: f64,
    /// The mean price of an event, the greatest of all, in nanos.
    pub event: f64,
}

impl Fastest {
    /// Of one plan; an unknown price counts as nothing.
    #[must_use]
    pub fn of(rate: f64, event: f64) -> Self {
        let (rate, event) = (rate.max(0.0), event.max(0.0));
        Self { rate, chance: rate * event, event }
    }

    /// With another's.
    #[must_use]
    pub fn with(self, other: Self) -> Self {
        Self {
            rate: self.rate + other.rate,
            chance: self.chance + other.chance,
            event: self.event.max(other.event),
        }
    }
}

/// A breaker that tripped, and was not yet forgiven.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Trip {
    /// When it last tripped.
    pub tripped_at: Timestamp,
    /// It begins to let go once spend is known up to here.
    pub until: Timestamp,
    /// How often it tripped without being forgiven, from one.
    pub trips: u32,
    /// Spend in the window when it last tripped, in nanos.
    pub spent: f64,
    /// What was allowed in it, in nanos.
    pub allowed: f64,
    /// The most participation allowed, in `[`[`TRIPPED`]`, 1]`.
    pub participation: f64,
    /// Spend was known up to here at the last step.
    stepped_to: Timestamp,
    /// What it had counted when it last tripped, and its newest minute.
    counted: [f64; BUCKETS],
    newest: i64,
}

/// One breaker: 100 bytes, and as many again once it tripped.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Breaker {
    /// Nanos served by the minute.
    buckets: [f64; BUCKETS],
    /// Minute since 1970 of the newest bucket.
    newest: i64,
    /// What was served before is not counted.
    since: Timestamp,
    /// The plan at its fastest of late, and since when it is of late.
    fastest: [Fastest; 2],
    fastest_since: Timestamp,
    trip: Option<Box<Trip>>,
}

impl Breaker {
    /// Released, and knows no spend.
    #[must_use]
    pub fn new(now: Timestamp) -> Self {
        Self {
            buckets: [0.0; BUCKETS],
            newest: minute_of(now),
            since: Timestamp::MIN,
            fastest: [Fastest::default(); 2],
            fastest_since: now,
            trip: None,
        }
    }

    /// The most participation allowed, in `[`[`TRIPPED`]`, 1]`.
    #[must_use]
    pub fn participation(&self) -> f64 {
        self.trip.as_ref().map_or(1.0, |trip| trip.participation)
    }

    /// Whether it holds anything back.
    #[must_use]
    pub fn is_tripped(&self) -> bool {
        self.participation() < 1.0
    }

    /// Its last trip, until that is forgiven.
    #[must_use]
    pub fn trip(&self) -> Option<&Trip> {
        self.trip.as_deref()
    }

    /// Spend in the window, in nanos.
    #[must_use]
    pub fn spent(&self) -> f64 {
        self.buckets.iter().sum()
    }

    /// What may be spent in the window before it trips, in nanos. CONTROL.md (81).
    #[must_use]
    pub fn allowed(&self) -> f64 {
        let [new, old] = self.fastest;
        let planned = FACTOR * MINUTES * new.rate.max(old.rate);
        let chance = FACTOR * MINUTES * new.chance.max(old.chance);
        planned + SIGMAS * chance.sqrt() + EVENTS * new.event.max(old.event)
    }

    /// Counts spend (negative: given back) to the minute it was served in; what claims to be served
    /// after `now` counts as now.
    pub fn post(&mut self, now: Timestamp, served_at: Timestamp, amount: Nanos) {
        let served_at = served_at.min(now);
        if served_at < self.since {
            return;
        }
        let minute = minute_of(served_at);
        self.roll(minute);
        if minute > self.newest - BUCKETS_BACK {
            *self.bucket(minute) += amount.as_f64();
        }
    }

    /// Spend that was served at some time between two moments: evenly, in parts of a minute.
    pub fn post_over(&mut self, now: Timestamp, (from, to): (Timestamp, Timestamp), amount: Nanos) {
        let whole = (to - from).as_minutes();
        if whole <= 1.0 {
            self.post(now, to, amount);
            return;
        }
        let mut at = to;
        for _ in 0..BUCKETS {
            if at <= from {
                break;
            }
            // The first of its minutes is not a whole one.
            let share = (at - from).as_minutes().min(1.0) / whole;
            self.post(now, at, Nanos::floor_from(amount.as_f64() * share));
            at = at - Span::MINUTE;
        }
    }

    /// Takes out what another had counted when it tripped: that one answers for it from now on.
    pub fn leave_out(&mut self, trip: &Trip) {
        for back in 0..BUCKETS_BACK {
            let minute = trip.newest - back;
            if minute > self.newest - BUCKETS_BACK && minute <= self.newest {
                let counted = trip.counted[place(minute)];
                let bucket = self.bucket(minute);
                *bucket = (*bucket - counted).max(0.0);
            }
        }
    }

    /// Nothing served before `at` counts: it was on somebody's order.
    pub fn disregard(&mut self, at: Timestamp) {
        self.buckets = [0.0; BUCKETS];
        self.since = self.since.max(at);
    }

    /// Judges what is known and sets the bound from `now` on. `mark`: spend is known up to here;
    /// `fastest`: absent where nothing bounds the rate, which is then not judged. Whether it
    /// tripped at this step.
    pub fn step(
        &mut self,
        now: Timestamp,
        mark: Option<Timestamp>,
        fastest: Option<Fastest>,
    ) -> bool {
        let Some(mark) = mark.map(|mark| mark.min(now)) else { return false };
        self.roll(minute_of(mark));
        let is_over = fastest.is_some_and(|fastest| {
            self.remember(now, fastest);
            let (spent, allowed) = (self.spent(), self.allowed());
            spent > allowed && allowed > 0.0
        });
        if is_over {
            self.trip_at(now, mark);
        } else {
            self.release(mark);
        }
        is_over
    }

    fn trip_at(&mut self, now: Timestamp, mark: Timestamp) {
        let trips = self.trip.as_ref().map_or(0, |trip| trip.trips).saturating_add(1);
        let hold = HOLD.times(1_i64 << (trips - 1).min(8)).min(HOLD_MAX);
        let (spent, allowed) = (self.spent(), self.allowed());
        let (counted, newest) = (self.buckets, self.newest);
        self.disregard(now + SETTLE);
        self.trip = Some(Box::new(Trip {
            tripped_at: now,
            until: now + hold,
            trips,
            spent,
            allowed,
            participation: TRIPPED,
            stepped_to: mark,
            counted,
            newest,
        }));
    }

    /// At most twofold for each minute of spend that became known. CONTROL.md (83).
    fn release(&mut self, mark: Timestamp) {
        let Some(trip) = &mut self.trip else { return };
        let from = trip.stepped_to.max(trip.until);
        trip.stepped_to = trip.stepped_to.max(mark);
        let known = (mark - from).as_minutes();
        if known <= 0.0 {
            return;
        }
        if trip.participation < 1.0 {
            // What became known at once is one step: of a silence nothing was judged on the way.
            trip.participation = (trip.participation * libm::exp2(known.min(1.0))).min(1.0);
        } else if mark - trip.until >= FORGIVEN {
            self.trip = None;
        }
    }

    fn remember(&mut self, now: Timestamp, fastest: Fastest) {
        let elapsed = now - self.fastest_since;
        if elapsed >= RATE_MEMORY {
            let is_adjacent = elapsed < RATE_MEMORY.times(2);
            self.fastest[1] = if is_adjacent { self.fastest[0] } else { Fastest::default() };
            self.fastest[0] = Fastest::default();
            self.fastest_since = now;
        }
        let held = &mut self.fastest[0];
        // The price as it was when the plan was fastest: one that runs away forgives itself slowly.
        if fastest.rate >= held.rate {
            held.rate = fastest.rate;
            held.chance = fastest.chance.max(held.chance);
        }
        // A price that was unknown when the plan was fastest says the chance of it all the same.
        if held.chance <= 0.0 && fastest.rate > 0.0 {
            held.chance = held.rate * (fastest.chance / fastest.rate);
        }
        held.event = held.event.max(fastest.event);
    }

    /// Makes `minute` the newest, if it is newer, with empty buckets up to it.
    fn roll(&mut self, minute: i64) {
        for empty in (self.newest + 1).max(minute - BUCKETS_BACK + 1)..=minute {
            *self.bucket(empty) = 0.0;
        }
        self.newest = self.newest.max(minute);
    }

    fn bucket(&mut self, minute: i64) -> &mut f64 {
        &mut self.buckets[place(minute)]
    }
}

/// A minute's bucket.
fn place(minute: i64) -> usize {
    usize::try_from(minute.rem_euclid(BUCKETS_BACK)).expect("below the modulus")
}

/// Minutes since 1970, rounded down.
const fn minute_of(time: Timestamp) -> i64 {
    time.as_micros().div_euclid(Span::MINUTE.as_micros())
}

#[cfg(test)]
mod tests;
