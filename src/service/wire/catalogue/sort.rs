//! A catalogue request sorted by partition: every message read, every fault told.
//!
//! Knows messages and which partition an advertiser lives in, but no engine. Called by the admin
//! service.

use super::{Complaints, Portion, Request, advertiser, campaign, group, shape};
use paceline_core::units::{AdvertiserId, Currency, PartitionId};
use paceline_proto::v1;
use std::collections::{BTreeMap, BTreeSet};

/// Items of each kind in one request.
const ITEMS_MAX: usize = 10_000;

/// Where something stands in a request, and what it is called.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Place {
    list: &'static str,
    index: usize,
    pub(super) name: String,
}

impl Place {
    fn new(list: &'static str, index: usize, name: &str) -> Self {
        Self { list, index, name: name.to_owned() }
    }

    /// `campaigns[2]`.
    pub(super) fn path(&self) -> String {
        format!("{}[{}]", self.list, self.index)
    }
}

/// Sorts a request by partition, or tells every rule it breaks by itself.
///
/// # Errors
/// The complaints.
pub fn read(
    request: &Request,
    partitions: u8,
) -> Result<BTreeMap<PartitionId, Portion>, Vec<v1::Complaint>> {
    let mut complaints = Complaints::default();
    let lengths = [
        ("shapes", request.shapes.len()),
        ("advertisers", request.advertisers.len()),
        ("groups", request.groups.len()),
        ("campaigns", request.campaigns.len()),
    ];
    for (list, length) in lengths.into_iter().filter(|(_, length)| *length > ITEMS_MAX) {
        complaints.add(list, &length.to_string(), "must have at most 10000 items");
    }
    if complaints.count() > 0 {
        return Err(complaints.into_vec());
    }
    let mut sorted = Sorted { portions: BTreeMap::new(), currencies: BTreeMap::new(), partitions };
    sorted.shapes(request, &mut complaints);
    sorted.advertisers(request, &mut complaints);
    sorted.groups(request, &mut complaints);
    sorted.campaigns(request, &mut complaints);
    if complaints.count() == 0 { Ok(sorted.portions) } else { Err(complaints.into_vec()) }
}

struct Sorted {
    portions: BTreeMap<PartitionId, Portion>,
    currencies: BTreeMap<AdvertiserId, Currency>,
    partitions: u8,
}

impl Sorted {
    fn portion(&mut self, payer: &str) -> &mut Portion {
        self.portion_of(PartitionId::of(payer, self.partitions))
    }

    fn portion_of(&mut self, partition: PartitionId) -> &mut Portion {
        let fresh = || Portion { partition, ..Portion::default() };
        self.portions.entry(partition).or_insert_with(fresh)
    }

    fn shapes(&mut self, request: &Request, complaints: &mut Complaints) {
        let mut seen = BTreeSet::new();
        for (index, message) in request.shapes.iter().enumerate() {
            let place = Place::new("shapes", index, &message.shape_id);
            let path = place.path();
            let Some(change) = shape(&path, message, complaints) else { continue };
            if !seen.insert(change.id) {
                complaints.add(&format!("{path}.shape_id"), &message.shape_id, TWICE);
            }
            // A campaign in any partition may name it.
            for partition in (0..self.partitions).map(PartitionId) {
                let portion = self.portion_of(partition);
                portion.change.shapes.push(change.clone());
                portion.shapes.push(place.clone());
            }
        }
    }

    fn advertisers(&mut self, request: &Request, complaints: &mut Complaints) {
        for (index, message) in request.advertisers.iter().enumerate() {
            let place = Place::new("advertisers", index, &message.advertiser_id);
            let path = place.path();
            let Some(spec) = advertiser(&path, message, complaints) else { continue };
            if self.currencies.insert(spec.id, spec.currency).is_some() {
                complaints.add(&format!("{path}.advertiser_id"), &message.advertiser_id, TWICE);
            }
            let portion = self.portion(&message.advertiser_id);
            portion.change.advertisers.push(spec);
            portion.advertisers.push(place);
        }
    }

    fn groups(&mut self, request: &Request, complaints: &mut Complaints) {
        let mut seen = BTreeSet::new();
        for (index, message) in request.groups.iter().enumerate() {
            let place = Place::new("groups", index, &message.group_id);
            let path = place.path();
            let due = self.due(&message.advertiser_id);
            let Some(spec) = group(&path, message, due, complaints) else { continue };
            if !seen.insert(spec.id) {
                complaints.add(&format!("{path}.group_id"), &message.group_id, TWICE);
            }
            let claim = claim(&path, message.budgets.as_ref(), due);
            let portion = self.portion(&message.advertiser_id);
            portion.claims.extend(claim.map(|(path, code)| (path, spec.advertiser, code)));
            portion.change.groups.push(spec);
            portion.groups.push(place);
        }
    }

    fn campaigns(&mut self, request: &Request, complaints: &mut Complaints) {
        let mut seen = BTreeSet::new();
        for (index, message) in request.campaigns.iter().enumerate() {
            let place = Place::new("campaigns", index, &message.campaign_id);
            let path = place.path();
            let due = self.due(&message.advertiser_id);
            let Some(spec) = campaign(&path, message, due, complaints) else { continue };
            if !seen.insert(spec.id) {
                complaints.add(&format!("{path}.campaign_id"), &message.campaign_id, TWICE);
            }
            let claim = claim(&path, message.budgets.as_ref(), due);
            let portion = self.portion(&message.advertiser_id);
            portion.claims.extend(claim.map(|(path, code)| (path, spec.advertiser, code)));
            portion.change.campaigns.push(spec);
            portion.campaigns.push(place);
        }
    }

    fn due(&self, payer: &str) -> Option<Currency> {
        self.currencies.get(&AdvertiserId::of(payer)).copied()
    }
}

const TWICE: &str = "must not be stated twice";

/// A currency that only the engine can judge.
fn claim(
    path: &str,
    budgets: Option<&v1::Budgets>,
    due: Option<Currency>,
) -> Option<(String, String)> {
    let code = budgets?.currency.clone()?;
    due.is_none().then(|| (format!("{path}.budgets.currency"), code))
}
