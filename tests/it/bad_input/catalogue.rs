//! Advertisers, groups, campaigns and shapes that break a rule: nothing of the request is taken.

use super::{Bench, HEALTHY};
use paceline_proto::v1;
use paceline_proto::v1::return_target::Target;

type Request = v1::ApplyCatalogueRequest;

fn told(complaints: &[v1::Complaint]) -> String {
    let one = |complaint: &v1::Complaint| {
        let v1::Complaint { path, value, rule } = complaint;
        let value = if value.is_empty() { "absent" } else { value };
        format!("{path} = {value}: {rule}")
    };
    complaints.iter().map(one).collect::<Vec<_>>().join("; ")
}

async fn said(bench: &Bench, request: Request) -> String {
    let answer = bench.service.admin().apply_catalogue(request).await.unwrap().into_inner();
    assert_eq!(answer.changed, 0, "nothing is taken");
    told(&answer.complaints)
}

fn of(campaign: v1::Campaign) -> Request {
    Request { campaigns: vec![campaign], ..Default::default() }
}

/// The first flight of a campaign.
fn flight(campaign: &mut v1::Campaign) -> &mut v1::Flight {
    &mut budgets(campaign).flights[0]
}

fn budgets(campaign: &mut v1::Campaign) -> &mut v1::Budgets {
    campaign.budgets.as_mut().unwrap()
}

fn cap(horizon: v1::BudgetHorizon, amount_micros: i64) -> v1::BudgetCap {
    v1::BudgetCap { horizon: horizon.into(), amount_micros }
}

type Spoil = fn(&mut v1::Campaign);

/// What is wrong with one campaign, and what the answer must name.
const CAMPAIGNS: &[(&str, Spoil, &[&str])] = &[
    (
        "a campaign id of 65 bytes",
        |c| c.campaign_id = "c".repeat(65),
        &["campaigns[0].campaign_id = ccc", "1 to 64 bytes"],
    ),
    (
        "a campaign without an id",
        |c| c.campaign_id.clear(),
        &["campaigns[0].campaign_id = absent", "required"],
    ),
    (
        "a campaign of an unknown advertiser",
        |c| c.advertiser_id = "west".to_owned(),
        &["campaigns[0].advertiser_id = west", "no such advertiser"],
    ),
    (
        "a campaign that changes its payer",
        |c| {
            c.campaign_id = HEALTHY.to_owned();
            c.advertiser_id = "south".to_owned();
        },
        &["campaigns[0].advertiser_id = south", "may not change"],
    ),
    (
        "a campaign in a group that is not there",
        |c| c.group_id = Some("none".to_owned()),
        &["campaigns[0].group_id = none", "no such group"],
    ),
    (
        "a campaign in another advertiser's group",
        |c| c.group_id = Some("south-all".to_owned()),
        &["campaigns[0].group_id = south-all", "belongs to another advertiser"],
    ),
    (
        "a campaign with a shape that is not there",
        |c| c.shape_id = Some("none".to_owned()),
        &["campaigns[0].shape_id = none", "no such shape"],
    ),
    (
        "a flight that ends before it starts",
        |c| {
            let flight = flight(c);
            std::mem::swap(&mut flight.start, &mut flight.end);
        },
        &["campaigns[0].budgets.flights[0].end = ", "must be after start"],
    ),
    (
        "a flight without an end",
        |c| flight(c).end = None,
        &["campaigns[0].budgets.flights[0].end = absent", "required"],
    ),
    (
        "a flight before 1970",
        |c| flight(c).start = Some(prost_types::Timestamp { seconds: -5, nanos: 0 }),
        &["campaigns[0].budgets.flights[0].start = -5 s", "1970 to 2200"],
    ),
    (
        "two flights at a time",
        |c| {
            let twice = *flight(c);
            budgets(c).flights.push(twice);
        },
        &["campaigns[0].budgets.flights[1].start = ", "must not overlap"],
    ),
    (
        "no flight at all",
        |c| budgets(c).flights.clear(),
        &["campaigns[0].budgets.flights = 0 flights", "has at least one flight"],
    ),
    (
        "more flights than are taken",
        |c| {
            let one = *flight(c);
            budgets(c).flights = vec![one; 401];
        },
        &["campaigns[0].budgets.flights = 401", "must have at most 400 flights"],
    ),
    (
        "a budget above four billion units",
        |c| flight(c).budget_micros = Some(4_000_000_000_000_001),
        &["campaigns[0].budgets.flights[0].budget_micros = 4000000000000001", "4000000000 units"],
    ),
    (
        "a budget at the end of its range",
        |c| flight(c).budget_micros = Some(i64::MAX),
        &["budget_micros = 9223372036854775807", "may not exceed 4000000000 units"],
    ),
    (
        "a budget of nothing",
        |c| flight(c).budget_micros = Some(0),
        &["budget_micros = 0", "must be above zero"],
    ),
    (
        "a budget below zero",
        |c| flight(c).budget_micros = Some(-1),
        &["budget_micros = -1", "must be above zero"],
    ),
    (
        "a campaign that nothing bounds",
        |c| flight(c).budget_micros = None,
        &["campaigns[0].budgets.flights = 1 flights", "needs a budget, a cap or a group"],
    ),
    (
        "a cap of no horizon",
        |c| budgets(c).caps.push(cap(v1::BudgetHorizon::Unspecified, 5)),
        &["campaigns[0].budgets.caps[0].horizon = absent", "required"],
    ),
    (
        "a cap on the flight",
        |c| budgets(c).caps.push(cap(v1::BudgetHorizon::Flight, 5)),
        &["caps[0].horizon = flight", "must not be the flight"],
    ),
    (
        "two caps a day",
        |c| budgets(c).caps = vec![cap(v1::BudgetHorizon::Day, 5); 2],
        &["campaigns[0].budgets.caps[1]", "one"],
    ),
    (
        "a budget in another currency",
        |c| budgets(c).currency = Some("EUR".to_owned()),
        &["campaigns[0].budgets.currency = EUR", "must be USD, the advertiser's currency"],
    ),
    (
        "a delivery nobody knows",
        |c| c.delivery = 99,
        &["campaigns[0].delivery = 99", "must be a delivery mode"],
    ),
    ("a law nobody knows", |c| c.law = 99, &["campaigns[0].law = 99", "must be a pacing law"]),
    (
        "a status nobody knows",
        |c| c.status = -1,
        &["campaigns[0].status = -1", "must be a campaign status"],
    ),
    (
        "a multiplier's maximum of nothing",
        |c| c.multiplier_max_ppm = Some(0),
        &["multiplier_max_ppm = 0", "must be from 1 to 4000000"],
    ),
    (
        "a multiplier's maximum above four",
        |c| c.multiplier_max_ppm = Some(4_000_001),
        &["multiplier_max_ppm = 4000001", "must be from 1 to 4000000"],
    ),
    (
        "a value cap of nothing",
        |c| c.value_cap_cpm_micros = Some(0),
        &["value_cap_cpm_micros = 0", "must be above zero"],
    ),
    (
        "a return target of nothing",
        |c| c.returns = Some(v1::ReturnTarget { target: Some(Target::CostPerClickMicros(0)) }),
        &["returns.cost_per_click_micros = 0", "must be above zero"],
    ),
    (
        "a return that nothing can bring",
        |c| c.returns = Some(v1::ReturnTarget { target: Some(Target::ReturnOnSpendPpm(u32::MAX)) }),
        &["returns.return_on_spend_ppm = 4294967295", "at most 400000%"],
    ),
    (
        "a return target that says nothing",
        |c| c.returns = Some(v1::ReturnTarget { target: None }),
        &["returns", "required"],
    ),
    (
        "spend from counters on the embedded store",
        |c| c.spend_source = v1::SpendSource::Counters.into(),
        &["campaigns[0].spend_source = SPEND_SOURCE_COUNTERS", "needs store.kind"],
    ),
];

pub(super) async fn items(bench: &mut Bench) {
    for (what, spoil, names) in CAMPAIGNS {
        let mut campaign = bench.campaign("bad");
        spoil(&mut campaign);
        let said = said(bench, of(campaign)).await;
        bench.case(what, said, names).await;
    }
    let twice = Request { campaigns: vec![bench.campaign("bad"); 2], ..Default::default() };
    let answer = said(bench, twice).await;
    let names = ["campaigns[1].campaign_id = bad", "must not be stated twice"];
    bench.case("a campaign stated twice", answer, &names).await;
    let many = Request { campaigns: vec![v1::Campaign::default(); 10_001], ..Default::default() };
    let answer = said(bench, many).await;
    let names = ["campaigns = 10001", "must have at most 10000 items"];
    bench.case("more campaigns than are taken", answer, &names).await;
    one_bad_campaign_keeps_all_out(bench).await;
    payers(bench).await;
}

/// All or none: beside a bad campaign a good one is not entered either.
async fn one_bad_campaign_keeps_all_out(bench: &mut Bench) {
    let bad = v1::Campaign { law: 99, ..bench.campaign("bad") };
    let both = vec![bench.campaign("good"), bad];
    let answer = said(bench, Request { campaigns: both, ..Default::default() }).await;
    let listed = bench.service.admin().list_campaigns(v1::ListCampaignsRequest::default()).await;
    let listed = listed.unwrap().into_inner().campaigns;
    assert!(listed.iter().all(|line| line.campaign_id != "good"), "none is entered");
    bench.case("a bad campaign beside a good one", answer, &["campaigns[1].law = 99"]).await;
}

async fn payers(bench: &mut Bench) {
    let payer = |currency: &str, zone: &str| v1::Advertiser {
        advertiser_id: "north".to_owned(),
        currency: currency.to_owned(),
        time_zone: zone.to_owned(),
        budgets: None,
        ..v1::Advertiser::default()
    };
    let cases: [(&str, v1::Advertiser, &[&str]); 5] = [
        (
            "a currency that changes",
            payer("EUR", ""),
            &["advertisers[0].currency = EUR", "may not change"],
        ),
        (
            "a currency of four letters",
            payer("EURO", ""),
            &["advertisers[0].currency = EURO", "three capital letters"],
        ),
        ("no currency", payer("", ""), &["advertisers[0].currency = absent", "required"]),
        (
            "a zone nobody knows",
            payer("USD", "Mars/Olympus"),
            &["advertisers[0].time_zone = Mars/Olympus", "time zone"],
        ),
        (
            "a payer's cap above four billion units",
            v1::Advertiser {
                budgets: Some(v1::Budgets {
                    caps: vec![cap(v1::BudgetHorizon::Month, 4_000_000_000_000_001)],
                    ..Default::default()
                }),
                ..payer("USD", "")
            },
            &["advertisers[0].budgets.caps[0].amount_micros = 4000000000000001", "4000000000"],
        ),
    ];
    for (what, advertiser, names) in cases {
        let request = Request { advertisers: vec![advertiser], ..Default::default() };
        let answer = said(bench, request).await;
        bench.case(what, answer, names).await;
    }
    let group = v1::CampaignGroup {
        group_id: "south-all".to_owned(),
        advertiser_id: "north".to_owned(),
        budgets: None,
    };
    let answer = said(bench, Request { groups: vec![group], ..Default::default() }).await;
    let names = ["groups[0].advertiser_id = north", "may not change"];
    bench.case("a group that changes its payer", answer, &names).await;
}

pub(super) async fn shapes(bench: &mut Bench) {
    let cases: [(&str, &str, Vec<u32>, &[&str]); 3] = [
        (
            "a shape of a day",
            "day",
            vec![1; 24],
            &["weights = 24 numbers", "must have 168, 336 or 672"],
        ),
        (
            "a shape without traffic",
            "none",
            vec![0; 168],
            &["weights = 168 numbers", "at least one must be above zero"],
        ),
        ("a shape without an id", "", vec![1; 168], &["shape_id = absent", "required"]),
    ];
    for (what, id, weights, names) in cases {
        let request =
            v1::PutShapeRequest { shape_id: id.to_owned(), weights, ..Default::default() };
        let answer = bench.service.admin().put_shape(request).await.unwrap().into_inner();
        bench.case(what, told(&answer.complaints), names).await;
    }
}
