//! The door of each port: no request passes without its right.
//!
//! One layer for the RPC services and one for the pages, both over the same [`Keyring`]. A caller
//! that was let in is noted in the request, so that what they do bears their name. Without a
//! keyring the door is open: configuration allows that on loopback, or where it was asked for. How
//! often somebody asks is bounded at both, whoever they are.

use super::certificate::Certified;
pub(crate) use super::login::page as html;
use super::login::{Entrance, Known, is_person, peer, turned_away};
use super::meter::{Meter, PROBES, Rate};
use super::session::Limits;
use super::{Caller, Deed, Keyring};
use crate::config::{ConsoleConfig, LimitsConfig};
use crate::telemetry::event;
use crate::trace::{self, Tracer};
use axum::Router;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::middleware::{Next, from_fn, from_fn_with_state};
use axum::response::{IntoResponse as _, Response};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use std::net::IpAddr;
use std::time::Duration;
use tonic::transport::server::{TcpConnectInfo, TlsConnectInfo};
use tonic::{Code, Status};
use tonic_types::{ErrorDetails, StatusExt as _};

/// What the doors go by.
#[derive(Debug, Clone)]
pub struct Guard {
    /// Everyone who has a token; `None`: nobody need say who they are.
    pub ring: Option<Keyring>,
    /// How long a browser's session lasts.
    pub console: ConsoleConfig,
    /// How often each caller may ask.
    pub limits: LimitsConfig,
    /// Begins the traces of calls.
    pub tracer: Tracer,
}

impl Guard {
    fn meter_of_calls(&self) -> Meter {
        let LimitsConfig { calls_per_second, calls_burst, .. } = self.limits;
        Meter::new(Rate { per_second: calls_per_second, burst: calls_burst })
    }

    fn meter_of_pages(&self) -> Meter {
        let LimitsConfig { pages_per_second, pages_burst, .. } = self.limits;
        Meter::new(Rate { per_second: pages_per_second, burst: pages_burst })
    }
}

/// Why a request does not pass.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Refusal {
    /// No token, or one that nobody has.
    Unknown,
    /// The caller may not do this.
    Forbidden(Caller, Deed),
}

impl Refusal {
    fn told(&self) -> String {
        match self {
            Self::Unknown => "authorization is absent or unknown and must be \
                              `Bearer <token>` of server.tokens_file, or a certificate must have \
                              a name of it"
                .to_owned(),
            Self::Forbidden(Caller { name, role }, deed) => {
                format!("{name} has the role {role}, which may not {}", deed.as_str())
            }
        }
    }

    const fn word(&self) -> &'static str {
        match self {
            Self::Unknown => "unknown",
            Self::Forbidden(..) => "forbidden",
        }
    }
}

/// Whether this caller may do it.
fn judge(caller: Option<Caller>, deed: Deed) -> Result<Option<Caller>, Refusal> {
    match caller {
        _ if deed == Deed::Probe => Ok(caller),
        None => Err(Refusal::Unknown),
        Some(caller) if deed.is_allowed(caller.role) => Ok(Some(caller)),
        Some(caller) => Err(Refusal::Forbidden(caller, deed)),
    }
}

/// `Bearer <token>`; or `Basic`, as browsers ask for it, with any name and the token as password.
fn token(headers: &HeaderMap) -> Option<String> {
    let value = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, rest) = value.split_once(' ')?;
    if scheme.eq_ignore_ascii_case("bearer") {
        return Some(rest.trim().to_owned());
    }
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let pair = String::from_utf8(BASE64_STANDARD.decode(rest.trim()).ok()?).ok()?;
    pair.split_once(':').map(|(_, password)| password.to_owned())
}

/// Puts the door before RPC services.
pub fn guard_calls(routes: Router, guard: &Guard) -> Router {
    let (ring, tracer) = (guard.ring.clone(), guard.tracer.clone());
    let door = CallDoor { ring, meter: guard.meter_of_calls(), tracer };
    routes.layer(from_fn_with_state(door, call))
}

/// Puts the door before pages. A session's cookie is sent over an encrypted line alone, where there
/// is one. Where nobody need say who they are, pages of this machine alone answer to its own names
/// alone.
pub fn guard_pages(routes: Router, guard: Guard, is_encrypted: bool, is_loopback: bool) -> Router {
    let meter = guard.meter_of_pages();
    match guard.ring {
        None => {
            let routes = routes.layer(from_fn_with_state(meter, open_page));
            if is_loopback { routes.layer(from_fn(super::origin::local)) } else { routes }
        }
        Some(ring) => {
            let entrance = Entrance::new(ring, is_encrypted, Limits::of(guard.console));
            routes.layer(from_fn_with_state(PageDoor { entrance, meter }, page))
        }
    }
}

/// The door of the RPC port.
#[derive(Debug, Clone)]
struct CallDoor {
    ring: Option<Keyring>,
    meter: Meter,
    tracer: Tracer,
}

/// The door of the pages, where tokens are asked for.
#[derive(Debug, Clone)]
struct PageDoor {
    entrance: Entrance,
    meter: Meter,
}

/// What the connection of a call was vouched to be.
fn certified(request: &Request) -> Certified {
    let line = request.extensions().get::<TlsConnectInfo<TcpConnectInfo>>();
    let chain = line.and_then(TlsConnectInfo::peer_certs);
    Certified::of(chain.as_ref().map(|chain| chain.as_slice()))
}

/// From which address a call comes.
fn caller_address(request: &Request) -> Option<IpAddr> {
    let extensions = request.extensions();
    let encrypted = extensions.get::<TlsConnectInfo<TcpConnectInfo>>().map(TlsConnectInfo::get_ref);
    let line = encrypted.or_else(|| extensions.get::<TcpConnectInfo>());
    line.and_then(TcpConnectInfo::remote_addr).map(|address| address.ip())
}

async fn call(State(door): State<CallDoor>, mut request: Request, next: Next) -> Response {
    let deed = Deed::of_call(request.uri().path());
    let known = |ring: &Keyring| match token(request.headers()) {
        Some(token) => ring.caller(&token),
        None => ring.certified(&certified(&request)),
    };
    let caller = door.ring.as_ref().and_then(known);
    if let Err(wait) = door.meter.take(deed, caller.as_ref(), caller_address(&request)) {
        return too_many_calls(wait, deed).into_http();
    }
    let judged = if door.ring.is_some() { judge(caller, deed) } else { Ok(None) };
    match judged {
        Ok(caller) => {
            note(&mut request, caller);
            if deed == Deed::Probe {
                return next.run(request).await;
            }
            traced(&door.tracer, request, next).await
        }
        Err(refusal) => {
            event::caller_refused(refusal.word());
            let told = refusal.told();
            let status = match refusal {
                Refusal::Unknown => Status::unauthenticated(told),
                Refusal::Forbidden(..) => Status::permission_denied(told),
            };
            status.into_http()
        }
    }
}

/// Runs a call that was let in under a span of its own, in its caller's trace if there is one. Of a
/// stream, the span is what it took to open it.
async fn traced(tracer: &Tracer, request: Request, next: Next) -> Response {
    let parent = request.headers().get("traceparent").and_then(|value| value.to_str().ok());
    let mut span = tracer.call(parent, request.uri().path());
    span.note("rpc.system", "grpc");
    if let Some(caller) = request.extensions().get::<Caller>() {
        span.note("paceline.caller", &caller.name);
    }
    let answer = trace::within(span.parents(), next.run(request)).await;
    let status = Status::from_header_map(answer.headers());
    if let Some(status) = status {
        span.note("rpc.grpc.status_code", &i32::from(status.code()).to_string());
        if is_ours(status.code()) {
            span.fail(status.message());
        }
    }
    answer
}

/// Whether such an answer is a fault of ours, and none of the caller's: the rule of OpenTelemetry's
/// conventions for servers of gRPC.
const fn is_ours(code: Code) -> bool {
    matches!(
        code,
        Code::Unknown
            | Code::DeadlineExceeded
            | Code::Unimplemented
            | Code::Internal
            | Code::Unavailable
            | Code::DataLoss
    )
}

/// Whole seconds to wait, at least one.
fn seconds(wait: Duration) -> u64 {
    wait.as_secs().saturating_add(1)
}

/// What is told to whoever asks too often.
fn told_to_wait(wait: Duration, deed: Deed, key: &str) -> String {
    let seconds = seconds(wait);
    if deed == Deed::Probe {
        let most = PROBES.per_second;
        return format!("more probes than {most} a second by one caller; try again in {seconds} s");
    }
    format!("more requests than limits.{key} allows one caller; try again in {seconds} s")
}

fn too_many_calls(wait: Duration, deed: Deed) -> Status {
    event::caller_refused("limited");
    let details = ErrorDetails::with_retry_info(Some(wait));
    let told = told_to_wait(wait, deed, "calls_per_second");
    let mut status = Status::with_error_details(Code::ResourceExhausted, told, details);
    status.metadata_mut().insert("retry-after", seconds(wait).into());
    status
}

fn too_many_pages(wait: Duration, deed: Deed, is_person: bool) -> Response {
    event::caller_refused("limited");
    let told = told_to_wait(wait, deed, "pages_per_second");
    let mut answer = if is_person {
        html(StatusCode::TOO_MANY_REQUESTS, &turned_away("Too many requests", &told))
    } else {
        (StatusCode::TOO_MANY_REQUESTS, told + "\n").into_response()
    };
    answer.headers_mut().insert(header::RETRY_AFTER, seconds(wait).into());
    answer
}

/// Whether a page is counted. Who asks whether the process lives is always told: that costs no more
/// than a refusal, and one that is taken for dead is ended, whoever asked too often.
fn is_counted(request: &Request) -> bool {
    request.uri().path() != "/livez"
}

/// Where nobody need say who they are.
async fn open_page(State(meter): State<Meter>, request: Request, next: Next) -> Response {
    let deed = Deed::of_page(request.uri().path(), request.method().is_safe());
    match meter.take(deed, None, peer(&request)) {
        Err(wait) if is_counted(&request) => {
            too_many_pages(wait, deed, is_person(request.headers()))
        }
        _ => next.run(request).await,
    }
}

async fn page(State(door): State<PageDoor>, request: Request, next: Next) -> Response {
    let PageDoor { entrance, meter } = door;
    let deed = Deed::of_page(request.uri().path(), request.method().is_safe());
    let headers = request.headers();
    let is_person = is_person(headers);
    // A token that is shown counts alone: who shows a wrong one is nobody, whatever the cookie.
    let caller = match token(headers) {
        Some(token) => entrance.ring.caller(&token),
        None => entrance.caller(headers).or_else(|| {
            let certified = request.extensions().get::<Certified>();
            certified.and_then(|certified| entrance.ring.certified(certified))
        }),
    };
    if let Err(wait) = meter.take(deed, caller.as_ref(), peer(&request))
        && is_counted(&request)
    {
        return too_many_pages(wait, deed, is_person);
    }
    let mut request = match entrance.answer(request).await {
        Ok(answer) => return answer,
        Err(request) => request,
    };
    match judge(caller, deed) {
        Ok(caller) => {
            note(&mut request, caller);
            next.run(request).await
        }
        Err(refusal) => {
            event::caller_refused(refusal.word());
            let told = refusal.told() + "\n";
            match refusal {
                Refusal::Unknown if is_person => {
                    let why = "This needs a session, and there is none, or it has ended.";
                    html(StatusCode::UNAUTHORIZED, &entrance.asking(&Known::No, Some(why)))
                }
                Refusal::Unknown => {
                    let ask = [(header::WWW_AUTHENTICATE, "Basic realm=\"paceline\"")];
                    (StatusCode::UNAUTHORIZED, ask, told).into_response()
                }
                Refusal::Forbidden(..) if is_person => {
                    html(StatusCode::FORBIDDEN, &turned_away("Not allowed", told.trim_end()))
                }
                Refusal::Forbidden(..) => (StatusCode::FORBIDDEN, told).into_response(),
            }
        }
    }
}

/// Tells whoever handles the request who it is from.
fn note(request: &mut Request, caller: Option<Caller>) {
    if let Some(caller) = caller {
        request.extensions_mut().insert(caller);
    }
}
