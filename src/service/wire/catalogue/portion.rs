//! What one partition is to enter of a catalogue request, with the way back to the request's paths.
//!
//! Asks an engine that it is lent; changes nothing. Made by [`super::sort`].

use super::{Place, translated};
use paceline_core::campaign::{AdvertiserSpec, CampaignSpec, GroupSpec, SpecError};
use paceline_core::engine::Engine;
use paceline_core::input::{CatalogueChange, ShapeChange};
use paceline_core::object::{Expected, ObjectId};
use paceline_core::units::{AdvertiserId, PartitionId};
use paceline_proto::v1;
use std::collections::BTreeSet;

/// What is asked.
pub type Request = v1::ApplyCatalogueRequest;
/// What is answered.
pub type Response = v1::ApplyCatalogueResponse;
/// A rule that is broken, with the path of what breaks it.
pub type Complaint = v1::Complaint;
/// Something that was entered, or was not.
pub type Item = v1::CatalogueItem;

/// What one partition is to enter.
#[derive(Debug, Clone, Default)]
pub struct Portion {
    /// Which.
    pub partition: PartitionId,
    /// What to enter.
    pub change: CatalogueChange,
    /// What that is in the request; known once it was checked.
    pub items: Vec<Item>,
    /// Generations that what is entered rests on; known once it was checked.
    pub expected: Vec<Expected>,
    /// Places in the request of what is entered.
    pub(super) shapes: Vec<Place>,
    pub(super) advertisers: Vec<Place>,
    pub(super) groups: Vec<Place>,
    pub(super) campaigns: Vec<Place>,
    /// Currencies stated for advertisers that the request does not hold: path, whose, which.
    pub(super) claims: Vec<(String, AdvertiserId, String)>,
}

/// What an engine says of a portion.
#[derive(Debug)]
pub enum Asked {
    /// It would be taken; without what is there already.
    Sound(Box<Portion>),
    /// It would be refused.
    Faulty(Vec<v1::Complaint>),
}

/// The answer to a request that broke rules.
#[must_use]
pub fn refuse(mut complaints: Vec<v1::Complaint>) -> Response {
    let mut seen = BTreeSet::new();
    // Every partition complains of the same shape.
    complaints.retain(|complaint| seen.insert((complaint.path.clone(), complaint.rule.clone())));
    complaints.truncate(super::COMPLAINTS_MAX);
    Response { complaints, ..Response::default() }
}

/// The answer to a sound request: what was entered, and which partitions were lost midway with
/// what they were to take.
#[must_use]
pub fn respond(mut entered: Vec<Item>, lost: Vec<(Portion, String)>) -> Response {
    let mut seen = BTreeSet::new();
    // Every partition takes the same shape.
    entered.retain(|item| seen.insert(item.path.clone()));
    let failures = lost.into_iter().map(|(portion, reason)| v1::CatalogueFailure {
        partition: portion.partition.0.into(),
        reason,
        items: portion.items,
    });
    Response {
        complaints: Vec::new(),
        changed: u32::try_from(entered.len()).unwrap_or(u32::MAX),
        entered,
        failures: failures.collect(),
        ..Response::default()
    }
}

/// Leaves out what is there already, and tells of the rest: its place, and whether it is new.
fn keep<T>(
    items: &mut Vec<T>,
    places: &mut Vec<Place>,
    known: impl Fn(&T) -> Known,
    told: &mut Vec<(Place, bool)>,
) {
    let pairs = std::mem::take(items).into_iter().zip(std::mem::take(places));
    for (item, place) in pairs {
        let known = known(&item);
        if known == Known::Alike {
            continue;
        }
        told.push((place.clone(), known == Known::Not));
        items.push(item);
        places.push(place);
    }
}

/// Whether an engine knows an item.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Known {
    /// Not under this id.
    Not,
    /// Otherwise.
    Otherwise,
    /// As it is stated.
    Alike,
}

impl Known {
    fn of<T: PartialEq>(held: Option<&T>, stated: &T) -> Self {
        match held {
            None => Self::Not,
            Some(held) if held == stated => Self::Alike,
            Some(_) => Self::Otherwise,
        }
    }
}

impl Portion {
    /// Whether nothing is to be entered.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        let change = &self.change;
        change.shapes.is_empty()
            && change.advertisers.is_empty()
            && change.groups.is_empty()
            && change.campaigns.is_empty()
    }

    /// Asks an engine whether it would take this. Of the generations that were read before, those
    /// of what is entered must be its own; what is there already was entered, whoever read what.
    #[must_use]
    pub fn check(mut self, engine: &Engine, read: &[Expected]) -> Asked {
        let mut faults = self.complaints(engine.check_catalogue(&self.change));
        for (path, payer, code) in &self.claims {
            if let Some(due) = engine.advertiser(*payer).map(|spec| spec.currency)
                && code != due.as_str()
            {
                faults.push(v1::Complaint {
                    path: path.clone(),
                    value: code.clone(),
                    rule: format!("must be {due}, the advertiser's currency"),
                });
            }
        }
        if !faults.is_empty() {
            return Asked::Faulty(faults);
        }
        self.leave_out_alike(engine);
        let entered = self.objects();
        let places = read.iter().enumerate();
        for (at, &expected) in places.filter(|(_, read)| entered.contains(&read.object)) {
            let found = engine.generation_of(expected.object);
            if found != expected.generation {
                faults.push(v1::Complaint {
                    path: format!("expected[{at}].generation"),
                    value: expected.generation.to_string(),
                    rule: format!("must be {found}, its generation now: it was changed since"),
                });
            }
            self.expected.push(expected);
        }
        if faults.is_empty() { Asked::Sound(Box::new(self)) } else { Asked::Faulty(faults) }
    }

    /// What is entered.
    fn objects(&self) -> BTreeSet<ObjectId> {
        let change = &self.change;
        let shapes = change.shapes.iter().map(|shape| ObjectId::Shape(shape.id));
        let advertisers = change.advertisers.iter().map(|spec| ObjectId::Advertiser(spec.id));
        let groups = change.groups.iter().map(|spec| ObjectId::Group(spec.id));
        let campaigns = change.campaigns.iter().map(|spec| ObjectId::Campaign(spec.id));
        shapes.chain(advertisers).chain(groups).chain(campaigns).collect()
    }

    fn leave_out_alike(&mut self, engine: &Engine) {
        let change = &mut self.change;
        let mut told = Vec::new();
        let shape = |stated: &ShapeChange| {
            let held = engine.shape(stated.id).map(|held| Vec::from(held.clone()));
            Known::of(held.as_ref(), &stated.weights)
        };
        keep(&mut change.shapes, &mut self.shapes, shape, &mut told);
        let advertiser = |stated: &AdvertiserSpec| Known::of(engine.advertiser(stated.id), stated);
        keep(&mut change.advertisers, &mut self.advertisers, advertiser, &mut told);
        let group = |stated: &GroupSpec| Known::of(engine.group(stated.id), stated);
        keep(&mut change.groups, &mut self.groups, group, &mut told);
        let campaign = |stated: &CampaignSpec| Known::of(engine.campaign(stated.id), stated);
        keep(&mut change.campaigns, &mut self.campaigns, campaign, &mut told);
        let partition = u32::from(self.partition.0);
        let item = |(place, is_new): (Place, bool)| Item {
            path: place.path(),
            id: place.name,
            partition,
            is_new,
        };
        self.items = told.into_iter().map(item).collect();
    }

    /// The engine's complaints in the request's words.
    #[must_use]
    pub fn complaints(&self, errors: Vec<SpecError>) -> Vec<v1::Complaint> {
        let complaint = |error: SpecError| v1::Complaint {
            path: translated(&self.placed(&error.field)),
            value: String::new(),
            rule: error.rule,
        };
        errors.into_iter().map(complaint).collect()
    }

    /// `campaigns[2].group` of this portion as a path of the request.
    fn placed(&self, field: &str) -> String {
        let placed = || {
            let (list, rest) = field.split_once('[')?;
            let (index, rest) = rest.split_once(']')?;
            let places = match list {
                "shapes" => &self.shapes,
                "advertisers" => &self.advertisers,
                "groups" => &self.groups,
                "campaigns" => &self.campaigns,
                _ => return None,
            };
            let place = places.get(index.parse::<usize>().ok()?)?;
            Some(place.path() + rest)
        };
        placed().unwrap_or_else(|| field.to_owned())
    }
}
