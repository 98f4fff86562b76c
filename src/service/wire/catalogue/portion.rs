//! A catalogue request sorted by partition, each portion with the way back to the request's paths.

use super::{Complaints, advertiser, campaign, group, translated};
use paceline_core::campaign::SpecError;
use paceline_core::engine::Engine;
use paceline_core::input::CatalogueChange;
use paceline_core::units::{AdvertiserId, Currency, PartitionId};
use paceline_proto::v1;
use std::collections::BTreeMap;

/// Items of each kind in one request.
const ITEMS_MAX: usize = 10_000;

/// What is asked.
pub type Request = v1::ApplyCatalogueRequest;
/// What is answered.
pub type Response = v1::ApplyCatalogueResponse;

/// What one partition is to enter.
#[derive(Debug, Clone, Default)]
pub struct Portion {
    /// Which.
    pub partition: PartitionId,
    /// What to enter.
    pub change: CatalogueChange,
    /// Places in the request of what is entered.
    advertisers: Vec<usize>,
    groups: Vec<usize>,
    campaigns: Vec<usize>,
    /// Currencies stated for advertisers that the request does not hold: path, whose, which.
    claims: Vec<(String, AdvertiserId, String)>,
}

/// What an engine says of a portion.
#[derive(Debug)]
pub enum Asked {
    /// It would be taken; without what is there already.
    Sound(Portion),
    /// It would be refused.
    Faulty(Vec<v1::Complaint>),
}

/// The answer with these complaints.
#[must_use]
pub fn respond(complaints: Vec<v1::Complaint>, changed: usize) -> Response {
    let changed =
        if complaints.is_empty() { u32::try_from(changed).unwrap_or(u32::MAX) } else { 0 };
    Response { complaints, changed }
}

/// Sorts a request by partition, or tells every rule it breaks by itself.
///
/// # Errors
/// The complaints.
pub fn read(
    request: &Request,
    partition_of: impl Fn(&str) -> PartitionId,
) -> Result<BTreeMap<PartitionId, Portion>, Vec<v1::Complaint>> {
    let mut complaints = Complaints::default();
    let lengths = [
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
    let mut sorted =
        Sorted { portions: BTreeMap::new(), currencies: BTreeMap::new(), partition_of };
    sorted.advertisers(request, &mut complaints);
    sorted.groups(request, &mut complaints);
    sorted.campaigns(request, &mut complaints);
    if complaints.count() == 0 { Ok(sorted.portions) } else { Err(complaints.into_vec()) }
}

struct Sorted<F> {
    portions: BTreeMap<PartitionId, Portion>,
    currencies: BTreeMap<AdvertiserId, Currency>,
    partition_of: F,
}

impl<F: Fn(&str) -> PartitionId> Sorted<F> {
    fn portion(&mut self, payer: &str) -> &mut Portion {
        let partition = (self.partition_of)(payer);
        self.portions
            .entry(partition)
            .or_insert_with(|| Portion { partition, ..Portion::default() })
    }

    fn advertisers(&mut self, request: &Request, complaints: &mut Complaints) {
        for (index, message) in request.advertisers.iter().enumerate() {
            let path = format!("advertisers[{index}]");
            let Some(spec) = advertiser(&path, message, complaints) else { continue };
            if self.currencies.insert(spec.id, spec.currency).is_some() {
                complaints.add(&format!("{path}.advertiser_id"), &message.advertiser_id, TWICE);
            }
            let portion = self.portion(&message.advertiser_id);
            portion.change.advertisers.push(spec);
            portion.advertisers.push(index);
        }
    }

    fn groups(&mut self, request: &Request, complaints: &mut Complaints) {
        let mut seen = BTreeMap::new();
        for (index, message) in request.groups.iter().enumerate() {
            let path = format!("groups[{index}]");
            let due = self.due(&message.advertiser_id);
            let Some(spec) = group(&path, message, due, complaints) else { continue };
            if seen.insert(spec.id, ()).is_some() {
                complaints.add(&format!("{path}.group_id"), &message.group_id, TWICE);
            }
            let claim = claim(&path, message.budgets.as_ref(), due);
            let portion = self.portion(&message.advertiser_id);
            portion.claims.extend(claim.map(|(path, code)| (path, spec.advertiser, code)));
            portion.change.groups.push(spec);
            portion.groups.push(index);
        }
    }

    fn campaigns(&mut self, request: &Request, complaints: &mut Complaints) {
        let mut seen = BTreeMap::new();
        for (index, message) in request.campaigns.iter().enumerate() {
            let path = format!("campaigns[{index}]");
            let due = self.due(&message.advertiser_id);
            let Some(spec) = campaign(&path, message, due, complaints) else { continue };
            if seen.insert(spec.id, ()).is_some() {
                complaints.add(&format!("{path}.campaign_id"), &message.campaign_id, TWICE);
            }
            let claim = claim(&path, message.budgets.as_ref(), due);
            let portion = self.portion(&message.advertiser_id);
            portion.claims.extend(claim.map(|(path, code)| (path, spec.advertiser, code)));
            portion.change.campaigns.push(spec);
            portion.campaigns.push(index);
        }
    }

    fn due(&self, payer: &str) -> Option<Currency> {
        self.currencies.get(&AdvertiserId::of(payer)).copied()
    }
}

/// Leaves out what does not fit, and its place in the request with it.
fn keep<T>(items: &mut Vec<T>, places: &mut Vec<usize>, fits: impl Fn(&T) -> bool) {
    let pairs = std::mem::take(items).into_iter().zip(std::mem::take(places));
    (*items, *places) = pairs.filter(|(item, _)| fits(item)).unzip();
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

impl Portion {
    /// Items to enter.
    #[must_use]
    pub fn len(&self) -> usize {
        self.change.advertisers.len() + self.change.groups.len() + self.change.campaigns.len()
    }

    /// Whether nothing is to be entered.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Asks an engine whether it would take this.
    #[must_use]
    pub fn check(mut self, engine: &Engine) -> Asked {
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
        let change = &mut self.change;
        keep(&mut change.advertisers, &mut self.advertisers, |spec| {
            engine.advertiser(spec.id) != Some(spec)
        });
        keep(&mut change.groups, &mut self.groups, |spec| engine.group(spec.id) != Some(spec));
        keep(&mut change.campaigns, &mut self.campaigns, |spec| {
            engine.campaign(spec.id) != Some(spec)
        });
        Asked::Sound(self)
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
                "advertisers" => &self.advertisers,
                "groups" => &self.groups,
                "campaigns" => &self.campaigns,
                _ => return None,
            };
            let place = places.get(index.parse::<usize>().ok()?)?;
            Some(format!("{list}[{place}]{rest}"))
        };
        placed().unwrap_or_else(|| field.to_owned())
    }
}
