//! Sessions: who showed a token once, in a browser, and need not show it with every page.
//!
//! A session is a random name in a cookie that scripts cannot read and other sites cannot send. It
//! holds the token's digest, so that it ends with the token; it ends by itself when nobody used it
//! for half an hour, and after a working day in any case. Kept in memory: a restart ends them all.
//! Asked by the door; knows no page.

use super::{Caller, Keyring, token_digest};
use ring::digest::SHA256_OUTPUT_LEN;
use ring::rand::{SecureRandom as _, SystemRandom};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// Under which name the cookie is sent.
pub(super) const COOKIE: &str = "paceline_session";
/// A session that was not used for so long has ended.
const IDLE_MAX: Duration = Duration::from_secs(30 * 60);
/// A session ends after so long, however it is used.
pub(super) const AGE_MAX: Duration = Duration::from_secs(10 * 60 * 60);
/// Sessions at once; the one used longest ago gives way. People are few.
const SESSIONS_MAX: usize = 1_000;
/// Bytes of a session's name: not to be guessed.
const NAME_BYTES: usize = 32;

#[derive(Debug, Clone)]
struct Session {
    digest: [u8; SHA256_OUTPUT_LEN],
    begun: Duration,
    used: Duration,
}

/// All sessions. Cheap to clone. Times are since some moment that is the same for all calls.
#[derive(Debug, Clone, Default)]
pub(super) struct Sessions(Arc<Mutex<BTreeMap<String, Session>>>);

impl Sessions {
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
        let mut sessions = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        sessions.retain(|_, session| session.lasts(now));
        while sessions.len() >= SESSIONS_MAX {
            let oldest = sessions.iter().min_by_key(|(_, session)| session.used);
            let Some(oldest) = oldest.map(|(name, _)| name.clone()) else { break };
            sessions.remove(&oldest);
        }
        sessions.insert(name.clone(), session);
        Some((name, caller))
    }

    /// Whose session this is, if it has not ended; and notes that it was used.
    pub(super) fn caller(&self, ring: &Keyring, name: &str, now: Duration) -> Option<Caller> {
        let mut sessions = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let session = sessions.get_mut(name)?;
        let caller = if session.lasts(now) { ring.by_digest(&session.digest) } else { None };
        if caller.is_none() {
            sessions.remove(name);
        } else {
            session.used = session.used.max(now);
        }
        caller
    }

    /// Ends a session.
    pub(super) fn end(&self, name: &str) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(name);
    }
}

impl Session {
    fn lasts(&self, now: Duration) -> bool {
        now.saturating_sub(self.used) <= IDLE_MAX && now.saturating_sub(self.begun) <= AGE_MAX
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ring(token: &str) -> Keyring {
        let digest: String = token_digest(token).iter().map(|byte| format!("{byte:02x}")).collect();
        Keyring::parse(&format!("operator anna sha256:{digest}\n")).unwrap()
    }

    fn minutes(count: u64) -> Duration {
        Duration::from_secs(60 * count)
    }

    #[test]
    fn a_session_ends_when_it_is_idle_old_closed_or_without_its_token() {
        let (ring, sessions) = (ring("sesame"), Sessions::default());
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
    fn the_one_used_longest_ago_gives_way() {
        let (ring, sessions) = (ring("sesame"), Sessions::default());
        let names: Vec<String> = (0..=SESSIONS_MAX)
            .map(|_| sessions.begin(&ring, "sesame", minutes(1)).unwrap().0)
            .collect();
        let known = names.iter().filter(|name| sessions.caller(&ring, name, minutes(1)).is_some());
        assert_eq!(known.count(), SESSIONS_MAX);
    }
}
