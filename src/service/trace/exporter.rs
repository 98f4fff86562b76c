//! Sends spans that have ended to a collector, in batches, beside everything else.
//!
//! The queue in front of it has a bound, and what finds it full is dropped and counted; so is a
//! batch that the collector does not take: spans are worth no second try. Knows how spans travel,
//! not who makes them. Run by `app`.

use super::otlp::{
    EXPORT, ExportRequest, ExportResponse, InstrumentationScope, Resource, ResourceSpans,
    ScopeSpans, Span, pair,
};
use super::parent::digits;
use crate::config::{RESOURCE_KEYS, TelemetryConfig};
use crate::telemetry::spans as told;
use ring::rand::{SecureRandom as _, SystemRandom};
use std::time::Duration;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use tonic::client::Grpc;
use tonic::codegen::http::uri::PathAndQuery;
use tonic::transport::{Channel, ClientTlsConfig, Endpoint};
use tonic::{Request, Status};

/// Spans of one batch, some hundred bytes each: far under the four megabytes that collectors take.
const BATCH_SPANS_MAX: usize = 512;
/// How long spans wait for company. Real time, as all of these.
const BATCH_WAIT: Duration = Duration::from_secs(1);
/// How often a connection that says nothing is asked whether it is there.
const KEEP_ALIVE: Duration = Duration::from_secs(10);
/// Longest time for one batch; meanwhile the queue fills, and what is beyond it is dropped.
const EXPORT_TIMEOUT: Duration = Duration::from_secs(5);
/// Longest time for what is under way and left when the service stops.
const LAST_TIMEOUT: Duration = Duration::from_secs(2);

/// Sends what comes out of the queue.
#[derive(Debug)]
pub(super) struct Exporter {
    spans: mpsc::Receiver<Span>,
    channel: Channel,
    resource: Resource,
    /// Spans of the batch that is being sent.
    under_way: u64,
    /// Whether the collector took the last one.
    is_well: bool,
}

impl Exporter {
    /// Connects when there is something to send.
    ///
    /// # Errors
    /// When the address is none.
    pub(super) fn new(
        config: &TelemetryConfig,
        spans: mpsc::Receiver<Span>,
    ) -> Result<Self, tonic::transport::Error> {
        let mut endpoint = Endpoint::from_shared(config.traces_endpoint.clone())?
            .connect_timeout(EXPORT_TIMEOUT)
            .timeout(EXPORT_TIMEOUT)
            // A connection that died unnoticed is found by the second batch that waits.
            .http2_keep_alive_interval(KEEP_ALIVE)
            .keep_alive_timeout(EXPORT_TIMEOUT)
            .keep_alive_while_idle(true);
        if config.traces_endpoint.starts_with("https://") {
            endpoint = endpoint.tls_config(ClientTlsConfig::new().with_native_roots())?;
        }
        let mut instance = [0; 16];
        // Without random numbers the service would not have started: its sessions need them.
        let _ = SystemRandom::new().fill(&mut instance);
        let (name, instance) = (config.traces_service_name.as_str(), digits(&instance));
        let own = [name, env!("CARGO_PKG_VERSION"), &instance];
        let own = RESOURCE_KEYS.into_iter().zip(own).map(|(key, value)| pair(key, value));
        let mut attributes: Vec<_> = own.collect();
        let own = crate::config::pairs(&config.traces_attributes).unwrap_or_default();
        attributes.extend(own.into_iter().map(|(key, value)| pair(key, value)));
        let (channel, resource) = (endpoint.connect_lazy(), Resource { attributes });
        Ok(Self { spans, channel, resource, under_way: 0, is_well: true })
    }

    /// Sends until told to stop, and then what is left, for as long as [`LAST_TIMEOUT`].
    pub(super) async fn run(mut self, until: CancellationToken) {
        let over = async {
            until.cancelled().await;
            tokio::time::sleep(LAST_TIMEOUT).await;
        };
        tokio::select! {
            () = self.send_all(&until) => {}
            () = over => {}
        }
        // What was cut short, and what still waits.
        self.spans.close();
        let mut lost = self.under_way;
        while self.spans.try_recv().is_ok() {
            lost = lost.saturating_add(1);
        }
        if lost > 0 {
            told::spans_sent(0, lost);
        }
    }

    async fn send_all(&mut self, until: &CancellationToken) {
        loop {
            let mut batch = Vec::new();
            let is_last = tokio::select! {
                biased;
                () = until.cancelled() => true,
                count = self.spans.recv_many(&mut batch, BATCH_SPANS_MAX) => count == 0,
            };
            if is_last {
                break;
            }
            let waited = tokio::time::sleep(BATCH_WAIT);
            tokio::pin!(waited);
            while batch.len() < BATCH_SPANS_MAX {
                let room = BATCH_SPANS_MAX - batch.len();
                tokio::select! {
                    biased;
                    () = until.cancelled() => break,
                    () = &mut waited => break,
                    count = self.spans.recv_many(&mut batch, room) => if count == 0 { break },
                }
            }
            self.send(batch).await;
        }
        self.spans.close();
        loop {
            let mut batch = Vec::new();
            if self.spans.recv_many(&mut batch, BATCH_SPANS_MAX).await == 0 {
                break;
            }
            self.send(batch).await;
        }
    }

    /// One batch, once; what became of it is counted, and told when it is news.
    async fn send(&mut self, spans: Vec<Span>) {
        let count = u64::try_from(spans.len()).unwrap_or(u64::MAX);
        self.under_way = count;
        let sent = tokio::time::timeout(EXPORT_TIMEOUT, self.export(spans)).await;
        self.under_way = 0;
        let sent = sent.unwrap_or_else(|_| Err(Status::deadline_exceeded("no answer in time")));
        match sent {
            Ok(refused) => {
                let refused = refused.min(count);
                told::spans_sent(count - refused, refused);
                if !std::mem::replace(&mut self.is_well, true) {
                    told::collector_reached();
                }
            }
            Err(status) => {
                told::spans_sent(0, count);
                if std::mem::replace(&mut self.is_well, false) {
                    told::collector_lost(&status);
                }
            }
        }
    }

    /// How many the collector refused.
    async fn export(&self, spans: Vec<Span>) -> Result<u64, Status> {
        let scope = InstrumentationScope {
            name: "paceline".to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
        };
        let scope_spans = vec![ScopeSpans { scope: Some(scope), spans }];
        let resource = Some(self.resource.clone());
        let request =
            ExportRequest { resource_spans: vec![ResourceSpans { resource, scope_spans }] };
        let mut client = Grpc::new(self.channel.clone());
        client.ready().await.map_err(|error| Status::unavailable(crate::error_chain(&error)))?;
        let codec = tonic_prost::ProstCodec::<ExportRequest, ExportResponse>::default();
        let path = PathAndQuery::from_static(EXPORT);
        let answer = client.unary(Request::new(request), path, codec).await?.into_inner();
        let refused = answer.partial_success.map_or(0, |part| part.rejected_spans);
        Ok(u64::try_from(refused).unwrap_or(0))
    }
}
