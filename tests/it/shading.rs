//! Shading from end to end: outcomes are reported, a schedule is learnt and published, a client
//! bids by it, a restart keeps it, and silence withdraws it.

use crate::harness::{Service, Setup, on_each_store, until};
use crate::market::{FastClock, Order, VALUE, catalogue};
use crate::redis_table::schedules_say;
use paceline_client::{Builder, CampaignHandle, PacelineClient, PacelineHandle};
use paceline_core::bid::{AuctionType, BidAsk, BidDecision};
use paceline_core::hash::{Digest, mix};
use paceline_core::shade::codec::{decode_schedules, decode_segments};
use paceline_core::shade::{ShadeDelta, ShadeNews, ShadeSet};
use paceline_core::units::{ArmId, CampaignId, CpmMicros, Epoch, Generation, SegmentId};
use paceline_proto::v1;
use paceline_proto::v1::multiplier_service_client::MultiplierServiceClient;
use paceline_proto::v1::spend_service_client::SpendServiceClient;
use tonic::Code;

const SEGMENT: &str = "adx/top/phone";
/// What it takes to win, always.
const LEAST: i64 = 600_000;
const AUCTIONS: u64 = 200;

fn won(segment: &str, bid: i64) -> v1::BidOutcome {
    v1::BidOutcome {
        segment_id: segment.to_owned(),
        auction_type: 1,
        floor_cpm_micros: 100_000,
        bid_cpm_micros: bid,
        won: bid >= LEAST,
        min_to_win_cpm_micros: Some(LEAST),
        ..v1::BidOutcome::default()
    }
}

async fn report(service: &Service, outcomes: Vec<v1::BidOutcome>) -> v1::ReportOutcomesResponse {
    let request = v1::ReportOutcomesRequest {
        currency: "EUR".to_owned(),
        outcomes,
        ..v1::ReportOutcomesRequest::default()
    };
    let mut client = SpendServiceClient::new(service.channel());
    client.report_outcomes(request).await.unwrap().into_inner()
}

fn nothing() -> v1::ReportOutcomesRequest {
    v1::ReportOutcomesRequest::default()
}

/// One campaign at full speed that is shaded, whatever that does to its results.
async fn enter(service: &Service, clock: &FastClock) {
    let order =
        Order { name: "shaded".to_owned(), budget_micros: 1_000_000_000, law: v1::PacingLaw::Asap };
    let mut request = catalogue(clock, &[order]);
    for campaign in &mut request.campaigns {
        campaign.set_delivery(v1::DeliveryMode::Asap);
        campaign.set_shading(v1::ShadingLevel::Standard);
        campaign.set_shading_objective(v1::ShadingObjective::Surplus);
    }
    let answer = service.admin().apply_catalogue(request).await.unwrap().into_inner();
    assert!(answer.complaints.is_empty(), "{:?}", answer.complaints);
}

/// A client that bids for the campaign.
struct Desk {
    _client: PacelineClient,
    handle: PacelineHandle,
    campaign: CampaignHandle,
    clock: FastClock,
}

impl Desk {
    async fn open(service: &Service, clock: &FastClock) -> Self {
        let client = Builder::new(service.channel()).start();
        let handle = client.handle();
        let campaign = until("the client knows the campaign", async || {
            handle.resolve(CampaignId::of("shaded"), ArmId(0))
        })
        .await;
        Self { _client: client, handle, campaign, clock: clock.clone() }
    }

    fn bids(&self, auction_type: AuctionType, segment: Option<&str>) -> Vec<Option<i64>> {
        let now = self.clock.now();
        let segment = segment.map(|name| self.handle.segment(SegmentId::of(name)));
        let bid = |auction: u64| {
            let ask = BidAsk {
                auction: mix(auction),
                impression: 0,
                value: CpmMicros::new(VALUE),
                floor: CpmMicros::new(100_000),
                auction_type,
            };
            let answer = match &segment {
                Some(segment) => self.handle.decide_in(&self.campaign, segment, now, &ask),
                None => self.handle.decide_at(&self.campaign, now, &ask),
            };
            match answer.decision {
                BidDecision::Bid { price, .. } => Some(price.get()),
                BidDecision::Skip(_) => None,
            }
        };
        (0..AUCTIONS).map(bid).collect()
    }

    /// Whether bids in the segment are what it takes to win, the control group's apart.
    fn is_shaded(&self) -> bool {
        let bids = self.bids(AuctionType::FirstPrice, Some(SEGMENT));
        let (best, others): (Vec<_>, Vec<_>) =
            bids.into_iter().partition(|bid| *bid == Some(LEAST));
        others.iter().all(|bid| *bid == Some(VALUE)) && best.len() * 20 > others.len() * 19
    }

    /// Whether every one of these bids is the value.
    fn is_unshaded(&self, auction_type: AuctionType, segment: Option<&str>) -> bool {
        self.bids(auction_type, segment).iter().all(|bid| *bid == Some(VALUE))
    }
}

/// Rows of the campaign's own bids: so many that were shaded, and a control group.
fn trials(shaded: usize, control: usize) -> Vec<v1::BidOutcome> {
    let row = |role: v1::BidRole, bid, share| v1::BidOutcome {
        campaign_id: Some("shaded".to_owned()),
        role: role.into(),
        propensity_ppm: Some(share),
        value_cpm_micros: Some(VALUE),
        ..won(SEGMENT, bid)
    };
    let mut rows = vec![row(v1::BidRole::Shaded, LEAST, 990_000); shaded];
    rows.extend(vec![row(v1::BidRole::Control, VALUE, 10_000); control]);
    rows
}

/// What shading saves is told by RPC, by command line and on the campaign's page.
async fn saving(service: &Service) {
    report(service, trials(300, 10)).await;
    until("too few wins are told as such", async || {
        let told = service.ctl(&["explain", "shaded"]).await;
        told.out.contains("not known yet: 10 wins of the control group").then_some(())
    })
    .await;
    report(service, trials(300, 40)).await;
    let saving = until("all wins are told", async || {
        let request = v1::ExplainCampaignRequest { campaign_id: "shaded".to_owned(), arm: 0 };
        let told = service.admin().explain_campaign(request).await.unwrap().into_inner();
        told.saving.filter(|saving| saving.control.is_some_and(|control| control.wins == 50))
    })
    .await;
    let per_win = saving.per_win.unwrap();
    let share = 1_000_000 - 1_000_000 * LEAST / VALUE;
    assert!(per_win.middle_ppm.abs_diff(share) <= 2, "{saving:?}");
    assert!(saving.per_value.unwrap().middle_ppm.abs_diff(share) <= 2, "{saving:?}");
    assert!(per_win.low_ppm <= per_win.middle_ppm && per_win.middle_ppm <= per_win.high_ppm);
    let control = saving.control.unwrap();
    assert_eq!((control.wins, control.price_cpm_micros), (50, Some(VALUE)), "{saving:?}");
    assert_eq!(saving.partitions_missing, 0);
    let words = format!("{:.1}% (19 times in 20", f64::from(u32::try_from(share).unwrap()) / 1e4);
    for asked in [
        &["explain", "shaded"][..],
        &["explain", "shaded", "--segment", SEGMENT, "--value", "2000000"][..],
    ] {
        let told = service.ctl(asked).await;
        assert!(told.out.contains("saved a win") && told.out.contains(&words), "{told:?}");
    }
    let (status, page) = service.get("/campaigns/shaded").await.unwrap();
    assert!(status == 200 && page.contains("Saved by shading") && page.contains(&words), "{page}");
}

async fn says(service: &Service, line: &str) {
    until(line, async || {
        let (_, page) = service.get("/metrics").await?;
        page.lines().any(|told| told == line).then_some(())
    })
    .await;
}

/// The way from value to bid is told.
async fn explained(service: &Service) {
    let told = service.ctl(&["explain", "shaded", "--segment", SEGMENT, "--value", "2000000"]);
    let told = told.await;
    for line in [
        "multiplier      1.000",
        "paced value     2000000 micros per thousand",
        "shading         standard",
        "shaded          600000 micros per thousand",
        "bid             600000 micros per thousand",
        "why             the best bid by what is known of the market",
        "evidence        400 auctions",
    ] {
        assert!(told.out.contains(line), "{line}: {told:?}");
    }
    let of_nothing = ["explain", "shaded", "--segment", "a//b", "--value", "1"];
    let refused = service.ctl(&of_nothing).await;
    assert!(refused.code != 0 && refused.err.contains("segment_id is a//b"), "{refused:?}");
}

/// Who polls gets the same schedules as who watches, and nothing once it holds them.
async fn polled(service: &Service) {
    let mut client = MultiplierServiceClient::new(service.channel());
    let mut poll = async |request: v1::GetMultipliersRequest| {
        client.get_multipliers(request).await.map(|answer| answer.into_inner().updates)
    };
    let shading = |updates: Vec<v1::PartitionUpdate>| {
        updates.into_iter().find_map(|update| Some((update.partition, update.shading?)))
    };
    let plain = poll(v1::GetMultipliersRequest::default()).await.unwrap();
    assert_eq!(shading(plain), None, "nobody asked for schedules");
    let (wants_shading, mut held, mut parts) = (true, Vec::new(), Vec::new());
    let mut set = ShadeSet::default();
    while let Some((partition, told)) = {
        let held_shading = held.clone();
        let asked = v1::GetMultipliersRequest { wants_shading, held_shading, ..nobody() };
        shading(poll(asked).await.unwrap())
    } {
        let generation = told.generation.unwrap();
        held = vec![v1::HeldTable { partition, generation: Some(generation) }];
        let delta = ShadeDelta {
            schedules: decode_schedules(&told.schedules).unwrap(),
            segments: decode_segments(&told.segments).unwrap(),
        };
        let of = |at: v1::Generation| Generation { epoch: Epoch(at.epoch), sequence: at.sequence };
        match told.base_generation {
            Some(base) => {
                let (base, generation) = (of(base), of(generation));
                assert!(set.patch(&ShadeNews { base, generation, delta }), "changes follow");
            }
            None => set = ShadeSet::new(of(generation), &delta),
        }
        let digest = told.set_digest.unwrap();
        assert_eq!(set.digest(), Digest::from_halves(digest.high, digest.low));
        parts.push((told.part, told.parts));
        assert!(parts.len() < 100, "it comes to an end");
    }
    assert!(
        !parts.is_empty()
            && set.whole().segments.iter().any(|(id, _)| *id == SegmentId::of(SEGMENT))
    );
    for token in ["s", "s0.1", "s0.x.1.0", "s200.1.1.0"] {
        let asked = v1::GetMultipliersRequest { page_token: token.to_owned(), ..nobody() };
        let refused = poll(asked).await.unwrap_err();
        assert_eq!(refused.code(), Code::InvalidArgument, "{token}: {refused}");
    }
}

fn nobody() -> v1::GetMultipliersRequest {
    v1::GetMultipliersRequest::default()
}

/// What breaks a rule is refused by name, what contradicts itself is counted.
async fn bad_feedback(service: &Service) {
    let mut unnamed = trials(0, 1).remove(0);
    unnamed.campaign_id = None;
    let refused = &report(service, vec![unnamed]).await.refusals[0];
    assert_eq!((refused.field.as_str(), refused.rule.as_str()), ("campaign_id", "is required"));
    let mut outcomes = vec![won(SEGMENT, 900_000); 3];
    outcomes[1].bid_cpm_micros = -5;
    outcomes[2].min_to_win_cpm_micros = Some(99_999);
    let answer = report(service, outcomes).await;
    let refusal = &answer.refusals[0];
    assert_eq!((answer.accepted, answer.refusals.len(), refusal.index), (2, 1, 1));
    assert_eq!((refusal.field.as_str(), refusal.value.as_str()), ("bid_cpm_micros", "-5"));
    says(service, "paceline_outcomes_total{result=\"refused\"} 2").await;
    says(service, "paceline_outcomes_total{result=\"minimum_below_floor\"} 1").await;
    says(service, "paceline_outcomes_total{result=\"taken\"} 1051").await;
    let request = v1::ReportOutcomesRequest { currency: "USD".to_owned(), ..nothing() };
    let refused = SpendServiceClient::new(service.channel()).report_outcomes(request).await;
    let refused = refused.unwrap_err();
    assert_eq!(refused.code(), Code::InvalidArgument);
    assert!(refused.message().contains("currency is USD and must be EUR"), "{refused}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_bids_by_what_outcomes_taught_until_they_fall_silent() {
    on_each_store(async |setup: Setup| {
        let clock = FastClock::new(20);
        let mut service = setup
            .with("clock.kind", &clock.setting())
            .with("shading.currency", "EUR")
            .with("shading.silence", "10m")
            .start()
            .await;
        enter(&service, &clock).await;
        let desk = Desk::open(&service, &clock).await;
        until("the table is fresh", async || {
            desk.is_unshaded(AuctionType::FirstPrice, Some(SEGMENT)).then_some(())
        })
        .await;

        let told = (0..400).map(|n| won(SEGMENT, 300_000 + 5_000 * n)).collect();
        let answer = report(&service, told).await;
        assert_eq!((answer.accepted, answer.refusals.len()), (400, 0));
        until("the client shades", async || desk.is_shaded().then_some(())).await;
        assert!(desk.is_unshaded(AuctionType::SecondPrice, Some(SEGMENT)), "never shaded");
        assert!(desk.is_unshaded(AuctionType::FirstPrice, None), "of no segment");
        assert!(desk.is_unshaded(AuctionType::FirstPrice, Some("other/top")), "of one not known");
        let deal = AuctionType::FixedPrice(CpmMicros::new(777_777));
        let deals = desk.bids(deal, Some(SEGMENT));
        assert!(deals.iter().all(|bid| *bid == Some(777_777)), "a deal is exact");

        explained(&service).await;
        saving(&service).await;
        bad_feedback(&service).await;
        polled(&service).await;
        if service.redis().is_some() {
            schedules_say(&service, (SEGMENT, VALUE), LEAST).await;
        }

        if let Some(redis) = service.redis() {
            let entry = "XADD {paceline:000}:in:outcomes * segment adx/top/tv currency EUR \
                         auction_type 1 bid_cpm_micros 900000 won 1 producer p sequence 1 \
                         campaign shaded role control propensity_ppm 10000";
            let _: String = redis.say(&entry.split_whitespace().collect::<Vec<_>>()).await;
            says(&service, "paceline_outcomes_total{result=\"taken\"} 1052").await;
            says(&service, "paceline_shading_segments{partition=\"0\"} 2").await;
        }

        service.restart().await;
        let again = Desk::open(&service, &clock).await;
        until("a new client shades after a restart", async || again.is_shaded().then_some(()))
            .await;
        until("the old client still shades", async || desk.is_shaded().then_some(())).await;

        until("silence withdraws the schedule", async || {
            desk.is_unshaded(AuctionType::FirstPrice, Some(SEGMENT)).then_some(())
        })
        .await;
        says(&service, "paceline_shading_silenced{partition=\"0\"} 1").await;
        report(&service, vec![won(SEGMENT, 900_000)]).await;
        until("one outcome brings it back", async || desk.is_shaded().then_some(())).await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_currency_no_outcomes_are_taken() {
    let service = Setup::embedded().start().await;
    let request = v1::ReportOutcomesRequest { currency: "EUR".to_owned(), ..nothing() };
    let refused = SpendServiceClient::new(service.channel()).report_outcomes(request).await;
    let refused = refused.unwrap_err();
    assert_eq!(refused.code(), Code::FailedPrecondition);
    assert!(refused.message().contains("shading.currency is not set"), "{refused}");
}
