//! Probes, metrics and the operator's pages, on a thread and runtime of their own, so that health
//! answers when work is stuck.
//!
//! Knows `/livez`, `/readyz` and `/metrics`; other routes are handed in by `app`. The listener is
//! handed in too, so port 0 works and a taken port is found before anything starts.

use crate::auth::certificate::Certified;
use crate::auth::door::{self, Guard};
use crate::clock::Stopwatch;
use crate::health::Health;
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
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

/// Connections at once. People and scrapers are few; whoever opens more waits in the backlog
/// instead of taking our memory.
const CONNECTIONS_MAX: usize = 256;
/// Longest time to say hello and to send a request's head: a connection that says nothing must not
/// hold a place for ever.
const HELLO_TIMEOUT: Duration = Duration::from_secs(10);
/// Wait after an accept that failed, which is mostly the process's limit of open files: spinning
/// would not free any.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

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

/// Accepts until told to stop, then lets requests in hand end.
async fn serve(
    listener: tokio::net::TcpListener,
    tls: Option<Tls>,
    routes: Router,
    until: CancellationToken,
) {
    let places = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    let ending = GracefulShutdown::new();
    let mut connections = JoinSet::new();
    loop {
        let place = Arc::clone(&places).acquire_owned();
        let accepted = async {
            let place = place.await.expect("the semaphore is never closed");
            listener.accept().await.map(|(stream, peer)| (stream, peer, place))
        };
        let (stream, peer, place) = tokio::select! {
            biased;
            () = until.cancelled() => break,
            Some(_) = connections.join_next() => continue,
            accepted = accepted => match accepted {
                Ok(accepted) => accepted,
                Err(_) => {
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                    continue;
                }
            },
        };
        let routes = routes.clone().layer(Extension(ConnectInfo(peer)));
        let (watcher, tls) = (ending.watcher(), tls.clone());
        connections.spawn(async move {
            match tls {
                None => converse(stream, routes, watcher, place).await,
                Some(tls) => {
                    if let Ok(Ok(stream)) =
                        tokio::time::timeout(HELLO_TIMEOUT, tls.pages().accept(stream)).await
                    {
                        let certified = Certified::of(stream.get_ref().1.peer_certificates());
                        let begun = Stopwatch::start();
                        let routes = routes.layer(Extension(certified));
                        let routes = routes.layer(map_response(move |answer| async move {
                            close_if_old(begun, answer)
                        }));
                        converse(stream, routes, watcher, place).await;
                    }
                }
            }
        });
    }
    // Pages that stream for ever are cut when the runtime ends; a stage's deadline bounds the wait.
    ending.shutdown().await;
    connections.shutdown().await;
}

/// Asks for another connection once this one is as old as it may be.
fn close_if_old(begun: Stopwatch, mut answer: Response) -> Response {
    if begun.elapsed() >= tls::AGE_MAX {
        answer.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
    }
    answer
}

/// One connection, until it ends. What goes wrong with it is the other side's affair.
async fn converse(
    stream: impl AsyncRead + AsyncWrite + Unpin + 'static,
    routes: Router,
    watcher: hyper_util::server::graceful::Watcher,
    _place: OwnedSemaphorePermit,
) {
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HELLO_TIMEOUT)
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
    use metrics_exporter_prometheus::PrometheusBuilder;
    use std::io::{Read, Write};
    use std::net::TcpStream;

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
        let guard = Guard { ring: None, console, limits };
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
