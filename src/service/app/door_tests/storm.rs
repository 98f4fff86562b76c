//! Ten thousand requests that nobody in their right mind would send, over real sockets: random
//! bytes, and messages that were altered on the way.
//!
//! Who has no right changes nothing, to the byte; who has one changes no more than was answered
//! with consent, and breaks nothing.

use super::matrix::{callers, every_call};
use super::*;
use crate::auth::Deed;
use paceline_proto::v1::budget_owner::Owner;
use paceline_proto::v1::override_action::Action;
use prost::Message;
use tonic::client::GrpcService as _;

/// Requests by those who have no right to what they ask.
const UNENTITLED: usize = 7_000;
/// Requests by those who have.
const ENTITLED: usize = 3_000;
/// Requests under way at a time, as from so many callers.
const CALLERS: usize = 16;
/// The longest wait for one answer: a stream is left as soon as it began.
const PATIENCE: Duration = Duration::from_secs(20);

/// A sequence of numbers that looks like chance: Steele, Lea, Flood, "Fast splittable pseudorandom
/// number generators" (2014), figure 16.
struct Chance(u64);

impl Chance {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, count: usize) -> usize {
        usize::try_from(self.next() % count.max(1) as u64).unwrap()
    }

    fn of<'a, T>(&mut self, all: &'a [T]) -> &'a T {
        &all[self.below(all.len())]
    }

    fn byte(&mut self) -> u8 {
        self.next().to_le_bytes()[0]
    }

    /// Up to so many bytes of anything.
    fn bytes(&mut self, most: usize) -> Vec<u8> {
        (0..self.below(most)).map(|_| self.byte()).collect()
    }

    /// The same message with something wrong about it.
    fn altered(&mut self, message: &[u8]) -> Vec<u8> {
        let mut bytes = message.to_vec();
        for _ in 0..=self.below(3) {
            let at = self.below(bytes.len().max(1));
            match self.below(5) {
                0 if !bytes.is_empty() => bytes[at] ^= 1 << self.below(8),
                1 => bytes.truncate(at),
                2 => bytes.insert(at.min(bytes.len()), self.byte()),
                3 => bytes.extend(self.bytes(12)),
                _ if !bytes.is_empty() => bytes[at] = self.byte(),
                _ => {}
            }
        }
        bytes
    }

    /// A message as it goes over the line; now and then its frame is wrong as well.
    fn framed(&mut self, message: &[u8]) -> Vec<u8> {
        let mut frame = vec![0_u8];
        frame.extend(u32::try_from(message.len()).unwrap().to_be_bytes());
        frame.extend(message);
        if self.below(20) == 0 {
            let at = self.below(5);
            frame[at] = self.byte();
        }
        frame
    }
}

/// A sound request of each call that takes more than an empty message.
fn samples() -> Vec<(&'static str, Vec<u8>)> {
    let target = Some(v1::BudgetOwner { owner: Some(Owner::CampaignId("north-brand".to_owned())) });
    let action = Some(Action::Cap(v1::OverrideCap { multiplier_ppm: 350_000 }));
    let set = v1::SetOverrideRequest {
        target,
        action: Some(v1::OverrideAction { action }),
        reason: "a storm".to_owned(),
        expires_at: Some(prost_types::Timestamp { seconds: 4_000_000_000, nanos: 0 }),
        request_id: "storm-1".to_owned(),
    };
    let event = v1::SpendEvent {
        event_id: "e-1".to_owned(),
        campaign_id: "north-brand".to_owned(),
        kind: v1::SpendKind::Billing.into(),
        price_nanos: 1_000,
        ..v1::SpendEvent::default()
    };
    let report = v1::ReportSpendRequest {
        producer_id: Some("storm".to_owned()),
        events: vec![event],
        ..v1::ReportSpendRequest::default()
    };
    let undo = v1::UndoChangeRequest {
        number: 1,
        reason: "a storm".to_owned(),
        request_id: "storm-2".to_owned(),
        ..v1::UndoChangeRequest::default()
    };
    let payer = v1::Advertiser { advertiser_id: "storm".to_owned(), ..v1::Advertiser::default() };
    let apply = v1::ApplyCatalogueRequest {
        advertisers: vec![payer],
        ..v1::ApplyCatalogueRequest::default()
    };
    let explain = v1::ExplainCampaignRequest { campaign_id: "north-brand".to_owned(), arm: 0 };
    let then = prost_types::Timestamp { seconds: 1_796_126_400, nanos: 0 };
    let past = v1::ExplainPastRequest {
        campaign_id: "north-brand".to_owned(),
        from: Some(then),
        ..v1::ExplainPastRequest::default()
    };
    let list = v1::ListAuditRequest { page_size: 7, author: "x".to_owned(), ..Default::default() };
    vec![
        ("/paceline.v1.AdminService/SetOverride", set.encode_to_vec()),
        ("/paceline.v1.AdminService/UndoChange", undo.encode_to_vec()),
        ("/paceline.v1.AdminService/ApplyCatalogue", apply.encode_to_vec()),
        ("/paceline.v1.AdminService/ExplainCampaign", explain.encode_to_vec()),
        ("/paceline.v1.AdminService/ExplainPast", past.encode_to_vec()),
        ("/paceline.v1.AdminService/ListAudit", list.encode_to_vec()),
        ("/paceline.v1.SpendService/ReportSpend", report.encode_to_vec()),
    ]
}

/// One request as it will be sent.
struct Shot {
    path: String,
    token: Option<String>,
    body: Vec<u8>,
}

impl Shot {
    fn deed(&self) -> Deed {
        Deed::of_call(&self.path)
    }
}

/// A request by somebody who may, or may not, do what it asks.
fn shot(chance: &mut Chance, calls: &[String], is_entitled: bool) -> Shot {
    let samples = samples();
    loop {
        let (path, message) = if chance.below(2) == 0 {
            let (path, message) = chance.of(&samples);
            ((*path).to_owned(), chance.altered(message))
        } else {
            (chance.of(calls).clone(), chance.bytes(60))
        };
        let (role, token) = chance.of(&callers()).clone();
        let deed = Deed::of_call(&path);
        let may = role.is_some_and(|role| deed.is_allowed(role));
        // Looking changes nothing whoever looks; the health service is everybody's.
        let is_harmless = [Deed::Look, Deed::Probe].contains(&deed);
        if is_entitled == may || !is_entitled && is_harmless {
            let body = chance.framed(&message);
            return Shot { path, token, body };
        }
    }
}

/// Sends it; whether the service consented.
async fn send(channel: &Channel, address: SocketAddr, shot: Shot) -> bool {
    let mut request = axum::http::Request::post(format!("https://{address}{}", shot.path))
        .header("content-type", "application/grpc")
        .header("te", "trailers");
    if let Some(token) = &shot.token {
        request = request.header("authorization", format!("Bearer {token}"));
    }
    let body = tonic::body::Body::new(axum::body::Body::from(shot.body));
    let mut channel = channel.clone();
    let asked = async {
        std::future::poll_fn(|context| channel.poll_ready(context)).await.unwrap();
        channel.call(request.body(body).unwrap()).await
    };
    let answer = tokio::time::timeout(PATIENCE, asked).await.expect("an answer in time");
    let answer = answer.unwrap_or_else(|error| panic!("{}: {error}", shot.path));
    // A refusal is told with the head; what comes without one is an answer.
    !answer.headers().contains_key("grpc-status")
}

/// Everything that anybody may ask about, and the seal of the last change.
async fn state(grpc: SocketAddr, pem: &str) -> (Vec<u8>, u64) {
    let mut admin = AdminServiceClient::new(channel(grpc, pem).await);
    let size = 1_000;
    let ask = v1::GetCatalogueRequest { page_size: size, ..Default::default() };
    let mut told = admin.get_catalogue(from("admin", ask)).await.unwrap().get_ref().encode_to_vec();
    let ask = v1::ListOverridesRequest { page_size: size, ..Default::default() };
    told.extend(admin.list_overrides(from("admin", ask)).await.unwrap().get_ref().encode_to_vec());
    let ask = v1::ListSuspenseRequest { page_size: size, ..Default::default() };
    told.extend(admin.list_suspense(from("admin", ask)).await.unwrap().get_ref().encode_to_vec());
    let ask = v1::GetTotalsRequest { page_size: size, ..Default::default() };
    let totals = admin.get_totals(from("admin", ask)).await.unwrap().into_inner();
    for line in &totals.totals {
        let books = line.books.unwrap();
        assert_eq!(
            books.granted_nanos + books.adjusted_nanos,
            books.available_nanos + books.in_flight_nanos + books.spent_nanos,
            "{line:?}"
        );
    }
    told.extend(totals.encode_to_vec());
    let ask = v1::ListAuditRequest { page_size: 1, ..Default::default() };
    let trails = admin.list_audit(from("admin", ask)).await.unwrap().into_inner().trails;
    told.extend(trails.iter().flat_map(v1::AuditTrail::encode_to_vec));
    (told, trails.iter().map(|trail| trail.next).sum())
}

/// Sends so many, many at a time; how many of those that write were consented to.
async fn storm(grpc: SocketAddr, pem: &str, count: usize, is_entitled: bool) -> u64 {
    let calls = every_call();
    let mut tasks = JoinSet::new();
    for caller in 0..CALLERS {
        let (channel, calls) = (channel(grpc, pem).await, calls.clone());
        tasks.spawn(async move {
            let mut chance = Chance(u64::from(is_entitled) << 32 | caller as u64);
            let mut consents = 0;
            for _ in 0..count.div_ceil(CALLERS) {
                let shot = shot(&mut chance, &calls, is_entitled);
                let writes = ![Deed::Look, Deed::Probe].contains(&shot.deed());
                let is_done = send(&channel, grpc, shot).await;
                consents += u64::from(writes && is_done);
            }
            consents
        });
    }
    tasks.join_all().await.into_iter().sum()
}

#[tokio::test]
async fn ten_thousand_foul_requests_change_nothing_they_should_not() {
    let folder = tempfile::tempdir().unwrap();
    let (config, pem) = guarded(folder.path());
    let metrics = MetricsPage::of(PrometheusBuilder::new().build_recorder().handle());
    let (hand, signals) = Signals::manual();
    let (announce, announced) = oneshot::channel::<Addresses>();
    let guide = async {
        let Addresses { grpc, http } = announced.await.unwrap();
        let example = Path::new(env!("CARGO_MANIFEST_DIR")).join("config/campaigns.toml");
        let words = ["apply", "-f", example.to_str().unwrap()];
        let told = ctl(grpc, folder.path(), "admin", &words).await;
        assert!(told.trouble.is_none(), "{told:?}");
        let (before, changes) = state(grpc, &pem).await;

        let consents = storm(grpc, &pem, UNENTITLED, false).await;
        assert_eq!(consents, 0, "nobody without a right was heard");
        assert!(state(grpc, &pem).await == (before, changes), "nothing is otherwise");

        let consents = storm(grpc, &pem, ENTITLED, true).await;
        assert!(consents > 0, "some that write are taken, or this would show nothing");
        let (_, after) = state(grpc, &pem).await;
        assert!(after - changes <= consents, "{} changes, {consents} consents", after - changes);
        let told = ctl(grpc, folder.path(), "viewer", &["audit", "verify"]).await;
        assert!(told.trouble.is_none(), "{told:?}");
        for path in ["/livez", "/readyz"] {
            let told = page(http, &pem, path, "").await;
            assert!(told.starts_with("HTTP/1.1 200 "), "{told}");
        }
        hand.send(()).await.unwrap();
    };
    let (result, ()) = tokio::join!(run(config, metrics, signals, announce), guide);
    result.unwrap();
}
