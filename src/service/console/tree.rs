//! Who pays for whom: owners of budgets in the order of a tree, a page at a time.
//!
//! An advertiser stands before its own campaigns, these before its groups, and each group before
//! its campaigns. A loop counts its owners first and then tells those of one page alone, so that
//! ten thousand campaigns cost it one pass and one page. Knows engines and loops, no pages. Called
//! by `budgets`.

use crate::control_loop::LoopError;
use crate::partition::Partitions;
use paceline_core::budget::{BudgetOwner, Budgets};
use paceline_core::campaign::{CampaignSpec, CampaignStatus};
use paceline_core::engine::Engine;
use paceline_core::report::OwnerExplanation;
use paceline_core::units::{
    AdvertiserId, CampaignId, Currency, GroupId, Name, PartitionId, Timestamp,
};
use std::collections::BTreeMap;

/// One owner of budgets.
#[derive(Debug)]
pub(super) struct Owner {
    pub name: Name,
    /// How many pay for it, within its advertiser: 0 to 2.
    pub depth: usize,
    /// What it may spend.
    pub budgets: Budgets,
    /// Accounts and plan as of the last round.
    pub told: OwnerExplanation,
    /// Of a campaign: whose plan it follows.
    pub binding: Option<String>,
    /// It stands here because what follows is its own, and was told on an earlier page.
    pub is_repeated: bool,
}

/// Owners of one advertiser, in order.
#[derive(Debug)]
pub(super) struct Branch {
    pub currency: Currency,
    pub now: Timestamp,
    pub owners: Vec<Owner>,
}

/// A page of the tree.
#[derive(Debug, Default)]
pub(super) struct Tree {
    pub branches: Vec<Branch>,
    /// Owners in all, on this page and others.
    pub owners: usize,
    /// Partitions that gave no answer, and why.
    pub missing: Vec<(PartitionId, LoopError)>,
}

fn is_live(spec: &CampaignSpec) -> bool {
    spec.status != CampaignStatus::Archived
}

/// How many owners each advertiser has, itself among them.
fn counts(engine: &Engine) -> Vec<(Name, AdvertiserId, usize)> {
    let mut counts: BTreeMap<AdvertiserId, usize> = BTreeMap::new();
    let campaigns = engine.campaigns().filter(|spec| is_live(spec)).map(|spec| spec.advertiser);
    for payer in engine.groups().map(|spec| spec.advertiser).chain(campaigns) {
        *counts.entry(payer).or_default() += 1;
    }
    let count = |id| 1 + counts.get(&id).copied().unwrap_or(0);
    engine.advertisers().map(|spec| (spec.name.clone(), spec.id, count(spec.id))).collect()
}

/// Owners `skip..skip + take` of all that partitions led here know.
pub(super) async fn ask(partitions: &Partitions, skip: usize, take: usize) -> Tree {
    let mut tree = Tree::default();
    let mut all = Vec::new();
    for handle in partitions.all() {
        match handle.ask(counts).await {
            Ok(told) => all.extend(told.into_iter().map(|one| (one, handle))),
            Err(error) => tree.missing.push((handle.partition(), error)),
        }
    }
    all.sort_by(|((one, ..), _), ((other, ..), _)| one.cmp(other));
    let end = skip.saturating_add(take);
    for ((_, payer, count), handle) in all {
        let start = tree.owners;
        tree.owners += count;
        let (from, until) = (skip.max(start), end.min(tree.owners));
        if from >= until {
            continue;
        }
        let range = (from - start, until - start);
        match handle.ask(move |engine| branch(engine, payer, range)).await {
            Ok(told) => tree.branches.extend(told),
            Err(error) => tree.missing.push((handle.partition(), error)),
        }
    }
    tree
}

/// A campaign and those who pay for it; nothing when it is unknown.
pub(super) fn of_campaign(engine: &Engine, id: CampaignId) -> Option<Branch> {
    let spec = engine.campaign(id)?;
    let mut line = vec![BudgetOwner::Advertiser(spec.advertiser)];
    line.extend(spec.group.map(BudgetOwner::Group));
    line.push(BudgetOwner::Campaign(id));
    told(engine, spec.advertiser, line.into_iter().map(|owner| (owner, false)).collect())
}

/// An advertiser's owners in their order, from one to before another.
fn branch(engine: &Engine, payer: AdvertiserId, (from, until): (usize, usize)) -> Option<Branch> {
    let mut groups: Vec<_> = engine.groups().filter(|spec| spec.advertiser == payer).collect();
    groups.sort_by(|one, other| one.name.cmp(&other.name));
    let of_group = |id: Option<GroupId>| groups.iter().position(|spec| Some(spec.id) == id);
    let mut places: BTreeMap<GroupId, usize> = BTreeMap::new();
    places.extend(groups.iter().enumerate().map(|(place, spec)| (spec.id, place)));
    let campaigns = engine.campaigns().filter(|spec| spec.advertiser == payer && is_live(spec));
    let mut campaigns: Vec<_> = campaigns
        .map(|spec| (spec.group.and_then(|id| places.get(&id).copied()), &spec.name, spec.id))
        .collect();
    // None comes first: the advertiser's own before those of its groups.
    campaigns.sort();
    let mut order = vec![BudgetOwner::Advertiser(payer)];
    let mut rest = campaigns.into_iter().peekable();
    for place in std::iter::once(None).chain((0..groups.len()).map(Some)) {
        order.extend(place.map(|place| BudgetOwner::Group(groups[place].id)));
        while let Some((_, _, id)) = rest.next_if(|(group, ..)| *group == place) {
            order.push(BudgetOwner::Campaign(id));
        }
    }
    // Whoever pays for the first of the page stands above it.
    let mut line: Vec<(BudgetOwner, bool)> = Vec::new();
    if from > 0 {
        line.push((order[0], true));
        let group = match order.get(from) {
            Some(BudgetOwner::Campaign(id)) => engine.campaign(*id).and_then(|spec| spec.group),
            _ => None,
        };
        let group = of_group(group).map(|place| BudgetOwner::Group(groups[place].id));
        line.extend(group.map(|group| (group, true)));
    }
    line.extend(order.into_iter().take(until).skip(from).map(|owner| (owner, false)));
    told(engine, payer, line)
}

fn told(engine: &Engine, payer: AdvertiserId, line: Vec<(BudgetOwner, bool)>) -> Option<Branch> {
    let currency = engine.advertiser(payer)?.currency;
    let owners = line.into_iter().filter_map(|(owner, is_repeated)| {
        let told = engine.explain_owner_of(owner)?;
        let (name, budgets, depth, binding) = match owner {
            BudgetOwner::Advertiser(id) => {
                let spec = engine.advertiser(id)?;
                (&spec.name, &spec.budgets, 0, None)
            }
            BudgetOwner::Group(id) => {
                let spec = engine.group(id)?;
                (&spec.name, &spec.budgets, 1, None)
            }
            BudgetOwner::Campaign(id) => {
                let spec = engine.campaign(id)?;
                let depth = 1 + usize::from(spec.group.is_some());
                (&spec.name, &spec.budgets, depth, binding(engine, id))
            }
        };
        let (name, budgets) = (name.clone(), budgets.clone());
        Some(Owner { name, depth, budgets, told, binding, is_repeated })
    });
    Some(Branch { currency, now: engine.now(), owners: owners.collect() })
}

/// Whose plan a campaign follows, and which horizon is tight on it: `day of group spring`.
fn binding(engine: &Engine, id: CampaignId) -> Option<String> {
    let told = engine.explain(id)?;
    let owner = told.owners.iter().find(|part| Some(part.owner) == told.binding)?;
    let name = super::campaign::owner_name(engine, owner.owner);
    let tight = owner.plan.and_then(|plan| plan.tight);
    Some(tight.map_or_else(|| name.clone(), |horizon| format!("{} of {name}", horizon.as_str())))
}
