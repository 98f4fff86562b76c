//! A client against a service of a few lines, over pipes in this process: what is watched, drawn,
//! acknowledged and reported, and what becomes of it when calls fail.

mod reports;

use paceline_client::{Builder, Fact, PacelineClient, ReportError, SpendReport, WhenFull};
use paceline_core::bid::{AuctionType, BidAsk, BidDecision};
use paceline_core::event::SpendKind;
use paceline_core::hash::Digest;
use paceline_core::table::codec::encode_entries;
use paceline_core::table::{EntryShading, EntryState, TableEntry};
use paceline_core::units::{
    ArmId, CampaignId, CpmMicros, Name, Nanos, PacingMultiplier, ParticipationRate, Ppb, Results,
    Timestamp,
};
use paceline_proto::v1;
use paceline_proto::v1::multiplier_service_server::{MultiplierService, MultiplierServiceServer};
use paceline_proto::v1::partition_update::News;
use paceline_proto::v1::spend_service_server::{SpendService, SpendServiceServer};
use paceline_proto::v1::watch_multipliers_request::Message;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::transport::{Channel, Endpoint, Server};
use tonic::{Request, Response, Status, Streaming};

/// What the service says next on the one stream, and what it was told.
#[derive(Default)]
struct State {
    told: Vec<Message>,
    updates: Option<mpsc::Sender<Result<v1::WatchMultipliersResponse, Status>>>,
    reports: Vec<v1::ReportSpendRequest>,
    counts: Vec<v1::OpportunityCount>,
    outcomes: Vec<v1::ReportOutcomesRequest>,
    /// What reports of outcomes are answered with instead, one after another.
    outcome_faults: Vec<Status>,
    draws: Vec<v1::DrawAllowanceRequest>,
    /// Reports that are still to fail after they were taken: the answer is lost on its way.
    failures: u32,
    sequence_max: u64,
    /// The id of an event that is refused.
    refused: Option<&'static str>,
}

#[derive(Clone, Default)]
struct Service(Arc<Mutex<State>>);

impl Service {
    fn with<T>(&self, run: impl FnOnce(&mut State) -> T) -> T {
        run(&mut self.0.lock().expect("no test panics while it holds the state"))
    }

    /// Says something on the stream that is open.
    fn say(&self, update: v1::PartitionUpdate) {
        let message = v1::WatchMultipliersResponse { update: Some(update) };
        let updates = self.with(|state| state.updates.clone()).expect("a stream is open");
        updates.try_send(Ok(message)).expect("the stream takes a few messages");
    }

    fn end_stream(&self) {
        self.with(|state| state.updates = None);
    }
}

#[tonic::async_trait]
impl MultiplierService for Service {
    type WatchMultipliersStream = ReceiverStream<Result<v1::WatchMultipliersResponse, Status>>;

    async fn watch_multipliers(
        &self,
        request: Request<Streaming<v1::WatchMultipliersRequest>>,
    ) -> Result<Response<Self::WatchMultipliersStream>, Status> {
        let mut told = request.into_inner();
        let hello = told.message().await?.and_then(|first| first.message);
        let (tx, rx) = mpsc::channel(16);
        self.with(|state| {
            state.told.extend(hello);
            state.updates = Some(tx);
        });
        let service = self.clone();
        #[expect(clippy::disallowed_methods, reason = "the test's own server has no tracker")]
        tokio::spawn(async move {
            while let Ok(Some(message)) = told.message().await {
                service.with(|state| state.told.extend(message.message));
            }
        });
        Ok(Response::new(ReceiverStream::new(rx)))
    }

    async fn get_multipliers(
        &self,
        _: Request<v1::GetMultipliersRequest>,
    ) -> Result<Response<v1::GetMultipliersResponse>, Status> {
        Err(Status::unimplemented("not asked for by this client"))
    }

    async fn draw_allowance(
        &self,
        request: Request<v1::DrawAllowanceRequest>,
    ) -> Result<Response<v1::DrawAllowanceResponse>, Status> {
        let request = request.into_inner();
        let allowance = grant(request.campaign_key, request.price_nanos);
        self.with(|state| state.draws.push(request));
        Ok(Response::new(v1::DrawAllowanceResponse {
            allowance: Some(allowance),
            refusal: v1::DrawRefusal::Unspecified.into(),
            server_time: Some(seconds(0)),
        }))
    }
}

#[tonic::async_trait]
impl SpendService for Service {
    async fn report_spend(
        &self,
        request: Request<v1::ReportSpendRequest>,
    ) -> Result<Response<v1::ReportSpendResponse>, Status> {
        let request = request.into_inner();
        self.with(|state| {
            let accepted = u32::try_from(request.events.len()).unwrap_or(u32::MAX);
            let sequences = request.events.iter().filter_map(|event| event.sequence);
            state.sequence_max = sequences.max().unwrap_or(0).max(state.sequence_max);
            let is_empty = request.events.is_empty();
            state.reports.push(request);
            if !is_empty && state.failures > 0 {
                state.failures -= 1;
                return Err(Status::unavailable("the answer is lost"));
            }
            let sequence_max = Some(state.sequence_max);
            let refusals = state.reports.last().map_or_else(Vec::new, |report| {
                let events = report.events.iter().zip(0..);
                let bad = events.filter(|(it, _)| Some(it.event_id.as_str()) == state.refused);
                let refusal = |index| v1::SpendRefusal { index, ..v1::SpendRefusal::default() };
                bad.map(|(_, index)| refusal(index)).collect()
            });
            let accepted = accepted - u32::try_from(refusals.len()).unwrap_or(0);
            Ok(Response::new(v1::ReportSpendResponse { accepted, refusals, sequence_max }))
        })
    }

    async fn report_opportunities(
        &self,
        request: Request<v1::ReportOpportunitiesRequest>,
    ) -> Result<Response<v1::ReportOpportunitiesResponse>, Status> {
        self.with(|state| state.counts.extend(request.into_inner().counts));
        Ok(Response::new(v1::ReportOpportunitiesResponse::default()))
    }

    async fn report_outcomes(
        &self,
        request: Request<v1::ReportOutcomesRequest>,
    ) -> Result<Response<v1::ReportOutcomesResponse>, Status> {
        let request = request.into_inner();
        let accepted = u32::try_from(request.outcomes.len()).unwrap_or(u32::MAX);
        self.with(|state| {
            state.outcomes.push(request);
            let fault = state.outcome_faults.pop();
            let answer = v1::ReportOutcomesResponse { accepted, ..Default::default() };
            fault.map_or(Ok(Response::new(answer)), Err)
        })
    }
}

/// The service behind pipes; every connection is a new pipe.
fn serve(service: &Service) -> Channel {
    let (tx, rx) = mpsc::channel::<std::io::Result<tokio::io::DuplexStream>>(4);
    let server = Server::builder()
        .add_service(MultiplierServiceServer::new(service.clone()))
        .add_service(SpendServiceServer::new(service.clone()))
        .serve_with_incoming(ReceiverStream::new(rx));
    #[expect(clippy::disallowed_methods, reason = "the test's own server has no tracker")]
    tokio::spawn(server);
    let connect = tower::service_fn(move |_| {
        let tx = tx.clone();
        async move {
            let (ours, theirs) = tokio::io::duplex(1 << 16);
            tx.send(Ok(theirs)).await.map_err(std::io::Error::other)?;
            Ok::<_, std::io::Error>(hyper_util::rt::TokioIo::new(ours))
        }
    });
    Endpoint::from_static("http://service").connect_with_connector_lazy(connect)
}

fn name(text: &str) -> Name {
    Name::try_new(text).expect("a short name")
}

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_micros(1_700_000_000_000_000 + seconds * 1_000_000)
}

fn seconds(seconds: i64) -> prost_types::Timestamp {
    prost_types::Timestamp { seconds: 1_700_000_000 + seconds, nanos: 0 }
}

fn grant(campaign_key: u64, granted_total_nanos: i64) -> v1::Allowance {
    v1::Allowance {
        campaign_key,
        window_start: Some(seconds(-100)),
        window_end: Some(seconds(86_400)),
        granted_total_nanos,
        expires_at: Some(seconds(600)),
    }
}

fn entry(campaign: &str) -> TableEntry {
    TableEntry {
        campaign: CampaignId::of(campaign),
        arm: ArmId(0),
        state: EntryState::Run,
        multiplier: PacingMultiplier::ONE,
        participation: ParticipationRate::ONE,
        safe_multiplier: PacingMultiplier::ONE,
        value_cap: None,
        shading: EntryShading::default(),
        salt: 1,
    }
}

fn generation(sequence: u64) -> Option<v1::Generation> {
    Some(v1::Generation { epoch: 1, sequence })
}

fn digest(entries: &[TableEntry]) -> Option<v1::TableDigest> {
    let sum = entries.iter().fold(Digest::default(), |sum, entry| sum.with(entry.digest()));
    let (high, low) = sum.halves();
    Some(v1::TableDigest { high, low })
}

fn update(news: News) -> v1::PartitionUpdate {
    v1::PartitionUpdate {
        partition: 3,
        server_time: Some(seconds(0)),
        lease: Some(v1::Lease { valid_until: Some(seconds(30)), grace_until: Some(seconds(120)) }),
        news: Some(news),
        allowances: Vec::new(),
        shading: None,
    }
}

fn page(sequence: u64, entries: &[TableEntry]) -> v1::PartitionUpdate {
    update(News::Page(v1::TablePage {
        generation: generation(sequence),
        as_of: Some(seconds(0)),
        entries_total: entries.len() as u64,
        entries: encode_entries(entries).into(),
        digest: digest(entries),
        ..v1::TablePage::default()
    }))
}

fn delta(base: u64, sequence: u64, changed: &[TableEntry], whole: &[TableEntry]) -> News {
    News::Delta(v1::TableDelta {
        base_generation: generation(base),
        generation: generation(sequence),
        as_of: Some(seconds(0)),
        changed: encode_entries(changed).into(),
        digest: digest(whole),
        ..v1::TableDelta::default()
    })
}

/// Waits for a condition; virtual time passes meanwhile.
async fn until(what: &str, mut is_met: impl FnMut() -> bool) {
    for _ in 0..6_000 {
        if is_met() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    panic!("not within half a minute: {what}");
}

fn ask(client: &PacelineClient, campaign: &str) -> BidDecision {
    let ask = BidAsk {
        auction: 1,
        impression: 0,
        value: CpmMicros::new(1_000),
        floor: CpmMicros::ZERO,
        auction_type: AuctionType::FirstPrice,
    };
    let handle = client.handle();
    let answer = handle.decide(CampaignId::of(campaign), ArmId(0), at(1), &ask);
    handle.lost(answer.hold);
    answer.decision
}

fn is_bid(client: &PacelineClient, campaign: &str) -> bool {
    matches!(ask(client, campaign), BidDecision::Bid { .. })
}

fn win(id: &str) -> SpendReport {
    SpendReport {
        event_id: name(id),
        campaign: name("c1"),
        arm: ArmId(0),
        kind: SpendKind::Win,
        win_id: None,
        price: Nanos::new(9),
        bill_probability: Ppb::ONE,
        expected_results: Results::ZERO,
        served_at: None,
        occurred_at: at(1),
    }
}

async fn connected(service: &Service, builder: Builder) -> PacelineClient {
    let client = builder.start();
    until("a stream", || service.with(|state| state.updates.is_some())).await;
    client
}

/// Ids and sequences of every report that held events.
fn sent(service: &Service) -> Vec<Vec<(String, Option<u64>)>> {
    service.with(|state| {
        let reports = state.reports.iter().filter(|report| !report.events.is_empty());
        let ids = |report: &v1::ReportSpendRequest| {
            let producer = report.producer_id.as_deref();
            assert!(producer.is_some_and(|id| id.starts_with("b1.")), "{producer:?}");
            report.events.iter().map(|event| (event.event_id.clone(), event.sequence)).collect()
        };
        reports.map(ids).collect()
    })
}

fn acknowledged(service: &Service) -> Vec<u64> {
    service.with(|state| {
        let sequence = |message: &Message| match message {
            Message::Acknowledgement(it) => it.generation.map(|generation| generation.sequence),
            Message::Hello(_) => None,
        };
        state.told.iter().filter_map(sequence).collect()
    })
}

fn hellos(service: &Service) -> Vec<v1::WatchHello> {
    service.with(|state| {
        let hello = |message: &Message| match message {
            Message::Hello(hello) => Some(hello.clone()),
            Message::Acknowledgement(_) => None,
        };
        state.told.iter().filter_map(hello).collect()
    })
}

#[tokio::test(start_paused = true)]
async fn a_table_and_its_change_reach_the_bidder_and_are_acknowledged() {
    let service = Service::default();
    let client = connected(&service, Builder::new(serve(&service))).await;
    service.say(page(1, &[entry("c1")]));
    until("the table", || is_bid(&client, "c1")).await;
    assert!(!is_bid(&client, "c2"));
    service.say(update(delta(1, 2, &[entry("c2")], &[entry("c1"), entry("c2")])));
    until("the change", || is_bid(&client, "c2")).await;
    until("both acknowledged", || acknowledged(&service) == [1, 2]).await;
}

#[tokio::test(start_paused = true)]
async fn a_client_that_lost_its_stream_says_what_it_holds() {
    let service = Service::default();
    let client = connected(&service, Builder::new(serve(&service))).await;
    service.say(page(7, &[entry("c1")]));
    until("the table", || is_bid(&client, "c1")).await;
    service.end_stream();
    until("a second hello", || hellos(&service).len() == 2).await;
    let held = hellos(&service)[1].held_tables.clone();
    assert_eq!(held, [v1::HeldTable { partition: 3, generation: generation(7) }]);
    assert!(is_bid(&client, "c1"), "it goes on with what it has");
}

#[tokio::test(start_paused = true)]
async fn a_change_that_gives_another_table_is_answered_by_fetching_it_anew() {
    let service = Service::default();
    let client = connected(&service, Builder::new(serve(&service))).await;
    service.say(page(1, &[entry("c1")]));
    until("the table", || is_bid(&client, "c1")).await;
    service.say(update(delta(1, 2, &[entry("c2")], &[entry("c1")])));
    until("a second hello", || hellos(&service).len() == 2).await;
    assert_eq!(hellos(&service)[1].held_tables, []);
    assert_eq!(client.handle().count_of(Fact::Refetched), 1);
}

#[tokio::test(start_paused = true)]
async fn a_message_against_the_contract_is_counted_and_not_used() {
    let service = Service::default();
    let client = connected(&service, Builder::new(serve(&service))).await;
    let mut bad = page(1, &[entry("c1")]);
    if let Some(News::Page(page)) = &mut bad.news {
        page.entries = vec![0; 40].into();
    }
    service.say(bad);
    until("the count", || client.handle().count_of(Fact::MessageRefused) == 1).await;
    assert!(!is_bid(&client, "c1"));
}

#[tokio::test(start_paused = true)]
async fn a_campaign_with_demand_and_no_money_draws_some() {
    let service = Service::default();
    let builder = Builder::new(serve(&service)).with_bidder_id(name("b1"));
    let client = connected(&service, builder).await;
    service.say(page(1, &[entry("c1")]));
    until("a draw and a bid", || is_bid(&client, "c1")).await;
    let draws = service.with(|state| state.draws.clone());
    let expected = v1::DrawAllowanceRequest {
        bidder_id: client.bidder_id().unwrap().to_owned(),
        campaign_key: CampaignId::of("c1").key(),
        price_nanos: 1_000,
    };
    assert_eq!(draws, [expected]);
}

#[tokio::test(start_paused = true)]
async fn an_allowance_on_the_stream_is_used_and_told_at_the_next_hello() {
    let service = Service::default();
    let builder = Builder::new(serve(&service)).with_bidder_id(name("b1"));
    let client = connected(&service, builder).await;
    let allowances = vec![grant(CampaignId::of("c1").key(), 5_000)];
    service.say(v1::PartitionUpdate { allowances, ..page(1, &[entry("c1")]) });
    until("money", || is_bid(&client, "c1")).await;
    service.end_stream();
    until("a second hello", || hellos(&service).len() == 2).await;
    let hello = hellos(&service)[1].clone();
    assert_eq!(hello.bidder_id.as_deref(), client.bidder_id());
    assert_eq!(hello.bidder_id, hellos(&service)[0].bidder_id, "one run keeps its id");
    assert_eq!(hello.held_allowances.len(), 1);
    assert_eq!(hello.held_allowances[0].left_nanos, 5_000);
}

#[tokio::test(start_paused = true)]
async fn a_report_whose_answer_is_lost_is_sent_again_with_the_same_sequences() {
    let service = Service::default();
    service.with(|state| {
        state.failures = 2;
        state.sequence_max = 40;
    });
    let client =
        connected(&service, Builder::new(serve(&service)).with_bidder_id(name("b1"))).await;
    let reporter = client.reporter();
    ["e1", "e2"].into_iter().for_each(|id| reporter.report(win(id)).unwrap());
    until("the answer", || client.handle().count_of(Fact::SpendReported) == 2).await;
    reporter.report(win("e3")).unwrap();
    assert!(client.shut_down(Duration::from_secs(10)).await);
    let sent = sent(&service);
    let first: Vec<_> = vec![("e1".to_owned(), Some(41)), ("e2".to_owned(), Some(42))];
    let last = vec![("e3".to_owned(), Some(43))];
    assert_eq!(sent, [first.clone(), first.clone(), first, last]);
}

#[tokio::test(start_paused = true)]
async fn the_sequence_of_a_refused_event_is_used_again() {
    let service = Service::default();
    service.with(|state| state.refused = Some("e1"));
    let client =
        connected(&service, Builder::new(serve(&service)).with_bidder_id(name("b1"))).await;
    let reporter = client.reporter();
    ["e1", "e2"].into_iter().for_each(|id| reporter.report(win(id)).unwrap());
    until("the refusal", || client.handle().count_of(Fact::SpendRefused) == 1).await;
    ["e3", "e4"].into_iter().for_each(|id| reporter.report(win(id)).unwrap());
    assert!(client.shut_down(Duration::from_secs(10)).await);
    let numbered: Vec<_> = sent(&service).concat();
    let expected = [("e1", 1), ("e2", 2), ("e3", 1), ("e4", 3)];
    assert_eq!(numbered, expected.map(|(id, sequence)| (id.to_owned(), Some(sequence))));
}

#[tokio::test(start_paused = true)]
async fn a_report_says_how_far_it_reaches() {
    let service = Service::default();
    let client =
        connected(&service, Builder::new(serve(&service)).with_bidder_id(name("b1"))).await;
    ask(&client, "c1");
    let reached = || {
        service.with(|state| state.reports.iter().filter_map(|it| it.reported_through).next_back())
    };
    until("a watermark", || reached().is_some_and(|at| at.seconds >= 1_700_000_002)).await;
}

#[tokio::test(start_paused = true)]
async fn a_full_buffer_refuses_unless_told_to_drop() {
    let service = Service::default();
    let channel = serve(&service);
    let refusing = Builder::new(channel.clone()).with_spend_buffer(1, WhenFull::Refuse).start();
    assert_eq!(refusing.reporter().report(win("e1")), Ok(()));
    assert_eq!(refusing.reporter().report(win("e2")), Err(ReportError::Full));
    let dropping = Builder::new(channel).with_spend_buffer(1, WhenFull::Drop).start();
    assert_eq!(dropping.reporter().report(win("e1")), Ok(()));
    assert_eq!(dropping.reporter().report(win("e2")), Ok(()));
    assert_eq!(dropping.handle().count_of(Fact::SpendDropped), 1);
}
