//! The page where a person shows a token once, and the session that begins there.
//!
//! Asked by the door, before anything else is. Knows nothing of what is behind it.

use super::certificate::Certified;
use super::filled::Filled;
use super::origin::is_from_here;
use super::session::{COOKIE, Limits, Sessions};
use super::wrong::WrongTokens;
use super::{Caller, Keyring};
use crate::clock::Stopwatch;
use crate::telemetry::event;
use axum::extract::{ConnectInfo, Request};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use paceline_view::{
    Block, CONTENT_SECURITY_POLICY, Field, Form, Input, NavLink, Page, Section, State,
};
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

/// Bytes of the form: a token has some tens.
const FORM_BYTES_MAX: usize = 4 << 10;

/// By what somebody is known.
#[derive(Debug)]
pub(super) enum Known {
    /// By nothing.
    No,
    /// By a session, which can be ended.
    BySession(Caller),
    /// By the certificate of the connection.
    ByCertificate(Caller),
}

/// What the door of the pages knows.
#[derive(Debug, Clone)]
pub(super) struct Entrance {
    pub(super) ring: Keyring,
    sessions: Sessions,
    started: Stopwatch,
    is_encrypted: bool,
    wrong: WrongTokens,
}

impl Entrance {
    pub(super) fn new(ring: Keyring, is_encrypted: bool, limits: Limits) -> Self {
        Self {
            ring,
            sessions: Sessions::new(limits),
            started: Stopwatch::start(),
            is_encrypted,
            wrong: WrongTokens::default(),
        }
    }

    fn now(&self) -> Duration {
        self.started.elapsed()
    }

    /// Whose session the cookie is of, if it goes on.
    pub(super) fn caller(&self, headers: &HeaderMap) -> Option<Caller> {
        self.sessions.caller(&self.ring, cookie(headers)?, self.now())
    }

    /// By what somebody is known who comes without a token; a session counts before a certificate.
    fn known(&self, request: &Request) -> Known {
        if let Some(caller) = self.caller(request.headers()) {
            return Known::BySession(caller);
        }
        let certified = request.extensions().get::<Certified>();
        match certified.and_then(|certified| self.ring.certified(certified)) {
            Some(caller) => Known::ByCertificate(caller),
            None => Known::No,
        }
    }

    /// `/login` and `/logout`; nothing for any other page.
    pub(super) async fn answer(&self, request: Request) -> Result<Response, Request> {
        let is_post = request.method() == Method::POST;
        match (request.uri().path(), is_post) {
            ("/login", false) => {
                Ok(page(StatusCode::OK, &self.asking(&self.known(&request), None)))
            }
            ("/login" | "/logout", true) if !is_from_here(request.headers()) => {
                let why = "This form does not come from a page of this console. Nothing was done.";
                Ok(page(StatusCode::FORBIDDEN, &self.asking(&Known::No, Some(why))))
            }
            ("/login", true) => Ok(self.log_in(request).await),
            ("/logout", true) => {
                if let Some(name) = cookie(request.headers()) {
                    self.sessions.end(name);
                }
                Ok(self.lead_on("/login", "", Duration::ZERO))
            }
            _ => Err(request),
        }
    }

    async fn log_in(&self, request: Request) -> Response {
        let peer = peer(&request);
        if !self.wrong.may_try(peer, self.now()) {
            let why = "Too many wrong tokens were shown from your address. Try again in a minute.";
            return page(StatusCode::TOO_MANY_REQUESTS, &self.asking(&Known::No, Some(why)));
        }
        let filled = Filled::of(request, FORM_BYTES_MAX).await.unwrap_or_default();
        let begun = self.sessions.begin(&self.ring, filled.get("token").trim(), self.now());
        match begun {
            Some((name, _)) => self.lead_on("/", &name, self.sessions.limits().age),
            None => {
                event::caller_refused("unknown");
                self.wrong.count(peer, self.now());
                let why = "Nobody has this token. It may have been changed.";
                page(StatusCode::UNAUTHORIZED, &self.asking(&Known::No, Some(why)))
            }
        }
    }

    /// The page that asks for a token, or says that none is needed.
    pub(super) fn asking(&self, known: &Known, why: Option<&str>) -> Page {
        let mut section = Section::new("");
        if let Some(why) = why {
            section = section.with(Block::Notice(State::Bad, why.to_owned()));
        }
        let home = || Block::Links(vec![NavLink::new("Portfolio", "/")]);
        section = match known {
            Known::BySession(Caller { name, role }) => {
                let out = Form {
                    action: "/logout".to_owned(),
                    submit: "Log out".to_owned(),
                    state: State::Watch,
                    ..Form::default()
                };
                section
                    .with(Block::Paragraph(format!("You are {name}, with the role {role}.")))
                    .with(Block::Form(out))
                    .with(home())
            }
            Known::ByCertificate(Caller { name, role }) => {
                let told = format!(
                    "You are {name}, with the role {role}, by the certificate of this browser: no \
                     token is needed, and there is nothing to log out of."
                );
                let other = "To be somebody else for a while, log in with their token: it counts \
                             before the certificate until you log out.";
                section
                    .with(Block::Paragraph(told))
                    .with(home())
                    .with(Block::Paragraph(other.to_owned()))
                    .with(Block::Form(log_in()))
            }
            Known::No => section.with(Block::Form(log_in())),
        };
        let Limits { idle, age } = self.sessions.limits();
        let (idle, age) = (lasting(idle), lasting(age));
        let page = Page::new("Log in").with_nav("paceline", Vec::new()).with_section(section);
        page.with_footer(format!(
            "A session ends when nobody used it for {idle}, after {age}, when its token is struck \
             out, and when the service is started again."
        ))
    }

    /// On to a page, with a session or without one from now on.
    fn lead_on(&self, href: &'static str, name: &str, lasts: Duration) -> Response {
        let seconds = lasts.as_secs();
        let secure = if self.is_encrypted { "; Secure" } else { "" };
        let cookie = format!(
            "{COOKIE}={name}; Path=/; HttpOnly; SameSite=Strict; Max-Age={seconds}{secure}"
        );
        let cookie = HeaderValue::from_str(&cookie).expect("names are hexadecimal digits");
        let headers = [
            (header::LOCATION, HeaderValue::from_static(href)),
            (header::SET_COOKIE, cookie),
            (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
        ];
        (StatusCode::SEE_OTHER, headers).into_response()
    }
}

/// The form for a token.
fn log_in() -> Form {
    Form {
        action: "/login".to_owned(),
        fields: vec![Field::new("token", "Token", Input::Secret(200))],
        submit: "Log in".to_owned(),
        state: State::Good,
        is_question: false,
    }
}

/// A length of time in words, in its largest whole unit.
fn lasting(span: Duration) -> String {
    let seconds = span.as_secs();
    let units = [(86_400, "day"), (3_600, "hour"), (60, "minute"), (1, "second")];
    let whole =
        units.into_iter().find(|(unit, _)| seconds >= *unit && seconds.is_multiple_of(*unit));
    let (unit, word) = whole.unwrap_or((1, "second"));
    match seconds / unit {
        1 => format!("1 {word}"),
        count => format!("{count} {word}s"),
    }
}

/// From which address somebody asks.
pub(super) fn peer(request: &Request) -> Option<IpAddr> {
    request.extensions().get::<ConnectInfo<SocketAddr>>().map(|peer| peer.0.ip())
}

/// What the cookie holds.
fn cookie(headers: &HeaderMap) -> Option<&str> {
    let pairs = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
    let mut pairs =
        pairs.flat_map(|value| value.split(';')).filter_map(|pair| pair.split_once('='));
    pairs.find(|(name, _)| name.trim() == COOKIE).map(|(_, value)| value.trim())
}

/// Whether a person's browser asks, which can show a form.
pub(super) fn is_person(headers: &HeaderMap) -> bool {
    let accepts = headers.get(header::ACCEPT).and_then(|accepts| accepts.to_str().ok());
    accepts.is_some_and(|accepts| accepts.contains("text/html"))
}

/// The page for somebody who is not let in, under a title.
pub(super) fn turned_away(title: &str, why: &str) -> Page {
    let links = vec![NavLink::new("Back to the portfolio", "/"), NavLink::new("Log in", "/login")];
    let section = Section::new("").with(Block::Notice(State::Bad, format!("{why}.")));
    Page::new(title)
        .with_nav("paceline", Vec::new())
        .with_section(section.with(Block::Links(links)))
}

/// A page as an answer that no other site can frame, sniff or keep.
pub(crate) fn page(status: StatusCode, page: &Page) -> Response {
    let headers = [
        (header::CONTENT_TYPE, "text/html; charset=utf-8"),
        (header::CONTENT_SECURITY_POLICY, CONTENT_SECURITY_POLICY),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::X_FRAME_OPTIONS, "DENY"),
        // Without a referrer a browser would send its own forms with `Origin: null`.
        (header::REFERRER_POLICY, "same-origin"),
        (header::CACHE_CONTROL, "no-store"),
    ];
    let headers = headers.map(|(name, value)| (name, HeaderValue::from_static(value)));
    (status, headers, page.to_html()).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_of_time_read_well() {
        let told = [1, 30, 90, 1_800, 3_600, 36_000, 172_800].map(Duration::from_secs).map(lasting);
        let due = ["1 second", "30 seconds", "90 seconds", "30 minutes", "1 hour", "10 hours"];
        assert_eq!(told[..6], due);
        assert_eq!(told[6], "2 days");
    }
}
