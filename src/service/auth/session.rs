//! Sessions: who showed a token once, in a browser, and need not show it with every page.
//!
//! A session is a random name in a cookie that scripts cannot read and other sites cannot send. It
//! holds the token's digest, so that it ends with the token; it ends by itself when nobody used it
//! for a while, and after a longer while in any case. Kept in memory: a restart ends them all.
//! Asked by the door; knows no page.

use super::{Caller, Keyring, token_digest};
use crate::config::ConsoleConfig;
use ring::digest::SHA256_OUTPUT_LEN;
use ring::rand::{SecureRandom as _, SystemRandom};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// Under which name the cookie is sent.
pub(super) const COOKIE: &str = "paceline_session";
/// Sessions at once; the one used longest ago gives way. People are few.
const SESSIONS_MAX: usize = 1_000;
/// Of one token: whoever begins more ends their own, not those of others.
const OWN_MAX: usize = 20;
/// Bytes of a session's name: not to be guessed.
const NAME_BYTES: usize = 32;

#[derive(Debug, Clone)]
struct Session {
    digest: [u8; SHA256_OUTPUT_LEN],
    begun: Duration,
    used: Duration,
}

/// How long a session lasts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Limits {
    /// Without use.
    pub idle: Duration,
    /// However it is used.
    pub age: Duration,
}

impl Limits {
    /// As configured.
    pub(super) fn of(config: ConsoleConfig) -> Self {
        Self { idle: config.session_idle_max.into(), age: config.session_age_max.into() }
    }
}

/// All sessions. Cheap to clone. Times are since some moment that is the same for all calls.
#[derive(Debug, Clone)]
pub(super) struct Sessions {
    all: Arc<Mutex<BTreeMap<String, Session>>>,
    limits: Limits,
}

impl Sessions {
    pub(super) fn new(limits: Limits) -> Self {
        Self { all: Arc::default(), limits }
    }

    /// How long they last.
    pub(super) const fn limits(&self) -> Limits {
        self.limits
    }

    /// Begins a session for whoever has this token; its name, and who that is.
    pub(super) fn begin(
        &self,
        ring: &Keyring,
        token: &str,
        now: Duration,
    ) -> Option<(String, Caller)> {
        let caller = ring.caller(token)?;
        let mut bytes = [0; NAME_BYTES];
        SystemRandom::new().fill(&mut bytes).ok()?;
        let name: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        let session = Session { digest: token_digest(token), begun: now, used: now };
        let mut sessions = self.all.lock().unwrap_or_else(PoisonError::into_inner);
        sessions.retain(|_, session| session.lasts(self.limits, now));
        let is_own = |other: &Session| other.digest == session.digest;
        make_room(&mut sessions, OWN_MAX, is_own);
        make_room(&mut sessions, SESSIONS_MAX, |_| true);
        sessions.insert(name.clone(), session);
        Some((name, caller))
    }

    /// Whose session this is, if it has not ended; and notes that it was used.
    pub(super) fn caller(&self, ring: &Keyring, name: &str, now: Duration) -> Option<Caller> {
        let mut sessions = self.all.lock().unwrap_or_else(PoisonError::into_inner);
        let session = sessions.get_mut(name)?;
        let caller =
            if session.lasts(self.limits, now) { ring.by_digest(&session.digest) } else { None };
        if caller.is_none() {
            sessions.remove(name);
        } else {
            session.used = session.used.max(now);
        }
        caller
    }

    /// Ends a session.
    pub(super) fn end(&self, name: &str) {
        self.all.lock().unwrap_or_else(PoisonError::into_inner).remove(name);
    }
}

/// Ends those of a kind that were used longest ago, until one more finds room.
fn make_room(
    sessions: &mut BTreeMap<String, Session>,
    most: usize,
    is_of_kind: impl Fn(&Session) -> bool,
) {
    loop {
        let own = sessions.iter().filter(|(_, session)| is_of_kind(session));
        if own.clone().count() < most {
            return;
        }
        let oldest = own.min_by_key(|(_, session)| session.used).map(|(name, _)| name.clone());
        sessions.remove(&oldest.expect("one of them at least"));
    }
}

impl Session {
    fn lasts(&self, limits: Limits, now: Duration) -> bool {
        let since = |then| now.saturating_sub(then);
        since(self.used) <= limits.idle && since(self.begun) <= limits.age
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use paceline_core::units::Span;

    const LIMITS: Limits =
        Limits { idle: Duration::from_secs(30 * 60), age: Duration::from_secs(10 * 60 * 60) };

    fn line(token: &str) -> String {
        let digest = token_digest(token).into_iter().map(|byte| format!("{byte:02x}"));
        format!("operator {token} sha256:{}\n", digest.collect::<String>())
    }

    fn ring(token: &str) -> Keyring {
        Keyring::parse(&line(token)).unwrap()
    }

    fn minutes(count: u64) -> Duration {
        Duration::from_secs(60 * count)
    }

    #[test]
    fn a_session_ends_when_it_is_idle_old_closed_or_without_its_token() {
        let (ring, sessions) = (ring("sesame"), Sessions::new(LIMITS));
        let begin = |now| sessions.begin(&ring, "sesame", now).unwrap().0;
        let is_known = |name: &str, now| sessions.caller(&ring, name, now).is_some();
        assert!(sessions.begin(&ring, "wrong", minutes(0)).is_none());
        let name = begin(minutes(0));
        assert_eq!(name.len(), 64);
        assert!(!is_known("", minutes(0)) && !is_known(&name[1..], minutes(0)));
        assert!(is_known(&name, minutes(30)));
        assert!(is_known(&name, minutes(60)), "used in between");
        assert!(!is_known(&name, minutes(91)), "idle");
        assert!(!is_known(&name, minutes(60)), "and gone for good");
        let name = begin(minutes(0));
        let used = (1..=30).all(|step| is_known(&name, minutes(20 * step)));
        assert!(used && !is_known(&name, minutes(601)), "a working day");
        let name = begin(minutes(0));
        sessions.end(&name);
        assert!(!is_known(&name, minutes(1)), "closed");
        let name = begin(minutes(0));
        ring.adopt(&self::ring("another"));
        assert!(!is_known(&name, minutes(1)), "its token was struck out");
    }

    #[test]
    fn sessions_last_as_long_as_is_configured() {
        let minutes = |count| Span::from_mins(count);
        let config = ConsoleConfig { session_idle_max: minutes(1), session_age_max: minutes(3) };
        let (ring, sessions) = (ring("sesame"), Sessions::new(Limits::of(config)));
        let seconds = Duration::from_secs;
        let begin = || sessions.begin(&ring, "sesame", seconds(0)).unwrap().0;
        let is_known = |name: &str, now| sessions.caller(&ring, name, seconds(now)).is_some();
        let name = begin();
        assert!(is_known(&name, 60) && !is_known(&name, 121), "idle");
        let name = begin();
        let used = (1..=3).all(|step| is_known(&name, 60 * step));
        assert!(used && !is_known(&name, 181), "old");
    }

    #[test]
    fn the_one_used_longest_ago_gives_way_to_another_of_the_same_token() {
        let ring = Keyring::parse(&(line("anna") + &line("bert"))).unwrap();
        let sessions = Sessions::new(LIMITS);
        let begin = |token, now| sessions.begin(&ring, token, now).unwrap().0;
        let bert = begin("bert", minutes(0));
        let names: Vec<String> = (0..=OWN_MAX).map(|_| begin("anna", minutes(1))).collect();
        let known = names.iter().filter(|name| sessions.caller(&ring, name, minutes(1)).is_some());
        assert_eq!(known.count(), OWN_MAX);
        assert!(sessions.caller(&ring, &bert, minutes(1)).is_some(), "nobody else's ends");
    }

    #[test]
    fn sessions_are_bounded_over_all_tokens() {
        let tokens: Vec<String> = (0..=SESSIONS_MAX).map(|number| format!("t{number}")).collect();
        let lines: String = tokens.iter().map(|token| line(token)).collect();
        let ring = Keyring::parse(&lines).unwrap();
        let sessions = Sessions::new(LIMITS);
        for token in &tokens {
            sessions.begin(&ring, token, minutes(1)).unwrap();
        }
        assert_eq!(sessions.all.lock().unwrap().len(), SESSIONS_MAX);
    }
}
