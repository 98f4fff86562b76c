//! What a record of the log is about: looked at before it is applied and after.
//!
//! A change is what differs between the two looks, so that a record that was refused, or that says
//! what is there already, leaves no trace. Reads an engine that it is lent.

use super::record::{Change, Object, Record};
use paceline_core::budget::BudgetOwner;
use paceline_core::engine::Engine;
use paceline_core::input::{CatalogueChange, Input, ShapeChange, Stamped, SuspenseChange};
use paceline_core::object::ObjectId;
use paceline_core::overrides::{Override, OverrideChange};
use paceline_core::units::{CampaignId, EventId, OverrideId};
use serde::Serialize;
use std::fmt::Display;

/// What a record may change.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Subject {
    /// What is configured.
    Configured(ObjectId),
    /// A hand of this kind on somebody.
    Hand(BudgetOwner, &'static str),
    /// A campaign's counter.
    Counter(CampaignId),
    /// Money set aside.
    Event(EventId, Change),
}

/// A subject before a record was applied.
#[derive(Debug)]
struct Seen {
    subject: Subject,
    object: Option<Object>,
    before: Option<String>,
}

/// What a record of the log may change, as it was before.
#[derive(Debug, Default)]
pub(super) struct Watched(Vec<Seen>);

impl Watched {
    /// Looks before a record is applied.
    pub(super) fn before(engine: &Engine, input: &Input) -> Self {
        let seen = |subject: Subject| Seen {
            object: object(engine, &subject),
            before: state(engine, &subject),
            subject,
        };
        Self(subjects(engine, input.bare()).into_iter().map(seen).collect())
    }

    /// Looks again afterwards. Records are numbered from `next`.
    pub(super) fn after(self, engine: &Engine, record: &Stamped, next: u64) -> Vec<Record> {
        let by = match &record.input {
            Input::Decided(by) => (by.author.clone(), by.reason.clone(), by.request_id.clone()),
            bare => told(bare),
        };
        let undoes = match &record.input {
            Input::Decided(by) => by.undoes,
            _ => None,
        };
        let mut records = Vec::new();
        for seen in self.0 {
            let after = state(engine, &seen.subject);
            let Some(change) = change(engine, &seen, after.as_ref()) else { continue };
            let Some(object) = object(engine, &seen.subject).or(seen.object) else { continue };
            let generation = match seen.subject {
                Subject::Configured(id) => engine.generation_of(id),
                _ => 0,
            };
            records.push(Record {
                number: next + records.len() as u64,
                at: record.at,
                author: by.0.clone(),
                reason: by.1.clone(),
                request_id: by.2.clone(),
                change,
                object,
                generation,
                undoes,
                before: seen.before,
                after,
            });
        }
        records
    }
}

/// Author, reason and request of what was not decided by name.
fn told(input: &Input) -> (String, String, String) {
    let by = |author: &str, reason: &str| (author.to_owned(), reason.to_owned(), String::new());
    match input {
        Input::Override(OverrideChange::Set(hand)) => by(&hand.author, &hand.reason),
        Input::Override(OverrideChange::Clear { author, .. }) => by(author, ""),
        Input::CounterAccept(taken) => by(&taken.author, &taken.reason),
        Input::Suspense(
            SuspenseChange::Post { author, reason, .. }
            | SuspenseChange::Drop { author, reason, .. },
        ) => by(author, reason),
        _ => by("", ""),
    }
}

fn subjects(engine: &Engine, input: &Input) -> Vec<Subject> {
    match input {
        Input::Advertiser(spec) => vec![Subject::Configured(ObjectId::Advertiser(spec.id))],
        Input::Group(spec) => vec![Subject::Configured(ObjectId::Group(spec.id))],
        Input::Campaign(spec) => vec![Subject::Configured(ObjectId::Campaign(spec.id))],
        Input::Shape(change) => vec![Subject::Configured(ObjectId::Shape(change.id))],
        Input::Catalogue(change) => of_catalogue(change),
        Input::Override(OverrideChange::Set(hand)) => {
            vec![Subject::Hand(hand.target, hand.action.as_str())]
        }
        Input::Override(OverrideChange::Clear { id, .. }) => {
            let hand = by_id(engine, *id);
            hand.map(|hand| Subject::Hand(hand.target, hand.action.as_str())).into_iter().collect()
        }
        Input::CounterAccept(taken) => vec![Subject::Counter(taken.campaign)],
        Input::Suspense(SuspenseChange::Post { event_id, .. }) => {
            vec![Subject::Event(*event_id, Change::Posted)]
        }
        Input::Suspense(SuspenseChange::Drop { event_id, .. }) => {
            vec![Subject::Event(*event_id, Change::Dropped)]
        }
        _ => Vec::new(),
    }
}

fn of_catalogue(change: &CatalogueChange) -> Vec<Subject> {
    let shapes = change.shapes.iter().map(|shape| ObjectId::Shape(shape.id));
    let advertisers = change.advertisers.iter().map(|spec| ObjectId::Advertiser(spec.id));
    let groups = change.groups.iter().map(|spec| ObjectId::Group(spec.id));
    let campaigns = change.campaigns.iter().map(|spec| ObjectId::Campaign(spec.id));
    shapes.chain(advertisers).chain(groups).chain(campaigns).map(Subject::Configured).collect()
}

fn by_id(engine: &Engine, id: OverrideId) -> Option<&Override> {
    engine.overrides().iter().find(|hand| hand.id == id)
}

/// The hand of a kind on somebody.
pub(super) fn hand<'a>(
    engine: &'a Engine,
    target: BudgetOwner,
    word: &str,
) -> Option<&'a Override> {
    engine.overrides().iter().find(|hand| hand.target == target && hand.action.as_str() == word)
}

/// What was done, if anything was.
fn change(engine: &Engine, seen: &Seen, after: Option<&String>) -> Option<Change> {
    match (&seen.subject, &seen.before, after) {
        // Whether or not it was at fault, the next reading counts from anew.
        (Subject::Counter(_), _, _) => Some(Change::Accepted),
        (Subject::Event(_, change), Some(_), None) => Some(*change),
        (_, before, after) if before.as_ref() == after => None,
        (Subject::Configured(_), None, _) => Some(Change::Made),
        (Subject::Configured(_), Some(_), _) => Some(Change::Edited),
        (Subject::Hand(..), _, None) => Some(Change::TakenOff),
        (Subject::Hand(target, word), before, Some(_)) => {
            let held = hand(engine, *target, word)?;
            let before: Option<Override> =
                before.as_ref().and_then(|text| serde_json::from_str(text).ok());
            // The same request again moves nothing but the moment it came.
            let is_again =
                before.is_some_and(|before| Override { set_at: held.set_at, ..before } == *held);
            (!is_again).then_some(Change::LaidOn)
        }
        (Subject::Event(..), _, _) => None,
    }
}

/// Canonical JSON: keys in order, no blanks.
pub(super) fn canonical<T: Serialize>(value: &T) -> String {
    serde_json::to_value(value).expect("what the core holds is plain data").to_string()
}

/// What is configured, as canonical JSON.
pub(super) fn configured(engine: &Engine, id: ObjectId) -> Option<String> {
    match id {
        ObjectId::Advertiser(id) => engine.advertiser(id).map(canonical),
        ObjectId::Group(id) => engine.group(id).map(canonical),
        ObjectId::Campaign(id) => engine.campaign(id).map(canonical),
        ObjectId::Shape(id) => engine.shape_as_entered(id).map(|shape| canonical(&shape)),
    }
}

fn state(engine: &Engine, subject: &Subject) -> Option<String> {
    match subject {
        Subject::Configured(id) => configured(engine, *id),
        Subject::Hand(target, word) => hand(engine, *target, word).map(canonical),
        Subject::Counter(campaign) => {
            let slot = engine.ledger().slot_of(*campaign)?;
            let is_at_fault = engine.ledger().campaign(slot).has_counter_fault();
            Some(canonical(&Counter { is_at_fault }))
        }
        Subject::Event(id, _) => {
            let mut held = engine.ledger().suspense().events();
            held.find(|held| held.event.event_id == *id).map(canonical)
        }
    }
}

/// What is told of a counter.
#[derive(Serialize)]
struct Counter {
    is_at_fault: bool,
}

fn object(engine: &Engine, subject: &Subject) -> Option<Object> {
    let named =
        |kind: &str, name: &dyn Display| Object { kind: kind.to_owned(), id: name.to_string() };
    let campaign = |id| engine.campaign(id).map(|spec| named("campaign", &spec.name));
    let group = |id| engine.group(id).map(|spec| named("group", &spec.name));
    let advertiser = |id| engine.advertiser(id).map(|spec| named("advertiser", &spec.name));
    match subject {
        Subject::Configured(ObjectId::Advertiser(id)) => advertiser(*id),
        Subject::Configured(ObjectId::Group(id)) => group(*id),
        Subject::Configured(ObjectId::Campaign(id)) => campaign(*id),
        Subject::Configured(ObjectId::Shape(id)) => {
            let name = |shape: ShapeChange| match shape.name {
                Some(name) => named("shape", &name),
                None => named("shape", &shape.id),
            };
            engine.shape_as_entered(*id).map(name)
        }
        Subject::Hand(BudgetOwner::Campaign(id), _) | Subject::Counter(id) => campaign(*id),
        Subject::Hand(BudgetOwner::Group(id), _) => group(*id),
        Subject::Hand(BudgetOwner::Advertiser(id), _) => advertiser(*id),
        Subject::Event(id, _) => {
            let mut held = engine.ledger().suspense().events();
            let held = held.find(|held| held.event.event_id == *id)?;
            let key = held.event.event_id.key();
            Some(
                campaign(held.event.campaign)
                    .unwrap_or_else(|| named("event", &format!("{key:016x}"))),
            )
        }
    }
}
