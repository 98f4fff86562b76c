//! The past of campaigns, as far as it is kept: rows of a minute and of an hour, each as of a
//! round, with what happened since the row before.
//!
//! A row tells what an explanation told at its round, so that a question about yesterday needs
//! neither the log of yesterday nor a copy of the engine. Knows no engine, no store and no names.
//! Rows are made by [`record`] and asked by [`tell`].

pub mod record;
pub mod tell;

use crate::budget::{BudgetOwner, Horizon};
use crate::diagnosis::CauseKind;
use crate::report::Reason;
use crate::table::EntryState;
use crate::units::{
    Generation, Nanos, OverrideId, PacingMultiplier, ParticipationRate, Ppm, Span, Timestamp,
};
use serde::{Deserialize, Serialize};

/// Two rounds further apart than this are a silence: nobody decided, and bidders went by their
/// lease. More than the longest period between two ticks, a minute.
pub const SILENCE: Span = Span::from_mins(2);

/// How finely the past is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Grain {
    /// A row a minute, on change only, for two days.
    Minute,
    /// A row an hour, for a quarter of a year.
    Hour,
}

impl Grain {
    /// Both, the finer first.
    pub const ALL: [Self; 2] = [Self::Minute, Self::Hour];

    /// Between two rows, unless nothing changed.
    #[must_use]
    pub const fn step(self) -> Span {
        match self {
            Self::Minute => Span::MINUTE,
            Self::Hour => Span::HOUR,
        }
    }

    /// Of the rows that are kept together: few enough that what is under way stays small in the
    /// checkpoint, many enough that two days are some hundred stretches.
    #[must_use]
    pub const fn stretch(self) -> Span {
        match self {
            Self::Minute => Span::from_mins(10),
            Self::Hour => Span::HOUR.times(6),
        }
    }

    /// How long rows are kept: an incident is asked after the day after, a flight at its end.
    #[must_use]
    pub const fn kept(self) -> Span {
        match self {
            Self::Minute => Span::HOUR.times(48),
            Self::Hour => Span::DAY.times(90),
        }
    }

    /// The start of the stretch that holds a moment.
    #[must_use]
    pub fn start_of(self, at: Timestamp) -> Timestamp {
        floor(at, self.stretch())
    }
}

/// The last whole multiple of a span since 1970 at or before a moment.
fn floor(at: Timestamp, span: Span) -> Timestamp {
    let (at, span) = (at.as_micros(), span.as_micros());
    Timestamp::from_micros(at.saturating_sub(at.rem_euclid(span)))
}

/// What a hand did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum HeldBy {
    /// No bids.
    Pause,
    /// What was published stayed.
    Freeze,
    /// Exactly a multiplier.
    Fix,
    /// Never more than a multiplier.
    Cap,
}

impl HeldBy {
    /// The word for it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pause => "pause",
            Self::Freeze => "freeze",
            Self::Fix => "fix",
            Self::Cap => "cap",
        }
    }
}

/// Where a campaign's own plan stood.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlanStanding {
    /// When it was made.
    pub made_at: Timestamp,
    /// Planned and measured spend are as of then.
    pub stepped_to: Timestamp,
    /// Planned since it was made, without what is forgone.
    pub planned: Nanos,
    /// Measured since it was made.
    pub measured: Nanos,
    /// Planned spend of a minute.
    pub rate: Nanos,
}

/// What a round said of a campaign: as its explanation did then.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Standing {
    /// When the round was.
    pub at: Timestamp,
    /// Of the table it made.
    pub generation: Generation,
    /// May it bid?
    pub state: EntryState,
    /// As published.
    pub multiplier: PacingMultiplier,
    /// As published.
    pub participation: ParticipationRate,
    /// Why.
    pub reason: Reason,
    /// The owner whose law binds.
    pub binding: Option<BudgetOwner>,
    /// The horizon whose cap is tight on that owner.
    pub tight: Option<Horizon>,
    /// The least of its owners' brakes; one is released.
    pub brake: Ppm,
    /// The hand that comes first: pause, else fix, else freeze, else cap.
    pub hand: Option<(OverrideId, HeldBy)>,
    /// Its own plan, if it has one.
    pub plan: Option<PlanStanding>,
    /// Billed and in flight since it was entered.
    pub drawn: Nanos,
}

impl Standing {
    /// Whether a row would tell nothing new: all but the round, and how far spend is known.
    fn is_like(&self, other: &Self) -> bool {
        let mut same = *other;
        (same.at, same.generation) = (self.at, self.generation);
        if let (Some(held), Some(plan)) = (same.plan.as_mut(), self.plan) {
            held.stepped_to = plan.stepped_to;
        }
        same == *self
    }
}

/// The least and the greatest of something.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Extent<T> {
    /// At least this.
    pub least: T,
    /// At most this.
    pub greatest: T,
}

impl<T: Copy + Ord> Extent<T> {
    const fn of(value: T) -> Self {
        Self { least: value, greatest: value }
    }

    fn merge(held: &mut Option<Self>, other: Self) {
        let all = held.get_or_insert(other);
        all.least = all.least.min(other.least);
        all.greatest = all.greatest.max(other.greatest);
    }
}

/// What happened between two moments.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Within {
    /// From then on.
    pub since: Timestamp,
    /// What its own plans had for it.
    pub planned: Nanos,
    /// What billed and in flight grew by; below zero where more lapsed or was taken back.
    pub spent: Nanos,
    /// Multipliers that were in force; absent only where none was.
    pub multiplier: Option<Extent<PacingMultiplier>>,
    /// Participation that was in force; absent only where none was.
    pub participation: Option<Extent<ParticipationRate>>,
    /// How long each reason stood, in the order of reasons.
    pub reasons: Vec<(Reason, Span)>,
    /// How long nobody decided.
    pub silent: Span,
    /// Planned less spent by the cause that came first then, in the order of causes; below zero
    /// where more was spent. Of what had a plan and was looked into.
    pub costs: Vec<(CauseKind, Nanos)>,
}

impl Within {
    /// Nothing yet.
    #[must_use]
    pub const fn new(since: Timestamp) -> Self {
        Self {
            since,
            planned: Nanos::ZERO,
            spent: Nanos::ZERO,
            multiplier: None,
            participation: None,
            reasons: Vec::new(),
            silent: Span::ZERO,
            costs: Vec::new(),
        }
    }

    /// Adds the time from a round to the next: what it published was in force.
    fn pass(&mut self, before: &Standing, now: &Standing) {
        let elapsed = now.at - before.at;
        if elapsed > SILENCE {
            self.silent = self.silent + elapsed;
        } else {
            self.hold(before, elapsed);
        }
        self.planned = self.planned.saturating_add(planned_between(before, now));
        self.spent = self.spent.saturating_add(less(now.drawn, before.drawn));
    }

    /// Adds time in which a standing was in force.
    fn hold(&mut self, standing: &Standing, elapsed: Span) {
        Extent::merge(&mut self.multiplier, Extent::of(standing.multiplier));
        Extent::merge(&mut self.participation, Extent::of(standing.participation));
        let held = entry(&mut self.reasons, standing.reason, Span::ZERO);
        *held = *held + elapsed;
    }

    /// Says what it cost, as far as that can be told.
    fn blame(&mut self, cause: Option<CauseKind>) {
        if let Some(cause) = cause {
            let short = less(self.planned, self.spent);
            let held = entry(&mut self.costs, cause, Nanos::ZERO);
            *held = held.saturating_add(short);
        }
    }

    /// Adds what followed on it.
    fn merge(&mut self, next: &Self) {
        self.planned = self.planned.saturating_add(next.planned);
        self.spent = self.spent.saturating_add(next.spent);
        next.multiplier.into_iter().for_each(|other| Extent::merge(&mut self.multiplier, other));
        let others = next.participation.into_iter();
        others.for_each(|other| Extent::merge(&mut self.participation, other));
        for &(reason, span) in &next.reasons {
            let held = entry(&mut self.reasons, reason, Span::ZERO);
            *held = *held + span;
        }
        self.silent = self.silent + next.silent;
        for &(cause, amount) in &next.costs {
            let held = entry(&mut self.costs, cause, Nanos::ZERO);
            *held = held.saturating_add(amount);
        }
    }
}

/// The value of a key in a short list in order; reasons and causes are a closed list each.
fn entry<K: Copy + Ord, V>(list: &mut Vec<(K, V)>, key: K, new: V) -> &mut V {
    let place = list.partition_point(|(held, _)| *held < key);
    if list.get(place).is_none_or(|(held, _)| *held != key) {
        list.insert(place, (key, new));
    }
    &mut list[place].1
}

/// One amount less another, within what an amount can be.
fn less(amount: Nanos, other: Nanos) -> Nanos {
    Nanos::new(amount.get().saturating_sub(other.get()))
}

/// What the campaign's own plans had for it between two rounds. A plan counts from when it was
/// made; up to then the one before went on at its rate.
fn planned_between(before: &Standing, now: &Standing) -> Nanos {
    match (before.plan, now.plan) {
        (Some(old), Some(new)) if old.made_at == new.made_at => less(new.planned, old.planned),
        (Some(old), Some(new)) => {
            let left = (new.made_at - old.stepped_to).max(Span::ZERO).min(SILENCE);
            let rest = Nanos::floor_from(old.rate.as_f64() * left.as_minutes());
            new.planned.saturating_add(rest)
        }
        (None, Some(new)) => new.planned,
        (_, None) => Nanos::ZERO,
    }
}

/// A round that is kept, and what happened since the row before.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Row {
    /// What the round said.
    pub standing: Standing,
    /// The likeliest cause then; absent where nobody looked.
    pub cause: Option<CauseKind>,
    /// Since the row before, or since the campaign was first seen.
    pub within: Within,
}

/// Rows of one campaign that are kept together.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stretch {
    /// Nothing changed between the last row and then.
    pub through: Timestamp,
    /// In order of time; at least one.
    pub rows: Vec<Row>,
}
