//! The door of each port: no request passes without its right.
//!
//! One layer for the RPC services and one for the pages, both over the same [`Keyring`]. A caller
//! that was let in is noted in the request, so that what they do bears their name. Without a
//! keyring the door is open: configuration allows that on loopback, or where it was asked for.

pub(crate) use super::login::page as html;
use super::login::{Entrance, is_person, turned_away};
use super::session::Limits;
use super::{Caller, Deed, Keyring};
use crate::config::ConsoleConfig;
use crate::telemetry::event;
use axum::Router;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::middleware::{Next, from_fn, from_fn_with_state};
use axum::response::{IntoResponse as _, Response};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use tonic::Status;

/// What the doors go by.
#[derive(Debug, Clone)]
pub struct Guard {
    /// Everyone who has a token; `None`: nobody need say who they are.
    pub ring: Option<Keyring>,
    /// How long a browser's session lasts.
    pub console: ConsoleConfig,
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
                              `Bearer <token>` of server.tokens_file"
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

/// Who may pass, if anybody must show a token.
fn admit(ring: &Keyring, headers: &HeaderMap, deed: Deed) -> Result<Option<Caller>, Refusal> {
    judge(token(headers).and_then(|token| ring.caller(&token)), deed)
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
pub fn guard_calls(routes: Router, ring: Option<Keyring>) -> Router {
    match ring {
        None => routes,
        Some(ring) => routes.layer(from_fn_with_state(ring, call)),
    }
}

/// Puts the door before pages. A session's cookie is sent over an encrypted line alone, where there
/// is one. Where nobody need say who they are, pages of this machine alone answer to its own names
/// alone.
pub fn guard_pages(routes: Router, guard: Guard, is_encrypted: bool, is_loopback: bool) -> Router {
    match guard.ring {
        None if is_loopback => routes.layer(from_fn(super::origin::local)),
        None => routes,
        Some(ring) => {
            let entrance = Entrance::new(ring, is_encrypted, Limits::of(guard.console));
            routes.layer(from_fn_with_state(entrance, page))
        }
    }
}

async fn call(State(ring): State<Keyring>, mut request: Request, next: Next) -> Response {
    let deed = Deed::of_call(request.uri().path());
    match admit(&ring, request.headers(), deed) {
        Ok(caller) => {
            note(&mut request, caller);
            next.run(request).await
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

async fn page(State(entrance): State<Entrance>, request: Request, next: Next) -> Response {
    let mut request = match entrance.answer(request).await {
        Ok(answer) => return answer,
        Err(request) => request,
    };
    let deed = Deed::of_page(request.uri().path(), request.method().is_safe());
    let headers = request.headers();
    // A token that is shown counts alone: who shows a wrong one is nobody, whatever the cookie.
    let caller = match token(headers) {
        Some(token) => entrance.ring.caller(&token),
        None => entrance.caller(headers),
    };
    let is_person = is_person(headers);
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
                    html(StatusCode::UNAUTHORIZED, &entrance.asking(None, Some(why)))
                }
                Refusal::Unknown => {
                    let ask = [(header::WWW_AUTHENTICATE, "Basic realm=\"paceline\"")];
                    (StatusCode::UNAUTHORIZED, ask, told).into_response()
                }
                Refusal::Forbidden(..) if is_person => {
                    html(StatusCode::FORBIDDEN, &turned_away(told.trim_end()))
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
