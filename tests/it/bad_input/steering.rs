//! Hands, decisions and questions of operators, and what bidders say, where they break a rule.

use super::{Bench, HEALTHY, refused};
use paceline_core::units::CampaignId;
use paceline_proto::v1;
use v1::budget_owner::Owner;
use v1::override_action::Action;

fn on(campaign: &str) -> v1::BudgetOwner {
    v1::BudgetOwner { owner: Some(Owner::CampaignId(campaign.to_owned())) }
}

fn doing(action: Action) -> Option<v1::OverrideAction> {
    Some(v1::OverrideAction { action: Some(action) })
}

/// A sound hand on the campaign that may be steered.
fn hand(bench: &Bench) -> v1::SetOverrideRequest {
    v1::SetOverrideRequest {
        target: Some(on("steered")),
        action: doing(Action::Pause(v1::OverridePause {})),
        reason: "a test".to_owned(),
        expires_at: Some(bench.at(3_600)),
        request_id: "r1".to_owned(),
    }
}

fn fix(multiplier_ppm: u32, participation_ppm: Option<u32>) -> Option<v1::OverrideAction> {
    doing(Action::Fix(v1::OverrideFix { multiplier_ppm, participation_ppm }))
}

type Spoil = fn(&mut v1::SetOverrideRequest);

/// What is wrong with a hand, and what the answer must name.
const HANDS: &[(&str, Spoil, &[&str])] = &[
    ("a hand without a reason", |h| h.reason.clear(), &["reason is absent", "required"]),
    (
        "a hand with a reason of 501 bytes",
        |h| h.reason = "y".repeat(501),
        &["reason is yyy", "at most 500 bytes"],
    ),
    ("a hand without an end", |h| h.expires_at = None, &["expires_at is absent", "required"]),
    (
        "a hand that has ended",
        |h| h.expires_at = Some(prost_types::Timestamp { seconds: 1_000, nanos: 0 }),
        &["expires_at is 1000000000 µs", "must be after now"],
    ),
    (
        "a hand for a year",
        |h| h.expires_at.as_mut().unwrap().seconds += 365 * 86_400,
        &["expires_at is", "at most 90 days ahead"],
    ),
    ("a hand on nobody", |h| h.target = None, &["target is absent", "required"]),
    (
        "a hand on an unknown campaign",
        |h| h.target = Some(on("nobody")),
        &["NotFound: target.campaign_id is nobody", "must name one that is known here"],
    ),
    ("a hand that does nothing", |h| h.action = None, &["action is absent", "required"]),
    (
        "a fix above the campaign's maximum",
        |h| h.action = fix(1_500_000, None),
        &["action.fix.multiplier_ppm is 1500000", "at most 1000000, the campaign's maximum"],
    ),
    (
        "a fix above four",
        |h| h.action = fix(4_000_001, None),
        &["action.fix.multiplier_ppm is 4000001", "must be at most 4000000"],
    ),
    (
        "a participation above one",
        |h| h.action = fix(500_000, Some(1_000_001)),
        &["action.fix.participation_ppm is 1000001", "must be at most 1000000"],
    ),
    (
        "a cap above the campaign's maximum",
        |h| h.action = doing(Action::Cap(v1::OverrideCap { multiplier_ppm: 1_000_001 })),
        &["action.cap.multiplier_ppm is 1000001", "the campaign's maximum"],
    ),
    ("a hand without a request's id", |h| h.request_id.clear(), &["request_id is absent"]),
];

pub(super) async fn hands(bench: &mut Bench) {
    for (what, spoil, names) in HANDS {
        let mut request = hand(bench);
        spoil(&mut request);
        let said = refused(bench.service.admin().set_override(request).await);
        bench.case(what, said, names).await;
    }
    let mut admin = bench.service.admin();
    let clear = |override_id: &str| v1::ClearOverrideRequest {
        override_id: override_id.to_owned(),
        request_id: "r2".to_owned(),
        ..Default::default()
    };
    let said = refused(admin.clear_override(clear("12")).await);
    let names = ["override_id is 12", "must be 16 hexadecimal digits"];
    bench.case("taking off a hand by a wrong id", said, &names).await;
    let said = refused(admin.clear_override(clear("00000000000000aa")).await);
    let names = ["NotFound: override_id is 00000000000000aa", "must name a hand that is on"];
    bench.case("taking off a hand that is not on", said, &names).await;
}

pub(super) async fn decisions(bench: &mut Bench) {
    let mut admin = bench.service.admin();
    let accept = |campaign_id: &str, reason: &str| v1::AcceptCounterRequest {
        campaign_id: campaign_id.to_owned(),
        reason: reason.to_owned(),
    };
    let said = refused(admin.accept_counter(accept(HEALTHY, " ")).await);
    bench.case("accepting a counter without a reason", said, &["reason is absent"]).await;
    let said = refused(admin.accept_counter(accept("nobody", "why not")).await);
    let names = ["NotFound: campaign_id is nobody", "must name a campaign"];
    bench.case("accepting an unknown campaign's counter", said, &names).await;

    let resolve = |event_key, decision| v1::ResolveSuspenseRequest {
        event_key,
        decision,
        reason: "a test".to_owned(),
    };
    let post = v1::SuspenseDecision::Post.into();
    let cases: [(&str, v1::ResolveSuspenseRequest, &[&str]); 4] = [
        ("resolving no event", resolve(0, post), &["event_key is 0", "must not be 0"]),
        (
            "resolving an unknown event",
            resolve(7, post),
            &["event_key is 0000000000000007", "in suspense"],
        ),
        ("resolving without deciding", resolve(7, 0), &["decision is absent", "required"]),
        ("a decision nobody knows", resolve(7, 9), &["decision is 9", "must be post or drop"]),
    ];
    for (what, request, names) in cases {
        let said = refused(admin.resolve_suspense(request).await);
        bench.case(what, said, names).await;
    }

    let explain = |campaign_id: &str, arm| v1::ExplainCampaignRequest {
        campaign_id: campaign_id.to_owned(),
        arm,
    };
    let said = refused(admin.explain_campaign(explain("nobody", 0)).await);
    let names = ["NotFound: campaign_id is nobody", "must name a campaign"];
    bench.case("explaining an unknown campaign", said, &names).await;
    let said = refused(admin.explain_campaign(explain(HEALTHY, 3)).await);
    bench.case("explaining another arm", said, &["arm is 3", "must be 0"]).await;
    let long = v1::ListCampaignsRequest { page_size: 1_001, ..Default::default() };
    let said = refused(admin.list_campaigns(long).await);
    bench.case("a page of 1001", said, &["page_size is 1001", "must be at most 1000"]).await;
    let campaign_ids = vec![String::new(); 1_001];
    let many = v1::GetTotalsRequest { campaign_ids, ..Default::default() };
    let said = refused(admin.get_totals(many).await);
    let names = ["campaign_ids is 1001", "must have at most 1000 items"];
    bench.case("the totals of 1001 campaigns", said, &names).await;
    let said = refused(admin.partition_of(v1::PartitionOfRequest::default()).await);
    bench.case("the partition of nobody", said, &["advertiser_id is absent", "required"]).await;
}

pub(super) async fn bidders(bench: &mut Bench) {
    draws(bench).await;
    polls(bench).await;
    let first = v1::WatchMultipliersRequest { message: None };
    let mut multipliers = bench.multipliers();
    let said = refused(multipliers.watch_multipliers(tokio_stream::iter([first])).await);
    bench.case("a stream that does not say hello", said, &["first message", "hello"]).await;
}

async fn draws(bench: &mut Bench) {
    let mut multipliers = bench.multipliers();
    let key = CampaignId::of(HEALTHY).key();
    let draw = |bidder_id: &str, campaign_key, price_nanos| v1::DrawAllowanceRequest {
        bidder_id: bidder_id.to_owned(),
        campaign_key,
        price_nanos,
    };
    let cases: [(&str, v1::DrawAllowanceRequest, &[&str]); 4] = [
        ("a draw of nothing", draw("b", key, 0), &["price_nanos is 0", "must be above zero"]),
        (
            "a draw beyond the bound",
            draw("b", key, i64::MAX),
            &["price_nanos is 9223372036854775807", "must be at most 10000000000000000"],
        ),
        ("a draw for no campaign", draw("b", 0, 5), &["campaign_key is 0", "must not be 0"]),
        ("a draw by nobody", draw("", key, 5), &["bidder_id is absent", "required"]),
    ];
    for (what, request, names) in cases {
        let said = refused(multipliers.draw_allowance(request).await);
        bench.case(what, said, names).await;
    }
    let answer = multipliers.draw_allowance(draw("b", 7, 5)).await.unwrap().into_inner();
    assert_eq!(answer.allowance, None);
    let said = answer.refusal().as_str_name().to_owned();
    bench.case("a draw for an unknown campaign", said, &["UNKNOWN_CAMPAIGN"]).await;
}

async fn polls(bench: &mut Bench) {
    let mut multipliers = bench.multipliers();
    let key = CampaignId::of(HEALTHY).key();
    let held = |partition| v1::HeldTable { partition, generation: None };
    let poll = |partition| v1::GetMultipliersRequest {
        held_tables: vec![held(partition)],
        ..Default::default()
    };
    let cases: [(&str, v1::GetMultipliersRequest, &[&str]); 5] = [
        (
            "a poll with a partition of 300",
            poll(300),
            &["held_tables.partition is 300", "must be at most 255"],
        ),
        (
            "a poll with a partition that is not there",
            poll(9),
            &["held_tables.partition is 9", "must be below 1, the number of partitions"],
        ),
        (
            "a poll for a page nobody gave out",
            v1::GetMultipliersRequest { page_token: "next".to_owned(), ..Default::default() },
            &["page_token is next", "must be one that was given out"],
        ),
        (
            "a poll by a bidder of 65 bytes",
            v1::GetMultipliersRequest { bidder_id: Some("b".repeat(65)), ..Default::default() },
            &["bidder_id is bbb", "1 to 64 bytes"],
        ),
        (
            "a poll with money below zero",
            v1::GetMultipliersRequest {
                bidder_id: Some("b".to_owned()),
                held_allowances: vec![v1::HeldAllowance {
                    campaign_key: key,
                    window_start: Some(bench.at(0)),
                    left_nanos: -1,
                }],
                ..Default::default()
            },
            &["held_allowances.left_nanos is -1", "must not be negative"],
        ),
    ];
    for (what, request, names) in cases {
        let said = refused(multipliers.get_multipliers(request).await);
        bench.case(what, said, names).await;
    }
}
