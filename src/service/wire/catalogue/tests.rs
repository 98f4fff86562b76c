//! Specifications to messages and back, and what is refused.

use super::*;
use paceline_core::campaign::ReturnTarget;
use paceline_core::campaign::{
    DeliveryTerms, LawChoice, ShadingLevel, ShadingObjective, ShadingTerms,
};
use paceline_core::hours::HoursOfWeek;
use paceline_core::units::{Timestamp, Window};
use proptest::prelude::*;

fn complaints_of(message: &v1::Campaign) -> Vec<(String, String, String)> {
    let mut complaints = Complaints::default();
    let _ = campaign("campaigns[3]", message, Currency::try_new("USD").ok(), &mut complaints);
    complaints.into_vec().into_iter().map(|c| (c.path, c.value, c.rule)).collect()
}

fn sound() -> v1::Campaign {
    let at = |seconds| Some(prost_types::Timestamp { seconds, nanos: 0 });
    let flight = v1::Flight { start: at(5), end: at(9), budget_micros: Some(7) };
    v1::Campaign {
        campaign_id: "c".to_owned(),
        advertiser_id: "a".to_owned(),
        budgets: Some(v1::Budgets { flights: vec![flight], ..v1::Budgets::default() }),
        ..v1::Campaign::default()
    }
}

#[test]
fn a_holiday_is_a_whole_day_where_its_advertiser_lives() {
    // The first of May 2026 begins in Berlin two hours before it does in Greenwich.
    let said = |seconds| {
        let message = v1::Advertiser {
            advertiser_id: "a".to_owned(),
            currency: "EUR".to_owned(),
            time_zone: "Europe/Berlin".to_owned(),
            holidays: vec![v1::Holiday {
                day: Some(prost_types::Timestamp { seconds, nanos: 0 }),
                traffic_ppm: 500_000,
            }],
            ..v1::Advertiser::default()
        };
        let mut complaints = Complaints::default();
        let _ = advertiser("advertisers[0]", &message, &mut complaints);
        complaints.into_vec().into_iter().map(|c| (c.path, c.rule)).collect::<Vec<_>>()
    };
    assert_eq!(said(1_777_586_400), []);
    let rule = "must be the first moment of a day in the advertiser's time zone";
    let due = ("advertisers[0].holidays[0].day".to_owned(), rule.to_owned());
    assert_eq!(said(1_777_593_600), [due]);
}

/// One case: what to break, then path, value and rule.
type Case = (fn(&mut v1::Campaign), &'static str, &'static str, &'static str);

#[test]
fn every_bad_field_gets_its_complaint() {
    let cases: [Case; 8] = [
        (|c| c.campaign_id.clear(), "campaign_id", "", "is required"),
        (|c| c.law = 9, "law", "9", "must be a pacing law"),
        (
            |c| c.multiplier_max_ppm = Some(0),
            "multiplier_max_ppm",
            "0",
            "must be from 1 to 4000000",
        ),
        (|c| c.value_cap_cpm_micros = Some(-1), "value_cap_cpm_micros", "-1", "must be above zero"),
        (
            |c| c.budgets.as_mut().unwrap().flights[0].budget_micros = Some(i64::MAX),
            "budgets.flights[0].budget_micros",
            "9223372036854775807",
            "a budget may not exceed 4000000000 units",
        ),
        (
            |c| c.budgets.as_mut().unwrap().flights[0].end = None,
            "budgets.flights[0].end",
            "",
            "is required",
        ),
        (
            |c| c.budgets.as_mut().unwrap().currency = Some("EUR".to_owned()),
            "budgets.currency",
            "EUR",
            "must be USD, the advertiser's currency",
        ),
        (
            |c| c.budgets.as_mut().unwrap().flights[0].budget_micros = None,
            "flights",
            "",
            "a campaign needs a budget, a cap or a group that has one",
        ),
    ];
    assert_eq!(complaints_of(&sound()), []);
    for (spoil, path, value, rule) in cases {
        let mut message = sound();
        spoil(&mut message);
        let path = if path == "flights" { "budgets.flights" } else { path };
        let expected = (format!("campaigns[3].{path}"), value.to_owned(), rule.to_owned());
        assert_eq!(complaints_of(&message), [expected]);
    }
}

#[test]
fn the_engines_words_become_the_messages() {
    assert_eq!(translated("campaigns[3].group"), "campaigns[3].group_id");
    assert_eq!(translated("flights[1].budget"), "budgets.flights[1].budget_micros");
    assert_eq!(translated("caps[0].horizon"), "budgets.caps[0].horizon");
}

proptest! {
    #[test]
    fn campaigns_come_back_as_they_were(
        start in 0_i64..1_000_000, length in 1_i64..1_000_000,
        budget in 1_i64..4_000_000_000_000_000, multiplier in 1_u32..=4_000_000,
        cap in prop::option::of(1_i64..1_000_000_000), choice in 0_usize..3, grouped: bool,
    ) {
        let at = |seconds: i64| Timestamp::from_micros(seconds * 1_000_000);
        let flight = Flight {
            window: Window::try_new(at(start), at(start + length)).unwrap(),
            budget: Some(Nanos::from(Micros::new(budget))),
        };
        let day = Cap { horizon: Horizon::Day, amount: Nanos::from(Micros::new(budget)) };
        let spec = CampaignSpec {
            id: CampaignId::of("c"),
            name: Name::try_new("c").unwrap(),
            advertiser: AdvertiserId::of("a"),
            group: grouped.then(|| GroupId::of("g")),
            budgets: Budgets { flights: vec![flight], caps: vec![day] },
            delivery: [DeliveryMode::Even, DeliveryMode::Ahead, DeliveryMode::Asap][choice],
            law: [LawChoice::LogPid, LawChoice::PassThrough, LawChoice::Asap][choice],
            billing: [BillingEvent::Impression, BillingEvent::Click, BillingEvent::Action][choice],
            spend_source: if grouped { SpendSource::Counters } else { SpendSource::Events },
            refund_policy: if grouped { RefundPolicy::Respend } else { RefundPolicy::Hold },
            multiplier_max: PacingMultiplier::try_new(Ppm::new(multiplier)).unwrap(),
            value_cap: cap.map(CpmMicros::new),
            shading: ShadingTerms {
                level: [ShadingLevel::Off, ShadingLevel::Cautious, ShadingLevel::Aggressive]
                    [choice],
                objective: if grouped && choice > 0 {
                    ShadingObjective::Surplus
                } else {
                    ShadingObjective::Value
                },
            },
            returns: cap.filter(|_| !grouped).map(|cap| match choice {
                0 => ReturnTarget::CostPerClick(Nanos::from(Micros::new(cap))),
                1 => ReturnTarget::CostPerAction(Nanos::from(Micros::new(cap))),
                _ => ReturnTarget::ReturnOnSpend(Ppm::new(multiplier)),
            }),
            shape: grouped.then(|| ShapeId::of("s")),
            terms: DeliveryTerms {
                ahead: Ppm::new(multiplier),
                minimum: (choice == 1).then(|| Nanos::from(Micros::new(budget))),
                catch_up: (choice == 0).then(|| Ppm::new(multiplier)),
                hours: (0..if grouped { 168 } else { 40 })
                    .fold(HoursOfWeek::NONE, HoursOfWeek::with),
                curve: grouped.then(|| ShapeId::of("c")),
            },
            status: if grouped { CampaignStatus::Paused } else { CampaignStatus::Active },
        };
        let word = |word: &str| grouped.then(|| word.to_owned());
        let names = CampaignNames {
            advertiser: "a".to_owned(), group: word("g"), shape: word("s"), curve: word("c"),
        };
        let mut complaints = Complaints::default();
        let back = campaign("c", &campaign_message(&spec, names), None, &mut complaints);
        prop_assert_eq!(complaints.into_vec(), vec![]);
        prop_assert_eq!(back, Some(spec));
    }
}
