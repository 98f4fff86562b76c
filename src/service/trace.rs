//! Traces: what one request did, from the call through the log to the table that tells of it.
//!
//! A span is begun where work begins and ends when it is dropped; parents go from task to task by
//! hand, and within a task by themselves. Nothing here waits: a span that finds the queue full is
//! dropped and counted, and without a collector, or for a trace that is not recorded, there is no
//! span at all. Knows neither calls nor loops. Used by the door of the RPC port, which begins
//! traces, and by the control loop, which goes on with them.

mod exporter;
mod otlp;
mod parent;

use crate::clock::{Clock, Stopwatch};
use crate::config::TelemetryConfig;
use crate::telemetry::spans as told;
use exporter::Exporter;
use otlp::{FAILED, INTERNAL, KeyValue, SERVER, Status, pair};
use parent::{Traceparent, digits};
use ring::rand::{SecureRandom as _, SystemRandom};
use std::error::Error;
use std::sync::Arc;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use tracing::Instrument as _;

/// Traces that wait for a round at a time: more writes than that between two rounds are told apart
/// by their calls, and the rounds show in the first of them.
const WAITING_MAX: usize = 16;
/// Bytes of a span's name: every call of ours has fewer, and others may call whatever they like.
const NAME_BYTES_MAX: usize = 100;
/// Letters of why a span failed: a batch of them is to stay far under what collectors take.
const FAULT_LETTERS_MAX: usize = 300;

/// Begins traces; makes none where no collector is configured. A copy is the same.
#[derive(Debug, Clone, Default)]
pub struct Tracer(Option<Arc<Inner>>);

#[derive(Debug)]
struct Inner {
    /// Of 2^64 traces that begin here, so many are recorded.
    recorded: u64,
    random: SystemRandom,
    clock: Clock,
    queue: mpsc::Sender<otlp::Span>,
}

impl Tracer {
    /// As configured, and the work of sending what it records, until told to stop.
    ///
    /// # Errors
    /// When the collector's address is none.
    pub fn open(
        config: &TelemetryConfig,
        until: CancellationToken,
    ) -> Result<(Self, Option<impl Future<Output = ()> + Send + 'static>), tonic::transport::Error>
    {
        if config.traces_endpoint.is_empty() {
            return Ok((Self::default(), None));
        }
        let (queue, spans) =
            mpsc::channel(usize::try_from(config.traces_queue_max).unwrap_or(1).max(1));
        let exporter = Exporter::new(config, spans)?;
        let million = u128::from(config.traces_share.get());
        let recorded = (u128::from(u64::MAX) * million / 1_000_000).try_into().unwrap_or(u64::MAX);
        let clock = Clock::system();
        let inner = Inner { recorded, random: SystemRandom::new(), clock, queue };
        Ok((Self(Some(Arc::new(inner))), Some(exporter.run(until))))
    }

    /// A call's span: of its caller's trace, where `traceparent` tells of one, and recorded if that
    /// is; else of a new one.
    #[must_use]
    pub fn call(&self, traceparent: Option<&str>, path: &str) -> Span {
        let Some(inner) = &self.0 else { return Span(None) };
        let name: String = path.trim_start_matches('/').chars().take(NAME_BYTES_MAX).collect();
        match traceparent.and_then(Traceparent::read) {
            Some(told) if !told.is_sampled => Span(None),
            Some(told) => Span::begin(inner, told.trace, Some(told.span), name, SERVER),
            None => self.root(name, SERVER),
        }
    }

    /// The first span of a trace of our own.
    #[must_use]
    pub fn work(&self, name: &str) -> Span {
        self.root(name.to_owned(), INTERNAL)
    }

    fn root(&self, name: String, kind: i32) -> Span {
        let Some(inner) = &self.0 else { return Span(None) };
        let (chance, trace) = (inner.id::<8>(), inner.id::<16>());
        if u64::from_le_bytes(chance) > inner.recorded || inner.recorded == 0 {
            return Span(None);
        }
        Span::begin(inner, trace, None, name, kind)
    }
}

impl Inner {
    /// By chance, and never all zeroes, which means none.
    fn id<const N: usize>(&self) -> [u8; N] {
        let mut id = [1; N];
        // Without random numbers the service would not have started: its sessions need them.
        let _ = self.random.fill(&mut id);
        if id.iter().all(|byte| *byte == 0) {
            id[0] = 1;
        }
        id
    }
}

/// A place in a trace, under which others begin.
#[derive(Debug, Clone)]
struct Place {
    inner: Arc<Inner>,
    trace: [u8; 16],
    span: [u8; 8],
}

/// Places in traces under which work is done: one for each request that shares it; none where
/// nothing is recorded.
#[derive(Debug, Clone, Default)]
pub struct Parents(Vec<Place>);

/// Work under way. Ends, and is sent, when it is dropped.
#[derive(Debug)]
pub struct Span(Option<Box<Open>>);

#[derive(Debug)]
struct Open {
    place: Place,
    parent: Option<[u8; 8]>,
    name: String,
    kind: i32,
    begun: u64,
    watch: Stopwatch,
    attributes: Vec<KeyValue>,
    fault: Option<String>,
}

impl Span {
    fn begin(
        inner: &Arc<Inner>,
        trace: [u8; 16],
        parent: Option<[u8; 8]>,
        name: String,
        kind: i32,
    ) -> Self {
        let place = Place { inner: Arc::clone(inner), trace, span: inner.id() };
        let micros = u64::try_from(inner.clock.world().as_micros()).unwrap_or(0);
        let begun = micros.saturating_mul(1_000);
        let (attributes, watch) = (Vec::new(), Stopwatch::start());
        let open = Open { place, parent, name, kind, begun, watch, attributes, fault: None };
        Self(Some(Box::new(open)))
    }

    /// Where others begin that are part of it.
    #[must_use]
    pub fn parents(&self) -> Parents {
        Parents(self.0.iter().map(|open| open.place.clone()).collect())
    }

    /// Says something of it.
    pub fn note(&mut self, key: &str, value: &str) {
        if let Some(open) = &mut self.0 {
            open.attributes.push(pair(key, value));
        }
    }

    /// It failed.
    pub fn fail(&mut self, why: &str) {
        if let Some(open) = &mut self.0 {
            open.fault = Some(why.chars().take(FAULT_LETTERS_MAX).collect());
        }
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        let took = u64::try_from(self.watch.elapsed().as_nanos()).unwrap_or(u64::MAX);
        let fault = self.fault.take();
        let span = otlp::Span {
            trace_id: self.place.trace.to_vec(),
            span_id: self.place.span.to_vec(),
            parent_span_id: self.parent.map(Vec::from).unwrap_or_default(),
            name: std::mem::take(&mut self.name),
            kind: self.kind,
            start_time_unix_nano: self.begun,
            end_time_unix_nano: self.begun.saturating_add(took),
            attributes: std::mem::take(&mut self.attributes),
            status: fault.map(|message| Status { message, code: FAILED }),
        };
        if self.place.inner.queue.try_send(span).is_err() {
            told::span_dropped();
        }
    }
}

tokio::task_local! {
    static CURRENT: Parents;
}

/// Under what the running task works.
#[must_use]
pub fn current() -> Parents {
    CURRENT.try_with(Clone::clone).unwrap_or_default()
}

/// One span for each trace that the running task works for; they end together.
#[must_use]
pub fn begin(name: &str) -> Vec<Span> {
    current().begin(name)
}

/// Does a piece of work, with a span for each trace that the running task works for.
pub async fn step<T, E: Error>(
    name: &str,
    work: impl Future<Output = Result<T, E>>,
) -> Result<T, E> {
    let spans = begin(name);
    let done = work.await;
    end(spans, &done);
    done
}

/// Ends spans of work that came to this.
pub fn end<T, E: Error>(mut spans: Vec<Span>, done: &Result<T, E>) {
    if let Err(error) = done {
        let why = crate::error_chain(error);
        spans.iter_mut().for_each(|span| span.fail(&why));
    }
}

/// Does work under these parents; its lines in the log bear the first trace's id.
pub async fn within<F: Future>(parents: Parents, work: F) -> F::Output {
    let Some(first) = parents.0.first() else { return work.await };
    // At the highest level, so that warnings bear it where nothing less is logged.
    let line = tracing::error_span!("trace", trace_id = digits(&first.trace));
    CURRENT.scope(parents, work).instrument(line).await
}

impl Parents {
    /// One span for each of these.
    #[must_use]
    pub fn begin(&self, name: &str) -> Vec<Span> {
        let begin =
            |at: &Place| Span::begin(&at.inner, at.trace, Some(at.span), name.to_owned(), INTERNAL);
        self.0.iter().map(begin).collect()
    }

    /// These and those.
    pub fn join(&mut self, others: Self) {
        self.0.extend(others.0);
    }

    /// Where others begin that are part of these spans.
    #[must_use]
    pub fn of(spans: &[Span]) -> Self {
        Self(spans.iter().flat_map(|span| span.parents().0).collect())
    }
}

/// Traces of a loop: those that wait for a round, and the rounds' own.
#[derive(Debug, Default)]
pub struct Rounds {
    tracer: Tracer,
    waiting: Parents,
}

impl Rounds {
    /// Begins rounds' own traces with this.
    #[must_use]
    pub fn new(tracer: Tracer) -> Self {
        Self { tracer, waiting: Parents::default() }
    }

    /// A write whose trace goes on in the next round.
    pub fn note(&mut self, parents: Parents) {
        let room = WAITING_MAX.saturating_sub(self.waiting.0.len());
        self.waiting.0.extend(parents.0.into_iter().take(room));
    }

    /// The spans of a round: one for each trace that waited for it, or one of its own.
    #[must_use]
    pub fn begin(&mut self) -> Vec<Span> {
        let waiting = std::mem::take(&mut self.waiting);
        if waiting.0.is_empty() { vec![self.tracer.work("tick")] } else { waiting.begin("tick") }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn traced(share: u32, queue_max: usize) -> (Tracer, mpsc::Receiver<otlp::Span>) {
        let (queue, spans) = mpsc::channel(queue_max);
        let recorded = if share == 0 { 0 } else { u64::MAX };
        let (random, clock) = (SystemRandom::new(), Clock::system());
        (Tracer(Some(Arc::new(Inner { recorded, random, clock, queue }))), spans)
    }

    #[tokio::test]
    async fn one_trace_goes_from_a_call_through_the_loop_to_its_round() {
        let (tracer, mut spans) = traced(1, 16);
        let header = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
        let mut call = tracer.call(Some(header), "/paceline.v1.AdminService/SetOverride");
        call.note("rpc.system", "grpc");
        let carried = within(call.parents(), async { current() }).await;
        drop(call);
        let mut rounds = Rounds::new(tracer.clone());
        within(carried.clone(), async { drop(begin("append")) }).await;
        rounds.note(carried);
        let round = rounds.begin();
        within(Parents::of(&round), async { drop(begin("publish")) }).await;
        drop(round);
        let mut all = Vec::new();
        while let Ok(span) = spans.try_recv() {
            assert_eq!(digits(&span.trace_id), "4bf92f3577b34da6a3ce929d0e0e4736");
            assert!(span.end_time_unix_nano >= span.start_time_unix_nano);
            all.push(span);
        }
        let names: Vec<&str> = all.iter().map(|span| span.name.as_str()).collect();
        assert_eq!(names, ["paceline.v1.AdminService/SetOverride", "append", "publish", "tick"]);
        assert_eq!(digits(&all[0].parent_span_id), "00f067aa0ba902b7");
        assert_eq!((all[0].kind, all[1].kind), (SERVER, INTERNAL));
        assert!([1, 3].iter().all(|at| all[*at].parent_span_id == all[0].span_id));
        assert_eq!(all[2].parent_span_id, all[3].span_id);
        assert!(begin("nothing").is_empty(), "outside of any trace");
    }

    #[test]
    fn what_nobody_records_costs_no_span() {
        let (tracer, mut spans) = traced(0, 16);
        drop(tracer.work("tick"));
        drop(tracer.call(None, "/a/b"));
        let unsampled = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00";
        let (recorded, mut others) = traced(1, 16);
        drop(recorded.call(Some(unsampled), "/a/b"));
        drop(Tracer::default().call(None, "/a/b"));
        assert!(spans.try_recv().is_err() && others.try_recv().is_err());
        let (sampled, mut spans) = traced(0, 16);
        drop(
            sampled.call(Some(&unsampled.replace("-00", "-01").replacen("-01f", "-00f", 1)), "/a"),
        );
        assert!(spans.try_recv().is_ok(), "the caller's trace is recorded");
    }

    #[tokio::test]
    async fn work_that_failed_says_so() {
        let (tracer, mut spans) = traced(1, 16);
        let round = tracer.work("tick");
        within(round.parents(), async {
            let done: Result<(), _> = step("append", async { Err(std::fmt::Error) }).await;
            assert!(done.is_err());
            assert!(step("read", async { Ok::<_, std::fmt::Error>(1) }).await.is_ok());
        })
        .await;
        let faults: Vec<_> = [spans.try_recv(), spans.try_recv()]
            .map(|span| span.unwrap().status.map(|status| status.code))
            .to_vec();
        assert_eq!(faults, [Some(FAILED), None]);
    }

    #[test]
    fn a_full_queue_drops_and_waits_for_nobody() {
        let (tracer, mut spans) = traced(1, 2);
        for _ in 0..10 {
            drop(tracer.work("tick"));
        }
        assert!(spans.try_recv().is_ok() && spans.try_recv().is_ok());
        assert!(spans.try_recv().is_err());
    }

    #[test]
    fn a_round_shows_in_a_bounded_number_of_traces() {
        let (tracer, _spans) = traced(1, 1_000);
        let mut rounds = Rounds::new(tracer.clone());
        for _ in 0..100 {
            rounds.note(tracer.work("call").parents());
        }
        assert_eq!(rounds.begin().len(), WAITING_MAX);
        assert_eq!(rounds.begin().len(), 1, "one of its own");
    }
}
