//! Shared budgets against those of whoever draws on them.
//!
//! Amounts alone: no market is looked at. A group counts with its own budget, or else with what its
//! campaigns may spend together.

use super::Laid;
use crate::budget::{BudgetOwner, Budgets, Flight, Horizon};
use crate::campaign::{CampaignSpec, CampaignStatus};
use crate::engine::Engine;
use crate::feasibility::{Bound, Family, Warning, of_family};
use crate::input::CatalogueChange;
use crate::pace::PacingLaw;
use crate::units::{GroupId, Nanos, Span, Timestamp, Window};

/// Members told of that may spend more than their group or advertiser.
const ABOVE_MAX: usize = 20;

/// Groups and advertisers whose family an edit changes, each once.
pub(super) fn concerned<L: PacingLaw>(
    engine: &Engine<L>,
    change: &CatalogueChange,
) -> Vec<BudgetOwner> {
    let payers = change.advertisers.iter().map(|spec| spec.id);
    let group_payers = change.groups.iter().map(|spec| spec.advertiser);
    let campaign_payers = change.campaigns.iter().map(|spec| spec.advertiser);
    let payers = payers.chain(group_payers).chain(campaign_payers);
    let groups = change.groups.iter().map(|spec| spec.id);
    let groups = groups.chain(change.campaigns.iter().filter_map(|spec| spec.group));
    let mut owners: Vec<BudgetOwner> = payers.map(BudgetOwner::Advertiser).collect();
    owners.extend(groups.map(BudgetOwner::Group));
    // What an advertiser may spend bounds each of its groups' members no more than before.
    owners.sort_unstable();
    owners.dedup();
    owners.retain(|&owner| match owner {
        BudgetOwner::Advertiser(id) => {
            engine.advertiser(id).is_some() || change.advertisers.iter().any(|one| one.id == id)
        }
        BudgetOwner::Group(_) | BudgetOwner::Campaign(_) => true,
    });
    owners
}

/// One that draws on a shared budget.
struct Member<'a> {
    owner: BudgetOwner,
    budgets: &'a Budgets,
    /// Campaigns of a group.
    inside: Vec<&'a CampaignSpec>,
}

impl<L: PacingLaw> Engine<L> {
    pub(super) fn family_warnings(&self, laid: &Laid<'_>, owner: BudgetOwner) -> Vec<Warning> {
        let (payer, group) = match owner {
            BudgetOwner::Advertiser(id) => (Some(id), None),
            BudgetOwner::Group(id) => {
                (self.group_laid(laid, id).map(|one| one.advertiser), Some(id))
            }
            BudgetOwner::Campaign(_) => (None, None),
        };
        let Some(payer) = payer else { return Vec::new() };
        let budgets = match group {
            Some(group) => self.group_laid(laid, group).map(|spec| &spec.budgets),
            None => self.advertiser_laid(laid, payer).map(|spec| &spec.budgets),
        };
        let Some(budgets) = budgets.filter(|budgets| budgets.is_bounded()) else {
            return Vec::new();
        };
        let now = self.state.now;
        let live: Vec<&CampaignSpec> = laid
            .campaigns
            .get(&payer)
            .into_iter()
            .flatten()
            .copied()
            .filter(|spec| is_live(spec, now) && group.is_none_or(|id| spec.group == Some(id)))
            .collect();
        let members = self.members_laid(laid, group, &live);
        let mut family = Family::default();
        for horizon in [Horizon::Hour, Horizon::Day, Horizon::Month] {
            let Some(amount) = budgets.cap(horizon) else { continue };
            let together = sum(members.iter().map(|one| one.cap(horizon)));
            let above = members.iter().filter_map(|one| {
                let most = one.budgets.cap(horizon).filter(|&most| most > amount)?;
                Some((one.owner, "caps".to_owned(), most))
            });
            let above = above.take(ABOVE_MAX).collect();
            let field = "caps".to_owned();
            family.bounds.push(Bound { field, horizon, amount, together, above });
        }
        for (index, flight) in budgets.flights.iter().enumerate() {
            if let Some(amount) = flight.budget.filter(|_| flight.window.end() > now) {
                let field = format!("flights[{index}].budget");
                let minima = minima_in(&live, flight.window);
                family.minima.push((field.clone(), amount, minima));
                family.bounds.push(bound_of_flight(&members, (field, flight.window, amount)));
            }
        }
        if let Some(amount) = budgets.cap(Horizon::Day) {
            family.minima.push(("caps".to_owned(), amount, minima_a_day(&live)));
        }
        of_family(owner, &family)
    }

    /// Who draws on an owner's budget directly: groups, and campaigns without one.
    fn members_laid<'a>(
        &'a self,
        laid: &Laid<'a>,
        group: Option<GroupId>,
        live: &[&'a CampaignSpec],
    ) -> Vec<Member<'a>> {
        let is_direct = |spec: &&&CampaignSpec| group.is_some() || spec.group.is_none();
        let direct = live.iter().filter(is_direct).map(|spec| Member {
            owner: BudgetOwner::Campaign(spec.id),
            budgets: &spec.budgets,
            inside: Vec::new(),
        });
        let mut members: Vec<Member<'_>> = direct.collect();
        if group.is_none() {
            let mut groups: Vec<GroupId> = live.iter().filter_map(|spec| spec.group).collect();
            groups.sort_unstable();
            groups.dedup();
            members.extend(groups.into_iter().filter_map(|id| {
                let spec = self.group_laid(laid, id)?;
                let inside = live.iter().copied().filter(|spec| spec.group == Some(id)).collect();
                Some(Member { owner: BudgetOwner::Group(id), budgets: &spec.budgets, inside })
            }));
        }
        members
    }
}

impl Member<'_> {
    /// The most that it may spend in each window of a horizon; nothing where that is anything.
    fn cap(&self, horizon: Horizon) -> Option<Nanos> {
        let inside = || sum(self.inside.iter().map(|spec| spec.budgets.cap(horizon)));
        let own = self.budgets.cap(horizon);
        own.or_else(|| if self.inside.is_empty() { None } else { inside() })
    }

    /// The most that it may spend in flights that touch a window.
    fn in_window(&self, window: Window) -> Option<Nanos> {
        let of =
            |budgets: &Budgets| sum(touching(budgets, window).map(|(_, flight)| flight.budget));
        match self.inside.is_empty() {
            true => of(self.budgets),
            false if self.budgets.flights.is_empty() => {
                sum(self.inside.iter().map(|spec| of(&spec.budgets)))
            }
            false => of(self.budgets),
        }
    }
}

fn touching(budgets: &Budgets, window: Window) -> impl Iterator<Item = (usize, &Flight)> {
    let flights = budgets.flights.iter().enumerate();
    flights.filter(move |(_, flight)| flight.window.intersect(window).is_some())
}

/// All of them, where each is bounded; nothing of none.
fn sum(amounts: impl Iterator<Item = Option<Nanos>>) -> Option<Nanos> {
    let mut all = None;
    for amount in amounts {
        all = Some(all.unwrap_or(Nanos::ZERO).saturating_add(amount?));
    }
    all
}

fn bound_of_flight(
    members: &[Member<'_>],
    (field, window, amount): (String, Window, Nanos),
) -> Bound {
    let together = sum(members.iter().map(|one| one.in_window(window)));
    let above = members.iter().flat_map(|one| {
        let inside = touching(one.budgets, window).filter(move |(_, flight)| {
            flight.window.start() >= window.start() && flight.window.end() <= window.end()
        });
        inside.filter_map(move |(index, flight)| {
            let most = flight.budget.filter(|&most| most > amount)?;
            Some((one.owner, format!("flights[{index}].budget"), most))
        })
    });
    let above = above.take(ABOVE_MAX).collect();
    Bound { field, horizon: Horizon::Flight, amount, together, above }
}

/// Whether it may deliver from now on.
fn is_live(spec: &CampaignSpec, now: Timestamp) -> bool {
    spec.status != CampaignStatus::Archived
        && spec.budgets.flights.iter().any(|flight| flight.window.end() > now)
}

/// Minima of flights that lie in a window.
fn minima_in(live: &[&CampaignSpec], window: Window) -> Nanos {
    let of = |spec: &&CampaignSpec| {
        let least = spec.terms.minimum.unwrap_or(Nanos::ZERO);
        let inside = spec.budgets.flights.iter().filter(|flight| {
            flight.window.start() >= window.start() && flight.window.end() <= window.end()
        });
        inside.map(|_| least).fold(Nanos::ZERO, Nanos::saturating_add)
    };
    live.iter().map(of).fold(Nanos::ZERO, Nanos::saturating_add)
}

/// Even parts of minima, a day: of the campaigns' shortest flights.
fn minima_a_day(live: &[&CampaignSpec]) -> Nanos {
    let of = |spec: &&CampaignSpec| {
        let least = spec.terms.minimum.unwrap_or(Nanos::ZERO).as_f64();
        let spans = spec.budgets.flights.iter().map(|flight| flight.window.span());
        let days = spans.min().map_or(1.0, |span| span.ratio_to(Span::DAY).max(1.0));
        Nanos::floor_from(least / days)
    };
    live.iter().map(of).fold(Nanos::ZERO, Nanos::saturating_add)
}
