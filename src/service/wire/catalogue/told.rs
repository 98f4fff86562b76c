//! Everything that is configured, as messages: a page at a time from an engine, and back to a
//! catalogue for whoever wants it as a file.
//!
//! Called by the admin service, and by `ctl` for what it was told.

use super::super::paging::PageBound;
use super::{
    CampaignNames, Complaints, advertiser, advertiser_message, campaign, campaign_message, group,
    group_message, shape,
};
use paceline_catalogue::{Catalogue, Shape};
use paceline_core::engine::Engine;
use paceline_core::input::ShapeChange;
use paceline_core::object::ObjectId;
use paceline_core::units::{CampaignId, Name, ShapeId};
use paceline_proto::v1;
use prost::Message as _;
use std::collections::{BTreeMap, BTreeSet};

/// A page of what is configured.
pub type Page = v1::GetCatalogueResponse;

/// The message of a shape; nothing for one without a name.
fn shape_message(shape: &ShapeChange) -> Option<v1::TrafficShape> {
    let shape_id = shape.name.as_ref()?.to_string();
    Some(v1::TrafficShape { shape_id, weights: shape.weights.clone() })
}

/// Something that is configured, in the order in which it is told.
#[derive(Debug, Clone)]
pub enum Item {
    /// The expected course of traffic.
    Shape(v1::TrafficShape),
    /// Who pays.
    Advertiser(v1::Advertiser),
    /// Campaigns that share a budget.
    Group(v1::CampaignGroup),
    /// The order being delivered.
    Campaign(Box<v1::Campaign>),
}

impl Item {
    /// Bytes on the wire.
    fn bytes(&self) -> usize {
        match self {
            Self::Shape(shape) => shape.encoded_len(),
            Self::Advertiser(payer) => payer.encoded_len(),
            Self::Group(group) => group.encoded_len(),
            Self::Campaign(campaign) => campaign.encoded_len(),
        }
    }

    /// Sorts by kind, then by id.
    #[must_use]
    pub fn key(&self) -> String {
        match self {
            Self::Shape(shape) => format!("0/{}", shape.shape_id),
            Self::Advertiser(payer) => format!("1/{}", payer.advertiser_id),
            Self::Group(group) => format!("2/{}", group.group_id),
            Self::Campaign(campaign) => format!("3/{}", campaign.campaign_id),
        }
    }
}

/// A campaign as it is in force, and its generation.
#[must_use]
pub fn campaign_held(engine: &Engine, id: CampaignId) -> Option<(v1::Campaign, u64)> {
    let spec = engine.campaign(id)?;
    let payer = engine.advertiser(spec.advertiser);
    let group = spec.group.and_then(|group| engine.group(group));
    let shape_name = |id: ShapeId| Some(engine.shape_as_entered(id)?.name?.to_string());
    let names = CampaignNames {
        advertiser: payer.map(|payer| payer.name.to_string()).unwrap_or_default(),
        group: group.map(|group| group.name.to_string()),
        shape: spec.shape.and_then(shape_name),
        curve: spec.terms.curve.and_then(shape_name),
    };
    Some((campaign_message(spec, names), engine.generation_of(ObjectId::Campaign(id))))
}

/// The items of an engine after a token, one more than a page, each with its generation.
#[must_use]
pub fn items(engine: &Engine, token: &str, bound: PageBound) -> Vec<(Item, u64)> {
    let payer = |id| engine.advertiser(id).map(|spec| spec.name.to_string()).unwrap_or_default();
    let named: Vec<(Name, ShapeId)> =
        engine.shapes().filter_map(|shape| Some((shape.name?, shape.id))).collect();
    let shapes = named.iter().map(|(name, id)| ("0", name.as_str(), ObjectId::Shape(*id)));
    let advertisers =
        engine.advertisers().map(|spec| ("1", spec.name.as_str(), ObjectId::Advertiser(spec.id)));
    let groups = engine.groups().map(|spec| ("2", spec.name.as_str(), ObjectId::Group(spec.id)));
    let campaigns =
        engine.campaigns().map(|spec| ("3", spec.name.as_str(), ObjectId::Campaign(spec.id)));
    let last = token.split_once('/').unwrap_or_default();
    let all = shapes.chain(advertisers).chain(groups).chain(campaigns);
    let mut keys: Vec<_> = all.filter(|(kind, name, _)| (*kind, *name) > last).collect();
    // The loop waits meanwhile: the page's own are set apart first, and these alone are sorted.
    let most = bound.items();
    if keys.len() > most + 1 {
        keys.select_nth_unstable(most);
        keys.truncate(most + 1);
    }
    keys.sort_unstable();
    let item = |id: ObjectId| {
        Some(match id {
            ObjectId::Shape(id) => Item::Shape(shape_message(&engine.shape_as_entered(id)?)?),
            ObjectId::Advertiser(id) => {
                Item::Advertiser(advertiser_message(engine.advertiser(id)?))
            }
            ObjectId::Group(id) => {
                let spec = engine.group(id)?;
                Item::Group(group_message(spec, &payer(spec.advertiser)))
            }
            ObjectId::Campaign(id) => Item::Campaign(Box::new(campaign_held(engine, id)?.0)),
        })
    };
    let told = keys.into_iter().filter_map(|(.., id)| Some((item(id)?, engine.generation_of(id))));
    bound.first(told, |(item, _)| item.bytes())
}

/// The first items of all partitions, each once, and the token of the next page.
#[must_use]
pub fn page(mut found: Vec<(Item, u64)>, bound: PageBound) -> Page {
    found.sort_by_cached_key(|(item, _)| item.key());
    // Every partition has the same shapes.
    let mut seen = BTreeSet::new();
    found.retain(|(item, _)| seen.insert(item.key()));
    let mut told = Page::default();
    if bound.cut(&mut found, |(item, _)| item.bytes()) {
        told.next_page_token = found.last().map(|(item, _)| item.key()).unwrap_or_default();
    }
    for (item, generation) in found {
        use v1::object_ref::Object;
        let object = match &item {
            Item::Shape(shape) => Object::ShapeId(shape.shape_id.clone()),
            Item::Advertiser(payer) => Object::AdvertiserId(payer.advertiser_id.clone()),
            Item::Group(group) => Object::GroupId(group.group_id.clone()),
            Item::Campaign(campaign) => Object::CampaignId(campaign.campaign_id.clone()),
        };
        let object = Some(v1::ObjectRef { object: Some(object) });
        told.generations.push(v1::ObjectGeneration { object, generation });
        match item {
            Item::Shape(shape) => told.shapes.push(shape),
            Item::Advertiser(payer) => told.advertisers.push(payer),
            Item::Group(group) => told.groups.push(group),
            Item::Campaign(campaign) => told.campaigns.push(*campaign),
        }
    }
    told
}

/// Generations by kind and id.
pub type Generations = BTreeMap<(&'static str, String), u64>;

/// All pages as a catalogue, and the generation of each thing in it.
///
/// # Errors
/// What this version cannot read of it.
pub fn held(pages: Vec<Page>) -> Result<(Catalogue, Generations), Vec<v1::Complaint>> {
    let mut complaints = Complaints::default();
    let mut catalogue = Catalogue::default();
    let mut generations = Generations::new();
    let mut seen = BTreeSet::new();
    for page in pages {
        // Every instance has the same shapes.
        for message in page.shapes.iter().filter(|shape| seen.insert(shape.shape_id.clone())) {
            let change = shape("shapes", message, &mut complaints);
            catalogue.shapes.extend(change.and_then(named));
        }
        for message in &page.advertisers {
            let spec = advertiser("advertisers", message, &mut complaints);
            catalogue.advertisers.extend(spec);
        }
        for message in &page.groups {
            catalogue.groups.extend(group("groups", message, None, &mut complaints));
        }
        for message in &page.campaigns {
            catalogue.campaigns.extend(campaign("campaigns", message, None, &mut complaints));
        }
        for one in page.generations {
            generations.extend(word(one.object).map(|object| (object, one.generation)));
        }
    }
    let complaints = complaints.into_vec();
    if complaints.is_empty() { Ok((catalogue, generations)) } else { Err(complaints) }
}

fn named(change: ShapeChange) -> Option<Shape> {
    let ShapeChange { id, name, weights } = change;
    Some(Shape { id, name: name?, weights })
}

fn word(object: Option<v1::ObjectRef>) -> Option<(&'static str, String)> {
    use v1::object_ref::Object;
    Some(match object?.object? {
        Object::AdvertiserId(id) => ("advertiser", id),
        Object::GroupId(id) => ("group", id),
        Object::CampaignId(id) => ("campaign", id),
        Object::ShapeId(id) => ("shape", id),
    })
}
