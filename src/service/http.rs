//! Probes, metrics and the operator's pages, on a thread and runtime of their own, so that health
//! answers when work is stuck.
//!
//! Knows `/livez`, `/readyz` and `/metrics`; other routes are handed in by `app`. The listener is
//! handed in too, so port 0 works and a taken port is found before anything starts.

use crate::auth::certificate::Certified;
use crate::auth::door::{self, Guard};
use crate::clock::Stopwatch;
use crate::health::Health;
use crate::lines::{self, Lines, Room};
use crate::telemetry::MetricsPage;
use crate::tls::{self, Tls};
use axum::Extension;
use axum::Router;
use axum::extract::{ConnectInfo, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::middleware::map_response;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::{GracefulShutdown, Watcher};
use hyper_util::service::TowerToHyperService;
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::thread::JoinHandle;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::sync::oneshot;
use tokio::task::JoinSet;
use tokio_rustls::server::TlsStream;
use tokio_util::sync::CancellationToken;

/// People and scrapers are few; whoever opens more waits instead of taking our memory. Half of the
/// places at most are one network's, so that whoever probes finds one whatever another host does; a
/// proxy with everybody behind it has enough with that half. A request's head has its own deadline.
const ROOM: Room = Room { connections_max: 256, connections_of_one_max: 128, preface_bytes: 0 };
/// Longest time to send a request's head: a connection that says nothing must not hold a place for
/// ever.
const HEAD_TIMEOUT: Duration = Duration::from_secs(10);

/// The running pages. Stops when told or dropped.
#[derive(Debug)]
pub struct HttpServer {
    address: SocketAddr,
    stop: CancellationToken,
    ended: oneshot::Receiver<()>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Debug, Clone)]
struct Facts {
    health: Health,
    page: MetricsPage,
}

/// Begins to serve, on a thread of its own, all but the probes behind the door.
///
/// # Errors
/// When the listener or the runtime is refused by the system.
pub fn start(
    listener: TcpListener,
    tls: Option<Tls>,
    guard: Guard,
    routes: Router,
    health: Health,
    page: MetricsPage,
) -> io::Result<HttpServer> {
    let address = listener.local_addr()?;
    listener.set_nonblocking(true)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let probes = Router::new()
        .route("/livez", get(livez))
        .route("/readyz", get(readyz))
        .route("/metrics", get(metrics))
        .with_state(Facts { health, page });
    let is_loopback = address.ip().is_loopback();
    let routes = door::guard_pages(routes.merge(probes), guard, tls.is_some(), is_loopback);
    let (stop, ended_tx, ended);
    stop = CancellationToken::new();
    (ended_tx, ended) = oneshot::channel();
    let until = stop.clone();
    let thread = std::thread::Builder::new().name("http".to_owned()).spawn(move || {
        runtime.block_on(async move {
            // Registering with the runtime can fail only for a blocking socket.
            let listener = tokio::net::TcpListener::from_std(listener)
                .expect("the listener was made non-blocking above");
            serve(listener, tls, routes, until).await;
        });
        // Nobody waits once the server was dropped.
        let _ = ended_tx.send(());
    })?;
    Ok(HttpServer { address, stop, ended, thread: Some(thread) })
}

impl HttpServer {
    /// Where it listens, with the port that was taken.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Takes no more connections, ends the idle ones, waits for requests in hand.
    pub async fn stop(mut self) {
        self.stop.cancel();
        // An error means the thread is gone already.
        let _ = (&mut self.ended).await;
        if let Some(thread) = self.thread.take() {
            // It has sent its last word; a panic before that was logged by its hook.
            let _ = thread.join();
        }
    }
}

impl Drop for HttpServer {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

/// Serves until told to stop, then lets requests in hand end.
async fn serve(
    listener: tokio::net::TcpListener,
    tls: Option<Tls>,
    routes: Router,
    until: CancellationToken,
) {
    match tls {
        None => {
            let plain = |stream| std::future::ready(Ok(stream));
            let (lines, accepting) = lines::accept(listener, ROOM, plain, until);
            converse_over(lines, accepting, |_| routes.clone()).await;
        }
        Some(tls) => {
            let agree = move |stream| tls.pages().accept(stream);
            let (lines, accepting) = lines::accept(listener, ROOM, agree, until);
            converse_over(lines, accepting, |stream: &TlsStream<TcpStream>| {
                let certified = Certified::of(stream.get_ref().1.peer_certificates());
                let begun = Stopwatch::start();
                let routes = routes.clone().layer(Extension(certified));
                routes.layer(map_response(move |answer| async move {
                    close_if_old(begun.elapsed(), answer)
                }))
            })
            .await;
        }
    }
}

/// Speaks over each connection, with the routes that are for it, until no more come.
async fn converse_over<S>(
    mut lines: Lines<S>,
    accepting: impl Future<Output = ()> + Send + 'static,
    routes_for: impl Fn(&S) -> Router,
) where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let ending = GracefulShutdown::new();
    let mut tasks = JoinSet::new();
    tasks.spawn(accepting);
    loop {
        tokio::select! {
            biased;
            Some(_) = tasks.join_next() => {}
            line = lines.recv() => match line {
                None => break,
                // Those that failed are not handed over.
                Some(Err(_)) => {}
                Some(Ok(line)) => {
                    let routes = routes_for(line.stream());
                    let routes = routes.layer(Extension(ConnectInfo(line.peer())));
                    tasks.spawn(converse(line, routes, ending.watcher()));
                }
            },
        }
    }
    // Pages that stream for ever are cut when the runtime ends; a stage's deadline bounds the wait.
    ending.shutdown().await;
    tasks.shutdown().await;
}

/// Asks for another connection once this one is as old as it may be.
fn close_if_old(age: Duration, mut answer: Response) -> Response {
    if age >= tls::AGE_MAX {
        answer.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
    }
    answer
}

/// One connection, until it ends. What goes wrong with it is the other side's affair.
async fn converse(
    stream: impl AsyncRead + AsyncWrite + Unpin + 'static,
    routes: Router,
    watcher: Watcher,
) {
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIMEOUT)
        .serve_connection(TokioIo::new(stream), TowerToHyperService::new(routes));
    let _ = watcher.watch(connection).await;
}

async fn livez(State(facts): State<Facts>) -> Response {
    let stalled = facts.health.stalled();
    if stalled.is_empty() {
        return "live: yes\n".into_response();
    }
    let told = format!("live: no\nstalled partitions: {stalled:?}\n");
    (StatusCode::SERVICE_UNAVAILABLE, told).into_response()
}

async fn readyz(State(facts): State<Facts>) -> Response {
    let readiness = facts.health.readiness();
    let status = if readiness.is_ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, readiness.to_string()).into_response()
}

async fn metrics(State(facts): State<Facts>) -> Response {
    let kind = [(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")];
    (kind, facts.page.render()).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;
    use crate::health::{Condition, Stage};
    use crate::trace::Tracer;
    use metrics_exporter_prometheus::PrometheusBuilder;
    use std::io::{Read, Write};
    use std::net::TcpStream;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::TcpSocket;

    fn get_page(address: SocketAddr, path: &str) -> String {
        get_page_of("localhost", address, path)
    }

    fn get_page_of(host: &str, address: SocketAddr, path: &str) -> String {
        let mut stream = TcpStream::connect(address).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
        write!(stream, "GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n").unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    }

    fn started(health: &Health, routes: Router) -> HttpServer {
        let page = MetricsPage::of(PrometheusBuilder::new().build_recorder().handle());
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let Config { console, limits, .. } = Config::default();
        let guard = Guard { ring: None, console, limits, tracer: Tracer::default() };
        start(listener, None, guard, routes, health.clone(), page).unwrap()
    }

    #[tokio::test]
    async fn probes_tell_facts_and_stages() {
        let health = Health::new(&[Condition::StoreReachable], Duration::from_secs(60));
        let server = started(&health, Router::new());
        let address = server.address();
        assert!(get_page(address, "/livez").ends_with("live: yes\n"));
        let answer = get_page(address, "/readyz");
        assert!(answer.starts_with("HTTP/1.1 503 "), "{answer}");
        health.report(Condition::StoreReachable, Ok(()));
        let answer = get_page(address, "/readyz");
        assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
        assert!(answer.ends_with("store_reachable: yes\n"), "{answer}");
        health.enter(Stage::DrainInbox);
        let answer = get_page(address, "/readyz");
        assert!(answer.starts_with("HTTP/1.1 503 ") && answer.contains("stage: drain_inbox"));
        server.stop().await;
        assert!(TcpStream::connect(address).is_err(), "the port is closed");
    }

    #[tokio::test]
    async fn pages_handed_in_stand_beside_the_probes() {
        let health = Health::new(&[], Duration::from_secs(60));
        let server = started(&health, Router::new().route("/hello", get(|| async { "world" })));
        assert!(get_page(server.address(), "/hello").ends_with("world"));
        assert!(get_page(server.address(), "/metrics").starts_with("HTTP/1.1 200 "));
        assert!(get_page(server.address(), "/nowhere").starts_with("HTTP/1.1 404 "));
        let foreign = get_page_of("evil.example", server.address(), "/hello");
        assert!(foreign.starts_with("HTTP/1.1 421 ") && !foreign.contains("world"), "{foreign}");
        server.stop().await;
    }

    /// A connection to the pages from this address of the machine.
    async fn connected(from: &str, to: SocketAddr) -> tokio::net::TcpStream {
        let socket = TcpSocket::new_v4().unwrap();
        socket.bind(from.parse().unwrap()).unwrap();
        socket.connect(to).await.unwrap()
    }

    #[tokio::test]
    async fn one_host_that_says_nothing_does_not_hold_all_places() {
        let health = Health::new(&[], Duration::from_secs(60));
        let server = started(&health, Router::new());
        let mut silent = Vec::new();
        for _ in 0..ROOM.connections_max {
            silent.push(connected("127.0.0.1:0", server.address()).await);
        }
        let mut told = [0; 1_024];
        for beyond in &mut silent[ROOM.connections_of_one_max..] {
            let end = tokio::time::timeout(Duration::from_secs(5), beyond.read(&mut told)).await;
            assert!(!matches!(end.unwrap(), Ok(1..)), "closed without a word");
        }
        let mut other = connected("127.0.0.2:0", server.address()).await;
        other.write_all(b"GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n").await.unwrap();
        let count = tokio::time::timeout(Duration::from_secs(5), other.read(&mut told)).await;
        let count = count.expect("another host is answered at once").unwrap();
        assert!(told[..count].starts_with(b"HTTP/1.1 200 "));
        server.stop().await;
    }

    /// Asks over an open connection; the answer's first line.
    async fn asked(line: &mut tokio::net::TcpStream, path: &str) -> String {
        let question = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n");
        line.write_all(question.as_bytes()).await.unwrap();
        let mut told = [0; 4_096];
        let answer = tokio::time::timeout(Duration::from_secs(5), line.read(&mut told)).await;
        let count = answer.expect("an answer in time").unwrap();
        let text = String::from_utf8_lossy(&told[..count]).into_owned();
        text.lines().next().unwrap_or_default().to_owned()
    }

    #[tokio::test]
    async fn whether_it_lives_is_told_whoever_asked_too_often() {
        let health = Health::new(&[], Duration::from_secs(60));
        let server = started(&health, Router::new());
        let mut line = connected("127.0.0.1:0", server.address()).await;
        let mut refused = String::new();
        // The burst of probes, and what is earned meanwhile.
        for _ in 0..100_000 {
            refused = asked(&mut line, "/readyz").await;
            if refused.contains(" 429 ") {
                break;
            }
        }
        assert!(refused.contains(" 429 "), "{refused}");
        assert!(asked(&mut line, "/livez").await.contains(" 200 "));
        drop(line);
        server.stop().await;
    }

    #[test]
    fn a_connection_is_closed_when_it_is_as_old_as_it_may_be() {
        let is_closed = |age| {
            let answer = close_if_old(age, "world".into_response());
            answer.headers().get(header::CONNECTION).is_some_and(|word| word == "close")
        };
        assert!(!is_closed(tls::AGE_MAX - Duration::from_millis(1)));
        assert!(is_closed(tls::AGE_MAX), "the answer of a request then is its last");
    }

    #[tokio::test]
    async fn a_loop_that_died_ends_liveness() {
        let health = Health::new(&[], Duration::ZERO);
        health.beat(5);
        let server = started(&health, Router::new());
        let answer = get_page(server.address(), "/livez");
        assert!(answer.starts_with("HTTP/1.1 503 ") && answer.ends_with("partitions: [5]\n"));
        server.stop().await;
    }
}
