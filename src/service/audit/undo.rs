//! The inverse of a change: what to put into the log so that its object is as it was before.
//!
//! Answers only while the object still is as the change left it, unless it is told to go over what
//! came later. Reads an engine that it is lent; changes nothing. Called by the admin service.

use super::record::{Change, Record};
use super::watch::{configured, hand};
use paceline_core::campaign::{AdvertiserSpec, CampaignSpec, GroupSpec};
use paceline_core::engine::Engine;
use paceline_core::input::{CatalogueChange, Input, ShapeChange};
use paceline_core::object::{Expected, ObjectId};
use paceline_core::overrides::{Override, OverrideChange};
use paceline_core::units::{AdvertiserId, CampaignId, GroupId};
use serde::de::DeserializeOwned;

/// What takes a change back.
#[derive(Debug, Clone, PartialEq)]
pub struct Inverse {
    /// What to put into the log.
    pub input: Input,
    /// What that rests on; nothing for hands, which have no generation.
    pub expected: Vec<Expected>,
    /// What is there now, as canonical JSON; absent for nothing.
    pub now: Option<String>,
    /// What is there afterwards.
    pub then: Option<String>,
}

/// Why a change cannot be taken back.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NotUndone {
    /// When something was made: there is nothing to go back to.
    #[error("{kind} {id} was made by it, and nothing is ever unmade: {advice}")]
    Made {
        /// Of the object.
        kind: String,
        /// Of the object.
        id: String,
        /// What to do instead.
        advice: &'static str,
    },
    /// When the object is not as the change left it.
    #[error(
        "{kind} {id} has changed since; undo what came later first, or say that it may be lost"
    )]
    ChangedSince {
        /// Of the object.
        kind: String,
        /// Of the object.
        id: String,
    },
    /// When it is as it was before already.
    #[error("{kind} {id} is as it was before already")]
    Already {
        /// Of the object.
        kind: String,
        /// Of the object.
        id: String,
    },
    /// When the hand would have ended by now.
    #[error("the hand that was taken off has ended by itself meanwhile")]
    Ended,
    /// When money or a counter was decided about.
    #[error("what was {change} cannot be taken back: {advice}")]
    Final {
        /// The word for the change.
        change: &'static str,
        /// What to do instead.
        advice: &'static str,
    },
    /// When another version wrote the record.
    #[error("what it was before is written as another version of the service wrote it")]
    Unreadable,
}

/// What takes `record` back. With `is_forced`, also where the object was changed later.
///
/// # Errors
/// [`NotUndone`] says why not.
pub fn inverse(engine: &Engine, record: &Record, is_forced: bool) -> Result<Inverse, NotUndone> {
    let inverse = match record.change {
        Change::Made => {
            let advice = match record.object.kind.as_str() {
                "campaign" => "enter it with status = \"archived\" to end it",
                _ => "leave it unused",
            };
            let (kind, id) = names(record);
            return Err(NotUndone::Made { kind, id, advice });
        }
        Change::Edited => edit(engine, record)?,
        Change::LaidOn | Change::TakenOff => hands(engine, record)?,
        Change::Accepted => {
            let advice = "from then on it counts from what the counter said";
            return Err(NotUndone::Final { change: "accepted", advice });
        }
        Change::Posted => {
            let advice = "report an adjust that gives the money back";
            return Err(NotUndone::Final { change: "posted", advice });
        }
        Change::Dropped => {
            let advice = "report an adjust that takes the money";
            return Err(NotUndone::Final { change: "dropped", advice });
        }
    };
    let (kind, id) = names(record);
    if inverse.now == inverse.then {
        return Err(NotUndone::Already { kind, id });
    }
    if !is_forced && inverse.now != record.after {
        return Err(NotUndone::ChangedSince { kind, id });
    }
    Ok(inverse)
}

/// The shape that was put back by undoing `record`, while nothing came after that; nothing for any
/// other object.
pub fn shape_put_back(engine: &Engine, record: &Record) -> Option<Input> {
    let inverse = edit(engine, record).ok().filter(|_| record.object.kind == "shape")?;
    (inverse.now == inverse.then).then_some(inverse.input)
}

fn names(record: &Record) -> (String, String) {
    (record.object.kind.clone(), record.object.id.clone())
}

fn read<T: DeserializeOwned>(text: Option<&String>) -> Result<T, NotUndone> {
    let text = text.ok_or(NotUndone::Unreadable)?;
    serde_json::from_str(text).map_err(|_| NotUndone::Unreadable)
}

/// The configuration as it was.
fn edit(engine: &Engine, record: &Record) -> Result<Inverse, NotUndone> {
    let (name, before) = (record.object.id.as_str(), record.before.as_ref());
    let mut change = CatalogueChange::default();
    let object = match record.object.kind.as_str() {
        "advertiser" => {
            change.advertisers.push(read::<AdvertiserSpec>(before)?);
            ObjectId::Advertiser(AdvertiserId::of(name))
        }
        "group" => {
            change.groups.push(read::<GroupSpec>(before)?);
            ObjectId::Group(GroupId::of(name))
        }
        "campaign" => {
            change.campaigns.push(read::<CampaignSpec>(before)?);
            ObjectId::Campaign(CampaignId::of(name))
        }
        "shape" => {
            let shape: ShapeChange = read(before)?;
            let id = shape.id;
            change.shapes.push(shape);
            ObjectId::Shape(id)
        }
        _ => return Err(NotUndone::Unreadable),
    };
    Ok(Inverse {
        input: Input::Catalogue(change),
        expected: vec![Expected { object, generation: engine.generation_of(object) }],
        now: configured(engine, object),
        then: record.before.clone(),
    })
}

/// The hand off again, or on again as it was, until it was to end.
fn hands(engine: &Engine, record: &Record) -> Result<Inverse, NotUndone> {
    let known: Override = read(record.after.as_ref().or(record.before.as_ref()))?;
    let held = hand(engine, known.target, known.action.as_str());
    let now = held.map(super::watch::canonical);
    let former: Option<Override> = match &record.before {
        None => None,
        before => Some(read(before.as_ref())?),
    };
    let input = match (former.filter(|former| former.expires_at > engine.now()), held) {
        (Some(former), _) => OverrideChange::Set(former),
        (None, Some(held)) => OverrideChange::Clear { id: held.id, author: String::new() },
        (None, None) => return Err(NotUndone::Ended),
    };
    let then = match &input {
        OverrideChange::Set(_) => record.before.clone(),
        OverrideChange::Clear { .. } => None,
    };
    Ok(Inverse { input: Input::Override(input), expected: Vec::new(), now, then })
}
