//! Minimums: a campaign that its advertiser's law would starve has its own, no more, and no jolt.

use super::*;
use crate::campaign::DeliveryTerms;

/// An advertiser with 50 a day; `c` could spend 900 a day at full bids, `d` 45.
fn world(minimum: Option<i64>, days: i64) -> World {
    let budgets = Budgets {
        flights: Vec::new(),
        caps: vec![Cap { horizon: Horizon::Day, amount: Nanos::from_units(50) }],
    };
    let minimum = minimum.map(Nanos::from_units);
    let terms = DeliveryTerms { minimum, ..DeliveryTerms::default() };
    let poor = CampaignSpec { terms, ..campaign("d", days, 1_000) };
    World::new(budgets, &[(campaign("c", days, 1_000), 900e9 / 1_440.0), (poor, 45e9 / 1_440.0)])
}

#[test]
fn a_starved_campaign_has_its_minimum_and_its_siblings_the_rest() {
    let mut free = world(None, 2);
    free.minutes(2_879);
    assert!(free.spent("d") < 8.0, "{}", free.spent("d"));
    let mut held = world(Some(40), 2);
    held.minutes(1_440);
    let half = held.spent("d");
    assert!((17.0..=23.0).contains(&half), "half of the minimum by half of the flight: {half}");
    held.minutes(1_439);
    let (rich, poor) = (held.spent("c"), held.spent("d"));
    assert!((39.0..=43.0).contains(&poor), "{poor}");
    assert!((97.0..=100.1).contains(&(rich + poor)), "{rich} {poor}");
}

#[test]
fn a_minimum_lifts_without_a_jolt() {
    let mut world = world(Some(40), 2);
    world.minutes(240);
    let mut lifted = 0;
    let mut before = world.entry("d").multiplier.ppm().as_f64();
    for _ in 0..600 {
        world.minute();
        let now = world.entry("d").multiplier.ppm().as_f64();
        assert!(libm::log(now / before).abs() < 0.3, "{before} {now}");
        before = now;
        let why = world.engine.explain(CampaignId::of("d")).unwrap().reason;
        lifted += i32::from(why == Reason::Minimum);
    }
    assert!(lifted > 400, "{lifted}");
}

#[test]
fn a_minimum_that_is_met_anyway_changes_nothing() {
    let (mut free, mut held) = (world(None, 1), world(Some(1), 1));
    for world in [&mut free, &mut held] {
        world.minutes(1_200);
    }
    let difference = (free.spent("d") - held.spent("d")).abs();
    assert!(difference < 0.02, "{difference}");
}

#[test]
fn what_the_advertiser_does_not_have_nobody_spends() {
    let mut world = world(Some(400), 2);
    world.minutes(2_879);
    let (rich, poor) = (world.spent("c"), world.spent("d"));
    assert!(poor > rich && rich + poor < 100.1, "{rich} {poor}");
    let spec = CampaignSpec {
        terms: DeliveryTerms { minimum: Some(Nanos::from_units(2)), ..DeliveryTerms::default() },
        ..campaign("e", 1, 1)
    };
    let fields: Vec<String> = spec.check().into_iter().map(|error| error.field).collect();
    assert_eq!(fields, ["minimum"]);
}
