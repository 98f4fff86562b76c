//! From a document to a catalogue: advertisers first, then shapes, groups and campaigns, so that
//! every reference is looked up among what is already known.
//!
//! Collects every complaint and gives a catalogue only when there is none. Rules that need a whole
//! specification are the core's; they are asked only where every field could be read, so that one
//! fault is told once.

use crate::budgets::{Terms, budgets};
use crate::complaint::CatalogueError;
use crate::cursor::{Faults, Field, Section};
use crate::value::{self, Choice, NAME};
use crate::{Catalogue, ITEMS_MAX, Shape};
use paceline_calendar::Zone;
use paceline_core::budget::Budgets;
use paceline_core::campaign::{
    AdvertiserSpec, CampaignSpec, GroupSpec, ReturnTarget, ShadingTerms, SpecError,
};
use paceline_core::plan::{ShapeError, TrafficShape};
use paceline_core::units::{
    AdvertiserId, CampaignId, Currency, GroupId, Name, PacingMultiplier, Ppm, ShapeId, ZoneId,
};
use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

/// Slots of the finest shape: quarters of an hour.
const WEIGHTS_MAX: usize = 672;
const ZONE: &str = "an IANA time zone such as \"Europe/Berlin\"";

pub(crate) fn catalogue(text: &str) -> Result<Catalogue, CatalogueError> {
    let mut faults = Faults::new(text);
    let (document, errors) = toml::de::DeTable::parse_recoverable(text);
    for error in &errors {
        let at = error.span().map_or(0, |span| span.start);
        faults.add(at, "", "", format!("is not TOML: {}", error.message()));
    }
    let mut check = Check { faults, ..Check::default() };
    if errors.is_empty() {
        check.document(Section::root(document.get_ref()));
    }
    let (complaints, untold) = check.faults.into_parts();
    if complaints.is_empty() {
        Ok(check.catalogue)
    } else {
        Err(CatalogueError::Faulty { complaints, untold })
    }
}

/// What is known of a group while campaigns are read.
#[derive(Debug)]
struct KnownGroup {
    advertiser: Option<AdvertiserId>,
    is_bounded: bool,
}

/// The catalogue as far as it is read, and what references may lead to. Advertisers and groups
/// with faults are known too: what refers to them is not at fault.
#[derive(Debug, Default)]
struct Check<'t> {
    faults: Faults<'t>,
    catalogue: Catalogue,
    advertisers: BTreeMap<AdvertiserId, Terms>,
    groups: BTreeMap<GroupId, KnownGroup>,
    campaigns: BTreeMap<CampaignId, ()>,
    shapes: BTreeMap<ShapeId, ()>,
    /// Dates and their traffic, by the name of their list.
    holidays: BTreeMap<String, Vec<(String, Ppm)>>,
}

impl Check<'_> {
    fn document(&mut self, mut root: Section<'_>) {
        for section in root.sections(&mut self.faults, "holidays", ITEMS_MAX) {
            crate::terms::holidays(section, &mut self.faults, &mut self.holidays);
        }
        for section in root.sections(&mut self.faults, "advertisers", ITEMS_MAX) {
            self.advertiser(section);
        }
        for section in root.sections(&mut self.faults, "shapes", ITEMS_MAX) {
            self.shape(section);
        }
        for section in root.sections(&mut self.faults, "groups", ITEMS_MAX) {
            self.group(section);
        }
        for section in root.sections(&mut self.faults, "campaigns", ITEMS_MAX) {
            self.campaign(section);
        }
        root.finish(&mut self.faults);
    }

    fn advertiser(&mut self, mut section: Section<'_>) {
        let before = self.faults.count();
        let name = section.required(&mut self.faults, "name", NAME, value::name);
        let what = "a currency such as \"USD\"";
        let currency = section.required(&mut self.faults, "currency", what, value::currency);
        let zone = |text: &str| Zone::try_new(text).map_err(|error| error.to_string());
        let zone = section.text(&mut self.faults, "zone", ZONE, zone);
        let zone = zone.unwrap_or(Terms::unknown().zone);
        let terms = Terms { currency, zone: zone.clone() };
        let budgets = budgets(&mut section, &mut self.faults, &terms);
        let holidays =
            crate::terms::holidays_of(&mut section, &mut self.faults, &self.holidays, &terms.zone);
        let known = name.as_ref().map(|name| AdvertiserId::of(name.as_str()));
        refuse_second(&mut self.faults, &section, known, &mut self.advertisers, terms);
        if let (Some(id), Some(name), Some(currency)) = (known, name, currency) {
            let zone_name = Name::try_new(zone.name()).expect("IANA names are short");
            let zone = ZoneId::of(zone.name());
            let spec = AdvertiserSpec { id, name, currency, zone, zone_name, budgets, holidays };
            self.refuse_spec(&section, before, spec.check());
            self.catalogue.advertisers.push(spec);
        }
        section.finish(&mut self.faults);
    }

    fn shape(&mut self, mut section: Section<'_>) {
        let name = section.required(&mut self.faults, "name", NAME, value::name);
        let weights = section.field("weights");
        if weights.is_none() {
            section.refuse(&mut self.faults, "weights", "is missing: 168, 336 or 672 are due");
        }
        let weights = weights.and_then(|field| weights_of(&field, &mut self.faults));
        let known = name.as_ref().map(|name| ShapeId::of(name.as_str()));
        refuse_second(&mut self.faults, &section, known, &mut self.shapes, ());
        if let (Some(id), Some(name), Some(weights)) = (known, name, weights) {
            self.catalogue.shapes.push(Shape { id, name, weights });
        }
        section.finish(&mut self.faults);
    }

    /// The advertiser a section names, and its terms; terms for reading on when it is at fault.
    fn payer(&mut self, section: &mut Section<'_>) -> (Option<AdvertiserId>, Terms) {
        let advertisers = &self.advertisers;
        let find = |text: &str| {
            let id = AdvertiserId::of(text);
            let terms = advertisers.get(&id).ok_or("no advertiser has this name")?;
            Ok((id, terms.clone()))
        };
        match section.required(&mut self.faults, "advertiser", "an advertiser's name", find) {
            Some((id, terms)) => (Some(id), terms),
            None => (None, Terms::unknown()),
        }
    }

    fn group(&mut self, mut section: Section<'_>) {
        let before = self.faults.count();
        let name = section.required(&mut self.faults, "name", NAME, value::name);
        let (advertiser, terms) = self.payer(&mut section);
        let budgets = budgets(&mut section, &mut self.faults, &terms);
        let is_bounded = budgets.is_bounded() || self.faults.count() > before;
        let known = name.as_ref().map(|name| GroupId::of(name.as_str()));
        let group = KnownGroup { advertiser, is_bounded };
        refuse_second(&mut self.faults, &section, known, &mut self.groups, group);
        if let (Some(id), Some(name), Some(advertiser)) = (known, name, advertiser) {
            let spec = GroupSpec { id, name, advertiser, budgets };
            self.refuse_spec(&section, before, spec.check());
            self.catalogue.groups.push(spec);
        }
        section.finish(&mut self.faults);
    }

    fn campaign(&mut self, mut section: Section<'_>) {
        let before = self.faults.count();
        let name = section.required(&mut self.faults, "name", NAME, value::name);
        let (advertiser, terms) = self.payer(&mut section);
        let budgets = budgets(&mut section, &mut self.faults, &terms);
        let group = self.group_of(&mut section, advertiser, &budgets, before);
        let known = name.as_ref().map(|name| CampaignId::of(name.as_str()));
        refuse_second(&mut self.faults, &section, known, &mut self.campaigns, ());
        let shapes = &self.shapes;
        let faults = &mut self.faults;
        let find = |text: &str| {
            let id = ShapeId::of(text);
            shapes.get(&id).map(|()| id).ok_or_else(|| "no shape has this name".to_owned())
        };
        let shape = section.text(faults, "shape", "a shape's name", find);
        let curve = section.text(faults, "curve", "a shape's name", find);
        let cpm = |text: &str| value::cpm(text, terms.currency);
        let spec = CampaignSpec {
            id: known.unwrap_or(CampaignId::from_key(0)),
            name: name.unwrap_or_else(|| Name::try_new("-").expect("it has one byte")),
            advertiser: advertiser.unwrap_or(AdvertiserId::from_key(0)),
            group,
            budgets,
            delivery: choice(&mut section, faults, "delivery"),
            terms: crate::terms::terms(&mut section, faults, (curve, terms.currency)),
            law: choice(&mut section, faults, "law"),
            billing: choice(&mut section, faults, "billing"),
            spend_source: choice(&mut section, faults, "spend_source"),
            refund_policy: choice(&mut section, faults, "refund_policy"),
            multiplier_max: section
                .text(faults, "multiplier_max", value::SHARE, value::multiplier)
                .unwrap_or(PacingMultiplier::ONE),
            value_cap: section.text(faults, "value_cap", value::MONEY, cpm),
            shading: ShadingTerms {
                level: choice(&mut section, faults, "shading"),
                objective: choice(&mut section, faults, "shading_objective"),
            },
            returns: returns(&mut section, faults, terms.currency),
            shape,
            status: choice(&mut section, faults, "status"),
        };
        self.refuse_spec(&section, before, spec.check());
        self.catalogue.campaigns.push(spec);
        section.finish(&mut self.faults);
    }

    /// The group a campaign names: known, of the same advertiser, and bounded if nothing else is.
    fn group_of(
        &mut self,
        section: &mut Section<'_>,
        advertiser: Option<AdvertiserId>,
        budgets: &Budgets,
        before: usize,
    ) -> Option<GroupId> {
        let groups = &self.groups;
        let is_read = self.faults.count() == before;
        section.text(&mut self.faults, "group", "a group's name", |text| {
            let id = GroupId::of(text);
            let group = groups.get(&id).ok_or("no group has this name")?;
            if advertiser.is_some() && group.advertiser.is_some_and(|of| Some(of) != advertiser) {
                return Err("belongs to another advertiser".to_owned());
            }
            if is_read && !budgets.is_bounded() && !group.is_bounded {
                return Err("has no budget or cap, and the campaign has none either".to_owned());
            }
            Ok(id)
        })
    }

    /// What the core says of a whole specification, unless a field of it has a fault already.
    fn refuse_spec(&mut self, section: &Section<'_>, before: usize, complaints: Vec<SpecError>) {
        if self.faults.count() == before {
            for complaint in complaints {
                section.refuse(&mut self.faults, &complaint.field, &complaint.rule);
            }
        }
    }
}

/// What results may cost or must bring in: one key of three at most.
fn returns(
    section: &mut Section<'_>,
    faults: &mut Faults<'_>,
    due: Option<Currency>,
) -> Option<ReturnTarget> {
    let money = |text: &str| value::budget(text, due);
    let click = section.text(faults, "cost_per_click", value::MONEY, money);
    let action = section.text(faults, "cost_per_action", value::MONEY, money);
    let revenue = section.text(faults, "return_on_spend", value::SHARE, value::return_on_spend);
    let targets = [
        ("cost_per_click", click.map(ReturnTarget::CostPerClick)),
        ("cost_per_action", action.map(ReturnTarget::CostPerAction)),
        ("return_on_spend", revenue.map(ReturnTarget::ReturnOnSpend)),
    ];
    let mut given = targets.into_iter().filter_map(|(key, target)| Some((key, target?)));
    let first = given.next();
    for (key, _) in given {
        let others = "at most one of cost_per_click, cost_per_action and return_on_spend";
        section.refuse(faults, key, others);
    }
    first.map(|(_, target)| target)
}

/// Notes a name; the second of two alike is refused.
fn refuse_second<K: Ord, T>(
    faults: &mut Faults<'_>,
    section: &Section<'_>,
    id: Option<K>,
    known: &mut BTreeMap<K, T>,
    what: T,
) {
    let Some(id) = id else { return };
    match known.entry(id) {
        Entry::Vacant(place) => {
            place.insert(what);
        }
        Entry::Occupied(_) => {
            section.refuse(faults, "name", "is used already: a name is used once")
        }
    }
}

fn choice<T: Choice + Default>(
    section: &mut Section<'_>,
    faults: &mut Faults<'_>,
    key: &'static str,
) -> T {
    section.text(faults, key, &T::listed(), T::parse).unwrap_or_default()
}

fn weights_of(field: &Field<'_>, faults: &mut Faults<'_>) -> Option<Vec<u32>> {
    let before = faults.count();
    let mut weights = Vec::new();
    for item in field.items(faults, WEIGHTS_MAX) {
        match item.whole() {
            Some(weight) => weights.push(weight),
            None if item.is_not_finite() => item.refuse(faults, "must not be NaN or infinity"),
            None => item.refuse(faults, "must be a whole number from 0 to 4294967295"),
        }
    }
    if faults.count() > before {
        return None;
    }
    let shape = TrafficShape::try_new(weights);
    let complain = |error: ShapeError| {
        let rule = error.to_string();
        rule.strip_prefix("weights: ").map_or(rule.clone(), str::to_owned)
    };
    shape.map(Vec::from).map_err(|error| field.refuse(faults, complain(error))).ok()
}
