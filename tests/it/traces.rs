//! One write of an administrator's is one trace: the call, the log, the round and the table that
//! goes out. The collector is made from the whole of OpenTelemetry's protocol, so that what is sent
//! is judged by others' words.

use crate::harness::{Setup, until};
use crate::orders;
use opentelemetry_proto::tonic::collector::trace::v1::trace_service_server::{
    TraceService, TraceServiceServer,
};
use opentelemetry_proto::tonic::collector::trace::v1::{
    ExportTraceServiceRequest, ExportTraceServiceResponse,
};
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::trace::v1::Span;
use paceline_proto::v1;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use tokio::net::TcpListener;
use tokio_stream::wrappers::TcpListenerStream;
use tonic::transport::Server;
use tonic::{Request, Response, Status};

/// As callers send it, and the two identities in it.
const TRACEPARENT: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const CALLER: &str = "00f067aa0ba902b7";

/// Keeps what it is sent.
#[derive(Clone, Default)]
struct Collector(Arc<Mutex<Vec<ExportTraceServiceRequest>>>);

#[tonic::async_trait]
impl TraceService for Collector {
    async fn export(
        &self,
        request: Request<ExportTraceServiceRequest>,
    ) -> Result<Response<ExportTraceServiceResponse>, Status> {
        self.0.lock().unwrap().push(request.into_inner());
        Ok(Response::new(ExportTraceServiceResponse::default()))
    }
}

impl Collector {
    /// Serves for as long as the test runs.
    #[expect(clippy::disallowed_methods, reason = "it ends with the test's runtime")]
    async fn serve(&self) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let service = TraceServiceServer::new(self.clone());
        let serving = Server::builder()
            .add_service(service)
            .serve_with_incoming(TcpListenerStream::new(listener));
        tokio::spawn(serving);
        format!("http://{address}")
    }

    /// What the sender says of itself.
    fn resource(&self) -> BTreeMap<String, String> {
        let requests = self.0.lock().unwrap();
        let resource = requests[0].resource_spans[0].resource.as_ref().unwrap();
        let text = |value: Option<Value>| match value {
            Some(Value::StringValue(text)) => text,
            other => panic!("{other:?}"),
        };
        let pairs = resource.attributes.iter();
        let read = |pair: &opentelemetry_proto::tonic::common::v1::KeyValue| {
            (pair.key.clone(), text(pair.value.clone().and_then(|value| value.value)))
        };
        pairs.map(read).collect()
    }

    /// The spans of a trace, by their own identity.
    fn spans(&self, trace: &str) -> BTreeMap<String, Span> {
        let requests = self.0.lock().unwrap();
        let resources = requests.iter().flat_map(|request| &request.resource_spans);
        let spans = resources.flat_map(|one| &one.scope_spans).flat_map(|scope| &scope.spans);
        let spans = spans.filter(|span| digits(&span.trace_id) == trace);
        spans.map(|span| (digits(&span.span_id), span.clone())).collect()
    }
}

fn digits(id: &[u8]) -> String {
    id.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The names from a span up to whoever called, with the caller's identity at the end.
fn path(spans: &BTreeMap<String, Span>, from: &Span) -> Vec<String> {
    let mut path = vec![from.name.clone()];
    let mut above = digits(&from.parent_span_id);
    while let Some(span) = spans.get(&above) {
        path.push(span.name.clone());
        above = digits(&span.parent_span_id);
    }
    path.push(above);
    path
}

fn pause(name: &str) -> v1::SetOverrideRequest {
    let owner = v1::budget_owner::Owner::CampaignId(name.to_owned());
    v1::SetOverrideRequest {
        target: Some(v1::BudgetOwner { owner: Some(owner) }),
        action: Some(v1::OverrideAction {
            action: Some(v1::override_action::Action::Pause(v1::OverridePause {})),
        }),
        reason: "a look at its trace".to_owned(),
        expires_at: Some(prost_types::Timestamp {
            seconds: jiff::Timestamp::now().as_second() + 600,
            nanos: 0,
        }),
        request_id: "traced-1".to_owned(),
    }
}

#[tokio::test]
async fn one_write_is_one_trace_from_the_call_to_the_table() {
    let collector = Collector::default();
    let endpoint = collector.serve().await;
    let mut service = Setup::embedded()
        .with("loop.tick", "1s")
        .with("telemetry.traces_endpoint", &endpoint)
        .with("telemetry.traces_share", "0%")
        .with("telemetry.traces_service_name", "pacer")
        .with("telemetry.traces_attributes", "region=eu")
        .start()
        .await;
    orders::enter(&service, &["spring"], "800.00 USD").await;
    let mut asked = Request::new(pause("spring"));
    asked.metadata_mut().insert("traceparent", TRACEPARENT.parse().unwrap());
    service.admin().set_override(asked).await.unwrap();

    let call = "paceline.v1.AdminService/SetOverride";
    let due = [
        vec![call, CALLER],
        vec!["append", call, CALLER],
        vec!["apply", call, CALLER],
        vec!["tick", call, CALLER],
        vec!["append", "tick", call, CALLER],
        vec!["publish", "tick", call, CALLER],
    ];
    let spans = until("the whole trace came", async || {
        let spans = collector.spans(TRACE);
        let paths: Vec<_> = spans.values().map(|span| path(&spans, span)).collect();
        due.iter().all(|due| paths.iter().any(|path| path == due)).then_some(spans)
    })
    .await;
    for span in spans.values() {
        assert!(span.start_time_unix_nano > 1_700_000_000_000_000_000, "{span:?}");
        assert!(span.end_time_unix_nano >= span.start_time_unix_nano, "{span:?}");
        if let Some(above) = spans.get(&digits(&span.parent_span_id)) {
            assert!(span.start_time_unix_nano >= above.start_time_unix_nano, "{span:?}");
        }
    }
    let resource = collector.resource();
    assert_eq!((&*resource["service.name"], &*resource["region"]), ("pacer", "eu"));
    let log = service.log();
    let told = log.iter().find(|line| line.contains("override changed")).unwrap();
    assert!(told.contains(&format!("\"trace_id\":\"{TRACE}\"")), "{told}");
    let status = service.stop().await;
    assert!(status.success());
}

#[tokio::test]
async fn a_collector_that_is_away_costs_a_counter_and_nothing_else() {
    let nobody = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let mut service = Setup::embedded()
        .with("loop.tick", "1s")
        .with("telemetry.traces_endpoint", &format!("http://{nobody}"))
        .with("telemetry.traces_share", "100%")
        .start()
        .await;
    orders::enter(&service, &["spring"], "800.00 USD").await;
    service.admin().set_override(Request::new(pause("spring"))).await.unwrap();
    until("what was not sent is counted", async || {
        let (_, page) = service.get("/metrics").await?;
        let failed = "paceline_trace_spans_total{result=\"failed\"} ";
        let line = page.lines().find_map(|line| line.strip_prefix(failed))?;
        (line != "0").then_some(())
    })
    .await;
    let status = service.stop().await;
    assert!(status.success());
}
