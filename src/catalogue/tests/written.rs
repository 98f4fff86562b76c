//! A catalogue is written as a file that says the same.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on says so by its panic")]

use paceline_catalogue::{Catalogue, parse, to_toml};
use paceline_core::campaign::{
    BillingEvent, CampaignStatus, DeliveryMode, LawChoice, RefundPolicy, ReturnTarget,
    ShadingLevel, ShadingObjective, ShadingTerms, SpendSource,
};
use paceline_core::hours::HoursOfWeek;
use paceline_core::units::{CpmMicros, Micros, Nanos, PacingMultiplier, Ppm};

/// Has every key.
fn example() -> Catalogue {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../config/campaigns.toml");
    parse(&std::fs::read_to_string(path).unwrap()).unwrap()
}

fn again(catalogue: &Catalogue) -> Catalogue {
    let text = to_toml(catalogue).unwrap();
    parse(&text).unwrap_or_else(|error| panic!("{error}\n{text}"))
}

#[test]
fn the_example_is_written_and_read_back_the_same() {
    assert_eq!(again(&example()), example());
}

#[test]
fn every_choice_and_every_target_is_written() {
    let mut catalogue = example();
    let campaign = &mut catalogue.campaigns[0];
    campaign.delivery = DeliveryMode::Ahead;
    // Whoever is ahead has nothing to catch up with.
    campaign.terms.catch_up = None;
    campaign.terms.ahead = Ppm::new(123_456);
    campaign.terms.hours = HoursOfWeek::NONE.with(0).with(23).with(167);
    campaign.terms.curve = campaign.shape;
    campaign.law = LawChoice::PassThrough;
    campaign.billing = BillingEvent::Action;
    campaign.spend_source = SpendSource::Events;
    campaign.refund_policy = RefundPolicy::Respend;
    campaign.shading =
        ShadingTerms { level: ShadingLevel::Aggressive, objective: ShadingObjective::Surplus };
    campaign.status = CampaignStatus::Archived;
    campaign.value_cap = Some(CpmMicros::new(8_850_001));
    let targets = [
        None,
        Some(ReturnTarget::CostPerClick(Nanos::from(Micros::new(400_000)))),
        Some(ReturnTarget::CostPerAction(Nanos::from(Micros::new(1)))),
        Some(ReturnTarget::ReturnOnSpend(Ppm::new(4_123_456))),
    ];
    for (target, ppm) in targets.into_iter().zip([1, 10, 999_999, 4_000_000]) {
        catalogue.campaigns[0].returns = target;
        catalogue.campaigns[0].multiplier_max = PacingMultiplier::try_new(Ppm::new(ppm)).unwrap();
        assert_eq!(again(&catalogue), catalogue);
    }
    catalogue.campaigns[0].returns = None;
    catalogue.campaigns[0].spend_source = SpendSource::Counters;
    assert_eq!(again(&catalogue), catalogue);
}

#[test]
fn money_and_time_are_written_to_the_last_digit() {
    let mut catalogue = example();
    // No minimum is above a flight's budget, however small.
    catalogue.campaigns[0].terms.minimum = None;
    for micros in [1, 999_999, 1_000_000, 1_250_100_000, 4_000_000_000_000_000] {
        catalogue.campaigns[0].budgets.flights[0].budget = Some(Nanos::from(Micros::new(micros)));
        assert_eq!(again(&catalogue), catalogue);
    }
    catalogue.campaigns[0].budgets.flights[0].budget = None;
    assert_eq!(again(&catalogue), catalogue);
    catalogue.campaigns[0].budgets.flights[0].budget = Some(Nanos::new(1_500));
    let told = to_toml(&catalogue).unwrap_err().to_string();
    assert_eq!(
        told,
        "north-brand-holiday has an amount of 1500 nanos, and a file says whole micros"
    );
}

#[test]
fn names_with_signs_are_written_as_they_are() {
    let text = r#"
        [[advertisers]]
        name = 'n"o\r#[th] é'
        currency = "USD"
        caps = { day = "1.00 USD" }
    "#;
    let catalogue = parse(text).unwrap();
    assert_eq!(again(&catalogue), catalogue);
}

#[test]
fn what_refers_to_nothing_is_not_written() {
    let mut catalogue = example();
    catalogue.shapes.clear();
    let told = to_toml(&catalogue).unwrap_err().to_string();
    assert_eq!(told, "north-brand-holiday refers to a shape that is not in the catalogue");
}
