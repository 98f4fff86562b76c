//! What of an edit cannot come true: each warning where it is due, and none where all is well.

use super::*;
use crate::campaign::GroupSpec;
use crate::feasibility::{Warning, WarningKind};
use crate::hours::HoursOfWeek;
use crate::units::CpmMicros;

/// Ten days; after one of them a campaign that can spend 60 a day, which came to events of 0.0012
/// each.
fn world() -> World {
    let mut world = World::new(Budgets::default(), &[(campaign("c", 10, 100), 60e9 / 1_440.0)]);
    world.minutes(1_440);
    world
}

fn told(world: &World, change: &CatalogueChange) -> Vec<Warning> {
    let before = world.engine.state().clone();
    let told = world.engine.feasibility(change, &[]);
    assert_eq!(&before, world.engine.state(), "it only looks");
    assert_eq!(told.unexamined, 0);
    told.warnings
}

fn kinds(world: &World, spec: CampaignSpec) -> Vec<WarningKind> {
    let change = CatalogueChange { campaigns: vec![spec], ..CatalogueChange::default() };
    told(world, &change).iter().map(|warning| warning.kind).collect()
}

fn value(warning: &Warning, name: &str) -> f64 {
    warning.figures.iter().find(|figure| figure.name == name).expect("a figure").value
}

/// A campaign whose flight lasts from the second to the tenth day.
fn fresh(budget: i64) -> CampaignSpec {
    let mut spec = campaign("new", 10, budget);
    spec.budgets.flights[0].window = Window::try_new(at(86_400), at(864_000)).unwrap();
    spec
}

fn capped(mut spec: CampaignSpec, horizon: Horizon, amount: Nanos) -> CampaignSpec {
    spec.budgets.caps.push(Cap { horizon, amount });
    spec
}

#[test]
fn a_sound_plan_gets_no_warning() {
    let world = world();
    assert_eq!(kinds(&world, campaign("c", 10, 120)), []);
    assert_eq!(kinds(&world, fresh(100)), []);
}

#[test]
fn a_budget_is_out_of_reach_by_its_own_market_or_by_its_siblings() {
    let world = world();
    let spec = campaign("c", 10, 5_000);
    let change = CatalogueChange { campaigns: vec![spec], ..CatalogueChange::default() };
    let warnings = told(&world, &change);
    assert_eq!(warnings.len(), 1, "{warnings:?}");
    let warning = &warnings[0];
    assert_eq!((warning.kind, &*warning.field), (WarningKind::OutOfReach, "flights[0].budget"));
    let middle = value(warning, "reach_middle") / 1e9;
    assert!((400.0..800.0).contains(&middle), "nine days of 60: {middle}");
    assert!(value(warning, "siblings") < 0.5, "its own market");
    let change = CatalogueChange { campaigns: vec![fresh(5_000)], ..CatalogueChange::default() };
    let warnings = told(&world, &change);
    assert_eq!(warnings[0].kind, WarningKind::OutOfReach);
    assert!((value(&warnings[0], "siblings") - 1.0).abs() < 0.1);
    // Of a market that nobody bought in nothing is said.
    let unseen = World::new(Budgets::default(), &[]);
    assert_eq!(kinds(&unseen, campaign("c", 10, 5_000)), []);
}

#[test]
fn caps_hours_and_minima_must_leave_room() {
    let world = world();
    let cap = |spec, units| capped(spec, Horizon::Day, Nanos::from_units(units));
    assert_eq!(kinds(&world, cap(fresh(100), 5)), [WarningKind::CapsBelowBudget]);
    let mut spec = cap(fresh(100), 5);
    spec.terms.minimum = Some(Nanos::from_units(60));
    let both = [WarningKind::CapsBelowBudget, WarningKind::MinimumAboveCaps];
    assert_eq!(kinds(&world, spec), both);
    // The flight lasts for four hours of a Friday, and it may deliver on Mondays alone.
    let mut spec = fresh(10);
    spec.budgets.flights[0].window = Window::try_new(at(100_000), at(114_400)).unwrap();
    spec.terms.hours = (0..24).fold(HoursOfWeek::NONE, HoursOfWeek::with);
    assert_eq!(kinds(&world, spec), [WarningKind::NoHours]);
    let mut spec = fresh(10);
    spec.budgets.flights[0].window = Window::try_new(at(0), at(3_600)).unwrap();
    assert_eq!(kinds(&world, spec), [WarningKind::FlightOver]);
}

#[test]
fn events_must_fit_into_a_day_and_bids_into_the_market() {
    let world = world();
    let mut spec = fresh(1);
    spec.budgets.flights[0].budget = Some(Nanos::new(9_000_000));
    assert_eq!(kinds(&world, spec), [WarningKind::DearEvent], "a tenth of a cent a day");
    let spec = capped(fresh(100), Horizon::Hour, Nanos::new(1_000_000));
    assert_eq!(kinds(&world, spec), [WarningKind::CapsBelowBudget, WarningKind::DearEvent]);
    let mut spec = fresh(100);
    spec.value_cap = Some(CpmMicros::new(1_000_000));
    assert_eq!(kinds(&world, spec), [WarningKind::BelowMarket], "less than the cheapest event");
}

#[test]
fn billing_must_be_faster_than_the_flight() {
    let world = world();
    let mut spec = fresh(10);
    spec.billing = BillingEvent::Action;
    spec.budgets.flights[0].window = Window::try_new(at(86_400), at(93_600)).unwrap();
    assert_eq!(kinds(&world, spec.clone()), [WarningKind::ShorterThanDelay]);
    spec.billing = BillingEvent::Click;
    assert_eq!(kinds(&world, spec), []);
}

#[test]
fn families_must_agree() {
    let world = world();
    let group = |budget: i64| GroupSpec {
        id: GroupId::of("g"),
        name: name("g"),
        advertiser: AdvertiserId::of("a"),
        budgets: Budgets { flights: fresh(budget).budgets.flights, caps: Vec::new() },
    };
    let member = |id: &str, budget: i64, minimum: Option<i64>| {
        let mut spec = fresh(budget);
        (spec.id, spec.name, spec.group) = (CampaignId::of(id), name(id), Some(GroupId::of("g")));
        spec.terms.minimum = minimum.map(Nanos::from_units);
        spec
    };
    let of = |budget, campaigns| {
        let change = CatalogueChange {
            groups: vec![group(budget)],
            campaigns,
            ..CatalogueChange::default()
        };
        let warnings = told(&world, &change);
        warnings.iter().map(|one| (one.owner, one.kind)).collect::<Vec<_>>()
    };
    let own = BudgetOwner::Group(GroupId::of("g"));
    let campaign = |id: &str| BudgetOwner::Campaign(CampaignId::of(id));
    assert_eq!(of(100, vec![member("x", 60, None), member("y", 60, Some(50))]), []);
    let below = of(100, vec![member("x", 40, None), member("y", 40, None)]);
    assert_eq!(below, [(own, WarningKind::AboveMembers)]);
    let above = of(100, vec![member("x", 40, None), member("y", 140, None)]);
    assert_eq!(above, [(campaign("y"), WarningKind::AboveParent)]);
    let minima = of(100, vec![member("x", 60, Some(60)), member("y", 60, Some(60))]);
    assert_eq!(minima, [(own, WarningKind::MinimaAboveBudget)]);
}

#[test]
fn a_preview_tells_of_warnings_as_well() {
    let world = world();
    let told = world.engine.preview(&[Input::Campaign(campaign("c", 10, 5_000))]).unwrap();
    let kinds: Vec<_> = told.feasibility.warnings.iter().map(|one| one.kind).collect();
    assert_eq!(kinds, [WarningKind::OutOfReach]);
}
